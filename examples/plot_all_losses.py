"""
The whole catalogue in one picture
==================================

Every loss of one row, its value and its gradient.

The gradient is how hard a sample pulls at its prediction. It tells families apart at a
glance: what outliers do in regression (their pull grows, stays, or fades), what happens
to samples that are right by a wide margin in classification (they are left alone or
not).
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import (
    AbsoluteError,
    AbsolutePercentageError,
    Andrews,
    Asymmetric,
    Barron,
    Cauchit,
    Cauchy,
    Cloglog,
    CrossEntropy,
    EpsilonInsensitive,
    Expectile,
    Exponential,
    Fair,
    Focal,
    Gamma,
    GemanMcClure,
    GeneralizedCrossEntropy,
    Hampel,
    Hinge,
    Huber,
    InverseGaussian,
    Linex,
    LogCosh,
    Loglog,
    LogLoss,
    LossDisplay,
    ModifiedHuber,
    MulticlassHinge,
    MulticlassSquaredHinge,
    NegativeBinomial,
    Perceptron,
    Poisson,
    PolyLoss,
    Probit,
    PseudoHuber,
    Quantile,
    Savage,
    Sigmoid,
    SmoothHinge,
    SmoothL1,
    SmoothQuantile,
    Sparsemax,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
    SquaredLogError,
    StudentT,
    Tangent,
    Truncated,
    TukeyBiweight,
    Tweedie,
    Welsch,
    loss_names,
)

x = np.linspace(-3, 3, 601)
# Titles of the value and of the gradient, raw predictions, the target, the losses.
FAMILIES = [
    (
        "Regression",
        "how much may an outlier pull?",
        x,
        0.0,
        [
            SquaredError(),
            AbsoluteError(),
            Huber(delta=1.0),
            SmoothL1(beta=0.5),
            PseudoHuber(),
            LogCosh(),
            EpsilonInsensitive(epsilon=0.5),
            SquaredEpsilonInsensitive(epsilon=0.5),
        ],
    ),
    (
        "Asymmetric or relative regression",
        "one side costs more, or small targets do",
        x + 2.0,
        2.0,
        [
            Quantile(quantile=0.8),
            SmoothQuantile(quantile=0.8),
            Expectile(expectile=0.8),
            Linex(),
            AbsolutePercentageError(),
        ],
    ),
    (
        "Robust regression",
        "the pull of an outlier is bounded, and mostly fades",
        4 * x,
        0.0,
        [
            Fair(),
            Cauchy(),
            StudentT(),
            GemanMcClure(scale=2.0),
            Welsch(),
            TukeyBiweight(),
            Andrews(),
            Hampel(),
            Barron(alpha=-1.0, scale=1.5),
        ],
    ),
    (
        "Counts and positive targets",
        "raw predictions are logarithms",
        0.7 * x,
        1.0,
        [
            Poisson(),
            Gamma(),
            InverseGaussian(),
            Tweedie(power=1.5),
            NegativeBinomial(),
            SquaredLogError(),
        ],
    ),
    (
        "Binary classification",
        "what is far wrong keeps pulling",
        x,
        1.0,
        [
            LogLoss(),
            Hinge(),
            Perceptron(),
            SquaredHinge(),
            SmoothHinge(),
            ModifiedHuber(),
            Exponential(),
            PolyLoss(),
            Focal(),
        ],
    ),
    (
        "Binary classification, other probabilities",
        "how hard does what is far wrong pull?",
        x,
        1.0,
        [LogLoss(), Probit(), Cloglog(), Loglog(), Cauchit()],
    ),
    (
        "Binary classification, wrong labels",
        "what is far wrong is left alone",
        x,
        1.0,
        [GeneralizedCrossEntropy(), Savage(), Tangent(), Sigmoid()],
    ),
    (
        "Multiclass",
        "three classes, fitted jointly",
        x,
        0.0,
        [
            CrossEntropy(),
            CrossEntropy(label_smoothing=0.3),
            MulticlassHinge(),
            MulticlassSquaredHinge(),
            Sparsemax(),
        ],
    ),
    (
        "Made of others",
        "sums, limits, factors",
        x,
        0.0,
        [
            Huber(delta=1.0) + 0.5 * AbsoluteError(),
            Truncated(SquaredError(), limit=2.0),
            Asymmetric(LogCosh(), under=2.0),
        ],
    ),
]

drawn = {loss.name for *_, losses in FAMILIES for loss in losses}
TASKS = "regression", "binary", "multiclass"  # others have no curve over one number
missing = {name for task in TASKS for name in loss_names(task)} - drawn
assert not missing, missing

_, axes = plt.subplots(9, 2, figsize=(11, 28), layout="constrained")
for pair, (family, motto, raw, y, losses) in zip(axes, FAMILIES):
    LossDisplay.from_losses(
        losses, kind=("value", "gradient"), y_true=y, raw_prediction=raw, ax=pair
    )
    pair[0].set_title(f"{family}: {motto}", loc="left", fontweight="bold")
plt.show()
