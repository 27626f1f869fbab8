"""The loss part of an objective as a function of the raw predictions of its rows.

Kinks are smoothed: with a half-width h, the slope is (f(p + h) - f(p - h)) / 2h, that
of the mean of f over [p - h, p + h] (Fernandes, Guerre and Horta 2021), and the
curvature (f'(p + h) - f'(p - h)) / 2h. With h = 0 they are those of the loss.

A loss of rows with kinks says itself how it is smoothed (`RowLoss.softened`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_losses.solvers._point_sums import PointSums

DIFFERENCE = 1e-4  # in units of the raw prediction, for a loss without curvature
MAX_ROOT_STEPS = 100
ROOT_TOL = 1e-9  # of the slopes of all rows, for their sum
FLAT = 1e-12  # times its value: what a loss without a minimum may still have to gain


@dataclass
class Model:
    """A loss term around raw predictions p; the slopes are of the smoothed loss.

    Attributes
    ----------
    value : float
        Of the loss itself.
    slopes, curvatures : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    excess : float
        About how much the smoothing adds to the value, never too little at one kink.
    """

    value: float
    slopes: np.ndarray
    curvatures: np.ndarray
    excess: float


def _finite(curvatures):
    """Without nan and infinities, which are looked for by their sum alone."""
    if np.isfinite(curvatures.sum()):
        return curvatures
    return np.nan_to_num(curvatures, copy=False, posinf=0.0)


class LossTerm:
    """sum_i weight_i loss(y_i, p_i).

    Parameters
    ----------
    loss : Loss
    y : ndarray of float64 of shape (n_rows,)
    weight : ndarray of float64 of shape (n_rows,)
        Rows of weight 0 are as if they were not there, whatever their loss is.
    """

    def __init__(self, loss, y, weight):
        self.loss = loss
        self.y = y
        self.weight = weight
        self.total = weight.sum()
        self.absent = np.flatnonzero(weight == 0)
        self._some_absent = len(self.absent) > 0
        self.unit = 1.0
        self.is_smoothed = False
        self._has_curvature = loss.checked().has_curvature

    def _weighted(self, array):
        array *= self.weight if array.ndim == 1 else self.weight[:, None]
        if self._some_absent:
            array[self.absent] = 0.0
        return array

    def at_constant(self, c):
        """The raw predictions of all rows if their mean is c."""
        return np.broadcast_to(c, (len(self.y), *np.shape(c))).copy()

    def minimum(self):
        """The infimum over all raw predictions, 0 if it is not known."""
        here = self.weight > 0
        try:
            return float(self.weight[here] @ self.loss.minimum(self.y[here]))
        except ValueError:
            return 0.0


class PointTerm(LossTerm):
    """A loss of points; p is of shape (n_rows,)."""

    def __init__(self, loss, y, weight):
        super().__init__(loss, y, weight)
        self.is_smoothed = not loss.differentiable
        compiled = loss.checked()
        self._sums = PointSums(compiled, y, weight)
        self._evaluate = compiled.evaluate_points

    def value(self, p):
        """The weighted sum of the losses."""
        return self._sums.value(p)

    def slope_along(self, p, q, t, h):
        """The derivative by t of the smoothed value at p + t q."""
        return self._sums.slope_along(p, q, t, h)

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

    def model(self, p, h):
        """Value, slopes, curvatures and the excess of smoothing."""
        slopes, curvatures = np.empty_like(p), np.empty_like(p)
        difference = 0.0 if self._has_curvature else DIFFERENCE * self.unit
        value, middle = self._sums.bend(p, h, difference, slopes, curvatures)
        excess = 0.5 * (middle - value) if h > 0 else 0.0
        return Model(value, slopes, curvatures, excess)

    def best_constant(self):
        """The one raw prediction for all rows with the least value, about.

        An infinite one, as of the log loss on one class, is cut where the slope
        vanishes.
        """
        if not self.loss.convex:
            return self._searched_constant()
        start = self._likely_constant()
        found = self._root(self._sums.slopes_at, start)
        value = self.value(self.at_constant(found))
        return found if np.isfinite(value) else self._searched_constant()

    def _likely_constant(self):
        """0, or the mean target if that is better: where a search begins."""
        mean = float(self.weight @ self.y) / self.total
        at_mean, at_0 = (self.value(self.at_constant(c)) for c in (mean, 0.0))
        return mean if at_mean < at_0 else 0.0

    def _searched_constant(self):
        """The loss's own search: slow, but it begins in many places."""
        here = self.weight > 0
        best = float(self.loss.optimal_constant(self.y[here], self.weight[here]))
        return best if np.isfinite(best) else float(np.clip(best, -30.0, 30.0))

    def _root(self, slope, start):
        """Bracket the root of an increasing function, then halve or interpolate."""
        first, steepness = slope(start)
        if not np.isfinite(first) or abs(first) <= ROOT_TOL * steepness:
            return start
        # A loss of value f and slope g is about f / g away from its minimum.
        size = abs(self.value(self.at_constant(start)))
        step = min(max(size / abs(first), 1e-6 * abs(start), 1e-300), 1e300)
        near, near_slope, far, far_slope = start, first, None, np.inf
        for trial in range(MAX_ROOT_STEPS):
            if far is None:
                c = near - np.sign(first) * step
                step *= 2.0
            else:
                share = near_slope / (near_slope - far_slope) if trial % 3 else 0.5
                if not (np.isfinite(share) and self.loss.differentiable):
                    share = 0.5
                c = near + min(max(share, 0.01), 0.99) * (far - near)
            here, steepness = slope(c)
            is_flat = far is None and abs(here) * step <= FLAT * size
            if is_flat or abs(here) <= ROOT_TOL * steepness:
                return c
            if np.isfinite(here) and here * first > 0:
                near, near_slope = c, here
            else:
                far, far_slope = c, here if np.isfinite(here) else np.inf
            if far is not None and abs(far - near) <= 1e-9 * (abs(far) + abs(near)):
                # At a kink: where most rows are flat, to smooth over the others.
                return min(near, far, key=lambda c: self._sums.slopes_at(c)[1])
        return near


