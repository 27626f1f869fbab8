"""Descent on all rows of one objective: steps to the minima of quadratic models.

The features are centred and in units of their spread, so that scales and offsets of the
columns do not matter. Kinks are smoothed, less and less until the smoothing is below
the tolerance; and so is a loss that is linear around most rows, until it bends by
itself. A step goes to the minimum of a quadratic model, Newton's (`_newton_model`) or a
quasi-Newton one (`_quasi_newton_model`), and costs one or two passes over the rows; its
length is found on cached raw predictions (Yuan, Ho and Lin 2012). An l1 norm is a part
of the model (Lee, Sun and Saunders 2014).
"""

import math
from dataclasses import dataclass

import numpy as np

from sklearn_losses.design._centred import Centred, Sums
from sklearn_losses.losses import SquaredError
from sklearn_losses.problem._sweep import N_SUMS, sweep
from sklearn_losses.solvers.descent._curvature import JITTER
from sklearn_losses.solvers.descent._line_search import is_finite, step_length
from sklearn_losses.solvers.descent._newton_model import JointModel, NewtonModel
from sklearn_losses.solvers.descent._quasi_newton_model import QuasiNewtonModel
from sklearn_losses.terms._points import PointTerm
from sklearn_losses.terms._rows import RowTerm
from sklearn_losses.terms._term import Model

PATIENCE = 100  # passes of "lbfgs", until it gives way to "newton" for a loss of rows
LONGER = 3  # times as many, as long as nothing is better than the constant
STRUGGLING = 12  # iterations, after which an arrival has to be proved
PROOF = 10.0  # times what is allowed may be left by a proof, which is not sharp
NOTHING_TO_GAIN = 1e-12  # times the value: where a constant is perfect
WRONG = 1e-6  # times the value below the minimum is no rounding
OF_ONE = 0.2  # of the curvature is most of it
EPS = np.finfo(np.float64).eps
FIRST_WIDTH, WIDE_WIDTH = 0.3, 2.5  # of the smoothing, the second ...
FEW_ROWS = 10  # ... for fewer rows a coefficient, of which 0.3 leaves too many out
MANY_ROWS = 100  # a coefficient: nobody needs to know how many are copies
SMOOTHING_TOL = 3.0  # times tol may be the excess of smoothing
LITTLE = 0.3  # times the excess is what the last step with a smoothing may gain
HELPS = 0.5  # of what there may be to gain: a step that does needs no smoothing
DIVISORS = 2.0, 16.0  # at least and at most: how fast the smoothing shrinks until ...
AIM = 0.5  # ... its excess is this share of what may be left to gain
PROGRESS_TOL = 4.0  # times tol may be the last decrease
FORESEEN = 0.01  # see `is_foreseen`
STALE = 1e-3  # times the allowed decrease: so little is no progress
FLOOR = 1e-3  # of the possible gain is what tol is relative to, at the least ...
RESOLUTION = 1e-9  # ... but no more of it may be missed, if next to nothing is gained
KINK = 1e-6  # of a constant: so near it may be a kink
LEAST_CURVATURE = 1e-3  # of the typical one: what kinks without rows count as
FLAT = 1e-9  # of the slopes: less is rounding
NO_CURVATURE = 1e-12  # of the largest: the row is flat
MOST_NUMBERS = 1 << 20  # of some rows times outputs, from which the Hessian is formed
MOST_FEATURES = 1000  # of Newton's method: a matrix of 8 MB
REFRESH = 20  # iterations after which raw predictions are computed anew


def has_small_matrix(objective):
    """Whether the Hessian has no more rows than Newton's method takes."""
    n_blocks = objective.n_outputs if objective.is_joint else 1
    return n_blocks * (objective.rows.n_features + 1) <= MOST_FEATURES + 1


def least_allowed(tol, possible):
    """What may be missed where next to nothing of the possible gain is gained."""
    return min(FLOOR * tol, RESOLUTION) * possible


def term_of(objective, chosen=None):
    """See `Objective.term`."""
    return objective.term(chosen)


def bends_alike(loss):
    """Whether the curvature is the same everywhere."""
    return isinstance(loss.split_weight()[0], SquaredError)


def features_for(loss, rows, weight, centre, slopes=None):
    """The centred features: where a loss may be flat the far rows do not count."""
    return Centred(rows, weight, centre, slopes, keeps_far=bends_alike(loss))


