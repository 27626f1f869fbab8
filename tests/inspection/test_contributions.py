"""Sums that add up to the objective, and what a feature is worth against fits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from sklearn_losses import (
    CrossEntropy,
    Hinge,
    Huber,
    LinearClassifier,
    LinearMultiTask,
    LinearRegressor,
    LogCosh,
    LogLoss,
    MultiTask,
    Poisson,
    PseudoHuber,
    Quantile,
    SquaredError,
    StoredBlocks,
    contributions,
)
from tests.cases import each
from tests.inspection.test_influence import (
    LABELS,
    SPREADS,
    THREE,
    WEIGHT,
    N,
    X,
    Y,
    model_of,
    target,
)

LOSSES = [
    Quantile(0.3),
    Poisson(),
    Hinge(),
    CrossEntropy(),
    Huber() + 0.5 * (SquaredError() + 2.0 * LogCosh()),
    3.0 * LogLoss(),
]


@each(LOSSES)
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_all_adds_up(loss, weight, kind):
    y = target(loss)
    model = model_of(loss, penalty="elasticnet", alpha=0.01)
    model = model.set_params(tol=1e-6).fit(kind(X), y, weight)
    found = contributions(model, kind(X), y, weight)
    total = found.objective
    assert_allclose(total, model.objective_, rtol=1e-12)
    assert_allclose(found.by_term.sum() + found.penalty, total, rtol=1e-12)
    assert_allclose(found.by_output.sum() + found.penalty, total, rtol=1e-12)
    by_row = found.base + found.by_feature.sum(axis=1)
    assert_allclose(by_row, found.by_term.sum(axis=1), rtol=1e-9, atol=1e-12)
    assert found.by_term.shape == (N, len(found.terms))
    assert found.slope_by_term.shape[:2] == found.by_term.shape


def test_terms_of_a_sum():
    loss = Huber() + 0.5 * (SquaredError() + 2.0 * LogCosh())
    model = LinearRegressor(loss, alpha=1e-3).fit(X, Y)
    found = contributions(model, X, Y)
    assert found.terms == ["Huber()", "0.5 * SquaredError()", "LogCosh()"]
    p = model.predict(X)
    assert_allclose(found.by_term[:, 1], 0.5 * SquaredError().value(Y, p) / N)
    assert_allclose(found.slope_by_term[:, 2], LogCosh().gradient(Y, p) / N)


@each([PseudoHuber(), LogLoss(), CrossEntropy()])
def test_pulls_balance_the_penalty(loss):
    y = target(loss)
    scaled = X / SPREADS
    model = model_of(loss, alpha=0.1).fit(scaled, y)
    pull = contributions(model, scaled, y).by_gradient.sum(axis=0)
    assert_allclose(pull[..., :-1], -0.1 * np.squeeze(model.coef_), atol=3e-5)
    assert_allclose(pull[..., -1], 0.0, atol=1e-6)


def test_several_classes_against_the_rest():
    model = LinearClassifier(LogLoss(), alpha=0.01).fit(X, THREE)
    found = contributions(model, X, THREE)
    per_class = model.objective_ - 0.005 * (model.coef_**2).sum(axis=1)
    assert_allclose(found.by_output.sum(axis=0), per_class, rtol=1e-10)
    assert found.by_gradient.shape == (N, 3, 5)
    row = found.base + found.by_feature.sum(axis=1)
    assert_allclose(row, found.by_output.sum(axis=1), rtol=1e-9)


def test_two_classes_of_a_joint_loss_are_those_of_their_difference():
    joint = LinearClassifier(CrossEntropy(), alpha=0.02, tol=1e-12)
    alone = LinearClassifier(LogLoss(), alpha=0.01, tol=1e-12)
    both = [contributions(m.fit(X, LABELS), X, LABELS) for m in (joint, alone)]
    for name in ("by_term", "slope_by_term", "by_feature", "by_gradient", "rise"):
        assert_allclose(*(getattr(one, name) for one in both), rtol=1e-5, atol=1e-9)


@each([SquaredError(), PseudoHuber(), LogLoss(), CrossEntropy()])
def test_the_rise_without_a_feature(loss):
    y = target(loss)
    model = model_of(loss, alpha=1e-3).fit(X / SPREADS, y)
    found = contributions(model, X / SPREADS, y)
    for j in range(4):
        without = np.delete(X / SPREADS, j, axis=1)
        other = model_of(loss, alpha=1e-3).fit(without, y)
        exact = loss.granularity == "point" and isinstance(loss, SquaredError)
        rise = other.objective_ - model.objective_
        assert_allclose(found.rise[j], rise, rtol=1e-5 if exact else 0.5, atol=1e-8)


@pytest.mark.parametrize("penalty", ["l2", MultiTask()], ids=["l2", "coupled"])
def test_tasks_add_up(penalty):
    losses = {"size": Huber(), "kind": "log_loss", "class": CrossEntropy()}
    y = np.column_stack([Y, LABELS, THREE]).astype(float)
    y[::7, 0] = np.nan
    model = LinearMultiTask(losses, weights={"kind": 2.0}, penalty=penalty, alpha=0.01)
    model.fit(X, y, WEIGHT)
    found = contributions(model, X, y, WEIGHT)
    assert found.tasks == ["size", "kind", "class"]
    assert_allclose(found.by_task.sum() + found.penalty, model.objective_, rtol=1e-12)
    of_tasks = [model.weights_[name] * model.losses_[name] for name in found.tasks]
    assert_allclose(found.by_task.sum(axis=0), of_tasks, rtol=1e-12)
    assert not found.by_task[::7, 0].any()
    with pytest.raises(ValueError, match="of these the objective is"):
        contributions(model, X, y)
    with pytest.raises(ValueError, match="which had 4 features"):
        contributions(model, X[:, :2], y)


@each([Huber() + 0.5 * LogCosh(), Quantile(0.3), CrossEntropy()])
@pytest.mark.parametrize("where", ["at hand", "blocks", "dask"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_rows_with_the_largest_loss(loss, where):
    y = target(loss)
    rows = X, y, WEIGHT
    model = model_of(loss).fit(*rows)
    whole = contributions(model, *rows)
    order = np.argsort(-whole.by_term.sum(axis=1), kind="stable")[:7]
    if where == "blocks":
        rows = (StoredBlocks.arrays(*rows, n_rows=40),)
    elif where == "dask":
        da = pytest.importorskip("dask.array")
        rows = [da.from_array(one, chunks=(40, *one.shape[1:])) for one in rows]
    found = contributions(model, *rows, top=7)
    assert_allclose(found.totals, whole.by_term.sum(axis=0), rtol=1e-12)
    assert_allclose(found.objective, model.objective_, rtol=1e-12)
    assert sorted(found.rows) == sorted(order)
    for name in ("by_term", "slope_by_term", "by_feature", "by_gradient", "base"):
        known = getattr(whole, name)[found.rows]
        assert_allclose(getattr(found, name), known, rtol=1e-9, atol=1e-13)
    if loss.differentiable:
        assert_allclose(found.rise, whole.rise, rtol=1e-9)


def test_what_rows_in_blocks_need():
    blocks = StoredBlocks.arrays(X, Y, n_rows=40)
    model = LinearRegressor(Huber(), alpha=0.01).fit(blocks)
    with pytest.raises(ValueError, match="need `top`"):
        contributions(model, blocks)
    blocks = StoredBlocks.arrays(X, THREE, n_rows=40)
    several = LinearClassifier(LogLoss(), alpha=0.01).fit(blocks)
    with pytest.raises(ValueError, match="one for each class"):
        contributions(several, blocks, top=3)


def test_what_cannot_be_had():
    model = LinearRegressor(Quantile(0.5), alpha=0.01).fit(X, Y)
    found = contributions(model, X, Y)
    with pytest.raises(ValueError, match="has kinks, and no curvature"):
        found.rise  # noqa: B018
    with pytest.raises(AttributeError):
        found.nothing  # noqa: B018
    with pytest.raises(TypeError, match="contributions needs a LinearRegressor"):
        contributions("huber", X, Y)
    binary = LinearClassifier("log_loss", alpha=0.01).fit(X, LABELS)
    with pytest.raises(ValueError, match="coef_ has 1 rows, and these"):
        contributions(binary, X, THREE)
