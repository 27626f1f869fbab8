"""What a loss says about itself is what is measured.

Traits are tested in both directions: a loss that says it is convex has no chord below
its graph, and for one that says it is not such a chord is found; a bound is reached,
and where there is said to be none, values are found to grow on.
"""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mpf

from sklearn_losses.losses import (
    Hinge,
    Huber,
    LogLoss,
    MulticlassSquaredHinge,
    Quantile,
    SquaredError,
)
from tests.cases import (
    BINARY_LOSSES,
    DEFAULTS,
    LOSSES,
    N_CLASSES,
    POINT_LOSSES,
    REGRESSION_LOSSES,
    ROW_LOSSES,
    each,
    edge_targets,
    kinks,
    near_row_kink,
    raw_predictions,
    targets,
    two_targets,
)
from tests.reference import REFERENCE, class_probabilities

BOTH_SIGNS = np.array([[-1.0], [1.0]])
# Dense enough to meet a maximum to 1e-3 of it, around 0 and around a target.
AROUND = np.concatenate(
    [np.linspace(-40, 40, 4001), (BOTH_SIGNS * np.logspace(-12, 6, 2001)).ravel()]
)
FAR = np.array([1e50, 1e100])


def grid(loss):
    """Targets and raw predictions: dense, and beside the kinks."""
    if loss.granularity == "row":
        rng = np.random.default_rng(0)
        raw = raw_predictions(loss, rng, 1500, scale=1.0)
        raw *= 10 ** rng.uniform(-3, 3, size=(1500, 1))
        raw[:500, 0] -= 1e4  # two classes left
        raw[:500, 1:] *= 1e-3
        return targets(loss, rng, 1500), raw
    y, raw = [], []
    for target in edge_targets(loss):
        beside = [k + d for k in kinks(loss, target) for d in (-1e-9, 0.0, 1e-9)]
        raw += [AROUND, target + AROUND, np.array(beside)]
        y.append(np.full(2 * len(AROUND) + len(beside), target))
    return np.concatenate(y), np.concatenate(raw)


def far_grid(loss, size):
    """Raw predictions of that size, and targets of that size where there may be."""
    far = [
        (target, raw)
        for target in edge_targets(loss)
        for raw in (size, -size, target + size, target - size)
    ]
    far += [
        (target, raw)
        for target in (size, -size)
        if loss.domain.contains(target)
        for raw in np.linspace(-30, 30, 61)
    ]
    return np.array(far).T


def largest(gradient):
    """The largest norm of a sample's gradient."""
    if gradient.ndim == 1:
        return np.abs(gradient).max()
    return np.linalg.norm(gradient, axis=1).max()


def assert_supremum(bound, measured, far, attained=1e-3):
    """The bound is the largest of the measured; or it is inf, and far ones grow on."""
    if np.isinf(bound):
        assert np.isinf(far[1]) or far[1] > far[0] * (1 + 1e-9)
    else:
        assert max(measured, *far) <= bound * (1 + 1e-9)
        assert measured >= bound * (1 - attained)


# ----------------------------------------------------------------- derivatives
@each(POINT_LOSSES)
def test_derivatives_of_points_are_those_of_the_values(loss):
    rng = np.random.default_rng(0)
    y = targets(loss, rng, 20)
    raw = np.where(rng.random(20) < 0.5, 0, y * (loss.task == "regression"))
    raw = raw + rng.normal(size=20) * 10 ** rng.uniform(-2, 1.3, size=20)
    value, gradient, _ = REFERENCE[type(loss)]
    got = loss.gradient(y, raw), loss.curvature(y, raw)
    with mpmath.workdps(60):
        h = mpf(10) ** -20
        for i, (y_, raw_) in enumerate(zip(map(mpf, y), map(mpf, raw))):
            above, below = value(loss, y_, raw_ + h), value(loss, y_, raw_ - h)
            slope = (above - below) / (2 * h)
            rise = gradient(loss, y_, raw_ + h) - gradient(loss, y_, raw_ - h)
            size = 1e-15 * float(max(1, abs(above)))
            assert got[0][i] == pytest.approx(float(slope), rel=1e-12, abs=size)
            assert got[1][i] == pytest.approx(
                float(rise / (2 * h)), rel=1e-12, abs=size
            )


@each(ROW_LOSSES)
def test_derivatives_of_rows_are_those_of_the_values(loss):
    rng = np.random.default_rng(0)
    y, raw = targets(loss, rng, 30), raw_predictions(loss, rng, 30)
    value, gradient, _ = REFERENCE[type(loss)]
    got = loss.gradient(y, raw), loss.curvature(y, raw)
    with mpmath.workdps(60):
        h = mpf(10) ** -20
        for i in range(len(y)):
            t = class_probabilities(loss, y[i], N_CLASSES)
            for k in range(N_CLASSES):
                up, down = [mpf(x) for x in raw[i]], [mpf(x) for x in raw[i]]
                up[k] += h
                down[k] -= h
                slope = (value(loss, t, up) - value(loss, t, down)) / (2 * h)
                rise = gradient(loss, t, up)[k] - gradient(loss, t, down)[k]
                bend = rise / (2 * h)
                assert got[0][i][k] == pytest.approx(float(slope), rel=1e-12, abs=1e-14)
                assert got[1][i][k] == pytest.approx(float(bend), rel=1e-12, abs=1e-14)


