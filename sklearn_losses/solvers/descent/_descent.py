"""Descent on all rows of one problem: steps to the minima of quadratic models.

Kinks are smoothed, less and less until the smoothing is below the tolerance
(`_smoothing`). A step goes to the minimum of a quadratic model, Newton's
(`_newton_model`) or a quasi-Newton one (`_quasi_newton_model`), and costs one or two
passes over the rows; its length is found on cached raw predictions (Yuan, Ho and Lin
2012). An l1 norm is a part of the model (Lee, Sun and Saunders 2014). Who says when to
stop is `_stopping`, or `_gap`.
"""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from sklearn_losses.solvers._base import Stop
from sklearn_losses.solvers.descent._groups import kinds_of
from sklearn_losses.solvers.descent._line_search import is_finite
from sklearn_losses.solvers.descent._models import Models
from sklearn_losses.solvers.descent._newton_model import JointModel
from sklearn_losses.solvers.descent._problem import bends_alike
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.solvers.descent._smoothing import Smoothing
from sklearn_losses.solvers.descent._state import Start, State, Step, Verdict
from sklearn_losses.solvers.descent._stopping import Stopping, Tolerance

EPS = np.finfo(np.float64).eps
NEARBY = 1e-6  # of a width: two of them, whose slopes are compared


@dataclass(frozen=True)
class Limits:
    """How far a descent may go.

    Attributes
    ----------
    max_iter : int
        The most passes over the rows.
    tol : float
        What may be missed of the gain over the best constant.
    n_iter_no_change : int
        So many iterations without progress end it.
    stop : Stop
        Set by somebody else: it ends after the current iteration.
    """

    max_iter: int
    tol: float
    n_iter_no_change: int = 5
    stop: Stop = field(default_factory=Stop)


def start_of(problem, constant):
    """What is known of a problem at the best constant.

    Raises
    ------
    ValueError
        If that is below what the loss takes for its minimum.
    """
    term = problem.term
    few = term.grouped
    at_constant, lowest = few.value_at(constant), term.minimum()
    slopes, gain = _steepness(few, constant), at_constant - lowest
    term.unit = SETTINGS.unit(gain, slopes)
    # No more than rounding, of the values or of the constant.
    sizes = max(abs(at_constant), abs(lowest))
    largest = float(np.abs(constant).max())
    rounding = SETTINGS.nothing_to_gain * sizes + 4 * EPS * slopes * largest
    if gain < -SETTINGS.wrong_minimum * max(sizes, 1e-3 * term.total):
        raise ValueError(
            f"The mean value of {term.loss!r} at the best constant is "
            f"{at_constant:.6g}, below its minimum, {lowest:.6g}, so "
            "that a fit could not tell when it is perfect. Correct the minimum "
            "(of a NumpyLoss minimum=None searches for it), and see check_loss."
        )
    return Start(at_constant, lowest, slopes / term.total / term.unit, rounding)


def _steepness(term, constant):
    """The sum of the sizes of the slopes at a constant."""
    # A loss that is not convex may have no slope where it is far off.
    term = term.relative or term
    found = term.steepness_at(constant)
    if term.is_smoothed and not term.couples_outputs:
        # On the side of a kink where most rows are flat, whatever rounding says.
        near = SETTINGS.near_kink * (abs(constant) or 1.0)
        beside = constant - near, constant + near
        found = min(found, *map(term.steepness_at, beside))
    return found


