# cython: language_level=3
"""One epoch of SGD: the kernels. Which epoch is the last is decided in _sgd.py.

`run_epoch` takes one row a step, `run_batches` several. Both serve regression and binary
losses (one output), one versus rest (an output for each class, all on the same row while
it is in cache) and joint losses of rows.

A step of one row calls the loss's point functions. A step of a batch calls its block
function, once for all rows, or once an output: what counts where a call is one of Python.
"""

from libc.math cimport INFINITY, fabs, hypot, isfinite, sqrt
from libc.stdint cimport uint32_t, uint64_t

import numpy as np
from cython.parallel cimport prange

from sklearn_losses.design._rows cimport (
    index, no_index, real, row_add, row_dot, row_dot_asking, row_norm, row_prefetch,
    row_size, row_squared_norm, row_start,
)
from sklearn_losses.solvers.sgd._group_batches cimport group_gradients
from sklearn_losses.solvers.sgd._weights cimport (
    Output, ScaledWeights, Step, add_row, before_step, finish_epoch, finish_step, shrink,
    start_epoch, take_step, used, weights_dot,
)
from sklearn_losses.losses._loop cimport evaluate_block, evaluate_rows
from sklearn_losses._machine._prefetch cimport sl_prefetch
from sklearn_losses._machine._threads cimport threads_for
from sklearn_losses.losses._table cimport Block, RowBlock

# How rows are asked for before they are read. A short one is asked for at once, and some
# rows ahead: 2 to 8 differ by noise. So many lines of a long row wait for each other and
# hold up the present row, so it is asked for piece by piece, in the dot product of the
# row before it: faster from LONG_ROW bytes on, slower below. With several outputs a row
# takes long enough for the former. Of one output, plain steps are those of _long_rows.pyx.
cdef enum:
    AHEAD = 4  # rows

# With fewer products for each, threads are not worth waking: some 0.1 ms.
cdef enum:
    MUCH_WORK = 1 << 18


cdef class Epoch:
    """All that an epoch reads and writes, besides the rows.

    Parameters
    ----------
    weights : ScaledWeights
    samples : Samples
    settings : SGDSettings
    t : float
        The number of the next step, from 1 on.
    counts_loss : bool
        Whether the loss of every sample is added up.
    least_gap : float, default=-1
        Of outputs 1, 2, ... that are thresholds: how much each exceeds the one before.

    Attributes
    ----------
    steps : object, default=None
        What takes the steps instead, such as `GradientSteps`; None: plain SGD.
    """

    def __cinit__(self, ScaledWeights weights, samples, settings, double t,
                  bint counts_loss, double least_gap=-1.0):
        cdef Schedule schedule = settings.schedule
        targets = samples.targets
        self.loss = samples.loss
        self.weights = weights
        self.schedule = schedule
        self.y = targets.y.ravel()
        self.y_size = targets.y.size // max(1, len(targets.y))
        self.least_gap = least_gap
        self.first_class = -1 if targets.first_class is None else targets.first_class
        self.rest = targets.rest
        self.class_factor = targets.class_factor
        self.sample_weight = samples.weight
        self.offset = samples.offset
        self.order = samples.order
        self.n_rows = samples.n_rows
        self.batch_size = min(settings.batch_size, self.n_rows)
        self.n_threads = settings.n_threads
        self.average = settings.average
        self.counts_loss = counts_loss
        self.needs_norm = schedule.sample_rate != NULL or (
            counts_loss and weights.outputs[0].counts_penalty
            and weights.outputs[0].l1 == 0.0)
        self.shuffles = settings.seed is not None
        self.random = settings.seed if self.shuffles else 0
        self.t = t
        self.clip = settings.clip
        self.raw, self.gradient = np.empty((2, self.batch_size * weights.n_outputs))
        self.batch_y = np.empty(self.batch_size * self.y_size)
        self.batch_value = np.empty(self.batch_size)
        self.dot = np.empty(weights.n_outputs)
        # A block of the loss is contiguous: all of an output, or all of a loss of rows.
        self.row_stride, self.output_stride = 1, self.batch_size
        if self.loss.table.row != NULL:
            self.row_stride, self.output_stride = weights.n_outputs, 1
        self.loss_sums = np.zeros(weights.n_outputs)
        self.penalty_sums = np.zeros(weights.n_outputs)
        self.loss_sum = self.loss_sums
        self.penalty_sum = self.penalty_sums

    def run(self, rows, const Py_ssize_t[::1] active):
        """One pass over the rows; it leaves `loss_sums` and `penalty_sums` behind.

        Parameters
        ----------
        rows : Rows
        active : ndarray of intp
            The outputs that still learn; all of them in a loss of rows.

        Returns
        -------
        bool
            Whether all weights and all raw predictions were finite. An epoch ends at the
            first prediction that is not, which is of the row `bad_row`.
        """
        cdef Py_ssize_t a, k
        cdef bint is_finite
        self.bad_row = -1
        if self.groups is not None:
            self.groups.begin(self.order)
        with nogil:
            if self.shuffles:
                shuffle(self.order, &self.random)
            for a in range(active.shape[0]):
                k = active[a]
                self.loss_sum[k] = 0.0
                start_epoch(&self.weights.outputs[k])
        # To clip is what `run_epoch` should not even have to ask for.
        is_short = self.batch_size == 1 and self.clip == INFINITY and self.groups is None
        kernel = run_epoch if is_short else run_batches
        if self.steps is not None:
            self.steps.run(rows, self, active)
        else:
            kernel(rows.data, rows.columns, rows.starts, self, active)
        self.loss.raise_error()
        is_finite = self.bad_row < 0
        with nogil:
            for a in range(active.shape[0]):
                k = active[a]
                is_finite &= finish_epoch(&self.weights.outputs[k])
                self.penalty_sum[k] = self.weights.outputs[k].penalty_sum
        return is_finite

    def mean_objectives(self, bint is_joint):
        """The objectives over the last epoch, each sample's taken before its step.

        They are means over the rows: the penalty counts for each row of a step.

        Returns
        -------
        list of float
            One for each output, or a single one where the outputs share it.
        """
        cdef Py_ssize_t k
        cdef list totals = [
            (self.loss_sum[k] + self.penalty_sum[k]) / self.n_rows
            for k in range(self.loss_sum.shape[0])
        ]
        return [sum(totals)] if is_joint else totals


