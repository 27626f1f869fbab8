"""What every linear model does with its loss, and once it has coef_ and intercept_."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import is_regressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_losses._machine._arrays import choose_by_sign
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    BaseEstimator,
    ClassifierMixin,
    Labels,
    Matrix,
    RegressorMixin,
    available_if,
)
from sklearn_losses.design._rows import Rows
from sklearn_losses.design._structure import check_structure
from sklearn_losses.estimators._parameters import resolve_loss
from sklearn_losses.estimators._validation import check_offset
from sklearn_losses.estimators._warnings import warn_of_infinite, warn_of_undecided
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.blocks._lazy import (
    Score,
    lazy_of_collections,
    mean_of_blocks,
    r2_of_blocks,
)
from sklearn_losses.losses import Loss
from sklearn_losses.problem._blocks import RowBlocks

_INPUT = dict(accept_sparse=("csr", "csc", "coo"), reset=False, ensure_min_samples=0)

# So many raw predictions are still in cache when their labels are looked up.
_BLOCK = 2**15

# An X of so many entries comes from memory, not from a cache. There the kernel of
# `Rows`, which asks for rows ahead, is faster than one thread of BLAS for short rows
# and about as fast for long ones; in a cache it is slower by a factor of two.
_STREAMED = 2**22


def _is_streamed(X):
    return (
        isinstance(X, np.ndarray)
        and X.size >= _STREAMED
        and X.dtype == np.float64
        and X.flags.c_contiguous
    )


def _blocks(X, n_outputs):
    """Slices of the rows, and these; a sparse X, whose slices are copies, is whole."""
    n = X.shape[0]
    step = n if sparse.issparse(X) else max(1, min(_BLOCK, 2 * _BLOCK // n_outputs))
    if step >= n:
        return [(slice(None), X)]
    slices = [slice(start, start + step) for start in range(0, n, step)]
    return [(rows, X[rows]) for rows in slices]


def _is_finite(raw):
    """Whether all of an array is, and no square overflows: a product is fast."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.vdot(raw, raw)))


def _write_labels(raw, classes, out):
    """The class of each raw prediction, or of each row of them."""
    if raw.ndim == 2:
        classes.take(raw.argmax(axis=1), out=out, mode="clip")
    elif raw.dtype.char in "fd" and _has_8_bytes(classes):
        two = np.ascontiguousarray(classes)
        choose_by_sign(raw, two.view(np.int64), out.view(np.int64))
    else:
        classes.take(raw > 0, out=out, mode="clip")


def _has_8_bytes(classes):
    """Whether classes are numbers whose bits a kernel may copy."""
    return classes.dtype in (np.int64, np.float64)


def _loss_of(estimator):
    """The fitted loss, or the one to fit where somebody has set coef_ by hand."""
    return getattr(estimator, "loss_", None) or estimator._resolve_loss()


