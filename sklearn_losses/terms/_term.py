"""A loss on many samples, as a function of their raw predictions.

A term is what everybody above sees of a loss: its value, its slopes, its curvature
and where it is least. Kinks are smoothed: see `_points` and `_rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy.linalg import blas

from sklearn_losses._machine._typing import Array
from sklearn_losses.losses import Loss
from sklearn_losses.losses._table import CLoss

CHUNK = 1 << 16  # raw predictions of rows that are evaluated at a time
FEW = 2000  # rows, or twice as many, from which a mean is known
DIFFERENCE = 1e-4  # in units of the raw prediction, for a loss without curvature
ALL = slice(None)


@dataclass
class Model:
    """A loss term around raw predictions p; the slopes are of the smoothed loss.

    Attributes
    ----------
    value : float
        Of the loss itself.
    slopes, curvatures : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Of all rows or of a block; the model of another block overwrites them.
        Curvatures that are not wanted are None.
    excess : float
        About how much the smoothing adds to the value, never too little at one kink.
    moment, size : float
        The sum of the slopes times p, and that of the absolute values, at the least.
    steepness : float
        The sum of the slopes' absolute values.
    """

    value: float
    slopes: np.ndarray
    curvatures: np.ndarray
    excess: float
    moment: float = 0.0
    size: float = 0.0
    steepness: float = 0.0


def finite(curvatures):
    """Without nan and infinities, which are looked for by their sum alone."""
    if np.isfinite(curvatures.sum()):
        return curvatures
    return np.nan_to_num(curvatures, copy=False, posinf=0.0)


def uniform(weight, n):
    """A weight of n rows that takes the memory of one."""
    found = np.ndarray(n, np.float64, np.array([weight]), strides=(0,))
    found.flags.writeable = False  # or all would be written
    return found


def is_uniform(weight):
    """Whether a weight is from `uniform`."""
    return weight.strides == (0,)


def some_are_0(weight):
    """Whether some rows are absent."""
    return not (weight[0] if is_uniform(weight) else weight.all())


@lru_cache(maxsize=256)
def has_minimum_0(cls):
    """Whether the infimum of a loss of this class is 0, whatever the target is."""
    names = "minimum", "_minimum"
    return all(getattr(cls, name) is getattr(Loss, name) for name in names)


class LossTerm:
    """sum_i weight_i loss(y_i, p_i).

    Parameters
    ----------
    loss : Loss
    y : ndarray of float64 of shape (n_rows,)
    weight : ndarray of float64 of shape (n_rows,)
        Rows of weight 0 are as if they were not there, whatever their loss is.
    offset : ndarray of float64 of the shape of raw predictions, default=None
        What a constant is added to: the raw predictions of a model without features.
        All raw predictions that a term is asked about contain it.
    """

    n_outputs = 1
    couples_outputs = False  # whether raw predictions are of shape (n_rows, n_outputs)
    has_kernels = False  # whether `sums_of` gives the compiled sums of a block of rows
    n_arrays = 2  # slopes and curvatures

    def __init__(
        self,
        loss: Loss,
        y: Array,
        weight: Array,
        functions: CLoss | None = None,
        offset: Array | None = None,
    ) -> None:
        self.loss = loss
        self.y = y
        self.weight = weight
        self.offset = offset
        self.total = weight.sum()
        self._some_absent = some_are_0(weight)
        self._arrays = None
        self.unit = 1.0
        self.is_smoothed = False
        self._functions = functions or loss.checked()
        self._has_curvature = self._functions.has_curvature

    def value(self, p: Array, q: Array | None = None, t: float = 0.0) -> float:
        """The weighted sum of the losses, at p or at p + t q."""
        raise NotImplementedError

    def slopes(self, p: Array, h: float) -> Array:
        """The derivatives of the weighted losses, smoothed over h."""
        raise NotImplementedError

    def slope_along(self, p: Array, q: Array, t: float, h: float) -> float:
        """The derivative by t of the smoothed value at p + t q."""
        raise NotImplementedError

    def model(self, p: Array, h: float) -> Model:
        """Value, slopes, curvatures and the excess of smoothing around p."""
        raise NotImplementedError

    def best_constant(self) -> Any:
        """The one raw prediction for all rows with the least value, about."""
        raise NotImplementedError

    def _weighted(self, array, block=ALL):
        weight = self.weight[block]
        array *= weight.reshape(-1, *(1,) * (array.ndim - 1))
        if self._some_absent:
            array[weight == 0] = 0.0
        return array

    def _scratch(self, *shape):
        """Arrays for a block of rows, the first of which has the most."""
        if self._arrays is None:
            self._arrays = [np.empty(shape) for _ in range(self.n_arrays)]
        return [array[: shape[0]] for array in self._arrays]

    @cached_property
    def relative(self):
        """The term of the convex relative of its loss, None if there is none."""
        relative = self.loss.convex_relative()
        return None if relative is None else self.with_loss(relative)

    @property
    def shape(self):
        """That of raw predictions."""
        n_rows = len(self.y)
        return (n_rows, self.n_outputs) if self.couples_outputs else (n_rows,)

    def at_constant(self, c: Any) -> Array:
        """The raw predictions of all rows of a model that is the constant c."""
        if self.offset is not None:
            return self.offset + c
        return np.full((len(self.y), *np.shape(c)), c)

    def value_at(self, c: Any) -> float:
        """The value of a model that is the constant c."""
        return self.value(self.at_constant(c))

    @property
    def grouped(self):
        """A term of the same sums of constant models.

        It has a row for each target, if those are few, or is this term.
        """
        return (self._few if self.offset is None else None) or self

    _few = None

    may_lack_curvature = False  # anywhere, so that it has to be looked for

    def may_drop(self, p, h):
        """Whether the loss bends at p about as much as it does if smoothed over h."""
        return False

    def width(self, p, h):
        """h, or less where that would make another loss of it."""
        return h

    @cached_property
    def known_minimum(self) -> float | None:
        """The infimum over all raw predictions, None if there is no formula for it."""
        if has_minimum_0(type(self.loss)):
            return 0.0
        if self.grouped is not self:
            return self.grouped.known_minimum
        total = 0.0
        for i in range(0, len(self.y), CHUNK):
            y, weight = self.y[i : i + CHUNK], self.weight[i : i + CHUNK]
            if self._some_absent:
                y, weight = y[weight > 0], weight[weight > 0]
            try:
                total += float(weight @ self.loss.minimum(y))
            except ValueError:
                return None
        return total

    def minimum(self) -> float:
        """The infimum over all raw predictions, 0 if it is not known.

        Where it is -inf, what a step of 1 could make of the best constant.
        """
        found = self.known_minimum or 0.0
        if found > -np.inf:
            return found
        best = self.best_constant()
        return self.value_at(best) - self.steepness_at(best)

    def steepness_at(self, c: Any) -> float:
        """The sum of the slopes' absolute values of a model that is the constant c."""
        return float(blas.dasum(self.slopes(self.at_constant(c), 0.0).ravel()))
