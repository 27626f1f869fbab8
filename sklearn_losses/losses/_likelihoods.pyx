# cython: language_level=3
"""The tables of losses of several outputs, of which some may be numbers.

A likelihood is a formula of all its outputs (`_formulas.likelihoods`). An output that is
a number is put in its place, and is no output of the loss then.
"""

from libc.stdlib cimport free, malloc

cimport sklearn_losses.losses._formulas.likelihoods as likelihoods
from sklearn_losses.losses._formulas.likelihoods cimport full_fn
from sklearn_losses.losses._table cimport CLoss, LossTable, Row, start_table

cdef enum:
    MOST = 4  # outputs of which some may be numbers
    PACKED = 10  # second derivatives of so many


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
    for i in range(n):
        if row.gradient != NULL:
            row.gradient[i] = 0.0
        if row.curvature != NULL:
            row.curvature[i] = 0.0
    if hessian != NULL:
        for i in range(n * (n + 1) // 2):
            hessian[i] = 0.0
    last = min(c, last) if t.is_immediate else last
    for j in range(first, last + 1):
        k = j + 1 if t.column == NULL else t.column[j]
        value += one_threshold(t, 1.0 if c > j else 0.0, row.raw[0] - row.raw[k], &slope, &bend)
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


cdef double one_threshold(const Thresholds *t, double y, double p, double *slope,
                          double *bend) noexcept nogil:
    """Value, slope and curvature of f, or of its mean over [p - h, p + h] for the slopes."""
    cdef double h = t.width, up, down, value = t.inner.value(t.params, y, p)
    if h == 0.0:
        slope[0] = t.inner.gradient(t.params, y, p)
        bend[0] = t.inner.curvature(t.params, y, p) if t.inner.curvature != NULL else 0.0
        return value
    up, down = t.inner.value(t.params, y, p + h), t.inner.value(t.params, y, p - h)
    slope[0] = 0.5 * (up - down) / h
    bend[0] = 0.5 / h * (t.inner.gradient(t.params, y, p + h)
                         - t.inner.gradient(t.params, y, p - h))
    return value + 0.5 * (0.5 * (up + down) - value)


cdef double threshold_row(const void *params, const Row *row) noexcept nogil:
    return at_thresholds(params, row, NULL)


cdef void threshold_hessian(const void *params, const Row *row, double *hessian) noexcept nogil:
    at_thresholds(params, row, hessian)


cdef LossTable of_thresholds
start_table(&of_thresholds)
of_thresholds.row, of_thresholds.row_hessian = threshold_row, threshold_hessian


def thresholds(CLoss inner, *, bint is_immediate, double width=0.0, columns=()):
    """The C functions of a binary loss at each threshold between ordered classes.

    Parameters
    ----------
    inner : CLoss
        A loss of points with y in {0, 1}.
    is_immediate : bool
        Whether only the thresholds beside a class count.
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
    cdef CLoss loss = CLoss()
    owner.of.inner, owner.of.params, owner.inner = inner.table, inner.params, inner
    owner.of.is_immediate, owner.of.width = is_immediate, width
    if len(columns):
        owner.of.n = len(columns)
        owner.of.column = <Py_ssize_t *> malloc(len(columns) * sizeof(Py_ssize_t))
        for i in range(len(columns)):
            owner.of.column[i] = columns[i]
    loss.table, loss.params = &of_thresholds, <const void *> &owner.of
    loss.owner, loss.parts = owner, (inner,)
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
    if name == "censored":
        return likelihoods.censored
    if name == "location_scale":
        return likelihoods.location_scale
    if name == "student":
        return likelihoods.student
    if name == "gamma":
        return likelihoods.gamma_
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
    cdef CLoss loss = CLoss()
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
    loss.table = &of_points if as_points else &of_rows
    loss.params, loss.owner = <const void *> &owner.of, owner
    return loss
