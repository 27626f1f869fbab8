"""Which groups an epoch of SGD visits: all of them, or draws of a few of their rows.

The mean over the visits of an epoch of factors times values is what a fit minimises, in
expectation at the least.
"""

import numpy as np

from sklearn_losses.losses._ranking import sums_below


def visits_of(objective, seed):
    """The visits that a loss asks for, in an order from a seed."""
    kind = AllRows if objective.loss.drawn is None else Draws
    return kind(objective, seed)


class AllRows:
    """Each group once, with all of its rows.

    Parameters
    ----------
    objective : GroupObjective
    seed : int or None
        Of the order of the groups, anew in each epoch; None: that of their codes.

    Attributes
    ----------
    loss : GroupLoss
        Of a visit.
    n_rows : int
        Of an epoch.
    """

    def __init__(self, objective, seed):
        self.loss, self.grouping = objective.loss, objective.grouping
        self.random = None if seed is None else np.random.default_rng(seed)
        n_groups = len(self.grouping.codes)
        self.factor = self.grouping.factor * (n_groups / objective.total_weight)
        self.n_rows = len(self.grouping.order)

    def most_rows(self, batch_size):
        """How many rows so many groups have at the most."""
        sizes = np.sort(np.diff(self.grouping.starts))
        return int(sizes[-batch_size:].sum())

    def draw(self):
        """The visits of an epoch.

        Returns
        -------
        rows : ndarray of intp of shape (n_rows,)
        y, weight : ndarray
            Of these rows.
        starts : ndarray of intp of shape (n_visits + 1,)
            Where the rows of each visit begin, and the end.
        factor : ndarray of shape (n_visits,)
        """
        found = self.grouping
        if self.random is None:
            return found.order, found.y, found.weight, found.starts, self.factor
        queue = self.random.permutation(len(self.factor))
        sizes = np.diff(found.starts)[queue]
        starts = np.append(0, np.cumsum(sizes))
        here = np.arange(self.n_rows)
        at = np.repeat(found.starts[queue] - starts[:-1], sizes) + here
        parts = found.order[at], found.y[at], found.weight[at]
        return *parts, starts, self.factor[queue]


class RiskSets:
    """Of each stratum its rows, cut by chance into sets that are compared alone.

    Their loss is the partial likelihood of as many strata, which share a baseline and
    do not know: it is least, but for chance, where that of all rows is.

    Parameters
    ----------
    objective : GroupObjective
    seed : int or None
        Of the cuts, anew in each epoch; None: rows as they come are cut.
    size : int
        How many rows a set has at the most; those of a stratum are about as large.

    Attributes
    ----------
    As of `AllRows`.
    """

    def __init__(self, objective, seed, size):
        self.loss, self.grouping = objective.loss, objective.grouping
        self.random = None if seed is None else np.random.default_rng(seed)
        starts = self.grouping.starts
        sizes = np.diff(starts)
        self.n_rows = len(self.grouping.order)
        self.stratum = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(self.n_rows) - starts[self.stratum]
        n_sets = -(-sizes // size)
        first = np.cumsum(n_sets) - n_sets
        # The set of each row, were they in the order of an epoch.
        share = place * n_sets[self.stratum] // sizes[self.stratum]
        self.set_of = first[self.stratum] + share
        self.sizes = np.bincount(self.set_of)
        self.factor = np.full(len(self.sizes), len(self.sizes) / objective.total_weight)

    def most_rows(self, n_sets):
        """How many rows so many sets have at the most."""
        return int(np.sort(self.sizes)[-n_sets:].sum())

    def draw(self):
        """The sets of an epoch; see `AllRows.draw`."""
        found, n_sets = self.grouping, len(self.sizes)
        if self.random is None:
            key, queue = found.order, np.arange(n_sets)
        else:
            key = self.random.random(self.n_rows)
            queue = self.random.permutation(n_sets)
        which = np.empty(self.n_rows, dtype=np.intp)
        which[np.lexsort((key, self.stratum))] = queue[self.set_of]
        at = np.argsort(which, kind="stable")  # rows of a set stay sorted by time
        sizes = np.empty(n_sets, dtype=np.intp)
        sizes[queue] = self.sizes
        starts = np.append(0, np.cumsum(sizes))
        weight = found.weight[at]
        y = self.loss._prepared(found.sorted_keys[at], weight, starts)
        return found.order[at], np.ascontiguousarray(y), weight, starts, self.factor


class Draws:
    """Of each group some draws, of a row and of some of less relevance.

    Parameters
    ----------
    objective : GroupObjective
        Of a loss with `drawn`.
    seed : int or None
        Of the draws; None: always the same.

    Attributes
    ----------
    As of `AllRows`.
    """

    def __init__(self, objective, seed):
        self.grouping, self.drawn = objective.grouping, objective.loss.drawn
        self.loss = self.drawn.loss
        self.random = np.random.default_rng(0 if seed is None else seed)
        grouping, n_draws = self.grouping, self.drawn.n_draws
        n_groups = len(grouping.codes)
        mass = grouping.mass * (n_groups / objective.total_weight)
        self.factor = np.repeat(mass, n_draws)
        self.group = np.repeat(np.arange(n_groups), n_draws)
        self.n_rows = len(self.factor) * (1 + self.drawn.n_below)
        weight, starts = grouping.weight, grouping.starts
        self.below = sums_below(weight, grouping.sorted_keys, starts)
        self.n_below = sums_below(np.ones(len(weight)), grouping.sorted_keys, starts)
        share = weight * (self.below if self.drawn.of_pairs else self.below > 0)
        self.shares = np.append(0.0, np.cumsum(share))
        self.weights = np.append(0.0, np.cumsum(weight))

    def most_rows(self, batch_size):
        """How many rows so many draws have."""
        return min(batch_size, len(self.factor)) * (1 + self.drawn.n_below)

    def draw(self):
        """The draws of an epoch; see `AllRows.draw`."""
        queue = self.random.permutation(len(self.factor))
        group, size = self.group[queue], 1 + self.drawn.n_below
        first, last = self.grouping.starts[group], self.grouping.starts[group + 1]
        row = self._drawn(self.shares, first, last)
        first = np.repeat(first, size - 1)
        below = first + np.repeat(self.n_below[row], size - 1).astype(np.intp)
        at = np.empty((len(row), size), dtype=np.intp)
        at[:, :-1] = self._drawn(self.weights, first, below).reshape(-1, size - 1)
        at[:, -1] = row
        y = np.zeros((at.size, 2))
        y[size - 1 :: size, 0], y[size - 1 :: size, 1] = 1.0, self.below[row]
        y = y[:, :1].copy() if self.drawn.of_pairs else y
        starts = size * np.arange(len(row) + 1)
        rows = self.grouping.order[at.ravel()]
        return rows, y, np.ones(at.size), starts, self.factor[queue]

    def _drawn(self, sums, first, last):
        """A place from first on and before last, by its share of running sums."""
        low, high = sums[first], sums[last]
        where = low + self.random.random(len(low)) * (high - low)
        found = np.searchsorted(sums, where, side="right") - 1
        return np.minimum(found, last - 1)
