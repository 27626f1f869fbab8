"""search_loss: families of losses, each with its best parameters, in one budget.

>>> from sklearn.datasets import load_diabetes
>>> from sklearn_losses import PseudoHuber, SquaredError, search_loss
>>> X, y = load_diabetes(return_X_y=True)
>>> families = {SquaredError(): {}, PseudoHuber(50.0): {"loss__delta": "log"}}
>>> found = search_loss(X, y, SquaredError(), families=families, max_fits=20)
>>> found.n_fits <= 20, found.best_estimator_.predict(X[:1]).shape
(True, (1,))
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
    check_parameter,
)
from sklearn_losses._machine._typing import ArrayLike, Matrix, Seed
from sklearn_losses.estimators._validation import warn_caller
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.losses import (
    Barron,
    CrossEntropy,
    Focal,
    Gamma,
    GeneralizedCrossEntropy,
    Huber,
    LogLoss,
    Loss,
    Poisson,
    PolyLoss,
    PseudoHuber,
    SmoothQuantile,
    SplineLoss,
    SquaredError,
    StudentT,
    Tweedie,
)
from sklearn_losses.model_selection._held_out_metric import TOLD
from sklearn_losses.model_selection._tuned import TunedClassifier, TunedRegressor

FIRST = 0.6  # of the budget is for all families, the rest for the best of them
LEAST = 4  # fits of a family
FINALISTS = 3
SPREADS = np.array([0.5, 1.0, 2.0, 4.0])  # of residuals, at the knots of a SplineLoss


@dataclass
class LossSearch:
    """What `search_loss` has found: families in order, and the best as an estimator.

    Attributes
    ----------
    table : list of dict
        The best of each family, the best first: "loss", with what was learned,
        "metric", "behind", by how much it is worse than the best, with the standard
        error of that difference over rows, "tied", "alpha", "fits", and "at_end", the
        parameters that have ended at an end of their range.
    best_estimator_ : TunedRegressor or TunedClassifier
        Fitted.
    n_fits : int
        Settings that were fitted, in all.
    failed : dict of str to str
        Families that could not be fitted, and why.
    """

    table: list[dict[str, Any]]
    best_estimator_: Any
    n_fits: int
    failed: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{'metric':>12} {'behind':>10} {'+-':>9}  loss"]
        for row in self.table:
            mark = "  (tied)" if row["tied"] and row["behind"] > 0 else ""
            numbers = f"{row['metric']:12.6g} {row['behind']:10.3g} {row['error']:9.2g}"
            lines.append(f"{numbers}  {row['loss']}{mark}")
        return "\n".join(lines)


def search_loss(
    X: Matrix,
    y: ArrayLike,
    metric: Loss | str | None = None,
    *,
    families: Mapping[Any, Any] | None = None,
    cv: Any = 5,
    max_fits: int = 150,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    random_state: Seed = 0,
) -> LossSearch:
    """Find the loss with the best predictions, over families and their parameters.

    Each family is tuned by gradient with a share of the budget, and the best three with
    what is left. The table says which are tied.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Numbers, or labels of classes.
    metric : Loss or str, default=None
        What counts, on rows that a fit has not seen. None: the log loss of labels. Of
        numbers it is required: a loss is no judge of itself.
    families : dict of Loss to dict, default=None
        What is compared, and the `tune` of each. None: usual ones for y.
    cv, random_state
        As of `TunedRegressor`.
    max_fits : int, default=150
        The most settings that are fitted in all, of all folds each.
    sample_weight, offset : array-like, default=None

    Returns
    -------
    LossSearch
        Print it; its `best_estimator_` predicts.

    Raises
    ------
    ValueError
        If there is no metric, the budget is too small, or no family can be fitted.
    TypeError
        If rows are in blocks.

    See Also
    --------
    TunedRegressor, TunedClassifier : One family.
    LossSearchCV : A grid, for any loss and metric.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import Barron, PseudoHuber, SquaredError, search_loss
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3))
    >>> y = X @ [1.0, 2.0, 0.0] + rng.standard_t(2, size=300)
    >>> robust = {"loss__delta": (0.1, 10, "log")}
    >>> families = {SquaredError(): {}, PseudoHuber(): robust}
    >>> found = search_loss(X, y, PseudoHuber(), families=families, max_fits=30)
    >>> str(found.table[0]["loss"])[:11]
    'PseudoHuber'
    """
    at_least = [Interval(1, None, "left", integer=True)]
    check_parameter("search_loss", "max_fits", max_fits, at_least)
    if blocks_of("search_loss", X, y, sample_weight, offset) is not None:
        raise TypeError(
            "search_loss needs rows that are at hand, whose y say what is compared. "
            "Search with some of them, and fit best_estimator_.best_estimator_ to all."
        )
    y = np.asarray(y)
    metric = _metric_for(y, metric)
    kind = TunedRegressor if metric.task == "regression" else TunedClassifier
    if families is None:
        families = usual_families(y, kind is TunedRegressor)
    if not isinstance(families, Mapping):
        raise InvalidParameterError(
            "The 'families' parameter of search_loss must be a dict of a loss to what "
            "is tuned of it, such as {Huber(): {'loss__delta': 'log'}, SquaredError(): "
            f"{{}}}}. Got {families!r} instead."
        )
    each = int(FIRST * max_fits) // max(1, len(families))
    if each < LEAST:
        least = int(np.ceil(LEAST * len(families) / FIRST))
        raise InvalidParameterError(
            f"The 'max_fits' parameter of search_loss must be at least {least} for "
            f"{len(families)} families. Got {max_fits!r}."
        )
    settings = dict(metric=metric, cv=cv, random_state=random_state)
    rows = X, y, sample_weight, offset
    models = [
        kind(loss, {"alpha": "log", **tune}, max_fits=each, **settings)
        for loss, tune in families.items()
    ]
    found, failed = _all_fitted(models, rows)
    n_fits = sum(model.n_fits_ for model in found)
    found.sort(key=lambda model: model.best_score_)
    more = (max_fits - n_fits) // len(found[:FINALISTS])
    for k, model in enumerate(found[:FINALISTS] if more > each else []):
        # What has been seen before is not kept: a search begins all over its ranges.
        again = kind(model.estimator, model.tune, max_fits=more, **settings)
        n_fits += _fitted(again, rows).n_fits_
        found[k] = min(again, model, key=lambda one: one.best_score_)
    return LossSearch(*_ranked(found), n_fits, failed)


def _metric_for(y, metric):
    """The metric, the usual one of labels if there is none."""
    if metric is not None:
        return as_loss(metric, "search_loss")
    if type_of_target(y).startswith("continuous") or _is_counts(y):
        raise InvalidParameterError(
            "search_loss needs a metric that says what good predictions of numbers "
            "are, such as AbsoluteError(), SquaredError() or Poisson()."
        )
    return LogLoss() if len(np.unique(y)) == 2 else CrossEntropy()


def _all_fitted(models, rows):
    """Models that could be fitted, and why others could not.

    Returns
    -------
    list of models, dict of str to str
    """
    found, failed = [], {}
    for model in models:
        try:
            found.append(_fitted(model, rows))
        except ValueError as error:
            failed[str(model.estimator)] = str(error)
    if not found:
        reasons = {}
        for loss, why in failed.items():
            reasons.setdefault(why, []).append(loss)
        each = "; ".join(f"{', '.join(which)}: {why}" for why, which in reasons.items())
        raise ValueError(f"search_loss could fit no family: {each}")
    if failed:
        warn_caller(f"search_loss has left out {', '.join(failed)}: `failed` says why.")
    return found, failed


def _fitted(model, rows):
    """A fit whose warnings are in the table: which parameters are at an end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return model.fit(*rows)


