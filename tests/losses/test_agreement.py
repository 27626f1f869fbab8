"""The same losses elsewhere: in scikit-learn, scipy and statsmodels, and as each other.

Where another package has a loss up to a factor or a term in y alone, the table says so.
"""

import numpy as np
import pytest
from scipy import special, stats
from sklearn import metrics

from sklearn_losses.losses import (
    AbsoluteError,
    AbsolutePercentageError,
    Andrews,
    Barron,
    Cauchy,
    CrossEntropy,
    EpsilonInsensitive,
    Expectile,
    Exponential,
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
    LogLoss,
    ModifiedHuber,
    MulticlassHinge,
    MulticlassSquaredHinge,
    NegativeBinomial,
    Perceptron,
    Poisson,
    PolyLoss,
    PseudoHuber,
    Quantile,
    Savage,
    Sigmoid,
    SmoothHinge,
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
from tests.cases import raw_predictions, shown, soft_targets, targets


# Only tests may look into private modules. If one moves, its tests alone are skipped.
@pytest.fixture
def batch():
    """scikit-learn's losses of arrays."""
    return pytest.importorskip("sklearn._loss.loss")


@pytest.fixture
def sgd():
    """scikit-learn's losses of points, for SGD."""
    return pytest.importorskip("sklearn.linear_model._sgd_fast")


BATCH = [
    (SquaredError(), "HalfSquaredError", {}),
    (AbsoluteError(), "AbsoluteError", {}),
    (Quantile(quantile=0.05), "PinballLoss", dict(quantile=0.05)),
    (Quantile(quantile=0.9), "PinballLoss", dict(quantile=0.9)),
    (Huber(delta=0.7), "HuberLoss", dict(delta=0.7)),
    (Poisson(), "HalfPoissonLoss", {}),
    (LogLoss(), "HalfBinomialLoss", {}),
    (CrossEntropy(), "HalfMultinomialLoss", dict(n_classes=3)),
]


@pytest.mark.parametrize(("loss", "name", "parameters"), BATCH, ids=repr)
def test_batch_losses(batch, loss, name, parameters):
    theirs = getattr(batch, name)(**parameters)
    rng = np.random.default_rng(0)
    y, raw = targets(loss, rng, 500), raw_predictions(loss, rng, 500)
    weight = rng.random(500)
    value, gradient = theirs.loss_gradient(y, raw, weight)
    ours = loss.value_gradient(y, raw, weight)
    np.testing.assert_allclose(ours[0], value, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours[1], gradient, rtol=1e-11, atol=1e-14)
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
def test_sgd_losses_also_at_their_kinks(sgd, loss, name, parameters):
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
    assert AbsolutePercentageError().gradient(2.0, 2.0) == 0.0
    # Crammer and Singer: of equal rivals the first, and nobody at a loss of 0.
    gradient = MulticlassHinge().gradient([1, 1, 0], [[0, 0, 0], [0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(gradient, [[1, -1, 0], [0, 0, 0], [0, 0, 0]])


# ------------------------------------------------------------ scikit-learn's metrics
def sample(loss, n=300):
    rng = np.random.default_rng(0)
    return targets(loss, rng, n), raw_predictions(loss, rng, n, scale=1.5)


def deviance(power):
    """Half a deviance leaves out terms in y alone, and has its minimum at 0."""
    return lambda y, m: metrics.mean_tweedie_deviance(y, m, power=power) / 2


METRICS = [
    (SquaredError(), lambda y, m: metrics.mean_squared_error(y, m) / 2),
    (AbsoluteError(), metrics.mean_absolute_error),
    (Quantile(0.2), lambda y, m: metrics.mean_pinball_loss(y, m, alpha=0.2)),
    (SquaredLogError(), lambda y, m: metrics.mean_squared_log_error(y, m) / 2),
    (
        AbsolutePercentageError(floor=np.finfo(float).eps),
        metrics.mean_absolute_percentage_error,
    ),
    (Poisson(), lambda y, m: metrics.mean_poisson_deviance(y, m) / 2),
    (Gamma(), lambda y, m: metrics.mean_gamma_deviance(y, m) / 2),
    (InverseGaussian(), deviance(3)),
    *[(Tweedie(power=k), deviance(k)) for k in (1, 1.0001, 1.5, 1.9, 2, 2.5, 3)],
]


@pytest.mark.parametrize(("loss", "metric"), METRICS, ids=shown)
def test_metrics(loss, metric):
    y, raw = sample(loss)
    prediction = loss.inverse_link(raw)
    ours = np.mean(loss.value(y, raw) - loss.minimum(y))
    assert ours == pytest.approx(metric(y, prediction), rel=1e-9)


@pytest.mark.parametrize("power", [-1, 0])
def test_deviances_of_any_y(power):
    # scikit-learn has them for y of any sign, and with a mean that is positive.
    y, raw = sample(Tweedie(power=power))
    loss = Tweedie(power=power)
    ours = np.mean(loss.value(y, raw) - loss.minimum(y))
    theirs = deviance(power)(y, np.exp(raw))
    below = np.minimum(y, 0.0)  # where the best mean is 0, and y itself is not allowed
    gap = np.mean(np.abs(below) ** (2 - power)) / 2
    assert ours == pytest.approx(theirs - (gap if power == 0 else 0.0), rel=1e-9)


def test_hinge_loss_of_crammer_and_singer():
    y, raw = sample(MulticlassHinge())
    expected = metrics.hinge_loss(y, raw, labels=[0, 1, 2])
    assert MulticlassHinge()(y, raw) == pytest.approx(expected, rel=1e-14)
    binary, margin = sample(Hinge())
    expected = metrics.hinge_loss(binary, margin)
    assert Hinge()(binary, margin) == pytest.approx(expected, rel=1e-14)


def test_log_loss_of_probabilities():
    for loss in (LogLoss(), CrossEntropy()):
        y, raw = sample(loss)
        y = np.round(y)
        expected = metrics.log_loss(y, loss.inverse_link(raw))
        assert loss(y, raw) == pytest.approx(expected, rel=1e-12)


# -------------------------------------------------------------- scipy's distributions
def nbinom(dispersion):
    def density(y, m):
        return stats.nbinom.logpmf(y, 1 / dispersion, 1 / (1 + dispersion * m))

    return density


# Each log-density of y, given the prediction m on the scale of y.
DENSITIES = [
    (Poisson(), lambda y, m: stats.poisson.logpmf(y, m)),
    (Gamma(), lambda y, m: stats.gamma.logpdf(y, 1.0, scale=m)),
    (InverseGaussian(), lambda y, m: stats.invgauss.logpdf(y, m)),
    *[(NegativeBinomial(dispersion=d), nbinom(d)) for d in (0.1, 1.0, 10.0)],
    (LogLoss(), lambda y, m: stats.bernoulli.logpmf(y, m)),
    (SquaredError(), lambda y, m: stats.norm.logpdf(y, m)),
    (AbsoluteError(), lambda y, m: stats.laplace.logpdf(y, m)),
    (LogCosh(), lambda y, m: stats.hypsecant.logpdf(y, m)),
    (StudentT(), lambda y, m: stats.t.logpdf(y, 4.0, m)),
    (StudentT(df=1.5, scale=2.0), lambda y, m: stats.t.logpdf(y, 1.5, m, 2.0)),
    (Cauchy(scale=3.0), lambda y, m: 4.5 * stats.cauchy.logpdf(y, m, 3.0)),
]


@pytest.mark.parametrize(("loss", "log_density"), DENSITIES, ids=shown)
def test_negative_log_likelihoods_up_to_terms_in_y(loss, log_density):
    y, raw = sample(loss)
    if loss.domain.low == 0:
        y = np.maximum(np.ceil(y), 0 if loss.domain.contains(0.0) else 1)
    if loss.domain.high == 1:
        y = np.round(y)
    other = raw[::-1]
    theirs = log_density(y, loss.inverse_link(other))
    theirs = theirs - log_density(y, loss.inverse_link(raw))
    ours = loss.value(y, raw) - loss.value(y, other)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


def test_special_functions():
    y, raw = sample(SquaredError())
    r = raw - y
    for delta in (0.3, 2.0):
        expected = special.huber(delta, r)
        np.testing.assert_allclose(Huber(delta=delta).value(y, raw), expected)
        expected = special.pseudo_huber(delta, r)
        np.testing.assert_allclose(
            PseudoHuber(delta=delta).value(y, raw), expected, rtol=1e-12
        )
    for a in (-0.5, 2.0):
        expected = (np.exp(a * r) - a * r - 1) / a**2
        np.testing.assert_allclose(Linex(a=a).value(y, raw), expected, rtol=1e-9)


# -------------------------------------------------------------- statsmodels' norms
NORMS = [
    (SquaredError(), "LeastSquares", ()),
    (Huber(delta=1.345), "HuberT", (1.345,)),
    (TukeyBiweight(), "TukeyBiweight", (4.685,)),
    (TukeyBiweight(scale=2.0), "TukeyBiweight", (2.0,)),
    (Andrews(), "AndrewWave", (1.339,)),
    (Andrews(scale=0.8), "AndrewWave", (0.8,)),
    (Hampel(), "Hampel", (2.0, 4.0, 8.0)),
    (Hampel(a=0.5, b=1.0, c=3.0), "Hampel", (0.5, 1.0, 3.0)),
]


@pytest.mark.parametrize(("loss", "name", "parameters"), NORMS, ids=repr)
def test_robust_norms(loss, name, parameters):
    norms = pytest.importorskip("statsmodels.robust.norms")
    theirs = getattr(norms, name)(*parameters)
    r = np.linspace(-12, 12, 1009)
    for ours, function in (
        (loss.value, theirs.rho),
        (loss.gradient, theirs.psi),
        (loss.curvature, theirs.psi_deriv),
    ):
        np.testing.assert_allclose(ours(0.0, r), function(r), rtol=1e-10, atol=1e-13)


# ------------------------------------------------------------- one loss as another
def assert_same(loss, other, factor=1.0, rtol=1e-12):
    """loss is factor times other: values up to a term in y, and both derivatives."""
    y, raw = sample(loss, n=500)
    if loss.task == "binary":
        y = np.round(y)
    for output in ("value", "gradient", "curvature"):
        ours, theirs = getattr(loss, output)(y, raw), getattr(other, output)(y, raw)
        scale = np.abs(theirs).max() * 1e-3
        np.testing.assert_allclose(
            ours, factor * theirs, rtol=rtol, atol=factor * scale * rtol, err_msg=output
        )


C = 1.7
SAME = [
    (Quantile(), AbsoluteError(), 0.5),
    (Expectile(), SquaredError(), 1.0),
    (SmoothQuantile(delta=C), Huber(delta=C), 0.5 / C),
    (SmoothQuantile(delta=C, quantile=0.5), Huber(delta=C), 0.5 / C),
    (EpsilonInsensitive(epsilon=0), AbsoluteError(), 1.0),
    (SquaredEpsilonInsensitive(epsilon=0), SquaredError(), 2.0),
    # Barron 2019, section 1.
    (Barron(alpha=2, scale=C), SquaredError(), C**-2),
    (Barron(alpha=1, scale=C), PseudoHuber(delta=C), C**-2),
    (Barron(alpha=0, scale=C), Cauchy(scale=np.sqrt(2) * C), C**-2),
    (Barron(alpha=-2, scale=C), GemanMcClure(scale=2 * C), C**-2),
    (Barron(alpha=-np.inf, scale=C), Welsch(scale=np.sqrt(2) * C), C**-2),
    (StudentT(df=1, scale=C), Cauchy(scale=C), 2 / C**2),
    (Hampel(a=C, b=1e6, c=1e7), Huber(delta=C), 1.0),
    (Tweedie(power=1), Poisson(), 1.0),
    (Tweedie(power=2), Gamma(), 1.0),
    (Tweedie(power=3), InverseGaussian(), 1.0),
    (Perceptron(), Hinge(threshold=0), 1.0),
    (SmoothHinge(gamma=2), ModifiedHuber(), 0.25),
    (Focal(gamma=0), LogLoss(), 1.0),
    (PolyLoss(epsilon=0), LogLoss(), 1.0),
    (GeneralizedCrossEntropy(q=1), Sigmoid(), 1.0),
]


@pytest.mark.parametrize(("loss", "other", "factor"), SAME, ids=repr)
def test_identities(loss, other, factor):
    assert_same(loss, other, factor)


# Parameters close to a limit: losses as close to that of the limit.
NEARLY = [
    *[(Barron(alpha=a, scale=C), Barron(alpha=0, scale=C)) for a in (-1e-9, 1e-9)],
    *[(Barron(alpha=2 + h, scale=C), Barron(alpha=2, scale=C)) for h in (-1e-9, 1e-9)],
    (Barron(alpha=-1e9, scale=C), Barron(alpha=-np.inf, scale=C)),
    (NegativeBinomial(dispersion=1e-9), Poisson()),
    (GeneralizedCrossEntropy(q=1e-9), LogLoss()),
    (Focal(gamma=1e-9), LogLoss()),
    (PolyLoss(epsilon=1e-9), LogLoss()),
    (StudentT(df=1e9), SquaredError()),
    (Linex(a=1e-9), SquaredError()),
]


@pytest.mark.parametrize(("loss", "other"), NEARLY, ids=repr)
def test_limits(loss, other):
    assert_same(loss, other, rtol=1e-5)


@pytest.mark.parametrize("limit", [1.0, 2.0])
def test_powers_beside_one_and_two_differ_by_a_term_in_y(limit):
    y, raw = sample(Gamma())
    middle, beside = Tweedie(power=limit), Tweedie(power=limit + 1e-7)
    np.testing.assert_allclose(
        beside.gradient(y, raw), middle.gradient(y, raw), rtol=1e-5, atol=1e-5
    )
    change = [loss.value(y, raw) - loss.value(y, 0 * raw) for loss in (middle, beside)]
    np.testing.assert_allclose(change[1], change[0], rtol=1e-5, atol=1e-4)


def test_binary_losses_of_probabilities():
    y, raw = sample(Savage())
    z = (2 * y - 1) * raw
    p = special.expit(z)
    expected = {
        Focal(gamma=2.0): -((1 - p) ** 2) * np.log(p),
        GeneralizedCrossEntropy(q=0.7): (1 - p**0.7) / 0.7,
        PolyLoss(epsilon=1.0): -np.log(p) + (1 - p),
        Savage(): (1 - special.expit(2 * z)) ** 2,
        Tangent(): (2 * np.arctan(z) - 1) ** 2,
        Sigmoid(): 1 - p,
        Exponential(): np.exp(-z),
    }
    for loss, value in expected.items():
        np.testing.assert_allclose(
            loss.value(y, raw), value, rtol=1e-9, err_msg=repr(loss)
        )


@pytest.mark.parametrize(
    ("rows", "points"),
    [
        (CrossEntropy(), LogLoss()),
        (MulticlassHinge(), Hinge()),
        (MulticlassSquaredHinge(), SquaredHinge()),
        (Sparsemax(), SmoothHinge(gamma=2)),  # Martins and Astudillo, section 3.2
    ],
    ids=repr,
)
def test_two_classes_are_a_margin(rows, points):
    y, raw = sample(Hinge())
    both = np.column_stack([np.zeros(len(raw)), raw])
    np.testing.assert_allclose(
        rows.value(y, both), points.value(y, raw), rtol=1e-12, atol=1e-15
    )
    for output in ("gradient", "curvature"):
        of_rows = getattr(rows, output)(y, both)[:, 1]
        of_points = getattr(points, output)(y, raw)
        np.testing.assert_allclose(of_rows, of_points, rtol=1e-11, atol=1e-15)


def simplex_projection(raw):
    """By sorting; Held, Wolfe and Crowder 1974."""
    ordered = np.sort(raw, axis=1)[:, ::-1]
    thresholds = (np.cumsum(ordered, axis=1) - 1) / np.arange(1, raw.shape[1] + 1)
    size = np.sum(ordered > thresholds, axis=1)
    tau = thresholds[np.arange(len(raw)), size - 1][:, np.newaxis]
    return np.maximum(raw - tau, 0.0), tau


@pytest.mark.parametrize("n_classes", [2, 5, 40])
def test_sparsemax_is_a_projection(n_classes):
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(200, n_classes))
    y = rng.integers(0, n_classes, size=200)
    q, tau = simplex_projection(raw)
    assert np.any(q == 0)
    np.testing.assert_allclose(Sparsemax().inverse_link(raw), q, atol=1e-15)
    one_hot = np.eye(n_classes)[y]
    np.testing.assert_allclose(Sparsemax().gradient(y, raw), q - one_hot, atol=1e-15)
    # The formula of the paper.
    squares = np.where(q > 0, raw**2 - tau**2, 0.0).sum(axis=1) / 2
    expected = squares + 0.5 - raw[np.arange(200), y]
    np.testing.assert_allclose(Sparsemax().value(y, raw), expected, atol=1e-13)
    # And the Fenchel-Young loss max_q (p q - q^2 / 2) + t^2 / 2 - p t of any target t.
    t = soft_targets(rng, 200, n_classes)
    best = (raw * q).sum(axis=1) - (q**2).sum(axis=1) / 2
    expected = best + (t**2).sum(axis=1) / 2 - (raw * t).sum(axis=1)
    np.testing.assert_allclose(Sparsemax().value(t, raw), expected, atol=1e-13)
    np.testing.assert_allclose(Sparsemax().gradient(t, raw), q - t, atol=1e-15)
