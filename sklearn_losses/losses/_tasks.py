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

import numpy as np

from sklearn_losses.losses._arguments import real_array, require_shape
from sklearn_losses.losses._likelihoods import tasks
from sklearn_losses.losses._outputs import Likelihood


class Tasks(Likelihood):
    """sum_t weight_t loss_t(y_t, the raw outputs of t).

    Parameters
    ----------
    losses : sequence of Loss
        Each of points, or of rows with labels for targets.
    sizes : sequence of int
        How many raw outputs each has.
    weights : sequence of float, default=None
        None means 1.
    """

    name = None
    granularity = "row"
    starts_at_best = True

    def __init__(self, losses=(), sizes=(), weights=None):
        self.losses = losses
        self.sizes = sizes
        self.weights = weights

    @property
    def y_size(self):
        return len(self.losses)

    @property
    def outputs(self):
        return tuple(f"output {k}" for k in range(int(np.sum(self.sizes))))

    @property
    def convex(self):
        return all(loss.convex for loss in self.losses)

    @property
    def differentiable(self):
        return all(loss.differentiable for loss in self.losses)

    def compiled(self):
        return self.softened_by(0.0)

    def softened_by(self, h):
        """The C functions with kinks of losses of points smoothed over h."""
        sizes = [
            0 if loss.granularity == "point" else size
            for loss, size in zip(self.losses, self.sizes)
        ]
        functions = [loss.checked() for loss in self.losses]
        return tasks(functions, sizes, self._weights(), width=h)

    def _weights(self):
        return [1.0] * len(self.losses) if self.weights is None else self.weights

    def check_targets(self, y_true, name="y_true", n_classes=None):
        for t, loss in enumerate(self.losses):
            column = np.asarray(y_true)[:, t]
            loss.check_targets(column[~np.isnan(column)], f"{name}[:, {t}]")

    def _row_arrays(self, y_true, raw_prediction):
        raw, dtype = real_array(raw_prediction)
        y = np.asarray(y_true, dtype=np.float64)
        require_shape("raw_prediction", raw, y.shape, (len(y), len(self.outputs)))
        require_shape("y_true", y, raw.shape, (len(raw), len(self.losses)))
        self.check_targets(y)
        return self.columns(y), np.ascontiguousarray(raw, dtype=np.float64), dtype, None

    def start(self, y, weight):
        """The best constant of each task."""
        found = []
        for t, (loss, size) in enumerate(zip(self.losses, self.sizes)):
            here = ~np.isnan(y[:, t])
            best = loss.optimal_constant(y[here, t], weight[here])
            own = np.zeros(size)
            own[: np.size(best)] = np.clip(np.nan_to_num(best), -30.0, 30.0)
            found.append(own)
        return np.concatenate(found)

    def minimum_of(self, y, weight):
        """The least value that all rows together could have, -inf if it is not known.

        Parameters
        ----------
        y : ndarray of shape (n_samples, n_tasks)
        weight : ndarray of shape (n_samples,)
        """
        total = 0.0
        for t, (loss, factor) in enumerate(zip(self.losses, self._weights())):
            here = ~np.isnan(y[:, t]) & (weight > 0)
            try:
                total += factor * float(weight[here] @ loss.minimum(y[here, t]))
            except ValueError:
                return -np.inf
        return total
