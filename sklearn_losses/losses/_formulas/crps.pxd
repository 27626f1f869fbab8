# cython: language_level=3
"""The continuous ranked probability score of distributions of a location and a scale.

It is s C(z), z = (y - m) / s, with C' = 2 F - 1 and C'' = 2 f of the standard distribution
(Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation",
JASA 102; of Student's t Jordan, Krueger and Lerch 2019, J. Stat. Softw. 90).
"""

from libc.math cimport erfc, fabs, log

from sklearn_losses.losses._exp_log cimport exp, log1p
from sklearn_losses.losses._formulas.likelihoods cimport (
    HALF_LOG_2PI, LOGISTIC, NORMAL, SQRT_HALF_, expit,
)

cdef extern from *:
    """
    #define SL_SQRT_1_PI 0.56418958354775628695
    """
    const double SQRT_1_PI "SL_SQRT_1_PI"


cdef inline double beta_fraction(double x, double a, double b) noexcept nogil:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    cdef double c = 1.0, d = 1.0 / (1.0 - (a + b) * x / (a + 1.0)), found = d, step
    cdef Py_ssize_t k
    for k in range(1, 500):
        step = k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k))
        d, c = 1.0 / (1.0 + step * d), 1.0 + step / c
        found *= d * c
        step = -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0))
        d, c = 1.0 / (1.0 + step * d), 1.0 + step / c
        found *= d * c
        if fabs(d * c - 1.0) < 1e-15:
            break
    return found


cdef inline double within(double z2, double df, double log_constant) noexcept nogil:
    """P(t^2 < z^2) of Student's t: the incomplete beta function of 1 / 2 and df / 2."""
    cdef double x = z2 / (df + z2), rest = df / (df + z2), front
    if not z2 > 0.0:
        return 0.0
    front = exp(0.5 * log(x) + 0.5 * df * log(rest) + log_constant)
    if x < 3.0 / (df + 5.0):
        return 2.0 * front * beta_fraction(x, 0.5, 0.5 * df)
    return 1.0 - 2.0 / df * front * beta_fraction(rest, 0.5 * df, 0.5)


cdef inline double crps(const double *own, const double *y, Py_ssize_t y_size, const double *raw,
                        Py_ssize_t n, double *g, double *h) noexcept nogil:
    """raw = (m, log s); own = (F, df, constant of C, log of that of f), df > 0 if it is t."""
    cdef double s = exp(raw[1]), z = (y[0] - raw[0]) / s, size = fabs(z)
    cdef double e, f2, c1, far  # 2 f, C' of abs(z), and C - z C'
    if own[1] > 0.0:
        c1 = within(z * z, own[1], -own[3])
        f2 = 2.0 * exp(-own[3] - 0.5 * (own[1] + 1.0) * log1p(z * z / own[1])
                       - 0.5 * log(own[1]))
        far = f2 * (own[1] + z * z) / (own[1] - 1.0) - own[2]
    elif <int> own[0] == NORMAL:
        c1 = 1.0 - erfc(size * SQRT_HALF_)
        f2 = 2.0 * exp(-0.5 * z * z - HALF_LOG_2PI)
        far = f2 - SQRT_1_PI
    elif <int> own[0] == LOGISTIC:
        e = exp(-size)
        c1 = (1.0 - e) / (1.0 + e)
        f2 = 2.0 * expit(size) * expit(-size)
        far = 2.0 * log1p(e) - 1.0 + size * (1.0 - c1)
    else:
        e = exp(-size)
        c1, f2, far = 1.0 - e, e, e * (1.0 + size) - 0.75
    if g != NULL:
        g[0], g[1] = -c1 if z > 0.0 else c1, s * far
    if h != NULL:
        h[0], h[1], h[2] = f2 / s, z * f2, s * (far + z * z * f2)
    return s * (far + size * c1)
