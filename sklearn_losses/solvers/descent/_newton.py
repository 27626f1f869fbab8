"""learning_rate="auto": descent on all rows, for any loss and any penalty.

A loss that is not convex begins at the minimum of its convex relative, for the best
constant may lie in the valley of a worse local minimum.
"""

import math
import threading

import numpy as np

from sklearn_losses.problem._objective import product_of
from sklearn_losses.solvers._base import Solver, SolverResult
from sklearn_losses.solvers._progress import NOTHING, Progress
from sklearn_losses.solvers.descent._descent import (
    features_for,
    slopes_at_start,
    term_of,
)
from sklearn_losses.solvers.descent._gap_descent import fit_of
from sklearn_losses.solvers.sgd._sgd import SGD
from sklearn_losses.solvers.sgd._weights import coefficients

SMALLEST_TOL = 1e-14  # rounding


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

    Attributes
    ----------
    convex_start : bool or SolverResult
        Whether what is not convex begins at the minimum of its convex relative; that
        minimum, if it is known.
    """

    verifies = True

    def __init__(self, *, max_iter=1000, tol=1e-3, n_iter_no_change=5):
        self.max_iter = max_iter
        self.tol = max(tol or 0.0, SMALLEST_TOL)
        self.n_iter_no_change = n_iter_no_change
        self.convex_start = True
        self.stop = threading.Event()  # set: end after the current iteration

    def solve(self, objective, start, train=None, watch=NOTHING):
        """Minimize each output's objective, or the joint one; see `SGD.solve`."""
        n_rows = objective.rows.n_rows
        chosen = None if train is None else np.bincount(train, minlength=n_rows)
        weight = product_of(chosen, objective.sample_weight)
        coef, intercept = coefficients(start)
        slopes = slopes_at_start(objective, coef, intercept, chosen)
        parts = objective.rows, weight, objective.fit_intercept, slopes
        features = features_for(objective.loss, *parts)
        features = features.in_units(objective.penalty.units(features.scale))
        del weight, slopes, parts
        fits = []
        for k, single in _singles(objective):
            point, n_passes = self._begin(
                single, features, chosen, k, coef[k], intercept[k]
            )
            term = term_of(single, chosen)
            fits.append(fit_of(self, single, features, term, *point, n_passes))
        progress = Progress(
            objective, train, watch, 0.0, self.n_iter_no_change, "iteration"
        )
        with np.errstate(all="ignore"):
            self._iterate(fits, progress)
        state = progress.best or _state([fit.kept for fit in fits], features)
        coef, intercept = coefficients(state)
        passes = np.array([fit.passes for fit in fits])
        n_seen = n_rows if train is None else len(train)
        state["t"] = start["t"] + n_seen * float(passes.max())
        is_finite = all(math.isfinite(fit.best) for fit in fits)
        converged = all(fit.converged for fit in fits) or progress.is_stopped
        converged = converged and is_finite
        gained = None  # of another point than the best one
        if progress.best is None:
            gained = np.array([fit.at_constant - fit.best for fit in fits])
        return SolverResult(
            coef,
            intercept,
            passes,
            converged,
            state,
            _warnings(objective.loss),
            curves=progress.curves(),
            best_epoch=progress.best_epoch,
            gained=gained,
        )

    def _begin(self, objective, features, chosen, k, coef, intercept):
        """Where output k begins, and the passes over the rows until then."""
        if isinstance(self.convex_start, SolverResult):
            found = self.convex_start
            return (found.coef[k], found.intercept[k]), 1
        relative = objective.relative() if self.convex_start else None
        if relative is None:
            return (coef, intercept), 1
        objective = relative
        term = term_of(objective, chosen)
        fit = fit_of(self, objective, features, term, coef, intercept)
        with np.errstate(all="ignore"):
            while not (fit.ended or self.stop.is_set()):
                fit.advance()
        return features.unscaled(fit.kept[..., :-1], fit.kept[..., -1]), fit.passes

    def _iterate(self, fits, progress):
        """All objectives side by side: an iteration is one of each that still runs."""

        def fits_of(tracker):
            is_single = len(progress.trackers) > 1
            return [fits[tracker.outputs[0]]] if is_single else fits

        def step_sizes():
            return [fit.step_size for fit in fits]

        def state():
            return _state([fit.here for fit in fits], fits[0].features)

        has_validation = progress.watch.validation is not None
        while progress.running and not (progress.is_stopped or self.stop.is_set()):
            progress.begin()
            for fit in fits:
                if not fit.ended:
                    fit.advance()
            stale = progress.end([fit.reached for fit in fits], step_sizes, state)
            if has_validation:
                for fit in (fit for t in stale for fit in fits_of(t)):
                    fit.ended = fit.converged = True
            if any(fit.ended for fit in fits):
                running = progress.running
                progress.stop([t for t in running if all(f.ended for f in fits_of(t))])


def _singles(objective):
    """Which outputs, and their objective: all of them if they share one."""
    if objective.is_joint:
        return [(slice(None), objective)]
    if objective.n_outputs == 1:
        return [(0, objective)]
    return [
        (k, objective.of_outputs(slice(k, k + 1))) for k in range(objective.n_outputs)
    ]


def best_constants(objective, intercept, train=None):
    """The objectives where all rows have the best raw prediction, or what is given.

    Parameters
    ----------
    objective : Objective
    intercept : ndarray of shape (n_outputs,)
        The constants of an objective without intercept.
    train : ndarray of uint32 of shape (n_train,), default=None
        The rows that count; None: all.

    Returns
    -------
    ndarray of shape (n_objectives,)
    """
    n_rows = objective.rows.n_rows
    chosen = None if train is None else np.bincount(train, minlength=n_rows)
    found = []
    for k, single in _singles(objective):
        term = term_of(single, chosen)
        constant = term.best_constant() if objective.fit_intercept else intercept[k]
        found.append(term.grouped.value_at(constant))
    return np.array(found)


def _state(points, features):
    """The state of a solver at the points theta of the objectives."""
    theta = np.vstack(points)
    return SGD.start(*features.unscaled(theta[:, :-1], theta[:, -1]))


def _warnings(loss):
    """What to say of kinks that nobody knows how to smooth."""
    own, _ = loss.split_weight()
    known = loss.granularity == "point" or getattr(own, "softened", None) is not None
    if loss.differentiable or known:
        return []
    return [
        f"learning_rate='auto' cannot smooth the kinks of {loss!r}, a loss of rows "
        "without `softened`: the fit may have ended before the minimum. Compare it "
        "with that of learning_rate='optimal' or 'invscaling'."
    ]
