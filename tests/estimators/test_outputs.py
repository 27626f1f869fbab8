"""Parameters fitted beside w, in LinearRegressor: distributions, AFT, counts."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse, stats
from scipy.optimize import minimize
from scipy.special import gammaln
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    Beta,
    Censored,
    ExponentialAFT,
    GammaDistribution,
    GaussianDistribution,
    InvalidParameterError,
    LaplaceDistribution,
    LinearRegressor,
    LogisticDistribution,
    LogLogisticAFT,
    LogNormalAFT,
    NegativeBinomial,
    Poisson,
    Quantiles,
    SGDRegressor,
    SquaredError,
    StudentTDistribution,
    WeibullAFT,
    loss_scorer,
    survival_target,
)
from tests.cases import each
from tests.contract import each_check

RNG = np.random.default_rng(0)
N, D = 300, 3
X = RNG.normal(size=(N, D)) * [1.0, 2.0, 0.1] + [0.0, 5.0, 30.0]
Z = (X - X.mean(axis=0)) / X.std(axis=0)
Y = X @ [1.0, -0.5, 2.0] + RNG.standard_t(4, N) * np.exp(0.3 * Z[:, 0])
MEANS = np.exp(0.5 * Z[:, 0] - 0.3 * Z[:, 1] + 1.0)
COUNTS = RNG.negative_binomial(2.0, 2.0 / (2.0 + MEANS)).astype(float)
TIMES = MEANS * RNG.weibull(1.4, N)

# Some exact, some censored from the right, some from the left, some in an interval.
ENDS = np.column_stack([TIMES, TIMES])
ENDS[:80, 1] = np.inf
ENDS[80:120, 0] = 0.0
ENDS[120:200] = np.column_stack([0.8 * TIMES[120:200], 1.3 * TIMES[120:200]])

MINIMUM = {WeibullAFT: stats.gumbel_l, LogNormalAFT: stats.norm}
MINIMUM[LogLogisticAFT] = stats.logistic


def best(value, *starts):
    """The least value of a function, from several starts."""
    settings = dict(method="BFGS", options={"gtol": 1e-9, "maxiter": 2000})
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = [minimize(value, start, **settings) for start in starts]
    return min(found, key=lambda each: each.fun)


def log_density(loss):
    """The log of the density at y, of location, scale and, of Student's t, log df."""
    kinds = {
        GaussianDistribution: stats.norm,
        LogisticDistribution: stats.logistic,
        LaplaceDistribution: stats.laplace,
    }
    if type(loss) in kinds:
        return lambda m, s, *_: kinds[type(loss)].logpdf(Y, m, s)
    return lambda m, s, log_df: stats.t.logpdf(Y, np.exp(log_df), m, s)


@pytest.mark.parametrize("features", [None, {"scale": [0]}], ids=["constant", "by x"])
@each(
    [
        GaussianDistribution(),
        LogisticDistribution(),
        LaplaceDistribution(),
        StudentTDistribution(),
    ]
)
def test_the_likelihood_is_as_good_as_that_of_scipy(loss, features):
    density, more = log_density(loss), 0.0 if features is None else Z[:, 0]

    def value(t):
        scale = np.exp(t[4] + t[5] * more)
        return -np.mean(density(t[0] + Z @ t[1:4], scale, t[6])) + 1e-9 * t[5] ** 2

    start = np.r_[Y.mean(), np.zeros(5), 1.0]
    least = best(value, start, start + np.r_[np.zeros(4), 1.0, 0.2, 0.3]).fun
    model = LinearRegressor(loss, penalty=None, features=features, tol=1e-8)
    model = model.fit(X, Y)
    # The minimum of kinks is as near as tol says, and scipy's is no nearer.
    allowed = 1e-9 if loss.differentiable else 1e-6
    assert model.objective_ <= least + allowed
    frozen = model.loss_.frozen(**model.predict_distribution(X))
    np.testing.assert_allclose(-np.mean(frozen.logpdf(Y)), model.objective_)
    coverage = np.mean(np.abs(frozen.cdf(Y) - 0.5) < 0.45)
    ends = model.predict_interval(X, 0.9)
    inside = (ends[:, 0] < Y) & (ends[:, 1] > Y)
    assert inside.mean() == pytest.approx(coverage, abs=1e-12)
    assert 0.85 < coverage < 0.95
    np.testing.assert_allclose(model.predict_std(X), frozen.std())
    np.testing.assert_allclose(model.predict_quantile(X, 0.3), frozen.ppf(0.3))


