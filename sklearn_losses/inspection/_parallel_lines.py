"""Whether one coefficient a feature is right for all thresholds of an ordinal model."""

from __future__ import annotations

import warnings
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import linprog
from scipy.stats import chi2
from sklearn.utils.validation import check_is_fitted

from sklearn_losses._machine._typing import Array, ArrayLike, Matrix
from sklearn_losses.estimators import LinearClassifier
from sklearn_losses.estimators._validation import (
    check_offset,
    check_rows,
    check_weights,
)
from sklearn_losses.estimators.outputs._ordinal_model import codes_of
from sklearn_losses.inspection._covariance import NOT_UNIQUE
from sklearn_losses.inspection._fit_of import warn_of_other_data
from sklearn_losses.losses import Cloglog, Loglog, LogLoss, Probit
from sklearn_losses.solvers.descent._exact import NO_CURVATURE

SURE = 1e-3  # from 0 or 1 a probability may be, or a plane perhaps separates
APART = 1e-5  # of a standardised row from a plane is no rounding
# P(y > j) by the latent value less the threshold, of each cumulative loss.
BINARY = {
    "logistic": LogLoss,
    "normal": Probit,
    "minimum": Loglog,
    "maximum": Cloglog,
}


class ParallelLinesTest(NamedTuple):
    """What `parallel_lines_test` found.

    Attributes
    ----------
    statistic : float
        Wald's, about chi-squared if the lines are parallel.
    dof : int
        Its degrees of freedom, (n_classes - 2) n_features.
    pvalue : float
    feature_statistics, feature_pvalues : ndarray of shape (n_features,)
        The same of each feature by itself, of n_classes - 2 degrees of freedom.
    coef : ndarray of shape (n_classes - 1, n_features)
        The coefficients at each threshold.
    """

    statistic: float
    dof: int
    pvalue: float
    feature_statistics: Array
    feature_pvalues: Array
    coef: Array


def parallel_lines_test(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
) -> ParallelLinesTest:
    """Test whether features have the same effect at all thresholds.

    Brant's test: a binary model without penalty is fitted to "above" and "below" of
    each threshold, and the differences of its coefficients are compared with their
    covariance. A small p-value says that lines are not parallel, as proportional odds
    want them: `CrossEntropy`, or fewer classes, may suit better.

    Parameters
    ----------
    model : LinearOrdinalClassifier
        Fitted, of a cumulative loss; of it the classes and the loss are used.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        The data of the fit.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row was seen.
    offset : array-like of shape (n_samples,), default=None
        That of the fit: it has the same effect at all thresholds.

    Returns
    -------
    ParallelLinesTest

    Raises
    ------
    ValueError
        If there are but two classes, the loss is no cumulative one, a plane separates
        the rows above a threshold from those below, or coefficients are not unique.

    Warns
    -----
    UserWarning
        If the data are not those of the fit, as `objective_` shows.

    References
    ----------
    Brant 1990, "Assessing proportionality in the proportional odds model for ordinal
    logistic regression", Biometrics 46.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearOrdinalClassifier, parallel_lines_test
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2))
    >>> y = np.digitize(X[:, 0] + rng.logistic(size=500), [-1.0, 1.0])
    >>> model = LinearOrdinalClassifier(penalty=None).fit(X, y)
    >>> found = parallel_lines_test(model, X, y)
    >>> found.dof, bool(found.pvalue > 0.05)
    (2, True)
    """
    check_is_fitted(model)
    loss = getattr(model, "loss_", None)
    kind = getattr(loss, "kind", None)
    if kind not in BINARY:
        raise ValueError(
            "parallel_lines_test needs a LinearOrdinalClassifier of CumulativeLogit(), "
            "CumulativeProbit(), CumulativeCloglog() or CumulativeLoglog(). Got "
            f"{type(model).__name__} of {loss!r}."
        )
    _check_data(model, X, y, sample_weight, offset)
    X, codes, weight, offset = _rows_of(model, X, y, sample_weight, offset)
    seen = np.unique(codes)
    n_thresholds, d = len(seen) - 1, X.shape[1]
    if n_thresholds < 2:
        raise ValueError(
            "parallel_lines_test needs three classes or more: of two there is one line."
        )
    z, unit = _standardised(X, weight)
    binary, above = BINARY[kind](), codes[:, None] > seen[:-1]
    theta = np.array([_line(binary, X, a, weight, offset) for a in above.T])
    coef = theta[:, :-1]
    raw = X @ coef.T + theta[:, -1] + (0.0 if offset is None else offset[:, None])
    share = binary.inverse_link(raw)  # P(y > j)
    labels = np.asarray(model.classes_)[seen[:-1].astype(int)].tolist()
    for label, *parts in zip(labels, above.T, share.T):
        _check_overlap(z, *parts, label)
    covariance = _covariance(binary, z, raw, share, weight)
    differences = np.kron(np.eye(n_thresholds)[1:] - np.eye(n_thresholds)[0], np.eye(d))
    flat = (coef * unit).ravel()
    statistic, dof = _wald(differences, flat, covariance), len(differences)
    each = [_wald(differences[k::d], flat, covariance) for k in range(d)]
    of_each = chi2.sf(each, n_thresholds - 1)
    return ParallelLinesTest(
        statistic, dof, float(chi2.sf(statistic, dof)), np.array(each), of_each, coef
    )


