"""Bands of survival functions, against likelihoods of all that is fitted, and R."""

import numpy as np
import pytest
from scipy import sparse, stats
from statsmodels.tools.numdiff import approx_fprime, approx_hess

from sklearn_losses import (
    CoxPH,
    ExponentialAFT,
    LinearRegressor,
    LinearSurvival,
    LogLogisticAFT,
    LogNormalAFT,
    WeibullAFT,
    standard_errors,
    survival_bands,
    survival_target,
)

GREENWOOD = [
    ([0.66676215, 0.26120705], [0.10486945, 0.33470841]),
    ([0.21790861, 0.0064318956], [0.67094127, 2.5524926]),
]
ROWS, AT = np.array([[0.5, -1.0], [2.0, 1.0]]), np.array([0.5, 2.0, 5.0])


def design(n=80):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2)) * [1.0, 2.0]
    time = np.ceil(3.0 * rng.exponential(np.exp(-X[:, 0])))
    parts = rng.random(n) < 0.7, time, rng.uniform(-1.0, 0.9, size=n) * time
    return X, parts, rng.integers(1, 4, size=n) * 1.0, rng.integers(2, size=n)


def fitted(X, y, loss, *args, **known):
    return LinearSurvival(loss, penalty=None, tol=1e-12).fit(X, y, *args, **known)


def test_coefficients_and_baseline_are_parameters_of_one_likelihood():
    """Breslow's: where each event has a jump of the hazard that is fitted, too."""
    X, (event, time, entry), weight, strata = design()
    y = survival_target(event, time, entry)
    model = fitted(X, y, CoxPH(), weight, strata=strata)
    settings = dict(sample_weight=weight, strata=strata, rows_strata=[0, 1])
    band = survival_bands(model, X, y, ROWS, AT, **settings)
    jumps = [(s, t) for s in (0, 1) for t in np.unique(time[event & (strata == s)])]
    stratum, moment = np.array(jumps).T
    at_risk = (time[:, None] >= moment) & (entry[:, None] < moment)
    at_risk &= strata[:, None] == stratum
    now = event[:, None] & (time[:, None] == moment) & (strata[:, None] == stratum)
    risk = weight * np.exp(X @ model.coef_)
    jump = (weight @ now) / (risk @ at_risk)
    # The information of (coefficients, jumps).
    size = len(jump)
    information = np.zeros((2 + size, 2 + size))
    information[:2, :2] = X.T @ ((risk * (at_risk @ jump))[:, None] * X)
    information[:2, 2:] = X.T @ (risk[:, None] * at_risk)
    information[2:, :2] = information[:2, 2:].T
    information[2:, 2:] = np.diag((weight @ now) / jump**2)
    covariance = np.linalg.inv(information)
    coef = standard_errors(model, X, y, weight, strata=strata).coef
    np.testing.assert_allclose(coef, np.sqrt(np.diag(covariance)[:2]), rtol=1e-8)
    for i, row in enumerate(ROWS):
        for k, t in enumerate(AT):
            until = (stratum == i) & (moment <= t)
            hazard = np.exp(row @ model.coef_) * (jump @ until)
            slopes = np.append(hazard * row, np.exp(row @ model.coef_) * until)
            error = np.sqrt(slopes @ covariance @ slopes)
            assert band.survival[i, k] == pytest.approx(np.exp(-hazard))
            assert band.standard_error[i, k] == pytest.approx(error, rel=1e-7)
            far = stats.norm.ppf(0.975) * error / (hazard or 1.0)
            ends = np.exp(-hazard * np.exp([far, -far]))
            assert [band.lower[i, k], band.upper[i, k]] == pytest.approx(ends)


def test_ties_of_efron_are_those_of_survfit():
    """The loops of R's agsurv, which survfit.coxph calls."""
    X, (event, time, _), weight, _ = design()
    y = survival_target(event, time)
    model = fitted(X, y, CoxPH("efron"), weight)
    band = survival_bands(model, X, y, ROWS, AT, sample_weight=weight)
    risk, row = weight * np.exp(X @ model.coef_), ROWS[0]
    hazard, variance, away = np.zeros(3), np.zeros(3), np.zeros((3, 2))
    for t in np.unique(time[event]):
        at_risk, now = time >= t, event & (time == t)
        d, W = now.sum(), weight[now].sum()
        for j in range(d):
            share = at_risk - now * j / d
            S, mean = risk @ share, (risk * share) @ X / (risk @ share)
            hazard += W / d / S * (t <= AT)
            variance += W / d / S**2 * (t <= AT)
            away += np.outer(t <= AT, W / d / S * (mean - row))
    # The covariance of the coefficients is the sandwich of itself and its inverse.
    h = 1e-5

    def score(coef):
        return X.T @ CoxPH("efron").gradient(y, X @ coef, sample_weight=weight)

    bent = [
        (score(model.coef_ + h * e) - score(model.coef_ - h * e)) for e in np.eye(2)
    ]
    covariance = np.linalg.inv(np.array(bent) / (2 * h))
    variance += np.einsum("tj,jk,tk->t", away, covariance, away)
    expected = np.exp(row @ model.coef_) * np.sqrt(variance)
    np.testing.assert_allclose(band.standard_error[0], expected, rtol=1e-6)


