"""How far default fits end from the optimum, and in what time, on real data.

    gap = (F(fit) - F*) / (F(constant) - F*)

of the training objective: 0 is the optimum, 1 what the best constant prediction gives.
F* comes from benchmarks/optimum.py and is kept in gaps_optima.json. Times are taken in
turn in one process: ours, then scikit-learn's default SGD with the same loss, or, where
it has none, with its own default loss.

    python benchmarks/gaps.py --output benchmarks/GAPS.md
    python benchmarks/gaps.py --only engel       # cases whose name has this in it
"""

import argparse
import json
import time
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import datasets
import numpy as np
import optimum
from sklearn import linear_model as theirs
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import sklearn_losses as ours

OPTIMA = Path(__file__).with_name("gaps_optima.json")
LOSSES = {
    "regression": (ours.SquaredError(), ours.AbsoluteError()),
    "counts": (ours.Poisson(), ours.Quantile(0.8)),
    "binary": (ours.LogLoss(), ours.Hinge()),
    "multiclass": (
        ours.LogLoss(),
        ours.Hinge(),
        ours.CrossEntropy(),
        ours.MulticlassHinge(),
    ),
}
# Those whose value, or whose parameters, have a unit: that of y.
UNITS = (1.0, 10.0, 1e3, 1e6)
UNITS_DATA = ("diabetes", "abalone-counts")
UNITS_ALPHAS = (1e-4, 0.0)
UNITS_LOSSES = (
    ours.SquaredError(),
    ours.AbsoluteError(),
    ours.Quantile(0.8),
    ours.SmoothQuantile(0.8),
    ours.Expectile(0.8),
    ours.Huber(),
    ours.PseudoHuber(),
    ours.LogCosh(),
    ours.EpsilonInsensitive(),
    ours.SquaredEpsilonInsensitive(),
    ours.Linex(),
    ours.AbsolutePercentageError(),
    ours.Fair(),
    ours.Barron(),
    ours.SquaredLogError(),
    ours.Poisson(),
    ours.Gamma(),
    ours.Tweedie(),
    ours.NegativeBinomial(),
)
# How scikit-learn calls a loss; where it has none, its default stands in for the time.
THEIRS = {
    "squared_error": {"loss": "squared_error"},
    "absolute_error": {"loss": "epsilon_insensitive", "epsilon": 0.0},
    "log_loss": {"loss": "log_loss"},
    "hinge": {"loss": "hinge"},
}
UNITS_OF_Y = "units of y"  # the group's name
PAIRS = 5  # of fits, whose median times and ratio are taken
REACHED = 0.01
WORSE = 1.0 + 1e-6


@dataclass(frozen=True)
class Case:
    """A data set, raw or standardized, and a loss with an l2 penalty.

    Cases of units have their own unit of y and alpha, others those of the data set.
    """

    data: str
    form: str
    loss: object
    unit: float = 1.0
    own_alpha: float | None = None

    def __str__(self):
        name = f"{self.data}, {self.form}, {self.loss.name}"
        if self.own_alpha is None:
            return name
        return f"{name}, y times {self.unit:g}, alpha={self.own_alpha:g}"

    @property
    def is_of_units(self):
        return self.own_alpha is not None

    @property
    def is_joint(self):
        return self.loss.granularity == "row"

    @property
    def alpha(self):
        return self.own_alpha if self.is_of_units else datasets.load(self.data).alpha

    @property
    def y(self):
        return self.unit * datasets.load(self.data).y

    @property
    def X(self):
        return features(self.data, self.form)

    def targets(self):
        """The targets of each output: one versus rest, unless one loss takes all."""
        if datasets.load(self.data).task != "multiclass" or self.is_joint:
            return [self.y]
        return [1.0 * (self.y == k) for k in np.unique(self.y)]


@lru_cache(maxsize=2)
def features(name, form):
    X = datasets.load(name).X
    return X if form == "raw" else datasets.standardized(X)


@lru_cache(maxsize=1)
def whitened(name, form, alpha):
    return optimum.Whitened(features(name, form), alpha)


def cases(kind):
    """All cases of a kind, "real", "units", or "adversarial" (which is raw only)."""
    if kind == "units":
        return cases_of_units()
    forms = ("raw", "standardized") if kind == "real" else ("raw",)
    return [
        Case(name, form, loss)
        for name in datasets.names(kind)
        for form in forms
        for loss in LOSSES[datasets.load(name).task]
    ]


def cases_of_units():
    """Convex losses of regression, y in several units, with a penalty and without."""
    there = [name for name in datasets.names() if name in UNITS_DATA]
    return [
        Case(name, "raw", loss, unit, alpha)
        for name in there
        for alpha in UNITS_ALPHAS
        for loss in UNITS_LOSSES
        for unit in UNITS
    ]


