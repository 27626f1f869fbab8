"""Targets that carry more than a number a row: structured arrays.

A structured array passes through train_test_split, cross-validation and searches as any
other y, and scorers see all of it.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sklearn_losses._machine._typing import ArrayLike, NDArray

MOST_ABSENT = 4  # times the number of rows may integers be apart
TIMES = {"time", "upper"}  # fields that tell targets of survival from other pairs


def ranking_target(relevance: ArrayLike, groups: ArrayLike | None) -> NDArray[Any]:
    """Relevances, with the query of each row.

    What `LinearRanker` takes as y where `groups` cannot be passed, as in searches
    without metadata routing.

    Parameters
    ----------
    relevance : array-like of shape (n_samples,)
        Numbers; the larger, the better.
    groups : array-like of shape (n_samples,)
        Which query each row belongs to: numbers or strings, in any order.

    Returns
    -------
    ndarray of shape (n_samples,)
        With the fields relevance and group, a number for each query.

    Raises
    ------
    ValueError
        If the shapes do not fit, or an entry is missing.

    Examples
    --------
    >>> from sklearn_losses import ranking_target
    >>> ranking_target([2, 0, 1], ["a", "b", "a"])["group"]
    array([0, 1, 0])
    """
    relevance = np.asarray(relevance, dtype=np.float64)
    if relevance.ndim != 1:
        raise ValueError(
            "relevance must have the shape (n_samples,). Got the shape "
            f"{relevance.shape}."
        )
    dtype = [("relevance", np.float64), ("group", np.intp)]
    found = np.empty(len(relevance), dtype=dtype)
    found["relevance"] = relevance
    found["group"] = group_codes(groups, len(relevance))
    return found


def survival_target(
    event: ArrayLike | None = None,
    time: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    *,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> NDArray[Any]:
    """Times, and whether what is waited for has happened then; or intervals of times.

    What `LinearSurvival` takes as y. It also takes the arrays of scikit-survival's
    Surv.

    Parameters
    ----------
    event : array-like of bool or int of shape (n_samples,)
        Whether the time is that of the event; False: it is not over yet then
        (censored). Or which event it is: 0 (none), 1, 2, ..., of causes that compete.
        Where all codes are 1 and 2 a warning says that nobody is censored then, for
        in R such a status is 1 for censored and 2 for an event.
    time : array-like of shape (n_samples,)
        When it happened, or until when it had not. Finite and >= 0.
    entry : array-like of shape (n_samples,), default=None
        From when on a row was under observation (left truncation): it is at risk
        after its entry only.
    lower, upper : array-like of shape (n_samples,)
        In place of the others: between which times the event was. Equal where the time
        is known; an upper end of inf where it is censored (from the right), and a lower
        end of 0 or -inf where it was before `upper` (from the left).

    Returns
    -------
    ndarray of shape (n_samples,)
        With the fields event (cause, if there are several), time and, if it is given,
        entry; or lower and upper.

    Raises
    ------
    ValueError
        If the shapes do not fit, an event is no bool and no code, a time is negative or
        missing, not after the entry, or an interval ends before it begins.

    Examples
    --------
    >>> from sklearn_losses import survival_target
    >>> survival_target([True, False], [3.0, 5.0])["time"]
    array([3., 5.])
    >>> survival_target([0, 2, 1], [3.0, 5.0, 4.0])["cause"]
    array([0, 2, 1])
    >>> survival_target(lower=[3.0, 5.0], upper=[3.0, float("inf")])["upper"]
    array([ 3., inf])
    """
    given = {"event": event, "time": time, "entry": entry, "lower": lower}
    given = {k: v for k, v in (given | {"upper": upper}).items() if v is not None}
    if set(given) == {"lower", "upper"}:
        return _interval_target(lower, upper)
    if not {"event", "time"} <= set(given) <= {"event", "time", "entry"}:
        raise ValueError(
            "survival_target needs event and time, perhaps with entry, or lower and "
            f"upper. Got {', '.join(given) or 'none of them'}."
        )
    time = _numbers(time, "time")
    event = _events_or_causes(event, time)
    _warn_of_two_codes(event)
    parts = {"event" if event.dtype == bool else "cause": event, "time": time}
    if entry is not None:
        parts["entry"] = _numbers(entry, "entry")
    found = _structured(parts, "time")
    check_survival(survival_columns(found, several=True))
    return found


def _structured(parts, first):
    """Arrays of the same shape as the fields of one."""
    shape = parts[first].shape
    for name, part in parts.items():
        if part.shape != shape:
            raise ValueError(
                f"{name} of shape {part.shape} does not fit {first} of shape {shape}."
            )
    dtype = [(name, part.dtype) for name, part in parts.items()]
    found = np.empty(shape, dtype=dtype)
    for name, part in parts.items():
        found[name] = part
    return found


def _interval_target(lower, upper):
    lower, upper = _numbers(lower, "lower"), _numbers(upper, "upper")
    found = _structured({"lower": np.maximum(lower, 0.0), "upper": upper}, "lower")
    is_time = ((lower >= 0) & (lower < np.inf)) | (lower == -np.inf)
    bad = np.flatnonzero(~(is_time & (found["lower"] <= upper)))
    if len(bad):
        i = bad[0]
        raise ValueError(
            "An interval of times must have 0 <= lower <= upper, and lower finite (or "
            f"-inf for 0): lower[{i}] is {lower[i]:g}, and upper[{i}] is {upper[i]:g}."
        )
    return found


def _events_or_causes(event, time):
    """Events as bool, or as codes if one is larger than 1."""
    found = np.asarray(event)
    if found.dtype.kind == "b":
        return found
    codes = _numbers(found, "event")
    if np.isin(time, [0.0, 1.0]).all():  # the order is wrong
        return _events(found, "event")
    bad = np.flatnonzero(~((codes >= 0) & (codes == np.floor(codes))))
    if len(bad):
        raise ValueError(
            "event must be bool, or codes 0 (none), 1, 2, ... of causes: "
            f"event[{bad[0]}] is {found[bad[0]]}. The order is survival_target(event, "
            "time)."
        )
    return codes.astype(np.intp) if (codes > 1).any() else codes == 1.0


def _warn_of_two_codes(event):
    """Say that 1 is a cause, which in R's data it is not where there is no 0."""
    if event.dtype != bool and np.array_equal(np.unique(event), [1, 2]):
        warnings.warn(
            "event has the codes 1 and 2, and no 0: they are two causes that compete, "
            "and no row is censored. If 1 is censored and 2 the event, as in R, pass "
            "event=(event == 2).",
            UserWarning,
            stacklevel=3,
        )


