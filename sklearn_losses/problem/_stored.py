"""Rows that are stored: a block is in memory while somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

import numpy as np

from sklearn_losses._machine._blas import one_thread_of_blas
from sklearn_losses.problem._blocks import RowBlocks

ROWS = 1 << 16  # of a block, unless somebody says otherwise
TURNED = 1 << 11  # rows that columns are turned into at a time: they stay in cache


class StoredBlocks(RowBlocks):
    """Blocks that functions make, one after the other.

    While a block is worked on the next one is read, so that two of them are in memory.
    A fit reads all of them several times, as often as ``n_iter_`` says.

    Parameters
    ----------
    blocks : sequence of callable
        ``() -> (X, y, sample_weight, offset, groups)``, of which the last ones may be
        left out or None: each makes the same block whenever it is called.

    See Also
    --------
    RowBlocks : What others may derive from.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearRegressor, StoredBlocks
    >>> def block(k):
    ...     X = np.random.default_rng(k).normal(size=(1000, 3))
    ...     return X, X @ [1.0, 2.0, 3.0]
    >>> blocks = StoredBlocks([lambda k=k: block(k) for k in range(5)])
    >>> model = LinearRegressor(alpha=0.0).fit(blocks)
    >>> model.coef_.round(6)
    array([1., 2., 3.])
    """

    def __init__(self, blocks: Sequence[Callable[[], tuple[Any, ...]]]) -> None:
        self.blocks = list(blocks)
        for k, block in enumerate(self.blocks):
            if not callable(block):
                raise TypeError(
                    "StoredBlocks needs functions () -> (X, y), each of which reads a "
                    f"block. Got a {type(block).__name__} as block {k}; for arrays at "
                    "hand use StoredBlocks.arrays(X, y)."
                )

    def __len__(self) -> int:
        return len(self.blocks)

    def map(self, task: Callable[..., Any], *args: Any) -> Iterator[Any]:
        """What a task makes of each block, in their order; see `RowBlocks.map`."""
        # Not around the reader: it is started within, and ends with the last block.
        with one_thread_of_blas(), ThreadPoolExecutor(1) as reader:
            ahead = None
            for k in range(len(self)):
                block = self._read(k) if ahead is None else ahead.result()
                ahead = None
                if k + 1 < len(self):
                    ahead = reader.submit(self._read, k + 1, self._room(k + 1))
                yield task(block, *args)
                del block

    def _room(self, k):
        """Memory for block k, if it is known how large it is.

        What a thread allocates for itself it gives back to the system, and zeros are
        written each time, which takes as long as it takes to read some stores.
        """
        room = getattr(self.blocks[k], "room", None)
        return room and room()

    def _read(self, k, room=None):
        """Block k; an error says which it is."""
        try:
            block = self.blocks[k]() if room is None else self.blocks[k](room)
        except Exception as error:
            kind = ValueError if isinstance(error, ValueError) else RuntimeError
            what = f"{type(error).__name__}: {error}"
            raise kind(f"Block {k} cannot be read. {what}") from error
        if not (isinstance(block, (tuple, list)) and 2 <= len(block) <= 5):
            raise TypeError(
                f"Block {k} must be (X, y), or (X, y, sample_weight, offset, groups) "
                f"up to any of them. Got {_what(block)}."
            )
        return block

    @classmethod
    def arrays(
        cls,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        n_rows: int = ROWS,
        groups: Any = None,
    ) -> Self:
        """Arrays of which a slice of rows is read: memory maps, HDF5, zarr.

        Parameters
        ----------
        X, y, sample_weight, offset : array-like
            With a ``shape``, and rows as ``array[start:stop]``; the last two may be
            None.
        n_rows : int, default=65536
            The rows of a block, best a multiple of those that the store has in a chunk.
        groups : array-like, default=None
            Queries or strata, whose rows follow each other. A block then ends where a
            group does, so that it has some more rows.

        Returns
        -------
        StoredBlocks
        """
        given = X, y, sample_weight, offset, groups
        names = "X", "y", "sample_weight", "offset", "groups"
        for name, array in zip(names, given):
            if not hasattr(array, "shape") and (array is not None or name in "Xy"):
                raise TypeError(
                    f"StoredBlocks.arrays needs arrays with a shape, and {name} is a "
                    f"{type(array).__name__}. Use numpy.asarray({name})."
                )
        n = X.shape[0]
        for name, array in zip(names[1:], given[1:]):
            if array is not None and array.shape[0] != n:
                raise ValueError(
                    f"{name} has {array.shape[0]} rows and X has {n}. Each row of X "
                    "needs one."
                )
        ends = [*range(n_rows, n, n_rows), n]
        if groups is not None:
            ends = list(dict.fromkeys(_end_of_group(groups, end) for end in ends))
        pieces = map(slice, [0, *ends], ends)
        return cls([_Slices(given, piece) for piece in pieces])

    @classmethod
    def parquet(
        cls,
        source: Any,
        target: str | Sequence[str],
        columns: Iterable[str] | None = None,
        sample_weight: str | None = None,
        offset: str | None = None,
        groups: str | None = None,
    ) -> Self:
        """Columns of Parquet or Arrow files, by pyarrow.dataset.

        A block is a row group of a Parquet file, and of other files a whole one.

        Parameters
        ----------
        source : str, path, list of them, or pyarrow.dataset.Dataset
            Files, or a folder of them.
        target : str, or list of them
            The column of y; of several, such as event and time, y has the fields.
        columns : iterable of str, default=None
            Those of X; None means all others, but for an index that pandas has saved.
        sample_weight, offset, groups : str, default=None
            Their columns. A block has to hold whole groups.

        Returns
        -------
        StoredBlocks
        """
        import pyarrow.dataset as arrow

        data = source
        if not isinstance(data, arrow.Dataset):
            data = arrow.dataset(source)
        others = [n for n in (sample_weight, offset, groups) if n is not None]
        targets = [target] if isinstance(target, str) else list(target)
        if columns is None:
            taken = {*targets, *others, *_index_of(data.schema)}
            columns = [name for name in data.schema.names if name not in taken]
        names = [*columns]
        for name in (*names, *targets, *others):
            if name not in data.schema.names:
                raise ValueError(
                    f"There is no column {name!r} in these files. Got "
                    f"{', '.join(data.schema.names[:20])}."
                )
        of_y = target if isinstance(target, str) else targets
        roles = names, of_y, sample_weight, offset, groups
        return cls([partial(_fragment, part, roles) for part in _row_groups(data)])


def _what(block):
    if isinstance(block, (tuple, list)):
        return f"a {type(block).__name__} of {len(block)}"
    return f"a {type(block).__name__}"


class _Slices:
    """The same rows of several arrays.

    Parameters
    ----------
    arrays : tuple of array-like or None
        X is the first.
    rows : slice
    """

    def __init__(self, arrays, rows):
        self.arrays, self.rows = arrays, rows

    def room(self):
        """Memory for those of X, which only HDF5 reads into."""
        X, rows = self.arrays[0], self.rows
        if not hasattr(X, "read_direct"):
            return None
        return np.empty((rows.stop - rows.start, *X.shape[1:]), X.dtype)

    def __call__(self, room=None):
        X, *others = self.arrays
        if room is not None and room.size:
            X.read_direct(room, self.rows)
        else:
            room = X[self.rows]
        rest = (None if array is None else array[self.rows] for array in others)
        return room, *rest


def _end_of_group(groups, end):
    """The first row from `end` on that is of another group than the one before."""
    n, step = groups.shape[0], ROWS
    last = groups[end - 1 : end] if end > 0 else None
    while last is not None and end < n:
        others = np.flatnonzero(np.asarray(groups[end : end + step]) != last)
        if len(others):
            return end + int(others[0])
        end = min(end + step, n)
    return end


def _index_of(schema):
    """The columns that are the index of the DataFrame that was saved."""
    saved = (schema.pandas_metadata or {}).get("index_columns", ())
    return [name for name in saved if isinstance(name, str)]


def _row_groups(data):
    """The pieces of a dataset that are read at once."""
    for fragment in data.get_fragments():
        if hasattr(fragment, "split_by_row_group"):
            yield from fragment.split_by_row_group()
        else:
            yield fragment


def _fragment(part, roles):
    """A block of a piece of a dataset, whose columns become the rows of X."""
    names, target, *others = roles
    targets = [target] if isinstance(target, str) else target
    wanted = [name for name in (*names, *targets, *others) if name is not None]
    table = part.to_table(columns=wanted)
    columns = [table.column(name).to_numpy() for name in names]
    is_single = all(column.dtype == np.float32 for column in columns)
    X = np.empty((len(table), len(names)), np.float32 if is_single else np.float64)
    for start in range(0, len(X), TURNED):
        rows = slice(start, start + TURNED)
        for j, column in enumerate(columns):
            try:
                X[rows, j] = column[rows]
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"The column {names[j]!r} is no number: {error}. Leave it out of "
                    "`columns`, or encode it."
                ) from error
    rest = (None if n is None else table.column(n).to_numpy() for n in others)
    y = [table.column(name).to_numpy() for name in targets]
    y = y[0] if isinstance(target, str) else np.rec.fromarrays(y, names=targets)
    return X, y, *rest
