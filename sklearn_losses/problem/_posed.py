"""An objective of rows in blocks: what a block of data is to a loss, and a first look.

A `Pose` says what rows, targets and weights mean: the loss, the classes, S. With it a
task of an `Objective` becomes one of the data, which goes to where they are. The look
says what has to be known before: how many rows there are, mean and spread of their
columns, labels, and some of the rows, which stand for all.
"""

import time
import zlib
from dataclasses import dataclass, replace
from itertools import islice
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_losses.design._rows import Rows
from sklearn_losses.design._structure import check_structure
from sklearn_losses.losses._targets import named, survival_intervals
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._blocks import RowBlocks, pooled, statistics, units_of
from sklearn_losses.problem._objective import Objective, Targets

MOST_LABELS = 1000  # more are hardly labels
SAMPLED = 1 << 23  # numbers of all rows that stand for the others: 64 MB
FEW, ROWS_PER_COEF = 20_000, 50  # of them are enough
TOGETHER = 256  # blocks of which no more is kept than of one
SUMS = "n_rows", "n_bytes", "mark", "mass", "n_groups", "n_left"
MARKED = 64  # targets that tell a block from another one

CHANGED = (
    "The blocks have changed between two passes over them, as random numbers do that "
    "are drawn anew whenever somebody asks for them. A fit reads its rows several "
    "times: keep them, as X.persist() does, or store them."
)


class Data(NamedTuple):
    """A block as arrays: X is dense, C-contiguous, or CSR."""

    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    offset: np.ndarray | None
    groups: np.ndarray | None = None

    @property
    def mark(self):
        """A number that is another one, most probably, for other data."""
        X = self.X.data if sparse.issparse(self.X) else self.X
        parts = X[:1], X[-1:], self.y[:MARKED], self.y[-MARKED:]
        found = len(self.y)
        for part in parts:
            if part.dtype != object:
                found = zlib.crc32(np.ascontiguousarray(part).view(np.uint8), found)
        return found


def data_of(block):
    """The arrays of a block.

    Raises
    ------
    ValueError
        If they do not fit each other, or are no numbers.
    """
    X, y, weight, offset, groups = (*block, None, None, None)[:5]
    X = _rows_of(X)
    n = X.shape[0]
    y = target_of(y)
    weight, offset = (np.full(n, a) if np.isscalar(a) else a for a in (weight, offset))
    groups = None if groups is None else np.asarray(groups).reshape(len(groups))
    others = ("sample_weight", weight), ("offset", offset), ("groups", groups)
    for name, array in (("y", y), *others):
        if array is not None and len(array) != n:
            raise ValueError(
                f"{name} has {len(array)} rows and X has {n}. Cut them into the same "
                "blocks."
            )
    if weight is not None:
        weight = np.ascontiguousarray(weight, dtype=np.float64).reshape(n)
    if offset is not None:
        offset = np.ascontiguousarray(offset, dtype=np.float64)
        offset = offset[:, None] if offset.ndim == 1 else offset
    return Data(X, y, weight, offset, groups)


def target_of(y):
    """The targets of a block as an array; those of times and events have fields."""
    y = named(y)
    return y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y


def check_one_column(y):
    """Refuse targets of several columns, where one is all that is taken."""
    if y.ndim != 1:
        raise ValueError(f"y must have one column. Got the shape {y.shape}.")


def numbers_of(y, loss):
    """Targets of a regression as float64; of two columns, where the loss takes them."""
    if y.dtype.names and getattr(loss, "y_size", 1) == 2:
        y = survival_intervals(y)
    if y.dtype.names:
        fields = ", ".join(y.dtype.names)
        raise ValueError(f"y must have one column. Got the fields {fields}.")
    if getattr(loss, "y_size", 1) == 1:
        check_one_column(y)
    return np.ascontiguousarray(y, dtype=np.float64)


def times_of(y, loss):
    """The ends of times of survival, of which columns need names."""
    return survival_intervals(y)


def _rows_of(X):
    if hasattr(X, "iloc"):
        bad = [name for name, kind in X.dtypes.items() if kind.kind not in "biuf"]
        if bad:
            raise ValueError(
                f"The column {bad[0]!r} of X is no number. Leave it out, or encode it."
            )
        X = X.to_numpy()
    if sparse.issparse(X):
        check_structure(X)
        X = X.tocsr()
        return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
    X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions. Got the shape {X.shape}.")
    dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
    return np.ascontiguousarray(X, dtype=dtype)


