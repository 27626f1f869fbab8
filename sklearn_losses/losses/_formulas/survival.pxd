# cython: language_level=3
"""The partial likelihood of one stratum: Cox 1972, with the ties of Breslow and of Efron.

With the weights w, rho_i = w_i exp(r_i), the risk set R_k and the d events D_k of the time
t_k, whose weights sum to W_k,

    L = sum_k [ W_k / d sum_l log(S_k - l / d E_k) - sum_{i in D_k} w_i r_i ],

where S_k and E_k are the sums of rho over R_k and D_k, and l = 0, ..., d - 1 (Efron 1977)
or l / d is 0 (Breslow 1974). Everything is relative to the largest r of the risk set, so
that no sum overflows, and risk sets at the end keep their digits beside larger ones before:
the sums of S go back in time, in which that maximum grows, and those of 1 / S forward.
Nothing is subtracted.
"""

from libc.math cimport INFINITY, log

from sklearn_losses.losses._exp_log cimport exp
from sklearn_losses.losses._table cimport Group


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
    cdef double share, s, at_risk, value = 0.0
    t.of_all = t.of_events = t.square_of_all = t.square_of_events = 0.0
    t.s_of_all = t.e_of_all = t.s_of_events = t.e_of_events = 0.0
    for step in range(steps):
        share = step / <double> d
        at_risk = 1.0 - share
        s = S - share * E
        value += c * log(s)
        t.of_all += c / s
        t.of_events += at_risk * c / s
        t.square_of_all += c / s / s
        t.square_of_events += at_risk * at_risk * c / s / s
        t.e_of_all += share * c / s / s
        t.s_of_events += at_risk * c / s / s
        t.e_of_events += at_risk * share * c / s / s
    t.s_of_all = t.square_of_all
    return value


cdef inline double cox(const void *params, const Group *g) noexcept nogil:
    """y is the time and whether it is that of an event; params says whether Efron's.

    Rows come with their times ascending.
    """
    cdef bint efron = (<const double *> params)[0] != 0.0
    cdef Py_ssize_t n = g.n, k = g.n_directions, i, j, begin, end = g.n, d, size = g.y_size
    cdef const double *y = g.y
    cdef const double *r = g.raw
    cdef const double *w = g.weight
    cdef double *rho = g.work
    cdef double *top = rho + n          # the maximum of r over the risk set
    cdef double *of_all = top + n       # at the first row of a time: as in Ties
    cdef double *of_events = of_all + n
    cdef double *square_of_all = of_events + n
    cdef double *square_of_events = square_of_all + n
    cdef double *S_v = square_of_events + n
    cdef double *E_v = S_v + k
    cdef double m = -INFINITY, largest, factor, S = 0.0, E, W, value = 0.0
    cdef Ties t
    cdef bint wants_product = g.product != NULL
    if not wants_product:
        k = 0
    for j in range(k):
        S_v[j] = 0.0
    while end > 0:
        begin = end - 1
        largest = r[begin]
        while begin > 0 and y[(begin - 1) * size] == y[(end - 1) * size]:
            begin -= 1
            largest = max(largest, r[begin])
        if largest > m:
            factor = exp(m - largest)
            m = largest
            S *= factor
            for j in range(k):
                S_v[j] *= factor
        E, W, d = 0.0, 0.0, 0
        for j in range(k):
            E_v[j] = 0.0
        for i in range(begin, end):
            rho[i] = w[i] * exp(r[i] - m)
            top[i] = m
            S += rho[i]
            for j in range(k):
                S_v[j] += rho[i] * g.v[i * k + j]
            if y[i * size + 1] != 0.0:
                d += 1
                E += rho[i]
                W += w[i]
                value += w[i] * (m - r[i])
                for j in range(k):
                    E_v[j] += rho[i] * g.v[i * k + j]
        of_all[begin] = of_events[begin] = 0.0
        square_of_all[begin] = square_of_events[begin] = 0.0
        if d > 0:
            value += ties_of(&t, S, E, W, d, efron)
            of_all[begin], of_events[begin] = t.of_all, t.of_events
            square_of_all[begin], square_of_events[begin] = (
                t.square_of_all, t.square_of_events)
            # Sums of means of v, which wait where the product of the rows will stand.
            for j in range(k):
                g.product[begin * k + j] = t.s_of_all * S_v[j] - t.e_of_all * E_v[j]
            if d > 1:
                for j in range(k):
                    g.product[(begin + 1) * k + j] = (
                        t.s_of_events * S_v[j] - t.e_of_events * E_v[j])
        else:
            for j in range(k):
                g.product[begin * k + j] = 0.0
        end = begin
    if g.gradient != NULL or g.curvature != NULL or wants_product:
        cox_forward(g, k, rho, top, of_all, of_events, square_of_all, square_of_events,
                    S_v, E_v)
    return value


cdef inline void cox_forward(const Group *g, Py_ssize_t k, const double *rho,
                             const double *top, const double *of_all,
                             const double *of_events, const double *square_of_all,
                             const double *square_of_events, double *V,
                             double *V_of_events) noexcept nogil:
    """Derivatives, from what the way back has left: sums over the times so far."""
    cdef Py_ssize_t n = g.n, size = g.y_size, begin = 0, end, i, j, d
    cdef double A = 0.0, A2 = 0.0, m = top[0], factor, a, a2
    cdef bint is_event
    for j in range(k):
        V[j] = 0.0
    while begin < n:
        end, d = begin, 0
        while end < n and g.y[end * size] == g.y[begin * size]:
            d += g.y[end * size + 1] != 0.0
            end += 1
        if top[begin] != m:
            factor = exp(top[begin] - m)
            m = top[begin]
            A *= factor
            A2 *= factor * factor
            for j in range(k):
                V[j] *= factor
        for j in range(k):
            V_of_events[j] = V[j] + g.product[(begin + (d > 1)) * k + j]
            V[j] += g.product[begin * k + j]
        for i in range(begin, end):
            is_event = g.y[i * size + 1] != 0.0
            a = rho[i] * (A + (of_events[begin] if is_event else of_all[begin]))
            if g.gradient != NULL:
                g.gradient[i] = a - g.weight[i] if is_event else a
            if g.curvature != NULL:
                a2 = A2 + (square_of_events[begin] if is_event else square_of_all[begin])
                g.curvature[i] = max(a - rho[i] * rho[i] * a2, 0.0)
            if is_event:
                for j in range(k):
                    g.product[i * k + j] = a * g.v[i * k + j] - rho[i] * V_of_events[j]
            else:
                for j in range(k):
                    g.product[i * k + j] = a * g.v[i * k + j] - rho[i] * V[j]
        A += of_all[begin]
        A2 += square_of_all[begin]
        begin = end