def test_a_scale_that_is_constant_is_that_of_least_squares():
    model = LinearRegressor(GaussianDistribution(), penalty=None).fit(X, Y)
    squares = LinearRegressor(SquaredError(), penalty=None).fit(X, Y)
    np.testing.assert_allclose(model.coef_, squares.coef_, rtol=1e-8)
    residuals = Y - squares.predict(X)
    assert model.loss_.scale == pytest.approx(np.sqrt(np.mean(residuals**2)))
    assert model.loss_.granularity == "point"
    np.testing.assert_allclose(
        model.loss_.mean(Y, model.raw_prediction(X)), model.objective_
    )


def test_the_gamma_distribution_is_a_gamma_regression_with_a_scale():
    model = LinearRegressor(GammaDistribution(), penalty=None).fit(X, TIMES)
    known = LinearRegressor("gamma", penalty=None, tol=1e-10).fit(X, TIMES)
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-6)
    shape = 1.0 / model.loss_.scale**2
    mean = known.predict(X)
    value = best(
        lambda t: (
            -np.mean(stats.gamma.logpdf(TIMES, np.exp(t[0]), scale=mean / np.exp(t[0])))
        ),
        [0.0],
    )
    assert shape == pytest.approx(np.exp(value.x[0]), rel=1e-5)


@each([WeibullAFT(), LogNormalAFT(), LogLogisticAFT()])
def test_censored_times_have_the_best_likelihood_and_a_proof(loss):
    F = MINIMUM[type(loss)]
    low, high = ENDS.T
    with np.errstate(divide="ignore"):
        log_low, log_high = np.log(low), np.log(high)

    def value(t):
        location, scale = t[0] + Z @ t[1:4], np.exp(t[4])
        a, b = (log_low - location) / scale, (log_high - location) / scale
        between = np.where(a > 0, F.sf(a) - F.sf(b), F.cdf(b) - F.cdf(a))
        return -np.mean(np.where(low == high, F.logpdf(a) - t[4], np.log(between)))

    found = best(value, np.zeros(5))
    model = LinearRegressor(loss, penalty=None).fit(X, ENDS)
    assert model.objective_ == pytest.approx(found.fun, abs=1e-10)
    assert 0 <= model.gap_ < 1e-9
    np.testing.assert_allclose(model.coef_, found.x[1:4] / X.std(axis=0), rtol=1e-4)
    assert model.loss_.scale == pytest.approx(np.exp(found.x[4]), rel=1e-4)
    raw = model.raw_prediction(X)
    assert model.loss_.mean(ENDS, raw[:, None]) == pytest.approx(model.objective_)
    median = np.exp(raw + model.loss_.scale * F.median())
    np.testing.assert_allclose(model.predict(X), median)
    np.testing.assert_allclose(model.predict_quantile(X, 0.5), median)


@pytest.mark.parametrize("penalty", ["l1", "l2", "elasticnet"])
def test_penalised_times_are_certified(penalty):
    settings = dict(penalty=penalty, alpha=0.05, tol=1e-9)
    model = LinearRegressor(WeibullAFT(), **settings).fit(X, ENDS)
    assert 0 <= model.gap_ < 1e-8
    # Those of location / scale cost something.
    delta = model.coef_ / model.loss_.scale
    ratio = {"l1": 1.0, "l2": 0.0, "elasticnet": 0.15}[penalty]
    price = ratio * np.abs(delta).sum() + (1 - ratio) / 2 * delta @ delta
    value = model.loss_.mean(ENDS, model.raw_prediction(X)[:, None])
    assert value + 0.05 * price == pytest.approx(model.objective_)


