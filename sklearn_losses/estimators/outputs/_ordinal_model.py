"""What models of ordered classes share: the order, thresholds and predictions.

How they are fitted is not said here.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import type_of_target

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    ClassifierMixin,
    Labels,
    Matrix,
    available_if,
)
from sklearn_losses.estimators._labels import check_one_kind, class_factors
from sklearn_losses.estimators._linear_model import _defines_probabilities, _loss_of
from sklearn_losses.estimators._validation import warn_caller
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.blocks._lazy import (
    Score,
    lazy_of_collections,
    mean_of_blocks,
)
from sklearn_losses.losses._arguments import moderate_weight
from sklearn_losses.problem._blocks import RowBlocks

TARGETS = "auto", "mode", "median", "mean"


def order_of(owner, y, categories):
    """The classes in their order.

    Parameters
    ----------
    owner : str
    y : array-like of shape (n_samples,)
        Labels, of pandas perhaps.
    categories : "auto" or list

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    if not isinstance(categories, str):
        found = np.array(list(categories))
        if len(np.unique(found)) < len(found):
            raise InvalidParameterError(
                f"The 'categories' parameter of {owner} names a class twice: "
                f"{found.tolist()}."
            )
        return found
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "ordered", False):
        return np.asarray(dtype.categories)
    found = np.unique(np.asarray(y))
    if found.dtype.kind in "OUS" and len(found) > 2:
        warn_caller(
            f"{owner} takes the classes in alphabetical order, {found.tolist()}. Say "
            "which order is meant: categories=[...], from the lowest to the highest."
        )
    return found


def check_grades(owner, y, has_order):
    """Refuse numbers that look like none of classes, unless it is said that they are.

    Parameters
    ----------
    owner : str
    y : ndarray of shape (n_samples,)
    has_order : bool
        Whether somebody has said which classes there are.
    """
    check_one_kind(y)
    if not has_order and type_of_target(y).startswith("continuous"):
        raise ValueError(
            f"Unknown label type: continuous. {owner} takes numbers with fractions for "
            "classes if it is told which there are: categories=[0.5, 1.0, ...], from "
            "the lowest to the highest, or an ordered categorical of pandas."
        )


def codes_of(owner, y, classes):
    """The index of each label, and an error that names one that is none."""
    labels, inverse = np.unique(y, return_inverse=True)
    places = {label: k for k, label in enumerate(classes.tolist())}
    unknown = [label for label in labels.tolist() if label not in places]
    if unknown:
        raise ValueError(
            f"{owner} found the label {unknown[0]!r} in y, which is not among "
            f"categories={classes.tolist()}. Add it, or leave such rows out."
        )
    table = np.array([places[label] for label in labels.tolist()], dtype=np.float64)
    return table[inverse]


