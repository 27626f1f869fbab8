"""LinearMultiTask: a loss for each column of y, or block of columns, in one model.

With a penalty of each coefficient by itself, tasks are fitted apart, each by the solver
of its loss: their weights then only divide alpha. A penalty that couples them, as
`MultiTask`, makes one objective of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import RegressorTags
from sklearn.utils.validation import check_is_fitted

from sklearn_losses._machine._params import (
    BOOLEAN,
    NONE,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    Labels,
    Matrix,
    Seed,
    available_if,
)
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._linear import BaseLinear
from sklearn_losses.estimators._linear_model import LinearModel
from sklearn_losses.estimators._validation import (
    check_large_rows,
    check_weights,
    draw_seed,
    price_of,
    resolve_loss,
    resolve_penalty,
    warn_caller,
)
from sklearn_losses.losses import Loss, get_loss
from sklearn_losses.losses._arguments import moderate_weight
from sklearn_losses.losses._tasks import Tasks
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.solvers.descent._certified import Certified, choose
from sklearn_losses.solvers.descent._outputs import OutputsSolver, outputs_term

UNCERTAINTY = "uncertainty"
LEAST_LOSS = 1e-6  # of that of the best constants: a task may not take all weight
MOST_UNITS = 100.0  # of one target may another have, if losses have kinks
MOST_ROUNDS, SAME_WEIGHTS = 50, 1e-6  # of weights that depend on the losses


class Task(NamedTuple):
    """One target: a column of y, its loss, and what it predicts.

    Attributes
    ----------
    name : str
    column : int
    loss : Loss
    classes : ndarray or None
        Of a classification.
    outputs : slice
        The rows of coef_.
    """

    name: str
    column: int
    loss: Loss
    classes: Labels | None
    outputs: slice


def _has_probabilities(model):
    """Whether predict_proba exists; where not, say so in the AttributeError."""
    losses = model.loss.values() if isinstance(model.loss, Mapping) else [model.loss]
    losses = [get_loss(loss) if isinstance(loss, str) else loss for loss in losses]
    if not any(getattr(loss, "probabilistic", False) for loss in losses):
        raise AttributeError(
            f"{type(model).__name__} has no probabilities with loss={model.loss!r}, "
            "none of which defines them. Use LogLoss() or CrossEntropy()."
        )
    return True


class LinearMultiTask(BaseLinear):
    """Linear models of several targets, each with a loss of its own.

    It minimizes

        sum_t weight_t mean_i loss_t(y_it, x_i . w_t + b_t) + alpha penalty(w)

    where the mean is over the rows in which the target was observed: nan in y means
    that it was not.

    Parameters
    ----------
    loss : Loss, str or dict of name to them, default='squared_error'
        The loss of all columns of y, or of each task. ``loss__box__delta`` is a
        parameter of the loss of the task "box".

    columns : dict of name to columns, default=None
        The columns of y of each task: an index or a name, a list of them, or a slice.
        None: each task has the column of its name or, where no column has the name of a
        task, the one at its place.

    weights : dict of name to float or 'uncertainty', default=None
        The weight of each task; None means 1. 'uncertainty': 1 / (2 L_t), with the mean
        loss L_t of the task in this fit, so that the sum of log(L_t) / 2 is least.
        Weights matter where a penalty couples tasks, or as factors of alpha.

    penalty : Penalty, 'l2', 'l1', 'elasticnet' or None, default='l2'
        ``MultiTask()`` keeps the coefficients of a feature for all tasks at 0 together.

    alpha : float, default=0.0001
    l1_ratio : float, default=0.15
    fit_intercept : bool, default=True
    tol : float, default=1e-6
    max_iter : int, default=1000
    random_state : int, RandomState instance or None, default=0
    verbose : int or bool, default=False
        As of `LinearRegressor`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_outputs, n_features)
        A row for each column of y, or each class of one with several.

    intercept_ : ndarray of shape (n_outputs,)

    tasks_ : list of (name, column, loss, classes, outputs)
        What the columns of y are, and which rows of coef_ are theirs.

    classes_ : dict of name to list of ndarray
        The labels of each task that is a classification, of each of its columns.

    weights_ : dict of name to float

    losses_ : dict of name to float
        The mean loss of each task, without its weight.

    objective_ : float
        The objective at `coef_` and `intercept_`.

    gap_ : float
        No coefficients have an objective less than ``objective_ - gap_``: see
        `LinearRegressor`.

    n_iter_ : int
        The passes over the rows that were made, at the most for a task.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has names that are all strings.

    References
    ----------
    Kendall, Gal and Cipolla 2018, "Multi-task learning using uncertainty to weigh
    losses", CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import Huber, LinearMultiTask
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> Y = np.column_stack([2 * X[:, 0], X[:, 0] > 0])
    >>> Y[::7, 0] = np.nan  # not observed
    >>> model = LinearMultiTask({"size": Huber(), "kind": "log_loss"}).fit(X, Y)
    >>> model.coef_.shape, model.predict([[0.5]]).round(2)
    ((2, 1), array([[1., 1.]]))
    """

    _tasks = ("regression", "binary", "multiclass")
    _takes_outputs = False
    _objects = {"penalty": "MCP()"}
    _constraints = {
        "weights": [
            Options(UNCERTAINTY),
            Instance(Mapping, "a dict of task to float"),
            NONE,
        ],
        "columns": [Instance(Mapping, "a dict of task to columns"), NONE],
        "alpha": [Interval(0, None, "left")],
        "l1_ratio": [Interval(0, 1, "both"), NONE],
        "fit_intercept": [BOOLEAN],
        "tol": [Interval(0, None, "neither")],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "verbose": [Interval(0, None, "left", integer=True), BOOLEAN],
    }
    positive, bounds = False, None

    def __init__(
        self,
        loss: Loss | str | Mapping[str, Loss | str] = "squared_error",
        *,
        columns: Mapping[str, Any] | None = None,
        weights: Mapping[str, float] | str | None = None,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Seed = 0,
        verbose: int = False,
    ) -> None:
        self.loss = loss
        self.columns = columns
        self.weights = weights
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    # ----------------------------------------------- parameters of a dict of losses
    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, and with `deep` those of losses and of the penalty.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
        """
        found = super().get_params(deep)
        if deep and isinstance(self.loss, Mapping):
            for name, loss in self.loss.items():
                found[f"loss__{name}"] = loss
                if hasattr(loss, "get_params"):
                    inner = loss.get_params().items()
                    found.update({f"loss__{name}__{k}": v for k, v in inner})
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of losses as ``loss__box__delta``.

        Parameters
        ----------
        **params

        Returns
        -------
        self : object
        """
        loss = params.get("loss", self.loss)
        if not isinstance(loss, Mapping):
            return super().set_params(**params)
        mine = {k: v for k, v in params.items() if not k.startswith("loss__")}
        super().set_params(**mine)
        for key in params.keys() - mine.keys():
            name, _, parameter = key.removeprefix("loss__").partition("__")
            if name not in loss:
                raise ValueError(
                    f"{key!r} is of a task that there is not: {', '.join(loss)}."
                )
            if parameter:
                loss[name].set_params(**{parameter: params[key]})
            else:
                loss[name] = params[key]
        return self

    # ------------------------------------------------------------------ the problem
    def fit(  # type: ignore[override]  # it has no offset
        self,
        X: Matrix,
        y: Any,
        sample_weight: ArrayLike | Mapping[str, ArrayLike] | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            Numbers and labels, perhaps of a DataFrame. nan or None: not observed.
        sample_weight : array-like of shape (n_samples,), or dict of name to them, \
                default=None
            Weights >= 0, of all tasks or of each; None means 1.

        Returns
        -------
        self : object
        """
        return super().fit(X, y, sample_weight)  # type: ignore[arg-type]

    def _fit(self, X, y, sample_weight, offset):
        check_parameters(self, self._constraints)
        resolve_penalty(self)
        columns = _columns_of(y)
        X, _, check = check_large_rows(self, X, np.zeros(len(columns[1])))
        self._container = columns[0], _kind_of(y)
        rows = Rows(X, check)
        tasks, targets = self._resolved(*columns)
        weights = self._sample_weights(sample_weight, X.shape[0], tasks)
        rows.verify()
        problem = _Problem(self, rows, tasks, targets, weights)
        factors = self._weights_of(tasks)
        if self.weights == UNCERTAINTY:
            found, factors = problem.with_uncertainty(factors)
        else:
            found = problem.solve(factors)
        return self._publish(problem, found, factors, X.dtype)

    def _publish(self, problem, found, factors, dtype):
        tasks, results = problem.tasks, found.results
        for task, messages in found.said:
            for message in messages:
                of = "" if task is None else f"The task {task!r}: "
                warn_caller(of + message, ConvergenceWarning)
        coef, intercept = LinearModel._published(
            self, found.coef, found.intercept, dtype
        )
        self.coef_, self.intercept_ = coef, intercept
        self.tasks_ = tasks
        names = list(dict.fromkeys(task.name for task in tasks))
        of_each = {name: [t for t in tasks if t.name == name] for name in names}
        self.classes_ = {
            name: [t.classes for t in own]
            for name, own in of_each.items()
            if own[0].classes is not None
        }
        losses = problem.losses(found)
        self.weights_ = dict(zip(names, factors.tolist()))
        self.losses_ = dict(zip(names, losses.tolist()))
        penalty = found.penalty
        self.objective_ = float(np.dot(factors, losses) + penalty)
        self.gap_ = float(np.maximum(self.objective_ - found.bound, 0.0))
        self.n_iter_ = int(max(r.n_iter.max() for r in results))
        return self

    def _resolved(self, names, values):
        """The tasks, and the targets of each as numbers, nan where not observed."""
        losses = self.loss if isinstance(self.loss, Mapping) else {"y": self.loss}
        where = self._places(list(losses), names, values.shape[1])
        tasks, targets, first = [], [], 0
        for name, loss in losses.items():
            holder = copy(self)
            holder.loss = loss
            for column in where[name]:
                own = resolve_loss(holder, self._tasks)
                if own.needs_scale:
                    raise InvalidParameterError(
                        f"LinearMultiTask cannot use loss={loss!r} of the task "
                        f"{name!r}: give its scale a number."
                    )
                label = names[column] if names is not None else column
                codes, classes = _coded(values[:, column], own, name, label)
                size = 1
                if own.task != "regression":
                    size = len(classes) if own.granularity == "row" else 1
                    if own.granularity == "point" and len(classes) > 2:
                        raise InvalidParameterError(
                            f"The task {name!r} has {len(classes)} classes, "
                            f"{_some(classes)}, and {own!r} is for two. Use "
                            "CrossEntropy()."
                        )
                outputs = slice(first, first + size)
                tasks.append(Task(name, column, own, classes, outputs))
                targets.append(codes)
                first += size
        return tasks, targets

    def _places(self, tasks, names, n_columns):
        """The columns of y of each task."""
        if self.columns is None:
            if not isinstance(self.loss, Mapping):
                return {"y": list(range(n_columns))}
            if len(tasks) != n_columns:
                raise InvalidParameterError(
                    f"y has {n_columns} columns, and loss has {len(tasks)} tasks: "
                    f"{', '.join(tasks)}. Say which columns are whose by columns=..."
                )
            if names is not None and not set(tasks).isdisjoint(names):
                return self._places_by_name(tasks, names)
            return {task: [k] for k, task in enumerate(tasks)}
        if set(self.columns) != set(tasks):
            other = sorted(set(self.columns) ^ set(tasks), key=str)[0]
            raise InvalidParameterError(
                f"The tasks of columns and loss of LinearMultiTask differ: {other!r} "
                "is in one of them alone."
            )
        found = {t: _indices(self.columns[t], t, names, n_columns) for t in tasks}
        every = [k for own in found.values() for k in own]
        if sorted(every) != list(range(n_columns)):
            wrong = next(
                k for k in range(max(n_columns, *every, 0) + 1) if every.count(k) != 1
            )
            raise InvalidParameterError(
                f"Each column of y must be of one task: column {wrong} is of "
                f"{every.count(wrong)} in columns={self.columns!r}."
            )
        return found

    def _places_by_name(self, tasks, names):
        """Columns that have the names of tasks are theirs, whatever their order."""
        unknown = [task for task in tasks if task not in names]
        if unknown:
            raise InvalidParameterError(
                f"y has no column with the name of the task {unknown[0]!r}: its "
                f"columns are {', '.join(map(str, names))}. Say which columns are "
                "whose by columns=..."
            )
        return {task: [names.index(task)] for task in tasks}

    def _sample_weights(self, given, n, tasks):
        """The weights of each target's rows, or None."""
        if isinstance(given, Mapping):
            unknown = set(given) - {task.name for task in tasks}
            if unknown:
                raise ValueError(
                    f"sample_weight has the task {sorted(unknown)[0]!r}, and loss has "
                    "not."
                )
            return [check_weights(given.get(task.name), n) for task in tasks]
        weight = check_weights(given, n)
        if weight is not None and not weight.any():
            raise ValueError("All sample weights are zero: nothing is left to fit.")
        weight = None if weight is None else moderate_weight(weight)
        return [weight] * len(tasks)

    def _weights_of(self, tasks):
        names = list(dict.fromkeys(task.name for task in tasks))
        if not isinstance(self.weights, Mapping):
            return np.ones(len(names))
        for name, weight in self.weights.items():
            if name not in names:
                raise InvalidParameterError(
                    f"The 'weights' parameter of LinearMultiTask has the task {name!r},"
                    f" and loss has {', '.join(names)}."
                )
            if not Interval(0, None, "neither").allows(weight):
                raise InvalidParameterError(
                    f"The 'weights' parameter of LinearMultiTask must have weights > "
                    f"0: weights[{name!r}] is {weight!r}."
                )
        return np.array([float(self.weights.get(name, 1.0)) for name in names])

    # ------------------------------------------------------------------- predictions
    def _n_published(self):
        return self.tasks_[-1].outputs.stop

    def raw_prediction(self, X: Matrix) -> Array:  # type: ignore[override]
        """X @ coef_.T + intercept_, before the inverse links of the losses.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
        """
        raw = super().raw_prediction(X)
        return raw[:, None] if raw.ndim == 1 else raw

    def _predicted(self, raw, task):
        own = raw[:, task.outputs]
        if task.classes is None:
            return task.loss.inverse_link(own[:, 0])
        index = own.argmax(axis=1) if own.shape[1] > 1 else (own[:, 0] > 0) * 1
        return task.classes[index]

    def predict(self, X: Matrix) -> Any:
        """Predict every column of y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_columns), or a DataFrame
            As y was, also if it was a structured array. Numbers, or objects if some
            labels are no numbers.
        """
        check_is_fitted(self)
        raw = self.raw_prediction(X)
        columns = [None] * len(self.tasks_)
        for task in self.tasks_:
            columns[task.column] = self._predicted(raw, task)
        names, kind = self._container
        if kind == "frame":
            import pandas as pd

            index = getattr(X, "index", None)
            return pd.DataFrame(dict(zip(names, columns)), index=index)
        if kind == "records":
            fields = [(name, c.dtype) for name, c in zip(names, columns)]
            return np.array(list(zip(*columns)), dtype=fields)
        if kind == "flat":
            return columns[0]
        are_numbers = all(c.dtype.kind in "biuf" for c in columns)
        columns = columns if are_numbers else [c.astype(object) for c in columns]
        return np.column_stack(columns)

    @available_if(_has_probabilities)
    def predict_proba(self, X: Matrix) -> dict[str, Any]:
        """Probabilities of the classes of each task whose loss has them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        dict of name to ndarray of shape (n_samples, n_classes), or a list of them
            A list of one for each column, if the task has several.
        """
        raw, found = self.raw_prediction(X), {}
        for task in self.tasks_:
            if task.loss.probabilistic:
                own = raw[:, task.outputs]
                probability = task.loss.inverse_link(own)
                if own.shape[1] == 1:
                    other = task.loss.inverse_link(-own)
                    probability = np.hstack([other, probability])
                found.setdefault(task.name, []).append(probability)
        return {k: v[0] if len(v) == 1 else v for k, v in found.items()}

    def score(self, X: Matrix, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """The mean over columns of R^2 or the accuracy, where they were observed.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        raw, (_, values), found = self.raw_prediction(X), _columns_of(y), []
        weight = check_weights(sample_weight, len(values))
        for task in self.tasks_:
            own = values[:, task.column]
            here = ~_is_missing(own)
            predicted = self._predicted(raw, task)[here]
            metric = r2_score if task.classes is None else accuracy_score
            kind = np.float64 if task.classes is None else task.classes.dtype
            of = own[here].astype(kind)
            weights = None if weight is None else weight[here]
            found.append(metric(of, predicted, sample_weight=weights))
        return float(np.mean(found))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


# --------------------------------------------------------------------------- targets
def _some(labels):
    """The first of them, for a message."""
    return f"{labels[:5].tolist()}"[:-1] + ("]" if len(labels) <= 5 else ", ...]")


def _columns_of(y):
    """Names of the columns of y or None, and the values, of two dimensions."""
    if y is None:
        raise ValueError(
            "requires y to be passed, but the target y is None: LinearMultiTask has "
            "nothing to predict."
        )
    if hasattr(y, "columns"):
        return list(y.columns), y.to_numpy()
    values = np.asarray(y)
    if values.dtype.names:
        names = list(values.dtype.names)
        return names, np.column_stack([values[n].astype(object) for n in names])
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(
            f"y must have the shape (n_samples,) or (n_samples, n_columns). Got "
            f"{np.shape(y)}."
        )
    return None, values


def _kind_of(y):
    """What y is, as which its predictions come."""
    if hasattr(y, "columns"):
        return "frame"
    values = np.asarray(y)
    if values.dtype.names is not None:
        return "records"
    return "flat" if values.ndim == 1 else "array"


def _is_missing(values):
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        return np.array([v is None or v != v for v in values], dtype=bool)
    return np.zeros(len(values), dtype=bool)


def _coded(values, loss, task, label):
    """Targets as float64, nan where not observed, and classes or None."""
    missing = _is_missing(values)
    if missing.all():
        raise ValueError(
            f"The column {label!r} of y, of the task {task!r}, is all nan."
        )
    codes, seen = np.full(len(values), np.nan), values[~missing]
    if loss.task == "regression":
        try:
            codes[~missing] = seen.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The column {label!r} of y, of the task {task!r}, must be numbers. "
                f"{error}"
            ) from error
        loss.check_targets(codes[~missing], name=f"y[:, {label!r}]")
        return codes, None
    seen = seen if seen.dtype.kind != "O" else np.array(seen.tolist())
    classes, index = np.unique(seen, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"The column {label!r} of y, of the task {task!r}, has one class: "
            f"{classes.tolist()}."
        )
    codes[~missing] = index
    return codes, classes


def _indices(what, task, names, n_columns):
    """The columns that a slice, an index, a name or a list of them say."""
    if isinstance(what, slice):
        return list(range(n_columns))[what]
    listed = what if isinstance(what, (list, tuple, np.ndarray, range)) else [what]
    found = []
    for each in listed:
        if isinstance(each, str):
            if names is None or each not in names:
                raise InvalidParameterError(
                    f"columns[{task!r}] has {each!r}, which is no column of y"
                    + (f": {', '.join(map(str, names))}." if names else ".")
                )
            each = names.index(each)
        if not Interval(-n_columns, n_columns, "left", integer=True).allows(each):
            raise InvalidParameterError(
                f"columns[{task!r}] has {each!r}, and y has {n_columns} columns."
            )
        found.append(int(each) % n_columns)
    return found


# --------------------------------------------------------------------------- the fit
class _Found(NamedTuple):
    """What a fit of all tasks has found."""

    coef: np.ndarray
    intercept: np.ndarray
    results: list
    said: list
    bound: float
    penalty: float


class _Problem:
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
        return _Found(coef, intercept, results, said, bound, penalty)

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
        return _Found(
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
