# cython: language_level=3
"""Rows: one view of a matrix for all kernels, dense or CSR, which it never copies."""

import numpy as np
from cython.parallel cimport prange
from scipy import sparse

from sklearn_losses.design._structure import check_structure, same_indices
from sklearn_losses._machine._prefetch cimport sl_prefetch
from sklearn_losses._machine._threads cimport threads_for

EPS = np.finfo(np.float64).eps

# Dense rows that are read one after the other are asked for so many bytes ahead; less was
# slower. The hardware alone does not use all of the memory's rate.
cdef enum:
    AHEAD = 4096
    ENTRIES = 1024  # of CSR, likewise
    ROWS = 4  # dense rows that are added at a time
    MANY = 1 << 19  # products are worth waking a thread


class Rows:
    """The rows of X as the flat arrays that kernels take.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        Of dtype float32 or float64; an ndarray is C-contiguous, a CSR matrix has
        indices of 32 or 64 bits. It may be read-only or memory-mapped.
    check : callable, default=None
        It raises if an entry of X is not finite; None: all are. See `verify`.

    Attributes
    ----------
    data : ndarray of float32 or float64, of shape (n_stored,)
        The entries of all rows, one row after the other.
    columns : ndarray of int32 or int64, of shape (n_stored,)
        The columns of the entries; empty and of dtype uint8 if X is dense.
    starts : ndarray of the same dtype, of shape (n_rows + 1,)
        Where each row starts in `data`; empty if X is dense.
    n_rows, n_features : int
    is_verified : bool
        Whether all entries are known to be finite.

    Raises
    ------
    TypeError
        If X has another dtype, format or order.
    ValueError
        If an index or a length of a CSR matrix does not fit its shape.

    Notes
    -----
    Entries of a CSR matrix that are not in order are sorted, and duplicates summed, in a
    copy; in all other cases the memory of X is used as it is.
    """

    def __init__(self, X, check=None):
        self._check = check
        if X.dtype not in (np.float32, np.float64):
            raise TypeError(f"X must be of dtype float32 or float64. Got {X.dtype}.")
        self.n_rows, self.n_features = X.shape
        if not sparse.issparse(X):
            if not X.flags.c_contiguous:
                raise TypeError("A dense X must be C-contiguous.")
            self.data = X.reshape(-1)
            self.columns = self.starts = np.empty(0, dtype=np.uint8)
            return
        if X.format != "csr":
            raise TypeError(f"A sparse X must be in CSR format. Got {X.format!r}.")
        if not check_structure(X):  # X may claim that they are, from an earlier look
            X = sparse.csr_matrix((X.data, X.indices, X.indptr), X.shape, copy=True)
            X.sum_duplicates()
        self.data = np.ascontiguousarray(X.data)
        self.columns, self.starts = same_indices(X)

    @property
    def is_verified(self):
        return self._check is None

    def verify(self, sums=None):
        """Make sure that all entries are finite, if that is not known.

        Parameters
        ----------
        sums : ndarray, default=None
            Sums of products with every entry of X. Such a product is not finite if the
            entry is not, and neither is its sum, so only then X is looked at, as it is
            if None is given.
        """
        check = self._check  # another thread may have verified X meanwhile
        if check is not None and (sums is None or not np.isfinite(sums).all()):
            check()
        self._check = None

    @property
    def is_sparse(self):
        """Whether the rows are CSR."""
        return self.columns.dtype != np.uint8

    def chosen(self, subset):
        """A copy of some of the rows.

        Parameters
        ----------
        subset : ndarray of int of shape (n_selected,)
        """
        return Rows(self.matrix()[subset])

    def matrix(self):
        """The rows as an ndarray or a CSR matrix, without a copy."""
        shape = self.n_rows, self.n_features
        if not self.is_sparse:
            return self.data.reshape(shape)
        parts = self.data, self.columns, self.starts
        return sparse.csr_matrix(parts, shape, copy=False)

    def to_dense(self):
        """The rows as an ndarray: a view, or a copy of CSR rows."""
        found = self.matrix()
        return found.toarray() if self.is_sparse else found

    def with_columns(self, chosen):
        """A copy of some of the columns.

        Parameters
        ----------
        chosen : ndarray of int of shape (n_selected,)
        """
        shape = self.n_rows, self.n_features
        if not self.is_sparse:
            return Rows(np.take(self.data.reshape(shape), chosen, axis=1))
        parts = self.data, self.columns, self.starts
        return Rows(sparse.csr_matrix(parts, shape, copy=False)[:, chosen])

    def part(self, block):
        """Consecutive rows by themselves, in the same memory.

        Parameters
        ----------
        block : slice
            With a start and a stop within the rows.
        """
        other = Rows.__new__(Rows)  # what has been checked needs no second look
        other._check, other.n_features = self._check, self.n_features
        other.n_rows = block.stop - block.start
        other.data, other.starts = self._block(block)
        other.columns = self.columns
        if self.is_sparse:
            first, last = other.starts[0], other.starts[-1]
            other.starts = other.starts - first
            other.data, other.columns = (
                array[first:last] for array in (other.data, other.columns)
            )
        return other

    def _block(self, block):
        """`data` and `starts` of consecutive rows, which are views."""
        if block is None:
            return self.data, self.starts
        if self.is_sparse:
            return self.data, self.starts[block.start : block.stop + 1]
        d = self.n_features
        return self.data[block.start * d : block.stop * d], self.starts

    def dot(self, coef, intercept, subset=None, block=None, out=None):
        """Raw predictions of some rows.

        Parameters
        ----------
        coef : ndarray of float64 of shape (n_outputs, n_features)
        intercept : ndarray of float64 of shape (n_outputs,)
        subset : ndarray of uint32 of shape (n_selected,), default=None
            Which rows; None means all of them, in order.
        block : slice, default=None
            Consecutive rows, in place of `subset`.
        out : ndarray of float64 of shape (n_selected, n_outputs), default=None
            Where to write them; None means a new array.

        Returns
        -------
        ndarray of shape (n_selected, n_outputs)
        """
        return self.finite_dot(coef, intercept, subset, block, out)[0]

    def finite_dot(self, coef, intercept, subset=None, block=None, out=None):
        """The same, and whether all of them are finite."""
        data, starts = self._block(block)
        if out is None:
            n = self.n_rows if block is None else block.stop - block.start
            out = np.empty((n if subset is None else len(subset), len(coef)))
        return out, dot_rows(data, self.columns, starts, coef, intercept, subset, out)

    def choose(self, coef, intercept, two):
        """two[1] for rows with a positive raw prediction of one output, else two[0].

        Parameters
        ----------
        coef : ndarray of float64 of shape (1, n_features)
        intercept : ndarray of float64 of shape (1,)
        two : ndarray of shape (2,)
            Numbers of any type of 8 bytes, whose bits are copied.

        Returns
        -------
        chosen : ndarray of shape (n_rows,)
            Of the dtype of `two`.
        is_finite : bool
            Whether all raw predictions are.
        """
        chosen = np.empty(self.n_rows, two.dtype)
        return chosen, choose_by_row(self.data, self.columns, self.starts, coef, intercept,
                                     two.view(np.int64), chosen.view(np.int64))

    def transposed_dot(self, gradient, block=None, out=None):
        """sum_i gradient_i x_i: the adjoint of `dot`.

        Parameters
        ----------
        gradient : ndarray of float64 of shape (n_selected, n_outputs)
        block : slice, default=None
            Consecutive rows; None means all of them.
        out : ndarray of float64 of shape (n_outputs, n_features), default=None
            What the sum is added to.

        Returns
        -------
        ndarray of shape (n_outputs, n_features)
        """
        if out is None:
            out = np.zeros((gradient.shape[1], self.n_features))
        data, starts = self._block(block)
        add_rows(data, self.columns, starts, gradient, out)
        return out

    def deviations(self, weight, centre, scale, block=None, with_largest=False):
        """Sums of e and of e^2, e = (x - centre) scale, over rows with weights.

        Parameters
        ----------
        weight : ndarray of float64 of shape (n_selected, n_outputs)
        centre, scale : ndarray of float64 of shape (n_features,)
        block : slice, default=None
            Consecutive rows; None means all of them.
        with_largest : bool, default=False
            Whether the largest e^2 of all rows are wanted, too; of CSR rows those of
            what is stored.

        Returns
        -------
        ndarray of shape (2, n_outputs, n_features), or 3 if the largest is wanted
        """
        data, starts = self._block(block)
        n_outputs, d, size = weight.shape[1], self.n_features, 2 + with_largest
        if not self.is_sparse:
            about, out = np.array([centre, scale]), np.zeros((n_outputs, size, d))
            add_deviations(data, self.columns, starts, weight, about, out)
            return out.swapaxes(0, 1)
        if n_outputs == 1 and not centre.any() and (scale == 1.0).all():
            out = np.zeros((d, 3))
            add_moments(data, self.columns, starts, weight[:, 0], None, out)
            return out.T[:size, None]
        # What belongs to a column lies side by side.
        about, out = np.column_stack([centre, scale]), np.zeros((n_outputs, d, 4))
        add_deviations(data, self.columns, starts, weight, about, out)
        first, second, largest, stored = np.moveaxis(out, 2, 0)
        # Where nothing is stored, x is 0. Of a column that is stored rounding is left.
        total = weight.sum(axis=0)[:, None]
        rest = total - stored
        rest[rest <= len(weight) * EPS * total] = 0.0
        e = -centre * scale
        return np.array([first + rest * e, second + rest * e * e, largest][:size])

    def moments(self, weight, gradient):
        """Sums of w x, w x^2 and g x of CSR rows, and the largest x^2, in one pass.

        Parameters
        ----------
        weight, gradient : ndarray of float64 of shape (n_rows,)

        Returns
        -------
        first, second, largest, product : ndarray of shape (n_features,)
        """
        out = np.zeros((self.n_features, 4))
        add_moments(self.data, self.columns, self.starts, weight, gradient, out)
        return tuple(out.T)


