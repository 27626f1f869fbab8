"""Centred: the columns of Rows around their mean, in units of their spread.

A column 1e8 +- 1 keeps its sixteen digits, because the mean is subtracted from its
entries and not from sums of them. Only a block of rows exists in this form at a time.
The entries of a CSR matrix stay as they are, and the mean is accounted for in the sums.
"""

import numpy as np
from scipy import sparse

BLOCK = 1 << 17  # entries of a block of rows: 1 MB
CONSTANT = 1e-13  # a column whose spread is below this share of its mean is constant


class Centred:
    """z_ij = (x_ij - mean_j) scale_j, of rows that it never copies as a whole.

    Parameters
    ----------
    rows : Rows
    weight : ndarray of float64 of shape (n_rows,)
        The weights of mean and spread, >= 0.
    centre : bool
        False: the mean is taken to be 0, and the spread is the root mean square.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
    scale : ndarray of shape (n_features,)
        1 / spread, and 0 of a constant column, which is then 0 everywhere.
    """

    def __init__(self, rows, weight, centre=True):
        self.n_rows, self.n_features = shape = rows.n_rows, rows.n_features
        self.is_sparse = rows.is_sparse
        if self.is_sparse:
            self._X = sparse.csr_matrix(
                (rows.data, rows.columns, rows.starts), shape=shape, copy=False
            )
        else:
            self._X = rows.data.reshape(shape)
        size = max(1, BLOCK // max(1, self.n_features))
        self._blocks = [slice(i, i + size) for i in range(0, self.n_rows, size)]
        self._scratch = None
        self._only_block = None
        self.mean = np.zeros(self.n_features)
        share = weight / weight.sum()
        with np.errstate(over="ignore"):
            if centre:
                self.mean = self._weighted_mean(share)
            spread = self._spread(share)
        varies = spread > CONSTANT * np.abs(self.mean)
        varies &= np.isfinite(spread) & np.isfinite(self.mean)
        self.mean[~np.isfinite(self.mean)] = 0.0
        self.scale = np.zeros(self.n_features)
        np.divide(1.0, spread, out=self.scale, where=varies)
        self.scale[~np.isfinite(self.scale)] = 0.0
        self._shift = self.mean * self.scale
        if not self.is_sparse and len(self._blocks) == 1:
            self._only_block = self._centred_block(self._blocks[0])

    def _weighted_mean(self, share):
        if self.is_sparse:
            return np.asarray(self._X.T @ share, dtype=np.float64)
        first = sum(
            share[b] @ self._X[b].astype(np.float64, copy=False) for b in self._blocks
        )
        # What rounding has left of the deviations from the first mean.
        rest = sum(share[b] @ (self._X[b] - first) for b in self._blocks)
        return first + rest

    def _spread(self, share):
        largest = np.zeros(self.n_features)
        if self.is_sparse:
            return self._sparse_spread(share)
        for block in self._blocks:
            difference = np.abs(self._X[block] - self.mean)
            difference *= share[block, None] > 0
            np.maximum(largest, difference.max(axis=0, initial=0.0), out=largest)
        unit = np.where(largest > 0, largest, 1.0)
        total = np.zeros(self.n_features)
        for block in self._blocks:
            difference = (self._X[block] - self.mean) / unit
            total += share[block] @ (difference * difference)
        return np.sqrt(total) * unit

    def _sparse_spread(self, share):
        """From the stored entries, and the zeros between them by their weight."""
        entries = self._X.data.astype(np.float64) - self.mean[self._X.indices]
        per_entry = np.repeat(share, np.diff(self._X.indptr))
        largest = np.abs(self.mean)
        np.maximum.at(largest, self._X.indices, np.abs(entries) * (per_entry > 0))
        unit = np.where(largest > 0, largest, 1.0)
        entries /= unit[self._X.indices]
        columns, d = self._X.indices, self.n_features
        stored = np.bincount(columns, per_entry, minlength=d)
        squares = np.bincount(columns, per_entry * entries**2, minlength=d)
        zeros = np.maximum(1.0 - stored, 0.0) * (self.mean / unit) ** 2
        return np.sqrt(squares + zeros) * unit

    def _centred_block(self, block):
        """Rows of z in scratch memory, which the next block overwrites."""
        if self._only_block is not None:
            return self._only_block
        rows = self._X[block]
        if self._scratch is None:
            self._scratch = np.empty((len(rows), self.n_features))
        z = self._scratch[: len(rows)]
        np.subtract(rows, self.mean, out=z)
        z *= self.scale
        return z

    def dot(self, u):
        """z u.

        Parameters
        ----------
        u : ndarray of shape (n_features,) or (n_features, n_outputs)
        """
        if self.is_sparse:
            scaled = (u.T * self.scale).T
            return self._X @ scaled - self._shift @ u
        if self._only_block is not None:
            return self._only_block @ u
        out = np.empty((self.n_rows, *u.shape[1:]))
        for block in self._blocks:
            out[block] = self._centred_block(block) @ u
        return out

    def transposed_dot(self, g):
        """sum_i g_i z_i.

        Parameters
        ----------
        g : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        """
        if self.is_sparse:
            total = (self._X.T @ g).T * self.scale
            return (total - np.multiply.outer(g.sum(axis=0), self._shift)).T
        return sum(self._centred_block(b).T @ g[b] for b in self._blocks)

    def moments(self, g, c):
        """sum g_i z_i, sum c_i z_i z_i' and sum c_i z_i, in one pass.

        Parameters
        ----------
        g, c : ndarray of shape (n_rows,)
            c >= 0.

        Returns
        -------
        ndarrays of shape (n_features,), (n_features, n_features) and (n_features,)
        """
        if self.is_sparse:
            return self.transposed_dot(g), *self._sparse_moments(c)
        d = self.n_features
        by_g, second, by_c = np.zeros(d), np.zeros((d, d)), np.zeros(d)
        root = np.sqrt(c)
        for block in self._blocks:
            z = self._centred_block(block)
            by_g += g[block] @ z
            by_c += c[block] @ z
            weighted = z * root[block, None]
            second += weighted.T @ weighted  # a symmetric product in BLAS
        return by_g, second, by_c

    def _sparse_moments(self, c):
        weighted = sparse.csr_matrix(
            (
                self._X.data * np.repeat(c, np.diff(self._X.indptr)),
                self._X.indices,
                self._X.indptr,
            ),
            shape=self._X.shape,
            copy=False,
        )
        second = (self._X.T @ weighted).toarray() * self.scale * self.scale[:, None]
        first = (self._X.T @ c) * self.scale
        cross = np.outer(first, self._shift)
        second -= cross
        second -= cross.T
        second += c.sum() * np.outer(self._shift, self._shift)
        return second, first - c.sum() * self._shift

    def unscaled(self, u, at_mean):
        """coef and intercept of the raw prediction z u + at_mean."""
        coef = (u.T * self.scale).T
        return coef, at_mean - self.mean @ coef
