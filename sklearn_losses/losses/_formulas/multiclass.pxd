# cython: language_level=3
"""Losses of a row of raw predictions p, one for each class.

A label is the index of its class; a loss of soft targets also takes a probability for
each class. A row with nan has no loss: nan, for its derivatives as well.
"""

from libc.math cimport NAN, fma
from libc.stdlib cimport free, malloc

from sklearn_losses.losses._exp_log cimport exp, expm1, log1p
from sklearn_losses.losses._formulas.parameters cimport first
from sklearn_losses.losses._math cimport subtract_error
from sklearn_losses.losses._table cimport Row, RowBlock


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


cdef enum:
    LANES = 8        # rows whose exponentials are formed side by side
    ON_STACK = 1024  # exponentials


cdef inline void cross_entropy_block(const void *params, const RowBlock *block) noexcept nogil:
    """logsumexp(p) - sum_k t_k p_k, and its derivatives softmax(p) - t.

    With m = max(p), e_k = exp(p_k - m) and Z = sum_k e_k = 1 + others the value is
    log(Z) + sum_k t_k (m - p_k), a sum of terms that are all >= 0, since the targets t
    sum to 1. For the same reason Z times the gradient is (1 - t_k) e_k - t_k (Z - e_k),
    where the label that wins clearly leaves minus the others, however tiny.
    """
    cdef double few[ON_STACK]
    cdef double *e = few
    cdef Py_ssize_t start = 0, n_classes = block.n_outputs
    if n_classes > ON_STACK:
        e = <double *> malloc(n_classes * sizeof(double))
    # The number of rows arrives as a constant, so that loops over them are unrolled.
    while start + LANES <= block.n and n_classes * LANES <= ON_STACK:
        cross_entropies(params, block, start, LANES, e)
        start += LANES
    while start < block.n:
        cross_entropies(params, block, start, 1, e)
        start += 1
    if n_classes > ON_STACK:
        free(e)


cdef struct Exponentials:
    double *e           # that of class k is e[k * stride]
    Py_ssize_t stride
    Py_ssize_t top      # the class with the largest p
    double others       # the sum over the other classes


cdef inline void cross_entropies(const void *params, const RowBlock *block, Py_ssize_t start,
                                 const Py_ssize_t n_rows, double *e) noexcept nogil:
    """Those of some rows; entry (row, class) is e[class * n_rows + row]."""
    cdef double others[LANES]
    cdef double top[LANES]
    cdef Exponentials found
    cdef Row row
    cdef Py_ssize_t i, k, n_classes = block.n_outputs
    cdef const double *raw = &block.raw[start * n_classes]
    cdef bint plain = block.y_size == 1 and first(params) == 0.0
    for k in range(n_classes):
        for i in range(n_rows):
            e[k * n_rows + i] = raw[i * n_classes + k]
    exponentials(e, n_classes, n_rows, top, others)
    if block.value != NULL:
        for i in range(n_rows):
            block.value[start + i] = log1p(others[i])

    row.y_size, row.n_outputs = block.y_size, n_classes
    found.stride = n_rows
    for i in range(n_rows):
        row.y = &block.y[(start + i) * block.y_size]
        row.raw = &raw[i * n_classes]
        found.e, found.top, found.others = &e[i], <Py_ssize_t> top[i], others[i]
        if block.value != NULL:
            block.value[start + i] += mean_below_top(params, &row, found.top, plain)
        if block.curvature != NULL:
            row.curvature = &block.curvature[(start + i) * n_classes]
            cross_entropy_curvature(&row, &found)
        if block.gradient != NULL:
            row.gradient = &block.gradient[(start + i) * n_classes]
            if plain:
                label_gradient(&row, &found)
            else:
                cross_entropy_gradient(params, &row, &found)


