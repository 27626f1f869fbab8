# cython: language_level=3
"""The formulas: value, gradient and curvature of one point, each in one place.

y is the target, p the raw prediction, r = p - y; for binary targets y in {0, 1},
s = 2 y - 1 and z = s p. Parameters arrive as a row of doubles in the order of the
class's constructor. Everything else (arrays, weights, links) is somebody else's.

At p = inf and p = -inf a formula gives the limit, and a value of p = nan is nan: a
loss of 0 is asked for as "x <= 0", which nan is not, so that a model that has diverged
does not look like one without errors.
"""

from libc.math cimport INFINITY, exp, expm1, fabs, fma, log1p, tanh

from sklearn_losses.losses._math cimport softplus_of_minus_abs, subtract_error
from sklearn_losses.losses._table cimport Row


cdef inline double parameter(const void *params) noexcept nogil:
    """The first parameter of a loss, for most of them the only one."""
    return (<const double *> params)[0]


cdef inline double zero(const void *params, double y, double p) noexcept nogil:
    """The curvature of a piecewise linear loss, wherever it has one."""
    return 0.0


cdef inline double sign(double x) noexcept nogil:
    return 1.0 if x > 0 else (-1.0 if x < 0 else 0.0)


# ---------------------------------------------------------------- squared error
cdef inline double squared_error_value(const void *params, double y, double p) noexcept nogil:
    return 0.5 * (p - y) * (p - y)


cdef inline double squared_error_gradient(const void *params, double y, double p) noexcept nogil:
    return p - y


cdef inline double squared_error_curvature(const void *params, double y, double p) noexcept nogil:
    return 1.0


# --------------------------------------------------------------- absolute error
cdef inline double absolute_error_value(const void *params, double y, double p) noexcept nogil:
    return fabs(p - y)


cdef inline double absolute_error_gradient(const void *params, double y, double p) noexcept nogil:
    return sign(p - y)


# --------------------------------------------------------------------- quantile
cdef inline double quantile_value(const void *params, double y, double p) noexcept nogil:
    cdef double q = parameter(params)
    return q * (y - p) if y >= p else (1.0 - q) * (p - y)


cdef inline double quantile_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double q = parameter(params)
    # 0 at the kink, where it is a subgradient: a row that fits is left alone.
    return -q if y > p else (1.0 - q if y < p else 0.0)


# ------------------------------------------------------------------------ Huber
cdef inline double huber_value(const void *params, double y, double p) noexcept nogil:
    cdef double delta = parameter(params), u = fabs(p - y)
    return 0.5 * u * u if u <= delta else delta * (u - 0.5 * delta)


cdef inline double huber_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double delta = parameter(params), r = p - y
    return r if fabs(r) <= delta else (delta if r > 0 else -delta)


cdef inline double huber_curvature(const void *params, double y, double p) noexcept nogil:
    return 1.0 if fabs(p - y) <= parameter(params) else 0.0


# ---------------------------------------------------------- epsilon insensitive
cdef inline double outside_tube(double epsilon, double y, double p) noexcept nogil:
    """|p - y| - epsilon with the rounding error of p - y put back.

    Near the edge of the tube, which is where support vectors live, the plain
    difference has lost most of its digits.
    """
    cdef double r = p - y
    cdef double lost = subtract_error(p, y, r)
    lost = lost if lost == lost else 0.0  # nan, where r is infinite: inf - inf
    return (fabs(r) - epsilon) + (lost if r > 0 else -lost)


cdef inline double epsilon_insensitive_value(const void *params, double y, double p) noexcept nogil:
    cdef double excess = outside_tube(parameter(params), y, p)
    return 0.0 if excess <= 0 else excess


cdef inline double epsilon_insensitive_gradient(
        const void *params, double y, double p) noexcept nogil:
    return sign(p - y) if outside_tube(parameter(params), y, p) > 0 else 0.0


cdef inline double squared_epsilon_insensitive_value(
        const void *params, double y, double p) noexcept nogil:
    cdef double excess = outside_tube(parameter(params), y, p)
    return 0.0 if excess <= 0 else excess * excess


