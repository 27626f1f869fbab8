"""LossSearchCV against GridSearchCV, on everything that an estimator takes."""

import pickle

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    AbsoluteError,
    CoxPH,
    CrossEntropy,
    CumulativeLogit,
    CumulativeProbit,
    GaussianDistribution,
    Hinge,
    Huber,
    InvalidParameterError,
    LinearClassifier,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    ListNet,
    LogLoss,
    LossSearchCV,
    PairwiseLogistic,
    Poisson,
    Quantile,
    SGDRegressor,
    SquaredError,
    SquaredHinge,
    StudentTDistribution,
    WeibullAFT,
    alpha_max,
    concordance_index_scorer,
    crps_scorer,
    get_loss,
    loss_scorer,
    ndcg_scorer,
    ordinal_mae_scorer,
    ranking_target,
    survival_target,
)
from sklearn_losses.model_selection._candidates import Group, path
from sklearn_losses.model_selection._folds import Data
from sklearn_losses.model_selection._results import rules

X, Y = make_regression(120, 6, noise=20.0, n_informative=3, random_state=0)
Y = Y / Y.std()
ALPHAS = [1.0, 0.1, 0.001]
FINE = LinearRegressor(tol=1e-8)
RNG = np.random.default_rng(0)

pytestmark = pytest.mark.filterwarnings(  # of a tol that is next to rounding
    "ignore::sklearn.exceptions.ConvergenceWarning"
)


TWO = SquaredError(), Huber()
USUAL = {"alphas": ALPHAS, "scoring": AbsoluteError(), "method": "exact"}


def search(losses=TWO, estimator=FINE, **settings):
    settings = USUAL | settings
    return LossSearchCV(estimator, losses, **settings)


def grid(found, **settings):
    """GridSearchCV over the same candidates."""
    lists = [{k: [v] for k, v in p.items()} for p in found.cv_results_["params"]]
    settings = {"cv": found.cv, "scoring": loss_scorer(AbsoluteError())} | settings
    return GridSearchCV(found.estimator, lists, **settings)


def assert_same(found, other, rtol=2e-4):
    """The keys, types and scores of GridSearchCV's results, and its choice."""
    ours, theirs = found.cv_results_, other.cv_results_
    assert set(ours) == set(theirs) | {"n_rows", "gap", "method"}
    for name, value in theirs.items():
        assert type(ours[name]) is type(value), name
        if name != "params" and "time" not in name:
            assert ours[name].dtype == value.dtype, name
        if "test" in name and "rank" not in name:
            np.testing.assert_allclose(ours[name], value, rtol=rtol, atol=1e-7)
    assert found.best_index_ == other.best_index_
    assert found.best_score_ == pytest.approx(other.best_score_, rel=rtol)
    chosen = [sorted(map(str, o.best_params_.items())) for o in (found, other)]
    assert chosen[0] == chosen[1]


def test_regression_against_grid_search():
    found = search().fit(X, Y)
    assert_same(found, grid(found).fit(X, Y))
    assert found.cv_results_["param_alpha"].tolist() == 2 * ALPHAS
    assert (found.cv_results_["gap"] < 1e-8).all()
    best = clone(FINE).set_params(**found.best_params_).fit(X, Y)
    np.testing.assert_allclose(found.predict(X), best.predict(X), rtol=1e-6)


def test_several_metrics_against_grid_search():
    scoring = {"mae": "neg_mean_absolute_error", "r2": "r2"}
    found = search(scoring=scoring, refit="r2").fit(X, Y)
    assert_same(found, grid(found, scoring=scoring, refit="r2").fit(X, Y))
    assert found.score(X, Y) == pytest.approx(found.best_estimator_.score(X, Y))
    assert set(found.scorer_) == set(scoring)


