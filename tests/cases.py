"""The losses that property tests run over, and what they should be.

`LOSSES` has one instance for each set of parameters worth testing. `REFERENCE` has the
formulas of the catalogue in mpmath, written without a look at the compiled ones:

>>> import mpmath
>>> value, gradient, curvature = REFERENCE[Huber]
>>> value(Huber(delta=1.0), mpmath.mpf(0), mpmath.mpf(3))
mpf('2.5')

A formula takes the loss, a target and a raw prediction: numbers, or in a loss of rows
lists of the class probabilities and of the raw predictions.
"""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

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

LOSSES = [
    SquaredError(),
    AbsoluteError(),
    Quantile(),
    Quantile(quantile=0.05),
    Quantile(quantile=0.9),
    Huber(),
    Huber(delta=0.1),
    Huber(delta=50),
    EpsilonInsensitive(),
    EpsilonInsensitive(epsilon=0),
    EpsilonInsensitive(epsilon=2.5),
    SquaredEpsilonInsensitive(),
    SquaredEpsilonInsensitive(epsilon=0),
    SquaredEpsilonInsensitive(epsilon=2.5),
    Poisson(),
    LogLoss(),
    Hinge(),
    Hinge(threshold=0.5),
    Hinge(threshold=0),
    Perceptron(),
    SquaredHinge(),
    SquaredHinge(threshold=0.3),
    ModifiedHuber(),
    CrossEntropy(),
    CrossEntropy(label_smoothing=0.1),
    CrossEntropy(label_smoothing=1e-9),
]

POINT_LOSSES = [loss for loss in LOSSES if loss.granularity == "point"]
ROW_LOSSES = [loss for loss in LOSSES if loss.granularity == "row"]
REGRESSION_LOSSES = [loss for loss in LOSSES if loss.task == "regression"]
BINARY_LOSSES = [loss for loss in LOSSES if loss.task == "binary"]
MULTICLASS_LOSSES = [loss for loss in LOSSES if loss.task == "multiclass"]
CLASSIFICATION_LOSSES = BINARY_LOSSES + MULTICLASS_LOSSES


def each(losses, name="loss"):
    """A decorator: run the test for each of the losses, with its repr as id."""
    return pytest.mark.parametrize(name, losses, ids=repr)


# ---------------------------------------------------------------------- inputs
SIZES = np.logspace(-12, 4, 33)
RAW_GRID = np.concatenate([-SIZES[::-1], [0.0], SIZES])

N_CLASSES = 3


def targets(loss, rng, n):
    """n random valid targets, of shape (n,). Those at the ends of the domain occur."""
    if loss.task == "multiclass":
        return rng.integers(0, N_CLASSES, size=n).astype(float)
    if loss.domain.low == 0 and loss.domain.high == 1:
        y = rng.integers(0, 2, size=n).astype(float)
        if not loss.domain.integer:
            soft = rng.random(n) < 0.5
            y[soft] = rng.random(soft.sum())
        return y
    if loss.domain.low == 0:
        return rng.poisson(3.0, size=n) * rng.choice([1.0, 0.37], size=n)
    return np.round(rng.normal(scale=3.0, size=n), 1)


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
    if loss.domain.low == 0 and loss.domain.high == 1:
        ends = [0.0, 1.0]
        return ends if loss.domain.integer else [*ends, 0.5, 0.3, 1e-12, 1 - 1e-12]
    if loss.domain.low == 0:
        return [0.0, 1.0, 1e-12, 1 + 1e-12, 3.7, 1e4]
    return [0.0, 1.0, -1.0, 0.3, 1e-9, 1e4]


def kinks(loss, y):
    """The raw predictions where the loss, its gradient or its curvature breaks."""
    s = 1.0 if y > 0.5 else -1.0
    margins = {
        Hinge: lambda: [loss.threshold],
        SquaredHinge: lambda: [loss.threshold],
        Perceptron: lambda: [0.0],
        ModifiedHuber: lambda: [1.0, -1.0],
    }
    residuals = {
        AbsoluteError: lambda: [0.0],
        Quantile: lambda: [0.0],
        Huber: lambda: [loss.delta, -loss.delta],
        EpsilonInsensitive: lambda: [loss.epsilon, -loss.epsilon],
        SquaredEpsilonInsensitive: lambda: [loss.epsilon, -loss.epsilon],
    }
    if type(loss) in margins:
        return [s * z for z in margins[type(loss)]()]
    if type(loss) in residuals:
        return [y + r for r in residuals[type(loss)]()]
    return []


