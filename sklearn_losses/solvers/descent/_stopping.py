"""When a descent stops: each part of an iteration asks a `Stopping`.

`Tolerance` stops where the model offers too little, `Gap` (`_gap`) where a lower bound
is near.
"""

import math

import numpy as np

from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.solvers.descent._state import Verdict


class Stopping:
    """Base: goes on until the passes that are allowed have been made.

    Each `judge` returns a `Verdict`, another `Stopping` that goes on in place of this
    one, or None, which lets the iteration go on.

    Attributes
    ----------
    shows_iterations : bool
        Whether each iteration is one for those who look at it, or only one that has led
        somewhere.
    bound : float
        What the objective is at least, whatever the coefficients are.
    """

    shows_iterations = False
    bound = -math.inf

    def begin(self, descent):
        """The descent has its first point, which is pending."""

    def may_go_on(self, descent):
        """Whether another iteration is allowed, which takes two passes."""
        return descent.problem.passes + 2 <= descent.limits.max_iter

    def see(self, descent):
        """The descent is about to make an iteration, or to end."""

    def is_met(self, descent):
        """Whether the descent has converged, as far as that is known already."""
        return False

    def judge_model(self, descent, step):
        """There is a model, and the step to its minimum."""

    def judge_direction(self, descent, step):
        """The raw predictions of the step are known."""

    def judge_failure(self, descent, step):
        """No length of the step lowers the objective."""
        return Verdict.GIVEN_UP

    def judge_length(self, descent, step):
        """A length is found; theta is there, and the raw predictions not yet."""

    def judge_move(self, descent, step):
        """The raw predictions are there, too."""

    def finish(self, descent, converged):
        """Whether it has converged, after the last iteration."""
        return converged


