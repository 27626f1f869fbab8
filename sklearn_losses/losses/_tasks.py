"""A sum of losses, one for each of several targets: what several tasks share.

A target that is nan was not observed, and adds nothing.

>>> import numpy as np
>>> from sklearn_losses.losses import CrossEntropy, Huber
>>> from sklearn_losses.losses._tasks import Tasks
>>> loss = Tasks([Huber(delta=1.0), CrossEntropy()], sizes=[1, 3])
>>> y = [[0.5, 2.0], [0.5, np.nan]]
>>> loss.value(y, np.zeros((2, 4))).round(3)  # 0.125 and log(3)
array([1.224, 0.125])
"""

from itertools import accumulate, pairwise

import numpy as np

from sklearn_losses.losses._arguments import real_array, require_shape
from sklearn_losses.losses._likelihoods import mapped, tasks
from sklearn_losses.losses._outputs import Likelihood

SAME = 1e-12  # of a weight: rounding


def y_size_of(loss):
    """How many columns of y are one target of a loss."""
    return getattr(loss, "y_size", 1)


class Tasks(Likelihood):
    """sum_t weight_t loss_t(y_t, the raw outputs of t).

    Parameters
    ----------
    losses : sequence of Loss
        Each of points, of rows with labels for targets, or of several outputs.
    sizes : sequence of int
        How many raw outputs each has.
    weights : sequence of float, default=None
        None means 1.
    units : sequence of float, default=None
        In which the kinks of each are smoothed; None means 1.
    """

    name = None
    granularity = "row"
    starts_at_best = True

    def __init__(self, losses=(), sizes=(), weights=None, units=None):
        self.losses = losses
        self.sizes = sizes
        self.weights = weights
        self.units = units

    @property
    def y_size(self):
        return sum(map(y_size_of, self.losses))

    @property
    def outputs(self):
        return tuple(f"output {k}" for k in range(int(np.sum(self.sizes))))

    @property
    def convex(self):
        return all(loss.convex for loss in self.losses)

    @property
    def differentiable(self):
        return all(loss.differentiable for loss in self.losses)

    @property
    def bends_rows_up(self):
        return any(getattr(loss, "bends_rows_up", False) for loss in self.losses)

    def compiled(self):
        return self.softened_by(0.0)

    def softened_by(self, h):
        """The C functions with kinks smoothed over h, of the loss of the least unit."""
        are_points = [loss.granularity == "point" for loss in self.losses]
        sizes = [0 if point else n for point, n in zip(are_points, self.sizes)]
        least = self.unit_of_targets(None)
        widths = [h * unit / least for unit in self._filled(self.units)]
        functions = [
            loss.softened_by(width) if _is_softened(loss) else loss.checked()
            for loss, width in zip(self.losses, widths)
        ]
        y_sizes = [y_size_of(loss) for loss in self.losses]
        are_convex = [loss.convex for loss in self.losses]
        weights = self._filled(self.weights)
        return tasks(functions, sizes, y_sizes, weights, widths, are_convex)

    def _filled(self, numbers):
        return [1.0] * len(self.losses) if numbers is None else numbers

    @property
    def factor(self):
        """The weight of all losses, None if they differ."""
        weights = self._filled(self.weights)
        is_one = max(weights) - min(weights) <= SAME * max(weights)
        return weights[0] if is_one else None

    def unit_of_targets(self, y):
        """The least of those of losses with kinks."""
        each = zip(self.losses, self._filled(self.units))
        return min((u for loss, u in each if not loss.differentiable), default=1.0)

    @property
    def bends(self):
        """How much a kink of each output bends where it is smoothed."""
        each = np.array(self._filled(self.weights)) / self._filled(self.units)
        return np.repeat(each, self.sizes)

    def targets(self, y):
        """Each loss with its own targets, and which rows have them.

        Parameters
        ----------
        y : ndarray of shape (n_samples, y_size)
        """
        ends = accumulate(map(y_size_of, self.losses), initial=0)
        for loss, (a, b) in zip(self.losses, pairwise(ends)):
            own = y[:, a] if b == a + 1 else y[:, a:b]
            yield loss, own, ~np.isnan(y[:, a])

    def mean_of_each(self, y, raw, weight):
        """The mean over rows of the loss of each target, times its weight.

        Parameters
        ----------
        y : ndarray of shape (n_samples, y_size)
        raw : ndarray of shape (n_samples, n_outputs)
        weight : ndarray of shape (n_samples,)
        """
        found, ends = [], np.cumsum([0, *self.sizes])
        for t, (loss, own, here) in enumerate(self.targets(y)):
            of_loss = np.ascontiguousarray(raw[here, ends[t] : ends[t + 1]])
            of_loss = of_loss[:, 0] if loss.granularity == "point" else of_loss
            found.append(float(weight[here] @ loss.value(own[here], of_loss)))
        return np.array(found) * self._filled(self.weights) / len(y)

    def check_targets(self, y_true, name="y_true", n_classes=None):
        for t, (loss, own, here) in enumerate(self.targets(np.asarray(y_true))):
            loss.check_targets(own[here], f"{name} of the task {t}")

    def _row_arrays(self, y_true, raw_prediction):
        raw, dtype = real_array(raw_prediction)
        y = np.asarray(y_true, dtype=np.float64)
        require_shape("raw_prediction", raw, y.shape, (len(y), len(self.outputs)))
        require_shape("y_true", y, raw.shape, (len(raw), self.y_size))
        self.check_targets(y)
        return self.columns(y), np.ascontiguousarray(raw, dtype=np.float64), dtype, None

    def start(self, y, weight):
        """The best constant of each task."""
        found = []
        for (loss, own, here), size in zip(self.targets(y), self.sizes):
            constants = np.zeros(size)
            best = 0.0  # of a task without rows in a chunk
            if here.any():
                best = loss.optimal_constant(own[here], weight[here])
            constants[: np.size(best)] = np.nan_to_num(best)
            is_number = loss.task in ("regression", "boxes")
            found.append(constants if is_number else np.clip(constants, -30.0, 30.0))
        return np.concatenate(found)

    def conjugates(self, y, slopes):
        """The sum of those of the losses."""
        total, ends = np.zeros(len(y)), np.cumsum([0, *self.sizes])
        weights = self._filled(self.weights)
        for t, (loss, own, here) in enumerate(self.targets(y)):
            if not loss.has_conjugate:
                return None
            slope = slopes[here, ends[t] : ends[t + 1]] / weights[t]
            slope = slope[:, 0] if loss.granularity == "point" else slope
            total[here] += weights[t] * loss.conjugate(own[here], slope)
        return total

    def minimum_of(self, y, weight):
        """The least value that all rows together could have, -inf if it is not known.

        Parameters
        ----------
        y : ndarray of shape (n_samples, y_size)
        weight : ndarray of shape (n_samples,)
        """
        total = 0.0
        for (loss, own, here), factor in zip(
            self.targets(y), self._filled(self.weights)
        ):
            rows = here & (weight > 0)
            try:
                total += factor * float(weight[rows] @ loss.minimum(own[rows]))
            except ValueError:
                return -np.inf
        return total


