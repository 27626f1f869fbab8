"""The optimum of few features is that of all of them."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression

from sklearn_losses import (
    CrossEntropy,
    Hinge,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    Poisson,
    Quantile,
    SquaredError,
    SquaredHinge,
    TukeyBiweight,
    alpha_max,
    regularization_path,
)
from sklearn_losses.solvers import _active_set
from tests.cases import each

N, D = 400, 150
LOSSES = [
    *(SquaredError(), Huber(), Poisson(), LogLoss(), SquaredHinge(), CrossEntropy()),
    *(Quantile(0.7), Hinge()),
]


def estimator(loss, **settings):
    is_regression = loss.task == "regression"
    settings = dict(penalty="l1") | settings
    return (LinearRegressor if is_regression else LinearClassifier)(loss, **settings)


def data(loss, seed=0):
    """Features of unlike scales and offsets, four of which matter, one constant."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(N, D))
    X = Z * np.geomspace(0.1, 10, D) + rng.normal(size=D)
    X[:, 7] = 3.0
    raw = Z[:, :4] @ [1.0, -1.0, 0.5, 0.5]
    if loss.task == "multiclass":
        scores = Z[:, :3] * 2.0 + rng.gumbel(size=(N, 3))
        return X, scores.argmax(axis=1)
    if loss.task == "binary":
        return X, (raw + rng.logistic(size=N) > 0).astype(int)
    if loss.domain.low >= 0:
        return X, rng.poisson(np.exp(0.5 * raw)).astype(float)
    return X, raw + rng.normal(size=N)


def with_alpha(model, X, y, share=0.2):
    return model.set_params(alpha=share * alpha_max(model, X, y))


@each(LOSSES)
@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
@pytest.mark.parametrize("intercept", [True, False])
def test_it_is_the_optimum_of_all_features(loss, kind, intercept):
    X, y = data(loss)
    model = with_alpha(estimator(loss, fit_intercept=intercept, tol=1e-5), X, y)
    found = model.fit(kind(X), y)
    assert found.solver_ == "active-set"
    objective, gap = found.objective_, found.gap_
    assert gap <= 1e-4 * objective
    assert 0 < np.count_nonzero(found.coef_) < found.coef_.size / 2
    other = "lbfgs" if loss.granularity == "row" else "newton"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its gap counts
        known = model.set_params(solver=other).fit(X, y)
    assert known.solver_ == other
    assert objective - known.objective_ <= gap + 1e-12
    assert known.objective_ - objective <= known.gap_ + 1e-12


@each([SquaredError(), LogLoss(), Quantile(0.7)])
def test_positive_coefficients(loss):
    X, y = data(loss)
    model = with_alpha(estimator(loss, positive=True, tol=1e-5), X, y).fit(X, y)
    assert model.solver_ == "active-set"
    assert model.coef_.min() == 0.0 < model.coef_.max()
    objective, gap = model.objective_, model.gap_
    known = model.set_params(solver="newton").fit(X, y)
    assert abs(objective - known.objective_) <= max(gap, known.gap_) + 1e-12


def test_agrees_with_scikit_learn():
    X, y = data(SquaredError())
    model = with_alpha(LinearRegressor(penalty="l1", tol=1e-9), X, y).fit(X, y)
    theirs = Lasso(model.alpha, tol=1e-12, max_iter=100_000).fit(X, y)
    assert_allclose(model.coef_, theirs.coef_, atol=1e-5)
    model.set_params(penalty="elasticnet", l1_ratio=0.5).fit(X, y)
    assert model.solver_ == "active-set"
    theirs = ElasticNet(model.alpha, l1_ratio=0.5, tol=1e-12, max_iter=100_000)
    assert_allclose(model.coef_, theirs.fit(X, y).coef_, atol=1e-5)
    X, y = data(LogLoss())
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
    model = with_alpha(LinearClassifier(penalty="l1", tol=1e-9), X, y).fit(X, y)
    theirs = LogisticRegression(
        C=1 / (model.alpha * N), l1_ratio=1, solver="saga", tol=1e-10, max_iter=100_000
    )
    assert_allclose(model.coef_, theirs.fit(X, y).coef_, atol=1e-4)


def test_more_features_than_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 500))
    y = X[:, :3].sum(axis=1) + 0.1 * rng.normal(size=60)
    model = with_alpha(LinearRegressor(penalty="l1", tol=1e-10), X, y, 0.05).fit(X, y)
    assert model.gap_ <= 1e-9
    theirs = Lasso(model.alpha, tol=1e-12, max_iter=100_000).fit(X, y)
    assert_allclose(model.coef_, theirs.coef_, atol=1e-4)


@each([SquaredError(), LogLoss(), Hinge(), Quantile(0.7), CrossEntropy()])
def test_from_alpha_max_on_nothing_is_left(loss):
    X, y = data(loss)
    model = with_alpha(estimator(loss), X, y, 1.01).fit(X, y)
    assert not model.coef_.any()
    assert model.gap_ <= 1e-6


def test_where_all_features_are_needed_all_are_taken():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    y = X.sum(axis=1)
    model = LinearRegressor(penalty="l1", alpha=1e-3).fit(X, y)
    assert np.count_nonzero(model.coef_) == D
    assert model.gap_ <= 1e-6 * np.var(y)


def test_a_path_begins_with_the_features_of_the_fit_before(monkeypatch):
    X, y = data(SquaredError())
    sizes, original = [], _active_set._Search.solve

    def spy(self, chosen):
        sizes.append(len(chosen))
        return original(self, chosen)

    monkeypatch.setattr(_active_set._Search, "solve", spy)
    path = regularization_path(LinearRegressor(penalty="l1"), X, y, n_alphas=12)
    assert path.gaps.max() <= 1e-6 * np.var(y)
    assert min(sizes) < 10
    assert np.median(sizes) < D / 2
    for alpha, coef in zip(path.alphas[1:], path.coefs[1:]):
        theirs = Lasso(alpha, tol=1e-12, max_iter=100_000).fit(X, y)
        assert_allclose(coef, theirs.coef_, atol=2e-3)


def test_weights_are_repetitions():
    X, y = data(LogLoss())
    weight = np.random.default_rng(1).integers(0, 3, N)
    settings = dict(penalty="l1", alpha=0.02, tol=1e-10)
    model = LinearClassifier(**settings).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(N), weight)
    again = LinearClassifier(**settings).fit(X[rows], y[rows])
    assert_allclose(model.coef_, again.coef_, atol=1e-6)
    assert_array_equal(model.coef_ != 0, again.coef_ != 0)


def test_too_few_passes_are_said():
    X, y = data(LogLoss())
    model = with_alpha(LinearClassifier(penalty="l1", max_iter=3), X, y, 0.02)
    with pytest.warns(ConvergenceWarning, match="max_iter=3 .* duality gap"):
        model.fit(X, y)


def test_what_it_cannot_do_is_said():
    X, y = data(SquaredError())
    with pytest.raises(ValueError, match=r"penalty='l2'.*Use solver='auto'"):
        LinearRegressor(solver="active-set").fit(X, y)
    with pytest.raises(ValueError, match=r"is not convex.*Use solver='auto'"):
        LinearRegressor(TukeyBiweight(), penalty="l1", solver="active-set").fit(X, y)
