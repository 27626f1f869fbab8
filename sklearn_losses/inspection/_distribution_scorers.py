"""Scorers of predicted distributions and intervals, for searches.

>>> from sklearn_losses import interval_scorer
>>> interval_scorer(coverage=0.8)
interval_scorer(coverage=0.8)
"""

from __future__ import annotations

import numpy as np

from sklearn_losses.estimators import crps_score, interval_score
from sklearn_losses.inspection._output_scorers import OutputScorer
from sklearn_losses.inspection._raw_prediction import behind


class DistributionScorer(OutputScorer):
    """A scorer of what a model says of the distribution of y."""

    _method = "predict_distribution"
    _lacks = "distribution", "one, such as GaussianDistribution()"

    def _score(self, estimator, X, y, weight, more):
        model, X = behind(estimator, X, self._method)
        if model is None:
            what, such = self._lacks
            raise ValueError(
                f"{self!r} cannot score {type(estimator).__name__}, because it "
                f"predicts no {what}. Use LinearRegressor with a loss that has {such}."
            )
        return -self._of(model, X, y, weight, more.get("offset"))


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
    _method = "predict_interval"
    _lacks = "interval", "them: Quantiles, or a distribution as GaussianDistribution()"

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
        Of the intervals that the model predicts: those of a distribution, or of
        `Quantiles` with the levels (1 - coverage) / 2 and (1 + coverage) / 2.

    Returns
    -------
    IntervalScorer
        A callable, as from `crps_scorer`.

    See Also
    --------
    interval_score : The function.
    mean_pinball_scorer : Of several quantiles.

    Examples
    --------
    Intervals of two kinds in one search:

    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_losses import GaussianDistribution, LinearRegressor, Quantiles
    >>> from sklearn_losses import interval_scorer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> grid = {"loss": [Quantiles([0.05, 0.95]), GaussianDistribution()]}
    >>> model = LinearRegressor(penalty=None)
    >>> search = GridSearchCV(model, grid, scoring=interval_scorer(0.9)).fit(X, y)
    >>> (-search.cv_results_["mean_test_score"]).round(0)
    array([217., 220.])
    """
    return IntervalScorer(coverage)
