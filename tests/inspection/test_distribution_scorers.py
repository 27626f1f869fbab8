"""Scores of distributions: closed forms against integrals, and what minimises them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    BetaBinomial,
    GammaDistribution,
    GaussianDistribution,
    Hurdle,
    LaplaceDistribution,
    LinearRegressor,
    LogisticDistribution,
    Poisson,
    Quantiles,
    StudentTDistribution,
    check_loss,
    crps_score,
    crps_scorer,
    interval_score,
    interval_scorer,
    mean_pinball_scorer,
)
from tests.cases import each

X, Y = load_diabetes(return_X_y=True)
RULED = [
    GaussianDistribution(rule="crps"),
    LaplaceDistribution(rule="crps"),
    LogisticDistribution(rule="crps"),
    StudentTDistribution(df=1.2, rule="crps"),
    StudentTDistribution(df=5.0, rule="crps"),
    StudentTDistribution(df=150.0, rule="crps"),
    GammaDistribution(rule="crps"),
]
Y_NEAR_AND_FAR = [0.6, 0.61, 0.3, 2.0, -7.0, 30.0]


def integral(frozen, y):
    """That of the definition."""
    settings = dict(limit=300, epsabs=1e-11)
    below = integrate.quad(lambda x: frozen.cdf(x) ** 2, -np.inf, y, **settings)
    above = integrate.quad(lambda x: frozen.sf(x) ** 2, y, np.inf, **settings)
    return below[0] + above[0]


@each(RULED)
def test_closed_forms_are_the_integral(loss):
    targets = [y for y in Y_NEAR_AND_FAR if loss.domain.contains(y)]
    raw = np.tile([0.6, np.log(1.7)], (len(targets), 1))
    values = loss.values_of(raw[:1])
    frozen = loss.frozen(**{name: np.ravel(v)[0] for name, v in values.items()})
    expected = [integral(frozen, y) for y in targets]
    found = loss.value(targets, raw)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    np.testing.assert_allclose(
        [crps_score([y], frozen) for y in targets], expected, rtol=1e-4
    )
    check_loss(loss)


@each(RULED)
def test_a_fit_by_the_score_has_the_best_score(loss):
    model = LinearRegressor(loss, penalty=None).fit(X, Y)
    likely = LinearRegressor(loss.with_parameters(rule="nll"), penalty=None).fit(X, Y)
    mine, other = (crps_scorer()(each, X, Y) for each in (model, likely))
    assert mine == pytest.approx(-model.objective_)
    assert mine >= other
    is_gamma = isinstance(loss, GammaDistribution)
    fixed = loss.with_parameters(scale=0.4 if is_gamma else 50.0)
    fixed = LinearRegressor(fixed, penalty=None).fit(X, Y)
    assert np.isnan(fixed.gap_) if is_gamma else fixed.gap_ < 1e-3


@pytest.mark.parametrize("scale", [1e-3, 0.02, 0.3, 3.0])
def test_the_score_of_a_gamma_of_any_shape(scale):
    """By the quantiles of scipy, where the integrand is smooth."""
    frozen = stats.gamma(scale**-2.0, scale=2.0 * scale**2)
    y = 2.0 * (1.0 + scale * np.array([-0.3, 0.0, 0.5, 4.0, 30.0]))
    raw = np.tile([np.log(2.0), np.log(scale)], (5, 1))
    found = GammaDistribution(rule="crps").value(y, raw)
    low, high = frozen.ppf(1e-15), frozen.isf(1e-15)
    for i, at in enumerate(y):
        settings = dict(limit=500, epsabs=0.0, epsrel=1e-10)
        ends = min(low, at), max(high, at)
        below = integrate.quad(lambda x: frozen.cdf(x) ** 2, ends[0], at, **settings)
        above = integrate.quad(lambda x: frozen.sf(x) ** 2, at, ends[1], **settings)
        assert found[i] == pytest.approx(below[0] + above[0], rel=1e-9)


def test_counts_of_poisson_and_successes_have_distributions():
    counts = np.random.default_rng(0).poisson(np.exp(10.0 * X[:, 2] + 1.0))
    model = LinearRegressor(Poisson(), penalty=None).fit(X, counts)
    mean = model.predict(X)
    np.testing.assert_allclose(model.predict_std(X), np.sqrt(mean))
    np.testing.assert_array_equal(
        model.predict_interval(X, 0.8), stats.poisson(mean[:, None]).ppf([0.1, 0.9])
    )
    known = crps_score(counts, stats.poisson(mean))
    assert -crps_scorer()(model, X, counts) == pytest.approx(known)
    trials = np.arange(len(X)) % 7
    successes = np.random.default_rng(0).binomial(trials, 0.3)
    y = np.column_stack([successes, trials - successes])
    model = LinearRegressor(BetaBinomial(precision=3.0), penalty=None).fit(X, y)
    mean = model.predict(X)
    np.testing.assert_allclose(model.predict_std(X), np.sqrt(mean * (1 - mean) / 4))
    here = trials > 0
    found = stats.betabinom(trials[here], 3.0 * mean[here], 3.0 - 3.0 * mean[here])
    shares = [
        crps_score([s], stats.betabinom(*parts)) / parts[0]
        for s, *parts in zip(successes[here], *found.args)
    ]
    known = np.sum(shares) / len(X)
    assert -crps_scorer()(model, X, y) == pytest.approx(known)


def test_scores_of_samples():
    rng = np.random.default_rng(0)
    frozen = stats.gamma(2.0, scale=np.array([1.0, 3.0]))
    a, b = rng.gamma(2.0, [1.0, 3.0], (2, 400_000, 2))
    y = np.array([1.5, 2.0])
    expected = np.abs(a - y).mean(axis=0) - 0.5 * np.abs(a - b).mean(axis=0)
    assert crps_score(y, frozen) == pytest.approx(expected.mean(), abs=5e-3)
    weighed = crps_score(y, frozen, sample_weight=[0.0, 1.0])
    assert weighed == pytest.approx(expected[1], abs=1e-2)
    counts = stats.poisson(np.array([0.5, 4.0]))
    a, b = rng.poisson([0.5, 4.0], (2, 400_000, 2))
    expected = np.abs(a - y).mean(axis=0) - 0.5 * np.abs(a - b).mean(axis=0)
    found = [crps_score(y[:1] * 0 + k, stats.poisson(4.0)) for k in (2.0, 7.0)]
    direct = [
        np.abs(a[:, 1] - k).mean() - 0.5 * np.abs(a - b)[:, 1].mean() for k in (2, 7)
    ]
    np.testing.assert_allclose(found, direct, atol=1e-2)
    assert np.isfinite(crps_score([0.0, 3.0], counts))


def test_quantiles_have_the_best_interval_score():
    rng = np.random.default_rng(0)
    y = rng.exponential(size=20_000)
    best = stats.expon.ppf([0.1, 0.9])
    score = interval_score(y, np.tile(best, (len(y), 1)), coverage=0.8)
    for shift in ([0.1, 0.0], [0.0, 0.3], [-0.05, -0.3]):
        ends = np.tile(best + shift, (len(y), 1))
        assert score < interval_score(y, ends, coverage=0.8)


def test_scorers_in_searches_and_pipelines():
    model = make_pipeline(StandardScaler(), LinearRegressor(GaussianDistribution()))
    grid = {"linearregressor__loss": RULED[:2], "linearregressor__features": [None]}
    scoring = {"crps": crps_scorer(), "interval": interval_scorer(coverage=0.8)}
    search = GridSearchCV(model, grid, scoring=scoring, refit="crps", cv=3).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_interval"]).all()
    assert search.score(X, Y) == pytest.approx(crps_scorer()(search, X, Y))
    assert repr(pickle.loads(pickle.dumps(interval_scorer(0.8)))) == (
        "interval_scorer(coverage=0.8)"
    )
    counts = np.floor(Y / 50.0)
    scores = cross_val_score(
        LinearRegressor(Hurdle()), X, counts, scoring=crps_scorer()
    )
    assert np.isfinite(scores).all()
    with pytest.raises(ValueError, match="because it predicts no distribution"):
        crps_scorer()(LinearRegression().fit(X, Y), X, Y)


def test_quantiles_and_distributions_in_one_search():
    bands = LinearRegressor(Quantiles([0.1, 0.5, 0.9]), penalty=None).fit(X, Y)
    found = bands.predict(X)
    np.testing.assert_array_equal(bands.predict_quantile(X, [0.9, 0.1]), found[:, ::-2])
    np.testing.assert_array_equal(bands.predict_quantile(X, 0.5), found[:, 1])
    np.testing.assert_array_equal(bands.predict_interval(X, 0.8), found[:, ::2])
    ends = interval_score(Y, found[:, ::2], coverage=0.8)
    assert interval_scorer(0.8)(make_pipeline(bands), X, Y) == -ends
    both = {"loss": [bands.loss, GaussianDistribution()]}
    scoring = {"a": interval_scorer(0.8), "b": mean_pinball_scorer([0.1, 0.9])}
    search = GridSearchCV(bands, both, scoring=scoring, refit="a").fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_b"]).all()
    for wrong in (interval_scorer(0.9), mean_pinball_scorer([0.05, 0.5])):
        with pytest.raises(ValueError, match=r"has no level 0\.05"):
            wrong(bands, X, Y)


DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETS = {  # columns, and which is y
    "winequality-red.csv": (range(11), lambda y: y),
    "winequality-white.csv": (range(11), lambda y: y),
    "abalone.csv": (range(1, 9), np.log),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", SETS)
def test_intervals_hold_what_they_say_of_rows_that_were_not_seen(name):
    if not (DATA / name).exists():
        pytest.skip("the data are not here")
    columns, of_y = SETS[name]
    table = np.genfromtxt(DATA / name, delimiter=",", usecols=columns)
    rows, y = StandardScaler().fit_transform(table[:, :-1]), of_y(table[:, -1])
    model = LinearRegressor(StudentTDistribution(), features={"scale": "all"})
    inside = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(rows):
        ends = model.fit(rows[train], y[train]).predict_interval(rows[test], 0.9)
        inside += list((ends[:, 0] <= y[test]) & (y[test] <= ends[:, 1]))
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)


def test_bad_input():
    with pytest.raises(ValueError, match=r"coverage must be in \(0, 1\)\. Got 90"):
        interval_score([1.0], [[0.0, 1.0]], coverage=90)
    with pytest.raises(ValueError, match=r"the shape \(1, 2\), as y_true has 1 rows"):
        interval_score([1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"lower <= upper: row 0 is \[2, 1\]"):
        interval_score([1.0], [[2.0, 1.0]])
    with pytest.raises(ValueError, match=r"df must be a number > 1\. Got 'mle'"):
        LinearRegressor(StudentTDistribution(rule="crps")).fit(X, Y)
    with pytest.raises(
        ValueError, match="The 'rule' parameter of GaussianDistribution"
    ):
        LinearRegressor(GaussianDistribution(rule="log")).fit(X, Y)
