"""How the time of an epoch grows with rows, columns and nonzeros: three decades."""

from dataclasses import dataclass

import numpy as np
from data import Data, make
from fits import L1, LOG, Case, estimator
from results import Result, Section, Target, table
from timing import in_turn, seconds

import sklearn_losses as ours

# Of a line it is 1. What is above it is left for caches, which larger data do not fit.
SLOPE = Target(1.10, unit="", at_most=True)
LEAST_EPOCHS = 10  # of a fit
LEAST_ENTRIES = 20_000_000  # that a fit reads, in all its epochs


@dataclass(frozen=True)
class Sweep:
    """Data sets of which one number grows.

    Attributes
    ----------
    name : str
    data : list of Data
    settings : dict
    what : {"row", "entry"}
        Of what the time is also printed.
    why_missed : str
        Why the time grows faster, if it does.
    """

    name: str
    data: list
    settings: dict
    what: str
    why_missed: str = ""

    def size(self, data):
        entries = data.nonzeros or data.d
        return data.n if self.what == "row" else data.n * entries


DECADES = (1, 10, 100, 1000)
SWEEPS = [
    Sweep("n, dense", [Data(1000 * k, 20) for k in DECADES], LOG, "row"),
    Sweep("d, dense", [Data(2000, 10 * k) for k in DECADES], LOG, "entry"),
    *(
        Sweep(
            f"nonzeros of CSR, {settings['penalty']}",
            [Data(2000, 50_000, nonzeros=5 * k) for k in DECADES],
            settings,
            "entry",
        )
        for settings in (LOG, L1)
    ),
]


def epoch_seconds(sweep, data, quick):
    """The least time of a few fits of many epochs, divided by the epochs."""
    entries = data.n * (data.nonzeros or data.d)
    epochs = max(LEAST_EPOCHS, LEAST_ENTRIES // (10 if quick else 1) // entries)
    case = Case(sweep.name, data, sweep.settings)

    def fit_seconds(seed):
        model = estimator(ours, case, seed, max_iter=epochs)
        return seconds(model.fit, *make(data))

    return in_turn([fit_seconds], 1 if quick else 5).min() / epochs


def run(quick):
    """Tables of times over three decades, and their slopes in a log-log plot."""
    lines, results = [], []
    for sweep in SWEEPS:
        datasets = sweep.data[:-1] if quick else sweep.data
        sizes = np.array([sweep.size(data) for data in datasets])
        times = np.array([epoch_seconds(sweep, data, quick) for data in datasets])
        slope = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        print(f"{slope:8.2f}  {sweep.name}", flush=True)
        rows = [
            (data, f"{1e3 * t:.3g}", f"{1e9 * t / size:.3g}")
            for data, t, size in zip(datasets, times, sizes)
        ]
        columns = ("data", "ms an epoch:", f"ns per {sweep.what}:")
        said = f"- The slope of log time by log size is {slope:.2f}."
        lines += [f"### {sweep.name}", "", *table(columns, rows), "", said, ""]
        work = f"slope of log time by log size: {sweep.name}"
        results.append(Result(work, SLOPE, slope, sweep.why_missed))
    return Section("Growth", lines[:-1], results)
