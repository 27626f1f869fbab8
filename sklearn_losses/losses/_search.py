"""Conjugates and minima of a loss that is written in Python, of all points at a time.

A conjugate is searched for as in `_conjugate.pxd`: where the gradient, which grows,
passes the slope is bracketed, and the bracket shrunk by secants and bisections. There
each point has a loop of its own; here a call of the loss serves all that still search.
"""

import numpy as np

NEAR, FAR = 1e12, 1e300  # a bracket grows by 4 until the first, then by 1e4
OFFSETS = np.concatenate([-np.logspace(3, -3, 13), [0.0], np.logspace(-3, 3, 13)])
N_BETWEEN, N_ZOOMS = 11, 4  # of the grid of a loss that is not convex
REACHED = 1e-8  # of a slope: so near is the gradient far out
LEVEL = 1e-14  # of what a gain is a difference of
SHRINKS = 0.75  # at most: else what a gain grows by has no finite sum
ENOUGH = 1e-17  # of what is subtracted: less than its rounding
NOTHING = 1e-40  # a raw prediction that is 0


class _Points:
    """Some targets and slopes, and the gains dual p - loss(y, p)."""

    def __init__(self, functions, y, dual):
        self.functions, self.y, self.dual = functions, y, dual

    def __getitem__(self, some):
        return _Points(self.functions, self.y[some], self.dual[some])

    def rise(self, raw):
        """By how much the gradient is above the slope."""
        found = np.empty(len(raw))
        self.functions.evaluate_points(self.y, raw, None, found, None)
        return found - self.dual

    def gain(self, raw):
        found = np.empty(len(raw))
        self.functions.evaluate_points(self.y, raw, found, None, None)
        return self.dual * raw - found


def searched_conjugates(functions, y, dual):
    """sup over p of dual p - loss(y, p); inf where it grows without end.

    Parameters
    ----------
    functions : CLoss
        Of a convex loss of points.
    y, dual : array of float64 of shape (n,)

    Returns
    -------
    ndarray of float64 of shape (n,)
    """
    y, dual = np.asarray(y), np.asarray(dual)
    found = dual * dual  # nan, or inf of an infinite slope
    usable = np.flatnonzero(np.isfinite(dual))
    points = _Points(functions, y[usable], dual[usable])
    with np.errstate(all="ignore"):
        at_target = _peaks_at_target(points)
        there, others = np.flatnonzero(at_target), np.flatnonzero(~at_target)
        found[usable[there]] = points[there].gain(points.y[there])
        found[usable[others]] = _largest_gains(points[others])
    return found


def _peaks_at_target(points):
    """Whether gains are largest at the target itself, where many losses have a kink."""
    before, after = (np.nextafter(points.y, end) for end in (-np.inf, np.inf))
    return (points.rise(before) <= 0.0) & (points.rise(after) >= 0.0)


def _largest_gains(points):
    """The largest gains, wherever they are."""
    low, below = _end_of_bracket(points, -1.0)
    high, above = _end_of_bracket(points, 1.0)
    found = np.empty(len(low))
    for end, side in ((high, 1.0), (low, -1.0)):  # the low end decides
        open_ = np.flatnonzero(np.isinf(end))
        found[open_] = _limit_of_gain(points[open_], side)
    closed = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    ends = (a[closed] for a in (low, high, below, above))
    found[closed] = _largest_gain(points[closed], *ends)
    return found


def _end_of_bracket(points, side):
    """Raw predictions on one side of y beyond which gains fall, or inf; and rises."""
    end, rises = np.full(len(points.y), side * np.inf), np.zeros(len(points.y))
    left, step = np.arange(len(end)), 1.0
    while len(left) and step < FAR:
        here = points[left]
        at = here.y + side * step
        rise = here.rise(at)
        passed = side * rise > 0.0
        end[left[passed]], rises[left[passed]] = at[passed], rise[passed]
        left = left[~passed]
        step *= 4.0 if step < NEAR else 1e4
    return end, rises


def _limit_of_gain(points, side):
    """The gains far out on a side where their slopes never change sign."""
    n = len(points.y)
    steps, left, step = np.full(n, np.inf), np.arange(n), 1.0
    while len(left) and step <= FAR:
        here = points[left]
        missing = np.abs(here.rise(here.y + side * step))
        near = missing <= REACHED * np.abs(here.dual)
        steps[left[near]] = step
        left = left[~near]
        step *= 2.0 if step < NEAR**2 else 1e4
    found = np.full(n, np.inf)
    seen = np.flatnonzero(np.isfinite(steps))
    found[seen] = _extrapolated(points[seen], side * steps[seen])
    return found


