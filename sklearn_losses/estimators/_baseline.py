"""The baseline of a proportional hazards model: cumulative hazards over time.

Breslow's estimate, with Efron's steps where the loss has those: at the time t_k it
grows by W_k / d sum_l 1 / (S_k - l / d E_k), the sums of `losses._formulas.survival`.
It is kept as a logarithm, at the raw prediction 0, so that no unit of the features
makes it overflow.
"""

from dataclasses import dataclass

import numpy as np

TIME, EVENT, ENTRY = range(3)
LEFT = 1e-4  # of a sum may be left by a subtraction, or it is formed anew


@dataclass
class Baseline:
    """The cumulative hazard of one stratum.

    Attributes
    ----------
    times : ndarray of shape (n_times,)
        Those of events, ascending.
    log_hazard : ndarray of shape (n_times,)
        The logarithm of the cumulative hazard from each of them on, of a row whose raw
        prediction is 0.
    """

    times: np.ndarray
    log_hazard: np.ndarray

    def log_hazard_at(self, times):
        """The same at any times; -inf before the first event."""
        padded = np.append(-np.inf, self.log_hazard)
        return padded[np.searchsorted(self.times, times, side="right")]


def baseline(columns, raw, weight, efron):
    """The baseline of the rows of one stratum.

    Parameters
    ----------
    columns : ndarray of shape (n_rows, 2) or (n_rows, 3)
        Time, event and perhaps entry.
    raw : ndarray of shape (n_rows,)
    weight : ndarray of shape (n_rows,)
        > 0.
    efron : bool

    Returns
    -------
    Baseline
    """
    log_rho = raw + np.log(weight)
    is_event = columns[:, EVENT] != 0
    times, which = np.unique(columns[is_event, TIME], return_inverse=True)
    if len(times) == 0:
        return Baseline(times, np.empty(0))
    log_S = _log_at_risk(columns, log_rho, times)
    W = np.bincount(which, weight[is_event])
    d = np.bincount(which)
    increments = np.log(W) - log_S
    if efron:
        log_E = _log_sums(log_rho[is_event], which, len(times))
        share = np.exp(log_E - log_S)[which]
        step = np.arange(len(which)) - np.repeat(np.cumsum(d) - d, d)
        each = 1.0 / (1.0 - step / d[np.sort(which)] * share[np.argsort(which)])
        increments += np.log(np.bincount(np.sort(which), each) / d)
    return Baseline(times, np.logaddexp.accumulate(increments))


def _log_sums(log_rho, which, n):
    """log of the sum of exp, of each of n parts."""
    top = np.full(n, -np.inf)
    np.maximum.at(top, which, log_rho)
    return top + np.log(np.bincount(which, np.exp(log_rho - top[which]), n))


def _log_at_risk(columns, log_rho, times):
    """log of the sum of rho over the risk set of each time."""
    order = np.argsort(columns[:, TIME], kind="stable")
    ends = np.logaddexp.accumulate(log_rho[order][::-1])[::-1]
    log_S = ends[np.searchsorted(columns[order, TIME], times)]
    if columns.shape[1] <= ENTRY:
        return log_S
    order = np.argsort(columns[:, ENTRY], kind="stable")
    late = np.append(np.logaddexp.accumulate(log_rho[order][::-1])[::-1], -np.inf)
    share = np.exp(late[np.searchsorted(columns[order, ENTRY], times)] - log_S)
    few = np.flatnonzero(1.0 - share < LEFT)  # are left by the subtraction
    found = log_S + np.log1p(-np.where(1.0 - share < LEFT, 0.0, share))
    for k in few:
        here = (columns[:, TIME] >= times[k]) & (columns[:, ENTRY] < times[k])
        found[k] = np.logaddexp.reduce(log_rho[here])
    return found
