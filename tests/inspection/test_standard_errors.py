"""Sandwich standard errors, against statsmodels."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose

from sklearn_losses import (
    BinomialTrials,
    CrossEntropy,
    Gamma,
    Huber,
    LinearClassifier,
    LinearMultiTask,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    LogLoss,
    Poisson,
    Quantile,
    SGDRegressor,
    SquaredError,
    TukeyBiweight,
    WeibullAFT,
    standard_errors,
    survival_bands,
    survival_target,
)
from tests.cases import each
from tests.estimators.test_linear import data, estimator


def unpenalised(loss, **settings):
    return estimator(loss, penalty=None, tol=1e-12, **settings)


def known_errors(loss, X, y):
    design = sm.add_constant(X)
    if isinstance(loss, SquaredError):
        return sm.OLS(y, design).fit(cov_type="HC0").bse
    if isinstance(loss, LogLoss):
        return sm.Logit(y, design).fit(disp=0, tol=1e-12, cov_type="HC0").bse
    family = sm.families.Poisson()
    return sm.GLM(y, design, family).fit(tol=1e-14, cov_type="HC0").bse


@each([SquaredError(), Poisson(), LogLoss()])
def test_against_statsmodels(loss):
    X, y = data(loss)
    model = unpenalised(loss).fit(X, y)
    errors = standard_errors(model, X, y)
    known = known_errors(loss, X, y)
    assert_allclose(np.append(errors.intercept, errors.coef), known, rtol=1e-5)
    assert errors.coef.shape == model.coef_.shape


def in_numpy(loss, model, X, y, weight):
    raw = X @ model.coef_.ravel() + model.intercept_
    slopes = loss.gradient(y.astype(float), raw, weight)
    design = np.column_stack([X, np.ones(len(y))])
    curvature = loss.curvature(y.astype(float), raw, weight)
    bread = np.linalg.inv(design.T @ (curvature[:, None] * design))
    meat = design.T @ (slopes[:, None] ** 2 * design)
    return np.sqrt(np.diag(bread @ meat @ bread))


@each([Huber(), Gamma(), TukeyBiweight(scale=8.0), LogLoss()])
def test_weights_and_other_losses_against_numpy(loss):
    X, y = data(loss)
    X = X - X.mean(axis=0)
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    model = unpenalised(loss).fit(X, y, sample_weight=weight)
    errors = standard_errors(model, X, y, sample_weight=weight)
    both = np.append(errors.coef, errors.intercept)
    assert_allclose(both, in_numpy(loss, model, X, y, weight), rtol=1e-6)


def test_without_intercept():
    X, y = data(SquaredError())
    model = unpenalised(SquaredError(), fit_intercept=False).fit(X, y)
    errors = standard_errors(model, X, y)
    assert_allclose(errors.coef, sm.OLS(y, X).fit(cov_type="HC0").bse, rtol=1e-6)
    assert errors.intercept == [0.0]


def test_one_versus_rest():
    X, y = data(CrossEntropy())
    errors = standard_errors(unpenalised(LogLoss()).fit(X, y), X, y)
    binary = standard_errors(unpenalised(LogLoss()).fit(X, y == 1), X, y == 1)
    assert errors.coef.shape == (3, 5)
    assert_allclose(errors.coef[1], binary.coef[0])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LinearRegressor(), "penalty shrinks are biased"),
        (LinearRegressor(Quantile(), penalty=None), "has kinks"),
        (LinearRegressor(penalty=None, positive=True), "positive=True binds"),
    ],
    ids=str,
)
def test_what_has_no_errors_is_refused(model, message):
    X, y = data(SquaredError())
    with pytest.raises(ValueError, match=message):
        standard_errors(model.fit(X, y), X, y)


def test_other_refusals():
    X, y = data(CrossEntropy())
    model = LinearClassifier(CrossEntropy(), penalty=None).fit(X, y)
    with pytest.raises(ValueError, match="has several outputs"):
        standard_errors(model, X, y)
    X, y = data(SquaredError())
    twice = np.hstack([X, X[:, :1]])
    model = LinearRegressor(penalty=None).fit(twice, y)
    with pytest.raises(ValueError, match="a column of X is constant, or a comb"):
        standard_errors(model, twice, y)
    for other in (SGDRegressor(), LinearRanker(), LinearMultiTask()):
        with pytest.raises(TypeError, match="needs a LinearRegressor"):
            standard_errors(other, X, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_of_another_fit_are_named(dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(200, 3)) + 5.0).astype(dtype)
    y, weight = np.exp(X[:, 0] / 3 + rng.normal(size=200)), rng.uniform(size=200)
    models = [
        (LinearRegressor("squared_error", penalty=None), y),
        (LinearClassifier("log_loss", penalty=None, tol=0.1), np.digitize(y, [3, 8])),
        (LinearSurvival(penalty=None, tol=0.1), survival_target(y > 3, y)),
        (LinearSurvival(WeibullAFT(), penalty=None), survival_target(y > 3, y)),
    ]
    for model, target in models:
        model.fit(X, target, sample_weight=weight)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            standard_errors(model, X, target, sample_weight=weight)
        with pytest.warns(UserWarning, match="standard_errors supposes X, y, groups"):
            standard_errors(model, X, target)
    with pytest.warns(UserWarning, match="survival_bands supposes X, y, groups"):
        survival_bands(model, X, target, X[:2])


def test_trials_are_those_of_statsmodels():
    rng = np.random.default_rng(0)
    rows, n = rng.normal(size=(200, 3)), rng.integers(1, 9, 200)
    successes = rng.binomial(n, 1.0 / (1.0 + np.exp(0.3 - rows[:, 0])))
    y = np.column_stack([successes, n - successes])
    model = LinearRegressor(BinomialTrials(), penalty=None, tol=1e-10).fit(rows, y)
    errors = standard_errors(model, rows, y)
    other = sm.GLM(y, sm.add_constant(rows), family=sm.families.Binomial())
    known = other.fit(cov_type="HC0").bse
    np.testing.assert_allclose(
        np.append(errors.intercept, errors.coef), known, rtol=1e-6
    )
