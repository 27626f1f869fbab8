"""Standard errors, against statsmodels and derivatives that are differences."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import sparse
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.othermod.betareg import BetaModel

from sklearn_losses import (
    Beta,
    BinomialTrials,
    CrossEntropy,
    CumulativeLogit,
    CumulativeProbit,
    Gamma,
    GaussianDistribution,
    Huber,
    InverseGaussian,
    LinearClassifier,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    LogLoss,
    NegativeBinomial,
    Poisson,
    Quantile,
    Quantiles,
    SGDRegressor,
    SquaredError,
    TukeyBiweight,
    Tweedie,
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
    labels = np.column_stack([y == 1, y == 0]).astype(int)
    errors = standard_errors(unpenalised(LogLoss()).fit(X, labels), X, labels)
    assert_allclose(errors.coef[0], binary.coef[0])


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
    X, y = data(SquaredError())
    model = LinearRegressor(Quantiles(), penalty=None).fit(X, y)
    with pytest.raises(ValueError, match="has several outputs"):
        standard_errors(model, X, y)
    X, y = data(SquaredError())
    for settings, model, message in (
        ({"strata": y}, LinearRegressor(penalty=None), "strata are for a LinearSurv"),
        (
            {"kind": "model", "clusters": y},
            LinearRegressor(penalty=None),
            "clusters are of kind='sandwich'",
        ),
        (
            {"kind": "model"},
            LinearRegressor(Huber(), penalty=None),
            r"Huber\(\) is no likelihood: use kind='sandwich'",
        ),
        (
            {"kind": "model"},
            LinearRegressor(GaussianDistribution(rule="crps"), penalty=None),
            "is no likelihood",
        ),
        (
            {"kind": "model"},
            LinearClassifier(LogLoss(), penalty=None, class_weight="balanced"),
            "class_weight makes other shares",
        ),
    ):
        target = y > 0 if isinstance(model, LinearClassifier) else y
        with pytest.raises(ValueError, match=message):
            standard_errors(model.fit(X, target), X, target, **settings)
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


def features(rng, n=500):
    """Features in several units, around several means."""
    return rng.normal(size=(n, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 1.0]


@pytest.mark.parametrize("loss", [CumulativeLogit(), CumulativeProbit()])
def test_ordered_classes(loss):
    rng = np.random.default_rng(0)
    X = features(rng)
    y = np.digitize(X @ [1, 0.05, -3] + rng.logistic(size=len(X)), [-5, -3, -1.5])
    model = LinearOrdinalClassifier(loss, penalty=None, tol=1e-12).fit(X, y)
    found = standard_errors(model, X, y, kind="model")
    known = OrderedModel(y, X, distr=loss.name.removeprefix("cumulative_"))
    known = known.fit(method="newton", disp=0, tol=1e-12)
    # The other thresholds are logarithms of differences there.
    assert_allclose([*found.coef[0], found.thresholds[0]], known.bse[:4], rtol=1e-5)
    mirrored = LinearOrdinalClassifier(loss, penalty=None, tol=1e-12).fit(X, 3 - y)
    found_there = standard_errors(mirrored, sparse.csr_matrix(X), 3 - y, kind="model")
    assert_allclose(found_there.thresholds, found.thresholds[::-1], rtol=1e-5)
    weight = rng.integers(0, 3, len(X))
    twice = np.repeat(np.arange(len(X)), weight)
    model.fit(X, y, sample_weight=weight)
    assert_allclose(
        standard_errors(model, X, y, weight, kind="model").thresholds,
        standard_errors(model, X[twice], y[twice], kind="model").thresholds,
    )


def test_a_class_without_rows_has_thresholds_of_its_neighbours():
    rng = np.random.default_rng(0)
    X = features(rng)
    y = np.digitize(X[:, 0] + rng.logistic(size=len(X)), [-1, 1])
    few = LinearOrdinalClassifier(penalty=None).fit(X, y)
    expected = standard_errors(few, X, y)
    more = LinearOrdinalClassifier(penalty=None, categories=[0, 1, 7, 2, 9])
    with pytest.warns(UserWarning, match="No row of y has the class"):
        more.fit(X, y)
    with pytest.warns(UserWarning, match="No row of y has the class"):
        found = standard_errors(more, X, y)
    a, b = expected.thresholds
    assert_allclose(found.thresholds, [a, b, b, np.nan])


@pytest.mark.parametrize("kind", ["model", "sandwich"])
def test_several_classes_are_those_of_statsmodels(kind):
    X, y = data(CrossEntropy())
    found = standard_errors(unpenalised(CrossEntropy()).fit(X, y), X, y, kind=kind)
    of = {"model": "nonrobust", "sandwich": "HC0"}[kind]
    settings = dict(method="newton", disp=0, tol=1e-13, cov_type=of)
    covariance = np.asarray(
        sm.MNLogit(y, sm.add_constant(X)).fit(**settings).cov_params()
    )
    p = X.shape[1] + 1
    every = np.zeros((3, p, 3, p))
    every[1:, :, 1:] = covariance.reshape(2, p, 2, p)
    centre = np.eye(3) - 1 / 3  # coefficients sum to 0 over classes
    every = np.einsum("ab,bicj,dc->aidj", centre, every, centre)
    known = np.sqrt([[every[k, i, k, i] for i in range(p)] for k in range(3)])
    assert_allclose(np.c_[found.intercept, found.coef], known, rtol=1e-5)
    binary = unpenalised(CrossEntropy()).fit(X, y == 1)
    same = unpenalised(LogLoss()).fit(X, y == 1)
    assert_allclose(
        standard_errors(binary, X, y == 1, kind=kind).coef,
        standard_errors(same, X, y == 1, kind=kind).coef,
        rtol=1e-5,
    )


@pytest.mark.parametrize("kind", ["model", "sandwich"])
def test_parameters_that_are_fitted_take_part(kind):
    rng = np.random.default_rng(0)
    X = features(rng)
    design, of = sm.add_constant(X), {"model": "nonrobust", "sandwich": "HC0"}[kind]
    mean = 1 / (1 + np.exp(-(0.8 * X[:, 0] + 1.5)))
    y = rng.beta(3 * mean, 3 * (1 - mean)).clip(1e-9, 1 - 1e-9)
    model = LinearRegressor(Beta(), penalty=None, tol=1e-12).fit(X, y)
    found = standard_errors(model, X, y, kind=kind)
    known = BetaModel(y, design).fit(disp=0, cov_type=of, gtol=1e-10)
    if kind == "sandwich":  # what is said of the model is of expected curvatures there
        assert_allclose([*found.intercept, *found.coef], known.bse[:-1], rtol=1e-3)
        precision = np.exp(known.params[-1])
        assert found.precision == pytest.approx(precision * known.bse[-1], rel=1e-3)
    y = rng.negative_binomial(1.5, 1.5 / (1.5 + np.exp(0.5 * X[:, 0] + 1)))
    model = LinearRegressor(NegativeBinomial("mle"), penalty=None, tol=1e-12).fit(X, y)
    found = standard_errors(model, X, y, kind=kind)
    known = sm.NegativeBinomial(y, design)
    known = known.fit(disp=0, method="newton", tol=1e-12, cov_type=of).bse
    every = [*found.intercept, *found.coef, found.dispersion]
    assert_allclose(every, known, rtol=1e-5)


def test_a_scale_with_features_against_differences():
    rng = np.random.default_rng(0)
    X = features(rng)
    y = X @ [1, 0.2, 0] + np.exp(0.3 * X[:, 0]) * rng.normal(size=len(X))
    settings = dict(features={"scale": [0]}, penalty=None, tol=1e-12)
    loss = GaussianDistribution()
    model = LinearRegressor(loss, **settings).fit(X, y)
    own = model.predictors_["scale"]
    at = np.array([*model.coef_, model.intercept_[0], own.coef[0], own.intercept])

    def slopes(theta):
        raw = np.column_stack([X @ theta[:3] + theta[3], X[:, 0] * theta[4] + theta[5]])
        g, h = loss.gradient(y, raw).T
        return np.column_stack([g[:, None] * X, g, h * X[:, 0], h])

    ends = [(at + step, at - step) for step in 1e-6 * np.eye(6)]
    hessian = np.array([(slopes(a) - slopes(b)).sum(axis=0) for a, b in ends]) / 2e-6
    bread, each = np.linalg.inv(hessian), slopes(at)
    for kind, covariance in (
        ("model", bread),
        ("sandwich", bread @ each.T @ each @ bread),
    ):
        found = standard_errors(model, X, y, kind=kind)
        coef, intercept = found.predictors["scale"]
        every = [*found.coef, found.intercept[0], coef[0], intercept]
        assert_allclose(every, np.sqrt(np.diag(covariance)), rtol=1e-5)
        assert not coef[1:].any()


def test_a_parameter_at_its_end_is_known():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 2)), rng.binomial(20, 0.3, size=300)
    model = LinearRegressor(NegativeBinomial("mle"), penalty=None, tol=1e-12).fit(X, y)
    assert model.loss_.dispersion == 0
    found = standard_errors(model, X, y, kind="model")
    assert np.isnan(found.dispersion)
    poisson = unpenalised(Poisson()).fit(X, y)
    known = standard_errors(poisson, X, y, kind="model").coef
    assert_allclose(found.coef, known, rtol=1e-5)


LOG = sm.families.links.Log()
FAMILIES = [
    (SquaredError(), sm.families.Gaussian()),
    (Gamma(), sm.families.Gamma(LOG)),
    (InverseGaussian(), sm.families.InverseGaussian(LOG)),
    (Tweedie(1.5), sm.families.Tweedie(var_power=1.5, link=LOG)),
    (Poisson(), sm.families.Poisson()),
    (LogLoss(), sm.families.Binomial()),
]


@pytest.mark.parametrize(("loss", "family"), FAMILIES, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("of", ["rows", "counts", "clusters"])
def test_generalized_linear_models(loss, family, of):
    X, y = data(loss)
    y = y + 0.5 if isinstance(loss, InverseGaussian) else y
    rng, kind, more = np.random.default_rng(0), {"kind": "model"}, {}
    weight = rng.integers(1, 4, len(y)) if of == "counts" else None
    model = unpenalised(loss).fit(X, y, sample_weight=weight)
    design = sm.add_constant(X)
    known = sm.GLM(y, design, family, freq_weights=weight)
    if of == "clusters":
        ids = rng.integers(30, size=len(y))
        kind = {"clusters": np.array([f"id {i}" for i in ids])}
        groups = {"groups": ids, "use_correction": False}
        more = {"cov_type": "cluster", "cov_kwds": groups}
    known = known.fit(method="newton", tol=1e-13, maxiter=200, **more)
    found = standard_errors(model, X, y, weight, **kind)
    every = np.append(found.intercept, found.coef)
    assert_allclose(every, known.bse, rtol=1e-5)
    if "dispersion" in found:
        assert found.dispersion == pytest.approx(known.scale, rel=1e-6)
