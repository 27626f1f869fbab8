"""Regression losses with the identity link."""

import mpmath
from mpmath import mpf

from sklearn_losses.losses import (
    AbsoluteError,
    AbsolutePercentageError,
    EpsilonInsensitive,
    Expectile,
    Huber,
    Linex,
    LogCosh,
    PseudoHuber,
    Quantile,
    SmoothL1,
    SmoothQuantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredLogError,
)
from tests.reference._forms import exp_rest, residual, zero


def _side(share, r):
    """The weight q of a prediction that is too low, 1 - q of one that is too high."""
    return mpf(share) if r <= 0 else 1 - mpf(share)


def _beyond(loss, r):
    """How far r is outside of the tube."""
    return max(mpf(0), abs(r) - mpf(loss.epsilon))


def _clip(r, limit):
    return max(-mpf(limit), min(mpf(limit), r))


def _huber(r, delta):
    return r**2 / 2 if abs(r) <= delta else mpf(delta) * (abs(r) - mpf(delta) / 2)


def _kink(loss):
    return mpf(loss.delta) * mpf(loss.scale)


def _root(loss, r):
    return mpmath.sqrt(1 + (r / _kink(loss)) ** 2)


def _log_cosh(loss, r):
    if abs(r) < 1:
        return mpmath.log1p(mpmath.sinh(r) ** 2) / 2
    return abs(r) + mpmath.log1p(mpmath.exp(-2 * abs(r))) - mpmath.log(2)


def _percentage(of_residual):
    return lambda loss, y, p: of_residual(p - y) / max(abs(y), mpf(loss.floor))


FORMULAS = {
    SquaredError: residual(
        lambda loss, r: r**2 / 2, lambda loss, r: r, lambda loss, r: mpf(1)
    ),
    AbsoluteError: residual(
        lambda loss, r: abs(r), lambda loss, r: mpmath.sign(r), zero
    ),
    Quantile: residual(
        lambda loss, r: _side(loss.quantile, r) * abs(r),
        lambda loss, r: _side(loss.quantile, r) * mpmath.sign(r),
        zero,
    ),
    SmoothQuantile: residual(
        lambda loss, r: _side(loss.quantile, r) * _huber(r, _kink(loss)) / _kink(loss),
        lambda loss, r: _side(loss.quantile, r) * _clip(r / _kink(loss), 1),
        lambda loss, r: (
            _side(loss.quantile, r) / _kink(loss) if abs(r) <= _kink(loss) else mpf(0)
        ),
    ),
    Expectile: residual(
        lambda loss, r: _side(loss.expectile, r) * r**2,
        lambda loss, r: 2 * _side(loss.expectile, r) * r,
        lambda loss, r: 2 * _side(loss.expectile, r),
    ),
    Huber: residual(
        lambda loss, r: _huber(r, _kink(loss)),
        lambda loss, r: _clip(r, _kink(loss)),
        lambda loss, r: mpf(abs(r) <= _kink(loss)),
    ),
    SmoothL1: residual(
        lambda loss, r: _huber(r, mpf(loss.beta)) / mpf(loss.beta),
        lambda loss, r: _clip(r, mpf(loss.beta)) / mpf(loss.beta),
        lambda loss, r: mpf(abs(r) <= loss.beta) / mpf(loss.beta),
    ),
    PseudoHuber: residual(
        lambda loss, r: r**2 / (_root(loss, r) + 1),
        lambda loss, r: r / _root(loss, r),
        lambda loss, r: _root(loss, r) ** -3,
    ),
    LogCosh: residual(
        _log_cosh,
        lambda loss, r: mpmath.tanh(r),
        lambda loss, r: mpmath.sech(r) ** 2,
    ),
    EpsilonInsensitive: residual(
        _beyond,
        lambda loss, r: mpmath.sign(r) if abs(r) > loss.epsilon else mpf(0),
        zero,
    ),
    SquaredEpsilonInsensitive: residual(
        lambda loss, r: _beyond(loss, r) ** 2,
        lambda loss, r: 2 * mpmath.sign(r) * _beyond(loss, r),
        lambda loss, r: mpf(2 * (abs(r) > loss.epsilon)),
    ),
    Linex: residual(
        lambda loss, r: exp_rest(mpf(loss.a) * r) / mpf(loss.a) ** 2,
        lambda loss, r: mpmath.expm1(mpf(loss.a) * r) / mpf(loss.a),
        lambda loss, r: mpmath.exp(mpf(loss.a) * r),
    ),
    AbsolutePercentageError: (_percentage(abs), _percentage(mpmath.sign), zero),
    SquaredLogError: (
        lambda loss, y, p: (p - mpmath.log1p(y)) ** 2 / 2,
        lambda loss, y, p: p - mpmath.log1p(y),
        lambda loss, y, p: mpf(1),
    ),
}


def _squared_log_error_value_terms(loss, y, p):
    log_y = mpmath.log1p(y)
    return [(p - log_y) * log_y, log_y**2 * mpf("1e-16")]


TERMS = {
    # A prediction that hits the irrational log1p(y).
    SquaredLogError: (
        _squared_log_error_value_terms,
        lambda loss, y, p: [p, mpmath.log1p(y)],
        None,
    ),
}
