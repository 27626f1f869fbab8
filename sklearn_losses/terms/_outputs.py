"""The term of a loss of outputs with predictors of their own (`losses._outputs`).

Its Hessians are exact, and as they are: of a likelihood that is not convex those of
single rows have negative eigenvalues where their sum has none.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_losses.losses._outputs import best_outputs, spread_of
from sklearn_losses.terms._rows import RowTerm
from sklearn_losses.terms._term import FEW, LossTerm, Model, finite

MOST_TARGETS = 2000  # whole numbers that are few
WITHIN = 1.0 - 1e-12  # of the slopes that a loss may have


@dataclass
class RowSums:
    """Sums over rows, of weighted values and slopes.

    Attributes
    ----------
    value : float
        Of the loss itself.
    linear : float
        Of the slopes times what is not offset of raw predictions.
    sizes : float
        Of the absolute values of all terms of `value` and `linear`.
    moment, size : float
        Of the slopes times raw predictions, and of the absolute values of that.
    steepness, along : float
        Of the slopes' absolute values, and of the slopes along a direction.
    excess : float
        What smoothing adds to the value.
    """

    value: float
    linear: float
    sizes: float
    moment: float
    size: float
    steepness: float
    along: float
    excess: float = 0.0


def _sums_of(values, slopes, p, offset, along):
    """What kernels sum beside what they write."""
    by_raw, by_along = slopes * p, 0.0 if along is None else np.vdot(slopes, along)
    rest = by_raw if offset is None else slopes * (p - offset)
    sizes = np.abs(rest).sum() + np.abs(values).sum()
    parts = by_raw.sum(), np.abs(by_raw).sum(), np.abs(slopes).sum(), by_along
    return np.array([values.sum(), rest.sum(), sizes, *parts])


def positive_part(packed, size):
    """Lower triangles of symmetric matrices, without their negative eigenvalues."""
    rows, columns = np.tril_indices(size)
    whole = np.empty((packed.shape[1], size, size))
    whole[:, rows, columns] = whole[:, columns, rows] = packed.T
    values, vectors = np.linalg.eigh(whole)
    if (values[:, 0] >= 0.0).all():
        return packed
    vectors *= np.sqrt(np.maximum(values, 0.0))[:, None, :]
    whole = vectors @ vectors.transpose(0, 2, 1)
    return np.ascontiguousarray(whole[:, rows, columns].T)


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

    def __init__(self, loss, y, weight, n_outputs, offset=None):
        LossTerm.__init__(self, loss, y, weight, offset=offset)
        self._evaluate = self._functions.evaluate_rows
        self._y = loss.columns(y)
        self.n_outputs = n_outputs
        self.is_smoothed = not loss.differentiable
        self._at = 0.0, self._functions
        self._known = None, None

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

    def jets(self, p, h, block, with_hessians=True, along=None):
        """All that is known of a block of rows, of one evaluation of each.

        Parameters
        ----------
        p : ndarray of shape (n, n_outputs)
        h : float
            The half-width over which kinks are smoothed.
        block : slice
            Of which rows p is.
        with_hessians : bool, default=True
        along : ndarray like p, default=None
            A direction.

        Returns
        -------
        RowSums
        slopes : ndarray like p
        packed : ndarray of shape (n_outputs * (n_outputs + 1) // 2, n) or None
            The lower triangles of the weighted Hessians.
        """
        functions, y, packed = self._smoothed(h), self._y[block], None
        values, slopes = np.empty(len(p)), np.empty(p.shape)
        if with_hessians:
            packed = np.empty((p.shape[1] * (p.shape[1] + 1) // 2, len(p)))
        offset = None if self.offset is None else self.offset[block]
        if hasattr(functions, "evaluate_jets"):
            parts = self.weight[block], values, slopes, packed, offset, along
            sums = functions.evaluate_jets(y, p, *parts)
        else:
            functions.evaluate_rows(y, p, values, slopes, None)
            values, slopes = (
                self._weighted(values, block),
                self._weighted(slopes, block),
            )
            sums = _sums_of(values, slopes, p, offset, along)
            if with_hessians:
                lower = np.tril_indices(p.shape[1])
                packed[:] = self.hessians(p, h, block)[:, *lower].T
        found = RowSums(*sums.tolist())
        if h > 0 and self.is_smoothed:
            self._evaluate(y, p, values, None, None)
            exact = float(self._weighted(values, block).sum())
            found.value, found.excess = exact, found.value - exact
        packed = finite(packed) if with_hessians else None
        if with_hessians and self.loss.bends_rows_up:
            packed = positive_part(packed, p.shape[1])
        return found, slopes, packed

    @cached_property
    def _few(self):
        """The same rows of targets that are a few whole numbers, one for each."""
        y = self._y[:, 0]
        is_many = self._y.shape[1] == 1 and len(y) > MOST_TARGETS
        if not (is_many and y.min() >= 0.0 and y.max() < MOST_TARGETS):
            return None
        codes = y.astype(np.intp)
        if not (codes == y).all():
            return None
        weight = np.bincount(codes, self.weight)
        found = np.flatnonzero(weight)
        y = found.astype(np.float64)
        return OutputsTerm(self.loss, y, weight[found], self.n_outputs)

    def best_constant(self):
        """The outputs of a model without features, about: those of some of the rows."""
        return self._best

    @cached_property
    def _best(self):
        if self.grouped is not self:
            return self.grouped.best_constant()
        here = self.weight > 0
        y, weight = self._y[here], self.weight[here]
        start = self.loss.start(y, weight)
        if self.offset is not None:
            start = start - weight @ self.offset[here] / self.total
            return self._constant_beside_offset(start)
        if self.loss.starts_at_best:
            return start
        if len(y) <= MOST_TARGETS:
            return best_outputs(self._functions, y, weight, start)
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
        value, slopes = self._at_constant(best)
        return value - float(slopes @ self._units)

    def value_at(self, c):
        """The value of a model that is the constant c."""
        return self._at_constant(c)[0]

    def steepness_at(self, c):
        """The sum of the slopes' absolute values of a model that is the constant c."""
        return float(self._at_constant(c)[1].sum())

    def _at_constant(self, c):
        """The value, and the sum of the slopes' absolute values of each output.

        Of one evaluation, which is kept.
        """
        if self.grouped is not self:
            return self.grouped._at_constant(c)
        known, found = self._known
        if known is None or not np.array_equal(known, c):
            value, slopes = 0.0, np.zeros(self.n_outputs)
            for chunk in self._chunks(len(self._y)):
                p = np.zeros((chunk.stop - chunk.start, self.n_outputs)) + c
                if self.offset is not None:
                    p += self.offset[chunk]
                sums, each, _ = self.jets(p, 0.0, chunk, False)
                value += sums.value
                slopes += np.abs(each).sum(axis=0)
            found = value, slopes
            self._known = np.array(c), found
        return found

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
        if self.grouped is not self:
            return self.grouped.lowest
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
            found = self.loss.conjugates_at(self._y, p, h, WITHIN)
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
