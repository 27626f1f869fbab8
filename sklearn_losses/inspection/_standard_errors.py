"""Standard errors of what a fit has found: the sandwich, or those of a likelihood.

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
from sklearn_losses.estimators import (
    LinearClassifier,
    LinearOrdinalClassifier,
    LinearRegressor,
    LinearSurvival,
)
from sklearn_losses.estimators._validation import check_weights
from sklearn_losses.estimators.blocks._blocks import refuse_blocks
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.inspection._covariance import (
    Covariance,
    dispersion_of,
    is_likelihood,
    variance_power,
)
from sklearn_losses.inspection._fit_of import at_constant_of, warn_of_other_data
from sklearn_losses.inspection._survival_covariance import survival_covariance
from sklearn_losses.losses import CoxPH, Quantiles
from sklearn_losses.losses._censored import AFT
from sklearn_losses.losses._targets import group_codes

KINDS = [Options("auto", "model", "sandwich")]


def standard_errors(
    estimator: LinearRegressor
    | LinearClassifier
    | LinearOrdinalClassifier
    | LinearSurvival,
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
    of least squares). Parameters of the loss that are fitted, thresholds and the
    coefficients of several classes are parts of one such matrix. A row is one
    observation, whatever its weight: where weights are counts of equal rows, pass the
    rows themselves, as ``np.repeat`` makes them, or take kind="model".

    Of `CoxPH` the sandwich is that of Lin and Wei.

    Parameters
    ----------
    estimator : LinearRegressor, LinearClassifier, LinearOrdinalClassifier or \
            LinearSurvival
        Fitted, with penalty=None or alpha=0, and a differentiable loss.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None
    offset : array-like of the shape of raw predictions, default=None
        X, y, weights and offsets are those of the fit.
    kind : {"auto", "model", "sandwich"}, default="auto"
        "model" supposes that the model is true, and the weights are counts: H^-1 of a
        likelihood (`LogLoss`, `Poisson`, distributions, ordered classes with
        probabilities, ...), and the dispersion times that of `SquaredError`, `Gamma`,
        `InverseGaussian` and `Tweedie`. "auto" is "model" for `LinearSurvival`, unless
        there are clusters, and else "sandwich".
    strata : array-like of shape (n_samples,), default=None
        Those of the fit of a `LinearSurvival`.
    clusters : array-like of shape (n_samples,), default=None
        Ids of what is independent, such as patients that have several rows. For the
        sandwich; None: rows are.

    Returns
    -------
    Bunch
        `coef` and `intercept`, in the shapes of `coef_` and `intercept_`; the latter is
        0 if no intercept was fitted. Besides

        - `thresholds` of ordered classes, nan of those that are infinite;
        - each parameter of the loss that was fitted, by its name, as `scale` or
          `dispersion`; it is nan at the end of its range, where the others are those of
          a model with that number;
        - `predictors`: a dict of the coefficients and the intercept of each parameter
          that depends on features;
        - `dispersion` of kind="model", where the loss has one (Pearson's statistic over
          the degrees of freedom): the number itself.

    Raises
    ------
    ValueError
        If the fit was penalised, the loss has kinks, or compares rows and is not that
        of a survival model, or a coefficient is not determined by the data; or of
        kind="model" if the loss is no likelihood.

    Warns
    -----
    UserWarning
        If the data are not those of the fit, as `objective_` shows.

    Notes
    -----
    A power of `Tweedie` that was fitted is taken for known.

    References
    ----------
    Huber 1967, "The behavior of maximum likelihood estimates under nonstandard
    conditions"; White 1980, "A heteroskedasticity-consistent covariance matrix
    estimator"; Liang and Zeger 1986, "Longitudinal data analysis using generalized
    linear models", for clusters; Lin and Wei 1989, "The robust inference for the Cox
    proportional hazards model".
    """
    check_parameter("standard_errors", "kind", kind, KINDS)
    if isinstance(estimator, LinearSurvival):
        given = X, y, sample_weight, offset, strata
        return _of_survival(estimator, kind, *given, clusters=clusters)
    known = LinearRegressor, LinearClassifier, LinearOrdinalClassifier
    if not isinstance(estimator, known):
        raise TypeError(
            "standard_errors needs a LinearRegressor, a LinearClassifier, a "
            f"LinearOrdinalClassifier or a LinearSurvival. Got {estimator!r}."
        )
    if strata is not None:
        raise ValueError(
            "strata are for a LinearSurvival. Leave them out for "
            f"{type(estimator).__name__}."
        )
    refuse_blocks("standard_errors", X)
    estimator._check_model()
    _check_settings(estimator, estimator.loss_)
    fit = _Fit(estimator, X, y, sample_weight, offset)
    total = None
    if kind == "model":
        total = _total_of(estimator, fit, sample_weight, clusters)
    elif clusters is not None:
        clusters = group_codes(clusters, fit.n_rows, "clusters")
    return fit.errors(total, clusters)


