"""Several outputs of rows in blocks: the fit of those at hand, and exact steps.

A few rows say nearly all of where the optimum is. From there each step of Newton's
method is a pass, in which a block has value, gradient and Hessian of its rows, and the
last step is so short that nobody has to look where it leads. Kinks are smoothed, as
wide at the end as those at hand were, and before that as wide as steps are long.
"""

from copy import copy
from dataclasses import replace
from functools import partial
from operator import itemgetter

import numpy as np

from sklearn_losses.design._predictors import CurvatureSums
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._blocks import Point
from sklearn_losses.solvers._base import SolverResult, finish
from sklearn_losses.solvers.descent._blocks import BlockSums
from sklearn_losses.solvers.descent._certified import features_of
from sklearn_losses.solvers.descent._ordinal import OrdinalSolver
from sklearn_losses.solvers.descent._outputs import OutputsSolver
from sklearn_losses.solvers.descent._outputs_problem import (
    OutputsModel,
    OutputsProblem,
    SweptOutputs,
)
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.solvers.descent._smoothing import Smoothing

SHORT = 1e-12  # of the value may a step gain whose end is taken on trust
ROUNDING = 1e-14  # of the value may a step lose
SHORTER, SHORTEST = 0.25, 1e-6  # a step that does not lower the objective
NUMBERS = "value", "excess", "linear", "sizes", "steepness"  # of a pass
WIDEST, DIVISOR = 64.0, 8.0  # times the last width is the first, and the way to it
EARLY = 0.1  # of what smoothing adds may be left to gain, before it is less
BALANCED = 1e-4  # of what is enough a step promises whose end has balanced slopes
MOST_STEPS, MOST_TRIED = 12, 6  # with a width, and ends that prove too little
WIDER = 4.0  # is a width with which steps lead nowhere
LOWER = 1e-4  # of what its slope promises a step should gain


def sweep_outputs(block, point, h):
    """What a pass over a block sees at a point; see `SweptOutputs`.

    Returns
    -------
    numbers : ndarray
        Value, excess, linear, sizes, steepness, and the least that the loss could be.
    bend : ndarray of shape (n_outputs,)
    first : ndarray of shape (n_outputs, n_features + 1)
    hessian : ndarray of shape (size, size)
    """
    problem = _problem(block, point)
    term = problem.term
    raw = np.zeros(term.shape) if term.offset is None else term.offset.copy()
    with np.errstate(all="ignore"):
        sums, along = CurvatureSums(block.predictors), np.empty_like(raw)
        seen = problem.sweep(sums, raw, h, along, point.theta)
    numbers = [*(getattr(seen, name) for name in NUMBERS), term.lowest]
    return np.array(numbers), problem.bend, seen.sums.first, seen.hessian[0]


def prove_outputs(block, point, h):
    """What slopes of kinks that are smoothed over h prove of a block, if they do.

    Returns
    -------
    numbers : ndarray
        See `OutputsProblem.proving`, nan without a formula; and the loss.
    first : ndarray of shape (n_outputs, n_features + 1)
    """
    problem = _problem(block, point)
    raw = problem.raw_at(point.theta)
    value, found = problem.term.value(raw), problem.proving(point.theta, h)
    if found is None:
        return np.array([*4 * [np.nan], value]), np.zeros_like(point.theta)
    sums, parts = found
    return np.array([*parts, value]), sums.first


def _problem(block, point):
    """The rows of a block as a problem without a price."""
    problem = OutputsProblem(block.term(), point.features(block), Price(), True)
    return problem.with_predictors(block.predictors)


class _Around:
    """What `OutputsModel` asks for around a point that has been seen.

    Parameters
    ----------
    smoothing : Smoothing
    problem : OutputsProblem
    seen : SweptOutputs
    """

    def __init__(self, smoothing, problem, seen):
        self.smoothing, self.problem, self.seen = smoothing, problem, seen

    def jitter(self, curvature):
        if not self.smoothing.width > 0:
            return 0.0
        return self.smoothing.jitter(self.problem, self.seen, curvature)


