"""Many coefficients of a smooth loss of outputs, whose matrix would be dear.

A quasi-Newton method descends, to sharper tolerances until slopes prove where it is.
"""

import numpy as np

from sklearn_losses.solvers._base import SolverResult
from sklearn_losses.solvers.descent._certified import features_of, show
from sklearn_losses.solvers.descent._descent import Descent, Limits
from sklearn_losses.solvers.descent._models import LBFGS, Models
from sklearn_losses.solvers.descent._newton import SMALLEST_TOL
from sklearn_losses.solvers.descent._outputs import OutputsSolver
from sklearn_losses.solvers.descent._outputs_problem import OutputsProblem
from sklearn_losses.solvers.descent._smoothing import Smoothing
from sklearn_losses.solvers.descent._stopping import Tolerance

SHARPER, MOST_ROUNDS = 0.01, 10  # tolerances, and how often


class WideOutputsSolver(OutputsSolver):
    """`OutputsSolver` without a matrix, of a convex loss without kinks."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.method = LBFGS

    def check(self, objective):
        """Any number of coefficients will do."""

    def steps(self, objective, start):
        features, passes = features_of(objective, None)
        point, tol = tuple(array.copy() for array in start), self.tol
        for _ in range(MOST_ROUNDS):
            descent = self._descent_from(objective, features, point, tol, passes)
            while not descent.ended:
                with np.errstate(all="ignore"):
                    descent.advance()
                if self.verbose:
                    show(descent)
                if not descent.ended:
                    yield descent.found
            state, point, passes = (
                descent.state,
                descent.found(),
                descent.problem.passes,
            )
            bound = descent.problem.bound(state.kept, 0.0)
            gap, allowed = state.best - bound, self.tol * abs(descent.gained)
            if gap <= allowed or passes + 2 > self.max_iter:
                break
            tol *= SHARPER if state.converged else 1.0
        result = SolverResult(
            *point,
            np.array([passes]),
            gap <= allowed,
            warnings=[] if gap <= allowed else [self._left(descent, gap, allowed)],
            bound=bound,
            value=state.best if features.is_near else None,
            gained=np.array([descent.gained]),
        )
        return result, descent

    def _descent_from(self, objective, features, point, tol, passes):
        limits = Limits(self.max_iter, max(tol, SMALLEST_TOL))
        term = objective.term()
        problem = OutputsProblem.of(objective, features, term, passes)
        models = Models(LBFGS, may_change=False)
        return Descent(problem, limits, Tolerance(limits), models, Smoothing(), point)

    def _left(self, descent, gap, allowed):
        if not np.isfinite(descent.state.best):
            return f"{self.owner} did not converge: its objective overflows."
        return (
            f"{self.owner} did not converge after {descent.problem.passes} passes over "
            f"the rows: the duality gap is {gap:.2g}, and tol={self.tol:g} allows "
            f"{allowed:.2g}. Increase max_iter or tol, or alpha."
        )
