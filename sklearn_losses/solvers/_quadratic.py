"""Quadratic models of an objective around a point, and where they are least.

`NewtonModel` has the Hessian, for one output and few features, and `ProductModel`
products with it, for one output and many. `QuasiNewtonModel`
begins with the Hessian's diagonal, or its diagonal blocks of one class each, renewed
now and then, and corrects it by the last steps (L-BFGS: Liu and Nocedal 1989). An l1
norm is minimised with either by coordinate descent (Scheinberg and Tang 2016).
"""

import math

import numpy as np
from scipy import linalg
from scipy.sparse import diags
from scipy.sparse.linalg import LinearOperator, cg

from sklearn_losses.linear._centred import Sums
from sklearn_losses.linear._matrices import add_curvature, equilibrate
from sklearn_losses.solvers._coordinate_descent import minimize_quadratic

SOFTER, SMALLEST_STIFFNESS = 4.0, 1e-10
JITTER = 1e-6  # of the curvature is added where a loss has kinks
FIRST_DAMPING, LARGEST_DAMPING = 1e-9, 1e3
MOST_NUMBERS = 1_010_000  # in a matrix, or in the blocks of one: 8 MB
MEMORY = 10  # steps that correct the diagonal
LEAST_COUPLED = 0.1  # of what couples outputs: smaller eigenvalues are rounding
LARGEST_RESIDUAL, MOST_PRODUCTS = 0.1, 100  # of conjugate gradients
LARGEST_FACTOR = 1e6  # by which the diagonal may be too small
REFRESH = 5  # steps after which the diagonal is computed anew, ...
FAST = 1e-2  # ... unless in so many steps what is left to gain has shrunk to this share


def scaled_cholesky(matrix, damping):
    """The upper factor of a matrix scaled to a diagonal of 1, plus damping.

    Only the lower triangle of the matrix is looked at.

    Returns
    -------
    factor : ndarray of shape (d, d)
    scale : ndarray of shape (d,)
    damping : float
        As given, or greater if the matrix is not positive definite otherwise. One
        with nan in it counts as diagonal.
    """
    scaled, scale = np.empty(matrix.shape), np.empty(len(matrix))
    while damping <= LARGEST_DAMPING:
        equilibrate(matrix, damping, scaled, scale)
        factor, failed = linalg.lapack.dpotrf(scaled.T, overwrite_a=True)
        if not failed and math.isfinite(factor[-1, -1]):  # where a nan ends up
            return factor, scale, damping
        damping *= 10.0
    return np.eye(len(scale)), scale, damping


def scaled_solve(matrix, v, damping):
    """matrix^-1 v, and the damping that it took."""
    factor, scale, damping = scaled_cholesky(matrix, damping)
    return _solved(factor, scale, v), damping


def _solved(factor, scale, v):
    found, _ = linalg.lapack.dpotrs(factor, scale * v)
    return scale * found


def _root_of_inverse(block):
    """W, where W W' is the inverse of a block."""
    factor, scale, _ = scaled_cholesky(block, JITTER)
    root, _ = linalg.lapack.dtrtri(factor)
    return scale[:, None] * root


class Curvature:
    """A Hessian with a block for each output, and what couples these.

    Where the block of output k is V_k V_k', the block of k and l is R_kl V_k V_l', with
    the mean Hessian of a row, scaled to a diagonal of 1, for R. Only the inverse knows
    of it.

    Parameters
    ----------
    blocks : ndarray of shape (n_blocks, size, size)
    coupling : ndarray of shape (n_blocks, n_blocks), default=None
        The mean Hessian of a row. None: the blocks are all.

    Attributes
    ----------
    is_diagonal : bool
        Whether blocks are of one entry.
    """

    def __init__(self, blocks, coupling=None):
        self.blocks, self.is_diagonal = blocks, blocks.shape[1] == 1
        if self.is_diagonal:
            self.inverse = np.zeros(blocks.size)
            diagonal = blocks.ravel()
            np.divide(1.0, diagonal, out=self.inverse, where=diagonal > 0)
        else:
            self.roots = np.array([_root_of_inverse(block) for block in blocks])
        self.mixing = None if coupling is None else _inverse_correlation(coupling)

    def times(self, factor):
        """The same, times a number."""
        return Curvature(factor * self.blocks)

    def product(self, v):
        """The blocks times v."""
        if self.is_diagonal:
            return self.blocks.ravel() * v
        return (self.blocks @ v.reshape(len(self.blocks), -1, 1)).ravel()

    def solve(self, v):
        if self.is_diagonal:
            return self.inverse * v
        found = self.roots.transpose(0, 2, 1) @ v.reshape(len(self.roots), -1, 1)
        if self.mixing is not None:
            found = np.tensordot(self.mixing, found, 1)
        return (self.roots @ found).ravel()