def test_tobin():
    """R's survreg(Surv(durable, durable > 0, type='left') ~ age + quant, tobin)."""
    durable = [0, 0.7, 0, 0, 0, 0, 0, 3.7, 0, 3, 10.4, 0, 0, 0, 1.5, 0, 0, 3.5, 6.1, 0]
    age = [57.7, 50.9, 48.5, 41.7, 47.7, 59.8, 44.3, 45.1, 51.7, 50.0]
    age += [46.8, 58.0, 58.9, 40.0, 34.1, 39.9, 33.4, 48.1, 46.6, 53.1]
    quant = [236, 283, 207, 220, 238, 216, 284, 221, 275, 269]
    quant += [207, 249, 246, 277, 231, 219, 240, 266, 214, 251]
    durable = np.array(durable, dtype=float)
    y = np.column_stack([np.where(durable > 0, durable, -np.inf), durable])
    model = LinearRegressor(Censored(), penalty=None)
    model = model.fit(np.column_stack([age, quant]), y)
    np.testing.assert_allclose(model.coef_, [-0.12906, -0.04554], atol=5e-6)
    np.testing.assert_allclose(model.intercept_, [15.14487], atol=5e-6)
    assert model.loss_.scale == pytest.approx(5.57254, abs=5e-6)
    assert -20 * model.objective_ == pytest.approx(-28.94013, abs=5e-6)
    assert model.gap_ < 1e-12


def test_a_survival_target_is_taken_and_scored_by_the_likelihood():
    event = np.arange(N) % 3 > 0
    y = np.column_stack([TIMES, np.where(event, TIMES, np.inf)])
    target = survival_target(event=event, time=TIMES)
    model = LinearRegressor(WeibullAFT(), penalty=None).fit(X, y)
    same = clone(model).fit(X, target)
    np.testing.assert_array_equal(same.coef_, model.coef_)
    assert same.score(X, target) == pytest.approx(-model.objective_)
    assert model.score(X, y) == pytest.approx(-model.objective_)
    assert model.score(X, TIMES) <= 1.0  # R^2
    losses = {"loss": [WeibullAFT(), LogNormalAFT()]}
    assert np.isfinite(GridSearchCV(model, losses, cv=3).fit(X, target).best_score_)
    entered = survival_target(event=event, time=TIMES + 1.0, entry=np.full(N, 0.5))
    with pytest.raises(ValueError, match="with entry is for CoxPH"):
        clone(model).fit(X, entered)


def test_the_dispersion_of_counts():
    def value(t):
        p = 1.0 / (1.0 + np.exp(t[4] + t[0] + Z @ t[1:4]))
        return -np.mean(stats.nbinom.logpmf(COUNTS, np.exp(-t[4]), p))

    found = best(value, np.zeros(5), [1.0, 0, 0, 0, -2.0])
    model = LinearRegressor(NegativeBinomial("mle"), penalty=None).fit(X, COUNTS)
    constant = np.mean(gammaln(COUNTS + 1))
    assert model.objective_ + constant == pytest.approx(found.fun, abs=1e-10)
    assert model.loss_.dispersion == pytest.approx(np.exp(found.x[4]), rel=1e-4)
    np.testing.assert_allclose(model.predict_std(X) ** 2, variance_of(model), rtol=1e-6)


def variance_of(model):
    mean = model.predict(X)
    return mean + model.loss_.dispersion * mean**2


