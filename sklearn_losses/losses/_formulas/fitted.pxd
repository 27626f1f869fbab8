# cython: language_level=3
"""Losses of a location whose other parameters are fitted: with the constants, then.

What a density has to be divided by decides which parameter is the likeliest.
"""

from libc.math cimport INFINITY, NAN, fabs, lgamma, log, sqrt

from sklearn_losses.losses._exp_log cimport exp, expm1, log1p
from sklearn_losses.losses._formulas.likelihoods cimport digamma, expit, trigamma

cdef enum:
    N_BARRON = 132
    FAR_BARRON = 16  # from there on alpha is 0 or 2, and Cauchy's or Gauss's
    FAR_TWEEDIE = 7  # the power is in (1.0009, 1.9991)
    MOST_AMOUNTS = 27  # exp of it: with more of them a target is a number without noise

cdef extern from *:
    """
    /* Chebyshev coefficients of log of the integral of exp(-rho(x, 2 expit(u), 1)), over
       abs(u) < 16: trapezoids of x = sinh(pi / 2 sinh(t)), with 30 digits. */
    static const double SL_BARRON[] = {
        1.2038270078040514, -0.3600185523943072, 0.0026549092139121376,
        0.10911921658561904, -0.0027700172135118376, -0.054430060975104465,
        0.002777089398729792, 0.02979230321398049, -0.0025888609158273212,
        -0.016493442731962005, 0.0022251134631316, 0.008970347413007281,
        -0.0017686119279791584, -0.0047205080723771355, 0.0013080476626806086,
        0.0023730790059899617, -0.0009051970799665516, -0.0011208514891581926,
        0.0005881716577382819, 0.00048303087992034396, -0.000359061109937543,
        -0.0001776413446065063, 0.00020526600361327448, 4.3949808773186005e-05,
        -0.00010887430558791862, 6.319735155768392e-06, 5.247880384054452e-05,
        -1.9444322207213806e-05, -2.188142017546578e-05, 1.8264307644348547e-05,
        6.749043996507009e-06, -1.3136311133197547e-05, -2.0156453394668602e-07,
        8.150961736829008e-06, -1.9932168338774095e-06, -4.502151762181371e-06,
        2.240370635664655e-06, 2.208903095396074e-06, -1.7894387197792783e-06,
        -9.278548078936757e-07, 1.2171817351742108e-06, 2.9197133377813095e-07,
        -7.422326547056799e-07, -2.080835534418156e-08, 4.130046567650321e-07,
        -6.718276123168084e-08, -2.1019058365780018e-07, 7.595235761771749e-08,
        9.6869566477615e-08, -5.834353045073651e-08, -3.931442504082977e-08,
        3.7529718716661006e-08, 1.3079288897125169e-08, -2.140753987514907e-08,
        -2.732163327634833e-09, 1.1078909617563918e-08, -4.5036780225200396e-10,
        -5.278653186806313e-09, 8.940421899816252e-10, 2.373120348635859e-09,
        -5.756185941992396e-10, -1.0720518735022417e-09, 2.270500887072236e-10,
        5.504082905882618e-10, -2.840164607188517e-11, -3.551607582416862e-10,
        -3.853868217467813e-11, 2.7191610744346444e-10, 3.417924449150611e-11,
        -2.1666405970681485e-10, -6.484187179079899e-12, 1.6590473107917017e-10,
        -1.893112706705071e-11, -1.1848861730282627e-10, 3.334227656560378e-11,
        7.811359220433479e-11, -3.708896965826932e-11, -4.7147714446023436e-11,
        3.3793228376688787e-11, 2.5626585829377403e-11, -2.7214807741287585e-11,
        -1.2026372909369326e-11, 2.003977383717398e-11, 4.2546504801383605e-12,
        -1.3738897257869657e-11, -3.2977925827390523e-13, 8.86191679029389e-12,
        -1.304742879508874e-12, -5.410061703458433e-12, 1.7219086703851613e-12,
        3.1338042103875845e-12, -1.5839677017754166e-12, -1.7205477337061128e-12,
        1.2568072533396347e-12, 8.895444267353083e-13, -9.172066609931114e-13,
        -4.2566046609716583e-13, 6.341539445614875e-13, 1.8018362746512456e-13,
        -4.224300413771135e-13, -5.799503074057772e-14, 2.7397102978017955e-13,
        2.0076118402619598e-15, -1.7410873440366458e-13, 2.020853791984675e-14,
        1.0875067153630527e-13, -2.6194329764913862e-14, -6.676175848409061e-14,
        2.5017263212271187e-14, 4.015756546398745e-14, -2.115950436385683e-14,
        -2.3516024785745744e-14, 1.6724899888414768e-14, 1.3262729763209764e-14,
        -1.262579793071089e-14, -7.073627512619918e-15, 9.19471723077434e-15,
        3.444681860238736e-15, -6.4908024922886425e-15, -1.4041813411190712e-15,
        4.45161279494913e-15, 3.26831598217443e-16, -2.968516637860889e-15,
        1.8570998094154705e-16, 1.9242281964781183e-15, -3.825792103879184e-16,
        -1.21092021955546e-15, 4.1526701842073886e-16, 7.37870301478765e-16,
        -3.7229653337782794e-16, -4.3330976751862863e-16, 3.02591399324984e-16,
    };
    """
    const double *BARRON "SL_BARRON"


