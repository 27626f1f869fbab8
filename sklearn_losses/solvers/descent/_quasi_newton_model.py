"""L-BFGS (Liu and Nocedal 1989), for any loss and any number of features.

It begins with the Hessian's diagonal, or its blocks of one output each and what couples
these, renewed now and then, and corrects it by the last steps.
"""

import math

import numpy as np

from sklearn_losses.design._sums import Sums
from sklearn_losses.solvers.descent._coordinate_descent import BlockMatrix
from sklearn_losses.solvers.descent._curvature import Curvature
from sklearn_losses.solvers.descent._quadratic import QuadraticModel

MOST_NUMBERS = 1_010_000  # in a matrix, or in the blocks of one: 8 MB
MEMORY = 10  # steps that correct the diagonal
LARGEST_FACTOR = 1e6  # by which the diagonal may be too small
REFRESH = 5  # steps after which the diagonal is computed anew, ...
RANK = 1e-15  # of the largest eigenvalue: one that is smaller is 0
FAST = 1e-2  # ... unless in so many steps what is left to gain has shrunk to this share
NO_PAIRS = (), ()  # of a step and the change of the slopes along it


class QuasiNewtonModel(QuadraticModel):
    """B is block-diagonal, corrected by the last steps."""

    trust = 0.3

    def __init__(self, problem):
        super().__init__(problem)
        self.forget()

    def forget(self):
        self.steps, self.changes = [], []
        self.age, self.theta, self.diagonal = 0, None, None
        self.predicted = self.predicted_then = math.inf
        self.is_smoothed = False

    def damp(self):
        self.forget()
        return super().damp()

    @property
    def needs_curvatures(self):
        if self.age == 0 or self.age % REFRESH:
            return self.age == 0
        # The curvature of a smoothed kink is elsewhere after each step.
        return self.is_smoothed or self.predicted > FAST * self.predicted_then

    def sums(self):
        second = None
        if self.needs_curvatures:
            is_small = self.n_outputs * len(self.l2) ** 2 <= MOST_NUMBERS
            second = "full" if is_small else "diagonal" if self.age else "mean"
        return Sums(self.features, self.n_outputs, second=second)

    def update(self, theta, seen, around):
        gradient = self.problem.gradient(theta, seen.sums)
        if self.theta is not None:
            self._remember(
                (theta - self.theta).ravel(), (gradient - self.gradient).ravel()
            )
        self.theta, self.gradient = theta, gradient
        if seen.sums.wanted is not None:
            self._renew(seen, around)
        self.age += 1
        if self.diagonal is not None:
            self._rescale()

    def curvature(self):
        return self.hessian

    def begin_with(self, curvature, steps=(), changes=()):
        """Use the Hessian of another model in the same coordinates until it is old.

        Steps and changes are those that `pairs` of that model has given.
        """
        self.hessian = curvature
        self.diagonal = curvature if curvature.is_diagonal else None
        self.age, l2 = 1, np.tile(self.l2, self.n_outputs)
        for step, change in zip(steps, changes, strict=True):
            self._remember(step, change + l2 * step)

    def pairs(self):
        """Its last steps, and how the slopes of the loss have changed along them."""
        l2 = np.tile(self.l2, self.n_outputs)
        pairs = zip(self.steps, self.changes, strict=True)
        return self.steps, [change - l2 * step for step, change in pairs]

    def _remember(self, step, change):
        """A pair whose curvature is not positive says nothing of a convex model."""
        along = float(step @ change)
        if along > 1e-10 * math.sqrt(step @ step) * math.sqrt(change @ change):
            self.steps = [*self.steps, step][-MEMORY:]
            self.changes = [*self.changes, change][-MEMORY:]

    def _renew(self, seen, around):
        """The blocks of the Hessian of each output by itself, or its diagonal."""
        sums, jitter = seen.sums, around.jitter(seen.curvature)
        self.is_smoothed = jitter > 0
        if sums.wanted != "full":
            diagonal = sums.second * self.moves + self.l2 + jitter * self.moves
            if self.price.matrix is not None:
                diagonal[:, :-1] += np.diag(self.price.matrix)
            self.diagonal = Curvature(diagonal.reshape(-1, 1, 1))
            return
        # At a constant a loss bends more than where the fit goes.
        is_coupled = self.problem.is_joint and self.theta[..., :-1].any()
        is_coupled = is_coupled and not self.has_kinks
        coupling = around.mean_hessian() if is_coupled else None
        self.hessian = Curvature(self._hessian(sums, jitter), coupling)

    def _rescale(self):
        """Make the diagonal as large as the last change, which has all of the Hessian.

        Where there are fewer rows than features the diagonal alone is far too small.
        """
        self.hessian = self.diagonal
        if self.steps:
            step, change = self.steps[-1], self.changes[-1]
            factor = float(change @ self.hessian.solve(change))
            factor = min(max(factor / float(step @ change), 1.0), LARGEST_FACTOR)
            self.hessian = self.hessian.times(factor)

    def minimum(self):
        if self.has_kinks:
            found = self._minimum_with_kinks()
        else:
            delta = self._two_loops(-self.gradient.ravel()).reshape(self.theta.shape)
            if self.is_centred:
                delta -= delta.mean(axis=0)
            slope = float(np.vdot(self.gradient, delta))
            found = self.theta + delta, delta, slope, -0.5 * slope
        self.predicted = found[-1]
        if self.age % REFRESH == 1:
            self.predicted_then = self.predicted
        return found

    def _two_loops(self, v):
        """B^-1 v (Nocedal 1980)."""
        pairs = [(s, y, 1.0 / float(s @ y)) for s, y in zip(self.steps, self.changes)]
        shares = []
        for s, y, rho in reversed(pairs):
            shares.append(rho * float(s @ v))
            v = v - shares[-1] * y
        v = self.hessian.solve(v) / (1.0 + self.damping)
        for s, y, rho in pairs:
            v = v + (shares.pop() - rho * float(y @ v)) * s
        return v

    def _minimum_with_kinks(self):
        hessian = BlockMatrix(self.hessian.blocks, *self._low_rank())
        new, change = self._least_with_kinks(hessian, 20, 1e-4)
        delta = new - self.theta
        slope = float(np.vdot(self.gradient, delta)) + change
        v = delta.ravel()
        low_rank = float((hessian.left.T @ v) @ (hessian.right.T @ v))
        bent = float(v @ self.hessian.product(v)) - low_rank
        return new, delta, slope, -(slope + 0.5 * bent)

    def _low_rank(self):
        """left right' = blocks - B, in compact form (Byrd, Nocedal, Schnabel 1994)."""
        if not self.steps:
            return ()
        S, Y = np.array(self.steps), np.array(self.changes)
        BS = self.hessian.products(S)
        SY = S @ Y.T
        lower = np.tril(SY, -1)
        middle = np.block([[S @ BS.T, lower], [lower.T, -np.diag(np.diag(SY))]])
        left = np.vstack([BS, Y])
        scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(middle)), 1e-300))
        middle *= scale * scale[:, None]
        left *= scale[:, None]
        values, vectors = np.linalg.eigh(middle)
        is_known = np.abs(values) > RANK * np.abs(values).max()
        values, vectors = values[is_known], vectors[:, is_known]
        right = (vectors / values) @ (vectors.T @ left)
        return np.ascontiguousarray(left.T), np.ascontiguousarray(right.T)
