"""The exact second derivatives of an objective at a point, and Newton steps with them.

Solvers know curvature as well as they need to. What asks for more (standard errors,
coefficients that do not depend on how they were found) asks here, once, at the end.
"""

import numpy as np

from sklearn_losses.problem._blocks import (
    LocalBlocks,
    Point,
    first_order,
    mean_and_scale,
    second_order,
    squared_slopes,
)

MOST_STEPS = 5  # of Newton's method, from where a fit has ended
SETTLED = 1e-13  # of the size of the coefficients: a step that is rounding
SHORT = 1e-6  # of the same: its square is rounding
NO_CURVATURE = 1e-12  # of the largest eigenvalue, scaled: it is 0 but for rounding
AT_BOUND = 1e-15  # of a bound, which scaling and back may miss
ROUNDING = 1e-14  # of the objective may a step lose


class ExactCurvature:
    """The Hessian of an objective, by all coefficients that are free to move.

    Those that an l1 norm, a norm of groups or a bound holds are not. Everything is in
    the units of features around their mean, and of the raw prediction at that mean.

    Parameters
    ----------
    objective : Objective
        Whose loss has second derivatives, and whose price is anything but a sorted
        norm.
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    blocks : RowBlocks, default=None
        Where the rows are; None: those of the objective.
    known : tuple or None, default=None
        A theta, and what `second_order` has found of the rows there.

    Attributes
    ----------
    matrix : ndarray of shape (size, size)
        With size = n_outputs * (n_features + 1); the entries of an output lie together,
        that of its intercept last.
    free : ndarray of bool of shape (size,)

    Raises
    ------
    ValueError
        If the loss has kinks, or no second derivatives.
    """

    def __init__(self, objective, coef, intercept, blocks=None, known=None):
        if not objective.loss.differentiable:
            raise ValueError(
                f"{objective.loss!r} has kinks, and no curvature there. Use a loss "
                "that is differentiable."
            )
        if not has_exact_curvature(objective):
            raise ValueError(
                "A sorted norm has no curvature that could be told here. Use an l1 or "
                "l2 norm, a norm of groups, or a matrix."
            )
        self.objective = objective
        self.blocks = LocalBlocks([objective]) if blocks is None else blocks
        mean, scale, _ = mean_and_scale(self.blocks, objective.fit_intercept)
        price = objective.penalty
        scale = price.units(scale)
        moves = np.tile(np.append(scale > 0, objective.fit_intercept), (len(coef), 1))
        if objective.moves is not None:
            moves[:, -1] = True
            moves &= objective.moves
        is_held = (coef == 0) & (np.broadcast_to(price.l1, coef.shape) > 0)
        if price.norm is not None:
            is_held |= price.norm.is_at_0(coef)
        is_held |= self._is_beyond(coef, price, 1.0 - AT_BOUND, np.greater_equal)
        held = np.append(is_held, np.zeros((len(coef), 1), bool), axis=1)
        self.free = (moves & ~held).ravel()
        self.price = price.scaled(scale)
        d = len(scale)
        self.l2 = np.append(np.broadcast_to(self.price.l2, d), 0.0)
        self.l1 = np.append(np.broadcast_to(self.price.l1, d), 0.0)
        u = np.divide(coef, scale, out=np.zeros(coef.shape), where=scale > 0)
        theta = np.column_stack([u, intercept + coef @ mean])
        self.point, found = Point(mean, scale, theta), None
        if known is not None and _is_same(known[0], theta):
            theta, found = known
        self.look(theta, found)

    def is_outside(self, theta):
        """Whether coefficients are beyond bounds."""
        return self._is_beyond(theta[:, :-1], self.price, 1.0, np.greater).any()

    def _is_beyond(self, u, price, share, beyond):
        """Which coefficients are beyond a share of their bounds, or at it."""
        found = beyond(u, share * price.high) | beyond(-u, -share * price.low)
        found[self.objective.n_bounded :] = False
        return found

    def uncentred(self, theta):
        """coef and intercept."""
        u, at_mean = theta[:, :-1], theta[:, -1]
        coef = u * self.point.scale
        return coef, at_mean - coef @ self.point.mean

    def look(self, theta, found=None):
        """Hessian and gradient at a point, which a pass may have found."""
        self.theta, self.point = theta, self.point.at(theta)
        found = self.blocks.sum(second_order, self.point) if found is None else found
        value, gradient, of_loss = found
        self.matrix = of_loss + self.penalty_matrix()
        gradient = (gradient + self.penalty_slope(theta)).ravel()
        self.gradient = np.where(self.free, gradient, 0.0)
        self.value = value + self.penalty(theta)

    def penalty_matrix(self):
        """The second derivatives of the penalty."""
        found = np.diag(np.tile(self.l2, len(self.theta)))
        if not self.price.is_simple:
            of_features = np.ones(self.theta.shape, bool)
            of_features[:, -1] = False
            at = np.flatnonzero(of_features)
            found[np.ix_(at, at)] += self.price.rest_curvature(self.theta[:, :-1])
        return found

    def penalty_slope(self, theta, price=None):
        """The first derivatives of the penalty, or of another one, by theta."""
        price = self.price if price is None else price.scaled(self.point.scale)
        found = np.zeros(theta.shape)
        found[:, :-1] = price.subgradient(theta[:, :-1])
        return found

    def slope_of(self, objective):
        """The first derivatives of another objective of these rows at this point."""
        blocks = objective.sums or LocalBlocks([objective])
        gradient = blocks.sum(first_order, self.point)[1]
        return gradient + self.penalty_slope(self.theta, objective.penalty)

    def trust(self, theta):
        """Be at a point near by, where the quadratic model says enough."""
        step = (theta - self.theta).ravel()
        slope = self.gradient + 0.5 * (self.matrix @ step)
        self.value += float(slope[self.free] @ step[self.free])
        self.theta, self.point = theta, self.point.at(theta)

    def penalty(self, theta):
        penalty = 0.5 * np.vdot(self.l2 * theta, theta) + np.vdot(
            np.broadcast_to(self.l1, theta.shape), np.abs(theta)
        )
        return float(penalty) + self.price.rest(theta[:, :-1])

    def squared_slopes(self):
        """sum_i of g_ik g_il (z_i, 1) (z_i, 1)', with the slopes g by outputs."""
        return self.blocks.sum(squared_slopes, self.point)

    def solve(self, v):
        """The Hessian's inverse times v, and 0 for what is not free.

        In directions without curvature, as of what all classes have in common, the
        inverse is 0.

        Parameters
        ----------
        v : ndarray of shape (size,) or (size, n)

        Returns
        -------
        ndarray of the same shape
        """
        free = self.free
        found = np.zeros(v.shape)
        inverse, scale = self._factors()
        scaled = scale * v[free].T
        found[free] = (scale * (scaled @ inverse)).T
        return found

    def _factors(self):
        """The inverse of the Hessian scaled to a diagonal of 1, and that scale."""
        values, vectors, scale = self._spectrum()
        return (vectors / values) @ vectors.T, scale

    def _spectrum(self):
        """Eigenvalues that are not 0, and vectors, of the scaled Hessian, and scale."""
        matrix = self.matrix[np.ix_(self.free, self.free)]
        diagonal = np.sqrt(np.abs(np.diag(matrix)))
        scale = np.divide(
            1.0, diagonal, out=np.zeros(len(diagonal)), where=diagonal > 0
        )
        values, vectors = np.linalg.eigh(matrix * scale * scale[:, None])
        bends = np.abs(values) > NO_CURVATURE * np.abs(values).max(initial=0.0)
        return values[bends], vectors[:, bends], scale

    def axes(self):
        """Directions T in which the Hessian is the unit matrix, T' H T = 1.

        In them the penalty's part of it is diagonal, too.

        Returns
        -------
        T : ndarray of shape (size, n_directions)
        share : ndarray of shape (n_directions,)
            Of the penalty in the curvature, up to 1; < 0 where it is concave.

        Raises
        ------
        ValueError
            If there is a direction in which the objective falls.
        """
        values, vectors, scale = self._spectrum()
        if (values < 0).any():
            raise ValueError(
                "The coefficients are no minimum: the objective falls in some "
                "direction. Fit with a smaller tol or a larger max_iter."
            )
        T = np.zeros((len(self.free), len(values)))
        T[self.free] = scale[:, None] * vectors / np.sqrt(values)
        share, turn = np.linalg.eigh(T.T @ self.penalty_matrix() @ T)
        return T @ turn, np.minimum(share, 1.0)

    @property
    def is_convex(self):
        """Whether the objective falls in no direction."""
        return bool((self._spectrum()[0] >= 0).all())

    @property
    def is_regular(self):
        """Whether every direction that is free has curvature."""
        return self.rank == self.free.sum()

    @property
    def rank(self):
        """How many of the free directions have curvature."""
        return len(self._spectrum()[0])


