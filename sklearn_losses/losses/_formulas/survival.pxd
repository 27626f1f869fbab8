# cython: language_level=3
"""The partial likelihood of one stratum: Cox 1972, with the ties of Breslow and of Efron.

With the weights w, rho_i = w_i exp(r_i), the risk set R_k and the d events D_k of the time
t_k, whose weights sum to W_k,

    L = sum_k [ W_k / d sum_l log(S_k - l / d E_k) - sum_{i in D_k} w_i r_i ],

where S_k and E_k are the sums of rho over R_k and D_k, and l = 0, ..., d - 1 (Efron 1977)
or l / d is 0 (Breslow 1974). Everything is relative to the largest r of the risk set, so
that no sum overflows, and risk sets at the end keep their digits beside larger ones before:
the sums of S go back in time, in which that maximum grows, and those of 1 / S forward.
Nothing is subtracted, but where rows enter late (`late_cox`): a risk set is then that of
those who have not ended without those who have not entered, and is summed anew where few
are left. Most often one maximum will do for all risk sets, and there are no ties that
Efron's steps would take apart: then each loop is over all rows, without a choice, and is
vectorised (`even_cox`).
"""

from libc.math cimport INFINITY, NAN, log
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc

from sklearn_losses.losses._exp_log cimport (
    FRACTION,
    LN2_HIGH,
    LN2_LOW,
    ONE,
    SHIFT,
    SQRT_HALF,
    bits,
    exp,
    exp_of_nonpositive,
    from_bits,
)
from sklearn_losses.losses._table cimport Group


cdef enum:
    TIME
    EVENT
    ENTRY
    BY_ENTRY   # the row that comes at this place where rows are sorted by their entry

# Of a sum may be left after a subtraction, or it is formed anew; and so small a sum is 0.
cdef extern from *:
    """
    #define SL_LEFT 1e-3
    #define SL_SMALLEST 1e-100
    """
    const double LEFT "SL_LEFT"
    const double SMALLEST "SL_SMALLEST"


cdef struct Ties:
    # Sums over the steps l of c / s, where c = W / d and s = S - l / d E: of all rows at
    # risk, and of those with an event then, of which a share of 1 - l / d is at risk.
    double of_all
    double of_events
    double square_of_all
    double square_of_events
    # What S_v and E_v, the sums of rho v, are multiplied by in those sums times a mean.
    double s_of_all
    double e_of_all
    double s_of_events
    double e_of_events


cdef inline double ties_of(Ties *t, double S, double E, double W, Py_ssize_t d,
                           bint efron) noexcept nogil:
    """Fill in the sums of one time, and return that of c log(s)."""
    cdef Py_ssize_t step, steps = d if efron else 1
    cdef double c = W / steps
    cdef double share, s, at_risk, each, square, value = 0.0
    t.of_all = t.of_events = t.square_of_all = t.square_of_events = 0.0
    t.s_of_all = t.e_of_all = t.s_of_events = t.e_of_events = 0.0
    for step in range(steps):
        share = step / <double> d
        at_risk = 1.0 - share
        s = S - share * E
        each = c / s
        square = each / s
        value += c * log(s)
        t.of_all += each
        t.of_events += at_risk * each
        t.square_of_all += square
        t.square_of_events += at_risk * at_risk * square
        t.e_of_all += share * square
        t.s_of_events += at_risk * square
        t.e_of_events += at_risk * share * square
    t.s_of_all = t.square_of_all
    return value


