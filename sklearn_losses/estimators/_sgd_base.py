"""What SGDRegressor and SGDClassifier share: from checked arrays to fitted attributes.

Here parameters and labels become the objective and the solver, and their result becomes
attributes. Everything numeric is in the layers below.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names

from sklearn_losses._machine._params import (
    BOOLEAN,
    N_JOBS,
    NONE,
    SEED,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    CallbackSupportMixin,
    Labels,
    Matrix,
)
from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._linear_model import (
    LinearModel,
)
from sklearn_losses.estimators._outcome import Outcome
from sklearn_losses.estimators._parameters import (
    draw_seed,
    measured_scale,
    price_of,
    resolve_optimizer,
    resolve_penalty,
)
from sklearn_losses.estimators._validation import (
    ROWS,
    check_large_rows,
    check_offset,
    check_size_of_weights,
    check_weights,
    is_given,
    split_offset,
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.estimators._warnings import (
    ignored_parameters,
    look_at_objective,
)
from sklearn_losses.estimators._watching import (
    EpochCallbacks,
    check_validation_data,
    look_at_offsets,
    make_score,
    publish_curves,
    with_callbacks,
)
from sklearn_losses.losses._best_constant import is_least_at_0
from sklearn_losses.problem._objective import Objective
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers._progress import Watch
from sklearn_losses.solvers._residual_scale import ScaleRows, at_scale
from sklearn_losses.solvers.descent._newton import (
    Newton,
    overflows,
    what_hides_of,
)
from sklearn_losses.solvers.sgd._overflow import WeightsOverflow
from sklearn_losses.solvers.sgd._schedules import Schedule
from sklearn_losses.solvers.sgd._settings import SGDSettings
from sklearn_losses.solvers.sgd._sgd import SGD
from sklearn_losses.solvers.stream._stream import Stream, forget

SCHEDULES = ("constant", "optimal", "invscaling", "adaptive", "pa1", "pa2")
AUTO = "auto"  # no schedule at all: all rows at once

_ETA0 = {"eta0": [Interval(0, None, "neither")]}  # where it is used


class ScorerNames(Options):
    """The names of scikit-learn's scorers."""

    def __init__(self):
        super().__init__(*get_scorer_names())

    def describe(self):
        return "the name of one"


