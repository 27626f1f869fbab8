"""Rows in groups as kernels take them: those of a group together, sorted by target."""

from typing import NamedTuple

import numpy as np

ALL = slice(None)


class SortedRows(NamedTuple):
    """What kernels read of rows of groups, those of each together.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_columns)
    weight : ndarray of shape (n_rows,)
    starts : ndarray of intp of shape (n_groups + 1,)
        Where the rows of each group begin, and the end.
    """

    y: np.ndarray
    weight: np.ndarray
    starts: np.ndarray


def sums(array, starts):
    """The sum of each group."""
    if len(array) == 0:
        return np.zeros(len(starts) - 1)
    return np.add.reduceat(array, starts[:-1])


class Grouping:
    """Some rows of some groups, in any order, for a loss of groups.

    Rows of weight 0 are as if they were not there, and so are groups that have nothing
    to say, as those of one row.

    Parameters
    ----------
    loss : GroupLoss
    columns : ndarray of float64 of shape (n_rows, n_columns)
        Targets, as its `_columns` makes them.
    groups : ndarray of intp of shape (n_rows,)
        Codes of the groups, 0, 1, ...
    weight : ndarray of float64 of shape (n_rows,), or None where all are 1

    Attributes
    ----------
    order : ndarray of intp
        The rows that count, group by group.
    starts : ndarray of intp of shape (n_groups + 1,)
        Where each group begins, and the end.
    codes : ndarray of intp of shape (n_groups,)
        The groups that count.
    y, weight : ndarray
        Of the rows in their order, as kernels take them.
    factor : ndarray of shape (n_groups,)
        What the value of a group is multiplied by.
    mass : ndarray of shape (n_groups,)
        What a group counts in a mean.
    """

    def __init__(self, loss, columns, groups, weight):
        self.n_rows = len(columns)
        self.n_codes = int(groups.max(initial=-1)) + 1
        keys = loss._keys(columns)
        order = np.lexsort((keys[:, 0], groups))
        if weight is not None and not weight.all():
            order = order[weight[order] > 0]
        weight = np.ones(len(order)) if weight is None else weight[order]
        y, starts = keys[order], _starts(groups[order])
        factor, mass = loss._scales(y, weight, starts)
        if not factor.all():
            here = np.repeat(factor != 0, np.diff(starts))
            order, y, weight = order[here], y[here], weight[here]
            factor, mass = factor[factor != 0], mass[factor != 0]
            starts = _starts(groups[order])
        self.order, self.starts, self.weight = order, starts, weight
        self.codes = groups[order[starts[:-1]]]
        self.factor, self.mass = factor, mass
        self.sorted_keys = y
        self.y = np.ascontiguousarray(loss._prepared(y, weight, starts))
        self.of_row = np.repeat(factor, np.diff(starts))
        self.total = float(mass.sum())
        self._loss, self._minima = loss, None

    def minima(self, loss):
        """Those of a loss; of that which it was made for they are found once."""
        if loss is not self._loss:
            return loss.minima(self)
        if self._minima is None:
            self._minima = loss.minima(self)
        return self._minima

    def values(self, functions, raw):
        """The value of each group that counts, in its units."""
        return self._run(functions, raw[self.order])

    def derivatives(self, functions, raw, with_curvature=False):
        """Values, and the gradient and perhaps the curvature of all rows."""
        n = len(self.order)
        gradient, curvature = np.empty(n), np.empty(n) if with_curvature else None
        value = self._run(functions, raw[self.order], gradient, curvature)
        found = [self._scattered(a) for a in (gradient, curvature) if a is not None]
        return value, *found

    def products(self, functions, raw, v, part=ALL):
        """H v, of rows in `order`.

        Parameters
        ----------
        v : ndarray of shape (n, n_directions)
        part : slice, default=all
            Of the rows in `order`, of whole groups: those that v is of.
        """
        product = np.empty(v.shape)
        begin, end, _ = part.indices(len(self.order))
        first, last = np.searchsorted(self.starts, [begin, end])
        starts = self.starts[first : last + 1] - begin
        functions.evaluate_groups(
            SortedRows(self.y[part], self.weight[part], starts),
            raw[self.order[part]],
            np.empty(last - first),
            v=v,
            product=product,
        )
        product *= self.of_row[part, None]
        return product

    def _run(self, functions, raw, *outputs):
        value = np.empty(len(self.factor))
        rows = SortedRows(self.y, self.weight, self.starts)
        functions.evaluate_groups(rows, raw, value, *outputs)
        return value * self.factor

    def _scattered(self, array):
        found = np.zeros(self.n_rows)
        found[self.order] = array * self.of_row
        return found

    def of_codes(self, array):
        """Numbers of the groups that count among those of all, which are 0."""
        found = np.zeros(self.n_codes)
        found[self.codes] = array
        return found


def _starts(codes):
    """Where the groups of sorted codes begin, and the end."""
    changes = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    return np.concatenate([[0], changes, [len(codes)]][len(codes) == 0 :]).astype(
        np.intp
    )
