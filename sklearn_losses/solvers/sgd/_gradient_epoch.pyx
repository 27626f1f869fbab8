# cython: language_level=3
"""The steps of optimizers that move every weight, and of clipped gradients.

Such a step forms the mean gradient of its batch, clips it, and hands it to the formula of
the optimizer, in _optimizer_steps.pxd. It touches every weight, also where rows are sparse:
momentum goes on where there is no gradient. So `scale` is 1 throughout, and the l1 norm is
a proximal step instead of a total that weights have still to receive.
"""

from libc.math cimport hypot, isfinite
from libc.string cimport memset

import numpy as np

from sklearn_losses.design._rows cimport (
    index, no_index, real, row_add, row_norm, row_size, row_start,
)
from sklearn_losses.solvers.sgd._weights cimport (
    Output, ScaledWeights, before_step, count_iterate, rescale, set_norms, used,
)
from sklearn_losses.solvers.sgd._optimizer_steps cimport (
    Move, adagrad_way, adam_way, amsgrad_way, momentum_way, move, nesterov_way, plain_way,
    rmsprop_way,
)
from sklearn_losses.solvers.sgd._sgd_epoch cimport (
    Batch, Epoch, begin_batch, keep_order, place, predict_batch, row_number,
    set_gradients, step_size,
)

ctypedef void (*move_fn)(const Move *m) noexcept nogil


cdef void plain(const Move *m) noexcept nogil:
    move(plain_way, m)


cdef void momentum(const Move *m) noexcept nogil:
    move(momentum_way, m)


cdef void nesterov(const Move *m) noexcept nogil:
    move(nesterov_way, m)


cdef void adagrad(const Move *m) noexcept nogil:
    move(adagrad_way, m)


cdef void rmsprop(const Move *m) noexcept nogil:
    move(rmsprop_way, m)


cdef void adam(const Move *m) noexcept nogil:
    move(adam_way, m)


cdef void amsgrad(const Move *m) noexcept nogil:
    move(amsgrad_way, m)


cdef move_fn function_of(str name) except NULL:
    if name == "sgd":
        return plain
    if name == "momentum":
        return momentum
    if name == "nesterov":
        return nesterov
    if name == "adagrad":
        return adagrad
    if name == "rmsprop":
        return rmsprop
    if name == "adam":
        return adam
    if name == "amsgrad":
        return amsgrad
    raise ValueError(f"There is no optimizer named {name!r}.")


cdef class GradientSteps:
    """The steps of one optimizer.

    Parameters
    ----------
    weights : ScaledWeights
        With the arrays that the optimizer keeps.
    optimizer : Optimizer
    settings : SGDSettings
        Which say how the gradient of a step is clipped.
    is_joint : bool
        Whether the outputs share one objective, and one norm.
    prox : callable, default=None
        (weights of some outputs, step size) -> their proximal step, of a penalty that is
        no l1 and l2 norm of all weights alike. It is called after each step.
    uses : ndarray of uint8 of shape (n_outputs, n_features), default=None
        Which weights move; None: all.
    """

    cdef ScaledWeights weights
    cdef move_fn function
    cdef double[3] params
    cdef double[:, ::1] first
    cdef double[:, ::1] second
    cdef double[:, ::1] largest
    cdef double[::1] t
    cdef double[:, ::1] gradient  # of an output's weights, and by its intercept
    cdef double clip
    cdef bint clips_entries
    cdef bint is_joint
    cdef object prox
    cdef const unsigned char[:, ::1] uses

    def __cinit__(self, ScaledWeights weights, optimizer, settings, bint is_joint,
                  prox=None, uses=None):
        cdef Py_ssize_t n
        self.weights = weights
        self.function = function_of(optimizer.name)
        for n, value in enumerate(optimizer.params()):
            self.params[n] = value
        arrays = {array: weights.arrays[key] for array, key in optimizer.keys().items()}
        self.first = arrays.get("first")
        self.second = arrays.get("second")
        self.largest = arrays.get("largest")
        self.t = arrays["t"]
        self.gradient = np.zeros((weights.n_outputs, weights.outputs[0].n_features + 1))
        self.clip = settings.clip
        self.clips_entries = settings.clip_by == "value"
        self.is_joint = is_joint
        self.prox = prox
        self.uses = uses

    def take_prox(self, const Py_ssize_t[::1] active, Epoch epoch, double rate):
        """The proximal step of the outputs that have just moved."""
        cdef Py_ssize_t k
        v = self.weights.arrays["v"]
        if self.is_joint:
            v[:] = self.prox(v, step_size(epoch, rate, &self.weights.outputs[0]))
            return
        for k in active:
            eta = step_size(epoch, rate, &self.weights.outputs[k])
            v[k : k + 1] = self.prox(v[k : k + 1], eta)

    def run(self, rows, Epoch epoch, const Py_ssize_t[::1] active):
        """One pass over the rows, as `Epoch.run`."""
        take_steps(rows.data, rows.columns, rows.starts, epoch, self, active)


