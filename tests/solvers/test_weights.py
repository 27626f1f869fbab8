"""Weights that are scaled, cut and averaged lazily equal those that are not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from sklearn_losses.design._rows import Rows
from sklearn_losses.losses import CrossEntropy, Huber, LogLoss, SquaredError
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers.sgd._schedules import Schedule
from sklearn_losses.solvers.sgd._settings import Samples, SGDSettings
from sklearn_losses.solvers.sgd._sgd import SGD
from sklearn_losses.solvers.sgd._sgd_epoch import Epoch
from sklearn_losses.solvers.sgd._weights import ScaledWeights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 30)) * (RNG.uniform(size=(120, 30)) < 0.15)
Y = X @ RNG.normal(size=30) + RNG.normal(size=120)

PENALTIES = [Price(0.0, 0.0), Price(0.0, 0.3), Price(0.2, 0.0), Price(0.1, 0.3)]


def textbook_epoch(X, y, w, received, u, penalty, eta, batch_size=1):
    """One epoch of least squares in which every weight is touched at every step.

    Returns the penalties of the iterates, each before its step and once for each row of
    the step, added up.
    """
    total = 0.0
    for first in range(0, len(X), batch_size):
        x = X[first : first + batch_size]
        total += len(x) * (penalty.l1 * np.abs(w).sum() + penalty.l2 / 2 * w @ w)
        residual = x @ w - y[first : first + batch_size]
        w *= max(0.0, 1.0 - eta * penalty.l2)
        w -= eta * residual @ x / len(x)
        u[0] += eta * penalty.l1
        cut = w.copy()
        up, down = w > 0, w < 0
        cut[up] = np.maximum(0.0, w[up] - (u[0] + received[up]))
        cut[down] = np.minimum(0.0, w[down] + (u[0] - received[down]))
        received += cut - w
        w[:] = cut
    return total


def least_squares(rows, y, start, penalty, eta, batch_size):
    """Weights and an epoch that minimize the squared error, without an intercept."""
    state = start_of(start[np.newaxis], np.zeros(1))
    state.pop("t")
    weights = ScaledWeights(state, penalty, False, True, rows.is_sparse, eta)
    samples = Samples(SquaredError().compiled(), Targets(y))
    schedule = Schedule("constant", eta, 0.0, 1.0)
    settings = SGDSettings(schedule, batch_size=batch_size)
    epoch = Epoch(weights, samples, settings, t=1.0, counts_loss=True)
    return weights, epoch


# In the last case the l2 penalty shrinks all weights to exactly 0 in every step.
@pytest.mark.covering
@pytest.mark.parametrize(("eta", "size"), [(0.01, 1.0), (0.3, 1.0), (4.0, 0.01)])
@pytest.mark.parametrize("batch_size", [1, 2, 16, 1000])
@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
@pytest.mark.parametrize("kind", [np.array, csr_array])
def test_epochs_and_their_penalties_equal_the_textbook(
    penalty, batch_size, eta, size, kind
):
    """The norms that are carried along are those of the weights, waiting or not."""
    rows = Rows(kind(size * X))
    w, received, u = np.full(30, 0.5), np.zeros(30), np.zeros(1)
    weights, epoch = least_squares(rows, Y, w, penalty, eta, batch_size)
    for _ in range(3):
        assert epoch.run(rows, np.arange(1))
        total = textbook_epoch(size * X, Y, w, received, u, penalty, eta, batch_size)
        assert np.abs(w).max() < 100, "the textbook diverged: choose another eta"
        assert_allclose(coefficients(weights.state())[0][0], w, rtol=0, atol=1e-10)
        assert_allclose(epoch.penalty_sums[0], total, rtol=1e-9)
    assert epoch.t == 1 + 3 * -(-120 // batch_size)


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_epochs_of_more_states_than_a_history_has(penalty, batch_size):
    """All waiting weights catch up in mid-epoch, and when scale is small."""
    X = RNG.normal(size=(5000, 20)) * (RNG.uniform(size=(5000, 20)) < 0.05)
    y = X @ RNG.normal(size=20) + RNG.normal(size=5000)
    rows = Rows(csr_array(X))
    w, received, u = np.full(20, 0.5), np.zeros(20), np.zeros(1)
    weights, epoch = least_squares(rows, y, w, penalty, 0.05, batch_size)
    assert epoch.run(rows, np.arange(1))
    total = textbook_epoch(X, y, w, received, u, penalty, 0.05, batch_size)
    assert_allclose(coefficients(weights.state())[0][0], w, rtol=0, atol=1e-10)
    assert_allclose(epoch.penalty_sums[0], total, rtol=1e-9)


def objective(loss, y, n_outputs, targets=None):
    return Objective(
        loss,
        Rows(X),
        targets or Targets(y),
        RNG.uniform(0.5, 2.0, 120),
        120.0,
        Price(0.01, 0.1),
        n_outputs,
    )


LABELS = RNG.integers(0, 3, 120).astype(float)
OBJECTIVES = [
    objective(Huber(), Y, 1),
    objective(CrossEntropy(), LABELS, 3),
    objective(
        LogLoss(), None, 3, Targets(LABELS, 0, class_factor=np.array([1.0, 2.0, 0.5]))
    ),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: repr(o.loss))
def test_gradient_of_the_objective(objective):
    K = objective.n_outputs
    coef, intercept = RNG.normal(size=(K, 30)), RNG.normal(size=K)
    by_coef, by_intercept = objective.gradient(coef, intercept)
    for k in range(K):
        for j in (0, 7):
            step = np.zeros_like(coef)
            step[k, j] = 1e-6
            up = objective.value(coef + step, intercept).sum()
            down = objective.value(coef - step, intercept).sum()
            assert_allclose((up - down) / 2e-6, by_coef[k, j], rtol=1e-5, atol=1e-8)
        step = np.where(np.arange(K) == k, 1e-6, 0.0)
        up = objective.value(coef, intercept + step).sum()
        down = objective.value(coef, intercept - step).sum()
        assert_allclose((up - down) / 2e-6, by_intercept[k], rtol=1e-5, atol=1e-8)


def test_the_objective_of_some_outputs_is_a_part_of_all():
    whole = OBJECTIVES[2]
    coef, intercept = RNG.normal(size=(3, 30)), RNG.normal(size=3)
    part = whole.of_outputs(slice(1, 3))
    assert_allclose(
        part.value(coef[1:], intercept[1:]), whole.value(coef, intercept)[1:]
    )


def test_rows_refuse_what_they_would_have_to_copy():
    for bad in (X.astype(int), np.asfortranarray(X)):
        with pytest.raises(TypeError, match="must be"):
            Rows(bad)


def test_rows_use_the_memory_of_X():
    assert Rows(X).data.base is X or np.shares_memory(Rows(X).data, X)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: repr(o.loss))
@pytest.mark.parametrize("batch_size", [120, 500])
def test_a_single_batch_counts_the_objective_where_it_starts(objective, batch_size):
    K = objective.n_outputs
    coef, intercept = RNG.normal(size=(K, 30)), RNG.normal(size=K)
    schedule = Schedule("constant", 0.1, 0.0, 1.0)
    solver = SGD(SGDSettings(schedule, batch_size=batch_size))
    epoch = solver._prepare(objective, start_of(coef, intercept), None, True)[1]
    epoch.run(objective.rows, np.arange(K))
    assert_allclose(
        epoch.mean_objectives(objective.is_joint), objective.value(coef, intercept)
    )


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_solver_counts_the_objective_of_each_iterate(penalty):
    """One row: the criterion of the only step is the objective at the start."""
    one = Objective(
        Huber(), Rows(X[:1].copy()), Targets(Y[:1]), None, 1.0, penalty, 1, True
    )
    schedule = Schedule("constant", 0.1, 0.0, 1.0)
    start = start_of(np.ones((1, 30)), np.zeros(1))
    epoch = SGD(SGDSettings(schedule))._prepare(one, start, None, True)[1]
    epoch.run(one.rows, np.arange(1))
    assert_allclose(
        epoch.loss_sums + epoch.penalty_sums, one.value(np.ones((1, 30)), np.zeros(1))
    )


def test_a_state_is_not_changed_by_a_fit():
    start = start_of(np.ones((1, 30)), np.zeros(1))
    before = {name: array.copy() for name, array in start.items()}
    whole = Objective(
        Huber(), Rows(X), Targets(Y), None, 120.0, Price(0.1, 0.1), 1, True
    )
    settings = SGDSettings(Schedule("constant", 0.1, 0.0, 1.0))
    SGD(settings, max_iter=2).solve(whole, start)
    assert start.keys() == before.keys()
    for name, array in before.items():
        assert_array_equal(start[name], array)
