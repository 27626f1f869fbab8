"""LinearEmbedding and SGDEmbedding: minima, proofs, tuples, refusals, pipelines."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import (
    KNeighborsClassifier,
    NeighborhoodComponentsAnalysis,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_losses import (
    NCA,
    Contrastive,
    Huber,
    InfoNCE,
    LinearEmbedding,
    LinearRegressor,
    LogisticPair,
    PairLoss,
    SGDEmbedding,
    SupCon,
    TripletMargin,
    knn_accuracy_score,
    knn_accuracy_scorer,
    pair_auc_score,
    pair_auc_scorer,
)
from sklearn_losses.design._points import Points
from sklearn_losses.estimators.embedding._tuple_data import read_data
from sklearn_losses.problem._embedding import EmbeddingObjective
from sklearn_losses.terms._mining import Mining
from sklearn_losses.terms._tuples import AnchorTerm

RNG = np.random.default_rng(0)
WINE, KIND = load_wine(return_X_y=True)
PAIR = RNG.integers(0, len(WINE), size=(300, 2))
PAIR = PAIR[PAIR[:, 0] != PAIR[:, 1]]
SAME = (KIND[PAIR[:, 0]] == KIND[PAIR[:, 1]]).astype(int)
PAIRS = WINE[PAIR]
NEAR = np.array([RNG.choice(np.flatnonzero(k == KIND)) for k in KIND])
FAR = np.array([RNG.choice(np.flatnonzero(k != KIND)) for k in KIND])
TRIPLET = np.column_stack([np.arange(len(KIND)), NEAR, FAR])
TRIPLET = TRIPLET[TRIPLET[:, 0] != TRIPLET[:, 1]]
TRIPLETS = WINE[TRIPLET]

LOSSES = [
    NCA(),
    NCA(log=True),
    Contrastive(),
    LogisticPair(),
    LogisticPair(3.0, mining="all"),
    TripletMargin(),
    TripletMargin(soft=True, mining="semi_hard"),
    TripletMargin(soft=True, mining="all"),
    InfoNCE(),
    SupCon(temperature=1.0, similarity="distance"),
]
CONVEX = [
    Contrastive(),
    LogisticPair(),
    TripletMargin(soft=True),
    InfoNCE(1.0, "distance"),
    SupCon(1.0, "dot"),
]


WHY = "repeated rows are each other's nearest"


@parametrize_with_checks(
    [
        LinearEmbedding(),
        LinearEmbedding(loss=LogisticPair(), metric="diagonal"),
        SGDEmbedding(max_iter=2),
    ],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": WHY,
        "check_sample_weight_equivalence_on_sparse_data": WHY,
    },
)
@pytest.mark.filterwarnings("ignore")
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_every_loss_finds_the_classes(loss):
    model = LinearEmbedding(2, loss=loss).fit(WINE, KIND)
    raw = knn_accuracy_score(KIND, WINE)
    assert model.score(WINE, KIND) > max(raw, 0.9)
    pairs = WINE[[[0, 1], [0, 100]]]
    assert_array_equal(model.predict(pairs), [1, 0])
    Z = model.transform(WINE)
    assert_allclose(
        model.pair_distance(pairs),
        [np.linalg.norm(Z[0] - Z[1]), np.linalg.norm(Z[0] - Z[100])],
    )


@pytest.mark.parametrize("load", [load_iris, load_wine, load_digits])
def test_nca_is_not_above_that_of_scikit_learn(load):
    X, y = load(return_X_y=True)
    X, y = X[:600], y[:600]
    k = 2 if len(X) < 200 else 10
    theirs = NeighborhoodComponentsAnalysis(k, random_state=0).fit(X, y)
    ours = LinearEmbedding(k, alpha=0.0).fit(X, y)

    def objective(Z):
        distance = ((Z[:, None] - Z) ** 2).sum(axis=2)
        np.fill_diagonal(distance, np.inf)
        e = np.exp(distance.min(axis=1, keepdims=True) - distance)
        return (e * (y[:, None] == y)).sum(axis=1) @ (1 / e.sum(axis=1)) / len(y)

    assert objective(ours.transform(X)) >= objective(theirs.transform(X)) - 1e-4
    assert_allclose(1 - objective(ours.transform(X)), ours.objective_, atol=1e-6)


@pytest.mark.parametrize("metric", ["full", "diagonal"])
@pytest.mark.parametrize("loss", CONVEX, ids=str)
def test_a_convex_metric_is_proved_and_does_not_depend_on_the_start(loss, metric):
    X, y = StandardScaler().fit_transform(WINE)[:, :6], KIND
    index, labels = (PAIR, SAME) if loss.of == "pairs" else (TRIPLET, None)
    model = LinearEmbedding(loss=loss, metric=metric, alpha=0.01)
    starts = 3.0 * np.eye(6), 0.3 * np.eye(6) + 0.01
    if metric == "diagonal":
        starts = 3.0 * np.eye(6), np.diag(np.arange(1.0, 7.0))
    if loss.of == "anchors":
        fits = [clone(model).set_params(init=L).fit(X, y) for L in starts]
    else:
        fits = [
            clone(model).set_params(init=L).fit_tuples(X, index, labels) for L in starts
        ]
    for fit in fits:
        assert 0.0 <= fit.gap_ <= 2e-3 * fit.objective_
    gap = max(fit.gap_ for fit in fits)
    assert abs(fits[0].objective_ - fits[1].objective_) <= gap
    M = fits[0].get_mahalanobis_matrix()
    assert np.linalg.eigvalsh(M).min() >= -1e-10
    if metric == "diagonal":
        assert_array_equal(M, np.diag(np.diag(M)))


def test_a_bound_of_metrics_is_one_of_maps():
    low = LinearEmbedding(2, loss=LogisticPair(), alpha=0.01).fit(PAIRS, SAME)
    full = LinearEmbedding(loss=LogisticPair(), metric="full", alpha=0.01)
    full.fit(PAIRS, SAME)
    assert low.objective_ >= full.objective_ - full.gap_
    assert low.objective_ - low.gap_ <= full.objective_
    assert np.isnan(LinearEmbedding(2).fit(WINE, KIND).gap_)


def test_a_threshold_that_is_fitted_is_stationary():
    model = LinearEmbedding(loss=LogisticPair(), metric="full", alpha=0.01, tol=1e-7)
    model.fit(PAIRS, SAME)
    assert_allclose(model.threshold_**2, model.loss_.threshold)
    slope = model.loss_.gradient(SAME, model.pair_distance(PAIRS) ** 2)
    assert abs(slope.mean()) < 1e-4


def test_tuples_and_their_numbers_are_the_same_fit():
    one = LinearEmbedding(2, loss=TripletMargin()).fit(TRIPLETS)
    other = LinearEmbedding(2, loss=TripletMargin()).fit_tuples(WINE, TRIPLET)
    assert one.score(TRIPLETS) > 0.95
    assert other.score(TRIPLETS) > 0.95
    assert_array_equal(one.predict(TRIPLETS).mean(), one.score(TRIPLETS))
    assert not hasattr(one, "threshold_")
    with pytest.raises(ValueError, match="has no threshold for pairs"):
        one.predict(PAIRS)
    pairs = LinearEmbedding(2, loss="contrastive").fit(PAIRS, 2 * SAME - 1)
    assert set(pairs.predict(PAIRS)) == {-1, 1}
    expected = roc_auc_score(SAME, -pairs.pair_distance(PAIRS))
    assert_allclose(pairs.score(PAIRS, SAME), expected)
    with pytest.raises(ValueError, match="was fitted to tuples"):
        pairs.predict(WINE)


@pytest.mark.parametrize("unit", [1e-6, 1e6, "each"])
@pytest.mark.parametrize("loss", [NCA(), TripletMargin(), LogisticPair()], ids=str)
def test_units_do_not_matter(loss, unit):
    unit = 10.0 ** RNG.integers(-6, 7, size=13) if unit == "each" else unit
    X = StandardScaler().fit_transform(WINE) + 3.0
    model = LinearEmbedding(2, loss=loss, init="lda", tol=1e-4)
    there, here = clone(model).fit(X, KIND), model.fit(X * unit, KIND)
    assert_allclose(here.objective_, there.objective_, rtol=0.02, atol=1e-3)
    assert here.score(X * unit, KIND) > 0.95


@pytest.mark.parametrize("make", [LinearEmbedding, SGDEmbedding])
def test_forms_of_rows(make):
    X = WINE.copy()
    X[:, 3] = 5.0  # a constant
    X[50:60] = X[50]  # duplicates
    model = make(2, random_state=0).fit(X, KIND)
    assert not model.components_[:, 3].any()
    rows = sparse.csr_array(X)
    assert_allclose(model.transform(rows), model.transform(X), atol=1e-6)
    of_sparse = make(2, random_state=0).fit(rows, KIND)
    assert of_sparse.score(X, KIND) > 0.9
    single = make(2, random_state=0).fit(X.astype(np.float32), KIND)
    assert single.components_.dtype == single.transform(np.float32(X)).dtype == "f4"
    assert single.score(X, KIND) > 0.9


def test_principal_components_of_a_sparse_matrix():
    X = load_digits().data[:200]
    of_dense = LinearEmbedding(3, init="pca", max_iter=1, tol=10.0)
    labels = load_digits().target[:200]
    dense = clone(of_dense).fit(X, labels)
    of_csr = of_dense.fit(sparse.csr_array(X), labels)
    assert_allclose(of_csr.components_, dense.components_, atol=1e-8)
    expected = PCA(3).fit(X).components_
    cosines = np.einsum("ij,ij->i", dense.components_, expected)
    assert_allclose(
        np.abs(cosines) / np.linalg.norm(dense.components_, axis=1), 1.0, atol=1e-6
    )


def test_names_of_columns_and_containers():
    names = [f"f{i}" for i in range(13)]
    X = pd.DataFrame(WINE, columns=names)
    model = LinearEmbedding(2).set_output(transform="pandas").fit(X, KIND)
    assert list(model.get_feature_names_out()) == [
        "linearembedding0",
        "linearembedding1",
    ]
    assert list(model.transform(X).columns) == list(model.get_feature_names_out())
    assert list(model.feature_names_in_) == names
    copied = pickle.loads(pickle.dumps(model))
    assert_array_equal(copied.transform(X), model.transform(X))


def test_pipelines_and_searches():
    pipe = make_pipeline(
        LinearEmbedding(2, loss=TripletMargin()), KNeighborsClassifier(3)
    )
    grid = {"linearembedding__loss__margin": [0.5, 2.0]}
    search = GridSearchCV(pipe, grid, cv=3).fit(WINE, KIND)
    assert search.best_score_ > 0.9
    for scorer in (knn_accuracy_scorer(3), pair_auc_scorer()):
        assert 0.9 < scorer(search, WINE, KIND) <= 1.0
        assert 0.9 < scorer(search.best_estimator_[0], WINE, KIND) <= 1.0
        assert clone(scorer).get_params() == scorer.get_params()
    scores = cross_val_score(
        LinearEmbedding(loss=LogisticPair(), metric="diagonal"),
        *(PAIRS, SAME),
        cv=3,
        scoring=pair_auc_scorer(),
    )
    assert scores.min() > 0.8
    with pytest.raises(TypeError, match="needs an estimator with transform"):
        pair_auc_scorer()(LinearRegressor().fit(WINE, KIND), WINE, KIND)


def test_a_loss_of_ones_own():
    class Ratio(PairLoss):
        convex = False

        def _value(self, same, squared_distance):
            d2 = squared_distance
            return np.where(same, np.log1p(d2), np.log1p(1.0 / (0.1 + d2)))

        def _gradient(self, same, squared_distance):
            d2 = squared_distance
            far = 1.0 / (1.1 + d2) - 1.0 / (0.1 + d2)
            return np.where(same, 1.0 / (1.0 + d2), far)

    assert LinearEmbedding(2, loss=Ratio()).fit(WINE, KIND).score(WINE, KIND) > 0.9
    model = SGDEmbedding(2, loss=Ratio(mining="all")).fit(WINE, KIND)
    assert model.score(WINE, KIND) > 0.9


@pytest.mark.parametrize("loss", [*LOSSES, TripletMargin(mining="semi_hard")], ids=str)
def test_batches(loss):
    model = SGDEmbedding(3, loss=loss, batch_size=64, max_iter=10)
    assert model.fit(WINE, KIND).score(WINE, KIND) > 0.9


def test_partial_fit_goes_on():
    model = SGDEmbedding(2, batch_size=64)
    scores = []
    for _ in range(8):
        model.partial_fit(WINE, KIND)
        scores.append(model.score(WINE, KIND))
    assert model.n_iter_ == 8
    assert scores[-1] > 0.9
    before = model.components_.copy()
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(WINE[:, :3], KIND)
    assert_array_equal(model.components_, before)
    pairs = SGDEmbedding(2, loss=LogisticPair(), max_iter=100).fit(PAIRS, SAME)
    assert pairs.score(PAIRS, SAME) > 0.9
    triplets = SGDEmbedding(2, loss=TripletMargin(), max_iter=100).fit(TRIPLETS)
    assert triplets.score(TRIPLETS) > 0.9


def test_rows_that_come_into_the_way_are_seen():
    model = LinearEmbedding(2, loss=TripletMargin(soft=True)).fit(WINE, KIND)
    of_one_place = 178 * 3 * 10  # rows, with three of their class and ten others
    assert model.n_tuples_ > of_one_place


def test_collapse_is_said():
    with pytest.warns(ConvergenceWarning, match="has collapsed"):
        LinearEmbedding(2, loss=TripletMargin(), alpha=1e6).fit(WINE, KIND)


def test_an_end_that_is_none_is_said():
    with pytest.warns(ConvergenceWarning, match="did not converge in max_iter=2"):
        LinearEmbedding(2, max_iter=2).fit(WINE, KIND)


def test_a_warm_start_begins_where_the_last_fit_ended():
    model = LinearEmbedding(2, loss=LogisticPair(), warm_start=True).fit(PAIRS, SAME)
    first = model.objective_
    assert model.set_params(max_iter=2, tol=1.0).fit(PAIRS, SAME).n_iter_ <= 2
    assert model.objective_ <= first * (1.0 + 1e-9)
    with pytest.raises(ValueError, match="warm_start=False"):
        model.set_params(n_components=3).fit(PAIRS, SAME)


def test_parts_of_a_metric_that_are_kept():
    all_ = LinearEmbedding(loss=LogisticPair(), metric="diagonal").fit(WINE, KIND)
    model = LinearEmbedding(3, loss=LogisticPair(), metric="diagonal").fit(WINE, KIND)
    weights = np.diag(all_.components_)
    kept = np.flatnonzero(model.components_.any(axis=0))
    assert model.components_.shape == (3, 13)
    spread = WINE.std(axis=0)
    assert set(kept) == set(np.argsort(-weights * spread)[:3])


REPEATS = TRIPLETS.copy()
REPEATS[4, 2] = REPEATS[4, 0]
NAN = WINE.copy()
NAN[3, 2] = np.nan


@pytest.mark.parametrize(
    ("settings", "data", "message"),
    [
        ({"loss": "contrastive"}, (PAIRS, SAME + 1), r"y\[0\] is|0 and 1, or -1 and 1"),
        ({"loss": "contrastive"}, (PAIRS, SAME[:-1]), "one label for each pair"),
        ({"loss": "contrastive"}, (PAIRS, np.ones(len(PAIRS))), "pairs that do not"),
        ({"loss": "contrastive"}, (PAIRS, None), "requires y to be passed with pairs"),
        ({}, (PAIRS, SAME), r"cannot use loss='nca' with pairs.*Use LogisticPair\(\)"),
        ({}, (TRIPLETS, None), r"with triplets.*Use TripletMargin\(\)"),
        ({"loss": "triplet_margin"}, (TRIPLETS, KIND), "takes triplets without y"),
        ({"loss": "triplet_margin"}, (REPEATS, None), "triplet 4 repeats its anchor"),
        ({"loss": "triplet_margin"}, (WINE[:8].reshape(2, 4, 13), None), "2, n_feat"),
        ({}, (WINE, np.zeros(len(WINE))), "at least two classes"),
        ({}, (WINE, np.arange(len(WINE))), "one member"),
        ({}, (WINE, WINE[:, 0]), "Unknown label type"),
        ({}, (NAN, KIND), "contains NaN"),
        ({}, (np.ones_like(WINE), KIND), "needs rows that differ"),
        ({"n_components": 14}, (WINE, KIND), "at most n_features=13. Got 14"),
        ({"init": "lda", "n_components": 3}, (WINE, KIND), "there are 2 discriminants"),
        ({"init": np.ones((2, 2))}, (WINE, KIND), r"of the shape \(13, 13\)"),
        ({"loss": Huber()}, (WINE, KIND), "cannot use loss=Huber"),
        (
            {"loss": SupCon(), "metric": "diagonal"},
            (WINE, KIND),
            "because it is of cosines",
        ),
        (
            {"metric": "diagonal", "init": "pca", "loss": "contrastive"},
            (WINE, KIND),
            "it is no diagonal map",
        ),
        ({"metric": "low"}, (WINE, KIND), "must be a str among"),
    ],
)
def test_refusals(settings, data, message):
    with pytest.raises((ValueError, TypeError), match=message):
        LinearEmbedding(**settings).fit(*data)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([[0, 1], [2, 2]], r"index\[1\] is \[2, 2\], which repeats one"),
        ([[0, 1], [0, 178]], "numbers of rows, from 0 to 177"),
        ([[0.0, 1.0]], "must be integers"),
        ([0, 1], "must have the shape"),
    ],
)
def test_refusals_of_numbers_of_rows(index, message):
    with pytest.raises(ValueError, match=message):
        LinearEmbedding(loss="contrastive").fit_tuples(WINE, index, [0, 1])


def test_a_regressor_names_the_estimator_of_embeddings():
    with pytest.raises(ValueError, match="Use LinearEmbedding"):
        LinearRegressor(NCA()).fit(WINE, KIND)


def test_scores():
    assert pair_auc_score([1, 1, 0], [1.0, 2.0, 1.5]) == 0.5
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(pair_auc_score([1, 1], [1.0, 2.0]))
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(knn_accuracy_score([0, 1], [[0.0], [1.0]], n_neighbors=2))
    Z, y = RNG.normal(size=(40, 2)), RNG.integers(0, 3, size=40)
    distance = ((Z[:, None] - Z) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    expected = (y[distance.argmin(axis=1)] == y).mean()
    assert knn_accuracy_score(y, Z) == expected
    with pytest.raises(ValueError, match=r"distance\[0\] is nan"):
        pair_auc_score([1, 0], [np.nan, 1.0])


def test_no_warning_without_a_reason():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for loss in LOSSES:
            LinearEmbedding(2, loss=loss).fit(WINE, KIND)
    assert [str(w.message) for w in caught] == []


def test_cosines_do_not_end_in_a_valley():
    X, y = WINE[:89], KIND[:89]
    model = LinearEmbedding(2, loss=SupCon(), alpha=0.1)
    found = model.fit(X, y).objective_
    in_units = model.fit(X * 10.0 ** np.arange(-6, 7), y).objective_
    assert in_units == pytest.approx(found, rel=2e-3)


# ------------------------------------------------------------------------ weights
@pytest.mark.parametrize("loss", [*LOSSES, InfoNCE(0.5, "dot")], ids=str)
def test_rows_of_weight_0_are_absent_and_weights_matter_in_proportion(loss):
    weight = RNG.integers(0, 4, size=len(KIND))
    kept = weight > 0
    model = LinearEmbedding(2, loss=loss, max_iter=30)
    with warnings.catch_warnings(action="ignore"):
        some = clone(model).fit(WINE[kept], KIND[kept], weight[kept])
        all_ = clone(model).fit(WINE, KIND, 0.125 * weight)
        unweighted = clone(model).fit(WINE[kept], KIND[kept])
    assert_array_equal(some.components_, all_.components_)
    assert some.threshold_ == all_.threshold_ if loss.of == "pairs" else True
    assert_array_equal(some.class_means_, all_.class_means_)
    assert np.abs(some.components_ - unweighted.components_).max() > 0
    batches = SGDEmbedding(2, loss=loss, max_iter=2, batch_size=64)
    some = clone(batches).fit(WINE[kept], KIND[kept], weight[kept])
    all_ = clone(batches).fit(WINE, KIND, 0.125 * weight)
    assert_array_equal(some.components_, all_.components_)


@pytest.mark.parametrize(
    "loss", [NCA(), NCA(log=True), SupCon(0.7), InfoNCE(0.5, "dot"), Contrastive()]
)
def test_a_row_is_as_many_that_do_not_look_at_each_other(loss):
    Z, codes = RNG.normal(size=(9, 2)), np.array([0, 0, 0, 1, 1, 1, 2, 2, 3])
    weight = RNG.integers(1, 4, size=9)
    at = np.repeat(np.arange(9), weight)
    value = AnchorTerm(loss, codes, 1.0 * weight).sums(Z)[0]
    if loss.similarity == "cosine":
        Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    R, distance = Z[at], ((Z[at, None] - Z[at]) ** 2).sum(axis=2)
    same = (codes[at, None] == codes[at]) * 1.0
    other = at[:, None] != at
    if loss.of == "pairs":
        of_kind = [loss.value(same, distance)[other & (same == k)] for k in (0, 1)]
        assert_allclose(value, 0.5 * (of_kind[0].mean() + of_kind[1].mean()))
        return
    score = -distance if loss.similarity == "distance" else R @ R.T
    score = np.where(other, score / loss.temperature, -np.inf)
    has_others = (same * other).any(axis=1)
    values = loss.value(same * other, score)[has_others]
    assert_allclose(value, values.mean())


@pytest.mark.parametrize("loss", [*LOSSES, InfoNCE(0.5, "dot")], ids=str)
def test_slopes_of_weighted_rows_are_differences(loss):
    weight, L = RNG.uniform(0.1, 3.0, size=40), RNG.normal(size=(2, 13))
    some = np.arange(40) * 4
    data = read_data(LinearEmbedding(), WINE[some], KIND[some], weight)
    points = Points(data.X, data.row_weight)
    loss, Z = loss.at(3.0) if loss.fits_threshold else loss, points.map(L)
    term = data.named_term(loss)
    if loss.of != "anchors" and loss.mined != "all":
        term = Mining(loss, data.codes, Z, data.weight).term(Z)[0]
    objective = EmbeddingObjective(points, term, 0.1, False)
    theta, way = 0.3 * L.ravel(), RNG.normal(size=26)
    slope = objective.value_gradient(theta)[1] @ way
    ends = [objective.value_gradient(theta + h * way)[0] for h in (1e-6, -1e-6)]
    assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("X_y_loss", [(PAIRS, SAME, LogisticPair()), (TRIPLETS, None)])
def test_a_tuple_of_weight_2_is_two_tuples(X_y_loss):
    X, y, *loss = X_y_loss
    loss = loss[0] if loss else TripletMargin(soft=True)
    model = LinearEmbedding(loss=loss, metric="full", alpha=0.01, tol=1e-8)
    weight = RNG.integers(0, 3, size=len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    weighted = clone(model).fit(X, y, weight)
    repeated = clone(model).fit(X[rows], None if y is None else y[rows])
    assert_allclose(weighted.objective_, repeated.objective_, rtol=1e-6)
    assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-12)
    M = repeated.get_mahalanobis_matrix()
    assert_allclose(weighted.get_mahalanobis_matrix(), M, atol=1e-3 * np.abs(M).max())
    if y is not None:
        index = np.arange(2 * len(X)).reshape(-1, 2)
        of_numbers = clone(model).fit_tuples(np.vstack(X), index, y, weight)
        assert of_numbers.n_tuples_ == np.count_nonzero(weight)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(178), r"sample_weight\[0\] is -1.0"),
        (np.ones(3), r"shape \(178,\)"),
        (np.zeros(178), "needs a weight > 0. All 178 entries"),
        (1.0 * (KIND == 1), "at least two classes"),
    ],
)
@pytest.mark.parametrize("model", [LinearEmbedding(2), SGDEmbedding(2)])
def test_weights_that_are_none(model, weight, message):
    with pytest.raises(ValueError, match=message):
        model.fit(WINE, KIND, sample_weight=weight)


def test_weights_in_scores():
    model = LinearEmbedding(2, loss=LogisticPair()).fit(WINE, KIND)
    weight = RNG.integers(0, 3, size=len(SAME))
    rows = np.repeat(np.arange(len(SAME)), weight)
    score = model.score(PAIRS, SAME, weight)
    assert_allclose(score, model.score(PAIRS[rows], SAME[rows]))
    weight = RNG.integers(0, 3, size=len(TRIPLETS))
    rows = np.repeat(np.arange(len(TRIPLETS)), weight)
    score = model.score(TRIPLETS, sample_weight=weight)
    assert_allclose(score, model.score(TRIPLETS[rows]))
    kept = 1.0 * (np.arange(178) < 150)
    score = model.score(WINE, KIND, kept)
    assert score == model.score(WINE[:150], KIND[:150])
    for scorer in (pair_auc_scorer(), knn_accuracy_scorer(2)):
        score = scorer(model, WINE, KIND, sample_weight=kept)
        assert_allclose(score, scorer(model, WINE[:150], KIND[:150]))


def test_weights_through_a_search():
    with config_context(enable_metadata_routing=True):
        model = LinearEmbedding(2).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, model)
        grid = {"linearembedding__alpha": [1e-3, 1e-1]}
        scoring = {"auc": pair_auc_scorer(), "knn": knn_accuracy_scorer()}
        settings = {"cv": StratifiedKFold(3), "scoring": scoring, "refit": "auc"}
        search = GridSearchCV(pipe, grid, **settings)
        search.fit(WINE, KIND, sample_weight=1.0 + KIND)
    assert search.best_score_ > 0.9


def test_a_stream_keeps_the_classes_of_earlier_calls():
    X, y = load_wine(return_X_y=True)
    for form in (np.asarray, sparse.csr_array):
        model = SGDEmbedding(2, random_state=0).partial_fit(form(X), y)
        model.partial_fit(form(X[y < 2]), y[y < 2])
        assert model.classes_.tolist() == [0, 1, 2]
        mean = model.transform(X[y == 2]).mean(axis=0)
        np.testing.assert_allclose(model.class_means_[2], mean, atol=1e-8)
        assert set(model.predict(X)) == {0, 1, 2}
        before = model.components_.copy()
        with pytest.warns(UserWarning, match="changed nothing: of its 71 rows no two"):
            model.partial_fit(form(X[y == 1]), y[y == 1])
        np.testing.assert_array_equal(model.components_, before)
    with pytest.raises(ValueError, match="at least two classes"):
        SGDEmbedding(2).partial_fit(X[y == 1], y[y == 1])
