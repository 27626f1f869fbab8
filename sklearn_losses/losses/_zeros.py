"""Counts with more (or fewer) zeros than their distribution has.

`Hurdle` and `ZeroInflated` are a distribution of counts and the probability of a zero:
one more output, beside those that the distribution has.

>>> from sklearn_losses.losses import Hurdle, NegativeBinomial
>>> Hurdle(NegativeBinomial("mle")).outputs
('location', 'zero', 'dispersion')
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import lambertw

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._base import Loss
from sklearn_losses.losses._counts import (
    COUNTS,
    LEAST_DISPERSION,
    NegativeBinomial,
    Poisson,
    counts_of,
    dispersion_at_start,
)
from sklearn_losses.losses._links import Link, LogitLink, LogLink
from sklearn_losses.losses._outputs import MLE, Likelihood
from sklearn_losses.losses._table import CLoss

LEAST_ZEROS = 1e-8  # a probability that is fitted below is 0
LOWEST = 700.0  # location but for its sign; the highest one
UNSURE = 0.02  # how near to 0 and 1 it is at the start, at the most


class MeanLink(Link):
    """The mean of counts with zeros of their own, of raw predictions of their location.

    Parameters
    ----------
    loss : CountsWithZeros
        With numbers for its parameters.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def link(self, prediction: ArrayLike) -> Array:
        """The location of a mean, by bisection; -inf of one that no location has."""
        mean = np.asarray(prediction, dtype=np.float64)
        low, high = np.full(mean.shape, -LOWEST), np.full(mean.shape, LOWEST)
        for _ in range(80):
            middle = 0.5 * (low + high)
            below = self.inverse(middle) < mean
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.where(high > 1.0 - LOWEST, high, -np.inf)[()]

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return self.loss.inverse_link(np.asarray(raw_prediction))


class CountsWithZeros(Likelihood):
    """A distribution of counts, and how likely a zero is besides."""

    takes_features = ("zero", "dispersion")
    least = {"zero": LEAST_ZEROS, "dispersion": LEAST_DISPERSION}
    begins = NegativeBinomial.begins | {"zero": -2.0}  # counts make most of them
    domain = COUNTS
    _constraints = {"zero": [Interval(0, 1, "left"), Options(MLE)]}

    def __init__(self, counts: Loss | None = None, zero: float | str = MLE) -> None:
        self.counts = counts
        self.zero = zero

    @property
    def _counts(self):
        counts = Poisson() if self.counts is None else self.counts
        if not isinstance(counts, (Poisson, NegativeBinomial)):
            raise InvalidParameterError(
                f"The 'counts' parameter of {type(self).__name__} must be Poisson() or "
                f"NegativeBinomial(). Got {counts!r} instead."
            )
        return counts

    @property
    def dispersion(self) -> float | str:
        """That of the counts, 0 of Poisson's."""
        return getattr(self._counts, "dispersion", 0.0)

    @property
    def parameters(self) -> Any:
        return {"zero": LogitLink(), "dispersion": LogLink()}

    @property
    def link(self) -> Link:
        return MeanLink(self)

    def compiled(self) -> CLoss:
        check_parameters(self._counts, self._counts._constraints)
        return super().compiled()

    def with_parameters(self, **numbers: Any) -> Any:
        if "dispersion" in numbers:
            numbers["counts__dispersion"] = numbers.pop("dispersion")
        return super().with_parameters(**numbers)

    # --------------------------------------------------------------- what is fitted
    def check_fit(self, y: Any, weight: Any) -> None:
        if y.max() <= 1.0:
            raise ValueError(
                f"{type(self).__name__} cannot fit counts to y, which is at most "
                f"{y.max():g} in every row: nothing says how large a count is that is "
                "not 0. Use LinearClassifier() of y > 0."
            )

    def _start(self, y, weight):
        """What is best of Poisson's counts that are not 0, about, and all the zeros."""
        y, above = y[:, 0], weight * (y[:, 0] > 0)
        share, above = 1.0 - above.sum() / weight.sum(), np.maximum(above, 1e-300)
        mean = max(np.average(y, weights=above), 1.0)
        variance = np.average((y - mean) ** 2, weights=above)
        m = max(untruncated(mean), LEAST_ZEROS)
        dispersion = dispersion_at_start(mean, variance)
        zero = self._zero_of(share, np.exp(-m))
        zero = np.clip(zero, UNSURE, 1.0 - UNSURE)
        return np.log(m), LogitLink().link(zero), np.log(dispersion)

    def _zero_of(self, share, of_counts):
        """The parameter `zero`, of a share of zeros and that which counts have."""
        return share

    # ----------------------------------------------------------------- predictions
    def predicted(self, **values: Any) -> Any:
        """P(y > 0) E[y | y > 0]."""
        location = np.asarray(values["location"])
        with np.errstate(over="ignore"):
            mean = np.exp(location)
        size = _minus_log_of_zero(mean, values["dispersion"])
        above = 1.0 - self.proba_zero(**values)
        # Of a mean that is tiny what is above 0 is 1.
        of_others = np.divide(
            mean, -np.expm1(-size), out=np.ones_like(mean), where=size > 1e-300
        )
        return above * of_others

    def proba_zero(self, **values: Any) -> Any:
        """P(y = 0).

        Parameters
        ----------
        **values : ndarray
            As of `values_of`.
        """
        raise NotImplementedError

    def frozen(self, **values: Any) -> Any:
        counts = counts_of(np.exp(values["location"]), values["dispersion"])
        return ZeroModified(counts, self.proba_zero(**values))