def _rows_of(model, X, y, sample_weight, offset):
    """Those that have weight, checked; y as places among the classes."""
    X, y = check_rows(model, X, np.asarray(y), reset=False)
    X = X.toarray() if hasattr(X, "toarray") else X
    codes = codes_of("parallel_lines_test", y, np.asarray(model.classes_))
    weight, n = check_weights(sample_weight, len(codes)), len(codes)
    weight = np.ones(n) if weight is None else weight
    here = weight > 0
    if offset is not None:
        offset = check_offset(offset, n, 1).reshape(n)[here]
    return X[here], codes[here], weight[here], offset


def _check_data(model, X, y, sample_weight, offset):
    """Warn if these are not the data of the fit."""
    own = copy(model)
    own.categories = np.asarray(model.classes_).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the fit has said
        (objective,), dtype = own._objectives(X, y, sample_weight, model.loss_, offset)
    raw = np.asarray(model.predict_latent(X, 0.0 if offset is None else offset))
    thresholds = model.thresholds_[own._seen[1:] - 1]
    outputs = np.column_stack([raw, np.tile(thresholds, (len(raw), 1))])
    value = objective.loss.value(objective.targets.y, outputs, objective.sample_weight)
    penalty = objective.penalty.value(np.atleast_2d(model._dense_coef())).sum()
    found = value.sum() / objective.total_weight + penalty
    warn_of_other_data("parallel_lines_test", model, found, dtype, offset)


def _standardised(X, weight):
    """Features of spread 1 with a column of ones, and the spreads."""
    centred = X - np.average(X, axis=0, weights=weight)
    unit = np.sqrt(np.average(centred**2, axis=0, weights=weight))
    is_constant = unit <= NO_CURVATURE * np.abs(X).max(axis=0)
    z = centred / np.where(is_constant, 1.0, unit)
    values = np.linalg.eigvalsh(z.T @ (weight[:, None] * z))
    if is_constant.any() or not values[0] > NO_CURVATURE * values[-1]:
        raise ValueError(NOT_UNIQUE.format("parallel_lines_test"))
    return np.column_stack([z, np.ones(len(z))]), unit


def _line(loss, X, above, weight, offset):
    """Coefficients and intercept of one threshold."""
    model = LinearClassifier(loss, penalty=None, tol=1e-10)
    model.fit(X, above.astype(int), sample_weight=weight, offset=offset)
    return np.append(model.coef_[0], model.intercept_)


def _check_overlap(z, above, share, label):
    """Refuse rows that a plane separates: coefficients would be infinite."""
    if np.minimum(share, 1.0 - share).min() > SURE:
        return
    margin = z * np.where(above, 1.0, -1.0)[:, None]
    found = linprog(-margin.sum(axis=0), -margin, np.zeros(len(z)), bounds=(-1.0, 1.0))
    if found.x is not None and (margin @ found.x).max() > APART:
        raise ValueError(
            "parallel_lines_test has none here: a plane separates the classes up to "
            f"{label!r} from those above, so that its coefficients are infinite. Merge "
            "classes, or leave out columns."
        )


def _covariance(loss, z, raw, share, weight):
    """That of the coefficients of all thresholds, if the model of each is right."""
    flat = raw.ravel()
    steep = loss.gradient(np.zeros(flat.size), flat).reshape(raw.shape)
    # Of (above - share); a row without doubt has no share in sums.
    score = np.divide(steep, share, out=np.zeros(raw.shape), where=share > 0)
    bread = [
        np.linalg.inv(z.T @ ((weight * s * p * (1.0 - p) * s)[:, None] * z))
        for s, p in zip(score.T, share.T)
    ]
    n, size = len(bread), z.shape[1]
    meat = np.empty((n * size, n * size))
    for j in range(n):
        for k in range(j, n):
            # Lines that cross would have P(y > k) > P(y > j).
            both = share[:, [j, k]].min(axis=1) - share[:, j] * share[:, k]
            block = z.T @ ((weight * score[:, j] * both * score[:, k])[:, None] * z)
            rows, columns = (
                slice(j * size, (j + 1) * size),
                slice(k * size, (k + 1) * size),
            )
            meat[rows, columns], meat[columns, rows] = block, block.T
    bread = block_diag(*bread)
    whole = bread @ meat @ bread
    moves = np.flatnonzero(np.arange(n * size) % size < size - 1)
    return whole[np.ix_(moves, moves)]


def _wald(matrix, coef, covariance):
    found = matrix @ coef
    return float(found @ np.linalg.solve(matrix @ covariance @ matrix.T, found))
