"""Scores of survival models that weigh rows by the probability to be in sight.

Who is censored before a time is neither known to have had the event then, nor known to
have not. Rows that are known stand for them: a row counts 1 / G, where G is the
probability not to be censored before (Robins and Rotnitzky 1992). G is Kaplan and
Meier's estimate from the rows of the fit, with a censoring as the event; a row whose
time is that of an event is in sight just before it, so that G is the limit from the
left there.
"""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from sklearn_losses._machine._params import NONE, Interval, check_parameter
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.estimators._validation import check_weights
from sklearn_losses.estimators.groups._baseline import runs
from sklearn_losses.estimators.scores._groups import _pairs, _scores, _seen, _undefined
from sklearn_losses.losses._targets import (
    check_survival,
    group_codes,
    survival_columns,
)

TAU = [Interval(0, None, "neither"), NONE]
OUT_OF_SIGHT = (
    "all rows of the fit are censored before {}, from where on nothing is known of the "
    "probability to be. Take earlier times"
)


def kaplan_meier(columns, weight, of_censoring=False):
    """The probability that the event, or a censoring, is later than some times.

    Parameters
    ----------
    columns : ndarray of shape (n, 2)
        Time and event.
    weight : ndarray of shape (n,)
        > 0.
    of_censoring : bool, default=False
        At equal times events come first.

    Returns
    -------
    Bunch
        `times`, ascending, and `survival` from each of them on.
    """
    if (columns[1:, 0] < columns[:-1, 0]).any():
        order = np.argsort(columns[:, 0])
        columns, weight = columns[order], weight[order]
    times, which = runs(columns[:, 0])
    is_event, n = columns[:, 1] != 0, len(times)
    ended = np.bincount(which, weight * is_event, n)
    lost = np.bincount(which, weight * ~is_event, n)
    later = np.append(np.cumsum((ended + lost)[:0:-1])[::-1], 0.0)[:n]
    leave, stay = (lost, later) if of_censoring else (ended, later + lost)
    share = np.divide(stay, stay + leave, out=np.ones(n), where=leave > 0)
    return Bunch(times=times, survival=np.cumprod(share))


def _at(curve, times, side="right"):
    """A curve at some times, or just before them (side="left")."""
    padded = np.append(1.0, curve.survival)
    return padded[np.searchsorted(curve.times, times, side=side)]


def _known(y_true, sample_weight, censoring, *arrays):
    """Weights, columns, the curve of censoring and arrays, of rows that count."""
    columns = _two_columns(y_true, "y_true")
    weight = check_weights(sample_weight, len(columns))
    found = _seen(weight, columns, *arrays)
    if censoring is None:
        censoring = kaplan_meier(found[1], found[0], of_censoring=True)
    elif not isinstance(censoring, Bunch):
        of_fit = _two_columns(censoring, "censoring")
        censoring = kaplan_meier(of_fit, np.ones(len(of_fit)), of_censoring=True)
    return *found[:2], censoring, *found[2:]


def _two_columns(y, name):
    columns = survival_columns(y)
    check_survival(columns)
    if columns.shape[1] > 2:
        raise ValueError(
            f"{name} has late entries, for which the probability to be censored is not "
            "known. Leave out the field entry if all rows are seen from the start."
        )
    return columns


def _check_times(times):
    found = np.asarray(times, dtype=np.float64)
    if found.ndim != 1 or len(found) == 0 or not np.isfinite(found).all():
        raise ValueError(
            f"times must be a list of finite numbers, and not be empty. Got {times!r}."
        )
    if (found[1:] <= found[:-1]).any():
        raise ValueError("times must ascend, each once.")
    return found


def _by_time(y_score, n, n_times):
    """Scores of shape (n, n_times)."""
    score = np.asarray(y_score, dtype=np.float64)
    if score.shape != (n, n_times):
        raise ValueError(
            f"y_score must have the shape {(n, n_times)}, a column for each of times. "
            f"Got {score.shape}."
        )
    if not np.isfinite(score).all():
        row = int(np.argmin(np.isfinite(score).all(axis=1)))
        raise ValueError(f"y_score must be finite. The row {row} is not.")
    return score