def has_exact_curvature(objective):
    """Whether there is an `ExactCurvature` of an objective."""
    return objective.loss.differentiable and objective.penalty.has_curvature


def sees_differences(objective):
    """Whether what all outputs have in common is for nobody to see, as of classes."""
    has_own = objective.moves is not None
    return objective.is_joint and not has_own and objective.loss.has_conjugate


def on_support(objective, coef):
    """The objective of the features that a penalty has let in; the others are 0.

    Parameters
    ----------
    objective : Objective
    coef : ndarray of shape (n_outputs, n_features)

    Returns
    -------
    objective : Objective
    kept : ndarray of int
        The features.
    """
    price, kept = objective.penalty, np.arange(coef.shape[1])
    if not price.selects or coef.all():
        return objective, kept
    is_in = (coef != 0).any(axis=0) | price.never_selects(coef.shape[1])
    kept = price.whole_groups(np.flatnonzero(is_in))
    return objective.with_columns(kept), kept


def _is_same(one, other):
    """Whether points differ by rounding alone."""
    return np.abs(one - other).max() <= SETTLED * np.abs(other).max()


def polished(objective, coef, intercept, blocks=None, is_dear=False, known=None):
    """The minimum near coefficients, by exact Newton steps.

    Coefficients that are 0 with an l1 norm, or at a bound, stay so. No sign changes
    where there is an l1 norm, and no bound is crossed.

    Parameters
    ----------
    objective, coef, intercept, blocks, known
        As of `ExactCurvature`.
    is_dear : bool, default=False
        Whether to take on trust what a step leads to that is so short that its square
        is rounding: nobody looks there, which would be another pass over the rows.

    Returns
    -------
    coef, intercept : ndarray
        As given, if no step lowers the objective.
    curvature : ExactCurvature
        At these.
    """
    found = ExactCurvature(objective, coef, intercept, blocks, known)
    holds_signs = found.price.has_l1
    has_common = sees_differences(objective)
    for _ in range(MOST_STEPS):
        before, value_before = found.theta, found.value
        theta = before - found.solve(found.gradient).reshape(before.shape)
        if has_common:
            common = slice(-1, None) if found.price.has_kinks else slice(None)
            theta[:, common] -= theta[:, common].mean(axis=0)
        moved = np.abs(theta - before).max(initial=0.0)
        if moved <= SETTLED * np.abs(before).max(initial=0.0):
            break
        u = theta[:, :-1]
        changes_sign = holds_signs and (u * before[:, :-1] < 0).any()
        if changes_sign or found.is_outside(theta):
            break
        if is_dear and moved <= SHORT * np.abs(before).max(initial=0.0):
            found.trust(theta)
            break
        found.look(theta)
        if not found.value <= value_before + ROUNDING * abs(value_before):
            found.look(before)
            break
    return *found.uncentred(found.theta), found