class InBlocks(OutputsSolver):
    """`OutputsSolver` of rows in blocks."""

    def steps(self, objective, start):
        log = objective.blocks.log
        looks = log.n - 1  # the first one counts
        found, near = finish(super().steps(objective.at_hand, start))
        n_iter = np.array([log.n - looks])
        if objective.is_at_hand and not objective.loss.differentiable:
            return replace(found, n_iter=n_iter), near
        if near.is_perfect_fit:
            bound = -np.inf
            parts = {"n_iter": n_iter, "bound": bound, "value": None}
            return replace(found, **parts), near
        features, _ = features_of(objective, None)
        problem = OutputsProblem.of(objective, features, objective.term())
        theta = problem.point(found.coef, found.intercept)
        enough = self.tol * abs(float(near.gained))
        kind = _Newton if objective.loss.differentiable else _Smoothed
        fit = kind(objective.sums, problem, theta, enough, near.smoothing)
        while not fit.ended:
            fit.advance(log.n - looks < self.max_iter)
            if self.verbose:
                print(f"objective {fit.value:.9g}  to gain {fit.promised:.2g}")
            if not fit.ended:
                yield partial(problem.unscaled, fit.theta)
        warnings = []
        if not fit.converged:
            warnings = [
                f"{self.owner} did not converge in {log.n - looks} passes over the "
                f"rows: {objective.loss!r} reached {fit.value:.6g}, and its model "
                f"promises {fit.promised:.1g} more. Increase max_iter or alpha."
            ]
        result = SolverResult(
            *problem.unscaled(fit.theta),
            np.array([log.n - looks]),
            fit.converged,
            warnings=warnings,
            bound=fit.bound,
            value=fit.value,
            gained=found.gained,
        )
        return result, near


class _Newton:
    """Steps to the minima of exact models, each of which takes a pass.

    Parameters
    ----------
    blocks : PosedBlocks
    problem : OutputsProblem
    theta : ndarray
        Where it begins.
    enough : float
        So small a gap needs no other pass.
    smoothing : Smoothing
        Of the rows at hand.
    """

    def __init__(self, blocks, problem, theta, enough, smoothing):
        self.blocks, self.problem, self.theta = blocks, problem, theta
        self.enough, self.smoothing = enough, copy(smoothing)
        self.smoothing.width = 0.0
        self.model, self.seen = OutputsModel(problem), None
        self.ended = self.converged = False
        self.value = self.promised = np.inf
        self.bound = np.nan

    def _point(self, theta):
        features = self.problem.features
        return Point(features.mean, features.scale, theta.copy())

    def _see(self, theta):
        """What a pass sees there, and the objective, smoothed as it is."""
        parts = self._point(theta), self.smoothing.width
        numbers, bend, first, hessian = self.blocks.sum(sweep_outputs, *parts)
        problem, numbers = self.problem, numbers.tolist()
        seen = SweptOutputs(BlockSums(first, None, None, None))
        for name, number in zip(NUMBERS, numbers):
            setattr(seen, name, number)
        seen.hessian, problem.term.lowest = (hessian, float(bend.sum())), numbers[-1]
        if self.smoothing.width > 0:
            problem.stiff = problem.stiff_of(bend, problem.raw_at(theta))
        return seen, seen.value + seen.excess + problem.penalty(theta)

    def _update(self):
        around = _Around(self.smoothing, self.problem, self.seen)
        self.model.update(self.theta, self.seen, around)
        return self.model.minimum()

    def advance(self, may_go_on):
        """Make a step; the last one is taken on trust, or leads nowhere."""
        with np.errstate(all="ignore"):
            if self.seen is None:
                self.seen, self.value = self._see(self.theta)
            new, delta, slope, self.promised = self._update()
            self.converged = self.promised <= SHORT * abs(self.value)
            found = None
            if not self.converged and may_go_on:
                found = self._lower(new, delta, slope)
            self.ended = found is None
            if self.ended and self.problem.is_convex:
                self.bound = self.problem.bound_by(self.theta, self.seen)
            if self.converged:
                self._trust(new)
            elif found is not None:
                self.theta, self.seen, self.value = found

    def _trust(self, new):
        """Be where the last step leads, and look there if that proves more."""
        self.theta, self.value = new, self.value - self.promised
        if self.problem.is_convex and self.value - self.bound > self.enough:
            self.seen, self.value = self._see(new)
            self.bound = max(self.bound, self.problem.bound_by(new, self.seen))

    def _lower(self, new, delta, slope):
        """A point on the way that is lower, and what is seen there; None: no such."""
        t = 1.0
        while t >= SHORTEST:
            there = new if t == 1 else self.theta + t * delta
            seen, value = self._see(there)
            enough = LOWER * t * slope + ROUNDING * abs(self.value)
            if value <= self.value + enough:
                return there, seen, value
            t *= SHORTER
        return None


