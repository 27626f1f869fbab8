# cython: language_level=3
"""Losses of a margin z = s p, with y in {0, 1} and s = 2 y - 1.

P = expit(z) is the probability that p gives to the label, Q = expit(-z) the other one;
each is formed by itself, so that the tiny one keeps its digits. For the conjugates the
slope by z is -v, v = -s u: how hard a sample pulls.
"""

from libc.math cimport INFINITY, atan, fabs, isinf, pow, tanh

from sklearn_losses.losses._exp_log cimport (
    exp, exp_less, exp_of_nonpositive, expm1, expm1_of_nonpositive, log1p,
)
from sklearn_losses.losses._formulas.parameters cimport first
from sklearn_losses.losses._math cimport (
    chosen, expit, log1pmx, softplus, softplus_of_minus_abs, xlogx,
)


cdef inline double side(double y) noexcept nogil:
    return 1.0 if y > 0.5 else -1.0


cdef inline double margin(double y, double p) noexcept nogil:
    return p if y > 0.5 else -p


# --------------------------------------------------------------------- log loss
cdef inline double log_loss_value(const void *params, double y, double p) noexcept nogil:
    # log(1 + exp(p)) - y p as a sum of terms that are all >= 0, so no digits are
    # lost to y p. A term with weight 0 is left out: 0 * inf is nan.
    cdef double linear = 1.0 - y if p > 0 else y
    return softplus_of_minus_abs(p) + (linear * fabs(p) if linear != 0 else 0.0)


cdef inline double log_loss_gradient(const void *params, double y, double p) noexcept nogil:
    # expit(p) - y. With e = exp(-|p|), and `own` the part of the target on the side that p
    # is on, that is (other - own e) / (1 + e), with the sign of the side. Far out own = 1
    # leaves the tiny e; near p = 0 the soft target 1/2 would cancel e, and leaves e - 1.
    # A step of SGD waits for all that comes after p is known: choices come first.
    cdef double x = -fabs(p), sign = chosen(p > 0, 1.0, -1.0)
    cdef double own = sign * chosen(p > 0, y, 1.0 - y)
    cdef double other = sign * chosen(p > 0, 1.0 - y, y)
    cdef double one = chosen(x > -1.0, 1.0, 0.0)
    return ((other - own * one) - own * exp_less(x, one)) / (1.0 + exp_less(x, 0.0))


cdef inline double log_loss_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double e = exp_of_nonpositive(-fabs(p))
    return e / ((1.0 + e) * (1.0 + e))


cdef inline double log_loss_conjugate(const void *params, double y, double u) noexcept nogil:
    # Minus the entropy of a = y + u. Both a and 1 - a are formed by themselves, and the
    # logarithm of the one that is near 1 from the other.
    cdef double a = y + u, b = (1.0 - y) - u
    if a < 0 or b < 0:
        return INFINITY
    return xlogx(a) + b * log1p(-a) if a < 0.5 else a * log1p(-b) + xlogx(b)


# --------------------------------------------------------- hinge and perceptron
cdef inline double hinge_value(const void *params, double y, double p) noexcept nogil:
    cdef double shortfall = first(params) - margin(y, p)
    return 0.0 if shortfall <= 0 else shortfall


cdef inline double hinge_gradient(const void *params, double y, double p) noexcept nogil:
    # At the kink the sample is pushed, as in scikit-learn: a perceptron that
    # starts from w = 0 sits on it.
    return -side(y) if margin(y, p) <= first(params) else 0.0


cdef inline double hinge_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double v = -margin(y, u)
    return -first(params) * v if 0.0 <= v <= 1.0 else INFINITY


