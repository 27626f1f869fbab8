"""Losses of one raw prediction for each of K classes, with y in 0..K-1.

>>> from sklearn_losses.losses import CrossEntropy
>>> CrossEntropy().gradient([2], [[0.0, 0.0, 0.0]]).round(3)
array([[ 0.333,  0.333, -0.667]])
"""

import numpy as np

from sklearn_losses.losses._base import RowLoss
from sklearn_losses.losses._links import SoftmaxLink
from sklearn_losses.losses._params import Interval


class CrossEntropy(RowLoss):
    """logsumexp(p) - sum_k t_k p_k, with t the one-hot row of the class y.

    The classes are fitted jointly: softmax regression. Targets of shape
    (n_samples, n_classes) whose rows sum to 1 are taken as t as they are.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        a in [0, 1): the one-hot row becomes (1 - a) onehot + a / K.

    References
    ----------
    Szegedy et al. 2016, "Rethinking the inception architecture", section 7, for the
    smoothing.
    """

    name = "cross_entropy"
    link = SoftmaxLink()
    probabilistic = True
    lipschitz = np.sqrt(2.0)
    smoothness = 0.5
    _constraints = {"label_smoothing": [Interval(0, 1, "left")]}

    def __init__(self, label_smoothing=0.0):
        self.label_smoothing = label_smoothing

    def _optimal_constant(self, y_true, sample_weight):
        """The centred logs of the (smoothed) class frequencies."""
        if y_true.ndim == 2:
            frequency = np.average(y_true, axis=0, weights=sample_weight)
        else:
            counts = np.bincount(y_true.astype(np.intp), weights=sample_weight)
            frequency = counts / counts.sum()
            frequency = (1 - self.label_smoothing) * frequency
            frequency += self.label_smoothing / len(frequency)
        return self.link.link(frequency)
