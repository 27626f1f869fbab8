# cython: language_level=3
"""Passes over the rows of a wide stream that are here: ascent of their dual variables.

Each row i keeps the slope g_i of its loss that the coefficients know. What they minimise
without the losses is separable, with curvature H_j for coefficient j, so that

    w_j = soft(u_j, l1_j / H_j),    H_j u_j = constant_j - sum_i g_i x_ij.

A visit moves g_i towards the slope at the present raw prediction, as far as a search along
that line finds good (Shalev-Shwartz and Zhang 2013; with several outputs it is the step of
Lacoste-Julien et al. 2013). It costs no more than the entries of the row, and kinks need
no smoothing: g_i comes to rest between the slopes on their two sides.
"""

from libc.math cimport fabs, isfinite, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t

import numpy as np

from sklearn_losses._machine._prefetch cimport sl_prefetch
from sklearn_losses.losses._table cimport CLoss, Row

cdef enum:
    MOST_TRIALS = 60  # of a search; two or three are the rule
    AHEAD = 16  # entries

cdef extern from *:
    """
    #define SL_NEAR 0.05
    #define SL_LEAST_SHARE 0.0625
    #define SL_STEEPEST 1e100
    """
    const double NEAR "SL_NEAR"  # of a step may be left of the way
    const double LEAST_SHARE "SL_LEAST_SHARE"  # of what is left to search
    const double STEEPEST "SL_STEEPEST"  # what is above it is not squared


def local_columns(const int32_t[::1] columns, Py_ssize_t n_columns):
    """The columns that occur, each once, and the place of each entry's among them."""
    cdef int32_t[::1] place = np.zeros(n_columns, np.int32)  # from 1 on
    used, local = np.empty(len(columns), np.int32), np.empty(len(columns), np.int32)
    cdef int32_t[::1] u = used, to = local
    cdef Py_ssize_t m, n = 0, size = columns.shape[0]
    cdef int32_t j
    with nogil:
        for m in range(size):
            if m + AHEAD < size:
                sl_prefetch(<const char *> &place[columns[m + AHEAD]])
            j = columns[m]
            if place[j] == 0:
                u[n] = j
                n += 1
                place[j] = <int32_t> n
            to[m] = place[j] - 1
    return used[:n], local


def chosen_rows(const double[::1] data, const int32_t[::1] columns,
                const int32_t[::1] starts, const int64_t[::1] rows):
    """The data, columns and starts of some rows."""
    cdef Py_ssize_t a, n, m, size = 0
    for a in range(rows.shape[0]):
        size += starts[rows[a] + 1] - starts[rows[a]]
    found = np.empty(size), np.empty(size, np.int32), np.zeros(len(rows) + 1, np.int32)
    cdef double[::1] x = found[0]
    cdef int32_t[::1] j = found[1]
    cdef int32_t[::1] s = found[2]
    with nogil:
        n = 0
        for a in range(rows.shape[0]):
            for m in range(starts[rows[a]], starts[rows[a] + 1]):
                x[n], j[n] = data[m], columns[m]
                n += 1
            s[a + 1] = <int32_t> n
    return found


def dot_rows(const double[::1] data, const int32_t[::1] columns,
             const int32_t[::1] starts, const double[:, ::1] theta):
    """x_i . theta_k + the last entry of theta_k, for each row and output."""
    cdef Py_ssize_t i, k, m, last = theta.shape[1] - 1
    cdef double p
    found = np.empty((len(starts) - 1, theta.shape[0]))
    cdef double[:, ::1] out = found
    with nogil:
        for i in range(out.shape[0]):
            for k in range(out.shape[1]):
                p = theta[k, last]
                for m in range(starts[i], starts[i + 1]):
                    p += data[m] * theta[k, columns[m]]
                out[i, k] = p
    return found


