"""Distributions of y: a location and a scale, both fitted, each by its own features.

Values are minus the log-density, with its constants.

>>> from sklearn_losses.losses import GaussianDistribution
>>> GaussianDistribution().value([1.0], [[0.0, 0.0]]).round(3)  # location, log(scale)
array([1.419])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betaln, gammaincinv

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._likelihoods import KINDS, likelihood
from sklearn_losses.losses._links import LogLink
from sklearn_losses.losses._outputs import (
    FITTED,
    MLE,
    Distribution,
    start_of_location,
)
from sklearn_losses.losses._regression import AbsoluteError
from sklearn_losses.losses._table import CLoss

CRPS = "crps"
POSITIVE = Interval(0, None, "neither")
DF = 4.0  # where a fit of degrees of freedom begins ...
OTHER_DF = 1.0, 30.0  # ... or might, if that is better


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


def other_tails(loss, start):
    """Raw outputs like these, with other degrees of freedom where they are fitted."""
    found = []
    for df in OTHER_DF if "df" in loss.outputs else ():
        other = start.copy()
        other[loss.outputs.index("df")] = np.log(df)
        found.append(other)
    return found


def least_df(weight, n_coefs):
    """The degrees of freedom below which a likelihood grows as its scale vanishes.

    So many rows can be fitted exactly, those of the largest weights, whose sum is W. As
    the scale falls to 0 they gain -W log(scale), and what the others lose is df times
    their own weight (Fernandez and Steel 1999, "Multivariate Student-t regression
    models: pitfalls and inference", Biometrika 86).
    """
    ordered = np.sort(weight)[::-1]
    exact, others = ordered[:n_coefs].sum(), ordered[n_coefs:].sum()
    return float(exact / others) if others > 0 else np.inf


class Ruled(Distribution):
    """A distribution that is fitted by one of two proper scoring rules.

    One is minus the log of the density, f((y - location) / scale) / scale, and the
    other the continuous ranked probability score, which has no more than its share for
    each row, however far it is.
    """

    symmetric = True
    formula_of_crps = "crps"
    _rules = {"rule": [Options("nll", CRPS)]}

    def _own_of_crps(self):
        return ()

    def compiled(self) -> CLoss:
        if self.rule != CRPS:
            return super().compiled()
        check_parameters(self, self._constraints)
        is_point, fixed = self.granularity == "point", self._fixed()[:2]
        parts = self.formula_of_crps, self._own_of_crps(), fixed
        return likelihood(*parts, as_points=is_point)

    def minimum_of(self, y: Array, weight: Array) -> float:
        if self.rule == CRPS and self.granularity == "row":
            return 0.0
        return super().minimum_of(y, weight)

    def _minimum(self, y_true):
        if self.rule == CRPS and self.granularity == "row":
            return np.zeros(len(np.atleast_1d(y_true)))
        return super()._minimum(y_true)

    def crps(self, y_true: ArrayLike, **values: Any) -> Any:
        """The continuous ranked probability score, in units of y, of each row.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
        **values : ndarray or float
            The location and the parameters, as from `predict_distribution`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        loss = self.with_parameters(scale=MLE, rule=CRPS)
        return loss.value(y_true, loss.raw_of(values, len(np.asarray(y_true))))


class LocationScale(Ruled):
    """-log of a density f((y - location) / scale) / scale, or its CRPS."""

    formula = "location_scale"
    _constraints = {"scale": FITTED, **Ruled._rules}

    def __init__(self, scale: float | str = MLE, rule: str = "nll") -> None:
        self.scale = scale
        self.rule = rule

    def _own(self):
        return float(KINDS[self.kind]), 0.0

    def _own_of_crps(self):
        return float(KINDS[self.kind]), 0.0, 0.0, 0.0


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
    rule : {"nll", "crps"}, default="nll"
        By which scale and location are fitted: the likelihood, or the continuous ranked
        probability score, in units of y, which far rows decide less.

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
    rule : {"nll", "crps"}, default="nll"
        By which scale and location are fitted: the likelihood, or the continuous ranked
        probability score, in units of y, which far rows decide less.

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
    rule : {"nll", "crps"}, default="nll"
        By which scale and location are fitted: the likelihood, or the continuous ranked
        probability score, in units of y, which far rows decide less.

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

    @property
    def differentiable(self) -> bool:
        return self.rule == CRPS

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


class StudentTDistribution(Ruled):
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
    rule : {"nll", "crps"}, default="nll"
        By which scale and location are fitted: the likelihood, or the continuous ranked
        probability score, in units of y, which far rows decide less.
        It needs a number for df, > 1.

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
    parameters = {"scale": LogLink(), "df": LogLink()}
    _constraints = {"scale": FITTED, "df": FITTED, **Ruled._rules}

    def __init__(
        self, scale: float | str = MLE, df: float | str = MLE, rule: str = "nll"
    ) -> None:
        self.scale = scale
        self.df = df
        self.rule = rule

    least_df = staticmethod(least_df)

    @property
    def convex(self) -> bool:
        return self.rule == CRPS and self.scale != MLE

    def compiled(self) -> CLoss:
        if self.rule == CRPS and (self.df == MLE or self.df <= 1):
            raise InvalidParameterError(
                f"{self!r} has no score: with rule='crps' df must be a number > 1. Got "
                f"{self.df!r}. Use rule='nll' to fit it."
            )
        return super().compiled()

    def _own_of_crps(self):
        v = float(self.df)
        of_pairs = betaln(0.5, v - 0.5) - 2.0 * betaln(0.5, 0.5 * v)
        constant = 2.0 * np.sqrt(v) / (v - 1.0) * np.exp(of_pairs)
        return 0.0, v, constant, betaln(0.5, 0.5 * v)

    def first(self) -> Any:
        return AbsoluteError()

    def _start(self, y, weight):
        return *start_of_centre(y[:, 0], weight), np.log(DF)

    def rivals(self, start: Array) -> list[Array]:
        """Tails of other lengths."""
        return other_tails(self, start)

    def frozen(self, location: Any, scale: float | str, df: float | str) -> Any:
        from scipy.stats import t

        return t(df, location, scale)


class GammaDistribution(Ruled):
    """-log of the density of the gamma distribution of mean exp(location).

    Its standard deviation is scale times the mean; y > 0.

    It estimates the mean and the coefficient of variation of positive y. Take it where
    the spread is asked for, too. Do not where y can be 0 (`Tweedie`), or only the mean
    is wanted (`Gamma`, which has the same coefficients).

    Parameters
    ----------
    scale : float or "mle", default="mle"
        The coefficient of variation: 1 / sqrt(shape).
    rule : {"nll", "crps"}, default="nll"
        By which scale and location are fitted: the likelihood, or the continuous ranked
        probability score, in units of y, which far rows decide less. It is not convex.

    See Also
    --------
    Gamma : The mean alone.
    WeibullAFT : Times, of which some are censored.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", chapter 8; of the score
    Scheuerer and Möller 2015, "Probabilistic wind speed forecasting on a grid based on
    ensemble model output statistics", Annals of Applied Statistics 9.

    Examples
    --------
    >>> from sklearn_losses import GammaDistribution
    >>> GammaDistribution(scale=0.5).value([1.0, 1.0], [0.0, 1.0]).round(2)
    array([0.25, 1.72])
    """

    name = "gamma_distribution"
    formula = "gamma"
    formula_of_crps = "crps_gamma"
    domain = POSITIVE
    link = LogLink()
    symmetric = False
    _constraints = {"scale": FITTED, **Ruled._rules}

    def __init__(self, scale: float | str = MLE, rule: str = "nll") -> None:
        self.scale = scale
        self.rule = rule

    @property
    def convex(self) -> bool:
        return self.rule != CRPS and self.scale != MLE

    def convex_relative(self) -> Any:
        """The likelihood, with the same scale."""
        is_other = self.rule == CRPS and self.scale != MLE
        return self.with_parameters(rule="nll") if is_other else None

    def _start(self, y, weight):
        mean, log_deviation = start_of_location(y[:, 0], weight)
        return np.log(mean), log_deviation - np.log(mean)

    def _best(self, y_true):
        """The mean is y or, by the score, y is a quantile next to the median."""
        if self.rule != CRPS:
            return np.log(y_true)
        shape = self.scale**-2.0
        share = np.exp(betaln(1.0, shape) - betaln(0.5, shape))
        return np.log(y_true * shape / gammaincinv(shape + 1.0, 0.5 - 0.5 * share))

    def frozen(self, location: Any, scale: float | str) -> Any:
        from scipy.stats import gamma

        shape = scale**-2.0
        return gamma(shape, scale=np.exp(location) / shape)
