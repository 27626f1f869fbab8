"""Which entries are the largest, where nobody asks for the order of all."""

import numpy as np


def largest(values, n):
    """The places of the n largest values, in no order; of equal ones the first.

    Parameters
    ----------
    values : ndarray of float64 of shape (size,)
        None is nan.
    n : int
        0 <= n <= size.
    """
    if n == 0:
        return np.zeros(0, dtype=np.intp)
    edge = np.partition(values, len(values) - n)[len(values) - n]
    above = np.flatnonzero(values > edge)
    equal = np.flatnonzero(values == edge)[: n - len(above)]
    return np.concatenate([above, equal])
