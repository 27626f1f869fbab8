"""Losses of several outputs: values by scipy.stats, derivatives by differences."""

import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, gammaln
from sklearn.base import clone

from sklearn_losses.losses import (
    Beta,
    BetaBinomial,
    BinomialTrials,
    Censored,
    CumulativeCauchit,
    CumulativeCloglog,
    CumulativeLogit,
    CumulativeLoglog,
    CumulativeProbit,
    ExponentialAFT,
    GammaDistribution,
    GaussianDistribution,
    Hurdle,
    LaplaceDistribution,
    LogisticDistribution,
    LogLogisticAFT,
    LogNormalAFT,
    NegativeBinomial,
    OrderedBeta,
    Poisson,
    StudentTDistribution,
    WeibullAFT,
    ZeroInflated,
    get_loss,
    loss_names,
)
from tests.cases import each

RNG = np.random.default_rng(0)
REAL = np.array([-3.0, -0.4, 0.7, 5.0])
ABOVE_0 = np.array([1e-3, 0.4, 2.0, 30.0])
COUNTS = np.array([0.0, 1.0, 7.0, 300.0])
TIMES = np.array([[0.4, 0.4], [2.0, np.inf], [0.0, 2.0], [1.0, 1.5], [3.0, 3.0 + 1e-9]])
CLASSES = np.array([0.0, 1.0, 2.0, 3.0])

DISTRIBUTIONS = [
    GaussianDistribution(),
    LogisticDistribution(),
    LaplaceDistribution(),
    StudentTDistribution(),
    StudentTDistribution(df=3.0),
    GammaDistribution(),
]
CENSORED = [
    WeibullAFT(),
    LogNormalAFT(),
    LogLogisticAFT(),
    WeibullAFT(scale=0.5),
    ExponentialAFT(),
    Censored("normal"),
    Censored("extreme_value", log=True),
]
CUMULATIVE = [
    CumulativeLogit(),
    CumulativeProbit(),
    CumulativeCloglog(),
    CumulativeLoglog(),
    CumulativeCauchit(),
]
WITH_ZEROS = [
    Hurdle(),
    Hurdle(NegativeBinomial("mle")),
    ZeroInflated(),
    ZeroInflated(NegativeBinomial("mle")),
    ZeroInflated(NegativeBinomial(0.5)),
]
BOUNDED = [
    Beta(),
    OrderedBeta(),
    OrderedBeta(lower=-1.0, upper=0.5),
    BinomialTrials(),
    BetaBinomial(),
]
OF_COUNTS = [NegativeBinomial("mle"), *WITH_ZEROS]
LOSSES = [*DISTRIBUTIONS, *OF_COUNTS, *BOUNDED, *CENSORED, *CUMULATIVE]


TARGETS = {
    Beta: np.array([1e-6, 0.3, 0.5, 0.999]),
    OrderedBeta: np.array([0.0, 0.2, 0.9, 1.0]),
    BinomialTrials: np.array([[3.0, 1.0], [0.0, 0.0], [0.0, 5.0], [200.0, 1000.0]]),
}
TARGETS[BetaBinomial] = TARGETS[BinomialTrials]


def targets(loss):
    if type(loss) in TARGETS:
        return TARGETS[type(loss)]
    if loss.task == "ordinal":
        return CLASSES
    if loss.y_size == 2:
        return TIMES
    if loss.domain.integer:
        return COUNTS
    return ABOVE_0 if isinstance(loss, GammaDistribution) else REAL


def raw_of(loss, n):
    """Raw outputs that are valid: slopes > 0, and ordered thresholds."""
    if type(loss) in TARGETS:
        return loss.examples(RNG, n)[1]
    if loss.task == "ordinal":
        r = RNG.normal(size=(n, 1)) * 3
        return np.hstack([r, np.sort(RNG.normal(size=(n, 3)) * 2, axis=1)])
    raw = RNG.normal(size=(n, len(loss.outputs)))
    if loss.y_size == 2:
        raw[:, 1:] = np.exp(raw[:, 1:])
    return raw


@each(LOSSES)
def test_derivatives_are_those_of_the_value(loss):
    y = np.repeat(targets(loss), 5, axis=0)
    raw, eps = raw_of(loss, len(y)), 1e-5
    gradient, hessian = loss.gradient(y, raw), loss.hessian(y, raw)
    np.testing.assert_allclose(
        np.diagonal(hessian, axis1=1, axis2=2), loss.curvature(y, raw)
    )
    size = 1.0 + np.abs(loss.value(y, raw)) + np.abs(hessian).max(axis=(1, 2))
    for k, shift in enumerate(eps * np.eye(raw.shape[1])):
        along = (loss.value(y, raw + shift) - loss.value(y, raw - shift)) / (2 * eps)
        assert np.all(np.abs(along - gradient[:, k]) < 1e-6 * size)
        bend = loss.gradient(y, raw + shift) - loss.gradient(y, raw - shift)
        assert np.all(np.abs(bend.T / (2 * eps) - hessian[:, k].T) < 1e-6 * size)


