"""Streams that ran side by side become one: what they remember is added.

A memory is a quadratic function of the coefficients, and a sum of them is another one,
exactly, once all are in the same coordinates. The rows that streams have kept are
joined, and all of it is minimised together, once.
"""

import copy

import numpy as np

from sklearn_losses.solvers._base import SolverResult
from sklearn_losses.solvers._fit_state import start_of
from sklearn_losses.solvers.stream._stream_past import Past, joined
from sklearn_losses.solvers.stream._stream_wide import is_wide


def can_merge(objective, state):
    """Why the stream of a state cannot be merged with others, or None."""
    if is_wide(objective, state):
        return "it has too many features, of which it keeps no matrix"
    if Past.resumed(objective, state).prior > 0:
        return "it went on from coefficients, whose rows it has not seen"
    return None


def merged(objective, states):
    """The result of streams that have seen different rows.

    Parameters
    ----------
    objective : Objective
        Whose rows nobody asks for.
    states : list of dict
        As `Stream` has left them.

    Returns
    -------
    SolverResult
    """
    pasts = [Past.resumed(objective, state) for state in states]
    with np.errstate(all="ignore"):
        past = _together(pasts)
        past.learn(len(past.kept[1]))
    coef, intercept = past.coefficients()
    state = start_of(coef[:, :0], intercept) | past.state()
    state["t"] = 1.0 + sum(each["t"] - 1.0 for each in states)
    n_iter = np.ones(past.n_objectives, dtype=int)
    return SolverResult(coef, intercept, n_iter, True, state)


def _together(pasts):
    """One past of all, which has not been learned from yet."""
    units = copy.copy(pasts[0].units)
    for past in pasts[1:]:
        units.add(past.units)
    units.moved()
    moved = [_in_units(past, units) for past in pasts]
    whole = moved[0]
    whole.units, weights = units, [past.n for past in moved]
    for name in ("unit", "stake", "excess"):
        each = [getattr(past, name) for past in moved]
        setattr(whole, name, np.average(each, axis=0, weights=weights))
    whole.flat = np.all([past.flat for past in moved], axis=0)
    whole.n, whole.n_seen = sum(weights), sum(past.n_seen for past in moved)
    whole.lead = sum(_lead_at(past, whole) for past in moved)
    for k in range(whole.n_objectives):
        for name in ("memories", "constant_memories"):
            first, *others = (getattr(past, name)[k] for past in moved)
            for other in others:
                first = first.plus(other)
            getattr(whole, name)[k] = first
    for past in pasts:
        for rows in (past.waiting, past.kept if past is not pasts[0] else None):
            whole.kept = whole.kept if rows is None else joined(whole.kept, rows)
    whole.waiting = tuple(part[:0] for part in whole.waiting)
    whole.theta = np.average([past.theta for past in moved], axis=0, weights=weights)
    return whole


def _in_units(past, units):
    """A copy in other coordinates."""
    move, past = past.units.to(units), copy.copy(past)
    past.theta = move.coefficients(past.theta)
    past.memories = [memory.move(move) for memory in past.memories]
    past.constant_memories = list(past.constant_memories)
    return past


def _lead_at(past, whole):
    """Its lead, where memories are counted from where those of the whole are."""
    found = past.lead.copy()
    for k in range(past.n_objectives):
        found[k] += past.memories[k].value(whole.memories[k].at)
        found[k] -= past.constant_memories[k].value(whole.constant_memories[k].at)
    return found