def test_numbers_of_another_package():
    """greenwood 0.8, which is checked against R's std.chaz."""
    X, (event, time, _), _, _ = design()
    y = survival_target(event, time)
    band = survival_bands(fitted(X, y, CoxPH()), X, y, ROWS, AT[1:], coverage=0.9)
    expected = GREENWOOD
    np.testing.assert_allclose(band.survival, [row[0] for row in expected], rtol=1e-6)
    errors = [row[1] for row in expected]
    np.testing.assert_allclose(band.standard_error, errors, rtol=1e-6)


def test_causes_have_hazards_that_are_added():
    X, (event, time, _), _, _ = design()
    cause = event * (1 + (X[:, 1] > 0))
    y = survival_target(cause, time)
    band = survival_bands(fitted(X, y, CoxPH()), X, y, ROWS, AT)
    squares, total = 0.0, 0.0
    errors = standard_errors(fitted(X, y, CoxPH()), X, y)
    assert errors.coef.shape == (2, 2)
    for code in (1, 2):
        own = survival_target(cause == code, time)
        model = fitted(X, own, CoxPH())
        found = survival_bands(model, X, own, ROWS, AT)
        squares, total = (
            squares + found.standard_error**2,
            total - np.log(found.survival),
        )
        np.testing.assert_allclose(
            errors.coef[code - 1], standard_errors(model, X, own).coef
        )
    np.testing.assert_allclose(band.standard_error, np.sqrt(squares))
    np.testing.assert_allclose(band.survival, np.exp(-total))


# ------------------------------------------------------------------------------ times
LOSSES = [WeibullAFT(), LogNormalAFT(), LogLogisticAFT(), ExponentialAFT()]
F = {WeibullAFT: stats.gumbel_l, LogNormalAFT: stats.norm}
F |= {LogLogisticAFT: stats.logistic, ExponentialAFT: stats.gumbel_l}


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("kind", ["plain", "features", "offset"])
def test_times_by_differences_of_the_likelihood(loss, kind):
    if kind == "features" and isinstance(loss, ExponentialAFT):
        pytest.skip("it has no scale")
    X, (event, time, _), weight, _ = design()
    low = time - 0.5 * (np.arange(80) % 2)
    y = survival_target(lower=low, upper=np.where(event, time, np.inf))
    known = np.full(80, 0.3) if kind == "offset" else np.zeros(80)
    offset = {"offset": known} if kind == "offset" else {}
    features = {"scale": [0]} if kind == "features" else None
    model = LinearSurvival(loss, features=features, penalty=None, tol=1e-12)
    model.fit(X, y, weight, **offset)
    law, is_fixed = F[type(loss)], isinstance(loss, ExponentialAFT)

    def z(t, rows, log_time, shift=0.0):
        location = rows @ t[:2] + t[2]
        if kind == "features":  # what is published is location / scale
            return (t[3] + t[4] * rows[:, 0]) * log_time - location
        return (log_time - location - shift) / (1.0 if is_fixed else np.exp(t[3]))

    def value(t):
        a, b = (z(t, X, np.log(end), known) for end in (y["lower"], y["upper"]))
        rate = t[3] + t[4] * X[:, 0] if kind == "features" else np.exp(-t[3:4])
        exact = law.logpdf(a) + np.log(rate if not is_fixed else 1.0)
        is_exact = y["lower"] == y["upper"]
        between = np.log(np.where(is_exact, 1.0, law.sf(a) - law.sf(b)))
        return -weight @ np.where(is_exact, exact, between)

    best = [*model.coef_, *model.intercept_]
    if kind == "features":
        coef, intercept = model.predictors_["scale"]
        best += [intercept, coef[0]]
    elif not is_fixed:
        best.append(np.log(model.loss_.scale))
    covariance = np.linalg.inv(approx_hess(np.array(best), value))
    found = standard_errors(model, X, y, weight, **offset)
    expected = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(found.coef, expected[:2], rtol=1e-5)
    np.testing.assert_allclose(found.intercept, expected[2:3], rtol=1e-5)
    if kind == "features":
        coef, intercept = found.predictors["scale"]
        np.testing.assert_allclose(
            [intercept, coef[0], coef[1]], [*expected[3:], 0.0], rtol=1e-5
        )
    elif not is_fixed:
        assert found.scale == pytest.approx(expected[3] * model.loss_.scale, rel=1e-5)
    more = {"rows_offset": [0.3, 0.3]} if kind == "offset" else {}
    band = survival_bands(model, X, y, ROWS, AT, sample_weight=weight, **offset, **more)
    shift = 0.3 if kind == "offset" else 0.0
    for k, time in enumerate(AT):
        here = z(np.array(best), ROWS, np.log(time), shift)
        slopes = approx_fprime(
            np.array(best), z, args=(ROWS, np.log(time), shift), centered=True
        )
        errors = np.sqrt(np.einsum("ij,jk,ik->i", slopes, covariance, slopes))
        np.testing.assert_allclose(band.survival[:, k], law.sf(here), rtol=1e-7)
        far = stats.norm.ppf(0.975) * errors
        np.testing.assert_allclose(band.lower[:, k], law.sf(here + far), rtol=1e-4)
        np.testing.assert_allclose(band.upper[:, k], law.sf(here - far), rtol=1e-4)
        rate = law.pdf(here) / law.sf(here)
        np.testing.assert_allclose(band.standard_error[:, k], rate * errors, rtol=1e-4)


