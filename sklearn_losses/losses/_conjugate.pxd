# cython: language_level=3
"""The convex conjugate of any loss of points, for those without a formula of it.

The supremum of dual p - loss(y, p) is where the gradient passes dual. The gradient grows
with p, so that place is bracketed by doubling, and the bracket shrunk by secants, of which
every third is a bisection. The gain is concave: its slopes at the ends say how much more
there may be between them. If the gradient never passes dual, the
supremum is the limit far out, a number or inf.
"""

from libc.math cimport INFINITY, fabs

from sklearn_losses.losses._table cimport point_fn


cdef inline double gain(point_fn value, const void *params, double y, double dual,
                        double raw) noexcept nogil:
    return dual * raw - value(params, y, raw)


cdef inline double end_of_bracket(point_fn gradient, const void *params, double y,
                                  double dual, double side) noexcept nogil:
    """A raw prediction on one side of y beyond which the gain falls, or inf."""
    cdef double step = 1.0
    while step < 1e300:
        if side * (gradient(params, y, y + side * step) - dual) > 0.0:
            return y + side * step
        step *= 4.0
    return side * INFINITY


cdef inline double limit_of_gain(point_fn value, point_fn gradient, const void *params,
                                 double y, double dual, double side) noexcept nogil:
    """The gain far out on a side where its slope never changes sign.

    From where the gradient has nearly reached dual, the gain is seen at four distances,
    each twice the one before. Unless what it grows by shrinks each time, as 1/distance
    does, and a logarithm does not, it has no limit; else the rest is a geometric series.
    """
    cdef double step = 1.0, first, second, third, growth, before, rest, noise
    while fabs(gradient(params, y, y + side * step) - dual) > 1e-8 * fabs(dual):
        step *= 2.0
        if step > 1e300:
            return INFINITY
    first = gain(value, params, y, dual, y + side * step)
    second = gain(value, params, y, dual, y + 2.0 * side * step)
    third = gain(value, params, y, dual, y + 4.0 * side * step)
    noise = 1e-14 * (fabs(dual) * (fabs(y) + 4.0 * step) + fabs(third))
    before, growth = second - first, third - second
    if growth <= noise:
        return third
    if growth > 0.75 * before:
        return INFINITY
    rest = growth / before
    return third + growth * rest / (1.0 - rest)


cdef inline double searched_conjugate(point_fn value, point_fn gradient, const void *params,
                                      double y, double dual) noexcept nogil:
    """sup over p of dual p - loss(y, p); inf where it grows without end."""
    cdef double low = end_of_bracket(gradient, params, y, dual, -1.0)
    cdef double high = end_of_bracket(gradient, params, y, dual, 1.0)
    cdef double middle, here, below, above, left, right
    cdef int trial = 0
    if low == -INFINITY:
        return limit_of_gain(value, gradient, params, y, dual, -1.0)
    if high == INFINITY:
        return limit_of_gain(value, gradient, params, y, dual, 1.0)
    below = left = gradient(params, y, low) - dual
    above = right = gradient(params, y, high) - dual
    # Less than 1e-17 of what is subtracted is less than its rounding.
    while min(-below, above) * (high - low) > 1e-17 * fabs(dual * low):
        trial += 1
        middle = low - left * ((high - low) / (right - left))
        if trial % 3 == 0 or not low < middle < high:
            middle = low + 0.5 * (high - low)
            if not low < middle < high:
                break
        here = gradient(params, y, middle) - dual
        if here < 0.0:
            right *= 0.5  # Illinois: or this end could stay where it is
            low, below, left = middle, here, here
        else:
            left *= 0.5
            high, above, right = middle, here, here
    return max(gain(value, params, y, dual, low), gain(value, params, y, dual, high))
