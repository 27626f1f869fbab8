"""Scorers of predicted distributions and intervals, for searches.

>>> from sklearn_losses import interval_scorer
>>> interval_scorer(coverage=0.8)
interval_scorer(coverage=0.8)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.metadata_routing import UNUSED

from sklearn_losses._machine._typing import ArrayLike, Matrix
from sklearn_losses.estimators import crps_score, interval_score
from sklearn_losses.inspection._group_scorers import OrderScorer
from sklearn_losses.inspection._raw_prediction import behind


class DistributionScorer(OrderScorer):
    """A scorer of what a model says of the distribution of y."""

    __metadata_request__score = {
        "estimator": UNUSED,
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
    ) -> float:
        """Minus the score of a fitted estimator: the larger, the better.

        Parameters
        ----------
        estimator : object
            A fitted `LinearRegressor` whose loss is a distribution, maybe at the end of
            a pipeline or in a search.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,), default=None
            Passed to the estimator.

        Returns
        -------
        float
        """
        model, X = behind(estimator, X, "predict_distribution")
        if model is None:
            raise ValueError(
                f"{self!r} cannot score {type(estimator).__name__}, because it "
                "predicts no distribution. Use LinearRegressor with a loss that has "
                "one, such as GaussianDistribution()."
            )
        return -self._of(model, X, y, sample_weight, offset)


class CrpsScorer(DistributionScorer):
    """A scorer made by `crps_scorer`."""

    _name = "crps_scorer"

    def _of(self, model, X, y, weight, offset):
        loss, values = model.loss_, model.predict_distribution(X, offset)
        if hasattr(loss, "crps"):
            return float(np.average(loss.crps(y, **values), weights=weight))
        return crps_score(y, loss.frozen(**values), sample_weight=weight)


class IntervalScorer(DistributionScorer):
    """A scorer made by `interval_scorer`."""

    _name = "interval_scorer"

    def __init__(self, coverage: float = 0.9) -> None:
        self.coverage = coverage

    def _of(self, model, X, y, weight, offset):
        ends = model.predict_interval(X, self.coverage, offset)
        return interval_score(y, ends, coverage=self.coverage, sample_weight=weight)


def crps_scorer() -> CrpsScorer:
    """A scorer for cross-validation and searches: minus `crps_score`.

    Returns
    -------
    CrpsScorer
        A callable ``scorer(estimator, X, y, sample_weight=None, offset=None)`` for a
        `LinearRegressor` whose loss is a distribution.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_losses import GaussianDistribution, LinearRegressor, crps_scorer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LinearRegressor(GaussianDistribution(), penalty=None)
    >>> cross_val_score(model, X, y, scoring=crps_scorer()).mean().round(1)
    np.float64(-31.1)
    """
    return CrpsScorer()


def interval_scorer(coverage: float = 0.9) -> IntervalScorer:
    """A scorer for cross-validation and searches: minus `interval_score`.

    Parameters
    ----------
    coverage : float, default=0.9
        Of the intervals that the model predicts.

    Returns
    -------
    IntervalScorer
        A callable, as from `crps_scorer`.
    """
    return IntervalScorer(coverage)