# ---------------------------------------------------------------------- traits
@each(LOSSES)
def test_convex(loss):
    rng = np.random.default_rng(0)
    n = 20_000
    y = targets(loss, rng, n)
    shape = (n, N_CLASSES) if loss.granularity == "row" else (n,)
    ends = rng.normal(size=(2, *shape)) * 10 ** rng.uniform(-3, 1, size=(2, *shape))
    if loss.granularity == "point":
        ends[:, ::4] *= 100.0
        ends[:, ::2] += y[::2] * (loss.task == "regression")
    with np.errstate(over="ignore", invalid="ignore"):
        value = loss.value(y, ends[0]), loss.value(y, ends[1])
        middle = loss.value(y, ends[0] / 2 + ends[1] / 2)
        size = 1.0 + np.maximum(np.abs(value[0]), np.abs(value[1]))
        above_chord = (middle - (value[0] + value[1]) / 2) / size
        rise = loss.gradient(y, ends[0]) * (ends[1] - ends[0])
        rise = rise.reshape(n, -1).sum(axis=1)
        above_end = (value[0] + rise - value[1]) / (size + np.abs(rise))
    seen = np.isfinite(above_chord) & np.isfinite(above_end)
    assert seen.mean() > 0.5
    if loss.convex:
        assert above_chord[seen].max() <= 1e-13
        # The gradient is a subgradient everywhere.
        assert above_end[seen].max() <= 1e-12
    else:
        assert above_chord[seen].max() > 1e-6
        assert above_end[seen].max() > 1e-6


@each([loss for loss in POINT_LOSSES if loss.convex])
def test_gradients_at_kinks_are_subgradients(loss):
    for y in edge_targets(loss):
        for kink in kinks(loss, y):
            below, at, above = loss.gradient(y, kink + np.array([-1e-9, 0.0, 1e-9]))
            assert below <= at <= above


@each(LOSSES)
def test_lipschitz_is_the_supremum_of_the_gradient(loss):
    y, raw = grid(loss)
    measured = largest(loss.gradient(y, raw))
    if loss.granularity == "row":
        if loss.soft_targets:  # labels may be smoothed, these are not
            corners = np.eye(N_CLASSES)[np.arange(len(raw)) % N_CLASSES]
            measured = max(measured, largest(loss.gradient(corners, raw)))
        far = [largest(loss.gradient([0.0], [[0.0, size, size]])) for size in FAR]
    else:
        far = [largest(loss.gradient(*far_grid(loss, size))) for size in FAR]
    assert_supremum(loss.lipschitz, measured, far)


@each(POINT_LOSSES)
def test_smoothness_is_the_supremum_of_the_curvature(loss):
    if not loss.differentiable:
        assert loss.smoothness == np.inf
        return
    y, raw = grid(loss)
    measured = largest(loss.curvature(y, raw))
    far = [largest(loss.curvature(*far_grid(loss, size))) for size in FAR]
    assert_supremum(loss.smoothness, measured, far)


def largest_eigenvalue(loss, y, raw):
    """That of the Hessian, from differences of the gradient, over all rows."""
    h, n_classes = 1e-6, raw.shape[1]
    smooth = [not near_row_kink(loss, t, row, 1e-5) for t, row in zip(y, raw)]
    y, raw = y[smooth], raw[smooth]
    hessian = np.empty((len(raw), n_classes, n_classes))
    for k, step in enumerate(h * np.eye(n_classes)):
        up, down = loss.gradient(y, raw + step), loss.gradient(y, raw - step)
        hessian[:, :, k] = (up - down) / (2 * h)
    return np.linalg.eigvalsh(hessian).max()


@each(ROW_LOSSES)
def test_smoothness_is_the_supremum_of_the_eigenvalues_of_the_hessian(loss):
    if not loss.differentiable:
        assert loss.smoothness == np.inf
        return
    y, raw = grid(loss)
    measured = largest_eigenvalue(loss, y, raw)
    if isinstance(loss, MulticlassSquaredHinge):  # 2 K, and K is not known here
        assert loss.smoothness == np.inf
        for n_classes in (3, 10, 40):
            zeros = np.zeros((1, n_classes))
            assert largest_eigenvalue(loss, np.zeros(1), zeros) == pytest.approx(
                2 * n_classes, rel=1e-6
            )
        return
    assert loss.smoothness * 0.999 <= measured <= loss.smoothness * (1 + 1e-5)