@dataclass(frozen=True)
class Pose:
    """What the data of blocks mean.

    Parameters
    ----------
    loss : Loss
    n_outputs : int
    fit_intercept : bool
    total_weight : float
        S, of all blocks.
    classes : ndarray or None
        Of labels; None: y is the target as it is.
    factors : ndarray or None
        Of the weights of each class.
    output : int or None
        One versus rest: the class that is 1.
    of_classes : tuple or None
        The share of each class in S, if it is of use.
    """

    loss: Any
    n_outputs: int
    fit_intercept: bool
    total_weight: float = 1.0
    classes: np.ndarray | None = None
    factors: np.ndarray | None = None
    output: int | None = None
    of_classes: tuple | None = None

    def objective(self, data, total_weight=None, price=None):
        """The share of some data in the objective, or (with S) one of them alone."""
        y, weight = data.y, data.weight
        if self.classes is not None:
            codes = self._codes(y)
            if self.factors is not None:
                each = self.factors[codes]
                weight = each if weight is None else weight * each
            y = codes if self.output is None else codes == self.output
        y = np.ascontiguousarray(y, dtype=np.float64)
        return Objective(
            *(self.loss, Rows(data.X), Targets(y), weight),
            self.total_weight if total_weight is None else total_weight,
            Price() if price is None else price,
            self.n_outputs,
            fit_intercept=self.fit_intercept,
            offset=self._own(data.offset),
        )

    def _codes(self, y):
        """The index of each label, all of which are among the classes."""
        if len(self.classes) == 2:
            return (y == self.classes[1]).astype(np.intp)
        return np.searchsorted(self.classes, y)

    def _own(self, offset):
        """The offsets of the outputs of this objective."""
        if offset is None or offset.shape[1] == self.n_outputs:
            return offset
        if self.output is not None:
            return np.ascontiguousarray(offset[:, self.output : self.output + 1])
        return np.ascontiguousarray(offset * np.array([-0.5, 0.5]))


@dataclass(frozen=True)
class Asked:
    """A task of an objective's blocks as one of the data, with their mark."""

    pose: Pose
    task: Any

    @property
    def __name__(self):
        return self.task.__name__

    def __call__(self, block, *args):
        data = data_of(block)
        if len(data.y) == 0:
            return 0, None
        return data.mark, self.task(self.pose.objective(data), *args)


class PassLog:
    """How many passes over the rows there have been, and what they took.

    Parameters
    ----------
    n_bytes : int
        That a pass reads.
    verbose : int
        Whether to print a line for each.
    """

    def __init__(self, n_bytes, verbose):
        self.n_bytes, self.verbose, self.n = n_bytes, verbose, 0

    def __call__(self, name, seconds):
        self.n += 1
        if self.verbose:
            size = self.n_bytes / 1e9
            print(f"pass {self.n:3d}  {name:13s} {seconds:8.3f} s  {size:.3g} GB")


@dataclass
class PosedBlocks(RowBlocks):
    """Blocks of data as blocks of an objective.

    Parameters
    ----------
    blocks : RowBlocks
    pose : Pose
    mark : int
        The sum of the blocks' marks.
    log : PassLog
    known_units : tuple
        See `mean_and_scale`.
    n_left : int, default=1
        Rows with weight that are not among those which stand for all.
    """

    blocks: RowBlocks
    pose: Pose
    mark: int
    log: PassLog
    known_units: tuple
    n_left: int = 1

    def posed(self, **changes):
        """The same rows with another meaning."""
        return replace(self, pose=replace(self.pose, **changes))

    def __len__(self):
        return len(self.blocks)

    def map(self, task, *args):
        with self._pass(task):
            both = list(self.blocks.map(Asked(self.pose, task), *args))
            self._check(sum(mark for mark, _ in both))
        return [found for _, found in both if found is not None]

    def sum(self, task, *args):
        with self._pass(task):
            mark, found = self.blocks.sum(Asked(self.pose, task), *args)
            self._check(mark)
        return found

    def _check(self, mark):
        if mark != self.mark:
            raise ValueError(CHANGED)

    def _pass(self, task):
        return _Timed(lambda seconds: self.log(task.__name__, seconds))


