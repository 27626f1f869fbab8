"""Several outputs with squared errors, whose rows are all observed, and a norm.

All share the moments of X, of which those of features that have coefficients will do.
What is left is a quadratic of the coefficients, and the norm of those of each feature:
coordinate descent of blocks, of few features until no other wants to move. The bound is
that of all rows, at the coefficients that are found.
"""

import numpy as np

from sklearn_losses.design._sums import Sums
from sklearn_losses.losses import SquaredError
from sklearn_losses.penalties._norms import BlockNorm
from sklearn_losses.solvers._base import SolverResult
from sklearn_losses.solvers.descent._block_descent import descend_blocks
from sklearn_losses.solvers.descent._certified import features_of
from sklearn_losses.solvers.descent._few_outputs import FewOutputsSolver
from sklearn_losses.solvers.descent._outputs_problem import OutputsProblem

MOST_SWEEPS, MOST_ROUNDS = 1000, 100
SMALL_CHANGE = 1e-11  # of predictions, in units of the spread of y
TOUCHING = 1e-10  # of a norm: a slope that does not lead beyond it


def has_one_gram(objective):
    """Whether an objective of `Tasks` is what this solver takes."""
    loss, price, rows = objective.loss, objective.penalty, objective.rows
    norm = price.norm
    is_of_features = (
        isinstance(norm, BlockNorm)
        and norm.shares
        and np.array_equal(norm.label, np.arange(rows.n_features))
    )
    is_plain = price.matrix is price.concave is None and not price.has_l1
    return bool(
        all(type(each) is SquaredError for each in loss.losses)
        and loss.factor is not None
        and (is_of_features and is_plain and not price.has_bounds)
        and objective.offset is None
        and np.isfinite(objective.targets.y).all()
    )


class GramOutputsSolver(FewOutputsSolver):
    """The minimum by the moments of all rows, and its bound."""

    def solve(self, objective, start):
        features, passes = features_of(objective, None)
        problem = OutputsProblem.of(objective, features, objective.term())
        theta, is_found = self._least(objective, problem, start)
        coef, intercept = problem.unscaled(theta)
        value, bound, _ = problem.proof(theta, 0.0)
        term = problem.term
        gain = abs(term.value_at(term.best_constant()) - value)
        if not (is_found and value - bound <= self.tol * gain):
            return super().solve(objective, (coef, intercept))
        return SolverResult(
            *(coef, intercept, np.array([passes + problem.passes])),
            converged=True,
            bound=bound,
        )

    @staticmethod
    def _least(objective, problem, start):
        """theta, and whether the descent ended."""
        moments = _Moments(objective, problem)
        theta = problem.point(*start)
        coef = np.ascontiguousarray(theta[:, :-1])
        is_found = _descend(moments, coef, problem.price.norm.weight, problem.l2[:-1])
        theta[:, :-1], theta[:, -1] = coef, moments.intercept(coef)
        return theta, is_found


class _Moments:
    """sum w z z' of some features with all, and sum w z y', times the loss's weight.

    The intercept is where it is best, of any coefficients.
    """

    def __init__(self, objective, problem):
        self.problem, self.features, term = problem, problem.features, problem.term
        self.weight = np.ascontiguousarray(term.weight)
        self.factor = objective.loss.factor
        columns = np.column_stack([term.columns, np.ones(len(term.columns))])
        found = self._sums(lambda block: self.weight[block, None] * columns[block])
        self.by_mean, self.total = found[-1, :-1], found[-1, -1]
        self.mean = found[:-1, -1] / self.total
        if not objective.fit_intercept:
            self.by_mean, self.mean = 0.0 * self.by_mean, 0.0 * self.mean
        self.cross = found[:-1, :-1] - self.mean[:, None] * self.by_mean
        self.cross *= self.factor
        self.place = np.full(self.features.n_features, -1)
        self.gram = np.empty((0, self.features.n_features))

    def _sums(self, slopes):
        """sum g (z, 1), in a pass."""
        self.problem.passes += 1
        sums = None
        for block in self.features.blocks:
            g = slopes(block)
            sums = Sums(self.features, g.shape[1]) if sums is None else sums
            sums.add(block, g)
        return sums.first

    def of(self, chosen):
        """The moments of some features with all."""
        new = chosen[self.place[chosen] < 0]
        if len(new):
            found = self._sums(lambda block: self._columns(block, new))
            found = found[:, :-1] - np.outer(
                self.by_mean[new], self.by_mean / self.total
            )
            self.place[new] = len(self.gram) + np.arange(len(new))
            self.gram = np.vstack([self.gram, self.factor * found])
        return np.ascontiguousarray(self.gram[self.place[chosen]])

    def _columns(self, block, chosen):
        """Those of z, times the weight of each row."""
        features = self.features
        if features.is_sparse:
            ones = np.zeros((features.n_features, len(chosen)))
            ones[chosen, np.arange(len(chosen))] = 1.0
            z = features.dot(ones, block).reshape(-1, len(chosen))
        else:
            z = features.X[block][:, chosen] - features.mean[chosen]
            z *= features.scale[chosen]
        z *= self.weight[block, None]
        return z

    def intercept(self, coef):
        return self.mean - coef @ self.by_mean / self.total


def _descend(moments, coef, weight, l2):
    """Of the features that have coefficients, or want some, until no other does."""
    weight, l2 = np.ascontiguousarray(weight), np.ascontiguousarray(l2)
    moves = moments.features.scale > 0
    coef[:, ~moves] = 0.0
    active, left = coef.any(axis=0), moments.cross.copy()
    chosen = np.flatnonzero(active)
    left -= coef[:, chosen] @ moments.of(chosen)
    unit = np.linalg.norm(left, axis=0).max(initial=0.0) / np.sqrt(moments.factor)
    for _ in range(MOST_ROUNDS):
        steep = np.linalg.norm(left, axis=0) > weight * (1.0 + TOUCHING)
        wanted = moves & ~active & steep
        active |= wanted
        chosen = np.flatnonzero(active)
        parts = moments.of(chosen), left, coef, weight, l2, chosen
        if not descend_blocks(*parts, MOST_SWEEPS, SMALL_CHANGE * unit):
            return False
        if not wanted.any():
            return True
        active = coef.any(axis=0)
    return False
