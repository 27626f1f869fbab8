"""SGDRanker: steps of queries against loops, streams, and what LinearRanker finds."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    BPR,
    WARP,
    ApproxNDCG,
    GroupLasso,
    Huber,
    LambdaRank,
    LinearRanker,
    ListNet,
    PairwiseExponential,
    PairwiseHinge,
    PairwiseLogistic,
    PairwiseSquaredHinge,
    PlackettLuce,
    SGDRanker,
    ndcg_scorer,
    ranking_target,
)
from sklearn_losses.solvers.stream import _stream_groups
from tests.cases import each
from tests.contract import each_check
from tests.estimators.test_ranker import data, objective

CONVEX = [
    PairwiseLogistic(),
    PairwiseLogistic("pair", "gain"),
    PairwiseSquaredHinge(),
    PairwiseHinge(),
    PairwiseExponential(),
    ListNet(),
    PlackettLuce("efron", top_k=3),
]


def queries(seed=0, n=400, d=3):
    """Rows in order of their queries, in units that steps like."""
    rng = np.random.default_rng(seed)
    X, q = rng.normal(size=(n, d)), np.sort(rng.integers(40, size=n))
    y = np.round(X[:, 0] - X[:, 1] + rng.normal(size=n)).clip(0, 3)
    return X, y, q, rng.uniform(0.5, 2.0, size=n)


def chunks(q, n):
    """The rows of some queries at a time."""
    parts = np.array_split(np.unique(q), n)
    return [np.flatnonzero(np.isin(q, some)) for some in parts]


@each(CONVEX)
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_auto_is_the_descent_of_linear_ranker(loss, penalty):
    X, y, q, w = data()
    settings = dict(penalty=penalty, alpha=0.01)
    model = SGDRanker(loss, tol=1e-7, **settings).fit(X, y, w, groups=q)
    other = LinearRanker(loss, tol=1e-9, **settings).fit(X, y, w, groups=q)
    found, least = (objective(m, X, y, q, w) for m in (model, other))
    assert found - least <= 1e-5 * abs(least)
    assert model.loss_curve_[-1] <= model.loss_curve_[0]
    np.testing.assert_array_equal(model.rank(X, q), other.rank(X, q))


def steps_in_loops(X, y, q, w, loss, eta, alpha, batch_size):
    """An epoch of plain steps, by the loss's own gradient."""
    coef, used = np.zeros(X.shape[1]), np.unique(q)
    used = [g for g in used if len(np.unique(y[q == g])) > 1]
    masses = {g: w[q == g].mean() for g in used}
    unit = np.mean(list(masses.values()))
    for first in range(0, len(used), batch_size):
        batch, slope = used[first : first + batch_size], np.zeros(X.shape[1])
        for g in batch:
            of_group = loss.gradient(y[q == g], X[q == g] @ coef, None, w[q == g])
            slope += X[q == g].T @ of_group / unit / len(batch)
        coef = (1 - eta * alpha) * coef - eta * slope
    return coef


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_steps(batch_size, is_sparse):
    X, y, q, w = queries()
    model = SGDRanker(
        *(ListNet(),),
        **dict(learning_rate="constant", eta0=0.1, alpha=0.1, batch_size=batch_size),
        **dict(shuffle=False, max_iter=1, tol=None),
    ).fit(sparse.csr_matrix(X) if is_sparse else X, y, w, groups=q)
    expected = steps_in_loops(X, y, q, w, ListNet(), 0.1, 0.1, batch_size)
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-10)
    assert model.t_ == 1 + -(-model.n_queries_used_ // batch_size)


@pytest.mark.parametrize(
    "settings",
    [
        dict(learning_rate="invscaling", eta0=0.5, average=True),
        dict(learning_rate="adaptive", eta0=0.5),
        dict(optimizer="adagrad", eta0=0.2, batch_size=5),
        dict(learning_rate="constant", eta0=0.05, clip_gradient=0.5),
        dict(learning_rate="optimal", alpha=0.1),
        dict(learning_rate="constant", eta0=0.02, penalty=GroupLasso([[0, 1], [2]])),
    ],
    ids=lambda settings: " ".join(map(str, settings.values())),
)
def test_schedules_come_near_the_optimum(settings):
    X, y, q, w = queries()
    alpha, penalty = settings.get("alpha", 1e-3), settings.get("penalty", "l2")
    least = LinearRanker(alpha=alpha, penalty=penalty).fit(X, y, w, groups=q)
    model = SGDRanker(random_state=0, **{"alpha": alpha, **settings})
    model.fit(X, y, w, groups=q)
    found, least = (m.loss_.mean(y, m.predict(X), q, w) for m in (model, least))
    assert abs(found - least) < 0.03


@each([PairwiseLogistic(), PairwiseHinge(), ListNet()])
@pytest.mark.parametrize("most", [100, 10_000])
def test_a_pass_over_a_stream(loss, most, monkeypatch):
    monkeypatch.setattr(_stream_groups, "MOST_ROWS", most)
    X, y, q, w = data(n_groups=40)
    model = SGDRanker(loss, alpha=0.01)
    for some in chunks(q, 20):
        model.partial_fit(X[some], y[some], w[some], groups=q[some])
    least = LinearRanker(loss, alpha=0.01).fit(X, y, w, groups=q)
    assert objective(model, X, y, q, w) < 1.02 * objective(least, X, y, q, w)
    again = pickle.loads(pickle.dumps(model))
    for other in (model, again):
        other.partial_fit(X[some], y[some], w[some], groups=q[some] + 1000)
    np.testing.assert_array_equal(model.coef_, again.coef_)


def test_a_stream_goes_on_from_a_fit():
    X, y, q, _ = queries()
    first, rest = chunks(q, 2)
    model = SGDRanker(alpha=0.01).fit(X[first], y[first], groups=q[first])
    before = model.coef_.copy()
    model.partial_fit(X[rest], y[rest], groups=q[rest])
    own = SGDRanker(alpha=0.01).fit(X[rest], y[rest], groups=q[rest]).coef_
    assert np.linalg.norm(model.coef_ - before) < np.linalg.norm(own - before)


def test_partial_fit_takes_whole_queries():
    X, y, q, _ = queries()
    model = SGDRanker()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for some in chunks(q, 4):
            model.partial_fit(X[some], y[some], groups=q[some])
    with pytest.warns(UserWarning, match="rows of the query 0 in an earlier call"):
        model.partial_fit(X[q == 0], y[q == 0], groups=q[q == 0])
    coef = model.coef_.copy()
    model.partial_fit(X[:3], np.ones(3), groups=[90, 90, 91])  # nothing to learn
    np.testing.assert_array_equal(model.coef_, coef)
    for _ in range(2):  # ids within targets are numbers of their call
        model.partial_fit(X[:20], ranking_target(y[:20], q[:20] + 2000))


def test_a_pass_of_steps_continues():
    X, y, q, _ = queries()
    settings = dict(learning_rate="constant", eta0=0.1, shuffle=False)
    model = SGDRanker(**settings, max_iter=1, tol=None).fit(X, y, groups=q)
    other = SGDRanker(**settings)
    for some in chunks(q, 4):
        other.partial_fit(X[some], y[some], groups=q[some])
    np.testing.assert_allclose(other.coef_, model.coef_, rtol=1e-10)
    assert other.t_ == model.t_


@pytest.mark.parametrize("learning_rate", ["auto", "constant"])
@pytest.mark.parametrize("scoring", [None, ndcg_scorer(k=3)])
def test_validation_is_of_whole_queries(learning_rate, scoring):
    X, y, q, w = queries()
    seen = []

    def watched(model, X, y, sample_weight=None):
        seen.append(X)
        return scoring(model, X, y, sample_weight=sample_weight)

    model = SGDRanker(
        *(PairwiseLogistic(),),
        **dict(learning_rate=learning_rate, early_stopping=True, random_state=0),
        **dict(scoring=scoring and watched, validation_fraction=0.25),
    ).fit(X, y, w, groups=q)
    assert len(model.validation_loss_curve_) == len(model.loss_curve_)
    assert model.n_queries_used_ < len(np.unique(q))
    if scoring is None:
        assert np.argmin(model.validation_loss_curve_) == model.best_epoch_
        return
    curve = model.validation_score_curve_
    assert curve[model.best_epoch_] == curve.max()
    aside = np.isin(X[:, 0], seen[0][:, 0])
    assert not np.isin(q[aside], q[~aside]).any()
    again = clone(model).set_params(early_stopping=False)
    again.fit(
        *(X[~aside], y[~aside], w[~aside], q[~aside]),
        **dict(X_val=X[aside], y_val=y[aside], sample_weight_val=w[aside]),
        groups_val=q[aside],
    )
    np.testing.assert_allclose(again.coef_, model.coef_, rtol=1e-9)


@pytest.mark.parametrize("learning_rate", ["auto", "constant"])
def test_traces(learning_rate):
    X, y, q, w = queries()
    model = SGDRanker(learning_rate=learning_rate, penalty="l1", alpha=0.01, trace=True)
    model.fit(X, y, w, groups=q)
    found = objective(model, X, y, q, w)
    assert model.objective_curve_[-1] == pytest.approx(found, rel=1e-12)
    assert model.gradient_norm_curve_[-1] < model.gradient_norm_curve_[0]
    assert len(model.learning_rate_curve_) == len(model.loss_curve_)


@each([BPR(), BPR(3), WARP(), WARP(max_draws=3)])
def test_draws_are_of_the_loss(loss):
    """The mean of the steps of many draws is the gradient at 0."""
    X, y, q, w = queries(n=60)
    steps = [
        SGDRanker(
            *(loss,),
            **dict(learning_rate="constant", eta0=1.0, alpha=0.0, max_iter=1),
            **dict(batch_size=10_000, tol=None, random_state=seed),
        )
        .fit(X, y, w, groups=q, coef_init=[1.0, 0.0, 0.0])
        .coef_
        for seed in range(400)
    ]
    gradient = X.T @ loss.gradient(y, X[:, 0], q, w)
    used = [g for g in np.unique(q) if len(np.unique(y[q == g])) > 1]
    gradient /= sum(w[q == g].mean() for g in used)
    error = np.std(steps, axis=0) / np.sqrt(len(steps))
    z = (np.mean(steps, axis=0) - [1.0, 0.0, 0.0] + gradient) / error
    assert np.abs(z).max() < 4.0


def test_what_is_not_convex_begins_at_its_relative():
    X, y, q, _ = queries()
    settings = dict(alpha=0.01, random_state=0)
    pairs = SGDRanker(**settings).fit(X, y, groups=q)
    smooth = ApproxNDCG()
    for loss in (smooth, LambdaRank(k=3)):
        for model in (
            SGDRanker(loss, **settings),
            SGDRanker(loss, learning_rate="constant", **settings),
            LinearRanker(loss, alpha=0.01),
        ):
            model.fit(X, y, groups=q)
            assert model.coef_.any()
        assert np.isnan(model.gap_)
    found = LinearRanker(smooth, alpha=0.01).fit(X, y, groups=q)
    at_start = smooth.mean(y, pairs.predict(X), q) + 0.005 * pairs.coef_ @ pairs.coef_
    assert objective(found, X, y, q) < at_start
    with pytest.raises(ValueError, match="steps could lead to a maximum"):
        LinearRanker(smooth, solver="newton").fit(X, y, groups=q)


def test_searches_with_and_without_routing():
    X, y, q, _ = data()
    pipe = make_pipeline(StandardScaler(), SGDRanker(random_state=0))
    losses = [PairwiseLogistic(), ListNet(), PlackettLuce()]
    grid = {"sgdranker__loss": losses, "sgdranker__learning_rate": ["auto", "constant"]}
    settings = dict(cv=GroupKFold(3), scoring=ndcg_scorer(k=5))
    found = GridSearchCV(pipe, grid, **settings)
    found.fit(X, ranking_target(y, q), groups=q)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = GridSearchCV(pipe, grid, **settings).fit(X, y, groups=q)
    name = "mean_test_score"
    np.testing.assert_array_equal(found.cv_results_[name], routed.cv_results_[name])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(loss=Huber()), "is a loss for regression"),
        (dict(loss=WARP()), "learning_rate='auto'.* cannot use WARP.*adagrad"),
        (dict(learning_rate="pa1"), "learning_rate"),
        (dict(loss="lambda_rank", early_stopping=True), "makes several fits"),
        (
            dict(early_stopping=True, validation_fraction=0.001),
            None,
        ),
    ],
)
def test_refusals(settings, message):
    X, y, q, _ = queries()
    model = SGDRanker(**settings)
    if message is None:
        assert len(model.fit(X, y, groups=q).validation_loss_curve_)
        return
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, groups=q)


