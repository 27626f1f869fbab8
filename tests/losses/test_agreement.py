"""The same losses in scikit-learn, where it has them."""

import numpy as np
import pytest

from sklearn_losses.losses import (
    AbsoluteError,
    CrossEntropy,
    EpsilonInsensitive,
    Hinge,
    Huber,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
)
from tests.cases import raw_predictions, targets

# Only tests may look into private modules, and they can do without.
batch = pytest.importorskip("sklearn._loss.loss")
sgd = pytest.importorskip("sklearn.linear_model._sgd_fast")

BATCH = [
    (SquaredError(), batch.HalfSquaredError(), 1.0),
    (AbsoluteError(), batch.AbsoluteError(), 1.0),
    (Quantile(quantile=0.05), batch.PinballLoss(quantile=0.05), 1.0),
    (Quantile(quantile=0.9), batch.PinballLoss(quantile=0.9), 1.0),
    (Huber(delta=0.7), batch.HuberLoss(delta=0.7), 1.0),
    (Poisson(), batch.HalfPoissonLoss(), 1.0),
    (LogLoss(), batch.HalfBinomialLoss(), 1.0),
    (CrossEntropy(), batch.HalfMultinomialLoss(n_classes=3), 1.0),
]


@pytest.mark.parametrize(("loss", "theirs", "factor"), BATCH, ids=repr)
def test_batch_losses(loss, theirs, factor):
    rng = np.random.default_rng(0)
    y, raw = targets(loss, rng, 500), raw_predictions(loss, rng, 500)
    weight = rng.random(500)
    value, gradient = theirs.loss_gradient(y, raw, weight)
    ours = loss.value_gradient(y, raw, weight)
    np.testing.assert_allclose(ours[0], factor * value, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours[1], factor * gradient, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(
        loss.inverse_link(raw),
        theirs.predict_proba(raw)
        if loss.granularity == "row"
        else theirs.link.inverse(raw),
        rtol=1e-14,
    )
    if loss.name != "huber":  # theirs is one step from the median
        constant = theirs.fit_intercept_only(y, weight)
        tolerance = 1e-9 if loss.differentiable else 0.05
        np.testing.assert_allclose(
            loss.optimal_constant(y, weight), constant, rtol=tolerance, atol=tolerance
        )


SGD = [
    (Hinge(), "Hinge", (1.0,)),
    (Hinge(threshold=0.5), "Hinge", (0.5,)),
    (Perceptron(), "Hinge", (0.0,)),
    (SquaredHinge(), "SquaredHinge", (1.0,)),
    (SquaredHinge(threshold=0.5), "SquaredHinge", (0.5,)),
    (ModifiedHuber(), "ModifiedHuber", ()),
    (EpsilonInsensitive(epsilon=0.5), "EpsilonInsensitive", (0.5,)),
    (SquaredEpsilonInsensitive(epsilon=0.5), "SquaredEpsilonInsensitive", (0.5,)),
]


@pytest.mark.parametrize(("loss", "name", "parameters"), SGD, ids=repr)
def test_sgd_losses_also_at_their_kinks(loss, name, parameters):
    theirs = getattr(sgd, name)(*parameters)
    raw = np.concatenate(
        [np.linspace(-3, 3, 25), np.random.default_rng(0).normal(size=50)]
    )
    for y in (0.0, 1.0):
        signed = 2 * y - 1 if loss.task == "binary" else y
        for p in raw:
            assert loss.value(y, p) == pytest.approx(
                theirs.py_loss(p, signed), rel=1e-13
            )
            assert loss.gradient(y, p) == pytest.approx(
                theirs.py_dloss(p, signed), rel=1e-13
            )


def test_subgradients_at_kinks():
    # The conventions of scikit-learn's SGD, which the test above also meets.
    for threshold in (0.0, 0.5, 1.0):
        assert Hinge(threshold=threshold).gradient(1, threshold) == -1.0
        assert Hinge(threshold=threshold).gradient(0, -threshold) == 1.0
    assert Perceptron().gradient(1, 0.0) == -1.0
    assert Perceptron().gradient(0, 0.0) == 1.0
    for epsilon in (0.0, 0.1, 2.5):
        loss = EpsilonInsensitive(epsilon=epsilon)
        np.testing.assert_array_equal(loss.gradient(0.0, [-epsilon, epsilon]), 0.0)
    assert AbsoluteError().gradient(2.0, 2.0) == 0.0
    assert Quantile(quantile=0.9).gradient(2.0, 2.0) == 0.0