cdef inline double perceptron_value(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    return 0.0 if z >= 0 else -z


cdef inline double perceptron_gradient(const void *params, double y, double p) noexcept nogil:
    return -side(y) if margin(y, p) <= 0 else 0.0


cdef inline double perceptron_conjugate(const void *params, double y, double u) noexcept nogil:
    return 0.0 if 0.0 <= -margin(y, u) <= 1.0 else INFINITY


# ------------------------------------------------------ squared and smooth hinge
cdef inline double squared_hinge_value(const void *params, double y, double p) noexcept nogil:
    cdef double shortfall = first(params) - margin(y, p)
    return 0.0 if shortfall <= 0 else shortfall * shortfall


cdef inline double squared_hinge_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double shortfall = first(params) - margin(y, p)
    return -2.0 * side(y) * shortfall if shortfall > 0 else 0.0


cdef inline double squared_hinge_curvature(const void *params, double y, double p) noexcept nogil:
    return 2.0 if first(params) - margin(y, p) > 0 else 0.0


cdef inline double squared_hinge_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double v = -margin(y, u)
    return 0.25 * v * v - first(params) * v if v >= 0.0 else INFINITY


cdef inline double smooth_hinge_value(const void *params, double y, double p) noexcept nogil:
    cdef double gamma = first(params), shortfall = 1.0 - margin(y, p)
    if shortfall <= 0:
        return 0.0
    return 0.5 * shortfall * shortfall / gamma if shortfall < gamma else shortfall - 0.5 * gamma


cdef inline double smooth_hinge_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double gamma = first(params), shortfall = 1.0 - margin(y, p)
    if shortfall <= 0:
        return 0.0
    return -side(y) * (shortfall / gamma if shortfall < gamma else 1.0)


cdef inline double smooth_hinge_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double gamma = first(params), shortfall = 1.0 - margin(y, p)
    return 1.0 / gamma if 0.0 < shortfall < gamma else 0.0


cdef inline double smooth_hinge_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double v = -margin(y, u)
    return 0.5 * first(params) * v * v - v if 0.0 <= v <= 1.0 else INFINITY


# --------------------------------------------------------------- modified Huber
cdef inline double modified_huber_value(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    if z >= 1.0:
        return 0.0
    return (1.0 - z) * (1.0 - z) if z >= -1.0 else -4.0 * z


cdef inline double modified_huber_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p), s = side(y)
    if z >= 1.0:
        return 0.0
    return -2.0 * s * (1.0 - z) if z >= -1.0 else -4.0 * s


cdef inline double modified_huber_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    return 2.0 if -1.0 <= z < 1.0 else 0.0


cdef inline double modified_huber_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double v = -margin(y, u)
    return 0.25 * v * v - v if 0.0 <= v <= 4.0 else INFINITY


# ------------------------------------------------------------------ exponential
cdef inline double exponential_value(const void *params, double y, double p) noexcept nogil:
    return exp(-margin(y, p))


cdef inline double exponential_gradient(const void *params, double y, double p) noexcept nogil:
    return -side(y) * exp(-margin(y, p))


cdef inline double exponential_curvature(const void *params, double y, double p) noexcept nogil:
    return exp(-margin(y, p))


cdef inline double exponential_conjugate(const void *params, double y, double u) noexcept nogil:
    cdef double v = -margin(y, u)
    return xlogx(v) - v if v >= 0.0 else INFINITY


# ------------------------------------------------------------------------ focal
cdef inline double p_log_p(double z) noexcept nogil:
    """P log(P), which is 0 at z = -inf."""
    cdef double probability = expit(z)
    return -probability * softplus(-z) if probability != 0 else 0.0


cdef inline double focal_value(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    return pow(expit(-z), first(params)) * softplus(-z)


cdef inline double focal_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double gamma = first(params), z = margin(y, p)
    cdef double other = expit(-z)
    return side(y) * pow(other, gamma) * (gamma * p_log_p(z) - other)


cdef inline double focal_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double gamma = first(params), z = margin(y, p)
    cdef double own = expit(z), other = expit(-z)
    return pow(other, gamma) * (
        own * other * (1.0 + 2.0 * gamma) + gamma * p_log_p(z) * (other - gamma * own))


# --------------------------------------------------- generalized cross-entropy
# P^q as exp(q log(P)): far out P is 0, and P^q with a small q is not.
cdef inline double generalized_cross_entropy_value(
        const void *params, double y, double p) noexcept nogil:
    cdef double q = first(params)
    return -expm1(-q * softplus(-margin(y, p))) / q


cdef inline double generalized_cross_entropy_gradient(
        const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    return -side(y) * exp(-first(params) * softplus(-z)) * expit(-z)


cdef inline double generalized_cross_entropy_curvature(
        const void *params, double y, double p) noexcept nogil:
    cdef double q = first(params), z = margin(y, p)
    cdef double own = expit(z), other = expit(-z)
    return exp(-q * softplus(-z)) * other * (own - q * other)


# -------------------------------------------------------------------- poly loss
# With epsilon = -1 the terms of -log(P) + epsilon Q cancel for large z up to Q^2 / 2;
# -log(P) = Q - (log(1 - Q) + Q) takes Q out of the logarithm.
cdef inline double poly_loss_value(const void *params, double y, double p) noexcept nogil:
    cdef double epsilon = first(params), z = margin(y, p)
    cdef double other = expit(-z)
    if z > 0:
        return (1.0 + epsilon) * other - log1pmx(-other)
    return softplus(-z) + epsilon * other


cdef inline double poly_loss_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double epsilon = first(params), z = margin(y, p)
    cdef double other = expit(-z)
    return -side(y) * other * (
        (1.0 + epsilon) - epsilon * other if z > 0 else 1.0 + epsilon * expit(z))


cdef inline double poly_loss_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double epsilon = first(params), z = margin(y, p)
    cdef double own = expit(z), other = expit(-z)
    return own * other * (
        (1.0 + epsilon) - 2.0 * epsilon * other if z > 0
        else (1.0 - epsilon) + 2.0 * epsilon * own)


# ---------------------------------------------------- Savage, tangent and sigmoid
cdef inline double savage_value(const void *params, double y, double p) noexcept nogil:
    cdef double s = expit(-2.0 * margin(y, p))
    return s * s


cdef inline double savage_gradient(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    cdef double s = expit(-2.0 * z)
    return -4.0 * side(y) * s * s * expit(2.0 * z)


cdef inline double savage_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    cdef double s = expit(-2.0 * z)
    return 8.0 * s * s * expit(2.0 * z) * (2.0 - 3.0 * s)


cdef inline double tangent_value(const void *params, double y, double p) noexcept nogil:
    cdef double a = 2.0 * atan(margin(y, p)) - 1.0
    return a * a


cdef inline double tangent_gradient(const void *params, double y, double p) noexcept nogil:
    return 4.0 * side(y) * (2.0 * atan(margin(y, p)) - 1.0) / (1.0 + p * p)


cdef inline double tangent_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p), s = 1.0 + p * p
    if isinf(s):
        return 0.0
    return 8.0 * (1.0 - z * (2.0 * atan(z) - 1.0)) / (s * s)


cdef inline double sigmoid_value(const void *params, double y, double p) noexcept nogil:
    return expit(-margin(y, p))


cdef inline double sigmoid_gradient(const void *params, double y, double p) noexcept nogil:
    return -side(y) * expit(p) * expit(-p)


cdef inline double sigmoid_curvature(const void *params, double y, double p) noexcept nogil:
    cdef double z = margin(y, p)
    return expit(z) * expit(-z) * tanh(0.5 * z)
