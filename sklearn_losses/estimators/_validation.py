"""What comes in at the boundary: losses, weights, labels, and the promise on errors."""

import re
import sys
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from sklearn_losses._machine._arrays import all_between
from sklearn_losses._machine._params import (
    NONE,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
    refuse_negative,
)
from sklearn_losses.design._structure import check_structure, refuse_collection
from sklearn_losses.losses import Loss, Quantiles, get_loss, loss_names
from sklearn_losses.losses._arguments import ORDINARY
from sklearn_losses.losses._contradictions import is_foreign
from sklearn_losses.penalties import L1, L2, ElasticNet, Penalty
from sklearn_losses.penalties._price import Price
from sklearn_losses.solvers._residual_scale import residual_scale
from sklearn_losses.solvers.sgd._optimizers import OPTIMIZERS, Optimizer

# Losses that took scikit-learn's `epsilon`, and the parameter that it was.
EPSILON_IS = {
    "huber": "delta",
    "epsilon_insensitive": "epsilon",
    "squared_epsilon_insensitive": "epsilon",
}


PACKAGE = __name__.partition(".")[0] + "."
LONG_NUMBER = re.compile(r"\b\d+\.\d{2,}(e[+-]?\d+)?\b")

PLAIN = float, int, bool, str, type(None)  # parameters that need no copy

LARGEST = float(np.finfo(np.float64).max)
MANY_CLASSES = 20  # so many labels may be no labels
LARGE = 1 << 20  # entries of an X that is better not read without need

# What scikit-learn's checks make of X.
ROWS = dict(
    accept_sparse="csr",
    accept_large_sparse=True,
    dtype=(np.float64, np.float32),
    order="C",
)

PENALTY = [
    Options("l2", "l1", "elasticnet"),
    Instance(Penalty, "a penalty such as MCP(gamma=3.0)"),
    NONE,
]

KINDS = {  # of losses
    "binary": "classification",
    "multiclass": "classification",
    "boxes": "boxes of four edges",
}
ESTIMATORS = {
    "regression": "LinearRegressor",
    "binary": "LinearClassifier",
    "multiclass": "LinearClassifier",
    "ordinal": "LinearOrdinalClassifier",
    "boxes": "LinearMultiTask",
    "ranking": "LinearRanker",
    "survival": "LinearSurvival",
    "embedding": "LinearEmbedding",
}

NAMED = {"l1": L1(), "l2": L2()}

OPTIMIZER = [
    Options(*OPTIMIZERS),
    Instance(Optimizer, "an optimizer such as Adam(beta_1=0.9)"),
]


