"""The scale "mad" along a path, of all rows and without each fold.

It is measured at the least absolute deviations under the penalty of a candidate
(`solvers._residual_scale`). Their path is one of Newton steps, too, of some of the rows
where there are many: a scale need not be known better than to a percent.
"""

from dataclasses import replace

import numpy as np

from sklearn_losses.losses import AbsoluteError
from sklearn_losses.losses._regression import weighted_quantile
from sklearn_losses.model_selection._least import Doubt
from sklearn_losses.model_selection._newton import Path
from sklearn_losses.solvers._residual_scale import robust_scale

SMALL = 1e-3  # of the scale of y: what is left may be rounding


def scales_along(objective, stack, prices):
    """The scales of the residuals.

    Parameters
    ----------
    objective : Objective
    stack : Stack
    prices : list of Price
        Of candidates, falling.

    Returns
    -------
    ndarray of shape (n_candidates, 1 + n_folds)
        Of all rows, and without each fold.
    """
    stack = stack.few or stack
    y, weight = objective.targets.y, objective.sample_weight
    y = y if objective.offset is None else y - objective.offset[:, 0]
    weight = np.ones(len(y)) if weight is None else weight
    y, weight = y[stack.order], weight[stack.order]
    unit = robust_scale(y - weighted_quantile(y, weight, 0.5), weight)
    path = Path(replace(objective, loss=unit * AbsoluteError()), stack)
    start = 0.0 if path.term.offset is None else path.term.offset
    found = []
    for point in path.points([price.times_kinks(unit) for price in prices]):
        residuals = y - path.raw(point.theta) + start
        row = [robust_scale(residuals, weight)]
        for theta, fold in zip(point.without_folds(), stack.folds):
            residuals = y - path.raw(theta) + start
            few = [np.delete(array, fold) for array in (residuals, weight)]
            row.append(robust_scale(*few))
        found.append(row)
    if not np.min(found) > SMALL * unit:
        raise Doubt("nearly nothing is left of the residuals, which have the scale")
    return np.array(found)
