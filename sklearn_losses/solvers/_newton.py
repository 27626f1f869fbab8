"""learning_rate="auto": descent on all rows, for any loss and any penalty.

The features are centred and in units of their spread, so that scales and offsets of the
columns do not matter. Kinks are smoothed, less and less until the smoothing is below
the tolerance. A step goes to the minimum of a quadratic model, Newton's or, for losses
of rows and for many features, a quasi-Newton one (`_quadratic`), and costs two passes
over the rows; its length is found on cached raw predictions (Yuan, Ho and Lin 2012). An
l1 norm is a part of the model (Lee, Sun and Saunders 2014).
"""

import math
import threading
import time

import numpy as np

from sklearn_losses.linear._centred import Centred
from sklearn_losses.linear._weights import coefficients
from sklearn_losses.solvers._base import Solver, SolverResult
from sklearn_losses.solvers._line_search import step_length
from sklearn_losses.solvers._loss_term import PointTerm, RowTerm, SoftenedRowTerm
from sklearn_losses.solvers._quadratic import JITTER, NewtonModel, QuasiNewtonModel
from sklearn_losses.solvers._sgd import SGD

SMALLEST_TOL = 1e-14  # rounding
FIRST_WIDTH, WIDTH_DIVISOR = 0.3, 4.0  # of the smoothing, and how fast it shrinks
SMOOTHING_TOL = 5.0  # times tol may be the excess of smoothing
PROGRESS_TOL = 4.0  # times tol may be the last decrease
FLOOR = 1e-3  # of the possible gain is what tol is relative to, at the least
MOST_FEATURES = 1000  # of Newton's method: a matrix of 8 MB
REFRESH = 20  # iterations after which raw predictions are computed anew


class Newton(Solver):
    """Newton's method, for each output by itself.

    Parameters
    ----------
    max_iter : int
        The most passes over the rows, of each output.
    tol : float or None
        How much of the gain over the best constant may be missing, about.
    n_iter_no_change : int
        With validation rows: so many iterations without progress end the fit.
    verbose : int
        Whether to print a line an iteration.
    """

    def __init__(self, *, max_iter=1000, tol=1e-3, n_iter_no_change=5, verbose=0):
        self.max_iter = max_iter
        self.tol = max(tol or 0.0, SMALLEST_TOL)
        self.n_iter_no_change = n_iter_no_change
        self.verbose = verbose
        self.stop = threading.Event()  # set: end after the current iteration

    def solve(self, objective, start, train=None, validation=None):
        """Minimize each output's objective, or the joint one; see `SGD.solve`."""
        n_rows = objective.rows.n_rows
        weight = np.ones(n_rows)
        if train is not None:
            weight = np.bincount(train, minlength=n_rows).astype(np.float64)
        sample_weight = objective.sample_weight
        features = Centred(
            objective.rows,
            weight if sample_weight is None else weight * sample_weight,
            objective.fit_intercept,
        )
        coef, intercept = (array.copy() for array in coefficients(start))
        fits = []
        for k, single in _singles(objective):
            watch = None
            if validation is not None:
                watch = _Validation(single, validation, self.n_iter_no_change)
            fit = _Fit(self, single, features, _term(single, weight), watch)
            with np.errstate(all="ignore"):
                fit.run(coef[k], intercept[k])
            coef[k], intercept[k] = fit.result()
            fits.append(fit)
        passes = np.array([fit.passes for fit in fits])
        state = SGD.start(coef, intercept)
        n_seen = n_rows if train is None else len(train)
        state["t"] = start["t"] + n_seen * float(passes.max())
        converged = all(fit.converged for fit in fits)
        return SolverResult(
            coef, intercept, passes, converged, state, _warnings(objective.loss)
        )


def _singles(objective):
    """Which outputs, and their objective: all of them if they share one."""
    if objective.is_joint:
        return [(slice(None), objective)]
    if objective.n_outputs == 1:
        return [(0, objective)]
    return [
        (k, objective.of_outputs(slice(k, k + 1))) for k in range(objective.n_outputs)
    ]


def _term(objective, chosen):
    """The loss of one objective, on the rows with a factor in `chosen`."""
    weight = objective.weight_of(0)
    weight = chosen if weight is None else weight * chosen
    weight = weight / objective.total_weight
    if objective.is_joint:
        softened = getattr(objective.loss, "softened", None)
        term = RowTerm if softened is None else SoftenedRowTerm
        return term(objective.loss, objective.targets.y, weight, objective.n_outputs)
    return PointTerm(objective.loss, objective.targets.of_output(0), weight)


