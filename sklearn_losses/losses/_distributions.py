"""Distributions of y: a location and a scale, both fitted, each by its own features.

Values are minus the log-density, with its constants.

>>> from sklearn_losses.losses import GaussianDistribution
>>> GaussianDistribution().value([1.0], [[0.0, 0.0]]).round(3)  # location, log(scale)
array([1.419])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import Interval
from sklearn_losses._machine._typing import Array
from sklearn_losses.losses._likelihoods import KINDS, likelihood
from sklearn_losses.losses._links import LogLink
from sklearn_losses.losses._outputs import (
    FITTED,
    MLE,
    Distribution,
    start_of_location,
)
from sklearn_losses.losses._regression import AbsoluteError

POSITIVE = Interval(0, None, "neither")
DF = 4.0  # where a fit of degrees of freedom begins


def weighted_median(y, weight):
    """A number with half of the weight on either side, the first of several."""
    order = np.argsort(y, kind="stable")
    below = np.cumsum(weight[order])
    return float(y[order][np.searchsorted(below, 0.5 * below[-1])])


def start_of_centre(y, weight):
    """The median, and the log of the median deviation from it."""
    median = weighted_median(y, weight)
    spread = weighted_median(np.abs(y - median), weight)
    return (median, np.log(spread)) if spread > 0 else start_of_location(y, weight)


class LocationScale(Distribution):
    """-log of a density f((y - location) / scale) / scale."""

    formula = "location_scale"
    symmetric = True

    def _own(self):
        return float(KINDS[self.kind]), 0.0


class GaussianDistribution(LocationScale):
    """z^2 / 2 + log(scale) + log(2 pi) / 2, with z = (y - location) / scale.

    It estimates the mean and the standard deviation of y. Take it where the spread is
    asked for, too, or differs from row to row. Do not with outliers, which make the
    spread large (`StudentTDistribution`).

    Parameters
    ----------
    scale : float or "mle", default="mle"
        The standard deviation, > 0, or "mle": it is fitted, on the log scale, to be
        constant or by features.

    See Also
    --------
    SquaredError : The mean alone.
    StudentTDistribution : Longer tails.
    LogisticDistribution : Somewhat longer tails.

    References
    ----------
    Harvey 1976, "Estimating regression models with multiplicative
    heteroscedasticity", Econometrica 44.

    Examples
    --------
    >>> from sklearn_losses import GaussianDistribution
    >>> GaussianDistribution(scale=2.0).value([1.0, 1.0], [1.0, 2.0]).round(2)
    array([1.61, 1.74])
    """

    name = "gaussian"
    kind = "normal"

    def frozen(self, location: Any, scale: float | str) -> Any:
        from scipy.stats import norm

        return norm(location, scale)


class LogisticDistribution(LocationScale):
    """z + 2 log(1 + exp(-z)) + log(scale), with z = (y - location) / scale.

    Its tails are longer than those of a Gaussian.

    It estimates the centre and the spread of y. Take it where tails are somewhat longer
    than a Gaussian's. Do not with gross outliers (`StudentTDistribution`).

    Parameters
    ----------
    scale : float or "mle", default="mle"
        pi / sqrt(3) times smaller than the standard deviation.

    See Also
    --------
    GaussianDistribution : Shorter tails.
    StudentTDistribution : Tails of any length.

    References
    ----------
    Johnson, Kotz and Balakrishnan 1995, "Continuous univariate distributions", 23.

    Examples
    --------
    >>> from sklearn_losses import LogisticDistribution
    >>> LogisticDistribution(scale=2.0).value([1.0, 1.0], [1.0, 2.0]).round(2)
    array([2.08, 2.14])
    """

    name = "logistic"
    kind = "logistic"

    def frozen(self, location: Any, scale: float | str) -> Any:
        from scipy.stats import logistic

        return logistic(location, scale)


class LaplaceDistribution(LocationScale):
    """abs(z) + log(2 scale), with z = (y - location) / scale: medians with a scale.

    It estimates the median of y and its mean absolute deviation. Take it where the
    spread is asked for, too, and tails are long. Do not where the median alone is
    wanted (`AbsoluteError`).

    Parameters
    ----------
    scale : float or "mle", default="mle"
        The mean absolute deviation.

    See Also
    --------
    AbsoluteError : The median alone.
    GaussianDistribution : Shorter tails.

    References
    ----------
    Johnson, Kotz and Balakrishnan 1995, "Continuous univariate distributions", 24.

    Examples
    --------
    >>> from sklearn_losses import LaplaceDistribution
    >>> LaplaceDistribution(scale=2.0).value([1.0, 1.0], [1.0, 2.0]).round(2)
    array([1.39, 1.89])
    """

    name = "laplace"
    kind = "laplace"
    differentiable = False

    def first(self) -> Any:
        return AbsoluteError()

    def _start(self, y, weight):
        """The median and the mean distance from it, which are the best."""
        median = weighted_median(y[:, 0], weight)
        distance = np.average(np.abs(y[:, 0] - median), weights=weight)
        if distance > 0:
            return median, np.log(distance)
        return super()._start(y, weight)

    def unit_of(self, raw: Array) -> float:
        return float(np.exp(np.median(raw[:, 1])))

    def softened_by(self, h: float) -> Any:
        """The C functions with kinks that are a mean over [-h, h]."""
        return likelihood(self.formula, (float(KINDS["laplace"]), h), self._fixed())

    def frozen(self, location: Any, scale: float | str) -> Any:
        from scipy.stats import laplace

        return laplace(location, scale)


class StudentTDistribution(Distribution):
    """-log of the density of Student's t: (df + 1) / 2 log(1 + z^2 / df) + ...

    It estimates the centre, the spread and how long the tails of y are. Take it for
    noise with outliers, where a likelihood is wanted. Do not where one optimum has to
    be certified, as it is not convex (`GaussianDistribution`).

    Parameters
    ----------
    scale : float or "mle", default="mle"
    df : float or "mle", default="mle"
        The degrees of freedom. As they grow it becomes a Gaussian, and where that is
        best they are a large number.

    See Also
    --------
    StudentT : The centre alone.
    GaussianDistribution : No long tails.

    References
    ----------
    Lange, Little and Taylor 1989, "Robust statistical modeling using the t
    distribution", JASA 84.

    Examples
    --------
    >>> from sklearn_losses import StudentTDistribution
    >>> StudentTDistribution(scale=2.0, df=4.0).value([1.0, 1.0], [1.0, 2.0]).round(2)
    array([1.67, 1.83])
    """

    name = "student_t_distribution"
    formula = "student"
    symmetric = True
    parameters = {"scale": LogLink(), "df": LogLink()}
    convex = False
    _constraints = {"scale": FITTED, "df": FITTED}

    def __init__(self, scale: float | str = MLE, df: float | str = MLE) -> None:
        self.scale = scale
        self.df = df

    def first(self) -> Any:
        return AbsoluteError()

    def _start(self, y, weight):
        return *start_of_centre(y[:, 0], weight), np.log(DF)

    def frozen(self, location: Any, scale: float | str, df: float | str) -> Any:
        from scipy.stats import t

        return t(df, location, scale)


class GammaDistribution(Distribution):
    """-log of the density of the gamma distribution of mean exp(location).

    Its standard deviation is scale times the mean; y > 0.

    It estimates the mean and the coefficient of variation of positive y. Take it where
    the spread is asked for, too. Do not where y can be 0 (`Tweedie`), or only the mean
    is wanted (`Gamma`, which has the same coefficients).

    Parameters
    ----------
    scale : float or "mle", default="mle"
        The coefficient of variation: 1 / sqrt(shape).

    See Also
    --------
    Gamma : The mean alone.
    WeibullAFT : Times, of which some are censored.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", chapter 8.

    Examples
    --------
    >>> from sklearn_losses import GammaDistribution
    >>> GammaDistribution(scale=0.5).value([1.0, 1.0], [0.0, 1.0]).round(2)
    array([0.25, 1.72])
    """

    name = "gamma_distribution"
    formula = "gamma"
    domain = POSITIVE
    link = LogLink()

    def _start(self, y, weight):
        mean, log_deviation = start_of_location(y[:, 0], weight)
        return np.log(mean), log_deviation - np.log(mean)

    def _best(self, y_true):
        return np.log(y_true)

    def frozen(self, location: Any, scale: float | str) -> Any:
        from scipy.stats import gamma

        shape = scale**-2.0
        return gamma(shape, scale=np.exp(location) / shape)
