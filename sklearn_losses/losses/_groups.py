"""GroupLoss: a loss of the rows of a group, which depends on all of them at once.

The queries of a ranking and the strata of a survival model are groups: their pairs, or
risk sets, have a loss, and a row alone has none.

>>> from sklearn_losses.losses import PairwiseLogistic
>>> loss = PairwiseLogistic()
>>> relevance, score, query = [1, 0, 2, 0], [3.0, 2.0, 0.5, 0.5], [7, 7, 9, 9]
>>> loss.value(relevance, score, groups=query).round(3)
array([0.313, 0.693])
>>> loss.gradient(relevance, score, groups=query).round(3)
array([-0.269,  0.269, -0.5  ,  0.5  ])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import check_parameters
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._arguments import factors_of_results, require_shape
from sklearn_losses.losses._base import Loss
from sklearn_losses.losses._group_builtin import group_builtin
from sklearn_losses.losses._grouping import Grouping, sums
from sklearn_losses.losses._table import CLoss
from sklearn_losses.losses._targets import group_codes


class GroupLoss(Loss):
    """A loss with one raw prediction a row, of which those of a group go together.

    Attributes
    ----------
    task : {"ranking", "survival"}
    shift_invariant : bool
        Whether the same number added to all raw predictions of a group changes nothing.
        A model then has no intercept.

    Notes
    -----
    Values are those of groups, and not of rows; derivatives are those of rows, of the
    sum of all groups. `lipschitz` and `smoothness` are those of the margin of a pair
    or, of a loss of lists, of a row in a group that counts 1. A step of SGD takes all
    rows of a group or, where there is a `drawn`, some that are drawn.

    A loss of another package overrides `compiled`, whose table has the function `group`
    (see _table.pxd), and ``_minimum(y, weight, starts)``.
    """

    granularity = "group"
    task = "ranking"
    shift_invariant = True
    symmetric = False
    softened = None  # a function of h: the loss with its kinks smoothed over h
    drawn = None  # or a `Drawn`: what a step of SGD takes of a group
    counts_rows = False  # and not groups, in a mean
    _kernel = None

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        if self._kernel is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no formulas. Override compiled(), which "
                "returns functions of C, or use NumpyLoss(..., granularity='group')."
            )
        return group_builtin(self._kernel, tuple(map(float, self._c_parameters())))

    def _c_parameters(self):
        return ()

    # ---------------------------------------------------------- for the user
    def value(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """The loss of each group.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Targets, in `domain`; those of survival are as from `survival_target`.
        raw_prediction : array-like of shape (n_samples,)
            Raw predictions.
        groups : array-like of shape (n_samples,), default=None
            Which group each row is of, in any order. None: all are one group, or y is
            as from `ranking_target`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, >= 0; None means 1. A row of weight 0 is none.

        Returns
        -------
        ndarray of float64 of shape (n_groups,)
            In the order of the sorted ids. 0 of groups that say nothing, as those of
            one row.

        Raises
        ------
        ValueError
            If shapes do not fit, or a target lies outside of the domain.
        """
        functions, grouping, raw = self._arranged(
            y_true, raw_prediction, groups, sample_weight
        )
        return grouping.of_codes(grouping.values(functions, raw))

    def gradient(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """The derivative of the sum of all groups by each raw prediction.

        Parameters and errors are those of `value`; the result is of shape (n_samples,).
        """
        return self.value_gradient(y_true, raw_prediction, groups, sample_weight)[1]

    def value_gradient(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> tuple[Array, Array]:
        """`value` and `gradient`, in one pass.

        Parameters and errors are those of `value`.

        Returns
        -------
        tuple of ndarray
        """
        functions, grouping, raw = self._arranged(
            y_true, raw_prediction, groups, sample_weight
        )
        value, gradient = grouping.derivatives(functions, raw)
        return grouping.of_codes(value), gradient

    def curvature(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """The diagonal of the Hessian of the sum of all groups.

        Parameters and errors are those of `value`; the result is of shape (n_samples,).
        """
        functions, grouping, raw = self._arranged(
            y_true, raw_prediction, groups, sample_weight
        )
        return grouping.derivatives(functions, raw, True)[2]

    def hessian_product(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        v: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """The Hessian of the sum of all groups, times vectors.

        Parameters
        ----------
        v : array-like of shape (n_samples,) or (n_samples, n_directions)
        y_true, raw_prediction, groups, sample_weight
            As in `value`.

        Returns
        -------
        ndarray of float64 of the shape of v
        """
        functions, grouping, raw = self._arranged(
            y_true, raw_prediction, groups, sample_weight
        )
        v = np.asarray(v, dtype=np.float64)
        require_shape("v", v, raw.shape, raw.shape, (*raw.shape, *v.shape[1:2]))
        columns = np.ascontiguousarray(v.reshape(len(raw), -1)[grouping.order])
        found = np.zeros((len(raw), columns.shape[1]))
        found[grouping.order] = grouping.products(functions, raw, columns)
        return found.reshape(v.shape)

    def mean(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The mean that fits minimise: the sum over groups, over what they count.

        Of losses of queries that is their number or, with per="pair", that of pairs,
        and of survival the sum of the weights.

        Returns
        -------
        float
            nan where nothing counts.
        """
        parts = y_true, raw_prediction, groups, sample_weight
        found, total = self._sums(*parts)
        return found / total if total else float("nan")

    def _sums(self, *parts):
        """The sum over groups, and what they count."""
        functions, grouping, raw = self._arranged(*parts)
        return float(grouping.values(functions, raw).sum()), grouping.total

    def __call__(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The mean of the loss; see `mean`."""
        return self.mean(y_true, raw_prediction, groups, sample_weight)

    def minimum(
        self,
        y_true: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """The infimum of each group's loss over all raw predictions.

        Parameters and errors are those of `value`.

        Returns
        -------
        ndarray of float64 of shape (n_groups,)
        """
        raw = np.zeros(len(np.asarray(y_true)))
        _, grouping, _ = self._arranged(y_true, raw, groups, sample_weight)
        return grouping.of_codes(self.minima(grouping))

    def minima(self, grouping: Any) -> Array:
        """Those of the groups that count; see `minimum`."""
        least = self._minimum(grouping.y, grouping.weight, grouping.starts)
        return least * grouping.factor

    def hessian(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """The Hessian of the sum of all groups, as a matrix: for few rows.

        Parameters and errors are those of `value`.

        Returns
        -------
        ndarray of float64 of shape (n_samples, n_samples)
        """
        every = np.eye(len(np.asarray(raw_prediction)))
        return self.hessian_product(
            y_true, raw_prediction, every, groups, sample_weight
        )

    def conjugate(self, y_true: ArrayLike, dual: ArrayLike) -> Array:
        """There is no formula for it; fits prove their ends without one."""
        raise ValueError(
            f"{type(self).__name__} has no conjugate of single rows, because it is a "
            "loss of groups. Of its own slopes g at r it is g.r - value."
        )

    @property
    def has_conjugate(self) -> bool:
        """Whether slopes give a lower bound: of a convex loss its own do."""
        return self.convex

    def optimal_constant(
        self, y_true: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float | Array:
        """0: all constants have the same loss."""
        return 0.0

    def inverse_link(self, raw_prediction: ArrayLike) -> Array:
        """The raw predictions."""
        return np.asarray(raw_prediction)

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        """Refuse targets outside of the domain; see `Loss.check_targets`."""
        self._check_columns(self._split(y_true, None)[0], name)

    def _refuse_algebra(self, other):
        raise TypeError(
            f"{type(self).__name__} is a loss of groups, and cannot be a part of "
            "another loss."
        )

    __add__ = __radd__ = __mul__ = __rmul__ = __sub__ = __truediv__ = _refuse_algebra

    def split_weight(self) -> tuple[Loss, float]:
        return self, 1.0

    # --------------------------------------------------------- from arguments
    def _arranged(self, y_true, raw_prediction, groups, sample_weight):
        """The C functions, a grouping of what was given, and raw predictions."""
        functions = self.checked()
        columns, codes = self._split(y_true, groups)
        raw = np.ascontiguousarray(raw_prediction, dtype=np.float64)
        require_shape("raw_prediction", raw, columns.shape[:1], columns.shape[:1])
        self._check_columns(columns, "y_true")
        weight = factors_of_results(sample_weight, raw.shape)
        if weight is not None and not (np.isfinite(weight) & (weight >= 0)).all():
            raise ValueError("sample_weight must be finite and >= 0.")
        return functions, Grouping(self, columns, codes, weight), raw

    # --------------------------------------------------------- for subclasses
    def _split(self, y_true, groups):
        """Targets as columns, and codes of groups."""
        y = np.asarray(y_true, dtype=np.float64)
        if y.ndim != 1:
            raise ValueError(
                f"y_true must have the shape (n_samples,). Got the shape {y.shape}."
            )
        return y[:, None], group_codes(groups, len(y))

    def _check_columns(self, columns, name):
        """Refuse targets that are outside of the domain."""
        super().check_targets(columns[:, 0], name=name)

    def _keys(self, columns):
        """What kernels take of the targets of rows; rows are sorted by the first."""
        return columns

    def _prepared(self, y, weight, starts):
        """The same of sorted rows, where it depends on their group."""
        return y

    def _scales(self, y, weight, starts):
        """What values of groups are multiplied by, and what groups count in a mean."""
        ones = np.ones(len(starts) - 1)
        return ones, sums(weight, starts)

    def _minimum(self, y, weight, starts):
        return np.zeros(len(starts) - 1)
