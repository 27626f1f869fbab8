"""Fits of rows in blocks: what all rows in memory give, whoever holds them."""

import os
import threading
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_losses import (
    MCP,
    CrossEntropy,
    GroupLasso,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    Poisson,
    Quantile,
    RowBlocks,
    StoredBlocks,
    d2_score,
    loss_scorer,
)
from sklearn_losses.problem import _posed
from sklearn_losses.problem._posed import look, numbers_of, overview
from sklearn_losses.solvers.descent._exact import polished
from tests.estimators.test_callbacks import Script

RNG = np.random.default_rng(0)
N, D = 1000, 4
X = RNG.normal(size=(N, D)) * np.logspace(0, 2, D) + [0.0, 3.0, 0.0, 1000.0]
RAW = RNG.normal(size=N) + (X - X.mean(axis=0)) @ (np.ones(D) / X.std(axis=0))
CLASSES = np.digitize(RAW, [-1.0, 2.0])
WEIGHT = RNG.integers(0, 3, size=N).astype(float)
OFFSET = RNG.normal(size=N)

REGRESSIONS = {
    "squared": (LinearRegressor("squared_error"), RAW),
    "huber": (LinearRegressor(Huber(1.0), alpha=0.01), RAW),
    "poisson": (LinearRegressor(Poisson(), penalty=None), RNG.poisson(np.exp(RAW / 4))),
    "l1": (LinearRegressor("pseudo_huber", penalty="l1", alpha=0.3), RAW),
    "bounds": (LinearRegressor("log_cosh", bounds=(-0.01, 0.5)), RAW),
    "no intercept": (LinearRegressor("huber", fit_intercept=False), RAW),
}
CLASSIFICATIONS = {
    "binary": (LinearClassifier(LogLoss()), np.where(RAW > 0, "yes", "no")),
    "balanced": (LinearClassifier(LogLoss(), class_weight="balanced"), RAW > 1),
    "one versus rest": (LinearClassifier("squared_hinge", alpha=0.01), CLASSES),
    "joint": (LinearClassifier(CrossEntropy(), alpha=0.01), CLASSES),
    "joint binary": (LinearClassifier(CrossEntropy(), alpha=0.01), CLASSES > 0),
    "elastic net": (
        LinearClassifier(CrossEntropy(), penalty="elasticnet", alpha=0.01),
        CLASSES,
    ),
}
SMOOTH = REGRESSIONS | CLASSIFICATIONS


def in_memory(model, y, given):
    """Exact coefficients of all rows in memory, as they are published."""
    weight, offset = given
    model = clone(model).fit(X, y, weight, offset)
    loss = model._usable_loss()
    objectives, _ = model._objectives(X, y, weight, loss, offset)
    found = []
    solver = clone(model).set_params(tol=1e-9)._solver(objectives[0])
    for objective, start in zip(objectives, model._starts(objectives)):
        result = solver.solve(objective, start)
        found.append(polished(objective, result.coef, result.intercept)[:2])
    coef, intercept = (np.concatenate(part) for part in zip(*found))
    return model._published(coef, intercept, np.float64)


@pytest.mark.parametrize("given", ["plain", "weights and offset"])
@pytest.mark.parametrize("name", SMOOTH)
def test_coefficients_are_those_of_all_rows(name, given):
    model, y = SMOOTH[name]
    n_offsets = 3 if name in ("one versus rest", "joint", "elastic net") else 1
    offset = np.tile(OFFSET[:, None], n_offsets) * np.arange(1, n_offsets + 1)
    given = (None, None) if given == "plain" else (WEIGHT, offset.squeeze())
    coef, intercept = in_memory(model, y, given)
    model.fit(StoredBlocks.arrays(X, y, *given, n_rows=130))
    scale = np.abs(coef).max()
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-10, atol=1e-10 * scale)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-9)
    assert np.all(model.gap_ <= 1e-5)
    assert 2 <= model.n_iter_ < 150


KINKED = {
    "quantile": (LinearRegressor(Quantile(0.8)), RAW),
    "hinge": (LinearClassifier("hinge", alpha=0.01), CLASSES > 0),
    "group lasso": (
        LinearRegressor("huber", penalty=GroupLasso([[0, 1], [2, 3]]), alpha=0.1),
        RAW,
    ),
    "mcp": (LinearRegressor("log_cosh", penalty=MCP(), alpha=0.1), RAW),
    "not convex": (LinearRegressor("cauchy"), RAW),
}


