"""Descent until a duality gap says that it is enough.

The steps are those of `_descent`; what is new is when to stop. Before a step that the
model takes for nearly the last, slopes give a lower bound of all objectives
(`problem._duality`). Of a quasi-Newton step they are those at the point itself, whose
sums a pass has made anyway. Newton's model predicts those at its minimum, which balance
the penalty. Those of a smoothed loss are means of slopes of the loss.
"""

import math

import numpy as np

from sklearn_losses.design._far import what_hides
from sklearn_losses.problem._duality import ROUNDING, Dual
from sklearn_losses.solvers.descent._descent import (
    MOST_FEATURES,
    PROOF,
    REFRESH,
    Fit,
    least_allowed,
)
from sklearn_losses.solvers.descent._newton_model import (
    JointModel,
    NewtonModel,
    ProductModel,
)
from sklearn_losses.solvers.descent._quasi_newton_model import QuasiNewtonModel
from sklearn_losses.terms._rows import RowTerm

NEWTON, LBFGS = "newton", "lbfgs"
MODELS = {NEWTON: NewtonModel, LBFGS: QuasiNewtonModel}
WIDTH_DIVISOR = 4.0  # how fast the smoothing shrinks
NARROW_EARLY = 0.1  # of the excess of smoothing may be left to gain
EXPLAINED = 3.0  # times the excess: a gap that smoothing explains
PROMISING = 3.0  # times what would do if gaps shrink as predictions do
LEAST_PROMISING = 1e-2  # of predictions
FIRST_TRY, LONGEST_PAUSE = 20, 5  # iterations
TINY = 1e-300  # where all is 0
IMPROVING = 0.1  # of what was missing at the step before: a step more will do
SURELY = 1e-3  # of what may be left to gain: there is nothing else to do


def overflows(loss):
    """What to do where an objective is infinite."""
    what = "y: scale y" if loss.task == "regression" else "X: scale X"
    return (
        "its objective overflows float64 where it begins, and no step has led from "
        f"there. {loss!r} does not suit the units of {what}, or set the parameters of "
        "the loss."
    )


def what_hides_of(objective):
    """What is said of a row that may hide all others where a fit did not arrive."""
    weight, centre = objective.sample_weight, objective.fit_intercept
    return what_hides(objective.rows, weight, centre)


def fit_of(solver, objective, *parts):
    """The fit of an objective, which proves its end by a gap if there is one."""
    kind = GapFit if objective.has_gap else Fit
    return kind(solver, objective, *parts)


