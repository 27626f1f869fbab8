"""Targets with two ends: shares of a whole, and successes of a number of trials.

All have the logit link: the mean is expit of the location.

>>> from sklearn_losses.losses import BinomialTrials
>>> BinomialTrials().value([[3, 1]], [[0.0]]).round(3)  # 3 successes, 1 failure
array([2.773])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit, xlogy

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._links import IdentityLink, LogitLink, LogLink
from sklearn_losses.losses._outputs import FITTED, MLE, Likelihood, samples
from sklearn_losses.losses._table import CLoss

LEAST_PRECISION = 0.1  # at the start
MOST_PRECISION = 1e6


class Beta(Likelihood):
    """-log of the density of a beta distribution of mean expit(p), for y in (0, 1).

    Its variance is m (1 - m) / (1 + precision), of the mean m.

    It estimates the mean of a share, and how much shares vary around it. Take it for
    rates and proportions that are no counts, as the share of income spent on food. Do
    not where y may be 0 or 1 (`OrderedBeta`), y counts successes (`BinomialTrials`), or
    for the mean alone, which `BinomialTrials` of [y, 1 - y] has, ends included.

    Parameters
    ----------
    precision : float or "mle", default="mle"
        The sum of the two shapes, > 0, or "mle": it is fitted, on the log scale, to be
        constant or by features.

    See Also
    --------
    OrderedBeta : Some y are 0 or 1.
    BetaBinomial : Successes of trials.

    References
    ----------
    Ferrari and Cribari-Neto 2004, "Beta regression for modelling rates and
    proportions", Journal of Applied Statistics 31.

    Examples
    --------
    >>> from sklearn_losses import Beta
    >>> Beta(precision=4.0).value([0.5, 0.9], [0.0, 0.0]).round(3)
    array([-0.405,  0.616])
    >>> Beta(precision=20.0).value([0.1, 0.5], [0.0, 0.0]).round(2)
    array([ 7.94, -1.26])
    """

    name = "beta"
    formula = "beta"
    domain = Interval(0, 1, "neither")
    usual_target = 0.5
    link = LogitLink()
    parameters = {"precision": LogLink()}
    takes_features = ("precision",)
    convex = False
    _constraints = {"precision": FITTED}

    def __init__(self, precision: float | str = MLE) -> None:
        self.precision = precision

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        y = np.asarray(y_true)
        at_end = np.flatnonzero((y == 0) | (y == 1))
        if len(at_end):
            i = at_end[0]
            raise ValueError(
                f"{type(self).__name__} needs every target in (0, 1), without ends: "
                f"{name}[{i}] is {y[i]:g}. Use OrderedBeta(), in which 0 and 1 have "
                "probabilities."
            )
        super().check_targets(y_true, name, n_classes)

    def check_fit(self, y: Any, weight: Any) -> None:
        if self.precision == MLE and (y == y[0]).all():
            raise ValueError(
                f"{type(self).__name__} cannot fit a precision to y, which is "
                f"{y[0, 0]:.6g} in every row, of {samples(y)}: the likelihood grows "
                "without end with it. Give it a number: precision=10.0."
            )

    def widths_of(self, raw: Array) -> Any:
        return width_of(self, raw)

    def _start(self, y, weight):
        mean = np.average(y[:, 0], weights=weight)
        variance = np.average((y[:, 0] - mean) ** 2, weights=weight)
        return logit(mean), np.log(precision_at_start(mean, variance))

    def examples(self, rng: np.random.Generator, n: int) -> Any:
        return np.round(rng.uniform(0.01, 0.99, n), 3), super().examples(rng, n)[1]

    def frozen(self, location: Any, precision: Any) -> Any:
        from scipy.stats import beta

        return beta(*shapes_of(location, precision))


class OrderedBeta(Likelihood):
    """Minus the log-likelihood of 0, what is between, and 1 as ordered classes.

    P(y = 0) = expit(lower - p) and P(y = 1) = expit(p - upper), and between them y has
    a beta distribution of mean expit(p). One prediction decides all of it.

    It estimates the distribution of shares of which some are 0 or 1. Take it for
    answers on a scale with ends, such as a slider, and for shares of which none or all
    are common. Do not where no y is 0 or 1 (`Beta`), or where what makes a 0 is another
    question than how much (`Hurdle` of counts has two predictors).

    Parameters
    ----------
    lower, upper : float or "mle", default="mle"
        The thresholds of p, upper > lower, or "mle": they are fitted.
    precision : float or "mle", default="mle"
        That of `Beta`, of what is between; by features, too.

    See Also
    --------
    Beta : No y is 0 or 1.
    CumulativeLogit : Ordered classes alone.

    References
    ----------
    Kubinec 2022, "Ordered beta regression: a parsimonious, well-fitting model for
    continuous data with lower and upper bounds", Political Analysis 31.

    Examples
    --------
    >>> from sklearn_losses import OrderedBeta
    >>> loss = OrderedBeta(lower=-1.0, upper=2.0, precision=2.0)
    >>> loss.value([0.0, 0.5, 1.0], [0.0, 0.0, 0.0]).round(2)
    array([1.31, 0.49, 2.13])
    """

    name = "ordered_beta"
    formula = "ordered_beta"
    domain = Interval(0, 1, "both")
    usual_target = 0.5
    link = LogitLink()
    parameters = {
        "lower": IdentityLink(),
        "upper": IdentityLink(),
        "precision": LogLink(),
    }
    takes_features = ("precision",)
    convex = False
    _constraints = {
        "lower": [Interval(None, None), Options(MLE)],
        "upper": [Interval(None, None), Options(MLE)],
        "precision": FITTED,
    }

    def __init__(
        self,
        lower: float | str = MLE,
        upper: float | str = MLE,
        precision: float | str = MLE,
    ) -> None:
        self.lower = lower
        self.upper = upper
        self.precision = precision

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        if MLE not in (self.lower, self.upper) and not self.lower < self.upper:
            raise InvalidParameterError(
                f"OrderedBeta needs lower < upper. Got lower={self.lower!r} and "
                f"upper={self.upper!r}, between which no prediction is."
            )
        return super().compiled()

    def check_fit(self, y: Any, weight: Any) -> None:
        between = y[(y > 0) & (y < 1)]
        if not len(between):
            raise ValueError(
                "OrderedBeta cannot fit a precision to y, of which nothing is between "
                "0 and 1. Use LinearClassifier()."
            )
        if len(between) == len(y):
            raise ValueError(
                "OrderedBeta cannot fit thresholds to y, which is nowhere 0 or 1. Use "
                "Beta()."
            )

    def widths_of(self, raw: Array) -> Any:
        return width_of(self, raw)

    def _start(self, y, weight):
        y, total = y[:, 0], weight.sum()
        between = weight * ((y > 0) & (y < 1))
        inside = np.maximum(between, 1e-300)
        mean = np.clip(np.average(y, weights=inside), 0.01, 0.99)
        variance = np.average((y - mean) ** 2, weights=inside)
        shares = weight @ (y == 0), weight @ (y == 1)
        low, high = ((0.5 + n) / (1.5 + total) for n in shares)
        r = logit(mean)
        ends = r + logit(low), r - logit(high)
        return r, *ends, np.log(precision_at_start(mean, variance))

    def usual_raw(self) -> Array:
        usual = dict(zip(self.parameters, (-1.0, 1.0, 1.0)))
        return np.array([0.0, *(usual[name] for name in self.outputs[1:])])

    def examples(self, rng: np.random.Generator, n: int) -> Any:
        y = np.clip(np.round(rng.uniform(-0.3, 1.3, n), 3), 0.0, 1.0)
        raw = super().examples(rng, n)[1]
        names = list(self.outputs)
        if "upper" in names:
            low = raw[:, names.index("lower")] if self.lower == MLE else self.lower
            raw[:, names.index("upper")] = low + np.round(
                rng.exponential(size=n) + 0.1, 2
            )
        return y, raw

    def predicted(self, **values: Any) -> Any:
        """P(y = 1) + P(0 < y < 1) expit(location)."""
        zero, one = self._ends(**values)
        return one + (1.0 - zero - one) * expit(values["location"])

    @staticmethod
    def _ends(location, lower, upper, precision):
        """The probabilities of 0 and of 1."""
        return expit(lower - location), expit(location - upper)

    def frozen(self, **values: Any) -> Any:
        between = Beta().frozen(values["location"], values["precision"])
        return WithEnds(between, *self._ends(**values))


class WithEnds:
    """A distribution on (0, 1), and probabilities of 0 and of 1.

    Parameters
    ----------
    between : frozen distribution of scipy.stats
    zero, one : ndarray or float
    """

    def __init__(self, between: Any, zero: Any, one: Any) -> None:
        self.between, self.zero, self.one = between, zero, one

    @property
    def _rest(self):
        return 1.0 - self.zero - self.one

    def logpdf(self, y):
        """The log of the density between, and of the probabilities at the ends."""
        inside = np.clip(y, 1e-300, 1.0 - 1e-16)
        of_inside = np.log(self._rest) + self.between.logpdf(inside)
        at_zero = np.where(np.equal(y, 0), np.log(self.zero), of_inside)
        return np.where(np.equal(y, 1), np.log(self.one), at_zero)

    def cdf(self, y):
        below = self.zero + self._rest * self.between.cdf(y)
        return np.where(np.less(y, 0), 0.0, np.where(np.less(y, 1), below, 1.0))

    def ppf(self, q):
        inside = np.clip((q - self.zero) / self._rest, 0.0, 1.0)
        found = np.where(q <= self.zero, 0.0, self.between.ppf(inside))
        return np.where(q > 1.0 - self.one, 1.0, found)

    def mean(self):
        return self.one + self._rest * self.between.mean()

    def var(self):
        second = self.between.var() + self.between.mean() ** 2
        return self.one + self._rest * second - self.mean() ** 2

    def std(self):
        return np.sqrt(self.var())


class OfTrials(Likelihood):
    """A loss whose targets are [successes, failures]."""

    y_size = 2
    link = LogitLink()
    domain = Interval(0, None, "left", integer=True)

    @property
    def estimates(self) -> str:
        return "mean" if len(self.outputs) == 1 else "distribution"

    def _target_shapes(self, n):
        return [(n,), (n, 2)]  # of which `check_targets` says more

    def rows_of(self, y_true: float, n: int) -> Any:
        """So many successes, and no failure."""
        return np.tile([y_true, 0.0], (n, 1))

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        """Refuse what are not two columns of counts."""
        y = np.asarray(y_true)
        if y.ndim != 2 or y.shape[1] != 2:
            raise ValueError(
                f"{type(self).__name__} needs {name} of shape (n_samples, 2), of "
                f"successes and failures. Got {y.shape}. Of labels use LogLoss(), and "
                "of shares BinomialTrials() with [share, 1 - share]."
            )
        bad = np.flatnonzero(~self.domain.contains(y).all(axis=1))
        if len(bad):
            i, found = bad[0], y[bad[0]]
            raise ValueError(
                f"{type(self).__name__} needs successes and failures "
                f"{self.domain.wanted()}: {name}[{i}] is [{found[0]:g}, {found[1]:g}]."
            )

    def check_fit(self, y: Any, weight: Any) -> None:
        if not y.any():
            raise ValueError(
                f"{type(self).__name__} has nothing to fit: y has no trials."
            )

    def _start(self, y, weight):
        successes, failures = weight @ y
        mean = (successes + 0.5) / (successes + failures + 1.0)
        trials = np.maximum(y.sum(axis=1), 1.0)
        share = y[:, 0] / trials
        variance = np.average((share - mean) ** 2, weights=weight * trials)
        # That of trials alone is m (1 - m) / n.
        alone = mean * (1.0 - mean) * np.average(1.0 / trials, weights=weight * trials)
        excess = max(variance - alone, 1e-3 * mean * (1.0 - mean))
        return logit(mean), np.log(precision_at_start(mean, excess))

    def examples(self, rng: np.random.Generator, n: int) -> Any:
        return rng.poisson(3.0, (n, 2)).astype(float), super().examples(rng, n)[1]


class BinomialTrials(OfTrials):
    """-k log(m) - (n - k) log(1 - m), of k successes in n trials and m = expit(p).

    y has two columns, successes and failures. The binomial coefficient, in y alone, is
    left out: it is the sum of `LogLoss` over all trials. They need not be integers:
    with [share, 1 - share] it is a regression of shares, right for their mean whatever
    their distribution.

    It estimates the probability of a success. Take it for counts of successes, such as
    germinated of sown seeds. Do not where shares vary more than trials make them
    (`BetaBinomial`), or where y is a class (`LogLoss`).

    See Also
    --------
    BetaBinomial : Shares that vary more.
    LogLoss : One trial a row.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", chapter 4; of shares Papke
    and Wooldridge 1996, "Econometric methods for fractional response variables",
    Journal of Applied Econometrics 11.

    Examples
    --------
    >>> from sklearn_losses import BinomialTrials
    >>> loss = BinomialTrials()
    >>> loss.inverse_link(loss.optimal_constant([[3, 1], [6, 2]])).round(2)
    array([0.75])
    """

    name = "binomial_trials"
    domain = Interval(0, None, "left")
    formula = "binomial"

    def _fixed(self):
        return []

    def _start(self, y, weight):
        return super()._start(y, weight)[:1]

    def start(self, y: Any, weight: Any) -> Array:
        return np.array(self._start(y, weight))

    def minimum_of(self, y: Array, weight: Array) -> float:
        n = np.maximum(y.sum(axis=1, keepdims=True), 1.0)
        return float(weight @ -xlogy(y, y / n).sum(axis=1))


class BetaBinomial(OfTrials):
    """That of `BinomialTrials` whose probabilities have a beta distribution.

    y has two columns, successes and failures; the binomial coefficient is left out.

    It estimates the mean probability of a success, and how much probabilities vary
    around it. Take it for counts of successes that vary more than a binomial's, as of
    litters or clusters. Do not where all rows have one trial: nothing says how much
    probabilities vary then (`LogLoss`).

    Parameters
    ----------
    precision : float or "mle", default="mle"
        The sum of the shapes of the beta distribution, > 0, or "mle": it is fitted, on
        the log scale, to be constant or by features. 1 / (1 + precision) is the
        correlation of two trials of a row. Where it is best that they have none it is a
        large number, and the loss that of `BinomialTrials`.

    See Also
    --------
    BinomialTrials : No more than trials vary.
    Beta : Shares without trials.

    References
    ----------
    Williams 1975, "The analysis of binary responses from toxicological experiments
    involving reproduction and teratogenicity", Biometrics 31.

    Examples
    --------
    >>> from sklearn_losses import BetaBinomial
    >>> BetaBinomial(precision=2.0).value([[3, 1], [0, 0]], [[0.0], [0.0]]).round(2)
    array([3., 0.])
    """

    name = "beta_binomial"
    formula = "beta_binomial"
    parameters = {"precision": LogLink()}
    takes_features = ("precision",)
    convex = False
    _constraints = {"precision": FITTED}

    def __init__(self, precision: float | str = MLE) -> None:
        self.precision = precision

    def check_fit(self, y: Any, weight: Any) -> None:
        super().check_fit(y, weight)
        if self.precision == MLE and y.sum(axis=1).max() <= 1:
            raise ValueError(
                "BetaBinomial cannot fit a precision to y, which has no row with more "
                "than one trial. Use BinomialTrials()."
            )

    def frozen(self, location: Any, precision: Any, trials: Any = None) -> Any:
        """The distribution of the probability of a success, or of successes.

        Parameters
        ----------
        location, precision : ndarray or float
            As of `values_of`.
        trials : ndarray or float, default=None
            Of so many trials it is that of the number of successes.

        Returns
        -------
        frozen distribution of scipy.stats
        """
        from scipy.stats import beta, betabinom

        shapes = shapes_of(location, precision)
        return beta(*shapes) if trials is None else betabinom(trials, *shapes)

    def crps(self, y_true: ArrayLike, **values: Any) -> Array:
        """The continuous ranked probability score of the share of successes.

        Parameters
        ----------
        y_true : array-like of shape (n_samples, 2)
            Successes and failures; a row without trials scores 0.
        **values : ndarray or float
            As from `predict_distribution`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        self.check_targets(y_true)
        y = np.asarray(y_true, dtype=np.float64)
        successes, trials = y[:, 0], y.sum(axis=1)
        found = self.frozen(**values, trials=trials)
        below, total = np.zeros(len(y)), np.zeros(len(y))
        for count in range(int(trials.max(initial=0.0))):
            below += found.pmf(count)
            square = (below - (successes <= count)) ** 2
            total += np.where(count < trials, square, 0.0)
        return total / np.maximum(trials, 1.0)


def shapes_of(location, precision):
    """Those of a beta distribution, by its mean on the logit scale."""
    return precision * expit(location), precision * expit(-location)


def width_of(loss, raw):
    """That of a Beta distribution, up to the factor that its mean gives."""
    if "precision" not in loss.outputs:
        return None
    return 1.0 / np.sqrt(1.0 + loss.values_of(raw)["precision"])


def precision_at_start(mean, variance):
    """That of a mean and a variance."""
    found = mean * (1.0 - mean) / max(variance, 1e-300) - 1.0
    return np.clip(found, LEAST_PRECISION, MOST_PRECISION)