def run_epoch(const real[::1] data, const index[::1] columns, const index[::1] starts,
              Epoch e, const Py_ssize_t[::1] active):
    cdef Output *outputs = e.weights.outputs
    cdef Py_ssize_t n_features = outputs[0].n_features
    cdef Py_ssize_t step_number, i, k, a, n, start
    cdef const real *x
    cdef const real *ahead
    cdef const index *j
    cdef Step step
    cdef double rate = 0.0
    step.squared_norm = 0.0
    with nogil:
        for step_number in range(e.n_rows):
            i = step_number if e.order is None else e.order[step_number]
            ahead = ask_ahead(data, columns, starts, e, active.shape[0], step_number)
            start = row_start(i, starts, n_features)
            n = row_size(i, starts, n_features)
            x = &data[start]
            j = NULL if index is no_index else &columns[start]

            if e.schedule.rate != NULL:
                rate = e.schedule.rate(e.schedule.params, e.t)
            if e.needs_norm:
                step.squared_norm = row_squared_norm(x, n)
            for a in range(active.shape[0]):
                k = active[a]
                before_step(&outputs[k], step_size(e, rate, &outputs[k]), 1)
                e.dot[k] = dot_and_ask(&outputs[k], x, j, used(&outputs[k], n), ahead)
                e.raw[k] = outputs[k].scale * e.dot[k] + outputs[k].intercept
                e.raw[k] += offset_of(e, i, k)
                if not isfinite(e.raw[k]):
                    e.bad_row = i
            if e.bad_row >= 0:
                break
            if e.loss.table.row != NULL:
                row_gradient(e, i, step.squared_norm)
            step.averages = 0.0 < e.average <= e.t
            for a in range(active.shape[0]):
                k = active[a]
                step.eta = step_size(e, rate, &outputs[k])
                step.dot = e.dot[k]
                step.update = update(e, i, k, &step)
                if step.squared_norm > 0.0 or not e.schedule.skips_empty_rows:
                    take_step(&outputs[k], x, j, used(&outputs[k], n), &step)
            keep_order(e)
            e.t += 1.0


