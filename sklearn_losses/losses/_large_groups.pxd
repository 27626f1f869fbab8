# cython: language_level=3
"""Sums over the pairs of a large group: see the .pyx."""

from sklearn_losses.losses._table cimport Group

cdef enum:
    FEW_FOR_POLYNOMIALS = 128
    FEW_ROWS = 48  # of a group: its pairs are fewer than the steps of a sort

cdef double logistic(const Group *g) noexcept nogil
cdef double hinges(const Group *g, double end, double factor, bint is_squared) noexcept nogil
