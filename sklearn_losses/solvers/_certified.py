"""Newton's and the quasi-Newton method until a duality gap says that it is enough.

The steps are those of `_newton`; what is new is when to stop. Before a step that the
model takes for nearly the last, slopes give a lower bound of all objectives
(`linear._duality`). Of a quasi-Newton step they are those at the point itself, whose
sums a pass has made anyway. Newton's model predicts those at its minimum, which balance
the penalty. Those of a smoothed loss are means of slopes of the loss.

A fit of many rows begins at the minimum for a sample of them, in units of its mean and
spread, with the curvature that a smooth loss has there: a few passes then do, each of
which forms raw predictions, losses and gradient of a few rows while they are in cache
(subsampled Newton methods: Roosta-Khorasani and Mahoney 2019; their corrections are
those of L-BFGS).
"""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sklearn_losses.linear._centred import Centred
from sklearn_losses.linear._duality import ROUNDING, Dual
from sklearn_losses.solvers._base import Solver, SolverResult
from sklearn_losses.solvers._curvature import Curvature
from sklearn_losses.solvers._loss_term import RowTerm
from sklearn_losses.solvers._newton import (
    MOST_FEATURES,
    REFRESH,
    Newton,
    _Fit,
    _term,
    least_allowed,
    slopes_at_start,
)
from sklearn_losses.solvers._newton_model import JointModel, NewtonModel, ProductModel
from sklearn_losses.solvers._quasi_newton_model import QuasiNewtonModel

NEWTON, LBFGS = "newton", "lbfgs"
MODELS = {NEWTON: NewtonModel, LBFGS: QuasiNewtonModel}
START_TOL = 1e-3  # of the convex relative of a loss that is not convex
WIDTH_DIVISOR = 4.0  # how fast the smoothing shrinks
NARROW_EARLY = 0.1  # of the excess of smoothing may be left to gain
EXPLAINED = 3.0  # times the excess: a gap that smoothing explains
SAMPLE = 20  # rows, of which one is in the sample where a fit of many rows begins
SMALLEST_SAMPLE, ROWS_PER_COEF = 1000, 10  # and of each feature
PROMISING = 3.0  # times what would do if gaps shrink as predictions do
LEAST_PROMISING = 1e-2  # of predictions
PATIENCE = 100  # passes until "lbfgs" gives way to "newton"
FIRST_TRY, LONGEST_PAUSE = 20, 5  # iterations
TINY = 1e-300  # where all is 0
SURELY = 1e-3  # of what may be left to gain: there is nothing else to do


def choose(objective):
    """The method for an objective.

    The Hessian of a loss of rows is of all its outputs, and dear: it pays for kinks.

    Returns
    -------
    {"newton", "lbfgs"}
    """
    if not has_small_matrix(objective):
        return LBFGS
    return LBFGS if objective.is_joint and objective.loss.differentiable else NEWTON


def has_small_matrix(objective):
    """Whether the Hessian has no more rows than Newton's method takes."""
    n_blocks = objective.n_outputs if objective.is_joint else 1
    return n_blocks * (objective.rows.n_features + 1) <= MOST_FEATURES + 1


def sample_of(objective, seed, enough=0):
    """The objective of one row in SAMPLE, which the seed chooses.

    Returns
    -------
    Objective or None
        None: there are not enough of them.
    """
    n_rows, weight = objective.rows.n_rows, objective.sample_weight
    size = n_rows // SAMPLE
    if size < max(SMALLEST_SAMPLE, enough):
        return None
    # One of each SAMPLE rows that follow each other.
    chosen = np.random.default_rng(seed).integers(SAMPLE, size=size)
    chosen += np.arange(0, size * SAMPLE, SAMPLE)
    if weight is not None and np.count_nonzero(weight[chosen]) < size / 2:
        return None
    sample = objective.chosen(chosen)
    if not objective.rows.is_verified:
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(sample.rows.data.sum()):
                objective.rows.verify()
    return sample


def features_of(objective, sample, slopes=None):
    """Features in units of their spread, and how often that took all rows.

    The mean and the spread of a sample will do, unless a column is constant in it.
    """
    rows, centre = objective.rows, objective.fit_intercept
    if sample is not None:
        features = Centred(sample.rows, sample.sample_weight, centre)
        if features.scale.all():
            return features.with_rows(rows), 0
    return Centred(rows, objective.sample_weight, centre, slopes), 1


