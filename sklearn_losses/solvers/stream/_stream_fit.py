"""One objective of a stream: its rows that are here, with a memory of the others.

What is minimised is a sum: the losses of the rows, smoothed at kinks, the quadratic
function that stands for rows that are gone (_stream_memory.py), and the penalty. It is
a `Descent` that stops early, for the next rows will move the minimum anyway.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from sklearn_losses.solvers.descent._curvature import JITTER
from sklearn_losses.solvers.descent._descent import Descent, Limits
from sklearn_losses.solvers.descent._models import Models
from sklearn_losses.solvers.descent._problem import CentredProblem
from sklearn_losses.solvers.descent._smoothing import Smoothing
from sklearn_losses.solvers.descent._state import Verdict
from sklearn_losses.solvers.descent._stopping import Stopping
from sklearn_losses.solvers.stream._settings import STREAM
from sklearn_losses.terms._points import PointTerm
from sklearn_losses.terms._rows import SteppedRowTerm, row_term
from sklearn_losses.terms._term import ALL

NO_LIMITS = Limits(math.inf, 0.0)


def stream_term(objective, y, weight, offset=None, k=0):
    """The term of rows of a stream, of output k if each has an objective of its own.

    Kinks of any loss are smoothed.
    """
    loss = objective.loss_of(k)
    if not objective.is_joint:
        offset = None if offset is None else offset[:, 0].copy()
        return PointTerm(loss, y, weight, offset=offset)
    has_kinks = not loss.differentiable and getattr(loss, "softened", None) is None
    kind = SteppedRowTerm if has_kinks else row_term
    return kind(loss, y, weight, objective.n_outputs, offset)


def typical_residual(term, raw):
    """The loss over its slope at raw predictions: how far off they are, about.

    A loss that is not convex may have no slope at all where it is far off. Its convex
    relative has one.
    """
    value = term.value(raw) - term.minimum()
    slopes = np.abs((term.relative or term).slopes(raw, 0.0)).sum()
    return min(max(value / max(slopes, 1e-300), 1e-150), 1e150)


def refuse_infinite(loss, *values):
    """Raise an error if a loss of points is infinite at all that has been tried.

    Of several outputs few rows may leave no finite constant, as one of a variance.
    """
    if loss.granularity == "point" and not any(map(math.isfinite, values)):
        raise ValueError(
            f"{loss!r} of these rows overflows float64 at their best constant. Divide "
            "y by a large number, or set the parameters of the loss."
        )


def curvatures(term, raw, h):
    """Those of each row, of shape (n_rows,) or (n_rows, n_outputs, n_outputs)."""
    if term.couples_outputs:
        return term.hessians(raw, h, ALL)
    return term.model(raw, h).curvatures


def mean_curvature(each):
    """That of a row and an output."""
    if each.ndim == 1:
        return each.mean()
    return np.einsum("nkk->", each) / each[:, 0].size


class FixedWidth(Smoothing):
    """A smoothing that stays as it is."""

    def __init__(self, width):
        super().__init__()
        self.width, self.has_widened = width, True

    def jitter(self, problem, seen, curvature):
        """More where a loss is steep and has no curvature."""
        typical = seen.steepness / problem.term.unit
        if curvature < STREAM.no_curvature * typical:
            return STREAM.more_jitter * typical
        return JITTER * curvature if self.width > 0 else 0.0


class Patience(Stopping):
    """Until a model offers less than the next rows will change, or for some steps.

    Parameters
    ----------
    most : int
        The steps.
    share : float
        Of the loss of a row may be left to gain.
    stake : float
        The mean loss of a row with a constant prediction.
    """

    def __init__(self, most, share, stake):
        self.most, self.share, self.stake = most, share, stake

    def may_go_on(self, descent):
        return descent.state.n_iterations < self.most

    def judge_model(self, descent, step):
        seen, term = descent.state.seen, descent.problem.term
        of_row = seen.steepness / len(term.y) * term.unit
        step.allowed = max(self.share * of_row, STREAM.enough * self.stake)
        step.is_enough = step.predicted <= step.allowed

    def judge_failure(self, descent, step):
        if step.is_enough:
            return Verdict.ARRIVED
        return Verdict.AGAIN if descent.model.damp() else Verdict.GIVEN_UP

    def judge_move(self, descent, step):
        is_last = step.is_enough and step.length >= STREAM.shortest_last
        return Verdict.ARRIVED if is_last else None


@dataclass(frozen=True)
class StreamFit:
    """One objective: its rows that are here, its memory, and the penalty.

    theta is of shape (n_outputs, n_features + 1).

    Attributes
    ----------
    problem : CentredProblem
    n : float
        The rows seen.
    stake : float
        The mean loss of a row with a constant prediction.
    """

    problem: CentredProblem
    n: float
    stake: float

    def models(self):
        return Models(may_change=False)

    @property
    def term(self):
        return self.problem.term

    def with_term(self, term):
        """The same with another loss."""
        return replace(self, problem=self.problem.with_term(term))

    def point(self, theta):
        """theta as the problem has it."""
        return theta.copy() if self.problem.is_joint else theta[0].copy()

    def raw(self, theta):
        return self.problem.raw_at(self.point(theta))

    def value(self, theta):
        """The whole sum, up to a constant of the memory."""
        return self.problem.value_at(self.raw(theta), self.point(theta))

    def unpriced(self, theta):
        """The same without the penalty."""
        return self.term.value(self.raw(theta)) + self.problem.memory.value(theta)

    def newest(self, theta, n):
        """The weighted sum of the losses of the last n rows."""
        raw = np.ascontiguousarray(self.raw(theta)[-n:])
        return self.term.chosen(slice(-n, None)).value(raw)

    def minimise(self, theta, width, most=STREAM.most_steps):
        """Descend from theta, with kinks smoothed over a width.

        Returns
        -------
        theta : ndarray
        converged : bool
        """
        share = STREAM.enough + STREAM.share * self.n
        stopping = Patience(most, share, self.stake)
        parts = NO_LIMITS, stopping, self.models(), FixedWidth(width)
        descent = Descent(self.problem, *parts, self.point(theta))
        descent.finish()
        state = descent.state
        return state.theta.reshape(theta.shape), state.converged
