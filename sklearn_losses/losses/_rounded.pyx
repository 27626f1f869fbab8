# cython: language_level=3
"""Moreau envelopes of compiled losses of points: see `_envelope.py`."""

from libc.math cimport fabs, isinf

from sklearn_losses.losses._table cimport CLoss, LossTable, start_table

cdef enum:
    HALVINGS = 60  # of where the gradient is looked for

cdef double BESIDE = 1e-14  # of its size and the width: what is on a side of q
cdef double AT_KINK = 1e-6  # of a slope: so little it grows where there is none


cdef struct Rounded:
    const LossTable *table
    const void *params
    double width


cdef struct Nearest:
    double q          # where loss(q) + (q - p)^2 / (2 width) is least
    double low, high  # the slopes of the loss on both sides of it


cdef Nearest nearest(const Rounded *f, double y, double p) noexcept nogil:
    """Looked for between p and a step down the slope at p."""
    cdef Nearest found
    cdef double start = p - f.width * f.table.gradient(f.params, y, p)
    cdef double low = min(p, start), high = max(p, start), q, beside
    cdef int _i
    for _i in range(HALVINGS):
        q = 0.5 * (low + high)
        if not low < q < high:
            break
        if q + f.width * f.table.gradient(f.params, y, q) > p:
            high = q
        else:
            low = q
    q = 0.5 * (low + high)
    beside = BESIDE * (fabs(q) + f.width)
    found.q = q
    found.low = f.table.gradient(f.params, y, low - beside)
    found.high = f.table.gradient(f.params, y, high + beside)
    return found


cdef double value(const void *params, double y, double p) noexcept nogil:
    cdef const Rounded *f = <const Rounded *> params
    cdef double q
    if isinf(p):
        return f.table.value(f.params, y, p)
    q = nearest(f, y, p).q
    return f.table.value(f.params, y, q) + 0.5 * (p - q) * (p - q) / f.width


cdef double gradient(const void *params, double y, double p) noexcept nogil:
    cdef const Rounded *f = <const Rounded *> params
    cdef Nearest at
    if isinf(p):
        return f.table.gradient(f.params, y, p)
    at = nearest(f, y, p)
    return min(max((p - at.q) / f.width, at.low), at.high)


cdef double curvature(const void *params, double y, double p) noexcept nogil:
    cdef const Rounded *f = <const Rounded *> params
    cdef Nearest at = nearest(f, y, p)
    cdef double bend
    if at.high - at.low > AT_KINK * (1.0 + fabs(at.low)):
        return 1.0 / f.width
    bend = f.table.curvature(f.params, y, at.q)
    return bend / (1.0 + f.width * bend)


cdef double conjugate(const void *params, double y, double dual) noexcept nogil:
    cdef const Rounded *f = <const Rounded *> params
    return f.table.conjugate(f.params, y, dual) + 0.5 * f.width * dual * dual


cdef class _Memory:
    """The table and the parameters of an envelope."""

    cdef LossTable table
    cdef Rounded rounded


def rounded(CLoss part, double width):
    """The envelope of a convex loss of points as a compiled loss.

    Parameters
    ----------
    part : CLoss
    width : float
        > 0.

    Returns
    -------
    CLoss
    """
    cdef _Memory memory = _Memory()
    cdef CLoss made = CLoss()
    memory.rounded.table, memory.rounded.params = part.table, part.params
    memory.rounded.width = width
    start_table(&memory.table)
    memory.table.value, memory.table.gradient = value, gradient
    if part.has_curvature:
        memory.table.curvature = curvature
    if part.table.conjugate != NULL:
        memory.table.conjugate = conjugate
    made.table, made.params = &memory.table, &memory.rounded
    made.owner, made.parts = memory, (part,)
    return made