class OrdinalMixin(ClassifierMixin):
    """The order of the classes, and predictions of latent values and thresholds."""

    _tasks = ("ordinal",)
    _takes_outputs = _predicts_blocks = True
    _labels_in = ("classes_", "thresholds_")

    def _usable_loss(self):
        loss = self._resolve_loss()
        if self.target in ("mode", "mean") and not loss.probabilistic:
            raise InvalidParameterError(
                f"{type(self).__name__}(target={self.target!r}) cannot use {loss!r}, "
                "because it has no probabilities. Use target='median', or a loss such "
                "as CumulativeLogit()."
            )
        return loss

    # ------------------------------------------------------------------- the targets
    def _coded(self, y, given, weight):
        """Indices of those classes that have rows, and weights of moderate size.

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
        given : array-like
            y as the user has it, perhaps with an order.
        weight : ndarray of shape (n_samples,) or None
        """
        owner = type(self).__name__
        self.classes_ = order_of(owner, given, self.categories)
        codes = codes_of(owner, y, self.classes_)
        factors = class_factors(
            self.class_weight, self.classes_, np.asarray(y), weight, owner, True
        )
        if factors is not None:
            factors = factors[codes.astype(np.intp)]
            weight = factors if weight is None else weight * factors
        if weight is not None and not weight.any():
            raise ValueError("All sample weights are zero: nothing is left to fit.")
        weight = None if weight is None else moderate_weight(weight)
        counts = np.bincount(codes.astype(int), weight, len(self.classes_))
        self._seen = np.flatnonzero(counts > 0)
        if len(self._seen) < 2:
            raise ValueError(
                f"{owner} needs at least two classes with rows of positive weight, and "
                f"y has one class: {self.classes_[self._seen].tolist()}."
            )
        if len(self._seen) < len(self.classes_):
            missing = np.setdiff1d(np.arange(len(counts)), self._seen)
            names = ", ".join(repr(self.classes_.tolist()[k]) for k in missing)
            warn_caller(
                f"No row of y has the class {names} of {owner}: it gets no probability."
            )
        # Rows of weight 0 may be of a class without a threshold; any will do.
        codes = np.searchsorted(self._seen, codes).astype(np.float64)
        return np.minimum(codes, len(self._seen) - 1.0), weight

    def _all_thresholds(self, own):
        """Those between all classes, of those between the classes that have rows."""
        # A class that no row has is between equal thresholds.
        ends = np.concatenate([[-np.inf], own, [np.inf]])
        return ends[np.searchsorted(self._seen, np.arange(1, len(self.classes_)))]

    # ------------------------------------------------------------------ what is found
    def _fitted(self, loss, dtype, coef, intercept):
        coef, _ = self._published(coef[:1], np.zeros(1), dtype)
        return {
            "loss_": loss,
            "coef_": coef,
            "intercept_": np.zeros(1, coef.dtype),
            "thresholds_": self._all_thresholds(intercept[1:] - intercept[0]),
        }

    # ------------------------------------------------------------------- predictions
    @lazy_of_collections
    def predict_latent(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """The latent values, X @ coef_ + offset, which thresholds_ divide.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.raw_prediction(X, offset)

    def _targets_and_outputs(self, X, y, loss, offset):
        """Codes of labels, and raw outputs as the loss has them."""
        latent = self.raw_prediction(X, offset)
        values = {"location": latent, "thresholds": self.thresholds_}
        codes = codes_of(type(self).__name__, np.asarray(y), np.asarray(self.classes_))
        return codes, loss.raw_of(values, len(latent))

    def _index(self, latent):
        target = self.target
        if target == "auto":
            target = "mode" if _loss_of(self).probabilistic else "median"
        if target == "median" and not _loss_of(self).probabilistic:
            return np.searchsorted(self.thresholds_, latent, side="left")
        probability = self._probabilities(latent)
        if target == "mode":
            return probability.argmax(axis=1)
        if target == "median":
            return (np.cumsum(probability, axis=1)[:, :-1] < 0.5).sum(axis=1)
        mean = probability @ np.arange(probability.shape[1])
        return np.rint(mean).astype(np.intp)

    def _probabilities(self, latent):
        ends = np.tile(self.thresholds_, (len(latent), 1))
        return _loss_of(self).inverse_link(np.column_stack([latent, ends]))

    def _log_probabilities(self, latent):
        # The loss of a class is minus its log, if there is room for it.
        ends = np.concatenate([[-np.inf], self.thresholds_, [np.inf]])
        outputs = _loss_of(self).raw_of(
            {"location": latent, "thresholds": np.unique(ends)[1:-1]}, len(latent)
        )
        found = np.full((len(latent), len(ends) - 1), -np.inf)
        for code, k in enumerate(np.flatnonzero(ends[1:] > ends[:-1])):
            found[:, k] = -_loss_of(self).value(np.full(len(latent), code), outputs)
        return found

    @lazy_of_collections
    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Labels:
        """The class of each row that `target` says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        index = self._index(self.raw_prediction(X, offset))
        return np.asarray(self.classes_)[index]

    @available_if(_defines_probabilities)
    @lazy_of_collections
    def predict_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """Probabilities of the classes; there is no such method if the loss has none.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        raw = self.raw_prediction(X, offset)
        return self._probabilities(raw).astype(raw.dtype, copy=False)

    @available_if(_defines_probabilities)
    @lazy_of_collections
    def predict_log_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """The logarithms of `predict_proba`, also where that is 0 by rounding.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            -inf for classes that `fit` has not seen.
        """
        raw = self.raw_prediction(X, offset)
        return self._log_probabilities(raw).astype(raw.dtype, copy=False)

    def score(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """The accuracy of `predict`, as of every scikit-learn classifier.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,), or float, default=None

        Returns
        -------
        float
        """
        blocks = blocks_of(type(self).__name__, X, y, sample_weight, offset)
        if blocks is not None:
            return mean_of_blocks(blocks, Score(self, "score"))
        return accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # on classes that have no order
        return tags
