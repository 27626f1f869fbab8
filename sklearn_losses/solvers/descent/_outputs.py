"""Newton's method for outputs with predictors of their own.

The loop is that of `_descent`; the Hessian is that of what moves alone, and exact.
Where a likelihood is not convex its directions of negative curvature are turned around,
which makes them directions in which it falls.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sklearn_losses.design._matrices import centre_rows
from sklearn_losses.design._predictors import CurvatureSums
from sklearn_losses.design._sums import Sums
from sklearn_losses.losses._outputs import newton_step
from sklearn_losses.problem._outputs import bound_of
from sklearn_losses.solvers._base import SolverResult, finish
from sklearn_losses.solvers.descent._blocks import BlockSums
from sklearn_losses.solvers.descent._certified import (
    Certified,
    features_of,
    sample_of,
    show,
)
from sklearn_losses.solvers.descent._curvature import (
    FIRST_DAMPING,
    JITTER,
    scaled_cholesky,
    solve_scaled,
)
from sklearn_losses.solvers.descent._descent import Descent, Limits
from sklearn_losses.solvers.descent._line_search import is_finite
from sklearn_losses.solvers.descent._models import NEWTON, Models
from sklearn_losses.solvers.descent._newton import SMALLEST_TOL
from sklearn_losses.solvers.descent._newton_model import JointModel
from sklearn_losses.solvers.descent._problem import CentredProblem, Swept
from sklearn_losses.solvers.descent._smoothing import Smoothing
from sklearn_losses.solvers.descent._state import Step, Verdict
from sklearn_losses.solvers.descent._stopping import Tolerance
from sklearn_losses.terms._term import FEW

BETTER_TOL = 1e-5  # of fits from two points, of which the better one goes on
START_TOL = 1e-2  # of a fit of some of the rows, with which one of many begins
SAME = 1e-7  # of a value may two fits differ that are one
KEPT = 1e-5  # of what has been gained is so little that curvature hardly changes
EXACT_STEPS = 6  # after the tolerance is met, at the most ...
NOTHING = 1e-24  # of the value, changes no digit of what is published
LITTLE = 1e-15  # ... while they gain so much of the value
FASTER = 1e-2  # than before what is left should fall, or the curvature is another one
BALANCED = 1e-6  # of tol is left where slopes prove a bound
WIDER = 1.0, 10.0, 100.0, 1e3  # kinks, where slopes are not balanced
SURE_STEPS = 40  # more than it takes to leave a far row behind
MOST_COEFS = 5000  # a matrix of 200 MB
ROUNDING = 1e-12  # of a sum of many values
VANISHED, GONE = 1e-4, 1e-8  # of the scale of a constant is none, of a fit that is done
SURELY_LEFT = 100.0  # times tol may be a gap that rounding explains ...
UNPROVED = 0.3  # of what is allowed may kinks hide where no bound says how much it is
LEAST_GAP = 1e-7  # ... or this share of the value
MOST_NUMBERS = 1 << 16  # of Hessians at a time, but ...
FEWEST_ROWS = 256  # ... so many rows, for products of matrices


class OutputsModel(JointModel):
    """B is the Hessian of what moves, in packed order."""

    def __init__(self, problem):
        super().__init__(problem)
        self.predictors = problem.predictors

    def sums(self):
        return CurvatureSums(self.predictors)

    def update(self, theta, seen, around):
        hessian, curvature = seen.hessian
        jitter = around.jitter(curvature)
        self.theta, self.is_smoothed = theta, jitter > 0
        places = self.predictors.places
        self.gradient = self.problem.gradient(theta, seen.sums)
        of_each = np.tile(self.l2, self.n_outputs)[places]
        self.hessian = hessian.copy()  # that of the loss may be asked for again
        if self.problem.memory is not None:
            self.hessian += self.problem.memory.block(places)
        diagonal = self.hessian.ravel()[:: len(places) + 1]
        output = places // len(self.l2)
        more = jitter * self.problem.term.bends[output]
        if jitter > 0 and self.problem.stiff is not None:
            share = min(jitter / curvature, 1.0) if curvature > 0 else 1.0
            more = share * self.problem.stiff[output]
        diagonal += of_each + more * self.stiffness / JITTER
        if not self.price.is_simple:
            self._add_price(theta)

    def is_flat(self, least):
        return False  # only a loss of points can be smoothed for that

    def _add_price(self, theta):
        size, places = len(self.l2), self.predictors.places
        for k, of_output in enumerate(theta):
            block = np.zeros((size, size))
            self._add_rest(block, of_output)
            mine = np.flatnonzero(places // size == k)
            columns = places[mine] % size
            self.hessian[np.ix_(mine, mine)] += block[np.ix_(columns, columns)]

    def minimum(self):
        if self.has_kinks:
            packed, self.hessian = self.hessian, self._whole(self.hessian)
            found = super().minimum()
            self.hessian = packed
            return found
        delta = np.zeros(self.theta.size)
        places = self.predictors.places
        delta[places] = self._step(self.gradient.ravel()[places])
        delta = delta.reshape(self.theta.shape)
        slope = float(np.vdot(self.gradient, delta))
        return self.theta + delta, delta, slope, -0.5 * slope

    def _step(self, gradient):
        tied, whole = self.problem.tied, self.hessian
        if tied is None:
            return self._free_step(gradient)
        self.hessian = tied.T @ whole @ tied
        step = tied @ self._free_step(tied.T @ gradient)
        self.hessian = whole
        return step

    def _free_step(self, gradient):
        damping = max(self.damping, FIRST_DAMPING)
        factor, scale, needed = scaled_cholesky(self.hessian, damping)
        if needed > damping or self.hessian.diagonal().min() < 0.0:
            step = newton_step(gradient, self.hessian + 0.0)
            return step / (1.0 + self.damping / FIRST_DAMPING * 1e-3)
        found = -solve_scaled(factor, scale, gradient)
        if damping == FIRST_DAMPING:
            found -= solve_scaled(factor, scale, gradient + self.hessian @ found)
        return found

    def _whole(self, packed):
        """The Hessian, not negative, with zeros for what does not move."""
        values, vectors = np.linalg.eigh(packed)
        if values[0] < 0:
            packed = vectors * np.abs(values) @ vectors.T
        places, whole = self.predictors.places, np.zeros((self.theta.size,) * 2)
        whole[np.ix_(places, places)] = packed
        return whole


@dataclass
class SweptOutputs(Swept):
    """What a pass has seen of outputs with predictors of their own.

    Attributes
    ----------
    hessian : tuple of ndarray and float
        Of what moves, and the sum of the rows' traces.
    linear, sizes : float
        The sum of the slopes times what features and intercepts add to raw predictions,
        and that of all absolute values that a bound sums.
    """

    hessian: tuple | None = None
    linear: float = 0.0
    sizes: float = 0.0

    def add(self, block):
        """Take in the `RowSums` of a block of rows."""
        super().add(block)
        self.linear += block.linear
        self.sizes += block.sizes
        self.along += block.along


class OutputsProblem(CentredProblem):
    """A problem of outputs that use what their predictors say.

    Attributes
    ----------
    predictors : Predictors
    keeps_hessian : bool
        Whether the Hessian stays what it was at the last point.
    bend : ndarray of shape (n_outputs,)
        The sums of the curvatures of the rows, of the last Hessian.
    stiff : ndarray of shape (n_outputs,) or None
        What the jitter of a Hessian is a share of, where outputs have units of their
        own.
    tied : ndarray of shape (size, n_free) or None
        Which of the numbers that move do so together; None: each for itself.
    """

    keeps_hessian, _last, bend, stiff, tied = False, None, None, None, None

    @classmethod
    def of(cls, objective, features, term, passes=0):
        found = super().of(objective, features, term, passes)
        return found.with_predictors(objective.predictors)

    def with_predictors(self, predictors):
        """This problem, of outputs that use what they say."""
        self.predictors, self.sees_differences = predictors, False
        self.moves[-1] = 1.0  # predictors know which intercepts move
        if self.price.has_bounds and not predictors.share_bounds:
            none = np.full((self.n_outputs - 1, len(self.low)), np.inf)
            self.low = np.vstack([self.low, -none])
            self.high = np.vstack([self.high, none])
        return self

    def gradient(self, theta, sums):
        """That of what moves; a column without spread does not."""
        moves = self.predictors.moves.copy()
        moves[:, :-1] &= self.features.scale > 0
        return super().gradient(theta, sums) * moves

    def sweep(self, sums, raw, h, direction=None, delta=None, known=None):
        """See `CentredProblem.sweep`; a Hessian, too, is of the same evaluation.

        Parameters
        ----------
        sums : CurvatureSums or Sums
            Only the first is of a Hessian.
        """
        if not isinstance(sums, CurvatureSums):
            return super().sweep(sums, raw, h, direction, delta, known)
        self.passes += 1
        n_outputs, size = self.n_outputs, self.features.n_features + 1
        first, bend = np.zeros((n_outputs, size)), np.zeros(n_outputs)
        more = np.flatnonzero(self.predictors.featured_outputs)
        wants = not (self.keeps_hessian and self._last)
        seen = SweptOutputs(BlockSums(first, None, None, None))
        for block in self._small_blocks(len(raw)):
            z, at, along = self._z(block), raw[block], None
            if direction is not None:
                direction[block] = along = self._raw_of(z, delta)
                at = at + along
            found, slopes, packed = self.term.jets(at, h, block, wants, along)
            seen.add(found)
            first[:, -1] += slopes.sum(axis=0)
            first[more, :-1] += slopes[:, more].T @ z[:, :-1]
            if wants:
                sums.add(z, packed)
                bend += np.abs(packed[_diagonal(n_outputs)]).sum(axis=1)
        if wants:
            self._last = sums.total(), float(bend.sum())
            at = raw if direction is None else raw + direction
            self.bend, self.stiff = bend, self.stiff_of(bend, at)
        seen.hessian = self._last
        return seen

    def _small_blocks(self, n):
        """Slices of rows of which all that is formed stays in cache."""
        width = max(self.n_outputs**2, self.features.n_features + 1)
        n_rows = max(FEWEST_ROWS, MOST_NUMBERS // width)
        return [slice(i, min(i + n_rows, n)) for i in range(0, n, n_rows)]

    def _raw_of(self, z, theta):
        """z theta', of which only outputs with columns need products."""
        found = np.empty((len(z), self.n_outputs))
        found[:] = theta[:, -1]
        more = np.flatnonzero(self.predictors.featured_outputs)
        found[:, more] = z @ theta[more].T
        return found

    @property
    def has_units(self):
        """Whether each output has a unit of its own, as a scale beside a location."""
        return bool(getattr(self.term.loss, "parameters", None))

    def stiff_of(self, bend, raw):
        """What jitter is a share of, for each output that has a unit of its own."""
        if not self.has_units:
            return None
        squares = np.ones(len(bend))
        squares[0] = self.term.loss.unit_of(raw) ** 2
        return np.max(bend * squares) / squares

    def _z(self, block):
        """Centred rows and a column of ones, of a block that may be any."""
        features = self.features
        if features.is_sparse or features.blocks[0].stop == len(self.term.y):
            return features.chosen(np.arange(block.start, block.stop))
        z = np.empty((block.stop - block.start, features.n_features + 1))
        centre_rows(features.X[block], features.mean, features.scale, z)
        return z

    def bound(self, theta, h):
        """A lower bound of a convex objective; see `proof`."""
        return self.proof(theta, h)[1]

    def bound_by(self, theta, seen):
        """The same, by what a pass has seen there."""
        gradient = self.loss_gradient(theta, seen.sums)
        parts = seen.linear, seen.value, seen.sizes, self.term.lowest
        return self._bound_of(theta, gradient, *parts)

    def _bound_of(self, theta, gradient, *parts):
        ways = self.predictors.share_bounds, self.has_units
        return bound_of(self.price, theta, gradient, *parts, *ways)

    def proof(self, theta, h):
        """A lower bound of a convex objective, and the slopes at a point that make it.

        Parameters
        ----------
        theta : ndarray
        h : float
            The width of smoothed kinks: then the conjugate of the slopes is needed.

        Returns
        -------
        value : float
            The objective there, without smoothing; nan if that was not asked for.
        bound : float
            -inf if there is none.
        gradient : ndarray like theta, or None
            That of the loss.
        """
        found = self.proving(theta, h)
        if found is None:
            return np.nan, -np.inf, None
        sums, parts = found
        gradient = self.loss_gradient(theta, sums)
        value = np.nan if h > 0 else parts[1] + self.penalty(theta)
        return value, self._bound_of(theta, gradient, *parts), gradient

    def loss_gradient(self, theta, sums):
        return self.gradient(theta, sums) - self.price_slope(theta)

    def proving(self, theta, h):
        """The sums that make a bound: of slopes and features, and numbers.

        None if conjugates have no formula.
        """
        raw, offset = self.raw_at(theta), self.term.offset
        if h > 0:
            raw, values, slopes = self.term.conjugates_and_slopes(raw, h)
            if values is None:
                return None
        else:
            values, slopes = self.term.values_and_slopes(raw)
        sums = Sums(self.features, self.n_outputs)
        for block in self.features.blocks:
            sums.add(block, slopes[block])
        slopes *= raw if offset is None else raw - offset
        linear, sizes = slopes.sum(), np.abs(slopes).sum() + np.abs(values).sum()
        return sums, (linear, values.sum(), sizes, self.term.lowest)

    def bound_of_sums(self, theta, first, parts):
        """The same bound, by what `proving` has summed elsewhere."""
        sums = BlockSums(first, None, None, None)
        return self._bound_of(theta, self.loss_gradient(theta, sums), *parts)


def _moved(point, centre):
    """location / scale and 1 / scale, of locations that are so much higher."""
    coef, intercept = point[0], point[1].copy()
    intercept[0] += centre * intercept[1]
    return coef, intercept


def _found_beside(found, centre):
    return _moved(found(), centre)


def _diagonal(n_outputs):
    """Where the diagonal is in a packed lower triangle."""
    k = np.arange(n_outputs)
    return k * (k + 3) // 2


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
