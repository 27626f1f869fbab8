"""LinearSurvival: against R, lifelines, scikit-survival and statsmodels."""

import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from scipy.linalg import expm
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import CumIncidenceRight

from sklearn_losses import (
    CoxPH,
    Huber,
    LinearRanker,
    LinearSurvival,
    WeibullAFT,
    alpha_max,
    concordance_index_ipcw_scorer,
    concordance_index_scorer,
    loss_scorer,
    regularization_path,
    survival_target,
)
from tests.contract import each_check

SHARP = dict(penalty=None, tol=1e-12)


def design(seed=7, n=120):
    """Features, times with ties, events, weights, strata and entries."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    time = np.ceil(8 * rng.exponential(np.exp(-X @ [0.8, -0.5, 0]))).clip(1, 30)
    event, weight = rng.random(n) < 0.7, rng.integers(1, 4, n).astype(float)
    strata = rng.integers(3, size=n)
    entry = np.minimum(np.floor(time * rng.uniform(-1, 0.9, n)), time - 1).clip(0)
    return X, time, event, weight, strata, entry


def test_other_packages():
    """What lifelines 0.30.3 and scikit-survival 0.28 print of the same design."""
    X, time, event, weight, strata, entry = design()
    y, late = survival_target(event, time), survival_target(event, time, entry)
    model = LinearSurvival(CoxPH("efron"), **SHARP)
    found = model.fit(X, late, sample_weight=weight)
    lifelines = [0.715628114474433, -0.19534848587964276, 0.1404110885048083]
    # Where lifelines ends the gradient is still 3e-4.
    np.testing.assert_allclose(found.coef_, lifelines, atol=1e-5)
    assert found.objective_ * weight.sum() == pytest.approx(743.1354014822081)
    found = model.fit(X, y, sample_weight=weight, strata=strata)
    lifelines = [0.8138035618263366, -0.29554987124491067, 0.2792482263261671]
    np.testing.assert_allclose(found.coef_, lifelines, atol=1e-5)
    assert found.objective_ * weight.sum() == pytest.approx(580.696292123946)
    model = LinearSurvival(CoxPH("efron"), alpha=0.1, tol=1e-10)  # theirs is n times it
    found = model.fit(X, y)
    sksurv = [0.6867325403706273, -0.18360723869880657, 0.19105690847826853]
    np.testing.assert_allclose(found.coef_, sksurv, atol=1e-7)
    risk = X @ [1, -0.5, 0]
    found.coef_ = np.array([1, -0.5, 0])
    assert found.score(X, y) == pytest.approx(0.7190902021772939, abs=1e-14)
    np.testing.assert_allclose(found.predict(X), risk, rtol=1e-12)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(s, marks=pytest.mark.thorough) for s in range(2, 30))]
)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_random_designs(seed, ties):
    X, time, event, _, strata, entry = design(seed)
    model = LinearSurvival(CoxPH(ties), **SHARP)
    model.fit(X, survival_target(event, time, entry), strata=strata)
    # There who enters at the time of an event is at risk then.
    settings = dict(ties=ties, strata=strata, entry=entry + 0.5)
    other = PHReg(time, X, event, **settings).fit(method="newton", disp=0)
    np.testing.assert_allclose(model.coef_, other.params, atol=1e-6)
    assert model.objective_ * len(X) == pytest.approx(-other.llf, rel=1e-9)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(s, marks=pytest.mark.thorough) for s in range(1, 30))]
)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_kernels_of_glmnets_authors(seed, ties):
    """Weights, strata, late entries and ties, all at once: the slopes there are 0."""
    coxdev = pytest.importorskip("coxdev")
    X, time, event, weight, strata, entry = design(seed)
    model = LinearSurvival(CoxPH(ties), **SHARP)
    model.fit(X, survival_target(event, time, entry), weight, strata=strata)
    parts = dict(strata=strata, start=entry, sample_weight=weight, tie_breaking=ties)
    kernel, raw = coxdev.CoxDeviance(time, event, **parts), X @ model.coef_
    found = kernel(raw, weight)
    hessian = X.T @ (kernel.information(raw, weight) @ X)
    step = np.linalg.solve(hessian, X.T @ found.gradient / 2)
    np.testing.assert_allclose(step, 0.0, atol=1e-6)
    likelihood = found.loglik_sat - found.deviance / 2
    assert -likelihood == pytest.approx(model.objective_ * weight.sum(), rel=1e-9)


# R, survival::coxph; docs of lifelines and tests of scikit-survival.
ROSSI = {
    "breslow": [-0.37902, -0.05725, 0.31413, -0.15111, -0.43278, -0.08498, 0.09111],
    "efron": [-0.37942, -0.05744, 0.3139, -0.1498, -0.4337, -0.08487, 0.0915],
}


@pytest.mark.parametrize("ties", ROSSI)
def test_rossi(ties):
    datasets = pytest.importorskip("lifelines.datasets")
    data = datasets.load_rossi()
    X = data[["fin", "age", "race", "wexp", "mar", "paro", "prio"]].astype(float)
    model = LinearSurvival(CoxPH(ties), **SHARP)
    model.fit(X, survival_target(data["arrest"], data["week"]))
    np.testing.assert_array_equal(model.coef_.round(5), ROSSI[ties])


@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
def test_a_path_is_the_fits_of_its_alphas(penalty):
    X, time, event, weight, strata, entry = design(4)
    y, settings = survival_target(event, time, entry), dict(penalty=penalty, tol=1e-9)
    model, known = LinearSurvival(**settings), dict(sample_weight=weight)
    path = regularization_path(model, X, y, groups=strata, n_alphas=8, **known)
    assert (path.gaps < 1e-8).all()
    for alpha, coef, value in zip(path.alphas, path.coefs, path.objectives):
        one = LinearSurvival(alpha=alpha, **settings).fit(X, y, weight, strata=strata)
        np.testing.assert_allclose(coef, one.coef_, atol=1e-5)
        assert value == pytest.approx(one.objective_, abs=1e-8)


@pytest.mark.parametrize("penalty", ["l1", "elasticnet", "l2"])
def test_the_gap_is_valid(penalty):
    X, time, event, weight, strata, entry = design(1)
    y = survival_target(event, time, entry)
    settings = dict(penalty=penalty, alpha=0.15)
    model = LinearSurvival(tol=1e-4, **settings).fit(X, y, weight, strata=strata)
    sharp = LinearSurvival(tol=1e-11, **settings).fit(X, y, weight, strata=strata)
    assert sharp.gap_ < 1e-9
    assert model.objective_ - model.gap_ <= sharp.objective_ + 1e-14
    assert sharp.objective_ <= model.objective_ + 1e-14
    if penalty == "l1":
        assert (sharp.coef_ == 0).any()


def test_the_order_of_rows_does_not_matter():
    X, time, event, weight, strata, entry = design(2)
    y = survival_target(event, time, entry)
    order = np.random.default_rng(0).permutation(len(X))
    model = LinearSurvival(**SHARP)
    first = model.fit(X, y, weight, strata=strata).coef_
    args = X[order], y[order], weight[order]
    np.testing.assert_allclose(model.fit(*args, strata=strata[order]).coef_, first)
    absent = weight > 1
    some = model.fit(X[absent], y[absent], weight[absent]).coef_
    np.testing.assert_allclose(model.fit(X, y, weight * absent).coef_, some)


def test_units_of_features():
    X, time, event, *_ = design()
    y = survival_target(event, time)
    model = LinearSurvival(**SHARP)
    expected = model.fit(X, y).coef_
    chances = model.predict_survival_function(X, [3.0, 9.0])
    for scale, shift in ((1e6, 0.0), (1.0, 1e6), (1e-6, 5.0)):
        model.fit(scale * X + shift, y)
        np.testing.assert_allclose(model.coef_ * scale, expected, rtol=1e-6)
        found = model.predict_survival_function(scale * X + shift, [3.0, 9.0])
        np.testing.assert_allclose(found, chances, rtol=1e-5, atol=1e-7)
    other = model.fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(other.coef_, expected, rtol=1e-6)
    other = model.fit(X.astype(np.float32), y)
    np.testing.assert_allclose(other.coef_, expected, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------- predictions
def hazards(columns, raw, weight, efron):
    """The cumulative hazard by its definition, as times and values."""
    time, event, entry = columns
    times, total, found = np.unique(time[event]), 0.0, []
    for t in times:
        at_risk, now = (time >= t) & (entry < t), (time == t) & event
        S, E = (weight * np.exp(raw))[at_risk].sum(), (weight * np.exp(raw))[now].sum()
        d = now.sum()
        share = np.arange(d) / d if efron else np.zeros(d)
        total += (weight[now].sum() / d / (S - share * E)).sum()
        found.append(total)
    return times, np.array(found)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("is_late", [False, True])
def test_the_baseline(ties, is_late):
    X, time, event, weight, strata, entry = design(3)
    entry = entry if is_late else np.full(len(X), -1.0)
    y = survival_target(event, time, entry if is_late else None)
    model = LinearSurvival(CoxPH(ties)).fit(X, y, weight, strata=strata)
    raw = model.predict(X)
    for stratum in range(3):
        here = strata == stratum
        parts = time[here], event[here], entry[here]
        times, expected = hazards(parts, raw[here], weight[here], ties == "efron")
        own = model.baseline_[stratum]
        np.testing.assert_array_equal(own.times, times)
        at_mean = expected * np.exp(own.raw_prediction)
        np.testing.assert_allclose(own.cumulative_hazard, at_mean, rtol=1e-12)
        args = X[here], times, strata[here]
        found = model.predict_cumulative_hazard(*args)
        np.testing.assert_allclose(found, np.outer(np.exp(raw[here]), expected))
        found = model.predict_survival_function(*args)
        np.testing.assert_allclose(
            found, np.exp(-np.outer(np.exp(raw[here]), expected))
        )
        median = model.predict_median(X[here], strata[here])
        first = np.array([(row <= 0.5).argmax() for row in found])
        reached = (found <= 0.5).any(axis=1)
        assert np.isinf(median[~reached]).all()
        np.testing.assert_array_equal(median[reached], times[first[reached]])


def test_before_between_and_after_the_events():
    y = survival_target([1, 1, 0], [1.0, 2.0, 5.0])
    model = LinearSurvival(CoxPH("breslow"), alpha=1e9).fit(np.eye(3), y)
    found = model.predict_cumulative_hazard(np.eye(3)[:1], [0.5, 1.0, 1.5, 2.0, 9.0])
    np.testing.assert_allclose(found[0], [0, 1 / 3, 1 / 3, 5 / 6, 5 / 6], rtol=1e-6)
    assert model.predict_survival_function(np.eye(3)).shape == (3, 2)


def test_strata_of_predictions():
    X, time, event, _, strata, _ = design()
    y, names = survival_target(event, time), np.array(["a", "b", "c"])[strata]
    model = LinearSurvival().fit(X, y, strata=names)
    assert list(model.baseline_) == ["a", "b", "c"]
    both = model.predict_survival_function(X[:2], [3.0], strata=["c", "a"])
    each = model.predict_survival_function(X[1:2], [3.0], strata=["a"])
    np.testing.assert_array_equal(both[1:], each)
    with pytest.raises(ValueError, match=r"pass strata= of these rows, among \['a'"):
        model.predict_median(X)
    with pytest.raises(ValueError, match=r"strata\[1\] is 'x', which the model"):
        model.predict_median(X[:2], strata=["a", "x"])
    with pytest.raises(ValueError, match="was fitted without strata"):
        model.fit(X, y).predict_median(X, strata=names)


def test_an_offset_is_known():
    X, time, event, *_ = design()
    y = survival_target(event, time)
    whole = LinearSurvival(**SHARP).fit(X, y)
    known = X @ (whole.coef_ * [1, 0, 0])
    model = LinearSurvival(**SHARP).fit(X, y, offset=known)
    np.testing.assert_allclose(model.coef_, whole.coef_ * [0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(
        model.predict_median(X, offset=known), whole.predict_median(X)
    )


# ---------------------------------------------------------------------------- searches
def test_searches():
    X, time, event, _, strata, _ = design()
    y = survival_target(event, time)
    pipe = make_pipeline(StandardScaler(), LinearSurvival())
    grid = {"linearsurvival__loss__ties": ["efron", "breslow"]}
    pipe.set_params(linearsurvival__loss=CoxPH())
    scoring = {"c": concordance_index_scorer(), "again": concordance_index_scorer()}
    search = GridSearchCV(pipe, grid, cv=KFold(3), scoring=scoring, refit="c")
    plain = search.fit(X, y).cv_results_["mean_test_c"]
    assert (plain > 0.6).all()
    with sklearn.config_context(enable_metadata_routing=True):
        one = search.fit(X, y, strata=np.zeros(len(X))).cv_results_["mean_test_c"]
        several = search.fit(X, y, strata=strata).cv_results_["mean_test_c"]
    np.testing.assert_array_equal(one, plain)
    assert (several != plain).any()


def test_a_fold_without_events():
    X, time, event, *_ = design()
    event = event & (np.arange(len(X)) >= 40)
    y = survival_target(event, time)
    settings = dict(cv=KFold(3), scoring=concordance_index_scorer())
    with pytest.warns(UserWarning, match="no pair can be compared. It is nan"):
        found = cross_validate(LinearSurvival(), X, y, **settings)
    assert np.isnan(found["test_score"]).tolist() == [True, False, False]


# --------------------------------------------------------------------- several causes
def causes(seed=3, n=150):
    X, time, event, weight, strata, entry = design(seed, n)
    return X, time, event * (1 + (X[:, 1] > 0)), weight, strata, entry


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_each_cause_is_a_model_where_the_others_are_censored(ties):
    X, time, cause, weight, strata, entry = causes()
    offset = np.column_stack([X[:, 0], 0 * X[:, 0]])
    model = LinearSurvival(CoxPH(ties), alpha=0.01, tol=1e-9)
    known = dict(strata=strata, offset=offset)
    model.fit(X, survival_target(cause, time, entry), weight, **known)
    assert model.causes_.tolist() == [1, 2]
    assert model.coef_.shape == (2, 3)
    assert (model.gap_ < 1e-8).all()
    hazards = model.predict_cumulative_hazard(X, [2.0, 9.0], strata, offset)
    scores = []
    for k, code in enumerate(model.causes_):
        y = survival_target(cause == code, time, entry)
        known["offset"] = offset[:, k]
        one = LinearSurvival(CoxPH(ties), alpha=0.01, tol=1e-9)
        one.fit(X, y, weight, **known)
        np.testing.assert_allclose(model.coef_[k], one.coef_, rtol=1e-9)
        assert model.objective_[k] == pytest.approx(one.objective_)
        np.testing.assert_allclose(
            model.predict(X, offset)[:, k], one.predict(X, offset[:, k])
        )
        found = one.predict_cumulative_hazard(X, [2.0, 9.0], **known)
        np.testing.assert_allclose(hazards[:, :, k], found)
        own = model.baseline_[k][0].cumulative_hazard
        np.testing.assert_allclose(own, one.baseline_[0].cumulative_hazard)
        scores.append(one.score(X, y, **known))
    y = survival_target(cause, time, entry)
    score = model.score(X, y, strata=strata, offset=offset)
    assert score == pytest.approx(np.mean(scores))
    left = model.predict_survival_function(X, [2.0, 9.0], strata, offset)
    np.testing.assert_allclose(left, np.exp(-hazards.sum(axis=2)))
    incidence = model.predict_cumulative_incidence(X, [2.0, 9.0], strata, offset)
    np.testing.assert_allclose(incidence.sum(axis=2) + left, 1.0)
    median = model.predict_median(X, strata, offset)
    some = np.isfinite(median)
    at = [
        model.predict_survival_function(
            X[[i]], [median[i] - 1e-9, median[i]], strata[[i]], offset[[i]]
        )[0]
        for i in np.flatnonzero(some)[:20]
    ]
    assert all(before > 0.5 >= now for before, now in at)


def test_cumulative_incidence_is_a_product_of_matrices():
    """As in R's survfit of several states: of the exponentials of hazards."""
    X, time, cause, *_ = causes()
    model = LinearSurvival(CoxPH("efron")).fit(X, survival_target(cause, time))
    times = model._times(None)
    hazards = model.predict_cumulative_hazard(X[:3])
    found = model.predict_cumulative_incidence(X[:3])
    for of_row, row in zip(hazards, found):
        state = np.array([1.0, 0.0, 0.0])
        for k, step in enumerate(np.diff(of_row, axis=0, prepend=0.0)):
            rates = np.zeros((3, 3))
            rates[0] = -step.sum(), *step
            state = state @ expm(rates)
            np.testing.assert_allclose(row[k], state[1:], atol=1e-14)
    early = model.predict_cumulative_incidence(X[:3], [0.0, times[0], 1e9])
    assert not early[:, 0].any()
    np.testing.assert_array_equal(early[:, 1:], found[:, [0, -1]])


