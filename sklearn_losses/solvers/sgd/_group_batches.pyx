# cython: language_level=3
"""Batches of groups: the rows of a step, and their gradients.

A step of a loss of groups takes one group or several, as many rows as they have. Which
groups an epoch visits, and in which order, `_visits.py` says before it begins.
"""

import numpy as np

from sklearn_losses.losses._table cimport GROUP_WORK, CLoss, Group


cdef class GroupBatches:
    """What the kernels of an epoch ask of groups.

    Parameters
    ----------
    visits : AllRows or Draws
    batch_size : int
        How many groups a step takes.
    """

    def __cinit__(self, visits, Py_ssize_t batch_size):
        self.visits, self.batch_size = visits, batch_size
        self.work = np.empty(GROUP_WORK * (visits.most_rows(1) + 1))

    def begin(self, order):
        """An epoch begins: write the rows that it visits."""
        rows, self.y, self.weight, self.starts, self.factor = self.visits.draw()
        np.asarray(order)[:] = rows
        self.next = 0


cdef double group_gradients(GroupBatches g, CLoss loss, const double *raw,
                            double *gradient) noexcept nogil:
    """The gradients of a batch's rows, and the sum of its values.

    Their means over rows, of the batch and of the epoch, are what the means over groups
    are of their factors times gradients and values.
    """
    cdef Group group
    cdef Py_ssize_t p, i, first = g.starts[g.next], n_groups = g.starts.shape[0] - 1
    cdef double factor, total = 0.0
    cdef double rows_of_group = <double> (g.starts[g.next + g.n] - first) / g.n
    group.y_size, group.work = g.y.shape[1], &g.work[0]
    group.curvature, group.v, group.product, group.n_directions = NULL, NULL, NULL, 0
    for p in range(g.next, g.next + g.n):
        group.n = g.starts[p + 1] - g.starts[p]
        group.y, group.weight = &g.y[g.starts[p], 0], &g.weight[g.starts[p]]
        group.raw = raw + (g.starts[p] - first)
        group.gradient = gradient + (g.starts[p] - first)
        total += g.factor[p] * loss.table.group(loss.params, &group)
        factor = g.factor[p] * rows_of_group
        for i in range(group.n):
            group.gradient[i] *= factor
    g.next += g.n
    return total * g.starts[n_groups] / n_groups