@pytest.mark.parametrize("name", ["quantile", "hinge"])
def test_kinks_of_few_rows_are_fitted_here(name):
    model, y = KINKED[name]
    there = clone(model).fit(StoredBlocks.arrays(X, y, WEIGHT, OFFSET, n_rows=99))
    here = clone(model).fit(X, y, WEIGHT, OFFSET)
    assert there.n_iter_ == 1
    assert there.gap_ <= 1e-5
    assert there.objective_ == pytest.approx(here.objective_, rel=1e-5)


@pytest.mark.parametrize("name", KINKED)
def test_objective_is_that_of_all_rows(name, monkeypatch):
    monkeypatch.setattr(_posed, "FEW", 500)  # of which some stand for all
    model, y = KINKED[name]
    there = clone(model).fit(StoredBlocks.arrays(X, y, n_rows=99))
    here = model.fit(X, y)
    gain = abs(here.objective_)
    assert there.objective_ <= here.objective_ + 1e-5 * gain
    assert np.isnan(there.gap_) == np.isnan(here.gap_)
    if not np.isnan(there.gap_):  # it holds, whatever anybody finds
        assert there.objective_ - there.gap_ <= here.objective_ * (1 + 1e-12)


@pytest.mark.parametrize(
    ("model", "most"),
    [
        (LinearRegressor("pseudo_huber"), 8),
        (LinearClassifier("log_loss"), 8),
        (LinearRegressor(Quantile(0.8)), 15),
        (LinearClassifier("hinge"), 15),
    ],
    ids=str,
)
def test_few_passes_are_made(model, most):
    rows = RNG.normal(size=(100_000, 8))
    y = rows @ np.linspace(-1.0, 1.0, 8) + RNG.logistic(size=len(rows))
    y = y if isinstance(model, LinearRegressor) else y > 0
    assert model.fit(StoredBlocks.arrays(rows, y, n_rows=10_000)).n_iter_ <= most


class Elsewhere(RowBlocks):
    """Blocks that are worked on in any order, by threads."""

    def __init__(self, blocks):
        self.blocks = blocks

    def __len__(self):
        return len(self.blocks)

    def map(self, task, *args):
        found = [None] * len(self)

        def work(k):
            found[k] = task(self.blocks[k], *args)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(len(self))]
        for thread in reversed(threads):
            thread.start()
        for thread in threads:
            thread.join()
        return found


def cut(*arrays, n_rows=90):
    starts = range(0, len(arrays[0]), n_rows)
    return [tuple(array[i : i + n_rows] for array in arrays) for i in starts]


def test_bits_do_not_depend_on_who_works():
    model, y = CLASSIFICATIONS["joint"]
    blocks = cut(X, y, n_rows=20)
    stored = model.fit(StoredBlocks([lambda block=block: block for block in blocks]))
    first = stored.coef_, stored.intercept_, stored.objective_, stored.gap_
    other = model.fit(Elsewhere(blocks))
    second = other.coef_, other.intercept_, other.objective_, other.gap_
    for one, two in zip(first, second):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "form", [np.asarray, sparse.csr_matrix, pd.DataFrame], ids=["dense", "csr", "frame"]
)
def test_forms_of_blocks(form, dtype):
    y = RAW.astype(dtype)
    blocks = [(form(x.astype(dtype)), t) for x, t in cut(X, y)]
    model = LinearRegressor("huber").fit(Elsewhere(blocks))
    here = LinearRegressor("huber", tol=1e-10).fit(X.astype(dtype), y)
    assert model.coef_.dtype == here.coef_.dtype == dtype
    rtol = 1e-4 if dtype == np.float32 else 1e-5
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=rtol)


def test_names_of_columns_are_known():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = LinearRegressor().fit(Elsewhere(cut(frame, RAW)))
    assert model.feature_names_in_.tolist() == list("abcd")


def test_empty_blocks_and_blocks_of_one_class():
    order = np.argsort(CLASSES, kind="stable")
    blocks = cut(X[order], CLASSES[order], n_rows=50)
    nothing = X[:0], CLASSES[:0]
    model = LinearClassifier(CrossEntropy(), alpha=0.01)
    coef = model.fit(Elsewhere(blocks)).coef_
    some = [nothing, *blocks[:3], nothing, *blocks[3:], nothing]
    np.testing.assert_allclose(model.fit(Elsewhere(some)).coef_, coef, rtol=1e-9)
    assert model.gap_ < 1e-5
    assert model.classes_.tolist() == [0, 1, 2]


