"""The memory of a fit beyond X and y, each in a process of its own, on Linux only."""

import multiprocessing
import re
import sys
import tracemalloc
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from data import Data, make, size_in_bytes
from fits import LOG, Case, estimator
from results import Result, Section, Target, table
from sklearn import linear_model as theirs
from sklearn.exceptions import ConvergenceWarning

import sklearn_losses as ours

TARGET = Target(5, unit="%", at_most=True)
# Why the target is missed, of the data where it is, by str(data).
WHY_MISSED = {}

DATA = [
    Data(400_000, 100),
    Data(400_000, 100, "float32"),
    Data(400_000, 50_000, nonzeros=50),
    Data(400_000, 50_000, "float32", nonzeros=50),
]

GUIDE = """
- Memory is the peak of a log loss fit above what was there before it, X and y included,
  in percent of X, each in a new process. "resident" is the growth of the peak resident
  set, all that the process took from the system; "traced" is what Python and numpy
  report to tracemalloc, which does not see the kernels' own small buffers. Arrays with
  one entry a row (y, weights, order) are all of it if X is not copied.
""".strip().splitlines()


def resident(key):
    """A figure of this process in bytes: VmRSS, resident now, or VmHWM, its peak."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{key}:\s+(\d+)", status)[1])


def growth(is_ours, data):
    """Peak of the memory above X and y in a fit, in % of X: resident and traced.

    VmHWM is what ru_maxrss reports, but it can be reset and does not include the
    peak of the parent process.
    """
    X, y = make(data)
    size = size_in_bytes(X)
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


def run(quick):
    """The peak of the memory of fits, beside scikit-learn's."""
    if sys.platform != "linux":
        return Section("Memory", ["- Left out: it is read from Linux's /proc."], [])
    rows, results = [], []
    for data in [DATA[0].shrunk()] if quick else DATA:
        our_rss, our_traced, size = in_new_process(growth, True, data)
        their_rss, their_traced, _ = in_new_process(growth, False, data)
        print(f"{our_rss:7.1f}%  {data}", flush=True)
        shares = (our_traced, their_rss, their_traced)
        cells = (f"**{our_rss:.1f}%**", *(f"{share:.1f}%" for share in shares))
        rows.append((data, f"{size / 1e6:.0f}", *cells))
        why = WHY_MISSED.get(str(data), "")
        results.append(
            Result(f"memory of a fit beyond X: {data}", TARGET, our_rss, why)
        )
    columns = (
        "X",
        "size, MB:",
        "ours, resident:",
        "traced:",
        "theirs, resident:",
        "traced:",
    )
    return Section("Memory", [*table(columns, rows), "", *GUIDE], results)