def dot_rows(const real[::1] data, const index[::1] columns, const index[::1] starts,
             const double[:, ::1] coef, const double[::1] intercept,
             const unsigned int[::1] subset, double[:, ::1] out):
    cdef Py_ssize_t m, i, start, d = coef.shape[1], n_outputs = out.shape[1]
    cdef Py_ssize_t n_ahead = out.shape[0] if subset is None else 0
    cdef double nothing = 0.0
    cdef const index *j
    for m in prange(out.shape[0], nogil=True, schedule="static",
                    num_threads=threads_of(data, starts, out.shape[0], n_outputs, d)):
        i = m if subset is None else subset[m]
        start = row_start(i, starts, d)
        ask_for_dense(data, i, n_ahead, d, starts)
        j = NULL if index is no_index else &columns[start]
        if n_outputs == 1:  # known to the compiler
            nothing += dot_row(&data[start], j, row_size(i, starts, d), &coef[0, 0], d,
                               &intercept[0], 1, &out[m, 0])
        else:
            nothing += dot_row(&data[start], j, row_size(i, starts, d), &coef[0, 0], d,
                               &intercept[0], n_outputs, &out[m, 0])
    return nothing == 0.0


def choose_by_row(const real[::1] data, const index[::1] columns, const index[::1] starts,
                  const double[:, ::1] coef, const double[::1] intercept,
                  const int64_t[::1] two, int64_t[::1] out):
    """dot_rows of one output, but only the signs are written."""
    cdef Py_ssize_t i, start, d = coef.shape[1], n = out.shape[0]
    cdef double nothing = 0.0, raw
    cdef const index *j
    for i in prange(n, nogil=True, schedule="static",
                    num_threads=threads_of(data, starts, n, 1, d)):
        start = row_start(i, starts, d)
        ask_for_dense(data, i, n, d, starts)
        j = NULL if index is no_index else &columns[start]
        raw = 0.0
        nothing += dot_row(&data[start], j, row_size(i, starts, d), &coef[0, 0], d,
                           &intercept[0], 1, &raw)
        out[i] = two[raw > 0.0]  # no branch, which would be taken at random
    return nothing == 0.0


