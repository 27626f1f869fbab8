"""Outputs of ordered classes: a latent value, and thresholds in their order."""

from dataclasses import replace
from functools import partial

import numpy as np

from sklearn_losses.design._predictors import Predictors
from sklearn_losses.solvers.descent._outputs import OutputsSolver


class OrdinalSolver(OutputsSolver):
    """Newton's method, with thresholds in order: those that would decrease are one."""

    def steps(self, objective, start):
        columns = np.arange(1, objective.n_outputs)
        while True:
            result, fit = yield from self._shown(objective, start, columns)
            ends = result.intercept[columns]
            if (np.diff(ends) >= 0).all():
                break
            columns = _merged(columns, result.intercept)
            n_outputs = columns[-1] + 1
            objective = replace(
                objective,
                loss=objective.loss.merged(columns),
                n_outputs=n_outputs,
                predictors=Predictors.beside(objective.rows.n_features, n_outputs),
            )
            start = start[0][:n_outputs], start[1][:n_outputs]
        coef, intercept = _apart(lambda: (result.coef, result.intercept), columns)
        return replace(result, coef=coef, intercept=intercept), fit

    def _shown(self, objective, start, columns):
        """Iterations of which all thresholds are seen, also those that are one."""
        steps = super().steps(objective, start)
        while True:
            try:
                found = next(steps)
            except StopIteration as end:
                return end.value
            yield partial(_apart, found, columns)

    def _warnings(self, descent):
        said, problem = super()._warnings(descent), descent.problem
        binary = getattr(problem.term.loss, "loss", None)
        ends = binary is not None and np.isfinite(binary.optimal_constant([1.0]))
        if said or ends or not problem.price.is_nothing:
            return said
        if descent.state.best > self.tol * descent.start.at_constant:
            return []
        return [
            f"{self.owner} fits every row perfectly, as where thresholds separate all "
            "classes. Without a penalty its objective then has no minimum, and "
            "coefficients grow without end; these leave less than tol to gain. Use "
            "alpha > 0."
        ]


def _apart(found, columns):
    """Coefficients and intercepts with an output for each threshold."""
    of_some, intercept = found()
    coef = np.zeros((len(columns) + 1, of_some.shape[1]))
    coef[0] = of_some[0]
    return coef, np.append(intercept[0], intercept[columns])


def _merged(columns, intercept):
    """One output for the first thresholds that decrease."""
    ends = intercept[columns]
    j = int(np.flatnonzero(np.diff(ends) < 0)[0])
    same = columns >= columns[j + 1]
    return columns - same.astype(columns.dtype) * (columns[j + 1] - columns[j])