class Certified(Solver):
    """Descent on all rows of one objective, with a lower bound.

    Parameters
    ----------
    method : {"newton", "lbfgs"}
    max_iter : int
        The most passes over the rows.
    tol : float
        The duality gap, as a share of the gain over the best constant, that is small
        enough. For a loss without bound the gain that the model predicts.
    positive : bool
        Whether coefficients are >= 0.
    seed : int
        Of the choice of the rows with which a fit of many begins.
    verbose : int
        Whether to print a line an iteration.
    owner : str
        The estimator, for messages.
    may_change : bool
        Whether "lbfgs" may become "newton", where many passes have not been enough for
        a loss of rows whose Hessian is small.
    """

    def __init__(
        self,
        method,
        *,
        max_iter,
        tol,
        positive=False,
        seed=0,
        verbose=0,
        owner="LinearModel",
        may_change=False,
    ):
        self.method, self.owner = method, owner
        self.positive, self.seed = positive, seed
        self.verbose = verbose
        self.max_iter, self.tol = max_iter, tol
        self.may_change = may_change

    def check(self, objective):
        is_large = objective.is_joint and not has_small_matrix(objective)
        if self.method == NEWTON and is_large:
            size = objective.n_outputs * (objective.rows.n_features + 1)
            raise ValueError(
                f"{self.owner}(solver='newton') cannot use {objective.loss!r} here, "
                "because it is a loss of rows, whose second derivatives couple all "
                f"classes: their matrix would have {size:,} rows, of at most "
                f"{MOST_FEATURES + 1:,}. Use solver='auto'."
            )

    def solve(self, objective, start):
        """Minimize one objective.

        Parameters
        ----------
        objective : Objective
            With one output, or several that share it.
        start : tuple of ndarray
            coef and intercept to begin with.

        Returns
        -------
        SolverResult
            `bound` is the lower bound of the objective, nan if the loss is not convex
            and -inf if there is none.
        """
        return self.solve_with_fit(objective, start)[0]

    def solve_with_fit(self, objective, start):
        """The result of `solve`, and the fit that knows how it was found."""
        coef, intercept = (array.copy() for array in start)
        outputs = slice(None) if objective.is_joint else 0
        enough = ROWS_PER_COEF * objective.rows.n_features
        sample = sample_of(objective, self.seed, enough)
        slopes = None if sample else slopes_at_start(objective, *start)
        features, passes = features_of(objective, sample, slopes)
        point = coef[outputs], intercept[outputs]
        relative = objective.loss.convex_relative()
        if relative is not None:
            convex, tol = replace(objective, loss=relative), max(self.tol, START_TOL)
            few = None if sample is None else replace(sample, loss=relative)
            point, fit = self._run(convex, few, features, point, tol, passes)
            passes, sample = fit.passes, None
        point, fit = self._run(objective, sample, features, point, self.tol, passes)
        coef[outputs], intercept[outputs] = point
        self.method = fit.method
        result = SolverResult(
            coef,
            intercept,
            np.array([fit.passes]),
            fit.converged,
            warnings=fit.warnings(self.owner),
            bound=fit.bound,
            value=fit.best if features.is_near else None,
        )
        return result, fit

    def _run(self, objective, sample, features, point, tol, passes):
        """Coefficients and intercept from a point on, and the fit that found them."""
        steps = Newton(max_iter=self.max_iter, tol=tol)
        sample = self._fit_of_sample(sample, features, point)
        if sample is not None:
            point = sample.point
            passes += math.ceil(sample.passes / SAMPLE)
        term = _term(objective)
        fit = _CertifiedFit(self, steps, objective, features, term, *point, passes)
        if sample is not None:
            fit.go_on(sample)
        with np.errstate(all="ignore"):
            while not fit.ended:
                fit.advance()
                if self.verbose:
                    fit.show()
        return _unscaled(fit), fit

    def _fit_of_sample(self, objective, features, point):
        """The minimum of the objective of some rows, about; None: it was not found.

        Many rows say little more than some of them of where the minimum is, and of the
        curvature there.
        """
        if objective is None or not objective.loss.convex:
            return None
        features = features.with_rows(objective.rows)
        term = _term(objective)
        steps = Newton(max_iter=self.max_iter, tol=START_TOL)
        fit = _Fit(steps, objective, features, term, *point)
        if self.positive:
            fit.model.keep_positive()
            fit.use(fit.model)
        with np.errstate(all="ignore"):
            while not fit.ended:
                fit.advance()
        if fit.is_perfect or not (fit.converged and np.isfinite(fit.kept).all()):
            return None
        return _Sample(_unscaled(fit), fit.passes, fit.h, fit.curvature())