class Descent:
    """One problem on its way to its minimum.

    Parameters
    ----------
    problem : CentredProblem
    limits : Limits
    stopping : Stopping
    models : Models
    smoothing : Smoothing
    point : tuple of coef and intercept, or ndarray
        Where it begins, unless the best constant is better; or theta, where it begins
        in any case.

    Attributes
    ----------
    model : QuadraticModel
    start : Start or None
        None before the first iteration.
    state : State
    ended : bool
        Whether the last iteration has been made.
    """

    def __init__(self, problem, limits, stopping, models, smoothing, point):
        self.problem, self.limits, self.stopping = problem, limits, stopping
        self.models, self.smoothing = models, smoothing
        self.model = models.first(problem)
        self.start, self.state, self.ended = None, State(), False
        # The start and the unit of an earlier fit to the same rows, and its end.
        self.known = self.last = None
        self._iterations = self._run(point)

    @classmethod
    def to_tolerance(cls, limits, objective, features, term, point, passes=1):
        """The descent of an objective, which proves its end by a gap if there is one.

        Parameters
        ----------
        limits : Limits
        objective : Objective
            Of one output, or of outputs that share it.
        features : Centred
        term : LossTerm
        point : tuple of coef and intercept
        passes : int
            Over the rows until now; the first is that for mean and spread.
        """
        kind, gap = kinds_of(objective)
        problem = kind.of(objective, features, term, passes)
        proof = partial(gap, limits) if objective.has_gap else None
        stopping = Tolerance(limits, proof)
        return cls(problem, limits, stopping, Models(), Smoothing(), point)

    # --------------------------------------------------------------- iteration
    def advance(self):
        """Make an iteration; `ended` then says whether it was the last."""
        self.state.step_size = 0.0
        self.ended = next(self._iterations, None) is None

    def finish(self):
        """Make all iterations, unless somebody says stop."""
        with np.errstate(all="ignore"):
            while not (self.ended or self.limits.stop.is_set()):
                self.advance()

    def end(self):
        """It is enough, somebody else says."""
        self.ended = self.state.converged = True

    def _run(self, point):
        """Iterate; yields where an iteration is one for those who look at it."""
        if isinstance(point, tuple):
            self._begin(*point)
        else:
            self.state.begin(point, self.problem.raw_at(point))
        verdict = self.stopping.begin(self)
        while verdict is None or verdict is Verdict.AGAIN:
            self.stopping.see(self)
            if self.stopping.is_met(self):
                verdict = Verdict.ARRIVED
                break
            if self.stopping.shows_iterations:
                yield True
            if self.limits.stop.is_set() or not self.stopping.may_go_on(self):
                break
            self._look()
            if self.state.pending is not None:
                self.arrive(self.state.value, self.state.pending)
                yield True
            verdict = self._iterate()
            if isinstance(verdict, Stopping):
                self.stopping, verdict = verdict, Verdict.AGAIN
                self.state.ahead = None
        converged = verdict in (Verdict.ARRIVED, Verdict.ARRIVED_SHOWN)
        self.state.converged = self.stopping.finish(self, converged)
        if self.state.pending is not None:
            self.arrive_pending()
        if verdict is Verdict.ARRIVED_SHOWN:
            yield True

    def _iterate(self):
        """Make the step to the minimum of the model, as far as it is judged to lead."""
        new, delta, slope, promised = self.model.minimum()
        step = Step(new, delta, slope, promised, self._possible(promised))
        verdict = self.stopping.judge_model(self, step)
        if isinstance(verdict, Stopping):  # the step is there, and the sums it is from
            self.stopping = verdict
            verdict = verdict.judge_model(self, step)
        return (
            verdict
            or self._try(step)
            or self.stopping.judge_direction(self, step)
            or self._go(step)
        )

    def _look(self):
        """Model the problem around the point; now and then compute that anew."""
        state, problem = self.state, self.problem
        state.n_iterations += 1
        self.model = self.models.after_many(self)
        if state.n_iterations % SETTINGS.refresh == 0:
            state.raw, state.ahead = problem.raw_at(state.theta), None
        self.look_at(state.theta, state.raw, state.ahead)
        state.ahead = None

    def look_at(self, theta, raw, seen=None):
        """Model the problem around a point, which a pass may have seen."""
        state, problem, h = self.state, self.problem, self.smoothing.width
        if seen is None:
            known, state.known_sums = state.known_sums, None
            seen = problem.sweep(self.model.sums(), raw, h, known=known)
        rows = problem.features.rows
        if not rows.is_verified:
            rows.verify(seen.sums.by_g)
        state.seen, state.seen_at = seen, theta
        self.model.update(theta, seen, Around(self, raw))
        state.value = seen.value + problem.penalty(theta)
        state.excess = seen.excess

    def _possible(self, promised):
        """What a model has promised, but no more than there is to gain."""
        known = self.problem.term.known_minimum
        if known is None:
            return promised
        return min(promised, max(self.state.value - known, 0.0))

    def _try(self, step):
        """Find the raw predictions of a step, and what is beyond it for nothing."""
        self.smoothing.step()
        step.direction, step.ahead = self._attempt(self.state.raw, step.delta)

    def _attempt(self, raw, delta):
        problem = self.problem
        if self.model.needs_curvatures:
            return problem.raw(delta), None
        direction = np.empty_like(raw)
        sums, h = self.model.sums(), self.smoothing.width
        return direction, problem.sweep(sums, raw, h, direction, delta)

    def _go(self, step):
        """Go as far as the slopes along the step say."""
        state = self.state
        step.length = t = self._length(step)
        has_flat = self.model.is_flat(SETTINGS.flat * state.seen.steepness)
        is_blind = step.promised > step.predicted or not step.slope < 0 or has_flat
        if is_blind and self._widens(step, has_flat):
            return Verdict.AGAIN
        if t == 0:
            return self.stopping.judge_failure(self, step)
        self.model.learn_from(t)
        step.ahead = step.ahead if t == 1 else None
        state.theta = step.new if t == 1 else state.theta + t * step.delta
        state.pending = t
        verdict = self.stopping.judge_length(self, step)
        if verdict is None:
            state.raw += step.direction if t == 1 else t * step.direction
            state.ahead = step.ahead
            verdict = self.stopping.judge_move(self, step)
        return verdict

    def _length(self, step):
        """How far to go, by slopes of the smoothed objective."""
        state, problem = self.state, self.problem
        raw, q, delta = state.raw, step.direction, step.delta
        if not (step.slope < 0 and is_finite(q)):
            return 0.0
        theta, h, along = state.theta, self.smoothing.width, problem.term.slope_along
        whole = problem.line(theta, delta)
        most = state.value + 2.0 * state.excess

        def slope(t):
            is_seen = t == 1 and step.ahead is not None
            of_loss = step.ahead.along if is_seen else along(raw, q, t, h)
            step.slope_left = whole(t, of_loss)
            return step.slope_left

        def is_lower(t):
            if t == 1 and step.ahead is not None:
                return problem.value_at(None, theta + delta, step.ahead) <= most
            return problem.value_along(raw, q, t, theta + t * delta) <= most

        found = problem.step_length(state, step, h, slope, is_lower)
        # Beyond the minimum of the model coefficients may be out of bounds.
        return min(found, 1.0) if problem.price.has_bounds else found

    # --------------------------------------------------------------- smoothing
    def _widens(self, step, has_flat):
        """Smooth a loss without kinks, if a step is short of what the model promises.

        That is more than there is: nearly all rows are where the loss is linear, and
        the others, which are few or bend within a narrow band, say nothing of a step
        that leads out of it. Where no row bends the model knows no step at all.
        """
        state, smoothing, problem = self.state, self.smoothing, self.problem
        term, raw, t = problem.term, state.raw, step.length
        is_bent = not term.couples_outputs and problem.is_convex
        may_widen = is_bent and not (term.is_smoothed or smoothing.has_widened)
        if smoothing.width > 0 or not may_widen:
            return False
        left = state.value - problem.penalty(state.theta) - self.start.lowest
        ahead = problem.value_along(
            raw, step.direction, t, state.theta + t * step.delta
        )
        if state.value - ahead >= SETTINGS.helps * left:
            return False
        self.model = self.models.for_smoothing(self.model)
        smoothing.widen(term, raw, left, state.seen.steepness, not has_flat)
        self.model.forget()
        return True

    def narrow(self, divisor, value):
        """Smooth less, and go on from the constant if nothing was better."""
        state, term = self.state, self.problem.term
        before = self.smoothing.width
        self.smoothing.narrow(term, state.raw, divisor)
        is_known = self.problem.follows_kinks and hasattr(self.model, "minimum_after")
        if is_known and self.smoothing.width > 0:
            self._follow(before)
        self.model.forget()
        state.ahead = None
        is_constant = not state.kept[..., :-1].any()
        if is_constant and self.is_at_constant and state.best < value:
            state.theta = state.kept
            state.raw = term.at_constant(state.kept[..., -1])

    def _follow(self, before):
        """Go to where the minimum is with a narrower smoothing, by the last model.

        What is at a kink at the minimum is in the band around it, but not in its
        middle: it moves as the band shrinks, and all of it together. Left where it is,
        most of it would be out of the band, and take many steps to find its way back.
        """
        state, problem, term = self.state, self.problem, self.problem.term
        width = self.smoothing.width

        def value(theta, raw):
            here = term.model(raw, width, None, False)
            return here.value + here.excess + problem.penalty(theta)

        problem.passes += 2
        nearby = term.slopes(state.raw, before * (1.0 - NEARBY))
        change = term.slopes(state.raw, before) - nearby
        change *= (width - before) / (NEARBY * before)
        by_coef = np.append(problem.features.transposed_dot(change), change.sum())
        new = self.model.minimum_after(by_coef)
        raw = problem.raw_at(new)
        if value(new, raw) < value(state.theta, state.raw):
            state.theta, state.raw = new, raw
            self.arrive(self.value_here(), 1.0)

    # ------------------------------------------------------------------- start
    def _begin(self, coef, intercept):
        """Begin at the best constant, or at the given point if it is better."""
        state, problem, term = self.state, self.problem, self.problem.term
        c = term.best_constant() if problem.has_intercept else intercept
        if self.known is None:
            self.start = start_of(problem, c)
        else:
            self.start, term.unit = self.known
        theta = np.zeros((*np.shape(intercept), problem.features.n_features + 1))
        theta[..., -1] = c
        state.begin(theta, term.at_constant(c))
        self.smoothing.begin(problem, state.raw, self.start.typical)
        if self.smoothing.width > 0:
            self.model = self.models.for_smoothing(self.model)
        if coef.any():
            given, raw, ahead = self._given(coef, intercept, theta)
            if problem.value_at(raw, given, ahead) < self.start.at_constant:
                state.theta, state.raw, state.ahead = given, raw, ahead
                return
        if self.smoothing.width == 0:  # of which the slopes are those of the loss
            state.known_sums = problem.features.by_slopes

    def _given(self, coef, intercept, constant):
        """A point, its raw predictions, and what a pass has seen there."""
        if self.last is not None and self.last.is_at(coef, self.model):
            return self.last.point
        given = self.problem.point(coef, intercept)
        raw, ahead = self._attempt(self.state.raw, given - constant)
        return given, raw + self.state.raw, ahead

    # ------------------------------------------------------------------ points
    def arrive(self, value, length, theta=None):
        """See a point: where the descent is, or where it would be."""
        self.state.arrive(self.state.theta if theta is None else theta, value, length)

    def arrive_pending(self):
        """See the point that nobody has seen yet."""
        state = self.state
        self.arrive(self.value_here(), state.pending)

    def arrive_ahead(self, step):
        """See the end of a step, if a pass has."""
        if step.ahead is not None:
            value = self.problem.value_at(None, step.new, step.ahead)
            self.arrive(value, 1.0, step.new)

    def value_here(self):
        state = self.state
        return self.problem.value_at(state.raw, state.theta, state.ahead)

    def value_ahead(self, step):
        """The objective at theta, which raw predictions have not reached yet."""
        state = self.state
        parts = state.raw, step.direction, step.length, state.theta
        return self.problem.value_along(*parts)

    # -------------------------------------------------------------- predicates
    @property
    def is_at_constant(self):
        """Whether nothing better than the best constant has been found."""
        return self.state.best >= self.start.at_constant - self.start.rounding

    @property
    def foresees(self):
        """Whether the model is that of all of the objective."""
        is_sharp = self.smoothing.width == 0 and self.model.certain > 0
        return is_sharp and self.problem.is_convex

    @property
    def is_in_doubt(self):
        """Whether the model may be wrong that little is left to gain.

        A fit that crawls gains as little at each step as one that has arrived; and so
        does one whose curvature is less, in some direction, than what kinks need.
        """
        may_be_stiff = self.smoothing.width > 0 or not self.problem.has_kinks
        is_odd = (may_be_stiff and self.model.is_stiff) or self._may_hide
        return is_odd or self.state.n_iterations >= SETTINGS.struggling

    @property
    def _may_hide(self):
        """Whether curvature may hide what is left to gain, as that of a far row does.

        It ends where the loss of that row is flat, some 20 steps later. Where columns
        are nearly parallel a row can be far from all others between them; and of
        exponentials one row may have most of the curvature, whatever its X is.
        """
        problem = self.problem
        is_odd = self.model.is_collinear or self._is_of_one_row
        return problem.features.has_far or (
            is_odd and not bends_alike(problem.term.loss)
        )

    @property
    def _is_of_one_row(self):
        """Whether most of the curvature may be that of one row, or there is none."""
        seen = self.state.seen
        curvature = seen.curvature
        if not self.problem.is_steep or curvature is None:
            return curvature == 0.0
        return seen.largest_curvature >= SETTINGS.of_one_row * curvature

    # ----------------------------------------------------------------- results
    @property
    def bound(self):
        """What the objective is at least, nan if it is not convex."""
        return self.stopping.bound if self.problem.is_convex else math.nan

    @property
    def gained(self):
        """By how much the best point is below the best constant, 0 if by rounding."""
        found = self.start.at_constant - self.state.best
        return 0.0 if abs(found) <= self.start.rounding else found

    def found(self):
        """coef and intercept of the best point."""
        return self.problem.unscaled(self.state.kept)

    def where(self):
        """Where it is, if a pass has seen it and nothing better is known."""
        state, seen = self.state, self.state.ahead
        if seen is None and state.seen_at is state.theta:
            seen = state.seen
        is_known = state.theta is state.kept and seen is not None
        if not is_known or seen.sums.wanted is not None:
            return None
        return End(self.found()[0], (state.theta, state.raw, seen))

    def curvature(self):
        """That of the objective at the best point, for another model to begin with."""
        if not self.model.needs_curvatures:
            kept = self.state.kept
            self.model.forget()
            self.look_at(kept, self.problem.raw_at(kept))
        return self.model.curvature()

    def exact_curvature(self):
        """The Hessian at the best point, of a loss of groups, whatever the model is."""
        theta, model = self.state.kept, JointModel(self.problem)
        around = Around(self, self.problem.raw_at(theta))
        model.update(theta, self.state.seen, around)
        return model.curvature()