cdef inline double squared_epsilon_insensitive_gradient(
        const void *params, double y, double p) noexcept nogil:
    cdef double excess = outside_tube(parameter(params), y, p)
    return 2.0 * sign(p - y) * excess if excess > 0 else 0.0


cdef inline double squared_epsilon_insensitive_curvature(
        const void *params, double y, double p) noexcept nogil:
    return 2.0 if outside_tube(parameter(params), y, p) > 0 else 0.0


# ---------------------------------------------------------------------- Poisson
cdef inline double poisson_value(const void *params, double y, double p) noexcept nogil:
    # y p apart where it would make nan of a limit: 0 * inf at y = 0, inf - inf at
    # p = inf.
    return exp(p) - y * p if y != 0 and p != INFINITY else exp(p)


cdef inline double poisson_gradient(const void *params, double y, double p) noexcept nogil:
    # Near p = 0 a count of 1 cancels the 1 in exp(p); expm1 has taken it out.
    return expm1(p) + (1.0 - y) if fabs(p) < 0.5 else exp(p) - y


cdef inline double poisson_curvature(const void *params, double y, double p) noexcept nogil:
    return exp(p)


# --------------------------------------------------------------------- log loss
cdef inline double log_loss_value(const void *params, double y, double p) noexcept nogil:
    # log(1 + exp(p)) - y p as a sum of terms that are all >= 0, so no digits are
    # lost to y p. A term with weight 0 is left out: 0 * inf is nan.
    cdef double linear = 1.0 - y if p > 0 else y
    return softplus_of_minus_abs(p) + (linear * fabs(p) if linear != 0 else 0.0)


cdef inline double log_loss_gradient(const void *params, double y, double p) noexcept nogil:
    # expit(p) - y. Near p = 0 the soft target 1/2 cancels expit's 1/2, so it is
    # taken out with tanh; far out y = 1 cancels expit(p) = 1, so both
    # probabilities are formed from exp(-|p|).
    cdef double e
    if fabs(p) < 1.0:
        return 0.5 * tanh(0.5 * p) + (0.5 - y)
    e = exp(-fabs(p))
    return ((1.0 - y) - y * e if p > 0 else (1.0 - y) * e - y) / (1.0 + e)


cdef inline double log_loss_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double e = exp(-fabs(p))
    return e / ((1.0 + e) * (1.0 + e))


# --------------------------------------------------------- hinge and perceptron
cdef inline double margin(double y, double p) noexcept nogil:
    return p if y > 0.5 else -p


cdef inline double hinge_value(const void *params, double y, double p) noexcept nogil:
    cdef double shortfall = parameter(params) - margin(y, p)
    return 0.0 if shortfall <= 0 else shortfall


cdef inline double hinge_gradient(const void *params, double y, double p) noexcept nogil:
    # At the kink the sample is pushed, as in scikit-learn: a perceptron that
    # starts from w = 0 sits on it.
    return (-1.0 if y > 0.5 else 1.0) if margin(y, p) <= parameter(params) else 0.0


