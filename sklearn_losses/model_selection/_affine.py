"""Transformers that say the same in each fold, but for units and origins.

What a scaler has learned without a fold differs from what it has learned from all rows
by a factor and a shift of each column. An intercept takes the shifts, and the penalty
the factors: such a pipeline needs no rows of its own in each fold.
"""

import numpy as np
from scipy import sparse
from sklearn.base import clone

from sklearn_losses.model_selection._folds import rows_of
from sklearn_losses.model_selection._least import Doubt

ROUNDING = 1e-9  # of the largest number of a column, by which it may be something else
OTHERS = "the transformers of a Pipeline learn something else in each fold"


def affine(before, data, trains, has_intercept):
    """The rows as transformed by all, and the factor of each column in each fold.

    Parameters
    ----------
    before : Pipeline
        Of transformers.
    data : Data
    trains : list of ndarray of int
        The rows of each fold.
    has_intercept : bool

    Returns
    -------
    X : ndarray or sparse matrix of shape (n_rows, d)
    factors : ndarray of shape (n_folds, d)
        Times which the columns are those without a fold, but for a shift.

    Raises
    ------
    Doubt
        If they are not.
    """
    X = _plain(before.fit_transform(data.X, data.y))
    look, factors = _sparse_factors if sparse.issparse(X) else _factors, []
    for train in trains:
        fitted = clone(before).fit(rows_of(data.X, train), data.y[train])
        other = _plain(fitted.transform(data.X))
        if other.shape != X.shape or sparse.issparse(other) != sparse.issparse(X):
            raise Doubt(OTHERS)
        with np.errstate(all="ignore"):
            factor, shift = look(X, other)
        if not (np.isfinite(factor).all() and (factor > 0).all()):
            raise Doubt(OTHERS)
        if np.any(shift) and not has_intercept:
            raise Doubt(f"{OTHERS}, and there is no intercept")
        factors.append(factor)
    return X, np.array(factors)


def _plain(X):
    return X if sparse.issparse(X) else np.asarray(X, dtype=np.float64)


def _factors(X, other):
    """Factors and shifts of dense columns, nan where there are none."""
    each, low, high = np.arange(X.shape[1]), X.argmin(axis=0), X.argmax(axis=0)
    spread = X[high, each] - X[low, each]
    factor = np.where(spread > 0, (other[high, each] - other[low, each]) / spread, 1.0)
    shift = other[low, each] - factor * X[low, each]
    allowed = ROUNDING * np.abs(other).max(axis=0, initial=0.0)
    shift[np.abs(shift) <= allowed] = 0.0
    off = np.abs(X * factor + shift - other).max(axis=0, initial=0.0)
    return np.where(off <= allowed, factor, np.nan), shift


def _sparse_factors(X, other):
    """The same of sparse columns, which cannot be shifted."""
    sizes = [np.ravel(abs(A).sum(axis=0)) for A in (X, other)]
    factor = np.where(sizes[0] > 0, sizes[1] / sizes[0], 1.0)
    off = abs(X @ sparse.diags_array(factor) - other).max()
    return factor if off <= ROUNDING * abs(other).max() else factor * np.nan, 0.0
