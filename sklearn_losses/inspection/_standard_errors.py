"""Standard errors of coefficients, whatever the distribution of y: the sandwich.

>>> from sklearn.datasets import load_diabetes
>>> from sklearn_losses import LinearRegressor, standard_errors
>>> X, y = load_diabetes(return_X_y=True)
>>> model = LinearRegressor("squared_error", penalty=None).fit(X, y)
>>> standard_errors(model, X, y).intercept.round(2)
array([2.54])
"""

from __future__ import annotations

from copy import copy

import numpy as np
from sklearn.utils import Bunch

from sklearn_losses._machine._params import Options, check_parameter
from sklearn_losses._machine._typing import ArrayLike, Matrix
from sklearn_losses.estimators import LinearClassifier, LinearRegressor, LinearSurvival
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.inspection._fit_of import at_constant_of, warn_of_other_data
from sklearn_losses.inspection._survival_covariance import (
    NOT_UNIQUE,
    survival_covariance,
)
from sklearn_losses.losses import CoxPH
from sklearn_losses.losses._censored import AFT
from sklearn_losses.solvers.descent._exact import ExactCurvature

KINDS = [Options("auto", "model", "sandwich")]


def standard_errors(
    estimator: LinearRegressor | LinearClassifier | LinearSurvival,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    *,
    kind: str = "auto",
    strata: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
) -> Bunch:
    """Standard errors of the coefficients of a model that was fitted without penalty.

    With slopes g_i and curvatures c_i of the weighted losses, the covariance of the
    coefficients is H^-1 (sum_i g_i^2 x_i x_i') H^-1 with H = sum_i c_i x_i x_i', which
    holds for independent rows whatever the distribution of y is (HC0 in the language
    of least squares). A row is one observation, whatever its weight: where weights are
    counts of equal rows, pass the rows themselves, as ``np.repeat`` makes them.

    Those of `LinearSurvival` are of the model, H^-1, or the sandwich, of rows or of
    clusters; with `CoxPH` it is that of Lin and Wei.

    Parameters
    ----------
    estimator : LinearRegressor, LinearClassifier or LinearSurvival
        Fitted, with penalty=None or alpha=0, and a differentiable loss of points; or
        any LinearSurvival.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None
    offset : array-like of the shape of raw predictions, default=None
        X, y, weights and offsets are those of the fit.
    kind : {"auto", "model", "sandwich"}, default="auto"
        "model" supposes that the model is true, and is for `LinearSurvival` alone;
        "auto" is "model" for it, unless there are clusters, and else "sandwich".
    strata : array-like of shape (n_samples,), default=None
        Those of the fit of a `LinearSurvival`.
    clusters : array-like of shape (n_samples,), default=None
        Ids of what is independent, such as patients that have several rows. For the
        sandwich of a `LinearSurvival`; None: rows are.

    Returns
    -------
    Bunch
        `coef` and `intercept`, in the shapes of `coef_` and `intercept_`; the latter is
        0 if no intercept was fitted. Of accelerated failure times also `scale`, or
        `predictors`, where it is fitted.

    Raises
    ------
    ValueError
        If the fit was penalised, the loss has kinks or is one of rows, or a coefficient
        is not determined by the data.

    Warns
    -----
    UserWarning
        If the data are not those of the fit, as `objective_` shows.

    References
    ----------
    Huber 1967, "The behavior of maximum likelihood estimates under nonstandard
    conditions"; White 1980, "A heteroskedasticity-consistent covariance matrix
    estimator"; Lin and Wei 1989, "The robust inference for the Cox proportional hazards
    model".
    """
    check_parameter("standard_errors", "kind", kind, KINDS)
    if isinstance(estimator, LinearSurvival):
        given = X, y, sample_weight, offset, strata
        return _of_survival(estimator, kind, *given, clusters=clusters)
    if not isinstance(estimator, (LinearRegressor, LinearClassifier)):
        raise TypeError(
            "standard_errors needs a LinearRegressor, a LinearClassifier or a "
            f"LinearSurvival. Got {estimator!r}."
        )
    if kind == "model" or strata is not None or clusters is not None:
        raise ValueError(
            "kind='model', strata and clusters are for a LinearSurvival. Leave them "
            f"out for {type(estimator).__name__}."
        )
    n_features = estimator._check_model()
    loss = estimator.loss_
    _check_settings(estimator, loss)
    given = X, y, sample_weight
    objectives, dtype = copy(estimator)._objectives(*given, loss, offset)
    if (objectives[0].rows.n_features, len(objectives)) != (
        n_features,
        estimator._n_published(),
    ):
        raise ValueError(
            "standard_errors needs X and y of the fit: the features or the classes are "
            f"not those of {type(estimator).__name__}.coef_."
        )
    coef = np.atleast_2d(estimator._dense_coef()).astype(np.float64)
    points = list(zip(objectives, coef, np.float64(estimator.intercept_)))
    each = [(o, w[None], np.atleast_1d(b)) for o, w, b in points]
    rest = [at_constant_of(*one) for one in each]
    fitted = estimator._resolve_loss()
    if has_outputs(fitted) and not all(hasattr(loss, k) for k in fitted.outputs[1:]):
        values = estimator.objective_  # the dispersion of Tweedie's is not published
    elif has_outputs(fitted):
        values = [_of_all_outputs(fitted, loss, *each[0])]
    else:
        values = np.ravel([o.value(w, b) for o, w, b in each])
    warn_of_other_data("standard_errors", estimator, values, dtype, offset, rest)
    found = [_of_objective(*point) for point in points]
    errors = np.array([error for error, _ in found])
    intercept = np.array([error for _, error in found])
    return Bunch(coef=errors.reshape(estimator.coef_.shape), intercept=intercept)


