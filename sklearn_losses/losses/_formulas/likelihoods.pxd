# cython: language_level=3
"""Likelihoods of several raw outputs: value, gradient and Hessian of one sample.

`full_fn` writes the gradient (K numbers) and the lower triangle of the Hessian, row after
row, unless they are NULL. What is below is in three parts: the log of a distribution
function where it is flat, the loss of an interval of which that is made, and the
likelihoods themselves.

`interval(F, a, b)` is -log(F(b) - F(a)). It is what a censored time, an ordered category
and a rounded number cost. With the gap b - a from whoever knows it, and never from two
rounded ends, gaps of 1e-14 and ends of 800 keep their digits (Burridge 1981, "Empirical
Bayes analysis of survival time data", J. R. Stat. Soc. B 43, for its convexity).
"""

from libc.math cimport INFINITY, NAN, atan2, erfc, fabs, isinf, lgamma, log, sqrt

from sklearn_losses.losses._exp_log cimport exp, expm1, log1p

ctypedef double (*full_fn)(const double *own, const double *y, Py_ssize_t y_size,
                           const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil

cdef enum:
    LOGISTIC, MINIMUM, NORMAL, MAXIMUM, CAUCHY, LAPLACE  # distributions; two of extreme values

cdef extern from *:
    """
    #define SL_SQRT_HALF_ 0.70710678118654752440
    #define SL_HALF_LOG_2PI 0.91893853320467274178
    #define SL_PI 3.14159265358979323846
    #define SL_LOG_2 0.69314718055994530942
    #define SL_LOG_PI 1.14472988584940017414
    """
    const double SQRT_HALF_ "SL_SQRT_HALF_"
    const double HALF_LOG_2PI "SL_HALF_LOG_2PI"
    const double PI "SL_PI"
    const double LOG_2 "SL_LOG_2"
    const double LOG_PI "SL_LOG_PI"

# The sums of a dispersion d over j < y, for each small y: of all rows one d, as a rule.
cdef extern from *:
    """
    #if defined(_MSC_VER)
    #define SL_THREAD_LOCAL __declspec(thread)
    #else
    #define SL_THREAD_LOCAL __thread
    #endif
    #define SL_MOST_SUMS 65
    typedef struct { double d; Py_ssize_t n; double s[SL_MOST_SUMS][3]; } sl_log_sums;
    static SL_THREAD_LOCAL sl_log_sums sl_last_sums;
    """
    ctypedef struct sl_log_sums:
        double d
        Py_ssize_t n
        double s[65][3]
    sl_log_sums sl_last_sums


# --------------------------------------------------------------- special functions
cdef inline double softplus(double x) noexcept nogil:
    return (x if x > 0.0 else 0.0) + log1p(exp(-fabs(x)))


cdef inline double expit(double x) noexcept nogil:
    cdef double e = exp(-fabs(x))
    return (1.0 if x > 0.0 else e) / (1.0 + e)


cdef inline double logistic(double x, double *p, double *q) noexcept nogil:
    """softplus(x), p = expit(x) and q = expit(-x), of one exponential."""
    cdef double e = exp(-fabs(x)), most = 1.0 / (1.0 + e)
    p[0], q[0] = (most if x > 0.0 else e * most), (e * most if x > 0.0 else most)
    return (x if x > 0.0 else 0.0) + log1p(e)


cdef inline double log_minus_expm1(double x) noexcept nogil:
    """log(1 - exp(-x)) of x > 0."""
    return log(-expm1(-x)) if x < LOG_2 else log1p(-exp(-x))


cdef inline double normal_tail(double s) noexcept nogil:
    """1 - x (1 - Phi(x)) / phi(x), of s = 1 / x^2 next to 0."""
    return s * (1.0 - s * (3.0 - s * (15.0 - s * (105.0 - 945.0 * s))))


cdef inline double log_normal_cdf(double x) noexcept nogil:
    if x > 0.0:
        return log1p(-0.5 * erfc(x * SQRT_HALF_))
    if x > -30.0:
        return log(0.5 * erfc(-x * SQRT_HALF_))
    return -0.5 * x * x - log(-x) - HALF_LOG_2PI + log1p(-normal_tail(1.0 / (x * x)))


cdef inline double digamma(double x) noexcept nogil:
    cdef double found = 0.0, s
    while x < 10.0:
        found -= 1.0 / x
        x += 1.0
    s = 1.0 / (x * x)
    return found + log(x) - 0.5 / x - s * (
        1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132)))))


