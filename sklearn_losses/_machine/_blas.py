"""One thread of BLAS for a while: blocks are what threads share then.

Its sums depend on the number of threads, and those of blocks must not.
"""

from functools import lru_cache

from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _libraries():
    return ThreadpoolController()


def one_thread_of_blas():
    """A context in which BLAS uses one thread, in this process."""
    return _libraries().limit(limits=1, user_api="blas")
