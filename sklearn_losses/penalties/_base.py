"""The contract of penalties: objects with parameters, which `price` makes numbers of.

>>> from sklearn_losses import L1, L2
>>> print(L1() + 0.1 * L2())
L1() + 0.1 * L2()
>>> (L1() + 0.1 * L2()).value([3.0, -4.0], alpha=2.0)
np.float64(16.5)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_losses._machine._params import (
    Instance,
    Interval,
    InvalidParameterError,
    check_parameter,
    check_parameters,
    refuse_negative,
)
from sklearn_losses._machine._typing import Array, ArrayLike, BaseEstimator, Weights
from sklearn_losses.penalties._names import has_names
from sklearn_losses.penalties._price import Price

# What `weights` may be is seen when there are features.
WEIGHTS = [
    Instance(object, "an array of numbers >= 0, a dict of name to number or None")
]

STRENGTH = [Interval(0, None, "left")]


class Penalty(BaseEstimator):
    """Base of the penalties.

    The penalty of coefficients is alpha times what the class says; alpha is that of the
    estimator.
    """

    _constraints: dict[str, list[Any]] = {}
    __array_ufunc__ = None  # array * penalty is an error, not an array of penalties

    def _price(
        self, alpha: float, n_features: int, names: Sequence[str] | None
    ) -> Price:
        """`price`, of parameters that have been checked."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise unless all parameters may have their values, whatever the features are.

        Raises
        ------
        InvalidParameterError
        """
        check_parameters(self, self._constraints)

    def price(
        self, alpha: float, n_features: int, names: Sequence[str] | None = None
    ) -> Price:
        """The penalty with numbers, as solvers read it.

        Parameters
        ----------
        alpha : float
            >= 0.
        n_features : int
        names : sequence of str, default=None
            Of the features, if they have some.

        Returns
        -------
        Price

        Raises
        ------
        InvalidParameterError
            If a parameter does not suit the features.
        """
        self.check()
        found = self._price(alpha, n_features, names)
        return found if alpha > 0 else Price()

    def value(self, coef: ArrayLike, alpha: float = 1.0) -> float:
        """The penalty of coefficients.

        Parameters
        ----------
        coef : array-like of shape (n_features,) or (n_outputs, n_features)
            A Series may have names of features.
        alpha : float, default=1.0

        Returns
        -------
        float
        """
        price, coef = self._price_at(alpha, coef)
        return price.value(np.atleast_2d(coef)).sum()

    def prox(self, coef: ArrayLike, alpha: float = 1.0) -> Array:
        """The proximal operator: argmin over w of |w - coef|^2 / 2 + penalty(w).

        Parameters
        ----------
        coef : array-like of shape (n_features,) or (n_outputs, n_features)
        alpha : float, default=1.0

        Returns
        -------
        ndarray of the same shape

        Raises
        ------
        ValueError
            If it has no closed form, as of a matrix together with an l1 norm.
        """
        price, coef = self._price_at(alpha, coef)
        return price.prox(np.atleast_2d(coef), 1.0).reshape(coef.shape)

    def _price_at(self, alpha, coef):
        check_parameter(type(self).__name__, "alpha", alpha, STRENGTH)
        names = list(coef.index) if has_names(coef) else None
        coef = _coefficients(coef)
        return self.price(float(alpha), coef.shape[-1], names), coef

    def __mul__(self, weight: float) -> WeightedPenalty:
        if not STRENGTH[0].allows(weight):
            return NotImplemented
        return WeightedPenalty(self, weight)

    __rmul__ = __mul__

    def __add__(self, other: Penalty) -> PenaltySum:
        return PenaltySum(self, other) if isinstance(other, Penalty) else NotImplemented

    def __str__(self) -> str:
        return repr(self)


def _coefficients(coef):
    """Coefficients as an array of one or two dimensions."""
    try:
        found = np.asarray(coef, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"coef must be an array of numbers. Got {coef!r}.") from None
    if found.ndim not in (1, 2):
        raise ValueError(
            "coef must have the shape (n_features,) or (n_outputs, n_features). Got "
            f"the shape {found.shape}."
        )
    return found


class FeaturePenalty(Penalty):
    """Base of penalties with a weight for each feature.

    Parameters
    ----------
    weights : array-like of shape (n_features,), or dict of name to float, default=None
        Each >= 0. None: all are 1.
    """

    _constraints = {"weights": WEIGHTS}

    def __init__(self, weights: Weights = None) -> None:
        self.weights = weights

    def _weights(self, n_features, names):
        """The weight of each feature, or 1.0 where all are."""
        if self.weights is None:
            return 1.0
        owner = type(self).__name__
        if isinstance(self.weights, Mapping) or has_names(self.weights):
            return weights_by_name(owner, dict(self.weights), names)
        return numbers(owner, "weights", self.weights, n_features, "features")


def numbers(owner, name, values, n, what):
    """An array of n numbers >= 0.

    Raises
    ------
    InvalidParameterError
    """
    start = f"The {name!r} parameter of {owner}"
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidParameterError(
            f"{start} must be numbers >= 0, one for each of the {what}. "
            f"Got {values!r} instead."
        ) from None
    if found.shape != (n,):
        raise InvalidParameterError(
            f"{start} must have the shape ({n},), one number for each of the {what}. "
            f"Got the shape {found.shape}."
        )
    refuse_negative(found, start, name, InvalidParameterError)
    return found


def weights_by_name(owner, weights, names):
    """The weight of each feature from a dict; those that it leaves out have 1.

    Raises
    ------
    InvalidParameterError
    """
    if names is None:
        raise InvalidParameterError(
            f"The 'weights' parameter of {owner} has names, and X has none. Use a "
            "DataFrame (of coefficients a Series), or an array with a weight for each "
            "feature."
        )
    place = {name: j for j, name in enumerate(names)}
    unknown = [name for name in weights if name not in place]
    if unknown:
        raise InvalidParameterError(
            f"The 'weights' parameter of {owner} has a weight for {unknown[0]!r}, and "
            f"X has no such feature. Its features are {', '.join(map(str, names))}."
        )
    found = np.ones(len(names))
    for name, weight in weights.items():
        if not STRENGTH[0].allows(weight):
            raise InvalidParameterError(
                f"The 'weights' parameter of {owner} must be finite and >= 0: "
                f"weights[{name!r}] is {weight!r}."
            )
        found[place[name]] = weight
    return found


A_PENALTY = [Instance(Penalty, "a penalty such as L1()")]


class WeightedPenalty(Penalty):
    """A penalty times a number, as ``0.1 * L2()``.

    Parameters
    ----------
    penalty : Penalty
    weight : float
        >= 0.
    """

    _constraints = {"penalty": A_PENALTY, "weight": STRENGTH}

    def __init__(self, penalty: Penalty, weight: float) -> None:
        self.penalty = penalty
        self.weight = weight

    def check(self) -> None:
        super().check()
        self.penalty.check()

    def _price(self, alpha, n_features, names):
        return self.penalty.price(self.weight * alpha, n_features, names)

    def __str__(self) -> str:
        inner = str(self.penalty)
        is_sum = isinstance(self.penalty, PenaltySum)
        return f"{self.weight} * ({inner})" if is_sum else f"{self.weight} * {inner}"


class PenaltySum(Penalty):
    """The sum of two penalties, as ``L1() + Tikhonov(matrix)``.

    At most one of them may couple coefficients by a norm, or be not convex.

    Parameters
    ----------
    left, right : Penalty
    """

    _constraints = {"left": A_PENALTY, "right": A_PENALTY}

    def __init__(self, left: Penalty, right: Penalty) -> None:
        self.left = left
        self.right = right

    def check(self) -> None:
        super().check()
        self.left.check()
        self.right.check()

    def _price(self, alpha, n_features, names):
        left, right = (
            part.price(alpha, n_features, names) for part in (self.left, self.right)
        )
        try:
            return left + right
        except ValueError as error:
            raise InvalidParameterError(
                f"The penalty {self} cannot be used, because it {error}: there is no "
                "proximal operator of both in closed form. Use one of them."
            ) from None

    def __str__(self) -> str:
        return f"{self.left} + {self.right}"