def test_counts_without_overdispersion_are_those_of_poisson():
    y = RNG.binomial(12, 1.0 / (1.0 + np.exp(-0.5 * Z[:, 0]))).astype(float)
    model = LinearRegressor(NegativeBinomial("mle"), penalty=None).fit(X, y)
    poisson = LinearRegressor(Poisson(), penalty=None).fit(X, y)
    assert model.loss_.dispersion == 0.0
    assert model.objective_ == pytest.approx(poisson.objective_, abs=1e-7)
    np.testing.assert_allclose(model.coef_, poisson.coef_, rtol=1e-3)
    assert model.predict_std(X) == pytest.approx(np.sqrt(model.predict(X)), rel=1e-4)


MODELS = [
    LinearRegressor(GaussianDistribution(), features={"scale": "all"}, alpha=0.01),
    LinearRegressor(StudentTDistribution(df=4.0), alpha=0.01),
    LinearRegressor(WeibullAFT(), alpha=0.01),
    LinearRegressor(NegativeBinomial("mle"), penalty="l1", alpha=0.01, tol=1e-9),
]


def target_of(model):
    if isinstance(model.loss, NegativeBinomial):
        return COUNTS
    return ENDS if isinstance(model.loss, WeibullAFT) else Y


def same(a, b, rtol=1e-6):
    np.testing.assert_allclose(a.coef_, b.coef_, rtol=rtol, atol=1e-7)
    np.testing.assert_allclose(a.intercept_, b.intercept_, rtol=rtol)
    assert a.objective_ == pytest.approx(b.objective_, rel=1e-9)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_dense_and_sparse_rows_and_weights_and_copies(model):
    y = target_of(model)
    dense = clone(model).fit(X, y)
    same(dense, clone(model).fit(sparse.csr_array(X), y))
    twice = clone(model).fit(np.vstack([X, X[:50]]), np.concatenate([y, y[:50]]))
    weight = np.ones(N)
    weight[:50] = 2.0
    same(twice, clone(model).fit(X, y, sample_weight=weight))
    absent = np.concatenate([y, y[:1] + 1e3])
    weight = np.append(np.ones(N), 0.0)
    same(dense, clone(model).fit(np.vstack([X, X[:1]]), absent, sample_weight=weight))
    copy = pickle.loads(pickle.dumps(dense))
    np.testing.assert_array_equal(copy.predict(X), dense.predict(X))
    np.testing.assert_array_equal(copy.predict_std(X), dense.predict_std(X))
    sparse_std = dense.predict_std(sparse.csr_array(X))
    np.testing.assert_allclose(sparse_std, dense.predict_std(X))


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_an_offset_shifts_the_intercept(model):
    y = target_of(model)
    plain = clone(model).fit(X, y)
    moved = clone(model).fit(X, y, offset=0.7)
    assert plain.intercept_ == pytest.approx(moved.intercept_ + 0.7, abs=1e-6)
    np.testing.assert_allclose(plain.predict(X), moved.predict(X, offset=0.7))
    np.testing.assert_allclose(
        plain.predict_std(X), moved.predict_std(X, offset=0.7), rtol=1e-6
    )


def test_many_rows_begin_with_some_of_them():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(40_000, 4))
    times = np.exp(rows @ [1.0, 0.5, 0.0, -0.3] + 0.5 * rng.normal(size=40_000))
    model = LinearRegressor(LogNormalAFT(), penalty=None).fit(rows, times)
    squares = LinearRegressor(penalty=None).fit(rows, np.log(times))
    np.testing.assert_allclose(model.coef_, squares.coef_, atol=1e-9)
    assert model.gap_ < 1e-9


def test_parameters_in_a_grid_and_names_of_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = LinearRegressor(GaussianDistribution(), features={"scale": ["a"]})
    search = GridSearchCV(model, {"features": [None, {"scale": ["a"]}]}, cv=3)
    search.fit(frame, Y)
    model.fit(frame, Y)
    assert (model.predictors_["scale"].coef != 0).tolist() == [True, False, False]
    fixed = model.set_params(features=None, loss__scale=2.0).fit(frame, Y)
    assert fixed.loss_.scale == 2.0
    assert not hasattr(fixed, "predictors_")
    assert fixed.gap_ < 1e-5


