"""Labels of classes: which there are, their codes and their weights."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
)

MANY_CLASSES = 20  # so many labels may be no labels


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
