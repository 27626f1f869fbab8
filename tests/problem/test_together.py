"""Fits of several targets that read the rows of X together."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_losses import LinearClassifier
from sklearn_losses.design._rows import Rows
from sklearn_losses.problem import _together
from sklearn_losses.problem._together import Meeting

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30_000, 5))
Y = (X @ RNG.normal(size=(5, 4)) + RNG.logistic(size=(30_000, 4)) > 0).astype(int)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_each_finds_what_it_finds_alone(loss, kind, monkeypatch):
    alone = LinearClassifier(loss).fit(kind(X), Y)
    monkeypatch.setattr(_together, "MANY", 1)
    monkeypatch.setattr(_together, "AT_ONCE", 3)
    together = LinearClassifier(loss).fit(kind(X), Y)
    np.testing.assert_array_equal(together.coef_, alone.coef_)
    np.testing.assert_array_equal(together.intercept_, alone.intercept_)
    np.testing.assert_array_equal(together.gap_, alone.gap_)
    np.testing.assert_array_equal(together.n_iter_, alone.n_iter_)


def test_passes_are_made_for_all(monkeypatch):
    known, counts = _together.sweep_together, []

    def counted(*args):
        counts.append(len(args[-1]))
        return known(*args)

    monkeypatch.setattr(_together, "sweep_together", counted)
    monkeypatch.setattr(_together, "MANY", 1)
    LinearClassifier().fit(X, Y)
    assert max(counts) == 4


def test_an_error_of_one_is_that_of_all():
    def fails():
        raise KeyError("this")

    with pytest.raises(KeyError, match="this"):
        Meeting(Rows(X)).run([lambda: 1, fails, lambda: 2])


def test_settings_of_numpy_are_those_of_the_caller():
    with np.errstate(divide="raise"):
        found = Meeting(None).run([np.geterr, np.geterr])
    assert [each["divide"] for each in found] == ["raise", "raise"]
