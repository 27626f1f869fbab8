"""Fits of a penalty that is not convex, by convex ones that touch it from above.

At a point an l1 norm with the penalty's slopes there, the tangent, falls and rises as
the penalty does, and costs more everywhere else but for a constant. So the minimum of a
tangent is no worse than the point; and a point that is the minimum of its own tangent,
as a duality gap shows, is stationary. Models of a smooth loss go to such a point by
themselves. Where a loss has kinks, too, only the gap can tell.

References
----------
Zou and Li 2008, "One-step sparse estimates in nonconcave penalized likelihood models",
Annals of Statistics 36.
"""

from copy import copy
from dataclasses import replace

import numpy as np

from sklearn_losses.solvers._base import Solver, finish

NEARLY = 2.0  # times what a fit may leave of a tangent, the point before may miss
# The first tangents are not worth more than this tolerance, and one that nearly stays
# where it touches not more than this share of the last.
COARSE, SHARPER = 1e-3, 0.1
WIDER = 4.0  # times the last smoothing is the first of the next fit


def needs_tangents(objective):
    """Whether only tangents show where an objective is stationary."""
    loss, is_here = objective.loss, objective.blocks is None
    has_gaps = is_here and loss.has_conjugate and objective.n_outputs == 1
    return has_gaps and not (objective.penalty.is_convex or loss.differentiable)


class Tangents(Solver):
    """The minimum of the tangent at 0, the l1 norm, and from there those of others.

    Parameters
    ----------
    inner : Solver
        Which proves of convex objectives how near it is.
    """

    def __init__(self, inner):
        self.inner, self.owner = inner, inner.owner

    @property
    def method(self):
        return self.inner.method

    def check(self, objective):
        self.inner.check(objective)

    def solve(self, objective, start):
        """Minimize one objective; see `Certified.solve`."""
        return finish(self.steps(objective, start))[0]

    def steps(self, objective, start):
        """The iterations of `solve`; see `Certified.steps`. The fit is not returned."""
        inner, tol = copy(self.inner), self.inner.tol
        inner.tol = max(tol, COARSE)
        tangent = replace(objective, penalty=objective.penalty.relative())
        found, descent = yield from inner.steps(tangent, start)
        n_iter, is_stationary = found.n_iter, False
        while found.converged and not is_stationary and n_iter[0] < inner.max_iter:
            if descent is not None:
                inner.width = WIDER * descent.smoothing.width or None
            point = found.coef, found.intercept
            tangent = replace(objective, penalty=objective.penalty.tangent(found.coef))
            before = float(tangent.value(*point)[0])
            found, descent = yield from inner.steps(tangent, point)
            n_iter = n_iter + found.n_iter
            left = float(tangent.value(found.coef, found.intercept)[0]) - found.bound
            allowed = max(left, inner.tol * found.gained[0])
            if before - found.bound <= NEARLY * allowed:
                is_stationary = inner.tol <= tol
                inner.tol = max(tol, SHARPER * inner.tol)
        if found.converged and not is_stationary:
            found.warnings = [self._failure()]
        found.converged, found.n_iter = found.converged and is_stationary, n_iter
        # What is known is of a tangent.
        found.bound, found.value, found.gained = np.nan, None, None
        return found, None

    def _failure(self):
        return (
            f"{self.owner} did not converge in max_iter={self.inner.max_iter} passes "
            "over the rows: its penalty is not convex, and the minima of convex ones "
            "that touch it from above still move. Increase max_iter or tol, or alpha."
        )