class _Fit:
    """A fitted model, and its numbers as its objectives have them.

    Attributes
    ----------
    objectives : list of Objective
        Of the loss with its fitted parameters as outputs, but for those at the end of
        their range.
    points : list of (coef, intercept)
        Of each, of shape (n_outputs, n_features) and (n_outputs,).
    """

    def __init__(self, estimator, X, y, sample_weight, offset):
        self.estimator = estimator
        self.loss, self.at_end = _outputs_of(estimator)
        given = X, y, sample_weight, self.loss, offset
        self.objectives, dtype = copy(estimator)._objectives(*given)
        self.n_rows, d = self.objectives[0].rows.n_rows, estimator.n_features_in_
        n_outputs = sum(objective.n_outputs for objective in self.objectives)
        is_difference = self.objectives[0].n_outputs == 2
        n_classes = 1 if is_difference else n_outputs
        has_own = has_outputs(self.loss)
        if self.objectives[0].rows.n_features != d or not (
            has_own or n_classes == estimator._n_published()
        ):
            raise ValueError(
                "standard_errors needs X and y of the fit: the features or the classes "
                f"are not those of {type(estimator).__name__}.coef_."
            )
        coef = np.atleast_2d(estimator._dense_coef()).astype(np.float64)
        if isinstance(estimator, LinearOrdinalClassifier):
            own = estimator.thresholds_[np.isfinite(estimator.thresholds_)]
            intercept = np.append(0.0, np.unique(own))
            coef = np.vstack([coef, np.zeros((len(intercept) - 1, d))])
        elif has_own:
            coef, intercept = _theta_of(estimator, self.loss, coef)
        else:
            intercept = np.broadcast_to(estimator.intercept_, n_classes)
            coef = estimator._initial("coef", coef, (n_outputs, d))
            intercept = estimator._initial("intercept", intercept, (n_outputs,))
        each = n_outputs // len(self.objectives)
        parts = [slice(i, i + each) for i in range(0, n_outputs, each)]
        self.points = [(coef[part], intercept[part]) for part in parts]
        found = [o.value(*at)[0] for o, at in zip(self.objectives, self.points)]
        if self.at_end:
            found = estimator.objective_  # that of the others has other constants
        points = zip(self.objectives, self.points)
        rest = [at_constant_of(one, *at) for one, at in points]
        parts = "standard_errors", estimator, found, dtype, offset, rest
        warn_of_other_data(*parts)

    def errors(self, total, clusters):
        """The Bunch of `standard_errors`."""
        found = [
            Covariance("standard_errors", objective, *at, total, clusters)
            for objective, at in zip(self.objectives, self.points)
        ]
        beside = dict.fromkeys(self.at_end, np.nan)
        if total is not None and variance_power(self.loss) is not None:
            beside["dispersion"] = self._dispersion(total, found[0].n_free)
            found[0].matrix *= beside["dispersion"]
        if isinstance(self.estimator, LinearOrdinalClassifier):
            return self._of_classes(found[0])
        if has_outputs(self.loss):
            return self._of_outputs(found[0])
        if len(found[0].at) == 2:  # published as their difference
            both = [found[0].errors_of(_difference)]
        else:
            both = np.vstack([one.errors() for one in found])
        coef, intercept = np.hsplit(np.array(both), [-1])
        shape = self.estimator.coef_.shape
        return Bunch(coef=coef.reshape(shape), intercept=intercept.ravel(), **beside)

    def _dispersion(self, total, n_free):
        """That of a quasi-likelihood, with weights whose sum is `total`."""
        objective, at = self.objectives[0], self.points[0]
        mean = self.loss.inverse_link(objective.raw(*at)[:, 0])
        weight = objective.sample_weight
        weight = np.ones(self.n_rows) if weight is None else weight
        weight = weight * (total / weight.sum())
        return dispersion_of(self.loss, objective.targets.y, mean, weight, n_free)

    def _of_classes(self, covariance):
        def published(coef, intercept):
            return np.append(coef[0], intercept[1:] - intercept[0])

        estimator, d = self.estimator, self.estimator.n_features_in_
        found, all_ = covariance.errors_of(published), estimator.thresholds_
        is_there = np.isfinite(all_)
        _, which = np.unique(all_[is_there], return_inverse=True)
        thresholds = np.full(len(all_), np.nan)
        thresholds[is_there] = found[d:][which]
        coef = found[:d].reshape(estimator.coef_.shape)
        return Bunch(coef=coef, intercept=np.zeros(1), thresholds=thresholds)

    def _of_outputs(self, covariance):
        estimator, loss = self.estimator, self.loss
        own = getattr(estimator, "predictors_", {})
        numbers = [name for name in loss.outputs[1:] if name not in own]

        def published(coef, intercept):
            first = loss.natural(coef, intercept)
            if own:
                first = coef[0], intercept[:1]
            values = loss.values_of(intercept[None])
            return np.concatenate([*first, *(values[name] for name in numbers)])

        found, d = covariance.errors_of(published), estimator.n_features_in_
        more = dict.fromkeys(self.at_end, np.nan)
        more |= {name: float(error) for name, error in zip(numbers, found[d + 1 :])}
        if own:
            each = covariance.errors()
            places = {name: k for k, name in enumerate(loss.outputs)}
            more["predictors"] = {
                name: (each[places[name], :-1], float(each[places[name], -1]))
                for name in own
            }
        coef = found[:d].reshape(estimator.coef_.shape)
        return Bunch(coef=coef, intercept=found[d : d + 1], **more)


