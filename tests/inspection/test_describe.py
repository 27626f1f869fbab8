"""describe: efficiencies, influence and landmarks, against textbooks and scipy."""

import re

import numpy as np
import pytest
from scipy import integrate, stats

from sklearn_losses import LossDescription, describe
from sklearn_losses.losses import (
    AbsoluteError,
    Andrews,
    Cauchy,
    CrossEntropy,
    EpsilonInsensitive,
    Expectile,
    Fair,
    Hampel,
    Hinge,
    Huber,
    LogLoss,
    ModifiedHuber,
    NumpyLoss,
    Perceptron,
    Poisson,
    PseudoHuber,
    Quantile,
    Savage,
    Sigmoid,
    SquaredError,
    StudentT,
    TukeyBiweight,
    Welsch,
    get_loss,
    loss_names,
)
from tests.cases import LOSSES, each


@pytest.mark.parametrize(
    ("loss", "efficiency"),
    [
        (SquaredError(), 1.0),
        (Expectile(), 1.0),
        (AbsoluteError(), 2 / np.pi),
        (Quantile(), 2 / np.pi),
        (EpsilonInsensitive(epsilon=0), 2 / np.pi),
        (Huber(delta=1e-7), 2 / np.pi),
        (Huber(delta=1e3), 1.0),
    ],
    ids=repr,
)
def test_efficiencies_that_are_known_exactly(loss, efficiency):
    assert describe(loss).efficiency == pytest.approx(efficiency, rel=1e-7)


@each(
    [Huber(), Fair(), Cauchy(), Welsch(), TukeyBiweight(), Andrews()],
)
def test_default_scales_are_95_percent_efficient(loss):
    assert describe(loss).efficiency == pytest.approx(0.95, abs=1e-4)


@each([Huber(delta=0.7), PseudoHuber(), StudentT(df=3), Hampel(), Welsch(scale=0.5)])
def test_efficiency_against_adaptive_integration(loss):
    def expectation(function):
        integrand = lambda r: function(r) * stats.norm.pdf(r)  # noqa: E731
        breaks = [0.7, 2.0, 4.0, 8.0]
        half, _ = integrate.quad(integrand, 0, 12, points=breaks, limit=500)
        return 2 * half

    slope = expectation(lambda r: r * loss.gradient(0.0, r))
    square = expectation(lambda r: loss.gradient(0.0, r) ** 2)
    description = describe(loss)
    assert description.efficiency == pytest.approx(slope**2 / square, rel=1e-7)
    sensitivity = description.influence.bound / slope
    assert description.influence.gross_error_sensitivity == pytest.approx(sensitivity)


@each([Quantile(quantile=0.9), Poisson(), LogLoss(), CrossEntropy()])
def test_a_loss_that_does_not_estimate_the_mean_has_no_efficiency(loss):
    description = describe(loss)
    assert np.isnan(description.efficiency)
    assert "efficiency" not in str(description)


@pytest.mark.parametrize(
    ("loss", "bound", "reached_at", "redescending"),
    [
        (SquaredError(), np.inf, np.inf, False),
        (Poisson(), np.inf, np.inf, False),
        (AbsoluteError(), 1.0, 0.0, False),
        (Huber(), 1.345, 1.345, False),
        (Huber(delta=50.0), 50.0, 50.0, False),
        (Huber(delta=1e-6), 1e-6, 1e-6, False),
        (EpsilonInsensitive(epsilon=0.3), 1.0, 0.3, False),
        (PseudoHuber(delta=2.0), 2.0, np.inf, False),
        (Fair(), 1.3998, np.inf, False),
        (Cauchy(scale=2.0), 1.0, 2.0, True),
        (StudentT(df=4.0), 1.25, 2.0, True),
        (TukeyBiweight(scale=5.0), 5 * 16 / 25 / 5**0.5, 5**0.5, True),
        (LogLoss(), 1.0, -np.inf, False),
        (Hinge(), 1.0, 1.0, False),
        (Perceptron(), 1.0, 0.0, False),
        (ModifiedHuber(), 4.0, -1.0, False),
        (Savage(), 16 / 27, -0.5 * np.log(2), True),
        (Sigmoid(), 0.25, 0.0, True),
        (CrossEntropy(), 1.0, -np.inf, False),
    ],
    ids=repr,
)
def test_influence(loss, bound, reached_at, redescending):
    influence = describe(loss).influence
    assert influence.bound == pytest.approx(bound, rel=1e-6)
    assert influence.reached_at == pytest.approx(reached_at, rel=1e-4, abs=1e-9)
    assert influence.redescending is redescending


