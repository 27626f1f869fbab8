"""Scores that weigh by the probability of censoring: loops, and scikit-survival."""

import numpy as np
import pytest
import sklearn
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    LinearRegressor,
    LinearSurvival,
    concordance_index_ipcw_score,
    concordance_index_ipcw_scorer,
    cumulative_dynamic_auc_score,
    cumulative_dynamic_auc_scorer,
    integrated_brier_score,
    integrated_brier_scorer,
    survival_target,
)

TIMES = np.array([1.0, 2.5, 4.0])
SCORERS = {
    "brier": integrated_brier_scorer(),
    "auc": cumulative_dynamic_auc_scorer(),
    "uno": concordance_index_ipcw_scorer(),
}
auc_of = SCORERS["auc"]
brier, uno = integrated_brier_score, concordance_index_ipcw_score
# Of scikit-survival 0.28: integrated_brier_score, cumulative_dynamic_auc and
# concordance_index_ipcw.
NUMBERS = [0.15950809659773604, 0.8163202610253493, 0.7207940164766502]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rows(rng, n=90):
    """A target with ties of all kinds, scores with ties, and weights."""
    y = survival_target(rng.random(n) < 0.6, rng.integers(1, 9, size=n))
    return y, rng.integers(12, size=n) / 4.0, rng.integers(0, 3, size=n)


def in_sight(y, weight, at, strictly_before):
    """The probability not to be censored until (or before) a time."""
    left = 1.0
    for t in np.unique(y["time"]):
        if t < at or (t == at and not strictly_before):
            lost = weight @ ((y["time"] == t) & ~y["event"])
            left *= 1.0 - lost / (lost + weight @ (y["time"] > t)) if lost else 1.0
    return left


def before_each(y, weight):
    return np.array([in_sight(y, weight, t, True) for t in y["time"]])


def test_brier(rng):
    y, _, w = rows(rng)
    probability = rng.random((90, 3))
    before, each = before_each(y, w), []
    for t, p in zip(TIMES, probability.T):
        over = (y["time"] <= t) & y["event"]
        later = (y["time"] > t) / in_sight(y, w, t, False)
        each.append(w @ (p**2 * over / before + (1 - p) ** 2 * later) / w.sum())
    settings = dict(sample_weight=w)
    found = integrated_brier_score(y, probability, times=TIMES, **settings)
    expected = np.mean([each[0] + each[1], each[1] + each[2]]) / 2
    assert found == pytest.approx(expected, rel=1e-13)
    found = integrated_brier_score(y, probability[:, :1], times=TIMES[:1], **settings)
    assert found == pytest.approx(each[0], rel=1e-13)


def test_area(rng):
    y, score, w = rows(rng)
    before, each, left = before_each(y, w), [], [1.0]
    for t in TIMES:
        case = w * ((y["time"] <= t) & y["event"]) / before
        control = w * (y["time"] > t)
        right = (score[:, None] > score) + 0.5 * (score[:, None] == score)
        each.append(case @ right @ control / (case.sum() * control.sum()))
        share = 1.0
        for s in np.unique(y["time"][y["time"] <= t]):
            ended = w @ ((y["time"] == s) & y["event"])
            share *= 1.0 - ended / (w @ (y["time"] >= s))
        left.append(share)
    expected = np.average(each, weights=-np.diff(left))
    settings = dict(times=TIMES, sample_weight=w)
    found = cumulative_dynamic_auc_score(y, score, **settings)
    assert found == pytest.approx(expected, rel=1e-13)
    by_time = np.repeat(score[:, None], 3, axis=1)
    assert cumulative_dynamic_auc_score(y, by_time, **settings) == found


@pytest.mark.parametrize("tau", [None, 5.0])
def test_concordance(rng, tau):
    y, score, w = rows(rng)
    strata = rng.integers(3, size=90)
    before, right, total = before_each(y, w), 0.0, 0.0
    for i in np.flatnonzero(y["event"] & (y["time"] < (tau or np.inf))):
        later = (y["time"] > y["time"][i]) | ((y["time"] == y["time"][i]) & ~y["event"])
        pair = w[i] * w * later * (strata == strata[i]) / before[i] ** 2
        total += pair.sum()
        right += pair @ ((score[i] > score) + 0.5 * (score[i] == score))
    found = concordance_index_ipcw_score(
        y, score, tau=tau, strata=strata, sample_weight=w
    )
    assert found == pytest.approx(right / total, rel=1e-13)


def fitted(rng):
    """A model of 250 rows, and 150 others."""
    X = rng.normal(size=(400, 4))
    time = rng.exponential(np.exp(-X @ [0.7, -0.4, 0, 0.2]))
    end = rng.exponential(1.5, size=400)
    y = survival_target(time <= end, np.minimum(time, end))
    return LinearSurvival().fit(X[:250], y[:250]), X, y


def test_numbers_of_scikit_survival(rng):
    model, X, y = fitted(rng)
    X, of_fit, y, times = X[250:], y[:250], y[250:], [0.1, 0.4, 1.0]
    risk = (X @ [0.7, -0.4, 0, 0.2]).round(1)
    probability = np.exp(-np.exp(risk)[:, None] * times)
    for censoring in (model.censoring_, of_fit):
        known = dict(censoring=censoring)
        assert [
            integrated_brier_score(y, probability, times=times, **known),
            cumulative_dynamic_auc_score(y, risk, times=times, **known),
            concordance_index_ipcw_score(y, risk, tau=1.0, **known),
        ] == pytest.approx(NUMBERS, rel=1e-12)


