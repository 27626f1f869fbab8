"""How a metric of held-out rows changes with the parameters of a loss or a penalty.

At a minimum theta of F(theta; phi) the slope stays 0, so that

    d theta / d phi_j = - H^-1 d (dF / dtheta) / d phi_j

with the exact Hessian H. The last factor is a difference of compiled gradients at the
same point for phi_j a little above and below: no loss needs a formula for it. A convex
loss with kinks is rounded, to its Moreau envelope. What the metric then does is a
difference, too, of single rows along their raw predictions.

References: Pedregosa 2016, "Hyperparameter optimization with approximate gradient",
ICML; Bertrand et al. 2020, "Implicit differentiation of Lasso-type models", ICML.
"""

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import get_tags

from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators import LinearOrdinalClassifier
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.estimators._validation import (
    check_offset,
    check_rows,
    split_offset,
)
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.inspection._d2 import columns_of
from sklearn_losses.inspection._left_out import Axes, left_out
from sklearn_losses.inspection._raw_prediction import targets_and_raw_predictions
from sklearn_losses.losses._envelope import Envelope
from sklearn_losses.model_selection._approximate import (
    HeldClassifier,
    HeldOrdinal,
    HeldOutputs,
    HeldRegressor,
)
from sklearn_losses.model_selection._ranges import set_numbers
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.solvers.descent._exact import (
    ExactCurvature,
    on_support,
    polished,
)

STEP = 1e-5  # of the range of a parameter, for differences of gradients
STEP_OF_ROWS = 1e-4  # ... of predictions without a row, which need curvatures
NEAR = 0.3  # of the ranges, from where a minimum is followed
ARRIVED = 1e-13  # of the objective may a step promise, at a minimum
ROUNDED = 0.1  # of the spread of y, or of a margin, reach kinks within a search
ALONG = 1e-5  # of the spread of raw predictions, for differences of a metric


@dataclass
class Measured:
    """A metric on held-out rows.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
    slopes : ndarray of shape (n_rows, n_parameters)
        By the parameters, in units of their ranges.
    """

    values: np.ndarray
    slopes: np.ndarray


class RowMetric:
    """The value of a loss of each held-out row, and its slope.

    Parameters
    ----------
    loss : Loss
    model : LinearRegressor or LinearClassifier
        With the classes of the fit.
    y : ndarray
    beyond : ndarray of shape (n_rows,), default=0
        Of a loss of several outputs: an offset that its raw predictions are without.
    """

    def __init__(self, loss, model, y, beyond=0.0):
        self.loss, self.y = loss, y
        if is_classifier(model):
            ordered = isinstance(model, LinearOrdinalClassifier)
            self.held = HeldOrdinal() if ordered else HeldClassifier()
            self.held.classes_ = model.classes_
        elif has_outputs(model._usable_loss()):
            self.held = HeldOutputs()
            self.held.beyond = beyond
        else:
            self.held = HeldRegressor()
        self.held.tags = get_tags(model)

    def __call__(self, loss, raw):
        """Of raw predictions, (n,) or (n, n_outputs), of a model with a loss."""
        self.held.loss = self.held.loss_ = loss
        self.held.held = raw
        X = np.empty((len(raw), 0))
        y, raw = targets_and_raw_predictions(self.held, X, self.y, self.loss)
        each = [self.loss.value(*pair) for pair in columns_of(y, raw, self.loss)]
        return np.mean(each, axis=0)

    def slopes(self, loss, raw):
        """By the raw predictions, of shape (n, n_outputs)."""
        columns = raw.reshape(len(raw), -1)
        found = np.empty(columns.shape)
        for k in range(columns.shape[1]):
            own = columns[:, k]
            h = ALONG * (np.std(own) or np.abs(own).max(initial=0.0) or 1.0)
            both = []
            for sign in (1.0, -1.0):
                moved = columns.copy()
                moved[:, k] += sign * h
                both.append(self(loss, moved.reshape(raw.shape)))
            found[:, k] = (both[0] - both[1]) / (2.0 * h)
        return found


