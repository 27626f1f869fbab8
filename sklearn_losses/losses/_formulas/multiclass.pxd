# cython: language_level=3
"""Losses of a row of raw predictions p, one for each class.

A label is the index of its class; a loss of soft targets also takes a probability for
each class. A row with nan has no loss: nan, for its derivatives as well.
"""

from libc.math cimport INFINITY, NAN, fma
from libc.stdlib cimport free, malloc

from sklearn_losses.losses._exp_log cimport exp_of_nonpositive, expm1, log1p
from sklearn_losses.losses._formulas.parameters cimport first
from sklearn_losses.losses._loop cimport some_rows
from sklearn_losses.losses._math cimport subtract_error
from sklearn_losses._machine._prefetch cimport sl_prefetch
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
    LANES = 16       # rows side by side: vectors enough that none waits for the one before
    ON_STACK = 2048  # exponentials


cdef inline void cross_entropy_block(const void *params, const RowBlock *block) noexcept nogil:
    """logsumexp(p) - sum_k t_k p_k, and its derivatives softmax(p) - t.

    With m = max(p), e_k = exp(p_k - m) and Z = sum_k e_k = 1 + others the value is
    log(Z) + sum_k t_k (m - p_k), a sum of terms that are all >= 0, since the targets t
    sum to 1. For the same reason Z times the gradient is (1 - t_k) e_k - t_k (Z - e_k),
    where the label that wins clearly leaves minus the others, however tiny.
    """
    cdef double few[ON_STACK]
    cdef double *e = few
    cdef RowBlock rows
    cdef Py_ssize_t start = 0, n_classes = block.n_outputs
    if n_classes > ON_STACK:
        e = <double *> malloc(n_classes * sizeof(double))
    # The number of rows is a constant, so that loops over them are unrolled.
    while start + LANES <= block.n and n_classes * LANES <= ON_STACK:
        rows = some_rows(block, start, LANES)
        ask_for_rows_after(&rows)
        cross_entropies(params, &rows, LANES, e)
        start += LANES
    while start < block.n:
        rows = some_rows(block, start, 1)
        cross_entropies(params, &rows, 1, e)
        start += 1
    if n_classes > ON_STACK:
        free(e)


cdef inline void ask_for_rows_after(const RowBlock *rows) noexcept nogil:
    """Ask for as many rows again: the processor does not look so far ahead by itself."""
    cdef Py_ssize_t j, size = rows.n * rows.n_outputs
    for j in range(size, 2 * size, 8):
        sl_prefetch(rows.raw + j)
        if rows.gradient != NULL:
            sl_prefetch(rows.gradient + j)


cdef inline void cross_entropies(const void *params, const RowBlock *rows,
                                 const Py_ssize_t n_rows, double *e) noexcept nogil:
    """Those of a few rows; the e_k of row i is e[k * n_rows + i]."""
    cdef double maximum[LANES]
    cdef double top[LANES]
    cdef double others[LANES]
    side_by_side(rows, n_rows, e, maximum, top)
    if n_rows == 1:
        others[0] = exponentials_of_row(e, rows.n_outputs, maximum[0], <Py_ssize_t> top[0])
    else:
        exponentials(e, rows.n_outputs, n_rows, maximum, top, others)
    if rows.y_size == 1 and first(params) == 0.0:
        if rows.value != NULL:
            label_values(rows, n_rows, maximum, top, others)
        if rows.gradient != NULL:
            label_gradients(rows, n_rows, e, top, others)
    else:
        target_losses(params, rows, n_rows, e, top, others)
    if rows.curvature != NULL:
        curvatures(rows, n_rows, e, top, others)


cdef inline void side_by_side(const RowBlock *rows, const Py_ssize_t n_rows, double *e,
                              double *maximum, double *top) noexcept nogil:
    """Put p_k in place of e_k, and find the first largest of each row."""
    cdef Py_ssize_t i, k
    cdef double p
    for i in range(n_rows):
        e[i] = maximum[i] = rows.raw[i * rows.n_outputs]
        top[i] = 0.0
    for k in range(1, rows.n_outputs):
        for i in range(n_rows):
            p = e[k * n_rows + i] = rows.raw[i * rows.n_outputs + k]
            top[i] = <double> k if p > maximum[i] else top[i]
            maximum[i] = p if p > maximum[i] else maximum[i]


cdef inline void exponentials(double *e, Py_ssize_t n_classes, const Py_ssize_t n_rows,
                              const double *maximum, const double *top,
                              double *others) noexcept nogil:
    """exp(p_k - max(p)) in place of p_k, and the sums without that of the maximum."""
    cdef Py_ssize_t i, k
    for i in range(n_rows):
        others[i] = 0.0
        e[<Py_ssize_t> top[i] * n_rows + i] = -INFINITY  # adds 0 to the others
    for k in range(n_classes):
        for i in range(n_rows):
            e[k * n_rows + i] = exp_of_nonpositive(e[k * n_rows + i] - maximum[i])
            others[i] += e[k * n_rows + i]
    for i in range(n_rows):
        e[<Py_ssize_t> top[i] * n_rows + i] = 1.0  # inf - inf was nan


