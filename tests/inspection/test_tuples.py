"""Losses of tuples in check_loss, describe and LossDisplay."""

import numpy as np
import pytest

from sklearn_losses import (
    NCA,
    Contrastive,
    LossDisplay,
    PairLoss,
    SupCon,
    TripletMargin,
    check_loss,
    describe,
    get_loss,
    loss_names,
)

LOSSES = [get_loss(name) for name in loss_names("embedding")]
LOSSES += [
    NCA(log=True),
    SupCon(similarity="distance"),
    TripletMargin(soft=True),
    TripletMargin(squared=False),
]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_they_are_what_they_say(loss):
    assert check_loss(loss).passed
    found = describe(loss)
    x, value, slope = (found.landmarks[k] for k in ("x", "value", "gradient"))
    here = x > 0.5
    assert np.isfinite(value[here]).all()
    assert (np.diff(value[here]) <= 0).all()  # further away, or nearer to its own
    assert (slope[here] <= 0).all()
    assert f"embedding, of {loss.of}" in str(found)


def test_what_is_wrong_is_found():
    class Wrong(PairLoss):
        def _value(self, same, squared_distance):
            return np.sqrt(squared_distance)

        def _gradient(self, same, squared_distance):
            return np.sqrt(squared_distance)

    report = check_loss(Wrong(), on_fail=None)
    assert {result.name for result in report.failures} == {"gradient"}
    Wrong._gradient = lambda self, same, d2: 0.5 / np.sqrt(d2)
    failures = check_loss(Wrong(), on_fail=None).failures
    assert {result.name for result in failures} == {"convex"}


def test_they_are_drawn():
    pytest.importorskip("matplotlib").use("Agg")
    display = LossDisplay.from_losses([Contrastive(), "logistic_pair"], y_true=1)
    assert "squared distance" in display.x_label
    LossDisplay.from_losses(["nca", "triplet_margin", "sup_con"])
    with pytest.raises(ValueError, match="cannot be in one picture"):
        LossDisplay.from_losses(["nca", "contrastive"])
