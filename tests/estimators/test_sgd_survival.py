"""SGDSurvival: steps of sampled strata, streams, and what LinearSurvival finds."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    CoxPH,
    LinearSurvival,
    SGDRanker,
    SGDSurvival,
    WeibullAFT,
    concordance_index_ipcw_scorer,
    concordance_index_scorer,
    integrated_brier_scorer,
    survival_target,
)
from sklearn_losses.solvers.sgd._visits import RiskSets
from sklearn_losses.solvers.stream import _stream_groups
from tests.cases import each
from tests.contract import each_check
from tests.estimators.test_survival import design

BOTH = [CoxPH(), CoxPH("efron")]
STEPS = dict(optimizer="adam", learning_rate="adaptive", random_state=0)


def rows(seed=0, n=1000):
    """Features, a target and weights, of one stratum."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    time, end = rng.exponential(np.exp(-X @ [0.8, -0.5, 0.0])), rng.exponential(2.0, n)
    y = survival_target(time <= end, np.minimum(time, end))
    return X, y, rng.uniform(0.5, 2.0, n)


def objective(model, X, y, w=None, strata=None):
    price = model.alpha * model.coef_ @ model.coef_ / 2
    return model.loss_.mean(y, X @ model.coef_, strata, w) + price


@each(BOTH)
def test_auto_is_the_descent_of_linear_survival(loss):
    X, time, event, w, strata, entry = design()
    y = survival_target(event, time, entry)
    model = SGDSurvival(loss, alpha=0.01, tol=1e-9).fit(X, y, w, strata)
    other = LinearSurvival(loss, alpha=0.01, tol=1e-10).fit(X, y, w, strata)
    np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-4)
    model.coef_ = other.coef_
    parts = X[:5], [3.0, 9.0], strata[:5]
    found, expected = (m.predict_survival_function(*parts) for m in (model, other))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert model.score(X, y, w, strata) == other.score(X, y, w, strata)


@each(BOTH)
@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_steps(loss, is_late, is_sparse):
    """Rows of a stratum as they come, so many at a time, as in a loop."""
    X, time, event, w, strata, entry = design()
    y = survival_target(event, time, entry if is_late else None)
    model = SGDSurvival(
        *(loss,),
        **dict(learning_rate="constant", eta0=0.1, alpha=0.1, batch_size=7),
        **dict(shuffle=False, max_iter=1, tol=None),
    ).fit(sparse.csr_matrix(X) if is_sparse else X, y, w, strata)
    of_strata = [np.flatnonzero(strata == s) for s in range(3)]
    sets = [s for of in of_strata for s in np.array_split(of, -(-len(of) // 7))]
    sizes = sorted(map(len, sets))
    assert sizes[-1] <= 7
    assert sizes[0] >= 5
    # Which of them have a row less is nobody's concern.
    coef = np.zeros(3)
    for some in risk_sets(loss, X, y, w, strata, 7):
        slope = X[some].T @ loss.gradient(y[some], X[some] @ coef, None, w[some])
        coef = (1 - 0.01) * coef - 0.1 * len(sets) / w.sum() * slope
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-10)
    assert model.t_ == 1 + len(sets)


def risk_sets(loss, X, y, w, strata, size, seed=None):
    """The rows of each set of an epoch."""
    model = SGDSurvival(loss)
    _, columns, codes, _ = model._grouped(y, strata)
    parts = X, columns, codes, w, loss
    visits = RiskSets(model._group_objective(*parts)[0], seed, size)
    visits.draw()
    found, _, weight, starts, factor = visits.draw()
    np.testing.assert_array_equal(weight, w[found])
    np.testing.assert_allclose(factor * w.sum(), len(factor))
    assert visits.most_rows(1) == np.diff(starts).max()
    return np.split(found, starts[1:-1])


def test_an_epoch_sees_each_row_once_among_some_of_its_stratum():
    X, time, event, w, strata, entry = design()
    y = survival_target(event, time, entry)
    parts = CoxPH(), X, y, w, strata, 10
    first, again, other = (risk_sets(*parts, seed) for seed in (0, 0, 1))
    for sets in (first, other):
        np.testing.assert_array_equal(np.sort(np.concatenate(sets)), np.arange(120))
        for some in sets:
            assert len(some) <= 10
            assert len(np.unique(strata[some])) == 1
            assert (np.diff(time[some]) >= 0).all()
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))
    assert {frozenset(s) for s in first} != {frozenset(s) for s in other}