def test_a_label_without_weight_is_a_class():
    weight = np.where(CLASSES == 1, 0.0, 1.0)
    for loss in (CrossEntropy(), LogLoss()):
        model = LinearClassifier(loss, alpha=0.1)
        model.fit(Elsewhere(cut(X, CLASSES, weight)))
        same = LinearClassifier(loss, alpha=0.1, tol=1e-10).fit(X, CLASSES, weight)
        assert model.classes_.tolist() == same.classes_.tolist() == [0, 1, 2]
        np.testing.assert_allclose(model.coef_, same.coef_, atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_callbacks_see_iterations_and_may_stop():
    blocks, script = Elsewhere(cut(X, RAW)), Script()
    model = LinearRegressor("huber").set_callbacks(script).fit(blocks)
    assert len(script.models) > 3
    assert script.data[0][0] is blocks
    stopped = LinearRegressor("huber").set_callbacks(Script(lambda: True, at=1))
    assert stopped.fit(blocks).n_iter_ < model.n_iter_


def test_offsets_of_blocks_are_missed_where_there_are_none():
    blocks = StoredBlocks.arrays(X, RAW, None, OFFSET)
    model = LinearRegressor().fit(blocks)
    with pytest.warns(UserWarning, match="was fitted with an offset"):
        model.predict(X)


def test_where_the_constant_is_best():
    model = LinearClassifier(penalty="l1", alpha=100.0)
    model.fit(Elsewhere(cut(X, CLASSES > 0)))
    assert not model.coef_.any()
    share = (CLASSES > 0).mean()
    assert model.intercept_ == pytest.approx(np.log(share / (1 - share)), rel=1e-9)


def test_warm_start_takes_no_more_passes():
    model = LinearRegressor("huber", warm_start=True)
    blocks = Elsewhere(cut(X, RAW))
    n_iter, coef = model.fit(blocks).n_iter_, model.coef_
    assert model.fit(blocks).n_iter_ <= n_iter
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-11)


def test_an_empty_block_has_no_offset():
    blocks = [(X[:0], RAW[:0], None, OFFSET[:0])]
    blocks += list(StoredBlocks.arrays(X, RAW, None, OFFSET, n_rows=300).map(tuple))
    model = LinearRegressor().fit(Elsewhere(blocks))
    wanted = LinearRegressor(tol=1e-12).fit(X, RAW, offset=OFFSET).coef_
    np.testing.assert_allclose(model.coef_, wanted, rtol=1e-9)


def test_scores_are_sums():
    blocks = Elsewhere(cut(X, RAW, WEIGHT))
    model = LinearRegressor("huber").fit(blocks)
    here = X, RAW, WEIGHT
    assert model.score(blocks) == pytest.approx(model.score(*here), rel=1e-12)
    scorer = loss_scorer("huber")
    assert scorer(model, blocks) == pytest.approx(scorer(model, *here), rel=1e-12)
    for score in (model.score, lambda X: scorer(model, X)):
        with pytest.raises(ValueError, match="needs y, with which it compares"):
            score(X)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (Huber(), RAW),
        (Quantile(0.8), RAW),
        (Poisson(), CLASSES),
        (LogLoss(), CLASSES > 0),
        (LogLoss(), CLASSES),
        (CrossEntropy(), CLASSES),
    ],
    ids=str,
)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weights"])
def test_d2_is_that_of_all_rows(loss, y, weight):
    kind = LinearRegressor if loss.task == "regression" else LinearClassifier
    model = kind(loss).fit(X, y)
    blocks = StoredBlocks.arrays(X, y, weight, n_rows=90)
    wanted = d2_score(model, X, y, loss, weight)
    assert d2_score(model, blocks, None, loss) == pytest.approx(wanted, rel=1e-10)


# -------------------------------------------------------------------------- refusals
def spoilt(k, **changes):
    """Blocks, of which one is another one."""
    blocks = [dict(zip(("X", "y", "w"), block)) for block in cut(X, RAW, WEIGHT)]
    for name, change in changes.items():
        blocks[k][name] = change(blocks[k][name].copy())
    return Elsewhere([tuple(block.values()) for block in blocks])


