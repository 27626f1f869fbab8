"""What the rows of a fit leave uncertain of all that it has found, together.

With slopes g_i and the Hessian H of the loss by all numbers theta of a model, their
covariance is the sandwich H^-1 (sum_i g_i g_i') H^-1 or, if the loss is a likelihood
and the model is true, H^-1. What a model publishes is a function of theta; its
covariance is that of its first derivatives (the delta method).
"""

import numpy as np
from scipy import sparse

from sklearn_losses.estimators._validation import warn_caller
from sklearn_losses.losses import (
    CrossEntropy,
    Gamma,
    InverseGaussian,
    LogLoss,
    Poisson,
    SquaredError,
    Tweedie,
)
from sklearn_losses.losses._binary_curves import CurveLoss
from sklearn_losses.losses._outputs import Likelihood
from sklearn_losses.solvers.descent._exact import ExactCurvature, sees_differences

NOT_UNIQUE = (
    "{} has none here: a column of X is constant, or a combination of "
    "others, or the loss is flat. Leave out columns until coefficients are unique."
)
STEP = 1e-4  # of a standard error: over so much are first derivatives differences
POWERS = {SquaredError: 0, Gamma: 2, InverseGaussian: 3}  # of the mean: the variance


class Covariance:
    """That of the coefficients and intercepts of one objective, at its minimum.

    Parameters
    ----------
    owner : str
        Who asks, for errors.
    objective : Objective
        Without a penalty, of a loss with second derivatives.
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    total : float or None
        The sum of the weights, for the inverse Hessian; None: the sandwich.
    clusters : ndarray of int of shape (n_rows,) or None
        Of the sandwich: which rows are not independent.

    Attributes
    ----------
    matrix : ndarray of shape (size, size)
        Of the coefficients of each output, its intercept last.
    n_free : int
        How many numbers were fitted.
    """

    def __init__(self, owner, objective, coef, intercept, total=None, clusters=None):
        self.at = np.column_stack([coef, intercept])
        curvature = ExactCurvature(objective, coef, intercept)
        self.curvature, scale = curvature, curvature.point.scale
        self.n_free = int(curvature.free.sum())
        if sees_differences(objective):
            self.n_free -= self.n_free // len(self.at)
        if not ((scale > 0).all() and curvature.rank == self.n_free):
            raise ValueError(NOT_UNIQUE.format(owner))
        if total is not None:
            found = curvature.solve(np.eye(self.at.size)) / total
        else:
            if clusters is None:
                meat = curvature.squared_slopes()
            else:
                look_at_clusters(owner, clusters, self.n_free)
                sums = self._slopes_of(objective, clusters)
                meat = sums.T @ sums
            found = curvature.solve(curvature.solve(meat).T)
        if sees_differences(objective):  # of coefficients whose mean over outputs is 0
            apart = np.eye(len(self.at)) - 1.0 / len(self.at)
            apart = np.kron(apart, np.eye(self.at.shape[1]))
            found = apart @ found @ apart
        self.matrix = self._uncentred(found)

    def _slopes_of(self, objective, clusters):
        """The slopes by theta of each cluster, of shape (n_clusters, size)."""
        point = self.curvature.point
        _, term, p = point.seen_from(objective)
        slopes, rows = term.slopes(p, 0.0).reshape(len(p), -1), objective.rows
        X, found = rows.matrix(), []
        shape = clusters.max() + 1, len(p)
        for column in slopes.T:
            each = sparse.csr_matrix((column, (clusters, np.arange(len(p)))), shape)
            total = np.asarray(each.sum(axis=1))
            by_x = each @ X
            by_x = by_x.toarray() if sparse.issparse(by_x) else by_x
            found += [(by_x - total * point.mean) * point.scale, total]
        return np.hstack(found)

    def _uncentred(self, matrix):
        """That of coefficients of features as they are, and of intercepts at 0."""
        n_outputs, size = self.at.shape
        point = self.curvature.point
        units = np.diag(np.append(point.scale, 1.0))
        units[-1, :-1] = -point.mean * point.scale
        each = matrix.reshape(n_outputs, size, n_outputs, size)
        found = units @ each.transpose(0, 2, 1, 3) @ units.T
        return found.transpose(0, 2, 1, 3).reshape(matrix.shape)

    def errors(self):
        """Standard errors of coefficients and intercepts, in their shape."""
        return _roots(np.diag(self.matrix)).reshape(self.at.shape)

    def errors_of(self, published):
        """Standard errors of a function of coefficients and intercepts.

        Parameters
        ----------
        published : callable
            (coef, intercept) -> ndarray of shape (n,).

        Returns
        -------
        ndarray of shape (n,)
        """
        steps, columns = STEP * self.errors(), []
        moved = np.argwhere(steps > 0)
        for place in moved:
            ends = []
            for sign in (1.0, -1.0):
                theta = self.at.copy()
                theta[tuple(place)] += sign * steps[tuple(place)]
                ends.append(theta)
            high, low = (published(end[:, :-1], end[:, -1]) for end in ends)
            apart = ends[0] - ends[1]
            columns.append((high - low) / apart[tuple(place)])
        jacobian = np.column_stack(columns)
        which = np.ravel_multi_index(moved.T, self.at.shape)
        matrix = self.matrix[np.ix_(which, which)]
        return _roots(np.einsum("ij,jk,ik->i", jacobian, matrix, jacobian))


def _roots(variances):
    return np.sqrt(np.maximum(variances, 0.0))


def look_at_clusters(owner, clusters, n_coefs):
    """Say so if they are too few: their scores sum to 0, those of one are 0."""
    n = clusters.max() + 1
    if n == 1:
        raise ValueError(
            f"{owner} cannot tell errors from one cluster, whose scores are 0 "
            "at the fit. Use clusters of rows that are not independent, or None."
        )
    if n <= n_coefs:
        warn_caller(
            f"{owner} has {n} clusters for {n_coefs} coefficients: errors are "
            "too small. Use smaller clusters, or fewer features."
        )


def is_likelihood(loss):
    """Whether a loss is minus a log-likelihood, up to terms in y alone."""
    if isinstance(loss, Likelihood):
        return getattr(loss, "rule", "nll") == "nll"
    if loss.task == "ordinal":
        return loss.probabilistic
    is_smoothed = getattr(loss, "label_smoothing", 0.0) > 0
    known = LogLoss, Poisson, CrossEntropy, CurveLoss
    return isinstance(loss, known) and not is_smoothed


def variance_power(loss):
    """Of a quasi-likelihood, of which power of the mean the variance is; or None."""
    if type(loss) is Tweedie:
        return loss.power
    return POWERS.get(type(loss))


def dispersion_of(loss, y, mean, weight, n_free):
    """The variance of y in units of that of the model, by Pearson's statistic."""
    squares = (y - mean) ** 2 / mean ** variance_power(loss)
    return float(weight @ squares / (weight.sum() - n_free))
