"""learning_rate="auto": descent on all rows, for any loss and any penalty.

A loss that is not convex begins at the minimum of its convex relative, for the best
constant may lie in the valley of a worse local minimum.
"""

import math

import numpy as np

from sklearn_losses.design._far import what_hides
from sklearn_losses.problem._objective import product_of
from sklearn_losses.solvers._base import Solver, SolverResult
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers._progress import NOTHING, Progress
from sklearn_losses.solvers.descent._descent import Descent, Limits
from sklearn_losses.solvers.descent._problem import (
    features_for,
    slopes_at_start,
)

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
        tol = max(tol or 0.0, SMALLEST_TOL)
        self.limits = Limits(max_iter, tol, n_iter_no_change)
        self.convex_start = True

    @property
    def stop(self):
        """What somebody may set: end after the current iteration."""
        return self.limits.stop

    def solve(self, objective, start, train=None, watch=NOTHING):
        """Minimize each output's objective, or the joint one; see `SGD.solve`."""
        n_rows = objective.rows.n_rows
        chosen = None if train is None else np.bincount(train, minlength=n_rows)
        weight = product_of(chosen, objective.sample_weight)
        coef, intercept = coefficients(start)
        slopes = slopes_at_start(objective, coef, intercept, chosen)
        parts = objective.rows, weight, objective.is_centred, slopes
        features = features_for(objective.loss, *parts)
        features = features.in_units(objective.penalty.units(features.scale))
        del weight, slopes, parts
        descents = []
        for k, single in _singles(objective):
            begin = self._begin(single, features, chosen, k, (coef[k], intercept[k]))
            parts = single, features, single.term(chosen)
            descents.append(Descent.to_tolerance(self.limits, *parts, *begin))
        patience = self.limits.n_iter_no_change
        progress = Progress(objective, train, watch, 0.0, patience, "iteration")
        with np.errstate(all="ignore"):
            self._iterate(descents, progress)
        ends = [descent.state for descent in descents]
        state = progress.best or _state([end.kept for end in ends], features)
        coef, intercept = coefficients(state)
        passes = np.array([descent.problem.passes for descent in descents])
        n_seen = n_rows if train is None else len(train)
        state["t"] = start["t"] + n_seen * float(passes.max())
        is_finite = all(math.isfinite(end.best) for end in ends)
        converged = all(end.converged for end in ends) or progress.is_stopped
        converged = converged and is_finite
        gained = None  # of another point than the best one
        if progress.best is None:
            gained = np.array([descent.gained for descent in descents])
        return SolverResult(
            coef,
            intercept,
            passes,
            converged,
            state,
            _warnings(objective.loss) if objective.is_joint else [],
            curves=progress.curves(),
            best_epoch=progress.best_epoch,
            gained=gained,
        )

    def _begin(self, objective, features, chosen, k, point):
        """Where output k begins, and the passes over the rows until then."""
        if isinstance(self.convex_start, SolverResult):
            found = self.convex_start
            return (found.coef[k], found.intercept[k]), 1
        relative = objective.relative() if self.convex_start else None
        if relative is None:
            return point, 1
        parts = relative, features, relative.term(chosen), point
        descent = Descent.to_tolerance(self.limits, *parts)
        descent.finish()
        return descent.found(), descent.problem.passes

    def _iterate(self, descents, progress):
        """All objectives side by side: an iteration is one of each that still runs."""

        def of(tracker):
            is_single = len(progress.trackers) > 1
            return [descents[tracker.outputs[0]]] if is_single else descents

        def step_sizes():
            return [descent.state.step_size for descent in descents]

        def state():
            points = [descent.state.shown for descent in descents]
            return _state(points, descents[0].problem.features)

        has_validation = progress.watch.validation is not None
        while progress.running and not (progress.is_stopped or self.stop.is_set()):
            progress.begin()
            for descent in descents:
                if not descent.ended:
                    descent.advance()
            values = [descent.state.reached for descent in descents]
            stale = progress.end(values, step_sizes, state)
            if has_validation:
                for descent in (d for tracker in stale for d in of(tracker)):
                    descent.end()
            if any(descent.ended for descent in descents):
                running = progress.running
                ended = [t for t in running if all(d.ended for d in of(t))]
                progress.stop(ended)


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
        term = single.term(chosen)
        constant = term.best_constant() if objective.fit_intercept else intercept[k]
        found.append(term.grouped.value_at(constant))
    return np.array(found)


def _state(points, features):
    """The state of a solver at the points theta of the objectives."""
    theta = np.vstack(points)
    return start_of(*features.unscaled(theta[:, :-1], theta[:, -1]))


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