def integrated_brier_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    times: ArrayLike,
    censoring: Bunch | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The mean squared error of predicted survival functions, over time.

    At a time t it is the mean of (1[no event until t] - y_score)^2, where rows that are
    known at t stand for those that are censored before, and it is averaged over time
    from the first to the last of `times` by the trapezoidal rule. The smaller, the
    better; 0.25 is that of a probability of 1/2.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        As from `survival_target` or scikit-survival's Surv; or times of events.
    y_score : array-like of shape (n_samples, n_times)
        The probability that the event is later than each of `times`, as from
        ``predict_survival_function(X, times)``.
    times : array-like of shape (n_times,)
        Ascending. With a single one it is the Brier score then.
    censoring : Bunch or array-like of shape (n_samples_of_fit,), default=None
        From where the probability to be censored is known: ``model.censoring_``, or a
        target as `y_true`, that of the fit; None: y_true.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        nan, with a warning, if all rows of the fit are censored before the last of
        `times`.

    References
    ----------
    Graf, Schmoor, Sauerbrei and Schumacher 1999, "Assessment and comparison of
    prognostic classification schemes for survival data".

    Examples
    --------
    >>> from sklearn_losses import integrated_brier_score, survival_target
    >>> y = survival_target(event=[1, 1, 0], time=[1.0, 2.0, 3.0])
    >>> probability = [[0.4, 0.2], [0.8, 0.3], [0.9, 0.9]]
    >>> round(integrated_brier_score(y, probability, times=[1.0, 2.0]), 3)
    0.058
    """
    times = _check_times(times)
    probability = _by_time(y_score, len(survival_columns(y_true)), len(times))
    if ((probability < 0) | (probability > 1)).any():
        raise ValueError("y_score must be probabilities, from 0 to 1.")
    weight, columns, censoring, probability = _known(
        y_true, sample_weight, censoring, probability
    )
    if len(columns) == 0:
        return _undefined("The Brier score", "there is no row")
    time, event = columns.T
    if times[-1] > time.max():
        why = f"no row is seen until times[-1]={times[-1]:g}, the last {time.max():g}"
        return _undefined("The Brier score", why)
    is_over = time[:, None] <= times
    before, now = _at(censoring, time, "left"), _at(censoring, times)
    counts = event * (time <= times[-1])
    if (before[counts > 0] <= 0).any() or (now[~is_over.all(axis=0)] <= 0).any():
        why = OUT_OF_SIGHT.format(f"times[-1]={times[-1]:g}")
        return _undefined("The Brier score", why)
    of_row = np.divide(counts, before, out=np.zeros(len(time)), where=counts > 0)
    of_time = np.divide(1.0, now, out=np.zeros(len(times)), where=now > 0)
    squares = np.where(
        is_over, probability**2 * of_row[:, None], (1.0 - probability) ** 2 * of_time
    )
    found = weight @ squares / weight.sum()
    if len(times) == 1:
        return float(found[0])
    middles = 0.5 * (found[1:] + found[:-1])
    return float(np.diff(times) @ middles / (times[-1] - times[0]))


def cumulative_dynamic_auc_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    times: ArrayLike,
    censoring: Bunch | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The area under the ROC curve of who has had the event until a time, over time.

    At a time t it is the probability that who has had the event by then has the greater
    score than who has not; equal scores count a half. Times are averaged with weights
    that are the share of rows which have the event between a time and the one before.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        As from `survival_target` or scikit-survival's Surv; or times of events.
    y_score : array-like of shape (n_samples,) or (n_samples, n_times)
        The larger, the greater the risk; perhaps another for each of `times`.
    times : array-like of shape (n_times,)
        Ascending. With a single one it is the area then.
    censoring : Bunch or array-like of shape (n_samples_of_fit,), default=None
        As in `integrated_brier_score`.
    sample_weight : array-like of shape (n_samples,), default=None
        A pair weighs the product of those of its rows.

    Returns
    -------
    float
        nan, with a warning, if nobody has had the event at the last of `times`, or
        everybody at one before which some had it.

    References
    ----------
    Uno, Cai, Tian and Wei 2007, "Evaluating prediction rules for t-year survivors with
    censored regression models"; Lambert and Chevret 2016, for the mean.

    Examples
    --------
    >>> from sklearn_losses import cumulative_dynamic_auc_score, survival_target
    >>> y = survival_target(event=[1, 1, 0], time=[1.0, 2.0, 3.0])
    >>> round(cumulative_dynamic_auc_score(y, [0.9, 0.1, 0.5], times=[1.0, 2.0]), 3)
    0.75
    """
    name, times = "The area under the curve", _check_times(times)
    n = len(survival_columns(y_true))
    score = np.asarray(y_score, dtype=np.float64)
    by_time = score.ndim == 2
    score = _by_time(score, n, len(times)) if by_time else _scores(score, n)[:, None]
    weight, columns, censoring, score = _known(y_true, sample_weight, censoring, score)
    if len(columns) == 0:
        return _undefined(name, "there is no row")
    time, event = columns.T
    counts = (event > 0) & (time <= times[-1])
    if not counts.any():
        return _undefined(name, f"there is no event until times[-1]={times[-1]:g}")
    before = _at(censoring, time, "left")
    if (before[counts] <= 0).any():
        return _undefined(name, OUT_OF_SIGHT.format(f"times[-1]={times[-1]:g}"))
    case = np.divide(weight, before, out=np.zeros(len(time)), where=counts)
    share = -np.diff(_at(kaplan_meier(columns, weight), times), prepend=1.0)
    ranks = [np.unique(column, return_inverse=True)[1] for column in score.T]
    total = 0.0
    for k in np.flatnonzero(share):
        control = weight * (time > times[k])
        if not control.any():
            return _undefined(name, f"no row is left after times[{k}]={times[k]:g}")
        total += share[k] * _area(
            ranks[k if by_time else 0], case * (time <= times[k]), control
        )
    return float(total / share.sum())


