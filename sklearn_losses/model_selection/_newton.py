"""Scores of folds by one Newton step from the fit of all rows, and of left-out rows.

The Hessian of the fit of all rows is a sum over rows. Summed by fold, it is as well
that of the fit without each fold: with H = sum_k H_k, g = sum_k g_k of the losses at
theta, the penalty's Lambda, and the share m_k of the weights that is not in fold k,

    delta_k = - ((H - H_k) / m_k + Lambda)^-1 ((g - g_k) / m_k + Lambda theta)

leads from theta to the coefficients without it, up to O(1 / n^2) (Wilson, Kasy and
Mackey 2020; Giordano et al. 2019). K folds cost one product and one loss more for each
row, and along a path of alphas the same matrices give the next start.

As theta need not be the optimum, many rows are looked at but once or twice: the path is
that of some of them, which say enough of curvature too, and all its points are looked
at together while rows are in cache.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, pairwise

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from sklearn_losses.design._centred import Centred
from sklearn_losses.design._rows import Rows
from sklearn_losses.problem._sweep import sweep
from sklearn_losses.solvers.descent._problem import bends_alike

BLOCK = 1 << 10  # rows whose products stay in cache
MANY = 1 << 14  # raw predictions of several points that do
ENOUGH = 1e-6  # of the gain over the constant may a step promise where a fit ends
STALE = 0.01  # of the gain: after steps that have gained so much there is new curvature
MOST_STEPS = 60
GOOD = 0.75, 1.25  # times what it promised a step may gain, for curvature that is right
LITTLE = 0.1  # ... and at the least, to be taken
HALVINGS = 30
FLAT = 1e-11  # of the diagonal, added where there may be no curvature
REFINED = 1e-8  # as ENOUGH, of the fits without a fold
SAMPLED = 1000  # rows for each coefficient say enough of the curvature
FAR = 1e-4  # as ENOUGH, for a point of a sample that is looked at again ...
MOST_LOOKS = 3  # ... as often
LARGE = 64  # coefficients, from which on inverses take longer than factors
NO_CURVATURE = "there is no curvature in some direction"
WORTH = 4  # times as many rows as a sample has, for it to be worth while


class Doubt(Exception):
    """Newton steps are not to be trusted here."""


class Stack:
    """Rows sorted by fold, centred and in units of their spread, with a column of 1.

    Parameters
    ----------
    objective : Objective
        Whose rows they are.
    tests : list of ndarray of int
        The rows of each fold, which have none in common.
    features : Centred, default=None
        The rows in the units of others, too; None: in their own.

    Attributes
    ----------
    order : ndarray of int of shape (n_rows,)
    parts : list of slice
        Each fold, and at the end what is in none of them, if there is something.
    few : Stack or None
        Some of the rows, where there are many for each coefficient.
    """

    few = None

    def __init__(self, objective, tests, features=None):
        rows = objective.rows
        is_left = np.ones(rows.n_rows, bool)
        for test in tests:
            is_left[test] = False
        rest = np.flatnonzero(is_left)
        each = [*tests, rest] if len(rest) else list(tests)
        self.order = np.concatenate(each)
        self.n_folds, self.has_intercept = len(tests), objective.fit_intercept
        weight = objective.sample_weight
        self.features = features
        if features is None:
            self.features = Centred(rows, weight, objective.fit_intercept)
        self._set(self._centred(rows), list(map(len, each)))
        step = len(self.Z) // (SAMPLED * self.Z.shape[1])
        if step >= WORTH:
            self.few = self._every(step)

    def _set(self, Z, lengths):
        ends = np.cumsum([0, *lengths])
        self.parts = [slice(*both) for both in pairwise(ends)]
        self.Z, self.layout = Z, Rows(Z[:1])  # what kernels are told of dense rows

    def _centred(self, rows):
        """All rows, so that their products are those of BLAS."""
        d = rows.n_features
        Z = np.empty((rows.n_rows, d + self.has_intercept))
        Z[:, d:] = 1.0
        X = rows.to_dense()
        for start in range(0, len(Z), BLOCK):
            here = slice(start, start + BLOCK)
            np.subtract(X[self.order[here]], self.features.mean, out=Z[here, :d])
            Z[here, :d] *= self.features.scale
        return Z

    def _every(self, step):
        """One of so many rows of each fold, in no order that they may have had."""
        rng = np.random.default_rng(0)
        each = [
            np.sort(rng.choice(np.arange(p.start, p.stop), (p.stop - p.start) // step))
            for p in self.parts
        ]
        found = object.__new__(Stack)
        vars(found).update(vars(self))  # few is None there
        chosen = np.concatenate(each).astype(np.intp)
        found.order = self.order[chosen]
        found._set(self.Z[chosen], list(map(len, each)))
        return found


def in_order(objective, order):
    """Targets, weights and offsets in another order, or of some rows."""
    weight, offset = objective.sample_weight, objective.offset
    return replace(
        objective,
        rows=Rows(np.empty((len(order), 0))),
        targets=replace(objective.targets, y=objective.targets.y[order]),
        sample_weight=None if weight is None else weight[order],
        offset=None if offset is None else np.ascontiguousarray(offset[order]),
    )


# ------------------------------------------------------------------- a point of a path
@dataclass
class Point:
    """A point near the optimum of all rows with some penalty.

    Attributes
    ----------
    path : Path
    theta : ndarray of shape (n_outputs, size)
    gradients : ndarray of shape (n_parts, n_outputs * size)
        Of the losses, by fold.
    hessians : ndarray of shape (n_parts, n_outputs * size, n_outputs * size)
    lam : ndarray of shape (n_outputs * size, n_outputs * size)
    gain : float
        Over the best constant.
    """

    path: object
    theta: np.ndarray
    gradients: np.ndarray
    hessians: np.ndarray
    lam: np.ndarray
    gain: float

    @cached_property
    def inner(self):
        """The inverses of the Hessians without each fold."""
        folds, left = slice(self.path.stack.n_folds), 1.0 - self.path.mass
        each = self.hessians.sum(axis=0) - self.hessians[folds]
        return Inverses(each / left[folds, None, None] + self.lam)

    def slopes_without(self, thetas, gradients, folds):
        """The gradients of the objectives without folds.

        Parameters
        ----------
        thetas : ndarray of shape (n, n_outputs, size)
        gradients : ndarray of shape (n, n_parts, n_outputs * size)
        folds : ndarray of int of shape (n,)
            The one that each is without.
        """
        n = np.arange(len(folds))
        slopes = gradients.sum(axis=1) - gradients[n, folds]
        slopes /= 1.0 - self.path.mass[folds, None]
        return slopes + thetas.reshape(len(n), -1) @ self.lam

    def without_folds(self):
        """The coefficients without each fold, of shape (n_folds, n_outputs, size)."""
        folds = np.arange(self.path.stack.n_folds)
        thetas = np.repeat(self.theta[None], len(folds), axis=0)
        gradients = np.broadcast_to(self.gradients, (len(folds), *self.gradients.shape))
        slopes = self.slopes_without(thetas, gradients, folds)
        return thetas - self.inner.times(folds, slopes).reshape(thetas.shape)

    def gap(self, slopes):
        """Duality gaps of coefficients with these gradients: g' Lambda^-1 g / 2.

        By Fenchel's equality they are those of the loss's own slopes. These have to sum
        to 0 if there is an intercept, and do, up to what a step there would gain. nan
        where features are free of charge, or coupled.
        """
        paid = np.diag(self.lam)
        is_diagonal = np.count_nonzero(self.lam) == np.count_nonzero(paid)
        free = (paid == 0) & (self.path.scales > 0)
        if free.any() or not is_diagonal or self.path.is_joint:
            return np.full(len(slopes), np.nan)
        here = paid > 0
        return 0.5 * np.sum(slopes[:, here] ** 2 / paid[here], axis=1)


def refined(points, thetas, most):
    """Coefficients without each fold after further steps, with true gradients.

    Parameters
    ----------
    points : list of Point
        Of one path.
    thetas : list of ndarray of shape (n_folds, n_outputs, size)
        Of each.
    most : int
        One step is made as it is, of more the last has to be small.

    Returns
    -------
    thetas : list of ndarray of the same shape
    gaps : ndarray of shape (n_points, n_folds)
    """
    thetas = np.array(thetas)
    shape, path = thetas.shape[:2], points[0].path
    gaps, todo = np.full(shape, np.nan), np.ones(shape, bool)
    for _ in range(most):
        gradients = path.look_many(thetas[todo])[1]
        which = np.argwhere(todo)
        for i in np.unique(which[:, 0]):
            here, folds = which[:, 0] == i, which[which[:, 0] == i, 1]
            slopes = points[i].slopes_without(thetas[i, folds], gradients[here], folds)
            steps = points[i].inner.times(folds, slopes)
            gaps[i, folds] = points[i].gap(slopes)
            thetas[i, folds] -= steps.reshape(-1, *thetas.shape[2:])
            promised = 0.5 * np.einsum("ij,ij->i", slopes, steps)
            todo[i, folds] = ~(promised <= REFINED * points[i].gain)
        if not todo.any():
            break
    if (most > 1 and todo.any()) or not np.isfinite(thetas).all():
        raise Doubt("steps without a fold do not arrive")
    return list(thetas), gaps


class Inverses:
    """Inverses of positive definite matrices, of all together if they are small."""

    def __init__(self, matrices):
        self.inverse = self.factors = None
        if matrices.shape[1] > LARGE:
            self.factors = [_factor(matrix) for matrix in matrices]
            return
        try:
            self.inverse = np.linalg.inv(matrices + _jitter(matrices))
        except LinAlgError as error:
            raise Doubt(NO_CURVATURE) from error

    def times(self, which, slopes):
        """The products of some of the inverses, each with a vector."""
        if self.factors is None:
            return np.einsum("ijk,ik->ij", self.inverse[which], slopes)
        return np.array([_solve(self.factors[k], g) for k, g in zip(which, slopes)])


class Path:
    """Fits of one objective along penalties.

    Parameters
    ----------
    objective : Objective
    stack : Stack

    Attributes
    ----------
    theta : ndarray of shape (n_outputs, size)
        Where it is, in units of the stack: the intercept, if there is one, is last.
    mass : ndarray of shape (n_parts,)
        The share of each fold in the weights.
    """

    def __init__(self, objective, stack):
        self.stack, self.is_joint = stack, objective.is_joint
        self.is_quadratic = bends_alike(objective.loss)
        self.K, self.loss = objective.n_outputs, objective.loss
        self.objective = objective
        objective = in_order(objective, stack.order)
        total = len(stack.order)
        if objective.sample_weight is not None:
            total = objective.sample_weight.sum()
        # Where these are some of the rows they stand for all.
        self.term = term = replace(objective, total_weight=float(total)).term()
        self.weight = term.weight / term.total  # a share of each row
        self.mass = np.array([self.weight[part].sum() for part in stack.parts])
        self.start = np.zeros(len(term.y)) if term.offset is None else term.offset
        if not self.is_joint:
            self.sums = [term.sums_of(part) for part in stack.parts]
        self.hessians, self.lam = None, 0.0
        self.fits_intercept = objective.fit_intercept
        self.theta = np.zeros((self.K, stack.Z.shape[1]))
        scale = np.append(stack.features.scale, np.zeros(int(stack.has_intercept)))
        self.scales = np.tile(scale, self.K)  # 0 of what needs no penalty

    def begin(self):
        """Go to the best constant."""
        if self.fits_intercept:
            self.theta[:, -1] = self.term.best_constant()
        self._look()
        self.at_constant, self.moved = self.value, np.inf

    # ------------------------------------------------------------------ sums over rows
    def raw(self, theta):
        """Raw predictions, of shape (n,), or (n, n_outputs) of a joint loss."""
        found = self.stack.Z @ (theta.T if self.is_joint else theta[0])
        return found if self.term.offset is None else found + self.term.offset

    def _look(self):
        """Value and gradients of the losses where it is, by fold."""
        if self.is_quadratic and self.hessians is not None:
            self.value, self.gradients = self._of_quadratic(self.theta)
            self.p = None
            return
        self.value, self.gradients, self.p = self.look(self.theta)
        if not np.isfinite(self.value):
            raise Doubt("the loss overflows")

    def look(self, theta):
        """Value, gradients by fold and raw predictions.

        A pass in compiled loops, of a loss of points.
        """
        parts, value = self.stack.parts, 0.0
        gradients = np.zeros((len(parts), theta.size))
        if self.is_joint:
            p = self.raw(theta)
            slopes = self.term.slopes(p, 0.0)
            for found, part in zip(gradients, parts):
                found[:] = (slopes[part].T @ self.stack.Z[part]).ravel()
            return self.term.value(p), gradients, p
        p, coef = np.empty(len(self.weight)), np.append(theta[0], 0.0)
        layout = self.stack.layout.columns, self.stack.layout.starts
        for found, part, term in zip(gradients, parts, self.sums):
            if part.start < part.stop:
                rows = self.stack.Z[part].reshape(-1), *layout, term
                value += sweep(*rows, coef, self.start[part], p[part], 0.0, found)[0]
        if self.term.offset is not None:
            p += self.start
        return value, gradients, p

    def look_many(self, thetas):
        """Values and gradients by fold of several points, while rows are in cache."""
        if self.is_quadratic and self.hessians is not None:
            each = [self._of_quadratic(theta) for theta in thetas]
        elif self.is_joint:
            each = [self.look(theta)[:2] for theta in thetas]
        else:
            return self._in_blocks(thetas[:, 0])
        values, gradients = zip(*each)
        return np.array(values), np.array(gradients)

    def _in_blocks(self, thetas):
        Z, term, m = self.stack.Z, self.term, len(thetas)
        gradients = np.zeros((len(self.stack.parts), *thetas.shape))
        values, coef = np.zeros(m), np.ascontiguousarray(thetas)
        functions, size = self.loss.checked(), max(16, MANY // m)
        for found, part in zip(gradients, self.stack.parts):
            for start in range(part.start, part.stop, size):
                here = slice(start, min(start + size, part.stop))
                z, weight = Z[here], term.weight[here]
                p = coef @ z.T
                if term.offset is not None:
                    p += term.offset[here]
                y, out = np.empty_like(p), np.empty((2, *p.shape))
                y[:] = term.y[here]
                given = (array.reshape(-1) for array in (y, p, *out))
                functions.evaluate_points(*given, None)
                if term._some_absent:
                    out[:, :, weight == 0] = 0.0
                value, slopes = out
                values += value @ weight
                slopes *= weight
                found += slopes @ z
        return values, gradients.transpose(1, 0, 2)

    def _of_quadratic(self, theta):
        """Value and gradients of the squared error, which the Hessians say."""
        at, value, gradients = self.origin
        change = self.hessians @ (theta.ravel() - at)
        level = gradients.sum(axis=0) + 0.5 * change.sum(axis=0)
        return value + float(level @ (theta.ravel() - at)), gradients + change

    def bend(self):
        """Hessians of the losses where it is, by fold."""
        if self.hessians is not None and self.is_quadratic:
            return
        self.origin = self.theta.ravel().copy(), self.value, self.gradients
        size = self.K * self.stack.Z.shape[1]
        hessians = np.zeros((len(self.stack.parts), size, size))
        if not self.is_joint:
            self.curvatures = self.term.model(self.p, 0.0).curvatures
            self.roots = np.sqrt(np.maximum(self.curvatures, 0.0))
        for found, part in zip(hessians, self.stack.parts):
            for start in range(part.start, part.stop, BLOCK):
                self._add(slice(start, min(start + BLOCK, part.stop)), found)
        if not np.isfinite(hessians).all():
            raise Doubt("curvatures overflow")
        self.hessians, self.hessian = hessians, hessians.sum(axis=0)
        self.moved = 0.0
        self.factor = _factor(self.hessian + self.lam)

    def _add(self, block, found):
        """The products of a block of rows."""
        Z = self.stack.Z[block]
        if not self.is_joint:
            weighted = Z * self.roots[block, None]
            found += weighted.T @ weighted
            return
        each, size = self.term.hessians(self.p[block], 0.0, block), Z.shape[1]
        found = found.reshape(self.K, size, self.K, size)
        for k in range(self.K):
            for m in range(k + 1):
                product = (Z * each[:, k, m, None]).T @ Z
                found[k, :, m] += product
                if m < k:
                    found[m, :, k] += product

    # ----------------------------------------------------------------------- the path
    def price(self, penalty):
        """Lambda, a matrix of shape (size, size), of a penalty."""
        scaled = penalty.scaled(self.stack.features.scale)
        d, size = len(self.stack.features.scale), self.stack.Z.shape[1]
        one = np.zeros((size, size))
        one[range(d), range(d)] = scaled.l2
        if scaled.matrix is not None:
            one[:d, :d] += scaled.matrix
        return np.kron(np.eye(self.K), one)

    def points(self, penalties, samples=True):
        """The optima of all rows, or points near to them.

        Parameters
        ----------
        penalties : list of Price
        samples : bool, default=True
            Whether the path may be that of some rows.

        Yields
        ------
        Point
        """
        is_sampled = samples and self.stack.few is not None
        if is_sampled and not (self.is_joint or self.is_quadratic):
            yield from self._points_of_sample(penalties)
            return
        self.begin()
        for penalty in penalties:
            self.to(self.price(penalty))
            here = self, self.theta, self.gradients, self.hessians
            yield Point(*here, self.lam, self.gain())

    def _points_of_sample(self, penalties):
        """The path of some rows, all of whose points are then looked at together."""
        points = list(Path(self.objective, self.stack.few).points(penalties))
        yield from self.looked_at(points)

    def looked_at(self, points):
        """Points of the path of some rows, moved to where all rows have them."""
        thetas = np.array([point.theta for point in points])
        gradients = [None] * len(points)
        enough = FAR * max(point.gain for point in points)
        far = np.arange(len(points))
        for _ in range(MOST_LOOKS):
            for i, found in zip(far, self.look_many(thetas[far])[1]):
                gradients[i] = found
            steps = [_newton_step(points[i], thetas[i], gradients[i]) for i in far]
            moves = np.array([promised > enough for _, promised in steps])
            for i, (step, _) in zip(far[moves], compress(steps, moves)):
                thetas[i] -= step.reshape(thetas[i].shape)
            far = far[moves]
            if len(far) == 0:
                break
        else:
            raise Doubt("some of the rows say too little of the others")
        for point, theta, by_fold in zip(points, thetas, gradients):
            yield replace(point, path=self, theta=theta, gradients=by_fold)

    def to(self, lam):
        """Go to the optimum of all rows with a penalty."""
        self.lam = lam
        if self.hessians is None:
            self.bend()
        self.factor = _factor(self.hessian + lam)
        for _ in range(MOST_STEPS):
            flat = self.theta.ravel()
            slope = self.gradients.sum(axis=0) + lam @ flat
            step = -_solve(self.factor, slope)
            promised = -0.5 * float(slope @ step)
            if promised <= ENOUGH * self.gain():
                break
            self._step(flat, step, promised)
        else:
            raise Doubt("steps of Newton's method do not arrive")
        if self.moved > STALE * self.gain() and not self.is_quadratic:
            self.bend()

    def gain(self):
        """How much better than the constant it is."""
        gain = self.at_constant - self._objective(self.theta.ravel(), self.value)
        return max(gain, 1e-12 * abs(self.at_constant))

    def _objective(self, flat, value):
        return value + 0.5 * float(flat @ self.lam @ flat)

    def _step(self, flat, step, promised):
        """A step that lowers the objective, with new curvature where it is wrong."""
        before = self._objective(flat, self.value)
        kept = self.theta, self.p, self.value, self.gradients
        is_fresh = self.moved == 0.0 or self.is_quadratic
        for _ in range(HALVINGS):
            self.theta = (flat + step).reshape(kept[0].shape)
            with np.errstate(all="ignore"):
                try:
                    self._look()
                    gained = before - self._objective(flat + step, self.value)
                except Doubt:
                    gained = -np.inf
            if gained >= LITTLE * promised:
                self.moved += gained
                if not GOOD[0] <= gained / promised <= GOOD[1]:
                    self.bend()
                return
            self.theta, self.p, self.value, self.gradients = kept
            if not is_fresh:
                self.bend()
                return  # to try again with it
            step, promised = 0.5 * step, 0.75 * promised
        raise Doubt("no step lowers the objective")

    # ------------------------------------------------------------- without single rows
    def left_out(self):
        """The raw prediction of each row by the fit of all others, of a loss of points.

        Of the squared error they are exact, for any weights: without row i the penalty
        has the share s_i = S - weight_i beside the sum of the losses.
        """
        if self.is_joint:
            raise Doubt("losses of rows have no leave-one-out")
        self.p, flat = self.raw(self.theta), self.theta[0]
        self.bend()
        slopes = self.term.slopes(self.p, 0.0)
        lower = np.linalg.cholesky(self.hessian + _jitter(self.hessian))
        whitened = np.linalg.solve(lower, np.linalg.solve(lower, self.lam).T)
        values, vectors = np.linalg.eigh(0.5 * (whitened + whitened.T))
        U = self.stack.Z @ np.linalg.solve(lower.T, vectors)
        paid = self.lam @ flat
        slope = vectors.T @ np.linalg.solve(lower, self.gradients.sum(axis=0) + paid)
        paid = vectors.T @ np.linalg.solve(lower, paid)
        w, found = self.weight, np.empty(len(self.weight))
        for start in range(0, len(w), BLOCK):
            b = slice(start, start + BLOCK)
            scaled = U[b] / (1.0 + np.outer(1.0 - w[b], np.maximum(values, 0.0)))
            q = np.einsum("ij,ij->i", scaled, U[b])
            moved = slopes[b] * q + w[b] * (scaled @ paid) - scaled @ slope
            with np.errstate(divide="ignore", invalid="ignore"):
                found[b] = self.p[b] + moved / (1.0 - self.curvatures[b] * q)
        if not np.isfinite(found).all():
            raise Doubt("some row decides a coefficient alone")
        return found


def _newton_step(point, theta, gradients):
    """A step of all rows, and what it promises to gain."""
    slope = gradients.sum(axis=0) + point.lam @ theta.ravel()
    step = _solve(_factor(point.hessians.sum(axis=0) + point.lam), slope)
    return step, 0.5 * float(slope @ step)


def _jitter(matrices):
    """What makes matrices without curvature in some direction positive definite."""
    diagonal = np.abs(np.einsum("...ii->...i", matrices))
    largest = np.maximum(diagonal.max(axis=-1, keepdims=True, initial=0.0), 1e-300)
    added = FLAT * np.where(diagonal > 0, diagonal, largest)
    return added[..., None] * np.eye(matrices.shape[-1])


def _factor(matrix):
    try:
        return cho_factor(matrix + _jitter(matrix), lower=True, check_finite=False)
    except LinAlgError as error:
        raise Doubt(NO_CURVATURE) from error


def _solve(factor, slope):
    return cho_solve(factor, slope, check_finite=False)
