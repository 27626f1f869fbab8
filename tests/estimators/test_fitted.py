"""Losses of a location with parameters that are "mle", the likeliest ones."""

import pickle

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import gammaln, logsumexp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses import (
    Barron,
    InvalidParameterError,
    LinearRegressor,
    NegativeBinomial,
    SGDRegressor,
    StudentT,
    StudentTDistribution,
    Tweedie,
    check_loss,
)
from tests.cases import each

N = 400
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
LINE = X @ [1.0, -2.0]
NOISES = {
    "t": RNG.standard_t(2.5, N),
    "normal": RNG.normal(size=N),
    "laplace": 0.3 * RNG.laplace(size=N),
    "cauchy": RNG.standard_cauchy(N),
}
MEAN = np.exp(1.0 + 0.4 * X[:, 0])


def tweedie_sample(rng, mean, power, dispersion):
    number = rng.poisson(mean ** (2 - power) / (dispersion * (2 - power)))
    shape = number * (2 - power) / (power - 1)
    amounts = rng.gamma(np.maximum(shape, 1e-9))
    return amounts * dispersion * (power - 1) * mean ** (power - 1) * (number > 0)


AMOUNTS = tweedie_sample(RNG, MEAN, 1.6, 2.0)


def log_tweedie(y, mean, power, dispersion):
    """The sum over the number of amounts, as it is."""
    rate = mean ** (2 - power) / (dispersion * (2 - power))
    scale = dispersion * (power - 1) * mean ** (power - 1)
    shape = (2 - power) / (power - 1)
    n = np.arange(1, 1500)[:, None]
    of_number = stats.poisson.logpmf(n, rate)
    of_amount = stats.gamma.logpdf(np.where(y > 0, y, 1.0), n * shape, scale=scale)
    return np.where(y > 0, logsumexp(of_number + of_amount, axis=0), -rate)


def fitted(loss, y):
    return LinearRegressor(loss, penalty=None, tol=1e-9).fit(X, y)


FITTED = [
    StudentT(df="mle"),
    StudentT(df=3.0, scale="mle"),
    Barron(alpha="mle"),
    Barron(alpha="mle", scale="mle"),
    Tweedie(power="mle"),
]


@each(FITTED)
def test_the_likelihood_is_one(loss):
    check_loss(loss.to_fit())
    copy = pickle.loads(pickle.dumps(clone(loss.to_fit())))
    assert repr(copy) == repr(loss)


@pytest.mark.parametrize("alpha", [0.05, 0.7, 1.0, 1.6, 1.999])
def test_the_constant_of_barron(alpha):
    likelihood = Barron(alpha="mle", scale="mle").to_fit()
    at = likelihood.raw_of({"location": [0.3], "scale": 2.0, "alpha": alpha}, 1)
    area, _ = integrate.quad(
        lambda t: (
            np.exp(-likelihood.value([0.3 + 2.0 * np.sinh(t)], at)[0]) * 2 * np.cosh(t)
        ),
        *(-40.0, 40.0),
        points=[0.0],
        limit=500,
    )
    assert area == pytest.approx(1.0, abs=1e-8)
    assert likelihood.value([1.3], at) - likelihood.value([0.3], at) == pytest.approx(
        Barron(alpha=alpha, scale=2.0).value(1.3, 0.3), rel=1e-12
    )


@pytest.mark.parametrize("power", [1.05, 1.5, 1.95])
@pytest.mark.parametrize("dispersion", [0.05, 3.0])
def test_the_density_of_tweedie(power, dispersion):
    y = np.array([0.0, 1e-3, 0.7, 2.0, 15.0])
    likelihood = Tweedie("mle").to_fit()
    values = {"location": np.full(5, 0.5), "dispersion": dispersion, "power": power}
    raw = likelihood.raw_of(values, 5)
    expected = -log_tweedie(y, np.exp(0.5), power, dispersion)
    here = np.isfinite(expected) & (expected < 300)
    np.testing.assert_allclose(likelihood.value(y, raw)[here], expected[here], 1e-9)


@pytest.mark.parametrize("noise", NOISES)
def test_no_number_on_a_grid_is_likelier(noise):
    y = LINE + NOISES[noise]
    model = fitted(StudentT(df="mle"), y)
    for df in np.geomspace(0.3, 1e4, 8):
        one = fitted(StudentT(df=df), y)
        likelihood = np.mean(stats.t.logpdf(y, df, one.predict(X)))
        assert model.objective_ <= -likelihood + 1e-8
    model = fitted(Barron(alpha="mle"), y)
    constant = Barron(alpha="mle").to_fit()
    for alpha in np.linspace(0.01, 1.99, 8):
        one = fitted(Barron(alpha=alpha), y)
        raw = constant.raw_of({"location": one.predict(X), "alpha": alpha}, N)
        assert model.objective_ <= constant.mean(y, raw) + 1e-8


