"""Convex conjugates: sup over p of dual * p - loss(y, p)."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

from sklearn_losses.losses import (
    AbsoluteError,
    Barron,
    Exponential,
    Fair,
    Hinge,
    Huber,
    LogCosh,
    LogLoss,
    NegativeBinomial,
    NumpyLoss,
    Poisson,
    PseudoHuber,
    Quantile,
    SquaredError,
)
from tests.cases import (
    DEFAULTS,
    LOSSES,
    POINT_LOSSES,
    each,
    each_class,
    edge_targets,
    raw_predictions,
    targets,
    two_targets,
)
from tests.reference import REFERENCE

CONVEX = [loss for loss in POINT_LOSSES if loss.convex]
CONVEX_DEFAULTS = [
    loss for loss in DEFAULTS if loss.granularity == "point" and loss.convex
]
FARTHEST = mpf(10) ** 60
LIMITS = -1e4, 1e4  # raw predictions where slopes are near their limits, or inf


def terms(y, raw, dual, value, conjugate):
    """The size of what meets in the Fenchel-Young inequality, 1 at least."""
    parts = [np.ones_like(raw), dual * raw, dual * y, value, conjugate]
    return np.max(np.abs(np.broadcast_arrays(*parts)), axis=0)


# ------------------------------------------------------------ the Fenchel-Young pair
@each_class(CONVEX)
@settings(max_examples=30)
@given(data=st.data())
def test_fenchel_young_inequality(loss, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    y = targets(loss, rng, 50)
    raw = raw_predictions(loss, rng, 50, scale=data.draw(st.sampled_from([0.1, 1, 9])))
    dual = data.draw(st.floats(-3, 3)) + rng.normal(size=50)
    value, conjugate = loss.value(y, raw), loss.conjugate(y, dual)
    assert not np.isnan(conjugate).any()
    inside = np.isfinite(conjugate) & np.isfinite(value)
    assert np.all(conjugate[~np.isfinite(conjugate)] == np.inf)
    y, raw, dual, value, conjugate = (
        a[inside] for a in (y, raw, dual, value, conjugate)
    )
    gap = value + conjugate - dual * raw
    assert np.all(gap >= -1e-12 * terms(y, raw, dual, value, conjugate))


@each(CONVEX)
def test_equality_where_the_dual_is_the_gradient(loss):
    rng = np.random.default_rng(0)
    y = np.concatenate([targets(loss, rng, 400), np.repeat(edge_targets(loss), 20)])
    raw = raw_predictions(loss, rng, len(y)) * 10 ** rng.uniform(-3, 0.5, size=len(y))
    centre = y if loss.task == "regression" else 0.0
    raw = np.where(rng.random(len(y)) < 0.5, raw, np.clip(centre, -9, 9) + raw)
    dual = loss.gradient(y, raw)
    value, conjugate = loss.value(y, raw), loss.conjugate(y, dual)
    # Rounding may put a gradient outside of the domain, if it is near the end of it.
    inside = np.isfinite(conjugate) & np.isfinite(value) & np.isfinite(dual)
    assert inside.mean() > 0.9
    assert np.all(at_an_end(loss, y, dual) | (inside == np.isfinite(value)))
    y, raw, dual, value, conjugate = (
        a[inside] for a in (y, raw, dual, value, conjugate)
    )
    gap = np.abs(value + conjugate - dual * raw)
    assert np.max(gap / terms(y, raw, dual, value, conjugate)) <= 1e-10


def at_an_end(loss, y, dual):
    """Which of the duals are the limits of the gradient, to all digits but one."""
    limits = np.stack([loss.gradient(y, np.full(len(y), s)) for s in (-1e9, 1e9)])
    with np.errstate(invalid="ignore"):  # inf - inf, of a limit that is no end
        return np.any(np.abs(limits - dual) <= 4e-16 * (1 + np.abs(dual)), axis=0)


# --------------------------------------------------------------- with fifty digits
def supremum(loss, y, dual):
    """sup over p of dual * p - loss(y, p), by bisection of its slope.

    The slope falls. Where it never reaches 0, the supremum is the limit far out, which
    is inf unless the graph has become flat there.
    """
    value, gradient, _ = REFERENCE[type(loss)]
    low, high = mpf(-1), mpf(1)
    while gradient(loss, y, low) > dual and low > -FARTHEST:
        low *= 4
    while gradient(loss, y, high) < dual and high < FARTHEST:
        high *= 4
    for end in (low, high):
        if abs(end) >= FARTHEST:
            near, far = (dual * p - value(loss, y, p) for p in (end / 2, end))
            flat = abs(far - near) <= mpf("1e-30") * max(1, abs(far))
            return far if flat else mpmath.inf
    while high - low > mpf("1e-35") * max(mpf("1e-60"), abs(low), abs(high)):
        middle = (low + high) / 2
        if gradient(loss, y, middle) < dual:
            low = middle
        else:
            high = middle
    return max(dual * p - value(loss, y, p) for p in (low, high))


def gradient_limits(loss, y):
    """The ends of the domain of the conjugate; None where it has none."""
    gradient = REFERENCE[type(loss)][1]
    limits = []
    for far in (-FARTHEST, FARTHEST):
        near, end = gradient(loss, mpf(y), far / 2), gradient(loss, mpf(y), far)
        bounded = abs(near - end) < mpf("1e-30") * max(1, abs(end))
        limits.append(end if bounded else None)
    return limits


def duals(loss, y):
    """Small ones, ordinary ones, and both sides of the domain's ends."""
    low, high = gradient_limits(loss, y)
    chosen = [0.0, 1e-9, -1e-9, 0.3, -0.3, 2.5, -2.5]
    for end, outwards in ((low, -1), (high, 1)):
        if end is not None:
            size = max(abs(float(end)), 1e-3)  # an end may be 0
            chosen += [float(end) + outwards * step * size for step in (-1e-6, 1e-6)]
            # The end itself, if it is a float.
            if abs(mpf(float(end)) - end) < mpf("1e-30") * size:
                chosen.append(float(end))
    return chosen


