# cython: language_level=3
"""Losses of boxes (left, top, right, bottom), with gradient and Hessian.

A `Jet` is a number with its first and second derivatives by the four predicted edges:
areas and their ratios are made of them as of numbers. Where two edges cross, max(a, c)
has a kink; it is the mean over [a - h, a + h] if h > 0, as of other kinks.
"""

from libc.string cimport memset

cdef enum:
    EDGES = 4
    PAIRS = 10  # of the lower triangle, row after row


cdef struct Jet:
    double v
    double g[EDGES]
    double h[PAIRS]


cdef inline Jet number(double v) noexcept nogil:
    cdef Jet found
    memset(&found, 0, sizeof(Jet))
    found.v = v
    return found


cdef inline Jet edge(const double *raw, int k) noexcept nogil:
    cdef Jet found = number(raw[k])
    found.g[k] = 1.0
    return found


cdef inline Jet plus(Jet a, double s, Jet b) noexcept nogil:
    """a + s b"""
    cdef int i
    a.v += s * b.v
    for i in range(EDGES):
        a.g[i] += s * b.g[i]
    for i in range(PAIRS):
        a.h[i] += s * b.h[i]
    return a


cdef inline Jet times(Jet a, Jet b) noexcept nogil:
    cdef Jet found = number(a.v * b.v)
    cdef int i, j, k = 0
    for i in range(EDGES):
        found.g[i] = a.v * b.g[i] + b.v * a.g[i]
        for j in range(i + 1):
            found.h[k] = (a.v * b.h[k] + b.v * a.h[k]) + (a.g[i] * b.g[j] + b.g[i] * a.g[j])
            k += 1
    return found


cdef inline Jet through(Jet a, double f, double d, double dd) noexcept nogil:
    """f(a), of which value and derivatives are given."""
    cdef Jet found = number(f)
    cdef int i, j, k = 0
    for i in range(EDGES):
        found.g[i] = d * a.g[i]
        for j in range(i + 1):
            found.h[k] = d * a.h[k] + dd * a.g[i] * a.g[j]
            k += 1
    return found


cdef inline Jet over(Jet a, Jet b) noexcept nogil:
    cdef double u = 1.0 / b.v
    return times(a, through(b, u, -u * u, 2.0 * u * u * u))


cdef inline Jet at_least(Jet a, double c, double width) noexcept nogil:
    """max(a, c)"""
    cdef double z = a.v - c
    if z >= width:
        return a
    if z <= -width:
        return number(c)
    return through(a, c + (z + width) ** 2 / (4.0 * width), (z + width) / (2.0 * width),
                   1.0 / (2.0 * width))


cdef inline Jet at_most(Jet a, double c, double width) noexcept nogil:
    """min(a, c)"""
    return plus(plus(a, 1.0, number(c)), -1.0, at_least(a, c, width))


cdef inline double box(const double *own, const double *y, Py_ssize_t y_size,
                       const double *raw, Py_ssize_t n, double *g, double *h) noexcept nogil:
    """1 - IoU and what the smallest box around both adds; own = (whether DIoU, width)."""
    cdef double width = own[1], middle
    cdef Jet size[2]
    cdef Jet both[2]
    cdef Jet around[2]
    cdef Jet apart = number(0.0), far, shared, union_, cover, found
    cdef int k
    for k in range(2):
        size[k] = at_least(plus(edge(raw, k + 2), -1.0, edge(raw, k)), 0.0, width)
        both[k] = at_least(plus(at_most(edge(raw, k + 2), y[k + 2], width), -1.0,
                                at_least(edge(raw, k), y[k], width)), 0.0, width)
        around[k] = plus(at_least(edge(raw, k + 2), y[k + 2], width), -1.0,
                         at_most(edge(raw, k), y[k], width))
        middle = 0.5 * (y[k] + y[k + 2])
        far = plus(number(-middle), 0.5, plus(edge(raw, k), 1.0, edge(raw, k + 2)))
        apart = plus(apart, 1.0, times(far, far))
    shared = times(both[0], both[1])
    union_ = plus(plus(number((y[2] - y[0]) * (y[3] - y[1])), 1.0, times(size[0], size[1])),
                  -1.0, shared)
    found = plus(number(1.0), -1.0, over(shared, union_))
    if own[0] > 0.0:
        cover = plus(times(around[0], around[0]), 1.0, times(around[1], around[1]))
        found = plus(found, 1.0, over(apart, cover))
    else:
        cover = times(around[0], around[1])
        found = plus(found, 1.0, plus(number(1.0), -1.0, over(union_, cover)))
    if g != NULL:
        for k in range(EDGES):
            g[k] = found.g[k]
    if h != NULL:
        for k in range(PAIRS):
            h[k] = found.h[k]
    return found.v
