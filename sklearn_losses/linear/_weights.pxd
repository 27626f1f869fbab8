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

from sklearn_losses.linear._rows cimport (
    index, no_index, real, row_add, row_dot, row_squared_norm,
)


# The state of the weights after some step, as far as untouched weights care. With the
# sums over all earlier states of a history, a weight that was |v| where `shift` was g
# adds s (|v| + g - shift) to the l1 norm of every state until it vanishes.
cdef struct State:
    double l1_total
    double scale             # s
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
    double *shift            # NULL: dense. What an untouched |v| has lost by each state
    State *history           # NULL: dense. All else that has to be known of it
    int now                  # the current state
    int capacity             # of states; at the last, all weights catch up
    double scale
    double smallest_scale    # below it v is rescaled
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


cdef void start_epoch(Output *o) noexcept nogil
cdef bint finish_epoch(Output *o) noexcept nogil
cdef void rescale(Output *o) noexcept nogil
cdef Py_ssize_t vanish(Output *o, Py_ssize_t j) noexcept nogil


cdef inline double shrinkage(const Output *o, double eta) noexcept nogil:
    """What the l2 penalty multiplies w by; never negative, however large the step."""
    return max(0.0, 1.0 - o.l2 * eta)


cdef inline double truncated(double z, double *received, double l1_total, double scale,
                             double inverse_scale) noexcept nogil:
    """z, moved towards zero by the l1 penalty that it has not received yet."""
    cdef double side = copysign(1.0, z)
    cdef double owed = (l1_total + side * received[0]) * inverse_scale
    cdef double step = side * (owed if owed < fabs(z) else fabs(z))
    received[0] -= scale * step
    return z - step


cdef inline void add_to_sums(Output *o, double n_rows) noexcept nogil:
    """The sums up to the current state, and with it, kept where the next will stand."""
    cdef const State *now = &o.history[o.now]
    cdef State *following = &o.history[o.now + 1]
    cdef double s = n_rows * now.scale, ss = s * now.scale, shift = o.shift[o.now]
    following.sum_s = now.sum_s + s
    following.sum_s_shift = now.sum_s_shift + s * shift
    following.sum_ss = now.sum_ss + ss
    following.sum_ss_shift = now.sum_ss_shift + ss * shift
    following.sum_ss_shift2 = now.sum_ss_shift2 + ss * shift * shift


cdef inline void add_state(Output *o, double eta, double inverse_scale) noexcept nogil:
    """The state after a step becomes the current one."""
    o.now += 1
    o.shift[o.now] = o.shift[o.now - 1] + o.l1 * eta * inverse_scale
    o.history[o.now].l1_total = o.l1_total
    o.history[o.now].scale = o.scale


cdef inline double penalty_between(const Output *o, Py_ssize_t since, Py_ssize_t until,
                                   double reach) noexcept nogil:
    """The penalty of one weight, with |w| = s (reach - shift), over some states."""
    cdef const State *a = &o.history[since]
    cdef const State *b = &o.history[until]
    cdef double l1 = reach * (b.sum_s - a.sum_s) - (b.sum_s_shift - a.sum_s_shift)
    cdef double l2
    if o.l2 == 0.0:
        return o.l1 * l1
    l2 = (reach * reach * (b.sum_ss - a.sum_ss)
          - 2.0 * reach * (b.sum_ss_shift - a.sum_ss_shift)
          + (b.sum_ss_shift2 - a.sum_ss_shift2))
    return o.l1 * l1 + o.l2 / 2.0 * l2


cdef inline void catch_up(Output *o, Py_ssize_t j, Py_ssize_t end) noexcept nogil:
    """Move weight j to the current state, and count its penalty in states before `end`."""
    cdef double v = o.v[j], lost, reach
    cdef Py_ssize_t since
    if v == 0.0:
        return  # it cannot move, and costs nothing
    since = o.seen[j]
    lost = o.shift[o.now] - o.shift[since]
    reach = fabs(v) + o.shift[since]
    if lost < fabs(v):
        o.received[j] = -copysign(o.l1_total, v)
        o.v[j] = copysign(fabs(v) - lost, v)
    else:
        end = vanish(o, j)
    if o.counts_penalty:
        o.penalty_sum += penalty_between(o, since, end, reach)


