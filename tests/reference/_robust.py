"""Robust regression losses, of x = r / scale."""

import mpmath
from mpmath import mpf

from sklearn_losses.losses import (
    Andrews,
    Barron,
    Cauchy,
    Fair,
    GemanMcClure,
    Hampel,
    StudentT,
    TukeyBiweight,
    Welsch,
)
from tests.reference._forms import log_rest, residual, residual_terms


def _scaled(value, slope, bend):
    """A loss c^2 f(r / c), from f, f' and f''."""
    return residual(
        lambda loss, r: mpf(loss.scale) ** 2 * value(r / mpf(loss.scale)),
        lambda loss, r: mpf(loss.scale) * slope(r / mpf(loss.scale)),
        lambda loss, r: bend(r / mpf(loss.scale)),
    )


def _inside(limit, function, outside=0):
    return lambda x: function(x) if abs(x) <= limit() else mpf(outside)


def _one():
    return mpf(1)


def _pi():
    return +mpmath.pi


# ------------------------------------------------------------------ Student's t
def _student(loss):
    """df and the squared width df c^2."""
    return mpf(loss.df), mpf(loss.df) * mpf(loss.scale) ** 2


def _student_value(loss, r):
    df, width = _student(loss)
    return (df + 1) / 2 * mpmath.log1p(r**2 / width)


def _student_slope(loss, r):
    df, width = _student(loss)
    return (df + 1) * r / (width + r**2)


def _student_bend(loss, r):
    df, width = _student(loss)
    return (df + 1) * (width - r**2) / (width + r**2) ** 2


# ----------------------------------------------------------------------- Hampel
def _hampel(loss, r):
    """a, b and c in units of y, and the size of r."""
    return *(mpf(loss.scale) * mpf(k) for k in (loss.a, loss.b, loss.c)), abs(r)


def _hampel_value(loss, r):
    a, b, c, u = _hampel(loss, r)
    if u <= a:
        return u**2 / 2
    if u <= b:
        return a * u - a**2 / 2
    far = ((c - u) / (c - b)) ** 2 if u <= c else mpf(0)
    return a * (b - a / 2) + a * (c - b) / 2 * (1 - far)


def _hampel_slope(loss, r):
    a, b, c, u = _hampel(loss, r)
    falling = max(mpf(0), a * (c - u) / (c - b))
    return mpmath.sign(r) * (u if u <= a else a if u <= b else falling)


def _hampel_bend(loss, r):
    a, b, c, u = _hampel(loss, r)
    return (
        mpf(1) if u <= a else -a / (c - b) if b < u <= c else mpf(0)
    )  # either side will do at a kink


# ----------------------------------------------------------------------- Barron
def _barron_value(loss, r):
    x2 = (r / mpf(loss.scale)) ** 2
    alpha = mpf(loss.alpha)
    if alpha == 2:
        return x2 / 2
    if alpha == 0:
        return mpmath.log1p(x2 / 2)
    if alpha == -mpmath.inf:
        return -mpmath.expm1(-x2 / 2)
    b = abs(alpha - 2)
    return b / alpha * mpmath.expm1(alpha / 2 * mpmath.log1p(x2 / b))


def _barron_factor(loss, x2, power):
    """(x^2 / |alpha - 2| + 1)^(alpha / 2 - power), also in the limits."""
    alpha = mpf(loss.alpha)
    if alpha == 2:
        return mpf(power == 1)
    if alpha == -mpmath.inf:
        return mpmath.exp(-x2 / 2)
    return mpmath.exp((alpha / 2 - power) * mpmath.log1p(x2 / abs(alpha - 2)))


def _barron_slope(loss, r):
    c2 = mpf(loss.scale) ** 2
    return r / c2 * _barron_factor(loss, r**2 / c2, 1)


def _barron_bend(loss, r):
    c2, alpha = mpf(loss.scale) ** 2, mpf(loss.alpha)
    x2 = r**2 / c2
    if alpha == 2:
        return 1 / c2
    # (1 + (alpha - 1) x^2 / b) u^(alpha / 2 - 2), where u - x^2 / b = 1.
    share = -1 if alpha == -mpmath.inf else (alpha - 1) / abs(alpha - 2)
    return (1 + share * x2) * _barron_factor(loss, x2, 2) / c2


FORMULAS = {
    Fair: _scaled(
        lambda x: log_rest(abs(x)),
        lambda x: x / (1 + abs(x)),
        lambda x: (1 + abs(x)) ** -2,
    ),
    Cauchy: _scaled(
        lambda x: mpmath.log1p(x**2) / 2,
        lambda x: x / (1 + x**2),
        lambda x: (1 - x**2) / (1 + x**2) ** 2,
    ),
    StudentT: residual(_student_value, _student_slope, _student_bend),
    GemanMcClure: _scaled(
        lambda x: x**2 / 2 / (1 + x**2),
        lambda x: x / (1 + x**2) ** 2,
        lambda x: (1 - 3 * x**2) / (1 + x**2) ** 3,
    ),
    Welsch: _scaled(
        lambda x: -mpmath.expm1(-(x**2)) / 2,
        lambda x: x * mpmath.exp(-(x**2)),
        lambda x: (1 - 2 * x**2) * mpmath.exp(-(x**2)),
    ),
    TukeyBiweight: _scaled(
        _inside(_one, lambda x: x**2 * (3 - 3 * x**2 + x**4) / 6, mpf(1) / 6),
        _inside(_one, lambda x: x * (1 - x**2) ** 2),
        _inside(_one, lambda x: (1 - x**2) * (1 - 5 * x**2)),
    ),
    Andrews: _scaled(
        _inside(_pi, lambda x: 2 * mpmath.sin(x / 2) ** 2, 2),
        _inside(_pi, mpmath.sin),
        _inside(_pi, mpmath.cos),
    ),
    Hampel: residual(_hampel_value, _hampel_slope, _hampel_bend),
    Barron: residual(_barron_value, _barron_slope, _barron_bend),
}


# --------------------------------------------- where the last sum itself cancels
def _student_bend_terms(loss, r):
    df, width = _student(loss)
    return [(df + 1) * term / (width + r**2) ** 2 for term in (width, r**2)]


TERMS = {
    # An inflection point, which is r = 2 for the default.
    StudentT: (None, None, residual_terms(_student_bend_terms)),
}