class _Timed:
    def __init__(self, report):
        self.report = report

    def __enter__(self):
        self.start = time.perf_counter()

    def __exit__(self, kind, *_):
        if kind is None:
            self.report(time.perf_counter() - self.start)


# ------------------------------------------------------------------------ a first look
@dataclass
class Look:
    """What one block says of itself.

    Attributes
    ----------
    trouble : str
        What cannot be used, or "".
    n_rows, n_features, n_bytes, mark : int
    mass : float
        What it counts in S.
    n_groups : int
        That count.
    ids : ndarray or None
        Numbers of some of its groups.
    has_own_ids : bool
        Whether these may be of groups that are numbered in each block anew.
    dtype : dtype
        Of X.
    names : tuple or None
        Of the columns of a DataFrame.
    units : tuple
        See `statistics`.
    labels, of_labels : ndarray
        The labels, and the weight of their rows.
    largest : float
        Of the weights.
    n_offsets, n_targets : int
        The columns of the offset and of y, 0 if there are none.
    sample : Data or None
        Rows that stand for all, each for as many as its weight says.
    n_left : int
        Rows with weight that are not among these; of groups it is not known.
    """

    trouble: str = ""
    n_rows: int = 0
    n_features: int = 0
    n_bytes: int = 0
    mark: int = 0
    mass: float = 0.0
    n_groups: int = 0
    ids: np.ndarray | None = None
    has_own_ids: bool = False
    dtype: Any = None
    names: tuple | None = None
    units: tuple | None = None
    labels: np.ndarray | None = None
    of_labels: np.ndarray | None = None
    largest: float = 1.0
    n_offsets: int = 0
    n_targets: int = 0
    sample: Data | None = None
    n_left: int = 1


def look(block, loss, targets, centre, n_blocks, seed):
    """The `Look` of a block.

    Parameters
    ----------
    block : tuple
    loss : Loss
    targets : callable or None
        (y, loss) -> numbers, which have to be in the domain of the loss; None: y are
        labels.
    centre : bool
    n_blocks, seed : int
    """
    return looked_at(block, _look, loss, targets, centre, n_blocks, seed)


def looked_at(block, see, *args):
    """What a function of the data of a block says of it, or what its trouble is."""
    X = block[0]
    names = tuple(X.columns) if hasattr(X, "iloc") else None
    n_features = X.shape[1] if len(np.shape(X)) == 2 else 0
    try:
        data = data_of(block)
        if len(data.y) == 0:
            return Look(n_features=n_features, names=names)
        found = see(data, *args)
    except (TypeError, ValueError, OverflowError) as error:
        return Look(trouble=str(error), n_features=n_features, names=names)
    found.names = names
    return found


def _look(data, loss, targets, centre, n_blocks, seed):
    if data.groups is not None:
        raise ValueError(
            f"there are groups, or strata, and {loss!r} compares no rows with each "
            "other. Leave them out; what tells them apart may be features of X."
        )
    found, y = look_at_rows(data, centre), data.y
    if targets is None:
        check_one_column(y)
        found.labels, found.of_labels = _labels(y, data.weight)
    else:
        y = targets(y, loss)
        loss.check_targets(y, name="y")
    found.n_targets = y.size // len(y)
    found.sample = _sample(data._replace(y=y), n_blocks, seed)
    weighted = len(y) if data.weight is None else np.count_nonzero(data.weight)
    found.n_left = weighted - (0 if found.sample is None else len(found.sample.y))
    if loss.task == "ordinal":  # whose outputs lie between classes: each needs some
        found.sample = _with_all_kinds(found.sample, data, _itself)
    elif y.ndim == 2:  # of which some may have an end that is infinite
        found.sample = _with_all_kinds(found.sample, data._replace(y=y), _ends_of)
    return found


def _itself(y):
    return y


def _ends_of(y):
    """Which ends of intervals are finite, as a number."""
    return np.isfinite(y) @ [1.0, 2.0]


