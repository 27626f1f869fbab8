"""SGDOrdinalClassifier: ordered classes by steps, and as a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from sklearn_losses._machine._params import (
    NONE,
    Instance,
    InvalidParameterError,
    Options,
)
from sklearn_losses._machine._typing import ArrayLike, Matrix, Seed
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.estimators._labels import class_factors
from sklearn_losses.estimators._sgd_base import BaseSGD
from sklearn_losses.estimators._sgd_docs import (
    ATTRIBUTES,
    CURVES,
    NOTES,
    PARAMETERS,
    REFERENCES,
    without,
)
from sklearn_losses.estimators._validation import unchanged_on_error
from sklearn_losses.estimators.blocks._blocks import learns_from_blocks
from sklearn_losses.estimators.outputs._ordinal_model import (
    TARGETS,
    OrdinalMixin,
    check_grades,
    codes_of,
    order_of,
)
from sklearn_losses.estimators.outputs._sgd_outputs import JointSGD
from sklearn_losses.losses import Loss
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._objective import Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.solvers.descent._ordinal import OrdinalSolver
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.solvers.sgd._optimizers import Optimizer

CLASS_WEIGHTS = """
    class_weight : dict of label to float, or 'balanced', default=None
        Factors of the sample weights of each class, as of `LinearOrdinalClassifier`;
        `partial_fit` knows a dict alone.
