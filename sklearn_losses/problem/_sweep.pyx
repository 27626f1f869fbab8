# cython: language_level=3
"""A pass over the rows: raw predictions, losses, slopes and the gradient, of one output.

A few rows at a time are multiplied with the coefficients, their losses are evaluated and
the rows are added to the gradient while they are in the fastest cache, so that X comes
from memory once. Threads take parts of the rows, whose number depends on the data alone:
the sums of the parts are added in their order.
"""

import numpy as np
from cython.parallel cimport prange
from libc.stdlib cimport free, malloc

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

cdef struct Pass:
    Step step
    Points points        # all of them
    bint is_uniform      # their weight is one number


cdef Pass pass_of(PointSums term, const double[::1] theta, const double[::1] p,
                  double[::1] q, double h, Py_ssize_t n_at_once) except *:
    cdef Pass one
    cdef Step step
    cdef Py_ssize_t n = p.shape[0], d = theta.shape[0] - 1
    if term.y.shape[0] != n:
        raise ValueError(f"There are {term.y.shape[0]} targets. Got p of {n}.")
    step.coef, step.intercept, step.h, step.n_features = &theta[0], theta[d], h, d
    step.p, step.q = &p[0], NULL if q is None else &q[0]
    step.n_at_once = n_at_once
    one.step, one.points, one.is_uniform = step, term.rows(0, n), term.is_uniform
    return one


cdef Py_ssize_t rows_at_once(Py_ssize_t n_bytes, Py_ssize_t n) noexcept:
    cdef Py_ssize_t n_rows = BYTES * n // max(<Py_ssize_t> 1, n_bytes)
    return min(<Py_ssize_t> ROWS, max(<Py_ssize_t> 16, n_rows - n_rows % 16))


cdef Py_ssize_t parts_of(Py_ssize_t n_entries, Py_ssize_t d) noexcept:
    return min(min(<Py_ssize_t> PARTS, 1 + n_entries // PART),
               1 + NUMBERS // max(<Py_ssize_t> 1, d))


def sweep_together(const real[::1] data, const index[::1] columns, const index[::1] starts,
                   list calls):
    """Several sweeps over the same rows, for which these are read once.

    Parameters
    ----------
    data, columns, starts
        Of `Rows`.
    calls : list of tuple
        The other arguments of each `sweep`, whose results are those of `sweep`.

    Returns
    -------
    list of ndarray
        What each `sweep` returns.
    """
    cdef Py_ssize_t part, k, m = len(calls), n = calls[0][2].shape[0]
    cdef Py_ssize_t d = calls[0][5].shape[0], n_parts = parts_of(data.shape[0], d)
    cdef Py_ssize_t n_at_once = rows_at_once(data.shape[0] * <Py_ssize_t> sizeof(real), n)
    cdef double[:, :, ::1] sums = np.zeros((n_parts, m, COUNT))
    cdef double[:, :, ::1] gradients = np.zeros((n_parts, m, d))
    cdef int n_threads = threads_for(n_parts, 1)
    cdef Pass *passes = <Pass *> malloc(m * sizeof(Pass))
    try:
        for k, (term, theta, p, q, h, _) in enumerate(calls):
            passes[k] = pass_of(term, theta, p, q, h, n_at_once)
            if (<PointSums> term).loss.calls_python:
                n_threads = 1
        for part in prange(n_parts, nogil=True, schedule="static", num_threads=n_threads):
            sweep_part(data, columns, starts, passes, m, part * n // n_parts,
                       (part + 1) * n // n_parts, &gradients[part, 0, 0],
                       &sums[part, 0, 0])
    finally:
        free(passes)
    for k, (term, _, _, _, _, gradient) in enumerate(calls):
        (<PointSums> term).loss.raise_error()
        gradient += np.add.reduce(gradients[:, k])
    return [np.add.reduce(sums[:, k]) for k in range(m)]


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
    call = term, theta, p, q, h, np.asarray(gradient)
    return sweep_together(data, columns, starts, [call])[0]


cdef void sweep_part(const real[::1] data, const index[::1] columns,
                     const index[::1] starts, const Pass *passes, Py_ssize_t n_passes,
                     Py_ssize_t begin, Py_ssize_t end, double *gradients,
                     double *sums) noexcept nogil:
    """Some rows, of which each block is worked on by all passes while it is in cache."""
    cdef Points s
    cdef Py_ssize_t block, first, k, n_at_once = passes[0].step.n_at_once
    cdef Py_ssize_t d = passes[0].step.n_features
    for block in range((end - begin + n_at_once - 1) // n_at_once):
        first = begin + block * n_at_once
        for k in range(n_passes):
            s = passes[k].points
            s.y += first
            s.weight += 0 if passes[k].is_uniform else first
            s.n = min(n_at_once, end - first)
            sweep_block(data, columns, starts, &passes[k].step, &s, first, end,
                        gradients + k * d, sums + k * COUNT)


cdef void sweep_block(const real[::1] data, const index[::1] columns,
                      const index[::1] starts, const Step *step, const Points *s,
                      Py_ssize_t first, Py_ssize_t end, double *gradient,
                      double *sums) noexcept nogil:
    cdef double raw[ROWS]
    cdef double slope[ROWS]
    cdef Py_ssize_t m, i, start, d = step.n_features
    cdef Py_ssize_t ahead = 1 + AHEAD // max(1, d * <Py_ssize_t> sizeof(real))
    cdef const real *x
    cdef const index *j
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
    bend(s, raw, step.h, 0.0, slope, NULL, sums)
    add_slopes(s, raw, slope, NULL if step.q == NULL else step.q + first, sums)
    x = &data[row_start(first, starts, d)]
    if index is no_index:
        add_columns(x, s.n, d, d, slope, 1, gradient)
    else:
        for m in range(s.n):
            start = row_start(first + m, starts, d)
            x = &data[start]
            j = &columns[start]
            row_add(slope[m], x, j, row_size(first + m, starts, d), gradient)
