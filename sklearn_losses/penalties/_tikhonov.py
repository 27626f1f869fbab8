"""Tikhonov's penalty: a quadratic form of the coefficients.

>>> import numpy as np
>>> from sklearn_losses import Tikhonov
>>> steps = np.diff(np.eye(4), axis=0)  # neighbours should not differ
>>> Tikhonov(steps.T @ steps).value([1.0, 1.0, 3.0, 3.0])
np.float64(2.0)
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sklearn_losses._machine._params import Instance, InvalidParameterError
from sklearn_losses._machine._typing import Matrix
from sklearn_losses.penalties._base import Penalty
from sklearn_losses.penalties._names import in_order
from sklearn_losses.penalties._price import Price

ASYMMETRIC = 1e-10  # of its largest entry: more is no rounding ...
NEGATIVE = 1e-10  # ... and of its largest eigenvalue


class Tikhonov(Penalty):
    """alpha / 2 w' matrix w.

    The identity makes it `L2`; the matrix D'D of differences D between neighbours
    makes coefficients smooth.

    Parameters
    ----------
    matrix : {array-like, sparse matrix} of shape (n_features, n_features)
        Symmetric and positive semidefinite. A DataFrame whose labels are names of
        features is in any order.
    """

    _constraints = {"matrix": [Instance(object, "a positive semidefinite matrix")]}

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix

    def _price(self, alpha, n_features, names):
        return Price(matrix=alpha * _checked(self.matrix, n_features, names))


def _checked(matrix, n_features, names):
    matrix = in_order("The 'matrix' parameter of Tikhonov", matrix, names)
    start = "The 'matrix' parameter of Tikhonov must be"
    try:
        dense = matrix.toarray() if sparse.issparse(matrix) else matrix
        found = np.array(dense, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidParameterError(
            f"{start} an array of numbers. Got {matrix!r} instead."
        ) from None
    if found.shape != (n_features, n_features):
        raise InvalidParameterError(
            f"{start} of shape ({n_features}, {n_features}), for X has {n_features} "
            f"features. Got the shape {found.shape}."
        )
    if not np.isfinite(found).all():
        raise InvalidParameterError(f"{start} finite. Got nan or infinity in it.")
    gap = np.abs(found - found.T)
    if gap.max(initial=0.0) > ASYMMETRIC * np.abs(found).max(initial=0.0):
        i, j = np.unravel_index(gap.argmax(), gap.shape)
        raise InvalidParameterError(
            f"{start} symmetric: matrix[{i}, {j}] is {found[i, j]:g} and "
            f"matrix[{j}, {i}] is {found[j, i]:g}. Use (matrix + matrix.T) / 2."
        )
    found = 0.5 * (found + found.T)
    eigenvalues = np.linalg.eigvalsh(found)
    if eigenvalues[0] < -NEGATIVE * max(eigenvalues[-1], 0.0):
        raise InvalidParameterError(
            f"{start} positive semidefinite, or there would be no minimum. Its least "
            f"eigenvalue is {eigenvalues[0]:.3g}."
        )
    return found