def test_a_callable_that_chooses():
    def second(results):
        return int(np.flatnonzero(results["rank_test_score"] == 2)[0])

    found = search(refit=second).fit(X, Y)
    other = grid(found, refit=second).fit(X, Y)
    assert found.best_index_ == other.best_index_
    best = clone(FINE).set_params(**found.best_params_).fit(X, Y)
    np.testing.assert_allclose(found.predict(X), best.predict(X), rtol=1e-6)
    assert "was chosen by 'refit'" in found.verdict()
    for wrong in (-1, 1000, 0.5, None):
        with pytest.raises(ValueError, match="must give the index of a candidate"):
            search(refit=lambda results, wrong=wrong: wrong).fit(X, Y)
    with pytest.raises(ValueError, match="'rule' parameter"):
        search(refit=second, rule="1se").fit(X, Y)


@pytest.mark.parametrize("losses", [(LogLoss(), SquaredHinge()), (CrossEntropy(),)])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_against_grid_search(losses, n_classes):
    A, y = make_classification(
        150, 6, n_informative=4, n_classes=n_classes, random_state=1
    )
    y = np.array(["a", "b", "c"])[y]
    found = search(losses, LinearClassifier(tol=1e-10), scoring="accuracy").fit(A, y)
    assert_same(found, grid(found, scoring="accuracy").fit(A, y))
    assert found.classes_.tolist() == sorted(set(y))
    assert np.isfinite(found.decision_function(A)).all()
    assert hasattr(found, "predict_proba") == hasattr(
        found.best_estimator_, "predict_proba"
    )


@pytest.mark.parametrize("kind", ["csr", "pandas", "list", "pipeline", "sgd"])
def test_kinds_of_input_against_grid_search(kind):
    A, estimator = X, FINE
    if kind == "csr":
        A = sparse.csr_matrix(X * (np.abs(X) > 0.5))
    elif kind == "pandas":
        A = pd.DataFrame(X, columns=list("abcdef"))
    elif kind == "list":
        A = X.tolist()
    elif kind == "pipeline":
        A, estimator = X * 10.0 ** np.arange(6), make_pipeline(StandardScaler(), FINE)
    elif kind == "sgd":
        estimator = SGDRegressor(random_state=0, tol=1e-8)
    found = search(estimator=estimator).fit(A, Y)
    assert_same(found, grid(found).fit(A, Y), rtol=1e-4)
    if kind == "pandas":
        assert found.feature_names_in_.tolist() == list("abcdef")


def test_scorers_that_look_at_more_than_predictions_get_the_pipeline():
    estimator = make_pipeline(StandardScaler(with_mean=False), FINE)
    seen = []

    def scorer(model, X, y):
        seen.append((len(model), X.std()))
        return 1.0

    search(estimator=estimator, scoring=scorer, refit=False, cv=2).fit(3 * X, Y)
    assert {length for length, _ in seen} == {2}
    assert min(spread for _, spread in seen) > 2.0


def test_weights_offsets_and_groups():
    weight, offset = RNG.integers(0, 3, len(Y)), RNG.normal(size=len(Y))
    groups = np.repeat(np.arange(30), 4)
    cv = GroupKFold(3)
    found = search(cv=cv).fit(X, Y, sample_weight=weight, offset=offset, groups=groups)
    for i, params in enumerate(found.cv_results_["params"]):
        for k, (train, test) in enumerate(cv.split(X, Y, groups)):
            model = clone(FINE).set_params(**params)
            model.fit(X[train], Y[train], weight[train], offset[train])
            expected = loss_scorer(AbsoluteError())(
                model, X[test], Y[test], weight[test], offset[test]
            )
            score = found.cv_results_[f"split{k}_test_score"][i]
            assert score == pytest.approx(expected, rel=1e-5)
    by_name = search(cv=cv, scoring="neg_mean_absolute_error").fit(
        X, Y, sample_weight=weight, offset=offset, groups=groups
    )
    assert by_name.best_score_ == pytest.approx(found.best_score_, rel=1e-9)
    np.testing.assert_allclose(found.predict(X, offset), found.predict(X, 0) + offset)


def test_a_weight_of_two_is_a_row_twice():
    folds, weight = np.arange(len(Y)) % 3, 1 + np.arange(len(Y)) % 2
    often = np.repeat(np.arange(len(Y)), weight)
    once = search(cv=PredefinedSplit(folds)).fit(X, Y, sample_weight=weight)
    twice = search(cv=PredefinedSplit(folds[often])).fit(X[often], Y[often])
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            once.cv_results_[name], twice.cv_results_[name], rtol=1e-6
        )


