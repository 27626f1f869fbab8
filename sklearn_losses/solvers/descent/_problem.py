"""What a descent minimises: an objective of the coefficients of centred features.

The features are centred and in units of their spread, so that scales and offsets of the
columns do not matter. theta holds their coefficients, and the intercept last: its shape
is (d + 1,) or, of a loss that couples outputs, (n_outputs, d + 1). What is around a
point costs one or two passes over the rows, which are counted.
"""

import math
from copy import copy
from dataclasses import dataclass

import numpy as np

from sklearn_losses.design._centred import Centred
from sklearn_losses.design._matrices import mirror
from sklearn_losses.design._sums import Sums
from sklearn_losses.losses import SquaredError
from sklearn_losses.problem._sweep import N_SUMS
from sklearn_losses.problem._together import sweep_rows
from sklearn_losses.solvers.descent._line_search import step_length
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.terms._points import PointTerm
from sklearn_losses.terms._term import Model


def has_small_matrix(objective):
    """Whether the Hessian has no more rows than Newton's method takes."""
    n_blocks = objective.n_outputs if objective.is_joint else 1
    return n_blocks * (objective.rows.n_features + 1) <= SETTINGS.most_features + 1


def bends_alike(loss):
    """Whether the curvature is the same everywhere."""
    return isinstance(loss.split_weight()[0], SquaredError)


def features_for(loss, rows, weight, centre, slopes=None):
    """The centred features: where a loss may be flat the far rows do not count."""
    return Centred(rows, weight, centre, slopes, keeps_far=bends_alike(loss))


def slopes_at_start(objective, coef, intercept, chosen=None):
    """Those of one output at the constant where it begins, if `Centred` can sum them.

    Returns
    -------
    ndarray of shape (n_rows,) or None
    """
    loss, rows = objective.loss, objective.rows
    is_smooth = loss.convex and loss.differentiable and objective.n_outputs == 1
    if not (rows.is_sparse and is_smooth) or objective.is_joint or coef.any():
        return None
    term = objective.term(chosen)
    c = term.best_constant() if objective.fit_intercept else intercept[0]
    return term.slopes(term.at_constant(c), 0.0)


@dataclass
class Swept:
    """What a pass over the rows has seen at raw predictions.

    Attributes
    ----------
    value, excess : float
        Of the loss, and what its smoothing adds.
    moment, size : float
        The sum of the slopes times the raw predictions, and that of the absolute
        values, at the least.
    steepness : float
        The sum of the sizes of the slopes.
    along : float
        The sum of the slopes times the direction, if there is one.
    sums : Sums
    whole : Model or None
        Of all rows, if they are one block: no other pass overwrites it.
    largest : float
        Of the rows' curvatures, if it may be large and is not that of `whole`.
    curvature : float or None
        Their sum, if they are wanted.
    """

    sums: Sums
    value: float = 0.0
    excess: float = 0.0
    moment: float = 0.0
    size: float = 0.0
    steepness: float = 0.0
    along: float = 0.0
    whole: Model | None = None
    largest: float = 0.0
    curvature: float | None = None

    def add(self, block):
        """Take in the `Model` of a block of rows."""
        self.value += block.value
        self.excess += block.excess
        self.moment += block.moment
        self.size += block.size
        self.steepness += block.steepness

    @property
    def largest_curvature(self):
        whole = None if self.whole is None else self.whole.curvatures
        return self.largest if whole is None else float(whole.max())