@each(DISTRIBUTIONS)
def test_the_value_is_minus_the_log_density(loss):
    y = np.repeat(targets(loss), 5)
    raw = raw_of(loss, len(y))
    density = loss.frozen(**loss.values_of(raw)).logpdf(y)
    np.testing.assert_allclose(loss.value(y, raw), -density, rtol=1e-10)


def test_the_negative_binomial_down_to_the_limit_of_poisson():
    y = np.repeat(COUNTS, 5)
    loss, raw = NegativeBinomial("mle"), raw_of(NegativeBinomial("mle"), 20) + 1.0
    density = loss.frozen(**loss.values_of(raw)).logpmf(y)
    expected = -density - gammaln(y + 1)
    np.testing.assert_allclose(loss.value(y, raw), expected, rtol=1e-10)
    raw[:, 1] = -40.0
    np.testing.assert_allclose(
        loss.value(y, raw), Poisson().value(y, raw[:, 0]), rtol=1e-12
    )
    np.testing.assert_array_equal(
        NegativeBinomial(0).value(y, raw[:, 0]), Poisson().value(y, raw[:, 0])
    )


@each(WITH_ZEROS)
def test_counts_with_zeros_are_a_distribution(loss):
    raw = raw_of(loss, 20)
    frozen = loss.frozen(**loss.values_of(raw))
    y = np.repeat(COUNTS, 5)
    expected = -frozen.logpmf(y) - gammaln(y + 1)
    np.testing.assert_allclose(loss.value(y, raw), expected, rtol=1e-10)
    counts = np.arange(20_000.0)[:, None]
    pmf = frozen.pmf(counts)
    np.testing.assert_allclose(pmf.sum(axis=0), 1.0, rtol=1e-9)
    np.testing.assert_allclose(frozen.mean(), (counts * pmf).sum(axis=0), rtol=1e-7)
    np.testing.assert_allclose(loss.inverse_link(raw), frozen.mean(), rtol=1e-9)
    np.testing.assert_allclose(frozen.cdf(3), pmf[:4].sum(axis=0), rtol=1e-9)
    for q in (0.05, 0.5, 0.95):
        k = frozen.ppf(q)
        assert np.all((frozen.cdf(k) >= q) & ((k == 0) | (frozen.cdf(k - 1) < q)))


def test_bounded_targets_have_a_distribution():
    for loss in (Beta(), OrderedBeta()):
        y, raw = loss.examples(np.random.default_rng(0), 40)
        frozen = loss.frozen(**loss.values_of(raw))
        np.testing.assert_allclose(loss.value(y, raw), -frozen.logpdf(y), rtol=1e-9)
        np.testing.assert_allclose(loss.inverse_link(raw), frozen.mean(), rtol=1e-12)
        levels = (np.arange(1000) + 0.5)[:, None] / 1000
        sample = frozen.ppf(levels)
        np.testing.assert_allclose(sample.mean(axis=0), frozen.mean(), atol=2e-3)
        np.testing.assert_allclose(sample.std(axis=0), frozen.std(), atol=5e-3)
        middle = (levels > frozen.cdf(0.0) + 1e-6) & (levels < frozen.cdf(1.0 - 1e-12))
        np.testing.assert_allclose((frozen.cdf(sample) - levels)[middle], 0, atol=1e-6)
    y, raw = BetaBinomial().examples(np.random.default_rng(0), 40)
    m, f = expit(raw[:, 0]), np.exp(raw[:, 1])
    k, n = y[:, 0], y.sum(axis=1)
    chosen = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    expected = -stats.betabinom.logpmf(k, n, m * f, (1 - m) * f) + chosen
    np.testing.assert_allclose(BetaBinomial().value(y, raw), expected, atol=1e-11)
    expected = -stats.binom.logpmf(k, n, m) + chosen
    binomial = BinomialTrials().value(y, raw[:, :1])
    np.testing.assert_allclose(binomial, expected, atol=1e-11)
    raw[:, 1] = 40.0  # the limit
    np.testing.assert_allclose(BetaBinomial().value(y, raw), binomial, rtol=1e-13)


def require_digits(function, at, found):
    """Values and derivatives are those of mpmath."""
    mpmath = pytest.importorskip("mpmath")
    size = len(at)
    with mpmath.workdps(60):
        exact = [mpmath.mpf(x) for x in at]
        value = float(function(*exact))
        np.testing.assert_allclose(found[0], value, rtol=1e-12, atol=1e-13)
        for i in range(size):
            n = tuple(int(i == k) for k in range(size))
            slope = float(mpmath.diff(function, exact, n))
            np.testing.assert_allclose(found[1][i], slope, rtol=1e-9, atol=1e-12)
            for j in range(size):
                n = tuple((i == k) + (j == k) for k in range(size))
                bend = float(mpmath.diff(function, exact, n))
                np.testing.assert_allclose(found[2][i, j], bend, 1e-7, 1e-11)


