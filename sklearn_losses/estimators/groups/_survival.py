"""LinearSurvival: hazards in proportion to exp of a linear function, or times.

With `CoxPH` the hazard of a row is a baseline times exp(x . w); of several causes each
has coefficients and a baseline of its own. With an accelerated failure time model the
distribution of the time is known but for its location and scale, and a row may say no
more than between which times the event was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from sklearn_losses._machine._typing import Array, ArrayLike, Matrix, Seed
from sklearn_losses.estimators._linear_model import LinearModel
from sklearn_losses.estimators._validation import (
    check_offset,
    check_weights,
    unchanged_on_error,
)
from sklearn_losses.estimators._warnings import warn_of_infinite
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.groups._group_blocks import split_strata
from sklearn_losses.estimators.groups._groups import (
    GROUP_ATTRIBUTES,
    GROUP_NOTES,
    GROUP_PARAMETERS,
    BaseGroupLinear,
)
from sklearn_losses.estimators.groups._hazards import (
    BASELINE,
    CENSORING,
    SurvivalMixin,
    censoring,
    flat,
    ids_of,
)
from sklearn_losses.estimators.outputs._outputs import LinearOutputs, has_outputs
from sklearn_losses.losses import Loss
from sklearn_losses.losses._targets import (
    group_codes,
    has_causes,
    named,
    survival_columns,
    survival_intervals,
)
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._posed import times_of

AFT = "weibull_aft", "log_normal_aft", "log_logistic_aft", "exponential_aft"


class LinearSurvival(SurvivalMixin, LinearOutputs, BaseGroupLinear):
    __doc__ = f"""Times to an event, of which some are only known to be longer.

    With the loss of proportional hazards, ``CoxPH()``, the hazard of a row is
    exp(x . w) times a baseline that is a function of time alone, one for each stratum.
    It minimizes

        sum over strata of loss(y_s, X_s w) / S + alpha penalty(w)

    and proves how near the result is: `gap_` bounds what any other coefficients could
    gain. S is the sum of the sample weights. There is no intercept, which is a part of
    the baseline.

    With an accelerated failure time model, such as ``WeibullAFT()``, the distribution
    of a time is exp(x . w + b + scale Z), and y may say between which times an event
    was. Its fit is that of `LinearRegressor`: convex in (w, b) / scale and 1 / scale,
    certified, and the penalty is on w / scale.

    Parameters
    ----------
    loss : Loss or str, default='cox'
        A loss for survival: an object, such as ``CoxPH(ties="efron")`` or
        ``WeibullAFT()``, or a name.

    {GROUP_PARAMETERS}

    features : dict, default=None
        Of an accelerated failure time model whose scale is "mle": which features the
        scale depends on, ``{{"scale": "all"}}``, 'none' or a list of columns. 1 / scale
        is linear in them. None: it is one number, which `loss_` has. The bounds are
        those of the location, and the penalty is one of all coefficients.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,), or (n_causes, n_features)
        The coefficients: logarithms of hazard ratios, or of time ratios; float32 if X
        was. With `features` they are those of location / scale.

    intercept_ : ndarray of shape (1,), or (n_causes,)
        That of times; of hazards it is 0.

    causes_ : ndarray of shape (n_causes,)
        The codes of y, if it says which of several events it was.

    baseline_ : Bunch, or dict of stratum to Bunch
        {BASELINE}. With
        `strata` one for each, of several causes a list, and none but of `CoxPH`.

    predictors_ : dict of str to (coef, intercept)
        Of 1 / scale, if it is in `features`.

    censoring_ : Bunch, or None with late entries or intervals
        {CENSORING}.

    {GROUP_ATTRIBUTES.format(several=", or ndarray of shape (n_causes,)", most="")}

    See Also
    --------
    survival_target : What `fit` takes as y.
    survival_bands : Confidence bands of predicted survival functions.
    concordance_index_scorer : A scorer for searches.

    Notes
    -----
    A row of weight 2 is the same as two rows, and a row of weight 0 as none; but with
    ``CoxPH(ties="efron")`` two rows are a tie, which one of weight 2 is not, as in R's
    ``coxph``.

    {GROUP_NOTES}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearSurvival, WeibullAFT, survival_target
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> time = rng.exponential(np.exp(-X @ [1.0, -0.5]))
    >>> end = rng.exponential(2.0, size=300)
    >>> y = survival_target(event=time <= end, time=np.minimum(time, end))
    >>> model = LinearSurvival(alpha=1e-3).fit(X, y)
    >>> model.coef_.round(1), bool(model.gap_ < 1e-5)
    (array([ 1.1, -0.5]), True)
    >>> model.predict_survival_function(X[:2], times=[0.1, 1.0]).round(2)
    array([[0.89, 0.23],
           [0.83, 0.1 ]])

    The logarithms of time ratios have the other sign:

    >>> times = LinearSurvival(WeibullAFT(), alpha=1e-3).fit(X, y)
    >>> times.coef_.round(1), bool(times.gap_ < 1e-5)
    (array([-1.1,  0.5]), True)
    """

    _other_losses = AFT
    _takes_blocks = True

    def __init__(
        self,
        loss: Loss | str = "cox",
        *,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        warm_start: bool = False,
        positive: bool = False,
        bounds: tuple[ArrayLike | None, ArrayLike | None] | None = None,
        random_state: Seed = 0,
        verbose: int = False,
        features: Mapping[str, object] | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.positive = positive
        self.bounds = bounds
        self.random_state = random_state
        self.verbose = verbose
        self.features = features

    _of_block = staticmethod(times_of)

    @property
    def fit_intercept(self) -> bool:
        """Whether there is an intercept: of times; of hazards the baseline has it."""
        return has_outputs(self._resolve_loss())

    def fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
            It is not copied if it is float32 or float64, and C-contiguous or CSR with
            sorted columns. Rows may lie elsewhere, with `CoxPH` if each block of them
            holds whole strata; see docs/scale.md.

        y : array-like of shape (n_samples,)
            As from `survival_target` or scikit-survival's Surv, or a dataframe with
            such columns. Plain numbers are times of events.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of rows; None means 1.

        strata : array-like of shape (n_samples,), default=None
            Which stratum each row is of: rows of different ones are not compared, and
            each has a baseline. None: all rows are of one.

        offset : array-like of shape (n_samples,) or float, default=None
            What is known of raw predictions: it is added to them, and has no
            coefficient.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        """
        with unchanged_on_error(self):
            for name in ("baseline_", "causes_", "predictors_", "_hazards", "_ends"):
                vars(self).pop(name, None)
            owner = type(self).__name__
            parts = owner, X, y, sample_weight, offset, strata, "strata"
            blocks = blocks_of(*parts)
            if blocks is not None:
                return self._fit_blocks(blocks)
            y = named(y)
            if has_outputs(self._resolve_loss()):
                return self._fit_times(X, y, sample_weight, strata, offset)
            given = _, columns, codes = self._grouped(y, strata)
            self._strata = None if strata is None else ids_of(strata, codes)
            if has_causes(y):
                self.causes_ = _causes(columns, sample_weight)
            self._fit(X, given, sample_weight, offset)
            if not hasattr(self, "_path"):  # of which the coefficients are all
                self._fit_baselines(X, columns, codes, sample_weight, offset)
            if not (np.any(self.objective_) or self.coef_.any()):
                self._warn_of_nobody_else()
            return self

    def _objectives_of_blocks(self, blocks, loss):
        if not has_outputs(loss):
            return super()._objectives_of_blocks(blocks, loss)
        objectives, dtype = LinearOutputs._objectives_of_blocks(self, blocks, loss)
        some = objectives[0].targets.y
        self._ends = np.unique(some[np.isfinite(some[:, 1]), 1])
        return objectives, dtype

    def _fit_blocks(self, blocks):
        """Fit whole strata in blocks; their baselines are found where they are.

        A distribution of times has no baseline, and times that stand for all.
        """
        self._fit(blocks, None, None, None)
        if has_outputs(self.loss_):
            self._strata, self.censoring_ = None, None
            return self
        vars(self).pop("n_groups_used_")
        self._fit_baselines_of_blocks(blocks, split_strata)
        if not (np.any(self.objective_) or self.coef_.any()):
            self._warn_of_nobody_else()
        return self

    def _fit_times(self, X, y, sample_weight, strata, offset):
        """Fit a distribution of times."""
        ends = self._grouped(y, strata)
        self._fit(X, ends, sample_weight, offset)
        low, high = ends.T
        self._strata, self.censoring_ = None, None
        self._ends = np.unique(high[np.isfinite(high)])
        if ((low == high) | (high == np.inf)).all():
            columns = np.column_stack([low, low == high])
            self.censoring_ = censoring(columns, sample_weight)
        return self

    def _grouped(self, y, groups):
        """A target as `_objectives` takes it: with strata, or the ends of intervals."""
        loss = self._resolve_loss()
        if not has_outputs(loss):
            columns = survival_columns(flat(y), several=True)
            return y, columns, group_codes(groups, len(columns), "strata")
        if groups is not None:
            raise ValueError(
                f"{type(self).__name__} has no strata with {loss!r}, which has no "
                "baseline. Make them features, and of the scale, too: "
                'features={"scale": [columns]}.'
            )
        return survival_intervals(flat(y))

    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        if has_outputs(loss):
            return super()._objectives(X, y, sample_weight, loss, offset, solves)
        given, columns, codes = y
        causes = _causes(columns, sample_weight) if has_causes(given) else np.ones(1)
        offset = check_offset(offset, len(columns), len(causes))
        found = []
        for k, cause in enumerate(causes):
            own = columns.copy()
            own[:, 1] = columns[:, 1] == cause
            target, known = (given, own, codes), None
            if offset is not None:
                known = np.ascontiguousarray(offset[:, k])
            parts = X, target, sample_weight, loss, known, solves
            objectives, dtype = super()._objectives(*parts)
            self._check_events(own, sample_weight)
            found += objectives
        return found, dtype

    # ------------------------------------------------------------ what is found
    def _said_by(self, results):
        """What solvers have to say, of which cause if there are several."""
        causes = getattr(self, "causes_", None)
        for k, result in enumerate(results):
            name = "" if causes is None else f"The cause {causes[k]}: "
            yield from (name + message for message in result.warnings)

    def _n_published(self):
        return len(getattr(self, "causes_", [1]))

    def _fitted(self, loss, dtype, coef, intercept):
        if not hasattr(self, "causes_"):
            return super()._fitted(loss, dtype, coef, intercept)
        parts = self, coef, np.zeros(len(coef)), dtype
        coef, intercept = LinearModel._published(*parts)
        return {"loss_": loss, "coef_": coef, "intercept_": intercept}

    # --------------------------------------------------------------- predictions
    def _prediction(self, X, offset):
        if has_outputs(self.loss_):
            values = self._values(X, offset)
            with np.errstate(over="ignore"):
                predicted = self.loss_.predicted(**values)
            is_said = np.isnan(values.get("scale", 1.0))  # by `_values`
            others = np.where(is_said, 0.0, predicted)
            warn_of_infinite(self, values["location"], others)
            return predicted
        return super()._prediction(X, offset)

    def _cumulative(self, X, times, strata, offset):
        if has_outputs(self.loss_):
            return np.negative(self._log_survival(X, times, strata, offset))
        return super()._cumulative(X, times, strata, offset)

    def _quantiles(self, X, q, strata, offset):
        if has_outputs(self.loss_):
            self._stratum_of(strata, 0)
            return LinearOutputs.predict_quantile(self, X, q, offset)
        return super()._quantiles(X, q, strata, offset)

    def _known_times(self):
        return self._ends if has_outputs(self.loss_) else super()._known_times()

    def _log_survival(self, X, times, strata, offset):
        """Of models of times, of shape (n_samples, n_times)."""
        values = self._values(X, offset)
        self._stratum_of(strata, len(values["location"]))
        by_row = {name: np.reshape(v, (-1, 1)) for name, v in values.items()}
        return self.loss_.frozen(**by_row).logsf(times)

    def predict_cumulative_incidence(
        self,
        X: Matrix,
        times: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Array:
        """The probability that each cause is the first, and was until some times.

        What Aalen and Johansen's estimator is without features. The probabilities of
        all causes and the survival function have the sum 1.

        Parameters
        ----------
        X, times, strata, offset
            As in `predict_cumulative_hazard`.

        Returns
        -------
        ndarray of float64 of shape (n_samples, n_times, n_causes)

        Raises
        ------
        ValueError
            If y had no causes.

        References
        ----------
        Putter, Fiocco and Geskus 2007, "Tutorial in biostatistics: competing risks and
        multi-state models", Statistics in Medicine 26.
        """
        times = self._times(times)
        if not hasattr(self, "causes_"):
            raise ValueError(
                f"{type(self).__name__} was fitted to one kind of event. Fit it to "
                "survival_target(event, time) where event is 0 (none), 1, 2, ..., or "
                "use 1 - predict_survival_function(X, times)."
            )
        return self._hazards.incidence(*self._of_hazards(X, strata, offset), times)


def _causes(columns, sample_weight):
    """The codes of the events with weight."""
    weight = check_weights(sample_weight, len(columns))
    codes = columns[:, 1] if weight is None else columns[weight > 0, 1]
    found = np.unique(codes[codes > 0]).astype(np.intp)
    return found if len(found) else np.ones(1, dtype=np.intp)