def test_refusals_of_data():
    X, y, q, _ = queries()
    with pytest.raises(ValueError, match="no query with rows of two levels"):
        SGDRanker().fit(X, np.ones(len(X)), groups=q)
    with pytest.raises(ValueError, match="groups_val was given without X_val"):
        SGDRanker().fit(X, y, groups=q, groups_val=q)
    with pytest.raises(ValueError, match="of 1 queries: "):
        SGDRanker(early_stopping=True).fit(X, y, groups=np.zeros(len(X)))
    with pytest.raises(ValueError, match="is not convex: what is remembered"):
        SGDRanker(LambdaRank()).partial_fit(X, y, groups=q)
    wide = sparse.csr_matrix((np.ones(4), ([0, 1, 2, 3], [0, 1, 2, 0])), (4, 5000))
    with pytest.raises(ValueError, match="and cannot for 5000"):
        SGDRanker().partial_fit(wide, [1, 0, 1, 0], groups=[0, 0, 1, 1])
    with pytest.warns(UserWarning, match="All rows are ranked as one query"):
        SGDRanker().partial_fit(X, y)
    with pytest.raises(ValueError, match="The weights overflowed in epoch 1"):
        SGDRanker(PairwiseSquaredHinge(), learning_rate="constant", eta0=1e200).fit(
            1e200 * X, y, groups=q
        )


@each_check(
    [
        SGDRanker(),
        SGDRanker(ListNet(), learning_rate="constant", max_iter=5),
    ]
)
@pytest.mark.filterwarnings("ignore")
def test_contract(estimator, check, routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad"])
def test_the_noise_of_draws_is_no_divergence(optimizer):
    rng = np.random.default_rng(0)
    X, q = rng.normal(size=(150, 3)), rng.integers(0, 20, 150)
    y = np.clip(np.round(X @ [1, -0.5, 0] + rng.normal(size=150)), 0, 4)
    settings = dict(learning_rate="constant", eta0=0.1, optimizer=optimizer)
    for seed in range(5):
        model = SGDRanker(WARP(), **settings, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, y, groups=q)
    model = SGDRanker(WARP(), **settings | {"eta0": 30.0}, max_iter=20, random_state=0)
    if optimizer == "sgd":
        with pytest.warns(UserWarning, match="diverged"):
            model.fit(X, rng.integers(0, 4, 150), groups=q)
