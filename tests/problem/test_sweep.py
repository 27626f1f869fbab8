"""A pass over the rows in one loop: its sums are those of numpy, for any rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from threadpoolctl import threadpool_limits

from sklearn_losses import Hinge, Huber, LogLoss, Poisson
from sklearn_losses.design._rows import Rows
from sklearn_losses.problem._sweep import sweep
from sklearn_losses.terms._point_sums import PointSums
from tests.cases import each


def problem(loss, n, d, dtype=np.float64, kind=np.array):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.5)
    y = rng.poisson(1.0, n).astype(float)
    y = np.minimum(y, 1.0) if loss.task == "binary" else y
    weight = rng.integers(0, 3, n) / n
    p, theta = rng.normal(size=n), rng.normal(size=d + 1)
    return Rows(kind(X.astype(dtype))), y, weight, p, theta


def swept(loss, rows, y, weight, p, theta, h=0.0, q=None):
    gradient = np.zeros(len(theta) - 1)
    sums = PointSums(loss.checked(), y, weight)
    arrays = rows.data, rows.columns, rows.starts
    return sweep(*arrays, sums, theta, p, q, h, gradient), gradient


@each([LogLoss(), Poisson(), Huber(), Hinge()])
@pytest.mark.parametrize("shape", [(1, 1), (37, 3), (3000, 7), (60_000, 20)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
def test_sums(loss, shape, dtype, kind):
    rows, y, weight, p, theta = problem(loss, *shape, dtype, kind)
    X = rows.dot(np.eye(shape[1]), np.zeros(shape[1]))
    for q in (None, np.empty(shape[0])):
        found, gradient = swept(loss, rows, y, weight, p, theta, q=q)
        along = np.zeros(len(p)) if q is None else X @ theta[:-1] + theta[-1]
        if q is not None:
            assert_allclose(q, along, rtol=1e-12, atol=1e-12)
        at = p + along
        value, slope = loss.value_gradient(y, at)
        slope = weight * slope
        known = [weight @ value, 0.0, slope @ at, np.abs(slope * at).sum()]
        known += [np.abs(slope).sum(), slope @ along, slope.sum()]
        assert_allclose(found, known, rtol=1e-10, atol=1e-13)
        assert_allclose(gradient, slope @ X, rtol=1e-10, atol=1e-13)


def test_smoothed_slopes_and_the_values_around():
    loss, h = Hinge(), 0.3
    rows, y, weight, p, theta = problem(loss, 500, 4)
    found, gradient = swept(loss, rows, y, weight, p, theta, h)
    up, down = loss.value(y, p + h), loss.value(y, p - h)
    assert_allclose(found[1], weight @ (up + down) / 2)
    slope = weight * (up - down) / (2 * h)
    assert_allclose(gradient, rows.transposed_dot(slope[:, None])[0], rtol=1e-10)


@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
def test_the_number_of_threads_changes_nothing(kind):
    rows, y, weight, p, theta = problem(LogLoss(), 60_000, 20, kind=kind)
    results = []
    for n_threads in (1, 2):
        q = np.empty(len(p))
        with threadpool_limits(n_threads, user_api="openmp"):
            results.append((*swept(LogLoss(), rows, y, weight, p, theta, q=q), q))
    for one, two in zip(*results):
        assert_array_equal(one, two)


def test_rows_that_do_not_fit_are_refused():
    rows, y, weight, p, theta = problem(LogLoss(), 50, 3)
    with pytest.raises(ValueError, match=r"There are 49 targets\. Got p of 50"):
        swept(LogLoss(), rows, y[1:], weight[1:], p, theta)