class Mapped(Likelihood):
    """loss(y, matrix @ p + constant), of fewer raw outputs p.

    Parameters
    ----------
    loss : Tasks or Quantiles
    matrix : ndarray of shape (n_outputs, rank)
    constant : ndarray of shape (n_outputs,)
    """

    name = None
    granularity = "row"
    starts_at_best = True

    def __init__(self, loss=None, matrix=None, constant=None):
        self.loss = loss
        self.matrix = matrix
        self.constant = constant

    @property
    def outputs(self):
        return tuple(f"shared {k}" for k in range(self.matrix.shape[1]))

    @property
    def y_size(self):
        return self.loss.y_size

    @property
    def convex(self):
        return self.loss.convex

    @property
    def differentiable(self):
        return self.loss.differentiable

    @property
    def bends_rows_up(self):
        return self.loss.bends_rows_up

    def compiled(self):
        return mapped(self.loss.compiled(), self.matrix, self.constant)

    def softened_by(self, h):
        """The C functions with kinks smoothed over h."""
        return mapped(self.loss.softened_by(h), self.matrix, self.constant)

    def unit_of_targets(self, y):
        return self.loss.unit_of_targets(y)

    @property
    def bends(self):
        """How much a kink of each output bends where it is smoothed."""
        bends = getattr(self.loss, "bends", np.ones(len(self.matrix)))
        return (self.matrix**2).T @ bends

    def check_targets(self, y_true, name="y_true", n_classes=None):
        self.loss.check_targets(y_true, name, n_classes)

    def _target_shapes(self, n):
        return [(n, self.y_size)]

    def start(self, y, weight):
        """The start of the loss, if as many outputs are here; else none."""
        if not self.is_square:
            return np.zeros(self.matrix.shape[1])
        return np.linalg.solve(self.matrix, self.loss.start(y, weight) - self.constant)

    @property
    def is_square(self):
        return self.matrix.shape[0] == self.matrix.shape[1]

    def conjugates(self, y, slopes):
        """Those of the loss, of slopes that matrix.T makes these of."""
        if not self.is_square:
            return None
        own = np.linalg.solve(self.matrix.T, slopes.T).T
        found = self.loss.conjugates(y, own)
        return None if found is None else found - own @ self.constant

    def minimum_of(self, y, weight):
        return self.loss.minimum_of(y, weight)


def _is_softened(loss):
    """Whether a loss of rows has kinks that it smooths itself."""
    return loss.granularity == "row" and hasattr(loss, "softened_by")
