# cython: language_level=3
"""One output's weights w = scale * v, and the steps that SGD takes with them.

Shrinking all of w multiplies one number, so a step costs what its row has entries. Two
ideas keep everything else as cheap:

**Averages** (Bottou 2012, "Stochastic gradient descent tricks", section 5.3): the mean
of the iterates is (average + average_share * v) / average_scale, and only the entries
of `average` that a row touches change.

**The l1 norm** (Tsuruoka, Tsujii and Ananiadou 2009): `l1_total` is the penalty that a
weight could have received by now and `received` what each did, with its sign. After a
gradient step a weight is moved to zero by the difference, at the most to zero. That
would touch every weight at every step. Dense rows do touch every weight. Sparse rows
leave an untouched weight behind and let it catch up when a row touches it again: while
it waits it only moves towards zero, so `history` tells where it is now, when it
vanished, and what it added to the penalty on the way.

Weights are float64 whatever X is.
"""

from libc.math cimport copysign, fabs

from sklearn_losses.linear._rows cimport index, no_index, real, row_add


# The state of the weights after some step, as far as untouched weights care. With the
# sums over all earlier states of a history, a weight that was |v| where `shift` was g
# adds s (|v| + g - shift) to the l1 norm of every state until it vanishes.
cdef struct State:
    double l1_total
    double scale             # s
    double shift             # what an untouched |v| has lost since the history began
    double sum_s             # sums over the earlier states that are counted
    double sum_s_shift
    double sum_ss
    double sum_ss_shift
    double sum_ss_shift2


cdef struct Output:
    Py_ssize_t n_features
    double l1                # the penalty
    double l2
    bint fit_intercept
    bint counts_penalty      # whether penalty_sum is wanted
    double *v
    double *average          # NULL: no averaging
    double *received         # NULL: no l1 norm
    int *seen                # NULL: dense. The state in which v[j] is right
    State *history           # NULL: dense
    int now                  # the current state
    int capacity             # of states; at the last, all weights catch up
    double scale
    double intercept
    double n_averaged        # how many iterates the mean has
    double average_scale
    double average_share
    double average_intercept
    double l1_total
    double eta               # the step size, where it does not depend on the step
    double l1_norm           # of v; dense rows with an l1 norm only
    double squared_norm      # of v; not where weights wait
    double penalty_sum       # the penalty of every state that was counted, added up


cdef struct Step:
    double dot               # v . x
    double squared_norm      # x . x, where the penalty is counted
    double update            # w += update x
    double eta               # the step size
    bint averages            # whether this iterate belongs to the mean


cdef class ScaledWeights:
    cdef Output *outputs
    cdef readonly Py_ssize_t n_outputs
    cdef dict arrays         # the memory behind the outputs
    cdef object seen


cdef double SMALLEST_SCALE

cdef void start_epoch(Output *o) noexcept nogil
cdef bint finish_epoch(Output *o) noexcept nogil
cdef void rescale(Output *o) noexcept nogil
cdef void catch_up(Output *o, Py_ssize_t j, Py_ssize_t end) noexcept nogil
cdef void add_state(Output *o, double eta) noexcept nogil


cdef inline double shrinkage(const Output *o, double eta) noexcept nogil:
    """What the l2 penalty multiplies w by; never negative, however large the step."""
    return max(0.0, 1.0 - o.l2 * eta)


cdef inline double truncated(double z, double *received, double l1_total,
                             double scale) noexcept nogil:
    """z, moved towards zero by the l1 penalty that it has not received yet."""
    cdef double owed, result
    if z == 0.0:
        return z
    owed = (l1_total + (received[0] if z > 0 else -received[0])) / scale
    result = copysign(max(0.0, fabs(z) - owed), z)
    received[0] += scale * (result - z)
    return result


cdef inline void before_step(Output *o, const index *columns, Py_ssize_t n,
                             double eta) noexcept nogil:
    """Make v right for this row, and count the penalty of the current state."""
    cdef Py_ssize_t j
    if o.scale * shrinkage(o, eta) < SMALLEST_SCALE or (
            o.history != NULL and o.now == o.capacity):
        rescale(o)
    if index is not no_index:
        if o.seen != NULL:
            for j in range(n):
                catch_up(o, columns[j], o.now + 1)
            return
    if o.counts_penalty:
        o.penalty_sum += (o.l1 * o.scale * o.l1_norm
                          + o.l2 / 2.0 * o.scale * o.scale * o.squared_norm)


cdef inline void take_step(Output *o, const real *x, const index *columns, Py_ssize_t n,
                           const Step *step) noexcept nogil:
    """w <- shrunk w + update x, the mean of the iterates, then the l1 norm."""
    cdef double c, shrink = shrinkage(o, step.eta), dot = step.dot
    cdef Py_ssize_t j
    if shrink >= SMALLEST_SCALE:
        o.scale *= shrink
    else:
        # before_step has made scale 1 and average_share 0, so v may change freely.
        for j in range(o.n_features):
            o.v[j] *= shrink
        dot *= shrink
        o.squared_norm *= shrink * shrink
    c = step.update / o.scale
    if o.received == NULL and c != 0.0:
        row_add(c, x, columns, n, o.v)
        if o.counts_penalty:
            o.squared_norm += c * (2.0 * dot + c * step.squared_norm)
    if o.fit_intercept:
        o.intercept += step.update
    if step.averages:
        o.n_averaged += 1.0
        if c != 0.0:
            row_add(-o.average_share * c, x, columns, n, o.average)
        if o.n_averaged > 1.0:
            o.average_scale /= 1.0 - 1.0 / o.n_averaged
        o.average_share += o.average_scale * o.scale / o.n_averaged
        o.average_intercept += (o.intercept - o.average_intercept) / o.n_averaged
    if o.received != NULL:
        o.l1_total += o.l1 * step.eta
        if index is no_index:
            add_and_truncate_all(o, c, x)
        else:
            for j in range(n):
                o.v[columns[j]] = truncated(o.v[columns[j]] + c * x[j],
                                            &o.received[columns[j]], o.l1_total, o.scale)
                o.seen[columns[j]] = o.now + 1
            add_state(o, step.eta)


cdef inline void add_and_truncate_all(Output *o, double c, const real *x) noexcept nogil:
    """A dense row's gradient step and l1 penalty in one pass, and the norms after it."""
    cdef Py_ssize_t j
    cdef double l1_norm = 0.0, squared_norm = 0.0
    for j in range(o.n_features):
        o.v[j] = truncated(o.v[j] + c * x[j], &o.received[j], o.l1_total, o.scale)
        l1_norm += fabs(o.v[j])
        squared_norm += o.v[j] * o.v[j]
    o.l1_norm = l1_norm
    o.squared_norm = squared_norm
