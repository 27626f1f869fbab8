"""Paths of penalties: where they begin, and that each fit is the one without a path."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import enet_path

from sklearn_losses import (
    MCP,
    BinomialTrials,
    CrossEntropy,
    GaussianDistribution,
    GroupLasso,
    Hinge,
    Huber,
    LinearClassifier,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRegressor,
    LinearSurvival,
    LogLoss,
    MulticlassHinge,
    Poisson,
    Quantile,
    Quantiles,
    SGDRegressor,
    SquaredError,
    TukeyBiweight,
    WeibullAFT,
    alpha_max,
    regularization_path,
    survival_target,
)
from tests.cases import each
from tests.estimators.test_linear import data, estimator


@each([SquaredError(), Huber(), Poisson(), LogLoss(), CrossEntropy()])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_below_alpha_max_a_coefficient_appears(loss, positive, intercept):
    if positive and loss.granularity == "row":
        pytest.skip("refused")
    X, y = data(loss)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    settings = dict(penalty="elasticnet", l1_ratio=0.7, tol=1e-10)
    model = estimator(loss, positive=positive, fit_intercept=intercept, **settings)
    largest = alpha_max(model, X, y, sample_weight=weight)
    above, below = (
        model.set_params(alpha=factor * largest).fit(X, y, sample_weight=weight).coef_
        for factor in (1.001, 0.98)
    )
    assert not above.any()
    assert below.any()


@each([Quantile(0.9), Hinge()])
def test_from_alpha_max_of_a_kinked_loss_on_all_coefficients_are_0(loss):
    X, y = data(loss)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = estimator(loss, penalty="l1")
    largest = alpha_max(model, X, y)
    model.set_params(alpha=1.001 * largest).fit(X, y)
    constant = loss.mean(y, np.full(len(y), loss.optimal_constant(y)))
    assert model.objective_ == pytest.approx(constant, rel=1e-5)
    model.set_params(alpha=0.5 * largest).fit(X, y)
    assert model.objective_ < 0.99 * constant


def test_alpha_max_is_that_of_the_lasso():
    X, y = data(SquaredError())
    known = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y)
    model = LinearRegressor(penalty="l1")
    assert alpha_max(model, X, y) == pytest.approx(known, rel=1e-10)
    assert model.alpha == 1e-4  # as it was


def test_one_versus_rest_takes_the_largest():
    X, y = data(CrossEntropy())
    model = LinearClassifier(penalty="l1")
    each_class = [alpha_max(model, X, y == k) for k in range(3)]
    assert alpha_max(model, X, y) == max(each_class)


@pytest.mark.parametrize("loss", [SquaredError(), LogLoss(), CrossEntropy()], ids=str)
@pytest.mark.parametrize(
    "penalty",
    [GroupLasso([0, 0, 1, 1, 1], [0.0, 1.0]), MCP(weights=[0.0, 0.0, 1.0, 2.0, 1.0])],
    ids=str,
)
def test_features_that_nothing_is_paid_for_are_there_at_alpha_max(loss, penalty):
    X, y = data(loss)
    X = X[:, :5]
    model = estimator(loss, penalty=penalty, tol=1e-10)
    largest = alpha_max(model, X, y)
    above, below = (
        model.set_params(alpha=share * largest).fit(X, y).coef_[..., 2:].copy()
        for share in (1.001, 0.95)
    )
    assert not np.any(above)
    assert np.any(below)


def test_the_path_of_the_elastic_net():
    X, y = data(SquaredError())
    X, y = (X - X.mean(axis=0)) / X.std(axis=0), y - y.mean()
    model = LinearRegressor(penalty="elasticnet", l1_ratio=0.5, tol=1e-11)
    path = regularization_path(model, X, y, n_alphas=10)
    alphas, coefs, _ = enet_path(X, y, l1_ratio=0.5, alphas=path.alphas, tol=1e-12)
    assert_allclose(path.alphas, alphas)
    assert path.alphas[0] / path.alphas[-1] == pytest.approx(1e3)
    assert_allclose(path.coefs, coefs.T, atol=1e-6)
    assert path.gaps.shape == path.n_iter.shape == path.objectives.shape == (10,)


@each([Poisson(), Quantile(0.9), LogLoss(), CrossEntropy()])
def test_a_fit_of_a_path_is_the_fit_without_it(loss):
    X, y = data(loss)
    alphas = [0.001, 0.1, 0.01]
    model = estimator(loss)
    path = regularization_path(model, X, y, alphas)
    assert_allclose(path.alphas, [0.1, 0.01, 0.001])
    for k, alpha in enumerate(path.alphas):
        alone = estimator(loss, alpha=alpha).fit(X, y)
        apart = abs(path.objectives[k] - alone.objective_)
        assert apart <= path.gaps[k] + alone.gap_ + 1e-14
        assert path.coefs[k].shape == alone.coef_.shape
        assert path.intercepts[k].shape == alone.intercept_.shape
    assert not hasattr(model, "coef_")


def test_errors():
    X, y = data(SquaredError())
    with pytest.raises(ValueError, match=r"needs an l1 norm.*penalty='l2'"):
        regularization_path(LinearRegressor(), X, y)
    with pytest.raises(ValueError, match=r"alpha_max cannot use Tukey.*not convex"):
        alpha_max(LinearRegressor(TukeyBiweight(), penalty="l1"), X, y)
    with pytest.raises(ValueError, match=r"cannot use MulticlassHinge.*has kinks"):
        alpha_max(LinearClassifier(MulticlassHinge(), penalty="l1"), X, y)
    with pytest.raises(TypeError, match=r"needs a LinearRegressor.*Got SGDRegressor"):
        regularization_path(SGDRegressor(), X, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("alphas", alphas) for alphas in (0.1, [[0.1]], [], [-0.1])],
        *[("ratio", 0), ("ratio", 2), ("n_alphas", 0)],
    ],
)
def test_odd_alphas(name, value):
    X, y = data(SquaredError())
    with pytest.raises(ValueError, match=f"'{name}' parameter of regularization_path"):
        regularization_path(LinearRegressor(penalty="l1"), X, y, **{name: value})


@pytest.mark.parametrize("loss", [Huber(), Quantile(0.5), SquaredError()], ids=repr)
def test_alpha_max_does_not_see_rows_of_weight_0(loss):
    X, y = data(loss)
    weight, spoilt = np.arange(len(y)) >= 20, y.copy()
    spoilt[:20] = 1e9
    model = LinearRegressor(loss, penalty="l1")
    found = alpha_max(model, X, spoilt, sample_weight=weight.astype(float))
    assert found == pytest.approx(alpha_max(model, X[20:], y[20:]), rel=1e-12)


@pytest.mark.parametrize(("d", "l1_ratio"), [(8, 0.5), (8, 1.0), (120, 0.9)])
def test_a_path_of_hazards_is_that_of_fits_without_it(d, l1_ratio):
    """What a fit leaves for the next one speeds it up, and changes no answer."""
    rng = np.random.default_rng(d)
    X = rng.normal(size=(150, d)) * rng.uniform(0.1, 10.0, size=d)
    time = np.ceil(10 * rng.exponential(np.exp(-X[:, 0] / X[:, 0].std())))
    y = survival_target(rng.uniform(size=150) < 0.7, time)
    weight = rng.integers(0, 3, size=150)
    model = LinearSurvival(penalty="elasticnet", l1_ratio=l1_ratio)
    path = regularization_path(model, X, y, n_alphas=12, sample_weight=weight)
    for k, alpha in enumerate(path.alphas):
        alone = clone(model).set_params(alpha=alpha).fit(X, y, sample_weight=weight)
        apart = abs(path.objectives[k] - alone.objective_)
        assert apart <= max(path.gaps[k], alone.gap_) + 1e-14


def test_alphas_that_are_no_numbers():
    with pytest.raises(ValueError, match=r"'alphas' parameter .* Got 'x' instead"):
        regularization_path(LinearRegressor(penalty="l1"), [[0.0], [1.0]], [0, 1], "x")


RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(300, 6)) * [1, 10, 0.1, 1, 1, 1] + [0, 5, 1, 0, 0, 0]
LATENT = ROWS[:, 0] + 0.05 * ROWS[:, 1] + RNG.logistic(size=300)
TIMES = survival_target(RNG.random(300) < 0.7, np.exp(LATENT))
OUTPUTS = {
    "ordinal": (LinearOrdinalClassifier(), np.digitize(LATENT, [-1, 0, 2])),
    "times": (LinearSurvival(WeibullAFT()), TIMES),
    "scale": (LinearSurvival(WeibullAFT(), features={"scale": [0, 3]}), TIMES),
    "trials": (
        LinearRegressor(BinomialTrials()),
        np.column_stack([RNG.binomial(5, 0.3, 300), np.full(300, 5)]),
    ),
    "levels": (LinearRegressor(Quantiles([0.2, 0.7])), LATENT),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_path_of_several_outputs(name):
    model, y = OUTPUTS[name]
    weight, offset = RNG.integers(1, 3, 300).astype(float), RNG.normal(size=300)
    model = clone(model).set_params(penalty="l1", tol=1e-9)
    known = {"sample_weight": weight, "offset": offset}
    largest = alpha_max(model, ROWS, y, **known)
    at, below = (
        clone(model).set_params(alpha=share * largest).fit(ROWS, y, **known)
        for share in (1.0 + 1e-6, 0.97)
    )

    def every(fitted):
        own = getattr(fitted, "predictors_", {})
        return [fitted.coef_.ravel(), *(p.coef for p in own.values())]

    assert not np.concatenate(every(at)).any()
    if name != "levels":  # of kinks the optimum may be 0 below
        assert np.concatenate(every(below)).any()
    path = regularization_path(model, ROWS, y, None, weight, offset=offset, n_alphas=4)
    for k, alpha in enumerate(path.alphas):
        alone = clone(model).set_params(alpha=alpha).fit(ROWS, y, **known)
        np.testing.assert_allclose(path.coefs[k], alone.coef_, rtol=1e-5, atol=1e-8)
        assert repr(path.losses[k]) == repr(alone.loss_)
    assert ("thresholds" in path, "predictors" in path) == (
        name == "ordinal",
        name == "scale",
    )


def test_paths_that_are_not_there():
    y, gaussian = LATENT, LinearRegressor(GaussianDistribution(), penalty="l1")
    with pytest.raises(ValueError, match=r"Distribution\(\), because it is not"):
        alpha_max(gaussian, ROWS, y)
    with pytest.raises(TypeError, match="Got LinearMultiTask"):
        alpha_max(LinearMultiTask(penalty="l1"), ROWS, np.column_stack([y, y]))
    path = regularization_path(gaussian, ROWS, y, [0.1, 0.01])
    assert path.losses[0].scale > path.losses[1].scale
