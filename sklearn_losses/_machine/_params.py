"""What a parameter may be, and the sentence that refuses anything else.

Constraints are declared beside the parameters and read when they are used, never in
``__init__``, so that ``set_params`` and ``clone`` stay free of checks:

>>> from sklearn_losses._machine._params import Interval, check_parameter
>>> check_parameter("Huber", "delta", 1.5, [Interval(0, None, "neither")])
"""

from __future__ import annotations

import difflib
import inspect
import math
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

import numpy as np

from sklearn_losses._machine._arrays import all_between
from sklearn_losses._machine._typing import ArrayLike, NDArray

_LARGEST = np.finfo(np.float64).max


class InvalidParameterError(ValueError, TypeError):
    """A parameter has a value that it may not have, or a type that it may not have."""


class Interval:
    """An interval of the real line, or of the integers.

    Parameters
    ----------
    low, high : float or None
        The ends; None means unbounded.
    closed : {"both", "left", "right", "neither"}, default="neither"
        Which of the finite ends belong to the interval.
    integer : bool, default=False
        Whether only integers belong to it.
    """

    def __init__(
        self,
        low: float | None,
        high: float | None,
        closed: str = "neither",
        *,
        integer: bool = False,
    ) -> None:
        if closed not in ("both", "left", "right", "neither"):
            raise ValueError(
                "closed must be 'both', 'left', 'right' or 'neither'. Got "
                f"{closed!r} instead."
            )
        self.low: float = -np.inf if low is None else low
        self.high: float = np.inf if high is None else high
        if not self.low <= self.high:
            raise ValueError(
                f"low must not be above high. Got {low!r} and {high!r} instead."
            )
        self.closed = closed
        self.integer = integer

    @property
    def _has_low(self):
        return self.closed in ("both", "left")

    @property
    def _has_high(self):
        return self.closed in ("both", "right")

    def contains(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` lie inside; nan never does, nor does an infinity.

        Parameters
        ----------
        values : array-like of float

        Returns
        -------
        ndarray of bool, of the same shape
        """
        values = np.asarray(values)
        above = values >= self.low if self._has_low else values > self.low
        below = values <= self.high if self._has_high else values < self.high
        inside = above & below & np.isfinite(values)
        return inside & (values == np.floor(values)) if self.integer else inside

    def contains_all(self, values: NDArray[Any]) -> bool:
        """Whether all of `values` lie inside: `contains` in one pass.

        Parameters
        ----------
        values : ndarray of float

        Returns
        -------
        bool
        """
        if values.dtype not in (np.float32, np.float64) or not values.flags.contiguous:
            return bool(np.all(self.contains(values)))
        return all_between(values.reshape(-1), *self.limits())

    def limits(self) -> tuple[float, float, bool]:
        """The least and the largest double inside, and whether it has to be an int."""
        low, high = max(self.low, -_LARGEST), min(self.high, _LARGEST)
        if low == self.low and not self._has_low:
            low = math.nextafter(low, math.inf)
        if high == self.high and not self._has_high:
            high = math.nextafter(high, -math.inf)
        return low, high, self.integer

    def __and__(self, other: Interval) -> Interval:
        """The interval of the numbers that lie in both."""
        left, right = (
            max(self, other, key=lambda i: (i.low, not i._has_low)),
            min(self, other, key=lambda i: (i.high, i._has_high)),
        )
        ends = left._has_low, right._has_high
        names = {(True, True): "both", (True, False): "left", (False, True): "right"}
        return Interval(
            left.low,
            right.high,
            names.get(ends, "neither"),
            integer=self.integer or other.integer,
        )

    def allows(self, value: object) -> bool:
        """Whether a parameter may have this value."""
        if type(value) is not (int if self.integer else float):  # mostly it is
            kind = Integral if self.integer else Real
            if not isinstance(value, kind) or isinstance(value, (bool, np.bool_)):
                return False
        try:
            number = float(value)
        except OverflowError:  # an int that no float can hold
            return False
        # As in `contains`, which takes ten times as long for a single number.
        above = self.low < number or (self.low == number and self._has_low)
        below = number < self.high or (number == self.high and self._has_high)
        return above and below and math.isfinite(number)

    def __str__(self) -> str:
        left = "[" if self._has_low else "("
        right = "]" if self._has_high else ")"
        number = (lambda x: str(x)) if self.integer else (lambda x: str(float(x)))
        return f"{left}{number(self.low)}, {number(self.high)}{right}"

    def __repr__(self) -> str:
        low, high = (end if np.isfinite(end) else None for end in (self.low, self.high))
        integer = ", integer=True" if self.integer else ""
        return f"Interval({low!r}, {high!r}, {self.closed!r}{integer})"

    def wanted(self) -> str:
        """What a number that has to lie inside must be, in words."""
        is_binary = self.integer and (self.low, self.high) == (0, 1)
        if is_binary:
            return "to be 0 or 1"
        return f"to be an integer in {self}" if self.integer else f"in {self}"

    def describe(self) -> str:
        kind = "an int" if self.integer else "a float"
        return f"{kind} in the range {self}"


class Exactly:
    """One number, such as -inf, that no interval contains."""

    def __init__(self, number):
        self.number = number

    def allows(self, value):
        return isinstance(value, Real) and value == self.number

    def describe(self):
        return str(self.number)


class Options:
    """One of a few strings."""

    def __init__(self, *names):
        self.names = names

    def allows(self, value):
        return isinstance(value, str) and value in self.names

    def describe(self):
        return "a str among {" + ", ".join(repr(n) for n in self.names) + "}"


class Instance:
    """An instance of a type, described in words."""

    def __init__(self, types, words):
        self.types = types
        self.words = words

    def allows(self, value):
        return isinstance(value, self.types)

    def describe(self):
        return self.words


class Nothing:
    """None."""

    def allows(self, value):
        return value is None

    def describe(self):
        return "None"


BOOLEAN = Instance((bool, np.bool_), "a bool")
NONE = Nothing()

SEED = [
    Interval(0, 2**32 - 1, "both", integer=True),
    Instance(np.random.RandomState, "a numpy.random.RandomState"),
    NONE,
]
N_JOBS = [
    Interval(1, None, "left", integer=True),
    Interval(None, -1, "right", integer=True),
    NONE,
]


def check_parameter(owner, name, value, constraints):
    """Raise unless one of the constraints allows the value.

    Parameters
    ----------
    owner : str
        Whose parameter it is: the name of a class.
    name : str
        The parameter.
    value : object
        What it was set to.
    constraints : list of constraint
        At least one of them has to allow the value.

    Raises
    ------
    InvalidParameterError
        A ValueError and a TypeError; it says what was got and what is allowed.
    """
    for constraint in constraints:  # `any` would take three times as long
        if constraint.allows(value):
            return
    *others, last = (constraint.describe() for constraint in constraints)
    allowed = f"{', '.join(others)} or {last}" if others else last
    raise InvalidParameterError(
        f"The {name!r} parameter of {owner} must be {allowed}. "
        f"Got {value!r} instead.{_closest(value, constraints)}"
    )


def _closest(value, constraints):
    names = [n for c in constraints if isinstance(c, Options) for n in c.names]
    close = difflib.get_close_matches(str(value).lower(), names) if names else []
    return f" Did you mean {close[0]!r}?" if close else ""


def refuse_negative(array, owner, name, error):
    """Raise an error that names the first number that is not finite and >= 0.

    Parameters
    ----------
    array : ndarray of float
    owner : str
        What the message begins with: the array in words.
    name : str
        The array.
    error : type of exception
    """
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        raise error(
            f"{owner} must be finite and >= 0: {name}[{bad[0]}] is {array[bad[0]]}."
        )


def check_parameters(holder, constraints):
    """check_parameter for the parameters of an object, which are its attributes.

    Parameters
    ----------
    holder : object
    constraints : dict of str to list of constraint
        A parameter that is missing here is not checked.
    """
    cls = type(holder)
    its_own, known = _allowed_defaults(cls)
    known = known if constraints is its_own else {}
    for name, allowed in constraints.items():
        value = getattr(holder, name)
        # Most are the default itself. To check all would be a tenth of a small fit.
        if name not in known or value is not known[name]:
            check_parameter(cls.__name__, name, value, allowed)


@lru_cache(maxsize=256)
def _allowed_defaults(cls):
    """The constraints that a class declares, and its defaults that they allow."""
    parameters = inspect.signature(cls).parameters
    constraints = getattr(cls, "_constraints", {})
    return constraints, {
        name: parameters[name].default
        for name, allowed in constraints.items()
        if name in parameters
        and any(c.allows(parameters[name].default) for c in allowed)
    }