class _Sample(NamedTuple):
    """What a fit of some of the rows has found.

    Attributes
    ----------
    point : tuple of ndarray
        Coefficients and intercept.
    passes : int
        Over the rows of the sample.
    h : float
        How far kinks were smoothed in the end.
    curvature : Curvature
    """

    point: tuple
    passes: int
    h: float
    curvature: Curvature


def _unscaled(fit):
    return fit.features.unscaled(fit.kept[..., :-1], fit.kept[..., -1])


class _CertifiedFit(_Fit):
    """A fit that ends when the gap between its best value and its bound is small."""

    promising, next_try = None, FIRST_TRY  # see is_promising
    best_slopes = best_point = None

    def __init__(self, solver, steps, objective, features, term, *point_and_passes):
        self.positive, self.method = solver.positive, solver.method
        self.may_change = (
            solver.may_change and objective.is_joint and has_small_matrix(objective)
        )
        super().__init__(steps, objective, features, term, *point_and_passes)
        self.bound = -np.inf if objective.loss.convex else np.nan
        if objective.loss.has_conjugate:
            self.dual = Dual(
                objective.loss,
                objective.targets.y,
                term.weight,
                features,
                self.l2[:-1],
                self.l1[:-1],
                self.has_intercept,
                solver.positive,
            )
            coef, intercept, _ = point_and_passes
            lowest = term.known_minimum  # which slopes of 0 prove
            if lowest is None:
                zeros = np.zeros((len(term.y), *np.shape(intercept)))
                self.bound = self.dual.bound(zeros)
            else:
                self.bound = lowest - ROUNDING * abs(lowest)
            self._iterations = self.run_to_gap(coef, intercept)

    def first_model(self):
        is_long = self.features.n_features > MOST_FEATURES
        needs_matrix = self.l1.any() or self.positive or self.term.is_smoothed
        if self.method == NEWTON and is_long and not needs_matrix:
            return ProductModel
        if self.method == NEWTON and isinstance(self.term, RowTerm):
            return JointModel
        return MODELS[self.method]

    def smooths_to_begin(self):
        if isinstance(self.model, ProductModel):  # a smoothed loss needs a matrix
            self.begin_model(NewtonModel)

    def use(self, model):
        if self.positive:
            model.keep_positive()
        super().use(model)

    def go_on(self, sample):
        """Where the fit of some of the rows has ended, with what it knows."""
        self.first_h = sample.h
        if sample.h > 0:
            return
        self.begin_model(QuasiNewtonModel)
        self.model.begin_with(sample.curvature)

    def run_to_gap(self, coef, intercept):
        """As `run`, until the gap is small."""
        theta, p, ahead = self.begin(coef, intercept)
        self.arrive(theta, self.value_at(p, theta, ahead), 0.0)
        while not self.is_certified():
            yield True
            if self.passes + 2 > self.solver.max_iter:
                return
            self.n_iterations += 1
            if self.may_change and self.passes > PATIENCE:
                self.method, self.may_change = NEWTON, False
                self.begin_model(self.first_model())
            if self.n_iterations % REFRESH == 0:
                p, ahead = self.raw(theta), None
            value, excess = self.look(p, theta, ahead)
            new, delta, slope_at_0, predicted = self.model.minimum()
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
                self.raise_bound(p, theta, q)
                if self.is_certified():
                    self.arrive_ahead(new, ahead)
                    return
                if self.h == 0:
                    share = PROMISING * self.allowed() / (self.best - self.bound)
                    self.promising = predicted * max(share, LEAST_PROMISING)
                    self.next_try = self.n_iterations + LONGEST_PAUSE
                if self.is_too_smooth(predicted, enough, excess):
                    ahead = None
                    self.narrow(WIDTH_DIVISOR, p)
                    continue
            self.previous = value
            t = self.length(p, q, theta, delta, slope_at_0, ahead)
            if t == 0:
                ahead = None
                if self.model.damp():
                    continue
                if not self.is_smoothed(excess):
                    if self.sees_gaps:
                        self.raise_bound_at(p, theta)
                    return
                self.narrow(WIDTH_DIVISOR, p)
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
                self.raise_bound(p, theta, q)
            p += q if t == 1 else t * q

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
        return self.is_smoothed(excess) and (
            is_explained or predicted <= SURELY * enough
        )

    def length(self, *step):
        t = super().length(*step)
        # Beyond the minimum of the model coefficients may be negative.
        return min(t, 1.0) if self.positive else t

    def raise_bound_at(self, p, theta, least=-np.inf):
        """By the slopes at p, which have been summed."""

        def at(block):
            here = self.term.model(p[block], 0.0, block, False)
            return p[block], here.slopes, here.value

        found = self.dual.bound_at(self.seen, at, self.reach(theta), least)
        if found > self.bound:
            self.bound, self.best_slopes, self.best_point = found, None, p

    def slopes(self):
        """Those that the bound is of, about."""
        if self.best_slopes is not None:
            return self.best_slopes
        if self.best_point is not None:
            return self.term.slopes(self.best_point, 0.0)
        n_outputs = self.model.n_outputs
        return np.zeros(
            (len(self.term.y), n_outputs) if n_outputs > 1 else len(self.term.y)
        )

    def reach(self, theta):
        """How large a coefficient is, where that matters to a bound."""
        if self.dual.is_soft:
            return 0.0
        return np.abs(theta[..., :-1]).max(initial=0.0)

    def raise_bound(self, p, theta, q):
        """By the slopes that the model predicts at p + q and, if need be, by others."""
        reach = self.reach(theta)
        if p.ndim == 2:
            slopes = (self.term.slopes(p + q, self.h), self.term.slopes(p, self.h))
        else:
            around = self.seen.whole
            if around is None or around.curvatures is None:
                around = self.term.model(p, self.h)
            slopes = (around.slopes + around.curvatures * q, around.slopes)
        for candidate in slopes:
            found = self.dual.bound(candidate, reach)
            if found > self.bound:
                self.bound, self.best_slopes = found, candidate
                return

    def allowed(self, value=-math.inf, predicted=0.0):
        """The gap that will do; by what the model takes for the optimum, if given."""
        gain = self.at_constant - max(self.bound, value - 2.0 * predicted)
        return max(self.solver.tol * gain, self.least)

    @property
    def least(self):
        return least_allowed(self.solver.tol, self.at_constant - self.lowest)

    def is_certified(self):
        enough = self.rounding if self.is_perfect else self.allowed()
        self.converged = self.best - self.bound <= enough
        return self.converged

    def warnings(self, owner):
        """What the user should know: a tolerance that was missed, or no minimum."""
        if not self.converged:
            return [self.failure(owner)]
        penalised = self.l2.any() or self.l1.any()
        if penalised or self.best - self.lowest > self.allowed():
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
        reached = f"{self.term.loss!r} has no duality gap"
        if self.bound > -np.inf:
            gap, gain = self.best - self.bound, self.at_constant - self.bound
            share = gap / max(gain, self.least / self.solver.tol, TINY)
            reached = (
                f"the duality gap is {gap:.2g}, which is {share:.2g} of the gain over "
                f"the best constant, and tol={self.solver.tol:g}"
            )
        advice = "max_iter or tol" if over else "tol"
        advice = f"Increase {advice}, or alpha."
        return f"{owner} did not converge {reason}: {reached}. {advice}"

    def show(self):
        gap = self.best - self.bound
        print(
            f"iteration {self.n_iterations:4d}  objective {self.best:.9g}  "
            f"gap {gap:.2g}  smoothing {self.h:.2g}  passes {self.passes}"
        )
