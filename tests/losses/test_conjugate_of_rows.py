"""Conjugates of losses of rows: sup over p of dual . p - loss(y, p)."""

import numpy as np
import pytest
from scipy.optimize import minimize

from sklearn_losses.losses import (
    CrossEntropy,
    Huber,
    MulticlassHinge,
    MulticlassSquaredHinge,
    Sparsemax,
    Welsch,
)
from tests.cases import each

LOSSES = [
    CrossEntropy(),
    CrossEntropy(label_smoothing=0.2),
    MulticlassHinge(),
    MulticlassSquaredHinge(),
    Sparsemax(),
    0.3 * CrossEntropy(),
    2 * MulticlassHinge(),
]
K = 4


def rows(loss, n=200, seed=0):
    """Labels, raw predictions and, of others, gradients: slopes inside the domain."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, n)
    raw, other = rng.normal(scale=2, size=(2, n, K))
    return y, raw, loss.gradient(y, other)


@each(LOSSES)
def test_equality_where_the_dual_is_the_gradient(loss):
    y, raw, _ = rows(loss)
    dual = loss.gradient(y, raw)
    both = loss.value(y, raw) + loss.conjugate(y, dual)
    np.testing.assert_allclose(both, (dual * raw).sum(axis=1), atol=1e-12)


@each(LOSSES)
def test_fenchel_young_inequality(loss):
    y, raw, dual = rows(loss)
    gap = loss.value(y, raw) + loss.conjugate(y, dual) - (dual * raw).sum(axis=1)
    assert gap.min() >= -1e-12
    assert gap.max() > 0.1


@each(LOSSES)
def test_against_a_maximum_over_raw_predictions(loss):
    y, _, dual = rows(loss, n=12)
    # Inside of the domain, so that the maximum is attained.
    dual = 0.5 * dual + 0.25 * (dual[::-1] * (y == y[::-1])[:, None] + dual)
    for label, slopes in zip(y, dual):

        def falling(p, label=label, slopes=slopes):
            return float(loss.value([label], p[None])[0] - slopes @ p)

        best = max(
            -minimize(falling, start, method="Powell", tol=1e-12).fun
            for start in np.vstack([np.zeros(K), -np.eye(K)[label], np.eye(K)[label]])
        )
        got = loss.conjugate([label], slopes[None])[0]
        assert got == pytest.approx(best, abs=1e-5)


@each(LOSSES)
def test_it_is_infinite_outside_of_the_domain(loss):
    outside = np.array([[0.1, 0.0, 0.0, 0.0], [1e9, 1.0, 1.0, -1e9 - 2], [3, -3, 0, 0]])
    if "SquaredHinge" in str(loss):  # it takes any slope of a rival that is not < 0
        outside[1] *= -1
    np.testing.assert_array_equal(loss.conjugate([0, 0, 0], outside), np.inf)


@each(LOSSES)
def test_at_dual_zero_it_is_minus_the_minimum(loss):
    y = np.arange(K)
    target = np.eye(K) if loss.soft_targets else y
    if getattr(loss, "label_smoothing", 0):
        a = loss.label_smoothing
        target = (1 - a) * np.eye(K) + a / K
    zero = np.zeros((K, K))
    np.testing.assert_allclose(loss.conjugate(y, zero), -loss.minimum(target), atol=0)


@each([CrossEntropy(), Sparsemax()])
def test_probabilities_as_targets(loss):
    rng = np.random.default_rng(1)
    target, raw = rng.dirichlet(np.ones(K), 50), rng.normal(size=(50, K))
    dual = loss.gradient(target, raw)
    both = loss.value(target, raw) + loss.conjugate(target, dual)
    np.testing.assert_allclose(both, (dual * raw).sum(axis=1), atol=1e-12)


def test_known_values():
    slopes = [[-0.5, 0.5]]
    assert CrossEntropy().conjugate([0], slopes)[0] == pytest.approx(-np.log(2))
    assert MulticlassHinge().conjugate([0], slopes)[0] == -0.5
    assert MulticlassSquaredHinge().conjugate([0], slopes)[0] == 0.0625 - 0.5
    assert Sparsemax().conjugate([0], slopes)[0] == -0.25
    assert (0 * CrossEntropy()).conjugate([0], slopes)[0] == np.inf
    assert (0 * CrossEntropy()).conjugate([0], [[0.0, 0.0]])[0] == 0.0


def test_has_conjugate():
    assert all(loss.has_conjugate for loss in LOSSES)
    assert not (CrossEntropy() + Sparsemax()).has_conjugate
    assert Huber().has_conjugate
    assert not Welsch().has_conjugate


def test_errors():
    with pytest.raises(ValueError, match="no formula"):
        (CrossEntropy() + Sparsemax()).conjugate([0], [[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"dual must have the shape .*Got \(2,\)"):
        CrossEntropy().conjugate([0, 1], [0.0, 0.0])
    with pytest.raises(ValueError, match=r"y_true of shape \(3,\) does not fit"):
        CrossEntropy().conjugate([0, 1, 1], [[0.0, 0.0]])
