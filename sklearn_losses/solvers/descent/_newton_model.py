"""Newton's method: the Hessian as a matrix or by its products.

It is that of one output, or of all outputs of a loss of rows, which couples them.
"""

import math

import numpy as np
from scipy.sparse import diags
from scipy.sparse.linalg import LinearOperator, cg

from sklearn_losses.design._sums import Sums
from sklearn_losses.solvers.descent._coordinate_descent import (
    BlockMatrix,
    minimize_quadratic,
    wants_to_move,
)
from sklearn_losses.solvers.descent._curvature import (
    FIRST_DAMPING,
    JITTER,
    Curvature,
    scaled_cholesky,
    solve_scaled,
)
from sklearn_losses.solvers.descent._proximal import accelerated
from sklearn_losses.solvers.descent._quadratic import QuadraticModel

SOFTER, SMALLEST_STIFFNESS = 4.0, 1e-10  # of a model that is too stiff
SWEEPS, SWEEP_TOL = 200, 1e-6  # of coordinate descent on a model with an l1 norm
FEW_FACES, MOST_FACES = 2, 64  # that it may lead to: more save fewer steps than they
NEAR_STIFFNESS = 100.0  # times it: so small a pivot is one that it decides
COLLINEAR = 1e-2  # a pivot where columns are nearly parallel
PATIENCE = 20  # cost, unless so many models, and so many again, have not been enough
LARGEST_RESIDUAL, MOST_PRODUCTS = 0.1, 100  # of conjugate gradients


