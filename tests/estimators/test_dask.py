"""Dask collections: fitted where they are, and predicted lazily."""

import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_losses import (
    CrossEntropy,
    GaussianDistribution,
    LinearClassifier,
    LinearEmbedding,
    LinearOrdinalClassifier,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    Quantiles,
    SGDRegressor,
    StoredBlocks,
    d2_loss_score,
    d2_score,
    loss_scorer,
    merge_streams,
    survival_target,
)
from sklearn_losses.problem import _dask
from tests.estimators.test_blocks import CLASSES, OFFSET, RAW, WEIGHT, N, X

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

ROWS = 130
LABELS = np.array(["low", "middle", "high"])[CLASSES]
NAMES = list("abcd")


def array(of, n_rows=ROWS):
    return da.from_array(of, chunks=(n_rows, *of.shape[1:]))


def frame():
    given = pd.DataFrame(X, columns=NAMES).assign(y=RAW, w=WEIGHT)
    return dd.from_pandas(given, npartitions=6)


def unknown(of):
    """A collection whose lengths nobody knows."""
    columns = pd.DataFrame(of.reshape(N, -1))
    found = dd.from_pandas(columns, npartitions=6).to_dask_array()
    return found if of.ndim == 2 else found[:, 0]


def same_of_stored(model, *arrays):
    """The same coefficients, to the bit, as of the same blocks from a store."""
    mine = model.coef_, model.intercept_, model.gap_
    model.fit(StoredBlocks.arrays(*arrays, n_rows=ROWS))
    for one, two in zip(mine, (model.coef_, model.intercept_, model.gap_)):
        np.testing.assert_array_equal(one, two)


def test_arrays():
    model = LinearClassifier(CrossEntropy(), alpha=0.01)
    model.fit(array(X), array(LABELS), array(WEIGHT))
    assert model.classes_.tolist() == ["high", "low", "middle"]
    same_of_stored(model, X, LABELS, WEIGHT)


def test_blocks_of_columns_and_other_blocks_of_rows():
    model = LinearRegressor("huber")
    columns = da.from_array(X, chunks=(ROWS, 3))
    model.fit(columns, array(RAW, 77), offset=array(OFFSET, 500))
    same_of_stored(model, X, RAW, None, OFFSET)


@pytest.mark.parametrize("shape", ["array", "list of delayed"])
def test_sparse_blocks(shape):
    blocks = array(X).map_blocks(sparse.csr_matrix)
    y = array(RAW)
    if shape == "list of delayed":
        blocks, y = list(blocks.to_delayed().ravel()), list(y.to_delayed())
    model = LinearRegressor("huber").fit(blocks, y)
    here = LinearRegressor("huber", tol=1e-10).fit(X, RAW)
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=1e-5)


def test_dataframes():
    rows = frame()
    model = LinearRegressor("huber").fit(rows[NAMES], rows.y, rows.w)
    assert model.feature_names_in_.tolist() == NAMES
    here = LinearRegressor("huber", tol=1e-10).fit(X, RAW, WEIGHT)
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=1e-5)
    with pytest.raises(ValueError, match="Block 0: The column 'e' of X is no number"):
        model.fit(rows.assign(e="text")[[*NAMES, "e"]], rows.y)


def test_unknown_lengths():
    model = LinearRegressor("huber").fit(unknown(X), unknown(RAW))
    here = LinearRegressor("huber", tol=1e-10).fit(X, RAW)
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=1e-5)
    assert model.predict(unknown(X)).compute().shape == (N,)


def test_nothing_large_comes_back():
    n = 200_000
    rows = da.random.default_rng(0).normal(size=(n, 4), chunks=(20_000, 4))
    y, sizes = (rows.sum(axis=1) > 0).astype(float), []

    def spy(graph, keys, **settings):
        found = dask.threaded.get(graph, keys, **settings)
        sizes.append(len(pickle.dumps(found)))
        return found

    with dask.config.set(scheduler=spy):
        LinearClassifier(alpha=0.1).fit(rows, y)
    look, *passes = sizes
    assert look < 0.2 * 8 * n * 4  # rows that stand for the others
    assert len(passes) > 3
    assert max(passes) < 10_000