def _of_all_outputs(fitted, loss, objective, coef, intercept):
    """The mean of the loss whose parameters were fitted, which objective_ is of."""
    raw, y = objective.raw(coef, intercept)[:, 0], objective.targets.y
    numbers = {name: getattr(loss, name) for name in fitted.outputs[1:]}
    with np.errstate(divide="ignore"):  # a dispersion of 0 is a Poisson's
        raw = fitted.raw_of({"location": raw} | numbers, len(raw))
    return fitted.mean(y, raw, objective.sample_weight)


def _of_survival(estimator, kind, *given, clusters):
    """The errors of what a survival model publishes."""
    check_survival_model(estimator)
    if kind == "model" and clusters is not None:
        raise ValueError("clusters are of kind='sandwich'. Leave kind out.")
    settings = dict(sandwich=kind == "sandwich", clusters=clusters)
    found = survival_covariance("standard_errors", estimator, *given, **settings)
    return found.errors()


def check_survival_model(estimator):
    """Refuse a LinearSurvival that has no standard errors."""
    estimator._check_model()
    _check_settings(estimator, estimator.loss_)


def _check_settings(estimator, loss):
    reason = None
    if isinstance(estimator, LinearSurvival):
        is_usable = isinstance(loss, (CoxPH, AFT))
    else:
        fitted = estimator._resolve_loss()
        is_usable = loss.granularity == "point" or len(fitted.outputs) == 1
    if not is_usable:
        reason = f"{loss!r} has several outputs, or compares rows"
    elif estimator.penalty is not None and estimator.alpha > 0:
        reason = "coefficients that a penalty shrinks are biased: fit with penalty=None"
    elif estimator.positive:
        reason = "positive=True binds coefficients to 0"
    elif estimator.bounds is not None:
        reason = "bounds bind coefficients"
    elif not loss.differentiable or not (
        loss.granularity != "point" or loss.checked().has_curvature
    ):
        reason = f"{loss!r} has kinks, or no curvature"
    if reason:
        raise ValueError(f"standard_errors has none here: {reason}.")


def _of_objective(objective, coef, intercept):
    """The errors of the coefficients and of the intercept of one objective."""
    intercept = np.atleast_1d(np.asarray(intercept, dtype=np.float64))
    curvature = ExactCurvature(objective, coef[None], intercept)
    mean, scale = curvature.point.mean, curvature.point.scale
    if not ((scale > 0).all() and curvature.is_regular):
        raise ValueError(NOT_UNIQUE.format("standard_errors"))
    covariance = curvature.solve(curvature.solve(curvature.squared_slopes()).T)
    errors = np.sqrt(np.diag(covariance)[:-1]) * scale
    if not objective.fit_intercept:
        return errors, 0.0
    from_mean = np.append(-mean * scale, 1.0)
    return errors, float(np.sqrt(from_mean @ covariance @ from_mean))
