"""LinearRanker: against pairs that are formed, and what groups are passed by."""

import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    GroupLasso,
    Huber,
    LambdaRank,
    LinearRanker,
    LinearRegressor,
    ListNet,
    NumpyLoss,
    PairwiseHinge,
    PairwiseLogistic,
    PairwiseSquaredHinge,
    PlackettLuce,
    SGDRanker,
    alpha_max,
    average_precision_by_group_score,
    loss_scorer,
    ndcg_score,
    ndcg_scorer,
    pairwise_accuracy_scorer,
    ranking_target,
    reciprocal_rank_score,
    regularization_path,
)
from sklearn_losses.problem import _group_hessian
from sklearn_losses.solvers.descent._settings import SETTINGS
from tests.cases import GROUP_LOSSES, each
from tests.contract import each_check

RANKING = [loss for loss in GROUP_LOSSES if loss.task == "ranking"]
N, D = 240, 4


def data(seed=0, n_groups=25):
    """Columns of several units and means, relevances, queries and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) * [1, 10, 0.1, 1] + [0, 1000, 0, 5]
    signal = X @ [1, 0.1, -3, 0] - 100 + rng.normal(size=N)
    y = np.clip(np.round(signal), 0, 3)
    return X, y, rng.integers(n_groups, size=N), rng.integers(0, 3, size=N)


def objective(model, X, y, groups, weight=None):
    """That of its coefficients, by the loss alone."""
    w = model.coef_
    if model.penalty == "l1":
        penalty = model.alpha * np.abs(w).sum()
    else:
        penalty = 0.5 * model.alpha * w @ w
    return model.loss_.mean(y, X @ w, groups, weight) + penalty


@each([loss for loss in RANKING if loss.convex])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_the_gap_is_valid(loss, penalty):
    X, y, q, weight = data()
    settings = dict(penalty=penalty, alpha=0.01)
    model = LinearRanker(loss, **settings).fit(X, y, weight, groups=q)
    found = objective(model, X, y, q, weight)
    assert model.objective_ == pytest.approx(found, rel=1e-12)
    sharp = LinearRanker(loss, tol=1e-10, **settings).fit(X, y, weight, groups=q)
    assert sharp.objective_ <= model.objective_ + 1e-14
    assert sharp.objective_ >= model.objective_ - model.gap_ - 1e-14
    at_0 = loss.mean(y, np.zeros(N), q, weight)
    assert model.gap_ <= 1e-6 * (at_0 - model.objective_ + model.gap_) * 1.01
    if penalty == "l2" and loss.differentiable:
        other = minimize(
            lambda w: loss.mean(y, X @ w, q, weight) + 0.005 * w @ w, sharp.coef_
        )
        assert other.fun >= sharp.objective_ - 1e-12


def test_pairs_are_a_classification():
    X, y, q, _ = data()
    i, j = np.nonzero((q == q[:, None]) & (y[:, None] > y))
    sign = np.where(np.arange(len(i)) % 2, 1.0, -1.0)
    alpha = 0.01
    other = LogisticRegression(
        C=1 / (alpha * len(i)), fit_intercept=False, tol=1e-12, max_iter=10_000
    ).fit(sign[:, None] * (X[i] - X[j]), sign)
    model = LinearRanker(PairwiseLogistic("pair"), alpha=alpha, tol=1e-12)
    model.fit(X, y, groups=q)
    np.testing.assert_allclose(model.coef_, other.coef_[0], atol=1e-6)


@each([PairwiseLogistic(), PairwiseHinge(), ListNet(), PlackettLuce()])
def test_the_order_of_rows_does_not_matter(loss):
    X, y, q, weight = data()
    order = np.random.default_rng(1).permutation(N)
    model = LinearRanker(loss, alpha=0.01, tol=1e-9)
    first = model.fit(X, y, weight, groups=q).coef_
    second = model.fit(X[order], y[order], weight[order], groups=q[order]).coef_
    np.testing.assert_allclose(
        first, second, rtol=1e-3 if not loss.differentiable else 1e-6
    )
    here = weight > 0
    without = model.fit(X[here], y[here], weight[here], groups=q[here]).coef_
    np.testing.assert_allclose(
        first, without, rtol=1e-3 if not loss.differentiable else 1e-6
    )


@pytest.mark.parametrize("kind", ["csr", "float32", "lbfgs", "many features"])
def test_forms_of_rows_and_solvers(kind):
    X, y, q, _ = data()
    X = X - [0, 1000, 0, 0]
    settings = dict(alpha=0.01, tol=1e-9)
    expected = LinearRanker(**settings).fit(X, y, groups=q)
    if kind == "many features":
        settings |= {"solver": "newton"}
        X = np.hstack([X, np.zeros((N, 1100))])
    model = LinearRanker(**settings)
    if kind == "lbfgs":
        model.set_params(solver="lbfgs")
    given = {"csr": sparse.csr_array, "float32": np.float32}.get(kind, np.asarray)(X)
    model.fit(given, y, groups=q)
    tol = 1e-5 if kind == "float32" else 1e-6
    np.testing.assert_allclose(model.coef_[:D], expected.coef_, rtol=tol, atol=tol)
    assert model.gap_ < 1e-6
    assert model.coef_.dtype == (np.float32 if kind == "float32" else np.float64)


def test_penalties_of_groups_of_features():
    X, y, q, _ = data()
    X = StandardScaler().fit_transform(X)
    model = LinearRanker(penalty=GroupLasso([[0, 1], [2, 3]]), alpha=0.05)
    model.fit(X, y, groups=q)
    assert model.gap_ < 1e-6
    assert model.coef_[:2].all()
    assert not model.coef_[2:].any()
    model.set_params(alpha=10.0).fit(X, y, groups=q)
    assert not model.coef_.any()


def test_an_offset_is_known():
    X, y, q, _ = data()
    model = LinearRanker(alpha=1e-8, tol=1e-10)
    whole = model.fit(X, y, groups=q).coef_
    known = X[:, :1] @ whole[:1]
    model.fit(X, y, groups=q, offset=known)
    np.testing.assert_allclose(model.coef_[1:], whole[1:], atol=1e-4)
    assert abs(model.coef_[0]) < 1e-4
    assert model.gap_ < 1e-8
    np.testing.assert_allclose(
        model.predict(X, offset=known), X @ model.coef_ + known, rtol=1e-12
    )
    with pytest.warns(UserWarning, match="fitted with an offset, and predicts as if"):
        model.predict(X)


def test_groups_travel_with_y():
    X, y, q, _ = data()
    model = LinearRanker().fit(X, y, groups=q)
    other = LinearRanker().fit(X, ranking_target(y, q))
    np.testing.assert_array_equal(model.coef_, other.coef_)
    assert model.n_queries_used_ == len(np.unique(q))
    assert model.score(X, y, groups=q) == other.score(X, ranking_target(y, q))


def test_without_groups_it_says_so():
    X, y, q, _ = data()
    with pytest.warns(UserWarning, match="All rows are ranked as one query: pass"):
        LinearRanker().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearRanker().fit(X, y, groups=np.zeros(N))
    search = GridSearchCV(LinearRanker(), {"alpha": [0.1]}, cv=GroupKFold(2))
    with pytest.warns(UserWarning, match="searches pass groups to the splitter alone"):
        search.fit(X, y, groups=q)


def test_searches_with_and_without_routing():
    X, y, q, _ = data()
    pipe = make_pipeline(StandardScaler(), LinearRanker())
    grid = {"linearranker__loss": [PairwiseLogistic(), ListNet(), PlackettLuce()]}
    settings = dict(
        cv=GroupKFold(3),
        scoring={"ndcg": ndcg_scorer(k=5), "pairs": pairwise_accuracy_scorer()},
        refit="ndcg",
    )
    found = GridSearchCV(pipe, grid, **settings)
    found.fit(X, ranking_target(y, q), groups=q)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = GridSearchCV(pipe, grid, **settings).fit(X, y, groups=q)
    for name in ("mean_test_ndcg", "mean_test_pairs"):
        np.testing.assert_array_equal(found.cv_results_[name], routed.cv_results_[name])
    assert found.best_params_ == routed.best_params_
    assert 0.5 < found.best_score_ < 1.0


def test_scores_of_other_models():
    X, y, q, _ = data()
    parts = dict(cv=GroupKFold(3), scoring=ndcg_scorer())
    with sklearn.config_context(enable_metadata_routing=True):
        found = cross_validate(LinearRegressor(), X, y, params={"groups": q}, **parts)
    assert np.isfinite(found["test_score"]).all()
    with pytest.warns(UserWarning, match="All rows are scored as one query: pass"):
        cross_validate(LinearRegressor(), X, y, groups=q, **parts)
    with pytest.warns(UserWarning, match="All rows are scored as one query: pass"):
        LinearRanker().fit(X, y, groups=q).score(X, y)


def test_ranks():
    X, y, q, _ = data()
    model = LinearRanker().fit(X, y, groups=q)
    score, rank = model.predict(X), model.rank(X, q)
    for query in np.unique(q):
        here = q == query
        np.testing.assert_array_equal(
            rank[here], np.argsort(np.argsort(-score[here], kind="stable"))
        )
    assert sorted(model.rank(X)) == list(range(N))


def test_a_loss_of_numpy():
    def value(y_true, raw_prediction, sample_weight):
        m = np.subtract.outer(raw_prediction, raw_prediction)
        return np.logaddexp(0, -m)[np.greater.outer(y_true, y_true)].sum()

    def gradient(y_true, raw_prediction, sample_weight):
        m = np.subtract.outer(raw_prediction, raw_prediction)
        slope = np.where(np.greater.outer(y_true, y_true), -1 / (1 + np.exp(m)), 0.0)
        return slope.sum(axis=1) - slope.sum(axis=0)

    X, y, q, _ = data()
    loss = NumpyLoss(value, gradient, granularity="group", convex=True)
    model = LinearRanker(loss, alpha=0.1).fit(X, y, groups=q)
    assert model.gap_ < 1e-4
    i, _ = np.nonzero((q == q[:, None]) & (y[:, None] > y))
    alpha = 0.1 * model.n_queries_used_ / len(i)
    other = LinearRanker(PairwiseLogistic("pair"), alpha=alpha).fit(X, y, groups=q)
    np.testing.assert_allclose(model.coef_, other.coef_, rtol=1e-3, atol=1e-3)


def test_perfect_order_without_a_penalty():
    X = np.arange(12.0)[:, None]
    with pytest.warns(UserWarning, match="puts all rows in the right order"):
        LinearRanker(penalty=None).fit(X, np.arange(12.0), groups=np.arange(12) // 4)
    model = LinearRanker(PairwiseSquaredHinge(), penalty=None)
    model.fit(X, np.arange(12.0), groups=np.arange(12) // 4)
    assert model.objective_ < 1e-12


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        ({"loss": Huber()}, {}, "cannot use loss=Huber.*because it is a loss for regr"),
        (
            {"loss": "cox"},
            {},
            "it is a loss for survival. Use LinearSurvival, or one of pairwise_",
        ),
        ({"loss": "warp"}, {}, "cannot use WARP.*drawn.*Use SGDRanker.learning"),
        ({}, {"groups": np.arange(3)}, r"groups must have the shape \(240,\), the id"),
        ({}, {"groups": np.arange(N)}, "found no query with rows of two levels"),
        ({}, {"y": np.full(N, "a")}, "relevance of a row must be a number"),
        ({}, {"y": np.full(N, np.nan)}, r"y\[0\] is nan"),
        ({}, {"sample_weight": -np.ones(N)}, r"sample_weight\[0\] is -1"),
        ({}, {"sample_weight": np.zeros(N)}, "All sample weights are zero"),
    ],
)
def test_bad_input(settings, change, message):
    X, y, q, _ = data()
    model = LinearRanker(**settings)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, **({"y": y, "groups": q} | change))
    assert not hasattr(model, "coef_")


def test_a_regressor_refuses_a_loss_of_groups():
    with pytest.raises(ValueError, match="because it is a loss for ranking"):
        LinearRegressor(PairwiseLogistic()).fit(np.eye(3), np.arange(3.0))


@each_check([LinearRanker(), LinearRanker(ListNet(), penalty="l1")])
@pytest.mark.filterwarnings("ignore")
def test_contract(estimator, check, routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.parametrize(
    "loss", [PairwiseLogistic(), PairwiseSquaredHinge(), ListNet(), PlackettLuce()]
)
def test_paths(loss):
    rng = np.random.default_rng(0)
    X, q = rng.normal(size=(150, 200)), rng.integers(15, size=150)
    y = np.round(X[:, :3] @ [1, -1, 0.5] + rng.normal(size=150)).clip(-2, 2)
    model = LinearRanker(loss, penalty="l1")
    largest = alpha_max(model, X, y, groups=q)
    model.set_params(alpha=largest * 1.001).fit(X, y, groups=q)
    assert not model.coef_.any()
    assert model.solver_ == "active-set"
    assert model.set_params(alpha=largest * 0.99).fit(X, y, groups=q).coef_.any()
    path = regularization_path(model, X, y, groups=q, n_alphas=6, ratio=0.05)
    for alpha, coef, value in zip(path.alphas, path.coefs, path.objectives):
        single = LinearRanker(
            loss, penalty="l1", alpha=alpha, solver="newton", tol=1e-9
        )
        single.fit(X, y, groups=q)
        assert value - single.objective_ <= 1e-6 * loss.mean(y, np.zeros(150), q)
        assert set(np.flatnonzero(single.coef_)) <= set(np.flatnonzero(coef))
    structured = regularization_path(model, X, ranking_target(y, q), path.alphas)
    np.testing.assert_array_equal(structured.coefs, path.coefs)


def test_a_matrix_by_columns(monkeypatch):
    X, y, q, weight = data()
    model = LinearRanker(alpha=0.01, tol=1e-10)
    expected = model.fit(X, y, weight, groups=q).coef_
    monkeypatch.setattr(_group_hessian, "MOST_OF_ONE", 1)
    found = model.fit(X, y, weight, groups=q).coef_
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("k", [None, 3])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_lambda_rank_keeps_the_best_order(k, penalty):
    X, y, q, weight = data()
    settings = dict(penalty=penalty, alpha=0.003)
    start = LinearRanker(**settings).fit(X, y, weight, groups=q)
    model = LinearRanker(LambdaRank(k=k), **settings).fit(X, y, weight, groups=q)
    score = dict(groups=q, sample_weight=weight, k=k)
    begun = ndcg_score(y, start.predict(X), **score)
    assert ndcg_score(y, model.predict(X), **score) >= begun
    assert np.isnan(model.gap_)
    found = objective(model, X, y, q, weight)
    assert model.objective_ == pytest.approx(found, rel=1e-12)
    again = LinearRanker(LambdaRank(k=k), **settings).fit(X, y, weight, groups=q)
    np.testing.assert_array_equal(model.coef_, again.coef_)


@pytest.mark.parametrize("metric", ["average_precision", "reciprocal_rank"])
def test_lambda_rank_of_relevant_rows(metric):
    X, y, q, weight = data()
    y = (y >= y.max()) * 1.0
    scores = {
        "average_precision": average_precision_by_group_score,
        "reciprocal_rank": reciprocal_rank_score,
    }
    start = LinearRanker(alpha=0.003).fit(X, y, weight, groups=q)
    model = LinearRanker(LambdaRank(metric), alpha=0.003).fit(X, y, weight, groups=q)
    at_start, found = (
        scores[metric](y, m.predict(X), groups=q, sample_weight=weight)
        for m in (start, model)
    )
    assert found > at_start
    graded = pytest.warns(UserWarning, match="grades from 1 to 2.* metric='ndcg'")
    with graded as seen:
        again = clone(model).fit(X, y + y, weight, groups=q)
        clone(model).fit(X, y * (1 + (weight > 1)), weight, groups=q)
    assert len(seen) == 1
    np.testing.assert_allclose(again.coef_, model.coef_, rtol=1e-3)


def test_many_rows_begin_with_some_of_them():
    rng = np.random.default_rng(0)
    X, q = rng.normal(size=(24_000, 3)), rng.integers(800, size=24_000)
    y = np.round(X @ [0.5, -0.5, 0] + rng.normal(size=len(X))).clip(-1, 2)
    model = LinearRanker(ListNet(), alpha=1e-3).fit(X, y, groups=q)
    assert model.gap_ < 1e-6
    assert model.n_iter_ < 12
    X[5, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.fit(X, y, groups=q)


def test_two_kinds_of_queries_are_refused():
    X, y, q, _ = data()
    target = ranking_target(y, q)
    model = LinearRanker().fit(X, target, groups=[f"query {i}" for i in q])
    for groups in (q // 2, np.arange(N)):
        with pytest.raises(ValueError, match="groups and the queries of y"):
            LinearRanker().fit(X, target, groups=groups)
        with pytest.raises(ValueError, match="groups and the queries of y"):
            model.score(X, target, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        own = LinearRanker().set_fit_request(groups=False)
        own.set_score_request(groups=False)
        search = GridSearchCV(own, {"alpha": [0.1]}, cv=GroupKFold(2))
        assert 0 < search.fit(X, target, groups=q // 2).best_score_ < 1


@pytest.mark.parametrize("k", [None, 2])
def test_a_row_without_weight_has_no_rank(k):
    X, y, groups, _ = data()
    here = np.random.default_rng(1).random(N) < 0.7
    model = LinearRanker(LambdaRank(k=k), alpha=1e-3)
    few = model.fit(X[here], y[here], groups=groups[here]).coef_
    found = model.fit(X, y, groups=groups, sample_weight=here * 1.0).coef_
    np.testing.assert_allclose(found, few, rtol=1e-6, atol=1e-9)


def test_whatever_gets_no_queries_says_so():
    X, y, groups, _ = data()
    model = LinearRanker(penalty="l1").fit(X, y, groups=groups)
    with pytest.warns(UserWarning, match="one query: pass groups="):
        alpha_max(model, X, y)
    with pytest.warns(UserWarning, match="scored as one query: pass groups="):
        loss_scorer(PairwiseLogistic())(model, X, y)
    with pytest.warns(UserWarning, match="validated as one query: pass groups_val="):
        SGDRanker(optimizer="adagrad", max_iter=2, tol=None).fit(
            X / X.std(axis=0), y, groups=groups, X_val=X / X.std(axis=0), y_val=y
        )


@pytest.mark.filterwarnings("error:.*are next to uniform")
@pytest.mark.parametrize("estimator", [LinearRanker, SGDRanker])
def test_targets_that_are_uniform_are_named(estimator):
    X, y, groups, _ = data()
    tiny = 1e-6 * y + groups  # of each query; its level says nothing
    with pytest.warns(UserWarning, match=r"at most 3e-06 apart, .* temperature="):
        estimator(ListNet()).fit(X, tiny, groups=groups)
    estimator(ListNet(temperature=1e-6)).fit(X, tiny, groups=groups)
    estimator(ListNet("proportional")).fit(X, 1e-6 * y, groups=groups)


@pytest.mark.parametrize(("alpha", "most"), [(5e-4, 1000), (0.02, 150)])
def test_a_kink_for_each_of_very_many_coefficients(alpha, most, monkeypatch):
    """As many pairs are on the kink of the hinge as there are coefficients."""
    monkeypatch.setitem(vars(SETTINGS), "most_features", most)
    rng = np.random.default_rng(0)
    X, q = rng.normal(size=(800, 200)), rng.integers(60, size=800)
    y = np.round(X @ rng.normal(scale=0.15, size=200) + rng.normal(size=800))
    model = LinearRanker(PairwiseHinge(), penalty="l1", alpha=alpha, max_iter=600)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y, groups=q)
    assert np.count_nonzero(model.coef_) > 100
    at_0 = PairwiseHinge().mean(y, np.zeros(800), q)
    assert model.gap_ <= 1e-6 * (at_0 - model.objective_) * 1.001