def _warnings(loss):
    """What to say of kinks that nobody knows how to smooth."""
    known = loss.granularity == "point" or getattr(loss, "softened", None) is not None
    if loss.differentiable or known:
        return []
    return [
        f"learning_rate='auto' cannot smooth the kinks of {loss!r}, a loss of rows "
        "without `softened`: the fit may have ended before the minimum. Compare it "
        "with that of learning_rate='optimal' or 'invscaling'."
    ]


class _Validation:
    """The mean loss of one objective on rows set aside, and where it was least."""

    def __init__(self, objective, subset, patience):
        self.objective, self.subset, self.patience = objective, subset, patience
        self.least, self.n_stale = np.inf, 0

    def update(self, coef, intercept):
        """Take in coefficients; returns the loss and whether it is the least."""
        value = self.objective.mean_loss(
            np.atleast_2d(coef), np.atleast_1d(intercept), self.subset
        )[0]
        improves = value < self.least
        self.n_stale = 0 if improves else self.n_stale + 1
        self.least = min(value, self.least)
        return value, improves

    @property
    def is_over(self):
        return self.n_stale >= self.patience


class _Fit:
    """One objective on its way: theta, u and the intercept c of the centred features.

    theta is of shape (d + 1,) or, of a loss of rows, (n_outputs, d + 1).
    """

    def __init__(self, solver, objective, features, term, validation):
        self.solver, self.features, self.term = solver, features, term
        self.validation = validation
        self.has_intercept = objective.fit_intercept
        self.l2 = np.append(objective.penalty.l2 * features.scale**2, 0.0)
        self.l1 = np.append(objective.penalty.l1 * features.scale, 0.0)
        needs_more = objective.is_joint or features.n_features > MOST_FEATURES
        model = QuasiNewtonModel if needs_more else NewtonModel
        self.model = model(features, self.l2, self.l1, self.has_intercept)
        self.h = 0.0
        self.arrived, self.narrowed = True, False
        self.previous = math.inf
        self.best, self.kept = math.inf, None
        self.passes = 1  # mean and spread
        self.converged = False
        self.n_iterations = 0
        self.started = time.perf_counter()

    # ------------------------------------------------------------------ points
    def value(self, p, theta):
        return self.term.value(p) + self.penalty(theta)

    def penalty(self, theta):
        total = 0.5 * ((theta * theta) @ self.l2)
        if self.model.has_l1:
            total = total + np.abs(theta) @ self.l1
        return float(total if theta.ndim == 1 else total.sum())

    def keep(self, value, theta):
        """Remember the best point by the objective without smoothing."""
        if self.validation is None and value < self.best:
            self.best, self.kept = value, theta

    def result(self):
        return self.features.unscaled(self.kept[..., :-1], self.kept[..., -1])

    # ------------------------------------------------------------------- start
    def begin(self, coef, intercept):
        """The best constant, or the given point if it is better."""
        c = self.term.best_constant() if self.has_intercept else intercept
        theta = np.zeros((*np.shape(intercept), self.features.n_features + 1))
        theta[..., -1] = c
        p = self.term.at_constant(c)
        self.at_constant = self.term.value(p)
        self.lowest = self.term.minimum()
        slopes = float(np.abs(self.term.slopes(p, 0.0)).sum())
        self.kept = theta
        spread = (self.at_constant - self.lowest) / max(slopes, 1e-300)
        self.term.unit = min(max(spread, 1e-12), 1e12)
        if self.term.is_smoothed:
            self.h = FIRST_WIDTH * self.term.unit
        if coef.any():
            scale, given = self.features.scale, theta.copy()
            np.divide(coef, scale, out=given[..., :-1], where=scale > 0)
            given[..., -1] = intercept + coef @ self.features.mean
            raw = self.raw(given)
            if self.value(raw, given) < self.at_constant:
                return given, raw
        return theta, p

    def raw(self, theta):
        self.passes += 1
        return self.features.dot(theta[..., :-1].T) + theta[..., -1]

    # --------------------------------------------------------------- iteration
    def run(self, coef, intercept):
        """Iterate until the tolerance, the most passes, or no step is found."""
        theta, p = self.begin(coef, intercept)
        gap = self.at_constant - self.lowest
        if gap <= 1e-12 * max(1.0, abs(self.at_constant)):
            self.converged = True
            return
        solver = self.solver
        while self.passes + 2 <= solver.max_iter and not solver.stop.is_set():
            self.n_iterations += 1
            if self.n_iterations % REFRESH == 0:
                p = self.raw(theta)
            value, excess = self.look(p, theta)
            self.keep(value, theta)
            new, delta, slope_at_0, predicted = self.model.minimum()
            if self.report(value, theta):
                return
            done = self.is_done(value, predicted, excess)
            if self.converged:
                return
            if done and self.h > 0:
                self.narrow()
                continue
            self.arrived, self.previous = False, value
            q = self.raw(delta)
            t = self.length(p, q, theta, delta, slope_at_0)
            if t == 0:
                if done:
                    self.converged = True
                    return
                if not self.model.damp():
                    return
                continue
            theta = new if t == 1 else theta + t * delta
            p = p + t * q
            if done and t == 1:
                self.converged = True
                break
        value = self.value(p, theta)
        self.keep(value, theta)
        if self.converged:
            self.report(value, theta)

    def narrow(self):
        self.h /= WIDTH_DIVISOR
        self.arrived = self.narrowed = True
        self.model.forget()

    def is_done(self, value, predicted, excess):
        """Whether the model offers too little; sets `converged` if h is small too."""
        gain = self.at_constant - value
        floor = FLOOR * (self.at_constant - self.lowest)
        allowed = self.solver.tol * max(gain + predicted, floor)
        progress = self.previous - value
        done = predicted <= self.model.trust * allowed and (
            self.arrived
            or progress <= PROGRESS_TOL * allowed
            or (self.h == 0 and predicted <= self.model.certain * allowed)
        )
        if done and self.h > 0:
            self.converged = excess <= SMOOTHING_TOL * allowed or (
                self.arrived and self.narrowed
            )
        return done

    def look(self, p, theta):
        """Model the objective; returns its value and the excess of smoothing."""
        term = self.term.model(p, self.h)
        self.passes += 1
        jitter = 0.0
        if self.h > 0:
            jitter = self.jitter(np.abs(term.slopes).sum(), term.curvatures.sum())
        self.model.update(theta, term, jitter)
        self.here, self.excess = term.value + self.penalty(theta), term.excess
        return self.here, self.excess

    def jitter(self, slopes, curvatures):
        """What kinks need on the diagonal, for bands in which there is no row."""
        typical = slopes / self.term.total / self.h
        curvature = curvatures / self.term.total
        if not self.narrowed and curvature < 1e-6 * typical:
            return typical  # there is no curvature at all
        return JITTER * max(curvature, FLOOR * typical)

    def length(self, p, q, theta, delta, slope_at_0):
        """How far to go, by slopes of the smoothed objective."""
        if not (slope_at_0 < 0 and np.isfinite(q).all()):
            return 0.0
        level, rise = np.sum((delta * theta) @ self.l2), np.sum(delta**2 @ self.l2)

        def slope(t):
            at = np.vdot(self.term.slopes(p + t * q, self.h), q) + level + t * rise
            if self.model.has_l1:
                x = theta + t * delta
                at_0 = np.abs(x) <= 1e-14 * np.abs(theta)
                from_left = np.where(at_0, -np.abs(delta), np.sign(x) * delta)
                at += np.sum(from_left @ self.l1)
            return float(at)

        def is_lower(t):
            most = self.here + 2.0 * self.excess
            return self.value(p + t * q, theta + t * delta) <= most

        return step_length(slope, slope_at_0, is_lower)

    def report(self, value, theta):
        """Print and validate; returns whether patience is over."""
        watch, shown = self.validation, value
        if watch is None and not self.solver.verbose:
            return False
        coef, intercept = self.features.unscaled(theta[..., :-1], theta[..., -1])
        if watch is not None and np.isfinite(value):
            shown, improves = watch.update(coef, intercept)
            if improves:
                self.kept = theta
            self.converged = self.converged or watch.is_over
        if self.solver.verbose:
            print(
                f"iteration {self.n_iterations:4d}  criterion {shown:.6g}  "
                f"smoothing {self.h:.2g}  |coef| {np.linalg.norm(coef):.4g}  "
                f"nonzero {np.count_nonzero(coef)}/{coef.size}  "
                f"intercept {np.linalg.norm(intercept):.4g}  passes {self.passes}  "
                f"{time.perf_counter() - self.started:.2f} s"
            )
        return watch is not None and watch.is_over
