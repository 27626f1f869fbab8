"""LinearMultiTask: a loss for each column of y, or block of columns, in one model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_losses._machine._params import (
    BOOLEAN,
    NONE,
    SEED,
    Instance,
    Interval,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import Seed
from sklearn_losses.estimators._linear import BaseLinear
from sklearn_losses.estimators._parameters import resolve_penalty
from sklearn_losses.estimators.tasks._task_fits import UNCERTAINTY
from sklearn_losses.estimators.tasks._tasks import TasksMixin
from sklearn_losses.losses import Loss
from sklearn_losses.penalties import Penalty


class LinearMultiTask(TasksMixin, BaseLinear):
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

    rank : int, default=None
        How many linear maps of the features all tasks share: coef_ is a product of an
        (n_outputs, rank) and a (rank, n_features) matrix. It needs penalty='l2' or
        None, and is not convex: `gap_` is nan, unless the rank is no less than coef_
        has anyway. None: any rank.

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

    tasks_ : list of (name, columns, loss, classes, outputs)
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

    _objects = {"penalty": "MCP()"}
    _constraints = {
        "weights": [
            Options(UNCERTAINTY),
            Instance(Mapping, "a dict of task to float"),
            NONE,
        ],
        "rank": [Interval(1, None, "left", integer=True), NONE],
        "columns": [Instance(Mapping, "a dict of task to columns"), NONE],
        "alpha": [Interval(0, None, "left")],
        "l1_ratio": [Interval(0, 1, "both"), NONE],
        "fit_intercept": [BOOLEAN],
        "tol": [Interval(0, None, "neither")],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "verbose": [Interval(0, None, "left", integer=True), BOOLEAN],
        "random_state": SEED,
    }
    positive, bounds = False, None

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
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Seed = 0,
        verbose: int = False,
    ) -> None:
        self.loss = loss
        self.columns = columns
        self.weights = weights
        self.rank = rank
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    def _fit_tasks(self, X, y, sample_weight):
        check_parameters(self, self._constraints)
        resolve_penalty(self)
        problem, dtype = self._problem(X, y, sample_weight)
        found, factors = problem.with_weights(self._weights_of(problem.tasks))
        self._warn_of_tasks(found)
        self._warn_of_penalties(problem, found, factors)
        self._publish_tasks(problem, found.coef, found.intercept, factors, dtype)
        losses = np.array(list(self.losses_.values()))
        self.objective_ = float(np.dot(factors, losses) + found.penalty)
        self.gap_ = float(np.maximum(self.objective_ - found.bound, 0.0))
        self.n_iter_ = found.n_iter
        return self