def _area(rank, case, control):
    """The share of pairs of a case and a control where the case has more."""
    same = np.bincount(rank, control)
    less = np.cumsum(same) - same
    return case @ (less + 0.5 * same)[rank] / (case.sum() * control.sum())


def concordance_index_ipcw_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    tau: float | None = None,
    strata: ArrayLike | None = None,
    censoring: Bunch | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Uno's c: a concordance index that does not depend on who was censored.

    As `concordance_index_score`, of pairs in which an event is before `tau`, with
    weights of one over the squared probability not to be censored before the event.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        As from `survival_target` or scikit-survival's Surv; or times of events.
    y_score : array-like of shape (n_samples,)
        The larger, the greater the risk.
    tau : float, default=None
        Events from then on do not count. None: from where on all rows of the fit are
        censored.
    strata : array-like of shape (n_samples,), default=None
        Only rows of the same stratum are compared.
    censoring : Bunch or array-like of shape (n_samples_of_fit,), default=None
        As in `integrated_brier_score`.
    sample_weight : array-like of shape (n_samples,), default=None
        A pair weighs the product of those of its rows.

    Returns
    -------
    float
        nan, with a warning, if no pair is comparable, or all rows of the fit are
        censored before `tau`.

    References
    ----------
    Uno, Cai, Pencina, D'Agostino and Wei 2011, "On the C-statistics for evaluating
    overall adequacy of risk prediction procedures with censored survival data".

    Examples
    --------
    >>> from sklearn_losses import concordance_index_ipcw_score, survival_target
    >>> y = survival_target(event=[1, 0, 1, 1], time=[1.0, 2.0, 3.0, 4.0])
    >>> round(concordance_index_ipcw_score(y, [0.9, 0.1, 0.2, 0.5]), 3)
    0.571
    """
    name = "The concordance index"
    check_parameter("concordance_index_ipcw_score", "tau", tau, TAU)
    n = len(survival_columns(y_true))
    codes = group_codes(strata, n, "strata")
    weight, columns, censoring, score, codes = _known(
        y_true, sample_weight, censoring, _scores(y_score, n), codes
    )
    if len(columns) == 0:
        return _undefined(name, "there is no row")
    codes = group_codes(codes, len(codes))
    time, event = columns.T
    before = _at(censoring, time, "left")
    counts = (event > 0) & ((before > 0) if tau is None else (time < tau))
    if (before[counts] <= 0).any():
        return _undefined(name, OUT_OF_SIGHT.format(f"tau={tau:g}"))
    asks = np.divide(weight, before**2, out=np.zeros(len(time)), where=counts)
    right, tied, total = _pairs(weight, codes, score, [event, -time], asks)
    if not total.any():
        return _undefined(name, "no pair can be compared")
    return float((right.sum() + 0.5 * tied.sum()) / total.sum())


def usual_times(event_times: Array, censoring: Bunch, y: ArrayLike) -> Array:
    """Times at which a score is taken where none are given.

    Parameters
    ----------
    event_times : ndarray
        Those of the events of the fit, each once.
    censoring : Bunch
        That of the fit.
    y : array-like of shape (n_samples,)
        What is scored.

    Returns
    -------
    ndarray
        Up to 50, from the first to the last decile of those of events, where rows of
        the fit and of y are in sight.
    """
    times = np.unique(np.quantile(event_times, np.linspace(0.1, 0.9, 50)))
    last = survival_columns(y)[:, 0].max()
    return times[(_at(censoring, times) > 0) & (times < last)]