# ------------------------------------------------------------- objectives
def objective(case, coef, intercept):
    """F at coef of shape (n_outputs, n_features), summed over the outputs."""
    with np.errstate(over="ignore", invalid="ignore"):
        raw = np.asarray(case.X @ np.atleast_2d(coef).T + intercept)
        penalty = case.alpha / 2 * np.sum(np.square(coef))
        if case.is_joint:
            return case.loss.mean(case.y, raw) + penalty
        losses = [case.loss.mean(y, raw[:, k]) for k, y in enumerate(case.targets())]
        return sum(losses) + penalty


def constant_objective(case):
    """F of the best constant predictions."""
    best = [case.loss.optimal_constant(y) for y in case.targets()]
    raw = [np.broadcast_to(c, (len(case.y), *np.shape(c))) for c in best]
    return sum(case.loss.mean(y, p) for y, p in zip(case.targets(), raw))


def find_optimum(case):
    """F* and, where it is cheap, a lower bound of it by duality."""
    white = whitened(case.data, case.form, case.alpha)
    if case.is_joint:
        z = optimum.of_rows(case.loss.name, white, case.y, int(case.y.max()) + 1)
        w, b = zip(*(white.coefficients(row) for row in z))
        return objective(case, np.array(w), np.array(b)), None
    total, bound = 0.0, 0.0 if case.alpha > 0 else None
    for y in case.targets():
        z = optimum.of_points(case.loss, white, y, case.loss.optimal_constant(y))
        w, b = white.coefficients(z)
        total += case.loss.mean(y, case.X @ w + b) + case.alpha / 2 * w @ w
        if bound is not None:
            bound += optimum.lower_bound(case.loss, white, y, z, case.alpha)
    return total, bound


def find_optima(wanted):
    """Fill gaps_optima.json with what is not yet there; returns all of it."""
    known = json.loads(OPTIMA.read_text()) if OPTIMA.exists() else {}
    for case in wanted:
        if str(case) in known:
            continue
        best, bound = find_optimum(case)
        constant = constant_objective(case)
        best = min(best, constant)  # where the constant is the optimum
        known[str(case)] = {"optimum": best, "bound": bound, "constant": constant}
        OPTIMA.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
        print(f"{case}: F* {best:.9g}, bound {bound}, F(constant) {constant:.9g}")
    return known


# ------------------------------------------------------------------ fits
@dataclass(frozen=True)
class Row:
    """What a case came to; times in ms, medians of the pairs, nan without a fit."""

    case: Case
    gap: float
    their_gap: float
    our_ms: float
    their_ms: float
    ratio: float
    passes: int
    warned: bool

    @property
    def reached(self):
        return self.gap < REACHED