@pytest.mark.parametrize("is_pipeline", [False, True])
def test_metadata_routing(is_pipeline):
    weight = 1.0 + np.arange(len(Y)) % 3
    groups = np.repeat(np.arange(30), 4)
    plain = search(cv=GroupKFold(3)).fit(X, Y, sample_weight=weight, groups=groups)
    with config_context(enable_metadata_routing=True):
        estimator = clone(FINE).set_fit_request(sample_weight=True)
        if is_pipeline:
            scaler = StandardScaler(with_mean=False, with_std=False)
            scaler.set_fit_request(sample_weight=False)
            estimator = make_pipeline(scaler, estimator)
        scoring = loss_scorer(AbsoluteError()).set_score_request(sample_weight=True)
        found = search(estimator=estimator, scoring=scoring, cv=GroupKFold(3))
        nested = cross_validate(
            found, X, Y, cv=2, params={"sample_weight": weight, "groups": groups}
        )
        found.fit(X, Y, sample_weight=weight, groups=groups)
        assert found.score(X, Y, sample_weight=weight) < 0
    assert np.isfinite(nested["test_score"]).all()
    np.testing.assert_allclose(
        found.cv_results_["mean_test_score"],
        plain.cv_results_["mean_test_score"],
        rtol=1e-6,
    )


def test_it_nests_and_pickles_and_clones():
    found = search()
    scores = cross_validate(found, X, Y, scoring=loss_scorer(AbsoluteError()), cv=3)
    assert np.isfinite(scores["test_score"]).all()
    again = pickle.loads(pickle.dumps(clone(found).fit(X, Y)))
    assert again.best_index_ == found.fit(X, Y).best_index_
    outer = GridSearchCV(found, {"estimator__fit_intercept": [True, False]}, cv=2)
    assert outer.fit(X, Y).best_params_ == {"estimator__fit_intercept": True}


def test_workers_find_the_same():
    with parallel_config(backend="threading"):
        one, two = (search(n_jobs=n).fit(X, Y).cv_results_ for n in (1, 2))
    np.testing.assert_array_equal(one["mean_test_score"], two["mean_test_score"])


# --------------------------------------------------------------- candidates and paths
def test_paths_of_alphas_do_not_depend_on_the_unit_of_y():
    losses = [SquaredError(), Huber(scale="mad"), AbsoluteError()]
    small = search(losses, LinearRegressor(), alphas=4, cv=3).fit(X, Y)
    large = search(losses, LinearRegressor(), alphas=4, cv=3).fit(X, 1e5 * Y)
    np.testing.assert_allclose(
        1e5 * small.cv_results_["mean_test_score"],
        large.cv_results_["mean_test_score"],
        rtol=0.01,
    )
    order = small.cv_results_["rank_test_score"], large.cv_results_["rank_test_score"]
    assert order[0].argmin() == order[1].argmin()


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError(), Huber(0.1)])
def test_from_where_to_where_a_path_leads(loss, penalty):
    estimator = LinearRegressor(loss, penalty=penalty)
    path = search([loss], estimator, alphas=10, cv=3).fit(X, Y)
    alphas = path.cv_results_["param_alpha"].data.astype(float)
    assert (np.diff(alphas) < 0).all()
    free = np.abs(clone(estimator).set_params(penalty=None).fit(X, Y).coef_).sum()
    first, last = (
        np.abs(clone(estimator).set_params(alpha=a).fit(X, Y).coef_).sum()
        for a in alphas[[0, -1]]
    )
    assert first < 0.3 * free
    assert last > 0.9 * free


