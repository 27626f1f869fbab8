"""Terms of tuples: a tuple loss over pairs of embedded rows, and its slopes as a graph.

Whatever the tuples are, a loss of squared distances has slopes c_ij by those of pairs.
As weights of a graph they have a Laplacian A, and for Z = X L' and M = L'L

    dF/dZ = 2 A Z,        dF/dM = X' A X,

so that products with A are all that is asked for, and no difference is ever kept. Of
products of rows, in place of distances, A is the symmetric matrix of slopes itself.
"""

import numpy as np

from sklearn_losses.terms._distances import (
    edge_distances,
    laplacian_product,
    squared_distances,
)

BLOCK = 1 << 15  # distances that are looked at at a time: what fits into a cache


class EdgeTerm:
    """A loss of pairs or triplets that are named, with weights.

    Parameters
    ----------
    loss : PairLoss or TripletLoss
    left, right : ndarray of intp of shape (n_edges,)
        The rows of each pair that some tuple looks at.
    tuples : ndarray of shape (n_tuples,) or (n_tuples, 2)
        Of a loss of pairs, whose tuples are the edges: 1.0 where they belong together.
        Of triplets: the edges to the near and to the far row.
    weight : ndarray of shape (n_tuples,)
    """

    def __init__(self, loss, left, right, tuples, weight):
        self.loss, self.left, self.right = loss, left, right
        self.tuples, self.weight = tuples, weight

    def with_loss(self, loss):
        return EdgeTerm(loss, self.left, self.right, self.tuples, self.weight)

    def distances(self, Z):
        """Squared distances of the edges."""
        found = np.empty(len(self.left))
        edge_distances(Z, self.left, self.right, found)
        return found

    def sums(self, Z, V=None):
        """The value, A V or A Z, and the sum of all slopes.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, n_components)
        V : ndarray of shape (n_rows, n_columns), default=None
        """
        value, slopes = self._of_edges(self.distances(Z))
        V = Z if V is None else V
        product = np.zeros(V.shape)
        laplacian_product(V, self.left, self.right, slopes, product)
        return value, product, float(slopes.sum())

    def _of_edges(self, distance):
        """The value, and its slope by the squared distance of each edge."""
        loss, w = self.loss, self.weight
        if loss.of == "pairs":
            value = loss._value(self.tuples, distance)
            return float(w @ value), w * loss._gradient(self.tuples, distance)
        near, far = self.tuples.T
        value = loss._value(distance[near], distance[far])
        to_near, to_far = loss._gradient(distance[near], distance[far])
        n = len(distance)
        slopes = np.bincount(near, w * to_near, n) + np.bincount(far, w * to_far, n)
        return float(w @ value), slopes


class AnchorTerm:
    """A loss of all pairs of rows, or of each row among all others.

    Rows are looked at in blocks, so that nothing of n^2 is kept.

    Parameters
    ----------
    loss : TupleLoss
    codes : ndarray of intp of shape (n_rows,)
        Classes.
    row_weight : ndarray of shape (n_rows,), default=None
        > 0: a row counts as so many at its place, which do not look at each other.
    """

    def __init__(self, loss, codes, row_weight=None):
        self.loss, self.codes, self.given_weight = loss, codes, row_weight
        counts = np.bincount(codes)
        self.order = np.argsort(codes, kind="stable")  # rows of a class together
        last = np.cumsum(counts)
        of_row = codes[self.order]
        self.first, self.last = (last - counts)[of_row], last[of_row]
        w = np.ones(len(codes)) if row_weight is None else row_weight[self.order]
        of_class = np.bincount(of_row, w)
        n_same = float(w @ (of_class[of_row] - w))
        n_other = float(w @ (w.sum() - of_class[of_row]))
        # Both kinds of pairs count alike, however many there are of each.
        self.of_pairs = [0.5 / n if n > 0 else 0.0 for n in (n_other, n_same)]
        self.row_weight = w
        weight = w * (counts[of_row] > 1)  # of rows that have others of their class
        self.weight = weight / (weight.sum() or 1.0)

    def with_loss(self, loss):
        return AnchorTerm(loss, self.codes, self.given_weight)

    def sums(self, Z, V=None):
        """The value, A V or A Z, and the sum of all slopes; see `EdgeTerm`."""
        found = np.empty((len(Z), (Z if V is None else V).shape[1]))
        Z = Z[self.order]
        V = Z if V is None else V[self.order]
        of_rows = self._of_cosines if self.loss.similarity == "cosine" else self._sums
        value, found[self.order], total = of_rows(Z, V)
        return value, found, total

    def _of_cosines(self, Z, V):
        """Through the rows of length 1 that Z stands for."""
        length = np.sqrt((Z * Z).sum(axis=1, keepdims=True))
        length = np.where(length > 0, length, 1.0)
        U = Z / length
        value, product, total = self._sums(U, U)
        along = (product * U).sum(axis=1, keepdims=True)
        return value, (product - along * U) / length, total

    def _sums(self, Z, V):
        n, of_distance = len(Z), self.loss.similarity == "distance"
        columns = np.ascontiguousarray(Z.T)
        V = np.column_stack([V, np.ones(n)])  # whose product is the degrees
        product, value = np.zeros(V.shape), 0.0
        for start, end in blocks(n):
            rows = slice(start, end)
            if of_distance:
                pair = np.empty((end - start, n))
                squared_distances(Z[rows], columns, pair)
            else:
                pair = Z[rows] @ columns
            found, slopes = self._of_block(rows, pair)
            value += found
            product[rows] += slopes @ V
            product += slopes.T @ V[rows]
        V, product, degree = V[:, :-1], product[:, :-1], product[:, -1:]
        if of_distance:
            return value, degree * V - product, 0.5 * float(degree.sum())
        return value, 0.5 * product, 0.0

    def _of_block(self, rows, pair):
        """The value of some anchors, and its slopes by distances or products."""
        first, last = self.first[rows], self.last[rows]
        own = np.arange(len(first)), np.arange(rows.start, rows.stop)
        if self.loss.of == "pairs":
            column = np.arange(pair.shape[1])
            same = (column >= first[:, None]) & (column < last[:, None])
            weight = np.where(same, self.of_pairs[1], self.of_pairs[0])
            weight *= self.row_weight[rows, None] * self.row_weight
            weight[own] = 0.0
            value = float((weight * self.loss._value(same, pair)).sum())
            return value, weight * self.loss._gradient(same, pair)
        unit = getattr(self.loss, "temperature", 1.0)
        unit = -unit if self.loss.similarity == "distance" else unit
        pair /= unit
        pair[own] = -np.inf
        value, slopes = self.loss._of_sorted(pair, first, last, self.row_weight)
        weight = self.weight[rows]
        slopes *= (weight / unit)[:, None]
        return float(weight @ value), np.ascontiguousarray(slopes)


def blocks(n_rows):
    """The ends of blocks of rows whose distances to all rows fit into a cache."""
    size = max(1, BLOCK // max(n_rows, 1))
    for start in range(0, n_rows, size):
        yield start, min(start + size, n_rows)
