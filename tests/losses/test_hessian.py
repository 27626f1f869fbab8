"""Hessians of losses of rows: against 50 digits, and as functions of arrays."""

from functools import partial

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from sklearn_losses.losses import (
    CrossEntropy,
    Huber,
    LogLoss,
    MulticlassHinge,
    MulticlassSquaredHinge,
    NumpyLoss,
    Sparsemax,
    Truncated,
)
from tests.cases import ROW_LOSSES, each, near_row_kink, soft_targets, targets
from tests.reference import HESSIANS, REFERENCE, class_probabilities

SIZES = 10.0 ** np.arange(-8.0, 5.0)
N = 37  # not a multiple of the rows that are evaluated side by side
COMBINED = [
    2 * CrossEntropy() + 0.5 * MulticlassSquaredHinge(),
    Truncated(Sparsemax() + CrossEntropy(), 1.5),
]


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


def rows(n_classes, n_random):
    """Raw predictions of all sizes, with ties, and one class far from the others."""
    rng = np.random.default_rng(n_classes)
    raw = rng.normal(size=(len(SIZES) * n_random, n_classes))
    raw *= np.repeat(SIZES, n_random)[:, None]
    raw[1::2, 0] = raw[1::2, 1]
    raw[-n_random:] = 0.0
    raw[::5, -1] += 30.0
    return rng.integers(n_classes, size=len(raw)).astype(float), raw


@pytest.mark.parametrize(("n_classes", "n_random"), [(2, 6), (3, 6), (7, 3), (50, 1)])
@each(ROW_LOSSES)
def test_fifty_digits(loss, n_classes, n_random):
    y, raw = rows(n_classes, n_random)
    found = loss.hessian(y, raw)
    for i, (y_i, raw_i) in enumerate(zip(y, raw)):
        if near_row_kink(loss, y_i, raw_i, 1e-15):
            continue
        t = class_probabilities(loss, y_i, n_classes)
        expected = HESSIANS[type(loss)](loss, t, [mpf(x) for x in raw_i.tolist()])
        expected = np.array(expected, dtype=np.float64)
        np.testing.assert_allclose(
            found[i], expected, rtol=1e-13, atol=1e-300, err_msg=f"{y_i} {raw_i}"
        )


@each([CrossEntropy(), MulticlassHinge(), MulticlassSquaredHinge(), Sparsemax()])
def test_the_reference_is_the_derivative_of_the_reference(loss):
    raw = [mpf("0.3"), mpf("-0.45"), mpf("0.1")]
    t = class_probabilities(loss, 1.0, 3)
    gradient = REFERENCE[type(loss)][1]

    def entry(j, k, x):
        return gradient(loss, t, [*raw[:k], x, *raw[k + 1 :]])[j]

    hessian = HESSIANS[type(loss)](loss, t, raw)
    for j in range(3):
        for k in range(3):
            slope = mpmath.diff(partial(entry, j, k), raw[k])
            assert mpmath.almosteq(slope, hessian[j][k], 1e-15, 1e-15)


@each([*ROW_LOSSES, *COMBINED])
@pytest.mark.parametrize("n_classes", [2, 3, 16, 17, 50])
def test_it_is_symmetric_with_the_curvature_as_diagonal(loss, n_classes):
    y, raw = rows(n_classes, 3)
    found = loss.hessian(y, raw)
    np.testing.assert_array_equal(found, found.swapaxes(1, 2))
    np.testing.assert_array_equal(np.einsum("nkk->nk", found), loss.curvature(y, raw))
    sizes = np.abs(found).max(axis=(1, 2))
    assert (np.linalg.eigvalsh(found)[:, 0] >= -1e-13 * sizes).all()
    # Only differences of raw predictions count.
    assert (np.abs(found.sum(axis=2)) <= 1e-14 * n_classes * sizes[:, None]).all()


@each([*ROW_LOSSES, *COMBINED])
def test_many_rows_are_their_rows(loss):
    rng = np.random.default_rng(0)
    y, raw = targets(loss, rng, N), rng.normal(size=(N, 5))
    found = loss.hessian(y, raw)
    one_by_one = [loss.hessian(y[i : i + 1], raw[i : i + 1])[0] for i in range(N)]
    np.testing.assert_allclose(found, one_by_one, rtol=1e-14, atol=1e-300)
    many = np.tile(raw, (2000, 1))  # more than one thread takes
    again = loss.hessian(np.tile(y, 2000), many).reshape(2000, N, 5, 5)
    np.testing.assert_allclose(again, np.tile(found, (2000, 1, 1, 1)), rtol=1e-14)


@pytest.mark.parametrize("loss", [CrossEntropy(), Sparsemax()])
def test_soft_targets_do_not_matter(loss):
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(N, 3))
    found = loss.hessian(soft_targets(rng, N), raw)
    np.testing.assert_array_equal(found, loss.hessian(np.zeros(N), raw))


