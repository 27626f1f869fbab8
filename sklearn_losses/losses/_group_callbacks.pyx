# cython: language_level=3
"""Python functions of the rows of a group behind a table of C functions."""

from cpython.ref cimport PyObject
from libc.math cimport NAN

import numpy as np

from sklearn_losses.losses._table cimport CLoss, Group, LossTable, start_table

DIFFERENCE = 1e-5  # of raw predictions, for a loss without a Hessian


cdef struct Params:
    PyObject *callbacks  # not counted: it owns these Params
    bint failed          # read without the GIL


cdef object copied(const double *source, Py_ssize_t n):
    cdef Py_ssize_t i
    cdef double[::1] memory = np.empty(n)
    for i in range(n):
        memory[i] = source[i]
    found = np.asarray(memory)
    found.flags.writeable = False
    return found


cdef class GroupCallbacks:
    """The functions of a loss of groups, and the first error of any of them."""

    cdef LossTable table
    cdef Params params
    cdef str owner_name
    cdef object value, gradient, hessian, error
    cdef dict parameters

    def __cinit__(self, str owner_name, value, gradient, hessian, dict parameters):
        self.owner_name, self.parameters = owner_name, parameters
        self.value, self.gradient, self.hessian = value, gradient, hessian
        self.params.callbacks = <PyObject *> self
        self.params.failed = False
        start_table(&self.table)
        self.table.group = one_group

    def raise_error(self):
        """Raise the first exception since the last call, if there was one."""
        error, self.error, self.params.failed = self.error, None, False
        if error is not None:
            raise error

    def ask(self, str name, function, tuple shape, y, raw, weight):
        """Call a function and return what it gave, as an array of that shape."""
        found = np.asarray(function(y, raw, weight, **self.parameters))
        if found.dtype.kind not in "biuf":
            raise TypeError(
                f"The {name} function of {self.owner_name} must return real numbers. Got "
                f"the dtype {found.dtype}."
            )
        if found.shape != shape:
            raise ValueError(
                f"The {name} function of {self.owner_name} must return the shape {shape} "
                f"for a group of {len(raw)} rows. Got the shape {found.shape}."
            )
        if np.isnan(found).any() and np.isfinite(raw).all():
            raise ValueError(
                f"The {name} function of {self.owner_name} returned nan for a group of "
                f"{len(raw)} rows, whose raw predictions are finite."
            )
        return np.ascontiguousarray(found, dtype=np.float64)

    def slopes(self, y, raw, weight):
        return self.ask("gradient", self.gradient, raw.shape, y, raw, weight)

    def products(self, v, y, raw, weight):
        """The Hessian times the columns of v."""
        if self.hessian is not None:
            shape = (len(raw), len(raw))
            return self.ask("hessian", self.hessian, shape, y, raw, weight) @ v
        found = np.empty(v.shape)
        for j, direction in enumerate(v.T):
            size = np.abs(direction).max()
            step = DIFFERENCE / size if size > 0 else 0.0
            up = self.slopes(y, raw + step * direction, weight)
            change = up - self.slopes(y, raw - step * direction, weight)
            found[:, j] = 0.5 * change / step if step else 0.0
        return found

    def evaluate(self, y, raw, weight, v, bint wants_gradient, bint wants_curvature):
        """Value, gradient, curvature and product, None where it is not wanted."""
        value = self.ask("value", self.value, (), y, raw, weight).item()
        gradient = self.slopes(y, raw, weight) if wants_gradient else None
        curvature = product = None
        if wants_curvature:
            curvature = np.diagonal(self.products(np.eye(len(raw)), y, raw, weight)).copy()
        if v is not None:
            product = np.ascontiguousarray(self.products(v, y, raw, weight))
        return value, gradient, curvature, product


cdef int write(const double[::1] source, double *out) except -1:
    cdef Py_ssize_t i
    for i in range(source.shape[0]):
        out[i] = source[i]
    return 0


cdef double call(GroupCallbacks callbacks, const Group *g):
    try:
        y = copied(g.y, g.n * g.y_size)
        y = y if g.y_size == 1 else y.reshape(g.n, g.y_size)
        v = None
        if g.product != NULL:
            v = copied(g.v, g.n * g.n_directions).reshape(g.n, g.n_directions)
        value, gradient, curvature, product = callbacks.evaluate(
            y, copied(g.raw, g.n), copied(g.weight, g.n), v, g.gradient != NULL,
            g.curvature != NULL)
        if gradient is not None:
            write(gradient, g.gradient)
        if curvature is not None:
            write(curvature, g.curvature)
        if product is not None:
            write(product.reshape(-1), g.product)
        return value
    except BaseException as error:
        callbacks.error = error
        callbacks.params.failed = True
    return NAN


cdef void write_nan(double *out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if out != NULL:
        for i in range(n):
            out[i] = NAN


cdef double one_group(const void *params, const Group *group) noexcept nogil:
    cdef double value = NAN
    if not (<const Params *> params).failed:
        with gil:
            value = call(<GroupCallbacks> (<const Params *> params).callbacks, group)
    if (<const Params *> params).failed:
        write_nan(group.gradient, group.n)
        write_nan(group.curvature, group.n)
        write_nan(group.product, group.n * group.n_directions)
    return value


def group_callback_loss(str owner_name, value, gradient, hessian, dict parameters):
    """A loss of groups that calls Python.

    Parameters
    ----------
    owner_name : str
        The loss, for error messages.
    value, gradient : callable
    hessian : callable or None
    parameters : dict
        Given to every call as keywords.

    Returns
    -------
    CLoss
        With an error of its own: it may not be shared by threads.
    """
    cdef GroupCallbacks callbacks = GroupCallbacks(
        owner_name, value, gradient, hessian, parameters)
    cdef CLoss loss = CLoss()
    loss.table = &callbacks.table
    loss.params = &callbacks.params
    loss.owner = callbacks
    return loss
