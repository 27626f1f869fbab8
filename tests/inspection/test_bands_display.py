"""BandsDisplay: which quantiles are drawn, where, and how many targets they hold."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    BandsDisplay,
    GaussianDistribution,
    LinearRegressor,
    LinearSurvival,
    Quantiles,
    SGDRegressor,
)

plt = pytest.importorskip("matplotlib.pyplot")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 2))
Y = X @ [1.0, 2.0] + RNG.normal(size=150) * np.exp(0.5 * X[:, 0])
LEVELS = [0.1, 0.25, 0.5, 0.9]
QUANTILES = LinearRegressor(Quantiles(LEVELS), penalty=None).fit(X, Y)
GAUSSIAN = LinearRegressor(GaussianDistribution(), features={"scale": [0]}).fit(X, Y)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_quantiles_over_their_median():
    display = BandsDisplay.from_estimator(QUANTILES, X, Y)
    predicted = QUANTILES.predict(X)
    order = np.argsort(predicted[:, 2])
    np.testing.assert_allclose(display.quantiles, predicted[order])
    np.testing.assert_allclose(display.x, predicted[order, 2])
    assert display.bands == [(0.1, 0.9)]
    inside = (predicted[:, 0] <= Y) & (predicted[:, 3] >= Y)
    np.testing.assert_allclose(display.held, [inside.mean()])
    below = (predicted >= Y[:, None]).mean(axis=0)
    np.testing.assert_allclose(display.below, below)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"0.1 to 0.9: holds {inside.mean():.0%} of y" in labels
    assert f"0.25: above {below[1]:.0%} of y" in labels
    assert len(display.fills_) == 1
    assert len(display.lines_) == 2
    np.testing.assert_array_equal(display.points_.get_offsets()[:, 1], Y)


def test_weights_count_targets():
    weight = RNG.integers(3, size=len(Y))
    some = BandsDisplay.from_estimator(QUANTILES, X, Y, sample_weight=weight)
    repeated = np.repeat(X, weight, axis=0), np.repeat(Y, weight)
    known = BandsDisplay.from_estimator(QUANTILES, *repeated)
    np.testing.assert_allclose(some.held, known.held)


@pytest.mark.parametrize("feature", [1, -1, "b"])
def test_distributions_over_a_feature(feature):
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = LinearRegressor(GAUSSIAN.loss, features=GAUSSIAN.features).fit(frame, Y)
    y = pd.Series(Y, name="size")
    display = BandsDisplay.from_estimator(model, frame, y, feature=feature)
    rows = pd.DataFrame({"a": np.median(X[:, 0]), "b": display.x})
    expected = model.predict_quantile(rows, display.levels)
    np.testing.assert_allclose(display.quantiles, expected)
    assert (display.x[0], display.x[-1]) == (X[:, 1].min(), X[:, 1].max())
    assert display.bands == [(0.05, 0.95), (0.25, 0.75)]
    assert display.ax_.get_xlabel() == "b"
    assert display.ax_.get_ylabel() == "size"


def test_pipelines_searches_streams_and_counts():
    pipe = make_pipeline(StandardScaler(), LinearRegressor(GaussianDistribution()))
    search = GridSearchCV(pipe, {"linearregressor__alpha": [1e-4, 1e-2]}).fit(X, Y)
    display = BandsDisplay.from_estimator(search, X, Y, feature=0, levels=[0.1, 0.9])
    assert (display.quantiles[:, 0] < display.quantiles[:, 1]).all()
    stream = SGDRegressor(Quantiles([0.1, 0.9])).partial_fit(X, Y)
    display = BandsDisplay.from_estimator(stream, X)
    assert display.held is None
    assert display.points_ is None
    aft = LinearSurvival("weibull_aft").fit(X, np.exp(Y))
    BandsDisplay.from_estimator(aft, sparse.csr_array(X), np.exp(Y))
    display.plot(display.ax_, color="C3", fill_kw={"alpha": 0.1})
    assert display.fills_[0].get_alpha() == 0.1


def test_intervals_of_anybody():
    ends = GAUSSIAN.predict_interval(X, 0.8)
    parts = {"levels": [0.1, 0.9], "x": X[:, 0], "x_label": "a"}
    display = BandsDisplay.from_predictions(Y, ends, **parts)
    np.testing.assert_allclose(display.x, np.sort(X[:, 0]))
    own = BandsDisplay.from_estimator(GAUSSIAN, X, Y, levels=[0.1, 0.9])
    np.testing.assert_allclose(display.held, own.held)
    middle = BandsDisplay.from_predictions(Y, ends, levels=[0.1, 0.9])
    np.testing.assert_allclose(middle.x, np.sort(ends.mean(axis=1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": [0.05]}, "has no level 0.05"),
        ({"feature": 2}, "There is no feature 2: X has 2 columns"),
        ({"feature": "a"}, "There is no feature 'a': X has no names"),
        ({"feature": 0, "offset": 1.0}, "cannot draw an offset over a feature"),
        ({"X": sparse.csr_array(X), "feature": 0}, "a feature of dense rows"),
        ({"y": Y[:3]}, "a number for each of 150 rows"),
        ({"estimator": LinearRegressor().fit(X, Y)}, "which predicts no quantiles"),
    ],
)
def test_what_it_cannot_draw(arguments, message):
    given = {"estimator": QUANTILES, "X": X} | arguments
    with pytest.raises(ValueError, match=message):
        BandsDisplay.from_estimator(**given)


@pytest.mark.parametrize("levels", [[0.1], [0.9, 0.5, 0.3, 0.1]])
def test_levels_that_are_not_those_of_the_columns(levels):
    with pytest.raises(ValueError, match="needs increasing levels, and a column"):
        BandsDisplay.from_predictions(Y, QUANTILES.predict(X), levels=levels)
