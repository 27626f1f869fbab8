"""Checks that a loss is a well-behaved object: its parameters, copies and arrays.

Each check is a function of the loss and a `Probe`. It raises CheckFailed with a
sentence that names a point, or CheckSkipped with a reason; what it returns is a remark.
"""

import pickle
from numbers import Real

import numpy as np
from sklearn.base import clone

from sklearn_losses.inspection._probe import Probe
from sklearn_losses.inspection._report import CheckFailed, checks_of
from sklearn_losses.losses import Loss

OBJECT_CHECKS = []
check = checks_of(OBJECT_CHECKS)


def differ(a, b, rtol=1e-12, floor=1e-300):
    """Where two arrays are not equal, up to rounding; nan equals nan."""
    return ~np.isclose(a, b, rtol=rtol, atol=floor, equal_nan=True)


def require_equal(points, got, expected, words, **tolerance):
    """Fail unless two results are equal; name the first point where they are not.

    Parameters
    ----------
    points : Probe, or tuple of ndarray
        Whose y and raw, or the y and the raw, to which the results belong.
    got, expected : ndarray
    words : tuple of str
        What they are: ("value() of float32", "of float64").
    """
    bad = differ(got, expected, **tolerance)
    if np.any(bad):
        y, raw = points if isinstance(points, tuple) else (points.y, points.raw)
        where = np.unravel_index(np.argmax(bad), bad.shape)
        point = Probe.point(y[where[0]], raw[where[0]])
        raise CheckFailed(
            f"{point} {words[0]} is {got[where]}, {words[1]} {expected[where]}"
        )


def same_values(probe, other, what):
    """Fail unless `other` has the values and gradients of the probe's loss."""
    for output in ("value", "gradient"):
        expected = getattr(probe.loss, output)(probe.y, probe.raw)
        got = getattr(other, output)(probe.y, probe.raw)
        words = (f"{output}() of {what}", "of the loss itself")
        require_equal(probe, got, expected, words, rtol=0.0)


@check()
def check_compiled(loss, probe):
    """There is a table of C functions that this build can read, and it evaluates."""
    loss.checked()
    for output, shape in (("value", probe.y.shape), ("gradient", probe.raw.shape)):
        result = getattr(loss, output)(probe.y, probe.raw)
        if result.shape != shape or result.dtype != np.float64:
            raise CheckFailed(
                f"{output}() of {len(probe.y)} samples has the shape {result.shape} "
                f"and the dtype {result.dtype}, not {shape} and float64"
            )
        if not np.isfinite(result).all():
            i = int(np.argmax(~np.isfinite(result.reshape(len(probe.y), -1)).all(1)))
            point = probe.point(probe.y[i], probe.raw[i])
            raise CheckFailed(f"{point} {output}() is {result[i]}")


@check("compiled")
def check_clone(loss, probe):
    """sklearn.base.clone gives a loss with the same parameters and values."""
    copy = clone(loss)
    mine, its = loss.get_params(deep=False), copy.get_params(deep=False)
    if type(copy) is not type(loss) or mine.keys() != its.keys():
        raise CheckFailed(f"the clone is {copy!r}")
    same_values(probe, copy, "the clone")


@check("compiled")
def check_pickle(loss, probe):
    """A pickled and unpickled loss has the same values."""
    same_values(probe, pickle.loads(pickle.dumps(loss)), "the unpickled loss")


@check("compiled", "clone")
def check_parameters(loss, probe):
    """Parameters can be read and set, and what is no number is refused where used."""
    copy = clone(loss).set_params(**loss.get_params(deep=True))
    same_values(probe, copy, "a clone after set_params(**get_params())")
    numbers = {
        name: value
        for name, value in loss.get_params(deep=False).items()
        if isinstance(value, Real)
        and not isinstance(value, bool)
        and not hasattr(Loss, name)  # a trait is a claim, and checked as such
    }
    for name in numbers:
        for wrong in (np.nan, "a string"):
            copy = clone(loss).set_params(**{name: wrong})
            try:
                value = copy.value(probe.y, probe.raw)
            except (TypeError, ValueError):
                continue
            if np.isfinite(value).any():
                raise CheckFailed(
                    f"{name}={wrong!r} is not refused: value() is a number"
                )
    return "" if numbers else "no numbers among the parameters"


