"""What a fit shows: validation rows, scores, callbacks, and curves as attributes."""

import copy
import re
from functools import wraps
from inspect import signature
from numbers import Real

import numpy as np
from sklearn import callback, get_config
from sklearn.metrics import check_scoring
from sklearn.utils.validation import validate_data

from sklearn_losses.design._structure import check_structure
from sklearn_losses.estimators._validation import is_given, warn_caller
from sklearn_losses.solvers._progress import merge_curves

# The attributes that a fit may leave behind, and which a new fit takes away.
CURVES = (
    "loss_curve_",
    "validation_loss_curve_",
    "validation_score_curve_",
    "objective_curve_",
    "learning_rate_curve_",
    "gradient_norm_curve_",
    "best_epoch_",
)


def with_callbacks(method):
    """scikit-learn's, of an estimator with callbacks: a small fit feels it."""
    managed = callback.with_callbacks(method)

    @wraps(method)
    def chosen(estimator, *args, **kwargs):
        has_callbacks = getattr(estimator, "_skl_callbacks", None)
        return (managed if has_callbacks else method)(estimator, *args, **kwargs)

    return chosen


def check_validation_data(
    estimator, X_val, y_val, sample_weight_val, offset_val, **checks
):
    """X_val and y_val, checked as X and y were; None, None without them.

    Raises
    ------
    ValueError
        If one of them is missing, or cannot be used; it names X_val or y_val.
    """
    given = {
        "y_val": y_val,
        "sample_weight_val": sample_weight_val,
        "offset_val": offset_val,
    }
    if X_val is None:
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{name} was given without X_val. Pass the rows that it belongs "
                    "to as X_val, or leave it out."
                )
        return None, None
    if y_val is None:
        raise ValueError(
            "X_val was given without y_val. Pass the targets of its rows as y_val."
        )
    check_structure(X_val, "X_val")
    try:
        return validate_data(estimator, X_val, y_val, reset=False, **checks)
    except ValueError as error:
        # They are called X and y in scikit-learn's messages.
        message = re.sub(r"\b([Xy])\b", r"\1_val", str(error))
        raise ValueError(f"The validation rows cannot be used. {message}") from error


def look_at_offsets(estimator, offset, offset_val):
    """Warn of validation rows that are judged without what the others have."""
    if is_given(offset) and offset_val is None:
        warn_caller(
            f"{type(estimator).__name__}.fit has an offset, and its validation rows "
            "none: they are judged as if it were 0. Pass offset_val= too; "
            "offset_val=0 says that this is meant."
        )


def make_score(estimator, X, y, sample_weight, offset, fitted, groups=None):
    """The function (coef, intercept) -> score of `estimator.scoring`.

    Parameters
    ----------
    estimator : estimator with the parameter scoring
    X, y : of the validation rows
    sample_weight : ndarray of shape (n_rows,) or None
        It is passed to the scorer if that takes it.
    offset : ndarray of shape (n_rows, n_outputs) or None
        A scorer that does not take it is refused: it would predict without.
    fitted : callable
        (coef, intercept) -> dict, the attributes that make a model fitted.
    groups : ndarray of shape (n_rows,), default=None
        Passed to the scorer if it takes what the estimator calls them.
    """
    scorer = check_scoring(estimator, estimator.scoring)
    weights = {}
    if sample_weight is not None and _takes(scorer, "sample_weight"):
        weights = {"sample_weight": sample_weight}
    if offset is not None:
        if "offset" not in signature(scorer).parameters:
            raise ValueError(
                f"The 'scoring' parameter of {type(estimator).__name__} cannot be "
                f"{estimator.scoring!r} with an offset, which that scorer does not "
                "pass to predict. Use scoring=loss_scorer(loss), a function "
                "(estimator, X, y, offset=None) -> float, or None for the loss."
            )
        weights["offset"] = offset
    if groups is not None and estimator._groups_are in signature(scorer).parameters:
        weights[estimator._groups_are] = groups

    def score(coef, intercept):
        model = copy.copy(estimator)
        vars(model).update(fitted(coef, intercept))
        # X has been checked, and is an array.
        vars(model).pop("feature_names_in_", None)
        try:
            value = scorer(model, X, y, **weights)
        except (AttributeError, TypeError, ValueError) as error:
            if np.asarray(y).dtype.names is None:  # the scorer's own words will do
                raise
            raise ValueError(
                f"The 'scoring' parameter of {type(estimator).__name__} cannot be "
                f"{estimator.scoring!r}, which fails with its predictions and targets, "
                f"of the fields {y.dtype.names}: {str(error).rstrip('.')}. Use a "
                "scorer of such targets of sklearn_losses, or None for the loss."
            ) from error
        if not isinstance(value, Real):
            raise ValueError(
                f"The 'scoring' parameter of {type(estimator).__name__} must return a "
                f"single number. Got {value!r} from {estimator.scoring!r}."
            )
        if np.isnan(value):
            raise ValueError(
                f"The 'scoring' parameter of {type(estimator).__name__} must return "
                f"numbers that can be compared. Got nan from {estimator.scoring!r} on "
                "the validation rows: use another scorer, or scoring=None, which "
                "watches the loss."
            )
        return float(value)

    return score


def _takes(scorer, name):
    """Whether sample weights may be passed to a scorer: as scikit-learn would.

    With metadata routing a scorer says whether it wants them. Without, it gets them if
    it has a place for them, or its metric does.
    """
    if get_config()["enable_metadata_routing"]:
        routing = getattr(scorer, "get_metadata_routing", None)
        return bool(routing and routing().consumes("score", [name]))
    metric = getattr(scorer, "_score_func", scorer)
    return name in signature(metric).parameters


class EpochCallbacks:
    """Calls scikit-learn's callbacks around each epoch of a fit.

    Parameters
    ----------
    estimator : estimator with callbacks
    context : CallbackContext
        Of the fit.
    unit : str
        What its tasks are called.
    given : tuple of X, y and sample_weight
        As they were passed to `fit`.
    fitted : callable
        (coef, intercept) -> dict, the attributes that make a model fitted.
    """

    def __init__(self, estimator, context, unit, given, fitted):
        self.context, self.unit, self.fitted = context, unit, fitted
        X, y, weight = given
        metadata = None if weight is None else {"sample_weight": weight}
        self.given = dict(estimator=estimator, X=X, y=y, metadata=metadata)
        self.task = None
        context.call_on_fit_task_begin(**self.given)

    def begin(self):
        """An epoch begins."""
        self.task = self.context.subcontext(task_name=self.unit)
        self.task.call_on_fit_task_begin(**self.given)

    def end(self, coef, intercept):
        """An epoch has ended; returns whether a callback asks to stop."""
        return self._end(self.task, coef, intercept)

    def end_fit(self, coef, intercept):
        """The fit has ended."""
        self._end(self.context, coef, intercept)

    def _end(self, task, coef, intercept):
        return task.call_on_fit_task_end(
            reconstruction_attributes=lambda: self.fitted(coef, intercept), **self.given
        )


def publish_curves(estimator, results):
    """Set the attributes in `CURVES` that the results of the solvers stand for."""
    for name in CURVES:
        vars(estimator).pop(name, None)
    for name, values in merge_curves([r.curves for r in results]).items():
        setattr(estimator, f"{name}_curve_", values)
    if results and results[0].best_epoch is not None:
        best = np.concatenate([r.best_epoch for r in results])
        estimator.best_epoch_ = best if len(best) > 1 else int(best[0])