def test_groups():
    groups = np.arange(N) // 65  # two in a block
    y, model = np.abs(CLASSES), LinearRanker()
    model.fit(array(X), array(y), array(WEIGHT), array(groups), array(OFFSET))
    blocks = StoredBlocks.arrays(X, y, WEIGHT, OFFSET, ROWS, groups)
    same = LinearRanker().fit(blocks)
    np.testing.assert_array_equal(model.coef_, same.coef_)
    with pytest.raises(TypeError, match="gathered in memory"):
        model.rank(array(X), groups)
    scores = model.predict(array(X), 0.0)
    assert isinstance(scores, da.Array)
    np.testing.assert_array_equal(scores.compute(), model.predict(X, 0.0))
    wanted = model.score(X, y, WEIGHT, groups, OFFSET)
    there = (array(part) for part in (X, y, WEIGHT, groups, OFFSET))
    assert model.score(*there) == pytest.approx(wanted, rel=1e-12)


def test_ordered_classes():
    model = LinearOrdinalClassifier(categories=["low", "middle", "high"])
    model.fit(array(X), array(LABELS), array(WEIGHT))
    same_of_stored(model, X, LABELS, WEIGHT)
    for method in (model.predict, model.predict_proba, model.predict_latent):
        lazy = method(array(X))
        assert isinstance(lazy, da.Array)
        np.testing.assert_array_equal(lazy.compute(), method(X))
    frame_of = model.predict_proba(frame()[NAMES]).compute()
    assert frame_of.columns.tolist() == ["low", "middle", "high"]
    wanted = model.score(X, LABELS, WEIGHT)
    there = (array(part) for part in (X, LABELS, WEIGHT))
    assert model.score(*there) == pytest.approx(wanted, rel=1e-12)


def test_fitted_parameters():
    model = LinearRegressor(GaussianDistribution(), features={"scale": "all"})
    sparse_rows = array(X).map_blocks(sparse.csr_matrix)
    model.fit(sparse_rows, array(RAW))
    here = LinearRegressor(model.loss, features=model.features, tol=1e-12).fit(X, RAW)
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=1e-7)
    np.testing.assert_allclose(
        *(m.predictors_["scale"][0] for m in (model, here)), 1e-7
    )


def test_strata_of_dataframes():
    strata = np.arange(N) // ROWS
    table = pd.DataFrame({"time": np.exp(RAW), "event": CLASSES > 0})
    y = dd.from_pandas(table, chunksize=ROWS, sort=False)
    model = LinearSurvival().fit(array(X), y, strata=array(strata))
    here = LinearSurvival(tol=1e-12).fit(
        X, survival_target(table.event, table.time), strata=strata
    )
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=1e-6)
    risk = model.predict(array(X))
    np.testing.assert_array_equal(risk.compute(), model.predict(X))
    times = LinearSurvival("weibull_aft").fit(
        X, survival_target(table.event, table.time)
    )
    np.testing.assert_allclose(times.predict(array(X)).compute(), times.predict(X))
    for fitted, own in ((model, strata), (times, None)):
        with pytest.raises(TypeError, match="gathered in memory"):
            fitted.predict_survival_function(array(X), strata=own)
    with pytest.raises(TypeError, match="gathered in memory"):
        model.predict_median(array(X), strata=strata)
    median = times.predict_median(array(X)).compute()
    np.testing.assert_allclose(median, times.predict_median(X))