def test_cumulative_incidence_without_features():
    """Aalen and Johansen's, but for what a step's size is to its exponential."""
    rng = np.random.default_rng(0)
    time, cause = np.ceil(200 * rng.exponential(size=4000)), rng.integers(3, size=4000)
    model = LinearSurvival(alpha=1e9).fit(
        rng.normal(size=(4000, 1)), survival_target(cause, time)
    )
    times = model._times(None)[:300]
    found = model.predict_cumulative_incidence(np.zeros((1, 1)), times)[0]
    with np.errstate(all="ignore"):
        known = CumIncidenceRight(time, cause)
    for k in range(2):
        at = np.searchsorted(known.times, times)
        np.testing.assert_allclose(found[:, k], known.cinc[k][at], atol=5e-4)


def test_causes_in_searches_paths_and_bad_input():
    X, time, cause, weight, *_ = causes()
    y = survival_target(cause, time)
    search = GridSearchCV(LinearSurvival(), {"alpha": [0.01, 1.0]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.5
    path = regularization_path(LinearSurvival(penalty="l1"), X, y, n_alphas=3)
    assert path.coefs.shape == (3, 2, 3)
    assert not path.coefs[0].any()
    assert path.coefs[2].any()
    model = LinearSurvival().fit(X, y, weight * (cause != 1))
    assert model.causes_.tolist() == [2]
    one = LinearSurvival().fit(X, survival_target(cause > 0, time))
    assert not hasattr(one, "causes_")
    for call, message in (
        (
            lambda: one.predict_cumulative_incidence(X),
            "was fitted to one kind of event",
        ),
        (lambda: model.fit(X, y, 1.0 * (cause == 0)), "found no event .with weight."),
        (
            lambda: LinearSurvival(WeibullAFT()).fit(X, y),
            r'survival_target\(y\["cause"\] == 1',
        ),
        (
            lambda: concordance_index_scorer()(one, X, y),
            "which of several causes an event had",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    twin = np.column_stack([np.arange(20.0), np.arange(20.0) % 3])
    with pytest.warns(UserWarning, match="codes 1 and 2, and no 0"):
        y = survival_target(np.repeat([1, 2], 10), 20.0 - twin[:, 0])
    with pytest.warns(UserWarning, match="its objective then has no minimum"):
        LinearSurvival(penalty=None).fit(twin[:, :1], y)


# -------------------------------------------------------------------------- odd designs
def test_one_event_ties_and_strata_without_events():
    X, time, *_ = design()
    one = np.arange(len(X)) == int(np.argmin(time))
    model = LinearSurvival(alpha=0.01).fit(X, survival_target(one, time))
    assert model.gap_ < 1e-6
    model.fit(X, survival_target(np.ones(len(X), bool), np.ones(len(X))))
    np.testing.assert_allclose(model.coef_, 0.0, atol=1e-12)
    both = np.concatenate([X, X + 1.0]), np.concatenate([time, time])
    events = np.concatenate([np.ones(len(X), bool), np.zeros(len(X), bool)])
    strata = np.repeat(["seen", "none"], len(X))
    y = survival_target(events, both[1])
    weight = 1.0 * (strata == "seen")
    found = model.fit(both[0], y, weight, strata=strata).coef_
    alone = LinearSurvival(alpha=0.01).fit(X, survival_target(events[: len(X)], time))
    np.testing.assert_allclose(found, alone.coef_, rtol=1e-6)
    model.fit(both[0], y, strata=strata)
    assert model.predict_median(X[:1], strata=["none"])[0] == np.inf


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_raw_predictions_that_are_ten_thousand_apart(ties):
    X, time, event, *_ = design()
    far = np.linspace(-5000.0, 5000.0, len(X))[np.argsort(X[:, 2])]
    y = survival_target(event, time)
    model = LinearSurvival(CoxPH(ties), alpha=0.01).fit(X, y, offset=far)
    assert model.gap_ < 1e-5 * model.objective_
    left = model.predict_survival_function(X, [0.5, 5.0, 1e9], offset=far)
    assert ((left >= 0) & (left <= 1)).all()
    assert (left[:, 0] == 1).all()
    assert not np.isnan(model.predict_median(X, offset=far)).any()
    both = np.column_stack([far, -far])
    y = survival_target(event * (1 + (X[:, 1] > 0)), time)
    model = LinearSurvival(CoxPH(ties), alpha=0.01).fit(X, y, offset=both)
    left = model.predict_survival_function(X, offset=both)
    found = model.predict_cumulative_incidence(X, offset=both)
    np.testing.assert_allclose(found.sum(axis=2) + left, 1.0)


def test_without_a_minimum():
    X = np.arange(20.0)[:, None]
    y = survival_target(np.ones(20, bool), 20.0 - X[:, 0])
    with pytest.warns(UserWarning, match="its objective then has no minimum"):
        LinearSurvival(CoxPH(), penalty=None).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LinearSurvival(alpha=0.01).fit(X, y)
    assert model.score(X, y) == 1.0


@pytest.mark.parametrize(
    ("y", "change", "message"),
    [
        (None, {"strata": [1, 2]}, r"strata must have the shape \(120,\)"),
        (np.zeros((120, 2)), {}, r"must be survival_target\(event, time\)"),
        (-np.ones(120), {}, r"time\[0\] is -1.0"),
        (np.full(120, np.nan), {}, r"time\[0\] is nan"),
        ("no event", {}, r"found no event .with weight. among n_samples=120"),
        (None, {"sample_weight": np.zeros(120)}, "All sample weights are zero"),
        (None, {"offset": np.zeros(3)}, "offset must have the shape"),
    ],
)
def test_bad_input(y, change, message):
    X, time, event, *_ = design()
    y = survival_target(event, time) if y is None else y
    y = survival_target(0 * event, time) if isinstance(y, str) else y
    model = LinearSurvival()
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **change)
    assert vars(model).keys() == vars(LinearSurvival()).keys()


def test_other_losses_are_refused():
    X, time, *_ = design()
    with pytest.raises(ValueError, match="is a loss for regression"):
        LinearSurvival(Huber()).fit(X, time)


@each_check([LinearSurvival(), LinearSurvival(penalty="l1")])
@pytest.mark.filterwarnings("ignore")
def test_contract(estimator, check, routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.parametrize(
    ("times", "got"),
    [
        ([], r"the shape \(0,\)"),
        (["a"], r"\['a'\]"),
        ([1.0, np.nan], r"nan at \[1\]"),
        (1.0, r"the shape \(\)"),
    ],
)
def test_times_that_are_none(times, got):
    y = survival_target([1, 0, 1, 1], [1.0, 2.0, 3.0, 4.0])
    model = LinearSurvival().fit(np.eye(4), y)
    with pytest.raises(ValueError, match=f"times must be a list .* Got {got}"):
        model.predict_survival_function(np.eye(4), times)


def test_events_that_nobody_else_could_have_say_nothing():
    X, time = np.arange(6.0)[:, None] ** 2, np.arange(1.0, 7.0)
    with pytest.warns(UserWarning, match="At no event of LinearSurvival any other row"):
        model = LinearSurvival().fit(X, time, strata=np.arange(6))
    assert not model.coef_.any()
    with pytest.warns(UserWarning, match="At no event of LinearSurvival any other row"):
        LinearSurvival().fit(X, survival_target(time == 6.0, time))


def test_scores_without_the_strata_of_the_fit_say_so():
    X, time, event, _, strata, _ = design()
    y = survival_target(event, time)
    model = LinearSurvival().fit(X, y, strata=strata)
    pipe = make_pipeline(StandardScaler(), LinearSurvival())
    pipe.fit(X, y, linearsurvival__strata=strata)
    scores = (
        LinearSurvival.score,
        concordance_index_scorer(),
        concordance_index_ipcw_scorer(),
        loss_scorer(CoxPH()),
    )
    for score in scores:
        with pytest.warns(UserWarning, match=r"was fitted with strata.*Pass strata="):
            score(model, X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            score(model, X, y, strata=strata)
    with pytest.warns(UserWarning, match="was fitted with strata"):
        concordance_index_scorer()(pipe, X, y)


def test_a_status_of_r_is_warned_of():
    with pytest.warns(UserWarning, match=r"no row is censored.*event == 2"):
        survival_target([1, 2, 2], [3.0, 4.0, 5.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        survival_target([1, 2, 0], [3.0, 4.0, 5.0])


def test_paths_take_strata():
    X, time, event, _, strata, _ = design()
    y, model = survival_target(event, time), LinearSurvival(penalty="l1")
    assert alpha_max(model, X, y, strata=strata) == alpha_max(
        model, X, y, groups=strata
    )
    path = regularization_path(model, X, y, [0.01], strata=strata)
    np.testing.assert_array_equal(
        path.coefs[0], model.set_params(alpha=0.01).fit(X, y, strata=strata).coef_
    )
    with pytest.raises(ValueError, match="groups and strata"):
        alpha_max(model, X, y, groups=strata, strata=strata)
    with pytest.raises(ValueError, match="LinearRanker has none of"):
        alpha_max(LinearRanker(penalty="l1"), X, time, strata=strata)


def test_codes_of_events_are_named_where_one_is_none():
    with pytest.raises(
        ValueError, match=r"codes 0 \(none\), 1, 2, .* event\[1\] is -1"
    ):
        survival_target([1, -1, 1], [1.0, 2.0, 3.0])
