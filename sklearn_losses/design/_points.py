"""Rows as points, which a linear map moves: centred, and each feature in its own unit.

Distances do not change when all rows move, and products and norms are then those of
deviations. The unit of a feature is its standard deviation, so that what is found, and
how fast, does not depend on the units of X.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds


class Points:
    """Rows of X, as (x - mean) / spread.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        An ndarray is copied, for it is read in every step; a CSR matrix stays one.
    weight : ndarray of shape (n_rows,), default=None
        > 0, of rows: what means and spreads are of.

    Attributes
    ----------
    mean, spread : ndarray of shape (n_features,)
        Of the features; 1 is the spread of a constant.
    is_constant : ndarray of bool of shape (n_features,)
    share : ndarray of shape (n_rows,)
        The weights, which sum to 1.
    """

    def __init__(self, X, weight=None):
        self.share = shares(weight, X.shape[0])
        if sparse.issparse(X):
            size = np.maximum(abs(X).max(axis=0).toarray().ravel(), 0.0)
            size = np.where(size > 0, size, 1.0)
            X = sparse.csr_array(X, dtype=np.float64) @ sparse.diags_array(1.0 / size)
            mean, square = X.T @ self.share, X.multiply(X).T @ self.share
            variance = square - mean**2
            self.is_constant = variance <= 1e-14 * square
        else:
            X = X.astype(np.float64)
            size = np.maximum(np.abs(X).max(axis=0), 0.0)
            size = np.where(size > 0, size, 1.0)
            X /= size  # squares of what is at most 1 do not overflow
            mean = self.share @ X
            X -= mean
            variance = self.share @ (X * X)
            self.is_constant = variance <= 1e-28 * mean**2
        spread = np.sqrt(np.where(self.is_constant, 1.0, variance))
        scale = np.where(self.is_constant, 0.0, 1.0 / spread)
        self.is_sparse = sparse.issparse(X)
        self.X = (
            sparse.csr_array(X @ sparse.diags_array(scale)) if self.is_sparse else X
        )
        if not self.is_sparse:
            X *= scale
        self.shift = mean * scale if self.is_sparse else None
        self.mean = mean * size
        self.spread = np.where(self.is_constant, 1.0, spread * size)
        self.shape = X.shape

    def without_rows(self):
        """The units alone, for `of`."""
        found = object.__new__(Points)
        vars(found).update(vars(self))
        found.X = found.share = None
        return found

    def of(self, X, weight=None):
        """Other rows in the units of these."""
        found = self.without_rows()
        found.share = shares(weight, X.shape[0])
        scale = np.where(self.is_constant, 0.0, 1.0 / self.spread)
        found.shape, found.is_sparse = X.shape, sparse.issparse(X)
        found.shift = self.mean * scale
        if found.is_sparse:
            found.X = sparse.csr_array(X, dtype=np.float64) @ sparse.diags_array(scale)
        else:
            found.X = (X - self.mean) * scale
        return found

    def map(self, L):
        """Where a map takes the rows: X L'."""
        Z = self.X @ L.T
        if self.is_sparse:
            Z -= L @ self.shift
        return np.ascontiguousarray(Z)

    def back(self, G):
        """G' X, of shape (n_columns, n_features)."""
        found = (self.X.T @ G).T
        if self.is_sparse:
            found = found - np.outer(G.sum(axis=0), self.shift)
        return found

    def dense(self):
        """The rows as an array."""
        return self.X.toarray() - self.shift if self.is_sparse else self.X

    def principal(self, n_components):
        """The first principal directions of X; of 0 where there are no more."""
        size = np.where(self.is_constant, 0.0, self.spread)
        size /= size.max(initial=0.0) or 1.0
        root = np.sqrt(self.share * self.shape[0])
        most = min(self.shape)
        k = min(n_components, most)
        if k < most // 4:
            centred = LinearOperator(
                self.shape,
                matvec=lambda v: root * self.map(size * v.reshape(1, -1)).ravel(),
                rmatvec=lambda v: size * self.back((root * v)[:, None]).ravel(),
                dtype=np.float64,
            )
            found = svds(centred, k=k, v0=np.ones(most))[2][::-1]
        else:
            X = root[:, None] * self.dense() * size
            found = np.linalg.svd(X, full_matrices=False)[2][:k]
        largest = found[np.arange(len(found)), np.abs(found).argmax(axis=1)]
        found = found * np.sign(largest)[:, None] * size
        return np.vstack([found, np.zeros((n_components - k, self.shape[1]))])


def shares(weight, n_rows):
    """Weights that sum to 1."""
    return np.full(n_rows, 1.0 / n_rows) if weight is None else weight / weight.sum()