@pytest.mark.parametrize(
    ("loss", "features", "y", "message"),
    [
        (GaussianDistribution(), {"df": "all"}, Y, "names 'df', which is no output"),
        (SquaredError(), {"scale": "all"}, Y, "names 'scale', which is no output"),
        (GaussianDistribution(2.0), {"scale": "all"}, Y, "It fits none"),
        (
            GaussianDistribution(),
            {"scale": [7]},
            Y,
            "the column 7, and X has 3 columns",
        ),
        (GaussianDistribution(), {"scale": ["a"]}, Y, "'a', and X has no names"),
        (GaussianDistribution(), {"scale": "some"}, Y, "Got 'some' instead"),
        (GaussianDistribution(), "all", Y, "must be a dict such as"),
        (GaussianDistribution(), None, np.ones(N), "cannot fit a scale to y"),
        (NegativeBinomial("mle"), None, np.zeros(N), "which is 0 in every row"),
        (NegativeBinomial("mle"), None, TIMES, r"y\[0\] is"),
        (
            WeibullAFT(),
            None,
            np.column_stack([TIMES, np.full(N, np.inf)]),
            "every target is censored from the right",
        ),
    ],
)
def test_what_cannot_be_fitted(loss, features, y, message):
    with pytest.raises(ValueError, match=message):
        LinearRegressor(loss, features=features).fit(X, y)


def test_too_many_features_for_a_matrix():
    wide = sparse.random_array((20, 5000), density=0.01, format="csr", rng=RNG)
    with pytest.raises(ValueError, match="of 5,002 coefficients, of at most 5,000"):
        LinearRegressor(GaussianDistribution()).fit(wide, Y[:20])


@each(
    [GaussianDistribution(), StudentTDistribution(df=3.0), LaplaceDistribution()],
)
def test_units_do_not_matter(loss):
    model = LinearRegressor(loss, penalty=None, tol=1e-9).fit(X, Y)
    moved = LinearRegressor(loss, penalty=None, tol=1e-9)
    moved.fit(1e4 * X + 1e6, 1e-3 * Y + 5.0)
    atol = 1e-6 if loss.differentiable else 3e-3
    np.testing.assert_allclose(1e7 * moved.coef_, model.coef_, rtol=1e-3, atol=atol)
    np.testing.assert_allclose(1e3 * moved.loss_.scale, model.loss_.scale, rtol=1e-3)


@pytest.mark.parametrize("features", [None, {"scale": "all"}], ids=["constant", "by x"])
def test_few_rows_and_constant_columns(features):
    rng = np.random.default_rng(2)
    wide = np.hstack([rng.normal(size=(40, 12)), np.ones((40, 1))])
    y = wide[:, 0] + rng.normal(size=40)
    model = LinearRegressor(GaussianDistribution(), features=features, alpha=1.0)
    model.fit(wide, y)
    assert model.coef_[-1] == 0.0
    assert np.isfinite(model.objective_)
    with pytest.warns(ConvergenceWarning, match="fits nearly every row perfectly"):
        # No penalty is enough where all rows can be fitted: the scale falls to 0.
        clone(model).fit(np.hstack([wide, rng.normal(size=(40, 40))]), y)
    positive = clone(model).set_params(positive=True, alpha=2.0).fit(wide, y)
    assert (positive.coef_ >= 0).all()


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@each([GaussianDistribution(), StudentTDistribution(df=4.0), LaplaceDistribution()])
def test_far_rows_and_little_noise_do_not_look_like_an_end(loss):
    rng = np.random.default_rng(70)
    far = rng.standard_t(2, size=(200, 3))
    y = far @ [1.0, -1.0, 0.5] + 1e-3 * rng.standard_t(3, size=200)
    model = LinearRegressor(loss, penalty=None).fit(far, y)
    assert 1e-4 < model.loss_.scale < 1e-2
    np.testing.assert_allclose(model.coef_, [1.0, -1.0, 0.5], atol=1e-3)