def shrink(const double[:, ::1] w, const double[:, :] curvature, double l2,
           double more_l1, double more_l2, double[:, ::1] out):
    """Where w goes if it is at rest, with an l2 norm, and the penalty grows.

    Parameters
    ----------
    w, curvature : ndarray of shape (n_outputs, n_features)
    l2, more_l1, more_l2 : float
    out : ndarray of shape (n_outputs, n_features)
        Of zeros, which stay where w is 0: those pages are not even touched.
    """
    cdef Py_ssize_t j, k, first, end, n = w.shape[1]
    cdef double before, after
    with nogil:
        for first in range(0, n, 256):  # whose curvatures fit the cache
            end = min(first + 256, n)
            for k in range(w.shape[0]):
                for j in range(first, end):
                    if w[k, j] == 0.0:
                        continue
                    before = curvature[k, j] + l2
                    after = before + more_l2
                    out[k, j] = w[k, j]
                    if after > 0.0:
                        out[k, j] = soft(w[k, j] * before, more_l1) / after


def add_rows(const double[::1] data, const int32_t[::1] columns,
             const int32_t[::1] starts, const double[:, :] factor, bint squared,
             double[:, ::1] out):
    """out_k += sum_i factor_ik x_i, or of its squares; the last column is that of 1."""
    cdef Py_ssize_t i, k, m, last = out.shape[1] - 1
    cdef double x, c
    with nogil:
        for i in range(factor.shape[0]):
            for k in range(factor.shape[1]):
                c = factor[i, k]
                if c == 0.0:
                    continue
                for m in range(starts[i], starts[i + 1]):
                    x = data[m]
                    out[k, columns[m]] += c * x * x if squared else c * x
                out[k, last] += c


def taken(const double[:, :] vectors, const int32_t[::1] columns):
    """Some columns of vectors, which lie one after another, or the columns do."""
    cdef Py_ssize_t j, k
    found = np.empty((vectors.shape[0], columns.shape[0]))
    cdef double[:, ::1] out = found
    with nogil:
        if vectors.strides[0] < vectors.strides[1]:
            for j in range(columns.shape[0]):
                for k in range(vectors.shape[0]):
                    out[k, j] = vectors[k, columns[j]]
        else:
            for k in range(vectors.shape[0]):
                for j in range(columns.shape[0]):
                    out[k, j] = vectors[k, columns[j]]
    return found


def put(double[:, :] vectors, const int32_t[::1] columns, const double[:, :] values):
    """Set some columns of vectors; more values than columns are not read."""
    cdef Py_ssize_t j, k
    with nogil:
        if vectors.strides[0] < vectors.strides[1]:
            for j in range(columns.shape[0]):
                for k in range(vectors.shape[0]):
                    vectors[k, columns[j]] = values[k, j]
        else:
            for k in range(vectors.shape[0]):
                for j in range(columns.shape[0]):
                    vectors[k, columns[j]] = values[k, j]


cdef inline double soft(double x, double threshold) noexcept nogil:
    return x - min(max(x, -threshold), threshold)


