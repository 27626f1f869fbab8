"""The least value of an objective, by a solver that shares nothing with the package's.

Newton's method in whitened coordinates, where all directions of the data have the same
variance. Kinks are smoothed over a width that shrinks to 1e-7 of the targets' spread.
Of the package it uses the losses, which its tests hold to mpmath's formulas. Convex
losses only: the result is then bounded from below by Fenchel duality, too.
"""

import numpy as np
from scipy import linalg, sparse
from scipy.special import softmax
from sklearn.base import clone

from sklearn_losses import IdentityLink

WIDTHS = 10.0 ** -np.arange(0.0, 7.5, 0.5)  # of the smoothing, relative
STEPS = 40  # of Newton's method at each width
FLOOR = 1e-4  # of the curvature, times the targets' spread, where a loss has kinks
RANK = 1e-11  # singular values below this share of the largest are none


class Whitened:
    """Coordinates z of (w, b) in which the raw predictions are U z, U'U / n = 1.

    Of all w with the same predictions, the least is taken, as the penalty does.
    """

    def __init__(self, X, alpha, fit_intercept=True):
        X = X.toarray() if sparse.issparse(X) else X
        self.mean = X.mean(axis=0) * fit_intercept
        centred = X - self.mean
        size = np.sqrt(np.mean(centred**2, axis=0))
        # What is left of a constant column after centring is rounding.
        varies = size > 1e-13 * np.abs(self.mean)
        size[~varies] = 1.0
        centred = np.where(varies, centred / size, 0.0)
        U, values, V = linalg.svd(centred, full_matrices=False)
        keep = values > RANK * max(values[0], 1e-300)
        root = np.sqrt(len(X))
        T = (V[keep].T * (root / values[keep])) / size[:, None]
        unseen = self._unseen(V, keep, size)
        self.T = T - unseen @ (unseen.T @ T)
        one = np.full((len(X), 1), float(fit_intercept))
        self.U = np.hstack([U[:, keep] * root, one])
        self.ridge = np.zeros((self.U.shape[1],) * 2)
        self.ridge[:-1, :-1] = alpha * self.T.T @ self.T

    @staticmethod
    def _unseen(V, keep, size):
        """An orthonormal basis of the w that change no prediction, where d <= n."""
        if V.shape[0] < V.shape[1] or keep.all():
            return np.zeros((len(size), 0))
        return linalg.orth(V[~keep].T / size[:, None])

    def coefficients(self, z):
        w = self.T @ z[:-1]
        return w, z[-1] * self.U[0, -1] - self.mean @ w


def _lowest(falls):
    """How far a direction falls: brackets and halves, up to 1e6."""
    low, high = 0.0, 1.0
    while falls(high) and high < 1e6:
        low, high = high, 4.0 * high
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if falls(middle) else (low, middle)
    return 0.5 * (low + high)


def _newton(slope, hessian, z, along):
    """Newton's method with a search for the root of the slope along each direction."""
    for _ in range(STEPS):
        g = slope(z)
        H = hessian(z)
        scale = 1.0 / np.sqrt(np.diag(H) + 1e-300)
        H = H * scale * scale[:, None]
        H[np.diag_indices_from(H)] += 1e-13
        direction = -scale * linalg.solve(H, scale * g, assume_a="pos")
        decrement = -g @ direction
        if not decrement > 1e-14 * along.scale:
            break
        z = z + along.root(z, direction) * direction
    return z


class _Along:
    """The step at which a convex function stops falling along a direction."""

    def __init__(self, slope, scale):
        self.slope, self.scale = slope, scale

    def root(self, z, direction):
        def falls(t):
            with np.errstate(over="ignore", invalid="ignore"):
                return self.slope(z + t * direction) @ direction < 0

        return _lowest(falls)


def of_points(loss, white, y, start, weight=None):
    """The minimiser z of mean loss + ridge, for a loss with one raw prediction.

    Every loss is smoothed, less and less: one that is linear far out, as Huber's, has
    no curvature where a fit begins, and one with kinks has it nowhere else. Of all that
    was found on the way, the best is returned.
    """
    share = np.full(len(y), 1.0 / len(y)) if weight is None else weight / weight.sum()
    z = np.zeros(white.U.shape[1])
    z[-1] = start

    def F(z):
        return share @ loss.value(y, white.U @ z) + 0.5 * z @ white.ridge @ z

    scale = max(abs(F(z)), 1e-300)
    best, least = z, F(z)
    with np.errstate(over="ignore", invalid="ignore"):
        for smooth in _path(loss, y, share):
            z = _newton_on_rows(smooth, white, z, scale)
            if F(z) < least:
                best, least = z, F(z)
    return best


def _path(loss, y, share):
    """Smooth losses, each a start for the next; the last is the loss, or nearly."""
    spread = spread_of(loss, y)
    if loss.name == "linex":  # its exponentials leave nothing to be smoothed
        for a in np.geomspace(1.0 / spread, max(abs(loss.a), 1.0 / spread), 25):
            easier = clone(loss).set_params(a=float(np.copysign(a, loss.a)))
            yield _Smoothed(easier, y, share, 0.0, 0.0)
        yield _Smoothed(loss, y, share, 0.0, 0.0)
        return
    for h in spread * (WIDTHS if np.isfinite(loss.lipschitz) else WIDTHS[:8:2]):
        yield _Smoothed(loss, y, share, h, FLOOR / spread)
    if _has_curvature(loss, y):
        yield _Smoothed(loss, y, share, 0.0, 0.0)


