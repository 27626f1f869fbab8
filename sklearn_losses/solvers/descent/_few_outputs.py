"""Outputs of which a penalty leaves most features out: few, until they suffice.

As `ActiveSet`, of a matrix of second derivatives of several outputs, which grows as the
square of the features at work. A fit is over when the bound of all features says so.
"""

from dataclasses import replace

import numpy as np

from sklearn_losses.solvers._base import finish
from sklearn_losses.solvers.descent._certified import features_of
from sklearn_losses.solvers.descent._outputs import OutputsSolver
from sklearn_losses.solvers.descent._outputs_problem import OutputsProblem

FEWEST = 30  # features to begin with, and to take in at a time
ROUNDING = 1e-13  # of a value
SHARPER, SHARPEST = 0.1, 1e-3  # tolerances, where no feature is left to be taken in


class FewOutputsSolver(OutputsSolver):
    """`OutputsSolver` on the features that have coefficients, of a smooth loss."""

    def solve(self, objective, start):
        coef, intercept = (array.copy() for array in start)
        features, passes = features_of(objective, None)
        term = objective.term()
        problem = OutputsProblem.of(objective, features, term)
        constant = term.best_constant() if objective.fit_intercept else intercept
        intercept = intercept if coef.any() else constant
        tol = self.tol
        *_, excess = self._proof(problem, coef, intercept)
        while True:
            active = coef.any(axis=0)
            outside = np.where(active, -np.inf, excess)
            n_new = min(max(FEWEST, active.sum()), np.count_nonzero(outside > 0))
            n_new = n_new if active.any() else max(n_new, 1)
            active[np.argsort(-outside, kind="stable")[:n_new]] = True
            chosen = np.flatnonzero(active)
            result, descent = self._of(objective, chosen, coef, intercept, tol)
            coef, intercept = result.coef, result.intercept
            passes += int(result.n_iter.max())
            _, bound, excess = self._proof(problem, coef, intercept)
            gain = abs(term.value_at(constant) - descent.state.best)
            left = np.where(coef.any(axis=0) | active, -np.inf, excess)
            gap, warnings = descent.state.best - bound, list(result.warnings)
            allowed = max(self.tol * gain, ROUNDING * abs(descent.state.best))
            if gap <= allowed:
                break
            is_last = not (left > 0).any() and tol <= SHARPEST * self.tol
            if is_last or passes >= self.max_iter:
                warnings.append(
                    f"{self.owner} did not converge after {passes} passes over the "
                    f"rows: the duality gap is {gap:.2g}, and tol={self.tol:g} allows "
                    f"{allowed:.2g}. Increase max_iter or tol, or alpha."
                )
                break
            tol *= 1.0 if (left > 0).any() else SHARPER
        found = {"n_iter": np.array([passes]), "bound": bound, "value": None}
        return replace(result, warnings=warnings, **found)

    def _of(self, objective, chosen, coef, intercept, tol):
        """The fit of some of the features, placed among all."""
        inner = OutputsSolver(
            max_iter=self.max_iter,
            tol=tol,
            seed=self.seed,
            verbose=self.verbose,
            owner=self.owner,
        )
        start = np.ascontiguousarray(coef[:, chosen]), intercept
        steps = inner.steps(objective.with_columns(chosen), start)
        result, descent = finish(steps)
        whole = np.zeros(coef.shape)
        whole[:, chosen] = result.coef
        return replace(result, coef=whole), descent

    def _proof(self, problem, coef, intercept):
        """Value and bound, and by how much each feature is steeper than the penalty."""
        value, bound, gradient = problem.proof(problem.point(coef, intercept), 0.0)
        scale = problem.features.scale
        spread = np.divide(1.0, scale, out=np.zeros(len(scale)), where=scale > 0)
        excess = problem.price.score(gradient[:, :-1]) * spread
        return value, bound, np.where(scale > 0, excess, -np.inf)