def _numbers(array, name):
    try:
        found = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers. {error}") from error
    if found.ndim != 1:
        raise ValueError(
            f"{name} must have the shape (n_samples,). Got the shape {found.shape}."
        )
    return found


def _events(event, name):
    found = np.asarray(event)
    if found.dtype.kind != "b":
        numbers = _numbers(found, name)
        bad = np.flatnonzero(~np.isin(numbers, [0.0, 1.0]))
        if len(bad):
            raise ValueError(
                f"{name} must be bool, or 0 and 1: {name}[{bad[0]}] is "
                f"{found[bad[0]]}. The order is survival_target(event, time)."
            )
        found = numbers == 1.0
    return found


def group_codes(groups, n_rows, name="groups"):
    """Group ids as integers 0, 1, ..., in the order of the ids.

    Parameters
    ----------
    groups : array-like of shape (n_rows,), or None for a single group
    n_rows : int
    name : str, default="groups"
        What messages call it.

    Returns
    -------
    ndarray of intp of shape (n_rows,)

    Raises
    ------
    ValueError
        If the shape does not fit, or an id is missing.
    """
    if groups is None:
        return np.zeros(n_rows, dtype=np.intp)
    ids = np.asarray(groups)
    if ids.shape != (n_rows,):
        raise ValueError(
            f"{name} must have the shape ({n_rows},), the id of its group for each row "
            f"(not the sizes of groups). Got the shape {ids.shape}."
        )
    missing = ids != ids if ids.dtype.kind in "fcmMO" else np.zeros(n_rows, bool)
    if ids.dtype == object:
        missing |= np.array([i is None for i in ids], dtype=bool)
    bad = np.flatnonzero(missing)
    if len(bad):
        raise ValueError(
            f"{name} must not be missing: {name}[{bad[0]}] is {ids[bad[0]]}."
        )
    if ids.dtype.kind in "iu" and n_rows:
        codes = _codes_of_integers(ids)
        if codes is not None:
            return codes
    try:
        return np.unique(ids, return_inverse=True)[1].astype(np.intp, copy=False)
    except TypeError:  # of several kinds, which have no order
        seen = {}
        return np.array([seen.setdefault(i, len(seen)) for i in ids], dtype=np.intp)


