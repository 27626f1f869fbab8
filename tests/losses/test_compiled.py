"""The C side of a loss: nothing is called that is not there."""

import numpy as np
import pytest

from sklearn_losses.losses import Huber, Poisson, SquaredError
from sklearn_losses.losses._base import PointLoss, RowLoss
from sklearn_losses.losses._table import CLoss


def test_a_loss_without_a_table_is_refused():
    class Empty(PointLoss):
        def compiled(self):
            return CLoss()

    with pytest.raises(TypeError, match="Empty has no table of C functions"):
        Empty().value(0.0, 1.0)


def test_a_table_of_the_wrong_granularity_is_refused():
    class Rows(RowLoss):
        def compiled(self):
            return SquaredError().compiled()

    with pytest.raises(TypeError, match=r"Rows is a loss of rows .* no function row"):
        Rows().value([0], [[1.0, 2.0]])


def test_a_loss_without_functions_says_what_to_do():
    class Mine(PointLoss):
        name = "mine"

    with pytest.raises(NotImplementedError, match="Mine has no formulas"):
        Mine().value(0.0, 1.0)


def test_outputs_may_overwrite_an_input_but_not_each_other():
    y, raw = np.array([1.0, 0.0, 1.0]), np.array([0.3, -3.0, 2.0])
    expected = SquaredError().value_gradient(y, raw)
    out = np.empty(3)
    with pytest.raises(ValueError, match="share memory"):
        SquaredError().value_gradient(y, raw, out=(out, out))
    with pytest.raises(ValueError, match="tuple of two arrays"):
        SquaredError().value_gradient(y, raw, out=out)
    SquaredError().value_gradient(y, raw, out=(raw, out))
    np.testing.assert_array_equal(raw, expected[0])
    np.testing.assert_array_equal(out, expected[1])


def test_bad_weights_leave_out_alone():
    out = np.full(2, 7.0)
    with pytest.raises(ValueError, match="sample_weight of shape"):
        Huber().value([0.0, 1.0], [1.0, 2.0], sample_weight=[1.0] * 3, out=out)
    np.testing.assert_array_equal(out, 7.0)


def test_weight_zero_gives_zero_also_where_the_loss_is_infinite():
    value = Poisson().value([0.0, 1.0], [1000.0, 0.0], sample_weight=[0.0, 1.0])
    np.testing.assert_array_equal(value, [0.0, 1.0])


def test_complex_raw_predictions_are_refused():
    with pytest.raises(ValueError, match="raw_prediction must be real"):
        Huber().value(0.0, 1j)


@pytest.mark.parametrize("weight", [[-1.0, 3.0], [np.inf, 1.0], [np.nan, 1.0]])
def test_the_mean_refuses_weights_that_have_none(weight):
    with pytest.raises(ValueError, match="sample_weight must be >= 0"):
        Huber().mean([0.0, 1.0], [1.0, 2.0], sample_weight=weight)
