# cython: language_level=3
"""The pairs of a row's labels: a loss of pairs of rows, whose rows are labels.

A row's labels are sorted by whether it has them, and are a group of a loss of pairs
(`_group_builtin`), which forms no pair where sorting will do. Between those that it has
and those that it has not there may be one more, whose raw prediction is 0.
"""

from libc.math cimport NAN
from libc.stdlib cimport free, malloc

from sklearn_losses.losses._table cimport (
    GROUP_WORK,
    CLoss,
    Group,
    LossTable,
    Row,
    start_table,
)


cdef struct Labels:
    const LossTable *pairs
    const void *params
    bint has_zero
    bint is_mean       # over the pairs of a row, or their sum


cdef class _Owner:
    cdef Labels of
    cdef object pairs  # is kept alive


cdef Py_ssize_t arrange(const Labels *labels, const Row *row, Group *group, double *y,
                        double *raw, Py_ssize_t *place) noexcept nogil:
    """Fill a group: first the labels that the row has not; how many pairs it has."""
    cdef Py_ssize_t i, n = 0, without
    for i in range(row.n_outputs):
        if row.y[i] == 0.0:
            y[n], raw[n], place[n], n = 0.0, row.raw[i], i, n + 1
    without = n
    if labels.has_zero:
        y[n], raw[n], place[n], n = 1.0, 0.0, -1, n + 1
    for i in range(row.n_outputs):
        if row.y[i] != 0.0:
            y[n], raw[n], place[n], n = 2.0, row.raw[i], i, n + 1
    group.n = n
    n = row.n_outputs
    return without * (n - without) + (n if labels.has_zero else 0)


cdef double evaluate(const Labels *labels, const Row *row, double *hessian) noexcept nogil:
    cdef Py_ssize_t i, k, n_pairs, n = row.n_outputs + 1
    # y, raw, weight, gradient and curvature, then what a loss of groups works in.
    cdef double *memory = <double *> malloc((5 * n + GROUP_WORK * (n + 1)) * sizeof(double))
    cdef Py_ssize_t *place = <Py_ssize_t *> malloc(n * sizeof(Py_ssize_t))
    cdef bint bends = row.curvature != NULL or hessian != NULL
    cdef double value = 0.0, factor = 0.0
    cdef Group group
    for i in range(2 * n, 5 * n):
        memory[i] = 1.0 if i < 3 * n else 0.0
    n_pairs = arrange(labels, row, &group, memory, memory + n, place)
    group.y, group.y_size, group.raw, group.weight = memory, 1, memory + n, memory + 2 * n
    group.gradient = memory + 3 * n if row.gradient != NULL else NULL
    group.curvature = memory + 4 * n if bends else NULL
    group.v, group.n_directions, group.product = NULL, 0, NULL
    group.work = memory + 5 * n
    if has_nan(row):
        value, factor = NAN, NAN  # a hinge would not see it
    elif n_pairs > 0:
        value = labels.pairs.group(labels.params, &group)
        factor = 1.0 / n_pairs if labels.is_mean else 1.0
    for i in range(group.n):
        k = place[i]
        if k >= 0 and row.gradient != NULL:
            row.gradient[k] = factor * group.gradient[i]
        if k >= 0 and row.curvature != NULL:
            row.curvature[k] = factor * memory[4 * n + i]
    if hessian != NULL:
        bend(labels, &group, place, factor, hessian)
    free(place)
    free(memory)
    return factor * value


cdef inline bint has_nan(const Row *row) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(row.n_outputs):
        if row.raw[k] != row.raw[k]:
            return True
    return False


cdef inline Py_ssize_t at(Py_ssize_t j, Py_ssize_t k) noexcept nogil:
    """Where H[j][k] is in the packed lower triangle."""
    return j * (j + 1) // 2 + k if k <= j else k * (k + 1) // 2 + j


cdef void bend(const Labels *labels, const Group *group, const Py_ssize_t *place, double factor,
               double *hessian) noexcept nogil:
    """The Hessian: the curvatures, and beside them minus that of each pair.

    The matrix has a number for each of the pairs, so that here they are looked at one by
    one, each as a group of two.
    """
    cdef Group two
    cdef double[2] curvature
    cdef double[2] y
    cdef double[2] raw
    cdef Py_ssize_t i, j
    two.y, two.y_size, two.raw, two.weight, two.n = y, 1, raw, group.weight, 2
    two.gradient, two.curvature, two.work = NULL, curvature, group.work
    two.v, two.n_directions, two.product = NULL, 0, NULL
    for i in range(group.n):
        if place[i] < 0:
            continue
        hessian[at(place[i], place[i])] = factor * group.curvature[i]
        for j in range(i):
            if place[j] < 0:
                continue
            if group.y[j] == group.y[i]:
                hessian[at(place[i], place[j])] = 0.0
                continue
            y[0], y[1], raw[0], raw[1] = group.y[j], group.y[i], group.raw[j], group.raw[i]
            labels.pairs.group(labels.params, &two)
            hessian[at(place[i], place[j])] = -factor * curvature[0]


cdef double labels_row(const void *params, const Row *row) noexcept nogil:
    return evaluate(<const Labels *> params, row, NULL)


cdef void labels_hessian(const void *params, const Row *row, double *hessian) noexcept nogil:
    evaluate(<const Labels *> params, row, hessian)


cdef LossTable of_labels
start_table(&of_labels)
of_labels.row, of_labels.row_hessian = labels_row, labels_hessian


def label_pairs(CLoss pairs, *, bint has_zero, bint is_mean):
    """The C functions of the pairs of a row's labels.

    Parameters
    ----------
    pairs : CLoss
        A loss of groups that is a sum over their pairs.
    has_zero : bool
        Whether one more, at 0, is between the labels that a row has and the others.
    is_mean : bool
        Whether to take the mean over the pairs of a row.

    Returns
    -------
    CLoss
    """
    cdef _Owner owner = _Owner()
    cdef CLoss loss = CLoss()
    owner.of.pairs, owner.of.params, owner.pairs = pairs.table, pairs.params, pairs
    owner.of.has_zero, owner.of.is_mean = has_zero, is_mean
    loss.table, loss.params = &of_labels, <const void *> &owner.of
    loss.owner, loss.parts = owner, (pairs,)
    return loss