cdef inline double log_of_normal(double x) noexcept nogil:
    """log(x) where x > 0 is no subnormal, as `log1p` of `_exp_log` has it."""
    cdef uint64_t b = bits(x) + (ONE - SQRT_HALF)
    cdef double k = from_bits((b >> 52) + bits(SHIFT)) - (SHIFT + 1023.0)
    cdef double f = from_bits((b & FRACTION) + SQRT_HALF) - 1.0
    cdef double s = f / (2.0 + f)
    cdef double z = s * s
    cdef double w = z * z
    cdef double half = 0.5 * f * f
    cdef double tail = z * (
        (0.6666666666666735130 + w * (0.2857142874366239149
         + w * (0.1818357216161805012 + w * 0.1479819860511658591)))
        + z * (0.3999999999940941908 + w * (0.2222219843214978396
               + w * 0.1531383769920937332)))
    return k * LN2_HIGH + (f - (half - (s * (half + tail) + k * LN2_LOW)))


cdef inline bint has_ties(const Group *g) noexcept nogil:
    """Whether two rows have the same time."""
    cdef Py_ssize_t i, n_ties = 0
    for i in range(1, g.n):
        n_ties += g.y[i * g.y_size] == g.y[(i - 1) * g.y_size]
    return n_ties > 0


cdef inline bint sums_at_risk(const Group *g) noexcept nogil:
    """Form rho of each row, relative to the largest r, and S of the rows from it on.

    They are the first two arrays of `work`. Whether S is never so small that its square
    would be 0: else sums relative to the largest r of all rows will not do.
    """
    cdef Py_ssize_t i
    cdef double *rho = g.work
    cdef double *S = rho + g.n
    cdef double m = largest_of(g), at_risk = 0.0
    for i in range(g.n):
        rho[i] = g.weight[i] * exp_of_nonpositive(g.raw[i] - m)
    for i in range(g.n - 1, -1, -1):
        at_risk += rho[i]
        S[i] = at_risk
    return S[g.n - 1] > SMALLEST


cdef inline double largest_of(const Group *g) noexcept nogil:
    """The largest r, by four chains of comparisons."""
    cdef Py_ssize_t i, j
    cdef double *most = [-INFINITY, -INFINITY, -INFINITY, -INFINITY]
    for i in range(0, g.n - 3, 4):
        for j in range(4):
            most[j] = max(most[j], g.raw[i + j])
    for i in range(g.n - g.n % 4, g.n):
        most[0] = max(most[0], g.raw[i])
    return max(max(most[0], most[1]), max(most[2], most[3]))


cdef inline double even_cox(const Group *g) noexcept nogil:
    """The value and the derivatives from the sums of `sums_at_risk`, with Breslow's ties.

    That of a row i with an event is w_i (log S - r_i). Rows of the same time share S of
    the first of them, and what is summed over times so far of the last.
    """
    cdef Py_ssize_t i, n = g.n, size = g.y_size
    cdef const double *y = g.y
    cdef double *rho = g.work
    cdef double *S = rho + n
    cdef double *w = S + n              # of events, and 0
    cdef double *A = w + n
    cdef double *A2 = A + n
    cdef double *term = A2 + n
    cdef double m = largest_of(g), here = S[0], sum1 = 0.0, sum2 = 0.0, value = 0.0
    cdef double each
    for i in range(n):
        w[i] = g.weight[i] if y[i * size + EVENT] != 0.0 else 0.0
    for i in range(1, n):
        here = here if y[i * size] == y[(i - 1) * size] else S[i]
        S[i] = here
    for i in range(n):
        each = w[i] * (log_of_normal(S[i]) + (m - g.raw[i]))
        term[i] = each if w[i] != 0.0 else 0.0  # where r may be -inf
    for i in range(n):
        value += term[i]
    if g.gradient == NULL and g.curvature == NULL:
        return value
    for i in range(n):
        A[i] = w[i] / S[i]
        A2[i] = A[i] / S[i]
    for i in range(n):
        sum1 += A[i]
        sum2 += A2[i]
        A[i] = sum1
        A2[i] = sum2
    for i in range(n - 2, -1, -1):
        if y[i * size] == y[(i + 1) * size]:
            A[i], A2[i] = A[i + 1], A2[i + 1]
    if g.gradient != NULL:
        for i in range(n):
            g.gradient[i] = rho[i] * A[i] - w[i]
    if g.curvature != NULL:
        for i in range(n):
            g.curvature[i] = max(rho[i] * A[i] - rho[i] * A2[i] * rho[i], 0.0)
    return value


