# cython: language_level=3
"""Elementary functions that keep their digits where the textbook forms lose them."""

from libc.math cimport INFINITY, fabs, log

from sklearn_losses.losses._exp_log cimport (
    exp, exp_of_nonpositive, expm1, log1p, log1p_of_fraction,
)


cdef extern from *:
    """
    static inline double sl_chosen(int condition, double a, double b) {
        uint64_t mask = -(uint64_t) (condition != 0);
        return sl_double((sl_bits(a) & mask) | (sl_bits(b) & ~mask));
    }
    """
    # a if the condition holds, else b; of conditions that nobody can foresee a branch is
    # slower, and what comes after it is begun in vain.
    double chosen "sl_chosen" (bint condition, double a, double b) noexcept nogil


cdef inline double sign(double x) noexcept nogil:
    return 1.0 if x > 0 else (-1.0 if x < 0 else 0.0)


cdef inline double expit(double x) noexcept nogil:
    """1 / (1 + exp(-x)), to its last digits also where it is tiny."""
    cdef double e = exp_of_nonpositive(-fabs(x))
    return (1.0 if x >= 0 else e) / (1.0 + e)


cdef inline double softplus_of_minus_abs(double x) noexcept nogil:
    """log(1 + exp(-|x|)), the part of log(1 + exp(x)) that is not linear.

    The argument of exp is never positive, so nothing overflows, and the logarithm keeps
    the digits of a tiny exp.
    """
    return log1p_of_fraction(exp_of_nonpositive(-fabs(x)))


cdef inline double softplus(double x) noexcept nogil:
    """log(1 + exp(x)), which is minus the logarithm of expit(-x)."""
    return softplus_of_minus_abs(x) + (x if x > 0 else 0.0)


cdef inline double xlogx(double x) noexcept nogil:
    """x log(x), which is 0 at 0."""
    return x * log(x) if x != 0 else 0.0


cdef inline double log1pmx(double x) noexcept nogil:
    """log(1 + x) - x, whose terms cancel near 0.

    There log(1 + x) is 2 atanh(r) with r = x / (2 + x), and x is 2 r / (1 - r). In
    |x| < 0.3 the first term left out is below 1e-18 of the result.
    """
    cdef double r, s, series = 0.0
    cdef int k
    if fabs(x) >= 0.3:
        return log1p(x) - x if x != INFINITY else -INFINITY
    r = x / (2.0 + x)
    s = r * r
    for k in range(25, 1, -2):
        series = series * s + 1.0 / k
    return r * (2.0 * s * series - x)


cdef inline double expm1mx(double x) noexcept nogil:
    """exp(x) - 1 - x, whose terms cancel near 0: there by its power series."""
    cdef double far = expm1(x) - x
    cdef double series = 1.0
    cdef int k
    for k in range(17, 2, -1):
        series = 1.0 + x * (1.0 / k) * series
    return 0.5 * x * x * series if fabs(x) < 0.5 else far


cdef inline double scaled_exp(double factor, double x) noexcept nogil:
    """factor exp(x), which overflows only if the product does."""
    cdef double root = exp(0.5 * x)
    return (factor * root) * root


cdef inline double subtract_error(double a, double b, double difference) noexcept nogil:
    """What rounding took from difference = a - b: (a - b) - difference, exactly.

    Knuth's two-sum; 0 where the difference is infinite. It lets |a - b| - epsilon keep
    its digits near zero.
    """
    cdef double b_rounded = a - difference
    cdef double a_rounded = difference + b_rounded
    cdef double lost = (a - a_rounded) - (b - b_rounded)
    return lost if lost == lost else 0.0


cdef inline double beyond(double distance, double y, double p) noexcept nogil:
    """|p - y| - distance with the rounding error of p - y put back.

    Near a kink, which is where support vectors live, the plain difference has lost
    most of its digits.
    """
    cdef double r = p - y
    cdef double lost = subtract_error(p, y, r)
    return (fabs(r) - distance) + (lost if r > 0 else -lost)
