"""Scores of predicted distributions and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.estimators._validation import check_weights

NODES = 60  # of Gauss and Legendre, on either side of y
BEYOND = 1e-10  # so much probability of a count is left out
MOST = 100_000  # counts that are summed


def crps_score(
    y_true: ArrayLike, distribution: Any, *, sample_weight: ArrayLike | None = None
) -> float:
    """The mean continuous ranked probability score; the smaller, the better.

    The integral of (F(x) - [y <= x])^2 over x: in units of y, and for a prediction
    without spread the absolute error. It is computed from quantiles, or of counts as a
    sum over all of them.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    distribution : object
        With `ppf` and `cdf` for all rows, as from
        ``model.loss_.frozen(**model.predict_distribution(X))`` or of scipy.stats; one
        with `pmf` is that of counts.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float

    See Also
    --------
    crps_scorer : The same for searches.
    interval_score : Of an interval alone.

    References
    ----------
    Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and
    estimation", JASA 102.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> from sklearn_losses import crps_score
    >>> round(crps_score([0.0, 1.0], norm([0.0, 0.0], 1.0)), 4)
    0.4181
    """
    y, weight = _checked(y_true, sample_weight)
    if not (hasattr(distribution, "ppf") and hasattr(distribution, "cdf")):
        raise TypeError(
            "distribution of crps_score must have ppf and cdf, as one of scipy.stats. "
            f"Got {type(distribution).__name__}. Of a model it is "
            "model.loss_.frozen(**model.predict_distribution(X))."
        )
    is_of_counts = hasattr(distribution, "pmf")
    score = _of_counts if is_of_counts else _of_quantiles
    return float(np.average(score(y, distribution), weights=weight))


def interval_score(
    y_true: ArrayLike,
    interval: ArrayLike,
    *,
    coverage: float = 0.9,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The mean width of intervals, and a price of rows outside; the less, the better.

    A row that is d outside costs 2 d / (1 - coverage): so much that the interval
    between the two quantiles with as much beyond either end is the best.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    interval : array-like of shape (n_samples, 2)
        As from ``model.predict_interval(X, coverage)``.
    coverage : float, default=0.9
        In (0, 1).
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float

    See Also
    --------
    interval_scorer : The same for searches.
    crps_score : Of the whole distribution.

    References
    ----------
    Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and
    estimation", JASA 102, section 6.2.

    Examples
    --------
    >>> from sklearn_losses import interval_score
    >>> round(interval_score([0.0, 3.0], [[-1.0, 1.0], [-1.0, 1.0]]), 6)
    22.0
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be in (0, 1). Got {coverage!r}.")
    y, weight = _checked(y_true, sample_weight)
    ends = np.asarray(interval, dtype=np.float64)
    if ends.shape != (len(y), 2):
        raise ValueError(
            f"interval must have the shape ({len(y)}, 2), as y_true has {len(y)} rows. "
            f"Got {ends.shape}."
        )
    low, high = ends.T
    bad = np.flatnonzero(~(low <= high))
    if len(bad):
        i = bad[0]
        raise ValueError(
            f"interval must have lower <= upper: row {i} is [{low[i]:g}, {high[i]:g}]."
        )
    outside = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)
    return float(
        np.average(high - low + 2.0 / (1.0 - coverage) * outside, weights=weight)
    )


def _checked(y_true, sample_weight):
    y = column_or_1d(np.asarray(y_true, dtype=np.float64))
    check_consistent_length(y, sample_weight)
    return y, check_weights(sample_weight, len(y))


def _of_quantiles(y, distribution):
    """2 times the integral of the pinball loss over levels, from y on both sides."""
    share, here = np.clip(distribution.cdf(y), 0.0, 1.0), np.broadcast_to(0.0, y.shape)
    share = share + here
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    total = np.zeros(len(y))
    for x, weight in zip(0.5 * (nodes + 1.0), 0.5 * weights):
        q = x * x  # of the tail, which may end at infinity
        for size, level in ((share, share * q), (1.0 - share, 1.0 - (1.0 - share) * q)):
            beyond = np.abs(np.where(size > 0, distribution.ppf(level) - y, 0.0))
            total += 4.0 * weight * x * size * size * q * beyond
    return total


def _of_counts(y, distribution):
    """The sum over counts of (F - [y <= count])^2."""
    most = np.max([np.max(distribution.ppf(1.0 - BEYOND)), y.max(initial=0.0)])
    total = np.zeros(len(y))
    for count in range(int(min(most, MOST)) + 1):
        total += (distribution.cdf(count) - (y <= count)) ** 2
    return total
