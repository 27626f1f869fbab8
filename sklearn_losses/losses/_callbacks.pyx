# cython: language_level=3
"""Python functions of arrays behind a table of C functions.

A kernel calls the table as any other. The functions take the GIL, hand copies of the
block to Python as read-only arrays, check what comes back, and write it out. A kernel
that goes sample by sample makes a call of Python a sample, with arrays of length one;
one that goes by blocks makes a call a block.

A kernel cannot be told of an exception. The first one is kept, no function is called
any more, every output is nan, and :meth:`CLoss.raise_error` raises it when the kernel
is through.
"""

from cpython.ref cimport PyObject
from libc.math cimport NAN, isnan

import numpy as np

from sklearn_losses.losses._table cimport (
    Block, CLoss, LossTable, Row, RowBlock, start_table,
)

cdef enum:
    VALUE
    GRADIENT
    CURVATURE
    HESSIAN

NAMES = ("value", "gradient", "curvature", "hessian")
cdef object ndarray = np.ndarray
cdef object float64 = np.dtype(np.float64)


cdef struct Params:
    PyObject *callbacks  # not counted: it owns these Params
    bint failed          # read without the GIL


cdef class _Input:
    """An array that Python sees as read-only, and its memory."""

    cdef double[::1] memory
    cdef readonly object array

    def __cinit__(self, tuple shape):
        writable = np.empty(shape)
        self.memory = writable.reshape(-1)
        self.array = writable.view()
        self.array.flags.writeable = False


cdef class Callbacks:
    """The functions of a loss, their parameters, and the first error of any of them."""

    cdef LossTable table
    cdef Params params
    cdef str owner_name
    cdef tuple functions
    cdef dict parameters
    cdef object error
    cdef _Input one_target, one_raw  # where most calls are made for one sample

    def __cinit__(self, str owner_name, str granularity, tuple functions,
                  dict parameters):
        self.owner_name = owner_name
        self.functions = functions
        self.parameters = parameters
        self.params.callbacks = <PyObject *> self
        self.params.failed = False
        start_table(&self.table)
        if granularity == "row":
            self.table.row = one_row
            self.table.row_block = rows
            self.table.without_curvature = functions[CURVATURE] is None
            if functions[HESSIAN] is not None:
                self.table.without_curvature = False  # it is on the diagonal
                self.table.row_hessian = one_hessian
                self.table.row_hessian_block = hessians
            return
        self.table.value = point_value
        self.table.gradient = point_gradient
        self.table.block = points
        if functions[CURVATURE] is not None:
            self.table.curvature = point_curvature

    def raise_error(self):
        """Raise the first exception since the last call, if there was one."""
        error, self.error, self.params.failed = self.error, None, False
        if error is not None:
            raise error

    cdef int fail(self, error) except -1:
        self.error = error
        self.params.failed = True
        return 0

    cdef const double[::1] ask(self, int which, y, raw):
        """Call a function and return what it gave, checked, as one row of doubles."""
        function = self.functions[which]
        if function is None:
            raise ValueError(f"{self.owner_name} has no {NAMES[which]}.")
        result = function(y, raw, **self.parameters)
        shape = raw.shape if which != VALUE else y.shape
        if which == HESSIAN:
            shape = (*raw.shape, raw.shape[1])
        if not (type(result) is ndarray and result.dtype is float64
                and result.shape == shape and result.flags.c_contiguous):
            result = self.converted(result, which, shape, raw.shape)
        cdef const double[::1] row = result if result.ndim == 1 else result.reshape(-1)
        cdef Py_ssize_t i
        for i in range(row.shape[0]):
            if isnan(row[i]):
                self.refuse_nan(result, which, y, raw)
                break
        return row

    def describe(self, int which):
        """The name of a function, for error messages."""
        function = self.functions[which]
        name = getattr(function, "__qualname__", None) or repr(function)
        return f"The {NAMES[which]} function of {self.owner_name}, {name},"

    def converted(self, result, int which, tuple shape, tuple raw_shape):
        """What a function returned as float64, if that is a matter of memory alone."""
        array = np.asarray(result)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"{self.describe(which)} must return real numbers. Got "
                f"{type(result).__name__} of dtype {array.dtype}."
            )
        if array.shape != shape:
            raise ValueError(
                f"{self.describe(which)} must return an array of shape {shape} for raw "
                f"predictions of shape {raw_shape}. Got the shape {array.shape}."
            )
        return np.array(array, dtype=np.float64, order="C")

    def refuse_nan(self, result, int which, y, raw):
        """Raise for the first nan that no infinite or nan raw prediction explains."""
        bad, usable = np.isnan(result), np.isfinite(raw)
        if raw.ndim == 2:
            bad = bad.reshape(len(bad), -1).any(axis=1)
            usable = usable.all(axis=1)
        found = np.flatnonzero(bad & usable)
        if len(found):
            i = found[0]
            raise ValueError(
                f"{self.describe(which)} returned nan for y_true={y[i]} and "
                f"raw_prediction={raw[i]}."
            )


