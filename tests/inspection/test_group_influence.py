"""Influence of queries and of patients: against fits without them, and statsmodels."""

import pickle

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from sklearn.base import clone

from sklearn_losses import (
    CoxPH,
    InfluenceDisplay,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    ListNet,
    PairwiseHinge,
    PairwiseLogistic,
    influence,
    survival_target,
)
from tests.cases import each

RNG = np.random.default_rng(0)
SPREADS = np.array([1.0, 10.0, 0.1, 1.0])
X = RNG.normal(size=(300, 4)) * SPREADS + [0.0, 100.0, 0.0, 0.0]
QUERIES = RNG.permutation(np.repeat(np.arange(30), 10))
SIGNAL = (X - X.mean(axis=0)) / SPREADS @ [1.0, -1.0, 0.5, 0.0]
RELEVANCE = np.clip(np.round(SIGNAL + RNG.normal(size=300)), 0, 4)
EVENTS, TIMES = RNG.random(300) < 0.7, np.exp(0.5 * SIGNAL + RNG.gumbel(size=300))
Y = survival_target(EVENTS, TIMES)


@each([PairwiseLogistic(), ListNet()])
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_without_a_query(loss, alpha):
    model = LinearRanker(loss, alpha=alpha, tol=1e-11)
    model.fit(X, RELEVANCE, groups=QUERIES)
    found = influence(model, X, RELEVANCE, groups=QUERIES)
    assert_allclose(found.rows, np.arange(30))
    assert_allclose(found.leverage.sum(), found.n_effective)
    for k in np.argsort(-found.cook)[:3]:
        keep = k != QUERIES
        other = clone(model).fit(X[keep], RELEVANCE[keep], groups=QUERIES[keep])
        moved = (model.coef_ - other.coef_) * SPREADS
        step = found.dfbeta[k] * SPREADS
        assert np.abs(step - moved).max() < 0.15 * np.abs(moved).max()
        p = other.predict(X[~keep])
        left_out = loss.mean(RELEVANCE[~keep], p, QUERIES[~keep])
        assert_allclose(found.loss_left_out[k], left_out, rtol=1e-2)
    first = influence(model, X, RELEVANCE, groups=QUERIES, top=2)
    assert_allclose(first.dfbetas, found.dfbetas[first.rows], rtol=1e-9)
    copy = pickle.loads(pickle.dumps(first))
    assert_allclose(copy.dfbeta, first.dfbeta)
    assert len(InfluenceDisplay.from_influence(found).pull) == 30


def test_patients_against_statsmodels():
    model = LinearSurvival(CoxPH(), penalty=None).fit(X, Y)
    found = influence(model, X, Y)
    known = sm.PHReg(TIMES, X, EVENTS, ties="efron").fit(disp=0)
    moves = known.score_residuals @ known.cov_params()
    assert_allclose(found.dfbeta * SPREADS, moves * SPREADS, rtol=1e-8, atol=1e-12)
    assert_allclose(found.n_effective, 4.0)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_patients_who_die_at_one_time(ties):
    tied = survival_target(EVENTS, np.ceil(3.0 * TIMES))
    model = LinearSurvival(CoxPH(ties=ties), penalty=None, tol=1e-11).fit(X, tied)
    found = influence(model, X, tied)
    # Of scores, which statsmodels and lifelines have for no ties alone.
    assert_allclose((found.dfbeta * SPREADS).sum(axis=0), 0.0, atol=1e-12)
    moved, rows = [], np.arange(0, 300, 25)
    for i in rows:
        keep = np.arange(300) != i
        other = clone(model).fit(X[keep], tied[keep])
        moved.append((model.coef_ - other.coef_) * SPREADS)
    assert_allclose(found.dfbeta[rows] * SPREADS, moved, rtol=0.1, atol=1e-3)


@pytest.mark.parametrize("strata", [None, np.arange(300) % 3])
def test_without_a_patient(strata):
    model = LinearSurvival(CoxPH(), alpha=0.05, tol=1e-11).fit(X, Y, strata=strata)
    found = influence(model, X, Y, groups=strata)
    moved, rows = [], np.arange(0, 300, 25)
    for i in rows:
        keep = np.arange(300) != i
        own = None if strata is None else strata[keep]
        other = clone(model).fit(X[keep], Y[keep], strata=own)
        moved.append((model.coef_ - other.coef_) * SPREADS)
    steps = found.dfbeta[rows] * SPREADS
    assert_allclose(steps, moved, rtol=0.25, atol=1e-3)


def test_features_without_spread_move_nothing():
    same, times = np.ones_like(X), survival_target(np.ones(len(X)), np.exp(SIGNAL))
    ranker = LinearRanker(alpha=0.1).fit(same, RELEVANCE, groups=QUERIES)
    assert not influence(ranker, same, RELEVANCE, groups=QUERIES).cook.any()
    cox = LinearSurvival(alpha=0.1).fit(same, times)
    assert not influence(cox, same, times).cook.any()


def test_a_group_that_is_alone():
    one = np.zeros(10)
    ranker = LinearRanker(alpha=0.1).fit(X[:10], RELEVANCE[:10], groups=one)
    with pytest.raises(ValueError, match="group of number 0, as it decides"):
        influence(ranker, X[:10], RELEVANCE[:10], groups=one)


def test_bad_input():
    model = LinearRanker(alpha=0.1).fit(X, RELEVANCE, groups=QUERIES)
    with pytest.raises(ValueError, match="of these the objective is"):
        influence(model, X, RELEVANCE)
    with pytest.raises(ValueError, match="which had 4 features"):
        influence(model, X[:, :3], RELEVANCE, groups=QUERIES)
    with pytest.raises(ValueError, match="Leave X_val and y_val out"):
        influence(model, X, RELEVANCE, groups=QUERIES, X_val=X, y_val=RELEVANCE)
    with pytest.raises(ValueError, match="has no groups of rows"):
        influence(LinearRegressor().fit(X, SIGNAL), X, SIGNAL, groups=QUERIES)
    for settings, message in (
        (dict(loss=PairwiseHinge()), "has kinks"),
        (dict(penalty="l1"), "it needs penalty='l2' or None"),
    ):
        model = LinearRanker(alpha=0.01, **settings)
        model.fit(X, RELEVANCE, groups=QUERIES)
        with pytest.raises(ValueError, match=message):
            influence(model, X, RELEVANCE, groups=QUERIES)
