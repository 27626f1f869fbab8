"""Fits of many rows, which begin at the minimum of a sample of them."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from threadpoolctl import threadpool_limits

from sklearn_losses import (
    Cauchy,
    CrossEntropy,
    Hinge,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    MulticlassHinge,
    Poisson,
    Quantile,
    SGDClassifier,
    SquaredError,
)
from sklearn_losses.estimators import _validation
from sklearn_losses.solvers.descent import _certified
from tests.cases import each

N, D = 24_000, 6


def estimator(loss, **settings):
    is_regression = loss.task == "regression"
    return (LinearRegressor if is_regression else LinearClassifier)(loss, **settings)


def data(loss, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) * [1.0, 10.0, 0.1, 1.0, 1.0, 1.0] + [0, 0, 0, 3, 0, 0]
    raw = X @ [0.5, 0.03, 2.0, 0.0, 0.0, -0.2]
    if loss.task == "multiclass":
        return X, (X @ rng.normal(size=(D, 4)) + rng.gumbel(size=(N, 4))).argmax(axis=1)
    if loss.task == "binary":
        return X, (raw + rng.logistic(size=N) > 0).astype(int)
    if loss.domain.low >= 0:
        return X, rng.poisson(np.exp(raw)).astype(float)
    return X, raw + rng.normal(size=N)


@pytest.fixture
def samples(monkeypatch):
    """What the fits of samples have found, None where there was none."""
    found, original = [], _certified.Certified._fit_of_sample

    def spy(self, *args):
        found.append(original(self, *args))
        return found[-1]

    monkeypatch.setattr(_certified.Certified, "_fit_of_sample", spy)
    return found


LOSSES = [
    *(LogLoss(), Hinge(), Poisson(), Huber(), Quantile(0.9)),
    *(SquaredError(), CrossEntropy(), MulticlassHinge()),
]


@pytest.mark.covering
@each(LOSSES)
@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
def test_the_answer_is_that_without_a_sample(loss, penalty, kind, samples, monkeypatch):
    X, y = data(loss)
    tol = 1e-3 if loss.granularity == "row" else 1e-6
    settings = dict(penalty=penalty, alpha=1e-3, tol=tol)
    found = estimator(loss, **settings).fit(kind(X), y)
    assert samples[-1] is not None
    monkeypatch.setattr(_certified, "SMALLEST_SAMPLE", N)
    known = estimator(loss, **settings).fit(X, y)
    assert samples[-1] is None
    gap = max(found.gap_, known.gap_)
    assert abs(found.objective_ - known.objective_) <= gap
    assert found.gap_ <= tol * max(1.0, float(np.var(y)))


def test_agrees_with_scikit_learn():
    X, y = data(LogLoss())
    ours = LinearClassifier(alpha=1e-2, tol=1e-10).fit(X, y)
    theirs = LogisticRegression(C=1 / (1e-2 * N), tol=1e-10, solver="newton-cholesky")
    assert_allclose(ours.coef_, theirs.fit(X, y).coef_, rtol=1e-4, atol=1e-6)
    X, y = data(Poisson())
    ours = LinearRegressor(Poisson(), alpha=1e-2, tol=1e-10).fit(X, y)
    theirs = PoissonRegressor(alpha=1e-2, tol=1e-10, solver="newton-cholesky")
    assert_allclose(ours.coef_, theirs.fit(X, y).coef_, rtol=1e-4, atol=1e-6)


def test_a_sample_that_misleads_is_left_behind(samples):
    """The rows of one class are so few that hardly one is in the sample."""
    X, y = data(LogLoss())
    y = np.zeros(N, int)
    y[:4] = 1
    X[:4, 0] += 3.0
    model = LinearClassifier(alpha=1e-4, tol=1e-6).fit(X, y)
    assert model.gap_ <= 1e-6
    theirs = LogisticRegression(C=1 / (1e-4 * N), tol=1e-10, solver="newton-cholesky")
    assert_allclose(model.coef_, theirs.fit(X, y).coef_, rtol=1e-2, atol=1e-3)


def test_a_column_that_is_constant_in_the_sample(samples):
    X, y = data(LogLoss())
    X = np.hstack([X, np.zeros((N, 1))])
    X[:6, -1] = 1e3
    model = LinearClassifier(alpha=1e-4, tol=1e-8).fit(X, y)
    assert abs(samples[-1].point[0][-1]) < 1e-9  # nothing was seen of it
    theirs = LogisticRegression(C=1 / (1e-4 * N), tol=1e-10, solver="newton-cholesky")
    assert_allclose(model.coef_, theirs.fit(X, y).coef_, rtol=1e-3, atol=1e-5)


def test_rows_of_weight_0_take_no_part(samples):
    X, y = data(LogLoss())
    weight = np.ones(N)
    weight[N // 4 :] = 0.0
    model = LinearClassifier(alpha=1e-3, tol=1e-9).fit(X, y, sample_weight=weight)
    assert samples[-1] is None  # most of it would count for nothing
    few = LinearClassifier(alpha=1e-3, tol=1e-9).fit(X[: N // 4], y[: N // 4])
    assert_allclose(model.coef_, few.coef_, rtol=1e-4)


@each([LogLoss(), Hinge(), CrossEntropy()])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
def test_the_number_of_threads_changes_nothing(loss, kind):
    X, y = data(loss)
    # Columns enough for two threads to have some in a block of rows.
    X = kind(np.hstack([X, np.random.default_rng(1).normal(size=(N, 30))]))
    coefs = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="openmp"):
            coefs.append(estimator(loss, tol=1e-3).fit(X, y).coef_)
    assert_array_equal(*coefs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
@each([LogLoss(), Hinge()])
def test_nothing_of_the_size_of_X_is_made(loss, kind, dtype):
    rng = np.random.default_rng(0)
    n = 100_000
    dense = rng.normal(size=(n, 40)).astype(dtype)
    y = (dense[:, 0] + rng.normal(size=n) > 0).astype(int)
    X = kind(dense)
    # Numbers a row, blocks of rows, and what belongs to one entry in 20 of X.
    limits = {
        SGDClassifier(loss): 5 * 8 * n + 5e6,
        LinearClassifier(loss, tol=1e-2): 11 * 8 * n + 5e6 + dense.nbytes / 10,
    }
    for model, limit in limits.items():
        tracemalloc.start()
        try:
            model.fit(X, y)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= limit


LARGE_FITS = [
    (SquaredError(), {}),
    (SquaredError(), dict(positive=True)),
    (Huber(), dict(fit_intercept=False)),
    (Huber(scale="mad"), {}),
    (Quantile(0.9), {}),
    (Cauchy(), {}),
    (Poisson(), dict(solver="lbfgs")),
    (Hinge(), dict(penalty="l1", alpha=1e-3)),
    (LogLoss(), dict(penalty="l1", alpha=1e-3, solver="active-set")),
    (LogLoss(), dict(penalty="l1", alpha=1e3, solver="active-set")),
    (CrossEntropy(), {}),
    (MulticlassHinge(), dict(max_iter=20)),
]


@pytest.mark.covering
@pytest.mark.parametrize(
    ("loss", "settings"), LARGE_FITS, ids=[f"{loss!r}-{s}" for loss, s in LARGE_FITS]
)
@pytest.mark.parametrize("kind", [np.array, np.float32, sparse.csr_array])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (N - 1, D - 1), (N // 2 + 7, 1)])
def test_entries_that_are_not_finite(loss, settings, kind, bad, place, monkeypatch):
    """X is not looked at before the fit: its first sums show that it is not finite."""
    monkeypatch.setattr(_validation, "LARGE", 0)
    X, y = data(loss)
    X[place] = bad
    model = estimator(loss, **settings)
    with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
        model.fit(kind(X), y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("settings", [{}, dict(penalty="l1", solver="active-set")])
def test_a_bad_entry_that_no_pass_meets(settings, monkeypatch):
    """Where a constant is perfect, and where a fit goes on from another."""
    monkeypatch.setattr(_validation, "LARGE", 0)
    X, y = data(Huber())
    model = LinearRegressor(Huber(), warm_start=True, **settings).fit(X, y)
    X[5, 3] = np.nan
    for target in (y, np.ones(N)):
        with pytest.raises(ValueError, match="NaN"):
            model.fit(X, target)


def test_large_entries_are_not_refused(monkeypatch):
    """Sums of them overflow, which does not make them infinite."""
    monkeypatch.setattr(_validation, "LARGE", 0)
    X, y = data(SquaredError())
    with np.errstate(over="ignore"):
        assert np.isinf(1e305 * X[:, 3].sum())
    expected = LinearRegressor(alpha=0.0).fit(X, y)
    scaled = LinearRegressor(alpha=0.0).fit(1e305 * X, y)
    assert_allclose(scaled.predict(1e305 * X), expected.predict(X), rtol=1e-9)


@each([SquaredError(), Huber(), Quantile(), Poisson()])
def test_a_constant_that_is_perfect(loss):
    X, _ = data(loss)
    model = LinearRegressor(loss).fit(X, np.full(N, 2.0))
    assert not model.coef_.any()
    assert_allclose(model.predict(X), 2.0, rtol=1e-9)
    assert model.gap_ <= 1e-9


@pytest.mark.parametrize("solver", ["newton", "active-set"])
def test_random_state_chooses_where_a_fit_begins(solver):
    X, y = data(LogLoss())
    model = LinearClassifier(solver=solver, penalty="elasticnet", alpha=1e-3, tol=1e-9)
    first, again, other, any_one = (
        clone(model).set_params(random_state=seed).fit(X, y)
        for seed in (1, 1, np.random.RandomState(2), None)
    )
    assert_array_equal(first.coef_, again.coef_)
    assert (first.coef_ != other.coef_).any()
    for fitted in (other, any_one):  # each may stand its own gap above the minimum
        within = max(first.gap_, fitted.gap_)
        assert_allclose(fitted.objective_, first.objective_, rtol=0, atol=within)


def test_a_random_state_that_is_none():
    X, y = data(LogLoss())
    with pytest.raises(ValueError, match=r"'random_state' parameter .* Got 'seven'"):
        LinearClassifier(random_state="seven").fit(X, y)