cdef inline double exponentials_of_row(double *e, Py_ssize_t n_classes, double maximum,
                                       Py_ssize_t top) noexcept nogil:
    """The same for one row, several classes at a time; the sum is returned."""
    cdef Py_ssize_t k
    cdef double others = 0.0
    for k in range(n_classes):
        e[k] = exp_of_nonpositive(e[k] - maximum)
    e[top] = 0.0
    for k in range(n_classes):
        others += e[k]
    e[top] = 1.0
    return others


cdef inline void label_values(const RowBlock *rows, const Py_ssize_t n_rows,
                              const double *maximum, const double *top,
                              const double *others) noexcept nogil:
    """The values where the target is a label, without smoothing."""
    cdef double own[LANES]
    cdef double below
    cdef Py_ssize_t i
    for i in range(n_rows):
        own[i] = rows.raw[i * rows.n_outputs + <Py_ssize_t> rows.y[i]]
    for i in range(n_rows):
        below = maximum[i] - own[i]
        rows.value[i] = log1p(others[i]) + (0.0 if rows.y[i] == top[i] else below)


cdef inline void label_gradients(const RowBlock *rows, const Py_ssize_t n_rows,
                                 const double *e, const double *top,
                                 const double *others) noexcept nogil:
    """The gradients where the target is a label, without smoothing."""
    cdef double inverse[LANES]
    cdef double own[LANES]
    cdef Py_ssize_t label[LANES]
    cdef Py_ssize_t i, k
    for i in range(n_rows):
        label[i] = <Py_ssize_t> rows.y[i]
        inverse[i] = 1.0 / (1.0 + others[i])
        own[i] = -rest(e[label[i] * n_rows + i], others[i], rows.y[i] == top[i]) * inverse[i]
    for k in range(rows.n_outputs):
        for i in range(n_rows):
            rows.gradient[i * rows.n_outputs + k] = e[k * n_rows + i] * inverse[i]
    for i in range(n_rows):
        rows.gradient[i * rows.n_outputs + label[i]] = own[i]


cdef inline double rest(double e, double others, bint is_top) noexcept nogil:
    """Z - e_k."""
    return others if is_top else 1.0 + (others - e)


cdef inline void curvatures(const RowBlock *rows, const Py_ssize_t n_rows, const double *e,
                            const double *top, const double *others) noexcept nogil:
    cdef Py_ssize_t i, k
    cdef double of_k, z
    for i in range(n_rows):
        z = 1.0 + others[i]
        for k in range(rows.n_outputs):
            of_k = e[k * n_rows + i]
            rows.curvature[i * rows.n_outputs + k] = (
                of_k * rest(of_k, others[i], top[i] == <double> k) / (z * z))


cdef inline void cross_entropy_hessian_block(
        const void *params, const RowBlock *block, double *hessian) noexcept nogil:
    """diag(q) - q q', with q = softmax(p); the targets do not count.

    Of many classes those of a row are the ones side by side.
    """
    cdef double few[ON_STACK]
    cdef double *e = few
    cdef RowBlock rows
    cdef Py_ssize_t start = 0, n_classes = block.n_outputs
    cdef Py_ssize_t size = n_classes * (n_classes + 1) // 2
    if n_classes > ON_STACK:
        e = <double *> malloc(n_classes * sizeof(double))
    while start + LANES <= block.n and n_classes <= LANES:
        rows = some_rows(block, start, LANES)
        cross_entropy_hessians(&rows, LANES, e, hessian + start * size)
        start += LANES
    while start < block.n:
        rows = some_rows(block, start, 1)
        cross_entropy_hessians(&rows, 1, e, hessian + start * size)
        start += 1
    if n_classes > ON_STACK:
        free(e)


cdef inline void cross_entropy_hessians(const RowBlock *rows, const Py_ssize_t n_rows,
                                        double *e, double *hessian) noexcept nogil:
    """Those of a few rows, of which the diagonal is to the bit what `curvatures` says."""
    cdef double maximum[LANES]
    cdef double top[LANES]
    cdef double others[LANES]
    cdef Py_ssize_t i, j, k
    cdef double of_j, z
    side_by_side(rows, n_rows, e, maximum, top)
    if n_rows == 1:
        others[0] = exponentials_of_row(e, rows.n_outputs, maximum[0], <Py_ssize_t> top[0])
    else:
        exponentials(e, rows.n_outputs, n_rows, maximum, top, others)
    for i in range(n_rows):
        z = 1.0 + others[i]
        for j in range(rows.n_outputs):
            of_j = e[j * n_rows + i]
            for k in range(j):
                hessian[k] = -of_j / (z * z) * e[k * n_rows + i]
            hessian[j] = of_j * rest(of_j, others[i], top[i] == <double> j) / (z * z)
            hessian += j + 1


