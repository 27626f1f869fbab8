# cython: language_level=3
"""Losses of counts and positive targets: p is the logarithm of the prediction m = exp(p).

Terms that may be inf at p = inf or p = -inf are multiplied out on the side where they are
finite, and those with the factor y are left out where y = 0, since 0 inf is nan.
"""

from libc.math cimport INFINITY, fabs, log

from sklearn_losses.losses._conjugate cimport searched_conjugate
from sklearn_losses.losses._exp_log cimport (
    exp,
    exp_of_nonpositive,
    expm1,
    expm1_of_nonpositive,
    log1p,
)
from sklearn_losses.losses._formulas.parameters cimport first
from sklearn_losses.losses._math cimport expit, scaled_exp, softplus, softplus_of_minus_abs, xlogx


# ---------------------------------------------------------------------- Poisson
cdef inline double poisson_value(const void *params, double y, double p) noexcept nogil:
    # y p apart where it would make nan of a limit: 0 * inf at y = 0, inf - inf at
    # p = inf.
    return exp(p) - (y * p if (y != 0) & (p != INFINITY) else 0.0)


cdef inline double poisson_gradient(const void *params, double y, double p) noexcept nogil:
    # Near p = 0 a count of 1 cancels the 1 in exp(p); expm1 has taken it out.
    cdef double near = expm1(p) + (1.0 - y)
    cdef double far = exp(p) - y
    return near if fabs(p) < 0.5 else far


cdef inline double poisson_curvature(const void *params, double y, double p) noexcept nogil:
    return exp(p)


cdef inline double poisson_conjugate(const void *params, double y, double u) noexcept nogil:
    return xlogx(u + y) - (u + y) if u + y >= 0 else INFINITY


# ------------------------------------------------------------------------ Gamma
cdef inline double gamma_value(const void *params, double y, double p) noexcept nogil:
    return p + scaled_exp(y, -p) if p != -INFINITY else INFINITY


cdef inline double gamma_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double near = (1.0 - y) - y * expm1(-p)
    cdef double far = 1.0 - scaled_exp(y, -p)
    return near if fabs(p) < 0.5 else far


cdef inline double gamma_curvature(const void *params, double y, double p) noexcept nogil:
    return scaled_exp(y, -p)


cdef inline double gamma_conjugate(const void *params, double y, double u) noexcept nogil:
    if u >= 1.0:
        return 0.0 if u == 1.0 else INFINITY
    return (1.0 - u) * (log((1.0 - u) / y) - 1.0)


# ------------------------------------------------------------- inverse Gaussian
cdef inline double inverse_gaussian_value(const void *params, double y, double p) noexcept nogil:
    return exp(-p) * (0.5 * y * exp(-p) - 1.0)


cdef inline double inverse_gaussian_gradient(const void *params, double y, double p) noexcept nogil:
    return exp(-p) * gamma_gradient(params, y, p)


cdef inline double inverse_gaussian_curvature(
        const void *params, double y, double p) noexcept nogil:
    return exp(-p) * (2.0 * y * exp(-p) - 1.0)


# ---------------------------------------------------------------------- Tweedie
# exp((2 - k) p) a - y exp((1 - k) p) b is exp((2 - k) p) (a - y exp(-p) b) for p > 0 and
# exp((1 - k) p) (exp(p) a - y b) otherwise, in which no term overflows before the sum does.
# All is computed for all points, and chosen from, so that a loop over them is vectorised.
cdef inline bint takes_out_more(double y, double p) noexcept nogil:
    """Whether exp((2 - k) p) is taken out: where p > 0 or there is no other term."""
    return (p > 0) | (y == 0)


cdef inline double tweedie_scaled(double k, double y, double p, double factor) noexcept nogil:
    return scaled_exp(factor, (2.0 - k if takes_out_more(y, p) else 1.0 - k) * p)


cdef inline double tweedie_terms(double k, double a, double b, double y, double p) noexcept nogil:
    cdef double e = exp_of_nonpositive(-fabs(p))
    cdef double more = a - y * e * b
    cdef double less = e * a - y * b
    return tweedie_scaled(k, y, p, more if takes_out_more(y, p) else less)


cdef inline double tweedie_value(const void *params, double y, double p) noexcept nogil:
    cdef double k = first(params)
    return tweedie_terms(k, 1.0 / (2.0 - k), 1.0 / (1.0 - k), y, p)


