"""Fits of SGDClassifier and SGDRegressor beside scikit-learn's."""

from dataclasses import dataclass, replace

from data import Data, make
from results import Quartiles, Result, Section, Target, table
from sklearn import linear_model as theirs
from timing import in_turn, median_ms, seconds

import sklearn_losses as ours

EPOCHS = 5


@dataclass(frozen=True)
class Case:
    """Two estimators with the same settings on the same data.

    Attributes
    ----------
    settings : dict
        What to set beside COMMON or, of a whole fit, beside the defaults.
    target : float, default=None
        How many times as fast as scikit-learn the fit should be, at least.
    our_loss : Loss, default=None
        In place of settings["loss"], where ours has a loss that theirs has not.
    batch_size : int
        Of ours; theirs takes one row a step.
    per : {"epoch", "fit"}
        What the times are divided by.
    pairs : int
        How many times each of the two is fitted.
    why_missed : str
        Why the target is missed, if it is.
    """

    name: str
    data: Data
    settings: dict
    target: float | None = None
    our_loss: object = None
    batch_size: int = 1
    per: str = "epoch"
    pairs: int = 11
    why_missed: str = ""


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
L1 = LOG | {"penalty": "l1"}
ELASTICNET = LOG | {"penalty": "elasticnet"}
NO_PENALTY = LOG | {"penalty": None}
AVERAGED = LOG | {"average": True}
# So small a tol cannot end the fit: n_iter_no_change is the number of epochs.
TOL = {"tol": 1e-12}
SQUARED = {
    "loss": "squared_error",
    "penalty": "l2",
    "learning_rate": "invscaling",
    "eta0": 0.01,
    "power_t": 0.25,
}

CHAIN = (
    "A step cannot begin before the one before has ended: exp, a division and what the "
    "gradient changes of the next dot product, which is formed meanwhile, are some 90 "
    "cycles, whatever the dtype; and some 440 instructions hardly take less. "
    "scikit-learn's is 20% faster with float32 than with float64, while a step of ours "
    "takes the same. Tried: fused multiply-add (slower), unrolled loops (slower), "
    "512-bit vectors (slower)."
)
MEMORY = (
    "Half the time or more goes to rows that come from memory or a large, slow cache: "
    "see the share of the rate of reading. scikit-learn is bound by its arithmetic, so "
    "the ratio depends on the machine; on one with slower cores and the same memory it "
    "was 3.4x to 4.1x. The step of a row and the product of the next are one pass "
    "(9%). Tried: every distance, extent and kind of prefetching (each slower), longer "
    "unrolled loops (nothing), fused multiply-add (slower), 512-bit vectors (4%)."
)
SCATTER = (
    "Each entry of a row adds to two arrays, the weights and their mean, at places "
    "that only the row knows. They are added to in one pass."
)
OPTIMUM = (
    "learning_rate='auto' goes to the optimum, which scikit-learn's defaults do not "
    "come near (GAPS.md). A third of the time is for what is made once: checks, "
    "centred features, the best constant. A step is 60 microseconds, 10 of them in "
    "kernels; squared error takes one, hinge 8."
)
SHAPES = [(200_000, 20), (100_000, 100), (20_000, 1000)]
DENSE = Data(100_000, 100)
CSR = Data(100_000, 50_000, nonzeros=50)
BOTH = (DENSE, CSR)
SMALL = Data(100, 5)
MANY = Data(100_000, 100, classes=20)

SMALL_FITS = [
    (SMALL, "hinge", "optimal"),
    (replace(SMALL, classes=0), "squared error", "invscaling"),
]

TARGETS = [
    *(
        Case(
            "log loss, l2",
            Data(n, d, dtype),
            LOG,
            target=target,
            why_missed=CHAIN if d == 20 else MEMORY,
        )
        for dtype, target in (("float64", 3.5), ("float32", 5))
        for n, d in SHAPES
    ),
    Case("log loss, l2, averaged", DENSE, AVERAGED, target=3.5, why_missed=MEMORY),
    Case("log loss, elasticnet", DENSE, ELASTICNET, target=4),
    Case("log loss, l2", CSR, LOG, target=1.8),
    Case("log loss, l1", CSR, L1, target=2.5),
    Case("log loss, l2, averaged", CSR, AVERAGED, target=1.8, why_missed=SCATTER),
    Case(
        "20 classes, joint CrossEntropy against log loss one versus rest",
        MANY,
        LOG,
        target=8,
        our_loss=ours.CrossEntropy(),
        pairs=5,
    ),
    Case(
        "20 classes, log loss, l2, one versus rest",
        MANY,
        LOG,
        target=4,
        pairs=5,
    ),
    *(
        Case(name, data, settings, target=1, per="fit", pairs=1001, why_missed=why)
        for data, loss, learning_rate in SMALL_FITS
        for name, settings, why in (
            (f"scikit-learn's defaults ({loss})", {"learning_rate": learning_rate}, ""),
            (f"the defaults of each ({loss})", {}, OPTIMUM),
        )
    ),
]

