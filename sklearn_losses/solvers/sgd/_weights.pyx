# cython: language_level=3
"""ScaledWeights: the weights of all outputs of a model, while SGD moves them.

The mathematics is in _weights.pxd, where kernels inline it; here are the parts that
touch every weight, and the memory.
"""

import numpy as np

from libc.math cimport INFINITY, copysign, fabs
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from sklearn_losses.design._rows cimport index, real
from sklearn_losses.solvers._fit_state import SCALARS


cdef void start_epoch(Output *o) noexcept nogil:
    """Compute the norms of v anew, so that errors do not add up."""
    o.penalty_sum = 0.0
    if o.counts_penalty:
        set_norms(o)


cdef bint finish_epoch(Output *o) noexcept nogil:
    """Correct the penalty for what has vanished; returns whether all weights are finite."""
    cdef Py_ssize_t j, lane, whole = o.n_features - o.n_features % 8
    cdef double nothing[8]  # nan unless all terms are finite
    if o.counts_penalty:
        notice_all(o, o.now)  # the current state is not counted yet
    for lane in range(8):
        nothing[lane] = 0.0 * o.intercept
    for j in range(0, whole, 8):
        for lane in range(8):
            nothing[lane] += 0.0 * o.v[j + lane]
    for j in range(whole, o.n_features):
        nothing[0] += 0.0 * o.v[j]
    for lane in range(1, 8):
        nothing[0] += nothing[lane]
    return nothing[0] == 0.0


cdef void rescale(Output *o) noexcept nogil:
    """Make scale 1. Afterwards v may change without changing the average so far."""
    cdef Py_ssize_t j
    notice_all(o, o.now + 1)
    for j in range(o.n_features if o.average != NULL else 0):
        o.average[j] += o.average_share * waiting(o.v[j], o.shift)
    o.average_share = 0.0
    multiply(o, o.scale)
    o.scale = 1.0
    if o.awake != NULL:
        start_history(o)


cdef void multiply(Output *o, double factor) noexcept nogil:
    """v <- factor v. Where weights wait, none may have vanished unnoticed."""
    cdef Py_ssize_t j
    for j in range(o.n_features):
        if o.awake == NULL:
            o.v[j] *= factor
        elif o.awake[j]:
            o.v[j] = reaching(factor * waiting(o.v[j], o.shift), o.l1_total)
    o.shift = o.l1_total if o.waits else 0.0
    o.l1_norm *= factor
    o.squared_norm *= factor * factor


cdef void start_history(Output *o) noexcept nogil:
    """The current state is state 0."""
    o.now = 0
    memset(o.history, 0, 2 * sizeof(State))
    o.history[0].shift = o.shift
    o.history[0].l1_total = o.l1_total
    o.history[0].scale = o.scale


cdef void add_to_waiting(Output *o, double c, const real *x, const index *columns,
                         Py_ssize_t n) noexcept nogil:
    """v <- v + c x, where it matters which weights are awake.

    What depends on it is looked up: a branch would be mispredicted every other time.
    """
    if o.l2 == 0.0:
        add_counting(o, c, x, columns, n)
    else:
        add_crossing(o, c, x, columns, n)


cdef inline void add_counting(Output *o, double c, const real *x, const index *columns,
                              Py_ssize_t n) noexcept nogil:
    """v <- v + c x without an l2 norm, where only counting has to know who is awake."""
    cdef double least[2]     # entry 0 for a zero weight, entry 1 for one that is awake
    cdef double counted[2]
    cdef double old, new, by_l1 = 0.0, shift = o.shift
    cdef double *v = o.v
    cdef unsigned char *awake = o.awake
    cdef Py_ssize_t j, k, born = 0
    cdef int was, becomes
    least[0], least[1] = 0.0, shift
    counted[0], counted[1] = 0.0, 1.0
    for k in range(n):
        j = columns[k]
        if fabs(v[j]) < least[awake[j]]:
            notice(o, j, o.now + 1)
        was = awake[j]
        old = v[j]
        new = old + c * x[k]
        becomes = fabs(new) > shift
        v[j] = new
        awake[j] = becomes
        born += becomes - was
        by_l1 += (counted[becomes] * (fabs(new) - shift)
                  - counted[was] * (fabs(old) - shift))
    o.n_awake += born
    o.l1_norm += by_l1


