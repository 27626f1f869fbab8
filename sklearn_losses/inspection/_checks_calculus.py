"""Checks that the gradient and the curvature are the derivatives that they claim to be.

A derivative is compared with the slopes of the function on either side of the point, as
measured by `slope`. At a kink these are two numbers, and anything between them is a
subgradient; elsewhere they are one.
"""

import numpy as np

from sklearn_losses.inspection._checks_object import require_equal
from sklearn_losses.inspection._numeric import EPS, jumps, slope
from sklearn_losses.inspection._report import CheckFailed, CheckSkipped, checks_of

CALCULUS_CHECKS = []
check = checks_of(CALCULUS_CHECKS)


def slopes(function, at, noise, unit, *, spread):
    """The slopes on the left and on the right, and the range of what may be claimed.

    Parameters
    ----------
    function, at, noise, unit
        As in `slope`.
    spread : float
        By how many times their difference a claim may lie outside both slopes at a
        kink.

    Returns
    -------
    left, right, low, high : ndarray of the shape of `at`
    """
    sides = [slope(function, at, side, noise, unit) for side in (-1, 1)]
    (left, left_error), (right, right_error) = sides
    left_error = 1e-6 * np.abs(left) + 10.0 * left_error
    right_error = 1e-6 * np.abs(right) + 10.0 * right_error
    low = np.minimum(left - left_error, right - right_error)
    high = np.maximum(left + left_error, right + right_error)
    has_kink = np.abs(right - left) > 1e-3 * np.abs(right)
    gap = spread * np.where(has_kink, high - low, 0.0)
    return left, right, low - gap, high + gap


def require_slopes(probe, method, claimed, words, output=None):
    """Fail unless `claimed` lies between the slopes of `method` on either side.

    Parameters
    ----------
    probe : Probe
    method : callable
        probe.value or probe.gradient, whose slope is measured.
    claimed : ndarray of the shape of probe.raw
    words : tuple of str
        Who claims it, and what has the slope: ("gradient()", "value()").
    output : int, default=None
        Whose slopes along all coordinates are claimed; None: that of the coordinate.
    """
    # Formulas may subtract numbers of the size of the predictions and of y.
    terms = np.abs(probe.raw).max(axis=1) if probe.is_row else np.abs(probe.raw)
    noise = EPS * np.median(np.abs(claimed)) * (terms + np.abs(probe.y))
    # Of parts with a kink each, one may give the slope on its left and the other the
    # slope on its right, and the sum then need not lie between the slopes of the sum.
    # Only of convex losses a subgradient always does, but a curvature does not.
    spread = 0.0 if probe.loss.convex else 1.0
    if method == probe.gradient:
        spread = 2.0
    for axis in probe.axes():
        at = probe.raw[:, axis] if probe.is_row else probe.raw
        claim = claimed[:, axis] if probe.is_row else claimed
        function = probe.along(method, axis, probe.y, probe.raw, output)
        left, right, low, high = slopes(function, at, noise, probe.unit, spread=spread)
        excess = np.maximum(low - claim, claim - high)
        bad = np.isfinite(low) & np.isfinite(high) & ~(excess <= 0)  # nan is bad
        if not bad.any():
            continue
        relative = excess / (np.abs(low) + np.abs(high) + np.finfo(float).tiny)
        worst = np.nan_to_num(relative, nan=np.inf, posinf=np.inf)
        i = int(np.argmax(np.where(bad, worst, -1.0)))
        is_smooth = abs(left[i] - right[i]) <= 1e-5 * (abs(left[i]) + abs(right[i]))
        truth = f"{right[i]:.6g}"
        if not is_smooth:
            truth = f"from {left[i]:.6g} to {truth}"
        entry = f"[{axis}]" if probe.is_row else ""
        entry = entry if output is None else f"[{output}, {axis}]"
        raise CheckFailed(
            f"{probe.point(probe.y[i], probe.raw[i])} {words[0]}{entry} says "
            f"{claim[i]:.6g}, the slope of {words[1]} is {truth}"
        )


def along_line(method, y, raw, direction):
    """A value, or the derivative along a line, as a function of the position on it."""

    def function(position):
        result = method(y, raw(position))
        return result @ direction if result.ndim > position.ndim else result

    return function


def jumps_on_lines(probe, method):
    """The jumps of the value or the derivative along lines through the predictions.

    Yields
    ------
    y : float
    raw : float or ndarray of shape (N_CLASSES,)
    before, after : float
    """
    for y, positions, raw, direction in probe.lines():
        found = jumps(along_line(method, y, raw, direction), positions)
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


@check("compiled", "gradient", "curvature")
def check_hessian(loss, probe):
    """The Hessian of a row holds the slopes of the gradient, and the curvature."""
    if not (probe.is_row and loss.checked().has_hessian):
        raise CheckSkipped("the loss has none" if probe.is_row else "a loss of points")
    claimed = probe.hessian(probe.y, probe.raw)
    diagonal = np.einsum("nkk->nk", claimed)
    words = "the diagonal of hessian()", "curvature()"
    require_equal(probe, diagonal, probe.curvature(probe.y, probe.raw), words)
    words = "hessian()", "the transposed one"
    require_equal(probe, claimed, claimed.swapaxes(1, 2), words)
    for output in probe.axes():
        words = "hessian()", f"gradient()[{output}]"
        require_slopes(probe, probe.gradient, claimed[:, output], words, output)
    least = np.linalg.eigvalsh(claimed)[:, 0]
    negative = -least - 1e-9 * np.abs(claimed).max(axis=(1, 2))
    if loss.convex and negative.max() > 0:
        i = int(np.argmax(negative))
        raise CheckFailed(
            f"{probe.point(probe.y[i], probe.raw[i])} hessian() has the eigenvalue "
            f"{least[i]:.6g}, and convex is True"
        )


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
    distance *= probe.rng.choice([-1.0, 1.0], size=a.shape)
    b = a + probe.unit * np.round(distance, 3)
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
