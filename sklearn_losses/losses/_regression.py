"""Losses of a residual r = raw_prediction - y_true, with the identity link.

>>> from sklearn_losses.losses import Quantile
>>> Quantile(quantile=0.9).value([1.0, 1.0], [0.0, 2.0])
array([0.9, 0.1])
"""

import numpy as np

from sklearn_losses.losses._base import PointLoss
from sklearn_losses.losses._params import Interval


def weighted_quantile(y_true, sample_weight, quantile):
    """A minimizer of the pinball loss: the middle one where there are many."""
    seen = sample_weight > 0
    y_true, sample_weight = y_true[seen], sample_weight[seen]
    order = np.argsort(y_true, kind="stable")
    y_sorted = y_true[order]
    cumulated = np.cumsum(sample_weight[order])
    target = quantile * cumulated[-1]
    # Equal up to the rounding of n sums: the minimizers then fill an interval.
    tolerance = (len(y_true) + 4) * np.finfo(float).eps * cumulated[-1]
    low = y_sorted[min(np.searchsorted(cumulated, target - tolerance), len(y_true) - 1)]
    high = y_sorted[
        min(np.searchsorted(cumulated, target + tolerance, "right"), len(y_true) - 1)
    ]
    return float(0.5 * low + 0.5 * high)


class SquaredError(PointLoss):
    """r^2 / 2, whose optimum is the mean.

    Note the 1/2, as in the losses of scikit-learn's models and unlike its metric
    ``mean_squared_error``.
    """

    name = "squared_error"
    smoothness = 1.0

    def _optimal_constant(self, y_true, sample_weight):
        return float(np.average(y_true, weights=sample_weight))


class AbsoluteError(PointLoss):
    """abs(r), whose optimum is the median. The subgradient at r = 0 is 0."""

    name = "absolute_error"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0

    def _optimal_constant(self, y_true, sample_weight):
        return weighted_quantile(y_true, sample_weight, 0.5)


class Quantile(PointLoss):
    """The pinball loss: q (y - p) if y >= p, else (1 - q) (p - y).

    Its optimum is the q-quantile. The subgradient at y = p is 0.

    Parameters
    ----------
    quantile : float, default=0.5
        q, in (0, 1). With 0.5 the loss is half the absolute error.

    References
    ----------
    Koenker and Bassett 1978, "Regression quantiles", Econometrica 46.
    """

    name = "quantile"
    differentiable = False
    piecewise_linear = True
    _constraints = {"quantile": [Interval(0, 1, "neither")]}

    def __init__(self, quantile=0.5):
        self.quantile = quantile

    @property
    def lipschitz(self):
        return max(self.quantile, 1.0 - self.quantile)

    @property
    def symmetric(self):
        return self.quantile == 0.5

    def _optimal_constant(self, y_true, sample_weight):
        return weighted_quantile(y_true, sample_weight, self.quantile)


class Huber(PointLoss):
    """r^2 / 2 if abs(r) <= delta, else delta (abs(r) - delta / 2).

    Quadratic for the many and linear for the few, so that no outlier pulls harder
    than delta.

    Parameters
    ----------
    delta : float, default=1.345
        Where the loss turns linear, in units of y. The default is 95% efficient for
        normal residuals of standard deviation 1.

    References
    ----------
    Huber 1964, "Robust estimation of a location parameter", Ann. Math. Statist. 35.
    """

    name = "huber"
    smoothness = 1.0
    _constraints = {"delta": [Interval(0, None, "neither")]}

    def __init__(self, delta=1.345):
        self.delta = delta

    @property
    def lipschitz(self):
        return self.delta


class EpsilonInsensitive(PointLoss):
    """max(0, abs(r) - epsilon), the loss of support vector regression.

    Parameters
    ----------
    epsilon : float, default=0.1
        Half the width of the tube in which residuals cost nothing, in units of y.

    References
    ----------
    Vapnik 1995, "The nature of statistical learning theory".
    """

    name = "epsilon_insensitive"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0
    _constraints = {"epsilon": [Interval(0, None, "left")]}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon


class SquaredEpsilonInsensitive(PointLoss):
    """max(0, abs(r) - epsilon)^2, without a factor 1/2.

    Parameters
    ----------
    epsilon : float, default=0.1
        Half the width of the tube in which residuals cost nothing, in units of y.
    """

    name = "squared_epsilon_insensitive"
    smoothness = 2.0
    _constraints = {"epsilon": [Interval(0, None, "left")]}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon
