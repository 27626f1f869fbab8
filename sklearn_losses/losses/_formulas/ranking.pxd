# cython: language_level=3
"""Losses of the rows of one query: of its pairs, and of the list.

The pairs are those of a row i and a row j of less relevance, with the margin
m = r_i - r_j. No pair is kept: rows come by relevance, so that those of less stand before.
"""

from libc.math cimport INFINITY, fabs, floor, log

from sklearn_losses.losses._exp_log cimport exp, exp_of_nonpositive, log1p_of_fraction
from sklearn_losses.losses._math cimport expit
from sklearn_losses.losses._table cimport Group

cdef extern from *:
    """
    #define SL_LN2 0.6931471805599453
    """
    const double LN2 "SL_LN2"

# What value, slope and bend of a margin share, an exponential, and each of these.
ctypedef double (*shared_fn)(const void *params, double margin) noexcept nogil
ctypedef double (*pair_fn)(const void *params, double margin, double shared) noexcept nogil

cdef struct MarginLoss:  # made and used within a function, into which its own are inlined
    shared_fn shared
    pair_fn value
    pair_fn slope
    pair_fn bend
    const void *params


cdef inline MarginLoss margin_loss(shared_fn shared, pair_fn value, pair_fn slope,
                                   pair_fn bend, const void *params) noexcept nogil:
    cdef MarginLoss loss
    loss.shared, loss.value, loss.slope, loss.bend = shared, value, slope, bend
    loss.params = params
    return loss


cdef inline double logistic_shared(const void *params, double m) noexcept nogil:
    return exp_of_nonpositive(-fabs(m))


cdef inline double logistic_value(const void *params, double m, double e) noexcept nogil:
    return log1p_of_fraction(e) + (-m if m < 0.0 else 0.0)


cdef inline double logistic_slope(const void *params, double m, double e) noexcept nogil:
    return -(1.0 if m <= 0.0 else e) / (1.0 + e)


cdef inline double logistic_bend(const void *params, double m, double e) noexcept nogil:
    return e / ((1.0 + e) * (1.0 + e))


cdef inline MarginLoss logistic(const void *params) noexcept nogil:
    return margin_loss(
        logistic_shared, logistic_value, logistic_slope, logistic_bend, params)


cdef inline double exponential_shared(const void *params, double m) noexcept nogil:
    return exp(-m)


cdef inline double exponential_value(const void *params, double m, double e) noexcept nogil:
    return e


cdef inline double exponential_slope(const void *params, double m, double e) noexcept nogil:
    return -e


cdef inline MarginLoss exponential(const void *params) noexcept nogil:
    return margin_loss(exponential_shared, exponential_value, exponential_slope,
                       exponential_value, params)


cdef inline double nothing_shared(const void *params, double m) noexcept nogil:
    return 0.0


# Of the hinges the first parameter is where they end, 1, and the second the half-width h
# over which the kink is smoothed: the mean of the hinge over [m - h, m + h].
cdef inline double hinge_value(const void *params, double m, double e) noexcept nogil:
    cdef double short_of = (<const double *> params)[0] - m
    cdef double h = (<const double *> params)[1]
    cdef double bent = 0.25 * (short_of + h) * (short_of + h) / h if h > 0.0 else 0.0
    return short_of if short_of >= h else bent if short_of > -h else 0.0


cdef inline double hinge_slope(const void *params, double m, double e) noexcept nogil:
    cdef double short_of = (<const double *> params)[0] - m
    cdef double h = (<const double *> params)[1]
    cdef double bent = -0.5 * (short_of + h) / h if h > 0.0 else 0.0
    return (-1.0 if short_of > 0.0 else 0.0) if h == 0.0 else (
        -1.0 if short_of >= h else bent if short_of > -h else 0.0)


cdef inline double hinge_bend(const void *params, double m, double e) noexcept nogil:
    cdef double short_of = (<const double *> params)[0] - m
    cdef double h = (<const double *> params)[1]
    return 0.5 / h if -h < short_of < h else 0.0


cdef inline MarginLoss hinge(const void *params) noexcept nogil:
    return margin_loss(nothing_shared, hinge_value, hinge_slope, hinge_bend, params)


cdef inline double squared_hinge_value(const void *params, double m, double e) noexcept nogil:
    cdef double short_of = 1.0 - m
    return short_of * short_of if short_of > 0.0 else 0.0


cdef inline double squared_hinge_slope(const void *params, double m, double e) noexcept nogil:
    cdef double short_of = 1.0 - m
    return -2.0 * short_of if short_of > 0.0 else 0.0


cdef inline double squared_hinge_bend(const void *params, double m, double e) noexcept nogil:
    return 2.0 if m < 1.0 else 0.0


