"""Scores of folds by one Newton step from the fit of all rows, and of left-out rows.

The Hessian of the fit of all rows is a sum over rows. Summed by fold, it is as well
that of the fit without each fold: with H = sum_k H_k, g = sum_k g_k of the losses at
theta, the penalty's Lambda, and the share m_k of the weights that is not in fold k,

    delta_k = - ((H - H_k) / m_k + Lambda)^-1 ((g - g_k) / m_k + Lambda theta)

leads from theta to the coefficients without it, up to O(1 / n^2) (Wilson, Kasy and
Mackey 2020; Giordano et al. 2019). K folds cost one product and one loss more for each
row, and along a path of alphas the same matrices give the next start. With an l1 norm
or bounds the step goes to where the model with them is least (`_least`). A scale that
is measured in each fold tilts its gradients a little.

Kinks are smoothed, over less than quantile regression is for inference (He, Pan, Tan
and Zhou 2023): that moves coefficients by much less than rows do. Balanced classes have
sums of their own in each fold, as they count more without some of their rows.

As theta need not be the optimum, many rows are looked at but once or twice: the path is
that of some of them, which say enough of curvature too, and all its points are looked
at together while rows are in cache.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, pairwise

import numpy as np

from sklearn_losses.design._centred import Centred
from sklearn_losses.design._rows import Rows
from sklearn_losses.model_selection._least import Bowl, Bowls, Cost, Doubt, jitter
from sklearn_losses.problem._sweep import sweep
from sklearn_losses.solvers.descent._problem import bends_alike

BLOCK = 1 << 10  # rows whose products stay in cache
MANY = 1 << 14  # raw predictions of several points that do
ENOUGH = 1e-6  # of the gain over the constant may a step promise where a fit ends
STALE = 2e-3  # of the gain: after steps that have gained so much there is new curvature
MOST_STEPS = 60
GOOD = 0.75, 1.25  # times what it promised a step may gain, for curvature that is right
LITTLE = 0.1  # ... and at the least, to be taken
HALVINGS = 30
REFINED = 1e-8  # as ENOUGH, of the fits without a fold
SAMPLED = 1000  # rows for each coefficient say enough of the curvature
FAR = 1e-4  # as ENOUGH, for a point of a sample that is looked at again ...
MOST_LOOKS = 3  # ... as often
WORTH = 4  # times as many rows as a sample has, for it to be worth while
# Kinks are smoothed over this share of (coefs / rows)^0.4 of the spread of what is
# left, between: scores feel what smoothing moves more than what curvatures err by.
OF_SPREAD, NARROW, WIDE = 0.5, 0.025, 0.25
PAID = 1 / 6  # times that share squared, of a loss of normal errors, is what it adds
OTHER = 1.25  # times the width is another one
WIDTHS = 4  # that are tried
NEAR = 1e-3  # of a scale, for the derivative of gradients by it


class Stack:
    """Rows sorted by fold, centred and in units of their spread, with a column of 1.

    Parameters
    ----------
    objective : Objective
        Whose rows they are.
    tests : list of ndarray of int
        The rows of each fold, which have none in common.
    kinds : ndarray of int of shape (n_rows,), default=None
        Classes that are balanced.
    factors : ndarray of shape (n_folds, d), default=None
        Times which features are those without a fold; see `_affine`.
    features : Centred, default=None
        The rows in the units of others, too; None: in their own.

    Attributes
    ----------
    order : ndarray of int of shape (n_rows,)
    folds : list of slice
    parts : list of slice
        Each fold, or each class of it, and what is in none of them.
    fold_of, kind_of : ndarray of int of shape (n_parts,)
        Of which fold and class each is; what is in none has the number after the last.
    few : Stack or None
        Some of the rows, where there are many for each coefficient.
    """

    few = None

    def __init__(self, objective, tests, kinds=None, factors=None, features=None):
        rows, self.factors = objective.rows, factors
        fold = np.full(rows.n_rows, len(tests))
        for k, test in enumerate(tests):
            fold[test] = k
        kinds = np.zeros(rows.n_rows, int) if kinds is None else kinds
        n_kinds = int(kinds.max(initial=0)) + 1
        label = fold * n_kinds + kinds
        self.order = np.argsort(label, kind="stable")
        lengths = np.bincount(label, minlength=len(tests) * n_kinds)
        self.fold_of, self.kind_of = np.divmod(np.arange(len(lengths)), n_kinds)
        self.n_folds, self.has_intercept = len(tests), objective.fit_intercept
        weight = objective.sample_weight
        self.features = features
        if features is None:
            self.features = Centred(rows, weight, objective.fit_intercept)
        self._set(self._centred(rows), lengths)
        step = len(self.Z) // (SAMPLED * self.Z.shape[1])
        if step >= WORTH:
            self.few = self._every(step)

    def _set(self, Z, lengths):
        ends = np.cumsum([0, *lengths])
        self.parts = [slice(*both) for both in pairwise(ends)]
        first = np.searchsorted(self.fold_of, np.arange(self.n_folds + 1))
        self.folds = [slice(*both) for both in pairwise(ends[first])]
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
        sizes = [-((p.start - p.stop) // step) for p in self.parts]
        each = [
            np.sort(rng.choice(np.arange(p.start, p.stop), size))
            for p, size in zip(self.parts, sizes)
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
        Of the losses, by part.
    hessians : ndarray of shape (n_parts, n_outputs * size, n_outputs * size)
    costs : list of Cost
        Of all rows, and without each fold.
    gain : float
        Over the best constant.
    loss : Loss
    width : float
        Over which its kinks are smoothed.
    tilts : ndarray of shape (n_folds, n_parts, n_outputs * size)
        What is added to the gradients of each fold, or 0.
    """

    path: object
    theta: np.ndarray
    gradients: np.ndarray
    hessians: np.ndarray
    costs: list
    gain: float
    loss: object
    width: float = 0.0
    tilts: np.ndarray | float = 0.0

    @cached_property
    def bowls(self):
        """The models without each fold."""
        return Bowls(np.tensordot(self.path.shares, self.hessians, 1), self.costs[1:])

    def step(self, theta, gradients):
        """A step of all rows, and what it promises to gain."""
        flat, cost = theta.ravel(), self.costs[0]
        bowl = Bowl(self.hessians.sum(axis=0), cost)
        return bowl.step(flat, gradients.sum(axis=0) + cost.lam @ flat)

    def slopes_without(self, thetas, gradients, folds):
        """The gradients of the objectives without folds, of what is smooth.

        Parameters
        ----------
        thetas : ndarray of shape (n, n_outputs, size)
        gradients : ndarray of shape (n, n_parts, n_outputs * size)
        folds : ndarray of int of shape (n,)
            The one that each is without.
        """
        if np.ndim(self.tilts):
            gradients = gradients + self.tilts[folds]
        slopes = np.einsum("np,npj->nj", self.path.shares[folds], gradients)
        paid = [self.costs[1 + k].lam @ x.ravel() for k, x in zip(folds, thetas)]
        return slopes + np.array(paid)

    def moved(self, thetas, gradients, folds):
        """Coefficients without folds after a step.

        Returns
        -------
        thetas, promised, gaps
        """
        slopes = self.slopes_without(thetas, gradients, folds)
        steps, promised = self.bowls.steps(
            folds, thetas.reshape(len(folds), -1), slopes
        )
        return thetas + steps.reshape(thetas.shape), promised, self.gaps(slopes, folds)

    def without_folds(self):
        """The coefficients without each fold, of shape (n_folds, n_outputs, size)."""
        folds = np.arange(self.path.stack.n_folds)
        thetas = np.repeat(self.theta[None], len(folds), axis=0)
        gradients = np.broadcast_to(self.gradients, (len(folds), *self.gradients.shape))
        return self.moved(thetas, gradients, folds)[0]

    def gaps(self, slopes, folds):
        """Duality gaps of coefficients with these gradients: g' Lambda^-1 g / 2.

        By Fenchel's equality they are those of the loss's own slopes. These have to sum
        to 0 if there is an intercept, and do, up to what a step there would gain. nan
        where features are free of charge, or coupled, or kinks are there.
        """
        paid = np.array([np.diag(self.costs[1 + k].lam) for k in folds])
        lam, of_features = self.costs[0].lam, self.path.scales > 0
        is_diagonal = np.count_nonzero(lam) == np.count_nonzero(paid[0])
        free = (paid[0] == 0) & of_features
        rough = self.path.is_joint or self.path.is_rough or self.costs[0].has_kinks
        if free.any() or not is_diagonal or rough:
            return np.full(len(slopes), np.nan)
        here = paid[0] > 0
        return 0.5 * np.sum(slopes[:, here] ** 2 / paid[:, here], axis=1)


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
        which = np.argwhere(todo)
        gradients = path.look_many(thetas[todo], [points[i] for i in which[:, 0]])
        for i in np.unique(which[:, 0]):
            here, folds = which[:, 0] == i, which[which[:, 0] == i, 1]
            found = points[i].moved(thetas[i, folds], gradients[here], folds)
            thetas[i, folds], promised, gaps[i, folds] = found
            todo[i, folds] = ~(promised <= REFINED * points[i].gain)
        if not todo.any():
            break
    if (most > 1 and todo.any()) or not np.isfinite(thetas).all():
        raise Doubt("steps without a fold do not arrive")
    return list(thetas), gaps


