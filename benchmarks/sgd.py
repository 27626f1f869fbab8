"""SGDClassifier and SGDRegressor beside scikit-learn's: time and memory.

Times are taken in turn in one process, ours then scikit-learn's, and reported as the
ratio of each pair, so that a busy or slow machine disturbs both sides alike. Memory is
measured in a process of its own for each fit, on Linux only.

    python benchmarks/sgd.py --output benchmarks/RESULTS.md
    python benchmarks/sgd.py --quick    # a smoke run at small sizes
"""

import argparse
import datetime
import multiprocessing
import os
import platform
import re
import time
import tracemalloc
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.sparse import csr_array
from sklearn import linear_model as theirs
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import sklearn_losses as ours
from sklearn_losses.linear import _rows

EPOCHS = 5
NONZEROS = 50  # of a row, in sparse data
QUICK = 50  # --quick divides the number of rows by it


@dataclass(frozen=True)
class Data:
    """What a case is fitted on: X standard normal, y from a linear model with noise."""

    n: int
    d: int
    dtype: str = "float64"
    sparse: bool = False
    classes: int = 2  # 0 for regression

    def __str__(self):
        kind = f"CSR, {NONZEROS} nonzeros a row" if self.sparse else "dense"
        return f"{self.n:,} x {self.d:,} {self.dtype} {kind}"


@dataclass(frozen=True)
class Case:
    """Two estimators with the same settings on the same data.

    Attributes
    ----------
    settings : dict or None
        What to set beside COMMON; None means the defaults of the estimator.
    our_loss : str or Loss, default=None
        In place of settings["loss"], where ours has a loss that theirs has not.
    batch_size : int
        Of ours; theirs takes one row a step.
    per : {"epoch", "fit"}
        What the times are divided by.
    pairs : int
        How many times each of the two is fitted.
    """

    name: str
    data: Data
    settings: dict | None = field(default_factory=dict)
    our_loss: object = None
    batch_size: int = 1
    per: str = "epoch"
    pairs: int = 11


@dataclass(frozen=True)
class Timing:
    """Quartiles of theirs / ours, and the median times in ms."""

    case: Case
    ratio: np.ndarray
    our_ms: float
    their_ms: float


COMMON = {
    "alpha": 1e-4,
    "l1_ratio": 0.15,
    "fit_intercept": True,
    "shuffle": True,
    "max_iter": EPOCHS,
    "tol": None,
    "early_stopping": False,
    "average": False,
}
LOG = {"loss": "log_loss", "penalty": "l2", "learning_rate": "optimal"}
# So small a tol cannot end the fit: n_iter_no_change is the number of epochs.
TOL = {"tol": 1e-12}
SQUARED = {
    "loss": "squared_error",
    "penalty": "l2",
    "learning_rate": "invscaling",
    "eta0": 0.01,
    "power_t": 0.25,
}

DENSE = Data(100_000, 100)
CSR = Data(50_000, 50_000, sparse=True)
BOTH = (DENSE, CSR)
SMALL = Data(100, 5)
MANY = Data(50_000, 100, classes=20)

CASES = [
    *(
        Case("log loss, l2", Data(n, d, dtype), LOG)
        for n, d in [(200_000, 20), (100_000, 100), (20_000, 1000)]
        for dtype in ("float64", "float32")
    ),
    *(
        Case(f"log loss, {penalty or 'no penalty'}", data, LOG | {"penalty": penalty})
        for data in BOTH
        for penalty in ("l2", "l1", "elasticnet", None)
        if (data, penalty) != (DENSE, "l2")  # it is above
    ),
    *(
        Case(f"log loss, {penalty}", replace(CSR, dtype="float32"), settings)
        for penalty, settings in (("l2", LOG), ("l1", LOG | {"penalty": "l1"}))
    ),
    *(Case("log loss, l2, averaged", data, LOG | {"average": True}) for data in BOTH),
    *(Case("log loss, l2, stopping criterion", data, LOG | TOL) for data in BOTH),
    *(
        Case(f"log loss, l2, batches of {size}", data, LOG, batch_size=size)
        for data in BOTH
        for size in (32, 256)  # 1 is above
    ),
    *(Case("squared error, l2", replace(data, classes=0), SQUARED) for data in BOTH),
    # Fewer rows than columns, as text often has: what is linear in d counts.
    *(
        Case("log loss, l1, stopping criterion", data, LOG | {"penalty": "l1"} | TOL)
        for data in (*BOTH, replace(CSR, n=10_000), replace(CSR, n=1_000))
    ),
    *(Case("log loss, l2", replace(CSR, n=n), LOG) for n in (10_000, 1_000)),
    Case("log loss, l2, 20 classes one versus rest", MANY, LOG, pairs=5),
    Case(
        "20 classes: joint CrossEntropy against log loss one versus rest",
        MANY,
        LOG,
        our_loss=ours.CrossEntropy(),
        pairs=5,
    ),
    *(
        Case("defaults (hinge)", SMALL, None, per=per, pairs=301)
        for per in ("epoch", "fit")
    ),
    *(
        Case(
            "defaults (squared error)",
            replace(SMALL, classes=0),
            None,
            per=per,
            pairs=301,
        )
        for per in ("epoch", "fit")
    ),
]
MEMORY = [
    Data(400_000, 100),
    Data(400_000, 100, "float32"),
    Data(400_000, 50_000, sparse=True),
    Data(400_000, 50_000, "float32", sparse=True),
]


