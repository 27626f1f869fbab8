"""The same optimum as scikit-learn's solvers and statsmodels at matched settings.

Objectives are compared to the tolerance that both promise, and coefficients to what
that leaves of them.
"""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, LinearSVR

from sklearn_losses import (
    CrossEntropy,
    EpsilonInsensitive,
    Gamma,
    Hinge,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
    TukeyBiweight,
    Tweedie,
)

TOL = 1e-12
CLOSE = dict(rtol=1e-5, atol=1e-7)


def regression(positive=False):
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)[:300]
    return X, y[:300] / 50.0 if positive else (y[:300] - 150.0) / 80.0


def classification(load=load_breast_cancer):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def weights(n):
    return np.random.default_rng(0).uniform(0.5, 3.0, n)


def agree(ours, theirs, X, y, weight=None, **close):
    ours.fit(X, y, sample_weight=weight)
    theirs.fit(X, y, **({} if weight is None else {"sample_weight": weight}))
    close = CLOSE | close
    assert_allclose(ours.coef_, theirs.coef_, **close)
    assert_allclose(np.ravel(ours.intercept_), np.ravel(theirs.intercept_), **close)
    assert ours.gap_ <= 1e-6


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.01, 1.0])
def test_ridge(weighted, alpha):
    X, y = regression()
    weight = weights(len(y)) if weighted else None
    total = len(y) if weight is None else weight.sum()
    ours = LinearRegressor(SquaredError(), alpha=alpha, tol=TOL)
    agree(ours, Ridge(alpha=alpha * total), X, y, weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 1.0])
def test_elastic_net(weighted, l1_ratio):
    X, y = regression()
    settings = dict(alpha=0.05, l1_ratio=l1_ratio, tol=1e-12)
    ours = LinearRegressor(SquaredError(), penalty="elasticnet", **settings)
    theirs = ElasticNet(**settings, max_iter=100_000)
    weight = weights(len(y)) if weighted else None
    agree(ours, theirs, X, y, weight, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


def test_positive_elastic_net():
    X, y = regression()
    settings = dict(alpha=0.05, l1_ratio=0.3, tol=1e-12, positive=True)
    ours = LinearRegressor(SquaredError(), penalty="elasticnet", **settings)
    agree(ours, ElasticNet(**settings), X, y)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.001, 0.1])
@pytest.mark.parametrize(
    ("loss", "other"),
    [
        (Poisson(), PoissonRegressor()),
        (Gamma(), GammaRegressor()),
        (Tweedie(1.5), TweedieRegressor(power=1.5)),
        (Tweedie(1.8), TweedieRegressor(power=1.8)),
    ],
    ids=str,
)
def test_generalized_linear_models(loss, other, weighted, alpha):
    X, y = regression(positive=True)
    other.set_params(solver="newton-cholesky", tol=1e-12, alpha=alpha)
    ours = LinearRegressor(loss, alpha=alpha, tol=TOL)
    agree(ours, other, X, y, weights(len(y)) if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("strength", [1.0, 100.0])
def test_huber_at_the_scale_that_was_fitted(weighted, strength):
    """HuberRegressor: sum_i sigma + sigma h((y - p) / sigma) + strength |w|^2."""
    X, y = regression()
    weight = weights(len(y)) if weighted else None
    theirs = HuberRegressor(epsilon=1.35, alpha=strength, tol=1e-9, max_iter=10_000)
    theirs.fit(X, y, sample_weight=weight)
    sigma, total = theirs.scale_, len(y) if weight is None else weight.sum()
    # h is twice our Huber, with delta in units of sigma: divide all by 2 / sigma.
    ours = LinearRegressor(
        Huber(delta=1.35 * sigma), alpha=strength * sigma / total, tol=1e-10
    ).fit(X, y, sample_weight=weight)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.1])
def test_quantile_regressor(quantile, alpha):
    X, y = regression()
    ours = LinearRegressor(Quantile(quantile), penalty="l1", alpha=alpha).fit(X, y)
    theirs = QuantileRegressor(quantile=quantile, alpha=alpha).fit(X, y)
    raw = theirs.predict(X)
    value = Quantile(quantile).mean(y, raw) + alpha * np.abs(theirs.coef_).sum()
    assert ours.objective_ == pytest.approx(value, rel=1e-6)
    assert ours.objective_ - ours.gap_ <= value + 1e-12


