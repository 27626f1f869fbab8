"""Which columns of X each output of a model uses, and whether it has an intercept.

An output without columns is a number that is fitted beside the others. Coefficients of
columns that an output does not use are 0, and no part of any matrix.

>>> import numpy as np
>>> from sklearn_losses.design._predictors import Predictors
>>> Predictors(np.array([[1, 1, 1], [0, 0, 1]], dtype=bool)).size  # the last: intercept
4
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import blas

from sklearn_losses.design._matrices import weigh_rows


@dataclass(frozen=True, eq=False)
class Predictors:
    """What moves in a matrix of coefficients with the intercepts in the last column.

    Parameters
    ----------
    moves : ndarray of bool of shape (n_outputs, n_features + 1)
    """

    moves: np.ndarray

    @classmethod
    def of(cls, uses, intercepts):
        """Those of columns and intercepts.

        Parameters
        ----------
        uses : ndarray of bool of shape (n_outputs, n_features)
        intercepts : ndarray of bool of shape (n_outputs,)
        """
        return cls(np.column_stack([uses, intercepts]))

    @classmethod
    def beside(cls, n_features, n_outputs):
        """A first output with all columns, and numbers beside it for the others."""
        uses = np.zeros((n_outputs, n_features), dtype=bool)
        uses[0] = True
        return cls.of(uses, np.arange(n_outputs) > 0)

    @property
    def size(self):
        """How many numbers there are to find."""
        return int(self.moves.sum())

    @property
    def n_outputs(self):
        return len(self.moves)

    @property
    def has_more(self):
        """Whether more than the first output has columns."""
        return bool(self.moves[1:, :-1].any())

    @property
    def featured_outputs(self):
        """Which outputs have columns."""
        return self.moves[:, :-1].any(axis=1)

    def of_first(self, moving=True):
        """The same with columns for the first output alone, and intercepts that move.

        Parameters
        ----------
        moving : ndarray of bool of shape (n_outputs,), default=True
        """
        moves = self.moves.copy()
        moves[1:, :-1] = False
        moves[:, -1] &= moving
        return Predictors(moves)

    def of_location(self):
        """The same where only the first output moves."""
        moves = self.moves.copy()
        moves[1:] = False
        return Predictors(moves)

    @cached_property
    def _is_constant(self):
        return ~self.featured_outputs

    @cached_property
    def constants(self):
        """The outputs that are intercepts."""
        return np.flatnonzero(self._is_constant & self.moves[:, -1])

    @cached_property
    def featured(self):
        """The other outputs, and their columns of (x, 1)."""
        return [
            (k, _as_slice(np.flatnonzero(self.moves[k])))
            for k in np.flatnonzero(~self._is_constant)
        ]

    @cached_property
    def places(self):
        """Where in the flat matrix of coefficients each number is, in packed order."""
        width = self.moves.shape[1]
        rows = [k * width + np.flatnonzero(self.moves[k]) for k, _ in self.featured]
        return np.concatenate([*rows, (self.constants + 1) * width - 1]).astype(np.intp)

    @cached_property
    def _parts(self):
        """The slices of the featured outputs in packed order."""
        sizes = [int(self.moves[k].sum()) for k, _ in self.featured]
        ends = np.cumsum([0, *sizes])
        return [slice(a, b) for a, b in itertools.pairwise(ends)]

    def add_curvature(self, z, hessians, out):
        """Add sum_i z_i' H_i z_i of all outputs, in packed order.

        Parameters
        ----------
        z : ndarray of shape (n_rows, n_features + 1)
            The last column is of ones.
        hessians : ndarray of shape (n_rows, n_outputs, n_outputs)
            Symmetric.
        out : ndarray of shape (size, size)
            Added to.
        """
        first = self._parts[-1].stop if self._parts else 0
        rest = slice(first, len(out))
        of_constants = hessians[:, self.constants]
        for (k, columns), part in zip(self.featured, self._parts):
            own = z[:, columns]
            for (m, others), place in zip(self.featured, self._parts):
                if m > k:
                    break
                bend = hessians[:, k, m, None]
                if m == k and bend.min(initial=0.0) >= 0.0:
                    out[part, part] += _weighted_gram(own, bend[:, 0])
                    break
                product = own.T @ (bend * z[:, others])
                out[part, place] += product
                if m < k:
                    out[place, part] += product.T
            if len(self.constants):
                product = own.T @ of_constants[:, :, k]
                out[part, rest] += product
                out[rest, part] += product.T
        out[rest, rest] += of_constants[:, :, self.constants].sum(axis=0)


def _weighted_gram(x, weight):
    """x' diag(weight) x by half of its products, of weights >= 0."""
    weighed = np.empty(x.shape)
    weigh_rows(np.ascontiguousarray(x), weight, weighed)
    upper = blas.dsyrk(1.0, weighed.T)
    return np.triu(upper) + np.triu(upper, 1).T


def _as_slice(columns):
    """The same columns as a slice, if they follow each other: of an array a view."""
    if len(columns) and columns[-1] - columns[0] == len(columns) - 1:
        return slice(int(columns[0]), int(columns[-1]) + 1)
    return columns
