# cython: language_level=3
"""Elementary functions that keep their digits where the textbook forms lose them."""

from libc.math cimport exp, expm1, fabs, log1p


cdef inline double softplus_of_minus_abs(double x) noexcept nogil:
    """log(1 + exp(-|x|)), the part of log(1 + exp(x)) that is not linear.

    The argument of exp is never positive, so nothing overflows, and log1p keeps
    the digits of a tiny exp.
    """
    return log1p(exp(-fabs(x)))


cdef inline double subtract_error(double a, double b, double difference) noexcept nogil:
    """What rounding took from difference = a - b: (a - b) - difference, exactly.

    Knuth's two-sum. It lets |a - b| - epsilon keep its digits near zero.
    """
    cdef double b_rounded = a - difference
    cdef double a_rounded = difference + b_rounded
    return (a - a_rounded) - (b - b_rounded)
