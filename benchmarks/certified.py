"""LinearRegressor and LinearClassifier beside scikit-learn, glum and skglm.

Every contender minimises the same objective, which one function measures, at tolerances
from loose to tight. Compared is the time of the loosest with which it comes within a
bound of the optimum.
"""

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from certified_cases import cases
from certified_contenders import OURS
from certified_picture import draw
from results import Quartiles, Result, Section, Target, table
from timing import in_turn, seconds

PICTURE = Path(__file__).with_suffix(".png")
REFERENCES = (1e-9, 1e-12)  # tolerances of the fits from which the optimum is known
PROOF = 1e-9  # how near it is proved to be, relative to it; else the report says so
PATIENCE = 60.0  # seconds after which a contender gets no smaller tolerance
LONG = 10.0  # seconds from which on a fit is timed once
ENOUGH = (
    0.5  # seconds: fits of one tolerance are repeated for so long, up to five times
)
SHORT = 0.05  # seconds up to which there are many pairs

GUIDE = f"""
- Suboptimality is (F - F*) / |F*|, with F the objective at `coef_` and `intercept_`,
  computed by one function for all, and F* the least of all fits, ours with
  `tol={REFERENCES[-1]:g}` included. `objective_ - gap_` of ours is a lower bound, which
  proves that F* is within a share of {PROOF:g} of the optimum, where no line above
  says how near it is.
- A contender's tolerance falls by factors of 10 from a loose one until the
  suboptimality is at most 1e-6 (1e-5 for Quantile of 50,000 rows), or
  {PATIENCE:.0f} s have passed. The row is of the first that sufficed, or of the best.
  What a tolerance means differs from one to another, which is why none is compared.
- "time / ours" is of single fits, of short ones of the fastest of up to five. The
  targets are of the fastest contender and ours, fitted in turn; a fit that takes more
  than {LONG:.0f} s is timed once.
- Columns of X are correlated; y is drawn from the model. LinearSVC, LinearSVR and
  liblinear penalise the intercept, so their cases have none. Huber's scale is that of
  HuberRegressor's optimum. With the l1 norm alpha is 0.1 of `alpha_max`, and 20 of the
  2,000 columns matter; Quantile has it because QuantileRegressor does.
- skglm is timed after a first fit, which compiles it. Lasso and skglm get X by columns,
  as they want it.
""".strip().splitlines()


class Point(NamedTuple):
    """A fit of a contender."""

    tol: float
    seconds: float
    objective: float


@dataclass
class Race:
    """The fits of all contenders of a case.

    Attributes
    ----------
    case : Case
    problem : Problem
    quick : bool
        Whether to spend little time, whatever the result is worth.
    curves : dict of str to list of Point
    troubles : dict of str to str
        What ended the curve of a contender, if it was an error.
    least : float
        The least objective of all.
    lower_bound : float
        The largest of ours: no objective is less.
    """

    case: object
    problem: object
    quick: bool = False
    curves: dict = field(default_factory=dict)
    troubles: dict = field(default_factory=dict)
    least: float = np.inf
    lower_bound: float = -np.inf

    @cached_property
    def by_column(self):
        return np.asfortranarray(self.problem.X)

    def fitted(self, contender, tol):
        """The estimator, fitted, and the time of that."""
        X = self.by_column if contender.by_column else self.problem.X
        model = contender.estimator(self.problem, tol)
        return model, seconds(model.fit, X, self.problem.y)

    def judged(self, model):
        """The objective of a fit, which may be the least so far, or prove a bound."""
        objective = self.problem.objective(model)
        self.least = min(self.least, objective)
        if hasattr(model, "gap_"):
            self.lower_bound = max(self.lower_bound, model.objective_ - model.gap_)
        return objective

    def find_optimum(self):
        for tol in REFERENCES:
            self.judged(self.fitted(OURS, tol)[0])

    @property
    def proof(self):
        """How far the least objective is above the optimum, at most."""
        return (self.least - self.lower_bound) / abs(self.least)

    def suboptimality(self, point):
        return (point.objective - self.least) / abs(self.least)

    def suffices(self, point):
        return self.suboptimality(point) <= self.case.bound

    def run(self, contender):
        """Fit it with smaller and smaller tolerances; errors end its curve."""
        points = self.curves[contender.name] = []
        patience = PATIENCE / 600 if self.quick else PATIENCE
        if contender.needs == "skglm":
            self.fitted(contender, contender.first)  # compiles it
        for tol in contender.tolerances:
            try:
                model, elapsed = self.fitted(contender, tol)
            except (ValueError, ArithmeticError) as error:
                message = str(error).strip().splitlines()[0].rstrip(".")
                self.troubles[contender.name] = (
                    f"with a tolerance of {tol:g}: {message}"
                )
                break
            times = [elapsed]
            while not self.quick and sum(times) < ENOUGH and len(times) < 5:
                times.append(self.fitted(contender, tol)[1])
            points.append(Point(tol, min(times), self.judged(model)))
            if self.suffices(points[-1]) or sum(p.seconds for p in points) > patience:
                break

    def chosen(self, name):
        """The first fit that sufficed, or the best one; None if there is none."""
        points = self.curves[name]
        enough = [point for point in points if self.suffices(point)]
        return (enough or sorted(points, key=lambda p: p.objective) or [None])[0]

    def fastest(self, contenders):
        """Of those that suffice; else the one that came nearest; None: nobody ran."""

        def rank(contender):
            point = self.chosen(contender.name)
            last = point.seconds if self.suffices(point) else self.suboptimality(point)
            return not self.suffices(point), last

        ran = [c for c in contenders if self.chosen(c.name)]
        return min(ran, key=rank) if ran else None

    def ratio(self, contender):
        """Its time over ours, at the tolerances that sufficed."""
        our, their = self.chosen(OURS.name), self.chosen(contender.name)

        def measure(who, point):
            return lambda _: self.fitted(who, point.tol)[1]

        ours, theirs = measure(OURS, our), measure(contender, their)
        if max(our.seconds, their.seconds) > LONG:
            return Quartiles.of(their.seconds / in_turn([ours], 3)[0])
        pairs = 51 if max(our.seconds, their.seconds) < SHORT else 5
        pairs = 3 if self.quick else pairs
        our_times, their_times = in_turn([ours, theirs], pairs)
        return Quartiles.of(their_times / our_times)


