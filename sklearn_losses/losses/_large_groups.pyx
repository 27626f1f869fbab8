# cython: language_level=3
"""Losses of the pairs of a large group, without looking at each pair.

Rows are divided by relevance, again and again, as merge sort divides them: of the lower
and the upper half, both in the order of r, all pairs are summed by walking through both
at once. Row i, from the largest r on, is short of the margin to the rows j of the lower
half with r_j > r_i - end, of which running sums know enough (Joachims 2006; Lee and Lin
2014 keep them in a tree):

    sum_j w_j (end - r_i + r_j)^2 = (end - r_i)^2 C + 2 (end - r_i) R + Q,

with the sums C, R and Q of w_j, w_j r_j and w_j r_j^2. They only grow. A hinge that is
smoothed over h is ((1 + h - m)+^2 - (1 - h - m)+^2) / 4 h.

The logistic loss has no such sums, but is smooth: its singularities are pi away from the
axis. Where the scores are cut into blocks of width 2, with centres c and u = r - c in
[-1, 1], the loss of a pair of two blocks is a polynomial of both,

    f(c_i - c_j + u_i - u_j) = sum_kl A_kl T_k(u_i) T_l(u_j),    k, l < 20,

in Chebyshev's polynomials T, to the last digits, with the same A wherever the distance of
the blocks is the same. Of each block the moments sum_j w_j T_l(u_j) are known, so that a
row costs as much as a few dozen pairs, however many there are. Blocks that are far apart
have a loss of 0, or one that is linear. (The fast multipole method, in one dimension:
Greengard and Rokhlin 1987.)
"""

from libc.math cimport cos, floor
from libc.stdlib cimport calloc, free

from sklearn_losses.losses._formulas.ranking cimport (
    logistic as logistic_pairs, logistic_bend, logistic_shared, logistic_slope,
    logistic_value, pairs_of_row,
)

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


cdef Py_ssize_t change_of_level(const Group *g, Py_ssize_t first,
                                Py_ssize_t last) noexcept nogil:
    """The place nearest to the half where the relevance changes; `last`: there is none."""
    cdef const double *y = g.y
    cdef Py_ssize_t size = g.y_size, half = first + (last - first) // 2
    cdef Py_ssize_t low = half, high = half
    if last - first < 2:
        return last
    while low > first and y[low * size] == y[(low - 1) * size]:
        low -= 1
    while high < last and y[high * size] == y[(high - 1) * size]:
        high += 1
    return low if low > first and (half - low <= high - half or high >= last) else high


