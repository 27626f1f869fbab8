"""Values, gradients and curvatures against formulas with 50 digits."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from sklearn_losses.losses import CrossEntropy
from tests.cases import (
    POINT_LOSSES,
    RAW_GRID,
    REFERENCE,
    ROW_LOSSES,
    SIZES,
    TERMS,
    class_probabilities,
    each,
    edge_targets,
    kinks,
    near_kink,
    raw_predictions,
    soft_targets,
    targets,
)

RTOL = 1e-13
OUTPUTS = ("value", "gradient", "curvature")
LARGEST = mpf(np.finfo(float).max)


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


def assert_close(got, expected, terms, point):
    """`got` is `expected` to 1e-13 of it, or of the largest of `terms` if given."""
    if abs(expected) > LARGEST:
        assert np.isinf(got), point
        assert np.sign(got) == mpmath.sign(expected), point
        return
    assert np.isfinite(got), (point, got, expected)
    scale = max([abs(expected), *map(abs, terms)])
    # Below 1e-300 doubles run out of exponent, then of digits.
    assert abs(mpf(float(got)) - expected) <= max(RTOL * scale, mpf("1e-300")), (
        f"{point}: got {got!r}, expected {mpmath.nstr(expected, 20)}"
    )


def points(loss):
    """Targets and raw predictions: sizes of both signs, kinks, and random ones."""
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
    return y, np.concatenate([raw, size])


def rows(loss, n_classes):
    """Labels, probabilities and raw predictions of a loss of rows."""
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
    return labels, probabilities, raw


@each(POINT_LOSSES)
def test_points(loss):
    y, raw = points(loss)
    assert len(y) > 300
    terms_of = TERMS.get(type(loss), ()) or (None, None)
    for output, formula, terms in zip(
        OUTPUTS, REFERENCE[type(loss)], (*terms_of, None)
    ):
        got = getattr(loss, output)(y, raw)
        for y_i, raw_i, got_i in zip(y, raw, got):
            # Only rounding decides on which side of a kink the curvature lies.
            if output == "curvature" and near_kink(loss, y_i, raw_i, 1e-15):
                continue
            exact = mpf(float(y_i)), mpf(float(raw_i))
            assert_close(
                got_i,
                formula(loss, *exact),
                terms(loss, *exact) if terms else (),
                (output, float(y_i), float(raw_i)),
            )


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("soft", [False, True], ids=["labels", "probabilities"])
@each(ROW_LOSSES)
def test_rows(loss, soft, n_classes):
    labels, probabilities, raw = rows(loss, n_classes)
    y = probabilities if soft else labels
    terms_of = TERMS.get(type(loss), ()) or (None, None)
    for output, formula, terms in zip(
        OUTPUTS, REFERENCE[type(loss)], (*terms_of, None)
    ):
        got = getattr(loss, output)(y, raw)
        for y_i, raw_i, got_i in zip(y, raw, got):
            t = class_probabilities(loss, y_i, n_classes)
            exact = t, [mpf(float(x)) for x in raw_i]
            expected = formula(loss, *exact)
            used = terms(loss, *exact) if terms else [()] * n_classes
            if output == "value":
                assert_close(got_i, expected, (), (output, y_i, raw_i))
                continue
            for k in range(n_classes):
                assert_close(got_i[k], expected[k], used[k], (output, k, y_i, raw_i))


@each(POINT_LOSSES)
@pytest.mark.parametrize("direction", [-np.inf, np.inf])
def test_infinite_raw_prediction_gives_the_limit(loss, direction):
    y = np.array([0.0, 1.0])
    for output in OUTPUTS:
        far = getattr(loss, output)(y, np.full(2, direction))
        near = getattr(loss, output)(y, np.full(2, np.sign(direction) * 1e150))
        assert not np.any(np.isnan(far)), output
        # At 1e150 a limit that is finite has been reached, and any other is huge.
        reached = np.abs(near) < 1e100
        np.testing.assert_array_equal(far[reached], near[reached], err_msg=output)
        np.testing.assert_array_equal(
            far[~reached], np.sign(near[~reached]) * np.inf, err_msg=output
        )


@each(POINT_LOSSES)
def test_nan_raw_prediction_has_no_loss(loss):
    # A model that has diverged must not look like one without errors.
    assert np.isnan(loss.value([0.0, 1.0], [np.nan, np.nan])).all()


@each(ROW_LOSSES)
def test_one_infinite_raw_prediction_gives_the_limit(loss):
    for far in (np.inf, -np.inf):
        for y in ([0.0], [1.0]):
            raw, near = [[far, 0.5, 1.0]], [[np.sign(far) * 1e150, 0.5, 1.0]]
            for output in OUTPUTS:
                expected = np.array(getattr(loss, output)(y, near))
                expected[expected > 1e100] = np.inf
                got = getattr(loss, output)(y, raw)
                np.testing.assert_allclose(got, expected, rtol=1e-15, err_msg=output)


@each(ROW_LOSSES)
def test_nan_in_a_row_has_no_loss(loss):
    for k in range(3):
        raw = np.zeros((1, 3))
        raw[0, k] = np.nan
        assert np.isnan(loss.value([0], raw)).all()


def test_cross_entropy_of_two_classes_is_log_loss():
    from sklearn_losses.losses import LogLoss

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