def _with_all_kinds(sample, data, kind_of):
    """A sample with a row of each kind that has none in it, for all of that kind."""
    if sample is None:
        return None
    kinds, codes = _labels_and_codes(kind_of(data.y))
    weight = np.ones(len(data.y)) if data.weight is None else data.weight
    of_kinds = np.bincount(codes, weight, len(kinds))
    missing = np.flatnonzero(~np.isin(kinds, kind_of(sample.y)) & (of_kinds > 0))
    if len(missing) == 0:
        return sample
    rows = [int(np.argmax((codes == k) & (weight > 0))) for k in missing]
    offset = None if data.offset is None else data.offset[rows]
    return _joined(
        [sample, Data(data.X[rows], data.y[rows], of_kinds[missing], offset)]
    )


def look_at_rows(data, centre):
    """The `Look` of a block, but for its targets."""
    X, y, weight, offset, _ = data
    _check_finite("X", X.data if sparse.issparse(X) else X, X)
    for name, array in (("sample_weight", weight), ("offset", offset)):
        if array is not None:
            _check_finite(name, array, array)
    if weight is not None and weight.min() < 0:
        row = int(np.argmax(weight < 0))
        raise ValueError(
            f"sample_weight must be >= 0. Got {weight[row]:g} in row {row}."
        )
    found = Look(n_rows=len(y), n_features=X.shape[1], dtype=X.dtype, mark=data.mark)
    found.n_bytes = X.data.nbytes + y.nbytes
    rows = SimpleNamespace(rows=Rows(X), sample_weight=weight)
    found.units = statistics(rows, centre)
    found.mass = found.units[0]
    found.largest = 1.0 if weight is None else float(weight.max())
    found.n_offsets = 0 if offset is None else offset.shape[1]
    return found


