# cython: language_level=3
"""Losses of straight pieces of a slope, whose numbers are learned.

Their parameters are arrays, one after the other behind how long they are. What is
integrated up to the begin of each piece is among them, so that a point costs a look at
the knots, and each sum is of terms of one sign.
"""

from libc.math cimport INFINITY, fabs, log

from sklearn_losses.losses._exp_log cimport exp, expm1
from sklearn_losses.losses._math cimport sign


cdef inline Py_ssize_t piece(const double *starts, Py_ssize_t n, double x) noexcept nogil:
    """The last of n pieces that begins at or before x; the first one, of nan and before."""
    cdef Py_ssize_t j, found = 0
    for j in range(1, n):
        found += 1 if x >= starts[j] else 0
    return found


cdef inline double times(double factor, double t) noexcept nogil:
    """The product, which is 0 of 0 and inf."""
    return factor * t if (factor != 0) | (t != INFINITY) else 0.0


cdef inline double area(double height, double rise, double t) noexcept nogil:
    """What a line of that height and rise has over t."""
    return times(height, t) + 0.5 * times(rise, t * t)


# ---------------------------------------------------- a spline of the size of a residual
# n, and of each piece its start, its curvature, and there the slope, value and conjugate.
cdef inline Py_ssize_t n_of(const void *params) noexcept nogil:
    return <Py_ssize_t> (<const double *> params)[0]


cdef inline const double *column(const void *params, Py_ssize_t k) noexcept nogil:
    return <const double *> params + 1 + k * n_of(params)


cdef inline double spline_value(const void *params, double y, double p) noexcept nogil:
    cdef const double *starts = column(params, 0)
    cdef double a = fabs(p - y)
    cdef Py_ssize_t j = piece(starts, n_of(params), a)
    return column(params, 3)[j] + area(column(params, 2)[j], column(params, 1)[j],
                                       a - starts[j])


cdef inline double spline_gradient(const void *params, double y, double p) noexcept nogil:
    cdef const double *starts = column(params, 0)
    cdef double a = fabs(p - y)
    cdef Py_ssize_t j = piece(starts, n_of(params), a)
    return sign(p - y) * (column(params, 2)[j] + times(column(params, 1)[j], a - starts[j]))


cdef inline double spline_curvature(const void *params, double y, double p) noexcept nogil:
    return column(params, 1)[piece(column(params, 0), n_of(params), fabs(p - y))]


cdef inline double spline_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef const double *slopes = column(params, 2)
    cdef double size = fabs(u), weight
    cdef Py_ssize_t j = piece(slopes, n_of(params), size)
    size -= slopes[j]
    weight = column(params, 1)[j]
    if weight == 0:
        return column(params, 4)[j] + u * y if size <= 0 else INFINITY
    return column(params, 4)[j] + size * (column(params, 0)[j] + 0.5 * size / weight) + u * y


# ------------------------------------------------------------ the loss of a learned link
# n knots, and of each its raw prediction, the mean there, the rise of the piece that
# begins there (the last goes on) and, of probabilities, the integrals of the mean up to
# it, and of one minus the mean from it on. Probabilities end in exponentials.
cdef inline double low_end(const void *params, double p) noexcept nogil:
    """The mean before the first knot."""
    cdef double v = column(params, 1)[0]
    return v * exp(column(params, 2)[0] * (p - column(params, 0)[0]) / v)


cdef inline double high_end(const void *params, double p) noexcept nogil:
    """One minus the mean beyond the last knot."""
    cdef Py_ssize_t m = n_of(params) - 1
    cdef double v = 1.0 - column(params, 1)[m]
    return v * exp(column(params, 2)[m] * (column(params, 0)[m] - p) / v)


cdef inline double mean(const void *params, double p) noexcept nogil:
    """Along straight pieces, which go on beyond the knots."""
    cdef const double *knots = column(params, 0)
    cdef Py_ssize_t j = piece(knots, n_of(params) - 1, p)
    return column(params, 1)[j] + column(params, 2)[j] * (p - knots[j])


cdef inline bint is_before(const void *params, double p) noexcept nogil:
    return p < column(params, 0)[0]


cdef inline bint is_beyond(const void *params, double p) noexcept nogil:
    return p > column(params, 0)[n_of(params) - 1]


cdef inline double below(const void *params, double p) noexcept nogil:
    """The integral of the probability up to p."""
    cdef const double *knots = column(params, 0)
    cdef const double *v = column(params, 1)
    cdef const double *rises = column(params, 2)
    cdef Py_ssize_t m = n_of(params) - 1, j
    cdef double way, left
    if is_before(params, p):
        return v[0] / rises[0] * low_end(params, p)
    if is_beyond(params, p):
        way, left = p - knots[m], 1.0 - v[m]
        return column(params, 3)[m] + way + left * left / rises[m] * expm1(-rises[m] * way / left)
    j = piece(knots, m, p)
    return column(params, 3)[j] + area(v[j], rises[j], p - knots[j])


