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
