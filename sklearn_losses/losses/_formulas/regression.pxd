# cython: language_level=3
"""Losses of a residual r = p - y: value, gradient, curvature and conjugate of a point.

y is the target, p the raw prediction, u a slope. The conjugate of a loss f(r) is
f*(u) + u y. At p = inf and p = -inf a formula gives the limit, and a value of p = nan is
nan: a loss of 0 is asked for as "x <= 0", which nan is not, so that a model that has
diverged does not look like one without errors.
"""

from libc.math cimport INFINITY, atanh, fabs, sinh, sqrt, tanh

from sklearn_losses.losses._exp_log cimport exp, exp_of_nonpositive, expm1, log1p
from sklearn_losses.losses._formulas.parameters cimport first, second
from sklearn_losses.losses._math cimport (
    beyond, expm1mx, log1pmx, scaled_exp, sign, softplus_of_minus_abs, xlogx,
)


cdef inline double linear_within(double low, double high, double y, double u) noexcept nogil:
    """The conjugate of a loss max(low r, high r): u y for slopes from low to high."""
    return u * y if low <= u <= high else INFINITY


# ---------------------------------------------------------------- squared error
cdef inline double squared_error_value(const void *params, double y, double p) noexcept nogil:
    return 0.5 * (p - y) * (p - y)


cdef inline double squared_error_gradient(const void *params, double y, double p) noexcept nogil:
    return p - y


cdef inline double squared_error_curvature(const void *params, double y, double p) noexcept nogil:
    return 1.0


cdef inline double squared_error_conjugate(const void *params, double y, double u) noexcept nogil:
    return 0.5 * u * u + u * y


# --------------------------------------------------------------- absolute error
cdef inline double absolute_error_value(const void *params, double y, double p) noexcept nogil:
    return fabs(p - y)


cdef inline double absolute_error_gradient(const void *params, double y, double p) noexcept nogil:
    return sign(p - y)


cdef inline double absolute_error_conjugate(const void *params, double y, double u) noexcept nogil:
    return linear_within(-1.0, 1.0, y, u)


# --------------------------------------------------------------------- quantile
cdef inline double quantile_value(const void *params, double y, double p) noexcept nogil:
    cdef double q = first(params)
    return q * (y - p) if y >= p else (1.0 - q) * (p - y)


cdef inline double quantile_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double q = first(params)
    # 0 at the kink, where it is a subgradient: a row that fits is left alone.
    return -q if y > p else (1.0 - q if y < p else 0.0)


cdef inline double quantile_conjugate(const void *params, double y, double u) noexcept nogil:
    return linear_within(-first(params), 1.0 - first(params), y, u)


# -------------------------------------------------------------- smooth quantile
cdef inline double slope_of_side(double q, double y, double p) noexcept nogil:
    """What the loss weighs a residual with: q below the target, 1 - q above."""
    return q if y >= p else 1.0 - q


cdef inline double smooth_quantile_value(const void *params, double y, double p) noexcept nogil:
    cdef double delta = second(params), r = fabs(p - y)
    return slope_of_side(first(params), y, p) * (
        0.5 * r * r / delta if r <= delta else r - 0.5 * delta)


cdef inline double smooth_quantile_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double delta = second(params), r = p - y
    return slope_of_side(first(params), y, p) * (r / delta if fabs(r) <= delta else sign(r))


cdef inline double smooth_quantile_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double delta = second(params)
    return slope_of_side(first(params), y, p) / delta if fabs(p - y) <= delta else 0.0


cdef inline double smooth_quantile_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double a = first(params) if u < 0 else 1.0 - first(params)
    return 0.5 * second(params) * u * u / a + u * y if fabs(u) <= a else INFINITY


# -------------------------------------------------------------------- expectile
cdef inline double expectile_value(const void *params, double y, double p) noexcept nogil:
    return slope_of_side(first(params), y, p) * (p - y) * (p - y)


cdef inline double expectile_gradient(const void *params, double y, double p) noexcept nogil:
    return 2.0 * slope_of_side(first(params), y, p) * (p - y)


cdef inline double expectile_curvature(const void *params, double y, double p) noexcept nogil:
    return 2.0 * slope_of_side(first(params), y, p)


cdef inline double expectile_conjugate(const void *params, double y, double u) noexcept nogil:
    return 0.25 * u * u / (first(params) if u < 0 else 1.0 - first(params)) + u * y


# ------------------------------------------------------------------------ Huber
cdef inline double huber_value(const void *params, double y, double p) noexcept nogil:
    cdef double delta = first(params), r = fabs(p - y)
    return 0.5 * r * r if r <= delta else delta * (r - 0.5 * delta)


cdef inline double huber_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double delta = first(params), r = p - y
    return r if fabs(r) <= delta else (delta if r > 0 else -delta)


cdef inline double huber_curvature(const void *params, double y, double p) noexcept nogil:
    return 1.0 if fabs(p - y) <= first(params) else 0.0


cdef inline double huber_conjugate(const void *params, double y, double u) noexcept nogil:
    return 0.5 * u * u + u * y if fabs(u) <= first(params) else INFINITY


# ----------------------------------------------------------------- pseudo Huber
# delta^2 (sqrt(1 + t^2) - 1) with t = |r| / delta, multiplied out by sqrt(1 + t^2) + 1,
# which cancels nothing; beyond t = 1 in terms of 1 / t, which overflows nowhere.
cdef inline double pseudo_huber_value(const void *params, double y, double p) noexcept nogil:
    cdef double delta = first(params), r = fabs(p - y)
    cdef double t = r / delta
    if t <= 1.0:
        return r * (r / (1.0 + sqrt(1.0 + t * t)))
    return delta * (r / (1.0 / t + sqrt(1.0 + 1.0 / (t * t))))


