"""The damped, scaled Cholesky factor that all quadratic models share."""

import numpy as np
from numpy.testing import assert_allclose

from sklearn_losses.solvers._quadratic import scaled_solve


def test_scales_of_the_columns_do_not_matter():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(20, 5)) * [1e-8, 1.0, 1e8, 1e3, 1e-3]
    v = A.T @ rng.normal(size=20)
    found, damping = scaled_solve(A.T @ A, v, 1e-12)
    assert damping == 1e-12
    unit = np.sqrt((A * A).sum(axis=0))
    Z = A / unit
    assert_allclose(found * unit, np.linalg.solve(Z.T @ Z, v / unit), rtol=1e-8)


def test_damping_grows_until_the_matrix_is_positive_definite():
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    found, damping = scaled_solve(indefinite, np.array([1.0, 1.0]), 2e-3)
    assert damping > 1.0
    assert_allclose((indefinite + damping * np.eye(2)) @ found, 1.0)


def test_a_matrix_with_nan_counts_as_diagonal():
    matrix = 4.0 * np.eye(3)
    matrix[0, -1] = matrix[-1, 0] = np.nan
    found, _ = scaled_solve(matrix, np.ones(3), 1e-3)
    assert_allclose(found, 0.25)
