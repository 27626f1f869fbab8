"""Newton's model: the Hessian of all outputs, and the minimum with an l1 norm."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import softmax

from sklearn_losses import (
    CrossEntropy,
    MulticlassHinge,
    MulticlassSquaredHinge,
    Sparsemax,
    SquaredError,
    Truncated,
)
from sklearn_losses.design import _centred
from sklearn_losses.design._centred import Centred
from sklearn_losses.design._rows import Rows
from sklearn_losses.penalties._price import Price
from sklearn_losses.solvers.descent import _newton_model
from sklearn_losses.solvers.descent._curvature import FIRST_DAMPING
from sklearn_losses.solvers.descent._newton_model import NewtonModel, ProductModel
from sklearn_losses.solvers.descent._problem import CentredProblem
from sklearn_losses.terms._points import PointTerm
from sklearn_losses.terms._rows import RowTerm, row_term
from tests.cases import each

N, D, K = 60, 4, 3
ALL = slice(None)


def term(loss, seed=0):
    rng = np.random.default_rng(seed)
    y, weight = rng.integers(K, size=N).astype(float), rng.uniform(0.0, 2.0, N)
    return row_term(loss, y, weight, K), rng.normal(size=(N, K))


def test_the_hessians_of_the_softmax():
    of_rows, p = term(CrossEntropy())
    s = softmax(p, axis=1)
    known = s[:, :, None] * (np.eye(K) - s[:, None])
    found = of_rows.hessians(p, 0.0, ALL)
    assert_allclose(
        found, of_rows.weight[:, None, None] * known, rtol=1e-14, atol=1e-16
    )
    whole = of_rows.mean_hessian(p, 0.0)
    assert_allclose(whole, found.sum(axis=0), rtol=1e-14, atol=1e-14)


@each([CrossEntropy(), CrossEntropy() + 0.5 * Sparsemax()])
def test_the_hessians_of_a_loss_without_are_differences(loss, monkeypatch):
    of_rows, p = term(loss)
    monkeypatch.setattr(RowTerm, "_has_hessians", lambda self, h: False)
    by_differences = of_rows.hessians(p, 0.0, ALL), of_rows.mean_hessian(p, 0.0)
    monkeypatch.undo()
    exact = of_rows.hessians(p, 0.0, ALL), of_rows.mean_hessian(p, 0.0)
    for found, known in zip(by_differences, exact):
        assert_allclose(found, known, atol=1e-6 * known.max())


def test_differences_know_of_a_kink_that_nobody_smooths():
    loss = CrossEntropy() + MulticlassHinge()
    of_rows, p = term(loss)
    p[:] = 0.0
    p[np.arange(N), of_rows.y.astype(int)] = 1.0  # where the margins are 1
    found = of_rows.hessians(p, 0.0, ALL)
    assert np.trace(found.sum(axis=0)) > 100 * np.trace(
        loss.hessian(of_rows.y, p).sum(0)
    )


@pytest.mark.parametrize("h", [1e-3, 1.0])
def test_the_hessians_of_a_smoothed_maximum(h):
    of_rows, p = term(MulticlassHinge())
    p *= h
    p[np.arange(N), of_rows.y.astype(int)] += 1.0
    found = of_rows.hessians(p, h, ALL)
    margins = p + 1.0
    margins[np.arange(N), of_rows.y.astype(int)] -= 1.0
    s = softmax(margins / h, axis=1)
    known = s[:, :, None] * (np.eye(K) - s[:, None]) / h
    known *= of_rows.weight[:, None, None]
    assert_allclose(found, known, rtol=1e-12, atol=1e-14 * known.max())


@each([MulticlassSquaredHinge(), Sparsemax(), CrossEntropy(), MulticlassHinge()])
def test_hessians_are_those_of_a_convex_loss_also_where_they_jump(loss):
    of_rows, p = term(loss)
    p[::2] = np.round(p[::2])  # where one class more gets a share, or a margin is 1
    found = of_rows.hessians(p, 0.1 if of_rows.is_smoothed else 0.0, ALL)
    assert_allclose(found, found.transpose(0, 2, 1), rtol=0, atol=1e-15 * found.max())
    assert np.linalg.eigvalsh(found).min() >= -1e-6 * found.max()
    assert found.max() > 0.1


def test_hessians_of_a_loss_that_is_not_convex_have_no_negative_eigenvalues():
    of_rows, p = term(Truncated(CrossEntropy(), 1.0))
    assert not of_rows.loss.convex
    found = of_rows.hessians(p, 0.0, ALL)
    assert np.linalg.eigvalsh(found).min() >= -1e-12


def test_a_block_has_the_hessians_of_its_rows():
    of_rows, p = term(CrossEntropy(label_smoothing=0.1))
    block = slice(10, 25)
    whole = of_rows.hessians(p, 0.0, ALL)
    assert_array_equal(of_rows.hessians(p[block], 0.0, block), whole[block])


@pytest.mark.parametrize("kind", [np.float64, np.float32, sparse.csr_array])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("entries", [16, 1 << 17])
def test_chosen_rows_of_the_features(kind, offset, entries, monkeypatch):
    monkeypatch.setattr(_centred, "BLOCK", entries)
    X = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32) + offset
    features = Centred(Rows(kind(X)), None)
    subset = np.array([3, 59, 0, 17])
    Z = np.column_stack([(X - features.mean) * features.scale, np.ones(N)])
    found = features.chosen(subset)
    assert_allclose(found, Z[subset], rtol=1e-6, atol=1e-9)
    found[:] = 0.0  # a copy
    assert_allclose(features.chosen(subset), Z[subset], rtol=1e-6, atol=1e-9)


def with_l1(seed, condition, positive=False, d=6):
    """A model with a matrix of that condition, and its l1."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(d, d)))[0]
    l1 = np.append(np.full(d - 1, 0.3), 0.0)
    price = Price(l1=0.3, low=0.0 if positive else -np.inf)
    features = Centred(Rows(rng.normal(size=(N, d - 1))), None)
    loss = PointTerm(SquaredError(), np.zeros(N), np.ones(N))
    model = NewtonModel(CentredProblem(loss, features, price, True))
    model.hessian = Q @ np.diag(np.geomspace(1.0, condition, d)) @ Q.T
    model.theta, model.gradient = np.zeros(d), rng.normal(size=d)
    return model, l1


