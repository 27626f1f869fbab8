"""A dual bound is below every objective, and meets it at the optimum."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize, root

from sklearn_losses import (
    AbsoluteError,
    CrossEntropy,
    EpsilonInsensitive,
    Expectile,
    Exponential,
    Fair,
    Gamma,
    Hinge,
    Huber,
    LogCosh,
    LogLoss,
    MulticlassHinge,
    MulticlassSquaredHinge,
    NegativeBinomial,
    Poisson,
    PseudoHuber,
    Quantile,
    Sparsemax,
    SquaredError,
    SquaredHinge,
    Tweedie,
)
from sklearn_losses.design._centred import Centred
from sklearn_losses.design._rows import Rows
from sklearn_losses.design._sums import Sums
from sklearn_losses.penalties._price import Price, open_slopes
from sklearn_losses.problem._duality import Dual
from sklearn_losses.problem._objective import Objective, Targets
from tests.cases import each

K = 3
SMOOTH = [
    *(SquaredError(), Huber(), LogCosh(), PseudoHuber(), Expectile(0.8), Fair()),
    *(Poisson(), Gamma(), Tweedie(1.5), NegativeBinomial()),
    *(LogLoss(), SquaredHinge(), Exponential(), 3 * LogLoss(), Huber() + LogCosh()),
    *(CrossEntropy(), CrossEntropy(label_smoothing=0.1), MulticlassSquaredHinge()),
    *(Sparsemax(), 0.5 * CrossEntropy()),
]
KINKED = [AbsoluteError(), Quantile(0.9), EpsilonInsensitive(), Hinge()]
LOSSES = [*SMOOTH, *KINKED, MulticlassHinge(), 2 * MulticlassHinge()]
PENALTIES = {
    "l2": Price(l2=0.1),
    "l1": Price(l1=0.05),
    "both": Price(l1=0.03, l2=0.02),
    "none": Price(),
}


class Problem:
    """Rows with weights, some of them 0, and the dual of their objective."""

    def __init__(self, loss, penalty, intercept=True, positive=False, csr=False):
        rng = np.random.default_rng(0)
        n, d = 60, 4
        X = rng.normal(size=(n, d)) * [1.0, 5.0, 0.1, 1.0] + [0.0, 3.0, 1.0, 0.0]
        raw = X @ [0.5, 0.1, -2.0, 0.0] + rng.normal(size=n)
        if loss.task == "multiclass":
            y, self.shape = rng.integers(0, K, n), (n, K)
        elif loss.task == "binary":
            y, self.shape = (raw > 0), (n,)
        else:
            y = np.abs(raw) + 0.1 if loss.domain.low >= 0 else raw
            y, self.shape = (np.ceil(y) if loss.domain.integer else y), (n,)
        self.y, self.X = y.astype(np.float64), X
        self.weight = rng.integers(0, 3, n) / n
        self.intercept, self.positive, self.rng = intercept, positive, rng
        rows = Rows(sparse.csr_matrix(X) if csr else X)
        self.objective = Objective(
            *(loss, rows, Targets(self.y), self.weight, 1.0, penalty),
            self.n_outputs,
            intercept,
        )
        self.features = Centred(rows, self.weight, intercept)
        low = 0.0 if positive else -np.inf
        self.dual = Dual(
            *(loss, self.y, self.weight, self.features),
            *(replace(penalty, low=low).scaled(self.features.scale), intercept),
        )

    @property
    def n_outputs(self):
        return self.shape[1] if len(self.shape) == 2 else 1

    def random_coef(self, size):
        coef = size * self.rng.normal(size=(self.n_outputs, 4))
        intercept = size * self.rng.normal(size=self.n_outputs) * self.intercept
        return np.abs(coef) if self.positive else coef, intercept

    def slopes(self, raw):
        loss = self.objective.loss
        weight = self.weight[:, None] if raw.ndim == 2 else self.weight
        return loss.gradient(self.y, raw) * weight

    def optimum(self):
        """coef and intercept where a smooth objective is least, by scipy."""
        k, d = self.n_outputs, 4
        scale = self.features.scale

        def unpack(v):
            u = v.reshape(k, d + 1)
            coef = u[:, :d] * scale
            at_mean = u[:, d] * self.intercept
            return coef, np.ascontiguousarray(at_mean - coef @ self.features.mean)

        def function(v):
            coef, intercept = unpack(v)
            value = self.objective.value(coef, intercept)[0]
            by_coef, by_intercept = self.objective.gradient(coef, intercept)
            by_coef = by_coef - np.outer(by_intercept, self.features.mean)
            return value, np.column_stack([by_coef * scale, by_intercept]).ravel()

        options = {"maxiter": 10000, "maxfun": 20000, "ftol": 0, "gtol": 1e-11}
        start = np.zeros(k * (d + 1))
        near = minimize(function, start, jac=True, method="L-BFGS-B", options=options).x
        better = root(lambda v: function(v)[1], near, options={"xtol": 1e-14}).x
        return unpack(min(near, better, key=lambda v: np.abs(function(v)[1]).max()))


@pytest.mark.covering
@each(LOSSES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("positive", [True, False])
def test_no_coefficients_are_below_the_bound_of_any_slopes(
    loss, penalty, intercept, positive
):
    problem = Problem(loss, PENALTIES[penalty], intercept, positive)
    values = [
        problem.objective.value(*problem.random_coef(size))[0]
        for size in (0.0, 0.01, 0.1, 0.3, 1.0) * 8
    ]
    slopes = [
        problem.slopes(size * problem.rng.normal(size=problem.shape))
        for size in (0.0, 0.1, 1.0, 5.0)
    ]
    bounds = [problem.dual.bound(u, reach=1.0) for u in slopes]
    assert np.isfinite(bounds).all()
    assert max(bounds) <= min(values)


@pytest.mark.covering
@each(SMOOTH)
@pytest.mark.parametrize("penalty", ["l2", "none"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("csr", [True, False])
def test_at_the_optimum_the_gap_is_0(loss, penalty, intercept, csr):
    problem = Problem(loss, PENALTIES[penalty], intercept, csr=csr)
    coef, at_0 = problem.optimum()
    value = problem.objective.value(coef, at_0)[0]
    raw = np.squeeze(problem.X @ coef.T + at_0)
    bound = problem.dual.bound(problem.slopes(raw), reach=10.0)
    assert bound <= value + 1e-14 * abs(value)
    # Without penalty the bound feels what scipy left of the gradient, times the reach.
    assert value - bound <= (1e-9 if penalty == "l2" else 1e-5) * max(1.0, abs(value))


def summed(problem, raw):
    """What a pass over the rows sums at raw predictions, and what it says of blocks."""
    loss, weight = problem.objective.loss, problem.weight
    slopes = problem.slopes(raw).reshape(len(weight), -1)
    sums = Sums(problem.features, problem.n_outputs)
    for block in problem.features.blocks:
        sums.add(block, slopes[block])
    values = weight * loss.value(problem.y, raw)
    moments = slopes.reshape(raw.shape) * raw
    seen = SimpleNamespace(
        value=values.sum(),
        moment=moments.sum(),
        size=np.abs(moments).sum(),
        steepness=np.abs(slopes).sum(),
        sums=sums,
    )

    def at(block):
        return raw[block], slopes.reshape(raw.shape)[block], values[block].sum()

    return seen, at


@pytest.mark.covering
@each(LOSSES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("positive", [True, False])
def test_the_bound_of_slopes_that_were_summed_is_theirs(
    loss, penalty, intercept, positive
):
    """No coefficients are below it, and it is as good as that of any slopes, nearly."""
    problem = Problem(loss, PENALTIES[penalty], intercept, positive)
    values = [
        problem.objective.value(*problem.random_coef(size))[0]
        for size in (0.0, 0.01, 0.1, 0.3, 1.0) * 8
    ]
    for size in (0.0, 0.1, 1.0):
        raw = size * problem.rng.normal(size=problem.shape)
        if loss.task == "regression":
            raw += problem.objective.loss.optimal_constant(problem.y, problem.weight)
        bound = problem.dual.bound_at(*summed(problem, raw), reach=1.0)
        assert bound <= min(values)
        if not intercept:
            known = problem.dual.bound(problem.slopes(raw), reach=1.0)
            assert bound == pytest.approx(known, rel=1e-6, abs=1e-12)


@each(SMOOTH)
@pytest.mark.parametrize("csr", [True, False])
def test_near_the_optimum_it_takes_few_changes_to_sum_to_0(loss, csr):
    """The gap is of the order of what the slopes sum to, or of its square."""
    problem = Problem(loss, PENALTIES["l2"], True, csr=csr)
    coef, at_0 = problem.optimum()
    value = problem.objective.value(coef, at_0)[0]
    raw = np.squeeze(problem.X @ coef.T + at_0)
    away = 1e-5 * np.arange(1.0, problem.n_outputs + 1.0).reshape(raw.shape[1:] or ())
    seen, at = summed(problem, raw + away)
    bound = problem.dual.bound_at(seen, at)
    assert bound <= value + 1e-14 * abs(value)
    assert value - bound <= 3e-6 * max(1.0, abs(value))
    assert problem.dual.bound_at(seen, at, least=value + 1e-3) == -np.inf


def test_slopes_that_rounding_has_put_beyond_their_limit():
    """1.345 w / w is more than 1.345 for some w, where the conjugate is infinite."""
    loss, w = Huber(), 5e-5
    assert (loss.delta * w) / w > loss.delta
    problem = Problem(loss, PENALTIES["l2"])
    problem.weight[:] = problem.dual.weight[:] = w
    problem.dual.some_absent = False
    raw = problem.y + 5.0 * np.resize([1.0, -1.0, -1.0], 60)
    bound = problem.dual.bound_at(*summed(problem, raw))
    known = problem.dual.bound(problem.slopes(raw))
    assert bound == pytest.approx(known, rel=1e-6)


@each(LOSSES)
def test_slopes_of_0_bound_by_the_least_losses(loss):
    problem = Problem(loss, PENALTIES["none"])
    bound = problem.dual.bound(np.zeros(problem.shape))
    conjugate = loss.conjugate(problem.y, np.zeros(problem.shape))
    assert bound == pytest.approx(-problem.weight @ conjugate, abs=1e-12)


def test_slopes_beyond_the_domain_are_put_into_it():
    problem = Problem(Quantile(0.9), PENALTIES["l2"])
    wild = 7.0 * problem.rng.normal(size=60) * problem.weight
    assert np.isfinite(problem.dual.bound(wild))


def test_a_ridge_has_its_known_dual():
    """max over u of -u'u / 2 - u'y - |X'u|^2 / (2 alpha) (with omega = 1)."""
    rng = np.random.default_rng(0)
    X, y, u = rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=5)
    features = Centred(Rows(X), np.ones(5), centre=False)
    dual = Dual(
        *(SquaredError(), y, np.ones(5), features),
        *(Price(l2=0.3).scaled(features.scale), False),
    )
    known = -u @ u / 2 - u @ y - np.sum((X.T @ u) ** 2) / 0.6
    assert dual.bound(u) == pytest.approx(known, rel=1e-13)


def test_open_slopes():
    z = np.array([-2.0, -0.5, 0.5, 2.0])
    np.testing.assert_array_equal(open_slopes(z, True, True), [2, 0.5, 0.5, 2])
    np.testing.assert_array_equal(open_slopes(z, False, True), [2, 0.5, 0, 0])