def of_one(loss, y, raw):
    y, raw = [y], [raw]
    return loss.value(y, raw)[0], loss.gradient(y, raw)[0], loss.hessian(y, raw)[0]


@pytest.mark.parametrize("raw", [(0.3, 0.7), (-30.0, 2.0), (2.0, 16.0), (-1.0, -9.0)])
def test_bounded_targets_keep_their_digits(raw):
    mpmath = pytest.importorskip("mpmath")

    def beta(r, log_f, y):
        m, f = 1 / (1 + mpmath.exp(-r)), mpmath.exp(log_f)
        a, b = m * f, (1 - m) * f
        found = mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(f)
        return found - (a - 1) * mpmath.log(y) - (b - 1) * mpmath.log(1 - y)

    def trials(r, log_f, k, n):
        m, f = 1 / (1 + mpmath.exp(-r)), mpmath.exp(log_f)
        found = sum(mpmath.log(f + j) for j in range(k + n))
        found -= sum(mpmath.log(m * f + j) for j in range(k))
        return found - sum(mpmath.log((1 - m) * f + j) for j in range(n))

    for y in (0.25, 1e-9, float(expit(raw[0])) * (1 - 1e-4)):
        require_digits(
            lambda *a, y=y: beta(*a, mpmath.mpf(y)), raw, of_one(Beta(), y, raw)
        )
    for y in ([3.0, 1.0], [0.0, 2.0], [150.0, 90.0]):
        k = [int(count) for count in y]
        require_digits(
            lambda *a, k=k: trials(*a, *k), raw, of_one(BetaBinomial(), y, raw)
        )


@each([Hurdle(NegativeBinomial("mle")), ZeroInflated(NegativeBinomial("mle"))])
@pytest.mark.parametrize("raw", [(-25.0, 0.3, 1.0), (-3.0, -30.0, -20.0), (6.0, 2, 3)])
def test_derivatives_keep_their_digits(loss, raw):
    mpmath = pytest.importorskip("mpmath")
    exp, log = mpmath.exp, mpmath.log

    def value(r, u, log_d, y):
        d, m = exp(log_d), exp(r)
        count = (y + 1 / d) * mpmath.log1p(d * m) - y * r
        count -= sum(mpmath.log1p(d * j) for j in range(y))
        of_zero, p = (1 + d * m) ** (-1 / d), 1 / (1 + exp(-u))
        if isinstance(loss, Hurdle):
            return -log(p) if y == 0 else count + log(1 - of_zero) - log(1 - p)
        return -log(p + (1 - p) * of_zero) if y == 0 else count - log(1 - p)

    for y in (0, 1, 3):
        require_digits(lambda *a, y=y: value(*a, y), raw, of_one(loss, y, raw))


@each([x for x in CENSORED if len(x.outputs) == 2])
def test_censored_values_are_probabilities_of_intervals(loss):
    raw = np.tile([0.4, 1.3], (4, 1))
    y = TIMES[:4]
    frozen = loss.frozen(**{k: v[0] for k, v in loss.values_of(raw).items()})
    of = frozen.of_log if loss.is_log else frozen
    low, high = loss.columns(y).T
    exact = low == high
    between = of.cdf(high) - of.cdf(np.where(low > -np.inf, low, -1e300))
    density = np.where(exact, of.pdf(np.where(exact, low, 0.0)), between)
    np.testing.assert_allclose(loss.value(y, raw), -np.log(density), rtol=1e-12)


def test_a_narrow_interval_and_far_ends_keep_their_digits():
    logit = CumulativeLogit()
    raw = np.array([[800.0, 0.0, 1e-14], [-800.0, 0.0, 1e-14], [0.0, -1e-14, 0.0]])
    expected = [800.0 - np.log(1e-14)] * 2 + [np.log(4.0) - np.log(1e-14)]
    np.testing.assert_allclose(logit.value([1, 1, 1], raw), expected, rtol=1e-14)
    np.testing.assert_allclose(
        logit.gradient([1, 1, 1], raw)[:, 0], [1.0, -1.0, 0.0], atol=1e-12
    )
    normal = LogNormalAFT(scale=1.0)
    t = np.exp(-36.0)
    found = normal.value([[0.0, t], [t, np.inf]], [[2.0], [-74.0]])
    np.testing.assert_allclose(found, -stats.norm.logcdf([-38.0, -38.0]), rtol=1e-13)


