"""Predictions: the same from a cache and from memory, in one block and in many."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_losses import (
    LinearClassifier,
    LinearRegressor,
    Poisson,
    SGDClassifier,
    SGDRegressor,
    standard_errors,
)
from sklearn_losses.estimators import _linear_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
LABELS = np.array(["a", "b", "c"])[
    (X[:, :3] + RNG.normal(size=(200, 3))).argmax(axis=1)
]

INPUTS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "float32": np.float32,
    "integers": lambda X: (8 * X).astype(np.int64),
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
}


@pytest.fixture(params=["cached", "streamed"], autouse=True)
def kernels(request, monkeypatch):
    """Once as small data are, once as if they were large."""
    if request.param == "streamed":
        monkeypatch.setattr(_linear_model, "_STREAMED", 0)
        monkeypatch.setattr(_linear_model, "_BLOCK", 7)


def dense(X):
    return X.toarray() if sparse.issparse(X) else X


@pytest.mark.parametrize("labels", ["ab", "abc"])
@pytest.mark.parametrize("kind", INPUTS)
def test_raw_predictions_and_labels(kind, labels):
    of_these = np.isin(LABELS, list(labels))
    given, y = INPUTS[kind](X[of_these]), LABELS[of_these]
    model = SGDClassifier(random_state=0, max_iter=5, tol=None).fit(given, y)
    expected = dense(given).astype(np.float64) @ model.coef_.T + model.intercept_
    raw = model.decision_function(given)
    tolerance = (1e-5 if kind == "float32" else 1e-12) * np.abs(expected).max()
    assert_allclose(raw.reshape(expected.shape), expected, rtol=0, atol=tolerance)
    assert raw.dtype == (np.float32 if kind == "float32" else np.float64)
    best = expected.argmax(axis=1) if len(labels) > 2 else expected[:, 0] > 0
    expected_labels = model.classes_[best.astype(int)]
    assert_array_equal(model.predict(given), expected_labels)
    assert_array_equal(model.sparsify().predict(given), expected_labels)


@pytest.mark.parametrize(
    "dtype", ["int64", "float64", ">i8", "uint64", "int32", "bool", "object", "U3"]
)
@pytest.mark.parametrize("kind", ["rows", "float32", "longdouble"])
def test_two_labels_of_any_type(dtype, kind):
    given = X.astype({"rows": np.float64}.get(kind, kind))
    two = np.array(["a", "b"]) if dtype == "object" else np.array([0, 1])
    labels = two.astype(dtype)[(X[:, 0] > 0.3).astype(int)]
    model = SGDClassifier(random_state=0, max_iter=5, tol=None).fit(given, labels)
    is_second = X @ model.coef_[0].astype(np.float64) + model.intercept_[0] > 0
    predicted = model.predict(given)
    assert predicted.dtype == model.classes_.dtype
    assert set(is_second) == {False, True}
    for label, second in zip(predicted, is_second):
        assert label == model.classes_[int(second)]


@pytest.mark.parametrize("kind", INPUTS)
def test_means(kind):
    given, y = INPUTS[kind](X), np.abs(X[:, 0])
    model = SGDRegressor(loss=Poisson(), random_state=0, eta0=1e-3).fit(given, y)
    expected = np.exp(dense(given) @ model.coef_.astype(float) + model.intercept_)
    assert_allclose(model.predict(given), expected, rtol=1e-5)


@pytest.mark.parametrize("labels", ["ab", "abc"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("coef", [1.0, 0.0])
def test_entries_that_are_not_finite(labels, bad, coef):
    of_these = np.isin(LABELS, list(labels))
    model = SGDClassifier(random_state=0).fit(X[of_these], LABELS[of_these])
    model.coef_[:, 3] = coef
    wrong = X.copy()
    wrong[-1, 3] = bad
    for method in (model.predict, model.decision_function):
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            method(wrong)


def test_large_raw_predictions_are_no_error():
    model = SGDRegressor(random_state=0).fit(X, X[:, 0])
    model.coef_[:] = 1e200  # the square is not finite
    assert_allclose(model.predict(X), 1e200 * X.sum(axis=1), rtol=1e-9)


def sparse_with_index_7():
    coef = sparse.csr_array(np.ones((1, 4)))
    coef.indices[3] = 7
    return coef


EDITS = [
    ("coef_", np.ones(4), r"of shape \(4,\), and must be of shape \(3, n_features\)"),
    ("coef_", np.ones((2, 4)), r"of shape \(2, 4\), and must be of shape \(3,"),
    ("coef_", np.ones((3, 2)), "X has 4 features, and coef_ .* has 2"),
    ("coef_", np.full((3, 4), np.nan), "attribute coef_ .* is not finite"),
    ("coef_", np.full((3, 4), "1"), "coef_ .* of dtype <U1, and must be of real"),
    ("coef_", [[1.0] * 4] * 3, "coef_ of SGDClassifier is a list"),
    ("coef_", sparse_with_index_7(), "coef_ is not a sound sparse matrix"),
    (
        "intercept_",
        np.ones(2),
        r"intercept_ .* of shape \(2,\), and must be of shape \(3,\)",
    ),
    ("intercept_", None, "intercept_ of SGDClassifier is of dtype object"),
    ("classes_", [0, 1], r"coef_ .* of shape \(3, 4\), and must be of shape \(1,"),
    (
        "classes_",
        np.arange(4),
        r"coef_ .* of shape \(3, 4\), and must be of shape \(4,",
    ),
    ("classes_", np.array([[0, 1, 2]]), "classes_ .* a list of two labels or more"),
    ("intercept_", "gone", "intercept_ of SGDClassifier is missing"),
    ("classes_", "gone", "classes_ of SGDClassifier is missing"),
]


@pytest.mark.parametrize("use", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize(("name", "value", "message"), EDITS)
def test_fitted_attributes_that_do_not_fit_each_other(name, value, message, use):
    X = np.random.default_rng(0).normal(size=(30, 4))
    model = SGDClassifier("log_loss").fit(X, np.arange(30) % 3)
    if isinstance(value, str):
        delattr(model, name)
    else:
        setattr(model, name, value)
    with pytest.raises(ValueError, match=message):
        getattr(model, use)(X)


def test_standard_errors_of_other_data_than_that_of_the_fit():
    X = np.random.default_rng(0).normal(size=(30, 4))
    model = LinearClassifier(penalty=None, solver="lbfgs").fit(X, np.arange(30) % 2)
    for other, y in ((X[:, :3], np.arange(30) % 2), (X, np.arange(30) % 3)):
        with pytest.raises(
            ValueError, match="standard_errors needs X and y of the fit"
        ):
            standard_errors(model, other, y)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("n_classes", [None, 2, 3])
def test_no_rows_have_no_predictions(form, n_classes):
    X = np.random.default_rng(0).normal(size=(30, 2))
    if n_classes is None:
        models, y = [LinearRegressor(), SGDRegressor("poisson")], np.abs(X[:, 0])
    else:
        models, y = [LinearClassifier(), SGDClassifier("log_loss")], np.arange(30)
        y = np.array(["a", "b", "c"])[y % n_classes]
    for model in models:
        model.fit(X, y)
        for name in ("predict", "predict_proba", "decision_function"):
            if hasattr(model, name):
                found, some = (getattr(model, name)(form(X[:n])) for n in (0, 3))
                assert found.shape == (0, *some.shape[1:])
                assert found.dtype.kind == some.dtype.kind


class Collection:
    """What a dask array looks like to those who have no dask."""

    shape, ndim = (30, 2), 2

    def __dask_graph__(self):
        """Where its blocks are."""

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("gathered")


@pytest.mark.parametrize(
    "model", [LinearRegressor(), LinearClassifier(), SGDRegressor(), SGDClassifier()]
)
def test_collections_of_blocks_are_not_gathered(model):
    X = np.random.default_rng(0).normal(size=(30, 2))
    y = (X[:, 0] > 0).astype(float)
    blocks = Collection()
    for rows, targets in [(blocks, y), (X, blocks)]:
        with pytest.raises(TypeError, match="a dask collection"):
            model.fit(rows, targets)
    model.fit(X, y)
    for rows, targets in [(blocks, y), (X, blocks)]:
        with pytest.raises(TypeError, match=r"as a dask collection, and [Xy]"):
            model.score(rows, targets)


@pytest.mark.parametrize("cls", [LinearRegressor, SGDRegressor])
def test_masked_arrays_are_refused(cls):
    """Their hidden numbers would be learned from."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    hidden = np.arange(20) == 3
    whole = cls().fit(np.ma.masked_array(X), np.ma.masked_array(y))
    with pytest.raises(ValueError, match=r"X\[3, 0\] is masked"):
        cls().fit(np.ma.masked_array(X, hidden[:, None] & [True, True]), y)
    with pytest.raises(ValueError, match=r"y\[3\] is masked"):
        cls().fit(X, np.ma.masked_array(y, hidden))
    with pytest.raises(ValueError, match=r"sample_weight\[3\] is masked"):
        cls().fit(X, y, sample_weight=np.ma.masked_array(y * y, hidden))
    with pytest.raises(ValueError, match=r"offset\[3\] is masked"):
        cls().fit(X, y, offset=np.ma.masked_array(y, hidden))
    with pytest.raises(ValueError, match=r"X\[3, 1\] is masked"):
        whole.predict(np.ma.masked_array(X, hidden[:, None] & [False, True]))


@pytest.mark.parametrize("loss", ["log_loss", "cross_entropy"])
def test_raw_predictions_that_overflow(loss):
    model = LinearClassifier(loss).fit(X, LABELS)
    far = 1.7e308 * np.array([np.zeros(5), np.sign(model.coef_[0])])
    with pytest.warns(UserWarning, match="for 1 of 2 rows, first for row 1"):
        model.decision_function(far)
    with pytest.warns(UserWarning, match="for 1 of 2 rows, first for row 1"):
        model.predict(far)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.decision_function(X)
