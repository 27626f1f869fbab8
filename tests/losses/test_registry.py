"""Strings and the losses that they name."""

import numpy as np
import pytest

from sklearn_losses import LinearClassifier, LinearRegressor, SGDRegressor
from sklearn_losses.losses import (
    CFunctionLoss,
    Huber,
    Interval,
    InvalidParameterError,
    LogLoss,
    PointLoss,
    RowLoss,
    get_loss,
    loss_names,
    register_loss,
)
from tests.cases import CURVE_LOSSES, GROUP_LOSSES, LOSSES, each


@each(LOSSES)
def test_a_name_and_parameters_are_the_loss(loss):
    found = get_loss(loss.name, **loss.get_params())
    assert type(found) is type(loss)
    assert repr(found) == repr(loss)
    assert loss.name in loss_names()
    for task in ("regression", "binary", "multiclass"):
        assert (loss.name in loss_names(task)) == (loss.task == task)


def test_loss_names():
    assert set(loss_names()) == {
        loss.name for loss in LOSSES + CURVE_LOSSES + GROUP_LOSSES
    }
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
            "There is no loss named 'logloss'. Did you mean 'log_loss' or 'loglog' or "
            "'cloglog'?",
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


# ------------------------------------------------------------------ names of one's own
class Squared(PointLoss):
    """shift + r^2 / 2."""

    smoothness = 1.0
    _constraints = {"shift": [Interval(None, None)]}

    def __init__(self, shift=0.0):
        self.shift = shift

    def _value(self, y_true, raw_prediction):
        return self.shift + 0.5 * (raw_prediction - y_true) ** 2

    def _gradient(self, y_true, raw_prediction):
        return raw_prediction - y_true


class Softmax(RowLoss):
    """The cross-entropy."""

    def _value(self, y_true, raw_prediction):
        chosen = np.take_along_axis(raw_prediction, y_true[:, None], axis=1)
        return np.logaddexp.reduce(raw_prediction, axis=1) - chosen[:, 0]

    def _gradient(self, y_true, raw_prediction):
        share = np.exp(raw_prediction)
        share /= share.sum(axis=1, keepdims=True)
        return share - np.eye(raw_prediction.shape[1])[y_true]


@pytest.mark.usefixtures("registry")
def test_a_name_of_ones_own_is_a_name_like_any_other():
    assert register_loss("squared")(Squared) is Squared
    assert get_loss("squared", shift=1.0).value(0.0, 2.0) == 3.0
    assert loss_names("regression")[-1] == "squared"
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y = X @ [1.0, 2.0] + rng.normal(size=40)
    for estimator in (LinearRegressor, SGDRegressor):
        one, other = (estimator(n).fit(X, y) for n in ("squared", "squared_error"))
        np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-3)
    with pytest.raises(InvalidParameterError, match="cannot use loss='squared'"):
        LinearClassifier("squared").fit(X, y > 0)
    with pytest.raises(InvalidParameterError, match="'shift' parameter of Squared"):
        get_loss("squared", shift="a").value(0.0, 0.0)


@pytest.mark.usefixtures("registry")
def test_rows_of_ones_own():
    register_loss("softmax")(Softmax)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.integers(3, size=60)
    models = [
        LinearClassifier(n, alpha=0.1).fit(X, y) for n in ("softmax", "cross_entropy")
    ]
    np.testing.assert_allclose(models[0].coef_, models[1].coef_, atol=1e-4)


@pytest.mark.usefixtures("registry")
def test_a_built_in_with_other_defaults():
    @register_loss("narrow")
    class Narrow(Huber):
        def __init__(self, delta=0.1, scale=1.0):
            super().__init__(delta, scale)

    assert get_loss("narrow").value(0.0, 3.0) == Huber(0.1).value(0.0, 3.0)
    assert Huber().name == "huber"


@pytest.mark.usefixtures("registry")
def test_a_cell_may_run_twice():
    for shift in (1.0, 2.0):

        @register_loss("again")
        class Again(Squared):
            def __init__(self, shift=shift):
                super().__init__(shift)

    assert get_loss("again").shift == 2.0


class Other(Squared):
    pass


class Open(Squared):
    def __init__(self, shift):
        super().__init__(shift)


class Odd(Squared):
    task = "ranking pairs"


class Bare(PointLoss):
    pass


class Half(PointLoss):
    def _gradient(self, y_true, raw_prediction):
        return raw_prediction


class Deaf(Squared):
    def compiled(self):
        return Huber().compiled()


class Public(PointLoss):
    def value(self, y_true, raw_prediction):
        return raw_prediction


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("name", "cls", "error", "message"),
    [
        ("huber", Squared, ValueError, "a loss named 'huber' already, .*Huber"),
        ("mine", Huber, ValueError, "Huber has the name 'huber' already"),
        ("mine", Squared(), TypeError, "Got Squared.*: not an instance, the class"),
        ("mine", len, TypeError, "a class that derives from PointLoss or RowLoss"),
        ("mine", dict, TypeError, "a class that derives from PointLoss or RowLoss"),
        ("mine", Open, TypeError, "stands for Open.*'shift' has none"),
        ("mine", CFunctionLoss, TypeError, "'value' has none"),
        ("mine", Odd, ValueError, "That of Odd is 'ranking pairs'"),
        ("mine", Bare, NotImplementedError, "Bare has no formulas. Write _value"),
        ("mine", Half, TypeError, "Half has formulas, but none called _value"),
        ("mine", Deaf, TypeError, r"Deaf has formulas .* compiled\(\) does not call"),
        ("mine", Public, TypeError, r"Public overrides value\(\) .* in numpy _value"),
    ],
)
def test_what_no_name_can_stand_for(name, cls, error, message):
    before = loss_names(), getattr(cls, "name", None)
    with pytest.raises(error, match=message):
        register_loss(name)(cls)
    assert (loss_names(), getattr(cls, "name", None)) == before


@pytest.mark.parametrize("name", [Squared, None, 3, "", "two words", LogLoss()])
def test_what_no_name_is(name):
    with pytest.raises(TypeError, match="register_loss needs a name of letters"):
        register_loss(name)


def test_a_name_stands_for_a_public_class():
    for name in loss_names():
        assert type(get_loss(name)).__name__[0] != "_", name
