"""Sparse matrices whose parts do not fit each other are refused."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from sklearn_losses.design._matrices import scan_indices
from sklearn_losses.design._rows import Rows
from sklearn_losses.design._structure import check_structure

DENSE = np.arange(24.0).reshape(4, 6) % 5
KINDS = {
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_array,
    "bsr": lambda X: sparse.bsr_matrix(X, blocksize=(2, 3)),
    "coo": sparse.coo_array,
    "dia": sparse.dia_matrix,
}


def with_part(kind, part, change, dtype=np.int32):
    """A matrix of one kind, one part of which somebody has changed."""
    X = KINDS[kind](DENSE)
    if kind in ("csr", "csc", "bsr"):
        X.indices, X.indptr = X.indices.astype(dtype), X.indptr.astype(dtype)
    changed = getattr(X, part).copy()
    if callable(change):
        changed = change(changed)
    else:
        place, value = change
        changed[place] = value
    setattr(X, part, changed)
    return X


def cut(part):
    return part[:-1]


BAD = [
    (
        "csr",
        "indices",
        (5, 6),
        "in row 1 an entry in column 6, and columns go from 0 to 5",
    ),
    ("csr", "indices", (0, -1), "in row 0 an entry in column -1"),
    ("csr", "indices", (-1, 1_000_000), "in row 3 an entry in column 1000000"),
    (
        "csc",
        "indices",
        (-1, 4),
        "in column 5 an entry in row 4, and rows go from 0 to 3",
    ),
    ("bsr", "indices", (0, 2), "in block row 0 an entry in block column 2"),
    ("csr", "indices", cut, "indices and 19 entries, where its indptr ends at 19"),
    ("csr", "data", cut, "19 indices and 18 entries"),
    ("csr", "data", np.atleast_2d, "data of 2 dimensions"),
    ("csr", "indptr", cut, "an indptr of length 4, not 5"),
    (
        "csr",
        "indptr",
        (-1, 1000),
        "19 indices and 19 entries, where its indptr ends at 1000",
    ),
    ("csr", "indptr", (1, 10), "an indptr that does not rise from 0"),
    ("csr", "indptr", (0, 1), "an indptr that does not rise from 0"),
    ("csr", "indptr", (0, -1), "an indptr that does not rise from 0"),
    ("csr", "indptr", lambda a: a.astype(float), "indices of dtype float64"),
    ("coo", "row", (3, 4), "an entry in row 4, and rows go from 0 to 3"),
    ("coo", "col", (3, -7), "an entry in column -7"),
    ("coo", "data", cut, "18 entries for 19 row indices"),
    ("dia", "offsets", cut, "7 offsets for 8 diagonals"),
]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(("kind", "part", "change", "message"), BAD)
def test_what_does_not_fit_is_named(kind, part, change, message, dtype):
    X = with_part(kind, part, change, dtype)
    expected = rf"X_val is not a sound sparse matrix: in {kind.upper()} .*{message}"
    with pytest.raises(ValueError, match=expected):
        check_structure(X, "X_val")
    if kind == "csr":
        with pytest.raises(ValueError, match=message):
            Rows(X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(4, 6), (0, 6), (4, 0)])
def test_sound_matrices_pass(kind, shape):
    X = (
        KINDS[kind](np.resize(DENSE, shape))
        if 0 not in shape or kind != "bsr"
        else None
    )
    assert check_structure(X)


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.int32, np.int64, np.uint64])
def test_rows_of_any_integers(dtype):
    X = with_part("csr", "indices", lambda part: part.astype(dtype))
    assert_array_equal(Rows(X).to_dense(), DENSE)


def test_room_that_is_not_used_is_not_looked_at():
    X = sparse.csr_matrix(DENSE)
    X.indices, X.data = np.append(X.indices, 99), np.append(X.data, np.nan)
    assert check_structure(X)


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize(
    "change", [("indices", slice(0, 4), [3, 1, 4, 2]), ("indices", 1, 1)]
)
def test_disorder_and_duplicates_are_seen_whatever_x_claims(change, is_known):
    """scipy keeps what it has found once, and does not see that X is changed."""
    X = sparse.csr_matrix(DENSE)
    if is_known:
        assert X.has_canonical_format
    part, place, value = change
    getattr(X, part)[place] = value
    before = X.data.copy(), X.indices.copy()
    rows = Rows(X)
    assert_array_equal(rows.to_dense(), sparse.csr_matrix(X, copy=True).toarray())
    for i in range(4):
        assert (np.diff(rows.columns[rows.starts[i] : rows.starts[i + 1]]) > 0).all()
    assert_array_equal(X.data, before[0])
    assert_array_equal(X.indices, before[1])


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_scan_of_many(dtype):
    """More than are counted at a time, with empty rows."""
    sizes = np.tile([0, 7, 0, 0, 200, 1], 12_000)
    starts = np.concatenate([[0], sizes.cumsum()]).astype(dtype)
    indices = np.concatenate([np.arange(7), np.arange(50, 250), [9]])
    indices = np.tile(indices, 12_000).astype(dtype)
    assert scan_indices(indices, starts) == (0, 249, True)
    for place in (3, 1 << 20, len(indices) - 2):
        changed = indices.copy()
        changed[place] = changed[place - 1]
        assert scan_indices(changed, starts)[2] == (place in starts)


def test_what_is_not_sparse_is_not_looked_at():
    frame = pd.DataFrame(DENSE, columns=[*"abcde", "format"])
    for X in (DENSE, DENSE.tolist(), frame, sparse.coo_array(DENSE[0])):
        assert check_structure(X)
