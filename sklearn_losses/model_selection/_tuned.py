"""TunedRegressor and TunedClassifier: parameters of a loss, learned by gradient.

>>> from sklearn.datasets import load_diabetes
>>> from sklearn_losses import AbsoluteError, PseudoHuber, TunedRegressor
>>> X, y = load_diabetes(return_X_y=True)
>>> tune = {"loss__delta": (1.0, 200.0, "log"), "alpha": "log"}
>>> model = TunedRegressor(PseudoHuber(), tune, metric=AbsoluteError(), max_fits=12)
>>> model = model.fit(X, y)
>>> model.n_fits_ <= 12, sorted(model.best_params_)
(True, ['alpha', 'loss__delta'])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self
from warnings import catch_warnings

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
    check_parameters,
)
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    BaseEstimator,
    ClassifierMixin,
    Labels,
    Matrix,
    MetaEstimatorMixin,
    RegressorMixin,
    Seed,
    available_if,
)
from sklearn_losses.estimators import (
    LinearClassifier,
    LinearOrdinalClassifier,
    LinearRegressor,
)
from sklearn_losses.estimators._linear_model import LinearModel
from sklearn_losses.estimators._parameters import draw_seed, measured_scale
from sklearn_losses.estimators._validation import (
    check_rows,
    check_weights,
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.outputs._ordinal_model import order_of
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.losses import Loss
from sklearn_losses.losses._scale import MAD
from sklearn_losses.model_selection._block_folds import look_at_all
from sklearn_losses.model_selection._folds import rows_of
from sklearn_losses.model_selection._held_out_metric import (
    SAME,
    TOLD,
    Outer,
    distinct_folds,
    named_in,
)
from sklearn_losses.model_selection._hypergradient import HeldOut, Inner, LeftOutRows
from sklearn_losses.model_selection._outer import Box, search
from sklearn_losses.model_selection._ranges import (
    by_index,
    checked_ranges,
    numbers_of,
    refusal,
    set_numbers,
)
from sklearn_losses.model_selection._search import _check_classes
from sklearn_losses.problem._blocks import RowBlocks

LOO = "loo"

_DOC = """Numbers among the parameters of the loss and of the penalty are learned by the
    gradient of a metric on rows that a fit has not seen. The gradient comes from the
    exact curvature at each minimum, so that three parameters take a tenth of the fits
    of a grid, and are found to more digits.

    Parameters
    ----------
    estimator : Loss, str or {kind}, default=None
        What is tuned; of a loss, a `{kind}` with it. None: {none}.{more}

    tune : dict of str to range, default=None
        What is learned, by the names of ``set_params`` of the {kind}:
        ``"loss__alpha"``, ``"alpha"``, ``"loss__left_weight"`` of a sum,
        ``"penalty__right__weight"`` of a sum of penalties, ``"loss__weights"`` of a
        `SplineLoss`, each by itself. A range is (low, high),
        (low, high, "log"), where factors count, or "log": a hundred times more and
        less than there is, and of alpha all that matters. None: {{"alpha": "log"}}.

    metric : Loss or str, default=None
        What is to be small on rows that a fit has not seen, a loss without anything
        that is tuned. None: the loss itself, where only the penalty is tuned.

    cv : int, splitter, "loo", or tuple of (X_val, y_val), default=5
        Which rows these are. An int: folds in which equal rows are together, so that a
        weight of 2 is a second row. "loo": each row, by a Newton step from the fit of
        all (see `influence`).

    max_fits : int, default=30
        The most settings that are fitted, of all folds each.

    random_state : int, RandomState instance or None, default=0
        Chooses folds, and where the search looks around.

    Attributes
    ----------
    best_estimator_ : {kind}
        Fitted to all rows, with what was learned.

    best_params_ : dict of str to float
        What was learned.

    errors_ : dict of str to float
        Its standard errors, from how the metric of single rows pulls at it; inf where
        the metric is flat, and nan at an end of a range.

    best_score_ : float
        The metric, the less the better.

    trace_ : list of dict
        Each setting that was fitted, with its `metric` and the `gradient`, in units of
        the ranges.

    ranges_ : dict of str to (low, high)

    loss_ : Loss
    alpha_ : float
        Those of `best_estimator_`.

    n_fits_ : int
        Settings that were fitted.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has names that are all strings."""

_ORDERED = """ Also a
        `LinearOrdinalClassifier`, or a loss of one, of ordered classes."""

_NOTES = """A loss that is not convex has several minima, between which the fit may
    jump, and the metric with it: the search looks all over the ranges first, and goes
    on from several of the best places. The best that was seen is taken.

    Kinks of a convex loss, as of `Quantile` and `Hinge`, are rounded within the search,
    over a tenth of the spread of y or of a margin; `best_estimator_` has them.

    With few folds the metric itself is learned by heart: prefer ten, and no more
    parameters than the data can tell, which `verdict` says.

    References
    ----------
    Pedregosa 2016, "Hyperparameter optimization with approximate gradient", ICML;
    Bertrand, Klopfenstein, Massias, Blondel, Vaiter, Gramfort and Salmon 2022,
    "Implicit differentiation for fast hyperparameter selection in non-smooth convex
    learning", JMLR 23."""


