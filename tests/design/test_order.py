"""The largest of many, as a sort would have them."""

import numpy as np
import pytest

from sklearn_losses._machine._order import largest


@pytest.mark.parametrize("n", [0, 1, 7, 99, 100])
def test_as_a_stable_sort(n):
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=100), rng.integers(0, 4, 100).astype(float)):
        values[::9] = -np.inf
        expected = np.argsort(-values, kind="stable")[:n]
        np.testing.assert_array_equal(np.sort(largest(values, n)), np.sort(expected))
