"""SGDMultiTask: a loss for each column of y, by steps or as a stream."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses._machine._params import (
    NONE,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
)
from sklearn_losses._machine._typing import ArrayLike, Matrix, Seed
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._linear_model import LinearModel
from sklearn_losses.estimators._parameters import draw_seed, price_of
from sklearn_losses.estimators._sgd_base import AUTO, BaseSGD
from sklearn_losses.estimators._validation import (
    check_large_rows,
    check_weights,
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.estimators._warnings import ignored_parameters
from sklearn_losses.estimators._watching import publish_curves
from sklearn_losses.estimators.blocks._blocks import learns_from_blocks
from sklearn_losses.estimators.outputs._outputs import rows_of
from sklearn_losses.estimators.outputs._sgd_outputs import JointSGD
from sklearn_losses.estimators.tasks._task_fits import UNCERTAINTY, TasksFound
from sklearn_losses.estimators.tasks._task_streams import (
    MapStream,
    RankStream,
    are_published,
    moments_of,
    raw_of,
    seen,
    sizes_of,
    units_of,
)
from sklearn_losses.estimators.tasks._task_targets import (
    NUMBERS,
    columns_of,
    is_missing,
    kind_of,
    some,
)
from sklearn_losses.estimators.tasks._tasks import Task, TasksMixin
from sklearn_losses.losses import Loss, SquaredError
from sklearn_losses.losses._outputs import finite_start
from sklearn_losses.losses._tasks import Tasks
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers._progress import Watch
from sklearn_losses.solvers.sgd._optimizers import Optimizer
from sklearn_losses.solvers.sgd._overflow import WeightsOverflow
from sklearn_losses.solvers.sgd._shared_map import (
    Averaging,
    Epochs,
    Fixed,
    GradientNorms,
    SharedMap,
    batches_of,
)
from sklearn_losses.solvers.stream._stream import forget

GRADNORM, DWA = "gradnorm", "dwa"
MOST_UNITS = 100.0  # of the loss of one task may another have, for steps
SCHEMES = {GRADNORM: GradientNorms, DWA: Averaging}


class TaskCurves:
    """The mean loss of each task after each epoch, seen as a callback of `Watch`."""

    def __init__(self, problem):
        self.problem, self.losses = problem, []

    def begin(self):
        """An epoch begins."""

    def end(self, coef, intercept):
        """An epoch has ended; the fit goes on."""
        self.losses.append(self.problem.losses(coef, intercept))
        return False


class SGDMultiTask(JointSGD, TasksMixin, BaseSGD):
    """Linear models of several targets, by steps or as a stream.

    It minimizes what `LinearMultiTask` does,

        sum_t weight_t mean_i loss_t(y_it, x_i . w_t + b_t) + alpha penalty(w)

    with all rows at once, by steps, or from rows that come once.

    Parameters
    ----------
    loss : Loss, str or dict of name to them, default='squared_error'
        The loss of all columns of y, or of each task. ``loss__box__delta`` is a
        parameter of the loss of the task "box".

    columns : dict of name to columns, default=None
        The columns of y of each task, as of `LinearMultiTask`.

    weights : dict of name to float, 'uncertainty', 'gradnorm' or 'dwa', default=None
        The weight of each task; None means 1. 'uncertainty': as of `LinearMultiTask`.
        'gradnorm' and 'dwa' need steps and a `rank`: they say, while the steps are
        made, how much each task pulls at the map that all share. 'gradnorm' makes the
        gradients of tasks alike, and larger of those that learn slowly [1]_; 'dwa'
        gives more weight to tasks whose losses fall slowly from epoch to epoch [2]_.
        An epoch of `partial_fit` is at least 1000 rows, of as many calls as they take.

    rank : int, default=None
        How many linear maps of the features all tasks share, as of `LinearMultiTask`.
        With steps these are Adam's of size `eta0`, in units of features and targets,
        whatever `optimizer` is.

    penalty, alpha, l1_ratio, fit_intercept
        As of `LinearMultiTask`.

    max_iter, tol, shuffle, verbose, n_jobs, random_state, learning_rate, eta0, power_t
        As of `SGDRegressor`.

    n_iter_no_change, average, batch_size, optimizer, clip_gradient, clip_by
        As of `SGDRegressor`.

    trace : bool, default=False
        Whether `fit` by steps records `task_curves_`: a pass over the rows for each
        epoch.

    Attributes
    ----------
    coef_ : ndarray of shape (n_outputs, n_features)
        A row for each column of y, or each class of one with several.

    intercept_ : ndarray of shape (n_outputs,)

    tasks_ : list of (name, columns, loss, classes, outputs)
        What the columns of y are, and which rows of coef_ are theirs.

    classes_ : dict of name to list of ndarray
        The labels of each task that is a classification, of each of its columns.

    weights_ : dict of name to float
        Those of the last step.

    losses_ : dict of name to float
        The mean loss of each task, without its weight; of `partial_fit`, that of the
        rows of the last call.

    loss_curve_ : ndarray of shape (n_epochs,)
        What `fit` by steps has watched: the objective or, with a rank, the mean of the
        tasks' losses in units of their first.

    task_curves_ : dict of name to ndarray of shape (n_epochs,)
        With `trace`: the mean loss of each task after each epoch, which
        `LossCurveDisplay` draws.

    n_iter_ : int
        The number of epochs made, or of passes over the rows.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has names that are all strings.

    See Also
    --------
    LinearMultiTask : To the optimum, with a gap.

    Notes
    -----
    In `partial_fit` by steps without a rank a row in which a task was not observed
    counts in its mean, as the number of those to come is not known. With
    learning_rate='auto' it learns each target by itself, from the rows in which it was
    observed; with a rank, coef_ are then the nearest of that rank, which for squares is
    reduced rank regression.

    References
    ----------
    .. [1] Chen, Badrinarayanan, Lee and Rabinovich 2018, "GradNorm: gradient
       normalization for adaptive loss balancing in deep multitask networks", ICML.
    .. [2] Liu, Johns and Davison 2019, "End-to-end multi-task learning with attention",
       CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import Huber, SGDMultiTask
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> Y = np.column_stack([2 * X[:, 0], X[:, 0] > 0])
    >>> Y[::7, 0] = np.nan  # not observed
    >>> model = SGDMultiTask({"size": Huber(), "kind": "log_loss"})
    >>> model.partial_fit(X, Y, classes={"kind": [0, 1]}).predict([[0.5]]).round(1)
    array([[1., 1.]])
    """

    task_curves_: dict[str, Any]

    _objects = {"optimizer": "Adam()", "penalty": "MCP()"}
    _constraints = {
        name: allowed
        for name, allowed in BaseSGD._constraints.items()
        if name not in ("epsilon", "early_stopping", "validation_fraction", "scoring")
        and name != "warm_start"
    } | {
        "weights": [
            Options(UNCERTAINTY, *SCHEMES),
            Instance(Mapping, "a dict of task to float"),
            NONE,
        ],
        "rank": [Interval(1, None, "left", integer=True), NONE],
        "columns": [Instance(Mapping, "a dict of task to columns"), NONE],
    }
    early_stopping, warm_start = False, False

    def __init__(
        self,
        loss: Loss | str | Mapping[str, Loss | str] = "squared_error",
        *,
        columns: Mapping[str, Any] | None = None,
        weights: Mapping[str, float] | str | None = None,
        rank: int | None = None,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        n_jobs: int | None = None,
        random_state: Seed = None,
        learning_rate: str = "auto",
        eta0: float = 0.01,
        power_t: float = 0.25,
        n_iter_no_change: int = 5,
        average: int = False,
        batch_size: int = 1,
        trace: bool = False,
        optimizer: Optimizer | str = "sgd",
        clip_gradient: float | None = None,
        clip_by: str = "norm",
    ) -> None:
        self.loss = loss
        self.columns = columns
        self.weights = weights
        self.rank = rank
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.n_iter_no_change = n_iter_no_change
        self.average = average
        self.batch_size = batch_size
        self.trace = trace
        self.optimizer = optimizer
        self.clip_gradient = clip_gradient
        self.clip_by = clip_by

    # ---------------------------------------------------------------------------- fit
    def _fit_tasks(self, X, y, sample_weight):
        self._check_parameters(False)
        self._check_scheme()
        problem, dtype = self._problem(X, y, sample_weight)
        factors = self._weights_of(problem.tasks)
        vars(self).pop("task_curves_", None)
        publish_curves(self, [])
        if self._schedule == AUTO:
            coef, intercept, factors = self._at_once(problem, factors)
        elif self.rank is not None:
            coef, intercept, factors = self._by_shared_steps(problem, factors)
        else:
            coef, intercept = self._by_steps(problem, factors)
        self._publish_tasks(problem, coef, intercept, factors, dtype)
        for name in ("_state", "_states", "_shared", "_of_rank"):
            vars(self).pop(name, None)
        self.t_ = 1.0 + problem.rows.n_rows  # to a stream it is worth its rows
        return self

    def _check_parameters(self, partial):
        super()._check_parameters(partial)
        makes_steps = self._schedule != AUTO
        if not makes_steps:
            self._solver(partial, SquaredError())  # which refuses what it cannot use
        if not (partial and hasattr(self, "coef_")):
            for message in ignored_parameters(self, makes_steps, False):
                warn_caller(message)

    def _check_scheme(self):
        """Refuse weights that the kind of fit does not know."""
        scheme, has_steps = self.weights, self._schedule != AUTO
        if not isinstance(scheme, str):
            return
        if scheme in SCHEMES and not (has_steps and self.rank is not None):
            raise InvalidParameterError(
                f"{type(self).__name__}(weights={scheme!r}) needs a rank and steps, as "
                "it watches gradients by the map that tasks share. Use rank=2 and "
                "learning_rate='constant', or weights='uncertainty'."
            )
        if scheme == UNCERTAINTY and has_steps:
            raise InvalidParameterError(
                f"{type(self).__name__}(weights={scheme!r}) needs learning_rate='auto' "
                "and fit. Use weights='gradnorm' with a rank, or a dict."
            )

    def _at_once(self, problem, factors):
        """The fit of LinearMultiTask."""
        problem.model = copy(self)
        problem.model.tol = self.tol or 1e-10
        found, factors = problem.with_weights(factors)
        self._warn_of_tasks(found)
        self._warn_of_penalties(problem, found, factors)
        self.n_iter_ = found.n_iter
        return found.coef, found.intercept, factors

    def _by_steps(self, problem, factors):
        loss = problem.joint_loss(factors)
        objective = problem.joint_objective(loss, problem.n_outputs)
        n_rows, total = problem.rows.n_rows, objective.total_weight
        weight = objective.sample_weight * (n_rows / total)
        objective = replace(objective, sample_weight=weight, total_weight=float(n_rows))
        solver = self._solver(False, loss)
        solver.check(loss)
        solver.check_price(objective.penalty, self.penalty)
        constants = finite_start(loss, *rows_of(objective)) * self.fit_intercept
        coef = np.zeros((problem.n_outputs, problem.rows.n_features))
        curves = TaskCurves(problem) if self.trace else None
        watch = Watch(verbose=self.verbose, trace=self.trace, callbacks=curves)
        try:
            result = solver.solve(objective, start_of(coef, constants), None, watch)
        except WeightsOverflow as error:
            names = getattr(self, "feature_names_in_", None)
            raise error.of_estimator(names, False) from None
        self._warn(solver, [result], objective)
        publish_curves(self, [result])
        if curves is not None:
            self._publish_task_curves(problem, curves)
        self.n_iter_ = int(result.n_iter.max())
        found = result.coef, result.intercept
        said, unknown = [], np.nan  # bound and penalty, which nobody asks for
        steps = TasksFound(*found, [result], said, unknown, unknown)
        self._warn_of_penalties(problem, steps, factors)
        return found

    def _publish_task_curves(self, problem, curves):
        names = list(dict.fromkeys(task.name for task in problem.tasks))
        self.task_curves_ = dict(zip(names, np.array(curves.losses).T))

    def _by_shared_steps(self, problem, factors):
        rows, given = problem.rows, problem.given[0]
        base = self._units_of_losses(problem, factors)
        loss = problem.joint_loss(base)
        X = _as_array(rows)
        weight = given * (len(given) / given.sum())
        mean, squares = moments_of(X, weight, self.fit_intercept)
        if not isinstance(self.weights, str):
            self._warn_of_units(problem, factors / base)
        steps = self._new_map(problem.place, problem.n_outputs, rows.n_features)
        if not isinstance(self.weights, str):
            steps.weights = Fixed(factors / base)
        y = np.column_stack(problem.targets)
        start = finite_start(loss, y[given > 0], given[given > 0]) * self.fit_intercept
        units = np.repeat(loss.units, loss.sizes).astype(np.float64)
        seed = draw_seed(self.random_state) if self.shuffle else None
        rng = np.random.default_rng(seed or 0)
        steps.begin(rng, start, mean, units_of(mean, squares), units)

        def epoch():
            order = rng if self.shuffle else None
            batches = batches_of(len(y), self.batch_size, order)
            return steps.epoch(loss, base, X, y, weight, batches)

        curves = TaskCurves(problem) if self.trace else None
        look = None if curves is None else curves.end
        epochs = Epochs(self.max_iter, self.n_iter_no_change, self.tol)
        curve, converged = epochs.make(steps, epoch, look)
        self.loss_curve_, self.n_iter_ = np.array(curve), len(curve)
        if curves is not None:
            self._publish_task_curves(problem, curves)
        if not converged:
            self._warn_of_epochs()
        return *steps.found(), steps.weights.factors * base

    def _new_map(self, place, n_outputs, n_features):
        """The map that tasks share in steps."""
        scheme = SCHEMES[self.weights] if isinstance(self.weights, str) else Fixed
        return SharedMap(
            np.asarray(place),
            scheme(np.ones(max(place) + 1)),
            min(self.rank, n_outputs, n_features),
            float(np.max(price_of(self, n_features, True).l2)),
            self.eta0,
            self.fit_intercept,
        )

    def _warn_of_units(self, problem, sizes):
        """Say so if steps would be those of one task."""
        if sizes.max() <= MOST_UNITS * sizes.min():
            return
        names = list(dict.fromkeys(task.name for task in problem.tasks))
        most, least = names[sizes.argmax()], names[sizes.argmin()]
        warn_caller(
            f"The task {most!r} counts {sizes.max() / sizes.min():.2g} times as much "
            f"as {least!r} in {type(self).__name__}, and steps of the map that they "
            "share follow it alone. Use weights='gradnorm', a dict, or "
            "learning_rate='auto'."
        )

    def _units_of_losses(self, problem, factors):
        """What the losses of the best constants are worth: each the same.

        So units of targets do not matter to who chooses the weights; and given ones are
        what they are.
        """
        loss, given = problem.joint_loss(np.ones(len(factors))), problem.given[0]
        y = np.column_stack(problem.targets)
        constants = finite_start(loss, y[given > 0], given[given > 0])
        coef = np.zeros((problem.n_outputs, problem.rows.n_features))
        return 1.0 / np.maximum(np.abs(problem.losses(coef, constants)), 1e-300)

    def _warn_of_epochs(self):
        warn_caller(
            f"{type(self).__name__} did not converge in max_iter={self.max_iter} "
            "epochs: the losses of the tasks were still falling by more than tol. "
            "Increase max_iter, tol or eta0.",
            ConvergenceWarning,
        )

    # ------------------------------------------------------------------- partial_fit
    @learns_from_blocks
    def partial_fit(
        self,
        X: Matrix | RowBlocks,
        y: Any = None,
        classes: Mapping[str, ArrayLike] | None = None,
        sample_weight: ArrayLike | Mapping[str, ArrayLike] | None = None,
    ) -> Self:
        """Make one epoch over these rows, or take them in with learning_rate='auto'.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            Numbers and labels. nan or None: not observed.
        classes : dict of name to labels, default=None
            All labels that may occur in any call, of each task that is a
            classification. Required in the first call.
        sample_weight : array-like of shape (n_samples,), or dict of name to them, \
                default=None
            Weights >= 0 of rows, of all tasks or, with learning_rate='auto', of each;
            None means 1.

        Returns
        -------
        self : object
        """
        with unchanged_on_error(self):
            return self._take_in(X, y, classes, sample_weight)

    def _take_in(self, X, y, classes, sample_weight):
        self._check_parameters(True)
        self._check_stream()
        resumes = hasattr(self, "coef_")
        names, values = columns_of(y)
        if not resumes:
            self._container = names, kind_of(y)
        y = np.zeros(len(values))
        X, _, check = check_large_rows(self, X, y, reset=not resumes)
        tasks = self.tasks_ if resumes else self._declared(names, values, classes)
        targets = [_as_declared(values, task, self) for task in tasks]
        weights = self._weights_of_rows(sample_weight, X.shape[0], tasks)
        rows = Rows(X, check)
        rows.verify()
        take = self._take_apart if self._schedule == AUTO else self._make_epoch
        if self.rank is not None:
            is_auto = self._schedule == AUTO
            take = self._take_nearest if is_auto else self._take_shared
        found = take(rows, tasks, targets, weights, resumes)
        vars(self).update(self._fitted(None, X.dtype, *found))
        self.n_iter_ = 1
        return self._publish_stream(tasks, rows, targets, weights)

    def _weights_of_rows(self, given, n_rows, tasks):
        """The weights of each target's rows, or None; all may be 0."""
        if not isinstance(given, Mapping):
            return [check_weights(given, n_rows)] * len(tasks)
        if self._schedule != AUTO:
            raise ValueError(
                f"{type(self).__name__} cannot use sample_weight of each task by "
                "steps, which are of all. Use weights of rows, nan where a target does "
                "not count, or learning_rate='auto'."
            )
        return self._weights_by_name(given, n_rows, tasks)

    # Nothing that a stream knows couples tasks.
    def _take_apart(self, rows, tasks, targets, weights, resumes):
        """Take in the rows of each target by itself, as they were observed."""
        solver, n_outputs = self._solver(True, SquaredError()), tasks[-1].outputs.stop
        coef, intercept = np.zeros((n_outputs, rows.n_features)), np.zeros(n_outputs)
        states = getattr(self, "_states", None) if resumes else None
        if resumes:
            coef[:], intercept[:] = self._dense_coef(), self.intercept_
        factors = self._factors(tasks)[1]
        states, new = states or [None] * len(tasks), []
        for k, task in enumerate(tasks):
            own = coef[task.outputs], intercept[task.outputs]
            start = self._state_of_task(states[k], *own)
            model = copy(self)
            model.alpha, model.loss = self.alpha / factors[k], task.loss
            here = seen(targets[k], weights[k])
            if len(here) == 0:
                new.append(start)
                continue
            objective = _alone(model, rows, task, targets[k], weights[k], len(here))
            solver.check(task.loss)
            solver.check_price(objective.penalty, self.penalty)
            result = solver.solve(objective, start, here)
            new.append(result.state)
            coef[task.outputs], intercept[task.outputs] = result.coef, result.intercept
        self._states, self.t_ = new, max(float(each["t"].max()) for each in new)
        return coef, intercept

    def _state_of_task(self, state, coef, intercept):
        """The state to go on from: the hidden one, unless somebody has set coef_."""
        if state is not None:
            hidden = [a.astype(self.coef_.dtype) for a in coefficients(state)]
            if np.array_equal(hidden[0], coef) and np.array_equal(hidden[1], intercept):
                return state
        t = getattr(self, "t_", 1.0) if coef.any() else 1.0
        return start_of(coef, intercept) | {"t": np.full(len(coef), t)}

    def _make_epoch(self, rows, tasks, targets, weights, resumes):
        """Steps of all targets, whose losses are added up."""
        weight = weights[0]  # which is that of all
        objective = self._sum_of_tasks(rows, tasks, targets, weight)
        loss, shape = objective.loss, (objective.n_outputs, rows.n_features)
        solver = self._solver(True, loss)
        solver.check(loss)
        solver.check_price(objective.penalty, self.penalty)
        if resumes:
            start = forget(self._resume(*shape, loss))
        else:
            constants = finite_start(loss, *rows_of(objective)) * self.fit_intercept
            start = start_of(np.zeros(shape), constants)
        here = None if weight is None else np.flatnonzero(weight).astype(np.uint32)
        state, found = start, coefficients(start)
        if here is None or len(here):
            result = solver.solve(objective, start, here)
            self._warn(solver, [result], objective)
            state, found = result.state, (result.coef, result.intercept)
        self._remember(state, resumes, False)
        return found

    # What couples tasks in a stream is a rank.
    def _take_nearest(self, rows, tasks, targets, weights, resumes):
        """Learn apart, and publish the nearest coefficients of the rank."""
        stream = copy(getattr(self, "_of_rank", None)) if resumes else None
        apart = copy(self)
        if are_published(self, stream and stream.published):
            apart.coef_, apart.intercept_ = stream.apart
        else:
            stream = RankStream(tasks[-1].outputs.stop, rows.n_features)
        stream.apart = apart._take_apart(rows, tasks, targets, weights, resumes)
        self._states, self.t_, self._of_rank = apart._states, apart.t_, stream
        weight = np.max([_or_ones(w, rows.n_rows) for w in weights], axis=0)
        here = weight > 0
        if here.any():
            X, y = _as_array(rows)[here], [each[here] for each in targets]
            stream.take(tasks, X, y, weight[here], self._factors(tasks)[1])
        l2 = float(np.max(price_of(self, rows.n_features, True).l2))
        return stream.nearest(l2, self.rank)

    def _take_shared(self, rows, tasks, targets, weights, resumes):
        """Make an epoch of the map that tasks share."""
        stream, start = self._map_stream(rows, tasks, resumes), None
        if resumes and not are_published(self, stream.published):
            start = self._dense_coef().astype(np.float64), self.intercept_
        weight = _or_ones(weights[0], rows.n_rows)
        here = weight > 0
        self._shared, self.t_ = stream, getattr(self, "t_", 1.0) + here.sum()
        if not here.any():
            n_outputs = tasks[-1].outputs.stop
            zeros = np.zeros((n_outputs, rows.n_features)), np.zeros(n_outputs)
            return start or stream.published or zeros
        factors = None if isinstance(self.weights, str) else self._weights_of(tasks)
        rng = np.random.default_rng(draw_seed(self.random_state))
        X, y = _as_array(rows)[here], [each[here] for each in targets]
        order = rng if self.shuffle else None
        batches = list(batches_of(len(y[0]), self.batch_size, order))
        return stream.take(tasks, X, y, weight[here], factors, rng, batches, start)

    def _map_stream(self, rows, tasks, resumes):
        """What the last call has left, with the parameters of now."""
        place, n_outputs = self._factors(tasks)[0], tasks[-1].outputs.stop
        new = self._new_map(place, n_outputs, rows.n_features)
        stream = deepcopy(getattr(self, "_shared", None)) if resumes else None
        if stream is None or stream.map.rank != new.rank:
            return MapStream(new, rows.n_features, len(tasks))
        stream.map.l2, stream.map.adam.size = new.l2, new.eta
        if type(new.weights) is not type(stream.map.weights):
            stream.map.weights = new.weights
        return stream

    def _check_stream(self):
        self._check_scheme()
        self._check_rank()
        if self.weights == UNCERTAINTY:
            raise InvalidParameterError(
                f"partial_fit of {type(self).__name__} cannot use weights="
                f"{self.weights!r}, which are those of a fit of all rows. Use fit, "
                "weights='gradnorm' with a rank and steps, or a dict."
            )

    def _factors(self, tasks):
        """The task of each target, and what its mean loss counts."""
        names = list(dict.fromkeys(task.name for task in tasks))
        place = np.array([names.index(task.name) for task in tasks])
        return place, self._weights_of(tasks)[place] / np.bincount(place)[place]

    def _sum_of_tasks(self, rows, tasks, targets, weight):
        sizes = sizes_of(tasks)
        loss = Tasks([t.loss for t in tasks], sizes, self._factors(tasks)[1])
        n_outputs, n_rows = sum(sizes), rows.n_rows
        n_rows = n_rows if weight is None else max(np.count_nonzero(weight), 1)
        return OutputsObjective(
            *(loss, rows, Targets(np.column_stack(targets)), weight, float(n_rows)),
            *(price_of(self, rows.n_features, True), n_outputs),
            fit_intercept=self.fit_intercept,
            predictors=_all_columns(self, n_outputs, rows.n_features),
        )

    def _declared(self, names, values, classes):
        """The tasks of a stream, of which the first call names all labels."""
        losses = self.loss if isinstance(self.loss, Mapping) else {"y": self.loss}
        where = self._places(list(losses), names, values.shape[1])
        if not isinstance(classes, (Mapping, type(None))):
            raise TypeError(
                "The 'classes' of SGDMultiTask.partial_fit must be a dict of a "
                f"task's name to its labels, or None. Got {classes!r} instead."
            )
        classes, tasks, first = dict(classes or {}), [], 0
        for name, given in losses.items():
            loss = self._loss_of_task(name, given, len(where[name]))
            labels = None
            if loss.task not in NUMBERS:
                if classes.get(name) is None:
                    raise ValueError(
                        f"The first call of partial_fit needs the labels of the task "
                        f"{name!r}, all that will ever come: classes={{{name!r}: "
                        "[...]}."
                    )
                labels = np.unique(np.asarray(classes[name]))
            for columns in self._targets_of(name, loss, where[name]):
                of = np.zeros((1, len(columns)))[:, 0 if len(columns) == 1 else ...]
                outputs = slice(first, first + self._size_of(name, loss, of, labels))
                tasks.append(Task(name, columns, loss, labels, outputs))
                first = outputs.stop
        unknown = set(classes) - {t.name for t in tasks if t.classes is not None}
        if unknown:
            raise ValueError(
                f"classes has {sorted(unknown)[0]!r}, which is no classification."
            )
        return tasks

    def _fitted(self, loss, dtype, coef, intercept):
        coef, intercept = LinearModel._published(self, coef, intercept, dtype)
        return {"coef_": coef, "intercept_": intercept}

    def _resume_from_published(self, shape, loss):
        start = start_of(
            LinearModel._initial(self, "coef", self._dense_coef(), shape),
            LinearModel._initial(self, "intercept", self.intercept_, shape[:1]),
        )
        return start | {"t": np.full(shape[0], getattr(self, "t_", 1.0))}

    def _publish_stream(self, tasks, rows, targets, weights):
        names = list(dict.fromkeys(task.name for task in tasks))
        self.tasks_ = tasks
        self.classes_ = {}
        for task in tasks:
            if task.classes is not None:
                self.classes_.setdefault(task.name, []).append(task.classes)
        factors = self._weights_of(tasks)
        if isinstance(self.weights, str):
            factors = self._shared.weights
        self.weights_ = dict(zip(names, factors.tolist()))
        coef = np.asarray(self._dense_coef(), dtype=np.float64)
        raw = rows.dot(coef, np.asarray(self.intercept_, dtype=np.float64))
        means = [_mean_loss(t, raw, *own) for t, *own in zip(tasks, targets, weights)]
        of_each = [[m for m, t in zip(means, tasks) if t.name == k] for k in names]
        self.losses_ = {k: float(np.mean(own)) for k, own in zip(names, of_each)}
        return self


