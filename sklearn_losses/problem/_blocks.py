"""The rows of an objective in blocks, wherever these are: tasks go to them.

A task is a pure function of a block and of small arguments; what it returns is small,
too, and is added in the order of the blocks, so that a result does not depend on who
did which task when. A block is an `Objective` of its rows whose S is that of all rows,
and whose penalty nobody asks for.

>>> from sklearn_losses.problem._blocks import LocalBlocks
>>> LocalBlocks([[1, 2], [3]]).map(len)
[2, 1]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import reduce
from itertools import islice
from typing import Any

import numpy as np

from sklearn_losses.design._centred import CONSTANT, Centred
from sklearn_losses.problem._group_hessian import hessian_of_groups

GROUP = 16  # neighbours that are added up before others are


class RowBlocks:
    """Blocks of rows that may lie anywhere.

    What fits a model of them derives from it. Estimators take one in the place of X; a
    block is then a tuple ``(X, y, sample_weight, offset, groups)``, of which the last
    ones may be left out and any but X be None, and X is an array, a CSR matrix or a
    DataFrame. `groups` are queries or strata, whole ones in each block. Blocks are
    read several times, and must stay as they are.

    See Also
    --------
    StoredBlocks : Blocks of files, or that functions make.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearRegressor, RowBlocks
    >>> class Halves(RowBlocks):
    ...     def __init__(self, X, y):
    ...         self.blocks = list(zip(np.array_split(X, 2), np.array_split(y, 2)))
    ...     def __len__(self):
    ...         return len(self.blocks)
    ...     def map(self, task, *args):
    ...         return [task(block, *args) for block in self.blocks]
    >>> X = np.arange(10.0)[:, None]
    >>> model = LinearRegressor("huber", alpha=0.0).fit(Halves(X, 3 * X.ravel() + 1))
    >>> model.coef_.round(6), model.intercept_.round(6)
    (array([3.]), array([1.]))
    """

    are_row_blocks = True  # for layers that do not know this class
    known_units = None  # mean and scale of the columns, if somebody has asked before

    def __len__(self) -> int:
        """How many blocks there are."""
        raise NotImplementedError

    def map(self, task: Callable[..., Any], *args: Any) -> Iterable[Any]:
        """What a task makes of each block.

        Parameters
        ----------
        task : callable
            Of a block and `args`; a function of a module, which can be pickled.
        *args
            Small.

        Returns
        -------
        iterable
            In the order of the blocks. It is consumed once.
        """
        raise NotImplementedError

    def sum(self, task: Callable[..., Any], *args: Any) -> Any:
        """The sum of what a task makes of each block.

        First of the blocks of each group of neighbours, then of the groups, in their
        order: so it is the same whoever adds up a group.

        Parameters
        ----------
        task : callable
        *args
            As of `map`.

        Returns
        -------
        object
            Of numbers, arrays, None for nothing, and tuples of these.
        """
        return added_by_groups(self.map(task, *args))

    def fold(self, step: Callable[..., Any], state: Any) -> Any:
        """What a step makes of a state and one block after the other.

        Parameters
        ----------
        step : callable
            (state, block) -> the next state.
        state : object

        Returns
        -------
        object
            The last state.
        """
        return reduce(step, self.map(_itself), state)


def _itself(block):
    return block


class LocalBlocks(RowBlocks):
    """Blocks in the memory of this process, one after the other.

    Parameters
    ----------
    blocks : list of Objective
    """

    def __init__(self, blocks):
        self.blocks = blocks

    def __len__(self):
        return len(self.blocks)

    @classmethod
    def of(cls, objective, n_rows):
        """An objective in blocks of so many rows, which are not copied."""
        n = objective.rows.n_rows
        starts = range(0, n, n_rows)
        return cls([objective.part(slice(i, min(i + n_rows, n))) for i in starts])

    def map(self, task, *args):
        return [task(block, *args) for block in self.blocks]


# ----------------------------------------------------- how rows lie, in one pass
def statistics(block, centre):
    """The weight of a block, and mean and spread of its columns.

    Returns
    -------
    weight : float
    mean, spread : ndarray of shape (n_features,)
    has_far : bool
    """
    weight = block.sample_weight
    total = float(block.rows.n_rows) if weight is None else float(weight.sum())
    if total == 0.0:
        nothing = np.zeros(block.rows.n_features)
        return 0.0, nothing, nothing, False
    found = Centred(block.rows, weight, centre)
    moves = found.scale > 0
    spread = np.divide(1.0, found.scale, out=np.zeros(len(moves)), where=moves)
    return total, found.mean, spread, found.has_far


def mean_and_scale(blocks, centre):
    """Mean of all rows, 1 / spread or 0 of a constant column, and whether some are far.

    Spreads are added about the means of the blocks (Chan, Golub and LeVeque 1983).

    Parameters
    ----------
    blocks : RowBlocks
    centre : bool
        False: the mean is taken to be 0.
    """
    if blocks.known_units is not None:
        return blocks.known_units
    return units_of(blocks.map(statistics, centre))


def units_of(found):
    """Mean, scale and whether some rows are far, of the `statistics` of all blocks."""
    _, mean, spread, has_far = pooled(found)
    moves = spread > CONSTANT * np.abs(mean)
    scale = np.divide(1.0, spread, out=np.zeros(len(mean)), where=moves)
    return mean, scale, has_far


def pooled(found):
    """The `statistics` of several blocks together."""
    weights, means, spreads, has_far = zip(*found)
    total = math.fsum(weights)
    if total == 0.0:
        return found[0]
    share = np.array(weights)[:, None] / total
    means, spreads = np.array(means), np.array(spreads)
    first = means[np.argmax(weights)]  # about which means lose no digits
    mean = first + (share * (means - first)).sum(axis=0)
    unit = np.maximum(spreads, np.abs(means - mean)).max(axis=0)
    unit = np.where(unit > 0, unit, 1.0)  # whose squares neither overflow nor vanish
    squares = (spreads / unit) ** 2 + ((means - mean) / unit) ** 2
    spread = unit * np.sqrt((share * squares).sum(axis=0))
    return total, mean, spread, any(has_far)


# --------------------------------------------------------------------- sums over rows
class Point:
    """Where tasks look: coefficients, and the units in which they are.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,)
    theta : ndarray of shape (n_outputs, n_features + 1)
        Of features around the mean in units of 1 / scale; the last are the raw
        predictions at the mean.
    """

    def __init__(self, mean, scale, theta):
        self.mean, self.scale, self.theta = mean, scale, theta

    def at(self, theta):
        """The same units elsewhere."""
        return Point(self.mean, self.scale, theta)

    def features(self, block):
        """The features of a block in these units."""
        return Centred.about(block.rows, self.mean, self.scale)

    def seen_from(self, block):
        """The features, the term and the raw predictions of a block.

        Returns
        -------
        features : Centred
        term : LossTerm
        p : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        """
        features = self.features(block)
        theta = self.theta if block.is_joint else self.theta[0]
        term, p = block.term(), features.raw(theta)
        return features, term, p if term.offset is None else p + term.offset


def first_order(block, point):
    """The loss of a block and its gradient by theta.

    Returns
    -------
    value : float
    gradient : ndarray of shape (n_outputs, n_features + 1)
    """
    return _first(*point.seen_from(block))


def _first(features, term, p):
    slopes = term.slopes(p, 0.0).reshape(len(p), -1)
    by_u = features.transposed_dot(np.ascontiguousarray(slopes)).T
    return term.value(p), np.column_stack([by_u, slopes.sum(axis=0)])


def second_order(block, point):
    """The loss of a block, its gradient and its Hessian by theta.

    Returns
    -------
    value : float
    gradient : ndarray of shape (n_outputs, n_features + 1)
    hessian : ndarray of shape (size, size)
        With size = n_outputs * (n_features + 1).
    """
    features, term, p = point.seen_from(block)
    if block.loss.granularity == "group":
        hessian = hessian_of_groups(features, term, p, 0.0)
    elif block.is_joint:
        hessian = _coupled(features, p, lambda b: term.hessians(p[b], 0.0, b))
    else:
        hessian = _moments(features, block.loss.curvature(term.y, p, term.weight))
    return *_first(features, term, p), hessian


def squared_slopes(block, point):
    """sum_i of g_ik g_il (z_i, 1) (z_i, 1)', of the slopes g by the outputs k and l."""
    features, term, p = point.seen_from(block)
    slopes = term.slopes(p, 0.0)
    if slopes.ndim == 1:
        return _moments(features, slopes**2)
    return _coupled(features, p, lambda b: slopes[b, :, None] * slopes[b, None, :])