@pytest.mark.parametrize(
    ("batch_size", "settings", "missed"),
    [
        (10, STEPS, 1e-2),
        (100, STEPS, 1e-3),
        (1000, dict(learning_rate="constant", eta0=1.0), 1e-5),
    ],
    ids=str,
)
def test_steps_come_near_the_optimum_of_all_rows(batch_size, settings, missed):
    """The less so the smaller sets are; one of all rows is no other objective."""
    X, y, w = rows()
    settings = dict(eta0=0.1, tol=1e-7, max_iter=300) | settings
    model = SGDSurvival(batch_size=batch_size, **settings).fit(X, y, w)
    least = LinearSurvival(tol=1e-9).fit(X, y, w)
    at_0 = CoxPH().mean(y, np.zeros(1000), None, w)
    found, best = (objective(m, X, y, w) for m in (model, least))
    assert found - best < missed * (at_0 - best)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@each(BOTH)
@pytest.mark.parametrize("most", [200, 10_000])
def test_calls_are_strata_of_a_stream(loss, most, monkeypatch):
    monkeypatch.setattr(_stream_groups, "MOST_ROWS", most)
    X, y, w = rows()
    model, calls = SGDSurvival(loss, alpha=0.01), np.repeat(np.arange(10), 100)
    for some in np.split(np.arange(1000), 10):
        model.partial_fit(X[some], y[some], w[some])
    least = LinearSurvival(loss, alpha=0.01).fit(X, y, w, strata=calls)
    found, best = (objective(m, X, y, w, calls) for m in (model, least))
    assert found < best + 1e-3
    assert model.t_ == 1001
    again = pickle.loads(pickle.dumps(model))
    for other in (model, again):
        other.partial_fit(X[some], y[some], w[some])
    np.testing.assert_array_equal(model.coef_, again.coef_)


def test_a_pass_of_steps_continues():
    X, y, _ = rows()
    settings = dict(learning_rate="constant", eta0=0.1, shuffle=False, batch_size=50)
    model = SGDSurvival(**settings, max_iter=1, tol=None).fit(X, y)
    other = SGDSurvival(**settings)
    for some in np.split(np.arange(1000), 4):
        other.partial_fit(X[some], y[some])
    np.testing.assert_allclose(other.coef_, model.coef_, rtol=1e-10)
    assert other.t_ == model.t_


def test_baselines_are_of_the_last_rows_with_an_event():
    X, y, w = rows()
    site = np.repeat(["a", "b"], 500)
    model = SGDSurvival().partial_fit(X, y, w, strata=site)
    assert set(model.baseline_) == {"a", "b"}
    before = model.predict_survival_function(X[:2], [0.5], strata=["a", "b"])
    censored = survival_target(np.zeros(9, dtype=bool), y["time"][:9])
    model.partial_fit(X[:9], censored)
    assert set(model.baseline_) == {"a", "b"}
    here = model.predict_survival_function(X[:2], [0.5], strata=["a", "b"])
    np.testing.assert_allclose(here, before, atol=0.05)
    model.partial_fit(X[:500], y[:500], strata=site[:500])
    with pytest.raises(ValueError, match=r"strata.1. is 'b', which the model was not"):
        model.predict_median(X[:2], strata=["a", "b"])
    model.partial_fit(X[:9], y[:9], np.zeros(9))  # as if they were not there
    assert set(model.baseline_) == {"a"}


@pytest.mark.parametrize("learning_rate", ["auto", "adaptive"])
@pytest.mark.parametrize("scoring", [None, concordance_index_scorer()])
def test_validation(learning_rate, scoring):
    X, y, w = rows()
    site, seen = np.arange(1000) % 2, []

    def watched(model, X, y, sample_weight=None, strata=None):
        seen.append((X, strata))
        return scoring(model, X, y, sample_weight=sample_weight, strata=strata)

    settings = dict(learning_rate=learning_rate, scoring=scoring and watched)
    model = SGDSurvival(early_stopping=True, random_state=0, **settings)
    model.fit(X, y, w, site)
    assert len(model.validation_loss_curve_) == len(model.loss_curve_)
    if scoring is None:
        assert np.argmin(model.validation_loss_curve_) == model.best_epoch_
        return
    curve = model.validation_score_curve_
    assert curve[model.best_epoch_] == curve.max()
    aside = np.isin(X[:, 0], seen[0][0][:, 0])
    assert aside.sum() == 100
    np.testing.assert_array_equal(seen[0][1], site[aside])
    again = SGDSurvival(random_state=0, **settings).fit(
        *(X[~aside], y[~aside], w[~aside], site[~aside]),
        **dict(X_val=X[aside], y_val=y[aside], sample_weight_val=w[aside]),
        strata_val=site[aside],
    )
    np.testing.assert_allclose(again.coef_, model.coef_, rtol=1e-9)


