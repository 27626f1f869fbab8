# cython: language_level=3
"""Coordinate descent on a quadratic model with an l1 norm.

Each coordinate is solved exactly by soft thresholding, which gives exact zeros. A zero is
left alone after the first sweep: where it should move, the next model moves it.
"""

import numpy as np

from libc.math cimport copysign, fabs, fmax


def minimize_quadratic(const double[:, :, ::1] blocks, const double[:, ::1] left,
                       const double[:, ::1] right, const double[::1] gradient,
                       const double[::1] u, const double[::1] l1, const double[::1] low,
                       int max_sweeps, double tol):
    """argmin over delta of gradient.delta + delta' B delta / 2 + sum l1 |u + delta|.

    Parameters
    ----------
    blocks : ndarray of shape (n_blocks, size, size)
        The symmetric blocks on the diagonal of B + left right', of d rows.
    left, right : ndarray of shape (d, rank)
        left right' is symmetric. Coordinates without curvature in B do not move.
    gradient, u, l1 : ndarray of shape (d,)
    low : ndarray of shape (d,)
        What u + delta is at least, as u is: -inf or 0.
    max_sweeps : int
    tol : float
        It ends when the largest step^2 * curvature of a sweep is below this share of
        that of the first sweep.

    Returns
    -------
    ndarray of shape (d,)
        u + delta.
    """
    cdef Py_ssize_t b, i, j, k, sweep, size = blocks.shape[1], rank = left.shape[1]
    cdef double step, here, curvature, target, largest, first = 0.0
    found, slope_array = np.array(u), np.array(gradient)
    cdef double[::1] x = found, slope = slope_array
    cdef double[::1] along = np.zeros(rank)  # right' delta
    with nogil:
        for sweep in range(max_sweeps):
            largest = 0.0
            for j in range(x.shape[0]):
                if sweep > 0 and x[j] == 0.0 and l1[j] > 0.0:
                    continue
                b, i = j // size, j % size
                curvature, here = blocks[b, i, i], slope[j]
                for k in range(rank):
                    curvature -= left[j, k] * right[j, k]
                    here -= left[j, k] * along[k]
                if not curvature > 0.0:
                    continue
                target = x[j] - here / curvature
                target = copysign(fmax(fabs(target) - l1[j] / curvature, 0.0), target)
                target = fmax(target, low[j])
                step = target - x[j]
                if step == 0.0:
                    continue
                x[j] = target
                for k in range(size):
                    slope[b * size + k] += blocks[b, i, k] * step
                for k in range(rank):
                    along[k] += right[j, k] * step
                largest = fmax(largest, step * step * curvature)
            if sweep == 0:
                first = largest
            if largest <= tol * first:
                break
    return found
