# cython: language_level=3
"""Schedules: how large the next step of SGD is.

============== ==============================================================
constant       eta0
adaptive       eta0, divided by 5 whenever the stopping criterion is met
invscaling     eta0 / t^power_t
optimal        1 / (alpha (t0 + t - 1)), with t0 so that the first step is of
               the size that weights have at the optimum (Bottou 2012)
pa1, pa2       passive-aggressive: as far as the sample's loss asks, at the
               most eta0 (pa1) or damped by it (pa2) (Crammer et al. 2006)
============== ==============================================================
"""

from libc.math cimport pow


cdef double invscaling(const double *params, double t) noexcept nogil:
    return params[0] / pow(t, params[1])


cdef double optimal(const double *params, double t) noexcept nogil:
    return 1.0 / (params[0] * (params[1] + t - 1.0))


# Where the loss is linear, the step of size value / (gradient^2 |x|^2) ends where the
# loss is 0.
cdef double passive_aggressive_1(const double *params, double value, double gradient,
                                 double squared_norm) noexcept nogil:
    if value <= 0.0:
        return 0.0
    return min(params[0], value / (gradient * gradient * squared_norm))


cdef double passive_aggressive_2(const double *params, double value, double gradient,
                                 double squared_norm) noexcept nogil:
    if value <= 0.0:
        return 0.0
    return value / (gradient * gradient * squared_norm + 0.5 / params[0])


cdef class Schedule:
    """The step sizes of one of scikit-learn's schedules.

    Parameters
    ----------
    name : {"constant", "optimal", "invscaling", "adaptive", "pa1", "pa2"}
    eta0 : float
        The first step size; the aggressiveness of pa1 and pa2. Not used by "optimal".
    power_t : float
        The exponent of "invscaling".
    alpha : float
        The strength of the penalty, > 0 in "optimal", the only one that uses it.
    """

    def __cinit__(self, str name, double eta0, double power_t, double alpha):
        self.name = name
        self.eta0 = self.params[0] = eta0
        if name == "invscaling":
            self.rate = invscaling
            self.params[1] = power_t
        elif name == "optimal":
            self.rate = optimal
            self.params[0] = alpha
            self.params[1] = 1.0 / (alpha ** -0.25 * alpha)
        elif name == "pa1":
            self.sample_rate = passive_aggressive_1
            self.skips_empty_rows = True  # as scikit-learn, penalty and all
        elif name == "pa2":
            self.sample_rate = passive_aggressive_2
        elif name not in ("constant", "adaptive"):
            raise ValueError(f"There is no schedule named {name!r}.")

    @property
    def is_passive_aggressive(self):
        """Whether the samples decide the step size."""
        return self.sample_rate != NULL

    def step_size(self, double t):
        """The size of step t; None where outputs keep one, or samples decide."""
        return None if self.rate == NULL else self.rate(self.params, t)