def dual_scale(y, dual, expected):
    """How large the terms are that the conjugate is the sum of."""
    return max(abs(expected), abs(mpf(y) * mpf(dual)))


@each_class(CONVEX)
def test_against_a_maximum_with_fifty_digits(loss):
    some = two_targets(loss).tolist()
    if loss.task == "regression":
        some += [3.7] if loss.domain.low > -np.inf else [-3.0]
    elif not loss.domain.integer:
        some += [0.3, 1e-12]
    n_checked = 0
    with mpmath.workdps(150):  # those of differences of numbers as large as FARTHEST
        for y in some:
            ends = [end for end in gradient_limits(loss, y) if end is not None]
            for dual in duals(loss, y):
                expected = supremum(loss, mpf(y), mpf(dual))
                got = loss.conjugate(y, dual)
                point = (y, dual, got, mpmath.nstr(expected, 17))
                n_checked += 1
                if mpmath.isinf(expected):
                    assert got == np.inf, point
                    continue
                error = abs(mpf(float(got)) - expected)
                # At the end of the domain a supremum may be a limit far out. Where no
                # formula has it, it is looked up there.
                far = any(end == dual for end in map(float, ends))
                rtol = 1e-7 if far else 1e-10
                assert error <= rtol * dual_scale(y, dual, expected) + 1e-25, point
    assert n_checked >= 14


@each(CONVEX)
def test_at_dual_zero_it_is_minus_the_minimum(loss):
    y = np.array(edge_targets(loss))
    minimum = loss.minimum(y)
    error = np.abs(loss.conjugate(y, 0.0) + minimum)
    size = np.maximum(1.0, np.maximum(np.abs(y), np.abs(minimum)))
    assert np.all(error <= 1e-12 * size)