cdef struct RiskSets:
    # What the way back in time, in which risk sets grow, leaves for that forward.
    double *rho               # of a row, relative to its ...
    double *top               # ... maximum of r over the risk set
    double *of_all            # at the first row of a time: as in Ties
    double *of_events
    double *square_of_all
    double *square_of_events


cdef inline double cox(const void *params, const Group *g) noexcept nogil:
    """y is the time and whether it is that of an event; params says whether Efron's.

    Rows come with their times ascending.
    """
    if g.y_size > ENTRY:
        return late_cox(params, g)
    cdef bint efron = (<const double *> params)[0] != 0.0
    if g.product == NULL and not (efron and has_ties(g)) and sums_at_risk(g):
        return even_cox(g)
    cdef Py_ssize_t n = g.n, k = g.n_directions, i, j, begin, end = g.n, d, size = g.y_size
    cdef const double *y = g.y
    cdef const double *r = g.raw
    cdef const double *w = g.weight
    cdef RiskSets s
    cdef double *S_v = g.work + 6 * n
    cdef double *E_v = S_v + k
    cdef double m = -INFINITY, largest, factor, rho, S = 0.0, E, W, value = 0.0
    cdef Ties t
    cdef bint wants_product = g.product != NULL, differ
    s.rho, s.top, s.of_all, s.of_events = g.work, g.work + n, g.work + 2 * n, g.work + 3 * n
    s.square_of_all, s.square_of_events = g.work + 4 * n, g.work + 5 * n
    if not wants_product:
        k = 0
    for j in range(k):
        S_v[j] = 0.0
    while end > 0:
        begin = end - 1
        largest = r[begin]
        d = y[begin * size + EVENT] != 0.0
        while begin > 0 and y[(begin - 1) * size] == y[(end - 1) * size]:
            begin -= 1
            d += y[begin * size + EVENT] != 0.0
            largest = max(largest, r[begin])
        if largest > m:
            factor = exp(m - largest)
            m = largest
            S *= factor
            for j in range(k):
                S_v[j] *= factor
        E, W = 0.0, 0.0
        differ = efron and d > 1  # what events and all others have of this time
        if differ:
            for j in range(k):
                E_v[j] = 0.0
        for i in range(begin, end):
            rho = w[i] * exp(r[i] - m)
            s.rho[i], s.top[i] = rho, m
            S += rho
            for j in range(k):
                S_v[j] += rho * g.v[i * k + j]
            if y[i * size + EVENT] != 0.0:
                E += rho
                W += w[i]
                value += w[i] * (m - r[i])
                if differ:
                    for j in range(k):
                        E_v[j] += rho * g.v[i * k + j]
        s.of_all[begin] = s.of_events[begin] = 0.0
        s.square_of_all[begin] = s.square_of_events[begin] = 0.0
        if d > 0:
            value += ties_of(&t, S, E, W, d, efron)
            s.of_all[begin], s.of_events[begin] = t.of_all, t.of_events
            s.square_of_all[begin], s.square_of_events[begin] = (
                t.square_of_all, t.square_of_events)
            # Sums of means of v, which wait where the product of the rows will stand.
            for j in range(k):
                g.product[begin * k + j] = t.s_of_all * S_v[j]
            if differ:
                for j in range(k):
                    g.product[begin * k + j] -= t.e_of_all * E_v[j]
                    g.product[(begin + 1) * k + j] = (
                        t.s_of_events * S_v[j] - t.e_of_events * E_v[j])
        end = begin
    if g.gradient != NULL or g.curvature != NULL or wants_product:
        cox_forward(g, &s, k, efron, S_v, E_v)
    return value


