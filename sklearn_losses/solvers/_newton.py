"""Newton's method with a line search, for any loss of points and any penalty.

The features are centred and in units of their spread, so that scales and offsets of the
columns do not matter. Kinks are smoothed, less and less until the smoothing is below
the tolerance. A step costs two passes over the rows; its length is found on cached raw
predictions (Yuan, Ho and Lin 2012). An l1 norm makes the step coordinate descent on the
quadratic model (Lee, Sun and Saunders 2014).

A loss that is not convex is fitted twice, from the minimum of its convex relative and
from the best constant, because either may lie in the valley of a worse local minimum;
the lower end is kept.
"""

import math
import threading
import time

import numpy as np
from scipy import linalg

from sklearn_losses.linear._centred import Centred
from sklearn_losses.linear._weights import coefficients
from sklearn_losses.solvers._base import Solver, SolverResult
from sklearn_losses.solvers._coordinate_descent import minimize_quadratic
from sklearn_losses.solvers._line_search import step_length
from sklearn_losses.solvers._loss_term import PointTerm
from sklearn_losses.solvers._sgd import SGD

SMALLEST_TOL = 1e-14  # rounding
FIRST_WIDTH, WIDTH_DIVISOR = 0.3, 4.0  # of the smoothing, and how fast it shrinks
SMOOTHING_TOL = 5.0  # times tol may be the excess of smoothing
PROGRESS_TOL = 4.0  # times tol may be the last decrease
FLOOR = 1e-3  # of the possible gain is what tol is relative to, at the least
JITTER = 1e-6  # of the curvature is added where a loss has kinks
FIRST_DAMPING, LARGEST_DAMPING = 1e-9, 1e3
MOST_FEATURES = 1000  # a matrix of 8 MB
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

    Attributes
    ----------
    convex_start : bool or SolverResult
        Whether a loss that is not convex also begins from the minimum of its convex
        relative; that minimum, if it is known.
    """

    def __init__(self, *, max_iter=1000, tol=1e-3, n_iter_no_change=5, verbose=0):
        self.max_iter = max_iter
        self.tol = max(tol or 0.0, SMALLEST_TOL)
        self.n_iter_no_change = n_iter_no_change
        self.verbose = verbose
        self.convex_start = True
        self.stop = threading.Event()  # set: end after the current iteration

    def check(self, loss):
        if loss.granularity == "row":
            raise ValueError(
                f"learning_rate='auto' cannot use {loss!r}, because it is a loss of "
                "rows. Use a loss of one raw prediction, or another learning_rate."
            )

    def solve(self, objective, start, train=None, validation=None):
        """Minimize each output's objective; see `SGD.solve`."""
        self.check(objective.loss)
        n_features = objective.rows.n_features
        if n_features > MOST_FEATURES:
            raise ValueError(
                f"learning_rate='auto' cannot use {n_features} features, because "
                "it keeps a square matrix of them. Use at most "
                f"{MOST_FEATURES} features, or another learning_rate."
            )
        n_rows = objective.rows.n_rows
        chosen = np.ones(n_rows)
        if train is not None:
            chosen = np.bincount(train, minlength=n_rows).astype(np.float64)
        weight = chosen
        if objective.sample_weight is not None:
            weight = chosen * objective.sample_weight
        features = Centred(objective.rows, weight, objective.fit_intercept)
        begin = coefficients(start)
        fits = []
        for k in range(objective.n_outputs):
            factor = objective.targets.factor(k)
            own = weight if factor is None else weight * factor
            given = begin[0][k], float(begin[1][k])
            with np.errstate(all="ignore"):
                fits.append(
                    self._fit_output(objective, features, k, own, given, validation)
                )
        found = [fit.result() for fit in fits]
        coef = np.array([w for w, _ in found])
        intercept = np.array([b for _, b in found])
        passes = np.array([fit.passes for fit in fits])
        state = SGD.start(coef, intercept)
        n_seen = n_rows if train is None else len(train)
        state["t"] = start["t"] + n_seen * float(passes.max())
        converged = all(fit.converged for fit in fits)
        return SolverResult(coef, intercept, passes, converged, state)

    def _fit_output(self, objective, features, k, weight, given, validation):
        """The fit of output k, the better one if there are two starts."""
        y, weight = objective.targets.of_output(k), weight / objective.total_weight
        term = PointTerm(objective.loss, y, weight)
        starts, n_passes, best = [given], 1, None
        relative = objective.loss.convex_relative() if self.convex_start else None
        if isinstance(self.convex_start, SolverResult):
            found = self.convex_start
            starts.insert(0, (found.coef[k], float(found.intercept[k])))
            starts = starts[:1] if objective.loss.convex else starts
        elif relative is not None:
            first = _Fit(self, objective, features, PointTerm(relative, y, weight))
            first.run(*given)
            starts.insert(0, first.result())
            n_passes = first.passes
        for start in starts:
            watch = None
            if validation is not None:
                watch = _Validation(objective, k, validation, self.n_iter_no_change)
            fit = _Fit(self, objective, features, term, watch, n_passes)
            fit.run(*start)
            n_passes = fit.passes
            if best is None or fit.reached < best.reached:
                best = fit
        best.passes = n_passes
        return best


