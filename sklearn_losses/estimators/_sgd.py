"""SGDRegressor and SGDClassifier: scikit-learn's, for any loss.

Here a task's targets become those of an objective; what the two share is in _sgd_base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.parallel import Parallel, delayed

from sklearn_losses._machine._params import (
    NONE,
    Instance,
    InvalidParameterError,
    Options,
)
from sklearn_losses._machine._typing import ArrayLike, Matrix, Seed
from sklearn_losses.estimators._labels import (
    check_classes,
    check_two_have_weight,
    class_factors,
    classes_and_codes,
    classes_of,
    encode_labels,
)
from sklearn_losses.estimators._linear_model import (
    LinearClassifierMixin,
    LinearRegressorMixin,
)
from sklearn_losses.estimators._multilabel import indicator_of
from sklearn_losses.estimators._parameters import EPSILON_IS
from sklearn_losses.estimators._sgd_base import BaseSGD
from sklearn_losses.estimators._sgd_docs import (
    ATTRIBUTES,
    CLASS_WEIGHT,
    CURVES,
    NOTES,
    PARAMETERS,
    REFERENCES,
)
from sklearn_losses.estimators._validation import check_numbers, unchanged_on_error
from sklearn_losses.estimators.blocks._blocks import learns_from_blocks
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.estimators.outputs._sgd_outputs import SGDOutputs
from sklearn_losses.losses import Loss
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._objective import Targets
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.solvers.sgd._optimizers import Optimizer
from sklearn_losses.solvers.sgd._sgd import SGD
from sklearn_losses.solvers.stream._stream import Stream


class SGDRegressor(SGDOutputs, LinearRegressorMixin, BaseSGD):
    __doc__ = f"""Linear regression with any loss.

    It minimizes

        sum_i sample_weight_i loss(y_i, x_i . w + b) / n
        + alpha ((1 - l1_ratio) / 2 |w|_2^2 + l1_ratio |w|_1)

    with all rows at once or, if `learning_rate` names a schedule, by stochastic
    gradient descent: one row, or `batch_size` rows, at a time. It takes every
    parameter of scikit-learn's :class:`~sklearn.linear_model.SGDRegressor`; `loss` may
    also be an object.

    Parameters
    ----------
    loss : Loss or str, default='squared_error'
        A loss for regression: an object, such as ``Huber(delta=1.5)``, or a name,
        such as 'huber'; see :func:`sklearn_losses.losses.loss_names`. The scale of a
        robust loss is a number in units of y, or "mad": see `scale_`.

    {
        PARAMETERS.format(
            work="the rows of a large batch",
            power_t=0.25,
            stratified="",
            class_weight="",
        )
    }

    features : dict, default=None
        Of a loss with parameters that are "mle": which features they depend on,
        ``{{"scale": "all"}}``, 'none' or a list of columns. By default each is one
        number, which `loss_` has. The penalty is that of the location.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,), or (n_levels, n_features) of `Quantiles`
        The coefficients, float32 if X was.

    intercept_ : ndarray of shape (1,), or (n_levels,)
        The intercept.

    predictors_ : dict of str to (coef, intercept)
        Of the parameters in `features`, before their links.

    scale_ : float
        Only if a scale of the loss is "mad": 1.4826 times the weighted median absolute
        deviation, from their median, of the residuals of the least absolute deviations
        (with the penalty, on the rows of the fit; `partial_fit`: of its first rows, 15
        for each coefficient, at most 1000, and again as they come; while there are not
        3 for each, of y itself). If that is 0 it is a tenth of the same of y; if that
        is 0 as well, as where most targets are equal, 1.2533 times the mean absolute
        deviation, and 1.0 if that is 0. Outliers make it too large, by 1.8 if they are
        30% and all on one side. Predictions scale with y: the loss is that of y in
        units of the scale, times its square, and alpha times the scale is the strength
        of an l1 norm.

    {ATTRIBUTES.format(most="")}

    {CURVES}

    Notes
    -----
    {NOTES.format(most_features=SETTINGS.most_features)}

    References
    ----------
    {REFERENCES}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import Huber, SGDRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = X @ [1.0, -2.0] + 0.1 * rng.normal(size=200)
    >>> y[:10] += 100.0  # outliers
    >>> SGDRegressor(loss=Huber(delta=0.5), random_state=0).fit(X, y).coef_.round(1)
    array([ 1., -2.])
    """

    _tasks = ("regression",)
    _splitter = ShuffleSplit

    def __init__(
        self,
        loss: Loss | str = "squared_error",
        *,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float | None = None,
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
        optimizer: Optimizer | str = "sgd",
        clip_gradient: float | None = None,
        clip_by: str = "norm",
        n_jobs: int | None = None,
        scoring: Callable[..., Any] | str | None = None,
        trace: bool = False,
        features: Mapping[str, Any] | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
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
        self.optimizer = optimizer
        self.clip_gradient = clip_gradient
        self.clip_by = clip_by
        self.n_jobs = n_jobs
        self.features = features

    @learns_from_blocks
    def partial_fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Make one epoch over these rows, starting from the current coefficients.

        With learning_rate='auto' take them in: the model is then, about, that of all
        rows so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows of this epoch. Of a dask collection, with the others as such, and
            of `RowBlocks`, which have their own, one block after the other.

        y : array-like of shape (n_samples,)
            Targets in the domain of the loss.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. If all are 0, the model stays as it is.

        offset : array-like of shape (n_samples,) or (n_samples, n_classes), or \
                float, default=None
            What is known of raw predictions: it is added to them, and has no
            coefficient. With a log link, ``np.log(exposure)``. Of more than two
            classes, a column for each. None means 0.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As in `fit`. The model is then as it was before, also if weights overflow.
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, partial=True, offset=offset)

    def _encoder(self, y, weight, loss, classes, partial, resumes):
        def encode(y, weight, name):
            return Targets(check_numbers(y, loss, name)), weight

        return encode, len(loss.outputs) if has_outputs(loss) else 1


class SGDClassifier(LinearClassifierMixin, BaseSGD):
    __doc__ = f"""Linear classification with any loss.

    It minimizes

        sum_i sample_weight_i loss(y_i, x_i . w + b) / n
        + alpha ((1 - l1_ratio) / 2 |w|_2^2 + l1_ratio |w|_1)

    with all rows at once or, if `learning_rate` names a schedule, by stochastic
    gradient descent: one row, or `batch_size` rows, at a time. A binary loss on several
    classes is fitted one versus rest, each class with an objective of its own; a
    multiclass loss such as ``CrossEntropy()`` has one joint objective. It takes every
    parameter of scikit-learn's :class:`~sklearn.linear_model.SGDClassifier`; `loss` may
    also be an object.

    Parameters
    ----------
    loss : Loss or str, default='hinge'
        A loss for classification: an object, such as ``LogLoss()``, or a name, such as
        'log_loss'; see :func:`sklearn_losses.losses.loss_names`. As in scikit-learn
        'squared_error', 'huber', 'epsilon_insensitive' and
        'squared_epsilon_insensitive', or objects of these names such as ``Huber()``,
        fit a regression to the labels -1 and 1.

    {
        PARAMETERS.format(
            work="the classes of one versus rest or the rows of a batch",
            power_t=0.5,
            stratified=", stratified",
            class_weight=CLASS_WEIGHT,
        )
    }

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        The coefficients, float32 if X was. With two classes there is one row,
        whose positive predictions mean `classes_[1]`.

    intercept_ : ndarray of shape (1,) or (n_classes,)
        The intercepts.

    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    {ATTRIBUTES.format(most="; in one versus rest, the maximum over the classes")}

    {CURVES}

    Notes
    -----
    {NOTES.format(most_features=SETTINGS.most_features)}

    References
    ----------
    {REFERENCES}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_losses import CrossEntropy, SGDClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(), SGDClassifier(loss=CrossEntropy(), random_state=0)
    ... )
    >>> model.fit(X, y).predict_proba(X[:1]).round(2)
    array([[1., 0., 0.]])
    """

    _tasks = ("binary", "multiclass")
    _other_losses = ("squared_error", *EPSILON_IS)
    _splitter = StratifiedShuffleSplit
    _constraints = BaseSGD._constraints | {
        "class_weight": [
            Options("balanced"),
            Instance(Mapping, "a dict of label to weight"),
            NONE,
        ],
    }

    def __init__(
        self,
        loss: Loss | str = "hinge",
        *,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float | None = None,
        n_jobs: int | None = None,
        random_state: Seed = None,
        learning_rate: str = "auto",
        eta0: float = 0.01,
        power_t: float = 0.5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
        average: int = False,
        batch_size: int = 1,
        scoring: Callable[..., Any] | str | None = None,
        trace: bool = False,
        optimizer: Optimizer | str = "sgd",
        clip_gradient: float | None = None,
        clip_by: str = "norm",
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.average = average
        self.batch_size = batch_size
        self.scoring = scoring
        self.trace = trace
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
            The rows of this epoch. Of a dask collection, with the others as such, and
            of `RowBlocks`, which have their own, one block after the other.

        y : array-like of shape (n_samples,)
            Labels, all of them among `classes`.

        classes : array-like of shape (n_classes,), default=None
            All labels that may occur in any call. Required in the first call; later
            calls may omit it, or must pass the same labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. If all are 0, the model stays as it is.

        offset : array-like of shape (n_samples,) or (n_samples, n_classes), or \
                float, default=None
            What is known of raw predictions: it is added to them, and has no
            coefficient. With a log link, ``np.log(exposure)``. Of more than two
            classes, a column for each. None means 0.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As in `fit`, and if a label is not among the classes. The model is then as
            it was before, also if weights overflow.
        """
        with unchanged_on_error(self):
            return self._fit(
                X, y, sample_weight, partial=True, classes=classes, offset=offset
            )

    def _check_parameters(self, partial):
        super()._check_parameters(partial)
        if partial and isinstance(self.class_weight, str):
            raise InvalidParameterError(
                "The 'class_weight' parameter of SGDClassifier must be a dict or None "
                "for partial_fit, which cannot know how frequent the classes will be. "
                "Got 'balanced' instead: compute the weights with "
                "sklearn.utils.class_weight.compute_class_weight on a sample of y."
            )

    def _checked_rows(self, X, y, loss, reset=True):
        indicator = indicator_of(y)
        if indicator is not None:
            raise ValueError(
                f"SGDClassifier takes one label a row, and y has "
                f"{indicator.shape[1]} columns of 0 and 1. Use "
                f"SGDMultiTask({loss.name!r}), or LinearClassifier."
            )
        return super()._checked_rows(X, y, loss, reset)

    def _encoder(self, y, weight, loss, classes, partial, resumes):
        """How labels become targets, and the number of outputs."""
        if partial:
            own, found, own_codes = None, classes_of(y), None
        else:
            own, (found, own_codes) = y, classes_and_codes(y)
        self.classes_ = self._known_classes(classes, resumes) if partial else found
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                "SGDClassifier needs at least two classes, and y has one class: "
                f"{self.classes_.tolist()}."
            )
        factors = class_factors(self.class_weight, self.classes_, y, weight)
        rest = -1.0 if loss.task == "regression" else 0.0
        is_binary = loss.granularity == "point" and n_classes == 2

        def encode(y, weight, name):
            codes = own_codes if y is own else encode_labels(y, self.classes_, name)
            is_each = loss.granularity == "point" and not is_binary
            if factors is not None and not is_each:
                of_row = factors[codes.astype(np.intp)]
                weight = of_row if weight is None else weight * of_row
            if name == "y" and not partial:
                check_two_have_weight("SGDClassifier", self.classes_, codes, weight)
            if is_each:
                return Targets(codes, 0, rest, factors), weight
            return Targets(rest + (1.0 - rest) * codes if is_binary else codes), weight

        return encode, 1 if is_binary else n_classes

    def _known_classes(self, classes, resumes):
        if not resumes:
            if classes is None:
                raise ValueError(
                    "The first call of partial_fit needs `classes`, all labels that "
                    "will ever come: partial_fit(X, y, classes=np.unique(y_all))."
                )
            return check_classes(classes)
        known = check_classes(self.classes_)
        if not np.array_equal(known, self.classes_):
            raise self._refusal(
                "classes_", f"{np.asarray(self.classes_).tolist()}", "sorted"
            )
        if classes is not None:
            classes = check_classes(classes)
            if not np.array_equal(classes, known):
                raise ValueError(
                    f"classes={classes.tolist()} is not the same as in the first call "
                    f"of partial_fit, {known.tolist()}. Leave it out."
                )
        return known

    def _solve_in_groups(self, solver, objective, start, train, watch):
        """One versus rest, each thread takes some of the classes."""
        n_outputs = objective.n_outputs
        n_groups = min(effective_n_jobs(self.n_jobs), n_outputs)
        together = objective.is_joint or watch.needs_all_outputs
        if n_groups == 1 or together or isinstance(solver, Stream):
            return super()._solve_in_groups(solver, objective, start, train, watch)

        if isinstance(solver, SGD):
            solver.settings = replace(solver.settings, n_threads=1)

        def solve(outputs):
            group = {name: array[outputs] for name, array in start.items()}
            labels = ", ".join(map(str, self.classes_[outputs]))
            some = watch.of_outputs(outputs, name=f"[{labels}] ")
            return solver.solve(objective.of_outputs(outputs), group, train, some)

        edges = np.linspace(0, n_outputs, n_groups + 1).astype(int)
        try:
            return Parallel(n_jobs=n_groups, require="sharedmem")(
                delayed(solve)(slice(a, b)) for a, b in pairwise(edges)
            )
        except BaseException:
            solver.stop.set()  # the other threads end with their epoch
            raise