def callback_loss(str owner_name, str granularity, tuple functions, dict parameters):
    """A loss that calls Python.

    Parameters
    ----------
    owner_name : str
        The loss, for error messages.
    granularity : {"point", "row"}
    functions : tuple of callable
        The value, the gradient, and the curvature and the Hessian or None.
    parameters : dict
        Given to every call as keywords.

    Returns
    -------
    CLoss
        With an error and arrays of its own: it may not be shared by threads.
    """
    cdef Callbacks callbacks = Callbacks(owner_name, granularity, functions, parameters)
    cdef CLoss loss = CLoss()
    loss.table = &callbacks.table
    loss.params = &callbacks.params
    loss.owner = callbacks
    return loss


cdef object targets(Callbacks callbacks, const double *y, Py_ssize_t n):
    """n targets as an array."""
    if n != 1:
        return filled(_Input((n,)), y)
    if callbacks.one_target is None:
        callbacks.one_target = _Input((1,))
    return filled(callbacks.one_target, y)


cdef object predictions(Callbacks callbacks, const double *raw, tuple shape):
    """Raw predictions of one sample or of many as an array."""
    if shape[0] != 1:
        return filled(_Input(shape), raw)
    if callbacks.one_raw is None or callbacks.one_raw.array.shape != shape:
        callbacks.one_raw = _Input(shape)
    return filled(callbacks.one_raw, raw)


cdef object filled(_Input input, const double *source):
    cdef Py_ssize_t i
    for i in range(input.memory.shape[0]):
        input.memory[i] = source[i]
    return input.array


cdef int write(Callbacks callbacks, int which, y, raw, double *out) except -1:
    """Ask a function and write what it gave, if it is wanted."""
    cdef const double[::1] row
    cdef Py_ssize_t i
    if out != NULL:
        row = callbacks.ask(which, y, raw)
        for i in range(row.shape[0]):
            out[i] = row[i]
    return 0


