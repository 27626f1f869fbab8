"""Losses of a location whose parameters are fitted, as likelihoods with constants.

``StudentT(df="mle")`` has no values: estimators fit the likelihood that stands
here, which has an output for each parameter, and publishes a `StudentT` of numbers.

>>> from sklearn_losses.losses import StudentT
>>> StudentT(df="mle").to_fit().outputs
('location', 'df')
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError, check_parameters
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._base import Loss
from sklearn_losses.losses._distributions import (
    DF,
    least_df,
    other_tails,
    start_of_centre,
)
from sklearn_losses.losses._links import Link, LogitLink, LogLink
from sklearn_losses.losses._outputs import MLE, Likelihood, start_of_location
from sklearn_losses.losses._regression import AbsoluteError

AT_END = 1e-6  # of a parameter with two ends: from so near on it is one of them
SAME = 1e-6  # of y: targets that differ by less have no noise that could be fitted


class ScaledLogitLink(Link):
    """low + width expit(raw).

    Parameters
    ----------
    low, width : float
    """

    def __init__(self, low: float, width: float) -> None:
        self.low, self.width = low, width

    def link(self, prediction: ArrayLike) -> Array:
        share = (np.asarray(prediction, dtype=np.float64) - self.low) / self.width
        with np.errstate(divide="ignore"):
            return LogitLink().link(share)

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return self.low + self.width * LogitLink().inverse(raw_prediction)


class Fitted(Likelihood):
    """The likelihood of a loss with parameters that are "mle".

    Parameters
    ----------
    of : Loss
    """

    convex = False

    def __init__(self, of: Loss) -> None:
        self.of = of

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        return repr(self.of)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).parameters:
            return getattr(self.of, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @property
    def domain(self) -> Any:
        return self.of.domain

    @property
    def link(self) -> Any:
        return self.of.link

    def compiled(self) -> Any:
        check_parameters(self.of, self.of._constraints)
        return super().compiled()

    def with_parameters(self, **numbers: Any) -> Any:
        known = self.of.get_params(deep=False)
        return self.of.with_parameters(**{k: numbers[k] for k in numbers if k in known})

    def _to_end(self, value, low, high):
        """A parameter that is as good as at an end."""
        return low if value < low + AT_END else high if value > high - AT_END else value


class FittedStudentT(Fitted):
    """That of `StudentT`."""

    formula = "student"
    symmetric = True
    parameters = {"scale": LogLink(), "df": LogLink()}
    least_df = staticmethod(least_df)

    def first(self) -> Any:
        return AbsoluteError()

    def _start(self, y, weight):
        return *start_of_centre(y[:, 0], weight), np.log(DF)

    def rivals(self, start: Array) -> list[Array]:
        """Tails of other lengths."""
        return other_tails(self, start)


class FittedBarron(Fitted):
    """That of `Barron`, 0 <= alpha <= 2: below 0 it has no density."""

    formula = "barron"
    symmetric = True
    parameters = {"scale": LogLink(), "alpha": ScaledLogitLink(0.0, 2.0)}

    def first(self) -> Any:
        return AbsoluteError()

    def compiled(self) -> Any:
        if self.alpha != MLE and not 0.0 <= self.alpha <= 2.0:
            raise InvalidParameterError(
                f"{self!r} has no likelihood: with scale='mle' alpha must be 'mle' or "
                f"in [0, 2]. Got {self.alpha!r}."
            )
        return super().compiled()

    def _start(self, y, weight):
        return *start_of_centre(y[:, 0], weight), 0.0

    def with_parameters(self, **numbers: Any) -> Any:
        if "alpha" in numbers:
            numbers["alpha"] = self._to_end(numbers["alpha"], 0.0, 2.0)
        return super().with_parameters(**numbers)


class FittedTweedie(Fitted):
    """That of `Tweedie`, 1 < power < 2, with a dispersion that is not published."""

    formula = "tweedie"
    parameters = {"dispersion": LogLink(), "power": ScaledLogitLink(1.0, 1.0)}
    dispersion = MLE

    def check_fit(self, y: Any, weight: Any) -> None:
        if np.ptp(y) <= SAME * y.max():
            of = "every row" if len(y) > 1 else "its one sample"
            raise ValueError(
                f"{self!r} cannot fit a power to y, which is {y[0, 0]:.6g} in {of}. "
                "Give it a number: power=1.5."
            )

    def _start(self, y, weight):
        mean, log_deviation = start_of_location(y[:, 0], weight)
        return np.log(mean), 2.0 * log_deviation - 1.5 * np.log(mean), 0.0


def refuse_unfitted(loss):
    """Raise if a parameter is "mle", which has no values before a fit."""
    for name in loss._constraints:
        if getattr(loss, name) == MLE:
            raise InvalidParameterError(
                f"{loss!r} has no values yet, because {name}='mle' is fitted, as "
                "by LinearRegressor. Use the loss_ of a fitted model, or a number."
            )
