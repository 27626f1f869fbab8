"""The minimum of a quadratic model with an l1 norm, by products with its matrix alone.

Accelerated proximal steps in units of the diagonal, with restarts (Beck and Teboulle
2009; O'Donoghue and Candes 2015).
"""

import numpy as np

from sklearn_losses.penalties._price import soft

POWERS = 8  # of the matrix, from which its largest eigenvalue is known within ...
SAFE = 1.2  # ... this factor: the smaller ones fall off as their eighth power
MOST_STEPS = 100  # each a product; the next model goes on from there
TOL = 1e-4  # of the first step, in the norm of the diagonal


def accelerated(product, diagonal, gradient, theta, l1):
    """argmin over d of gradient.d + d.product(d) / 2 + l1.|theta + d|.

    Parameters
    ----------
    product : callable
    diagonal : ndarray
        About that of the matrix, > 0.
    gradient, theta, l1 : ndarray
    """
    steep = SAFE * _largest(product, diagonal) * diagonal
    x, ahead, momentum, first = theta, theta, 1.0, 0.0
    for _ in range(MOST_STEPS):
        slope = gradient + product(ahead - theta)
        new = soft(ahead - slope / steep, l1 / steep)
        move = new - x
        if np.vdot((ahead - new) * steep, move) > 0:
            momentum, ahead = 1.0, new
        else:
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            ahead = new + (momentum - 1.0) / following * move
            momentum = following
        x = new
        size = float((steep * move**2).max())
        first = max(first, size)
        if size <= TOL * TOL * first:
            break
    return x - theta


def _largest(product, diagonal):
    """The largest eigenvalue in units of the diagonal, about."""
    v = np.full_like(diagonal, 1.0 / np.sqrt(diagonal.size))
    found = 1.0
    for _ in range(POWERS):
        v = product(v) / diagonal
        found = max(float(np.linalg.norm(v)), 1e-300)
        v /= found
    return found
