# cython: language_level=3
"""The public C interface of a loss: what a kernel calls, and nothing else.

A loss is a ``const LossTable *`` (functions) with a ``const void *`` (its
parameters); :class:`CLoss` holds the two and keeps their memory alive.

A loss of another package is a class that derives from ``PointLoss`` and whose
``compiled()`` returns a :class:`CLoss`. The whole of it, in one .pyx::

    from sklearn_losses.losses import Interval, PointLoss
    from sklearn_losses.losses._table cimport LossTable, new_loss, start_table

    cdef double value(const void *params, double y, double raw) noexcept nogil:
        return (<const double *> params)[0] * (raw - y) ** 4

    cdef double gradient(const void *params, double y, double raw) noexcept nogil:
        return (<const double *> params)[0] * 4 * (raw - y) ** 3

    cdef LossTable table
    start_table(&table)
    table.value, table.gradient = value, gradient

    class Quartic(PointLoss):
        _constraints = {"factor": [Interval(0, None, "neither")]}

        def __init__(self, factor=1.0):
            self.factor = factor

        def compiled(self):
            return new_loss(&table, [self.factor])

It needs the installed package and Cython, not the sources of the package; see
examples/custom_loss_cython. Without ``curvature`` it can do all but that.

What may change, and what happens then:

- A later release may append members to the table. A loss that was built before goes on
  working: ``size`` says how far its table reaches, and a member beyond is not asked for.
  A loss that was built after, with a longer table, works too: the members that this
  release doesn't know add speed, not meaning.
- Anything else that changes raises LOSS_ABI_VERSION. A module that was built for another
  version is refused with an ImportError when it is imported, by ``start_table``.
"""

from libc.string cimport memset


cdef enum:
    LOSS_ABI_VERSION = 1

# One sample with one raw prediction.
ctypedef double (*point_fn)(const void *params, double y, double raw) noexcept nogil

# n samples with one raw prediction each. An output that is NULL is not wanted.
cdef struct Block:
    const double *y
    const double *raw
    double *value
    double *gradient
    double *curvature
    Py_ssize_t n

ctypedef void (*block_fn)(const void *params, const Block *block) noexcept nogil

# One sample with n_outputs raw predictions. `y` is the class index where
# y_size == 1 and one probability a class where y_size == n_outputs. `gradient`
# and `curvature` (the diagonal of the Hessian) have n_outputs entries, and are
# NULL where not wanted. Returns the value.
cdef struct Row:
    const double *y
    Py_ssize_t y_size
    const double *raw
    Py_ssize_t n_outputs
    double *gradient
    double *curvature

ctypedef double (*row_fn)(const void *params, const Row *row) noexcept nogil

# n of them: `y` is of shape (n, y_size), `value` of shape (n,), and the others are of
# shape (n, n_outputs), all contiguous. An output that is NULL is not wanted.
cdef struct RowBlock:
    const double *y
    Py_ssize_t y_size
    const double *raw
    Py_ssize_t n_outputs
    double *value
    double *gradient
    double *curvature
    Py_ssize_t n

ctypedef void (*row_block_fn)(const void *params, const RowBlock *block) noexcept nogil

# The Hessian H of a row's loss by its K = n_outputs raw predictions. It is symmetric, and
# what is written is its lower triangle, row after row, K (K + 1) / 2 numbers:
# H[0][0], H[1][0], H[1][1], H[2][0], H[2][1], H[2][2], ... The `gradient` and `curvature`
# of `row` are NULL. Where second derivatives jump it is that of one side.
ctypedef void (*row_hessian_fn)(const void *params, const Row *row,
                                double *hessian) noexcept nogil

# Those of n rows, one after the other. The outputs of `block` are NULL.
ctypedef void (*row_hessian_block_fn)(const void *params, const RowBlock *block,
                                      double *hessian) noexcept nogil

# The n rows of one group, whose loss depends on all of their raw predictions. They come
# sorted by the first of the y_size numbers that a row's `y` has, from the least on, and
# have weights > 0. `gradient` and `curvature` (the diagonal of the Hessian H) have n
# entries; `product` is H v, of n_directions columns: both are of shape (n, n_directions).
# What is NULL is not wanted. `work` is memory to work in, of
# GROUP_WORK * (n + n_directions + 1) numbers. Returns the value.
cdef enum:
    GROUP_WORK = 8

cdef struct Group:
    const double *y
    Py_ssize_t y_size
    const double *raw
    const double *weight
    Py_ssize_t n
    double *gradient
    double *curvature
    const double *v
    Py_ssize_t n_directions
    double *product
    double *work

ctypedef double (*group_fn)(const void *params, const Group *group) noexcept nogil

cdef struct LossTable:
    size_t size
    int abi_version
    int without_curvature   # not 0: `row` and `row_block` cannot write the curvature
    point_fn value          # NULL in a loss of rows
    point_fn gradient       # NULL in a loss of rows
    point_fn curvature      # NULL: the loss has none
    point_fn conjugate      # of (params, y, dual); NULL: search for the supremum
    block_fn block          # NULL: loop over the point functions
    row_fn row              # NULL in a loss of points
    row_block_fn row_block  # NULL: loop over row
    # All tables of version 1 reach this far; CLoss.check insists on it. The next two are
    # for losses of rows that write the curvature, too; see has_row_hessian.
    row_hessian_fn row_hessian              # NULL: the loss has none
    row_hessian_block_fn row_hessian_block  # NULL: loop over row_hessian
    # For losses of groups; see has_group.
    group_fn group          # NULL in a loss of points or rows


cdef class CLoss:
    cdef const LossTable *table
    cdef const void *params
    cdef public object owner    # keeps what `table` and `params` point to alive
    cdef public tuple parts     # the CLoss objects whose functions this one calls


cdef CLoss new_loss(const LossTable *table, parameters)
cdef int check_table(int abi_version, size_t size) except -1


cdef inline bint has_row_hessian(const LossTable *table) noexcept nogil:
    """Whether the table reaches as far as row_hessian_block, and has a row_hessian."""
    cdef size_t reach = <char *> (&table.row_hessian_block + 1) - <char *> table
    return table.size >= reach and table.row_hessian != NULL


cdef inline bint has_group(const LossTable *table) noexcept nogil:
    """Whether the table reaches as far as group, and has one."""
    cdef size_t reach = <char *> (&table.group + 1) - <char *> table
    return table.size >= reach and table.group != NULL


cdef inline int start_table(LossTable *table) except -1:
    """Clear a table and mark it with the interface that the calling module was built for.

    Raises ImportError, where the module is imported, if the installed sklearn_losses
    cannot read such a table.
    """
    memset(table, 0, sizeof(LossTable))
    table.size = sizeof(LossTable)
    table.abi_version = LOSS_ABI_VERSION
    return check_table(LOSS_ABI_VERSION, sizeof(LossTable))