class _Smoothed(_Newton):
    """The same of kinks, which are smoothed less and less.

    Where a step promises next to nothing beside what smoothing adds, the next point is
    seen with a narrower width. The last width is that of the rows at hand, with which
    smoothing adds no more than what is allowed; there steps go on until slopes are
    balanced, so that they prove a bound.
    """

    def __init__(self, blocks, problem, theta, enough, smoothing):
        super().__init__(blocks, problem, theta, enough, smoothing)
        self.last = smoothing.width
        if not self.last > 0:  # as at a constant
            unit = problem.term.unit * SETTINGS.first_width / WIDEST
            self.last = problem.term.width(problem.raw_at(theta), unit)
        self.smoothing.width = WIDEST * self.last
        self._best, self._left = (np.inf, theta), BALANCED * enough
        self._n_steps = self._n_tried = 0

    def advance(self, may_go_on):
        """Make a step, or narrow the kinks, or end."""
        with np.errstate(all="ignore"):
            if self.seen is None:
                self._arrive(self.theta, *self._see(self.theta))
            new, delta, slope, self.promised = self._update()
            is_last = self.smoothing.width <= self.last
            left = self._left if is_last else EARLY * self.seen.excess
            is_done, found = self.promised <= left, None
            if not is_done and may_go_on and self._n_steps < MOST_STEPS:
                found = self._lower(new, delta, slope)
            if found is not None:
                self._n_steps += 1
                return self._arrive(*found)
            there = new if is_done else self.theta
            if is_last:
                self._finish(there, is_done, may_go_on)
            elif may_go_on:
                self._look_at(there, max(self.smoothing.width / DIVISOR, self.last))
            else:
                self._end(False)

    def _arrive(self, theta, seen, value):
        self.theta, self.seen, self.value = theta, seen, value
        self._best = min(self._best, (value - seen.excess, theta), key=itemgetter(0))

    def _look_at(self, theta, width):
        """Go on from a point with another width."""
        self.smoothing.has_narrowed, self._n_steps = True, 0
        self.smoothing.width = width
        self._arrive(theta, *self._see(theta))

    def _finish(self, there, is_balanced, may_go_on):
        """End at a point that is good enough; else take another width, or balance."""
        excess, width = self.seen.excess, self.smoothing.width
        is_enough = excess <= SETTINGS.explained * self.enough
        if self.problem.is_convex:
            self._prove(there)
            is_enough = self._best[0] - self.bound <= self.enough
        self._n_tried += 1
        if is_enough or not may_go_on or self._n_tried >= MOST_TRIED:
            return self._end(is_enough)
        if excess > SETTINGS.aim * self.enough:
            self.last = width / Smoothing.divisor(excess, self.enough)
        elif is_balanced:
            self._left *= BALANCED
        else:  # too few rows are within the width
            self.last = WIDER * width
        self._look_at(there, self.last)

    def _end(self, converged):
        self.ended, self.converged = True, converged
        self.value, self.theta = self._best

    def _prove(self, theta):
        """Raise the bound by the slopes of what is smoothed, and see what is there."""
        parts = self._point(theta), self.smoothing.width
        numbers, first = self.blocks.sum(prove_outputs, *parts)
        *numbers, value = numbers.tolist()
        value += self.problem.penalty(theta)
        self._best = min(self._best, (value, theta), key=itemgetter(0))
        found = self.problem.bound_of_sums(theta, first, numbers)
        self.bound = np.fmax(self.bound, found)


class OrdinalInBlocks(OrdinalSolver, InBlocks):
    """`OrdinalSolver` of rows in blocks."""
