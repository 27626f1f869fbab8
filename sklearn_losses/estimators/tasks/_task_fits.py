"""The fits of several tasks: each by itself, or all in one objective.

With a penalty of each coefficient by itself, tasks are fitted apart, each by the solver
of its loss: their weights then only divide alpha. A penalty that couples them, as
`MultiTask`, makes one objective of all. So does a rank, less than the outputs are: then
coef_ is a product of two matrices, which are fitted in turn (`_task_rank`).
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.estimators._parameters import draw_seed, price_of
from sklearn_losses.losses._outputs import unit_of_targets
from sklearn_losses.losses._tasks import Tasks, y_size_of
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.solvers.descent._certified import Certified, choose
from sklearn_losses.solvers.descent._few_outputs import FewOutputsSolver
from sklearn_losses.solvers.descent._gram_outputs import (
    GramOutputsSolver,
    has_one_gram,
)
from sklearn_losses.solvers.descent._outputs import OutputsSolver

WIDE = 50  # features, of which few may do
UNCERTAINTY = "uncertainty"
LEAST_LOSS = 1e-6  # of that of the best constants: a task may not take all weight
MOST_ROUNDS, SAME_WEIGHTS = 50, 1e-6  # of weights that depend on the losses


class TasksFound(NamedTuple):
    """What a fit of all tasks has found."""

    coef: np.ndarray
    intercept: np.ndarray
    results: list
    said: list
    bound: float
    penalty: float

    @property
    def n_iter(self):
        """The most passes over the rows of a fit."""
        return int(max(result.n_iter.max() for result in self.results))


class TasksProblem:
    """The objectives of all tasks, with any weights."""

    def __init__(self, model, rows, tasks, targets, weights):
        self.model, self.rows, self.tasks, self.targets = model, rows, tasks, targets
        self.n_outputs = tasks[-1].outputs.stop
        names = list(dict.fromkeys(task.name for task in tasks))
        self.place = [names.index(task.name) for task in tasks]
        self.share = 1.0 / np.bincount(self.place)  # of each target in its task
        ones = np.ones(rows.n_rows)
        self.given = [ones if w is None else w for w in weights]
        self.seen = [~np.isnan(y if y.ndim == 1 else y[:, 0]) for y in targets]
        self.weight = [np.where(h, w, 0.0) for h, w in zip(self.seen, self.given)]
        for task, weight in zip(tasks, self.weight):
            if not weight.any():
                raise ValueError(
                    f"No row of the task {task.name!r} was observed with a positive "
                    "sample_weight."
                )
        price = price_of(model, rows.n_features, True)
        self.is_coupled = price.norm is not None and price.norm.shares

    def factor(self, k, factors):
        """What the mean loss of a target counts."""
        return factors[self.place[k]] * self.share[self.place[k]]

    def solve(self, factors, start=None):
        """The fit with weights of the tasks, perhaps from coefficients on."""
        d = self.rows.n_features
        start = start or (np.zeros((self.n_outputs, d)), np.zeros(self.n_outputs))
        solve = self.joint if self.is_coupled else self.apart
        return solve(factors, start)

    def settings(self):
        """Those of a solver."""
        model = self.model
        return dict(
            max_iter=model.max_iter,
            tol=model.tol,
            seed=draw_seed(model.random_state),
            verbose=model.verbose,
            owner=type(model).__name__,
        )

    def _all(self, n_outputs, n_features):
        """Predictors of which each uses all columns."""
        uses = np.ones((n_outputs, n_features), dtype=bool)
        return Predictors.of(uses, np.full(n_outputs, self.model.fit_intercept))

    # ------------------------------------------------------------------ each by itself
    def apart(self, factors, start, rows=None):
        """Each target by itself, with alpha divided by its weight.

        Parameters
        ----------
        factors : ndarray of shape (n_tasks,)
        start : tuple of ndarray
            Coefficients and intercepts.
        rows : Rows, default=None
            Other features than those of the problem.
        """
        rows = self.rows if rows is None else rows
        coef, intercept = np.zeros((self.n_outputs, rows.n_features)), start[1].copy()
        results, said, bound, penalty = [], [], 0.0, 0.0
        for k, task in enumerate(self.tasks):
            factor = self.factor(k, factors)
            own = tuple(array[task.outputs] for array in start)
            objective, result = self._alone(k, factor, own, rows)
            coef[task.outputs], intercept[task.outputs] = result.coef, result.intercept
            results.append(result)
            said.append((task.name, result.warnings))
            bound += factor * result.bound
            penalty += factor * float(objective.penalty.value(result.coef).sum())
        return TasksFound(coef, intercept, results, said, bound, penalty)

    def _alone(self, k, factor, start, rows):
        """The objective of a target, and the fit."""
        objective = self.objective_of(k, factor, rows)
        if y_size_of(objective.loss) > 1:
            return objective, self._box_alone(objective, factor, start)
        solver = Certified(choose(objective), may_change=True, **self.settings())
        return objective, solver.solve(objective, start)

    def objective_of(self, k, factor, rows):
        """That of a target by itself, with alpha divided by its weight."""
        task = self.tasks[k]
        model = self._model_of(task.loss, factor)
        n_outputs = task.outputs.stop - task.outputs.start
        parts = rows, self.weight[k], model, n_outputs
        make = self._box_objective if y_size_of(task.loss) > 1 else self._objective
        return make(task.loss, self.targets[k], *parts)

    def _model_of(self, loss, factor):
        model = copy(self.model)
        model.alpha, model.loss = self.model.alpha / factor, loss
        return model

    def _objective(self, loss, y, rows, weight, model, n_outputs):
        return Objective(
            *(loss, rows, Targets(_filled(y)), weight, weight.sum()),
            *(price_of(model, rows.n_features, n_outputs > 1), n_outputs),
            fit_intercept=model.fit_intercept,
        )

    def _box_objective(self, loss, y, rows, weight, model, n_outputs):
        return OutputsObjective(
            *(loss, rows, Targets(_filled(y)), weight, weight.sum()),
            *(price_of(model, rows.n_features, True), n_outputs),
            fit_intercept=model.fit_intercept,
            predictors=self._all(n_outputs, rows.n_features),
        )

    def _box_alone(self, objective, factor, start):
        """That of several columns, which begins at a fit of each."""
        loss, rows, weight = objective.loss, objective.rows, objective.sample_weight
        whole, coef, intercept = objective.targets.y, start[0].copy(), start[1].copy()
        model = self._model_of(loss, factor)
        unit = loss.unit_of_targets(whole[weight > 0])
        begins = loss.first() is not None and not coef.any()
        for j, column in enumerate(whole.T if begins else ()):
            first = self._objective(loss.first(), column / unit, rows, weight, model, 1)
            solver = Certified(choose(first), may_change=True, **self.settings())
            found = solver.solve(first, (coef[j : j + 1], intercept[j : j + 1]))
            coef[j], intercept[j] = unit * found.coef[0], unit * found.intercept[0]
        return OutputsSolver(**self.settings()).solve(objective, (coef, intercept))

    # -------------------------------------------------------------------- all in one
    def joint_loss(self, factors):
        """The sum of the losses of all targets, of weights of rows that all share."""
        if not all(weight is self.given[0] for weight in self.given):
            raise ValueError(
                f"{type(self.model).__name__} cannot use sample_weight of each task "
                "with a penalty or a rank that couples tasks: use weights of rows, and "
                "nan where a target does not count."
            )
        for task in self.tasks:
            loss = task.loss
            if loss.granularity == "row" and not (
                loss.differentiable or hasattr(loss, "softened_by")
            ):
                raise InvalidParameterError(
                    f"{type(self.model).__name__} cannot use {loss!r} with a penalty "
                    "or a rank that couples tasks, because it has kinks. Use "
                    "CrossEntropy()."
                )
        total = self.given[0].sum()
        return Tasks(
            [task.loss for task in self.tasks],
            [task.outputs.stop - task.outputs.start for task in self.tasks],
            [
                self.factor(k, factors) * total / own.sum()
                for k, own in enumerate(self.weight)
            ],
            [
                unit_of_targets(task.loss, y[weight > 0])
                for task, y, weight in zip(self.tasks, self.targets, self.weight)
            ],
        )

    def joint_objective(self, loss, n_outputs):
        """That of one loss of all targets."""
        weight = self.given[0]
        return OutputsObjective(
            *(loss, self.rows, Targets(np.column_stack(self.targets))),
            *(weight, weight.sum()),
            *(price_of(self.model, self.rows.n_features, True), n_outputs),
            fit_intercept=self.model.fit_intercept,
            predictors=self._all(n_outputs, self.rows.n_features),
        )

    def joint(self, factors, start):
        """All at once."""
        loss = self.joint_loss(factors)
        if not loss.convex and not start[0].any():
            found = self.apart(factors, start)
            start = found.coef, found.intercept
        objective = self.joint_objective(loss, self.n_outputs)
        is_smooth = loss.convex and loss.differentiable
        few = is_smooth and self.rows.n_features >= WIDE
        solver = FewOutputsSolver if few else OutputsSolver
        if has_one_gram(objective):
            solver = GramOutputsSolver
        result = solver(**self.settings()).solve(objective, start)
        penalty = float(objective.penalty.value(result.coef).sum())
        said = [(None, result.warnings)]
        return TasksFound(
            result.coef, result.intercept, [result], said, result.bound, penalty
        )

    # ------------------------------------------------------------------------ losses
    def losses(self, coef, intercept):
        """The mean loss of each task."""
        return self.losses_of_rows(coef, intercept).sum(axis=0)

    def losses_of_rows(self, coef, intercept):
        """What each row adds to the mean loss of each task."""
        raw = self.rows.dot(coef, intercept)
        found = np.zeros((len(raw), len(self.share)))
        for k, task in enumerate(self.tasks):
            own = np.ascontiguousarray(raw[:, task.outputs])
            own = own[:, 0] if task.loss.granularity == "point" else own
            here, weight = self.weight[k] > 0, self.weight[k]
            value = task.loss.value(self.targets[k][here], own[here], weight[here])
            share = self.share[self.place[k]] / weight.sum()
            found[here, self.place[k]] += share * value
        return found

    def with_weights(self, factors):
        """The fit with these weights, or with those of the model that depend on it."""
        if self.model.weights == UNCERTAINTY:
            return self.with_uncertainty(factors)
        return self.solve(factors), factors

    def with_uncertainty(self, factors):
        """Weights 1 / (2 L) of the mean losses L of the fit with them."""
        least = start = None
        for _ in range(MOST_ROUNDS):
            found = self.solve(factors, start)
            start = found.coef, found.intercept
            losses = self.losses(*start)
            least = LEAST_LOSS * np.abs(losses) if least is None else least
            new = 0.5 / np.maximum(losses, least)
            if np.allclose(new, factors, rtol=max(SAME_WEIGHTS, self.model.tol)):
                break
            factors = new
        return found, factors


def _filled(y):
    """Something valid for what was not observed, which has no weight."""
    missing = np.isnan(y)
    here = ~(missing if y.ndim == 1 else missing[:, 0])
    return np.where(missing, y[here][0], y)
