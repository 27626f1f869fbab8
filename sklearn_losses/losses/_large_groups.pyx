# cython: language_level=3
"""Hinges of the pairs of a large group, without looking at each pair.

Rows are divided by relevance, again and again, as merge sort divides them: of the lower
and the upper half, both in the order of r, all pairs are summed by walking through both
at once. Row i, from the largest r on, is short of the margin to the rows j of the lower
half with r_j > r_i - end, of which running sums know enough (Joachims 2006; Lee and Lin
2014 keep them in a tree):

    sum_j w_j (end - r_i + r_j)^2 = (end - r_i)^2 C + 2 (end - r_i) R + Q,

with the sums C, R and Q of w_j, w_j r_j and w_j r_j^2. They only grow. A hinge that is
smoothed over h is ((1 + h - m)+^2 - (1 - h - m)+^2) / 4 h.
"""

from sklearn_losses.losses._table cimport Group

cdef struct Sums:
    double C
    double R
    double Q


cdef struct Division:
    const Group *g
    const double *r       # less their mean
    Py_ssize_t *order     # rows, which become sorted by r
    Py_ssize_t *other     # as many, to merge into
    double *V             # sums of w v, and of w v times the gain
    double end
    double factor         # of all that is added
    bint is_squared
    double value


cdef inline double gain_of(const Group *g, Py_ssize_t i) noexcept nogil:
    return g.y[i * g.y_size + 1] if g.y_size > 1 else 0.0


cdef inline void take_in(Division *d, Sums *plain, Sums *by_gain, Py_ssize_t j,
                         Py_ssize_t k) noexcept nogil:
    """Add a row to the running sums."""
    cdef double w = d.g.weight[j], r = d.r[j], gain = gain_of(d.g, j)
    cdef Py_ssize_t q
    plain.C += w
    plain.R += w * r
    plain.Q += w * r * r
    for q in range(k):
        d.V[q] += w * d.g.v[j * k + q]
    if d.g.y_size > 1:
        by_gain.C += w * gain
        by_gain.R += w * gain * r
        by_gain.Q += w * gain * r * r
        for q in range(k):
            d.V[k + q] += w * gain * d.g.v[j * k + q]


cdef inline void give(Division *d, const Sums *plain, const Sums *by_gain, Py_ssize_t i,
                      double sign, Py_ssize_t k) noexcept nogil:
    """Add what the rows of the running sums do to a row, above them (1) or below (-1)."""
    cdef const Group *g = d.g
    cdef double a = d.end - sign * d.r[i], factor = d.factor * g.weight[i]
    cdef double C = plain.C, R = plain.R, Q = plain.Q, gain = gain_of(g, i), own = 1.0
    cdef double other = 0.0, bend = 2.0 * factor
    cdef Py_ssize_t q
    if g.y_size > 1:  # a pair weighs the difference of its gains
        own, other = sign * gain, -sign
        C = own * C + other * by_gain.C
        R = own * R + other * by_gain.R
        Q = own * Q + other * by_gain.Q
    R = sign * R  # the rows below are as they are, those above with their signs changed
    if sign > 0.0:
        d.value += factor * (a * (a * C + 2.0 * R) + Q if d.is_squared else a * C + R)
    if g.gradient != NULL:
        g.gradient[i] -= sign * factor * (2.0 * (a * C + R) if d.is_squared else C)
    if not d.is_squared:
        return
    if g.curvature != NULL:
        g.curvature[i] += bend * C
    for q in range(k):
        g.product[i * k + q] += bend * (C * g.v[i * k + q] - own * d.V[q])
    if g.y_size > 1:
        for q in range(k):
            g.product[i * k + q] -= bend * other * d.V[k + q]


cdef inline void clear_sums(Division *d, Sums *plain, Sums *by_gain,
                            Py_ssize_t k) noexcept nogil:
    cdef Py_ssize_t q
    plain.C = plain.R = plain.Q = by_gain.C = by_gain.R = by_gain.Q = 0.0
    for q in range(2 * k):
        d.V[q] = 0.0


cdef inline void across(Division *d, Py_ssize_t first, Py_ssize_t middle,
                        Py_ssize_t last) noexcept nogil:
    """All pairs of a row from `middle` on, and one before; both parts are sorted by r."""
    cdef Py_ssize_t i, j, p, k = d.g.n_directions if d.g.product != NULL else 0
    cdef bint both = d.g.gradient != NULL or d.g.curvature != NULL or k > 0
    cdef Sums plain, by_gain
    clear_sums(d, &plain, &by_gain, k)
    j = middle - 1
    for p in range(last - 1, middle - 1, -1):
        i = d.order[p]
        while j >= first and d.r[d.order[j]] > d.r[i] - d.end:
            take_in(d, &plain, &by_gain, d.order[j], k)
            j -= 1
        give(d, &plain, &by_gain, i, 1.0, k)
    if not both:
        return
    clear_sums(d, &plain, &by_gain, k)
    i = middle
    for p in range(first, middle):
        j = d.order[p]
        while i < last and d.r[d.order[i]] < d.r[j] + d.end:
            take_in(d, &plain, &by_gain, d.order[i], k)
            i += 1
        give(d, &plain, &by_gain, j, -1.0, k)


cdef inline void merge(Division *d, Py_ssize_t first, Py_ssize_t middle,
                       Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t i = first, j = middle, p
    for p in range(first, last):
        if j >= last or (i < middle and d.r[d.order[i]] <= d.r[d.order[j]]):
            d.other[p] = d.order[i]
            i += 1
        else:
            d.other[p] = d.order[j]
            j += 1
    for p in range(first, last):
        d.order[p] = d.other[p]


cdef void divide(Division *d, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Sum up the pairs of some rows, whose relevances ascend, and sort them by r."""
    cdef const double *y = d.g.y
    cdef Py_ssize_t size = d.g.y_size, half = first + (last - first) // 2
    cdef Py_ssize_t low = half, high = half, middle
    if last - first < 2:
        return
    # The place nearest to the half where the relevance changes.
    while low > first and y[low * size] == y[(low - 1) * size]:
        low -= 1
    while high < last and y[high * size] == y[(high - 1) * size]:
        high += 1
    middle = low if low > first and (half - low <= high - half or high >= last) else high
    if middle >= last:  # there is none
        sort(d, first, last)
        return
    divide(d, first, middle)
    divide(d, middle, last)
    across(d, first, middle, last)
    merge(d, first, middle, last)


cdef void sort(Division *d, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t half = first + (last - first) // 2
    if last - first < 2:
        return
    sort(d, first, half)
    sort(d, half, last)
    merge(d, first, half, last)


cdef double hinges(const Group *g, double end, double factor,
                          bint is_squared) noexcept nogil:
    """Add all pairs of a group, times a factor, to what is wanted; returns their sum."""
    cdef Py_ssize_t i, n = g.n
    cdef double mean = 0.0
    cdef double *r = g.work
    cdef Division d
    for i in range(n):
        mean += g.raw[i] / n
    d.order, d.other = <Py_ssize_t *> (r + n), <Py_ssize_t *> (r + 2 * n)
    for i in range(n):
        r[i] = g.raw[i] - mean
        d.order[i] = i
    d.g, d.r, d.V = g, r, r + 3 * n
    d.end, d.factor, d.is_squared, d.value = end, factor, is_squared, 0.0
    divide(&d, 0, n)
    return d.value