# -------------------------------------------------------------------------- Barron's
cdef inline double log_barron_constant(double u, double *d, double *dd) noexcept nogil:
    """log of the integral of exp(-rho), and its derivatives by u: Clenshaw's sums."""
    cdef double x = u / FAR_BARRON, next_, next_d, next_dd
    cdef double b = 0.0, b_d = 0.0, b_dd = 0.0, last = 0.0, last_d = 0.0, last_dd = 0.0
    cdef Py_ssize_t k
    if fabs(x) > 1.0:
        d[0] = dd[0] = 0.0
        return log_barron_constant(FAR_BARRON if x > 0.0 else -FAR_BARRON, &next_, &next_d)
    for k in range(N_BARRON - 1, 0, -1):
        next_ = BARRON[k] + 2.0 * x * b - last
        next_d = 2.0 * b + 2.0 * x * b_d - last_d
        next_dd = 4.0 * b_d + 2.0 * x * b_dd - last_dd
        last, last_d, last_dd = b, b_d, b_dd
        b, b_d, b_dd = next_, next_d, next_dd
    d[0] = (b + x * b_d - last_d) / FAR_BARRON
    dd[0] = (2.0 * b_d + x * b_dd - last_dd) / (FAR_BARRON * FAR_BARRON)
    return BARRON[0] + x * b - last


cdef inline double growth(double w, double *d, double *dd) noexcept nogil:
    """(exp(w) - 1) / w, and its derivatives."""
    cdef double term = 1.0, value = 1.0, e
    cdef Py_ssize_t k
    if w < 1.0:
        d[0] = dd[0] = 0.0
        for k in range(1, 22):
            dd[0] += term / (k + 2.0)
            d[0] += term / (k + 1.0)
            term *= w / k
            value += term / (k + 1.0)
        return value
    e = exp(w)
    value = (e - 1.0) / w
    d[0] = (e - value) / w
    dd[0] = (e - 2.0 * d[0]) / w
    return value


