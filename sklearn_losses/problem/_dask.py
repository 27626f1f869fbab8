"""Rows of dask collections: tasks go to their blocks.

Nothing here is arithmetic of dask's: a block is a partition as it is, an array, a CSR
matrix or a DataFrame, and a pass is one graph of a task for each. dask is imported only
where somebody has passed a collection.
"""

import sys
from functools import cached_property
from uuid import uuid4

import numpy as np

from sklearn_losses._machine._blas import one_thread_of_blas
from sklearn_losses.problem._blocks import GROUP, RowBlocks, added, added_by_groups

RETRIES = 3  # of a task that fails, or whose worker is lost
BATCHES = 2  # tasks for each thread, at the least, of blocks that are made anew
NARROW = 256  # columns up to which sums are small beside what a task costs


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
    y, sample_weight, offset, groups : dask collections or None
        In blocks of the same rows; an array whose lengths are known is cut like X.
    groups_are : str, default="groups"
        What messages call these.
    """

    def __init__(
        self,
        owner,
        X,
        y=None,
        sample_weight=None,
        offset=None,
        groups=None,
        groups_are="groups",
    ):
        self.owner = owner
        shape = getattr(X, "shape", ())
        self.n_columns = shape[1] if len(shape) == 2 else np.inf
        self.parts, self._given = [_parts(X)], [X]
        named = {"y": y, "sample_weight": sample_weight, "offset": offset}
        named[groups_are] = groups
        for name, array in named.items():
            if array is None or np.isscalar(array):
                self.parts.append([array] * len(self))
                continue
            if not is_collection(array):
                raise TypeError(_line_to_write(owner, name, X))
            array = _cut_alike(name, array, X)
            self._given.append(array)
            parts = _parts(array)
            if len(parts) != len(self):
                raise ValueError(
                    f"{name} has {len(parts)} blocks and X has {len(self)}. Cut both "
                    f"into the same blocks, as by {name}.rechunk or repartition."
                )
            self.parts.append(parts)

    def __len__(self):
        return len(self.parts[0])

    def map(self, task, *args):
        if self._recipes is not None:
            return self._made_anew(task, args)
        name, calls = self._calls(task, args)
        return self._computed(name, calls)

    def sum(self, task, *args):
        from dask import delayed

        if self.n_columns <= NARROW and self._places is not None:
            return added_by_groups(self._where_they_are(task, args))
        if self.n_columns <= NARROW and self._recipes is not None:
            return added_by_groups(self._made_anew(task, args))
        name, calls = self._calls(task, args)
        add, token = delayed(added, pure=False), uuid4().hex
        groups = [
            add(calls[k : k + GROUP], dask_key_name=f"{name}-added-{token}-{k}")
            for k in range(0, len(calls), GROUP)
        ]
        return added(self._computed(name, groups))

    @cached_property
    def _places(self):
        """Which blocks each thread of a worker keeps; None if some are made anew.

        One task for all of them saves what each task costs in the scheduler, which is
        most of a pass over small blocks. What it sends is of each block, so that sums
        do not depend on who keeps which.
        """
        client = current_client()
        if client is None or self._kept is None:
            return None
        who, threads, found = client.who_has(), client.nthreads(), {}
        for k, (X, *_) in enumerate(self._kept):
            near = threads.keys() & who.get(X.key, ())  # to which the others go
            if not near:
                return None
            found.setdefault(min(near), []).append(k)
        return [
            (worker, ks[i :: threads[worker]])
            for worker, ks in found.items()
            for i in range(min(threads[worker], len(ks)))
        ]

    @cached_property
    def _kept(self):
        """The parts of blocks as workers keep them, None if they do not."""
        from distributed import futures_of

        kept = {future.key: future for future in futures_of(self._given)}
        found = [
            [kept.get(part.key) if _is_lazy(part) else part for part in block]
            for block in self
        ]
        is_kept = all(
            part is not None or given is None
            for block, each in zip(self, found)
            for given, part in zip(block, each)
        )
        return found if is_kept else None

    @cached_property
    def _recipes(self):
        """How each block is made, as neighbours are by one task; None: it is not known.

        Blocks whose tasks have something in common but a name of their source, or what
        a worker keeps, are left to the scheduler.
        """
        client = current_client()
        if client is None:
            return None
        from distributed import futures_of

        if futures_of(self._given):
            return None
        found, seen, whole = [], set(), {}
        for block in self:
            graph = {}
            for part in filter(_is_lazy, block):
                graph |= _graph_of(part, whole)
            made = {key for key, node in graph.items() if not _is_source(node)}
            if made & seen:
                return None
            seen |= made
            keys = [part.key if _is_lazy(part) else None for part in block]
            found.append(_Recipe(graph, keys, block))
        return found

    def _made_anew(self, task, args):
        """What a task makes of each block, by one task for some neighbours.

        Each is made when it is its turn, and then forgotten.
        """
        client, call, token = current_client(), _OfRecipes(task, args), uuid4().hex
        name = f"sklearn_losses-{call.__name__}"
        n, threads = len(self), max(1, sum(client.nthreads().values()))
        size = min(GROUP, -(-n // (BATCHES * threads)))
        batches = [range(k, min(k + size, n)) for k in range(0, n, size)]
        with one_thread_of_blas():
            futures = [
                client.submit(
                    *(call, _Opaque([self._recipes[k] for k in ks])),
                    key=f"{name}-{token}-{'_'.join(map(str, ks))}",
                    retries=RETRIES,
                )
                for ks in batches
            ]
            return [each for part in self._gathered(name, futures) for each in part]

    def _where_they_are(self, task, args):
        """What a task makes of each block, by one task of each thread that keeps some.

        A worker that is lost leaves its task to others, which make its blocks again.
        """
        client, call, token = current_client(), _Calls(task, args), uuid4().hex
        name, found = f"sklearn_losses-{call.__name__}", {}
        with one_thread_of_blas():
            futures = [
                client.submit(
                    *(call, [self._kept[k] for k in ks]),
                    key=f"{name}-{token}-{'_'.join(map(str, ks))}",
                    workers=[worker],
                    allow_other_workers=True,
                    retries=RETRIES,
                )
                for worker, ks in self._places
            ]
            parts = self._gathered(name, futures)
        for (_, ks), part in zip(self._places, parts):
            found.update(zip(ks, part))
        return [found[k] for k in range(len(self))]

    def __iter__(self):
        """The parts of each block."""
        return zip(*self.parts)

    def fold(self, step, state):
        from dask import delayed

        name, token = f"sklearn_losses-{step.__name__}", uuid4().hex
        call = delayed(_Step(step), pure=False)
        state = delayed(state, traverse=False)
        for k, block in enumerate(self):
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
            return self._gathered(name, client.compute(calls, retries=RETRIES))

    def _gathered(self, name, futures):
        try:
            return current_client().gather(futures)
        except BaseException as error:
            current_client().cancel(futures)
            self._explain(name, error)
            raise

    def _explain(self, name, error):
        from distributed.scheduler import KilledWorker

        if not isinstance(error, KilledWorker):
            return
        key, whole = str(error.task), {}
        blocks = key.rpartition("-")[2].split("_")
        if not key.startswith("sklearn_losses"):  # what a block is made of
            blocks = [
                k
                for k, block in enumerate(self)
                for part in filter(_is_lazy, block)
                if key in map(str, _graph_of(part, whole))
            ] or ["?"]
        which = f"block {blocks[0]}"
        if len(blocks) > 1:  # those that one worker keeps
            which = f"one of the blocks {', '.join(map(str, blocks))}"
        raise RuntimeError(
            f"{self.owner}: {which} has killed its worker several times, in a "
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


class _Calls(_Call):
    """A task of several blocks, one after the other."""

    def __call__(self, blocks):
        return [self.task(block, *self.args) for block in blocks]


class _Opaque:
    """Recipes in which dask looks for nothing to be made."""

    def __init__(self, recipes):
        self.recipes = recipes


class _Recipe:
    """How the parts of a block are made."""

    def __init__(self, graph, keys, parts):
        self.graph, self.keys = graph, keys
        self.rest = [None if _is_lazy(part) else part for part in parts]

    def made(self):
        from dask import get

        wanted = [key for key in self.keys if key is not None]
        found = iter(get(self.graph, wanted))
        both = zip(self.keys, self.rest)
        return tuple(rest if key is None else next(found) for key, rest in both)


class _OfRecipes(_Call):
    """A task of several blocks, each of which is made when it is its turn."""

    def __call__(self, opaque):
        return [self.task(recipe.made(), *self.args) for recipe in opaque.recipes]


def _graph_of(part, whole):
    """The tasks that make a part, of a graph that others may be of, too."""
    from dask.optimization import cull

    graph = part.__dask_graph__()
    if id(graph) not in whole:
        whole[id(graph)] = graph, dict(graph)
    return cull(whole[id(graph)][1], [part.key])[0]


def _is_source(node):
    """Whether a node names where blocks are read from, and is not the rows."""
    is_data = type(node).__name__ == "DataNode"
    return is_data and not isinstance(node.value, np.ndarray)


class _Step:
    """A step of `fold`, of the parts of a block."""

    def __init__(self, step):
        self.step, self.__name__ = step, step.__name__

    def __call__(self, state, *block):
        return self.step(state, block)


def _is_lazy(part):
    return hasattr(part, "key") and hasattr(part, "__dask_graph__")


def _parts(array):
    """The blocks of a collection, as something that dask computes."""
    if isinstance(array, (list, tuple)):
        return list(array)
    if not hasattr(array, "to_delayed"):
        return [array]
    if len(getattr(array, "numblocks", ())) == 2 and array.numblocks[1] > 1:
        array = array.rechunk({1: -1})
    return list(np.ravel(array.to_delayed()))


def _cut_alike(name, array, X):
    """A dask array in blocks of the same rows as X, if both say how many these are."""
    chunks, own = getattr(X, "chunks", None), getattr(array, "chunks", None)
    if chunks is None or own is None or chunks[0] == own[0]:
        return array
    if np.isnan([*chunks[0], *own[0]]).any():
        return array
    if sum(own[0]) != sum(chunks[0]):
        raise ValueError(
            f"{name} has {sum(own[0])} rows and X has {sum(chunks[0])}. Each row of X "
            "needs one."
        )
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
