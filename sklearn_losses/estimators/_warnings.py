"""What is said besides errors: before a fit of losses and parameters, and after it.

What is odd about the coefficients of a fit is in _outcome.py.
"""

import inspect
from functools import lru_cache
from numbers import Number

import numpy as np

from sklearn_losses.estimators._parameters import EPSILON_IS
from sklearn_losses.estimators._validation import warn_caller
from sklearn_losses.losses._contradictions import is_foreign, refuse_contradictions

OF_STEPS = "eta0", "power_t", "average", "batch_size", "shuffle"
OBJECT = {"has": "it", "have": "them"}
ALL = slice(None)


def look_at_objective(objective, train=None):
    """Refuse a loss of somebody else's that contradicts itself on a few targets.

    See `refuse_contradictions`.

    Parameters
    ----------
    objective : Objective
    train : ndarray of uint32 of shape (n_train,), default=None
        The rows that count; None: all.
    """
    if not is_foreign(objective.loss) or objective.loss.granularity == "group":
        return
    rows = ALL if train is None else train
    y = objective.targets.of_output(0)
    weight = objective.weight_of(0)
    if weight is not None:
        rows = np.flatnonzero(weight[rows] > 0) if train is None else train
    refuse_contradictions(objective.loss, y[rows], objective.n_outputs)


def ignored_parameters(estimator, makes_steps, has_validation):
    """Which parameters that somebody has set have no effect on a fit.

    Those that are as by default are not meant.

    Parameters
    ----------
    estimator : SGDRegressor, SGDClassifier or SGDMultiTask
    makes_steps : bool
        Whether the fit makes steps of SGD; those of `Perceptron` are of size 1.
    has_validation : bool

    Returns
    -------
    list of str
        Messages.
    """
    given = {
        name: getattr(estimator, name)
        for name, default in _defaults(type(estimator)).items()
        if _differs(getattr(estimator, name), default)
    }
    if not given:
        return []
    has_epsilon = isinstance(estimator.loss, str) and estimator.loss in EPSILON_IS
    is_auto = estimator.learning_rate == "auto" and estimator.optimizer == "sgd"
    rank = getattr(estimator, "rank", None)  # of SGDMultiTask
    without_steps = OF_STEPS if not makes_steps else OF_STEPS[:2]
    reasons = (
        (is_auto, without_steps, "learning_rate='auto'", "Name a schedule"),
        (
            not has_epsilon,
            ["epsilon"],
            f"loss={estimator.loss!r}",
            "Set it in the loss",
        ),
        (
            not has_validation,
            ["scoring", "validation_fraction"],
            "no validation rows",
            "Use early_stopping=True, or fit with X_val and y_val",
        ),
        (
            is_auto and not has_validation,
            ["n_iter_no_change"],
            "learning_rate='auto' and no validation rows",
            "Use early_stopping=True, or fit with X_val and y_val",
        ),
        (
            makes_steps and rank is not None,
            ["power_t", "average", "clip_gradient"],
            f"rank={rank!r}, whose steps are Adam's of size eta0",
            "Use learning_rate='auto'",
        ),
        (
            estimator.clip_gradient is None,
            ["clip_by"],
            "clip_gradient=None",
            "Set clip_gradient",
        ),
    )
    found = []
    for applies, names, setting, advice in reasons:
        shown = [f"{name}={given[name]!r}" for name in names if name in given]
        if applies and shown:
            verb = "have" if len(shown) > 1 else "has"
            found.append(
                f"{' and '.join(shown)} of {type(estimator).__name__} {verb} no effect "
                f"with {setting}. {advice}, or leave {OBJECT[verb]} out."
            )
    return found


@lru_cache
def _defaults(cls):
    """The defaults of the parameters that may have no effect."""
    constructor = inspect.signature(cls).parameters
    of_watching = "scoring", "validation_fraction", "n_iter_no_change"
    names = (*OF_STEPS, *of_watching, "epsilon", "clip_by", "clip_gradient")
    return {n: constructor[n].default for n in names if n in constructor}


def _differs(value, default):
    return value is not default and not (
        isinstance(value, (Number, np.generic, str)) and value == default
    )


def warn_of_infinite(estimator, raw, predicted):
    """Say so if finite raw predictions have no finite predictions."""
    bad = np.flatnonzero(~np.isfinite(predicted))
    if len(bad):
        warn_caller(
            f"{len(bad)} of {len(raw)} predictions of {type(estimator).__name__} are "
            f"not finite: that of row {bad[0]}, whose raw prediction is "
            f"{raw[bad[0]]:.6g}, overflows {raw.dtype}, the dtype of X.",
            UserWarning,
        )


def warn_of_undecided(estimator, raw):
    """Say so if raw predictions overflow to both sides, or of one of several outputs.

    An infinite one by itself is the right limit, and says which class it is.
    """
    bad = np.isnan(raw) if raw.ndim == 1 else ~np.isfinite(raw).all(axis=1)
    rows = np.flatnonzero(bad)
    if len(rows):
        warn_caller(
            f"Raw predictions of {type(estimator).__name__} overflow {raw.dtype} for "
            f"{len(rows)} of {len(raw)} rows, first for row {rows[0]}, and say nothing "
            "of them. Scale the features as they were in fit."
        )
