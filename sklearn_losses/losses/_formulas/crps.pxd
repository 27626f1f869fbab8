# cython: language_level=3
"""The continuous ranked probability score of distributions of a location and a scale.

It is s C(z), z = (y - m) / s, with C' = 2 F - 1 and C'' = 2 f of the standard distribution
(Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation",
JASA 102; of Student's t Jordan, Krueger and Lerch 2019, J. Stat. Softw. 90).
"""

from libc.math cimport erfc, fabs, log, sqrt

from sklearn_losses.losses._exp_log cimport exp, log1p
from sklearn_losses.losses._formulas.likelihoods cimport (
    HALF_LOG_2PI, LOGISTIC, NORMAL, SQRT_HALF_, expit, stirling,
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


# ------------------------------------------------------------------ gamma distribution
cdef extern from *:
    """
    #define SL_STEP 4e-3       /* of differences by log s */
    #define SL_GAUSSIAN 1e8    /* a shape beyond which it is one */
    """
    const double STEP "SL_STEP"
    const double GAUSSIAN "SL_GAUSSIAN"


cdef inline double gamma_below(double k, double x, double front) noexcept nogil:
    """P(X < x) of shape k: a series, or where it is long the continued fraction of the rest.

    front is x^k e^-x / Gamma(k + 1), of which either takes some sqrt(k) terms.
    """
    cdef double term = 1.0, total = 1.0, b, c, d, step
    cdef Py_ssize_t i, most = 200 + <Py_ssize_t> (20.0 * sqrt(k))
    if x < k + 1.0:
        for i in range(1, most):
            term *= x / (k + i)
            total += term
            if term < 1e-17 * total:
                break
        return front * total
    b = x + 1.0 - k
    c, d = 1e300, 1.0 / b
    total = d
    for i in range(1, most):  # by Lentz's method
        b += 2.0
        step = i * (k - i)
        d, c = 1.0 / (step * d + b), b + step / c
        total *= d * c
        if fabs(d * c - 1.0) < 1e-16:
            break
    return 1.0 - front * k * total


cdef struct OfGamma:
    double below     # 2 P(X < u) - 1 of a mean of 1
    double slope     # of the score by the log of the mean
    double density   # u f(u)


cdef inline OfGamma crps_of_mean_1(double u, double log_u, double log_s) noexcept nogil:
    """The score is u (2 P - 1) + 1 - 2 (P - D) - c, of which all but the first is slope.

    P is that of x = k u and the shape k = 1 / s^2, D = x^k e^-x / Gamma(k + 1), and
    c = 1 / (k B(k, 1/2)) (Scheuerer and Moeller 2015, "Probabilistic wind speed forecasting
    on a grid based on ensemble model output statistics", Annals of Applied Statistics 9).
    """
    cdef double k = exp(-2.0 * log_s), p, q, far, front, below, c
    cdef OfGamma found
    far = u - 1.0 - log_u if fabs(log_u) > 1e-2 else log_u * log_u * (
        0.5 + log_u * (1.0 / 6 + log_u * (1.0 / 24 + log_u * (1.0 / 120 + log_u / 720))))
    front = exp(log_s - HALF_LOG_2PI - stirling(k, -2.0 * log_s, &p, &q) - k * far)
    c = SQRT_1_PI * exp(
        0.5 + k * log1p(-0.5 / (k + 1.0)) - 0.5 * log1p(k)
        + stirling(k + 0.5, log(k + 0.5), &p, &q) - stirling(k + 1.0, log1p(k), &p, &q))
    if front == 0.0:
        below = 1.0 if u > 1.0 else 0.0
    elif k > GAUSSIAN:
        below = 0.5 * erfc((1.0 - u) * sqrt(k) * SQRT_HALF_)
    else:
        below = gamma_below(k, k * u, front)
    found.below = 2.0 * below - 1.0
    found.slope = 1.0 - 2.0 * (below - front) - c
    found.density = k * u * front if front > 0.0 else 0.0
    return found


cdef inline double first_difference(const double *f) noexcept nogil:
    return (8.0 * (f[3] - f[1]) - (f[4] - f[0])) / (12.0 * STEP)


cdef inline double second_difference(const double *f) noexcept nogil:
    return (16.0 * (f[1] + f[3]) - (f[0] + f[4]) - 30.0 * f[2]) / (12.0 * STEP * STEP)


cdef inline double crps_gamma(const double *own, const double *y, Py_ssize_t y_size,
                              const double *raw, Py_ssize_t n, double *g,
                              double *h) noexcept nogil:
    """m C(y / m), raw = (log m, log s): of mean m and deviation s m.

    By log s there is no closed form: differences of five points have ten digits.
    """
    cdef double m = exp(raw[0]), log_u = log(y[0]) - raw[0], u = exp(log_u)
    cdef double[5] below
    cdef double[5] slope
    cdef OfGamma here = crps_of_mean_1(u, log_u, raw[1]), other
    cdef Py_ssize_t i
    if g != NULL or h != NULL:
        for i in range(5):
            other = here
            if i != 2:
                other = crps_of_mean_1(u, log_u, raw[1] + (i - 2) * STEP)
            below[i], slope[i] = other.below, other.slope
    if g != NULL:
        g[0] = m * here.slope
        g[1] = y[0] * first_difference(below) + m * first_difference(slope)
    if h != NULL:
        h[0] = m * (here.slope + 2.0 * here.density)
        h[1] = m * first_difference(slope)
        h[2] = y[0] * second_difference(below) + m * second_difference(slope)
    return y[0] * here.below + m * here.slope
