# cython: language_level=3
"""Loops over rows and small matrices that numpy would make several passes of."""

from libc.math cimport sqrt

ctypedef fused real:
    float
    double


def centre_rows(const real[:, ::1] x, const double[::1] mean, const double[::1] scale,
                double[:, ::1] out):
    """Write (x - mean) scale, and a last column of ones.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    mean, scale : ndarray of shape (d,)
    out : ndarray of shape (n, d + 1)
    """
    cdef Py_ssize_t i, j, d = x.shape[1]
    with nogil:
        for i in range(x.shape[0]):
            for j in range(d):
                out[i, j] = (x[i, j] - mean[j]) * scale[j]
            out[i, d] = 1.0


def weigh_rows(const real[:, ::1] x, const double[:] weight, double[:, ::1] out):
    """Write the rows times the roots of their weights, for a product with itself.

    Parameters
    ----------
    x, out : ndarray of shape (n, d)
    weight : ndarray of shape (n,)
        >= 0.
    """
    cdef Py_ssize_t i, j
    cdef double root
    with nogil:
        for i in range(x.shape[0]):
            root = sqrt(weight[i])
            for j in range(x.shape[1]):
                out[i, j] = root * x[i, j]


def mirror(double[:, ::1] matrix):
    """Write the lower triangle of a square matrix above its diagonal."""
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(matrix.shape[0]):
            for j in range(i):
                matrix[j, i] = matrix[i, j]


def equilibrate(const double[:, ::1] matrix, double damping, double[:, ::1] out,
                double[::1] scale):
    """Write the scales that make a diagonal 1, 0 where it is not positive, and by them
    the lower triangle of the scaled matrix, with `damping` more on the diagonal."""
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(matrix.shape[0]):
            scale[i] = 1.0 / sqrt(matrix[i, i]) if matrix[i, i] > 0.0 else 0.0
            for j in range(i):
                out[i, j] = matrix[i, j] * scale[j] * scale[i]
            out[i, i] = 1.0 + damping
