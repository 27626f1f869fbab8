"""What estimators of survival share: baselines, and what is predicted with them."""

from __future__ import annotations

from copy import copy

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from sklearn_losses._machine._typing import Array, ArrayLike, Matrix
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators._validation import check_weights, warn_caller
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.blocks._lazy import Score, lazy_of_collections
from sklearn_losses.estimators.groups._baseline import Hazards, baseline
from sklearn_losses.estimators.outputs._outputs import levels_of, tails_of
from sklearn_losses.estimators.scores._groups import (
    NO_PAIR,
    concordance_index_score,
    concordance_sums,
    ratio_of_blocks,
    warn_of_pooled_strata,
)
from sklearn_losses.estimators.scores._survival import kaplan_meier, list_of_times
from sklearn_losses.losses._targets import named, of_cause, survival_columns
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._posed import data_of

# What the docstrings of its estimators share.
BASELINE = """`times`, those of events, and the `cumulative_hazard` up to each of them,
        of a row whose raw prediction is `raw_prediction`, the mean of the fit's"""
CENSORING = """`times`, and the `survival` from each of them on: the chance not to be
        censored until then, of all strata (Kaplan-Meier). Scores take it as their
        `censoring`"""


class SurvivalMixin:
    """Hazards in proportion: a log hazard ratio of each row, and baselines of strata.

    A subclass that predicts something else, too, overrides `_prediction`,
    `_cumulative`, `_quantiles` and `_known_times`.
    """

    _predicts_blocks = True
    _tasks = ("survival",)
    _groups_are = "strata"
    __metadata_request__fit = {"strata": True}
    __metadata_request__score = {"strata": True}

    def _check_events(self, columns, sample_weight):
        seen = columns[:, 1] if sample_weight is None else columns[:, 1] * sample_weight
        if not seen.any():
            raise ValueError(
                f"{type(self).__name__} found no event (with weight) among n_samples="
                f"{len(columns)}: nothing is left to fit. In survival_target(event, "
                "time) event is True where the time is that of the event."
            )

    def _warn_of_nobody_else(self):
        warn_caller(
            f"At no event of {type(self).__name__} any other row was at risk, in its "
            "stratum: nothing says what coefficients are, and all are 0."
        )

    def _says_nothing(self, n_rows):
        return f"All of n_samples={n_rows} rows have no weight: nothing is left to fit."

    def _fit_baselines(self, X, columns, codes, sample_weight, offset):
        """The cumulative hazards, of each cause and stratum."""
        raw = self._raw(X, 0.0 if offset is None else offset)
        weight = check_weights(sample_weight, len(raw))
        weight = np.ones(len(raw)) if weight is None else weight
        efron = getattr(self.loss_, "ties", "breslow") == "efron"
        order = np.argsort(columns[:, 0])
        order = order[weight[order] > 0]
        columns, raw, weight = columns[order], raw[order], weight[order]
        n_strata, codes = codes.max() + 1, codes[order]
        self.censoring_ = censoring(columns, weight)
        found = [
            baselines_of(
                own, _events_of(columns, cause), codes, weight, efron, n_strata
            )
            for own, cause in zip(raw.T, getattr(self, "causes_", [1]))
        ]
        self._publish(found)

    def _fit_baselines_of_blocks(self, blocks, split):
        """The same of whole strata in blocks, each where it is."""
        task = BaselinesOfBlock(copy(self), split)
        found = [each for each in blocks.map(task) if each is not None]
        self._strata = [stratum for ids, _ in found for stratum in ids]
        self.censoring_ = None  # is of all strata together
        self._publish([[own for _, each in found for own in each]])

    def _publish(self, found):
        """The baselines of each cause and stratum, as pairs with what is published."""
        self._hazards = Hazards([[own for own, _ in each] for each in found])
        published = []
        for each in found:
            at_mean = [bunch for _, bunch in each]
            one = (
                at_mean[0] if self._strata is None else dict(zip(self._strata, at_mean))
            )
            published.append(one)
        self.baseline_ = published if hasattr(self, "causes_") else published[0]

    def _raw(self, X, offset):
        """Log hazard ratios, with a column for each cause."""
        refuse_collection(X, "X")  # of which only `predict` is lazy
        raw = self.raw_prediction(X, offset).astype(np.float64, copy=False)
        return raw.reshape(len(raw), -1)

    def _stratum_of(self, strata, n_rows):
        """The index of the stratum of each row of a prediction."""
        check_is_fitted(self)
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
    def _of_hazards(self, X, strata, offset):
        """Log hazard ratios, and the index of the stratum of each row."""
        if not hasattr(self, "_hazards"):
            raise ValueError(
                f"{type(self).__name__} has no baseline before a fit has ended, and "
                "predicts log hazard ratios alone. Use another scoring."
            )
        raw = self._raw(X, offset)
        return raw, self._stratum_of(strata, len(raw))

    @lazy_of_collections
    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """The logarithm of the hazard ratio, or the median of the time.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or float, default=None
            What is added to raw predictions, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_causes)
            With `CoxPH` the larger, the sooner: the logarithm of the hazard ratio to a
            row whose features and offset are 0. With accelerated failure times the
            median, which is the larger, the later.
        """
        check_is_fitted(self)
        return self._prediction(X, offset)

    def _prediction(self, X, offset):
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
        ndarray of float64 of shape (n_samples, n_times), or of several causes \
                (n_samples, n_times, n_causes)
        """
        return self._cumulative(X, self._times(times), strata, offset)

    def _cumulative(self, X, times, strata, offset):
        rows = self._of_hazards(X, strata, offset)
        found = self._hazards.cumulative(*rows, times)
        return found if hasattr(self, "causes_") else found[..., 0]

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
            exp of minus the cumulative hazard, of all causes together.
        """
        found = self.predict_cumulative_hazard(X, times, strata, offset)
        found = found.sum(axis=2) if found.ndim == 3 else found
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
            With `CoxPH` inf where it is later than all events of the fit.
        """
        return self.predict_quantile(X, 0.5, strata, offset)

    def predict_quantile(
        self,
        X: Matrix,
        q: ArrayLike,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Array:
        """The time until which a share q of such rows have had the event.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        q : float or array-like of shape (n_levels,)
            Levels in (0, 1).
        strata, offset
            As in `predict_cumulative_hazard`.

        Returns
        -------
        ndarray of float64 of shape (n_samples,), or (n_samples, n_levels) if q is an \
                array
            With `CoxPH` inf where it is later than all events of the fit.
        """
        check_is_fitted(self)
        return self._quantiles(X, q, strata, offset)

    def _quantiles(self, X, q, strata, offset):
        q = levels_of(q)
        rows = self._of_hazards(X, strata, offset)
        levels = -np.log1p(-np.atleast_1d(q))
        found = [self._hazards.first_times(*rows, level) for level in levels]
        return found[0] if q.ndim == 0 else np.column_stack(found)

    def predict_interval(
        self,
        X: Matrix,
        coverage: float = 0.9,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Array:
        """The interval between two quantiles of the time, with as much beyond each.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        coverage : float, default=0.9
            In (0, 1).
        strata, offset
            As in `predict_cumulative_hazard`.

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        return self.predict_quantile(X, tails_of(coverage), strata, offset)

    def _times(self, times):
        check_is_fitted(self)
        if times is None:
            return self._known_times()
        return list_of_times(times)

    def _known_times(self):
        return self._hazards.times

    def score(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Harrell's concordance index; see `concordance_index_score`.

        Of several causes their mean, where the others are censored.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
        y : as in `fit`
        sample_weight : array-like of shape (n_samples,), default=None
        strata : array-like of shape (n_samples,), default=None
            Only rows of the same stratum are compared. None: all are, and a warning
            says so if the model was fitted with strata.
        offset : array-like of shape (n_samples,) or float, default=None

        Returns
        -------
        float
        """
        parts = type(self).__name__, X, y, sample_weight, offset, strata, "strata"
        blocks = blocks_of(*parts)
        if blocks is not None:
            parts = concordance_sums, Score(self, "_risk"), "The concordance index"
            return ratio_of_blocks(blocks, *parts, NO_PAIR)
        warn_of_pooled_strata(self, strata)
        risk, more = self._risk(X, offset), {"sample_weight": sample_weight}
        if not hasattr(self, "causes_"):
            return concordance_index_score(flat(y), risk, strata=strata, **more)
        columns = survival_columns(y, several=True)
        each = []
        for own, cause in zip(risk.T, self.causes_):
            target = of_cause(columns, cause)
            each.append(concordance_index_score(target, own, strata=strata, **more))
        return float(np.mean(each))

    def _risk(self, X, offset):
        """What is the larger, the sooner events are."""
        risk = self.predict(X, offset)
        bad = np.argwhere(~np.isfinite(risk))
        if len(bad):
            raise ValueError(
                f"{type(self).__name__} cannot score rows whose predictions are not "
                f"finite: that of row {bad[0, 0]} is {risk[tuple(bad[0])]}. Leave "
                "them out, or scale X as it was in the fit."
            )
        return risk if self._predict_risk_score else -risk

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags


def censoring(columns, sample_weight):
    """Kaplan and Meier's estimate of the probability not to be censored.

    None where rows enter late: nothing says it.
    """
    if columns.shape[1] > 2:
        return None
    weight = check_weights(sample_weight, len(columns))
    weight = np.ones(len(columns)) if weight is None else weight
    here = weight > 0
    return kaplan_meier(columns[here], weight[here], of_censoring=True)


def _events_of(columns, cause):
    """Times and events, of which those of other causes are none."""
    own = columns.copy()
    own[:, 1] = columns[:, 1] == cause
    return own


def baselines_of(raw, columns, codes, weight, efron, n_strata):
    """The `Baseline` of each stratum, and as it is published.

    Parameters
    ----------
    raw, weight : ndarray of shape (n_rows,)
    columns : ndarray of shape (n_rows, n_columns)
        Ascending in time.
    codes : ndarray of intp of shape (n_rows,)
    efron : bool
    n_strata : int
    """
    found = []
    for code in range(n_strata):
        here = codes == code if n_strata > 1 else slice(None)
        own = baseline(columns[here], raw[here], weight[here], efron)
        found.append((own, _at_mean(own, raw[here], weight[here])))
    return found


class BaselinesOfBlock:
    """A task: the ids of the strata of a block, and what `baselines_of` them gives."""

    __name__ = "baselines"

    def __init__(self, model, split):
        self.model, self.split = model, split

    def __call__(self, block):
        data = data_of(block)
        if len(data.y) == 0:
            return None
        columns, codes, strata, _ = self.split(data.y, data.groups)
        offset = 0.0 if data.offset is None else data.offset[:, 0]
        X = block[0] if hasattr(block[0], "iloc") else data.X
        raw = self.model._raw(X, offset)[:, 0]
        weight = np.ones(len(raw)) if data.weight is None else data.weight
        order = np.argsort(columns[:, 0])
        order = order[weight[order] > 0]
        parts = (part[order] for part in (raw, columns, codes, weight))
        efron = getattr(self.model.loss_, "ties", "breslow") == "efron"
        n_strata = codes.max() + 1
        found = baselines_of(*parts, efron, n_strata)
        return ids_of(strata, codes), found


def _at_mean(found, raw, weight):
    """A baseline as it is published."""
    mean = np.average(raw, weights=weight) if len(raw) else 0.0
    with np.errstate(over="ignore"):
        hazard = np.exp(found.log_hazard + mean)
    return Bunch(times=found.times, cumulative_hazard=hazard, raw_prediction=mean)


def flat(y):
    """A column of times as a row of them."""
    found = named(y)
    is_column = found.dtype.names is None and found.ndim == 2 and found.shape[1] == 1
    return found[:, 0] if is_column else found


def ids_of(strata, codes):
    """The id of each code."""
    first = np.unique(codes, return_index=True)[1]
    return np.asarray(strata)[first].tolist()
