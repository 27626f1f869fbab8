"""LinearSurvival with accelerated failure times: against scipy, R and lifelines."""

import numpy as np
import pytest
import sklearn
from scipy import stats
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    Censored,
    CoxPH,
    ExponentialAFT,
    LinearRegressor,
    LinearSurvival,
    LogLogisticAFT,
    LogNormalAFT,
    WeibullAFT,
    concordance_index_score,
    concordance_index_scorer,
    integrated_brier_scorer,
    loss_scorer,
    survival_bands,
    survival_target,
)
from tests.contract import each_check

RNG = np.random.default_rng(0)
N = 250
X = RNG.normal(size=(N, 2))
TIMES = np.exp(X @ [0.8, -0.4] + 1.0) * RNG.weibull(1.5 + 0.5 * (X[:, 0] > 0))
END = RNG.uniform(1.0, 8.0, N)
EVENT, SEEN = TIMES <= END, np.minimum(TIMES, END)
Y = survival_target(EVENT, SEEN)
LOW = np.floor(TIMES)
INTERVALS = survival_target(lower=LOW, upper=np.where(LOW > 5, np.inf, LOW + 1.0))
SHARP = dict(penalty=None, tol=1e-10)
LOSSES = [WeibullAFT(), LogNormalAFT(), LogLogisticAFT(), ExponentialAFT()]
F = {WeibullAFT: stats.gumbel_l, LogNormalAFT: stats.norm}
F |= {LogLogisticAFT: stats.logistic, ExponentialAFT: stats.gumbel_l}


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("y", [Y, INTERVALS], ids=["right", "interval"])
def test_it_is_the_fit_of_the_regressor(loss, y):
    model = LinearSurvival(loss, **SHARP).fit(X, y)
    low = y["time"] if y is Y else y["lower"]
    high = np.where(EVENT, SEEN, np.inf) if y is Y else y["upper"]
    ends = np.column_stack([low, high])
    other = LinearRegressor(loss, **SHARP).fit(X, ends)
    np.testing.assert_array_equal(model.coef_, other.coef_)
    np.testing.assert_array_equal(model.intercept_, other.intercept_)
    assert 0 <= model.gap_ < 1e-9
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    scorer = loss_scorer(clone(loss))
    assert scorer(model, X, y) == pytest.approx(-model.objective_)


def test_weights_that_make_the_start_a_bad_one():
    """Nearly all weight is on rows whose times are close: other rows are far off.

    The likelihood there is exponential: it began at 1e170, and ended at 1e155.
    """
    heavy = np.arange(N) < 10
    time = np.exp(np.where(heavy, 1.0 + 1e-3 * X[:, 0], X[:, 1]))
    y = survival_target(np.ones(N, dtype=bool), time)
    weight = np.where(heavy, 1e6, 1e-6)
    model = LinearSurvival(WeibullAFT(), alpha=0.01).fit(X, y, sample_weight=weight)
    without = LinearSurvival(WeibullAFT(), alpha=0.01).fit(X[heavy], y[heavy])
    assert without.objective_ < model.objective_ < 0


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_predictions(loss):
    model = LinearSurvival(loss).fit(X, Y, offset=0.5)
    location = X @ model.coef_ + model.intercept_ + 0.5
    frozen, times = F[type(loss)](location, model.loss_.scale), np.array([0.5, 2.0])
    known = dict(offset=0.5)
    expected = np.column_stack([frozen.sf(np.log(t)) for t in times])
    found = model.predict_survival_function(X, times, **known)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    found = model.predict_cumulative_hazard(X, times, **known)
    np.testing.assert_allclose(found, -np.log(expected), rtol=1e-9)
    found = model.predict_quantile(X, [0.1, 0.5], **known)
    np.testing.assert_allclose(found[:, 0], np.exp(frozen.ppf(0.1)))
    np.testing.assert_array_equal(found[:, 1], model.predict_median(X, **known))
    np.testing.assert_array_equal(found[:, 1], model.predict(X, **known))
    ends = model.predict_interval(X, 0.8, **known)
    np.testing.assert_allclose(ends[:, 0], found[:, 0])
    both = model.predict_survival_function(X[:1], [-1.0, 0.0, np.inf], **known)
    assert both.tolist() == [[1.0, 1.0, 0.0]]
    assert model.predict_survival_function(X, **known).shape == (N, EVENT.sum())