cdef inline MarginLoss squared_hinge(const void *params) noexcept nogil:
    return margin_loss(nothing_shared, squared_hinge_value, squared_hinge_slope,
                       squared_hinge_bend, params)


cdef inline void clear(const Group *g) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(g.n):
        if g.gradient != NULL:
            g.gradient[i] = 0.0
        if g.curvature != NULL:
            g.curvature[i] = 0.0
    if g.product != NULL:
        for i in range(g.n * g.n_directions):
            g.product[i] = 0.0


cdef inline double pairs(MarginLoss loss, const Group *g) noexcept nogil:
    """The sum over all pairs of w_i w_j times a function of the margin.

    A second number of y, if there is one, is what the difference of two rows multiplies
    their pair by.
    """
    cdef Py_ssize_t i, level = 0, size = g.y_size
    cdef double total = 0.0
    clear(g)
    for i in range(1, g.n):
        if g.y[i * size] != g.y[(i - 1) * size]:
            level = i  # the rows before have less relevance
        if level > 0:
            total += pairs_of_row(loss, g, i, 0, level, NULL)
    return total


cdef inline double lambda_rank(const void *params, const Group *g) noexcept nogil:
    """Logistic, where a pair weighs what its exchange would change of the group's metric.

    y is the relevance, its gain as a share of the best metric, and perhaps the rank of
    the row; else that by r. params are how many ranks count, or 0, and which metric.
    """
    cdef const double *number = <const double *> params
    cdef Py_ssize_t i, j, n = g.n, level = 0, size = g.y_size
    cdef double k = number[0] if number[0] > 0.0 else INFINITY, total = 0.0
    cdef double *up = g.work + 3 * n
    cdef double *down = up + n
    cdef double *rank = down + n
    for i in range(n):
        if size > 2:
            rank[i] = g.y[i * size + 2]
            continue
        rank[i] = 0.5
        for j in range(n):  # rows of the same score share their ranks
            rank[i] += 1.0 if g.raw[j] > g.raw[i] else 0.5 if g.raw[j] == g.raw[i] else 0.0
    if number[1] == 0.0:
        changes_of_ndcg(k, n, rank, up, down)
    elif number[1] == 1.0:
        changes_of_precision(g, rank, up, down)
    else:
        changes_of_reciprocal_rank(k, g, rank, up, down)
    clear(g)
    for i in range(1, n):
        if g.y[i * size] != g.y[(i - 1) * size]:
            level = i
        if level > 0:
            total += pairs_of_row(logistic(params), g, i, 0, level, up)
    return total


# What an exchange of row i with row j of less relevance changes of a metric is the larger
# of up_i - up_j, which is the change where row i stands before, and down_j - down_i.

cdef inline void changes_of_ndcg(double k, Py_ssize_t n, const double *rank, double *up,
                                 double *down) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        up[i] = LN2 / log(1.0 + rank[i]) if rank[i] <= k else 0.0
        down[i] = up[i]


cdef inline void changes_of_precision(const Group *g, const double *rank, double *up,
                                      double *down) noexcept nogil:
    """Of the average precision: the sum of n_before / rank over the relevant rows."""
    cdef Py_ssize_t n = g.n, size = g.y_size, i, j
    cdef double n_before, inverse, share
    for i in range(n):
        n_before, inverse = 0.0, 0.0  # of relevant rows up to here, and of their ranks
        for j in range(n):
            if g.y[j * size] > 0.0:
                share = 0.5 if rank[j] == rank[i] and j != i else 1.0
                if rank[j] <= rank[i]:
                    n_before += share
                    inverse += share / rank[j]
        up[i] = n_before / rank[i] - inverse
        down[i] = up[i] + 1.0 / rank[i]


cdef inline void changes_of_reciprocal_rank(double k, const Group *g, const double *rank,
                                            double *up, double *down) noexcept nogil:
    """Of 1 / rank of the first relevant row, which one behind it cannot change."""
    cdef Py_ssize_t n = g.n, size = g.y_size, i
    cdef double first = INFINITY, second = INFINITY, best, next_, here
    for i in range(n):
        if g.y[i * size] > 0.0:
            second = min(second, max(first, rank[i]))
            first = min(first, rank[i])
    best = 1.0 / first if first <= k else 0.0
    next_ = 1.0 / second if second <= k else 0.0
    for i in range(n):
        here = 1.0 / rank[i] if rank[i] <= k else 0.0
        if g.y[i * size] > 0.0:
            up[i], down[i] = best if rank[i] == first else 0.0, best
        else:
            up[i], down[i] = max(next_, here), here


