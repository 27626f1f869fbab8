# cython: language_level=3
"""The loop over the points of a block, once for all losses.

Called with constant functions it is inlined, and costs what their formulas cost; called
with the functions of a table it makes an indirect call a point.
"""

from sklearn_losses.losses._table cimport Block32, Block64, point_fn

ctypedef fused Block:
    Block32
    Block64


cdef inline void loop(point_fn value, point_fn gradient, point_fn curvature,
                      const void *params, const Block *block) noexcept nogil:
    """Write the wanted outputs, one of which may share the memory of an input."""
    cdef Py_ssize_t i
    cdef double y, raw
    if block.value != NULL and block.gradient != NULL:
        for i in range(block.n):
            y, raw = block.y[i], block.raw[i]
            block.value[i] = value(params, y, raw)
            block.gradient[i] = gradient(params, y, raw)
    elif block.value != NULL:
        for i in range(block.n):
            block.value[i] = value(params, block.y[i], block.raw[i])
    elif block.gradient != NULL:
        for i in range(block.n):
            block.gradient[i] = gradient(params, block.y[i], block.raw[i])
    elif block.curvature != NULL:
        for i in range(block.n):
            block.curvature[i] = curvature(params, block.y[i], block.raw[i])
