# cython: language_level=3
"""Coordinate descent on a quadratic model with an l1 norm.

Each coordinate is solved exactly by soft thresholding, which gives exact zeros.
"""

import numpy as np

from libc.math cimport copysign, fabs, fmax


def minimize_quadratic(const double[:, ::1] hessian, const double[::1] gradient,
                       const double[::1] u, const double[::1] l1, int max_sweeps, double tol):
    """argmin over delta of gradient.delta + delta' hessian delta / 2 + sum l1 |u + delta|.

    Parameters
    ----------
    hessian : ndarray of shape (d, d)
        Symmetric; coordinates without curvature do not move.
    gradient, u, l1 : ndarray of shape (d,)
    max_sweeps : int
    tol : float
        It ends when the largest step^2 * curvature of a sweep is below this share of
        that of the first sweep.

    Returns
    -------
    ndarray of shape (d,)
        u + delta.
    """
    cdef Py_ssize_t j, k, sweep, d = gradient.shape[0]
    cdef double step, threshold, target, largest, first = 0.0
    found = np.array(u)
    slope_array = np.array(gradient)
    cdef double[::1] x = found, slope = slope_array
    with nogil:
        for sweep in range(max_sweeps):
            largest = 0.0
            for j in range(d):
                if not hessian[j, j] > 0.0:
                    continue
                target = x[j] - slope[j] / hessian[j, j]
                threshold = l1[j] / hessian[j, j]
                target = copysign(fmax(fabs(target) - threshold, 0.0), target)
                step = target - x[j]
                if step == 0.0:
                    continue
                x[j] = target
                for k in range(d):
                    slope[k] += hessian[j, k] * step
                largest = fmax(largest, step * step * hessian[j, j])
            if sweep == 0:
                first = largest
            if largest <= tol * first:
                break
    return found