cdef inline void before_step(Output *o, double eta, Py_ssize_t n_rows) noexcept nogil:
    """Make room for a step, and count the penalty of the current state for its rows."""
    if o.counts_penalty and o.seen != NULL:
        add_to_sums(o, n_rows)
    if o.scale * shrinkage(o, eta) < o.smallest_scale or (
            o.seen != NULL and o.now == o.capacity):
        rescale(o)
    if o.counts_penalty and o.seen == NULL:
        o.penalty_sum += n_rows * (o.l1 * o.scale * o.l1_norm
                                   + o.l2 / 2.0 * o.scale * o.scale * o.squared_norm)


cdef inline void catch_up_row(Output *o, const index *columns, Py_ssize_t n) noexcept nogil:
    """Make v right for this row."""
    cdef Py_ssize_t k
    if index is not no_index:
        if o.seen != NULL:
            for k in range(n):
                catch_up(o, columns[k], o.now + 1)


cdef inline void take_step(Output *o, const real *x, const index *columns, Py_ssize_t n,
                           const Step *step) noexcept nogil:
    """w <- shrunk w + update x, the mean of the iterates, then the l1 norm."""
    cdef double c, dot = step.dot * shrink(o, step.eta)
    c = (1.0 / o.scale) * step.update  # the division need not wait for the gradient
    if o.received == NULL and c != 0.0:
        row_add(c, x, columns, n, o.v)
        if o.counts_penalty:
            o.squared_norm += growth(c, dot, step.squared_norm)
    if o.fit_intercept:
        o.intercept += step.update
    if step.averages:
        if c != 0.0:
            row_add(-o.average_share * c, x, columns, n, o.average)
        count_iterate(o)
    if o.received != NULL:
        o.l1_total += o.l1 * step.eta
        add_and_truncate(o, c, step.eta, x, columns, n)


cdef inline double shrink(Output *o, double eta) noexcept nogil:
    """Let the l2 penalty shrink w; returns by what v was multiplied."""
    cdef double factor = shrinkage(o, eta)
    cdef Py_ssize_t j
    if factor >= o.smallest_scale:
        o.scale *= factor
        return 1.0
    # before_step has made scale 1 and average_share 0, so v may change freely.
    for j in range(o.n_features):
        o.v[j] *= factor
    o.squared_norm *= factor * factor
    return factor


cdef inline double growth(double c, double dot, double squared_norm) noexcept nogil:
    """|v + c x|^2 - |v|^2, from v . x and x . x."""
    return c * (2.0 * dot + c * squared_norm)


cdef inline void count_iterate(Output *o) noexcept nogil:
    """Take the current weights, before the l1 norm, into the mean."""
    o.n_averaged += 1.0
    if o.n_averaged > 1.0:
        o.average_scale /= 1.0 - 1.0 / o.n_averaged
    o.average_share += o.average_scale * o.scale / o.n_averaged
    o.average_intercept += (o.intercept - o.average_intercept) / o.n_averaged


cdef inline void add_and_truncate(Output *o, double c, double eta, const real *x,
                                  const index *columns, Py_ssize_t n) noexcept nogil:
    """The gradient step of a row, and the l1 penalty of the weights that it touches."""
    cdef double *v = o.v
    cdef double *received = o.received
    cdef double l1_total = o.l1_total, scale = o.scale, inverse_scale = 1.0 / o.scale
    cdef Py_ssize_t j, k
    if index is no_index:
        for j in range(n):
            v[j] = truncated(v[j] + c * x[j], &received[j], l1_total, scale, inverse_scale)
        if o.counts_penalty:
            set_norms(o)
    else:
        for k in range(n):
            j = columns[k]
            v[j] = truncated(v[j] + c * x[k], &received[j], l1_total, scale, inverse_scale)
            o.seen[j] = o.now + 1
        add_state(o, eta, inverse_scale)


