"""A scale is a factor of the residuals, or "mad" and then no number yet."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_losses import LossDisplay, check_loss, describe, loss_scorer
from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.losses import (
    AbsoluteError,
    Asymmetric,
    Barron,
    Cauchy,
    Hampel,
    Hinge,
    Huber,
    LabelSmoothing,
    LogLoss,
    PseudoHuber,
    Savage,
    Sigmoid,
    SmoothQuantile,
    SquaredError,
    StudentT,
    Truncated,
    TukeyBiweight,
)
from tests.cases import LOSSES, each

R = np.linspace(-30.0, 30.0, 241)
WITH_SCALE = [cls() for cls in {type(x): 0 for x in LOSSES if hasattr(x, "scale")}]
MAD = [clone(loss).set_params(scale="mad") for loss in WITH_SCALE]
NESTED = [
    Huber() + 0.5 * TukeyBiweight(scale="mad"),
    Truncated(Huber(scale="mad"), 2.0),
    Asymmetric(3 * Cauchy(scale="mad"), under=2.0),
]


@pytest.mark.parametrize(
    ("loss", "power"),
    [(Huber(), 2), (PseudoHuber(), 2), (Hampel(), 2), (SmoothQuantile(0.3), 1)],
    ids=repr,
)
def test_scale_is_a_unit(loss, power):
    """s^2 f(r / s), or s f(r / s) where the loss is in units of y."""
    scaled = clone(loss).set_params(scale=4.0)
    np.testing.assert_allclose(
        scaled.value(0.0, 4.0 * R), 4.0**power * loss.value(0.0, R), rtol=1e-13
    )
    assert scaled.lipschitz == 4.0 ** (power - 1) * loss.lipschitz
    assert scaled.smoothness == 4.0 ** (power - 2) * loss.smoothness


@each([*MAD, *NESTED])
def test_mad_has_no_values(loss):
    assert loss.needs_scale
    y = np.zeros(3)
    uses = [
        loss.compiled,
        loss.checked,
        lambda: loss.value(y, y),
        lambda: loss.gradient(y, y),
        lambda: loss.curvature(y, y),
        lambda: loss.mean(y, y),
        lambda: loss.optimal_constant(y),
        lambda: loss.lipschitz,
        lambda: describe(loss),
        lambda: check_loss(loss),
        lambda: loss_scorer(loss),
        lambda: LossDisplay.from_losses(loss),
    ]
    if loss in MAD and isinstance(loss, (SmoothQuantile, Barron)):
        uses.remove(uses[7])  # of these the slope may not depend on the scale
    for use in uses:
        with pytest.raises(InvalidParameterError, match="scale='mad' is estimated by"):
            use()


@each([*MAD, *NESTED])
def test_mad_is_kept_by_copies(loss):
    for copy in (clone(loss), pickle.loads(pickle.dumps(loss))):
        assert repr(copy) == repr(loss)
        assert copy.needs_scale


@each(MAD)
def test_at_scale_is_the_usual_constant_times_the_scale(loss):
    usual = type(loss)()
    found = loss.at_scale(2.5)
    inner, factor = found.split_weight()
    assert type(inner) is type(loss)
    assert inner.scale == 2.5 * usual.scale
    assert not found.needs_scale
    assert loss.scale == "mad"
    assert found.at_scale(7.0) is found
    # Values are in squared units of y, whatever those of the loss are in.
    np.testing.assert_allclose(
        found.value(0.0, 2.5 * R), 2.5**2 * usual.value(0.0, R), rtol=1e-12
    )
    assert (factor == 1.0) == (loss.value_power == 2)
    assert repr(loss.at_scale(1.0)) == repr(usual)


def test_at_scale_reaches_nested_losses():
    for loss in NESTED:
        found = loss.at_scale(2.0)
        assert loss.needs_scale
        assert not found.needs_scale
        assert np.isfinite(found.value(0.0, R)).all()
    assert NESTED[0].at_scale(2.0).right.scale == 9.37
    assert NESTED[2].at_scale(2.0).loss.loss.scale == 2 * 2.3849
    ramp = Truncated(StudentT(scale="mad"), 2.0).at_scale(3.0)
    assert repr(ramp) == repr(9.0 * Truncated(StudentT(scale=3.0), 2.0))


@each(LOSSES)
def test_relatives_are_convex_and_none_of_a_convex_loss(loss):
    relative = loss.convex_relative()
    assert relative is None or (relative.convex and not loss.convex)
    assert relative is None or relative.task == loss.task


def test_relatives_of_combinations():
    assert isinstance(Truncated(Hinge(), 2.0).convex_relative(), Hinge)
    smoothed = LabelSmoothing(Sigmoid(), 0.2).convex_relative()
    assert isinstance(smoothed.loss, LogLoss)
    assert (Sigmoid() + Savage()).convex_relative() is None
    with_square = (StudentT() + SquaredError()).convex_relative()
    assert isinstance(with_square.right, SquaredError)
    for loss in (Asymmetric(Cauchy(), under=9.0), Truncated(SquaredError(), 2.0)):
        relative = loss.convex_relative()
        assert isinstance(relative.loss, AbsoluteError)
        assert relative.weight == loss.lipschitz
