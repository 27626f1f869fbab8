"""Scores of ordered classes and quantiles, and the test of parallel lines."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import cohen_kappa_score, mean_absolute_error, mean_pinball_loss
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_losses import (
    AllThreshold,
    CumulativeLogit,
    LinearOrdinalClassifier,
    LinearRegressor,
    Quantiles,
    mean_pinball_score,
    mean_pinball_scorer,
    ordinal_mae_score,
    ordinal_mae_scorer,
    parallel_lines_test,
    quadratic_weighted_kappa_score,
    quadratic_weighted_kappa_scorer,
    ranked_probability_score,
    ranked_probability_scorer,
)

RNG = np.random.default_rng(0)
ORDER = np.array(["poor", "fair", "good"])
X = RNG.normal(size=(300, 3))
LATENT = X @ [1.5, -1.0, 0.0] + RNG.logistic(size=300)
CODES = np.digitize(LATENT, [-1.0, 1.0])
Y = ORDER[CODES]
WEIGHT = RNG.uniform(0.5, 2.0, size=300)
MODEL = LinearOrdinalClassifier(categories=ORDER.tolist()).fit(X, Y)
FOUND = MODEL.predict(X)
PLACE = np.searchsorted([0, 1, 2], [ORDER.tolist().index(label) for label in FOUND])


def test_scores_are_those_of_numbers():
    parts = dict(categories=ORDER, sample_weight=WEIGHT)
    known = mean_absolute_error(CODES, PLACE, sample_weight=WEIGHT)
    assert ordinal_mae_score(Y, FOUND, **parts) == pytest.approx(known)
    known = cohen_kappa_score(CODES, PLACE, weights="quadratic", sample_weight=WEIGHT)
    found = quadratic_weighted_kappa_score(Y, FOUND, **parts)
    assert found == pytest.approx(known)
    sure = np.eye(3)[PLACE]
    known = ordinal_mae_score(Y, FOUND, **parts)
    assert ranked_probability_score(Y, sure, **parts) == pytest.approx(known)


def test_pinball_is_that_of_each_level():
    levels = [0.2, 0.5, 0.9]
    model = LinearRegressor(Quantiles(levels)).fit(X, LATENT)
    bands = model.predict(X)
    known = np.mean(
        [
            mean_pinball_loss(LATENT, band, alpha=q, sample_weight=WEIGHT)
            for q, band in zip(levels, bands.T)
        ]
    )
    found = mean_pinball_score(LATENT, bands, levels=levels, sample_weight=WEIGHT)
    assert found == pytest.approx(known)
    scorer = mean_pinball_scorer(levels)
    assert scorer(model, X, LATENT, sample_weight=WEIGHT) == pytest.approx(-known)


@pytest.mark.parametrize("routing", [False, True])
def test_scorers_know_the_order(routing):
    scorers = {
        "mae": ordinal_mae_scorer(),
        "kappa": quadratic_weighted_kappa_scorer(),
        "rps": ranked_probability_scorer(),
    }
    assert pickle.loads(pickle.dumps(clone(scorers["rps"]))).__name__
    proba = MODEL.predict_proba(X)
    assert scorers["mae"](MODEL, X, Y) == -ordinal_mae_score(Y, FOUND, categories=ORDER)
    known = -ranked_probability_score(Y, proba, categories=ORDER)
    assert scorers["rps"](MODEL, X, Y) == known
    with config_context(enable_metadata_routing=routing):
        found = cross_validate(MODEL, X, Y, scoring=scorers, cv=3)
        assert np.isfinite([found[f"test_{name}"] for name in scorers]).all()
        grid = {"loss": [CumulativeLogit(), AllThreshold()]}
        search = GridSearchCV(MODEL, grid, scoring=ordinal_mae_scorer(), cv=3)
        assert search.fit(X, Y).best_score_ > -1


def test_scores_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="found the label 'bad' in y, which is no"):
        ordinal_mae_score(["poor"], ["bad"], categories=ORDER)
    with pytest.raises(ValueError, match=r"must have the shape .300, 3.: a column for"):
        ranked_probability_score(Y, np.ones((300, 2)), categories=ORDER)
    with pytest.raises(ValueError, match=r"must have the shape .300, 2., a column for"):
        mean_pinball_score(LATENT, LATENT, levels=[0.1, 0.9])


def test_class_weights_are_sample_weights():
    weights = {"poor": 2.0, "fair": 1.0, "good": 0.5}
    own = LinearOrdinalClassifier(categories=ORDER.tolist(), class_weight=weights)
    factors = np.array([weights[label] for label in Y])
    same = clone(own).set_params(class_weight=None).fit(X, Y, sample_weight=factors)
    np.testing.assert_allclose(own.fit(X, Y).coef_, same.coef_, rtol=1e-8)
    np.testing.assert_allclose(own.thresholds_, same.thresholds_, rtol=1e-8)
    own.set_params(class_weight="balanced").fit(X, Y)
    share = own.predict_proba(X) * (len(Y) / (3 * np.bincount(CODES)))[CODES][:, None]
    np.testing.assert_allclose(share.mean(axis=0), 1 / 3, atol=0.02)


# ---------------------------------------------------------------- the test of Brant
def ucla():
    """Applications to graduate school, of the UCLA page on ologit."""
    statsmodels = pytest.importorskip("statsmodels")
    pd = pytest.importorskip("pandas")
    folder = Path(statsmodels.__file__).parent / "miscmodels/tests/results"
    if not (folder / "ologit_ucla.csv").exists():
        pytest.skip("statsmodels came without its tests")
    data = pd.read_csv(folder / "ologit_ucla.csv")
    order = ["unlikely", "somewhat likely", "very likely"]
    y = np.array([order.index(label) for label in data["apply"]])
    return data[["pared", "public", "gpa"]].to_numpy(float), y


def test_parallel_lines_are_those_of_the_package_brant():
    """R: brant(polr(apply ~ pared + public + gpa)), as its page prints them."""
    rows, y = ucla()
    model = LinearOrdinalClassifier(penalty=None, tol=1e-10).fit(rows, y)
    np.testing.assert_allclose(model.coef_[0], [1.04769, -0.05879, 0.61594], atol=3e-4)
    np.testing.assert_allclose(model.thresholds_, [2.20391, 4.29936], atol=1e-3)
    found = parallel_lines_test(model, rows, y)
    assert (round(found.statistic, 2), found.dof) == (4.34, 3)
    assert round(found.pvalue, 2) == 0.23
    np.testing.assert_array_equal(found.feature_statistics.round(2), [0.13, 3.44, 0.18])
    np.testing.assert_array_equal(found.feature_pvalues.round(2), [0.72, 0.06, 0.67])


@pytest.mark.parametrize("loss", ["probit", "cloglog", "loglog"])
def test_parallel_lines_hold_and_do_not(loss):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(3000, 2))
    noise = {"probit": rng.normal, "cloglog": rng.gumbel, "loglog": rng.gumbel}[loss]
    sign = {"probit": 1.0, "cloglog": -1.0, "loglog": 1.0}[loss]
    y = np.digitize(rows[:, 0] + sign * noise(size=3000), [-1.0, 0.0, 1.0])
    model = LinearOrdinalClassifier(f"cumulative_{loss}", penalty=None).fit(rows, y)
    found = parallel_lines_test(model, rows, y)
    assert found.pvalue > 1e-3
    other = np.where(y > 1, y, np.digitize(rows[:, 1], [0.0]))  # below, another feature
    model.fit(rows, other)
    assert parallel_lines_test(model, rows, other).pvalue < 1e-9


def test_parallel_lines_want_a_cumulative_loss():
    model = LinearOrdinalClassifier(AllThreshold()).fit(X, CODES)
    with pytest.raises(ValueError, match="Got LinearOrdinalClassifier of AllThreshold"):
        parallel_lines_test(model, X, CODES)
    model = LinearOrdinalClassifier().fit(X, CODES > 0)
    with pytest.raises(ValueError, match="three classes or more: of two there is one"):
        parallel_lines_test(model, X, CODES > 0)


def test_parallel_lines_know_the_offset():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 2))
    offset = 3 * rows[:, 0] ** 2
    y = np.digitize(rows @ [1, -0.5] + offset + rng.logistic(size=2000), [-1, 2, 6])
    model = LinearOrdinalClassifier(penalty=None).fit(rows, y, offset=offset)
    assert parallel_lines_test(model, rows, y, offset=offset).pvalue > 0.01
    with pytest.warns(UserWarning, match="fitted with an offset: pass offset= too"):
        assert parallel_lines_test(model, rows, y).pvalue < 1e-4


def test_parallel_lines_want_the_data_of_the_fit():
    parts = dict(alpha=0.01, categories=ORDER.tolist(), class_weight="balanced")
    model = LinearOrdinalClassifier(tol=0.1, **parts).fit(X, Y, sample_weight=WEIGHT)
    known = parallel_lines_test(model, X, Y, sample_weight=WEIGHT)  # and no warning
    with pytest.warns(UserWarning, match="parallel_lines_test supposes X, y, groups"):
        found = parallel_lines_test(model, X, Y)
    assert found.statistic != known.statistic


def test_parallel_lines_ignore_classes_and_rows_without_weight():
    more = LinearOrdinalClassifier(penalty=None, categories=[*ORDER, "best"])
    rows, y = np.vstack([X, X[:1]]), [*Y, "best"]
    weight = np.append(WEIGHT, 0.0)
    with pytest.warns(UserWarning, match="No row of y has the class 'best'"):
        more.fit(rows, y, sample_weight=weight)
    found = parallel_lines_test(more, rows, y, sample_weight=weight)
    less = LinearOrdinalClassifier(penalty=None, categories=ORDER.tolist())
    less.fit(X, Y, sample_weight=WEIGHT)
    known = parallel_lines_test(less, X, Y, sample_weight=WEIGHT)
    assert (found.dof, found.statistic) == (3, pytest.approx(known.statistic))


NINE = np.repeat([0, 1, 2], 3)
SEPARATED = {
    "last": (np.arange(40.0)[:, None], np.where(np.arange(40) < 30, CODES[:40] % 2, 2)),
    "all": (np.random.default_rng(0).normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, 2])),
    "quasi": (np.eye(3)[[0, 0, 1, 0, 1, 0, 2, 2, 2]][:, 1:], NINE),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", SEPARATED)
def test_parallel_lines_refuse_separated_rows(name):
    rows, y = SEPARATED[name]
    model = LinearOrdinalClassifier(penalty=None).fit(rows, y)
    with pytest.raises(ValueError, match="a plane separates the classes up to"):
        parallel_lines_test(model, rows, y)


@pytest.mark.parametrize("column", [np.full(300, 0.1), X[:, 0], X[:, 0] - 2 * X[:, 1]])
def test_parallel_lines_refuse_coefficients_that_are_not_unique(column):
    rows = np.column_stack([X, column])
    model = LinearOrdinalClassifier().fit(rows, CODES)
    with pytest.raises(ValueError, match="parallel_lines_test has none here: a column"):
        parallel_lines_test(model, rows, CODES)


def test_ordinal_scores_know_the_order_of_a_categorical():
    pandas = pytest.importorskip("pandas")
    order = ["poor", "fair", "good"]
    true, found = ["poor", "fair", "good", "poor"], ["good", "fair", "good", "poor"]
    exact = np.eye(3)[[0, 1, 2, 0]]
    names = [
        pandas.Series(pandas.Categorical(y, order, ordered=True)) for y in (true, found)
    ]
    for score in (ordinal_mae_score, quadratic_weighted_kappa_score):
        known = score(true, found, categories=order)
        assert score(*names) == score(names[0], found) == known
        assert score(true, names[1]) == known
        with pytest.warns(UserWarning, match=r"alphabetical order, \['fair', 'good', "):
            assert score(true, found) != known
    assert ranked_probability_score(names[0], exact) == 0.0
    with pytest.warns(UserWarning, match=r"Say which order is meant: categories="):
        assert ranked_probability_score(true, exact) > 0.0