def make_sparse(data, rng):
    """CSR with one nonzero in each of NONZEROS equal blocks of columns."""
    width = data.d // NONZEROS
    columns = rng.integers(width, size=(data.n, NONZEROS), dtype=np.int32)
    columns += np.arange(0, data.d, width, dtype=np.int32)
    values = rng.standard_normal(data.n * NONZEROS, dtype=data.dtype)
    starts = np.arange(0, columns.size + 1, NONZEROS, dtype=np.int32)
    return csr_array((values, columns.ravel(), starts), shape=(data.n, data.d))


@lru_cache(maxsize=1)
def make(data):
    """X and y; nothing made on the way is as large as X."""
    rng = np.random.default_rng(0)
    if data.sparse:
        X = make_sparse(data, rng)
    else:
        X = np.empty((data.n, data.d), data.dtype)
        rng.standard_normal(out=X, dtype=X.dtype)
    w = rng.standard_normal((data.d, max(1, data.classes))).astype(data.dtype)
    raw = X @ w
    raw += raw.std() * rng.standard_normal(raw.shape)
    if data.classes == 0:
        return X, (raw[:, 0] / raw.std()).astype(np.float64)
    if data.classes == 2:
        return X, (raw[:, 0] > 0).astype(np.int64)
    return X, raw.argmax(axis=1)


def estimator(package, case, seed):
    """The estimator of a case, from this package or from scikit-learn."""
    name = "SGDClassifier" if case.data.classes else "SGDRegressor"
    settings = {} if case.settings is None else COMMON | case.settings
    if package is ours and case.our_loss is not None:
        settings["loss"] = case.our_loss
    if package is ours and case.batch_size > 1:
        settings["batch_size"] = case.batch_size
    return getattr(package, name)(random_state=seed, **settings)


def fit_ms(package, case, seed):
    """The time of one fit, whole or divided by its epochs."""
    X, y = make(case.data)
    model = estimator(package, case, seed)
    start = time.perf_counter()
    model.fit(X, y)
    elapsed = 1e3 * (time.perf_counter() - start)
    if case.settings is not None:
        assert model.n_iter_ == EPOCHS, f"{model} made {model.n_iter_} epochs"
    return elapsed / model.n_iter_ if case.per == "epoch" else elapsed


def run(case):
    """Fit the two in turn; the first pair is a warm-up and does not count."""
    times = np.array(
        [
            [fit_ms(package, case, seed) for package in (ours, theirs)]
            for seed in range(case.pairs + 1)
        ]
    )[1:]
    ratio = np.percentile(times[:, 1] / times[:, 0], [25, 50, 75])
    return Timing(case, ratio, *np.median(times, axis=0))


def resident(key):
    """A figure of this process in bytes: VmRSS, resident now, or VmHWM, its peak."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{key}:\s+(\d+)", status)[1])


def memory_growth(is_ours, data):
    """Peak of the memory above X and y in a fit, in % of X: resident and traced.

    VmHWM is what ru_maxrss reports, but it can be reset and does not include the
    peak of the parent process.
    """
    X, y = make(data)
    size = X.data.nbytes
    if data.sparse:
        size += X.indices.nbytes + X.indptr.nbytes
    case = Case("memory", data, LOG)
    package = ours if is_ours else theirs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator(package, case, 0).fit(X[:1000], y[:1000])  # code and caches
        Path("/proc/self/clear_refs").write_text("5")  # the peak is now VmRSS
        before = resident("VmRSS")
        estimator(package, case, 0).fit(X, y)
        grown = resident("VmHWM") - before
        tracemalloc.start()
        estimator(package, case, 0).fit(X, y)
        traced = tracemalloc.get_traced_memory()[1]
    return 100 * grown / size, 100 * traced / size, size


def in_new_process(function, *args):
    """A call in a fresh interpreter, which shares no memory with this one."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args).result()


