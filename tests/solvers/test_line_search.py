"""Steps along functions whose slopes are known."""

import math

import numpy as np
import pytest

from sklearn_losses.solvers.descent._line_search import ENOUGH, is_finite, step_length


@pytest.mark.parametrize("minimum", [1e-4, 0.3, 1.0, 50.0])
@pytest.mark.parametrize("power", [1.2, 2.0, 4.0])
def test_most_of_the_slope_is_gone(minimum, power):
    def value(t):
        return abs(t - minimum) ** power

    def slope(t):
        return power * math.copysign(abs(t - minimum) ** (power - 1), t - minimum)

    t = step_length(slope, slope(0.0), lambda t: value(t) < value(0.0))
    assert abs(slope(t)) <= ENOUGH * abs(slope(0.0))


def test_a_kink_is_found():
    def slope(t):
        return -1.0 if t < 0.01 else 3.0

    t = step_length(slope, -1.0, lambda t: abs(t - 0.01) < 0.01)
    assert 0 < t < 0.01


def test_there_is_no_step_where_all_slopes_rise():
    assert step_length(lambda t: math.nan, -1.0, lambda t: False) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_direction_of_which_one_entry_is_not_finite(bad):
    direction = np.array([[1e300, -1e300], [0.0, 1.0]])
    assert is_finite(direction)
    direction[1, 0] = bad
    assert not is_finite(direction)
