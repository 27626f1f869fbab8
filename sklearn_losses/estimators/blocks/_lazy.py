"""Predictions of collections, which stay where they are, and scores as sums.

What a model says of a collection is a collection of what it says of each block, of the
model as it is now.
"""

import copy
from collections.abc import Callable
from functools import wraps
from inspect import signature
from numbers import Integral
from typing import Any, TypeVar, cast

import numpy as np

from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._dask import is_collection
from sklearn_losses.problem._posed import data_of

Method = TypeVar("Method", bound=Callable[..., Any])


def lazy_of_collections(method: Method) -> Method:
    """Let a method (X, ..., offset) of a model answer a collection lazily."""

    @wraps(method)
    def predict(self, X, *args, **settings):
        if isinstance(X, RowBlocks):
            raise TypeError(
                f"{method.__name__} takes the X of a block. Of all blocks: "
                f"list(blocks.map(lambda block: model.{method.__name__}(block[0])))."
            )
        if type(X) is np.ndarray or not is_collection(X):
            return method(self, X, *args, **settings)
        given = signature(method).bind(self, X, *args, **settings).arguments
        rest = {name: given[name] for name in list(given)[2:]}
        offset = rest.pop("offset", None)
        return _lazily(self, method.__name__, X, offset, rest)

    return cast(Method, predict)


def _lazily(model, name, X, offset, rest):
    if not getattr(model, "_predicts_blocks", False):
        refuse_collection(X, "X")
    check_n_features(model, X)
    if offset is not None and not (np.isscalar(offset) or is_collection(offset)):
        raise TypeError(
            "X is a dask collection, and offset is none. Pass a collection with the "
            "same blocks, or a number."
        )
    from dask import delayed

    call = _Predict(copy.copy(model), name, rest)
    if isinstance(X, (list, tuple)):
        offsets = offset if is_collection(offset) else [offset] * len(X)
        each = delayed(call, pure=False)
        return [each(*both) for both in zip(X, offsets)]
    held = delayed(call, traverse=False)  # once in a graph, however large it is
    nothing = call.of_nothing(X.dtype if hasattr(X, "chunks") else np.float64)
    if not hasattr(X, "chunks"):
        frame = call.framed(nothing, X._meta.index[:0])
        offset = offset.to_frame() if hasattr(offset, "to_frame") else offset
        return X.map_partitions(_call, offset, held, meta=frame)
    X = X if X.numblocks[1] == 1 else X.rechunk({1: -1})
    given = [X]
    if is_collection(offset):
        given.append(offset if offset.ndim == 2 else offset[:, None])
        offset = None
    settings = {"call": held, "dtype": nothing.dtype, "meta": nothing}
    if len(given) == 1:
        settings["offset"] = offset
    if nothing.ndim == 1:
        return _mapped(given, drop_axis=1, **settings)
    return _mapped(given, chunks=(X.chunks[0], (nothing.shape[1],)), **settings)


def check_n_features(model, X):
    """Refuse a collection that says itself that it has other columns."""
    n_features, shape = model._check_model(), getattr(X, "shape", ())
    if len(shape) != 2:
        return
    if isinstance(shape[1], Integral) and shape[1] != n_features:
        raise ValueError(
            f"X has {shape[1]} features, but {type(model).__name__} is expecting "
            f"{n_features} features as input."
        )


def _mapped(given, **settings):
    from dask.array import map_blocks

    return map_blocks(_call_last, *given, **settings)


def _call_last(X, *offsets, call, offset=None):
    return call(X, offsets[0] if offsets else offset)


def _call(X, offset, call):
    return call(X, offset)


class _Predict:
    """A method of a model, as it is now, of one block."""

    def __init__(self, model, name, rest):
        self.model, self.name, self.rest = model, name, rest
        self.__name__ = f"sklearn_losses-{name}"

    def __call__(self, X, offset=None):
        if offset is not None and not np.isscalar(offset):
            offset = np.asarray(offset)
            offset = offset.ravel() if offset.shape[1:] == (1,) else offset
        found = getattr(self.model, self.name)(X, offset=offset, **self.rest)
        return self.framed(found, X.index) if hasattr(X, "iloc") else found

    def of_nothing(self, dtype):
        """What it says of no rows, which has the type of all answers."""
        model = copy.copy(self.model)
        vars(model).pop("feature_names_in_", None)
        return getattr(model, self.name)(
            np.empty((0, model.coef_.shape[-1]), dtype), offset=0.0, **self.rest
        )

    def framed(self, found, index):
        """Predictions of a DataFrame's rows, with their index."""
        import pandas as pd

        if found.ndim == 1:
            return pd.Series(found, index=index, name=self.name)
        return pd.DataFrame(found, index=index, columns=self._columns(found.shape[1]))

    def _columns(self, n_columns):
        """What columns are of: classes, levels that were asked for, or of the loss."""
        levels = getattr(getattr(self.model, "loss_", None), "levels", None)
        for labels in (getattr(self.model, "classes_", None), self.rest.get("q")):
            if labels is not None and len(labels) == n_columns:
                return labels
        return levels if np.size(levels) == n_columns else range(n_columns)


# -------------------------------------------------------------------------- scores
def weighted(block, score):
    """The score of a block times its weight, and that."""
    data = data_of(block)
    n = len(data.y)
    total = float(n if data.weight is None else data.weight.sum())
    if total == 0.0:
        return None
    return total * score(*data_as_given(block)), total


def data_as_given(block):
    """X, y, weights and offsets of a block, however many it has."""
    return (*block, None, None)[:4]


def mean_of_blocks(blocks, score):
    """The weighted mean of a score that is a mean of rows.

    Parameters
    ----------
    blocks : RowBlocks
    score : callable
        (X, y, sample_weight, offset) -> float, which can be pickled.
    """
    total, weight = blocks.sum(weighted, score)
    return total / weight


class Score:
    """A method `name` of an object, with what comes before the rows."""

    def __init__(self, owner, name, *first):
        self.owner, self.name, self.first = owner, name, first

    def __call__(self, *data):
        return getattr(self.owner, self.name)(*self.first, *data)


def r2_of_blocks(model, blocks):
    """R^2, of the mean of y of all blocks."""
    weight, total = blocks.sum(_of_targets)
    mean = total / weight
    residual, spread = blocks.sum(_of_squares, Score(model, "predict"), mean)
    return 1.0 - residual / spread if spread > 0 else float(residual == 0)


def _of_targets(block):
    y, weight = _numbers(block)
    return float(weight.sum()), float(weight @ y)


def _of_squares(block, predict, mean):
    y, weight = _numbers(block)
    if len(y) == 0:
        return None
    X, _, _, offset = data_as_given(block)
    residuals = y - np.asarray(predict(X, offset))
    return float(weight @ residuals**2), float(weight @ (y - mean) ** 2)


def _numbers(block):
    data = data_of(block)
    weight = np.ones(len(data.y)) if data.weight is None else data.weight
    return np.asarray(data.y, dtype=np.float64), weight
