"""Rows in blocks: what tasks add up to is what all rows together say."""

import pickle

import numpy as np
import pytest
from scipy import sparse

from sklearn_losses import CrossEntropy, Gamma, Huber, LogLoss, Quantile
from sklearn_losses.design._centred import Centred
from sklearn_losses.design._rows import Rows
from sklearn_losses.problem._blocks import LocalBlocks, Point, added, mean_and_scale
from sklearn_losses.problem._blocks import second_order as looked_at
from sklearn_losses.problem._blocks_duality import BlocksDual, Slopes, dual_part
from sklearn_losses.problem._duality import Dual
from sklearn_losses.solvers.descent._exact import polished
from tests.cases import each
from tests.solvers.test_exact import PENALTIES, fit, objective_of

FORMS = pytest.mark.parametrize(
    "form", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"]
)
SIZES = pytest.mark.parametrize("size", [150, 149, 40, 1])


class Pickled(LocalBlocks):
    """Blocks in another process, as far as a task can tell."""

    def map(self, task, *args):
        there = [pickle.loads(pickle.dumps((task, args))) for _ in self.blocks]
        return [task(block, *args) for block, (task, args) in zip(self.blocks, there)]


@FORMS
@SIZES
def test_a_part_is_a_view_of_rows(form, size):
    objective = objective_of(LogLoss(), PENALTIES["l2"], form=form)
    blocks = LocalBlocks.of(objective, size).blocks
    whole = np.concatenate([block.rows.to_dense() for block in blocks])
    np.testing.assert_array_equal(whole, objective.rows.to_dense())
    assert all(np.shares_memory(b.rows.data, objective.rows.data) for b in blocks)
    coef, intercept = np.ones((1, 4)), np.zeros(1)
    raw = [block.raw(coef, intercept) for block in blocks]
    np.testing.assert_array_equal(np.concatenate(raw), objective.raw(coef, intercept))


@SIZES
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("unit", [1.0, 1e-200, 1e200])
def test_mean_and_spread_are_those_of_all_rows(size, centre, unit):
    objective = objective_of(LogLoss(), PENALTIES["l2"])
    X = objective.rows.to_dense() * unit
    X = np.column_stack([np.sort(X, axis=0), np.full(len(X), 3.0)])
    objective = objective_of(LogLoss(), PENALTIES["l2"], form=lambda _: X.copy())
    whole = Centred(objective.rows, objective.sample_weight, centre)
    mean, scale, _ = mean_and_scale(LocalBlocks.of(objective, size), centre)
    np.testing.assert_allclose(mean, whole.mean, rtol=1e-13, atol=1e-15 * unit)
    np.testing.assert_allclose(scale, whole.scale, rtol=1e-10)


@each([Huber(), LogLoss(), CrossEntropy()])
@SIZES
def test_sums_are_those_of_all_rows(loss, size):
    n_outputs = 3 if loss.granularity == "row" else 1
    offset = np.random.default_rng(0).normal(size=(150, n_outputs))
    objective = objective_of(loss, PENALTIES["l2"], offset=offset)
    features = Centred(objective.rows, objective.sample_weight)
    theta = np.random.default_rng(1).normal(size=(n_outputs, 5))
    point = Point(features.mean, features.scale, theta)
    parts = LocalBlocks.of(objective, size).map(looked_at, point)
    for found, whole in zip(added(parts), looked_at(objective, point)):
        np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-13)


@each([Gamma(), LogLoss(), CrossEntropy()])
@FORMS
@pytest.mark.parametrize("penalty", PENALTIES)
def test_polished_coefficients_are_those_of_all_rows(loss, form, penalty):
    objective = objective_of(loss, PENALTIES[penalty], form=form)
    found = fit(objective, tol=1e-4)
    coef, intercept, _ = polished(objective, found.coef, found.intercept)
    blocks = Pickled(LocalBlocks.of(objective, 37).blocks)
    by_blocks = polished(objective, found.coef, found.intercept, blocks)
    np.testing.assert_allclose(by_blocks[0], coef, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(by_blocks[1], intercept, rtol=1e-10, atol=1e-12)


def test_rows_of_one_block_need_no_weight():
    objective = objective_of(LogLoss(), PENALTIES["l2"])
    objective.sample_weight[:100] = 0.0
    blocks = LocalBlocks.of(objective, 50)
    whole = Centred(Rows(objective.rows.to_dense()), objective.sample_weight)
    mean, scale, _ = mean_and_scale(blocks, True)
    np.testing.assert_allclose(mean, whole.mean)
    np.testing.assert_allclose(scale, whole.scale)


class Bounds(LocalBlocks):
    """Blocks that a bound asks for sums, and how often it has asked."""

    n = 0

    def dual(self, *args):
        self.n += 1
        return self.sum(dual_part, *args)


@each([Quantile(0.8), Huber(), LogLoss(), Gamma()])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("has_offset", [False, True])
def test_a_bound_of_blocks_is_that_of_all_rows(loss, penalty, has_offset):
    offset = np.random.default_rng(0).normal(size=(150, 1)) if has_offset else None
    objective = objective_of(loss, PENALTIES[penalty], offset=offset)
    features = Centred(objective.rows, objective.sample_weight)
    theta = np.random.default_rng(1).normal(size=(1, 5)) * 0.1
    point = Point(features.mean, features.scale, theta)
    _, term, p = point.seen_from(objective)
    price = objective.penalty.scaled(features.scale)
    whole = Dual(loss, term.y, term.weight, features, price, True, term.offset)
    exact = whole.bound(term.slopes(p, 0.0))
    blocks = Bounds(LocalBlocks.of(objective, 40).blocks)
    found = BlocksDual(blocks, price, 4, True, False)
    by_one_pass = found.bound(Slopes(point))
    assert blocks.n == 1
    assert by_one_pass <= exact + 1e-9 * abs(exact)
    if isinstance(loss, Quantile) and penalty == "l2":  # its conjugate is linear
        assert by_one_pass == pytest.approx(exact, rel=1e-9)
    blocks.n = 0
    assert found.bound(Slopes(point), least=by_one_pass + 1e-9) >= by_one_pass
    assert blocks.n == 2 or isinstance(loss, Quantile)
