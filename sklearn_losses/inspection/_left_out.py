"""What one Newton step says of the fit without a row, of all rows, in one pass.

F without row i is, times what the weights then sum to,

    sum_(j != i) s_j loss_j + (S - s_i) penalty,

so that a step from the minimum of F goes along A_i^-1 (g_i z_i + omega_i Lambda theta)
with A_i = H - omega_i Lambda - z_i c_i z_i', omega_i = s_i / S. In directions T with
T' H T = 1 in which the penalty's Lambda is diagonal, too, A_i is diagonal but for the
last part, of as many dimensions as a row has raw predictions. It is exact for the
squared error.
"""

from dataclasses import dataclass, fields

import numpy as np

from sklearn_losses._machine._params import NONE, Interval
from sklearn_losses.problem._blocks import LocalBlocks, second_order
from sklearn_losses.solvers.descent._exact import (
    on_support,
    polished,
    sees_differences,
)

TOP = [NONE, Interval(1, None, "left", integer=True)]
ENTRIES = 1 << 20  # of the rows' coordinates, of a block of rows
ALONE = 1e-10  # of a row's curvature is that of others: it decides a coefficient alone


@dataclass
class Axes:
    """Directions in which the curvature is 1, and what moves along them.

    Attributes
    ----------
    T : ndarray of shape (n_outputs, n_features + 1, n_directions)
        In the units of an `ExactCurvature`.
    share : ndarray of shape (n_directions,)
        Of the penalty in the curvature.
    pull : ndarray of shape (n_directions,)
        The slope of the penalty.
    watched : tuple of ndarray, or None
        The slope and the second derivatives of something else, which rows may change.
    """

    T: np.ndarray
    share: np.ndarray
    pull: np.ndarray
    watched: tuple[np.ndarray, np.ndarray] | None = None

    def watch(self, step):
        """By how much that changes with steps, to second order."""
        slope, bend = self.watched
        return step @ slope + 0.5 * np.einsum("nr,nr->n", step @ bend, step)


@dataclass
class LeftOut:
    """What is said of each row of a block, and sums over them.

    Attributes
    ----------
    rows : ndarray of int of shape (n,)
    leverage, distance : ndarray of shape (n,)
        tr(c q) and tr(q) of q = z' H^-1 z, but for what all classes have in common.
    slope : ndarray of shape (n, n_outputs)
        Of the loss without its weight.
    loss, loss_left_out : ndarray of shape (n,)
    raw_left_out : ndarray of shape (n, n_outputs)
        The raw prediction of the row by the fit without it.
    rejected : ndarray of bool of shape (n,)
        Whether the loss has given the row up: it bends down there, or is flat.
    step : ndarray of shape (n, n_directions)
        By which the coefficients move when the row is left out.
    watched : ndarray of shape (n,) or None
        By which something else does.
    added : ndarray of shape (n, 3)
        The share of a row in the sums of weights, squared slopes and curvatures; that
        of squared slopes as it is without the row.
    sums : ndarray of shape (4,)
        The signed leverages; squared slopes and curvatures, with weights; rows.
    """

    rows: np.ndarray
    leverage: np.ndarray
    distance: np.ndarray
    slope: np.ndarray
    loss: np.ndarray
    loss_left_out: np.ndarray
    raw_left_out: np.ndarray
    rejected: np.ndarray
    step: np.ndarray
    watched: np.ndarray | None
    added: np.ndarray
    sums: np.ndarray

    @property
    def size(self):
        """How far each row moves the coefficients, in units of the curvature."""
        return np.einsum("ij,ij->i", self.step, self.step)

    def some(self, chosen):
        """The same of some of the rows; sums stay those of all."""
        found = {}
        for field in fields(self):
            held = getattr(self, field.name)
            is_whole = held is None or field.name == "sums"
            found[field.name] = held if is_whole else held[chosen]
        return LeftOut(**found)

    @classmethod
    def joined(cls, parts):
        """Of all blocks, whose rows are counted on."""
        starts = np.cumsum([0, *(int(part.sums[-1]) for part in parts)])
        for part, start in zip(parts, starts):
            part.rows = part.rows + start
        found = {}
        for field in fields(cls):
            each = [getattr(part, field.name) for part in parts]
            found[field.name] = None if each[0] is None else np.concatenate(each)
        found["sums"] = sum(part.sums for part in parts)
        return cls(**found)


