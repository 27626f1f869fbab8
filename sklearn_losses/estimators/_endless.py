"""Whether coefficients are on their way to infinity, though most rows are content.

A column that is 0 but for rows that have no event, or are all of one class, is paid for
by nobody: the more its coefficient grows, the better these rows are fitted, and the
others do not see it. A loss that falls for ever has no minimum then, and a fit stops
somewhere on the way, where its slopes are small.
"""

import numpy as np
from scipy.linalg import lapack

from sklearn_losses.losses._links import IdentityLink, LogitLink

FAINT = 1e-2  # of the largest slope and curvature: of rows that hardly count
MOST_FEATURES = 1000  # whose products are summed
CHUNK = 4096  # rows
FEW = 20  # rows for each feature, which most often see all directions
SEEN = 1e-8  # of the squares of a direction, in rows that do
UNSEEN = 1e-10  # of the squares of a direction, in rows that do not see it
ROUNDING = 1e-9  # of slopes along a direction


def endless_direction(objective, coef, intercept, train=None):
    """The direction in which some rows are fitted better for ever, and others stay.

    Where all slopes of these rows point along it the sum of them is not 0, as it would
    be at a minimum.

    Parameters
    ----------
    objective : Objective
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    train : ndarray of int, default=None
        The rows that were learnt from; None: all.

    Returns
    -------
    tuple of (int, int) or None
        The feature that has most of it, and how many rows move.
    """
    loss, rows = objective.loss, objective.rows
    falls = loss.convex and loss.differentiable and objective.blocks is None
    if not (falls and objective.penalty.is_nothing):
        return None
    if rows.n_features > MOST_FEATURES or _bends_everywhere(loss):
        return None
    learnt = np.ones(rows.n_rows, dtype=bool)
    if train is not None:
        learnt[:] = False
        learnt[train] = True
    for slopes, curvatures, own in _outputs(objective, coef, intercept):
        counts = learnt & slopes.any(axis=1)
        faint = counts & _are_faint(slopes, counts) & _are_faint(curvatures, counts)
        others = counts & ~faint
        if not (faint.any() and others.any()) or _see_all(objective, others):
            continue
        if _may_fall(objective):
            found = _direction(objective, slopes, own, faint, others)
            if found is not None:
                return found
    return None


def _bends_everywhere(loss):
    """Whether the loss of each row has its minimum at a finite raw prediction."""
    is_of_numbers = loss.granularity == "point" and loss.task == "regression"
    return is_of_numbers and isinstance(loss.link, IdentityLink)


def _may_fall(objective):
    """Whether the loss of some row may have its minimum at infinity."""
    loss = objective.loss
    if loss.granularity != "point":
        return True
    y = objective.targets.y if loss.task == "regression" else np.array([0.0, 1.0])
    best = (loss.optimal_constant([end]) for end in (y.min(), y.max()))
    return not np.isfinite(list(best)).all()


def is_apart(objective, coef, intercept):
    """Whether each row of shares is fitted better for ever, on its side of a plane."""
    loss, raw = objective.loss, objective.raw(coef, intercept)
    if not (isinstance(loss.link, LogitLink) and objective.penalty.is_nothing):
        return False
    term = objective.term()
    for n in min(FEW, len(raw)), len(raw):  # a few most often say no
        some, p = slice(0, n), raw[:n]
        before, slopes = (term._slopes(q, 0.0, some)[:, 0] for q in (0.0 * p, p))
        is_faint = np.abs(slopes) <= FAINT * np.abs(before)
        if not is_faint.all() or (slopes * p[:, 0]).max() > 0.0:
            return False
    return True


def _outputs(objective, coef, intercept):
    """Slopes, curvatures and coefficients, of each output or of those that share F."""
    raw = objective.raw(coef, intercept)
    if objective.loss.granularity == "row":
        model = objective.term().model(raw, 0.0)
        yield model.slopes, model.curvatures, coef
        return
    for k in range(objective.n_outputs):
        one = objective
        if objective.n_outputs > 1:
            one = objective.of_outputs(slice(k, k + 1))
        try:
            model = one.term().model(np.ascontiguousarray(raw[:, k]), 0.0)
        except NotImplementedError:  # a term of somebody else, without curvatures
            return
        yield model.slopes[:, None], model.curvatures[:, None], coef[k : k + 1]


def _are_faint(array, counts):
    size = np.abs(array).max(axis=1)
    return size < FAINT * size[counts].max(initial=0.0)


def _see_all(objective, others):
    """Whether a few of the other rows already see each direction."""
    few = np.flatnonzero(others)
    few = few[:: 1 + len(few) // (FEW * (objective.rows.n_features + 1))]
    x = objective.rows.chosen(few).to_dense().astype(np.float64)
    x -= x.mean(axis=0) if objective.is_centred else 0.0
    size = np.sqrt((x * x).mean(axis=0))
    if not size.all():
        return False
    x /= size
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] -= SEEN * len(few)
    return lapack.dpotrf(gram)[1] == 0  # it is still positive definite


def _direction(objective, slopes, coef, faint, others):
    """The part of the coefficients that only faint rows see, if all like it."""
    rows, centred = objective.rows, objective.is_centred
    mean, spread = _mean_and_spread(rows, faint | others, centred)
    used = spread > 0
    factor = np.divide(1.0, spread, out=np.zeros(len(spread)), where=used)
    gram, sums = np.zeros((len(mean),) * 2), np.zeros(len(mean))
    for block, x in _chunks(rows):
        z = (x[others[block]] - mean) * factor
        gram += z.T @ z
        sums += z.sum(axis=0)
    n_others = others.sum()
    if centred:
        gram -= np.outer(sums, sums) / n_others
    sizes, vectors = np.linalg.eigh(gram)
    unseen = vectors[:, sizes < UNSEEN * n_others]
    along = (unseen @ (unseen.T @ (coef * spread).T)).T
    shift = along @ sums / n_others if centred else np.zeros(len(along))
    likes = []
    for block, x in _chunks(rows):
        here = faint[block]
        z = (x[here] - mean) * factor
        likes.append((slopes[block][here] * (z @ along.T - shift)).sum(axis=1))
    likes = np.concatenate(likes)
    least, most = likes.min(initial=0.0), likes.max(initial=0.0)
    if not (least < 0.0 and most <= -ROUNDING * least):
        return None
    return int(np.abs(along).max(axis=0).argmax()), int((likes < 0.0).sum())


def _mean_and_spread(rows, counts, centred):
    """Of the columns; without an intercept around 0."""
    n, mean = counts.sum(), np.zeros(rows.n_features)
    if centred:
        mean = sum(x[counts[block]].sum(axis=0) for block, x in _chunks(rows)) / n
    squares = sum(
        ((x[counts[block]] - mean) ** 2).sum(axis=0) for block, x in _chunks(rows)
    )
    return mean, np.sqrt(squares / n)


def _chunks(rows):
    """Slices of rows, and these rows as dense arrays of float64."""
    for first in range(0, rows.n_rows, CHUNK):
        block = slice(first, min(first + CHUNK, rows.n_rows))
        yield block, rows.part(block).to_dense().astype(np.float64, copy=False)