def _delegates(name):
    """Whether the model, or the one to be fitted, has a method; it may say why not."""

    def check(self):
        model = getattr(self, "best_estimator_", None)
        getattr(self._model() if model is None else model, name)
        return True

    return check


class _Tuned(MetaEstimatorMixin, BaseEstimator):
    """What both share; see `TunedRegressor`."""

    best_estimator_: Any
    best_params_: dict[str, float]
    errors_: dict[str, float]
    best_score_: float
    trace_: list[dict[str, Any]]
    ranges_: dict[str, tuple[float, float]]
    n_fits_: int
    n_features_in_: int
    feature_names_in_: Labels

    _kind: type = LinearRegressor
    _kinds: tuple[type, ...] = (LinearRegressor,)
    _constraints = {"max_fits": [Interval(2, None, "left", integer=True)]}
    # Whoever passes an offset means it.
    __metadata_request__fit = {"offset": True}
    __metadata_request__predict = {"offset": True}
    __metadata_request__predict_proba = {"offset": True}
    __metadata_request__decision_function = {"offset": True}
    __metadata_request__score = {"offset": True}

    def __init__(
        self,
        estimator: Any = None,
        tune: Mapping[str, Any] | None = None,
        *,
        metric: Loss | str | None = None,
        cv: Any = 5,
        max_fits: int = 30,
        random_state: Seed = 0,
    ) -> None:
        self.estimator = estimator
        self.tune = tune
        self.metric = metric
        self.cv = cv
        self.max_fits = max_fits
        self.random_state = random_state

    # --------------------------------------------------------------------------- fit
    def fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Learn the parameters, and fit the model with them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
            Rows may lie elsewhere, with ``cv=(X_val, y_val)`` at hand: dask
            collections, with the others as such, and `RowBlocks`.
        y : array-like of shape (n_samples,)
            Only `RowBlocks` have their own.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0, in fits and in the metric; None means 1.
        offset : array-like of the shape of raw predictions, default=None
            What is added to them.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a range leaves what its parameter may be, the metric depends on what is
            tuned, or the loss has no curvature; it says what there is instead.
        TypeError
            If rows are in blocks, and those to judge by are not at hand.
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, offset)

    def _fit(self, X, y, sample_weight, offset):
        check_parameters(self, self._constraints)
        given, owner = (X, y, sample_weight, offset), type(self).__name__
        model, tune = self._model(), self.tune
        tune = {"alpha": "log"} if tune is None else tune
        metric = self._metric(model, tune)
        self._check_curvature(model)
        blocks = blocks_of(owner, *given)
        if blocks is None and isinstance(model, LinearOrdinalClassifier):
            with catch_warnings(action="ignore"):  # its last fit says so, too
                order = order_of(owner, y, model.categories)  # which y may have
            model.set_params(categories=list(order))
        data = self._at_hand(*given) if blocks is None else self._some(model, blocks)
        model = by_index(model, getattr(self, "feature_names_in_", None))
        model = _with_numbers(model, tune, data)
        model.n_features_in_ = self.n_features_in_
        ranges = checked_ranges(owner, tune, model, data)
        seed = draw_seed(self.random_state)
        rows = data if blocks is None else (blocks, None, None, None)
        outer = Outer(ranges, self._parts(model, ranges, metric, rows, seed))
        named = named_in(model, ranges)
        n_left = len(ranges) + len(named)
        n_left = n_left if self.max_fits > 2 * n_left else 0
        box = Box(outer.measure, len(ranges), self.max_fits - n_left)
        start = np.array([one.unit(one.start) for one in ranges])
        self.n_searches_ = search(box, start, seed)
        self._publish(outer, box, owner)
        box.budget = self.max_fits
        self._set_errors(outer, box, named if n_left else None)
        model = set_numbers(self._model(), self.best_params_)
        self.best_estimator_ = model.fit(*given)
        self._warn(outer, owner)
        return self

    def _at_hand(self, X, y, sample_weight, offset):
        """X, y, sample_weight and offset, checked."""
        X, y = check_rows(self, X, y)
        if self._classifies:
            check_classification_targets(y)
        weight = check_weights(sample_weight, X.shape[0])
        return X, column_or_1d(y), weight, offset

    def _some(self, model, blocks):
        """The same of some of the rows in blocks, which stand for all."""
        if not isinstance(self.cv, tuple):
            raise TypeError(
                f"{type(self).__name__} cannot make folds of rows in blocks. Pass rows "
                "that are at hand to judge by: cv=(X_val, y_val)."
            )
        seen = look_at_all(blocks, model.loss, self._classifies)
        self.n_features_in_ = seen.n_features
        vars(self).pop("feature_names_in_", None)
        if seen.names is not None:
            self.feature_names_in_ = np.array(seen.names, dtype=object)
        return seen.sample[:4]

    @property
    def _classifies(self):
        return self._kind is LinearClassifier

    def _model(self):
        """A copy of what is tuned, with a loss that is an object."""
        given, kind = self.estimator, self._kind
        if given is None:
            given = kind(self._usual)
        elif isinstance(given, (str, Loss)):
            is_ordered = self._classifies and getattr(given, "task", "") == "ordinal"
            given = LinearOrdinalClassifier(given) if is_ordered else kind(given)
        if not isinstance(given, self._kinds):
            kinds = " or a ".join(one.__name__ for one in self._kinds)
            raise InvalidParameterError(
                f"The 'estimator' parameter of {type(self).__name__} must be a loss, "
                f"its name or a {kinds}. Got {self.estimator!r} instead. Put "
                "transformers before it, in a Pipeline."
            )
        model = clone(given)
        return model.set_params(loss=clone(model._resolve_loss()))

    def _metric(self, model, tune):
        owner = type(self).__name__
        of_loss = [name for name in tune if name.split("__")[0] == "loss"]
        given = getattr(self.estimator, "loss", self.estimator)
        if of_loss and (self.metric is None or self.metric is given):
            what = "needs a metric" if self.metric is None else "cannot use this metric"
            raise InvalidParameterError(
                f"{owner} {what}, because {of_loss[0]!r} is tuned, with which the "
                "values of the loss change: a loss is no judge of itself. Use "
                "metric=AbsoluteError(), SquaredError(), LogLoss() or what counts for "
                "you."
            )
        metric = model.loss if self.metric is None else self.metric
        if isinstance(metric, Loss) and metric.needs_scale:
            raise InvalidParameterError(
                f"The metric {metric!r} of {owner} depends on what is tuned, because "
                "its scale is measured. Use a number for its scale, or another metric."
            )
        return as_loss(metric, owner)

    def _check_curvature(self, model):
        """Refuse what has no curvature, and say what there is instead."""
        loss = model._usable_loss()
        reason = None
        if has_outputs(loss) and not loss.differentiable:
            reason = f"{loss!r} has kinks, and several raw predictions a row"
        elif loss.needs_link:
            reason = f"the link of {loss!r} is learned in each fit"
        elif not (loss.differentiable or _can_be_rounded(loss)):
            reason = f"{loss!r} has kinks, and is not convex or one of classes"
        elif loss.granularity == "point" and not _is_smooth(loss):
            reason = f"{loss!r} has no second derivatives"
        if reason:
            raise ValueError(
                f"{type(self).__name__} has no gradient here, because {reason}. Use a "
                "smooth loss of the same kind, such as PseudoHuber or CrossEntropy, or "
                "compare fits with LossSearchCV."
            )

    # -------------------------------------------------------------------------- rows
    def _parts(self, model, ranges, metric, data, seed):
        """What measures the metric: one for each fold."""
        X, y, weight, _ = data
        if isinstance(self.cv, str):
            if self.cv != LOO:
                raise InvalidParameterError(
                    f"The 'cv' parameter of {type(self).__name__} must be an int, a "
                    f"splitter, 'loo' or (X_val, y_val). Got {self.cv!r} instead."
                )
            inner = Inner(model, ranges, *data)
            return [LeftOutRows(inner, metric, y, weight, data[3])]
        if isinstance(self.cv, tuple):
            if len(self.cv) != 2 or np.ndim(self.cv[1]) != 1:
                raise InvalidParameterError(
                    f"The 'cv' parameter of {type(self).__name__} must be (X_val, "
                    "y_val) if it is a tuple. Pass splits as a list."
                )
            inner, rows = Inner(model, ranges, *data), check_rows(self, *self.cv, False)
            return [HeldOut(inner, metric, *rows, None, None)]
        parts = []
        for train, test in self._splits(X, y, weight, seed):
            rows = [[rows_of(one, part) for one in data] for part in (train, test)]
            parts.append(HeldOut(Inner(model, ranges, *rows[0]), metric, *rows[1]))
        return parts

    def _splits(self, X, y, weight, seed):
        if isinstance(self.cv, (int, np.integer)) and not isinstance(self.cv, bool):
            splits = list(distinct_folds(X, y, weight, self.cv, seed, self._classifies))
        else:
            splitter = check_cv(self.cv, y, classifier=self._classifies)
            splits = list(splitter.split(X, y))
        if self._classifies:
            for k, (train, _) in enumerate(splits):
                _check_classes(k, y, weight, np.arange(len(y))[train])
        return splits

    # --------------------------------------------------------------------- attributes
    def _publish(self, outer, box, owner):
        if not any(np.isfinite(value) for _, value, _ in box.seen):
            raise ValueError(
                f"{owner} found no setting in the ranges with a finite metric: "
                f"{outer.why or 'it overflows'}. Use narrower ranges."
            )
        x, self.best_score_ = outer.confirmed(box)
        self._x = x
        self.best_params_ = outer.params(x)
        self.ranges_ = {one.name: (one.low, one.high) for one in outer.ranges}

    def _set_errors(self, outer, box, named):
        """Standard errors, by how single rows pull and how the metric bends."""
        x, ranges = self._x, outer.ranges
        del self._x
        ends = np.array([r.is_end(self.best_params_[r.name]) for r in ranges])
        errors = np.where(ends, np.nan, np.inf)
        free = np.flatnonzero(~ends)
        if named is not None and len(free):
            errors[free] = outer.errors(box, x, free)
        self.errors_ = {
            r.name: r.error(one, self.best_params_[r.name])
            for r, one in zip(ranges, errors)
        }
        self._alike = {
            (ranges[j].name, name)
            for j, value, name in named or []
            if outer.is_as_good(box, x, j, value)
        }
        self._row_values, self._row_shares = outer.rows_at(x)
        self.trace_ = [
            {**outer.params(point), "metric": float(value), "gradient": gradient}
            for point, value, gradient in box.seen
        ]
        self.n_fits_ = len(box.seen)

    def _warn(self, outer, owner):
        best = next(t for t in self.trace_ if self.best_params_.items() <= t.items())
        matters = np.abs(best["gradient"]) > SAME * abs(self.best_score_)
        model = clone(self.best_estimator_)
        for one, is_pulled in zip(outer.ranges, matters):
            value = self.best_params_[one.name]
            if not (one.is_end(value) and is_pulled):
                continue
            if refusal(model, one.name, one.beyond(value)) is None:
                warn_caller(
                    f"{one.name!r} of {owner} has ended at {value:.4g}, an end of its "
                    f"range ({one.low:.4g}, {one.high:.4g}), and the metric falls on. "
                    "Widen the range in `tune`."
                )
        n = sum(part.inner.n_unconverged for part in outer.parts)
        if n:
            warn_caller(
                f"{n} of the fits within {owner} have not converged, and the "
                "gradients there are not exact. Raise max_iter of the estimator.",
                ConvergenceWarning,
            )

    def verdict(self) -> str:
        """What was learned, in words, and from what it cannot be told.

        Returns
        -------
        str
        """
        check_is_fitted(self, "best_estimator_")
        lines = []
        for name, value in self.best_params_.items():
            error = self.errors_[name]
            text = f"{name} = {value:.4g} +- {error:.2g}"
            if np.isnan(error):
                text = f"{name} = {value:.4g}, at an end of its range"
            elif np.isinf(error):
                text = f"{name} = {value:.4g}, and the metric hardly bends there"
            lines.append(text + self._told_apart(name, value, error))
        return "\n".join(lines)

    def _told_apart(self, name, value, error):
        """From which of the named losses, or from the start, it cannot be told."""
        alike = sorted(loss for of, loss in self._alike if of == name)
        if alike:
            return f": cannot be told from {' or '.join(alike)}"
        before = numbers_of(self._model())[name]
        if not isinstance(before, str) and abs(before - value) < TOLD * error:
            return f": cannot be told from {before:.4g}, where it began"
        return ""

    @property
    def loss_(self) -> Loss:
        """The loss that was learned."""
        return self._found("loss_")

    @property
    def alpha_(self) -> float:
        """The strength of the penalty."""
        return self._found("alpha")

    @property
    def coef_(self) -> Array:
        """The coefficients of `best_estimator_`."""
        return self._found("coef_")

    @property
    def intercept_(self) -> Array:
        """The intercept of `best_estimator_`."""
        return self._found("intercept_")

    def _found(self, name):
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(
                f"{type(self).__name__} has no {name} before it is fitted."
            )
        return getattr(self.best_estimator_, name)

    # -------------------------------------------------------------------- predictions
    def _predict(self, name, X, offset):
        check_is_fitted(self, "best_estimator_")
        return getattr(self.best_estimator_, name)(X, offset)

    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Labels:
        """`predict` of the tuned model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._predict("predict", X, offset)

    def raw_prediction(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """`raw_prediction` of the tuned model; see `predict`."""
        return self._predict("raw_prediction", X, offset)

    score = LinearModel.score

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class TunedRegressor(RegressorMixin, _Tuned):
    __doc__ = f"""Regression whose loss and penalty are tuned by gradient.

    {_DOC.format(kind="LinearRegressor", none="PseudoHuber()", more="")}

    See Also
    --------
    TunedClassifier : The same of labels.
    search_loss : Several families of losses, in one budget.
    LossSearchCV : A grid, for any loss and other metrics.

    Notes
    -----
    {_NOTES}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import AbsoluteError, Barron, TunedRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> y = X @ [1.0, 2.0, 0.0] + rng.standard_t(1.5, size=400)
    >>> model = TunedRegressor(
    ...     Barron(), {{"loss__alpha": (-4, 2)}}, metric=AbsoluteError()
    ... )
    >>> model = model.fit(X, y)
    >>> model.best_params_["loss__alpha"] < 1  # heavy tails
    True
    """

    _kind = LinearRegressor
    _usual = "pseudo_huber"
    score = _Tuned.score


class TunedClassifier(ClassifierMixin, _Tuned):
    __doc__ = f"""Classification whose loss and penalty are tuned by gradient.

    {_DOC.format(kind="LinearClassifier", none="LogLoss()", more=_ORDERED)}

    classes_ : ndarray of shape (n_classes,)
        The labels.

    See Also
    --------
    TunedRegressor : The same of numbers.
    search_loss : Several families of losses, in one budget.
    LossSearchCV : A grid, for any loss and other metrics.

    Notes
    -----
    {_NOTES}

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sklearn_losses import LogLoss, TunedClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = TunedClassifier(LogLoss(), {{"alpha": "log"}}, max_fits=12)
    >>> model = model.fit(scale(X), y)
    >>> 1e-4 < model.alpha_ < 1e-1
    True
    """

    _kind = LinearClassifier
    _kinds = LinearClassifier, LinearOrdinalClassifier
    _usual = "log_loss"
    score = _Tuned.score

    @property
    def classes_(self) -> Labels:
        """The labels."""
        return self._found("classes_")

    @available_if(_delegates("decision_function"))
    def decision_function(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """`decision_function` of the tuned model; see `predict`."""
        return self._predict("decision_function", X, offset)

    @available_if(_delegates("predict_proba"))
    def predict_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """`predict_proba` of the tuned model; see `predict`."""
        return self._predict("predict_proba", X, offset)

    @available_if(_delegates("predict_log_proba"))
    def predict_log_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """`predict_log_proba` of the tuned model; see `predict`."""
        return self._predict("predict_log_proba", X, offset)


def _can_be_rounded(loss):
    return loss.convex and loss.granularity == "point"


def _is_smooth(loss):
    return loss.at_scale(1.0).checked().has_curvature


def _with_numbers(model, tune, data):
    """The model with a number in place of a scale "mad" that is tuned."""
    for name in tune:
        owner, _, short = name.rpartition("__")
        params = model.get_params()
        holder = params.get(owner)
        if params.get(name) != MAD or not isinstance(holder, Loss):
            continue
        loss = model._usable_loss()
        probe = clone(model)
        objectives, _ = probe._objectives(*data[:3], loss, data[3])
        sigma = getattr(probe, "scale_", None) or measured_scale(objectives[0])[0]
        number = getattr(holder.at_scale(sigma).split_weight()[0], short)
        model.set_params(**{name: number})
    return model