class NewtonModel(QuadraticModel):
    """B is the Hessian."""

    certain = 1e-3
    needs_curvatures = predicts_slopes = True
    stiffness = JITTER  # of a smoothed kink, in units of the diagonal
    n_models, is_stiff, is_smoothed = 0, False, False
    _pivot = 1.0  # the least one of the last face that was looked at

    def forget(self):
        self.stiffness = JITTER

    def learn_from(self, t):
        """A step that should have been longer says that the model is too stiff."""
        if t > 1.0:
            softer = max(SOFTER, t * t)
            self.stiffness = max(self.stiffness / softer, SMALLEST_STIFFNESS)

    def sums(self):
        return Sums(self.features, second="full")

    def update(self, theta, seen, around):
        jitter = around.jitter(seen.curvature)
        self.theta, self.is_smoothed = theta, jitter > 0
        self.gradient = self.problem.gradient(theta, seen.sums)
        self.hessian = self._hessian(seen.sums, jitter * self.stiffness / JITTER)[0]

    def curvature(self):
        return Curvature(self.hessian[None])

    def is_flat(self, least):
        diagonal = self.hessian.diagonal()
        if np.count_nonzero(diagonal) == len(diagonal):
            return False
        is_steep = np.abs(self.gradient.ravel()) > least
        return bool((is_steep & (diagonal == 0)).any())

    def minimum(self):
        if not self.has_kinks:
            delta = -self._solved().reshape(self.theta.shape)
            if self.is_centred:
                delta -= delta.mean(axis=0)
            slope = float(np.vdot(self.gradient, delta))
            return self.theta + delta, delta, slope, -0.5 * slope
        hessian = BlockMatrix(self.hessian[None])
        new, change = self._least_with_kinks(hessian, SWEEPS, SWEEP_TOL)
        delta = new - self.theta
        slope, v = float(np.vdot(self.gradient, delta)) + change, delta.ravel()
        return new, delta, slope, -(slope + 0.5 * float(v @ self.hessian @ v))

    def _polished(self, matrix, new, l1, low, high):
        """Minima on faces and coordinate descent in turn, until no zero wants to move.

        Alone the latter takes many sweeps where the matrix is near singular, as kinks
        make it.
        """
        if self.problem.memory is not None:  # the next rows will move it anyway
            return new
        theta, gradient = self.theta.ravel(), self.gradient.ravel()
        dense = matrix.blocks[0]
        self.n_models += 1
        n_left = min(FEW_FACES << min(self.n_models // PATIENCE, 10), MOST_FACES)
        while n_left > 0:
            new, n_faces = self._least_on_face(dense, new, l1, low, high, n_left)
            n_left -= n_faces
            slope = gradient + dense @ (new - theta)
            if not wants_to_move(new, slope, l1, low, high, SWEEP_TOL):
                self.is_stiff &= self._is_stiff(self._pivot)
                return new
            args = matrix, slope, new, l1, low, high
            new = minimize_quadratic(*args, SWEEPS, SWEEP_TOL)
        # Or from the minimum without the l1 norm, where columns are nearly parallel.
        other = np.clip(theta - _solution(dense, gradient)[0], low, high)
        other, _ = self._least_on_face(dense, other, l1, low, high, FEW_FACES)

        def value(x):
            step = x - theta
            bent = 0.5 * step @ dense @ step
            return gradient @ step + bent + l1 @ np.abs(x)

        return min(new, other, key=value)

    def _least_on_face(self, matrix, new, l1, low, high, most):
        """Go on to the minimum for the signs, and for what is at a kink or a bound.

        What comes to one on the way stays there. Returns how many faces it saw, too.
        """
        theta, gradient = self.theta.ravel(), self.gradient.ravel()
        n_faces, self._pivot, has_kink = 0, 1.0, l1 > 0
        while n_faces < most:
            n_faces += 1
            free = (matrix.diagonal() > 0) & ((new != 0) | ~has_kink)
            free = np.flatnonzero(free & (new > low) & (new < high))
            if len(free) == 0:
                break
            here, kink = new[free], l1[free]
            least = np.where((here > 0) & (kink > 0), 0.0, low[free])
            largest = np.where((here < 0) & (kink > 0), 0.0, high[free])
            of_free = matrix.take(free, axis=0)
            slope = gradient[free] + of_free @ (new - theta) + kink * np.sign(here)
            inner = of_free.take(free, axis=1)
            found, _, self._pivot = _solution(inner, slope)
            step = -found
            ends = np.where(step < 0, least, largest)
            crosses = np.abs(step) > np.abs(ends - here)
            if not crosses.any():
                new[free] += step
                break
            # All that cross go to their ends, if that is lower; or the first of them.
            change = np.where(crosses, ends - here, step)
            if slope @ change + 0.5 * change @ inner @ change >= 0.0:
                share = np.where(crosses, (ends - here) / step, 1.0)
                change, crosses = share.min() * step, share <= share.min()
            new[free] += change
            new[free[crosses]] = ends[crosses]
        return new, n_faces

    def _is_stiff(self, pivot):
        """Whether what kinks need decides where a matrix with this pivot is least."""
        return self.is_smoothed and pivot < NEAR_STIFFNESS * self.stiffness

    def _solved(self):
        """hessian^-1 gradient, damped, and more so from now on if it had to be."""
        more = self.damping + (self.stiffness if self.is_smoothed else 0.0)
        found, needed, pivot = _solution(self.hessian, self.gradient.ravel(), more)
        self.is_stiff = self._is_stiff(pivot)
        self.is_collinear = pivot < COLLINEAR
        if needed > more:
            self.damping = needed
        return found


def _solution(matrix, v, damping=FIRST_DAMPING):
    """matrix^-1 v, and the damping that it took; the first one costs no digits.

    The third is the least pivot of the matrix scaled to a diagonal of 1.
    """
    factor, scale, needed = scaled_cholesky(matrix, damping)
    found = solve_scaled(factor, scale, v)
    if needed == FIRST_DAMPING:
        found += solve_scaled(factor, scale, v - matrix @ found)
    return found, needed, min(factor.diagonal().tolist()) ** 2


class JointModel(NewtonModel):
    """B is the Hessian of all outputs, which a loss of rows couples, or of groups."""

    needs_curvatures = False

    def minimum_after(self, change):
        """Where it is least after a change of the gradient."""
        before, self.gradient = self.gradient, self.gradient + change
        found = self.minimum()[0]
        self.gradient = before
        return found

    def sums(self):
        return Sums(self.features, self.n_outputs)

    def update(self, theta, seen, around):
        self.hessian, curvature = around.hessian()
        if self.problem.memory is not None:
            self.hessian += self.problem.memory.hessian
        jitter = around.jitter(curvature)
        self.theta, self.is_smoothed = theta, jitter > 0
        self.gradient = self.problem.gradient(theta, seen.sums)
        size = self.n_outputs
        l2, moves = np.tile(self.l2, size), np.tile(self.moves, size)
        self.hessian *= np.outer(moves, moves)
        self.hessian.flat[:: len(l2) + 1] += (
            l2 + jitter * self.stiffness / JITTER * moves
        )
        if not self.price.is_simple:
            d = len(self.l2)
            for k, of_output in enumerate(np.atleast_2d(theta)):
                part = slice(k * d, (k + 1) * d)
                self._add_rest(self.hessian[part, part], of_output)


class ProductModel(QuadraticModel):
    """B is the Hessian, of which there are only products with vectors.

    They are what the method of conjugate gradients needs, which goes on until the
    residual is as small as makes Newton's method faster and faster (Dembo, Eisenstat
    and Steihaug 1982, "Inexact Newton methods").
    """

    trust = 0.3
    needs_curvatures = False
    steepest = None

    def sums(self):
        return Sums(self.features, self.n_outputs)

    def update(self, theta, seen, around):
        self.theta, self.gradient = theta, self.problem.gradient(theta, seen.sums)
        product, curvature = around.products()
        least = max(JITTER * curvature.max(), around.jitter(curvature.sum()))
        # Coordinates that do not move have no gradient, and any curvature will do.
        more = self.l2 + 1.0 - self.moves + self.damping * curvature[..., None] + least
        memory = self.problem.memory
        # Of features in units of their spread the diagonal is about the same for all.
        self.diagonal = curvature[..., None] + more
        if memory is not None:
            self.diagonal += memory.diagonal().reshape(theta.shape)

        def times(v):
            v = v.reshape(theta.shape)
            found = product(v).reshape(theta.shape)
            if memory is not None:
                found += memory.product(v)
            return found * self.moves + more * v

        self.product = times

    def forget(self):
        self.steepest = None

    def minimum(self):
        if self.has_kinks:
            return self._minimum_with_kinks()
        steep, size = float(np.linalg.norm(self.gradient)), self.theta.size
        self.steepest = self.steepest or steep or 1.0  # at a minimum it is 0
        found, _ = cg(
            LinearOperator((size, size), lambda v: self.product(v).ravel()),
            -self.gradient.ravel(),
            rtol=min(LARGEST_RESIDUAL, math.sqrt(steep / self.steepest)),
            maxiter=MOST_PRODUCTS,
            M=diags(1.0 / self.diagonal.ravel()),
        )
        delta = found.reshape(self.theta.shape)
        slope = float(np.vdot(self.gradient, delta))
        return self.theta + delta, delta, slope, -0.5 * slope

    def _minimum_with_kinks(self):
        parts = self.product, self.diagonal, self.gradient, self.theta, self.l1
        delta = accelerated(*parts)
        new = self.theta + delta
        slope = float(np.vdot(self.gradient, delta)) + self._change(new)
        bent = float(np.vdot(self.product(delta), delta))
        return new, delta, slope, -(slope + 0.5 * bent)
