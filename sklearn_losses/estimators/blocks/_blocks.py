"""Rows in blocks at the boundary: what they are looked at for before a fit.

What comes as a collection becomes `RowBlocks`. A first pass checks each block and finds
labels, weights and units; from what it says the objectives of a fit are made.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.base import is_classifier

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.estimators._labels import check_two_have_weight, class_factors
from sklearn_losses.estimators._parameters import draw_seed, price_of
from sklearn_losses.estimators._validation import check_size_of_weights
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._blocks_objective import in_blocks
from sklearn_losses.problem._dask import DaskBlocks, is_collection
from sklearn_losses.problem._posed import (
    PassLog,
    Pose,
    PosedBlocks,
    look,
    numbers_of,
    overview,
)

Method = TypeVar("Method", bound=Callable[..., Any])


def blocks_of(
    owner, X, y, sample_weight=None, offset=None, groups=None, groups_are="groups"
):
    """Rows that lie elsewhere as `RowBlocks`; None if they are at hand.

    Groups may have another name.

    Raises
    ------
    TypeError
        If some of these are elsewhere, and others are not.
    """
    others = {"y": y, "sample_weight": sample_weight, "offset": offset}
    others[groups_are] = groups
    if isinstance(X, RowBlocks):
        given = [name for name, array in others.items() if array is not None]
        if given:
            raise TypeError(
                f"{owner} got {given[0]} beside blocks of rows, which have their own. "
                "A block is (X, y, sample_weight, offset, groups), or the first of "
                f"these: leave {given[0]} out."
            )
        return X
    if is_collection(X):
        parts = y, sample_weight, offset, groups, groups_are
        return DaskBlocks(owner, X, *parts)
    for name, array in others.items():
        if is_collection(array):
            raise TypeError(
                f"{owner} got {name} as a dask collection, and X is none. Pass both as "
                f"collections, or {name}.compute()."
            )
    return None


def refuse_blocks(owner, X):
    """Raise for what needs rows in one place, and gets them in blocks."""
    if isinstance(X, RowBlocks) or is_collection(X):
        raise TypeError(
            f"{owner} needs rows in one place here. Gather them, as by X.compute(), or "
            "fit and look at some of the blocks."
        )


def check_usable(estimator, loss):
    """Refuse what needs all rows in one place."""
    owner = type(estimator).__name__
    if not getattr(estimator, "_takes_blocks", False):
        raise TypeError(
            f"{owner} cannot fit rows in blocks, because what it minimises couples "
            "rows, or outputs. Use LinearRegressor or LinearClassifier, or gather "
            "them (of dask: X.compute())."
        )
    if loss.needs_scale:
        raise InvalidParameterError(
            f"{owner} cannot use loss={estimator.loss!r} with rows in blocks, because "
            "a scale 'mad' is a median of all residuals. Use a number for the scale."
        )
    if loss.needs_link:
        raise InvalidParameterError(
            f"{owner} cannot use loss={estimator.loss!r} with rows in blocks, because "
            "its link is learned from all rows. Gather them (of dask: X.compute())."
        )
    has_outputs = loss.outputs and loss.granularity == "row"
    if has_outputs or getattr(loss, "y_size", 1) != 1:
        raise InvalidParameterError(
            f"{owner} cannot use loss={estimator.loss!r} with rows in blocks, because "
            "it has several outputs, or targets of two columns. Use a loss of one "
            "raw prediction, or gather the rows (of dask: X.compute())."
        )


def objectives_of_blocks(estimator, blocks, loss):
    """The objectives that rows in blocks and parameters make, and the dtype of X.

    Sets what a fit knows of X and y: n_features_in_, feature_names_in_, classes_.
    """
    check_usable(estimator, loss)
    owner, centre = type(estimator).__name__, estimator.fit_intercept
    parts = look, loss, None if is_classifier(estimator) else numbers_of, centre
    seen, log = seen_of(estimator, blocks, *parts)
    pose = Pose(loss, 1, centre, seen.total_weight)
    poses = [pose]
    if is_classifier(estimator):
        poses = _poses_of_classes(estimator, pose, seen)
    n_offsets = 2 if len(poses) == 1 and poses[0].n_outputs == 2 else len(poses)
    check_offsets(owner, seen.n_offsets, max(poses[0].n_outputs, n_offsets))
    price = price_of(estimator, seen.n_features, loss.granularity == "row")
    found = []
    for pose in poses:
        near = pose.objective(seen.sample, price=price)
        total = near.rows.n_rows if near.sample_weight is None else None
        total = float(near.sample_weight.sum()) if total is None else total
        posed = PosedBlocks(blocks, pose, seen.mark, log, seen.units, seen.n_left)
        found.append(in_blocks(replace(near, total_weight=total), posed))
    return found, seen.dtype


def seen_of(estimator, blocks, look, *parts, also=None):
    """What a first pass over blocks sees, and the log of passes.

    Sets what it says of features.

    Parameters
    ----------
    look : callable
        (block, *parts, number of blocks, seed) -> Look
    also : callable, default=None
        It sees each `Look`, and hands it on.
    """
    start, seed = time.perf_counter(), draw_seed(estimator.random_state)
    looks = blocks.map(look, *parts, max(1, len(blocks)), seed)
    seen = overview(looks if also is None else map(also, looks))
    log = PassLog(seen.n_bytes, estimator.verbose)
    log("look", time.perf_counter() - start)
    check_size_of_weights(np.array([seen.largest]))
    _set_features(estimator, seen)
    if isinstance(blocks, DaskBlocks):  # to which delayed blocks do not say it
        blocks.n_columns = seen.n_features
    return seen, log


def _set_features(estimator, seen):
    estimator.n_features_in_ = seen.n_features
    vars(estimator).pop("feature_names_in_", None)
    if seen.names is not None and all(isinstance(name, str) for name in seen.names):
        estimator.feature_names_in_ = np.array(seen.names, dtype=object)


def _poses_of_classes(estimator, pose, seen):
    """What labels mean to each objective."""
    owner, classes, weights = type(estimator).__name__, seen.labels, seen.of_labels
    estimator.classes_ = classes
    if len(classes) < 2:
        raise ValueError(
            f"{owner} needs at least two classes, and y has one class: "
            f"{classes.tolist()}."
        )
    given = estimator.class_weight, classes, classes, weights, owner, True
    factors = class_factors(*given)
    if factors is not None:
        weights = weights * factors
    codes = np.arange(float(len(classes)))
    check_two_have_weight(owner, classes, codes, weights)
    common = dict(
        loss=pose.loss,
        fit_intercept=pose.fit_intercept,
        total_weight=float(weights.sum()),
        classes=classes,
        factors=factors,
    )
    if pose.loss.granularity == "row":
        share = tuple((weights / weights.sum()).tolist())
        return [Pose(n_outputs=len(classes), of_classes=share, **common)]
    if len(classes) == 2:
        return [Pose(n_outputs=1, **common)]
    return [Pose(n_outputs=1, output=k, **common) for k in range(len(classes))]


def check_offsets(owner, given, n_outputs):
    wanted = 1 if n_outputs == 2 else n_outputs
    if given not in (0, wanted):
        raise ValueError(
            f"offset must have {wanted} columns for {owner} here, one for each class "
            f"if there are more than two. Got {given}."
        )


def learns_from_blocks(method: Method) -> Method:
    """Let `partial_fit` take rows in blocks, and learn from one after the other.

    Parameters
    ----------
    method : callable
        (self, X, y, ...) -> self. What it calls `groups` or `strata` are those of a
        block.
    """
    names = list(signature(method).parameters)
    groups_are = "strata" if "strata" in names else "groups"
    of_blocks = "sample_weight", "offset", groups_are

    @wraps(method)
    def partial_fit(self, X, y=None, *args, **settings):
        given = dict(zip(names[3:], args, strict=False)) | settings
        of_rows = (given.pop(name, None) for name in of_blocks)
        blocks = blocks_of(type(self).__name__, X, y, *of_rows, groups_are)
        if blocks is None:
            return method(self, X, y, *args, **settings)
        step = PartialFit(
            [name if name in names else None for name in of_blocks], given
        )
        learned, _ = blocks.fold(step, (copy.deepcopy(self), 0))  # moved in place
        vars(self).update(vars(learned))
        return self

    return cast(Method, partial_fit)


class PartialFit:
    """A step of `RowBlocks.fold`: a model learns from a block, which it counts.

    Parameters
    ----------
    names : list of str or None
        What `partial_fit` calls the parts of a block after y; None: it has no such.
    settings : dict
        Of `partial_fit`, besides the rows.
    """

    __name__ = "partial_fit"

    def __init__(self, names, settings):
        self.names, self.settings = names, settings

    def __call__(self, learner, block):
        (model, k), (X, y, *rest) = learner, block
        given = zip(self.names, ("a weight", "an offset", "groups"), rest)
        given = [(name, what, part) for name, what, part in given if part is not None]
        for name, what, _ in given:
            if name is None:
                raise TypeError(
                    f"Block {k} has {what}, which {type(model).__name__}.partial_fit "
                    "does not take. Leave it out."
                )
        if np.shape(X)[0] > 0:
            parts = {name: part for name, _, part in given}
            try:
                model.partial_fit(X, y, **parts, **self.settings)
            except ValueError as error:
                raise ValueError(f"Block {k}: {error}") from error
        return model, k + 1
