"""A descent stops when a duality gap says that it is enough.

Before a step that the model takes for nearly the last, slopes give a lower bound of all
objectives (`problem._duality`). Of a quasi-Newton step they are those at the point
itself, whose sums a pass has made anyway. Newton's model predicts those at its minimum,
which balance the penalty. Those of a smoothed loss are means of slopes of the loss.
"""

import math
from dataclasses import replace

import numpy as np

from sklearn_losses.problem._duality import ROUNDING, Dual
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.solvers.descent._state import Verdict
from sklearn_losses.solvers.descent._stopping import Stopping, Tolerance


class Gap(Stopping):
    """Until the best value is near a lower bound.

    Parameters
    ----------
    limits : Limits

    Attributes
    ----------
    best_theta : ndarray or None
        Where the slopes of the bound are from.
    """

    shows_iterations = True

    def __init__(self, limits):
        self.limits = limits
        self.best_theta = None
        self._best_slopes = self._best_point = self._dual = None
        self._holds_to = math.inf  # how large coefficients are that the bound is of
        self._promising, self._next_try = None, SETTINGS.first_try
        self._missing, self._is_improving = math.inf, False  # of the last slopes
        self._is_last = False  # whether no other iteration is allowed
        self._least_allowed = None
        self._proof = None  # what may be left at an end that is to be proved

    # ------------------------------------------------------------------- start
    def begin(self, descent):
        self.begin_bound(descent)
        descent.arrive_pending()

    def begin_bound(self, descent):
        """The bound that slopes of 0 prove."""
        problem = descent.problem
        term = problem.term
        self._dual = Dual(
            *(term.loss, term.y, term.weight, problem.features, problem.price),
            *(problem.has_intercept, term.offset),
        )
        self._begin_at(descent, lambda: np.zeros(term.shape))

    def _begin_at(self, descent, zeros):
        """With the bound that slopes of 0 prove."""
        lowest, self._holds_to = descent.problem.term.known_minimum, math.inf
        if lowest is None:
            self.bound = self._dual.bound(zeros())
        else:
            self.bound = lowest - ROUNDING * abs(lowest)

    def is_proved(self, descent, left):
        """Whether the slopes where a descent is show that so little is left to gain."""
        state, term, self._proof = descent.state, descent.problem.term, left
        slopes = term.slopes(state.raw, descent.smoothing.width)
        self._dual.conjugate.begin_at(state.theta[..., :-1])
        self._raise_to(self._dual.bound(slopes, self._reach(state.theta)))
        return state.best - self.bound <= left

    # --------------------------------------------------------------- judgements
    def see(self, descent):
        if not self._holds(descent):
            self.begin_bound(descent)

    def _holds(self, descent):
        """Whether coefficients are as small as those that the bound is of."""
        limit = self._holds_to
        return limit == math.inf or self._reach(descent.state.kept) <= limit

    def is_met(self, descent):
        best, start = descent.state.best, descent.start
        is_known = math.isfinite(best) and self.bound > -math.inf
        if not (is_known and self._holds(descent)):
            return False
        enough = start.rounding if start.is_perfect else self.allowed(descent)
        return best - self.bound <= enough

    def allowed(self, descent, value=-math.inf, predicted=0.0):
        """The gap that will do; by what the model takes for the optimum, if given."""
        start, tol = descent.start, self.limits.tol
        if self._least_allowed is None:
            self._least_allowed = SETTINGS.least_allowed(tol, start.possible)
        gain = start.at_constant - max(self.bound, value - 2.0 * predicted)
        return max(tol * gain, self._least_allowed)

    def judge_model(self, descent, step):
        state = descent.state
        step.allowed = enough = max(
            self.allowed(descent, state.value, step.predicted),
            SETTINGS.narrow_early * state.excess,
        )
        self._is_last = is_last = descent.problem.passes + 3 > self.limits.max_iter
        if not self._sees_gaps(descent):
            return None
        if is_last or descent.model.trust * step.predicted <= enough:
            least = -math.inf if is_last else state.best - enough
            self._raise_bound_here(descent, least)
            if self.is_met(descent):
                return Verdict.ARRIVED
        return None

    def _sees_gaps(self, descent):
        """Whether a pass over the rows at a point gives a bound for nothing.

        Slopes of a smoothed loss are not its own. Newton's model predicts the slopes of
        the point after, with which one pass less will do.
        """
        return descent.smoothing.width == 0 and not descent.model.predicts_slopes

    def judge_direction(self, descent, step):
        is_promising = self._is_last or self._is_promising(descent, step)
        if self._sees_gaps(descent) or not is_promising:
            return None
        state = descent.state
        self._raise_bound(descent, step, state.theta)
        if self.is_met(descent):
            descent.arrive_ahead(step)
            return Verdict.ARRIVED
        if descent.smoothing.width == 0:
            gap = state.best - self.bound
            share = SETTINGS.promising * self.allowed(descent) / gap
            self._promising = step.predicted * max(share, SETTINGS.least_promising)
            self._next_try = state.n_iterations + SETTINGS.longest_pause
        if self._is_too_smooth(descent, step):
            self._narrow(descent)
            return Verdict.AGAIN
        return None

    def _is_promising(self, descent, step):
        """Whether a bound is worth its cost, a pass over the rows or more."""
        enough = step.allowed
        if self._promising is not None:
            enough = min(enough, self._promising)
        is_due = descent.state.n_iterations >= self._next_try
        return step.predicted <= enough or is_due

    def _is_too_smooth(self, descent, step):
        """Whether there is nothing more to gain with this smoothing."""
        state, enough = descent.state, step.allowed
        is_explained = state.best - self.bound <= SETTINGS.explained * state.excess
        if descent.is_at_constant:  # that may be the optimum: slopes prove it
            if self._is_improving:
                return False
            is_explained, enough = False, self.allowed(descent)
        return self._is_smoothed(descent) and (
            is_explained or step.predicted <= SETTINGS.surely * enough
        )

    def _is_smoothed(self, descent):
        """Whether the smoothing may be what keeps the gap from being small."""
        return descent.state.excess > SETTINGS.narrow_early * self.allowed(descent)

    def _divisor(self, descent):
        """How much less to smooth."""
        return SETTINGS.gap_divisor

    def _narrow(self, descent):
        """Smooth less; of a constant that may be the optimum the gap falls as h^2."""
        divisor, self._missing = self._divisor(descent), math.inf
        if descent.is_at_constant and self.bound > -math.inf:
            gap = descent.state.best - self.bound
            missing = gap / max(self.allowed(descent), SETTINGS.tiny)
            divisor = max(divisor, 2.0 * math.sqrt(missing))
        descent.narrow(divisor, descent.state.value)

    def judge_failure(self, descent, step):
        if descent.model.damp():
            return Verdict.AGAIN
        if not self._is_smoothed(descent):
            if self._sees_gaps(descent):
                self._raise_bound_here(descent)
            return Verdict.GIVEN_UP
        self._narrow(descent)
        return Verdict.AGAIN

    def judge_length(self, descent, step):
        if step.ahead is not None:
            descent.arrive_ahead(step)
        else:
            descent.arrive(descent.value_ahead(step), step.length)
        is_newton = descent.foresees and step.length == 1
        if is_newton and Tolerance.is_foreseen(descent, step, descent.state.reached):
            self._raise_bound(descent, step, step.new)

    def finish(self, descent, converged):
        if converged or self._proof is None or self.bound > -math.inf:
            return converged
        return Tolerance.is_level(descent, self._proof / SETTINGS.proof)

    # ------------------------------------------------------------------ bounds
    def _raise_bound_here(self, descent, least=-math.inf):
        """By the slopes at the point, which have been summed."""
        state, term = descent.state, descent.problem.term

        def at(block):
            here = term.model(state.raw[block], 0.0, block, False)
            return state.raw[block], here.slopes, here.value

        seen, reach = state.seen, self._reach(state.theta)
        if term.offset is not None:
            seen = replace(seen, moment=_linear_moment(seen.sums, state.theta))
        self._dual.conjugate.begin_at(state.theta[..., :-1])
        found = self._dual.bound_at(seen, at, reach, least)
        if self._raise_to(found):
            self._best_slopes, self._best_point = None, state.raw
            self.best_theta = state.theta

    def _raise_to(self, found):
        """Take the last bound if it is better; whether it is."""
        is_better = found > self.bound
        if is_better:
            self.bound, self._holds_to = found, self._dual.conjugate.holds_to
        return is_better

    def _raise_bound(self, descent, step, theta):
        """By the slopes that the model predicts ahead and, if need be, by others."""
        state = descent.state
        reach = max(self._reach(theta), self._reach(step.new))
        slopes = self._slopes_around(descent, step)
        ahead = slopes[0]
        before = self._missing
        for candidate, at in zip(slopes, (step.new, theta)):
            self._dual.conjugate.begin_at(at[..., :-1])
            found = self._dual.bound(candidate, reach)
            if candidate is ahead:
                self._missing = state.best - found
                self._is_improving = self._missing <= SETTINGS.improving * before
            if self._raise_to(found):
                self._best_slopes, self.best_theta = candidate, at
                return

    def _slopes_around(self, descent, step):
        """Those that the model predicts ahead, and those at the point."""
        state, term, h = descent.state, descent.problem.term, descent.smoothing.width
        if descent.problem.is_joint:
            ahead = term.slopes(state.raw + step.direction, h)
            return ahead, term.slopes(state.raw, h)
        around = state.seen.whole
        if around is None or around.curvatures is None:
            around = term.model(state.raw, h)
        return around.slopes + around.curvatures * step.direction, around.slopes

    @staticmethod
    def _reach(theta):
        """How large a coefficient is, as a bound asks."""
        return np.abs(theta[..., :-1]).max(initial=0.0)

    def slopes(self, term):
        """Those that the bound is of, about."""
        if self._best_slopes is not None:
            return self._best_slopes
        if self._best_point is not None:
            return term.slopes(self._best_point, 0.0)
        return np.zeros(term.shape)


def _linear_moment(sums, theta):
    """The sum of the slopes times what features and intercept have predicted."""
    by_g, of_g = sums.by_g, sums.of_g
    theta = theta.reshape(len(of_g), -1)
    return float(np.vdot(by_g, theta[:, :-1]) + of_g @ theta[:, -1])
