# cython: language_level=3
"""C functions of two or three arguments behind a table of C functions.

The functions of a table get the parameters of the loss as their first argument. Here
these are the author's functions, each with what it wants as its third argument.
"""

from cpython.pycapsule cimport (
    PyCapsule_CheckExact, PyCapsule_GetContext, PyCapsule_GetName, PyCapsule_GetPointer,
)
from libc.stdint cimport uintptr_t

from sklearn_losses.losses._table cimport CLoss, LossTable, new_loss, start_table

ctypedef double (*plain_fn)(double y, double raw) noexcept nogil
ctypedef double (*data_fn)(double y, double raw, void *data) noexcept nogil
ctypedef double (*cpdef_fn)(double y, double raw, int skip_dispatch) noexcept nogil


cdef struct Target:
    double (*call)(const Target *target, double y, double raw) noexcept nogil
    void *function
    void *data


cdef struct Params:
    Target value
    Target gradient
    Target curvature


cdef double call_plain(const Target *target, double y, double raw) noexcept nogil:
    return (<plain_fn> target.function)(y, raw)


cdef double call_with_data(const Target *target, double y, double raw) noexcept nogil:
    return (<data_fn> target.function)(y, raw, target.data)


cdef double call_cpdef(const Target *target, double y, double raw) noexcept nogil:
    return (<cpdef_fn> target.function)(y, raw, 0)


cdef double value(const void *params, double y, double raw) noexcept nogil:
    cdef const Target *target = &(<const Params *> params).value
    return target.call(target, y, raw)


cdef double gradient(const void *params, double y, double raw) noexcept nogil:
    cdef const Target *target = &(<const Params *> params).gradient
    return target.call(target, y, raw)


cdef double curvature(const void *params, double y, double raw) noexcept nogil:
    cdef const Target *target = &(<const Params *> params).curvature
    return target.call(target, y, raw)


cdef class _Functions:
    """The memory of the table, the functions, and their parameters."""

    cdef LossTable table
    cdef Params params
    cdef CLoss row      # a loss only in that it holds a row of doubles
    cdef tuple sources  # Python objects that own the code


cdef int set_target(Target *target, function, CLoss row) except -1:
    target.function = <void *> <uintptr_t> function.address
    target.data = <void *> <uintptr_t> function.user_data
    target.call = call_plain
    if function.takes == "pointer":
        target.call = call_with_data
        if function.user_data == 0:
            target.data = <void *> row.params
    elif function.takes == "skip_dispatch":
        target.call = call_cpdef
    return 0


def c_function_loss(value_function, gradient_function, curvature_function, parameters):
    """A loss that calls C functions.

    Parameters
    ----------
    value_function, gradient_function : Pointer
    curvature_function : Pointer or None
    parameters : sequence of float
        What functions without data of their own get a pointer to.

    Returns
    -------
    CLoss
    """
    cdef _Functions functions = _Functions()
    functions.row = new_loss(&functions.table, parameters)
    start_table(&functions.table)
    set_target(&functions.params.value, value_function, functions.row)
    functions.table.value = value
    set_target(&functions.params.gradient, gradient_function, functions.row)
    functions.table.gradient = gradient
    if curvature_function is not None:
        set_target(&functions.params.curvature, curvature_function, functions.row)
        functions.table.curvature = curvature
    functions.sources = (value_function, gradient_function, curvature_function)
    cdef CLoss loss = CLoss()
    loss.table = &functions.table
    loss.params = &functions.params
    loss.owner = functions
    return loss


def capsule_pointers(capsule):
    """The pointer and the context of a PyCapsule as ints; None if it is something else."""
    if not PyCapsule_CheckExact(capsule):
        return None
    cdef void *pointer = PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))
    return <uintptr_t> pointer, <uintptr_t> PyCapsule_GetContext(capsule)
