"""What a solver of an SGD estimator goes on from, as a dict of arrays.

Each array has an entry or a row for each output, so that states of some outputs can be
cut out and put together. Steps, descents and streams add what is theirs to what all of
them have: the weights, scale times v, and perhaps the mean of the iterates.
"""

import numpy as np

SCALARS = (
    "scale",
    "intercept",
    "l1_total",
    "n_averaged",
    "average_scale",
    "average_share",
    "average_intercept",
)


def start_of(coef, intercept):
    """The state of a fit that begins at `coef` and `intercept`, with step 1.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)

    Returns
    -------
    dict of str to ndarray of float64
    """
    coef = np.array(coef, dtype=np.float64, order="C")
    state = {name: np.zeros(len(coef)) for name in SCALARS}
    state["scale"][:] = state["average_scale"][:] = 1.0
    state["intercept"][:] = intercept
    return state | {"v": coef, "t": np.ones(len(coef))}


def coefficients(state):
    """The coefficients and intercepts that a state stands for.

    Parameters
    ----------
    state : dict

    Returns
    -------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
        The mean of the iterates where one has begun, else the last iterate.
    """
    coef, intercept = state["v"] * state["scale"][:, None], state["intercept"].copy()
    has_mean = state["n_averaged"] > 0
    if has_mean.any():
        mean = state["average"] + state["average_share"][:, None] * state["v"]
        mean /= state["average_scale"][:, None]
        coef[has_mean] = mean[has_mean]
        intercept[has_mean] = state["average_intercept"][has_mean]
    return coef, intercept
