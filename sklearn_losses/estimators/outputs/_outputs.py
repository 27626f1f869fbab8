"""Losses of several outputs in regressors: parameters that are fitted beside w.

A loss whose parameters are "mle" has an output for each of them. By default it is a
number, published in `loss_`; with ``features={"scale": ...}`` it has a predictor of its
own, published in `predictors_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses._machine._typing import Array, ArrayLike, Matrix, available_if
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.design._rows import Rows
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators._linear_model import LinearRegressorMixin, _loss_of
from sklearn_losses.estimators._parameters import draw_seed, price_of
from sklearn_losses.estimators._validation import (
    check_large_rows,
    check_numbers,
    check_offset,
    check_weights,
    warn_caller,
)
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.blocks._lazy import (
    Score,
    lazy_of_collections,
    mean_of_blocks,
)
from sklearn_losses.estimators.outputs._noncrossing import (
    NoncrossingObjective,
    noncrossing_objective,
)
from sklearn_losses.estimators.outputs._output_blocks import (
    objectives_of_outputs,
    pose_of_outputs,
)
from sklearn_losses.losses import Quantile, Quantiles
from sklearn_losses.losses._arguments import moderate_weight
from sklearn_losses.losses._targets import named, survival_intervals
from sklearn_losses.losses._tasks import Mapped
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.problem._posed import numbers_of, target_of
from sklearn_losses.problem._posed_outputs import of_location
from sklearn_losses.solvers._base import finish
from sklearn_losses.solvers.descent._certified import (
    START_TOL,
    Certified,
    choose,
    sample_of,
)
from sklearn_losses.solvers.descent._outputs import OutputsSolver
from sklearn_losses.solvers.descent._outputs_blocks import InBlocks

SAME = 1e-9  # levels that differ by less
FEW_ROWS = 5000  # beyond, no other optimum was seen


class Predictor(NamedTuple):
    """How an output is predicted: X @ coef + intercept, before its link."""

    coef: np.ndarray
    intercept: float


def has_outputs(loss):
    """Whether something is fitted beside the coefficients of one output."""
    return bool(loss.outputs) and loss.granularity == "row"


def rows_of(objective, y=None):
    """Targets and weights of the rows that count, as a loss of outputs takes them."""
    y = objective.loss.columns(objective.targets.y if y is None else y)
    weight = objective.sample_weight
    weight = np.ones(len(y)) if weight is None else weight
    return y[weight > 0], weight[weight > 0]


def levels_of(q):
    """Levels of quantiles as an array, once they are in (0, 1)."""
    q = np.asarray(q, dtype=np.float64)
    if q.ndim > 1 or not ((q > 0) & (q < 1)).all():
        raise ValueError(f"q must be one or several levels in (0, 1). Got {q}.")
    return q


def tails_of(coverage):
    """The levels of the ends of an interval, with as much beyond either."""
    if not (isinstance(coverage, Real) and 0 < coverage < 1):
        raise ValueError(f"coverage must be one number in (0, 1). Got {coverage!r}.")
    tail = 0.5 * (1.0 - coverage)
    return [tail, 1.0 - tail]


def columns_of(owner, what, n_features, names):
    """Which columns 'all', 'none' or a list of them are.

    Returns
    -------
    ndarray of bool of shape (n_features,)
    """
    found = np.zeros(n_features, dtype=bool)
    if isinstance(what, str) and what in ("all", "none"):
        return found if what == "none" else ~found
    wanted = [] if isinstance(what, str) else what
    try:
        wanted = list(wanted)
    except TypeError:
        wanted = []
    if not wanted:
        raise InvalidParameterError(
            f"The 'features' parameter of {owner} must say 'all', 'none' or a list of "
            f"columns for each output. Got {what!r} instead."
        )
    for column in wanted:
        found[_index_of(owner, column, n_features, names)] = True
    return found


def _index_of(owner, column, n_features, names):
    if isinstance(column, str):
        if names is not None and column in names:
            return list(names).index(column)
        known = "X has no names" if names is None else f"X has {', '.join(names)}"
    else:
        is_index = isinstance(column, (int, np.integer)) and not isinstance(
            column, bool
        )
        if is_index and -n_features <= column < n_features:
            return column
        known = f"X has {n_features} columns"
    raise InvalidParameterError(
        f"The 'features' parameter of {owner} names the column {column!r}, and {known}."
    )


def intervals(y, loss):
    """y with two columns where it says which times are those of events."""
    if loss.y_size == 1 or named(y).dtype.names is None:
        return y
    return survival_intervals(y)


def are_pairs(y, loss):
    """Whether a target of the loss may be two numbers, and those of y are."""
    return getattr(loss, "y_size", 1) == 2 and np.asarray(y).shape[1:] == (2,)


def _are_intervals(y, loss):
    """Whether targets are more than numbers."""
    if getattr(loss, "y_size", 1) == 1 or not loss.outputs:
        return False
    y = named(y)
    return y.dtype.names is not None or y.shape[1:] == (2,)


def _has_intervals(block, loss):
    return _are_intervals(target_of(block[1]), loss)


def _has_distribution(estimator):
    """Whether y has a distribution; where not, say so in the AttributeError."""
    loss = _loss_of(estimator)
    if not loss.is_distribution:
        use = "GaussianDistribution(), or another that ends in Distribution"
        if loss.name == "gamma":
            use = "GammaDistribution(), whose scale is fitted"
        if loss.task == "survival":
            use = "predict_survival_function, or WeibullAFT()"
        elif loss.outputs and loss.y_size == 2:
            use = (
                "predict, the probability of a success: a distribution of successes "
                "needs a number of trials, which X has not"
            )
        raise AttributeError(
            f"{type(estimator).__name__} predicts no distribution with {loss!r}, which "
            f"is not one. Use {use}."
        )
    return True


def _has_quantiles(estimator):
    return isinstance(_loss_of(estimator), Quantiles) or _has_distribution(estimator)


def _places_of(model, q):
    """Which of the levels that a model was fitted with these are."""
    own = np.array(model.loss_.levels, dtype=np.float64)
    places = np.abs(own - q[..., None]).argmin(axis=-1)
    missing = q[np.abs(own[places] - q) > SAME]
    if len(missing):
        raise ValueError(
            f"{type(model).__name__} was fitted with {model.loss_!r}, which has no "
            f"level {missing[0]:g}. Fit it with that level, or a distribution such as "
            "GaussianDistribution(), which has all."
        )
    return places


def _has_zeros(estimator):
    loss = _loss_of(estimator)
    if not hasattr(loss, "proba_zero"):
        raise AttributeError(
            f"{type(estimator).__name__} predicts no probability of zeros with "
            f"{loss!r}. Use Hurdle() or ZeroInflated()."
        )
    return True


class OutputsMixin:
    """Parameters of a loss that are fitted, as numbers or by features."""

    _takes_outputs = True
    _of_block = staticmethod(numbers_of)  # what its targets are to a loss

    # ------------------------------------------------------------------ the problem
    def _predictors(self, loss, n_features):
        """Which columns each output of the loss uses."""
        owner, features = type(self).__name__, self.features
        names = getattr(self, "feature_names_in_", None)
        if features is not None and not isinstance(features, Mapping):
            raise InvalidParameterError(
                f"The 'features' parameter of {owner} must be a dict such as "
                f"{{'scale': 'all'}}, or None. Got {features!r} instead."
            )
        features = dict(features or {})
        unknown = [name for name in features if name not in loss.outputs[1:]]
        if unknown:
            fitted = ", ".join(map(repr, loss.outputs[1:])) or "none"
            raise InvalidParameterError(
                f"The 'features' parameter of {owner} names {unknown[0]!r}, which is "
                f"no output that {loss!r} fits beside the location. It fits {fitted}; "
                "a parameter is fitted if it is 'mle'."
            )
        uses = [np.ones(n_features, dtype=bool)]
        if isinstance(loss, Quantiles) and features:
            raise InvalidParameterError(
                f"{owner} cannot use features={self.features!r} with {loss!r}, whose "
                "outputs are quantiles of one prediction."
            )
        for name in loss.outputs[1:]:
            what = features.get(name, "none")
            uses.append(columns_of(owner, what, n_features, names))
            if uses[-1].any() and name not in loss.takes_features:
                raise InvalidParameterError(
                    f"{owner} cannot use features={{{name!r}: ...}} with {loss!r}, "
                    f"because its {name} is one number for all rows."
                )
        intercepts = np.ones(len(uses), dtype=bool)
        intercepts[0] = self.fit_intercept and not isinstance(loss, Quantiles)
        if isinstance(loss, Quantiles) and not self.fit_intercept and loss.is_parallel:
            raise InvalidParameterError(
                f"{owner}(fit_intercept=False) cannot use {loss!r}, whose quantiles "
                "differ by their intercepts. Use crossing='sort'."
            )
        return Predictors.of(np.array(uses), intercepts)

    def _outputs_start(self, objective):
        """Likely coefficients and intercepts of all outputs."""
        loss, (y, weight) = objective.loss, rows_of(objective)
        loss.check_fit(y, weight)
        start = loss.start(y, weight)
        start[0] = start[0] if self.fit_intercept else 0.0
        coef = np.zeros((len(start), objective.rows.n_features))
        first = loss.first()
        if first is not None:
            return self._begun(objective, first, coef, start)
        return coef, start

    def _begun(self, objective, first, coef, start):
        """The location of another loss, about, and parameters of what that leaves."""
        if first.outputs:
            return self._after(objective, first, coef, start)
        parts = objective.rows, objective.targets, objective.sample_weight
        offset = None if objective.offset is None else objective.offset[:, :1].copy()
        other = Objective(
            *(first, *parts, objective.total_weight, objective.penalty, 1),
            fit_intercept=self.fit_intercept,
            offset=offset,
        )
        solver = Certified(choose(other), max_iter=self.max_iter, tol=START_TOL)
        some = sample_of(other, draw_seed(self.random_state), 10 * coef.shape[1])
        found = solver.solve(some or other, (coef[:1].copy(), start[:1].copy()))
        coef[0], rest = found.coef[0], objective.targets.y.copy()
        rest -= other.raw(found.coef, found.intercept)[:, 0]
        start = objective.loss.start(*rows_of(objective, rest))
        start[0] = found.intercept[0]
        return self._likeliest(objective, coef, start)

    def _likeliest(self, objective, coef, start):
        """Where the best of several fits, about, ends: few rows have several optima."""
        rivals, loss = [], objective.loss
        if objective.rows.n_rows <= FEW_ROWS:
            rivals = loss.rivals(start)
        best, least = (coef, start), np.inf
        for each in [start, *rivals] if rivals else []:
            solver = OutputsSolver(max_iter=self.max_iter, tol=START_TOL)
            found, fit = finish(solver.steps(objective, (coef, each)))
            value = float(objective.value(found.coef, found.intercept)[0])
            if found.converged and value < least and not fit.is_perfect_fit:
                best, least = (found.coef, found.intercept), value
        return best

    def _after(self, objective, first, coef, start):
        """The fit, about, of a loss of the same outputs."""
        other = replace(objective, loss=first)
        solver = OutputsSolver(max_iter=self.max_iter, tol=START_TOL)
        enough = 10 * objective.predictors.size
        some = sample_of(other, draw_seed(self.random_state), enough)
        found = solver.solve(some or other, (coef, start))
        if not (found.converged and np.isfinite(found.coef).all()):
            return coef, start
        if found.coef[1:].any():
            return found.coef, found.intercept
        y, weight = rows_of(objective)
        raw = other.raw(found.coef, found.intercept)[:, 0]
        if objective.sample_weight is not None:
            raw = raw[objective.sample_weight > 0]
        return found.coef, objective.loss.after(found.intercept, raw, y, weight)

    def _check_bounds(self, price, loss):
        """Refuse bounds that the model of several outputs does not keep."""
        if not price.has_bounds:
            return
        ends = np.concatenate([np.ravel(price.low), np.ravel(price.high)])
        if (np.isfinite(ends) & (ends != 0)).any():
            raise InvalidParameterError(
                f"{type(self).__name__}(bounds={self.bounds!r}) cannot use {loss!r}, "
                "because bounds of a loss of several outputs must be 0 or None. Use "
                "positive=True, or numbers for the parameters of the loss."
            )

    def _checked_rows(self, X, y, loss, reset=True):
        """X and y, which may have two columns where a target is more than a number."""
        y = intervals(y, loss) if loss.outputs else y
        if not are_pairs(y, loss):
            return check_large_rows(self, X, y, reset)
        X, _, check = check_large_rows(self, X, np.zeros(len(y)), reset)
        return X, np.asarray(y), check

    # ------------------------------------------------------------------ what is found
    def _fitted(self, loss, dtype, coef, intercept):
        vars(self).pop("predictors_", None)
        if isinstance(loss, Mapped):
            loss = self.loss_ = self._resolve_loss()
            coef, intercept = self._box.of_levels(coef, intercept)
        elif isinstance(loss, (Quantile, Quantiles)) and len(coef) > 1:
            loss = self._resolve_loss()
            if loss.is_parallel:
                coef = np.tile(coef[:1], (len(coef) - 1, 1))
                intercept = intercept[:1] + intercept[1:]
            self.loss_ = loss
        elif not has_outputs(loss):
            return super()._fitted(loss, dtype, coef, intercept)
        if isinstance(loss, Quantiles):
            coef, intercept = self._published_rows(coef, intercept, dtype)
            return {"loss_": loss, "coef_": coef, "intercept_": intercept}
        if not has_outputs(loss):
            return super()._fitted(loss, dtype, coef, intercept)
        is_constant = ~coef.any(axis=1)
        is_constant[0] = False
        features = self.features or {}
        for k, name in enumerate(loss.outputs):
            is_constant[k] &= features.get(name, "none") == "none"
        own_coef, own_intercept = coef[0], intercept[:1]
        if is_constant[1:].all():
            own_coef, own_intercept = loss.natural(coef, intercept)
        numbers = loss.with_numbers(intercept[None])
        constants = {
            name: getattr(numbers, name)
            for k, name in enumerate(loss.outputs)
            if is_constant[k] and hasattr(numbers, name)
        }
        found = {
            name: Predictor(coef[k].astype(dtype), float(intercept[k]))
            for k, name in enumerate(loss.outputs[1:], 1)
            if not is_constant[k]
        }
        loss = loss.with_parameters(**constants)
        parts = loss, dtype, own_coef[None], own_intercept
        attributes = super()._fitted(*parts)
        if found:
            attributes["predictors_"] = found
        return attributes

    def _published_rows(self, coef, intercept, dtype):
        """`coef_` and `intercept_` of several outputs."""
        return super(LinearRegressorMixin, self)._published(coef, intercept, dtype)

    def _n_published(self):
        loss = getattr(self, "loss_", None)
        return len(loss.each()) if isinstance(loss, Quantiles) else 1

    def score(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """R^2 of `predict`, or where that is undefined what the loss says.

        Of `Quantiles`, which share of the loss of constants they save. Of targets that
        are intervals, the mean log-likelihood.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
        y : array-like of shape (n_samples,)
            Only `RowBlocks` have their own.
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        float
        """
        loss = getattr(self, "loss_", None)
        blocks = blocks_of(type(self).__name__, X, y, sample_weight, offset)
        if blocks is not None:
            return self._score_of_blocks(blocks, loss)
        if _are_intervals(y, loss):
            y, raw = self._targets_and_outputs(X, y, loss, offset)
            return -loss.mean(y, raw, sample_weight)
        if not isinstance(loss, Quantiles):
            return super().score(X, y, sample_weight, offset)
        y, mean = np.asarray(y, dtype=np.float64), Quantiles(loss.levels).mean
        predicted = np.asarray(self.predict(X, offset), dtype=np.float64)
        best = Quantiles(loss.levels).optimal_constant(y, sample_weight)
        constant = mean(y, np.tile(best, (len(y), 1)), sample_weight)
        saved = constant - mean(y, predicted, sample_weight)
        return float(saved / constant) if constant > 0 else float(saved == 0)

    def _score_of_blocks(self, blocks, loss):
        if isinstance(loss, Quantiles):
            raise TypeError(
                f"{type(self).__name__}.score of {loss!r} needs rows in one place, "
                "because constants have several outputs. Use loss_scorer(loss)."
            )
        if loss is not None and any(blocks.map(_has_intervals, loss)):
            return mean_of_blocks(blocks, Score(self, "_score_of_intervals"))
        return super().score(blocks)

    def _score_of_intervals(self, X, y, sample_weight=None, offset=None):
        y = self._of_block(target_of(y), self.loss_)
        return OutputsMixin.score(self, X, y, sample_weight, offset)

    # ------------------------------------------------------------------- predictions
    @property
    def _predict_risk_score(self):
        """False where predictions are times: scikit-survival's name for it."""
        return getattr(_loss_of(self), "y_size", 1) == 1

    def _n_offsets(self, raw):
        """One: all quantiles of a row are as much higher."""
        if isinstance(_loss_of(self), Quantiles):
            return 1
        return super()._n_offsets(raw)

    def _values(self, X, offset=None):
        """The location and the parameters of each row."""
        refuse_collection(X, "X")
        return self._values_beside(X, self.raw_prediction(X, offset), offset)

    def _values_beside(self, X, location, offset=None):
        """The parameters of each row, and locations that are known."""
        loss = self.loss_
        if not loss.outputs:
            return {"location": location}
        columns, X = [location], X if sparse.issparse(X) else np.asarray(X)
        for name in loss.outputs[1:]:
            coef, intercept = self.predictors_[name]
            columns.append(np.asarray(X @ coef).ravel() + intercept)
        if offset is None or len(columns) == 1 or not hasattr(loss, "without"):
            values = loss.values_of(np.column_stack(columns))
        else:  # of the location, and not of location / scale
            offset = check_offset(offset, len(location), 1)[:, 0]
            columns[0] = location - offset
            values = loss.values_of(np.column_stack(columns))
            values["location"] = values["location"] + offset
        self._warn_of_scales(values.get("scale", 1.0))
        return values

    def _warn_of_scales(self, scale):
        """Say so where features predict a scale that is none."""
        bad = np.flatnonzero(np.isnan(scale))
        if len(bad):
            warn_caller(
                f"{type(self).__name__} predicts nan for {len(bad)} of {len(scale)} "
                f"rows, first of row {bad[0]}: the features of the scale are so far "
                "from those of the fit that 1 / scale would be negative."
            )

    def _predicted(self, X, raw, offset):
        if not getattr(self, "predictors_", None):
            return super()._predicted(X, raw, offset)
        values = self._values_beside(X, raw, offset)
        return np.asarray(self.loss_.predicted(**values)).astype(raw.dtype, copy=False)

    @available_if(_has_zeros)
    @lazy_of_collections
    def predict_proba_zero(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """P(y = 0) of each row; there is no such method if the loss has none.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None
            What is added to raw predictions, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        values = self._values(X, offset)
        shape = np.shape(values["location"])
        return np.array(np.broadcast_to(self.loss_.proba_zero(**values), shape))

    @available_if(_has_distribution)
    def predict_distribution(self, X: Matrix, offset: ArrayLike | None = None) -> Any:
        """The parameters of the distribution of y that is predicted for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None
            What is added to raw predictions, as in `fit`.

        Returns
        -------
        dict of str to ndarray of shape (n_samples,)
            The raw "location", and a number or an array for each parameter of `loss_`.
        """
        refuse_collection(X, "X")
        return self._values(X, offset)

    @available_if(_has_distribution)
    @lazy_of_collections
    def predict_std(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """The standard deviation of the distribution that is predicted for each row.

        Of `BetaBinomial` this and quantiles are those of the probability of a success:
        of the share of very many trials. Parameters and errors are those of
        `predict_distribution`.

        Returns
        -------
        ndarray of shape (n_samples,)
            inf where it has none.
        """
        return np.asarray(self._frozen(X, offset).std())

    @available_if(_has_quantiles)
    @lazy_of_collections
    def predict_quantile(
        self, X: Matrix, q: ArrayLike, offset: ArrayLike | None = None
    ) -> Array:
        """Quantiles of the distribution that is predicted for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        q : float or array-like of shape (n_levels,)
            Levels in (0, 1); of `Quantiles` those that were fitted.
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_levels) if q is an array
        """
        q = levels_of(q)
        if isinstance(self.loss_, Quantiles):
            places = _places_of(self, q)
            found = np.asarray(self.predict(X, offset))
            return found.reshape(len(found), -1)[:, places]
        frozen = self._frozen(X, offset)
        if q.ndim == 0:
            return np.asarray(frozen.ppf(q))
        return np.column_stack([frozen.ppf(level) for level in q])

    @available_if(_has_quantiles)
    @lazy_of_collections
    def predict_interval(
        self, X: Matrix, coverage: float = 0.9, offset: ArrayLike | None = None
    ) -> Array:
        """The interval between two quantiles, with as much beyond either end.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        coverage : float, default=0.9
            In (0, 1).
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        return self.predict_quantile(X, tails_of(coverage), offset)

    def _targets_and_outputs(self, X, y, loss, offset):
        """Targets and raw outputs as a loss of the class of `loss_` takes them."""
        if isinstance(loss, Quantiles):
            return check_numbers(y, loss), self._predicted_quantiles(X, loss, offset)
        values = self._values(X, offset)
        n = len(values["location"])
        return check_numbers(intervals(y, loss), loss), loss.raw_of(values, n)

    def _predicted_quantiles(self, X, loss, offset):
        if list(loss.levels) != list(self.loss_.levels):
            raise ValueError(
                f"{loss!r} cannot score {type(self).__name__}, which was fitted with "
                f"{self.loss_!r}: the levels differ."
            )
        found = np.asarray(self.predict(X, offset), dtype=np.float64)
        found = found.reshape(len(found), -1)
        return np.insert(found, 0, 0.0, axis=1) if loss.is_parallel else found

    def _frozen(self, X, offset):
        values = self._values(X, offset)
        return self.loss_.frozen(**values)


