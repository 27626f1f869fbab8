"""Losses of counts and positive targets, with the log link: m = exp(raw_prediction).

They are negative log-likelihoods without the terms in y alone, and so may be negative;
`minimum` is what a perfect prediction costs.

>>> from sklearn_losses.losses import Poisson
>>> float(Poisson().value(0.0, 0.0))  # a count of zero is a count
1.0
"""

import numpy as np
from scipy.special import xlog1py, xlogy

from sklearn_losses._machine._params import Interval, check_parameters
from sklearn_losses.losses._base import PointLoss
from sklearn_losses.losses._links import LogLink

NON_NEGATIVE = Interval(0, None, "left")
POSITIVE = Interval(0, None, "neither")


class CountLoss(PointLoss):
    """A loss of m = exp(p) whose optimal constant is the mean of y."""

    link = LogLink()
    symmetric = False
    estimates = "mean"

    def _optimal_constant(self, y_true, sample_weight):
        mean = np.average(y_true, weights=sample_weight)
        return float(self.link.link(max(mean, 0.0)))


class Poisson(CountLoss):
    """exp(p) - y p: half the Poisson deviance, up to terms in y alone.

    It fits any non-negative y whose mean, not whose distribution, is modelled.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", chapter 6.
    """

    name = "poisson"
    domain = NON_NEGATIVE

    def _minimum(self, y_true):
        return y_true - xlogy(y_true, y_true)


class Gamma(CountLoss):
    """p + y exp(-p): half the gamma deviance, up to terms in y alone; y > 0.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", chapter 8.
    """

    name = "gamma"
    domain = POSITIVE

    def _minimum(self, y_true):
        return 1.0 + np.log(y_true)


class InverseGaussian(CountLoss):
    """y exp(-2 p) / 2 - exp(-p): half the deviance, up to terms in y alone; y > 0.

    It is not convex in p, but every mean of it has one stationary point.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", table 2.1.
    """

    name = "inverse_gaussian"
    domain = POSITIVE
    convex = False

    def _minimum(self, y_true):
        return -0.5 / y_true


class Tweedie(CountLoss):
    """exp((2-k) p) / (2-k) - y exp((1-k) p) / (1-k), with k the power.

    Half the deviance, up to terms in y alone, of a distribution whose variance is
    proportional to mean^k. The power 1 is `Poisson`, 2 is `Gamma`, 3 is
    `InverseGaussian`, and 0 is exp(2 p) / 2 - y exp(p): squared error of exp(p).

    Parameters
    ----------
    power : float, default=1.5
        k: up to 0 for any y, in [1, 2) for y >= 0, and from 2 on for y > 0. Between 0
        and 1 there is no such distribution.

    References
    ----------
    Jorgensen 1987, "Exponential dispersion models", J. R. Stat. Soc. B 49.
    """

    name = "tweedie"
    _constraints = {"power": [Interval(None, 0, "right"), Interval(1, None, "left")]}

    def __init__(self, power=1.5):
        self.power = power

    def compiled(self):
        check_parameters(self, self._constraints)
        if self.power == 1:
            return Poisson().compiled()
        if self.power == 2:
            return Gamma().compiled()
        return super().compiled()

    @property
    def domain(self):
        if self.power <= 0:
            return PointLoss.domain
        return NON_NEGATIVE if self.power < 2 else POSITIVE

    @property
    def convex(self):
        return 1 <= self.power <= 2

    def _minimum(self, y_true):
        if self.power == 1:
            return Poisson()._minimum(y_true)
        if self.power == 2:
            return Gamma()._minimum(y_true)
        mean = np.maximum(y_true, 0.0)
        return mean ** (2 - self.power) / ((self.power - 1) * (2 - self.power))


class NegativeBinomial(CountLoss):
    """(y + 1/d) log(1 + d exp(p)) - y p, with d the dispersion.

    For counts with the variance m + d m^2: more than a Poisson's. Half the deviance, up
    to terms in y alone.

    Parameters
    ----------
    dispersion : float, default=1.0
        d > 0. As it goes to 0 the loss becomes `Poisson`.

    References
    ----------
    Hilbe 2011, "Negative binomial regression", chapter 8 (NB2).
    """

    name = "negative_binomial"
    domain = NON_NEGATIVE
    _constraints = {"dispersion": [POSITIVE]}

    def __init__(self, dispersion=1.0):
        self.dispersion = dispersion

    def _minimum(self, y_true):
        # y log((1 + d y) / y) + log(1 + d y) / d
        d, y = self.dispersion, y_true
        inverse = np.divide(1.0, d * y, where=d * y > 1, out=np.zeros_like(y))
        large = y * (np.log(d) + np.log1p(inverse))
        small = xlog1py(y, d * y) - xlogy(y, y)
        return np.where(d * y > 1, large, small) + np.log1p(d * y) / d
