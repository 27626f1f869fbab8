"""Checks of a loss of groups: derivatives, and what must not matter to it.

It is looked at on a few groups of several sizes, with ties, some of one row, whose rows
are mixed.
"""

import pickle

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from sklearn_losses.inspection._report import CheckFailed, CheckSkipped, checks_of
from sklearn_losses.losses import survival_target

GROUP_CHECKS = []
check = checks_of(GROUP_CHECKS)

N_ROWS, N_GROUPS = 40, 6
STEP, NEAR = 1e-5, 1e-6  # of differences, and how far off they may be
EXACT = 1e-9  # of the largest: rounding of sums in another order
FAR = 1e4  # a spread of raw predictions


def rows_of_groups(loss, n_rows, n_groups, random_state=0):
    """Targets, raw predictions and groups of rows in any order."""
    rng = check_random_state(random_state)
    groups = rng.randint(n_groups, size=n_rows)
    y = rng.randint(4, size=n_rows).astype(np.float64)
    if loss.task == "survival":
        y = survival_target(rng.uniform(size=n_rows) < 0.7, y + 1.0)
    return y, rng.normal(size=n_rows), groups


class GroupProbe:
    """Where a loss of groups is looked at."""

    def __init__(self, loss, random_state=None):
        rng = check_random_state(random_state)
        self.loss = loss
        self.y, self.raw, self.groups = rows_of_groups(loss, N_ROWS, N_GROUPS, rng)
        self.groups[0] = N_GROUPS  # alone
        self.weight = rng.randint(1, 4, size=N_ROWS).astype(np.float64)
        self.order = rng.permutation(N_ROWS)
        self.v = rng.normal(size=(N_ROWS, 2))

    def value(self, raw):
        """The sum over all groups."""
        return self.loss.value(self.y, raw, self.groups, self.weight).sum()

    def gradient(self, raw):
        return self.loss.gradient(self.y, raw, self.groups, self.weight)


def require_near(found, expected, what, tol=EXACT):
    """Fail unless arrays are the same but for rounding; name the worst entry."""
    found, expected = np.atleast_1d(found), np.atleast_1d(expected)
    if found.shape != expected.shape:
        raise CheckFailed(f"{what}: the shape is {found.shape}, not {expected.shape}")
    error = np.abs(found - expected)
    scale = 1.0 + np.abs(expected).max(initial=0.0)
    if not (error <= tol * scale).all():
        i = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
        raise CheckFailed(
            f"{what}: entry {', '.join(map(str, i))} is {found[i]:.6g} instead of "
            f"{expected[i]:.6g}"
        )


@check()
def check_compiled(loss, probe):
    """There are C functions, which write numbers."""
    loss.checked()
    if not np.isfinite(probe.value(probe.raw)):
        raise CheckFailed(f"the sum of value() is {probe.value(probe.raw)}")


@check("compiled")
def check_copies(loss, probe):
    """Clones and pickles are the same loss."""
    expected = probe.value(probe.raw)
    try:
        stored = pickle.loads(pickle.dumps(loss))
    except (pickle.PicklingError, AttributeError, TypeError):
        stored = clone(loss)  # of functions that cannot be imported
    for copy in (clone(loss), stored):
        found = copy.value(probe.y, probe.raw, probe.groups, probe.weight).sum()
        require_near(found, expected, "value() of a copy")


@check("compiled")
def check_gradient(loss, probe):
    """It is the slope of the value."""
    steps = STEP * np.eye(N_ROWS)
    slopes = [
        (probe.value(probe.raw + e) - probe.value(probe.raw - e)) / (2 * STEP)
        for e in steps
    ]
    require_near(probe.gradient(probe.raw), np.array(slopes), "gradient()", NEAR)


@check("gradient")
def check_products(loss, probe):
    """Products with the Hessian are changes of the gradient, and symmetric."""
    if not loss.differentiable:
        raise CheckSkipped("the gradient jumps")
    args = probe.groups, probe.weight
    found = loss.hessian_product(probe.y, probe.raw, probe.v, *args)
    changes = [
        probe.gradient(probe.raw + STEP * v) - probe.gradient(probe.raw - STEP * v)
        for v in probe.v.T
    ]
    expected = np.transpose(changes) / (2 * STEP)
    require_near(found, expected, "hessian_product()", NEAR)
    sides = probe.v.T @ found
    require_near(sides[0, 1], sides[1, 0], "hessian_product() is not symmetric", NEAR)
    hessian = loss.hessian(probe.y, probe.raw, *args)
    found = loss.curvature(probe.y, probe.raw, *args)
    require_near(found, np.diag(hessian), "curvature()", NEAR)


