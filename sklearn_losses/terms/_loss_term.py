"""The loss part of an objective as a function of the raw predictions of its rows.

Kinks are smoothed: with a half-width h, the slope is (f(p + h) - f(p - h)) / 2h, that
of the mean of f over [p - h, p + h] (Fernandes, Guerre and Horta 2021), and the
curvature (f'(p + h) - f'(p - h)) / 2h. With h = 0 they are those of the loss.

A loss of rows with kinks says itself how it is smoothed (`RowLoss.softened`).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import blas

from sklearn_losses.losses._links import IdentityLink
from sklearn_losses.terms._point_sums import PointSums

NARROWER = 1e-3  # than a smoothing, which curves the slopes that are subtracted
TWISTED = 1e-3  # of the largest second derivative may two differ that are equal, ...
ROUNDED = 1e-6  # ... unless it is below this share of that of all rows
DIFFERENCE = 1e-4  # in units of the raw prediction, for a loss without curvature
MAX_ROOT_STEPS = 100
CHUNK = 1 << 16  # raw predictions of rows that are evaluated at a time
FEW = 2000  # rows, or twice as many, from which a mean is known
ROOT_TOL = 1e-9  # of the slopes of all rows, for their sum
WEAK = 0.1  # of the curvature of a parabola as steep, or of all rows: too little ...
STRONG = 10.0  # ... and times it: too much to be so at a distance
ROWS_PER_COEF = 10  # that bend say enough of where the minimum is, however few they are
ENOUGH = 0.5  # of the curvature of a smoothed loss: it need not be smoothed any more
FLAT = 1e-12  # times its value: what a loss without a minimum may still have to gain


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


def _finite(curvatures):
    """Without nan and infinities, which are looked for by their sum alone."""
    if np.isfinite(curvatures.sum()):
        return curvatures
    return np.nan_to_num(curvatures, copy=False, posinf=0.0)


def _effective(curvatures, weight):
    """The share of the rows that bend, of rows' curvatures times their weights.

    (sum w c)^2 / (sum w c^2 sum w), which is 1 where all curvatures are the same.
    """
    total = float(curvatures.sum())
    if not total > 0:
        return 0.0
    each = np.divide(
        curvatures, weight * total, out=np.zeros(len(weight)), where=weight > 0
    )
    return 1.0 / (float(curvatures / total @ each) * float(weight.sum()))


ALL = slice(None)


def uniform(weight, n):
    """A weight of n rows that takes the memory of one."""
    found = np.ndarray(n, np.float64, np.array([weight]), strides=(0,))
    found.flags.writeable = False  # or all would be written
    return found


class LossTerm:
    """sum_i weight_i loss(y_i, p_i).

    Parameters
    ----------
    loss : Loss
    y : ndarray of float64 of shape (n_rows,)
    weight : ndarray of float64 of shape (n_rows,)
        Rows of weight 0 are as if they were not there, whatever their loss is.
    """

    n_arrays = 2  # slopes and curvatures

    def __init__(self, loss, y, weight, functions=None):
        self.loss = loss
        self.y = y
        self.weight = weight
        self.total = weight.sum()
        self._some_absent = not weight.all()
        self._arrays = None
        self.unit = 1.0
        self.is_smoothed = False
        self._functions = functions or loss.checked()
        self._has_curvature = self._functions.has_curvature

    def _weighted(self, array, block=ALL):
        weight = self.weight[block]
        array *= weight if array.ndim == 1 else weight[:, None]
        if self._some_absent:
            array[weight == 0] = 0.0
        return array

    def _scratch(self, *shape):
        """Arrays for a block of rows, the first of which has the most."""
        if self._arrays is None:
            self._arrays = [np.empty(shape) for _ in range(self.n_arrays)]
        return [array[: shape[0]] for array in self._arrays]

    def at_constant(self, c):
        """The raw predictions of all rows if their mean is c."""
        return np.full((len(self.y), *np.shape(c)), c)

    def value_at(self, c):
        """The value if the raw predictions of all rows are c."""
        return self.value(self.at_constant(c))

    @property
    def grouped(self):
        """A term of the same sums where all rows have the same raw prediction.

        It has a row for each target, if those are few, or is this term.
        """
        return self._few or self

    _few = None

    may_lack_curvature = False  # anywhere, so that it has to be looked for

    def may_drop(self, p, h):
        """Whether the loss bends at p about as much as it does if smoothed over h."""
        return False

    def width(self, p, h):
        """h, or less where that would make another loss of it."""
        return h

    @cached_property
    def known_minimum(self):
        """The infimum over all raw predictions, None if there is no formula for it."""
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

    def minimum(self):
        """The infimum over all raw predictions, 0 if it is not known.

        Where it is -inf, what a step of 1 could make of the best constant.
        """
        found = self.known_minimum or 0.0
        if found > -np.inf:
            return found
        best = self.best_constant()
        return self.value_at(best) - self.steepness_at(best)

    def steepness_at(self, c):
        """The sum of the slopes' absolute values where all raw predictions are c."""
        return float(blas.dasum(self.slopes(self.at_constant(c), 0.0).ravel()))


