"""A fit of a loss of groups: its Hessian couples the rows of a group.

It is a matrix of features, X' (H X), by the products of the loss with the columns of X,
of some groups at a time. Where that is too large, conjugate gradients take products,
and an l1 norm the quasi-Newton model, which begins with the diagonal of H.
"""

import numpy as np

from sklearn_losses.design._centred import Sums
from sklearn_losses.design._matrices import add_curvature
from sklearn_losses.problem._duality import ROUNDING
from sklearn_losses.problem._group_duality import GroupDual
from sklearn_losses.solvers.descent._curvature import JITTER
from sklearn_losses.solvers.descent._descent import (
    MOST_FEATURES,
    Swept,
)
from sklearn_losses.solvers.descent._gap_descent import (
    IMPROVING,
    NEWTON,
    CertifiedFit,
)
from sklearn_losses.solvers.descent._newton_model import NewtonModel, ProductModel
from sklearn_losses.solvers.descent._quasi_newton_model import QuasiNewtonModel

ENTRIES = 1 << 17  # of rows that are taken at a time, while they are in cache
MOST_OF_ONE = 1 << 25  # entries of a group that are copied: 256 MB, ...
COLUMNS = 8  # ... or so many columns at a time
MOST_KEPT = 1 << 22  # entries of all rows that are kept in the order of groups: 32 MB


class GroupNewtonModel(NewtonModel):
    """B is the Hessian of a loss of groups.

    Attributes
    ----------
    hessian : ndarray of shape (d + 1, d + 1)
        That of the loss at theta, to which the penalty is added.
    """

    needs_curvatures = predicts_slopes = False
    needs_hessian = True

    def sums(self):
        return Sums(self.features)

    def update(self, theta, sums, jitter):
        self.theta, self.is_smoothed = theta, jitter > 0
        self.gradient = self._gradient(theta, sums)
        more = jitter * self.stiffness / JITTER
        add_curvature(self.hessian, self.l2, more, self.moves)
        if not self.price.is_simple:
            self._add_rest(self.hessian, theta)


class GroupFit(CertifiedFit):
    """A fit of one output, whose rows only the term sees as groups."""

    _sorted = None

    def first_model(self):
        is_long = self.features.n_features > MOST_FEATURES
        needs_matrix = self.price.has_kinks or not self.price.is_simple
        if (
            self.method == NEWTON
            and is_long
            and not (needs_matrix or self.term.is_smoothed)
        ):
            return ProductModel
        return GroupNewtonModel if self.method == NEWTON else QuasiNewtonModel

    def sweep(self, p, q=None, delta=None):
        """The loss and its slopes of all rows at p, or p + q; see `Fit.sweep`."""
        self.by_slopes, at = None, p
        self.passes += 1
        if q is not None:
            q[:] = self.features.raw(delta)
            at = p + q
        seen = Swept(self.model.sums())
        with_curvatures = seen.sums.wanted is not None
        here = self.term.model(at, self.h, None, with_curvatures)
        seen.add(here)
        seen.whole = here
        if q is not None:
            seen.along = float(here.slopes @ q)
        for block in self.features.blocks:
            c = here.curvatures[block] if with_curvatures else None
            seen.sums.add(block, here.slopes[block], c)
        return seen

    def go_on(self, sample):
        """Where the fit of some of the rows has ended, with what it knows."""
        self.first_h = sample.h

    # --------------------------------------------------------------- curvature
    def _hessian(self, p):
        """Z' H Z of the features Z and of their constant, and the trace of H."""
        self.passes += 1
        size, grouping = self.features.n_features + 1, self.term.grouping
        found = np.zeros((size, size))
        if np.diff(grouping.starts).max() * size > MOST_OF_ONE:
            return self._hessian_by_columns(p)
        for k, part in enumerate(_parts(grouping.starts, max(1, ENTRIES // size))):
            z = self._rows_of(k, part)
            found += z.T @ self.term.products(p, self.h, z, part)
        found = 0.5 * (found + found.T)
        return found, float(np.trace(found))

    def _hessian_by_columns(self, p):
        """The same where the rows of one group are too many for a copy."""
        size, features = self.features.n_features + 1, self.features
        product, found = self._products(p), np.empty((size, size))
        for first in range(0, size, COLUMNS):
            v = np.eye(size)[first : first + COLUMNS]
            found[:, first : first + COLUMNS] = product(v)
        self.passes += features.n_features // COLUMNS
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

    def _products(self, p):
        """The product of the loss's Hessian at p with a vector."""
        grouping, features = self.term.grouping, self.features
        order, every = grouping.order, slice(0, len(grouping.order))

        def product(v):
            """Of a vector, or of the rows of a matrix as columns."""
            self.passes += 1
            along = features.raw(np.atleast_2d(v))[order]
            bent = np.zeros((features.n_rows, along.shape[1]))
            bent[order] = self.term.products(p, self.h, along, every)
            found = np.vstack([features.transposed_dot(bent), bent.sum(axis=0)])
            return found if v.ndim == 2 else found[:, 0]

        return product

    # ------------------------------------------------------------------- bound
    def begin_bound(self):
        self.dual = GroupDual(self.term, self.features, self.price)
        lowest = self.term.known_minimum
        self.bound = lowest - ROUNDING * abs(lowest)

    @property
    def sees_gaps(self):
        """Whether slopes that have been summed give a bound: if they are not smoothed.

        Else they give one, too, but the smoothing has to become less besides.
        """
        return self.h == 0

    def raise_bound_at(self, p, theta, least=-np.inf):
        """By the slopes at p, which have been summed."""
        self._raise_by(self.seen.whole, theta, self.seen.sums.by_g[0])

    def raise_bound(self, p, theta, q, new):
        """By the slopes at the point to which a step leads."""
        here = self.term.model(p + q, self.h, None, False)
        before, bound = self.missing, self.bound
        self.passes += 1
        self._raise_by(here, new, None)
        self.missing = self.best - self.bound
        self.is_improving = self.bound > bound and (self.missing <= IMPROVING * before)

    def _raise_by(self, model, theta, z):
        self.dual.conjugate.begin_at(theta[..., :-1])
        found = self.dual.bound(model, self.reach(theta), z)
        if found > self.bound:
            self.bound, self.best_theta = found, theta
            self.best_slopes = model

    def slopes(self):
        """Those that the bound is of, as a model; None: no slopes."""
        return self.best_slopes

    # ---------------------------------------------------------------- messages
    def warnings(self, owner):
        """What the user should know: a tolerance that was missed, or no minimum."""
        if not self.converged:
            return [] if self.is_stopped else [self.failure(owner)]
        possible = self.at_constant - self.lowest
        is_free = self.price.is_nothing and not self.is_perfect
        if not is_free or self.best - self.lowest > self.solver.tol * possible:
            return []
        return [
            f"{owner} puts all rows in the right order. Without a penalty its "
            "objective then has no minimum, and coefficients grow without end; these "
            "leave less than tol to gain. Use alpha > 0."
        ]


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
