"""What comes in at the boundary: rows, weights, offsets, and the promise on errors."""

import re
import sys
import warnings
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from sklearn_losses._machine._arrays import all_between
from sklearn_losses._machine._params import (
    refuse_negative,
)
from sklearn_losses.design._structure import (
    check_structure,
    refuse_collection,
    refuse_masked,
)
from sklearn_losses.estimators._labels import check_one_kind
from sklearn_losses.losses._arguments import ORDINARY

PACKAGE = __name__.partition(".")[0] + "."
LONG_NUMBER = re.compile(r"\b\d+\.\d{2,}(e[+-]?\d+)?\b")

LARGEST = float(np.finfo(np.float64).max)
LARGE = 1 << 20  # entries of an X that is better not read without need

# What scikit-learn's checks make of X.
ROWS = dict(
    accept_sparse="csr",
    accept_large_sparse=True,
    dtype=(np.float64, np.float32),
    order="C",
)


class unchanged_on_error:
    """A fit that fails, or is interrupted, leaves the estimator as it was.

    But for an overflow after a finite epoch, whose model the estimator has then got.
    """

    def __init__(self, estimator):
        self.estimator = estimator

    def __enter__(self):
        self.before = dict(vars(self.estimator))

    def __exit__(self, kind, error, trace):
        if kind is not None and not getattr(error, "keeps_model", False):
            vars(self.estimator).clear()
            vars(self.estimator).update(self.before)


def warn_caller(message, category=UserWarning):
    """Warn at the line that has called this package, with long numbers rounded.

    Where many fits are made numbers make one warning of each, which Python would
    otherwise show once.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_ours(frame):
        frame, level = frame.f_back, level + 1
    text = LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2g}", message)
    warnings.warn(text, category, stacklevel=level)


def _is_ours(frame):
    """Whether it is a function of this package, or what scikit-learn puts around it."""
    name = frame.f_globals.get("__name__", "")
    return name.startswith((PACKAGE, "sklearn.callback"))


def check_numbers(y, loss, name="y"):
    """Targets of a regression, as float64.

    Raises
    ------
    ValueError
        If they are no numbers, or outside of the domain of the loss.
    """
    fields = getattr(getattr(y, "dtype", None), "names", None)
    if fields:
        advice = "Use LinearSurvival or LinearRanker for it, or numbers."
        if getattr(loss, "y_size", 1) == 2:
            advice = (
                "Use two columns, [time, time] of an event and [time, inf] of a "
                "censored row: np.column_stack([time, np.where(event, time, np.inf)])."
            )
        raise ValueError(
            f"{name} must be numeric in regression. Got the fields "
            f"{', '.join(fields)}. {advice}"
        )
    try:
        y = np.ascontiguousarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numeric in regression. {error}") from error
    loss.check_targets(y, name=name)
    return y


def check_rows(estimator, X, y, reset=True):
    """X and y as the fits of an estimator take them, by scikit-learn's checks.

    These take longer than many a fit of few rows. Arrays that all of them would let
    pass as they are need only those of the number of features; arrays have no names.

    Returns
    -------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Of dtype float32 or float64; an ndarray is C-contiguous.
    y : ndarray of shape (n_samples,)
    """
    if not (_is_sound(X, 2) and _is_sound(y, 1) and len(X) == len(y)):
        check_structure(X)
        return validate_data(estimator, X, y, reset=reset, **ROWS)
    if reset:
        estimator.n_features_in_ = X.shape[1]
        vars(estimator).pop("feature_names_in_", None)
    else:
        validate_data(estimator, X, reset=False, skip_check_array=True)
    return X, y


def check_large_rows(estimator, X, y, reset=True):
    """`check_rows` of a fit that sees by itself whether the entries of X are finite.

    To look for that takes as long as a step with many rows.

    Returns
    -------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    check : callable or None
        It raises the error of `check_rows` if an entry is not finite. None: all are.
    """
    check_structure(X)
    refuse_collection(y, "y")
    refuse_masked(y, "y")
    if isinstance(y, (list, tuple)):
        check_one_kind(y)
    size = X.nnz if sparse.issparse(X) else getattr(X, "size", 0)
    if not isinstance(size, Integral) or size < LARGE:
        return *check_rows(estimator, X, y, reset), None
    given, settings = X, ROWS | {"reset": reset, "ensure_all_finite": False}
    X, y = validate_data(estimator, X, y, **settings)

    def check():
        if not _is_finite(X.data if sparse.issparse(X) else X):
            validate_data(estimator, given, reset=False, **ROWS)

    return X, y, check


def _is_sound(array, ndim):
    """Whether nothing has to be said of an array, nor done with it."""
    if type(array) is not np.ndarray or array.ndim != ndim or array.size == 0:
        return False
    if ndim == 1 and array.dtype.kind in "iub":
        return True
    dtype = array.dtype
    if not (dtype.char in "fd" and dtype.isnative and array.flags.c_contiguous):
        return False
    return _is_finite(array)


def _is_finite(array):
    """Whether all of an array of floats is."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return all_between(flat, -LARGEST, LARGEST, False)


