"""Matrices of curvature: scaled so that units do not matter, factored and inverted."""

import math
from functools import cached_property

import numpy as np
from scipy import linalg

from sklearn_losses.design._matrices import equilibrate

JITTER = 1e-6  # of the curvature is added where there may be none
FIRST_DAMPING, LARGEST_DAMPING = 1e-9, 1e3
LEAST_COUPLED = 0.1  # of what couples outputs: smaller eigenvalues are rounding


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
    return solve_scaled(factor, scale, v), damping


def solve_scaled(factor, scale, v):
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
        self.mixing = None if coupling is None else _inverse_correlation(coupling)

    @cached_property
    def roots(self):
        """W of each block, whose inverse is W W': dear, and kinks do not ask for it."""
        return np.array([_root_of_inverse(block) for block in self.blocks])

    def times(self, factor):
        """The same, times a number."""
        return Curvature(factor * self.blocks)

    def products(self, vectors):
        """The blocks times each vector, which are rows."""
        if self.is_diagonal:
            return vectors * self.blocks.ravel()
        parts = vectors.reshape(len(vectors), len(self.blocks), -1)
        found = parts.transpose(1, 0, 2) @ self.blocks
        return found.transpose(1, 0, 2).reshape(vectors.shape)

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
