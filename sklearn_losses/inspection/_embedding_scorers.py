"""Scorers of embeddings, for searches: `pair_auc_scorer`, `knn_accuracy_scorer`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED

from sklearn_losses._machine._params import Interval, check_parameter
from sklearn_losses._machine._typing import ArrayLike, Matrix
from sklearn_losses.estimators import knn_accuracy_score, pair_auc_score
from sklearn_losses.estimators._validation import check_weights
from sklearn_losses.estimators.embedding._threshold import sampled_pairs
from sklearn_losses.estimators.embedding._tuple_data import is_tuples
from sklearn_losses.inspection._group_scorers import OrderScorer

MOST_ROWS = 1000  # of which all pairs are looked at


def embedded(scorer, estimator, X):
    """Where an estimator, perhaps in a pipeline or a search, takes rows."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if isinstance(estimator, Pipeline) and not hasattr(estimator, "transform"):
        estimator = estimator[:-1]  # before a classifier, say
    if not hasattr(estimator, "transform"):
        raise TypeError(
            f"{scorer!r} needs an estimator with transform, such as LinearEmbedding, "
            f"or a pipeline with one before its last step. Got {estimator!r}."
        )
    return np.asarray(estimator.transform(X))


class EmbeddingScorer(OrderScorer):
    """A scorer of where rows are taken; see `pair_auc_scorer`."""

    __metadata_request__score = {"estimator": UNUSED, "sample_weight": True}

    def __call__(  # type: ignore[override]
        self,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The score of a fitted estimator; see `score`."""
        return self.score(estimator, X, y, sample_weight)


class PairAucScorer(EmbeddingScorer):
    """A scorer made by `pair_auc_scorer`."""

    _name = "pair_auc_scorer"

    def score(
        self,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The area under the ROC curve of pairs, the larger the better.

        Parameters
        ----------
        estimator : object
            A fitted estimator that transforms rows or, of pairs, has `pair_distance`.
        X : array-like of shape (n_pairs, 2, n_features), or {array-like, sparse \
                matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_pairs,) or (n_samples,)
            1 of pairs that belong together and 0 or -1 of others; or labels of rows.
        sample_weight : array-like of the shape of y, default=None
            Weights >= 0. A pair of rows counts as the product of theirs.

        Returns
        -------
        float
            nan, with a warning, where it is not defined.
        """
        if is_tuples(X):
            while hasattr(estimator, "best_estimator_"):
                estimator = estimator.best_estimator_
            distance = estimator.pair_distance(X)
            return pair_auc_score(y, distance, sample_weight=sample_weight)
        Z, codes = embedded(self, estimator, X), np.unique(y, return_inverse=True)[1]
        if len(Z) <= MOST_ROWS:
            i, j = np.triu_indices(len(Z), 1)
        else:
            i, j = sampled_pairs(codes, check_random_state(0))
        distance = ((Z[i] - Z[j]) ** 2).sum(axis=1)
        weight = check_weights(sample_weight, len(Z))
        of_pair = None if weight is None else weight[i] * weight[j]
        return pair_auc_score(codes[i] == codes[j], distance, sample_weight=of_pair)


class KnnAccuracyScorer(EmbeddingScorer):
    """A scorer made by `knn_accuracy_scorer`."""

    _name = "knn_accuracy_scorer"

    def __init__(self, n_neighbors: int = 1) -> None:
        self.n_neighbors = n_neighbors

    def score(
        self,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The accuracy of nearest neighbours among the rows of X.

        Parameters
        ----------
        estimator : object
            A fitted estimator that transforms rows.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of rows in the accuracy.

        Returns
        -------
        float
            nan, with a warning, where it is not defined.
        """
        Z = embedded(self, estimator, X)
        return knn_accuracy_score(
            y, Z, n_neighbors=self.n_neighbors, sample_weight=sample_weight
        )


def pair_auc_scorer() -> PairAucScorer:
    """A scorer for cross-validation and searches: `pair_auc_score`.

    Of pairs, or of labelled rows: then of all their pairs, or of a sample of these if
    there are more than 1000 rows.

    Returns
    -------
    PairAucScorer
        A callable ``scorer(estimator, X, y, sample_weight=None)``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import StratifiedKFold, cross_val_score
    >>> from sklearn_losses import LinearEmbedding, pair_auc_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> scores = cross_val_score(LinearEmbedding(2, loss="logistic_pair"), X, y,
    ...                          cv=StratifiedKFold(3), scoring=pair_auc_scorer())
    >>> bool(scores.mean() > 0.95)
    True
    """
    return PairAucScorer()


def knn_accuracy_scorer(n_neighbors: int = 1) -> KnnAccuracyScorer:
    """A scorer for cross-validation and searches: `knn_accuracy_score`.

    Parameters
    ----------
    n_neighbors : int, default=1
        How many of the nearest other rows of a fold vote.

    Returns
    -------
    KnnAccuracyScorer
        A callable ``scorer(estimator, X, y, sample_weight=None)``.
    """
    positive = [Interval(1, None, "left", integer=True)]
    check_parameter("knn_accuracy_scorer", "n_neighbors", n_neighbors, positive)
    return KnnAccuracyScorer(n_neighbors)
