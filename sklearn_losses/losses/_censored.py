"""Targets of which only an interval is known: survival times, and limits of detection.

y is a number where it is known, or two: ``[lower, upper]``, equal where it is known,
with an infinite upper end where it is censored from the right (it is at least `lower`),
and a lower end of 0 (without log, -inf) where it is from the left.

A distribution F has (log y - location) / scale. What is fitted are location / scale and
1 / scale, in which the loss is convex (Burridge 1981), so that a fit is certified; the
penalty is on location / scale, which has no unit. What is published is the location;
of a scale with features, what was fitted.

>>> from sklearn_losses.losses import WeibullAFT
>>> loss = WeibullAFT(scale=1.0)
>>> loss.value([[2.0, 2.0], [2.0, float("inf")]], [0.0, 0.0]).round(3)
array([1.307, 2.   ])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import BOOLEAN, Interval, Options
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._arguments import domain_error
from sklearn_losses.losses._base import REAL_LINE
from sklearn_losses.losses._likelihoods import KINDS
from sklearn_losses.losses._links import Link, LogLink
from sklearn_losses.losses._outputs import FITTED, LEAST, MLE, Likelihood, samples

POSITIVE = Interval(0, None, "neither")
DISTRIBUTIONS = {"normal": "norm", "logistic": "logistic", "extreme_value": "gumbel_l"}
KIND_OF = {"normal": "normal", "logistic": "logistic", "extreme_value": "minimum"}
SPREADS = {"normal": 1.0, "logistic": 1.8, "minimum": 1.3}  # of F
FARTHEST = 300.0  # scales off a row may be where a fit begins: exp of it is a number


class ReciprocalLink(Link):
    """1 / raw, of raw > 0."""

    def link(self, prediction: ArrayLike) -> Array:
        return 1.0 / np.asarray(prediction)

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return 1.0 / np.asarray(raw_prediction)


class MedianLink(Link):
    """The median of exp(raw + scale Z), or of raw + scale Z.

    Parameters
    ----------
    shift : float
        The median of scale Z.
    log : bool
    """

    def __init__(self, shift: float, log: bool) -> None:
        self.shift, self.log = shift, log

    def link(self, prediction: ArrayLike) -> Array:
        with np.errstate(divide="ignore"):
            found = np.log(prediction) if self.log else np.asarray(prediction)
        return found - self.shift

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        found = np.asarray(raw_prediction) + self.shift
        with np.errstate(over="ignore"):
            return np.exp(found) if self.log else found


class CensoredLikelihood(Likelihood):
    """A distribution of (log y - location) / scale, where y may be an interval."""

    formula = "censored"
    parameters = {"scale": ReciprocalLink()}
    takes_features = ("scale",)
    y_size = 2
    is_log = True
    kind = None
    estimates = "distribution"

    @property
    def is_in_locations(self) -> Any:
        return self.scale != MLE

    def for_steps(self) -> Any:
        return self if self.scale != MLE else CensoredSteps(self)

    @property
    def domain(self) -> Interval:
        return POSITIVE if self.is_log else REAL_LINE

    @property
    def link(self) -> Link:
        return MedianLink(self._median() if self.scale != MLE else 0.0, self.is_log)

    def _median(self):
        return float(self.scale * self._standard().median())

    def _standard(self):
        import scipy.stats

        name = next(d for d, kind in KIND_OF.items() if kind == self.kind)
        return getattr(scipy.stats, DISTRIBUTIONS[name])

    def _own(self):
        is_known = self.scale != MLE
        return float(KINDS[self.kind]), 1.0 / self.scale if is_known else 0.0

    def _fixed(self):
        return [None] if self.scale != MLE else [None, None]

    # ----------------------------------------------------------------- arguments
    def _target_shapes(self, n):
        return [(n,), (n, 2)]

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        """Refuse what is no interval, or has an end outside of the domain."""
        y = np.asarray(y_true, dtype=np.float64)
        if y.ndim < 2:
            if not self.domain.contains_all(y):
                raise domain_error(self, y, name)
            return
        low, high = y.T
        least = 0.0 if self.is_log else -np.inf
        is_in = (low >= least) & (high > least) & (low <= high)
        is_known = (low < high) | (np.isfinite(low) & (low > least))
        is_open = (low <= least) & (high == np.inf)
        bad = np.flatnonzero(~(is_in & is_known) | is_open)
        if len(bad):
            i, ends = bad[0], y[bad[0]]
            why = "says nothing" if is_open[i] else "is no interval"
            if self.is_log and ends[1] == 0.0:
                why = "is at 0: its logarithm is modelled, so a time must be above it"
            raise ValueError(
                f"{type(self).__name__} needs every target to be lower <= upper in "
                f"[{least:g}, inf], and at the least one of them finite: {name}[{i}] "
                f"is [{ends[0]:g}, {ends[1]:g}], which {why}."
            )

    def columns(self, y: Any) -> Any:
        y = np.asarray(y, dtype=np.float64)
        y = np.column_stack([y, y]) if y.ndim == 1 else y
        with np.errstate(divide="ignore"):
            return np.ascontiguousarray(np.log(y) if self.is_log else y)

    def without(self, y: Any, offset: Any) -> Any:
        """Targets of which an offset of the location has been taken off.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, 2)
        offset : ndarray of shape (n_samples, 1)
        """
        offset = offset if y.ndim == 2 else offset[:, 0]
        return y * np.exp(-offset) if self.is_log else y - offset

    def usual_raw(self) -> Array:
        return np.array([0.0]) if self.scale != MLE else np.array([0.0, 1.0])

    def examples(self, rng: np.random.Generator, n: int) -> Any:
        _, raw = super().examples(rng, n)
        raw[:, 1:] = np.exp(raw[:, 1:])
        low = np.round(rng.normal(size=n), 2)
        high = np.where(rng.uniform(size=n) < 0.5, low, low + rng.exponential(size=n))
        kind = rng.uniform(size=n)
        ends = np.column_stack(
            [np.where(kind < 0.2, -np.inf, low), np.where(kind > 0.8, np.inf, high)]
        )
        return (np.exp(ends) if self.is_log else ends), raw

    def raw_of(self, values: Any, n: int) -> Any:
        location = np.asarray(values["location"])
        if self.scale != MLE:
            return location[:, None]
        s = np.full(n, 1.0 / values["scale"])
        return np.column_stack([location * s, s])

    # --------------------------------------------------------------- what is fitted
    def check_fit(self, y: Any, weight: Any) -> None:
        low, high = np.isfinite(y).T
        if not (low.any() and high.any()):
            side = "right" if low.any() else "left"
            raise ValueError(
                f"{type(self).__name__} has nothing to fit, because every target is "
                f"censored from the {side}. It needs a row, with a weight above 0, "
                "whose event was observed."
            )
        ends = y[np.isfinite(y)]
        if self.scale == MLE and (ends == ends[0]).all():
            end = np.exp(ends[0]) if self.is_log else ends[0]
            raise ValueError(
                f"{type(self).__name__} cannot fit a scale to y, whose intervals of "
                f"{samples(y)} all end or begin at {end:.6g}: nothing says how far "
                "from there a location is. Give it a number: scale=1.0."
            )
        super().check_fit(np.where(low & high, y[:, 0], np.nan)[:, None], weight)

    def start(self, y: Any, weight: Any) -> Array:
        """From the middle of intervals, and a bit beyond what is censored."""
        low, high = y.T
        finite = np.isfinite(y)
        ends = y[finite]
        deviation = ends.std() or LEAST * np.abs(ends).max(initial=0.0) or 1.0
        beyond = 0.5 * deviation
        middle = np.where(finite[:, 0], low, high - beyond)
        middle = 0.5 * (middle + np.where(finite[:, 1], high, middle + 2.0 * beyond))
        mean = np.average(middle, weights=weight)
        spread = np.sqrt(np.average((middle - mean) ** 2, weights=weight)) or deviation
        farthest = float(np.abs(middle - mean).max())
        s = SPREADS[self.kind] / max(spread, farthest / FARTHEST)
        return np.array([mean]) if self.scale != MLE else np.array([mean * s, s])

    def values_of(self, raw: Array) -> dict[str, Any]:
        raw = np.asarray(raw, dtype=np.float64)
        if self.scale != MLE:
            return {"location": raw[:, 0], "scale": self.scale}
        s = np.where(raw[:, 1] > 0, raw[:, 1], np.nan)  # there is no other scale
        return {"location": raw[:, 0] / s, "scale": 1.0 / s}

    def predicted(self, **values: Any) -> Any:
        """Medians."""
        return np.asarray(self.frozen(**values).median())

    def natural(self, coef: Array, intercept: Array) -> Any:
        if self.scale != MLE:
            return coef[0], intercept[:1]
        return coef[0] / intercept[1], intercept[:1] / intercept[1]

    # ------------------------------------------------------------- predictions
    def inverse_link(self, raw_prediction: ArrayLike) -> Array:
        """Medians."""
        raw = np.asarray(raw_prediction)
        if raw.ndim == 1 or raw.shape[1] == 1:
            return super().inverse_link(raw)
        return np.asarray(self.frozen(**self.values_of(raw)).median())

    def frozen(self, location: Any, scale: float | str) -> Any:
        distribution = self._standard()(location, scale)
        return LogDistribution(distribution) if self.is_log else distribution


class CensoredSteps(CensoredLikelihood):
    """Another, of the raw outputs location and log(scale).

    Steps may take 1 / scale below 0, and move it too far where y has another unit.

    Parameters
    ----------
    of : CensoredLikelihood
        With a scale that is fitted.
    """

    name = None
    formula = "censored_steps"
    parameters = {"scale": LogLink()}
    takes_features = ()
    convex = False
    is_in_locations = True
    scale = MLE
    _constraints = {}

    def __init__(self, of: Any = None) -> None:
        self.of = of

    def __repr__(self) -> str:
        return repr(self.of)

    @property
    def kind(self) -> Any:
        return self.of.kind

    @property
    def is_log(self) -> bool:
        return self.of.is_log

    def start(self, y: Any, weight: Any) -> Array:
        shifted, s = self.of.start(y, weight)
        return np.array([shifted / s, -np.log(s)])

    def values_of(self, raw: Array) -> dict[str, Any]:
        return {"location": raw[:, 0], "scale": np.exp(raw[:, 1])}

    def natural(self, coef: Array, intercept: Array) -> Any:
        return coef[0], intercept[:1]

    def with_parameters(self, **numbers: Any) -> Any:
        return self.of.with_parameters(**numbers)


class LogDistribution:
    """The distribution of exp(Z), by that of Z.

    Parameters
    ----------
    of_log : frozen distribution of scipy.stats
    """

    def __init__(self, of_log: Any) -> None:
        self.of_log = of_log

    def ppf(self, q):
        with np.errstate(over="ignore"):
            return np.exp(self.of_log.ppf(q))

    def median(self):
        return self.ppf(0.5)

    def cdf(self, y):
        return self._at("cdf", y)

    def sf(self, y):
        return self._at("sf", y)

    def logsf(self, y):
        return self._at("logsf", y)

    def _at(self, name, y):
        """A function of the distribution of logs; far from it exp may overflow."""
        with np.errstate(divide="ignore", over="ignore"):
            return getattr(self.of_log, name)(np.log(np.maximum(y, 0.0)))

    def std(self):
        first, second = self._moment(1), self._moment(2)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            variance = np.where(second < np.inf, second - first**2, second)
            return np.exp(self.of_log.args[0] + 0.5 * np.log(np.maximum(variance, 0.0)))

    def mean(self) -> float:
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(self.of_log.args[0] + np.log(self._moment(1)))

    def _moment(self, k):
        """E exp(k scale Z), by the moment generating function of the standard Z."""
        from scipy.special import gamma

        t = k * np.asarray(self.of_log.args[1])
        name = self.of_log.dist.name
        with np.errstate(all="ignore"):
            if name == "norm":
                return np.exp(0.5 * t * t)
            if name == "gumbel_l":
                return gamma(1.0 + t)
            return np.where(t < 1.0, gamma(1.0 + t) * gamma(1.0 - t), np.inf)


class AFT(CensoredLikelihood):
    """An accelerated failure time model: log y = location + scale Z."""

    _constraints = {"scale": FITTED}

    def __init__(self, scale: float | str = MLE) -> None:
        self.scale = scale


class WeibullAFT(AFT):
    """Times y of a Weibull distribution: log y = location + scale Z, Z of least values.

    An exact time costs exp(z) - z + log(scale), with z = (log y - location) / scale,
    and one that is at least y, exp(z). That is minus the log-likelihood of log y: that
    of y has log y besides. The hazard ratio of a feature is exp(-coef / scale).

    It estimates the distribution of a time, of which some are only known to be longer.
    Take it where the hazard rises or falls with time, and both a hazard ratio and a
    time ratio are wanted. Do not where the hazard rises and falls again
    (`LogLogisticAFT`), or nothing is known of it (`CoxPH`).

    Parameters
    ----------
    scale : float or "mle", default="mle"
        1 / shape of the Weibull distribution.

    See Also
    --------
    ExponentialAFT : A constant hazard.
    LogNormalAFT : A hazard that rises and falls.
    CoxPH : Any hazard.

    References
    ----------
    Kalbfleisch and Prentice 2002, "The statistical analysis of failure time data", 3.

    Examples
    --------
    >>> from sklearn_losses import WeibullAFT
    >>> import numpy as np
    >>> y = [[1.0, 1.0], [2.0, np.inf]]  # exactly 1, and more than 2
    >>> WeibullAFT(scale=1.0).value(y, [0.0, 0.0]).round(2)
    array([1., 2.])
    """

    name = "weibull_aft"
    kind = "minimum"


class LogNormalAFT(AFT):
    """Times y whose logarithm is Gaussian: log y = location + scale Z.

    An exact time costs z^2 / 2 + log(2 pi) / 2 + log(scale), with z = (log y -
    location) / scale, and one that is at least y, -log(1 - Phi(z)).

    It estimates the distribution of a time, of which some are only known to be longer.
    Take it where the logarithm of the time is about Gaussian. Do not with gross
    outliers in the logarithm (`LogLogisticAFT`).

    Parameters
    ----------
    scale : float or "mle", default="mle"

    See Also
    --------
    LogLogisticAFT : Longer tails.
    WeibullAFT : A monotone hazard.
    GaussianDistribution : Nothing censored, and no logarithm.

    References
    ----------
    Kalbfleisch and Prentice 2002, "The statistical analysis of failure time data", 3.

    Examples
    --------
    >>> from sklearn_losses import LogNormalAFT
    >>> import numpy as np
    >>> y = [[1.0, 1.0], [2.0, np.inf]]  # exactly 1, and more than 2
    >>> LogNormalAFT(scale=1.0).value(y, [0.0, 0.0]).round(2)
    array([0.92, 1.41])
    """

    name = "log_normal_aft"
    kind = "normal"


class LogLogisticAFT(AFT):
    """Times y with proportional odds: log y = location + scale Z, Z logistic.

    An exact time costs 2 log(1 + exp(z)) - z + log(scale), with z = (log y -
    location) / scale, and one that is at least y, log(1 + exp(z)).

    It estimates the distribution of a time, of which some are only known to be longer.
    Take it where the hazard rises and falls again, with long tails. Do not where the
    hazard is monotone (`WeibullAFT`).

    Parameters
    ----------
    scale : float or "mle", default="mle"

    See Also
    --------
    LogNormalAFT : Shorter tails.
    WeibullAFT : A monotone hazard.
    CoxPH : Any hazard.

    References
    ----------
    Bennett 1983, "Log-logistic regression models for survival data", Applied
    Statistics 32.

    Examples
    --------
    >>> from sklearn_losses import LogLogisticAFT
    >>> import numpy as np
    >>> y = [[1.0, 1.0], [2.0, np.inf]]  # exactly 1, and more than 2
    >>> LogLogisticAFT(scale=1.0).value(y, [0.0, 0.0]).round(2)
    array([1.39, 1.1 ])
    """

    name = "log_logistic_aft"
    kind = "logistic"


class ExponentialAFT(AFT):
    """Times y of a constant hazard exp(-location): `WeibullAFT` with a scale of 1.

    It estimates the distribution of a time, of which some are only known to be longer.
    Take it where the hazard does not depend on time, or rows are few. Do not where it
    does (`WeibullAFT` has one parameter more).

    See Also
    --------
    WeibullAFT : A hazard that rises or falls.
    Poisson : The same, of counts with an exposure.

    References
    ----------
    Kalbfleisch and Prentice 2002, "The statistical analysis of failure time data", 3.

    Examples
    --------
    >>> from sklearn_losses import ExponentialAFT
    >>> import numpy as np
    >>> y = [[1.0, 1.0], [2.0, np.inf]]  # exactly 1, and more than 2
    >>> ExponentialAFT().value(y, [0.0, 0.0]).round(2)
    array([1., 2.])
    """

    name = "exponential_aft"
    kind = "minimum"
    scale = 1.0
    _constraints = {}

    def __init__(self) -> None:
        pass


class Censored(CensoredLikelihood):
    """Numbers of which some are known to be in an interval alone: Tobit regression.

    It estimates the distribution of y, of which some are only known to be beyond a
    limit. Take it for measurements below a detection limit, or cut at a cap. Do not
    where y is 0 for another reason than a limit (`Tweedie`), or the noise is not of the
    kind that is named: with censoring the mean depends on it.

    Parameters
    ----------
    distribution : {"normal", "logistic", "extreme_value"}, default="normal"
        Of (y - location) / scale.
    log : bool, default=False
        Whether it is that of the logarithm of y.
    scale : float or "mle", default="mle"

    See Also
    --------
    LogNormalAFT : Of logarithms, for times.
    Tweedie : Amounts that are truly 0.
    GaussianDistribution : Nothing censored.

    References
    ----------
    Tobin 1958, "Estimation of relationships for limited dependent variables",
    Econometrica 26; Olsen 1978, "Note on the uniqueness of the maximum likelihood
    estimator for the Tobit model", Econometrica 46.

    Examples
    --------
    >>> from sklearn_losses import Censored
    >>> import numpy as np
    >>> y = [[1.0, 1.0], [2.0, np.inf]]  # exactly 1, and more than 2
    >>> Censored(scale=1.0).value(y, [0.0, 0.0]).round(2)
    array([1.42, 3.78])
    """

    name = "censored"
    _constraints = {
        "distribution": [Options(*KIND_OF)],
        "log": [BOOLEAN],
        "scale": FITTED,
    }

    def __init__(
        self, distribution: str = "normal", log: bool = False, scale: float | str = MLE
    ) -> None:
        self.distribution = distribution
        self.log = log
        self.scale = scale

    @property
    def kind(self) -> str:
        return KIND_OF[self.distribution]

    @property
    def is_log(self) -> bool:
        return self.log
