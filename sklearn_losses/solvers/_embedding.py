"""Solvers of embeddings: L-BFGS on all tuples, and Adam on those of a batch.

The maps of few components have no convex objective, and all that is asked of a solver
is a good local minimum: scipy's L-BFGS-B is one, with bounds for a diagonal metric.
Tuples that are mined are sought anew where the last ones have led.
"""

import numpy as np
from scipy.optimize import Bounds, minimize

MOST_ROUNDS = 20  # of mining
STEPS = 30  # of a round: where tuples change, its end is not the end
WIDTHS = 0.1, 0.01  # of kinks, in margins
SHARPER = 1e-3, 1e-4  # where the end is to be proved
PROVED = 100.0  # times tol: the gap, in shares of the objective, at which it is
LEAST_TOL = 1e-14
# The fall of the objective in one iteration, in units of tol, at which it has ended.
# Where there are many minima, the last digits of one are worth nothing; but cosines
# have long valleys, in which little is gained for a while.
FALL, FALL_OF_MANY, FALL_OF_COSINES = 0.03, 1.0, 0.1


class Run:
    """A vector that goes downhill, and what that has taken.

    Attributes
    ----------
    theta : ndarray
    n_iter : int
    converged : bool
        Whether the last descent has arrived.
    value : float
        The objective, of `solve`'s.
    """

    def __init__(self, theta, max_iter):
        self.theta, self.left, self.n_iter = theta, max_iter, 0
        self.converged, self.value = False, np.nan

    def descend(self, objective, tol, width=0.0, most=None):
        """L-BFGS-B, with kinks smoothed over a width."""
        steps = min(self.left, most or self.left)
        if steps <= 0:
            self.converged = False
            return
        if width:
            objective = objective.smoothed(width)
        fall = tol * _fall(objective.loss)
        options = {"gtol": tol, "ftol": fall, "maxcor": 20, "maxfun": 20 * steps}
        found = minimize(
            objective.value_gradient,
            self.theta,
            jac=True,
            method="L-BFGS-B",
            bounds=_bounds(objective, len(self.theta)),
            options=options | {"maxiter": steps},
        )
        self.theta, self.converged = found.x, found.nit < steps
        self.value = float(found.fun) if width == 0.0 else np.nan
        self.n_iter, self.left = self.n_iter + found.nit, self.left - found.nit

    def mine(self, objective, mining, tol, width):
        """Descend on tuples that are sought anew, until nothing is gained by that."""
        before = np.inf
        for _ in range(MOST_ROUNDS):
            value = objective.value_gradient(self.theta)[0]
            # Those that are not kept are new each time, but gain less and less.
            near = abs(value - before) <= 10.0 * tol * max(1.0, value)
            if self.left <= 0 or (near and not mining.keeps):
                break
            before = value
            self.descend(objective, tol, width, STEPS)
            term, is_new = mining.term(objective.places(self.theta))
            if not is_new:
                break
            objective = objective.with_term(term)
        return objective


def _fall(loss):
    """The fall of the objective at which a descent has ended, in units of tol."""
    if loss.similarity == "cosine":
        return FALL_OF_COSINES
    return FALL if loss.convex else FALL_OF_MANY


def _bounds(objective, size):
    """What entries may be: a metric and a squared distance are >= 0."""
    fits_threshold = objective.loss.fits_threshold
    if not (objective.is_diagonal or fits_threshold):
        return None
    low = np.full(size, 0.0 if objective.is_diagonal else -np.inf)
    if fits_threshold:
        low[-1] = 0.0
    return Bounds(low, np.inf)


def solve(objective, mining, theta, tol, max_iter, is_convex):
    """The minimum that is reached from a start.

    Parameters
    ----------
    objective : EmbeddingObjective
    mining : Mining or None
        None: the tuples of the objective are those that are wanted.
    theta : ndarray
    tol : float
    max_iter : int
        Iterations, altogether.
    is_convex : bool
        Whether it is the least of all, so that its gap is to be closed.

    Returns
    -------
    Run, EmbeddingObjective
        The objective has the tuples of the end.
    """
    run = Run(theta, max_iter)
    widths = (0.0,) if objective.loss.differentiable else WIDTHS + SHARPER * is_convex
    if mining is not None:
        objective = run.mine(objective, mining, tol, widths[0])
    for width in widths:
        run.descend(objective, tol, width)
    at_end = tol
    if np.isnan(run.value):
        run.value = objective.value_gradient(run.theta)[0]
    while is_convex and run.left > 0 and at_end > LEAST_TOL:
        if run.value - objective.bound(run.theta) <= PROVED * tol * run.value:
            break
        at_end *= 1e-2
        run.descend(objective, at_end, widths[-1])
        if widths[-1]:
            run.value = objective.value_gradient(run.theta)[0]
    return run, objective


class Adam:
    """Steps of Adam, whose averages are kept between batches.

    Parameters
    ----------
    size : int
        Of the vector.
    rate : float
    """

    def __init__(self, size, rate):
        self.rate, self.n_steps = rate, 0
        self.mean, self.square = np.zeros(size), np.zeros(size)

    def copy(self):
        """Another one, with the averages of this one."""
        found = Adam(len(self.mean), self.rate)
        found.n_steps = self.n_steps
        found.mean, found.square = self.mean.copy(), self.square.copy()
        return found

    def step(self, gradient):
        """What a vector changes by."""
        self.n_steps += 1
        t = self.n_steps
        self.mean += 0.1 * (gradient - self.mean)
        self.square += 0.001 * (gradient**2 - self.square)
        size = np.sqrt(self.square / (1.0 - 0.999**t))
        return -self.rate * (self.mean / (1.0 - 0.9**t)) / (size + 1e-12)