def put(value, *where):
    def change(array):
        array[where] = value
        return array

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": put(np.nan, 3, 2)}, "Block 7: X is nan in row 3, column 2"),
        ({"y": put(np.inf, 5)}, r"Block 7: .*y\[5\] is inf"),
        ({"w": put(-1.0, 4)}, "Block 7: sample_weight must be >= 0. Got -1 in row 4"),
        ({"w": put(np.nan, 4)}, "Block 7: sample_weight is nan in row 4"),
        ({"X": lambda X: X[:, :3]}, "Block 7 does not fit block 0: its n_features is"),
        ({"y": lambda y: y[1:]}, "Block 7: y has 89 rows and X has 90"),
        ({"X": lambda X: X[0]}, "Block 7: X must have two dimensions"),
    ],
)
def test_bad_rows_are_named(changes, message):
    model = LinearRegressor()
    with pytest.raises(ValueError, match=message):
        model.fit(spoilt(7, **changes))
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_nan_of_sparse_rows_is_named():
    bad = sparse.csr_matrix([[0.0, 1.0], [0.0, np.nan]])
    with pytest.raises(ValueError, match="Block 0: X is nan in row 1, column 1"):
        LinearRegressor().fit(Elsewhere([(bad, np.ones(2))]))


class Changing(Elsewhere):
    """Blocks that are others each time."""

    def map(self, task, *args):
        self.blocks = [(x + RNG.normal(), y) for x, y in self.blocks]
        return super().map(task, *args)


@pytest.mark.parametrize(
    ("model", "blocks", "kind", "message"),
    [
        (LinearRegressor(), Changing(cut(X, RAW)), ValueError, "blocks have changed"),
        (LinearRegressor(), Elsewhere([]), ValueError, "All blocks are empty"),
        (
            LinearRegressor(),
            Elsewhere(cut(X, RAW, 0.0 * WEIGHT)),
            ValueError,
            "All sample weights are zero",
        ),
        (
            LinearClassifier(),
            Elsewhere(cut(X, np.ones(N))),
            ValueError,
            "at least two classes, and y has one class",
        ),
        (
            LinearClassifier(),
            Elsewhere(cut(np.ones((3000, 1)), np.arange(3000), n_rows=1500)),
            ValueError,
            "Is this a regression",
        ),
        (
            LinearClassifier(),
            Elsewhere([(X, CLASSES), (X, CLASSES.astype(str))]),
            ValueError,
            "Labels must all be strings, or",
        ),
        (
            LinearRegressor("poisson"),
            Elsewhere(cut(X, RAW)),
            ValueError,
            "Block 0: Poisson needs every target",
        ),
        (
            LinearRegressor(Huber(scale="mad")),
            Elsewhere(cut(X, RAW)),
            ValueError,
            "'mad' is a median",
        ),
        (
            LinearRegressor(solver="active-set", penalty="l1"),
            Elsewhere(cut(X, RAW)),
            ValueError,
            "needs rows at hand",
        ),
        (
            LinearRegressor(),
            Elsewhere([(X, RAW, None, OFFSET), (X, RAW)]),
            ValueError,
            "n_offsets",
        ),
    ],
)
def test_refusals(model, blocks, kind, message):
    with pytest.raises(kind, match=message):
        model.fit(blocks)


def test_targets_beside_blocks_are_refused():
    with pytest.raises(TypeError, match="got y beside blocks"):
        LinearRegressor().fit(StoredBlocks.arrays(X, RAW), RAW)


def test_verbose_says_what_a_pass_took(capsys):
    LinearRegressor(verbose=1).fit(Elsewhere(cut(X, RAW)))
    lines = capsys.readouterr().out.splitlines()
    assert any("look" in line and " s" in line and "GB" in line for line in lines)
    assert any("second_order" in line for line in lines)


# --------------------------------------------------------------------- what is stored
def test_at_most_two_blocks_are_in_memory():
    alive, most = 0, 0

    class Counted(np.ndarray):
        def __del__(self):
            nonlocal alive
            alive -= 1

    def block(k):
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        return np.full((10, 1), float(k)).view(Counted), np.full(10, 2.0 * k)

    blocks = StoredBlocks([lambda k=k: block(k) for k in range(12)])
    model = LinearRegressor(alpha=0.0).fit(blocks)
    assert model.coef_ == pytest.approx(2.0)
    assert most <= 3 * 10  # views count, too


# BLOCKS=40_000 in the environment makes it 50 GB, and takes half an hour or less.
MANY_BLOCKS = int(os.environ.get("BLOCKS", 400))


@pytest.mark.parametrize(
    "n_blocks", [40, pytest.param(MANY_BLOCKS, marks=pytest.mark.thorough)]
)
def test_memory_does_not_grow_with_the_rows(n_blocks):
    def block(k):
        rows = np.random.default_rng(k).normal(size=(20_000, 8))  # 1.3 MB
        return rows, rows.sum(axis=1)

    blocks = StoredBlocks([lambda k=k: block(k) for k in range(n_blocks)])
    LinearRegressor("huber").fit(StoredBlocks(blocks.blocks[:2]))
    tracemalloc.start()
    LinearRegressor("huber").fit(blocks)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 1.3e6 + 8e6


