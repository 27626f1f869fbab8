# cython: language_level=3
"""Which instruction sets this processor has, and the system lets it use."""

cdef extern from *:
    """
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    /* x86-64-v3 and v4 by their vector instructions: no processor has these alone. */
    static int sl_has_v3(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
            && __builtin_cpu_supports("bmi2");
    }
    static int sl_has_v4(void) {
        return sl_has_v3() && __builtin_cpu_supports("avx512f")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
    #else
    static int sl_has_v3(void) { return 0; }
    static int sl_has_v4(void) { return 0; }
    #endif
    """
    int sl_has_v3()
    int sl_has_v4()


def instruction_sets():
    """The names of those that kernels may be built for, the best one last.

    Returns
    -------
    list of str
    """
    return ["baseline"] + ["x86_64_v3"] * sl_has_v3() + ["x86_64_v4"] * sl_has_v4()