class GapFit(Fit):
    """A fit that is proved by a gap where its end is in doubt.

    Attributes
    ----------
    bound : float
        What the objective is at least, whatever the coefficients are.
    """

    promising, next_try = None, FIRST_TRY  # see is_promising
    best_slopes = best_point = best_theta = dual = None
    missing, is_improving = math.inf, False  # of the last slopes that were tried
    bound, holds_to = -np.inf, np.inf

    def begin_bound(self):
        """The bound that slopes of 0 prove."""
        self.dual = Dual(
            self.term.loss,
            self.term.y,
            self.term.weight,
            self.features,
            self.price,
            self.has_intercept,
            self.term.offset,
        )
        lowest, self.holds_to = self.term.known_minimum, np.inf
        if lowest is None:
            self.bound = self.dual.bound(self.no_slopes())
        else:
            self.bound = lowest - ROUNDING * abs(lowest)

    def no_slopes(self):
        n = len(self.term.y)
        return np.zeros((n, self.n_outputs) if self.theta_is_matrix else n)

    def prove(self, p, theta, allowed):
        """Go on until a gap is small, unless it is."""
        self.begin_bound()
        slopes = self.term.slopes(p, self.h)
        self.dual.conjugate.begin_at(theta[..., :-1])
        self.raise_to(self.dual.bound(slopes, self.reach(theta)))
        if self.best - self.bound <= PROOF * allowed:
            self.converged = True
            return
        yield from self.to_gap(p, theta, None)
        if not self.converged and self.bound == -np.inf:
            self.converged = self.is_level(theta, allowed)

    def to_gap(self, p, theta, ahead):
        """As `run`, from a point on, until the gap is small."""
        while not self.is_certified():
            yield True
            if self.passes + 2 > self.solver.max_iter or self.solver.stop.is_set():
                return
            self.n_iterations += 1
            self.change_model()
            if self.n_iterations % REFRESH == 0:
                p, ahead = self.raw_at(theta), None
            value, excess = self.look(p, theta, ahead)
            new, delta, slope_at_0, predicted = self.model.minimum()
            promised, predicted = predicted, self.possible(value, predicted)
            enough = max(self.allowed(value, predicted), NARROW_EARLY * excess)
            is_last = self.passes + 3 > self.solver.max_iter
            if self.sees_gaps and (is_last or self.model.trust * predicted <= enough):
                self.raise_bound_at(
                    p, theta, -np.inf if is_last else self.best - enough
                )
                if self.is_certified():
                    return
            q, ahead = self.attempt(p, delta)
            if not self.sees_gaps and (is_last or self.is_promising(predicted, enough)):
                self.raise_bound(p, theta, q, new)
                if self.is_certified():
                    self.arrive_ahead(new, ahead)
                    return
                if self.h == 0:
                    share = PROMISING * self.allowed() / (self.best - self.bound)
                    self.promising = predicted * max(share, LEAST_PROMISING)
                    self.next_try = self.n_iterations + LONGEST_PAUSE
                if self.is_too_smooth(predicted, enough, excess):
                    ahead = None
                    p, theta = self.begin_narrower(p, theta, value)
                    continue
            self.previous = value
            t = self.length(p, q, theta, delta, slope_at_0, ahead)
            is_blind = promised > predicted or not slope_at_0 < 0 or self.has_flat
            if is_blind and self.widens(p, theta, delta, q, t, value):
                ahead = None
                continue
            if t == 0:
                ahead = None
                if self.model.damp():
                    continue
                if not self.is_smoothed(excess):
                    if self.sees_gaps:
                        self.raise_bound_at(p, theta)
                    return
                p, theta = self.begin_narrower(p, theta, value)
                continue
            self.model.heed(t)
            theta = new if t == 1 else theta + t * delta
            ahead = ahead if t == 1 else None
            if ahead is not None:
                self.arrive_ahead(new, ahead)
            else:
                self.arrive(theta, self.value_along(p, q, t, theta), t)
            is_newton = self.foresees and t == 1
            if is_newton and self.is_foreseen(self.reached, predicted, enough):
                self.raise_bound(p, theta, q, new)
            p += q if t == 1 else t * q

    def begin_narrower(self, p, theta, value):
        """Smooth less; of a constant that may be the optimum the gap falls as h^2."""
        divisor, self.missing = WIDTH_DIVISOR, math.inf
        if self.is_at_constant and self.bound > -np.inf:
            missing = (self.best - self.bound) / max(self.allowed(), TINY)
            divisor = max(divisor, 2.0 * math.sqrt(missing))
        return self.narrow(divisor, p, theta, value)

    @property
    def sees_gaps(self):
        """Whether a pass over the rows at a point gives a bound for nothing.

        Slopes of a smoothed loss are not its own. Newton's model predicts the slopes of
        the point after, with which one pass less will do.
        """
        return self.h == 0 and not self.model.predicts_slopes

    def is_promising(self, predicted, enough):
        """Whether a bound is worth its cost, a pass over the rows or more."""
        if self.promising is not None:
            enough = min(enough, self.promising)
        return predicted <= enough or self.n_iterations >= self.next_try

    def arrive_ahead(self, theta, ahead):
        """Remember the point of an attempt, if there was one."""
        if ahead is not None:
            self.arrive(theta, self.value_at(None, theta, ahead), 1.0)

    def is_smoothed(self, excess):
        """Whether the smoothing may be what keeps the gap from being small."""
        return excess > NARROW_EARLY * self.allowed()

    def is_too_smooth(self, predicted, enough, excess):
        """Whether there is nothing more to gain with this smoothing."""
        is_explained = self.best - self.bound <= EXPLAINED * excess
        if self.is_at_constant:  # that may be the optimum: slopes prove it
            if self.is_improving:
                return False
            is_explained, enough = False, self.allowed()
        return self.is_smoothed(excess) and (
            is_explained or predicted <= SURELY * enough
        )

    def length(self, *step):
        t = super().length(*step)
        # Beyond the minimum of the model coefficients may be out of bounds.
        return min(t, 1.0) if self.price.has_bounds else t

    def raise_bound_at(self, p, theta, least=-np.inf):
        """By the slopes at p, which have been summed."""

        def at(block):
            here = self.term.model(p[block], 0.0, block, False)
            return p[block], here.slopes, here.value

        if self.term.offset is not None:
            self.seen.moment = self.linear_moment(theta)
        self.dual.conjugate.begin_at(theta[..., :-1])
        found = self.dual.bound_at(self.seen, at, self.reach(theta), least)
        if self.raise_to(found):
            self.best_slopes, self.best_point, self.best_theta = None, p, theta

    def raise_to(self, found):
        """Take the last bound if it is better; whether it is."""
        is_better = found > self.bound
        if is_better:
            self.bound, self.holds_to = found, self.dual.conjugate.holds_to
        return is_better

    def linear_moment(self, theta):
        """The sum of the slopes times what features and intercept have predicted."""
        by_g, of_g = self.seen.sums.by_g, self.seen.sums.of_g
        theta = theta.reshape(len(of_g), -1)
        return float(np.vdot(by_g, theta[:, :-1]) + of_g @ theta[:, -1])

    def slopes(self):
        """Those that the bound is of, about."""
        if self.best_slopes is not None:
            return self.best_slopes
        if self.best_point is not None:
            return self.term.slopes(self.best_point, 0.0)
        return self.no_slopes()

    @staticmethod
    def reach(theta):
        """How large a coefficient is, as a bound asks."""
        return np.abs(theta[..., :-1]).max(initial=0.0)

    def raise_bound(self, p, theta, q, new):
        """By the slopes that the model predicts at p + q and, if need be, by others."""
        reach = max(self.reach(theta), self.reach(new))
        if p.ndim == 2:
            slopes = (self.term.slopes(p + q, self.h), self.term.slopes(p, self.h))
        else:
            around = self.seen.whole
            if around is None or around.curvatures is None:
                around = self.term.model(p, self.h)
            slopes = (around.slopes + around.curvatures * q, around.slopes)
        before = self.missing
        for candidate, at in zip(slopes, (new, theta)):
            self.dual.conjugate.begin_at(at[..., :-1])
            found = self.dual.bound(candidate, reach)
            if candidate is slopes[0]:
                self.missing = self.best - found
                self.is_improving = self.missing <= IMPROVING * before
            if self.raise_to(found):
                self.best_slopes, self.best_theta = candidate, at
                return

    def allowed(self, value=-math.inf, predicted=0.0):
        """The gap that will do; by what the model takes for the optimum, if given."""
        gain = self.at_constant - max(self.bound, value - 2.0 * predicted)
        return max(self.solver.tol * gain, self.least)

    @property
    def least(self):
        return least_allowed(self.solver.tol, self.at_constant - self.lowest)

    def is_certified(self):
        if not (math.isfinite(self.best) and self.bound > -math.inf):
            return False
        if self.holds_to < math.inf and self.reach(self.kept) > self.holds_to:
            self.begin_bound()  # it was for smaller ones
        enough = self.rounding if self.is_perfect else self.allowed()
        self.converged = self.best - self.bound <= enough
        return self.converged


