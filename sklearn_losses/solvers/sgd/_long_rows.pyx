# cython: language_level=3
"""One epoch of SGD over dense rows, one a step: `run_epoch` of _sgd_epoch.pyx, faster.

What a row adds to w and the product of the next row with it are formed in one pass over
w, in which the row after that is asked for: so rows come from memory all the time, not
only while products are formed. The steps are those of `run_epoch` to the bit.
"""

from libc.math cimport INFINITY, isfinite

from sklearn_losses.design._rows cimport (
    no_index, real, row_add_and_dot, row_dot, row_dot_asking, row_squared_norm,
)
from sklearn_losses.solvers.sgd._weights cimport Output, Step, before_step, growth, shrink
from sklearn_losses.solvers.sgd._sgd_epoch cimport (
    LONG_ROW, Epoch, ask_for_target, step_size, update,
)


cdef enum:
    AHEAD = 5  # rows: how long before it is read a target is asked for


class LongRows:
    """Makes the steps of an epoch of plain SGD."""

    @staticmethod
    def can_take(rows, Epoch e):
        """Whether the steps are of one dense row, for one output, and linear in w."""
        cdef Output *o = &e.weights.outputs[0]
        return (e.n_rows > 0 and e.offset is None
                and not rows.is_sparse and e.weights.n_outputs == 1
                and e.steps is None and e.batch_size == 1 and e.clip == INFINITY
                and e.loss.table.row == NULL and o.l1 == 0.0 and o.average == NULL
                and o.n_features * rows.data.itemsize >= LONG_ROW)

    def run(self, rows, Epoch epoch, active):
        run_long_rows(rows.data, epoch)


def run_long_rows(const real[::1] data, Epoch e):
    cdef Output *o = &e.weights.outputs[0]
    cdef Py_ssize_t m, i = row_of(e, 0), d = o.n_features
    cdef const no_index *j = NULL
    cdef const real *x = &data[i * d]
    cdef const real *z
    cdef const real *ahead
    cdef Step step
    cdef double dot, scale, c, rate = 0.0
    step.squared_norm, step.averages = 0.0, False
    with nogil:
        dot = row_dot(x, j, d, o.v)
        for m in range(e.n_rows):
            if e.schedule.rate != NULL:
                rate = e.schedule.rate(e.schedule.params, e.t)
            if e.needs_norm:
                step.squared_norm = row_squared_norm(x, d)
            step.eta, scale = step_size(e, rate, o), o.scale
            before_step(o, step.eta, 1)
            if o.scale != scale:
                dot = row_dot(x, j, d, o.v)
            step.dot, e.raw[0] = dot, o.scale * dot + o.intercept
            if not isfinite(e.raw[0]):
                e.bad_row = i
                break
            step.update = update(e, i, 0, &step)
            i = row_of(e, m + 1)
            z, ahead = &data[i * d], &data[row_of(e, m + 2) * d]
            ask_for_target(e, row_of(e, m + AHEAD))
            c = 0.0
            if step.squared_norm > 0.0 or not e.schedule.skips_empty_rows:
                step.dot *= shrink(o, step.eta)
                c = (1.0 / o.scale) * step.update  # the division need not wait
                if o.fit_intercept:
                    o.intercept += step.update
                if o.counts_penalty:
                    o.squared_norm += growth(c, step.dot, step.squared_norm)
            if c != 0.0:
                dot = row_add_and_dot(c, x, z, ahead, d, o.v)
            else:
                dot = row_dot_asking(z, ahead, d, o.v)
            x = z
            e.t += 1.0


cdef inline Py_ssize_t row_of(Epoch e, Py_ssize_t m) noexcept nogil:
    """Which row is number m of the epoch; after the last one, that."""
    m = min(m, e.n_rows - 1)
    return m if e.order is None else e.order[m]