class LinearModel(BaseEstimator):
    """A loss, raw predictions, and coefficients that may be stored sparsely."""

    coef_: Array
    intercept_: Array
    loss_: Loss
    n_iter_: int
    n_features_in_: int
    feature_names_in_: Labels
    scale_: float

    _tasks: tuple[str, ...] = ()
    _other_losses: tuple[str, ...] = ()
    _objects = {"loss": "Huber()"}  # parameters with parameters, and an example of each
    _labels_in = ()  # the fitted attributes with labels
    # Whoever passes an offset means it, so that nobody has to ask for it.
    __metadata_request__fit = {"offset": True}
    __metadata_request__partial_fit = {"offset": True}
    __metadata_request__predict = {"offset": True}
    __metadata_request__predict_proba = {"offset": True}
    __metadata_request__predict_log_proba = {"offset": True}
    __metadata_request__decision_function = {"offset": True}
    __metadata_request__score = {"offset": True}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the loss as ``loss__delta``.

        Those of an optimizer, where there is one, likewise: ``optimizer__beta_1``.

        Parameters
        ----------
        **params
            Parameters of the estimator and, after ``loss__`` or ``optimizer__``, of a
            loss or an optimizer that is an object.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no such parameter, or the loss or the optimizer is a name, which
            has none.
        """
        for kind, example in self._objects.items():
            nested = [name for name in params if name.startswith(f"{kind}__")]
            held = params.get(kind, getattr(self, kind))
            if nested and (isinstance(held, type) or not hasattr(held, "set_params")):
                raise ValueError(
                    f"{nested[0]!r} is a parameter of an object, and {kind}={held!r} "
                    "is not one. Use an object with parameters, such as "
                    f"{kind}={example}."
                )
        return super().set_params(**params)

    def _resolve_loss(self):
        return resolve_loss(self, self._tasks, self._other_losses)

    @lazy_of_collections
    def raw_prediction(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """X @ coef_.T + intercept_ + offset, before the inverse link of the loss.

        What the functions of `loss_` take; of a classifier the `decision_function`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        given, X = X, self._unchecked(X)
        raw, is_finite = self._product(X)
        self._refuse_infinite(given, is_finite)
        if not is_finite:
            warn_of_undecided(self, raw)
        if offset is None:
            self._warn_of_missing_offset()
            return raw
        n_outputs = self._n_offsets(raw)
        offset = check_offset(offset, len(raw), n_outputs)
        shape = raw.shape if n_outputs > 1 else (-1,) + (1,) * (raw.ndim - 1)
        return raw + offset.reshape(shape).astype(raw.dtype, copy=False)

    def _n_offsets(self, raw):
        """How many offsets a row of raw predictions has."""
        return 1 if raw.ndim == 1 else raw.shape[1]

    def score(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """R^2 of `predict`, or its accuracy if it gives labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
        y : array-like of shape (n_samples,)
            Only `RowBlocks` have their own.
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        float
        """
        blocks = blocks_of(type(self).__name__, X, y, sample_weight, offset)
        if blocks is not None and is_regressor(self):
            return r2_of_blocks(self, blocks)
        if blocks is not None:
            return mean_of_blocks(blocks, Score(self, "score"))
        if y is None:
            raise ValueError(
                f"{type(self).__name__}.score needs y, with which it compares "
                "predictions. Only RowBlocks have their own."
            )
        metric = accuracy_score if isinstance(self, ClassifierMixin) else r2_score
        return metric(y, self.predict(X, offset), sample_weight=sample_weight)

    def _warn_of_missing_offset(self):
        """Say so if a model that was fitted with offsets predicts without them."""
        if getattr(self, "_has_offset", False):
            warnings.warn(
                f"{type(self).__name__} was fitted with an offset, and predicts as if "
                "it were 0. Pass offset= here too; offset=0 says that this is meant.",
                UserWarning,
                stacklevel=4,
            )

    def _unchecked(self, X):
        """X as an array or a sparse matrix, whose entries may not be finite."""
        n_features = self._check_model()
        check_structure(X)
        given, X = X, validate_data(self, X, ensure_all_finite=False, **_INPUT)
        if sparse.issparse(X) and X is not given:
            check_structure(X)  # its lists (LIL) had no structure to look at
        if X.shape[1] != n_features:
            raise ValueError(
                f"X has {X.shape[1]} features, and coef_ of {type(self).__name__} has "
                f"{n_features}. Pass the features that it was fitted with."
            )
        return X

    def _check_model(self):
        """The number of features, once the fitted attributes fit each other.

        They are no parameters, but a pickle may be of another version, and anybody may
        set them.

        Raises
        ------
        NotFittedError
            If there are none.
        ValueError
            If one of them is missing, or of a shape or type that it cannot have.
        """
        check_is_fitted(self)
        for name in ("coef_", "intercept_", *self._labels_in):
            if not hasattr(self, name):
                raise self._refusal(name, "missing", "there")
        coef, intercept = self.coef_, np.asarray(self.intercept_)
        check_structure(coef, "coef_")
        if not (sparse.issparse(coef) or isinstance(coef, np.ndarray)):
            raise self._refusal("coef_", f"a {type(coef).__name__}", "an ndarray")
        for name, array in (("coef_", coef), ("intercept_", intercept)):
            if array.dtype.kind not in "fiu":
                raise self._refusal(name, f"of dtype {array.dtype}", "of real numbers")
        n_outputs = self._n_published()
        n_rows = coef.shape[0] if coef.ndim == 2 else 1
        if coef.ndim not in (1, 2) or n_rows != n_outputs:
            wanted = f"of shape ({n_outputs}, n_features)"
            raise self._refusal("coef_", f"of shape {coef.shape}", wanted)
        if intercept.size not in (1, n_outputs) or intercept.ndim > 1:
            wanted = f"of shape ({n_outputs},)"
            raise self._refusal("intercept_", f"of shape {intercept.shape}", wanted)
        return coef.shape[-1]

    def _refusal(self, name, found, wanted):
        """The error that a fitted attribute is not as a fit has left it."""
        return ValueError(
            f"The attribute {name} of {type(self).__name__} is {found}, and must be "
            f"{wanted}. Somebody has set it, or it is of another version: fit again."
        )

    def _n_published(self):
        """How many rows coef_ has."""
        return 1

    def _refuse_infinite(self, X, raw_is_finite):
        """Raise if X is not finite, which its raw predictions show.

        An entry of X that is not finite leaves no finite product, but for a coefficient
        of 0, which a product may pass over: only then look at X.
        """
        if not raw_is_finite or self._has_zero_coef():
            validate_data(self, X, **_INPUT)
        if not raw_is_finite:
            for name in ("coef_", "intercept_"):
                array = getattr(self, name)
                array = array.data if sparse.issparse(array) else array
                if not np.isfinite(array).all():
                    raise self._refusal(name, "not finite", "finite")

    def _streamed(self, X):
        """What the kernels of `Rows` take, if X is one that they are faster with.

        Rows, coefficients and intercept; None for any other X.
        """
        coef, intercept = self.coef_, np.asarray(self.intercept_)
        if sparse.issparse(coef) or coef.size != X.shape[1] or not _is_streamed(X):
            return None
        if not coef.dtype == intercept.dtype == X.dtype:
            return None
        coef = np.ascontiguousarray(coef.reshape(1, -1))
        return Rows(X), coef, intercept.reshape(1)

    def _product(self, X):
        """The raw predictions of X, and whether they are finite, or False if unsure."""
        streamed = self._streamed(X)
        if streamed is not None:
            rows, coef, intercept = streamed
            raw, is_finite = rows.finite_dot(coef, intercept)
            return raw.ravel(), is_finite
        with np.errstate(invalid="ignore", over="ignore"):
            raw = safe_sparse_dot(X, self.coef_.T, dense_output=True)
            in_place = raw if raw.dtype.kind == "f" else None
            raw = np.add(raw, self.intercept_, out=in_place)
        raw = raw.ravel() if raw.ndim == 2 and raw.shape[1] == 1 else raw
        return raw, _is_finite(raw)

    def _has_zero_coef(self):
        return sparse.issparse(self.coef_) or not self.coef_.all()

    def densify(self) -> Self:
        """Store `coef_` as an array, as after fit.

        Returns
        -------
        self : object
        """
        check_is_fitted(self)
        if sparse.issparse(self.coef_):
            self.coef_ = self._dense_coef()
        return self

    def sparsify(self) -> Self:
        """Store `coef_` as a CSR matrix: smaller where most coefficients are zero.

        Worth it, for memory and for the speed of predictions, where more than half of
        the coefficients are zero. A further fit works all the same.

        Returns
        -------
        self : object
        """
        check_is_fitted(self)
        if not sparse.issparse(self.coef_):
            self.coef_ = sparse.csr_array(np.atleast_2d(self.coef_))
        return self

    def _dense_coef(self):
        """`coef_` as an array, whatever sparsify has done."""
        if sparse.issparse(self.coef_):
            check_structure(self.coef_, "coef_")
            dense = self.coef_.toarray()
            return dense.ravel() if is_regressor(self) else dense
        return self.coef_

    def _initial(self, name, given, shape):
        """Coefficients or intercepts to start with, in the shape of the solver's."""
        if given is None:
            return np.zeros(shape)
        given = np.asarray(given, dtype=np.float64)
        # One output may come without its axis.
        if given.shape != shape and (shape[0] > 1 or given.shape != shape[1:]):
            raise ValueError(
                f"{name}_init, or the {name}_ of a warm start, has the shape "
                f"{given.shape} and does not match the data, which needs {shape}."
            )
        if not np.all(np.isfinite(given)):
            raise ValueError(f"{name}_init must be finite.")
        return given.reshape(shape)

    def _published(self, coef, intercept, dtype):
        """`coef_` and `intercept_` of a solver's."""
        if coef.dtype != dtype or intercept.dtype != dtype:
            with np.errstate(over="ignore"):  # is looked for
                coef, intercept = coef.astype(dtype), intercept.astype(dtype)
        if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
            raise ValueError(
                f"The coefficients overflow {np.dtype(dtype)}, which is that of X. "
                "Scale the features, or use smaller steps or float64."
            )
        return coef, intercept

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class LinearRegressorMixin(RegressorMixin):
    """Predictions on the scale of y."""

    _predicts_blocks = True
    score = LinearModel.score  # which takes offsets

    @lazy_of_collections
    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """Predict the target: the inverse link of X @ coef_ + intercept_ + offset.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples,)
            On the scale of y: exp of the raw prediction for a loss with the log link.
            A UserWarning says if it overflows.
        """
        raw = self.raw_prediction(X, offset)
        predicted = self._predicted(X, raw, offset)
        if predicted is not raw and not _is_finite(predicted):
            warn_of_infinite(self, raw, predicted)
        return predicted

    def _predicted(self, X, raw, offset):
        """Predictions on the scale of y, of raw ones."""
        return _loss_of(self).inverse_link(raw)

    def _published(self, coef, intercept, dtype):
        return super()._published(coef[0], intercept, dtype)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        with suppress(
            ValueError, TypeError, ImportError
        ):  # a loss that fit refuses has no domain
            loss = self.loss if isinstance(self.loss, Loss) else self._resolve_loss()
            tags.target_tags.positive_only = loss.domain.low >= 0
        return tags


def _defines_probabilities(estimator):
    """Whether predict_proba exists; where not, say so in the AttributeError."""
    loss = _loss_of(estimator)
    if not loss.probabilistic:
        raise AttributeError(
            f"{type(estimator).__name__} has no probabilities with {loss!r}, because "
            "this loss does not define them. Use LogLoss(), CrossEntropy() or "
            "ModifiedHuber(), or wrap the model in CalibratedClassifierCV."
        )
    return True


class LinearClassifierMixin(ClassifierMixin):
    """Labels and, where the loss defines them, probabilities."""

    classes_: Labels

    _predicts_blocks = True
    score = LinearModel.score
    _labels_in = ("classes_",)

    def _n_published(self):
        classes = np.asarray(self.classes_)
        if classes.ndim != 1 or len(classes) < 2:
            raise self._refusal(
                "classes_", f"of shape {classes.shape}", "a list of two labels or more"
            )
        return 1 if len(classes) == 2 else len(classes)

    @lazy_of_collections
    def decision_function(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """Raw predictions: X @ coef_.T + intercept_ + offset.

        Less that of the probability 1/2, where this is not 0 (`Cloglog`, `Loglog`).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes one column, positive where `classes_[1]` is predicted.
        """
        raw, middle = self.raw_prediction(X, offset), self._middle()
        return raw if middle == 0 else raw - middle

    def _middle(self):
        """The raw prediction between two classes that are equally likely."""
        loss = _loss_of(self)
        if loss.symmetric or loss.granularity == "row" or not loss.probabilistic:
            return 0.0
        return float(loss.link.link(0.5))

    @lazy_of_collections
    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Labels:
        """Predict the label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples,)
            Of a `LinearClassifier` of several labels a row (n_samples, n_labels): 1 of
            those that it has, 0 of the others.
        """
        return self._chosen(X, offset)

    def _chosen(self, X, offset):
        """What `predict` returns."""
        if offset is not None or self._middle() != 0:
            raw, classes = self.decision_function(X, offset), np.asarray(self.classes_)
            return classes[raw.argmax(axis=1) if raw.ndim == 2 else (raw > 0) * 1]
        self._warn_of_missing_offset()
        given, X = X, self._unchecked(X)
        streamed, classes = self._streamed(X), np.asarray(self.classes_)
        if streamed is not None:
            rows, coef, intercept = streamed
            two = classes if _has_8_bytes(classes) else np.arange(2)
            labels, is_finite = rows.choose(coef, intercept, np.ascontiguousarray(two))
            labels = labels if two is classes else classes.take(labels)
        else:
            labels, is_finite = np.empty(X.shape[0], classes.dtype), True
            for rows, part in _blocks(X, self._n_published()):
                raw, part_is_finite = self._product(part)
                is_finite &= part_is_finite
                _write_labels(raw, classes, labels[rows])
        self._refuse_infinite(given, is_finite)
        if not is_finite:
            warn_of_undecided(self, self._product(X)[0])
        return labels

    @available_if(_defines_probabilities)
    @lazy_of_collections
    def predict_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """Probabilities of the classes; there is no such method if the loss has none.

        Binary losses on several classes are fitted one versus rest; their
        probabilities are divided by their sum (Zadrozny and Elkan 2002), and are
        uniform where all of them are 0.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. Of a `LinearClassifier` of several labels a row
            the probability of each, which have no sum.
        """
        return self._probabilities(self.raw_prediction(X, offset))

    def _probabilities(self, raw):
        if raw.ndim == 1:
            return np.exp(self._binary_log_proba(raw)).astype(raw.dtype, copy=False)
        probability = _loss_of(self).inverse_link(raw)
        if _loss_of(self).granularity == "point":
            total = probability.sum(axis=1, keepdims=True)
            probability = np.where(total == 0, 1.0, probability)
            probability /= probability.sum(axis=1, keepdims=True)
        return probability.astype(raw.dtype, copy=False)

    @available_if(_defines_probabilities)
    @lazy_of_collections
    def predict_log_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """The logarithms of `predict_proba`, with all their digits.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            -inf where a probability is 0.
        """
        return self._log_probabilities(self.raw_prediction(X, offset))

    def _log_probabilities(self, raw):
        if raw.ndim == 1:
            return self._binary_log_proba(raw)
        if _loss_of(self).granularity == "row":
            return _loss_of(self).link.log_probabilities(raw)
        with np.errstate(divide="ignore"):  # log(0) is -inf
            return np.log(self._probabilities(raw))

    def _binary_log_proba(self, raw):
        if _loss_of(self).granularity == "row":
            both = np.stack([np.zeros_like(raw), raw], axis=1)
            return _loss_of(self).link.log_probabilities(both)
        return np.stack(_loss_of(self).link.log_probabilities(raw), axis=1)

    def _initial(self, name, given, shape):
        if given is not None and shape[0] == 2:
            # Two classes of a joint loss are published as one difference.
            one = np.asarray(given, dtype=np.float64)
            if one.shape in (shape[1:], (1, *shape[1:])):
                half = 0.5 * one.reshape(shape[1:])
                given = np.stack([-half, half])
        return super()._initial(name, given, shape)

    def _published(self, coef, intercept, dtype):
        if len(coef) == 2:
            coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
        return super()._published(coef, intercept, dtype)