def _inverse_correlation(matrix):
    """The inverse of a matrix scaled to a diagonal of 1; small eigenvalues count as 1.

    What is common to all outputs has none, and the inverse must not blow it up.
    """
    diagonal = np.diag(matrix)
    scale = np.zeros(len(diagonal))
    np.divide(1.0, np.sqrt(diagonal), out=scale, where=diagonal > 0)
    scaled = matrix * scale * scale[:, None]
    np.fill_diagonal(scaled, 1.0)
    values, vectors = np.linalg.eigh(scaled)
    return (vectors / np.where(values < LEAST_COUPLED, 1.0, values)) @ vectors.T


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
    needs_products = False

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

    def _least_with_l1(self, blocks, left, right, sweeps, tol):
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
        change = float(l1 @ (np.abs(new) - np.abs(theta)))
        return new.reshape(self.theta.shape), change


class NewtonModel(QuadraticModel):
    """B is the Hessian."""

    certain = 1e-3
    needs_curvatures = True
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
        found = _solved(factor, scale, self.gradient)
        if needed == FIRST_DAMPING:  # which then costs no digits
            found += _solved(factor, scale, self.gradient - self.hessian @ found)
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


class QuasiNewtonModel(QuadraticModel):
    """B is block-diagonal, corrected by the last steps."""

    trust = 0.3
    is_centred = False  # whether steps of all outputs sum to 0
    coupling = None  # the mean Hessian of a row, if the outputs share a loss

    def __init__(self, *parts):
        super().__init__(*parts)
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

    def update(self, theta, sums, jitter):
        gradient = self._gradient(theta, sums)
        if self.theta is not None:
            self._remember(
                (theta - self.theta).ravel(), (gradient - self.gradient).ravel()
            )
        self.theta, self.gradient = theta, gradient
        if sums.wanted is not None:
            self._renew(sums, jitter)
        self.age += 1
        if self.diagonal is not None:
            self._rescale()

    def curvature(self):
        return self.hessian

    def begin_with(self, curvature):
        """Use the Hessian of another model in the same coordinates until it is old."""
        self.hessian = curvature
        self.diagonal = curvature if curvature.is_diagonal else None
        self.age = 1

    def _remember(self, step, change):
        """A pair whose curvature is not positive says nothing of a convex model."""
        along = float(step @ change)
        if along > 1e-10 * math.sqrt(float(step @ step) * float(change @ change)):
            self.steps = [*self.steps, step][-MEMORY:]
            self.changes = [*self.changes, change][-MEMORY:]

    def _renew(self, sums, jitter):
        """The blocks of the Hessian of each output by itself, or its diagonal."""
        self.is_smoothed = jitter > 0
        if sums.wanted != "full":
            diagonal = sums.second * self.moves + self.l2 + jitter * self.moves
            self.diagonal = Curvature(diagonal.reshape(-1, 1, 1))
            return
        coupling = None if self.has_l1 else self.coupling
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
        if self.has_l1:
            found = self._minimum_with_l1()
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

    def _minimum_with_l1(self):
        left, right = self._low_rank()
        new, change = self._least_with_l1(self.hessian.blocks, left, right, 20, 1e-4)
        delta = new - self.theta
        slope = float(np.vdot(self.gradient, delta)) + change
        v = delta.ravel()
        bent = float(v @ self.hessian.product(v)) - float((left.T @ v) @ (right.T @ v))
        return new, delta, slope, -(slope + 0.5 * bent)

    def _low_rank(self):
        """left right' = blocks - B, in compact form (Byrd, Nocedal, Schnabel 1994)."""
        if not self.steps:
            nothing = np.empty((self.theta.size, 0))
            return nothing, nothing
        S, Y = np.array(self.steps), np.array(self.changes)
        BS = np.array([self.hessian.product(s) for s in S])
        SY = S @ Y.T
        lower = np.tril(SY, -1)
        middle = np.block([[S @ BS.T, lower], [lower.T, -np.diag(np.diag(SY))]])
        left = np.vstack([BS, Y])
        scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(middle)), 1e-300))
        middle *= scale * scale[:, None]
        left *= scale[:, None]
        right = np.linalg.pinv(middle, hermitian=True) @ left
        return np.ascontiguousarray(left.T), np.ascontiguousarray(right.T)
