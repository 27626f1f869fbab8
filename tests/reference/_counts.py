"""Losses of counts and positive targets, with the log link."""

import mpmath
from mpmath import mpf

from sklearn_losses.losses import (
    Gamma,
    InverseGaussian,
    NegativeBinomial,
    Poisson,
    Tweedie,
)


def _integral(b, p):
    """exp(b p) / b, the integral of exp(b p); p where b is 0."""
    return p if b == 0 else mpmath.exp(b * p) / b


def _difference(y, p):
    """exp(p) - y as two terms; no digits are lost where p is small and y near 1."""
    if abs(p) < 0.5:
        return [mpmath.expm1(p), 1 - y]
    return [mpmath.exp(p), -y]


def _tweedie_value(loss, y, p):
    k = mpf(loss.power)
    return _integral(2 - k, p) - y * _integral(1 - k, p)


def _tweedie_gradient(loss, y, p):
    k = mpf(loss.power)
    return mpmath.exp((1 - k) * p) * sum(_difference(y, p))


def _tweedie_curvature(loss, y, p):
    k = mpf(loss.power)
    return (2 - k) * mpmath.exp((2 - k) * p) - (1 - k) * y * mpmath.exp((1 - k) * p)


def _odds(loss, p):
    """d m, the ratio of the two variances that the counts have."""
    return mpf(loss.dispersion) * mpmath.exp(p)


FORMULAS = {
    Poisson: (
        lambda loss, y, p: mpmath.exp(p) - y * p,
        lambda loss, y, p: sum(_difference(y, p)),
        lambda loss, y, p: mpmath.exp(p),
    ),
    Gamma: (
        lambda loss, y, p: p + y * mpmath.exp(-p),
        lambda loss, y, p: mpmath.exp(-p) * sum(_difference(y, p)),
        lambda loss, y, p: y * mpmath.exp(-p),
    ),
    InverseGaussian: (
        lambda loss, y, p: y * mpmath.exp(-2 * p) / 2 - mpmath.exp(-p),
        lambda loss, y, p: mpmath.exp(-2 * p) * sum(_difference(y, p)),
        lambda loss, y, p: 2 * y * mpmath.exp(-2 * p) - mpmath.exp(-p),
    ),
    Tweedie: (_tweedie_value, _tweedie_gradient, _tweedie_curvature),
    NegativeBinomial: (
        lambda loss, y, p: (
            (y + 1 / mpf(loss.dispersion)) * mpmath.log1p(_odds(loss, p)) - y * p
        ),
        lambda loss, y, p: sum(_difference(y, p)) / (1 + _odds(loss, p)),
        lambda loss, y, p: (
            (1 + y * mpf(loss.dispersion)) * mpmath.exp(p) / (1 + _odds(loss, p)) ** 2
        ),
    ),
}


# --------------------------------------------- where the last sum itself cancels
def _gradient_terms(factor):
    """The gradient is exp(p) - y times a factor."""
    return lambda loss, y, p: [factor(loss, p) * term for term in _difference(y, p)]


def _tweedie_value_terms(loss, y, p):
    k = mpf(loss.power)
    return [_integral(2 - k, p), y * _integral(1 - k, p)]


def _tweedie_curvature_terms(loss, y, p):
    k = mpf(loss.power)
    return [(2 - k) * mpmath.exp((2 - k) * p), (1 - k) * y * mpmath.exp((1 - k) * p)]


def _negative_binomial_value_terms(loss, y, p):
    # Where y p is much larger than the sum, the logarithms have been joined before.
    d = mpf(loss.dispersion)
    log = mpmath.log1p(_odds(loss, p))
    apart = [(y + 1 / d) * log, y * p]
    joined = [y * mpmath.log(mpmath.exp(-p) + d), log / d]
    return min(apart, joined, key=lambda terms: max(map(abs, terms)))


TERMS = {
    # Values that cross 0, predictions that hit a target other than 1, and the
    # inflection points of the losses that are not convex.
    Poisson: (
        lambda loss, y, p: [mpmath.exp(p), y * p],
        _gradient_terms(lambda loss, p: 1),
        None,
    ),
    Gamma: (lambda loss, y, p: [p, y * mpmath.exp(-p)], None, None),
    Tweedie: (
        _tweedie_value_terms,
        _gradient_terms(lambda loss, p: mpmath.exp((1 - mpf(loss.power)) * p)),
        _tweedie_curvature_terms,
    ),
    NegativeBinomial: (
        _negative_binomial_value_terms,
        _gradient_terms(lambda loss, p: 1 / (1 + _odds(loss, p))),
        None,
    ),
}
