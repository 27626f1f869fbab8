"""What comes in: labels, integers as all others, and a large X that is not finite."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone

from sklearn_losses import (
    Cauchy,
    Huber,
    LinearClassifier,
    LinearRegressor,
    SGDClassifier,
    SGDRegressor,
    alpha_max,
    get_loss,
    loss_scorer,
    regularization_path,
    standard_errors,
)
from sklearn_losses.estimators import _validation
from sklearn_losses.estimators._labels import (
    classes_and_codes,
    classes_of,
    encode_labels,
)

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
    both = classes_and_codes(y)
    assert_array_equal(both[0], classes)
    assert_array_equal(both[1], codes)
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


CSR = sparse.random(60, 9, density=0.5, format="csr", random_state=0)
SIGNS = np.arange(60) % 2
REGRESSOR = LinearRegressor("huber", penalty=None).fit(CSR, SIGNS)
CLASSIFIER = SGDClassifier().fit(CSR, SIGNS)
USES = {
    "SGDRegressor.fit": lambda X, y: SGDRegressor().fit(X, y),
    "schedule": lambda X, y: SGDClassifier(learning_rate="optimal").fit(X, y),
    "SGDClassifier.partial_fit": lambda X, y: SGDClassifier().partial_fit(X, y, [0, 1]),
    "LinearRegressor.fit": lambda X, y: LinearRegressor("huber").fit(X, y),
    "LinearClassifier.fit": lambda X, y: LinearClassifier().fit(X, y),
    "X_val": lambda X, y: SGDClassifier().fit(CSR, SIGNS, X_val=X, y_val=y),
    "regressor.predict": lambda X, y: REGRESSOR.predict(X),
    "raw_prediction": lambda X, y: REGRESSOR.raw_prediction(X),
    "score": lambda X, y: REGRESSOR.score(X, y),
    "classifier.predict": lambda X, y: CLASSIFIER.predict(X),
    "decision_function": lambda X, y: CLASSIFIER.decision_function(X),
    "loss_scorer": lambda X, y: loss_scorer(Huber())(REGRESSOR, X, y),
    "standard_errors": lambda X, y: standard_errors(REGRESSOR, X, y),
    "alpha_max": lambda X, y: alpha_max(LinearRegressor(penalty="l1"), X, y),
    "path": lambda X, y: regularization_path(LinearRegressor(), X, y, [0.1]),
}


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo", "lil"])
@pytest.mark.parametrize("use", USES)
def test_sparse_x_that_does_not_fit_its_shape_is_refused(use, kind):
    X = CSR.copy().asformat(kind)
    if kind == "lil":
        X.rows[7][0] = 1_000_000
    elif kind == "coo":
        X.col[7] = 9
    else:
        X.indices[7] = 60
    with pytest.raises(ValueError, match=r"X(_val)? is not a sound sparse matrix"):
        USES[use](X, SIGNS)


def objects(*labels):
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    return array


MIXED = [
    (["a", 0, "b", "a"], r"the int 0 \(at index 1\) among strings"),
    (("a", "b", None, "a"), r"the NoneType None \(at index 2\) among strings"),
    (objects("a", None, "b", "a"), r"the NoneType None \(at index 1\) among strings"),
    (objects(0, 1, 0, 1), r"the int 0 \(at index 0\) as an object"),
    (objects(True, "a", True, "a"), r"the bool True \(at index 0\) among strings"),
    (objects((1, 2), (2,), (1, 2), (2,)), r"the tuple \(1, 2\) .* as an object"),
]


@pytest.mark.parametrize(("y", "message"), MIXED)
@pytest.mark.parametrize("estimator", [SGDClassifier, LinearClassifier])
def test_labels_of_several_kinds_are_named(estimator, y, message):
    X = np.arange(8.0).reshape(4, 2)
    with pytest.raises(ValueError, match=f"Unknown label type: y has {message}"):
        estimator().fit(X, y)
    if estimator is SGDClassifier:
        with pytest.raises(ValueError, match=f"type: classes has {message}"):
            estimator().partial_fit(X, [1, 2, 1, 2], classes=y)
        model = estimator().fit(X, ["a", "b", "a", "b"])
        with pytest.raises(ValueError, match="type: y has"):
            model.partial_fit(X, y)
        if isinstance(y, np.ndarray):
            with pytest.raises(ValueError, match=f"type: y_val has {message}"):
                model.fit(X, ["a", "b", "a", "b"], X_val=X, y_val=y)


def test_objects_that_are_all_strings():
    X, y = np.arange(8.0).reshape(4, 2), objects("a", "b", "a", "b")
    assert_array_equal(SGDClassifier().fit(X, y).classes_, ["a", "b"])


REGRESSION_NAMES = (
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
)


@pytest.mark.parametrize("name", REGRESSION_NAMES)
def test_a_name_means_the_same_everywhere(name):
    y = BINARY + np.sin(np.arange(N))
    X = np.random.default_rng(0).normal(size=(N, D))
    for model in (SGDRegressor, LinearRegressor):
        assert repr(model(name).fit(X, y).loss_) == repr(get_loss(name))
    named, given = (
        SGDClassifier(loss).fit(X, MULTICLASS) for loss in (name, get_loss(name))
    )
    assert repr(named.loss_) == repr(get_loss(name))
    assert_array_equal(named.coef_, given.coef_)


def test_epsilon_that_is_given_is_that_of_scikit_learn():
    X = np.random.default_rng(0).normal(size=(N, D))
    model = SGDRegressor("huber", epsilon=0.1).fit(X, X[:, 0])
    assert model.loss_.delta == 0.1


@pytest.mark.parametrize("rate", ["auto", "invscaling"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "losses", [("log_loss", "cross_entropy"), ("cross_entropy", "log_loss")]
)
def test_partial_fit_goes_on_with_a_loss_of_another_structure(losses, n_classes, rate):
    """From the coefficients, which both have, as if somebody had set them."""
    X, y = np.random.default_rng(0).normal(size=(N, D)), np.arange(N) % n_classes
    model = SGDClassifier(losses[0], learning_rate=rate, average=True, random_state=0)
    model.partial_fit(X, y, classes=range(n_classes)).set_params(loss=losses[1])
    filled = clone(model)
    for name in ("coef_", "intercept_", "classes_", "t_"):
        setattr(filled, name, getattr(model, name))
    assert_array_equal(model.partial_fit(X, y).coef_, filled.partial_fit(X, y).coef_)
    assert repr(model.loss_) == repr(get_loss(losses[1]))


def test_a_hidden_state_that_was_cut_is_refused():
    X = np.random.default_rng(0).normal(size=(N, D))
    model = SGDRegressor(learning_rate="invscaling").partial_fit(X, X[:, 0])
    model._state["scale"] = model._state["scale"][:0]
    with pytest.raises(ValueError, match="the attribute _state was changed"):
        model.partial_fit(X, X[:, 0])
    del model._state
    model.partial_fit(X, X[:, 0])


def test_classes_that_were_changed_are_refused():
    X = np.random.default_rng(0).normal(size=(N, D))
    model = SGDClassifier().partial_fit(X, BINARY, classes=[0, 1])
    model.classes_ = model.classes_[::-1]
    with pytest.raises(
        ValueError, match=r"classes_ .* is \[1, 0\], and must be sorted"
    ):
        model.partial_fit(X, BINARY)