cdef int threads_of(const real[::1] data, const index[::1] starts, Py_ssize_t n_rows,
                    Py_ssize_t n_outputs, Py_ssize_t d) noexcept nogil:
    """How many threads products of rows and coefficients are worth."""
    if index is not no_index:
        d = data.shape[0] // max(1, starts.shape[0] - 1)
    return threads_for(n_rows * n_outputs * d, MANY)


cdef inline void ask_for_dense(const real[::1] data, Py_ssize_t i, Py_ssize_t n_rows,
                               Py_ssize_t d, const index[::1] starts) noexcept nogil:
    """Ask for a dense row some rows after row i, if there are so many."""
    cdef Py_ssize_t ahead = 1 + AHEAD // max(1, d * <Py_ssize_t> sizeof(real))
    if index is no_index:
        if i + ahead < n_rows:
            row_prefetch(&data[(i + ahead) * d], <const no_index *> NULL, d)


cdef inline double dot_row(const real *x, const index *j, Py_ssize_t n, const double *coef,
                           Py_ssize_t n_features, const double *intercept,
                           Py_ssize_t n_outputs, double *out) noexcept nogil:
    """The raw predictions of a row; returns 0, or nan if one of them is not finite."""
    cdef Py_ssize_t k
    cdef double nothing = 0.0
    for k in range(n_outputs):
        out[k] = intercept[k] + row_dot(x, j, n, coef + k * n_features)
        nothing += 0.0 * out[k]
    return nothing


