"""A quadratic model of an objective around a point, and where it is least.

`NewtonModel` and `ProductModel` (`_newton_model`) have the Hessian or products with it,
`QuasiNewtonModel` (`_quasi_newton_model`) learns it from the last steps. An l1 norm is
minimised by coordinate descent (Scheinberg and Tang 2016).
"""

import numpy as np

from sklearn_losses.design._matrices import add_curvature
from sklearn_losses.solvers.descent._coordinate_descent import minimize_quadratic
from sklearn_losses.solvers.descent._curvature import FIRST_DAMPING, LARGEST_DAMPING


class QuadraticModel:
    """gradient.delta + delta' B delta / 2 + l1 |theta + delta|_1.

    theta is of shape (d + 1,) or (n_outputs, d + 1); the intercepts come last.

    Parameters
    ----------
    features : Centred
    l2, l1 : ndarray of shape (d + 1,)
        The penalty of each feature, and 0 for the intercept.
    has_intercept : bool
    n_outputs : int
    """

    # What is left to gain may be as much as predicted / trust, and of a smooth loss,
    # below `certain` times what is allowed, it is no more even after a long step.
    trust = 1.0
    certain = 0.0
    needs_products = needs_hessian = False
    is_stiff = False  # whether what was added to its diagonal may decide its minimum
    is_collinear = False  # whether columns are known to be nearly parallel
    predicts_slopes = False  # of each row at its minimum, by the curvatures

    def __init__(self, features, l2, l1, has_intercept, n_outputs):
        self.features, self.n_outputs = features, n_outputs
        self.l2, self.l1 = l2, l1
        self.has_l1 = bool(l1.any())
        self.low = np.full(len(l1), -np.inf)
        self.moves = np.append(features.scale > 0, float(has_intercept))
        self.damping = FIRST_DAMPING

    @property
    def needs_curvatures(self):
        """Whether the next update needs second moments."""
        raise NotImplementedError

    def sums(self):
        """What the next update needs, to be added up over the rows."""
        raise NotImplementedError

    def update(self, theta, sums, jitter):
        """Model the objective around theta.

        Parameters
        ----------
        theta : ndarray
        sums : Sums
            Of the slopes and curvatures at theta.
        jitter : float
            More curvature of every coordinate that moves.
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

    def keep_positive(self):
        """No coefficient may become negative, but the intercept."""
        self.low[:-1] = 0.0
        self.has_l1 = True  # which is minimised in the same way

    def forget(self):
        """What was seen so far belongs to another objective."""

    def heed(self, t):
        """Learn from how long a step had to be, in units of the one to the minimum."""

    def damp(self):
        """After a step that failed: shorten the next ones. False: to no avail."""
        self.damping = max(100 * self.damping, 1e-6)
        return self.damping <= LARGEST_DAMPING

    def steepest_slope(self):
        """The gradient at theta, or with an l1 norm its smallest subgradient."""
        slope = self.gradient
        if not self.has_l1:
            return slope
        away = slope + np.sign(self.theta) * self.l1
        at_0 = np.sign(slope) * np.maximum(np.abs(slope) - self.l1, 0.0)
        at_0 = np.where(self.low == 0, np.minimum(slope + self.l1, 0.0), at_0)
        return np.where(self.theta == 0, at_0, away)

    def _gradient(self, theta, sums):
        gradient = self.l2 * theta
        gradient += sums.first.reshape(theta.shape)
        if not self.moves[-1]:
            gradient[..., -1] = 0.0
        return gradient

    def _hessian(self, sums, jitter):
        """The blocks of each output."""
        blocks = sums.second
        for block in blocks:
            add_curvature(block, self.l2, jitter, self.moves)
        return blocks

    def _polished(self, blocks, new, l1, low):
        """A better point than coordinate descent has found, if the model knows one."""
        return new

    def _least_with_l1(self, blocks, left, right, sweeps, tol):
        """Where the model is least, about, and how much the l1 norm changes."""
        blocks = blocks.copy()
        diagonal = np.einsum("bii->bi", blocks)
        diagonal *= 1 + self.damping
        theta = self.theta.ravel()
        l1, low = (
            np.broadcast_to(a, self.theta.shape).ravel() for a in (self.l1, self.low)
        )
        gradient = self.gradient.ravel()
        new = minimize_quadratic(
            blocks, left, right, gradient, theta, l1, low, sweeps, tol
        )
        new = self._polished(blocks, new, l1, low)
        change = float(l1 @ (np.abs(new) - np.abs(theta)))
        return new.reshape(self.theta.shape), change
