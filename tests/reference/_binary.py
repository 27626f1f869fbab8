"""Binary losses, of the margin z. P = expit(z) is the probability of the true class."""

import mpmath
from mpmath import mpf

from sklearn_losses.losses import (
    Exponential,
    Focal,
    GeneralizedCrossEntropy,
    Hinge,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    PolyLoss,
    Savage,
    Sigmoid,
    SmoothHinge,
    SquaredHinge,
    Tangent,
)
from tests.reference._forms import (
    expit,
    log_rest,
    margin,
    margin_terms,
    softplus,
    zero,
)


def _probabilities(z):
    """P, 1 - P and -log P."""
    return expit(z), expit(-z), softplus(-z)


def _missing(loss, z):
    """What the margin lacks of the threshold."""
    return max(mpf(0), mpf(loss.threshold) - z)


def _log_loss_gradient(loss, y, p):
    # expit(p) - y, from the smaller of the two probabilities: with 50 digits
    # 1 / (1 + exp(-p)) - 1 is 0 from p = 115 on, and the truth is exp(-p).
    return (1 - y) - expit(-p) if p > 0 else expit(p) - y


def _modified_huber(low, middle):
    return lambda loss, z: low(z) if z < -1 else middle(z) if z < 1 else mpf(0)


def _smooth_hinge(low, middle):
    def of_margin(loss, z):
        gamma = mpf(loss.gamma)
        return (
            mpf(0) if z >= 1 else low(gamma, z) if z <= 1 - gamma else middle(gamma, z)
        )

    return of_margin


# ------------------------------------------------------------------------ focal
def _focal_value(loss, z):
    _, q, log = _probabilities(z)
    return q ** mpf(loss.gamma) * log


def _focal_slope(loss, z):
    p, q, log = _probabilities(z)
    gamma = mpf(loss.gamma)
    return -(q**gamma) * (gamma * p * log + q)


def _focal_bend_terms(loss, z):
    p, q, log = _probabilities(z)
    gamma = mpf(loss.gamma)
    factor = q**gamma * p
    return [factor * (1 + 2 * gamma) * q, factor * gamma * log * (gamma * p - q)]


# -------------------------------------------------- generalized cross-entropy
def _gce_value(loss, z):
    q = mpf(loss.q)
    return -mpmath.expm1(-q * softplus(-z)) / q


def _gce_slope(loss, z):
    return -expit(-z) * expit(z) ** mpf(loss.q)


def _gce_bend_terms(loss, z):
    factor = expit(-z) * expit(z) ** mpf(loss.q)
    return [factor * expit(z), -factor * mpf(loss.q) * expit(-z)]


# ------------------------------------------------------------------------- poly
def _poly_value(loss, z):
    # -log P - (1 - P) is not negative, so nothing cancels for epsilon >= -1.
    rest = log_rest(-expit(-z)) if z > 0 else softplus(-z) - expit(-z)
    return rest + (1 + mpf(loss.epsilon)) * expit(-z)


def _poly_slope(loss, z):
    return -expit(-z) * ((1 + mpf(loss.epsilon)) * expit(z) + expit(-z))


def _poly_bend_terms(loss, z):
    epsilon, (p, q, _) = mpf(loss.epsilon), _probabilities(z)
    return [(1 + epsilon) * p**2 * q, (1 - epsilon) * p * q**2]


# -------------------------------------------------------------- savage, tangent
def _savage_bend_terms(loss, z):
    s, t = expit(-2 * z), expit(2 * z)
    return [16 * s**2 * t**2, -8 * s**3 * t]


def _angle(z):
    return 2 * mpmath.atan(z) - 1


def _sum_of(terms):
    return lambda loss, z: mpmath.fsum(terms(loss, z))


# Of the two sides of a kink, each formula takes the one that scikit-learn's SGD takes.
FORMULAS = {
    LogLoss: (
        lambda loss, y, p: softplus(-abs(p)) + (1 - y if p > 0 else y) * abs(p),
        _log_loss_gradient,
        lambda loss, y, p: expit(p) * expit(-p),
    ),
    Hinge: margin(
        _missing,
        lambda loss, z: -mpf(z <= loss.threshold),
        zero,
    ),
    Perceptron: margin(
        lambda loss, z: max(mpf(0), -z), lambda loss, z: -mpf(z <= 0), zero
    ),
    SquaredHinge: margin(
        lambda loss, z: _missing(loss, z) ** 2,
        lambda loss, z: -2 * _missing(loss, z),
        lambda loss, z: mpf(2 * (z < loss.threshold)),
    ),
    SmoothHinge: margin(
        _smooth_hinge(
            lambda gamma, z: 1 - z - gamma / 2,
            lambda gamma, z: (1 - z) ** 2 / (2 * gamma),
        ),
        _smooth_hinge(lambda gamma, z: mpf(-1), lambda gamma, z: (z - 1) / gamma),
        _smooth_hinge(lambda gamma, z: mpf(0), lambda gamma, z: 1 / gamma),
    ),
    ModifiedHuber: margin(
        _modified_huber(lambda z: -4 * z, lambda z: (1 - z) ** 2),
        _modified_huber(lambda z: mpf(-4), lambda z: -2 * (1 - z)),
        _modified_huber(lambda z: mpf(0), lambda z: mpf(2)),
    ),
    Exponential: margin(
        lambda loss, z: mpmath.exp(-z),
        lambda loss, z: -mpmath.exp(-z),
        lambda loss, z: mpmath.exp(-z),
    ),
    Focal: margin(_focal_value, _focal_slope, _sum_of(_focal_bend_terms)),
    GeneralizedCrossEntropy: margin(_gce_value, _gce_slope, _sum_of(_gce_bend_terms)),
    PolyLoss: margin(_poly_value, _poly_slope, _sum_of(_poly_bend_terms)),
    Savage: margin(
        lambda loss, z: expit(-2 * z) ** 2,
        lambda loss, z: -4 * expit(-2 * z) ** 2 * expit(2 * z),
        _sum_of(_savage_bend_terms),
    ),
    Tangent: margin(
        lambda loss, z: _angle(z) ** 2,
        lambda loss, z: 4 * _angle(z) / (1 + z**2),
        lambda loss, z: 8 * (1 - z * _angle(z)) / (1 + z**2) ** 2,
    ),
    Sigmoid: margin(
        lambda loss, z: expit(-z),
        lambda loss, z: -expit(z) * expit(-z),
        lambda loss, z: expit(z) * expit(-z) * mpmath.tanh(z / 2),
    ),
}


# --------------------------------------------- where the last sum itself cancels
def _log_loss_gradient_terms(loss, y, p):
    if abs(p) < 1:
        return [mpmath.tanh(p / 2) / 2, mpf(0.5) - y]
    if p > 0:
        return [1 - y, y * mpmath.exp(-p)]
    return [(1 - y) * mpmath.exp(p), y]


TERMS = {
    # A prediction that hits a target which is not a label.
    LogLoss: (None, _log_loss_gradient_terms, None),
    # An inflection point, which is z = 0 for q = 1.
    GeneralizedCrossEntropy: (None, None, margin_terms(_gce_bend_terms)),
}
