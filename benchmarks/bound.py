"""Epochs beside a loop that reads the same rows in a shuffled order, and no more."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from compiled import compiled
from data import make
from fits import (
    AVERAGED,
    CSR,
    DENSE,
    ELASTICNET,
    L1,
    LOG,
    SHAPES,
    Case,
    estimator,
    shrunk,
)
from results import Quartiles, Result, Section, Target, table
from scipy.sparse import issparse
from timing import in_turn, median_ms, seconds

import sklearn_losses as ours

SHARE = Target(0.60, unit="")
AHEAD = (0, 2, 4, 8, 16)  # rows; the best counts
EPOCHS = (5, 15)  # of the two fits whose difference is the time of an epoch

CASES = [
    *(
        Case("log loss, l2", replace(DENSE, n=n, d=d, dtype=dtype), LOG)
        for dtype in ("float64", "float32")
        for n, d in SHAPES
    ),
    Case("log loss, l2, averaged", DENSE, AVERAGED),
    Case("log loss, elasticnet", DENSE, ELASTICNET),
    Case("log loss, l2", CSR, LOG),
    Case("log loss, l1", CSR, L1),
    Case("log loss, l2, averaged", CSR, AVERAGED),
    Case("log loss, l2", replace(CSR, dtype="float32"), LOG),
]

TITLE = "Epochs beside reading the rows"
GUIDE = f"""
- "reading" is a compiled loop that adds one byte of each cache line of each row, in a
  shuffled order, and asks for a row some rows ahead: {", ".join(map(str, AHEAD))},
  whichever is the fastest. An epoch that reads its rows from memory takes longer.
- An epoch is the difference of two fits, of {EPOCHS[0]} and of {EPOCHS[1]} epochs,
  divided by that of their epochs, so that the checks of X do not count.
- The share is the time of reading over that of an epoch.
""".strip().splitlines()


def bytes_of(array):
    return array.reshape(-1).view(np.uint8)


def reader(X):
    """A function of an order of rows, and how far to ask ahead, that reads X."""
    read = compiled(Path(__file__).parent, "read_rows").read_rows
    if issparse(X):
        arrays = bytes_of(X.data), bytes_of(X.indices), X.indptr
    else:
        arrays = bytes_of(X), None, None
    return lambda order, ahead: read(
        *arrays, X.shape[1], X.dtype.itemsize, order, ahead
    )


WHY_MISSED = (
    "Reading has no chain of operations; a step waits for the one before, and a short "
    "or sparse row is read in less time than that takes."
)


def measure(case, rounds):
    """Times of reading and of an epoch, in seconds: two arrays."""
    X, y = make(case.data)
    read = reader(X)
    order = np.random.default_rng(0).permutation(len(y)).astype(np.uint32)
    tries = [lambda _, a=a: seconds(read, order, a) for a in AHEAD]
    ahead = AHEAD[np.median(in_turn(tries, 5), axis=1).argmin()]

    def fit_seconds(seed, epochs):
        model = estimator(ours, case, seed, max_iter=epochs)
        return seconds(model.fit, X, y)

    few, many = EPOCHS
    reading, short, long = in_turn(
        [
            lambda _: seconds(read, order, ahead),
            lambda seed: fit_seconds(seed, few),
            lambda seed: fit_seconds(seed, many),
        ],
        rounds,
    )
    return reading, (long - short) / (many - few)


def run(quick):
    """How near epochs come to the time of reading X."""
    rows, results = [], []
    for case in map(shrunk, CASES) if quick else CASES:
        reading, epoch = measure(case, 3 if quick else 15)
        share = Quartiles.of(reading / epoch)
        print(f"{share.middle:8.2f}  {case.name}, {case.data}", flush=True)
        times = median_ms(reading), median_ms(epoch)
        rows.append((case.name, case.data, *share.cells, *times))
        work = f"share of the rate of reading: {case.name}, {case.data}"
        results.append(Result(work, SHARE, share, WHY_MISSED))
    columns = ("case", "data", "share:", "quartiles:", "reading, ms:", "epoch, ms:")
    return Section(TITLE, [*table(columns, rows), "", *GUIDE], results)
