# cython: language_level=3
"""Passes over whole arrays that numpy would make several of."""

from libc.stdint cimport int64_t


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
    cdef Py_ssize_t start = 0, n = values.shape[0], outside = 0
    with nogil:
        while start < n:
            outside += n_outside(&values[start], min(BLOCK, n - start), low, high, integer)
            start += BLOCK
    return outside == 0


def choose_by_sign(const real[::1] values, const int64_t[::1] two, int64_t[::1] out):
    """Write two[1] where a value is positive, else two[0].

    Parameters
    ----------
    values : ndarray of float32 or float64, of shape (n,)
    two : ndarray of shape (2,)
        Numbers of any type of 8 bytes, seen as int64: their bits are copied.
    out : ndarray of shape (n,)
    """
    cdef Py_ssize_t i
    cdef int64_t below = two[0], above = two[1]
    with nogil:
        for i in range(values.shape[0]):
            out[i] = above if values[i] > 0 else below