cdef inline void add_crossing(Output *o, double c, const real *x, const index *columns,
                              Py_ssize_t n) noexcept nogil:
    """v <- v + c x with an l2 norm, where what is held has two meanings."""
    cdef double factor[2]    # entry 0 for a zero weight, entry 1 for one that is awake
    cdef double least[2]     # of what is held, with its old sign, lest it changes meaning
    cdef double most[2]
    cdef double counted[2]
    cdef double old, new, size, grown, by_l1 = 0.0, by_square = 0.0, shift = o.shift
    cdef double *v = o.v
    cdef const unsigned char *flags = o.awake
    cdef Py_ssize_t j, k
    cdef int awake
    cdef bint counts = o.counts_penalty
    factor[0], factor[1] = c * o.scale, c
    least[0], least[1] = -o.l1_total, shift
    most[0], most[1] = o.l1_total, INFINITY
    counted[0], counted[1] = 0.0, 1.0
    for k in range(n):
        j = columns[k]
        awake = flags[j]
        old = v[j]
        new = old + factor[awake] * x[k]
        size = copysign(1.0, old) * new
        if least[awake] <= min(size, fabs(old)) and size <= most[awake]:
            v[j] = new
            if counts:
                grown = counted[awake] * (size - fabs(old))
                by_l1 += grown
                by_square += grown * (size + fabs(old) - 2.0 * shift)
        else:
            cross(o, j, c * o.scale * x[k])
    o.l1_norm += by_l1
    o.squared_norm += by_square


cdef void cross(Output *o, Py_ssize_t j, double step) noexcept nogil:
    """w_j += step, for a waiting weight that may vanish, appear or change its sign."""
    cdef double pulls[2]     # w - received, if the weight is zero and if it is not
    cdef double held[2]      # what is held then
    cdef double old, new, pull
    cdef int was, becomes
    if o.awake[j] and fabs(o.v[j]) < o.shift:
        notice(o, j, o.now + 1)
    was = o.awake[j]
    old = fabs(o.v[j]) - o.shift
    pulls[0], pulls[1] = o.v[j], copysign(o.l1_total + o.scale * old, o.v[j])
    pull = pulls[was] + step
    new = (fabs(pull) - o.l1_total) / o.scale
    becomes = not new <= 0.0
    held[0], held[1] = pull, copysign(new + o.shift, pull)
    o.v[j] = held[becomes]
    o.awake[j] = becomes
    o.n_awake += becomes - was
    o.l1_norm += becomes * new - was * old
    o.squared_norm += becomes * new * new - was * old * old


cdef inline double reaching(double v, double shift) noexcept nogil:
    """What is held of a weight that is not zero."""
    return copysign(fabs(v) + shift, v)


cdef void notice_all(Output *o, Py_ssize_t end) noexcept nogil:
    """Notice every weight that has vanished; see `notice`."""
    cdef double least[2]
    cdef Py_ssize_t j
    least[0], least[1] = 0.0, o.shift
    for j in range(o.n_features if o.awake != NULL else 0):
        if fabs(o.v[j]) < least[o.awake[j]]:
            notice(o, j, end)


cdef void notice(Output *o, Py_ssize_t j, Py_ssize_t end) noexcept nogil:
    """A weight has vanished: hold minus what it had received by then, and take out of the
    penalty what was counted for it since then, in the states before `end`.
    """
    cdef double reach = fabs(o.v[j])
    cdef const State *a = first_state_beyond(o, reach)
    cdef const State *b = &o.history[end]
    if o.counts_penalty:
        o.penalty_sum -= (b.constant - a.constant + reach * (
            b.linear - a.linear + reach * (b.square - a.square)))
    o.n_awake -= 1.0
    o.l1_norm -= reach - o.shift
    o.squared_norm -= (reach - o.shift) * (reach - o.shift)
    o.awake[j] = False
    # The last step took what was left of it.
    o.v[j] = copysign(a.l1_total - a.scale * (a.shift - reach), o.v[j])


