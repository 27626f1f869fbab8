"""Steps of tasks that share a linear map of the features, and of the tasks' weights.

Raw outputs are matrix @ (shared @ x) + constant, in units of the targets and of centred
features. A step is Adam's, of all numbers, for batches of rows. What is special is who
says how much a task counts: nobody (fixed), the rates at which the losses fall from one
epoch to the next ("dwa"), or the gradients by the shared map, which are made alike in
size, more so for tasks that fall behind ("gradnorm").
"""

from dataclasses import dataclass, field

import numpy as np

DECAY, DECAY_OF_SQUARES, TINY = 0.9, 0.999, 1e-8  # of Adam
TEMPERATURE = 2.0  # of dwa (Liu, Johns and Davison 2019)
ASYMMETRY, STEP = 1.5, 0.025  # of gradnorm (Chen et al. 2018)
LEAST_WEIGHT = 1e-3  # of a task, where all sum to their number
FIRST = 0.1  # the size of the first numbers, in units
SHORTER, SHORTEST = 5.0, 0.01  # steps, where the losses fall no more


@dataclass
class Adam:
    """The steps of some arrays (Kingma and Ba 2015)."""

    size: float
    t: int = 0
    moments: dict = field(default_factory=dict)

    def move(self, **pairs):
        """Move arrays, given with their gradients, in place."""
        self.t += 1
        for name, (array, gradient) in pairs.items():
            zeros = np.zeros_like(array), np.zeros_like(array)
            first, second = self.moments.setdefault(name, zeros)
            first += (1.0 - DECAY) * (gradient - first)
            second += (1.0 - DECAY_OF_SQUARES) * (gradient**2 - second)
            corrected = first / (1.0 - DECAY**self.t)
            scale = np.sqrt(second / (1.0 - DECAY_OF_SQUARES**self.t))
            array -= self.size * corrected / (scale + TINY)


class Fixed:
    """Weights of tasks that stay.

    Parameters
    ----------
    factors : ndarray of shape (n_tasks,)
    """

    needs_gradients = False

    def __init__(self, factors):
        self.factors = factors.copy()
        self.before = []

    def step(self, losses, norms):
        """See a batch: the losses of tasks, and their gradients by the shared map."""

    def epoch(self, losses):
        """See the mean losses of an epoch."""
        self.before.append(losses)


class Averaging(Fixed):
    """Dynamic weight average: more for tasks whose losses fall slowly."""

    def epoch(self, losses):
        super().epoch(losses)
        if len(self.before) < 2:
            return
        rate = self.before[-1] / np.maximum(self.before[-2], 1e-300)
        share = np.exp((rate - rate.max()) / TEMPERATURE)
        self.factors = len(rate) * share / share.sum()


class GradientNorms(Fixed):
    """Weights that make gradients as large as each task's rate of learning asks."""

    needs_gradients = True
    _first = None

    def step(self, losses, norms):
        seen = np.isfinite(losses) & (norms > 0)
        if self._first is None:
            self._first = np.full(len(losses), np.nan)
        new = np.isnan(self._first) & seen
        self._first[new] = np.maximum(losses[new], 1e-300)
        if seen.sum() < 2:
            return
        rate = losses[seen] / self._first[seen]
        sizes = self.factors[seen] * norms[seen]
        wanted = sizes.mean() * (rate / rate.mean()) ** ASYMMETRY
        # Of sum |size - wanted| by the weights, in units of the mean gradient.
        slope = np.sign(sizes - wanted) * norms[seen] / norms[seen].mean()
        self.factors[seen] -= STEP * slope * self.factors[seen]
        np.maximum(self.factors, LEAST_WEIGHT, out=self.factors)
        self.factors *= len(self.factors) / self.factors.sum()


