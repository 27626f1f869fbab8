"""What comes in: labels, integers as all others, and a large X that is not finite."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone

from sklearn_losses import Cauchy, Huber, SGDClassifier, SGDRegressor
from sklearn_losses.estimators import _validation
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


N, D = 300, 20
BINARY, MULTICLASS = np.arange(N) % 2, np.arange(N) % 3
SGD_FITS = [
    (SGDClassifier(loss, learning_rate=rate, eta0=0.01, max_iter=3, tol=None), y)
    for loss, y in (
        ("hinge", BINARY),
        ("log_loss", MULTICLASS),
        ("cross_entropy", MULTICLASS),
    )
    for rate in ("auto", "optimal", "adaptive")
] + [
    (SGDClassifier(learning_rate="optimal", penalty="l1"), BINARY),
    (SGDClassifier(learning_rate="optimal", average=True), MULTICLASS),
    (SGDClassifier(learning_rate="optimal", batch_size=16), BINARY),
    (SGDClassifier("log_loss", optimizer="adam", eta0=0.01), MULTICLASS),
    (SGDClassifier("log_loss", early_stopping=True), BINARY),
    (SGDRegressor(Cauchy()), BINARY - 0.5),
    (SGDRegressor(Huber(scale="mad")), BINARY + np.sin(np.arange(N))),
    (SGDRegressor(), np.ones(N)),
]


@pytest.mark.covering
@pytest.mark.parametrize(("model", "y"), SGD_FITS, ids=lambda p: repr(p)[:80])
@pytest.mark.parametrize("kind", [np.array, np.asfortranarray, sparse.csr_array])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(0, 0), (N - 1, D - 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_fits_see_that_x_is_not_finite(
    model, y, kind, bad, place, weighted, monkeypatch
):
    """A large X is not read before the fit, which may not even look at each row."""
    monkeypatch.setattr(_validation, "LARGE", 0)
    X = np.random.default_rng(0).normal(size=(N, D))
    X[place] = bad
    weight = (np.arange(N) % 7 > 0).astype(float) if weighted else None
    model = clone(model)
    with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
        model.fit(kind(X), y, sample_weight=weight)
    assert not hasattr(model, "coef_")
    if not model.early_stopping:
        some = {"classes": np.unique(y)} if isinstance(model, SGDClassifier) else {}
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            model.partial_fit(kind(X), y, sample_weight=weight, **some)
