"""The term of a loss of outputs with predictors of their own (`losses._outputs`).

Its Hessians are exact, and as they are: of a likelihood that is not convex those of
single rows have negative eigenvalues where their sum has none.
"""

from functools import cached_property

import numpy as np

from sklearn_losses.losses._outputs import best_outputs, spread_of
from sklearn_losses.terms._rows import RowTerm
from sklearn_losses.terms._term import FEW, LossTerm, Model, finite

WITHIN = 1.0 - 1e-12  # of the slopes that a loss may have


class OutputsTerm(RowTerm):
    """A loss of rows with targets of its own; p is of shape (n_rows, n_outputs).

    Parameters
    ----------
    loss : Likelihood
    y : ndarray of shape (n_rows,) or (n_rows, 2)
        As the loss takes it.
    weight : ndarray of shape (n_rows,)
    n_outputs : int
    offset : ndarray of shape (n_rows, n_outputs), default=None
    """

    _few = None

    def __init__(self, loss, y, weight, n_outputs, offset=None):
        LossTerm.__init__(self, loss, y, weight, offset=offset)
        self._evaluate = self._functions.evaluate_rows
        self._y = loss.columns(y)
        self.n_outputs = n_outputs
        self.is_smoothed = not loss.differentiable
        self._at = 0.0, self._functions

    @property
    def columns(self):
        """Targets as the loss takes them, of shape (n_rows, y_size)."""
        return self._y

    def with_loss(self, loss):
        return OutputsTerm(loss, self.y, self.weight, self.n_outputs, self.offset)

    def _smoothed(self, h):
        """The C functions with kinks smoothed over h."""
        if self._at[0] != h:
            is_exact = h == 0 or not self.is_smoothed
            self._at = h, self._functions if is_exact else self.loss.softened_by(h)
        return self._at[1]

    def _slopes(self, p, h, block):
        slopes = np.empty(p.shape)
        self._smoothed(h).evaluate_rows(self._y[block], p, None, slopes, None)
        return self._weighted(slopes, block)

    def _model(self, p, h, block, arrays, with_curvatures):
        slopes, curvatures, _ = arrays
        curvatures = curvatures if with_curvatures else None
        y, values = self._y[block], np.empty(len(p))
        self._smoothed(h).evaluate_rows(y, p, values, slopes, curvatures)
        value, excess = float(self._weighted(values, block).sum()), 0.0
        if h > 0 and self.is_smoothed:
            self._evaluate(y, p, values, None, None)
            exact = float(self._weighted(values, block).sum())
            value, excess = exact, value - exact
        slopes = self._weighted(slopes, block)
        return Model(value, slopes, self._positive(curvatures, block), excess)

    def hessians(self, p, h, block):
        found = np.empty((*p.shape, p.shape[1]))
        self._smoothed(h).evaluate_hessians(self._y[block], p, found)
        return finite(self._weighted(found, block))

    def best_constant(self):
        """The outputs of a model without features, about: those of some of the rows."""
        return self._best

    @cached_property
    def _best(self):
        here = self.weight > 0
        y, weight = self._y[here], self.weight[here]
        start = self.loss.start(y, weight)
        if self.offset is not None:
            start = start - weight @ self.offset[here] / self.total
            return self._constant_beside_offset(start)
        if self.loss.starts_at_best:
            return start
        step = max(1, len(y) // FEW)
        some = np.ascontiguousarray(y[::step]), weight[::step].copy()
        return best_outputs(self._functions, *some, start)

    @cached_property
    def known_minimum(self):
        return self.lowest if self.lowest > -np.inf else None

    def width(self, p, h):
        """h in the unit of what has kinks."""
        if self.loss.parameters:
            return h * self.loss.unit_of(p)
        return h / self.unit * self._unit

    @cached_property
    def _unit(self):
        return self.loss.unit_of_targets(self._y[self.weight > 0])

    @cached_property
    def bends(self):
        """How much the smoothed kinks of each output bend, the most being 1."""
        found = getattr(self.loss, "bends", np.ones(self.n_outputs))
        return found / found.max()

    def minimum(self):
        """The least value, or what a step of a unit could make of the best constant."""
        if self.known_minimum is not None:
            return self.known_minimum
        best = self.best_constant()
        slopes = np.abs(self.slopes(self.at_constant(best), 0.0)).sum(axis=0)
        return self.value_at(best) - float(slopes @ self._units)

    @cached_property
    def _units(self):
        """Of a step of each output; a location has that of y, parameters have none."""
        units = np.full(self.n_outputs, self._unit)
        if self.loss.parameters and self.loss.y_size == 1:
            units[0] = spread_of(self.loss, self._y[self.weight > 0, 0])
        return units

    @cached_property
    def lowest(self):
        """The least that all rows could have, -inf if it is not known."""
        return self.loss.minimum_of(self._y, self.weight)

    def conjugates_and_slopes(self, p, h):
        """Where loss + conjugate = slope * p: of slopes of what is smoothed, at 0.

        Returns
        -------
        zeros : ndarray
            The raw predictions at which values are.
        values : ndarray of shape (n_rows,) or None
            Minus the weighted conjugates; None if there is no formula.
        slopes : ndarray like p
        """
        slopes = np.empty(p.shape)
        self._smoothed(h).evaluate_rows(self._y, p, None, slopes, None)
        slopes *= WITHIN  # which rounding may have left
        if hasattr(self.loss, "conjugates_at"):
            found = WITHIN * self.loss.conjugates_at(self._y, p, h)
        else:
            found = self.loss.conjugates(self._y, slopes)
        if found is not None:
            found = self._weighted(-found)
        return np.zeros(p.shape), found, self._weighted(slopes)

    def values_and_slopes(self, p):
        """The weighted losses of all rows, and their derivatives."""
        values, slopes = np.empty(len(p)), np.empty(p.shape)
        self._evaluate(self._y, p, values, slopes, None)
        return self._weighted(values), self._weighted(slopes)