cdef inline double trigamma(double x) noexcept nogil:
    cdef double found = 0.0, s
    while x < 10.0:
        found += 1.0 / (x * x)
        x += 1.0
    s = 1.0 / (x * x)
    return found + 1.0 / x + 0.5 * s + s / x * (
        1.0 / 6 - s * (1.0 / 30 - s * (1.0 / 42 - s * (1.0 / 30 - s * (5.0 / 66)))))


cdef inline double stirling(double x, double log_x, double *p, double *s) noexcept nogil:
    """lgamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2), of x > 0.

    p is x (digamma(x) - log x), from -1 at 0 to -1/2, and s its derivative by log x.
    """
    cdef double found, i, log_far, psi = 0.0, psi1 = 0.0, product = 1.0, far = x
    if x < 1e-290:
        p[0], s[0] = -1.0, 0.0
        return -0.5 * log_x - HALF_LOG_2PI
    while far < 10.0:
        i = 1.0 / far
        psi += i
        psi1 += i * i
        product *= far
        far += 1.0
    found = of_large(far, p, s)
    if far == x:
        return found
    # lgamma, digamma and trigamma of x from those of x + n.
    log_far = log(far)
    psi1 += (s[0] - p[0] + far) / (far * far)
    psi = log_far + p[0] / far - psi
    p[0] = x * (psi - log_x)
    s[0] = p[0] + x * x * psi1 - x
    return found + (far - 0.5) * log_far - (far - x) - log(product) - (x - 0.5) * log_x


cdef inline double of_large(double x, double *p, double *s) noexcept nogil:
    """`stirling` of x >= 10."""
    cdef double i = 1.0 / x, z = i * i
    p[0] = -0.5 - i * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (
        1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12))))))
    s[0] = i * (1.0 / 12 - z * (1.0 / 40 - z * (5.0 / 252 - z * (
        7.0 / 240 - z * (9.0 / 132 - z * (7601.0 / 32760 - z * (13.0 / 12)))))))
    return i * (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (
        1.0 / 1680 - z * (1.0 / 1188 - z * (691.0 / 360360 - z / 156))))))


# ------------------------------------- the log of one side of a distribution function
cdef inline double above(int kind, double a, double *d, double *dd) noexcept nogil:
    """-log(1 - F(a)), and its two derivatives."""
    cdef double e, p, f
    if kind == LOGISTIC:
        f = logistic(a, &p, &e)
        d[0], dd[0] = p, p * e
        return f
    if kind == MINIMUM:
        d[0] = dd[0] = e = exp(a)
        return e
    if kind == NORMAL:
        p = log_normal_cdf(-a)
        e = 1.0 / (a * a) if a != 0.0 else 0.0
        f = exp(-0.5 * a * a - HALF_LOG_2PI - p) if a < 30.0 else a / (1.0 - normal_tail(e))
        d[0] = f
        dd[0] = f * (f - a) if a < 30.0 else 1.0 - e * (1.0 - e * (6.0 - 50.0 * e))
        if f == 0.0:
            dd[0] = 0.0
        return -p
    if kind == MAXIMUM:
        p = below(MINIMUM, -a, d, dd)
        d[0] = -d[0]
        return p
    p = atan2(1.0, a) / PI
    f = 1.0 / (PI * p * (1.0 + a * a)) if a < 1e15 else 1.0 / a
    d[0] = f
    dd[0] = f * (f - 2.0 / (a + 1.0 / a)) if a < 1e15 else -f * f
    return -log(p) if p < 0.5 else -log1p(-atan2(1.0, -a) / PI)


