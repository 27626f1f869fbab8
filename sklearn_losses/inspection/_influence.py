"""influence: what each row did to a fit, and what would become of it without the row.

>>> from sklearn.datasets import load_diabetes
>>> from sklearn_losses import LinearRegressor, influence
>>> X, y = load_diabetes(return_X_y=True)
>>> model = LinearRegressor("squared_error", penalty=None).fit(X, y)
>>> found = influence(model, X, y, top=3)
>>> found.rows  # they move the coefficients most
array([382, 123, 169])
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sklearn_losses._machine._params import check_parameter
from sklearn_losses._machine._typing import ArrayLike, Matrix
from sklearn_losses.estimators import LinearRanker, LinearSurvival
from sklearn_losses.estimators._validation import warn_caller
from sklearn_losses.inspection._fit_of import fit_of
from sklearn_losses.inspection._group_influence import group_influence
from sklearn_losses.inspection._lazy import LazyBunch
from sklearn_losses.inspection._left_out import TOP, Deletions, largest
from sklearn_losses.losses._links import IdentityLink
from sklearn_losses.solvers.descent._exact import has_exact_curvature

MOST_COEFS = 5000  # of one objective: of them there is a matrix


def _moves(each, dispersion=None):
    """By how much coefficients fall when a row is left out, in standard errors."""
    parts = []
    for deletions in each:
        moves = 0.0 - deletions.coefs()
        if dispersion is not None:
            errors = np.sqrt(dispersion[:, None, None] * deletions.variances)
            still = np.zeros(moves.shape)
            moves = np.divide(moves, errors, out=still, where=errors > 0)
        parts.append(moves)
    found = np.concatenate(parts, axis=1)
    return found[:, 0] if found.shape[1] == 1 else found


def influence(
    model: Any,
    X: Matrix,
    y: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    X_val: Matrix | None = None,
    y_val: ArrayLike | None = None,
    top: int | None = None,
    *,
    groups: ArrayLike | None = None,
) -> Bunch:
    """What each row did to a fit, by a Newton step to the fit without it.

    The step is exact for the squared error with any l2 penalty, and otherwise off by
    some percent of itself where there are few rows for each coefficient. The penalty
    counts, as alpha is per weight of all rows; features that an l1 norm has left out,
    and coefficients at a bound, are supposed to stay there.

    Parameters
    ----------
    model : LinearRegressor, LinearClassifier, LinearRanker, LinearSurvival or Pipeline
        Fitted, with a differentiable loss and an l1 or l2 norm, bounds or a matrix as
        penalty. The transformers of a Pipeline stay as they are. A `LinearRanker` is
        looked at without each group, and rows of `LinearSurvival(CoxPH())`, which are
        in the risk sets of others, by their scores, which say somewhat too little of
        those that matter most; of both only with an l2 norm.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None
    offset : array-like of the shape of raw predictions, default=None
        All of them those of the fit.
    X_val, y_val : array-like, default=None
        Other rows, for `on_validation`.
    top : int, default=None
        How many rows are kept, those with the largest `cook`, in that order; None: all.
        It is one pass, in which no more is held of the others. Rows in blocks and of
        dask need it; y is then None, or a collection as in `fit`.
    groups : array-like of shape (n_samples,), default=None
        Those of the fit of a `LinearRanker`, or the strata of a `LinearSurvival`.

    Returns
    -------
    Bunch
        Of arrays of shape (n_rows,), unless it says otherwise:

        - `rows`: the indices of the rows; of a `LinearRanker` those of the groups, in
          the order of their sorted ids, of which all that follows is then said.
        - `leverage`: which share of its own raw prediction a row decides, c q with the
          curvature c of its loss and q = z' H^-1 z; of a joint loss the trace. It is
          the diagonal of the hat matrix.
        - `distance`: q over the sum of weights, how far out in X the row is; the
          leverage of the squared error.
        - `slope`: of the loss by the raw prediction, (n_rows, n_outputs) of several.
        - `loss`, `loss_left_out`: of the row in this fit, and in the fit without it;
          of one-versus-rest classes their sum.
        - `cook`: dfbeta' C^-1 dfbeta / k, with the covariance C of the coefficients
          and their effective number k.
        - `rejected`: whether a loss that is not convex has given the row up, as it
          bends down there, or is flat. Such a row has its leverage with abs(c).
        - `dfbeta`: the coefficients minus those without the row, of shape (n_rows,
          n_features + 1), the intercept last; (n_rows, n_outputs, n_features + 1) of
          several outputs. It is formed when it is asked for.
        - `dfbetas`: the same in standard errors of the coefficients, with the
          dispersion that the other rows have.
        - `on_validation`: by how much the mean loss of the other rows rises without
          the row, to second order, which of the squared error is exact; rows below 0
          do harm. Only with X_val.
        - `dispersion`: of residuals, in C = dispersion H^-1; 1 unless it is a
          regression on the scale of y.
        - `n_effective`: k, the sum of the leverages.

    Raises
    ------
    TypeError
        If it is no such model.
    ValueError
        If the loss has kinks, the penalty no curvature, or the rows are not those of
        the fit.

    See Also
    --------
    InfluenceDisplay : A picture of it.
    contributions : What makes up the objective; it needs no curvature.
    standard_errors : Of the coefficients.

    Notes
    -----
    Weights count rows: a row of weight 2 is left out as two rows are, and the sum of
    weights is the number of rows in `dispersion`, `cook` and `dfbetas`, which all other
    fields do not need. `standard_errors` takes them up to a factor.

    A loss with scale="mad" is taken with the scale that it was fitted with, and
    class_weight="balanced" with the weights of all rows.

    References
    ----------
    Cook 1977, "Detection of influential observation in linear regression"; Pregibon
    1981, "Logistic regression diagnostics"; Koh and Liang 2017, "Understanding
    black-box predictions via influence functions", ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sklearn_losses import LinearClassifier, influence
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X, y[7] = scale(X), 1 - y[7]  # a wrong label
    >>> model = LinearClassifier("log_loss", alpha=1e-2).fit(X, y)
    >>> found = influence(model, X, y)
    >>> np.argsort(-found.loss_left_out)[:2], found.dfbeta.shape
    (array([297,   7]), (569, 31))
    """
    check_parameter("influence", "top", top, TOP)
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val")[:: 1 if y_val is None else -1]
        raise ValueError(
            f"influence got {given} without {missing}. Pass both, or neither."
        )
    if isinstance(model, (LinearRanker, LinearSurvival)):
        if X_val is not None:
            raise ValueError(
                f"influence on other rows is not known of a {type(model).__name__}. "
                "Leave X_val and y_val out."
            )
        return group_influence(model, X, y, sample_weight, offset, groups, top)
    if groups is not None:
        raise ValueError(
            f"{type(model).__name__} has no groups of rows. Leave `groups` out."
        )
    fit = fit_of("influence", model, X, y, sample_weight, offset)
    if fit.is_elsewhere and top is None:
        raise ValueError(
            "influence of rows in blocks needs `top`, as it holds some numbers of each "
            "row. Pass top=100, for those with the largest Cook's distance."
        )
    _check_curvature(fit)
    watched = [None] * len(fit.objectives)
    if X_val is not None:
        watched = fit.elsewhere(X_val, y_val)
    at_once = top if len(fit.objectives) == 1 else None
    each = [
        Deletions(objective, *point, other, at_once)
        for objective, point, other in zip(fit.objectives, fit.points, watched)
    ]
    if fit.is_difference:
        each[0].take_difference()
    return _told(fit, each, top)


def _check_curvature(fit):
    """Refuse what has no second derivatives, and say what there is instead."""
    objective, loss, reason = fit.objectives[0], fit.loss, None
    size = objective.rows.n_features * objective.n_outputs * objective.is_joint
    if not loss.differentiable:
        reason = f"{loss!r} has kinks"
    elif not objective.is_joint and not loss.checked().has_curvature:
        reason = f"{loss!r} has no second derivatives"
    elif not has_exact_curvature(objective):
        reason = "a sorted norm has none"
    elif not objective.penalty.has_l1 and size > MOST_COEFS:
        reason = f"its matrix would be of more than {MOST_COEFS} coefficients"
    if reason:
        raise ValueError(
            f"influence has no curvature here, because {reason}. contributions(model, "
            "X, y) needs none; a smooth loss of the same kind (SmoothQuantile, "
            "PseudoHuber, SquaredHinge) has one; or fit again without a row."
        )


def _told(fit, each, top):
    """What users are told of all objectives together."""
    found = [one.found for one in each]
    total = each[0].total
    sums = sum(one.sums for one in found)
    if sums[2] == 0.0:
        raise ValueError(
            f"influence has no curvature here, because {fit.loss!r} bends at no row: "
            "all residuals are beyond where it is a straight line, or flat. Use a "
            "scale that fits the unit of y, such as scale='mad', or a larger one."
        )
    dispersion = _dispersion(fit, *sums[:3], total)
    size = sum(one.size for one in found)
    with np.errstate(divide="ignore", invalid="ignore"):
        cook = total * size / (dispersion * sums[0])
    cook[np.isnan(size)] = np.inf if np.isfinite(dispersion) else np.nan
    cook[size == 0.0] = 0.0
    keep = np.arange(len(size))
    if top is not None:
        keep = largest(size, top)
        for one in each:
            one.found = one.found.some(keep)
        found = [one.found for one in each]
    slope = np.column_stack([one.slope for one in found])
    without = np.full(len(keep), dispersion)
    if _has_residuals(fit):
        without = _dispersion_without(found[0].added, sums, total, dispersion)
    later = {
        "dfbeta": partial(_moves, each),
        "dfbetas": partial(_moves, each, without),
    }
    result = LazyBunch(
        f"influence of {len(keep)} rows",
        later,
        rows=found[0].rows,
        leverage=sum(one.leverage for one in found),
        distance=sum(one.distance for one in found) / total,
        slope=slope[:, 0] if slope.shape[1] == 1 else slope,
        loss=sum(one.loss for one in found),
        loss_left_out=sum(one.loss_left_out for one in found),
        cook=cook[keep],
        rejected=np.any([one.rejected for one in found], axis=0),
        dispersion=dispersion,
        n_effective=float(sums[0]),
    )
    if found[0].watched is not None:
        result.on_validation = sum(one.watched for one in found)
    _warn_of_alone(result)
    return result


def _has_residuals(fit):
    return fit.loss.task == "regression" and fit.loss.link == IdentityLink()


def _dispersion(fit, n_effective, squares, bends, total):
    """By which H^-1 becomes a covariance: Huber's, of residuals; else 1."""
    if not _has_residuals(fit):
        return 1.0
    if total <= n_effective * (1 + 1e-12):
        warn_caller(
            f"influence knows no spread of residuals: the weights sum to {total:.4g}, "
            f"and there are {n_effective:.4g} coefficients. `cook` and `dfbetas` are "
            "nan. Use weights that count rows."
        )
        return np.nan
    return float(squares * total / (total - n_effective) / bends)


def _dispersion_without(added, sums, total, dispersion):
    """The same of the fits without each row; that of all where nothing is left."""
    n_effective, squares, bends = sums[:3]
    omega, own_squares, own_bends = added.T
    rest = total * (1.0 - omega)
    with np.errstate(all="ignore"):
        found = (squares - own_squares) * rest / (rest - n_effective)
        found /= bends - own_bends
        return np.where(np.isfinite(found) & (found > 0), found, dispersion)


def _warn_of_alone(found):
    alone = np.isinf(found.loss_left_out)
    alone = found.rows[alone | np.isinf(found.cook)]
    if len(alone):
        more = f" and {len(alone) - 5} others" if len(alone) > 5 else ""
        warn_caller(
            f"A coefficient is decided by a row alone, of rows {alone[:5].tolist()}"
            f"{more}: without it there is none, its `loss_left_out` and `cook` are "
            "inf, and its `dfbeta` nan. Use a penalty, or leave the feature out."
        )