def test_known_conjugates():
    assert SquaredError().conjugate(0.0, 3.0) == 4.5
    assert SquaredError().conjugate(0.0, 1e-9) == pytest.approx(5e-19, rel=1e-14)
    assert SquaredError().conjugate(2.0, 1e-9) == pytest.approx(2e-9, rel=1e-14)
    np.testing.assert_array_equal(
        AbsoluteError().conjugate(2.0, [-1.0, 0.5, 1.0, 1.001]), [-2, 1, 2, np.inf]
    )
    np.testing.assert_array_equal(
        Hinge().conjugate([1.0, 1.0, 1.0, 0.0], [-0.25, 0.5, -1.5, 0.25]),
        [-0.25, np.inf, np.inf, -0.25],
    )
    np.testing.assert_array_equal(
        Huber(delta=2.0).conjugate(0.0, [2.0, -2.0, 2.001]), [2.0, 2.0, np.inf]
    )
    # Negative entropies, which are 0 at the ends of their domains.
    np.testing.assert_array_equal(
        LogLoss().conjugate(0.0, [0.0, 1.0, -1e-9]), [0.0, 0.0, np.inf]
    )
    assert LogLoss().conjugate(0.0, 0.5) == pytest.approx(-np.log(2), rel=1e-15)
    tiny = 1e-20 * (np.log(1e-20) - 1)
    assert LogLoss().conjugate(0.0, 1e-20) == pytest.approx(tiny, rel=1e-14)
    assert LogLoss().conjugate(1.0, -1e-20) == pytest.approx(tiny, rel=1e-14)
    assert Poisson().conjugate(0.0, 1e-20) == pytest.approx(tiny, rel=1e-14)
    assert Poisson().conjugate(0.0, -1e-20) == np.inf
    # A supremum far out may be finite, or not.
    assert PseudoHuber(delta=2.0).conjugate(0.0, 2.0) == pytest.approx(4.0, rel=1e-15)
    assert LogCosh().conjugate(0.0, 1.0) == pytest.approx(np.log(2), rel=1e-15)
    assert Fair(scale=2.0).conjugate(0.0, 2.0) == np.inf
    # A small dispersion makes 1 / d large, and no difference.
    assert NegativeBinomial(dispersion=1e-8).conjugate(3.0, -1.0) == pytest.approx(
        Poisson().conjugate(3.0, -1.0), rel=1e-7
    )


@each(CONVEX_DEFAULTS)
def test_the_conjugate_is_convex_in_the_dual(loss):
    dual = np.linspace(-3, 3, 1201)
    for y in two_targets(loss):
        conjugate = loss.conjugate(y, dual)
        seen = np.isfinite(conjugate)
        assert seen.any()
        inside = conjugate[seen]
        assert np.all(np.diff(np.flatnonzero(seen)) == 1)  # the domain is an interval
        bend = inside[2:] - 2 * inside[1:-1] + inside[:-2]
        assert bend.min(initial=0.0) >= -1e-13 * (1 + np.abs(inside).max())


@each(CONVEX)
def test_a_loss_in_python_is_searched_for_all_points_at_a_time(loss):
    """With the same accuracy, and with few calls however many points there are."""
    sizes = []

    def gradient(y_true, raw_prediction):
        sizes.append(len(y_true))
        return loss.gradient(y_true, raw_prediction)

    own = NumpyLoss(
        loss.value, gradient, convex=True, task=loss.task, domain=loss.domain
    )
    rng = np.random.default_rng(0)
    y = np.concatenate([targets(loss, rng, 80), np.repeat(two_targets(loss), 20)])
    dual = loss.gradient(y, raw_predictions(loss, rng, len(y)))
    some = [(target, slope) for target in two_targets(loss) for slope in LIMITS]
    limits = [loss.gradient(target, side) for target, side in some]
    y, dual = np.append(y, [target for target, _ in some]), np.append(dual, limits)
    y, dual = np.append(y, y[:3]), np.append(dual, [np.inf, -np.inf, np.nan])
    searched = 0.5 * loss + 0.5 * loss  # of a sum there is no formula
    got, expected = own.conjugate(y, dual), searched.conjugate(y, dual)
    inside = np.isfinite(expected)
    np.testing.assert_array_equal(got[~inside], expected[~inside])
    with np.errstate(invalid="ignore"):  # 0 inf, outside
        scale = np.maximum(np.abs(expected), np.abs(y * dual))[inside]
    error = np.abs(got[inside] - expected[inside])
    assert np.all(error <= 1e-9 * scale + 1e-15)
    assert len(sizes) < 1500
    assert own.conjugate(y[0], dual[0]) == got[0]
    assert own.conjugate(y[:0], dual[:0]).shape == (0,)


