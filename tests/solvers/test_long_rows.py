"""Steps of long dense rows: to the bit those of any other rows."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_losses import Hinge, Huber, LogLoss, SquaredError
from sklearn_losses.solvers.sgd._long_rows import LongRows
from tests.schedules import SGDClassifier, SGDRegressor

RNG = np.random.default_rng(0)
# Whole lines, and with up to seven more entries; a float32 row is long from 512 on.
WIDTHS = [256, 257, 260, 263, 512, 519, 700]
CONSTANT = dict(learning_rate="constant", eta0=1e-3)


def data(d, n=150, dtype=np.float64):
    X = RNG.normal(size=(n, d)).astype(dtype)
    return X, X @ RNG.normal(size=d) + RNG.normal(size=n)


@pytest.fixture
def both(monkeypatch):
    """Fits, with the steps of long rows and with those of any others."""
    taken = []
    can_take = LongRows.can_take

    def fit(model, X, y, **fit_params):
        found = []
        for allowed in (True, False):

            def spy(rows, epoch, allowed=allowed):
                taken.append(can_take(rows, epoch))
                return allowed and taken[-1]

            monkeypatch.setattr(LongRows, "can_take", staticmethod(spy))
            model.fit(X, y, **fit_params)
            curves = getattr(model, "loss_curve_", ())
            found.append([*model.coef_.ravel(), *model.intercept_, *curves])
        assert any(taken)
        assert np.any(found)
        assert_array_equal(*found)

    return fit


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_regression(d, shuffle, dtype, both):
    if d * dtype().itemsize < 2048:
        d += 256
    X, y = data(d, dtype=dtype)
    model = SGDRegressor(
        Huber(0.5), max_iter=3, tol=None, shuffle=shuffle, random_state=0, **CONSTANT
    )
    both(model, X, y, sample_weight=RNG.uniform(size=len(y)))


@pytest.mark.parametrize("loss", [LogLoss(), Hinge()])
@pytest.mark.parametrize(
    "settings",
    [
        dict(learning_rate="optimal", alpha=1e-2, class_weight={True: 2.5}),
        dict(learning_rate="adaptive", eta0=0.1, fit_intercept=False),
        CONSTANT,
    ],
)
def test_a_classifier_and_its_criterion(loss, settings, both):
    X, y = data(300)
    model = SGDClassifier(loss, random_state=0, tol=1e-4, trace=True, **settings)
    both(model, X, y > 0)


def test_steps_that_depend_on_the_row(both):
    X, y = data(300)
    X[::7] = 0.0  # makes no step
    settings = dict(learning_rate="pa1", eta0=1.0, penalty=None, random_state=0)
    both(SGDClassifier(Hinge(), **settings), X, y > 0)


@pytest.mark.parametrize("alpha", [3.0, 999.9, 1000.0, 1e5])
def test_penalties_that_rescale_or_erase_the_weights(alpha, both):
    X, y = data(256)
    model = SGDRegressor(
        SquaredError(), alpha=alpha, random_state=0, tol=1e-12, **CONSTANT
    )
    both(model, X, y)


def test_one_row(both):
    X, y = data(300, n=1)
    both(SGDRegressor(max_iter=3, tol=None, **CONSTANT), X, y)


def test_the_row_at_fault():
    X, y = data(300)
    X[70] = 1e200
    settings = dict(learning_rate="constant", eta0=1e200, shuffle=False)
    with pytest.raises(ValueError, match="row"):
        SGDRegressor(SquaredError(), **settings).fit(X, y)