def _codes_of_integers(ids):
    """The same without a sort, of integers that lie close together; else None."""
    low, high = int(ids.min()), int(ids.max())
    if high - low > MOST_ABSENT * len(ids):
        return None
    offset = ids.astype(np.intp) - low
    is_there = np.zeros(high - low + 1, dtype=bool)
    is_there[offset] = True
    return (np.cumsum(is_there) - 1).astype(np.intp)[offset]


def split_ranking(y, groups=None):
    """The relevances of a target, and its codes of groups or None.

    Parameters
    ----------
    y : ndarray of numbers, or as from `ranking_target`
    groups : array-like or None
        If y has groups too, they must be the same.
    """
    y = np.asarray(y)
    if y.dtype.names is None:
        codes = None if groups is None else group_codes(groups, len(y))
        return _relevance(y), codes
    if set(y.dtype.names) != {"relevance", "group"}:
        raise ValueError(
            "A structured y of a ranking has the fields relevance and group: use "
            f"ranking_target(relevance, groups). Got the fields {y.dtype.names}."
        )
    codes = group_codes(y["group"], len(y))
    if groups is not None:
        _check_same(codes, group_codes(groups, len(y)))
    return _relevance(y["relevance"]), codes


def _check_same(codes, others):
    """Refuse groups that put together what those of y do not, or apart."""
    n_others = others.max(initial=0) + 1
    n_pairs = len(np.unique(codes * n_others + others))
    if n_pairs > min(len(np.unique(codes)), len(np.unique(others))):
        raise ValueError(
            "groups and the queries of y=ranking_target(relevance, groups) differ. "
            "Pass one of them. (With metadata routing, where groups are for the "
            "splitter alone: set_fit_request(groups=False), and of set_score_request "
            "the same.)"
        )


def _relevance(y):
    try:
        return np.ascontiguousarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The relevance of a row must be a number, the larger the better. {error}"
        ) from error


def named(y):
    """A target as an array; a frame whose columns are those of times, with fields."""
    names = list(getattr(y, "columns", ()))
    if len(names) < 2 or TIMES.isdisjoint(names):
        return np.asarray(y)
    return _structured({str(name): _plain(y[name]) for name in names}, str(names[0]))


def _plain(column):
    """A column of a frame as an array, of numbers where they are objects of pandas."""
    found = np.asarray(column)
    if found.dtype != object:
        return found
    return _numbers(found, column.name)


def survival_intervals(y):
    """Between which ends each time of a survival target lies.

    Parameters
    ----------
    y : as from `survival_target` or scikit-survival's Surv

    Returns
    -------
    ndarray of float64 of shape (n_samples, 2)
        The upper end of what is censored is inf.

    Raises
    ------
    ValueError
        If it has entries or causes, or is none of these.
    """
    y = named(y)
    if _are_ends(y):
        return np.column_stack([y["lower"], y["upper"]])
    columns = survival_columns(y)
    if columns.shape[1] > 2:
        raise ValueError(
            "A survival_target with entry is for CoxPH: models of times themselves "
            "take rows from the start."
        )
    time, event = columns.T
    return np.column_stack([time, np.where(event > 0, time, np.inf)])


