"""What formulas are made of: residuals, margins, and functions that keep all digits.

A loss of the residual is three functions of (loss, r), a loss of the margin three of
(loss, z); `residual` and `margin` turn them into value, gradient and curvature of
(loss, y, p):

>>> from mpmath import mpf
>>> value, gradient, curvature = margin(
...     lambda loss, z: z**2, lambda loss, z: 2 * z, lambda loss, z: mpf(2)
... )
>>> gradient(None, mpf(0), mpf(3))
mpf('6.0')

mpmath has exponents of any size, so exp(1e4) is a number like others. What it does not
have is 1 - tiny: small quantities are written as such, never as a difference.
"""

import mpmath
from mpmath import mpf


def zero(loss, *_):
    """The curvature of a loss of points that is piecewise linear."""
    return mpf(0)


def residual(value, slope, bend):
    """A loss of r = p - y."""
    return tuple(
        lambda loss, y, p, of_residual=of_residual: of_residual(loss, p - y)
        for of_residual in (value, slope, bend)
    )


def margin(value, slope, bend):
    """A loss of z = s p with s = 2 y - 1, and its derivatives by z."""
    return (
        lambda loss, y, p: value(loss, (2 * y - 1) * p),
        lambda loss, y, p: (2 * y - 1) * slope(loss, (2 * y - 1) * p),
        lambda loss, y, p: bend(loss, (2 * y - 1) * p),
    )


def margin_terms(of_margin):
    """Terms of a sum as those of (loss, y, p)."""
    return lambda loss, y, p: of_margin(loss, (2 * y - 1) * p)


def residual_terms(of_residual):
    """Terms of a sum as those of (loss, y, p)."""
    return lambda loss, y, p: of_residual(loss, p - y)


def expit(x):
    """1 / (1 + exp(-x)), exact relative to itself on both sides."""
    return 1 / (1 + mpmath.exp(-x))


def softplus(x):
    """log(1 + exp(x))."""
    return mpmath.log1p(mpmath.exp(x))


def exp_rest(x):
    """exp(x) - 1 - x."""
    if abs(x) < 1e-40:
        return x**2 / 2
    with mpmath.workdps(140):
        return mpmath.expm1(x) - x


def log_rest(x):
    """x - log(1 + x)."""
    if abs(x) < 1e-40:
        return x**2 / 2
    with mpmath.workdps(140):
        return x - mpmath.log1p(x)
