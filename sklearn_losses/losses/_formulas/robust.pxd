# cython: language_level=3
"""Robust losses of a residual r = p - y, of which most stop caring about large ones.

c is the scale, t = r / c and q = t^2. What is bounded or redescending has, at r = inf,
terms like inf / inf; each formula is written in 1 / r or 1 / q where that gives the limit.
"""

from libc.math cimport INFINITY, M_PI, cos, fabs, fma, log, sin, sqrt

from sklearn_losses.losses._exp_log cimport exp, expm1, log1p
from sklearn_losses.losses._conjugate cimport searched_conjugate
from sklearn_losses.losses._formulas.parameters cimport first, second, third
from sklearn_losses.losses._math cimport beyond, log1pmx, sign


cdef inline double square_of_ratio(double c, double y, double p) noexcept nogil:
    """q, the square of the residual in units of the scale."""
    cdef double t = (p - y) / c
    return t * t


cdef inline double weighed(double r, double c) noexcept nogil:
    """r / (1 + (r/c)^2), which is 0 at r = 0 and at r = inf."""
    return 1.0 / (1.0 / r + r / (c * c)) if r != 0 else 0.0


cdef inline double one_minus_q(double c, double y, double p) noexcept nogil:
    """1 - (r/c)^2 as (c - |r|) (c + |r|) / c^2, whose zero keeps its digits."""
    return -beyond(c, y, p) / c * (1.0 + fabs(p - y) / c)


cdef inline double ratio(double a, double b, double q) noexcept nogil:
    """(a + b q) / (1 + q), also at q = inf."""
    return (a + b * q) / (1.0 + q) if q <= 1.0 else (a / q + b) / (1.0 / q + 1.0)


# ------------------------------------------------------------------------- Fair
cdef inline double fair_value(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    return -c * c * log1pmx(fabs(p - y) / c)


cdef inline double fair_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params), r = p - y
    return r / (1.0 + fabs(r) / c) if fabs(r) <= c else sign(r) / (1.0 / fabs(r) + 1.0 / c)


cdef inline double fair_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double s = 1.0 + fabs(p - y) / first(params)
    return 1.0 / (s * s)


cdef inline double fair_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double c = first(params)
    return -c * c * log1pmx(-fabs(u) / c) + u * y if fabs(u) < c else INFINITY


