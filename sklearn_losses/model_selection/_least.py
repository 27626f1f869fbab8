"""Where a quadratic model of an objective is least, with its penalty.

A penalty of the squares makes the model one of numbers alone. With an l1 norm or bounds
coordinates are minimised one after the other, and those that are away from 0 and from
their bounds are then solved for together: a proximal Newton step (Lee, Sun and Saunders
2014).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from sklearn_losses.solvers.descent._coordinate_descent import (
    BlockMatrix,
    minimize_quadratic,
)

FLAT = 1e-11  # of the diagonal, added where there may be no curvature
LARGE = 64  # coefficients, from which on inverses take longer than factors
ROUNDS, SWEEPS, FINE = 50, 20, 1e-12  # of coordinate descent
ROUNDING = 1e-9  # of the largest slope, that is left over
NO_CURVATURE = "there is no curvature in some direction"


class Doubt(Exception):
    """Newton steps are not to be trusted here."""


@dataclass
class Cost:
    """What coefficients cost: theta' lam theta / 2 + sum l1 |theta|, within bounds.

    Attributes
    ----------
    lam : ndarray of shape (size, size)
    l1, low, high : ndarray of shape (size,)
    """

    lam: np.ndarray
    l1: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __post_init__(self):
        bounds = self.low > -np.inf, self.high < np.inf
        self.has_kinks = bool(self.l1.any() or np.any(bounds))

    @classmethod
    def of(cls, price, scale, n_outputs, size):
        """That of a `Price`, of each output, in units of the features.

        Parameters
        ----------
        price : Price
        scale : ndarray of shape (d,)
        n_outputs : int
        size : int
            Coefficients of an output: d, and an intercept, which costs nothing.
        """
        scaled, d = price.scaled(scale), len(scale)
        lam, rest = np.zeros((size, size)), np.zeros((3, size))
        rest[1:] = [[-np.inf], [np.inf]]
        lam[range(d), range(d)] = scaled.l2
        if scaled.matrix is not None:
            lam[:d, :d] += scaled.matrix
        for row, part in zip(rest, (scaled.l1, scaled.low, scaled.high)):
            row[:d] = part
        return cls(np.kron(np.eye(n_outputs), lam), *np.tile(rest, n_outputs))

    def value(self, theta):
        found = 0.5 * float(theta @ self.lam @ theta)
        return found + float(self.l1 @ np.abs(theta)) if self.has_kinks else found

    def free(self, theta):
        """Which coordinates may move both ways, where it is smooth."""
        inside = (theta > self.low) & (theta < self.high)
        return inside & ((theta != 0) | (self.l1 == 0))

    def left(self, theta, slope):
        """The least slope, where that of all that is smooth is known."""
        up = slope + np.where(theta >= 0, self.l1, -self.l1)
        down = slope + np.where(theta > 0, self.l1, -self.l1)
        up = np.where(theta >= self.high, 0.0, np.minimum(up, 0.0))
        return up + np.where(theta <= self.low, 0.0, np.maximum(down, 0.0))


class Bowl:
    """A quadratic model: a Hessian and a cost.

    Parameters
    ----------
    hessian : ndarray of shape (size, size)
        Of what is not the cost.
    cost : Cost
    """

    def __init__(self, hessian, cost):
        self.cost, self.matrix = cost, hessian + cost.lam
        self.matrix = self.matrix + jitter(self.matrix)
        self.factor = None if cost.has_kinks else factor(self.matrix)

    def step(self, theta, slope):
        """To its minimum, and by how much that is lower.

        Parameters
        ----------
        theta : ndarray of shape (size,)
        slope : ndarray of shape (size,)
            The gradient there, of what is smooth.
        """
        if self.factor is not None:
            step = -cho_solve(self.factor, slope, check_finite=False)
            return step, -0.5 * float(slope @ step)
        step = self._least(theta, slope) - theta
        rise = float(self.cost.l1 @ (np.abs(theta + step) - np.abs(theta)))
        return step, -float(slope @ step + 0.5 * step @ self.matrix @ step) - rise

    def _least(self, theta, slope):
        cost = self.cost
        x, matrix = theta, np.ascontiguousarray(self.matrix)
        least = ROUNDING * np.abs(slope).max(initial=0.0)
        for _ in range(ROUNDS):
            here = slope + matrix @ (x - theta)
            model = BlockMatrix(matrix[None]), here, x
            kinks = cost.l1, cost.low, cost.high
            x = minimize_quadratic(*model, *kinks, SWEEPS, FINE)
            x = self._polished(x, slope + matrix @ (x - theta))
            here = slope + matrix @ (x - theta)
            if np.abs(cost.left(x, here)).max(initial=0.0) <= least:
                return x
        return x

    def _polished(self, x, slope):
        """All that is free at once, if it stays so."""
        free = np.flatnonzero(self.cost.free(x))
        if len(free) == 0:
            return x
        signs, found = np.sign(x[free]), x.copy()
        slope = slope[free] + self.cost.l1[free] * signs
        here = factor(self.matrix[np.ix_(free, free)])
        found[free] -= cho_solve(here, slope, check_finite=False)
        paid = self.cost.l1[free] > 0
        stays = (np.sign(found[free]) == signs)[paid].all()
        inside = (found >= self.cost.low) & (found <= self.cost.high)
        return found if stays and inside.all() else x


class Bowls:
    """Several of them, which are solved together if they are small and smooth."""

    def __init__(self, hessians, costs):
        self.inverse = self.each = None
        if hessians.shape[1] > LARGE or costs[0].has_kinks:
            self.each = [Bowl(*both) for both in zip(hessians, costs)]
            return
        matrices = hessians + np.array([cost.lam for cost in costs])
        try:
            self.inverse = np.linalg.inv(matrices + jitter(matrices))
        except LinAlgError as error:
            raise Doubt(NO_CURVATURE) from error

    def steps(self, which, thetas, slopes):
        """Those of some of them, and what they promise; see `Bowl.step`."""
        if self.each is None:
            steps = -np.einsum("ijk,ik->ij", self.inverse[which], slopes)
            return steps, -0.5 * np.einsum("ij,ij->i", slopes, steps)
        found = [self.each[k].step(x, g) for k, x, g in zip(which, thetas, slopes)]
        steps, promised = zip(*found)
        return np.array(steps), np.array(promised)


def jitter(matrices):
    """What makes matrices without curvature in some direction positive definite."""
    diagonal = np.abs(np.einsum("...ii->...i", matrices))
    largest = np.maximum(diagonal.max(axis=-1, keepdims=True, initial=0.0), 1e-300)
    added = FLAT * np.where(diagonal > 0, diagonal, largest)
    return added[..., None] * np.eye(matrices.shape[-1])


def factor(matrix):
    try:
        return cho_factor(matrix, lower=True, check_finite=False)
    except LinAlgError as error:
        raise Doubt(NO_CURVATURE) from error