def _moments(features, weights):
    """sum_i w_i (z_i, 1) (z_i, 1)', with weights of either sign."""
    size = features.n_features + 1
    found = np.zeros((size, size))
    for sign in (1.0, -1.0):
        part = np.maximum(sign * weights, 0.0)
        if part.any():
            _, squares, means = features.moments(part, part)
            found += sign * np.block([[squares, means[:, None]], [means, part.sum()]])
    return found


def _coupled(features, p, matrices):
    """sum_i M_ikl (z_i, 1) (z_i, 1)', with the matrices M of the rows of a block."""
    size, n_outputs = features.n_features + 1, p.shape[1]
    found = np.zeros((n_outputs, size, n_outputs, size))
    for block in features.blocks:
        rows = np.arange(block.start, block.stop)
        features.add_coupled(rows, matrices(block), found)
    found = found.reshape(n_outputs * size, -1)
    return np.tril(found) + np.tril(found, -1).T


def added(parts):
    """The sum of what tasks return, in the order of the blocks."""
    return reduce(_plus, parts)


def added_by_groups(parts):
    """The sum of the sums of neighbours; see `RowBlocks.sum`."""
    parts, total = iter(parts), None
    while group := list(islice(parts, GROUP)):
        total = _plus(total, added(group))
    return total


def _plus(one, other):
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, tuple):
        return tuple(map(_plus, one, other))
    return one + other
