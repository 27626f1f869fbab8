"""The minimum of a quadratic model with a norm that couples coefficients.

Groups are minimised one after the other, and then all that are not 0 together, by
Newton's method, for away from 0 their norm is smooth. A sorted norm has a proximal
operator, which accelerated steps take (Beck and Teboulle 2009).
"""

import numpy as np

from sklearn_losses.penalties._norms import BlockNorm, of_blocks
from sklearn_losses.solvers.descent._coordinate_descent import minimize_groups
from sklearn_losses.solvers.descent._curvature import scaled_solve

ROUNDS = 5  # of groups and Newton steps in turn
NEWTON_STEPS, HALVINGS = 10, 8
LITTLE = 1e-10  # of the first gain: a Newton step that gains no more is the last
DAMPING = 1e-12
PROX_ROUNDS, PROX_STEPS, PROX_TOL = 50, 20, 1e-9
SAME = 1e-9  # of the largest: sizes that differ by less are equal
POWERS = 30  # of the matrix, for its largest eigenvalue
SAFE = 1.05  # times what they find


class Quadratic:
    """gradient . (x - theta) + (x - theta)' B (x - theta) / 2 + kinks(x).

    Parameters
    ----------
    model : QuadraticModel
        With the kinks.
    matrix : BlockMatrix
        B.
    gradient, theta : ndarray of shape (d,)
    """

    def __init__(self, model, matrix, gradient, theta):
        self.model, self.kinks, self.matrix = model, model.kinks, matrix
        self.gradient, self.theta = gradient, theta
        self.shape = np.atleast_2d(model.theta).shape
        self.l1 = np.broadcast_to(model.l1, self.shape).ravel()

    def slope(self, x):
        """Of what is smooth."""
        return self.gradient + self.matrix.product(x - self.theta)

    def value(self, x):
        step = x - self.theta
        smooth = self.gradient @ step + 0.5 * step @ self.matrix.product(step)
        return smooth + float(self.kinks.value(x.reshape(self.shape)[:, :-1]).sum())

    def prox(self, x, step):
        found = x.reshape(self.shape).copy()
        found[:, :-1] = self.kinks.prox(found[:, :-1], step)
        return found.ravel()


def minimize_with_norm(model, matrix, gradient, theta, sweeps, tol):
    """The minimum of a quadratic model, about; see `Quadratic`."""
    problem = Quadratic(model, matrix, gradient, theta)
    if isinstance(model.price.norm, BlockNorm):
        return _by_groups(problem, sweeps, tol)
    return _by_prox(problem)


def _by_groups(problem, sweeps, tol):
    n_outputs, size = problem.shape
    members, starts, weight = problem.model.price.norm.blocks(n_outputs, size)
    intercepts = size * np.arange(1, n_outputs + 1) - 1  # groups without a price
    members = np.append(members, intercepts)
    ends = len(members) - n_outputs + np.arange(1, n_outputs + 1)
    starts, weight = np.append(starts, ends), np.append(weight, np.zeros(n_outputs))
    groups = members.astype(np.intp), starts.astype(np.intp), weight
    x = problem.theta
    for _ in range(ROUNDS):
        args = problem.matrix, problem.slope(x), x, problem.l1
        x = minimize_groups(*args, *groups, sweeps, tol)
        x, has_moved = _newton_steps(problem, x, *groups)
        if not has_moved or not _wants_to_move(problem, x, tol):
            break
    return x


def _wants_to_move(problem, x, tol):
    """Whether a group of zeros would leave 0."""
    coef = x.reshape(problem.shape)[:, :-1]
    slope = problem.slope(x).reshape(problem.shape)[:, :-1]
    left = problem.kinks.residual(coef, slope)
    return bool((np.abs(left[coef == 0]) > tol * np.abs(slope).max()).any())


def _newton_steps(problem, x, members, starts, weight):
    """Steps of all coordinates that are not 0; and whether there were some."""
    group = np.empty(len(x), np.intp)
    group[members] = np.repeat(np.arange(len(weight)), np.diff(starts))
    is_free = (x != 0) | ((problem.l1 == 0) & (weight[group] == 0))
    free = np.flatnonzero(is_free)
    matrix = problem.matrix.chosen(free)
    curved = np.diag(matrix) > 0
    free, matrix = free[curved], matrix[np.ix_(curved, curved)]
    if len(free) == 0:
        return x, False
    group, first, here = group[free], None, problem.value(x)
    for _ in range(NEWTON_STEPS):
        slope, bend = of_blocks(x[free], group, weight)
        slope += problem.slope(x)[free] + problem.l1[free] * np.sign(x[free])
        step = -scaled_solve(matrix + bend, slope, DAMPING)[0]
        found, reached = _shorter(problem, x, free, step, here)
        if found is None:
            break
        first = here - reached if first is None else first
        gain, x, here = here - reached, found, reached
        if gain <= LITTLE * first:
            break
    return x, first is not None