def slopes_at_start(objective, coef, intercept, chosen=None):
    """Those of one output at the constant where it begins, if `Centred` can sum them.

    Returns
    -------
    ndarray of shape (n_rows,) or None
    """
    loss, rows = objective.loss, objective.rows
    is_smooth = loss.convex and loss.differentiable and objective.n_outputs == 1
    if not (rows.is_sparse and is_smooth) or objective.is_joint or coef.any():
        return None
    term = term_of(objective, chosen)
    c = term.best_constant() if objective.fit_intercept else intercept[0]
    return term.slopes(term.at_constant(c), 0.0)


@dataclass
class Swept:
    """What a pass over the rows has seen at raw predictions.

    Attributes
    ----------
    value, excess : float
        Of the loss, and what its smoothing adds.
    moment, size : float
        The sum of the slopes times the raw predictions, and that of the absolute
        values, at the least.
    steepness : float
        The sum of the sizes of the slopes.
    along : float
        The sum of the slopes times the direction, if there is one.
    sums : Sums
    whole : Model or None
        Of all rows, if they are one block: no other pass overwrites it.
    largest : float
        Of the rows' curvatures, if it may be large and is not that of `whole`.
    curvature : float or None
        Their sum, if they are wanted.
    """

    sums: Sums
    value: float = 0.0
    excess: float = 0.0
    moment: float = 0.0
    size: float = 0.0
    steepness: float = 0.0
    along: float = 0.0
    whole: Model | None = None
    largest: float = 0.0
    curvature: float | None = None

    def add(self, block):
        """Take in the `Model` of a block of rows."""
        self.value += block.value
        self.excess += block.excess
        self.moment += block.moment
        self.size += block.size
        self.steepness += block.steepness


