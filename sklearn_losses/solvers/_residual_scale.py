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
NEGLIGIBLE = 1e-10  # of the deviations of y: what rounding leaves of a perfect fit
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
    absolute = robust_scale(deviations, weight[rows]) * AbsoluteError()
    start = SGD.start(np.zeros((1, n_features)), np.zeros(1))
    solver = Newton(max_iter=MAX_ITER, tol=TOL)
    found = solver.solve(replace(objective, loss=absolute), start, train)
    raw = objective.rows.dot(found.coef, found.intercept)[:, 0]
    size = np.average(np.abs(deviations), weights=weight[rows])
    scale = robust_scale(y[rows] - raw[rows], weight[rows], NEGLIGIBLE * size)
    return scale, found


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
    deviations = np.abs(residuals - weighted_quantile(residuals, weight, 0.5))
    scale = OF_MAD * weighted_quantile(deviations, weight, 0.5)
    if scale > OF_MAD * negligible:
        return float(scale)
    scale = OF_MEAN_DEVIATION * np.average(deviations, weights=weight)
    return float(scale) if scale > OF_MEAN_DEVIATION * negligible else 1.0
