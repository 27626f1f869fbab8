# cython: language_level=3
"""Losses of a row of raw predictions p, one for each class.

A label is the index of its class; a loss of soft targets also takes a probability for
each class. A row with nan has no loss: nan, for its derivatives as well.
"""

from libc.math cimport NAN, exp, expm1, fma, log1p

from sklearn_losses.losses._formulas.parameters cimport first
from sklearn_losses.losses._math cimport subtract_error
from sklearn_losses.losses._table cimport Row


# ---------------------------------------------------------------- cross-entropy
cdef inline double target_probability(
        const void *params, const Row *row, Py_ssize_t k) noexcept nogil:
    """t_k: the k-th of the given probabilities, or the smoothed one-hot row of a label."""
    cdef double smoothing = first(params)
    if row.y_size > 1:
        return row.y[k]
    return smoothing / row.n_outputs + (1.0 - smoothing if k == <Py_ssize_t> row.y[0] else 0.0)


cdef inline double other_probability(
        const void *params, const Row *row, Py_ssize_t k) noexcept nogil:
    """1 - t_k, where the label keeps the digits of a small smoothing."""
    if row.y_size == 1 and k == <Py_ssize_t> row.y[0]:
        return first(params) * (row.n_outputs - 1) / row.n_outputs
    return 1.0 - target_probability(params, row, k)


cdef inline double cross_entropy_row(const void *params, const Row *row) noexcept nogil:
    """logsumexp(p) - sum_k t_k p_k, and its derivatives softmax(p) - t.

    With m = max(p), e_k = exp(p_k - m) and Z = sum_k e_k = 1 + others the value is
    log(Z) + sum_k t_k (m - p_k), a sum of terms that are all >= 0, since the
    targets t sum to 1. For the same reason Z times the gradient is
    (1 - t_k) e_k - t_k (Z - e_k), where the label that wins clearly leaves minus
    the others, however tiny.
    """
    cdef Py_ssize_t k, top = 0
    cdef double m, e, t, rest, value, others = 0.0, furthest = 0.0
    for k in range(1, row.n_outputs):
        if row.raw[k] > row.raw[top]:
            top = k
    m = row.raw[top]
    for k in range(row.n_outputs):
        e = exp(row.raw[k] - m) if k != top else 1.0  # inf - inf would be nan
        if k != top:
            others += e
            furthest = max(furthest, m - row.raw[k])
        if row.gradient != NULL:
            row.gradient[k] = e
    value = log1p(others)
    for k in range(row.n_outputs):
        t = target_probability(params, row, k)
        if t != 0.0 and k != top:
            value += t * (m - row.raw[k])
        if row.curvature != NULL:
            e = exp(row.raw[k] - m) if k != top else 1.0
            rest = others if k == top else 1.0 + (others - e)
            row.curvature[k] = e * rest / ((1.0 + others) * (1.0 + others))
        if row.gradient != NULL:
            e = row.gradient[k]
            rest = others if k == top else 1.0 + (others - e)
            row.gradient[k] = (other_probability(params, row, k) * e - t * rest) / (1.0 + others)
    if row.gradient != NULL and furthest < 0.5 and (row.y_size > 1 or first(params) > 0):
        cross_entropy_gradient_of_close(params, row, m, others)
    return value


cdef inline void cross_entropy_gradient_of_close(
        const void *params, const Row *row, double m, double others) noexcept nogil:
    """The gradient where soft targets may cancel probabilities that are all close.

    1/n is taken out of both: e_k - t_k Z = (1 - n t_k) + x_k - t_k sum_j x_j, with
    x_k = expm1(p_k - m), and fma keeps what rounding n t_k would lose.
    """
    cdef Py_ssize_t k
    cdef double t, total = 0.0
    for k in range(row.n_outputs):
        total += expm1(row.raw[k] - m)
    for k in range(row.n_outputs):
        t = target_probability(params, row, k)
        row.gradient[k] = (fma(-<double> row.n_outputs, t, 1.0) + expm1(row.raw[k] - m) - t * total)
        row.gradient[k] /= 1.0 + others


# ------------------------------------------- Crammer and Singer, Weston and Watkins
cdef inline Py_ssize_t label_of(const Row *row) noexcept nogil:
    return <Py_ssize_t> row.y[0]


cdef inline void fill(const Row *row, double with_) noexcept nogil:
    """Set all derivatives to one number."""
    cdef Py_ssize_t k
    for k in range(row.n_outputs):
        if row.gradient != NULL:
            row.gradient[k] = with_
        if row.curvature != NULL:
            row.curvature[k] = with_