# ----------------------------------------------------------- Cauchy, Student's t
cdef inline double cauchy_value(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    return 0.5 * c * c * log1p(square_of_ratio(c, y, p))


cdef inline double cauchy_gradient(const void *params, double y, double p) noexcept nogil:
    return weighed(p - y, first(params))


cdef inline double cauchy_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double q = square_of_ratio(first(params), y, p)
    if q < 2.0:
        return one_minus_q(first(params), y, p) / ((1.0 + q) * (1.0 + q))
    return ratio(1.0, -1.0, q) / (1.0 + q)


cdef inline double student_t_value(const void *params, double y, double p) noexcept nogil:
    cdef double df = first(params)
    return 0.5 * (df + 1.0) * log1p(square_of_ratio(second(params), y, p) / df)


cdef inline double student_t_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double df = first(params), c = second(params), r = p - y
    return (df + 1.0) / (df * c * c / r + r) if r != 0 else 0.0


cdef inline double student_t_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double df = first(params), c = second(params)
    cdef double q = square_of_ratio(c, y, p) / df
    return (df + 1.0) / (df * c * c) * ratio(1.0, -1.0, q) / (1.0 + q)


# -------------------------------------------------------------- Geman and McClure
cdef inline double geman_mcclure_value(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    return 0.5 * c * c * ratio(0.0, 1.0, square_of_ratio(c, y, p))


cdef inline double geman_mcclure_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    return weighed(p - y, c) / (1.0 + square_of_ratio(c, y, p))


cdef inline double geman_mcclure_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double q = square_of_ratio(first(params), y, p)
    return ratio(1.0, -3.0, q) / ((1.0 + q) * (1.0 + q))


# ----------------------------------------------------------------------- Welsch
cdef inline double welsch_value(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    return -0.5 * c * c * expm1(-square_of_ratio(c, y, p))


cdef inline double welsch_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double q = square_of_ratio(first(params), y, p)
    return (p - y) * exp(-q) if q != INFINITY else 0.0


cdef inline double welsch_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double q = square_of_ratio(first(params), y, p)
    return (1.0 - 2.0 * q) * exp(-q) if q != INFINITY else 0.0


# --------------------------------------------------------------- Tukey's biweight
cdef inline double tukey_biweight_value(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    cdef double q = square_of_ratio(c, y, p)
    return c * c / 6.0 * (1.0 if q > 1.0 else q * (3.0 - q * (3.0 - q)))


cdef inline double tukey_biweight_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params), s
    if beyond(c, y, p) >= 0:
        return 0.0
    s = one_minus_q(c, y, p)
    return (p - y) * s * s


cdef inline double tukey_biweight_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    if beyond(c, y, p) >= 0:
        return 0.0
    return one_minus_q(c, y, p) * (1.0 - 5.0 * square_of_ratio(c, y, p))


# ---------------------------------------------------------------------- Andrews
cdef inline double before_pi(double c, double y, double p) noexcept nogil:
    """pi c - |r|, with pi and pi c to more digits than a double has."""
    cdef double end = M_PI * c
    return fma(M_PI, c, -end) + 1.2246467991473532e-16 * c - beyond(end, y, p)


cdef inline double andrews_value(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    cdef double s = sin(0.5 * (p - y) / c) if before_pi(c, y, p) > 0 else 1.0
    return 2.0 * c * c * s * s if p == p else p


cdef inline double andrews_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params), r = p - y
    cdef double rest = before_pi(c, y, p)
    if rest <= 0:
        return 0.0
    return c * sin(r / c) if rest > fabs(r) else sign(r) * c * sin(rest / c)


cdef inline double andrews_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double c = first(params)
    return cos((p - y) / c) if before_pi(c, y, p) > 0 else 0.0


# ----------------------------------------------------------------------- Hampel
cdef inline double hampel_value(const void *params, double y, double p) noexcept nogil:
    cdef double a = first(params), b = second(params), c = third(params), r = fabs(p - y), s
    if r <= a:
        return 0.5 * r * r
    if r <= b:
        return a * (r - 0.5 * a)
    s = beyond(c, y, p) / (c - b)
    return a * (b - 0.5 * a) + 0.5 * a * (c - b) * (1.0 if s > 0 else 1.0 - s * s)


cdef inline double hampel_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double a = first(params), b = second(params), c = third(params), r = p - y, s
    if fabs(r) <= a:
        return r
    if fabs(r) <= b:
        return a * sign(r)
    s = beyond(c, y, p) / (c - b)
    return 0.0 if s >= 0 else -a * sign(r) * s


cdef inline double hampel_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double a = first(params), b = second(params), c = third(params), r = fabs(p - y)
    if r <= a:
        return 1.0
    return 0.0 if r <= b or r > c else -a / (c - b)


# ----------------------------------------------------------------------- Barron
# With b = |alpha - 2| and L = log(q / b + 1) the value is b / alpha (exp(alpha L / 2) - 1)
# and the gradient r / c^2 exp(w), w = (alpha - 2) L / 2. As alpha approaches 0 both keep
# their digits; as it approaches 2, b vanishes, and
#     value = (q exp(w) + b (exp(w) - 1)) / alpha
# does. Beyond |t| = 1e100, where q might overflow, L is taken from log |t|.
cdef inline double barron_log(double b, double t) noexcept nogil:
    """L; 0 at alpha = 2, where it is not needed."""
    if b == 0.0:
        return 0.0
    return log1p(t * t / b) if fabs(t) < 1e100 else 2.0 * log(fabs(t)) - log(b)


cdef inline double barron_value(const void *params, double y, double p) noexcept nogil:
    cdef double alpha = first(params), t = (p - y) / second(params)
    cdef double b = fabs(alpha - 2.0), q = t * t, w
    if alpha == -INFINITY:
        return -expm1(-0.5 * q)
    if b <= 1.0 and (b == 0.0 or fabs(t) < 1e100):
        w = 0.5 * (alpha - 2.0) * barron_log(b, t)
        return (q * exp(w) + b * expm1(w)) / alpha
    if alpha == 0.0:
        return barron_log(b, t)
    return b / alpha * expm1(0.5 * alpha * barron_log(b, t))


cdef inline double barron_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double alpha = first(params), c = second(params)
    cdef double t = (p - y) / c, b = fabs(alpha - 2.0), q = t * t
    if alpha == -INFINITY:
        return t / c * exp(-0.5 * q) if q != INFINITY else 0.0
    if b == 0.0 or fabs(t) < 1e100:
        return t / c * exp(0.5 * (alpha - 2.0) * barron_log(b, t))
    # t exp(w), in which t = inf may stand against exp(-inf)
    return sign(t) / c * exp((0.0 if alpha == 1.0 else (alpha - 1.0) * log(fabs(t)))
                             - 0.5 * (alpha - 2.0) * log(b))


cdef inline double barron_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double alpha = first(params), c = second(params)
    cdef double t = (p - y) / c, b = fabs(alpha - 2.0), q = t * t, w
    if alpha == -INFINITY:
        return one_minus_q(c, y, p) * exp(-0.5 * q) / (c * c) if q != INFINITY else 0.0
    if b == 0.0:
        return 1.0 / (c * c)
    w = 0.5 * (alpha - 2.0) * barron_log(b, t)
    return exp(w) / (c * c) * ratio(1.0, alpha - 1.0, q / b)


cdef inline double barron_conjugate(const void *params, double y, double u) noexcept nogil:
    """For alpha = 1 a formula, since the search would only come near the domain's ends."""
    cdef double v = u * second(params)
    if first(params) != 1.0:
        return searched_conjugate(barron_value, barron_gradient, params, y, u)
    if fabs(v) > 1.0:
        return INFINITY
    return v * v / (1.0 + sqrt((1.0 - v) * (1.0 + v))) + u * y