cdef const State *first_state_beyond(const Output *o, double reach) noexcept nogil:
    """The first state whose shift is at least so large; the current one's is."""
    cdef Py_ssize_t alive = -1, dead = o.now, back
    cdef double steps
    while dead - alive > 1:
        # Steps differ little, so look where it was if all were as long as this one.
        steps = o.history[dead].shift - o.history[dead - 1].shift
        steps = (o.history[dead].shift - reach) / steps
        back = (dead - alive) // 2
        if steps < dead - alive - 1:
            back = 1 + <Py_ssize_t> steps
        if o.history[dead - back].shift < reach:
            alive = dead - back
        else:
            dead -= back
    return &o.history[dead]


cdef void hold(Output *o, const double *received) noexcept nogil:
    """Let the weights v, which have received that much, wait. NULL: nothing."""
    cdef Py_ssize_t j
    o.waits = True
    o.shift = o.l1_total / o.scale
    for j in range(o.n_features):
        if o.awake != NULL:
            o.awake[j] = o.v[j] != 0.0
            o.n_awake += o.awake[j]
        if o.v[j] != 0.0:
            o.v[j] = reaching(o.v[j], o.shift)
        elif received != NULL:
            o.v[j] = -received[j]


cdef void release(Output *o, double *v, double *received) noexcept nogil:
    """The weights that wait, and what they have received."""
    cdef Py_ssize_t j
    notice_all(o, o.now)
    for j in range(o.n_features):
        v[j] = waiting(o.v[j], o.shift)
        if fabs(o.v[j]) < o.shift:
            received[j] = -o.v[j]
        else:
            received[j] = -copysign(o.l1_total, o.v[j])


