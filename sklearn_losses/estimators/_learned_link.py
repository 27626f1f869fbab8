"""How a link is learned: coefficients and a monotone spline of y on p, in turns.

Each round fits coefficients under the loss that matches the spline, which is convex,
and then the spline anew. What is kept is the round whose means are nearest to y; they
hardly move after five rounds.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import lsq_linear
from sklearn.base import clone

from sklearn_losses.losses import LogLoss, SquaredError
from sklearn_losses.losses._regression import weighted_quantile

MOST_ROUNDS, SETTLED = 12, 1e-5  # of the mean squared error may a round gain at the end
ROUGH = 1e-4  # tol of these fits: the last one is made anew
LEAST_RISE = 1e-3  # of the mean rise of a piece: flat ones have no curvature
ENDS = 0.01  # of the rows are beyond the knots of probabilities, on each side
CLOSE = 1e-3  # to 0 and 1 come probabilities at knots
SMOOTH = 1e-6  # of the data's weight has a spline that is bent


def with_learned_link(model, objective):
    """An objective with the link that its rows say.

    Parameters
    ----------
    model : LinearRegressor or LinearClassifier
    objective : Objective
        Whose loss is a `LearnedLink` without values.

    Returns
    -------
    Objective
    """
    loss = objective.loss
    loss.check_to_learn()
    is_binary = loss.task == "binary"
    first = replace(objective, loss=LogLoss() if is_binary else SquaredError())
    y, weight = first.targets.of_output(0), first.weight_of(0)
    weight = np.ones(len(y)) if weight is None else weight
    p = _fitted(model, first, None)[1]
    best, least, start = None, np.inf, None
    for _ in range(MOST_ROUNDS):
        here = replace(objective, loss=_of_spline(loss, p, y, weight, is_binary))
        start, p = _fitted(model, here, start)
        off = float(weight @ (y - here.loss.inverse_link(p)) ** 2)
        if best is not None and not off < least * (1.0 - SETTLED):
            break
        best, least = here, off
    return best


def _fitted(model, objective, start):
    """Where the minimum is, and its raw predictions."""
    K, n_features = objective.n_outputs, objective.rows.n_features
    start = (np.zeros((K, n_features)), np.zeros(K)) if start is None else start
    solver = model._solver(objective)
    solver.tol = max(solver.tol, ROUGH)
    result = solver.solve(objective, start)
    point = result.coef, result.intercept
    return point, objective.raw(*point)[:, 0]


def _of_spline(loss, p, y, weight, is_binary):
    """The loss with the spline of y on p, by least squares with rises >= 0."""
    share = np.linspace(ENDS, 1.0 - ENDS, loss.n_knots)
    if not is_binary:
        share = np.linspace(0.0, 1.0, loss.n_knots)
    knots = np.unique([weighted_quantile(p, weight, q) for q in share])
    if len(knots) < 2 or not knots[-1] - knots[0] > 1e-9 * np.abs(knots).max():
        raise ValueError(
            f"{loss!r} cannot be learned, because the raw predictions of its first fit "
            "are all the same. Use LogLoss() or SquaredError(), or a smaller alpha."
        )
    values = _monotone(knots, p, y, weight, is_binary)
    found = {"knots": tuple(knots.tolist()), "values": tuple(values.tolist())}
    return clone(loss).set_params(**found)


def _monotone(knots, p, y, weight, is_binary):
    """The values at the knots."""
    m = len(knots)
    at = np.clip(p, knots[0], knots[-1])
    j = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, m - 2)
    t = (at - knots[j]) / (knots[j + 1] - knots[j])
    hats = np.zeros((m, m))  # B' W B of the piecewise linear hats B
    for a, u in ((0, 1.0 - t), (1, t)):
        for b, v in ((0, 1.0 - t), (1, t)):
            np.add.at(hats, (j + a, j + b), weight * u * v)
    target = np.bincount(j, weight * (1.0 - t) * y, m)
    target += np.bincount(j + 1, weight * t * y, m)
    rises = np.tril(np.ones((m, m)))  # values = rises @ (first, increments)
    bend = np.diff(np.eye(m), n=2, axis=0)
    hats += SMOOTH * weight.sum() * (bend.T @ bend + np.eye(m))
    target += SMOOTH * weight.sum() * np.average(y, weights=weight)
    lower = np.linalg.cholesky(rises.T @ hats @ rises)
    right = np.linalg.solve(lower, rises.T @ target)
    span = 1.0 if is_binary else np.ptp(y[weight > 0]) or 1.0
    least = np.full(m, LEAST_RISE * span / m)
    least[0] = -np.inf
    found = lsq_linear(lower.T, right, (least, np.full(m, np.inf))).x
    values = np.cumsum(found)
    if not is_binary:
        return values
    # A straight map into the ends keeps the order where noise has left them.
    low, high = min(values[0], CLOSE), max(values[-1], 1.0 - CLOSE)
    if low < CLOSE or high > 1.0 - CLOSE:
        values = np.clip(values, CLOSE, 1.0 - CLOSE)
        values = (1.0 - CLOSE) * values + CLOSE * np.linspace(CLOSE, 1.0 - CLOSE, m)
    return values
