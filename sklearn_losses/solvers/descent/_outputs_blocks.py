"""Several outputs of rows in blocks: the fit of those at hand, and exact steps.

A few rows say nearly all of where the optimum is. From there each step of Newton's
method is a pass, in which a block has value, gradient and Hessian of its rows, and the
last step is so short that nobody has to look where it leads.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from sklearn_losses.design._predictors import CurvatureSums
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._blocks import Point
from sklearn_losses.solvers._base import SolverResult, finish
from sklearn_losses.solvers.descent._blocks import BlockSums
from sklearn_losses.solvers.descent._certified import features_of
from sklearn_losses.solvers.descent._ordinal import OrdinalSolver
from sklearn_losses.solvers.descent._outputs import (
    OutputsModel,
    OutputsProblem,
    OutputsSolver,
    SweptOutputs,
)

SHORT = 1e-12  # of the value may a step gain whose end is taken on trust
ROUNDING = 1e-14  # of the value may a step lose
SHORTER, SHORTEST = 0.25, 1e-6  # a step that does not lower the objective
LOWER = 1e-4  # of what its slope promises a step should gain


def sweep_outputs(block, point):
    """What a pass over a block sees at a point; see `SweptOutputs`.

    Returns
    -------
    numbers : ndarray
        Value, linear, sizes, the sum of traces, and the least that the loss could be.
    first : ndarray of shape (n_outputs, n_features + 1)
    hessian : ndarray of shape (size, size)
    """
    features, term = point.features(block), block.term()
    problem = OutputsProblem(term, features, Price(), True)
    problem.with_predictors(block.predictors)
    raw = np.zeros(term.shape) if term.offset is None else term.offset.copy()
    with np.errstate(all="ignore"):
        sums, along = CurvatureSums(block.predictors), np.empty_like(raw)
        seen = problem.sweep(sums, raw, 0.0, along, point.theta)
    hessian, trace = seen.hessian
    numbers = [seen.value, seen.linear, seen.sizes, trace, term.lowest]
    return np.array(numbers), seen.sums.first, hessian


class _Exact:
    """What `OutputsModel` asks for around a point: nothing is smoothed."""

    def jitter(self, curvature):
        return 0.0


class InBlocks(OutputsSolver):
    """`OutputsSolver` of rows in blocks, of a loss without kinks."""

    def steps(self, objective, start):
        log = objective.blocks.log
        looks = log.n - 1  # the first one counts
        found, near = finish(super().steps(objective.at_hand, start))
        if near.is_perfect_fit:
            n_iter, bound = np.array([log.n - looks]), -np.inf
            parts = {"n_iter": n_iter, "bound": bound, "value": None}
            return replace(found, **parts), near
        features, _ = features_of(objective, None)
        problem = OutputsProblem.of(objective, features, objective.term())
        theta = problem.point(found.coef, found.intercept)
        enough = self.tol * abs(float(near.gained))
        fit = _Newton(objective.sums, problem, theta, enough)
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
            bound=fit.bound if problem.is_convex else np.nan,
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
    """

    def __init__(self, blocks, problem, theta, enough):
        self.blocks, self.problem, self.theta = blocks, problem, theta
        self.enough = enough
        self.model, self.seen = OutputsModel(problem), None
        self.ended = self.converged = False
        self.value = self.promised = np.inf

    def _see(self, theta):
        features = self.problem.features
        point = Point(features.mean, features.scale, theta.copy())
        numbers, first, hessian = self.blocks.sum(sweep_outputs, point)
        value, linear, sizes, trace, self.problem.term.lowest = numbers.tolist()
        seen = SweptOutputs(BlockSums(first, None, None, None), value)
        seen.linear, seen.sizes, seen.hessian = linear, sizes, (hessian, trace)
        return seen, value + self.problem.penalty(theta)

    def advance(self, may_go_on):
        """Make a step; the last one is taken on trust, or leads nowhere."""
        with np.errstate(all="ignore"):
            if self.seen is None:
                self.seen, self.value = self._see(self.theta)
            self.model.update(self.theta, self.seen, _Exact())
            new, delta, slope, self.promised = self.model.minimum()
            self.converged = self.promised <= SHORT * abs(self.value)
            found = None
            if not self.converged and may_go_on:
                found = self._lower(new, delta, slope)
            self.ended = found is None
            if self.ended:
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


class OrdinalInBlocks(OrdinalSolver, InBlocks):
    """`OrdinalSolver` of rows in blocks."""
