"""MCP and SCAD: l1 norms from which large coefficients are exempt.

>>> import numpy as np
>>> from sklearn_losses import L1, MCP
>>> v = np.array([0.5, 2.0, 5.0])
>>> L1().prox(v), MCP(gamma=3.0).prox(v)  # large ones are not shrunk
(array([0., 1., 4.]), array([0. , 1.5, 5. ]))
"""

from __future__ import annotations

import numpy as np

from sklearn_losses._machine._params import Interval
from sklearn_losses._machine._typing import Weights
from sklearn_losses.penalties._base import WEIGHTS, FeaturePenalty
from sklearn_losses.penalties._price import Price


class Concave:
    """p(w) - lam |w|, of a p whose derivative is linear in pieces, and lam at 0.

    Parameters
    ----------
    pieces : list of (end, slope, curvature)
        Floats or ndarrays of shape (n_features,): from the end of the piece before up
        to this end p' is slope + curvature |w|.
    lam : ndarray of shape (n_features,)
        The l1 norm of which this is taken.
    scale : ndarray of shape (n_features,) or float
        Coefficients are those that are handed in times this.
    """

    def __init__(self, pieces, lam, scale=1.0):
        self.pieces, self.lam, self.scale = pieces, lam, scale

    def _slopes(self, size):
        """p' at sizes of coefficients."""
        found, start = np.zeros(size.shape), 0.0
        for end, slope, curvature in self.pieces:
            here = (size >= start) & (size < end)
            found = np.where(here, slope + curvature * size, found)
            start = end
        return found

    def values(self, u):
        """Of each coefficient."""
        size = np.abs(u * self.scale)
        found, start = -self.lam * size, 0.0
        for end, slope, curvature in self.pieces:
            to = np.clip(size, start, end)
            found = found + slope * (to - start) + 0.5 * curvature * (to**2 - start**2)
            start = end
        return found

    def slopes(self, u):
        """The derivative, which is 0 at 0."""
        w = u * self.scale
        return self.scale * np.sign(w) * (self._slopes(np.abs(w)) - self.lam)

    def curvatures(self, u):
        """The second derivative, <= 0."""
        size = np.abs(u * self.scale)
        found, start = np.zeros(size.shape), 0.0
        for end, _, curvature in self.pieces:
            found = np.where((size >= start) & (size < end), curvature, found)
            start = end
        return found * self.scale**2

    def prox(self, v, step, shrink):
        """argmin |w - v|^2 / 2 + step p(w) + (shrink - 1) w^2 / 2.

        The least of what each piece, and each end of one, has to offer: p may curve
        downward more than the square curves upward.
        """
        size, best, least, start = np.abs(v), np.zeros(v.shape), 0.5 * v * v, 0.0
        for end, slope, curvature in [*self.pieces, (np.inf, 0.0, 0.0)]:
            bend = shrink + step * curvature
            flat = np.where(bend > 0, bend, 1.0)
            inner = np.clip((size - step * slope) / flat, start, end)
            for w in (
                np.where(bend > 0, inner, start),
                np.broadcast_to(start, v.shape),
            ):
                price = self.values(w / self.scale) + self.lam * w
                cost = (
                    0.5 * (w - size) ** 2 + step * price + 0.5 * (shrink - 1.0) * w * w
                )
                best, least = np.where(cost < least, w, best), np.minimum(cost, least)
            start = end
        return np.sign(v) * best

    def scaled(self, scale):
        unit = np.where(scale > 0, scale, 1.0)
        return Concave(self.pieces, self.lam, self.scale * unit)

    def of_features(self, chosen):
        pieces = [
            tuple(a[chosen] if np.ndim(a) else a for a in piece)
            for piece in self.pieces
        ]
        scale = self.scale[chosen] if np.ndim(self.scale) else self.scale
        return Concave(pieces, self.lam[chosen], scale)


class _Concave(FeaturePenalty):
    """What the two share."""

    def _price(self, alpha, n_features, names):
        lam = alpha * np.ones(n_features) * self._weights(n_features, names)
        return Price(l1=lam, concave=Concave(self._pieces(lam), lam))


class MCP(_Concave):
    """The minimax concave penalty: alpha (|w| - w^2 / (2 gamma alpha)) near 0.

    From gamma * alpha on it is constant, so that large coefficients are not shrunk. It
    is not convex: a fit is a local minimum, and begins at the optimum of the l1 norm.

    Parameters
    ----------
    gamma : float, default=3.0
        > 1: how far shrinkage reaches, in units of alpha. Small values are near to
        keeping or dropping each feature, and have more local minima; large ones
        are near to the l1 norm.
    weights : array-like of shape (n_features,), or dict of name to float, default=None
        alpha is multiplied by these, each >= 0; 0: not penalised. None: all are 1.

    References
    ----------
    Zhang 2010, "Nearly unbiased variable selection under minimax concave penalty",
    Annals of Statistics 38.
    """

    _constraints = {"gamma": [Interval(1, None, "neither")], "weights": WEIGHTS}

    def __init__(self, gamma: float = 3.0, weights: Weights = None) -> None:
        self.gamma = gamma
        self.weights = weights

    def _pieces(self, lam):
        return [(self.gamma * lam, lam, -1.0 / self.gamma)]


class SCAD(_Concave):
    """The smoothly clipped absolute deviation: an l1 norm up to alpha.

    From alpha on its slope falls, to 0 at gamma * alpha, so that large coefficients are
    not shrunk. It is not convex: a fit is a local minimum, and begins at the optimum of
    the l1 norm.

    Parameters
    ----------
    gamma : float, default=3.7
        > 2: where shrinkage ends, in units of alpha.
    weights : array-like of shape (n_features,), or dict of name to float, default=None
        alpha is multiplied by these, each >= 0; 0: not penalised. None: all are 1.

    References
    ----------
    Fan and Li 2001, "Variable selection via nonconcave penalized likelihood and its
    oracle properties", Journal of the American Statistical Association 96.
    """

    _constraints = {"gamma": [Interval(2, None, "neither")], "weights": WEIGHTS}

    def __init__(self, gamma: float = 3.7, weights: Weights = None) -> None:
        self.gamma = gamma
        self.weights = weights

    def _pieces(self, lam):
        falls = 1.0 / (self.gamma - 1.0)
        return [
            (lam, lam, 0.0),
            (self.gamma * lam, self.gamma * lam * falls, -falls),
        ]
