"""A loss of the labels of a row: those that it has before those that it has not.

>>> from sklearn_losses.losses import LabelRanking
>>> LabelRanking().value([[1, 0, 0]], [[2.0, -1.0, -1.0]]).round(3)
array([0.17])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_losses._machine._params import (
    BOOLEAN,
    Interval,
    InvalidParameterError,
    check_parameters,
)
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._arguments import real_array, require_shape
from sklearn_losses.losses._label_pairs import label_pairs
from sklearn_losses.losses._outputs import Likelihood, best_outputs
from sklearn_losses.losses._ranking import PairwiseLogistic, PairwiseLoss
from sklearn_losses.losses._table import CLoss

FAR = 5.0  # a raw prediction to begin with, of a label that all rows have
WIDTHS = 10.0 ** -np.arange(6.0)  # of kinks, until constants are found


class LabelRanking(Likelihood):
    """Mean over pairs of labels that a row has and has not of f(p_has - p_has_not).

    Pairs are not formed where sorting does: of the hinges, and of many labels. With
    `calibrated` there is one more label, always predicted 0, which is behind those that
    a row has and before the others: so 0 is where prediction divides them.

    It estimates an order of the labels of a row. Take it where what is shown of a row
    is a list, the best labels first, as judged by ``label_ranking_loss`` and
    ``label_ranking_average_precision_score`` of scikit-learn. Do not where each label
    needs a probability (`LogLoss`, one model a label).

    Parameters
    ----------
    loss : PairwiseLoss, default=None
        f, such as ``PairwiseHinge()``; None means ``PairwiseLogistic()``. With
        ``per="pair"`` it is the sum over the pairs of a row, in place of their mean.
    calibrated : bool, default=True
        Whether 0 divides the labels. If not only their order counts, and there is no
        `predict`.

    See Also
    --------
    LogLoss : A model for each label.
    Asymmetric : The same, where a label that a row has counts more.
    PairwiseLogistic : The rows of a query in place of the labels of a row.

    References
    ----------
    Elisseeff and Weston 2001, "A kernel method for multi-labelled classification",
    NIPS; Fürnkranz, Hüllermeier, Loza Mencía and Brinker 2008, "Multilabel
    classification via calibrated label ranking", Machine Learning 73.

    Examples
    --------
    >>> from sklearn_losses import LabelRanking, PairwiseHinge
    >>> LabelRanking(PairwiseHinge()).value([[1, 0, 0]], [[0.5, 0.0, -2.0]]).round(2)
    array([0.4])
    """

    name = "label_ranking"
    task = "multilabel"
    granularity = "row"
    domain = Interval(0, 1, "both", integer=True)
    outputs = ("labels",)
    _n_labels = None  # once a fit knows
    _constraints = {"calibrated": [BOOLEAN]}

    def __init__(
        self, loss: PairwiseLoss | None = None, calibrated: bool = True
    ) -> None:
        self.loss = loss
        self.calibrated = calibrated

    @property
    def inner(self) -> PairwiseLoss:
        return PairwiseLogistic() if self.loss is None else self.loss

    @property
    def y_size(self) -> Any:
        """How many labels a target has, None before a fit."""
        return self._n_labels

    @property
    def differentiable(self) -> bool:
        return self.inner.differentiable

    @property
    def lipschitz(self) -> float:
        is_mean = self.inner.per == "query"
        return float(np.sqrt(2.0) * self.inner.lipschitz) if is_mean else np.inf

    @property
    def smoothness(self) -> float:
        return 2.0 * self.inner.smoothness if self.inner.per == "query" else np.inf

    @property
    def starts_at_best(self) -> bool:
        return not self.differentiable

    def of_labels(self, n: int) -> Any:
        """This loss for so many labels.

        Parameters
        ----------
        n : int
        """
        other = clone(self)
        other._n_labels = n
        return other

    # ------------------------------------------------------------------- formulas
    def compiled(self) -> CLoss:
        return self._of_pairs(self._checked_inner())

    def _checked_inner(self):
        check_parameters(self, self._constraints)
        inner = self.inner
        if not isinstance(inner, PairwiseLoss) or inner.pair_weight is not None:
            raise InvalidParameterError(
                "The 'loss' parameter of LabelRanking must be a loss of pairs that all "
                "weigh the same, such as PairwiseLogistic() or PairwiseHinge(). Got "
                f"{inner!r} instead."
            )
        return inner

    def _of_pairs(self, inner):
        is_mean = self.inner.per == "query"
        return label_pairs(inner.checked(), has_zero=self.calibrated, is_mean=is_mean)

    def softened_by(self, h: float) -> CLoss:
        """The C functions with kinks that are a mean over [-h, h]."""
        inner = self._checked_inner()
        is_exact = h == 0 or inner.differentiable
        return self._of_pairs(inner if is_exact else inner.softened(h))

    def conjugates_at(self, y: Array, raw: Array, h: float, share: float) -> Array:
        """Those of a share of the slopes that the loss with smoothed kinks has there.

        The conjugate of a hinge is its slope, of which the loss adds up those of pairs.

        Parameters
        ----------
        y, raw : ndarray of shape (n_samples, n_labels)
        h, share : float
        """
        above, below = np.empty(len(y)), np.empty(len(y))
        for shifted, out in zip(self._checked_inner().shares(h), (above, below)):
            self._of_pairs(shifted).evaluate_rows(y, raw, out, None, None)
        return share * (below - above) / (2.0 * h)

    def _minimum(self, y_true):
        return np.zeros(np.shape(y_true)[0])

    def minimum_of(self, y: Array, weight: Array) -> float:
        return 0.0

    # ------------------------------------------------------------------- arguments
    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        y = np.asarray(y_true, dtype=np.float64)
        if y.ndim != 2 or y.shape[1] < 2:
            raise ValueError(
                f"{name} of LabelRanking must have the shape (n_samples, n_labels), "
                f"with two labels or more. Got {y.shape}."
            )
        bad = np.argwhere((y != 0) & (y != 1))
        if len(bad):
            row, label = bad[0]
            raise ValueError(
                f"{name} of LabelRanking must be 1 where a row has a label and else 0: "
                f"{name}[{row}, {label}] is {y[row, label]}."
            )

    def columns(self, y: Any) -> Any:
        return np.ascontiguousarray(y, dtype=np.float64)

    def _row_arrays(self, y_true, raw_prediction):
        raw, dtype = real_array(raw_prediction)
        y = np.asarray(y_true, dtype=np.float64)
        self.check_targets(y)
        require_shape("raw_prediction", raw, y.shape, y.shape)
        return self.columns(y), np.ascontiguousarray(raw, dtype=np.float64), dtype, None

    def usual_raw(self) -> Array:
        return np.zeros(2)

    def rows_of(self, y_true: float, n: int) -> Any:
        """Rows of two labels, of which they have one: the first if it is 1."""
        return np.tile([y_true, 1.0 - y_true], (n, 1))

    def examples(self, rng: np.random.Generator, n: int) -> Any:
        raw = np.round(2.0 * rng.normal(size=(n, 4)), 3)
        return rng.integers(2, size=raw.shape).astype(float), raw

    # --------------------------------------------------------------- what is fitted
    def start(self, y: Array, weight: Array) -> Array:
        """The log-odds of the labels, or the best constants of a loss with kinks."""
        share = np.clip(np.average(y, axis=0, weights=weight), 0.0, 1.0)
        with np.errstate(divide="ignore"):
            found = np.clip(np.log(share) - np.log1p(-share), -FAR, FAR)
        found = found if self.calibrated else found - found.mean()
        if self.differentiable:
            return found
        for width in WIDTHS:
            found = best_outputs(self.softened_by(width), y, weight, found)
        return found

    def inverse_link(self, raw_prediction: ArrayLike) -> Array:
        """The scores of the labels."""
        return np.asarray(raw_prediction)

    def labels_of(self, raw: Array) -> Array:
        """Which labels are predicted: those whose raw prediction is above 0."""
        if not self.calibrated:
            raise ValueError(
                f"{self!r} says an order of labels, and not how many a row has: there "
                "is no predict. Use decision_function, or calibrated=True."
            )
        return raw > 0
