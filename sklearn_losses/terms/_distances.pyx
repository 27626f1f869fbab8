# cython: language_level=3
"""Distances of embedded rows, and products with the Laplacian of a graph of pairs.

No array of differences is formed: a pair is read, and used, where it is.
"""


def squared_distances(const double[:, ::1] some, const double[:, ::1] columns,
                      double[:, ::1] out):
    """Write |a - b|^2 for the rows a of `some` and the columns b of `columns`.

    By differences, which lose no digits where rows are near each other and far from 0.
    """
    cdef Py_ssize_t i, j, c, k = some.shape[1], n = columns.shape[1]
    cdef double a, b, x, y
    cdef double *row
    cdef const double *first
    cdef const double *second
    if n == 0:
        return
    with nogil:
        for i in range(some.shape[0]):
            row = &out[i, 0]
            for j in range(n):
                row[j] = 0.0
            for c in range(0, k - 1, 2):  # two at a time: half of the writes
                a, b = some[i, c], some[i, c + 1]
                first, second = &columns[c, 0], &columns[c + 1, 0]
                for j in range(n):
                    x, y = first[j] - a, second[j] - b
                    row[j] += x * x + y * y
            if k % 2:
                a, first = some[i, k - 1], &columns[k - 1, 0]
                for j in range(n):
                    x = first[j] - a
                    row[j] += x * x


def edge_distances(const double[:, ::1] Z, const Py_ssize_t[::1] left,
                   const Py_ssize_t[::1] right, double[::1] out):
    """Write |Z[left] - Z[right]|^2 of each edge."""
    cdef Py_ssize_t e, c
    cdef double x, total
    with nogil:
        for e in range(left.shape[0]):
            total = 0.0
            for c in range(Z.shape[1]):
                x = Z[left[e], c] - Z[right[e], c]
                total += x * x
            out[e] = total


def laplacian_product(const double[:, ::1] V, const Py_ssize_t[::1] left,
                      const Py_ssize_t[::1] right, const double[::1] weight,
                      double[:, ::1] out):
    """Add to `out` the sum over edges of weight (e_l - e_r)(e_l - e_r)' V."""
    cdef Py_ssize_t e, c, i, j
    cdef double x
    with nogil:
        for e in range(left.shape[0]):
            if weight[e] == 0.0:
                continue
            i, j = left[e], right[e]
            for c in range(V.shape[1]):
                x = weight[e] * (V[i, c] - V[j, c])
                out[i, c] += x
                out[j, c] -= x


cdef inline void of_column(const double *s0, const double *s1, const double *v, double a0,
                           double a1, double *out, double *dots,
                           Py_ssize_t n) noexcept nogil:
    """Add a0 s0 + a1 s1 to out, and s0.v and s1.v to dots, in one pass."""
    cdef double first[4]
    cdef double second[4]
    cdef Py_ssize_t j, lane, whole = n - n % 4
    for lane in range(4):
        first[lane] = second[lane] = 0.0
    for j in range(0, whole, 4):
        for lane in range(4):
            first[lane] += s0[j + lane] * v[j + lane]
            second[lane] += s1[j + lane] * v[j + lane]
            out[j + lane] += a0 * s0[j + lane] + a1 * s1[j + lane]
    for j in range(whole, n):
        first[0] += s0[j] * v[j]
        second[0] += s1[j] * v[j]
        out[j] += a0 * s0[j] + a1 * s1[j]
    dots[0] += (first[0] + first[1]) + (first[2] + first[3])
    dots[1] += (second[0] + second[1]) + (second[2] + second[3])


def graph_product(const double[:, ::1] slopes, Py_ssize_t start, const double[:, ::1] V,
                  double[:, ::1] out):
    """Add (C + C') V, of a block of rows of C, to `out`.

    Parameters
    ----------
    slopes : array of shape (n_some, n_rows)
        The rows of C from `start` on.
    V, out : array of shape (n_columns, n_rows)
    """
    cdef Py_ssize_t i, c, n = slopes.shape[1], n_some = slopes.shape[0]
    cdef bint is_pair
    cdef const double *s0
    cdef const double *s1
    cdef double a1
    cdef double dots[2]
    with nogil:
        for i in range(0, n_some, 2):
            is_pair = i + 1 < n_some
            s0 = &slopes[i, 0]
            s1 = &slopes[i + is_pair, 0]
            for c in range(V.shape[0]):
                dots[0] = dots[1] = 0.0
                a1 = V[c, start + i + 1] if is_pair else 0.0
                of_column(s0, s1, &V[c, 0], V[c, start + i], a1, &out[c, 0], dots, n)
                out[c, start + i] += dots[0]
                if is_pair:
                    out[c, start + i + 1] += dots[1]