class Inner:
    """The fits of some rows along parameters.

    Parameters
    ----------
    model : LinearRegressor, LinearClassifier or LinearOrdinalClassifier
    ranges : list of Range
    X, y, weight, offset
        Of the rows that it learns from; X may be blocks of all.
    """

    def __init__(self, model, ranges, X, y, weight, offset):
        self.model, self.ranges = clone(model), ranges
        loss = self.model._usable_loss()
        if isinstance(X, RowBlocks):
            self.objectives, _ = self.model._objectives_of_blocks(X, loss)
        else:
            self.objectives, _ = self.model._objectives(X, y, weight, loss, offset)
        self.scale = getattr(self.model, "scale_", None)
        self.has_outputs = has_outputs(loss)
        self.width = ROUNDED
        if loss.task == "regression":
            self.width *= np.std(self.objectives[0].targets.y) or 1.0
        self.n_unconverged = 0
        self.forget()

    def offsets(self, offset, n):
        """What offsets add to raw predictions of n rows, or to locations afterwards.

        Returns
        -------
        of_raw : ndarray of shape (n, 1) or (n, n_outputs), or None
        of_location : ndarray of shape (n,) or 0
        """
        K = sum(one.n_outputs for one in self.objectives)
        if not self.has_outputs:
            offset = check_offset(offset, n, 1 if K == 2 else K)
            return split_offset(offset, K), 0.0
        offset, loss = check_offset(offset, n, 1), self.objectives[0].loss
        if offset is None or (hasattr(loss, "without") and K > 1):
            return None, 0.0 if offset is None else offset[:, 0]
        return np.column_stack([offset, np.zeros((n, K - 1))]), 0.0

    def forget(self):
        """Begin the next fits as if they were the first."""
        self.known = []

    def at(self, x):
        """The objectives with parameters, of numbers from 0 to 1.

        Returns
        -------
        list of Objective
        """
        values = {r.name: r.value(one) for r, one in zip(self.ranges, x)}
        set_numbers(self.model, values)
        loss = self.model._usable_loss()
        if loss.needs_scale:
            loss = loss.at_scale(self.scale)
        if not loss.differentiable:
            loss = Envelope(loss, self.width)
        loss.compiled()  # which refuses what is not allowed
        is_joint = loss.granularity == "row"
        price = price_of(self.model, self.model.n_features_in_, is_joint)
        return [replace(o, loss=loss, penalty=price) for o in self.objectives]

    def fit(self, x):
        """The minima, each with its curvature.

        Returns
        -------
        list of Minimum
        """
        objectives = self.at(x)
        starts = self._predicted(x)
        found = [
            self._near(o, start) or self._from_afar(o, start)
            for o, start in zip(objectives, starts or [None] * len(objectives))
        ]
        return found

    def know(self, x, minima, moves):
        """Remember where minima are, and how they move, for fits near by."""
        points = [(one.coef, one.intercept) for one in minima]
        self.known.append((np.array(x), points, moves))

    def _predicted(self, x):
        """Where minima are likely to be, by those of a point near by, or None."""
        if not self.known:
            return None
        far, i = min((np.abs(x - at).max(), i) for i, (at, *_) in enumerate(self.known))
        if far > NEAR:
            return None
        at, points, moves = self.known[i]
        found = []
        for k, (coef, intercept) in enumerate(points):
            steps = [t * each[k][0] for t, each in zip(x - at, moves)]
            others = [t * each[k][1] for t, each in zip(x - at, moves)]
            found.append((coef + sum(steps), intercept + sum(others)))
        return found

    def _near(self, objective, start):
        """The minimum that Newton's steps find from a start, or None."""
        price = objective.penalty
        if start is None or price.has_kinks:
            return None  # of them more may move than do at the start
        with np.errstate(all="ignore"):
            try:
                found = Minimum(objective, *start)
            except (ValueError, np.linalg.LinAlgError):
                return None
        return found if found.is_one else None

    def _from_afar(self, objective, start):
        """The minimum that a fit on its own finds."""
        if start is None or not objective.is_convex:
            (start,) = self.model._starts([objective])
        result = self.model._solver(objective).solve(objective, start)
        found = Minimum(objective, result.coef, result.intercept)
        self.n_unconverged += not (result.converged or found.is_one)
        return found

    def moves(self, minima, x):
        """By what coefficients move with each parameter, in units of its range.

        Returns
        -------
        list of list of (coef, intercept)
            By parameter, and by objective.
        """
        found = []
        for j in range(len(x)):
            (up, above), (down, below) = self.beside(x, j, STEP)
            each = zip(minima, up, down)
            found.append([one.move(a, b, above - below) for one, a, b in each])
        return found

    def beside(self, x, j, step):
        """The objectives a little above and below in one parameter, and how far."""
        found = []
        for end in np.clip([x[j] + step, x[j] - step], 0.0, 1.0):
            moved = np.array(x, dtype=float)
            moved[j] = end
            found.append((self.at(moved), end - x[j]))
        return found


