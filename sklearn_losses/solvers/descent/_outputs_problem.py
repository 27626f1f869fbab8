"""Outputs with predictors of their own, as a problem: its passes, model and bound.

The Hessian is that of what moves alone, and exact. Where a likelihood is not convex its
directions of negative curvature are turned around, which makes them directions in which
it falls.
"""

from dataclasses import dataclass

import numpy as np

from sklearn_losses.design._matrices import centre_rows
from sklearn_losses.design._predictors import CurvatureSums
from sklearn_losses.design._sums import Sums
from sklearn_losses.losses._outputs import newton_step
from sklearn_losses.problem._outputs import bound_of
from sklearn_losses.solvers.descent._blocks import BlockSums
from sklearn_losses.solvers.descent._curvature import (
    FIRST_DAMPING,
    JITTER,
    scaled_cholesky,
    solve_scaled,
)
from sklearn_losses.solvers.descent._newton_model import JointModel
from sklearn_losses.solvers.descent._problem import CentredProblem, Swept

MOST_NUMBERS = 1 << 16  # of Hessians at a time, but ...
FEWEST_ROWS = 256  # ... so many rows, for products of matrices


class OutputsModel(JointModel):
    """B is the Hessian of what moves, in packed order."""

    def __init__(self, problem):
        super().__init__(problem)
        self.predictors = problem.predictors

    def sums(self):
        return CurvatureSums(self.predictors)

    def update(self, theta, seen, around):
        hessian, curvature = seen.hessian
        jitter = around.jitter(curvature)
        self.theta, self.is_smoothed = theta, jitter > 0
        places = self.predictors.places
        self.gradient = self.problem.gradient(theta, seen.sums)
        of_each = np.tile(self.l2, self.n_outputs)[places]
        self.hessian = hessian.copy()  # that of the loss may be asked for again
        if self.problem.memory is not None:
            self.hessian += self.problem.memory.block(places)
        diagonal = self.hessian.ravel()[:: len(places) + 1]
        output = places // len(self.l2)
        more = jitter * self.problem.term.bends[output]
        if jitter > 0 and self.problem.stiff is not None:
            share = min(jitter / curvature, 1.0) if curvature > 0 else 1.0
            more = share * self.problem.stiff[output]
        diagonal += of_each + more * self.stiffness / JITTER
        if not self.price.is_simple:
            self._add_price(theta)

    def is_flat(self, least):
        return False  # only a loss of points can be smoothed for that

    def _add_price(self, theta):
        size, places = len(self.l2), self.predictors.places
        for k, of_output in enumerate(theta):
            block = np.zeros((size, size))
            self._add_rest(block, of_output)
            mine = np.flatnonzero(places // size == k)
            columns = places[mine] % size
            self.hessian[np.ix_(mine, mine)] += block[np.ix_(columns, columns)]

    def minimum(self):
        if self.has_kinks:
            packed, self.hessian = self.hessian, self._whole(self.hessian)
            found = super().minimum()
            self.hessian = packed
            return found
        delta = np.zeros(self.theta.size)
        places = self.predictors.places
        delta[places] = self._step(self.gradient.ravel()[places])
        delta = delta.reshape(self.theta.shape)
        slope = float(np.vdot(self.gradient, delta))
        return self.theta + delta, delta, slope, -0.5 * slope

    def _step(self, gradient):
        tied, whole = self.problem.tied, self.hessian
        if tied is None:
            return self._free_step(gradient)
        self.hessian = tied.T @ whole @ tied
        step = tied @ self._free_step(tied.T @ gradient)
        self.hessian = whole
        return step

    def _free_step(self, gradient):
        damping = max(self.damping, FIRST_DAMPING)
        factor, scale, needed = scaled_cholesky(self.hessian, damping)
        if needed > damping or self.hessian.diagonal().min() < 0.0:
            step = newton_step(gradient, self.hessian + 0.0)
            return step / (1.0 + self.damping / FIRST_DAMPING * 1e-3)
        found = -solve_scaled(factor, scale, gradient)
        if damping == FIRST_DAMPING:
            found -= solve_scaled(factor, scale, gradient + self.hessian @ found)
        return found

    def _whole(self, packed):
        """The Hessian, not negative, with zeros for what does not move."""
        values, vectors = np.linalg.eigh(packed)
        if values[0] < 0:
            packed = vectors * np.abs(values) @ vectors.T
        places, whole = self.predictors.places, np.zeros((self.theta.size,) * 2)
        whole[np.ix_(places, places)] = packed
        return whole


@dataclass
class SweptOutputs(Swept):
    """What a pass has seen of outputs with predictors of their own.

    Attributes
    ----------
    hessian : tuple of ndarray and float
        Of what moves, and the sum of the rows' traces.
    linear, sizes : float
        The sum of the slopes times what features and intercepts add to raw predictions,
        and that of all absolute values that a bound sums.
    """

    hessian: tuple | None = None
    linear: float = 0.0
    sizes: float = 0.0

    def add(self, block):
        """Take in the `RowSums` of a block of rows."""
        super().add(block)
        self.linear += block.linear
        self.sizes += block.sizes
        self.along += block.along


class OutputsProblem(CentredProblem):
    """A problem of outputs that use what their predictors say.

    Attributes
    ----------
    predictors : Predictors
    keeps_hessian : bool
        Whether the Hessian stays what it was at the last point.
    bend : ndarray of shape (n_outputs,)
        The sums of the curvatures of the rows, of the last Hessian.
    stiff : ndarray of shape (n_outputs,) or None
        What the jitter of a Hessian is a share of, where outputs have units of their
        own.
    tied : ndarray of shape (size, n_free) or None
        Which of the numbers that move do so together; None: each for itself.
    """

    keeps_hessian, _last, bend, stiff, tied = False, None, None, None, None

    @classmethod
    def of(cls, objective, features, term, passes=0):
        found = super().of(objective, features, term, passes)
        return found.with_predictors(objective.predictors)

    def with_predictors(self, predictors):
        """This problem, of outputs that use what they say."""
        self.predictors, self.sees_differences = predictors, False
        self.moves[-1] = 1.0  # predictors know which intercepts move
        if self.price.has_bounds and not predictors.share_bounds:
            none = np.full((self.n_outputs - 1, len(self.low)), np.inf)
            self.low = np.vstack([self.low, -none])
            self.high = np.vstack([self.high, none])
        return self

    def gradient(self, theta, sums):
        """That of what moves; a column without spread does not."""
        moves = self.predictors.moves.copy()
        moves[:, :-1] &= self.features.scale > 0
        return super().gradient(theta, sums) * moves

    def sweep(self, sums, raw, h, direction=None, delta=None, known=None):
        """See `CentredProblem.sweep`; a Hessian, too, is of the same evaluation.

        Parameters
        ----------
        sums : CurvatureSums or Sums
            Only the first is of a Hessian.
        """
        if not isinstance(sums, CurvatureSums):
            return super().sweep(sums, raw, h, direction, delta, known)
        self.passes += 1
        n_outputs, size = self.n_outputs, self.features.n_features + 1
        first, bend = np.zeros((n_outputs, size)), np.zeros(n_outputs)
        more = np.flatnonzero(self.predictors.featured_outputs)
        wants = not (self.keeps_hessian and self._last)
        seen = SweptOutputs(BlockSums(first, None, None, None))
        for block in self._small_blocks(len(raw)):
            z, at, along = self._z(block), raw[block], None
            if direction is not None:
                direction[block] = along = self._raw_of(z, delta)
                at = at + along
            found, slopes, packed = self.term.jets(at, h, block, wants, along)
            seen.add(found)
            first[:, -1] += slopes.sum(axis=0)
            first[more, :-1] += slopes[:, more].T @ z[:, :-1]
            if wants:
                sums.add(z, packed)
                bend += np.abs(packed[_diagonal(n_outputs)]).sum(axis=1)
        if wants:
            self._last = sums.total(), float(bend.sum())
            at = raw if direction is None else raw + direction
            self.bend, self.stiff = bend, self.stiff_of(bend, at)
        seen.hessian = self._last
        return seen

    def _small_blocks(self, n):
        """Slices of rows of which all that is formed stays in cache."""
        width = max(self.n_outputs**2, self.features.n_features + 1)
        n_rows = max(FEWEST_ROWS, MOST_NUMBERS // width)
        return [slice(i, min(i + n_rows, n)) for i in range(0, n, n_rows)]

    def _raw_of(self, z, theta):
        """z theta', of which only outputs with columns need products."""
        found = np.empty((len(z), self.n_outputs))
        found[:] = theta[:, -1]
        more = np.flatnonzero(self.predictors.featured_outputs)
        found[:, more] = z @ theta[more].T
        return found

    @property
    def has_units(self):
        """Whether each output has a unit of its own, as a scale beside a location."""
        return bool(getattr(self.term.loss, "parameters", None))

    def stiff_of(self, bend, raw):
        """What jitter is a share of, for each output that has a unit of its own."""
        if not self.has_units:
            return None
        squares = np.ones(len(bend))
        squares[0] = self.term.loss.unit_of(raw) ** 2
        return np.max(bend * squares) / squares

    def _z(self, block):
        """Centred rows and a column of ones, of a block that may be any."""
        features = self.features
        if features.is_sparse or features.blocks[0].stop == len(self.term.y):
            return features.chosen(np.arange(block.start, block.stop))
        z = np.empty((block.stop - block.start, features.n_features + 1))
        centre_rows(features.X[block], features.mean, features.scale, z)
        return z

    def bound(self, theta, h):
        """A lower bound of a convex objective; see `proof`."""
        return self.proof(theta, h)[1]

    def bound_by(self, theta, seen):
        """The same, by what a pass has seen there."""
        gradient = self.loss_gradient(theta, seen.sums)
        parts = seen.linear, seen.value, seen.sizes, self.term.lowest
        return self._bound_of(theta, gradient, *parts)

    def _bound_of(self, theta, gradient, *parts):
        ways = self.predictors.share_bounds, self.has_units
        return bound_of(self.price, theta, gradient, *parts, *ways)

    def proof(self, theta, h):
        """A lower bound of a convex objective, and the slopes at a point that make it.

        Parameters
        ----------
        theta : ndarray
        h : float
            The width of smoothed kinks: then the conjugate of the slopes is needed.

        Returns
        -------
        value : float
            The objective there, without smoothing; nan if that was not asked for.
        bound : float
            -inf if there is none.
        gradient : ndarray like theta, or None
            That of the loss.
        """
        found = self.proving(theta, h)
        if found is None:
            return np.nan, -np.inf, None
        sums, parts = found
        gradient = self.loss_gradient(theta, sums)
        value = np.nan if h > 0 else parts[1] + self.penalty(theta)
        return value, self._bound_of(theta, gradient, *parts), gradient

    def loss_gradient(self, theta, sums):
        return self.gradient(theta, sums) - self.price_slope(theta)

    def proving(self, theta, h):
        """The sums that make a bound: of slopes and features, and numbers.

        None if conjugates have no formula.
        """
        raw, offset = self.raw_at(theta), self.term.offset
        if h > 0:
            raw, values, slopes = self.term.conjugates_and_slopes(raw, h)
            if values is None:
                return None
        else:
            values, slopes = self.term.values_and_slopes(raw)
        sums = Sums(self.features, self.n_outputs)
        for block in self.features.blocks:
            sums.add(block, slopes[block])
        slopes *= raw if offset is None else raw - offset
        linear, sizes = slopes.sum(), np.abs(slopes).sum() + np.abs(values).sum()
        return sums, (linear, values.sum(), sizes, self.term.lowest)

    def bound_of_sums(self, theta, first, parts):
        """The same bound, by what `proving` has summed elsewhere."""
        sums = BlockSums(first, None, None, None)
        return self._bound_of(theta, self.loss_gradient(theta, sums), *parts)


def _diagonal(n_outputs):
    """Where the diagonal is in a packed lower triangle."""
    k = np.arange(n_outputs)
    return k * (k + 3) // 2
