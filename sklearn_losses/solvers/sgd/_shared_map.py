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

    def multiply(self, name, factor):
        """Follow an array that is written in other units: times a factor."""
        if name in self.moments:
            first, second = self.moments[name]
            zeros = np.zeros_like(factor)
            inverse = np.divide(1.0, factor, where=factor > 0, out=zeros)
            self.moments[name] = first * inverse, second * inverse**2


class Fixed:
    """Weights of tasks that stay.

    Parameters
    ----------
    factors : ndarray of shape (n_tasks,)
    """

    needs_gradients = False

    def __init__(self, factors):
        self.factors = factors.copy()

    def step(self, losses, norms):
        """See a batch: the losses of tasks, and their gradients by the shared map."""

    def epoch(self, losses):
        """See the mean losses of an epoch."""


class Averaging(Fixed):
    """Dynamic weight average: more for tasks whose losses fall slowly."""

    _last = None

    def epoch(self, losses):
        last, self._last = self._last, losses
        if last is None:
            return
        rate = losses / np.maximum(last, 1e-300)
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
    """A matrix and a map of the features that all tasks share, and their steps.

    Parameters
    ----------
    place : ndarray of int of shape (n_targets,)
        The task of each target.
    weights : Fixed
        Of the tasks.
    rank : int
    l2 : float
        Of the product of both, in the features as they are.
    eta : float
        The size of Adam's steps.
    has_intercept : bool, default=True
    """

    place: np.ndarray
    weights: Fixed
    rank: int
    l2: float
    eta: float
    has_intercept: bool = True

    def begin(self, rng, start, centres, scales, units):
        """The first numbers.

        Parameters
        ----------
        rng : numpy Generator
        start : ndarray of shape (n_outputs,)
            The first constants.
        centres, scales : ndarray of shape (n_features,)
            Features are (x - centre) * scale.
        units : ndarray of shape (n_outputs,)
            Of raw outputs.
        """
        self.centres, self.scales, self.units = centres, scales, units
        n_features = len(centres)
        self.shared = rng.normal(size=(self.rank, n_features)) / np.sqrt(n_features)
        self.matrix = FIRST * rng.normal(size=(len(units), self.rank))
        self.constant = start / units
        self.adam = Adam(self.eta)

    def measure(self, centres, scales, units):
        """Go on in other units, with the same predictions.

        What has had no spread yet begins with the coefficients 0.
        """
        known = scales > 0
        ratio = np.divide(self.scales, scales, where=known, out=np.zeros_like(scales))
        moved = (self.shared * self.scales) @ (centres - self.centres)
        of_outputs = self.units / units
        self.constant = of_outputs * (self.constant + self.matrix @ moved)
        self.matrix = of_outputs[:, None] * self.matrix
        self.shared = self.shared * ratio
        self.adam.multiply("constant", of_outputs)
        self.adam.multiply("matrix", of_outputs[:, None])
        self.adam.multiply("shared", ratio)
        self.centres, self.scales, self.units = centres, scales, units

    def go_on_from(self, coef, intercept):
        """Take the nearest product of the rank to coefficients of features as such."""
        known = self.scales > 0
        scaled = np.zeros(coef.shape)
        scaled[:, known] = coef[:, known] / self.scales[known] / self.units[:, None]
        left, size, right = np.linalg.svd(scaled, full_matrices=False)
        root = np.sqrt(size[: self.rank])
        self.matrix = left[:, : self.rank] * root
        self.shared = root[:, None] * right[: self.rank]
        self.constant = (intercept + coef @ self.centres) / self.units
        self.adam = Adam(self.eta)

    def found(self):
        """coef and intercept of the features as they are."""
        coef = self.units[:, None] * (self.matrix @ (self.shared * self.scales))
        return coef, self.units * self.constant - coef @ self.centres

    def epoch(self, loss, base, X, y, weight, batches):
        """Make a step for each batch.

        Parameters
        ----------
        loss : Tasks
            With weights that make the mean over rows that of each task, alike.
        base : ndarray of shape (n_tasks,)
            What the loss of each task is multiplied with in `loss`.
        X : ndarray or CSR of shape (n_rows, n_features)
        y : ndarray of shape (n_rows, y_size)
        weight : ndarray of shape (n_rows,)
            With the mean 1.
        batches : iterable of ndarray of int

        Returns
        -------
        ndarray of shape (n_tasks,)
            The mean losses of all tasks over the rows, not multiplied.
        """
        functions = loss.checked()
        total, n_rows = np.zeros(len(base)), 0
        for rows in batches:
            parts = X[rows], np.ascontiguousarray(y[rows]), weight[rows]
            losses, norms = self._step(functions, loss, *parts)
            total += len(rows) * losses / base
            n_rows += len(rows)
            self.weights.step(losses / base, norms)
        if not np.isfinite(total).all():
            raise ValueError(
                "The losses of the tasks overflow. Scale the features and the targets, "
                "or use a smaller eta0."
            )
        return total / n_rows

    def _step(self, functions, loss, x, y, weight):
        """Move all numbers; the losses of tasks, and their gradients' sizes before."""
        scaled = self.shared * self.scales
        hidden = x @ scaled.T - scaled @ self.centres
        raw = (hidden @ self.matrix.T + self.constant) * self.units
        raw = np.ascontiguousarray(raw)
        slopes, losses = np.empty(raw.shape), np.zeros(len(self.weights.factors))
        functions.evaluate_rows(y, raw, None, slopes, None)
        np.add.at(losses, self.place, loss.mean_of_each(y, raw, weight))
        slopes *= self.units * (weight / len(weight))[:, None]
        task_of = np.repeat(self.place, loss.sizes)
        norms = np.zeros(len(losses))
        if self.weights.needs_gradients:
            for t in range(len(losses)):
                own = task_of == t
                pull = slopes[:, own] @ self.matrix[own]
                norms[t] = np.linalg.norm(self._by_features(pull, x))
        slopes *= self.weights.factors[task_of]
        by_matrix = slopes.T @ hidden
        by_shared = self._by_features(slopes @ self.matrix, x)
        if self.l2 > 0:
            squares = self.l2 * self.units**2
            both = (self.shared * self.scales**2) @ self.shared.T
            by_matrix += squares[:, None] * (self.matrix @ both)
            inner = (self.matrix * squares[:, None]).T @ self.matrix
            by_shared += inner @ (self.shared * self.scales**2)
        self.adam.move(
            matrix=(self.matrix, by_matrix),
            shared=(self.shared, by_shared),
            constant=(self.constant, self.has_intercept * slopes.sum(axis=0)),
        )
        return losses, norms

    def _by_features(self, pull, x):
        """What moves the shared map, of what pulls at its outputs."""
        found = np.asarray(x.T @ pull).T - np.outer(pull.sum(axis=0), self.centres)
        return found * self.scales


