"""Losses of survival: the order of events, among those who wait for one."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from sklearn_losses._machine._params import Options
from sklearn_losses.losses._grouping import sums
from sklearn_losses.losses._groups import GroupLoss
from sklearn_losses.losses._targets import (
    check_survival,
    group_codes,
    survival_columns,
)

TIES = {"ties": [Options("breslow", "efron")]}


def partial_likelihood_minimum(y, weight, starts, efron):
    """The infimum of each group: where each time's events are all that is at risk.

    Parameters
    ----------
    y : ndarray of shape (n, 2) or more
        Sorted times, and whether each is that of an event.
    weight : ndarray of shape (n,)
    starts : ndarray of intp of shape (n_groups + 1,)
    efron : bool
    """
    n, n_groups = len(y), len(starts) - 1
    if n == 0:
        return np.zeros(n_groups)
    of_group = np.repeat(np.arange(n_groups), np.diff(starts))
    begins = np.ones(n, dtype=bool)
    begins[1:] = (y[1:, 0] != y[:-1, 0]) | (of_group[1:] != of_group[:-1])
    first, is_event = np.flatnonzero(begins), y[:, 1] != 0
    W = np.add.reduceat(np.where(is_event, weight, 0.0), first)
    d = np.add.reduceat(is_event * 1.0, first)
    least = np.where(W > 0, W * np.log(np.where(W > 0, W, 1.0)), 0.0)
    if efron:
        several = np.maximum(d, 1.0)
        least += W / several * (gammaln(several + 1.0) - several * np.log(several))
    return np.bincount(of_group[first], least, n_groups)


class CoxPH(GroupLoss):
    """Cox's partial likelihood:
    sum over events i of log(sum_j exp(r_j), j at risk) - r_i

    The raw prediction r is the logarithm of the hazard ratio: the larger, the sooner. A
    row is at risk from its entry to its time. Weights count as in R's ``coxph``: as
    many rows, with Breslow's ties.

    It estimates the hazard ratio. Take it for times to an event, of which some are only
    known to be longer, where nothing is known of how the hazard depends on time. Do not
    where times themselves are to be predicted beyond those seen (`WeibullAFT`), or
    hazards cross.

    Parameters
    ----------
    ties : {"breslow", "efron"}, default="breslow"
        What becomes of events at the same time; without any the two are the same.
        **R and lifelines have "efron" for a default**: it is nearer to what times
        without ties would say, and with it their numbers are found here. With
        "breslow", that of scikit-survival, statsmodels and glmnet, a row of weight 2 is
        the same as two rows, which scikit-learn asks of a default; with "efron" two
        rows are a tie.

    See Also
    --------
    WeibullAFT : The distribution of the time.
    PlackettLuce : The same formula, of rankings.

    References
    ----------
    Cox 1972, "Regression models and life tables"; Breslow 1974; Efron 1977, "The
    efficiency of Cox's likelihood function for censored data".

    Examples
    --------
    >>> from sklearn_losses import CoxPH, survival_target
    >>> y = survival_target(event=[1, 1, 0], time=[1.0, 2.0, 3.0])
    >>> CoxPH().value(y, [0.0, 0.0, 0.0]).round(3)  # log(3) + log(2)
    array([1.792])
    """

    name = "cox"
    task = "survival"
    counts_rows = True
    _kernel = "cox"
    _constraints = TIES

    def __init__(self, ties: str = "breslow") -> None:
        self.ties = ties

    def _c_parameters(self):
        return (self.ties == "efron",)

    def _split(self, y_true, groups):
        columns = survival_columns(y_true)
        return columns, group_codes(groups, len(columns))

    def _check_columns(self, columns, name):
        check_survival(columns)

    def _prepared(self, y, weight, starts):
        """With an entry, which row comes where those of a group are sorted by it."""
        if y.shape[1] < 3:
            return y
        n = np.diff(starts)
        by_entry = np.lexsort((y[:, 2], np.repeat(np.arange(len(n)), n)))
        return np.column_stack([y, by_entry - np.repeat(starts[:-1], n)])

    def _minimum(self, y, weight, starts):
        return partial_likelihood_minimum(y, weight, starts, self.ties == "efron")

    def _scales(self, y, weight, starts):
        mass = sums(weight, starts)
        return np.ones(len(mass)), mass