def _outside(loss):
    """Numbers that are no targets of a loss of points."""
    domain = loss.domain
    wrong = [np.nan, np.inf, -np.inf]
    for end, step in ((domain.low, -1.0), (domain.high, 1.0)):
        if np.isfinite(end):
            is_inside = bool(domain.contains(end))
            wrong += [end + step, *([] if is_inside else [end])]
    return wrong + ([0.5] if domain.integer else [])


@check("compiled")
def check_domain(loss, probe):
    """Targets outside the domain raise ValueError, the others have finite losses."""
    n_classes = probe.raw.shape[1] if probe.is_row else 0
    wrong = [np.nan, np.inf, -1.0, 0.5, n_classes] if probe.is_row else _outside(loss)
    raw = probe.raw[:1]
    for y in wrong:
        for output in ("value", "gradient"):
            try:
                result = getattr(loss, output)(np.array([y]), raw)
            except ValueError:
                continue
            raise CheckFailed(
                f"{probe.point(y, raw[0])} {output}() is {result[0]} instead of a "
                f"ValueError, because y_true is not in the domain {loss.domain}"
            )
    if probe.is_row:
        try:
            result = loss.value(np.full((1, n_classes), 0.9), raw)
        except ValueError:
            return
        raise CheckFailed(
            f"targets [0.9, 0.9, 0.9], which do not sum to 1, have the loss {result[0]}"
        )


@check("compiled")
def check_scalars(loss, probe):
    """One sample alone has the value and gradient that it has among others."""
    for output in ("value", "gradient"):
        method = getattr(loss, output)
        together = method(probe.y, probe.raw)
        for i in range(40):
            y, raw = float(probe.y[i]), probe.raw[i]
            alone = np.squeeze(method([y], [raw]) if probe.is_row else method(y, raw))
            if np.any(differ(alone, together[i])):
                raise CheckFailed(
                    f"{probe.point(y, raw)} {output}() of the sample alone is {alone}, "
                    f"among {len(probe.y)} samples it is {together[i]}"
                )


@check("compiled")
def check_float32(loss, probe):
    """float32 predictions give float32 results, equal to 1e-5."""
    # Numbers that both types have, away from kinks.
    y = probe.y.astype(np.float32)
    raw = (probe.raw + 0.0137 * probe.unit).astype(np.float32)
    inside = loss.domain.contains(y.astype(np.float64))
    y, raw = y[inside], raw[inside]
    for output in ("value", "gradient"):
        method = getattr(loss, output)
        single = method(y, raw)
        double = method(y.astype(np.float64), raw.astype(np.float64))
        if single.dtype != np.float32:
            raise CheckFailed(f"{output}() of float32 is {single.dtype}, not float32")
        floor = 1e-5 * float(np.median(np.abs(double)))
        words = (f"{output}() of float32", "of float64")
        rounded = double.astype(np.float32)  # which may overflow
        require_equal((y, raw), single, rounded, words, rtol=1e-5, floor=floor)


@check("compiled")
def check_value_gradient(loss, probe):
    """value_gradient gives what value and gradient give."""
    pair = loss.value_gradient(probe.y, probe.raw)
    for output, got in zip(("value", "gradient"), pair):
        expected = getattr(loss, output)(probe.y, probe.raw)
        words = (f"the {output} of value_gradient()", f"{output}()")
        require_equal(probe, got, expected, words)


