"""Groups of rows in blocks: each block holds whole groups, as no pass couples blocks.

What a block is to a loss of groups, and what it says of itself. That a group is in one
block alone is checked, as far as blocks name their groups.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from sklearn_losses.design._rows import Rows
from sklearn_losses.losses._grouping import Grouping
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._group_objective import GroupObjective, GroupTargets
from sklearn_losses.problem._posed import (
    Data,
    look_at_rows,
    looked_at,
    share_of_sample,
)

MIXED = np.uint64(0x9E3779B97F4A7C15)  # odd: products differ, and lie anywhere
NAMED, ALL_NAMED = 4096, 1 << 20  # groups of a block, and of all, that are compared


@dataclass(frozen=True)
class GroupPose:
    """What the data of blocks mean to a loss of groups; see `Pose`.

    Parameters
    ----------
    loss : GroupLoss
    split : callable
        (y, groups) -> targets as columns, the codes of groups, the id of each row's,
        and whether ids may be numbers from 0 on in each block anew; it can be pickled.
    total_weight : float
        S, of all blocks.
    """

    loss: Any
    split: Callable[..., Any]
    total_weight: float = 1.0

    def objective(self, data, total_weight=None, price=None):
        """The share of some data in the objective, or (with S) one of them alone."""
        if data.y.ndim == 2:  # of rows that stand for all, which have been split
            columns, codes = data.y, data.groups
        else:
            columns, codes, *_ = self.split(data.y, data.groups)
        return GroupObjective(
            *(self.loss, Rows(data.X), GroupTargets(columns, groups=codes)),
            data.weight,
            self.total_weight if total_weight is None else total_weight,
            Price() if price is None else price,
            1,
            fit_intercept=False,
            offset=data.offset,
            grouping=Grouping(self.loss, columns, codes, data.weight),
        )


def look_at_groups(block, pose, n_blocks, seed):
    """The `Look` of a block that holds whole groups.

    Parameters
    ----------
    block : tuple
    pose : GroupPose
    n_blocks, seed : int
    """
    return looked_at(block, _look, pose, n_blocks, seed)


def _look(data, pose, n_blocks, seed):
    found = look_at_rows(data, pose.loss.shift_invariant)
    columns, codes, ids, found.has_own_ids = pose.split(data.y, data.groups)
    pose.loss._check_columns(columns, "y")
    grouping = Grouping(pose.loss, columns, codes, data.weight)
    found.mass, found.n_groups = grouping.total, len(grouping.codes)
    if pose.loss.task == "survival":  # strata without events say nothing, either
        has_event = columns[grouping.order, 1] > 0
        found.n_groups = len(np.unique(codes[grouping.order][has_event]))
    found.ids = _some(ids, min(NAMED, ALL_NAMED // n_blocks))
    some = data._replace(y=columns, groups=codes)
    found.sample = _sample(some, share_of_sample(found.n_features, n_blocks), seed)
    return found


def _some(ids, most):
    """Numbers of some groups, the same ones wherever they are, and of both ends."""
    names = np.sort(_numbers_of(np.unique(ids)))[:most]
    return np.union1d(names, _numbers_of(ids[[0, -1]]))


def _numbers_of(ids):
    """A number of each id, in an order that is as if by chance."""
    if ids.dtype.kind in "iu":
        return ids.astype(np.uint64) * MIXED  # another number of each
    digests = (blake2b(repr(i).encode(), digest_size=8) for i in ids.tolist())
    return np.array([int.from_bytes(d.digest(), "big") for d in digests], np.uint64)


def _sample(data, wanted, seed):
    """Whole groups, drawn until they have so many rows; or some of one that has more.

    A row keeps its weight, which is a part of what it says within its group.
    """
    here = data.weight
    here = np.arange(len(data.y)) if here is None else np.flatnonzero(here > 0)
    if len(here) == 0:
        return None
    rng = np.random.default_rng([seed, data.mark])
    if len(here) > wanted:
        sizes = np.bincount(data.groups[here])
        order = rng.permutation(np.flatnonzero(sizes))
        n_taken = int(np.searchsorted(np.cumsum(sizes[order]), wanted, side="right"))
        taken = np.isin(data.groups[here], order[: max(n_taken, 1)])
        here = here[taken]
    if len(here) > wanted:
        here = np.sort(rng.choice(here, wanted, replace=False))
    X, y, weight, offset, groups = data
    codes = np.unique(groups[here], return_inverse=True)[1]
    parts = (None if array is None else array[here] for array in (weight, offset))
    return Data(X[here], y[here], *parts, codes)


class WholeGroups:
    """Sees what blocks name their groups, and whether two have rows of the same."""

    def __init__(self):
        self.n_blocks, self.named = 0, []

    def see(self, found):
        """Take in the `Look` of the next block, and hand it on without its ids."""
        if found.n_rows:
            self.named.append((self.n_blocks, found.ids, found.has_own_ids))
            found.ids = None
        self.n_blocks += 1
        return found

    def check(self):
        """Refuse a group of which two blocks have rows."""
        if all(has_own_ids for *_, has_own_ids in self.named):
            return
        blocks, named, _ = zip(*self.named)
        every = np.concatenate(named)
        blocks = np.repeat(blocks, [len(ids) for ids in named])
        order = np.argsort(every, kind="stable")
        same = np.flatnonzero(every[order][1:] == every[order][:-1])
        if len(same) == 0:
            return
        first, second = min((*blocks[order[i : i + 2]],) for i in same)
        raise ValueError(
            f"Blocks {first} and {second} have rows of the same group. Each block must "
            "hold whole groups: sort the rows by them, and cut where a group ends, as "
            "StoredBlocks.arrays(X, y, groups=groups) does."
        )
