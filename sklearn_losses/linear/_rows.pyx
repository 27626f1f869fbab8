# cython: language_level=3
"""Rows: one view of a matrix for all kernels, dense or CSR, which it never copies."""

import numpy as np
from scipy import sparse

# Dense rows that are read one after the other are asked for so many bytes ahead; less was
# slower. The hardware alone does not use all of the memory's rate.
cdef enum:
    AHEAD = 4096


class Rows:
    """The rows of X as the flat arrays that kernels take.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        Of dtype float32 or float64; an ndarray is C-contiguous, a CSR matrix has
        indices of 32 or 64 bits. It may be read-only or memory-mapped.

    Attributes
    ----------
    data : ndarray of float32 or float64, of shape (n_stored,)
        The entries of all rows, one row after the other.
    columns : ndarray of int32 or int64, of shape (n_stored,)
        The columns of the entries; empty and of dtype uint8 if X is dense.
    starts : ndarray of the same dtype, of shape (n_rows + 1,)
        Where each row starts in `data`; empty if X is dense.
    n_rows, n_features : int

    Raises
    ------
    TypeError
        If X has another dtype, format or order.

    Notes
    -----
    Duplicate entries of a CSR matrix are summed in a copy; in all other cases the
    memory of X is used as it is.
    """

    def __init__(self, X):
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
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        self.data, self.columns, self.starts = X.data, X.indices, X.indptr
        if self.columns.dtype != self.starts.dtype:
            self.columns = self.columns.astype(np.int64)
            self.starts = self.starts.astype(np.int64)

    @property
    def is_sparse(self):
        """Whether the rows are CSR."""
        return self.columns.dtype != np.uint8

    def dot(self, coef, intercept, subset=None, out=None):
        """Raw predictions of some rows.

        Parameters
        ----------
        coef : ndarray of float64 of shape (n_outputs, n_features)
        intercept : ndarray of float64 of shape (n_outputs,)
        subset : ndarray of uint32 of shape (n_selected,), default=None
            Which rows; None means all of them, in order.
        out : ndarray of float64 of shape (n_selected, n_outputs), default=None
            Where to write them; None means a new array.

        Returns
        -------
        ndarray of shape (n_selected, n_outputs)
        """
        if out is None:
            out = np.empty((self.n_rows if subset is None else len(subset), len(coef)))
        dot_rows(self.data, self.columns, self.starts, coef, intercept, subset, out)
        return out

    def transposed_dot(self, gradient):
        """sum_i gradient_i x_i over all rows: the adjoint of `dot`.

        Parameters
        ----------
        gradient : ndarray of float64 of shape (n_rows, n_outputs)

        Returns
        -------
        ndarray of shape (n_outputs, n_features)
        """
        out = np.zeros((gradient.shape[1], self.n_features))
        add_rows(self.data, self.columns, self.starts, gradient, out)
        return out


def dot_rows(const real[::1] data, const index[::1] columns, const index[::1] starts,
             const double[:, ::1] coef, const double[::1] intercept,
             const unsigned int[::1] subset, double[:, ::1] out):
    cdef Py_ssize_t m, i, k, start, n, n_features = coef.shape[1]
    cdef Py_ssize_t ahead = 1 + AHEAD // max(1, n_features * <Py_ssize_t> sizeof(real))
    cdef const real *x
    cdef const index *j
    with nogil:
        for m in range(out.shape[0]):
            i = m if subset is None else subset[m]
            start = row_start(i, starts, n_features)
            n = row_size(i, starts, n_features)
            x = &data[start]
            j = NULL if index is no_index else &columns[start]
            if index is no_index:
                if subset is None and m + ahead < out.shape[0]:
                    row_prefetch(x + ahead * n, j, n)
            for k in range(out.shape[1]):
                out[m, k] = intercept[k] + row_dot(x, j, n, &coef[k, 0])


def add_rows(const real[::1] data, const index[::1] columns, const index[::1] starts,
             const double[:, ::1] gradient, double[:, ::1] out):
    cdef Py_ssize_t i, k, start, n, n_features = out.shape[1]
    cdef const real *x
    cdef const index *j
    with nogil:
        for i in range(gradient.shape[0]):
            start = row_start(i, starts, n_features)
            n = row_size(i, starts, n_features)
            x = &data[start]
            j = NULL if index is no_index else &columns[start]
            for k in range(out.shape[0]):
                row_add(gradient[i, k], x, j, n, &out[k, 0])


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
