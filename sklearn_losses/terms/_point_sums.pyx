# cython: language_level=3
"""Sums of the losses of points, and of their slopes, in one pass over the rows.

A block of rows stays in cache from its raw predictions to its share of the sums, and
nothing of the size of the data is allocated. The sums of blocks are added in their order,
so they do not depend on the number of threads.
"""

from libc.math cimport INFINITY, fabs

import numpy as np
from cython.parallel cimport prange

from sklearn_losses.losses._loop cimport evaluate_block
from sklearn_losses.losses._table cimport Block, CLoss
from sklearn_losses._machine._threads cimport threads_for


cdef inline void evaluate(const Points *s, const double *raw, double *value,
                          double *slope, double *curvature) noexcept nogil:
    cdef Block block
    block.n, block.y, block.raw = s.n, s.y, raw
    block.value, block.gradient, block.curvature = value, slope, curvature
    evaluate_block(s.table, s.params, &block)


cdef inline void fill(double *raw, double c, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        raw[i] = c


cdef inline void shift(const double *raw, double h, Py_ssize_t n, double *out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = raw[i] + h


cdef void set_slopes(const Points *s, const double *raw, double h, double *out) noexcept nogil:
    """Derivatives, or those of the mean over [raw - h, raw + h]."""
    cdef double shifted[ROWS]
    cdef double lower[ROWS]
    cdef Py_ssize_t i
    if h == 0.0:
        evaluate(s, raw, NULL, out, NULL)
        return
    shift(raw, -h, s.n, shifted)
    evaluate(s, shifted, lower, NULL, NULL)
    shift(raw, h, s.n, shifted)
    evaluate(s, shifted, out, NULL, NULL)
    for i in range(s.n):
        out[i] = (out[i] - lower[i]) * (0.5 / h)


cdef double sum_values(const Points *s, const double *raw) noexcept nogil:
    cdef double value[ROWS]
    cdef double total = 0.0
    cdef Py_ssize_t i
    evaluate(s, raw, value, NULL, NULL)
    for i in range(s.n):
        if s.weight[i] != 0.0:  # or an absent row's infinite loss would count
            total += s.weight[i] * value[i]
    return total


cdef double sum_values_along(const Points *s, const double *p, const double *q,
                             double t) noexcept nogil:
    cdef double raw[ROWS]
    cdef Py_ssize_t i
    if q == NULL:
        return sum_values(s, p)
    for i in range(s.n):
        raw[i] = p[i] + t * q[i]
    return sum_values(s, raw)


cdef double sum_values_at(const Points *s, double c) noexcept nogil:
    cdef double raw[ROWS]
    fill(raw, c, s.n)
    return sum_values(s, raw)


cdef double sum_along(const Points *s, const double *p, const double *q, double t,
                      double h) noexcept nogil:
    cdef double raw[ROWS]
    cdef double slope[ROWS]
    cdef double total = 0.0
    cdef Py_ssize_t i
    for i in range(s.n):
        raw[i] = p[i] + t * q[i]
    set_slopes(s, raw, h, slope)
    for i in range(s.n):
        if s.weight[i] != 0.0:
            total += s.weight[i] * slope[i] * q[i]
    return total


cdef void sum_slopes(const Points *s, double c, double *sums) noexcept nogil:
    cdef double raw[ROWS]
    cdef double slope[ROWS]
    cdef Py_ssize_t i
    fill(raw, c, s.n)
    evaluate(s, raw, NULL, slope, NULL)
    for i in range(s.n):
        if s.weight[i] != 0.0:
            sums[0] += s.weight[i] * slope[i]
            sums[1] += s.weight[i] * fabs(slope[i])


cdef void bend(const Points *s, const double *raw, double h, double difference,
               double *slope, double *curvature, double *sums) noexcept nogil:
    """Slopes and, unless it is NULL, curvatures; and the sums of values at raw and
    around it."""
    cdef double upper[ROWS]
    cdef double lower[ROWS]
    cdef double shifted[ROWS]
    cdef double other[ROWS]
    cdef double e = h if h > 0.0 or curvature == NULL else difference
    cdef double weight
    cdef Py_ssize_t i
    if e > 0.0:
        shift(raw, -e, s.n, shifted)
        evaluate(s, shifted, lower, NULL if curvature == NULL else other, NULL)
        shift(raw, e, s.n, shifted)
        evaluate(s, shifted, upper, curvature, NULL)
        for i in range(s.n):
            if curvature != NULL:
                curvature[i] = (curvature[i] - other[i]) * (0.5 / e)
            if h > 0.0:
                slope[i] = (upper[i] - lower[i]) * (0.5 / h)
    evaluate(s, raw, other, NULL if h > 0.0 else slope, NULL if e > 0.0 else curvature)
    for i in range(s.n):
        weight = s.weight[i]
        if weight == 0.0:
            slope[i] = 0.0
            continue
        sums[VALUE] += weight * other[i]
        sums[MIDDLE] += weight * 0.5 * (upper[i] + lower[i]) if h > 0.0 else 0.0
        slope[i] *= weight
    if curvature != NULL:
        weigh_curvatures(s, curvature)


cdef void add_slopes(const Points *s, const double *raw, const double *slope,
                     const double *q, double *sums) noexcept nogil:
    cdef Py_ssize_t m
    for m in range(s.n):
        sums[MOMENT] += slope[m] * raw[m]
        sums[SIZE] += fabs(slope[m] * raw[m])
        sums[STEEPNESS] += fabs(slope[m])
        sums[OF_G] += slope[m]
        if q != NULL:
            sums[ALONG] += slope[m] * q[m]


cdef void weigh_curvatures(const Points *s, double *curvature) noexcept nogil:
    """Times the weights; what is negative, infinite or nan is 0."""
    cdef Py_ssize_t i
    for i in range(s.n):
        curvature[i] *= s.weight[i] if 0.0 < curvature[i] < INFINITY else 0.0
        if not curvature[i] >= 0.0:  # nan
            curvature[i] = 0.0


cdef class PointSums:
    """sum_i weight_i loss(y_i, p_i), for a loss of points.

    Parameters
    ----------
    loss : CLoss
    y, weight : ndarray of float64 of shape (n_rows,)
        Rows of weight 0 are as if they were not there, whatever their loss is. A weight
        that `np.broadcast_to` has made of one number takes no memory here either.
    """

    def __cinit__(self, CLoss loss, y, weight):
        self.loss = loss
        self.y = y
        self.is_uniform = len(y) > 0 and weight.strides == (0,)
        self.weight = np.full(ROWS, weight[0]) if self.is_uniform else weight
        self.n_blocks = (len(y) + ROWS - 1) // ROWS
        self.n_threads = 1 if loss.calls_python else threads_for(len(y), MANY)
        self.sums = np.empty((max(1, self.n_blocks), COUNT))

    cdef Points block(self, Py_ssize_t b) noexcept nogil:
        return self.rows(b * ROWS, self.y.shape[0])

    cdef Points rows(self, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
        """As many rows from `begin` on as a block has, but none from `end` on."""
        cdef Points s
        s.table, s.params = self.loss.table, self.loss.params
        s.y, s.weight = &self.y[begin], &self.weight[0 if self.is_uniform else begin]
        s.n = min(<Py_ssize_t> ROWS, end - begin)
        return s

    cdef total(self, int k, Py_ssize_t n_blocks):
        cdef double total = 0.0
        cdef Py_ssize_t b
        for b in range(n_blocks):
            total += self.sums[b, k]
        return total

    def value(self, const double[::1] p, const double[::1] q=None, double t=0.0):
        """The weighted sum of the losses, at p or at p + t q."""
        cdef Points s
        cdef Py_ssize_t b
        for b in prange(self.n_blocks, nogil=True, schedule="static",
                        num_threads=self.n_threads):
            s = self.block(b)
            self.sums[b, 0] = sum_values_along(
                &s, &p[b * ROWS], NULL if q is None else &q[b * ROWS], t)
        self.loss.raise_error()
        return self.total(0, self.n_blocks)

    def value_at(self, double c):
        """The weighted sum of the losses where all raw predictions are c."""
        cdef Points s
        cdef Py_ssize_t b
        for b in prange(self.n_blocks, nogil=True, schedule="static",
                        num_threads=self.n_threads):
            s = self.block(b)
            self.sums[b, 0] = sum_values_at(&s, c)
        self.loss.raise_error()
        return self.total(0, self.n_blocks)

    def slope_along(self, const double[::1] p, const double[::1] q, double t, double h):
        """The derivative by t of the value, smoothed over h, at p + t q."""
        cdef Points s
        cdef Py_ssize_t b
        for b in prange(self.n_blocks, nogil=True, schedule="static",
                        num_threads=self.n_threads):
            s = self.block(b)
            self.sums[b, 0] = sum_along(&s, &p[b * ROWS], &q[b * ROWS], t, h)
        self.loss.raise_error()
        return self.total(0, self.n_blocks)

    def slopes_at(self, double c):
        """The sum of the slopes where all raw predictions are c, and of their sizes."""
        cdef Points s
        cdef Py_ssize_t b
        for b in prange(self.n_blocks, nogil=True, schedule="static",
                        num_threads=self.n_threads):
            s = self.block(b)
            self.sums[b, 0] = self.sums[b, 1] = 0.0
            sum_slopes(&s, c, &self.sums[b, 0])
        self.loss.raise_error()
        return self.total(0, self.n_blocks), self.total(1, self.n_blocks)

    def bend(self, const double[::1] p, double h, double difference, double[::1] slopes,
             curvatures, Py_ssize_t begin=0):
        """Write the weighted slopes and curvatures at p, of consecutive rows.

        Parameters
        ----------
        p : ndarray of shape (n,)
        h : float
            The half-width of the smoothing; 0: none.
        difference : float
            With h=0: of raw predictions, for the curvatures of a loss that has none; 0:
            it has.
        slopes : ndarray of shape (n,)
        curvatures : ndarray of shape (n,) or None
            One that is negative or not finite is 0. None: they are not wanted.
        begin : int, default=0
            The first of the rows.

        Returns
        -------
        value, middle : float
            At p, without smoothing, and with h > 0 the mean of those at p - h and p + h.
        moment, size, steepness : float
            The sums of the slopes times p, of the absolute values of these, and of the
            slopes' absolute values.
        """
        cdef Points s
        cdef Py_ssize_t b, at, end = begin + p.shape[0]
        cdef Py_ssize_t n_blocks = (p.shape[0] + ROWS - 1) // ROWS
        cdef double[::1] bent = curvatures
        cdef bint wants_curvatures = curvatures is not None
        if end > self.y.shape[0]:
            raise ValueError(f"There are {self.y.shape[0]} rows. Got p of {end}.")
        for b in prange(n_blocks, nogil=True, schedule="static",
                        num_threads=self.n_threads):
            at = b * ROWS
            s = self.rows(begin + at, end)
            self.sums[b, :] = 0.0
            bend(&s, &p[at], h, difference, &slopes[at],
                 &bent[at] if wants_curvatures else NULL, &self.sums[b, 0])
            add_slopes(&s, &p[at], &slopes[at], NULL, &self.sums[b, 0])
        self.loss.raise_error()
        return tuple([self.total(k, n_blocks) for k in range(ALONG)])
