"""Sums of losses and slopes in one pass equal those of arrays."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_losses import Poisson
from sklearn_losses.solvers._loss_term import PointTerm
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