cdef inline double below(int kind, double b, double *d, double *dd) noexcept nogil:
    """-log F(b), and its two derivatives."""
    cdef double e, q, more, value
    if kind != MINIMUM and kind != MAXIMUM:
        value = above(kind, -b, d, dd)
        d[0] = -d[0]
        return value
    if kind == MAXIMUM:
        d[0] = -exp(-b)
        dd[0] = -d[0]
        return dd[0]
    e = exp(b)
    if e > 700.0:
        d[0] = dd[0] = 0.0
        return 0.0
    q = e / expm1(e) if e > 0.0 else 1.0
    more = e / -expm1(-e) - 1.0 if e > 1e-3 else e * (0.5 + e / 12.0)
    d[0], dd[0] = -q, q * more
    return -log_minus_expm1(e) if e > 0.0 else -b


cdef inline double density(int kind, double z, double *d, double *dd) noexcept nogil:
    """-log F'(z), and its two derivatives."""
    cdef double e, s
    if kind == LOGISTIC:
        dd[0] = 2.0 * logistic(fabs(z), &s, &e) - fabs(z)
        d[0] = s - e if z > 0.0 else e - s
        e, dd[0] = dd[0], 2.0 * s * e
        return e
    if kind == MINIMUM:
        e = exp(z)
        d[0], dd[0] = e - 1.0, e
        return e - z
    if kind == NORMAL:
        d[0], dd[0] = z, 1.0
        return 0.5 * z * z + HALF_LOG_2PI
    if kind == MAXIMUM:
        e = exp(-z)
        d[0], dd[0] = 1.0 - e, e
        return e + z
    s = 1.0 / (1.0 + z * z)
    d[0], dd[0] = 2.0 * z * s, 2.0 * (1.0 - z * z) * s * s
    return LOG_PI + log1p(z * z)


# ----------------------------------------------------------- the loss of an interval
cdef inline double interval(int kind, double a, double b, double gap,
                            double *g, double *h) noexcept nogil:
    """-log(F(b) - F(a)), where gap = b - a of finite ends; an end may be infinite.

    g: by a, by b, and by both, which is not their sum: of a narrow interval they cancel.
    h: by aa, ab, bb; by a and both, and by b and both.
    """
    cdef double value, swap
    g[0] = g[1] = h[0] = h[1] = h[2] = h[3] = h[4] = 0.0
    if isinf(b):
        value = above(kind, a, &g[0], &h[0]) if not isinf(a) else 0.0
        g[2], h[3] = g[0], h[0]
        return value
    if isinf(a):
        value = below(kind, b, &g[1], &h[2])
        g[2], h[4] = g[1], h[2]
        return value
    if not gap > 0.0:
        g[0] = g[1] = g[2] = NAN
        return INFINITY
    if kind == MAXIMUM or (kind != MINIMUM and a > 0.0):
        # From the other side, where nothing is subtracted from 1.
        value = between(MINIMUM if kind == MAXIMUM else kind, -b, -a, gap, g, h)
        swap = g[0]
        g[0], g[1], g[2] = -g[1], -swap, -g[2]
        swap = h[0]
        h[0], h[2] = h[2], swap
        swap = h[3]
        h[3], h[4] = h[4], swap
        return value
    return between(kind, a, b, gap, g, h)


cdef inline double between(int kind, double a, double b, double gap,
                           double *g, double *h) noexcept nogil:
    cdef double p, q, w, e, m, fa, fb, value
    if kind == LOGISTIC:
        # softplus(a) + softplus(-b) - log(1 - e^-gap), and that is -log(1 + w).
        value = logistic(a, &p, &fa) + logistic(-b, &q, &fb)
        w = 1.0 / expm1(gap)
        e = w * (1.0 + w)
        h[3], h[4] = p * fa, q * fb
        g[0], g[1], g[2] = p + w, -q - w, p - q
        h[0], h[1], h[2] = h[3] + e, -e, h[4] + e
        return value + log1p(w)
    if kind == MINIMUM:
        return between_minima(a, b, gap, g, h)
    m = a + 0.5 * gap
    if kind == NORMAL:
        if gap * (1.0 + fabs(m)) < 1e-5:
            value = 0.5 * m * m + HALF_LOG_2PI - log(gap) - (m * m - 1.0) * gap * gap / 24.0
        else:
            p, q = log_normal_cdf(a), log_normal_cdf(b)
            value = -(q + log(-expm1(p - q)))
        fa = exp(value - 0.5 * a * a - HALF_LOG_2PI)
        fb = exp(value - 0.5 * b * b - HALF_LOG_2PI)
        g[2] = fb * expm1(m * gap) if m < 0.0 else -fa * expm1(-m * gap)
        h[3], h[4] = fa * (g[2] - a), fb * (b - g[2])
    else:
        p = atan2(gap, 1.0 + a * b) / PI
        fa, fb = 1.0 / (PI * p * (1.0 + a * a)), 1.0 / (PI * p * (1.0 + b * b))
        value = -log(p)
        g[2] = fa * fb * PI * p * gap * (a + b)
        h[3] = fa * (g[2] - 2.0 * a / (1.0 + a * a))
        h[4] = fb * (2.0 * b / (1.0 + b * b) - g[2])
    g[0], g[1], h[1] = fa, -fb, -fa * fb
    h[0], h[2] = h[3] - h[1], h[4] - h[1]
    return value


