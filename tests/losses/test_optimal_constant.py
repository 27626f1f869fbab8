"""The best constant, against a search over many constants."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp

from sklearn_losses.losses import (
    AbsoluteError,
    CrossEntropy,
    EpsilonInsensitive,
    Exponential,
    Focal,
    Hinge,
    Huber,
    Linex,
    LogLoss,
    Perceptron,
    Poisson,
    PolyLoss,
    Quantile,
    Savage,
    SquaredError,
)
from sklearn_losses.terms._points import PointTerm
from sklearn_losses.terms._term import uniform
from tests.cases import (
    DEFAULTS,
    LOSSES,
    POINT_LOSSES,
    ROW_LOSSES,
    each,
    each_class,
    kinks,
    targets,
    two_targets,
)


def assert_no_constant_is_better(loss, y, weight):
    best = loss.optimal_constant(y, weight)
    assert isinstance(best, float)
    assert not np.isnan(best)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight)
    y, weight = y[weight > 0], weight[weight > 0]

    def means(raw):
        value = loss.value(np.tile(y, len(raw)), np.repeat(raw, len(y)))
        return np.average(value.reshape(len(raw), -1), axis=1, weights=weight)

    near = best + np.logspace(-9, 1, 21) if np.isfinite(best) else np.empty(0)
    edges = [k for target in np.unique(y) for k in kinks(loss, target)]
    rivals = np.concatenate([np.linspace(-20, 20, 801), near, 2 * best - near, edges])
    least = means(rivals).min()
    # At infinity the mean is the limit of a fall, which 1000 has reached.
    reached = means(np.clip([best], -1e3, 1e3) if np.isinf(best) else [best])[0]
    assert reached <= least + 1e-12 * (1 + abs(least))


@each_class(POINT_LOSSES)
@settings(max_examples=15)
@given(data=st.data())
def test_no_constant_is_better(loss, data):
    n = data.draw(st.integers(1, 12))
    weight = data.draw(
        st.none()
        | st.lists(st.sampled_from([0, 0.1, 1, 1, 2.5]), min_size=n, max_size=n)
    )
    assume(weight is None or sum(weight) > 0)
    y = targets(loss, np.random.default_rng(data.draw(st.integers(0, 10**6))), n)
    assert_no_constant_is_better(loss, y, weight)


@pytest.mark.covering
@each(POINT_LOSSES)
@pytest.mark.parametrize("order", [1, -1])
def test_one_target_only(loss, order):
    target, other = two_targets(loss)[::order]
    assert_no_constant_is_better(loss, np.full(5, target), None)
    assert_no_constant_is_better(loss, np.array([target, other]), [1.0, 0.0])


@each([loss for loss in POINT_LOSSES if loss.differentiable])
def test_smooth_losses_against_an_optimizer(loss):
    rng = np.random.default_rng(3)
    y, weight = targets(loss, rng, 30), rng.random(30)
    best = loss.optimal_constant(y, weight)
    if np.isinf(best):  # the mean falls without end
        return
    found = minimize(
        lambda raw: loss.mean(y, np.full(30, raw[0]), weight),
        x0=[0.1],
        jac=lambda raw: np.array(
            [np.average(loss.gradient(y, np.full(30, raw[0])), weights=weight)]
        ),
        tol=1e-10,
    )
    mean = loss.mean(y, np.full(30, best), weight)
    assert mean <= found.fun * (1 + 1e-14) + 1e-14
    slopes = loss.gradient(y, np.full(30, best))
    assert abs(np.average(slopes, weights=weight)) < 1e-13 * np.abs(slopes).max()


@each(ROW_LOSSES)
@pytest.mark.parametrize("soft", [False, True], ids=["labels", "probabilities"])
def test_no_constant_row_is_better(loss, soft):
    if soft and not loss.soft_targets:
        return
    rng = np.random.default_rng(0)
    y = rng.dirichlet(np.ones(3), size=30) if soft else targets(loss, rng, 30)
    label = y.argmax(axis=1) if soft else y
    for heavy in (1.0, 20.0):  # classes of similar weight, and one that outweighs them
        weight = rng.random(30) * np.where(label == 1, heavy, 1.0)
        best = loss.optimal_constant(y, weight)
        assert best.shape == (3,)
        assert best.mean() == pytest.approx(0.0, abs=1e-15)
        if loss.differentiable:
            slope = loss.gradient(y, np.tile(best, (30, 1)), weight).sum(axis=0)
            np.testing.assert_allclose(slope, 0.0, atol=1e-13)
        least = loss.mean(y, np.tile(best, (30, 1)), weight)
        size = 10 ** rng.uniform(-3, 1, size=(200, 1))
        for step in size * rng.normal(size=(200, 3)):
            assert loss.mean(y, np.tile(best + step, (30, 1)), weight) > least - 1e-13


@each_class(LOSSES)
def test_weights_are_repetitions_and_rows_of_weight_zero_do_not_count(loss):
    rng = np.random.default_rng(0)
    y = targets(loss, rng, 40)
    repeat = rng.integers(0, 4, size=40)
    expected = loss.optimal_constant(np.repeat(y, repeat))
    np.testing.assert_allclose(loss.optimal_constant(y, repeat), expected, rtol=1e-12)
    if loss.granularity == "point":
        y[repeat == 0] = y.max()
        np.testing.assert_allclose(
            loss.optimal_constant(y, repeat), expected, rtol=1e-12
        )


def test_closed_forms():
    assert SquaredError().optimal_constant([1, 2, 6], [1, 1, 2]) == 3.75
    assert LogLoss().optimal_constant([0, 1, 1, 1]) == pytest.approx(np.log(3))
    assert LogLoss().optimal_constant([0.25]) == pytest.approx(-np.log(3))
    assert Poisson().optimal_constant([0, 6]) == pytest.approx(np.log(3))
    np.testing.assert_allclose(
        CrossEntropy().optimal_constant([0, 1, 1, 1]), np.log(3) / 2 * np.array([-1, 1])
    )


def test_the_middle_of_many_minimizers():
    assert AbsoluteError().optimal_constant([1, 2, 4, 8]) == 3.0
    assert AbsoluteError().optimal_constant([8, 1, 2]) == 2.0
    assert AbsoluteError().optimal_constant([1, 2, 4], [1, 1, 2]) == 3.0
    assert AbsoluteError().optimal_constant([1, 2, 4], [0.1, 0.1, 0.2]) == 3.0
    assert AbsoluteError().optimal_constant([1, 2, 3, 4], [1, 0, 0, 1]) == 2.5
    assert Quantile(quantile=0.1).optimal_constant(np.arange(10.0)) == 0.5
    assert Quantile(quantile=0.9).optimal_constant(np.arange(10.0)) == 8.5
    # The weights' scale and their number do not matter.
    y, weight = np.arange(1000.0), np.full(1000, 0.1)
    assert AbsoluteError().optimal_constant(y, weight) == 499.5
    y, weight = np.arange(100_000.0), np.full(100_000, 0.1)
    assert AbsoluteError().optimal_constant(y, weight) == 49_999.5


def test_ties():
    assert AbsoluteError().optimal_constant([3, 3, 3, 9]) == 3.0
    assert Quantile(quantile=0.9).optimal_constant([1, 5, 5, 5]) == 5.0
    assert Huber().optimal_constant([0.1, 0.1]) == pytest.approx(0.1, rel=1e-15)


def test_infinite_where_the_mean_falls_without_end():
    assert LogLoss().optimal_constant([1, 1]) == np.inf
    assert LogLoss().optimal_constant([0, 0]) == -np.inf
    assert LogLoss().optimal_constant([0, 1], [0, 2]) == np.inf
    assert LogLoss().optimal_constant([1, 1, 1], [0.1, 0.2, 0.3]) == np.inf
    for loss in (Exponential(), Focal(), PolyLoss(), PolyLoss(epsilon=3), Savage()):
        assert loss.optimal_constant([1, 1]) == np.inf
        assert loss.optimal_constant([0, 0]) == -np.inf
    assert Poisson().optimal_constant([0, 0]) == -np.inf
    assert np.isfinite(Hinge().optimal_constant([1, 1]))  # 1 is enough


def test_a_class_that_nobody_has():
    for y, weight in (([0, 2], None), ([0, 1, 2], [1, 0, 1])):
        best = CrossEntropy().optimal_constant(y, weight)
        np.testing.assert_array_equal(best, [0.0, -np.inf, 0.0])
    # It remains a class, also where it is the last.
    best = CrossEntropy().optimal_constant([0, 1, 2], [1, 1, 0])
    np.testing.assert_array_equal(best, [0.0, 0.0, -np.inf])
    smooth = CrossEntropy(label_smoothing=0.3).optimal_constant([0, 2])
    np.testing.assert_allclose(CrossEntropy().inverse_link(smooth), [0.45, 0.1, 0.45])


@pytest.mark.parametrize("size", [1e-200, 1e-9, 1e9, 1e200])
def test_targets_of_any_size(size):
    y = size * np.array([1.0, 2.0, 3.0])
    for loss in (SquaredError(), AbsoluteError(), Huber(delta=1e-3), Huber(delta=10)):
        assert loss.optimal_constant(y) == pytest.approx(2 * size, rel=1e-9)
        assert loss.optimal_constant(-y) == pytest.approx(-2 * size, rel=1e-9)


@each(LOSSES)
def test_errors(loss):
    y = two_targets(loss)[[0, 1, 1]]
    with pytest.raises(ValueError, match="at least one sample"):
        loss.optimal_constant([])
    with pytest.raises(ValueError, match=r"shape \(n_samples,\)"):
        loss.optimal_constant(1.0)
    with pytest.raises(ValueError, match="needs every target"):
        loss.optimal_constant([1.0, np.nan])
    with pytest.raises(ValueError, match=r"sample_weight of shape \(2,\)"):
        loss.optimal_constant(y, [1, 1])
    for weight in ([0, 0, 0], [-1, 1, 1], [np.nan, 1, 1], [np.inf, 1, 1]):
        with pytest.raises(ValueError, match="sample_weight must be"):
            loss.optimal_constant(y, weight)


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_the_middle_of_a_flat_bottom(shift):
    y = shift + np.array([1.0, 2.0, 3.0])
    constant = EpsilonInsensitive(epsilon=10).optimal_constant(y)
    assert constant == pytest.approx(shift + 2.0, abs=1e-9)


def test_the_end_of_a_flat_bottom_without_another():
    assert Hinge().optimal_constant([1.0, 1.0]) == pytest.approx(1.0)
    assert Hinge().optimal_constant([0.0, 0.0]) == pytest.approx(-1.0)
    assert Perceptron().optimal_constant([1.0]) == pytest.approx(0.0, abs=1e-300)


@each([loss for loss in DEFAULTS if loss.granularity == "point"])
@pytest.mark.parametrize("size", [2.0**1023, 2.0**-1060])
def test_weights_of_any_size(loss, size):
    y = targets(loss, np.random.default_rng(0), 20)
    weight = np.resize([0.25, 1.0, 0.5], 20)
    expected = loss.optimal_constant(y, weight)
    found = loss.optimal_constant(y, size * weight)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    raw = np.zeros(20)
    np.testing.assert_allclose(
        loss.mean(y, raw, size * weight), loss.mean(y, raw, weight), rtol=1e-12
    )


@pytest.mark.parametrize("a", [-2.0, -1.0, -0.1, 0.1, 1.0])
def test_the_constant_that_a_fit_begins_with(a):
    """On the wrong side of an exponential all that is to gain looks like rounding."""
    y = np.random.default_rng(0).uniform(25.0, 346.0, size=442)
    term = PointTerm(Linex(a), y, uniform(1.0 / len(y), len(y)))
    expected = -logsumexp(-a * y, b=1.0 / len(y)) / a
    assert term.best_constant() == pytest.approx(expected, rel=1e-8)
    assert Linex(a).optimal_constant(y) == pytest.approx(expected, rel=1e-12)


def test_a_target_of_weight_0_may_overflow():
    y, weight = np.array([1.0, 2.0, -1e6]), np.array([1.0, 2.0, 0.0])
    for loss in (Linex(1.0), Linex(1.0) + Linex(0.5)):
        found = loss.optimal_constant(y, weight)
        assert found == pytest.approx(loss.optimal_constant(y[:2], weight[:2]))
