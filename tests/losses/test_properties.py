"""What a loss says about itself holds, at points that hypothesis looks for."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mpmath import mpf

from sklearn_losses.losses import Hinge, Huber, LogLoss, Quantile, SquaredError
from tests.cases import (
    BINARY_LOSSES,
    CLASSIFICATION_LOSSES,
    LOSSES,
    N_CLASSES,
    POINT_LOSSES,
    RAW_GRID,
    REFERENCE,
    REGRESSION_LOSSES,
    ROW_LOSSES,
    class_probabilities,
    each,
    edge_targets,
    kinks,
    raw_predictions,
    targets,
)

raw_values = st.floats(-30, 30)


def target_values(loss):
    if loss.task == "multiclass":
        return st.integers(0, N_CLASSES - 1)
    if loss.domain.integer:
        return st.integers(0, 1)
    low = max(loss.domain.low, -30)
    return st.floats(low, min(loss.domain.high, 30), exclude_min=False)


def raw_rows(loss):
    if loss.granularity == "point":
        return raw_values
    return st.lists(raw_values, min_size=N_CLASSES, max_size=N_CLASSES)


def at(function, y, raw):
    """One value or one gradient of a loss of points or of rows."""
    return function(np.array([y]), np.array([raw]))[0]


def grid(loss):
    """Targets and raw predictions, far out and beside the kinks."""
    if loss.granularity == "row":
        rng = np.random.default_rng(0)
        raw = raw_predictions(loss, rng, 300, scale=1.0)
        raw *= 10 ** rng.uniform(-3, 3, size=(300, 1))
        raw[:100, 0] -= 1e4  # two classes left
        raw[:100, 1:] *= 1e-3
        return targets(loss, rng, 300), raw
    y, raw = [], []
    for target in edge_targets(loss):
        beside = [k + d for k in kinks(loss, target) for d in (-1e-9, 0.0, 1e-9)]
        for p in [*RAW_GRID, *(target + RAW_GRID), *beside]:
            if p < 100 or np.isfinite(loss.smoothness) or not loss.differentiable:
                y.append(target)
                raw.append(p)
    return np.array(y), np.array(raw)


# ----------------------------------------------------------------- derivatives
@each(POINT_LOSSES)
@given(data=st.data())
def test_derivatives_of_points_are_those_of_the_values(loss, data):
    y, raw = data.draw(target_values(loss)), data.draw(raw_values)
    assume(all(abs(raw - kink) > 1e-9 for kink in kinks(loss, y)))
    value, gradient, _ = REFERENCE[type(loss)]
    with mpmath.workdps(50):
        y_, raw_, h = mpf(y), mpf(raw), mpf(10) ** -17
        slope = (value(loss, y_, raw_ + h) - value(loss, y_, raw_ - h)) / (2 * h)
        bend = (gradient(loss, y_, raw_ + h) - gradient(loss, y_, raw_ - h)) / (2 * h)
    assert at(loss.gradient, y, raw) == pytest.approx(
        float(slope), rel=1e-12, abs=1e-15
    )
    assert at(loss.curvature, y, raw) == pytest.approx(
        float(bend), rel=1e-12, abs=1e-15
    )


@each(ROW_LOSSES)
@given(data=st.data())
def test_derivatives_of_rows_are_those_of_the_values(loss, data):
    y, raw = data.draw(target_values(loss)), data.draw(raw_rows(loss))
    value, gradient, _ = REFERENCE[type(loss)]
    got = at(loss.gradient, y, raw), at(loss.curvature, y, raw)
    with mpmath.workdps(50):
        t, h = class_probabilities(loss, y, N_CLASSES), mpf(10) ** -17
        for k in range(N_CLASSES):
            up, down = [mpf(x) for x in raw], [mpf(x) for x in raw]
            up[k] += h
            down[k] -= h
            slope = (value(loss, t, up) - value(loss, t, down)) / (2 * h)
            bend = (gradient(loss, t, up)[k] - gradient(loss, t, down)[k]) / (2 * h)
            assert got[0][k] == pytest.approx(float(slope), rel=1e-12, abs=1e-15)
            assert got[1][k] == pytest.approx(float(bend), rel=1e-12, abs=1e-15)


# ---------------------------------------------------------------------- traits
@each(LOSSES)
@given(data=st.data())
def test_convex(loss, data):
    assert loss.convex  # a loss that is not needs a witness here
    y = data.draw(target_values(loss))
    a, b = np.array(data.draw(raw_rows(loss))), np.array(data.draw(raw_rows(loss)))
    ends = at(loss.value, y, a), at(loss.value, y, b)
    middle = at(loss.value, y, (a + b) / 2)
    assert middle <= (ends[0] + ends[1]) / 2 + 1e-14 * (1 + np.abs(ends).max())
    # The gradient is a subgradient everywhere, at kinks too.
    rise = np.sum(at(loss.gradient, y, a) * (b - a))
    assert ends[1] >= ends[0] + rise - 1e-12 * (1 + abs(rise) + np.abs(ends).max())


@each(LOSSES)
def test_lipschitz_is_the_supremum_of_the_gradient(loss):
    y, raw = grid(loss)
    gradient = loss.gradient(y, raw).reshape(len(y), -1)
    supremum = np.linalg.norm(gradient, axis=1).max()
    if np.isinf(loss.lipschitz):
        assert supremum > 1e3
    elif loss.granularity == "point":
        assert loss.lipschitz * 0.999 <= supremum <= loss.lipschitz * (1 + 1e-15)
    else:  # over the probabilities that are targets too, so labels may have less
        assert loss.lipschitz * 0.9 <= supremum <= loss.lipschitz * (1 + 1e-15)


@each(POINT_LOSSES)
def test_smoothness_is_the_supremum_of_the_curvature(loss):
    y, raw = grid(loss)
    supremum = loss.curvature(y, raw).max()
    if not loss.differentiable:
        assert loss.smoothness == np.inf
    elif np.isinf(loss.smoothness):
        assert supremum > 1e3
    else:
        assert loss.smoothness * 0.999 <= supremum <= loss.smoothness * (1 + 1e-15)


@each(ROW_LOSSES)
def test_smoothness_is_the_supremum_of_the_eigenvalues_of_the_hessian(loss):
    y, raw = grid(loss)
    h, n_classes = 1e-6, raw.shape[1]
    hessian = np.empty((len(raw), n_classes, n_classes))
    for k, step in enumerate(h * np.eye(n_classes)):
        up, down = loss.gradient(y, raw + step), loss.gradient(y, raw - step)
        hessian[:, :, k] = (up - down) / (2 * h)
    supremum = np.linalg.eigvalsh(hessian).max()
    assert loss.smoothness * 0.999 <= supremum <= loss.smoothness * (1 + 1e-8)


@each([loss for loss in POINT_LOSSES if loss.smoothness < np.inf])
@given(data=st.data())
def test_the_gradient_changes_no_faster_than_smoothness(loss, data):
    y, a, b = (data.draw(s) for s in (target_values(loss), raw_values, raw_values))
    change = abs(at(loss.gradient, y, a) - at(loss.gradient, y, b))
    assert change <= loss.smoothness * abs(a - b) * (1 + 1e-12) + 1e-12


@each(POINT_LOSSES)
def test_differentiable_is_a_gradient_without_jumps(loss):
    jumps = []
    for y in (0.0, 1.0):
        for kink in kinks(loss, y):
            sides = loss.gradient(np.full(2, y), kink + np.array([-1e-9, 1e-9]))
            jumps.append(abs(sides[1] - sides[0]))
    assert loss.differentiable == (max(jumps, default=0.0) < 1e-7)


@each(LOSSES)
def test_piecewise_linear_is_no_curvature(loss):
    y, raw = grid(loss)
    assert loss.piecewise_linear == (not loss.curvature(y, raw).any())


@each(REGRESSION_LOSSES)
def test_symmetric_regression_depends_on_the_size_of_the_residual(loss):
    y = np.array([0.0, 3.0, 8.0])[:, np.newaxis]
    size = np.array([0.25, 1.0, 2.0, 16.0])
    y, size = (a.ravel() for a in np.broadcast_arrays(y, size))
    above, below = loss.value(y, y + size), loss.value(y, y - size)
    everywhere = loss.value(np.zeros_like(size), size)
    same = np.allclose(above, below, rtol=1e-14) and np.allclose(above, everywhere)
    assert loss.symmetric == same


@each(BINARY_LOSSES)
@given(data=st.data())
def test_symmetric_binary_treats_both_classes_alike(loss, data):
    assert loss.symmetric  # a loss that is not needs a witness here
    y, raw = data.draw(target_values(loss)), data.draw(raw_values)
    assume(1 - (1 - y) == y)
    assert at(loss.value, y, raw) == pytest.approx(at(loss.value, 1 - y, -raw))
    assert at(loss.gradient, y, raw) == pytest.approx(
        -at(loss.gradient, 1 - y, -raw), abs=1e-15
    )


@each(ROW_LOSSES)
def test_symmetric_rows_treat_all_classes_alike(loss):
    assert loss.symmetric
    rng = np.random.default_rng(0)
    y, raw = targets(loss, rng, 50), raw_predictions(loss, rng, 50)
    order = np.array([2, 0, 1])
    swapped = np.argsort(order)[y.astype(int)]
    np.testing.assert_allclose(
        loss.value(swapped, raw[:, order]), loss.value(y, raw), rtol=1e-13
    )
    np.testing.assert_allclose(
        loss.gradient(swapped, raw[:, order]),
        loss.gradient(y, raw)[:, order],
        rtol=1e-11,
    )


@each(LOSSES)
def test_bounded(loss):
    rng = np.random.default_rng(0)
    y = targets(loss, rng, 50)
    size = rng.choice([-600.0, 600.0], size=(50, N_CLASSES))
    raw = size if loss.granularity == "row" else size[:, 0]
    near, far = loss.value(y, raw).max(), loss.value(y, raw * 1.15).max()
    assert loss.bounded == (far == pytest.approx(near))


def test_values_are_not_negative_unless_a_term_in_y_is_dropped():
    for loss in LOSSES:
        y, raw = grid(loss)
        assert loss.name == "poisson" or loss.value(y, raw).min() >= 0, loss


@each(CLASSIFICATION_LOSSES)
def test_probabilistic_losses_give_probabilities(loss):
    if not loss.probabilistic:
        return
    _, raw = grid(loss)
    probability = loss.inverse_link(raw)
    assert probability.shape == raw.shape
    assert probability.min() >= 0
    assert probability.max() <= 1
    if loss.granularity == "row":
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-14)


# --------------------------------------------------------------------- weights
@each(LOSSES)
def test_sample_weight_multiplies_the_result(loss):
    rng = np.random.default_rng(1)
    y, raw = targets(loss, rng, 40), raw_predictions(loss, rng, 40)
    weight = rng.choice([0.0, 0.5, 1.0, 3.7], size=40)
    for output in ("value", "gradient", "curvature"):
        plain = getattr(loss, output)(y, raw)
        column = weight if plain.ndim == 1 else weight[:, np.newaxis]
        got = getattr(loss, output)(y, raw, weight)
        np.testing.assert_array_equal(got, plain * column)
        np.testing.assert_array_equal(getattr(loss, output)(y, raw, 2.0), 2.0 * plain)
    pair = loss.value_gradient(y, raw, sample_weight=weight)
    np.testing.assert_array_equal(pair[0], loss.value(y, raw, weight))
    np.testing.assert_array_equal(pair[1], loss.gradient(y, raw, weight))


@each(LOSSES)
@given(data=st.data())
def test_weights_in_the_mean_are_repetitions(loss, data):
    repeat = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))
    assume(sum(repeat) > 0)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    y, raw = targets(loss, rng, len(repeat)), raw_predictions(loss, rng, len(repeat))
    repeated = np.repeat(y, repeat), np.repeat(raw, repeat, axis=0)
    expected = pytest.approx(loss.mean(*repeated), rel=1e-13, abs=1e-14)
    mean = loss.mean(y, raw, sample_weight=repeat)
    assert isinstance(mean, float)
    assert mean == expected
    assert loss(y, raw, repeat) == mean
    assert loss.mean(y, raw) == pytest.approx(loss.value(y, raw).mean(), rel=1e-13)


def test_a_sample_of_weight_zero_is_not_in_the_mean():
    # Its loss may be infinite, and 0 * inf is nan.
    assert LogLoss().mean([0, 1], [np.inf, 0.0], [0, 2]) == pytest.approx(np.log(2))


def test_mean_refuses_weights_without_a_positive_sum():
    for weight in ([0.0, 0.0], [1.0, -1.0], [1.0, np.nan]):
        with pytest.raises(ValueError, match="have a positive and finite sum"):
            SquaredError().mean([0, 0], [1, 2], weight)


@each(LOSSES)
def test_mean_of_nothing_raises(loss):
    raw = np.empty((0, 3)) if loss.granularity == "row" else np.empty(0)
    with pytest.raises(ValueError, match="at least one sample"):
        loss.mean(np.empty(0), raw)


def test_known_values():
    # By hand, for readers and for signs.
    assert Huber(delta=1.0).value(0.0, 3.0) == 2.5
    assert Quantile(quantile=0.75).gradient(1.0, 0.0) == -0.75
    assert Quantile(quantile=0.75).gradient(0.0, 1.0) == 0.25
    assert Hinge().value(0, 0.5) == 1.5
    assert LogLoss().gradient(1, 0.0) == -0.5
