# cython: language_level=3
"""Row i of a dense or CSR matrix, and what a linear model does with it.

A kernel is written once as a function of the fused types `real` and `index`, and takes
the arrays `data`, `columns` and `starts` of `Rows`, whose types choose among its six
specialisations. In dense rows `index` is `no_index`: the columns are 0, 1, 2, ..., and
`columns` and `starts` are not read.
"""

from libc.math cimport fabs, isfinite, sqrt
from libc.stdint cimport int32_t, int64_t

from sklearn_losses._machine._prefetch cimport sl_prefetch

ctypedef fused real:
    float
    double

ctypedef unsigned char no_index

ctypedef fused index:
    no_index
    int32_t
    int64_t

cdef inline Py_ssize_t row_start(Py_ssize_t i, const index[::1] starts,
                                 Py_ssize_t n_features) noexcept nogil:
    """Where row i starts in `data` and, if sparse, in `columns`."""
    if index is no_index:
        return i * n_features
    else:
        return starts[i]


cdef inline Py_ssize_t row_size(Py_ssize_t i, const index[::1] starts,
                                Py_ssize_t n_features) noexcept nogil:
    """How many entries of row i are stored."""
    if index is no_index:
        return n_features
    else:
        return starts[i + 1] - starts[i]


cdef inline double row_dot(const real *x, const index *columns, Py_ssize_t n,
                           const double *w) noexcept nogil:
    """x . w, in eight partial sums that can be formed side by side.

    Dense and CSR rows without zeros add in the same order, so they agree to the bit.
    """
    cdef double s[8]
    cdef Py_ssize_t lane
    for lane in range(8):
        s[lane] = 0.0
    add_products(s, x, columns, 0, n - n % 8, w)
    return sum_with_rest(s, x, columns, n, w)


# Not inline, for a long row does not feel a call: where it was, the registers that it took
# slowed down the other loops of a kernel.
cdef double row_dot_asking(const real *x, const real *ahead, Py_ssize_t n,
                           const double *w) noexcept nogil


# out_k += sum_i gradient_ik x_i, of n columns of dense rows; an out has n_features.
cdef void add_columns(const real *x, Py_ssize_t n_rows, Py_ssize_t n_features, Py_ssize_t n,
                      const double *gradient, Py_ssize_t n_outputs,
                      double *out) noexcept nogil


cdef inline void add_products(double *s, const real *x, const index *columns,
                              Py_ssize_t begin, Py_ssize_t end,
                              const double *w) noexcept nogil:
    """Add the products of some entries, a multiple of eight, to eight partial sums."""
    cdef Py_ssize_t j, lane
    for j in range(begin, end, 8):
        for lane in range(8):
            if index is no_index:
                s[lane] += x[j + lane] * w[j + lane]
            else:
                s[lane] += x[j + lane] * w[columns[j + lane]]


cdef inline double sum_with_rest(double *s, const real *x, const index *columns,
                                 Py_ssize_t n, const double *w) noexcept nogil:
    """The eight partial sums and the products of the last entries, n % 8, in one."""
    cdef Py_ssize_t j, lane, whole = n - n % 8
    cdef double rest = 0.0
    if n - whole >= 4:  # lanes that the compiler knows, so that s stays in registers
        for lane in range(4):
            j = whole + lane
            s[lane] += x[j] * w[j if index is no_index else columns[j]]
        whole += 4
    for j in range(whole, n):
        rest += x[j] * w[j if index is no_index else columns[j]]
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7])) + rest


cdef inline void row_add(double c, const real *x, const index *columns, Py_ssize_t n,
                         double *w) noexcept nogil:
    """w += c x."""
    cdef double sums[8]
    cdef Py_ssize_t j, lane, whole = n - n % 8
    if index is no_index:
        # Eight sums before the first is stored: no need to know whether x and w overlap.
        for j in range(0, whole, 8):
            for lane in range(8):
                sums[lane] = w[j + lane] + c * x[j + lane]
            for lane in range(8):
                w[j + lane] = sums[lane]
        for j in range(whole, n):
            w[j] += c * x[j]
    else:
        for j in range(n):
            w[columns[j]] += c * x[j]


cdef inline double row_add_and_dot(double c, const real *x, const real *z,
                                   const real *ahead, Py_ssize_t n,
                                   double *w) noexcept nogil:
    """w += c x of a dense row, then row_dot of the next one, z, in one pass over w.

    On the way it asks for another one that is read soon.
    """
    cdef double s[8]
    cdef double sums[8]
    cdef Py_ssize_t j, lane, line, begin, end, whole = n - n % 8
    for lane in range(8):
        s[lane] = 0.0
    for begin in range(0, whole, 64):
        end = min(begin + 64, whole)
        for line in range(0, (end - begin) * <Py_ssize_t> sizeof(real), 64):
            sl_prefetch(<const char *> (ahead + begin) + line)
        for j in range(begin, end, 8):
            for lane in range(8):
                sums[lane] = w[j + lane] + c * x[j + lane]
            for lane in range(8):
                w[j + lane] = sums[lane]
            for lane in range(8):
                s[lane] += z[j + lane] * sums[lane]
    for j in range(whole, n):
        w[j] += c * x[j]
    return sum_with_rest(s, z, <const no_index *> NULL, n, w)


cdef inline void row_add_twice(double c, double c2, const real *x, const index *columns,
                               Py_ssize_t n, double *w, double *w2) noexcept nogil:
    """w += c x and w2 += c2 x; of a CSR row, the columns are read once."""
    cdef Py_ssize_t j, k
    if index is no_index:
        row_add(c, x, columns, n, w)
        row_add(c2, x, columns, n, w2)
    else:
        for k in range(n):
            j = columns[k]
            w[j] += c * x[k]
            w2[j] += c2 * x[k]


cdef inline double row_squared_norm(const real *x, Py_ssize_t n) noexcept nogil:
    """x . x, of the stored entries."""
    cdef double s[8]
    cdef Py_ssize_t j, lane, whole = n - n % 8
    for lane in range(8):
        s[lane] = 0.0
    for j in range(0, whole, 8):
        for lane in range(8):
            s[lane] += <double> x[j + lane] * x[j + lane]
    for j in range(whole, n):
        s[0] += <double> x[j] * x[j]
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]))


cdef inline double row_norm(const real *x, Py_ssize_t n) noexcept nogil:
    """|x|, also where the squares would overflow or vanish."""
    cdef Py_ssize_t j
    cdef double largest = 0.0, squares = row_squared_norm(x, n)
    if 1e-200 < squares < 1e300:
        return sqrt(squares)
    for j in range(n):
        largest = max(largest, fabs(x[j]))
    if largest == 0.0 or not isfinite(largest):
        return largest
    squares = 0.0
    for j in range(n):
        squares += (x[j] / largest) * (x[j] / largest)
    return largest * sqrt(squares)


cdef inline void row_prefetch(const real *x, const index *columns, Py_ssize_t n) noexcept nogil:
    """Ask for a row that is read soon; the hardware follows a long row by itself."""
    cdef Py_ssize_t j, size = n * <Py_ssize_t> sizeof(real)
    cdef const char *address = <const char *> x
    for j in range(0, min(size, 8192), 64):
        sl_prefetch(address + j)
    if index is no_index:
        sl_prefetch(address + size - 1)  # one more, if x begins within a cache line
    else:  # CSR rows were no faster with it
        size = n * <Py_ssize_t> sizeof(index)
        address = <const char *> columns
        for j in range(0, min(size, 8192), 64):
            sl_prefetch(address + j)
