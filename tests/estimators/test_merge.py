"""Streams that ran side by side: merged, they are about one stream of all rows."""

import pickle

import numpy as np
import pytest

from sklearn_losses import (
    CrossEntropy,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    SGDClassifier,
    SGDRegressor,
    StoredBlocks,
    merge_streams,
)

RNG = np.random.default_rng(0)
N, D = 24_000, 5
X = RNG.normal(size=(N, D)) * np.logspace(0, 2, D) + 100.0
RAW = (X - 100.0) @ (np.ones(D) / np.logspace(0, 2, D))
Y = RAW + RNG.standard_t(3, size=N)
CLASSES = np.digitize(RAW + RNG.logistic(size=N), [-1.0, 1.0])
BY_FEATURE = np.argsort(X[:, 0])
KINDS = {
    "squared": (SGDRegressor("squared_error"), LinearRegressor(), Y),
    "huber": (SGDRegressor(Huber()), LinearRegressor(Huber()), Y),
    "joint": (SGDClassifier(CrossEntropy()), LinearClassifier(CrossEntropy()), CLASSES),
    "one versus rest": (SGDClassifier(LogLoss()), LinearClassifier(LogLoss()), CLASSES),
}


def streams(model, y, order, n_parts=6):
    settings = {"classes": np.unique(y)} if isinstance(model, SGDClassifier) else {}
    parts = np.array_split(order, n_parts)
    make = pickle.dumps(model)
    return [pickle.loads(make).partial_fit(X[p], y[p], **settings) for p in parts]


def excess(linear, y, model):
    """What a model misses, as a share of what there is to gain over a constant."""
    best = linear.fit(X, y)
    objectives, _ = best._objectives(X, y, None, best._usable_loss())
    missed = gained = 0.0
    coefs, intercepts = (np.atleast_2d(a) for a in (model.coef_, model.intercept_))
    for k, objective in enumerate(objectives):
        rows = slice(None) if objective.is_joint else slice(k, k + 1)
        coef, intercept = coefs[rows], intercepts[0][rows]
        optimum = np.sum(best.objective_ if len(objectives) == 1 else 0.0)
        if len(objectives) > 1:
            optimum = best.objective_[k]
        missed += objective.value(np.ascontiguousarray(coef), intercept)[0] - optimum
        gained += float(objective.term().value_at(objective.term().best_constant()))
        gained -= optimum
    return missed / gained


@pytest.mark.parametrize("order", [np.arange(N), BY_FEATURE], ids=["random", "sorted"])
@pytest.mark.parametrize("name", KINDS)
def test_merged_streams_are_of_all_rows(name, order):
    model, linear, y = KINDS[name]
    models = streams(model, y, order)
    found = merge_streams(models)
    assert found.t_ == N + 1
    # Of longer streams it is less: 4e-6 of 16 with 10,000 rows each.
    worst = max(excess(linear, y, model) for model in models)
    assert excess(linear, y, found) < min(5e-4, 0.1 * worst)


def test_merged_streams_go_on_and_merge_again():
    model, linear, y = KINDS["huber"]
    half = merge_streams(streams(model, y, np.arange(N // 2)))
    half.partial_fit(X[N // 2 : -4000], y[N // 2 : -4000])
    rest = SGDRegressor(Huber()).partial_fit(X[-4000:], y[-4000:])
    assert excess(linear, y, merge_streams([half, rest])) < 5e-5


def test_models_stay_as_they_are_and_one_is_itself():
    model, _, y = KINDS["joint"]
    models = streams(model, y, np.arange(N), 2)
    before = [pickle.dumps(vars(model)) for model in models]
    merge_streams(models)
    assert [pickle.dumps(vars(model)) for model in models] == before
    alone = merge_streams(models[:1])
    np.testing.assert_allclose(alone.coef_, models[0].coef_, rtol=1e-2)


def test_weights_and_offsets_are_remembered():
    weight, offset = RNG.integers(0, 3, N).astype(float), RNG.normal(size=N)
    parts = np.array_split(np.arange(N), 4)
    models = [
        SGDRegressor(penalty=None).partial_fit(X[p], Y[p], weight[p], offset[p])
        for p in parts
    ]
    exact = LinearRegressor(penalty=None, tol=1e-12).fit(X, Y, weight, offset)
    np.testing.assert_allclose(merge_streams(models).coef_, exact.coef_, rtol=1e-6)


def test_many_features():
    rows = RNG.normal(size=(1500, 730))
    y = rows[:, :3].sum(axis=1)
    models = [
        SGDRegressor(alpha=0.01).partial_fit(rows[p], y[p])
        for p in np.array_split(np.arange(1500), 2)
    ]
    found = merge_streams(models)
    assert np.abs(found.coef_[:3] - 1.0).max() < 0.2
    assert np.abs(found.coef_[3:]).max() < 0.1


ONE = SGDRegressor().partial_fit(X[:100], Y[:100])


@pytest.mark.parametrize(
    ("models", "kind", "message"),
    [
        ([], ValueError, "at least one model"),
        ([ONE, LinearRegressor()], TypeError, "Got LinearRegressor"),
        (
            [ONE, SGDRegressor(alpha=1.0).partial_fit(X[:100], Y[:100])],
            ValueError,
            r"models\[1\] has alpha=1.0, and models\[0\] has alpha=0.0001",
        ),
        (
            [ONE, SGDRegressor().partial_fit(X[:100, :2], Y[:100])],
            ValueError,
            r"models\[1\] has n_features_in_=2",
        ),
        ([ONE, SGDRegressor().fit(X[:100], Y[:100])], ValueError, "is no stream"),
        (
            [SGDRegressor().fit(X[:99], Y[:99]).partial_fit(X[:9], Y[:9])],
            ValueError,
            "went on from coefficients",
        ),
    ],
)
def test_what_cannot_be_merged(models, kind, message):
    with pytest.raises(kind, match=message):
        merge_streams(models)


# -------------------------------------------------------- blocks, one after the other
def test_partial_fit_visits_blocks_in_their_order():
    blocks = StoredBlocks.arrays(X, CLASSES, n_rows=5000)
    model = SGDClassifier().partial_fit(blocks, None, classes=[0, 1, 2])
    same = SGDClassifier()
    for i in range(0, N, 5000):
        part = slice(i, i + 5000)
        same.partial_fit(X[part], CLASSES[part], classes=[0, 1, 2])
    np.testing.assert_array_equal(model.coef_, same.coef_)
    bad = StoredBlocks.arrays(np.where(X[12_000] == X, np.nan, X), Y, n_rows=5000)
    model = SGDRegressor()
    with pytest.raises(ValueError, match=r"Block 2: .*NaN"):
        model.partial_fit(bad, None)
    assert not hasattr(model, "coef_")


def test_partial_fit_of_a_collection():
    da = pytest.importorskip("dask.array")
    model = SGDRegressor("huber").partial_fit(
        da.from_array(X, chunks=(5000, D)), da.from_array(Y, chunks=5000)
    )
    blocks = StoredBlocks.arrays(X, Y, n_rows=5000)
    same = SGDRegressor("huber").partial_fit(blocks, None)
    np.testing.assert_array_equal(model.coef_, same.coef_)
    model.partial_fit(da.from_array(X, chunks=(N, D)), da.from_array(Y, chunks=N))
    assert model.t_ == 2 * N + 1