cdef class Passes:
    """The rows, their slopes g, and the coefficients that follow from them.

    Parameters
    ----------
    loss : CLoss
    kept : Kept
        Whose offset has a column for each output, and whose g is changed.
    has_intercept : bool
    """

    cdef CLoss loss
    cdef const double[::1] data
    cdef const int32_t[::1] columns
    cdef const int32_t[::1] starts
    cdef const double[::1] y
    cdef const double[::1] weight
    cdef const double[:, ::1] offset
    cdef double[:, ::1] g
    cdef double[:, ::1] q          # sum_j x_ij^2 / H_j
    cdef double[:, ::1] u
    cdef double[:, ::1] inverse    # 1 / H_j
    cdef double[:, ::1] threshold  # l1_j / H_j
    cdef double[:, ::1] centre     # of the proximal term, and its strength over H_j
    cdef double[:, ::1] hold
    cdef bint has_l1
    cdef bint has_intercept
    cdef double[::1] raw
    cdef double[::1] tried
    cdef double[::1] slope
    cdef double[::1] way

    def __cinit__(self, CLoss loss, kept, bint has_intercept):
        self.loss = loss
        self.data, self.columns, self.starts = kept.rows.arrays()
        self.y, self.weight, self.offset, self.g = kept.y, kept.weight, kept.offset, kept.g
        self.has_intercept = has_intercept
        self.raw, self.tried, self.slope, self.way = np.empty((4, self.g.shape[1]))

    def begin(self, const double[:, ::1] slope, const double[:, ::1] curvature,
              const double[:] l1, const double[:] l2, const double[:] hold,
              double[:, ::1] centre):
        """Set u from what is remembered.

        Parameters
        ----------
        slope, curvature : ndarray of shape (n_outputs, n_local + 1)
            The sum of all g_i x_i and of the other slopes at 0, and its derivative.
        l1, l2, hold : ndarray of shape (n_local + 1,)
            The penalty, and the curvature that holds coefficients where they are.
        centre : ndarray of shape (n_outputs, n_local + 1)
            Where that is; it follows them.
        """
        cdef Py_ssize_t i, j, k, m
        cdef Py_ssize_t n_outputs = slope.shape[0], n = slope.shape[1]
        cdef double x
        self.centre = centre
        self.u, self.inverse, self.threshold, self.hold = np.empty((4, n_outputs, n))
        self.q = np.empty((self.y.shape[0], n_outputs))
        self.has_l1 = np.any(l1)
        with nogil:
            for k in range(n_outputs):
                for j in range(n):
                    x = curvature[k, j] + l2[j] + hold[j]
                    x = 1.0 / x if x > 0.0 else 0.0
                    self.inverse[k, j] = x
                    self.threshold[k, j] = l1[j] * x
                    self.hold[k, j] = hold[j] * x if x > 0.0 else 1.0
                    self.u[k, j] = self.hold[k, j] * centre[k, j] - slope[k, j] * x
            for i in range(self.y.shape[0]):
                for k in range(n_outputs):
                    x = self.inverse[k, n - 1] if self.has_intercept else 0.0
                    for m in range(self.starts[i], self.starts[i + 1]):
                        x += self.data[m] * self.data[m] * self.inverse[
                            k, self.columns[m]]
                    self.q[i, k] = x

    cdef void add(self, Py_ssize_t i, Py_ssize_t k, double c) noexcept nogil:
        """u_k += c x_i / H."""
        cdef double *u = &self.u[k, 0]
        cdef const double *inverse = &self.inverse[k, 0]
        cdef Py_ssize_t m, j, last = self.u.shape[1] - 1
        for m in range(self.starts[i], self.starts[i + 1]):
            j = self.columns[m]
            u[j] += c * self.data[m] * inverse[j]
        if self.has_intercept:
            u[last] += c * inverse[last]

    cdef double predict(self, Py_ssize_t i, Py_ssize_t k) noexcept nogil:
        cdef const double *u = &self.u[k, 0]
        cdef const double *t = &self.threshold[k, 0]
        cdef Py_ssize_t m, j
        cdef double p = self.offset[i, k]
        if self.has_intercept:
            p += u[self.u.shape[1] - 1]
        if self.has_l1:
            for m in range(self.starts[i], self.starts[i + 1]):
                j = self.columns[m]
                p += self.data[m] * soft(u[j], t[j])
        else:
            for m in range(self.starts[i], self.starts[i + 1]):
                p += self.data[m] * u[self.columns[m]]
        return p

    cdef double reach(self, Py_ssize_t i, Py_ssize_t k) noexcept nogil:
        """How far a slope moves the raw prediction, if it goes the whole way.

        That is what coefficients do which are not 0, here or there.
        """
        cdef const double *u = &self.u[k, 0]
        cdef const double *t = &self.threshold[k, 0]
        cdef const double *inverse = &self.inverse[k, 0]
        cdef Py_ssize_t m, j
        cdef double q = inverse[self.u.shape[1] - 1] if self.has_intercept else 0.0
        cdef double x, there
        for m in range(self.starts[i], self.starts[i + 1]):
            j, x = self.columns[m], self.data[m]
            there = u[j] - self.way[k] * x * inverse[j]
            if max(fabs(u[j]), fabs(there)) > t[j]:
                q += x * x * inverse[j]
        return q

    cdef void set_slopes(self, Py_ssize_t i, double *raw) noexcept nogil:
        """The slopes of row i at some raw predictions, times its weight."""
        cdef Row row
        cdef Py_ssize_t k
        if self.loss.table.row == NULL:
            self.slope[0] = self.loss.table.gradient(self.loss.params, self.y[i], raw[0])
        else:
            row.y, row.y_size, row.raw = &self.y[i], 1, raw
            row.n_outputs = self.raw.shape[0]
            row.gradient, row.curvature = &self.slope[0], NULL
            self.loss.table.row(self.loss.params, &row)
        for k in range(self.raw.shape[0]):
            self.slope[k] *= self.weight[i]

    cdef double left(self, Py_ssize_t i, double s) noexcept nogil:
        """What is left of the way after a share s of it, along it; -1e300 is too far."""
        cdef Py_ssize_t k
        cdef double total = 0.0
        for k in range(self.raw.shape[0]):
            self.tried[k] = self.raw[k] - s * self.q[i, k] * self.way[k]
        self.set_slopes(i, &self.tried[0])
        for k in range(self.raw.shape[0]):
            total += self.way[k] * (self.slope[k] - self.g[i, k] - s * self.way[k])
        return total if isfinite(total) else -1e300

    cdef double share(self, Py_ssize_t i, double at_0) noexcept nogil:
        """How much of the way to go: where nothing of it is left.

        By secants (Illinois), once it is known how small it is: where a slope grows
        exponentially, that may be any power of ten.
        """
        cdef double low = 0.0, high = 1.0, at_low = at_0, at_high, s, at
        cdef double least = LEAST_SHARE
        cdef Py_ssize_t _trial
        cdef int side = 0
        at_high = self.left(i, 1.0)
        if at_high >= 0.0:
            return 1.0
        for _trial in range(MOST_TRIALS):
            s = at_low / (at_low - at_high)
            if low == 0.0:
                s = high * max(s, least)
            elif high * LEAST_SHARE > low:
                s = sqrt(low * high)
            else:
                s = low + (high - low) * s
            at = self.left(i, s)
            if fabs(at) <= NEAR * s * at_0:
                return s
            if at > 0.0:
                low, at_low = s, at
                at_high *= 0.5 if side == 1 else 1.0
                side = 1
            else:
                least *= least if side == -1 else 1.0
                high, at_high = s, at
                at_low *= 0.5 if side == -1 else 1.0
                side = -1
            if high - low <= NEAR * low:  # a kink
                break
        return low

    def run(self, const uint32_t[::1] order):
        """Visit rows in this order; returns how far their slopes have moved in all."""
        cdef Py_ssize_t a, i, k, n_outputs = self.raw.shape[0]
        cdef double size, s, moved = 0.0
        with nogil:
            for a in range(order.shape[0]):
                i = order[a]
                for k in range(n_outputs):
                    self.raw[k] = self.predict(i, k)
                self.set_slopes(i, &self.raw[0])
                size = 0.0
                for k in range(n_outputs):
                    self.way[k] = self.slope[k] - self.g[i, k]
                    self.way[k] = min(max(self.way[k], -STEEPEST), STEEPEST)
                    size += self.way[k] * self.way[k]
                if size == 0.0 or not isfinite(size):
                    continue
                if self.has_l1:
                    for k in range(n_outputs):
                        self.q[i, k] = self.reach(i, k)
                s = self.share(i, size)
                for k in range(n_outputs):
                    if s * self.way[k] != 0.0:
                        self.g[i, k] += s * self.way[k]
                        self.add(i, k, -s * self.way[k])
                        moved += fabs(s * self.way[k])
        self.loss.raise_error()
        return moved

    def follow(self):
        """Hold the coefficients where they are now."""
        cdef Py_ssize_t j, k
        cdef double w
        with nogil:
            for k in range(self.u.shape[0]):
                for j in range(self.u.shape[1]):
                    w = soft(self.u[k, j], self.threshold[k, j])
                    self.u[k, j] += self.hold[k, j] * (w - self.centre[k, j])
                    self.centre[k, j] = w