cdef inline double pseudo_huber_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double delta = first(params), r = p - y
    cdef double t = r / delta
    return r / sqrt(1.0 + t * t) if fabs(t) <= 1.0 else (
        delta * sign(r) / sqrt(1.0 + 1.0 / (t * t)))


cdef inline double pseudo_huber_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double t = (p - y) / first(params)
    cdef double s = 1.0 + t * t
    return 1.0 / (s * sqrt(s))


cdef inline double pseudo_huber_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double v = u / first(params)
    if fabs(v) > 1.0:
        return INFINITY
    return u * u / (1.0 + sqrt((1.0 - v) * (1.0 + v))) + u * y


# --------------------------------------------------------------------- log cosh
cdef inline double log_cosh_value(const void *params, double y, double p) noexcept nogil:
    # cosh(r) = 1 + 2 sinh(r/2)^2 keeps the digits of a small r; exp(-2|r|) cannot
    # overflow for a large one.
    cdef double r = fabs(p - y), s
    if r < 1.0:
        s = sinh(0.5 * r)
        return log1p(2.0 * s * s)
    return r + (softplus_of_minus_abs(2.0 * r) - 0.6931471805599453)


cdef inline double log_cosh_gradient(const void *params, double y, double p) noexcept nogil:
    return tanh(p - y)


cdef inline double log_cosh_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double e = exp_of_nonpositive(-2.0 * fabs(p - y))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


cdef inline double log_cosh_conjugate(const void *params, double y, double u) noexcept nogil:
    if fabs(u) > 1.0:
        return INFINITY
    if fabs(u) < 0.5:
        return u * atanh(u) + 0.5 * log1p(-u * u) + u * y
    return 0.5 * (xlogx(1.0 + u) + xlogx(1.0 - u)) + u * y


# ---------------------------------------------------------- epsilon insensitive
cdef inline double epsilon_insensitive_value(const void *params, double y, double p) noexcept nogil:
    cdef double excess = beyond(first(params), y, p)
    return 0.0 if excess <= 0 else excess


cdef inline double epsilon_insensitive_gradient(
        const void *params, double y, double p) noexcept nogil:
    return sign(p - y) if beyond(first(params), y, p) > 0 else 0.0


cdef inline double epsilon_insensitive_conjugate(
        const void *params, double y, double u) noexcept nogil:
    return linear_within(-1.0, 1.0, y, u) + first(params) * fabs(u)


cdef inline double squared_epsilon_insensitive_value(
        const void *params, double y, double p) noexcept nogil:
    cdef double excess = beyond(first(params), y, p)
    return 0.0 if excess <= 0 else excess * excess


cdef inline double squared_epsilon_insensitive_gradient(
        const void *params, double y, double p) noexcept nogil:
    cdef double excess = beyond(first(params), y, p)
    return 2.0 * sign(p - y) * excess if excess > 0 else 0.0


cdef inline double squared_epsilon_insensitive_curvature(
        const void *params, double y, double p) noexcept nogil:
    return 2.0 if beyond(first(params), y, p) >= 0 else 0.0


cdef inline double squared_epsilon_insensitive_conjugate(
        const void *params, double y, double u) noexcept nogil:
    return 0.25 * u * u + first(params) * fabs(u) + u * y


# ------------------------------------------------------------------------ linex
cdef inline double linex_value(const void *params, double y, double p) noexcept nogil:
    cdef double a = first(params)
    cdef double x = a * (p - y)
    cdef double near = expm1mx(x) / (a * a)
    cdef double far = scaled_exp(1.0 / (a * a), x)
    return near if x < 700.0 else far


cdef inline double linex_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double a = first(params)
    cdef double x = a * (p - y)
    cdef double near = expm1(x) / a
    cdef double far = scaled_exp(1.0 / a, x)
    return near if x < 700.0 else far


cdef inline double linex_curvature(const void *params, double y, double p) noexcept nogil:
    return exp(first(params) * (p - y))


cdef inline double linex_conjugate(const void *params, double y, double u) noexcept nogil:
    # ((1 + x) log(1 + x) - x) / a^2 with x = a u, as two terms that do not cancel.
    cdef double a = first(params)
    cdef double x = a * u
    if x < -1.0:
        return INFINITY
    if x == -1.0:
        return 1.0 / (a * a) + u * y
    return (x * log1p(x) + log1pmx(x)) / (a * a) + u * y


# ---------------------------------------------------- absolute percentage error
cdef inline double share(const void *params, double y) noexcept nogil:
    """What an error of 1 is of the target."""
    return 1.0 / max(fabs(y), first(params))


cdef inline double absolute_percentage_error_value(
        const void *params, double y, double p) noexcept nogil:
    return fabs(p - y) / max(fabs(y), first(params))


cdef inline double absolute_percentage_error_gradient(
        const void *params, double y, double p) noexcept nogil:
    return sign(p - y) * share(params, y)


cdef inline double absolute_percentage_error_conjugate(
        const void *params, double y, double u) noexcept nogil:
    return linear_within(-share(params, y), share(params, y), y, u)


# ------------------------------------------------------------ squared log error
cdef inline double squared_log_error_value(const void *params, double y, double p) noexcept nogil:
    return squared_error_value(params, log1p(y), p)


cdef inline double squared_log_error_gradient(
        const void *params, double y, double p) noexcept nogil:
    return p - log1p(y)


cdef inline double squared_log_error_conjugate(
        const void *params, double y, double u) noexcept nogil:
    return squared_error_conjugate(params, log1p(y), u)
