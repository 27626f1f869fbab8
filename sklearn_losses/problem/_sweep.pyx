# cython: language_level=3
"""A pass over the rows: raw predictions, losses, slopes and the gradient, of one output.

A few rows at a time are multiplied with the coefficients, their losses are evaluated and
the rows are added to the gradient while they are in the fastest cache, so that X comes
from memory once. Threads take parts of the rows, whose number depends on the data alone:
the sums of the parts are added in their order.
"""

import numpy as np
from cython.parallel cimport prange

from sklearn_losses.design._rows cimport (
    add_columns,
    index,
    no_index,
    real,
    row_add,
    row_dot,
    row_prefetch,
    row_size,
    row_start,
)
from sklearn_losses._machine._threads cimport threads_for
from sklearn_losses.terms._point_sums cimport (
    COUNT,
    ROWS,
    Points,
    PointSums,
    add_slopes,
    bend,
)

cdef enum:
    BYTES = 1 << 15      # of X are worked on at a time: they stay in the fastest cache
    AHEAD = 4096         # bytes that a dense row is asked for before it is read ...
    ENTRIES = 1024       # ... or the entries and the columns of a CSR row
    PARTS = 16           # of the rows, at most, which threads share
    PART = 1 << 18       # entries of X that are worth a part
    NUMBERS = 1 << 18    # of the gradients of all parts

N_SUMS = COUNT

cdef struct Step:
    const double *coef
    double intercept
    double h
    Py_ssize_t n_features
    const double *p
    double *q            # or NULL: at p
    Py_ssize_t n_at_once


def sweep(const real[::1] data, const index[::1] columns, const index[::1] starts,
          PointSums term, const double[::1] theta, const double[::1] p, double[::1] q,
          double h, double[::1] gradient):
    """The loss and its slopes at p + q, where q becomes the raw predictions of theta.

    Parameters
    ----------
    data, columns, starts
        Of `Rows`.
    term : PointSums
        Of the same rows.
    theta : ndarray of shape (n_features + 1,)
        Coefficients, then the intercept.
    p : ndarray of shape (n_rows,)
    q : ndarray of shape (n_rows,) or None
        None: it is at p.
    h : float
        The half-width of the smoothing; 0: none.
    gradient : ndarray of shape (n_features,)
        The sum of the slopes times the rows is added to it.

    Returns
    -------
    ndarray
        The sums of the values, of the means of those at a distance of h, of the slopes
        times the raw predictions, of the absolute values of these, of the slopes'
        absolute values, of the slopes times q, and of the slopes.
    """
    cdef Py_ssize_t part, n = p.shape[0], d = gradient.shape[0]
    cdef Py_ssize_t n_parts = min(min(PARTS, 1 + data.shape[0] // PART),
                                  1 + NUMBERS // max(1, d))
    cdef int n_threads = 1
    cdef double[:, ::1] sums = np.zeros((n_parts, COUNT))
    cdef double[:, ::1] gradients = np.zeros((n_parts, d))
    cdef Step step
    step.coef, step.intercept, step.h, step.n_features = &theta[0], theta[d], h, d
    step.p, step.q = &p[0], NULL if q is None else &q[0]
    step.n_at_once = BYTES * n // max(1, data.shape[0] * <Py_ssize_t> sizeof(real))
    step.n_at_once = min(ROWS, max(16, step.n_at_once - step.n_at_once % 16))
    if term.y.shape[0] != n:
        raise ValueError(f"There are {term.y.shape[0]} targets. Got p of {n}.")
    if not term.loss.calls_python:
        n_threads = threads_for(n_parts, 1)
    for part in prange(n_parts, nogil=True, schedule="static", num_threads=n_threads):
        sweep_part(data, columns, starts, term, &step, part * n // n_parts,
                   (part + 1) * n // n_parts, &gradients[part, 0], &sums[part, 0])
    term.loss.raise_error()
    np.asarray(gradient)[:] += np.add.reduce(gradients)
    return np.add.reduce(sums)


cdef void sweep_part(const real[::1] data, const index[::1] columns,
                     const index[::1] starts, PointSums term, const Step *step,
                     Py_ssize_t begin, Py_ssize_t end, double *gradient,
                     double *sums) noexcept nogil:
    cdef double raw[ROWS]
    cdef double slope[ROWS]
    cdef Points s
    cdef Py_ssize_t block, first, m, i, start, d = step.n_features
    cdef Py_ssize_t n_blocks = (end - begin + step.n_at_once - 1) // step.n_at_once
    cdef Py_ssize_t ahead = 1 + AHEAD // max(1, d * <Py_ssize_t> sizeof(real))
    cdef const real *x
    cdef const index *j
    for block in range(n_blocks):
        first = begin + block * step.n_at_once
        s = term.rows(first, min(first + step.n_at_once, end))
        for m in range(s.n):
            i = first + m
            raw[m] = step.p[i]
            if step.q != NULL:
                start = row_start(i, starts, d)
                if index is no_index:
                    if i + ahead < end:
                        x = &data[start + ahead * d]
                        row_prefetch(x, <const no_index *> NULL, d)
                x = &data[start]
                j = NULL if index is no_index else &columns[start]
                if index is not no_index:
                    row_prefetch(x + ENTRIES, j + ENTRIES, row_size(i, starts, d))
                step.q[i] = step.intercept + row_dot(x, j, row_size(i, starts, d), step.coef)
                raw[m] += step.q[i]
        bend(&s, raw, step.h, 0.0, slope, NULL, sums)
        add_slopes(&s, raw, slope, NULL if step.q == NULL else step.q + first, sums)
        x = &data[row_start(first, starts, d)]
        if index is no_index:
            add_columns(x, s.n, d, d, slope, 1, gradient)
        else:
            for m in range(s.n):
                start = row_start(first + m, starts, d)
                x = &data[start]
                j = &columns[start]
                row_add(slope[m], x, j, row_size(first + m, starts, d), gradient)
