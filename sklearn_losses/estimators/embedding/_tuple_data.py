"""What embeddings are fitted to: labelled rows, or tuples of rows, checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from sklearn_losses.design._structure import check_structure
from sklearn_losses.estimators._labels import check_one_kind
from sklearn_losses.estimators._validation import ROWS, check_weights
from sklearn_losses.terms._tuples import AnchorTerm, EdgeTerm

SIZES = {2: "pairs", 3: "triplets"}


@dataclass
class TupleData:
    """Rows, and either their classes or the tuples that they are in.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
    codes : ndarray of intp of shape (n_rows,), or None
        Classes.
    classes : ndarray, or None
    index : ndarray of intp of shape (n_tuples, 2 or 3), or None
        The rows of tuples.
    same : ndarray of shape (n_pairs,), or None
        1.0 where a pair belongs together.
    labels : tuple, or None
        What y has for pairs that do not, and for those that do.
    weight : ndarray, or None
        > 0, and 1 on average, of labelled rows or of tuples; None: all are 1.
    row_weight : ndarray of shape (n_rows,), or None
        Of the rows, where they are those of weighted labels or tuples alone.
    """

    X: Any
    codes: Any = None
    classes: Any = None
    index: Any = None
    same: Any = None
    labels: Any = None
    weight: Any = None
    row_weight: Any = None

    @property
    def of(self):
        """What there is: "labels", "pairs" or "triplets"."""
        return "labels" if self.index is None else SIZES[self.index.shape[1]]

    @property
    def compares(self):
        """Whether some rows belong together, and others do not."""
        if self.codes is None:
            return True
        return len(self.classes) > 1 and np.bincount(self.codes).max() > 1

    def some(self, chosen):
        """Some of the rows, or of the tuples with their rows."""
        weight = None if self.weight is None else self.weight[chosen]
        if self.index is None:
            X, codes = self.X[chosen], self.codes[chosen]
            return TupleData(X, codes, self.classes, weight=weight, row_weight=weight)
        rows = self.index[chosen]
        index = np.arange(rows.size, dtype=np.intp).reshape(rows.shape)
        same = None if self.same is None else self.same[chosen]
        return TupleData(self.X[rows.ravel()], index=index, same=same, weight=weight)

    def named_term(self, loss):
        """The term of tuples that are given, or of all that labels make."""
        if self.index is None:
            return AnchorTerm(loss, self.codes, self.weight)
        n = len(self.index)
        weight = np.ones(n) if self.weight is None else self.weight
        weight = weight / weight.sum()
        left, right = self.index[:, 0].copy(), self.index[:, 1].copy()
        if self.same is not None:
            return EdgeTerm(loss, left, right, self.same, weight)
        edges = np.column_stack([np.arange(n), n + np.arange(n)])
        right = np.append(right, self.index[:, 2])
        return EdgeTerm(loss, np.append(left, left), right, edges, weight)


def is_tuples(X):
    """Whether X is an array of tuples of rows."""
    is_list = isinstance(X, (list, tuple))
    return (np.ndim(X) if is_list else getattr(X, "ndim", 0)) == 3


def read_data(estimator, X, y, sample_weight=None, reset=True, is_all=True):
    """Labelled rows, or tuples as an array of three dimensions, of positive weight.

    `is_all` says whether there are no others, so that some must belong together.

    Raises
    ------
    ValueError
        If they cannot be used; it says which row, pair or label.
    """
    if is_tuples(X):
        rows, index = read_tuples(estimator, X, reset)
        data = _with_pairs(estimator, TupleData(rows, index=index), y, sample_weight)
        if data.weight is not None:
            data = data.some(slice(None))  # without the rows of other tuples
            data.row_weight = np.repeat(data.weight, data.index.shape[1])
        return data
    check_structure(X)
    X, y = validate_data(estimator, X, y, reset=reset, **ROWS)
    check_one_kind(y)
    if y.dtype.kind not in "biuU":  # of which all are labels
        check_classification_targets(y)
    kept, weight = _positive(estimator, sample_weight, len(y))
    if weight is not None:
        X, y = X[kept], y[kept]
    classes, codes = np.unique(y, return_inverse=True)
    if is_all:
        _check_classes(type(estimator).__name__, classes, codes)
    codes = codes.astype(np.intp)
    return TupleData(X, codes, classes, weight=weight, row_weight=weight)


def _check_classes(owner, classes, codes):
    if len(classes) < 2:
        raise ValueError(
            f"{owner} needs at least two classes. y has one class: {classes.tolist()}."
        )
    if np.bincount(codes).max() < 2:
        raise ValueError(
            f"{owner} needs a class with two rows. All {len(classes)} classes of y "
            "have one member, so that no two rows belong together. Is y a list of "
            "classes?"
        )


def _positive(estimator, sample_weight, n):
    """What has a positive weight, and the weights, 1 on average; or all, and None."""
    weight = check_weights(sample_weight, n)
    if weight is None:
        return slice(None), None
    kept = np.flatnonzero(weight)
    if len(kept) == 0:
        raise ValueError(
            f"{type(estimator).__name__} needs a weight > 0. All {n} entries of "
            "sample_weight are zero."
        )
    weight = weight[kept] / weight.max()
    return kept, weight / weight.mean()


def read_index(estimator, X, index, y, sample_weight):
    """Rows, and tuples of their numbers.

    Raises
    ------
    ValueError
    """
    check_structure(X)
    X = validate_data(estimator, X, **ROWS)
    index = np.asarray(index)
    if index.ndim != 2 or index.shape[1] not in SIZES or len(index) == 0:
        raise ValueError(
            "index must have the shape (n_pairs, 2) or (n_triplets, 3). Got the shape "
            f"{index.shape}."
        )
    if index.dtype.kind not in "iu":
        raise ValueError(f"index must be integers. Got the dtype {index.dtype}.")
    bad = np.flatnonzero(((index < 0) | (index >= X.shape[0])).any(axis=1))
    if len(bad):
        raise ValueError(
            f"index must be numbers of rows, from 0 to {X.shape[0] - 1}: "
            f"index[{bad[0]}] is {index[bad[0]].tolist()}."
        )
    ordered = np.sort(index, axis=1)
    bad = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if len(bad):
        raise ValueError(
            f"A tuple must have different rows: index[{bad[0]}] is "
            f"{index[bad[0]].tolist()}, which repeats one. Leave it out."
        )
    data = TupleData(X, index=np.ascontiguousarray(index, dtype=np.intp))
    return _with_pairs(estimator, data, y, sample_weight)


def read_tuples(estimator, X, reset):
    """Rows of tuples below each other, and their numbers."""
    X = check_array(X, allow_nd=True, dtype=[np.float64, np.float32], order="C")
    n, size, d = X.shape
    owner = type(estimator).__name__
    if size not in SIZES:
        raise ValueError(
            f"{owner} needs pairs of shape (n_pairs, 2, n_features), or triplets of "
            f"shape (n_triplets, 3, n_features). Got the shape {X.shape}."
        )
    rows = X.reshape(n * size, d)
    rows = validate_data(estimator, rows, reset=reset, **ROWS)
    if size == 3:
        for k, name in ((0, "its anchor"), (1, "its near row")):
            bad = np.flatnonzero((X[:, 2] == X[:, k]).all(axis=1))
            if len(bad) and reset:
                raise ValueError(
                    f"The far row of a triplet must differ from the others: that of "
                    f"triplet {bad[0]} repeats {name}. Leave it out."
                )
    return rows, np.arange(n * size, dtype=np.intp).reshape(n, size)


def _with_pairs(estimator, data, y, sample_weight):
    """Tuples of positive weight, with the labels of pairs."""
    owner = type(estimator).__name__
    kept, data.weight = _positive(estimator, sample_weight, len(data.index))
    if data.of == "triplets":
        if y is not None:
            raise ValueError(
                f"{owner} takes triplets without y: the second row of each is the near "
                "one, and the third the far one. Got a y."
            )
        data.index = data.index[kept]
        return data
    same, data.labels = same_of_pairs(owner, y, len(data.index))
    data.index, data.same = data.index[kept], same[kept]
    if len(np.unique(data.same)) < 2:
        raise ValueError(
            f"{owner} needs pairs that belong together and pairs that do not. All of y "
            f"is {data.labels[int(data.same[0])]}."
        )
    return data


def same_of_pairs(owner, y, n_pairs):
    """1.0 for pairs that belong together, and how y says that.

    Raises
    ------
    ValueError
        If y is not of 0 and 1, or of -1 and 1.
    """
    if y is None:
        raise ValueError(
            f"{owner} requires y to be passed with pairs: 1 for each that belongs "
            "together, and 0 (or -1) for each that does not."
        )
    y = np.asarray(y)
    if y.shape != (n_pairs,):
        raise ValueError(
            f"y must have the shape ({n_pairs},), one label for each pair. Got the "
            f"shape {y.shape}."
        )
    if y.dtype == object or y.dtype.kind not in "biuf":
        raise ValueError(f"y of pairs must be 0 or 1. Got the dtype {y.dtype}.")
    labels = np.unique(y)
    low = -1 if labels[0] == -1 else 0
    bad = np.flatnonzero(~np.isin(y, (low, 1)))
    if len(bad):
        raise ValueError(
            f"y of pairs must be 0 and 1, or -1 and 1: y[{bad[0]}] is {y[bad[0]]}. For "
            "labels of rows, X must have the shape (n_samples, n_features)."
        )
    return (y == 1).astype(np.float64), (low, 1)