def survival_ends(y):
    """Intervals of times, and entries, which are -inf where there are none.

    Parameters
    ----------
    y : as from `survival_target` or scikit-survival's Surv

    Returns
    -------
    ends : ndarray of shape (n_samples, 2)
    entry : ndarray of shape (n_samples,)
    """
    y = named(y)
    if _are_ends(y):
        return survival_intervals(y), np.full(len(y), -np.inf)
    columns = survival_columns(y)
    check_survival(columns)
    time, event = columns[:, :2].T
    is_late = columns.shape[1] > 2
    entry = columns[:, 2] if is_late else np.full(len(time), -np.inf)
    return np.column_stack([time, np.where(event > 0, time, np.inf)]), entry


def _are_ends(y):
    return y.dtype.names is not None and set(y.dtype.names) == {"lower", "upper"}


def has_causes(y):
    """Whether a target says which of several events it was."""
    return "cause" in (named(y).dtype.names or ())


def of_cause(columns, cause):
    """The target of one cause, where the others are censored."""
    parts = {"event": columns[:, 1] == cause, "time": columns[:, 0]}
    if columns.shape[1] > 2:
        parts["entry"] = columns[:, 2]
    return _structured(parts, "time")


def survival_columns(y, several=False):
    """Time, event and perhaps entry of a target, as columns.

    Parameters
    ----------
    y : as from `survival_target` or scikit-survival's Surv, or times that all are those
        of events
    several : bool, default=False
        Whether events may be codes of causes.

    Returns
    -------
    ndarray of float64 of shape (n_samples, 2) or (n_samples, 3)

    Raises
    ------
    ValueError
        If it is none of these.
    """
    y = named(y)
    if y.dtype.names is None:
        if y.ndim != 1:
            raise ValueError(
                "Times and events must be survival_target(event, time), since the "
                "columns of an array do not say which is which. (Intervals are "
                "survival_target(lower=, upper=).) Got an array of shape "
                f"{y.shape}."
            )
        time = _numbers(y, "y")
        return np.column_stack([time, np.ones(len(time))])
    if _are_ends(y):
        raise ValueError(
            "survival_target(lower=, upper=) is for accelerated failure times, such as "
            "WeibullAFT(), and their concordance_index_score. Use "
            "survival_target(event, time) here."
        )
    names, event = y.dtype.names, "cause" if has_causes(y) else "event"
    if has_causes(y) and not several:
        raise ValueError(
            "y says which of several causes an event had. Take one of them: "
            'survival_target(y["cause"] == 1, y["time"]).'
        )
    if set(names) <= {event, "time", "entry"} and {event, "time"} <= set(names):
        parts = [y[n] for n in ("time", event, "entry") if n in names]
    elif len(names) == 2 and y.dtype[0].kind == "b" and y.dtype[1].kind in "fiu":
        parts = [y[names[1]], y[names[0]]]
    else:
        raise ValueError(
            "A structured y of survival has the fields event, time and perhaps entry, "
            "as survival_target(event, time) has, or two, a bool and a number. Got "
            f"{y.dtype}."
        )
    if event == "event":
        _events(parts[1], event)
    return np.column_stack([np.asarray(part, dtype=np.float64) for part in parts])


def check_survival(columns, name="time"):
    """Refuse times that are none, and an entry that is not before its time."""
    time = columns[:, 0]
    bad = np.flatnonzero(~(np.isfinite(time) & (time >= 0)))
    if len(bad):
        raise ValueError(
            f"Times must be finite and >= 0: {name}[{bad[0]}] is {time[bad[0]]}."
        )
    if columns.shape[1] < 3:
        return
    bad = np.flatnonzero(~(columns[:, 2] < time))
    if len(bad):
        raise ValueError(
            f"The entry of a row must be before its time: entry[{bad[0]}] is "
            f"{columns[bad[0], 2]}, and {name}[{bad[0]}] is {time[bad[0]]}."
        )