@each([x for x in LOSSES if x.convex])
def test_convex_losses_are(loss):
    y = np.repeat(targets(loss), 25, axis=0)
    a, b = raw_of(loss, len(y)), raw_of(loss, len(y))
    middle = loss.value(y, 0.5 * (a + b))
    ends = 0.5 * (loss.value(y, a) + loss.value(y, b))
    assert np.all(middle <= ends * (1 + 1e-9) + 1e-9)


@each(CUMULATIVE)
def test_probabilities_of_ordered_classes(loss):
    raw = raw_of(loss, 50)
    probability = loss.inverse_link(raw)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
    for k in range(4):
        value = loss.value(np.full(50, k), raw)
        np.testing.assert_allclose(np.exp(-value), probability[:, k], rtol=1e-8)


@each([*DISTRIBUTIONS, *CENSORED, *OF_COUNTS, Beta(), OrderedBeta(), *BOUNDED[-2:]])
def test_the_best_constant_is_stationary(loss):
    y = targets(loss)[:4]
    if loss in CENSORED:
        y = np.array([[1.0, 1.0], [2.0, 4.0], [3.0, np.inf], [0.5, 0.5], [0.7, 0.7]])
    if loss in OF_COUNTS:
        y = np.array([0.0, 1.0, 7.0, 12.0])
    if loss.differentiable and "df" not in loss.outputs:
        raw = np.tile(loss.optimal_constant(y), (len(y), 1))
        np.testing.assert_allclose(loss.gradient(y, raw).sum(axis=0), 0.0, atol=1e-7)


@each(LOSSES)
def test_losses_are_cloned_pickled_and_found_by_their_names(loss):
    y, raw = targets(loss), raw_of(loss, len(targets(loss)))
    expected = loss.value(y, raw)
    same = get_loss(loss.name, **loss.get_params(deep=False))
    for copy in (clone(loss), pickle.loads(pickle.dumps(loss)), same):
        assert repr(copy) == repr(loss)
        np.testing.assert_array_equal(copy.value(y, raw), expected)
    assert (loss.name in loss_names("ordinal")) == (loss.task == "ordinal")


def test_a_number_is_no_output():
    y = REAL
    fixed = GaussianDistribution(scale=2.0)
    assert (fixed.granularity, fixed.outputs) == ("point", ("location",))
    raw = np.column_stack([y - 0.3, np.full(4, np.log(2.0))])
    loss = GaussianDistribution()
    np.testing.assert_array_equal(fixed.value(y, raw[:, 0]), loss.value(y, raw))
    np.testing.assert_array_equal(
        fixed.gradient(y, raw[:, 0]), loss.gradient(y, raw)[:, 0]
    )
    np.testing.assert_allclose(fixed.optimal_constant(y), y.mean())


@pytest.mark.parametrize(
    ("loss", "y", "raw", "message"),
    [
        (
            GaussianDistribution(),
            [1.0],
            [[0.0]],
            r"the shape \(n_samples, 2\) in GaussianDistribution, a column for each of "
            r"location, scale\. Got \(1, 1\)",
        ),
        (
            GammaDistribution(),
            [0.0],
            [[0.0, 0.0]],
            r"in \(0.0, inf\): y_true\[0\] is 0",
        ),
        (Beta(), [1.0], [[0.0, 0.0]], r"y_true\[0\] is 1\. Use OrderedBeta\(\)"),
        (
            OrderedBeta(),
            [1.5],
            [[0.0, -1.0, 1.0, 0.0]],
            r"in \[0.0, 1.0\]: y_true\[0\]",
        ),
        (BinomialTrials(), [0.5], [[0.0]], r"shape \(n_samples, 2\)"),
        (
            BetaBinomial(),
            [[0.5, 0.5]],
            [[0.0, 0.0]],
            r"an integer in \[0, inf\): y_true\[0\]",
        ),
        (NegativeBinomial("mle"), [0.5], [[0.0, 0.0]], "y_true.0. is 0.5"),
        (
            WeibullAFT(),
            [[2.0, 1.0]],
            [[0.0, 1.0]],
            r"is \[2, 1\], which is no interval",
        ),
        (WeibullAFT(), [[0.0, np.inf]], [[0.0, 1.0]], "which says nothing"),
        (WeibullAFT(), [[0.0, 0.0]], [[0.0, 1.0]], "a time must be above it"),
        (WeibullAFT(), [0.0], [[0.0, 1.0]], r"y_true\[0\] is 0"),
        (Censored(), [[np.nan, 1.0]], [[0.0, 1.0]], "which is no interval"),
        (CumulativeLogit(), [3], [[0.0, 1.0]], r"in 0..1: y_true\[0\] is 3"),
        (CumulativeLogit(), [0], [[0.0]], r"the shape \(n_samples, n_classes\)"),
    ],
)
def test_bad_targets_and_shapes(loss, y, raw, message):
    with pytest.raises(ValueError, match=message):
        loss.value(y, raw)
