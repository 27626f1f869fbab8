"""LinearOrdinalClassifier: ordered classes, a latent value, and thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_losses._machine._params import (
    BOOLEAN,
    NONE,
    SEED,
    Instance,
    Interval,
    Options,
)
from sklearn_losses._machine._typing import ArrayLike, Seed
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._labels import class_factors
from sklearn_losses.estimators._linear import BaseLinear
from sklearn_losses.estimators._parameters import draw_seed, price_of
from sklearn_losses.estimators._validation import (
    check_large_rows,
    check_offset,
    check_weights,
)
from sklearn_losses.estimators.outputs._ordinal_model import (
    TARGETS,
    OrdinalMixin,
    check_grades,
    codes_of,
)
from sklearn_losses.estimators.outputs._output_blocks import objectives_of_outputs
from sklearn_losses.losses import Loss
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._objective import Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.problem._posed_outputs import OutputsPose
from sklearn_losses.solvers.descent._ordinal import OrdinalSolver
from sklearn_losses.solvers.descent._outputs_blocks import OrdinalInBlocks


class LinearOrdinalClassifier(OrdinalMixin, BaseLinear):
    """Linear models of ordered classes, to their optimum.

    It minimizes

        sum_i sample_weight_i loss(y_i; x_i . w, t_1, ..., t_K-1) / S + alpha penalty(w)

    where the class of a row says between which thresholds t its latent value x . w
    lies.

    Parameters
    ----------
    loss : Loss or str, default='cumulative_logit'
        An ordinal loss: ``CumulativeLogit()`` (proportional odds) and its kin, which
        have probabilities, ``AllThreshold(Hinge())`` or ``ImmediateThreshold()``.

    categories : 'auto' or list, default='auto'
        The classes from the lowest to the highest. 'auto': the order of an ordered
        categorical of pandas, else the sorted labels, with a warning if they are
        strings.

    target : {'auto', 'mode', 'median', 'mean'}, default='auto'
        What `predict` predicts: the likeliest class, for the accuracy; the median, for
        the mean absolute error; or the rounded mean of the indices, for their squared
        error. 'auto' is the mode of a loss with probabilities, else the median: the
        class between whose thresholds the latent value lies.

    class_weight : dict of label to float, or 'balanced', default=None
        Factors of the sample weights of each class, as of `LinearClassifier`. They
        move thresholds: probabilities are then those of such shares of the classes.

    penalty, alpha, l1_ratio
        As of `LinearRegressor`; thresholds are not penalised.

    tol : float, default=1e-6
        The fit ends where less than this share of what is to be gained over constant
        thresholds is left, about. `gap_` says how near it is.

    max_iter : int, default=1000
        The most passes over the rows.

    random_state : int, RandomState instance or None, default=0
        Chooses the rows with which a fit of many rows begins.

    verbose : int or bool, default=False
        Whether to print a line an iteration.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        w. A larger latent value means higher classes.

    thresholds_ : ndarray of shape (n_classes - 1,)
        t, not decreasing. Two are equal around a class that no row has, and infinite
        beyond the last class that some row has.

    classes_ : ndarray of shape (n_classes,)
        The labels, in their order.

    objective_ : float
        The objective at `coef_` and `thresholds_`.

    gap_ : float
        No w and ordered thresholds up to ten times as large as these have an objective
        less than ``objective_ - gap_``, up to rounding. It is nan of a loss that is not
        convex, and inf of an `ImmediateThreshold` whose loss has kinks, such as
        `Hinge`; that of ``AllThreshold(Hinge())`` is finite.

    n_iter_ : int
        The passes over the rows that were made.

    loss_ : Loss
        The loss object used.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has names that are all strings.

    Notes
    -----
    There is no `decision_function`, which scikit-learn would take for that of a binary
    classifier: use `predict_latent`. With two classes and ``CumulativeLogit()`` it is
    logistic regression.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearOrdinalClassifier
    >>> X = np.arange(12.0).reshape(-1, 1)
    >>> y = np.repeat(["low", "medium", "high"], 4)
    >>> y[[3, 4]] = y[[4, 3]]
    >>> model = LinearOrdinalClassifier(categories=["low", "medium", "high"])
    >>> model = model.fit(X, y)
    >>> model.predict([[0.0], [5.0], [11.0]]), bool(model.gap_ < 1e-9)
    (array(['low', 'medium', 'high'], dtype='<U6'), True)
    """

    _objects = {"loss": "AllThreshold(Hinge())", "penalty": "MCP()"}
    _constraints = {
        "categories": [Options("auto"), Instance((list, tuple, np.ndarray), "a list")],
        "target": [Options(*TARGETS)],
        "class_weight": [
            Options("balanced"),
            Instance(Mapping, "a dict of label to weight"),
            NONE,
        ],
        "alpha": [Interval(0, None, "left")],
        "l1_ratio": [Interval(0, 1, "both"), NONE],
        "tol": [Interval(0, None, "neither")],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "verbose": [Interval(0, None, "left", integer=True), BOOLEAN],
        "random_state": SEED,
    }
    positive, bounds, fit_intercept = False, None, True
    _takes_blocks = True

    def __init__(
        self,
        loss: Loss | str = "cumulative_logit",
        *,
        categories: ArrayLike = "auto",
        target: str = "auto",
        class_weight: Mapping[Any, float] | str | None = None,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Seed = 0,
        verbose: int = False,
    ) -> None:
        self.loss = loss
        self.categories = categories
        self.target = target
        self.class_weight = class_weight
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    # ------------------------------------------------------------------ the problem
    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        given = y
        X, y, check = check_large_rows(self, X, y)
        is_ordered = getattr(getattr(given, "dtype", None), "ordered", False)
        has_order = is_ordered or not isinstance(self.categories, str)
        check_grades(type(self).__name__, y, has_order)
        weight = check_weights(sample_weight, X.shape[0])
        codes, weight = self._coded(y, given, weight)
        n_outputs = len(self._seen)
        objective = OutputsObjective(
            *(loss, Rows(X, check), Targets(codes), weight),
            float(X.shape[0]) if weight is None else weight.sum(),
            *(price_of(self, X.shape[1], True), n_outputs),
            offset=_of_location(check_offset(offset, X.shape[0], 1), n_outputs),
            predictors=Predictors.beside(X.shape[1], n_outputs),
        )
        return [objective], X.dtype

    def _objectives_of_blocks(self, blocks, loss):
        return objectives_of_outputs(self, blocks, loss, None, self._pose_of)

    def _pose_of(self, seen):
        """What rows in blocks mean, of the labels that they have."""
        labels, weight = seen.labels, seen.of_labels
        loss, (codes, _) = self._resolve_loss(), self._coded(labels, labels, weight)
        given = self.class_weight, self.classes_, labels, weight
        factors = class_factors(*given, type(self).__name__, True)
        each = np.ones(len(labels))
        if factors is not None:
            each = factors[
                codes_of(type(self).__name__, labels, self.classes_).astype(int)
            ]
        n_outputs = len(self._seen)
        predictors = Predictors.beside(seen.n_features, n_outputs)
        pose = OutputsPose(loss, n_outputs, True, predictors)
        return replace(pose, labels=labels, codes=codes, factors=each)

    def _starts(self, objectives):
        objective = objectives[0]
        coef = np.zeros((objective.n_outputs, objective.rows.n_features))
        return [(coef, np.zeros(objective.n_outputs))]

    def _solver(self, objective):
        kind = OrdinalSolver if objective.blocks is None else OrdinalInBlocks
        return kind(
            max_iter=self.max_iter,
            tol=self.tol,
            seed=draw_seed(self.random_state),
            verbose=self.verbose,
            owner=type(self).__name__,
        )


def _of_location(offset, n_outputs):
    """The offset of the first output, beside zeros of the others."""
    if offset is None:
        return None
    return np.column_stack([offset, np.zeros((len(offset), n_outputs - 1))])