"""


class SGDOrdinalClassifier(JointSGD, OrdinalMixin, BaseSGD):
    __doc__ = f"""Linear models of ordered classes, by steps or as a stream.

    It minimizes

        sum_i sample_weight_i loss(y_i; x_i . w, t_1, ..., t_K-1) / n + alpha penalty(w)

    where the class of a row says between which thresholds t its latent value x . w
    lies: with all rows at once, by stochastic gradient descent, or from rows that come
    once. It predicts what `LinearOrdinalClassifier` does.

    Parameters
    ----------
    loss : Loss or str, default='cumulative_logit'
        An ordinal loss: ``CumulativeLogit()`` (proportional odds) and its kin, which
        have probabilities, ``AllThreshold(Hinge())`` or ``ImmediateThreshold()``.

    categories : 'auto' or list, default='auto'
        The classes from the lowest to the highest. 'auto': the order of an ordered
        categorical of pandas, else the sorted labels, with a warning if they are
        strings.

    target : {{'auto', 'mode', 'median', 'mean'}}, default='auto'
        What `predict` predicts, as of `LinearOrdinalClassifier`.

    {
        without(PARAMETERS, "fit_intercept", "epsilon").format(
            work="the rows of a large batch",
            power_t=0.25,
            stratified=", stratified",
            class_weight=CLASS_WEIGHTS,
        )
    }

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        w, float32 if X was. A larger latent value means higher classes.

    thresholds_ : ndarray of shape (n_classes - 1,)
        t, not decreasing.

    classes_ : ndarray of shape (n_classes,)
        The labels, in their order.

    {ATTRIBUTES.format(most="")}

    {CURVES}

    See Also
    --------
    LinearOrdinalClassifier : To the optimum, with a gap.
    SGDClassifier : Classes without an order.

    Notes
    -----
    Steps keep thresholds in order, a thousandth apart at least. A stream begins with a
    tenth of a row of each class, so that classes that have not come yet have their
    place.

    {NOTES.format(most_features=SETTINGS.most_features)}

    References
    ----------
    {REFERENCES}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import SGDOrdinalClassifier
    >>> X = np.arange(12.0).reshape(-1, 1)
    >>> y = np.repeat(["low", "medium", "high"], 4)
    >>> y[[3, 4]] = y[[4, 3]]
    >>> model = SGDOrdinalClassifier(categories=["low", "medium", "high"])
    >>> model.fit(X, y).predict([[0.0], [5.0], [11.0]])
    array(['low', 'medium', 'high'], dtype='<U6')
    """

    _splitter = StratifiedShuffleSplit
    _outputs_solver = OrdinalSolver
    _hides_outputs = "coef_", "thresholds_"
    _objects = BaseSGD._objects | {"loss": "AllThreshold(Hinge())"}
    _constraints = {
        name: allowed
        for name, allowed in BaseSGD._constraints.items()
        if name not in ("fit_intercept", "epsilon")
    } | {
        "categories": [Options("auto"), Instance((list, tuple, np.ndarray), "a list")],
        "target": [Options(*TARGETS)],
        "class_weight": [
            Options("balanced"),
            Instance(Mapping, "a dict of label to weight"),
            NONE,
        ],
    }
    fit_intercept = True  # thresholds are

    def __init__(
        self,
        loss: Loss | str = "cumulative_logit",
        *,
        categories: ArrayLike = "auto",
        target: str = "auto",
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        n_jobs: int | None = None,
        random_state: Seed = None,
        learning_rate: str = "auto",
        eta0: float = 0.01,
        power_t: float = 0.25,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: int = False,
        batch_size: int = 1,
        scoring: Callable[..., Any] | str | None = None,
        trace: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        optimizer: Optimizer | str = "sgd",
        clip_gradient: float | None = None,
        clip_by: str = "norm",
    ) -> None:
        self.loss = loss
        self.categories = categories
        self.target = target
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.average = average
        self.batch_size = batch_size
        self.scoring = scoring
        self.trace = trace
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.clip_gradient = clip_gradient
        self.clip_by = clip_by

    @learns_from_blocks
    def partial_fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Make one epoch over these rows, starting from the current coefficients.

        With learning_rate='auto' take them in: the model is then, about, that of all
        rows so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows of this epoch.

        y : array-like of shape (n_samples,)
            Labels, all of them among `classes`.

        classes : array-like of shape (n_classes,), default=None
            All labels that may occur in any call, from the lowest to the highest.
            Required in the first call, unless `categories` names them.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. If all are 0, the model stays as it is.

        offset : array-like of shape (n_samples,), or float, default=None
            What is added to latent values, and has no coefficient; None means 0.

        Returns
        -------
        self : object
        """
        with unchanged_on_error(self):
            return self._fit(
                X, y, sample_weight, partial=True, classes=classes, offset=offset
            )

    # ------------------------------------------------------------------ the problem
    def _check_parameters(self, partial):
        super()._check_parameters(partial)
        if partial and isinstance(self.class_weight, str):
            raise InvalidParameterError(
                f"The 'class_weight' parameter of {type(self).__name__} must be a dict "
                "or None for partial_fit, which cannot know how frequent the classes "
                "will be. Got 'balanced' instead."
            )

    def _fit(self, X, y, sample_weight, *, coef_init=None, intercept_init=None, **more):
        if intercept_init is not None:
            raise InvalidParameterError(
                f"{type(self).__name__} has no intercept beside its thresholds: leave "
                "intercept_init out."
            )
        self._order = None
        if getattr(getattr(y, "dtype", None), "ordered", False):
            self._order = np.asarray(y.dtype.categories)
        return super()._fit(X, y, sample_weight, coef_init=coef_init, **more)

    def _encoder(self, y, weight, loss, classes, partial, resumes):
        owner = type(self).__name__
        is_told = self._order is not None or not isinstance(self.categories, str)
        check_grades(owner, y, is_told or classes is not None or resumes)
        if partial:
            self.classes_ = self._known_classes(classes, resumes)
            self._seen = np.arange(len(self.classes_))
            own = codes_of(owner, y, self.classes_)
        else:
            own, _ = self._coded(y, self._ordered(y), weight)
        given = self.class_weight, self.classes_, y, weight, owner, True
        factors = class_factors(*given)

        def weighed(codes, weight):
            if factors is None:
                return weight
            of_row = factors[codes.astype(np.intp)]
            return of_row if weight is None else weight * of_row

        def encode(labels, weight, name):
            if labels is y:
                return Targets(own), weighed(self._seen[own.astype(np.intp)], weight)
            codes = codes_of(owner, labels, self.classes_)
            unseen = ~np.isin(codes, self._seen)
            if unseen.any():
                raise ValueError(
                    f"{name} has the label {labels[unseen].tolist()[0]!r}, which no "
                    "row of y has: such rows cannot be validated on. Leave them out."
                )
            places = np.searchsorted(self._seen, codes).astype(np.float64)
            return Targets(places), weighed(codes, weight)

        return encode, len(self._seen)

    def _ordered(self, y):
        """y, with the order that it had where it came from."""
        if self._order is None or not isinstance(self.categories, str):
            return y
        import pandas as pd

        return pd.Series(pd.Categorical(y, self._order, ordered=True))

    def _known_classes(self, classes, resumes):
        """The classes of a stream, in their order."""
        owner = type(self).__name__
        given = self._order if classes is None else np.asarray(classes)
        if not isinstance(self.categories, str):
            given = order_of(owner, None, self.categories)
        if not resumes and given is None:
            raise ValueError(
                "The first call of partial_fit needs `classes`, all labels that will "
                "ever come, from the lowest to the highest; or categories=[...]."
            )
        if not resumes:
            found = order_of(owner, None, given)
            if len(found) < 2:
                raise ValueError(
                    f"{owner} needs at least two classes. Got {found.tolist()}."
                )
            return found
        if classes is not None and not np.array_equal(given, self.classes_):
            raise ValueError(
                f"classes={np.asarray(classes).tolist()} is not the same as in the "
                f"first call of partial_fit, {self.classes_.tolist()}. Leave it out."
            )
        return self.classes_

    def _of_outputs(self, loss, own):
        predictors = Predictors.beside(own["rows"].n_features, own["n_outputs"])
        return OutputsObjective(**own, predictors=predictors)

    def _outputs_start(self, objective):
        coef = np.zeros((objective.n_outputs, objective.rows.n_features))
        return coef, np.zeros(objective.n_outputs)

    def _resume_from_published(self, shape, loss):
        start = super()._resume_from_published(shape, loss)
        start["intercept"][1:] = self.thresholds_
        return start