def _difference(coef, intercept):
    return np.append(coef[1] - coef[0], intercept[1] - intercept[0])


def _outputs_of(estimator):
    """The loss with what was fitted as outputs, and parameters that are at an end."""
    fitted, found = estimator._resolve_loss(), estimator.loss_
    if not has_outputs(fitted) or isinstance(estimator, LinearOrdinalClassifier):
        return found, []
    own = getattr(estimator, "predictors_", {})
    names = [name for name in fitted.outputs[1:] if name not in own]
    if not all(hasattr(found, name) for name in names):
        return found, []  # of Tweedie's, whose dispersion is not published
    with np.errstate(divide="ignore"):
        ends = [
            name
            for name in names
            if not np.isfinite(fitted.parameters[name].link(getattr(found, name)))
        ]
    if ends:
        fitted = fitted.with_parameters(**{name: getattr(found, name) for name in ends})
    return (fitted if has_outputs(fitted) else found), ends


def _theta_of(estimator, loss, coef):
    """Coefficients and intercepts of all outputs, from what was published."""
    own, numbers = getattr(estimator, "predictors_", {}), estimator.loss_
    location = np.append(coef, estimator.intercept_)
    coef = np.zeros((len(loss.outputs), len(location) - 1))
    if not own:
        values = {name: getattr(numbers, name) for name in loss.outputs[1:]}
        raw = loss.raw_of({"location": location, **values}, len(location))
        coef[0] = raw[:-1, 0]
        return coef, raw[-1].copy()
    intercept = np.zeros(len(coef))
    coef[0], intercept[0] = location[:-1], location[-1]
    for k, name in enumerate(loss.outputs[1:], 1):
        if name in own:
            coef[k], intercept[k] = own[name]
        else:
            intercept[k] = loss.parameters[name].link(getattr(numbers, name))
    return coef, intercept


def _total_of(estimator, fit, sample_weight, clusters):
    """The sum of the weights, of kind="model", if there is a model."""
    loss = estimator.loss_
    reason = None
    if clusters is not None:
        reason = "clusters are of kind='sandwich'. Leave kind out"
    elif getattr(estimator, "class_weight", None) is not None:
        reason = "class_weight makes other shares of classes: use kind='sandwich'"
    elif not (is_likelihood(fit.loss) or variance_power(loss) is not None):
        reason = f"{loss!r} is no likelihood: use kind='sandwich'"
    if reason:
        raise ValueError(f"standard_errors has none of kind='model' here: {reason}.")
    weight = check_weights(sample_weight, fit.n_rows)
    return float(fit.n_rows) if weight is None else float(weight.sum())


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
        is_usable = loss.granularity != "group" and not isinstance(loss, Quantiles)
    is_certain = estimator.penalty is None or estimator.alpha == 0
    if not is_usable:
        reason = f"{loss!r} has several outputs, or compares rows"
    elif not is_certain:
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
