# cython: language_level=3
"""How each optimizer moves one weight: a formula each, and one loop for all of them.

A formula takes the gradient g of a weight, keeps its moments up to date, and returns a
direction and a step size: w <- w - step direction. The direction of a constant gradient is
that gradient, so that the l1 norm can use the same step size and be in balance with it: its
proximal step moves w to zero by l1 times the step size, at the most to zero.
"""

from libc.math cimport copysign, fabs, pow, sqrt


cdef struct Move:
    Py_ssize_t n
    double *w
    double *average          # NULL: no mean of the iterates; as in linear/_weights.pxd
    double average_share
    const double *gradient   # of the loss, at w
    double eta
    double l1                # the penalty
    double l2
    double *first            # moments of the gradient, of the optimizers that keep them
    double *second
    double *largest
    double t                 # the number of steps so far, this one included
    double params[3]         # of the optimizer, in the order of its constructor


# What a formula gives back.
cdef struct Way:
    double direction
    double step


ctypedef Way (*way_fn)(const Move *m, Py_ssize_t j, double g) noexcept nogil


cdef inline void move(way_fn way, const Move *given) noexcept nogil:
    """Move all weights; called with a constant function, the formula is inlined."""
    cdef Move copied = given[0]  # no weight that is written can change it
    cdef const Move *m = &copied
    cdef Py_ssize_t j
    cdef double before, z, size
    cdef Way to
    for j in range(m.n):
        before = m.w[j]
        to = way(m, j, m.gradient[j] + m.l2 * before)
        z = before - to.step * to.direction
        if m.l1 > 0.0:
            size = fabs(z) - to.step * m.l1
            # So and not "size > 0", after which a nan would be 0.
            z = 0.0 if size <= 0.0 else copysign(size, z)
        m.w[j] = z
        if m.average != NULL:
            m.average[j] -= m.average_share * (z - before)


cdef inline Way plain_way(const Move *m, Py_ssize_t j, double g) noexcept nogil:
    cdef Way to
    to.direction = g
    to.step = m.eta
    return to


# With momentum a constant gradient moves a weight by eta / (1 - momentum), so that is the
# step of the l1 norm, which has none.
cdef inline Way momentum_way(const Move *m, Py_ssize_t j, double g) noexcept nogil:
    cdef Way to
    m.first[j] = m.params[0] * m.first[j] + g
    to.direction = (1.0 - m.params[0]) * m.first[j]
    to.step = m.eta / (1.0 - m.params[0])
    return to


cdef inline Way nesterov_way(const Move *m, Py_ssize_t j, double g) noexcept nogil:
    cdef Way to
    m.first[j] = m.params[0] * m.first[j] + g
    to.direction = (1.0 - m.params[0]) * (g + m.params[0] * m.first[j])
    to.step = m.eta / (1.0 - m.params[0])
    return to


cdef inline Way adagrad_way(const Move *m, Py_ssize_t j, double g) noexcept nogil:
    cdef Way to
    m.second[j] += g * g
    to.direction = g
    to.step = m.eta / (sqrt(m.second[j]) + m.params[0])
    return to


cdef inline Way rmsprop_way(const Move *m, Py_ssize_t j, double g) noexcept nogil:
    cdef Way to
    m.second[j] = m.params[0] * m.second[j] + (1.0 - m.params[0]) * g * g
    to.direction = g
    to.step = m.eta / (sqrt(m.second[j]) + m.params[1])
    return to


# The moments of Adam begin at 0, and so are too small by the factors 1 - beta^t.
cdef inline void keep_moments(const Move *m, Py_ssize_t j, double g) noexcept nogil:
    m.first[j] = m.params[0] * m.first[j] + (1.0 - m.params[0]) * g
    m.second[j] = m.params[1] * m.second[j] + (1.0 - m.params[1]) * g * g


cdef inline Way adam_way(const Move *m, Py_ssize_t j, double g) noexcept nogil:
    cdef Way to
    keep_moments(m, j, g)
    to.direction = m.first[j] / (1.0 - pow(m.params[0], m.t))
    to.step = m.eta / (sqrt(m.second[j] / (1.0 - pow(m.params[1], m.t))) + m.params[2])
    return to


cdef inline Way amsgrad_way(const Move *m, Py_ssize_t j, double g) noexcept nogil:
    cdef Way to
    keep_moments(m, j, g)
    m.largest[j] = max(m.largest[j], m.second[j])
    to.direction = m.first[j] / (1.0 - pow(m.params[0], m.t))
    to.step = m.eta / (sqrt(m.largest[j] / (1.0 - pow(m.params[1], m.t))) + m.params[2])
    return to