def add_rows(const real[::1] data, const index[::1] columns, const index[::1] starts,
             const double[:, ::1] gradient, double[:, ::1] out):
    cdef Py_ssize_t i, k, start, n, part, n_features = out.shape[1]
    cdef Py_ssize_t work = gradient.shape[0] * out.shape[0] * n_features
    cdef Py_ssize_t n_parts = min(threads_for(work, MANY), 1 + n_features // 16)
    cdef const real *x
    cdef const index *j
    if index is no_index:  # each thread has columns of its own
        for part in prange(n_parts, nogil=True, schedule="static",
                           num_threads=<int> n_parts):
            start = part * n_features // n_parts
            add_columns(&data[start], gradient.shape[0], n_features,
                        (part + 1) * n_features // n_parts - start, &gradient[0, 0],
                        out.shape[0], &out[0, start])
        return
    with nogil:
        for i in range(gradient.shape[0]):
            start = row_start(i, starts, n_features)
            n = row_size(i, starts, n_features)
            x = &data[start]
            j = NULL if index is no_index else &columns[start]
            row_prefetch(x + ENTRIES, j + ENTRIES, n)
            for k in range(out.shape[0]):
                row_add(gradient[i, k], x, j, n, &out[k, 0])


cdef void add_columns(const real *x, Py_ssize_t n_rows, Py_ssize_t n_features, Py_ssize_t n,
                      const double *gradient, Py_ssize_t n_outputs,
                      double *out) noexcept nogil:
    """Some columns of the sum over dense rows, of which it takes a few at a time."""
    cdef Py_ssize_t group, i, k, row, n_groups = n_rows // ROWS
    cdef double c[ROWS]
    for group in range(n_groups):
        i = group * ROWS
        for k in range(n_outputs):
            for row in range(ROWS):
                c[row] = gradient[(i + row) * n_outputs + k]
            add_some_rows(c, x + i * n_features, n, n_features, out + k * n_features)
    for i in range(n_groups * ROWS, n_rows):
        for k in range(n_outputs):
            row_add(gradient[i * n_outputs + k], x + i * n_features,
                    <const no_index *> NULL, n, out + k * n_features)


cdef inline void add_some_rows(const double *c, const real *x, Py_ssize_t n,
                               Py_ssize_t stride, double *w) noexcept nogil:
    """w += c[0] x_0 + c[1] x_1 + ..., of dense rows: w is read and written once."""
    cdef double sums[8]
    cdef Py_ssize_t j, lane, row, whole = n - n % 8
    for j in range(0, whole, 8):
        for lane in range(8):
            sums[lane] = w[j + lane]
        for row in range(ROWS):
            for lane in range(8):
                sums[lane] += c[row] * x[row * stride + j + lane]
        for lane in range(8):
            w[j + lane] = sums[lane]
    for j in range(whole, n):
        for row in range(ROWS):
            w[j] += c[row] * x[row * stride + j]


def add_deviations(const real[::1] data, const index[::1] columns,
                   const index[::1] starts, const double[:, ::1] weight,
                   const double[:, ::1] about, double[:, :, ::1] out):
    """Add to sums of w e and w e^2, take the largest e^2 and, of CSR rows, add w.

    Of dense rows the largest is of the first output, if there is room for it.
    """
    cdef Py_ssize_t i, j, k, column, start, n
    cdef Py_ssize_t d = about.shape[1 if index is no_index else 0]
    cdef bint with_largest = out.shape[1] > 2
    cdef const double *centre = &about[0, 0]
    cdef double w, e
    cdef double *sums
    with nogil:
        for i in range(weight.shape[0]):
            start = row_start(i, starts, d)
            n = row_size(i, starts, d)
            for k in range(weight.shape[1]):
                w = weight[i, k]
                sums = &out[k, 0, 0]
                for j in range(n):
                    if index is no_index:
                        e = (data[start + j] - centre[j]) * centre[d + j]
                        sums[j] += w * e
                        sums[d + j] += w * e * e
                    else:
                        column = columns[start + j]
                        e = (data[start + j] - centre[2 * column]) * centre[2 * column + 1]
                        sums = &out[k, column, 0]
                        sums[0] += w * e
                        sums[1] += w * e * e
                        sums[2] = sl_larger(e * e, sums[2])
                        sums[3] += w
            if index is no_index:
                if with_largest and i % ROWS == 0:
                    n = min(ROWS, weight.shape[0] - i)
                    raise_largest(&data[start], n, d, centre, &out[0, 2, 0])


def look_at_columns(const real[::1] data, const double[::1] share, Py_ssize_t step,
                    bint centre, double spike, double[:, ::1] out):
    """`add_deviations` of dense rows and one output, about the mean of some rows.

    Parameters
    ----------
    data : ndarray of shape (n_rows * n_features,)
    share : ndarray of shape (n_rows,)
    step : int
        The mean is that of one row in so many.
    centre : bool
        False: it is taken to be 0.
    spike : float
    out : ndarray of shape (5, n_features)
        Where to write the sums of w e and w e^2, the largest e^2, the mean about which
        they are, and ones.

    Returns
    -------
    bool
        Whether some e^2 is more than `spike` times the sum of w e^2 of its column.
    """
    cdef Py_ssize_t i, j, n = share.shape[0], d = out.shape[1]
    cdef Py_ssize_t n_some = (n + step - 1) // step
    cdef double e
    cdef const real *x
    cdef double *first = &out[0, 0]
    cdef double *second = first + d
    cdef double *largest = first + 2 * d
    cdef double *mean = first + 3 * d
    cdef bint is_odd = False
    with nogil:
        for j in range(4 * d):
            first[j] = 0.0
        for j in range(d):
            out[4, j] = 1.0
        if centre:
            for i in range(n_some):
                x = &data[i * step * d]
                for j in range(d):
                    mean[j] += x[j]
            for j in range(d):
                mean[j] /= n_some
                if not mean[j] - mean[j] == 0.0:
                    mean[j] = 0.0
        for i in range(n):
            x = &data[i * d]
            for j in range(d):
                e = x[j] - mean[j]
                first[j] += share[i] * e
                second[j] += share[i] * e * e
            if i % ROWS == 0:
                raise_largest(x, min(ROWS, n - i), d, mean, largest)
        for j in range(d):
            is_odd |= largest[j] > spike * second[j]
    return bool(is_odd)


cdef extern from *:
    """
    /* One expression, which compilers vectorise. */
    static inline double sl_larger(double a, double b) { return a > b ? a : b; }
    """
    double sl_larger(double a, double b) noexcept nogil


cdef void raise_largest(const real *x, Py_ssize_t n, Py_ssize_t d, const double *centre,
                        double *largest) noexcept nogil:
    """The largest e^2 of dense rows, with ROWS more, or with fewer, n."""
    cdef Py_ssize_t j
    cdef double low, high
    cdef const real *second = x + d * (n > 1)
    cdef const real *third = x + 2 * d * (n > 2)
    cdef const real *fourth = x + 3 * d * (n > 3)
    for j in range(d):
        low = sl_larger(sl_larger(-x[j], -second[j]), sl_larger(-third[j], -fourth[j]))
        high = sl_larger(sl_larger(x[j], second[j]), sl_larger(third[j], fourth[j]))
        high = sl_larger(high - centre[j], low + centre[j]) * centre[d + j]
        largest[j] = sl_larger(high * high, largest[j])


def add_moments(const real[::1] data, const index[::1] columns,
                const index[::1] starts, const double[:] weight,
                const double[:] gradient, double[:, ::1] out):
    """Add to sums of w x, w x^2 and g x of CSR rows, which lie side by side.

    The third of them is the largest x^2.
    """
    cdef Py_ssize_t i, j, start, n, n_sums = out.shape[1]
    cdef const real *ahead
    cdef const index *columns_ahead
    cdef double w, g, x, square
    cdef double *sums
    with nogil:
        for i in range(weight.shape[0]):
            start = row_start(i, starts, 0)
            n = row_size(i, starts, 0)
            ahead = &data[start] + ENTRIES
            columns_ahead = &columns[start] + ENTRIES
            row_prefetch(ahead, columns_ahead, n)
            w = weight[i]
            g = 0.0 if gradient is None else gradient[i]
            for j in range(start, start + n):
                x = data[j]
                square = x * x
                sums = &out[0, 0] + n_sums * <Py_ssize_t> columns[j]
                sums[0] += w * x
                sums[1] += w * square
                sums[2] = sl_larger(square, sums[2])
                if n_sums > 3:
                    sums[3] += g * x


cdef double row_dot_asking(const real *x, const real *ahead, Py_ssize_t n,
                           const double *w) noexcept nogil:
    """row_dot of a dense row; on the way it asks for another one that is read soon."""
    cdef double s[8]
    cdef Py_ssize_t lane, line, begin, end, whole = n - n % 8
    for lane in range(8):
        s[lane] = 0.0
    for begin in range(0, whole, 64):  # so many, or the requests slow down the sums
        end = min(begin + 64, whole)
        for line in range(0, (end - begin) * <Py_ssize_t> sizeof(real), 64):
            sl_prefetch(<const char *> (ahead + begin) + line)
        add_products(s, x, <const no_index *> NULL, begin, end, w)
    return sum_with_rest(s, x, <const no_index *> NULL, n, w)
