# cython: language_level=3
"""To ask for memory that is read or written soon, so that it comes while others compute."""

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    /* gcc drops calls of functions that do nothing else: to it they have no effect. */
    #define sl_prefetch(address) (__builtin_prefetch(address), sl_effect())
    static inline void sl_effect(void) { __asm__ volatile (""); }
    #else
    #define sl_prefetch(address) ((void) (address))
    #endif
    """
    void sl_prefetch(const void *address) noexcept nogil
