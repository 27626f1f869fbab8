"""A loss of residuals r = raw - y: quartic for the small, linear for the large."""

from libc.math cimport fabs

from sklearn_losses.losses._table cimport LossTable, new_loss, start_table

from sklearn_losses.losses import Interval, PointLoss


cdef double value(const void *params, double y, double raw) noexcept nogil:
    cdef double delta = (<const double *> params)[0], r = fabs(raw - y)
    return r * r * r * r / 4 if r <= delta else delta * delta * delta * (r - 0.75 * delta)


cdef double gradient(const void *params, double y, double raw) noexcept nogil:
    cdef double delta = (<const double *> params)[0], r = raw - y
    r = min(max(r, -delta), delta)
    return r * r * r


cdef double curvature(const void *params, double y, double raw) noexcept nogil:
    cdef double delta = (<const double *> params)[0], r = raw - y
    return 3 * r * r if fabs(r) <= delta else 0.0


cdef LossTable table
start_table(&table)
table.value = value
table.gradient = gradient
table.curvature = curvature


class QuarticHuber(PointLoss):
    """r^4 / 4 if abs(r) <= delta, else delta^3 (abs(r) - 3/4 delta).

    Parameters
    ----------
    delta : float, default=1.0
        Where the loss turns linear, in units of y.
    """

    name = "quartic_huber"
    _constraints = {"delta": [Interval(0, None, "neither")]}

    def __init__(self, delta=1.0):
        self.delta = delta

    @property
    def lipschitz(self):
        return self.delta ** 3

    @property
    def smoothness(self):
        return 3 * self.delta ** 2

    def compiled(self):
        return new_loss(&table, [self.delta])