cdef void divide(Division *d, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Sum up the pairs of some rows, whose relevances ascend, and sort them by r."""
    cdef Py_ssize_t middle = change_of_level(d.g, first, last)
    if middle >= last:
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


# ------------------------------------------------------------------- the logistic loss
cdef enum:
    K = 20             # coefficients of a polynomial
    NEAR = 20          # blocks, beyond which the loss is linear or 0
    OFFSETS = 41       # 2 NEAR + 1

# A of the value, its slope and its bend, of each distance of two blocks.
cdef double tables[3][OFFSETS][K][K]


cdef void fill_tables():
    cdef Py_ssize_t o, a, b, k, l_, f
    cdef double pi = 3.141592653589793, m, e
    cdef double[K] x
    cdef double[K][K] dct, sample, half
    for a in range(K):
        x[a] = cos(pi * (a + 0.5) / K)
        for k in range(K):
            dct[k][a] = (1.0 if k == 0 else 2.0) / K * cos(k * pi * (a + 0.5) / K)
    for f in range(3):
        for o in range(OFFSETS):
            for a in range(K):
                for b in range(K):
                    m = 2.0 * (o - NEAR) + x[a] - x[b]
                    e = logistic_shared(NULL, m)
                    if f == 0:
                        sample[a][b] = logistic_value(NULL, m, e)
                    elif f == 1:
                        sample[a][b] = logistic_slope(NULL, m, e)
                    else:
                        sample[a][b] = logistic_bend(NULL, m, e)
            for k in range(K):
                for b in range(K):
                    half[k][b] = 0.0
                    for a in range(K):
                        half[k][b] += dct[k][a] * sample[a][b]
            for k in range(K):
                for l_ in range(K):
                    tables[f][o][k][l_] = 0.0
                    for b in range(K):
                        tables[f][o][k][l_] += half[k][b] * dct[l_][b]

fill_tables()


cdef struct Field:
    const Group *g
    double start        # of the first block
    Py_ssize_t n_blocks
    Py_ssize_t n_plain  # channels: weights, and weights times gains if there are any
    Py_ssize_t n_all    # with those of the directions, for second derivatives
    double *moments     # of shape (n_blocks, K, n_all)
    double *fields      # of one function, likewise
    double *channel     # n_all numbers of a row
    double *far         # of each block: sums of the channels w and w r of those beyond
    double value


cdef inline void polynomials(double u, double *T) noexcept nogil:
    cdef Py_ssize_t k
    T[0], T[1] = 1.0, u
    for k in range(2, K):
        T[k] = 2.0 * u * T[k - 1] - T[k - 2]


cdef inline Py_ssize_t block_of(const Field *d, double r, double *u) noexcept nogil:
    cdef Py_ssize_t b = <Py_ssize_t> floor(0.5 * (r - d.start))
    b = min(max(b, <Py_ssize_t> 0), d.n_blocks - 1)
    u[0] = r - d.start - 2.0 * b - 1.0
    return b


cdef inline void channels(const Field *d, Py_ssize_t i, double *c) noexcept nogil:
    """What is summed of a row: w, w gain, and these times v."""
    cdef const Group *g = d.g
    cdef Py_ssize_t q, p, k = d.n_all // d.n_plain - 1
    c[0] = g.weight[i]
    if d.n_plain > 1:
        c[1] = g.weight[i] * gain_of(g, i)
    for p in range(d.n_plain):
        for q in range(k):
            c[d.n_plain + p * k + q] = c[p] * g.v[i * k + q]


cdef void sum_moments(Field *d, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t i, l_, c, b, n = d.n_all
    cdef double u
    cdef double[K] T
    cdef double *at
    for i in range(d.n_blocks * K * n):
        d.moments[i] = 0.0
    for i in range(first, last):
        b = block_of(d, d.g.raw[i], &u)
        polynomials(u, T)
        channels(d, i, d.channel)
        at = d.moments + b * K * n
        for l_ in range(K):
            for c in range(n):
                at[l_ * n + c] += T[l_] * d.channel[c]


cdef void form_fields(Field *d, Py_ssize_t f, Py_ssize_t n_channels,
                      bint from_above) noexcept nogil:
    """What the moments do to the rows of each block, by one function of the margin.

    from_above: the moments are of rows of more relevance, and act on those of less.
    """
    cdef Py_ssize_t b, other, o, k, l_, c, n = d.n_all
    cdef double a
    cdef const double *source
    cdef double *out
    for b in range(d.n_blocks * K * n):
        d.fields[b] = 0.0
    for b in range(d.n_blocks):
        for other in range(max(<Py_ssize_t> 0, b - NEAR), min(d.n_blocks, b + NEAR + 1)):
            o = (other - b if from_above else b - other) + NEAR
            source, out = d.moments + other * K * n, d.fields + b * K * n
            for k in range(K):
                for l_ in range(K):
                    a = tables[f][o][l_][k] if from_above else tables[f][o][k][l_]
                    for c in range(n_channels):
                        out[k * n + c] += a * source[l_ * n + c]


cdef void sum_far(Field *d, bint from_above) noexcept nogil:
    """Of each block, what is summed of the blocks where the loss is linear."""
    cdef Py_ssize_t b, c, other, n = d.n_all, m = 2 * d.n_plain
    cdef double centre
    cdef const double *at
    for b in range(d.n_blocks * m):
        d.far[b] = 0.0
    for b in range(d.n_blocks):  # from the end whose rows are far for the most others
        other = b - NEAR - 1
        if not from_above:
            b, other = d.n_blocks - 1 - b, d.n_blocks + NEAR - b
        if other < 0 or other >= d.n_blocks:
            continue
        at, centre = d.moments + other * K * n, d.start + 2.0 * other + 1.0
        for c in range(d.n_plain):
            d.far[b * m + c] = at[c]
            d.far[b * m + d.n_plain + c] = centre * at[c] + at[n + c]
        other = b - 1 if from_above else b + 1
        for c in range(m):
            d.far[b * m + c] += d.far[other * m + c]


cdef void give_fields(Field *d, Py_ssize_t f, Py_ssize_t first, Py_ssize_t last,
                      bint from_above) noexcept nogil:
    """Add what the fields are at some rows to what is wanted."""
    cdef const Group *g = d.g
    cdef Py_ssize_t i, b, l_, c, q, n = d.n_all, k = d.n_all // d.n_plain - 1
    cdef Py_ssize_t used = n if f == 2 else d.n_plain, m = 2 * d.n_plain
    cdef double u, own, other, w, sum_
    cdef double sign = -1.0 if from_above else 1.0
    cdef double[K] T
    cdef double *at
    cdef double *found = d.channel
    for i in range(first, last):
        b = block_of(d, g.raw[i], &u)
        polynomials(u, T)
        at = d.fields + b * K * n
        for c in range(used):
            found[c] = 0.0
        for l_ in range(K):
            for c in range(used):
                found[c] += T[l_] * at[l_ * n + c]
        for c in range(d.n_plain):
            if f == 0:
                found[c] += d.far[b * m + d.n_plain + c] - g.raw[i] * d.far[b * m + c]
            elif f == 1:
                found[c] -= d.far[b * m + c]
        own, other, w = 1.0, 0.0, g.weight[i]
        if d.n_plain > 1:  # a pair weighs the difference of its gains
            own, other = sign * gain_of(g, i), -sign
        sum_ = own * found[0] + (other * found[1] if d.n_plain > 1 else 0.0)
        if f == 0:
            d.value += w * sum_
        elif f == 1:
            g.gradient[i] += sign * w * sum_
        else:
            if g.curvature != NULL:
                g.curvature[i] += w * sum_
            for q in range(k):
                g.product[i * k + q] += w * (sum_ * g.v[i * k + q]
                                             - own * found[d.n_plain + q])
                if d.n_plain > 1:
                    g.product[i * k + q] -= w * other * found[d.n_plain + k + q]


cdef double between(const Group *g, Py_ssize_t first, Py_ssize_t middle,
                    Py_ssize_t last) noexcept nogil:
    """All pairs of a row from `middle` on and one before, by whatever costs less."""
    cdef Field d
    cdef Py_ssize_t i, size, k = g.n_directions if g.product != NULL else 0
    cdef double low = g.raw[first], high = g.raw[first], total = 0.0, dear
    cdef double *memory
    cdef bint wants_bend = g.curvature != NULL or k > 0, from_above
    for i in range(first, last):
        low, high = min(low, g.raw[i]), max(high, g.raw[i])
    d.n_blocks = 0
    if high - low < last - first:
        d.n_blocks = <Py_ssize_t> (0.5 * (high - low)) + 1
    dear = 100.0 * d.n_blocks * min(d.n_blocks, <Py_ssize_t> OFFSETS) + 30.0 * (last - first)
    if d.n_blocks > 0 and dear < <double> (last - middle) * (middle - first):
        d.g, d.start, d.value = g, low, 0.0
        d.n_plain = 2 if g.y_size > 1 else 1
        d.n_all = d.n_plain * (1 + k)
        size = d.n_blocks * K * d.n_all
        memory = <double *> calloc(
            2 * size + d.n_all + 2 * d.n_blocks * d.n_plain, sizeof(double))
        d.moments, d.fields = memory, memory + size
        d.channel, d.far = memory + 2 * size, memory + 2 * size + d.n_all
        if memory != NULL:
            for from_above in range(1 + (g.gradient != NULL or wants_bend)):
                if from_above:
                    sum_moments(&d, middle, last)
                    i, size = first, middle
                else:
                    sum_moments(&d, first, middle)
                    i, size = middle, last
                sum_far(&d, from_above)
                if not from_above:
                    form_fields(&d, 0, d.n_plain, False)
                    give_fields(&d, 0, i, size, False)
                if g.gradient != NULL:
                    form_fields(&d, 1, d.n_plain, from_above)
                    give_fields(&d, 1, i, size, from_above)
                if wants_bend:
                    form_fields(&d, 2, d.n_all, from_above)
                    give_fields(&d, 2, i, size, from_above)
            free(memory)
            return d.value
    for i in range(middle, last):
        total += pairs_of_row(logistic_pairs(NULL), g, i, first, middle, NULL)
    return total


cdef double logistic_part(const Group *g, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """All pairs of some rows, whose relevances ascend."""
    cdef Py_ssize_t middle = change_of_level(g, first, last)
    if middle >= last:
        return 0.0
    return (between(g, first, middle, last) + logistic_part(g, first, middle)
            + logistic_part(g, middle, last))


cdef double logistic(const Group *g) noexcept nogil:
    """Add all pairs of a group to what is wanted; returns their sum."""
    return logistic_part(g, 0, g.n)