class CertifiedFit(GapFit):
    """A fit that ends when the gap between its best value and its bound is small."""

    is_stopped = False  # by somebody who looks at it

    def __init__(self, solver, steps, objective, features, term, *point_and_passes):
        self.method = solver.method
        super().__init__(steps, objective, features, term, *point_and_passes)
        self.may_change &= solver.may_change
        if not objective.is_convex:
            self.bound = np.nan

    def run(self, coef, intercept):
        if not self.objective.has_gap:
            yield from super().run(coef, intercept)
            return
        self.begin_bound()
        theta, p, ahead = self.begin(coef, intercept)
        self.arrive(theta, self.value_at(p, theta, ahead), 0.0)
        yield from self.to_gap(p, theta, ahead)

    def prove(self, p, theta, allowed):
        if self.objective.has_gap:
            return super().prove(p, theta, allowed)
        return Fit.prove(self, p, theta, allowed)

    def first_model(self):
        is_long = self.features.n_features > MOST_FEATURES
        price = self.price
        needs_matrix = price.has_kinks or not price.is_simple or self.term.is_smoothed
        if self.method == NEWTON and is_long and not needs_matrix:
            return ProductModel
        if self.method == NEWTON and isinstance(self.term, RowTerm):
            return JointModel
        return MODELS[self.method]

    def change_model(self):
        super().change_model()
        if isinstance(self.model, JointModel):
            self.method = NEWTON

    def smooths_to_begin(self):
        if isinstance(self.model, ProductModel):  # a smoothed loss needs a matrix
            self.begin_model(NewtonModel)

    def go_on(self, sample):
        """Where the fit of some of the rows has ended, with what it knows."""
        self.first_h = sample.h
        if sample.h > 0:
            return
        self.begin_model(QuasiNewtonModel)
        self.model.begin_with(sample.curvature)

    def warnings(self, owner):
        """What the user should know: a tolerance that was missed, or no minimum."""
        if not self.converged:
            return [] if self.is_stopped else [self.failure(owner)]
        penalised = not self.price.is_nothing
        possible = self.at_constant - self.lowest
        if penalised or self.best - self.lowest > self.solver.tol * possible:
            return []
        # Every row has nearly its least loss. Is that a loss that is never reached?
        y, constant = self.term.y[self.term.weight > 0], self.term.loss.optimal_constant
        ends = np.append(constant([y.min()]), constant([y.max()]))
        if np.isfinite(ends).all():
            return []
        return [
            f"{owner} fits every row perfectly, as where a plane separates classes. "
            "Without a penalty its objective then has no minimum, and coefficients "
            "grow without end; these leave less than tol to gain. Use alpha > 0."
        ]

    def failure(self, owner):
        limit = self.solver.max_iter
        over = self.passes + 2 > limit
        reason = f"in max_iter={limit} passes over the rows"
        if not over:
            reason = f"after {self.passes} passes, as no step lowers its objective"
        if not math.isfinite(self.best):
            return f"{owner} did not converge: {overflows(self.objective.loss)}"
        reached = f"{self.objective.loss!r} has no duality gap"
        if not self.price.is_convex:
            reached = "a penalty that is not convex has no duality gap"
        if self.bound > -np.inf:
            gap, gain = self.best - self.bound, self.at_constant - self.bound
            share = gap / max(gain, self.least / self.solver.tol, TINY)
            reached = (
                f"the duality gap is {gap:.1g}, which is {share:.1g} of the gain over "
                f"the best constant, and tol={self.solver.tol:g}"
            )
        advice = "max_iter or tol" if over else "tol"
        advice = f"Increase {advice}, or alpha."
        advice += what_hides_of(self.objective)
        return f"{owner} did not converge {reason}: {reached}. {advice}"

    def show(self):
        gap = self.best - self.bound
        print(
            f"iteration {self.n_iterations:4d}  objective {self.best:.9g}  "
            f"gap {gap:.2g}  smoothing {self.h:.2g}  passes {self.passes}"
        )
