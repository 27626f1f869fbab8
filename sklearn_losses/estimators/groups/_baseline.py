"""The baselines of a proportional hazards model: cumulative hazards over time.

One for each cause and stratum. Breslow's estimate, with Efron's steps where the loss
has those: at the time t_k it grows by W_k / d sum_l 1 / (S_k - l / d E_k), the sums of
`losses._formulas.survival`.
It is kept as a logarithm, at the raw prediction 0, so that no unit of the features
makes it overflow.
"""

from dataclasses import dataclass

import numpy as np

TIME, EVENT, ENTRY = range(3)
LEFT = 1e-4  # of a sum may be left by a subtraction, or it is formed anew
BLOCK = 1 << 20  # numbers that are worked on at a time
LARGEST = 1e300  # a hazard, of which there are differences


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


class Hazards:
    """The cumulative hazards of rows, of each cause.

    Parameters
    ----------
    baselines : list of lists of Baseline
        Of each cause, that of each stratum.
    """

    def __init__(self, baselines):
        self.baselines = baselines
        each = [own.times for of_cause in baselines for own in of_cause]
        self.times = np.unique(np.concatenate(each))

    def __len__(self):
        return len(self.baselines)

    def _blocks(self, raw, codes, times):
        """Slices of rows, and their hazards of shape (n_causes, n_rows, n_times)."""
        logs = [[b.log_hazard_at(times) for b in own] for own in self.baselines]
        logs = np.array(logs).reshape(len(logs), -1, len(times))
        size = max(1, BLOCK // max(1, len(times) * len(logs)))
        for start in range(0, len(raw), size):
            rows = slice(start, start + size)
            found = raw[rows].T[:, :, None] + logs[:, codes[rows]]
            with np.errstate(over="ignore"):
                yield rows, np.exp(found, out=found)

    def cumulative(self, raw, codes, times):
        """Those up to some times.

        Parameters
        ----------
        raw : ndarray of shape (n_rows, n_causes)
        codes : ndarray of intp of shape (n_rows,)
            Strata.
        times : ndarray of shape (n_times,)

        Returns
        -------
        ndarray of shape (n_rows, n_times, n_causes)
        """
        found = np.empty((len(raw), len(times), len(self)))
        for rows, hazards in self._blocks(raw, codes, times):
            found[rows] = np.moveaxis(hazards, 0, -1)
        return found

    def incidence(self, raw, codes, times):
        """The probabilities that each cause is the first one, until some times.

        Between two times of events hazards are in a proportion, in which they share
        what the survival function exp(-sum of hazards) falls (as in R's survfit of
        several states). Parameters and shape are those of `cumulative`.
        """
        found = np.empty((len(raw), len(times), len(self)))
        at = np.searchsorted(self.times, times, side="right")
        for rows, hazards in self._blocks(raw, codes, self.times):
            hazards = np.minimum(hazards, LARGEST, out=hazards)
            steps = np.diff(hazards, axis=2, prepend=0.0)
            total = steps.sum(axis=0)
            left = np.exp(-hazards.sum(axis=0))
            before = np.column_stack([np.ones(len(left)), left[:, :-1]])
            with np.errstate(invalid="ignore"):
                share = np.where(total > 0, -before * np.expm1(-total) / total, 0.0)
            until = np.zeros((len(self), len(left), len(self.times) + 1))
            np.cumsum(share * steps, axis=2, out=until[:, :, 1:])
            found[rows] = np.moveaxis(until[:, :, at], 0, -1)
        return found

    def first_times(self, raw, codes, level):
        """When the cumulative hazard of all causes reaches a level > 0, or inf."""
        found = np.full(len(raw), np.inf)
        if len(self) == 1:
            for code, own in enumerate(self.baselines[0]):
                here = np.flatnonzero(codes == code)
                first = np.searchsorted(own.log_hazard, np.log(level) - raw[here, 0])
                reached = first < len(own.times)
                found[here[reached]] = own.times[first[reached]]
            return found
        for rows, hazards in self._blocks(raw, codes, self.times):
            is_over = hazards.sum(axis=0) >= level
            first = self.times[is_over.argmax(axis=1)]
            found[rows] = np.where(is_over.any(axis=1), first, np.inf)
        return found


def baseline(columns, raw, weight, efron):
    """The baseline of the rows of one stratum.

    Parameters
    ----------
    columns : ndarray of shape (n_rows, 2) or (n_rows, 3)
        Time, event and perhaps entry; times ascend.
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
    times, which = runs(columns[is_event, TIME])
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
        each = 1.0 / (1.0 - step / d[which] * share)
        increments += np.log(np.bincount(which, each) / d)
    return Baseline(times, np.logaddexp.accumulate(increments))


def runs(ascending):
    """The distinct values of an ascending array, and which of them each is."""
    begins = np.ones(len(ascending), dtype=bool)
    np.not_equal(ascending[1:], ascending[:-1], out=begins[1:])
    return ascending[begins], np.cumsum(begins) - 1


def _log_sums(log_rho, which, n):
    """log of the sum of exp, of each of n parts."""
    top = np.full(n, -np.inf)
    np.maximum.at(top, which, log_rho)
    return top + np.log(np.bincount(which, np.exp(log_rho - top[which]), n))


def _log_at_risk(columns, log_rho, times):
    """log of the sum of rho over the risk set of each time."""
    ends = np.logaddexp.accumulate(log_rho[::-1])[::-1]
    log_S = ends[np.searchsorted(columns[:, TIME], times)]
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
