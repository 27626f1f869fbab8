"""Newton's method for outputs with predictors of their own: the descent and the solver.

The loop is that of `_descent`, the problem that of `_outputs_problem`.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from sklearn_losses.solvers._base import SolverResult, finish
from sklearn_losses.solvers.descent._certified import (
    Certified,
    features_of,
    sample_of,
    show,
)
from sklearn_losses.solvers.descent._descent import Descent, Limits
from sklearn_losses.solvers.descent._line_search import is_finite
from sklearn_losses.solvers.descent._models import NEWTON, Models
from sklearn_losses.solvers.descent._newton import SMALLEST_TOL
from sklearn_losses.solvers.descent._outputs_problem import OutputsModel, OutputsProblem
from sklearn_losses.solvers.descent._smoothing import Smoothing
from sklearn_losses.solvers.descent._state import Step, Verdict
from sklearn_losses.solvers.descent._stopping import Tolerance
from sklearn_losses.terms._term import FEW

BETTER_TOL = 1e-5  # of fits from two points, of which the better one goes on
START_TOL = 1e-2  # of a fit of some of the rows, with which one of many begins
SAME = 1e-7  # of a value may two fits differ that are one
KEPT = 1e-5  # of what has been gained is so little that curvature hardly changes
EXACT_STEPS = 6  # after the tolerance is met, at the most ...
LITTLE = 1e-15  # ... while they gain so much of the value
NOTHING = 1e-24  # of the value, changes no digit of what is published
FASTER = 1e-2  # than before what is left should fall, or the curvature is another one
BALANCED = 1e-6  # of tol is left where slopes prove a bound
WIDER = 1.0, 10.0, 100.0, 1e3  # kinks, where slopes are not balanced
SURE_STEPS = 40  # more than it takes to leave a far row behind
MOST_COEFS = 5000  # a matrix of 200 MB
ROUNDING = 1e-12  # of a sum of many values
VANISHED, GONE = 1e-4, 1e-8  # of the scale of a constant is none, of a fit that is done
SURELY_LEFT = 100.0  # times tol may be a gap that rounding explains ...
LEAST_GAP = 1e-7  # ... or this share of the value
UNPROVED = 0.3  # of what is allowed may kinks hide where no bound says how much it is


def _moved(point, centre):
    """location / scale and 1 / scale, of locations that are so much higher."""
    coef, intercept = point[0], point[1].copy()
    intercept[0] += centre * intercept[1]
    return coef, intercept


def _found_beside(found, centre):
    return _moved(found(), centre)


class OutputsModels(Models):
    """The one model of outputs with predictors of their own."""

    def __init__(self):
        super().__init__(NEWTON, may_change=False)

    def _kind(self, problem):
        return OutputsModel


class Settled(Tolerance):
    """Until a model offers too little; an end in doubt is proved by more steps."""

    def begin(self, descent):
        if not descent.problem.is_convex:
            self.smoothing_excess = UNPROVED
        return super().begin(descent)

    def prove(self, descent, allowed):
        if descent.smoothing.width > 0:
            return super().prove(descent, allowed)
        return Verdict.ARRIVED if descent.settles(allowed) else Verdict.GIVEN_UP


class OutputsDescent(Descent):
    """A descent to a tolerance, and beyond it."""

    # Of kinks at a constant that may be the optimum there is no proof: they are
    # smoothed less and less, as anywhere else.
    is_at_constant = False
    _tried, _at_kept = None, (None, None)

    def __init__(self, limits, objective, features, point, passes=1):
        term = objective.term()
        problem = OutputsProblem.of(objective, features, term, passes)
        parts = limits, Settled(limits), OutputsModels(), Smoothing(), point
        super().__init__(problem, *parts)

    @property
    def is_in_doubt(self):
        """Of a smoothed kink the minimum is what the last width says it is."""
        return self.smoothing.width == 0 and super().is_in_doubt

    def _narrowest(self, raw):
        """The least scale of a row, of that of the best constant; nan without any."""
        loss = self.problem.term.loss
        widths = loss.widths_of(raw)
        if widths is None:
            return np.nan
        before = loss.widths_of(self.problem.term.best_constant()[None])[0]
        return float(np.min(widths) / before) if before > 0 else 0.0

    @property
    def has_vanished(self):
        """Whether only rounding keeps the scale from 0, as of a perfect fit."""
        if self.state.raw is None:  # before it begins
            return False
        has_features = self.problem.predictors.featured_outputs[1:].any()
        raw = self.state.raw if has_features else self.state.raw[:1]
        return self._narrowest(raw) <= GONE

    @property
    def is_perfect_fit(self):
        """Whether the scale has all but vanished."""
        raw = self.problem.raw_at(self.state.kept)[self.problem.term.weight > 0]
        found, converged = self._narrowest(raw), self.state.converged
        if len(raw) == 1 and not converged and not np.isnan(found):
            return True  # as the best constant has no scale, either
        return found <= (GONE if converged else VANISHED)

    def _length(self, step):
        """How far to go; a whole step if it gains less than values can tell."""
        is_tiny = 0.0 < -step.slope <= ROUNDING * abs(self.state.value)
        if is_tiny and is_finite(step.direction):
            return 1.0
        return super()._length(step)

    def settles(self, allowed):
        """Make steps to the end, with exact curvature, until they gain nothing.

        Where curvature hides what is left, as that of a far row does, they gain more
        and more.
        """
        state, problem = self.state, self.problem
        rounding = LITTLE * len(problem.term.y) ** 0.5
        for _ in range(SURE_STEPS):
            self.look_at(state.theta, state.raw, state.ahead)
            value, (new, delta, slope, promised) = state.value, self.model.minimum()
            step = Step(new, delta, slope, promised, promised)
            step.direction, step.ahead = self._attempt(state.raw, delta)
            t = self._length(step)
            gained, state.ahead = 0.0, None
            if t > 0:
                state.theta = state.theta + t * delta
                state.raw = state.raw + t * step.direction
                state.ahead = step.ahead if t == 1 else None
                here = problem.value_at(state.raw, state.theta, state.ahead)
                gained = value - here
                self.arrive(here, t)
            if max(promised, gained) <= max(allowed, rounding * abs(value)):
                return True
            if t == 0 and not self.model.damp():
                return False
        return False

    def misses(self, bound, tol):
        """Whether a gap says that more is left than rounding explains."""
        if not bound > -np.inf:
            return False
        gap, sizes = self.state.best - bound, abs(self.start.at_constant)
        return gap > max(
            SURELY_LEFT * tol * abs(self.gained),
            LEAST_GAP * (sizes + abs(self.state.best)),
        )

    def polish(self):
        """More steps from the best point on, as long as they gain."""
        state, problem = self.state, self.problem
        if self.smoothing.width > 0:
            return
        theta, before, raw = state.kept, np.inf, problem.raw_at(state.kept)
        problem.keeps_hessian = len(raw) > FEW
        rounding = LITTLE * len(raw) ** 0.5
        self.look_at(theta, raw, self._seen_at(theta))
        self._at_kept = theta, state.seen
        for _ in range(EXACT_STEPS):
            value = state.value
            new, delta, _slope, predicted = self.model.minimum()
            if predicted <= NOTHING * abs(value):
                return
            direction, ahead = self._attempt(raw, delta)
            reached = problem.value_at(None, new, ahead)
            is_better = reached <= value + rounding * abs(value)
            if not (np.isfinite(direction).all() and is_better):
                return
            theta, raw = new, raw + direction
            self._at_kept = theta, ahead
            state.keep(theta, min(reached, state.best))
            if predicted <= LITTLE * abs(value):
                return
            is_kept = predicted <= FASTER * before
            problem.keeps_hessian &= is_kept
            self.look_at(theta, raw, ahead if is_kept else None)
            before = predicted

    def _try(self, step):
        """See the end of a step; near the minimum the Hessian is what it was."""
        gained = self.start.at_constant - self.state.value
        is_near = self.smoothing.width == 0 and step.promised <= KEPT * gained
        self.problem.keeps_hessian = is_near and len(self.problem.term.y) > FEW
        super()._try(step)
        self._tried = step

    def value_here(self):
        state = self.state
        return self.problem.value_at(state.raw, state.theta, state.ahead)

    def value_ahead(self, step):
        if step.ahead is None:
            return super().value_ahead(step)
        return self.problem.value_at(None, self.state.theta, step.ahead)

    def _seen_at(self, theta):
        """What the last pass has seen, if it was at this point."""
        is_there = self._tried is not None and self._tried.new is theta
        return self._tried.ahead if is_there else None

    def lower_bound(self):
        """That of the objective, nan if it is not convex."""
        if not self.problem.is_convex:
            return np.nan
        state, problem, width = self.state, self.problem, self.smoothing.width
        theta, seen = self._at_kept
        if theta is state.kept:
            return problem.bound_by(theta, seen)
        if not width > 0:
            return problem.bound(state.kept, 0.0)
        return self._bound_of_kinks(width)

    def _bound_of_kinks(self, width):
        """The best of bounds at minima of what is smoothed, where slopes are balanced.

        Where few rows are within the width of a kink no step may balance them, as of
        columns that are nearly collinear: then over wider ones.
        """
        state, problem, limits = self.state, self.problem, self.limits
        allowed, kept = BALANCED * limits.tol * abs(self.gained), state.kept
        bound, points = problem.bound(kept, width), []
        if bound == -np.inf:
            return bound
        for factor in WIDER:
            self.smoothing.width = factor * width
            state.theta, state.raw = kept, problem.raw_at(kept)
            is_balanced = self.settles(allowed)
            points.append((state.theta, self.smoothing.width))
            if is_balanced:
                break
        self.smoothing.width = width
        points.append((state.kept, width))
        return max(problem.bound(*point) for point in points)


class OutputsSolver(Certified):
    """Newton's method on outputs with predictors of their own, and a lower bound."""

    def __init__(self, **settings):
        super().__init__(NEWTON, **settings)

    def check(self, objective):
        """Refuse more coefficients than a matrix of second derivatives has room for."""
        size = objective.predictors.size
        if size > MOST_COEFS:
            raise ValueError(
                f"{self.owner} cannot use {objective.loss!r} with so many features, "
                "because Newton's method needs the matrix of second derivatives of "
                f"{size:,} coefficients, of at most {MOST_COEFS:,}. Leave features out "
                "or, where the loss has parameters, give them numbers: then any number "
                "of features will do."
            )

    def solve(self, objective, start):
        return finish(self.steps(objective, start))[0]

    def steps(self, objective, start):
        self.check(objective)
        objective, centre = objective.centred()
        if centre == 0.0:
            return (yield from self._steps(objective, start))
        steps = self._steps(objective, _moved(start, -centre))
        while True:
            try:
                found = next(steps)
            except StopIteration as end:
                result, descent = end.value
                break
            yield partial(_found_beside, found, centre)
        coef, intercept = _moved((result.coef, result.intercept), centre)
        value = descent.state.best  # which rounding would hide beside the centre
        result = replace(result, coef=coef, intercept=intercept, value=value)
        return result, descent

    def _steps(self, objective, start):
        sample = sample_of(objective, self.seed, 10 * objective.predictors.size)
        features, passes = features_of(objective, None)
        point = tuple(array.copy() for array in start)
        if sample is not None and not point[0].any():
            point, _ = self._of_rows(sample, features, point)
        is_begun = objective.is_convex and point[0][1:].any()
        if objective.predictors.has_more and not is_begun:
            points, more = self._with_more(sample or objective, features, point)
            passes += more if sample is None else 0
            if len(points) > 1:
                points, more = self._better(objective, features, points)
                passes += more
            point = points[0]
        limits = Limits(self.max_iter, max(self.tol, SMALLEST_TOL))
        descent = OutputsDescent(limits, objective, features, point, passes)
        with np.errstate(all="ignore"):
            while not (descent.ended or descent.has_vanished):
                descent.advance()
                if self.verbose:
                    show(descent)
                if not descent.ended:
                    yield descent.found
            descent.polish()
            bound = descent.lower_bound()
        state = descent.state
        state.converged = state.converged and not descent.misses(bound, self.tol)
        result = SolverResult(
            *descent.found(),
            np.array([descent.problem.passes]),
            state.converged,
            warnings=self._warnings(descent),
            bound=bound,
            value=state.best if features.is_near else None,
            gained=np.array([descent.gained]),
        )
        return result, descent

    def _with_more(self, objective, features, point):
        """Where to begin if more than the first output has features.

        That is with constants for them or, if the point has coefficients of its own,
        with what turns out to be better; of some of the rows both if they differ.

        Returns
        -------
        points : list of tuple of coef and intercept
        passes : int
        """
        is_given = point[0][1:].any()
        loss, more = objective.loss, objective.predictors.featured_outputs
        low, kept = loss.beginnings()
        held = more & ~np.isnan(kept)
        first = objective.predictors.of_first(~held)
        constants = point[0].copy(), np.where(held, kept, point[1])
        constants[0][1:] = 0.0
        first = replace(objective, predictors=first)
        (coef, intercept), passes = self._of_rows(first, features, constants)
        constants = coef, np.where(more, np.maximum(intercept, low), intercept)
        if not is_given:
            return [constants], passes
        points, more = self._better(objective, features, (point, constants))
        return points, passes + more

    def _better(self, objective, features, points):
        """Where fits from two points lead, the better first; one if it is the same."""
        found, passes = [], 0
        for each in points:
            each, more = self._of_rows(objective, features, each, BETTER_TOL)
            found.append((objective.value(*each)[0], each))
            passes += more
        found.sort(key=lambda pair: pair[0])
        (least, best), (other, second) = found
        is_same = other - least <= SAME * abs(least)
        return [best] if is_same else [best, second], passes

    def _of_rows(self, objective, features, point, tol=START_TOL):
        """The minimum of an objective, about, for another to begin with."""
        features = features.with_rows(objective.rows)
        limits = Limits(self.max_iter, tol)
        descent = OutputsDescent(limits, objective, features, point)
        descent.finish()
        state, passes = descent.state, descent.problem.passes
        is_found = state.converged and np.isfinite(state.kept).all()
        return descent.found() if is_found else point, passes

    def _of_tails(self, descent):
        """With which tails a loss forgives all rows but those that it fits exactly."""
        loss, weight = descent.problem.term.loss, descent.problem.term.weight
        if not hasattr(loss, "least_df"):
            return ""
        n_coefs = int(np.count_nonzero(descent.problem.predictors.moves[0]))
        least = loss.least_df(weight, n_coefs)
        return (
            f" With {n_coefs} coefficients these rows and weights have no likeliest "
            f"scale if df < {least:.3g}: only a larger number for df has one."
        )

    def _warnings(self, descent):
        state, term = descent.state, descent.problem.term
        is_perfect = descent.is_perfect_fit
        if state.converged and not is_perfect:
            return []
        if is_perfect:
            of_precision = "precision" in term.loss.outputs
            vanishes = "precision grows" if of_precision else "scale falls to 0"
            number = "precision=10.0" if of_precision else "scale=1.0"
            return [
                f"{self.owner} fits nearly every row perfectly, so that the likelihood "
                f"of {term.loss!r} grows without end as its {vanishes}; this is where "
                f"the fit was stopped. Give it a number, such as {number}, or use a "
                f"larger alpha.{self._of_tails(descent)}"
            ]
        if not np.isfinite(state.best):
            return [f"{self.owner} did not converge: its objective overflows."]
        passes = descent.problem.passes
        reason = f"in max_iter={self.max_iter} passes over the rows"
        if passes + 2 <= self.max_iter:
            reason = f"after {passes} passes, as no step lowers its objective"
        return [
            f"{self.owner} did not converge {reason}: {term.loss!r} reached "
            f"{state.best:.6g}. Increase max_iter, tol or alpha."
        ]