def test_parameters_of_losses_and_shares_of_l1():
    losses, params = [Huber(), Quantile(0.5)], {"Huber__delta": [1, 2.5]}
    model = LinearRegressor()
    found = search(losses, model, params=params, l1_ratios=[0.0, 0.5], cv=2).fit(X, Y)
    kinds = found.cv_results_["param_loss"].data
    assert list(dict.fromkeys(map(str, kinds))) == [
        "Huber(delta=1)",
        "Huber(delta=2.5)",
        "Quantile()",
    ]
    assert len(kinds) == 3 * 2 * len(ALPHAS)
    assert found.best_estimator_.penalty == "elasticnet"


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (RNG.normal(size=60), "SquaredError() Huber(scale='mad') AbsoluteError()"),
        (RNG.poisson(2, size=60), "Poisson() NegativeBinomial() SquaredError()"),
        (RNG.gamma(2, size=60), "Gamma() SquaredError() Huber(scale='mad')"),
        (np.maximum(0, RNG.normal(size=60)), "Tweedie() SquaredError()"),
    ],
)
def test_usual_losses_of_a_regression(y, expected):
    found = search(None, scoring=Quantile(0.9), alphas=1, cv=2).fit(X[:60], y)
    assert f"Quantile(quantile=0.9) {expected}" in " ".join(map(str, found.losses_))
    assert found.why_.startswith("y has ")
    assert "metric" in found.why_


@pytest.mark.parametrize("n_classes", [2, 3])
def test_usual_losses_of_classes_suit_the_metric(n_classes):
    y = np.arange(60) % n_classes
    model = LinearClassifier()
    found = search(None, model, scoring="neg_log_loss", alphas=1, cv=2).fit(X[:60], y)
    assert all(loss.probabilistic for loss in found.losses_)
    more = search(None, model, scoring="accuracy", alphas=1, cv=2).fit(X[:60], y)
    assert len(more.losses_) > len(found.losses_)


def test_the_rules():
    groups = [Group(Huber(), {}, [1, 2]), Group(SquaredError(), {}, [4.0, 2.0, 1.0])]
    scores = np.array([[5, 0], [1, 1], [0, 4.0], [3, 3.0], [4, 3.5]])
    results = {f"split{k}_test_score": scores[:, k] for k in range(2)}
    results["rank_test_score"] = np.array([4, 5, 3, 2, 1])
    results["n_rows"] = np.full(5, 10)
    # Behind the last: the third by 4 and -0.5 (1.75 +- 2.25), in its family the first.
    assert rules(results, "score", groups) == {"best": 4, "1se": 2, "1se unpaired": 4}
    results["n_rows"][2] = 5  # has left the race
    assert rules(results, "score", groups)["1se"] == 4


def test_the_rule_of_one_standard_error():
    found = search(alphas=12, rule="1se").fit(X, Y)
    assert found.best_index_ == found.rules_["1se"]
    assert found.rules_["best"] == found.cv_results_["rank_test_score"].argmin()


