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
            if k % 2:
                a, first = some[i, k - 1], &columns[k - 1, 0]
                for j in range(n):
                    x = first[j] - a
                    row[j] = x * x
            else:
                for j in range(n):
                    row[j] = 0.0
            for c in range(0, k - 1, 2):  # two at a time: half of the writes
                a, b = some[i, c], some[i, c + 1]
                first, second = &columns[c, 0], &columns[c + 1, 0]
                for j in range(n):
                    x, y = first[j] - a, second[j] - b
                    row[j] += x * x + y * y


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