# ----------------------------------------------------------------------- predictions
METHODS = [
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "raw_prediction",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("y", [LABELS, LABELS == "low"], ids=["three", "two"])
def test_predictions_are_lazy(method, y):
    predict = getattr(LinearClassifier().fit(X, y), method)
    found, here = predict(da.from_array(X, chunks=(ROWS, 3))), predict(X)
    assert isinstance(found, da.Array)
    assert (found.shape, found.dtype) == (here.shape, here.dtype)
    np.testing.assert_array_equal(found.compute(), here)


def gaussian():
    return LinearRegressor(GaussianDistribution()).fit(X, RAW)


def quantiles():
    return LinearRegressor(Quantiles([0.2, 0.8]), penalty=None).fit(X, RAW)


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(
    ("make", "method", "settings", "columns"),
    [
        (gaussian, "predict_std", {}, None),
        (gaussian, "predict_interval", {"coverage": 0.5}, [0, 1]),
        (gaussian, "predict_quantile", {"q": [0.1, 0.5, 0.9]}, [0.1, 0.5, 0.9]),
        (gaussian, "predict_quantile", {"q": 0.3, "offset": 1.0}, None),
        (quantiles, "predict", {"offset": 1.0}, [0.2, 0.8]),
        (quantiles, "raw_prediction", {}, [0.2, 0.8]),
    ],
)
def test_what_is_said_of_distributions_is_lazy(make, method, settings, columns):
    predict = getattr(make(), method)
    wanted = predict(X, **settings)
    lazy = predict(array(X), **settings)
    assert isinstance(lazy, da.Array)
    np.testing.assert_allclose(lazy.compute(), wanted, atol=1e-12)
    of_frame = predict(frame()[NAMES], **settings).compute()
    np.testing.assert_allclose(of_frame, wanted, atol=1e-12)
    assert columns is None or list(of_frame.columns) == columns


def test_several_labels_are_lazy():
    labels = np.column_stack([CLASSES > 0, CLASSES > 1]) * 1
    model = LinearClassifier().fit(X, labels)
    for method in (model.predict, model.predict_proba, model.predict_log_proba):
        lazy = method(array(X))
        assert isinstance(lazy, da.Array)
        np.testing.assert_allclose(lazy.compute(), method(X), rtol=1e-12)


def test_other_columns_are_refused_at_once():
    with pytest.raises(ValueError, match="X has 2 features, but LinearRegressor is"):
        gaussian().predict(array(X)[:, :2])


def test_numbers_are_no_labels():
    with pytest.raises(ValueError, match="Block 0: Unknown label type: continuous"):
        LinearClassifier().fit(array(X), array(RAW))


def test_predictions_of_dataframes_have_their_index():
    rows = frame()[NAMES]
    model = LinearClassifier().fit(rows.compute(), LABELS)
    model.fit(rows.compute(), LABELS)
    labels, proba = model.predict(rows), model.predict_proba(rows)
    here = rows.compute()
    np.testing.assert_array_equal(labels.compute(), model.predict(here))
    np.testing.assert_array_equal(proba.compute(), model.predict_proba(here))
    assert proba.columns.tolist() == ["high", "low", "middle"]
    assert (labels.compute().index == here.index).all()


def test_predictions_are_of_the_model_as_it_was():
    model = LinearRegressor().fit(X, RAW)
    here, lazy = model.predict(X), model.predict(array(X))
    model.fit(X, -RAW)
    np.testing.assert_array_equal(lazy.compute(), here)


def test_predictions_with_offsets():
    model = LinearRegressor().fit(X, RAW, offset=OFFSET)
    here = model.predict(X, OFFSET)
    np.testing.assert_array_equal(model.predict(array(X), array(OFFSET)), here)
    no_offset = model.predict(array(X), 0.0)
    np.testing.assert_array_equal(no_offset, model.predict(X, 0.0))
    with pytest.raises(TypeError, match="offset is none"):
        model.predict(array(X), OFFSET)


def test_empty_blocks_have_predictions():
    model = LinearRegressor().fit(X, RAW)
    blocks = da.concatenate([array(X)[:0], array(X)])
    np.testing.assert_array_equal(model.predict(blocks), model.predict(X))


def test_scores_are_sums():
    model, given = LinearClassifier().fit(X, LABELS), (X, LABELS, WEIGHT)
    there = [array(part) for part in given]
    assert model.score(*there) == pytest.approx(model.score(*given), rel=1e-12)
    for scorer in (loss_scorer("log_loss"), loss_scorer(CrossEntropy())):
        one, two = scorer(model, *there), scorer(model, *given)
        assert one == pytest.approx(two, rel=1e-12)
    model, given = LinearRegressor().fit(X, RAW), (X, RAW, WEIGHT)
    there = [array(part) for part in given]
    assert model.score(*there) == pytest.approx(model.score(*given), rel=1e-12)


def test_d2_is_a_sum():
    model = LinearRegressor("poisson").fit(X, CLASSES)
    there = [array(part) for part in (CLASSES, model.raw_prediction(X), WEIGHT)]
    y, raw, weight = there
    found = d2_loss_score(y, raw, "poisson", weight)
    wanted = d2_loss_score(CLASSES, model.raw_prediction(X), "poisson", WEIGHT)
    assert found == pytest.approx(wanted, rel=1e-12)
    assert d2_score(model, array(X), y, "poisson", weight) == found
    with pytest.warns(UserWarning, match="may be on the scale of y"):
        d2_loss_score(y, model.predict(array(X)), "poisson", weight)


# -------------------------------------------------------------------------- refusals
def random_blocks():
    draw = dask.delayed(np.random.default_rng, pure=False)
    return [draw().normal(size=(50, 2)) for _ in range(4)]


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda: LinearRegressor().fit(array(X), RAW), r"chunks=\(X.chunks\[0\],\)"),
        (lambda: LinearRegressor().fit(unknown(X), RAW), "compute_chunk_sizes"),
        (lambda: LinearRegressor().fit(frame(), RAW), "map_partitions.len..compute"),
        (lambda: LinearRegressor().fit(X, array(RAW)), "got y as a dask collection"),
        (lambda: gaussian().predict_distribution(array(X)), "gathered in memory"),
        (lambda: LinearEmbedding().fit(X, CLASSES).predict(array(X)), "gathered in"),
        (lambda: LinearEmbedding().fit(X, CLASSES).transform(array(X)), "gathered in"),
        (
            lambda: LinearRanker().fit(array(X), array(RAW), groups=CLASSES),
            "and groups",
        ),
        (
            lambda: LinearSurvival().fit(X, RAW, strata=array(CLASSES)),
            "got strata as a dask collection",
        ),
        (lambda: SGDRegressor().fit(array(X), array(RAW)), "partial_fit"),
        (lambda: d2_loss_score(array(RAW), RAW, "huber"), "both as collections"),
    ],
)
def test_what_would_gather_is_refused(do, message):
    with pytest.raises(TypeError, match=message):
        do()