def _extrapolated(points, step):
    """The limits of gains that are seen at three distances.

    Unless what a gain grows by shrinks each time, as 1/distance does, and a logarithm
    does not, it has no limit; else the rest is a geometric series.
    """
    first, second, third = (points.gain(points.y + f * step) for f in (1.0, 2.0, 4.0))
    sizes = np.abs(points.dual) * (np.abs(points.y) + 4.0 * np.abs(step))
    before, growth = second - first, third - second
    ratio = growth / before
    series = np.where(growth > SHRINKS * before, np.inf, growth * ratio / (1.0 - ratio))
    is_level = growth <= LEVEL * (sizes + np.abs(third))
    return third + np.where(is_level, 0.0, series)


def _largest_gain(points, low, high, below, above):
    """The gains where their slopes change sign between two ends."""
    left, right = below.copy(), above.copy()
    slow = np.zeros(len(low), bool)  # whether a secant has not halved the bracket
    enough = np.abs(points.dual) * np.maximum(ENOUGH * np.abs(points.y), NOTHING)
    running = np.arange(len(low))
    while True:
        # The gain is concave: its slopes say how much more there may be between.
        most = np.minimum(-below, above)[running] * (high - low)[running]
        rounding = ENOUGH * np.abs(points.dual * low)[running]
        running = running[most > np.maximum(rounding, enough[running])]
        if not len(running):
            break
        a, b, here = low[running], high[running], points[running]
        middle = a - left[running] * ((b - a) / (right[running] - left[running]))
        halves = slow[running] | ~((a < middle) & (middle < b))
        middle = np.where(halves, a + 0.5 * (b - a), middle)
        inside = (a < middle) & (middle < b)
        running, middle, here = running[inside], middle[inside], here[inside]
        rise = here.rise(middle)
        falls = rise < 0.0
        # Illinois: an end that stays is halved, or it could stay for ever.
        down, up = running[falls], running[~falls]
        right[down] *= 0.5
        low[down], below[down], left[down] = middle[falls], rise[falls], rise[falls]
        left[up] *= 0.5
        high[up], above[up], right[up] = middle[~falls], rise[~falls], rise[~falls]
        width = (high - low)[running]
        slow[running] = ~halves[inside] & (width > 0.5 * (b - a)[inside])
    return np.maximum(points.gain(low), points.gain(high))


def searched_minimum(loss, y_true):
    """The infimum of each target's loss over raw predictions.

    Of a convex loss of points it is minus the conjugate of slope 0. Of others it is the
    least value on a grid, which is refined where that is; of rows, on lines from 0
    towards and away from the class of the target.

    Parameters
    ----------
    loss : Loss
    y_true : ndarray of float64 of shape (n,)

    Returns
    -------
    ndarray of float64 of shape (n,)
        -inf where the loss falls without end.
    """
    if len(y_true) == 0:
        return np.zeros(0)
    centre = _perfect_predictions(loss, y_true)
    with np.errstate(all="ignore"):
        if loss.granularity == "point" and loss.convex:
            slope, value = np.empty(len(y_true)), np.empty(len(y_true))
            loss.checked().evaluate_points(y_true, centre, value, slope, None)
            left = np.flatnonzero(slope != 0.0)
            try:
                value[left] = -loss.conjugate(y_true[left], 0.0)
            except ValueError:  # nan, far out
                return _least_on_grid(loss, y_true, centre)
            return value
        return _least_on_grid(loss, y_true, centre)


def _perfect_predictions(loss, y_true):
    """Raw predictions that may be perfect: of the targets, or 0."""
    if loss.task == "regression":
        with np.errstate(all="ignore"):
            try:
                linked = np.asarray(loss.link.link(y_true), np.float64)
            except NotImplementedError:
                return np.zeros(len(y_true))
        return np.where(np.isfinite(linked), linked, 0.0)
    return np.zeros(len(y_true))


def _least_on_grid(loss, y_true, centre):
    """The least values on a grid around a centre, which is refined where they are."""
    n, unit = len(y_true), 1.0
    if loss.task == "regression":
        unit = max(1.0, np.ptp(centre))
    toward = 1.0
    if loss.granularity == "row":
        n_classes = max(2, int(y_true.max()) + 1)
        toward = np.eye(n_classes)[y_true.astype(np.intp)]

    def values(offset):
        raw = centre + offset
        try:
            found = loss.value(
                y_true, raw if np.ndim(toward) == 0 else raw[:, None] * toward
            )
        except ValueError:  # nan
            return np.full(n, np.inf)
        return np.where(np.isnan(found), np.inf, found)

    grid = np.broadcast_to(unit * OFFSETS[:, None], (len(OFFSETS), n))
    least = np.full(n, np.inf)
    for _ in range(1 + N_ZOOMS):
        seen = np.array([values(offset) for offset in grid])
        best = seen.argmin(axis=0)
        least = np.minimum(least, seen.min(axis=0))
        rows = np.arange(n)
        low = grid[np.maximum(best - 1, 0), rows]
        high = grid[np.minimum(best + 1, len(grid) - 1), rows]
        grid = np.linspace(low, high, N_BETWEEN)
    return least