cdef class ScaledWeights:
    """The weights of all outputs, with everything that a later fit needs to go on.

    Parameters
    ----------
    state : dict of str to ndarray of float64
        From `start_of` or an earlier `state`, with an "average" if this fit needs
        one. It is copied.
    penalty : Price
    fit_intercept : bool
    counts_penalty : bool
        Whether an epoch adds up the penalty of its states.
    is_sparse : bool
        Whether the rows are, so that weights may wait.
    eta : float
        The step size, of schedules that keep one.
    truncates : bool, default=True
        Whether steps apply the l1 norm as above; False: the kernel does it in its way.
    """

    def __cinit__(self, state, penalty, fit_intercept, counts_penalty, is_sparse, eta,
                  bint truncates=True):
        cdef Py_ssize_t k
        cdef Output *o
        cdef double[:, ::1] v, average, received = None
        cdef unsigned char[:, ::1] awake
        cdef bint has_total = truncates and penalty.l1 > 0
        cdef bint waits = is_sparse and has_total
        self.arrays = {
            name: array.copy() for name, array in state.items()
            if name != "received" or not waits
        }
        v = self.arrays["v"]
        average = self.arrays.get("average")
        if waits:
            received = state.get("received")
        elif has_total:
            received = self.arrays.setdefault("received", np.zeros_like(state["v"]))
        self.n_outputs = v.shape[0]
        if waits:
            awake = self.awake = np.empty(state["v"].shape, dtype=np.uint8)
        self.outputs = <Output *> calloc(self.n_outputs, sizeof(Output))
        if self.outputs == NULL:
            raise MemoryError
        for k in range(self.n_outputs):
            o = &self.outputs[k]
            o.n_features = v.shape[1]
            o.l1 = penalty.l1
            o.l2 = penalty.l2
            o.fit_intercept = fit_intercept
            o.counts_penalty = counts_penalty and (penalty.l1 > 0 or penalty.l2 > 0)
            o.v = &v[k, 0]
            o.average = &average[k, 0] if average is not None else NULL
            (o.scale, o.intercept, o.l1_total, o.n_averaged, o.average_scale,
             o.average_share, o.average_intercept) = [
                 self.arrays[name][k] for name in SCALARS]
            o.eta = eta
            if penalty.l1 > 0 and penalty.l2 == 0 and o.scale != 1.0:
                rescale(o)  # from here on scale stays 1
            if waits:
                if penalty.l2 > 0 or o.counts_penalty:
                    o.awake = &awake[k, 0]
                    # So long that to look at all weights when it is full costs little.
                    o.capacity = max(1024, v.shape[1] // 8)
                    o.history = <State *> calloc(o.capacity + 2, sizeof(State))
                    if o.history == NULL:
                        raise MemoryError
                hold(o, NULL if received is None else &received[k, 0])
                if o.awake != NULL:
                    start_history(o)
            elif has_total:
                o.received = &received[k, 0]
            # Smaller scales cost digits. The average with an l1 norm depends on when v
            # is rescaled (see docs/differences.md): as scikit-learn.
            o.smallest_scale = 1e-9 if penalty.l1 > 0 and average is not None else 1e-4

    def __dealloc__(self):
        cdef Py_ssize_t k
        if self.outputs != NULL:
            for k in range(self.n_outputs):
                free(self.outputs[k].history)
            free(self.outputs)

    def restrict(self, const unsigned char[:, ::1] moves):
        """Let only some weights and intercepts learn.

        Parameters
        ----------
        moves : ndarray of uint8 of shape (n_outputs, n_features + 1)
            The last column is that of the intercepts. An output of which no weight
            moves is a number; of which weights do, `GradientSteps` knows.
        """
        cdef Py_ssize_t k, d = moves.shape[1] - 1
        for k in range(self.n_outputs):
            self.outputs[k].fit_intercept = moves[k, d]
            self.outputs[k].is_number = not np.any(moves[k, :d])
            self.outputs[k].counts_penalty &= not self.outputs[k].is_number

    def state(self):
        """A copy of all that a later fit needs to go on from here; see `start_of`."""
        cdef Py_ssize_t k
        cdef Output *o
        cdef double[:, ::1] v, received
        result = {name: array.copy() for name, array in self.arrays.items()}
        if self.outputs[0].waits:
            v, received = result["v"], np.empty_like(result["v"])
            result["received"] = received.base
        for k in range(self.n_outputs):
            o = &self.outputs[k]
            for name, value in zip(SCALARS, (
                    o.scale, o.intercept, o.l1_total, o.n_averaged, o.average_scale,
                    o.average_share, o.average_intercept)):
                result[name][k] = value
            if o.waits:
                release(o, &v[k, 0], &received[k, 0])
        return result

    def decrease_eta(self, Py_ssize_t k, double factor, double smallest):
        """Divide output k's step size, unless it is as small as it may get.

        Returns
        -------
        bool
            Whether it was divided.
        """
        if self.outputs[k].eta <= smallest:
            return False
        self.outputs[k].eta /= factor
        return True

    def step_sizes(self):
        """The step size that each output keeps, as a list."""
        return [self.outputs[k].eta for k in range(self.n_outputs)]


def make_room_for_mean(state):
    """Add the array of the mean of the iterates, if the state lacks it.

    Parameters
    ----------
    state : dict
        It is changed.
    """
    if "average" not in state:
        state["average"] = np.zeros_like(state["v"])


def drop_mean(state):
    """Forget the mean of the iterates, so that a later one begins anew.

    Parameters
    ----------
    state : dict
        It is changed, its arrays are not.
    """
    n_outputs = len(state["v"])
    state.pop("average", None)
    for name in ("n_averaged", "average_share", "average_intercept"):
        state[name] = np.zeros(n_outputs)
    state["average_scale"] = np.ones(n_outputs)


def drop_l1_total(state):
    """Forget the l1 penalty that weights could have received, and what each did.

    Parameters
    ----------
    state : dict
        It is changed, its arrays are not.
    """
    state.pop("received", None)
    state["l1_total"] = np.zeros(len(state["v"]))
