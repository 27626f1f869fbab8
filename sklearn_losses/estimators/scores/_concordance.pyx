# cython: language_level=3
"""Pairs that are in the right order, counted in O(n log n) by a Fenwick tree."""

import numpy as np


def count_pairs(const Py_ssize_t[::1] starts, const Py_ssize_t[::1] blocks,
                const Py_ssize_t[::1] rank, const double[::1] asks,
                const double[::1] weight):
    """The weights of pairs of a row that asks, and one of a block before in its group.

    Parameters
    ----------
    starts : ndarray of intp of shape (n_groups + 1,)
        Where the groups of the sorted rows begin, and the end.
    blocks : ndarray of intp of shape (n,)
        What block a row is of; those of a group ascend.
    rank : ndarray of intp of shape (n,)
        Of the score within the group, from 0 on; ties have the same.
    asks : ndarray of shape (n,)
        The weight of a row where it is the one that asks; 0: it does not.
    weight : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (3, n_groups)
        Of pairs where the row that asks has the greater score, the same, and of all.
    """
    cdef Py_ssize_t g, i, j, k, end, n, n_groups = starts.shape[0] - 1
    cdef double below, upto, all_
    found = np.zeros((3, n_groups))
    cdef double[:, ::1] out = found
    cdef double[::1] tree = np.empty(rank.shape[0] + 1)
    with nogil:
        for g in range(n_groups):
            n = starts[g + 1] - starts[g]
            for i in range(n + 1):
                tree[i] = 0.0
            all_ = 0.0
            i = starts[g]
            while i < starts[g + 1]:
                end = i
                while end < starts[g + 1] and blocks[end] == blocks[i]:
                    end += 1
                for j in range(i, end):
                    if asks[j] != 0:
                        below = upto = 0.0
                        k = rank[j]
                        while k > 0:
                            below += tree[k]
                            k -= k & -k
                        k = rank[j] + 1
                        while k > 0:
                            upto += tree[k]
                            k -= k & -k
                        out[0, g] += asks[j] * below
                        out[1, g] += asks[j] * (upto - below)
                        out[2, g] += asks[j] * all_
                for j in range(i, end):
                    all_ += weight[j]
                    k = rank[j] + 1
                    while k <= n:
                        tree[k] += weight[j]
                        k += k & -k
                i = end
    return found