class Hurdle(CountsWithZeros):
    """-log P(y = 0) of a zero; of others -log P(y > 0) and a count that is not 0.

    Without log y!, as `Poisson`. The two parts have nothing in common: of Poisson's
    counts both are convex, and a fit is certified.

    It estimates the mean of y, P(y > 0) E[y | y > 0], and the probability of a zero.
    Take it for counts with any number of zeros, where whether and how much are two
    questions: visits to a doctor, claims, papers. Do not where a zero may also be a
    count that happens to be 0, and the share of those matters (`ZeroInflated`).

    Parameters
    ----------
    counts : Poisson or NegativeBinomial, default=None
        The distribution whose part above 0 counts that are not 0 have; None means
        ``Poisson()``. `NegativeBinomial("mle")` has its dispersion fitted.
    zero : float or "mle", default="mle"
        The probability of a zero, in [0, 1), or "mle": it is fitted, on the logit
        scale, to be constant or by features.

    See Also
    --------
    ZeroInflated : Zeros of two kinds.
    NegativeBinomial : No zeros of their own.
    Poisson : The mean alone.

    References
    ----------
    Mullahy 1986, "Specification and testing of some modified count data models",
    Journal of Econometrics 33.

    Examples
    --------
    >>> from sklearn_losses import Hurdle
    >>> loss = Hurdle(zero=0.4)
    >>> loss.value([0, 1, 5], [0.0, 0.0, 0.0]).round(2)
    array([0.92, 1.05, 1.05])
    >>> loss.inverse_link([0.0]).round(2)
    array([0.95])
    """

    name = "hurdle"
    formula = "hurdle"

    @property
    def convex(self) -> bool:
        return self.dispersion == 0

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        super().check_targets(y_true, name, n_classes)
        zeros = np.flatnonzero(np.asarray(y_true) == 0)
        if self.zero == 0 and len(zeros):
            raise ValueError(
                f"Hurdle(zero={self.zero!r}) gives 0 no probability, but "
                f"{name}[{zeros[0]}] is 0. Use zero='mle', or ZeroInflated(), whose "
                "zero is only what counts do not explain."
            )

    def proba_zero(self, **values: Any) -> Any:
        return values["zero"]

    def _minimum(self, y_true):
        if self.dispersion != 0:
            return super()._minimum(y_true)
        seen, of_each = np.unique(y_true, return_inverse=True)  # counts are few
        return self._minimum_of(seen.astype(np.float64))[of_each]

    def _minimum_of(self, y):
        m = np.where(y > 1, untruncated(np.maximum(y, 1.0)), 1.0)
        of_others = np.where(y > 1, m - y * np.log(m) + np.log(-np.expm1(-m)), 0.0)
        if self.zero == MLE:
            return of_others
        with np.errstate(divide="ignore"):
            side = -np.log(np.where(y > 0, 1.0 - self.zero, self.zero))
        return side + of_others


