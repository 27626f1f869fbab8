"""The objective: what rows, a loss, weights and a penalty ask of w and b.

    F(w, b) = sum_i s_i loss(y_i, x_i . w + b + o_i) / S + l1 |w|_1 + l2 / 2 |w|_2^2

It knows no algorithm: a solver asks it for values and gradients, or hands its parts to
a kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_losses._machine._typing import Array, NDArray
from sklearn_losses.design._rows import Rows
from sklearn_losses.losses import Loss
from sklearn_losses.penalties._price import Price
from sklearn_losses.terms._points import PointTerm
from sklearn_losses.terms._rows import row_term
from sklearn_losses.terms._term import LossTerm, uniform

FEW = 0.05  # of the columns are looked at alone, where the others have coefficient 0


@dataclass(frozen=True)
class Targets:
    """What each output of a model should predict.

    Parameters
    ----------
    y : ndarray of float64 of shape (n_rows,)
        Targets of one output, or class indices that several outputs share.
    first_class : int or None
        None: y is the target as it is. Otherwise output k predicts, one versus rest,
        whether y is the class first_class + k: the target is 1 if it is.
    rest : float
        The target of all other classes: 0, or -1 for a loss of residuals.
    class_factor : ndarray of float64 of shape (n_outputs,) or None
        One versus rest: by what the weights of output k's own class are multiplied.
    """

    y: np.ndarray
    first_class: int | None = None
    rest: float = 0.0
    class_factor: np.ndarray | None = None

    def of_output(self, k, subset=slice(None)):
        """The targets of output k, for some of the rows."""
        y = self.y[subset]
        if self.first_class is None:
            return y
        return np.where(y == self.first_class + k, 1.0, self.rest)

    def factor(self, k, subset=slice(None)):
        """The factors of output k's sample weights, or None where all are 1."""
        if self.class_factor is None:
            return None
        own_class = self.y[subset] == self.first_class + k
        return np.where(own_class, self.class_factor[k], 1.0)