class Path:
    """Fits of one objective along penalties.

    Parameters
    ----------
    objective : Objective
    stack : Stack
    scaled : Loss, default=None
        One with a scale, which each penalty has another of: see `points`.

    Attributes
    ----------
    theta : ndarray of shape (n_outputs, size)
        Where it is, in units of the stack: the intercept, if there is one, is last.
    mass : ndarray of shape (n_parts,)
        The share of each part in the weights.
    width : float
        Over which kinks are smoothed, on each side.
    is_rough : bool
        Whether its points are less near to the fits than steps are.
    """

    width = 0.0

    def __init__(self, objective, stack, scaled=None):
        self.stack, self.is_joint, self.scaled = stack, objective.is_joint, scaled
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
        self.is_smoothed = not self.loss.differentiable
        self.is_rough = self.is_smoothed or scaled is not None
        self.start = np.zeros(len(term.y)) if term.offset is None else term.offset
        if not self.is_joint:
            self.sums = [term.sums_of(part) for part in stack.parts]
        self.hessians, self.cost = None, None
        self.fits_intercept = objective.fit_intercept
        self.theta = np.zeros((self.K, stack.Z.shape[1]))
        scale = np.append(stack.features.scale, np.zeros(int(stack.has_intercept)))
        self.scales = np.tile(scale, self.K)  # 0 of what needs no penalty

    @cached_property
    def shares(self):
        """What each part counts without a fold, of shape (n_folds, n_parts).

        What is left of a class counts as much as all of it did.
        """
        stack = self.stack
        stays = stack.fold_of != np.arange(stack.n_folds)[:, None]
        shares = stays.astype(np.float64)
        for kind in np.unique(stack.kind_of):
            here = stack.kind_of == kind
            left = stays[:, here] @ self.mass[here]
            if not left.all():
                raise Doubt("a fold has all rows with a weight")
            shares[:, here] *= self.mass[here].sum() / left[:, None]
        return shares

    def begin(self):
        """Go to the best constant."""
        if self.fits_intercept:
            self.theta[:, -1] = self.term.best_constant()
        if self.is_smoothed:
            self.width = self._best_width(self.raw(self.theta))
        self._look()
        self.at_constant, self.moved = self.value, np.inf

    def rescale(self, scale):
        """Have the loss of a scale, and what is known of it anew."""
        self.loss = self.scaled.at_scale(scale)
        self.term = self.term.with_loss(self.loss)
        self.sums = [self.term.sums_of(part) for part in self.stack.parts]
        constant = np.zeros_like(self.theta)
        if self.fits_intercept:
            constant[:, -1] = self.term.best_constant()
        self.at_constant = self.term.value(self.raw(constant))
        self._look()
        self.bend()

    def _tilts(self, scales):
        """How the gradients of each fold differ, which has another scale."""
        scale = scales[0] * (1.0 + NEAR)
        term = self.term.with_loss(self.scaled.at_scale(scale))
        slopes = term.slopes(self.p, 0.0)
        found = np.array([slopes[p] @ self.stack.Z[p] for p in self.stack.parts])
        found = (found - self.gradients) / (NEAR * scales[0])
        return (scales[1:] - scales[0])[:, None, None] * found

    def _best_width(self, p):
        """Wide enough for rows to bend, and too little to change the loss by much."""
        term, p = self.term.some(p)
        n, size = self.stack.Z.shape
        share = OF_SPREAD * ((size + np.log(n)) / n) ** 0.4
        share = min(max(share, NARROW), WIDE)
        width = self.width or float(np.std(p - term.y)) or 1.0
        for _ in range(WIDTHS):
            seen = term.model(p, width, None, False)
            if not (seen.value > 0 and np.isfinite(seen.value)):
                raise Doubt("nothing is left of the loss")
            if not seen.excess > 0:
                width *= 4.0
                continue
            width *= share * np.sqrt(PAID * seen.value / seen.excess)
        return float(width)

    # ------------------------------------------------------------------ sums over rows
    def raw(self, theta):
        """Raw predictions, of shape (n,), or (n, n_outputs) of a joint loss."""
        found = self.stack.Z @ (theta.T if self.is_joint else theta[0])
        return found if self.term.offset is None else found + self.term.offset

    def _look(self, came=None):
        """Value and gradients of the losses where it is, by part.

        Where kinks are smoothed the slopes on the way say how the value changes.
        """
        if self.is_quadratic and self.hessians is not None:
            self.value, self.gradients = self._of_quadratic(self.theta)
            self.p = None
            return
        before = self.value if self.width and came is not None else None
        slope = None if before is None else self.gradients.sum(axis=0)
        self.value, self.gradients, self.p = self.look(self.theta)
        if not np.isfinite(self.value):
            raise Doubt("the loss overflows")
        if before is not None:
            slope = slope + self.gradients.sum(axis=0)
            self.value = before + 0.5 * float(slope @ came)

    def look(self, theta):
        """Value, gradients by part and raw predictions.

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
                here = self.start[part], p[part], self.width, found
                value += sweep(*rows, coef, *here)[0]
        if self.term.offset is not None:
            p += self.start
        return value, gradients, p

    def look_many(self, thetas, points=None):
        """Gradients by part of several points, while rows are in cache.

        By the losses of `Point`s, or by that of the path.
        """
        if self.is_quadratic and self.hessians is not None:
            return np.array([self._of_quadratic(theta)[1] for theta in thetas])
        if self.is_joint:
            return np.array([self.look(theta)[1] for theta in thetas])
        Z, term, m = self.stack.Z, self.term, len(thetas)
        gradients = np.zeros((len(self.stack.parts), m, thetas.shape[2]))
        coef, size = np.ascontiguousarray(thetas[:, 0]), max(16, MANY // m)
        alike = [(self, slice(None))] if points is None else _alike(points)
        for found, part in zip(gradients, self.stack.parts):
            for start in range(part.start, part.stop, size):
                here = slice(start, min(start + size, part.stop))
                z, weight = Z[here], term.weight[here]
                p = coef @ z.T
                if term.offset is not None:
                    p += term.offset[here]
                slopes = np.empty_like(p)
                for point, which in alike:
                    slopes[which] = self._slopes(term.y[here], p[which], point)
                if term._some_absent:
                    slopes[:, weight == 0] = 0.0
                slopes *= weight
                found += slopes @ z
        return gradients.transpose(1, 0, 2)

    def _slopes(self, y, p, point):
        """Those of a loss at raw predictions, of shape (n_points, n_rows)."""
        targets, out = np.empty_like(p), np.empty_like(p)
        targets[:] = y
        evaluate, flat = point.loss.checked().evaluate_points, targets.reshape(-1)
        if not point.width:
            evaluate(flat, p.reshape(-1), None, out.reshape(-1), None)
            return out
        lower = np.empty_like(p)
        evaluate(flat, (p + point.width).reshape(-1), out.reshape(-1), None, None)
        evaluate(flat, (p - point.width).reshape(-1), lower.reshape(-1), None, None)
        return (out - lower) * (0.5 / point.width)

    def _of_quadratic(self, theta):
        """Value and gradients of the squared error, which the Hessians say."""
        at, value, gradients = self.origin
        change = self.hessians @ (theta.ravel() - at)
        level = gradients.sum(axis=0) + 0.5 * change.sum(axis=0)
        return value + float(level @ (theta.ravel() - at)), gradients + change

    def bend(self):
        """Hessians of the losses where it is, by part."""
        if self.hessians is not None and self.is_quadratic:
            return
        self.origin = self.theta.ravel().copy(), self.value, self.gradients
        size = self.K * self.stack.Z.shape[1]
        hessians = np.zeros((len(self.stack.parts), size, size))
        if not self.is_joint:
            self.curvatures = self.term.model(self.p, self.width).curvatures
            self.roots = np.sqrt(np.maximum(self.curvatures, 0.0))
        for found, part in zip(hessians, self.stack.parts):
            for start in range(part.start, part.stop, BLOCK):
                self._add(slice(start, min(start + BLOCK, part.stop)), found)
        if not np.isfinite(hessians).all():
            raise Doubt("curvatures overflow")
        self.hessians, self.hessian = hessians, hessians.sum(axis=0)
        self.moved = 0.0
        if self.cost is not None:
            self.bowl = Bowl(self.hessian, self.cost)

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
    def costs(self, penalty, scales=None):
        """What a penalty costs, of all rows and without each fold.

        Kinks grow with the scale, where there is one.
        """
        stack = self.stack
        size, scale = stack.Z.shape[1], stack.features.scale
        if stack.factors is None and (scales is None or not penalty.has_kinks):
            return [Cost.of(penalty, scale, self.K, size)] * (1 + stack.n_folds)
        each = [penalty] * (1 + stack.n_folds)
        if scales is not None:
            each = [penalty.times_kinks(s) for s in scales]
        factors = np.ones((len(each), len(scale)))
        if stack.factors is not None:
            factors[1:] = stack.factors
        both = zip(each, scale / factors)
        return [Cost.of(price, s, self.K, size) for price, s in both]

    def points(self, penalties, samples=True, scales=None):
        """The optima of all rows, or points near to them.

        Parameters
        ----------
        penalties : list of Price
        samples : bool, default=True
            Whether the path may be that of some rows.
        scales : ndarray of shape (n_penalties, 1 + n_folds), default=None
            Those of the loss, of all rows and without each fold.

        Yields
        ------
        Point
        """
        is_sampled = samples and self.stack.few is not None
        if is_sampled and not (self.is_joint or self.is_quadratic):
            yield from self._points_of_sample(penalties, scales)
            return
        self.begin()
        scales = [None] * len(penalties) if scales is None else scales
        for penalty, each in zip(penalties, scales):
            if each is not None:
                self.rescale(each[0])
            costs = self.costs(penalty, each)
            self.to(costs[0])
            tilts = 0.0 if each is None else self._tilts(each)
            here = self, self.theta, self.gradients, self.hessians, costs
            yield Point(*here, self.gain(), self.loss, self.width, tilts)

    def _points_of_sample(self, penalties, scales):
        """The path of some rows, all of whose points are then looked at together."""
        few = Path(self.objective, self.stack.few, self.scaled)
        yield from self.looked_at(list(few.points(penalties, scales=scales)))

    def looked_at(self, points):
        """Points of the path of some rows, moved to where all rows have them."""
        thetas = np.array([point.theta for point in points])
        gradients = [None] * len(points)
        enough = FAR * max(point.gain for point in points)
        far = np.arange(len(points))
        for _ in range(MOST_LOOKS):
            found = self.look_many(thetas[far], [points[i] for i in far])
            for i, by_part in zip(far, found):
                gradients[i] = by_part
            steps = [points[i].step(thetas[i], gradients[i]) for i in far]
            moves = np.array([promised > enough for _, promised in steps])
            for i, (step, _) in zip(far[moves], compress(steps, moves)):
                thetas[i] += step.reshape(thetas[i].shape)
            far = far[moves]
            if len(far) == 0:
                break
        else:
            raise Doubt("some of the rows say too little of the others")
        for point, theta, by_part in zip(points, thetas, gradients):
            yield replace(point, path=self, theta=theta, gradients=by_part)

    def to(self, cost):
        """Go to the optimum of all rows with a penalty."""
        self.cost = cost
        if self.hessians is None:
            self.bend()
        self.bowl = Bowl(self.hessian, cost)
        self._descend()
        if self.is_smoothed:
            width = self._best_width(self.p)
            if not 1 / OTHER < width / self.width < OTHER:
                self.width = width
                self._look()
                self.bend()
                self._descend()
        if self.moved > STALE * self.gain() and not self.is_quadratic:
            self.bend()

    def _descend(self):
        for _ in range(MOST_STEPS):
            flat = self.theta.ravel()
            slope = self.gradients.sum(axis=0) + self.cost.lam @ flat
            step, promised = self.bowl.step(flat, slope)
            if promised <= ENOUGH * self.gain():
                return
            self._step(flat, step, promised)
        raise Doubt("steps of Newton's method do not arrive")

    def gain(self):
        """How much better than the constant it is."""
        gain = self.at_constant - self._objective(self.theta.ravel(), self.value)
        return max(gain, 1e-12 * abs(self.at_constant))

    def _objective(self, flat, value):
        return value + self.cost.value(flat)

    def _step(self, flat, step, promised):
        """A step that lowers the objective, with new curvature where it is wrong."""
        before = self._objective(flat, self.value)
        kept = self.theta, self.p, self.value, self.gradients
        is_fresh = self.moved == 0.0 or self.is_quadratic
        for _ in range(HALVINGS):
            self.theta = (flat + step).reshape(kept[0].shape)
            with np.errstate(all="ignore"):
                try:
                    self._look(step)
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
        free = self.cost.free(flat)  # others stay where they are
        both = np.ix_(free, free)
        slopes, hessian = self.term.slopes(self.p, 0.0), self.hessian[both]
        lower = np.linalg.cholesky(hessian + jitter(hessian))
        whitened = np.linalg.solve(lower, np.linalg.solve(lower, self.cost.lam[both]).T)
        values, vectors = np.linalg.eigh(0.5 * (whitened + whitened.T))
        U = self.stack.Z[:, free] @ np.linalg.solve(lower.T, vectors)
        paid = (self.cost.lam @ flat + self.cost.l1 * np.sign(flat))[free]
        slope = self.gradients.sum(axis=0)[free] + paid
        slope = vectors.T @ np.linalg.solve(lower, slope)
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


def _alike(points):
    """Those that have the same loss and width, and where they are."""
    found = {}
    for i, point in enumerate(points):
        found.setdefault((id(point.loss), point.width), (point, []))[1].append(i)
    return list(found.values())
