"""Sums of losses and slopes in one pass equal those of arrays."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from sklearn_losses import CrossEntropy, Hinge, LogLoss, MulticlassHinge, Poisson
from sklearn_losses.terms._points import PointTerm
from sklearn_losses.terms._rows import row_term
from tests.cases import DEFAULTS, each, targets

N = 2500  # more than two blocks


def term_of(loss, seed=0):
    rng = np.random.default_rng(seed)
    y = targets(loss, rng, N)
    weight = rng.integers(0, 3, size=N) / N
    return PointTerm(loss, y, weight), 0.5 * rng.normal(size=N), rng.normal(size=N)


@each([loss for loss in DEFAULTS if loss.granularity == "point"])
@pytest.mark.parametrize("h", [0.0, 0.3])
def test_sums(loss, h):
    term, p, q = term_of(loss)
    y, weight = term.y, term.weight
    assert_allclose(term.value(p), np.sum(weight * loss.value(y, p)), rtol=1e-12)
    slopes = loss.gradient(y, p)
    if h > 0:
        slopes = (loss.value(y, p + h) - loss.value(y, p - h)) / (2 * h)
    assert_allclose(term.slopes(p, h), weight * slopes, rtol=1e-9, atol=1e-15)
    model = term.model(p, h)
    assert_allclose(model.slopes, term.slopes(p, h), rtol=1e-9, atol=1e-15)
    assert_allclose(model.value, term.value(p), rtol=1e-12)
    at = p + 0.5 * q
    expected = term.slopes(at, h) @ q
    found = term.slope_along(p, q, 0.5, h)
    assert_allclose(
        found, expected, rtol=1e-9, atol=1e-9 * np.abs(term.slopes(at, h)).sum()
    )
    assert np.all(model.curvatures >= 0.0)
    assert np.all(model.curvatures[weight == 0.0] == 0.0)


def test_an_absent_row_may_have_an_infinite_loss():
    term = PointTerm(Poisson(), np.ones(3), np.array([0.0, 0.5, 0.5]))
    p = np.array([1e9, 0.0, 0.0])
    assert term.value(p) == 1.0
    assert np.isfinite(term.slope_along(p, np.ones(3), 0.0, 0.0))
    assert np.isfinite(term.model(p, 0.0).slopes).all()


@each([Poisson(), Hinge()])
@pytest.mark.parametrize("h", [0.0, 0.3])
def test_a_weight_for_all_rows_is_that_weight_for_each(loss, h):
    y, p = targets(loss, np.random.default_rng(0), N), np.linspace(-1.0, 1.0, N)
    one = PointTerm(loss, y, np.broadcast_to(1.0 / N, N))
    many = PointTerm(loss, y, np.full(N, 1.0 / N))
    assert one.value(p) == many.value(p)
    assert_array_equal(one.model(p, h).slopes, many.model(p, h).slopes)
    assert_array_equal(one.slopes(p, h), many.slopes(p, h))


@each([Poisson(), Hinge(), CrossEntropy(), MulticlassHinge()])
@pytest.mark.parametrize("h", [0.0, 0.3])
def test_blocks_of_rows_make_up_all_rows(loss, h):
    rng = np.random.default_rng(0)
    y, weight = targets(loss, rng, N), rng.integers(0, 3, size=N) / N
    if loss.granularity == "row":
        k = int(y.max()) + 1
        term, p, q = row_term(loss, y, weight, k), *rng.normal(size=(2, N, k))
    else:
        term, p, q = PointTerm(loss, y, weight), *rng.normal(size=(2, N))
    whole = term.model(p, h)
    found = []
    for start in range(0, N, 700):
        block = slice(start, min(start + 700, N))
        part = term.model(p[block], h, block)
        found.append((part.value, part.slopes.copy(), part.curvatures.copy()))
        bare = term.model(p[block], h, block, with_curvatures=False)
        assert bare.curvatures is None
        assert_allclose(bare.slopes, found[-1][1], rtol=1e-12, atol=1e-18)
    values, slopes, curvatures = zip(*found)
    assert_allclose(sum(values), whole.value, rtol=1e-12)
    assert_allclose(np.concatenate(slopes), whole.slopes, rtol=1e-12, atol=1e-18)
    assert_allclose(np.concatenate(curvatures), whole.curvatures, rtol=1e-9, atol=1e-15)
    assert_allclose(term.value(p, q, 0.3), term.value(p + 0.3 * q), rtol=1e-12)


def test_a_minimum_without_a_formula_is_not_known():
    smoothed = CrossEntropy(label_smoothing=0.1)
    y = np.array([0.0, 1.0])
    assert row_term(smoothed, y, np.ones(2), 2).known_minimum is None
    assert row_term(CrossEntropy(), y, np.ones(2), 2).known_minimum == 0.0
    term = PointTerm(Poisson(), np.array([0.0, 3.0, 5.0]), np.array([1.0, 2.0, 0.0]))
    assert_allclose(term.known_minimum, 2.0 * (3.0 - 3.0 * np.log(3.0)))


def test_the_mean_hessian_of_the_softmax():
    rng = np.random.default_rng(0)
    p, y = rng.normal(size=(700, 3)), rng.integers(0, 3, 700).astype(float)
    weight = rng.integers(0, 3, 700) / 700
    share = softmax(p, axis=1)
    known = np.diag(weight @ share) - (weight[:, None] * share).T @ share
    term = row_term(CrossEntropy(), y, weight, 3)
    assert_allclose(term.mean_hessian(p, 0.0), known, rtol=1e-6, atol=1e-9)


@each([Poisson(), LogLoss(), CrossEntropy(), Hinge()])
def test_one_row_for_each_class_says_the_same_of_a_constant(loss):
    rng = np.random.default_rng(0)
    n_outputs = 3 if loss.granularity == "row" else 1
    y = rng.integers(0, max(n_outputs, 2), 50).astype(float)
    weight = rng.integers(0, 3, 50) / 50
    if n_outputs == 1:
        term, c = PointTerm(loss, y, weight), 0.4
    else:
        term, c = row_term(loss, y, weight, n_outputs), np.array([0.4, -0.3, 0.1])
    few = term.grouped
    assert len(few.y) <= 3
    assert_allclose(few.value(few.at_constant(c)), term.value(term.at_constant(c)))
    assert term.value_at(c) == term.value(term.at_constant(c))
    assert_allclose(
        np.sum(few.slopes(few.at_constant(c), 0.0)),
        np.sum(term.slopes(term.at_constant(c), 0.0)),
        atol=1e-14,
    )
    assert_allclose(few.minimum(), loss.minimum(y) @ weight)