def row(race, contender, data):
    """A row of the table."""
    name = contender.name
    point, our = race.chosen(name), race.chosen(OURS.name)
    if point is None:
        return race.case.name, data, name, "", "", "failed", ""
    reached = race.suffices(point)
    below = f"{max(race.suboptimality(point), 0.0):.1e}"
    times = f"{point.seconds / our.seconds:.2f}" if reached else "not reached"
    spent = f"{point.seconds:.3g}"
    return race.case.name, data, name, f"{point.tol:.0e}", spent, below, times


def outcome(race, contenders, data):
    """The target of a case and what was measured, None where there is nobody else."""
    best = race.fastest(contenders)
    if best is None:
        return None
    our, their = race.chosen(OURS.name), race.chosen(best.name)
    against = best.name if race.suffices(their) else f"{best.name} (not at the bound)"
    model = type(OURS.estimator(race.problem, 1.0)).__name__
    work = f"{model}, {race.case.name}, {data}: against {against}"
    target = Target(race.case.target)
    if not race.suffices(our):
        why = f"Ours ended {race.suboptimality(our):.1e} above the optimum."
        return Result(work, target, 0.0, why)
    return Result(work, target, race.ratio(best), race.case.why_missed)


def measured(case, quick):
    """The race of a case, and who took part."""
    race = Race(case, case.problem(quick), quick)
    race.find_optimum()
    present = [c for c in case.contenders if not c.needs or find_spec(c.needs)]
    for contender in (OURS, *present):
        race.run(contender)
    return race, present


def run(quick):
    """Fits to the same suboptimality, and a picture of how they come there."""
    rows, results, drawn, notes = [], [], [], []
    for case in cases():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the others' too: of limits that they meet
            race, present = measured(case, quick)
            data = case.data(quick)
            result = outcome(race, present, data)
        if result is None:
            notes.append(f"- {case.name}, {data}: nobody to compare with.")
        else:
            results.append(result)
            print(f"{result.number:8.2f}  {result.work}", flush=True)
        rows += [row(race, c, data) for c in (OURS, *present)]
        if race.proof > PROOF:
            proved = f"is proved to be within {race.proof:.0e} of the optimum only"
            notes.append(f"- {case.name}, {data}: F* {proved}.")
        for name, trouble in race.troubles.items():
            notes.append(f"- {case.name}, {data}: {name} failed {trouble}.")
        if case.is_large:
            drawn.append(replace(race, problem=None))  # only the fits are kept
    missing = {c.needs for case in cases() for c in case.contenders if c.needs}
    missing = sorted(name for name in missing if not find_spec(name))
    if missing:
        notes.append(f"- Left out, because not installed: {', '.join(missing)}.")
    draw(drawn, BytesIO() if quick else PICTURE)
    columns = (
        "case",
        "data",
        "contender",
        "tol:",
        "s:",
        "suboptimality:",
        "time / ours:",
    )
    lines = [
        *("![Suboptimality against time](certified.png)", ""),
        *table(columns, rows),
        *("", *notes, *GUIDE),
    ]
    return Section("Certified fits to the same suboptimality", lines, results)
