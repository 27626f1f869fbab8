"""LinearOrdinalClassifier: ordered classes, a latent value, and thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets

from sklearn_losses._machine._params import (
    BOOLEAN,
    NONE,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
)
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    ClassifierMixin,
    Labels,
    Matrix,
    Seed,
    available_if,
)
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._linear import BaseLinear
from sklearn_losses.estimators._linear_model import _defines_probabilities, _loss_of
from sklearn_losses.estimators._validation import (
    check_large_rows,
    check_offset,
    check_one_kind,
    check_weights,
    draw_seed,
    price_of,
    warn_caller,
)
from sklearn_losses.losses import Loss
from sklearn_losses.losses._arguments import moderate_weight
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._objective import Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.solvers.descent._outputs import OutputsSolver

TARGETS = "auto", "mode", "median", "mean"


def order_of(owner, y, categories):
    """The classes in their order.

    Parameters
    ----------
    owner : str
    y : array-like of shape (n_samples,)
        Labels, of pandas perhaps.
    categories : "auto" or list

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    if not isinstance(categories, str):
        found = np.array(list(categories))
        if len(np.unique(found)) < len(found):
            raise InvalidParameterError(
                f"The 'categories' parameter of {owner} names a class twice: "
                f"{found.tolist()}."
            )
        return found
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "ordered", False):
        return np.asarray(dtype.categories)
    found = np.unique(np.asarray(y))
    if found.dtype.kind in "OUS" and len(found) > 2:
        warn_caller(
            f"{owner} takes the classes in alphabetical order, {found.tolist()}. Say "
            "which order is meant: categories=[...], from the lowest to the highest."
        )
    return found


def codes_of(owner, y, classes):
    """The index of each label, and an error that names one that is none."""
    labels, inverse = np.unique(y, return_inverse=True)
    places = {label: k for k, label in enumerate(classes.tolist())}
    unknown = [label for label in labels.tolist() if label not in places]
    if unknown:
        raise ValueError(
            f"{owner} found the label {unknown[0]!r} in y, which is not among "
            f"categories={classes.tolist()}. Add it, or leave such rows out."
        )
    table = np.array([places[label] for label in labels.tolist()], dtype=np.float64)
    return table[inverse]


