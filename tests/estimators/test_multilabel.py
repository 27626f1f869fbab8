"""Several labels a row in LinearClassifier, as of scikit-learn's one versus rest."""

import pickle
import re

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier

from sklearn_losses import (
    Asymmetric,
    LinearClassifier,
    LogLoss,
    SGDClassifier,
    SGDMultiTask,
    check_loss,
)

X, Y = make_multilabel_classification(200, 6, n_classes=4, random_state=0)


@pytest.mark.parametrize("n_labels", [2, 4])
def test_each_label_has_the_fit_of_scikit_learn(n_labels):
    model = LinearClassifier(alpha=0.01, tol=1e-11).fit(X, Y[:, :n_labels])
    own = LogisticRegression(C=1 / (0.01 * len(X)), solver="newton-cholesky", tol=1e-10)
    known = OneVsRestClassifier(own).fit(X, Y[:, :n_labels])
    np.testing.assert_allclose(
        model.predict_proba(X), known.predict_proba(X), atol=1e-5
    )
    np.testing.assert_array_equal(model.predict(X), known.predict(X))
    np.testing.assert_array_equal(model.classes_, known.classes_)
    assert model.score(X, Y[:, :n_labels]) == known.score(X, Y[:, :n_labels])
    assert (model.gap_ < 1e-8).all()
    assert model.gap_.shape == (n_labels,)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_it_goes_with_the_tools_of_scikit_learn():
    model = LinearClassifier(alpha=0.01)
    assert cross_val_score(model, X, Y, scoring="roc_auc", cv=3).min() > 0.5
    grid = {"loss": ["hinge", LogLoss(), Asymmetric(LogLoss(), under=2.0)]}
    search = GridSearchCV(model, grid, scoring="f1_macro", cv=3).fit(X, Y)
    assert search.predict(X).shape == Y.shape
    rows = clone(model).fit(sparse.csr_array(X), sparse.csr_array(Y))
    np.testing.assert_array_equal(rows.predict(X), model.fit(X, Y).predict(X))
    lists = clone(model).fit(X, Y.tolist())
    np.testing.assert_array_equal(lists.coef_, model.coef_)
    one = model.fit(X, Y[:, 0])  # and back to one
    assert one.predict(X).shape == (200,)
    assert one.predict_proba(X).shape == (200, 2)


def test_what_it_cannot_use():
    with pytest.raises(ValueError, match=r"CrossEntropy.. with several labels a"):
        LinearClassifier("cross_entropy").fit(X, Y)
    with pytest.raises(ValueError, match="has 2 dicts, and y has 4 labels"):
        LinearClassifier(class_weight=[{0: 1.0}] * 2).fit(X, Y)
    with pytest.raises(ValueError, match="The label 0: class_weight='balanced'"):
        LinearClassifier(class_weight="balanced").fit(X[Y[:, 0] == 1], Y[Y[:, 0] == 1])
    with pytest.raises(ValueError, match="may only be a list, of one for each label"):
        LinearClassifier(class_weight=[{0: 1.0}] * 4).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match=r"must have the shape \(200, 4\)"):
        LinearClassifier().fit(X, Y, offset=np.zeros(200))
    missing, words = np.where(Y, 1.0, np.nan), np.where(Y, "a", "b")
    for other in (2 * Y, 2 * Y - 1, 0.5 * Y, words, missing):
        with pytest.raises(ValueError, match=r"y has 4 columns, and in row . the val"):
            LinearClassifier().fit(X, other)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 3.0}], ids=str)
def test_class_weights_are_those_of_each_label(class_weight):
    model = LinearClassifier(class_weight=class_weight, penalty=None, tol=1e-11)
    model.fit(X, Y)
    own = LogisticRegression(C=np.inf, class_weight=class_weight, tol=1e-10)
    known = OneVsRestClassifier(own.set_params(solver="newton-cholesky")).fit(X, Y)
    np.testing.assert_allclose(
        model.predict_proba(X), known.predict_proba(X), atol=1e-5
    )
    if class_weight != "balanced":
        each = clone(model).set_params(class_weight=[class_weight] * 4).fit(X, Y)
        np.testing.assert_array_equal(each.coef_, model.coef_)


@pytest.mark.parametrize("n_labels", [2, 4])
def test_offsets_move_intercepts(n_labels):
    offset = np.tile(np.arange(n_labels) - 1.0, (len(X), 1))
    plain = LinearClassifier(alpha=0.01, tol=1e-11).fit(X, Y[:, :n_labels])
    model = clone(plain).fit(X, Y[:, :n_labels], offset=offset)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-7)
    np.testing.assert_allclose(model.intercept_, plain.intercept_ - offset[0])
    found = model.predict_proba(X, offset=offset)
    np.testing.assert_allclose(found, plain.predict_proba(X), atol=1e-7)
    with pytest.warns(UserWarning, match="was fitted with an offset"):
        model.predict(X)


def test_factors_of_the_labels():
    loss = Asymmetric(LogLoss(), under=3.0, over=0.5)
    check_loss(loss)
    raw = np.array([-1.0, 2.0])
    for y, factor in ((1.0, 3.0), (0.0, 0.5)):
        expected = factor * LogLoss().value([y, y], raw)
        np.testing.assert_allclose(loss.value([y, y], raw), expected)
    y, weighted = Y[:, 0], np.where(Y[:, 0] == 1, 3.0, 0.5)
    settings = dict(penalty=None, tol=1e-10)
    model = LinearClassifier(loss, **settings).fit(X, y)
    other = LinearClassifier(**settings).fit(X, y, sample_weight=weighted)
    np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-6)
    assert model.gap_ < 1e-8


def test_streams_of_several_labels_are_tasks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    labels = (X @ rng.normal(size=(3, 2)) > 0.0).astype(int)
    with pytest.raises(ValueError, match=r"has 2 columns .* Use SGDMultiTask\('log_"):
        SGDClassifier("log_loss").fit(X, labels)
    with pytest.raises(ValueError, match="takes one label a row"):
        SGDClassifier().partial_fit(X, labels, classes=[0, 1])
    tasks = SGDMultiTask("log_loss").partial_fit(X, labels, classes={"y": [0, 1]})
    assert tasks.predict(X).shape == labels.shape
    assert [p.shape for p in tasks.predict_proba(X)["y"]] == [(200, 2)] * 2


@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_hinge", "exponential"])
def test_labels_that_all_rows_have_or_none(loss):
    same = np.column_stack([Y[:, 0], np.zeros(len(X)), np.ones(len(X))]).astype(int)
    with pytest.warns(UserWarning, match="has the label") as seen:
        model = LinearClassifier(loss, alpha=0.01).fit(X[:60], same[:60])
    said = " ".join(str(each.message) for each in seen)
    assert re.search("No row of y .* the label 1: .* Every row of y .* label 2", said)
    assert "converge" not in said
    np.testing.assert_array_equal(model.predict(X)[:, 1:], same[:, 1:])
    np.testing.assert_allclose(model.coef_[1:], 0.0, atol=1e-30)
    weight = np.where(Y[:, 0] == 1, 1.0, 0.0)
    with pytest.warns(UserWarning, match="Every row of y with a weight above 0"):
        model.fit(X, Y[:, :2], sample_weight=weight)
