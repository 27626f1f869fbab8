# cython: language_level=3
"""What all formulas share: how they find their parameters.

Parameters arrive as a row of doubles, in the order of the class's constructor.
"""


cdef inline double first(const void *params) noexcept nogil:
    """The first parameter of a loss, for most of them the only one."""
    return (<const double *> params)[0]


cdef inline double second(const void *params) noexcept nogil:
    return (<const double *> params)[1]


cdef inline double third(const void *params) noexcept nogil:
    return (<const double *> params)[2]


cdef inline double zero(const void *params, double y, double p) noexcept nogil:
    """The curvature of a piecewise linear loss, wherever it has one."""
    return 0.0
