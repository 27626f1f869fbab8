# cython: language_level=3
"""One epoch of SGD: the kernel. Which epoch is the last is decided in _sgd.py.

One loop serves regression and binary losses (one output), one versus rest (an output
for each class, all on the same row while it is in cache) and joint losses of rows.
"""

from libc.math cimport fabs
from libc.stdint cimport uint32_t, uint64_t

import numpy as np

from sklearn_losses.linear._rows cimport (
    index, no_index, real, row_dot, row_prefetch, row_size, row_squared_norm, row_start,
)
from sklearn_losses.linear._weights cimport (
    Output, ScaledWeights, Step, before_step, finish_epoch, start_epoch, take_step,
)
from sklearn_losses.losses._table cimport CLoss, LossTable, Row
from sklearn_losses.solvers._schedules cimport Schedule

cdef enum:
    AHEAD = 4  # rows: by how much a prefetch leads. Measured: 2 to 8 differ by noise.

cdef double MAX_GRADIENT = 1e12  # as in scikit-learn; larger gradients are cut to it


cdef class Epoch:
    """All that an epoch reads and writes, besides the rows.

    Parameters
    ----------
    loss : CLoss
    weights : ScaledWeights
    schedule : Schedule
    targets : Targets
    sample_weight : ndarray of float64 of shape (n_rows,) or None
    order : ndarray of uint32 of shape (n_steps,) or None
        The rows of an epoch; it is shuffled in place. None: all rows as they come.
    n_steps : int
    average : int
        The step with which the mean of the iterates begins; 0 for no mean.
    counts_loss : bool
        Whether the loss of every sample is added up.
    seed : int or None
        Of the shuffling; None for the given order.
    t : float
        The number of the next step, from 1 on.
    """

    cdef CLoss loss
    cdef ScaledWeights weights
    cdef Schedule schedule
    cdef const double[::1] y
    cdef const double[::1] class_factor
    cdef const double[::1] sample_weight
    cdef uint32_t[::1] order
    cdef double[::1] raw
    cdef double[::1] dot
    cdef double[::1] gradient
    cdef readonly object loss_sums      # over an epoch's samples, each before its step:
    cdef readonly object penalty_sums   # the weighted losses, and the penalties
    cdef double[::1] loss_sum           # of a loss of rows, entry 0
    cdef double[::1] penalty_sum
    cdef Py_ssize_t n_steps
    cdef Py_ssize_t first_class     # -1: y is the target
    cdef double rest
    cdef double average
    cdef bint counts_loss
    cdef bint needs_norm
    cdef bint shuffles
    cdef uint64_t random
    cdef readonly double t
    cdef readonly Py_ssize_t n_clipped   # gradients cut to MAX_GRADIENT, in all epochs

    def __cinit__(self, CLoss loss, ScaledWeights weights, Schedule schedule, targets,
                  sample_weight, order, n_steps, average, counts_loss, seed, t):
        self.loss = loss
        self.weights = weights
        self.schedule = schedule
        self.y = targets.y
        self.first_class = -1 if targets.first_class is None else targets.first_class
        self.rest = targets.rest
        self.class_factor = targets.class_factor
        self.sample_weight = sample_weight
        self.order = order
        self.n_steps = n_steps
        self.average = average
        self.counts_loss = counts_loss
        self.needs_norm = schedule.sample_rate != NULL or (
            counts_loss and weights.outputs[0].counts_penalty)
        self.shuffles = seed is not None
        self.random = 0 if seed is None else seed
        self.t = t
        self.raw, self.dot, self.gradient = np.empty((3, weights.n_outputs))
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
            Whether all weights and all raw predictions were finite.
        """
        cdef Py_ssize_t a, k
        cdef bint is_finite
        with nogil:
            if self.shuffles:
                shuffle(self.order, &self.random)
            for a in range(active.shape[0]):
                k = active[a]
                self.loss_sum[k] = 0.0
                start_epoch(&self.weights.outputs[k])
        is_finite = run_epoch(rows.data, rows.columns, rows.starts, self, active)
        self.loss.raise_error()
        with nogil:
            for a in range(active.shape[0]):
                k = active[a]
                is_finite &= finish_epoch(&self.weights.outputs[k])
                self.penalty_sum[k] = self.weights.outputs[k].penalty_sum
        return is_finite

    def mean_objectives(self, bint is_joint):
        """The objectives over the last epoch, each sample's taken before its step.

        Returns
        -------
        list of float
            One for each output, or a single one where the outputs share it.
        """
        cdef Py_ssize_t k
        cdef list totals = [
            (self.loss_sum[k] + self.penalty_sum[k]) / self.n_steps
            for k in range(self.loss_sum.shape[0])
        ]
        return [sum(totals)] if is_joint else totals


def run_epoch(const real[::1] data, const index[::1] columns, const index[::1] starts,
              Epoch e, const Py_ssize_t[::1] active):
    cdef Output *outputs = e.weights.outputs
    cdef Py_ssize_t n_features = outputs[0].n_features
    cdef Py_ssize_t step_number, i, k, a, n, start
    cdef const real *x
    cdef const index *j
    cdef Step step
    cdef double rate = 0.0, nothing = 0.0  # nan once a raw prediction is not finite
    step.squared_norm = 0.0
    with nogil:
        for step_number in range(e.n_steps):
            i = step_number
            if e.order is not None:
                i = e.order[step_number]
                if step_number + AHEAD < e.n_steps:
                    k = e.order[step_number + AHEAD]
                    start = row_start(k, starts, n_features)
                    n = row_size(k, starts, n_features)
                    x = &data[start]
                    j = NULL if index is no_index else &columns[start]
                    row_prefetch(x, j, n)
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
                before_step(&outputs[k], j, n, step_size(e, rate, &outputs[k]))
                e.dot[k] = row_dot(x, j, n, outputs[k].v)
                e.raw[k] = outputs[k].scale * e.dot[k] + outputs[k].intercept
                nothing += 0.0 * e.raw[k]
            if e.loss.table.row != NULL:
                row_gradient(e, i)
            step.averages = 0.0 < e.average <= e.t
            for a in range(active.shape[0]):
                k = active[a]
                step.eta = step_size(e, rate, &outputs[k])
                step.dot = e.dot[k]
                step.update = update(e, i, k, &step)
                if step.squared_norm > 0.0 or not e.schedule.skips_empty_rows:
                    take_step(&outputs[k], x, j, n, &step)
            e.t += 1.0
    return nothing == 0.0


cdef inline double step_size(Epoch e, double rate, const Output *output) noexcept nogil:
    return output.eta if e.schedule.rate == NULL else rate


cdef inline void row_gradient(Epoch e, Py_ssize_t i) noexcept nogil:
    """The gradients of a loss of rows, by all outputs; its value is counted here."""
    cdef Row row
    cdef double value
    row.y = &e.y[i]
    row.y_size = 1
    row.raw = &e.raw[0]
    row.n_outputs = e.raw.shape[0]
    row.gradient = &e.gradient[0]
    row.curvature = NULL
    value = e.loss.table.row(e.loss.params, &row)
    if e.counts_loss:
        e.loss_sum[0] += value if e.sample_weight is None else value * e.sample_weight[i]


cdef inline double update(Epoch e, Py_ssize_t i, Py_ssize_t k, const Step *step) noexcept nogil:
    """What output k adds of row i: minus step size, gradient and weight."""
    cdef const LossTable *table = e.loss.table
    cdef double y = e.y[i], weight = 1.0, value = 0.0, gradient, eta = step.eta
    cdef bint is_own_class = True
    if e.first_class >= 0:
        is_own_class = y == e.first_class + k
        y = 1.0 if is_own_class else e.rest
    if e.sample_weight is not None:
        weight = e.sample_weight[i]
    if is_own_class and e.class_factor is not None:
        weight *= e.class_factor[k]
    if table.row != NULL:
        gradient = e.gradient[k]
    else:
        if e.counts_loss or e.schedule.sample_rate != NULL:
            value = table.value(e.loss.params, y, e.raw[k])
            e.loss_sum[k] += weight * value
        gradient = table.gradient(e.loss.params, y, e.raw[k])
    if fabs(gradient) > MAX_GRADIENT:
        gradient = MAX_GRADIENT if gradient > 0 else -MAX_GRADIENT
        e.n_clipped += 1
    if e.schedule.sample_rate != NULL:
        eta = e.schedule.sample_rate(e.schedule.params, value, gradient, step.squared_norm)
    return -eta * gradient * weight


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
