"""Losses of several outputs in SGDRegressor: see `_outputs`.

With all rows at once the fit is that of LinearRegressor. Epochs move the weights that
an output's predictor has, and a stream remembers how all outputs pulled.
"""

from __future__ import annotations

from copy import copy
from dataclasses import fields

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.estimators._parameters import draw_seed
from sklearn_losses.estimators._sgd_base import AUTO
from sklearn_losses.estimators._validation import check_offset
from sklearn_losses.estimators.outputs._outputs import (
    OutputsMixin,
    are_pairs,
    has_outputs,
    intervals,
    rows_of,
)
from sklearn_losses.losses import Quantiles
from sklearn_losses.losses._outputs import finite_start
from sklearn_losses.problem._objective import Objective
from sklearn_losses.problem._outputs import LevelsObjective, OutputsObjective
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers.descent._newton import Newton
from sklearn_losses.solvers.descent._outputs import OutputsSolver
from sklearn_losses.solvers.descent._outputs_newton import OutputsNewton
from sklearn_losses.solvers.stream._stream import Stream

FEW_ROWS = 10  # may have no spread


def are_levels(loss):
    """Whether each output has an objective of its own."""
    return isinstance(loss, Quantiles) and not loss.is_parallel


class JointSGD:
    """One objective of several outputs, in an estimator that makes steps."""

    _hides_outputs = "coef_", "intercept_"  # what is published of them
    _outputs_solver = OutputsSolver

    def _offsets(self, offset, n_rows, n_outputs, loss, name="offset"):
        if not has_outputs(loss):
            return super()._offsets(offset, n_rows, n_outputs, loss, name)
        offset = check_offset(offset, n_rows, 1, name)
        if offset is None:
            return None, None
        if are_levels(loss):
            return offset, np.tile(offset, n_outputs)
        others = np.zeros((n_rows, n_outputs - 1))
        return offset, np.column_stack([offset, others])

    def _objective(self, loss, *parts):
        objective = super()._objective(loss, *parts)
        if not has_outputs(loss):
            return objective
        own = [field.name for field in fields(Objective)]
        return self._of_outputs(loss, {name: getattr(objective, name) for name in own})

    def _solver(self, partial, loss):
        solver = super()._solver(partial, loss)
        is_joint = has_outputs(loss) and not are_levels(loss)
        if not (is_joint and isinstance(solver, Newton)):
            return solver
        settings = {"max_iter": self.max_iter, "tol": self.tol or 0.0}
        settings |= {"seed": draw_seed(self.random_state), "owner": type(self).__name__}
        return OutputsNewton(self._outputs_solver(**settings), self.n_iter_no_change)

    def _start(self, n_outputs, n_features, loss, coef_init, intercept_init):
        shape = n_outputs, n_features
        if not has_outputs(loss) or are_levels(loss):
            return super()._start(*shape, loss, coef_init, intercept_init)
        start = start_of(np.zeros(shape), np.zeros(n_outputs))
        if self.warm_start and self._remembers(shape):
            start = start_of(*coefficients(self._state))
        if coef_init is not None:
            start["v"][0] = self._initial("coef", coef_init, (1, n_features))[0]
        if intercept_init is not None:
            start["intercept"][0] = self._initial("intercept", intercept_init, (1,))[0]
        return start

    def _first(self, objective, start, train, solver):
        """The same, with likely parameters of the loss where it has none yet."""
        loss, (coef, intercept) = objective.loss, coefficients(start)
        is_joint = has_outputs(loss) and not are_levels(loss)
        known = coef[1:].any() or intercept[1:].any()
        if not is_joint or known or isinstance(solver, Stream):
            return start
        whole = objective.restricted(train)
        if isinstance(solver, OutputsNewton):
            likely = self._outputs_start(whole)
        else:
            likely = np.zeros(coef.shape), self._constants(whole)
        if coef[0].any() or intercept[0] != 0:
            likely[0][0], likely[1][0] = coef[0], intercept[0]
        return start_of(*likely) | {"t": start["t"]}

    def _constants(self, objective):
        """Constant outputs to begin steps with; few rows of a stream have no spread."""
        y, weight = rows_of(objective)
        loss = objective.loss
        if len(y) < FEW_ROWS and "scale" in loss.outputs:
            y, weight = np.concatenate([y, 0.5 * y, 1.5 * y]), np.tile(weight, 3)
        start = finite_start(loss, y, weight)
        start[0] = start[0] if objective.fit_intercept else 0.0
        return start

    def _resume(self, n_outputs, n_features, loss):
        shape = n_outputs, n_features
        if not has_outputs(loss):
            return super()._resume(*shape, loss)
        if self._remembers(shape):
            self._check_state()
            known = vars(self) | {"coef_": self._dense_coef()}
            dtype = known["coef_"].dtype
            found = copy(self)._fitted(loss, dtype, *coefficients(self._state))
            if all(np.array_equal(found[n], known[n]) for n in self._hides_outputs):
                return self._state
        return self._resume_from_published(shape, loss)

    def _resume_from_published(self, shape, loss):
        """The state to go on from where somebody has set coef_."""
        coef, intercept = self._dense_coef(), np.ravel(self.intercept_)
        n_rows = shape[0] if are_levels(loss) else 1
        if np.atleast_2d(coef).shape != (n_rows, shape[1]):
            raise ValueError(
                f"{type(self).__name__} cannot go on with {loss!r} from coef_ of shape "
                f"{coef.shape}, which another loss has left. Use fit, or a new one."
            )
        start = start_of(np.zeros(shape), np.zeros(shape[0]))
        start["v"][:n_rows], start["intercept"][:n_rows] = coef, intercept
        return start | {"t": np.full(shape[0], getattr(self, "t_", 1.0))}

    def _remembers(self, shape):
        return getattr(self, "_state", {"v": np.zeros(0)})["v"].shape == shape