OTHERS = [
    Case("log loss, l1", DENSE, L1),
    Case("log loss, no penalty", DENSE, NO_PENALTY),
    Case("log loss, no penalty", CSR, NO_PENALTY),
    Case("log loss, elasticnet", CSR, ELASTICNET),
    *(
        Case(
            "log loss, " + settings["penalty"], replace(CSR, dtype="float32"), settings
        )
        for settings in (LOG, L1)
    ),
    *(Case("log loss, l2, stopping criterion", data, LOG | TOL) for data in BOTH),
    *(
        Case(f"log loss, l2, batches of {size}", data, LOG, batch_size=size)
        for data in BOTH
        for size in (32, 256)  # 1 is above
    ),
    *(Case("squared error, l2", replace(data, classes=0), SQUARED) for data in BOTH),
    # Fewer rows than columns, as text often has: what is linear in d counts.
    *(
        Case("log loss, l1, stopping criterion", data, L1 | TOL)
        for data in (*BOTH, replace(CSR, n=10_000), replace(CSR, n=1_000))
    ),
    *(Case("log loss, l2", replace(CSR, n=n), LOG) for n in (10_000, 1_000)),
]

TITLE = "Fits beside scikit-learn"
GUIDE = f"""
- The ratio is scikit-learn's time over this package's: 2 means half the time, and below
  1 this package is slower. It is the median over pairs of fits made right after one
  another, with the same seed; the quartiles are those of the pairs.
- A time is that of `fit`, with the checks of X and y, divided by the epochs it made.
  Settings are the same on both sides, with {EPOCHS} epochs and no stopping criterion
  (`tol=None`) unless the case says so, on one thread. Of whole fits every other
  parameter has its default, so the number of epochs may differ between the two: with
  "scikit-learn's defaults" only `learning_rate` is set, to scikit-learn's.
- "joint" fits one softmax model, scikit-learn one model a class: the same task, not the
  same objective.
- "batches of" so many rows are steps of ours; scikit-learn's are of one row. The rows
  are the same, the steps fewer, the coefficients others.
- Where the l1 norm and the stopping criterion meet few CSR rows and many columns, each
  epoch looks at every column, so that the criterion is that of all weights;
  scikit-learn's forgets the columns that a row does not touch, which costs nothing and
  is why its sparse fits stop elsewhere than its dense ones.
""".strip().splitlines()


def estimator(package, case, seed, **settings):
    """The estimator of a case, from this package or from scikit-learn."""
    name = "SGDClassifier" if case.data.classes else "SGDRegressor"
    common = COMMON if case.per == "epoch" else {}
    settings = common | case.settings | settings
    if package is ours and case.our_loss is not None:
        settings["loss"] = case.our_loss
    if package is ours and case.batch_size > 1:
        settings["batch_size"] = case.batch_size
    return getattr(package, name)(random_state=seed, **settings)


def fit_seconds(package, case, seed):
    """The time of one fit, whole or divided by its epochs."""
    model = estimator(package, case, seed)
    elapsed = seconds(model.fit, *make(case.data))
    if case.per == "epoch":
        assert model.n_iter_ == EPOCHS, f"{model} made {model.n_iter_} epochs"
    return elapsed / model.n_iter_ if case.per == "epoch" else elapsed


def measure(case):
    """Times of ours and of theirs, in seconds: two arrays."""
    measures = [
        lambda seed, package=package: fit_seconds(package, case, seed)
        for package in (ours, theirs)
    ]
    return in_turn(measures, case.pairs)


def shrunk(case):
    """The case of a quick run."""
    return replace(case, data=case.data.shrunk(), pairs=min(case.pairs, 3))


def run(quick):
    """The fits beside scikit-learn's, with and without a target."""
    rows, results, slower = [], [], []
    for case in map(shrunk, TARGETS + OTHERS) if quick else TARGETS + OTHERS:
        our_times, their_times = measure(case)
        ratio = Quartiles.of(their_times / our_times)
        work = f"{case.name}, {case.data}"
        print(f"{ratio.middle:8.2f}  {work}", flush=True)
        times = median_ms(our_times), median_ms(their_times)
        rows.append((case.name, case.data, *ratio.cells, case.per, *times))
        if case.target is not None:
            target = Target(case.target)
            results.append(Result(work, target, ratio, case.why_missed))
        if ratio.middle < 1:
            slower.append(f"{work} ({ratio.middle:.2f})")
    columns = (
        "case",
        "data",
        "ratio:",
        "quartiles:",
        "per",
        "ours, ms:",
        "theirs, ms:",
    )
    said = f"- Slower than scikit-learn: {'; '.join(slower) or 'nowhere'}."
    return Section(TITLE, [*table(columns, rows), "", said, *GUIDE], results)