def test_blocks_that_do_not_fit_each_other():
    with pytest.raises(ValueError, match="y has 6 blocks and X has 8"):
        LinearRegressor().fit(array(X), unknown(RAW))
    with pytest.raises(ValueError, match="sample_weight has 900 rows and X has 1000"):
        LinearRegressor().fit(array(X), array(RAW), array(WEIGHT[:900]))


def test_blocks_that_change_are_noticed():
    rows = random_blocks()
    y = [dask.delayed(np.ones)(50) for _ in rows]
    with pytest.raises(ValueError, match="blocks have changed between two passes"):
        LinearRegressor().fit(rows, y)


def test_dask_is_not_imported_without_need():
    code = (
        "import sys, numpy as np, sklearn_losses as sl\n"
        "model = sl.LinearRegressor().fit(np.eye(5), np.arange(5.0))\n"
        "model.score(np.eye(5), np.arange(5.0))\n"
        "print({'dask', 'distributed'} & set(sys.modules))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.check_output(run, text=True).strip() == "set()"


# --------------------------------------------------------------------------- workers
@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 3, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**settings) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "is_kept", [True, pytest.param(False, marks=pytest.mark.thorough)]
)
def test_bits_are_those_of_any_home_also_if_a_worker_dies(client, monkeypatch, is_kept):
    rows, y = array(X), array(RAW)
    if is_kept:
        rows, y = rows.persist(), y.persist()
    model = LinearRegressor("huber").fit(rows, y)
    same_of_stored(model, X, RAW)
    victim = min(client.run(os.getpid).values())
    gather, passes = _dask.DaskBlocks._gathered, []

    def killing(self, name, futures):
        passes.append((name, len(futures)))
        if len(passes) == 3:
            os.kill(victim, signal.SIGKILL)
        return gather(self, name, futures)

    monkeypatch.setattr(_dask.DaskBlocks, "_gathered", killing)
    model.fit(rows, y)
    n_tasks = dict(passes)["sklearn_losses-sweep"]
    assert n_tasks <= (3 if is_kept else 6)  # one or two for each worker
    same_of_stored(model, X, RAW)


def test_blocks_that_are_made_of_the_same_are_left_to_the_scheduler(client):
    whole = dask.delayed(np.asarray)(X)
    y = [dask.delayed(RAW[:500]), dask.delayed(RAW[500:])]
    shared = _dask.DaskBlocks("LinearRegressor", [whole[:500], whole[500:]], y)
    assert shared._recipes is None
    alone = _dask.DaskBlocks("LinearRegressor", array(X), array(RAW))
    assert len(alone._recipes) == len(alone)
    model = LinearRegressor("huber").fit(shared.parts[0], y)
    here = LinearRegressor("huber").fit(StoredBlocks.arrays(X, RAW, n_rows=500))
    np.testing.assert_array_equal(model.coef_, here.coef_)


