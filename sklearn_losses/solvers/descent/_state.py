"""What a descent knows: where it began, where it is, and the step it considers."""

import math
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from sklearn_losses.solvers.descent._problem import Swept


@dataclass(frozen=True)
class Start:
    """What is known of an objective before the first step.

    Attributes
    ----------
    at_constant, lowest : float
        The loss of the best constant, and its infimum.
    typical : float
        A curvature: the slope of a row at the constant, over how far off that is.
    rounding : float
        So small a gain is no more than rounding.
    """

    at_constant: float
    lowest: float
    typical: float
    rounding: float

    @cached_property
    def possible(self):
        """What there is to gain over the constant, at the most."""
        return self.at_constant - self.lowest

    @cached_property
    def is_perfect(self):
        """Whether there is nothing to gain."""
        return self.possible <= self.rounding < math.inf


@dataclass
class State:
    """Where a descent is. `Descent` alone changes it.

    Attributes
    ----------
    theta, raw : ndarray
        The point, and its raw predictions.
    ahead : Swept or None
        What a pass has seen there already.
    known_sums : ndarray of shape (n_features,) or None
        The sum of the slopes there times the features, if that is all that is known.
    seen, seen_at : Swept, ndarray, or None
        What the last pass at a point has seen, and the point.
    value, excess : float
        Of the objective there, and what smoothing adds to it.
    pending : float or None
        The length of the step to a point that nobody has seen yet.
    reached, shown, step_size : float, ndarray, float
        The value of the last point that was seen, the point, the step to it.
    best, kept : float, ndarray
        The least value without smoothing, and where it was.
    n_iterations : int
    converged : bool
    """

    theta: np.ndarray | None = None
    raw: np.ndarray | None = None
    ahead: Swept | None = None
    known_sums: np.ndarray | None = None
    seen: Swept | None = None
    seen_at: np.ndarray | None = None
    value: float = math.inf
    excess: float = 0.0
    pending: float | None = None
    reached: float = math.inf
    shown: np.ndarray | None = None
    step_size: float = 0.0
    best: float = math.inf
    kept: np.ndarray | None = None
    n_iterations: int = 0
    converged: bool = False

    def begin(self, theta, raw):
        """Be at the best constant."""
        self.theta, self.raw, self.kept, self.pending = theta, raw, theta, 0.0

    def arrive(self, theta, value, step_size):
        """See a point, and keep the best one by the objective without smoothing."""
        self.shown, self.reached, self.step_size = theta, value, step_size
        self.pending = None
        if value < self.best:
            self.keep(theta, value)

    def keep(self, theta, value):
        """Take a point for the best one."""
        self.best, self.kept = value, theta


@dataclass
class Step:
    """A step to the minimum of a model.

    Attributes
    ----------
    new, delta : ndarray
        Where it leads, and how far that is.
    slope : float
        Of the objective at its beginning.
    promised, predicted : float
        What it gains by the model, and that if it is not more than there is to gain.
    allowed : float
        What may be left to gain, by who says when to stop.
    is_enough : bool
        Whether it may be the last one.
    direction : ndarray
        What it adds to raw predictions.
    ahead : Swept or None
        What a pass has seen at its end.
    length : float
        How far to go, as a share of it.
    slope_left : float
        Of the objective there.
    """

    new: np.ndarray
    delta: np.ndarray
    slope: float
    promised: float
    predicted: float
    allowed: float = 0.0
    is_enough: bool = False
    direction: np.ndarray | None = None
    ahead: Swept | None = None
    length: float = 0.0
    slope_left: float = math.inf


class Verdict(Enum):
    """How to go on, where it is not by the next part of an iteration."""

    AGAIN = "with another iteration"
    ARRIVED = "not at all: the descent has converged"
    ARRIVED_SHOWN = "not at all, after somebody has seen where it has converged"
    GIVEN_UP = "not at all: nothing leads on"
