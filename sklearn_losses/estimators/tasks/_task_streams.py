"""Streams of tasks that share a linear map of the features.

By steps the map itself is what a stream remembers (`MapStream`). With
learning_rate='auto' tasks learn apart, and what is published is the nearest map of the
rank (`RankStream`): of squares, that is reduced rank regression.
"""

from __future__ import annotations

import numpy as np

from sklearn_losses.estimators.tasks._task_rank import curvature_of, nearest_of_rank
from sklearn_losses.estimators.tasks._task_targets import NUMBERS
from sklearn_losses.losses._links import IdentityLink
from sklearn_losses.losses._tasks import Tasks
from sklearn_losses.solvers.sgd._shared_map import Fixed
from sklearn_losses.solvers.stream._stream_memory import RunningUnits

EPOCH = 1000  # rows of which "dwa" compares the mean losses
# Times as much as the mean row count the last ones, of what may still move.
RECENT = 5.0


def seen(y, weight):
    """The rows in which a target was observed, with a positive weight."""
    here = ~np.isnan(y if y.ndim == 1 else y[:, 0])
    here = here if weight is None else here & (weight > 0)
    return np.flatnonzero(here).astype(np.uint32)


def raw_of(task, raw):
    """The raw outputs of a task, as its loss takes them."""
    own = np.ascontiguousarray(raw[:, task.outputs])
    return own[:, 0] if task.loss.granularity == "point" else own


def sizes_of(tasks):
    """How many raw outputs each target has."""
    return [task.outputs.stop - task.outputs.start for task in tasks]


def units_of(mean, squares):
    """1 / spread of columns of a mean and a mean square; 0 of what is constant."""
    spread = np.sqrt(np.maximum(squares - mean**2, 0.0))
    is_constant = spread <= 1e-8 * np.sqrt(squares)
    return np.where(is_constant, 0.0, 1.0 / np.where(is_constant, 1.0, spread))


def moments_of(X, weight, has_intercept):
    """Mean (0 without intercept) and mean square of the columns of rows."""
    share = weight / weight.sum()
    mean = share @ X if has_intercept else np.zeros(X.shape[1])
    return mean, share @ (X * X)


class TargetUnits:
    """The spread of a target, and what its loss is worth, of the rows so far.

    Both are about the best constant of the rows in which it was first observed.
    """

    def __init__(self):
        self.constant, self.weight, self.spread, self.loss = None, 0.0, 0.0, 0.0

    def take(self, task, y, weight):
        """See rows in which it was observed."""
        n_outputs = task.outputs.stop - task.outputs.start
        is_number = task.loss.task in NUMBERS
        if self.constant is None:
            best = np.zeros(n_outputs)
            if is_number:
                whole = Tasks([task.loss], [n_outputs])
                best = whole.start(y.reshape(len(y), -1), weight)
            self.constant = np.where(np.isfinite(best), best, 0.0)
        raw = np.tile(self.constant, (len(y), 1))
        raw = raw[:, 0] if task.loss.granularity == "point" else raw
        self.weight += weight.sum()
        self.loss += float(weight @ task.loss.value(y, raw))
        is_identity = isinstance(task.loss.link, IdentityLink)
        if task.loss.task == "boxes" or (is_number and is_identity):
            far = np.abs(y.reshape(len(y), -1) - self.constant)
            self.spread += float(weight @ far.mean(axis=1))

    @property
    def unit(self):
        """Of raw outputs."""
        return self.spread / self.weight if self.spread > 0 else 1.0

    @property
    def worth(self):
        """The mean loss of the constant."""
        return abs(self.loss) / self.weight if self.loss != 0 else 1.0


