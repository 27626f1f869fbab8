"""What a descent needs of a loss of groups: its Hessian couples the rows of a group.

It is a matrix of features, X' (H X), by the products of the loss with the columns of X,
of some groups at a time. Where that is too large, conjugate gradients take products,
and an l1 norm the quasi-Newton model, which begins with the diagonal of H.
"""

import math

import numpy as np

from sklearn_losses.problem._duality import ROUNDING
from sklearn_losses.problem._group_duality import GroupDual
from sklearn_losses.problem._group_hessian import (
    hessian_of_groups,
    product_of_groups,
)
from sklearn_losses.solvers.descent._gap import Gap
from sklearn_losses.solvers.descent._problem import CentredProblem, Swept
from sklearn_losses.solvers.descent._settings import SETTINGS

MOST_KEPT = 1 << 22  # entries of all rows that are kept in the order of groups: 32 MB


class GroupProblem(CentredProblem):
    """A problem of one output, whose rows only the term sees as groups."""

    couples_rows = follows_kinks = True
    _sorted = None

    def sweep(self, sums, raw, h, direction=None, delta=None, known=None):
        """The loss and its slopes of all rows; see `CentredProblem.sweep`."""
        self.passes += 1
        at, seen = raw, Swept(sums)
        if direction is not None:
            direction[:] = self.features.raw(delta)
            at = raw + direction
        with_curvatures = sums.wanted is not None
        here = seen.whole = self.term.model(at, h, None, with_curvatures)
        seen.add(here)
        if direction is not None:
            seen.along = float(here.slopes @ direction)
        for block in self.features.blocks:
            c = here.curvatures[block] if with_curvatures else None
            sums.add(block, here.slopes[block], c)
        if with_curvatures:
            seen.curvature = sum(sums.of_c.tolist())
        return seen

    def hessian(self, raw, h):
        """Z' H Z of the features Z and of their constant, and the trace of H."""
        self.passes += 1
        found = hessian_of_groups(self.features, self.term, raw, h, self._rows_of)
        return found, float(np.trace(found))

    def _rows_of(self, k, part):
        """Rows of features in the order of groups, which few enough are kept in."""
        if self._sorted is None:
            self._sorted = {}
        if k not in self._sorted:
            z = self.features.chosen(self.term.grouping.order[part])
            if self.features.n_rows * z.shape[1] > MOST_KEPT:
                return z
            self._sorted[k] = z
        return self._sorted[k]

    def products(self, raw, h):
        """The product of the loss's Hessian with a vector, and its diagonal's sum."""
        return self._product(raw, h), self.term.model(raw, h).curvatures.sum()

    def _product(self, raw, h):
        of_groups = product_of_groups(self.features, self.term, raw, h)

        def product(v):
            """Of a vector, or of the rows of a matrix as columns."""
            self.passes += 1
            found = of_groups(v)
            return found if v.ndim == 2 else found[:, 0]

        return product


def bends_down(loss):
    """Whether a loss of groups has second derivatives that are no model of it."""
    is_of_groups = loss.granularity == "group" and not loss.convex
    return is_of_groups and not hasattr(loss, "frozen")


def kinds_of(objective):
    """The problem and the gap of an objective."""
    if objective.loss.granularity == "group":
        return GroupProblem, GroupGap
    return CentredProblem, Gap


class GroupGap(Gap):
    """The gap of a loss of groups, whose slopes come with what they prove."""

    def begin_bound(self, descent):
        problem = descent.problem
        self._holds_to = math.inf
        self._dual = GroupDual(problem.term, problem.features, problem.price)
        lowest = problem.term.known_minimum
        self.bound = lowest - ROUNDING * abs(lowest)

    def is_proved(self, descent, left):
        state, self._proof = descent.state, left
        width = descent.smoothing.width
        here = descent.problem.term.model(state.raw, width, None, False)
        self._raise_by(here, state.theta, None)
        return state.best - self.bound <= left

    def _sees_gaps(self, descent):
        """Whether slopes that have been summed give a bound: if they are not smoothed.

        Else they give one, too, but the smoothing has to become less besides.
        """
        return descent.smoothing.width == 0

    def _raise_bound_here(self, descent, least=-math.inf):
        """By the slopes at the point, which have been summed."""
        state = descent.state
        self._raise_by(state.seen.whole, state.theta, state.seen.sums.by_g[0])

    def _raise_bound(self, descent, step, theta):
        """By the slopes at the point to which a step leads."""
        state = descent.state
        before, bound = self._missing, self.bound
        self._raise_by(*self._seen_ahead(descent, step))
        self._missing = state.best - self.bound
        is_less = self._missing <= SETTINGS.improving * before
        self._is_improving = self.bound > bound and is_less

    def _seen_ahead(self, descent, step):
        """The slopes at the end of a step, that point, and their sums if known."""
        state, problem, width = descent.state, descent.problem, descent.smoothing.width
        problem.passes += 1
        at = state.raw + step.direction
        return problem.term.model(at, width, None, False), step.new, None

    def _raise_by(self, model, theta, z):
        self._dual.conjugate.begin_at(theta[..., :-1])
        if self._raise_to(self._dual.bound(model, self._reach(theta), z)):
            self._best_slopes, self.best_theta = model, theta

    def slopes(self, term):
        """Those that the bound is of, as a model; None: no slopes."""
        return self._best_slopes