def _shorter(problem, x, free, step, value):
    """A step that lowers the model and changes no sign that an l1 norm charges."""
    crosses = (problem.l1[free] > 0) & (x[free] * (x[free] + step) < 0)
    t = float((-x[free][crosses] / step[crosses]).min(initial=1.0))
    for _ in range(HALVINGS):
        found = x.copy()
        found[free] += t * step
        reached = problem.value(found)
        if reached < value:
            return found, reached
        t *= 0.5
    return None, value


def _by_prox(problem):
    """Accelerated proximal steps, and minima with the clusters that they find."""
    largest = SAFE * _largest_eigenvalue(problem)
    x = problem.theta
    if not largest > 0:
        return x
    first = None
    for _ in range(PROX_ROUNDS):
        x, size, way = _prox_steps(problem, x, largest, first)
        first = first or way
        if size <= PROX_TOL * first:
            break
        x = _least_of_clusters(problem, x)
    return x


def _prox_steps(problem, x, largest, first):
    """Some of them, which begin anew where they go up; and the last, and the first."""
    momentum, t, way = x, 1.0, None
    for _ in range(PROX_STEPS):
        slope = problem.slope(momentum)
        new = problem.prox(momentum - slope / largest, 1.0 / largest)
        step = new - x
        if (momentum - new) @ step > 0:
            t = 1.0
        after = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        momentum, x, t = new + (t - 1.0) / after * step, new, after
        size = float(np.linalg.norm(step))
        way = size if way is None else way
        if size <= PROX_TOL * (first or way):
            break
    return x, size, way


def _least_of_clusters(problem, x):
    """The minimum where coefficients of the same size stay so, up to the first tie."""
    signs, charges, rows = _clusters(problem, x)
    if len(signs) == 0:
        return x
    curved = signs @ problem.matrix.chosen(np.arange(len(x))) @ signs.T
    slope = signs @ problem.slope(x) + charges
    step = -scaled_solve(curved, slope, DAMPING)[0]
    sizes = np.abs(signs @ x) / np.maximum(np.abs(signs).sum(axis=1), 1.0)
    t = 1.0
    for row in range(problem.shape[0]):
        here = np.flatnonzero(rows == row)
        size, change = np.append(sizes[here], 0.0), np.append(step[here], 0.0)
        nearer, gap = -np.diff(change), -np.diff(size)
        ties = nearer < -gap
        t = min(t, float((-gap[ties] / nearer[ties]).min(initial=1.0)))
    new = x + t * (step @ signs)
    return new if problem.value(new) < problem.value(x) else x


def _clusters(problem, x):
    """Coefficients of the same size, from the largest on, and the intercepts.

    Returns
    -------
    signs : ndarray of shape (n_clusters, d)
    charges : ndarray of shape (n_clusters,)
        The sum of their weights in the norm.
    rows : ndarray of shape (n_clusters,)
        Of which output, and -1 of an intercept.
    """
    coef, weight = x.reshape(problem.shape), problem.model.price.norm.weight
    signs, charges, rows = [], [], []
    for k, row in enumerate(coef):
        sizes, begin = np.abs(row[:-1]), 0
        order = np.argsort(-sizes, kind="stable")
        order = order[sizes[order] > 0]
        jumps = np.diff(sizes[order], append=0.0) < -SAME * sizes.max(initial=0.0)
        for end in np.flatnonzero(jumps) + 1:
            one = np.zeros(problem.shape)
            members = order[begin:end]
            one[k, members] = np.sign(row[members])
            signs.append(one.ravel())
            charges.append(weight[begin:end].sum())
            rows.append(k)
            begin = end
        if problem.model.moves[-1]:
            one = np.zeros(problem.shape)
            one[k, -1] = 1.0
            signs.append(one.ravel())
            charges.append(0.0)
            rows.append(-1)
    if not signs:
        return np.zeros((0, len(x))), np.zeros(0), np.zeros(0)
    return np.array(signs), np.array(charges), np.array(rows)


def _largest_eigenvalue(problem):
    v = np.cos(np.arange(1.0, len(problem.theta) + 1.0))
    found = 0.0
    for _ in range(POWERS):
        v = v / max(float(np.linalg.norm(v)), 1e-300)
        v = problem.matrix.product(v)
        found = float(np.linalg.norm(v))
    return found
