"""What models of several tasks share: a loss for each column of y, or block of them.

How they are fitted is not said here.
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

from sklearn_losses._machine._params import Interval, InvalidParameterError
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    Labels,
    Matrix,
    available_if,
)
from sklearn_losses.design._rows import Rows
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators._linear_model import LinearModel
from sklearn_losses.estimators._outcome import Outcome
from sklearn_losses.estimators._parameters import resolve_loss
from sklearn_losses.estimators._validation import (
    check_large_rows,
    check_weights,
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.estimators.tasks._task_fits import TasksProblem
from sklearn_losses.estimators.tasks._task_rank import RankProblem
from sklearn_losses.estimators.tasks._task_targets import (
    NUMBERS,
    coded,
    columns_of,
    in_container,
    indices,
    is_missing,
    kind_of,
    some,
)
from sklearn_losses.losses import Loss, get_loss
from sklearn_losses.losses._arguments import moderate_weight


class Task(NamedTuple):
    """One target: a column of y, or several of one loss, and what it predicts.

    Attributes
    ----------
    name : str
    columns : tuple of int
    loss : Loss
    classes : ndarray or None
        Of a classification.
    outputs : slice
        The rows of coef_.
    """

    name: str
    columns: tuple[int, ...]
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


class TasksMixin:
    """Parameters, targets and predictions of several tasks."""

    _tasks = ("regression", "binary", "multiclass", "boxes", "multilabel")
    _takes_outputs = False

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
    def fit(
        self,
        X: Matrix,
        y: Any = None,
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
            Weights >= 0, of all tasks or of each; None means 1. What couples tasks in
            steps of an `SGDMultiTask` takes those of all.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        """
        refuse_collection(X, "X")
        with unchanged_on_error(self):
            return self._fit_tasks(X, y, sample_weight)

    def _problem(self, X, y, sample_weight):
        """The objectives of all tasks, and the dtype of X."""
        columns = columns_of(y)
        X, _, check = check_large_rows(self, X, np.zeros(len(columns[1])))
        self._container = columns[0], kind_of(y)
        rows = Rows(X, check)
        tasks, targets = self._resolved(*columns)
        weights = self._sample_weights(sample_weight, X.shape[0], tasks)
        rows.verify()
        self._check_rank()
        kind = TasksProblem if self.rank is None else RankProblem
        return kind(self, rows, tasks, targets, weights), X.dtype

    def _check_rank(self):
        if self.rank is not None and self.penalty not in ("l2", None):
            raise InvalidParameterError(
                f"{type(self).__name__}(rank={self.rank!r}) cannot use penalty="
                f"{self.penalty!r}, because of a product of two matrices only the l2 "
                "norm is one of each. Use penalty='l2' or None."
            )

    def _warn_of_tasks(self, found):
        """Warn of what the solvers have to say."""
        for task, messages in found.said:
            for message in messages:
                of = "" if task is None else f"The task {task!r}: "
                warn_caller(of + message, ConvergenceWarning)

    def _warn_of_penalties(self, problem, found, factors):
        """Warn of tasks whose fits the default alpha decides."""
        if not all(result.converged for result in found.results):
            return
        if problem.is_coupled:
            loss = problem.joint_loss(factors)
            objective = problem.joint_objective(loss, problem.n_outputs)
            Outcome(self, objective, found.coef, found.intercept).warn_of_outputs(True)
            return
        for k, task in enumerate(problem.tasks):
            factor = problem.factor(k, factors)
            objective = problem.objective_of(k, factor, problem.rows)
            coef, intercept = found.coef[task.outputs], found.intercept[task.outputs]
            outcome = Outcome(self, objective, coef, intercept)
            outcome.warn_of_outputs(True, of=task.name)

    def _publish_tasks(self, problem, coef, intercept, factors, dtype):
        """Attributes of coefficients that have been found with weights of the tasks."""
        tasks = problem.tasks
        losses = problem.losses(coef, intercept)
        coef, intercept = LinearModel._published(self, coef, intercept, dtype)
        self.coef_, self.intercept_, self.tasks_ = coef, intercept, tasks
        names = list(dict.fromkeys(task.name for task in tasks))
        of_each = {name: [t for t in tasks if t.name == name] for name in names}
        self.classes_ = {
            name: [t.classes for t in own]
            for name, own in of_each.items()
            if own[0].classes is not None
        }
        self.weights_ = dict(zip(names, factors.tolist()))
        self.losses_ = dict(zip(names, losses.tolist()))

    # ------------------------------------------------------------------ the targets
    def _resolved(self, names, values):
        """The tasks, and the targets of each as numbers, nan where not observed."""
        losses = self.loss if isinstance(self.loss, Mapping) else {"y": self.loss}
        where = self._places(list(losses), names, values.shape[1])
        tasks, targets, first = [], [], 0
        for name, given in losses.items():
            loss = self._loss_of_task(name, given, len(where[name]))
            for columns in self._targets_of(name, loss, where[name]):
                label = columns[0] if names is None else names[columns[0]]
                own, classes = coded(values[:, columns], loss, name, label)
                outputs = slice(first, first + self._size_of(name, loss, own, classes))
                tasks.append(Task(name, columns, loss, classes, outputs))
                targets.append(own)
                first = outputs.stop
        return tasks, targets

    def _loss_of_task(self, name, given, n_columns):
        """The loss object of a task with so many columns of y."""
        holder = copy(self)
        holder.loss = given
        loss = resolve_loss(holder, self._tasks)
        if loss.needs_scale:
            raise InvalidParameterError(
                f"{type(self).__name__} cannot use loss={given!r} of the task "
                f"{name!r}: give its scale a number."
            )
        return loss.of_labels(n_columns) if loss.task == "multilabel" else loss

    def _targets_of(self, name, loss, columns):
        """The columns of a task, as many at a time as its loss takes for one target."""
        size = getattr(loss, "y_size", 1)
        if len(columns) % size:
            raise InvalidParameterError(
                f"The task {name!r} has {len(columns)} columns of y, and {loss!r} "
                f"takes {size} for a target. Say which are whose by columns=..."
            )
        return [tuple(columns[k : k + size]) for k in range(0, len(columns), size)]

    def _size_of(self, name, loss, targets, classes):
        """How many raw outputs a target has."""
        if loss.task in NUMBERS:
            return 1 if targets.ndim == 1 else targets.shape[1]
        if loss.granularity == "row":
            return len(classes)
        if len(classes) > 2:
            raise InvalidParameterError(
                f"The task {name!r} has {len(classes)} classes, {some(classes)}, and "
                f"{loss!r} is for two. Use CrossEntropy()."
            )
        return 1

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
                f"The tasks of columns and loss of {type(self).__name__} differ: "
                f"{other!r} is in one of them alone."
            )
        found = {t: indices(self.columns[t], t, names, n_columns) for t in tasks}
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
            return self._weights_by_name(given, n, tasks)
        weight = check_weights(given, n)
        if weight is not None and not weight.any():
            raise ValueError("All sample weights are zero: nothing is left to fit.")
        weight = None if weight is None else moderate_weight(weight)
        return [weight] * len(tasks)

    def _weights_by_name(self, given, n, tasks):
        """Those that a dict of tasks says."""
        unknown = set(given) - {task.name for task in tasks}
        if unknown:
            raise ValueError(
                f"sample_weight has the task {sorted(unknown)[0]!r}, and loss has not."
            )
        return [check_weights(given.get(task.name), n) for task in tasks]

    def _weights_of(self, tasks):
        names = list(dict.fromkeys(task.name for task in tasks))
        if not isinstance(self.weights, Mapping):
            return np.ones(len(names))
        for name, weight in self.weights.items():
            if name not in names:
                raise InvalidParameterError(
                    f"The 'weights' parameter of {type(self).__name__} has the task "
                    f"{name!r}, and loss has {', '.join(names)}."
                )
            if not Interval(0, None, "neither").allows(weight):
                raise InvalidParameterError(
                    f"The 'weights' parameter of {type(self).__name__} must have "
                    f"weights > 0: weights[{name!r}] is {weight!r}."
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
        """What is predicted of a target, of shape (n_samples, n_columns)."""
        own = raw[:, task.outputs]
        if task.loss.task == "multilabel":
            return task.loss.labels_of(own).astype(raw.dtype)
        if task.classes is None:
            return task.loss.inverse_link(own)
        index = own.argmax(axis=1) if own.shape[1] > 1 else (own[:, 0] > 0) * 1
        return task.classes[index][:, None]

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
        columns = [None] * sum(len(task.columns) for task in self.tasks_)
        for task in self.tasks_:
            for column, predicted in zip(task.columns, self._predicted(raw, task).T):
                columns[column] = predicted
        index = getattr(X, "index", None)
        return in_container(columns, *self._container, index)

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
        raw, (_, values), found = self.raw_prediction(X), columns_of(y), []
        weight = check_weights(sample_weight, len(values))
        for task in self.tasks_:
            metric = r2_score if task.classes is None else accuracy_score
            kind = np.float64 if task.classes is None else task.classes.dtype
            for column, predicted in zip(task.columns, self._predicted(raw, task).T):
                here = ~is_missing(values[:, column])
                of = values[here, column].astype(kind)
                weights = None if weight is None else weight[here]
                found.append(metric(of, predicted[here], sample_weight=weights))
        return float(np.mean(found))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags
