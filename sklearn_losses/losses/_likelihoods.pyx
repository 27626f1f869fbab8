# cython: language_level=3
"""The tables of losses of several outputs, of which some may be numbers.

A likelihood is a formula of all its outputs (`_formulas.likelihoods`). An output that is
a number is put in its place, and is no output of the loss then. All that is known of a
row is one evaluation (`Jet`): what a fit wants of it has exponentials in common.
"""

from cython.parallel cimport prange
from libc.math cimport fabs
from libc.stdlib cimport free, malloc

import numpy as np

cimport sklearn_losses.losses._formulas.bounded as bounded
cimport sklearn_losses.losses._formulas.boxes as boxes
cimport sklearn_losses.losses._formulas.crps as crps
cimport sklearn_losses.losses._formulas.fitted as fitted
cimport sklearn_losses.losses._formulas.likelihoods as likelihoods
cimport sklearn_losses.losses._formulas.zeros as zeros
from sklearn_losses.losses._formulas.likelihoods cimport full_fn
from sklearn_losses._machine._threads cimport threads_for
from sklearn_losses.losses._table cimport Block, CLoss, LossTable, Row, start_table

cdef enum:
    MOST = 4  # outputs of which some may be numbers
    PACKED = 10  # second derivatives of so many
    N_OF_SUMS = 7
    CHUNK = 256  # rows that a thread evaluates at a time
    MANY = 1 << 18  # numbers that are worth a thread
    FEW_THRESHOLDS = 16


cdef struct Jets:
    # The arrays of `evaluate_jets`; NULL where None.
    Py_ssize_t n
    Py_ssize_t n_outputs
    Py_ssize_t y_size
    const double *y
    const double *raw
    const double *weight
    Py_ssize_t weight_stride  # 0: all rows have the same
    double *value
    double *gradient
    double *hessian
    const double *offset
    const double *along


cdef class Jet(CLoss):
    """A loss of rows whose value, gradient and Hessian are one evaluation."""

    def evaluate_jets(self, const double[:, ::1] y, const double[:, ::1] raw, weight,
                      double[::1] value, double[:, ::1] gradient, double[:, ::1] hessian,
                      const double[:, ::1] offset=None, const double[:, ::1] along=None):
        """Write weighted values, gradients and Hessians, and sum what a pass sums.

        Parameters
        ----------
        y : ndarray of shape (n, y_size)
        raw, gradient : ndarray of shape (n, n_outputs)
        weight : ndarray of shape (n,)
            Rows of weight 0 are 0, whatever their loss is.
        value : ndarray of shape (n,)
        hessian : ndarray of shape (n_outputs * (n_outputs + 1) // 2, n) or None
            A row for each entry of the packed lower triangle.
        offset, along : ndarray like raw, or None

        Returns
        -------
        ndarray of shape (7,)
            The sums of the values; of the gradient times raw - offset; of the absolute
            values of the terms of these two; of the gradient times raw, of the absolute
            values of that and of the gradient; and of the gradient along `along`.
        """
        cdef Py_ssize_t c, n = raw.shape[0], n_chunks = (n + CHUNK - 1) // CHUNK
        cdef const double[:] w = weight
        cdef double[:, ::1] sums = np.zeros((n_chunks, N_OF_SUMS))
        cdef Jets all_
        if n == 0:
            return np.zeros(N_OF_SUMS)
        all_.n, all_.n_outputs, all_.y_size = n, raw.shape[1], y.shape[1]
        all_.y, all_.raw = &y[0, 0], &raw[0, 0]
        all_.weight, all_.weight_stride = &w[0], w.strides[0] // sizeof(double)
        all_.value, all_.gradient = &value[0], &gradient[0, 0]
        all_.hessian = &hessian[0, 0] if hessian is not None else NULL
        all_.offset = &offset[0, 0] if offset is not None else NULL
        all_.along = &along[0, 0] if along is not None else NULL
        cdef int n_threads = 1 if self.calls_python else threads_for(raw.size, MANY)
        for c in prange(n_chunks, nogil=True, schedule="static", num_threads=n_threads):
            some_jets(self, &all_, c * CHUNK, min(n, (c + 1) * CHUNK), &sums[c, 0])
        self.raise_error()
        return np.add.reduce(sums)


