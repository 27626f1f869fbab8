"""Links and inverse links."""

import numpy as np
import pytest

from sklearn_losses.losses import CrossEntropy, LogLoss, ModifiedHuber, Poisson
from sklearn_losses.losses._links import (
    ClippedLink,
    IdentityLink,
    Link,
    LogitLink,
    LogLink,
    SoftmaxLink,
)
from tests.cases import LOSSES, each, raw_predictions

PREDICTIONS = {
    IdentityLink: np.linspace(-5, 5, 11),
    LogLink: np.array([0.0, 1e-300, 1e-3, 1.0, 1e10]),
    LogitLink: np.array([0.0, 1e-300, 1e-9, 0.1, 0.5, 0.9, 1 - 1e-9, 1.0]),
    ClippedLink: np.array([0.0, 1e-9, 0.1, 0.5, 0.9, 1.0]),
    SoftmaxLink: np.array([[0.2, 0.3, 0.5], [1e-9, 0.5, 0.5 - 1e-9], [0.0, 0.4, 0.6]]),
}
links = pytest.mark.parametrize("cls", PREDICTIONS, ids=lambda cls: cls.__name__)


@links
def test_inverse_of_link_is_the_prediction(cls):
    prediction = PREDICTIONS[cls]
    raw = cls().link(prediction)
    assert not np.isnan(raw).any()
    np.testing.assert_allclose(cls().inverse(raw), prediction, rtol=1e-12, atol=1e-16)


@each(LOSSES)
def test_link_of_inverse_is_the_raw_prediction(loss):
    raw = raw_predictions(loss, np.random.default_rng(0), 50)
    np.testing.assert_array_equal(loss.inverse_link(raw), loss.link.inverse(raw))
    if loss.granularity == "row":
        raw -= raw.mean(axis=1, keepdims=True)  # a constant has no effect
    if loss.probabilistic:  # a probability of 1, or almost, has not kept the digits
        raw = raw / 50.0
    again = loss.link.link(loss.inverse_link(raw))
    if loss.granularity == "row":
        again -= again.mean(axis=1, keepdims=True)
        raw -= raw.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(again, raw, rtol=1e-10, atol=1e-15)


@each(LOSSES)
def test_inverse_link_keeps_shape_and_type_and_takes_infinity(loss):
    raw = raw_predictions(loss, np.random.default_rng(0), 5)
    assert loss.inverse_link(raw.tolist()).shape == raw.shape
    assert loss.inverse_link(raw.astype(np.float32)).dtype == np.float32
    if loss.granularity == "point":
        assert not np.isnan(loss.inverse_link([-np.inf, -1e4, 1e4, np.inf])).any()


@pytest.mark.parametrize("loss", [LogLoss(), ModifiedHuber()], ids=repr)
def test_log_probabilities_of_two_classes(loss):
    raw = np.array([-np.inf, -1e4, -1.0, -0.3, 0.0, 1e-9, 0.7, 1.0, 1e4, np.inf])
    both = loss.link.log_probabilities(raw)
    probability = loss.inverse_link(raw)
    np.testing.assert_allclose(np.exp(both[1]), probability, rtol=1e-14)
    np.testing.assert_allclose(np.exp(both[0]), 1 - probability, atol=1e-15)


def test_log_probabilities_keep_the_digits_of_the_unlikely_class():
    both = LogLoss().link.log_probabilities([800.0, -800.0])
    np.testing.assert_array_equal(both, [[-800.0, 0.0], [0.0, -800.0]])
    # P(y = 0) = (1 - raw) / 2, while 1 - P(y = 1) has rounded it.
    raw = 1 - 3 * 2.0**-53
    both = ModifiedHuber().link.log_probabilities([raw, -raw])
    expected = np.log(3 * 2.0**-54)
    assert both[0][0] == pytest.approx(expected, rel=1e-15)
    assert both[1][1] == pytest.approx(expected, rel=1e-15)


def test_log_probabilities_of_classes():
    raw = np.array([[0.0, 1.0, 2.0], [1e4, 0.0, -1e4]])
    log_probability = CrossEntropy().link.log_probabilities(raw)
    np.testing.assert_allclose(
        np.exp(log_probability), CrossEntropy().inverse_link(raw), rtol=1e-14
    )
    np.testing.assert_array_equal(log_probability[1], [0.0, -1e4, -2e4])


def test_raw_predictions_of_certain_classes_are_infinite_and_centred():
    np.testing.assert_array_equal(
        SoftmaxLink().link([0.0, 0.5, 0.5]), [-np.inf, 0.0, 0.0]
    )
    assert LogitLink().link(1.0) == np.inf
    assert LogLink().link(0.0) == -np.inf
    assert Poisson().inverse_link(1e4) == np.inf


@links
def test_equality_hash_and_repr(cls):
    assert cls() == cls()
    assert hash(cls()) == hash(cls())
    assert eval(repr(cls()), {cls.__name__: cls}) == cls()
    assert cls() != Link()


def test_a_link_without_inverse_says_so():
    with pytest.raises(NotImplementedError, match=r"Link\(\) has no unique inverse"):
        Link().link(0.5)
