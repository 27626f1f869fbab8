"""The scale of residuals, for losses whose scale is "mad".

It is measured where no outlier can move it far: at the least absolute deviations under
the penalty of the objective, whatever the loss is and whatever will minimise it.
"""

from dataclasses import replace

import numpy as np

from sklearn_losses.losses import AbsoluteError
from sklearn_losses.losses._regression import weighted_quantile
from sklearn_losses.solvers._newton import Newton
from sklearn_losses.solvers._sgd import SGD

OF_MAD = 1.4826022185056018  # of normal residuals these give the standard deviation
OF_MEAN_DEVIATION = 1.2533141373155003
# What TOL may leave of residuals of 0: of the mean and the median deviation of y.
OF_ALL, OF_MOST = 1e-7, 1e-5
LITTLE = 0.1  # of the deviations of y: a scale where most rows are fitted exactly
TOL, MAX_ITER = 1e-8, 1000


def residual_scale(objective, train=None):
    """The scale of the residuals, and the coefficients at which it was measured.

    Parameters
    ----------
    objective : Objective
        Of one output, with a loss whose scale is "mad".
    train : ndarray of uint32 of shape (n_train,), default=None
        The rows that count; None: all.

    Returns
    -------
    scale : float
    found : SolverResult
    """
    n_features = objective.rows.n_features
    y, weight = objective.targets.of_output(0), objective.weight_of(0)
    weight = np.ones(len(y)) if weight is None else weight
    rows = slice(None) if train is None else train
    deviations = y[rows] - weighted_quantile(y[rows], weight[rows], 0.5)
    # With this factor it grows with the unit of y as the l2 penalty does.
    unit = robust_scale(deviations, weight[rows])
    absolute = in_units_of(unit, replace(objective, loss=unit * AbsoluteError()))
    start = SGD.start(np.zeros((1, n_features)), np.zeros(1))
    solver = Newton(max_iter=MAX_ITER, tol=TOL)
    found = solver.solve(absolute, start, train)
    raw = objective.rows.dot(found.coef, found.intercept)[:, 0]
    mean, median = scales(deviations, weight[rows])
    negligible = max(OF_ALL * mean, OF_MOST * median)
    residuals = y[rows] - raw[rows]
    if scales(residuals, weight[rows])[1] <= negligible and median > 0:
        return LITTLE * median, found  # the others are outliers, or there are none
    return robust_scale(residuals, weight[rows], negligible), found


def in_units_of(scale, objective):
    """An objective in squared units of y, with its l1 norm in those as well."""
    penalty = objective.penalty
    return replace(objective, penalty=replace(penalty, l1=scale * penalty.l1))


def at_scale(objective, scale):
    """The objective whose "mad" is this scale.

    Parameters
    ----------
    objective : Objective
    scale : float
        As from `residual_scale`.

    Returns
    -------
    Objective
        It grows by the square of the unit of y, penalties included, if all of its
        losses have the scale "mad".
    """
    found = replace(objective, loss=objective.loss.at_scale(scale))
    return in_units_of(scale, found)


def scales(residuals, weight):
    """1.2533 times the mean absolute deviation from the median, and 1.4826 times the
    median one."""
    deviations = np.abs(residuals - weighted_quantile(residuals, weight, 0.5))
    mean = np.average(deviations, weights=weight)
    median = weighted_quantile(deviations, weight, 0.5)
    return OF_MEAN_DEVIATION * float(mean), OF_MAD * float(median)


def robust_scale(residuals, weight, negligible=0.0):
    """1.4826 times the median absolute deviation from the median.

    Where that is not above `negligible`, as when more than half of the residuals are
    the same, it is 1.2533 times the mean absolute deviation, and 1 where that is
    not above it either.

    Parameters
    ----------
    residuals : ndarray of float64 of shape (n_rows,)
    weight : ndarray of float64 of shape (n_rows,)
        >= 0, with a positive sum.
    negligible : float, default=0.0

    Returns
    -------
    float
    """
    mean, median = scales(residuals, weight)
    return next((scale for scale in (median, mean) if scale > negligible), 1.0)
