"""Newton's method for outputs with predictors of their own.

The loop is that of `_descent`; the Hessian is that of what moves alone, and exact.
Where a likelihood is not convex its directions of negative curvature are turned around,
which makes them directions in which it falls.
"""

from dataclasses import replace

import numpy as np

from sklearn_losses.design._matrices import centre_rows
from sklearn_losses.losses._outputs import newton_step
from sklearn_losses.problem._outputs import bound_of
from sklearn_losses.solvers._base import SolverResult, finish
from sklearn_losses.solvers.descent._certified import Certified, features_of, sample_of
from sklearn_losses.solvers.descent._curvature import (
    FIRST_DAMPING,
    JITTER,
    scaled_cholesky,
    solve_scaled,
)
from sklearn_losses.solvers.descent._descent import Fit
from sklearn_losses.solvers.descent._gap_descent import NEWTON
from sklearn_losses.solvers.descent._line_search import is_finite
from sklearn_losses.solvers.descent._newton import Newton
from sklearn_losses.solvers.descent._newton_model import JointModel
from sklearn_losses.terms._outputs import OutputsTerm
from sklearn_losses.terms._term import FEW, uniform

START_TOL = 1e-2  # of a fit of some of the rows, with which one of many begins
SURE_STEPS = 40  # more than it takes to leave a far row behind
EXACT_STEPS = 6  # after the tolerance is met, at the most ...
LITTLE = 1e-15  # ... while they gain so much of the value
FASTER = 1e-2  # than before what is left should fall, or the curvature is another one
MOST_COEFS = 5000  # a matrix of 200 MB
FEWEST_ROWS = 256  # at a time, for products of matrices
ROUNDING = 1e-12  # of a sum of many values
VANISHED, GONE = 1e-4, 1e-8  # of the scale of a constant is none, of a fit that is done
SURELY_LEFT = 100.0  # times what may be left is a gap that no rounding explains ...
LEAST_GAP = 1e-7  # ... if it is this share of the value
MOST_NUMBERS = 1 << 16  # of Hessians at a time


def outputs_term(objective):
    """The loss on all rows."""
    weight = objective.sample_weight
    if weight is None:
        weight = uniform(1.0 / objective.total_weight, objective.rows.n_rows)
    else:
        weight = weight / objective.total_weight
    parts = objective.targets.y, weight, objective.n_outputs, objective.offset
    return OutputsTerm(objective.loss, *parts)


class OutputsModel(JointModel):
    """B is the Hessian of what moves, in packed order."""

    predictors = None

    def update(self, theta, sums, jitter):
        self.theta, self.is_smoothed = theta, jitter > 0
        places, moves = self.predictors.places, self._moves()
        self.gradient = self._gradient(theta, sums) * moves
        of_each = np.tile(self.l2, self.n_outputs)[places]
        self.hessian = self.hessian.copy()  # that of the loss may be asked for again
        diagonal = self.hessian.ravel()[:: len(places) + 1]
        diagonal += of_each + jitter * self.stiffness / JITTER
        if not self.price.is_simple:
            self._add_price(theta)

    def is_flat(self, least):
        return False  # only a loss of points can be smoothed for that

    def _moves(self):
        """What moves; a column without spread does not."""
        moves = self.predictors.moves.copy()
        moves[:, :-1] &= self.features.scale > 0
        return moves

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
        damping = max(self.damping, FIRST_DAMPING)
        factor, scale, needed = scaled_cholesky(self.hessian, damping)
        if needed > damping:
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


