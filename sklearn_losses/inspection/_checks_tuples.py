"""Checks of a loss of tuples: derivatives, and what must not matter to it.

It is looked at on a few tuples, of distances and scores of all sizes.
"""

import pickle

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from sklearn_losses.inspection._checks_groups import EXACT, NEAR, STEP, require_near
from sklearn_losses.inspection._report import CheckFailed, CheckSkipped, checks_of

TUPLE_CHECKS = []
check = checks_of(TUPLE_CHECKS)

N_TUPLES, N_ROWS, N_CLASSES = 24, 9, 3
USUAL = 2.0  # a threshold, in place of one that is fitted


def with_numbers(loss):
    """A loss whose threshold is a number, if it is one that is fitted."""
    return loss.at(USUAL) if loss.fits_threshold else loss


def some_tuples(loss, random_state=0, n_tuples=N_TUPLES):
    """The two arguments of a loss of tuples."""
    rng = check_random_state(random_state)
    far = rng.uniform(0.05, 6.0, size=n_tuples)
    if loss.of == "pairs":
        return rng.randint(2, size=n_tuples).astype(np.float64), far
    if loss.of == "triplets":
        return rng.uniform(0.05, 6.0, size=n_tuples), far
    n_rows = min(n_tuples, N_ROWS)
    codes = rng.randint(N_CLASSES, size=n_rows)
    score = -rng.uniform(0.0, 6.0, size=(n_rows, n_rows))
    same = 1.0 * (codes[:, None] == codes)
    np.fill_diagonal(same, 0.0)
    np.fill_diagonal(score, -np.inf)
    return same, score


class TupleProbe:
    """Where a loss of tuples is looked at."""

    def __init__(self, loss, random_state=None):
        self.loss = with_numbers(loss)
        self.first, self.second = some_tuples(loss, random_state)
        moves = [np.zeros(self.first.shape), np.ones(self.second.shape)]
        if loss.of == "triplets":
            moves[0] += 0.7
        self.moves = moves  # of squared distances, or scores; not of what belongs

    def value(self, t=0.0):
        """Of tuples that have moved by t."""
        moved = (a + t * m for a, m in zip((self.first, self.second), self.moves))
        return self.loss.value(*moved)

    def slope(self):
        """The derivative of `value` by t."""
        found = self.loss.gradient(self.first, self.second)
        found = found if self.loss.of == "triplets" else (0.0 * found, found)
        slopes = sum(m * np.asarray(g) for m, g in zip(self.moves, found))
        return slopes.sum(axis=1) if slopes.ndim == 2 else slopes


@check()
def check_values(loss, probe):
    """There are formulas, which give a finite number >= 0 for each tuple."""
    value = probe.value()
    if np.shape(value) != probe.first.shape[:1]:
        raise CheckFailed(
            f"value() has the shape {np.shape(value)}, not {probe.first.shape[:1]}"
        )
    bad = np.flatnonzero(~(np.isfinite(value) & (value >= 0)))
    if len(bad):
        raise CheckFailed(f"value() of tuple {bad[0]} is {value[bad[0]]}")


@check("values")
def check_copies(loss, probe):
    """Clones and pickles are the same loss."""
    try:
        stored = pickle.loads(pickle.dumps(probe.loss))
    except (pickle.PicklingError, AttributeError):
        stored = clone(probe.loss)  # of a class that cannot be imported
    for copy in (clone(probe.loss), stored):
        found = copy.value(probe.first, probe.second)
        require_near(found, probe.value(), "value() of a copy")


@check("values")
def check_gradient(loss, probe):
    """It is the slope of the value."""
    slopes = (probe.value(STEP) - probe.value(-STEP)) / (2 * STEP)
    if not loss.differentiable:
        near = np.abs(probe.value(STEP) + probe.value(-STEP) - 2 * probe.value())
        slopes = np.where(near > EXACT, probe.slope(), slopes)
    require_near(probe.slope(), slopes, "gradient()", NEAR)


@check("values")
def check_alone(loss, probe):
    """An anchor without another row of its class has no slopes."""
    if loss.of != "anchors":
        raise CheckSkipped("it is no loss of anchors")
    found = loss.gradient(np.zeros((1, 3)), np.array([[-np.inf, -1.0, -2.0]]))
    require_near(found, np.zeros((1, 3)), "gradient() of an anchor that is alone")


@check("gradient")
def check_convex(loss, probe):
    """Between two points no convex loss is above their chord."""
    if not loss.convex:
        raise CheckSkipped("convex is False")
    step = 0.5 * float(np.min(np.where(probe.second > 0, probe.second, 1.0)))
    step = min(step, 0.02)
    middle = probe.value()
    chord = 0.5 * (probe.value(step) + probe.value(-step))
    bad = np.flatnonzero(middle > chord + EXACT * (1.0 + np.abs(chord)))
    if len(bad):
        raise CheckFailed(
            f"of tuple {bad[0]} the value {middle[bad[0]]:.6g} between two points is "
            f"above their mean, {chord[bad[0]]:.6g}"
        )
