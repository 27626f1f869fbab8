"""The centred view of rows against long doubles."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_losses.design import _centred, _sums
from sklearn_losses.design._centred import Centred
from sklearn_losses.design._rows import Rows


def data(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5)) * [1.0, 1e6, 1e-8, 1.0, 0.0]
    X += [0.0, 3e6, 0.0, 1e8, 7.0]
    X[::2, 2] = 0.0
    return X.astype(dtype), rng.uniform(size=200) * (np.arange(200) % 5 > 0)


def reference(X, weight, centre=True):
    X, share = X.astype(np.longdouble), weight / weight.astype(np.longdouble).sum()
    mean = share @ X * centre
    spread = np.sqrt(share @ (X - mean) ** 2)
    varies = spread > 1e-13 * np.abs(mean)
    return (X - mean) * np.where(varies, 1 / np.where(varies, spread, 1), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("block", [1 << 17, 64])
@pytest.mark.parametrize("tiny", [_sums.TINY, 0])
def test_dense(dtype, centre, block, tiny, monkeypatch):
    monkeypatch.setattr(_centred, "BLOCK", block)
    monkeypatch.setattr(_sums, "TINY", tiny)
    X, weight = data(dtype)
    features = Centred(Rows(X), weight, centre)
    # A mean of 1e8 is rounded by up to 7e-9.
    check(features, reference(X, weight, centre), 5e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("centre", [True, False])
def test_dense_of_small_means(dtype, centre, monkeypatch):
    monkeypatch.setattr(_centred, "BLOCK", 64)
    X, weight = data()
    X[:, 3] -= 1e8  # whose entries stay as they are
    X = X.astype(dtype)
    features = Centred(Rows(X), weight, centre)
    assert features.is_plain
    check(features, reference(X, weight, centre), 1e-9)


@pytest.mark.parametrize("size", [1e-200, 1e-150, 1e150, 1e200])
def test_spread_of_extreme_units(size):
    X, weight = data()
    features, extreme = (Centred(Rows(a), weight) for a in (X, X * size))
    np.testing.assert_allclose(extreme.scale * size, features.scale, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, None])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_spread_finds_what_is_not_finite(make, bad):
    looks = []
    X, weight = data()
    if bad is not None:
        X[3, 1] = bad
    rows = Rows(make(X), lambda: looks.append(1))
    Centred(rows, weight)
    assert rows.is_verified
    assert len(looks) == (bad is not None)


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("block", [1 << 19, 64])
def test_sparse(centre, block, monkeypatch):
    monkeypatch.setattr(_centred, "SPARSE_BLOCK", block)
    X, weight = data()
    X[:, 3] -= 1e8  # the sums of sparse rows would cancel
    features = Centred(Rows(sparse.csr_matrix(X)), weight, centre)
    check(features, reference(X, weight, centre), 1e-9)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("far", [0.0, 1e6])  # which takes a second pass
def test_spread_and_the_sum_of_slopes_in_one_pass(weighted, far):
    X, weight = data()
    X[:, 0] += far
    X = sparse.csr_matrix(X)
    weight = weight if weighted else None
    g = np.random.default_rng(2).normal(size=200)
    alone, both = (Centred(Rows(X), weight, slopes=s) for s in (None, g))
    assert alone.by_slopes is None
    np.testing.assert_allclose(both.by_slopes, X.T @ g, rtol=1e-12)
    np.testing.assert_array_equal(both.mean, alone.mean)
    np.testing.assert_array_equal(both.scale, alone.scale)


def check(features, z, tol):
    n, d = z.shape
    rng = np.random.default_rng(1)
    u, g, c = rng.normal(size=d), rng.normal(size=n), rng.uniform(size=n)
    z = z.astype(np.float64)
    np.testing.assert_allclose(features.dot(u), z @ u, atol=tol)
    np.testing.assert_allclose(features.transposed_dot(g), g @ z, atol=tol * n)
    by_g, second, first = features.moments(g, c)
    np.testing.assert_allclose(by_g, g @ z, atol=tol * n)
    np.testing.assert_allclose(second, (z.T * c) @ z, atol=tol * n)
    np.testing.assert_allclose(first, c @ z, atol=tol * n)
    squares = features.squares(np.column_stack([c, g**2]))
    expected = (z * z).T @ np.column_stack([c, g**2])
    np.testing.assert_allclose(squares, expected, atol=tol * n)
    for several in (np.column_stack([g, c]), np.column_stack([g, c, c, g, g**2])):
        found = features.transposed_dot(several)
        np.testing.assert_allclose(found, z.T @ several, atol=tol * n)
    several = rng.normal(size=(d, 5))
    for block in features.blocks:
        found = features.dot(several, block)
        np.testing.assert_allclose(found, z[block] @ several, atol=tol)


def test_unscaled():
    X, weight = data()
    features = Centred(Rows(X), weight)
    u = np.array([1.0, -2.0, 0.5, 3.0, 4.0])
    coef, intercept = features.unscaled(u, 1.5)
    assert coef[4] == 0.0  # of a constant column
    np.testing.assert_allclose(X @ coef + intercept, features.dot(u) + 1.5, atol=1e-5)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_far_entries_are_left_out_of_mean_and_spread(make, unit):
    X = np.random.default_rng(0).normal(size=(100, 3)) + 5.0
    features = Centred(Rows(make(unit * X)), None, keeps_far=False)
    far = X.copy()
    far[[3, 50], 1] = 1e9, -1e7
    found = Centred(Rows(make(unit * far)), None, keeps_far=False)
    assert found.has_far
    assert not features.has_far
    near = np.delete(X[:, 1], [3, 50])
    np.testing.assert_allclose(found.mean[1], unit * near.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.scale[1], 1 / (unit * near.std()), rtol=1e-12)
    np.testing.assert_allclose(found.scale[::2], features.scale[::2], rtol=1e-12)


def test_a_single_entry_of_a_column_is_not_far():
    X = np.eye(200)[:, :5] + 0.0
    for make in (np.asarray, sparse.csr_array):
        assert not Centred(Rows(make(X)), None).has_far


def test_a_constant_column_of_csr_rows_has_no_spread():
    """Weights of its entries sum to 1 up to rounding, and nothing is left for zeros."""
    for n in range(2, 60):
        for weight in (None, np.random.default_rng(n).uniform(size=n)):
            X = sparse.csr_array(np.full((n, 1), 0.001136))
            assert Centred(Rows(X), weight).scale[0] == 0.0