def check_weights(sample_weight, n_samples, name="sample_weight"):
    """Sample weights as float64, or None where all are 1.

    Raises
    ------
    ValueError
        If the shape does not fit, or a weight is negative or not finite; it names the
        first one.
    """
    if sample_weight is None:
        return None
    refuse_masked(sample_weight, name)
    weight = np.asarray(sample_weight)
    if weight.dtype == object:
        weight = weight.astype(np.float64)
    if weight.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be real numbers. Got the dtype {weight.dtype}.")
    if weight.ndim == 0:
        weight = np.full(n_samples, weight)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"{name} must have the shape ({n_samples},), one weight for each "
            f"row. Got the shape {weight.shape}."
        )
    weight = np.ascontiguousarray(weight, dtype=np.float64)
    refuse_negative(weight, name, name, ValueError)
    return weight


def is_given(offset):
    """Whether it moves raw predictions, so that one has to be passed again."""
    return offset is not None and bool(np.any(np.asarray(offset)))


def check_offset(offset, n_samples, n_outputs, name="offset"):
    """Offsets of raw predictions, as float64 with a column for each output.

    Parameters
    ----------
    offset : array-like of shape (n_samples,) or (n_samples, n_outputs), float or None
    n_samples, n_outputs : int
    name : str, default="offset"

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), or None

    Raises
    ------
    ValueError
        If the shape does not fit, or an offset is no finite number; it names the first.
    """
    if offset is None:
        return None
    refuse_masked(offset, name)
    try:
        found = np.asarray(offset)
        if found.dtype.kind not in "biufO":
            raise TypeError(f"Got the dtype {found.dtype}.")
        found = found.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be real numbers. {error}") from error
    if found.ndim == 0:
        found = np.full((n_samples, n_outputs), found)
    shapes = [(n_samples, n_outputs)] + [(n_samples,)] * (n_outputs == 1)
    if found.shape not in shapes:
        what = "row" if n_outputs == 1 else "row and class"
        raise ValueError(
            f"{name} must have the shape {shapes[-1]}, a number for each {what} that "
            f"is added to its raw prediction. Got the shape {found.shape}."
        )
    found = np.ascontiguousarray(found.reshape(n_samples, n_outputs))
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{name} must be finite: {name}[{bad[0]}] is {found[bad[0]].squeeze()}. "
            "Rows that are to count for nothing get the sample weight 0."
        )
    return found


def split_offset(offset, n_outputs):
    """Offsets of the raw predictions that a fit has.

    Of two classes of a joint loss it has two, whose difference is published.
    """
    if offset is None or offset.shape[1] == n_outputs:
        return offset
    return np.ascontiguousarray(offset * np.array([-0.5, 0.5]))


def check_size_of_weights(weight):
    """Refuse weights with which the loss outweighs any penalty, or the reverse.

    Raises
    ------
    ValueError
        If the largest is so large or small that sums over- or underflow.
    """
    largest = 1.0 if weight is None else weight.max(initial=0.0)
    if largest > 0 and not ORDINARY[0] < largest < ORDINARY[1]:
        raise ValueError(
            f"The largest sample_weight must be between {ORDINARY[0]:g} and "
            f"{ORDINARY[1]:g}. Got {largest:.4g}: divide all of them by it, and alpha "
            "as well if the penalty should mean the same."
        )
