"""What people read of a search: table, verdict, html, pictures."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris, make_regression

from sklearn_losses import (
    AbsoluteError,
    AllThreshold,
    CoxPH,
    CumulativeLogit,
    Gamma,
    Hinge,
    Huber,
    LinearClassifier,
    LinearOrdinalClassifier,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    ListNet,
    LogLoss,
    LossSearchCV,
    LossSearchDisplay,
    PairwiseLogistic,
    Quantile,
    SquaredError,
    TripletMargin,
    WeibullAFT,
    compare_losses,
    concordance_index_scorer,
    ndcg_scorer,
    ordinal_mae_scorer,
    ranking_target,
    survival_target,
)
from sklearn_losses.model_selection._metrics import metrics_of
from sklearn_losses.model_selection._report import rewards

matplotlib.use("Agg")
X, Y = make_regression(150, 4, noise=30.0, random_state=0)
SCORING = {"MAE": AbsoluteError(), "R2": "r2"}


@pytest.fixture(scope="module")
def search():
    losses = [SquaredError(), *[Huber(delta) for delta in (2, 8, 32)], Quantile(0.9)]
    return compare_losses(X, Y, losses, scoring=SCORING, alphas=4)


def test_table(search):
    table = search.table()
    assert set(table.index) == {"SquaredError", "Huber", "Quantile"}
    assert table["MAE"].is_monotonic_increasing  # errors are positive
    assert table["tied"].iloc[0]
    assert not table.loc["Quantile", "tied"]
    assert table.loc["Quantile", "estimates"] == "0.9-quantile"
    results = search.cv_results_
    names = [str(loss) for loss in results["param_loss"].data]
    best = np.array(names) == str(search.best_params_["loss"])
    assert table["MAE"].iloc[0] == -results["mean_test_MAE"][best].max()
    assert table.iloc[0]["loss"] == str(search.best_params_["loss"])
    assert table.iloc[0]["alpha"] == search.best_params_["alpha"]


def test_verdict(search):
    text = search.verdict()
    assert text.startswith(f"{search.best_params_['loss']} with alpha=")
    assert "lowest MAE" in text
    assert "Worse in the same folds: Quantile(quantile=0.9) by " in text
    assert "No candidate estimates the median, which MAE rewards" in text
    assert "compare AbsoluteError(), too" in text


def test_verdict_of_a_search_that_ended_at_an_end():
    found = compare_losses(X, Y, [SquaredError()], alphas=[1e9, 1e8])
    assert "alpha is the smallest that was tried" in found.verdict()
    found = compare_losses(
        X, Y[::-1] * 0 + np.arange(150) % 2, [SquaredError()], alphas=3
    )
    assert "alpha is the largest that was tried" in found.verdict()


def test_verdict_of_failures():
    with pytest.warns(UserWarning, match="knows no path of alphas|have failed in"):
        found = compare_losses(X, Y, [SquaredError(), Gamma()], scoring="r2", alphas=3)
    assert "3 of 6 candidates have no score in a fold." in found.verdict()
    assert "highest r2_score" in found.verdict()
    assert list(found.table()["tied"]) == [True, False]


@pytest.mark.parametrize(
    ("scoring", "reward"),
    [
        (AbsoluteError(), "median"),
        (Quantile(0.9), "0.9-quantile"),
        ("neg_mean_squared_error", "mean"),
        ("neg_brier_score", "probability"),
        ("roc_auc", None),
        ("accuracy", None),
    ],
)
def test_what_metrics_reward(scoring, reward):
    (metric,) = metrics_of(scoring)
    assert rewards(metric) == reward


def test_log_odds_are_probabilities():
    A, y = load_iris(return_X_y=True)
    found = compare_losses(A, y == 1, [LogLoss()], scoring="neg_brier_score", alphas=2)
    assert "No candidate" not in found.verdict()


def test_html(search):
    html = search._repr_mimebundle_()["text/html"]
    assert search.verdict()[:30] in html
    assert html.count("<td>0.9-quantile</td>") == 1
    unfitted = LossSearchCV(LinearRegressor(), [Huber()])
    assert "<td>" not in unfitted._repr_mimebundle_()["text/html"][:200]


def test_combinations_are_families_of_their_own():
    losses = [Huber(), 2 * Huber(), Huber() + SquaredError()]
    found = compare_losses(X, Y, losses, scoring="r2", alphas=2)
    assert set(found.table().index) == {
        "Huber",
        "2 * Huber()",
        "Huber() + SquaredError()",
    }


# -------------------------------------------------------------------------- pictures
def test_scores_against_alpha(search):
    display = LossSearchDisplay.from_estimator(search)
    ax = display.axes_[0]
    lines = {line.get_label(): line for line in ax.get_lines()}
    line = lines["SquaredError()"]
    assert line.get_xdata()[0] == 1.0  # a share of the largest
    np.testing.assert_allclose(
        line.get_ydata(), -search.cv_results_["mean_test_MAE"][:4]
    )
    stars = [line for line in ax.get_lines() if line.get_marker() == "*"]
    assert stars[0].get_ydata()[0] == -search.cv_results_["mean_test_MAE"].max()
    assert ax.get_ylabel() == "MAE (lower is better)"
    assert display.axes_[1].get_ylabel() == "R2 (higher is better)"


def test_given_alphas_are_drawn_as_they_are():
    found = compare_losses(X, Y, [Huber(), SquaredError()], scoring="r2", alphas=[1, 0])
    ax = LossSearchDisplay.from_estimator(found).axes_[0]
    assert ax.get_lines()[0].get_xdata().tolist() == [1.0, 0.1]
    assert ax.get_xlabel() == "alpha"


def test_families_by_metric(search):
    display = LossSearchDisplay.from_estimator(search, kind="losses")
    ax = display.axes_[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "SquaredError",
        "Huber",
        "Quantile",
    ]
    assert "delta=" in " ".join(text.get_text() for text in ax.texts)


def test_parameters_of_a_family(search):
    display = LossSearchDisplay.from_estimator(search, kind="parameters")
    (ax,) = display.axes_
    assert ax.get_lines()[0].get_xdata().tolist() == [2.0, 8.0, 32.0]
    assert ax.get_xlabel() == "delta of Huber"


def test_pictures_that_cannot_be_drawn(search):
    with pytest.raises(ValueError, match="kind must be one of"):
        LossSearchDisplay.from_estimator(search, kind="bars")
    with pytest.raises(ValueError, match="'Quantile' of this search has them"):
        LossSearchDisplay.from_estimator(search, kind="parameters", family="Quantile")
    _, axes = plt.subplots(1, 3)
    with pytest.raises(ValueError, match="axes must be 2"):
        LossSearchDisplay.from_estimator(search, axes=axes)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


# --------------------------------------------------------------------------- one line
def test_compare_losses_finds_the_estimator():
    A, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]

    def kind(X, y, *losses, **settings):
        settings = {"scoring": "accuracy", "alphas": 1} | settings
        return type(compare_losses(X, y, *losses, **settings).estimator)

    assert kind(A, names) is kind(A, y, Hinge()) is LinearClassifier
    assert kind(X, Y, scoring="r2") is LinearRegressor
    weighted = {"scoring": "r2", "sample_weight": y + 1}
    assert kind(A, y, ["poisson"], **weighted) is LinearRegressor
    with pytest.raises(ValueError, match="may be classes or counts"):
        compare_losses(A, y, scoring="accuracy")


def test_compare_losses_finds_the_estimator_of_structured_targets():
    waits, queries = survival_target(Y > 0, np.exp(Y / 100)), np.arange(len(Y)) // 6
    times = dict(scoring=concordance_index_scorer(), alphas=[0.01], cv=3)
    found = compare_losses(X, waits, [CoxPH(), WeibullAFT()], **times)
    assert type(found.best_estimator_) is LinearSurvival
    found = compare_losses(X, waits, [WeibullAFT()], **times)
    assert type(found.best_estimator_) is LinearSurvival
    ranks = ranking_target(Y > 0, queries)
    parts = dict(scoring=ndcg_scorer(), alphas=[0.01], cv=3)
    found = compare_losses(X, ranks, [ListNet(), PairwiseLogistic()], **parts)
    assert type(found.best_estimator_) is LinearRanker
    losses = [CumulativeLogit(), AllThreshold()]
    parts = dict(scoring=ordinal_mae_scorer(), alphas=[0.01], cv=3)
    found = compare_losses(X, np.digitize(Y, [-50, 50]), losses, **parts)
    assert type(found.best_estimator_) is LinearOrdinalClassifier
    with pytest.raises(ValueError, match=r"which y is of. Name some: losses="):
        compare_losses(X, waits, scoring=concordance_index_scorer())
    with pytest.raises(ValueError, match=r"a loss for embedding\. Use GridSearchCV"):
        compare_losses(X, Y > 0, [TripletMargin()], scoring="accuracy")