# --------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scoring": None}, "needs 'scoring' to compare 2 losses"),
        ({"scoring": None, "losses": None}, "needs 'scoring'"),
        ({"losses": [Hinge()]}, "it is a loss for classification"),
        ({"losses": [Huber]}, r"write Huber\(\)"),
        ({"losses": []}, "has no loss"),
        ({"losses": ["hubert"]}, "Did you mean 'huber'"),
        ({"alphas": [0.1, -1.0]}, r"alphas\[1\] is -1"),
        ({"alphas": 0}, "Got 0"),
        ({"alphas": []}, r"Got \[\]"),
        ({"alphas": "all"}, "Got 'all'"),
        ({"alphas": [0.1, np.nan]}, r"alphas\[1\] is nan"),
        ({"l1_ratios": [2.0]}, "must be numbers in"),
        ({"params": {"Hubert__delta": [1]}}, "'Hubert__delta', which is no parameter"),
        (
            {"losses": [Huber()], "params": {"Huber__scale": "mad"}},
            r"lists of values.*\['mad'\]",
        ),
        ({"losses": [Huber()], "params": {"Huber__delta": 3}}, r"write \[3\]"),
        ({"losses": [Huber(scale="mad")], "scoring": None}, "needs 'scoring' for"),
        ({"scoring": LogLoss()}, "cannot score LinearRegressor"),
        ({"scoring": "accuracy"}, "continuous"),
        ({"scoring": "rocauc"}, "cannot be 'rocauc'"),
        ({"scoring": Huber}, r"write Huber\(\)"),
        ({"scoring": []}, "must name a metric"),
        ({"refit": "mae"}, "one of the metrics, 'score'"),
        ({"method": "newtonian"}, "method"),
        ({"rule": "2se"}, "rule"),
        ({"estimator": make_pipeline(StandardScaler())}, "whose last step is"),
        ({"estimator": StandardScaler()}, "must be a linear model of sklearn_losses"),
        ({"estimator": LinearRegressor(penalty=None)}, "alphas"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        search(**settings).fit(X, Y)


def test_alphas_may_come_in_any_order():
    mixed = search(alphas=[0.001, 1.0, 0.1, 1.0]).fit(X, Y).cv_results_
    np.testing.assert_array_equal(mixed["param_alpha"].data, 2 * ALPHAS)


def test_candidates_that_fail_are_reported_by_reason():
    with pytest.warns(UserWarning, match=r"3 of 6 .*\n- Poisson\(\): ValueError"):
        found = search([SquaredError(), Poisson()]).fit(X, Y)
    assert np.isnan(found.cv_results_["mean_test_score"]).sum() == 3
    assert found.best_params_["loss"].name == "squared_error"
    scoring = {"mae": AbsoluteError(), "bad": lambda model, X, y: "high"}
    with pytest.raises(ValueError, match=r"must give a single number\. Got 'high'"):
        search(scoring=scoring).fit(X, Y)


def test_all_fail_for_several_reasons():
    def scorer(model, X, y):
        raise RuntimeError("no idea of " + type(model.loss_).__name__)

    with pytest.raises(ValueError, match="All 6 candidates") as caught:
        search(scoring=scorer).fit(X, Y)
    assert "- SquaredError(): RuntimeError: no idea of SquaredError" in str(
        caught.value
    )
    assert "- Huber(): RuntimeError: no idea of Huber" in str(caught.value)


def test_a_fold_without_a_class_is_refused():
    y = np.repeat(["a", "b", "c"], 40)
    model = search([LogLoss()], LinearClassifier(), scoring="accuracy", cv=KFold(3))
    with pytest.raises(ValueError, match="Fold 0 of 'cv' has no row of the class 'a'"):
        model.fit(X, y)
    weight = np.where(np.arange(120) % 40 < 20, 1.0, 0.0)
    model.set_params(cv=PredefinedSplit(np.arange(120) % 40 // 20))
    with pytest.raises(ValueError, match="no row with a sample_weight of the class"):
        model.fit(X, y, sample_weight=weight)


def test_a_search_without_refit_has_no_predictions():
    found = search(refit=False).fit(X, Y)
    assert not hasattr(found, "predict")
    assert not hasattr(found, "best_estimator_")
    assert found.best_params_["alpha"] in ALPHAS


def test_unknown_metadata():
    with pytest.raises(TypeError, match="unexpected argument 'weights'"):
        search().fit(X, Y, weights=np.ones(len(Y)))


def test_several_tasks_are_refused():
    with pytest.raises(InvalidParameterError, match="cannot be a LinearMultiTask"):
        LossSearchCV(LinearMultiTask(), ["huber"]).fit(X, np.column_stack([Y, Y]))


TIMES = survival_target(RNG.random(120) < 0.8, RNG.gamma(2.0, size=120))
QUERIES = np.tile(np.arange(12), 10)
RANKS = ranking_target(RNG.integers(0, 4, 120), QUERIES)
A, GRADES = RNG.normal(size=(120, 3)), RNG.integers(0, 3, 120)
SEVERAL = [
    (LinearSurvival(), [CoxPH(), WeibullAFT()], TIMES, concordance_index_scorer()),
    (LinearRanker(), [PairwiseLogistic(), ListNet()], RANKS, ndcg_scorer()),
    (
        LinearOrdinalClassifier(),
        [CumulativeLogit(), CumulativeProbit()],
        GRADES,
        ordinal_mae_scorer(),
    ),
    (
        LinearRegressor(),
        [GaussianDistribution(), StudentTDistribution()],
        A[:, 0] + RNG.normal(size=120),
        crps_scorer(),
    ),
]


@pytest.mark.parametrize(
    ("model", "losses", "y", "scoring"),
    SEVERAL,
    ids=["survival", "ranking", "ordinal", "distribution"],
)
def test_losses_of_groups_and_of_several_outputs(model, losses, y, scoring):
    """As GridSearchCV, on paths that are in units of X."""
    settings = dict(scoring=scoring, alphas=3, cv=KFold(3))
    search = LossSearchCV(model, losses, **settings).fit(A, y)
    assert set(search.cv_results_["method"]) == {"exact"}
    other = grid(search, scoring=scoring).fit(A, y)
    ours, theirs = (s.cv_results_["mean_test_score"] for s in (search, other))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    alphas, others = (
        [p["alpha"] for p in s.cv_results_["params"]]
        for s in (search, LossSearchCV(model, losses, **settings).fit(10 * A, y))
    )
    np.testing.assert_allclose(others, 100 * np.array(alphas), rtol=0.05)
    with pytest.raises(ValueError, match=rf"to compare 2 losses.*{scoring.__name__}"):
        LossSearchCV(model, losses).fit(A, y)


def test_a_path_of_a_norm_begins_where_all_is_zero():
    model = LinearRanker(ListNet(), penalty="l1")
    found = path({"loss": ListNet()}, model, 3, (A, RANKS, None, None))
    assert found[0] == pytest.approx(alpha_max(model, A, RANKS), rel=0.01)


def test_queries_stay_whole():
    search = LossSearchCV(LinearRanker(), [ListNet()], scoring=ndcg_scorer(), alphas=2)
    splits = search._splits(Data(A, RANKS), {"groups": None})
    assert len(splits) == 5
    for train, test in splits:
        assert not set(QUERIES[train]) & set(QUERIES[test])


def test_a_metric_that_is_nan_in_a_fold_does_not_choose():
    def undefined(model, X, y):
        return np.nan if "Huber" in str(model.loss) and X[0, 0] == A[0, 0] else 1.0

    y, settings = A[:, 0] + GRADES, dict(scoring=undefined, alphas=2, cv=KFold(3))
    search = LossSearchCV(LinearRegressor(), ["huber", "squared_error"], **settings)
    with pytest.warns(UserWarning, match=r"2 of 4 candidates .* not finite in fold 0"):
        search.fit(A, y)
    assert str(search.best_params_["loss"]) == "SquaredError()"
    search.set_params(losses=["huber"])
    with pytest.raises(ValueError, match=r"cannot choose, .* for 2 of 2 candidates"):
        search.fit(A, y)
    with pytest.warns(UserWarning, match="2 of 2 candidates"):
        search.set_params(refit=False).fit(A, y)
    assert search.verdict().startswith("No candidate has a finite undefined")


def test_test_rows_of_weight_0_alone_are_refused():
    search = LossSearchCV(LinearRegressor(), ["huber"], cv=KFold(3))
    weight = np.arange(120) >= 40
    with pytest.raises(ValueError, match="Fold 0 of 'cv' has no row with a sample_we"):
        search.fit(A, A[:, 0] + GRADES, sample_weight=weight)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_paths_do_not_see_rows_of_weight_0(loss):
    y, here = A[:, 0] + GRADES, np.arange(120) >= 40
    rows = np.where(here[:, None], A, 1e6)
    found, known = (
        path({"loss": get_loss(loss)}, LinearRegressor(), 3, (*parts, None))
        for parts in (
            (rows, np.where(here, y, 1e9), here.astype(float)),
            (A[here], y[here], None),
        )
    )
    assert found == known


def test_a_winner_whose_steps_lead_nowhere_is_fitted():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(30, 40))
    latent = X @ rng.normal(size=40) / np.sqrt(40)
    y = latent + 0.5 * rng.logistic(size=30) > 0
    loss = "modified_huber"
    settings = dict(scoring=loss, alphas=6, cv=4, method="newton")
    found = LossSearchCV(LinearClassifier(), [loss], **settings).fit(X, y)
    best = found.best_index_
    assert found.cv_results_["gap"][best] < 1e-4
    exact = clone(found).set_params(method="exact").fit(X, y).cv_results_
    assert found.best_score_ == pytest.approx(exact["mean_test_score"][best], rel=1e-3)