class OutputsFit(Fit):
    """A fit of outputs that use what their predictors say."""

    _is_polishing, _last = False, None

    def __init__(self, solver, objective, *parts):
        self.predictors = objective.predictors
        super().__init__(solver, objective, *parts)
        self.may_change = False

    def first_model(self):
        return OutputsModel

    def use(self, model):
        super().use(model)
        model.predictors, model.is_centred = self.predictors, False
        model.moves[-1] = 1.0  # predictors know which intercepts do

    # Of kinks at a constant that may be the optimum there is no proof: they are
    # smoothed less and less, as anywhere else.
    is_at_constant = False

    def is_in_doubt(self):
        """Whether more steps should show that nothing is left: see `prove`."""
        return self.h == 0 and super().is_in_doubt()

    def prove(self, p, theta, allowed):
        """Make steps to the end, with exact curvature, until they gain nothing.

        Where curvature hides what is left, as that of a far row does, they gain more
        and more.
        """
        if self.h > 0:
            self.converged = super().is_level(theta, allowed)
            return
        self.best = np.inf  # whatever rounding says, the last point is where it ends
        self.arrive(theta, self.value_at(p, theta), 1.0)
        for _ in range(SURE_STEPS):
            value, _ = self.look(p, theta)
            _, delta, slope_at_0, predicted = self.model.minimum()
            q = self.raw(delta)
            self.previous = value
            t = self.length(p, q, theta, delta, slope_at_0)
            gained = value - self.value_along(p, q, t, theta + t * delta)
            if t > 0:
                theta, p = theta + t * delta, p + t * q
                self.arrive(theta, value - gained, t)
            rounding = LITTLE * abs(value) * len(self.term.y) ** 0.5
            if max(predicted, gained) <= max(allowed, rounding):
                self.converged = True
                return
            if t == 0 and not self.model.damp():
                return
            yield True

    def length(self, p, q, theta, delta, slope_at_0, ahead=None):
        """How far to go; a whole step if it gains less than values can tell."""
        is_tiny = 0.0 < -slope_at_0 <= ROUNDING * abs(self.previous)
        if is_tiny and is_finite(q):
            return 1.0
        return super().length(p, q, theta, delta, slope_at_0, ahead)

    def _hessian(self, p):
        """That of what moves, and the sum of the rows' traces."""
        if self._is_polishing:
            return self._last
        self._last = self._new_hessian(p)
        return self._last

    def _new_hessian(self, p):
        self.passes += 1
        size, n_outputs = self.predictors.size, self.n_outputs
        found, total = np.zeros((size, size)), 0.0
        width = max(n_outputs**2, self.features.n_features + 1)
        n_rows = max(FEWEST_ROWS, MOST_NUMBERS // width)
        for start in range(0, len(p), n_rows):
            block = slice(start, min(start + n_rows, len(p)))
            hessians = self.term.hessians(p[block], self.h, block)
            total += float(np.abs(np.einsum("ikk->ik", hessians)).sum())
            self.predictors.add_curvature(self._z(block), hessians, found)
        return found, total

    def _z(self, block):
        """Centred rows and a column of ones, of a block that may be any."""
        features = self.features
        if features.is_sparse or features.blocks[0].stop == len(self.term.y):
            return features.chosen(np.arange(block.start, block.stop))
        z = np.empty((block.stop - block.start, features.n_features + 1))
        centre_rows(features.X[block], features.mean, features.scale, z)
        return z

    def is_perfect_fit(self):
        """Whether the scale has all but vanished."""
        loss = self.term.loss
        if "scale" not in loss.outputs:
            return False
        before = loss.values_of(self.term.best_constant()[None])["scale"]
        after = loss.values_of(self.raw_at(self.kept))["scale"]
        vanished = GONE if self.converged else VANISHED
        return not np.min(after) > vanished * before[0]

    def misses(self, bound):
        """Whether a gap is more than rounding."""
        sizes = abs(self.best) + abs(self.at_constant)
        return self.best - bound > LEAST_GAP * sizes

    def polish(self):
        """More steps from the best point on, as long as they gain."""
        theta, before = self.kept, np.inf
        self._is_polishing = len(self.term.y) > FEW and self._last is not None
        for _ in range(EXACT_STEPS if self.h == 0 else 0):
            p = self.raw_at(theta)
            value, _ = self.look(p, theta)
            new, delta, _slope, predicted = self.model.minimum()
            q = self.raw(delta)
            reached = self.value_along(p, q, 1.0, new)
            if not (np.isfinite(q).all() and reached <= value + LITTLE * abs(value)):
                return
            theta = new
            self.arrive(theta, min(reached, self.best), 1.0)
            self.kept = theta
            if predicted <= LITTLE * abs(value):
                return
            self._is_polishing &= predicted <= FASTER * before
            before = predicted

    def bound(self):
        """A lower bound of a convex objective, from the slopes at the best point."""
        if not self.is_convex or self.h > 0:
            return np.nan if not self.is_convex else -np.inf
        theta = self.kept
        p = self.raw_at(theta)
        values, slopes = self.term.values_and_slopes(p)
        plain = p if self.term.offset is None else p - self.term.offset
        sums = self.model.sums()
        for block in self.features.blocks:
            sums.add(block, slopes[block])
        gradient = sums.first.reshape(theta.shape) * self.model._moves()
        linear = float(np.vdot(slopes, plain))
        slopes *= plain
        sizes = float(np.abs(slopes, out=slopes).sum() + np.abs(values).sum())
        lowest = self.term.lowest
        return bound_of(
            self.price, theta, gradient, linear, float(values.sum()), sizes, lowest
        )


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
        sample = sample_of(objective, self.seed, 10 * objective.predictors.size)
        features, passes = features_of(objective, None)
        point = tuple(array.copy() for array in start)
        if sample is not None and not point[0].any():
            point, _ = self._of_rows(sample, features, point)
        if objective.predictors.has_more:
            first = replace(objective, predictors=objective.predictors.of_first())
            point, passes = self._of_rows(first, features, point, passes)
        steps = Newton(max_iter=self.max_iter, tol=self.tol)
        term = outputs_term(objective)
        fit = OutputsFit(steps, objective, features, term, *point, passes)
        with np.errstate(all="ignore"):
            while not fit.ended:
                fit.advance()
                if self.verbose:
                    self._show(fit)
                if not fit.ended:
                    yield lambda: features.unscaled(fit.kept[:, :-1], fit.kept[:, -1])
            fit.polish()
            bound = fit.bound()
        coef, intercept = features.unscaled(fit.kept[:, :-1], fit.kept[:, -1])
        messages = self._warnings(fit, bound)
        result = SolverResult(
            coef,
            intercept,
            np.array([fit.passes]),
            fit.converged,
            warnings=messages,
            bound=bound,
            value=fit.best if features.is_near else None,
            gained=np.array([fit.at_constant - fit.best]),
        )
        return result, fit

    def _of_rows(self, objective, features, point, passes=0):
        """The minimum of an objective, about, for another to begin with."""
        steps = Newton(max_iter=self.max_iter, tol=START_TOL)
        features = features.with_rows(objective.rows)
        fit = OutputsFit(steps, objective, features, outputs_term(objective), *point)
        with np.errstate(all="ignore"):
            while not fit.ended:
                fit.advance()
        if not (fit.converged and np.isfinite(fit.kept).all()):
            return point, passes + fit.passes
        found = features.unscaled(fit.kept[:, :-1], fit.kept[:, -1])
        return found, passes + fit.passes

    def _warnings(self, fit, bound):
        if fit.converged and fit.best - bound > SURELY_LEFT * fit.enough(fit.best, 0.0):
            fit.converged = not (bound > -np.inf and fit.misses(bound))
        if fit.converged and not fit.is_perfect_fit():
            return []
        if fit.is_perfect_fit():
            return [
                f"{self.owner} fits nearly every row perfectly, so that the likelihood "
                f"of {fit.term.loss!r} grows without end as its scale falls to 0; this "
                "is where the fit was stopped. Give it a number, such as scale=1.0, or "
                "use a larger alpha."
            ]
        if not np.isfinite(fit.best):
            return [f"{self.owner} did not converge: its objective overflows."]
        reason = f"in max_iter={self.max_iter} passes over the rows"
        if fit.passes + 2 <= self.max_iter:
            reason = f"after {fit.passes} passes, as no step lowers its objective"
        return [
            f"{self.owner} did not converge {reason}: {fit.term.loss!r} reached "
            f"{fit.best:.6g}. Increase max_iter, tol or alpha."
        ]

    def _show(self, fit):
        print(
            f"iteration {fit.n_iterations:4d}  objective {fit.best:.9g}  "
            f"smoothing {fit.h:.2g}  passes {fit.passes}"
        )