def test_a_likelihood_without_a_maximum_is_said():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 3))
    time = np.exp(rows @ [1.0, 0.5, 0.0])
    y = np.column_stack([0.7 * time, 1.4 * time])  # all are right on the plane
    y[:2] = time[:2, None]
    with pytest.warns(ConvergenceWarning):
        LinearRegressor(LogNormalAFT(), penalty=None).fit(rows, y)


def test_other_solvers_and_what_has_no_distribution():
    with pytest.raises(ValueError, match="Use solver='auto'"):
        LinearRegressor(GaussianDistribution(), solver="lbfgs").fit(X, Y)
    model = LinearRegressor().fit(X, Y)
    with pytest.raises(AttributeError, match="has no attribute 'predict_std'"):
        model.predict_std(X)
    model = LinearRegressor(GaussianDistribution()).fit(X, Y)
    for bad in (0.0, 1.0, [0.1, 2.0]):
        with pytest.raises(ValueError, match=r"in \(0, 1\)"):
            model.predict_quantile(X, bad)
    with pytest.raises(ValueError, match="coverage must be"):
        model.predict_interval(X, 90)


@pytest.mark.parametrize("loss", [StudentTDistribution(), Beta()], ids=repr)
def test_a_perfect_fit_is_stopped_while_its_scale_is_a_number(loss):
    """Beyond, rounding decides: the objective was 59 and 1e98, of constants near 2."""
    rng = np.random.default_rng(4)
    X = np.round(rng.normal(size=(10, 40))) + 4e4
    y = rng.uniform(0.1, 0.9, size=10)
    with pytest.warns(ConvergenceWarning, match="fits nearly every row perfectly"):
        model = LinearRegressor(loss, alpha=0.0).fit(X, y)
    assert model.objective_ < -10.0
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-6)


def test_a_perfect_fit_has_no_scale():
    with pytest.warns(ConvergenceWarning, match="fits nearly every row perfectly"):
        LinearRegressor(GaussianDistribution(), penalty=None).fit(X, X @ np.ones(D))


def test_fixed_parameters_are_certified_like_any_other_loss():
    for loss in (GaussianDistribution(scale=2.0), LaplaceDistribution(scale=1.0)):
        model = LinearRegressor(loss, alpha=0.01).fit(X, Y)
        assert model.gap_ < 1e-4
    model = LinearRegressor(ExponentialAFT(), penalty=None).fit(X, ENDS)
    fixed = LinearRegressor(WeibullAFT(scale=1.0), penalty=None).fit(X, ENDS)
    np.testing.assert_allclose(model.coef_, fixed.coef_)
    assert model.gap_ < 1e-9


