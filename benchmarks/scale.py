"""Rows that lie elsewhere: workers of dask, files, and what a pass costs by itself.

Blocks are persisted in the memory of two workers of one thread, and fitted there; the
same rows are fitted in this process, with all its threads. dask-ml is there where it is
installed. Excess is that of the objective, as a share of the gain over the constant.
Walls of a machine with other jobs on it say little; CPU is that of this process alone.

    python benchmarks/scale.py            # prints tables
    python benchmarks/scale.py --quick    # with a tenth of the rows
    python benchmarks/scale.py --rivals   # also dask-ml's default, which takes long

The last table has what was asked for beside what was found.
"""

import sys
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sklearn_losses import (
    CrossEntropy,
    Hinge,
    Huber,
    LinearClassifier,
    LinearOrdinalClassifier,
    LinearRegressor,
    LogLoss,
    NegativeBinomial,
    Poisson,
    Quantile,
    RowBlocks,
    StoredBlocks,
)
from sklearn_losses.problem._dask import DaskBlocks

QUICK = "--quick" in sys.argv
N, D, N_BLOCKS = (400_000 if QUICK else 4_000_000), 20, 16
N_PASSES = N // 10
ALPHA = 1e-4
BLOCK_BYTES = N // N_BLOCKS * D * 8
REACHED = []  # of what was asked for: the work, the target, and what was found


def reach(work, target, found):
    REACHED.append((work, target, found))