class Fit:
    """One objective on its way: theta, u and the intercept c of the centred features.

    theta is of shape (d + 1,) or, of a loss of rows, (n_outputs, d + 1).
    """

    def __init__(self, solver, objective, features, term, coef, intercept, passes=1):
        self.solver, self.features, self.term = solver, features, term
        self.n_outputs = np.size(intercept)
        self.theta_is_matrix = np.ndim(intercept) > 0
        self.has_intercept = objective.fit_intercept
        self.is_convex = objective.is_convex
        self.is_steep = not objective.loss.smoothness < math.inf
        self.price = objective.penalty.scaled(features.scale)
        self.objective = objective
        self.may_change = objective.is_joint and has_small_matrix(objective)
        self.begin_model(self.first_model())
        self.h, self.first_h = 0.0, None
        self.arrived, self.narrowed = True, False
        self.previous, self.stretch = math.inf, 1.0
        self.has_widened, self.may_drop = False, True
        self.here, self.reached, self.step_size = None, math.inf, 0.0
        self.best, self.kept = math.inf, None
        self.passes = passes  # the first is that for mean and spread
        self.by_slopes = None  # those of the constant, if it begins there
        self.converged = False
        self.n_iterations = self.n_stale = 0
        self.ended = False
        self._iterations = self.run(coef, intercept)

    def first_model(self):
        is_joint = isinstance(self.term, RowTerm)
        needs_more = is_joint or self.features.n_features > MOST_FEATURES
        return QuasiNewtonModel if needs_more else NewtonModel

    def begin_model(self, cls):
        parts = self.features, self.price, self.has_intercept
        self.use(cls(*parts, self.n_outputs))

    def use(self, model):
        """Let a quadratic model find the steps.

        A loss of rows with a conjugate, whose slopes sum to 0, sees nothing of what is
        added to all outputs. Only the l2 norm does, and is least where they sum to 0.
        """
        self.model = model
        self.l2, self.l1 = model.l2, model.l1
        is_joint = isinstance(self.term, RowTerm)
        model.is_centred = (
            is_joint and self.term.loss.has_conjugate and not model.has_kinks
        )

    # ------------------------------------------------------------------ points
    def value_at(self, p, theta, seen=None):
        """The objective at p, which a pass may have seen."""
        loss = self.term.value(p) if seen is None else seen.value
        return loss + self.penalty(theta)

    def value_along(self, p, q, t, theta):
        """The objective at p + t q, where the coefficients are theta."""
        return self.term.value(p, q, t) + self.penalty(theta)

    def penalty(self, theta):
        total = 0.5 * float(np.vdot(self.l2 * theta, theta))
        if self.model.has_kinks:
            total += float((np.abs(theta) @ self.l1).sum())
        if not self.price.is_simple:
            total += self.price.rest(theta[..., :-1])
        return total

    def arrive(self, theta, value, step_size):
        """Remember a point, and the best one by the objective without smoothing."""
        self.here, self.reached, self.step_size = theta, value, step_size
        if self.reached < self.best:
            self.best, self.kept = self.reached, theta

    # ------------------------------------------------------------------- start
    def begin(self, coef, intercept):
        """The best constant, or the given point if it is better.

        Returns
        -------
        theta, p : ndarray
            The point, and its raw predictions.
        ahead : Swept or None
            What a pass has seen there, if there was one.
        """
        c = self.term.best_constant() if self.has_intercept else intercept
        theta = np.zeros((*np.shape(intercept), self.features.n_features + 1))
        theta[..., -1] = c
        few = self.term.grouped
        self.at_constant = few.value_at(c)
        self.lowest = self.term.minimum()
        # A loss that is not convex may have no slope where it is far off.
        relative = self.term.loss.convex_relative()
        steep = few if relative is None else few.with_loss(relative)
        slopes = steep.steepness_at(c)
        if isinstance(steep, PointTerm) and steep.is_smoothed:
            # On the side of a kink where most rows are flat, whatever rounding says.
            near = KINK * (abs(c) or 1.0)
            slopes = min(slopes, *map(steep.steepness_at, (c - near, c + near)))
        self.kept = theta
        gain = self.at_constant - self.lowest
        self.term.unit = min(max(gain / max(slopes, 1e-300), 1e-150), 1e150)
        self.typical = slopes / self.term.total / self.term.unit
        # No more than rounding, of the values or of c.
        sizes = max(abs(self.at_constant), abs(self.lowest))
        largest = float(np.max(np.abs(c))) if np.ndim(c) else abs(c)
        self.rounding = NOTHING_TO_GAIN * sizes + 4 * EPS * slopes * largest
        self.is_perfect = gain <= self.rounding < math.inf
        if gain < -WRONG * max(sizes, 1e-3 * self.term.total):
            raise ValueError(
                f"The mean value of {self.term.loss!r} at the best constant is "
                f"{self.at_constant:.6g}, below its minimum, {self.lowest:.6g}, so "
                "that a fit could not tell when it is perfect. Correct the minimum "
                "(of a NumpyLoss minimum=None searches for it), and see check_loss."
            )
        p = self.term.at_constant(c)
        self.h = self.first_width(p)
        if coef.any():
            scale, given = self.features.scale, theta.copy()
            np.divide(coef, scale, out=given[..., :-1], where=scale > 0)
            given[..., -1] = intercept + coef @ self.features.mean
            if self.model.is_centred:
                given -= given.mean(axis=0)
            q, ahead = self.attempt(p, given - theta)
            q += p
            if self.value_at(q, given, ahead) < self.at_constant:
                return given, q, ahead
        self.by_slopes = self.features.by_slopes
        return theta, p, None

    def first_width(self, p):
        """Over how much the loss is smoothed at first, from raw predictions p on.

        Kinks always are; and so is a loss that is linear around most rows, as Huber's
        far out, where it says nothing of how far the minimum is.
        """
        if self.first_h is not None:
            return self.first_h
        if not (self.term.is_smoothed or self.term.may_lack_curvature):
            return 0.0
        n_coefs, count = self.features.n_features + 1, self.n_different_rows
        if not self.term.is_smoothed:
            if not self.term.lacks_curvature(p, n_coefs, count):
                return 0.0
            self.smooths_to_begin()
        is_few = count() < FEW_ROWS * n_coefs
        width = WIDE_WIDTH if is_few else FIRST_WIDTH
        return self.term.width(p, width * self.term.unit)

    def n_different_rows(self):
        """How many rows there are, without copies: those are a weight.

        Where there are many for each coefficient the number does not matter.
        """
        n_rows, d = len(self.term.y), self.features.n_features
        if n_rows > MANY_ROWS * (d + 1) or d == 0:
            return n_rows
        return self.features.n_different(self.term.weight)

    def smooths_to_begin(self):
        """A loss without kinks will be smoothed."""

    def raw(self, theta):
        """What features and intercept add to raw predictions, in a pass."""
        self.passes += 1
        return self.features.raw(theta)

    def raw_at(self, theta):
        """The raw predictions at a point."""
        found, offset = self.raw(theta), self.term.offset
        return found if offset is None else found + offset

    def sweep(self, p, q=None, delta=None):
        """The loss and its slopes at p, in one pass over the rows.

        Parameters
        ----------
        p : ndarray
            Raw predictions.
        q : ndarray or None
            Then it is at p + q, where q becomes the raw predictions of `delta`.
        """
        seen = Swept(self.model.sums())
        by_slopes, self.by_slopes = self.by_slopes, None
        is_known = by_slopes is not None  # and X need not be read
        if is_known:
            seen.sums.know(by_slopes)
        self.passes += not is_known
        is_simple = seen.sums.wanted is None and isinstance(self.term, PointTerm)
        if is_simple and not is_known:
            found = self._sweep_stored(self.term, seen.sums, p, q, delta, self.h)
            value, middle, seen.moment, seen.size, seen.steepness, seen.along, _ = found
            seen.value = value
            seen.excess = 0.5 * (middle - value) if self.h > 0 else 0.0
            return seen
        is_one = len(self.features.blocks) == 1
        for block in self.features.blocks:
            at = p[block]
            if q is not None:
                along = self.features.raw(delta, block)
                q[block] = along
                at = at + along
            with_curvatures = seen.sums.wanted is not None
            which = None if is_one else block
            here = self.term.model(at, self.h, which, with_curvatures)
            seen.add(here)
            seen.whole = here if is_one else None
            if with_curvatures and self.is_steep and not is_one:
                seen.largest = max(seen.largest, float(here.curvatures.max()))
            if q is not None:
                seen.along += float(np.vdot(here.slopes, along))
            seen.sums.add(block, here.slopes, here.curvatures)
        return seen

    def _sweep_stored(self, term, sums, p, q, delta, h):
        """A pass in compiled loops, which adds to sums; returns what it counts."""
        found = np.zeros(N_SUMS)
        theta = self.features.for_stored(np.zeros_like(self.l2) if q is None else delta)

        def add(gradient):
            for stored in self.features.stored():
                block, *rows = stored
                here = None if q is None else q[block]
                of_block = term.sums_of(block)
                found[:] += sweep(*rows, of_block, theta, p[block], here, h, gradient)
            return found[-1]

        sums.add_stored(add)
        return found

    # --------------------------------------------------------------- iteration
    def advance(self):
        """Make an iteration; `ended` then says whether it was the last."""
        self.step_size = 0.0
        self.ended = next(self._iterations, None) is None

    def run(self, coef, intercept):
        """Iterate until the tolerance, the most passes, or no step is found.

        Yields
        ------
        True
            After the start and each step but the last, at the point `here`.
        """
        theta, p, ahead = self.begin(coef, intercept)
        if self.is_perfect:
            self.converged = True
            self.arrive(theta, self.value_at(p, theta), 0.0)
            return
        solver = self.solver
        step = 0.0  # that has led to a point which nobody has seen; None: there is none
        while self.passes + 2 <= solver.max_iter and not solver.stop.is_set():
            self.n_iterations += 1
            self.change_model()
            if self.n_iterations % REFRESH == 0:
                p, ahead = self.raw_at(theta), None
            value, excess = self.look(p, theta, ahead)
            ahead = None
            if step is not None:
                self.arrive(theta, value, step)
                yield True
            step = None
            new, delta, slope_at_0, predicted = self.model.minimum()
            promised, predicted = predicted, self.possible(value, predicted)
            allowed = self.enough(value, predicted)
            done = self.is_done(value, predicted, excess, allowed)
            is_stale = self.n_stale >= solver.n_iter_no_change
            has_arrived = self.has_arrived(done, excess, allowed)
            is_narrow = done or (self.narrowed and predicted <= LITTLE * excess)
            if self.h > 0 and is_narrow and self.is_at_constant:
                is_stale = True  # for the constant may be the optimum
            is_rough = excess > SMOOTHING_TOL * allowed  # more than may be left to gain
            if is_stale or (has_arrived and (is_rough or self.is_in_doubt())):
                yield from self.prove(p, theta, allowed)
                return
            if has_arrived:
                self.converged = True
                return
            if done and self.h > 0:
                divisor = self.divisor(excess, allowed)
                p, theta = self.narrow(divisor, p, theta, value)
                continue
            self.arrived, self.previous = False, value
            q, ahead = self.attempt(p, delta)
            t = self.length(p, q, theta, delta, slope_at_0, ahead)
            is_blind = promised > predicted or not slope_at_0 < 0 or self.has_flat
            if is_blind and self.widens(p, theta, delta, q, t, value):
                ahead = None
                continue
            if t != 1:
                ahead = None
            if t == 0:
                if done or not self.model.damp():
                    yield from self.prove(p, theta, allowed)
                    return
                continue
            if self.foresees and t == 1:
                reached = self.value_along(p, q, t, new)
                is_foreseen = self.is_foreseen(reached, predicted, allowed)
                if is_foreseen and not self.is_in_doubt():
                    self.converged = True
                    self.arrive(new, reached, t)
                    yield True  # so that the curve ends level: nothing is left to do
                    return
            self.model.heed(t)
            self.stretch = t
            theta = new if t == 1 else theta + t * delta
            p += q if t == 1 else t * q
            step = t
            if excess > SMOOTHING_TOL * allowed and predicted <= LITTLE * excess:
                divisor = self.divisor(excess, allowed)
                p, theta = self.narrow(divisor, p, theta, self.value_at(p, theta))
                ahead = None
            if done and (t == 1 or self.is_certain):
                if self.is_in_doubt():
                    self.arrive(theta, self.value_at(p, theta), step)
                    yield from self.prove(p, theta, allowed)
                    return
                self.converged = True
                break
        if step is not None:
            self.arrive(theta, self.value_at(p, theta), step)

    def attempt(self, p, delta):
        """The raw predictions of a step and, if it costs little, what is beyond it."""
        if self.model.needs_curvatures:
            return self.raw(delta), None
        q = np.empty_like(p)
        return q, self.sweep(p, q, delta)

    @property
    def has_flat(self):
        """Whether there is a way down along a column none of whose rows bends."""
        return self.model.is_flat(FLAT * self.seen.steepness)

    def possible(self, value, predicted):
        """What a model has predicted, but no more than there is to gain."""
        known = self.term.known_minimum
        return predicted if known is None else min(predicted, max(value - known, 0.0))

    def widens(self, p, theta, delta, q, t, value):
        """Smooth a loss without kinks, if a step is short of what the model promises.

        That is more than there is: nearly all rows are where the loss is linear, and
        the others, which are few or bend within a narrow band, say nothing of a step
        that leads out of it. Where no row bends the model knows no step at all.
        """
        is_bent = isinstance(self.term, PointTerm) and self.is_convex
        if self.h > 0 or self.has_widened or not is_bent or self.term.is_smoothed:
            return False
        left = value - self.penalty(theta) - self.lowest
        if value - self.value_along(p, q, t, theta + t * delta) >= HELPS * left:
            return False
        self.has_widened, self.may_drop = True, not self.has_flat
        self.smooths_to_begin()
        unit = left / max(self.seen.steepness, 1e-300)
        self.h = self.term.width(p, WIDE_WIDTH * min(max(unit, 1e-150), 1e150))
        self.arrived = True
        self.model.forget()
        return True

    def narrow(self, divisor, p, theta, value):
        """Smooth less, and not at all where the loss bends by itself.

        Returns
        -------
        p, theta : ndarray
            Where to go on: at the constant, as long as nothing better has been found.
        """
        drops = self.may_drop and self.term.may_drop(p, self.h)
        self.h = 0.0 if drops else self.h / divisor
        self.arrived = self.narrowed = True
        self.model.forget()
        is_constant = not self.kept[..., :-1].any()
        if not (is_constant and self.is_at_constant and self.best < value):
            return p, theta
        return self.term.at_constant(self.kept[..., -1]), self.kept

    @staticmethod
    def divisor(excess, allowed):
        """How much narrower the smoothing should be, whose excess falls as h^2."""
        ratio = excess / (AIM * allowed) if allowed > 0 else math.inf
        least, largest = DIVISORS
        return min(max(math.sqrt(max(ratio, 0.0)), least), largest)

    def enough(self, value, predicted):
        """How little there may be left to gain."""
        gain = self.at_constant - value
        least = least_allowed(self.solver.tol, self.at_constant - self.lowest)
        return max(self.solver.tol * (gain + predicted), least)

    def is_done(self, value, predicted, excess, allowed):
        """Whether the model offers too little."""
        progress = self.previous - value
        self.is_certain = self.h == 0 and predicted <= self.model.certain * allowed
        done = predicted * max(self.stretch, 1.0) <= self.model.trust * allowed and (
            self.arrived or progress <= PROGRESS_TOL * allowed or self.is_certain
        )
        # Where the curvature is infinite, as of |r|^1.2 at 0, no model tells the end.
        is_stale = self.h == 0 and progress <= STALE * allowed
        self.n_stale = self.n_stale + 1 if is_stale else 0
        return done

    def has_arrived(self, done, excess, allowed):
        """Whether nothing is left to gain with a smoothing that changes nothing."""
        if not (done and self.h > 0):
            return False
        return excess <= SMOOTHING_TOL * allowed or (self.arrived and self.narrowed)

    @property
    def is_at_constant(self):
        """Whether nothing better than the best constant has been found."""
        return self.best >= self.at_constant - self.rounding

    def is_in_doubt(self):
        """Whether the model may be wrong that little is left to gain.

        A fit that crawls gains as little at each step as one that has arrived; and so
        does one whose curvature is less, in some direction, than what kinks need.
        """
        is_kinked = self.model.has_kinks and self.h > 0 and self.price.is_convex
        is_odd = self.model.is_stiff or is_kinked or self.may_hide
        return is_odd or self.n_iterations >= STRUGGLING

    @property
    def may_hide(self):
        """Whether curvature may hide what is left to gain, as that of a far row does.

        It ends where the loss of that row is flat, some 20 steps later. Where columns
        are nearly parallel a row can be far from all others between them; and of
        exponentials one row may have most of the curvature, whatever its X is.
        """
        is_odd = self.model.is_collinear or self.is_of_one
        return self.features.has_far or (is_odd and not bends_alike(self.term.loss))

    @property
    def is_of_one(self):
        """Whether most of the curvature may be that of one row, or there is none."""
        seen = self.seen
        if not self.is_steep or seen.curvature is None:
            return seen.curvature == 0.0
        whole = None if seen.whole is None else seen.whole.curvatures
        largest = seen.largest if whole is None else float(whole.max())
        return largest >= OF_ONE * seen.curvature

    def prove(self, p, theta, allowed):
        """Make sure that an end is one; yields as `run` if that takes steps."""
        self.converged = self.is_level(theta, allowed)
        return
        yield

    def is_level(self, theta, allowed):
        """Whether the gradient leaves little to gain on a way as long as so far.

        With a penalty that is not convex, which a step so long would leave behind, on
        as long a way as the typical curvature allows.
        """
        steep = float(np.linalg.norm(self.model.steepest_slope()))
        size = float(np.linalg.norm(theta[..., :-1]))
        way = max(size, self.term.unit)
        if not self.price.is_convex:
            way = min(way, 0.5 * steep / max(self.typical, 1e-300))
        return steep * way <= PROOF * allowed

    def change_model(self):
        """Take to Newton's method where many passes have not been enough.

        A constant that may be the optimum is proved by slopes alone, if need be later.
        """
        patience = LONGER * PATIENCE if self.is_at_constant else PATIENCE
        if self.may_change and self.passes > patience:
            self.may_change = False
            self.begin_model(JointModel)

    @property
    def foresees(self):
        """Whether the model is that of all of the objective."""
        return self.h == 0 and self.model.certain > 0 and self.is_convex

    def is_foreseen(self, value, predicted, allowed):
        """Whether a step has led to the minimum, by how well the model foresaw it.

        At the end of a step that gains P the slope should be 0. Where it is s, about
        s^2 / 4P is left to gain; value and slope are not both right by chance.
        """
        missing = value - (self.previous - predicted)
        error = max(abs(self.left), 2.0 * abs(missing))
        return error * error <= FORESEEN * predicted * allowed

    def look(self, p, theta, seen=None):
        """Model the objective; returns its value and the excess of smoothing."""
        self.seen = seen = self.sweep(p) if seen is None else seen
        if not self.features.rows.is_verified:
            self.features.rows.verify(seen.sums.by_g)
        jitter, curvature = 0.0, None  # that of all rows
        if self.model.needs_hessian:
            self.model.hessian, curvature = self._hessian(p)
        elif seen.sums.wanted is not None:
            curvature = seen.curvature = sum(seen.sums.of_c.tolist())
        if self.h > 0 and curvature is not None:
            jitter = self.jitter(seen.steepness, curvature)
        if self.model.has_kinks:
            # Where all rows are flat a coefficient still has a way to 0.
            jitter = max(jitter, LEAST_CURVATURE * JITTER * self.typical)
        if self.model.needs_products:
            self.model.product = self._products(p)
        if seen.sums.wanted == "full" and isinstance(self.term, RowTerm):
            # At a constant a loss bends more than where the fit goes.
            is_start = not theta[..., :-1].any()
            self.model.coupling = (
                None if is_start else self.term.mean_hessian(p, self.h)
            )
        self.model.update(theta, seen.sums, jitter)
        self.excess = seen.excess
        return seen.value + self.penalty(theta), seen.excess

    def _hessian(self, p):
        """The loss's Hessian of all outputs at p, and the sum of the rows' traces."""
        self.passes += 1
        size, n_outputs = self.features.n_features + 1, self.n_outputs
        found, total = np.zeros((n_outputs, size, n_outputs, size)), 0.0
        n_rows = max(1, MOST_NUMBERS // (n_outputs * max(n_outputs, size)))
        for start in range(0, len(p), n_rows):
            block = slice(start, min(start + n_rows, len(p)))
            hessians = self.term.hessians(p[block], self.h, block)
            traces = np.einsum("ikk->i", hessians)
            total += float(traces.sum())
            # Where kinks are narrow most rows are flat, and left out.
            here = np.flatnonzero(traces > NO_CURVATURE * traces.max(initial=0.0))
            self.features.add_coupled(here + start, hessians[here], found)
        found = found.reshape(n_outputs * size, -1)
        return np.tril(found) + np.tril(found, -1).T, total

    def _products(self, p):
        """The product of the loss's Hessian at p with a vector, a pass over the rows.

        It is the gradient of sum c (z . v)^2 / 2, with the curvatures c.
        """
        at_0, q = np.zeros_like(p), np.empty_like(p)
        squares = PointTerm(SquaredError(), at_0, self.term.model(p, self.h).curvatures)

        def product(v):
            self.passes += 1
            sums = Sums(self.features)
            self._sweep_stored(squares, sums, at_0, q, v, 0.0)
            return sums.first[0]

        return product

    def curvature(self):
        """That of the objective at the best point, for another model to begin with."""
        if not self.model.needs_curvatures:
            self.model.forget()
            self.look(self.raw_at(self.kept), self.kept)
        return self.model.curvature()

    def jitter(self, steepness, curvature):
        """What kinks need on the diagonal, for bands in which there is no row."""
        typical = steepness / self.term.total / self.h
        curvature = curvature / self.term.total
        if not self.narrowed and curvature < 1e-6 * typical:
            return typical  # there is no curvature at all
        return JITTER * max(curvature, LEAST_CURVATURE * typical)

    def length(self, p, q, theta, delta, slope_at_0, ahead=None):
        """How far to go, by slopes of the smoothed objective; `ahead` is at 1."""
        if not (slope_at_0 < 0 and is_finite(q)):
            return 0.0
        bent = self.l2 * delta
        level, rise = float(np.vdot(bent, theta)), float(np.vdot(bent, delta))
        along, h = self.term.slope_along, self.h

        is_simple, norm = self.price.is_simple, self.price.norm

        def smooth_slope(t):
            at = ahead.along if t == 1 and ahead is not None else along(p, q, t, h)
            at += level + t * rise
            if not is_simple:
                rest = self.price.rest_slope((theta + t * delta)[..., :-1])
                at += float(np.vdot(rest, delta[..., :-1]))
            return at

        def slope_with_kinks(t):
            x = theta + t * delta
            at_0 = np.abs(x) <= 1e-14 * np.abs(theta)
            from_left = np.where(at_0, -np.abs(delta), np.sign(x) * delta)
            found = smooth_slope(t) + float(np.sum(from_left @ self.l1))
            if norm is not None:
                here = np.atleast_2d(np.where(at_0, 0.0, x))[:, :-1]
                found += norm.slope_before(here, np.atleast_2d(delta)[:, :-1])
            return found

        def is_lower(t):
            most = self.previous + 2.0 * self.excess
            if t == 1 and ahead is not None:
                return self.value_at(None, theta + delta, ahead) <= most
            return self.value_along(p, q, t, theta + t * delta) <= most

        def slope(t):
            self.left = slope_with_kinks(t) if self.model.has_kinks else smooth_slope(t)
            return self.left

        return step_length(slope, slope_at_0, is_lower, self.is_convex)
