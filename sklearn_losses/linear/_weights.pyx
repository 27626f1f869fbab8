# cython: language_level=3
"""ScaledWeights: the weights of all outputs of a model, while SGD moves them.

The mathematics is in _weights.pxd, where kernels inline it; here are the parts that
touch every weight, and the memory.
"""

import numpy as np

from libc.stdlib cimport calloc, free
from libc.string cimport memset


cdef void start_epoch(Output *o) noexcept nogil:
    """Begin a history, and compute the norms of v anew, so that errors do not add up."""
    o.penalty_sum = 0.0
    if o.seen != NULL:
        start_history(o)
    elif o.counts_penalty:
        set_norms(o)


cdef bint finish_epoch(Output *o) noexcept nogil:
    """Let all weights catch up with the current state, which is not counted yet.

    Returns whether they are finite.
    """
    cdef Py_ssize_t j, lane, whole = o.n_features - o.n_features % 8
    cdef double nothing[8]  # nan unless all terms are finite
    for j in range(o.n_features if o.seen != NULL else 0):
        catch_up(o, j, o.now)
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
    for j in range(o.n_features if o.seen != NULL else 0):
        catch_up(o, j, o.now + 1)
    for j in range(o.n_features):
        if o.average != NULL:
            o.average[j] += o.average_share * o.v[j]
        o.v[j] *= o.scale
    o.average_share = 0.0
    o.l1_norm *= o.scale
    o.squared_norm *= o.scale * o.scale
    o.scale = 1.0
    if o.seen != NULL:
        start_history(o)
        if o.counts_penalty:
            add_to_sums(o, 0.0)  # the current state has been counted


cdef void start_history(Output *o) noexcept nogil:
    """The current state is state 0."""
    o.now = 0
    memset(o.seen, 0, o.n_features * sizeof(int))
    memset(o.history, 0, sizeof(State))
    o.shift[0] = 0.0
    o.history[0].l1_total = o.l1_total
    o.history[0].scale = o.scale


cdef Py_ssize_t vanish(Output *o, Py_ssize_t j) noexcept nogil:
    """Make weight j zero; returns the state in which, waiting, it has become so."""
    cdef double size = fabs(o.v[j]), start = o.shift[o.seen[j]]
    cdef Py_ssize_t alive = o.seen[j], dead = o.now, middle
    while dead - alive > 1:
        middle = (alive + dead) // 2
        if o.shift[middle] - start < size:
            alive = middle
        else:
            dead = middle
    # The last step took what was left of it.
    size = o.history[dead].scale * (size - (o.shift[alive] - start))
    o.received[j] = -copysign(o.history[alive].l1_total + size, o.v[j])
    o.v[j] = 0.0
    return dead


