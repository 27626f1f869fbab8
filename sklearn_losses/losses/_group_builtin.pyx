# cython: language_level=3
"""The built-in losses of groups as tables of C functions."""

cimport sklearn_losses.losses._formulas.ranking as ranking
cimport sklearn_losses.losses._formulas.survival as survival
cimport sklearn_losses.losses._large_groups as large
from sklearn_losses.losses._table cimport Group, LossTable, group_fn, new_loss, start_table

cdef enum:
    MAX_TABLES = 16

cdef LossTable tables[MAX_TABLES]
cdef dict index_of = {}


cdef int add(str name, group_fn group) except -1:
    if len(index_of) == MAX_TABLES:
        raise MemoryError(f"No room for the table of {name}: raise MAX_TABLES.")
    cdef LossTable *table = &tables[len(index_of)]
    index_of[name] = len(index_of)
    start_table(table)
    table.group = group
    return 0


cdef double cox(const void *params, const Group *group) noexcept nogil:
    return survival.cox(params, group)

add("cox", cox)


cdef double list_net(const void *params, const Group *group) noexcept nogil:
    return ranking.list_net(params, group)

add("list_net", list_net)


cdef double pairwise_logistic(const void *params, const Group *group) noexcept nogil:
    if group.n > large.FEW_FOR_POLYNOMIALS:
        ranking.clear(group)
        return large.logistic(group)
    return ranking.pairs(ranking.logistic(params), group)

add("pairwise_logistic", pairwise_logistic)


cdef double lambda_rank(const void *params, const Group *group) noexcept nogil:
    return ranking.lambda_rank(params, group)

add("lambda_rank", lambda_rank)


cdef double approx_ndcg(const void *params, const Group *group) noexcept nogil:
    return ranking.approx_ndcg(params, group)

add("approx_ndcg", approx_ndcg)


cdef double warp(const void *params, const Group *group) noexcept nogil:
    return ranking.warp(params, group)

add("warp", warp)


cdef double warp_of_draw(const void *params, const Group *group) noexcept nogil:
    return ranking.warp_of_draw(params, group)

add("warp_of_draw", warp_of_draw)


cdef double pairwise_exponential(const void *params, const Group *group) noexcept nogil:
    return ranking.pairs(ranking.exponential(params), group)

add("pairwise_exponential", pairwise_exponential)


cdef double pairwise_hinge(const void *params, const Group *group) noexcept nogil:
    cdef double end = (<const double *> params)[0], h = (<const double *> params)[1]
    if group.n > large.FEW_ROWS:
        ranking.clear(group)
        if h == 0.0:
            return large.hinges(group, end, 1.0, False)
        return (large.hinges(group, end + h, 0.25 / h, True)
                + large.hinges(group, end - h, -0.25 / h, True))
    return ranking.pairs(ranking.hinge(params), group)

add("pairwise_hinge", pairwise_hinge)


cdef double pairwise_squared_hinge(const void *params, const Group *group) noexcept nogil:
    if group.n > large.FEW_ROWS:
        ranking.clear(group)
        return large.hinges(group, 1.0, 1.0, True)
    return ranking.pairs(ranking.squared_hinge(params), group)

add("pairwise_squared_hinge", pairwise_squared_hinge)


def group_builtin(str kernel, tuple parameters):
    """A built-in loss of groups.

    Parameters
    ----------
    kernel : str
        The name of its function.
    parameters : tuple of float
        In the order that the function reads them.

    Returns
    -------
    CLoss
    """
    return new_loss(&tables[<Py_ssize_t> index_of[kernel]], parameters)