class CentredProblem:
    """The loss on rows, and what coefficients cost.

    Parameters
    ----------
    term : LossTerm
    features : Centred
    price : Price
        In the units of the features.
    has_intercept : bool
    is_convex : bool, default=True
    passes : int, default=0
        Over the rows, so far.
    memory : Matrix or Sketch, default=None
        A quadratic function of theta that is added, of rows that are gone.

    Attributes
    ----------
    l1, l2, low, high : ndarray of shape (d + 1,)
        Of the price, and of the intercept, which is free.
    moves : ndarray of shape (d + 1,)
        1, and 0 of what has no coefficient: constant columns, no intercept.
    is_joint : bool
        Whether the term couples outputs.
    sees_differences : bool
        Whether the term sees nothing of what is added to all outputs: its slopes sum
        to 0. Only an l2 norm sees it, and is least where they sum to 0.
    is_steep : bool
        Whether curvatures have no bound.
    couples_rows : bool
        Whether the term couples rows, of which a sweep then has no blocks.
    follows_kinks : bool
        Whether slopes of all rows are at hand, which say where kinks lead.
    """

    couples_rows = follows_kinks = False

    def __init__(
        self,
        term,
        features,
        price,
        has_intercept,
        *,
        is_convex=True,
        passes=0,
        memory=None,
    ):
        self.memory = memory
        self.term, self.features, self.price = term, features, price
        self.has_intercept, self.is_convex = has_intercept, is_convex
        self.passes = passes
        self.n_outputs, self.is_joint = term.n_outputs, term.couples_outputs
        self.sees_differences = self.is_joint and term.loss.has_conjugate
        self.is_steep = not term.loss.smoothness < math.inf
        self.has_kinks = price.has_kinks
        self.l2, self.l1, self.low, self.high = of_all = np.empty(
            (4, features.n_features + 1)
        )
        parts = price.l2, price.l1, price.low, price.high
        for array, of_features in zip(of_all, parts):
            array[:-1] = of_features
        of_all[:, -1] = 0.0, 0.0, -np.inf, np.inf  # of the intercept
        self.moves = np.empty(features.n_features + 1)
        self.moves[:-1], self.moves[-1] = features.scale > 0, has_intercept

    @classmethod
    def of(cls, objective, features, term, passes=0):
        """The same of an objective of one output, or of outputs that share it."""
        price = objective.penalty.scaled(features.scale)
        convex = objective.is_convex
        parts = term, features, price, objective.fit_intercept
        return cls(*parts, is_convex=convex, passes=passes)

    def with_term(self, term):
        """The same with another loss."""
        other = copy(self)
        other.term = term
        return other

    @property
    def has_small_matrix(self):
        n_blocks = self.n_outputs if self.is_joint else 1
        return n_blocks * len(self.l2) <= SETTINGS.most_features + 1

    def point(self, coef, intercept):
        """theta of coefficients of the features as they are."""
        scale = self.features.scale
        theta = np.zeros((*np.shape(intercept), self.features.n_features + 1))
        np.divide(coef, scale, out=theta[..., :-1], where=scale > 0)
        theta[..., -1] = intercept + coef @ self.features.mean
        if self.sees_differences and not self.has_kinks:
            theta -= theta.mean(axis=0)
        return theta

    def unscaled(self, theta):
        """coef and intercept of the features as they are."""
        return self.features.unscaled(theta[..., :-1], theta[..., -1])

    def n_different_rows(self):
        """How many rows there are, without copies: those are a weight.

        Where there are many for each coefficient the number does not matter.
        """
        n_rows, d = self.features.n_rows, self.features.n_features
        if n_rows > SETTINGS.many_rows * (d + 1) or d == 0:
            return n_rows
        return self.features.n_different(self.term.weight)

    # ------------------------------------------------------------------ values
    def raw(self, theta):
        """What features and intercept add to raw predictions, in a pass."""
        self.passes += 1
        return self.features.raw(theta)

    def raw_at(self, theta):
        """The raw predictions at a point."""
        found, offset = self.raw(theta), self.term.offset
        return found if offset is None else found + offset

    def value_at(self, raw, theta, seen=None):
        """The objective at raw predictions, which a pass may have seen."""
        loss = self.term.value(raw) if seen is None else seen.value
        return loss + self.penalty(theta)

    def value_along(self, raw, direction, t, theta):
        """The objective at raw + t direction, where the coefficients are theta."""
        return self.term.value(raw, direction, t) + self.penalty(theta)

    def penalty(self, theta):
        """What is not the loss of the rows."""
        total = 0.5 * float(np.vdot(self.l2 * theta, theta))
        if self.has_kinks:
            total += float((np.abs(theta) @ self.l1).sum())
        if not self.price.is_simple:
            total += self.price.rest(theta[..., :-1])
        if self.memory is not None:
            total += self.memory.value(theta)
        return total

    def price_slope(self, theta):
        """The gradient of what is smooth of the price."""
        gradient = self.l2 * theta
        if not self.price.is_simple:
            gradient[..., :-1] += self.price.rest_slope(theta[..., :-1])
        return gradient

    def gradient(self, theta, sums):
        """Of all that is smooth, from the sums of the loss's slopes."""
        gradient = self.price_slope(theta)
        gradient += sums.first.reshape(theta.shape)
        if self.memory is not None:
            gradient += self.memory.gradient(theta)
        if not self.moves[-1]:
            gradient[..., -1] = 0.0
        return gradient

    def line(self, theta, delta):
        """The slope of the objective at theta + t delta, from that of the loss there.

        Returns
        -------
        callable
            (t, slope of the loss) -> float
        """
        bent = self.l2 * delta
        level, rise = float(np.vdot(bent, theta)), float(np.vdot(bent, delta))
        if self.memory is not None:
            level += float(np.vdot(self.memory.gradient(theta), delta))
            rise += float(np.vdot(self.memory.product(delta), delta))

        def slope(t, of_loss):
            found = of_loss + (level + t * rise)
            if not self.price.is_simple:
                rest = self.price.rest_slope((theta + t * delta)[..., :-1])
                found += float(np.vdot(rest, delta[..., :-1]))
            if self.has_kinks:
                for part in self._kinks_along(theta, theta + t * delta, delta):
                    found += part
            return found

        return slope

    def step_length(self, state, step, h, slope, is_lower):
        """How far a step should go; see `_line_search`."""
        return step_length(slope, step.slope, is_lower, self.is_convex)

    def _kinks_along(self, theta, x, delta):
        """The slopes of l1 norm and norm at x, between theta and where it leads."""
        at_0 = np.abs(x) <= SETTINGS.at_kink * np.abs(theta)
        from_left = np.where(at_0, -np.abs(delta), np.sign(x) * delta)
        of_norm, norm = 0.0, self.price.norm
        if norm is not None:
            here = np.atleast_2d(np.where(at_0, 0.0, x))[:, :-1]
            of_norm = norm.slope_before(here, np.atleast_2d(delta)[:, :-1])
        return float((from_left @ self.l1).sum()), of_norm

    # ------------------------------------------------------------------ passes
    def sweep(self, sums, raw, h, direction=None, delta=None, known=None):
        """The loss and its slopes at raw predictions, in one pass over the rows.

        Parameters
        ----------
        sums : Sums
            What is added up.
        raw : ndarray
            Raw predictions.
        h : float
            The half-width over which kinks are smoothed.
        direction : ndarray or None
            Then it is at raw + direction, which becomes the raw predictions of `delta`.
        known : ndarray of shape (n_features,) or None
            sum g x, if that is known: X need not be read.

        Returns
        -------
        Swept
        """
        seen = Swept(sums)
        if known is not None:
            sums.know(known)
        self.passes += known is None
        if sums.wanted is None and self.term.has_kernels and known is None:
            found = self.sweep_stored(self.term, sums, raw, direction, delta, h)
            value, middle, seen.moment, seen.size, seen.steepness, seen.along, _ = found
            seen.value = value
            seen.excess = 0.5 * (middle - value) if h > 0 else 0.0
            return seen
        for block in self.features.blocks:
            self._sweep_block(seen, block, raw, h, direction, delta)
        if sums.wanted is not None:
            seen.curvature = sum(sums.of_c.tolist())
        return seen

    def _sweep_block(self, seen, block, raw, h, direction, delta):
        sums, is_one = seen.sums, len(self.features.blocks) == 1
        at, along = raw[block], None
        if direction is not None:
            along = self.features.raw(delta, block)
            direction[block] = along
            at = at + along
        with_curvatures = sums.wanted is not None
        here = self.term.model(at, h, None if is_one else block, with_curvatures)
        seen.add(here)
        seen.whole = here if is_one else None
        if with_curvatures and self.is_steep and not is_one:
            seen.largest = max(seen.largest, float(here.curvatures.max()))
        if along is not None:
            seen.along += float(np.vdot(here.slopes, along))
        sums.add(block, here.slopes, here.curvatures)

    def sweep_stored(self, term, sums, raw, direction, delta, h):
        """A pass in compiled loops, which adds to sums; returns what it counts."""
        found = np.zeros(N_SUMS)
        at = np.zeros_like(self.l2) if direction is None else delta
        theta = self.features.for_stored(at)

        def add(gradient):
            for block, *rows in self.features.stored():
                along = None if direction is None else direction[block]
                of_block = term.sums_of(block)
                found[:] += sweep_rows(
                    rows, of_block, theta, raw[block], along, h, gradient
                )
            return found[-1]

        sums.add_stored(add)
        return found

    def hessian(self, raw, h):
        """The loss's Hessian of all outputs, and the sum of the rows' traces."""
        self.passes += 1
        size, n_outputs = self.features.n_features + 1, self.n_outputs
        found, total = np.zeros((n_outputs, size, n_outputs, size)), 0.0
        n_rows = max(1, SETTINGS.most_numbers // (n_outputs * max(n_outputs, size)))
        for start in range(0, len(raw), n_rows):
            block = slice(start, min(start + n_rows, len(raw)))
            hessians = self.term.hessians(raw[block], h, block)
            traces = np.einsum("ikk->i", hessians)
            total += float(traces.sum())
            # Where kinks are narrow most rows are flat, and left out.
            least = SETTINGS.no_curvature * traces.max(initial=0.0)
            here = np.flatnonzero(traces > least)
            self.features.add_coupled(here + start, hessians[here], found)
        return _mirrored(found), total

    def products(self, raw, h):
        """The product of the loss's Hessian with a vector, a pass over the rows.

        It is the gradient of sum c (z . v)^2 / 2, with the curvatures c.

        Returns
        -------
        product : callable
        curvature : ndarray of shape () or (n_outputs,)
            The sum of the rows' curvatures, of each output.
        """
        if self.is_joint:
            return self._coupled_products(self.term.hessians(raw, h, slice(None)))
        curvatures = self.term.model(raw, h).curvatures
        at_0, along = np.zeros_like(raw), np.empty_like(raw)
        squares = PointTerm(SquaredError(), at_0, curvatures)

        def product(v):
            self.passes += 1
            sums = Sums(self.features)
            self.sweep_stored(squares, sums, at_0, along, v, 0.0)
            return sums.first[0]

        return product, curvatures.sum()

    def _coupled_products(self, hessians):
        def product(v):
            along = self.raw(v)
            return self.sums(np.einsum("ikl,il->ik", hessians, along)).first

        return product, np.einsum("ikk->k", hessians)

    def moments(self, slopes, curvatures):
        """The sums of slopes times features, and the Hessian of curvatures.

        Parameters
        ----------
        slopes : ndarray of the shape of raw predictions
        curvatures : ndarray of shape (n_rows,) or (n_rows, n_outputs, n_outputs)
        """
        if not self.is_joint:
            sums = self.sums(slopes, curvatures, "full")
            return sums.first, sums.second[0]
        size = self.features.n_features + 1
        found = np.zeros((self.n_outputs, size, self.n_outputs, size))
        self.features.add_coupled(np.arange(len(slopes)), curvatures, found)
        return self.sums(slopes).first, _mirrored(found)

    def sums(self, slopes, curvatures=None, second=None):
        """The sums over the rows of slopes times features, and second moments."""
        sums = Sums(self.features, self.n_outputs, second=second)
        for block in self.features.blocks:
            some = None if curvatures is None else curvatures[block]
            sums.add(block, slopes[block], some)
        return sums


def _mirrored(blocks):
    """The matrix of blocks k, ., l, . that are there for l <= k."""
    found = blocks.reshape(blocks.shape[0] * blocks.shape[1], -1)
    mirror(found)
    return found
