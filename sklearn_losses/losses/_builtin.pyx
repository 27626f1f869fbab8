# cython: language_level=3
"""The built-in losses as tables of C functions.

Each loss of points is three formulas of _points.pxd handed to one generic loop.
They arrive there as constants, so the compiler inlines them: a loss costs what its
formula costs, and no loop is written twice.
"""

from libc.string cimport memset

cimport sklearn_losses.losses._points as _points
from sklearn_losses.losses._loop cimport Block, loop
from sklearn_losses.losses._table cimport (
    LOSS_ABI_VERSION, Block32, Block64, CLoss, LossTable, Row, block32_fn, block64_fn,
    point_fn,
)


cdef void squared_error(const void *params, const Block *block) noexcept nogil:
    loop(_points.squared_error_value, _points.squared_error_gradient,
         _points.squared_error_curvature, params, block)


cdef void absolute_error(const void *params, const Block *block) noexcept nogil:
    loop(_points.absolute_error_value, _points.absolute_error_gradient,
         _points.zero, params, block)


cdef void quantile(const void *params, const Block *block) noexcept nogil:
    loop(_points.quantile_value, _points.quantile_gradient,
         _points.zero, params, block)


cdef void huber(const void *params, const Block *block) noexcept nogil:
    loop(_points.huber_value, _points.huber_gradient,
         _points.huber_curvature, params, block)


cdef void epsilon_insensitive(const void *params, const Block *block) noexcept nogil:
    loop(_points.epsilon_insensitive_value, _points.epsilon_insensitive_gradient,
         _points.zero, params, block)


cdef void squared_epsilon_insensitive(const void *params, const Block *block) noexcept nogil:
    loop(_points.squared_epsilon_insensitive_value, _points.squared_epsilon_insensitive_gradient,
         _points.squared_epsilon_insensitive_curvature, params, block)


cdef void poisson(const void *params, const Block *block) noexcept nogil:
    loop(_points.poisson_value, _points.poisson_gradient,
         _points.poisson_curvature, params, block)


cdef void log_loss(const void *params, const Block *block) noexcept nogil:
    loop(_points.log_loss_value, _points.log_loss_gradient,
         _points.log_loss_curvature, params, block)


cdef void hinge(const void *params, const Block *block) noexcept nogil:
    loop(_points.hinge_value, _points.hinge_gradient,
         _points.zero, params, block)


cdef void perceptron(const void *params, const Block *block) noexcept nogil:
    loop(_points.perceptron_value, _points.perceptron_gradient,
         _points.zero, params, block)


cdef void squared_hinge(const void *params, const Block *block) noexcept nogil:
    loop(_points.squared_hinge_value, _points.squared_hinge_gradient,
         _points.squared_hinge_curvature, params, block)


cdef void modified_huber(const void *params, const Block *block) noexcept nogil:
    loop(_points.modified_huber_value, _points.modified_huber_gradient,
         _points.modified_huber_curvature, params, block)


cdef double cross_entropy(const void *params, const Row *row) noexcept nogil:
    return _points.cross_entropy_row(params, row)


cdef enum:
    MAX_TABLES = 128
    MAX_PARAMETERS = 8

cdef LossTable tables[MAX_TABLES]
cdef dict index_of = {}


cdef LossTable *new_table(str name) except NULL:
    if len(index_of) == MAX_TABLES:
        raise MemoryError(f"No room for the table of {name}: raise MAX_TABLES.")
    cdef LossTable *table = &tables[len(index_of)]
    index_of[name] = len(index_of)
    memset(table, 0, sizeof(LossTable))
    table.size = sizeof(LossTable)
    table.abi_version = LOSS_ABI_VERSION
    return table


cdef int add_points(str name, point_fn value, point_fn gradient, point_fn curvature,
                    block64_fn block64, block32_fn block32) except -1:
    cdef LossTable *table = new_table(name)
    table.value = value
    table.gradient = gradient
    table.curvature = curvature
    table.block64 = block64
    table.block32 = block32
    return 0


add_points("squared_error", _points.squared_error_value, _points.squared_error_gradient,
           _points.squared_error_curvature, squared_error[Block64], squared_error[Block32])
add_points("absolute_error", _points.absolute_error_value, _points.absolute_error_gradient,
           _points.zero, absolute_error[Block64], absolute_error[Block32])
add_points("quantile", _points.quantile_value, _points.quantile_gradient,
           _points.zero, quantile[Block64], quantile[Block32])
add_points("huber", _points.huber_value, _points.huber_gradient,
           _points.huber_curvature, huber[Block64], huber[Block32])
add_points("epsilon_insensitive",
           _points.epsilon_insensitive_value,
           _points.epsilon_insensitive_gradient,
           _points.zero,
           epsilon_insensitive[Block64],
           epsilon_insensitive[Block32])
add_points("squared_epsilon_insensitive",
           _points.squared_epsilon_insensitive_value,
           _points.squared_epsilon_insensitive_gradient,
           _points.squared_epsilon_insensitive_curvature,
           squared_epsilon_insensitive[Block64],
           squared_epsilon_insensitive[Block32])
add_points("poisson", _points.poisson_value, _points.poisson_gradient,
           _points.poisson_curvature, poisson[Block64], poisson[Block32])
add_points("log_loss", _points.log_loss_value, _points.log_loss_gradient,
           _points.log_loss_curvature, log_loss[Block64], log_loss[Block32])
add_points("hinge", _points.hinge_value, _points.hinge_gradient,
           _points.zero, hinge[Block64], hinge[Block32])
add_points("perceptron", _points.perceptron_value, _points.perceptron_gradient,
           _points.zero, perceptron[Block64], perceptron[Block32])
add_points("squared_hinge", _points.squared_hinge_value, _points.squared_hinge_gradient,
           _points.squared_hinge_curvature, squared_hinge[Block64], squared_hinge[Block32])
add_points("modified_huber", _points.modified_huber_value, _points.modified_huber_gradient,
           _points.modified_huber_curvature, modified_huber[Block64], modified_huber[Block32])
new_table("cross_entropy").row = cross_entropy


cdef class _Parameters:
    """The parameters of a built-in loss, where a kernel finds them."""

    cdef double values[MAX_PARAMETERS]


def builtin(str name, tuple parameters):
    """The built-in loss of that name.

    Parameters
    ----------
    name : str
        A name of the registry.
    parameters : tuple of float
        In the order that the formulas of the loss read them.

    Returns
    -------
    CLoss
    """
    if name not in index_of:
        raise NotImplementedError(
            f"The loss named {name!r} has no compiled functions. A loss of your own "
            "overrides compiled(), which returns them as a CLoss."
        )
    if len(parameters) > MAX_PARAMETERS:
        raise ValueError(f"{name} has {len(parameters)} parameters: raise MAX_PARAMETERS.")
    cdef _Parameters memory = _Parameters()
    cdef Py_ssize_t i
    for i in range(len(parameters)):
        memory.values[i] = parameters[i]
    cdef CLoss loss = CLoss()
    loss.table = &tables[<Py_ssize_t> index_of[name]]
    loss.params = memory.values
    loss.owner = memory
    return loss
