"""Fits along a path of penalties, from the one that leaves no coefficient.

>>> from sklearn.datasets import load_diabetes
>>> from sklearn_losses import LinearRegressor, regularization_path
>>> X, y = load_diabetes(return_X_y=True)
>>> path = regularization_path(LinearRegressor(penalty="l1"), X, y, n_alphas=5)
>>> (path.coefs != 0).sum(axis=1)
array([ 0,  4,  7,  9, 10])
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
    check_parameter,
)
from sklearn_losses._machine._typing import ArrayLike, Matrix
from sklearn_losses.design._centred import Centred
from sklearn_losses.estimators._linear import BaseLinear
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.estimators.tasks._tasks import TasksMixin
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.solvers.descent._certified import Certified, Memory, choose

SHARP = 1e-10  # the tolerance of the features that nothing is paid for
RATIO = [Interval(0, 1, "right")]
N_ALPHAS = [Interval(1, None, "left", integer=True)]
NEAR = 1e-9  # of the loss's unit: what lies so near to the best constant is at a kink


def alpha_max(
    estimator: BaseLinear,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> float:
    """The alpha from which on a penalty leaves no coefficient.

    Parameters
    ----------
    estimator : LinearRegressor, LinearClassifier, LinearOrdinalClassifier, \
            LinearRanker or LinearSurvival
        With a penalty that has an l1 norm, as 'l1', 'elasticnet' with l1_ratio > 0 and
        MCP, or one of groups. Its alpha does not matter. Features of weight 0 have
        coefficients all the same.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None
    offset : array-like of the shape of raw predictions, default=None
    groups : array-like of shape (n_samples,), default=None
        The queries of a ranking, or the strata of a survival model.
    strata : array-like of shape (n_samples,), default=None
        What `fit` of a survival model calls them: the same as `groups`.

    Returns
    -------
    float
        The least such alpha if the loss is differentiable. Otherwise all coefficients
        are 0 from this alpha on, and they may be so for somewhat smaller ones. With
        scale="mad", a number that changes with alpha, it is about that: some
        coefficients may be left there.

    Raises
    ------
    ValueError
        If there is no such norm, or the loss is not convex or one of rows with kinks.
    """
    _check_kind(estimator, "alpha_max")
    groups = _groups_of(estimator, "alpha_max", groups, strata)
    model = clone(estimator).set_params(alpha=1.0)
    loss = model._usable_loss()
    of_rows = loss.granularity == "row" and getattr(loss, "crossing", None) != "sort"
    if not loss.convex or (of_rows and not loss.differentiable):
        reason = "it has kinks in rows" if loss.convex else "it is not convex"
        raise ValueError(f"alpha_max cannot use {loss!r}, because {reason}.")
    y = model._grouped(y, groups)
    objectives, _ = model._objectives(X, y, sample_weight, loss, offset)
    price = objectives[0].penalty
    if not price.selects:
        raise ValueError(
            "alpha_max needs an l1 norm, or one of groups. Got penalty="
            f"{model.penalty!r} and l1_ratio={model.l1_ratio!r}: use penalty='l1', or "
            "'elasticnet' with l1_ratio > 0."
        )
    always = np.flatnonzero(price.never_selects(objectives[0].rows.n_features))
    if len(always) and not price.of_features(always).is_nothing:
        raise ValueError(
            f"alpha_max cannot use penalty={model.penalty!r}, because some features "
            "have an l2 norm or a matrix without an l1 norm: their coefficients are "
            "never 0, and depend on alpha themselves."
        )
    return max(price.gauge(_slopes_at_0(o, always, model)) for o in objectives)


def _slopes_at_0(objective, always, model):
    """Those by the coefficients where all are 0 but those that nothing is paid for.

    Returns
    -------
    ndarray of shape (n_outputs, n_features)
    """
    rows, loss, y = objective.rows, objective.loss, objective.targets.y
    weight = objective.sample_weight
    weight = np.ones(rows.n_rows) if weight is None else weight
    features = Centred(rows, weight, objective.is_centred)
    if isinstance(objective, OutputsObjective):
        slopes = _slopes_of_outputs(objective, always, model)
    elif len(always):
        slopes = _slopes_without_price(objective, always, model, weight)
    else:
        slopes = _balanced_slopes(objective, loss, y, weight)
    z = features.transposed_dot(slopes).reshape(len(features.scale), -1).T
    moves = np.broadcast_to(features.scale > 0, z.shape)
    if objective.moves is not None:
        moves = moves & objective.moves[:, :-1]
    found = np.divide(z, features.scale, out=np.zeros(z.shape), where=moves)
    return found / objective.total_weight


def _slopes_of_outputs(objective, always, model):
    """At the best constants of all outputs, beside what nothing is paid for."""
    moves = objective.predictors.moves.copy()
    moves[:, np.setdiff1d(np.arange(moves.shape[1] - 1), always)] = False
    predictors = replace(objective.predictors, moves=moves)
    held = replace(objective, predictors=predictors)
    solver, (start,) = model._solver(held), model._starts([held])
    solver.tol = SHARP
    found = solver.solve(held, (start[0] * moves[:, :-1], start[1]))
    raw = held.raw(found.coef, found.intercept)
    return held.term().slopes(raw, 0.0) * objective.total_weight


def _slopes_without_price(objective, always, model, weight):
    """At the optimum of the features that nothing is paid for."""
    few, loss, y = objective.with_columns(always), objective.loss, objective.targets.y
    few = replace(few, penalty=Price(low=few.penalty.low, high=few.penalty.high))
    settings = dict(max_iter=model.max_iter, tol=SHARP, owner=type(model).__name__)
    n_outputs = objective.n_outputs
    start = np.zeros((n_outputs, len(always))), np.zeros(n_outputs)
    found = Certified(choose(few), may_change=True, **settings).solve(few, start)
    raw = few.raw(found.coef, found.intercept)
    raw = raw if objective.is_joint else np.ascontiguousarray(raw[:, 0])
    return loss.gradient(y, raw, weight)


def _balanced_slopes(objective, loss, y, weight):
    """Slopes at the best constant which, if there is an intercept, sum to 0."""
    if loss.granularity == "group":
        term = objective.term()
        return term.slopes(term.at_constant(0.0), 0.0) * objective.total_weight
    shape = (len(y), objective.n_outputs) if objective.is_joint else (len(y),)
    here = weight > 0
    offset = 0.0 if objective.offset is None else objective.offset.reshape(shape)
    if not objective.fit_intercept:
        return loss.gradient(y, np.zeros(shape) + offset, weight)
    if objective.offset is None:
        best = loss.optimal_constant(y[here], weight[here])
    else:
        best = objective.term().best_constant()
    if not np.isfinite(best).all():
        return np.zeros(shape)  # the constant fits all rows perfectly
    if objective.is_joint:
        best = np.append(best, np.zeros(shape[1] - len(best)))
        return loss.gradient(y, np.broadcast_to(best, shape) + offset, weight)
    unit = NEAR * max(1e-300, abs(best), float(np.std(y[here])))
    low, high = (
        loss.gradient(y, np.full(shape, at) + offset, weight)
        for at in (best - unit, best + unit)
    )
    down, up = low.sum(), high.sum()
    share = min(max(down / (down - up), 0.0), 1.0) if up > down else 0.5
    return low + share * (high - low)


def regularization_path(
    estimator: BaseLinear,
    X: Matrix,
    y: ArrayLike,
    alphas: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    *,
    offset: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    n_alphas: int = 50,
    ratio: float = 1e-3,
) -> Bunch:
    """Fits with decreasing alphas, each of which starts from the one before.

    Losses of several outputs, as those of ordered classes and of distributions, have a
    start of their own for each alpha.

    With an l1 norm and many features a fit begins with the features that the one before
    has used, and leaves out what the duality gap says is not needed (`solver` of the
    estimators, 'active-set').

    Parameters
    ----------
    estimator : LinearRegressor, LinearClassifier, LinearOrdinalClassifier, \
            LinearRanker or LinearSurvival
        It stays as it is.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    alphas : array-like of shape (n_alphas,), default=None
        None means `n_alphas` of them, from `alpha_max` to `ratio` times it, with the
        same ratio between any two; it needs a penalty with an l1 norm.
    sample_weight : array-like of shape (n_samples,), default=None
    offset : array-like of the shape of raw predictions, default=None
    groups : array-like of shape (n_samples,), default=None
        The queries of a ranking, or the strata of a survival model.
    strata : array-like of shape (n_samples,), default=None
        What `fit` of a survival model calls them: the same as `groups`.
    n_alphas : int, default=50
    ratio : float, default=1e-3
        Between 0 and 1.

    Returns
    -------
    Bunch
        The attributes of the fits, one row for each alpha: `alphas` (decreasing),
        `coefs`, `intercepts`, `objectives`, `gaps`, `n_iter`; of losses of several
        outputs also the list of `losses`, with the numbers of what is fitted, of
        `predictors`, if there are any, and `thresholds` of ordered classes.

    Raises
    ------
    ValueError
        If there is no alpha, or one is negative or not finite, or a fit refuses the
        data.
    """
    _check_kind(estimator, "regularization_path")
    groups = _groups_of(estimator, "regularization_path", groups, strata)
    check_parameter("regularization_path", "n_alphas", n_alphas, N_ALPHAS)
    check_parameter("regularization_path", "ratio", ratio, RATIO)
    if alphas is None:
        largest = alpha_max(estimator, X, y, sample_weight, offset, groups)
        alphas = largest * np.geomspace(1.0, ratio, n_alphas)
    alphas = _falling(alphas)
    model = clone(estimator)
    if "warm_start" in model.get_params():
        model.set_params(warm_start=True)
    model._path = Memory()
    more = {} if groups is None else {model._groups_are: groups}
    names = dict(
        coefs="coef_",
        intercepts="intercept_",
        objectives="objective_",
        gaps="gap_",
        n_iter="n_iter_",
    )
    if has_outputs(model._resolve_loss()):
        names |= dict(losses="loss_", predictors="predictors_")
        names |= dict(thresholds="thresholds_")
    found = {name: [] for name in names}
    for alpha in alphas:
        model.set_params(alpha=float(alpha)).fit(
            X, y, sample_weight=sample_weight, offset=offset, **more
        )
        for name, attribute in names.items():
            if hasattr(model, attribute):
                found[name].append(getattr(model, attribute))
    objects = "losses", "predictors"
    found = {k: v if k in objects else np.array(v) for k, v in found.items() if v}
    return Bunch(alphas=alphas, **found)


def _falling(alphas):
    """Alphas as an array, the largest first."""
    try:
        found = np.asarray(alphas, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.zeros(0)  # which says the same
    is_list = found.ndim == 1 and len(found)
    if not (is_list and (np.isfinite(found) & (found >= 0)).all()):
        raise InvalidParameterError(
            "The 'alphas' parameter of regularization_path must be a list of finite "
            f"numbers >= 0, or None. Got {alphas!r} instead."
        )
    return np.sort(found)[::-1]


def _groups_of(estimator, name, groups, strata):
    """The groups of rows, by whichever of their names they came."""
    if strata is None:
        return groups
    if groups is not None:
        raise ValueError(f"{name} got groups and strata, which are the same: pass one.")
    if getattr(estimator, "_groups_are", None) != "strata":
        raise ValueError(
            f"{name} got strata, which {type(estimator).__name__} has none of: they "
            "are those of LinearSurvival. Leave them out."
        )
    return strata


def _check_kind(estimator, name):
    if not isinstance(estimator, BaseLinear) or isinstance(estimator, TasksMixin):
        raise TypeError(
            f"{name} needs a LinearRegressor, LinearClassifier, "
            "LinearOrdinalClassifier, LinearRanker or LinearSurvival. Got "
            f"{estimator!r}."
        )
