# cython: language_level=3
"""One epoch of SGD over short rows, one a step: `run_epoch` of _sgd_epoch.pyx, faster.

A step is a chain of operations that wait for each other: the product w . x of a row, the
gradient, what it adds to w, and with that the product of the next row. Of a short row the
gradient takes longest. While it is being formed, the product of the next row is, with the
w of before; what the step will change of it follows from the product of the two rows:

    (shrinkage w + update x) . z = shrinkage (w . z) + update (x . z)

Rows are copied, as doubles and with zeros up to a multiple of eight, when they are read as
the next row, so that all further loops are over whole vectors, and dense and CSR rows
make the same steps to the bit.
"""

from libc.math cimport INFINITY, isfinite
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

import numpy as np

from sklearn_losses.design._rows cimport (
    index, no_index, real, row_add, row_prefetch, row_size, row_start,
)
from sklearn_losses.solvers.sgd._weights cimport (
    Output, Step, count_penalty, growth, shrinkage,
)
from sklearn_losses.losses._table cimport LossTable
from sklearn_losses.solvers.sgd._sgd_epoch cimport Epoch, ask_for_target, clipped, weight_of

cdef enum:
    WIDTH = 32  # entries; with more there is less to gain
    AHEAD = 5   # rows: how long before it is read a row is asked for
    MANY = 64   # step sizes are computed at a time


class ShortRows:
    """Makes the steps of an epoch of plain SGD."""

    @staticmethod
    def can_take(rows, Epoch e):
        """Whether the steps are of one short row, and those of `run_epoch`, but linear in w.

        An l1 norm is not. One versus rest has steps of several outputs, which do not wait
        for each other.
        """
        cdef Output *o = &e.weights.outputs[0]
        return (e.n_rows > 0 and e.offset is None and e.steps is None and e.batch_size == 1
                and e.clip == INFINITY and o.n_features <= WIDTH
                and e.first_class < 0 and e.loss.table.row == NULL
                and e.schedule.sample_rate == NULL and o.l1 == 0.0 and o.average == NULL)

    def run(self, rows, Epoch epoch, active):
        order = epoch.order
        if order is None:
            order = np.arange(epoch.n_rows, dtype=np.uint32)
        run_short_rows(rows.data, rows.columns, rows.starts, order, epoch)


def run_short_rows(const real[::1] data, const index[::1] columns, const index[::1] starts,
                   const uint32_t[::1] order, Epoch e):
    # A copy to which nothing else points: the compiler then knows what changes it.
    cdef Output o = e.weights.outputs[0]
    cdef const LossTable *table = e.loss.table
    cdef const void *params = e.loss.params
    cdef const double *y = &e.y[0]
    cdef Py_ssize_t m, i, d = o.n_features, n = (d + 7) // 8 * 8, last = e.n_rows - 1
    cdef double[3][WIDTH] copies
    cdef double *v = copies[0]
    cdef double *x = copies[1]
    cdef double *z = copies[2]
    cdef double[MANY] rates
    cdef double raw, weight, gradient, factor, v_z = 0.0, x_z = 0.0, t = e.t
    cdef double in_all = 1.0 if o.fit_intercept else 0.0  # what all rows have in common
    cdef Step step
    step.squared_norm, step.eta, step.averages = 0.0, o.eta, False
    memset(copies, 0, sizeof(copies))
    memcpy(v, o.v, d * sizeof(double))
    with nogil:
        copy(data, columns, starts, order[0], d, x)
        raw = o.scale * dot(x, v, n) + o.intercept
        for m in range(e.n_rows):
            if not isfinite(raw):  # x . z has overflown; w . x need not
                raw = o.scale * dot(x, v, n) + o.intercept
                if not isfinite(raw):
                    e.bad_row = order[m]
                    break
            if e.schedule.rate != NULL:
                if m % MANY == 0:
                    set_rates(e, t + m, rates)
                step.eta = rates[m % MANY]
            if m < last:
                copy(data, columns, starts, order[m + 1], d, z)
            i = order[m]
            weight = weight_of(e, i, 0)
            if e.counts_loss:
                e.loss_sum[0] += weight * table.value(params, y[i], raw)
            gradient = clipped(e, table.gradient(params, y[i], raw))
            step.update = -step.eta * weight * gradient
            # What follows does not wait for that, up to its use; to read z before its
            # parts are in the cache, however, would be to wait for all that is above.
            ask_for(data, columns, starts, order[min(m + AHEAD, last)], d, e)
            factor = shrinkage(&o, step.eta)
            if o.counts_penalty:
                count_penalty(&o, 1)
                step.dot = (raw - o.intercept) * factor
                step.squared_norm = dot(x, x, n)
            if o.scale * factor < o.smallest_scale:
                scale_weights(&o, o.scale * factor, v, d)
            else:
                o.scale *= factor
            v_z, x_z = dot(z, v, n), dot(z, x, n)
            raw = (o.scale * v_z + o.intercept) + step.update * (x_z + in_all)
            add_update(&o, &step, x, v, n)
            x, z = z, x
    e.t = t + (m if e.bad_row >= 0 else e.n_rows)
    memcpy(o.v, v, d * sizeof(double))
    e.weights.outputs[0] = o


