"""GIoU and DIoU: values by areas in numpy, derivatives by the checks of any loss."""

import numpy as np
import pytest

from sklearn_losses import (
    DIoU,
    GIoU,
    Huber,
    LinearMultiTask,
    LinearRegressor,
    SmoothL1,
    check_loss,
)
from sklearn_losses.terms._outputs import positive_part
from tests.cases import each

RNG = np.random.default_rng(0)
N = 300
CORNER = RNG.normal(size=(N, 2))
TRUE = np.hstack([CORNER, CORNER + RNG.uniform(0.5, 3.0, (N, 2))])
FOUND = TRUE + RNG.normal(scale=0.7, size=(N, 4))


def area(low, high):
    return np.prod(np.maximum(high - low, 0.0), axis=1)


def overlap(y, p):
    """IoU, the area of the union, and the corners of the box around both."""
    shared = area(np.maximum(y[:, :2], p[:, :2]), np.minimum(y[:, 2:], p[:, 2:]))
    union = area(y[:, :2], y[:, 2:]) + area(p[:, :2], p[:, 2:]) - shared
    low, high = np.minimum(y[:, :2], p[:, :2]), np.maximum(y[:, 2:], p[:, 2:])
    return shared / union, union, low, high


def test_values_are_those_of_the_papers():
    iou, union, low, high = overlap(TRUE, FOUND)
    around = area(low, high)
    expected = 1.0 - iou + (around - union) / around
    np.testing.assert_allclose(GIoU().value(TRUE, FOUND), expected, rtol=1e-12)
    middle = 0.5 * (FOUND[:, :2] + FOUND[:, 2:] - TRUE[:, :2] - TRUE[:, 2:])
    expected = 1.0 - iou + (middle**2).sum(axis=1) / ((high - low) ** 2).sum(axis=1)
    np.testing.assert_allclose(DIoU().value(TRUE, FOUND), expected, rtol=1e-12)


@each([GIoU(), DIoU(), SmoothL1(beta=0.2)])
def test_the_checks_of_any_loss(loss):
    assert check_loss(loss).passed


def test_smooth_l1_is_hubers_over_its_delta():
    y, p = TRUE[:, 0], FOUND[:, 0]
    half = 0.5 * SmoothL1(beta=0.5)
    np.testing.assert_allclose(half.value(y, p), Huber(delta=0.5).value(y, p))


@pytest.mark.parametrize("loss", [GIoU(), DIoU()], ids=repr)
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_a_fit_overlaps_better_than_one_of_edges(loss, scale):
    X = RNG.normal(size=(N, 3))
    middle, size = (
        X @ RNG.normal(size=(3, 2)),
        np.exp(0.3 * X @ RNG.normal(size=(3, 2))),
    )
    boxes = scale * np.hstack([middle - size, middle + size])
    edges = LinearMultiTask(SmoothL1(beta=0.1 * scale), alpha=0.0).fit(X, boxes)
    columns = {"box": slice(0, 4)}
    model = LinearMultiTask({"box": loss}, columns=columns, alpha=0.0).fit(X, boxes)
    best = loss.mean(boxes, model.predict(X))
    assert best == pytest.approx(model.objective_)
    assert best < loss.mean(boxes, edges.predict(X))
    assert np.isnan(model.gap_)
    for _ in range(20):  # a minimum
        shift = 1e-3 * scale * RNG.normal(size=model.coef_.shape)
        other = X @ (model.coef_ + shift).T + model.intercept_
        assert loss.mean(boxes, other) > best - 1e-6


def test_what_is_no_box_is_refused():
    X, y = np.eye(4), TRUE[:4].copy()
    y[2, 0] = y[2, 2] + 1.0
    columns = {"box": slice(0, 4)}
    with pytest.raises(ValueError, match=r"left < right and top < bottom. Row 2 is"):
        LinearMultiTask({"box": GIoU()}, columns=columns).fit(X, y)
    y[2, 0] = np.nan
    with pytest.raises(
        ValueError, match=r"Row 2 of y has nan in some of the 4 columns"
    ):
        LinearMultiTask({"box": GIoU()}, columns=columns).fit(X, y)
    with pytest.raises(ValueError, match=r"has 3 columns of y, and GIoU.. takes 4"):
        LinearMultiTask(GIoU()).fit(X, y[:, :3])
    with pytest.raises(ValueError, match=r"boxes of four edges. Use LinearMultiTask"):
        LinearRegressor(GIoU()).fit(X, y[:, 0])


def test_rows_lose_their_negative_eigenvalues_alone():
    rng, lower = np.random.default_rng(0), np.tril_indices(4)
    whole = rng.normal(size=(20, 4, 4))
    whole += whole.transpose(0, 2, 1)
    whole[0] = whole[0] @ whole[0]
    found = positive_part(np.ascontiguousarray(whole[:, *lower].T), 4).T
    for matrix, packed in zip(whole, found):
        values, vectors = np.linalg.eigh(matrix)
        wanted = (vectors * np.maximum(values, 0.0)) @ vectors.T
        np.testing.assert_allclose(packed, wanted[lower], atol=1e-12)
    few = np.ascontiguousarray(whole[:1, *lower].T)
    assert positive_part(few, 4) is few