class SGDOutputs(JointSGD, OutputsMixin):
    """Parameters of a loss that are fitted, in an estimator that makes steps."""

    def _usable_loss(self):
        loss = super()._usable_loss()
        if isinstance(loss, Quantiles) and loss.is_constrained:
            raise InvalidParameterError(
                f"{type(self).__name__} cannot use {loss!r}, whose coefficients are "
                "bound to each other. Use crossing='sort' or 'parallel', or "
                "LinearRegressor."
            )
        if are_levels(loss) and len(loss.outputs) == 1:
            self._predictors(loss, 1)  # which refuses features
            return loss.each()[0]
        if has_outputs(loss) and self._schedule != AUTO:
            loss = loss.for_steps()
        if not has_outputs(loss) and self.features is not None:
            self._predictors(loss, 1)
        return loss

    def _checked_validation(self, validation, loss):
        X, y, *rest = validation
        y = intervals(y, loss) if loss.outputs else y
        if not are_pairs(y, loss):
            return super()._checked_validation((X, y, *rest), loss)
        parts = (X, np.zeros(len(y)), *rest), loss
        X, _ = super()._checked_validation(*parts)
        return X, np.asarray(y)

    def _of_outputs(self, loss, own):
        predictors = self._predictors(loss, own["rows"].n_features)
        if not are_levels(loss):
            return OutputsObjective(**own, predictors=predictors).without_offset()
        if self._schedule == AUTO:
            return LevelsObjective(**own, losses=tuple(loss.each()))
        # A step of all levels is one of each, whose objectives are added up.
        n, n_rows = own["n_outputs"], own["rows"].n_rows
        weight = own["sample_weight"]
        weight = np.full(n_rows, float(n)) if weight is None else n * weight
        moves = np.ones((n, own["rows"].n_features + 1), dtype=bool)
        moves[:, -1] = self.fit_intercept
        own = own | {"sample_weight": weight}
        return OutputsObjective(**own, predictors=Predictors(moves))
