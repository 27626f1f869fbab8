# cython: language_level=3
"""The public C interface of a loss: what a kernel calls, and nothing else.

A loss is a ``const LossTable *`` (functions) with a ``const void *`` (its
parameters); :class:`CLoss` holds the two and keeps their memory alive.

The table is append-only. ``size`` is ``sizeof(LossTable)`` as the author of the
loss saw it, so that a later release can go on reading it: ``CLoss.check`` refuses a
table that is too short, and will ask for a younger member only where ``size`` reaches
it. Where a member may be NULL, its comment says what NULL means.

A minimal loss in another package; the Python class derives from ``PointLoss`` and
returns it from ``compiled()``. Without ``curvature`` it can do all but that. A loss with
parameters points ``params`` to memory, and lets ``owner`` be the object that owns it::

    from sklearn_losses.losses._table cimport CLoss, LossTable, LOSS_ABI_VERSION

    cdef double value(const void *params, double y, double raw) noexcept nogil:
        return (raw - y) ** 4 / 4

    cdef double gradient(const void *params, double y, double raw) noexcept nogil:
        return (raw - y) ** 3

    cdef LossTable table
    table.size = sizeof(LossTable)
    table.abi_version = LOSS_ABI_VERSION
    table.value = value
    table.gradient = gradient

    def quartic():
        cdef CLoss loss = CLoss()
        loss.table = &table
        return loss
"""


cdef enum:
    LOSS_ABI_VERSION = 1

# One sample with one raw prediction.
ctypedef double (*point_fn)(const void *params, double y, double raw) noexcept nogil

# n samples with one raw prediction each. An output that is NULL is not wanted.
cdef struct Block64:
    const double *y
    const double *raw
    double *value
    double *gradient
    double *curvature
    Py_ssize_t n

cdef struct Block32:
    const float *y
    const float *raw
    float *value
    float *gradient
    float *curvature
    Py_ssize_t n

ctypedef void (*block64_fn)(const void *params, const Block64 *block) noexcept nogil
ctypedef void (*block32_fn)(const void *params, const Block32 *block) noexcept nogil

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

cdef struct LossTable:
    size_t size
    int abi_version
    point_fn value          # NULL in a loss of rows
    point_fn gradient       # NULL in a loss of rows
    point_fn curvature      # NULL: the loss has none
    point_fn conjugate      # of (params, y, dual); NULL: search for the supremum
    block64_fn block64      # NULL: loop over the point functions
    block32_fn block32      # NULL: loop over the point functions
    row_fn row              # NULL in a loss of points
    row_block_fn row_block  # NULL: loop over row


cdef class CLoss:
    cdef const LossTable *table
    cdef const void *params
    cdef object owner       # keeps what `table` and `params` point to alive