def test_without_an_intercept_the_scale_still_has_one():
    y = Y - Y.mean()
    model = LinearRegressor(
        GaussianDistribution(), penalty=None, fit_intercept=False
    ).fit(Z, y)
    squares = LinearRegressor(penalty=None, fit_intercept=False).fit(Z, y)
    np.testing.assert_allclose(model.coef_, squares.coef_, rtol=1e-8)
    assert model.intercept_ == 0.0
    residuals = y - squares.predict(Z)
    assert model.loss_.scale == pytest.approx(np.sqrt(np.mean(residuals**2)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_check(
    [
        LinearRegressor(GaussianDistribution(), features={"scale": "all"}, alpha=3.0),
        LinearRegressor(StudentTDistribution(df=4.0)),
        LinearRegressor(Censored()),
    ]
)
def test_scikit_learn_check(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.parametrize("scale", ["mle", 0.4])
def test_tails_are_those_of_what_features_leave(scale):
    """y is nearly Gaussian where features decide it: a fit that began there stayed."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = 3.0 * X @ [1.0, -2.0, 0.0] + 0.4 * rng.standard_t(4, size=500)
    loss = StudentTDistribution(scale=scale)
    model = LinearRegressor(loss, penalty=None).fit(X, y)
    given = loss.with_parameters(df=4.0)
    other = LinearRegressor(given, penalty=None).fit(X, y)
    assert model.objective_ <= other.objective_
    assert 3.0 < model.loss_.df < 6.0


@pytest.mark.parametrize("loss", [Censored(), WeibullAFT()], ids=str)
def test_intervals_of_one_end_have_no_scale(loss):
    """Whether y is above a number is a probit: any scale is as good as another."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    above = X[:, 0] + rng.normal(size=80) > 0
    least = 0.0 if loss.is_log else -np.inf
    y = np.column_stack([np.where(above, 2.0, least), np.where(above, np.inf, 2.0)])
    with pytest.raises(ValueError, match=r"end or begin at 2: .*scale=1\.0"):
        LinearRegressor(loss).fit(X, y)
    loss = loss.with_parameters(scale=1.0)
    assert np.isfinite(LinearRegressor(loss).fit(X, y).objective_)


@pytest.mark.parametrize(
    "loss",
    [GaussianDistribution(), WeibullAFT(), Quantiles(crossing="parallel")],
    ids=str,
)
def test_bounds_that_are_not_0_are_refused(loss):
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.exp(X @ [1.0, -1.0])
    y *= np.random.default_rng(1).uniform(0.5, 2.0, size=60)
    with pytest.raises(InvalidParameterError, match="must be 0 or None"):
        LinearRegressor(loss, bounds=(None, 0.5)).fit(X, y)
    model = LinearRegressor(loss, bounds=(0.0, None)).fit(X, y)
    assert (model.coef_ >= 0).all()
    assert model.coef_.any()


@pytest.mark.parametrize("crossing", ["sort", "parallel"])
@pytest.mark.parametrize("kind", [LinearRegressor, SGDRegressor])
def test_an_offset_moves_all_quantiles(kind, crossing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y, offset = X @ [1.0, 2.0, 0.0] + rng.normal(size=300), np.linspace(0, 1, 300)
    model = kind(Quantiles(crossing=crossing), penalty=None, random_state=0)
    without = clone(model).fit(X, y)
    model.fit(X, y + offset, offset=offset)
    found = model.predict(X, offset=offset)
    np.testing.assert_allclose(found, model.predict(X, 0.0) + offset[:, None])
    np.testing.assert_allclose(found, without.predict(X) + offset[:, None], atol=1e-2)
    assert model.score(X, y + offset, offset=offset) > 0.5
    scored = loss_scorer(model.loss_).score(model, X, y + offset, offset=offset)
    np.testing.assert_allclose(scored, -Quantiles().mean(y + offset, found))


@pytest.mark.parametrize("features", [None, {"scale": "all"}])
@pytest.mark.parametrize("seed", range(4))
def test_kinks_without_a_bound_end_within_the_tolerance(features, seed):
    """About `tol` of the gain is left of what smoothing hides, not five times that."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(60, 5))
    y = rows.sum(axis=1) + np.exp(0.5 * rows[:, 0]) * rng.laplace(size=60)
    tol, loss = 1e-6, LaplaceDistribution()
    settings = dict(penalty=None, features=features)
    rough, sharp = (
        LinearRegressor(loss, tol=t, **settings).fit(rows, y) for t in (tol, 1e-10)
    )
    distance = np.abs(y - np.median(y)).mean()
    gain = 1.0 + np.log(2.0 * distance) - sharp.objective_
    assert rough.objective_ - sharp.objective_ <= 2.5 * tol * gain


def test_kinks_of_targets_that_are_tied_end_without_a_warning():
    """Where a narrower width, and no bound, says that nothing is left."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(30, 1))
        y = np.round(rows[:, 0] + 0.6 * rng.laplace(size=30), 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = LinearRegressor(LaplaceDistribution(), penalty=None).fit(rows, y)
        best = LinearRegressor("absolute_error", penalty=None, tol=1e-8).fit(rows, y)
        assert model.objective_ - np.log(2.0 * best.objective_) - 1.0 < 5e-6
