"""The mathematics of penalties: proximal operators, conjugates and gauges."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize, minimize_scalar

from sklearn_losses import (
    L1,
    L2,
    MCP,
    SCAD,
    SLOPE,
    ElasticNet,
    GroupLasso,
    MultiTask,
    SparseGroupLasso,
    Tikhonov,
)
from sklearn_losses.penalties._conjugate import Conjugate

D = 5
GROUPS = [[0, 3], [1, 2, 4]]
ROOT = np.random.default_rng(0).normal(size=(D, D))
FORM = ROOT.T @ ROOT
WEIGHTS = [1.0, 0.0, 2.0, 0.5, 1.0]
SEPARABLE = [
    *(L1(), L1(WEIGHTS), L2(), L2(WEIGHTS), ElasticNet(0.5), ElasticNet(0.3, WEIGHTS)),
    *(MCP(), MCP(1.1, WEIGHTS), SCAD(), SCAD(2.1, WEIGHTS), SCAD() + 0.5 * L2()),
]
COUPLED = [
    *(GroupLasso(GROUPS), GroupLasso([0, 1, 1, 0, 1], [1.0, 0.0])),
    *(SparseGroupLasso(GROUPS), GroupLasso(GROUPS, None) + 0.1 * L2()),
    *(MultiTask(), MultiTask(WEIGHTS), MultiTask() + L1(WEIGHTS)),
    *(SLOPE([2.0, 1.5, 1.0, 0.5, 0.0]), SLOPE(np.ones(D))),
    Tikhonov(FORM),
]
CONVEX = [p for p in [*SEPARABLE, *COUPLED] if p.price(1.0, D).is_convex]
KINKED = [p for p in CONVEX if p.price(1.0, D).selects]


def each(penalties):
    return pytest.mark.parametrize("penalty", penalties, ids=str)


def points(seed, n=6, outputs=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, outputs, D)) * rng.choice([0.0, 1.0, 3.0], (n, 1, D))


@each(SEPARABLE)
def test_the_prox_is_the_least_of_each_coefficient(penalty):
    rng = np.random.default_rng(0)
    v = rng.normal(scale=3.0, size=D)
    price = penalty.price(0.7, D)
    found = price.prox(v[None], 1.3)[0]
    for j in range(D):

        def cost(x, j=j):
            w = np.zeros((1, D))
            w[0, j] = x
            return 0.5 * (x - v[j]) ** 2 + 1.3 * price.value(w)[0]

        grid = np.linspace(-10, 10, 4001)
        near = grid[np.argmin([cost(x) for x in grid])]
        best = minimize_scalar(
            cost, bounds=(near - 0.01, near + 0.01), method="bounded"
        )
        assert cost(found[j]) <= min(best.fun, cost(0.0)) + 1e-9


@each(CONVEX)
def test_the_residual_of_a_prox_is_0(penalty):
    """w = prox(v) where v - w is a subgradient: the least sum with w - v is 0."""
    price = penalty.price(0.6, D)
    for v in points(1):
        w = price.prox(v, 1.0)
        assert_allclose(price.residual(w, w - v), 0.0, atol=1e-9)


@each(CONVEX)
def test_no_point_is_below_the_prox(penalty):
    rng = np.random.default_rng(2)
    price = penalty.price(0.6, D)
    for v in points(2):
        w = price.prox(v, 1.0)
        least = 0.5 * np.sum((w - v) ** 2) + price.value(w).sum()
        for size in (1e-4, 1e-2, 1.0) * 5:
            x = w + size * rng.normal(size=w.shape) * rng.integers(2, size=w.shape)
            assert 0.5 * np.sum((x - v) ** 2) + price.value(x).sum() >= least - 1e-12


@each([p for p in KINKED if "L2" not in str(p) and "Elastic" not in str(p)])
def test_the_gauge_is_where_the_prox_leaves_0(penalty):
    """Moreau: prox(v) is 0 iff v is in the unit ball of the dual norm."""
    for z in points(3):
        price = penalty.price(1.0, D)
        always = price.never_selects(D)
        z[:, always] = 0.0
        gauge = price.gauge(z)
        if gauge == 0:
            continue
        assert not penalty.price(1.0001 * gauge, D).prox(z, 1.0).any()
        assert penalty.price(0.9999 * gauge, D).prox(z, 1.0).any()


@each(KINKED)
def test_scores_say_which_features_would_move(penalty):
    price = penalty.price(0.5, D)
    for z in points(4):
        moves = np.abs(price.residual(np.zeros(z.shape), z)).max(axis=0) > 1e-12
        if "SLOPE" not in str(penalty):
            found = price.score(z) > 1e-12
            assert found[moves].all()
            assert not np.delete(found, price.whole_groups(np.flatnonzero(moves))).any()
        else:
            assert moves.any() == (price.score(z) > 0).any()


@each([*CONVEX, L1() + Tikhonov(FORM), MultiTask() + L2(WEIGHTS)])
@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (0.0, np.inf), (-0.5, 2.0)])
def test_the_conjugate_is_above_all_and_reached(penalty, bounds):
    """Fenchel and Young: P(w) + P*(-z) >= -z . w, with equality where -z is a slope."""
    price = penalty.price(0.8, D)
    if bounds[0] > -np.inf and price.norm is not None:
        pytest.skip("refused")
    price = replace(price, low=bounds[0], high=bounds[1])
    conjugate = Conjugate(price, D)
    for w in points(5):
        w = np.clip(w, *bounds)
        z = -price.subgradient(w)
        z += np.where(w <= price.low, 0.3, 0.0) - np.where(w >= price.high, 0.3, 0.0)
        conjugate.begin_at(w)
        factor, cost = conjugate.shortened(z.T, np.abs(z).max(), np.abs(w).max())
        assert factor == pytest.approx(1.0)
        value = price.value(w).sum()
        assert value + cost == pytest.approx(-np.sum(z * w), abs=1e-6)
        other = np.clip(points(6)[0], *bounds)
        conjugate.begin_at(other)
        factor, cost = conjugate.shortened(z.T, np.abs(z).max(), 9.0)
        assert value + cost >= -factor * np.sum(z * w) - 1e-9


@each([*CONVEX, L1() + Tikhonov(FORM), MultiTask() + L2(WEIGHTS)])
def test_next_to_no_penalty_what_rounding_leaves_costs_next_to_nothing(penalty):
    """As without a penalty; it is true of coefficients up to ten times the reach."""
    conjugate = Conjugate(penalty.price(1e-12, D), D)
    for z in points(5):
        z = 1e-9 * z
        conjugate.begin_at(np.zeros(z.shape))
        factor, cost = conjugate.shortened(z.T, np.abs(z).max() * 1e8, 2.0)
        assert factor > 0.99
        assert cost <= 20.0 * np.abs(z).sum() * 1.01
        for w in points(6):
            w = np.clip(w, -20.0, 20.0)
            value = conjugate.price.value(w).sum()
            assert value + cost >= -factor * np.sum(z * w) - 1e-22


@each([p for p in KINKED if "SLOPE" not in str(p)])
def test_the_slope_before_a_point_is_that_of_the_values(penalty):
    price = penalty.price(1.0, D)
    if price.norm is None:
        pytest.skip("has no norm")
    rng = np.random.default_rng(7)
    for w in points(7):
        delta, t = rng.normal(size=w.shape), 1e-7
        before = price.norm.values(w - t * delta).sum()
        slope = (price.norm.values(w).sum() - before) / t
        assert price.norm.slope_before(w, delta) == pytest.approx(slope, abs=1e-5)


def test_the_slope_before_a_point_of_a_sorted_norm():
    norm = SLOPE([3.0, 2.0, 1.0, 1.0, 0.5]).price(1.0, D).norm
    rng, t = np.random.default_rng(8), 1e-7
    for w in points(8):
        w[:, 1] = -w[:, 0]  # of the same size
        delta = rng.normal(size=w.shape)
        slope = (norm.values(w).sum() - norm.values(w - t * delta).sum()) / t
        assert norm.slope_before(w, delta) == pytest.approx(slope, abs=1e-5)


@each([MCP(), MCP(1.5), SCAD(), SCAD(2.5)])
def test_concave_parts_have_their_derivatives(penalty):
    concave = penalty.price(0.7, D).scaled(np.linspace(0.5, 2.0, D)).concave
    u, h = np.random.default_rng(0).normal(scale=2.0, size=(20, D)), 1e-6
    by_values = (concave.values(u + h) - concave.values(u - h)) / (2 * h)
    assert_allclose(concave.slopes(u), by_values, atol=1e-7)
    by_slopes = (concave.slopes(u + h) - concave.slopes(u - h)) / (2 * h)
    assert_allclose(concave.curvatures(u), by_slopes, atol=1e-5)


def test_the_published_formulas_of_mcp_and_scad():
    w, lam = np.linspace(-6, 6, 25), 1.2
    size, gamma = np.abs(w), 3.0
    mcp = np.where(
        size <= gamma * lam, lam * size - w**2 / (2 * gamma), gamma * lam**2 / 2
    )
    assert_allclose([MCP(gamma).value([x], alpha=lam) for x in w], mcp)
    gamma = 3.7
    middle = (2 * gamma * lam * size - w**2 - lam**2) / (2 * (gamma - 1))
    outer = lam**2 * (gamma + 1) / 2
    scad = np.where(size <= gamma * lam, middle, outer)
    scad = np.where(size <= lam, lam * size, scad)
    assert_allclose([SCAD(gamma).value([x], alpha=lam) for x in w], scad)
    firm = np.where(size <= lam, 0.0, np.sign(w) * (size - lam) / (1 - 1 / 3.0))
    firm = np.where(size > 3.0 * lam, w, firm)
    assert_allclose(MCP(3.0).prox(w, alpha=lam), firm, atol=1e-12)


def test_the_prox_of_a_sparse_group_is_one_after_the_other():
    v = np.array([3.0, -1.0, 0.4, -2.0, 0.2])
    price = SparseGroupLasso(GROUPS, 0.5, None).price(1.0, D)

    def cost(w):
        return 0.5 * np.sum((w - v) ** 2) + price.value(w[None])[0]

    best = min(
        (minimize(cost, x, method="Powell") for x in (v, 0 * v)), key=lambda r: r.fun
    )
    assert cost(price.prox(v[None], 1.0)[0]) <= best.fun + 1e-8


@each([*CONVEX, MCP(), SCAD()])
def test_other_units_and_fewer_features_are_the_same_price(penalty):
    price = penalty.price(0.7, D)
    scale = price.units(np.array([0.5, 2.0, 1.0, 0.0, 3.0]))
    for w in points(9):
        w[:, scale == 0] = 0.0
        u = np.divide(w, scale, out=np.zeros(w.shape), where=scale > 0)
        assert_allclose(price.scaled(scale).value(u), price.value(w))
    chosen = price.whole_groups(np.array([0]))
    w = np.zeros((2, D))
    w[:, chosen] = np.random.default_rng(0).normal(size=(2, len(chosen)))
    assert_allclose(price.of_features(chosen).value(w[:, chosen]), price.value(w))


@pytest.mark.parametrize("method", ["value", "prox"])
@pytest.mark.parametrize(
    ("coef", "alpha", "message"),
    [
        (["a"], 1.0, "coef must be an array of numbers"),
        (3.0, 1.0, r"Got the shape \(\)"),
        (np.ones((2, 2, 2)), 1.0, r"Got the shape \(2, 2, 2\)"),
        ([1.0], -1.0, "'alpha' parameter of L1 .* Got -1.0"),
        ([1.0], np.nan, "'alpha' parameter of L1 .* Got nan"),
    ],
)
def test_what_has_no_price(method, coef, alpha, message):
    with pytest.raises(ValueError, match=message):
        getattr(L1(), method)(coef, alpha)


@each([Tikhonov(FORM) + L1(), Tikhonov(FORM) + GroupLasso(GROUPS)])
def test_a_prox_without_a_closed_form(penalty):
    with pytest.raises(ValueError, match=r"matrix together .* L1\(\)\.prox\(coef"):
        penalty.prox(np.ones(D))


def test_a_series_of_coefficients_has_names():
    pd = pytest.importorskip("pandas")
    coef = pd.Series([1.0, -2.0], ["b", "a"])
    penalty = L1({"a": 3.0})
    assert penalty.value(coef) == 7.0
    assert_allclose(penalty.prox(coef, alpha=0.5), [0.5, -0.5])
    form = pd.DataFrame([[2.0, 0.0], [0.0, 1.0]], ["a", "b"], ["a", "b"])
    assert Tikhonov(form).value(coef) == 0.5 * (1.0 + 2.0 * 4.0)
    with pytest.raises(ValueError, match="of coefficients a Series"):
        penalty.value([1.0, -2.0])
