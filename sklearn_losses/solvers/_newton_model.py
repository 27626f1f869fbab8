"""Newton's method: the Hessian of one output, as a matrix or by its products."""

import math

import numpy as np
from scipy.sparse import diags
from scipy.sparse.linalg import LinearOperator, cg

from sklearn_losses.linear._centred import Sums
from sklearn_losses.solvers._curvature import (
    FIRST_DAMPING,
    JITTER,
    Curvature,
    scaled_cholesky,
    solve_scaled,
)
from sklearn_losses.solvers._quadratic import QuadraticModel

SOFTER, SMALLEST_STIFFNESS = 4.0, 1e-10  # of a model that is too stiff
LARGEST_RESIDUAL, MOST_PRODUCTS = 0.1, 100  # of conjugate gradients


class NewtonModel(QuadraticModel):
    """B is the Hessian."""

    certain = 1e-3
    needs_curvatures = predicts_slopes = True
    stiffness = JITTER  # of a smoothed kink, in units of the diagonal

    def forget(self):
        self.stiffness = JITTER

    def heed(self, t):
        """A step that should have been longer says that the model is too stiff."""
        if t > 1.0:
            self.stiffness = max(self.stiffness / SOFTER, SMALLEST_STIFFNESS)

    def sums(self):
        return Sums(self.features, second="full")

    def update(self, theta, sums, jitter):
        self.theta, self.is_smoothed = theta, jitter > 0
        self.gradient = self._gradient(theta, sums)
        self.hessian = self._hessian(sums, jitter * self.stiffness / JITTER)[0]

    def curvature(self):
        return Curvature(self.hessian[None])

    def minimum(self):
        if not self.has_l1:
            delta = -self._solved()
            slope = float(self.gradient @ delta)
            return self.theta + delta, delta, slope, -0.5 * slope
        nothing = np.empty((len(self.theta), 0))
        new, change = self._least_with_l1(
            self.hessian[None], nothing, nothing, 200, 1e-6
        )
        delta = new - self.theta
        slope = float(self.gradient @ delta) + change
        return new, delta, slope, -(slope + 0.5 * float(delta @ self.hessian @ delta))

    def _solved(self):
        """hessian^-1 gradient, damped, and more so from now on if it had to be."""
        more = self.damping + (self.stiffness if self.is_smoothed else 0.0)
        factor, scale, needed = scaled_cholesky(self.hessian, more)
        found = solve_scaled(factor, scale, self.gradient)
        if needed == FIRST_DAMPING:  # which then costs no digits
            found += solve_scaled(factor, scale, self.gradient - self.hessian @ found)
        if needed > more:
            self.damping = needed
        return found


class ProductModel(QuadraticModel):
    """B is the Hessian, of which there are only products with vectors.

    They are what the method of conjugate gradients needs, which goes on until the
    residual is as small as makes Newton's method faster and faster (Dembo, Eisenstat
    and Steihaug 1982, "Inexact Newton methods").

    Attributes
    ----------
    product : callable
        v to sum c (z, 1) ((z, 1) . v), with the curvatures c at theta.
    """

    trust = 0.3
    needs_curvatures, needs_products = False, True
    product, steepest = None, None

    def sums(self):
        return Sums(self.features)

    def update(self, theta, sums, jitter):
        self.theta, self.gradient = theta, self._gradient(theta, sums)

    def forget(self):
        self.steepest = None

    def minimum(self):
        size = len(self.gradient)
        # Coordinates that do not move have no gradient, and any curvature will do.
        fixed, curvature = 1.0 - self.moves, float(self.product(self._first())[-1])
        more = self.l2 + fixed + (self.damping + JITTER) * curvature

        def times(v):
            return self.product(v) * self.moves + more * v

        steep = float(np.linalg.norm(self.gradient))
        self.steepest = self.steepest or steep
        found, _ = cg(
            LinearOperator((size, size), times),
            -self.gradient,
            rtol=min(LARGEST_RESIDUAL, math.sqrt(steep / self.steepest)),
            maxiter=MOST_PRODUCTS,
            M=diags(1.0 / (curvature + more)),
        )
        slope = float(self.gradient @ found)
        return self.theta + found, found, slope, -0.5 * slope

    def _first(self):
        """With which a product says what the curvatures sum to."""
        v = np.zeros(len(self.gradient))
        v[-1] = 1.0
        return v