cdef inline const real *ask_ahead(const real[::1] data, const index[::1] columns,
                                  const index[::1] starts, Epoch e,
                                  Py_ssize_t n_active, Py_ssize_t m) noexcept nogil:
    """Ask for a row that comes soon after row number m of the epoch, and its target.

    Or return the row that the dot product of row m should ask for; NULL: none. Rows that
    are read in the order of X need none of it.
    """
    cdef Py_ssize_t i, n, start, n_features = e.weights.outputs[0].n_features
    cdef const index *j
    if e.order is None:
        return NULL
    if index is not no_index:
        if m + 2 * AHEAD < e.n_rows:  # is read to ask for the row
            sl_prefetch(&starts[e.order[m + 2 * AHEAD]])
    if m + AHEAD < e.n_rows:
        ask_for_target(e, e.order[m + AHEAD])
    if index is no_index:
        if n_active == 1 and n_features * <Py_ssize_t> sizeof(real) >= LONG_ROW:
            return &data[e.order[m + 1] * n_features] if m + 1 < e.n_rows else NULL
    if m + AHEAD < e.n_rows:
        i = e.order[m + AHEAD]
        start = row_start(i, starts, n_features)
        n = row_size(i, starts, n_features)
        j = NULL if index is no_index else &columns[start]
        row_prefetch(&data[start], j, n)
    return NULL


cdef inline double dot_and_ask(const Output *o, const real *x, const index *j, Py_ssize_t n,
                               const real *ahead) noexcept nogil:
    """v . x; asks for the row `ahead` unless it is NULL."""
    if index is no_index:
        if ahead != NULL:
            return row_dot_asking(x, ahead, n, o.v)
        return row_dot(x, j, n, o.v)
    else:
        return weights_dot(o, x, j, n)


cdef inline void row_gradient(Epoch e, Py_ssize_t i, double squared_norm) noexcept nogil:
    """The gradients of a loss of rows, by all outputs; its value is counted here."""
    cdef RowBlock block  # of one row: unlike Row, it can do without the value
    cdef bint wants_value = e.counts_loss or e.schedule.sample_rate != NULL
    cdef double value = 0.0, squares = 0.0
    cdef Py_ssize_t k
    block.n = 1
    block.y = &e.y[i * e.y_size]
    block.y_size = e.y_size
    block.raw = &e.raw[0]
    block.n_outputs = e.weights.n_outputs
    block.value = &value if wants_value else NULL
    block.gradient = &e.gradient[0]
    block.curvature = NULL
    evaluate_rows(e.loss.table, e.loss.params, &block)
    if e.counts_loss:
        e.loss_sum[0] += value if e.sample_weight is None else value * e.sample_weight[i]
    if e.schedule.sample_rate != NULL:
        for k in range(block.n_outputs):
            squares += e.gradient[k] * e.gradient[k]
        e.row_rate = e.schedule.sample_rate(
            e.schedule.params, value, sqrt(squares), squared_norm)