cdef inline double pairs_of_row(MarginLoss loss, const Group *g, Py_ssize_t i,
                                Py_ssize_t first, Py_ssize_t last,
                                const double *up) noexcept nogil:
    """The same of a row and those from `first` to `last`, added to what is wanted.

    `up` is NULL, or what tells the changes of a metric, which pairs are multiplied by.
    """
    cdef Py_ssize_t n = last - first, k = g.n_directions, j, q
    cdef const double *v = g.v + first * k if g.v != NULL else NULL
    cdef double *margin = g.work
    cdef double *w = margin + g.n
    cdef double *found = w + g.n
    cdef double *e = found + 4 * g.n  # behind changes and ranks
    cdef double *out
    cdef double total = 0.0, sum_, change
    for j in range(n):
        margin[j] = g.raw[i] - g.raw[first + j]
    weigh_pairs(g, i, first, n, up, w)
    for j in range(n):
        e[j] = loss.shared(loss.params, margin[j])
    for j in range(n):
        found[j] = w[j] * loss.value(loss.params, margin[j], e[j])
    for j in range(n):
        total += found[j]
    if g.gradient != NULL:
        for j in range(n):
            found[j] = w[j] * loss.slope(loss.params, margin[j], e[j])
        sum_, out = 0.0, g.gradient + first
        for j in range(n):
            sum_ += found[j]
            out[j] -= found[j]
        g.gradient[i] += sum_
    if g.curvature == NULL and g.product == NULL:
        return total
    for j in range(n):
        found[j] = w[j] * loss.bend(loss.params, margin[j], e[j])
    if g.curvature != NULL:
        sum_, out = 0.0, g.curvature + first
        for j in range(n):
            sum_ += found[j]
            out[j] += found[j]
        g.curvature[i] += sum_
    if g.product != NULL:
        for j in range(n):
            if found[j] == 0.0:
                continue
            out = g.product + (first + j) * k
            for q in range(k):
                change = found[j] * (g.v[i * k + q] - v[j * k + q])
                g.product[i * k + q] += change
                out[q] -= change
    return total


cdef inline void weigh_pairs(const Group *g, Py_ssize_t i, Py_ssize_t first, Py_ssize_t n,
                             const double *up, double *w) noexcept nogil:
    """What the pairs of row i and n rows from `first` on count."""
    cdef Py_ssize_t j, size = g.y_size
    cdef const double *y = g.y + first * size
    cdef const double *down
    for j in range(n):
        w[j] = g.weight[i] * g.weight[first + j]
    if size > 1:
        for j in range(n):
            w[j] *= g.y[i * size + 1] - y[j * size + 1]
    if up != NULL:
        down = up + g.n
        for j in range(n):
            w[j] *= max(up[i] - up[first + j], down[first + j] - down[i], 0.0)


cdef inline double list_net(const void *params, const Group *g) noexcept nogil:
    """log sum_i w_i exp(r_i) - sum_i t_i r_i, where y are the shares t, which sum to 1."""
    cdef Py_ssize_t n = g.n, k = g.n_directions, size = g.y_size, i, j
    cdef double *p = g.work
    cdef double *mean = p + n
    cdef double m = -INFINITY, total = 0.0, value = 0.0
    for i in range(n):
        m = max(m, g.raw[i])
    for i in range(n):
        p[i] = g.weight[i] * exp(g.raw[i] - m)
        total += p[i]
        value += g.y[i * size] * (m - g.raw[i])
    for i in range(n):
        p[i] /= total
    if g.gradient != NULL:
        for i in range(n):
            g.gradient[i] = p[i] - g.y[i * size]
    if g.curvature != NULL:
        for i in range(n):
            g.curvature[i] = p[i] * (1.0 - p[i])
    if g.product != NULL:
        for j in range(k):
            mean[j] = 0.0
        for i in range(n):
            for j in range(k):
                mean[j] += p[i] * g.v[i * k + j]
        for i in range(n):
            for j in range(k):
                g.product[i * k + j] = p[i] * (g.v[i * k + j] - mean[j])
    return value + log(total)


