# cython: language_level=3
"""Passes over whole arrays that numpy would make several of."""

from libc.math cimport floor

ctypedef fused real:
    float
    double


def all_between(const real[::1] values, double low, double high, bint integer):
    """Whether all values lie between two numbers, or are one of them.

    Parameters
    ----------
    values : ndarray of float32 or float64, of shape (n,)
    low, high : float
        If they are finite, so are the values; nan lies nowhere.
    integer : bool
        Whether the values must be integers as well.

    Returns
    -------
    bool
    """
    cdef Py_ssize_t i, n_outside = 0
    with nogil:
        for i in range(values.shape[0]):
            n_outside += not (values[i] >= low)
            n_outside += not (values[i] <= high)
        for i in range(values.shape[0] if integer else 0):
            n_outside += floor(values[i]) != values[i]
    return n_outside == 0
