"""Sums over rows of centred features, which are formed block by block."""

import numpy as np
from scipy import sparse
from scipy.linalg import blas

from sklearn_losses.design._matrices import (
    add_moments,
    mirror,
)

TINY = 2**14  # products of rows with themselves: a call of BLAS would take longer
NARROW = 28  # columns up to which BLAS computes both halves of a product faster


class Sums:
    """Sums over rows that are added block by block.

    Parameters
    ----------
    features : Centred
    n_outputs : int, default=1
    second : {"full", "diagonal", "mean"} or None, default=None
        Which second moments. "mean" is the diagonal as if c had nothing to do with z.

    Attributes
    ----------
    first : ndarray of shape (n_outputs, n_features + 1)
        sum g z, and sum g at the end.
    second : ndarray of shape (n_outputs, n_features + 1, n_features + 1)
        Of (z, 1): sum c z z', sum c z and sum c; or the diagonal, like `first`.
    by_g : ndarray of shape (n_outputs, n_features)
        sum g z.
    of_g, of_c : ndarray of shape (n_outputs,)
        sum g and sum c.
    """

    def __init__(self, features, n_outputs=1, *, second=None):
        self.features, self.wanted = features, second
        d = features.n_features + (not features.is_plain)  # with the ones, if they are
        self._first = np.zeros((n_outputs, d))
        self._second = None
        if second in ("full", "diagonal"):
            self._second = np.zeros((n_outputs, *[d] * (1 + (second == "full"))))
        if features.is_plain and second == "full":
            self._by_c = np.zeros((n_outputs, d))
        if features.is_plain or second == "mean":
            self._of_g, self._of_c = np.zeros((2, n_outputs))
        self._knows_first = False

    def know(self, first):
        """Take sum g x of all rows that will be added from somebody who has formed it.

        Parameters
        ----------
        first : ndarray of shape (n_features,)
            Of one output of rows that stay as they are.
        """
        self._first[0], self._knows_first = first, True

    def add(self, block, g, c=None):
        """Add a block of rows.

        Parameters
        ----------
        block : slice
            One of the features' blocks; or any, of plain ones without `second`.
        g, c : ndarray of shape (n, n_outputs), or (n,) of one output
            c >= 0, and not None if there are second moments.
        """
        g = g.reshape(len(g), -1)
        c = None if self.wanted is None else c.reshape(len(c), -1)
        if self.features.is_plain:
            self._add_plain(block, g, c)
            return
        z = self.features.centred(block)
        if self.wanted == "full" and z.size * z.shape[1] <= TINY:
            add_moments(z, g, c, self._first, self._second)
            return
        self._first += g.T @ z
        if self.wanted == "full":
            self._add_products(block, z, c)
        elif self.wanted == "diagonal":
            self._second += c.T @ (z * z)
        elif self.wanted == "mean":
            self._of_c += c.sum(axis=0)

    def add_stored(self, add):
        """Add what a kernel has summed of the blocks that `stored` yields.

        Parameters
        ----------
        add : callable
            It adds sum g x to an array, and returns sum g. Of one output.
        """
        of_g = add(self._first[0])
        if self.features.is_plain:
            self._of_g += of_g

    def _add_plain(self, block, g, c):
        """Rows as they are: their mean is accounted for in the end."""
        features = self.features
        rows, ones = features.rows, features.ones[: len(g)]
        self._of_g += ones @ g if len(ones) == len(g) else g.sum(axis=0)
        if self._knows_first:
            pass
        elif features.uses_blas(g.shape):
            self._first += g.T @ features.X[block]
        else:
            rows.transposed_dot(g, block, self._first)
        if c is None:
            return
        self._of_c += ones @ c
        if self.wanted == "diagonal":
            mean, scale = features.mean, features.scale
            self._second += rows.deviations(c, mean, scale, block)[1]
        if self.wanted != "full":
            return
        rows.transposed_dot(c, block, self._by_c)
        if rows.is_sparse:
            for second, of_output in zip(self._second, c.T):
                second += self._sparse_product(block, of_output)
        else:
            self._add_products(block, features.X[block], c)

    def _add_products(self, block, x, c):
        for second, of_output in zip(self._second, c.T):
            weighted = self.features.weighted(block, x, of_output).T
            if len(weighted) <= NARROW:
                args = 1.0, weighted, weighted, 1.0, second.T
                blas.dgemm(*args, trans_b=True, overwrite_c=True)
            else:  # a symmetric product, of which it writes one half
                blas.dsyrk(1.0, weighted, 1.0, second.T, overwrite_c=True)

    def _sparse_product(self, block, c):
        """sum c x x', of the entries as they are."""
        rows, d = self.features.rows, self.features.n_features
        starts = rows.starts[block.start : block.stop + 1]
        here = slice(starts[0], starts[-1])
        entries, columns = rows.data[here].astype(np.float64), rows.columns[here]
        weighted = entries * np.repeat(c, np.diff(starts))
        X, other = (
            sparse.csr_matrix((a, columns, starts - starts[0]), (len(c), d), copy=False)
            for a in (entries, weighted)
        )
        return (X.T @ other).toarray()

    @property
    def first(self):
        if not self.features.is_plain:
            return self._first
        return self._accounted(self._first, self._of_g)

    def _accounted(self, sums, total):
        """Of entries as they are: with the mean and the spread accounted for."""
        features = self.features
        centred = sums * features.scale - np.outer(total, features.shift)
        return np.hstack([centred, total[:, None]])

    @property
    def second(self):
        features, second = self.features, self._second
        if self.wanted == "mean":
            return self._of_c[:, None] * np.append(features.scale > 0, 1.0)
        if self.wanted == "full" and not features.is_sparse:
            for one in second:
                mirror(one)
        if not features.is_plain:
            return second
        if self.wanted == "diagonal":
            return np.hstack([second, self._of_c[:, None]])
        scale, shift = features.scale, features.shift
        border = self._accounted(self._by_c, self._of_c)
        whole = np.empty((len(second), *2 * border.shape[1:]))
        whole[:, -1] = whole[:, :, -1] = border
        inner = np.multiply(second, scale * scale[:, None], out=whole[:, :-1, :-1])
        cross = (self._by_c * scale)[:, :, None] * shift
        inner -= cross + cross.transpose(0, 2, 1)
        inner += self._of_c[:, None, None] * np.outer(shift, shift)
        return whole

    @property
    def by_g(self):
        return self.first[:, :-1]

    @property
    def of_g(self):
        return self._of_g if self.features.is_plain else self._first[:, -1]

    @property
    def of_c(self):
        if self.features.is_plain or self.wanted == "mean":
            return self._of_c
        return self._second.reshape(len(self._second), -1)[:, -1]