cdef inline double approx_ndcg(const void *params, const Group *g) noexcept nogil:
    """1 - sum_i a_i D(rank_i), with smooth ranks 1 + sum_j expit((r_j - r_i) / T).

    y is the relevance, and a, its gain as a share of the best DCG; D(x) = 1 / log2(1 + x).
    With c = a D', b = a D'' and s = expit', which is even, the gradient is
    sum_j s_ij (c_i - c_j) / T.
    """
    cdef Py_ssize_t n = g.n, k = g.n_directions, size = g.y_size, i, j, q
    cdef double T = (<const double *> params)[0]
    cdef double a, rank, log_, s, s_bent, z, value = 1.0
    cdef double *c = g.work
    cdef double *b = c + n
    cdef double *steep = b + n
    cdef double *change = steep + n
    for i in range(n):
        rank = 0.5
        for j in range(n):
            rank += expit((g.raw[j] - g.raw[i]) / T)
        a, log_ = g.y[i * size + 1], log(1.0 + rank)
        value -= a * LN2 / log_
        c[i] = -a * LN2 / ((1.0 + rank) * log_ * log_)
        b[i] = a * LN2 * (1.0 + 2.0 / log_) / ((1.0 + rank) * (1.0 + rank) * log_ * log_)
    clear(g)
    if g.gradient == NULL and g.curvature == NULL and k == 0:
        return value
    for i in range(n):
        steep[i] = -0.25 / T  # of the row itself
        for j in range(n):
            z = (g.raw[j] - g.raw[i]) / T
            s = expit(z) * expit(-z) / T
            steep[i] += s
            if g.gradient != NULL:
                g.gradient[i] += s * (c[i] - c[j])
            if g.curvature != NULL:
                s_bent = s * (expit(z) - expit(-z)) / T
                g.curvature[i] += s_bent * (c[i] - c[j]) - (s * s * b[j] if i != j else 0.0)
        if g.curvature != NULL:  # the rank of a row moves those of the others, too
            g.curvature[i] = g.curvature[i] - steep[i] * steep[i] * b[i]
    for q in range(k):
        for i in range(n):
            change[i] = 0.0
            for j in range(n):
                z = (g.raw[j] - g.raw[i]) / T
                s = expit(z) * expit(-z) / T
                change[i] += b[i] * s * (g.v[j * k + q] - g.v[i * k + q])
        for i in range(n):
            for j in range(n):
                z = (g.raw[j] - g.raw[i]) / T
                s = expit(z) * expit(-z) / T
                s_bent = s * (expit(z) - expit(-z)) / T
                g.product[i * k + q] += (
                    s_bent * (g.v[i * k + q] - g.v[j * k + q]) * (c[i] - c[j])
                    + s * (change[i] - change[j]))
    return value


cdef inline double harmonic(double n) noexcept nogil:
    """1 + 1/2 + ... + 1/n."""
    cdef double total = 0.0, i = 1.0
    if n > 64.0:
        return log(n) + 0.5772156649015329 + 0.5 / n - 1.0 / (12.0 * n * n)
    while i <= n:
        total += 1.0 / i
        i += 1.0
    return total


cdef inline double weight_of_draw(double below, double n) noexcept nogil:
    """What a row weighs whose n-th draw was the first to be in its way."""
    return harmonic(max(1.0, floor(below / n)))


cdef inline double warp(const void *params, const Group *g) noexcept nogil:
    """The mean over all draws of `warp_of_draw`, of all rows that have others below.

    Of the share p of those below a row that are in its way, the n-th draw is the first
    with the chance p (1 - p)^(n - 1).
    """
    cdef Py_ssize_t i, j, level = 0, size = g.y_size
    cdef double most = (<const double *> params)[0], n, w, short_of, total = 0.0
    cdef double below = 0.0, all_ = 0.0, in_way, hinge, p, chance
    clear(g)
    for i in range(g.n):
        if i > 0 and g.y[i * size] != g.y[(i - 1) * size]:
            level, below = i, all_
        all_ += g.weight[i]
        in_way = hinge = 0.0
        for j in range(level):
            short_of = 1.0 - g.raw[i] + g.raw[j]
            if short_of > 0.0:
                in_way += g.weight[j]
                hinge += g.weight[j] * short_of
        if in_way == 0.0:
            continue
        p, w, n = in_way / below, 0.0, 1.0
        chance = p
        while n <= most:
            w += chance * weight_of_draw(below, n)
            chance *= 1.0 - p
            n += 1.0
        w *= g.weight[i] / in_way
        total += w * hinge
        if g.gradient == NULL:
            continue
        g.gradient[i] -= w * in_way
        for j in range(level):
            if 1.0 - g.raw[i] + g.raw[j] > 0.0:
                g.gradient[j] += w * g.weight[j]
    return total


cdef inline double warp_of_draw(const void *params, const Group *g) noexcept nogil:
    """The hinge of the last row and the first of the others that is in its way.

    The second number of its y is the weight of all rows of less relevance.
    """
    cdef Py_ssize_t j, last = g.n - 1
    cdef double short_of, w
    clear(g)
    for j in range(last):
        short_of = 1.0 - g.raw[last] + g.raw[j]
        if short_of > 0.0:
            w = weight_of_draw(g.y[last * g.y_size + 1], j + 1.0)
            if g.gradient != NULL:
                g.gradient[j], g.gradient[last] = w, -w
            return w * short_of
    return 0.0
