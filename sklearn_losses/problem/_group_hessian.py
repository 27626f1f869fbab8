"""The Hessian of a loss of groups by coefficients: X' (H X) of some at a time."""

import numpy as np

ENTRIES = 1 << 17  # of rows that are taken at a time, while they are in cache
MOST_OF_ONE = 1 << 25  # entries of a group that are copied: 256 MB, ...
COLUMNS = 8  # ... or so many columns at a time


def hessian_of_groups(features, term, p, h, rows_of=None):
    """Z' H Z of the features Z and of their constant.

    Parameters
    ----------
    features : Centred
    term : GroupTerm
    p : ndarray of shape (n_rows,)
    h : float
    rows_of : callable, default=None
        (k, part) -> the k-th part of the rows of Z in the order of groups, if somebody
        keeps them.

    Returns
    -------
    ndarray of shape (n_features + 1, n_features + 1)
    """
    size, grouping = features.n_features + 1, term.grouping
    found = np.zeros((size, size))
    if np.diff(grouping.starts).max(initial=0) * size > MOST_OF_ONE:
        product = product_of_groups(features, term, p, h)
        for first in range(0, size, COLUMNS):
            v = np.eye(size)[first : first + COLUMNS]
            found[:, first : first + COLUMNS] = product(v)
        return 0.5 * (found + found.T)
    for k, part in enumerate(_parts(grouping.starts, max(1, ENTRIES // size))):
        z = rows_of(k, part) if rows_of else features.chosen(grouping.order[part])
        found += z.T @ term.products(p, h, z, part)
    return 0.5 * (found + found.T)


def product_of_groups(features, term, p, h):
    """v to Z' H Z v: of vectors that are rows of v, what is found are columns.

    Parameters
    ----------
    features, term, p, h
        As of `hessian_of_groups`.
    """
    order, every = term.grouping.order, slice(0, len(term.grouping.order))

    def product(v):
        along = features.raw(np.atleast_2d(v))[order]
        bent = np.zeros((features.n_rows, along.shape[1]))
        bent[order] = term.products(p, h, along, every)
        return np.vstack([features.transposed_dot(bent), bent.sum(axis=0)])

    return product


def _parts(starts, n_rows):
    """Slices of whole groups, of about so many rows, or of one group.

    Yields
    ------
    slice of rows
    """
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + n_rows, side="right")) - 1
        last = max(last, first + 1)
        yield slice(int(starts[first]), int(starts[last]))
        first = last