class _Validation:
    """The mean loss of one output on rows set aside, and where it was least."""

    def __init__(self, objective, k, subset, patience):
        self.objective, self.subset, self.patience = objective, subset, patience
        self.y = objective.targets.of_output(k, subset)
        self.weight = objective.weight_of(k, subset)
        self.least, self.n_stale = np.inf, 0

    def update(self, coef, intercept):
        """Take in coefficients; returns the loss and whether it is the least."""
        raw = self.objective.rows.dot(coef[None], np.array([intercept]), self.subset)
        value = float(self.objective.loss.mean(self.y, raw[:, 0], self.weight))
        improves = value < self.least
        self.n_stale = 0 if improves else self.n_stale + 1
        self.least = min(value, self.least)
        return value, improves

    @property
    def is_over(self):
        return self.n_stale >= self.patience


class _Fit:
    """One output on its way: u and the intercept c of the centred features."""

    def __init__(self, solver, objective, features, term, validation=None, passes=1):
        self.solver, self.features, self.term = solver, features, term
        self.validation = validation
        self.has_intercept = objective.fit_intercept
        self.l2 = objective.penalty.l2 * features.scale**2
        self.l1 = objective.penalty.l1 * features.scale
        self.h = 0.0
        self.damping = FIRST_DAMPING
        self.arrived, self.narrowed = True, False
        self.previous = math.inf
        self.best, self.kept = math.inf, None
        self.passes = passes  # the first is that for mean and spread
        self.converged = False
        self.n_iterations = 0
        self.started = time.perf_counter()

    # ------------------------------------------------------------------ points
    def value(self, p, u):
        return self.term.value(p) + self.penalty(u)

    def penalty(self, u):
        return 0.5 * float((self.l2 * u) @ u) + float(self.l1 @ np.abs(u))

    def keep(self, value, u, c):
        """Remember the best point by the objective without smoothing."""
        if self.validation is None and value < self.best:
            self.best, self.kept = value, (u, c)

    def result(self):
        return self.features.unscaled(*self.kept)

    @property
    def reached(self):
        """The criterion of the result."""
        if self.validation is not None and self.validation.least < math.inf:
            return self.validation.least
        return min(self.best, self.at_constant)

    # ------------------------------------------------------------------- start
    def begin(self, coef, intercept):
        """The best constant, or the given point if it is better."""
        n, d = self.features.n_rows, self.features.n_features
        u, c = np.zeros(d), intercept
        if self.has_intercept:
            c = self.term.best_constant(self._likely_constant())
        p = np.full(n, c)
        self.at_constant = self.term.value(p)
        self.lowest = self.term.minimum()
        slopes = float(np.abs(self.term.slopes(p, 0.0)).sum())
        self.kept = u, c
        spread = (self.at_constant - self.lowest) / max(slopes, 1e-300)
        self.term.unit = min(max(spread, 1e-12), 1e12)
        if not self.term.loss.differentiable:
            self.h = FIRST_WIDTH * self.term.unit
        if coef.any():
            given = np.divide(
                coef,
                self.features.scale,
                out=np.zeros(d),
                where=self.features.scale > 0,
            )
            at_mean = intercept + float(self.features.mean @ coef)
            raw = self.raw(given, at_mean)
            if self.value(raw, given) < self.at_constant:
                return given, at_mean, raw
        return u, c, p

    def _likely_constant(self):
        """0, or the mean target if that is better: where a search begins."""
        here = self.term.total
        mean = float(self.term.weight @ self.term.y) / here
        n = len(self.term.y)
        at_mean, at_0 = (self.term.value(np.full(n, c)) for c in (mean, 0.0))
        return mean if at_mean < at_0 else 0.0

    def raw(self, u, c):
        self.passes += 1
        return self.features.dot(u) + c

    # --------------------------------------------------------------- iteration
    def run(self, coef, intercept):
        """Iterate until the tolerance, the most passes, or no step is found."""
        u, c, p = self.begin(coef, intercept)
        gap = self.at_constant - self.lowest
        if gap <= 1e-12 * max(1.0, abs(self.at_constant)):
            self.converged = True
            return
        solver = self.solver
        while self.passes + 2 <= solver.max_iter and not solver.stop.is_set():
            self.n_iterations += 1
            if self.n_iterations % REFRESH == 0:
                p = self.raw(u, c)
            value, excess, system = self.model(p, u)
            self.keep(value, u, c)
            new, delta, slope_at_0, predicted = self.direction(u, c, *system)
            if self.report(value, u, c):
                return
            done = self.is_done(value, predicted, excess)
            if self.converged:
                return
            if done and self.h > 0:
                self.narrow()
                continue
            self.arrived, self.previous = False, value
            q = self.raw(delta[:-1], delta[-1])
            t = self.length(p, q, u, delta, slope_at_0)
            if t == 0:
                if done:
                    self.converged = True
                    return
                self.damping = max(100 * self.damping, 1e-6)
                if self.damping > LARGEST_DAMPING:
                    return
                continue
            u = new[:-1] if t == 1 else u + t * delta[:-1]
            c += t * delta[-1]
            p = p + t * q
            self.keep(self.value(p, u), u, c)
            if done and t == 1:
                self.converged = True
                self.report(self.value(p, u), u, c)
                return

    def narrow(self):
        self.h /= WIDTH_DIVISOR
        self.arrived = self.narrowed = True

    def is_done(self, value, predicted, excess):
        """Whether the model offers too little; sets `converged` if h is small too."""
        gain = self.at_constant - value
        floor = FLOOR * (self.at_constant - self.lowest)
        allowed = self.solver.tol * max(gain + predicted, floor)
        progress = self.previous - value
        done = predicted <= allowed and (
            self.arrived or progress <= PROGRESS_TOL * allowed
        )
        if done and self.h > 0:
            self.converged = excess <= SMOOTHING_TOL * allowed or (
                self.arrived and self.narrowed
            )
        return done

    def model(self, p, u):
        """The objective, the excess of smoothing, and gradient, Hessian and jitter."""
        d = len(u)
        model = self.term.model(p, self.h)
        slopes, curvatures = model.slopes, model.curvatures
        self.passes += 1
        gradient, hessian = np.zeros(d + 1), np.zeros((d + 1, d + 1))
        by_slope, second, first = self.features.moments(slopes, curvatures)
        gradient[:d] = by_slope + self.l2 * u
        hessian[:d, :d] = second
        if self.has_intercept:
            gradient[d] = slopes.sum()
            hessian[:d, d] = hessian[d, :d] = first
            hessian[d, d] = curvatures.sum()
        diagonal = np.append(self.l2, 0.0)
        if self.h > 0:
            jitter = self.jitter(np.abs(slopes).sum(), curvatures.sum())
            diagonal[:d] += jitter * (self.features.scale > 0)
            diagonal[d] += jitter if self.has_intercept else 0.0
        hessian.flat[:: d + 2] += diagonal
        return model.value + self.penalty(u), model.excess, (gradient, hessian)

    def jitter(self, slopes, curvatures):
        """What kinks need on the diagonal, for bands in which there is no row."""
        typical = slopes / self.term.total / self.h
        curvature = curvatures / self.term.total
        if not self.narrowed and curvature < 1e-6 * typical:
            return typical  # there is no curvature at all
        return JITTER * max(curvature, FLOOR * typical)

    def direction(self, u, c, gradient, hessian):
        """The minimum of the quadratic model.

        Returns
        -------
        new : ndarray of shape (n_features + 1,)
            Where it is.
        delta : ndarray of shape (n_features + 1,)
        slope : float
            The derivative of the objective in this direction.
        predicted : float
            How much lower the model is there.
        """
        here = np.append(u, c)
        if self.l1.any():
            damped = hessian.copy()
            damped.flat[:: len(here) + 1] *= 1 + self.damping
            l1 = np.append(self.l1, 0.0)
            new = minimize_quadratic(damped, gradient, here, l1, 200, 1e-6)
            delta = new - here
            slope = gradient @ delta + l1 @ (np.abs(new) - np.abs(here))
            return new, delta, slope, -(slope + 0.5 * delta @ hessian @ delta)
        delta = -self.solved(hessian, gradient)
        slope = gradient @ delta
        return here + delta, delta, slope, -0.5 * slope

    def solved(self, hessian, gradient):
        """hessian^-1 gradient, scaled to a diagonal of 1 and damped."""
        diagonal = np.diag(hessian)
        scale = np.zeros(len(gradient))
        np.divide(1.0, np.sqrt(diagonal), out=scale, where=diagonal > 0)
        scaled = hessian * scale * scale[:, None]
        more = self.damping + (JITTER if self.h > 0 else 0.0)
        for _ in range(12):
            scaled.flat[:: len(scale) + 1] = 1.0 + more
            try:
                factor = linalg.cho_factor(scaled, lower=True, check_finite=False)
            except linalg.LinAlgError:
                self.damping *= 10
                more += self.damping
                continue
            return scale * linalg.cho_solve(
                factor, scale * gradient, check_finite=False
            )
        return scale**2 * gradient

    def length(self, p, q, u, delta, slope_at_0):
        """How far to go, by slopes of the smoothed objective."""
        if not (slope_at_0 < 0 and np.isfinite(q).all()):
            return 0.0
        move = delta[:-1]
        level, rise = float((self.l2 * u) @ move), float((self.l2 * move) @ move)
        has_l1 = self.l1.any()

        def slope(t):
            at = level + t * rise + float(self.term.slopes(p + t * q, self.h) @ q)
            if has_l1:
                x = u + t * move
                at_0 = np.abs(x) <= 1e-14 * np.abs(u)
                from_left = np.where(at_0, -np.abs(move), np.sign(x) * move)
                at += float(self.l1 @ from_left)
            return at

        return step_length(slope, slope_at_0)

    def report(self, value, u, c):
        """Print and validate; returns whether patience is over."""
        watch, shown = self.validation, value
        if watch is None and not self.solver.verbose:
            return False
        coef, intercept = self.features.unscaled(u, c)
        if watch is not None and np.isfinite(value):
            shown, improves = watch.update(coef, intercept)
            if improves:
                self.kept = u, c
            self.converged = self.converged or watch.is_over
        if self.solver.verbose:
            print(
                f"iteration {self.n_iterations:4d}  criterion {shown:.6g}  "
                f"smoothing {self.h:.2g}  |coef| {np.linalg.norm(coef):.4g}  "
                f"nonzero {np.count_nonzero(coef)}/{coef.size}  "
                f"intercept {intercept:.4g}  passes {self.passes}  "
                f"{time.perf_counter() - self.started:.2f} s"
            )
        return watch is not None and watch.is_over
