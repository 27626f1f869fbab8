"""A glance at a loss of somebody else's: what is wrong is seen, and nothing else."""

import numpy as np
import pytest

from sklearn_losses.losses import (
    Asymmetric,
    Huber,
    LogLoss,
    NumpyLoss,
    Poisson,
    PseudoHuber,
    SquaredError,
)
from sklearn_losses.losses._base import PointLoss
from sklearn_losses.losses._contradictions import refuse_contradictions
from tests.cases import LOSSES, each, targets

SIZES = [(1e-6, 0.0), (1.0, 0.0), (1.0, 1e4), (1e6, 1.0), (1e12, 0.0)]


def in_python(loss, factor=lambda slopes: slopes, **traits):
    """The loss as functions of Python, with another gradient."""
    return NumpyLoss(
        loss.value,
        lambda y, raw: factor(loss.gradient(y, raw)),
        task=loss.task,
        link=loss.link,
        domain=loss.domain,
        **traits,
    )


def many_targets(loss):
    """Targets of all sizes, offsets included."""
    y = targets(loss, np.random.default_rng(0), 100)
    if loss.task != "regression":
        return [y]
    every = (size * y + offset for size, offset in SIZES)
    return [some[loss.domain.contains(some)] for some in every]


@each(LOSSES)
def test_no_false_alarms(loss):
    """Kinks, jumps of the gradient, huge values and flat losses do not contradict."""
    right = in_python(loss, minimum=loss.minimum)
    for y in many_targets(loss):
        if len(y):
            refuse_contradictions(right, y, 3)


@pytest.mark.parametrize(
    "factor",
    [np.negative, lambda slopes: 2.0 * slopes, lambda slopes: 0.5 * slopes, np.abs],
    ids=["sign", "twice", "half", "one_side"],
)
@pytest.mark.parametrize(
    "loss", [SquaredError(), PseudoHuber(), Huber(0.01), Poisson(), LogLoss()], ids=repr
)
def test_a_wrong_gradient_is_refused(loss, factor):
    for y in many_targets(loss):
        with pytest.raises(ValueError, match=r"The gradient of NumpyLoss.*check_loss"):
            refuse_contradictions(in_python(loss, factor), y, 1)


def test_a_wrong_gradient_inside_of_another_loss():
    wrong = in_python(Huber(), np.negative)
    for loss in (SquaredError() + wrong, 2 * wrong, Asymmetric(wrong, under=3.0)):
        with pytest.raises(ValueError, match="The gradient of NumpyLoss"):
            refuse_contradictions(loss, np.arange(9.0), 1)


def pseudo_huber(y, raw, c):
    r = (raw - y) / c
    return c * c * (np.sqrt(1 + r * r) - 1)


def pseudo_huber_slope(y, raw, c):
    r = (raw - y) / c
    return c * r / np.sqrt(1 + r * r)


def linex(y, raw, c):
    return c * c * (np.exp((raw - y) / c) - (raw - y) / c - 1)


def linex_slope(y, raw, c):
    return c * np.expm1((raw - y) / c)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e7, 1e8, 1e9, 1e12])
@pytest.mark.parametrize(
    "functions",
    [(pseudo_huber, pseudo_huber_slope), (linex, linex_slope)],
    ids=["pseudo_huber", "linex"],
)
def test_terms_that_cancel_say_nothing_near_a_target(functions, unit):
    y = unit * np.random.default_rng(0).normal(size=200)
    refuse_contradictions(NumpyLoss(*functions, convex=True, c=unit, minimum=0.0), y, 1)
    wrong = NumpyLoss(functions[0], functions[0], convex=True, c=unit)
    with pytest.raises(ValueError, match="The gradient of NumpyLoss"):
        refuse_contradictions(wrong, y, 1)


class Foreign(PointLoss):
    """As a loss that another package has compiled."""

    def compiled(self):
        return NumpyLoss(lambda y, raw: (raw - y) ** 2 - 1, self.slope).compiled()

    @staticmethod
    def slope(y, raw):
        return 2 * (raw - y)


class Swapped(Foreign):
    @staticmethod
    def slope(y, raw):
        return 2 * (y - raw)


def test_losses_of_other_packages():
    with pytest.raises(ValueError, match="The gradient of Swapped is not that of its"):
        refuse_contradictions(Swapped(), np.arange(9.0), 1)
    with pytest.raises(ValueError, match=r"below its minimum, 0, .*Override _minimum"):
        refuse_contradictions(Foreign(), np.arange(9.0), 1)


def test_a_value_below_the_declared_minimum():
    def shifted(y, raw):
        return Huber().value(y, raw) - 3.0

    for minimum, is_wrong in ((0.0, True), (-3.0, False), (None, False)):
        loss = NumpyLoss(shifted, Huber().gradient, minimum=minimum)
        if not is_wrong:
            refuse_contradictions(loss, np.arange(9.0), 1)
            continue
        with pytest.raises(ValueError, match=r"below its minimum, 0.*Use minimum=None"):
            refuse_contradictions(loss, np.arange(9.0), 1)


def test_where_a_loss_cannot_be_evaluated_nothing_is_said():
    def narrow(y, raw):
        if np.any(raw < 0):
            raise ZeroDivisionError
        return raw

    refuse_contradictions(NumpyLoss(narrow, narrow), np.arange(9.0), 1)
