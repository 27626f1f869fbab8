"""LossCurveDisplay: it draws the model's curves, and its verdict is the right one."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import LossCurveDisplay, SGDClassifier, SGDRegressor
from sklearn_losses.losses import CrossEntropy, LogLoss

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

X, Y = load_iris(return_X_y=True)
T = np.arange(100.0)
LEVEL = 1.0 + np.exp(-T / 5)  # e^-16 of its fall is left for the last fifth
FALLING = 3.0 - 0.01 * T


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def model(loss="log_loss", **parameters):
    defaults = dict(learning_rate="constant", random_state=0, max_iter=12, tol=None)
    return SGDClassifier(loss, **defaults | parameters)


# ------------------------------------------------------------------------ drawing
@pytest.mark.parametrize("learning_rate", ["constant", "auto"])
def test_it_draws_the_curves_of_the_model(learning_rate):
    fit = model(learning_rate=learning_rate, max_iter=40, early_stopping=True)
    display = LossCurveDisplay.from_estimator(fit.fit(X, Y == 1))
    curves = fit.loss_curve_, fit.validation_loss_curve_
    assert len(display.lines_) == 2
    for line, curve in zip(display.lines_, curves):
        assert_array_equal(line.get_xdata(), np.arange(1, len(curve) + 1))
        assert_array_equal(line.get_ydata(), curve)
    assert_array_equal(display.best_.get_xdata(), [fit.best_epoch_ + 1])
    assert_array_equal(display.best_.get_ydata(), [curves[1].min()])
    unit = "iteration" if learning_rate == "auto" else "epoch"
    assert display.ax_.get_xlabel() == unit
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    kept = f"kept: {unit} {fit.best_epoch_ + 1}"
    assert labels == ["training", "validation", kept]
    assert display.figure_ is display.ax_.figure
    title = display.ax_.get_title(loc="left")
    assert title.startswith(f"SGDClassifier: {display.verdict}\n")
    assert " ".join(title.split("\n")[1:]) == display.explanation


def test_each_class_has_an_epoch_that_was_kept():
    fit = model(LogLoss(), early_stopping=True, eta0=1.0).fit(X, Y)
    display = LossCurveDisplay.from_estimator(fit)
    assert_array_equal(display.best_.get_xdata(), np.unique(fit.best_epoch_) + 1)
    joint = model(CrossEntropy(), early_stopping=True).fit(X, Y)
    display = LossCurveDisplay.from_estimator(joint)
    assert_array_equal(display.best_.get_xdata(), [joint.best_epoch_ + 1])


def test_the_objective_is_drawn_where_it_was_traced():
    fit = model(trace=True).fit(X, Y)
    display = LossCurveDisplay.from_estimator(fit)
    (line,) = display.lines_
    assert_array_equal(line.get_ydata(), fit.objective_curve_)
    assert display.best_ is None


def test_axes_styles_and_names_are_the_callers():
    _, ax = plt.subplots()
    fit = model(trace=True).fit(X, Y)
    display = LossCurveDisplay.from_estimator(fit, ax=ax, name="mine", linewidth=5)
    assert display.ax_ is ax
    assert display.lines_[0].get_linewidth() == 5
    assert ax.get_title(loc="left").startswith("mine: ")
    assert display.plot().ax_ is not ax


def test_a_wide_span_is_logarithmic():
    for curve, scale in [(10.0 ** -T[:5], "log"), (LEVEL, "linear"), (-T, "linear")]:
        display = LossCurveDisplay(training_curve=curve).plot()
        assert display.ax_.get_yscale() == scale


def test_models_within_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), model(tol=1e-3))
    search = GridSearchCV(pipeline, {"sgdclassifier__alpha": [1e-4, 1e-2]}, cv=2)
    fit = search.fit(X, Y).best_estimator_
    for estimator in (search, fit, fit[-1]):
        display = LossCurveDisplay.from_estimator(estimator)
        assert display.training_curve is fit[-1].loss_curve_


def test_other_models_with_a_loss_curve():
    network = MLPClassifier(4, max_iter=10, random_state=0)
    with pytest.warns(match="Maximum iterations"):
        network.fit(X, Y)
    (line,) = LossCurveDisplay.from_estimator(network).lines_
    assert_array_equal(line.get_ydata(), network.loss_curve_)


def test_models_without_a_curve():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(SGDRegressor())
    with pytest.raises(ValueError, match=r"no loss_curve_.*tol=None.*trace=True"):
        LossCurveDisplay.from_estimator(model().fit(X, Y))
    with pytest.raises(ValueError, match="LinearRegression has no loss_curve_"):
        LossCurveDisplay.from_estimator(LinearRegression().fit(X, Y))
    search = GridSearchCV(model(trace=True), {"alpha": [0.1]}, cv=2, refit=False)
    with pytest.raises(ValueError, match=r"no best_estimator_.*refit=True"):
        LossCurveDisplay.from_estimator(search.fit(X, Y))
    with pytest.raises(TypeError, match="the class SGDRegressor"):
        LossCurveDisplay.from_estimator(SGDRegressor)


# ----------------------------------------------------------------------- verdicts
@pytest.mark.parametrize(
    ("training", "validation", "verdict"),
    [
        (LEVEL, None, "levelled off"),
        (FALLING, None, "still falling"),
        (LEVEL, LEVEL + 0.2, "levelled off"),
        (LEVEL, FALLING, "still falling"),
        # What is validated on decides: it is level, and the training loss is not.
        (FALLING, LEVEL, "levelled off"),
        (FALLING, LEVEL + np.maximum(T - 50, 0) / 100, "overfitting"),
        (FALLING, 2.0 + T / 100, "overfitting"),
        # It rises, but by 3% of its fall.
        (FALLING, LEVEL + np.maximum(T - 50, 0) / 1700, "levelled off"),
        # It rises, and so does the training loss: not for want of rows.
        (LEVEL + T / 200, LEVEL + T / 200, "levelled off"),
        # One noisy epoch at the end is no rise.
        (FALLING, np.append(LEVEL[:-1], 2.0), "levelled off"),
        (1.0 + T, None, "diverged"),
        (np.append(LEVEL, np.inf), LEVEL, "diverged"),
        ([2.0, 1.0], None, "too short"),
        (np.ones(9), None, "levelled off"),
    ],
)
def test_verdicts(training, validation, verdict):
    display = LossCurveDisplay(training_curve=training, validation_curve=validation)
    assert display.verdict == verdict
    assert display.plot().ax_.get_title(loc="left").startswith(verdict)


def test_the_explanation_has_the_numbers():
    rising = LEVEL + np.maximum(T - 50, 0) / 100
    best = int(np.argmin(rising))
    display = LossCurveDisplay(training_curve=FALLING, validation_curve=rising)
    rise = np.median(rising[-20:]) - rising[best]
    assert display.explanation == (
        f"The validation loss rose by {rise:.3g} after epoch {best + 1}, where it was "
        f"{rising[best]:.3g}, while the training loss fell on."
    )
    display = LossCurveDisplay(training_curve=FALLING, unit="iteration")
    assert display.explanation.startswith("The last 20 of 100 iterations made 20% of ")


def test_verdicts_of_real_fits():
    """Too few epochs, enough of them, and 80 rows of 64 noisy features."""
    digits, labels = load_digits(return_X_y=True)
    digits, odd = digits / 16.0, labels % 2
    rows, rest = slice(80), slice(900, None)
    validation = dict(X_val=digits[rest], y_val=odd[rest])
    few = model(max_iter=5, eta0=1e-4).fit(digits, odd, **validation)
    assert LossCurveDisplay.from_estimator(few).verdict == "still falling"
    over = model(max_iter=200, eta0=0.5, alpha=0.0)
    over.fit(digits[rows], odd[rows], **validation)
    assert LossCurveDisplay.from_estimator(over).verdict == "overfitting"
    exact = model(learning_rate="auto", alpha=0.1, max_iter=1000, tol=1e-3)
    exact.fit(digits, odd, **validation)
    assert LossCurveDisplay.from_estimator(exact).verdict == "levelled off"