def test_the_sandwich_of_times():
    X, (event, time, _), weight, _ = design()
    y, twice = (
        survival_target(event, time),
        np.repeat(np.arange(80), weight.astype(int)),
    )
    many = X[twice], y[twice]
    left = fitted(X, y, WeibullAFT(), weight)
    right = fitted(*many, WeibullAFT())
    one = standard_errors(left, X, y, weight, kind="sandwich")
    other = standard_errors(right, *many, clusters=twice)
    np.testing.assert_allclose(one.coef, other.coef, rtol=1e-7)
    assert one.scale == pytest.approx(other.scale, rel=1e-7)
    band = survival_bands(right, *many, ROWS, AT, clusters=twice)
    plain = survival_bands(right, *many, ROWS, AT)
    assert (band.standard_error != plain.standard_error).all()


# ------------------------------------------------------------------------------- odd
@pytest.mark.parametrize("loss", [CoxPH("efron"), LogNormalAFT()], ids=str)
def test_odd_times_rows_and_matrices(loss):
    X, (event, time, _), _, _ = design()
    y = survival_target(event, time)
    model = fitted(X, y, loss)
    rows = np.vstack([ROWS, [[900.0, 0.0], [-900.0, 0.0]]])
    band = survival_bands(model, X, y, rows, [-1.0, 0.0, 1.0, 1e300])
    for each in (band.survival, band.lower, band.upper):
        assert (each[:, :2] == 1.0).all()
    assert np.isfinite(band.lower).all()
    assert (band.lower <= band.survival).all()
    assert (band.survival <= band.upper).all()
    assert not band.standard_error[:, :2].any()
    csr = survival_bands(model, sparse.csr_array(X), y, sparse.csr_array(rows))
    dense = survival_bands(model, X, y, rows)
    np.testing.assert_allclose(csr.lower, dense.lower, rtol=1e-9, atol=1e-12)
    assert dense.times.tolist() == np.unique(time[event]).tolist()


def test_refusals():
    X, (event, time, _), _, strata = design()
    y = survival_target(event, time)
    cox = fitted(X, y, CoxPH())
    for error, message, call in (
        (
            TypeError,
            "needs a LinearSurvival",
            lambda: survival_bands(LinearRegressor().fit(X, time), X, y, ROWS),
        ),
        (
            ValueError,
            "penalty shrinks",
            lambda: survival_bands(LinearSurvival().fit(X, y), X, y, ROWS),
        ),
        (
            ValueError,
            "coverage must be",
            lambda: survival_bands(cox, X, y, ROWS, coverage=95),
        ),
        (
            ValueError,
            "are for accelerated failure",
            lambda: survival_bands(cox, X, y, ROWS, clusters=strata),
        ),
        (
            ValueError,
            "without strata",
            lambda: survival_bands(cox, X, y, ROWS, rows_strata=[0, 0]),
        ),
        (
            ValueError,
            "a combination",
            lambda: standard_errors(
                fitted(X[:, [0, 0]], y, WeibullAFT()), X[:, [0, 0]], y
            ),
        ),
    ):
        with pytest.raises(error, match=message):
            call()