class Tolerance(Stopping):
    """Until a model offers less than a share of what has been gained.

    Parameters
    ----------
    limits : Limits
    proof : callable or None, default=None
        () -> Stopping that proves an end which is in doubt. None: by the gradient.
    """

    smoothing_excess = SETTINGS.smoothing_excess

    def __init__(self, limits, proof=None):
        self.limits, self.proof = limits, proof
        self._previous = math.inf  # value from which the last step went
        self._stretch = 1.0  # of that step, which the next may need as well
        self._n_stale = self._n_tried = 0
        self._is_certain = False

    def begin(self, descent):
        if descent.start.is_perfect:
            descent.arrive_pending()
            return Verdict.ARRIVED
        return None

    def judge_model(self, descent, step):
        state, smoothing = descent.state, descent.smoothing
        allowed = step.allowed = self._allowed(descent, step.predicted)
        done = step.is_enough = self._is_enough(descent, step)
        has_arrived = (done and smoothing.width > 0) and (
            not self._is_rough(descent, allowed)
            or (smoothing.is_fresh and smoothing.has_narrowed)
        )
        if self._is_over(descent, step):
            return self.prove(descent, allowed)
        if has_arrived and self._needs_proof(descent, allowed):
            is_open = self._may_step(descent, allowed)
            return None if is_open else self.prove(descent, allowed)
        if has_arrived:
            return Verdict.ARRIVED
        if done and smoothing.width > 0:
            divisor = smoothing.divisor(state.excess, allowed)
            descent.narrow(divisor, state.value)
            return Verdict.AGAIN
        self._previous = state.value
        return None

    def _allowed(self, descent, predicted):
        """How little there may be left to gain."""
        gain = descent.start.at_constant - descent.state.value
        least = SETTINGS.least_allowed(self.limits.tol, descent.start.possible)
        return max(self.limits.tol * (gain + predicted), least)

    def _is_enough(self, descent, step):
        """Whether the model offers too little."""
        model, allowed, predicted = descent.model, step.allowed, step.predicted
        progress = self._previous - descent.state.value
        is_sharp = descent.smoothing.width == 0
        self._is_certain = is_sharp and predicted <= model.certain * allowed
        # Where the curvature is infinite, as of |r|^1.2 at 0, no model tells the end.
        is_stale = is_sharp and progress <= SETTINGS.stale * allowed
        self._n_stale = self._n_stale + 1 if is_stale else 0
        is_little = predicted * max(self._stretch, 1.0) <= model.trust * allowed
        return is_little and (
            descent.smoothing.is_fresh
            or progress <= SETTINGS.last_decrease * allowed
            or self._is_certain
        )

    def _is_over(self, descent, step):
        """Whether there is no progress, or it is the constant that may be the best."""
        if self._n_stale >= self.limits.n_iter_no_change:
            return True
        smoothing, little = descent.smoothing, SETTINGS.little * descent.state.excess
        is_narrow = step.is_enough or (
            smoothing.has_narrowed and step.predicted <= little
        )
        return smoothing.width > 0 and is_narrow and descent.is_at_constant

    def _needs_proof(self, descent, allowed):
        """Whether more may be left to gain than a smoothed model says."""
        return self._is_rough(descent, allowed) or descent.is_in_doubt

    def _may_step(self, descent, allowed):
        """Whether steps may yet bear a model out, where nothing else proves an end."""
        if self.proof is not None or self._is_rough(descent, allowed):
            return False
        self._n_tried += 1
        return self._n_tried <= SETTINGS.borne_out

    def _is_rough(self, descent, allowed):
        """Whether smoothed kinks hide more than is allowed."""
        return descent.state.excess > self.smoothing_excess * allowed

    def prove(self, descent, allowed):
        """Make sure that an end is one."""
        if self.proof is None and self._may_narrow(descent, allowed):
            divisor = descent.smoothing.divisor(descent.state.excess, allowed)
            descent.narrow(divisor, descent.value_here())
            return Verdict.AGAIN
        if self.proof is None:
            is_level = self.is_level(descent, allowed)
            return Verdict.ARRIVED if is_level else Verdict.GIVEN_UP
        proof = self.proof()
        proof.begin_bound(descent)
        if proof.is_proved(descent, SETTINGS.proof * allowed):
            return Verdict.ARRIVED
        return proof

    def _may_narrow(self, descent, allowed):
        """Whether a narrower width may show what no bound says: how much is left."""
        least = SETTINGS.narrowest * descent.problem.term.unit
        return descent.smoothing.width > least and self._is_rough(descent, allowed)

    @staticmethod
    def is_level(descent, allowed):
        """Whether the gradient leaves little to gain on a way as long as so far.

        With a penalty that is not convex, which a step so long would leave behind, or
        such a loss of groups, on as long a way as the typical curvature allows.
        """
        problem = descent.problem
        steep = float(np.linalg.norm(descent.model.steepest_slope()))
        size = float(np.linalg.norm(descent.state.theta[..., :-1]))
        way = max(size, problem.term.unit)
        bends = problem.couples_rows and not problem.is_convex
        if bends or not problem.price.is_convex:
            typical = max(descent.start.typical, SETTINGS.tiny)
            way = min(way, 0.5 * steep / typical)
        return steep * way <= SETTINGS.proof * allowed

    def judge_failure(self, descent, step):
        if step.is_enough or not descent.model.damp():
            return self.prove(descent, step.allowed)
        return Verdict.AGAIN

    def judge_length(self, descent, step):
        if not (descent.foresees and step.length == 1):
            return None
        reached = descent.value_ahead(step)
        if not self.is_foreseen(descent, step, reached) or descent.is_in_doubt:
            return None
        descent.arrive(reached, step.length)
        return Verdict.ARRIVED_SHOWN  # so that the curve ends level

    @staticmethod
    def is_foreseen(descent, step, reached):
        """Whether a step has led to the minimum, by how well the model foresaw it.

        At the end of a step that gains P the slope should be 0. Where it is s, about
        s^2 / 4P is left to gain; value and slope are not both right by chance.
        """
        missing = reached - (descent.state.value - step.predicted)
        error = max(abs(step.slope_left), 2.0 * abs(missing))
        # Roots, because products of values overflow long before the values do.
        likely, allowed = SETTINGS.foreseen * step.predicted, step.allowed
        return error <= math.sqrt(max(likely, 0.0)) * math.sqrt(max(allowed, 0.0))

    def judge_move(self, descent, step):
        state, allowed = descent.state, step.allowed
        self._stretch = step.length
        is_rough = self._is_rough(descent, allowed)
        if is_rough and step.predicted <= SETTINGS.little * state.excess:
            divisor = descent.smoothing.divisor(state.excess, allowed)
            descent.narrow(divisor, descent.value_here())
        if not (step.is_enough and (step.length == 1 or self._is_certain)):
            return None
        if not descent.is_in_doubt:
            return Verdict.ARRIVED
        reached = descent.value_here() if self._n_tried else math.inf
        descent.arrive_pending()
        if self._n_tried and self.is_foreseen(descent, step, reached):
            return Verdict.ARRIVED
        if self._n_tried and self._may_step(descent, allowed):
            return None
        return self.prove(descent, allowed)