cdef inline double above(const void *params, double p) noexcept nogil:
    """The integral of one minus the probability from p on."""
    cdef const double *knots = column(params, 0)
    cdef const double *v = column(params, 1)
    cdef const double *rises = column(params, 2)
    cdef Py_ssize_t m = n_of(params) - 1, j
    cdef double way
    if is_beyond(params, p):
        return (1.0 - v[m]) / rises[m] * high_end(params, p)
    if is_before(params, p):
        way = knots[0] - p
        return column(params, 4)[0] + way + v[0] * v[0] / rises[0] * expm1(-rises[0] * way / v[0])
    j = piece(knots, m, p) + 1
    return column(params, 4)[j] + area(1.0 - v[j], rises[j - 1], knots[j] - p)


cdef inline double probability_value(const void *params, double y, double p) noexcept nogil:
    return ((1.0 - y) * below(params, p) if y != 1 else 0.0) + (
        y * above(params, p) if y != 0 else 0.0)


cdef inline double probability_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double low, high
    if is_before(params, p):
        low = low_end(params, p)
        high = 1.0 - low
    elif is_beyond(params, p):
        high = high_end(params, p)
        low = 1.0 - high
    else:
        low = mean(params, p)
        high = 1.0 - low
    return (1.0 - y) * low - y * high


cdef inline double probability_curvature(const void *params, double y, double p) noexcept nogil:
    cdef const double *v = column(params, 1)
    cdef Py_ssize_t m = n_of(params) - 1
    cdef double rise = column(params, 2)[piece(column(params, 0), m, p)]
    if is_before(params, p):
        return rise * low_end(params, p) / v[0]
    return rise * high_end(params, p) / (1.0 - v[m]) if is_beyond(params, p) else rise


cdef inline double link_of(const void *params, double y) noexcept nogil:
    """Where the straight pieces have a mean."""
    cdef const double *v = column(params, 1)
    cdef Py_ssize_t j = piece(v, n_of(params) - 1, y)
    return column(params, 0)[j] + (y - v[j]) / column(params, 2)[j]


cdef inline double probability_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef const double *knots = column(params, 0)
    cdef const double *v = column(params, 1)
    cdef Py_ssize_t m = n_of(params) - 1
    cdef double q = y + u, left = 1.0 - v[m], p, whole
    # below(p) - p + whole is above(p), for all p
    whole = column(params, 4)[0] + knots[0] - column(params, 3)[0]
    if q < 0 or q > 1:
        return INFINITY
    if q == 0:
        return -y * whole
    if q == 1:
        return (1.0 - y) * whole
    if q < v[0]:
        p = knots[0] + log(q / v[0]) * v[0] / column(params, 2)[0]
    elif q > v[m]:
        p = knots[m] - log((1.0 - q) / left) * left / column(params, 2)[m]
    else:
        p = link_of(params, q)
    return u * p - probability_value(params, y, p)


cdef inline double number_value(const void *params, double y, double p) noexcept nogil:
    """What lies between the mean and y, from where the mean is y to p."""
    cdef const double *knots = column(params, 0)
    cdef const double *v = column(params, 1)
    cdef const double *rises = column(params, 2)
    cdef Py_ssize_t n = n_of(params) - 1, i, j = piece(knots, n, p), k = piece(v, n, y)
    cdef double start = knots[k] + (y - v[k]) / rises[k], total
    if j == k:
        return 0.5 * rises[k] * (p - start) * (p - start)
    if j > k:
        total = 0.5 * (v[k + 1] - y) * (knots[k + 1] - start)
        for i in range(k + 1, j):
            total += area(v[i] - y, rises[i], knots[i + 1] - knots[i])
        return total + area(v[j] - y, rises[j], p - knots[j])
    total = 0.5 * (y - v[k]) * (start - knots[k])
    for i in range(j + 1, k):
        total += area(y - v[i + 1], rises[i], knots[i + 1] - knots[i])
    return total + area(y - v[j + 1], rises[j], knots[j + 1] - p)


cdef inline double number_gradient(const void *params, double y, double p) noexcept nogil:
    return mean(params, p) - y


cdef inline double number_curvature(const void *params, double y, double p) noexcept nogil:
    return column(params, 2)[piece(column(params, 0), n_of(params) - 1, p)]


cdef inline double number_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double p = link_of(params, y + u)
    return u * p - number_value(params, y, p)
