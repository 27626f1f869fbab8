"""Steps of short rows, beside ten lines of numpy and beside those of longer rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_losses import Huber, LogLoss, SquaredError
from sklearn_losses.design._rows import Rows
from tests.schedules import SGDClassifier, SGDRegressor

RNG = np.random.default_rng(0)
WIDTHS = [1, 3, 4, 5, 8, 11, 12, 13, 20, 31, 32, 33]  # the last is not short


def data(d, n=300, dtype=np.float64):
    X = RNG.normal(size=(n, d)).astype(dtype)
    return X, X @ RNG.normal(size=d) + RNG.normal(size=n)


def both(model, X, y, **fit):
    """Coefficients and intercept of a fit, and those beside columns of zeros.

    With these the rows are not short. Those of CSR rows are the same to the bit.
    """
    found, d = [], X.shape[1]
    wide = np.hstack([X, np.zeros((len(X), 33), X.dtype)])
    for rows in (X, sparse.csr_array(X), wide):
        model.fit(rows, y, **fit)
        found.append(np.append(model.coef_[..., :d], model.intercept_))
    assert_array_equal(*found[:2])
    return found[1:]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", WIDTHS)
def test_ten_lines_of_numpy(d, dtype):
    X, y = data(d, dtype=dtype)
    weight = RNG.uniform(0.1, 2.0, len(y))
    loss, eta, alpha = Huber(0.5), 0.01, 0.1
    w, b = np.zeros(d), 0.0
    for _ in range(3):
        for x, target, factor in zip(X.astype(np.float64), y, weight):
            g = factor * loss.gradient(target, x @ w + b)
            w = (1 - eta * alpha) * w - eta * g * x
            b -= eta * g
    settings = dict(learning_rate="constant", eta0=eta, alpha=alpha, shuffle=False)
    model = SGDRegressor(loss, max_iter=3, tol=None, **settings)
    model.fit(X, y, sample_weight=weight)
    rtol = 1e-11 if dtype == np.float64 else 1e-5  # coef_ is float32, too
    assert_allclose(model.coef_, w, rtol=rtol, atol=1e-3 * rtol)
    assert_allclose(model.intercept_, b, rtol=rtol)


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_classifier_and_its_criterion(d, fit_intercept):
    X, y = data(d)
    model = SGDClassifier(
        LogLoss(),
        learning_rate="optimal",
        alpha=1e-2,
        class_weight={False: 1.0, True: 2.5},
        fit_intercept=fit_intercept,
        random_state=0,
        tol=1e-4,
        trace=True,
    )
    curves, coefs = [], []
    for rows in (X, sparse.csr_array(X)):
        model.fit(rows, y > 0)
        curves.append(model.loss_curve_)
        coefs.append(model.coef_)
    assert_allclose(curves[0], curves[1], rtol=1e-10)
    assert_allclose(coefs[0], coefs[1], rtol=1e-9)


@pytest.mark.parametrize("alpha", [3.0, 99.99, 100.0, 1e4])
def test_penalties_that_rescale_or_erase_the_weights(alpha):
    X, y = data(20)
    settings = dict(learning_rate="constant", eta0=0.01, alpha=alpha, random_state=0)
    model = SGDRegressor(SquaredError(), max_iter=5, tol=1e-12, **settings)
    dense, by_csr = both(model, X, y)
    assert np.all(np.isfinite(dense))
    assert_allclose(dense, by_csr, rtol=1e-10, atol=1e-13)


def test_products_of_rows_that_overflow():
    """x . z is inf where w . x, with the steps of such rows, is not."""
    X, y = data(6)
    X *= 1e160
    settings = dict(learning_rate="constant", eta0=1e-320, random_state=0)
    model = SGDRegressor(Huber(), max_iter=2, tol=None, **settings)
    dense, by_csr = both(model, X, y)
    assert np.all(np.isfinite(dense))
    assert np.any(dense)
    assert_allclose(dense, by_csr, rtol=1e-10)


def test_the_row_at_fault():
    X, y = data(6)
    X[70] = 1e200
    settings = dict(learning_rate="constant", eta0=1e200, shuffle=False)
    model = SGDRegressor(SquaredError(), **settings)
    errors = []
    for rows in (X, sparse.csr_array(X)):
        with pytest.raises(ValueError, match="row") as error:
            model.fit(rows, y)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_rows_are_not_written_to():
    X, y = data(5)
    before = X.copy()
    X.flags.writeable = False
    SGDRegressor(max_iter=2, tol=None).fit(X, y)
    assert np.array_equal(Rows(X).data, before.ravel())


def test_one_row():
    X, y = data(5, n=1)
    dense, by_csr = both(SGDRegressor(max_iter=3, tol=None), X, y)
    assert_allclose(dense, by_csr, rtol=1e-12)
