"""LinearSurvival: hazards that are in proportion to exp of a linear function."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.utils import Bunch

from sklearn_losses._machine._typing import Array, ArrayLike, Matrix, Seed
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators._baseline import baseline
from sklearn_losses.estimators._groups import GROUP_PARAMETERS, BaseGroupLinear
from sklearn_losses.estimators._linear import _ATTRIBUTES, _NOTES
from sklearn_losses.estimators._scores import concordance_index_score
from sklearn_losses.estimators._survival_scores import kaplan_meier
from sklearn_losses.estimators._validation import (
    check_weights,
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.losses import Loss
from sklearn_losses.losses._targets import group_codes, survival_columns
from sklearn_losses.penalties import Penalty

BLOCK = 1 << 20  # numbers that are worked on at a time


class LinearSurvival(BaseGroupLinear):
    __doc__ = f"""Proportional hazards (Cox) with any penalty, to its optimum.

    The hazard of a row is exp(x . w) times a baseline that is a function of time alone,
    one for each stratum. It minimizes

        sum over strata of loss(y_s, X_s w) / S + alpha penalty(w)

    and proves how near the result is: `gap_` bounds what any other coefficients could
    gain. S is the sum of the sample weights. There is no intercept, which is a part of
    the baseline.

    Parameters
    ----------
    loss : Loss or str, default='cox'
        A loss for survival: an object, such as ``CoxPH(ties="efron")``, or a name.

    {GROUP_PARAMETERS}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The coefficients, logarithms of hazard ratios; float32 if X was.

    baseline_ : Bunch, or dict of stratum to Bunch
        `times`, those of events, and the `cumulative_hazard` up to each of them of a
        row with the `raw_prediction` that is the mean of the fit's. With `strata` one
        for each.

    censoring_ : Bunch, or None with late entries
        `times`, and the `survival` from each of them on: the probability not to be
        censored until then, of all strata (Kaplan-Meier). What scores take as
        `censoring`.

    {_ATTRIBUTES.format(several="", most="")}

    See Also
    --------
    survival_target : What `fit` takes as y.
    concordance_index_scorer : A scorer for searches.

    Notes
    -----
    With ``CoxPH(ties="efron")`` a row of weight 2 is not the same as two rows, which
    are a tie, as in R's ``coxph``.

    {_NOTES}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearSurvival, survival_target
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
    """

    _tasks = ("survival",)
    __metadata_request__fit = {"strata": True}
    __metadata_request__score = {"strata": True}

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

    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            It is not copied if it is float32 or float64, and C-contiguous or CSR with
            sorted columns.

        y : array-like of shape (n_samples,)
            As from `survival_target` or scikit-survival's Surv. Plain numbers are times
            of events.

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
        refuse_collection(y, "y")
        with unchanged_on_error(self):
            given = _, columns, codes = self._grouped(y, strata)
            self._strata = None if strata is None else _ids(strata, codes)
            self._fit(X, given, sample_weight, offset)
            self._fit_baseline(X, columns, codes, sample_weight, offset)
            if self.objective_ == 0.0 and not self.coef_.any():
                warn_caller(
                    f"At no event of {type(self).__name__} any other row was at risk, "
                    "in its stratum: nothing says what coefficients are, and all are 0."
                )
            return self

    _groups_are = "strata"

    def _grouped(self, y, groups):
        """A target as `_objectives` takes it."""
        columns = survival_columns(_flat(y))
        return y, columns, group_codes(groups, len(columns), "strata")

    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        columns = y[1]
        found = super()._objectives(X, y, sample_weight, loss, offset, solves)
        seen = columns[:, 1] if sample_weight is None else columns[:, 1] * sample_weight
        if not seen.any():
            raise ValueError(
                f"{type(self).__name__} found no event (with weight) among n_samples="
                f"{len(columns)}: nothing is left to fit. In survival_target(event, "
                "time) event is True where the time is that of the event."
            )
        return found

    def _says_nothing(self, n_rows):
        return f"All of n_samples={n_rows} rows have no weight: nothing is left to fit."

    # ------------------------------------------------------------------ baseline
    def _fit_baseline(self, X, columns, codes, sample_weight, offset):
        """The cumulative hazards, of each stratum."""
        raw = self.raw_prediction(X, 0.0 if offset is None else offset)
        raw = raw.astype(np.float64, copy=False)
        weight = check_weights(sample_weight, len(raw))
        weight = np.ones(len(raw)) if weight is None else weight
        efron = getattr(self.loss_, "ties", "breslow") == "efron"
        here, self.censoring_ = weight > 0, None
        if columns.shape[1] == 2:
            self.censoring_ = kaplan_meier(columns[here], weight[here], True)
        self._baselines, at_mean = [], []
        for code in range(codes.max() + 1):
            here = (codes == code) & (weight > 0)
            found = baseline(columns[here], raw[here], weight[here], efron)
            mean = np.average(raw[here], weights=weight[here]) if here.any() else 0.0
            self._baselines.append(found)
            with np.errstate(over="ignore"):
                hazard = np.exp(found.log_hazard + mean)
            at_mean.append(
                Bunch(times=found.times, cumulative_hazard=hazard, raw_prediction=mean)
            )
        self.baseline_ = at_mean[0]
        if self._strata is not None:
            self.baseline_ = dict(zip(self._strata, at_mean))

    def _stratum_of(self, strata, n_rows):
        """The index of the stratum of each row of a prediction."""
        if self._strata is None:
            if strata is not None:
                raise ValueError(
                    f"{type(self).__name__} was fitted without strata, and predicts "
                    "without. Leave strata out."
                )
            return np.zeros(n_rows, dtype=np.intp)
        if strata is None:
            raise ValueError(
                f"{type(self).__name__} was fitted with strata, each of which has a "
                "baseline of its own: pass strata= of these rows, among "
                f"{self._strata[:10]}."
            )
        ids = np.asarray(strata)
        if ids.shape != (n_rows,):
            raise ValueError(
                f"strata must have the shape ({n_rows},). Got the shape {ids.shape}."
            )
        known = {stratum: k for k, stratum in enumerate(self._strata)}
        found = np.array([known.get(each, -1) for each in ids.tolist()], dtype=np.intp)
        if (found < 0).any():
            first = int(np.argmin(found))
            raise ValueError(
                f"strata[{first}] is {ids.tolist()[first]!r}, which the model was not "
                f"fitted with. Known are {self._strata[:10]}."
            )
        return found

    # --------------------------------------------------------------- predictions
    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """The logarithm of the hazard ratio: the larger, the sooner.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or float, default=None
            What is added to it, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples,)
            That to a row whose features and offset are 0.
        """
        return self.raw_prediction(X, offset)

    def predict_cumulative_hazard(
        self,
        X: Matrix,
        times: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Array:
        """The cumulative hazard of each row up to some times.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        times : array-like of shape (n_times,), default=None
            None: those of the events of the fit, of all strata.
        strata : array-like of shape (n_samples,), default=None
            Needed if, and only if, the model was fitted with strata.
        offset : array-like of shape (n_samples,) or float, default=None

        Returns
        -------
        ndarray of float64 of shape (n_samples, n_times)
        """
        raw = self.raw_prediction(X, offset).astype(np.float64, copy=False)
        times = self._times(times)
        codes = self._stratum_of(strata, len(raw))
        logs = np.array([b.log_hazard_at(times) for b in self._baselines])
        found = np.empty((len(raw), len(times)))
        size = max(1, BLOCK // max(1, len(times)))
        for start in range(0, len(raw), size):
            rows = slice(start, start + size)
            with np.errstate(over="ignore"):
                np.exp(raw[rows, None] + logs[codes[rows]], out=found[rows])
        return found

    def predict_survival_function(
        self,
        X: Matrix,
        times: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Array:
        """The probability of each row that the event is later than some times.

        Parameters
        ----------
        X, times, strata, offset
            As in `predict_cumulative_hazard`.

        Returns
        -------
        ndarray of float64 of shape (n_samples, n_times)
            exp of minus the cumulative hazard.
        """
        found = self.predict_cumulative_hazard(X, times, strata, offset)
        return np.exp(np.negative(found, out=found), out=found)

    def predict_median(
        self,
        X: Matrix,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Array:
        """The first time at which at most half of such rows have not had the event.

        Parameters
        ----------
        X, strata, offset
            As in `predict_cumulative_hazard`.

        Returns
        -------
        ndarray of float64 of shape (n_samples,)
            inf where it is later than all events of the fit.
        """
        raw = self.raw_prediction(X, offset).astype(np.float64, copy=False)
        codes, found = self._stratum_of(strata, len(raw)), np.full(len(raw), np.inf)
        for code, own in enumerate(self._baselines):
            here = np.flatnonzero(codes == code)
            wanted = np.log(np.log(2.0)) - raw[here]
            first = np.searchsorted(own.log_hazard, wanted)
            reached = first < len(own.times)
            found[here[reached]] = own.times[first[reached]]
        return found

    def _times(self, times):
        if times is None:
            return np.unique(np.concatenate([b.times for b in self._baselines]))
        times = np.asarray(times, dtype=np.float64)
        if times.ndim != 1 or np.isnan(times).any():
            got = f"the shape {times.shape}" if times.ndim != 1 else "nan among them"
            raise ValueError(f"times must be a list of numbers. Got {got}.")
        return times

    def score(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Harrell's concordance index; see `concordance_index_score`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : as in `fit`
        sample_weight : array-like of shape (n_samples,), default=None
        strata : array-like of shape (n_samples,), default=None
            Only rows of the same stratum are compared.
        offset : array-like of shape (n_samples,) or float, default=None

        Returns
        -------
        float
        """
        risk = self.predict(X, offset)
        return concordance_index_score(
            _flat(y), risk, strata=strata, sample_weight=sample_weight
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags


def _flat(y):
    """A column of times as a row of them."""
    found = np.asarray(y)
    is_column = found.dtype.names is None and found.ndim == 2 and found.shape[1] == 1
    return found[:, 0] if is_column else found


def _ids(strata, codes):
    """The id of each code."""
    first = np.unique(codes, return_index=True)[1]
    return np.asarray(strata)[first].tolist()