# A step of several rows is: before_step, catch_up_batch for each of them, shrink,
# add_row for each, finish_step, and, where weights wait, truncate_row for each and
# add_state. Between the first and the last a weight that several rows touch has
# seen[j] = now + 2 once it has caught up, and now + 1 once it is truncated, so that
# neither happens twice. (A second truncation would find nothing owed but rounding.)
cdef inline void catch_up_batch(Output *o, const index *columns, Py_ssize_t n) noexcept nogil:
    """Make v right for one row of a batch."""
    cdef Py_ssize_t j, k
    if index is not no_index:
        if o.seen != NULL:
            for k in range(n):
                j = columns[k]
                if o.seen[j] != o.now + 2:
                    catch_up(o, j, o.now + 1)
                    o.seen[j] = o.now + 2


cdef inline void add_row(Output *o, const real *x, const index *columns, Py_ssize_t n,
                         const Step *step) noexcept nogil:
    """w <- w + update x, for one row of a batch; w has been shrunk already."""
    cdef double c = step.update / o.scale
    if o.fit_intercept:
        o.intercept += step.update
    if c == 0.0:
        return
    if index is not no_index:
        if o.counts_penalty and o.seen == NULL:
            # v has moved since the dot of the prediction.
            o.squared_norm += growth(c, row_dot(x, columns, n, o.v), row_squared_norm(x, n))
    row_add(c, x, columns, n, o.v)
    if step.averages:
        row_add(-o.average_share * c, x, columns, n, o.average)


cdef inline void finish_step(Output *o, const Step *step, const index *columns) noexcept nogil:
    """The mean of the iterates, and the l1 norm, after the rows of a batch were added."""
    if step.averages:
        count_iterate(o)
    if o.received != NULL:
        o.l1_total += o.l1 * step.eta
    if index is no_index:
        if o.received != NULL:
            truncate_all(o)
        if o.counts_penalty:
            set_norms(o)


cdef inline void truncate_all(Output *o) noexcept nogil:
    """The l1 penalty of all weights."""
    cdef double *v = o.v
    cdef double *received = o.received
    cdef double l1_total = o.l1_total, scale = o.scale, inverse_scale = 1.0 / o.scale
    cdef Py_ssize_t j
    for j in range(o.n_features):
        v[j] = truncated(v[j], &received[j], l1_total, scale, inverse_scale)


cdef inline void truncate_row(Output *o, const index *columns, Py_ssize_t n) noexcept nogil:
    """The l1 penalty of the weights that one row of a batch touches."""
    cdef double inverse_scale = 1.0 / o.scale
    cdef Py_ssize_t j, k
    for k in range(n):
        j = columns[k]
        if o.seen[j] == o.now + 2:
            o.v[j] = truncated(o.v[j], &o.received[j], o.l1_total, o.scale, inverse_scale)
            o.seen[j] = o.now + 1


cdef inline void set_norms(Output *o) noexcept nogil:
    """Compute the norms of v anew, in partial sums that can be formed side by side."""
    cdef double l1[8]
    cdef double squared[8]
    cdef Py_ssize_t j, lane, whole = o.n_features - o.n_features % 8
    cdef const double *v = o.v
    for lane in range(8):
        l1[lane] = squared[lane] = 0.0
    for j in range(0, whole, 8):
        for lane in range(8):
            l1[lane] += fabs(v[j + lane])
            squared[lane] += v[j + lane] * v[j + lane]
    for j in range(whole, o.n_features):
        l1[0] += fabs(v[j])
        squared[0] += v[j] * v[j]
    o.l1_norm = o.squared_norm = 0.0
    for lane in range(8):
        o.l1_norm += l1[lane]
        o.squared_norm += squared[lane]
