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

NARROW = 28  # columns up to which BLAS computes both halves of a product faster


@dataclass(frozen=True, eq=False)
class Predictors:
    """What moves in a matrix of coefficients with the intercepts in the last column.

    Parameters
    ----------
    moves : ndarray of bool of shape (n_outputs, n_features + 1)
    share_bounds : bool, default=False
        Whether bounds of coefficients are those of all outputs, or of the first alone.
    """

    moves: np.ndarray
    share_bounds: bool = False

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
        sums = CurvatureSums(self)
        lower = np.tril_indices(self.n_outputs)
        sums.add(z, np.ascontiguousarray(hessians[:, *lower].T))
        out += sums.total()


class CurvatureSums:
    """sum_i z_i' H_i z_i of all outputs, of rows that are added block by block.

    Two outputs with columns have a matrix of moments of z, of which those that share
    their second derivatives share one product; outputs that are numbers have a column.

    Parameters
    ----------
    predictors : Predictors
    """

    def __init__(self, predictors):
        self.predictors = predictors
        self._width = predictors.moves.shape[1]
        self._grams, self._scratch = {}, np.empty((0, self._width))
        k, constants = [k for k, _ in predictors.featured], predictors.constants
        self._borders = [_places(output, constants) for output in k]
        self._of_borders = [np.zeros((len(constants), self._width)) for _ in k]
        self._inner = _places(constants[:, None], constants)
        self._of_inner = np.zeros(self._inner.shape)

    def add(self, z, packed):
        """Add a block of rows.

        Parameters
        ----------
        z : ndarray of shape (n_rows, n_features + 1)
            The last column is of ones.
        packed : ndarray of shape (n_outputs * (n_outputs + 1) // 2, n_rows)
            The lower triangles of their Hessians.
        """
        if len(self._scratch) < len(z):
            self._scratch = np.empty(z.shape)
        featured = [k for k, _ in self.predictors.featured]
        for i, k in enumerate(featured):
            for m in featured[: i + 1]:
                self._add_gram(k, m, z, packed[_places(k, m)])
            if len(self.predictors.constants):
                self._of_borders[i] += packed[self._borders[i]] @ z
        of_all = packed.sum(axis=1)
        self._of_inner += of_all[self._inner]

    def _add_gram(self, k, m, z, bend):
        least, most = bend.min(initial=0.0), bend.max(initial=0.0)
        if least == most == 0.0:
            return  # as of tasks, which do not see each other
        if (k, m) not in self._grams:
            self._grams[k, m] = np.zeros((self._width,) * 2, order="F")
        gram, weighed = self._grams[k, m], self._scratch[: len(z)]
        if least < 0.0 < most:
            np.multiply(z, bend[:, None], out=weighed)
            blas.dgemm(1.0, z.T, weighed.T, 1.0, gram, trans_b=True, overwrite_c=True)
            return
        # Half of the products will do, of weights of one sign.
        weigh_rows(z, np.abs(bend), weighed)
        sign, weighed = (1.0 if least == 0.0 else -1.0), weighed.T
        if self._width <= NARROW:
            parts = sign, weighed, weighed, 1.0, gram
            blas.dgemm(*parts, trans_b=True, overwrite_c=True)
        else:
            blas.dsyrk(sign, weighed, 1.0, gram, overwrite_c=True)

    def total(self):
        """The matrix of all that moves, in packed order."""
        predictors = self.predictors
        out, parts = np.zeros((predictors.size,) * 2), predictors._parts
        rest = slice(parts[-1].stop if parts else 0, len(out))
        of_output = {
            k: (columns, i) for i, (k, columns) in enumerate(predictors.featured)
        }
        for (k, m), gram in self._grams.items():
            (columns, i), (others, j) = of_output[k], of_output[m]
            whole = np.triu(gram) + np.triu(gram, 1).T
            out[parts[i], parts[j]] = whole[columns][:, others]
            out[parts[j], parts[i]] = whole[others][:, columns]
        for (_, columns), part, border in zip(
            predictors.featured, parts, self._of_borders
        ):
            out[rest, part] = border[:, columns]
            out[part, rest] = border[:, columns].T
        out[rest, rest] = self._of_inner
        return out


def _places(i, j):
    """Where entries of a matrix are in its packed lower triangle."""
    low, high = np.minimum(i, j), np.maximum(i, j)
    return high * (high + 1) // 2 + low


def _as_slice(columns):
    """The same columns as a slice, if they follow each other: of an array a view."""
    if len(columns) and columns[-1] - columns[0] == len(columns) - 1:
        return slice(int(columns[0]), int(columns[-1]) + 1)
    return columns
