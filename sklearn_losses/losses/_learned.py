"""Losses whose shape is learned from data: a link, or how hard residuals pull.

Both are made of straight pieces of a slope, so that they are convex by construction,
and ordinary losses once their numbers are there.

>>> from sklearn_losses.losses import SplineLoss
>>> loss = SplineLoss(knots=(1.0,), weights=(1.0, 0.0))  # Huber's
>>> loss.value(0.0, [0.5, 3.0]), loss.gradient(0.0, [0.5, 3.0])
(array([0.125, 2.5  ]), array([0.5, 1. ]))
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._base import REAL_LINE, PointLoss
from sklearn_losses.losses._builtin import builtin
from sklearn_losses.losses._links import Link, ProbabilityLink
from sklearn_losses.losses._table import CLoss

BINARY = "binary"


def increasing(values):
    """Whether numbers are finite and grow."""
    values = np.asarray(values, dtype=np.float64)
    return bool(np.isfinite(values).all() and (np.diff(values) > 0).all())


class SplineLink(ProbabilityLink):
    """A mean that grows along straight pieces with the raw prediction.

    Beyond the knots it goes on straight; a probability nears 0 and 1 exponentially.

    Parameters
    ----------
    knots, values : tuple of float
        Raw predictions, and the means there; both grow.
    is_probability : bool
    """

    def __init__(
        self, knots: Sequence[float], values: Sequence[float], is_probability: bool
    ) -> None:
        self.knots, self.values = tuple(knots), tuple(values)
        self.is_probability = is_probability

    def _arrays(self):
        k, v = np.array(self.knots), np.array(self.values)
        return k, v, np.diff(v) / np.diff(k)

    def _pieces(self, raw):
        """All pieces, the one of each raw prediction, and how far it is along it."""
        k, v, s = self._arrays()
        j = np.clip(np.searchsorted(k, raw, side="right") - 1, 0, len(s) - 1)
        return k, v, s, j, raw - k[j]

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        raw = np.asarray(raw_prediction, dtype=np.float64)
        k, v, s, j, t = self._pieces(raw)
        found = v[j] + s[j] * t
        if self.is_probability:
            low, high = np.minimum(raw - k[0], 0.0), np.maximum(raw - k[-1], 0.0)
            left = v[0] * np.exp(s[0] * low / v[0])
            right = 1.0 - (1.0 - v[-1]) * np.exp(-s[-1] * high / (1.0 - v[-1]))
            found = np.where(raw < k[0], left, np.where(raw > k[-1], right, found))
        return found

    def link(self, prediction: ArrayLike) -> Array:
        mean = np.asarray(prediction, dtype=np.float64)
        k, v, s = self._arrays()
        j = np.clip(np.searchsorted(v, mean, side="right") - 1, 0, len(s) - 1)
        found = k[j] + (mean - v[j]) / s[j]
        if self.is_probability:
            with np.errstate(divide="ignore"):  # 0 and 1 are at the infinities
                left = k[0] + np.log(mean / v[0]) * v[0] / s[0]
                rest = (1.0 - mean) / (1.0 - v[-1])
                right = k[-1] - np.log(rest) * (1.0 - v[-1]) / s[-1]
            found = np.where(mean < v[0], left, np.where(mean > v[-1], right, found))
        return found

    def mirrored(self) -> SplineLink:
        """The link of 1 - y."""
        knots = tuple(-k for k in self.knots[::-1])
        return SplineLink(knots, tuple(1.0 - v for v in self.values[::-1]), True)

    def log_probabilities(self, raw_prediction: ArrayLike) -> tuple[Array, Array]:
        raw = np.asarray(raw_prediction, dtype=np.float64)
        with np.errstate(divide="ignore"):
            return np.log(self.mirrored().inverse(-raw)), np.log(self.inverse(raw))


class LearnedLink(PointLoss):
    """The loss that matches a monotone link, which a fit learns.

    With the link's inverse mu, a spline that grows, it is G(p) - y p + const with
    G' = mu: convex, with a certificate, and least where mu(p) is the mean of y. A
    logistic or linear model with a wrong link is biased, and its probabilities are off;
    here the link is what the data say.

    `LinearRegressor` and `LinearClassifier` learn it where `values` is None:
    coefficients and then the spline of y on p, in turns, which begins with the log loss
    or the squared error. The fitted `loss_` has the numbers, and is a loss like any
    other.

    It estimates the mean of y, the probability of y = 1 with two classes. Take it where
    one direction in X decides, and how is not known: saturated doses, guesses of a
    test, probabilities that end at 0.9. Do not with few rows (less than 50 for a knot),
    or where the logit is right: it costs some precision then.

    Parameters
    ----------
    n_knots : int, default=8
        How many there are, at quantiles of the raw predictions.
    task : {"binary", "regression"}, default="binary"
    knots, values : tuple of float, default=None
        Raw predictions and the means there, which grow. None, of both: they are
        learned.

    See Also
    --------
    LogLoss : The link is the logit.
    SplineLoss : How hard residuals pull is learned.

    References
    ----------
    Auer, Herbster and Warmuth 1996, "Exponentially many local minima for single
    neurons", NIPS, for matching losses; Kakade, Kalai, Kanade and Shamir 2011,
    "Efficient learning of generalized linear and single index models", NIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LearnedLink, LinearClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(4000, 2))
    >>> guessed = 0.25 + 0.75 / (1 + np.exp(-3 * (X @ [1.0, -1.0])))
    >>> y = rng.random(4000) < guessed
    >>> model = LinearClassifier(LearnedLink()).fit(X, y)
    >>> model.loss_.inverse_link([-3.0]).round(1)  # nobody does worse than guessing
    array([0.2])
    """

    convex = True
    differentiable = True
    symmetric = False
    _constraints = {
        "n_knots": [Interval(2, None, "left", integer=True)],
        "task": [Options("binary", "regression")],
    }

    def __init__(
        self,
        n_knots: int = 8,
        task: str = BINARY,
        knots: Sequence[float] | None = None,
        values: Sequence[float] | None = None,
    ) -> None:
        self.n_knots = n_knots
        self.task = task
        self.knots = knots
        self.values = values

    @property
    def needs_link(self) -> bool:
        return self.values is None

    @property
    def estimates(self) -> str:
        return "probability" if self.task == BINARY else "mean"

    @property
    def probabilistic(self) -> bool:
        return self.task == BINARY

    proper = probabilistic

    @property
    def domain(self) -> Interval:
        return Interval(0, 1, "both") if self.task == BINARY else REAL_LINE

    @property
    def link(self) -> Link:
        self._check()
        return SplineLink(self.knots, self.values, self.task == BINARY)

    @property
    def lipschitz(self) -> float:
        return 1.0 if self.task == BINARY else np.inf

    @property
    def smoothness(self) -> float:
        return float(self.link._arrays()[2].max())

    def compiled(self) -> CLoss:
        self._check()
        name = "learned_probability" if self.task == BINARY else "learned_number"
        return builtin(name, tuple(self._c_parameters()))

    def _c_parameters(self):
        """How many knots, and what `_formulas.learned` reads of each."""
        k, v, rises = self.link._arrays()
        found = [[len(k)], k, v, rises, rises[-1:]]
        if self.task == BINARY:
            areas = 0.5 * (v[1:] + v[:-1]) * np.diff(k)
            above = 0.5 * (2.0 - v[1:] - v[:-1]) * np.diff(k)
            low, high = v[0] ** 2 / rises[0], (1.0 - v[-1]) ** 2 / rises[-1]
            found += [np.cumsum([low, *areas]), np.cumsum([high, *above[::-1]])[::-1]]
        return map(float, np.concatenate(found))

    def check_to_learn(self) -> None:
        """Refuse parameters with which no link can be learned."""
        check_parameters(self, self._constraints)
        if self.knots is not None:
            raise InvalidParameterError(
                "The 'knots' parameter of LearnedLink needs values: knots are learned "
                f"with them. Got {self.knots!r} alone; use n_knots, or pass both."
            )

    def _check(self):
        if self.needs_link:
            raise InvalidParameterError(
                f"{self!r} has no values yet, because its link is learned by "
                "LinearRegressor and LinearClassifier. Use the loss_ of a fitted model."
            )
        knots, values = np.ravel(self.knots), np.ravel(self.values)
        if len(knots) != len(values) or len(knots) < 2:
            raise InvalidParameterError(
                "The 'knots' and 'values' parameters of LearnedLink must be as many, "
                f"at least 2. Got {len(knots)} and {len(values)}."
            )
        if not (increasing(knots) and increasing(values)):
            raise InvalidParameterError(
                "The 'knots' and 'values' parameters of LearnedLink must be finite and "
                f"grow. Got {self.knots!r} and {self.values!r}."
            )
        if self.task == BINARY and not (values[0] > 0 and values[-1] < 1):
            raise InvalidParameterError(
                "The 'values' parameter of LearnedLink must be probabilities between 0 "
                f"and 1, without the ends. Got {self.values!r}."
            )

    def _minimum(self, y_true):
        found, here = np.zeros(len(y_true)), (y_true > 0) & (y_true < 1)
        if self.task == BINARY:
            raw = self.link.link(y_true[here])
            found[here] = self.value(y_true[here], raw)
        return found

    def _optimal_constant(self, y_true, sample_weight):
        return float(self.link.link(np.average(y_true, weights=sample_weight)))


class SplineLoss(PointLoss):
    """A loss of residuals whose pull grows along straight pieces.

    The slope at a residual r is sign(r) times the sum over the pieces of
    ``weights[j]`` and the length of abs(r) in piece j; the last goes on for ever. With
    weights >= 0 it is convex, and it is any symmetric one as well as knots can tell:
    (1, 0) is Huber's, (1,) the squared error, weights that fall are between.

    It estimates something between the mean and the median. Take it to learn how hard
    residuals should pull, by `TunedRegressor` with ``tune={"loss__weights": "log"}``
    and a metric of your own. Do not with few rows: a loss with a name has one or two
    numbers.

    Parameters
    ----------
    knots : tuple of float, default=(0.5, 1.0, 2.0, 4.0)
        Sizes of residuals, > 0 and growing, in units of y.
    weights : tuple of float, default=(1.0, 0.8, 0.5, 0.2, 0.05)
        The curvature up to each knot, and beyond the last, >= 0; one more than knots.

    See Also
    --------
    Huber : Two pieces.
    LearnedLink : What is learned is the mean.

    Examples
    --------
    >>> from sklearn_losses import SplineLoss
    >>> SplineLoss(knots=(1.0, 2.0), weights=(1.0, 0.5, 0.0)).gradient(0.0, [1.0, 9.0])
    array([1. , 1.5])
    """

    _constraints = {}

    def __init__(
        self,
        knots: Sequence[float] = (0.5, 1.0, 2.0, 4.0),
        weights: Sequence[float] = (1.0, 0.8, 0.5, 0.2, 0.05),
    ) -> None:
        self.knots = knots
        self.weights = weights

    @property
    def lipschitz(self) -> float:
        _, weights, at = self._pieces()
        return float(at[-1]) if weights[-1] == 0 else np.inf

    @property
    def smoothness(self) -> float:
        return float(max(self.weights))

    @property
    def estimates(self) -> str:
        weights = np.ravel(self.weights)
        return "mean" if np.all(weights == weights[0]) else super().estimates

    def compiled(self) -> CLoss:
        self._check()
        return builtin("spline", tuple(self._c_parameters()))

    def _c_parameters(self):
        """How many pieces, and what `_formulas.learned` reads of each."""
        starts, weights, slopes = self._pieces()
        length, rises = np.diff(starts), np.diff(slopes)
        areas = np.cumsum([0.0, *(0.5 * (slopes[1:] + slopes[:-1]) * length)])
        of_conjugate = np.cumsum([0.0, *(0.5 * (starts[1:] + starts[:-1]) * rises)])
        columns = starts, weights, slopes, areas, of_conjugate
        return map(float, np.concatenate([[len(starts)], *columns]))

    def _check(self):
        knots, weights = np.ravel(self.knots), np.ravel(self.weights)
        if not (increasing(knots) and (len(knots) == 0 or knots[0] > 0)):
            raise InvalidParameterError(
                "The 'knots' parameter of SplineLoss must be numbers > 0 that grow. "
                f"Got {self.knots!r}."
            )
        if len(weights) != len(knots) + 1:
            raise InvalidParameterError(
                "The 'weights' parameter of SplineLoss must be one more than the "
                f"knots, {len(knots) + 1}. Got {len(weights)}."
            )
        is_right = np.isfinite(weights).all() and (weights >= 0).all()
        if not (is_right and weights.any()):
            raise InvalidParameterError(
                "The 'weights' parameter of SplineLoss must be numbers >= 0, not all "
                f"of them 0. Got {self.weights!r}."
            )

    def _pieces(self):
        """Where each begins, its curvature, and the slope there."""
        starts = np.append(0.0, np.ravel(self.knots))
        weights = np.ravel(self.weights).astype(np.float64)
        return (
            starts,
            weights,
            np.append(0.0, np.cumsum(weights[:-1] * np.diff(starts))),
        )
