"""Influence where rows are compared with each other: of queries, and of patients.

A query of a ranking can be left out as a row is elsewhere: its part in the Hessian is a
matrix of features. A patient is in the risk sets of others, and cannot; what its weight
does to the fit is its score (Lin and Wei 1989), as R's ``residuals(type="dfbeta")``.
"""

from copy import copy
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.linalg import cho_solve

from sklearn_losses.estimators import LinearRanker
from sklearn_losses.estimators._validation import check_weights
from sklearn_losses.estimators.blocks._blocks import refuse_blocks
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.inspection._fit_of import check_objective, of_other_features
from sklearn_losses.inspection._lazy import LazyBunch
from sklearn_losses.inspection._left_out import ALONE, largest
from sklearn_losses.inspection._survival_errors import cox_derivatives
from sklearn_losses.losses import CoxPH
from sklearn_losses.solvers.descent._exact import NO_CURVATURE

MOST_STEPS, SETTLED = 5, 1e-12


def group_influence(model, X, y, sample_weight, offset, groups, top):
    """What `influence` returns of a `LinearRanker` or a `LinearSurvival`."""
    objective, target = _objective(model, X, y, sample_weight, offset, groups)
    if isinstance(model, LinearRanker):
        return _of_queries(GroupFit(model, objective), top)
    return _of_patients(GroupFit(model, objective), target, sample_weight, top)


def _objective(model, X, y, sample_weight, offset, groups):
    """The objective of the fit, once it is sure that it is the one, and the target."""
    n_features, loss = model._check_model(), model.loss_
    refuse_blocks("influence", X)
    _check(model, loss)
    target = model._grouped(y, groups)
    found, dtype = copy(model)._objectives(X, target, sample_weight, loss, offset)
    if len(found) > 1:
        raise ValueError(
            "influence is of one cause of events. Fit each with the events of the "
            "others as censored."
        )
    objective = found[0]
    if objective.rows.n_features != n_features:
        raise of_other_features("influence", n_features, objective.rows.n_features)
    coef = np.atleast_2d(model._dense_coef()).astype(np.float64)
    check_objective("influence", model, objective.value(coef, np.zeros(1)), dtype)
    return objective, target


def _check(model, loss):
    reason = None
    is_ranker = isinstance(model, LinearRanker)
    if has_outputs(loss) or not (is_ranker or isinstance(loss, CoxPH)):
        reason = f"{loss!r} is no loss of groups. Leave-one-out fits say the same"
    elif not loss.differentiable or not loss.convex:
        reason = (
            f"{loss!r} has kinks, or is not convex. Use PairwiseLogistic(), ListNet() "
            "or CoxPH()"
        )
    elif model.penalty not in (None, "l2") or model.positive or model.bounds:
        reason = "it needs penalty='l2' or None, and no bounds"
    if reason:
        raise ValueError(f"influence has no curvature here: {reason}.")


class GroupFit:
    """A fit in units of its curvature.

    Attributes
    ----------
    Z : ndarray of shape (n_rows, n_features)
        Centred and in units of the spread.
    raw : ndarray of shape (n_rows,)
    T : ndarray of shape (n_features, n_directions)
        Set by `bend`: T' H T = 1, and the penalty is diagonal.
    """

    def __init__(self, model, objective):
        self.objective, self.term = objective, objective.term()
        dense = np.asarray(objective.rows.to_dense(), dtype=np.float64)
        centred = dense - dense.mean(axis=0)
        spread = centred.std(axis=0)
        self.unit = np.where(spread > 0, spread, 1.0)
        self.Z = centred / self.unit
        self.theta = np.ravel(model._dense_coef()).astype(np.float64) * self.unit
        self.l2 = np.broadcast_to(objective.penalty.l2, len(spread)) / self.unit**2
        self.look()

    def look(self):
        self.raw = self.Z @ self.theta
        if self.term.offset is not None:
            self.raw = self.raw + self.term.offset
        self.slopes = self.term.slopes(self.raw, 0.0)
        self.gradient = self.Z.T @ self.slopes + self.l2 * self.theta

    def bend(self, hessian):
        """The axes of a Hessian of the loss and the penalty."""
        values, vectors = np.linalg.eigh(hessian + np.diag(self.l2))
        here = values > NO_CURVATURE * values[-1]
        T = vectors[:, here] / np.sqrt(values[here])
        share, turn = np.linalg.eigh(T.T @ (self.l2[:, None] * T))
        self.T, self.share = T @ turn, np.clip(share, 0.0, 1.0)
        self.pull = self.T.T @ (self.l2 * self.theta)

    def settle(self, hessian):
        """Newton's steps to the minimum, with the Hessian that a function gives."""
        for _ in range(MOST_STEPS):
            self.bend(hessian())
            step = self.T @ (self.T.T @ self.gradient)
            if np.abs(step).max() <= SETTLED * np.abs(self.theta).max():
                break
            self.theta = self.theta - step
            self.look()

    def told(self, what, steps, n_effective, top, **given):
        """What users are told, of all rows or of those that move it most."""
        total = self.objective.total_weight
        size = np.einsum("ij,ij->i", steps, steps)
        keep = np.arange(len(size)) if top is None else largest(size, top)
        given = {name: one[keep] for name, one in given.items()}
        to_coef = self.T / self.unit[:, None]
        errors = np.sqrt((to_coef**2).sum(axis=1) / total)
        later = {
            "dfbeta": partial(_moves, steps[keep], to_coef, 1.0),
            "dfbetas": partial(_moves, steps[keep], to_coef, errors),
        }
        return LazyBunch(
            f"influence of {len(keep)} {what}",
            later,
            cook=total * size[keep] / (n_effective or 1.0),
            dispersion=1.0,
            n_effective=float(n_effective),
            **given,
        )


