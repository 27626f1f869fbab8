"""The scale of residuals, for losses whose scale is "mad".

It is measured where no outlier can move it far: at the least absolute deviations under
the penalty of the objective, whatever the loss is and whatever will minimise it.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse

from sklearn_losses.design._rows import Rows
from sklearn_losses.losses import AbsoluteError
from sklearn_losses.losses._regression import weighted_quantile
from sklearn_losses.solvers._fit_state import start_of
from sklearn_losses.solvers.descent._newton import Newton

OF_MAD = 1.4826022185056018  # of normal residuals these give the standard deviation
OF_MEAN_DEVIATION = 1.2533141373155003
# What FINE_TOL may leave of residuals of 0: of what was gained, of the mean deviation
# of y (see `least_allowed`) and of the median one.
OF_GAIN, OF_ALL, OF_MOST = 1e-7, 1e-10, 1e-5
LITTLE = 0.1  # of the deviations of y: a scale where most rows are fitted exactly
TOL, MAX_ITER = 1e-6, 1000  # for three digits of the scale ...
SMALL = 1e-3  # ... unless it is less than this share of that of y: then to ...
FINE_TOL, FINE_ITER = 1e-8, 300  # ... and if that takes longer to ...
SETTLED = 1e-2  # ... within this share of what it was at first
# Rows of a stream for each coefficient: to measure at all, and to leave it at that.
FEWEST_ROWS, FINAL_ROWS, ENOUGH_ROWS = 3, 15, 1000
AGAIN = 1.1  # times as many rows, and the scale is measured again


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
    y, weight = objective.targets.of_output(0), objective.weight_of(0)
    weight = np.ones(len(y)) if weight is None else weight
    if objective.offset is not None:
        y = y - objective.offset[:, 0]
        targets = replace(objective.targets, y=y)
        objective = replace(objective, targets=targets, offset=None)
    rows = slice(None) if train is None else train
    middle = weighted_quantile(y[rows], weight[rows], 0.5)
    deviations = y[rows] - middle
    of_all, of_most = scales(deviations, weight[rows])
    # With this factor it grows with the unit of y as the l2 penalty does.
    unit = robust_scale(deviations, weight[rows])
    absolute = in_units_of(unit, replace(objective, loss=unit * AbsoluteError()))
    middle = middle if objective.fit_intercept else 0.0
    # Of targets far from 0 rounding would be seen.
    absolute = replace(absolute, targets=replace(objective.targets, y=y - middle))
    start, last = start_of(np.zeros((1, absolute.rows.n_features)), np.zeros(1)), 0.0
    for tol, max_iter in (TOL, MAX_ITER), (FINE_TOL, FINE_ITER):
        found = Newton(max_iter=max_iter, tol=tol).solve(absolute, start, train)
        found.intercept = found.intercept + middle
        residuals = (y - objective.rows.dot(found.coef, found.intercept)[:, 0])[rows]
        median = scales(residuals, weight[rows])[1]
        gained = float(found.gained[0]) / unit
        negligible = max(OF_GAIN * gained, OF_ALL * of_all, OF_MOST * of_most)
        is_exact = median <= negligible  # but for outliers, if there are any
        found.converged |= is_exact or abs(median - last) <= SETTLED * median
        if is_exact or median > SMALL * of_most:
            break
        start, last = found.state, median
    if is_exact and of_most > 0:
        return LITTLE * of_most, found
    return robust_scale(residuals, weight[rows], negligible), found


def in_units_of(scale, objective):
    """An objective in squared units of y, with its l1 norm in those as well."""
    return replace(objective, penalty=objective.penalty.times_kinks(scale))


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


class ScaleRows:
    """The rows of a stream until there are enough of them to measure the scale at.

    Before, it is that of y itself: fewer rows than coefficients have no residuals.
    """

    def __init__(self):
        self.rows, self.n_measured = None, 0

    def joined(self, objective, train):
        """The rows so far and those of an objective."""
        X, y, weight, offset = chosen_arrays(objective, train)
        y = y - offset[:, 0] if offset.size else y
        other = ScaleRows()
        other.n_measured = self.n_measured
        other.rows = X.copy(), y.copy(), weight.copy()
        if self.rows is not None:
            stack = sparse.vstack if sparse.issparse(X) else np.vstack
            pairs = zip(self.rows[1:], other.rows[1:])
            other.rows = stack([self.rows[0], X]), *map(np.concatenate, pairs)
        return other

    @property
    def are_enough(self):
        """Whether it need not be measured again."""
        n, d = self.rows[0].shape
        return n >= FINAL_ROWS * (d + 1) or n >= ENOUGH_ROWS

    @property
    def is_due(self):
        return len(self.rows[1]) >= AGAIN * self.n_measured or self.are_enough

    def scale_of_y(self):
        """The scale without a model, or None if there are rows for one."""
        X, y, weight = self.rows
        if X.shape[0] >= FEWEST_ROWS * (X.shape[1] + 1):
            return None
        return robust_scale(y, weight)

    def objective(self, like):
        """The objective of these rows."""
        X, y, weight = self.rows
        X = sparse.csr_matrix(X) if sparse.issparse(X) else X
        return replace(
            like,
            rows=Rows(X),
            targets=replace(like.targets, y=y),
            sample_weight=None if np.all(weight == 1.0) else weight,
            total_weight=len(y),
            offset=None,
        )


def chosen_arrays(objective, train):
    """X, targets, weights and offsets of the rows that count.

    The latter have no columns if there are none.

    Parameters
    ----------
    objective : Objective
    train : ndarray of uint32 or None
    """
    rows = objective.rows
    shape = rows.n_rows, rows.n_features
    if rows.is_sparse:
        X = sparse.csr_array((rows.data, rows.columns, rows.starts), shape=shape)
    else:
        X = rows.data.reshape(shape)
    y, weight = objective.targets.y, objective.sample_weight
    if weight is None:
        weight = np.ones(len(y))
    offset = np.zeros((len(y), 0)) if objective.offset is None else objective.offset
    if train is not None:
        X, y, weight, offset = X[train], y[train], weight[train], offset[train]
    return X, y, weight, offset


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
