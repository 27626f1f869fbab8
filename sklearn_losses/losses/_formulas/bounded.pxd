# cython: language_level=3
"""Shares of a whole, and successes of trials: m = expit(r) is the mean.

With the precision f a beta distribution has the shapes a = m f and b = (1 - m) f. What of
lgamma is beyond Stirling's formula is what is left: the rest is f times a divergence of
m from y, and both keep their digits as f grows.
"""

from libc.math cimport fabs, log

from sklearn_losses.losses._exp_log cimport exp, log1p
from sklearn_losses.losses._formulas.likelihoods cimport (
    HALF_LOG_2PI, LOGISTIC, expit, ordinal, softplus, stirling, sums_of_log1p,
)


cdef inline double between(double low, double x, double high) noexcept nogil:
    return low if x < low else high if x > high else x


cdef inline double beta(const double *own, const double *y, Py_ssize_t y_size, const double *raw,
                        Py_ssize_t n, double *g, double *h) noexcept nogil:
    """-log of the density of y in (0, 1), raw = (r, log f)."""
    cdef double r = between(-600.0, raw[0], 600.0), log_f = between(-300.0, raw[1], 300.0)
    cdef double f = exp(log_f), e = exp(-fabs(r)), shared = log1p(e), most = 1.0 / (1.0 + e)
    cdef double m = most if r > 0.0 else e * most, rest = e * most if r > 0.0 else most
    cdef double log_m = -shared if r > 0.0 else r - shared
    cdef double log_rest = -r - shared if r > 0.0 else -shared, a = m * f, b = rest * f
    cdef double log_y = log(y[0]), log_1y = log1p(-y[0])
    cdef double pa, sa, pb, sb, pf, sf, far, by, bend, beyond, over = y[0] - m
    beyond = stirling(a, log_m + log_f, &pa, &sa) + stirling(b, log_rest + log_f, &pb, &sb)
    beyond -= stirling(f, log_f, &pf, &sf)
    far, by = a * (log_m - log_y) + b * (log_rest - log_1y), r - log_y + log_1y
    if fabs(over) < 0.1 * m and fabs(over) < 0.1 * rest:
        far = -a * log1p(over / m) - b * log1p(-over / rest)
        by = log1p(-over / rest) - log1p(over / m)
    bend = a * rest * by
    if g != NULL:
        g[0] = bend + rest * pa - m * pb
        g[1] = far + pa + pb - pf
    if h != NULL:
        h[0] = bend * (rest - m) + a * rest + rest * rest * sa + m * m * sb - m * rest * (pa + pb)
        h[1] = bend + rest * sa - m * sb
        h[2] = far + sa + sb - sf
    return (far + beyond + HALF_LOG_2PI - 0.5 * (log_m + log_rest + log_f)
            + log_y + log_1y)


cdef inline double ordered_beta(
        const double *own, const double *y, Py_ssize_t y_size, const double *raw, Py_ssize_t n,
        double *g, double *h) noexcept nogil:
    """0, between and 1 are ordered classes, and what is between has a beta distribution.

    raw = (r, t_0, t_1, log f).
    """
    cdef double kind[1]
    cdef double of_class[1]
    cdef double of_beta[2]
    cdef double d[2]
    cdef double dd[3]
    cdef double value
    cdef Py_ssize_t i
    kind[0] = LOGISTIC
    of_class[0] = 0.0 if y[0] == 0.0 else 2.0 if y[0] == 1.0 else 1.0
    value = ordinal(kind, of_class, 1, raw, 3, g, h)
    if g != NULL:
        g[3] = 0.0
    if h != NULL:
        for i in range(6, 10):
            h[i] = 0.0
    if of_class[0] != 1.0:
        return value
    of_beta[0], of_beta[1] = raw[0], raw[3]
    value += beta(own, y, 1, of_beta, 2, d if g != NULL else NULL, dd if h != NULL else NULL)
    if g != NULL:
        g[0] += d[0]
        g[3] = d[1]
    if h != NULL:
        h[0] += dd[0]
        h[6], h[9] = dd[1], dd[2]
    return value


cdef inline double binomial(const double *own, const double *y, Py_ssize_t y_size,
                            const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil:
    """y_0 successes and y_1 failures, raw = (r)."""
    cdef double r = raw[0], m = expit(r), rest = expit(-r)
    if g != NULL:
        g[0] = y[1] * m - y[0] * rest
    if h != NULL:
        h[0] = (y[0] + y[1]) * m * rest
    return ((y[0] * softplus(-r) if y[0] > 0.0 else 0.0)
            + (y[1] * softplus(r) if y[1] > 0.0 else 0.0))


cdef inline double scaled_sums(double log_d, double y, double *d, double *dd) noexcept nogil:
    """sum over j < y of log(1 + d j), and its derivatives by log d."""
    cdef double s[3]
    cdef double by = exp(between(-700.0, log_d, 500.0))
    sums_of_log1p(by, y, s)
    d[0] = by * s[1]
    dd[0] = by * (by * s[2] + s[1])
    return s[0]


cdef inline double beta_binomial(
        const double *own, const double *y, Py_ssize_t y_size, const double *raw, Py_ssize_t n,
        double *g, double *h) noexcept nogil:
    """The same of probabilities with a beta distribution, raw = (r, log f).

    It is the binomial at f = inf, which is reached smoothly: a gamma function of m f is
    a sum of log(m) + log(1 + j / (m f)).
    """
    cdef double r = raw[0], m = expit(r), rest = expit(-r)
    cdef double d[1]
    cdef double dd[1]
    cdef double all_, of_all, bent, up, of_up, bent_up, down, of_down, bent_down
    cdef double value = binomial(own, y, 2, raw, 1, d if g != NULL else NULL,
                                 dd if h != NULL else NULL)
    all_ = scaled_sums(-raw[1], y[0] + y[1], &of_all, &bent)
    up = scaled_sums(softplus(-r) - raw[1], y[0], &of_up, &bent_up)
    down = scaled_sums(softplus(r) - raw[1], y[1], &of_down, &bent_down)
    if g != NULL:
        g[0] = d[0] + rest * of_up - m * of_down
        g[1] = of_up + of_down - of_all
    if h != NULL:
        h[0] = (dd[0] - rest * rest * bent_up - m * m * bent_down
                - m * rest * (of_up + of_down))
        h[1] = m * bent_down - rest * bent_up
        h[2] = bent - bent_up - bent_down
    return value + all_ - up - down
