"""Rows of dask collections: tasks go to their blocks.

Nothing here is arithmetic of dask's: a block is a partition as it is, an array, a CSR
matrix or a DataFrame, and a pass is one graph of a task for each. dask is imported only
where somebody has passed a collection.
"""

import sys
from uuid import uuid4

import numpy as np

from sklearn_losses._machine._blas import one_thread_of_blas
from sklearn_losses.problem._blocks import GROUP, RowBlocks, added

RETRIES = 3  # of a task that fails, or whose worker is lost


def is_collection(array):
    """Whether an array lies elsewhere, in parts: a dask collection, or a list of them.

    dask is not imported to see that.
    """
    if isinstance(array, (list, tuple)):
        return len(array) > 0 and all(hasattr(a, "__dask_graph__") for a in array)
    return hasattr(array, "__dask_graph__")


def current_client():
    """The client of dask.distributed that is in use, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


class DaskBlocks(RowBlocks):
    """Blocks of dask collections.

    Parameters
    ----------
    owner : str
        The estimator, for messages.
    X : dask array, dataframe or Delayed
    y, sample_weight, offset : dask collections or None
        In blocks of the same rows; an array whose lengths are known is cut like X.
    """

    def __init__(self, owner, X, y=None, sample_weight=None, offset=None):
        self.owner = owner
        self.parts = [_parts(X)]
        named = {"y": y, "sample_weight": sample_weight, "offset": offset}
        for name, array in named.items():
            if array is None or np.isscalar(array):
                self.parts.append([array] * len(self))
                continue
            if not is_collection(array):
                raise TypeError(_line_to_write(owner, name, X))
            parts = _parts(_cut_alike(array, X))
            if len(parts) != len(self):
                raise ValueError(
                    f"{name} has {len(parts)} blocks and X has {len(self)}. Cut both "
                    f"into the same blocks, as by {name}.rechunk or repartition."
                )
            self.parts.append(parts)

    def __len__(self):
        return len(self.parts[0])

    def map(self, task, *args):
        name, calls = self._calls(task, args)
        return self._computed(name, calls)

    def sum(self, task, *args):
        from dask import delayed

        name, calls = self._calls(task, args)
        add, token = delayed(added, pure=False), uuid4().hex
        groups = [
            add(calls[k : k + GROUP], dask_key_name=f"{name}-added-{token}-{k}")
            for k in range(0, len(calls), GROUP)
        ]
        return added(self._computed(name, groups))

    def fold(self, step, state):
        from dask import delayed

        name, token = f"sklearn_losses-{step.__name__}", uuid4().hex
        call = delayed(_Step(step), pure=False)
        state = delayed(state, traverse=False)
        for k, block in enumerate(zip(*self.parts)):
            state = call(state, *block, dask_key_name=f"{name}-{token}-{k}")
        return self._computed(name, [state])[0]

    def _calls(self, task, args):
        """A name, and a call of the task for each block."""
        from dask import delayed

        name = f"sklearn_losses-{getattr(task, '__name__', 'task')}"
        token, call = uuid4().hex, delayed(_Call(task, args), pure=False)
        keys = (f"{name}-{token}-{k}" for k in range(len(self)))
        blocks = zip(keys, *self.parts)
        return name, [call(*parts, dask_key_name=key) for key, *parts in blocks]

    def _computed(self, name, calls):
        import dask

        client = current_client()
        with one_thread_of_blas():
            if client is None:
                return list(dask.compute(*calls))
            futures = client.compute(calls, retries=RETRIES)
            try:
                return client.gather(futures)
            except BaseException as error:
                client.cancel(futures)
                self._explain(name, error)
                raise

    def _explain(self, name, error):
        from distributed.scheduler import KilledWorker

        if not isinstance(error, KilledWorker):
            return
        block = str(error.task).rpartition("-")[2]
        raise RuntimeError(
            f"{self.owner}: block {block} has killed its worker several times, in a "
            f"pass named {name!r}. It may be too large for the memory there: cut X "
            "into smaller blocks, as by X.rechunk or X.repartition. The estimator is "
            "as it was before."
        ) from error


class _Call:
    """A task with its arguments, in which dask looks for no collections."""

    def __init__(self, task, args):
        self.task, self.args = task, args
        self.__name__ = getattr(task, "__name__", "task")

    def __call__(self, *block):
        return self.task(block, *self.args)


class _Step:
    """A step of `fold`, of the parts of a block."""

    def __init__(self, step):
        self.step, self.__name__ = step, step.__name__

    def __call__(self, state, *block):
        return self.step(state, block)


def _parts(array):
    """The blocks of a collection, as something that dask computes."""
    if isinstance(array, (list, tuple)):
        return list(array)
    if not hasattr(array, "to_delayed"):
        return [array]
    if len(getattr(array, "numblocks", ())) == 2 and array.numblocks[1] > 1:
        array = array.rechunk({1: -1})
    return list(np.ravel(array.to_delayed()))


def _cut_alike(array, X):
    """A dask array in blocks of the same rows as X, if both say how many these are."""
    chunks, own = getattr(X, "chunks", None), getattr(array, "chunks", None)
    if chunks is None or own is None or chunks[0] == own[0]:
        return array
    if np.isnan([*chunks[0], *own[0]]).any():
        return array
    return array.rechunk({0: chunks[0]})


def _line_to_write(owner, name, X):
    chunks = "X.chunks[0]"
    if not hasattr(X, "chunks") or np.isnan(X.chunks[0]).any():
        chunks = "tuple(X.map_partitions(len).compute())"
        if hasattr(X, "chunks"):
            chunks = "X.compute_chunk_sizes().chunks[0]"
    return (
        f"{owner} got X as a dask collection, and {name} as an array. Cut it into the "
        f"blocks of X: {name} = dask.array.from_array({name}, chunks=({chunks},))"
    )
