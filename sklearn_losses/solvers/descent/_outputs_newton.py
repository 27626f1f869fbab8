"""learning_rate="auto" for losses of several outputs: the fit of `OutputsSolver`.

It is the descent that LinearRegressor makes, to another tolerance and watched like the
epochs of SGD.
"""

from functools import partial

import numpy as np

from sklearn_losses.solvers._base import Solver, SolverResult, Stop
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers._progress import NOTHING, Progress


class OutputsNewton(Solver):
    """A solver of one objective of several outputs, as one of SGD.

    Parameters
    ----------
    solver : OutputsSolver
    n_iter_no_change : int
        With validation rows: so many iterations without progress end the fit.
    """

    verifies = True

    def __init__(self, solver, n_iter_no_change):
        self.solver, self.patience = solver, n_iter_no_change
        self.stop = Stop()  # set: end after the current iteration

    def solve(self, objective, start, train=None, watch=NOTHING):
        """Minimise the joint objective; see `SGD.solve`."""
        whole = objective.restricted(train)
        point = coefficients(start)
        progress = Progress(objective, train, watch, 0.0, self.patience, "iteration")
        steps, result, n_passes = self.solver.steps(whole, point), None, 0
        while result is None and not (progress.is_stopped or self.stop.is_set()):
            progress.begin()
            try:
                point = next(steps)()
            except StopIteration as end:
                result = end.value[0]
                point = result.coef, result.intercept
            here = start_of(*point)
            values = whole.value(*point).tolist()
            stale = progress.end(values, _of_newton, partial(dict, here))
            if stale and watch.validation is not None:
                break
        state = progress.best or start_of(*point)
        n_passes = progress.n_epochs if result is None else int(result.n_iter[0])
        n_seen = objective.rows.n_rows if train is None else len(train)
        state["t"] = start["t"] + n_seen * float(n_passes)
        warnings = [] if result is None else result.warnings
        return SolverResult(
            *coefficients(state),
            np.array([n_passes]),
            result is None or result.converged or bool(warnings),
            state,
            warnings,
            curves=progress.curves(),
            best_epoch=progress.best_epoch,
        )


def _of_newton():
    """The length of a step, in units of Newton's."""
    return 1.0
