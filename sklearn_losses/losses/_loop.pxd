# cython: language_level=3
"""The loops over the points or the rows of a block, once for all losses.

Called with constant functions `loop` is inlined, and costs what their formulas cost;
called with the functions of a table it makes an indirect call a point.
"""

from sklearn_losses.losses._table cimport Block, LossTable, Row, RowBlock, point_fn

cdef enum:
    AT_ONCE = 128  # points


cdef inline void loop(point_fn value, point_fn gradient, point_fn curvature,
                      const void *params, const Block *block) noexcept nogil:
    """Write the wanted outputs, one of which may share the memory of an input.

    The usual requests have loops of their own, which the compiler can vectorise.
    """
    cdef Block b = block[0]  # a copy of its pointers, which no output can change
    cdef Py_ssize_t i
    cdef double y, raw
    if b.curvature == NULL and b.value != NULL and b.gradient != NULL:
        for i in range(b.n):
            y, raw = b.y[i], b.raw[i]
            b.value[i] = value(params, y, raw)
            b.gradient[i] = gradient(params, y, raw)
    elif b.curvature == NULL and b.value != NULL:
        for i in range(b.n):
            b.value[i] = value(params, b.y[i], b.raw[i])
    elif b.curvature == NULL and b.gradient != NULL:
        for i in range(b.n):
            b.gradient[i] = gradient(params, b.y[i], b.raw[i])
    elif b.value != NULL and b.gradient != NULL:
        loop_over_all(value, gradient, curvature, params, b)
    else:
        for i in range(b.n):
            y, raw = b.y[i], b.raw[i]
            if b.value != NULL:
                b.value[i] = value(params, y, raw)
            if b.gradient != NULL:
                b.gradient[i] = gradient(params, y, raw)
            if b.curvature != NULL:
                b.curvature[i] = curvature(params, y, raw)


cdef inline void loop_over_all(point_fn value, point_fn gradient, point_fn curvature,
                               const void *params, Block b) noexcept nogil:
    """Write all three. Of inputs that no output can change fewer have to be told apart."""
    cdef double y[AT_ONCE]
    cdef double raw[AT_ONCE]
    cdef double of_value[AT_ONCE]
    cdef double of_gradient[AT_ONCE]
    cdef Py_ssize_t i, n, part
    for part in range((b.n + AT_ONCE - 1) // AT_ONCE):
        n = min(<Py_ssize_t> AT_ONCE, b.n - part * AT_ONCE)
        for i in range(n):
            y[i], raw[i] = b.y[part * AT_ONCE + i], b.raw[part * AT_ONCE + i]
        for i in range(n):
            of_value[i] = value(params, y[i], raw[i])
            of_gradient[i] = gradient(params, y[i], raw[i])
            b.curvature[part * AT_ONCE + i] = curvature(params, y[i], raw[i])
        for i in range(n):
            b.value[part * AT_ONCE + i] = of_value[i]
            b.gradient[part * AT_ONCE + i] = of_gradient[i]


cdef inline void evaluate_block(const LossTable *table, const void *params,
                                const Block *block) noexcept nogil:
    """The block function of a table, or the loop over its point functions."""
    if table.block != NULL:
        table.block(params, block)
        return
    loop(table.value, table.gradient, table.curvature, params, block)


cdef inline RowBlock some_rows(const RowBlock *all_, Py_ssize_t start,
                               Py_ssize_t n) noexcept nogil:
    """The rows from start to start + n of a block."""
    cdef RowBlock block = all_[0]
    block.n = n
    block.y = all_.y + start * all_.y_size
    block.raw = all_.raw + start * all_.n_outputs
    block.value = all_.value + start if all_.value != NULL else NULL
    if all_.gradient != NULL:
        block.gradient = all_.gradient + start * all_.n_outputs
    if all_.curvature != NULL:
        block.curvature = all_.curvature + start * all_.n_outputs
    return block


cdef inline void evaluate_rows(const LossTable *table, const void *params,
                               const RowBlock *block) noexcept nogil:
    """The row block function of a table, or the loop over its row function."""
    cdef Row row
    cdef Py_ssize_t i
    cdef double value
    if table.row_block != NULL:
        table.row_block(params, block)
        return
    row.y_size = block.y_size
    row.n_outputs = block.n_outputs
    row.gradient = row.curvature = NULL
    for i in range(block.n):
        row.y = &block.y[i * block.y_size]
        row.raw = &block.raw[i * block.n_outputs]
        if block.gradient != NULL:
            row.gradient = &block.gradient[i * block.n_outputs]
        if block.curvature != NULL:
            row.curvature = &block.curvature[i * block.n_outputs]
        value = table.row(params, &row)
        if block.value != NULL:
            block.value[i] = value


cdef inline void evaluate_row_hessians(const LossTable *table, const void *params,
                                       const RowBlock *block, double *hessian) noexcept nogil:
    """The packed Hessians of a table that has them."""
    cdef Row row
    cdef Py_ssize_t i, size = block.n_outputs * (block.n_outputs + 1) // 2
    if table.row_hessian_block != NULL:
        table.row_hessian_block(params, block, hessian)
        return
    row.y_size = block.y_size
    row.n_outputs = block.n_outputs
    row.gradient = row.curvature = NULL
    for i in range(block.n):
        row.y = &block.y[i * block.y_size]
        row.raw = &block.raw[i * block.n_outputs]
        table.row_hessian(params, &row, hessian + i * size)
