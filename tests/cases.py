"""The losses that property tests run over, and inputs for them.

`LOSSES` has one instance for each set of parameters worth testing, `DEFAULTS` one for
each class. What they should be is in `tests.reference`.
"""

import re

import numpy as np
import pytest

from sklearn_losses.losses import (
    BPR,
    WARP,
    AbsoluteError,
    AbsolutePercentageError,
    Andrews,
    ApproxNDCG,
    Barron,
    Cauchit,
    Cauchy,
    Cloglog,
    CoxPH,
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
    LambdaRank,
    Linex,
    ListNet,
    LogCosh,
    Loglog,
    LogLoss,
    ModifiedHuber,
    MulticlassHinge,
    MulticlassSquaredHinge,
    NegativeBinomial,
    PairwiseExponential,
    PairwiseHinge,
    PairwiseLogistic,
    PairwiseSquaredHinge,
    Perceptron,
    PlackettLuce,
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
    TukeyBiweight,
    Tweedie,
    Welsch,
)

LOSSES = [
    SquaredError(),
    AbsoluteError(),
    Quantile(),
    Quantile(quantile=0.05),
    Quantile(quantile=0.9),
    SmoothQuantile(),
    SmoothQuantile(quantile=0.1, delta=0.3),
    SmoothQuantile(quantile=0.75, delta=40),
    SmoothQuantile(quantile=0.75, delta=2, scale=0.25),
    Expectile(),
    Expectile(expectile=0.1),
    Expectile(expectile=0.99),
    Huber(),
    Huber(delta=0.1),
    Huber(delta=50),
    Huber(delta=2, scale=3),
    SmoothL1(),
    SmoothL1(beta=0.3),
    PseudoHuber(),
    PseudoHuber(delta=0.05),
    PseudoHuber(delta=30),
    PseudoHuber(delta=0.5, scale=4),
    LogCosh(),
    EpsilonInsensitive(),
    EpsilonInsensitive(epsilon=0),
    EpsilonInsensitive(epsilon=2.5),
    SquaredEpsilonInsensitive(),
    SquaredEpsilonInsensitive(epsilon=0),
    SquaredEpsilonInsensitive(epsilon=2.5),
    Linex(),
    Linex(a=-0.5),
    Linex(a=10),
    AbsolutePercentageError(),
    AbsolutePercentageError(floor=0.5),
    SquaredLogError(),
    Fair(),
    Fair(scale=0.1),
    Cauchy(),
    Cauchy(scale=0.15),
    StudentT(),
    StudentT(df=1, scale=2.5),
    StudentT(df=1e6, scale=0.3),
    GemanMcClure(),
    GemanMcClure(scale=7),
    Welsch(),
    Welsch(scale=0.4),
    TukeyBiweight(),
    TukeyBiweight(scale=0.7),
    Andrews(),
    Andrews(scale=6),
    Hampel(),
    Hampel(a=0.8, b=0.8, c=3.5),
    Hampel(a=2, b=2.2, c=2.7),
    Hampel(a=1, b=2, c=3, scale=1.75),
    # All that others in this table are, and the losses right beside those.
    Barron(alpha=-np.inf, scale=1.73),
    Barron(alpha=-2),
    Barron(alpha=-1e-9),
    Barron(alpha=0),
    Barron(alpha=1e-9),
    Barron(alpha=0.5, scale=0.2),
    Barron(),
    Barron(alpha=1.5),
    Barron(alpha=2 - 1e-9),
    Barron(alpha=2, scale=3),
    Barron(alpha=2 + 1e-9),
    Barron(alpha=3),
    Poisson(),
    Gamma(),
    InverseGaussian(),
    Tweedie(),
    Tweedie(power=-1),
    Tweedie(power=0),
    Tweedie(power=1),
    Tweedie(power=1.0001),
    Tweedie(power=1.9),
    Tweedie(power=2),
    Tweedie(power=2.5),
    Tweedie(power=3),
    NegativeBinomial(),
    NegativeBinomial(dispersion=1e-8),
    NegativeBinomial(dispersion=10),
    LogLoss(),
    Hinge(),
    Hinge(threshold=0.5),
    Hinge(threshold=0),
    Perceptron(),
    SquaredHinge(),
    SquaredHinge(threshold=0.3),
    SmoothHinge(),
    SmoothHinge(gamma=0.1),
    SmoothHinge(gamma=3),
    ModifiedHuber(),
    Exponential(),
    Focal(),
    Focal(gamma=0),
    Focal(gamma=0.5),
    Focal(gamma=5),
    GeneralizedCrossEntropy(),
    GeneralizedCrossEntropy(q=1e-6),
    GeneralizedCrossEntropy(q=1),
    PolyLoss(),
    PolyLoss(epsilon=-1),
    PolyLoss(epsilon=3),
    Savage(),
    Tangent(),
    Sigmoid(),
    CrossEntropy(),
    CrossEntropy(label_smoothing=0.1),
    CrossEntropy(label_smoothing=1e-9),
    MulticlassHinge(),
    MulticlassSquaredHinge(),
    Sparsemax(),
]

