"""Times of several functions, taken in turn in one process.

What is reported is the ratio of times that were taken right after one another, so that
a busy or slow machine disturbs both sides alike.
"""

import time

import numpy as np


def seconds(function, *args):
    """How long a call takes."""
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def in_turn(measures, n_rounds):
    """Call every function once a round; the first round is a warm-up and not counted.

    Parameters
    ----------
    measures : list of function of an int
        Each gets the number of the round, and returns what it measured.
    n_rounds : int

    Returns
    -------
    ndarray of shape (n_measures, n_rounds)
    """
    rounds = range(n_rounds + 1)
    return np.array([[measure(r) for measure in measures] for r in rounds])[1:].T


def median_ms(times, digits=3):
    """The median of times in seconds, as a cell of a table."""
    return f"{1e3 * np.median(times):.{digits}g}"
