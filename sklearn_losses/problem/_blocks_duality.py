"""The lower bound of rows in blocks: each block says what its slopes cost.

What makes slopes admissible, that they sum to 0 where there is an intercept, and that
an l1 norm can balance them, is of all blocks together. So a bound takes a pass, with
what is known already, and another one if that was not right.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_losses.penalties._conjugate import Conjugate
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._duality import Dual, _centred

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
    balance : object
        What is known of their sums; see `mix_of`.
    """

    point: Any
    h: float = 0.0
    unit: float = 1.0
    delta: Any = None
    zero: bool = False
    balance: Any = None

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
    total, sizes : float
        Of the conjugates.
    z : ndarray
    size : float
    left : ndarray
        What the slopes sum to, before they are shortened.
    balance : tuple
        Sums, from which `mix_of` knows how slopes have to be changed.
    """
    found, features, term = slopes.of(block)
    parts = term.loss, term.y, term.weight, features, Price(), block.fit_intercept
    dual = BlockDual(*parts, term.offset)
    with np.errstate(all="ignore"):
        of_term = dual.rows if term.couples_outputs else dual.points
        u, balance = of_term(found, mix)
        z, size = dual._z(found if found.any() else u, lambda rows: u[rows])
        chunks = ((rows, u[rows]) for rows in dual._chunks(u))
        total, sizes = dual._conjugates(chunks, factor)
        left = dual.weight @ u
    return total, sizes, z, float(np.max(size)), np.atleast_1d(left), balance


class BlockDual(Dual):
    """Slopes of a block, inside of their limits and mixed as they are told."""

    def points(self, slopes, mix):
        u = np.empty(len(slopes))
        for rows in self._chunks(slopes):
            u[rows] = self._inside(slopes[rows], rows)
        mass = self.weight * u
        up = float(np.maximum(mass, 0.0).sum())
        balance = np.array([up, up - float(mass.sum())])
        if mix is not None:
            u = u * np.where(u > 0, *mix)
        return u, (balance,)

    def rows(self, slopes, mix):
        n_outputs, classes = slopes.shape[1], self.y.astype(np.intp)
        u = _centred(self._u(slopes, slice(None)))
        frequency = np.bincount(classes, self.weight, n_outputs)
        balance = self.weight @ u, frequency
        if mix is not None:
            share, others = mix
            u = (1.0 - share) * u + others[classes]
        return u, balance


def mix_of(balance, loss):
    """How slopes are changed so that they sum to 0, or None if they do.

    Parameters
    ----------
    balance : tuple
        Of points, the sums of what is positive and of the sizes of the others; of rows,
        the sums of the slopes of each output, and the weights of the classes.
    loss : Loss

    Returns
    -------
    tuple or None
    """
    if len(balance) == 1:
        up, down = balance[0]
        if up == down:
            return None
        share = min(up, down) / max(up, down)
        return (share, 1.0) if up > down else (1.0, share)
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
        It has a `loss` and the `sum` of a task of its blocks.
    price : Price
        In units of the features.
    n_features : int
    has_intercept : bool
    """

    def __init__(self, blocks, price, n_features, has_intercept):
        self.blocks, self.has_intercept = blocks, has_intercept
        self.conjugate = Conjugate(price, n_features)

    def bound(self, slopes, reach=0.0, least=-np.inf):
        """D of `Slopes`, which are first moved to where D is finite.

        Parameters
        ----------
        slopes : Slopes
        reach : float
            As of `Dual.bound`.

        Returns
        -------
        float
            -inf if there is no such D.
        """
        factor, mix, balance = 1.0, None, slopes.balance
        if self.has_intercept and balance is not None:
            mix = mix_of(balance, self.blocks.loss)
        for _ in range(MOST_PASSES):
            found = self.blocks.sum(dual_part, slopes, mix, factor)
            total, sizes, z, size, left, balance = found
            steepness = balance[0].sum() if len(balance) == 1 else size
            surplus = np.abs(left).max()
            with np.errstate(all="ignore"):
                own = factor * z, factor * size, reach
                short, cost = self.conjugate.shortened(*own)
            needs = self.has_intercept and surplus > BALANCED * steepness
            if not needs and short == 1.0:
                self.z = factor * z
                return Dual._minus(total, sizes, cost)
            if needs:
                mix = mix_of(balance, self.blocks.loss)
            elif short < 1.0:
                factor *= (1.0 - INSIDE) * short
        return -np.inf
