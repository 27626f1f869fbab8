"""Columns with entries far from all others: their mean and spread without these.

One cell of 1e9 makes mean and spread of its column its own. To all other rows the
column is then a constant, up to rounding, and they need it as soon as the far row is
where its loss is flat.
"""

import numpy as np

FAR = 100.0  # times the median deviation is far
SHARE, MANY = 0.4, 30.0  # of n_rows, or times the mean square: worth a look
OF_SPREAD = 0.1  # is a mean that few entries do not make
HIDES, LOOKED_AT = 1e4, 1000  # times the deviations, and columns: see `what_hides`
SAMPLE = 1000  # rows or stored entries from which a median is known


def spike_of(rows):
    """Times the mean square: larger squares of few rows are worth a look."""
    return min(SHARE * rows.n_rows, MANY)


def without_far(rows, weight, square, largest, unit, about, centre):
    """Mean and spread of those columns that have far entries, without these.

    Parameters
    ----------
    rows : Rows
    weight : ndarray of shape (n_rows,)
        Rows of weight 0 do not count.
    square, largest, unit, about : ndarray of shape (n_features,)
        Of each column the mean square of (x - about) unit, and the largest one.
    centre : bool
        False: the mean is taken to be 0.

    Returns
    -------
    list of (column, mean, spread)
    """
    are_odd = largest > spike_of(rows) * square
    if not are_odd.any():
        return []
    found, here = [], weight > 0
    sizes = np.sqrt(square) / unit, np.sqrt(largest) / unit
    for j in _may_be_far(rows, are_odd, *sizes, about, centre):
        x = _column(rows, j)[here]
        middle, limit = _middle_and_limit(x, centre)
        near = x[np.abs(x - middle) <= limit]
        if len(near) == len(x) or not limit > 0:
            continue
        mean = near.mean() if centre else 0.0
        spread = limit * np.sqrt(np.square((near - mean) / limit).mean())
        if spread > 0:
            found.append((j, mean, spread))
    return found


def what_hides(rows, weight, centre):
    """A sentence on the entry of X that is furthest from its column, if it is so far
    that its row may hide the others: of what they curve its square is rounding.

    Parameters
    ----------
    rows : Rows
    weight : ndarray of shape (n_rows,) or None
    centre : bool

    Returns
    -------
    str
        "" if there is no such entry, or there are too many columns to look at.
    """
    if not 0 < rows.n_features <= LOOKED_AT:
        return ""
    found = [
        _furthest(_column(rows, j), weight, centre) for j in range(rows.n_features)
    ]
    feature, (times, row) = max(enumerate(found), key=lambda pair: pair[1])
    if not times > HIDES:
        return ""
    return (
        f" Row {row} of X is {times:.0e} times as far from most others in feature "
        f"{feature} as these from each other, and may hide them: correct such rows, "
        "leave them out, or clip the features."
    )


def _furthest(x, weight, centre):
    """How many times the usual deviation an entry is away, and its row."""
    if weight is not None:
        x = np.where(weight > 0, x, np.median(x[weight > 0]))
    middle, limit = _middle_and_limit(x, centre)
    size = np.abs(x - middle)
    row = int(size.argmax())
    return (FAR * float(size[row] / limit) if limit > 0 else 0.0), row


def _may_be_far(rows, are_odd, size, largest, about, centre):
    """Columns that are worth a look at all of their entries."""
    if rows.is_sparse:  # columns with few entries are odd, whatever these are
        stored = rows.data[:: max(1, len(rows.data) // SAMPLE)]
        has_many = np.abs(about) >= OF_SPREAD * size
        are_odd &= has_many | (largest >= MANY * np.median(np.abs(stored)))
        return np.flatnonzero(are_odd)
    some = rows.to_dense()[:: max(1, rows.n_rows // SAMPLE)]
    found = []
    for j in np.flatnonzero(are_odd):
        middle, limit = _middle_and_limit(some[:, j].astype(np.float64), centre)
        if not largest[j] + abs(middle - about[j]) <= limit:
            found.append(j)
    return found


def _middle_and_limit(x, centre):
    """The median, and what is far from it: by the deviations that are not 0."""
    middle = np.median(x) if centre else 0.0
    size = np.abs(x - middle)
    size = size[size > 0]
    return middle, FAR * np.median(size) if len(size) else 0.0


def _column(rows, j):
    found = rows.with_columns(np.array([j])).to_dense()[:, 0]
    return found.astype(np.float64)