class PointTerm(LossTerm):
    """A loss of points; p is of shape (n_rows,)."""

    def __init__(self, loss, y, weight, functions=None):
        super().__init__(loss, y, weight, functions)
        self.is_smoothed = not loss.differentiable
        self._sums = PointSums(self._functions, y, weight)
        self._evaluate = self._functions.evaluate_points

    def with_loss(self, loss):
        """The same rows with another loss."""
        return PointTerm(loss, self.y, self.weight)

    @cached_property
    def _few(self):
        if len(self.y) <= 2 or not ((self.y == 0) | (self.y == 1)).all():
            return None
        ones = float(self.weight @ self.y)
        both = np.array([self.total - ones, ones])
        return PointTerm(self.loss, np.array([0.0, 1.0]), both, self._functions)

    def some(self, p):
        """A term of rows that stand for all, and the raw predictions p of these."""
        step = max(1, len(self.y) // FEW)
        if step == 1:
            return self, p
        y, weight = (array[::step].copy() for array in (self.y, self.weight))
        some = PointTerm(self.loss, y, weight, self._functions)
        some.unit = self.unit
        return some, p[::step].copy()

    @property
    def may_lack_curvature(self):
        """Whether the loss may be linear around most rows.

        One with a link, whose raw predictions have no unit, bends at the best constant.
        """
        has_unit = self.loss.task != "regression" or isinstance(
            self.loss.link, IdentityLink
        )
        return not self.is_smoothed and self.loss.convex and has_unit

    def lacks_curvature(self, p, n_coefs, count):
        """Whether a quadratic model at raw predictions p would know too little.

        As where all rows are where the loss is linear, or all but a few.

        Parameters
        ----------
        p : ndarray of shape (n,)
        n_coefs : int
        count : callable
            () -> how many rows differ, asked if few of them bend.
        """
        some, p = self.some(p)
        around = some.model(p, 0.0)
        strength = around.curvatures.sum() * self.unit
        if not WEAK * around.steepness <= strength <= STRONG * around.steepness:
            return True
        if some.bends_everywhere(around.curvatures):
            return False
        share = _effective(around.curvatures, some.weight)
        return share < WEAK and share * count() < ROWS_PER_COEF * n_coefs

    def bends_everywhere(self, curvatures):
        """Whether that is seen at once, as of the squared error."""
        is_uniform = self.weight.strides == (0,)
        return is_uniform and curvatures.min() >= WEAK * curvatures.max()

    def width(self, p, h):
        """h, or less where that would make another loss of it, as of exponentials."""
        if self.is_smoothed:
            return h
        some, p = self.some(p)
        while some.model(p, h).excess > max(some.value(p) - some.minimum(), 0.0):
            h *= 0.25
        return h

    def may_drop(self, p, h):
        """Whether the loss bends at p about as much as it does if smoothed over h."""
        if self.is_smoothed:
            return False
        smoothed = self.model(p, h).curvatures.copy()
        curvatures = self.model(p, 0.0).curvatures
        return curvatures.sum() >= ENOUGH * smoothed.sum() and _effective(
            curvatures, self.weight
        ) >= ENOUGH * _effective(smoothed, self.weight)

    def value(self, p, q=None, t=0.0):
        """The weighted sum of the losses, at p or at p + t q."""
        return self._sums.value(p, q, t)

    def value_at(self, c):
        return self._sums.value_at(c)

    def slope_along(self, p, q, t, h):
        """The derivative by t of the smoothed value at p + t q."""
        return self._sums.slope_along(p, q, t, h)

    def steepness_at(self, c):
        return self._sums.slopes_at(c)[1]

    def slopes(self, p, h):
        """The derivatives of the weighted losses."""
        upper, lower = np.empty_like(p), np.empty_like(p)
        if h == 0:
            self._evaluate(self.y, p, None, upper, None)
            return self._weighted(upper)
        self._evaluate(self.y, p + h, upper, None, None)
        self._evaluate(self.y, p - h, lower, None, None)
        upper -= lower
        upper *= 0.5 / h
        return self._weighted(upper)

    def model(self, p, h, block=None, with_curvatures=True):
        """Value, slopes, curvatures and the excess of smoothing.

        Parameters
        ----------
        p : ndarray of shape (n,)
        h : float
        block : slice, default=None
            Of which rows p is; None means all.
        with_curvatures : bool, default=True
        """
        if block is None:
            slopes, curvatures, begin = np.empty_like(p), np.empty_like(p), 0
        else:
            (slopes, curvatures), begin = self._scratch(len(p)), block.start
        difference = 0.0 if self._has_curvature else DIFFERENCE * self.unit
        curvatures = curvatures if with_curvatures else None
        value, middle, *of_slopes = self._sums.bend(
            p, h, difference, slopes, curvatures, begin
        )
        excess = 0.5 * (middle - value) if h > 0 else 0.0
        return Model(value, slopes, curvatures, excess, *of_slopes)

    def sums_of(self, block):
        """The sums of the losses of a block of rows."""
        if block.stop - block.start == len(self.y):
            return self._sums
        return PointSums(self._functions, self.y[block], self.weight[block])

    def best_constant(self):
        """The one raw prediction for all rows with the least value, about.

        An infinite one, as of the log loss on one class, is cut where the slope
        vanishes.
        """
        if not self.loss.convex:
            return self._searched_constant()
        if self.grouped is not self:
            return self.grouped.best_constant()
        start = self._linked_mean()
        slope, steepness = self._sums.slopes_at(start)
        if abs(slope) <= ROOT_TOL * steepness and 0 < steepness < np.inf:
            return start
        found = self._root(self._sums.slopes_at, self._likely_constant(start))
        value = self.value_at(found)
        return found if np.isfinite(value) else self._searched_constant()

    def _linked_mean(self):
        """Where the mean of y is predicted, which many losses like best."""
        is_uniform = self.weight.strides == (0,)
        mean = float(self.y.mean() if is_uniform else self.weight @ self.y / self.total)
        if self.loss.task != "regression":
            return mean
        with np.errstate(all="ignore"):
            linked = float(self.loss.link.link(np.array([mean]))[0])
        return linked if np.isfinite(linked) else mean

    def _likely_constant(self, mean):
        """Where a search begins: there, at 0, or at an end of the targets.

        From the wrong side of an exponential all that is left to gain would look like
        rounding.
        """
        starts = [mean, 0.0]
        if self.loss.task == "regression":
            ends = np.array([self.y.min(), self.y.max()])
            with np.errstate(all="ignore"):
                linked = self.loss.link.link(ends)
            starts += linked[np.isfinite(linked)].tolist()
        return min(starts, key=self.value_at)

    def _searched_constant(self):
        """The loss's own search: slow, but it begins in many places."""
        here = self.weight > 0
        best = float(self.loss.optimal_constant(self.y[here], self.weight[here]))
        return best if np.isfinite(best) else float(np.clip(best, -30.0, 30.0))

    def _root(self, slope, start):
        """Bracket the root of an increasing function, then halve or interpolate.

        Of a loss with kinks the slopes jump: there the tangents meet where one kink is.
        """
        values = {}

        def value(c):
            if c not in values:
                values[c] = self.value_at(c)
            return values[c]

        first, steepness = slope(start)
        if not math.isfinite(first) or abs(first) <= ROOT_TOL * steepness:
            return start
        # A loss of value f and slope g is about f / g away from its minimum.
        size = abs(value(start))
        step = size / abs(first) if first else 0.0
        step = min(max(step, 1e-6 * abs(start), 1e-300), 1e300)
        near, near_slope, far, far_slope = start, first, None, math.inf
        has_slopes = self.loss.differentiable  # between which it is about linear
        margin = 0.01 if has_slopes else 1e-10
        for trial in range(MAX_ROOT_STEPS):
            if far is None:
                c = near - math.copysign(step, first)
                step *= 2.0
            else:
                share = 0.5
                if trial % 3:
                    bend = (near_slope - far_slope) or math.inf  # it may underflow
                    share = near_slope / bend
                    if not has_slopes:
                        rise = value(far) - value(near)
                        share = (rise / ((far - near) or math.inf) - far_slope) / bend
                share = min(max(share, margin), 1.0 - margin) if share == share else 0.5
                c = near + share * (far - near)
            here, steepness = slope(c)
            is_flat = far is None and abs(here) * step <= FLAT * size
            if is_flat or abs(here) <= ROOT_TOL * steepness:
                return c
            if math.isfinite(here) and here * first > 0:
                near, near_slope = c, here
            else:
                far, far_slope = c, here if math.isfinite(here) else math.inf
            if far is not None and abs(far - near) <= 1e-9 * (abs(far) + abs(near)):
                # At a kink: where most rows are flat, to smooth over the others.
                if abs(value(near) - value(far)) > ROUNDED * ROOT_TOL * size:
                    return min(near, far, key=value)
                return min(near, far, key=lambda c: self._sums.slopes_at(c)[1])
        return near


class RowTerm(LossTerm):
    """A loss of rows; p is of shape (n_rows, n_outputs)."""

    n_arrays = 3  # and one to work in

    def __init__(self, loss, y, weight, n_outputs):
        super().__init__(loss, y, weight)
        self._evaluate = self._functions.evaluate_rows
        self._y = y[:, None]
        self._shape = len(y), n_outputs

    def with_loss(self, loss):
        """The same rows with another loss."""
        return row_term(loss, self.y, self.weight, self._shape[1])

    @cached_property
    def _few(self):
        n_rows, n_outputs = self._shape
        if n_rows <= n_outputs:
            return None
        each = np.bincount(self.y.astype(np.intp), self.weight, n_outputs)
        return row_term(self.loss, np.arange(float(n_outputs)), each, n_outputs)

    def _chunks(self, n):
        size = max(1, CHUNK // self._shape[1])
        return [slice(i, min(i + size, n)) for i in range(0, n, size)]

    def value(self, p, q=None, t=0.0):
        """The weighted sum of the losses, at p or at p + t q."""
        total = 0.0
        for chunk in self._chunks(len(p)):
            values = np.empty(chunk.stop - chunk.start)
            at = p[chunk] if q is None else p[chunk] + t * q[chunk]
            self._evaluate(self._y[chunk], at, values, None, None)
            total += self._weighted(values, chunk).sum()
        return float(total)

    def slope_along(self, p, q, t, h):
        """The derivative by t of the smoothed value at p + t q."""
        total = 0.0
        for chunk in self._chunks(len(p)):
            here = q[chunk]
            total += np.vdot(self._slopes(p[chunk] + t * here, h, chunk), here)
        return float(total)

    def slopes(self, p, h):
        """The derivatives of the weighted losses."""
        return self._slopes(p, h, ALL)

    def _slopes(self, p, h, block):
        slopes = np.empty(p.shape)
        self._evaluate(self._y[block], p, None, slopes, None)
        return self._weighted(slopes, block)

    def model(self, p, h, block=None, with_curvatures=True):
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
        return _finite(self._weighted(curvatures, block))

    def mean_hessian(self, p, h):
        """The sum of the Hessians of the rows' losses, of some rows, by differences.

        Returns
        -------
        ndarray of shape (n_outputs, n_outputs)
        """
        some = slice(None, None, max(1, len(p) // FEW))
        y, weight, p = (array[some].copy() for array in (self.y, self.weight, p))
        few, width = (
            row_term(self.loss, y, weight, p.shape[1]),
            h or DIFFERENCE * self.unit,
        )
        shifts = width * np.eye(p.shape[1])
        both = ((few.slopes(p + s, h), few.slopes(p - s, h)) for s in shifts)
        found = np.array([(up - down).sum(axis=0) for up, down in both])
        return _finite(0.25 / width * (found + found.T))

    def hessians(self, p, h, block):
        """Those of the rows' weighted losses, by differences of slopes.

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
        n_outputs = p.shape[1]
        width = NARROWER * h if h > 0 else DIFFERENCE * self.unit
        found = np.empty((len(p), n_outputs, n_outputs))
        for k, shift in enumerate(width * np.eye(n_outputs)):
            found[:, k] = self._slopes(p + shift, h, block)
            found[:, k] -= self._slopes(p - shift, h, block)
        found = _finite(0.5 / width * found)
        other = found.transpose(0, 2, 1)
        # Where second derivatives jump, differences are no matrix of a convex loss.
        largest = found.max(axis=(1, 2), initial=0.0)
        least = np.maximum(largest, ROUNDED * largest.max(initial=0.0))
        odd = np.abs(found - other).max(axis=(1, 2)) > TWISTED * least
        odd = odd if self.loss.convex else ALL
        found = 0.5 * (found + other)
        values, vectors = np.linalg.eigh(found[odd])
        scaled = vectors * np.maximum(values, 0.0)[:, None]
        found[odd] = scaled @ vectors.transpose(0, 2, 1)
        return found

    @cached_property
    def _signs(self):
        """z of each row. The absent rows take none from the others."""
        z = np.zeros(self._shape)
        here = self.weight > 0
        rng = np.random.default_rng(0)
        z[here] = rng.choice([-1.0, 1.0], (np.count_nonzero(here), z.shape[1]))
        return z

    def best_constant(self):
        """The raw predictions, one for each class, with the least value, about."""
        few = self.grouped
        best = self.loss.optimal_constant(few.y, few.weight)
        return np.clip(np.nan_to_num(best), -30.0, 30.0)


class SoftenedRowTerm(RowTerm):
    """A loss of rows whose kinks are those of a maximum (`RowLoss.softened`)."""

    def __init__(self, loss, y, weight, n_outputs):
        super().__init__(loss, y, weight, n_outputs)
        self.is_smoothed = True
        self._soft = loss.softened.checked().evaluate_rows
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


def row_term(loss, y, weight, n_outputs):
    """The term of a loss of rows, which smooths kinks if it can."""
    softened = getattr(loss, "softened", None)
    return (RowTerm if softened is None else SoftenedRowTerm)(
        loss, y, weight, n_outputs
    )
