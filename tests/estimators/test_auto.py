"""learning_rate="auto" on data of scikit-learn, as it comes and standardized."""

import warnings

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from sklearn import datasets
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_losses import (
    AbsoluteError,
    Hinge,
    Huber,
    LogLoss,
    Quantile,
    SGDClassifier,
    SGDRegressor,
    SquaredError,
)

ALPHA = 1e-4
DATA = {
    "diabetes": (datasets.load_diabetes, AbsoluteError(), SquaredError()),
    "breast_cancer": (datasets.load_breast_cancer, Hinge(), LogLoss()),
}


def load(name):
    X, y = DATA[name][0](return_X_y=True)
    return X, y.astype(np.float64)


def smooth_optimum(loss, X, y, alpha):
    """The least objective, by L-BFGS on standardized columns, from scipy."""
    unit, mean = X.std(axis=0), X.mean(axis=0)
    Z = (X - mean) / unit

    def function(v):
        u, raw = v[:-1], Z @ v[:-1] + v[-1]
        slopes = loss.gradient(y, raw) / len(y)
        coef = u / unit
        value = loss.value(y, raw).mean() + alpha / 2 * coef @ coef
        return value, np.append(Z.T @ slopes + alpha * coef / unit, slopes.sum())

    start = np.append(np.zeros(X.shape[1]), y.mean())
    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 1e-13, "gtol": 1e-9}
    return minimize(function, start, jac=True, method="L-BFGS-B", options=options).fun


def linear_optimum(X, y, is_hinge):
    """The least mean loss of a kinked loss without penalty, by linear programming."""
    n, d = X.shape
    Z = np.column_stack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones(n)])
    if is_hinge:
        sign = 2 * y - 1
        upper, bound = -np.hstack([Z * sign[:, None], np.eye(n)]), -np.ones(n)
    else:
        upper = np.vstack([np.hstack([Z, -np.eye(n)]), np.hstack([-Z, -np.eye(n)])])
        bound = np.concatenate([y, -y])
    cost = np.append(np.zeros(d + 1), np.full(n, 1 / n))
    bounds = [(None, None)] * (d + 1) + [(0, None)] * n
    return linprog(cost, upper, bound, bounds=bounds, method="highs").fun


def relative_gap(loss, X, y, model, best, alpha):
    coef = model.coef_.ravel()
    found = loss.value(y, X @ coef + model.intercept_[0]).mean()
    found += alpha / 2 * coef @ coef
    constant = loss.mean(y, np.full(len(y), loss.optimal_constant(y)))
    return (found - best) / (constant - best)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("has_kinks", [True, False])
def test_gap_is_below_one_percent(name, standardized, has_kinks):
    X, y = load(name)
    if standardized:
        X = StandardScaler().fit_transform(X)
    _, kinked, smooth = DATA[name]
    loss, alpha = (kinked, 0.0) if has_kinks else (smooth, ALPHA)
    estimator = SGDRegressor if name == "diabetes" else SGDClassifier
    model = estimator(loss, learning_rate="auto", alpha=alpha).fit(X, y)
    if has_kinks:
        best = linear_optimum(X, y, name == "breast_cancer")
    else:
        best = smooth_optimum(loss, X, y, alpha)
    assert -1e-4 < relative_gap(loss, X, y, model, best, alpha) < 0.01


def test_hinge_with_penalty_is_a_support_vector_machine():
    X, y = load("breast_cancer")
    X = StandardScaler().fit_transform(X)
    known = SVC(kernel="linear", C=1 / (ALPHA * len(y)), tol=1e-6).fit(X, y)
    coef = known.coef_.ravel()
    best = Hinge().mean(y, X @ coef + known.intercept_[0]) + ALPHA / 2 * coef @ coef
    model = SGDClassifier(Hinge(), learning_rate="auto", alpha=ALPHA).fit(X, y)
    assert -1e-6 < relative_gap(Hinge(), X, y, model, best, ALPHA) < 0.01


@pytest.mark.parametrize(
    "loss",
    [SquaredError(), AbsoluteError(), Huber(scale="mad"), Quantile(0.3)],
    ids=repr,
)
@pytest.mark.parametrize("unit", [1e-30, 1e-9, 1e9, 1e30])
def test_the_unit_of_y_does_not_matter(loss, unit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = X @ [1.0, -2.0, 0.5, 0.0] + 1.0 + 0.3 * rng.standard_t(2, size=100)
    known, found = (
        SGDRegressor(loss, penalty=None).fit(X, y * u).coef_ / u for u in (1.0, unit)
    )
    np.testing.assert_allclose(found, known, rtol=0, atol=1e-5)


@pytest.mark.parametrize("y", [7.1, 1e-9, -1e12])
def test_a_constant_target_is_a_constant_model(y):
    X = np.random.default_rng(0).normal(size=(100, 4))
    model = SGDRegressor().fit(X, np.full(100, y))
    assert not model.coef_.any()
    np.testing.assert_allclose(model.intercept_, y, rtol=1e-15)


def test_a_perceptron_is_not_said_to_diverge():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = X[:, 0] + rng.normal(size=100) > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SGDClassifier("perceptron", random_state=0).fit(X, y)
    assert np.isfinite(model.coef_).all()
