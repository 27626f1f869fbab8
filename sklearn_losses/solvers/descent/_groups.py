"""What a descent needs of a loss of groups: its Hessian couples the rows of a group.

It is a matrix of features, X' (H X), by the products of the loss with the columns of X,
of some groups at a time. Where that is too large, conjugate gradients take products,
and an l1 norm the quasi-Newton model, which begins with the diagonal of H.
"""

import math

import numpy as np

from sklearn_losses.problem._duality import ROUNDING
from sklearn_losses.problem._group_duality import GroupDual
from sklearn_losses.solvers.descent._gap import Gap
from sklearn_losses.solvers.descent._problem import CentredProblem, Swept
from sklearn_losses.solvers.descent._settings import SETTINGS

ENTRIES = 1 << 17  # of rows that are taken at a time, while they are in cache
MOST_OF_ONE = 1 << 25  # entries of a group that are copied: 256 MB, ...
COLUMNS = 8  # ... or so many columns at a time
MOST_KEPT = 1 << 22  # entries of all rows that are kept in the order of groups: 32 MB


class GroupProblem(CentredProblem):
    """A problem of one output, whose rows only the term sees as groups."""

    couples_rows = True
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
        size, grouping = self.features.n_features + 1, self.term.grouping
        found = np.zeros((size, size))
        if np.diff(grouping.starts).max() * size > MOST_OF_ONE:
            return self._hessian_by_columns(raw, h)
        for k, part in enumerate(_parts(grouping.starts, max(1, ENTRIES // size))):
            z = self._rows_of(k, part)
            found += z.T @ self.term.products(raw, h, z, part)
        found = 0.5 * (found + found.T)
        return found, float(np.trace(found))

    def _hessian_by_columns(self, raw, h):
        """The same where the rows of one group are too many for a copy."""
        size = self.features.n_features + 1
        product, found = self._product(raw, h), np.empty((size, size))
        for first in range(0, size, COLUMNS):
            v = np.eye(size)[first : first + COLUMNS]
            found[:, first : first + COLUMNS] = product(v)
        found = 0.5 * (found + found.T)
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
        grouping, features = self.term.grouping, self.features
        order, every = grouping.order, slice(0, len(grouping.order))

        def product(v):
            """Of a vector, or of the rows of a matrix as columns."""
            self.passes += 1
            along = features.raw(np.atleast_2d(v))[order]
            bent = np.zeros((features.n_rows, along.shape[1]))
            bent[order] = self.term.products(raw, h, along, every)
            found = np.vstack([features.transposed_dot(bent), bent.sum(axis=0)])
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
        state, problem, width = descent.state, descent.problem, descent.smoothing.width
        here = problem.term.model(state.raw + step.direction, width, None, False)
        before, bound = self._missing, self.bound
        problem.passes += 1
        self._raise_by(here, step.new, None)
        self._missing = state.best - self.bound
        is_less = self._missing <= SETTINGS.improving * before
        self._is_improving = self.bound > bound and is_less

    def _raise_by(self, model, theta, z):
        self._dual.conjugate.begin_at(theta[..., :-1])
        if self._raise_to(self._dual.bound(model, self._reach(theta), z)):
            self._best_slopes, self.best_theta = model, theta

    def slopes(self, term):
        """Those that the bound is of, as a model; None: no slopes."""
        return self._best_slopes


def _parts(starts, n_rows):
    """Slices of whole groups, of about so many rows, or of one group.

    Yields
    ------
    slice of rows
    """
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + n_rows, side="right")) - 1
        last = max(last, first + 1)
        yield slice(int(starts[first]), int(starts[last]))
        first = last
