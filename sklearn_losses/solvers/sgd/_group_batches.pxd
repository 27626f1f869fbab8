# cython: language_level=3
"""Batches of groups: the rows of a step, and their gradients."""

from sklearn_losses.losses._table cimport CLoss

cdef class GroupBatches:
    cdef readonly object visits
    cdef const double[:, ::1] y         # of the rows as an epoch visits them
    cdef const double[::1] weight
    cdef const Py_ssize_t[::1] starts   # of the groups among them
    cdef const double[::1] factor       # of each group's value and gradient
    cdef double[::1] work
    cdef Py_ssize_t batch_size          # groups
    cdef Py_ssize_t next                # group, with which a batch begins
    cdef Py_ssize_t n                   # groups of the batch

cdef double group_gradients(GroupBatches g, CLoss loss, const double *raw,
                            double *gradient) noexcept nogil


cdef inline Py_ssize_t rows_of_next(GroupBatches g) noexcept nogil:
    """How many rows the next batch has."""
    g.n = min(g.batch_size, g.starts.shape[0] - 1 - g.next)
    return g.starts[g.next + g.n] - g.starts[g.next]
