"""Norms with zeros and many features: the optimum of a few, until those are enough.

Where most coefficients are 0 the fit of the others alone has the same minimum. The
bound of all objectives (`problem._duality`) says when it has: no feature that was left
out has a slope that the penalty does not outweigh. A penalty that is not convex has no
bound: a fit is over when no such feature is left. The features with the most of it are
taken in, twice as many as are at work (Johnson and Guestrin 2015, "Blitz"; Massias,
Gramfort and Salmon 2018, "Celer"). A path that begins where the fit before has ended
begins with the features that this one has used, and with those whose slopes were so
near to the norm that they may be beyond it now (Tibshirani and others 2012, the strong
rule). Of a loss of groups, whose Hessian is dear, columns are kept (`_kept_hessian`).
"""

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sklearn_losses._machine._order import largest
from sklearn_losses.design._centred import Centred
from sklearn_losses.problem._duality import Dual
from sklearn_losses.problem._group_duality import GroupDual
from sklearn_losses.solvers._base import Solver, SolverResult, finish
from sklearn_losses.solvers.descent._certified import (
    START_TOL,
    Certified,
    Memory,
    choose,
    features_of,
    rows_at,
    sample_of,
)
from sklearn_losses.solvers.descent._kept_hessian import Inner
from sklearn_losses.solvers.descent._models import NEWTON
from sklearn_losses.solvers.descent._problem import has_small_matrix
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.terms._groups import GroupModel

ACTIVE_SET = "active-set"


@dataclass(frozen=True)
class ActiveSettings:
    """The numbers of an active set, each with its reason."""

    # Features, from which on it pays: below, a Hessian of all costs no more than what
    # is looked at between two fits.
    wide: int = 100
    # Features to begin with and to take in at a time: their Hessian is still cheap.
    fewest: int = 50
    # Of the features: with more of them the slopes of all cost as much as the fit.
    most: float = 0.5
    # Times the tolerance, where no feature is left to be taken in ...
    sharper: float = 0.1
    # ... and not below this share of the given one: after four of these all are.
    sharpest: float = 1e-4
    # Of the gap is what the fit of some features may leave of theirs.
    coarse: float = 0.1
    # Times the last smoothing is the first of the next fit, which begins near its end.
    wider: float = 16.0
    # Of the largest: a slope beyond the norm that is rounding, of some 1e7 rows.
    rounding: float = 1e-9
    # Of a constant: kinks are smoothed so little to have a slope there, three digits
    # more than a constant is searched to.
    near: float = 1e-6
    # Slopes are at the most expected to grow by this factor between two fits of a path.
    steeper: float = 2.0
    # A divisor at the least.
    tiny: float = 1e-3


ACTIVE = ActiveSettings()


class ActiveSet(Solver):
    """`Certified` on the features that have coefficients.

    Parameters
    ----------
    settings : dict
        Those of `Certified`, without the method and the memory.
    memory : Memory, default=None
        Of a fit of all features to the same rows with another price, and for the next.
    """

    method = ACTIVE_SET

    def __init__(self, *, memory=None, **settings):
        self.settings, self.memory = settings, memory
        self.tol, self.owner = settings["tol"], settings["owner"]
        self.max_iter, self.seed = settings["max_iter"], settings["seed"]

    def check(self, objective):
        if not objective.loss.has_conjugate:
            raise ValueError(
                f"{self.owner}(solver={ACTIVE_SET!r}) cannot use {objective.loss!r}, "
                "because it is not convex or has no conjugate, which say when no more "
                "features are needed. Use solver='auto'."
            )

    def solve(self, objective, start):
        """Minimize one objective; see `Certified.solve`."""
        return finish(self.steps(objective, start))[0]

    def steps(self, objective, start):
        """The iterations of `solve`; see `Certified.steps`. The fit is not returned."""
        relative, n_before = objective.penalty.relative(), 0
        if relative is not None:
            convex = replace(objective, penalty=relative)
            others = self.settings | {"tol": max(self.tol, START_TOL)}
            result, _ = finish(ActiveSet(**others).steps(convex, start))
            start, n_before = (result.coef, result.intercept), result.n_iter[0]
        kind = _GroupSearch if objective.loss.granularity == "group" else _Search
        search = kind(self, objective, start, n_before)
        if len(search.active):
            yield from search.solve(search.first())
        while not (search.is_over() or search.is_enough()):
            chosen = search.more()
            if chosen is None:
                inner = self.inner(objective, self.tol)
                result, _ = yield from inner.steps(objective, search.point)
                result.n_iter = result.n_iter + math.ceil(search.passes)
                return result, None
            yield from search.solve(chosen)
        return search.result(), None

    def inner(self, objective, tol):
        """The solver of some of the features."""
        settings = self.settings | {"tol": tol, "may_change": True}
        return Certified(choose(objective), **settings)


