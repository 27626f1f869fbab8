"""What losses say that they estimate is what their best constants are."""

import numpy as np
import pytest
from scipy.stats import expectile

from sklearn_losses.losses import (
    AbsoluteError,
    Asymmetric,
    CrossEntropy,
    Expectile,
    GaussianDistribution,
    Hinge,
    Huber,
    LabelSmoothing,
    LogLoss,
    MulticlassHinge,
    NumpyLoss,
    Quantile,
    SquaredError,
    Sum,
    Truncated,
    TukeyBiweight,
    get_loss,
    loss_names,
)
from tests.cases import LOSSES, each

Y = np.random.default_rng(0).gamma(2.0, size=999)


def of_sample(what):
    """The mean, a quantile or an expectile of the sample, None of anything else."""
    if what == "mean":
        return Y.mean()
    if what.startswith("about"):
        return None
    if what == "median":
        return np.median(Y)
    number, _, kind = what.partition("-")
    if kind == "quantile":
        return np.quantile(Y, float(number), method="inverted_cdf")
    return expectile(Y, float(number)) if kind == "expectile" else None


MORE = [
    3 * Quantile(0.2),
    Asymmetric(SquaredError(), under=3.0),
    Asymmetric(AbsoluteError(), under=1.0, over=4.0),
    Sum(SquaredError(), AbsoluteError(), right_weight=0.0),
]


@each([loss for loss in [*LOSSES, *MORE] if loss.task == "regression"])
def test_best_constants_are_what_is_estimated(loss):
    expected = of_sample(loss.estimates)
    if expected is None:
        assert len(loss.estimates) > 5
        return
    found = loss.inverse_link(np.array([loss.optimal_constant(Y)]))[0]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "what"),
    [
        (SquaredError(), "mean"),
        (AbsoluteError(), "median"),
        (Quantile(0.9), "0.9-quantile"),
        (Expectile(0.9), "0.9-expectile"),
        (get_loss("poisson"), "mean"),
        (Huber(), "centre, between median and mean"),
        (TukeyBiweight(), "centre of most values, a mode"),
        (Truncated(SquaredError(), 2.0), "centre of most values, a mode"),
        (SquaredError() + Quantile(0.9), "between mean and 0.9-quantile"),
        (LogLoss(), "log-odds"),
        (LogLoss() + Hinge(), "class"),
        (LabelSmoothing(LogLoss()), "class"),
        (CrossEntropy(), "probability"),
        (MulticlassHinge(), "class"),
        (get_loss("cox"), "hazard ratio"),
        (get_loss("list_net"), "order within a group"),
        (GaussianDistribution(), "distribution"),
        (NumpyLoss(np.maximum, np.minimum), "its own minimum"),
    ],
    ids=str,
)
def test_names(loss, what):
    assert loss.estimates == what


@each([get_loss(n) for task in ("binary", "multiclass") for n in loss_names(task)])
def test_proper_losses_estimate_probabilities(loss):
    assert (loss.estimates == "class") == (not loss.proper)
