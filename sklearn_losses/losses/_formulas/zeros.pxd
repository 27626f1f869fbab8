# cython: language_level=3
"""Counts whose zeros have a probability of their own: raw = (r, u, log d), s(u) = expit(u).

What is no zero of that kind is a negative binomial of mean e^r and dispersion d, which is
Poisson's at d = 0. With L = -log f(0) of it, L_r is the derivative by r.
"""

from sklearn_losses.losses._exp_log cimport exp, expm1, log1p
from sklearn_losses.losses._formulas.likelihoods cimport (
    expit, log_minus_expm1, logistic, negative_binomial, softplus,
)


cdef inline double counted(double y, const double *raw, double *g, double *h) noexcept nogil:
    """The negative binomial at (r, log d)."""
    cdef double of_count[2]
    cdef double d[2]
    cdef double dd[3]
    cdef double value
    of_count[0], of_count[1] = raw[0], raw[2]
    value = negative_binomial(NULL, &y, 1, of_count, 2, d if g != NULL else NULL,
                              dd if h != NULL else NULL)
    if g != NULL:
        g[0], g[1], g[2] = d[0], 0.0, d[1]
    if h != NULL:
        h[0], h[3], h[5] = dd[0], dd[1], dd[2]
        h[1] = h[2] = h[4] = 0.0
    return value


cdef inline double excess(double x) noexcept nogil:
    """x / log(1 + x) - 1."""
    if x < 0.01:
        return x * (0.5 - x * (1.0 / 12 - x * (1.0 / 24 - x * (
            19.0 / 720 - x * (3.0 / 160 - x * (863.0 / 60480))))))
    return x / log1p(x) - 1.0


cdef inline double missing(double x) noexcept nogil:
    """1 - x / (exp(x) - 1)."""
    if x < 0.1:
        return x * (0.5 - x * (1.0 / 12 - x * x * (
            1.0 / 720 - x * x * (1.0 / 30240 - x * x / 1209600))))
    return 1.0 - x / expm1(x)


cdef inline double add_truncation(const double *raw, double *g, double *h) noexcept nogil:
    """log(1 - f(0)), which is added to the loss of a count that is not 0."""
    cdef double d[3]
    cdef double dd[6]
    cdef double d_of = exp(raw[2]), x = d_of * exp(raw[0]) if d_of > 0.0 else 0.0
    cdef double q = 0.0, less
    cdef double size = counted(0.0, raw, d if g != NULL or h != NULL else NULL,
                               dd if h != NULL else NULL)
    if not size > 1e-300:  # f(0) = 1 - e^r
        if g != NULL:
            g[0] += 1.0
        return raw[0]
    if size > 700.0:
        return 0.0
    if g != NULL or h != NULL:
        q = 1.0 / expm1(size)
    if g != NULL:
        g[0] += q * d[0]
        g[2] += q * d[2]
    if h != NULL:
        # L_rr + (log(1 - f))_rr = L_r (1 + q) (1 / (1 + x) - q L_r), and for a small m
        # the last is a difference of what is nearly the same.
        less = (missing(size) - excess(x) * q * size) / (1.0 + x)
        h[0] += d[0] * (1.0 + q) * less - dd[0]
        h[3] += q * (dd[3] - (1.0 + q) * d[0] * d[2])
        h[5] += q * (dd[5] - (1.0 + q) * d[2] * d[2])
    return log_minus_expm1(size)


cdef inline double add_side(double u, double *g, double *h) noexcept nogil:
    """-log s(-u), of what is no zero of its own."""
    cdef double p, q, value = logistic(u, &p, &q)
    if g != NULL:
        g[1] += p
    if h != NULL:
        h[2] += p * q
    return value


cdef inline double hurdle(const double *own, const double *y, Py_ssize_t y_size,
                          const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil:
    """-log s(u) of a zero; -log s(-u) and a count that is not 0, of others."""
    cdef double value, p, q
    cdef Py_ssize_t i
    if y[0] > 0.0:
        value = counted(y[0], raw, g, h)
        return value + add_truncation(raw, g, h) + add_side(raw[1], g, h)
    if raw[0] != raw[0]:
        return counted(0.0, raw, g, h)  # a model that has diverged does not look well
    value = logistic(-raw[1], &p, &q)
    if g != NULL:
        g[0] = g[2] = 0.0
        g[1] = -p
    if h != NULL:
        for i in range(6):
            h[i] = 0.0
        h[2] = p * q
    return value


cdef inline double zero_inflated(
        const double *own, const double *y, Py_ssize_t y_size, const double *raw, Py_ssize_t n,
        double *g, double *h) noexcept nogil:
    """-log(s(u) + s(-u) f(0)) of a zero; -log s(-u) and any count, of others.

    p = s(u + L) is the probability that a zero is one of its own.
    """
    cdef double u = raw[1], size, p = 0.0, rest = 0.0, bend
    cdef double d[3]
    cdef double dd[6]
    cdef bint has_derivatives = g != NULL or h != NULL
    cdef Py_ssize_t i, j
    if y[0] > 0.0:
        return counted(y[0], raw, g, h) + add_side(u, g, h)
    size = counted(0.0, raw, d if has_derivatives else NULL, dd if h != NULL else NULL)
    if has_derivatives:
        p, rest = expit(u + size), expit(-u - size)
        d[1] = expit(-u) * p * expm1(-size)
    if rest == 0.0:  # of a large mean, even if its derivatives are inf
        d[0] = d[2] = dd[0] = dd[3] = dd[5] = 0.0
    if h != NULL:
        bend = -p * rest
        for i in range(3):
            for j in range(i + 1):
                h[i * (i + 1) // 2 + j] = rest * dd[i * (i + 1) // 2 + j] + bend * d[i] * d[j]
        h[1], h[4] = bend * d[0], bend * d[2]
        h[2] = d[1] * (expit(-u) - p)
    if g != NULL:
        g[0], g[1], g[2] = rest * d[0], d[1], rest * d[2]
    if size < 0.5:
        return -log1p(expit(-u) * expm1(-size))
    if u + size > 0.0:
        return softplus(-u) - log1p(exp(-u - size))
    return softplus(u) + size - softplus(u + size)