class _Search:
    """How far it is: the features at work, the best coefficients and the bound."""

    has_begun = is_stopped = has_converged = False
    width = None  # with which the next fit begins

    def __init__(self, solver, objective, start, n_before=0):
        self.solver, self.objective, self.tol = solver, objective, solver.tol
        coef, intercept = (array.copy() for array in start)
        self.memory = Memory() if solver.memory is None else solver.memory
        self.features, passes = self.memory.features, 0
        if self.features is None:
            # Some of the rows say enough of mean and spread, but not of the gradient.
            sample = sample_of(objective, solver.seed)
            self.features, passes = features_of(objective, sample)
        self.passes = float(passes) + n_before
        scale, penalty, term = (
            self.features.scale,
            objective.penalty,
            objective.term(),
        )
        self.price = penalty.scaled(scale)
        self.dual = self._dual(term) if objective.has_gap else None
        self.is_coarse = self.dual is not None and objective.loss.granularity == "group"
        self.bound, self.lowest = -np.inf, term.minimum()
        self.always = penalty.never_selects(len(scale)) & (scale > 0)
        coef[:, scale == 0] = 0.0
        slopes = self._at_constant(term, intercept)
        self.active = self._active(coef.any(axis=0))
        if len(self.active):
            objective.rows.verify()  # the columns that are not active, too
            self.point = coef, intercept
        else:
            self.value = self.at_constant
            self.take_slopes(slopes)

    def _dual(self, term):
        objective = self.objective
        return Dual(
            *(objective.loss, objective.targets.y, term.weight, self.features),
            *(self.price, objective.fit_intercept, term.offset),
        )

    def _active(self, is_active):
        """These features, with their groups and all that have to be there."""
        return self.objective.penalty.whole_groups(
            np.flatnonzero(is_active | self.always)
        )

    def _at_constant(self, term, intercept):
        """Begin with the best constant; returns the slopes there."""
        best = intercept if self.objective.is_joint else intercept[0]
        if self.objective.fit_intercept:
            best = term.best_constant()
        self.at_constant = term.value_at(best)
        found = np.empty_like(intercept)
        found[:] = best
        self.point = np.zeros((len(found), self.features.n_features)), found
        near = ACTIVE.near * (np.abs(found).max() or 1.0) if term.is_smoothed else 0.0
        return term.slopes(term.at_constant(best), near)

    def take_slopes(self, slopes, coef=None, proof=None):
        """What slopes say of all features, at coefficients, those of the point.

        With a proof in their place where a dual takes more of them than they are.
        """
        self.passes += 1.0
        scale = self.features.scale
        spread = np.divide(1.0, scale, out=np.zeros(len(scale)), where=scale > 0)
        u = (self.point[0] if coef is None else coef) * spread
        if self.dual is None:
            z = self.features.transposed_dot(slopes).reshape(len(scale), -1).T
        else:
            self.dual.conjugate.begin_at(u)
            reach = np.abs(u).max(initial=0.0)
            proof = slopes if proof is None else proof
            self.bound = max(self.bound, self.dual.bound(proof, reach))
            z = self.dual.conjugate.slopes(self.dual.z)
        self._keep_slopes(z)
        if slopes.any():
            self.objective.rows.verify(z)
        excess = self.price.score(z) * spread
        self.excess = np.where(scale > 0, excess, -np.inf)

    def _keep_slopes(self, z):
        """For the next fit; only one of the same objective can use them."""

    def first(self):
        """The features that a fit begins with which begins with coefficients."""
        return self.active

    def allowed(self):
        gain = self.at_constant - self.bound
        possible = self.at_constant - self.lowest
        tol = self.solver.tol
        return max(tol * gain, SETTINGS.least_allowed(tol, possible))

    def is_over(self):
        return self.is_stopped or self.passes >= self.solver.max_iter

    def is_enough(self):
        if self.dual is not None:
            return self.value - self.bound <= self.allowed()
        # No feature that is left out would move, but by rounding.
        steep = (
            self.excess
            > ACTIVE.rounding * np.abs(self.excess[self.excess > -np.inf]).max()
        )
        steep[self.active] = False
        return self.has_begun and self.has_converged and not steep.any()

    def more(self):
        """The features of the next fit, None for all of them."""
        outside = self.excess.copy()
        outside[self.active] = -np.inf
        if not self.has_begun:  # those that others will make steeper, too
            n_new = min(ACTIVE.fewest, np.count_nonzero(outside > -np.inf))
        else:
            n_new = min(
                max(ACTIVE.fewest, len(self.active)), np.count_nonzero(outside > 0)
            )
            if n_new and not self.objective.loss.differentiable:
                n_new = max(n_new, ACTIVE.fewest)  # a fit of kinks is long
            if n_new == 0 and not self.is_coarse:
                self.tol *= ACTIVE.sharper
            self.is_coarse = self.is_coarse and n_new > 0
        most = self._most()
        n_new = min(n_new, max(most - len(self.active), 1))
        new = largest(outside, n_new)
        is_chosen = np.zeros(len(outside), bool)
        is_chosen[self.active] = is_chosen[new] = True
        chosen = self._active(is_chosen)
        is_too_sharp = self.tol < ACTIVE.sharpest * self.solver.tol or not len(chosen)
        return None if len(chosen) > most or is_too_sharp else chosen

    def _most(self):
        """How many features are not too many to be the only ones at work."""
        n_features = len(self.always)
        if has_small_matrix(self.objective) or self.objective.loss.differentiable:
            return int(ACTIVE.most * n_features)
        # Kinks take a matrix, which all features together have not.
        return max(int(ACTIVE.most * n_features), SETTINGS.most_features)

    def _inner_tol(self):
        """How far the optimum of some features is worth it while others are missing."""
        if not (self.is_coarse and self.bound > -np.inf):
            return self.tol
        gap, gain = self.value - self.bound, self.at_constant - self.bound
        return max(self.tol, ACTIVE.coarse * gap / gain) if gain > 0 else self.tol

    def solve(self, chosen):
        """Go to the optimum of some features; as `Certified.steps`."""
        self.has_begun = True
        objective = self.objective.with_columns(chosen)
        coef, intercept = self.point
        start = np.ascontiguousarray(coef[:, chosen]), intercept
        inner = self.solver.inner(objective, self._inner_tol())
        inner.width = self.width
        self._prepare(inner, chosen, objective)
        steps, place = inner.steps(objective, start), partial(self.placed, chosen)
        result, descent = yield from _seen_from_outside(steps, place)
        problem, state = descent.problem, descent.state
        self.is_stopped = descent.limits.stop.is_set()
        if problem.couples_rows:
            self.width = ACTIVE.wider * descent.smoothing.width or None
        coef, intercept = self.point = place(result.coef, result.intercept)
        self.value, self.has_converged = state.best, state.converged
        self.active = self._active(coef.any(axis=0))
        self.passes += problem.passes * len(chosen) / len(self.always)
        if self.dual is None:
            raw, width = problem.raw_at(state.kept), descent.smoothing.width
            self.take_slopes(problem.term.slopes(raw, width))
            return
        at, proof = None, descent.stopping
        if self.dual.conjugate.needs_point and proof.best_theta is not None:
            at, _ = place(*rows_at(descent, proof.best_theta))
        self.take_slopes(proof.slopes(problem.term), at)

    def _prepare(self, inner, chosen, objective):
        """Tell the fit of some features what is known of them."""

    def placed(self, chosen, coef, intercept):
        """Coefficients of some features among those of all, which are 0."""
        whole = np.zeros((len(coef), len(self.always)))
        whole[:, chosen] = coef
        return whole, intercept

    def result(self):
        warnings, converged = [], self.is_enough()
        if not (converged or self.is_stopped):
            limit, gap = self.solver.max_iter, self.value - self.bound
            reason = "features that were left out, or those at work, still move"
            if self.dual is not None:
                reason = (
                    f"the duality gap is {gap:.2g}, and tol={self.solver.tol:g} "
                    f"allows {self.allowed():.2g}"
                )
            warnings.append(
                f"{self.solver.owner} did not converge in max_iter={limit} passes over "
                f"the rows: {reason}. Increase max_iter or tol, or alpha."
            )
        n_iter = np.array([math.ceil(self.passes)])
        result = SolverResult(*self.point, n_iter, converged, warnings=warnings)
        result.bound = np.nan if self.dual is None else self.bound
        result.value = self.value if self.features.is_near else None
        result.gained = np.array([self.at_constant - self.value])
        return result


