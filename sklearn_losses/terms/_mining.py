"""Mining: which of the many tuples of labelled rows a loss looks at.

Near rows of a class, and those of other classes that are in their way. Both are found
by distances in the embedding, in blocks of rows, so that memory is O(n k).
"""

import numpy as np

from sklearn_losses.terms._distances import squared_distances
from sklearn_losses.terms._tuples import EdgeTerm, blocks

N_OTHERS = 10  # nearest rows of other classes that are looked at for each row, at least


class Mining:
    """The tuples of labels that a loss of pairs or triplets is fitted to.

    Parameters
    ----------
    loss : PairLoss or TripletLoss
    codes : ndarray of intp of shape (n_rows,)
        Classes.
    Z : ndarray of shape (n_rows, n_components)
        Where rows are to begin with: what near ones of a class are.
    row_weight : ndarray of shape (n_rows,), default=None
        A pair counts as the product of both, a triplet as its anchor. Which tuples
        there are does not depend on them.
    """

    def __init__(self, loss, codes, Z, row_weight=None):
        self.loss, self.codes = loss, codes
        self.row_weight = np.ones(len(codes)) if row_weight is None else row_weight
        self.anchor, self.target = nearest_of_class(Z, codes, loss.n_neighbors)
        self.others = np.empty(0, dtype=np.int64)  # i n + j of pairs of two classes

    @property
    def keeps(self):
        """Whether tuples that were found stay, so that there is an end of them."""
        return self.loss.mined == "k_nearest"

    def term(self, Z):
        """The tuples at these places, and whether there is a new one."""
        if not self.keeps:
            return self._triplets(*self._semi_hard(Z)), True
        n_known, n = len(self.others), len(self.codes)
        k = max(N_OTHERS, self.loss.n_neighbors)
        if self.loss.of == "pairs":
            k = self.loss.n_neighbors
        i, j = nearest_of_others(Z, self.codes, k)
        self.others = np.union1d(self.others, i * n + j)
        i, j = np.divmod(self.others, n)
        is_new = len(self.others) > n_known
        if self.loss.of == "pairs":
            return self._pairs(i, j), is_new
        return self._triplets(*_joined(self.anchor, i), i, j), is_new

    def _pairs(self, i, j):
        same = np.repeat([1.0, 0.0], [len(self.anchor), len(i)])
        left, right = np.append(self.anchor, i), np.append(self.target, j)
        weight = self.row_weight[left] * self.row_weight[right]
        for kind in np.split(weight, [len(self.anchor)]):
            kind *= 0.5 / kind.sum()
        return EdgeTerm(self.loss, left, right, same, weight)

    def _triplets(self, near, far, i, j):
        """Each pair of a class counts 1, with the sum over those in its way."""
        left, right = np.append(self.anchor, i), np.append(self.target, j)
        tuples = np.column_stack([near, far + len(self.anchor)])
        of_anchor = self.row_weight[self.anchor]
        weight = of_anchor[near] / of_anchor.sum()
        return EdgeTerm(self.loss, left, right, tuples, weight)

    def _semi_hard(self, Z):
        """For each pair of a class the nearest other row that is beyond its target."""
        found = np.empty(len(self.anchor), dtype=np.intp)
        columns = np.ascontiguousarray(Z.T)
        for start, end in blocks(len(Z)):
            here = slice(*np.searchsorted(self.anchor, [start, end]))
            at = self.anchor[here] - start
            distance = _to_others(Z, columns, self.codes, start, end, np.inf)[at]
            reach = distance_of(Z, self.anchor[here], self.target[here])
            beyond = np.where(distance > reach[:, None], distance, np.inf)
            # Where none is beyond, the furthest is the least wrong.
            furthest = np.where(np.isfinite(distance), distance, -1.0).argmax(axis=1)
            none = ~np.isfinite(beyond).any(axis=1)
            found[here] = np.where(none, furthest, beyond.argmin(axis=1))
        place = np.arange(len(found))
        return place, place, self.anchor, found


def distance_of(Z, i, j):
    return ((Z[i] - Z[j]) ** 2).sum(axis=1)


def nearest_of_class(Z, codes, k):
    """The k nearest of its class of each row, as pairs sorted by the row."""
    anchors, targets = [], []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        most = min(k, len(rows) - 1)
        if most == 0:
            continue
        columns = np.ascontiguousarray(Z[rows].T)
        for start, end in blocks(len(rows)):
            distance = np.empty((end - start, len(rows)))
            squared_distances(Z[rows[start:end]], columns, distance)
            distance[np.arange(end - start), np.arange(start, end)] = np.inf
            nearest = np.argpartition(distance, most - 1, axis=1)[:, :most]
            anchors.append(np.repeat(rows[start:end], most))
            targets.append(rows[nearest].ravel())
    anchor, target = np.concatenate(anchors), np.concatenate(targets)
    order = np.argsort(anchor, kind="stable")
    return anchor[order], target[order]


def nearest_of_others(Z, codes, k):
    """The k nearest of other classes of each row, as pairs sorted by the row."""
    n, columns = len(Z), np.ascontiguousarray(Z.T)
    k = min(k, n - int(np.bincount(codes).max()))
    found = np.empty((n, k), dtype=np.int64)
    for start, end in blocks(n):
        distance = _to_others(Z, columns, codes, start, end, np.inf)
        found[start:end] = np.argpartition(distance, k - 1, axis=1)[:, :k]
    return np.repeat(np.arange(n, dtype=np.int64), k), found.ravel()


def _to_others(Z, columns, codes, start, end, own):
    """Squared distances of a block of rows to all, `own` within a class."""
    distance = np.empty((end - start, len(Z)))
    squared_distances(Z[start:end], columns, distance)
    distance[codes[start:end, None] == codes] = own
    return distance


def _joined(anchor, others):
    """All pairs of entries of two sorted arrays that are equal, as their places."""
    first = np.searchsorted(others, anchor)
    count = np.searchsorted(others, anchor, side="right") - first
    near = np.repeat(np.arange(len(anchor)), count)
    begin = np.repeat(first - np.append(0, np.cumsum(count)[:-1]), count)
    return near, begin + np.arange(len(near))
