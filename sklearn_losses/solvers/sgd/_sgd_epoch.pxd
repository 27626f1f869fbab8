# cython: language_level=3
"""What an epoch reads and writes, and the parts of a step that several kernels share.

A step of any kernel that takes batches is: `begin_batch`, `predict_batch`,
`set_gradients`; then it moves the weights, which is its own.
"""

from libc.math cimport fabs
from libc.stdint cimport uint64_t, uint32_t

from sklearn_losses.design._rows cimport index, real
from sklearn_losses.solvers.sgd._group_batches cimport GroupBatches, rows_of_next
from sklearn_losses.solvers.sgd._weights cimport Output, ScaledWeights, Step
from sklearn_losses._machine._prefetch cimport sl_prefetch
from sklearn_losses.losses._table cimport CLoss, LossTable
from sklearn_losses.solvers.sgd._schedules cimport Schedule

# Rows of so many bytes are asked for piece by piece: see _sgd_epoch.pyx.
cdef enum:
    LONG_ROW = 2048

cdef extern from *:
    """
    #define SL_MAX_GRADIENT 1e12
    """
    const double MAX_GRADIENT "SL_MAX_GRADIENT"  # as in scikit-learn; larger ones are cut to it


cdef class Epoch:
    cdef CLoss loss
    cdef ScaledWeights weights
    cdef Schedule schedule
    cdef const double[::1] y        # of row i: y_size numbers, from i * y_size on
    cdef Py_ssize_t y_size
    cdef double least_gap           # between the intercepts of outputs 1, 2, ...; < 0: any
    cdef const double[::1] class_factor
    cdef const double[::1] sample_weight
    cdef const double[:, ::1] offset
    cdef uint32_t[::1] order
    cdef double[::1] raw            # of row b of a batch and output k: at
    cdef double[::1] gradient       # b * row_stride + k * output_stride
    cdef Py_ssize_t row_stride
    cdef Py_ssize_t output_stride
    cdef double[::1] dot            # of the row of a step, by all outputs
    cdef double row_rate            # pa1, pa2: the step size of a loss of rows
    cdef double[::1] batch_y        # of the rows of a batch
    cdef double[::1] batch_value
    cdef readonly object loss_sums      # over an epoch's samples, each before its step:
    cdef readonly object penalty_sums   # the weighted losses, and the penalties
    cdef double[::1] loss_sum           # of a loss of rows, entry 0
    cdef double[::1] penalty_sum
    cdef Py_ssize_t n_rows
    cdef Py_ssize_t batch_size
    cdef int n_threads
    cdef Py_ssize_t first_class     # -1: y is the target
    cdef double rest
    cdef double average
    cdef bint counts_loss
    cdef bint needs_norm
    cdef bint shuffles
    cdef readonly Py_ssize_t bad_row     # whose raw prediction is not finite; -1: none
    cdef public object steps             # None, or what takes the steps instead
    cdef public GroupBatches groups      # None, or what batches of groups are made of
    cdef double clip                     # the largest norm of a row's gradient
    cdef uint64_t random
    cdef readonly double t
    cdef readonly Py_ssize_t n_clipped   # gradients cut to MAX_GRADIENT, in all epochs


cdef struct Batch:
    Py_ssize_t first     # its rows are number first, first + 1, ... of the epoch
    Py_ssize_t n
    double rate
    Py_ssize_t row_work  # the products that the prediction of a row takes


cdef bint predict_batch(const real[::1] data, const index[::1] columns,
                        const index[::1] starts, Epoch e, const Py_ssize_t[::1] active,
                        const Batch *batch) noexcept nogil
cdef void set_gradients(Epoch e, const Py_ssize_t[::1] active,
                        const Batch *batch) noexcept nogil


cdef inline void begin_batch(Epoch e, Batch *batch) noexcept nogil:
    """How many rows the batch has, and the step size."""
    batch.n = min(e.batch_size, e.n_rows - batch.first)
    if e.groups is not None:
        batch.n = rows_of_next(e.groups)
    if e.schedule.rate != NULL:
        batch.rate = e.schedule.rate(e.schedule.params, e.t)


