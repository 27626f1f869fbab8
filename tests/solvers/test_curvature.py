"""The damped, scaled Cholesky factor of all models, and curvature that is coupled."""

import numpy as np
from numpy.testing import assert_allclose

from sklearn_losses.solvers.descent._curvature import Curvature, scaled_solve


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


def test_outputs_that_share_rows_are_coupled():
    """Where all rows have the same Hessian, the model has the inverse of the whole."""
    rng = np.random.default_rng(0)
    of_row, Z = rng.normal(size=(3, 4)), rng.normal(size=(50, 5)) * np.arange(1.0, 6.0)
    of_row, second = of_row @ of_row.T, Z.T @ Z
    blocks = np.array([h * second for h in np.diag(of_row)])
    v = rng.normal(size=15)
    known = np.linalg.solve(np.kron(of_row, second), v)
    assert_allclose(Curvature(blocks, of_row).solve(v), known, rtol=1e-3)  # damped
    alone = np.concatenate(
        [np.linalg.solve(b, u) for b, u in zip(blocks, v.reshape(3, 5))]
    )
    assert_allclose(Curvature(blocks).solve(v), alone, rtol=1e-3)


def test_what_is_common_to_all_outputs_is_not_blown_up():
    """Of the softmax, which does not feel it: the Hessian's eigenvalue is 0."""
    of_row = np.eye(3) / 3 - 1 / 9
    found = Curvature(np.array([2.0 / 9.0 * np.eye(2)] * 3), of_row).solve(np.ones(6))
    assert np.abs(found).max() <= 4.6
    across = np.array([1.0, 0.0, -1.0, 0.0, 0.0, 0.0])
    known = np.linalg.pinv(np.kron(of_row, np.eye(2))) @ across
    found = Curvature(np.array([2.0 / 9.0 * np.eye(2)] * 3), of_row).solve(across)
    assert_allclose(found, known, rtol=1e-5, atol=1e-12)


def test_only_the_lower_triangle_is_looked_at():
    matrix, v = np.array([[2.0, 99.0], [1.0, 3.0]]), np.array([1.0, -2.0])
    known = np.linalg.solve([[2.0, 1.0], [1.0, 3.0]], v)
    assert_allclose(scaled_solve(matrix, v, 1e-12)[0], known)
