"""What a fit says of itself: before it, that a loss is wrong; after it, what is odd."""

import numpy as np

from sklearn_losses.losses._look import look_at


def look_at_objective(objective, train=None):
    """Refuse a loss of somebody else's that contradicts itself on a few targets.

    See `look_at`.

    Parameters
    ----------
    objective : Objective
    train : ndarray of uint32 of shape (n_train,), default=None
        The rows that count; None: all.
    """
    rows = slice(None) if train is None else train
    y = objective.targets.of_output(0)
    weight = objective.weight_of(0)
    if weight is not None:
        rows = np.flatnonzero(weight[rows] > 0) if train is None else train
    look_at(objective.loss, y[rows], objective.n_outputs)
