"""Values, gradients and curvatures against formulas with 50 digits."""

from functools import cache

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from sklearn_losses.losses import Barron, CrossEntropy, LogLoss, Welsch
from tests.cases import (
    POINT_LOSSES,
    RAW_GRID,
    ROW_LOSSES,
    SIZES,
    each,
    edge_targets,
    kinks,
    near_kink,
    near_row_kink,
    raw_predictions,
    soft_targets,
    targets,
    two_targets,
)
from tests.reference import REFERENCE, TERMS, class_probabilities

RTOL = {np.float64: 1e-13, np.float32: 2.0**-23}
# In exp(-x^2) the rounding of x^2 counts x^2 times, which is up to 700 times.
LOOSER = {Welsch: 10.0}
# Below it doubles, and floats, run out of exponent, then of digits.
ATOL = {np.float64: 1e-300, np.float32: 1e-44}
OUTPUTS = ("value", "gradient", "curvature")
N_CLASSES = (2, 3, 7)


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


def assert_close(loss, got, expected, terms, point):
    """`got` is `expected` to the digits of its dtype, or of the largest of `terms`."""
    dtype = type(got)
    if abs(expected) > float(np.finfo(dtype).max):
        assert np.isinf(got), point
        assert np.sign(got) == mpmath.sign(expected), point
        return
    assert np.isfinite(got), (point, got, expected)
    scale = max([abs(expected), *map(abs, terms)]) * LOOSER.get(type(loss), 1.0)
    error = abs(mpf(float(got)) - expected)
    assert error <= max(RTOL[dtype] * scale, ATOL[dtype]), (
        f"{point}: got {got!r}, expected {mpmath.nstr(expected, 20)}"
    )


def to_single(loss, raw, y):
    """Round every second sample to float32, so that both dtypes can be tested there."""
    both = np.arange(len(y)) % 2 == 0
    if np.ndim(y) == 1:
        both &= loss.domain.contains(y.astype(np.float32))
        y = np.where(both, y.astype(np.float32), y)
    rounded = both if raw.ndim == 1 else both[:, np.newaxis]
    return both, np.where(rounded, raw.astype(np.float32), raw), y


@cache
def points(loss):
    """Targets and raw predictions: sizes of both signs, kinks, and random ones.

    Returns also which of them are float32 numbers.
    """
    rng = np.random.default_rng(0)
    y, raw = [], []
    for target in edge_targets(loss):
        beside = target + SIZES[::2]  # small residuals of a large target
        around = [
            kink * side + shift
            for kink in kinks(loss, target)
            for side in (1 - 1e-12, 1 - 2**-52, 1, 1 + 2**-52, 1 + 1e-12)
            for shift in (0.0, 1e-13, -1e-13)
        ]
        for p in [*RAW_GRID, *beside, *(2 * target - beside), *around]:
            y.append(target)
            raw.append(p)
    n = 300
    y = np.concatenate([y, targets(loss, rng, n)])
    size = 10 ** rng.uniform(-12, 4, size=n) * rng.choice([-1.0, 1.0], size=n)
    return to_single(loss, np.concatenate([raw, size]), y)


@cache
def rows(loss, n_classes, soft):
    """Labels or probabilities, and raw predictions of a loss of rows.

    Returns also which of the raw predictions are float32 numbers.
    """
    rng = np.random.default_rng(n_classes)
    raw = rng.normal(size=(250, n_classes))
    raw *= 10 ** rng.uniform(-12, 4, size=(250, 1))
    raw[::10] += 100.0  # only differences count
    raw[1::10, 0] = raw[1::10, 1]  # ties
    # One class ahead of the others by all sizes, as at the end of training.
    ahead = np.zeros((len(RAW_GRID), n_classes))
    ahead[:, 0] = RAW_GRID
    raw = np.concatenate([raw, ahead, np.roll(ahead, 1, axis=1)])
    labels = rng.integers(0, n_classes, size=len(raw)).astype(float)
    labels[-len(ahead) :] = 1.0
    probabilities = soft_targets(rng, len(raw), n_classes)
    probabilities[::5] = np.eye(n_classes)[0]
    probabilities[1::5] = 0.0
    probabilities[1::5, :2] = 0.5
    return to_single(loss, raw, probabilities if soft else labels)


ROW_CASES = [
    (loss, n_classes, soft)
    for loss in ROW_LOSSES
    for n_classes in N_CLASSES
    for soft in ([False, True] if loss.soft_targets else [False])
]


@each(POINT_LOSSES)
def test_points(loss):
    single, raw, y = points(loss)
    for output, formula, terms in zip(
        OUTPUTS, REFERENCE[type(loss)], TERMS.get(type(loss), (None, None, None))
    ):
        function = getattr(loss, output)
        doubles = function(y, raw)
        floats = np.full(len(y), np.nan, dtype=np.float32)
        floats[single] = function(y[single], raw[single].astype(np.float32))
        for i, (y_i, raw_i) in enumerate(zip(y.tolist(), raw.tolist())):
            # Only rounding decides on which side of a kink the curvature lies.
            if output == "curvature" and near_kink(loss, y_i, raw_i, 1e-15):
                continue
            exact = mpf(y_i), mpf(raw_i)
            expected = formula(loss, *exact)
            used = terms(loss, *exact) if terms else ()
            assert_close(loss, doubles[i], expected, used, (output, y_i, raw_i))
            if single[i]:
                assert_close(loss, floats[i], expected, used, (output, y_i, raw_i))


