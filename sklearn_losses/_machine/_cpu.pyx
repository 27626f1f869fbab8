# cython: language_level=3
"""Which instruction sets this processor has, and the system lets it use."""

cdef extern from *:
    """
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    /* x86-64-v3 by its vector instructions: no processor has these alone. */
    static int sl_has_v3(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
            && __builtin_cpu_supports("bmi2");
    }
    #else
    static int sl_has_v3(void) { return 0; }
    #endif
    """
    int sl_has_v3()


def instruction_sets():
    """The names of those that kernels may be built for, the best one last.

    Returns
    -------
    list of str
    """
    return ["baseline"] + ["x86_64_v3"] * sl_has_v3()
