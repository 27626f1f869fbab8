# cython: language_level=3
"""How many threads a loop may use.

What the system, the environment (OMP_NUM_THREADS) or threadpoolctl allow; joblib's
worker processes, as those of a grid search, allow themselves their share of the cores.
Built without OpenMP a loop has one thread. Results do not depend on it.

A forked process has one thread, always: where its parent had used several, it would wait
for ever for those, which a fork does not copy. (`multiprocessing` with the start method
"fork"; joblib's workers are no forks.) Every module that includes this file has the
handler and the flag for itself, so that no other module need be there.
"""

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #include <pthread.h>
    static volatile int sl_is_fork = 0;
    static void sl_after_fork(void) { sl_is_fork = 1; }
    __attribute__((constructor)) static void sl_ask_for_forks(void) {
        pthread_atfork(NULL, NULL, sl_after_fork);
    }
    #define sl_max_threads() \
        (sl_is_fork || omp_in_parallel() ? 1 : omp_get_max_threads())
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