@contextmanager
def unchanged_on_error(estimator):
    """A fit that fails, or is interrupted, leaves the estimator as it was.

    But for an overflow after a finite epoch, whose model the estimator has then got.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException as error:
        if not getattr(error, "keeps_model", False):
            vars(estimator).clear()
            vars(estimator).update(before)
        raise


def resolve_loss(estimator, tasks, also=()):
    """The loss object that an estimator's `loss` and `epsilon` stand for.

    Parameters
    ----------
    estimator : estimator with the parameter loss and perhaps epsilon
    tasks : tuple of str
        The tasks whose losses it can use.
    also : tuple of str, default=()
        Names of losses for other tasks that it takes, as scikit-learn's does.

    Returns
    -------
    Loss
        A copy, so that what is fitted does not change with the parameter.

    Raises
    ------
    InvalidParameterError
        If it is no loss, or one for another task.
    """
    name, loss = type(estimator).__name__, estimator.loss
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise InvalidParameterError(
            f"The 'loss' parameter of {name} must be an instance of a loss. Got the "
            f"class {loss.__name__} instead: write {loss.__name__}()."
        )
    epsilon = getattr(estimator, "epsilon", None)
    if isinstance(loss, str) and loss == "huber" and epsilon == 0:
        raise InvalidParameterError(
            f"The 'epsilon' parameter of {name} must be > 0 with loss='huber'. Got "
            f"{epsilon!r} instead."
        )
    if isinstance(loss, str):
        has_epsilon = loss in EPSILON_IS and epsilon is not None
        parameters = {EPSILON_IS[loss]: epsilon} if has_epsilon else {}
        try:
            found = get_loss(loss, **parameters)
        except ValueError as error:
            raise InvalidParameterError(
                f"The 'loss' parameter of {name} must be a loss such as "
                f"Huber(delta=1.5) or the name of one. Got {loss!r} instead. {error}"
            ) from error
    elif isinstance(loss, Loss):
        found = copy_of(loss)
    else:
        raise InvalidParameterError(
            f"The 'loss' parameter of {name} must be a loss such as Huber(delta=1.5) "
            f"or the name of one. Got {loss!r} instead."
        )
    if found.task not in tasks and found.name not in also:
        usable = [n for task in tasks for n in loss_names(task)] + list(also)
        raise InvalidParameterError(
            f"{name} cannot use loss={loss!r}, because it is a loss for "
            f"{KINDS.get(found.task, found.task)}. Use "
            f"{ESTIMATORS.get(found.task, 'another estimator')}, or one of "
            f"{', '.join(usable)}."
        )
    found, takes_outputs = found.to_fit(), getattr(estimator, "_takes_outputs", False)
    has_outputs = found.outputs and found.granularity == "row"
    if has_outputs and not takes_outputs and found.task != "boxes":
        fitted = [k for k in found.outputs[1:] if hasattr(found, k)]
        of = ", ".join(f"{k}={getattr(found, k)!r}" for k in fitted)
        is_interval = hasattr(found, "without")
        of_y = "y may be an interval" if is_interval else "y has two columns"
        of = f"its {of} is fitted" if fitted else of_y
        advice = ", or numbers for the parameters" if fitted else ""
        if isinstance(found, Quantiles):
            raise InvalidParameterError(
                f"{name} cannot use loss={loss!r}, because it predicts several numbers "
                "for a row. Use LinearRegressor, or Quantile() for each of them."
            )
        raise InvalidParameterError(
            f"{name} cannot use loss={loss!r}, because {of}. Use "
            f"LinearRegressor{advice}."
        )
    if found.task == "regression" and found.granularity == "row" and not found.outputs:
        raise InvalidParameterError(
            f"{name} cannot use loss={loss!r}, because a loss whose parameters are "
            "fitted has no factor and is no part of another. Use it as it is, with "
            "sample_weight."
        )
    if found.needs_scale and "regression" not in tasks:
        raise InvalidParameterError(
            f"{name} cannot use loss={loss!r}, because labels have no unit whose scale "
            "could be measured. Use a number for the scale."
        )
    if not found.needs_link:
        found.at_scale(1.0).checked()  # its parameters, and its C functions
    return found


def copy_of(loss):
    """A copy of a loss, as from scikit-learn's clone, which takes ten times as long."""
    is_plain = all(type(held) in PLAIN for held in vars(loss).values())
    if not is_plain or is_foreign(loss):
        return clone(loss)
    found = object.__new__(type(loss))
    vars(found).update(vars(loss))
    return found


def resolve_optimizer(estimator):
    """The optimizer that an estimator's `optimizer` stands for.

    Parameters
    ----------
    estimator : estimator with the parameter optimizer

    Returns
    -------
    Optimizer or None
        None for "sgd".

    Raises
    ------
    InvalidParameterError
        If it is no optimizer, or one with a parameter that it may not have.
    """
    optimizer = estimator.optimizer
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        raise InvalidParameterError(
            f"The 'optimizer' parameter of {type(estimator).__name__} must be an "
            f"instance of an optimizer. Got the class {optimizer.__name__} instead: "
            f"write {optimizer.__name__}()."
        )
    check_parameters(estimator, {"optimizer": OPTIMIZER})
    if isinstance(optimizer, str):
        return None if optimizer == "sgd" else OPTIMIZERS[optimizer]()
    optimizer.check()
    return optimizer


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


def measured_scale(objective, train=None):
    """The scale that scale='mad' stands for, and where it was measured, or a warning.

    See `residual_scale`.
    """
    scale, found = residual_scale(objective, train)
    if not found.converged:
        warn_caller(
            "The least absolute deviations that scale='mad' is measured at did not "
            f"converge, so that scale_={scale:.4g} may be wrong. Scale the features, "
            "or use a number for the scale.",
            ConvergenceWarning,
        )
    return scale, found