class LinearOutputs(OutputsMixin):
    """The same in an estimator that solves: see `OutputsSolver`."""

    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        if isinstance(loss, Quantiles) and loss.is_constrained:
            return self._noncrossing(X, y, sample_weight, loss, offset, solves)
        if isinstance(loss, Quantiles) and not loss.is_parallel:
            self._predictors(loss, 1)
            each = loss.each()
            parts = X, y, sample_weight, each[0], offset, solves
            objectives, dtype = super()._objectives(*parts)
            return [replace(objectives[0], loss=level) for level in each], dtype
        if not has_outputs(loss):
            if getattr(self, "features", None) is not None:
                self._predictors(loss, 1)  # which refuses them
            parts = X, y, sample_weight, loss, offset, solves
            return super()._objectives(*parts)
        X, y, check = self._checked(X, y, loss)
        weight = check_weights(sample_weight, X.shape[0])
        if weight is not None and not weight.any():
            raise ValueError("All sample weights are zero: nothing is left to fit.")
        weight = None if weight is None else moderate_weight(weight)
        total = float(X.shape[0]) if weight is None else weight.sum()
        offset = check_offset(offset, X.shape[0], 1)
        n_outputs = len(loss.outputs)
        price = price_of(self, X.shape[1], True)
        self._check_bounds(price, loss)
        objective = OutputsObjective(
            *(loss, Rows(X, check), Targets(y), weight, total),
            *(price, n_outputs),
            fit_intercept=self.fit_intercept,
            offset=of_location(offset, n_outputs),
            predictors=self._predictors(loss, X.shape[1]),
        )
        return [objective.without_offset()], X.dtype

    def _objectives_of_blocks(self, blocks, loss):
        if isinstance(loss, Quantiles) and not (
            loss.is_constrained or loss.is_parallel
        ):
            self._predictors(loss, 1)
            each = loss.each()
            objectives, dtype = super()._objectives_of_blocks(blocks, each[0])
            return [replace(objectives[0], loss=level) for level in each], dtype
        if not has_outputs(loss):
            if getattr(self, "features", None) is not None:
                self._predictors(loss, 1)  # which refuses them
            return super()._objectives_of_blocks(blocks, loss)

        def pose_of(seen):
            self._check_bounds(price_of(self, seen.n_features, True), loss)
            return pose_of_outputs(self, loss, seen.n_features)

        return objectives_of_outputs(self, blocks, loss, self._of_block, pose_of)

    def _noncrossing(self, X, y, sample_weight, loss, offset, solves):
        """The objective of quantiles that do not cross on the box of X."""
        self._predictors(loss, 1)
        if offset is not None:
            raise ValueError(
                f"{type(self).__name__} cannot use offset with {loss!r}, whose "
                "quantiles are those of a box of X. Use crossing='sort'."
            )
        parts = X, y, sample_weight, loss.each()[0], None, solves
        (own,), dtype = super()._objectives(*parts)
        own.rows.verify()
        parts = own.rows, own.targets, own.sample_weight, own.total_weight
        objective = noncrossing_objective(self, loss, *parts)
        self._box = objective.box
        return [objective], dtype

    def _checked(self, X, y, loss):
        """X and y, as numbers."""
        X, y, check = self._checked_rows(X, y, loss)
        return X, check_numbers(y, loss), check

    def _starts(self, objectives):
        if isinstance(objectives[0], NoncrossingObjective):
            return [objectives[0].start()]
        if not has_outputs(objectives[0].loss):
            return super()._starts(objectives)
        here = objectives[0]
        return [self._outputs_start(here if here.blocks is None else here.at_hand)]

    def _solver(self, objective):
        if not has_outputs(objective.loss):
            return super()._solver(objective)
        if self.solver not in ("auto", "newton"):
            raise ValueError(
                f"{type(self).__name__}(solver={self.solver!r}) cannot use "
                f"{objective.loss!r}, because it has several outputs, which Newton's "
                "method fits. Use solver='auto'."
            )
        kind = OutputsSolver if objective.blocks is None else InBlocks
        return kind(
            max_iter=self.max_iter,
            tol=self.tol,
            seed=draw_seed(self.random_state),
            verbose=self.verbose,
            owner=type(self).__name__,
        )

    def _said_by(self, results):
        """What solvers have to say, of which level if there are several."""
        names = [""]
        if len(results) > 1:
            names = [f"The {name}: " for name in self._resolve_loss().outputs]
        for name, result in zip(names, results):
            yield from (name + message for message in result.warnings)
