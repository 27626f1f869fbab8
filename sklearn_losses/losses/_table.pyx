# cython: language_level=3
"""CLoss: the compiled side of a loss, evaluated on whole arrays.

The arrays come from :class:`~sklearn_losses.losses.Loss`, which has checked
shapes, types and, unless it hands in the limits of y, its domain.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cython.parallel cimport prange
from libc.math cimport NAN
from libc.stdlib cimport free, malloc

from sklearn_losses._machine._arrays cimport n_outside
from sklearn_losses.losses._conjugate cimport searched_conjugate
from sklearn_losses.losses._loop cimport (
    evaluate_block, evaluate_row_hessians, evaluate_rows, some_rows,
)
from sklearn_losses._machine._threads cimport threads_for

import numpy as np

from sklearn_losses.losses._search import searched_conjugates

ctypedef fused real:
    float
    double

# So many points are evaluated in one call of a loss: what it reads and writes of them
# stays in cache, and a call of Python is divided among many. Of targets that are checked
# first as many as a core has under way at once, so that the check waits for no memory
# that the loss would not wait for.
cdef enum:
    CHUNK = 4096
    CHECKED = 64
    GROUP = 16      # rows that a loss may evaluate side by side: chunks are of whole groups
    ENTRIES = 1 << 14  # of Hessians: what of them stays in cache
    GROUP_DEAR = 4  # times as many points are as dear as the rows of groups
    MANY = 1 << 18  # points that are worth a thread: a millisecond of most losses


cdef int check_table(int abi_version, size_t size) except -1:
    """Refuse a table that this build cannot read. The signature must never change."""
    cdef LossTable table
    cdef size_t required = <char *> &table.row_block - <char *> &table + sizeof(row_block_fn)
    if abi_version != LOSS_ABI_VERSION or size < required:
        raise ImportError(
            f"A loss was compiled for version {abi_version} of the C interface of losses "
            f"with a table of {size} bytes. This sklearn_losses has version "
            f"{LOSS_ABI_VERSION} with at least {required} bytes. Rebuild the package that "
            "the loss comes from with this sklearn_losses."
        )
    return 0


cdef class _Parameters:
    """A row of doubles, where the functions of a loss find its parameters."""

    cdef double *values

    def __cinit__(self, parameters):
        cdef Py_ssize_t i, n = len(parameters)
        self.values = <double *> PyMem_Malloc(max(n, 1) * sizeof(double))
        if self.values == NULL:
            raise MemoryError()
        for i in range(n):
            self.values[i] = parameters[i]

    def __dealloc__(self):
        PyMem_Free(self.values)


cdef CLoss new_loss(const LossTable *table, parameters):
    """A loss whose functions read these parameters, in this order, as doubles."""
    cdef _Parameters row = _Parameters(parameters)
    cdef CLoss loss = CLoss()
    loss.table = table
    loss.params = row.values
    loss.owner = row
    return loss


cdef class CLoss:
    """A table of C functions and the parameters they are called with.

    Made by :meth:`sklearn_losses.losses.Loss.compiled`, in C by ``new_loss``.

    Attributes
    ----------
    owner : object
        What keeps the memory of the parameters alive. If its functions can fail, as
        those of Python can, it has a method `raise_error`; see there.
    parts : tuple of CLoss
        The losses that its functions call.
    """

    def __cinit__(self):
        self.parts = ()

    def raise_error(self):
        """Raise what went wrong inside the functions since the last call.

        C functions return a number and nothing else. A function that fails keeps its
        exception in the `owner`, and returns nan from then on; whoever has called
        functions of the table calls this before looking at what they returned.
        """
        for part in self.parts:
            (<CLoss> part).raise_error()
        raise_error = getattr(self.owner, "raise_error", None)
        if raise_error is not None:
            raise_error()

    def check(self, str name, str granularity):
        """Refuse a table that this build cannot read, or that lacks a function.

        Parameters
        ----------
        name : str
            The loss, for the error message.
        granularity : {"point", "row", "group"}
            What the loss says that it is.

        Returns
        -------
        self : CLoss

        Raises
        ------
        ImportError
            If the table was built for another version of the interface.
        TypeError
            If there is no table, or it lacks the functions of its granularity.
        """
        if self.table == NULL:
            raise TypeError(f"{name} has no table of C functions: set CLoss.table.")
        check_table(self.table.abi_version, self.table.size)
        if granularity == "row":
            missing = [] if self.table.row != NULL else ["row"]
        elif granularity == "group":
            missing = [] if has_group(self.table) else ["group"]
        else:
            missing = [
                member for member, is_there in (
                    ("value", self.table.value != NULL),
                    ("gradient", self.table.gradient != NULL),
                ) if not is_there
            ]
        if missing:
            raise TypeError(
                f"{name} is a loss of {granularity}s and its table has no function "
                f"{' and no '.join(missing)}."
            )
        if self.has_hessian and not self.has_curvature:
            raise TypeError(
                f"{name} has a row_hessian and is without_curvature: write the diagonal as "
                "the curvature of a row, too."
            )
        return self

    @property
    def has_curvature(self):
        """Whether a second derivative can be asked for."""
        if self.table.row != NULL:
            return not self.table.without_curvature
        if has_group(self.table):
            return True
        return self.table.curvature != NULL

    @property
    def has_hessian(self):
        """Whether this is a loss of rows whose Hessians can be asked for."""
        return self.table.row != NULL and has_row_hessian(self.table)

    @property
    def calls_python(self):
        """Whether functions of Python are called, one at a time whatever the threads."""
        return hasattr(self.owner, "raise_error") or any(
            part.calls_python for part in self.parts)

    def evaluate_points(self, const real[::1] y, const real[::1] raw,
                        real[::1] value, real[::1] gradient, real[::1] curvature,
                        limits=None):
        """Write the wanted ones of value, gradient and curvature; None: not wanted.

        All arrays are of shape (n,). `limits` are the least and the largest number that a
        target may be, and whether it must be an integer; None: it may be anything. Returns
        whether all targets keep them; what is written else is of no use.
        """
        cdef Py_ssize_t c, n = raw.shape[0]
        cdef Limits within = limits_of(limits)
        cdef Py_ssize_t size = CHECKED if within.are_set and not self.calls_python else CHUNK
        cdef Py_ssize_t n_chunks = (n + size - 1) // size
        cdef Py_ssize_t n_bad = 0
        cdef int n_threads = 1 if self.calls_python else threads_for(n, MANY)
        cdef const LossTable *table = self.table
        cdef const void *params = self.params
        cdef const real *at_y = &y[0] if n else NULL
        cdef const real *at_raw = &raw[0] if n else NULL
        cdef real *at_value = &value[0] if n and value is not None else NULL
        cdef real *at_gradient = &gradient[0] if n and gradient is not None else NULL
        cdef real *at_curvature = &curvature[0] if n and curvature is not None else NULL
        for c in prange(n_chunks, nogil=True, schedule="static", num_threads=n_threads):
            if within.are_set and n_outside(at_y + c * size, min(size, n - c * size),
                                            within.low, within.high, within.integer):
                n_bad += 1
            else:
                evaluate_chunk(table, params, c * size, min(size, n - c * size),
                               at_y, at_raw, at_value, at_gradient, at_curvature)
        self.raise_error()
        return n_bad == 0

    def evaluate_rows(self, const double[:, ::1] y, const double[:, ::1] raw,
                      double[::1] value, double[:, ::1] gradient,
                      double[:, ::1] curvature, limits=None):
        """The same for a loss of rows.

        `y` is of shape (n, 1) or (n, n_outputs), `value` of shape (n,), and the
        others of shape (n, n_outputs). `limits` are for y of shape (n, 1).
        """
        cdef Py_ssize_t c, n = raw.shape[0], size = max(1, CHUNK // raw.shape[1])
        cdef Py_ssize_t n_chunks, n_bad = 0
        cdef Limits within = limits_of(limits)
        cdef int n_threads = 1 if self.calls_python else threads_for(raw.size, MANY)
        cdef const LossTable *table = self.table
        cdef const void *params = self.params
        cdef RowBlock block
        if n == 0:
            return True
        size -= size % GROUP if size > GROUP else 0
        n_chunks = (n + size - 1) // size
        block.n = n
        block.n_outputs = raw.shape[1]
        block.y_size = y.shape[1]
        block.y = &y[0, 0]
        block.raw = &raw[0, 0]
        block.value = &value[0] if value is not None else NULL
        block.gradient = &gradient[0, 0] if gradient is not None else NULL
        block.curvature = &curvature[0, 0] if curvature is not None else NULL
        for c in prange(n_chunks, nogil=True, schedule="static", num_threads=n_threads):
            if within.are_set and n_outside(block.y + c * size, min(size, n - c * size),
                                            within.low, within.high, within.integer):
                n_bad += 1
            else:
                evaluate_some_rows(table, params, &block, c * size, min(size, n - c * size))
        self.raise_error()
        return n_bad == 0

    def evaluate_hessians(self, const double[:, ::1] y, const double[:, ::1] raw,
                          double[:, :, ::1] hessian, limits=None):
        """Write the Hessians of a loss of rows that has them.

        `hessian` is of shape (n, n_outputs, n_outputs); the others are those of
        `evaluate_rows`.
        """
        cdef Py_ssize_t c, n = raw.shape[0], n_chunks, n_bad = 0
        cdef Py_ssize_t size = max(1, ENTRIES // (raw.shape[1] * raw.shape[1]))
        cdef Limits within = limits_of(limits)
        cdef int n_threads = 1 if self.calls_python else threads_for(hessian.size, MANY)
        cdef const LossTable *table = self.table
        cdef const void *params = self.params
        cdef double *out
        cdef RowBlock block
        if n == 0:
            return True
        out = &hessian[0, 0, 0]
        size = n if self.calls_python else size - (size % GROUP if size > GROUP else 0)
        n_chunks = (n + size - 1) // size
        block.n = n
        block.n_outputs = raw.shape[1]
        block.y_size = y.shape[1]
        block.y = &y[0, 0]
        block.raw = &raw[0, 0]
        block.value = block.gradient = block.curvature = NULL
        for c in prange(n_chunks, nogil=True, schedule="static", num_threads=n_threads):
            if within.are_set and n_outside(block.y + c * size, min(size, n - c * size),
                                            within.low, within.high, within.integer):
                n_bad += 1
            else:
                evaluate_some_hessians(
                    table, params, &block, c * size, min(size, n - c * size), out)
        self.raise_error()
        return n_bad == 0

    def evaluate_groups(self, rows, const double[::1] raw, double[::1] value,
                        double[::1] gradient=None, double[::1] curvature=None,
                        const double[:, ::1] v=None, double[:, ::1] product=None):
        """Write the values of groups, and the wanted ones of the others.

        `rows` are `SortedRows`. `value` is of shape (n_groups,), `v` and `product` of
        shape (n, n_directions), and the others of shape (n,).
        """
        cdef const double[:, ::1] y = rows.y
        cdef const double[::1] weight = rows.weight
        cdef const Py_ssize_t[::1] starts = rows.starts
        cdef Py_ssize_t first, last = 0, n_groups = starts.shape[0] - 1
        cdef Py_ssize_t c, n_chunks = 0
        cdef Group all_
        cdef const LossTable *table = self.table
        cdef const void *params = self.params
        cdef int n_threads
        cdef Py_ssize_t[::1] ends
        if n_groups <= 0 or raw.shape[0] == 0:
            return
        all_.n, all_.y_size = raw.shape[0], y.shape[1]
        all_.y, all_.raw, all_.weight = &y[0, 0], &raw[0], &weight[0]
        all_.gradient = &gradient[0] if gradient is not None else NULL
        all_.curvature = &curvature[0] if curvature is not None else NULL
        all_.v = &v[0, 0] if v is not None else NULL
        all_.n_directions = v.shape[1] if v is not None else 0
        all_.product = &product[0, 0] if product is not None else NULL
        n_threads = 1 if self.calls_python else threads_for(GROUP_DEAR * all_.n, MANY)
        ends = np.empty(n_groups + 1, dtype=np.intp)
        ends[0] = 0
        while last < n_groups:  # whole groups of some thousand rows
            first = last
            while last < n_groups and starts[last] - starts[first] < CHUNK:
                last += 1
            n_chunks += 1
            ends[n_chunks] = last
        for c in prange(n_chunks, nogil=True, schedule="dynamic", num_threads=n_threads):
            evaluate_some_groups(table, params, &all_, &starts[0], ends[c], ends[c + 1],
                                 &value[0])
        self.raise_error()

    def evaluate_conjugate(self, const double[::1] y, const double[::1] dual,
                           double[::1] conjugate):
        """Write the conjugates of a convex loss of points; all of shape (n,)."""
        cdef Py_ssize_t i
        cdef double[::1] found
        if self.table.conjugate == NULL and self.calls_python:
            found = searched_conjugates(self, y, dual)
            conjugate[:] = found
            return
        with nogil:
            for i in range(dual.shape[0]):
                if dual[i] != dual[i] or dual[i] - dual[i] != 0.0:
                    conjugate[i] = dual[i] * dual[i]  # nan, or inf of an infinite slope
                elif self.table.conjugate != NULL:
                    conjugate[i] = self.table.conjugate(self.params, y[i], dual[i])
                else:
                    conjugate[i] = searched_conjugate(
                        self.table.value, self.table.gradient, self.params, y[i], dual[i])
        self.raise_error()


cdef struct Limits:
    bint are_set
    bint integer
    double low
    double high


cdef Limits limits_of(limits):
    """What `Interval.limits` returns, or None, as a struct."""
    cdef Limits result
    result.are_set = limits is not None
    if result.are_set:
        result.low, result.high, result.integer = limits
    return result


cdef void evaluate_chunk(const LossTable *table, const void *params, Py_ssize_t start,
                         Py_ssize_t n, const real *y, const real *raw, real *value,
                         real *gradient, real *curvature) noexcept nogil:
    """Some points of larger arrays; those of float32 by way of doubles."""
    cdef Block block
    cdef double copy[5][CHUNK]
    cdef Py_ssize_t i
    block.n = n
    if real is double:
        block.y = y + start
        block.raw = raw + start
        block.value = value + start if value != NULL else NULL
        block.gradient = gradient + start if gradient != NULL else NULL
        block.curvature = curvature + start if curvature != NULL else NULL
        evaluate_block(table, params, &block)
    else:
        for i in range(n):
            copy[0][i] = y[start + i]
            copy[1][i] = raw[start + i]
        block.y, block.raw = copy[0], copy[1]
        block.value = copy[2] if value != NULL else NULL
        block.gradient = copy[3] if gradient != NULL else NULL
        block.curvature = copy[4] if curvature != NULL else NULL
        evaluate_block(table, params, &block)
        write_back(block.value, value, start, n)
        write_back(block.gradient, gradient, start, n)
        write_back(block.curvature, curvature, start, n)


cdef void write_back(const double *source, float *out, Py_ssize_t start,
                     Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if out != NULL:
        for i in range(n):
            out[start + i] = <float> source[i]


cdef void evaluate_some_rows(const LossTable *table, const void *params, const RowBlock *all_,
                             Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    cdef RowBlock block = some_rows(all_, start, n)
    evaluate_rows(table, params, &block)


cdef void evaluate_some_hessians(const LossTable *table, const void *params,
                                 const RowBlock *all_, Py_ssize_t start, Py_ssize_t n,
                                 double *hessian) noexcept nogil:
    cdef RowBlock block = some_rows(all_, start, n)
    hessian += start * block.n_outputs * block.n_outputs
    evaluate_row_hessians(table, params, &block, hessian)
    unpack(hessian, n, block.n_outputs)


cdef void evaluate_some_groups(const LossTable *table, const void *params,
                               const Group *all_, const Py_ssize_t *starts,
                               Py_ssize_t first, Py_ssize_t last,
                               double *value) noexcept nogil:
    """The groups from first to last, all of nan where there is no memory to work in."""
    cdef Group group = all_[0]
    cdef Py_ssize_t g, start, largest = 0, k = all_.n_directions
    for g in range(first, last):
        largest = max(largest, starts[g + 1] - starts[g])
    group.work = <double *> malloc(GROUP_WORK * (largest + k + 1) * sizeof(double))
    for g in range(first, last):
        start = starts[g]
        group.n = starts[g + 1] - start
        group.y = all_.y + start * all_.y_size
        group.raw, group.weight = all_.raw + start, all_.weight + start
        group.gradient = all_.gradient + start if all_.gradient != NULL else NULL
        group.curvature = all_.curvature + start if all_.curvature != NULL else NULL
        group.v = all_.v + start * k if all_.v != NULL else NULL
        group.product = all_.product + start * k if all_.product != NULL else NULL
        value[g] = NAN
        if group.work != NULL:
            value[g] = table.group(params, &group)
    free(group.work)


cdef void unpack(double *hessian, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Make n matrices of the lower triangles, in the memory where these are.

    From the last entry on: none moves to the left, so that those to come are still there.
    """
    cdef Py_ssize_t m, i, j, source
    cdef double *matrix
    for m in range(n - 1, -1, -1):
        matrix = hessian + m * k * k
        source = (m + 1) * (k * (k + 1) // 2)
        for i in range(k - 1, -1, -1):
            for j in range(i, -1, -1):
                source -= 1
                matrix[i * k + j] = hessian[source]
        for i in range(k):
            for j in range(i):
                matrix[j * k + i] = matrix[i * k + j]
