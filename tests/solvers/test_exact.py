"""Exact curvature of an objective, and coefficients that do not depend on the way."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import approx_fprime

from sklearn_losses import (
    CrossEntropy,
    Gamma,
    Hinge,
    Huber,
    LogLoss,
    Poisson,
    SquaredError,
    TukeyBiweight,
)
from sklearn_losses.design._rows import Rows
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.solvers.descent._certified import Certified
from sklearn_losses.solvers.descent._exact import ExactCurvature, polished
from tests.cases import each

N, D, K = 150, 4, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 100.0, 0.0, -5.0]
LOSSES = [SquaredError(), Huber(), Poisson(), Gamma(), LogLoss(), CrossEntropy()]
LOSSES += [TukeyBiweight(scale=3.0), 0.5 * Huber() + SquaredError()]
PENALTIES = {"none": Price(), "l2": Price(l2=0.01), "l1": Price(l1=0.02)}


def objective_of(loss, penalty, *, form=np.asarray, offset=None, intercept=True):
    rng = np.random.default_rng(1)
    z = (X - X.mean(axis=0)) / X.std(axis=0) @ [1.0, -0.5, 0.0, 0.5]
    if loss.granularity == "row":
        y = (0.5 * z[:, None] * [1, 0, -1] + rng.gumbel(size=(N, K))).argmax(axis=1)
    elif loss.task == "binary":
        y = z + rng.logistic(size=N) > 0
    elif loss.domain.low >= 0:
        y = rng.poisson(np.exp(0.3 * z)) + 0.5
    else:
        y = z + rng.normal(size=N)
    weight = rng.integers(0, 3, size=N).astype(float)
    n_outputs = K if loss.granularity == "row" else 1
    return Objective(
        *(loss, Rows(form(X)), Targets(y.astype(float)), weight, weight.sum()),
        *(penalty, n_outputs, intercept, offset),
    )


def fit(objective, **settings):
    solver = Certified("newton", max_iter=1000, **settings)
    shape = objective.n_outputs, D
    return solver.solve(objective, (np.zeros(shape), np.zeros(shape[0])))


@each(LOSSES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_polish_ends_in_the_same_place(loss, penalty, form):
    objective = objective_of(loss, PENALTIES[penalty], form=form)
    ends = [fit(objective, tol=tol, polish=True) for tol in (1e-3, 1e-8)]
    near, exact = (np.column_stack([r.coef * X.std(axis=0), r.intercept]) for r in ends)
    np.testing.assert_allclose(near, exact, rtol=1e-10, atol=1e-10)
    assert np.abs(ends[0].curvature.gradient).max() <= 1e-13
    np.testing.assert_array_equal(ends[0].coef == 0, ends[1].coef == 0)


@each(LOSSES)
def test_the_gap_is_that_of_what_is_published(loss):
    objective = objective_of(loss, PENALTIES["l2"])
    rough, found = (fit(objective, tol=1e-3, polish=p) for p in (False, True))
    value = objective.value(found.coef, found.intercept)[0]
    assert value <= objective.value(rough.coef, rough.intercept)[0] + 1e-15
    if loss.convex:
        assert found.bound <= value + 1e-12


@each([SquaredError(), Poisson(), LogLoss(), CrossEntropy()])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_matrix_is_the_second_derivative(loss, intercept):
    offset = RNG.normal(size=(N, K if loss.granularity == "row" else 1))
    objective = objective_of(loss, PENALTIES["l2"], offset=offset, intercept=intercept)
    rng = np.random.default_rng(2)
    coef = 0.1 * rng.normal(size=(objective.n_outputs, D)) / X.std(axis=0)
    found = ExactCurvature(objective, coef, np.zeros(objective.n_outputs))

    def gradient(theta):
        found.look(theta.reshape(found.theta.shape))
        return found.gradient

    def value(theta):
        theta = theta.reshape(found.theta.shape)
        return objective.value(*found.uncentred(theta))[0]

    at, matrix, slopes = found.theta.copy(), found.matrix.copy(), found.gradient.copy()
    free = found.free
    np.testing.assert_allclose(
        slopes[free], approx_fprime(at.ravel(), value, 1e-7)[free], atol=1e-5
    )
    numeric = approx_fprime(at.ravel(), gradient, 1e-7)
    np.testing.assert_allclose(
        matrix[np.ix_(free, free)], numeric[np.ix_(free, free)], atol=1e-5
    )


@each([LogLoss(), CrossEntropy()])
def test_solve_inverts_what_is_free(loss):
    objective = objective_of(loss, PENALTIES["l1"])
    found = fit(objective, tol=1e-6, polish=True)
    curvature = found.curvature
    v = np.random.default_rng(3).normal(size=len(curvature.free))
    x = curvature.solve(v)
    assert not x[~curvature.free].any()
    inside = curvature.matrix @ x
    if loss.granularity == "point":
        np.testing.assert_allclose(inside[curvature.free], v[curvature.free])
    else:  # what all classes have in common has no curvature
        again = curvature.solve(inside)
        np.testing.assert_allclose(again, x, atol=1e-8 * np.abs(x).max())


def test_kinks_have_no_curvature():
    objective = objective_of(Hinge(), PENALTIES["l2"])
    with pytest.raises(ValueError, match="has kinks"):
        ExactCurvature(objective, np.zeros((1, D)), np.zeros(1))


def test_a_point_that_no_step_improves_stays():
    objective = objective_of(LogLoss(), PENALTIES["l2"])
    best = fit(objective, tol=1e-9, polish=True)
    coef, intercept, _ = polished(objective, best.coef, best.intercept)
    np.testing.assert_allclose(coef, best.coef, rtol=1e-12)
    shifted = replace(objective, offset=np.full((N, 1), 0.5))
    coef, moved, _ = polished(shifted, best.coef, best.intercept)
    np.testing.assert_allclose(coef, best.coef, rtol=1e-9)
    np.testing.assert_allclose(moved + 0.5, intercept, rtol=1e-9)