def _is_counts(y):
    """Whether whole numbers are too many kinds to be classes."""
    return y.dtype.kind in "iuf" and len(np.unique(y)) > 20


def usual_families(y, is_regression):
    """Losses for a target, and what is tuned of each.

    Returns
    -------
    dict of Loss to dict
    """
    if not is_regression and len(np.unique(y)) > 2:
        smoothing = {"loss__label_smoothing": (0.0, 0.5)}
        return {CrossEntropy(label_smoothing=0.05): smoothing, LogLoss(): {}}
    if not is_regression:
        return {
            LogLoss(): {},
            Focal(): {"loss__gamma": (0.0, 5.0)},
            PolyLoss(): {"loss__epsilon": (-1.0, 5.0)},
            GeneralizedCrossEntropy(): {"loss__q": (0.01, 1.0)},
        }
    y = y.astype(np.float64)
    spread = float(1.4826 * np.median(np.abs(y - np.median(y))) or y.std() or 1.0)
    wide = (0.02 * spread, 20.0 * spread, "log")
    found = {
        SquaredError(): {},
        PseudoHuber(delta=spread): {"loss__delta": wide},
        Huber(delta=spread): {"loss__delta": wide},
        Barron(scale=spread): {"loss__alpha": (-4.0, 2.0), "loss__scale": wide},
        StudentT(scale=spread): {"loss__df": (1.0, 50.0, "log"), "loss__scale": wide},
        SmoothQuantile(0.5, delta=0.1 * spread): {"loss__delta": wide},
        SplineLoss(tuple((SPREADS * spread).tolist())): {
            "loss__weights": (1e-3, 2.0, "log")
        },
    }
    if (y >= 0).all():
        found[Poisson()] = {}
    if (y > 0).all():
        found |= {Gamma(): {}, Tweedie(power=1.5): {"loss__power": (1.05, 1.95)}}
    return found


def _ranked(models):
    """The table, and the best model."""
    models = sorted(models, key=lambda model: model.best_score_)
    best, table = models[0], []
    for model in models:
        worse = model._row_values - best._row_values
        share = model._row_shares
        behind = float(model.best_score_ - best.best_score_)
        error = float(np.sqrt(share**2 @ (worse - share @ worse) ** 2))
        table.append(
            {
                "loss": str(model.loss_),
                "metric": float(model.best_score_),
                "behind": behind,
                "error": error,
                "tied": behind <= TOLD * error,
                "at_end": [k for k, e in model.errors_.items() if np.isnan(e)],
                "alpha": model.alpha_,
                "fits": model.n_fits_,
            }
        )
    return table, best
