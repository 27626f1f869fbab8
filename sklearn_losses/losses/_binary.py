"""Losses of a margin z = (2 y - 1) raw_prediction, with y in {0, 1}.

>>> from sklearn_losses.losses import Hinge
>>> Hinge().value([1, 0], [0.25, 0.25])
array([0.75, 1.25])
"""

import numpy as np
from scipy.special import logit

from sklearn_losses.losses._base import PointLoss
from sklearn_losses.losses._links import ClippedLink, LogitLink
from sklearn_losses.losses._params import Interval


class BinaryLoss(PointLoss):
    """A loss of a margin."""

    task = "binary"
    domain = Interval(0, 1, "both", integer=True)

    def check_targets(self, y_true, name="y_true"):
        y_true = np.asarray(y_true)
        bad = ~((y_true == 0) | (y_true == 1))
        if np.any(bad):
            raise self._domain_error(y_true, bad, name, "to be 0 or 1")


class LogLoss(BinaryLoss):
    """log(1 + exp(p)) - y p, the cross-entropy of P(y = 1) = expit(p).

    Targets in between are probabilities: y = 0.3 is a sample that is 1 in three cases
    of ten.
    """

    name = "log_loss"
    domain = Interval(0, 1, "both")
    link = LogitLink()
    probabilistic = True
    lipschitz = 1.0
    smoothness = 0.25
    check_targets = PointLoss.check_targets

    def _optimal_constant(self, y_true, sample_weight):
        return float(logit(np.average(y_true, weights=sample_weight)))


class Hinge(BinaryLoss):
    """max(0, threshold - z), the loss of the support vector machine.

    Parameters
    ----------
    threshold : float, default=1.0
        The margin from which on a sample costs nothing; at it, the sample is pushed.

    References
    ----------
    Cortes and Vapnik 1995, "Support-vector networks", Machine Learning 20.
    """

    name = "hinge"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0
    _constraints = {"threshold": [Interval(0, None, "left")]}

    def __init__(self, threshold=1.0):
        self.threshold = threshold


class Perceptron(BinaryLoss):
    """max(0, -z). At z = 0 the sample is pushed, or w = 0 would stay where it is.

    References
    ----------
    Rosenblatt 1958, "The perceptron", Psychological Review 65.
    """

    name = "perceptron"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0


class SquaredHinge(BinaryLoss):
    """max(0, threshold - z)^2, without a factor 1/2.

    Parameters
    ----------
    threshold : float, default=1.0
        The margin from which on a sample costs nothing.
    """

    name = "squared_hinge"
    smoothness = 2.0
    _constraints = {"threshold": [Interval(0, None, "left")]}

    def __init__(self, threshold=1.0):
        self.threshold = threshold


class ModifiedHuber(BinaryLoss):
    """max(0, 1 - z)^2 if z >= -1, else -4 z.

    A squared hinge that outliers cannot dominate, with probabilities
    P(y = 1) = (clip(p, -1, 1) + 1) / 2.

    References
    ----------
    Zhang 2004, "Solving large scale linear prediction problems using stochastic
    gradient descent algorithms", ICML.
    """

    name = "modified_huber"
    link = ClippedLink()
    probabilistic = True
    lipschitz = 4.0
    smoothness = 2.0
