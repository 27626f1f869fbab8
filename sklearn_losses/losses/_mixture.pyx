# cython: language_level=3
"""Sums of losses as one loss: what the combinators of _combine.py compile to.

A mixture is a sum of parts, each a loss with a factor (one where the prediction is below
the target, or the label is 1, and one elsewhere), of the sample's target or of the
opposite one, cut off at a limit:

    min(limit, sum_j factor_j(y, p) loss_j(y or 1 - y, p))

Parts are evaluated block by block through their own block functions, so that a sum of
compiled losses costs what they cost, and a sum with a loss written in Python calls it
once a block.
"""

from libc.math cimport INFINITY, NAN
from libc.stdlib cimport free, malloc

from sklearn_losses.losses._loop cimport (
    evaluate_block, evaluate_row_hessians, evaluate_rows,
)
from sklearn_losses.losses._table cimport (
    Block, CLoss, LossTable, Row, RowBlock, start_table, point_fn,
)

cdef enum:
    MAX_PARTS = 2
    CHUNK = 256  # points: what a mixture keeps on the stack

cdef enum Output:
    VALUE
    GRADIENT
    CURVATURE

cdef struct Part:
    const LossTable *table
    const void *params
    double under     # the factor where p < y, or y = 1 if it is of labels
    double over
    bint of_labels
    bint flips       # whether the target is 1 - y

cdef struct Mixture:
    Part parts[MAX_PARTS]
    int n_parts
    double limit     # inf: none


cdef inline double factor(const Part *part, double y, double p) noexcept nogil:
    return part.under if (y > 0.5 if part.of_labels else p < y) else part.over


cdef inline bint is_off(double by, double p) noexcept nogil:
    """Whether a part is left out: 0 times an infinite loss would be nan. Not so at nan."""
    return by == 0 and p == p


cdef inline double target(const Part *part, double y) noexcept nogil:
    return 1.0 - y if part.flips else y


# -------------------------------------------------------------- losses of points
cdef inline double sum_of_parts(const Mixture *m, Output output, double y,
                                double p) noexcept nogil:
    """The sum of one output of the parts; `output` is a constant where it is called."""
    cdef const Part *part
    cdef point_fn function
    cdef double total = 0.0, by
    cdef int j
    for j in range(m.n_parts):
        part = &m.parts[j]
        by = factor(part, y, p)
        if is_off(by, p):
            continue
        function = part.table.value
        if output == GRADIENT:
            function = part.table.gradient
        elif output == CURVATURE:
            function = part.table.curvature
        total += by * function(part.params, target(part, y), p)
    return total


cdef inline bint is_cut_off(const Mixture *m, double y, double p) noexcept nogil:
    return m.limit != INFINITY and sum_of_parts(m, VALUE, y, p) >= m.limit


cdef double value(const void *params, double y, double p) noexcept nogil:
    cdef const Mixture *m = <const Mixture *> params
    cdef double total = sum_of_parts(m, VALUE, y, p)
    return m.limit if total >= m.limit else total


cdef double gradient(const void *params, double y, double p) noexcept nogil:
    cdef const Mixture *m = <const Mixture *> params
    return 0.0 if is_cut_off(m, y, p) else sum_of_parts(m, GRADIENT, y, p)


cdef double curvature(const void *params, double y, double p) noexcept nogil:
    cdef const Mixture *m = <const Mixture *> params
    return 0.0 if is_cut_off(m, y, p) else sum_of_parts(m, CURVATURE, y, p)


cdef double scaled_conjugate(const void *params, double y, double dual) noexcept nogil:
    """(c f)*(u) = c f*(u / c), of a single part with one factor c > 0 for all p."""
    cdef const Part *part = &(<const Mixture *> params).parts[0]
    cdef double by = factor(part, y, 0.0)
    return by * part.table.conjugate(part.params, y, dual / by)


cdef struct Chunk:
    double y[CHUNK]
    double raw[CHUNK]
    double value[CHUNK]
    double gradient[CHUNK]
    double curvature[CHUNK]


