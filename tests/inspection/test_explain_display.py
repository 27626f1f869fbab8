"""Pictures of influence and contributions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_losses import (
    ContributionsDisplay,
    CrossEntropy,
    Huber,
    InfluenceDisplay,
    LinearClassifier,
    LinearRegressor,
    LogCosh,
    contributions,
    influence,
)
from tests.inspection.test_influence import THREE, X, Y

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture
def model():
    return LinearRegressor(Huber() + 0.5 * LogCosh(), alpha=1e-3).fit(X, Y)


def test_rows_lie_on_their_contours(model):
    found = influence(model, X, Y)
    first = int(np.argmax(found.cook))
    level = found.cook[first]
    display = InfluenceDisplay.from_estimator(model, X, Y, n_named=3, levels=[level])
    line = display.contours_[0]
    x, pull = display.distance[first], display.pull[first]
    assert_allclose(np.interp(x, *line.get_data()), abs(pull), rtol=1e-2)
    names = [text.get_text() for text in display.texts_]
    assert names == [str(i) for i in np.argsort(-found.cook)[:3]]
    assert len(display.points_.get_offsets()) == len(Y)


def test_rows_have_names(model):
    names = [f"row {i}" for i in range(len(Y))]
    display = InfluenceDisplay.from_estimator(model, X, Y, names=names, n_named=1)
    assert display.texts_[0].get_text().startswith("row ")
    top = InfluenceDisplay.from_influence(influence(model, X, Y, top=2), names=names)
    assert top.names[0] == display.texts_[0].get_text()
    with pytest.raises(ValueError, match="a name for each of the 150 rows"):
        InfluenceDisplay(
            distance=top.distance.repeat(75),
            pull=top.pull.repeat(75),
            cook=top.cook,
            n_effective=1.0,
            names=["one"],
        )


def test_classes_have_no_sign():
    model = LinearClassifier(CrossEntropy(), alpha=1e-2).fit(X, THREE)
    display = InfluenceDisplay.from_estimator(model, X, THREE, n_named=0)
    assert (display.pull >= 0).all()
    assert display.texts_ == []


def test_bars_are_the_contributions(model):
    found = contributions(model, X, Y)
    display = ContributionsDisplay.from_estimator(model, X, Y)
    widths = [bar.get_width() for bar in display.bars_[0]]
    assert_allclose(widths, np.sort(found.rise)[::-1])
    display = ContributionsDisplay.from_estimator(model, X, Y, kind="row", n_bars=4)
    assert len(display.bars_) == 2
    assert_allclose(display.parts.sum(axis=1), np.sort(found.by_term.sum(1))[:-5:-1])
    with pytest.raises(ValueError, match="'kind' parameter of ContributionsDisplay"):
        ContributionsDisplay.from_estimator(model, X, Y, kind="pie")
