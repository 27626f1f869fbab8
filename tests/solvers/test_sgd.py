"""The solver by itself: step sizes, orders, and when it stops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from sklearn_losses.design._rows import Rows
from sklearn_losses.losses import AbsoluteError, EpsilonInsensitive, Hinge, Huber
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.solvers._fit_state import start_of
from sklearn_losses.solvers.sgd._schedules import Schedule
from sklearn_losses.solvers.sgd._settings import SGDSettings
from sklearn_losses.solvers.sgd._sgd import SGD


def objective(X, y, loss, fit_intercept=False):
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    return Objective(
        loss, Rows(X), Targets(y), None, float(len(y)), Price(), 1, fit_intercept
    )


def settings_of(name, eta0, **more):
    """Of a schedule that needs no more than its first step size."""
    return SGDSettings(Schedule(name, eta0, 0.0, 1.0), **more)


def walk(schedule, n, batch_size=1):
    """Where w is after n rows x = 1 whose gradient is always -1."""
    far = objective(np.ones((n, 1)), np.full(n, 1e9), AbsoluteError())
    start = start_of(np.zeros((1, 1)), np.zeros(1))
    solver = SGD(SGDSettings(schedule, batch_size), max_iter=1, tol=None)
    return solver.solve(far, start).coef[0, 0]


T = np.arange(1.0, 11.0)


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("constant", np.full(10, 0.2)),
        ("adaptive", np.full(10, 0.2)),
        ("invscaling", 0.2 / T**0.7),
    ],
)
def test_step_sizes(name, steps):
    schedule = Schedule(name, 0.2, 0.7, 1.0)
    for n in (1, 2, 10):
        assert_allclose(walk(schedule, n), steps[:n].sum(), rtol=1e-14)
    # Of 10 rows, 4 steps of batches: a step size belongs to a step, not to a row.
    assert_allclose(walk(schedule, 10, batch_size=3), steps[:4].sum(), rtol=1e-14)


@pytest.mark.parametrize("alpha", [1e-4, 0.3, 10.0])
def test_step_sizes_of_optimal(alpha):
    """The first step is Bottou's guess of the size of a weight, alpha ** -1/4."""
    t0 = 1 / (alpha * alpha**-0.25)
    steps = 1 / (alpha * (t0 + T - 1))
    assert_allclose(steps[0], alpha**-0.25)
    assert_allclose(walk(Schedule("optimal", 1.0, 0.5, alpha), 10), steps.sum())


@pytest.mark.parametrize("eta0", [0.01, 10.0])
@pytest.mark.parametrize(
    ("loss", "y", "value"), [(Hinge(), 1.0, 1.0), (EpsilonInsensitive(0.5), -3.0, 2.5)]
)
def test_passive_aggressive_steps(loss, y, value, eta0):
    x = np.array([[3.0, 4.0]])
    side = np.sign(y)
    start = start_of(np.zeros((1, 2)), np.zeros(1))
    for name, step in (
        ("pa1", min(eta0, value / 25.0)),
        ("pa2", value / (25.0 + 0.5 / eta0)),
    ):
        solver = SGD(settings_of(name, eta0), max_iter=1, tol=None)
        coef = solver.solve(objective(x, [y], loss), start).coef
        assert_allclose(coef, side * step * x, rtol=1e-14)
    if eta0 == 10.0:  # pa1 was free to end where the loss is 0
        coef = SGD(settings_of("pa1", eta0), max_iter=1, tol=None)
        raw = (coef.solve(objective(x, [y], loss), start).coef @ x[0])[0]
        assert_allclose(loss.value(y, raw), 0.0, atol=1e-12)


def test_passive_aggressive_steps_are_of_one_row():
    solver = SGD(settings_of("pa1", 1.0, batch_size=3))
    with pytest.raises(ValueError, match=r"'pa1' cannot use batch_size=3, because"):
        solver.check(Hinge())


def test_an_unknown_schedule():
    with pytest.raises(ValueError, match="no schedule named 'warp'"):
        Schedule("warp", 0.1, 0.5, 1.0)


def order_of(seed, epochs=1, n=50, batch_size=1):
    """The order of the rows, read off weights that count the steps."""
    rows = objective(np.eye(n), np.full(n, 1e9), AbsoluteError())
    schedule = Schedule("invscaling", 1.0, 1.0, 1.0)
    settings = SGDSettings(schedule, batch_size, seed=seed)
    solver = SGD(settings, max_iter=epochs, tol=None)
    coef = solver.solve(rows, start_of(np.zeros((1, n)), np.zeros(1))).coef[0]
    return np.argsort(-coef), coef


def test_each_epoch_visits_every_row_once_in_an_order_of_its_own():
    order, coef = order_of(seed=0)
    assert_allclose(np.sort(coef), np.sort(1 / np.arange(1.0, 51.0)))
    assert not np.array_equal(order, np.arange(50))
    assert_array_equal(order_of(seed=0)[0], order)
    assert not np.array_equal(order_of(seed=1)[0], order)
    second = order_of(seed=0, epochs=2)[1] - coef
    assert_allclose(np.sort(second), np.sort(1 / np.arange(51.0, 101.0)))
    assert not np.array_equal(np.argsort(-second), order)


def test_batches_are_consecutive_in_the_order():
    order, _ = order_of(seed=0)
    _, coef = order_of(seed=0, batch_size=8)
    sizes = np.array(6 * [8] + [2])
    in_order = np.repeat(1 / np.arange(1.0, 8.0) / sizes, sizes)
    assert_allclose(coef[order], in_order)


def test_orders_are_uniform():
    """Each row comes first about equally often: chi-squared over 2000 orders of 8."""
    first = np.bincount(
        [order_of(seed, n=8)[0][0] for seed in range(2000)], minlength=8
    )
    assert ((first - 250.0) ** 2 / 250.0).sum() < 24.3  # its 0.999 quantile, 7 df


def test_patience_and_the_best_value_so_far():
    """A criterion that stays where it is ends the fit after n_iter_no_change epochs."""
    at_rest = objective(np.zeros((4, 1)), np.zeros(4), Huber())
    solver = SGD(settings_of("constant", 0.1), n_iter_no_change=3)
    result = solver.solve(at_rest, start_of(np.zeros((1, 1)), np.zeros(1)))
    assert result.converged
    assert_array_equal(result.n_iter, [4])  # the first epoch improves on infinity


def test_adaptive_goes_on_with_smaller_steps():
    at_rest = objective(np.zeros((4, 1)), np.zeros(4), Huber())
    solver = SGD(settings_of("adaptive", 0.1), n_iter_no_change=1, tol=1e-3)
    result = solver.solve(at_rest, start_of(np.zeros((1, 1)), np.zeros(1)))
    # 0.1 / 5^8 is the first step that is not above 1e-6.
    assert_array_equal(result.n_iter, [1 + 8 + 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("n_features", [255, 256, 512, 519, 1000])
def test_long_dense_rows(n_features, batch_size, dtype):
    """Their dot product is another function than that of CSR rows, not another sum."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, n_features)).astype(dtype), rng.normal(size=30)
    settings = settings_of("constant", 1e-4, batch_size=batch_size, seed=0)
    solver = SGD(settings, max_iter=3, tol=None)
    dense, sparse = (
        solver.solve(
            Objective(Huber(), Rows(Z), Targets(y), None, 30.0, Price(), 1, True),
            start_of(np.zeros((1, n_features)), np.zeros(1)),
        )
        for Z in (X, csr_array(X))
    )
    assert dense.coef.any()
    assert_array_equal(dense.coef, sparse.coef)
    assert_array_equal(dense.intercept, sparse.intercept)
