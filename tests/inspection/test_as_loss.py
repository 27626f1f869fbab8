"""Every tool takes an instance or a name, and refuses the rest in one sentence."""

import numpy as np
import pytest

from sklearn_losses import Huber
from sklearn_losses.inspection import (
    LossDisplay,
    check_loss,
    d2_loss_score,
    describe,
    loss_scorer,
)

Y, RAW = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 4.0])


def d2(loss):
    return d2_loss_score(Y, RAW, loss)


def drawn(loss):
    pytest.importorskip("matplotlib").use("Agg")
    return LossDisplay.from_losses(loss).names


TOOLS = {
    "check_loss": check_loss,
    "describe": describe,
    "loss_scorer": loss_scorer,
    "d2_loss_score": d2,
    "LossDisplay": drawn,
}
each_tool = pytest.mark.parametrize(("name", "tool"), TOOLS.items(), ids=list(TOOLS))


@each_tool
def test_a_name_is_the_loss_of_that_name(name, tool):
    found = [tool("huber"), tool(Huber())]
    if name == "describe":  # which also measures a time
        found = [description.landmarks for description in found]
    assert str(found[0]) == str(found[1])


@each_tool
def test_an_unknown_name_is_refused(name, tool):
    with pytest.raises(ValueError, match="no loss named 'hubert'"):
        tool("hubert")


@each_tool
@pytest.mark.parametrize("what", [Huber, None, 3, Huber().value], ids=repr)
def test_anything_else_is_refused(name, tool, what):
    message = f"{name} needs a loss, such as Huber\\(\\), or the name of one. Got "
    with pytest.raises(TypeError, match=message) as error:
        tool(what)
    assert str(error.value).endswith(": write Huber().") == (what is Huber)