def test_sums_have_the_sum():
    y, raw = rows(3, 6)
    parts = 2 * CrossEntropy().hessian(y, raw)
    parts += 0.5 * MulticlassSquaredHinge().hessian(y, raw)
    np.testing.assert_allclose(COMBINED[0].hessian(y, raw), parts, rtol=1e-15)
    off = 0.0 * Sparsemax() + CrossEntropy()
    np.testing.assert_array_equal(off.hessian(y, raw), CrossEntropy().hessian(y, raw))


def test_where_it_is_cut_off_it_is_zero():
    loss, (y, raw) = COMBINED[1], rows(3, 6)
    is_cut = loss.value(y, raw) == loss.limit
    assert 0.1 < is_cut.mean() < 0.9
    expected = loss.loss.hessian(y, raw) * ~is_cut[:, None, None]
    np.testing.assert_array_equal(loss.hessian(y, raw), expected)


@each([*ROW_LOSSES, *COMBINED])
def test_nan_in_a_row_has_none(loss):
    raw = np.zeros((3, 3))
    raw[1, 2] = np.nan
    found = loss.hessian([0, 1, 2], raw)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[::2]).all()


def test_arrays():
    rng = np.random.default_rng(0)
    loss, y, raw = CrossEntropy(), rng.integers(3, size=N), rng.normal(size=(N, 3))
    weight = rng.uniform(size=N)
    weight[3] = 0.0
    found = loss.hessian(y, raw)
    assert found.shape == (N, 3, 3)
    assert found.dtype == np.float64
    weighted = weight[:, None, None] * found
    np.testing.assert_array_equal(loss.hessian(y, raw, weight), weighted)
    out = np.empty((N, 3, 3))
    assert loss.hessian(y, raw, out=out) is out
    np.testing.assert_array_equal(out, found)
    single = loss.hessian(y, raw.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, rtol=1e-5)
    assert loss.hessian([], np.empty((0, 3))).shape == (0, 3, 3)
    with pytest.raises(ValueError, match=r"class index in 0\.\.2"):
        loss.hessian([3], raw[:1])
    with pytest.raises(ValueError, match="out for the hessian"):
        loss.hessian(y, raw, out=np.empty((N, 3)))


@each([Huber(), LogLoss() + LogLoss()])
def test_a_loss_of_points_has_none(loss):
    with pytest.raises(ValueError, match=r"no Hessian.*loss of points"):
        loss.hessian([0.0], [1.0])


# ------------------------------------------------------------- functions of numpy
def squares(y, raw):
    return 0.5 * (raw**2).sum(axis=1) + 0.25 * (raw.sum(axis=1) ** 2)


def squares_gradient(y, raw):
    return raw + 0.5 * raw.sum(axis=1, keepdims=True)


def squares_hessian(y, raw):
    k = raw.shape[1]
    return np.broadcast_to(np.eye(k) + 0.5, (len(raw), k, k))


def of_numpy(hessian, curvature=None):
    functions = squares, squares_gradient, curvature
    return NumpyLoss(*functions, hessian=hessian, task="multiclass", convex=True)


def test_functions_of_numpy_may_have_one():
    y, raw = np.arange(N) % 3, np.random.default_rng(0).normal(size=(N, 3))
    loss = of_numpy(squares_hessian)
    np.testing.assert_array_equal(loss.hessian(y, raw), squares_hessian(y, raw))
    np.testing.assert_array_equal(loss.curvature(y, raw), np.full((N, 3), 1.5))
    both = (2 * loss + CrossEntropy()).hessian(y, raw)
    expected = 2 * squares_hessian(y, raw) + CrossEntropy().hessian(y, raw)
    np.testing.assert_allclose(both, expected, rtol=1e-15)
    own = of_numpy(squares_hessian, lambda y, raw: np.full(raw.shape, 7.0))
    assert own.curvature(y, raw)[0, 0] == 7.0  # check_loss finds that it is wrong


@pytest.mark.parametrize("wrapped", [lambda loss: loss, lambda loss: loss + loss])
def test_what_may_be_wrong_in_numpy(wrapped):
    y, raw = [0.0, 1.0], np.ones((2, 3))
    with pytest.raises(ValueError, match=r"(NumpyLoss|Sum) has no Hessian"):
        wrapped(of_numpy(None)).hessian(y, raw)
    with pytest.raises(ValueError, match=r"hessian function.*shape \(2, 3, 3\)"):
        wrapped(of_numpy(squares_gradient)).hessian(y, raw)
    with pytest.raises(ValueError, match=r"hessian function.*nan for y_true=0"):
        wrapped(of_numpy(lambda y, raw: np.full((2, 3, 3), np.nan))).hessian(y, raw)
    with pytest.raises(ZeroDivisionError):
        wrapped(of_numpy(lambda y, raw: 1 // 0)).hessian(y, raw)
    with pytest.raises(ValueError, match="'hessian' parameter of NumpyLoss must be"):
        of_numpy("squares").hessian(y, raw)
    of_points = NumpyLoss(squares, squares, hessian=squares_hessian)
    with pytest.raises(ValueError, match=r"'hessian' .*None for task='regression'"):
        of_points.value(0.0, 1.0)