class BaseSGD(CallbackSupportMixin, LinearModel):
    """Linear models of any loss, fitted with all rows at once or by SGD."""

    t_: float
    loss_curve_: Array
    validation_loss_curve_: Array
    validation_score_curve_: Array
    best_epoch_: int | Labels
    objective_curve_: Array
    learning_rate_curve_: Array
    gradient_norm_curve_: Array

    _sgd, _stream = SGD, Stream  # the solvers
    _objects = {"loss": "Huber()", "optimizer": "Adam()", "penalty": "MCP()"}
    _constraints = {
        "alpha": [Interval(0, None, "left")],
        "l1_ratio": [Interval(0, 1, "both"), NONE],
        "fit_intercept": [BOOLEAN],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "tol": [Interval(0, None, "left"), NONE],
        "shuffle": [BOOLEAN],
        "verbose": [Interval(0, None, "left", integer=True), BOOLEAN],
        "epsilon": [Interval(0, None, "left"), NONE],
        "learning_rate": [Options(*SCHEDULES, AUTO)],
        "power_t": [Interval(None, None)],
        "early_stopping": [BOOLEAN],
        "validation_fraction": [Interval(0, 1, "neither")],
        "n_iter_no_change": [Interval(1, None, "left", integer=True)],
        "scoring": [NONE, Instance(Callable, "a scorer"), ScorerNames()],
        "trace": [BOOLEAN],
        "n_jobs": N_JOBS,
        "random_state": SEED,
        "eta0": [Interval(0, None, "left")],
        "warm_start": [BOOLEAN],
        "average": [Interval(1, None, "left", integer=True), BOOLEAN],
        "batch_size": [Interval(1, None, "left", integer=True)],
        "clip_gradient": [Interval(0, None, "neither"), NONE],
        "clip_by": [Options("norm", "value")],
    }

    def fit(
        self,
        X: Matrix,
        y: ArrayLike | None = None,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        offset_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            It is not copied if it is float32 or float64, and C-contiguous or CSR with
            sorted columns.

        y : array-like of shape (n_samples,)
            Targets in the domain of the loss, or labels.

        coef_init : array-like of the shape of `coef_`, default=None
            The coefficients to start from. None means 0, or `coef_` with `warm_start`.

        intercept_init : array-like of the shape of `intercept_`, default=None
            The intercept to start from. None means 0, or `intercept_` with
            `warm_start`. With fit_intercept=False it stays where it is, as in
            scikit-learn.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. A row of weight 0 is as if it were not there.

        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), \
                default=None
            Rows to validate on after each epoch, whatever `early_stopping` is; none are
            then set aside from X. It is not copied where X would not be.

        y_val : array-like of shape (n_validation,), default=None
            Their targets, or labels that occur in y. Required with `X_val`.

        sample_weight_val : array-like of shape (n_validation,), default=None
            Their weights >= 0; None means 1.

        offset : array-like of shape (n_samples,) or (n_samples, n_classes), or \
                float, default=None
            What is known of raw predictions: it is added to them, and has no
            coefficient. With a log link, ``np.log(exposure)``. Of more than two
            classes, a column for each. None means 0.

        offset_val : array-like, default=None
            That of the validation rows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        WeightsOverflow
            A ValueError. It names the epoch, the row and the feature at fault. The
            estimator then has the model of the epoch before; if that was the first, it
            is as it was before.
        """
        with unchanged_on_error(self):
            return self._fit(
                X,
                y,
                sample_weight,
                coef_init=coef_init,
                intercept_init=intercept_init,
                validation=(X_val, y_val, sample_weight_val, offset_val),
                offset=offset,
            )

    @property
    def _schedule(self):
        """`learning_rate`, or, for an optimizer, the steps that "auto" means."""
        is_sgd = isinstance(self.optimizer, str) and self.optimizer == "sgd"
        steps = self.learning_rate == AUTO and not is_sgd
        return "constant" if steps else self.learning_rate

    def _check_parameters(self, partial):
        check_parameters(self, self._constraints)
        name = type(self).__name__
        if self._schedule not in ("optimal", AUTO):
            check_parameters(self, _ETA0)
        elif self.learning_rate == "optimal" and self.alpha == 0:
            raise InvalidParameterError(
                f"The 'alpha' parameter of {name} must be > 0 with "
                "learning_rate='optimal', whose steps are 1 / (alpha (t0 + t - 1)). "
                "Use another learning_rate, or penalty=None with a positive alpha."
            )
        resolve_penalty(self)
        if partial and self.early_stopping:
            raise InvalidParameterError(
                f"The 'early_stopping' parameter of {name} must be False for "
                "partial_fit, which makes one epoch. Got True instead."
            )

    @with_callbacks  # within unchanged_on_error, which takes away what it looks for
    def _fit(
        self,
        X,
        y,
        sample_weight,
        *,
        partial=False,
        classes=None,
        coef_init=None,
        intercept_init=None,
        validation=(None, None, None, None),
        offset=None,
    ):
        self._check_parameters(partial)
        loss = self._usable_loss()
        init = coef_init, intercept_init
        solver = self._checked_solver(partial, loss, init)
        resumes = partial and hasattr(self, "coef_")
        given = X, y, sample_weight
        X, y, check = self._checked_rows(X, y, loss, reset=not resumes)
        given_weight = weight = check_weights(sample_weight, X.shape[0])
        check_size_of_weights(weight)
        encode, n_outputs = self._encoder(y, weight, loss, classes, partial, resumes)
        targets, weight = encode(y, weight, "y")
        offset, offsets = self._offsets(offset, X.shape[0], n_outputs, loss)
        known = n_outputs, X.shape[1], loss
        start = self._resume(*known) if resumes else self._start(*known, *init)
        if not isinstance(solver, Stream):
            start = forget(start)
        train, aside = self._split(targets.y, weight, validation[0] is None)
        price = price_of(self, X.shape[1], loss.granularity == "row")
        solver.check_price(price, self.penalty)
        rows = Rows(X, check)
        if train is not None or loss.needs_scale or not solver.verifies:
            rows.verify()
        if train is not None and len(train) == 0:
            state, found, overflow = self._nothing_learned(start, partial)
        else:
            n_rows = X.shape[0] if train is None else len(train)
            parts = rows, targets, weight, n_rows, price, n_outputs
            objective = self._objective(loss, *parts, self.fit_intercept, offsets)
            objective = self._with_scale(objective, solver, train, partial, resumes)
            loss = objective.loss
            start = self._first(objective, start, train, solver)
            if not resumes:
                look_at_objective(objective, train)
                is_validated = aside is not None or validation[0] is not None
                self._warn_of_ignored(solver, partial or is_validated)
            data = X, y, given_weight, offset
            seen = encode, data, aside, validation
            problem = objective, start, train
            state, found, overflow = self._learn(solver, problem, seen, given, partial)
        vars(self).update(self._fitted(loss, X.dtype, *found))
        self._remember(state, resumes, is_given(offset))
        if overflow is not None:
            raise overflow
        return self

    def _nothing_learned(self, start, partial):
        """What `_learn` returns where no row has a weight: a stream stays as it is."""
        if not partial:
            raise ValueError("All sample weights are zero: nothing is left to fit.")
        self.n_iter_ = 0
        return start, coefficients(start), None

    def _checked_rows(self, X, y, loss, reset=True):
        """See `check_large_rows`."""
        return check_large_rows(self, X, y, reset)

    def _checked_validation(self, validation, loss):
        """See `check_validation_data`."""
        return check_validation_data(self, *validation, **ROWS)

    def _usable_loss(self):
        return self._resolve_loss()

    def _offsets(self, offset, n_rows, n_outputs, loss, name="offset"):
        """Offsets as somebody gives them, and those of all raw predictions."""
        n_public = 1 if n_outputs == 2 else n_outputs
        offset = check_offset(offset, n_rows, n_public, name)
        return offset, split_offset(offset, n_outputs)

    def _objective(self, *parts):
        """See `Objective`."""
        return Objective(*parts)

    def _first(self, objective, start, train, solver):
        """The state that a fit begins with, once there is an objective."""
        return start

    def _checked_solver(self, partial, loss, init):
        """The solver, which takes a start of its own where none is given."""
        solver = self._solver(partial, loss)
        solver.check(loss.at_scale(1.0))
        is_warm = self.warm_start and hasattr(self, "coef_")
        if is_warm or any(array is not None for array in init):
            solver.convex_start = False
        return solver

    def _remember(self, state, resumes, has_offset):
        """Keep what the next call goes on from."""
        self._state, self._state_layout = state, _layout(state)
        self.t_ = float(state["t"].max())
        had_offset = resumes and getattr(self, "_has_offset", False)
        self._has_offset = had_offset or has_offset

    def _learn(self, solver, problem, seen, given, partial):
        """Solve what there is to learn.

        Parameters
        ----------
        solver : Solver
        problem : tuple of Objective, the state to begin with, and the rows that count
        seen : tuple
            As `_watch` takes it.
        given : tuple of X, y and sample_weight
            As they were passed to `fit`.
        partial : bool

        Returns
        -------
        state : dict
        found : list of coef and intercept
        overflow : WeightsOverflow or None
            None: there was none.
        """
        (objective, _, train), dtype = problem, seen[1][0].dtype
        fitted = functools.partial(self._fitted, objective.loss, dtype)
        watch = self._watch(objective, *seen, fitted)
        callbacks = None if partial else self._callbacks(given, fitted)
        if not partial and (self.trace or callbacks is not None):
            watch = replace(watch, trace=self.trace, callbacks=callbacks)
        overflow = None
        try:
            results = self._solve_in_groups(solver, *problem, watch)
            self._warn(solver, results, objective)
            objective.rows.verify()  # if no pass was needed
        except WeightsOverflow as error:
            overflow, results = self._solve_before(error, solver, *problem, watch)
        if not partial:
            publish_curves(self, results)
        state, *found = self._joined(results)
        if callbacks is not None:
            callbacks.end_fit(*found)
        if overflow is None and partial:
            Outcome(self, objective, *found).warn_of_call()
        elif overflow is None:
            gained = [r.gained for r in results if r.gained is not None]
            gained = np.concatenate(gained) if len(gained) == len(results) else None
            more = {"gained": gained, "dtype": dtype, "train": train}
            outcome = Outcome(self, objective, *found, **more)
            self._warn_of_outcome(outcome, all(r.converged for r in results))
        return state, found, overflow

    def _with_scale(self, objective, solver, train, partial, resumes):
        """The objective with a number for a scale "mad", which becomes `scale_`."""
        seen = vars(self).pop("_scale_rows", None)
        if not objective.loss.needs_scale:
            vars(self).pop("scale_", None)
            return objective
        if partial and not (resumes and hasattr(self, "scale_")):
            seen = ScaleRows()
        if partial and seen is not None:
            self._measure_stream(objective, train, seen)
        elif not partial:
            self.scale_, found = measured_scale(objective, train)
            if solver.convex_start:
                solver.convex_start = found
        return at_scale(objective, self.scale_)

    def _measure_stream(self, objective, train, seen):
        """Measure the scale again, until there have been enough rows."""
        seen = seen.joined(objective, train)
        if seen.is_due:
            seen.n_measured = len(seen.rows[1])
            self.scale_ = seen.scale_of_y()
        if self.scale_ is None:
            self.scale_, _ = measured_scale(seen.objective(objective))
        if not seen.are_enough:
            self._scale_rows = seen

    def _fitted(self, loss, dtype, coef, intercept):
        """The attributes that a model of these coefficients predicts with."""
        coef, intercept = self._published(coef, intercept, dtype)
        return {"loss_": loss, "coef_": coef, "intercept_": intercept}

    def _callbacks(self, given, fitted):
        """scikit-learn's callbacks for this fit, or None if there are none.

        Parameters
        ----------
        given : tuple of X, y and sample_weight
            As they were passed to `fit`.
        fitted : callable
            (coef, intercept) -> dict, the attributes that make a model fitted.
        """
        if not getattr(self, "_skl_callbacks", None):
            return None
        unit, n_tasks = "epoch", self.max_iter
        if self.learning_rate == AUTO:
            unit, n_tasks = "iteration", None  # max_iter counts passes over the rows
        context = self._init_callback_context(max_subtasks=n_tasks)
        return EpochCallbacks(self, context, unit, given, fitted)

    def _watch(self, objective, encode, rows, aside, validation, fitted):
        """What is looked at while the model is fitted, by `partial_fit` as well.

        Parameters
        ----------
        objective : Objective
            Of the rows to learn from.
        encode : callable
            From `_encoder`.
        rows : tuple of X, y, sample_weight and offset
            All that was given to `fit`.
        aside : ndarray of uint32 or None
            Those that were set aside.
        validation : tuple of X_val, y_val, sample_weight_val and offset_val
        fitted : callable
            As in `_callbacks`.
        """
        watch = Watch(verbose=self.verbose)
        X, y = self._checked_validation(validation, objective.loss)
        if X is not None:
            look_at_offsets(self, rows[3], validation[3])
            n_outputs, loss = objective.n_outputs, objective.loss
            parts = validation[3], X.shape[0], n_outputs, loss, "offset_val"
            offset, offsets = self._offsets(*parts)
            weight = check_weights(validation[2], X.shape[0], "sample_weight_val")
            targets, factors = encode(y, weight, "y_val")
            if factors is not None:
                aside = np.flatnonzero(factors).astype(np.uint32)
                if len(aside) == 0:
                    raise ValueError(
                        "All weights of the validation rows are zero: nothing is left "
                        "to validate on."
                    )
            objective = replace(
                objective,
                rows=Rows(X),
                targets=targets,
                sample_weight=factors,
                offset=offsets,
            ).without_offset()
            rows = X, y, weight, offset
        elif aside is None:
            return watch
        score = None
        if self.scoring is not None:
            some = slice(None) if aside is None else aside
            rows = [None if a is None else a[some] for a in rows]
            score = make_score(self, *rows, fitted)
        return replace(watch, validation=objective, subset=aside, score=score)

    def _solver(self, partial, loss):
        optimizer = resolve_optimizer(self)
        is_auto = self._schedule == AUTO and not is_least_at_0(loss)
        if is_auto and self.clip_gradient is not None:
            raise InvalidParameterError(
                f"The 'clip_gradient' parameter of {type(self).__name__} must be None "
                "with learning_rate='auto', which has no steps to clip. Got "
                f"{self.clip_gradient!r} instead: use learning_rate='constant', or an "
                "optimizer other than 'sgd'."
            )
        if is_auto and partial:
            return self._stream()
        if is_auto:
            return Newton(
                max_iter=self.max_iter,
                tol=self.tol,
                n_iter_no_change=self.n_iter_no_change,
            )
        optimal = self.learning_rate == "optimal"
        perceptron = self._schedule == AUTO
        schedule = Schedule(
            "constant" if perceptron else self._schedule,
            1.0 if optimal or perceptron else self.eta0,
            self.power_t,
            self.alpha if optimal else 1.0,
        )
        settings = SGDSettings(
            schedule,
            batch_size=self.batch_size,
            n_threads=effective_n_jobs(self.n_jobs),
            average=int(self.average),
            seed=draw_seed(self.random_state) if self.shuffle else None,
            clip=np.inf if self.clip_gradient is None else self.clip_gradient,
            clip_by=self.clip_by,
        )
        return self._sgd(
            settings,
            optimizer=optimizer,
            max_iter=1 if partial else self.max_iter,
            tol=None if partial else self.tol,
            n_iter_no_change=self.n_iter_no_change,
        )

    def _warn(self, solver, results, objective):
        """Warn of what the solver found."""
        for message in dict.fromkeys(m for r in results for m in r.warnings):
            warn_caller(message, ConvergenceWarning)
        if not all(r.converged for r in results):
            gained = [r.gained for r in results if r.gained is not None]
            n_iter = int(max(r.n_iter.max() for r in results))
            failure = f" {self._failure(solver, n_iter)}"
            if gained and not np.isfinite(np.concatenate(gained)).all():
                failure = f": {overflows(objective.loss)}"
            elif isinstance(solver, Newton):
                failure += what_hides_of(objective)
            text = f"{type(self).__name__} did not converge{failure}"
            warn_caller(text, ConvergenceWarning)

    def _failure(self, solver, n_iter):
        """Where a fit has stopped short, and what to do."""
        within = f"in max_iter={self.max_iter}"
        if not isinstance(solver, Newton):
            return (
                f"{within} epochs: the criterion was still falling by more than tol. "
                "Increase max_iter or tol, or scale the features."
            )
        if n_iter + 2 > self.max_iter:
            return (
                f"{within} passes over the rows. Increase max_iter or tol, or alpha, "
                "without which there may be no finite minimum."
            )
        return (
            f"after {n_iter} passes over the rows: no step lowers its objective, and "
            "neither its gradient nor a duality gap says that this is the minimum. "
            "Scale the features, or increase tol or alpha."
        )

    def _warn_of_ignored(self, solver, has_validation):
        """Warn of parameters that were set in vain."""
        makes_steps = isinstance(solver, SGD)
        for message in ignored_parameters(self, makes_steps, has_validation):
            warn_caller(message)

    def _warn_of_outcome(self, outcome, converged):
        """Warn of what is odd about the coefficients."""
        if outcome.loss.outputs and outcome.loss.granularity == "row":
            outcome.warn_of_outputs(converged)  # it has no single raw prediction
        else:
            outcome.warn(converged=converged)

    def _solve_before(self, error, solver, objective, start, train, watch):
        """The error of the first overflow, and the results of the epochs before.

        They are made once more: to keep a copy of all weights would cost every epoch of
        every fit something, and where threads share the classes, each is in an epoch of
        its own.

        Raises
        ------
        WeightsOverflow
            If there are none.
        """
        names = getattr(self, "feature_names_in_", None)
        problem = objective, start, train, replace(watch, verbose=0, callbacks=None)
        while error.epoch > 1:
            try:
                results = self._solve_in_groups(solver.until(error.epoch - 1), *problem)
            except WeightsOverflow as earlier:
                error = earlier
            else:
                return error.of_estimator(names, True), results
        raise error.of_estimator(names, False)

    def _joined(self, results):
        """State, coef and intercept of the results of one or several groups."""
        self.n_iter_ = int(max(r.n_iter.max() for r in results))
        if len(results) == 1:
            return results[0].state, results[0].coef, results[0].intercept
        state = {
            name: np.concatenate([r.state[name] for r in results])
            for name in results[0].state
        }
        return state, *coefficients(state)

    def _solve_in_groups(self, solver, objective, start, train, watch):
        return [solver.solve(objective, start, train, watch)]

    def _split(self, y, weight, may_set_aside=True):
        """The rows to learn from, None for all, and those to validate on, if any."""
        seen = None
        if weight is not None and weight.min() == 0:
            seen = np.flatnonzero(weight).astype(np.uint32)
        if not (self.early_stopping and may_set_aside):
            return seen, None
        if seen is None:
            seen = np.arange(len(y), dtype=np.uint32)
        splitter = self._splitter(
            test_size=self.validation_fraction, random_state=self.random_state
        )
        try:
            train, validation = next(splitter.split(np.zeros((len(seen), 1)), y[seen]))
        except ValueError as error:
            raise ValueError(
                "early_stopping cannot set aside validation_fraction="
                f"{self.validation_fraction} of {len(seen)} rows: {error}"
            ) from error
        return np.sort(seen[train]), np.sort(seen[validation])

    def _start(self, n_outputs, n_features, loss, coef_init, intercept_init):
        """The state that a fit begins with."""
        if self.warm_start and hasattr(self, "coef_"):
            coef_init = self._dense_coef() if coef_init is None else coef_init
            intercept_init = (
                self.intercept_ if intercept_init is None else intercept_init
            )
        return start_of(
            self._initial("coef", coef_init, (n_outputs, n_features)),
            self._initial("intercept", intercept_init, (n_outputs,)),
        )

    def _resume(self, n_outputs, n_features, loss):
        """The state to go on from: the hidden one, unless somebody has set coef_.

        What is hidden of one versus rest means nothing for a joint loss, and vice
        versa: then, too, only the coefficients go on.
        """
        coef, state = self._dense_coef(), getattr(self, "_state", {"v": ()})
        before = getattr(self, "loss_", loss)
        matches = len(state["v"]) == n_outputs
        matches &= before.granularity == loss.granularity
        if matches:
            self._check_state()
            if coef.dtype == np.float64 and np.shares_memory(coef, state["v"]):
                return state | {"intercept": np.array(self.intercept_, np.float64)}
        start = start_of(
            self._initial("coef", coef, (n_outputs, n_features)),
            self._initial("intercept", self.intercept_, (n_outputs,)),
        ) | {"t": np.full(n_outputs, getattr(self, "t_", 1.0))}
        if not matches:
            return start
        hidden_coef, hidden_intercept = self._published(
            *coefficients(state), coef.dtype
        )
        if np.array_equal(hidden_coef, coef) and np.array_equal(
            hidden_intercept, self.intercept_
        ):
            return state
        return start

    def _check_state(self):
        """Refuse what is hidden if an array was cut: kernels trust its shape."""
        if _layout(self._state) != getattr(self, "_state_layout", None):
            raise ValueError(
                f"What {type(self).__name__} keeps between calls of partial_fit is not "
                "as it was left: the attribute _state was changed, or is of another "
                "version. Delete it to go on from coef_ alone, or fit again."
            )


def _layout(state):
    """Type and shape of each array of a state."""
    arrays = {name: np.asarray(value) for name, value in state.items()}
    return {name: (array.dtype, array.shape) for name, array in arrays.items()}