def _check_finite(name, entries, array):
    """Refuse nan and infinities; it names the first row."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(entries.sum(dtype=np.float64)) or np.isfinite(entries).all():
            return
    first = int(np.argmax(~np.isfinite(entries.ravel())))
    if sparse.issparse(array):
        row = int(np.searchsorted(array.indptr, first, side="right")) - 1
        column = f", column {array.indices[first]}"
    else:
        row, at = divmod(first, array[0].size)
        column = f", column {at}" if array.ndim == 2 else ""
    raise ValueError(
        f"{name} is {entries.ravel()[first]} in row {row}{column}. Leave such rows "
        "out, or impute them."
    )


def _labels(y, weight):
    if y.dtype.kind == "f":
        _check_finite("y", y, y)
        broken = np.flatnonzero(y != np.floor(y))
        if len(broken):
            raise ValueError(
                f"Unknown label type: continuous. y is {y[broken[0]]:g} in row "
                f"{broken[0]}: is this a regression? LinearRegressor predicts numbers."
            )
    labels, codes = _labels_and_codes(y)
    if len(labels) > MOST_LABELS:
        raise ValueError(
            f"y has {len(labels)} labels in one block. Is this a regression? "
            "LinearRegressor predicts numbers."
        )
    return labels, np.bincount(codes, weight, len(labels)).astype(np.float64)


def _labels_and_codes(y):
    """Sorted labels and the index of each; most are among the first, so few sort."""
    labels = np.unique(y[:MOST_LABELS])
    codes = np.minimum(np.searchsorted(labels, y), len(labels) - 1)
    if (labels[codes] == y).all():
        return labels, codes
    return np.unique(y, return_inverse=True)


def share_of_sample(n_features, n_blocks):
    """How many rows stand for a block."""
    n_columns = n_features + 1
    wanted = min(max(FEW, ROWS_PER_COEF * n_columns), SAMPLED // n_columns)
    return max(1, -(-wanted // n_blocks))


def _sample(data, n_blocks, seed):
    """Rows that stand for a block, of which each has the same chance."""
    X, y, weight, offset, _ = data
    here = np.arange(len(y)) if weight is None else np.flatnonzero(weight > 0)
    size = min(len(here), share_of_sample(X.shape[1], n_blocks))
    if size == 0:
        return None
    if size < len(here):
        rng = np.random.default_rng([seed, data.mark])
        here = np.sort(rng.choice(here, size, replace=False))
    n_all = len(y) if weight is None else np.count_nonzero(weight)
    stands_for = n_all / size
    weight = np.full(size, stands_for) if weight is None else stands_for * weight[here]
    return Data(X[here], y[here], weight, None if offset is None else offset[here])


@dataclass
class Overview:
    """What all blocks say of themselves together.

    Attributes
    ----------
    n_rows, n_features, n_bytes, mark, n_offsets, largest, n_groups, n_left
        As of `Look`.
    dtype : dtype
        float32 if all blocks are.
    names : tuple or None
    total_weight : float
    units : tuple
        See `mean_and_scale`.
    labels, of_labels : ndarray or None
    sample : Data
    """

    n_rows: int
    n_features: int
    n_bytes: int
    mark: int
    n_offsets: int
    dtype: Any
    names: tuple | None
    total_weight: float
    largest: float
    n_groups: int
    n_left: int
    units: tuple
    labels: np.ndarray | None
    of_labels: np.ndarray | None
    sample: Data


def overview(looks):
    """What the `Look` of each block adds up to.

    Raises
    ------
    ValueError
        If a block cannot be used, or does not fit the others; it names the first one.
    """
    looks, parts = _fitting(looks), []
    while some := list(islice(looks, TOGETHER)):  # of many blocks few are kept
        parts.append(_together(some))
    if not parts:
        raise ValueError("All blocks are empty: there is nothing to fit.")
    found = _together(parts)
    if not found.units[0] > 0:
        raise ValueError("All sample weights are zero: nothing is left to fit.")
    return Overview(
        found.n_rows,
        found.n_features,
        found.n_bytes,
        found.mark,
        found.n_offsets,
        found.dtype,
        found.names,
        found.mass,
        found.largest,
        found.n_groups,
        found.n_left,
        units_of([found.units]),
        found.labels,
        found.of_labels,
        found.sample,
    )


def _fitting(looks):
    """Those of blocks that have rows, once they fit the first one."""
    first, one = None, None
    for k, found in enumerate(looks):
        if found.trouble:
            raise ValueError(f"Block {k}: {found.trouble}")
        if not found.n_rows:
            continue
        first, one = (k, found) if one is None else (first, one)
        for name in ("n_features", "names", "n_offsets", "n_targets"):
            here, there = getattr(found, name), getattr(one, name)
            if here != there:
                raise ValueError(
                    f"Block {k} does not fit block {first}: its {name} is {here}, and "
                    f"not {there}."
                )
        if found.labels is not None and _kind_of(found) != _kind_of(one):
            raise ValueError(
                f"Labels of block {k} are of dtype {found.labels.dtype}, and those of "
                f"block {first} of {one.labels.dtype}. Labels must all be strings, or "
                "numbers."
            )
        yield found


def _kind_of(found):
    return "U" if found.labels.dtype.kind in "UO" else "n"


def _together(looks):
    """One `Look` of several blocks that fit each other."""
    one, samples = looks[0], [found.sample for found in looks if found.sample]
    found = Look(
        n_features=one.n_features,
        names=one.names,
        n_offsets=one.n_offsets,
        n_targets=one.n_targets,
        dtype=np.result_type(*(found.dtype for found in looks)),
        largest=max(found.largest for found in looks),
        units=pooled([found.units for found in looks]),
        sample=_joined(samples) if samples else None,
        **{name: sum(getattr(found, name) for found in looks) for name in SUMS},
    )
    if one.labels is not None:
        every = np.concatenate([look.labels for look in looks])
        found.labels, codes = np.unique(every, return_inverse=True)
        weights = np.concatenate([look.of_labels for look in looks])
        found.of_labels = np.bincount(codes, weights, len(found.labels))
    return found


def _joined(samples):
    """The rows that stand for all blocks, in groups that are those of one block."""
    if samples[0].groups is not None:
        sizes = [sample.groups.max() + 1 for sample in samples]
        before = np.cumsum([0, *sizes])
        samples = [s._replace(groups=s.groups + n) for s, n in zip(samples, before)]
    columns = list(zip(*samples))
    X, *others = columns
    stack = sparse.vstack if any(map(sparse.issparse, X)) else np.concatenate
    X = stack(X)
    X = X.tocsr() if sparse.issparse(X) else X
    return Data(X, *(None if c[0] is None else np.concatenate(c) for c in others))