cdef void add_part(const Part *part, const Chunk *at, Chunk *work, Chunk *total,
                   const Block *wanted) noexcept nogil:
    """Add one part's outputs at the points of a chunk to the totals."""
    cdef Block block = wanted[0]
    cdef Py_ssize_t i
    cdef double by
    block.y = &work.y[0]
    block.raw = &at.raw[0]
    for i in range(block.n):
        work.y[i] = target(part, at.y[i])
    evaluate_block(part.table, part.params, &block)
    for i in range(block.n):
        by = factor(part, at.y[i], at.raw[i])
        if is_off(by, at.raw[i]):
            continue
        if block.value != NULL:
            total.value[i] += by * work.value[i]
        if block.gradient != NULL:
            total.gradient[i] += by * work.gradient[i]
        if block.curvature != NULL:
            total.curvature[i] += by * work.curvature[i]


cdef void evaluate(const void *params, const Block *block) noexcept nogil:
    """The block function of all mixtures of points.

    Inputs are copied first, since an output may share their memory.
    """
    cdef const Mixture *m = <const Mixture *> params
    cdef Chunk at, work, total
    cdef Block wanted
    cdef Py_ssize_t start = 0, i
    cdef int j
    wanted.value = work.value if block.value != NULL or m.limit != INFINITY else NULL
    wanted.gradient = work.gradient if block.gradient != NULL else NULL
    wanted.curvature = work.curvature if block.curvature != NULL else NULL
    while start < block.n:
        wanted.n = min(<Py_ssize_t> CHUNK, block.n - start)
        for i in range(wanted.n):
            at.y[i], at.raw[i] = block.y[start + i], block.raw[start + i]
            total.value[i] = total.gradient[i] = total.curvature[i] = 0.0
        for j in range(m.n_parts):
            add_part(&m.parts[j], &at, &work, &total, &wanted)
        for i in range(wanted.n):
            if m.limit != INFINITY and total.value[i] >= m.limit:
                total.value[i] = m.limit
                total.gradient[i] = total.curvature[i] = 0.0
            if block.value != NULL:
                block.value[start + i] = total.value[i]
            if block.gradient != NULL:
                block.gradient[start + i] = total.gradient[i]
            if block.curvature != NULL:
                block.curvature[start + i] = total.curvature[i]
        start += wanted.n


# ---------------------------------------------------------------- losses of rows
cdef double row(const void *params, const Row *one) noexcept nogil:
    cdef RowBlock block
    cdef double found
    block.y = one.y
    block.y_size = one.y_size
    block.raw = one.raw
    block.n_outputs = one.n_outputs
    block.value = &found
    block.gradient = one.gradient
    block.curvature = one.curvature
    block.n = 1
    evaluate_row_block(params, &block)
    return found