cdef void some_jets(Jet loss, const Jets *of, Py_ssize_t start, Py_ssize_t end,
                    double *sums) noexcept nogil:
    cdef Py_ssize_t i, j, k, n_outputs = of.n_outputs
    cdef Py_ssize_t size = n_outputs * (n_outputs + 1) // 2
    cdef double few[PACKED]
    cdef double *packed = few
    cdef bint has_hessian = of.hessian != NULL
    cdef bint has_offset = of.offset != NULL, has_along = of.along != NULL
    cdef double w, value, slope, by_raw, by_rest
    cdef Row row
    if size > PACKED:
        packed = <double *> malloc(size * sizeof(double))
    row.y_size, row.n_outputs, row.curvature = of.y_size, n_outputs, NULL
    for i in range(start, end):
        w, j = of.weight[i * of.weight_stride], i * n_outputs
        row.y, row.raw, row.gradient = of.y + i * of.y_size, of.raw + j, of.gradient + j
        if w == 0.0:
            of.value[i] = 0.0
            for k in range(n_outputs):
                row.gradient[k] = 0.0
            for k in range(size if has_hessian else 0):
                of.hessian[k * of.n + i] = 0.0
            continue
        value = w * loss.jet(loss.params, &row, packed if has_hessian else NULL)
        of.value[i] = value
        sums[0] += value
        sums[2] += fabs(value)
        for k in range(n_outputs):
            row.gradient[k] = slope = w * row.gradient[k]
            by_raw = by_rest = slope * row.raw[k]
            if has_offset:
                by_rest = slope * (row.raw[k] - of.offset[j + k])
            sums[1] += by_rest
            sums[2] += fabs(by_rest)
            sums[3] += by_raw
            sums[4] += fabs(by_raw)
            sums[5] += fabs(slope)
            if has_along:
                sums[6] += slope * of.along[j + k]
        if has_hessian:
            for k in range(size):
                of.hessian[k * of.n + i] = w * packed[k]
    if size > PACKED:
        free(packed)


cdef struct Likelihood:
    full_fn full
    Py_ssize_t n_full        # 0: all that there are
    Py_ssize_t place[MOST]   # of each output that is one
    double fixed[MOST]       # all outputs, where they are numbers
    double own[MOST]


cdef class _Owner:
    cdef Likelihood of


cdef double evaluate(const Likelihood *f, const double *y, Py_ssize_t y_size, const double *raw,
                     Py_ssize_t n, double *g, double *h) noexcept nogil:
    cdef double full[MOST]
    cdef double full_g[MOST]
    cdef double full_h[PACKED]
    cdef double value
    cdef Py_ssize_t i, j
    if f.n_full == 0 or n == f.n_full:
        return f.full(f.own, y, y_size, raw, n, g, h)
    for i in range(f.n_full):
        full[i] = f.fixed[i]
    for i in range(n):
        full[f.place[i]] = raw[i]
    value = f.full(f.own, y, y_size, full, f.n_full, full_g if g != NULL else NULL,
                   full_h if h != NULL else NULL)
    for i in range(n):
        if g != NULL:
            g[i] = full_g[f.place[i]]
        if h != NULL:
            for j in range(i + 1):
                h[likelihoods.at(i, j)] = full_h[likelihoods.at(f.place[i], f.place[j])]
    return value


