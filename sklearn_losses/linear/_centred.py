"""Centred: the columns of Rows around their mean, in units of their spread.

A column 1e8 +- 1 keeps its sixteen digits, because the mean is subtracted from its
entries and not from sums of them. Only a block of rows exists in this form at a time.
The entries of a CSR matrix stay as they are, and the mean is accounted for in the sums.
"""

import numpy as np
from scipy import sparse

BLOCK = 1 << 17  # entries of a block of rows: 1 MB
SPARSE_BLOCK = 1 << 19  # stored entries; its matrix of moments is dense
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
        self._rows = rows
        if not self.is_sparse:
            self._X = rows.data.reshape(shape)
            size = max(1, BLOCK // max(1, self.n_features))
        else:
            size = max(1, self.n_rows * SPARSE_BLOCK // max(1, len(rows.data)))
        self._blocks = [slice(i, i + size) for i in range(0, self.n_rows, size)]
        self._scratch = None
        self._only_block = None
        self.mean = np.zeros(self.n_features)
        share = weight / weight.sum()
        with np.errstate(over="ignore", invalid="ignore"):
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
            return self._rows.transposed_dot(share[:, None])[0]
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
        d = self.n_features
        largest = np.abs(self.mean)
        for block, entries, columns, counts in self._sparse_blocks():
            seen = np.repeat(share[block] > 0, counts)
            np.maximum.at(largest, columns, np.abs(entries - self.mean[columns]) * seen)
        unit = np.where(largest > 0, largest, 1.0)
        stored, squares = np.zeros(d), np.zeros(d)
        for block, entries, columns, counts in self._sparse_blocks():
            entries = (entries - self.mean[columns]) / unit[columns]
            per_entry = np.repeat(share[block], counts)
            stored += np.bincount(columns, per_entry, minlength=d)
            squares += np.bincount(columns, per_entry * entries**2, minlength=d)
        zeros = np.maximum(1.0 - stored, 0.0) * (self.mean / unit) ** 2
        return np.sqrt(squares + zeros) * unit

    def _sparse_blocks(self):
        """Which rows, their entries as float64, the columns, and how many a row has."""
        rows = self._rows
        for block in self._blocks:
            starts = rows.starts[block.start : block.stop + 1]
            here = slice(starts[0], starts[-1])
            entries = rows.data[here].astype(np.float64)
            yield block, entries, rows.columns[here], np.diff(starts)

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
            coef = np.atleast_2d(u.T * self.scale)
            found = self._rows.dot(coef, -np.atleast_1d(self._shift @ u))
            return found.reshape(self.n_rows, *u.shape[1:])
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
            columns = np.ascontiguousarray(g).reshape(self.n_rows, -1)
            total = self._rows.transposed_dot(columns) * self.scale
            total -= np.multiply.outer(columns.sum(axis=0), self._shift)
            return total.T.reshape(self.n_features, *g.shape[1:])
        if self._only_block is not None:
            return self._only_block.T @ g
        return sum(self._centred_block(b).T @ g[b] for b in self._blocks)

    def squares(self, c):
        """sum_i c_i z_ij^2 of each feature j.

        Parameters
        ----------
        c : ndarray of shape (n_rows, n_outputs)
            >= 0.

        Returns
        -------
        ndarray of shape (n_features, n_outputs)
        """
        total = np.zeros((self.n_features, c.shape[1]))
        if not self.is_sparse:
            for block in self._blocks:
                z = self._centred_block(block)
                total += (z * z).T @ c[block]
            return total
        d = self.n_features
        for k, of_output in enumerate(c.T):
            # (z - shift)^2 where an entry is stored, and shift^2 where none is.
            for block, entries, columns, counts in self._sparse_blocks():
                per_entry = np.repeat(of_output[block], counts)
                entries *= self.scale[columns]
                entries *= entries - 2.0 * self._shift[columns]
                total[:, k] += np.bincount(columns, per_entry * entries, minlength=d)
        total += np.multiply.outer(self._shift**2, c.sum(axis=0))
        return np.maximum(total, 0.0, out=total)

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
        both, second = np.zeros((2, d)), np.zeros((d, d))
        two, root = np.stack([g, c]), np.sqrt(c)
        for block in self._blocks:
            z = self._centred_block(block)
            both += two[:, block] @ z
            weighted = z * root[block, None]
            second += weighted.T @ weighted  # a symmetric product in BLAS
        return both[0], second, both[1]

    def _sparse_moments(self, c):
        d = self.n_features
        second = np.zeros((d, d))
        for block, entries, columns, counts in self._sparse_blocks():
            starts = np.append(0, np.cumsum(counts)).astype(columns.dtype)
            shape = len(counts), d
            X = sparse.csr_matrix((entries, columns, starts), shape=shape, copy=False)
            weighted = entries * np.repeat(c[block], counts)
            other = sparse.csr_matrix((weighted, columns, starts), shape, copy=False)
            second += (X.T @ other).toarray()
        second *= self.scale * self.scale[:, None]
        first = self._rows.transposed_dot(c[:, None])[0] * self.scale
        cross = np.outer(first, self._shift)
        second -= cross
        second -= cross.T
        second += c.sum() * np.outer(self._shift, self._shift)
        return second, first - c.sum() * self._shift

    def unscaled(self, u, at_mean):
        """coef and intercept of the raw prediction z u + at_mean.

        Parameters
        ----------
        u : ndarray of shape (n_features,) or (n_outputs, n_features)
        at_mean : float or ndarray of shape (n_outputs,)
        """
        coef = u * self.scale
        return coef, at_mean - coef @ self.mean