def _or_ones(weight, n_rows):
    return np.ones(n_rows) if weight is None else weight


def _mean_loss(task, raw, y, weight):
    """nan if it was not observed."""
    here = seen(y, weight)
    some = None if weight is None else weight[here]
    if not len(here):
        return np.nan
    return task.loss.mean(y[here], raw_of(task, raw[here]), some)


def _all_columns(model, n_outputs, n_features):
    """Predictors of which each uses all columns."""
    uses = np.ones((n_outputs, n_features), dtype=bool)
    return Predictors.of(uses, np.full(n_outputs, model.fit_intercept))


def _alone(model, rows, task, y, weight, n_rows):
    """The objective of one target, of the rows in which it was observed."""
    n_outputs, is_box = task.outputs.stop - task.outputs.start, y.ndim > 1
    price = price_of(model, rows.n_features, n_outputs > 1)
    parts = task.loss, rows, Targets(y), weight, float(n_rows), price, n_outputs
    if not is_box:
        return Objective(*parts, fit_intercept=model.fit_intercept)
    predictors = _all_columns(model, n_outputs, rows.n_features)
    intercept = model.fit_intercept
    return OutputsObjective(*parts, fit_intercept=intercept, predictors=predictors)


def _as_declared(values, task, owner):
    """Targets of a task as float64, nan where not observed."""
    own = values[:, task.columns]
    missing = np.column_stack([is_missing(column) for column in own.T])
    if (missing.any(axis=1) & ~missing.all(axis=1)).any():
        raise ValueError(
            f"Some rows of y have nan in some columns of a target of the task "
            f"{task.name!r}, and not in others."
        )
    here, found = ~missing[:, 0], np.full(own.shape, np.nan)
    if task.classes is None:
        try:
            found[here] = own[here].astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The task {task.name!r} of {type(owner).__name__} must have numbers. "
                f"{error}"
            ) from error
        seen = found[here] if own.shape[1] > 1 else found[here, 0]
        task.loss.check_targets(seen, name=f"y of the task {task.name!r}")
    else:
        places = {label: k for k, label in enumerate(task.classes.tolist())}
        labels = own[here, 0].astype(task.classes.dtype).tolist()
        unknown = [label for label in labels if label not in places]
        if unknown:
            raise ValueError(
                f"The task {task.name!r} has the label {unknown[0]!r}, which is not "
                f"among its classes, {some(task.classes)}."
            )
        found[here, 0] = [places[label] for label in labels]
    return found if own.shape[1] > 1 else found[:, 0]


def _as_array(rows):
    """Rows as numpy and scipy multiply them."""
    if not rows.is_sparse:
        return rows.to_dense()
    parts = rows.data, rows.columns, rows.starts
    return sparse.csr_array(parts, shape=(rows.n_rows, rows.n_features))