cdef struct Exponentials:
    const double *e     # that of class k is e[k * stride]
    Py_ssize_t stride
    Py_ssize_t top      # the class with the largest p
    double others       # the sum over the other classes


cdef inline void target_losses(const void *params, const RowBlock *rows,
                               const Py_ssize_t n_rows, const double *e, const double *top,
                               const double *others) noexcept nogil:
    """Values and gradients for any targets, row by row."""
    cdef Exponentials found
    cdef Row row
    cdef Py_ssize_t i
    row.y_size, row.n_outputs, found.stride = rows.y_size, rows.n_outputs, n_rows
    for i in range(n_rows):
        row.y, row.raw = &rows.y[i * row.y_size], &rows.raw[i * row.n_outputs]
        found.e, found.top, found.others = &e[i], <Py_ssize_t> top[i], others[i]
        if rows.value != NULL:
            rows.value[i] = log1p(others[i]) + mean_below_top(params, &row, found.top)
        if rows.gradient != NULL:
            row.gradient = &rows.gradient[i * row.n_outputs]
            cross_entropy_gradient(params, &row, &found)


cdef inline double mean_below_top(const void *params, const Row *row,
                                  Py_ssize_t top) noexcept nogil:
    """sum_k t_k (max(p) - p_k)."""
    cdef double t, total = 0.0
    cdef Py_ssize_t k
    for k in range(row.n_outputs):
        t = target_probability(params, row, k)
        if t != 0.0 and k != top:
            total += t * (row.raw[top] - row.raw[k])
    return total


cdef inline void cross_entropy_gradient(const void *params, const Row *row,
                                        const Exponentials *found) noexcept nogil:
    cdef double e, t, least = 1.0, z = 1.0 + found.others
    cdef Py_ssize_t k
    for k in range(row.n_outputs):
        e = found.e[k * found.stride]
        least = min(least, e)
        t = target_probability(params, row, k)
        row.gradient[k] = (other_probability(params, row, k) * e
                           - t * rest(e, found.others, k == found.top)) / z
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


cdef inline Py_ssize_t packed(Py_ssize_t j, Py_ssize_t k) noexcept nogil:
    """Where H[j][k] is in the packed lower triangle."""
    return j * (j + 1) // 2 + k if k <= j else k * (k + 1) // 2 + j


cdef inline bint start_hessian(const Row *row, double *hessian) noexcept nogil:
    """Set all of it to 0, or to nan if the row has no loss; whether it has one."""
    cdef bint has_loss = not has_nan(row)
    cdef Py_ssize_t i
    for i in range(packed(row.n_outputs, 0)):
        hessian[i] = 0.0 if has_loss else NAN
    return has_loss


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


cdef inline void multiclass_hinge_hessian(
        const void *params, const Row *row, double *hessian) noexcept nogil:
    start_hessian(row, hessian)


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


cdef inline void multiclass_squared_hinge_hessian(
        const void *params, const Row *row, double *hessian) noexcept nogil:
    """2 (a_k - a_y) (a_k - a_y)', with unit vectors a, of every rival that is too close."""
    cdef Py_ssize_t k, y = label_of(row)
    if not start_hessian(row, hessian):
        return
    for k in range(row.n_outputs):
        if k != y and shortfall(row, k) > 0:
            hessian[packed(k, k)] = 2.0
            hessian[packed(k, y)] = -2.0
            hessian[packed(y, y)] += 2.0


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


cdef inline void sparsemax_hessian(
        const void *params, const Row *row, double *hessian) noexcept nogil:
    """1 - 1/n on the diagonal of the n classes with a probability, and -1/n beside it."""
    cdef Py_ssize_t j, k, top = 0, n_support = 0
    cdef double tau
    if not start_hessian(row, hessian):
        return
    for k in range(1, row.n_outputs):
        if row.raw[k] > row.raw[top]:
            top = k
    tau = simplex_threshold(row, top)
    for k in range(row.n_outputs):
        n_support += below_top(row, k, top) - tau > 0
    for j in range(row.n_outputs):
        if below_top(row, j, top) - tau > 0:
            for k in range(j):
                if below_top(row, k, top) - tau > 0:
                    hessian[packed(j, k)] = -1.0 / n_support
            hessian[packed(j, j)] = 1.0 - 1.0 / n_support