cdef void add_scaled(double by, const double *x, double *total, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        total[i] += by * x[i]


cdef void fill(double *x, double with_, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if x != NULL:
        for i in range(n):
            x[i] = with_


cdef void evaluate_row_block(const void *params, const RowBlock *block) noexcept nogil:
    """The row block function of all mixtures of rows; their factors have no sides."""
    cdef const Mixture *m = <const Mixture *> params
    cdef Py_ssize_t n = block.n, size = block.n * block.n_outputs, i, k
    cdef double *memory = <double *> malloc((2 * n + 2 * size) * sizeof(double))
    cdef double *total
    cdef RowBlock part = block[0]
    cdef int j
    if memory == NULL:
        fill(block.value, NAN, n)
        fill(block.gradient, NAN, size)
        fill(block.curvature, NAN, size)
        return
    total = memory + n
    part.value = memory
    part.gradient = memory + 2 * n if block.gradient != NULL else NULL
    part.curvature = memory + 2 * n + size if block.curvature != NULL else NULL
    fill(total, 0.0, n)
    fill(block.gradient, 0.0, size)
    fill(block.curvature, 0.0, size)
    for j in range(m.n_parts):
        if m.parts[j].over == 0:
            continue
        evaluate_rows(m.parts[j].table, m.parts[j].params, &part)
        add_scaled(m.parts[j].over, part.value, total, n)
        if block.gradient != NULL:
            add_scaled(m.parts[j].over, part.gradient, block.gradient, size)
        if block.curvature != NULL:
            add_scaled(m.parts[j].over, part.curvature, block.curvature, size)
    for i in range(n):
        if total[i] >= m.limit:
            total[i] = m.limit
            for k in range(i * block.n_outputs, (i + 1) * block.n_outputs):
                if block.gradient != NULL:
                    block.gradient[k] = 0.0
                if block.curvature != NULL:
                    block.curvature[k] = 0.0
        if block.value != NULL:
            block.value[i] = total[i]
    free(memory)


cdef void row_hessian(const void *params, const Row *one, double *hessian) noexcept nogil:
    cdef RowBlock block
    block.y = one.y
    block.y_size = one.y_size
    block.raw = one.raw
    block.n_outputs = one.n_outputs
    block.value = block.gradient = block.curvature = NULL
    block.n = 1
    evaluate_hessian_block(params, &block, hessian)


cdef void evaluate_hessian_block(const void *params, const RowBlock *block,
                                 double *hessian) noexcept nogil:
    """The Hessians of rows that are cut off are 0."""
    cdef const Mixture *m = <const Mixture *> params
    cdef Py_ssize_t n = block.n, size = block.n_outputs * (block.n_outputs + 1) // 2, i
    cdef double *memory = <double *> malloc(n * (size + 1) * sizeof(double))
    cdef RowBlock values = block[0]
    cdef int j
    if memory == NULL:
        fill(hessian, NAN, n * size)
        return
    fill(hessian, 0.0, n * size)
    for j in range(m.n_parts):
        if m.parts[j].over != 0:
            evaluate_row_hessians(m.parts[j].table, m.parts[j].params, block, memory)
            add_scaled(m.parts[j].over, memory, hessian, n * size)
    if m.limit != INFINITY:
        values.value = memory + n * size
        evaluate_row_block(params, &values)
        for i in range(n):
            if values.value[i] >= m.limit:
                fill(hessian + i * size, 0.0, size)
    free(memory)


# ------------------------------------------------------------------------ Python
cdef class _Memory:
    """The table and the parameters of one mixture, and what its parts point to."""

    cdef LossTable table
    cdef Mixture mixture
    cdef object parts


def mixture(list parts, double limit=INFINITY, *, bint of_labels=False):
    """A sum of losses as one compiled loss.

    Parameters
    ----------
    parts : list of tuple (CLoss, under, over, flips)
        One or two, all of points or all of rows: the factors where the prediction is
        below the target and elsewhere, and whether the target is 1 - y.
    limit : float, default=inf
        The most that a sample costs.
    of_labels : bool, default=False
        Whether the factors are those of the labels 1 and 0.

    Returns
    -------
    CLoss
    """
    cdef _Memory memory = _Memory()
    cdef Mixture *m = &memory.mixture
    cdef CLoss part, made = CLoss()
    cdef bint has_curvature = True, has_hessian = True, is_row = False
    memory.parts = parts
    m.n_parts = len(parts)
    m.limit = limit
    for j, (loss, under, over, flips) in enumerate(parts):
        part = loss
        m.parts[j].table = part.table
        m.parts[j].params = part.params
        m.parts[j].under = under
        m.parts[j].over = over
        m.parts[j].of_labels = of_labels
        m.parts[j].flips = flips
        has_curvature &= part.has_curvature
        has_hessian &= part.has_hessian
        is_row = part.table.row != NULL
    start_table(&memory.table)
    if is_row:
        memory.table.row = row
        memory.table.row_block = evaluate_row_block
        memory.table.without_curvature = not has_curvature
        if has_hessian:
            memory.table.row_hessian = row_hessian
            memory.table.row_hessian_block = evaluate_hessian_block
    else:
        memory.table.value = value
        memory.table.gradient = gradient
        if has_curvature:
            memory.table.curvature = curvature
        memory.table.block = evaluate
        part = parts[0][0]
        if (len(parts) == 1 and limit == INFINITY and part.table.conjugate != NULL
                and (of_labels or m.parts[0].under == m.parts[0].over)
                and m.parts[0].under > 0 and m.parts[0].over > 0):
            memory.table.conjugate = scaled_conjugate
    made.table = &memory.table
    made.params = &memory.mixture
    made.owner = memory
    made.parts = tuple(loss for loss, *_ in parts)
    return made
