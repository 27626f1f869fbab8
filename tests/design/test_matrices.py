"""Compiled loops over rows and small matrices against numpy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_losses.design._matrices import (
    add_curvature,
    add_moments,
    centre_rows,
    equilibrate,
    mirror,
    set_mean_and_scale,
    weigh_rows,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_centred_and_weighed(dtype):
    x, weight = RNG.normal(size=(7, 3)).astype(dtype), RNG.uniform(size=(7, 2))[:, 1]
    mean, scale = RNG.normal(size=3), np.array([1.0, 0.0, 2.0])
    z, weighed = np.empty((7, 4)), np.empty((7, 3))
    centre_rows(x, mean, scale, z)
    assert_array_equal(z, np.column_stack([(x - mean) * scale, np.ones(7)]))
    weigh_rows(x, weight, weighed)
    assert_allclose(weighed.T @ weighed, x.T @ (weight[:, None] * x), rtol=1e-6)


def test_moments_are_added_of_each_output():
    z, (g, c) = RNG.normal(size=(7, 3)), RNG.uniform(size=(2, 7, 2))
    first, second = np.ones((2, 3)), np.ones((2, 3, 3))
    add_moments(z, g, c, first, second)
    assert_allclose(first, 1.0 + g.T @ z)
    known = 1.0 + np.einsum("io,ij,ik->ojk", c, z, z)
    assert_allclose(np.tril(second), np.tril(known))
    assert (second[:, *np.triu_indices(3, 1)] == 1.0).all()


def test_the_lower_triangle_is_mirrored():
    matrix = RNG.normal(size=(5, 5))
    known = np.tril(matrix) + np.tril(matrix, -1).T
    mirror(matrix)
    assert_array_equal(matrix, known)


def test_a_matrix_is_scaled_to_a_diagonal_of_1():
    matrix = RNG.normal(size=(5, 5)) + 9.0 * np.eye(5)
    matrix[2, 2], matrix[3, 3] = 0.0, np.nan
    out, scale = np.empty((5, 5)), np.empty(5)
    equilibrate(matrix, 0.5, out, scale)
    known = [1 / np.sqrt(d) if d > 0 else 0.0 for d in np.diag(matrix)]
    assert_allclose(scale, known)
    assert_array_equal(np.diag(out), 1.5)
    below = np.tril_indices(5, -1)
    assert_allclose(out[below], (matrix * np.outer(scale, scale))[below])


def test_what_does_not_move_has_no_jitter_and_the_intercept_no_row():
    matrix, l2 = RNG.normal(size=(4, 4)), np.array([1.0, 2.0, 3.0, 0.0])
    moves = np.array([1.0, 0.0, 1.0, 1.0])
    known = matrix + np.diag(l2 + 0.5 * moves)
    add_curvature(matrix, l2, 0.5, moves)
    assert_allclose(matrix, known)
    moves[-1] = 0.0
    add_curvature(matrix, 0.0 * l2, 0.0, moves)
    known[-1] = known[:, -1] = 0.0
    assert_allclose(matrix, known)


@pytest.mark.parametrize("moves", [True, False])
def test_mean_and_scale(moves):
    x, centre = RNG.normal(size=(50, 3)) * [1.0, 1e-3, 0.0] + 2.0, np.full(3, 1.5)
    unit, out = np.array([1.0, 1e3, 1.0]), np.empty((2, 3))
    e = (x - centre) * unit
    sums = np.array([e.mean(axis=0), (e * e).mean(axis=0)])
    moved = set_mean_and_scale(sums, unit, centre, moves, 1e-13, out)
    mean = x.mean(axis=0) if moves else centre
    spread = np.sqrt(((x - mean) ** 2).mean(axis=0))
    assert_allclose(out[0], mean)
    varies = spread > 1e-6
    assert_allclose(out[1], np.where(varies, 1.0 / np.where(varies, spread, 1.0), 0.0))
    assert moved == (np.inf if moves else 0.0)  # of the constant column


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_column_without_a_mean_or_a_spread_counts_as_constant(bad):
    sums, out = np.array([[bad, 0.0], [1.0, bad]]), np.empty((2, 2))
    set_mean_and_scale(sums, np.ones(2), np.ones(2), True, 1e-13, out)
    assert_array_equal(out[1], 0.0)
    assert np.isfinite(out).all()
