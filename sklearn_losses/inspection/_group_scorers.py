"""Scorers of rankings and of survival models, for cross-validation and searches.

>>> from sklearn_losses import ndcg_scorer
>>> ndcg_scorer(k=5)
ndcg_scorer(k=5)
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from sklearn_losses._machine._params import check_parameter
from sklearn_losses._machine._typing import ArrayLike, BaseEstimator, Matrix
from sklearn_losses.estimators import (
    average_precision_by_group_score,
    concordance_index_ipcw_score,
    concordance_index_score,
    cumulative_dynamic_auc_score,
    integrated_brier_score,
    ndcg_score,
    pairwise_accuracy_score,
    reciprocal_rank_score,
)
from sklearn_losses.estimators.groups._hazards import SurvivalMixin
from sklearn_losses.estimators.scores._groups import (
    EMPTY,
    GAIN,
    PER,
    TOP,
    _undefined,
    warn_of_one_query,
    warn_of_pooled_strata,
)
from sklearn_losses.estimators.scores._survival import usual_times


def order_of(estimator, X, offset=None):
    """The numbers by which an estimator orders rows, the larger the sooner."""
    more = {} if offset is None else {"offset": offset}
    if not is_classifier(estimator):
        return np.asarray(estimator.predict(X, **more))
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(X, **more))
    return np.asarray(estimator.predict_proba(X, **more))[:, 1]


def final_of(estimator):
    """The estimator at the end of pipelines and searches."""
    while hasattr(estimator, "best_estimator_") or isinstance(estimator, Pipeline):
        is_search = hasattr(estimator, "best_estimator_")
        estimator = estimator.best_estimator_ if is_search else estimator.steps[-1][1]
    return estimator


def risk_of(estimator, X, offset=None):
    """The same of a survival model, some of which predict times."""
    predicted = order_of(estimator, X, offset)
    is_risk = getattr(final_of(estimator), "_predict_risk_score", True)
    return predicted if is_risk else -predicted


class OrderScorer(BaseEstimator):
    """A scorer of an order, which says what it does.

    It is a scikit-learn parameter holder, so that it can be cloned and pickled and
    takes part in metadata routing, for which nothing has to be set: it asks for the
    groups, the weights and the offset by itself.
    """

    _name = ""

    def __call__(
        self,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        **groups: ArrayLike | None,
    ) -> float:
        """The score of a fitted estimator; see `score`."""
        return self.score(estimator, X, y, sample_weight, offset, **groups)

    def _options(self):
        """The parameters of the score, which are those of the scorer."""
        return self.get_params(deep=False)

    def _accept_sample_weight(self):
        return True  # as in LossScorer

    @property
    def __name__(self):
        """What reports call it, as they do a function."""
        return repr(self)

    def __repr__(self):
        defaults = inspect.signature(type(self)).parameters
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name, parameter in defaults.items()
            if repr(getattr(self, name)) != repr(parameter.default)
        ]
        return f"{self._name}({', '.join(shown)})"


class RankingScorer(OrderScorer):
    """A scorer of the queries of a ranking; see `ndcg_scorer`."""

    __metadata_request__score = {
        "estimator": UNUSED,
        "groups": True,
        "offset": True,
        "sample_weight": True,
    }
    _constraints: dict[str, list[Any]] = {}

    def _checked(self) -> Any:
        """This scorer, if its parameters are those of a score."""
        for name, allowed in self._constraints.items():
            check_parameter(self._name, name, getattr(self, name), allowed)
        return self

    def score(
        self,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> float:
        """The score of a fitted estimator, the larger the better.

        Parameters
        ----------
        estimator : object
            A fitted estimator, whose predictions put rows in order, the largest first.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Relevances, or as from `ranking_target`.
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,), default=None
            Passed to the estimator.
        groups : array-like of shape (n_samples,), default=None
            Which query each row belongs to; None: that of y.

        Returns
        -------
        float
            nan, with a warning, where it is not defined.
        """
        warn_of_one_query(y, groups, "scored")
        return self._score(
            y,
            order_of(estimator, X, offset),
            groups=groups,
            sample_weight=sample_weight,
            **self._options(),
        )


class NdcgScorer(RankingScorer):
    """A scorer made by `ndcg_scorer`."""

    _name = "ndcg_scorer"
    _score = staticmethod(ndcg_score)
    _constraints = {"k": TOP, "gain": GAIN, "empty": EMPTY}

    def __init__(
        self, k: int | None = None, gain: str = "exponential", empty: str = "skip"
    ) -> None:
        self.k = k
        self.gain = gain
        self.empty = empty


class PairwiseAccuracyScorer(RankingScorer):
    """A scorer made by `pairwise_accuracy_scorer`."""

    _name = "pairwise_accuracy_scorer"
    _score = staticmethod(pairwise_accuracy_score)
    _constraints = {"per": PER}

    def __init__(self, per: str = "query") -> None:
        self.per = per


class AveragePrecisionByGroupScorer(RankingScorer):
    """A scorer made by `average_precision_by_group_scorer`."""

    _name = "average_precision_by_group_scorer"
    _score = staticmethod(average_precision_by_group_score)
    _constraints = {"empty": EMPTY}

    def __init__(self, empty: str | int = "skip") -> None:
        self.empty = empty


class ReciprocalRankScorer(RankingScorer):
    """A scorer made by `reciprocal_rank_scorer`."""

    _name = "reciprocal_rank_scorer"
    _score = staticmethod(reciprocal_rank_score)
    _constraints = {"k": TOP, "empty": EMPTY}

    def __init__(self, k: int | None = None, empty: str | int = "skip") -> None:
        self.k = k
        self.empty = empty


class SurvivalScorer(OrderScorer):
    """A scorer of survival models; see `concordance_index_scorer`."""

    __metadata_request__score = {
        "estimator": UNUSED,
        "strata": True,
        "offset": True,
        "sample_weight": True,
    }

    def score(
        self,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        strata: ArrayLike | None = None,
    ) -> float:
        """The score of a fitted estimator, the larger the better.

        Parameters
        ----------
        estimator : object
            A fitted estimator, whose predictions are larger where the risk is, or times
            of an accelerated failure time model of this package or scikit-survival. A
            `LinearSurvival` or `SGDSurvival`, perhaps at the end of a pipeline or in a
            search, where the score is not `concordance_index_score`.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : as from `survival_target` or scikit-survival's Surv
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,), default=None
            Passed to the estimator.
        strata : array-like of shape (n_samples,), default=None
            Without them a warning says so if the model was fitted with strata.

        Returns
        -------
        float
            nan, with a warning, where it is not defined.
        """
        return self._of(estimator, X, y, sample_weight, offset, strata)


class ConcordanceIndexScorer(SurvivalScorer):
    """A scorer made by `concordance_index_scorer`."""

    _name = "concordance_index_scorer"

    def _of(self, estimator, X, y, sample_weight, offset, strata):
        warn_of_pooled_strata(final_of(estimator), strata)
        risk = risk_of(estimator, X, offset)
        return concordance_index_score(
            y, risk, strata=strata, sample_weight=sample_weight
        )


def _survival_model(scorer, estimator, X):
    """The model of survival in a pipeline or a search, and X as it sees it."""
    while not isinstance(estimator, SurvivalMixin):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            for _, step in estimator.steps[:-1]:
                X = X if step in (None, "passthrough") else step.transform(X)
            estimator = estimator.steps[-1][1]
        else:
            raise TypeError(
                f"{scorer!r} needs a LinearSurvival, perhaps in a pipeline or a "
                "search, which knows who was censored in its fit. Got "
                f"{estimator!r}."
            )
    check_is_fitted(estimator)
    if estimator.censoring_ is None:
        raise ValueError(
            f"{scorer!r} has no score of a model that was fitted with late entries, or "
            "intervals, for which the probability to be censored is not known. Use "
            "concordance_index_scorer()."
        )
    return estimator, X


class ConcordanceIndexIpcwScorer(SurvivalScorer):
    """A scorer made by `concordance_index_ipcw_scorer`."""

    _name = "concordance_index_ipcw_scorer"

    def __init__(self, tau: float | None = None) -> None:
        self.tau = tau

    def _of(self, estimator, X, y, sample_weight, offset, strata):
        model, X = _survival_model(self, estimator, X)
        warn_of_pooled_strata(model, strata)
        return concordance_index_ipcw_score(
            *(y, risk_of(model, X, offset)),
            tau=self.tau,
            strata=strata,
            censoring=model.censoring_,
            sample_weight=sample_weight,
        )


class TimesScorer(SurvivalScorer):
    """A scorer of what is predicted for some times."""

    def __init__(self, times: ArrayLike | None = None) -> None:
        self.times = times

    def _of(self, estimator, X, y, sample_weight, offset, strata):
        model, X = _survival_model(self, estimator, X)
        times = self.times
        if times is None:
            times = usual_times(model._times(None), model.censoring_, y)
            if len(times) == 0:
                why = "no row of y is in sight when events of the fit begin"
                return _undefined(repr(self), why)
        return self._at(
            *(y, model.predict_survival_function(X, times, strata, offset)),
            times=times,
            censoring=model.censoring_,
            sample_weight=sample_weight,
        )


class IntegratedBrierScorer(TimesScorer):
    """A scorer made by `integrated_brier_scorer`."""

    _name = "integrated_brier_scorer"

    def _at(self, y, survival, **settings):
        return -integrated_brier_score(y, survival, **settings)


class CumulativeDynamicAucScorer(TimesScorer):
    """A scorer made by `cumulative_dynamic_auc_scorer`."""

    _name = "cumulative_dynamic_auc_scorer"

    def _at(self, y, survival, **settings):
        return cumulative_dynamic_auc_score(y, -survival, **settings)


def ndcg_scorer(
    k: int | None = None, gain: str = "exponential", empty: str = "skip"
) -> NdcgScorer:
    """A scorer for cross-validation and searches: `ndcg_score`.

    The queries are those of ``y=ranking_target(...)`` or, with metadata routing, of
    `groups`.

    Parameters
    ----------
    k, gain, empty
        As in `ndcg_score`.

    Returns
    -------
    NdcgScorer
        A callable ``scorer(estimator, X, y, sample_weight=None, offset=None,
        groups=None)``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> from sklearn_losses import LinearRanker, ndcg_scorer, ranking_target
    >>> rng = np.random.default_rng(0)
    >>> X, query = rng.normal(size=(300, 3)), rng.integers(0, 30, size=300)
    >>> y = ranking_target((X[:, 0] + rng.normal(size=300)).round().clip(0, 3), query)
    >>> cross_val_score(LinearRanker(), X, y, cv=GroupKFold(3), groups=query,
    ...                 scoring=ndcg_scorer(k=5)).round(1)
    array([0.8, 0.8, 0.7])
    """
    return NdcgScorer(k, gain, empty)._checked()


def pairwise_accuracy_scorer(per: str = "query") -> PairwiseAccuracyScorer:
    """A scorer for cross-validation and searches: `pairwise_accuracy_score`.

    Parameters
    ----------
    per : {"query", "pair"}, default="query"
        As in `pairwise_accuracy_score`.

    Returns
    -------
    PairwiseAccuracyScorer
        A callable, as from `ndcg_scorer`.
    """
    return PairwiseAccuracyScorer(per)._checked()


def average_precision_by_group_scorer(
    empty: str | int = "skip",
) -> AveragePrecisionByGroupScorer:
    """A scorer for cross-validation and searches: `average_precision_by_group_score`.

    Parameters
    ----------
    empty : {"skip", 0, 1}, default="skip"
        As in `average_precision_by_group_score`.

    Returns
    -------
    AveragePrecisionByGroupScorer
        A callable, as from `ndcg_scorer`.
    """
    return AveragePrecisionByGroupScorer(empty)._checked()


def reciprocal_rank_scorer(
    k: int | None = None, empty: str | int = "skip"
) -> ReciprocalRankScorer:
    """A scorer for cross-validation and searches: `reciprocal_rank_score`.

    Parameters
    ----------
    k, empty
        As in `reciprocal_rank_score`.

    Returns
    -------
    ReciprocalRankScorer
        A callable, as from `ndcg_scorer`.
    """
    return ReciprocalRankScorer(k, empty)._checked()


def concordance_index_scorer() -> ConcordanceIndexScorer:
    """A scorer for cross-validation and searches: `concordance_index_score`.

    Returns
    -------
    ConcordanceIndexScorer
        A callable ``scorer(estimator, X, y, sample_weight=None, offset=None,
        strata=None)``.
    """
    return ConcordanceIndexScorer()


def concordance_index_ipcw_scorer(
    tau: float | None = None,
) -> ConcordanceIndexIpcwScorer:
    """A scorer for cross-validation and searches: `concordance_index_ipcw_score`.

    The probability to be censored is that of the rows of the fit.

    Parameters
    ----------
    tau : float, default=None
        As in `concordance_index_ipcw_score`.

    Returns
    -------
    ConcordanceIndexIpcwScorer
        A callable, as from `concordance_index_scorer`, for a `LinearSurvival` or
        `SGDSurvival`.
    """
    return ConcordanceIndexIpcwScorer(tau)


def integrated_brier_scorer(times: ArrayLike | None = None) -> IntegratedBrierScorer:
    """A scorer for cross-validation and searches: minus `integrated_brier_score`.

    The probability to be censored is that of the rows of the fit.

    Parameters
    ----------
    times : array-like of shape (n_times,), default=None
        When predictions are scored, ascending. None: at 50 quantiles of the times of
        events of the fit, from the first to the last decile, as far as rows of the fit
        and of y are in sight; they are others in each fold.

    Returns
    -------
    IntegratedBrierScorer
        A callable, as from `concordance_index_scorer`, for a `LinearSurvival` or
        `SGDSurvival`.
    """
    return IntegratedBrierScorer(times)


def cumulative_dynamic_auc_scorer(
    times: ArrayLike | None = None,
) -> CumulativeDynamicAucScorer:
    """A scorer for cross-validation and searches: `cumulative_dynamic_auc_score`.

    Of the predicted survival function, by which rows of several strata can be compared.
    The probability to be censored is that of the rows of the fit.

    Parameters
    ----------
    times : array-like of shape (n_times,), default=None
        As in `integrated_brier_scorer`.

    Returns
    -------
    CumulativeDynamicAucScorer
        A callable, as from `concordance_index_scorer`, for a `LinearSurvival` or
        `SGDSurvival`.
    """
    return CumulativeDynamicAucScorer(times)