# ------------------------------------------------------------- several rows a step
def run_batches(const real[::1] data, const index[::1] columns, const index[::1] starts,
                Epoch e, const Py_ssize_t[::1] active):
    cdef Output *outputs = e.weights.outputs
    cdef Py_ssize_t a, k
    cdef Batch batch
    cdef Step step
    batch.first, batch.rate = 0, 0.0
    batch.row_work = active.shape[0] * (data.shape[0] // max(1, e.y.shape[0]))
    with nogil:
        while batch.first < e.n_rows:
            begin_batch(e, &batch)
            step.averages = 0.0 < e.average <= e.t
            for a in range(active.shape[0]):
                k = active[a]
                before_step(&outputs[k], step_size(e, batch.rate, &outputs[k]), batch.n)

            if not predict_batch(data, columns, starts, e, active, &batch):
                break
            set_gradients(e, active, &batch)
            if e.clip < INFINITY:
                clip_row(data, columns, starts, e, active, &batch)

            for a in range(active.shape[0]):
                k = active[a]
                shrink(&outputs[k], step_size(e, batch.rate, &outputs[k]))
            add_batch(data, columns, starts, e, active, &batch, &step)
            for a in range(active.shape[0]):
                k = active[a]
                step.eta = step_size(e, batch.rate, &outputs[k])
                finish_step(&outputs[k], &step, <const index *> NULL)
            keep_order(e)

            batch.first += batch.n
            e.t += 1.0


cdef inline int threads_for_batch(Epoch e, const Batch *batch) noexcept nogil:
    if e.n_threads == 1:
        return 1
    return min(e.n_threads, threads_for(batch.n * batch.row_work, MUCH_WORK))


cdef bint predict_batch(const real[::1] data, const index[::1] columns,
                        const index[::1] starts, Epoch e, const Py_ssize_t[::1] active,
                        const Batch *batch) noexcept nogil:
    """The raw predictions of all rows of a batch; returns whether they are finite."""
    cdef Py_ssize_t a, b
    cdef int t, n_threads = threads_for_batch(e, batch)
    if n_threads == 1:
        predict_rows(data, columns, starts, e, active, batch, 0, batch.n)
    else:
        for t in prange(n_threads, num_threads=n_threads, schedule="static"):
            predict_rows(data, columns, starts, e, active, batch,
                         t * batch.n // n_threads, (t + 1) * batch.n // n_threads)
    for b in range(batch.n):
        for a in range(active.shape[0]):
            if not isfinite(e.raw[place(e, b, active[a])]):
                e.bad_row = row_number(e, batch, b)
                return False
    return True


cdef void predict_rows(const real[::1] data, const index[::1] columns,
                       const index[::1] starts, Epoch e, const Py_ssize_t[::1] active,
                       const Batch *batch, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t b, i, n, start, n_features = e.weights.outputs[0].n_features
    cdef const real *x
    cdef const real *ahead
    cdef const index *j
    for b in range(begin, end):
        ahead = ask_ahead(data, columns, starts, e, active.shape[0], batch.first + b)
        i = row_number(e, batch, b)
        start = row_start(i, starts, n_features)
        n = row_size(i, starts, n_features)
        x = &data[start]
        j = NULL
        if index is not no_index:
            j = &columns[start]
        predict_row(e, active, b, i, x, j, n, ahead)


cdef inline void predict_row(Epoch e, const Py_ssize_t[::1] active, Py_ssize_t b,
                             Py_ssize_t i, const real *x, const index *j, Py_ssize_t n,
                             const real *ahead) noexcept nogil:
    """The raw predictions of row b of the batch, which is row i of all."""
    cdef Output *o
    cdef Py_ssize_t a
    for a in range(active.shape[0]):
        o = &e.weights.outputs[active[a]]
        e.raw[place(e, b, active[a])] = (
            o.scale * dot_and_ask(o, x, j, used(o, n), ahead) + o.intercept
            + offset_of(e, i, active[a]))


cdef inline void add_batch(const real[::1] data, const index[::1] columns,
                           const index[::1] starts, Epoch e, const Py_ssize_t[::1] active,
                           const Batch *batch, Step *step) noexcept nogil:
    """Add the rows of a batch; dense ones by several threads, each with its columns.

    So each weight is added to in the same order, however many threads there are.
    """
    cdef Output *outputs = e.weights.outputs
    cdef Py_ssize_t a, b, i, n, start, d = outputs[0].n_features
    cdef const index *j
    cdef int t, n_threads = threads_for_batch(e, batch)
    for b in range(batch.n):
        i = row_number(e, batch, b)
        start = row_start(i, starts, d)
        # Where threads share the columns, what is left to do here is the intercept.
        n = row_size(i, starts, d) if n_threads == 1 or index is not no_index else 0
        j = NULL
        if index is not no_index:
            j = &columns[start]
        for a in range(active.shape[0]):
            step.update = batch_update(e, batch, b, active[a])
            add_row(&outputs[active[a]], &data[start], j,
                    used(&outputs[active[a]], n), step)
    if index is no_index:
        if n_threads > 1:
            for t in prange(n_threads, num_threads=n_threads, schedule="static"):
                add_columns(data, e, active, batch, step.averages,
                            t * d // n_threads, (t + 1) * d // n_threads)


cdef void add_columns(const real[::1] data, Epoch e, const Py_ssize_t[::1] active,
                      const Batch *batch, bint averages, Py_ssize_t begin,
                      Py_ssize_t end) noexcept nogil:
    """Add some columns of the rows of a dense batch."""
    cdef Output *o
    cdef const real *x
    cdef double c
    cdef Py_ssize_t a, b
    for b in range(batch.n):
        for a in range(active.shape[0]):
            o = &e.weights.outputs[active[a]]
            x = &data[row_number(e, batch, b) * o.n_features + begin]
            c = batch_update(e, batch, b, active[a]) / o.scale
            if c != 0.0 and not o.is_number:
                row_add(c, x, <const no_index *> NULL, end - begin, o.v + begin)
                if averages:
                    row_add(-o.average_share * c, x, <const no_index *> NULL, end - begin,
                            o.average + begin)


cdef inline double batch_update(Epoch e, const Batch *batch, Py_ssize_t b,
                                Py_ssize_t k) noexcept nogil:
    """What output k adds of row b of the batch."""
    cdef double eta = step_size(e, batch.rate, &e.weights.outputs[k]) / batch.n
    return -eta * e.gradient[place(e, b, k)]


cdef void set_gradients(Epoch e, const Py_ssize_t[::1] active,
                        const Batch *batch) noexcept nogil:
    """The weighted gradients of a batch by all raw predictions; one call for all rows."""
    cdef Py_ssize_t a, k, b, at
    if e.groups is not None:
        e.loss_sum[0] += group_gradients(e.groups, e.loss, &e.raw[0], &e.gradient[0])
        for b in range(batch.n):
            e.gradient[b] = clipped(e, e.gradient[b])
        return
    if e.loss.table.row != NULL:
        evaluate_joint(e, batch)
    for a in range(active.shape[0]):
        k = active[a]
        if e.loss.table.row == NULL:
            evaluate_output(e, batch, k)
        for b in range(batch.n):
            at = place(e, b, k)
            e.gradient[at] = clipped(e, e.gradient[at]) * weight_of(
                e, row_number(e, batch, b), k)


cdef void clip_row(const real[::1] data, const index[::1] columns, const index[::1] starts,
                   Epoch e, const Py_ssize_t[::1] active, const Batch *batch) noexcept nogil:
    """Scale down the gradients of a batch of one row, whose norm |x| can be factored out."""
    cdef Py_ssize_t a, at, d = e.weights.outputs[0].n_features
    cdef Py_ssize_t i = row_number(e, batch, 0)
    cdef bint is_joint = e.loss.table.row != NULL  # else each has a norm of its own
    cdef double own, norm = 0.0
    cdef double of_row = row_norm(&data[row_start(i, starts, d)], row_size(i, starts, d))
    for a in range(active.shape[0] if is_joint else 0):
        norm = hypot(norm, norm_of(e, active[a], of_row))
    for a in range(active.shape[0]):
        at = place(e, 0, active[a])
        own = norm if is_joint else norm_of(e, active[a], of_row)
        if own > e.clip:
            e.gradient[at] *= e.clip / own


cdef inline double norm_of(Epoch e, Py_ssize_t k, double of_row) noexcept nogil:
    """That of the gradient of one row by the weights and the intercept of an output."""
    cdef const Output *o = &e.weights.outputs[k]
    cdef double size = 0.0 if o.is_number else of_row
    return fabs(e.gradient[place(e, 0, k)]) * (hypot(size, 1.0) if o.fit_intercept else size)


cdef void evaluate_joint(Epoch e, const Batch *batch) noexcept nogil:
    """The gradients of a loss of rows, by all outputs; its values are counted here."""
    cdef RowBlock block
    cdef Py_ssize_t b, m
    for b in range(batch.n):
        for m in range(e.y_size):
            e.batch_y[b * e.y_size + m] = e.y[row_number(e, batch, b) * e.y_size + m]
    block.n = batch.n
    block.n_outputs = e.weights.n_outputs
    block.y_size = e.y_size
    block.y = &e.batch_y[0]
    block.raw = &e.raw[0]
    block.value = &e.batch_value[0] if e.counts_loss else NULL
    block.gradient = &e.gradient[0]
    block.curvature = NULL
    evaluate_rows(e.loss.table, e.loss.params, &block)
    count_values(e, batch, 0)


cdef void evaluate_output(Epoch e, const Batch *batch, Py_ssize_t k) noexcept nogil:
    """The gradients by output k of a loss of points; its values are counted here."""
    cdef Block block
    cdef Py_ssize_t b
    for b in range(batch.n):
        e.batch_y[b] = target(e, row_number(e, batch, b), k)
    block.n = batch.n
    block.y = &e.batch_y[0]
    block.raw = &e.raw[place(e, 0, k)]
    block.value = &e.batch_value[0] if e.counts_loss else NULL
    block.gradient = &e.gradient[place(e, 0, k)]
    block.curvature = NULL
    evaluate_block(e.loss.table, e.loss.params, &block)
    count_values(e, batch, k)


cdef void count_values(Epoch e, const Batch *batch, Py_ssize_t k) noexcept nogil:
    cdef Py_ssize_t b
    for b in range(batch.n if e.counts_loss else 0):
        e.loss_sum[k] += weight_of(e, row_number(e, batch, b), k) * e.batch_value[b]


cdef void shuffle(uint32_t[::1] order, uint64_t *random) noexcept nogil:
    """Fisher and Yates, with the numbers of splitmix64 (Steele, Lea and Flood 2014)."""
    cdef Py_ssize_t m, other
    cdef uint64_t z
    for m in range(order.shape[0] - 1, 0, -1):
        random[0] += <uint64_t> 0x9E3779B97F4A7C15
        z = random[0]
        z = (z ^ (z >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) * <uint64_t> 0x94D049BB133111EB
        z = z ^ (z >> 31)
        # The high bits of a product, not a remainder: no division.
        other = <Py_ssize_t> (((z >> 32) * <uint64_t> (m + 1)) >> 32)
        order[m], order[other] = order[other], order[m]
