"""Probit, Cloglog, Loglog and Cauchit: formulas in mpmath, links, and fits of GLMs."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from scipy import stats

from sklearn_losses import (
    Cauchit,
    Cloglog,
    CumulativeCauchit,
    CumulativeLoglog,
    CumulativeProbit,
    LinearClassifier,
    Probit,
    SGDClassifier,
    check_loss,
)
from tests.cases import CURVE_LOSSES as LOSSES
from tests.cases import each

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
Y = (X @ [1.0, -0.5, 0.0] + 0.3 + RNG.gumbel(size=400) > 0).astype(int)


def _normal(z):
    """-log Phi(z) and its derivatives."""
    p = mpmath.ncdf(z)
    f = mpmath.npdf(z) / p
    return -mpmath.log(p), -f, f * (f + z)


def _least(z):
    """-log(1 - exp(-e)), e = exp(z), and its derivatives."""
    e = mpmath.exp(z)
    f = e / mpmath.expm1(e)
    rest = -mpmath.expm1(-e)
    value = -mpmath.log(rest) if e < 1 else -mpmath.log1p(-mpmath.exp(-e))
    return value, -f, f * (e / rest - 1)


def _not_least(z):
    e = mpmath.exp(z)
    return e, e, e


def _cauchy(z):
    p = mpmath.atan2(1, -z) / mpmath.pi
    f = 1 / (mpmath.pi * (1 + z**2) * p)
    value = -mpmath.log1p(-mpmath.atan2(1, z) / mpmath.pi) if z > 0 else -mpmath.log(p)
    return value, -f, f * (f + 2 * z / (1 + z**2))


def _of_labels(one, other):
    """Value, gradient and curvature of the losses of the two labels."""

    def of(k):
        def output(loss, y, p):
            parts = [(y, one), (1 - y, other)]
            return mpmath.fsum(share * of(p)[k] for share, of in parts if share)

        return output

    return of(0), of(1), of(2)


def _mirrored(of):
    def at(p):
        value, slope, bend = of(-p)
        return value, -slope, bend

    return at


REFERENCE = {
    "probit": _of_labels(_normal, _mirrored(_normal)),
    "cloglog": _of_labels(_least, _not_least),
    "loglog": _of_labels(_mirrored(_not_least), _mirrored(_least)),
    "cauchit": _of_labels(_cauchy, _mirrored(_cauchy)),
}


@each(LOSSES)
def test_formulas_are_those_of_mpmath(loss):
    outputs = loss.value, loss.gradient, loss.curvature
    with mpmath.workdps(60):
        for y in (0.0, 0.3, 1.0):
            for p in (-30.0, -6.0, -1.0, -0.01, 0.0, 0.2, 2.0, 5.5):
                for output, known in zip(outputs, REFERENCE[loss.name]):
                    expected = float(known(loss, mpf(y), mpf(p)))
                    assert output(y, p) == pytest.approx(expected, rel=2e-9, abs=1e-15)


@each(LOSSES)
def test_the_checks_of_any_loss(loss):
    check_loss(loss)
    for p in (-1e300, -np.inf, 1e300, np.inf):
        for output in (loss.value, loss.gradient, loss.curvature):
            assert not np.isnan(output([0.0, 1.0], [p, p])).any()


@each(LOSSES)
def test_links_keep_digits_of_both_classes(loss):
    raw = np.array([-5.0, -0.4, 0.0, 1.0, 3.0])
    log_0, log_1 = loss.link.log_probabilities(raw)
    np.testing.assert_allclose(-log_1, loss.value(np.ones(5), raw), rtol=1e-10)
    np.testing.assert_allclose(-log_0, loss.value(np.zeros(5), raw), rtol=1e-10)
    np.testing.assert_allclose(loss.link.link(loss.link.inverse(raw)), raw, rtol=1e-8)


# R: glm(y ~ x1 + x2 + x3, binomial(link)) of statsmodels' GLM on these data.
@pytest.mark.parametrize("loss", ["probit", "cloglog", "loglog", "cauchit"])
def test_fits_are_those_of_statsmodels(loss):
    sm = pytest.importorskip("statsmodels.api")
    links = sm.families.links
    link = dict(
        probit=links.Probit,
        cloglog=links.CLogLog,
        loglog=links.LogLog,
        cauchit=links.Cauchy,
    )
    family = sm.families.Binomial(link[loss]())
    known = sm.GLM(Y, sm.add_constant(X), family=family).fit(tol=1e-13)
    model = LinearClassifier(loss, penalty=None, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(model.coef_[0], known.params[1:], atol=1e-5)
    np.testing.assert_allclose(model.intercept_, known.params[:1], atol=1e-5)
    assert 400 * model.objective_ == pytest.approx(-known.llf, rel=1e-9)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], known.mu, atol=1e-5)


@pytest.mark.parametrize("loss", ["cloglog", "loglog"])
def test_labels_are_the_likelier_ones(loss):
    model = LinearClassifier(loss).fit(X, Y)
    likely = model.predict_proba(X)[:, 1] > 0.5
    np.testing.assert_array_equal(model.predict(X), likely)
    np.testing.assert_array_equal(model.decision_function(X) > 0, likely)
    np.testing.assert_array_equal(model.predict(X, offset=np.zeros(400)), likely)
    of_sgd = SGDClassifier(loss, random_state=0).fit(X, Y)
    likely = of_sgd.predict_proba(X)[:, 1] > 0.5
    np.testing.assert_array_equal(of_sgd.predict(X), likely)


@pytest.mark.parametrize(
    ("binary", "ordinal"),
    [
        (Probit(), CumulativeProbit()),
        (Cloglog(), CumulativeLoglog()),
        (Cauchit(), CumulativeCauchit()),
    ],
    ids=repr,
)
def test_two_ordered_classes_are_the_same(binary, ordinal):
    raw = np.linspace(-3, 3, 9)
    for y in (0.0, 1.0):
        pair = np.column_stack([raw, np.zeros(9)])
        np.testing.assert_allclose(
            ordinal.value(np.full(9, y), pair), binary.value(np.full(9, y), raw)
        )
    p = binary.inverse_link(raw)
    if isinstance(binary, Probit):
        np.testing.assert_allclose(p, stats.norm.cdf(raw))