cdef inline double perceptron_value(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    return 0.0 if z >= 0 else -z


cdef inline double perceptron_gradient(const void *params, double y, double p) noexcept nogil:
    return (-1.0 if y > 0.5 else 1.0) if margin(y, p) <= 0 else 0.0


# ---------------------------------------------------------------- squared hinge
cdef inline double squared_hinge_value(const void *params, double y, double p) noexcept nogil:
    cdef double shortfall = parameter(params) - margin(y, p)
    return 0.0 if shortfall <= 0 else shortfall * shortfall


cdef inline double squared_hinge_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double shortfall = parameter(params) - margin(y, p)
    return (-2.0 if y > 0.5 else 2.0) * shortfall if shortfall > 0 else 0.0


cdef inline double squared_hinge_curvature(const void *params, double y, double p) noexcept nogil:
    return 2.0 if parameter(params) - margin(y, p) > 0 else 0.0


# --------------------------------------------------------------- modified Huber
cdef inline double modified_huber_value(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    if z >= 1.0:
        return 0.0
    return (1.0 - z) * (1.0 - z) if z >= -1.0 else -4.0 * z


cdef inline double modified_huber_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p), s = 1.0 if y > 0.5 else -1.0
    if z >= 1.0:
        return 0.0
    return -2.0 * s * (1.0 - z) if z >= -1.0 else -4.0 * s


cdef inline double modified_huber_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    return 2.0 if -1.0 <= z < 1.0 else 0.0


# ---------------------------------------------------------------- cross-entropy
cdef inline double target_probability(
        const void *params, const Row *row, Py_ssize_t k) noexcept nogil:
    """t_k: the k-th of the given probabilities, or the smoothed one-hot row of a label."""
    cdef double smoothing = parameter(params)
    if row.y_size > 1:
        return row.y[k]
    return smoothing / row.n_outputs + (1.0 - smoothing if k == <Py_ssize_t> row.y[0] else 0.0)


cdef inline double other_probability(
        const void *params, const Row *row, Py_ssize_t k) noexcept nogil:
    """1 - t_k, where the label keeps the digits of a small smoothing."""
    if row.y_size == 1 and k == <Py_ssize_t> row.y[0]:
        return parameter(params) * (row.n_outputs - 1) / row.n_outputs
    return 1.0 - target_probability(params, row, k)


cdef inline double cross_entropy_row(const void *params, const Row *row) noexcept nogil:
    """logsumexp(p) - sum_k t_k p_k, and its derivatives softmax(p) - t.

    With m = max(p), e_k = exp(p_k - m) and Z = sum_k e_k = 1 + others the value is
    log(Z) + sum_k t_k (m - p_k), a sum of terms that are all >= 0, since the
    targets t sum to 1. For the same reason Z times the gradient is
    (1 - t_k) e_k - t_k (Z - e_k), where the label that wins clearly leaves minus
    the others, however tiny.
    """
    cdef Py_ssize_t k, top = 0
    cdef double m, e, t, rest, value, others = 0.0, furthest = 0.0
    for k in range(1, row.n_outputs):
        if row.raw[k] > row.raw[top]:
            top = k
    m = row.raw[top]
    for k in range(row.n_outputs):
        e = exp(row.raw[k] - m) if k != top else 1.0  # inf - inf would be nan
        if k != top:
            others += e
            furthest = max(furthest, m - row.raw[k])
        if row.gradient != NULL:
            row.gradient[k] = e
    value = log1p(others)
    for k in range(row.n_outputs):
        t = target_probability(params, row, k)
        if t != 0.0 and k != top:
            value += t * (m - row.raw[k])
        if row.curvature != NULL:
            e = exp(row.raw[k] - m) if k != top else 1.0
            rest = others if k == top else 1.0 + (others - e)
            row.curvature[k] = e * rest / ((1.0 + others) * (1.0 + others))
        if row.gradient != NULL:
            e = row.gradient[k]
            rest = others if k == top else 1.0 + (others - e)
            row.gradient[k] = (other_probability(params, row, k) * e - t * rest) / (1.0 + others)
    if row.gradient != NULL and furthest < 0.5 and (row.y_size > 1 or parameter(params) > 0):
        cross_entropy_gradient_of_close(params, row, m, others)
    return value


cdef inline void cross_entropy_gradient_of_close(
        const void *params, const Row *row, double m, double others) noexcept nogil:
    """The gradient where soft targets may cancel probabilities that are all close.

    1/n is taken out of both: e_k - t_k Z = (1 - n t_k) + x_k - t_k sum_j x_j, with
    x_k = expm1(p_k - m), and fma keeps what rounding n t_k would lose.
    """
    cdef Py_ssize_t k
    cdef double t, total = 0.0
    for k in range(row.n_outputs):
        total += expm1(row.raw[k] - m)
    for k in range(row.n_outputs):
        t = target_probability(params, row, k)
        row.gradient[k] = (fma(-<double> row.n_outputs, t, 1.0) + expm1(row.raw[k] - m) - t * total)
        row.gradient[k] /= 1.0 + others
