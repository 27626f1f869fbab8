"""LossDisplay: what is drawn is what the losses compute, and it can be read."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from sklearn_losses import LossDisplay
from sklearn_losses.losses import (
    AbsoluteError,
    Barron,
    CrossEntropy,
    Gamma,
    Hampel,
    Hinge,
    Huber,
    Linex,
    LogLoss,
    MulticlassHinge,
    NumpyLoss,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    Truncated,
    TukeyBiweight,
    get_loss,
    loss_names,
)
from tests.cases import LOSSES, each_class

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def drawn(line):
    x, y = line.get_data()
    return np.asarray(x), np.asarray(y)


@each_class([*LOSSES, Truncated(Hinge(), limit=2.0), Huber() + 0.5 * AbsoluteError()])
def test_every_loss_can_be_drawn(loss):
    display = LossDisplay.from_losses(loss)
    assert display.lines_.shape == (3, 1)
    assert display.axes_.shape == (3,)
    assert display.ax_ is display.axes_[0]
    assert display.figure_ is display.ax_.figure
    for kind, axes, (line,) in zip(display.kind, display.axes_, display.lines_):
        assert axes.get_ylabel() == kind
        x, y = drawn(line)
        assert x[-1] == -x[0] > 0
        assert np.isfinite(y).mean() > 0.9
        assert line.get_label() == str(loss)


@pytest.mark.parametrize(
    ("loss", "least", "most"),
    [
        (SquaredError(), 3.0, 3.0),  # has no scale
        (Quantile(0.9), 3.0, 3.0),
        (LogLoss(), 3.0, 3.0),  # its unit is that of margins
        (Huber(), 3.0, 3.0),
        (Huber(delta=50.0), 75.0, 200.0),
        (Huber(delta=0.01), 0.015, 0.04),
        (TukeyBiweight(), 4.7, 8.0),  # where it ends is in sight
        (TukeyBiweight(scale=1e5), 1e5, 2e5),
        (Hampel(), 8.0, 12.0),
        (Barron(alpha=-0.1), 3.0, 40.0),  # its bound is far out
        (Linex(a=0.01), 100.0, 500.0),
        (SquaredEpsilonInsensitive(epsilon=10.0), 15.0, 40.0),
        ([Huber(delta=0.01), TukeyBiweight()], 4.7, 8.0),
    ],
    ids=str,
)
def test_the_scale_of_a_loss_is_in_sight(loss, least, most):
    display = LossDisplay.from_losses(loss, kind="value")
    assert least <= drawn(display.lines_[0, 0])[0].max() <= most


def test_curves_are_the_values_at_x():
    residuals = LossDisplay.from_losses([Huber(), Linex()], kind="value", y_true=5.0)
    for loss, line in zip((Huber(), Linex()), residuals.lines_[0]):
        x, y = drawn(line)
        np.testing.assert_allclose(y, loss.value(np.full_like(x, 5.0), x + 5.0))
    assert residuals.ax_.get_xlabel() == "residual: raw prediction - y"

    counts = LossDisplay.from_losses([Poisson(), Gamma()], kind="gradient", y_true=2)
    x, y = drawn(counts.lines_[0, 0])
    np.testing.assert_allclose(y, np.exp(x) - 2)
    assert counts.ax_.get_xlabel() == "raw prediction, y = 2"

    for label in (0, 1):
        margins = LossDisplay.from_losses("log_loss", kind="gradient", y_true=label)
        x, y = drawn(margins.lines_[0, 0])
        np.testing.assert_allclose(y, -1 / (1 + np.exp(x)))
    assert margins.ax_.get_xlabel() == "margin: raw prediction towards y"

    rows = LossDisplay.from_losses(CrossEntropy(), kind="value", y_true=2)
    x, y = drawn(rows.lines_[0, 0])
    np.testing.assert_allclose(y, np.log(np.exp(x) + 2) - x)
    assert rows.ax_.get_xlabel() == "raw prediction of class y, others 0"


def test_raw_predictions_say_where():
    raw = np.array([4.0, 0.0, 2.0])
    for y_true, loss, expected in (
        (1.0, Huber(), [-1, 1, 3]),
        (2.0, Poisson(), [0, 2, 4]),
        (0.0, Hinge(), [-4, -2, 0]),
    ):
        display = LossDisplay.from_losses(
            loss, kind="value", y_true=y_true, raw_prediction=raw
        )
        np.testing.assert_array_equal(drawn(display.lines_[0, 0])[0], expected)


@pytest.mark.parametrize(
    ("loss", "kind", "at"),
    [
        (AbsoluteError(), "gradient", 0.0),
        (Quantile(quantile=0.9), "gradient", 0.0),
        (Hinge(threshold=0.77), "gradient", 0.77),
        (Huber(delta=1.2345), "curvature", 1.2345),
        (MulticlassHinge(), "gradient", 1.0),
    ],
    ids=repr,
)
def test_a_jump_is_drawn_as_a_gap_and_not_as_a_slope(loss, kind, at):
    display = LossDisplay.from_losses(loss, kind=kind)
    x, y = drawn(display.lines_[0, 0])
    gaps = x[np.isnan(y)]
    assert np.abs(gaps - at).min() < 1e-8
    # No two neighbours differ by more than a smooth function could.
    steps = np.abs(np.diff(y))
    assert np.nanmax(steps) < 0.05
    # Both sides are drawn up to the gap.
    i = np.argmin(np.abs(np.where(np.isnan(y), x, np.inf) - at))
    assert np.isfinite(y[[i - 1, i + 1]]).all()
    assert np.abs(x[[i - 1, i + 1]] - at).max() < 1e-8


def test_a_kink_of_the_value_is_no_gap():
    for loss in (AbsoluteError(), Hinge(), Truncated(SquaredError(), limit=2.0)):
        display = LossDisplay.from_losses(loss, kind="value")
        assert np.isfinite(drawn(display.lines_[0, 0])[1]).all()


def test_names():
    pair = [Huber(), Huber(delta=3.0)]
    for display in (
        LossDisplay.from_losses({"near": pair[0], "far": pair[1]}),
        LossDisplay.from_losses(pair, names=["near", "far"]),
    ):
        texts = display.axes_[-1].get_legend().get_texts()
        assert [text.get_text() for text in texts] == ["near", "far"]
        assert display.names == ["near", "far"]
    assert LossDisplay.from_losses("huber", names="mine").names == ["mine"]
    assert LossDisplay.from_losses(["huber", "linex"]).names == ["Huber()", "Linex()"]


def test_a_long_name_is_cut_to_the_class():
    loss = NumpyLoss(
        np.subtract, np.subtract, convex=True, symmetric=True, lipschitz=2.0
    )
    display = LossDisplay.from_losses([loss, Huber()], kind="value")
    assert display.names == ["NumpyLoss", "Huber()"]


def test_plot_draws_again_elsewhere():
    display = LossDisplay.from_losses([Huber(), Linex()], kind="gradient")
    before = [drawn(line) for line in display.lines_[0]]
    _, ax = plt.subplots()
    assert display.plot(ax=ax, linewidth=4, color="red") is display
    assert display.ax_ is ax
    for line, (x, y) in zip(display.lines_[0], before):
        assert line.get_linewidth() == 4
        assert line.get_color() == "red"
        np.testing.assert_array_equal(drawn(line), (x, y))
    _, axes = plt.subplots(1, 2)
    display = LossDisplay.from_losses("hinge", kind=("value", "gradient"), ax=axes)
    assert list(display.axes_) == list(axes)


def test_many_lines_can_be_told_apart():
    losses = [Huber(delta=delta) for delta in np.linspace(0.1, 4, 40)]
    display = LossDisplay.from_losses(losses, kind="value")
    styles = {(line.get_color(), line.get_linestyle()) for line in display.lines_[0]}
    assert len(styles) == 40
    assert all(a.get_color() != b.get_color() for a, b in pairwise(display.lines_[0]))


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_the_legend_is_beside_the_curves(task):
    losses = [get_loss(name) for name in loss_names(task)]
    losses = [loss for loss in losses if repr(loss.link) != "LogLink()"]
    losses = [loss for loss in losses if loss.name != "squared_log_error"]
    display = LossDisplay.from_losses(losses)
    figure = display.figure_
    figure.canvas.draw()
    legend = display.axes_[-1].get_legend().get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in display.axes_)
    assert legend.x1 <= figure.bbox.x1
    extents = [axes.get_tightbbox() for axes in display.axes_[:-1]]
    assert not any(a.overlaps(b) for a, b in pairwise(extents))


def test_limits_cut_what_dwarfs_the_rest():
    losses = [Huber(), SquaredError(), Linex(a=3.0)]
    display = LossDisplay.from_losses(losses, kind="value")
    low, high = display.ax_.get_ylim()
    assert -1 < low < 0
    assert 4.5 < high < 15  # SquaredError is 4.5 at the end, Linex 900
    alone = LossDisplay.from_losses(Linex(a=3.0), kind="value")
    assert alone.ax_.get_ylim()[1] > 800


def test_losses_that_mean_different_things_are_refused():
    with pytest.raises(ValueError) as error:
        LossDisplay.from_losses([Huber(), LogLoss()])
    assert str(error.value) == (
        "Huber() and LogLoss() cannot be in one picture, because the first is for "
        "regression targets and the second is for binary targets. Draw two."
    )
    with pytest.raises(ValueError, match=r"residual and the second .* raw prediction"):
        LossDisplay.from_losses([Huber(), Poisson()])


def test_errors():
    with pytest.raises(ValueError, match=r"'kind' parameter .* Got \['slope'\]"):
        LossDisplay.from_losses("huber", kind=("value", "slope"))
    with pytest.raises(ValueError, match="'kind' parameter"):
        LossDisplay.from_losses("huber", kind=())
    with pytest.raises(TypeError, match=r"Got .*Huber.*: write Huber\(\)"):
        LossDisplay.from_losses([Huber])
    with pytest.raises(ValueError, match="at least one loss"):
        LossDisplay.from_losses([])
    with pytest.raises(ValueError, match=r"one name for each of the 2 losses\. Got 1"):
        LossDisplay.from_losses([Huber(), Linex()], names=["a"])
    with pytest.raises(ValueError, match="not both"):
        LossDisplay.from_losses({"a": Huber()}, names=["b"])
    with pytest.raises(ValueError, match="Did you mean 'huber'"):
        LossDisplay.from_losses("hubber")
    with pytest.raises(ValueError, match="needs every target"):
        LossDisplay.from_losses(Poisson(), y_true=-1)
    with pytest.raises(ValueError, match=r"needs 3 axes, .* Got 2"):
        LossDisplay.from_losses(Huber(), ax=plt.subplots(1, 2)[1])


def test_one_axes_is_divided_among_the_kinds():
    figure, (ax, other) = plt.subplots(2, 1)
    display = LossDisplay.from_losses([Huber(), Linex()], ax=ax)
    assert len(display.axes_) == 3
    assert display.figure_ is figure
    place = ax.get_position()
    for axes in display.axes_:
        assert axes.get_position().y0 == pytest.approx(place.y0)
        assert place.x0 - 1e-9 <= axes.get_position().x0 < place.x1
    assert not ax.axison
    assert not other.lines


def test_without_matplotlib_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        LossDisplay.from_losses(Huber())


def test_matplotlib_is_imported_by_nothing_else():
    code = (
        "import sys; from sklearn_losses import *\n"
        "check_loss(Huber()); describe(Huber()); loss_scorer(Huber())\n"
        "assert not any(m.startswith('matplotlib') for m in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