# --------------------------------------------------------------------- other packages
def test_rossi():
    """R's survreg and lifelines."""
    data = pytest.importorskip("lifelines.datasets").load_rossi()
    names = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
    rows, y = data[names].astype(float), survival_target(data["arrest"], data["week"])
    model = LinearSurvival(WeibullAFT(), **SHARP).fit(rows, y)
    expected = [0.2722, 0.0407, -0.2248, 0.1066, 0.3113, 0.0588, -0.0658]
    np.testing.assert_array_equal(model.coef_.round(4), expected)
    assert model.intercept_[0] == pytest.approx(3.9901, abs=5e-5)
    assert -np.log(model.loss_.scale) == pytest.approx(0.33911, abs=5e-6)
    of_time = np.log(data["week"][data["arrest"] == 1]).sum()
    likelihood = -len(rows) * model.objective_ - of_time
    assert likelihood == pytest.approx(-679.9166, abs=5e-5)


def test_diabetes():
    """Intervals: R's icenReg and flexsurv, and lifelines."""
    data = pytest.importorskip("lifelines.datasets").load_diabetes()
    low, high = (data[k].to_numpy(float) for k in ("left", "right"))
    male = (data["gender"] == "male").to_numpy(float)[:, None]
    y = survival_target(lower=low, upper=high)
    model = LinearSurvival(WeibullAFT(), **SHARP).fit(male, y)
    assert model.coef_[0] == pytest.approx(0.04576, abs=5e-6)
    assert np.exp(model.intercept_[0]) == pytest.approx(18.31971, abs=5e-6)
    assert 1 / model.loss_.scale == pytest.approx(2.82628, abs=5e-6)
    likelihood = -len(low) * model.objective_ - np.log(low[low == high]).sum()
    assert likelihood == pytest.approx(-2027.196, abs=5e-4)
    assert model.gap_ < 1e-10


# ---------------------------------------------------------- a scale that features have
HETERO = LinearSurvival(WeibullAFT(), features={"scale": [0]}, **SHARP)


@pytest.mark.parametrize("y", [Y, INTERVALS], ids=["right", "interval"])
def test_a_scale_with_features_is_as_likely_as_scipy_makes_it(y):
    low = y["time"] if y is Y else y["lower"]
    high = np.where(EVENT, SEEN, np.inf) if y is Y else y["upper"]
    with np.errstate(divide="ignore"):
        a, b = np.log(low), np.log(high)

    def value(t):
        s = t[3] + X[:, 0] * t[4]
        if s.min() <= 0:
            return 1e9
        d = X @ t[:2] + t[2]
        S, exact = stats.gumbel_l.logsf, np.log(s)
        exact = exact + stats.gumbel_l.logpdf(s * np.where(low == high, a, 0.0) - d)
        with np.errstate(divide="ignore", invalid="ignore"):
            between = np.log(np.exp(S(s * a - d)) - np.exp(S(s * b - d)))
        return -np.mean(np.where(low == high, exact, between))

    settings = dict(method="Nelder-Mead", options=dict(maxiter=9000, fatol=1e-13))
    least = minimize(value, [0.0, 0.0, 1.0, 1.5, 0.0], **settings).fun
    model = clone(HETERO).fit(X, y)
    assert model.objective_ == pytest.approx(least, abs=1e-9)
    assert model.objective_ <= least + 1e-12
    assert 0 <= model.gap_ < 1e-10
    coef, intercept = model.predictors_["scale"]
    assert coef[1] == 0
    scale = 1 / (X @ coef + intercept)
    location = (X @ model.coef_ + model.intercept_) * scale
    expected = np.exp(stats.gumbel_l(location, scale).ppf(0.5))
    np.testing.assert_allclose(model.predict(X), expected)
    regressor = LinearRegressor(WeibullAFT(), features={"scale": [0]}, **SHARP)
    ends = np.column_stack([low, high])
    np.testing.assert_allclose(regressor.fit(X, ends).predict(X), expected)