class LinearOrdinalClassifier(ClassifierMixin, BaseLinear):
    """Linear models of ordered classes, to their optimum.

    It minimizes

        sum_i sample_weight_i loss(y_i; x_i . w, t_1, ..., t_K-1) / S + alpha penalty(w)

    where the class of a row says between which thresholds t its latent value x . w
    lies.

    Parameters
    ----------
    loss : Loss or str, default='cumulative_logit'
        An ordinal loss: ``CumulativeLogit()`` (proportional odds) and its kin, which
        have probabilities, ``AllThreshold(Hinge())`` or ``ImmediateThreshold()``.

    categories : 'auto' or list, default='auto'
        The classes from the lowest to the highest. 'auto': the order of an ordered
        categorical of pandas, else the sorted labels, with a warning if they are
        strings.

    target : {'auto', 'mode', 'median', 'mean'}, default='auto'
        What `predict` predicts: the likeliest class, for the accuracy; the median, for
        the mean absolute error; or the rounded mean of the indices, for their squared
        error. 'auto' is the mode of a loss with probabilities, else the median: the
        class between whose thresholds the latent value lies.

    penalty, alpha, l1_ratio
        As of `LinearRegressor`; thresholds are not penalised.

    tol : float, default=1e-6
        The fit ends where less than this share of what is to be gained over constant
        thresholds is left, about. `gap_` says how near it is.

    max_iter : int, default=1000
        The most passes over the rows.

    random_state : int, RandomState instance or None, default=0
        Chooses the rows with which a fit of many rows begins.

    verbose : int or bool, default=False
        Whether to print a line an iteration.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        w. A larger latent value means higher classes.

    thresholds_ : ndarray of shape (n_classes - 1,)
        t, not decreasing. Two are equal around a class that no row has, and infinite
        beyond the last class that some row has.

    classes_ : ndarray of shape (n_classes,)
        The labels, in their order.

    objective_ : float
        The objective at `coef_` and `thresholds_`.

    gap_ : float
        No w and thresholds up to ten times as large as these have an objective less
        than ``objective_ - gap_``, up to rounding. It is nan of a loss that is not
        convex, and inf of one with kinks.

    n_iter_ : int
        The passes over the rows that were made.

    loss_ : Loss
        The loss object used.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has names that are all strings.

    Notes
    -----
    There is no `decision_function`, which scikit-learn would take for that of a binary
    classifier: use `predict_latent`. With two classes and ``CumulativeLogit()`` it is
    logistic regression.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearOrdinalClassifier
    >>> X = np.arange(12.0).reshape(-1, 1)
    >>> y = np.repeat(["low", "medium", "high"], 4)
    >>> y[[3, 4]] = y[[4, 3]]
    >>> model = LinearOrdinalClassifier(categories=["low", "medium", "high"])
    >>> model = model.fit(X, y)
    >>> model.predict([[0.0], [5.0], [11.0]]), bool(model.gap_ < 1e-9)
    (array(['low', 'medium', 'high'], dtype='<U6'), True)
    """

    _tasks = ("ordinal",)
    _takes_outputs = True
    _objects = {"loss": "AllThreshold(Hinge())", "penalty": "MCP()"}
    _labels_in = ("classes_", "thresholds_")
    _constraints = {
        "categories": [Options("auto"), Instance((list, tuple, np.ndarray), "a list")],
        "target": [Options(*TARGETS)],
        "alpha": [Interval(0, None, "left")],
        "l1_ratio": [Interval(0, 1, "both"), NONE],
        "tol": [Interval(0, None, "neither")],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "verbose": [Interval(0, None, "left", integer=True), BOOLEAN],
    }
    positive, bounds = False, None

    def __init__(
        self,
        loss: Loss | str = "cumulative_logit",
        *,
        categories: ArrayLike = "auto",
        target: str = "auto",
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Seed = 0,
        verbose: int = False,
    ) -> None:
        self.loss = loss
        self.categories = categories
        self.target = target
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    # ------------------------------------------------------------------ the problem
    def _usable_loss(self):
        loss = self._resolve_loss()
        if self.target in ("mode", "mean") and not loss.probabilistic:
            raise InvalidParameterError(
                f"{type(self).__name__}(target={self.target!r}) cannot use {loss!r}, "
                "because it has no probabilities. Use target='median', or a loss such "
                "as CumulativeLogit()."
            )
        return loss

    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        owner, given = type(self).__name__, y
        X, y, check = check_large_rows(self, X, y)
        check_one_kind(y)
        check_classification_targets(y)
        self.classes_ = order_of(owner, given, self.categories)
        codes = codes_of(owner, y, self.classes_)
        weight = check_weights(sample_weight, X.shape[0])
        if weight is not None and not weight.any():
            raise ValueError("All sample weights are zero: nothing is left to fit.")
        weight = None if weight is None else moderate_weight(weight)
        counts = np.bincount(codes.astype(int), weight, len(self.classes_))
        self._seen = np.flatnonzero(counts > 0)
        if len(self._seen) < 2:
            raise ValueError(
                f"{owner} needs at least two classes with rows of positive weight, and "
                f"y has one class: {self.classes_[self._seen].tolist()}."
            )
        if len(self._seen) < len(self.classes_):
            missing = np.setdiff1d(np.arange(len(counts)), self._seen)
            names = ", ".join(repr(self.classes_.tolist()[k]) for k in missing)
            warn_caller(
                f"No row of y has the class {names} of {owner}: it gets no probability."
            )
        # Rows of weight 0 may be of a class without a threshold; any will do.
        codes = np.searchsorted(self._seen, codes).astype(np.float64)
        codes = np.minimum(codes, len(self._seen) - 1.0)
        n_outputs = len(self._seen)
        objective = OutputsObjective(
            *(loss, Rows(X, check), Targets(codes), weight),
            float(X.shape[0]) if weight is None else weight.sum(),
            *(price_of(self, X.shape[1], True), n_outputs),
            offset=_of_location(check_offset(offset, X.shape[0], 1), n_outputs),
            predictors=_predictors(X.shape[1], n_outputs),
        )
        return [objective], X.dtype

    def _starts(self, objectives):
        objective = objectives[0]
        coef = np.zeros((objective.n_outputs, objective.rows.n_features))
        return [(coef, np.zeros(objective.n_outputs))]

    def _solver(self, objective):
        return OrdinalSolver(
            max_iter=self.max_iter,
            tol=self.tol,
            seed=draw_seed(self.random_state),
            verbose=self.verbose,
            owner=type(self).__name__,
        )

    # ------------------------------------------------------------------ what is found
    def _fitted(self, loss, dtype, coef, intercept):
        coef, _ = self._published(coef[:1], np.zeros(1), dtype)
        ends = np.full(len(self.classes_) + 1, -np.inf)
        ends[-1] = np.inf
        # A class that no row has is between equal thresholds.
        own = np.concatenate([[-np.inf], intercept[1:] - intercept[0], [np.inf]])
        ends[1:-1] = own[np.searchsorted(self._seen, np.arange(1, len(ends) - 1))]
        return {
            "loss_": loss,
            "coef_": coef,
            "intercept_": np.zeros(1, coef.dtype),
            "thresholds_": ends[1:-1],
        }

    # ------------------------------------------------------------------- predictions
    def predict_latent(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """The latent values, X @ coef_ + offset, which thresholds_ divide.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.raw_prediction(X, offset)

    def _targets_and_outputs(self, X, y, loss, offset):
        """Codes of labels, and raw outputs as the loss has them."""
        latent = self.raw_prediction(X, offset)
        values = {"location": latent, "thresholds": self.thresholds_}
        codes = codes_of(type(self).__name__, np.asarray(y), np.asarray(self.classes_))
        return codes, loss.raw_of(values, len(latent))

    def _index(self, latent):
        target = self.target
        if target == "auto":
            target = "mode" if _loss_of(self).probabilistic else "median"
        if target == "median" and not _loss_of(self).probabilistic:
            return np.searchsorted(self.thresholds_, latent, side="left")
        probability = self._probabilities(latent)
        if target == "mode":
            return probability.argmax(axis=1)
        if target == "median":
            return (np.cumsum(probability, axis=1)[:, :-1] < 0.5).sum(axis=1)
        mean = probability @ np.arange(probability.shape[1])
        return np.rint(mean).astype(np.intp)

    def _probabilities(self, latent):
        ends = np.tile(self.thresholds_, (len(latent), 1))
        return _loss_of(self).inverse_link(np.column_stack([latent, ends]))

    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Labels:
        """The class of each row that `target` says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        index = self._index(self.raw_prediction(X, offset))
        return np.asarray(self.classes_)[index]

    @available_if(_defines_probabilities)
    def predict_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """Probabilities of the classes; there is no such method if the loss has none.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        raw = self.raw_prediction(X, offset)
        return self._probabilities(raw).astype(raw.dtype, copy=False)

    def score(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """The accuracy of `predict`, as of every scikit-learn classifier.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        float
        """
        return accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # on classes that have no order
        return tags


def _of_location(offset, n_outputs):
    """The offset of the first output, beside zeros of the others."""
    if offset is None:
        return None
    return np.column_stack([offset, np.zeros((len(offset), n_outputs - 1))])


def _predictors(n_features, n_outputs):
    """One output with all columns, and a number for each threshold."""
    uses = np.zeros((n_outputs, n_features), dtype=bool)
    uses[0] = True
    intercepts = np.ones(n_outputs, dtype=bool)
    intercepts[0] = False
    return Predictors.of(uses, intercepts)


class OrdinalSolver(OutputsSolver):
    """The same, with thresholds that do not decrease: those that would are one."""

    def steps(self, objective, start):
        columns = np.arange(1, objective.n_outputs)
        while True:
            result, fit = yield from super().steps(objective, start)
            ends = result.intercept[columns]
            if (np.diff(ends) >= 0).all():
                break
            columns = _merged(columns, result.intercept)
            n_outputs = columns[-1] + 1
            objective = replace(
                objective,
                loss=objective.loss.merged(columns),
                n_outputs=n_outputs,
                predictors=_predictors(objective.rows.n_features, n_outputs),
            )
            start = start[0][:n_outputs], start[1][:n_outputs]
        n_outputs = len(columns) + 1
        coef = np.zeros((n_outputs, result.coef.shape[1]))
        coef[0] = result.coef[0]
        intercept = np.append(result.intercept[0], ends)
        return replace(result, coef=coef, intercept=intercept), fit

    def _warnings(self, descent):
        said, problem = super()._warnings(descent), descent.problem
        binary = getattr(problem.term.loss, "loss", None)
        ends = binary is not None and np.isfinite(binary.optimal_constant([1.0]))
        if said or ends or not problem.price.is_nothing:
            return said
        if descent.state.best > self.tol * descent.start.at_constant:
            return []
        return [
            f"{self.owner} fits every row perfectly, as where thresholds separate all "
            "classes. Without a penalty its objective then has no minimum, and "
            "coefficients grow without end; these leave less than tol to gain. Use "
            "alpha > 0."
        ]


def _merged(columns, intercept):
    """One output for the first thresholds that decrease."""
    ends = intercept[columns]
    j = int(np.flatnonzero(np.diff(ends) < 0)[0])
    same = columns >= columns[j + 1]
    return columns - same.astype(columns.dtype) * (columns[j + 1] - columns[j])