# ------------------------------------------------------------ as the other functions
@each([loss for loss in LOSSES if not loss.convex])
def test_a_loss_that_is_not_convex_is_refused(loss):
    name = type(loss).__name__
    with pytest.raises(ValueError, match=f"{name} has no conjugate.*not convex"):
        loss.conjugate(two_targets(loss), [0.0, 0.5])


@each(CONVEX_DEFAULTS)
def test_scalars_are_broadcast(loss):
    y, dual = np.tile(two_targets(loss), 10), np.linspace(-0.4, 0.4, 20)
    got = loss.conjugate(y, dual)
    assert got.shape == (20,)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(loss.conjugate(y.tolist(), dual.tolist()), got)
    np.testing.assert_array_equal(
        loss.conjugate(y[0], dual), loss.conjugate(np.full(20, y[0]), dual)
    )
    np.testing.assert_array_equal(
        loss.conjugate(y, dual[0]), loss.conjugate(y, np.full(20, dual[0]))
    )
    alone = loss.conjugate(float(y[3]), float(dual[3]))
    assert isinstance(alone, float)
    assert alone == got[3]
    strided = loss.conjugate(np.repeat(y, 2)[::2], np.repeat(dual, 2)[::2])
    np.testing.assert_array_equal(strided, got)
    assert loss.conjugate(np.empty(0), np.empty(0)).shape == (0,)


@each(CONVEX_DEFAULTS)
def test_errors(loss):
    y = np.append(two_targets(loss), np.nan)
    with pytest.raises(ValueError, match=r"needs every target .*y_true\[2\] is nan"):
        loss.conjugate(y, np.zeros(3))
    with pytest.raises(ValueError, match=r"y_true of shape \(2,\) does not fit"):
        loss.conjugate(y[:2], np.zeros(3))


@pytest.mark.parametrize(
    ("loss", "y", "dual", "expected"),
    [
        (PseudoHuber() + Huber(1.0), 3.0, 2.0, 7.5),  # 2 y + 1 + 1/2
        (PseudoHuber() + Huber(1.0), 3.0, -2.0, -4.5),
        (PseudoHuber() + Huber(1.0), 3.0, 2.1, np.inf),
        (PseudoHuber() + Huber(1.0), 1e16, 2.5, np.inf),
        (PseudoHuber(1e7) + 0 * LogCosh(), 0.0, 1e7, 1e14),
        (Fair(1.0) + Fair(1.0), 0.0, 2.0, np.inf),  # grows like a logarithm
        (LogLoss() + Hinge(), 1, 0.0, 0.0),
        (LogLoss() + Hinge(), 1, -2.0, -1.0),
        (LogLoss() + Hinge(), 1, 1e-9, np.inf),
        (Exponential() + Exponential(), 0, 0.0, 0.0),
        (AbsoluteError() + Quantile(0.25), 2.0, 1.75, 3.5),
    ],
    ids=str,
)
def test_search_at_the_ends_of_the_domain(loss, y, dual, expected):
    assert loss.conjugate(y, dual) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@each(CONVEX)
def test_slopes_that_are_no_numbers(loss):
    y = edge_targets(loss)[1]
    assert loss.conjugate(y, np.inf) == loss.conjugate(y, -np.inf) == np.inf
    assert np.isnan(loss.conjugate(y, np.nan))


def test_far_maxima():
    # gradient t (t^2 / b + 1)^(-b/2) = 1.5 with b = 0.999, far out t^0.001 b^(b/2)
    t = (1.5 * 0.999 ** (-0.999 / 2)) ** 1000
    expected = 1.5 * t * (1 - 1 / 1.001)
    assert Barron(1.001).conjugate(0.0, 1.5) == pytest.approx(expected, rel=1e-9)
