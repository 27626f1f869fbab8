"""The term of a loss of rows: several raw predictions a sample, which it couples.

A loss with kinks says itself how it is smoothed (`RowLoss.softened`).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import blas
from scipy.optimize import minimize

from sklearn_losses._machine._typing import Array
from sklearn_losses.terms._term import (
    ALL,
    CHUNK,
    DIFFERENCE,
    FEW,
    LossTerm,
    Model,
    finite,
)

NARROWER = 1e-3  # than a smoothing, which curves the slopes that are subtracted
TWISTED = 1e-3  # of the largest second derivative may two differ that are equal, ...
ROUNDED = 1e-6  # ... unless it is below this share of that of all rows


class RowTerm(LossTerm):
    """A loss of rows; p is of shape (n_rows, n_outputs)."""

    couples_outputs = True
    n_arrays = 3  # and one to work in

    def __init__(self, loss, y, weight, n_outputs, offset=None):
        super().__init__(loss, y, weight, offset=offset)
        self._evaluate = self._functions.evaluate_rows
        self._y = y[:, None]
        self.n_outputs = n_outputs

    def with_loss(self, loss):
        """The same rows with another loss."""
        return row_term(loss, self.y, self.weight, self.n_outputs, self.offset)

    def chosen(self, rows):
        """The term of some rows, a slice."""
        y, weight = self.y[rows].copy(), self.weight[rows].copy()
        offset = None if self.offset is None else self.offset[rows].copy()
        return type(self)(self.loss, y, weight, self.n_outputs, offset)

    @cached_property
    def _few(self):
        n_rows, n_outputs = self.shape
        if n_rows <= n_outputs:
            return None
        each = np.bincount(self.y.astype(np.intp), self.weight, n_outputs)
        return row_term(self.loss, np.arange(float(n_outputs)), each, n_outputs)

    def _chunks(self, n):
        size = max(1, CHUNK // self.n_outputs)
        return [slice(i, min(i + size, n)) for i in range(0, n, size)]

    def value(self, p: Array, q: Array | None = None, t: float = 0.0) -> float:
        """The weighted sum of the losses, at p or at p + t q."""
        total = 0.0
        for chunk in self._chunks(len(p)):
            values = np.empty(chunk.stop - chunk.start)
            at = p[chunk] if q is None else p[chunk] + t * q[chunk]
            self._evaluate(self._y[chunk], at, values, None, None)
            total += self._weighted(values, chunk).sum()
        return float(total)

    def slope_along(self, p: Array, q: Array, t: float, h: float) -> float:
        """The derivative by t of the smoothed value at p + t q."""
        total = 0.0
        for chunk in self._chunks(len(p)):
            here = q[chunk]
            total += np.vdot(self._slopes(p[chunk] + t * here, h, chunk), here)
        return float(total)

    def slopes(self, p: Array, h: float) -> Array:
        """The derivatives of the weighted losses."""
        return self._slopes(p, h, ALL)

    def _slopes(self, p, h, block):
        slopes = np.empty(p.shape)
        self._evaluate(self._y[block], p, None, slopes, None)
        return self._weighted(slopes, block)

    def model(
        self,
        p: Array,
        h: float,
        block: slice | None = None,
        with_curvatures: bool = True,
    ) -> Model:
        """Value, slopes, the diagonal of the Hessian and the excess of smoothing.

        Parameters
        ----------
        p : ndarray of shape (n, n_outputs)
        h : float
        block : slice, default=None
            Of which rows p is; None means all.
        with_curvatures : bool, default=True
        """
        arrays = [np.empty(p.shape) for _ in range(self.n_arrays)]
        if block is not None:
            arrays = self._scratch(*p.shape)
        block = ALL if block is None else block
        found = self._model(p, h, block, arrays, with_curvatures)
        slopes, at = found.slopes.ravel(), p.ravel()
        found.moment = float(slopes @ at)
        found.size = math.sqrt(float(slopes @ slopes) * float(at @ at))
        found.steepness = float(blas.dasum(slopes))
        return found

    def _model(self, p, h, block, arrays, with_curvatures):
        slopes, curvatures, other = arrays
        y, values = self._y[block], np.empty(len(p))
        if not with_curvatures:
            curvatures = None
        elif not self._has_curvature:
            width = h or DIFFERENCE * self.unit
            signs = self._signs[block]
            shift = width * signs
            self._evaluate(y, p + shift, None, curvatures, None)
            self._evaluate(y, p - shift, None, other, None)
            # Of a Hessian H, z (H z) is the diagonal and, on average over z, no more.
            curvatures -= other
            curvatures *= signs
            curvatures *= 0.5 / width
        direct = curvatures if self._has_curvature else None
        self._evaluate(y, p, values, slopes, direct)
        value = float(self._weighted(values, block).sum())
        slopes = self._weighted(slopes, block)
        return Model(value, slopes, self._positive(curvatures, block), 0.0)

    def _positive(self, curvatures, block):
        if curvatures is None:
            return None
        np.maximum(curvatures, 0.0, out=curvatures)
        return finite(self._weighted(curvatures, block))

    def mean_hessian(self, p, h):
        """The sum of the Hessians of the rows' losses, of some rows.

        Returns
        -------
        ndarray of shape (n_outputs, n_outputs)
        """
        some = slice(None, None, max(1, len(p) // FEW))
        few, p = self.chosen(some), p[some].copy()
        if self._has_hessians(h):
            return few._exact_hessians(p, h, ALL).sum(axis=0)
        width = h or DIFFERENCE * self.unit
        shifts = width * np.eye(p.shape[1])
        both = ((few.slopes(p + s, h), few.slopes(p - s, h)) for s in shifts)
        found = np.array([(up - down).sum(axis=0) for up, down in both])
        return finite(0.25 / width * (found + found.T))

    def hessians(self, p, h, block):
        """Those of the rows' weighted losses, none with a negative eigenvalue.

        Parameters
        ----------
        p : ndarray of shape (n, n_outputs)
        h : float
        block : slice
            Of which rows p is.

        Returns
        -------
        ndarray of shape (n, n_outputs, n_outputs)
        """
        if self._has_hessians(h):
            found = self._exact_hessians(p, h, block)
            return found if self.loss.convex else without_negative(found)
        found = self._differences(p, h, block)
        other = found.transpose(0, 2, 1)
        # Where second derivatives jump, differences are no matrix of a convex loss.
        largest = found.max(axis=(1, 2), initial=0.0)
        least = np.maximum(largest, ROUNDED * largest.max(initial=0.0))
        odd = np.abs(found - other).max(axis=(1, 2)) > TWISTED * least
        odd = odd if self.loss.convex else ALL
        found = 0.5 * (found + other)
        found[odd] = without_negative(found[odd])
        return found

    def _has_hessians(self, h):
        # Of a kink that nobody smooths differences know, and second derivatives do not.
        return self._functions.has_hessian and self.loss.differentiable

    def _exact_hessians(self, p, h, block):
        found = np.empty((*p.shape, p.shape[1]))
        self._functions.evaluate_hessians(self._y[block], p, found)
        return finite(self._weighted(found, block))

    def _differences(self, p, h, block):
        n_outputs = p.shape[1]
        width = NARROWER * h if h > 0 else DIFFERENCE * self.unit
        found = np.empty((len(p), n_outputs, n_outputs))
        for k, shift in enumerate(width * np.eye(n_outputs)):
            found[:, k] = self._slopes(p + shift, h, block)
            found[:, k] -= self._slopes(p - shift, h, block)
        return finite(0.5 / width * found)

    @cached_property
    def _signs(self):
        """z of each row. The absent rows take none from the others."""
        z = np.zeros(self.shape)
        here = self.weight > 0
        rng = np.random.default_rng(0)
        z[here] = rng.choice([-1.0, 1.0], (np.count_nonzero(here), z.shape[1]))
        return z

    def best_constant(self) -> Any:
        """The raw predictions, one for each class, with the least value, about."""
        few = self._few or self
        best = self.loss.optimal_constant(few.y, few.weight)
        best = np.clip(np.nan_to_num(best), -30.0, 30.0)
        return best if self.offset is None else self._constant_beside_offset(best)

    def _constant_beside_offset(self, likely):
        """The same with offsets, from constants that are best without."""

        def value_and_slopes(c):
            p = self.at_constant(c)
            return self.value(p), self.slopes(p, 0.0).sum(axis=0)

        starts = likely - self.weight @ self.offset / self.total, likely
        found = [minimize(value_and_slopes, c, jac=True, method="BFGS") for c in starts]
        return min(found, key=lambda each: each.fun).x


class SoftenedRowTerm(RowTerm):
    """A loss of rows whose kinks are those of a maximum (`RowLoss.softened`)."""

    def __init__(self, loss, y, weight, n_outputs, offset=None):
        super().__init__(loss, y, weight, n_outputs, offset)
        self.is_smoothed = True
        self._softened = loss.softened.checked()
        self._soft = self._softened.evaluate_rows
        self._own = y.astype(np.intp)

    def _shifted(self, p, h, block):
        # All others by 1 would be the same, but cost a small p its digits.
        shifted = p.copy()
        shifted[np.arange(len(p)), self._own[block]] -= 1.0
        shifted /= h
        return shifted

    def _slopes(self, p, h, block):
        if h == 0:
            return super()._slopes(p, h, block)
        slopes = np.empty(p.shape)
        self._soft(self._y[block], self._shifted(p, h, block), None, slopes, None)
        return self._weighted(slopes, block)

    def _has_hessians(self, h):
        return self._softened.has_hessian if h > 0 else super()._has_hessians(h)

    def _exact_hessians(self, p, h, block):
        if h == 0:
            return super()._exact_hessians(p, h, block)
        found, y = np.empty((*p.shape, p.shape[1])), self._y[block]
        self._softened.evaluate_hessians(y, self._shifted(p, h, block), found)
        found /= h
        return finite(self._weighted(found, block))

    def _model(self, p, h, block, arrays, with_curvatures):
        if h == 0:
            return super()._model(p, h, block, arrays, with_curvatures)
        y, values = self._y[block], np.empty(len(p))
        self._evaluate(y, p, values, None, None)
        value = float(self._weighted(values, block).sum())
        slopes, curvatures, _ = arrays
        curvatures = curvatures if with_curvatures else None
        self._soft(y, self._shifted(p, h, block), values, slopes, curvatures)
        # As of a point: from 0 at a distance to h log(n_outputs) where all are equal.
        excess = h * float(self._weighted(values, block).sum()) - value
        if with_curvatures:
            curvatures /= h
        slopes = self._weighted(slopes, block)
        return Model(value, slopes, self._positive(curvatures, block), excess)


class SteppedRowTerm(RowTerm):
    """A loss of rows with any kinks.

    They are smoothed by the mean over steps of h along each output, which evaluates all
    rows twice for each.
    """

    def __init__(self, *parts):
        super().__init__(*parts)
        self.is_smoothed = True

    def _slopes(self, p, h, block):
        if h == 0:
            return super()._slopes(p, 0.0, block)
        shifts = h * np.eye(p.shape[1])
        both = [s for shift in shifts for s in (shift, -shift)]
        return sum(self._slopes(p + s, 0.0, block) for s in both) / len(both)

    def _model(self, p, h, block, arrays, with_curvatures):
        found = super()._model(p, h, block, arrays, with_curvatures)
        if h > 0:
            found.slopes[:] = self._slopes(p, h, block)
            found.excess = h * float(blas.dasum(found.slopes.ravel()))
        return found

    def _has_hessians(self, h):
        return h == 0 and super()._has_hessians(h)

    def _differences(self, p, h, block):
        if h == 0:
            return super()._differences(p, h, block)
        found = np.empty((len(p), *2 * p.shape[1:]))
        for k, shift in enumerate(h * np.eye(p.shape[1])):
            found[:, k] = self._slopes(p + shift, 0.0, block)
            found[:, k] -= self._slopes(p - shift, 0.0, block)
        return finite(0.5 / h * found)


def without_negative(hessians):
    """Symmetric matrices with 0 in place of their negative eigenvalues."""
    values, vectors = np.linalg.eigh(hessians)
    scaled = vectors * np.maximum(values, 0.0)[:, None]
    return scaled @ vectors.transpose(0, 2, 1)


def row_term(loss, y, weight, n_outputs, offset=None):
    """The term of a loss of rows, which smooths kinks if it can."""
    softened = getattr(loss, "softened", None)
    kind = RowTerm if softened is None else SoftenedRowTerm
    return kind(loss, y, weight, n_outputs, offset)
