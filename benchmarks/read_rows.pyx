# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Read the rows of a matrix, and do nothing with them."""

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define ask(address) __builtin_prefetch(address)
    #else
    #define ask(address) ((void) (address))
    #endif
    """
    void ask(const void *address) noexcept nogil

cdef struct Rows:
    const unsigned char *values
    const unsigned char *columns    # NULL: dense
    const int *starts
    Py_ssize_t n_columns
    Py_ssize_t value_size           # of an entry, in bytes
    Py_ssize_t column_size


def read_rows(const unsigned char[::1] values, const unsigned char[::1] columns,
              const int[::1] starts, Py_ssize_t n_columns, Py_ssize_t value_size,
              const unsigned int[::1] order, Py_ssize_t ahead):
    """Add one byte of each cache line of each row, in the order given.

    The arrays are those of a CSR matrix; of a dense one `columns` and `starts` are None.
    The row that comes `ahead` rows later is asked for in advance; 0: none is.
    """
    cdef Rows rows
    cdef Py_ssize_t m, n = order.shape[0], total = 0
    rows.values, rows.columns, rows.starts = &values[0], NULL, NULL
    if columns is not None:
        rows.columns = &columns[0]
        rows.starts = &starts[0]
    rows.n_columns = n_columns
    rows.value_size = value_size
    rows.column_size = sizeof(int)
    with nogil:
        for m in range(n):
            if 0 < ahead < n - m:
                ask_for_row(&rows, order[m + ahead])
            total += read_row(&rows, order[m])
    return total


cdef inline void ask_for_row(const Rows *rows, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t begin, n
    if rows.columns == NULL:
        begin, n = i * rows.n_columns, rows.n_columns
    else:
        begin, n = rows.starts[i], rows.starts[i + 1] - rows.starts[i]
        ask_for(rows.columns + begin * rows.column_size, n * rows.column_size)
    ask_for(rows.values + begin * rows.value_size, n * rows.value_size)


cdef inline void ask_for(const unsigned char *x, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(0, size, 64):
        ask(x + j)
    ask(x + size - 1)


cdef inline Py_ssize_t read_row(const Rows *rows, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t begin, n, total = 0
    if rows.columns == NULL:
        begin, n = i * rows.n_columns, rows.n_columns
    else:
        begin, n = rows.starts[i], rows.starts[i + 1] - rows.starts[i]
        total += read(rows.columns + begin * rows.column_size, n * rows.column_size)
    return total + read(rows.values + begin * rows.value_size, n * rows.value_size)


cdef inline Py_ssize_t read(const unsigned char *x, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t j, total = 0
    for j in range(0, size, 64):
        total += x[j]
    return total + x[size - 1]
