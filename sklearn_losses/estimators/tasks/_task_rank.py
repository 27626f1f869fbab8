"""Tasks that share few linear maps of the features: coef_ = matrix @ shared.

One of the two is fitted while the other stays, in turn. Of the other the columns, or
the rows, are made orthonormal first: then an l2 norm of the product is one of what is
fitted. The first is the best for squares, by the largest singular values of what the
tasks predict apart (reduced rank regression).

References
----------
Izenman 1975, "Reduced-rank regression for the multivariate linear model", Journal of
Multivariate Analysis 5.
"""

from __future__ import annotations

import numpy as np

from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.estimators.tasks._task_fits import TasksFound, TasksProblem
from sklearn_losses.losses._tasks import Mapped
from sklearn_losses.solvers.descent._outputs import OutputsSolver

MOST_TURNS = 200  # of the two matrices
FEW = 10_000  # rows tell how a loss bends


class RankProblem(TasksProblem):
    """All tasks with coefficients of a rank."""

    def solve(self, factors, start=None):
        d, rank = self.rows.n_features, self.model.rank
        if rank >= min(self.n_outputs, d):
            return super().solve(factors, start)
        if start is not None:
            matrix, shared = halves(start[0], rank)
            return self._in_turn(factors, matrix, shared, start[1])
        zeros = np.zeros((self.n_outputs, d)), np.zeros(self.n_outputs)
        apart = self.apart(factors, zeros)
        matrix, shared = self._first(apart, factors)
        return self._in_turn(factors, matrix, shared, apart.intercept)

    def _first(self, apart, factors):
        """The product of the rank that predicts most of what the tasks do apart."""
        raw = self.rows.dot(apart.coef, np.zeros(self.n_outputs))
        centred = raw - np.average(raw, axis=0, weights=self.given[0])
        covariance = np.cov(centred.T, aweights=self.given[0], ddof=0)
        bend = self._bend(raw + apart.intercept, factors)
        l2 = price_of(self.model, self.rows.n_features, True).l2
        rank = self.model.rank
        return halves(nearest_of_rank(apart.coef, covariance, bend, l2, rank), rank)

    def _bend(self, raw, factors):
        """What each output counts: its mean second derivative, of some of the rows."""
        found = np.zeros(self.n_outputs)
        for k, task in enumerate(self.tasks):
            here = np.flatnonzero(self.weight[k] > 0)[:FEW]
            own = np.ascontiguousarray(raw[here, task.outputs])
            own = own[:, 0] if task.loss.granularity == "point" else own
            mean = np.mean(curvature_of(task.loss, self.targets[k][here], own), axis=0)
            found[task.outputs] = self.factor(k, factors) * mean
        return found

    # ------------------------------------------------------------------ in turn
    def _in_turn(self, factors, matrix, shared, intercept):
        loss, settings = self.joint_loss(factors), self.settings()
        weight, rank = self.given[0], matrix.shape[1]
        best = loss.start(np.column_stack(self.targets)[weight > 0], weight[weight > 0])
        constant = float(factors @ self.losses(0.0 * (matrix @ shared), best))
        value, passes = np.inf, 0
        for _ in range(MOST_TURNS):
            matrix, shared = halves(matrix @ shared, rank)
            objective = self.joint_objective(Mapped(loss, matrix, intercept), rank)
            start = shared, np.zeros(rank)
            found = OutputsSolver(**settings).solve(objective, start)
            shared, intercept = found.coef, intercept + matrix @ found.intercept
            passes += int(found.n_iter.max())
            unit, rows = _orthonormal(shared), self.rows
            few = Rows(np.ascontiguousarray(rows.dot(unit, np.zeros(rank))))
            begun = matrix @ (shared @ unit.T), intercept
            found = self.apart(factors, begun, few)
            matrix, shared, intercept = found.coef, unit, found.intercept
            before, coef = value, matrix @ shared
            value = float(factors @ self.losses(coef, intercept)) + found.penalty
            if before - value <= self.model.tol * abs(constant - value):
                break
        else:
            found.said.append((None, [self._not_done(before - value)]))
        found.results[0].n_iter = found.results[0].n_iter + passes
        return TasksFound(
            coef, intercept, found.results, found.said, np.nan, found.penalty
        )

    def _not_done(self, gained):
        return (
            f"{type(self.model).__name__} did not converge in {MOST_TURNS} turns of "
            f"two matrices of rank {self.model.rank}: the last gained {gained:.2g}. "
            "Increase tol or alpha."
        )


def nearest_of_rank(coef, covariance, bend, l2, rank):
    """The coefficients of a rank whose predictions are the nearest to given ones.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    covariance : ndarray of shape (n_outputs, n_outputs)
        Of what they predict.
    bend : ndarray of shape (n_outputs,)
        What the square of a distance counts: the second derivatives of losses.
    l2 : float or ndarray of shape (n_features,)
    rank : int
    """
    if not bend.any():  # as of Huber, of targets that are all far
        bend = np.ones(len(bend))
    bend = np.maximum(bend, 1e-8 * bend.max())
    root = np.sqrt(bend)
    size = root[:, None] * (covariance + l2 / bend.mean() * (coef @ coef.T)) * root
    kept = np.linalg.eigh(size)[1][:, ::-1][:, :rank]
    return (kept @ kept.T) @ (root[:, None] * coef) / root[:, None]


def curvature_of(loss, y, raw):
    """Second derivatives, 1 where there are none."""
    if not loss.differentiable or not loss.checked().has_curvature:
        return np.ones(raw.shape)
    return np.maximum(loss.curvature(y, raw), 0.0)


def _orthonormal(rows):
    """Rows of the same span, each of length 1 and orthogonal to the others."""
    return np.linalg.qr(rows.T)[0].T.copy()


def halves(coef, rank):
    """coef as a product, of which the first has orthonormal columns."""
    left, size, right = np.linalg.svd(coef, full_matrices=False)
    left, right = left[:, :rank], size[:rank, None] * right[:rank]
    return np.ascontiguousarray(left), np.ascontiguousarray(right)
