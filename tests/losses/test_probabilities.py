"""Which losses find the true probabilities.

A loss is proper if the raw prediction with the least expected loss has, through the
inverse link, the probabilities of the distribution that y is drawn from.
"""

import numpy as np
import pytest
from scipy.optimize import brentq, root
from scipy.special import expit, log_expit

from sklearn_losses.losses import Focal
from tests.cases import BINARY_LOSSES, ROW_LOSSES, each

ETA = np.array([0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95])
DISTRIBUTIONS = np.array([[0.5, 0.3, 0.2], [0.1, 0.15, 0.75], [0.34, 0.33, 0.33]])
STARTS = np.concatenate([np.linspace(-5, 5, 1001), [-500.0, -50.0, 50.0, 500.0]])


def best_raw_prediction(loss, eta):
    """The raw prediction with the least expected loss where P(y = 1) = eta."""

    def risk(function, raw):
        return eta * function(1.0, raw) + (1 - eta) * function(0.0, raw)

    starts = np.sort(STARTS)
    start = np.argmin(risk(loss.value, starts))
    if start in (0, len(starts) - 1):
        return starts[start]  # the farther the better
    low, high = starts[start - 1], starts[start + 1]
    if risk(loss.gradient, low) >= 0 or risk(loss.gradient, high) <= 0:
        return starts[start]  # flat, as far as rounding can tell
    return brentq(lambda raw: risk(loss.gradient, raw), low, high, xtol=1e-15)


def best_row(loss, distribution):
    """The same for classes. A constant has no effect, so the last is 0."""

    def slope(raw):
        rows = np.tile([*raw, 0.0], (len(distribution), 1))
        gradient = loss.gradient(np.arange(len(distribution)), rows)
        return (distribution @ gradient)[:-1]

    found = root(slope, distribution[:-1] - distribution[-1], tol=1e-14)
    assert np.abs(slope(found.x)).max() < 1e-13
    return np.array([*found.x, 0.0])


@each([loss for loss in BINARY_LOSSES if loss.probabilistic])
def test_proper_is_what_the_least_expected_loss_shows(loss):
    best = np.array([best_raw_prediction(loss, eta) for eta in ETA])
    error = np.abs(loss.inverse_link(best) - ETA)
    assert loss.proper == (error.max() < 1e-9)
    # Proper or not, the more probable class has the larger share of it.
    certain = ETA != 0.5
    assert np.all((best[certain] > 0) == (ETA[certain] > 0.5))


@each([loss for loss in ROW_LOSSES if loss.probabilistic])
def test_proper_rows_are_what_the_least_expected_loss_shows(loss):
    best = np.array([best_row(loss, distribution) for distribution in DISTRIBUTIONS])
    error = np.abs(loss.inverse_link(best) - DISTRIBUTIONS)
    assert loss.proper == (error.max() < 1e-10)


@each(BINARY_LOSSES + ROW_LOSSES)
def test_only_probabilities_can_be_proper(loss):
    assert loss.probabilistic or not loss.proper


@each([loss for loss in BINARY_LOSSES if loss.probabilistic])
def test_probabilities_of_both_classes_sum_to_one(loss):
    raw = np.concatenate([np.linspace(-30, 30, 601), [-1e4, 1e4]])
    both = loss.inverse_link(raw) + loss.inverse_link(-raw)
    np.testing.assert_allclose(both, 1.0, rtol=1e-14)
    assert np.all(np.diff(loss.inverse_link(np.sort(raw))) >= 0)


@each([loss for loss in BINARY_LOSSES if loss.probabilistic])
def test_link_is_the_inverse_of_inverse_link(loss):
    probability = np.concatenate([[1e-12, 1e-6, 1e-3], np.linspace(0.01, 0.99, 99)])
    raw = loss.link.link(probability)
    np.testing.assert_allclose(
        loss.link.inverse(raw), probability, rtol=1e-9, atol=1e-16
    )
    # And where it is less than 1 and more than 0, the other way round.
    raw = np.linspace(-0.45, 0.45, 91)
    np.testing.assert_allclose(
        loss.link.link(loss.link.inverse(raw)), raw, rtol=1e-9, atol=1e-14
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_calibration_of_the_focal_loss(gamma):
    # The first-order condition of eta l(1, p) + (1 - eta) l(0, p), solved for eta.
    raw = np.linspace(-20, 20, 401)
    p, q = expit(raw), expit(-raw)
    push = p**gamma * (p - gamma * q * log_expit(-raw))
    pull = q**gamma * (q - gamma * p * log_expit(raw))
    expected = push / (push + pull)
    got = Focal(gamma=gamma).inverse_link(raw)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
