"""The scale of residuals: a number in units of y, or "mad", which `fit` measures.

>>> from sklearn_losses.losses import Huber, StudentT, TukeyBiweight
>>> TukeyBiweight(scale="mad").at_scale(2.0)
TukeyBiweight(scale=9.37)
>>> StudentT(scale="mad").at_scale(2.0)
Scaled(loss=StudentT(scale=2.0), weight=4.0)
>>> (Huber(delta=2.0, scale="mad") + Huber()).at_scale(10.0)
Sum(left=Huber(delta=2.0, scale=10.0), right=Huber())
"""

from __future__ import annotations

import inspect
from functools import lru_cache

import numpy as np
from sklearn.base import clone

from sklearn_losses._machine._params import Interval, InvalidParameterError, Options
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._base import Loss, PointLoss, usual_relative
from sklearn_losses.losses._table import CLoss

MAD = "mad"
POSITIVE = [Interval(0, None, "neither")]
SCALE = [*POSITIVE, Options(MAD)]


class ResidualLoss(PointLoss):
    """A loss with a parameter `scale`, by whose default it suits a noise of 1.

    Its values are in units of y to the power `value_power`. With "mad" they become
    squares, as the l2 norm of coefficients is, so that a fit does not depend on the
    unit of y.
    """

    value_power = 2

    @property
    def needs_scale(self) -> bool:
        return isinstance(self.scale, str) and self.scale == MAD

    def at_scale(self, sigma: float) -> Loss:
        if not self.needs_scale:
            return self
        sigma = float(sigma)
        found = clone(self).set_params(scale=_usual_scale(type(self)) * sigma)
        factor = sigma ** (2 - self.value_power)
        return found if factor == 1.0 else factor * found

    @property
    def _scale(self):
        """`scale`, where a number is needed."""
        if self.needs_scale:
            raise InvalidParameterError(
                f"{self!r} has no values yet, because scale='mad' is estimated by fit. "
                f"Use the loss_ of a fitted model, or a number: {self.at_scale(1.0)!r} "
                "suits residuals of standard deviation 1."
            )
        return self.scale

    def compiled(self) -> CLoss:
        _ = self._scale
        return super().compiled()

    def minimum(self, y_true: ArrayLike) -> Array:
        _ = self._scale
        return super().minimum(y_true)

    convex_relative = usual_relative


class ThresholdLoss(ResidualLoss):
    """A loss whose other parameters are multiples of `scale`."""

    scale = 1.0  # of a subclass whose constructor does not take it


def ratio(number, *divisors):
    """A number over all of these; 0 or inf where that is beyond float64."""
    with np.errstate(over="ignore", divide="ignore"):
        for divisor in divisors:
            number = np.float64(number) / divisor
    return float(number)


@lru_cache
def _usual_scale(cls):
    return inspect.signature(cls).parameters["scale"].default
