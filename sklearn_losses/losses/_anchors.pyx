# cython: language_level=3
"""Losses of anchors: of the scores that all rows have for one of them.

An anchor chooses among the others by a softmax of scores. What is asked for is how the
weight of its own class, P, and that of the others, N, compare. Both are sums of exps by a
maximum of their own, so that nothing under- or overflows whatever the scores are. Rows of
the anchor's class follow each other, so that either side is a loop without a choice.
"""

from libc.math cimport INFINITY, fabs, log

from sklearn_losses.losses._exp_log cimport exp, exp_of_nonpositive, log1p


cdef enum:
    FAR = 200  # below the largest score, in logarithms

cdef double LEAST = 1e-200  # what is less is no slope: its products would be next to 0

cdef enum Kind:
    PROBABILITY = 0
    LIKELIHOOD = 1
    SUPERVISED = 2
    EACH_POSITIVE = 3

KINDS = {
    "probability": PROBABILITY,
    "likelihood": LIKELIHOOD,
    "supervised": SUPERVISED,
    "each_positive": EACH_POSITIVE,
}


cdef inline double expit_of(double x) noexcept nogil:
    return 1.0 / (1.0 + exp(-x))


cdef inline double softplus_of(double x) noexcept nogil:
    return max(x, 0.0) + log1p(exp(-abs(x)))


cdef inline double largest(const double *x, Py_ssize_t n, double start) noexcept nogil:
    """The maximum, in lanes that a compiler can vectorise."""
    cdef double lanes[8]
    cdef Py_ssize_t j, lane, whole = n - n % 8
    for lane in range(8):
        lanes[lane] = start
    for j in range(0, whole, 8):
        for lane in range(8):
            lanes[lane] = x[j + lane] if x[j + lane] > lanes[lane] else lanes[lane]
    for lane in range(8):
        start = max(start, lanes[lane])
    for j in range(whole, n):
        start = max(start, x[j])
    return start


cdef inline double exps(const double *x, double base, const double *weight, double *e,
                        Py_ssize_t n) noexcept nogil:
    """Write weight exp(x - base), and return the sum.

    What a double cannot see beside the largest is 0, for numbers that are next to 0 are slow.
    """
    cdef double lanes[8]
    cdef double total = 0.0, way, near
    cdef Py_ssize_t j, lane, whole = n - n % 8
    for lane in range(8):
        lanes[lane] = 0.0
    for j in range(n):
        way = x[j] - base
        near = exp_of_nonpositive(-FAR if way < -FAR else way)
        e[j] = 0.0 if way < -FAR else weight[j] * near
    for j in range(0, whole, 8):
        for lane in range(8):
            lanes[lane] += e[j + lane]
    for lane in range(8):
        total += lanes[lane]
    for j in range(whole, n):
        total += e[j]
    return total


cdef inline void scale(double *e, double factor, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    factor = 0.0 if fabs(factor) < LEAST else factor
    for j in range(n):
        e[j] *= factor


cdef struct Sides:
    double p_max, n_max  # the largest score of the own class, and of the others
    double log_p, log_n  # the logarithms of P and N
    double mean_p  # the mean score of the own class
    double w_p  # the weight of its rows


cdef inline Sides measure(const double *score, const double *weight, double *e,
                          Py_ssize_t first, Py_ssize_t last, Py_ssize_t m) noexcept nogil:
    """Sums of both sides; e becomes weight exp(score), by the maximum of its side."""
    cdef Sides s
    cdef double p, n, total = 0.0, w_p = 0.0
    cdef Py_ssize_t j
    s.p_max = largest(score + first, last - first, -INFINITY)
    s.n_max = largest(score, first, -INFINITY)
    s.n_max = largest(score + last, m - last, s.n_max)
    s.log_p = s.log_n = -INFINITY
    for j in range(first, last):
        if score[j] > -INFINITY:  # that of the anchor itself, which is nothing
            total += weight[j] * score[j]
            w_p += weight[j]
    if w_p > 0:
        p = exps(score + first, s.p_max, weight + first, e + first, last - first)
        s.log_p = s.p_max + log(p)
    if s.n_max > -INFINITY:
        n = exps(score, s.n_max, weight, e, first)
        n += exps(score + last, s.n_max, weight + last, e + last, m - last)
        s.log_n = s.n_max + log(n)
    s.mean_p = total / w_p if w_p > 0 else 0.0
    s.w_p = w_p
    return s


cdef double each_positive(const double *score, const double *weight, double *e, Sides s,
                          Py_ssize_t first, Py_ssize_t last, double *wrong) noexcept nogil:
    """The mean over the own class of softplus(log N - score), and slopes by its scores."""
    cdef double value = 0.0, share
    cdef Py_ssize_t j
    wrong[0] = 0.0
    for j in range(first, last):
        if score[j] > -INFINITY:
            value += weight[j] * softplus_of(s.log_n - score[j])
            share = weight[j] * expit_of(s.log_n - score[j]) / s.w_p
            wrong[0] += share
            e[j] = -share
        else:
            e[j] = 0.0
    return value / s.w_p


cdef double of_anchor(Kind kind, const double *score, const double *weight, double *e,
                      Py_ssize_t first, Py_ssize_t last, Py_ssize_t m) noexcept nogil:
    """The loss of one anchor; its slopes by the scores are written to e."""
    cdef Sides s = measure(score, weight, e, first, last, m)
    cdef double wrong, right, to_p = 0.0, to_n = 0.0, value
    cdef Py_ssize_t j
    if s.w_p == 0:
        for j in range(m):
            e[j] = 0.0
        return 0.0
    wrong = expit_of(s.log_n - s.log_p)
    right = expit_of(s.log_p - s.log_n)
    if kind == EACH_POSITIVE:
        value = each_positive(score, weight, e, s, first, last, &to_n)
    elif kind == PROBABILITY:
        value = wrong
        to_p, to_n = -wrong * right, wrong * right
    elif kind == LIKELIHOOD:
        value = softplus_of(s.log_n - s.log_p)
        to_p, to_n = -wrong, wrong
    else:
        value = s.log_p - s.mean_p + softplus_of(s.log_n - s.log_p)
        to_p, to_n = right, wrong
    if kind != EACH_POSITIVE:
        scale(e + first, to_p * exp(s.p_max - s.log_p), last - first)
    if kind == SUPERVISED:
        for j in range(first, last):
            e[j] -= weight[j] / s.w_p if score[j] > -INFINITY else 0.0
    if s.n_max > -INFINITY:
        to_n *= exp(s.n_max - s.log_n)
        scale(e, to_n, first)
        scale(e + last, to_n, m - last)
    return value


def of_anchors(int kind, const double[:, ::1] score, const double[::1] weight,
               const Py_ssize_t[::1] first, const Py_ssize_t[::1] last, double[::1] value,
               double[:, ::1] slopes):
    """Write the loss of each anchor, and its slopes.

    Parameters
    ----------
    kind : int
        Of `KINDS`.
    score : array of shape (n_anchors, n_rows)
        -inf is that of the anchor.
    weight : array of shape (n_rows,)
        > 0: a row counts as so many at its place.
    first, last : array of shape (n_anchors,)
        Between them are the rows of the class of the anchor.
    value : array of shape (n_anchors,)
    slopes : array of the shape of score
    """
    cdef Py_ssize_t i, m = score.shape[1]
    if m == 0:
        return
    with nogil:
        for i in range(score.shape[0]):
            value[i] = of_anchor(<Kind> kind, &score[i, 0], &weight[0], &slopes[i, 0],
                                 first[i], last[i], m)
