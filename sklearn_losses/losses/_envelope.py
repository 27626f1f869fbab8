"""Moreau envelopes: convex losses whose kinks are rounded, for who needs curvature.

>>> from sklearn_losses.losses import AbsoluteError, Huber
>>> from sklearn_losses.losses._envelope import Envelope
>>> r = [-3.0, 0.1, 2.0]
>>> Envelope(AbsoluteError(), 0.5).value(0.0, r), Huber(0.5).value(0.0, r) / 0.5
(array([2.75, 0.01, 1.75]), array([2.75, 0.01, 1.75]))
"""

from __future__ import annotations

from typing import Any

from sklearn_losses._machine._params import Interval
from sklearn_losses.losses._base import Loss
from sklearn_losses.losses._combine import A_LOSS, Combination
from sklearn_losses.losses._rounded import rounded
from sklearn_losses.losses._table import CLoss


class Envelope(Combination):
    """min over q of loss(q) + (q - p)^2 / (2 width), of a convex loss of points.

    It is below the loss by at most width lipschitz^2 / 2, with the same minimum, and
    its curvature is 1 / width where q is at a kink.

    Parameters
    ----------
    loss : Loss
    width : float
        How far a kink reaches on each side, of slopes of 1.
    """

    differentiable: Any = True
    piecewise_linear: Any = False
    _constraints = {"loss": A_LOSS, "width": [Interval(0, None, "neither")]}

    def __init__(self, loss: Loss, width: float) -> None:
        self.loss = loss
        self.width = width

    @property
    def estimates(self) -> str:
        return self.loss.estimates

    @property
    def smoothness(self) -> float:  # type: ignore
        return 1.0 / self.width

    def compiled(self) -> CLoss:
        self._check()
        return rounded(self.loss.checked(), float(self.width))

    def _minimum(self, y_true):
        return self.loss.minimum(y_true)