@pytest.mark.parametrize("condition", [1.0, 1e8])
def test_with_an_l1_norm_an_end_is_in_doubt_where_a_face_is_stiff(condition):
    model, _ = with_l1(0, condition)
    model.is_smoothed, model.gradient = True, 10.0 * model.hessian @ np.ones(6)
    new = model.minimum()[0]
    assert new.all()
    assert model.is_stiff == (condition > 1.0)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("condition", [1.0, 1e6])
@pytest.mark.parametrize("seed", range(5))
def test_enough_faces_lead_to_the_minimum(condition, seed, positive, monkeypatch):
    """No coordinate can lower the model, however near to singular its matrix is."""
    monkeypatch.setattr(_newton_model, "FEW_FACES", 100)
    monkeypatch.setattr(_newton_model, "MOST_FACES", 100)
    model, l1 = with_l1(seed, condition, positive)
    new, delta, _, predicted = model.minimum()
    damped = model.hessian + FIRST_DAMPING * np.diag(np.diag(model.hessian))
    gradient = model.gradient + damped @ delta
    zero = new == 0
    assert_allclose((gradient + l1 * np.sign(new))[~zero], 0.0, atol=1e-6)
    most = gradient * (-1.0 if positive else np.sign(gradient))
    assert (most[zero] <= l1[zero] + 1e-6).all()
    assert not positive or (new[:-1] >= 0).all()
    value = model.gradient @ delta + 0.5 * delta @ model.hessian @ delta
    assert_allclose(predicted, -(value + l1 @ np.abs(new)), rtol=1e-6)


@pytest.mark.parametrize("kind", [np.float64, sparse.csr_array])
def test_moments_of_rows_with_matrices(kind):
    rng = np.random.default_rng(0)
    X, M = rng.normal(size=(N, D)), rng.normal(size=(N, K, K))
    M += M.transpose(0, 2, 1)
    features, subset = Centred(Rows(kind(X)), None), np.arange(0, N, 2)
    found = np.zeros((K, D + 1, K, D + 1))
    features.add_coupled(subset, M[subset], found)
    Z = features.chosen(subset)
    known = np.einsum("ikl,ia,ib->kalb", M[subset], Z, Z)
    for k in range(K):
        assert_allclose(found[k, :, : k + 1], known[k, :, : k + 1], atol=1e-12)
        assert not found[k, :, k + 1 :].any()


def test_products_at_a_minimum_make_no_step():
    model = ProductModel.__new__(ProductModel)
    model.theta, model.gradient = np.ones(3), np.zeros(3)
    model.product, model.diagonal = lambda v: v, np.ones(3)
    model.has_kinks = False
    new, delta, slope, promised = model.minimum()
    np.testing.assert_array_equal(new, model.theta)
    assert (np.abs(delta).max(), slope, promised) == (0.0, 0.0, 0.0)