def near_kink(loss, y, raw, distance):
    """Whether raw is that close to a kink, relative to the numbers involved."""
    return any(
        abs(raw - kink) <= distance * max(abs(raw), abs(kink), abs(y), 1e-300)
        for kink in kinks(loss, y)
    )


# -------------------------------------------------------------------- formulas
def _residual(of_residual):
    """A formula of r = p - y as one of y and p."""
    return lambda loss, y, p: of_residual(loss, p - y)


def _margin(of_margin):
    """A formula of s = 2 y - 1 and z = s p as one of y and p."""
    return lambda loss, y, p: of_margin(loss, 2 * y - 1, (2 * y - 1) * p)


def _nothing(loss, y, p):
    return mpf(0)


def _log_loss_gradient(loss, y, p):
    # expit(p) - y, from the smaller of the two probabilities: with 50 digits
    # 1 / (1 + exp(-p)) - 1 is 0 from p = 115 on, and the truth is exp(-p).
    if p > 0:
        return (1 - y) - mpmath.exp(-p) / (1 + mpmath.exp(-p))
    return mpmath.exp(p) / (1 + mpmath.exp(p)) - y


def _softmax(p):
    top = max(p)
    weights = [mpmath.exp(x - top) for x in p]
    total = mpmath.fsum(weights)
    return [w / total for w in weights]


def _others(p, k):
    """1 - softmax(p)_k as the sum of the other probabilities."""
    return mpmath.fsum(q for j, q in enumerate(_softmax(p)) if j != k)


def class_probabilities(loss, y, n_classes):
    """The row t of the catalogue, for a label or for given probabilities."""
    if np.ndim(y):
        return [mpf(float(t)) for t in y]
    a = mpf(loss.label_smoothing)
    return [(1 - a) * (k == y) + a / n_classes for k in range(n_classes)]


def _cross_entropy_value(loss, t, p):
    # logsumexp(p) - sum_k t_k p_k, where t sums to 1.
    k = p.index(max(p))
    return -mpmath.log1p(-_others(p, k)) + mpmath.fsum(
        t_j * (p[k] - p_j) for t_j, p_j in zip(t, p)
    )


def _cross_entropy_gradient(loss, t, p):
    # softmax(p)_k - t_k, in terms of 1 - softmax(p)_k where that is the small one.
    return [
        (1 - t_k) - _others(p, k) if q_k > 0.5 else q_k - t_k
        for k, (t_k, q_k) in enumerate(zip(t, _softmax(p)))
    ]


def _cross_entropy_curvature(loss, t, p):
    return [q * _others(p, k) for k, q in enumerate(_softmax(p))]


def _by_margin_of_modified_huber(low, middle):
    return _margin(
        lambda loss, s, z: low(s, z) if z < -1 else middle(s, z) if z < 1 else mpf(0)
    )


