"""Distribution functions F, whose values are the probabilities of classes.

>>> from sklearn_losses.losses._curves import CURVES
>>> CURVES["minimum"].inverse(0.5).round(4)  # log(log(2))
np.float64(-0.3665)
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit, log_ndtr, logit, ndtr, ndtri


class Curve(NamedTuple):
    """A distribution function and its relatives, without loss of digits in the tails.

    Attributes
    ----------
    below, above : callable
        F and 1 - F.
    inverse : callable
        Of F.
    log_below, log_above : callable
    """

    below: Callable
    above: Callable
    inverse: Callable
    log_below: Callable
    log_above: Callable


def mirrored(curve):
    """That of minus the variable."""
    return Curve(
        lambda z: curve.above(-np.asarray(z)),
        lambda z: curve.below(-np.asarray(z)),
        lambda q: -curve.inverse(1.0 - q),
        lambda z: curve.log_above(-np.asarray(z)),
        lambda z: curve.log_below(-np.asarray(z)),
    )


def _minimum(z):
    with np.errstate(over="ignore"):
        return -np.expm1(-np.exp(z))


def _log_minimum(z):
    """log(1 - exp(-e)), e = exp(z), which is z far below and -exp(-e) far above."""
    with np.errstate(over="ignore", divide="ignore"):
        e = np.exp(z)
        near = np.log(-np.expm1(-np.where(e < 0.7, e, 1.0)))
        found = np.where(e < 0.7, near, np.log1p(-np.exp(-e)))
    return np.where(np.asarray(z) < -700.0, z, found)


def _no_minimum(z):
    with np.errstate(over="ignore"):
        return np.exp(-np.exp(z))


def _log_no_minimum(z):
    with np.errstate(over="ignore"):
        return -np.exp(z)


def _cauchy(z):
    return np.arctan2(1.0, -np.asarray(z)) / np.pi


MINIMUM = Curve(
    _minimum,
    _no_minimum,
    lambda q: np.log(-np.log1p(-q)),
    _log_minimum,
    _log_no_minimum,
)

CURVES = {
    "logistic": Curve(
        expit,
        lambda z: expit(-np.asarray(z)),
        logit,
        log_expit,
        lambda z: log_expit(-np.asarray(z)),
    ),
    "normal": Curve(
        ndtr,
        lambda z: ndtr(-np.asarray(z)),
        ndtri,
        log_ndtr,
        lambda z: log_ndtr(-np.asarray(z)),
    ),
    "minimum": MINIMUM,
    "maximum": mirrored(MINIMUM)._replace(inverse=lambda q: -np.log(-np.log(q))),
    "cauchy": Curve(
        _cauchy,
        lambda z: _cauchy(-np.asarray(z)),
        lambda q: np.tan(np.pi * (q - 0.5)),
        lambda z: np.log(_cauchy(z)),
        lambda z: np.log(_cauchy(-np.asarray(z))),
    ),
}