def shrink(data):
    return data if data.n <= 1000 else replace(data, n=data.n // QUICK)


def compiler():
    """What gcc or clang wrote into the compiled kernels, if it can be read."""
    found = re.search(
        rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+",
        Path(_rows.__file__).read_bytes(),
    )
    return found[0].decode() if found else "unknown"


def processor():
    try:
        text = Path("/proc/cpuinfo").read_text()
        return re.search(r"model name\s*: (.*)", text)[1]
    except (OSError, TypeError):
        return platform.processor() or "unknown"


def header(quick):
    versions = {
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "sklearn_losses": ours.__version__,
    }
    command = "python benchmarks/sgd.py"
    return [
        "# SGD beside scikit-learn",
        "",
        f"- Command: `{command}{' --quick' if quick else ''}`",
        f"- Date: {datetime.date.today()}",
        f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.machine()}",
        "- Versions: " + ", ".join(f"{k} {v}" for k, v in versions.items()),
        f"- Compiler of the kernels: {compiler()}",
        "",
    ]


def time_table(timings):
    lines = [
        "## Time",
        "",
        "| case | data | ratio | quartiles | per | sklearn_losses, ms | "
        "scikit-learn, ms |",
        "|---|---|--:|--:|---|--:|--:|",
    ]
    for t in timings:
        low, middle, high = t.ratio
        lines.append(
            f"| {t.case.name} | {t.case.data} | **{middle:.2f}** | "
            f"{low:.2f} to {high:.2f} | {t.case.per} | {t.our_ms:.3g} | "
            f"{t.their_ms:.3g} |"
        )
    slower = [
        f"- Slower than scikit-learn: {t.case.name}, {t.case.data}, per "
        f"{t.case.per}: ratio {t.ratio[1]:.2f}."
        for t in timings
        if t.ratio[1] < 1
    ]
    return [*lines, "", *(slower or ["- Slower than scikit-learn: nowhere."]), ""]


def memory_table(datasets):
    lines = [
        "## Memory",
        "",
        "| X | size, MB | sklearn_losses, resident | traced | "
        "scikit-learn, resident | traced |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for data in datasets:
        our_rss, our_traced, size = in_new_process(memory_growth, True, data)
        their_rss, their_traced, _ = in_new_process(memory_growth, False, data)
        lines.append(
            f"| {data} | {size / 1e6:.0f} | {our_rss:.1f}% | {our_traced:.1f}% | "
            f"{their_rss:.1f}% | {their_traced:.1f}% |"
        )
    return [*lines, ""]


GUIDE = f"""## How to read

- The ratio is scikit-learn's time over this package's: 2 means half the time, and below
  1 this package is slower. It is the median over pairs of fits made right after one
  another, with the same seed; the quartiles are those of the pairs.
- A time is that of `fit`, with the checks of X and y, divided by the epochs it made.
  Settings are the same on both sides, with {EPOCHS} epochs and no stopping criterion
  (`tol=None`) unless the case says so, on one thread. "defaults" leaves every parameter
  but the seed at its default; its number of epochs may differ between the two, and the
  lines "per fit" include that.
- "joint" fits one softmax model, scikit-learn one model a class: the same task, not the
  same objective.
- "batches of" so many rows are steps of ours; scikit-learn's are of one row. The rows
  are the same, the steps fewer, the coefficients others.
- Where the l1 norm and the stopping criterion meet few CSR rows and many columns, each
  epoch lets every column catch up, so that the criterion is that of all weights;
  scikit-learn's forgets the columns that a row does not touch, which costs nothing and
  is why its sparse fits stop elsewhere than its dense ones.
- On data as small as 100 x 5 an epoch is a call from Python of 1 us, and the policy
  between two epochs another one or two; scikit-learn stays in C from the first epoch
  to the last.
- Ratios hold better than times from one machine to another. Expect a few percent of
  noise.
- Memory is the peak of a log loss fit above what was there before it, X and y included,
  in percent of X, each in a new process. "resident" is the growth of the peak resident
  set, all that the process took from the system; "traced" is what Python and numpy
  report to tracemalloc, which does not see the kernels' own small buffers. Arrays with
  one entry a row (y, weights, order) are all of it if X is not copied."""


def report(quick):
    cases, memory = CASES, MEMORY
    if quick:
        cases = [
            replace(case, data=shrink(case.data), pairs=min(case.pairs, 3))
            for case in CASES
        ]
        memory = [shrink(data) for data in MEMORY]
    memory_lines = memory_table(memory)  # first, while this process is small
    timings = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for case in cases:
            timings.append(run(case))
            print(f"{timings[-1].ratio[1]:6.2f}  {case.name}, {case.data}", flush=True)
    return "\n".join([*header(quick), *time_table(timings), *memory_lines, GUIDE, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few pairs")
    parser.add_argument("--output", type=Path, help="the Markdown file to write")
    options = parser.parse_args()
    text = report(options.quick)
    if options.output:
        options.output.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