class End(NamedTuple):
    """Where a descent has ended, for one of the same rows and features.

    Attributes
    ----------
    coef : ndarray
    point : tuple of theta, raw predictions and Swept
    """

    coef: np.ndarray
    point: tuple

    def is_at(self, coef, model):
        """Whether it is where one begins whose model asks for slopes alone."""
        return not model.needs_curvatures and np.array_equal(coef, self.coef)


class Around:
    """What a model may ask of a problem around a point, besides what a pass has seen.

    Each but `jitter` takes a pass over the rows.
    """

    def __init__(self, descent, raw):
        self._descent, self._problem, self._raw = descent, descent.problem, raw
        self._width = descent.smoothing.width

    def hessian(self):
        """The loss's Hessian of all outputs, and the sum of the rows' traces."""
        return self._problem.hessian(self._raw, self._width)

    def mean_hessian(self):
        """The sum of the Hessians of the rows' losses, of some rows."""
        return self._problem.term.mean_hessian(self._raw, self._width)

    def products(self):
        """v to the loss's Hessian times v."""
        return self._problem.products(self._raw, self._width)

    def jitter(self, curvature):
        """What the diagonal of a Hessian needs, whose rows' curvatures sum to that."""
        descent = self._descent
        return descent.smoothing.jitter(self._problem, descent.state.seen, curvature)
