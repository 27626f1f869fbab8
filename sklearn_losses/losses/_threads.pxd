# cython: language_level=3
"""How many threads a loop may use.

What the system, the environment (OMP_NUM_THREADS) or threadpoolctl allow; joblib's
worker processes, as those of a grid search, allow themselves their share of the cores.
Built without OpenMP a loop has one thread. Results do not depend on it.
"""

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define sl_max_threads() (omp_in_parallel() ? 1 : omp_get_max_threads())
    #else
    #define sl_max_threads() 1
    #endif
    """
    int sl_max_threads() noexcept nogil


cdef inline int threads_for(Py_ssize_t work, Py_ssize_t enough) noexcept nogil:
    """As many as are allowed, as long as each has enough to do to be worth waking.

    That a core is busy with something else is not known: then to wait for a thread takes
    the milliseconds of a time slice.
    """
    return <int> max(1, min(<Py_ssize_t> sl_max_threads(), work // enough))