def _has_curvature(loss, y):
    try:
        loss.curvature(y[:1], y[:1])
    except ValueError:  # it is a loss of numpy functions, without one
        return False
    return loss.differentiable


def spread_of(loss, y):
    """A unit of raw predictions."""
    if loss.task != "regression" or type(loss.link) is not IdentityLink:
        return 1.0
    return max(np.std(y), 1e-9 * np.abs(y).max(), 1e-300)


class _Smoothed:
    """The mean over raw -+ h of a loss: its slopes and curvatures, times the shares."""

    def __init__(self, loss, y, share, h, floor):
        self.loss, self.y, self.share, self.h, self.floor = loss, y, share, h, floor

    def slopes(self, raw):
        if self.h == 0.0:
            return self.share * self.loss.gradient(self.y, raw)
        return self.share * self._difference(self.loss.value, raw)

    def curvatures(self, raw):
        if self.h == 0.0:
            return self.share * self.loss.curvature(self.y, raw)
        return self.share * (self._difference(self.loss.gradient, raw) + self.floor)

    def _difference(self, function, raw):
        rise = function(self.y, raw + self.h) - function(self.y, raw - self.h)
        return rise / (2.0 * self.h)


def _newton_on_rows(smooth, white, z, scale):
    """Newton's method, each step as long as the objective falls."""
    U, ridge = white.U, white.ridge
    for _ in range(STEPS):
        raw = U @ z
        g = U.T @ smooth.slopes(raw) + ridge @ z
        H = (U.T * smooth.curvatures(raw)) @ U + ridge
        if not (np.isfinite(g).all() and np.isfinite(H).all()):
            break  # an exponential of a far prediction
        direction = _newton_direction(g, H)
        if not -g @ direction > 1e-14 * scale:
            break
        z = z + _step(smooth, raw, U @ direction, ridge, z, direction) * direction
    return z


def _newton_direction(g, H):
    scale = 1.0 / np.sqrt(np.diag(H) + 1e-300)
    H = H * scale * scale[:, None]
    H[np.diag_indices_from(H)] += 1e-13
    try:
        return -scale * linalg.solve(H, scale * g, assume_a="pos")
    except linalg.LinAlgError:
        H[np.diag_indices_from(H)] += 1e-8
        return -scale * np.linalg.lstsq(H, scale * g, rcond=None)[0]


def _step(smooth, raw, along, ridge, z, direction):
    """The step at which the objective no longer falls, by halving."""
    linear, quadratic = direction @ ridge @ z, direction @ ridge @ direction

    def falls(t):
        slopes = smooth.slopes(raw + t * along)
        return slopes @ along + linear + t * quadratic < 0

    with np.errstate(over="ignore", invalid="ignore"):
        return _lowest(falls)


def lower_bound(loss, white, y, z, alpha):
    """A bound of the least value, by the dual point that is next to z (alpha > 0).

    sup over a of -mean(loss*(y, a)) - |X'a / n|^2 / (2 alpha), with sum(a) = 0.
    """
    n = len(y)
    raw = white.U @ z
    h = (np.std(y) if loss.task == "regression" else 1.0) * WIDTHS[-1]
    if loss.differentiable:
        a = loss.gradient(y, raw)
    else:
        a = (loss.value(y, raw + h) - loss.value(y, raw - h)) / (2 * h)
    a *= 1.0 - 1e-6  # rounding may have put it outside of the domain
    by_z = white.U.T @ a / n
    # X'a/n lies in the span of T: the norm of v with T'v = by_z.
    v = np.linalg.lstsq(white.T.T, by_z[:-1], rcond=None)[0]
    return -np.mean(loss.conjugate(y, a)) - v @ v / (2 * alpha)


def of_rows(name, white, y, n_classes):
    """Of CrossEntropy or MulticlassHinge: the minimiser, of shape (n_classes, size).

    The hinge is the limit of t logsumexp((raw + margin) / t) as t falls to 0.
    """
    U, n, size = white.U, len(y), white.U.shape[1]
    own = np.zeros((n, n_classes))
    own[np.arange(n), y.astype(int)] = 1.0
    is_hinge = name == "multiclass_hinge"
    margin = 1.0 - own if is_hinge else 0.0 * own
    ridge = np.kron(np.eye(n_classes), white.ridge)
    z = np.zeros(n_classes * size)
    for t in WIDTHS[: 2 * 5] if is_hinge else [1.0]:

        def raw(z):
            return U @ z.reshape(n_classes, size).T + margin

        def slope(z, t=t):
            P = softmax(raw(z) / t, axis=1)
            return ((P - own).T @ U / n).ravel() + ridge @ z

        def hessian(z, t=t):
            P = softmax(raw(z) / t, axis=1)
            H = ridge.copy()
            for k in range(n_classes):
                for m in range(k + 1):
                    c = P[:, k] * ((k == m) - P[:, m]) / (n * t)
                    block = (U.T * c) @ U
                    here = np.s_[k * size : (k + 1) * size]
                    there = np.s_[m * size : (m + 1) * size]
                    H[here, there] += block
                    if m < k:
                        H[there, here] += block
            # The sum of all outputs is free but for the ridge.
            H[np.diag_indices_from(H)] += 1e-9 * np.trace(H) / len(H)
            return H

        z = _newton(slope, hessian, z, _Along(slope, 1.0))
    return z.reshape(n_classes, size)
