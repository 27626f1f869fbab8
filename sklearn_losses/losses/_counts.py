"""Losses of counts and positive targets, with the log link: m = exp(raw_prediction).

They are negative log-likelihoods without the terms in y alone, and so may be negative;
`minimum` is what a perfect prediction costs.

>>> from sklearn_losses.losses import Poisson
>>> float(Poisson().value(0.0, 0.0))  # a count of zero is a count
1.0
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import xlog1py, xlogy

from sklearn_losses._machine._params import Interval, Options, check_parameters
from sklearn_losses.losses._base import PointLoss
from sklearn_losses.losses._fitted import FittedTweedie, refuse_unfitted
from sklearn_losses.losses._links import LogLink
from sklearn_losses.losses._outputs import MLE, Likelihood
from sklearn_losses.losses._table import CLoss

NON_NEGATIVE = Interval(0, None, "left")
POSITIVE = Interval(0, None, "neither")
COUNTS = Interval(0, None, "left", integer=True)
LEAST_AT_START = 0.1  # of a dispersion
LEAST_DISPERSION = 1e-8  # what is fitted below is a Poisson's


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

    It estimates the mean of y, as exp of a linear function. Take it for counts, and for
    any y >= 0 whose variance grows about as its mean; an exposure is
    ``offset=np.log(exposure)``. Do not where y can be negative, where effects add up
    instead of multiplying (`SquaredError`), or where the variance grows as the mean
    squared (`Gamma`, `NegativeBinomial`).

    See Also
    --------
    NegativeBinomial : Counts that vary more.
    Gamma : Positive amounts.
    Tweedie : Amounts of which many are 0.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", chapter 6.

    Examples
    --------
    >>> from sklearn_losses import Poisson
    >>> loss = Poisson()
    >>> loss.inverse_link([loss.optimal_constant([0.0, 1.0, 5.0])])
    array([2.])
    """

    name = "poisson"
    domain = NON_NEGATIVE
    is_distribution = True

    def frozen(self, location: Any) -> Any:
        """The distribution of counts, as one of scipy.stats.

        Parameters
        ----------
        location : ndarray
            Raw predictions.
        """
        from scipy.stats import poisson

        return poisson(np.exp(location))

    def _minimum(self, y_true):
        return y_true - xlogy(y_true, y_true)


class Gamma(CountLoss):
    """p + y exp(-p): half the gamma deviance, up to terms in y alone; y > 0.

    It estimates the mean of y, as exp of a linear function. Take it for positive
    amounts whose errors are in proportion to their size, such as costs of claims. Do
    not where y can be 0 (`Tweedie`), or for very small y that are wrong, as it is the
    ratio of y to its mean that counts.

    See Also
    --------
    Tweedie : Amounts of which many are 0.
    InverseGaussian : Even heavier tails.
    SquaredLogError : The typical value instead of the mean.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", chapter 8.

    Examples
    --------
    >>> from sklearn_losses import Gamma
    >>> loss = Gamma()
    >>> loss.inverse_link([loss.optimal_constant([1.0, 2.0, 6.0])])
    array([3.])
    """

    name = "gamma"
    domain = POSITIVE

    def _minimum(self, y_true):
        return 1.0 + np.log(y_true)


class InverseGaussian(CountLoss):
    """y exp(-2 p) / 2 - exp(-p): half the deviance, up to terms in y alone; y > 0.

    It is not convex in p, but every mean of it has one stationary point.

    It estimates the mean of y, as exp of a linear function. Take it for positive
    amounts with a long tail, whose variance grows as the mean cubed, such as times to
    an event. Do not where y can be 0, or small y are uncertain: they weigh most.

    See Also
    --------
    Gamma : The variance grows as the mean squared.
    Tweedie : Any power.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", table 2.1.

    Examples
    --------
    >>> from sklearn_losses import InverseGaussian
    >>> loss = InverseGaussian()
    >>> loss.inverse_link([loss.optimal_constant([1.0, 2.0, 6.0])])
    array([3.])
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

    It estimates the mean of y, as exp of a linear function. Take it with a power in (1,
    2) for amounts of which many are 0, such as the cost of a policy in a year. Do not
    compare powers by the loss itself, whose terms differ: take a deviance of one power,
    or the likelihood.

    Parameters
    ----------
    power : float or "mle", default=1.5
        k: up to 0 for any y, in [1, 2) for y >= 0, and from 2 on for y > 0. Between 0
        and 1 there is no such distribution. "mle": the likeliest in (1, 2), with the
        coefficients and with a dispersion.

    See Also
    --------
    Poisson : power = 1.
    Gamma : power = 2.
    InverseGaussian : power = 3.

    References
    ----------
    Jorgensen 1987, "Exponential dispersion models", J. R. Stat. Soc. B 49.

    Examples
    --------
    >>> from sklearn_losses import Tweedie
    >>> loss = Tweedie()
    >>> loss.inverse_link([loss.optimal_constant([0.0, 1.0, 5.0])])
    array([2.])
    """

    name = "tweedie"
    _constraints = {
        "power": [Interval(None, 0, "right"), Interval(1, None, "left"), Options(MLE)]
    }

    def __init__(self, power: float | str = 1.5) -> None:
        self.power = power

    def to_fit(self) -> Any:
        return FittedTweedie(self) if self.power == MLE else self

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        refuse_unfitted(self)
        if self.power == 1:
            return Poisson().compiled()
        if self.power == 2:
            return Gamma().compiled()
        return super().compiled()

    @property
    def domain(self) -> Interval:
        if self.power == MLE:
            return NON_NEGATIVE
        if self.power <= 0:
            return PointLoss.domain
        return NON_NEGATIVE if self.power < 2 else POSITIVE

    @property
    def convex(self) -> bool:
        return self.power != MLE and 1 <= self.power <= 2

    def _minimum(self, y_true):
        refuse_unfitted(self)
        if self.power == 1:
            return Poisson()._minimum(y_true)
        if self.power == 2:
            return Gamma()._minimum(y_true)
        mean = np.maximum(y_true, 0.0)
        return mean ** (2 - self.power) / ((self.power - 1) * (2 - self.power))