cdef inline void cox_forward(const Group *g, const RiskSets *s, Py_ssize_t k, bint efron,
                             double *V, double *V_of_events) noexcept nogil:
    """Derivatives, from what the way back has left: sums over the times so far."""
    cdef Py_ssize_t n = g.n, size = g.y_size, begin = 0, end, i, j, d
    cdef double A = 0.0, A2 = 0.0, m = s.top[0], factor, a, a2, rho
    cdef bint is_event, differ
    for j in range(k):
        V[j] = 0.0
    while begin < n:
        end, d = begin, 0
        while end < n and g.y[end * size] == g.y[begin * size]:
            d += g.y[end * size + EVENT] != 0.0
            end += 1
        if s.top[begin] != m:
            factor = exp(s.top[begin] - m)
            m = s.top[begin]
            A *= factor
            A2 *= factor * factor
            for j in range(k):
                V[j] *= factor
        differ = efron and d > 1
        if differ:
            for j in range(k):
                V_of_events[j] = V[j] + g.product[(begin + 1) * k + j]
        if d > 0:
            for j in range(k):
                V[j] += g.product[begin * k + j]
        for i in range(begin, end):
            is_event = g.y[i * size + EVENT] != 0.0
            rho = s.rho[i]
            a = rho * (A + (s.of_events[begin] if is_event else s.of_all[begin]))
            if g.gradient != NULL:
                g.gradient[i] = a - g.weight[i] if is_event else a
            if g.curvature != NULL:
                a2 = A2 + (
                    s.square_of_events[begin] if is_event else s.square_of_all[begin])
                g.curvature[i] = max(a - rho * rho * a2, 0.0)
            if is_event and differ:
                for j in range(k):
                    g.product[i * k + j] = a * g.v[i * k + j] - rho * V_of_events[j]
            else:
                for j in range(k):
                    g.product[i * k + j] = a * g.v[i * k + j] - rho * V[j]
        A += s.of_all[begin]
        A2 += s.square_of_all[begin]
        begin = end


cdef struct Late:
    # What rows that enter late need: sums over the times of events so far.
    Py_ssize_t n_times
    double *enters      # of a row: how many times are not after its entry
    double *begin       # of a time: its first row, and how many events there are
    double *top         # what r is relative to
    double *of_all      # as in Ties
    double *of_events
    double *square_of_all
    double *square_of_events
    double *A           # sums of of_all, and of square_of_all, before each time
    double *A2
    double *U           # of a time, of each direction: what `cox` leaves in the product
    double *U_of_events
    double *V           # sums of U before each time
    bint is_uneven      # whether some `top` is not that of all


cdef inline double late_cox(const void *params, const Group *g) noexcept nogil:
    """The same where y has an entry, before which a row is not at risk."""
    cdef Py_ssize_t n = g.n, k = g.n_directions if g.product != NULL else 0
    cdef Py_ssize_t size = (n + 1) * (10 + 3 * k) + 2 * k
    cdef double *memory = <double *> malloc(size * sizeof(double))
    cdef Late s
    cdef double value
    if memory == NULL:
        return NAN
    s.enters, s.begin, s.top = memory, memory + (n + 1), memory + 2 * (n + 1)
    s.of_all, s.of_events = memory + 3 * (n + 1), memory + 4 * (n + 1)
    s.square_of_all, s.square_of_events = memory + 5 * (n + 1), memory + 6 * (n + 1)
    s.A, s.A2 = memory + 7 * (n + 1), memory + 8 * (n + 1)
    s.U = memory + 10 * (n + 1)
    s.U_of_events, s.V = s.U + k * (n + 1), s.U + 2 * k * (n + 1)
    value = late_times(params, g, &s, k, s.U + 3 * k * (n + 1))
    if g.gradient != NULL or g.curvature != NULL or k:
        late_rows(g, &s, k)
    free(memory)
    return value