cdef inline double step_size(Epoch e, double rate, const Output *output) noexcept nogil:
    return output.eta if e.schedule.rate == NULL else rate


cdef inline Py_ssize_t row_number(Epoch e, const Batch *batch, Py_ssize_t b) noexcept nogil:
    """Which row is row b of the batch."""
    return batch.first + b if e.order is None else e.order[batch.first + b]


cdef inline Py_ssize_t place(Epoch e, Py_ssize_t b, Py_ssize_t k) noexcept nogil:
    """Where row b of the batch and output k stand in `raw` and `gradient`."""
    return b * e.row_stride + k * e.output_stride


cdef inline void keep_order(Epoch e) noexcept nogil:
    """Move thresholds that a step has brought too near to each other apart."""
    cdef Output *o = e.weights.outputs
    cdef Py_ssize_t k
    cdef double middle
    if e.least_gap < 0.0:
        return
    for k in range(2, e.weights.n_outputs):
        if o[k].intercept < o[k - 1].intercept + e.least_gap:
            middle = 0.5 * (o[k].intercept + o[k - 1].intercept)
            o[k - 1].intercept = middle - 0.5 * e.least_gap
            o[k].intercept = middle + 0.5 * e.least_gap
    for k in range(2, e.weights.n_outputs):
        o[k].intercept = max(o[k].intercept, o[k - 1].intercept + e.least_gap)


cdef inline double update(Epoch e, Py_ssize_t i, Py_ssize_t k, const Step *step) noexcept nogil:
    """What output k adds of row i: minus step size, gradient and weight."""
    cdef const LossTable *table = e.loss.table
    cdef double y = target(e, i, k), weight = weight_of(e, i, k)
    cdef double value = 0.0, gradient, eta = step.eta
    if table.row != NULL:
        gradient = e.gradient[k]
    else:
        if e.counts_loss or e.schedule.sample_rate != NULL:
            value = table.value(e.loss.params, y, e.raw[k])
            e.loss_sum[k] += weight * value
        gradient = table.gradient(e.loss.params, y, e.raw[k])
    gradient = clipped(e, gradient)
    if e.schedule.sample_rate != NULL and table.row != NULL:
        eta = e.row_rate
    elif e.schedule.sample_rate != NULL:
        eta = e.schedule.sample_rate(e.schedule.params, value, gradient, step.squared_norm)
    return -eta * weight * gradient


cdef inline double target(Epoch e, Py_ssize_t i, Py_ssize_t k) noexcept nogil:
    """What output k should predict for row i."""
    if e.first_class < 0:
        return e.y[i * e.y_size]
    return 1.0 if e.y[i] == e.first_class + k else e.rest


cdef inline double offset_of(Epoch e, Py_ssize_t i, Py_ssize_t k) noexcept nogil:
    """What is known of the raw prediction of output k for row i."""
    return 0.0 if e.offset is None else e.offset[i, k]


cdef inline double weight_of(Epoch e, Py_ssize_t i, Py_ssize_t k) noexcept nogil:
    """The weight of row i for output k."""
    cdef double weight = 1.0 if e.sample_weight is None else e.sample_weight[i]
    if e.class_factor is not None and (
            e.first_class < 0 or e.y[i] == e.first_class + k):
        weight *= e.class_factor[k]
    return weight


cdef inline void ask_for_target(Epoch e, Py_ssize_t i) noexcept nogil:
    """Ask for what is read of a row besides its entries."""
    sl_prefetch(&e.y[i * e.y_size])
    if e.sample_weight is not None:
        sl_prefetch(&e.sample_weight[i])


cdef inline double clipped(Epoch e, double gradient) noexcept nogil:
    if fabs(gradient) > MAX_GRADIENT:
        gradient = MAX_GRADIENT if gradient > 0 else -MAX_GRADIENT
        e.n_clipped += 1
    return gradient