def test_scorers_know_the_censoring_of_the_fit(rng):
    model, X, y = fitted(rng)
    X, y, known = X[250:], y[250:], dict(censoring=model.censoring_)
    survival = model.predict_survival_function(X, TIMES[:2])
    w = rng.random(150)
    expected = {
        "brier": -integrated_brier_score(
            y, survival, times=TIMES[:2], sample_weight=w, **known
        ),
        "auc": cumulative_dynamic_auc_score(
            y, model.predict(X), times=TIMES[:2], sample_weight=w, **known
        ),
        "uno": concordance_index_ipcw_score(
            y, model.predict(X), tau=2.0, sample_weight=w, **known
        ),
    }
    scorers = {
        "brier": integrated_brier_scorer(times=TIMES[:2]),
        "auc": cumulative_dynamic_auc_scorer(times=TIMES[:2]),
        "uno": concordance_index_ipcw_scorer(tau=2.0),
    }
    for name, scorer in scorers.items():
        assert scorer(model, X, y, sample_weight=w) == pytest.approx(expected[name])


def test_search_with_routing_and_without(rng):
    _, X, y = fitted(rng)
    strata = rng.integers(2, size=400)
    pipe = make_pipeline(StandardScaler(), "passthrough", LinearSurvival())
    search = GridSearchCV(pipe, {"linearsurvival__alpha": [0.01, 1.0]}, cv=3)
    settings = dict(cv=KFold(3), scoring=SCORERS, error_score="raise")
    plain = cross_validate(search, X, y, **settings)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_validate(search, X, y, **settings)
        by_stratum = cross_validate(
            LinearSurvival(), X, y, params={"strata": strata}, **settings
        )
    for name in SCORERS:
        np.testing.assert_array_equal(plain[f"test_{name}"], routed[f"test_{name}"])
        assert np.isfinite(by_stratum[f"test_{name}"]).all()


def test_nobody_is_censored(rng):
    _, score, _ = rows(rng)
    time = rng.exponential(size=90)
    expected = concordance_index_ipcw_score(time, score)
    y = survival_target(np.ones(90, bool), time)
    assert concordance_index_ipcw_score(y, score) == expected
    half = np.full((90, 3), 0.5)
    found = integrated_brier_score(y, half, times=[0.1, 0.2, 0.5])
    assert found == pytest.approx(0.25)


def test_what_is_not_defined():
    y = survival_target([True, True, True], [1.0, 2.0, 5.0])
    of_fit = survival_target([True, False], [1.0, 3.0])
    p, r = [[0.5], [0.5], [0.5]], [1.0, 2.0, 3.0]
    known = dict(times=[6.0], censoring=of_fit)
    for call, why in (
        (lambda: integrated_brier_score(y, p, **known), "no row is seen until"),
        (lambda: cumulative_dynamic_auc_score(y, r, **known), "censored before times"),
        (
            lambda: concordance_index_ipcw_score(y, r, tau=6.0, censoring=of_fit),
            "censored before tau=6",
        ),
        (lambda: concordance_index_ipcw_score(y, r, tau=0.5), "no pair can be"),
        (lambda: cumulative_dynamic_auc_score(y, r, times=[0.5]), "no event until"),
        (lambda: cumulative_dynamic_auc_score(y, r, times=[5.0]), "no row is left"),
        (lambda: integrated_brier_score(y, p, times=[1], sample_weight=[0] * 3), "row"),
    ):
        with pytest.warns(UserWarning, match=why):
            assert np.isnan(call())
    # Without tau the last event, of which the fit says nothing, does not count.
    assert concordance_index_ipcw_score(y, r, censoring=of_fit) == 0.0


def test_a_fold_that_is_not_defined(rng):
    model, X, y = fitted(rng)
    early = y["time"] < np.quantile(model.baseline_.times, 0.05)
    for name in ("brier", "auc"):
        with pytest.warns(UserWarning, match="no row of y is in sight when events of"):
            assert np.isnan(SCORERS[name](model, X[early], y[early]))


def test_bad_input(rng):
    _, X, y = fitted(rng)
    late = survival_target(y["event"], y["time"], entry=-np.ones(400))
    of_late = LinearSurvival().fit(X, late)
    assert of_late.censoring_ is None
    two = np.full((400, 2), 0.5)
    regressor = LinearRegressor().fit(X, y["time"])
    for error, message, call in (
        (ValueError, "y_true has late entries", lambda: uno(late, y["time"])),
        (ValueError, "fitted with late entries", lambda: auc_of(of_late, X, y)),
        (TypeError, "needs a LinearSurvival", lambda: auc_of(regressor, X, y)),
        (ValueError, "times must ascend", lambda: brier(y, two, times=[2.0, 1.0])),
        (ValueError, "times must be a list", lambda: brier(y, two, times=[])),
        (ValueError, r"the shape \(400, 1\)", lambda: brier(y, two, times=[2.0])),
        (ValueError, "from 0 to 1", lambda: brier(y, 3 * two, times=[1.0, 2.0])),
        (ValueError, "The row 0 is not", lambda: brier(y, two * np.nan, times=[1, 2])),
        (ValueError, "'tau' parameter", lambda: uno(y, y["time"], tau=-1.0)),
    ):
        with pytest.raises(error, match=message):
            call()


def test_a_brier_score_beyond_the_last_row_is_undefined():
    y = survival_target([1, 1, 0], [1.0, 2.0, 3.0])
    probability = np.full((3, 3), 0.5)
    assert integrated_brier_score(y, probability, times=[1.0, 2.0, 3.0]) > 0.0
    with pytest.warns(UndefinedMetricWarning, match=r"until times\[-1\]=1e\+06, the l"):
        found = integrated_brier_score(y, probability, times=[1.0, 2.0, 1e6])
    assert np.isnan(found)