class NegativeBinomial(Likelihood, CountLoss):
    """(y + 1/d) log(1 + d exp(p)) - y p, with d the dispersion.

    For counts with the variance m + d m^2: more than a Poisson's. Half the deviance, up
    to terms in y alone.

    It estimates the mean of y, as exp of a linear function. Take it for counts that
    vary more than a Poisson's, when large ones should weigh less. The dispersion is
    given, or fitted. Do not for the mean alone, which is right with `Poisson` too.

    Parameters
    ----------
    dispersion : float or "mle", default=1.0
        d >= 0, of 1 / y. At 0 the loss is `Poisson`. "mle": it is fitted, on the log
        scale, with the sum of log(1 + d j) over j < y that likelihoods have besides; y
        must be integers then.

    See Also
    --------
    Poisson : The limit of dispersion = 0.
    Gamma : About the limit of large counts.

    References
    ----------
    Hilbe 2011, "Negative binomial regression", chapter 8 (NB2).

    Examples
    --------
    >>> from sklearn_losses import NegativeBinomial
    >>> loss = NegativeBinomial()
    >>> loss.inverse_link([loss.optimal_constant([0.0, 1.0, 5.0])])
    array([2.])
    """

    name = "negative_binomial"
    formula = "negative_binomial"
    parameters = {"dispersion": LogLink()}
    takes_features = ("dispersion",)
    least = {"dispersion": LEAST_DISPERSION}
    begins = {"dispersion": np.log(LEAST_AT_START)}
    _constraints = {"dispersion": [NON_NEGATIVE, Options(MLE)]}

    def __init__(self, dispersion: float | str = 1.0) -> None:
        self.dispersion = dispersion

    @property
    def domain(self) -> Interval:
        return COUNTS if self.dispersion == MLE else NON_NEGATIVE

    @property
    def convex(self) -> bool:
        return self.dispersion != MLE

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        if self.dispersion == MLE:
            return super().compiled()
        if self.dispersion == 0:
            return Poisson().compiled()
        return CountLoss.compiled(self)

    def check_fit(self, y: Any, weight: Any) -> None:
        if not y.any():
            raise ValueError(
                f"{type(self).__name__} cannot fit a dispersion to y, which is 0 in "
                "every row. Give it a number: dispersion=1.0."
            )

    def _start(self, y, weight):
        mean = np.average(y[:, 0], weights=weight)
        variance = np.average((y[:, 0] - mean) ** 2, weights=weight)
        return np.log(mean), np.log(dispersion_at_start(mean, variance))

    def frozen(self, location: Any, dispersion: Any) -> Any:
        return counts_of(np.exp(location), dispersion)

    def _optimal_constant(self, y_true, sample_weight):
        base = Likelihood if self.dispersion == MLE else CountLoss
        return base._optimal_constant(self, y_true, sample_weight)

    def _minimum(self, y_true):
        if self.dispersion == MLE:
            return super()._minimum(y_true)
        if self.dispersion == 0:
            return Poisson()._minimum(y_true)
        # y log((1 + d y) / y) + log(1 + d y) / d
        d, y = self.dispersion, y_true
        inverse = np.divide(1.0, d * y, where=d * y > 1, out=np.zeros_like(y))
        large = y * (np.log(d) + np.log1p(inverse))
        small = xlog1py(y, d * y) - xlogy(y, y)
        return np.where(d * y > 1, large, small) + np.log1p(d * y) / d


def dispersion_at_start(mean, variance):
    """That of the moments, or a small one."""
    return max((variance - mean) / mean**2, LEAST_AT_START)


def counts_of(mean, dispersion):
    """The distribution of counts, as one of scipy.stats."""
    from scipy.stats import nbinom, poisson

    if np.all(np.less(dispersion, LEAST_DISPERSION)):
        return poisson(mean)  # whose limit has no digits
    n = 1.0 / np.maximum(dispersion, LEAST_DISPERSION)
    return nbinom(n, n / (n + mean))
