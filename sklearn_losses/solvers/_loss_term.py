"""The loss part of an objective as a function of the raw predictions of its rows.

Kinks are smoothed: with a half-width h, the slope is (f(p + h) - f(p - h)) / 2h, that
of the mean of f over [p - h, p + h] (Fernandes, Guerre and Horta 2021), and the
curvature (f'(p + h) - f'(p - h)) / 2h. With h = 0 they are those of the loss.
"""

from dataclasses import dataclass

import numpy as np

DIFFERENCE = 1e-4  # in units of the raw prediction, for a loss without curvature
MAX_ROOT_STEPS = 100
ROOT_TOL = 1e-9  # of the slopes of all rows, for their sum
FLAT = 1e-12  # times the weights: what a loss without a minimum may still have to gain


@dataclass
class Model:
    """A loss term around raw predictions p; the slopes are of the smoothed loss.

    Attributes
    ----------
    value : float
        Of the loss itself.
    slopes, curvatures : ndarray of shape (n_rows,)
    excess : float
        About how much the smoothing adds to the value, never too little at one kink.
    """

    value: float
    slopes: np.ndarray
    curvatures: np.ndarray
    excess: float


class PointTerm:
    """sum_i weight_i loss(y_i, p_i) for a loss of points.

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
        self.unit = 1.0
        self._constant = None
        self._evaluate = (compiled := loss.checked()).evaluate_points
        self._has_curvature = compiled.has_curvature
        self._shifted = np.empty(len(y))
        self._arrays = [np.empty(len(y)) for _ in range(4)]

    def _weighted(self, array):
        array *= self.weight
        if len(self.absent):
            array[self.absent] = 0.0
        return array

    def value(self, p):
        """The weighted sum of the losses."""
        value = self._arrays[0]
        self._evaluate(self.y, p, value, None, None)
        return float(self._weighted(value).sum())

    def slopes(self, p, h):
        """The derivatives of the weighted losses; the next call overwrites them."""
        upper, lower = self._arrays[:2]
        if h == 0:
            self._evaluate(self.y, p, None, upper, None)
            return self._weighted(upper)
        self._evaluate(self.y, np.add(p, h, out=self._shifted), upper, None, None)
        self._evaluate(self.y, np.subtract(p, h, out=self._shifted), lower, None, None)
        upper -= lower
        upper *= 0.5 / h
        return self._weighted(upper)

    def model(self, p, h):
        """Value, slopes, curvatures and the excess of smoothing."""
        if h > 0:
            return self._smoothed(p, h)
        value, slopes, curvatures, other = self._arrays
        if self._has_curvature:
            self._evaluate(self.y, p, value, slopes, curvatures)
        else:
            e = DIFFERENCE * self.unit
            self._evaluate(self.y, p + e, None, curvatures, None)
            self._evaluate(self.y, p - e, None, other, None)
            curvatures -= other
            curvatures *= 0.5 / e
            self._evaluate(self.y, p, value, slopes, None)
        curvatures = self._weighted(np.maximum(curvatures, 0.0, out=curvatures))
        np.nan_to_num(curvatures, copy=False, posinf=0.0)
        total = float(self._weighted(value).sum())
        return Model(total, self._weighted(slopes), curvatures, 0.0)

    def _smoothed(self, p, h):
        upper, lower, upper_slope, lower_slope = self._arrays
        self._evaluate(self.y, p + h, upper, upper_slope, None)
        self._evaluate(self.y, p - h, lower, lower_slope, None)
        curvatures = np.maximum((upper_slope - lower_slope) * (0.5 / h), 0.0)
        slopes = self._weighted((upper - lower) * (0.5 / h))
        middle = 0.5 * float(self._weighted(upper + lower).sum())
        value = self.value(p)
        curvatures = np.nan_to_num(self._weighted(curvatures), posinf=0.0)
        return Model(value, slopes, curvatures, 0.5 * (middle - value))

    def minimum(self):
        """The infimum over all raw predictions, 0 if it is not known."""
        here = self.weight > 0
        try:
            return float(self.weight[here] @ self.loss.minimum(self.y[here]))
        except ValueError:
            return 0.0

    def best_constant(self, start):
        """The one raw prediction for all rows with the least value, about.

        An infinite one, as of the log loss on one class, is cut where the slope
        vanishes.
        """
        if not self.loss.convex:
            if self._constant is None:  # a loss is fitted from two starts
                self._constant = self._searched_constant()
            return self._constant
        p = np.empty(len(self.y))

        def slope(c):
            p.fill(c)
            slopes = self.slopes(p, 0.0)
            return float(slopes.sum()), float(np.abs(slopes).sum())

        found = self._root(slope, start)
        p.fill(found)
        return found if np.isfinite(self.value(p)) else self._searched_constant()

    def _searched_constant(self):
        """The loss's own search: slow, but it begins in many places."""
        here = self.weight > 0
        best = float(self.loss.optimal_constant(self.y[here], self.weight[here]))
        return best if np.isfinite(best) else float(np.clip(best, -30.0, 30.0))

    def _root(self, slope, start):
        """Bracket the root of an increasing function, then halve or interpolate."""
        first, _ = slope(start)
        if not np.isfinite(first) or first == 0:
            return start
        # A loss of value f and slope g is about f / g away from its minimum.
        step = self.value(np.full(len(self.y), start)) / abs(first)
        step = min(max(abs(step), 1e-6 * max(1.0, abs(start))), 1e300)
        near, near_slope, far, far_slope = start, first, None, np.inf
        for trial in range(MAX_ROOT_STEPS):
            if far is None:
                c = near - np.sign(first) * step
                step *= 2.0
            else:
                share = near_slope / (near_slope - far_slope) if trial % 3 else 0.5
                share = share if np.isfinite(share) else 0.5
                c = near + min(max(share, 0.01), 0.99) * (far - near)
            here, steepness = slope(c)
            is_flat = far is None and abs(here) * step <= FLAT * self.total
            if is_flat or abs(here) <= ROOT_TOL * steepness:
                return c
            if np.isfinite(here) and here * first > 0:
                near, near_slope = c, here
            else:
                far, far_slope = c, here if np.isfinite(here) else np.inf
            if far is not None and abs(far - near) <= 1e-9 * (abs(far) + abs(near)):
                # At a kink: where most rows are flat, to smooth over the others.
                return min(near, far, key=lambda c: self._steepness(c))
        return near

    def _steepness(self, c):
        return np.abs(self.slopes(np.full(len(self.y), c), 0.0)).sum()
