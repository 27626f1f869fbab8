"""A quadratic model of an objective around a point, and where it is least.

`NewtonModel` and `ProductModel` (`_newton_model`) have the Hessian or products with it,
`QuasiNewtonModel` (`_quasi_newton_model`) learns it from the last steps. An l1 norm is
minimised by coordinate descent (Scheinberg and Tang 2016).
"""

from functools import cached_property

import numpy as np
from scipy import linalg

from sklearn_losses.design._matrices import add_curvature
from sklearn_losses.solvers.descent._coordinate_descent import (
    BlockMatrix,
    minimize_quadratic,
)
from sklearn_losses.solvers.descent._curvature import FIRST_DAMPING, LARGEST_DAMPING
from sklearn_losses.solvers.descent._norm_model import minimize_with_norm

CONVEX = 1e-3  # of the diagonal is what a concave part has to leave of the curvature


class QuadraticModel:
    """gradient.delta + delta' B delta / 2 + kinks(theta + delta).

    theta is of shape (d + 1,) or (n_outputs, d + 1); the intercepts come last.

    Parameters
    ----------
    problem : CentredProblem
    """

    # What is left to gain may be as much as predicted / trust, and of a smooth loss,
    # below `certain` times what is allowed, it is no more even after a long step.
    trust = 1.0
    certain = 0.0
    is_stiff = False  # whether what was added to its diagonal may decide its minimum
    is_collinear = False  # whether columns are known to be nearly parallel
    is_centred = False  # whether steps of all outputs sum to 0
    predicts_slopes = False  # of each row at its minimum, by the curvatures

    def __init__(self, problem):
        self.problem, self.price = problem, problem.price
        self.features, self.n_outputs = problem.features, problem.n_outputs
        self.kinks, self.has_kinks = self.price.kinks, problem.has_kinks
        self.l2, self.l1 = problem.l2, problem.l1
        self.low, self.high, self.moves = problem.low, problem.high, problem.moves
        self.is_centred = problem.sees_differences and not self.has_kinks
        self.damping = FIRST_DAMPING

    @property
    def needs_curvatures(self):
        """Whether the next update needs second moments."""
        raise NotImplementedError

    def sums(self):
        """What the next update needs, to be added up over the rows."""
        raise NotImplementedError

    def update(self, theta, seen, around):
        """Model the objective around theta.

        Parameters
        ----------
        theta : ndarray
        seen : Swept
            What a pass has seen there, with the sums of `sums`.
        around : Around
            To ask for more.
        """
        raise NotImplementedError

    def minimum(self):
        """Where the model is least.

        Returns
        -------
        new, delta : ndarray
            Where it is, and how far that is from theta.
        slope : float
            The derivative of the objective in this direction.
        predicted : float
            How much lower the model is there.
        """
        raise NotImplementedError

    def curvature(self):
        """What another model can begin with.

        Returns
        -------
        Curvature
        """
        raise NotImplementedError

    def forget(self):
        """What was seen so far belongs to another objective."""

    def learn_from(self, t):
        """Learn from how long a step had to be, in units of the one to the minimum."""

    def damp(self):
        """After a step that failed: shorten the next ones. False: to no avail."""
        self.damping = max(100 * self.damping, 1e-6)
        return self.damping <= LARGEST_DAMPING

    def is_flat(self, least):
        """Whether it knows a slope of more than this, but no curvature there."""
        return False

    def steepest_slope(self):
        """The gradient at theta, or with kinks its smallest subgradient."""
        if not self.has_kinks:
            return self.gradient
        slope = np.atleast_2d(self.gradient).copy()
        coef = np.atleast_2d(self.theta)[:, :-1]
        slope[:, :-1] = self.kinks.residual(coef, slope[:, :-1])
        return slope.reshape(self.gradient.shape)

    def _hessian(self, sums, jitter):
        """The blocks of each output."""
        blocks = sums.second
        if self.problem.memory is not None:
            blocks[0] += self.problem.memory.hessian
        for block in blocks:
            add_curvature(block, self.l2, jitter, self.moves)
        if not self.price.is_simple:
            for block, theta in zip(blocks, np.atleast_2d(self.theta)):
                self._add_rest(block, theta)
        return blocks

    def _add_rest(self, block, theta):
        """The curvature of a matrix and, if it leaves a minimum, of a concave part."""
        price = self.price
        if price.matrix is not None:
            block[:-1, :-1] += price.matrix
        if price.concave is None:
            return
        bend = np.where(theta[:-1] == 0, 0.0, price.concave.curvatures(theta[:-1]))
        here = np.flatnonzero(np.append(theta[:-1] != 0, True) & (np.diag(block) > 0))
        bent = block[np.ix_(here, here)] + np.diag(np.append(bend, 0.0)[here])
        bent.flat[:: len(bent) + 1] -= CONVEX * np.diag(block)[here]
        if not linalg.lapack.dpotrf(bent)[1]:
            block[here, here] += np.append(bend, 0.0)[here]

    def _polished(self, matrix, new, l1, low, high):
        """A better point than coordinate descent has found, if the model knows one."""
        return new

    @cached_property
    def _of_each(self):
        """l1, low and high of each coordinate of all outputs."""
        shape = self.theta.shape
        parts = self.l1, self.low, self.high
        return [np.broadcast_to(a, shape).ravel() for a in parts]

    def _change(self, new):
        """How much the kinks charge more there than at theta."""
        here, there = (
            self.kinks.value(np.atleast_2d(a)[:, :-1]).sum()
            for a in (self.theta, new.reshape(self.theta.shape))
        )
        return float(there - here)

    def _least_with_kinks(self, hessian, sweeps, tol):
        """Where the model is least, about, and how much more the kinks charge."""
        self.is_stiff = self.price.is_convex  # unless `_polished` knows better
        blocks = hessian.blocks.copy()
        diagonal = np.einsum("bii->bi", blocks)
        diagonal *= 1 + self.damping
        matrix = BlockMatrix(blocks, hessian.left, hessian.right)
        theta = self.theta.ravel()
        if self.price.norm is not None:
            model = matrix, self.gradient.ravel(), theta
            new = minimize_with_norm(self, *model, sweeps, tol)
            return new.reshape(self.theta.shape), self._change(new)
        l1, *ends = self._of_each
        gradient = self.gradient.ravel()
        new = minimize_quadratic(matrix, gradient, theta, l1, *ends, sweeps, tol)
        new = self._polished(matrix, new, l1, *ends)
        change = float(l1 @ (np.abs(new) - np.abs(theta)))
        return new.reshape(self.theta.shape), change
