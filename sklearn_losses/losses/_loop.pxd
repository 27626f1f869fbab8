# cython: language_level=3
"""The loops over the points or the rows of a block, once for all losses.

Called with constant functions `loop` is inlined, and costs what their formulas cost;
called with the functions of a table it makes an indirect call a point.
"""

from sklearn_losses.losses._table cimport Block, LossTable, Row, RowBlock, point_fn


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
    else:
        for i in range(b.n):
            y, raw = b.y[i], b.raw[i]
            if b.value != NULL:
                b.value[i] = value(params, y, raw)
            if b.gradient != NULL:
                b.gradient[i] = gradient(params, y, raw)
            if b.curvature != NULL:
                b.curvature[i] = curvature(params, y, raw)


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