cdef class ScaledWeights:
    """The weights of all outputs, with everything that a later fit needs to go on.

    Parameters
    ----------
    state : dict of str to ndarray of float64
        From `first_state` or an earlier `state`, with room made for what this fit
        needs. It is copied. Without "received" the l1 norm is left to the kernel.
    penalty : Penalty
    fit_intercept : bool
    counts_penalty : bool
        Whether an epoch adds up the penalty of its states.
    is_sparse : bool
        Whether the rows are, so that weights may wait.
    eta : float
        The step size, of schedules that keep one.
    """

    def __cinit__(self, state, penalty, fit_intercept, counts_penalty, is_sparse, eta):
        cdef Py_ssize_t k
        cdef Output *o
        cdef double[:, ::1] v, average, received
        cdef int[:, ::1] seen
        self.arrays = {name: array.copy() for name, array in state.items()}
        v = self.arrays["v"]
        average = self.arrays.get("average")
        received = self.arrays.get("received") if penalty.l1 > 0 else None
        self.n_outputs = v.shape[0]
        self.outputs = <Output *> calloc(self.n_outputs, sizeof(Output))
        if self.outputs == NULL:
            raise MemoryError
        waits = is_sparse and received is not None
        if waits:
            seen = np.zeros((v.shape[0], v.shape[1]), dtype=np.intc)
            self.seen = seen.base
        for k in range(self.n_outputs):
            o = &self.outputs[k]
            o.n_features = v.shape[1]
            o.l1 = penalty.l1
            o.l2 = penalty.l2
            o.fit_intercept = fit_intercept
            o.counts_penalty = counts_penalty and (penalty.l1 > 0 or penalty.l2 > 0)
            o.v = &v[k, 0]
            o.average = &average[k, 0] if average is not None else NULL
            o.received = &received[k, 0] if received is not None else NULL
            if waits:
                o.seen = &seen[k, 0]
                # So long that to let all weights catch up costs little a step.
                o.capacity = max(1024, v.shape[1] // 8)
                o.shift = <double *> calloc(o.capacity + 1, sizeof(double))
                o.history = <State *> calloc(o.capacity + 2, sizeof(State))
                if o.shift == NULL or o.history == NULL:
                    raise MemoryError
            (o.scale, o.intercept, o.l1_total, o.n_averaged, o.average_scale,
             o.average_share, o.average_intercept) = [
                 self.arrays[name][k] for name in SCALARS]
            o.eta = eta
            # Smaller scales cost digits. The average with an l1 norm depends on when v
            # is rescaled (see README, "Averages with an l1 norm"): as scikit-learn.
            o.smallest_scale = 1e-9 if penalty.l1 > 0 and average is not None else 1e-4

    def __dealloc__(self):
        cdef Py_ssize_t k
        if self.outputs != NULL:
            for k in range(self.n_outputs):
                free(self.outputs[k].shift)
                free(self.outputs[k].history)
            free(self.outputs)

    def state(self):
        """A copy of all that a later fit needs to go on from here; see `first_state`."""
        cdef Py_ssize_t k
        cdef Output *o
        result = {name: array.copy() for name, array in self.arrays.items()}
        for k in range(self.n_outputs):
            o = &self.outputs[k]
            for name, value in zip(SCALARS, (
                    o.scale, o.intercept, o.l1_total, o.n_averaged, o.average_scale,
                    o.average_share, o.average_intercept)):
                result[name][k] = value
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


SCALARS = ("scale", "intercept", "l1_total", "n_averaged", "average_scale",
           "average_share", "average_intercept")


def first_state(coef, intercept):
    """The state of a fit that begins at `coef` and `intercept`.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)

    Returns
    -------
    dict of str to ndarray of float64
        Every array has an entry or a row for each output, so that states of some
        outputs can be cut out and put together.
    """
    coef = np.array(coef, dtype=np.float64, order="C")
    state = {name: np.zeros(len(coef)) for name in SCALARS}
    state["scale"][:] = state["average_scale"][:] = 1.0
    state["intercept"][:] = intercept
    return state | {"v": coef}


def make_room(state, averages, has_l1):
    """Add the arrays that an average, or an l1 norm, needs and the state lacks.

    Parameters
    ----------
    state : dict
        It is changed.
    averages, has_l1 : bool
    """
    for name, wanted in (("average", averages), ("received", has_l1)):
        if wanted and name not in state:
            state[name] = np.zeros_like(state["v"])


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


def coefficients(state):
    """The coefficients and intercepts that a state stands for.

    Parameters
    ----------
    state : dict
        From :meth:`ScaledWeights.state`.

    Returns
    -------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
        The mean of the iterates where one has begun, else the last iterate.
    """
    coef, intercept = state["v"] * state["scale"][:, None], state["intercept"].copy()
    has_mean = state["n_averaged"] > 0
    if has_mean.any():
        mean = state["average"] + state["average_share"][:, None] * state["v"]
        mean /= state["average_scale"][:, None]
        coef[has_mean] = mean[has_mean]
        intercept[has_mean] = state["average_intercept"][has_mean]
    return coef, intercept