def test_an_offset_beside_a_scale_with_features():
    plain, moved = clone(HETERO).fit(X, Y), clone(HETERO)
    later = survival_target(EVENT, SEEN * np.exp(X[:, 1]))
    moved.fit(X, later, offset=X[:, 1])
    np.testing.assert_allclose(moved.coef_, plain.coef_, rtol=1e-8)
    np.testing.assert_allclose(
        moved.predict_median(X, offset=X[:, 1]), plain.predict(X) * np.exp(X[:, 1])
    )


def test_a_scale_that_is_none_is_nan_with_a_warning():
    weight, far = np.append(np.ones(N), 0.0), [[-500.0, 0.0]]
    y = np.append(Y, Y[:1])
    model = clone(HETERO).fit(np.vstack([X, far]), y, weight)  # which does not count
    np.testing.assert_allclose(model.coef_, clone(HETERO).fit(X, Y).coef_)
    with pytest.warns(UserWarning, match="predicts nan for 1 of 1 rows, first of row"):
        assert np.isnan(model.predict_survival_function(far, [1.0])).all()


@pytest.mark.parametrize("penalty", [None, "l1"])
def test_positive_binds_the_location_alone(penalty):
    settings = dict(features={"scale": "all"}, penalty=penalty, alpha=1e-3)
    model = LinearSurvival(WeibullAFT(), positive=True, tol=1e-9, **settings)
    time = np.exp(X @ [0.8, 0.4]) * RNG.weibull(1.5 + (X[:, 0] < 0))
    model.fit(X, time)
    assert (model.coef_ > 0).all()
    assert model.predictors_["scale"].coef[0] < 0
    free = clone(model).set_params(positive=False).fit(X, time)
    assert model.objective_ == pytest.approx(free.objective_, rel=1e-9)
    model.fit(-X, time)
    assert not model.coef_.all()
    assert 0 <= model.gap_ < 1e-8


# ------------------------------------------------------------------- scores, searches
def test_scores_know_that_predictions_are_times():
    model = LinearSurvival(WeibullAFT()).fit(X, Y)
    expected = concordance_index_score(Y, -model.predict(X))
    assert expected > 0.7
    scorer = concordance_index_scorer()
    pipe = make_pipeline(StandardScaler(), clone(model)).fit(X, Y)
    for each in (model, LinearRegressor(WeibullAFT()).fit(X, Y), pipe):
        assert scorer(each, X, Y) == pytest.approx(expected, abs=1e-3)
    assert model.score(X, Y) == expected
    assert -0.25 < integrated_brier_scorer()(model, X, Y) < 0
    of_intervals = clone(model).fit(X, INTERVALS)
    assert 0.7 < of_intervals.score(X, INTERVALS) < 1
    with pytest.raises(ValueError, match="fitted with late entries, or intervals"):
        integrated_brier_scorer()(of_intervals, X, Y)
    grid = {"loss": [CoxPH(), *LOSSES]}
    assert GridSearchCV(LinearSurvival(), grid, cv=3).fit(X, Y).best_score_ > 0.7