def test_scores_in_searches_with_and_without_routing():
    X, y, _ = rows(n=200)
    times = [0.2, 0.5, 1.0]
    scoring = {
        "c": concordance_index_scorer(),
        "uno": concordance_index_ipcw_scorer(tau=1.0),
        "brier": integrated_brier_scorer(times),
    }
    found = cross_validate(SGDSurvival(), X, y, cv=3, scoring=scoring)
    linear = cross_validate(LinearSurvival(tol=1e-9), X, y, cv=3, scoring=scoring)
    for name in scoring:
        np.testing.assert_allclose(
            found[f"test_{name}"], linear[f"test_{name}"], atol=0.02
        )
    pipe = make_pipeline(StandardScaler(), SGDSurvival(random_state=0))
    grid = {"sgdsurvival__learning_rate": ["auto", "constant"]}
    settings = dict(cv=3, scoring=scoring["c"])
    plain = GridSearchCV(pipe, grid, **settings).fit(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = GridSearchCV(pipe, grid, **settings)
        routed.fit(X, y, strata=np.zeros(200))
    name = "mean_test_score"
    np.testing.assert_array_equal(plain.cv_results_[name], routed.cv_results_[name])


def test_refusals():
    X, y, _ = rows(n=60)
    none = survival_target(np.zeros(60, dtype=bool), y["time"])
    causes = survival_target(np.arange(60) % 3, y["time"])
    for parts, settings, message in [
        ((X, none), {}, "found no event"),
        ((X, causes), {}, "codes of several. Pass survival_target.cause == 1"),
        ((X, y), {"loss": WeibullAFT()}, "is a loss for regression"),
        ((X, y), {"batch_size": 1}, "batch_size"),
        ((X, y, np.zeros(60)), {}, "All sample weights are zero"),
        ((X, np.column_stack([y["time"], y["event"]])), {}, "survival_target"),
    ]:
        with pytest.raises(ValueError, match=message):
            SGDSurvival(**settings).fit(*parts)
    last = survival_target(y["time"] == y["time"].max(), y["time"])
    with pytest.warns(UserWarning, match="At no event of SGDSurvival any other row"):
        assert not SGDSurvival().fit(X, last).coef_.any()
    with pytest.raises(ValueError, match="strata_val was given without X_val"):
        SGDSurvival().fit(X, y, strata_val=np.zeros(60))
    with pytest.raises(ValueError, match="validation rows have no event"):
        SGDSurvival().fit(X, y, X_val=X, y_val=none)
    brier = integrated_brier_scorer([0.5])
    with pytest.raises(ValueError, match="no baseline before a fit has ended"):
        SGDSurvival(early_stopping=True, scoring=brier).fit(X, y)


@each_check([SGDSurvival(), SGDSurvival(learning_rate="constant", max_iter=5)])
@pytest.mark.filterwarnings("ignore")
def test_contract(estimator, check, routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        check(estimator)


def test_calls_of_a_row_each_say_nothing():
    rng = np.random.default_rng(0)
    rows, y = (
        rng.normal(size=(9, 2)),
        survival_target(np.arange(9) % 2, np.arange(1, 10)),
    )
    model, ranker = SGDSurvival(), SGDRanker()
    for k in range(2):
        with pytest.warns(UserWarning, match="with one row says nothing .* its strata"):
            model.partial_fit(rows[k : k + 1], y[k : k + 1])
        with pytest.warns(UserWarning, match="with one row says nothing .* its groups"):
            ranker.partial_fit(rows[k : k + 1], [1], groups=[k])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(rows, y).partial_fit(rows[:1], y[:1])
        ranker.partial_fit(rows, np.arange(9) % 2, groups=np.arange(9) // 3 + 5)
    assert model.coef_.all()
    assert ranker.coef_.all()
