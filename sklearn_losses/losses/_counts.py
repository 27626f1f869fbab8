"""Losses of counts and positive targets, with the log link: m = exp(raw_prediction).

>>> from sklearn_losses.losses import Poisson
>>> float(Poisson().value(0.0, 0.0))  # a count of zero is a count
1.0
"""

import numpy as np

from sklearn_losses.losses._base import PointLoss
from sklearn_losses.losses._links import LogLink
from sklearn_losses.losses._params import Interval


class Poisson(PointLoss):
    """exp(p) - y p: half the Poisson deviance, up to terms in y alone.

    Its optimum is the log of the mean, so it fits any non-negative y whose mean, not
    whose distribution, is modelled.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", chapter 6.
    """

    name = "poisson"
    domain = Interval(0, None, "left")
    link = LogLink()
    symmetric = False

    def _optimal_constant(self, y_true, sample_weight):
        return float(self.link.link(np.average(y_true, weights=sample_weight)))