def check_l1_ratio(estimator):
    """Refuse a penalty whose share of the l1 norm is not given.

    Raises
    ------
    InvalidParameterError
    """
    if estimator.penalty == "elasticnet" and estimator.l1_ratio is None:
        raise InvalidParameterError(
            f"The 'l1_ratio' parameter of {type(estimator).__name__} must be a float "
            "in the range [0.0, 1.0] with penalty='elasticnet'. Got None instead."
        )


def resolve_penalty(estimator):
    """The penalty that an estimator's `penalty` and `l1_ratio` stand for, or None.

    Raises
    ------
    InvalidParameterError
        If it is no penalty, or has a parameter that it may not have.
    """
    penalty, name = estimator.penalty, type(estimator).__name__
    if isinstance(penalty, str) and penalty in NAMED:
        return NAMED[penalty]
    if isinstance(penalty, type) and issubclass(penalty, Penalty):
        raise InvalidParameterError(
            f"The 'penalty' parameter of {name} must be an instance of a penalty. Got "
            f"the class {penalty.__name__} instead: write {penalty.__name__}(...)."
        )
    check_parameters(estimator, {"penalty": PENALTY})
    check_l1_ratio(estimator)
    if isinstance(penalty, Penalty):
        penalty.check()
        return penalty
    return None if penalty is None else ElasticNet(estimator.l1_ratio)


def price_of(estimator, n_features, is_joint):
    """The estimator's penalty with numbers, and its bounds.

    Parameters
    ----------
    estimator : estimator with the parameters penalty, alpha and l1_ratio
    n_features : int
    is_joint : bool
        Whether its outputs share an objective.

    Returns
    -------
    Price

    Raises
    ------
    InvalidParameterError
        If they do not suit the features or each other.
    """
    penalty, owner = resolve_penalty(estimator), type(estimator).__name__
    names = getattr(estimator, "feature_names_in_", None)
    if penalty is None:
        price = Price()
    else:
        price = penalty.price(float(estimator.alpha), n_features, names)
    if price.norm is not None and price.norm.shares and not is_joint:
        raise InvalidParameterError(
            f"{owner} cannot use penalty={penalty!r} with loss={estimator.loss!r}, "
            "because each output has an objective of its own, or there is but one. Use "
            "L1(), or a loss of rows such as CrossEntropy()."
        )
    if not has_bounds(estimator):
        return price
    low, high = bounds_of(estimator, n_features)
    if not (np.any(low > -np.inf) or np.any(high < np.inf)):
        return price
    if price.norm is not None:
        raise InvalidParameterError(
            f"{owner} cannot use penalty={penalty!r} with bounds or positive=True, "
            "because a norm of several coefficients with bounds has no proximal "
            "operator in closed form. Use L1(), or leave the bounds out."
        )
    return replace(price, low=low, high=high)


def has_bounds(estimator):
    """Whether somebody has set `bounds` or `positive`, where there are such."""
    return getattr(estimator, "bounds", None) is not None or bool(
        getattr(estimator, "positive", False)
    )


def bounds_of(estimator, n_features):
    """What coefficients are at the least and at the most, by `bounds` and `positive`.

    Raises
    ------
    InvalidParameterError
        If they are no bounds, or leave out 0.
    """
    low, high = -np.inf, np.inf
    bounds, owner = getattr(estimator, "bounds", None), type(estimator).__name__
    if bounds is not None:
        if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
            raise InvalidParameterError(
                f"The 'bounds' parameter of {owner} must be (lower, upper), each a "
                f"number, an array of one for each feature or None. Got {bounds!r} "
                "instead."
            )
        low, high = (
            _end(owner, name, end, sign, n_features)
            for name, end, sign in zip(("lower", "upper"), bounds, (-1.0, 1.0))
        )
    return np.maximum(low, 0.0) if getattr(estimator, "positive", False) else low, high


