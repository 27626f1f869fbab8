"""The l1 and the l2 norm, and their sum, with a weight for each feature.

>>> import numpy as np
>>> from sklearn_losses import L1, LinearRegressor
>>> X = np.eye(3)
>>> model = LinearRegressor(penalty=L1(weights=[1, 1, 0]), alpha=0.5, tol=1e-10)
>>> model.set_params(fit_intercept=False).fit(X, [6.0, 0.5, 1.0]).coef_.round(6)
array([4.5, 0. , 1. ])
"""

from __future__ import annotations

from sklearn_losses._machine._params import Interval
from sklearn_losses._machine._typing import Weights
from sklearn_losses.penalties._base import WEIGHTS, FeaturePenalty
from sklearn_losses.penalties._price import Price


class L1(FeaturePenalty):
    """The l1 norm: alpha sum_j weights_j |w_j|.

    It keeps coefficients at 0 whose slopes of the loss are no larger than alpha.

    Parameters
    ----------
    weights : array-like of shape (n_features,), or dict of name to float, default=None
        Each >= 0; 0: not penalised. By name where X is a DataFrame: names that are
        missing have weight 1. None: all are 1.
    """

    def _price(self, alpha, n_features, names):
        return Price(l1=alpha * self._weights(n_features, names))


class L2(FeaturePenalty):
    """Half the squared l2 norm: alpha / 2 sum_j weights_j w_j^2.

    Parameters
    ----------
    weights : array-like of shape (n_features,), or dict of name to float, default=None
        Each >= 0; 0: not penalised. By name where X is a DataFrame: names that are
        missing have weight 1. None: all are 1.
    """

    def _price(self, alpha, n_features, names):
        return Price(l2=alpha * self._weights(n_features, names))


class ElasticNet(FeaturePenalty):
    """alpha sum_j weights_j (l1_ratio |w_j| + (1 - l1_ratio) / 2 w_j^2).

    Parameters
    ----------
    l1_ratio : float, default=0.15
        The share of the l1 norm, in [0, 1].
    weights : array-like of shape (n_features,), or dict of name to float, default=None
        Each >= 0; 0: not penalised. By name where X is a DataFrame: names that are
        missing have weight 1. None: all are 1.
    """

    _constraints = {"l1_ratio": [Interval(0, 1, "both")], "weights": WEIGHTS}

    def __init__(self, l1_ratio: float = 0.15, weights: Weights = None) -> None:
        self.l1_ratio = l1_ratio
        self.weights = weights

    def _price(self, alpha, n_features, names):
        each = alpha * self._weights(n_features, names)
        return Price(l1=self.l1_ratio * each, l2=(1.0 - self.l1_ratio) * each)
