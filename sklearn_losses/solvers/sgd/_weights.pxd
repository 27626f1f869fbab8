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
would touch every weight at every step. Dense rows do touch every weight. With sparse rows
the weights wait: in place of v is held what only changes when a row touches it.

- All weights that are not zero have lost the same. Held is their reach, with their sign:
  v = +-(reach - shift), with one shift for all. Once shift exceeds the reach, the weight
  has vanished, which may be noticed later.
- A zero weight stays zero while what it has received is at most l1_total. Held is minus
  that, so that w - received, which no truncation changes, grows by what is added to w.

As l1_total <= shift, v = held -+ shift or 0 in both cases. Without an l2 norm both are the
same number, w - received, and it does not matter which it is: a step costs what it costs
without a penalty. Else, or if the penalty is to be counted, `awake` tells which weights
have a reach, and `history` when one has vanished and what it had received by then.

Weights are float64 whatever X is.
"""

from libc.math cimport INFINITY, copysign, fabs

from sklearn_losses.design._rows cimport (
    add_products, index, no_index, real, row_add, row_add_twice, row_dot, row_squared_norm,
    sum_with_rest,
)

# What has to be known of the state of the weights after some step to tell what a weight
# that has vanished by then would have added to the penalty: with reach r and the sums over
# all earlier states of a history, constant + linear r + square r^2.
cdef struct State:
    double shift
    double l1_total
    double scale
    double constant
    double linear
    double square


cdef struct Output:
    Py_ssize_t n_features
    double l1                # the penalty
    double l2
    bint fit_intercept
    bint is_number           # whether it has an intercept alone, and v stays 0
    bint counts_penalty      # whether penalty_sum is wanted
    bint waits               # whether weights wait, as above
    double *v                # or what is held in its place
    double *average          # NULL: no averaging
    double *received         # NULL: no l1 norm, or weights wait
    unsigned char *awake     # as above; NULL: no weights wait, or it does not matter
    State *history           # where awake is not NULL
    int now                  # the current state
    int capacity             # of states
    double scale
    double smallest_scale    # below it v is rescaled
    double intercept
    double n_averaged        # how many iterates the mean has
    double average_scale
    double average_share
    double average_intercept
    double l1_total
    double shift             # what waiting weights have lost
    double n_awake           # how many of them have a reach
    double eta               # the step size, where it does not depend on the step
    double l1_norm           # of v; with an l1 norm only. Of a waiting weight that has
    double squared_norm      # of v      vanished unnoticed, the powers of reach - shift
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
    cdef object awake


cdef void start_epoch(Output *o) noexcept nogil
cdef bint finish_epoch(Output *o) noexcept nogil
cdef void rescale(Output *o) noexcept nogil
cdef void multiply(Output *o, double factor) noexcept nogil
cdef void start_history(Output *o) noexcept nogil
cdef void notice_all(Output *o, Py_ssize_t end) noexcept nogil
cdef void add_to_waiting(Output *o, double c, const real *x, const index *columns,
                         Py_ssize_t n) noexcept nogil


cdef inline Py_ssize_t used(const Output *o, Py_ssize_t n) noexcept nogil:
    """How many of the n entries of a row an output uses."""
    return 0 if o.is_number else n


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


cdef inline void before_step(Output *o, double eta, Py_ssize_t n_rows) noexcept nogil:
    """Make room for a step, and count the penalty of the current state for its rows."""
    if o.counts_penalty:
        count_penalty(o, n_rows)
    if o.scale * shrinkage(o, eta) < o.smallest_scale:
        rescale(o)
    elif o.awake != NULL and o.now == o.capacity:
        notice_all(o, o.now + 1)
        start_history(o)


cdef inline void count_penalty(Output *o, Py_ssize_t n_rows) noexcept nogil:
    cdef double l1 = n_rows * o.l1 * o.scale, l2 = n_rows * o.l2 / 2.0 * o.scale * o.scale
    o.penalty_sum += l1 * o.l1_norm + l2 * o.squared_norm
    if o.awake != NULL:
        add_to_sums(o, l1, l2)


cdef inline void add_to_sums(Output *o, double l1, double l2) noexcept nogil:
    """The sums up to the current state, and with it, kept where the next will stand."""
    cdef const State *now = &o.history[o.now]
    cdef State *following = &o.history[o.now + 1]
    following.constant = now.constant + (l2 * o.shift - l1) * o.shift
    following.linear = now.linear + l1 - 2.0 * l2 * o.shift
    following.square = now.square + l2


cdef inline void penalize(Output *o, double eta) noexcept nogil:
    """The l1 penalty of a step, as far as it does not touch single weights."""
    cdef double lost = o.l1 * eta / o.scale
    o.l1_total += o.l1 * eta
    if o.waits:
        o.shift += lost
    if o.awake != NULL:
        o.squared_norm += lost * (lost * o.n_awake - 2.0 * o.l1_norm)
        o.l1_norm -= lost * o.n_awake
        o.now += 1
        o.history[o.now].shift = o.shift
        o.history[o.now].l1_total = o.l1_total
        o.history[o.now].scale = o.scale


cdef inline double waiting(double held, double shift) noexcept nogil:
    """The weight v that is kept as `held`."""
    return held - max(-shift, min(shift, held))


cdef inline double weights_dot(const Output *o, const real *x, const index *columns,
                               Py_ssize_t n) noexcept nogil:
    """v . x of a sparse row, to the bit as if the weights did not wait."""
    cdef double s[8]
    cdef double w[8]
    cdef Py_ssize_t j, lane, whole = n - n % 8
    if not o.waits:
        return row_dot(x, columns, n, o.v)
    for lane in range(8):
        s[lane] = 0.0
    for j in range(0, whole, 8):
        for lane in range(8):
            w[lane] = waiting(o.v[columns[j + lane]], o.shift)
        add_products(s, &x[j], <const no_index *> NULL, 0, 8, w)
    for j in range(whole, n):
        w[j - whole] = waiting(o.v[columns[j]], o.shift)
    return sum_with_rest(s, &x[whole], <const no_index *> NULL, n - whole, w)


cdef inline void add_to_weights(Output *o, double c, const real *x, const index *columns,
                                Py_ssize_t n) noexcept nogil:
    """v <- v + c x."""
    if index is not no_index:
        if o.awake != NULL:
            add_to_waiting(o, c, x, columns, n)
            return
    row_add(c, x, columns, n, o.v)


cdef inline void take_step(Output *o, const real *x, const index *columns, Py_ssize_t n,
                           const Step *step) noexcept nogil:
    """w <- shrunk w + update x, the mean of the iterates, then the l1 norm."""
    cdef double c, share, dot = step.dot * shrink(o, step.eta)
    c = (1.0 / o.scale) * step.update  # the division need not wait for the gradient
    if o.fit_intercept:
        o.intercept += step.update
    share = -o.average_share * c  # before this iterate is counted
    if step.averages:
        count_iterate(o)
    if index is no_index:
        if o.received != NULL:
            if step.averages:
                row_add(share, x, columns, n, o.average)
            penalize(o, step.eta)
            add_and_truncate(o, c, x, n)
            return
    if c != 0.0:
        if step.averages and o.awake == NULL:
            row_add_twice(c, share, x, columns, n, o.v, o.average)
        else:
            if step.averages:
                row_add(share, x, columns, n, o.average)
            add_to_weights(o, c, x, columns, n)
        if o.counts_penalty and not o.waits:
            o.squared_norm += growth(c, dot, step.squared_norm)
    if o.waits:
        penalize(o, step.eta)


cdef inline double shrink(Output *o, double eta) noexcept nogil:
    """Let the l2 penalty shrink w; returns by what v was multiplied."""
    cdef double factor = shrinkage(o, eta)
    if factor >= o.smallest_scale:
        o.scale *= factor
        return 1.0
    # before_step has made scale 1 and average_share 0, so v may change freely.
    multiply(o, factor)
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


cdef inline void add_and_truncate(Output *o, double c, const real *x,
                                  Py_ssize_t n) noexcept nogil:
    """The gradient step of a dense row, and the l1 penalty of all weights."""
    cdef double *v = o.v
    cdef double *received = o.received
    cdef double l1_total = o.l1_total, scale = o.scale, inverse_scale = 1.0 / o.scale
    cdef Py_ssize_t j
    for j in range(n):
        v[j] = truncated(v[j] + c * x[j], &received[j], l1_total, scale, inverse_scale)
    if o.counts_penalty:
        set_norms(o)


# A step of several rows is: before_step, shrink, add_row for each of them, finish_step.
cdef inline void add_row(Output *o, const real *x, const index *columns, Py_ssize_t n,
                         const Step *step) noexcept nogil:
    """w <- w + update x, for one row of a batch; w has been shrunk already."""
    cdef double c = step.update / o.scale
    if o.fit_intercept:
        o.intercept += step.update
    if c == 0.0:
        return
    if index is not no_index:
        if o.counts_penalty and not o.waits:
            # v has moved since the dot of the prediction.
            o.squared_norm += growth(c, row_dot(x, columns, n, o.v), row_squared_norm(x, n))
    add_to_weights(o, c, x, columns, n)
    if step.averages:
        row_add(-o.average_share * c, x, columns, n, o.average)


cdef inline void finish_step(Output *o, const Step *step, const index *columns) noexcept nogil:
    """The mean of the iterates, and the l1 norm, after the rows of a batch were added."""
    if step.averages:
        count_iterate(o)
    if o.received != NULL or o.waits:
        penalize(o, step.eta)
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


cdef inline void set_norms(Output *o) noexcept nogil:
    """Compute the norms of v anew, in partial sums that can be formed side by side."""
    cdef double l1[8]
    cdef double squared[8]
    cdef double size
    cdef Py_ssize_t j, lane, whole = o.n_features - o.n_features % 8
    for lane in range(8):
        l1[lane] = squared[lane] = 0.0
    if o.waits:
        for j in range(0, whole, 8):
            for lane in range(8):
                size = fabs(waiting(o.v[j + lane], o.shift))
                l1[lane] += size
                squared[lane] += size * size
    else:
        for j in range(0, whole, 8):
            for lane in range(8):
                size = fabs(o.v[j + lane])
                l1[lane] += size
                squared[lane] += size * size
    for j in range(whole, o.n_features):
        size = fabs(waiting(o.v[j], o.shift))
        l1[0] += size
        squared[0] += size * size
    o.l1_norm = o.squared_norm = 0.0
    for lane in range(8):
        o.l1_norm += l1[lane]
        o.squared_norm += squared[lane]