@dataclass(frozen=True)
class Objective:
    """F of each output: one for a loss of points, one versus rest, or of rows.

    Parameters
    ----------
    loss : Loss
    rows : Rows
    targets : Targets
    sample_weight : ndarray of float64 of shape (n_rows,) or None
        s; None means 1.
    total_weight : float
        S.
    penalty : Price
    n_outputs : int
        How many rows coef has. A loss of rows sums its outputs to one objective; with
        a loss of points each output has an objective of its own.
    fit_intercept : bool
    offset : ndarray of float64 of shape (n_rows, n_outputs) or None
        o, what is known of raw predictions; None means 0.
    """

    loss: Loss
    rows: Rows
    targets: Targets
    sample_weight: np.ndarray | None
    total_weight: float
    penalty: Price
    n_outputs: int
    fit_intercept: bool = True
    offset: np.ndarray | None = None
    # Of rows that are elsewhere: see `BlocksObjective`.
    blocks = sums = None

    def of_outputs(self, outputs: slice) -> Objective:
        """The objective of some of the one-versus-rest outputs.

        Parameters
        ----------
        outputs : slice
        """
        factor = self.targets.class_factor
        targets = replace(
            self.targets,
            first_class=self.targets.first_class + outputs.start,
            class_factor=None if factor is None else factor[outputs],
        )
        offset = self.offset
        return replace(
            self,
            targets=targets,
            n_outputs=outputs.stop - outputs.start,
            offset=None if offset is None else np.ascontiguousarray(offset[:, outputs]),
        )

    def without_offset(self):
        """The same problem, where a loss cannot take an offset as it is."""
        return self

    def with_even_offset(self) -> tuple[Objective, Array]:
        """The same problem, where free intercepts take the middle of the offset.

        So a constant is no offset at all, and changes no step of a fit.

        Returns
        -------
        objective : Objective
        shift : ndarray of shape (n_outputs,)
            By how much the intercepts of its points are larger.
        """
        shift = np.zeros(self.n_outputs)
        if self.offset is None or self.blocks is not None:
            return self, shift
        low, high = self.offset.min(axis=0), self.offset.max(axis=0)
        shift[:] = np.where(self._takes_offset(), low + 0.5 * (high - low), 0.0)
        if (low == high).all() and (shift == low).all():
            return replace(self, offset=None), shift
        return replace(self, offset=self.offset - shift), shift

    def _takes_offset(self):
        """Of each output, or all: whether intercepts can take what is in its offset."""
        return self.fit_intercept if self.moves is None else self.moves[:, -1]

    @property
    def is_joint(self) -> bool:
        """Whether all outputs share one objective."""
        return self.loss.granularity == "row"

    @property
    def moves(self) -> Array | None:
        """Which coefficients and intercepts of each output move; None: all do."""
        return None

    @property
    def n_bounded(self) -> int:
        """Of how many outputs the bounds of coefficients are, the first."""
        return self.n_outputs

    def loss_of(self, k: int) -> Loss:
        """The loss of output k, or of all that share an objective."""
        return self.loss

    def term(self, chosen: Array | None = None) -> LossTerm:
        """The loss on the rows, as a function of their raw predictions.

        Parameters
        ----------
        chosen : ndarray of shape (n_rows,), default=None
            Factors of the weights, without which S is as it is; None means 1.

        Returns
        -------
        LossTerm
            Of weights over S; of one output, or of all that share the objective.
        """
        weight = product_of(self.weight_of(0), chosen)
        if weight is None:
            weight = uniform(1.0 / self.total_weight, self.rows.n_rows)
        else:
            weight = weight / self.total_weight
        if not self.is_joint:
            offset = None if self.offset is None else self.offset[:, 0]
            y = self.targets.of_output(0)
            return PointTerm(self.loss, y, weight, offset=offset)
        loss, factor = self.loss.split_weight()  # which may know how to be smooth
        weight = weight if factor == 1 else factor * weight
        return row_term(loss, self.targets.y, weight, self.n_outputs, self.offset)

    def raw(
        self, coef: Array, intercept: Array, subset: NDArray[Any] | None = None
    ) -> Array:
        """Raw predictions, of some of the rows or of all (None).

        Returns
        -------
        ndarray of shape (n_rows, n_outputs)
        """
        found = self.rows.dot(coef, intercept, subset)
        if self.offset is not None:
            found += self.offset if subset is None else self.offset[subset]
        return found

    @property
    def is_centred(self) -> bool:
        """Whether a constant that is added to a column changes no minimum."""
        return self.fit_intercept

    @property
    def is_convex(self) -> bool:
        return self.loss.convex and self.penalty.is_convex

    @property
    def has_gap(self) -> bool:
        """Whether slopes of the loss give a lower bound."""
        return self.loss.has_conjugate and self.penalty.is_convex

    def relative(self) -> Objective | None:
        """The convex objective at whose minimum this one begins, or None."""
        loss, penalty = self.loss.convex_relative(), self.penalty.relative()
        if loss is None and penalty is None:
            return None
        return replace(self, loss=loss or self.loss, penalty=penalty or self.penalty)

    def value(self, coef: Array, intercept: Array) -> Array:
        """F.

        Parameters
        ----------
        coef : ndarray of shape (n_outputs, n_features)
        intercept : ndarray of shape (n_outputs,)

        Returns
        -------
        ndarray of shape (n_outputs,), or (1,) where the outputs share one objective
        """
        used = np.flatnonzero(coef.any(axis=0))
        if len(used) < FEW * coef.shape[1]:
            fewer = np.ascontiguousarray(coef[:, used])
            raw = self.with_columns(used).raw(fewer, intercept)
        else:
            raw = self.raw(coef, intercept)
        penalty = self.penalty.value(coef)
        if self.is_joint:
            total = self.loss.value(self.targets.y, raw, self.sample_weight).sum()
            return np.array([total / self.total_weight + penalty.sum()])
        totals = [
            self.loss.value(
                self.targets.of_output(k), raw[:, k], self.weight_of(k)
            ).sum()
            for k in range(self.n_outputs)
        ]
        return np.array(totals) / self.total_weight + penalty

    def gradient(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """A subgradient of F by coef and by intercept, in their shapes.

        The l1 norm contributes sign(w), which is 0 at 0.
        """
        raw = self.raw(coef, intercept)
        if self.is_joint:
            slope = self.loss.gradient(self.targets.y, raw, self.sample_weight)
        else:
            columns = [
                self.loss.gradient(
                    self.targets.of_output(k), raw[:, k], self.weight_of(k)
                )
                for k in range(self.n_outputs)
            ]
            slope = np.ascontiguousarray(np.transpose(columns))
        by_coef = self.rows.transposed_dot(slope) / self.total_weight
        by_coef += self.penalty.subgradient(coef)
        by_intercept = slope.sum(axis=0) / self.total_weight
        return by_coef, by_intercept if self.fit_intercept else 0.0 * by_intercept

    def chosen(self, subset: NDArray[Any]) -> Objective:
        """The objective of a copy of some rows alone.

        Parameters
        ----------
        subset : ndarray of int of shape (n_selected,)
        """
        weight, total = self.sample_weight, float(len(subset))
        if weight is not None:
            weight = weight[subset]
            total = float(weight.sum())
        return replace(
            self,
            rows=self.rows.chosen(subset),
            targets=replace(self.targets, y=self.targets.y[subset]),
            sample_weight=weight,
            total_weight=total,
            offset=None if self.offset is None else self.offset[subset],
        )

    def part(self, block: slice) -> Objective:
        """The share of consecutive rows in the loss, in the same memory; S stays.

        Parameters
        ----------
        block : slice
            With a start and a stop within the rows.
        """

        def of(array):
            return None if array is None else array[block]

        return replace(
            self,
            rows=self.rows.part(block),
            targets=replace(self.targets, y=self.targets.y[block]),
            sample_weight=of(self.sample_weight),
            offset=of(self.offset),
        )

    def with_columns(self, chosen: NDArray[Any]) -> Objective:
        """The objective of a copy of some columns, as if the others had coefficient 0.

        Parameters
        ----------
        chosen : ndarray of int of shape (n_selected,)
        """
        return replace(
            self,
            rows=self.rows.with_columns(chosen),
            penalty=self.penalty.of_features(chosen),
        )

    def restricted(self, subset: NDArray[Any] | None) -> Objective:
        """The objective of some rows: the others have no weight, S stays what it is.

        Parameters
        ----------
        subset : ndarray of uint32 of shape (n_selected,), or None for all rows
        """
        if subset is None:
            return self
        weight = np.zeros(self.rows.n_rows)
        weight[subset] = (
            1.0 if self.sample_weight is None else self.sample_weight[subset]
        )
        return replace(self, sample_weight=weight)

    def value_and_gradient_norm(
        self, coef: Array, intercept: Array
    ) -> tuple[Array, Array]:
        """F and the norm of its least subgradient by coef and intercept, of each.

        Where a coefficient is 0, the l1 norm takes away as much of the gradient as it
        can. The loss itself contributes the subgradient that it declares.

        Returns
        -------
        value, norm : ndarray as from `value`
        """
        raw = self.raw(coef, intercept)
        joint = self.is_joint
        values, slopes = [], []
        for k in range(1 if joint else self.n_outputs):
            y = self.targets.y if joint else self.targets.of_output(k)
            weight = self.sample_weight if joint else self.weight_of(k)
            value, slope = self.loss.value_gradient(y, raw if joint else raw[:, k])
            if weight is not None:
                # Rows of weight 0 are as if they were not there, also if their loss is
                # infinite.
                value = np.where(weight > 0, value, 0.0) * weight
                weight = weight[:, None] if joint else weight
                slope = np.where(weight > 0, slope, 0.0) * weight
            values.append(value.sum() / self.total_weight)
            slopes.append(slope)
        slope = slopes[0] if joint else np.ascontiguousarray(np.transpose(slopes))
        by_coef = self.rows.transposed_dot(slope) / self.total_weight
        by_coef += self.penalty.least_subgradient(coef, by_coef)
        squares = np.einsum("kj,kj->k", by_coef, by_coef)
        if self.fit_intercept:
            squares += (slope.sum(axis=0) / self.total_weight) ** 2
        penalty = self.penalty.value(coef)
        if joint:
            penalty, squares = penalty.sum(keepdims=True), squares.sum(keepdims=True)
        return np.array(values) + penalty, np.sqrt(squares)

    def mean_loss(
        self, coef: Array, intercept: Array, subset: NDArray[Any] | None
    ) -> Array:
        """The weighted mean loss on some of the rows, without the penalty.

        Parameters
        ----------
        coef, intercept
            As in `value`.
        subset : ndarray of uint32 of shape (n_selected,), or None for all rows

        Returns
        -------
        ndarray as from `value`
        """
        raw = self.raw(coef, intercept, subset)
        subset = slice(None) if subset is None else subset
        if self.is_joint:
            weight = None if self.sample_weight is None else self.sample_weight[subset]
            return np.array([self.loss.mean(self.targets.y[subset], raw, weight)])
        return np.array(
            [
                self.loss.mean(
                    self.targets.of_output(k, subset),
                    raw[:, k],
                    self.weight_of(k, subset),
                )
                for k in range(self.n_outputs)
            ]
        )

    def weight_of(
        self, k: int, subset: slice | NDArray[Any] = slice(None)
    ) -> Array | None:
        """The sample weights of output k, or None where all are 1."""
        factor = self.targets.factor(k, subset)
        if self.sample_weight is None:
            return factor
        weight = self.sample_weight[subset]
        return weight if factor is None else weight * factor


def product_of(a, b):
    """The product of two weights, of which None is 1 everywhere."""
    if a is None or b is None:
        return b if a is None else a
    return a * b
