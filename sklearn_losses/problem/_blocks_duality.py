"""The lower bound of rows in blocks: each block says what its slopes cost.

What makes slopes admissible, that they sum to 0 where there is an intercept, and that
an l1 norm can balance them, is of all blocks together. Slopes of points are shortened
for that, by as much as sums by their sign say after the pass. Those of rows are mixed
with others, which takes another pass.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_losses.penalties._conjugate import Conjugate
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._duality import Dual, _centred
from sklearn_losses.terms._term import has_minimum_0

BALANCED = 4e-15  # of the sizes of all slopes is rounding of their sum
INSIDE = 1e-13  # by which slopes are shortened more than an l1 norm asks
MOST_PASSES = 6


@dataclass(frozen=True)
class Slopes:
    """Which slopes: the loss's own at a point, or those foreseen at the end of a step.

    Parameters
    ----------
    point : Point
    h, unit : float
        The smoothing, and the unit of residuals.
    delta : ndarray or None
        The step, to whose end the curvature at the point leads.
    zero : bool
        Whether they are 0, whatever the point is.
    masses : ndarray or None
        Of points: what is known of the sizes of those of both signs. Of rows: of the
        sum of each output.
    """

    point: Any
    h: float = 0.0
    unit: float = 1.0
    delta: Any = None
    zero: bool = False
    masses: Any = None

    @property
    def are_own(self):
        """Whether they are those of the loss at the point."""
        return self.h == 0 and self.delta is None and not self.zero

    def of(self, block):
        """The slopes of a block, its features and its term."""
        features, term, p = self.point.seen_from(block)
        term.unit = self.unit
        if self.zero:
            return np.zeros(term.shape), features, term
        if self.delta is None:
            return term.slopes(p, self.h), features, term
        around = term.model(p, self.h)
        along = features.raw(self.delta)
        return around.slopes + around.curvatures * along, features, term


def dual_part(block, slopes, mix, factor):
    """What the slopes of a block contribute to a bound.

    Parameters
    ----------
    block : Objective
    slopes : Slopes
    mix : tuple or None
        How they are changed so that all sum to 0: of points, the factors of those that
        are positive and of the others; of rows, see `mix_of`.
    factor : float
        By which all are shortened then.

    Returns
    -------
    tuple
        Sums: of points those of `BlockDual.sides`, of rows those of
        `BlockDual.mixed`.
    """
    found, features, term = slopes.of(block)
    parts = term.loss, term.y, term.weight, features, Price(), block.fit_intercept
    dual = BlockDual(*parts, term.offset)
    of_term = dual.mixed if term.couples_outputs else dual.sides
    with np.errstate(all="ignore"):
        return of_term(found, mix, factor)


class BlockDual(Dual):
    """Slopes of a block, inside of their limits and mixed as they are told."""

    def sides(self, slopes, mix, factor):
        """Sums of the slopes of points that are positive, and of the others.

        Whatever share s of a side is taken, its conjugates sum to no more than s of
        what they are and 1 - s of those of 0, as they are convex; where a loss is
        linear, to just that. So nobody has to know the shares before a pass.

        Returns
        -------
        masses : ndarray of shape (2,)
            The sizes of the slopes.
        totals, sizes, zeros : ndarray of shape (2,)
            Conjugates, their sizes, and conjugates of 0, if it is not known how they
            are mixed.
        z : ndarray of shape (n_features, 2), or (n_features, 1) of both together
            The latter where it is known how they are mixed.
        """
        u = np.empty((len(slopes), 2 if mix is None else 1))
        masses, totals, sizes, zeros = np.zeros((4, 2))
        for rows in self._chunks(slopes):
            each = factor * self._inside(slopes[rows], rows)
            is_up = each > 0
            if mix is not None:
                each *= np.where(is_up, *mix)
            up = np.maximum(each, 0.0)
            u[rows, 0] = each if mix is not None else up
            if mix is None:
                np.subtract(each, up, out=u[rows, 1])
            up, mass = (self.weight[rows] * part for part in (up, each))
            masses += up.sum(), up.sum() - mass.sum()
            cost = self._costs(each, rows)
            totals += _of_sides(cost, is_up)
            sizes += _of_sides(np.abs(cost), is_up)
            if mix is None and not has_minimum_0(type(self.loss)):
                zeros += _of_sides(self._costs(np.zeros(len(each)), rows), is_up)
        if not self.has_intercept:
            masses = np.ones(2)
        z = self._z(u, lambda rows: u[rows])[0]
        return masses, totals, sizes, zeros, z

    def _costs(self, u, rows):
        """omega loss*(y, u) of points, and the share of offsets."""
        found = self._conjugate(self.y[rows], u)
        if self.offset is not None:
            found -= u * self.offset[rows]
        found *= self.weight[rows]
        return np.where(self.weight[rows] > 0, found, 0.0)

    def mixed(self, slopes, mix, factor):
        """Sums of the slopes of rows.

        Returns
        -------
        total, sizes : float
            Of the conjugates.
        z : ndarray
        size : float
        left : ndarray
            What the slopes sum to, before they are shortened.
        balance : tuple
            Sums, from which `mix_of` knows how slopes have to be changed.
        """
        n_outputs, classes = slopes.shape[1], self.y.astype(np.intp)
        u = _centred(self._u(slopes, slice(None)))
        frequency = np.bincount(classes, self.weight, n_outputs)
        balance = self.weight @ u, frequency
        if mix is not None:
            share, others = mix
            u = (1.0 - share) * u + others[classes]
        z, size = self._z(slopes if slopes.any() else u, lambda rows: u[rows])
        chunks = ((rows, u[rows]) for rows in self._chunks(u))
        total, sizes = self._conjugates(chunks, factor)
        return total, sizes, z, float(np.max(size)), self.weight @ u, balance


def _of_sides(cost, is_up):
    up = float(cost @ is_up)
    return up, float(cost.sum()) - up


def mix_of(balance, loss):
    """How the slopes of rows are changed so that they sum to 0, or None if they do.

    Parameters
    ----------
    balance : tuple
        The sums of the slopes of each output, and the weights of the classes.
    loss : Loss

    Returns
    -------
    tuple or None
    """
    surplus, of_classes = balance
    n_outputs = len(surplus)
    loss, _ = loss.split_weight()
    target = loss._distribution(np.arange(float(n_outputs)), n_outputs)
    frequency = of_classes @ target
    surplus = surplus - surplus.mean()
    # Mixed with slopes q - t of the same distribution q for each row's t.
    unseen = frequency == 0
    need = np.where(unseen, 0.0, surplus / np.where(unseen, 1.0, frequency)).max()
    share = max(need, 0.0) / (1.0 + max(need, 0.0))
    if share == 0:
        return None
    q = (frequency - (1.0 - share) / share * surplus) / of_classes.sum()
    return share, share * (q - target)


class BlocksDual:
    """D of slopes of rows in blocks; see `Dual`.

    Parameters
    ----------
    blocks : object
        It has a `loss` and the sums of `dual_part`, its `dual`.
    price : Price
        In units of the features.
    n_features : int
    has_intercept : bool
    is_joint : bool
        Whether slopes are those of rows.
    """

    def __init__(self, blocks, price, n_features, has_intercept, is_joint):
        self.blocks, self.has_intercept = blocks, has_intercept
        self.is_joint, self.is_strict = is_joint, price.has_kinks
        self.conjugate = Conjugate(price, n_features)

    def bound(self, slopes, reach=0.0, least=-np.inf):
        """D of `Slopes`, which are first moved to where D is finite.

        Parameters
        ----------
        slopes : Slopes
        reach : float
            As of `Dual.bound`.
        least : float
            What would be of use: another pass is made if it may lead there.

        Returns
        -------
        float
            -inf if there is no such D.
        """
        with np.errstate(all="ignore"):
            if self.is_joint:
                return self._of_rows(slopes, reach)
            is_known = self.has_intercept and not self.is_strict
            mix = self._shares(slopes.masses) if is_known else None
            found, shares, slack = self._of_points(slopes, mix, reach)
            if shares is None:  # it was known wrong
                found, shares, slack = self._of_points(slopes, None, reach)
            if found < least <= found + slack:
                if shares.max() < 1.0:  # an l1 norm must not refuse them by rounding
                    shares = (1.0 - INSIDE) * shares
                again, _, _ = self._of_points(slopes, tuple(shares), reach)
                found = max(found, again)
            return found

    @staticmethod
    def _shares(masses):
        """Of the slopes of both signs, so that all sum to 0; None if nobody knows."""
        if masses is None or not masses.all():
            return None
        return tuple(masses.min() / masses)

    def _of_points(self, slopes, mix, reach):
        """D by one pass, the shares of both sides, and what they may have cost."""
        masses, totals, sizes, zeros, z = self.blocks.dual(slopes, mix, 1.0)
        shares = np.ones(2)
        if mix is None:
            if self.has_intercept and masses[0] != masses[1]:
                shares = np.nan_to_num(masses.min() / masses)
            z = z @ shares
        elif abs(masses[0] - masses[1]) > BALANCED * masses.sum():
            return -np.inf, None, 0.0
        z, size = z.reshape(len(z)), float(masses @ shares)
        short, cost = self.conjugate.shortened(z, size, reach)
        if short < 1.0 and mix is not None:
            return -np.inf, None, 0.0
        if short < 1.0:
            shares = (1.0 - INSIDE) * short * shares
            z = (1.0 - INSIDE) * short * z
            short, cost = self.conjugate.shortened(z, size, reach)
        self.z, rest = z, np.where(shares < 1.0, (1.0 - shares) * zeros, 0.0)
        total = float(shares @ totals + rest.sum())
        size = float(sizes.sum() + np.abs(zeros).sum())
        return Dual._minus(total, size, cost), shares, (1.0 - shares.min()) * size

    def _of_rows(self, slopes, reach):
        factor, mix = 1.0, None
        of_classes = self.blocks.of_classes
        if self.has_intercept and slopes.masses is not None and of_classes is not None:
            mix = mix_of((slopes.masses, of_classes), self.blocks.loss)
        for _ in range(MOST_PASSES):
            found = self.blocks.dual(slopes, mix, factor)
            total, sizes, z, size, left, balance = found
            short, cost = self.conjugate.shortened(factor * z, factor * size, reach)
            needs = self.has_intercept and np.abs(left).max() > BALANCED * size
            if not needs and short == 1.0:
                self.z = factor * z
                return Dual._minus(total, sizes, cost)
            if needs:
                mix = mix_of(balance, self.blocks.loss)
            elif short < 1.0:
                factor *= (1.0 - INSIDE) * short
        return -np.inf