def test_a_block_that_kills_its_workers_is_named():
    distributed = pytest.importorskip("distributed")
    error = distributed.scheduler.KilledWorker("sklearn_losses-sweep-0f-7", None, 3)
    blocks = _dask.DaskBlocks("LinearRegressor", array(X), array(RAW))
    with pytest.raises(RuntimeError, match=r"LinearRegressor: block 7 .*-sweep'"):
        blocks._explain("sklearn_losses-sweep", error)
    error = distributed.scheduler.KilledWorker("sklearn_losses-sweep-0f-7_9", None, 3)
    with pytest.raises(RuntimeError, match="one of the blocks 7, 9 has killed"):
        blocks._explain("sklearn_losses-sweep", error)
    parts = [dask.delayed(np.ones)((5, 2), dask_key_name=f"made-{k}") for k in range(3)]
    blocks = _dask.DaskBlocks("LinearRegressor", parts)
    error = distributed.scheduler.KilledWorker("made-2", None, 3)
    with pytest.raises(RuntimeError, match=r"LinearRegressor: block 2 .*-sweep'"):
        blocks._explain("sklearn_losses-sweep", error)


def test_a_block_that_cannot_be_read_is_read_again(client, tmp_path):
    flag = tmp_path / "flag"

    def flaky(part, is_bad):  # the first time
        if is_bad and not flag.exists():
            flag.touch()
            raise OSError("the store is busy")
        return part

    parts = [X[k * 250 : (k + 1) * 250] for k in range(4)]
    rows = [dask.delayed(flaky)(part, k == 2) for k, part in enumerate(parts)]
    y = [dask.delayed(RAW[k * 250 : (k + 1) * 250]) for k in range(4)]
    model = LinearRegressor("huber").fit(rows, y)
    here = LinearRegressor("huber", tol=1e-10).fit(X, RAW)
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=1e-5)


@pytest.mark.parametrize("is_kept", [False, True])
def test_an_interrupt_leaves_the_model_as_it_was(client, monkeypatch, is_kept):
    rows, y = array(X), array(RAW)
    if is_kept:
        rows, y = rows.persist(), y.persist()
    model = LinearRegressor("huber").fit(rows, y)
    before, gather, asked, cancelled = dict(vars(model)), client.gather, [], []

    def interrupted(futures):
        asked.append(futures)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return gather(futures)

    monkeypatch.setattr(client, "gather", interrupted)
    monkeypatch.setattr(client, "cancel", cancelled.append)
    with pytest.raises(KeyboardInterrupt):
        model.fit(rows, array(-RAW) if not is_kept else y)
    assert vars(model) == before
    assert cancelled == [asked[2]]


def test_nan_and_empty_blocks_and_blocks_of_one_class():
    rows, y = X[np.argsort(CLASSES, kind="stable")].copy(), np.sort(CLASSES) > 0
    empty = da.concatenate([array(rows)[:0], array(rows)])
    labels = da.concatenate([array(y)[:0], array(y)])
    model = LinearClassifier("log_loss", alpha=0.01).fit(empty, labels)
    here = LinearClassifier("log_loss", alpha=0.01, tol=1e-10).fit(rows, y)
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=1e-4)
    rows[7 * ROWS + 3, 2] = np.nan
    with pytest.raises(ValueError, match="Block 7: X is nan in row 3, column 2"):
        LinearClassifier().fit(array(rows), array(y))


# --------------------------------------------------------------------------- streams
def test_streams_side_by_side(client):
    """Each block makes a stream where it is: no state is left on a worker."""
    starts = range(0, N, 250)
    models = client.map(
        lambda k: SGDRegressor("huber").partial_fit(X[k : k + 250], RAW[k : k + 250]),
        starts,
    )
    merged = merge_streams(client.gather(models))
    best = LinearRegressor("huber").fit(X, RAW)
    scorer = loss_scorer("huber")
    assert scorer(merged, X, RAW) == pytest.approx(scorer(best, X, RAW), rel=1e-2)


def test_incremental_of_dask_ml():
    wrappers = pytest.importorskip("dask_ml.wrappers")
    rows, y = array(X), array(RAW)
    wrapped = wrappers.Incremental(SGDRegressor("huber"), shuffle_blocks=False)
    wrapped.fit(rows, y)
    model = SGDRegressor("huber").partial_fit(rows, y)
    np.testing.assert_array_equal(wrapped.estimator_.coef_, model.coef_)
    later = wrappers.ParallelPostFit(LinearRegressor("huber").fit(rows, y))
    assert later.predict(rows).compute().shape == (N,)