cdef void write_nan(double *out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if out != NULL:
        for i in range(n):
            out[i] = NAN


cdef void points(const void *params, const Block *block) noexcept nogil:
    if not (<const Params *> params).failed:
        with gil:
            call_points(<Callbacks> (<const Params *> params).callbacks, block)
    if (<const Params *> params).failed:
        write_nan(block.value, block.n)
        write_nan(block.gradient, block.n)
        write_nan(block.curvature, block.n)


cdef int call_points(Callbacks callbacks, const Block *block) except -1:
    try:
        y = targets(callbacks, block.y, block.n)
        raw = predictions(callbacks, block.raw, (block.n,))
        write(callbacks, VALUE, y, raw, block.value)
        write(callbacks, GRADIENT, y, raw, block.gradient)
        write(callbacks, CURVATURE, y, raw, block.curvature)
    except BaseException as error:
        callbacks.fail(error)
    return 0


cdef double point_value(const void *params, double y, double raw) noexcept nogil:
    cdef double result
    cdef Block block
    block.y, block.raw, block.n = &y, &raw, 1
    block.value, block.gradient, block.curvature = &result, NULL, NULL
    points(params, &block)
    return result


cdef double point_gradient(const void *params, double y, double raw) noexcept nogil:
    cdef double result
    cdef Block block
    block.y, block.raw, block.n = &y, &raw, 1
    block.value, block.gradient, block.curvature = NULL, &result, NULL
    points(params, &block)
    return result


cdef double point_curvature(const void *params, double y, double raw) noexcept nogil:
    cdef double result
    cdef Block block
    block.y, block.raw, block.n = &y, &raw, 1
    block.value, block.gradient, block.curvature = NULL, NULL, &result
    points(params, &block)
    return result


cdef void rows(const void *params, const RowBlock *block) noexcept nogil:
    cdef Py_ssize_t n = block.n * block.n_outputs
    if not (<const Params *> params).failed:
        with gil:
            call_rows(<Callbacks> (<const Params *> params).callbacks, block)
    if (<const Params *> params).failed:
        write_nan(block.value, block.n)
        write_nan(block.gradient, n)
        write_nan(block.curvature, n)


cdef tuple arguments(Callbacks callbacks, const RowBlock *block):
    """Class indices and raw predictions as arrays."""
    if block.y_size != 1:
        raise ValueError(
            f"{callbacks.owner_name} takes class indices as targets, not a "
            "probability for each class."
        )
    y = targets(callbacks, block.y, block.n).astype(np.intp)
    return y, predictions(callbacks, block.raw, (block.n, block.n_outputs))


cdef int call_rows(Callbacks callbacks, const RowBlock *block) except -1:
    try:
        y, raw = arguments(callbacks, block)
        write(callbacks, VALUE, y, raw, block.value)
        write(callbacks, GRADIENT, y, raw, block.gradient)
        if callbacks.functions[CURVATURE] is not None:
            write(callbacks, CURVATURE, y, raw, block.curvature)
        elif block.curvature != NULL:
            write_diagonals(callbacks.ask(HESSIAN, y, raw), block)
    except BaseException as error:
        callbacks.fail(error)
    return 0


cdef void write_diagonals(const double[::1] full, const RowBlock *block):
    cdef Py_ssize_t i, j, k = block.n_outputs
    for i in range(block.n):
        for j in range(k):
            block.curvature[i * k + j] = full[(i * k + j) * k + j]


cdef double one_row(const void *params, const Row *row) noexcept nogil:
    cdef double value
    cdef RowBlock block
    block.y, block.y_size, block.n = row.y, row.y_size, 1
    block.raw, block.n_outputs = row.raw, row.n_outputs
    block.value, block.gradient, block.curvature = &value, row.gradient, row.curvature
    rows(params, &block)
    return value


cdef void hessians(const void *params, const RowBlock *block, double *out) noexcept nogil:
    if not (<const Params *> params).failed:
        with gil:
            call_hessians(<Callbacks> (<const Params *> params).callbacks, block, out)
    if (<const Params *> params).failed:
        write_nan(out, block.n * (block.n_outputs * (block.n_outputs + 1) // 2))


cdef int call_hessians(Callbacks callbacks, const RowBlock *block, double *out) except -1:
    """The lower triangles of what Python gives."""
    cdef const double[::1] full
    cdef Py_ssize_t i, j, n = 0, k = block.n_outputs
    try:
        y, raw = arguments(callbacks, block)
        full = callbacks.ask(HESSIAN, y, raw)
        for i in range(block.n * k):
            for j in range(i % k + 1):
                out[n] = full[i * k + j]
                n += 1
    except BaseException as error:
        callbacks.fail(error)
    return 0


cdef void one_hessian(const void *params, const Row *row, double *out) noexcept nogil:
    cdef RowBlock block
    block.y, block.y_size, block.n = row.y, row.y_size, 1
    block.raw, block.n_outputs = row.raw, row.n_outputs
    block.value = block.gradient = block.curvature = NULL
    hessians(params, &block, out)
