"""A search for the least value of a function in a box, with gradients and a budget.

First some points all over the box, then Broyden's steps from the best of them; where
they end before the budget does, as at a jump, from the next best that is not near.
"""

import numpy as np
from scipy.stats import qmc

SHARE = 3  # of the budget looks around: one in so many
REACH = 0.25  # of its range may a parameter move in a step
FIRST = 0.1  # is as long a first step
ARMIJO = 1e-4
SETTLED = 1e-6  # of the value may a step promise where a search ends
MOST_HALVINGS = 6
NEAR = 0.1  # of the ranges are points from each other, in each parameter
LEAST_LEFT = 4  # evaluations with which another search begins


class Spent(Exception):
    """The budget is."""


class Box:
    """A function on the unit cube, which keeps what it was asked.

    Parameters
    ----------
    function : callable
        Of a point; it returns a value, maybe inf, and a gradient.
    n : int
        Of dimensions.
    budget : int

    Attributes
    ----------
    seen : list of (point, value, gradient)
    """

    def __init__(self, function, n, budget):
        self.function, self.n, self.budget, self.seen = function, n, budget, []

    @property
    def left(self):
        return self.budget - len(self.seen)

    @property
    def best(self):
        """The point, value and gradient with the least value."""
        return min(self.seen, key=lambda one: one[1])

    def __call__(self, x):
        for point, value, gradient in self.seen:
            if np.array_equal(point, x):
                return value, gradient
        if self.left <= 0:
            raise Spent
        value, gradient = self.function(x)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            value, gradient = np.inf, np.zeros(self.n)
        self.seen.append((np.array(x), value, gradient))
        return value, gradient


def search(box, start, seed):
    """Spend the budget of a box, or less of it.

    Parameters
    ----------
    box : Box
    start : ndarray of shape (n,)
    seed : int

    Returns
    -------
    n_searches : int
    """
    n_searches = 0
    try:
        box(start)
        n_points = max(1, box.budget // SHARE - 1)
        for x in qmc.Halton(box.n, seed=seed).random(n_points):
            box(x)
        around = sorted(box.seen, key=lambda one: one[1])
        visited = []
        for x, value, _ in around:
            if not np.isfinite(value) or (n_searches and box.left < LEAST_LEFT):
                break
            if any((np.abs(x - other) < NEAR).all() for other in visited):
                continue
            n_searches += 1
            before = len(box.seen)
            descend(box, x)
            visited += [x, *(one[0] for one in box.seen[before:])]
    except Spent:
        pass
    return n_searches


def descend(box, x):
    """Steps of a quasi-Newton method from a point to a minimum in the box."""
    value, gradient = box(x)
    H = None
    while True:
        # A parameter at its bound, which the gradient keeps there, does not move.
        free = ~(((x <= 0) & (gradient > 0)) | ((x >= 1) & (gradient < 0)))
        size = np.abs(gradient[free]).max(initial=0.0)
        if size == 0.0:
            return
        inverse = np.eye(box.n) * (FIRST / size) if H is None else H
        step = np.zeros(box.n)
        step[free] = -inverse[np.ix_(free, free)] @ gradient[free]
        if not gradient @ step < 0:
            H = None
            continue
        step *= min(1.0, REACH / np.abs(step).max())
        found = _along(box, x, value, gradient, step)
        if found is None and H is not None:
            H = None  # once more, along the gradient
            continue
        if found is None:
            return
        new, new_value, new_gradient = found
        H = _updated(inverse, H is None, new - x, new_gradient - gradient)
        gained = value - new_value
        x, value, gradient = new, new_value, new_gradient
        if gained <= SETTLED * abs(value) and H is not None:
            return


def _along(box, x, value, gradient, step):
    """The first point on a step, clipped to the box, that is low enough, or None."""
    t = 1.0
    for _ in range(MOST_HALVINGS):
        new = np.clip(x + t * step, 0.0, 1.0)
        promised = -float(gradient @ (new - x))
        if promised <= SETTLED * abs(value):
            return None
        new_value, new_gradient = box(new)
        if new_value <= value - ARMIJO * promised:
            return new, new_value, new_gradient
        # The parabola through what is known, unless it is no step at all.
        bend = new_value - value + promised
        t *= np.clip(0.5 * promised / bend, 0.1, 0.5) if np.isfinite(bend) else 0.1
    return None


def _updated(H, is_first, s, y):
    """The inverse of a Hessian after a step s that has changed the gradient by y."""
    sy = float(s @ y)
    if not sy > 1e-10 * np.linalg.norm(s) * np.linalg.norm(y):
        return None if is_first else H
    if is_first:
        H = np.eye(len(s)) * (sy / float(y @ y))
    Hy = H @ y
    return (
        H
        + (1.0 + y @ Hy / sy) * np.outer(s, s) / sy
        - (np.outer(Hy, s) + np.outer(s, Hy)) / sy
    )
