"""Several labels a row: y is an indicator matrix, and each column has a model."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import type_of_target

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.estimators._linear_model import (
    LinearClassifierMixin,
    LinearModel,
    _loss_of,
)

FAR = 5.0  # a raw prediction, of which a probability should not be 0


def indicator_of(y):
    """y as an array of 0 and 1 with several columns, None if it is no such matrix."""
    y = np.asarray(y) if isinstance(y, list) else y
    shape = getattr(y, "shape", ())
    if len(shape) != 2 or shape[1] < 2 or type_of_target(y) != "multilabel-indicator":
        return None
    return y.toarray() if sparse.issparse(y) else np.asarray(y)


class MultilabelMixin(LinearClassifierMixin):
    """A classifier whose y may say of each of several labels whether a row has it."""

    _labels = None  # the type of an indicator matrix that was fitted

    # -------------------------------------------------------------------- the targets
    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        indicator = indicator_of(y)
        self._labels = None if indicator is None else indicator.dtype
        if indicator is None:
            parts = X, y, sample_weight, loss, offset, solves
            return super()._objectives(*parts)
        self._check_labels(loss, offset)
        self._indicator = indicator.astype(np.float64)
        try:
            parts = X, indicator[:, 0], sample_weight, loss, None, solves
            return super()._objectives(*parts)
        finally:
            del self._indicator

    def _check_labels(self, loss, offset):
        owner = type(self).__name__
        if loss.granularity == "row":
            raise InvalidParameterError(
                f"{owner} cannot use {loss!r} with several labels a row, because it is "
                "of one class a row. Use a binary loss such as LogLoss()."
            )
        for name, given in (("class_weight", self.class_weight), ("offset", offset)):
            if given is not None:
                raise ValueError(
                    f"{owner} cannot use {name} with several labels a row. Leave it "
                    "out; Asymmetric(LogLoss(), under=2.0) weighs what a row has."
                )

    def _targets_of_labels(self, weight):
        """Those of an objective for each label, the weights and how many there are."""
        columns = np.ascontiguousarray(self._indicator.T)
        self.classes_ = np.arange(len(columns))
        return list(columns), weight, len(columns)

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
            yield from (f"The label {k}: {message}" for message in result.warnings)

    # ------------------------------------------------------------------- predictions
    def _chosen(self, X, offset):
        if self._labels is None:
            return super()._chosen(X, offset)
        return (self.decision_function(X, offset) > 0).astype(self._labels)

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


def _suits_checks(loss):
    """Whether labels may have this loss, with probabilities that are never 0 or 1.

    scikit-learn's checks demand that. `ModifiedHuber`, whose are, works all the same.
    """
    if loss.granularity != "point":
        return False
    return not loss.probabilistic or bool(loss.inverse_link([-FAR])[0] > 0.0)
