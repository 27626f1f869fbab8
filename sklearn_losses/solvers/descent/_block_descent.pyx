# cython: language_level=3
"""Coordinate descent on a quadratic of several outputs with one Hessian for all.

A block is the coefficients of a feature for all outputs, which a norm keeps at 0
together (Simon, Friedman and Hastie 2013, "A blockwise descent algorithm for
group-penalized multiresponse and multinomial regression").
"""

from libc.math cimport fabs, sqrt


def descend_blocks(const double[:, ::1] gram, double[:, ::1] left, double[:, ::1] coef,
                   const double[::1] weight, const double[::1] l2,
                   const Py_ssize_t[::1] active, Py_ssize_t max_sweeps, double tol):
    """Minimise tr(W' G W) / 2 - tr(C' W) + sum_j weight_j |W_j| + l2_j |W_j|^2 / 2.

    Parameters
    ----------
    gram : ndarray of shape (n_active, n_features)
        The rows of G of the features that move, whose diagonal is > 0.
    left : ndarray of shape (n_outputs, n_features)
        (C - G W)', kept up to date.
    coef : ndarray of shape (n_outputs, n_features)
        W', in and out.
    weight, l2 : ndarray of shape (n_features,)
    active : ndarray of intp
        The features that move.
    max_sweeps : int
    tol : float
        It ends when no block changes by more, as a change of predictions.

    Returns
    -------
    bool
        Whether it ended so.
    """
    cdef Py_ssize_t _sweep, a, i, j, k, d = gram.shape[1], n_outputs = coef.shape[0]
    cdef double diagonal, size, share, new, change, most
    for _sweep in range(max_sweeps):
        most = 0.0
        for a in range(active.shape[0]):
            j = active[a]
            diagonal, size = gram[a, j], 0.0
            for k in range(n_outputs):
                new = left[k, j] + diagonal * coef[k, j]
                size += new * new
            size = sqrt(size)
            share = (1.0 - weight[j] / size if size > weight[j] else 0.0)
            share /= diagonal + l2[j]
            for k in range(n_outputs):
                new = share * (left[k, j] + diagonal * coef[k, j])
                change = new - coef[k, j]
                if change == 0.0:
                    continue
                coef[k, j] = new
                most = max(most, fabs(change) * sqrt(diagonal))
                for i in range(d):
                    left[k, i] -= gram[a, i] * change
        if most <= tol:
            return True
    return False