def test_no_number_on_a_grid_is_likelier_for_amounts_and_counts():
    model = fitted(Tweedie("mle"), AMOUNTS)
    assert model.loss_.power == pytest.approx(1.6, abs=0.05)
    known = fitted(Tweedie(model.loss_.power), AMOUNTS)
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-3)
    for power in np.linspace(1.2, 1.9, 5):
        mean = fitted(Tweedie(power), AMOUNTS).predict(X)
        for dispersion in np.geomspace(1.0, 4.0, 5):
            likelihood = np.mean(log_tweedie(AMOUNTS, mean, power, dispersion))
            assert model.objective_ <= -likelihood + 1e-8
    counts = RNG.negative_binomial(2.0, 2.0 / (2.0 + MEAN)).astype(float)
    model = fitted(NegativeBinomial("mle"), counts)
    for d in np.geomspace(1e-4, 10.0, 15):
        mean = fitted(NegativeBinomial(d), counts).predict(X)
        likelihood = np.mean(stats.nbinom.logpmf(counts, 1 / d, 1 / (1 + d * mean)))
        constant = np.mean(gammaln(counts + 1.0))
        assert model.objective_ <= -likelihood - constant + 1e-8


def test_what_is_published():
    model = fitted(StudentT(df="mle", scale="mle"), LINE + NOISES["t"])
    assert isinstance(model.loss_, StudentT)
    df, loc, scale = stats.t.fit(LINE + NOISES["t"] - X @ model.coef_)
    assert model.loss_.df == pytest.approx(df, rel=1e-3)
    assert model.loss_.scale == pytest.approx(scale, rel=1e-3)
    assert model.intercept_ == pytest.approx(loc, abs=1e-3)
    assert fitted(Barron("mle"), LINE + NOISES["normal"]).loss_.alpha == 2.0
    assert not hasattr(model, "predict_std")


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (StudentT(df="mle", scale="mad"), "cannot have df='mle' with scale='mad'"),
        (StudentT(df="mean"), "The 'df' parameter of StudentT must be"),
        (Barron(alpha=-2.0, scale="mle"), r"alpha must be 'mle' or in \[0, 2\]"),
        (Tweedie(power=0.5), "The 'power' parameter of Tweedie must be"),
    ],
)
def test_bad_parameters(loss, message):
    with pytest.raises(InvalidParameterError, match=message):
        LinearRegressor(loss).fit(X, LINE**2)


@each(FITTED[2:])
def test_there_are_no_values_before_a_fit(loss):
    with pytest.raises(InvalidParameterError, match="has no values yet, because"):
        loss.value([1.0], [0.0])
    with pytest.raises(ValueError, match="is one number for all rows"):
        LinearRegressor(loss, features={loss.to_fit().outputs[1]: "all"}).fit(X, MEAN)


def test_sgd_fits_them_too():
    y = LINE + NOISES["t"]
    model = LinearRegressor(StudentT(df="mle"), alpha=1e-4).fit(X, y)
    same = SGDRegressor(StudentT(df="mle"), alpha=1e-4).fit(X, y)
    assert same.loss_.df == pytest.approx(model.loss_.df, rel=1e-3)
    np.testing.assert_allclose(same.coef_, model.coef_, rtol=1e-3)


def test_amounts_that_are_all_the_same():
    with pytest.raises(
        ValueError, match="cannot fit a power to y, which is 1 in every"
    ):
        LinearRegressor(Tweedie("mle")).fit(X, np.ones(N))


def test_tails_of_few_rows_that_have_several_optima():
    rng = np.random.default_rng(9)
    few = rng.normal(size=(30, 2)), rng.standard_t(1, size=30)
    model = LinearRegressor(StudentTDistribution(), alpha=1e-3).fit(*few)
    for df in (0.5, 1.0, 2.0, 10.0, 100.0):
        known = LinearRegressor(StudentTDistribution(df=df), alpha=1e-3).fit(*few)
        assert model.objective_ <= known.objective_ + 1e-9


def test_tails_that_forgive_all_rows_but_those_of_a_perfect_fit():
    """Three coefficients: below df = 3 / (n - 3) no scale is the likeliest."""
    rng = np.random.default_rng(11)
    rows, y = rng.normal(size=(6, 2)), rng.normal(size=6)
    with pytest.warns(ConvergenceWarning, match=r"have no likeliest scale if df < 1:"):
        LinearRegressor(StudentTDistribution(df=0.2), alpha=1e-3).fit(rows, y)
    weight = np.array([1.0, 1.0, 1.0, 0.5, 0.25, 0.25])
    with pytest.warns(ConvergenceWarning, match=r"have no likeliest scale if df < 3:"):
        LinearRegressor(StudentTDistribution(df=0.5), alpha=1e-3).fit(rows, y, weight)
    model = LinearRegressor(StudentTDistribution(df=10.0), alpha=1e-3).fit(rows, y)
    assert model.loss_.scale > 1e-3
