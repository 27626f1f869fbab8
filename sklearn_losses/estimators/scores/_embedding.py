"""Scores of embeddings: whether distances say what belongs together."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from sklearn_losses._machine._params import Interval, check_parameter
from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.estimators._labels import check_one_kind
from sklearn_losses.estimators._validation import check_weights
from sklearn_losses.estimators.embedding._tuple_data import same_of_pairs
from sklearn_losses.estimators.scores._groups import _undefined


def pair_auc_score(
    y_true: ArrayLike, distance: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """How often a pair that belongs together is nearer than one that does not.

    The area under the ROC curve of minus the distance; a tie counts one half.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 of pairs that belong together, and 0 or -1 of others.
    distance : array-like of shape (n_pairs,)
        Distances, squared or not.
    sample_weight : array-like of shape (n_pairs,), default=None
        Weights >= 0 of pairs.

    Returns
    -------
    float
        nan, with a warning, where all pairs are of one kind.

    See Also
    --------
    pair_auc_scorer : A scorer for searches.

    Examples
    --------
    >>> from sklearn_losses import pair_auc_score
    >>> pair_auc_score([1, 1, 0, 0], [0.1, 0.5, 0.3, 2.0])
    0.75
    """
    distance = np.asarray(distance, dtype=np.float64)
    same, _ = same_of_pairs("pair_auc_score", y_true, len(distance))
    bad = np.flatnonzero(~np.isfinite(distance))
    if len(bad):
        raise ValueError(
            f"distance must be finite: distance[{bad[0]}] is {distance[bad[0]]}."
        )
    weight = check_weights(sample_weight, len(distance))
    seen = slice(None) if weight is None else weight > 0
    if len(np.unique(same[seen])) < 2:
        return _undefined("pair_auc_score", "all pairs are of one kind")
    return float(roc_auc_score(same, -distance, sample_weight=weight))


def knn_accuracy_score(
    y_true: ArrayLike,
    embedding: ArrayLike,
    *,
    n_neighbors: int = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """How often the nearest of the other rows tell the class of a row.

    The accuracy of a classifier of nearest neighbours that leaves out the row itself.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    embedding : array-like of shape (n_samples, n_components)
        Where rows are.
    n_neighbors : int, default=1
        How many of them vote. Of a tie the first class wins.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights >= 0 of rows in the accuracy. Each votes alike, but for rows of weight
        0, which are absent.

    Returns
    -------
    float
        nan, with a warning, where there are not as many other rows.

    See Also
    --------
    knn_accuracy_scorer : A scorer for searches.

    Examples
    --------
    >>> from sklearn_losses import knn_accuracy_score
    >>> knn_accuracy_score([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]])
    0.5
    """
    check_parameter(
        "knn_accuracy_score",
        "n_neighbors",
        n_neighbors,
        [Interval(1, None, "left", integer=True)],
    )
    check_one_kind(y_true, "y_true")
    _, codes = np.unique(np.asarray(y_true), return_inverse=True)
    Z = np.asarray(embedding)
    if codes.ndim != 1 or Z.ndim != 2 or len(Z) != len(codes):
        raise ValueError(
            "knn_accuracy_score needs y_true of shape (n_samples,) and an embedding of "
            f"shape (n_samples, n_components). Got {np.shape(y_true)} and {Z.shape}."
        )
    weight = check_weights(sample_weight, len(codes))
    if weight is not None:
        codes, Z, weight = codes[weight > 0], Z[weight > 0], weight[weight > 0]
    if len(codes) <= n_neighbors:
        why = f"{len(codes)} rows have fewer than n_neighbors={n_neighbors} others"
        return _undefined("knn_accuracy_score", why)
    from sklearn.neighbors import NearestNeighbors  # a slow import

    nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(Z)
    voters = codes[nearest.kneighbors(return_distance=False)]
    votes = np.zeros((len(codes), codes.max() + 1), dtype=np.int32)
    np.add.at(votes, (np.arange(len(codes))[:, None], voters), 1)
    return float(np.average(votes.argmax(axis=1) == codes, weights=weight))
