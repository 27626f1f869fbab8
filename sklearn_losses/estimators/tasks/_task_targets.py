"""The columns of y of several tasks: numbers and labels of arrays, frames and records.

>>> import numpy as np
>>> from sklearn_losses.estimators.tasks._task_targets import columns_of
>>> columns_of(np.array([("a", 1.0)], dtype=[("kind", "U1"), ("size", float)]))[0]
['kind', 'size']
"""

from __future__ import annotations

import numpy as np

from sklearn_losses._machine._params import Interval, InvalidParameterError

# Tasks whose targets are no classes.
NUMBERS = "regression", "boxes", "multilabel"


def some(labels):
    """The first of them, for a message."""
    return f"{labels[:5].tolist()}"[:-1] + ("]" if len(labels) <= 5 else ", ...]")


def columns_of(y):
    """Names of the columns of y or None, and the values, of two dimensions."""
    if y is None:
        raise ValueError(
            "requires y to be passed, but the target y is None: LinearMultiTask has "
            "nothing to predict."
        )
    if hasattr(y, "columns"):
        return list(y.columns), y.to_numpy()
    values = np.asarray(y)
    if values.dtype.names:
        names = list(values.dtype.names)
        return names, np.column_stack([values[n].astype(object) for n in names])
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(
            f"y must have the shape (n_samples,) or (n_samples, n_columns). Got "
            f"{np.shape(y)}."
        )
    return None, values


def kind_of(y):
    """What y is, as which its predictions come."""
    if hasattr(y, "columns"):
        return "frame"
    values = np.asarray(y)
    if values.dtype.names is not None:
        return "records"
    return "flat" if values.ndim == 1 else "array"


def is_missing(values):
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        return np.array([v is None or v != v for v in values], dtype=bool)
    return np.zeros(len(values), dtype=bool)


def coded(values, loss, task, label):
    """Targets as float64, nan where not observed, and classes or None.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        More than one column only of a loss that takes them for one target.
    loss : Loss
    task : str
    label : str or int
        The first column, for messages.

    Returns
    -------
    targets : ndarray of shape (n_samples,) or (n_samples, n_columns)
    classes : ndarray or None
    """
    missing = np.column_stack([is_missing(column) for column in values.T])
    if (missing.any(axis=1) & ~missing.all(axis=1)).any():
        row = int(np.flatnonzero(missing.any(axis=1) & ~missing.all(axis=1))[0])
        raise ValueError(
            f"Row {row} of y has nan in some of the {values.shape[1]} columns of a "
            f"target of the task {task!r}, and not in others: {values[row].tolist()}."
        )
    here = ~missing[:, 0]
    if not here.any():
        raise ValueError(
            f"The column {label!r} of y, of the task {task!r}, is all nan. "
            "Leave the column out, or add rows in which it was observed."
        )
    of = _numbers if loss.task in NUMBERS else _labels
    found, classes = of(values[here], loss, task, label)
    codes = np.full(values.shape, np.nan)
    codes[here] = found
    return (codes[:, 0] if values.shape[1] == 1 else codes), classes


def _numbers(seen, loss, task, label):
    try:
        numbers = seen.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The column {label!r} of y, of the task {task!r}, must be numbers. {error}"
        ) from error
    numbers = numbers[:, 0] if numbers.shape[1] == 1 else numbers
    loss.check_targets(numbers, name=f"y[:, {label!r}]")
    return numbers.reshape(seen.shape), None


def _labels(seen, loss, task, label):
    seen = seen if seen.dtype.kind != "O" else np.array(seen.tolist())
    classes, index = np.unique(seen, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"The column {label!r} of y, of the task {task!r}, has one class: "
            f"{classes.tolist()}. Leave the column out, or add rows of another class."
        )
    return index.reshape(seen.shape), classes


def indices(what, task, names, n_columns):
    """The columns that a slice, an index, a name or a list of them say."""
    if isinstance(what, slice):
        return list(range(n_columns))[what]
    listed = what if isinstance(what, (list, tuple, np.ndarray, range)) else [what]
    found = []
    for each in listed:
        if isinstance(each, str):
            if names is None or each not in names:
                raise InvalidParameterError(
                    f"columns[{task!r}] has {each!r}, which is no column of y"
                    + (f": {', '.join(map(str, names))}." if names else ".")
                )
            each = names.index(each)
        if not Interval(-n_columns, n_columns, "left", integer=True).allows(each):
            raise InvalidParameterError(
                f"columns[{task!r}] names the column {each!r}, and y has only "
                f"{n_columns} columns, counted from 0: give y that column, or nan in "
                "rows where it was not observed."
            )
        found.append(int(each) % n_columns)
    return found


def in_container(columns, names, kind, index):
    """Predictions of all columns, as y was.

    Parameters
    ----------
    columns : list of ndarray of shape (n_samples,)
    names : list or None
    kind : str
        Of `kind_of`.
    index : Index or None
        Of the rows, for a DataFrame.
    """
    if kind == "frame":
        import pandas as pd

        return pd.DataFrame(dict(zip(names, columns)), index=index)
    if kind == "records":
        fields = [(name, c.dtype) for name, c in zip(names, columns)]
        return np.array(list(zip(*columns)), dtype=fields)
    if kind == "flat":
        return columns[0]
    are_numbers = all(c.dtype.kind in "biuf" for c in columns)
    columns = columns if are_numbers else [c.astype(object) for c in columns]
    return np.column_stack(columns)