def default_fit(package, case, seed):
    """The default estimator of this package or of scikit-learn, and its time.

    Returns
    -------
    model : object or None
        None where the fit raised an error.
    ms : float
    warned : bool
        Whether it said that it had not converged.
    """
    is_regression = datasets.load(case.data).task in ("regression", "counts")
    estimator = package.SGDRegressor if is_regression else package.SGDClassifier
    if package is ours:
        settings = {"loss": case.loss}
    else:
        settings = THEIRS.get(case.loss.name, {})
    model = estimator(alpha=case.alpha, random_state=seed, **settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        try:
            model.fit(case.X, case.y)
        except ValueError:
            model = None  # it overflowed, or cannot do without a penalty
        ms = 1e3 * (time.perf_counter() - start)
    return model, ms, any(w.category is ConvergenceWarning for w in caught)


def gap_of(case, known, model):
    """(F(fit) - F*) / (F(constant) - F*); nan without a model.

    Where the best constant is the optimum, or nearly, one millionth of F takes the
    place of what there is to gain.
    """
    if model is None:
        return np.nan
    coef = np.atleast_2d(model.coef_)
    outputs = len(coef)
    if case.is_joint and outputs != int(case.y.max()) + 1:
        return np.nan
    best, constant = known["optimum"], known["constant"]
    found = objective(case, coef, np.atleast_1d(model.intercept_))
    return (found - best) / max(constant - best, 1e-6 * abs(constant))


def run(case, known):
    """Fit both in turn, PAIRS times; the first pair is a warm-up and does not count."""
    times, models = [], None
    for seed in range(1 if case.is_of_units else PAIRS + 1):
        fits = [default_fit(package, case, seed) for package in (ours, theirs)]
        times.append([ms for _, ms, _ in fits])
        models = models or fits
        if sum(times[0]) > 5e3:
            break  # seconds: one pair says enough
    counted = np.array(times[1:] or times)
    (our_model, _, warned), (their_model, _, _) = models
    # The time until an error is no time of a fit.
    failed = our_model is None or their_model is None
    return Row(
        case,
        gap_of(case, known, our_model),
        gap_of(case, known, their_model),
        *np.median(counted, axis=0),
        ratio=np.nan if failed else np.median(counted[:, 0] / counted[:, 1]),
        passes=0 if our_model is None else int(np.max(our_model.n_iter_)),
        warned=warned,
    )


# ---------------------------------------------------------------- report
def summary(name, rows):
    gaps = np.array([row.gap for row in rows])
    ratios = np.array([row.ratio for row in rows])
    silent = [str(r.case) for r in rows if not r.reached and not r.warned]
    return [
        f"- **{name}**: {len(rows)} cases, gap under 1% in "
        f"{np.mean(gaps < REACHED):.1%}, largest gap {np.nanmax(gaps):.2g}, "
        f"failed {np.isnan(gaps).sum()}, worse than a constant "
        f"{np.sum(gaps > WORSE)}; time over scikit-learn's: median "
        f"{np.nanmedian(ratios):.2f}, largest {np.nanmax(ratios):.2f}; passes: median "
        f"{np.median([row.passes for row in rows]):.0f}. scikit-learn: under 1% in "
        f"{np.mean([row.their_gap < REACHED for row in rows]):.1%}.",
        *([f"  - Not reached, and no warning: {'; '.join(silent)}."] if silent else []),
    ]


def table(rows):
    lines = [
        "| data | form | loss | gap | scikit-learn's | ratio of times | ms | "
        "scikit-learn, ms | passes |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        lines.append(
            f"| {row.case.data} | {row.case.form} | {row.case.loss.name} | "
            f"{gap_text(row)} | {row.their_gap:.1e} | {row.ratio:.2f} | "
            f"{row.our_ms:.3g} | {row.their_ms:.3g} | {row.passes} |"
        )
    return lines


def units_table(rows):
    """One line for each loss, one column for each unit."""
    lines = [
        f"| data | loss | alpha | {' | '.join(f'y times {u:g}' for u in UNITS)} |",
        f"|---|---|--:|{'--:|' * len(UNITS)}",
    ]
    by_loss = {}
    for row in rows:
        case = row.case
        key = f"{case.data} | {case.loss.name} | {case.own_alpha:g}"
        by_loss.setdefault(key, []).append(gap_text(row))
    return lines + [f"| {key} | {' | '.join(gaps)} |" for key, gaps in by_loss.items()]


def gap_text(row):
    mark = "" if row.reached else " **" + ("warned" if row.warned else "!") + "**"
    return f"{row.gap:.1e}{mark}"


GUIDE = """The gap is (F(fit) - F*) / (F(constant) - F*) of the training objective, l2
penalty with alpha=1e-4: 0 is the optimum, 1 the best constant. One versus rest sums
over the classes. F* is from benchmarks/optimum.py, with the kinks of a loss smoothed
over less than 1e-7 of the spread. The ratio is this package's time over that of
scikit-learn's default SGD on the same data, the median over pairs of fits; below 1
this package is faster. Where scikit-learn does not have the loss, its default loss is
timed, and its gap is that of what it found under the loss of the case. `n_iter_`
stands for the passes over X. nan: the fit raised an error, or has no such outputs. A
bold gap is not under 1%: "warned" says that the fit said so itself. Units of y: all
convex losses of regression with their default parameters, which are as they are while
y grows, with alpha=1e-4 and without a penalty; only one fit each."""


def report(only):
    groups = {"raw": [], "standardized": [], "adversarial": [], UNITS_OF_Y: []}
    for kind in ("real", "adversarial", "units"):
        wanted = [case for case in cases(kind) if only in str(case)]
        known = find_optima(wanted)
        for case in wanted:
            row = run(case, known[str(case)])
            name = {"adversarial": kind, "units": UNITS_OF_Y}.get(kind, case.form)
            groups[name].append(row)
            print(f"{row.gap:9.1e}  {row.ratio:6.2f}  {case}", flush=True)
    lines = ["# learning_rate='auto': how far from the optimum, and in what time", ""]
    for name, rows in groups.items():
        lines += summary(name, rows) if rows else []
    lines += ["", GUIDE]
    for name, rows in groups.items():
        shown = units_table if name == UNITS_OF_Y else table
        lines += ["", f"## {name.capitalize()}", "", *shown(rows)] if rows else []
    return "\n".join([*lines, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--output", type=Path, help="the Markdown file to write")
    options = parser.parse_args()
    with threadpool_limits(1):
        text = report(options.only)
    if options.output:
        options.output.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