class ZeroInflated(CountsWithZeros):
    """-log(q + (1 - q) f(0)) of a zero; of others -log(1 - q) and a count, with q zero.

    Without log y!, as `Poisson`. f(0) is the probability that counts have of a 0.

    It estimates the mean of y, (1 - q) E[count], and the probability q of a zero that
    is no count. Take it where some rows could never be more than 0, and which is not
    known: people who do not fish among those who caught none. Do not where q is only
    wanted to fit the zeros (`Hurdle`, which is convex and certified), or where there
    are fewer zeros than counts have: q is 0 then.

    Parameters
    ----------
    counts : Poisson or NegativeBinomial, default=None
        The distribution of counts; None means ``Poisson()``. `NegativeBinomial("mle")`
        has its dispersion fitted.
    zero : float or "mle", default="mle"
        q, in [0, 1), or "mle": it is fitted, on the logit scale, to be constant or by
        features.

    See Also
    --------
    Hurdle : All zeros are of one kind.
    NegativeBinomial : No zeros of their own.

    References
    ----------
    Lambert 1992, "Zero-inflated Poisson regression, with an application to defects in
    manufacturing", Technometrics 34.

    Examples
    --------
    >>> from sklearn_losses import ZeroInflated
    >>> loss = ZeroInflated(zero=0.4)
    >>> loss.value([0, 1, 5], [0.0, 0.0, 0.0]).round(2)
    array([0.48, 1.51, 1.51])
    >>> loss.inverse_link([0.0])
    array([0.6])
    """

    name = "zero_inflated"
    formula = "zero_inflated"
    absent = {"zero": -12.0}
    convex = False

    def proba_zero(self, **values: Any) -> Any:
        zero, location = values["zero"], values["location"]
        size = _minus_log_of_zero(np.exp(location), values["dispersion"])
        return zero + (1.0 - zero) * np.exp(-size)

    def predicted(self, **values: Any) -> Any:
        return (1.0 - values["zero"]) * np.exp(values["location"])

    def first(self) -> Any:
        return Hurdle(self.counts, self.zero)

    def after(self, found: Array, raw: Array, y: Any, weight: Any) -> Array:
        """Constant outputs to go on with, from those of `first`.

        Parameters
        ----------
        found : ndarray of shape (n_outputs,)
            Of the first loss.
        raw : ndarray of shape (n_samples,)
            The locations that it found.
        y : ndarray of shape (n_samples, 1)
        weight : ndarray of shape (n_samples,)
            Without zeros: all three are of the rows that count.
        """
        if self.zero != MLE:
            return found
        d = self.dispersion
        d = np.exp(found[self.outputs.index("dispersion")]) if d == MLE else d
        with np.errstate(over="ignore"):  # of a mean of inf none is 0
            of_counts = np.exp(-_minus_log_of_zero(np.exp(raw), d))
        share = np.average(y[:, 0] == 0, weights=weight)
        zero = self._zero_of(share, np.average(of_counts, weights=weight))
        zero = LogitLink().link(np.clip(zero, UNSURE, 1.0 - UNSURE))
        return np.where(np.array(self.outputs) == "zero", zero, found)

    def _zero_of(self, share, of_counts):
        return (share - of_counts) / max(1.0 - of_counts, LEAST_ZEROS)


def untruncated(mean):
    """The mean m of Poisson's counts of which those above 0 have a mean >= 1.

    It is the root of m / (1 - exp(-m)) = mean.
    """
    mean = np.asarray(mean, dtype=np.float64)
    return np.maximum(mean + lambertw(-mean * np.exp(-mean)).real, 0.0)[()]


def _minus_log_of_zero(mean, dispersion):
    """-log f(0) of a negative binomial: log(1 + d m) / d."""
    d = np.maximum(dispersion, 1e-300)
    x = d * mean
    with np.errstate(invalid="ignore"):
        return np.where(x > 1e-8, np.log1p(x) / d, mean)


class ZeroModified:
    """Counts of a distribution that are not 0, and a probability of 0 of their own.

    Parameters
    ----------
    counts : frozen distribution of scipy.stats
    zero : ndarray or float
        P(y = 0).
    """

    def __init__(self, counts: Any, zero: Any) -> None:
        self.counts = counts
        self.zero = np.asarray(zero)

    @property
    def _factor(self):
        """By which probabilities of counts above 0 are multiplied."""
        return (1.0 - self.zero) / self.counts.sf(0)

    def pmf(self, y):
        return np.where(np.equal(y, 0), self.zero, self._factor * self.counts.pmf(y))

    def logpmf(self, y):
        with np.errstate(divide="ignore"):
            of_counts = np.log(self._factor) + self.counts.logpmf(y)
            return np.where(np.equal(y, 0), np.log(self.zero), of_counts)

    def sf(self, y):
        of_counts = self._factor * self.counts.sf(y)
        return np.where(np.less(y, 0), 1.0, of_counts)

    def cdf(self, y):
        return 1.0 - self.sf(y)

    def ppf(self, q):
        above = (1.0 - np.asarray(q)) / self._factor
        found = np.maximum(self.counts.isf(np.minimum(above, 1.0)), 1.0)
        return np.where(q <= self.zero, 0.0, found)

    def mean(self):
        return self._factor * self.counts.mean()

    def var(self):
        second = self.counts.var() + self.counts.mean() ** 2
        return self._factor * second - self.mean() ** 2

    def std(self):
        return np.sqrt(self.var())
