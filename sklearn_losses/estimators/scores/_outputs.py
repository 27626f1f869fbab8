"""Scores of ordered classes and of quantiles, of which the order of labels matters.

Errors are the smaller the better; their scorers are minus them.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import cohen_kappa_score

from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.estimators._validation import check_weights, warn_caller
from sklearn_losses.estimators.outputs._ordinal_model import codes_of, order_of
from sklearn_losses.losses import Quantiles


def _order(owner, categories, *labels):
    """The classes in their order: those given or, as in a fit, those of the labels."""
    if categories is not None:
        return np.asarray(categories)
    for each in labels:
        if getattr(getattr(each, "dtype", None), "ordered", False):
            return order_of(owner, each, "auto")
    every = np.concatenate([np.asarray(each).ravel() for each in labels])
    return order_of(owner, every, "auto")


def _codes(owner, y_true, y_pred, categories):
    classes = _order(owner, categories, y_true, y_pred)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.ndim != 1 or y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true and y_pred of {owner} must have one shape (n_samples,). Got "
            f"{y_true.shape} and {y_pred.shape}."
        )
    return (codes_of(owner, each, classes) for each in (y_true, y_pred))


def ordinal_mae_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    categories: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The mean number of classes between true and predicted ones.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels.
    categories : array-like of shape (n_classes,), default=None
        The classes from the lowest to the highest. None: the order of an ordered
        categorical of pandas, else the sorted labels, with a warning if they are
        strings.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        The smaller the better.

    See Also
    --------
    quadratic_weighted_kappa_score : Far errors count as the square.
    ranked_probability_score : Of probabilities.

    Examples
    --------
    >>> from sklearn_losses import ordinal_mae_score
    >>> order = ["poor", "fair", "good"]
    >>> ordinal_mae_score(["poor", "good"], ["good", "good"], categories=order)
    1.0
    """
    true, found = _codes("ordinal_mae_score", y_true, y_pred, categories)
    weight = check_weights(sample_weight, len(true))
    return float(np.average(np.abs(true - found), weights=weight))


def quadratic_weighted_kappa_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    categories: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Cohen's kappa with weights that are squared distances of classes.

    1 minus the mean squared distance, over that of labels with the same shares that
    are independent of each other.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels.
    categories : array-like of shape (n_classes,), default=None
        The classes from the lowest to the highest. None: the order of an ordered
        categorical of pandas, else the sorted labels, with a warning if they are
        strings.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        1 is best, and 0 that of chance.

    See Also
    --------
    ordinal_mae_score : Far errors count as they are.

    References
    ----------
    Cohen 1968, "Weighted kappa", Psychological Bulletin 70.

    Examples
    --------
    >>> from sklearn_losses import quadratic_weighted_kappa_score
    >>> round(quadratic_weighted_kappa_score([0, 1, 2, 2], [0, 1, 2, 1]), 3)
    0.8
    """
    owner = "quadratic_weighted_kappa_score"
    true, found = _codes(owner, y_true, y_pred, categories)
    weight = check_weights(sample_weight, len(true))
    if (true == true[0]).all() and (found == true[0]).all():
        warn_caller(
            f"{owner} is nan, because all of y_true and y_pred are one class: there is "
            "nothing to agree on."
        )
        return np.nan
    labels = np.arange(max(true.max(), found.max()) + 1)
    settings = dict(labels=labels, weights="quadratic", sample_weight=weight)
    return float(cohen_kappa_score(true, found, **settings))


def ranked_probability_score(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    categories: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The mean of sum_k (P(y <= k) - [y <= k])^2: Brier's score of all thresholds.

    It is proper, and probability that is near the true class is better than far off.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba : array-like of shape (n_samples, n_classes)
        Probabilities of the classes, in their order.
    categories : array-like of shape (n_classes,), default=None
        The classes from the lowest to the highest, as columns of y_proba are. None: the
        order of an ordered categorical of pandas, else the sorted labels of y_true,
        with a warning if they are strings.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        The smaller the better.

    See Also
    --------
    ordinal_mae_score : The same of predictions that are sure.

    References
    ----------
    Epstein 1969, "A scoring system for probability forecasts of ranked categories",
    Journal of Applied Meteorology 8.

    Examples
    --------
    >>> from sklearn_losses import ranked_probability_score
    >>> ranked_probability_score([0, 1, 2], [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]])
    0.16666666666666666
    """
    owner, probability = "ranked_probability_score", np.asarray(y_proba, np.float64)
    classes, y_true = _order(owner, categories, y_true), np.asarray(y_true)
    if probability.shape != (len(y_true), len(classes)):
        raise ValueError(
            f"y_proba of {owner} must have the shape ({len(y_true)}, {len(classes)}): "
            f"a column for each of the classes {classes.tolist()}. Got "
            f"{probability.shape}. Say which there are by categories=..."
        )
    is_none = (probability < 0).any(axis=1) | ~np.isclose(probability.sum(axis=1), 1.0)
    if is_none.any():
        i = int(np.flatnonzero(is_none)[0])
        raise ValueError(
            f"y_proba of {owner} must have rows of probabilities, >= 0, which sum to "
            f"1: row {i} is {probability[i].tolist()}."
        )
    codes = codes_of(owner, y_true, classes)
    weight = check_weights(sample_weight, len(codes))
    below = np.cumsum(probability, axis=1)[:, :-1]
    is_below = codes[:, None] <= np.arange(len(classes) - 1)
    return float(np.average(((below - is_below) ** 2).sum(axis=1), weights=weight))


def mean_pinball_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    levels: ArrayLike,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The pinball loss of several quantiles, its mean over rows and levels.

    Twice of it is about the continuous ranked probability score, if levels are many
    and evenly spread.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    y_pred : array-like of shape (n_samples, n_levels)
        Quantiles, as `Quantiles` predicts them.
    levels : array-like of shape (n_levels,)
        Increasing, in (0, 1).
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        The smaller the better.

    See Also
    --------
    Quantiles : The loss.

    Examples
    --------
    >>> from sklearn_losses import mean_pinball_score
    >>> y, bands = [1.0, 2.0], [[0.0, 3.0], [1.0, 2.0]]
    >>> round(mean_pinball_score(y, bands, levels=[0.1, 0.9]), 3)
    0.1
    """
    found, loss = np.asarray(y_pred, dtype=np.float64), Quantiles(levels)
    shape = len(np.asarray(y_true)), len(loss.each())
    if found.shape != shape:
        raise ValueError(
            f"y_pred of mean_pinball_score must have the shape {shape}, a column for "
            f"each level. Got {found.shape}."
        )
    return loss.mean(y_true, found, sample_weight)
