"""SLOPE: an l1 norm that charges the largest coefficients most.

>>> from sklearn_losses import SLOPE
>>> SLOPE([3.0, 2.0, 1.0]).prox([5.0, 4.9, 0.5])  # near ones become equal
array([2.45, 2.45, 0.  ])
"""

from __future__ import annotations

import numpy as np

from sklearn_losses._machine._params import Instance, InvalidParameterError
from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.penalties._base import Penalty, numbers
from sklearn_losses.penalties._norms import SortedNorm
from sklearn_losses.penalties._price import Price


class SLOPE(Penalty):
    """The sorted l1 norm: alpha sum_i weights_i |w|_(i), from the largest |w| on.

    Coefficients that would be near each other become equal in size.

    Parameters
    ----------
    weights : array-like of shape (n_features,)
        >= 0, never rising, the first > 0. Of rank i, with normal noise and a rate q of
        false discoveries: ``norm.ppf(1 - i * q / (2 * n_features))``.

    References
    ----------
    Bogdan, van den Berg, Sabatti, Su and Candès 2015, "SLOPE - adaptive variable
    selection via convex optimization", Annals of Applied Statistics 9.
    """

    _constraints = {"weights": [Instance(object, "an array of numbers >= 0")]}

    def __init__(self, weights: ArrayLike) -> None:
        self.weights = weights

    def _price(self, alpha, n_features, names):
        weight = numbers("SLOPE", "weights", self.weights, n_features, "features")
        rises = np.flatnonzero(np.diff(weight) > 0)
        if len(rises):
            i = rises[0]
            raise InvalidParameterError(
                "The 'weights' parameter of SLOPE must never rise, for they belong to "
                f"the sorted coefficients: weights[{i + 1}]={weight[i + 1]:g} is above "
                f"weights[{i}]={weight[i]:g}. Sort them."
            )
        if not weight[0] > 0:
            raise InvalidParameterError(
                "The 'weights' parameter of SLOPE must begin with a number > 0. Got "
                f"weights[0]={weight[0]:g}."
            )
        return Price(norm=SortedNorm(alpha * weight))
