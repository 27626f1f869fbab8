"""Scorers of ordered classes and of quantiles, for cross-validation and searches.

>>> from sklearn_losses import ordinal_mae_scorer
>>> ordinal_mae_scorer()
ordinal_mae_scorer()
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.metadata_routing import UNUSED

from sklearn_losses._machine._typing import ArrayLike, Matrix
from sklearn_losses.estimators import (
    mean_pinball_score,
    ordinal_mae_score,
    quadratic_weighted_kappa_score,
    ranked_probability_score,
)
from sklearn_losses.inspection._group_scorers import OrderScorer
from sklearn_losses.inspection._raw_prediction import behind


class OutputScorer(OrderScorer):
    """A scorer of what an estimator predicts for each row; see `ordinal_mae_scorer`."""

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
        """The score of a fitted estimator, the larger the better.

        Parameters
        ----------
        estimator : object
            A fitted classifier, whose `classes_` are in their order, or a regressor; of
            a distribution or an interval one whose loss has it, maybe at the end of a
            pipeline or in a search.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,), default=None
            Passed to the estimator.

        Returns
        -------
        float
        """
        more = {} if offset is None else {"offset": offset}
        return self._score(estimator, X, y, sample_weight, more)


class OrdinalMaeScorer(OutputScorer):
    """See `ordinal_mae_scorer`."""

    _name = "ordinal_mae_scorer"

    def _score(self, estimator, X, y, weight, more):
        parts = dict(categories=estimator.classes_, sample_weight=weight)
        return -ordinal_mae_score(y, estimator.predict(X, **more), **parts)


class QuadraticWeightedKappaScorer(OutputScorer):
    """See `quadratic_weighted_kappa_scorer`."""

    _name = "quadratic_weighted_kappa_scorer"

    def _score(self, estimator, X, y, weight, more):
        parts = dict(categories=estimator.classes_, sample_weight=weight)
        found = estimator.predict(X, **more)
        return quadratic_weighted_kappa_score(y, found, **parts)


class RankedProbabilityScorer(OutputScorer):
    """See `ranked_probability_scorer`."""

    _name = "ranked_probability_scorer"

    def _score(self, estimator, X, y, weight, more):
        parts = dict(categories=estimator.classes_, sample_weight=weight)
        found = estimator.predict_proba(X, **more)
        return -ranked_probability_score(y, found, **parts)


class MeanPinballScorer(OutputScorer):
    """See `mean_pinball_scorer`."""

    _name = "mean_pinball_scorer"

    def __init__(self, levels: ArrayLike) -> None:
        self.levels = levels

    def _score(self, estimator, X, y, weight, more):
        model, rows = behind(estimator, X, "predict_quantile")
        if model is not None:
            found = model.predict_quantile(rows, np.ravel(self.levels), **more)
        else:  # one level, or an estimator of others
            found = np.asarray(estimator.predict(X, **more))
            found = found[:, None] if found.ndim == 1 else found
        return -mean_pinball_score(y, found, levels=self.levels, sample_weight=weight)


def ordinal_mae_scorer() -> OrdinalMaeScorer:
    """A scorer of minus `ordinal_mae_score`, by the order of the model's classes.

    It knows the order of `LinearOrdinalClassifier`, where "neg_mean_absolute_error"
    takes labels for numbers.

    Returns
    -------
    OrdinalMaeScorer

    See Also
    --------
    ordinal_mae_score : The function.

    Examples
    --------
    >>> from sklearn_losses import ordinal_mae_scorer
    >>> ordinal_mae_scorer()
    ordinal_mae_scorer()
    """
    return OrdinalMaeScorer()


def quadratic_weighted_kappa_scorer() -> QuadraticWeightedKappaScorer:
    """A scorer of `quadratic_weighted_kappa_score`, by the order that the model knows.

    Returns
    -------
    QuadraticWeightedKappaScorer

    See Also
    --------
    quadratic_weighted_kappa_score : The function.

    Examples
    --------
    >>> from sklearn_losses import quadratic_weighted_kappa_scorer
    >>> quadratic_weighted_kappa_scorer()
    quadratic_weighted_kappa_scorer()
    """
    return QuadraticWeightedKappaScorer()


def ranked_probability_scorer() -> RankedProbabilityScorer:
    """A scorer of minus `ranked_probability_score`, of models with probabilities.

    Returns
    -------
    RankedProbabilityScorer

    See Also
    --------
    ranked_probability_score : The function.

    Examples
    --------
    >>> from sklearn_losses import ranked_probability_scorer
    >>> ranked_probability_scorer()
    ranked_probability_scorer()
    """
    return RankedProbabilityScorer()


def mean_pinball_scorer(levels: ArrayLike) -> MeanPinballScorer:
    """A scorer of minus `mean_pinball_score`, of models that predict quantiles.

    Parameters
    ----------
    levels : array-like of shape (n_levels,)
        Some of those that `Quantiles` was fitted with, any of a distribution, else all
        that `predict` gives.

    Returns
    -------
    MeanPinballScorer

    See Also
    --------
    mean_pinball_score : The function.

    Examples
    --------
    >>> from sklearn_losses import mean_pinball_scorer
    >>> mean_pinball_scorer([0.1, 0.5, 0.9])
    mean_pinball_scorer(levels=[0.1, 0.5, 0.9])
    """
    return MeanPinballScorer(levels)