cdef void set_rates(Epoch e, double t, double *rates) noexcept nogil:
    """The step sizes of step t and of those that follow: calls that no step waits for."""
    cdef Py_ssize_t m
    for m in range(MANY):
        rates[m] = e.schedule.rate(e.schedule.params, t + m)


cdef inline void scale_weights(Output *o, double factor, double *v,
                               Py_ssize_t d) noexcept nogil:
    """Let v be w times a factor, so that the scale is 1."""
    cdef Py_ssize_t j
    for j in range(d):
        v[j] *= factor
    o.squared_norm *= factor * factor
    o.scale = 1.0


cdef inline void add_update(Output *o, const Step *step, const double *x, double *v,
                            Py_ssize_t n) noexcept nogil:
    """w <- w + update x; w has been shrunk already, and so has w . x, which is step.dot."""
    cdef double inverse = 1.0 / o.scale  # which need not wait for the gradient
    cdef double c = inverse * step.update
    if o.fit_intercept:
        o.intercept += step.update
    if c == 0.0:
        return
    row_add(c, x, <const no_index *> NULL, n, v)
    if o.counts_penalty:
        o.squared_norm += growth(c, inverse * step.dot, step.squared_norm)


cdef inline void ask_for(const real[::1] data, const index[::1] columns,
                         const index[::1] starts, Py_ssize_t i, Py_ssize_t d,
                         Epoch e) noexcept nogil:
    """Ask for a row that is read soon, and its target."""
    cdef Py_ssize_t start = row_start(i, starts, d)
    cdef const real *x = &data[start]
    cdef const index *j = NULL if index is no_index else &columns[start]
    ask_for_target(e, i)
    row_prefetch(x, j, row_size(i, starts, d))


cdef inline void copy(const real[::1] data, const index[::1] columns,
                      const index[::1] starts, Py_ssize_t i, Py_ssize_t d,
                      double *x) noexcept nogil:
    cdef Py_ssize_t j
    if index is no_index:
        copy_row(&data[i * d], d, x)
    else:
        memset(x, 0, d * sizeof(double))
        for j in range(starts[i], starts[i + 1]):
            x[columns[j]] = data[j]


cdef inline void copy_row(const real *row, Py_ssize_t d, double *x) noexcept nogil:
    """Copy a row, four entries or eight at a time: as they are read again, at once."""
    cdef double[8] part
    cdef Py_ssize_t j, lane, whole = d - d % 8
    for j in range(0, whole, 8):
        for lane in range(8):
            part[lane] = row[j + lane]
        for lane in range(8):
            x[j + lane] = part[lane]
    if d - whole >= 4:
        for lane in range(4):
            part[lane] = row[whole + lane]
        for lane in range(4):
            x[whole + lane] = part[lane]
        whole += 4
    for j in range(whole, d):
        x[j] = row[j]


cdef inline double dot(const double *x, const double *w, Py_ssize_t n) noexcept nogil:
    """x . w of whole octets."""
    cdef double[8] s
    cdef Py_ssize_t j, lane
    for lane in range(8):
        s[lane] = 0.0
    for j in range(0, n, 8):
        for lane in range(8):
            s[lane] += x[j + lane] * w[j + lane]
    for lane in range(4):
        s[lane] += s[lane + 4]
    return (s[0] + s[1]) + (s[2] + s[3])
