# cython: language_level=3
"""The convex conjugate of any loss of points, for those without a formula of it.

The supremum of dual p - loss(y, p) is where the gradient passes dual. The gradient grows
with p, so that place is bracketed by doubling and then found by bisection; the value at a
maximum does not feel the last digits of its place.
"""

from libc.math cimport INFINITY, fabs

from sklearn_losses.losses._table cimport point_fn


cdef inline double gain(point_fn value, const void *params, double y, double dual,
                        double raw) noexcept nogil:
    return dual * raw - value(params, y, raw)


cdef inline double end_of_bracket(point_fn gradient, const void *params, double y,
                                  double dual, double side) noexcept nogil:
    """A raw prediction on one side of y beyond which the gain does not grow, or inf."""
    cdef double step = 1.0, raw = y + side
    while side * (gradient(params, y, raw) - dual) < 0.0:
        if step > 1e150:  # the gradient is taken to have reached its limit
            return side * INFINITY
        step *= 4.0
        raw = y + side * step
    return raw


cdef inline double limit_of_gain(point_fn value, const void *params, double y,
                                 double dual, double side) noexcept nogil:
    """The gain far out, where its slope never changes sign: a number, or inf."""
    cdef double near = 1e6, raw, here, there
    here = gain(value, params, y, dual, side * near)
    there = gain(value, params, y, dual, 2.0 * side * near)
    raw = fabs(there - here)
    return there if raw <= 1e-9 * (1.0 + fabs(there)) else INFINITY


cdef inline double searched_conjugate(point_fn value, point_fn gradient, const void *params,
                                      double y, double dual) noexcept nogil:
    """sup over p of dual p - loss(y, p); inf where it grows without end."""
    cdef double low = end_of_bracket(gradient, params, y, dual, -1.0)
    cdef double high = end_of_bracket(gradient, params, y, dual, 1.0)
    cdef double middle
    if low == -INFINITY or high == INFINITY:
        return limit_of_gain(value, params, y, dual, -1.0 if low == -INFINITY else 1.0)
    while True:
        middle = low + 0.5 * (high - low)
        if not low < middle < high:
            break
        if gradient(params, y, middle) < dual:
            low = middle
        else:
            high = middle
    return max(gain(value, params, y, dual, low), gain(value, params, y, dual, high))