def table(title, columns, rows):
    print(f"\n## {title}\n\n| {' | '.join(columns)} |")
    print(f"|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def seconds(function):
    wall, cpu = time.perf_counter(), time.process_time()
    found = function()
    return time.perf_counter() - wall, time.process_time() - cpu, found


def anonymous():
    """The memory of this process, but for mapped files, in MB; nan if unknown."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) for line in lines if "RssAnon" in line) / 2**10


@contextmanager
def watched():
    """A list, whose last entry is how much memory has been added at the most."""
    before, found, is_over = anonymous(), [], threading.Event()

    def look():
        while not is_over.wait(0.005):
            found.append(anonymous() - before)

    watcher = threading.Thread(target=look)
    watcher.start()
    yield found
    is_over.set()
    watcher.join()
    found.append(max(found, default=0.0))


def block(k, n):
    rng = np.random.default_rng(k)
    scale = np.logspace(0, 2, D)
    X = (rng.normal(size=(n, D)) + 3.0) * scale
    raw = (X / scale - 3.0) @ np.linspace(-1.0, 1.0, D)
    return X, raw, rng


def classes(k, n=N // N_BLOCKS):
    X, raw, rng = block(k, n)
    return X, (raw + rng.logistic(size=len(raw)) > 0).astype(float)


def numbers(k, n=N // N_BLOCKS):
    X, raw, rng = block(k, n)
    return X, raw + rng.standard_t(3, size=len(raw))


def counts(k, n=N // N_BLOCKS):
    X, raw, rng = block(k, n)
    return X, rng.poisson(np.exp(raw / 4.0)).astype(float)


def three(k, n=N // N_BLOCKS):
    X, raw, rng = block(k, n)
    return X, np.digitize(raw + rng.logistic(size=len(raw)), [-2.0, 2.0])


def in_memory(make, n=N):
    parts = [make(k, n // N_BLOCKS) for k in range(N_BLOCKS)]
    return tuple(map(np.concatenate, zip(*parts)))


# ---------------------------------------------------------------------------- passes
def passes():
    models = [
        (LinearClassifier(LogLoss()), classes),
        (LinearRegressor(Poisson()), counts),
        (LinearRegressor(Huber()), numbers),
        (LinearClassifier(CrossEntropy()), three),
        (LinearClassifier(LogLoss(), penalty="l1", alpha=1e-2), classes),
        (LinearOrdinalClassifier(), three),
        (LinearRegressor(NegativeBinomial(dispersion="mle")), counts),
        (LinearRegressor(Quantile(0.9)), numbers),
        (LinearClassifier(Hinge()), classes),
    ]
    rows = []
    for model, make in models:
        log = Counted(in_memory(make, N_PASSES))
        model.fit(log)
        gap = float(np.max(model.gap_) / abs(np.max(model.objective_)))
        most = 15 if isinstance(model.loss_, (Quantile, Hinge)) else 7
        rows.append((repr(model), log.n, most, f"{gap:.0e}"))
        reach(f"passes of {model!r}", f"at most {most}", log.n)
    table(
        f"Passes over {N_PASSES:,} x {D}, in all",
        ("model", "passes", "asked", "gap / objective"),
        rows,
    )


class Counted(RowBlocks):
    """Blocks in memory, which count how often they were visited."""

    def __init__(self, arrays):
        parts = [np.array_split(array, N_BLOCKS) for array in arrays]
        self.blocks, self.n = list(zip(*parts)), 0

    def __len__(self):
        return len(self.blocks)

    def map(self, task, *args):
        self.n += 1
        return [task(block, *args) for block in self.blocks]


# ----------------------------------------------------------------------------- files
def files():
    X, y = in_memory(classes)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, blocks in stores(Path(folder), X, y):
            LinearClassifier().fit(StoredBlocks(blocks.blocks[:2]))
            with watched() as more:
                wall, cpu, model = seconds(lambda b=blocks: LinearClassifier().fit(b))
            read = seconds(lambda b=blocks: list(b.map(touched)))[0]
            rate = X.nbytes / 1e9 / read
            share = model.n_iter_ * read / wall
            of_block = more[-1] / (BLOCK_BYTES / 2**20)
            rows.append(
                (
                    *(name, f"{wall:.2f}", f"{cpu:.2f}", f"{rate:.2f}"),
                    *(f"{share:.2f}", f"{of_block:.1f}"),
                )
            )
            reach(f"{name}, of the rate of reading", "0.8", f"{share:.2f}")
            reach(f"{name}, memory in blocks", "at most 4", f"{of_block:.1f}")
            assert model.gap_ < 1e-5
    wall, cpu, _ = seconds(lambda: LinearClassifier().fit(X, y))
    rows.append(("an array in memory", f"{wall:.2f}", f"{cpu:.2f}", "", "", ""))
    columns = (
        *("store", "fit, s", "CPU s", "read alone, GB/s"),
        *("rate of the fit / read alone", "more memory, blocks"),
    )
    table(f"Files of {X.nbytes / 1e9:.2g} GB, {N:,} x {D}", columns, rows)


NOTES = """
Files are read from the cache of the operating system here. Memory maps and HDF5 are
then read faster than two cores sum rows, at some 3.5 GB/s, which bounds these fits.
Parquet is decoded on all cores, which sums need, too: reading is half of the CPU time
of a fit, and three tenths of that turn columns into rows.
"""


def touched(block):
    return float(block[0].sum())


def stores(folder, X, y):
    n_rows = N // N_BLOCKS
    np.save(folder / "X.npy", X)
    there = np.load(folder / "X.npy", mmap_mode="r")
    yield "memory map", StoredBlocks.arrays(there, y, n_rows=n_rows)
    try:
        import h5py
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return
    with h5py.File(folder / "rows.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(1 << 14, D))
        yield "HDF5", StoredBlocks.arrays(file["X"], y, n_rows=n_rows)
    names = [f"x{j}" for j in range(D)]
    columns = pyarrow.table(dict(zip((*names, "y"), (*X.T, y))))
    parquet.write_table(columns, folder / "rows.parquet", row_group_size=n_rows)
    yield "Parquet", StoredBlocks.parquet(folder / "rows.parquet", "y")


# --------------------------------------------------------------------------- workers
def workers():
    from dask import delayed
    from dask.array import concatenate, from_delayed
    from distributed import Client, LocalCluster, wait

    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        overhead(client)
        parts = [delayed(classes, pure=True)(k) for k in range(N_BLOCKS)]
        n = N // N_BLOCKS
        X = concatenate([from_delayed(p[0], (n, D), float) for p in parts])
        y = concatenate([from_delayed(p[1], (n,), float) for p in parts])
        X, y = client.persist([X, y])
        wait([X, y])
        rows = []
        fit = LinearClassifier(alpha=ALPHA).fit
        fit(X, y)  # workers have imported what they need
        before = client.run(anonymous)
        wall, cpu, model = seconds(lambda: fit(X, y))
        more = max(m - before[w] for w, m in client.run(anonymous).items())
        most = 0.05 * N_BLOCKS / 2 * BLOCK_BYTES / 2**20 + 50
        what = "a worker's memory beyond blocks, MB"
        reach(what, f"at most {most:.0f}", f"{more:.0f}")
        rows.append(("two workers of dask", f"{wall:.2f}", f"{cpu:.2f}", "0"))
        here = in_memory(classes)
        best = LinearClassifier(alpha=ALPHA, tol=1e-9).fit(*here)
        alone, cpu, _ = seconds(lambda: LinearClassifier(alpha=ALPHA).fit(*here))
        rows.append(("one process, in memory", f"{alone:.2f}", f"{cpu:.2f}", ""))
        reach("two workers, s", f"at most {1.5 * alone + 0.5:.2f}", f"{wall:.2f}")
        for name, other, cpu, coef, intercept in rivals(X, y):
            excess = excess_of(best, here, coef, intercept)
            rows.append((name, f"{other:.2f}", f"{cpu:.2f}", f"{excess:.0e}"))
            times = 20 if "admm" in name else 5
            found = f"{other / wall:.0f} times, which misses {excess:.0e} of the gain"
            reach(f"as fast as {name}", f"{times} times as fast", found)
        error = np.abs(model.coef_ / best.coef_ - 1.0).max()
    columns = "who", "wall, s", "CPU of this process, s", "excess / gain"
    table(f"{N:,} x {D} log loss, {N_BLOCKS} persisted blocks", columns, rows)
    print(f"\nCoefficients of the workers differ from tol=1e-9 by {error:.0e}.")


def overhead(client):
    """What a pass costs in the scheduler: its tasks do nothing.

    Blocks that workers keep are those of one task for each thread; of those that are
    made anew up to sixteen neighbours are a task. It is what a fit of more rows adds to
    what is read and summed.
    """
    from dask.array import ones
    from distributed import wait

    rows = []
    for n in (16, 256, 1600):
        kept = [ones((n, 2), chunks=(1, 2)), ones(n, chunks=1)]
        for is_kept in (True, False):
            given = client.persist(kept) if is_kept else kept
            wait(given)
            blocks = DaskBlocks("overhead", *given)
            blocks.sum(nothing)
            wall, cpu, _ = seconds(lambda b=blocks: b.sum(nothing))
            made = "kept" if is_kept else "made anew"
            rows.append((n, made, f"{wall:.3f}", f"{cpu:.3f}", f"{1e3 * wall / n:.2f}"))
            what = f"a pass of {n} blocks, {made}, ms"
            reach(what, f"at most {20 + n}", f"{1e3 * wall:.0f}")
    columns = "blocks", "which are", "wall, s", "CPU of this process, s", "ms a block"
    table("A pass that does nothing, two workers", columns, rows)
    on_paper([(n, made, float(wall)) for n, made, wall, _, _ in rows if n == 1600])


def on_paper(passes):
    """A billion rows of 100 features on 100 workers of 16 cores, with this scheduler.

    Of 800 GB each worker has 8 GB: 0.4 s from memory at 20 GB/s, 6.4 s from a store at
    1.25 GB/s; a Hessian is 0.6 s. A smooth loss takes 7 passes, two with Hessians.
    """
    rows = []
    for n, made, wall in passes:
        read = 7 * (0.4 if made == "kept" else 6.4) + 2 * 0.6
        first = 6.4 if made == "kept" else 0.0
        rows.append((n, made, f"{first + read:.0f}", f"{7 * wall:.1f}", "7.8 to 23"))
    columns = (
        *("blocks", "which are", "read and summed, s (paper)"),
        *("scheduler, s (simulated)", "scheduler, s (paper: 0.7 to 2 ms a task)"),
    )
    table("A fit of 1e9 x 100 on 100 workers", columns, rows)


def nothing(block):
    return 0.0


def rivals(X, y):
    try:
        from dask_ml.linear_model import LogisticRegression
    except ImportError:
        return
    solvers = ["newton", "lbfgs", *(["admm"] if "--rivals" in sys.argv else [])]
    for solver in solvers:
        model = LogisticRegression(solver=solver, C=1.0 / (ALPHA * N))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wall, cpu, _ = seconds(lambda m=model: m.fit(X, y))
            except Exception as error:  # it is nobody's fault here
                print(f"\ndask-ml {solver} failed: {error!r}"[:300])
                continue
        yield f"dask-ml {solver}", wall, cpu, model.coef_, model.intercept_


def excess_of(best, rows, coef, intercept):
    loss, (X, y) = LogLoss(), rows

    def objective(w, b):
        w = np.ravel(w)
        return loss.mean(y, X @ w + np.ravel(b)) + 0.5 * ALPHA * float(w @ w)

    constant = loss.mean(y, np.full(len(y), loss.optimal_constant(y)))
    return (objective(coef, intercept) - best.objective_) / (constant - best.objective_)


if __name__ == "__main__":
    passes()
    files()
    try:
        import distributed  # noqa: F401
    except ImportError:
        print("\nWithout dask.distributed there are no workers.")
    else:
        workers()
    table("What was asked for", ("work", "asked", "found"), REACHED)
    print(NOTES)