class RowTerm(LossTerm):
    """A loss of rows; p is of shape (n_rows, n_outputs)."""

    def __init__(self, loss, y, weight, n_outputs):
        super().__init__(loss, y, weight)
        self._evaluate = loss.checked().evaluate_rows
        self._y = y[:, None]
        self._shape = len(y), n_outputs
        self._values = np.empty(len(y))
        self._arrays = [np.empty(self._shape) for _ in range(4)]

    def value(self, p):
        """The weighted sum of the losses."""
        self._evaluate(self._y, p, self._values, None, None)
        return float(self._weighted(self._values).sum())

    def slope_along(self, p, q, t, h):
        """The derivative by t of the smoothed value at p + t q."""
        return float(np.vdot(self.slopes(p + t * q, h), q))

    def slopes(self, p, h):
        """The derivatives of the weighted losses; the next call overwrites them."""
        slopes = self._arrays[0]
        self._evaluate(self._y, p, None, slopes, None)
        return self._weighted(slopes)

    def model(self, p, h):
        """Value, slopes, the diagonal of the Hessian and the excess of smoothing."""
        _, slopes, curvatures, other = self._arrays
        if self._has_curvature:
            self._evaluate(self._y, p, self._values, slopes, curvatures)
        else:
            width = h or DIFFERENCE * self.unit
            shift = width * self._signs
            self._evaluate(self._y, p + shift, None, curvatures, None)
            self._evaluate(self._y, p - shift, None, other, None)
            # Of a Hessian H, z (H z) is the diagonal and, on average over z, no more.
            curvatures -= other
            curvatures *= self._signs
            curvatures *= 0.5 / width
            self._evaluate(self._y, p, self._values, slopes, None)
        value = float(self._weighted(self._values).sum())
        return Model(value, self._weighted(slopes), self._positive(curvatures), 0.0)

    def _positive(self, curvatures):
        curvatures = self._weighted(np.maximum(curvatures, 0.0, out=curvatures))
        return _finite(curvatures)

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
        best = self.loss.optimal_constant(self.y, self.weight)
        return np.clip(np.nan_to_num(best), -30.0, 30.0)


class SoftenedRowTerm(RowTerm):
    """A loss of rows whose kinks are those of a maximum (`RowLoss.softened`)."""

    def __init__(self, loss, y, weight, n_outputs):
        super().__init__(loss, y, weight, n_outputs)
        self.is_smoothed = True
        self._soft = loss.softened.checked().evaluate_rows
        self._own = np.arange(len(y)), y.astype(np.intp)

    def _shifted(self, p, h):
        shifted = np.add(p, 1.0, out=self._arrays[3])
        shifted[self._own] -= 1.0
        shifted /= h
        return shifted

    def slopes(self, p, h):
        if h == 0:
            return super().slopes(p, h)
        slopes = self._arrays[0]
        self._soft(self._y, self._shifted(p, h), None, slopes, None)
        return self._weighted(slopes)

    def model(self, p, h):
        if h == 0:
            return super().model(p, h)
        value = self.value(p)
        _, slopes, curvatures, _ = self._arrays
        self._soft(self._y, self._shifted(p, h), self._values, slopes, curvatures)
        # As of a point: from 0 at a distance to h log(n_outputs) where all are equal.
        excess = h * float(self._weighted(self._values).sum()) - value
        curvatures /= h
        return Model(value, self._weighted(slopes), self._positive(curvatures), excess)
