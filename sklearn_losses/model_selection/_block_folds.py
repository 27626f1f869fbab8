"""Folds of rows in blocks: whoever holds a block cuts it, and no row moves.

Rows are dealt out in an order that is drawn anew for each block, from what the block
says of itself: so it is the same in each pass, whoever works on it.

>>> import numpy as np
>>> from sklearn_losses.model_selection._block_folds import BlockFolds
>>> from sklearn_losses.problem._posed import data_of
>>> data = data_of((np.eye(10), np.arange(10.0)))
>>> [len(rows) for rows in BlockFolds(3).tests(data)]
[4, 3, 3]
"""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.base import is_classifier

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.estimators.blocks._blocks import check_usable
from sklearn_losses.losses import SquaredError
from sklearn_losses.model_selection._folds import Data, last_step, steps_before
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._posed import data_of, look, numbers_of, overview

USUAL = 5  # folds


@dataclass(frozen=True)
class BlockFolds:
    """Which rows of a block are in which fold.

    Parameters
    ----------
    n : int
    has_labels : bool
        Whether each fold has its share of each label.
    """

    n: int
    has_labels: bool = False

    def of(self, data):
        """The fold of each row."""
        rng = np.random.default_rng(data.mark)
        order = rng.permutation(len(data.y))
        if self.has_labels:
            order = order[np.argsort(data.y[order], kind="stable")]
        found = np.empty(len(order), np.intp)
        found[order] = (np.arange(len(order)) + data.mark) % self.n
        return found

    def tests(self, data):
        """The rows of each fold."""
        found = self.of(data)
        return [np.flatnonzero(found == k) for k in range(self.n)]


@dataclass(frozen=True)
class Part:
    """The rows of a block that a fold is tested with, or all others.

    Parameters
    ----------
    folds : BlockFolds
    k : int
    is_test : bool
    """

    folds: BlockFolds
    k: int
    is_test: bool

    def of(self, block):
        """The arrays of these rows."""
        data = data_of(block)
        rows = np.flatnonzero((self.folds.of(data) == self.k) == self.is_test)
        return tuple(None if array is None else array[rows] for array in data)


@dataclass(frozen=True)
class OfPart:
    """A task of a part of each block."""

    part: Part
    task: object

    @property
    def __name__(self):
        return self.task.__name__

    def __call__(self, block, *args):
        return self.task(self.part.of(block), *args)


class PartsOfBlocks(RowBlocks):
    """The same part of each block."""

    def __init__(self, blocks, part):
        self.blocks, self.part = blocks, part

    def __len__(self):
        return len(self.blocks)

    def map(self, task, *args):
        return self.blocks.map(OfPart(self.part, task), *args)

    def sum(self, task, *args):
        return self.blocks.sum(OfPart(self.part, task), *args)


class BlockData(Data):
    """Rows in blocks, as a search sees them.

    Attributes
    ----------
    X : RowBlocks
        With y, weights and offsets.
    sample : Data
        Rows at hand, which stand for all.
    n_rows : int
    """

    n_rows, sample = 0, None

    def __init__(self, blocks, n_rows, sample=None):
        super().__init__(blocks, None)
        self.n_rows, self.sample = n_rows, sample

    def rows(self, part):
        """Those of a `Part`."""
        return BlockData(PartsOfBlocks(self.X, part), part.n_rows)


@dataclass(frozen=True)
class CountedPart(Part):
    """A part of which it is known how many rows it has."""

    n_rows: int = 0


def census(block, folds, classes):
    """How many rows each fold has of a block, and how much weight of each class."""
    data = data_of(block)
    if len(data.y) == 0:
        return None
    which = folds.of(data)
    n_rows = np.bincount(which, minlength=folds.n)
    if classes is None:
        return n_rows, 0
    codes, shape = np.searchsorted(classes, data.y), (folds.n, len(classes))
    found = np.bincount(
        np.ravel_multi_index((which, codes), shape), data.weight, np.prod(shape)
    )
    return n_rows, found.reshape(shape)


def look_at_all(blocks, loss, has_labels):
    """The `Overview` of blocks whose y are labels, or targets of a loss."""
    parts = loss, None if has_labels else numbers_of, True, max(1, len(blocks)), 0
    return overview(blocks.map(look, *parts))


def looked_at(search, blocks):
    """Rows in blocks as `BlockData`, and their splits, after a look at them.

    Raises
    ------
    ValueError
        If a block cannot be used, or a fold has no rows of a class.
    """
    final = last_step(search.estimator)
    _check_usable(search, final)
    has_labels = is_classifier(final)
    folds = BlockFolds(USUAL if search.cv is None else int(search.cv), has_labels)
    seen = look_at_all(blocks, SquaredError(), has_labels)
    n_rows, of_classes = blocks.sum(census, folds, seen.labels)
    for k in range(folds.n):
        if n_rows[k] == 0:
            raise ValueError(
                f"Fold {k} of 'cv' has no row to test with: the blocks have "
                f"{seen.n_rows} rows in all."
            )
        if has_labels:
            _check_classes(k, of_classes, seen.labels)
    splits = [
        tuple(CountedPart(folds, k, *each) for each in ((False, rest), (True, n)))
        for k, n, rest in zip(range(folds.n), n_rows, n_rows.sum() - n_rows)
    ]
    sample = Data(seen.sample.X, seen.sample.y, seen.sample.weight, seen.sample.offset)
    return BlockData(blocks, seen.n_rows, sample), splits


def _check_usable(search, final):
    """Refuse what a search of rows in blocks cannot do."""
    check_usable(final, SquaredError())
    of_estimator = False
    if steps_before(search.estimator) is not None:
        of_estimator = (
            "a Pipeline transforms rows in one place. Search for the model alone"
        )
    elif hasattr(final, "_groups_are"):
        of_estimator = (
            f"rows are dealt out to folds, and not {final._groups_are}, which have to "
            "stay whole. Search with some of the blocks in memory"
        )
    reasons = {
        "estimator": of_estimator,
        "cv": not (search.cv is None or isinstance(search.cv, Integral))
        and "folds are cut within each block. Use how many there are to be",
        "race": bool(search.race) and "it begins with rows at hand. Use race=False",
        "n_jobs": search.n_jobs not in (None, 1)
        and "whoever has the blocks works on them. Use n_jobs=None",
    }
    for name, reason in reasons.items():
        if reason:
            raise InvalidParameterError(
                f"The {name!r} parameter of LossSearchCV cannot be "
                f"{getattr(search, name)!r} with rows in blocks: {reason}."
            )
    if search.cv is not None and search.cv < 2:
        raise InvalidParameterError(
            f"The 'cv' parameter of LossSearchCV must be >= 2 with rows in blocks. Got "
            f"{search.cv}."
        )


def _check_classes(k, of_classes, labels):
    missing = of_classes.sum(axis=0) - of_classes[k] <= 0
    if missing.any():
        raise ValueError(
            f"Fold {k} of 'cv' has no row of the class {labels[missing].tolist()[0]!r} "
            "to train with. Use fewer folds, or leave that class out."
        )
