"""Hessian and scores of Cox's partial likelihood, for standard errors.

With the notes of `losses._formulas.survival`, the Hessian is X' diag(h) X minus the sum
of W_k / d m_kl m_kl', where m_kl is the mean of X over those at risk. The score of a
row is the derivative of the gradient by its weight, by which one row moves the
coefficients (Lin and Wei 1989), with Efron's ties, too.
"""

import numpy as np

TIME, EVENT, ENTRY = range(3)
LEFT = 1e-7  # of a sum may be left by a subtraction, or it is formed anew


def cox_derivatives(X, columns, raw, weight, codes, efron):
    """Both, of the sum over strata.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Centred: the Hessian is a difference.
    columns : ndarray of shape (n, 2) or (n, 3)
        Time, event and perhaps entry.
    raw : ndarray of shape (n,)
    weight : ndarray of shape (n,)
    codes : ndarray of intp of shape (n,)
        Strata.
    efron : bool

    Returns
    -------
    hessian : ndarray of shape (n_features, n_features)
    scores : ndarray of shape (n, n_features)
        Times the weights.
    """
    hessian, scores = np.zeros((X.shape[1], X.shape[1])), np.zeros(X.shape)
    for code in np.unique(codes):
        here = np.flatnonzero((codes == code) & (weight > 0))
        if not columns[here, EVENT].any():
            continue
        part = X[here], columns[here], raw[here], weight[here]
        of_stratum, own = _of_stratum(*part, efron)
        hessian += of_stratum
        scores[here] = weight[here, None] * own
    return hessian, scores


class RiskSets:
    """What the likelihood of one stratum sums, of rows with weight.

    Each event at a time has a term of Efron's, and each time one of Breslow's.

    Parameters
    ----------
    X, columns, raw, weight, efron
        As of `cox_derivatives`, of the rows of the stratum.

    Attributes
    ----------
    times : ndarray of shape (n_times,)
        Those of events.
    first, last : ndarray of intp of shape (n,)
        A row is at risk at the times[first:last].
    which : ndarray of intp of shape (n_events,)
        The time of each event.
    k, share, factor, mass, mean : ndarray
        Of each term: its time, which share of the events has left the sums, W_k / d,
        the sum of rho, and the mean of X.
    """

    def __init__(self, X, columns, raw, weight, efron):
        self.log_unit = raw.max()
        self.risk = np.exp(raw - self.log_unit)
        self.rho, self.is_event = weight * self.risk, columns[:, EVENT] != 0
        at = columns[self.is_event, TIME]
        self.times, self.which = np.unique(at, return_inverse=True)
        n_times = len(self.times)
        self.last = np.searchsorted(self.times, columns[:, TIME], side="right")
        self.first = np.zeros(len(X), dtype=np.intp)
        if columns.shape[1] > ENTRY:
            entry = columns[:, ENTRY]
            self.first = np.searchsorted(self.times, entry, side="right")
        mass = self.rho[:, None] * np.column_stack([np.ones(len(X)), X])
        at_risk = _at_risk(mass, self.first, self.last, n_times)
        if not (at_risk[:, 0] > 0).all():
            raise ValueError(
                "standard_errors has none here: within a stratum raw predictions are "
                f"up to {np.ptp(raw):.3g} apart, and hazard ratios that large have no "
                "finite number. A coefficient is perhaps infinite: fit with alpha > 0, "
                "or leave out columns by which the order of events is known."
            )
        ends = _summed(mass[self.is_event], self.which, n_times)
        self.W = np.bincount(self.which, weight[self.is_event])
        d = np.bincount(self.which)
        several = d if efron else np.ones(n_times, dtype=np.intp)
        self.k = np.repeat(np.arange(n_times), several)
        before = np.repeat(np.cumsum(several) - several, several)
        self.share = (np.arange(len(self.k)) - before) / d[self.k]
        left = at_risk[self.k] - self.share[:, None] * ends[self.k]
        self.factor = (self.W / several)[self.k]
        self.mass, self.mean = left[:, 0], left[:, 1:] / left[:, :1]

    def by_time(self, terms):
        """Numbers of the terms, added for each time."""
        return _summed(terms, self.k, len(self.times))

    def hazards(self):
        """By how much at each time the cumulative hazard of a row grows.

        That of one with the raw prediction `log_unit`, times its X less the mean of
        those at risk, and the variance of it where coefficients are known (Tsiatis
        1981), with a column each: (hazard, hazard times mean, variance).
        """
        step = (self.factor / self.mass)[:, None]
        variance = step / self.mass[:, None]
        return self.by_time(np.hstack([step, step * self.mean, variance]))


def _of_stratum(X, columns, raw, weight, efron):
    sets = RiskSets(X, columns, raw, weight, efron)
    mean, factor, which = sets.mean, sets.factor, sets.which
    step = (factor / sets.mass)[:, None]
    steps = np.hstack([step, step * mean])
    own = _between(sets.by_time(steps), sets.first, sets.last)
    own[sets.is_event] -= sets.by_time(sets.share[:, None] * steps)[which]
    of_time = sets.by_time(factor[:, None] * mean) / sets.W[:, None]
    scores = sets.risk[:, None] * (own[:, 1:] - own[:, :1] * X)
    scores[sets.is_event] += X[sets.is_event] - of_time[which]
    bent = (sets.rho * own[:, 0])[:, None] * X
    hessian = X.T @ bent - mean.T @ (factor[:, None] * mean)
    return hessian, scores


def _at_risk(mass, first, last, n_times):
    """The sums over who is at risk at each time."""
    ending = np.cumsum(_summed(mass, last, n_times + 1)[:0:-1], axis=0)[::-1]
    if not first.any():
        return ending
    late = np.cumsum(_summed(mass, first, n_times + 1)[:0:-1], axis=0)[::-1]
    found = ending - late
    for k in np.flatnonzero(found[:, 0] < LEFT * ending[:, 0]):
        found[k] = mass[(first <= k) & (last > k)].sum(axis=0)
    return found


def _between(steps, first, last):
    """The sums over the times at which each row is at risk."""
    cumulated = np.zeros((len(steps) + 1, steps.shape[1]))
    np.cumsum(steps, axis=0, out=cumulated[1:])
    found = cumulated[last] - cumulated[first]
    for i in np.flatnonzero(found[:, 0] < LEFT * cumulated[last, 0]):
        found[i] = steps[first[i] : last[i]].sum(axis=0)
    return found


def _summed(array, which, n):
    """Rows that are added, of each of n parts."""
    found = np.zeros((n, array.shape[1]))
    np.add.at(found, which, array)
    return found