cdef inline double late_times(const void *params, const Group *g, Late *s, Py_ssize_t k,
                              double *work) noexcept nogil:
    """Look at the risk set of each time, from the last on; returns the value.

    The times are kept from the last on, too, and are turned around in the end.
    """
    cdef bint efron = (<const double *> params)[0] != 0.0
    cdef Py_ssize_t n = g.n, size = g.y_size, end = n, begin, i, j, d, p = n - 1, q = 0
    cdef const double *y = g.y
    cdef double *S_v = work
    cdef double *E_v = work + k
    cdef double m = -INFINITY, top, S = 0.0, most = 0.0, E, W, rho, t, value = 0.0
    cdef Ties ties
    for j in range(k):
        S_v[j] = 0.0
    for i in range(n):
        m = max(m, g.raw[i])
    top = m
    s.is_uneven = False
    while end > 0:
        begin, d = end, 0
        t = y[(end - 1) * size + TIME]
        while begin > 0 and y[(begin - 1) * size + TIME] == t:
            begin -= 1
            d += y[begin * size + EVENT] != 0.0
            rho = g.weight[begin] * exp(g.raw[begin] - m)
            S += rho
            for j in range(k):
                S_v[j] += rho * g.v[begin * k + j]
        end = begin
        if d == 0:
            continue
        most = max(most, S)
        while p >= 0 and y[<Py_ssize_t> y[p * size + BY_ENTRY] * size + ENTRY] >= t:
            i = <Py_ssize_t> y[p * size + BY_ENTRY]
            rho = g.weight[i] * exp(g.raw[i] - m)
            S -= rho
            for j in range(k):
                S_v[j] -= rho * g.v[i * k + j]
            p -= 1
        if S <= LEFT * most or S <= SMALLEST:
            top = late_sums(g, begin, t, m, k, &S, S_v)
            most = S
        E, W = 0.0, 0.0
        for j in range(k):
            E_v[j] = 0.0
        i = begin
        while i < n and y[i * size + TIME] == t:
            if y[i * size + EVENT] != 0.0:
                rho = g.weight[i] * exp(g.raw[i] - top)
                E += rho
                W += g.weight[i]
                value += g.weight[i] * (top - g.raw[i])
                for j in range(k):
                    E_v[j] += rho * g.v[i * k + j]
            i += 1
        value += ties_of(&ties, S, E, W, d, efron)
        s.begin[q], s.top[q] = begin, top
        s.of_all[q], s.of_events[q] = ties.of_all, ties.of_events
        s.square_of_all[q], s.square_of_events[q] = (
            ties.square_of_all, ties.square_of_events)
        for j in range(k):
            s.U[q * k + j] = ties.s_of_all * S_v[j] - ties.e_of_all * E_v[j]
            s.U_of_events[q * k + j] = ties.s_of_events * S_v[j] - ties.e_of_events * E_v[j]
        if top != m:  # which only this risk set is relative to
            s.is_uneven = True
            top, S, most = m, 0.0, INFINITY
        q += 1
    s.n_times = q
    late_turn(s, k)
    late_entries(g, s)
    return value


cdef inline double late_sums(const Group *g, Py_ssize_t begin, double t, double m,
                             Py_ssize_t k, double *S, double *S_v) noexcept nogil:
    """Form the sums over the risk set at a time; returns what they are relative to.

    That is the maximum of all rows, unless all of this risk set are far below.
    """
    cdef Py_ssize_t i, j, size = g.y_size
    cdef double top = -INFINITY, rho
    for i in range(begin, g.n):
        if g.y[i * size + ENTRY] < t:
            top = max(top, g.raw[i])
    top = m if top > m - 200.0 else top
    S[0] = 0.0
    for j in range(k):
        S_v[j] = 0.0
    for i in range(begin, g.n):
        if g.y[i * size + ENTRY] < t:
            rho = g.weight[i] * exp(g.raw[i] - top)
            S[0] += rho
            for j in range(k):
                S_v[j] += rho * g.v[i * k + j]
    return top