class MapStream:
    """What `partial_fit` goes on from by steps of a map that tasks share.

    Features and targets are in units of the rows so far.

    Parameters
    ----------
    steps : SharedMap
    n_features, n_targets : int
    """

    def __init__(self, steps, n_features, n_targets):
        self.map = steps
        self.features = RunningUnits(n_features, steps.has_intercept)
        self.targets = [TargetUnits() for _ in range(n_targets)]
        self.n_rows, self.losses = 0, np.zeros(len(steps.weights.factors))
        self.published = None
        self.weights = steps.weights.factors

    def take(self, tasks, X, targets, weight, factors, rng, batches, start=None):
        """Make one epoch over rows.

        Parameters
        ----------
        tasks : list of Task
        X : ndarray or CSR of shape (n_rows, n_features)
        targets : list of ndarray
        weight : ndarray of shape (n_rows,)
            All positive.
        factors : ndarray of shape (n_tasks,) or None
            What the mean loss of each task counts; None leaves it to the map's weights.
        rng : numpy Generator
            Of the first numbers.
        batches : iterable of ndarray of int
            The rows of each step.
        start : tuple of coef and intercept, default=None
            To go on from in place of what the last call has left.
        """
        base, loss = self._measure(tasks, X, targets, weight, rng)
        if start is not None:
            self.map.go_on_from(*start)
        if factors is not None:
            self.map.weights = Fixed(factors / base)
        y = np.column_stack(targets)
        losses = self.map.epoch(loss, base, X, y, weight, batches)
        self.n_rows += len(weight)
        self.losses = self.losses + len(weight) * losses
        if self.n_rows >= EPOCH:
            self.map.weights.epoch(self.losses / self.n_rows)
            self.n_rows, self.losses = 0, 0.0 * self.losses
        self.weights = self.map.weights.factors * base
        self.published = self.map.found()
        return self.published

    def _measure(self, tasks, X, targets, weight, rng):
        """Take rows into the units; what each task is multiplied with, and the loss."""
        new = []
        for own, task, y in zip(self.targets, tasks, targets):
            here = seen(y, weight)
            if len(here):
                new += [(own, task)] if own.constant is None else []
                own.take(task, y[here], weight[here])
        self._take_features(X, weight)
        sizes, place = sizes_of(tasks), self.map.place
        units = np.repeat([own.unit for own in self.targets], sizes)
        total, counts = self.features.weight, np.bincount(place)
        mean, squares = self.features.mean, self.features.squares / total
        scales = units_of(mean, squares + mean**2)
        if self.published is None:
            self.map.begin(rng, np.zeros(sum(sizes)), mean, scales, units)
        else:
            self.map.measure(mean, scales, units)
        for own, task in new if self.map.has_intercept else []:
            self.map.constant[task.outputs] = own.constant / units[task.outputs]
        worth = np.array([own.worth for own in self.targets])
        base = counts / np.bincount(place, worth)
        observed = np.array([own.weight or total for own in self.targets]) / total
        weights = base[place] / counts[place] / observed
        return base, Tasks([task.loss for task in tasks], sizes, weights)

    def _take_features(self, X, weight):
        mean, squares = moments_of(X, weight, self.map.has_intercept)
        rows = RunningUnits(X.shape[1], self.map.has_intercept)
        rows.weight, rows.mean = weight.sum(), mean
        rows.squares = rows.weight * np.maximum(squares - mean**2, 0.0)
        self.features.add(rows)


class RankStream:
    """The nearest coefficients of a rank to those of a stream of tasks apart.

    How near is said by what they predict, mostly for the last rows.

    Parameters
    ----------
    n_outputs, n_features : int
    """

    def __init__(self, n_outputs, n_features):
        self.weight, self.mean = 0.0, np.zeros(n_features)
        self.covariance = np.zeros((n_outputs, n_outputs))
        self.bend = np.zeros(n_outputs)
        self.apart = self.published = None

    def take(self, tasks, X, targets, weight, factors):
        """See rows, with the coefficients `apart` that know them.

        Parameters
        ----------
        tasks : list of Task
        X : ndarray or CSR of shape (n_rows, n_features)
        targets : list of ndarray
        weight : ndarray of shape (n_rows,)
            All positive.
        factors : ndarray of shape (n_targets,)
            What the mean loss of each target counts.
        """
        coef, intercept = self.apart
        total = weight.sum()
        self.weight += total
        self.mean = self.mean + (weight @ X - total * self.mean) / self.weight
        new = RECENT * total / ((RECENT - 1.0) * total + self.weight)
        centred = X @ coef.T - coef @ self.mean
        own = (centred.T * weight) @ centred / total
        self.covariance = self.covariance + new * (own - self.covariance)
        raw, bend = X @ coef.T + intercept, self.bend.copy()
        for task, y, factor in zip(tasks, targets, factors):
            here = seen(y, weight)
            if len(here):
                bends = curvature_of(task.loss, y[here], raw_of(task, raw[here]))
                bend[task.outputs] = factor * bends.mean(axis=0)
        self.bend = self.bend + new * (bend - self.bend)

    def nearest(self, l2, rank):
        """coef and intercept of the rank; at the mean row they predict the same."""
        coef, intercept = self.apart
        fewer = nearest_of_rank(coef, self.covariance, self.bend, l2, rank)
        self.published = fewer, intercept + (coef - fewer) @ self.mean
        return self.published


def are_published(model, found):
    """Whether coef_ and intercept_ are those that a stream has left."""
    if found is None:
        return False
    dtype = model.coef_.dtype
    coef, intercept = found[0].astype(dtype), found[1].astype(dtype)
    ours = model._dense_coef(), model.intercept_
    return np.array_equal(coef, ours[0]) and np.array_equal(intercept, ours[1])