def batches_of(n_rows, size, rng=None):
    """Rows in batches, in an order by chance unless there is no generator."""
    order = np.arange(n_rows) if rng is None else rng.permutation(n_rows)
    for first in range(0, n_rows, size):
        yield order[first : first + size]


@dataclass
class Epochs:
    """Epochs over all rows, until the losses fall no more with the shortest steps.

    Parameters
    ----------
    max_iter, n_iter_no_change : int
    tol : float or None
    """

    max_iter: int
    n_iter_no_change: int
    tol: float | None

    def make(self, shared_map, epoch, look=None):
        """Make them.

        Parameters
        ----------
        shared_map : SharedMap
        epoch : callable
            Makes one, and returns the mean losses of the tasks.
        look : callable, default=None
            (coef, intercept), after each epoch.

        Returns
        -------
        curve : list of float
            What was watched in each epoch: the mean loss of the tasks, each in the
            unit of its first, as weights that move make their sum no criterion.
        converged : bool
        """
        adam, curve, stale, first = shared_map.adam, [], 0, None
        while len(curve) < self.max_iter and not self._is_over(shared_map, stale):
            if stale >= self.n_iter_no_change:
                adam.size, stale = adam.size / SHORTER, 0
            losses = epoch()
            shared_map.weights.epoch(losses)
            first = np.maximum(np.abs(losses), 1e-300) if first is None else first
            watched = float((losses / first).mean())
            best = min(curve, default=np.inf)
            curve.append(watched)
            is_stale = self.tol is not None and not watched < best - self.tol
            stale = stale + 1 if is_stale else 0
            if look is not None:
                look(*shared_map.found())
        return curve, self.tol is None or self._is_over(shared_map, stale)

    def _is_over(self, shared_map, stale):
        """Whether so many epochs were stale, with the shortest steps."""
        is_short = shared_map.adam.size <= SHORTEST * shared_map.eta
        return is_short and stale >= self.n_iter_no_change