cdef inline void exponentials(double *e, Py_ssize_t n_classes, const Py_ssize_t n_rows,
                              double *top, double *others) noexcept nogil:
    """exp(p_k - max(p)) in place of p_k, and the sums without that of the maximum."""
    cdef double maximum[LANES]
    cdef Py_ssize_t i, k
    for i in range(n_rows):
        maximum[i], top[i], others[i] = e[i], 0.0, 0.0
    for k in range(1, n_classes):
        for i in range(n_rows):
            top[i] = <double> k if e[k * n_rows + i] > maximum[i] else top[i]
            maximum[i] = e[k * n_rows + i] if e[k * n_rows + i] > maximum[i] else maximum[i]
    for k in range(n_classes):
        for i in range(n_rows):
            e[k * n_rows + i] -= maximum[i]
    for i in range(n_classes * n_rows):
        e[i] = exp(e[i])
    for i in range(n_rows):
        if maximum[i] == maximum[i]:
            e[<Py_ssize_t> top[i] * n_rows + i] = 0.0
    for k in range(n_classes):
        for i in range(n_rows):
            others[i] += e[k * n_rows + i]
    for i in range(n_rows):
        e[<Py_ssize_t> top[i] * n_rows + i] = 1.0


cdef inline double mean_below_top(const void *params, const Row *row, Py_ssize_t top,
                                  bint plain) noexcept nogil:
    """sum_k t_k (max(p) - p_k)."""
    cdef double t, total = 0.0
    cdef Py_ssize_t k
    if plain:
        k = <Py_ssize_t> row.y[0]
        return row.raw[top] - row.raw[k] if k != top else 0.0  # inf - inf would be nan
    for k in range(row.n_outputs):
        t = target_probability(params, row, k)
        if t != 0.0 and k != top:
            total += t * (row.raw[top] - row.raw[k])
    return total


cdef inline double rest(const Exponentials *found, Py_ssize_t k) noexcept nogil:
    """Z - e_k."""
    return found.others if k == found.top else 1.0 + (found.others - found.e[k * found.stride])


cdef inline void cross_entropy_curvature(const Row *row,
                                         const Exponentials *found) noexcept nogil:
    cdef double z = 1.0 + found.others
    cdef Py_ssize_t k
    for k in range(row.n_outputs):
        row.curvature[k] = found.e[k * found.stride] * rest(found, k) / (z * z)


cdef inline void label_gradient(const Row *row, const Exponentials *found) noexcept nogil:
    """The gradient where the target is a label, without smoothing."""
    cdef double *gradient = row.gradient
    cdef double inverse = 1.0 / (1.0 + found.others)
    cdef Py_ssize_t k, stride = found.stride, label = <Py_ssize_t> row.y[0]
    cdef const double *e = found.e
    for k in range(row.n_outputs):
        gradient[k] = e[k * stride] * inverse
    gradient[label] = -rest(found, label) * inverse


cdef inline void cross_entropy_gradient(const void *params, const Row *row,
                                        const Exponentials *found) noexcept nogil:
    cdef double e, least = 1.0, z = 1.0 + found.others
    cdef Py_ssize_t k
    for k in range(row.n_outputs):
        e = found.e[k * found.stride]
        least = min(least, e)
        row.gradient[k] = (other_probability(params, row, k) * e
                           - target_probability(params, row, k) * rest(found, k)) / z
    if least > 0.6:
        cross_entropy_gradient_of_close(params, row, found)


cdef inline void cross_entropy_gradient_of_close(
        const void *params, const Row *row, const Exponentials *found) noexcept nogil:
    """The gradient where soft targets may cancel probabilities that are all close.

    1/n is taken out of both: e_k - t_k Z = (1 - n t_k) + x_k - t_k sum_j x_j, with
    x_k = expm1(p_k - max(p)), and fma keeps what rounding n t_k would lose.
    """
    cdef Py_ssize_t k
    cdef double t, m = row.raw[found.top], total = 0.0
    for k in range(row.n_outputs):
        total += expm1(row.raw[k] - m)
    for k in range(row.n_outputs):
        t = target_probability(params, row, k)
        row.gradient[k] = (fma(-<double> row.n_outputs, t, 1.0) + expm1(row.raw[k] - m) - t * total)
        row.gradient[k] /= 1.0 + found.others


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
