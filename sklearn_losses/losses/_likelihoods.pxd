# cython: language_level=3
"""Losses of rows whose value, gradient and Hessian are one evaluation."""

from sklearn_losses.losses._table cimport CLoss, Row

# The value of a row, its `gradient` unless that is NULL, and its packed Hessian (see
# `row_hessian_fn`), unless that is. The `curvature` of `row` is NULL.
ctypedef double (*jet_fn)(const void *params, const Row *row, double *hessian) noexcept nogil


cdef class Jet(CLoss):
    cdef jet_fn jet
