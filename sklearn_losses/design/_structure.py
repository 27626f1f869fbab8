"""Sparse matrices whose arrays do not fit each other or the shape, which are refused.

scipy's constructors look at no index, and neither do its products and conversions: they
read, and write, beyond their arrays.
"""

import numpy as np
from scipy import sparse

from sklearn_losses.design._matrices import scan_indices

_ADVICE = (
    "Nothing can be computed with it. Build it anew with the shape that its entries "
    "have, or leave out what does not fit."
)


INSTEAD = (
    "LinearRegressor and LinearClassifier fit blocks, and partial_fit of SGDRegressor, "
    "SGDClassifier and others learns from one block after the other."
)


def refuse_collection(array, name):
    """Refuse an array that lies elsewhere, in parts, and that nobody meant to gather.

    Raises
    ------
    TypeError
    """
    if hasattr(array, "__dask_graph__"):
        raise TypeError(
            f"{name} is a dask collection, which would be gathered in memory as a "
            f"whole. Pass {name}.compute() if it fits there. {INSTEAD}"
        )
    if getattr(array, "are_row_blocks", False):
        raise TypeError(
            f"{name} are blocks of rows, and here all rows have to be in one place. "
            f"{INSTEAD}"
        )


def refuse_masked(array, name):
    """Refuse a masked array, whose hidden numbers would be taken for numbers.

    Raises
    ------
    ValueError
    """
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        first = np.argwhere(np.ma.getmaskarray(array))[0].tolist()
        raise ValueError(
            f"{name} is a masked array, and {name}[{', '.join(map(str, first))}] is "
            f"masked. Leave such rows out, or fill them in: {name}.filled(value)."
        )


def check_structure(X, name="X"):
    """Refuse a sparse matrix with an index or a length that does not fit its shape.

    Parameters
    ----------
    X : object
        What is no sparse matrix of two dimensions passes.
    name : str, default="X"
        What an error calls it.

    Returns
    -------
    bool
        Whether the indices of a compressed X rise within each of its rows (columns).

    Raises
    ------
    ValueError
        It names the first entry that does not fit, or is masked.
    TypeError
        If X is a collection of blocks that are elsewhere.
    """
    if type(X) is not np.ndarray:
        refuse_collection(X, name)
        refuse_masked(X, name)
    kind = X.format if sparse.issparse(X) and X.ndim == 2 else None
    if kind in ("csr", "csc", "bsr"):
        return _check_compressed(X, name)
    if kind == "coo":
        _check_coordinates(X, name)
    elif kind == "dia" and len(X.offsets) != len(X.data):
        raise _refusal(X, name, f"{len(X.offsets)} offsets for {len(X.data)} diagonals")
    return True


def _refusal(X, name, what):
    return ValueError(
        f"{name} is not a sound sparse matrix: in {X.format.upper()} format, of shape "
        f"{X.shape}, it has {what}. {_ADVICE}"
    )


def _check_compressed(X, name):
    indices, starts = same_indices(X, name)
    major, minor = _blocks_of(X)
    is_block = X.format == "bsr"
    if X.data.ndim != (3 if is_block else 1) or indices.ndim != 1 or starts.ndim != 1:
        raise _refusal(X, name, f"data of {X.data.ndim} dimensions")
    if len(starts) != major + 1:
        raise _refusal(X, name, f"an indptr of length {len(starts)}, not {major + 1}")
    if starts[0] != 0 or np.any(starts[1:] < starts[:-1]):
        raise _refusal(X, name, "an indptr that does not rise from 0")
    n_stored = int(starts[-1])
    if n_stored > min(len(indices), len(X.data)):
        raise _refusal(
            X,
            name,
            f"{len(indices)} indices and {len(X.data)} entries, where its indptr ends "
            f"at {n_stored}",
        )
    lowest, largest, is_canonical = scan_indices(indices[:n_stored], starts)
    if lowest < 0 or largest >= minor:
        k = int(np.argmax((indices < 0) | (indices >= minor)))
        line = int(np.searchsorted(starts, k, side="right")) - 1
        words = ("column", "row") if X.format == "csc" else ("row", "column")
        outer, inner = (f"block {word}" if is_block else word for word in words)
        where = f"in {outer} {line} an entry in {inner} {indices[k]}"
        raise _refusal(X, name, f"{where}, and {inner}s go from 0 to {minor - 1}")
    return is_canonical


def _blocks_of(X):
    """How many rows of blocks and columns of blocks there are; columns first in CSC."""
    n_rows, n_columns = X.shape
    if X.format == "bsr" and X.data.ndim == 3:
        n_rows, n_columns = n_rows // X.data.shape[1], n_columns // X.data.shape[2]
    return (n_columns, n_rows) if X.format == "csc" else (n_rows, n_columns)


def same_indices(X, name="X"):
    """Indices and indptr of a compressed matrix, of the same type of 32 or 64 bits."""
    parts = np.asarray(X.indices), np.asarray(X.indptr)
    dtypes = {part.dtype for part in parts}
    for dtype in dtypes:
        if dtype.kind not in "iu":
            raise _refusal(X, name, f"indices of dtype {dtype}")
    if dtypes not in ({np.dtype(np.int32)}, {np.dtype(np.int64)}):
        parts = (part.astype(np.int64) for part in parts)
    return tuple(np.ascontiguousarray(part) for part in parts)


def _check_coordinates(X, name):
    for word, index, size in zip(("row", "column"), (X.row, X.col), X.shape):
        if len(index) != len(X.data):
            raise _refusal(
                X, name, f"{len(X.data)} entries for {len(index)} {word} indices"
            )
        outside = np.flatnonzero((index < 0) | (index >= size))
        if len(outside):
            raise _refusal(
                X,
                name,
                f"an entry in {word} {index[outside[0]]}, and {word}s go from 0 to "
                f"{size - 1}",
            )
