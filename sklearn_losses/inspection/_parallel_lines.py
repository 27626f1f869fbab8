"""Whether one coefficient a feature is right for all thresholds of an ordinal model."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import block_diag
from scipy.stats import chi2
from sklearn.utils.validation import check_is_fitted

from sklearn_losses._machine._typing import Array, ArrayLike, Matrix
from sklearn_losses.estimators import LinearClassifier
from sklearn_losses.estimators._validation import check_rows, check_weights
from sklearn_losses.estimators.outputs._ordinal_model import codes_of
from sklearn_losses.losses import Cloglog, Loglog, LogLoss, Probit

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
    model: Any, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None
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

    Returns
    -------
    ParallelLinesTest

    Raises
    ------
    ValueError
        If there are but two classes, the loss is no cumulative one, or a threshold
        separates the rows.

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
    n_thresholds = len(model.classes_) - 1
    if n_thresholds < 2:
        raise ValueError(
            "parallel_lines_test needs three classes or more: of two there is one line."
        )
    labels = np.asarray(y)
    X, labels = check_rows(model, X, labels, reset=False)
    X = X.toarray() if hasattr(X, "toarray") else X
    codes = codes_of("parallel_lines_test", labels, np.asarray(model.classes_))
    weight = check_weights(sample_weight, len(codes))
    weight = np.ones(len(codes)) if weight is None else weight
    z = np.column_stack([X, np.ones(len(X))])
    binary, above = BINARY[kind](), codes[:, None] > np.arange(n_thresholds)
    theta = np.array([_line(binary, X, column, weight) for column in above.T])
    covariance = _covariance(binary, z, theta, weight)
    coef = theta[:, :-1]
    d = coef.shape[1]
    differences = np.kron(np.eye(n_thresholds)[1:] - np.eye(n_thresholds)[0], np.eye(d))
    statistic = _wald(differences, coef.ravel(), covariance)
    each = [_wald(differences[k::d], coef.ravel(), covariance) for k in range(d)]
    dof = len(differences)
    of_each = chi2.sf(each, n_thresholds - 1)
    return ParallelLinesTest(
        statistic, dof, float(chi2.sf(statistic, dof)), np.array(each), of_each, coef
    )


def _line(loss, X, above, weight):
    """Coefficients and intercept of one threshold."""
    model = LinearClassifier(loss, penalty=None, tol=1e-10)
    model.fit(X, above.astype(int), sample_weight=weight)
    return np.append(model.coef_[0], model.intercept_)


def _covariance(loss, z, theta, weight):
    """That of the coefficients of all thresholds, if the model of each is right."""
    raw = z @ theta.T
    share = loss.inverse_link(raw)  # P(y > j)
    flat = raw.ravel()
    steep = loss.gradient(np.zeros(flat.size), flat).reshape(raw.shape)
    score = steep / share  # of (above - share)
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