def test_nothing_of_a_block_is_kept():
    def peak(n_blocks):
        parts = (X[:20], RAW[:20]), Huber(), numbers_of, True, n_blocks, 0
        tracemalloc.start()
        overview(look(*parts) for _ in range(n_blocks))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(2000) < peak(1000) + 300 * 1000


def test_memory_maps(tmp_path):
    np.save(tmp_path / "X.npy", X)
    there = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = LinearRegressor().fit(StoredBlocks.arrays(there, RAW, n_rows=90))
    same = LinearRegressor().fit(Elsewhere(cut(X, RAW)))
    np.testing.assert_array_equal(model.coef_, same.coef_)
    with pytest.raises(ValueError, match="y has 999 rows and X has 1000"):
        StoredBlocks.arrays(there, RAW[1:])


def test_hdf5_and_zarr(tmp_path):
    same = LinearRegressor().fit(Elsewhere(cut(X, RAW)))
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["X"], file["y"] = X, RAW
        blocks = StoredBlocks.arrays(file["X"], file["y"], n_rows=90)
        model = LinearRegressor().fit(blocks)
    np.testing.assert_array_equal(model.coef_, same.coef_)
    zarr = pytest.importorskip("zarr")
    there = zarr.array(X, chunks=(100, D))
    model = LinearRegressor().fit(StoredBlocks.arrays(there, RAW, n_rows=90))
    np.testing.assert_array_equal(model.coef_, same.coef_)


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    columns = {name: X[:, j] for j, name in enumerate("abcd")}
    table = pyarrow.table({**columns, "label": CLASSES > 0, "w": WEIGHT})
    parquet.write_table(table.slice(0, 450), tmp_path / "1.parquet", row_group_size=90)
    parquet.write_table(table.slice(450), tmp_path / "2.parquet", row_group_size=90)
    blocks = StoredBlocks.parquet(tmp_path, "label", sample_weight="w")
    assert len(blocks) == 5 + 7
    model = LinearClassifier().fit(blocks)
    same = LinearClassifier().fit(Elsewhere(cut(X, CLASSES > 0, WEIGHT)))
    np.testing.assert_allclose(model.coef_, same.coef_, rtol=1e-10)
    few = StoredBlocks.parquet(tmp_path, "label", columns=["d", "a"])
    assert LinearClassifier().fit(few).coef_.shape == (1, 2)
    with pytest.raises(ValueError, match="no column 'z' in these files"):
        StoredBlocks.parquet(tmp_path, "z")


def test_a_saved_index_is_no_feature(tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=X[:, 0])
    frame = frame[frame["a"] > frame["a"].median()]  # whose index is no range
    for k, index in enumerate([frame.index, frame.index.rename("id")]):
        frame.set_index(index).to_parquet(tmp_path / f"{k}.parquet")
        blocks = StoredBlocks.parquet(tmp_path / f"{k}.parquet", "y")
        assert LinearRegressor().fit(blocks).n_features_in_ == 4
    named = StoredBlocks.parquet(tmp_path / "1.parquet", "y", columns=["a", "id"])
    assert LinearRegressor().fit(named).n_features_in_ == 2


def _broken():
    raise OSError("no disk")


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda: StoredBlocks([(X, RAW)]), "Got a tuple as block 0"),
        (lambda: StoredBlocks.arrays(X.tolist(), RAW), "X is a list. Use numpy.asarr"),
        (lambda: StoredBlocks.arrays(X, RAW.tolist()), "y is a list. Use numpy.asarr"),
        (
            lambda: LinearRegressor().fit(StoredBlocks([lambda: X])),
            r"Block 0 must be \(X, y\).*Got a ndarray",
        ),
        (
            lambda: LinearRegressor().fit(StoredBlocks([lambda: (X, RAW), _broken])),
            "Block 1 cannot be read. OSError: no disk",
        ),
        (
            lambda: LinearRegressor().fit(X, RAW).predict(StoredBlocks.arrays(X, RAW)),
            "takes the X of a block. Of all blocks: list",
        ),
    ],
)
def test_what_is_no_block(do, message):
    with pytest.raises((TypeError, RuntimeError), match=message):
        do()


def test_a_column_of_text_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "t": ["x", "y"], "y": [0.0, 1.0]})
    frame.to_parquet(tmp_path / "rows.parquet")
    blocks = StoredBlocks.parquet(tmp_path / "rows.parquet", "y")
    with pytest.raises(ValueError, match=r"Block 0 cannot be read.*column 't' is no"):
        LinearRegressor().fit(blocks)
