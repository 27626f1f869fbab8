"""Slopes and jumps of a function that can only be evaluated.

They are measured, not asked for, so that what a loss says about itself can be compared
with them:

>>> import numpy as np
>>> from sklearn_losses.inspection._numeric import jumps, slope
>>> right, error = slope(np.abs, np.zeros(1), side=+1)
>>> right, bool(error[0] < 1e-9)
(array([1.]), True)
>>> jumps(np.floor, np.array([0.2, 0.8, 1.5])).where
array([1.])
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d

EPS = np.finfo(float).eps
RATIO = 4.0
STEPS = 0.1 * RATIO ** -np.arange(11.0)  # of a unit; at 1e-7 digits run out
ORDER = 4


def slope(function, at, side, noise=0.0, unit=1.0):
    """The one-sided derivative of a function, by extrapolation to a step of 0.

    The quotients of many steps are extrapolated as Ridders does it, and the entry of
    the tableau that its neighbours confirm best is taken: long steps where the function
    is smooth, short ones beside a kink. A kink at the point itself does no harm, as
    only one side of it is looked at.

    Parameters
    ----------
    function : callable
        From an array of the shape (n_steps, n) to one of the same shape.
    at : ndarray of shape (n,)
    side : {1, -1}
    noise : float or ndarray of shape (n,), default=0.0
        How wrong a value may be beyond a rounding of it.
    unit : float, default=1.0
        The length over which the function changes.

    Returns
    -------
    slope, error : ndarray of shape (n,)
        The error is an estimate, and large or not finite where nothing converges.

    References
    ----------
    Ridders 1982, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
    Engineering Software 4.
    """
    moved = at + side * unit * STEPS[:, np.newaxis]
    step = moved - at  # what rounding has left of it
    values = function(np.concatenate([at[np.newaxis], moved]))
    size = np.maximum(np.abs(values[1:]), np.abs(values[0]))
    noise = (EPS * size + noise) / np.abs(step)
    column = (values[1:] - values[0]) / step
    best, best_error = column[-1], np.full(len(at), np.inf)
    for order in range(1, ORDER + 1):
        weight = RATIO**order
        extrapolated = (weight * column[1:] - column[:-1]) / (weight - 1.0)
        error = noise[order:] + np.maximum(
            np.abs(extrapolated - column[1:]), np.abs(extrapolated - column[:-1])
        )
        for row, row_error in zip(extrapolated, error):
            better = row_error < best_error
            best = np.where(better, row, best)
            best_error = np.where(better, row_error, best_error)
        column = extrapolated
    return best, best_error


class Jumps(NamedTuple):
    """Where a function jumps, and from what to what.

    `where` is the last float before the jump or the first one after it.
    """

    where: np.ndarray
    before: np.ndarray
    after: np.ndarray


def jumps(function, grid):
    """The jumps of a function, at most one between two neighbours of a grid.

    Each interval is halved until it is two neighbouring floats, always keeping the half
    in which the function changes more. What a continuous function changes by is then
    nothing, and what a jump changes by is still there.

    Parameters
    ----------
    function : callable
        From an array of shape (n,) to one of shape (n,).
    grid : ndarray of shape (n_grid,)
        Increasing.

    Returns
    -------
    Jumps
    """
    values = function(grid)
    low, high = grid[:-1], grid[1:]
    at_low, at_high = values[:-1], values[1:]
    middle = low + 0.5 * (high - low)
    at_middle = function(middle)
    floor = _noise(values, at_middle)
    for _ in range(64):
        is_left = np.abs(at_middle - at_low) >= np.abs(at_high - at_middle)
        low, high = np.where(is_left, low, middle), np.where(is_left, middle, high)
        at_low = np.where(is_left, at_low, at_middle)
        at_high = np.where(is_left, at_middle, at_high)
        middle = low + 0.5 * (high - low)
        at_middle = function(middle)
    change = np.abs(at_high - at_low)
    jumped = np.isfinite(change) & (change > floor) & (change > 0)
    where = np.where(np.abs(low) <= np.abs(high), low, high)
    return Jumps(where[jumped], at_low[jumped], at_high[jumped])


def _noise(values, at_middle):
    """What a continuous function may change by between neighbouring floats.

    A small part of what it changes by in the interval and of how large it is around,
    and rounding errors of its largest values.
    """
    change = np.abs(at_middle - values[:-1]) + np.abs(values[1:] - at_middle)
    size = np.nan_to_num(np.abs(values), posinf=0.0)
    around = maximum_filter1d(size, size=7)[1:]
    return np.maximum(1e-3 * change, 1e-9 * around + 1e-14 * size.max())
