"""compare_losses: the search as one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d

from sklearn_losses._machine._typing import ArrayLike, Labels, Matrix
from sklearn_losses.estimators._linear import LinearClassifier, LinearRegressor
from sklearn_losses.estimators.groups._ranker import LinearRanker
from sklearn_losses.estimators.groups._survival import LinearSurvival
from sklearn_losses.estimators.outputs._ordinal import LinearOrdinalClassifier
from sklearn_losses.losses import Loss, get_loss
from sklearn_losses.model_selection._search import LossSearchCV

OF_TASK = {
    "regression": LinearRegressor,
    "binary": LinearClassifier,
    "multiclass": LinearClassifier,
    "ordinal": LinearOrdinalClassifier,
    "ranking": LinearRanker,
    "survival": LinearSurvival,
}
USUAL = {
    "ranking": "[PairwiseLogistic(), ListNet()]",
    "survival": "[CoxPH(), WeibullAFT()]",
}


def compare_losses(
    X: Matrix,
    y: Labels,
    losses: Loss | str | Sequence[Loss | str] | None = None,
    *,
    scoring: Any = None,
    estimator: Any = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    **settings: Any,
) -> LossSearchCV:
    """Compare losses by cross-validation.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Also as from `survival_target` or `ranking_target`.
    losses : list of Loss or str, default=None
        None: a good set for y, of numbers or classes.
    scoring : Loss, str, callable, or a list or dict of these
        What they are compared by, as of `LossSearchCV`.
    estimator : estimator, default=None
        None: ``LinearRegressor()``, ``LinearClassifier()``,
        ``LinearOrdinalClassifier()``, ``LinearRanker()`` or ``LinearSurvival()``, as
        the losses or y ask.
    sample_weight, offset, groups : array-like, default=None
        As of `LossSearchCV.fit`.
    **settings
        Other parameters of `LossSearchCV`.

    Returns
    -------
    LossSearchCV
        Fitted: print its `verdict()`, look at its `table()`, draw it with
        `LossSearchDisplay`, and predict.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_losses import AbsoluteError, Poisson, SquaredError, compare_losses
    >>> X, y = load_diabetes(return_X_y=True)
    >>> search = compare_losses(
    ...     X, y, [SquaredError(), Poisson()], scoring=AbsoluteError()
    ... )
    >>> search.best_estimator_.loss_
    Poisson()
    """
    if estimator is None:
        estimator = _estimator_for(losses, y)
    search = LossSearchCV(estimator, losses, scoring=scoring, **settings)
    given = dict(sample_weight=sample_weight, offset=offset, groups=groups)
    return search.fit(X, y, **{k: v for k, v in given.items() if v is not None})


def _estimator_for(losses, y):
    """The one for these losses or, without any, for y."""
    task = _task_of_fields(y)
    if losses is not None:
        one = [losses] if isinstance(losses, (str, Loss)) else list(losses)
        first = next(iter(one), None)
        first = get_loss(first) if isinstance(first, str) else first
        task = task or getattr(first, "task", "regression")
        if task not in OF_TASK:
            raise ValueError(
                f"compare_losses knows no estimator for {first!r}, a loss for {task}. "
                "Use GridSearchCV with an estimator of such losses."
            )
        return OF_TASK[task]()
    if task:
        raise ValueError(
            f"compare_losses knows no usual losses for {task}, which y is of. Name "
            f"some: losses={USUAL[task]}."
        )
    y = column_or_1d(y)
    kind = type_of_target(y)
    if kind == "binary" or np.asarray(y).dtype.kind in "OUSb":
        return LinearClassifier()
    if kind == "multiclass":
        raise ValueError(
            "y has whole numbers, which may be classes or counts. Use "
            "estimator=LinearClassifier() or estimator=LinearRegressor(), or losses."
        )
    return LinearRegressor()


def _task_of_fields(y):
    """What y is of, if it is from `ranking_target`, `survival_target` or the like."""
    names = getattr(getattr(y, "dtype", None), "names", None)
    if names is None:
        return None
    return "ranking" if set(names) == {"relevance", "group"} else "survival"