cdef double row(const void *params, const Row *row) noexcept nogil:
    cdef double few[PACKED]
    cdef double *h = few
    cdef Py_ssize_t k, n = row.n_outputs
    cdef double value
    if row.curvature == NULL:
        return evaluate(<const Likelihood *> params, row.y, row.y_size, row.raw, n,
                        row.gradient, NULL)
    if n > MOST:
        h = <double *> malloc(n * (n + 1) // 2 * sizeof(double))
    value = evaluate(<const Likelihood *> params, row.y, row.y_size, row.raw, n,
                     row.gradient, h)
    for k in range(n):
        row.curvature[k] = h[likelihoods.at(k, k)]
    if n > MOST:
        free(h)
    return value


cdef void row_hessian(const void *params, const Row *row, double *hessian) noexcept nogil:
    evaluate(<const Likelihood *> params, row.y, row.y_size, row.raw, row.n_outputs,
             NULL, hessian)


cdef double row_jet(const void *params, const Row *row, double *hessian) noexcept nogil:
    return evaluate(<const Likelihood *> params, row.y, row.y_size, row.raw, row.n_outputs,
                    row.gradient, hessian)


cdef double point_value(const void *params, double y, double raw) noexcept nogil:
    return evaluate(<const Likelihood *> params, &y, 1, &raw, 1, NULL, NULL)


cdef double point_gradient(const void *params, double y, double raw) noexcept nogil:
    cdef double g[1]
    evaluate(<const Likelihood *> params, &y, 1, &raw, 1, g, NULL)
    return g[0]


cdef double point_curvature(const void *params, double y, double raw) noexcept nogil:
    cdef double h[1]
    evaluate(<const Likelihood *> params, &y, 1, &raw, 1, NULL, h)
    return h[0]


# ------------------------------------------------------ a binary loss at each threshold
cdef struct Thresholds:
    const LossTable *inner
    const void *params
    bint is_immediate
    bint is_convex
    double width          # over which kinks are smoothed, as in terms._points
    Py_ssize_t n          # of thresholds that share outputs, ...
    Py_ssize_t *column    # ... and which output each is; NULL: none does


cdef class _OwnerOfThresholds:
    cdef Thresholds of
    cdef object inner  # is kept alive

    def __dealloc__(self):
        free(self.of.column)


cdef double at_thresholds(const void *params, const Row *row, double *hessian) noexcept nogil:
    """sum_j f([y > j], r - t_j) of raw outputs (r, t_0, ...), of all j or the nearest."""
    cdef const Thresholds *t = <const Thresholds *> params
    cdef Py_ssize_t i, j, k, n = row.n_outputs, c = <Py_ssize_t> row.y[0]
    cdef Py_ssize_t last = (n - 1 if t.column == NULL else t.n) - 1
    cdef Py_ssize_t first = max(c - 1, 0) if t.is_immediate else 0
    cdef double value = 0.0, slope, bend
    cdef bint has_value = hessian == NULL or row.gradient != NULL
    cdef double *to_slope = &slope if row.gradient != NULL else NULL
    cdef double *to_bend = &bend if row.curvature != NULL or hessian != NULL else NULL
    for i in range(n):
        if row.gradient != NULL:
            row.gradient[i] = 0.0
        if row.curvature != NULL:
            row.curvature[i] = 0.0
    if hessian != NULL:
        for i in range(n * (n + 1) // 2):
            hessian[i] = 0.0
    last = min(c, last) if t.is_immediate else last
    if t.width == 0.0 and t.inner.block != NULL and last - first < FEW_THRESHOLDS:
        return at_few(t, row, hessian, first, last)
    for j in range(first, last + 1):
        k = j + 1 if t.column == NULL else t.column[j]
        value += one_threshold(t, has_value, 1.0 if c > j else 0.0,
                               row.raw[0] - row.raw[k], to_slope, to_bend)
        if row.gradient != NULL:
            row.gradient[0] += slope
            row.gradient[k] -= slope
        if row.curvature != NULL:
            row.curvature[0] += bend
            row.curvature[k] += bend
        if hessian != NULL:
            hessian[0] += bend
            hessian[likelihoods.at(k, 0)] -= bend
            hessian[likelihoods.at(k, k)] += bend
    return value


cdef double at_few(const Thresholds *t, const Row *row, double *hessian, Py_ssize_t first,
                   Py_ssize_t last) noexcept nogil:
    """The same of thresholds that are evaluated side by side, which adds to zeros."""
    cdef double y[FEW_THRESHOLDS]
    cdef double raw[FEW_THRESHOLDS]
    cdef double values[FEW_THRESHOLDS]
    cdef double slopes[FEW_THRESHOLDS]
    cdef double bends[FEW_THRESHOLDS]
    cdef Py_ssize_t j, k, n = last + 1 - first, c = <Py_ssize_t> row.y[0]
    cdef bint has_bend = row.curvature != NULL or hessian != NULL
    cdef double value = 0.0
    cdef Block block
    block.y, block.raw, block.n, block.value = y, raw, n, values
    block.gradient = slopes if row.gradient != NULL else NULL
    block.curvature = bends if has_bend and t.inner.curvature != NULL else NULL
    for j in range(n):
        k = first + j + 1 if t.column == NULL else t.column[first + j]
        y[j] = 1.0 if c > first + j else 0.0
        raw[j], bends[j] = row.raw[0] - row.raw[k], 0.0
    t.inner.block(t.params, &block)
    for j in range(n):
        k = first + j + 1 if t.column == NULL else t.column[first + j]
        value += values[j]
        if row.gradient != NULL:
            row.gradient[0] += slopes[j]
            row.gradient[k] -= slopes[j]
        if row.curvature != NULL:
            row.curvature[0] += bends[j]
            row.curvature[k] += bends[j]
        if hessian != NULL:
            hessian[0] += bends[j]
            hessian[likelihoods.at(k, 0)] -= bends[j]
            hessian[likelihoods.at(k, k)] += bends[j]
    return value


cdef double one_threshold(const Thresholds *t, bint has_value, double y, double p,
                          double *slope, double *bend) noexcept nogil:
    """Value, slope and curvature of f, or of its mean over [p - h, p + h] for the slopes.

    What is not wanted is NULL.
    """
    cdef double h = t.width, up, down, value, least, most
    value = t.inner.value(t.params, y, p) if has_value else 0.0
    if h == 0.0:
        if slope != NULL:
            slope[0] = t.inner.gradient(t.params, y, p)
        if bend != NULL:
            bend[0] = t.inner.curvature(t.params, y, p) if t.inner.curvature != NULL else 0.0
        return value
    up, down = t.inner.value(t.params, y, p + h), t.inner.value(t.params, y, p - h)
    least, most = t.inner.gradient(t.params, y, p - h), t.inner.gradient(t.params, y, p + h)
    if slope != NULL:
        slope[0] = 0.5 * (up - down) / h
        if t.is_convex:  # which rounding does not know
            slope[0] = min(max(slope[0], least), most)
    if bend != NULL:
        bend[0] = 0.5 / h * (most - least)
    return value + 0.5 * (0.5 * (up + down) - value)


cdef double threshold_row(const void *params, const Row *row) noexcept nogil:
    return at_thresholds(params, row, NULL)


cdef void threshold_hessian(const void *params, const Row *row, double *hessian) noexcept nogil:
    at_thresholds(params, row, hessian)


cdef LossTable of_thresholds
start_table(&of_thresholds)
of_thresholds.row, of_thresholds.row_hessian = threshold_row, threshold_hessian


def thresholds(CLoss inner, *, bint is_immediate, bint is_convex, double width=0.0, columns=()):
    """The C functions of a binary loss at each threshold between ordered classes.

    Parameters
    ----------
    inner : CLoss
        A loss of points with y in {0, 1}.
    is_immediate : bool
        Whether only the thresholds beside a class count.
    is_convex : bool
        Whether the loss is.
    width : float, default=0.0
        Over which kinks are smoothed.
    columns : sequence of int
        Which raw output each threshold is, if some share one.

    Returns
    -------
    CLoss
    """
    cdef Py_ssize_t i
    cdef _OwnerOfThresholds owner = _OwnerOfThresholds()
    cdef Jet loss = Jet()
    owner.of.inner, owner.of.params, owner.inner = inner.table, inner.params, inner
    owner.of.is_immediate, owner.of.is_convex, owner.of.width = is_immediate, is_convex, width
    if len(columns):
        owner.of.n = len(columns)
        owner.of.column = <Py_ssize_t *> malloc(len(columns) * sizeof(Py_ssize_t))
        for i in range(len(columns)):
            owner.of.column[i] = columns[i]
    loss.table, loss.params = &of_thresholds, <const void *> &owner.of
    loss.jet = at_thresholds
    loss.owner, loss.parts = owner, (inner,)
    return loss


# ---------------------------------------------------- a loss for each of several targets
cdef struct Part:
    const LossTable *table
    jet_fn jet            # NULL: the table alone
    const void *params
    double weight
    double width          # over which kinks of a loss of points are smoothed
    Py_ssize_t first      # of its raw outputs
    Py_ssize_t n          # how many; 0: it is a loss of points
    Py_ssize_t y_first    # of the numbers of its target
    Py_ssize_t y_size
    bint is_convex


cdef struct Parts:
    Part *parts
    Py_ssize_t n


cdef class _OwnerOfParts:
    cdef Parts of

    def __dealloc__(self):
        free(self.of.parts)


cdef double sum_of_parts(const void *params, const Row *row, double *hessian) noexcept nogil:
    """The losses of all targets that are no nan, each of raw outputs of its own."""
    cdef const Parts *all_ = <const Parts *> params
    cdef const Part *part
    cdef const double *y
    cdef Thresholds inner
    cdef Py_ssize_t i, j, n = row.n_outputs
    cdef double value = 0.0, slope, bend
    for i in range(n):
        if row.gradient != NULL:
            row.gradient[i] = 0.0
        if row.curvature != NULL:
            row.curvature[i] = 0.0
    if hessian != NULL:
        for i in range(n * (n + 1) // 2):
            hessian[i] = 0.0
    for j in range(all_.n):
        part = &all_.parts[j]
        y = row.y + part.y_first
        if y[0] != y[0]:
            continue
        if part.n > 0:
            value += part.weight * of_several(part, row, hessian)
            continue
        inner.inner, inner.params, i = part.table, part.params, part.first
        inner.width, inner.is_convex = part.width, part.is_convex
        value += part.weight * one_threshold(&inner, True, y[0], row.raw[i], &slope, &bend)
        if row.gradient != NULL:
            row.gradient[i] = part.weight * slope
        if row.curvature != NULL:
            row.curvature[i] = part.weight * bend
        if hessian != NULL:
            hessian[likelihoods.at(i, i)] = part.weight * bend
    return value


cdef double of_several(const Part *part, const Row *row, double *hessian) noexcept nogil:
    """A part that is a loss of rows."""
    cdef Row own
    cdef Py_ssize_t i, k
    cdef double value
    cdef double *packed = NULL
    own.y, own.y_size = row.y + part.y_first, part.y_size
    own.raw, own.n_outputs = row.raw + part.first, part.n
    own.gradient = row.gradient + part.first if row.gradient != NULL else NULL
    own.curvature = row.curvature + part.first if row.curvature != NULL else NULL
    if hessian != NULL:
        packed = <double *> malloc(part.n * (part.n + 1) // 2 * sizeof(double))
    value = jet_of(part.table, part.jet, part.params, &own, packed)
    for i in range(part.n):
        if own.gradient != NULL:
            own.gradient[i] *= part.weight
        if own.curvature != NULL:
            own.curvature[i] *= part.weight
    if hessian != NULL:
        for i in range(part.n):
            for k in range(i + 1):
                hessian[likelihoods.at(part.first + i, part.first + k)] = (
                    part.weight * packed[likelihoods.at(i, k)])
        free(packed)
    return value


cdef double jet_of(const LossTable *table, jet_fn jet, const void *params, const Row *row,
                   double *hessian) noexcept nogil:
    """All of a row, by one evaluation if there is a function for it."""
    cdef Row other = row[0]
    cdef double value
    if jet != NULL and row.curvature == NULL:
        return jet(params, row, hessian)
    value = table.row(params, row)
    if hessian != NULL:
        other.gradient = other.curvature = NULL
        table.row_hessian(params, &other, hessian)
    return value


cdef jet_fn jet_fn_of(CLoss loss):
    return (<Jet> loss).jet if isinstance(loss, Jet) else <jet_fn> NULL


cdef double parts_row(const void *params, const Row *row) noexcept nogil:
    return sum_of_parts(params, row, NULL)


cdef void parts_hessian(const void *params, const Row *row, double *hessian) noexcept nogil:
    sum_of_parts(params, row, hessian)


cdef LossTable of_parts
start_table(&of_parts)
of_parts.row, of_parts.row_hessian = parts_row, parts_hessian


def tasks(losses, sizes, y_sizes, weights, widths, are_convex):
    """The C functions of the sum of a loss for each of several targets.

    Parameters
    ----------
    losses : sequence of CLoss
    sizes : sequence of int
        How many raw outputs each has; 0: one, of a loss of points.
    y_sizes : sequence of int
        How many numbers the target of each has.
    weights : sequence of float
    widths : sequence of float
        Over which kinks of losses of points are smoothed; others are as they are.
    are_convex : sequence of bool

    Returns
    -------
    CLoss
    """
    cdef _OwnerOfParts owner = _OwnerOfParts()
    cdef Jet loss = Jet()
    cdef CLoss inner
    cdef Py_ssize_t j, first = 0, y_first = 0
    owner.of.parts = <Part *> malloc(max(len(losses), 1) * sizeof(Part))
    owner.of.n = len(losses)
    for j in range(len(losses)):
        inner = losses[j]
        owner.of.parts[j].table, owner.of.parts[j].params = inner.table, inner.params
        owner.of.parts[j].jet = jet_fn_of(inner)
        owner.of.parts[j].weight, owner.of.parts[j].first = weights[j], first
        owner.of.parts[j].n, owner.of.parts[j].width = sizes[j], widths[j]
        owner.of.parts[j].y_first, owner.of.parts[j].y_size = y_first, y_sizes[j]
        owner.of.parts[j].is_convex = are_convex[j]
        first += max(sizes[j], 1)
        y_first += y_sizes[j]
    loss.table, loss.params = &of_parts, <const void *> &owner.of
    loss.jet = sum_of_parts
    loss.owner, loss.parts = owner, tuple(losses)
    return loss


# ------------------------------------------------- few outputs, of which others are made
cdef struct Mapped:
    const LossTable *table
    jet_fn jet
    const void *params
    double *matrix        # of n rows, a row for each output of the loss ...
    double *constant      # ... and what is added to it
    Py_ssize_t n
    Py_ssize_t rank


cdef class _OwnerOfMapped:
    cdef Mapped of

    def __dealloc__(self):
        free(self.of.matrix)
        free(self.of.constant)


cdef double at_mapped(const void *params, const Row *row, double *hessian) noexcept nogil:
    """loss(y, U p + c), by p."""
    cdef const Mapped *of = <const Mapped *> params
    cdef Py_ssize_t i, j, k, m, n = of.n, rank = of.rank
    cdef bint has_hessian = hessian != NULL or row.curvature != NULL
    cdef double *raw = <double *> malloc((3 * n + n * (n + 1) // 2) * sizeof(double))
    cdef double *slope = raw + n
    cdef double *turned = raw + 2 * n
    cdef double *packed = raw + 3 * n
    cdef double value, bend
    cdef Row own
    for i in range(n):
        raw[i] = of.constant[i]
        for k in range(rank):
            raw[i] += of.matrix[i * rank + k] * row.raw[k]
    own.y, own.y_size, own.raw, own.n_outputs = row.y, row.y_size, raw, n
    own.gradient, own.curvature = slope, NULL
    value = jet_of(of.table, of.jet, of.params, &own, packed if has_hessian else NULL)
    if row.gradient != NULL:
        for k in range(rank):
            row.gradient[k] = 0.0
            for i in range(n):
                row.gradient[k] += of.matrix[i * rank + k] * slope[i]
    if has_hessian:
        for k in range(rank):
            for i in range(n):
                turned[i] = 0.0
                for j in range(n):
                    turned[i] += of.matrix[j * rank + k] * packed[
                        likelihoods.at(i, j) if j <= i else likelihoods.at(j, i)]
            for m in range(k + 1):
                bend = 0.0
                for i in range(n):
                    bend += of.matrix[i * rank + m] * turned[i]
                if hessian != NULL:
                    hessian[likelihoods.at(k, m)] = bend
                elif m == k:
                    row.curvature[k] = bend
    free(raw)
    return value


cdef double mapped_row(const void *params, const Row *row) noexcept nogil:
    return at_mapped(params, row, NULL)


cdef void mapped_hessian(const void *params, const Row *row, double *hessian) noexcept nogil:
    at_mapped(params, row, hessian)


cdef LossTable of_mapped
start_table(&of_mapped)
of_mapped.row, of_mapped.row_hessian = mapped_row, mapped_hessian


def mapped(CLoss inner, const double[:, ::1] matrix, const double[::1] constant):
    """The C functions of loss(y, matrix @ p + constant), with fewer outputs p.

    Parameters
    ----------
    inner : CLoss
        A loss of rows with a Hessian.
    matrix : ndarray of shape (n_outputs, rank)
    constant : ndarray of shape (n_outputs,)

    Returns
    -------
    CLoss
    """
    cdef _OwnerOfMapped owner = _OwnerOfMapped()
    cdef Jet loss = Jet()
    cdef Py_ssize_t i, k, n = matrix.shape[0], rank = matrix.shape[1]
    owner.of.table, owner.of.params = inner.table, inner.params
    owner.of.jet = jet_fn_of(inner)
    owner.of.n, owner.of.rank = n, rank
    owner.of.matrix = <double *> malloc(n * rank * sizeof(double))
    owner.of.constant = <double *> malloc(n * sizeof(double))
    for i in range(n):
        owner.of.constant[i] = constant[i]
        for k in range(rank):
            owner.of.matrix[i * rank + k] = matrix[i, k]
    loss.table, loss.params = &of_mapped, <const void *> &owner.of
    loss.jet = at_mapped
    loss.owner, loss.parts = owner, (inner,)
    return loss


# ----------------------------------------------------------- quantiles that are parallel
cdef struct Levels:
    double *level
    Py_ssize_t n
    bint is_parallel
    double width


cdef class _OwnerOfLevels:
    cdef Levels of

    def __dealloc__(self):
        free(self.of.level)


cdef double at_levels(const void *params, const Row *row, double *hessian) noexcept nogil:
    """The mean pinball loss of all levels, at raw outputs p_k or r + b_k of (r, b_1, ...)."""
    cdef const Levels *of = <const Levels *> params
    cdef Py_ssize_t i, k, n = row.n_outputs
    cdef double value = 0.0, h = of.width, share = 1.0 / of.n, r, slope, bend, q
    for i in range(n):
        if row.gradient != NULL:
            row.gradient[i] = 0.0
        if row.curvature != NULL:
            row.curvature[i] = 0.0
    if hessian != NULL:
        for i in range(n * (n + 1) // 2):
            hessian[i] = 0.0
    for k in range(of.n):
        i, q = (k + 1 if of.is_parallel else k), of.level[k]
        r = row.raw[i] + (row.raw[0] if of.is_parallel else 0.0) - row.y[0]
        slope, bend = (1.0 - q if r > 0.0 else -q if r < 0.0 else 0.0), 0.0
        value += share * (1.0 - q if r > 0.0 else -q) * r
        if -h < r < h:  # the mean over [r - h, r + h]
            slope, bend = 0.5 - q + 0.5 * r / h, 0.5 / h
            value += share * 0.25 * (h - (r if r > 0.0 else -r)) ** 2 / h
        if row.gradient != NULL:
            row.gradient[i] += share * slope
            row.gradient[0] += share * slope if of.is_parallel else 0.0
        if row.curvature != NULL:
            row.curvature[i] += share * bend
            row.curvature[0] += share * bend if of.is_parallel else 0.0
        if hessian != NULL:
            hessian[likelihoods.at(i, i)] += share * bend
            if of.is_parallel:
                hessian[0] += share * bend
                hessian[likelihoods.at(i, 0)] += share * bend
    return value


cdef double levels_row(const void *params, const Row *row) noexcept nogil:
    return at_levels(params, row, NULL)


cdef void levels_hessian(const void *params, const Row *row, double *hessian) noexcept nogil:
    at_levels(params, row, hessian)


cdef LossTable of_levels
start_table(&of_levels)
of_levels.row, of_levels.row_hessian = levels_row, levels_hessian


def quantiles(levels, *, bint is_parallel, double width=0.0):
    """The C functions of the mean pinball loss of several levels.

    Parameters
    ----------
    levels : sequence of float
    is_parallel : bool
        Whether raw outputs are (r, b_1, ...), the prediction and what is added to it.
    width : float, default=0.0
        Over which kinks are smoothed.

    Returns
    -------
    CLoss
    """
    cdef _OwnerOfLevels owner = _OwnerOfLevels()
    cdef Jet loss = Jet()
    cdef Py_ssize_t k
    owner.of.level = <double *> malloc(max(len(levels), 1) * sizeof(double))
    owner.of.n, owner.of.is_parallel, owner.of.width = len(levels), is_parallel, width
    for k in range(len(levels)):
        owner.of.level[k] = levels[k]
    loss.table, loss.params = &of_levels, <const void *> &owner.of
    loss.jet = at_levels
    loss.owner = owner
    return loss


cdef LossTable of_rows, of_points
start_table(&of_rows)
of_rows.row, of_rows.row_hessian = row, row_hessian
start_table(&of_points)
of_points.value, of_points.gradient = point_value, point_gradient
of_points.curvature = point_curvature


KINDS = {
    "logistic": likelihoods.LOGISTIC,
    "minimum": likelihoods.MINIMUM,
    "normal": likelihoods.NORMAL,
    "maximum": likelihoods.MAXIMUM,
    "cauchy": likelihoods.CAUCHY,
    "laplace": likelihoods.LAPLACE,
}


cdef full_fn formula(str name) except NULL:
    if name == "ordinal":
        return likelihoods.ordinal
    if name == "binary":
        return likelihoods.binary
    if name == "box":
        return boxes.box
    if name == "censored":
        return likelihoods.censored
    if name == "censored_steps":
        return likelihoods.censored_steps
    if name == "location_scale":
        return likelihoods.location_scale
    if name == "student":
        return likelihoods.student
    if name == "gamma":
        return likelihoods.gamma_
    if name == "beta":
        return bounded.beta
    if name == "ordered_beta":
        return bounded.ordered_beta
    if name == "binomial":
        return bounded.binomial
    if name == "beta_binomial":
        return bounded.beta_binomial
    if name == "crps":
        return crps.crps
    if name == "crps_gamma":
        return crps.crps_gamma
    if name == "barron":
        return fitted.barron
    if name == "tweedie":
        return fitted.tweedie
    if name == "hurdle":
        return zeros.hurdle
    if name == "zero_inflated":
        return zeros.zero_inflated
    return likelihoods.negative_binomial


def likelihood(str name, own=(), fixed=(), *, bint as_points=False):
    """The C functions of a likelihood.

    Parameters
    ----------
    name : str
        Of its formula.
    own : sequence of float
        What its formula knows.
    fixed : sequence of float or None
        Each output's number, None of what is an output of the loss. Empty: all are.
    as_points : bool, default=False
        Whether one output is left, and a target is one number.

    Returns
    -------
    CLoss
    """
    cdef _Owner owner = _Owner()
    cdef Jet loss = Jet()
    cdef Py_ssize_t i, n = 0
    owner.of.full, owner.of.n_full = formula(name), len(fixed)
    for i in range(len(own)):
        owner.of.own[i] = own[i]
    for i in range(len(fixed)):
        if fixed[i] is None:
            owner.of.place[n] = i
            n += 1
        else:
            owner.of.fixed[i] = fixed[i]
    loss.table, loss.jet = &of_points if as_points else &of_rows, row_jet
    loss.params, loss.owner = <const void *> &owner.of, owner
    return loss