# Of the two sides of a kink, each formula takes the one that scikit-learn's SGD takes.
REFERENCE = {
    SquaredError: (
        _residual(lambda loss, r: r**2 / 2),
        _residual(lambda loss, r: r),
        _residual(lambda loss, r: mpf(1)),
    ),
    AbsoluteError: (
        _residual(lambda loss, r: abs(r)),
        _residual(lambda loss, r: mpmath.sign(r)),
        _nothing,
    ),
    Quantile: (
        _residual(
            lambda loss, r: (
                mpf(loss.quantile) * -r if r <= 0 else (1 - mpf(loss.quantile)) * r
            )
        ),
        _residual(
            lambda loss, r: (
                -mpf(loss.quantile)
                if r < 0
                else 1 - mpf(loss.quantile)
                if r > 0
                else mpf(0)
            )
        ),
        _nothing,
    ),
    Huber: (
        _residual(
            lambda loss, r: (
                r**2 / 2
                if abs(r) <= loss.delta
                else mpf(loss.delta) * (abs(r) - mpf(loss.delta) / 2)
            )
        ),
        _residual(
            lambda loss, r: r if abs(r) <= loss.delta else loss.delta * mpmath.sign(r)
        ),
        _residual(lambda loss, r: mpf(abs(r) <= loss.delta)),
    ),
    EpsilonInsensitive: (
        _residual(lambda loss, r: max(mpf(0), abs(r) - mpf(loss.epsilon))),
        _residual(lambda loss, r: mpmath.sign(r) if abs(r) > loss.epsilon else mpf(0)),
        _nothing,
    ),
    SquaredEpsilonInsensitive: (
        _residual(lambda loss, r: max(mpf(0), abs(r) - mpf(loss.epsilon)) ** 2),
        _residual(
            lambda loss, r: 2 * mpmath.sign(r) * max(mpf(0), abs(r) - mpf(loss.epsilon))
        ),
        _residual(lambda loss, r: mpf(2 * (abs(r) > loss.epsilon))),
    ),
    Poisson: (
        lambda loss, y, p: mpmath.exp(p) - y * p,
        lambda loss, y, p: mpmath.exp(p) - y,
        lambda loss, y, p: mpmath.exp(p),
    ),
    LogLoss: (
        lambda loss, y, p: (
            mpmath.log1p(mpmath.exp(-abs(p))) + (1 - y if p > 0 else y) * abs(p)
        ),
        _log_loss_gradient,
        lambda loss, y, p: mpmath.exp(-abs(p)) / (1 + mpmath.exp(-abs(p))) ** 2,
    ),
    Hinge: (
        _margin(lambda loss, s, z: max(mpf(0), mpf(loss.threshold) - z)),
        _margin(lambda loss, s, z: -s if z <= loss.threshold else mpf(0)),
        _nothing,
    ),
    Perceptron: (
        _margin(lambda loss, s, z: max(mpf(0), -z)),
        _margin(lambda loss, s, z: -s if z <= 0 else mpf(0)),
        _nothing,
    ),
    SquaredHinge: (
        _margin(lambda loss, s, z: max(mpf(0), mpf(loss.threshold) - z) ** 2),
        _margin(lambda loss, s, z: -2 * s * max(mpf(0), mpf(loss.threshold) - z)),
        _margin(lambda loss, s, z: mpf(2 * (z < loss.threshold))),
    ),
    ModifiedHuber: (
        _by_margin_of_modified_huber(lambda s, z: -4 * z, lambda s, z: (1 - z) ** 2),
        _by_margin_of_modified_huber(
            lambda s, z: -4 * s, lambda s, z: -2 * s * (1 - z)
        ),
        _by_margin_of_modified_huber(lambda s, z: mpf(0), lambda s, z: mpf(2)),
    ),
    CrossEntropy: (
        _cross_entropy_value,
        _cross_entropy_gradient,
        _cross_entropy_curvature,
    ),
}


# --------------------------------------------- where the last sum itself cancels
def _log_loss_gradient_terms(loss, y, p):
    if abs(p) < 1:
        return [mpmath.tanh(p / 2) / 2, mpf(0.5) - y]
    if p > 0:
        return [1 - y, y * mpmath.exp(-p)]
    return [(1 - y) * mpmath.exp(p), y]


def _cross_entropy_gradient_terms(loss, t, p):
    # e_k (1 - t_k) - t_k (Z - e_k), or the form for probabilities that are all close.
    if max(p) - min(p) >= 0.5:
        return [
            [t_k * _others(p, k), (1 - t_k) * q_k]
            for k, (t_k, q_k) in enumerate(zip(t, _softmax(p)))
        ]
    x = [mpmath.expm1(p_k - max(p)) for p_k in p]
    total = mpmath.fsum(x)
    z = len(p) + total
    return [
        [(1 - len(p) * t_k) / z, x_k / z, t_k * total / z] for t_k, x_k in zip(t, x)
    ]


# A result that is a difference of nearly equal terms cannot be more exact than the
# terms are. These are the terms of the final sum for (value, gradient), where there is
# such a sum: an error is then measured relative to the largest of them. All these
# zeros are coincidences: a Poisson loss that crosses 0, and a prediction that hits a
# target which is neither the label 0 or 1 nor the count 1 nor the uniform distribution.
TERMS = {
    Poisson: (
        lambda loss, y, p: [mpmath.exp(p), y * p],
        lambda loss, y, p: (
            [mpmath.expm1(p), 1 - y] if abs(p) < 0.5 else [mpmath.exp(p), y]
        ),
    ),
    LogLoss: (None, _log_loss_gradient_terms),
    CrossEntropy: (None, _cross_entropy_gradient_terms),
}