@check("gradient")
def check_permutation(loss, probe):
    """The order of the rows does not matter."""
    o = probe.order
    value, gradient = loss.value_gradient(
        probe.y[o], probe.raw[o], probe.groups[o], probe.weight[o]
    )
    require_near(
        value.sum(), probe.value(probe.raw), "value() of rows in another order"
    )
    expected = probe.gradient(probe.raw)[o]
    require_near(gradient, expected, "gradient() of rows in another order")


@check("gradient")
def check_zero_weight(loss, probe):
    """A row of weight 0 is as if it were not there."""
    weight = np.where(np.arange(N_ROWS) % 3 == 0, 0.0, probe.weight)
    here = weight > 0
    value, gradient = loss.value_gradient(probe.y, probe.raw, probe.groups, weight)
    few, slopes = loss.value_gradient(
        probe.y[here], probe.raw[here], probe.groups[here], weight[here]
    )
    require_near(value.sum(), few.sum(), "value() with rows of weight 0")
    expected = np.zeros(N_ROWS)
    expected[here] = slopes
    require_near(gradient, expected, "gradient() with rows of weight 0")


@check("gradient")
def check_shift(loss, probe):
    """A loss that says so does not see a constant that a whole group is shifted by."""
    if not loss.shift_invariant:
        raise CheckSkipped("shift_invariant is False")
    shift = np.arange(N_GROUPS + 1.0)[probe.groups]
    found = probe.value(probe.raw + shift)
    require_near(found, probe.value(probe.raw), "value() of shifted groups")
    total = np.bincount(probe.groups, probe.gradient(probe.raw))
    require_near(total, np.zeros(len(total)), "the sum of gradient() over a group")


@check("gradient")
def check_ties(loss, probe):
    """Rows of the same target and raw prediction have the same gradient."""
    y, raw = np.repeat(probe.y, 2), np.repeat(probe.raw, 2)
    groups, weight = np.repeat(probe.groups, 2), np.repeat(probe.weight, 2)
    gradient = loss.gradient(y, raw, groups, weight)
    require_near(gradient[::2], gradient[1::2], "gradient() of rows that are alike")


@check("compiled")
def check_far(loss, probe):
    """Far raw predictions have a gradient, as long as the loss is finite."""
    raw = FAR * probe.raw
    value, gradient = probe.value(raw), probe.gradient(raw)
    if np.isnan(value) or (np.isfinite(value) and not np.isfinite(gradient).all()):
        raise CheckFailed(
            f"where raw predictions are up to {np.abs(raw).max():.3g} the value is "
            f"{value:.6g} and a gradient is not finite"
        )


@check("compiled")
def check_minimum(loss, probe):
    """No value is below it."""
    least = loss.minimum(probe.y, probe.groups, probe.weight)
    for factor in (0.0, 1.0, -1.0, 30.0, -30.0):
        value = loss.value(probe.y, factor * probe.raw, probe.groups, probe.weight)
        bad = np.flatnonzero(value < least - EXACT * (1.0 + np.abs(least)))
        if len(bad):
            raise CheckFailed(
                f"group {bad[0]} has the value {value[bad[0]]:.6g}, below its minimum, "
                f"{least[bad[0]]:.6g}"
            )


@check("gradient")
def check_convex(loss, probe):
    """Between two points no convex loss is above their chord."""
    if not loss.convex:
        raise CheckSkipped("convex is False")
    for direction in probe.v.T:
        ends = [probe.raw - 2 * direction, probe.raw + 2 * direction]
        values = [probe.value(end) for end in ends]
        middle, chord = probe.value(probe.raw), 0.5 * sum(values)
        if middle > chord + EXACT * (1.0 + abs(chord)):
            raise CheckFailed(
                f"the value {middle:.6g} between two points is above their mean, "
                f"{chord:.6g}"
            )
