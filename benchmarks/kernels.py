"""The losses on arrays: value and gradient together, beside sklearn._loss."""

from dataclasses import dataclass

import numpy as np
import sklearn._loss.loss as theirs
from results import Quartiles, Result, Section, Target, table
from timing import in_turn, seconds

import sklearn_losses as ours

N = 1_000_000
CLASSES = 10


@dataclass(frozen=True)
class Case:
    """The same loss twice.

    Attributes
    ----------
    ours : Loss
    theirs : BaseLoss
    target : float
        How many times as fast as scikit-learn ours should be, at least.
    why_missed : str
        Why the target is missed, if it is.
    """

    ours: object
    theirs: object
    target: float
    why_missed: str = ""


TEN_EXPONENTIALS = (
    "A point of ten classes is ten exponentials for both. Ours are vectors, but their "
    "products and sums are not fused, so that every build gives the same bits: two "
    "instructions in place of one. Rows are transposed on the way in and out. Tried: "
    "gradients scaled in place and transposed at the end (3 to 10% slower), ties "
    "counted in place of the index of the maximum (11% slower), sums of exponentials "
    "in a loop of their own (30% slower), other distances of prefetching (nothing or "
    "slower)."
)

CASES = [
    Case(ours.LogLoss(), theirs.HalfBinomialLoss(), target=4),
    Case(
        ours.CrossEntropy(),
        theirs.HalfMultinomialLoss(n_classes=CLASSES),
        target=3,
        why_missed=TEN_EXPONENTIALS,
    ),
    Case(ours.Huber(delta=1.0), theirs.HuberLoss(delta=1.0), target=3),
    Case(ours.Quantile(0.7), theirs.PinballLoss(quantile=0.7), target=4),
]

GUIDE = """
- The ratio is scikit-learn's time over this package's, of values and gradients of
  float64 in one call, into arrays that were there before: `value_gradient(y, raw,
  out=...)`, with its checks of the arguments, and `loss_gradient(..., loss_out=...,
  gradient_out=..., n_threads=1)`.
- Each case first asserts that both give the same.
""".strip().splitlines()


def arguments(loss, n):
    """Targets and raw predictions, on all branches of the loss."""
    rng = np.random.default_rng(0)
    if loss.task == "multiclass":
        y = rng.integers(CLASSES, size=n).astype(np.float64)
        return y, 2.0 * rng.standard_normal((n, CLASSES))
    raw = 2.0 * rng.standard_normal(n)
    if loss.task == "binary":
        return rng.integers(2, size=n).astype(np.float64), raw
    return rng.standard_normal(n), raw


def measure(case, n, rounds):
    """Times of ours and of theirs, in seconds: two arrays."""
    y, raw = arguments(case.ours, n)
    mine, other = ((np.empty(n), np.empty_like(raw)) for _ in range(2))

    def our_call():
        case.ours.value_gradient(y, raw, out=mine)

    def their_call():
        case.theirs.loss_gradient(
            y_true=y,
            raw_prediction=raw,
            loss_out=other[0],
            gradient_out=other[1],
            n_threads=1,
        )

    our_call()
    their_call()
    for found, expected in zip(mine, other):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    calls = (our_call, their_call)
    return in_turn([lambda _, call=call: seconds(call) for call in calls], rounds)


def run(quick):
    """The losses of this package beside those of scikit-learn."""
    n, rounds = (N // 10, 3) if quick else (N, 31)
    rows, results = [], []
    for case in CASES:
        our_times, their_times = measure(case, n, rounds)
        ratio = Quartiles.of(their_times / our_times)
        work = f"{case.ours!r} against {type(case.theirs).__name__}, {n:,} points"
        if case.ours.task == "multiclass":
            work += f" of {CLASSES} classes"
        print(f"{ratio.middle:8.2f}  {work}", flush=True)
        times = (f"{1e9 / n * np.median(t):.3g}" for t in (our_times, their_times))
        rows.append((work, *ratio.cells, *times))
        results.append(Result(work, Target(case.target), ratio, case.why_missed))
    columns = ("loss", "ratio:", "quartiles:", "ours, ns a point:", "theirs, ns:")
    return Section("Losses", [*table(columns, rows), "", *GUIDE], results)
