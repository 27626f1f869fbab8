# cython: language_level=3
"""Loops over rows and small matrices that numpy would make several passes of."""

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int32_t, int64_t

ctypedef fused real:
    float
    double

ctypedef fused index:
    int32_t
    int64_t

cdef enum:
    FEW = 1 << 20  # of which a count fits each type of indices


def scan_indices(const index[::1] indices, const index[::1] starts):
    """What a look at the indices of a compressed sparse matrix finds.

    Parameters
    ----------
    indices : ndarray of int32 or int64 of shape (n_stored,)
    starts : ndarray of the same dtype, of shape (n_rows + 1,)
        From 0 to n_stored, in order.

    Returns
    -------
    lowest, largest : int
        Of the indices; 0 and -1 if there are none.
    is_canonical : bool
        Whether they rise within each row.
    """
    cdef Py_ssize_t i, k, block, start, n = indices.shape[0]
    cdef Py_ssize_t n_falls = 0, n_at_starts = 0
    cdef index low = 0, high = -1, falls
    if n == 0:
        return 0, -1, True
    with nogil:
        low = high = indices[0]
        for block in range(n // FEW + 1):
            falls = 0
            for k in range(max(block * FEW, 1), min((block + 1) * FEW, n)):
                low = min(low, indices[k])
                high = max(high, indices[k])
                falls += indices[k] <= indices[k - 1]
            n_falls += falls
        for i in range(1, starts.shape[0] - 1):
            start = starts[i]
            if 0 < start < starts[i + 1]:
                n_at_starts += indices[start] <= indices[start - 1]
    return low, high, n_falls == n_at_starts


def centre_rows(const real[:, ::1] x, const double[::1] mean, const double[::1] scale,
                double[:, ::1] out):
    """Write (x - mean) scale, and a last column of ones.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    mean, scale : ndarray of shape (d,)
    out : ndarray of shape (n, d + 1)
    """
    cdef Py_ssize_t i, j, d = x.shape[1]
    with nogil:
        for i in range(x.shape[0]):
            for j in range(d):
                out[i, j] = (x[i, j] - mean[j]) * scale[j]
            out[i, d] = 1.0


def weigh_rows(const real[:, ::1] x, const double[:] weight, double[:, ::1] out):
    """Write the rows times the roots of their weights, for a product with itself.

    Parameters
    ----------
    x, out : ndarray of shape (n, d)
    weight : ndarray of shape (n,)
        >= 0.
    """
    cdef Py_ssize_t i, j
    cdef double root
    with nogil:
        for i in range(x.shape[0]):
            root = sqrt(weight[i])
            for j in range(x.shape[1]):
                out[i, j] = root * x[i, j]


def add_moments(const double[:, ::1] z, const double[:, :] g, const double[:, :] c,
                double[:, ::1] first, double[:, :, ::1] second):
    """Add sum g z and, below the diagonal and on it, sum c z z' of a few short rows.

    Parameters
    ----------
    z : ndarray of shape (n, d)
    g, c : ndarray of shape (n, n_outputs)
    first : ndarray of shape (n_outputs, d)
    second : ndarray of shape (n_outputs, d, d)
    """
    cdef Py_ssize_t i, j, k, output
    cdef double weighted
    with nogil:
        for output in range(first.shape[0]):
            for i in range(z.shape[0]):
                for j in range(z.shape[1]):
                    first[output, j] += g[i, output] * z[i, j]
                    weighted = c[i, output] * z[i, j]
                    for k in range(j + 1):
                        second[output, j, k] += weighted * z[i, k]


def mirror(double[:, ::1] matrix):
    """Write the lower triangle of a square matrix above its diagonal."""
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(matrix.shape[0]):
            for j in range(i):
                matrix[j, i] = matrix[i, j]


def equilibrate(const double[:, ::1] matrix, double damping, double[:, ::1] out,
                double[::1] scale):
    """Write the scales that make a diagonal 1, 0 where it is not positive, and by them
    the lower triangle of the scaled matrix, with `damping` more on the diagonal."""
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(matrix.shape[0]):
            scale[i] = 1.0 / sqrt(matrix[i, i]) if matrix[i, i] > 0.0 else 0.0
            for j in range(i):
                out[i, j] = matrix[i, j] * scale[j] * scale[i]
            out[i, i] = 1.0 + damping


def add_curvature(double[:, ::1] matrix, const double[::1] l2, double jitter,
                  const double[::1] moves):
    """Add l2 + jitter to the diagonal, but of a coordinate that does not move only l2.

    If the last one, the intercept, does not, its row and column become 0.
    """
    cdef Py_ssize_t j, last = matrix.shape[0] - 1
    with nogil:
        for j in range(last + 1):
            if moves[last] == 0.0:
                matrix[last, j] = matrix[j, last] = 0.0
            matrix[j, j] += l2[j] + jitter * moves[j]


def set_mean_and_scale(const double[:, :] sums, const double[::1] unit,
                       const double[::1] centre, bint moves, double constant,
                       double[:, ::1] out):
    """Write mean and 1 / spread of columns.

    Parameters
    ----------
    sums : ndarray of shape (2, d)
        Those of e and e^2, e = (x - centre) unit, over rows of weights that sum to 1.
    unit, centre : ndarray of shape (d,)
    moves : bool
        Whether the mean is not `centre`, about which the spread then is.
    constant : float
        A column whose spread is this share of its mean, or less, has the scale 0.
    out : ndarray of shape (2, d)

    Returns
    -------
    float
        How far the mean is from `centre`, in spreads, at most.
    """
    cdef Py_ssize_t j
    cdef double first, square, spread, largest = 0.0
    with nogil:
        for j in range(centre.shape[0]):
            first = sums[0, j] if moves else 0.0
            square = sums[1, j] - first * first
            spread = sqrt(0.0 if square < 0.0 else square) / unit[j]
            first /= unit[j]
            if fabs(first) > largest * spread:
                largest = fabs(first) / spread if spread > 0.0 else INFINITY
            out[0, j] = centre[j] + first
            out[1, j] = 0.0
            if spread > constant * fabs(out[0, j]) and spread < INFINITY:
                out[1, j] = 1.0 / spread
            if not fabs(out[0, j]) < INFINITY:
                out[0, j] = out[1, j] = 0.0
            if not out[1, j] < INFINITY:
                out[1, j] = 0.0
    return largest
