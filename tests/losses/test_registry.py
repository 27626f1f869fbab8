"""Strings and the losses that they name."""

import pytest

from sklearn_losses.losses import Huber, get_loss, loss_names
from tests.cases import GROUP_LOSSES, LOSSES, each


@each(LOSSES)
def test_a_name_and_parameters_are_the_loss(loss):
    found = get_loss(loss.name, **loss.get_params())
    assert type(found) is type(loss)
    assert repr(found) == repr(loss)
    assert loss.name in loss_names()
    for task in ("regression", "binary", "multiclass"):
        assert (loss.name in loss_names(task)) == (loss.task == task)


def test_loss_names():
    assert set(loss_names()) == {loss.name for loss in LOSSES + GROUP_LOSSES}
    assert len(loss_names()) == len(set(loss_names()))
    assert loss_names("multiclass") == [
        "cross_entropy",
        "multiclass_hinge",
        "multiclass_squared_hinge",
        "sparsemax",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hubber", "There is no loss named 'hubber'. Did you mean 'huber'?"),
        (
            "logloss",
            "There is no loss named 'logloss'. Did you mean 'log_loss' or 'log_cosh' "
            "or 'poly_loss'?",
        ),
        ("mse", f"There is no loss named 'mse'. Known are: {', '.join(loss_names())}."),
        (3, f"There is no loss named 3. Known are: {', '.join(loss_names())}."),
        (Huber(), "There is no loss named Huber(). Did you mean 'huber'?"),
        (["huber"], "There is no loss named ['huber']. Did you mean 'huber'?"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(ValueError) as error:
        get_loss(name)
    assert str(error.value) == message


def test_unknown_parameters():
    with pytest.raises(TypeError, match="delt"):
        get_loss("huber", delt=1.0)


def test_unknown_tasks():
    with pytest.raises(ValueError, match="The 'task' parameter of loss_names"):
        loss_names("classification")