def test_gross_error_sensitivity_of_the_median():
    # sqrt(pi / 2), the least that a location estimate can have.
    sensitivity = describe(AbsoluteError()).influence.gross_error_sensitivity
    assert sensitivity == pytest.approx(np.sqrt(np.pi / 2), rel=1e-7)
    assert describe(SquaredError()).influence.gross_error_sensitivity == np.inf
    assert np.isnan(describe(Hinge()).influence.gross_error_sensitivity)


@each([get_loss(name) for name in loss_names()])
def test_the_influence_is_not_above_the_lipschitz_constant(loss):
    influence = describe(loss).influence
    assert influence.bound <= loss.lipschitz * (1 + 1e-9) or np.isinf(influence.bound)


@each(LOSSES)
def test_every_loss_can_be_described(loss):
    description = describe(loss)
    assert isinstance(description, LossDescription)
    assert description.loss is loss
    assert description.traits["convex"] == loss.convex
    assert description.traits["lipschitz"] == loss.lipschitz
    assert description.nanoseconds > 0
    text = str(description)
    assert text.startswith(str(loss))
    assert ("not convex" in text) == (not loss.convex)
    for name, numbers in description.landmarks.items():
        assert re.search(rf"^  {name} +\S", text, re.MULTILINE)
        assert numbers.shape == (7,)


def test_landmarks_are_values_along_the_axis():
    landmarks = describe(Huber(delta=1.0)).landmarks
    np.testing.assert_array_equal(landmarks["x"], [-3, -2, -1, 0, 1, 2, 3])
    np.testing.assert_array_equal(landmarks["value"], [2.5, 1.5, 0.5, 0, 0.5, 1.5, 2.5])
    np.testing.assert_array_equal(landmarks["gradient"], [-1, -1, -1, 0, 1, 1, 1])
    np.testing.assert_array_equal(
        describe(Hinge(), y_true=0).landmarks["gradient"], [-1, -1, -1, -1, -1, 0, 0]
    )
    description = describe(Poisson(), y_true=2)
    assert (description.axis, description.y_true) == ("raw prediction", 2.0)
    assert description.landmarks["gradient"][3] == -1.0
    assert "raw prediction, y = 2" in str(description)
    rows = describe(CrossEntropy())
    assert rows.axis == "lead"
    assert rows.landmarks["gradient"][3] == pytest.approx(-2 / 3)


def absolute(y_true, raw_prediction):
    return np.abs(raw_prediction - y_true)


def sign(y_true, raw_prediction):
    return np.sign(raw_prediction - y_true)


def test_a_loss_of_the_user_without_curvature():
    description = describe(NumpyLoss(absolute, sign, symmetric=True))
    assert list(description.landmarks) == ["x", "value", "gradient"]
    assert description.efficiency == pytest.approx(2 / np.pi)


def test_html_shows_the_same():
    description = describe(Huber() + 2 * Quantile(quantile=0.9))
    html = description._repr_html_()
    assert html.count("<table>") == html.count("</table>") == 2
    assert "<b>Huber() + 2 * Quantile(quantile=0.9)</b>" in html
    for name, cells in description._table():
        assert f"<tr><th>{name}</th>" + "".join(f"<td>{c}</td>" for c in cells) in html


def test_what_is_estimated():
    assert describe(Quantile(quantile=0.9)).traits["estimates"] == "0.9-quantile"
    assert re.search(r"estimates +mean\n", str(describe(Poisson())))


def test_a_list_is_described_below_each_other():
    both = describe([Huber(), "poisson"])
    assert [type(one) for one in both] == 2 * [LossDescription]
    text = str(both)
    assert text.startswith(f"{Huber()}\n")
    assert f"\n\n{Poisson()}\n" in text
    assert both._repr_html_().count("<hr>") == 1


def test_errors():
    with pytest.raises(TypeError, match=r"needs a loss.*write Huber\(\)"):
        describe(Huber)
    with pytest.raises(ValueError, match="y_true"):
        describe(Poisson(), y_true=-1)


def test_columns_do_not_run_together():
    loss = Huber(delta=1.2345e-5)
    gradients = next(s for s in str(describe(loss)).split("\n") if "gradient" in s)
    assert gradients.split()[1:4] == ["-1.234e-05"] * 3