@each_check([LinearSurvival(WeibullAFT())])
@pytest.mark.filterwarnings("ignore")
def test_contract(estimator, check, routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: LinearSurvival(WeibullAFT()).fit(X, Y, strata=X[:, 0] > 0),
            r"has no strata with WeibullAFT\(\)",
        ),
        (
            lambda: LinearSurvival(WeibullAFT()).fit(X, np.ones((N, 2))),
            r"Intervals are survival_target\(lower=, upper=\)",
        ),
        (lambda: LinearSurvival().fit(X, INTERVALS), "is for accelerated failure time"),
        (
            lambda: LinearSurvival(features={"scale": "all"}).fit(X, Y),
            "names 'scale', which is no output that CoxPH",
        ),
        (
            lambda: LinearSurvival(WeibullAFT()).fit(X, Y).predict_median(X, X[:, 0]),
            "was fitted without strata",
        ),
        (
            lambda: LinearSurvival(WeibullAFT()).fit(
                X, survival_target(EVENT, SEEN + 1.0, np.zeros(N))
            ),
            "with entry is for CoxPH",
        ),
        (
            lambda: LinearSurvival(WeibullAFT()).fit(
                X, survival_target(EVENT, 0 * X[:, 0])
            ),
            r"y\[\d+\] is \[0, ",
        ),
        (
            lambda: LinearSurvival(WeibullAFT()).fit(
                X, survival_target(0 * EVENT, SEEN)
            ),
            "needs a row, with a weight above 0",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_hazards_are_no_distribution():
    model = LinearSurvival().fit(X, Y)
    with pytest.raises(AttributeError) as error:
        _ = model.predict_std
    assert "is not one. Use predict_survival_function" in str(error.value.__cause__)
    model.set_params(loss=LogNormalAFT()).fit(X, Y)
    assert not hasattr(model, "baseline_")
    assert model.predict_std(X).shape == (N,)
    assert not hasattr(model.set_params(loss="cox").fit(X, Y), "predictors_")


@pytest.mark.parametrize("loss", [WeibullAFT(), LogNormalAFT(), LogLogisticAFT()])
def test_predictions_of_far_rows_overflow_silently(loss):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 1))
    y = survival_target(rng.random(100) < 0.7, np.exp(rows[:, 0]) * rng.weibull(2, 100))
    model = LinearSurvival(loss, penalty=None).fit(rows, y)
    for far in ([[-1e4]], [[1e4]]):
        survival = model.predict_survival_function(far, [1.0])
        np.testing.assert_allclose(survival, far[0][0] > 0)
        assert np.isfinite(survival_bands(model, rows, y, far, [1.0]).upper).all()
        np.testing.assert_equal(model.predict_cumulative_hazard(far, [1.0]) >= 0, True)
    assert model.predict_std([[1e4]]) == np.inf


def test_one_row_has_no_scale():
    with pytest.raises(
        ValueError, match="cannot fit a scale to y, whose intervals of 1"
    ):
        LinearSurvival(WeibullAFT()).fit([[1.0]], survival_target([1], [2.0]))


def test_a_time_of_0_is_no_time():
    y = survival_target([1, 0, 1], [1.0, 2.0, 0.0])
    with pytest.raises(ValueError, match=r"y\[2\] is \[0, 0\], which is at 0: its log"):
        LinearSurvival(WeibullAFT()).fit(np.eye(3), y)


def test_a_score_far_from_the_fit_is_refused_with_one_warning():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 2))
    y = survival_target(np.arange(60) % 3 > 0, rng.exponential(size=60))
    model = LinearSurvival(WeibullAFT(), penalty=None, features={"scale": [0]})
    model.fit(rows, y)
    with (
        pytest.warns(UserWarning, match="1 / scale would be negative") as said,
        pytest.raises(ValueError, match=r"cannot score rows .* that of row \d+ is nan"),
    ):
        model.score(rows * 1e3, y)
    assert len(said) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spread", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("penalty", [None, "l2"])
def test_times_that_are_nearly_equal(spread, penalty):
    """exp(1 + spread z) is as likely as exp(z), up to the unit of z."""
    z = np.log(SEEN)
    far = np.exp(1.0 + spread * z)
    fits = [
        LinearSurvival(WeibullAFT(), penalty=penalty).fit(X, survival_target(EVENT, t))
        for t in (SEEN, far)
    ]
    usual, narrow = fits
    assert narrow.gap_ < 1e-7
    shift = EVENT.mean() * np.log(spread)
    assert narrow.objective_ - shift == pytest.approx(usual.objective_, abs=1e-8)
    assert narrow.loss_.scale == pytest.approx(spread * usual.loss_.scale, rel=1e-6)
    np.testing.assert_allclose(narrow.coef_, spread * usual.coef_, rtol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e-12, 1e6, 1e12, 1e15])
@pytest.mark.parametrize("distribution", ["normal", "logistic", "extreme_value"])
def test_censored_targets_of_any_unit(unit, distribution):
    """A gap is proved for numbers as large as those of each output, not of all."""
    z = np.log(SEEN)
    ends = np.column_stack([z, np.where(EVENT, z, np.inf)])
    usual, other = (
        LinearRegressor(Censored(distribution)).fit(X, ends * u) for u in (1.0, unit)
    )
    assert other.gap_ < 1e-8
    shift = EVENT.mean() * np.log(unit)
    assert other.objective_ - shift == pytest.approx(usual.objective_, abs=1e-8)