@each(POINT_LOSSES)
def test_differentiable_is_a_gradient_without_jumps(loss):
    jumps = []
    for y in two_targets(loss):
        for kink in kinks(loss, y):
            sides = loss.gradient(np.full(2, y), kink + np.array([-1e-9, 1e-9]))
            jumps.append(abs(sides[1] - sides[0]))
    assert loss.differentiable == (max(jumps, default=0.0) < 1e-6)


@each(ROW_LOSSES)
def test_differentiable_rows_have_a_gradient_without_jumps(loss):
    rng = np.random.default_rng(0)
    ties = np.array([[1.0, 0.0, -3.0], [0.0, 0.0, -3.0], [1.0, 1.0, 1.0]])
    raw = np.concatenate([ties, ties[:, ::-1], raw_predictions(loss, rng, 100)])
    jump = 0.0
    for y in range(N_CLASSES):
        step = 1e-9 * rng.normal(size=raw.shape)
        y = np.full(len(raw), float(y))
        sides = loss.gradient(y, raw + step), loss.gradient(y, raw - step)
        jump = max(jump, np.abs(sides[1] - sides[0]).max())
    assert loss.differentiable == (jump < 1e-6)


@each(LOSSES)
def test_piecewise_linear_is_no_curvature(loss):
    y, raw = grid(loss)
    assert loss.piecewise_linear == (not loss.curvature(y, raw).any())


@each(REGRESSION_LOSSES)
def test_symmetric_regression_depends_on_the_size_of_the_residual(loss):
    y = np.array([1.0, 3.0, 8.0])[:, np.newaxis]
    size = np.array([0.25, 1.0, 2.0, 16.0])
    y, size = (a.ravel() for a in np.broadcast_arrays(y, size))
    above, below = loss.value(y, y + size), loss.value(y, y - size)
    everywhere = loss.value(np.ones_like(size), 1.0 + size)
    same = np.allclose(above, below, rtol=1e-13) and np.allclose(above, everywhere)
    assert loss.symmetric == same


@each(BINARY_LOSSES)
def test_symmetric_binary_treats_both_classes_alike(loss):
    y, raw = grid(loss)
    seen = 1 - (1 - y) == y
    y, raw = y[seen], raw[seen]
    same = np.allclose(loss.value(y, raw), loss.value(1 - y, -raw), rtol=1e-13)
    assert loss.symmetric == same
    if same:
        mirrored = -loss.gradient(1 - y, -raw)
        np.testing.assert_allclose(loss.gradient(y, raw), mirrored, rtol=1e-9)


@each(ROW_LOSSES)
def test_symmetric_rows_treat_all_classes_alike(loss):
    assert loss.symmetric
    rng = np.random.default_rng(0)
    y, raw = targets(loss, rng, 50), raw_predictions(loss, rng, 50)
    order = np.array([2, 0, 1])
    swapped = np.argsort(order)[y.astype(int)]
    np.testing.assert_allclose(
        loss.value(swapped, raw[:, order]), loss.value(y, raw), rtol=1e-13, atol=1e-15
    )
    np.testing.assert_allclose(
        loss.gradient(swapped, raw[:, order]),
        loss.gradient(y, raw)[:, order],
        rtol=1e-11,
        atol=1e-15,
    )


@each(LOSSES)
def test_bounded(loss):
    rng = np.random.default_rng(0)
    y = targets(loss, rng, 50)
    far = rng.choice([-np.inf, np.inf], size=50)
    if loss.granularity == "row":
        raw = np.zeros((50, N_CLASSES))
        raw[np.arange(50), rng.integers(0, N_CLASSES, size=50)] = far
    else:
        raw = far
    limit = loss.value(y, raw)  # that it is the limit is tested with the values
    assert loss.bounded == np.isfinite(limit).all()
    if loss.bounded:
        assert loss.value(*grid(loss)).max() <= limit.max() * (1 + 1e-9)


@each(LOSSES)
def test_minimum_is_the_infimum(loss):
    y, raw = grid(loss)
    value = loss.value(y, raw)
    if loss.granularity == "row":
        assert value.min() >= 0
        return
    minimum = loss.minimum(y)
    assert minimum.shape == y.shape
    seen = np.isfinite(value)
    size = np.maximum(1.0, np.abs(minimum[seen]))
    excess = (value[seen] - minimum[seen]) / size
    assert excess.min() >= -1e-13
    for target in np.unique(y):
        assert excess[y[seen] == target].min() < 2e-3


@each(LOSSES)
def test_probabilistic_losses_give_probabilities(loss):
    if not loss.probabilistic:
        assert not loss.proper
        return
    assert loss.task != "regression"
    _, raw = grid(loss)
    probability = loss.inverse_link(raw)
    assert probability.shape == raw.shape
    assert probability.min() >= 0
    assert probability.max() <= 1
    if loss.granularity == "row":
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-13)


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


@each(DEFAULTS)
@settings(max_examples=20)
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
