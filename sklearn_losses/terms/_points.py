"""The term of a loss of points: one raw prediction a sample.

Kinks are smoothed: with a half-width h, the slope is (f(p + h) - f(p - h)) / 2h, that
of the mean of f over [p - h, p + h] (Fernandes, Guerre and Horta 2021), and the
curvature (f'(p + h) - f'(p - h)) / 2h. With h = 0 they are those of the loss.
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from sklearn_losses._machine._typing import Array
from sklearn_losses.losses import SquaredError
from sklearn_losses.losses._links import IdentityLink
from sklearn_losses.terms._point_sums import PointSums
from sklearn_losses.terms._term import DIFFERENCE, FEW, LossTerm, Model, is_uniform

MAX_ROOT_STEPS = 100
ROOT_TOL = 1e-9  # of the slopes of all rows, for their sum
SAME = 1e-6  # of ROOT_TOL: values that differ by less are those of one kink
WEAK = 0.1  # of the curvature of a parabola as steep, or of all rows: too little ...
STRONG = 10.0  # ... and times it: too much to be so at a distance
ROWS_PER_COEF = 10  # that bend say enough of where the minimum is, however few they are
ENOUGH = 0.5  # of the curvature of a smoothed loss: it need not be smoothed any more
TRIED = 33  # constants, where an offset leaves no formula for the best one
MIDDLE = 0.1, 0.5, 0.9  # of the offsets are rows that margins are tried for
FLAT = 1e-12  # times its value: what a loss without a minimum may still have to gain


def effective(curvatures, weight):
    """The share of the rows that bend, of rows' curvatures times their weights.

    (sum w c)^2 / (sum w c^2 sum w), which is 1 where all curvatures are the same.
    """
    total = float(curvatures.sum())
    if not total > 0:
        return 0.0
    if is_uniform(weight):
        each = curvatures / total
        return 1.0 / (float(each @ each) * len(weight))
    each = np.divide(
        curvatures, weight * total, out=np.zeros(len(weight)), where=weight > 0
    )
    return 1.0 / (float(curvatures / total @ each) * float(weight.sum()))


class PointTerm(LossTerm):
    """A loss of points; p is of shape (n_rows,)."""

    has_kernels = True

    def __init__(self, loss, y, weight, functions=None, offset=None):
        super().__init__(loss, y, weight, functions, offset)
        self.is_smoothed = not loss.differentiable
        self._sums = PointSums(self._functions, y, weight)
        self._evaluate = self._functions.evaluate_points

    def with_loss(self, loss):
        """The same rows with another loss."""
        return PointTerm(loss, self.y, self.weight, offset=self.offset)

    @cached_property
    def _few(self):
        y = self.y
        if len(y) <= 2 or not (y[0] == 0 or y[0] == 1):  # as of most regressions
            return None
        if not ((y == 0) | (y == 1)).all():
            return None
        # The total minus the ones could be a little below 0 where there is no zero.
        both = np.array([float(self.weight @ each) for each in (1.0 - y, y)])
        return PointTerm(self.loss, np.array([0.0, 1.0]), both, self._functions)

    def some(self, p):
        """A term of rows that stand for all, and the raw predictions p of these."""
        step = max(1, len(self.y) // FEW)
        if step == 1:
            return self, p
        some = slice(None, None, step)
        return self.chosen(some), p[some].copy()

    def chosen(self, rows):
        """The term of some rows, a slice."""
        y, weight = self.y[rows].copy(), self.weight[rows].copy()
        offset = None if self.offset is None else self.offset[rows].copy()
        some = PointTerm(self.loss, y, weight, self._functions, offset)
        some.unit = self.unit
        return some

    @property
    def may_lack_curvature(self):
        """Whether the loss may be linear around most rows.

        One with a link, whose raw predictions have no unit, bends at the best constant,
        and the squared error everywhere.
        """
        if isinstance(self.loss.split_weight()[0], SquaredError):
            return False
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
        share = effective(around.curvatures, some.weight)
        return share < WEAK and share * count() < ROWS_PER_COEF * n_coefs

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
        return curvatures.sum() >= ENOUGH * smoothed.sum() and effective(
            curvatures, self.weight
        ) >= ENOUGH * effective(smoothed, self.weight)

    def value(self, p: Array, q: Array | None = None, t: float = 0.0) -> float:
        """The weighted sum of the losses, at p or at p + t q."""
        return self._sums.value(p, q, t)

    def value_at(self, c):
        if self.offset is not None:
            return super().value_at(c)
        return self._sums.value_at(c)

    def slopes_at(self, c):
        """The sums of the slopes, and of their sizes, of a model that is constant."""
        if self.offset is None:
            return self._sums.slopes_at(c)
        slopes = self.slopes(self.at_constant(c), 0.0)
        return float(slopes.sum()), float(np.abs(slopes).sum())

    def slope_along(self, p: Array, q: Array, t: float, h: float) -> float:
        """The derivative by t of the smoothed value at p + t q."""
        return self._sums.slope_along(p, q, t, h)

    def steepness_at(self, c):
        return self.slopes_at(c)[1]

    def slopes(self, p: Array, h: float) -> Array:
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

    def model(
        self,
        p: Array,
        h: float,
        block: slice | None = None,
        with_curvatures: bool = True,
    ) -> Model:
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

    def best_constant(self) -> Any:
        """The one raw prediction for all rows with the least value, about.

        An infinite one, as of the log loss on one class, is cut where the slope
        vanishes.
        """
        if not self.loss.convex:
            return self._searched_constant()
        if self.grouped is not self:
            return self.grouped.best_constant()
        start = self._linked_mean()
        slope, steepness = self.slopes_at(start)
        if abs(slope) <= ROOT_TOL * steepness and 0 < steepness < np.inf:
            return start
        found = self._root(self.slopes_at, self._likely_constant(start))
        value = self.value_at(found)
        return found if np.isfinite(value) else self._searched_constant()

    def _linked_mean(self):
        """Where the mean of y is predicted, which many losses like best."""
        if is_uniform(self.weight):
            mean = float(np.add.reduce(self.y)) / len(self.y)
        else:
            mean = float(self.weight @ self.y / self.total)
        linked = math.nan
        has_link = self.loss.task == "regression" or self.loss.proper
        if not has_link or isinstance(self.loss.link, IdentityLink):
            return mean - self._mean_offset
        with np.errstate(all="ignore"), suppress(NotImplementedError):
            linked = float(self.loss.link.link(np.array([mean]))[0])
        return (linked if math.isfinite(linked) else mean) - self._mean_offset

    @property
    def _mean_offset(self):
        if self.offset is None:
            return 0.0
        return float(self.weight @ self.offset / self.total)

    def _likely_constant(self, mean):
        """Where a search begins: there, at 0, or at an end of the targets.

        From the wrong side of an exponential all that is left to gain would look like
        rounding. What rises no faster than a line or a parabola has no such side.
        """
        if min(self.loss.lipschitz, self.loss.smoothness) < math.inf:
            return mean
        starts = [mean, 0.0]
        if self.loss.task == "regression":
            own = self._own_constants()
            starts += [own.min(), own.max()] if len(own) else []
        return min(starts, key=self.value_at)

    def _own_constants(self):
        """The constant that predicts each row's target, where that is finite."""
        y = self.y
        if self.offset is None:
            y = np.array([y.min(), y.max()])  # the others lie between
            if isinstance(self.loss.link, IdentityLink):
                return y
        with np.errstate(all="ignore"):
            linked = np.asarray(self.loss.link.link(y), dtype=np.float64)
        own = linked if self.offset is None else linked - self.offset
        return own[np.isfinite(own)]

    def _searched_constant(self):
        """The loss's own search: slow, but it begins in many places."""
        if self.offset is not None:
            return self._constant_beside_offset()
        here = self.weight > 0
        best = float(self.loss.optimal_constant(self.y[here], self.weight[here]))
        return best if np.isfinite(best) else float(np.clip(best, -30.0, 30.0))

    def _constant_beside_offset(self):
        """The best of some constants that suit single rows, and then around it."""
        if self.loss.task == "regression":
            tried = np.quantile(self._own_constants(), np.linspace(0.0, 1.0, TRIED))
        else:
            margins = np.sinh(np.linspace(-4.0, 4.0, TRIED))  # up to 27
            tried = np.sort(np.add.outer(-np.quantile(self.offset, MIDDLE), margins))
        tried = np.unique(tried)
        values = [self.value_at(c) for c in tried]
        k = int(np.argmin(values))
        low, high = tried[max(k - 1, 0)], tried[min(k + 1, len(tried) - 1)]
        if not low < high:
            return float(tried[k])
        near = minimize_scalar(self.value_at, bounds=(low, high), method="bounded")
        return float(near.x if near.fun < values[k] else tried[k])

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
                if abs(value(near) - value(far)) > SAME * ROOT_TOL * size:
                    return min(near, far, key=value)
                return min(near, far, key=self.steepness_at)
        return near