@pytest.mark.parametrize(
    ("loss", "n_classes", "soft"),
    ROW_CASES,
    ids=lambda v: {True: "probabilities", False: "labels"}.get(v, repr(v)),
)
def test_rows(loss, n_classes, soft):
    single, raw, y = rows(loss, n_classes, soft)
    for output, formula, terms in zip(
        OUTPUTS, REFERENCE[type(loss)], TERMS.get(type(loss), (None, None, None))
    ):
        function = getattr(loss, output)
        doubles, floats = function(y, raw), function(y, raw.astype(np.float32))
        for i, (y_i, raw_i) in enumerate(zip(y, raw)):
            if output != "value" and near_row_kink(loss, y_i, raw_i, 1e-15):
                continue
            t = class_probabilities(loss, y_i, n_classes)
            exact = t, [mpf(x) for x in raw_i.tolist()]
            expected = formula(loss, *exact)
            used = terms(loss, *exact) if terms else ()
            for got in [doubles[i], floats[i]] if single[i] else [doubles[i]]:
                if output == "value":
                    assert_close(loss, got, expected, used, (output, y_i, raw_i))
                    continue
                for k, (got_k, expected_k, used_k) in enumerate(
                    zip(got, expected, used or [()] * n_classes)
                ):
                    point = output, k, y_i, raw_i
                    assert_close(loss, got_k, expected_k, used_k, point)


def test_how_many_points_are_compared_with_fifty_digits():
    tables = [points(loss) for loss in POINT_LOSSES]
    tables += [rows(*case) for case in ROW_CASES]
    doubles = sum(len(y) for _, _, y in tables)
    floats = sum(np.count_nonzero(single) for single, _, _ in tables)
    print(
        f"{len(POINT_LOSSES + ROW_LOSSES)} losses: {doubles} points, {floats} float32"
    )
    assert doubles + floats > 100_000


@pytest.mark.covering
@each(POINT_LOSSES)
@pytest.mark.parametrize("direction", [-1.0, 1.0])
def test_infinite_raw_prediction_gives_the_limit(loss, direction):
    y = two_targets(loss)
    for output in OUTPUTS:
        far, near, nearer = (
            getattr(loss, output)(y, np.full(2, direction * size))
            for size in (np.inf, 1e150, 1e100)
        )
        assert not np.isnan([far, near, nearer]).any(), output
        with np.errstate(invalid="ignore"):  # inf - inf
            settled = (near == nearer) | (np.abs(near - nearer) < 1e-12)
        grows = np.abs(near) > np.abs(nearer)
        limit = np.where(settled, near, np.where(grows, np.copysign(np.inf, near), 0.0))
        if type(loss) is Barron and -0.1 < loss.alpha < 0 and output == "value":
            limit = np.full(2, 1 - 2 / loss.alpha)  # not within reach of 1e150
        np.testing.assert_allclose(far, limit, rtol=1e-13, atol=1e-60, err_msg=output)


@each(ROW_LOSSES)
def test_one_infinite_raw_prediction_gives_the_limit(loss):
    for far in (np.inf, -np.inf):
        for y in ([0.0], [1.0]):
            raw, near = [[far, 0.5, 1.0]], [[np.sign(far) * 1e150, 0.5, 1.0]]
            for output in OUTPUTS:
                expected = np.array(getattr(loss, output)(y, near))
                far_off = np.abs(expected) > 1e100
                expected[far_off] = np.sign(expected[far_off]) * np.inf
                got = getattr(loss, output)(y, raw)
                np.testing.assert_allclose(got, expected, rtol=1e-15, err_msg=output)


@each(ROW_LOSSES)
def test_nan_in_a_row_has_no_loss(loss):
    for k in range(3):
        raw = np.zeros((1, 3))
        raw[0, k] = np.nan
        assert np.isnan(loss.value([0], raw)).all()


def test_cross_entropy_of_two_classes_is_log_loss():
    rng = np.random.default_rng(0)
    raw = rng.normal(scale=10.0, size=100)
    y = targets(LogLoss(), rng, 100)
    rows = np.column_stack([np.zeros(100), raw])
    np.testing.assert_allclose(
        CrossEntropy().value(np.column_stack([1 - y, y]), rows),
        LogLoss().value(y, raw),
        rtol=1e-13,
    )
    np.testing.assert_allclose(
        CrossEntropy().gradient(np.column_stack([1 - y, y]), rows)[:, 1],
        LogLoss().gradient(y, raw),
        rtol=1e-11,
    )


@each(ROW_LOSSES)
def test_adding_a_constant_to_a_row_changes_nothing(loss):
    rng = np.random.default_rng(0)
    raw = np.round(raw_predictions(loss, rng, 20), 3)
    y = targets(loss, rng, 20)
    for output in OUTPUTS:
        np.testing.assert_allclose(
            getattr(loss, output)(y, raw + 1000.0),
            getattr(loss, output)(y, raw),
            rtol=1e-9,
        )