DEFAULTS = [cls() for cls in dict.fromkeys(map(type, LOSSES))]
POINT_LOSSES = [loss for loss in LOSSES if loss.granularity == "point"]
ROW_LOSSES = [loss for loss in LOSSES if loss.granularity == "row"]
REGRESSION_LOSSES = [loss for loss in LOSSES if loss.task == "regression"]
BINARY_LOSSES = [loss for loss in LOSSES if loss.task == "binary"]
MULTICLASS_LOSSES = [loss for loss in LOSSES if loss.task == "multiclass"]
CLASSIFICATION_LOSSES = BINARY_LOSSES + MULTICLASS_LOSSES


def shown(value):
    """A repr that is the same in each process: without addresses of functions."""
    return re.sub(r" at 0x\w+", "", repr(value))


def each(losses, name="loss"):
    """A decorator: run the test for each of the losses, with its repr as id."""
    return pytest.mark.parametrize(name, losses, ids=shown)


def each_class(losses, name="loss"):
    """The same of one loss of each class; those with other parameters are thorough."""
    first = {type(loss): loss for loss in reversed(losses)}
    rest = {id(loss) for loss in losses} - {id(loss) for loss in first.values()}
    cases = [
        pytest.param(loss, marks=pytest.mark.thorough if id(loss) in rest else ())
        for loss in losses
    ]
    return pytest.mark.parametrize(name, cases, ids=shown)


# ---------------------------------------------------------------------- inputs
SIZES = np.logspace(-12, 4, 33)
RAW_GRID = np.concatenate([-SIZES[::-1], [0.0], SIZES])

# Binary losses that are no function of the margin, which have tests of their own.
CURVE_LOSSES = [Probit(), Cloglog(), Loglog(), Cauchit()]

# Losses of groups, which have tests of their own.
GROUP_LOSSES = [
    PairwiseLogistic(),
    PairwiseLogistic(per="pair", pair_weight="gain"),
    PairwiseHinge(),
    PairwiseHinge(pair_weight="difference"),
    PairwiseSquaredHinge(),
    PairwiseSquaredHinge(per="pair", pair_weight="gain"),
    PairwiseExponential(),
    ListNet(),
    ListNet(target="proportional"),
    ListNet(temperature=0.3),
    PlackettLuce(),
    PlackettLuce(ties="efron"),
    PlackettLuce(top_k=2),
    LambdaRank(),
    LambdaRank(k=2, gain="linear"),
    LambdaRank("average_precision"),
    LambdaRank("reciprocal_rank"),
    ApproxNDCG(),
    BPR(),
    WARP(),
    CoxPH(),
    CoxPH(ties="efron"),
]

N_CLASSES = 3


def targets(loss, rng, n):
    """n random valid targets, of shape (n,). Those at the ends of the domain occur."""
    if loss.task == "multiclass":
        return rng.integers(0, N_CLASSES, size=n).astype(float)
    if loss.task == "binary":
        y = rng.integers(0, 2, size=n).astype(float)
        if not loss.domain.integer:
            soft = rng.random(n) < 0.5
            y[soft] = rng.random(soft.sum())
        return y
    if loss.domain.low == 0:
        y = rng.poisson(3.0, size=n) * rng.choice([1.0, 0.37], size=n)
        return y if loss.domain.contains(0.0) else y + 0.25
    if loss.domain.low == -1:
        return np.round(rng.exponential(scale=3.0, size=n), 1) - 0.9
    return np.round(rng.normal(scale=3.0, size=n), 1)