class Minimum:
    """A minimum of an objective, polished, with the curvature of what may move."""

    def __init__(self, objective, coef, intercept):
        self.n_features = coef.shape[1]
        self.objective, self.kept = objective, np.arange(coef.shape[1])
        if objective.sums is None:  # of blocks nobody copies columns
            self.objective, self.kept = on_support(objective, coef)
        coef = np.ascontiguousarray(coef[:, self.kept])
        parts = self.objective, coef, intercept, objective.sums
        coef, self.intercept, self.curvature = polished(*parts)
        self.coef = self._whole(coef)

    @property
    def is_one(self):
        """Whether Newton's steps have arrived at a minimum."""
        at = self.curvature
        step = at.solve(at.gradient)
        promised = 0.5 * float(at.gradient @ step)
        return at.is_convex and abs(promised) <= ARRIVED * abs(at.value)

    def _whole(self, coef):
        found = np.zeros((len(coef), self.n_features))
        found[:, self.kept] = coef
        return found

    def of(self, objective):
        """Another objective, of the features that may move here."""
        if len(self.kept) == self.n_features:
            return objective
        return objective.with_columns(self.kept)

    def move(self, up, down, width):
        """The derivative of the coefficients, by two objectives beside this one."""
        at = self.curvature
        rise = at.slope_of(self.of(up)) - at.slope_of(self.of(down))
        step = -at.solve(rise.ravel() / width).reshape(at.theta.shape)
        coef, intercept = at.uncentred(step)
        return self._whole(coef), intercept

    def left_out(self, objective, coef, intercept):
        """The raw prediction of each row by a fit without it, at a point near by."""
        at = ExactCurvature(self.of(objective), coef[:, self.kept], intercept)
        T, share = at.axes()
        pull = T.T @ at.penalty_slope(at.theta).ravel()
        axes = Axes(T.reshape(len(coef), -1, len(share)), share, pull)
        return left_out(self.of(objective), at.point, axes).raw_left_out


class HeldOut:
    """A metric of rows that a fit does not see."""

    def __init__(self, inner, metric, X, y, weight, offset):
        self.inner = inner
        X, y = check_rows(copy(inner.model), X, y, reset=False)
        self.rows, self.n = Rows(X), X.shape[0]
        self.offset, beyond = inner.offsets(offset, self.n)
        self.weight = np.ones(self.n) if weight is None else np.asarray(weight, float)
        self.metric = RowMetric(metric, inner.model, y, beyond)

    def measure(self, x):
        """The metric of parameters.

        Returns
        -------
        Measured
        """
        minima = self.inner.fit(x)
        moves = self.inner.moves(minima, x)
        self.inner.know(x, minima, moves)
        loss = minima[0].objective.loss
        raw = self._product([(one.coef, one.intercept) for one in minima])
        if self.offset is not None:
            raw = raw + self.offset
        shaped = raw[:, 0] if raw.shape[1] == 1 else raw
        values = self.metric(loss, shaped)
        along = self.metric.slopes(loss, shaped)
        slopes = [np.einsum("nk,nk->n", along, self._product(each)) for each in moves]
        slopes = [one + self._direct(x, j, shaped) for j, one in enumerate(slopes)]
        return Measured(values, np.column_stack(slopes))

    def _direct(self, x, j, raw):
        """The slope of the same raw predictions, whose link a parameter may change."""
        (up, above), (down, below) = self.inner.beside(x, j, STEP)
        if up[0].loss.link == down[0].loss.link:
            return 0.0
        rise = self.metric(up[0].loss, raw) - self.metric(down[0].loss, raw)
        return rise / (above - below)

    def _product(self, each):
        parts = [
            self.rows.dot(np.ascontiguousarray(coef), np.ascontiguousarray(intercept))
            for coef, intercept in each
        ]
        return np.hstack(parts)


class LeftOutRows:
    """A metric of each row by the fit without it, by a Newton step."""

    def __init__(self, inner, metric, y, weight, offset):
        self.inner, self.n = inner, len(y)
        self.weight = np.ones(self.n) if weight is None else np.asarray(weight, float)
        beyond = inner.offsets(offset, self.n)[1]
        self.metric = RowMetric(metric, inner.model, y, beyond)

    def measure(self, x):
        """As `HeldOut.measure`."""
        minima = self.inner.fit(x)
        all_moves = self.inner.moves(minima, x)
        self.inner.know(x, minima, all_moves)
        points = [(one.coef, one.intercept) for one in minima]
        values = self._values(minima, self.inner.at(x), points)
        slopes = []
        for j, moves in enumerate(all_moves):
            found, ends = [], []
            for objectives, t in self.inner.beside(x, j, STEP_OF_ROWS):
                moved = [
                    tuple(a + t * b for a, b in zip(point, move))
                    for point, move in zip(points, moves)
                ]
                found.append(self._values(minima, objectives, moved))
                ends.append(t)
            slopes.append((found[0] - found[1]) / (ends[0] - ends[1]))
        return Measured(values, np.column_stack(slopes))

    def _values(self, minima, objectives, points):
        raw = np.hstack(
            [one.left_out(o, *p) for one, o, p in zip(minima, objectives, points)]
        )
        shaped = raw[:, 0] if raw.shape[1] == 1 else raw
        return self.metric(objectives[0].loss, np.ascontiguousarray(shaped))
