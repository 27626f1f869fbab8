"""The fits of several tasks: each by itself, or all in one objective.

With a penalty of each coefficient by itself, tasks are fitted apart, each by the solver
of its loss: their weights then only divide alpha. A penalty that couples them, as
`MultiTask`, makes one objective of all.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.estimators._validation import draw_seed, price_of
from sklearn_losses.losses._tasks import Tasks
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.solvers.descent._certified import Certified, choose
from sklearn_losses.solvers.descent._outputs import OutputsSolver, outputs_term

LEAST_LOSS = 1e-6  # of that of the best constants: a task may not take all weight
MOST_UNITS = 100.0  # of one target may another have, if losses have kinks
MOST_ROUNDS, SAME_WEIGHTS = 50, 1e-6  # of weights that depend on the losses


class TasksFound(NamedTuple):
    """What a fit of all tasks has found."""

    coef: np.ndarray
    intercept: np.ndarray
    results: list
    said: list
    bound: float
    penalty: float


class TasksProblem:
    """The objectives of all tasks, with any weights."""

    def __init__(self, model, rows, tasks, targets, weights):
        self.model, self.rows, self.tasks, self.targets = model, rows, tasks, targets
        self.n_outputs = tasks[-1].outputs.stop
        names = list(dict.fromkeys(task.name for task in tasks))
        self.place = [names.index(task.name) for task in tasks]
        self.share = 1.0 / np.bincount(self.place)  # of each column in its task
        ones = np.ones(rows.n_rows)
        given = [ones if w is None else w for w in weights]
        self.weight = [np.where(np.isnan(y), 0.0, w) for y, w in zip(targets, given)]
        for task, weight in zip(tasks, self.weight):
            if not weight.any():
                raise ValueError(
                    f"No row of the task {task.name!r} was observed with a positive "
                    "sample_weight."
                )
        self.given, self.are_same = given, all(w is given[0] for w in given)
        price = price_of(model, rows.n_features, True)
        self.is_coupled = price.norm is not None and price.norm.shares

    def factor(self, k, factors):
        """What the mean loss of a column counts."""
        return factors[self.place[k]] * self.share[self.place[k]]

    def solve(self, factors, start=None):
        """The fit with weights of the tasks, perhaps from coefficients on."""
        d = self.rows.n_features
        start = start or (np.zeros((self.n_outputs, d)), np.zeros(self.n_outputs))
        solve = self._joint if self.is_coupled else self._apart
        return solve(factors, start)

    def _settings(self):
        model = self.model
        return dict(
            max_iter=model.max_iter,
            tol=model.tol,
            seed=draw_seed(model.random_state),
            verbose=model.verbose,
            owner=type(model).__name__,
        )

    def _apart(self, factors, start):
        """Each column by itself, with alpha divided by its weight."""
        coef = np.zeros((self.n_outputs, self.rows.n_features))
        intercept, results, said = np.zeros(self.n_outputs), [], []
        bound = penalty = 0.0
        for k, task in enumerate(self.tasks):
            factor, own = self.factor(k, factors), copy(self.model)
            own.alpha, own.loss = self.model.alpha / factor, task.loss
            weight = self.weight[k]
            n_outputs = task.outputs.stop - task.outputs.start
            objective = Objective(
                *(task.loss, self.rows, Targets(_filled(self.targets[k]))),
                *(weight, weight.sum()),
                price_of(own, self.rows.n_features, n_outputs > 1),
                n_outputs,
                fit_intercept=self.model.fit_intercept,
            )
            solver = Certified(choose(objective), may_change=True, **self._settings())
            own = tuple(array[task.outputs] for array in start)
            result = solver.solve(objective, own)
            coef[task.outputs], intercept[task.outputs] = result.coef, result.intercept
            results.append(result)
            said.append((task.name, result.warnings))
            bound += factor * result.bound
            penalty += factor * float(objective.penalty.value(result.coef).sum())
        return TasksFound(coef, intercept, results, said, bound, penalty)

    def _joint(self, factors, start):
        """All at once."""
        if not self.are_same:
            raise ValueError(
                "LinearMultiTask cannot use sample_weight of each task with a penalty "
                "that couples tasks: use weights of rows, and nan where a target does "
                "not count."
            )
        weight = self.given[0]
        total = weight.sum()
        sizes = [task.outputs.stop - task.outputs.start for task in self.tasks]
        each = [
            self.factor(k, factors) * total / own.sum()
            for k, own in enumerate(self.weight)
        ]
        for task in self.tasks:
            if task.loss.granularity == "row" and not task.loss.differentiable:
                raise InvalidParameterError(
                    f"LinearMultiTask cannot use {task.loss!r} with a penalty that "
                    "couples tasks, because it has kinks. Use CrossEntropy()."
                )
        loss = Tasks([task.loss for task in self.tasks], sizes, each)
        d = self.rows.n_features
        intercepts = np.full(self.n_outputs, self.model.fit_intercept)
        objective = OutputsObjective(
            *(loss, self.rows, Targets(np.column_stack(self.targets)), weight, total),
            *(price_of(self.model, d, True), self.n_outputs),
            fit_intercept=self.model.fit_intercept,
            predictors=Predictors.of(np.ones((self.n_outputs, d), bool), intercepts),
        )
        result = OutputsSolver(**self._settings()).solve(objective, start)
        penalty = float(objective.penalty.value(result.coef).sum())
        said = [(None, [*result.warnings, *self._other_units(objective)])]
        return TasksFound(
            result.coef, result.intercept, [result], said, result.bound, penalty
        )

    def _other_units(self, objective):
        """That one width of smoothing for all kinks suits only some of the tasks."""
        if objective.loss.differentiable:
            return
        units = outputs_term(objective).units
        least, most = int(np.argmin(units)), int(np.argmax(units))
        if units[most] > MOST_UNITS * units[least]:
            yield (
                f"Targets of the tasks {self.tasks[least].name!r} and "
                f"{self.tasks[most].name!r} differ in size by a factor of "
                f"{units[most] / units[least]:.1g}, and the losses have kinks, for "
                "which the fit has one width: it may be far from its optimum. "
                "Standardize y, or use losses without kinks."
            )

    def losses(self, found):
        """The mean loss of each task."""
        raw = self.rows.dot(found.coef, found.intercept)
        total = np.zeros(len(self.share))
        for k, task in enumerate(self.tasks):
            own = np.ascontiguousarray(raw[:, task.outputs])
            own = own[:, 0] if task.loss.granularity == "point" else own
            here = self.weight[k] > 0
            mean = task.loss.mean(
                self.targets[k][here], own[here], self.weight[k][here]
            )
            total[self.place[k]] += self.share[self.place[k]] * mean
        return total

    def with_uncertainty(self, factors):
        """Weights 1 / (2 L) of the mean losses L of the fit with them."""
        least = start = None
        for _ in range(MOST_ROUNDS):
            found = self.solve(factors, start)
            start = found.coef, found.intercept
            losses = self.losses(found)
            least = LEAST_LOSS * np.abs(losses) if least is None else least
            new = 0.5 / np.maximum(losses, least)
            if np.allclose(new, factors, rtol=SAME_WEIGHTS):
                break
            factors = new
        return found, factors


def _filled(y):
    """Something valid for what was not observed, which has no weight."""
    return np.where(np.isnan(y), y[~np.isnan(y)][0], y)