@dataclass
class SharedMap:
    """Epochs of a matrix and a map of the features that all tasks share.

    Parameters
    ----------
    loss : Tasks
        With weights that make the mean over rows that of each task, alike.
    place : ndarray of int of shape (n_targets,)
        The task of each target.
    weights : Fixed
        Of the tasks.
    rank : int
    l2 : float
        Of the product of both, in the features as they are.
    batch_size, max_iter, n_iter_no_change : int
    tol : float or None
    eta : float
        The size of Adam's steps.
    seed : int or None
        Of the order of rows, and of the first numbers.
    has_intercept : bool, default=True
    look : callable, default=None
        (coef, intercept), after each epoch.
    """

    loss: object
    place: np.ndarray
    weights: Fixed
    rank: int
    l2: float
    batch_size: int
    max_iter: int
    n_iter_no_change: int
    tol: float | None
    eta: float
    seed: int | None
    has_intercept: bool = True
    look: object = None

    def solve(self, X, y, weight, centres, scales, units, start):
        """Make epochs.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_rows, n_features)
        y : ndarray of shape (n_rows, y_size)
        weight : ndarray of shape (n_rows,)
            With the mean 1.
        centres, scales : ndarray of shape (n_features,)
            Features are (x - centre) * scale.
        units : ndarray of shape (n_outputs,)
            Of raw outputs.
        start : ndarray of shape (n_outputs,)
            The first constants.

        Returns
        -------
        coef, intercept : ndarray
        curve : list of float
            What was watched in each epoch.
        converged : bool
        """
        rng = np.random.default_rng(0 if self.seed is None else self.seed)
        self.scales, self.centres, self.units = scales, centres, units
        self.functions = self.loss.checked()
        task_of = np.repeat(self.place, self.loss.sizes)
        self.columns = [np.flatnonzero(task_of == t) for t in range(task_of.max() + 1)]
        shape = (self.rank, X.shape[1])
        self.shared = rng.normal(size=shape) / np.sqrt(X.shape[1])
        self.matrix = FIRST * rng.normal(size=(len(units), self.rank))
        self.constant = start / units
        adam, curve, stale = Adam(self.eta), [], 0
        while len(curve) < self.max_iter and not self._is_over(adam, stale):
            if stale >= self.n_iter_no_change:
                adam.size, stale = adam.size / SHORTER, 0
            order = np.arange(X.shape[0]) if self.seed is None else None
            order = rng.permutation(X.shape[0]) if order is None else order
            losses = self._epoch(adam, X, y, weight, order)
            self.weights.epoch(losses)
            # Where weights move the sum of all is no criterion, unless each is in
            # the unit of its first.
            first = np.maximum(np.abs(self.weights.before[0]), 1e-300)
            watched = float((losses / first).mean())
            best = min(curve, default=np.inf)
            curve.append(watched)
            is_stale = self.tol is not None and not watched < best - self.tol
            stale = stale + 1 if is_stale else 0
            if self.look is not None:
                self.look(*self.found())
        return *self.found(), curve, self.tol is None or self._is_over(adam, stale)

    def _is_over(self, adam, stale):
        """Whether so many epochs were stale, with the shortest steps."""
        is_short = adam.size <= SHORTEST * self.eta
        return is_short and stale >= self.n_iter_no_change

    def found(self):
        """coef and intercept of the features as they are."""
        coef = self.units[:, None] * (self.matrix @ (self.shared * self.scales))
        return coef, self.units * self.constant - coef @ self.centres

    def _epoch(self, adam, X, y, weight, order):
        """The mean losses of all tasks over an epoch."""
        total = np.zeros(self.place.max() + 1)
        for first in range(0, len(order), self.batch_size):
            rows = order[first : first + self.batch_size]
            losses, norms = self._step(adam, X[rows], y[rows], weight[rows])
            total += len(rows) / len(order) * losses
            self.weights.step(losses, norms)
        if not np.isfinite(total).all():
            raise ValueError(
                "The losses of the tasks overflow. Scale the features and the targets, "
                "or use a smaller eta0."
            )
        return total

    def _step(self, adam, x, y, weight):
        """Move all numbers; the losses of tasks, and their gradients' sizes before."""
        scaled = self.shared * self.scales
        hidden = x @ scaled.T - scaled @ self.centres
        raw = (hidden @ self.matrix.T + self.constant) * self.units
        slopes, losses = np.empty(raw.shape), np.zeros(self.place.max() + 1)
        raw = np.ascontiguousarray(raw)
        self.functions.evaluate_rows(np.ascontiguousarray(y), raw, None, slopes, None)
        np.add.at(losses, self.place, self.loss.mean_of_each(y, raw, weight))
        slopes *= self.units * (weight / len(weight))[:, None]
        norms = np.zeros(len(losses))
        if self.weights.needs_gradients:
            for t, own in enumerate(self.columns):
                pull = slopes[:, own] @ self.matrix[own]
                norms[t] = np.linalg.norm(self._by_features(pull, x))
        for t, own in enumerate(self.columns):
            slopes[:, own] *= self.weights.factors[t]
        by_matrix = slopes.T @ hidden
        by_shared = self._by_features(slopes @ self.matrix, x)
        if self.l2 > 0:
            squares = self.l2 * self.units**2
            both = (self.shared * self.scales**2) @ self.shared.T
            by_matrix += squares[:, None] * (self.matrix @ both)
            inner = (self.matrix * squares[:, None]).T @ self.matrix
            by_shared += inner @ (self.shared * self.scales**2)
        adam.move(
            matrix=(self.matrix, by_matrix),
            shared=(self.shared, by_shared),
            constant=(self.constant, self.has_intercept * slopes.sum(axis=0)),
        )
        return losses, norms

    def _by_features(self, pull, x):
        """What moves the shared map, of what pulls at its outputs."""
        found = np.asarray(x.T @ pull).T - np.outer(pull.sum(axis=0), self.centres)
        return found * self.scales
