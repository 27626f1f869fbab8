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


def _of_stratum(X, columns, raw, weight, efron):
    risk = np.exp(raw - raw.max())
    rho, is_event = weight * risk, columns[:, EVENT] != 0
    times, which = np.unique(columns[is_event, TIME], return_inverse=True)
    n_times = len(times)
    # A row is at risk at the times[first:last].
    last = np.searchsorted(times, columns[:, TIME], side="right")
    first = np.zeros(len(X), dtype=np.intp)
    if columns.shape[1] > ENTRY:
        first = np.searchsorted(times, columns[:, ENTRY], side="right")
    with_one = np.column_stack([np.ones(len(X)), X])
    mass = rho[:, None] * with_one
    at_risk = _at_risk(mass, first, last, n_times)
    if not (at_risk[:, 0] > 0).all():
        raise ValueError(
            "standard_errors has none here: within a stratum raw predictions are up to "
            f"{np.ptp(raw):.3g} apart, and hazard ratios that large have no finite "
            "number. A coefficient is perhaps infinite: fit with alpha > 0, or leave "
            "out columns by which the order of events is known."
        )
    ends = _summed(mass[is_event], which, n_times)
    W, d = np.bincount(which, weight[is_event]), np.bincount(which)

    # Each event at a time has a term of Efron's, and each time one of Breslow's.
    several = d if efron else np.ones(n_times, dtype=np.intp)
    k = np.repeat(np.arange(n_times), several)
    before = np.repeat(np.cumsum(several) - several, several)
    share = (np.arange(len(k)) - before) / d[k]
    left, factor = at_risk[k] - share[:, None] * ends[k], (W / several)[k]
    mean = left / left[:, :1]
    steps = (factor / left[:, 0])[:, None] * mean
    own = _between(_summed(steps, k, n_times), first, last)
    own[is_event] -= _summed(share[:, None] * steps, k, n_times)[which]
    of_time = _summed(factor[:, None] * mean, k, n_times) / W[:, None]
    scores = risk[:, None] * (own[:, 1:] - own[:, :1] * X)
    scores[is_event] += X[is_event] - of_time[which, 1:]
    mean = mean[:, 1:]
    hessian = X.T @ ((rho * own[:, 0])[:, None] * X) - mean.T @ (factor[:, None] * mean)
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
