"""Several labels a row: y is an indicator matrix, and each column has a model."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from itertools import cycle

import numpy as np
from scipy import sparse

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.estimators._labels import class_factors
from sklearn_losses.estimators._linear_model import (
    LinearClassifierMixin,
    LinearModel,
    _loss_of,
)
from sklearn_losses.estimators._parameters import draw_seed
from sklearn_losses.estimators._validation import check_offset, warn_caller
from sklearn_losses.problem._objective import Objective
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.solvers.descent._certified import DEAR
from sklearn_losses.solvers.descent._models import LBFGS, NEWTON
from sklearn_losses.solvers.descent._outputs import MOST_COEFS, OutputsSolver
from sklearn_losses.solvers.descent._wide_outputs import WideOutputsSolver

RANKED = "multilabel"  # the task of losses that compare labels
FAR = 5.0  # a raw prediction, of which a probability should not be 0


def indicator_of(y):
    """y as an array of 0 and 1 with several columns, None if it has but one.

    Raises
    ------
    ValueError
        If there are other values in several columns.
    """
    y = np.asarray(y) if isinstance(y, list) else y
    shape = getattr(y, "shape", ())
    if len(shape) != 2 or shape[1] < 2 or hasattr(y, "__dask_graph__"):
        return None  # a collection is not gathered to look at it
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    odd = y.dtype.kind not in "biufO" or (y != 0) & (y != 1)
    odd = np.argwhere(np.broadcast_to(odd, y.shape))
    if len(odd):
        row, column = odd[0]
        raise ValueError(
            f"y has {shape[1]} columns, and in row {row} the value {y[row, column]}. "
            "With several labels a row, y is 1 where the row has the label of a "
            "column, and else 0; with one class a row, its shape is (n_samples,)."
        )
    return y


class MultilabelMixin(LinearClassifierMixin):
    """A classifier whose y may say of each of several labels whether a row has it."""

    _labels = None  # the type of an indicator matrix that was fitted

    # -------------------------------------------------------------------- the targets
    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        indicator = indicator_of(y)
        self._labels = None if indicator is None else indicator.dtype
        self._check_labels(loss)
        if indicator is None:
            parts = X, y, sample_weight, loss, offset, solves
            return super()._objectives(*parts)
        self._indicator = indicator.astype(np.float64)
        if loss.task == RANKED:
            loss = loss.of_labels(indicator.shape[1])
        try:
            parts = X, indicator[:, 0], sample_weight, loss, None, solves
            objectives, dtype = super()._objectives(*parts)
        finally:
            rows = self.__dict__.pop("_indicator")
        offset = check_offset(offset, *indicator.shape)
        if loss.task == RANKED:
            return [self._of_all_labels(objectives[0], offset)], dtype
        if solves and self.fit_intercept:
            self._warn_of_one_value(rows, objectives[0].sample_weight)
        weights = self._weights_of_labels(indicator, objectives[0].sample_weight)
        offsets = np.hsplit(offset, offset.shape[1]) if offset is not None else [None]
        each = zip(objectives, weights, cycle(offsets))
        return [_of_label(*parts) for parts in each], dtype

    def _check_labels(self, loss):
        owner, has_labels = type(self).__name__, self._labels is not None
        if loss.task == RANKED and not has_labels:
            raise ValueError(
                f"{owner} with {loss!r} needs y of the shape (n_samples, n_labels), 1 "
                "where a row has a label and else 0, with two labels or more."
            )
        if loss.granularity == "row" and has_labels and loss.task != RANKED:
            raise InvalidParameterError(
                f"{owner} cannot use {loss!r} with several labels a row, because it is "
                "of one class a row. Use a binary loss such as LogLoss(), or "
                "LabelRanking()."
            )
        if loss.task == RANKED and self.class_weight is not None:
            raise InvalidParameterError(
                f"{owner} cannot use class_weight with {loss!r}, which compares the "
                "labels that a row has with the others. Leave it out."
            )
        if not has_labels and isinstance(self.class_weight, (list, tuple)):
            raise InvalidParameterError(
                f"The 'class_weight' parameter of {owner} may only be a list, of one "
                "for each label, with several labels a row. Use a dict of label to "
                "weight."
            )

    def _warn_of_one_value(self, indicator, weight):
        """Say which labels all rows have, or none, as features tell nothing then."""
        counted = indicator if weight is None else indicator[weight > 0]
        same = counted.min(axis=0) == counted.max(axis=0)
        for k in np.flatnonzero(same):
            has, found = ("Every", "it has") if counted[0, k] else ("No", "it has not")
            warn_caller(
                f"{has} row of y with a weight above 0 has the label {k}: nothing says "
                f"what it depends on, and {type(self).__name__} predicts of any row "
                f"that {found}. Leave the column out, or give it rows of both kinds."
            )

    def _targets_of_labels(self, weight, loss):
        """Those of each objective, the weights and how many labels there are."""
        columns = np.ascontiguousarray(self._indicator.T)
        self.classes_ = np.arange(len(columns))
        targets = [self._indicator] if loss.task == RANKED else list(columns)
        return targets, weight, len(columns)

    def _of_all_labels(self, objective, offset):
        """The one objective of a loss that compares labels."""
        own = {
            field.name: getattr(objective, field.name) for field in fields(Objective)
        }
        shape = objective.n_outputs, objective.rows.n_features
        intercepts = np.full(shape[0], self.fit_intercept)
        predictors = Predictors.of(np.ones(shape, dtype=bool), intercepts)
        return OutputsObjective(**own | {"offset": offset}, predictors=predictors)

    def _targets_and_outputs(self, X, y, loss, offset):
        """Targets and raw predictions, for scorers by a loss of all labels."""
        indicator = indicator_of(y)
        if indicator is None:
            raise ValueError(f"{loss!r} needs y of the shape (n_samples, n_labels).")
        return indicator.astype(np.float64), self.raw_prediction(X, offset)

    def _weights_of_labels(self, indicator, weight):
        """The weights of the rows in the objective of each label."""
        each, n_labels = self.class_weight, indicator.shape[1]
        if not isinstance(each, (list, tuple)):
            each = [each] * n_labels
        if len(each) != n_labels:
            raise InvalidParameterError(
                f"The 'class_weight' parameter of {type(self).__name__} has "
                f"{len(each)} dicts, and y has {n_labels} labels. Use a dict for each."
            )
        for k, given in enumerate(each):
            codes = indicator[:, k].astype(np.intp)
            parts = given, np.arange(2), codes, weight, type(self).__name__, True
            try:
                factors = class_factors(*parts)
            except ValueError as error:
                raise type(error)(f"The label {k}: {error}") from error
            own = 1.0 if weight is None else weight
            yield weight if factors is None else own * factors[codes]

    # ------------------------------------------------------------------- the solver
    def _solver(self, objective):
        if objective.loss.task != RANKED:
            return super()._solver(objective)
        is_smooth, kinds = objective.loss.differentiable, [NEWTON]
        kinds += [LBFGS] * is_smooth
        if self.solver not in ("auto", *kinds):
            raise ValueError(
                f"{type(self).__name__}(solver={self.solver!r}) cannot use "
                f"{objective.loss!r}: its solvers are {', '.join(kinds)}. Use "
                "solver='auto'."
            )
        is_wide = self.solver == LBFGS
        if self.solver == "auto" and is_smooth:
            most = MOST_COEFS if objective.penalty.has_kinks else DEAR
            is_wide = objective.predictors.size > most
        solver = (WideOutputsSolver if is_wide else OutputsSolver)(
            max_iter=self.max_iter,
            tol=self.tol,
            seed=draw_seed(self.random_state),
            verbose=self.verbose,
            owner=type(self).__name__,
        )
        solver.check(objective)
        return solver

    # ------------------------------------------------------------------ what is found
    def _initial(self, name, given, shape):
        if self._labels is None:
            return super()._initial(name, given, shape)
        return LinearModel._initial(self, name, given, shape)

    def _published(self, coef, intercept, dtype):
        if self._labels is None:
            return super()._published(coef, intercept, dtype)
        return LinearModel._published(self, coef, intercept, dtype)

    def _n_published(self):
        return super()._n_published() if self._labels is None else len(self.classes_)

    def _said_by(self, results):
        if self._labels is None:
            yield from super()._said_by(results)
            return
        for k, result in enumerate(results):
            of = f"The label {k}: " if len(results) > 1 else ""
            yield from (of + message for message in result.warnings)

    # ------------------------------------------------------------------- predictions
    def _chosen(self, X, offset):
        if self._labels is None:
            return super()._chosen(X, offset)
        raw, loss = self.decision_function(X, offset), _loss_of(self)
        has = loss.labels_of(raw) if loss.task == RANKED else raw > 0
        return has.astype(self._labels)

    def _probabilities(self, raw):
        if self._labels is None:
            return super()._probabilities(raw)
        return _loss_of(self).inverse_link(raw).astype(raw.dtype, copy=False)

    def _log_probabilities(self, raw):
        if self._labels is None:
            return super()._log_probabilities(raw)
        return _loss_of(self).link.log_probabilities(raw)[1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        with suppress(ValueError, TypeError, ImportError):  # a loss that fit refuses
            tags.classifier_tags.multi_label = (
                self.class_weight is None and _suits_checks(_loss_of(self))
            )
        return tags


def _of_label(objective, weight, offset):
    """The objective of a label with weights and an offset of its own."""
    total = objective.total_weight if weight is None else weight.sum()
    offset = None if offset is None else np.ascontiguousarray(offset)
    return replace(objective, sample_weight=weight, total_weight=total, offset=offset)


def _suits_checks(loss):
    """Whether labels may have this loss, with probabilities that are never 0 or 1.

    scikit-learn's checks demand that. `ModifiedHuber`, whose are, works all the same.
    """
    if loss.granularity != "point":
        return False
    return not loss.probabilistic or bool(loss.inverse_link([-FAR])[0] > 0.0)
