"""partial_fit with learning_rate="auto" against solutions over all rows."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

from sklearn_losses import (
    CrossEntropy,
    LogLoss,
    MulticlassHinge,
    Quantile,
    SGDClassifier,
    SGDRegressor,
    SquaredError,
)
from sklearn_losses.penalties._price import Price
from sklearn_losses.solvers.descent._problem import CentredProblem
from sklearn_losses.solvers.stream._stream_memory import Matrix, RunningUnits, Sketch
from sklearn_losses.solvers.stream._stream_wide import WIDE, SharedVectors
from sklearn_losses.terms._rows import SteppedRowTerm, row_term


def regression(n=3000, d=8, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) @ rng.standard_normal((d, d))
    X = X * 10.0 ** np.arange(-3, d - 3) + 10.0 ** np.arange(d)
    y = X / X.std(axis=0) @ rng.standard_normal(d) + rng.standard_normal(n)
    return X, y


def stream(model, X, y, chunk, **more):
    for i in range(0, len(y), chunk):
        model.partial_fit(X[i : i + chunk], y[i : i + chunk], **more)
    return model


def regressor(loss, **settings):
    return SGDRegressor(loss, learning_rate="auto", **settings)


@pytest.mark.parametrize("chunk", [50, 500, 3000])
def test_one_pass_is_ridge(chunk):
    """The squared error is quadratic, so that nothing is forgotten."""
    X, y = regression()
    model = stream(regressor(SquaredError(), alpha=0.01), X, y, chunk)
    known = Ridge(alpha=0.01 * len(y), solver="svd").fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-6)
    np.testing.assert_allclose(model.predict(X), known.predict(X), atol=1e-5)


def test_row_by_row_is_ridge_of_all_but_the_newest_rows():
    X, y = regression(1050)
    model = stream(regressor(SquaredError(), alpha=0.01), X, y, 1)
    # n / 20 rows wait, at most 50, before the model moves.
    known = Ridge(alpha=0.01 * len(y), solver="svd").fit(X, y)
    near = np.abs(model.predict(X) - known.predict(X)).max()
    assert near < 0.05
    assert model.t_ == 1051


def test_one_pass_is_the_elastic_net():
    X, y = regression()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    settings = {"alpha": 0.5, "l1_ratio": 0.7}
    model = regressor(SquaredError(), penalty="elasticnet", **settings)
    stream(model, X, y, 100)
    known = ElasticNet(tol=1e-12, max_iter=100_000, **settings).fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, atol=1e-4)
    np.testing.assert_array_equal(model.coef_ == 0, known.coef_ == 0)


def test_logistic_regression_in_one_pass_and_in_ten():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5000, 5))
    y = rng.random(5000) < 1 / (1 + np.exp(-X @ rng.standard_normal(5)))
    known = LogisticRegression(C=1 / (0.01 * 5000), tol=1e-10).fit(X, y)
    model = SGDClassifier(LogLoss(), learning_rate="auto", alpha=0.01)
    classes = [False, True]
    stream(model, X, y, 100, classes=classes)
    first = np.abs(model.coef_ - known.coef_).max()
    for _ in range(9):
        stream(model, X, y, 100, classes=classes)
    last = np.abs(model.coef_ - known.coef_).max()
    assert first < 0.01
    assert last < first / 3


def test_quantiles_of_a_stream():
    rng = np.random.default_rng(0)
    y = rng.gamma(2.0, size=20_000)
    X = np.zeros((len(y), 1))
    model = stream(regressor(Quantile(0.9)), X, y, 100)
    assert abs((y < model.intercept_[0]).mean() - 0.9) < 0.005


def test_more_features_than_a_matrix_may_have():
    X, y = sparse_regression()
    model = stream(regressor(SquaredError(), alpha=1e-5), X.toarray(), y, 500)
    assert max(array.size for array in model._state.values()) < 2e6
    assert np.mean((model.predict(X) - y) ** 2) < 0.1 * y.var()


# --------------------------------------------------------- wide sparse streams
def sparse_regression(n=4000, d=1500):
    rng = np.random.default_rng(0)
    X = sparse.random_array((n, d), density=0.02, rng=rng, format="csr")
    y = X[:, :20].sum(axis=1) + 0.01 * rng.standard_normal(n)
    return sparse.csr_matrix(X), y


def arrays_of(model):
    """All arrays that a model holds, each once."""
    arrays = [*model._state.values(), model.coef_]
    owners = (a if a.base is None else a.base for a in arrays)
    return {id(a): a for a in owners if isinstance(a, np.ndarray)}.values()


@pytest.mark.parametrize("penalty", ["l2", "l1", None])
def test_wide_rows_that_are_all_here_are_solved(penalty):
    X, y = sparse_regression(400)
    settings = {"penalty": penalty, "alpha": 1e-3}
    model = regressor(SquaredError(), **settings)
    known = regressor(SquaredError(), **settings).fit(X, y)
    for _ in range(3):
        stream(model, X, y, 100)
    ours, least = (np.mean((m.predict(X) - y) ** 2) for m in (model, known))
    assert ours < least + 0.05 * y.var()


def test_wide_rows_that_are_gone_are_remembered():
    X, y = sparse_regression(20_000, 3000)
    model = stream(regressor(SquaredError(), alpha=1e-5), X, y, 1000)
    assert len(model._state["stream_kept_data"]) <= WIDE.most_entries
    assert np.mean((model.predict(X) - y) ** 2) < 0.1 * y.var()


def test_a_wide_stream_holds_three_vectors_and_its_rows():
    X, y = sparse_regression(400)
    wide = X[:, :1500].copy()
    wide.resize(400, 1 << 20)
    model = stream(regressor(SquaredError()), wide, y, 100)
    total = sum(array.nbytes for array in arrays_of(model))
    assert total < 3.5 * model.coef_.nbytes
    assert np.count_nonzero(model.coef_) <= 1500


def test_a_call_that_fails_can_be_made_again():
    X, y = sparse_regression(400)
    model = stream(regressor(SquaredError()), X[:300], y[:300], 100)
    twin = pickle.loads(pickle.dumps(model))
    bad = X[300:].copy()
    bad.data[7] = 1e200
    with pytest.raises(ValueError, match=f"Feature {bad.indices[7]} is too large"):
        model.partial_fit(bad, y[300:])
    for each in (model, twin):
        each.partial_fit(X[300:], y[300:])
    np.testing.assert_array_equal(model.coef_, twin.coef_)


def test_copies_that_share_vectors_do_not_disturb_each_other():
    X, y = sparse_regression(600)
    model = stream(regressor(SquaredError(), alpha=1e-3), X[:200], y[:200], 100)
    other = copy.copy(model)
    stream(model, X[200:400], y[200:400], 100)
    before = model.coef_.copy()
    # It goes on from its coefficients, for the vectors are those of the first.
    stream(other, X[400:], -y[400:], 100)
    np.testing.assert_array_equal(model.coef_, before)
    known = stream(regressor(SquaredError(), alpha=1e-3), X[:400], y[:400], 100)
    np.testing.assert_array_equal(known.coef_, before)
    stream(model, X[400:], y[400:], 100)
    stream(known, X[400:], y[400:], 100)
    np.testing.assert_array_equal(known.coef_, model.coef_)


def test_vectors_know_whether_they_have_moved_on():
    vectors = SharedVectors.nothing(1, 5)
    columns, new = np.array([1, 3], np.int32), np.array([[2.0, 4.0]])
    vectors.change(columns, new)
    state = vectors.withdrawn(1.0)
    assert not vectors.slope.any()
    for _ in range(2):  # as after a call that failed
        again = SharedVectors.from_state(state)
        np.testing.assert_array_equal(again.slope, [[0, 2, 0, 4, 0]])
    again.change(columns, -new, -new)
    later = again.withdrawn(2.0)
    assert SharedVectors.from_state(later) is not None
    assert SharedVectors.from_state(state) is None


def test_memory_does_not_grow():
    X, y = regression(6000)

    def size(model):
        return sum(array.nbytes for array in model._state.values())

    model = stream(regressor(Quantile(0.5)), X[:3000], y[:3000], 100)
    before = size(model)
    assert size(stream(model, X[3000:], y[3000:], 100)) <= 1.3 * before


# ------------------------------------------------------------------ memory
def units_of(X):
    units = RunningUnits(X.shape[1], True)
    for part in np.array_split(X, 7):
        units.update(part, np.ones(len(part)))
    return units


def problem_of(X, units, n_outputs):
    """Rows in units, and a loss that is of no matter here."""
    term = row_term(CrossEntropy(), np.zeros(len(X)), np.ones(len(X)), n_outputs)
    return CentredProblem(term, units.features(X), Price(), True)


def test_running_mean_and_spread():
    X, _ = regression()
    X[:, 0] += 1e8
    units = units_of(X)
    np.testing.assert_allclose(units.mean, X.mean(axis=0), rtol=1e-12)
    spread = np.sqrt(units.squares / units.weight)
    np.testing.assert_allclose(spread, X.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("kind", [Matrix, Sketch])
def test_a_memory_that_moves_says_the_same(kind):
    X, _ = regression(40, 4)
    rng = np.random.default_rng(0)
    units = units_of(X[:10] + 3.0)
    units.moved()
    problem = problem_of(X, units, 2)
    theta = rng.standard_normal((2, 5))
    slopes, second = rng.standard_normal((40, 2)), np.tile(np.eye(2), (40, 1, 1))
    memory = kind.nothing(theta).with_rows(theta, problem, slopes, second)
    other = theta + rng.standard_normal(theta.shape)
    # By hand: what 40 quadratic functions of the raw predictions add up to.
    change = problem.raw(other) - problem.raw(theta)
    expected = (slopes * change).sum() + 0.5 * (change**2).sum()
    np.testing.assert_allclose(memory.value(other), expected, rtol=1e-9)
    units.update(X, np.ones(40))
    move = units.moved()
    moved = memory.move(move)
    np.testing.assert_allclose(
        moved.value(move.coefficients(other)), expected, rtol=1e-6
    )


def test_a_sketch_keeps_the_diagonal_and_the_strongest_direction():
    rng = np.random.default_rng(0)
    X = 0.1 * rng.standard_normal((200, 60))
    X += rng.standard_normal((200, 1)) * rng.standard_normal(60)
    problem, theta = problem_of(X, RunningUnits(60, True), 1), np.zeros((1, 61))
    one = np.ones((200, 1, 1))
    sketch = Sketch.nothing(theta).with_rows(theta, problem, one[:, 0], one)
    e = np.column_stack([X, np.ones(200)])
    whole = e.T @ e
    np.testing.assert_allclose(sketch.diagonal()[0], np.diag(whole))
    first = np.linalg.eigh(whole)[1][:, -1:].T
    np.testing.assert_allclose(sketch.product(first), first @ whole, rtol=0.01, atol=1)


def test_a_stepped_loss_is_smoothed_whatever_its_kinks_are():
    rng, loss, h = np.random.default_rng(0), MulticlassHinge(), 0.3
    y, weight = rng.integers(4, size=50).astype(float), rng.uniform(size=50)
    weight[7], raw = 0.0, rng.normal(size=(50, 4))
    term = SteppedRowTerm(loss, y, weight, 4)
    model = term.model(raw, h)
    np.testing.assert_array_equal(model.slopes, term.slopes(raw, h))
    shifts = [sign * h * shift for shift in np.eye(4) for sign in (1, -1)]
    mean = sum(term.slopes(raw + shift, 0.0) for shift in shifts) / 8
    np.testing.assert_allclose(model.slopes, mean, atol=1e-12)
    assert model.excess >= np.abs(model.slopes).sum() * h * 0.999
    found = term.hessians(raw, h, slice(None))
    exact = row_term(loss, y, weight, 4).hessians(raw, 0.1, slice(None))
    assert np.linalg.eigvalsh(found).min() >= -1e-3 * found.max()
    assert 0.2 < np.trace(found.sum(axis=0)) / np.trace(exact.sum(axis=0)) < 5
