"""What a solver takes and gives back.

A solver is made with its settings, ``solve(objective, start)`` moves the weights, and
it refuses what it cannot use: "learning_rate='pa1' cannot use Huber(), because ...".
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sklearn_losses.penalties import Penalty
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._objective import Objective


@dataclass
class SolverResult:
    """What a solver found.

    Attributes
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    n_iter : ndarray of int of shape (n_objectives,)
        The iterations of each objective, one for each output or one for all.
    converged : bool
        Whether every objective met the tolerance within the allowed iterations.
    state : dict
        What the same solver needs to go on from here.
    warnings : list of str
        What the user should know, in the estimator's name.
    curves : dict of str to ndarray of shape (n_epochs, n_objectives)
        What the fit has shown; see `Progress`.
    best_epoch : ndarray of int of shape (n_objectives,) or None
        The index of the epoch whose coefficients these are, if it was chosen.
    bound : float
        What the objective is at least, whatever the coefficients are; nan if unknown.
    value : float or None
        The objective at coef and intercept; None: nobody has computed it.
    gained : ndarray of shape (n_objectives,) or None
        By how much the objectives are below those of the best constants; None: nobody
        has computed it.
    curvature : ExactCurvature or None
        At coef and intercept, where a solver was asked to polish them.
    """

    coef: np.ndarray
    intercept: np.ndarray
    n_iter: np.ndarray
    converged: bool
    state: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    best_epoch: np.ndarray | None = None
    bound: float = np.nan
    value: float | None = None
    gained: np.ndarray | None = None
    curvature: object = None


class Stop:
    """A sign that a fit should end after the current iteration, or epoch.

    Any thread may set it, and nobody waits for it: to make an `Event`, with its locks,
    takes longer than a step of a small fit.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set


def finish(steps: Generator[Any, Any, Any]) -> Any:
    """What iterations that nobody looks at return in the end."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


class Solver:
    """Base of the solvers."""

    convex_start = False  # whether it tries a start of its own where none is given
    verifies = False  # whether it sees if an entry of X is not finite: `Rows.verify`

    def check(self, loss: Any) -> None:
        """Refuse a loss that this solver cannot use.

        Raises
        ------
        ValueError
            "cannot use X with Y, because Z", and what to do.
        """

    def check_price(self, price: Price, penalty: Penalty | str | None) -> None:
        """Refuse a penalty that this solver cannot use, with numbers and as it is.

        Raises
        ------
        ValueError
            As of `check`.
        """

    def solve(self, objective: Objective, start: Any) -> SolverResult:
        """Minimize the objective.

        Parameters
        ----------
        objective : Objective
        start : dict
            The state of an earlier result, or one that the solver makes.

        Returns
        -------
        SolverResult
        """
        raise NotImplementedError