def _end(owner, name, end, sign, n_features):
    start = f"The {name} end of the 'bounds' parameter of {owner}"
    if end is None:
        return sign * np.inf
    try:
        found = np.asarray(end, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidParameterError(
            f"{start} must be a number, an array of one for each feature or None. Got "
            f"{end!r} instead."
        ) from None
    if found.shape not in ((), (n_features,)):
        raise InvalidParameterError(
            f"{start} must be a number, or an array of the shape ({n_features},), one "
            f"for each feature. Got the shape {found.shape}."
        )
    bad = np.flatnonzero(~(sign * np.atleast_1d(found) >= 0))
    if len(bad):
        which = f" of feature {bad[0]}" if found.ndim else ""
        side = "<=" if sign < 0 else ">="
        raise InvalidParameterError(
            f"{start} must be {side} 0, for a fit begins with coefficients of 0. Got "
            f"{np.atleast_1d(found)[bad[0]]:g}{which}."
        )
    return found


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
    try:
        found = np.asarray(offset, dtype=np.float64)
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


def draw_seed(random_state):
    """The seed of a generator, from what scikit-learn calls a random_state.

    An int is a seed by itself. To draw one from a RandomState with that seed would take
    a tenth of a millisecond, which is a fifth of a fit of a hundred rows.

    Parameters
    ----------
    random_state : int, RandomState or None

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is something else, or an int that a RandomState does not take.
    """
    if isinstance(random_state, Integral) and 0 <= random_state < 2**32:
        return int(random_state)
    return check_random_state(random_state).randint(2**31 - 1)


def classes_of(y):
    """The sorted classes of labels.

    Raises
    ------
    ValueError
        If they are no labels, as scikit-learn says, or objects that are no strings.
    """
    check_one_kind(y)
    classes = y if y.dtype == object else _distinct(y)
    # Of a few classes it says the same, and need not find them once more. Of a few
    # integers it says nothing, and takes as long as a fit of a few rows.
    if y.dtype.kind not in "biu" or len(classes) > MANY_CLASSES:
        check_classification_targets(classes if len(classes) <= MANY_CLASSES else y)
    return np.unique(classes) if y.dtype == object else classes


def classes_and_codes(y):
    """`classes_of` labels, and `encode_labels` of them by these classes.

    Of integers of a small range both come from the same counts.
    """
    offsets = _offsets_of_few(y)
    if offsets is None:
        classes = classes_of(y)
        return classes, encode_labels(y, classes)
    low, index = offsets
    counts = np.bincount(index)
    present = np.flatnonzero(counts)
    if len(present) > MANY_CLASSES:
        check_classification_targets(y)
    classes = present.astype(y.dtype) + low  # modulo 2^bits
    if len(present) < len(counts):
        counts[present] = np.arange(len(present))
        index = counts.take(index)
    return classes, index.astype(np.float64)


def check_one_kind(labels, name="y"):
    """Refuse labels of which some are strings, or which have no type but "object".

    numpy makes strings of all labels of a list with one string, and cannot sort objects
    of several kinds.

    Raises
    ------
    ValueError
        It names the first one.
    """
    is_array = isinstance(labels, np.ndarray)
    is_object = is_array and labels.dtype.kind == "O" and labels.ndim == 1
    if not (is_object or isinstance(labels, (list, tuple))):
        return
    kinds = {type(label): issubclass(type(label), str) for label in labels}
    if all(kinds.values()) or not (is_object or any(kinds.values())):
        return
    at, label = next(
        (i, label) for i, label in enumerate(labels) if not kinds[type(label)]
    )
    among = "among strings" if any(kinds.values()) else "as an object"
    raise ValueError(
        f"Unknown label type: {name} has the {type(label).__name__} {label!r} (at "
        f"index {at}) {among}. Labels "
        "must all be strings, or numbers in an array of such a type: convert them."
    )


def _distinct(y):
    """np.unique(y), which takes ten times as long for integers of a small range."""
    offsets = _offsets_of_few(y)
    if offsets is None:
        return np.unique(y)
    low, index = offsets
    return np.flatnonzero(np.bincount(index)).astype(y.dtype) + low  # modulo 2^bits


def _offsets_of_few(y):
    """The least of integers of a small range, and y - low; None of all others."""
    if y.dtype.kind not in "iu" or len(y) == 0:
        return None
    low, high = y.min(), y.max()
    return None if int(high) - int(low) >= len(y) else (low, _offsets(y, low))


def _offsets(y, low):
    """y - low of integers, where it is an index."""
    if y.dtype.itemsize < np.dtype(np.intp).itemsize:
        y, low = y.astype(np.intp), int(low)
    return (y - low).astype(np.intp, copy=False)


def check_classes(classes):
    """The sorted classes that a first call of partial_fit names.

    Raises
    ------
    ValueError
        If they are no list of at least two labels.
    """
    check_one_kind(classes, "classes")
    classes = np.asarray(classes)
    if classes.ndim != 1:
        raise ValueError(
            f"classes must be of shape (n_classes,). Got the shape {classes.shape}."
        )
    check_one_kind(classes, "classes")
    classes = np.unique(classes)
    if classes.dtype.kind == "f" and np.isnan(classes).any():
        raise ValueError("classes must not contain nan.")
    if len(classes) < 2:
        raise ValueError(
            "SGDClassifier needs at least two classes, and `classes` has one: "
            f"{classes.tolist()}."
        )
    return classes


def class_factors(
    class_weight, classes, y, weight, owner="SGDClassifier", by_weight=False
):
    """The factor of each class that scikit-learn's `class_weight` stands for.

    Parameters
    ----------
    class_weight : dict, 'balanced' or None
    classes : ndarray of shape (n_classes,)
    y : ndarray of shape (n_samples,)
        Labels.
    weight : ndarray of shape (n_samples,) or None
        Rows of weight 0 do not count for 'balanced'.
    owner : str
        Whose parameter it is.
    by_weight : bool
        Whether 'balanced' counts a row as often as its weight says, or once.

    Returns
    -------
    ndarray of shape (n_classes,), or None for no factors

    Raises
    ------
    ValueError
        If a factor is no number >= 0, or a class has no rows to be balanced with; it
        names the class.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        for label, factor in class_weight.items():
            if not Interval(0, None, "left").allows(factor):
                raise InvalidParameterError(
                    f"The 'class_weight' parameter of {owner} must have finite "
                    f"values >= 0: class_weight[{label!r}] is {factor!r}."
                )
    else:
        if weight is not None:
            y, weight = y[weight > 0], weight[weight > 0]
        missing = np.setdiff1d(classes, y)
        if len(missing):
            raise ValueError(
                f"class_weight='balanced': the class {missing.tolist()[0]!r} has no "
                "row of positive weight."
            )
    weight = weight if by_weight and class_weight == "balanced" else None
    return compute_class_weight(
        class_weight, classes=classes, y=y, sample_weight=weight
    )


def check_two_have_weight(owner, classes, codes, weight):
    """Refuse weights that leave one class: rows of weight 0 are as if not there.

    Parameters
    ----------
    owner : str
        The estimator.
    classes : ndarray of shape (n_classes,)
    codes : ndarray of float64 of shape (n_samples,)
        As from `encode_labels`.
    weight : ndarray of shape (n_samples,) or None
    """
    if weight is None or weight.all():
        return
    left = np.unique(codes[weight > 0]).astype(np.intp)
    if len(left) == 1:
        raise ValueError(
            f"{owner} needs at least two classes whose rows have weight. With these "
            f"weights y has one class: {classes[left].tolist()}."
        )


def encode_labels(y, classes, name="y"):
    """The index in `classes` of each label.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    classes : ndarray of shape (n_classes,), sorted
    name : str, default="y"
        What an error calls y.

    Returns
    -------
    ndarray of float64 of shape (n_samples,)

    Raises
    ------
    ValueError
        If a label is not among the classes; it names the first one.
    """
    codes = _codes_by_table(y, classes)
    if codes is not None:
        return codes
    check_one_kind(y, name)
    index = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    unknown = np.flatnonzero(classes[index] != y)
    if len(unknown):
        first = unknown[0]
        advice = (
            "Name all classes in the first call: partial_fit(X, y, classes=...)."
            if name == "y"
            else "Leave such rows out."
        )
        raise ValueError(
            f"{name} has the label {y[first : first + 1].tolist()[0]!r} (at index "
            f"{first}), which is not among the classes, {classes.tolist()}. {advice}"
        )
    return index.astype(np.float64)


def _codes_by_table(y, classes):
    """The indices of integer labels that are near each other; None of all others."""
    if not (y.dtype.kind in "iu" and classes.dtype == y.dtype and len(y) > 0):
        return None
    low, high = classes[0], classes[-1]
    if int(high) - int(low) >= len(y) or y.min() < low or y.max() > high:
        return None
    table = np.full(int(high) - int(low) + 1, -1.0)
    table[_offsets(classes, low)] = np.arange(len(classes))
    codes = table.take(_offsets(y, low), mode="clip")  # the fastest way
    return codes if codes.min() >= 0.0 else None