def take_steps(const real[::1] data, const index[::1] columns, const index[::1] starts,
               Epoch e, GradientSteps g, const Py_ssize_t[::1] active):
    cdef Output *o
    cdef Py_ssize_t a
    cdef Batch batch
    batch.first, batch.rate = 0, 0.0
    batch.row_work = active.shape[0] * (data.shape[0] // max(1, e.y.shape[0]))
    with nogil:
        for a in range(active.shape[0]):
            if e.weights.outputs[active[a]].scale != 1.0:
                rescale(&e.weights.outputs[active[a]])
        while batch.first < e.n_rows:
            begin_batch(e, &batch)
            for a in range(active.shape[0]):
                before_step(&e.weights.outputs[active[a]], 0.0, batch.n)
            if not predict_batch(data, columns, starts, e, active, &batch):
                break
            set_gradients(e, active, &batch)
            add_gradients(data, columns, starts, e, g, active, &batch)
            clip_gradients(g, active)
            for a in range(active.shape[0]):
                o = &e.weights.outputs[active[a]]
                take_step(e, g, active[a], step_size(e, batch.rate, o))
            keep_order(e)
            if g.prox is not None:
                with gil:
                    g.take_prox(active, e, batch.rate)
            batch.first += batch.n
            e.t += 1.0


cdef inline void add_gradients(const real[::1] data, const index[::1] columns,
                               const index[::1] starts, Epoch e, GradientSteps g,
                               const Py_ssize_t[::1] active,
                               const Batch *batch) noexcept nogil:
    """The mean gradients of a batch, by the weights and the intercept of each output."""
    cdef Py_ssize_t a, b, k, i, m, start, n, d = e.weights.outputs[0].n_features
    cdef const index *j = NULL
    cdef double c
    for a in range(active.shape[0]):
        memset(&g.gradient[active[a], 0], 0, (d + 1) * sizeof(double))
    for b in range(batch.n):
        i = row_number(e, batch, b)
        start = row_start(i, starts, d)
        n = row_size(i, starts, d)
        if index is not no_index:
            j = &columns[start]
        for a in range(active.shape[0]):
            k = active[a]
            c = e.gradient[place(e, b, k)] / batch.n
            if c != 0.0:
                row_add(c, &data[start], j, used(&e.weights.outputs[k], n),
                        &g.gradient[k, 0])
            if e.weights.outputs[k].fit_intercept:
                g.gradient[k, d] += c
    if g.uses is not None:
        for a in range(active.shape[0]):
            for m in range(d):
                g.gradient[active[a], m] *= g.uses[active[a], m]


# ------------------------------------------------------------------------ clipping
cdef inline void clip_gradients(GradientSteps g, const Py_ssize_t[::1] active) noexcept nogil:
    cdef Py_ssize_t a, n = g.gradient.shape[1]
    cdef double norm = 0.0
    if g.clips_entries:
        for a in range(active.shape[0]):
            clip_entries(&g.gradient[active[a], 0], n, g.clip)
    elif isfinite(g.clip):
        for a in range(active.shape[0]):
            norm = hypot(norm, row_norm(&g.gradient[active[a], 0], n))
            if not g.is_joint:
                scale_down(&g.gradient[active[a], 0], n, g.clip, norm)
                norm = 0.0
        for a in range(active.shape[0] if g.is_joint else 0):
            scale_down(&g.gradient[active[a], 0], n, g.clip, norm)


cdef inline void clip_entries(double *x, Py_ssize_t n, double clip) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        # A nan stays, and is found.
        x[j] = clip if x[j] > clip else (-clip if x[j] < -clip else x[j])


cdef inline void scale_down(double *x, Py_ssize_t n, double clip, double norm) noexcept nogil:
    cdef Py_ssize_t j
    if norm > clip:
        for j in range(n):
            x[j] *= clip / norm


# ---------------------------------------------------------------------------- steps
cdef inline void take_step(Epoch e, GradientSteps g, Py_ssize_t k, double eta) noexcept nogil:
    """Move the weights and the intercept of output k, and take them into the mean."""
    cdef Output *o = &e.weights.outputs[k]
    cdef bint averages = 0.0 < e.average <= e.t
    cdef Py_ssize_t p
    cdef Move m
    g.t[k] += 1.0
    m.t = g.t[k]
    for p in range(3):
        m.params[p] = g.params[p]
    m.eta = eta
    m.n, m.w, m.l1, m.l2 = o.n_features, o.v, o.l1, o.l2
    m.average = o.average if averages else NULL
    m.average_share = o.average_share
    m.gradient = &g.gradient[k, 0]
    m.first = NULL if g.first is None else &g.first[k, 0]
    m.second = NULL if g.second is None else &g.second[k, 0]
    m.largest = NULL if g.largest is None else &g.largest[k, 0]
    g.function(&m)
    if o.fit_intercept:
        m.gradient += m.n
        m.first = NULL if m.first == NULL else m.first + m.n
        m.second = NULL if m.second == NULL else m.second + m.n
        m.largest = NULL if m.largest == NULL else m.largest + m.n
        m.n, m.w, m.l1, m.l2, m.average = 1, &o.intercept, 0.0, 0.0, NULL
        g.function(&m)
    if averages:
        count_iterate(o)
    if o.counts_penalty:
        set_norms(o)
