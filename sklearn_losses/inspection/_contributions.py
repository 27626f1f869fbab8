"""contributions: what the objective of a fit is made of, by row, term, feature, output.

>>> from sklearn.datasets import load_diabetes
>>> from sklearn_losses import Huber, LinearRegressor, LogCosh, contributions
>>> X, y = load_diabetes(return_X_y=True, as_frame=True)
>>> model = LinearRegressor(Huber(50.0) + 0.5 * LogCosh(), alpha=1e-6).fit(X, y)
>>> found = contributions(model, X, y)
>>> found.by_term.shape, found.terms
((442, 2), ['Huber(delta=50.0)', '0.5 * LogCosh()'])
>>> abs(found.by_term.sum() + found.penalty - model.objective_) < 1e-9
np.True_
>>> found.names[found.rise.argmax()]  # the feature that matters most
'bmi'
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sklearn_losses._machine._params import check_parameter
from sklearn_losses._machine._typing import ArrayLike, Matrix
from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators import LinearMultiTask
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.inspection._fit_of import (
    check_objective,
    fit_of,
    of_other_features,
)
from sklearn_losses.inspection._lazy import LazyBunch
from sklearn_losses.inspection._left_out import TOP, largest
from sklearn_losses.losses._combine import Scaled, Sum, _as_text
from sklearn_losses.problem._objective import product_of
from sklearn_losses.solvers.descent._exact import polished

MOST = 1 << 27  # numbers of an array of rows by features: a gigabyte
NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)  # of a path of several outputs
CANCELS = 1e-8  # of the largest share may be their sum, which says nothing then


def contributions(
    model: Any,
    X: Matrix,
    y: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    top: int | None = None,
) -> Bunch:
    """What the objective of a fit is made of.

    All of it adds up: of the rows' losses by term, or by feature and the rest, and the
    penalty, the sum is `objective_`. Losses are those of rows with their weights,
    divided by the sum of weights.

    Parameters
    ----------
    model : LinearRegressor, LinearClassifier, LinearMultiTask or Pipeline
        Fitted, with any loss of one raw prediction or of classes, and any penalty;
        not with distributions, `Quantiles` or other losses of several outputs.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None
    offset : array-like of the shape of raw predictions, default=None
        All of them those of the fit.
    top : int, default=None
        How many rows are kept, those with the largest loss, in that order; None: all.
        It is one pass, in which no more is held of the others. Rows in blocks and of
        dask need it; y is then None, or a collection as in `fit`.

    Returns
    -------
    Bunch
        - `objective`, `penalty`: numbers.
        - `rows`: the indices of the rows.
        - `totals`: what each term adds in all rows, of shape (n_terms,).
        - `terms`, `by_term`: the terms of a loss that is a sum, and what each adds in
          each row, of shape (n_rows, n_terms).
        - `slope_by_term`: the slopes of these by the raw prediction, of shape (n_rows,
          n_terms), or (n_rows, n_terms, n_outputs).
        - `by_output`: of shape (n_rows, n_objectives), a column for each class that is
          fitted against all others.
        - `tasks`, `by_task`: of a `LinearMultiTask`, in place of all that follows, the
          names of tasks and what each adds in each row.
        - `names`, `by_feature`: of shape (n_rows, n_features), how each feature has
          changed the loss of the row, on the straight way there from `base`, of shape
          (n_rows,): the row's loss if all its features were at their mean. It is the
          attribution of Aumann and Shapley; those of raw predictions are coef (x -
          mean). Formed when asked for.
        - `by_gradient`: of shape (n_rows, n_features + 1), how hard each row pulls at
          each coefficient, the intercept last, (n_rows, n_outputs, n_features + 1) of
          several outputs. The sum over rows is minus the slope of the penalty. Formed
          when asked for.
        - `rise`: of shape (n_features,), by how much the objective would rise without
          the feature, about: of strong features somewhat too little or too much, as
          losses are no parabolas. For a differentiable loss; formed when asked for.

    Raises
    ------
    TypeError
        If it is no such model.
    ValueError
        If the rows are not those of the fit.

    See Also
    --------
    ContributionsDisplay : A picture of it.
    influence : What would become of the fit without a row.

    References
    ----------
    Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", ICML;
    Wald 1943, "Tests of statistical hypotheses concerning several parameters".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_losses import LinearClassifier, contributions
    >>> X, y = load_iris(return_X_y=True)
    >>> found = contributions(LinearClassifier("log_loss").fit(X, y), X, y)
    >>> found.by_output.sum(axis=0).round(3)  # the second class is hard to tell
    array([0.001, 0.484, 0.044])
    >>> found.by_feature.shape
    (150, 4)
    """
    check_parameter("contributions", "top", top, TOP)
    if isinstance(model, LinearMultiTask):
        if top is not None:
            raise ValueError("contributions of tasks have no top. Leave it out.")
        return _of_tasks(model, X, y, sample_weight, offset)
    fit = fit_of("contributions", model, X, y, sample_weight, offset)
    if fit.is_elsewhere:
        rows, each, totals = _of_blocks(fit, top)
    else:
        each = [_Part(o, *point) for o, point in zip(fit.objectives, fit.points)]
        by_row = sum(part.values() for part in each)
        rows, totals = np.arange(len(by_row)), by_row.sum(axis=0)
        if top is not None:
            rows = largest(by_row.sum(axis=1), top)
            each = [part.some(rows) for part in each]
    values = [part.values() for part in each]
    slopes = np.concatenate([part.slopes() for part in each], axis=2)
    slopes = slopes[..., 1:] if fit.is_difference else slopes
    points = zip(fit.objectives, fit.points)
    penalty = sum(float(o.penalty.value(point[0]).sum()) for o, point in points)
    by_term = sum(values)
    return LazyBunch(
        f"contributions of {len(rows)} rows to an objective",
        {
            "by_feature": partial(_by_feature, each),
            "by_gradient": partial(_by_gradient, each, fit.is_difference),
            "rise": partial(_rise, fit),
        },
        objective=float(totals.sum() + penalty),
        penalty=float(penalty),
        rows=rows,
        totals=totals,
        terms=[_as_text(loss, weight) for loss, weight in each[0].terms],
        by_term=by_term,
        slope_by_term=slopes[..., 0] if slopes.shape[2] == 1 else slopes,
        by_output=np.column_stack([one.sum(axis=1) for one in values]),
        base=sum(part.share * part.loss_at(part.start) for part in each),
        names=fit.names,
    )


def _of_blocks(fit, top):
    """The rows with the largest loss, their parts, and the sums of all rows."""
    if top is None:
        raise ValueError(
            "contributions of rows in blocks need `top`, as they are numbers of each "
            "row. Pass top=100, for those with the largest loss."
        )
    if len(fit.objectives) > 1:
        raise ValueError(
            "contributions of rows in blocks are of one objective, and there is one "
            "for each class. Use CrossEntropy(), or gather the rows (of dask: "
            "X.compute())."
        )
    (objective,), (point,) = fit.objectives, fit.points
    mean = objective.blocks.known_units[0]
    parts = list(objective.sums.map(_largest_of_block, *point, mean, top))
    starts = np.cumsum([0, *(part[0] for part in parts)])
    parts = [(start, *part[1:]) for start, part in zip(starts, parts) if part[0]]
    rows = np.concatenate([start + kept for start, kept, *_ in parts])
    order = largest(np.concatenate([loss for _, _, loss, *_ in parts]), top)
    near = _joined([some for *_, some in parts]).chosen(order)
    near = replace(near, total_weight=parts[0][-1].total_weight)
    return rows[order], [_Part(near, *point, mean)], sum(part[3] for part in parts)


def _largest_of_block(block, coef, intercept, mean, top):
    """The task of a block: how many rows it has, and of those that are kept ...

    Returns
    -------
    n : int
    kept : ndarray of int
    loss : ndarray of shape (n_kept,)
    totals : ndarray of shape (n_terms,)
        Of all rows.
    some : Objective
        Of those that are kept.
    """
    if block.rows.n_rows == 0:
        return 0, None, None, None, None
    values = _Part(block, coef, intercept, mean).values()
    loss = values.sum(axis=1)
    kept = largest(loss, top)
    some = replace(block.chosen(kept), total_weight=block.total_weight)
    return len(loss), kept, loss[kept], values.sum(axis=0), some


def _joined(objectives):
    """One objective of the few rows of several, dense."""

    def of(name):
        found = [getattr(one, name) for one in objectives]
        return None if found[0] is None else np.concatenate(found)

    first = objectives[0]
    y = np.concatenate([one.targets.y for one in objectives])
    dense = np.concatenate([one.rows.to_dense() for one in objectives])
    return replace(
        first,
        rows=Rows(np.ascontiguousarray(dense)),
        targets=replace(first.targets, y=y),
        sample_weight=of("sample_weight"),
        offset=of("offset"),
    )


def _of_tasks(model, X, y, sample_weight, offset):
    """The contributions of tasks, with their weights."""
    if offset is not None:
        raise ValueError("LinearMultiTask has no offset. Leave it out.")
    n_features = model._check_model()
    problem, dtype = copy(model)._problem(X, y, sample_weight)
    if problem.rows.n_features != n_features:
        raise of_other_features("contributions", n_features, problem.rows.n_features)
    coef = np.atleast_2d(model._dense_coef()).astype(np.float64)
    intercept = np.atleast_1d(model.intercept_).astype(np.float64)
    factors = np.array(list(model.weights_.values()))
    by_task = factors * problem.losses_of_rows(coef, intercept)
    # Of a rank the penalty is one of factors, which nobody has kept.
    penalty = model.objective_ - float(by_task.sum())
    if model.rank is None:
        penalty = float(price_of(model, n_features, True).value(coef).sum())
    objective = float(by_task.sum()) + penalty
    n = problem.rows.n_rows
    mean = problem.rows.transposed_dot(np.full((n, 1), 1.0 / n))[0]
    constant = np.zeros_like(coef), intercept + coef @ mean
    rest = float((factors * problem.losses_of_rows(*constant)).sum())
    check_objective("contributions", model, [objective], dtype, rest)
    return LazyBunch(
        f"contributions of {len(by_task)} rows to an objective",
        {},
        objective=objective,
        penalty=penalty,
        tasks=list(model.weights_),
        by_task=by_task,
    )


def terms_of(loss, factor=1.0):
    """The losses that a sum is of, each with its weight.

    Returns
    -------
    list of (Loss, float)
    """
    if isinstance(loss, Scaled):
        return terms_of(loss.loss, factor * loss.weight)
    if isinstance(loss, Sum):
        left = terms_of(loss.left, factor * loss.left_weight)
        return left + terms_of(loss.right, factor * loss.right_weight)
    return [(loss, factor)]


class _Part:
    """One objective at the coefficients of its model.

    Attributes
    ----------
    share : ndarray of shape (n_rows,)
        The weights over their sum.
    mean : ndarray of shape (n_features,)
        Of the features in all rows.
    raw, start : ndarray of shape (n_rows, n_outputs)
        Raw predictions, and those of features at their mean.
    """

    def __init__(self, objective, coef, intercept, mean=None):
        self.objective, self.coef, self.intercept = objective, coef, intercept
        n = objective.rows.n_rows
        weight = product_of(objective.weight_of(0), None)
        self.share = (np.ones(n) if weight is None else weight) / objective.total_weight
        self.y = objective.targets.of_output(0)
        self.terms = terms_of(objective.loss)
        self.raw = objective.raw(coef, intercept)
        if mean is None:
            mass = self.share[:, None] / self.share.sum()
            mean = objective.rows.transposed_dot(mass)[0]
        self.mean = mean
        self.start = np.zeros((n, len(coef))) + coef @ self.mean + intercept
        if objective.offset is not None:
            self.start += objective.offset

    def some(self, kept):
        """The same of some of the rows."""
        total = self.objective.total_weight
        chosen = replace(self.objective.chosen(kept), total_weight=total)
        return _Part(chosen, self.coef, self.intercept, self.mean)

    def _shaped(self, p):
        return p if self.objective.is_joint else np.ascontiguousarray(p[:, 0])

    def loss_at(self, p):
        """Of each row, without weight."""
        return self.objective.loss.value(self.y, self._shaped(p))

    def slope_at(self, p, loss=None):
        """The same of slopes, of shape (n_rows, n_outputs)."""
        loss = self.objective.loss if loss is None else loss
        return loss.gradient(self.y, self._shaped(p)).reshape(p.shape)

    def values(self):
        """The losses of rows, a column for each term."""
        p = self._shaped(self.raw)
        each = [weight * loss.value(self.y, p) for loss, weight in self.terms]
        return self.share[:, None] * np.column_stack(each)

    def slopes(self):
        """Of shape (n_rows, n_terms, n_outputs)."""
        each = [weight * self.slope_at(self.raw, loss) for loss, weight in self.terms]
        return self.share[:, None, None] * np.stack(each, axis=1)

    def mean_slopes(self):
        """The slopes on the straight way from `start` to `raw`, on average."""
        way = self.raw - self.start
        rise = self.loss_at(self.raw) - self.loss_at(self.start)
        if way.shape[1] == 1:
            found = self.slope_at(self.raw)
        else:
            found = sum(
                0.5 * w * self.slope_at(self.start + 0.5 * (1.0 + t) * way)
                for t, w in zip(NODES, WEIGHTS)
            )
        # What is known of the whole way, exactly, is what the shares shall add up to.
        missing = rise - np.einsum("nk,nk->n", found, way)
        length = np.einsum("nk,nk->n", way, way)
        reach = np.abs(self.coef).max(axis=1) * self._spread()
        tells = length > (CANCELS * reach.max(initial=0.0)) ** 2
        missing = np.divide(missing, length, out=np.zeros(len(way)), where=tells)
        return found + missing[:, None] * way

    def _spread(self):
        data = self.objective.rows.data
        return float(np.abs(data).max(initial=0.0))


def _dense(part, what):
    rows = part.objective.rows
    if rows.n_rows * (rows.n_features + 1) * len(part.coef) > MOST:
        raise ValueError(
            f"{what} would have {rows.n_rows} x {rows.n_features} numbers. Select "
            "features, or fit and explain some of the rows."
        )
    return np.asarray(rows.to_dense(), dtype=np.float64)


def _by_feature(each):
    found = 0.0
    for part in each:
        centred = _dense(part, "by_feature") - part.mean
        slopes = part.share[:, None] * part.mean_slopes()
        found = found + centred * (slopes @ part.coef)
    return found


def _by_gradient(each, is_difference):
    parts = []
    for part in each:
        dense = _dense(part, "by_gradient")
        z = np.column_stack([dense, np.ones(len(dense))])
        slopes = part.share[:, None] * part.slope_at(part.raw)
        parts.append(slopes[:, :, None] * z[:, None, :])
    found = np.concatenate(parts, axis=1)
    found = found[:, 1:] if is_difference else found
    return found[:, 0] if found.shape[1] == 1 else found


def _rise(fit):
    """Wald's statistic of each feature, w' (the inverse's block)^-1 w / 2."""
    found = 0.0
    for objective, point in zip(fit.objectives, fit.points):
        *_, at = polished(objective, *point, objective.sums)
        K, size = at.theta.shape
        inverse = at.solve(np.eye(K * size)).reshape(K, size, K, size)
        rise = np.zeros(size - 1)
        for j in range(size - 1):
            w = at.theta[:, j]
            if w.any():
                rise[j] = 0.5 * w @ np.linalg.pinv(inverse[:, j, :, j]) @ w
        found = found + rise
    return found
