"""The raw prediction that, made for every sample, has the least mean loss.

Of a convex loss of points it is a root of the mean gradient, which grows, to the last
digit; of others the best of what is found from several starts.
"""

from functools import partial

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar

N_REPRESENTATIVES = 2048  # targets, of many, from which it is seen where to look
N_INTERVALS, N_EXACT = 16, 2  # that are looked into with these, and with all targets


def class_frequencies(y_true, sample_weight):
    """The share of each class in labels, or in rows of probabilities.

    Parameters
    ----------
    y_true : ndarray of float of shape (n_samples,) or (n_samples, n_classes)
    sample_weight : ndarray of float of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_classes,)
        The classes are those up to the largest label, seen or not.
    """
    if y_true.ndim == 2:
        return np.average(y_true, axis=0, weights=sample_weight)
    counts = np.bincount(y_true.astype(np.intp), weights=sample_weight)
    return counts / counts.sum()


def best_constant(loss, y_true, sample_weight):
    """See `Loss.optimal_constant`; the arguments have been checked."""
    if loss.granularity == "row":
        return _of_rows(loss, y_true, sample_weight)
    counts = sample_weight > 0  # what does not may be as far away as it likes
    if not counts.all():
        y_true, sample_weight = y_true[counts], sample_weight[counts]
    search = _stationary if loss.convex else _best_of_many
    return search(loss, y_true, sample_weight)


# ------------------------------------------------------------------------- points
def _stationary(loss, y_true, sample_weight):
    """The root of the mean gradient, which grows where the loss is convex.

    Where it is 0 on an interval, the middle of it, or its end if it has but one.
    """
    total = sample_weight.sum()

    def slope(raw):
        return np.dot(sample_weight, loss.gradient(y_true, raw)) / total

    low, high = -1.0, 1.0
    while slope(low) >= 0 and low > -1e300:
        low *= 4.0
    while slope(high) <= 0 and high < 1e300:
        high *= 4.0
    falls, rises = slope(low) < 0, slope(high) > 0
    if falls and rises:
        root = _root(slope, low, high)
        if slope(root) != 0:
            return root
        left = _last(lambda raw: slope(raw) < 0, low, root)
        right = _last(lambda raw: slope(raw) <= 0, root, high)
        return 0.5 * (left + right)
    if falls:
        flat = slope(high) == 0
        return _last(lambda raw: slope(raw) < 0, low, high) if flat else np.inf
    if rises:
        flat = slope(low) == 0
        return _last(lambda raw: slope(raw) <= 0, low, high) if flat else -np.inf
    return 0.0


def _root(function, low, high):
    return float(brentq(function, low, high, xtol=1e-300, rtol=1e-15, maxiter=5000))


def _last(holds, low, high):
    """The end of the stretch, from `low` on, where something holds."""
    while low < (middle := low + 0.5 * (high - low)) < high:
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high


def _best_of_many(loss, y_true, sample_weight):
    """The best of the local minima around several starts.

    Which are the best is seen from some of the targets, if there are many.
    """

    def mean(raw, y=y_true, weight=sample_weight):
        return loss.mean(y, np.full(len(y), raw), weight)

    def slope(raw, y=y_true, weight=sample_weight):
        return np.dot(weight, loss.gradient(y, raw))

    some = dict(zip(("y", "weight"), _representatives(y_true, sample_weight)))
    starts = np.unique(_starts(loss, some["y"]))
    means = [mean(start, **some) for start in starts]
    intervals = [
        (starts[max(k - 1, 0)], starts[min(k + 1, len(starts) - 1)])
        for k in np.argsort(means, kind="stable")[:N_INTERVALS]
    ]
    minima = [
        _local_minimum(*ends, partial(mean, **some), partial(slope, **some))
        for ends in intervals
    ]
    if some["y"] is not y_true:
        order = np.argsort([mean(raw, **some) for raw in minima], kind="stable")
        minima = [_local_minimum(*intervals[k], mean, slope) for k in order[:N_EXACT]]
    # An end is the place only if it is better than all others, not as good.
    return min([*minima, starts[np.argmin(means)], -np.inf, np.inf], key=mean) + 0.0


def _representatives(y_true, sample_weight, n=N_REPRESENTATIVES):
    """n targets of equal weight, distributed as all are; these, if they are no more."""
    if len(y_true) <= n:
        return y_true, sample_weight
    order = np.argsort(y_true, kind="stable")
    cumulated = np.cumsum(sample_weight[order])
    levels = (np.arange(n) + 0.5) / n * cumulated[-1]
    return y_true[order][np.searchsorted(cumulated, levels)], np.ones(n)


def _starts(loss, y_true):
    """Raw predictions, one of which is near to the best constant."""
    if loss.task == "binary":
        size = np.logspace(-3, 3, 61)
        return np.concatenate([-size, [0.0], size])
    quantiles = np.quantile(y_true, np.linspace(0, 1, min(len(y_true), 256)))
    raw = np.asarray(loss.link.link(np.append(quantiles, np.mean(y_true))))
    raw = np.append(raw[np.isfinite(raw)], 0.0)
    beyond = np.logspace(-2, 3, 11)  # the best may lie outside of the targets
    return np.concatenate([raw, raw.min() - beyond, raw.max() + beyond])


def _local_minimum(low, high, mean, slope):
    """A local minimum of a mean loss, as exact as the root of its slope is."""
    if not low < high:
        return float(low)
    options = {"xatol": 1e-7 * (high - low)}
    near = minimize_scalar(
        mean, bounds=(low, high), method="bounded", options=options
    ).x
    reach = 1e-4 * (high - low)
    low, high = near - reach, near + reach
    if not slope(low) < 0 < slope(high):
        return float(near)
    return _root(slope, low, high)


# --------------------------------------------------------------------------- rows
def _of_rows(loss, y_true, sample_weight):
    """The best centred minimum of the mean loss, from several starts if need be.

    They are 0, the logarithms of the class frequencies, and one class ahead.
    """
    frequency = class_frequencies(y_true, sample_weight)
    weight = sample_weight / sample_weight.sum()

    def objective(raw):
        rows = np.tile(raw, (len(y_true), 1))
        value, gradient = loss.value_gradient(y_true, rows, weight)
        return value.sum(), gradient.sum(axis=0)

    options = {"maxiter": 10_000, "ftol": 0.0, "gtol": 1e-12}
    starts = [np.zeros(len(frequency))]
    if not loss.convex:
        starts += [np.log(frequency + 1e-3), *5.0 * np.eye(len(frequency))]
    found = [
        minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
        for start in starts
    ]
    best = min(found, key=lambda result: result.fun).x
    return best - best.mean()


def is_least_at_0(loss):
    """Whether coefficients of 0 are the minimum, whatever X is, as of Perceptron."""
    if loss.task != "binary":
        return False
    value = np.empty(1)
    loss.checked().evaluate_points(np.ones(1), np.zeros(1), value, None, None)
    return value[0] == 0.0
