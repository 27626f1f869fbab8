# cython: language_level=3
"""The losses of some points, for kernels that have raw predictions of them at hand."""

from sklearn_losses.losses._table cimport CLoss, LossTable

cdef enum:
    ROWS = 1024      # of a block
    MANY = 1 << 19   # rows are worth waking threads

# What is summed over points: values, means of those at a distance of h, slopes times
# raw predictions and their absolute values, those of slopes, slopes times a direction,
# and slopes.
cdef enum:
    VALUE, MIDDLE, MOMENT, SIZE, STEEPNESS, ALONG, OF_G, COUNT


cdef struct Points:
    const LossTable *table
    const void *params
    const double *y
    const double *weight
    Py_ssize_t n


cdef void bend(const Points *s, const double *raw, double h, double difference,
               double *slope, double *curvature, double *sums) noexcept nogil
cdef void add_slopes(const Points *s, const double *raw, const double *slope,
                     const double *q, double *sums) noexcept nogil


cdef class PointSums:
    cdef CLoss loss
    cdef const double[::1] y
    cdef const double[::1] weight
    cdef bint is_uniform
    cdef Py_ssize_t n_blocks
    cdef int n_threads
    cdef double[:, ::1] sums  # COUNT of each block

    cdef Points block(self, Py_ssize_t b) noexcept nogil
    cdef Points rows(self, Py_ssize_t begin, Py_ssize_t end) noexcept nogil
    cdef total(self, int k, Py_ssize_t n_blocks)