def test_quantile_regression_of_statsmodels():
    X, y = regression()
    design = sm.add_constant(X)
    theirs = sm.QuantReg(y, design).fit(q=0.7, p_tol=1e-10, max_iter=10_000)
    ours = LinearRegressor(Quantile(0.7), penalty=None).fit(X, y)
    value = Quantile(0.7).mean(y, design @ theirs.params)
    assert ours.objective_ - ours.gap_ <= value
    assert ours.objective_ == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [1e-4, 0.1])
def test_logistic_regression(weighted, alpha):
    X, y = classification()
    weight = weights(len(y)) if weighted else None
    total = len(y) if weight is None else weight.sum()
    theirs = LogisticRegression(
        C=1 / (alpha * total), solver="newton-cholesky", tol=1e-12
    )
    agree(LinearClassifier(LogLoss(), alpha=alpha, tol=TOL), theirs, X, y, weight)


def test_logistic_regression_with_an_l1_norm():
    X, y = classification()
    ours = LinearClassifier(LogLoss(), penalty="l1", alpha=0.01, tol=TOL)
    theirs = LogisticRegression(
        C=1 / (0.01 * len(y)), l1_ratio=1, solver="saga", tol=1e-12, max_iter=100_000
    )
    agree(ours, theirs, X, y)


@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_multinomial_logistic_regression(alpha):
    X, y = classification(load_iris)
    ours = LinearClassifier(CrossEntropy(), alpha=alpha, tol=TOL).fit(X, y)
    theirs = LogisticRegression(
        C=1 / (alpha * len(y)), solver="newton-cholesky", tol=1e-12
    ).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, **CLOSE)
    centred = ours.intercept_ - ours.intercept_.mean()  # only differences count
    assert_allclose(centred, theirs.intercept_ - theirs.intercept_.mean(), **CLOSE)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_support_vector_machine(weighted):
    X, y = classification()
    weight = weights(len(y)) if weighted else None
    total = len(y) if weight is None else weight.sum()
    theirs = SVC(kernel="linear", C=1 / (0.01 * total), tol=1e-9)
    ours = LinearClassifier(Hinge(), alpha=0.01, tol=1e-9)
    agree(ours, theirs, X, y, weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_linear_svc_without_intercept(load):
    """liblinear penalises the intercept, so there is none."""
    X, y = classification(load)
    settings = dict(fit_intercept=False)
    theirs = LinearSVC(
        C=1 / (0.01 * len(y)), dual=False, tol=1e-10, max_iter=100_000, **settings
    ).fit(X, y)
    ours = LinearClassifier(SquaredHinge(), alpha=0.01, tol=TOL, **settings).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, **CLOSE)


@pytest.mark.parametrize("squared", [False, True])
def test_linear_svr_without_intercept(squared):
    X, y = regression()
    kinds = {False: EpsilonInsensitive, True: SquaredEpsilonInsensitive}
    name = ("squared_" if squared else "") + "epsilon_insensitive"
    theirs = LinearSVR(
        C=1 / (0.01 * len(y)),
        epsilon=0.2,
        loss=name,
        fit_intercept=False,
        tol=1e-10,
        max_iter=10_000_000,
    ).fit(X, y)
    loss = kinds[squared](epsilon=0.2)
    ours = LinearRegressor(loss, alpha=0.01, fit_intercept=False).fit(X, y)
    value = loss.mean(y, X @ theirs.coef_) + 0.005 * theirs.coef_ @ theirs.coef_
    assert ours.objective_ - ours.gap_ <= value
    assert ours.objective_ == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("norm", "loss", "threshold"),
    [
        (sm.robust.norms.HuberT(), lambda c: Huber(delta=c), 1.345),
        (sm.robust.norms.TukeyBiweight(), lambda c: TukeyBiweight(scale=c), 4.685),
    ],
    ids=["HuberT", "TukeyBiweight"],
)
def test_robust_linear_models_of_statsmodels(norm, loss, threshold):
    X, y = regression()
    y = y.copy()
    y[:15] += 6.0
    design = sm.add_constant(X)
    theirs = sm.RLM(y, design, M=norm).fit(update_scale=False, tol=1e-12, maxiter=1000)
    # They divide residuals by a scale that is kept.
    ours = LinearRegressor(loss(threshold * theirs.scale), penalty=None, tol=1e-10)
    ours.fit(X, y)
    assert_allclose(np.append(ours.intercept_, ours.coef_), theirs.params, atol=1e-5)
