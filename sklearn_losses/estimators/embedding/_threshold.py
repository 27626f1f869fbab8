"""The distance up to which a pair of rows is said to belong together."""

import numpy as np
from sklearn.utils import check_random_state

N_PAIRS = 20_000  # of a kind, that a threshold is found with, at most


def threshold_of(data, Z, random_state):
    """The best threshold for the pairs of a fit, or some of its rows.

    Parameters
    ----------
    data : TupleData
        Of pairs, or of labelled rows.
    Z : ndarray of shape (n_rows, n_components)
        Where the rows are.
    random_state : int, RandomState instance or None
    """
    return best_threshold(*pairs_of(data, Z, random_state))


def pairs_of(data, Z, random_state):
    """Whether pairs belong together, their distances and weights: given, or sampled."""
    weight = data.weight
    if data.index is not None:
        i, j = data.index.T
        same = data.same
    else:
        i, j = sampled_pairs(data.codes, check_random_state(random_state))
        same = 1.0 * (data.codes[i] == data.codes[j])
        weight = None if weight is None else weight[i] * weight[j]
    weight = np.ones(len(i)) if weight is None else weight
    return same, np.sqrt(((Z[i] - Z[j]) ** 2).sum(axis=1)), weight


def sampled_pairs(codes, rng):
    """Pairs of rows, about as many of one class as of two, or fewer."""
    n = len(codes)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    first = (np.cumsum(counts) - counts)[codes]
    size = min(N_PAIRS, 10 * n)
    i = rng.randint(n, size=size)
    i = i[counts[codes[i]] > 1]
    place = rng.randint(1 << 30, size=len(i)) % counts[codes[i]]
    j = order[first[i] + place]
    left = np.append(i, rng.randint(n, size=size))
    right = np.append(j, rng.randint(n, size=size))
    differ = left != right
    return left[differ], right[differ]


def best_threshold(same, distance, weight):
    """The distance up to which pairs are best said to belong together.

    By the mean of the share of those that do and are found, and of those that do not
    and are left out.
    """
    order = np.argsort(distance, kind="stable")
    distance, weight = distance[order], weight[order]
    same, other = weight * same[order], weight * (1.0 - same[order])
    gain = np.cumsum(same) / (same.sum() or 1.0) - np.cumsum(other) / (other.sum() or 1)
    gain[:-1][distance[1:] == distance[:-1]] = -np.inf  # ties are on one side
    best = int(gain.argmax())
    following = distance[min(best + 1, len(distance) - 1)]
    return float(0.5 * (distance[best] + following))