cdef inline void late_turn(Late *s, Py_ssize_t k) noexcept nogil:
    """Put the times in their order, and sum up."""
    cdef Py_ssize_t q, other, j, n = s.n_times
    cdef double swap
    cdef double **arrays = [s.begin, s.top, s.of_all, s.of_events, s.square_of_all,
                            s.square_of_events]
    for q in range(n // 2):
        other = n - 1 - q
        for j in range(6):
            swap = arrays[j][q]
            arrays[j][q] = arrays[j][other]
            arrays[j][other] = swap
        for j in range(k):
            swap = s.U[q * k + j]
            s.U[q * k + j] = s.U[other * k + j]
            s.U[other * k + j] = swap
            swap = s.U_of_events[q * k + j]
            s.U_of_events[q * k + j] = s.U_of_events[other * k + j]
            s.U_of_events[other * k + j] = swap
    s.A[0] = s.A2[0] = 0.0
    for j in range(k):
        s.V[j] = 0.0
    for q in range(n):
        s.A[q + 1] = s.A[q] + s.of_all[q]
        s.A2[q + 1] = s.A2[q] + s.square_of_all[q]
        for j in range(k):
            s.V[(q + 1) * k + j] = s.V[q * k + j] + s.U[q * k + j]


cdef inline void late_entries(const Group *g, Late *s) noexcept nogil:
    cdef Py_ssize_t i, p, q = 0
    for p in range(g.n):
        i = <Py_ssize_t> g.y[p * g.y_size + BY_ENTRY]
        while (q < s.n_times and g.y[<Py_ssize_t> s.begin[q] * g.y_size + TIME]
               <= g.y[i * g.y_size + ENTRY]):
            q += 1
        s.enters[i] = q


cdef inline void late_rows(const Group *g, const Late *s, Py_ssize_t k) noexcept nogil:
    """The derivatives of each row: sums over the times between its entry and its end."""
    cdef Py_ssize_t i, j, q, first, last = 0, size = g.y_size
    cdef double rho, a, a2, x, m = -INFINITY
    cdef bint is_event, is_direct
    for i in range(g.n):
        m = max(m, g.raw[i])
    for i in range(g.n):
        while (last < s.n_times and g.y[<Py_ssize_t> s.begin[last] * size + TIME]
               <= g.y[i * size + TIME]):
            last += 1
        is_event = g.y[i * size + EVENT] != 0.0
        first = <Py_ssize_t> s.enters[i]
        q = last - is_event  # the times of which all of the row is at risk
        rho = g.weight[i] * exp(g.raw[i] - m)
        is_direct = s.is_uneven or (first > 0 and s.A[q] - s.A[first] < LEFT * s.A[q])
        if not is_direct:
            a, a2 = rho * (s.A[q] - s.A[first]), rho * rho * (s.A2[q] - s.A2[first])
            for j in range(k):
                g.product[i * k + j] = -rho * (s.V[q * k + j] - s.V[first * k + j])
        else:
            a = a2 = 0.0
            for j in range(k):
                g.product[i * k + j] = 0.0
            while first < q:
                x = g.weight[i] * exp(g.raw[i] - s.top[first])
                a += x * s.of_all[first]
                a2 += x * x * s.square_of_all[first]
                for j in range(k):
                    g.product[i * k + j] -= x * s.U[first * k + j]
                first += 1
        if is_event:
            x = g.weight[i] * exp(g.raw[i] - s.top[q])
            a += x * s.of_events[q]
            a2 += x * x * s.square_of_events[q]
            for j in range(k):
                g.product[i * k + j] -= x * s.U_of_events[q * k + j]
        if g.gradient != NULL:
            g.gradient[i] = a - g.weight[i] if is_event else a
        if g.curvature != NULL:
            g.curvature[i] = max(a - a2, 0.0)
        for j in range(k):
            g.product[i * k + j] += a * g.v[i * k + j]
