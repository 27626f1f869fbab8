"""The term of a loss of groups: one raw prediction a row, which a group couples.

Rows may come in any order, and keep it: only what kernels see is sorted. Second
derivatives are products H v, of as many vectors at a time as there are columns.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import blas

from sklearn_losses.losses._grouping import Grouping
from sklearn_losses.terms._term import ALL, LossTerm, Model, finite, uniform


@dataclass
class GroupModel(Model):
    """With what the slopes g prove.

    Attributes
    ----------
    conjugate : float
        No less than the conjugate of the loss at the slopes, g.p - value for its own.
    """

    conjugate: float = 0.0


class GroupTerm(LossTerm):
    """A loss of groups, over the sum of what they count; p is of shape (n_rows,).

    Parameters
    ----------
    loss : GroupLoss
    y : ndarray of float64 of shape (n_rows, n_columns)
    groups : ndarray of intp of shape (n_rows,)
    weight : ndarray of shape (n_rows,), or None where all are 1
    total : float
        What values are divided by.
    offset : ndarray of shape (n_rows,), default=None
    grouping : Grouping, default=None
        Of these rows, if it is known.
    """

    def __init__(self, loss, y, groups, weight, total, offset=None, grouping=None):
        given, n = weight, len(y)
        weight = uniform(1.0, n) if weight is None else weight
        super().__init__(loss, y, weight, offset=offset)
        self.groups, self.share, self.total = groups, 1.0 / total, 1.0
        self.is_smoothed = not loss.differentiable
        self.grouping = grouping or Grouping(loss, y, groups, given)
        self._smoothed = 0.0, self._functions

    def with_loss(self, loss):
        """The same rows with another loss."""
        total = 1.0 / self.share
        return GroupTerm(loss, self.y, self.groups, self.weight, total, self.offset)

    def _functions_at(self, h):
        """Those of the loss, smoothed over h."""
        if h == 0 or not self.is_smoothed:
            return self._functions
        if self._smoothed[0] != h:
            self._smoothed = h, self.loss.softened(h).checked()
        return self._smoothed[1]

    def _sum(self, functions, p):
        return float(self.grouping.values(functions, p).sum()) * self.share

    def value(self, p, q=None, t=0.0):
        """The weighted sum of the losses, at p or at p + t q."""
        return self._sum(self._functions, p if q is None else p + t * q)

    def slopes(self, p, h):
        """The derivatives of the loss, smoothed over h."""
        return self._derivatives(self._functions_at(h), p)[1]

    def _derivatives(self, functions, p, with_curvatures=False):
        value, *found = self.grouping.derivatives(functions, p, with_curvatures)
        for array in found:
            array *= self.share
        return float(value.sum()) * self.share, *found

    def slope_along(self, p, q, t, h):
        """The derivative by t of the smoothed value at p + t q."""
        return float(self.slopes(p + t * q, h) @ q)

    def model(self, p, h, block=None, with_curvatures=True):
        """Value, slopes, the diagonal of the Hessian, and the excess of smoothing.

        Parameters
        ----------
        p : ndarray of shape (n_rows,)
        h : float
        block : None
            Groups are not of blocks.
        with_curvatures : bool, default=True
        """
        functions = self._functions_at(h)
        smoothed, slopes, *rest = self._derivatives(functions, p, with_curvatures)
        value = smoothed if functions is self._functions else self.value(p)
        curvatures = finite(rest[0]) if rest else None
        if rest and not self.loss.convex:
            curvatures = np.abs(curvatures)  # of a model that has a minimum
        found = GroupModel(value, slopes, curvatures, smoothed - value)
        found.moment = float(slopes @ p)
        found.size = float(np.abs(slopes) @ np.abs(p))
        found.steepness = float(blas.dasum(slopes))
        found.conjugate = self._conjugate(found, p, h)
        return found

    def _conjugate(self, model, p, h):
        """The conjugate at the slopes of a model of p, or what is above it."""
        if h == 0 or not self.is_smoothed:
            return model.moment - model.value
        more, less = (self._sum(part.checked(), p) for part in self.loss.shares(h))
        return -0.5 * (more - less) / h

    def products(self, p, h, v, part=ALL):
        """The Hessian times vectors, of rows in the order of `grouping`.

        Parameters
        ----------
        v : ndarray of shape (n, n_directions)
        part : slice, default=all
            Of these rows, of whole groups: those that v is of.
        """
        found = self.grouping.products(self._functions_at(h), p, v, part)
        found *= self.share
        return finite(found)

    @cached_property
    def known_minimum(self):
        """The infimum over all raw predictions."""
        return float(self.grouping.minima(self.loss).sum()) * self.share

    def best_constant(self):
        """0, where all constants are alike."""
        return 0.0
