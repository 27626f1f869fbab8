# cython: language_level=3
"""What a loop over blocks of an array does with one of them, while it is in cache."""

from libc.math cimport floor

ctypedef fused real:
    float
    double

cdef enum:
    BLOCK = 4096


cdef inline Py_ssize_t n_outside(const real *values, Py_ssize_t n, double low, double high,
                                 bint integer) noexcept nogil:
    """Not 0 if a value lies outside of [low, high], or is no integer though it must be."""
    cdef Py_ssize_t i, count = 0
    for i in range(n):
        count += not (values[i] >= low)
        count += not (values[i] <= high)
    for i in range(n if integer else 0):
        count += floor(values[i]) != values[i]
    return count
