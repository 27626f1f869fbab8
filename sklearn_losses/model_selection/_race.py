"""A race: all candidates on some of the rows, and those that may win on all.

What is dropped is behind by so much, in differences from the best row by row, that all
rows would hardly turn it (Maron and Moore 1997, "The racing algorithm"), or scores as a
larger alpha does.
"""

from dataclasses import replace

import numpy as np
from scipy.stats import t as student

from sklearn_losses.model_selection import _approximate
from sklearn_losses.model_selection._results import paired

SHARE = 0.05  # of the rows
LEAST = 2000  # rows, of which 100 for each feature, are worth a race
FOR_EACH = 100
BEHIND = 3.0  # standard errors of the difference from the best
ODDS = 2e-3  # as small as those of BEHIND, where there are only folds to compare
ALIKE = 0.001  # standard errors of a score: too little to look at all rows for


def race(
    estimator, data, splits, groups, metrics, decisive, method, n_jobs, share, seed
):
    """As `search`, of the candidates that are left after a first look.

    Returns
    -------
    outcomes, doubts
        As of `search`. Those of who was dropped are of fewer rows.
    """
    given = metrics, decisive, method, n_jobs
    some = _some_rows(data, splits, share, seed)
    if some is None or (method == "loo" and share):
        return _approximate.search(estimator, data, splits, groups, *given)
    first = _approximate.first_look(estimator, *some, groups, *given)
    stays = _survivors([row for group in first for row in group], decisive)
    left, indices, start = [], [], 0
    for i, group in enumerate(groups):
        n = len(group.alphas)
        here = np.flatnonzero(stays[start : start + n] & _differ(first[i], decisive))
        start += n
        if len(here):
            left.append(replace(group, alphas=[group.alphas[j] for j in here]))
            indices.append((i, here))
    found, doubts = _approximate.search(estimator, data, splits, left, *given)
    for (i, here), rows in zip(indices, found):
        for j, row in zip(here, rows):
            first[i][j] = row
    return first, doubts


def _some_rows(data, splits, share, seed):
    """Rows at random, with the folds that they are of; None: there are too few."""
    n, rng = len(data.y), np.random.default_rng(seed)
    n_features = data.X.shape[1] if hasattr(data.X, "shape") else len(data.X[0])
    size = max(int(share * n), LEAST, FOR_EACH * (n_features + 1))
    if 2 * size > n:
        return None
    chosen = np.sort(rng.choice(n, size, replace=False))
    at = np.full(n, -1)
    at[chosen] = np.arange(size)
    few = [
        tuple(at[rows][at[rows] >= 0] for rows in (np.arange(n)[a], np.arange(n)[b]))
        for a, b in splits
    ]
    some = data.rows(chosen)
    if any(len(test) == 0 for _, test in few):
        return None
    if data.y.dtype.kind != "f":
        kinds = np.unique(data.y)
        if any(len(np.setdiff1d(kinds, some.y[train])) for train, _ in few):
            return None
    return some, few


def _survivors(outcomes, decisive):
    """Which candidates are not behind by more than chance."""
    scores = np.array([[o.scores[decisive] for o in row] for row in outcomes])
    means = np.where(np.isnan(scores).any(axis=1), -np.inf, scores.mean(axis=1))
    best, n = int(np.argmax(means)), scores.shape[1]
    behind, error = paired(scores, best)
    limit = student.isf(ODDS, n - 1) if n > 1 else np.inf
    stays = ~(behind > limit * error) if n > 1 else np.ones(len(outcomes), bool)
    rows = [_values(row) for row in outcomes]
    if rows[best] is not None:
        for i, values in enumerate(rows):
            if values is not None:
                gap = rows[best] - values
                spread = gap.std(ddof=1) / np.sqrt(len(gap))
                stays[i] = not gap.mean() > BEHIND * spread
    return stays & np.isfinite(means) | (np.arange(len(means)) == best)


def _differ(path, decisive):
    """Which candidates of a path are not what a larger alpha is already.

    From some alpha on there is no penalty to be seen, and those below score the same.
    """
    scores = np.array([[o.scores[decisive] for o in row] for row in path])
    means = np.where(np.isnan(scores).any(axis=1), -np.inf, scores.mean(axis=1))
    best, n = int(np.argmax(means)), scores.shape[1]
    if n < 2 or not np.isfinite(means[best]):
        return np.ones(len(means), bool)
    near = means[best] - means <= ALIKE * scores[best].std(ddof=1) / np.sqrt(n)
    return ~near | (np.arange(len(means)) == np.argmax(near))


def _values(row):
    """The scores of all rows, of all folds."""
    if any(o.values is None for o in row):
        return None
    return np.concatenate([o.values for o in row])