class _GroupSearch(_Search):
    """The same of a loss of groups, whose slopes come with what they prove."""

    def _dual(self, term):
        return GroupDual(term, self.features, self.price)

    def first(self):
        """With those whose slopes may be beyond the norm after as much of a change.

        It is as if all slopes changed as fast by alpha as alpha itself, away from 0.
        """
        slopes, active = self.memory.slopes, self.active
        if slopes is None:
            return active
        ratio = self.price.gauge(slopes)
        slopes = slopes * min(ACTIVE.steeper, 1.0 / max(2.0 - ratio, ACTIVE.tiny))
        wants = (self.price.score(slopes) > 0) & (self.features.scale > 0)
        wants[active] = True
        chosen = self._active(wants)
        return chosen if len(chosen) <= self._most() else active

    def _keep_slopes(self, z):
        self.memory.slopes, self.memory.features = z, self.features

    def _prepare(self, inner, chosen, objective):
        """Give it the Hessian that is known, with the columns that are new."""
        # Of the loss and an l2 norm alone, and of a size that is worth it.
        is_plain = self.price.is_simple and objective.loss.differentiable
        if inner.method != NEWTON or not is_plain:
            return
        before, kept = self.memory.inner, None
        if before is not None:
            kept = before.hessian(self.features.scale)
        inner.memory = own = Memory()
        if kept is not None:
            mean, scale = self.features.mean[chosen], self.features.scale[chosen]
            own.features = Centred.about(objective.rows, mean, scale)
            kept = kept.at(chosen, own.features, objective.term())
            own.curvature = kept.curvature(objective.penalty.scaled(scale).l2)
        self.memory.inner = Inner(chosen, own, kept)

    def _at_constant(self, term, intercept):
        self.at_constant = term.value_at(0.0)
        self.point = np.zeros((1, self.features.n_features)), np.zeros(1)
        return term.model(term.at_constant(0.0), 0.0, None, False)

    def take_slopes(self, slopes, coef=None):
        """As of `_Search`, by a model that has slopes; None: they are 0."""
        if slopes is None:
            n_rows = self.features.n_rows
            slopes = GroupModel(0.0, np.zeros(n_rows), None, 0.0)
            slopes.conjugate = -self.lowest
        if isinstance(slopes, GroupModel):
            super().take_slopes(slopes.slopes, coef, slopes)
        else:  # without a dual, which nobody asks for a bound
            super().take_slopes(slopes, coef)


def _seen_from_outside(steps, place):
    """The same iterations, whose points have gone through `place`."""
    try:
        point = next(steps)
        while True:
            is_stopped = yield partial(_placed, place, point)
            point = steps.send(is_stopped)
    except StopIteration as end:
        return end.value


def _placed(place, point):
    return place(*point())
