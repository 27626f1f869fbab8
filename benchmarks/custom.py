"""Losses of the user's own, from the two examples, beside built-in ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compiled import compiled
from data import Data, make
from results import Quartiles, Result, Section, Target, table
from timing import in_turn, median_ms, seconds

from sklearn_losses import CFunctionLoss, Expectile, Huber, SGDRegressor

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA = Data(100_000, 20, classes=0)
EPOCHS = 5
WITHIN_10_PERCENT = Target(1.10, at_most=True)

GUIDE = """
- The ratio is the time of a fit with the custom loss over that with the built-in one.
- The loss in Cython is another one than the built-in, of a similar cost; that in numba
  is the same one.
""".strip().splitlines()


def cython_loss():
    folder = EXAMPLES / "custom_loss_cython" / "src"
    return compiled(folder, "quartic_loss").QuarticHuber(delta=1.0)


def numba_loss():
    functions = compiled(EXAMPLES / "custom_loss_numba", "numba_tilted")
    return CFunctionLoss(
        functions.value, functions.gradient, convex=True, smoothness=2.0, tilt=0.5
    )


@dataclass(frozen=True)
class Case:
    """A custom loss and the built-in one that it is compared with.

    Attributes
    ----------
    name : str
    custom : function that returns a Loss
    builtin : Loss
    why_missed : str
        Why the target is missed, if it is.
    """

    name: str
    custom: Callable
    builtin: object
    why_missed: str = ""


CASES = [
    Case("QuarticHuber in Cython", cython_loss, Huber()),
    Case("tilted squared error in a numba.cfunc", numba_loss, Expectile(0.5)),
]


def measure(case, data, rounds):
    """Times of an epoch with the custom and with the built-in loss, in seconds."""

    def epoch_seconds(loss, seed):
        model = SGDRegressor(
            loss,
            learning_rate="invscaling",
            max_iter=EPOCHS,
            tol=None,
            random_state=seed,
        )
        return seconds(model.fit, *make(data)) / EPOCHS

    custom = case.custom()
    measures = [
        lambda seed, loss=loss: epoch_seconds(loss, seed)
        for loss in (custom, case.builtin)
    ]
    return in_turn(measures, rounds)


def run(quick):
    """Custom losses beside built-in ones."""
    data, rounds = (DATA.shrunk(), 3) if quick else (DATA, 31)
    rows, results, left_out = [], [], []
    for case in CASES:
        try:
            custom, builtin = measure(case, data, rounds)
        except ModuleNotFoundError as error:  # numba
            left_out.append(f"- Left out: {case.name}, because of this: {error}.")
            print(left_out[-1], flush=True)
            continue
        ratio = Quartiles.of(custom / builtin)
        work = f"{case.name} against {case.builtin!r}, fit of {data}"
        print(f"{ratio.middle:8.2f}  {work}", flush=True)
        rows.append((work, *ratio.cells, median_ms(custom), median_ms(builtin)))
        results.append(Result(work, WITHIN_10_PERCENT, ratio, case.why_missed))
    columns = ("loss", "ratio:", "quartiles:", "ms an epoch:", "built-in, ms:")
    lines = [*table(columns, rows), "", *left_out, *GUIDE]
    return Section("Losses of your own", lines, results)