def _moves(steps, to_coef, errors):
    return (0.0 - steps @ to_coef.T) / errors


# ------------------------------------------------------------------------- rankings
def _of_queries(fit, top):
    grouping, term = fit.term.grouping, fit.term
    Z, starts = fit.Z[grouping.order], grouping.starts
    parts = [slice(int(a), int(b)) for a, b in pairwise(starts)]

    def hessian():
        found = Z.T @ term.products(fit.raw, 0.0, Z)
        return 0.5 * (found + found.T)

    fit.settle(hessian)
    U, slopes = Z @ fit.T, fit.slopes[grouping.order]
    bent = term.products(fit.raw, 0.0, U)
    omega = grouping.mass / grouping.total
    steps, after = np.empty((len(parts), U.shape[1])), fit.raw.copy()
    leverage, distance = np.empty((2, len(parts)))
    for k, part in enumerate(parts):
        own = U[part].T @ bent[part]
        left = np.diag(1.0 - omega[k] * fit.share) - 0.5 * (own + own.T)
        pull = U[part].T @ slopes[part] + omega[k] * fit.pull
        steps[k] = _solved(left, pull, grouping.codes[k])
        after[grouping.order[part]] += U[part] @ steps[k]
        leverage[k], distance[k] = np.trace(own), (U[part] ** 2).sum()
    size = np.sqrt(np.add.reduceat(slopes**2, starts[:-1]))
    functions = fit.objective.loss.checked()
    return fit.told(
        "groups",
        steps,
        leverage.sum(),
        top,
        rows=grouping.codes,
        leverage=leverage,
        distance=distance / grouping.total,
        slope=(size / omega)[:, None],
        loss=grouping.values(functions, fit.raw) / grouping.mass,
        loss_left_out=grouping.values(functions, after) / grouping.mass,
    )


def _solved(left, pull, code):
    """The step without a group, which must leave others some of each curvature."""
    try:
        lower = np.linalg.cholesky(left)
        is_alone = (np.diag(lower) ** 2 <= ALONE).any()
    except np.linalg.LinAlgError:
        is_alone = True
    if is_alone:
        raise ValueError(
            f"influence cannot leave out the group of number {code}, as it decides a "
            "coefficient alone. Use a penalty, and more than one group."
        )
    return cho_solve((lower, True), pull)


# ------------------------------------------------------------------------- patients
def _of_patients(fit, target, sample_weight, top):
    _, columns, codes = target
    codes = np.zeros(len(columns), np.intp) if codes is None else codes
    weight = check_weights(sample_weight, len(columns))
    weight = np.ones(len(columns)) if weight is None else weight
    total, efron = fit.objective.total_weight, fit.objective.loss.ties == "efron"

    def derivatives():
        found = cox_derivatives(fit.Z, columns, fit.raw, weight, codes, efron)
        return [one / total for one in found]

    fit.settle(lambda: derivatives()[0])
    hessian, scores = derivatives()
    omega = weight / total
    pulls = -scores @ fit.T + omega[:, None] * fit.pull
    steps = pulls / (1.0 - omega[:, None] * fit.share)
    bends = np.einsum("ij,ik,kj->", fit.T, hessian, fit.T)
    moved = fit.slopes * total
    slope = np.divide(moved, weight, out=np.zeros(len(moved)), where=weight > 0)
    return fit.told(
        "rows",
        steps,
        bends,
        top,
        rows=np.arange(len(columns)),
        distance=((fit.Z @ fit.T) ** 2).sum(axis=1) / total,
        slope=slope,
    )