cdef inline double tweedie_gradient(const void *params, double y, double p) noexcept nogil:
    # Near p = 0 a target of 1 cancels the 1 in exp(p); expm1 has taken it out.
    cdef double e = exp_of_nonpositive(-fabs(p))
    cdef double e_minus_1 = expm1_of_nonpositive(-fabs(p))
    cdef bint is_near = fabs(p) < 0.5
    cdef double more = (1.0 - y) - y * e_minus_1 if is_near else 1.0 - y * e
    cdef double less = e_minus_1 + (1.0 - y) if is_near else e - y
    more = 1.0 if y == 0 else more
    return tweedie_scaled(first(params), y, p, more if takes_out_more(y, p) else less)


cdef inline double tweedie_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double k = first(params)
    return tweedie_terms(k, 2.0 - k, 1.0 - k, y, p)


cdef inline double tweedie_conjugate(const void *params, double y, double u) noexcept nogil:
    # At the maximum m - u m^a = y with a = k - 1 in (0, 1). From beyond the root where
    # u > 0, and from below it where u < 0, Newton's steps approach it from one side.
    cdef double k = first(params)
    cdef double a = k - 1.0
    cdef double m, step = INFINITY, power
    cdef int _trial
    if y == 0:
        if u <= 0:
            return 0.0 if u == 0 else INFINITY
        return u * (log(u) - 1.0) / (2.0 - k)
    if u > 0:
        m = max(2.0 * y, exp(log(2.0 * u) / (1.0 - a)))
    else:
        m = min(0.5 * y, exp(log(-0.5 * y / u) / a)) if u < 0 else y
    if not 1e-250 < m < 1e250:
        return searched_conjugate(tweedie_value, tweedie_gradient, params, y, u)
    for _trial in range(100):
        if not fabs(step) > 1e-9 * m:  # which the value, at a maximum, does not feel
            break
        power = exp(a * log(m))
        step = (m - u * power - y) / (1.0 - u * a * power / m)
        m -= step
    return u * log(m) - tweedie_value(params, y, log(m))


# ------------------------------------------------------------ negative binomial
# With x = p + log(d), log(1 + d exp(p)) is softplus(x); for x > 0 the linear part of
# (y + 1/d) softplus(x) - y p is taken out, which leaves p / d of it.
cdef inline double negative_binomial_value(const void *params, double y, double p) noexcept nogil:
    cdef double d = first(params)
    cdef double x = p + log(d)
    if x < -40.0:  # log(1 + d exp(p)) is d exp(p), which may be too small for a double
        return (1.0 + d * y) * exp(p) - (y * p if y != 0 else 0.0)
    if x > 0:
        return (y + 1.0 / d) * (softplus_of_minus_abs(x) + log(d)) + p / d
    return (y + 1.0 / d) * softplus(x) - (y * p if y != 0 else 0.0)


cdef inline double negative_binomial_gradient(
        const void *params, double y, double p) noexcept nogil:
    # (exp(p) - y) / (1 + d exp(p))
    cdef double d = first(params)
    cdef double e = exp_of_nonpositive(-fabs(p))
    cdef double above = gamma_gradient(params, y, p) / (e + d)
    cdef double below = poisson_gradient(params, y, p) / (1.0 + d * e)
    return above if p > 0 else below


cdef inline double negative_binomial_curvature(
        const void *params, double y, double p) noexcept nogil:
    cdef double d = first(params)
    cdef double e = exp_of_nonpositive(-fabs(p))
    cdef double s = e + d if p > 0 else 1.0 + d * e
    return e / s * ((1.0 + d * y) / s)


cdef inline double negative_binomial_conjugate(
        const void *params, double y, double u) noexcept nogil:
    # a log(s / d) + (1/d - u) log(1 - s), where a = u + y and s is the share of d exp(p) in
    # 1 + d exp(p) at the maximum. For small s, s / d is a / (1 + d y), and as d goes to
    # 0 the last term goes to -a, as in Poisson.
    cdef double d = first(params), a = u + y, size = 1.0 + d * y
    cdef double rest = 1.0 / d - u
    if a < 0 or rest < 0:
        return INFINITY
    if d * a < 0.5 * size:
        return xlogx(a) - a * log(size) + rest * log1p(-d * a / size)
    return a * (log1p(-d * rest / size) - log(d)) + (
        rest * log(d * rest / size) if rest != 0 else 0.0)