cdef inline double barron(const double *own, const double *y, Py_ssize_t y_size,
                          const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil:
    """rho((y - m) / s, alpha) and the log of the constant, raw = (m, log s, u).

    alpha = 2 expit(u); with b = 2 - alpha rho is b (exp(w) - 1) / alpha, where
    w = alpha / 2 log(1 + z^2 / b).
    """
    cdef double u = raw[2] if fabs(raw[2]) < FAR_BARRON else (
        FAR_BARRON if raw[2] > 0.0 else -FAR_BARRON)
    cdef double alpha = 2.0 * expit(u), b = 2.0 * expit(-u), v = 0.5 * alpha * b
    cdef double e = exp(-raw[1]), z = (y[0] - raw[0]) * e, z2 = z * z, q = z2 / b
    cdef double k = log1p(q), k1 = z2 / (b * (b + z2))
    cdef double k2 = z2 * (2.0 * b + z2) / (b * b * (b + z2) * (b + z2))
    cdef double w = 0.5 * alpha * k, w1 = 0.5 * (k + alpha * k1), w2 = k1 + 0.5 * alpha * k2
    cdef double c1, c2, p1, p2, f, f1, f2, d, dd, by, by2, mixed, slope
    cdef double constant = log_barron_constant(raw[2], &c1, &c2), p = growth(w, &p1, &p2)
    if raw[2] != raw[2]:
        return NAN
    f = 0.5 * k * p
    if g == NULL and h == NULL:
        return b * f + raw[1] + constant
    f1 = 0.5 * (k1 * p + k * p1 * w1)
    f2 = 0.5 * (k2 * p + 2.0 * k1 * p1 * w1 + k * (p2 * w1 * w1 + p1 * w2))
    slope = exp(-0.5 * b * k)
    d, dd = z * slope, slope * (1.0 + (alpha - 1.0) * q) / (1.0 + q)
    by, by2 = b * f1 - f, b * f2 - 2.0 * f1
    mixed = 0.5 * d * (k - b * k1)
    if fabs(raw[2]) > FAR_BARRON:
        v = 0.0  # where it goes on as it was
    if g != NULL:
        g[0], g[1], g[2] = -d * e, 1.0 - z * d, v * by + c1
    if h != NULL:
        h[0], h[1], h[2] = dd * e * e, e * (d + z * dd), z * (d + z * dd)
        h[3], h[4] = -e * v * mixed, -z * v * mixed
        h[5] = v * v * by2 + 0.5 * v * (b - alpha) * by + c2
    return b * f + raw[1] + constant


# -------------------------------------------------------------------------- Tweedie's
cdef struct Series:
    double value      # log of the sum
    double f, p       # derivatives by log f and by the power
    double ff, fp, pp


cdef inline Series tweedie_series(double log_y, double log_f, double p) noexcept nogil:
    """sum over j > 0 of exp(j c) / (j! Gamma(j a)), from its largest term on both sides.

    Terms that are like a normal density, of a deviation of more than 8, are summed with
    steps of a quarter of it, which is as exact.

    Dunn and Smyth 2005, "Series evaluation of Tweedie exponential dispersion model
    densities", Statistics and Computing 15.
    """
    cdef Series s
    cdef double q = p - 1.0, k = 2.0 - p, a = k / q, a1 = -1.0 / (q * q), a2 = 2.0 / (q * q * q)
    cdef double t = log_y - log_f - log(q)
    cdef double c = a * t - log_f - log(k), c1 = a1 * t + 1.0 / k - a / q
    cdef double c2 = a2 * t - 2.0 * a1 / q + 1.0 / (k * k) + a / (q * q)
    cdef double top = exp(k * log_y - log_f) / k, most = -INFINITY, far, total = 0.0
    cdef double j, step, middle, weight, by_p, by_pp, shift, psi
    cdef double mean_j = 0.0, mean_p = 0.0, jj = 0.0, jp = 0.0, of_pp = 0.0, more = 0.0
    cdef int side
    middle = 1.0 if not top > 1.0 else <double> (<long long> min(top, 1e12))
    step = max(1.0, <double> (<long long> (0.25 * sqrt(middle / (1.0 + a)))))
    most = middle * c - lgamma(middle + 1.0) - lgamma(middle * a)
    shift = middle * (c1 - digamma(middle * a) * a1)
    for side in range(2):
        j = middle if side == 0 else middle - step
        while j >= 1.0:
            far = j * c - lgamma(j + 1.0) - lgamma(j * a) - most
            if not far >= -37.0:
                break
            weight, psi = exp(far), digamma(j * a)
            by_p = j * (c1 - psi * a1) - shift
            by_pp = j * (c2 - psi * a2) - j * j * a1 * a1 * trigamma(j * a)
            total += weight
            mean_j += weight * (j - middle)
            mean_p += weight * by_p
            jj += weight * (j - middle) * (j - middle)
            jp += weight * (j - middle) * by_p
            of_pp += weight * by_p * by_p
            more += weight * by_pp
            j += step if side == 0 else -step
    mean_j, mean_p = mean_j / total, mean_p / total
    s.value = most + log(total * step)
    s.f, s.p = -(1.0 + a) * (middle + mean_j), shift + mean_p
    s.ff = (1.0 + a) * (1.0 + a) * (jj / total - mean_j * mean_j)
    s.fp = -a1 * (middle + mean_j) - (1.0 + a) * (jp / total - mean_j * mean_p)
    s.pp = more / total + of_pp / total - mean_p * mean_p
    return s


cdef inline double tweedie(const double *own, const double *y, Py_ssize_t y_size,
                           const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil:
    """-log of the density of a Poisson number of gamma amounts, raw = (r, log f, u).

    Its mean is e^r, its variance f e^(p r), 1 < p = 1 + expit(u) < 2. With the mean number m
    and the mean of an amount t, it is m of a 0, and else m + y / t + log y - log of a sum.
    A dispersion that leaves next to no noise goes on as where it left a little.
    """
    cdef double r = raw[0], log_f = raw[1], least_f
    cdef bint is_least = False
    cdef double u = raw[2] if fabs(raw[2]) < FAR_TWEEDIE else (
        FAR_TWEEDIE if raw[2] > 0.0 else -FAR_TWEEDIE)
    cdef double q = expit(u), k = expit(-u), v = q * k, p = 1.0 + q
    cdef double m = exp(k * r - log_f) / k, m1 = 1.0 / k - r, t = 0.0, t1 = -1.0 / q - r
    cdef double by_p, by_pp, value = m
    cdef Series s
    if raw[2] != raw[2]:
        return NAN
    s.value = s.f = s.p = s.ff = s.fp = s.pp = 0.0
    if y[0] > 0.0:
        least_f = k * log(y[0]) - log(k) - MOST_AMOUNTS
        is_least = log_f < least_f
        log_f = max(log_f, least_f)
        m = value = exp(k * r - log_f) / k
        s = tweedie_series(log(y[0]), log_f, p)
        t = y[0] * exp(-q * r - log_f) / q
        value += t + log(y[0]) - s.value
    if g == NULL and h == NULL:
        return value
    if fabs(raw[2]) > FAR_TWEEDIE:
        v = 0.0  # where it goes on as it was
    by_p = m * m1 + t * t1 - s.p
    if g != NULL:
        g[0] = k * m - q * t
        g[1] = -m - t - s.f
        g[2] = v * by_p
    if h != NULL:
        by_pp = m * (m1 * m1 + 1.0 / (k * k)) + t * (t1 * t1 + 1.0 / (q * q)) - s.pp
        h[0] = k * k * m + q * q * t
        h[1] = q * t - k * m
        h[2] = m + t - s.ff
        h[3] = v * (m * (k * m1 - 1.0) - t * (q * t1 + 1.0))
        h[4] = v * (-m * m1 - t * t1 - s.fp)
        h[5] = v * v * by_pp + v * (k - q) * by_p
    if is_least and g != NULL:
        g[1] = 0.0
    if is_least and h != NULL:
        h[1] = h[2] = h[4] = 0.0
    return value
