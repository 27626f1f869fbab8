"""What is fitted: X standard normal, y from a linear model with noise."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

QUICK = 50  # --quick divides the number of rows by it


@dataclass(frozen=True)
class Data:
    """A data set.

    Parameters
    ----------
    n, d : int
        Rows and columns.
    dtype : {"float64", "float32"}
    nonzeros : int or None
        Of each row of CSR; None: dense.
    classes : int
        0 for regression.
    """

    n: int
    d: int
    dtype: str = "float64"
    nonzeros: int | None = None
    classes: int = 2

    def __str__(self):
        kind = f"CSR, {self.nonzeros} nonzeros a row" if self.nonzeros else "dense"
        return f"{self.n:,} x {self.d:,} {self.dtype} {kind}"

    def shrunk(self):
        """The data of a quick run."""
        return self if self.n <= 1000 else replace(self, n=self.n // QUICK)


def make_sparse(data, rng):
    """CSR with one nonzero in each of so many equal blocks of columns."""
    width = data.d // data.nonzeros
    columns = rng.integers(width, size=(data.n, data.nonzeros), dtype=np.int32)
    columns += np.arange(0, data.nonzeros * width, width, dtype=np.int32)
    values = rng.standard_normal(columns.size, dtype=data.dtype)
    starts = np.arange(0, columns.size + 1, data.nonzeros, dtype=np.int32)
    return csr_array((values, columns.ravel(), starts), shape=(data.n, data.d))


@lru_cache(maxsize=1)
def make(data):
    """X and y; nothing made on the way is as large as X."""
    rng = np.random.default_rng(0)
    if data.nonzeros:
        X = make_sparse(data, rng)
    else:
        X = np.empty((data.n, data.d), data.dtype)
        rng.standard_normal(out=X, dtype=X.dtype)
    w = rng.standard_normal((data.d, max(1, data.classes))).astype(data.dtype)
    raw = X @ w
    raw += raw.std() * rng.standard_normal(raw.shape)
    if data.classes == 0:
        return X, (raw[:, 0] / raw.std()).astype(np.float64)
    if data.classes == 2:
        return X, (raw[:, 0] > 0).astype(np.int64)
    return X, raw.argmax(axis=1)


def size_in_bytes(X):
    """Of all arrays of a matrix."""
    if isinstance(X, np.ndarray):
        return X.nbytes
    return X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