cdef inline bint has_nan(const Row *row) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(row.n_outputs):
        if row.raw[k] != row.raw[k]:
            return True
    return False


cdef inline double shortfall(const Row *row, Py_ssize_t k) noexcept nogil:
    """1 - (p_y - p_k): by how much the label leads class k too little."""
    cdef double own = row.raw[label_of(row)], other = row.raw[k]
    cdef double lead = own - other
    return (1.0 - lead) - subtract_error(own, other, lead)


cdef inline double multiclass_hinge_row(const void *params, const Row *row) noexcept nogil:
    """max(0, 1 + max_{k != y} p_k - p_y): the strongest rival is pushed off."""
    cdef Py_ssize_t k, y = label_of(row), rival = 1 if y == 0 else 0
    cdef double value
    if has_nan(row):
        fill(row, NAN)
        return NAN
    fill(row, 0.0)
    for k in range(row.n_outputs):
        if k != y and row.raw[k] > row.raw[rival]:
            rival = k
    value = shortfall(row, rival)
    if value <= 0:
        return 0.0
    if row.gradient != NULL:
        row.gradient[rival] = 1.0
        row.gradient[y] = -1.0
    return value


cdef inline double multiclass_squared_hinge_row(
        const void *params, const Row *row) noexcept nogil:
    """sum_{k != y} max(0, 1 - p_y + p_k)^2: every rival that is too close is pushed off."""
    cdef Py_ssize_t k, y = label_of(row)
    cdef double s, value = 0.0
    if has_nan(row):
        fill(row, NAN)
        return NAN
    fill(row, 0.0)
    for k in range(row.n_outputs):
        if k == y:
            continue
        s = shortfall(row, k)
        if s <= 0:
            continue
        value += s * s
        if row.gradient != NULL:
            row.gradient[k] = 2.0 * s
            row.gradient[y] -= 2.0 * s
        if row.curvature != NULL:
            row.curvature[k] = 2.0
            row.curvature[y] += 2.0
    return value


# -------------------------------------------------------------------- sparsemax
cdef inline double below_top(const Row *row, Py_ssize_t k, Py_ssize_t top) noexcept nogil:
    return row.raw[k] - row.raw[top] if k != top else 0.0  # inf - inf would be nan


cdef inline double simplex_threshold(const Row *row, Py_ssize_t top) noexcept nogil:
    """tau below which a class has no probability, relative to the largest p.

    The projection onto the simplex is max(0, p_k - tau). Michelot's iteration drops the
    classes below the threshold of those that are left, until none is; without a sort, it
    needs no memory.
    """
    cdef double tau = -1.0, before, total
    cdef Py_ssize_t k, n
    while True:
        total, n = 0.0, 0
        for k in range(row.n_outputs):
            if below_top(row, k, top) > tau:
                total += below_top(row, k, top)
                n += 1
        before = tau
        tau = (total - 1.0) / n
        if not tau > before:
            return tau


cdef inline double target_of(const Row *row, Py_ssize_t k) noexcept nogil:
    if row.y_size > 1:
        return row.y[k]
    return 1.0 if k == label_of(row) else 0.0


cdef inline double sparsemax_row(const void *params, const Row *row) noexcept nogil:
    """1/2 |q - t|^2 + sum over classes without probability of t_k (tau - p_k).

    q is the projection of p onto the simplex and t the target. For a label that is the
    formula of Martins and Astudillo, as a sum of terms that are all >= 0. The gradient is
    q - t, and for a label 1 - q is the sum of the other probabilities.
    """
    cdef Py_ssize_t k, top = 0, n_support = 0
    cdef double tau, q, t, error, others = 0.0, value = 0.0
    if has_nan(row):
        fill(row, NAN)
        return NAN
    for k in range(1, row.n_outputs):
        if row.raw[k] > row.raw[top]:
            top = k
    tau = simplex_threshold(row, top)
    for k in range(row.n_outputs):
        q = below_top(row, k, top) - tau
        n_support += q > 0
        if q > 0 and target_of(row, k) != 1.0:
            others += q
    for k in range(row.n_outputs):
        t = target_of(row, k)
        q = below_top(row, k, top) - tau
        if t != 0 and q <= 0:
            value -= t * q
        error = -others if t == 1.0 and q > 0 else max(q, 0.0) - t
        value += 0.5 * error * error
        if row.gradient != NULL:
            row.gradient[k] = error
        if row.curvature != NULL:
            row.curvature[k] = 1.0 - 1.0 / n_support if q > 0 else 0.0
    return value
