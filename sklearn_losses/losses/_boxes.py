"""Losses of boxes, whose four edges are one prediction: how much two boxes overlap.

A box is (left, top, right, bottom), in any unit, with left < right and top < bottom.

>>> from sklearn_losses.losses import GIoU
>>> GIoU().value([[0, 0, 2, 2]], [[1, 0, 3, 2]]).round(3)  # a third is shared
array([0.667])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import check_parameters
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._likelihoods import likelihood
from sklearn_losses.losses._outputs import Likelihood, best_outputs
from sklearn_losses.losses._regression import Huber
from sklearn_losses.losses._table import CLoss

WIDTHS = 10.0 ** -np.arange(8.0)  # of kinks, in the size of boxes
FIRST = 0.1  # of the size of boxes: Huber's delta in the first fit, of edges


class BoxLoss(Likelihood):
    """A loss of the overlap of a box with the one that is predicted."""

    task = "boxes"
    granularity = "row"
    formula = "box"
    outputs = ("left", "top", "right", "bottom")
    y_size = 4
    convex = False
    differentiable = False
    starts_at_best = True
    bends_rows_up = True
    measures_distance = False

    def compiled(self) -> CLoss:
        return self.softened_by(0.0)

    def softened_by(self, h: float) -> CLoss:
        """The C functions with kinks that are a mean over [-h, h]."""
        check_parameters(self, self._constraints)
        return likelihood(self.formula, (float(self.measures_distance), h))

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        y = np.asarray(y_true, dtype=np.float64)
        if y.ndim != 2 or y.shape[1] != 4:
            raise ValueError(
                f"{name} of {type(self).__name__} must have the shape (n_samples, 4): "
                f"left, top, right, bottom. Got {y.shape}."
            )
        is_box = np.isfinite(y).all(axis=1) & (y[:, :2] < y[:, 2:]).all(axis=1)
        if not is_box.all():
            row = int(np.flatnonzero(~is_box)[0])
            raise ValueError(
                f"{name} of {type(self).__name__} must be boxes (left, top, right, "
                f"bottom) with left < right and top < bottom. Row {row} is "
                f"{y[row].tolist()}."
            )

    def _target_shapes(self, n):
        return [(n, 4)]

    def usual_raw(self) -> Array:
        return np.array([0.0, 0.0, 1.0, 1.0])

    def rows_of(self, y_true: float, n: int) -> Any:
        """The box of usual edges, the left one moved."""
        return np.tile([y_true - 1.0, 0.0, 1.0, 1.0], (n, 1))

    def examples(self, rng: np.random.Generator, n: int) -> Any:
        corner = np.round(rng.normal(size=(n, 2)), 2)
        y = np.hstack([corner, corner + np.round(rng.uniform(1, 3, (n, 2)), 2)])
        return y, y + np.round(rng.uniform(0.05, 0.4, y.shape), 3)

    def first(self) -> Any:
        """Edges by themselves, of boxes of size 1."""
        return Huber(delta=FIRST)

    def unit_of_targets(self, y: Array) -> float:
        """The mean of width and height."""
        return float((y[:, 2:] - y[:, :2]).mean())

    def start(self, y: Any, weight: Any) -> Array:
        """The box of the mean edges."""
        return np.average(y, axis=0, weights=weight)

    def _optimal_constant(self, y_true, sample_weight):
        """A local minimum, of kinks that are smoothed less and less."""
        here = sample_weight > 0
        y, weight = self.columns(y_true)[here], sample_weight[here]
        found, unit = self.start(y, weight), self.unit_of_targets(y)
        for width in WIDTHS:
            found = best_outputs(self.softened_by(width * unit), y, weight, found)
        return found

    def _minimum(self, y_true):
        return np.zeros(len(y_true))

    def inverse_link(self, raw_prediction: ArrayLike) -> Array:
        """The edges themselves."""
        return np.asarray(raw_prediction)


class GIoU(BoxLoss):
    """1 - IoU + (C - U) / C, the areas U of the union and C of the box around both.

    IoU is the area that two boxes share over that of their union. Boxes that share
    none still pull at each other, by C. It is not convex, so that a fit is a local
    minimum: it begins at that of the edges by themselves.

    It estimates the box that overlaps the true one best. Take it where boxes are judged
    by their overlap, which does not depend on their size. Do not where edges are far
    off at first and few rows have a box (`SmoothL1`).

    See Also
    --------
    DIoU : The distance of the centres in place of the areas.
    SmoothL1 : Each edge by itself, and convex.

    References
    ----------
    Rezatofighi, Tsoi, Gwak, Sadeghian, Reid and Savarese 2019, "Generalized
    intersection over union", CVPR.

    Examples
    --------
    >>> from sklearn_losses import GIoU
    >>> GIoU().value([[0, 0, 1, 1]], [[2, 0, 3, 1]]).round(3)  # apart: more than 1
    array([1.333])
    """

    name = "giou"


class DIoU(BoxLoss):
    """1 - IoU + d^2 / c^2, d between centres, c between the corners around both.

    It is not convex, so that a fit is a local minimum: it begins at that of the edges
    by themselves.

    It estimates the box that overlaps the true one best. Take it as `GIoU`, where boxes
    often lie within each other: there the centres still pull. Do not where only the
    area that is shared counts (`GIoU`).

    See Also
    --------
    GIoU : The area around both in place of the distance.
    SmoothL1 : Each edge by itself, and convex.

    References
    ----------
    Zheng, Wang, Liu, Li, Ye and Ren 2020, "Distance-IoU loss: faster and better
    learning for bounding box regression", AAAI.

    Examples
    --------
    >>> from sklearn_losses import DIoU
    >>> DIoU().value([[0, 0, 4, 4]], [[0, 0, 2, 2]]).round(4)  # 3/4, and 2/32
    array([0.8125])
    """

    name = "diou"
    measures_distance = True