@check("compiled")
def check_sample_weight(loss, probe):
    """Weights multiply the results, and weight the mean."""
    weight = probe.rng.choice([0.0, 0.5, 1.0, 3.7], size=len(probe.y))
    for output in ("value", "gradient"):
        method = getattr(loss, output)
        expected = (method(probe.y, probe.raw).T * weight).T
        got = method(probe.y, probe.raw, sample_weight=weight)
        words = (f"{output}() with a sample_weight", "the product with it")
        require_equal(probe, got, expected, words)
    expected = np.average(loss.value(probe.y, probe.raw), weights=weight)
    mean = loss.mean(probe.y, probe.raw, sample_weight=weight)
    if differ(mean, expected, rtol=1e-10):
        raise CheckFailed(f"mean() is {mean}, the weighted mean of value() {expected}")


@check("compiled", "scalars")
def check_order(loss, probe):
    """Neither the order of the samples nor the strides of the arrays matter."""
    turn = slice(None, None, -1)
    for output in ("value", "gradient"):
        method = getattr(loss, output)
        expected = method(probe.y, probe.raw)
        got = method(probe.y[turn], probe.raw[turn])[turn]
        words = (f"{output}() with the order of the samples turned", "as they are")
        require_equal(probe, got, expected, words)


@check("compiled")
def check_out(loss, probe):
    """Results are written to `out`, and an `out` that does not fit is refused."""
    for output in ("value", "gradient"):
        method = getattr(loss, output)
        expected = method(probe.y, probe.raw)
        out = np.full_like(expected, np.nan)
        if method(probe.y, probe.raw, out=out) is not out:
            raise CheckFailed(f"{output}(out=out) does not return out")
        words = (f"what {output}() has written to out", "what it returns")
        require_equal(probe, out, expected, words)
        try:
            method(probe.y, probe.raw, out=np.empty(len(probe.y) + 1))
        except ValueError:
            continue
        raise CheckFailed(f"{output}() takes an out of the wrong shape")


@check("compiled")
def check_extremes(loss, probe):
    """Far raw predictions have a loss and a gradient, and nan has the loss nan."""
    for y in probe.targets:
        for output in ("value", "gradient"):
            result = getattr(loss, output)(np.full(len(probe.far), y), probe.far)
            bad = np.isnan(result) | ((output == "value") & np.isneginf(result))
            if bad.any():
                i = int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
                raise CheckFailed(
                    f"{probe.point(y, probe.far[i])} {output}() is {result[i]}"
                )
    raw = np.full_like(probe.raw[:1], np.nan)
    if probe.is_row:
        raw[:, 1:] = 0.0
    value = loss.value(probe.y[:1], raw)
    if not np.isnan(value[0]):
        raise CheckFailed(
            f"{probe.point(probe.y[0], raw[0])} value() is {value[0]} instead of nan, "
            "so that a model that has diverged looks like one without errors"
        )


@check("compiled", "extremes")
def check_limits(loss, probe):
    """Infinite raw predictions have the limit of the loss, or nan."""
    note = None
    for y in probe.targets:
        for sign in (1.0, -1.0):
            raw = sign * np.array([1e100, 1e150, np.inf])
            if probe.is_row:
                raw = np.column_stack([raw, np.zeros((3, probe.raw.shape[1] - 1))])
            before, near, far = loss.value(np.full(3, y), raw)
            reached = abs(near - before) <= 1e-9 * abs(near) or abs(near) < 1e-50
            limit = near if reached else np.inf
            if loss.bounded and not reached and near < far < np.inf:
                continue  # its bound is farther away than can be seen
            point = probe.point(y, raw[2])
            if np.isnan(far):
                note = note or f"{point} value() is nan, its limit is {limit}"
            elif differ(far, limit, rtol=1e-9, floor=1e-50):
                raise CheckFailed(f"{point} value() is {far}, its limit is {limit}")
            gradient = loss.gradient(np.full(3, y), raw)
            if np.isnan(gradient[2]).any() and not np.isnan(gradient[1]).any():
                note = note or f"{point} gradient() is nan"
    return note
