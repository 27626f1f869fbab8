"""Labels: the classes and their indices, of integers as of everything else."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_losses.estimators._validation import classes_of, encode_labels

INTEGERS = ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"]


def labels(dtype, low, high, n=600):
    """Random ones between two numbers, of which the least and the largest occur."""
    drawn = np.random.default_rng(0).integers(0, high - low, n, endpoint=True)
    drawn[:2] = 0, high - low
    return np.array([low + int(x) for x in drawn], dtype=dtype)


def check(y):
    classes = classes_of(y)
    assert_array_equal(classes, np.unique(y), strict=True)
    codes = encode_labels(y, classes)
    assert_array_equal(codes, np.searchsorted(classes, y).astype(float), strict=True)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("width", [1, 2, 50, 255])
def test_integers(dtype, width):
    ends = np.iinfo(dtype)
    for low in (ends.min, max(ends.min, -1), int(ends.max) - width):
        if low + width <= ends.max:
            check(labels(dtype, int(low), int(low) + width))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint64"])
def test_integers_far_apart(dtype):
    ends = np.iinfo(dtype)
    check(np.array([ends.min, ends.max, 7, 7], dtype=dtype))


@pytest.mark.parametrize("y", [[1.0, -2.0], ["b", "a"], [True, False], [2.0, 2.0]])
def test_other_labels(y):
    check(np.array(y * 3))


@pytest.mark.parametrize("wrong", [-1, 1, 3, 100])
def test_a_label_that_is_no_class(wrong):
    y = np.array([0, 2, 0, wrong, 2])
    with pytest.raises(ValueError, match=rf"the label {wrong} \(at index 3\)"):
        encode_labels(y, np.array([0, 2]))
