# cython: language_level=3
"""Step sizes as C functions, called once a step."""

# The step size at step t = 1, 2, ...
ctypedef double (*rate_fn)(const double *params, double t) noexcept nogil

# The step size that one sample's loss, gradient and squared norm ask for.
ctypedef double (*sample_rate_fn)(
    const double *params, double value, double gradient, double squared_norm) noexcept nogil


cdef class Schedule:
    cdef rate_fn rate                  # NULL: every output keeps a step size
    cdef sample_rate_fn sample_rate    # NULL: all samples have the same
    cdef double params[2]
    cdef bint skips_empty_rows
    cdef readonly str name
    cdef readonly double eta0
