"""Checks that the gradient and the curvature are the derivatives that they claim to be.

A derivative is compared with the slopes of the function on either side of the point, as
measured by `slope`. At a kink these are two numbers, and anything between them is a
subgradient; elsewhere they are one.
"""

import numpy as np

from sklearn_losses.inspection._numeric import jumps, slope
from sklearn_losses.inspection._report import CheckFailed, CheckSkipped, checks_of

CALCULUS_CHECKS = []
check = checks_of(CALCULUS_CHECKS)


def require_slopes(probe, method, claimed, words):
    """Fail unless `claimed` lies between the slopes of `method` on either side.

    Parameters
    ----------
    probe : Probe
    method : callable
        probe.value or probe.gradient, whose slope is measured.
    claimed : ndarray of the shape of probe.raw
    words : tuple of str
        Who claims it, and what has the slope: ("gradient()", "value()").
    """
    for axis in probe.axes():
        at = probe.raw[:, axis] if probe.is_row else probe.raw
        claim = claimed[:, axis] if probe.is_row else claimed
        function = probe.along(method, axis, probe.y, probe.raw)
        sides = [slope(function, at, side) for side in (-1, 1)]
        tolerance = [1e-6 * np.abs(side) + 10.0 * error for side, error in sides]
        (left, _), (right, _) = sides
        low = np.minimum(left - tolerance[0], right - tolerance[1])
        high = np.maximum(left + tolerance[0], right + tolerance[1])
        measured = np.isfinite(low) & np.isfinite(high)
        excess = np.maximum(low - claim, claim - high)
        bad = measured & ~(excess <= 0)  # nan is bad
        if not bad.any():
            continue
        size = np.abs(low) + np.abs(high) + np.finfo(float).tiny
        i = int(np.nanargmax(np.where(bad, np.nan_to_num(excess / size, nan=9.0), -1)))
        entry = f"[{axis}]" if probe.is_row else ""
        near = abs(left[i] - right[i]) <= 1e-5 * (abs(left[i]) + abs(right[i]))
        truth = f"{right[i]:.6g}" if near else f"from {left[i]:.6g} to {right[i]:.6g}"
        raise CheckFailed(
            f"{probe.point(probe.y[i], probe.raw[i])} {words[0]}{entry} says "
            f"{claim[i]:.6g}, the slope of {words[1]} is {truth}"
        )


def jumps_on_lines(probe, method):
    """The jumps of the value or the derivative along lines through the predictions.

    Yields
    ------
    y : float
    raw : float or ndarray of shape (N_CLASSES,)
    before, after : float
    """
    for y, positions, raw, direction in probe.lines():

        def along(t):
            result = method(y, raw(t))  # noqa: B023
            return result @ direction if result.ndim > t.ndim else result  # noqa: B023

        found = jumps(along, positions)
        for where, before, after in zip(*found):
            yield y, raw(where), before, after


@check("compiled")
def check_gradient(loss, probe):
    """The gradient is the slope of the value; the value is continuous."""
    for y, raw, before, after in jumps_on_lines(probe, probe.value):
        raise CheckFailed(
            f"{probe.point(y, raw)} value() jumps from {before:.6g} to {after:.6g}"
        )
    claimed = probe.gradient(probe.y, probe.raw)
    require_slopes(probe, probe.value, claimed, ("gradient()", "value()"))


@check("compiled", "gradient")
def check_curvature(loss, probe):
    """The curvature is the slope of the gradient."""
    if not loss.checked().has_curvature:
        raise CheckSkipped("the loss has none")
    claimed = probe.curvature(probe.y, probe.raw)
    require_slopes(probe, probe.gradient, claimed, ("curvature()", "gradient()"))


@check("compiled", "gradient")
def check_differentiable(loss, probe):
    """The gradient of a loss that claims to be differentiable does not jump."""
    for y, raw, before, after in jumps_on_lines(probe, probe.gradient):
        if not loss.differentiable:
            return None
        raise CheckFailed(
            f"{probe.point(y, raw)} gradient() jumps from {before:.6g} to {after:.6g}, "
            "and differentiable is True"
        )
    return None if loss.differentiable else "claims a jump, none was found"


@check("compiled", "gradient")
def check_piecewise_linear(loss, probe):
    """A loss that claims to be piecewise linear has a piecewise constant gradient."""
    if not loss.piecewise_linear:
        raise CheckSkipped("not claimed")
    zero = np.zeros_like(probe.raw)
    require_slopes(probe, probe.gradient, zero, ("piecewise_linear", "gradient()"))


@check("compiled", "gradient")
def check_convex(loss, probe):
    """The value lies below its chords and above its tangents, if it claims to."""
    if not loss.convex:
        raise CheckSkipped("not claimed")
    y = np.repeat(probe.y, 4)
    a = np.repeat(probe.raw, 4, axis=0)
    distance = 10.0 ** probe.rng.uniform(-2, 1, size=a.shape)
    b = a + np.round(distance * probe.rng.choice([-1.0, 1.0], size=a.shape), 3)
    at_a, at_b = probe.value(y, a), probe.value(y, b)
    middle = probe.value(y, a + 0.5 * (b - a))
    gradient = probe.gradient(y, a)
    rise, size = gradient * (b - a), np.abs(gradient) * (np.abs(a) + np.abs(b))
    if probe.is_row:
        rise, size = rise.sum(axis=1), size.sum(axis=1)
    tolerance = 1e-12 * size + 1e-11 * (np.abs(at_a) + np.abs(at_b) + np.abs(rise))
    for bad, sentence in (
        (
            middle > 0.5 * (at_a + at_b) + tolerance,
            lambda i: (
                f"the value {middle[i]:.6g} halfway to {b[i].tolist()} is above the "
                f"mean {0.5 * (at_a[i] + at_b[i]):.6g} of both ends"
            ),
        ),
        (
            at_b < at_a + rise - tolerance,
            lambda i: (
                f"the tangent is {at_a[i] + rise[i]:.6g} at {b[i].tolist()}, above the "
                f"value {at_b[i]:.6g}"
            ),
        ),
    ):
        if bad.any():
            i = int(np.argmax(bad))
            raise CheckFailed(
                f"{probe.point(y[i], a[i])} the loss is not convex: {sentence(i)}"
            )
