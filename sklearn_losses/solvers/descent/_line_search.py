"""A step length from slopes alone: no pass over the rows, only over raw predictions."""

import math

import numpy as np
from scipy.linalg import blas

ENOUGH = 0.25  # of the slope at 0 may be left
LONGEST = 1e6
MAX_TRIALS = 25
FAR_TOO_LONG = 5  # after so many trials without a lower end, shrink tenfold

GRID = np.array([1e-6, 1e-4, 1e-3, 0.01, 0.03, *np.linspace(0.1, 1.0, 10), 4.0, 64.0])
MAX_PASSES = 4  # each with lengths between two of those before


def is_finite(direction):
    """Whether all entries are finite; a sum that is not counts as one of them."""
    return math.isfinite(blas.dasum(direction.ravel()))


def step_length(slope, slope_at_0, is_lower, is_convex=True):
    """t > 0 where a function has lost most of its slope.

    The first trial is 1; then t grows fourfold until the slope is positive, and a
    secant shrinks the bracket. A slope that is not finite counts as positive.

    Parameters
    ----------
    slope : callable
        The derivative at t.
    slope_at_0 : float
        Negative.
    is_lower : callable
        Whether the function is lower at t; asked where the slope is positive.
    is_convex : bool
        False: asked wherever the slope says little, for it may have risen and be flat.

    Returns
    -------
    float
        0 if no such t was found.
    """
    low, low_slope, enough = 0.0, slope_at_0, ENOUGH * abs(slope_at_0)
    high, high_slope = None, math.inf
    t = 1.0
    for trial in range(MAX_TRIALS):
        here = slope(t)
        is_flat = abs(here) <= enough
        falls = here <= 0 and (is_convex or is_lower(t))
        if is_flat and (falls or is_lower(t)):  # it may have risen behind a kink
            return t
        if falls and here < 0:
            low, low_slope = t, here
        else:
            high, high_slope = t, here if 0 <= here < math.inf else math.inf
        if high is None:
            t *= 4.0
            if t > LONGEST:
                return low
        elif low == 0.0 and trial >= FAR_TOO_LONG:
            # The slopes of kinked losses saturate, and a secant would only halve t.
            t = 0.1 * high
        else:
            t = _secant(low, low_slope, high, high_slope)
    return low


def length_of_grid(values_and_slopes, slope_at_0, value_at_0):
    """t > 0 where a function has lost most of its slope, of many t tried at a time.

    What takes a pass over rows that are elsewhere is worth it for many lengths: first
    some of each size, then some between the two that the minimum is between.

    Parameters
    ----------
    values_and_slopes : callable
        Of an array of t, those there.
    slope_at_0 : float
        Negative.
    value_at_0 : float
        What the value must not exceed.

    Returns
    -------
    float
        0 if no such t was found.
    """
    trials, best = GRID, (math.inf, 0.0)
    for _ in range(MAX_PASSES):
        values, slopes = values_and_slopes(trials)
        usable = np.isfinite(slopes) & (values <= value_at_0)
        if usable.any():
            sizes = np.where(usable, np.abs(slopes), math.inf)
            k = int(sizes.argmin())
            best = min(best, (float(sizes[k]), float(trials[k])))
        if best[0] <= ENOUGH * abs(slope_at_0):
            break
        falls = np.flatnonzero((slopes < 0) & usable)
        low = trials[falls[-1]] if len(falls) else 0.0
        beyond = trials[trials > low]
        if len(beyond) == 0:
            break
        trials = low + (beyond[0] - low) * np.linspace(0.0, 1.0, len(GRID) + 1)[1:]
    return best[1]


def _secant(low, low_slope, high, high_slope):
    """Where the slope is 0 if it is linear, kept away from both ends."""
    margin = 0.1 * (high - low)
    if high_slope == math.inf:
        return low + margin
    root = low - low_slope * (high - low) / (high_slope - low_slope)
    return min(max(root, low + margin), high - margin)