def two_targets(loss):
    """Two different targets that are as simple as the domain allows."""
    return np.array([0.0, 1.0] if loss.domain.contains(0.0) else [1.0, 2.0])


def raw_predictions(loss, rng, n, scale=3.0):
    """n random raw predictions: shape (n,), or (n, N_CLASSES) in a loss of rows."""
    shape = (n, N_CLASSES) if loss.granularity == "row" else (n,)
    return rng.normal(scale=scale, size=shape)


def soft_targets(rng, n, n_classes=N_CLASSES):
    """Rows of probabilities, some of them 0, that sum to 1 without rounding."""
    parts = 2**20  # multiples of 2^-20 are added exactly
    shares = rng.dirichlet(np.full(n_classes, 0.5), size=n)
    return np.array([rng.multinomial(parts, share) for share in shares]) / parts


def edge_targets(loss):
    """Targets of a loss of points where its formulas may lose digits."""
    if loss.task == "binary":
        ends = [0.0, 1.0]
        return ends if loss.domain.integer else [*ends, 0.5, 0.3, 1e-12, 1 - 1e-12]
    if loss.domain.low == 0:
        inside = [1.0, 1e-12, 1 + 1e-12, 3.7, 1e4]
        return [0.0, *inside] if loss.domain.contains(0.0) else inside
    if loss.domain.low == -1:
        return [0.0, 1.0, -1 + 1e-12, -0.3, 1e-9, 1e4]
    return [0.0, 1.0, -1.0, 0.3, 1e-9, 1e4]


def _both_sides(*sizes):
    return [s * u for u in sizes for s in (1, -1)]


# Where z, or r, breaks the loss, its gradient or its curvature.
MARGIN_KINKS = {
    Hinge: lambda loss: [loss.threshold],
    SquaredHinge: lambda loss: [loss.threshold],
    SmoothHinge: lambda loss: [1.0, 1.0 - loss.gamma],
    Perceptron: lambda loss: [0.0],
    ModifiedHuber: lambda loss: [1.0, -1.0],
}
RESIDUAL_KINKS = {
    AbsoluteError: lambda loss: [0.0],
    AbsolutePercentageError: lambda loss: [0.0],
    Quantile: lambda loss: [0.0],
    SmoothQuantile: lambda loss: [0.0, *_both_sides(loss.delta * loss.scale)],
    Expectile: lambda loss: [0.0],
    Huber: lambda loss: _both_sides(loss.delta * loss.scale),
    SmoothL1: lambda loss: _both_sides(loss.beta),
    EpsilonInsensitive: lambda loss: [loss.epsilon, -loss.epsilon],
    SquaredEpsilonInsensitive: lambda loss: [loss.epsilon, -loss.epsilon],
    TukeyBiweight: lambda loss: [loss.scale, -loss.scale],
    Andrews: lambda loss: [np.pi * loss.scale, -np.pi * loss.scale],
    Hampel: lambda loss: _both_sides(
        *(u * loss.scale for u in (loss.a, loss.b, loss.c))
    ),
}


def kinks(loss, y):
    """The raw predictions where the loss, its gradient or its curvature breaks."""
    if type(loss) in MARGIN_KINKS:
        s = 1.0 if y > 0.5 else -1.0
        return [s * z for z in MARGIN_KINKS[type(loss)](loss)]
    if type(loss) in RESIDUAL_KINKS:
        return [y + r for r in RESIDUAL_KINKS[type(loss)](loss)]
    return []


def near_kink(loss, y, raw, distance):
    """Whether raw is that close to a kink, relative to the numbers involved."""
    return any(
        abs(raw - kink) <= distance * max(abs(raw), abs(kink), abs(y), 1e-300)
        for kink in kinks(loss, y)
    )


def near_row_kink(loss, y, raw, distance):
    """The same for one row, with y a label or a row of probabilities."""
    size = distance * (1.0 + np.abs(raw).max())
    if isinstance(loss, Sparsemax):
        ordered = np.sort(raw)[::-1]
        thresholds = (np.cumsum(ordered) - 1.0) / np.arange(1, len(raw) + 1)
        return np.abs(raw - thresholds[ordered > thresholds][-1]).min() <= size
    if isinstance(loss, (MulticlassHinge, MulticlassSquaredHinge)):
        return np.abs(1.0 + np.delete(raw, int(y)) - raw[int(y)]).min() <= size
    return False