cdef inline double between_minima(double a, double b, double gap,
                                  double *g, double *h) noexcept nogil:
    """With D = e^b - e^a it is e^a - log(1 - e^-D)."""
    cdef double e = exp(a), m = exp(a) * expm1(gap)
    cdef double q = -expm1(-m), p, w, less
    if not m > 0.0:  # so far out that F is e^
        w = 1.0 / expm1(gap)
        h[0] = h[2] = w / -expm1(-gap)
        g[0], g[1], g[2], h[1] = w, -1.0 - w, -1.0, -h[0]
        return -a - log(expm1(gap))
    p, w = exp(a - m) / q, exp(b - m) / q  # e^a / (e^D - 1), and that of b
    less = m / q - 1.0 if m > 1e-3 else m * (0.5 + m / 12.0)
    g[0], g[1] = e + p, -w
    g[2] = e - (m / expm1(m) if m < 700.0 else 0.0)
    h[1] = -p * (exp(b) / q) if p > 0.0 else 0.0
    h[3] = e - p * less if p > 0.0 else e
    h[4] = w * less if w > 0.0 else 0.0
    h[0], h[2] = h[3] - h[1], h[4] - h[1]
    return e - log_minus_expm1(m)


# ------------------------------------------------------------------------ ordered y
cdef inline double ordinal(const double *own, const double *y, Py_ssize_t y_size,
                           const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil:
    """interval(F, t_c - r, t_c+1 - r) of the class c, raw = (r, t_1, ..., t_K-1)."""
    cdef Py_ssize_t i, c = <Py_ssize_t> y[0]
    cdef double r = raw[0], value
    cdef double a = raw[c] - r if c > 0 else -INFINITY
    cdef double b = raw[c + 1] - r if c < n - 1 else INFINITY
    cdef double gap = raw[c + 1] - raw[c] if 0 < c < n - 1 else INFINITY
    cdef double d[3]
    cdef double dd[5]
    value = interval(<int> own[0], a, b, gap, d, dd)
    if g != NULL:
        for i in range(n):
            g[i] = 0.0
        g[0] = -d[2]
        if c > 0:
            g[c] = d[0]
        if c < n - 1:
            g[c + 1] = d[1]
    if h != NULL:
        for i in range(n * (n + 1) // 2):
            h[i] = 0.0
        h[0] = dd[3] + dd[4]
        if c > 0:
            h[at(c, 0)], h[at(c, c)] = -dd[3], dd[0]
        if c < n - 1:
            h[at(c + 1, 0)], h[at(c + 1, c + 1)] = -dd[4], dd[2]
        if 0 < c < n - 1:
            h[at(c + 1, c)] = dd[1]
    return value


cdef inline double binary(const double *own, const double *y, Py_ssize_t y_size,
                          const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil:
    """-y log F(p) - (1 - y) log(1 - F(p)), of which a part with weight 0 is left out."""
    cdef double value = 0.0, slope = 0.0, bend = 0.0, d, dd
    if y[0] > 0.0:
        value += y[0] * below(<int> own[0], raw[0], &d, &dd)
        slope, bend = y[0] * d, y[0] * dd
    if y[0] < 1.0:
        value += (1.0 - y[0]) * above(<int> own[0], raw[0], &d, &dd)
        slope, bend = slope + (1.0 - y[0]) * d, bend + (1.0 - y[0]) * dd
    if g != NULL:
        g[0] = slope
    if h != NULL:
        h[0] = bend
    return value


cdef inline Py_ssize_t at(Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """Where H[i][j], j <= i, is in a packed lower triangle."""
    return i * (i + 1) // 2 + j


# ------------------------------------------------------------------------ censored y
cdef inline double censored(const double *own, const double *y, Py_ssize_t y_size,
                            const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil:
    """y lies in [y_0, y_1], and s y - d has the distribution F, raw = (d, s), s > 0.

    The likelihood is that of y (of its log, if y is one). own = (F, s or 0): if it is
    not 0 s is known, and raw = (r), d = s r.
    """
    cdef int kind = <int> own[0]
    cdef bint is_known = own[1] != 0.0
    cdef double s = own[1] if is_known else raw[1]
    cdef double low = y[0], high = y[1], shift = s * raw[0] if is_known else raw[0]
    cdef double d[3]
    cdef double dd[5]
    cdef double value, la, lb
    if not s > 0.0:
        if g != NULL:
            for i in range(n):
                g[i] = NAN
        if h != NULL:
            for i in range(n * (n + 1) // 2):
                h[i] = NAN
        return INFINITY
    if low == high:
        value = density(kind, s * low - shift, &d[0], &dd[3]) - log(s)
        d[1] = dd[1] = dd[4] = 0.0
        d[2] = d[0]
    else:
        value = interval(kind, s * low - shift, s * high - shift, s * (high - low), d, dd)
    if is_known:
        if g != NULL:
            g[0] = -s * d[2]
        if h != NULL:
            h[0] = s * s * (dd[3] + dd[4])
        return value
    la = 0.0 if isinf(low) else low
    lb = 0.0 if isinf(high) else high
    if g != NULL:
        g[0] = -d[2]
        g[1] = d[2] * la + d[1] * (lb - la) if not isinf(low) else d[1] * lb
        g[1] -= 1.0 / s if low == high else 0.0
    if h != NULL:
        h[0] = dd[3] + dd[4]
        h[1] = -dd[3] * la - dd[4] * lb
        h[2] = dd[3] * la * la + dd[4] * lb * lb - dd[1] * (lb - la) * (lb - la)
        h[2] += 1.0 / (s * s) if low == high else 0.0
    return value


cdef inline double censored_steps(
        const double *own, const double *y, Py_ssize_t y_size, const double *raw, Py_ssize_t n,
        double *g, double *h) noexcept nogil:
    """The same of raw = (m, log scale): not convex, but any step ends at a scale."""
    cdef double s = exp(-raw[1]), d = s * raw[0], value, a, b, aa, ab, bb
    cdef double[2] of, slopes
    cdef double[3] bends
    of[0], of[1] = d, s
    value = censored(own, y, y_size, of, n, slopes if g != NULL or h != NULL else NULL,
                     bends if h != NULL else NULL)
    if g != NULL:
        a, b = slopes[0], slopes[1]
        g[0], g[1] = s * a, -d * a - s * b
    if h != NULL:
        a, b, aa, ab, bb = slopes[0], slopes[1], bends[0], bends[1], bends[2]
        h[0] = s * s * aa
        h[1] = -s * (d * aa + s * ab + a)
        h[2] = d * d * aa + 2.0 * d * s * ab + s * s * bb + d * a + s * b
    return value


# --------------------------------------------------------------------- distributions
cdef inline double location_scale(
        const double *own, const double *y, Py_ssize_t y_size, const double *raw, Py_ssize_t n,
        double *g, double *h) noexcept nogil:
    """-log(F'(z) / s) of z = (y - m) / s, raw = (m, log s). own = (F, width of a kink)."""
    cdef double e = exp(-raw[1]), r = y[0] - raw[0], width = own[1]
    cdef double z = r * e, d, dd, value
    if <int> own[0] == LAPLACE:
        d, dd = (1.0 if r > 0.0 else -1.0 if r < 0.0 else 0.0), 0.0
        value = fabs(z) + LOG_2
        if fabs(r) < width:  # the mean over the width: `_points`
            d, dd = r / width, 1.0 / (width * e)
            value = 0.5 * (r * d + width) * e + LOG_2
        if g != NULL:
            g[0], g[1] = -d * e, 1.0 - (value - LOG_2)
        if h != NULL:
            h[0], h[1], h[2] = dd * e * e, d * e, value - LOG_2
        return value + raw[1]
    value = density(<int> own[0], z, &d, &dd) + raw[1]
    if g != NULL:
        g[0], g[1] = -d * e, 1.0 - z * d
    if h != NULL:
        h[0], h[1], h[2] = dd * e * e, e * (d + z * dd), z * (d + z * dd)
    return value


cdef inline double student(
        const double *own, const double *y, Py_ssize_t y_size, const double *raw, Py_ssize_t n,
        double *g, double *h) noexcept nogil:
    """That of Student's t, raw = (m, log s, log df)."""
    cdef double e = exp(-raw[1]), v = exp(raw[2])
    cdef double z = (y[0] - raw[0]) * e, z2 = z * z
    cdef double x = 0.5 * v, s, c, c1, c2, d, dd, by_v, by_vv, by_vz, sum_ = v + z2
    if v > 1e15:  # normal
        v = 1e15
        x, sum_ = 0.5 * v, v + z2
    if v > 60.0:
        s = 1.0 / (x * x)
        c = HALF_LOG_2PI + (1.0 / 8 - s * (1.0 / 192 - s / 640)) / x
        c1 = 0.5 * s * (-1.0 / 8 + s * (1.0 / 64 - s / 128))
        c2 = 0.25 * s / x * (0.25 - s * (1.0 / 16 - s * (3.0 / 64)))
    else:
        c = lgamma(x) - lgamma(x + 0.5) + 0.5 * log(v * PI)
        c1 = 0.5 * (digamma(x) - digamma(x + 0.5) + 1.0 / v)
        c2 = 0.25 * (trigamma(x) - trigamma(x + 0.5)) - 0.5 / (v * v)
    d = (v + 1.0) * z / sum_
    dd = (v + 1.0) * (v - z2) / (sum_ * sum_)
    by_v = 0.5 * log1p(z2 / v) - 0.5 * (v + 1.0) * z2 / (v * sum_) + c1
    if g != NULL:
        g[0], g[1], g[2] = -d * e, 1.0 - z * d, v * by_v
    if h != NULL:
        by_vv = 0.5 * z2 / (v * sum_) * ((v * v + 2.0 * v + z2) / (v * sum_) - 1.0) + c2
        by_vz = z * (z2 - 1.0) / (sum_ * sum_)
        h[0], h[1], h[2] = dd * e * e, e * (d + z * dd), z * (d + z * dd)
        h[3], h[4] = -e * v * by_vz, -z * v * by_vz
        h[5] = v * (v * by_vv + by_v)
    return 0.5 * (v + 1.0) * log1p(z2 / v) + c + raw[1]


cdef inline double gamma_(
        const double *own, const double *y, Py_ssize_t y_size, const double *raw, Py_ssize_t n,
        double *g, double *h) noexcept nogil:
    """That of the gamma distribution of mean e^r and deviation s e^r, raw = (r, log s).

    With the shape k = 1 / s^2 and q = y e^-r it is
    lgamma(k) - k log k + k + k (q - 1 - log q) + log y.
    """
    cdef double k = exp(-2.0 * raw[1]), log_y = log(y[0])
    cdef double x = log_y - raw[0], q = exp(x), p, s, far
    cdef double value = stirling(k, -2.0 * raw[1], &p, &s) + raw[1] + HALF_LOG_2PI
    far = q - 1.0 - x if fabs(x) > 1e-2 else x * x * (
        0.5 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x / 720))))
    if g != NULL:
        g[0] = k * (1.0 - q)
        g[1] = -2.0 * (p + k * far)
    if h != NULL:
        h[0], h[1] = k * q, -2.0 * k * (1.0 - q)
        h[2] = 4.0 * (s + k * far)
    return value + k * far + log_y


# ---------------------------------------------------------------------------- counts
cdef inline double negative_binomial(
        const double *own, const double *y, Py_ssize_t y_size, const double *raw, Py_ssize_t n,
        double *g, double *h) noexcept nogil:
    """(y + 1/d) log(1 + d m) - y r - sum_{j < y} log(1 + d j), m = e^r, raw = (r, log d).

    Nothing in it divides by a small d: the limit d = 0 is reached smoothly.
    """
    cdef double d = exp(raw[1]), m = exp(raw[0]), count = y[0]
    cdef double x = d * m if d > 0.0 else 0.0, one = 1.0 + x
    cdef double s[3]
    cdef double b = 0.0, b1 = 0.0, by_d, by_dd, value, term, share
    cdef double log_one = log1p(x) if x < 1e300 else raw[0] + raw[1]
    cdef Py_ssize_t i
    if d == 0.0:
        if g != NULL:
            g[0], g[1] = m - count, 0.0
        if h != NULL:
            h[0], h[1], h[2] = m, 0.0, 0.0
        return m - count * raw[0]
    sums_of_log1p(d, count, s)
    value = count * (log_one - raw[0]) - s[0] + (log_one / d if x > 1e-300 else m)
    if g == NULL and h == NULL:
        return value
    share = m / one if one < INFINITY else 1.0 / d
    # b = m^2 (log(1 + x) - x / (1 + x)) / x^2, and its derivative by d.
    if x < 0.05:
        term = 1.0
        for i in range(2, 14):
            b += term * (1.0 - 1.0 / i)
            b1 -= term * (i - 1.0) * (1.0 - 1.0 / (i + 1.0))
            term *= -x
        b, b1 = m * m * b, m * m * m * b1
    else:
        b = (log_one - share * d) / (d * d)
        b1 = (share * share - 2.0 * b) / d
    by_d = count * share - b - s[1]
    if g != NULL:
        g[0], g[1] = share - count / one, d * by_d
    if h != NULL:
        by_dd = -b1 - count * share * share - s[2]
        h[0] = (share + count * share * d) / one
        h[1] = -d * (share - count / one) * share
        h[2] = d * (d * by_dd + by_d)
    return value


cdef inline void sums_of_log1p(double d, double y, double *s) noexcept nogil:
    """sum over j < y of log(1 + d j), and its derivatives by d."""
    cdef Py_ssize_t j
    cdef double a, b, n = y - 1.0, n1, n2, n3, n4
    s[0] = s[1] = s[2] = 0.0
    if d == 0.0:
        return  # who multiplies by d wants none of them
    if y <= 64.0:
        if sl_last_sums.d != d:
            sl_last_sums.d, sl_last_sums.n = d, 2  # those of y = 0 and 1 stay 0
        for j in range(sl_last_sums.n, <Py_ssize_t> y + 1):
            a, b = d * (j - 1.0), (j - 1.0) / (1.0 + d * (j - 1.0))
            sl_last_sums.s[j][0] = sl_last_sums.s[j - 1][0] + log1p(a)
            sl_last_sums.s[j][1] = sl_last_sums.s[j - 1][1] + b
            sl_last_sums.s[j][2] = sl_last_sums.s[j - 1][2] - b * b
        j = <Py_ssize_t> y
        sl_last_sums.n = max(sl_last_sums.n, j + 1)
        s[0], s[1], s[2] = sl_last_sums.s[j][0], sl_last_sums.s[j][1], sl_last_sums.s[j][2]
        return
    if d * y < 1e-2:  # by sums of powers of j
        n1 = 0.5 * n * y
        n2 = n1 * (2.0 * n + 1.0) / 3.0
        n3 = n1 * n1
        n4 = n2 * (3.0 * n * y - 1.0) / 5.0
        a = n3 * (2.0 * n * y - 1.0) / 3.0
        b = n2 * (3.0 * n * n * (n * n + 2.0 * n) - 3.0 * n + 1.0) / 7.0
        s[0] = d * (n1 - d * (n2 / 2 - d * (n3 / 3 - d * (n4 / 4 - d * (a / 5 - d * b / 6)))))
        s[1] = n1 - d * (n2 - d * (n3 - d * (n4 - d * (a - d * b))))
        s[2] = -n2 + d * (2.0 * n3 - d * (3.0 * n4 - d * (4.0 * a - d * 5.0 * b)))
        return
    a = 1.0 / d
    b = digamma(y + a) - digamma(a)
    s[0] = lgamma(y + a) - lgamma(a) + y * log(d)
    s[1] = a * (y - a * b)
    s[2] = a * a * (a * (2.0 * b + a * (trigamma(y + a) - trigamma(a))) - y)
