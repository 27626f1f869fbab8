# cython: language_level=3
"""exp, expm1 and log1p that a compiler can vectorise.

They stand in for those of the C library wherever a loss calls them: in a loop over a block
the compiler forms several at a time, which it cannot do with a call. That needs code in
which both sides of each choice are computed, so there are no branches, no tables and no
integer arithmetic beyond what all instruction sets have. The polynomials are summed in
pairs (Estrin), which is no fewer operations but a shorter chain of them.

They are wrong by at most 2 units in the last place (tests/losses/test_exp_log.py), and
equal to the bit on all machines that round as IEEE 754 says. inf, nan, overflow, results
that are subnormal and arguments that are tiny are as in the C library.

References: Cody and Waite 1980, "Software manual for the elementary functions", for the
reduction; Ng and others, "fdlibm", for log1p and its coefficients. The coefficients of exp
and atanh are those of the polynomials through the Chebyshev nodes, in 40 digits.
"""

from libc.math cimport INFINITY, NAN, fabs
from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* The bits of a double; memcpy is how C may look at them, and costs nothing. */
    static inline uint64_t sl_bits(double x) { uint64_t b; memcpy(&b, &x, 8); return b; }
    static inline double sl_double(uint64_t b) { double x; memcpy(&x, &b, 8); return x; }
    """
    uint64_t bits "sl_bits" (double x) noexcept nogil
    double from_bits "sl_double" (uint64_t b) noexcept nogil

# A double so large that its last bit is worth 1: added to a number it rounds it to an
# integer, which then stands in the last bits.
cdef extern from *:
    """
    #define SL_SHIFT 6755399441055744.0               /* 1.5 * 2^52 */
    #define SL_LOG2E 1.4426950408889634
    #define SL_LN2_HIGH 0.6931471803691238            /* its last 21 bits are 0 */
    #define SL_LN2_LOW 1.9082149292705877e-10
    #define SL_ONE ((uint64_t) 0x3ff << 52)           /* the bits of 1.0 */
    #define SL_SQRT_HALF ((uint64_t) 0x3fe6a09e << 32)
    #define SL_FRACTION (((uint64_t) 1 << 52) - 1)
    #define SL_TWO_TO_MINUS_65 2.710505431213761e-20
    """
    const double SHIFT "SL_SHIFT"
    const double LOG2E "SL_LOG2E"
    const double LN2_HIGH "SL_LN2_HIGH"
    const double LN2_LOW "SL_LN2_LOW"
    const uint64_t ONE "SL_ONE"
    const uint64_t SQRT_HALF "SL_SQRT_HALF"
    const uint64_t FRACTION "SL_FRACTION"
    const double TWO_TO_MINUS_65 "SL_TWO_TO_MINUS_65"


cdef inline double expm1_near_zero(double r) noexcept nogil:
    """exp(r) - 1 for |r| <= log(2) / 2."""
    cdef double r2 = r * r
    cdef double r4 = r2 * r2
    return r + r2 * (
        (0.5000000000000001 + 0.16666666666666669 * r)
        + r2 * (0.04166666666662413 + 0.008333333333330062 * r)
        + r4 * (
            (0.0013888888917213717 + 0.00019841269863053618 * r)
            + r2 * (2.4801521295954376e-05 + 2.7557268459997064e-06 * r)
            + r4 * (2.7620088445409746e-07 + 2.510038549551032e-08 * r)))


cdef inline double within_range(double x) noexcept nogil:
    """x, no further out than where exp(x) is 0 or inf."""
    cdef double least = -746.0 if x < -746.0 else x
    return 710.0 if least > 710.0 else least


# exp(c) = 2^k exp(r), with k the nearest integer to c / log(2). 2^k may be too small or too
# large for a double, so it is a product: the number whose exponent has the bits k + bias,
# all between 1 and 2046, times factor = 2^(1023 - bias). A product, not a sum of bits, hands
# nan through.
cdef enum:
    BIAS_BELOW = 1088  # for c <= 0, with the factor 2^-65
    BIAS_ABOVE = 1022  # for c > 0, with the factor 2


cdef inline double shifted_k(double c, double bias) noexcept nogil:
    """A number whose last bits are those of k + bias."""
    return c * LOG2E + (SHIFT + bias)


cdef inline double remainder(double c, double shifted, double bias) noexcept nogil:
    """r = c - k log(2)."""
    cdef double k = shifted - (SHIFT + bias)
    return (c - k * LN2_HIGH) - k * LN2_LOW


cdef inline double exp_in_range(double c, double bias, double factor) noexcept nogil:
    cdef double k = shifted_k(c, bias)
    return (1.0 + expm1_near_zero(remainder(c, k, bias))) * from_bits(bits(k) << 52) * factor


cdef inline double exp_less_in_range(double c, double one, double bias,
                                     double factor) noexcept nogil:
    """2^k (exp(r) - 1) + (2^k - one): exp(c) less 1 or 0, as long as 2^k is a double."""
    cdef double k = shifted_k(c, bias)
    cdef double power = from_bits(bits(k) << 52) * factor
    return power * expm1_near_zero(remainder(c, k, bias)) + (power - one)


cdef inline double exp(double x) noexcept nogil:
    cdef double c = within_range(x)
    return exp_in_range(c, BIAS_ABOVE if c > 0.0 else BIAS_BELOW,
                        2.0 if c > 0.0 else TWO_TO_MINUS_65)


cdef inline double expm1(double x) noexcept nogil:
    cdef double c = within_range(x)
    cdef double near = exp_less_in_range(c, 1.0, BIAS_ABOVE if c > 0.0 else BIAS_BELOW,
                                         2.0 if c > 0.0 else TWO_TO_MINUS_65)
    cdef double far = exp(x) - 1.0
    return near if fabs(x) < 40.0 else far


# Where x <= 0 is known they are the same to the bit, with fewer operations.
cdef inline double exp_of_nonpositive(double x) noexcept nogil:
    return exp_in_range(-746.0 if x < -746.0 else x, BIAS_BELOW, TWO_TO_MINUS_65)


cdef inline double expm1_of_nonpositive(double x) noexcept nogil:
    return exp_less(x, 1.0)


cdef inline double exp_less(double x, double one) noexcept nogil:
    """exp(x) - 1 or exp(x) - 0: a choice that is made before exp(x) is known."""
    return exp_less_in_range(-746.0 if x < -746.0 else x, one, BIAS_BELOW, TWO_TO_MINUS_65)


cdef inline double log1p_of_fraction(double x) noexcept nogil:
    """log(1 + x) for 0 <= x <= 1, as 2 atanh(x / (2 + x))."""
    cdef double s = x / (2.0 + x)
    cdef double z = s * s
    cdef double z2 = z * z
    cdef double z4 = z2 * z2
    s = 2.0 * s
    return s + s * (z * (
        (0.3333333333333333 + 0.20000000000007292 * z)
        + z2 * (0.1428571428355438 + 0.11111111358713932 * z)
        + z4 * (
            (0.09090894718066429 + 0.07692785032479312 * z)
            + z2 * (0.06657072104827468 + 0.06000536404795356 * z)
            + z4 * (0.04400369243072337 + 0.08082022805971766 * z))))


cdef inline double log1p(double x) noexcept nogil:
    """log(1 + x) = k log(2) + log(m), with 1 + x = 2^k m and m from sqrt(1/2) to sqrt(2).

    c is what rounding took from 1 + x, and log(m) is 2 atanh(s), s = f / (2 + f).
    """
    cdef double u = 1.0 + x
    cdef double c = 1.0 - (u - x) if u >= 2.0 else x - (u - 1.0)
    cdef uint64_t b = bits(u) + (ONE - SQRT_HALF)
    cdef double k = from_bits((b >> 52) + bits(SHIFT)) - (SHIFT + 1023.0)
    cdef double f = from_bits((b & FRACTION) + SQRT_HALF) - 1.0
    cdef double s = f / (2.0 + f)
    cdef double z = s * s
    cdef double w = z * z
    cdef double half = 0.5 * f * f
    cdef double tail = z * (
        (0.6666666666666735130 + w * (0.2857142874366239149
         + w * (0.1818357216161805012 + w * 0.1479819860511658591)))
        + z * (0.3999999999940941908 + w * (0.2222219843214978396
               + w * 0.1531383769920937332)))
    cdef double finite = k * LN2_HIGH + (
        f - (half - (s * (half + tail) + (k * LN2_LOW + c / u))))
    cdef double below = -INFINITY if x == -1.0 else NAN
    # The last choice hands inf and nan through.
    return (finite if x > -1.0 else below) if x < INFINITY else x