def left_out(block, point, axes, top=None):
    """The task of a block: what becomes of the fit without each of its rows.

    Parameters
    ----------
    block : Objective
        Some of the rows.
    point : Point
        The minimum of all.
    axes : Axes
    top : int, default=None
        How many of the rows are kept, those that move the coefficients most.

    Returns
    -------
    LeftOut
    """
    size = max(1, ENTRIES // max(1, len(axes.T) * len(axes.share)))
    parts = LocalBlocks.of(block, size).map(_without_rows, point, axes)
    found = LeftOut.joined(parts)
    return found if top is None else found.some(largest(found.size, top))


def _without_rows(block, point, axes):
    """The same of so few rows that their coordinates stay in memory."""
    features, term, p = point.seen_from(block)
    n, K = len(p), len(axes.T)
    U = np.stack([features.raw(np.ascontiguousarray(T.T)) for T in axes.T], axis=1)
    g, W = _bent(block, term, p)
    weight = block.sample_weight
    omega = (np.ones(n) if weight is None else weight) / block.total_weight
    stays = 1.0 / (1.0 - omega[:, None] * axes.share)
    along = np.einsum("nk,nkr->nr", g, U) + omega[:, None] * axes.pull
    b = stays * along
    Q = np.einsum("nkr,nr,nmr->nkm", U, stays, U)
    moved = _solved(np.eye(K) - Q @ W, np.einsum("nkr,nr->nk", U, b))
    bent = np.einsum("nkm,nm->nk", W, moved)
    with np.errstate(invalid="ignore"):
        step = b + stays * np.einsum("nkr,nk->nr", U, bent)
    step[omega == 0] = 0.0
    signed = np.einsum("nkm,nkr,nmr->n", W, U, U, optimize=True)
    seen = U - U.mean(axis=1, keepdims=True) if sees_differences(block) else U
    slope, loss = _unweighted(block, term, p)
    raw = p.reshape(n, K) + moved
    with np.errstate(all="ignore"):
        squares = np.einsum("nk,nk->n", g, slope) / (1.0 - signed)
        after = _unweighted(block, term, raw.reshape(p.shape))[1]
    return LeftOut(
        rows=np.arange(n),
        leverage=np.abs(signed),
        distance=np.einsum("nkr,nkr->n", seen, seen),
        slope=slope,
        loss=loss,
        loss_left_out=np.where(np.isfinite(moved).all(axis=1), after, np.inf),
        raw_left_out=raw,
        rejected=_rejected(block, slope, W),
        step=step,
        watched=None if axes.watched is None else axes.watch(step),
        added=np.column_stack([omega, squares, W.sum(axis=(1, 2))]),
        sums=np.array([signed.sum(), g.ravel() @ slope.ravel(), W.sum(), n]),
    )


def _bent(block, term, p):
    """Slopes (n, n_outputs) and curvatures (n, n_outputs, n_outputs), with weights."""
    g = term.slopes(p, 0.0).reshape(len(p), -1)
    if block.is_joint:
        return g, term.hessians(p, 0.0, slice(0, len(p)))
    return g, block.loss.curvature(term.y, p, term.weight)[:, None, None]


def _unweighted(block, term, p):
    """Slopes and values of the loss of each row."""
    value, slope = block.loss.value_gradient(term.y, p)
    return slope.reshape(len(p), -1), value


def _rejected(block, slope, W):
    if block.is_joint or block.loss.convex:
        return np.zeros(len(W), bool)
    bends = W[:, 0, 0]
    return (bends < 0) | ((bends == 0) & (slope[:, 0] == 0))


def _solved(matrices, v):
    """Solutions of small systems; inf where a row has all of the curvature."""
    if matrices.shape[1] == 1:
        left = matrices[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.abs(left) > ALONE, v / left, np.inf)
    alone = np.abs(np.linalg.det(matrices)) <= ALONE
    matrices = np.where(alone[:, None, None], np.eye(matrices.shape[1]), matrices)
    found = np.linalg.solve(matrices, v[..., None])[..., 0]
    return np.where(alone[:, None], np.inf, found)


def largest(sizes, top):
    """The indices of the largest, in order."""
    top = min(top, len(sizes))
    found = np.argpartition(-sizes, top - 1)[:top] if top else np.arange(0)
    return found[np.argsort(-sizes[found], kind="stable")]


class Deletions:
    """What is said of the rows of one objective, and how steps are to be read.

    Parameters
    ----------
    objective : Objective
    coef, intercept : ndarray
        Where it is at its minimum, or near it.
    watched : Objective, default=None
        The loss of other rows, which these may change.
    top : int, default=None

    Attributes
    ----------
    found : LeftOut
    to_coef : ndarray of shape (n_outputs, n_features + 1, n_directions)
        What a step is in coefficients, with the intercept last.
    """

    def __init__(self, objective, coef, intercept, watched=None, top=None):
        self.n_features = objective.rows.n_features
        self.kept = np.arange(self.n_features)
        blocks = objective.sums  # which have all columns
        if blocks is None:
            objective, self.kept = on_support(objective, coef)
            blocks = LocalBlocks([objective])
        coef = np.ascontiguousarray(coef[:, self.kept])
        coef, intercept, at = polished(objective, coef, intercept, blocks)
        T, share = at.axes()
        pull = T.T @ at.penalty_slope(at.theta).ravel()
        shape = len(coef), len(T) // len(coef), len(share)
        self.to_coef = self._in_coefs(T.reshape(shape), at.point)
        axes = Axes(T.reshape(shape), share, pull)
        if watched is not None:
            watched = watched.with_columns(self.kept)
            _, slope, bend = second_order(watched, at.point)
            axes.watched = T.T @ slope.ravel(), T.T @ bend @ T
        parts = list(blocks.map(left_out, at.point, axes, top))
        self.found, self.total = LeftOut.joined(parts), objective.total_weight

    def _in_coefs(self, T, point):
        K, _, r = T.shape
        found = np.zeros((K, self.n_features + 1, r))
        found[:, self.kept] = T[:, :-1] * point.scale[:, None]
        shift = point.mean * point.scale
        found[:, -1] = T[:, -1] - np.einsum("j,kjr->kr", shift, T[:, :-1])
        return found

    @property
    def variances(self):
        """The diagonal of the inverse of the summed Hessian, by coefficient."""
        return (self.to_coef**2).sum(axis=2) / self.total

    def take_difference(self):
        """Speak of the difference of two outputs, as which a model publishes them."""
        self.to_coef = self.to_coef[1:] - self.to_coef[:1]
        self.found.slope = self.found.slope[:, 1:]  # minus that of the other
        self.found.distance = 2.0 * self.found.distance

    def coefs(self, rows=slice(None)):
        """By how much coefficients move when a row is left out.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs, n_features + 1)
        """
        return np.einsum("nr,kjr->nkj", self.found.step[rows], self.to_coef)
