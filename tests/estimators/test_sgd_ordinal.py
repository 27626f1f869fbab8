"""SGDOrdinalClassifier: all rows at once, epochs and streams of ordered classes."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone

from sklearn_losses import (
    AllThreshold,
    CrossEntropy,
    CumulativeLogit,
    CumulativeProbit,
    Hinge,
    ImmediateThreshold,
    LinearOrdinalClassifier,
    SGDOrdinalClassifier,
)
from tests.contract import each_check

RNG = np.random.default_rng(0)
N, D = 600, 3
Z = RNG.normal(size=(N, D))
X = Z * [1e-3, 1.0, 1e3] + [0.0, 5.0, 300.0]
Y = np.searchsorted([-1.5, 0.0, 2.0], Z @ [1.0, -1.0, 0.5] + RNG.logistic(size=N))
LOSSES = [CumulativeLogit(), CumulativeProbit(), AllThreshold(Hinge())]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=str)


def mean_loss(model, loss, rows=X, y=Y):
    return loss.mean(*model._targets_and_outputs(rows, y, loss, None))


def missed(model, loss, rows=X, y=Y):
    best = mean_loss(LinearOrdinalClassifier(loss).fit(rows, y), loss, rows, y)
    constant = np.tile(loss.optimal_constant(y), (len(y), 1))
    constant = loss.mean(y.astype(float), constant)
    return (mean_loss(model, loss, rows, y) - best) / (constant - best)


@each_loss
def test_fit_is_that_of_the_linear_model(loss):
    model = SGDOrdinalClassifier(loss).fit(X, Y)
    assert missed(model, loss) < 1e-3
    of_csr = clone(model).fit(sparse.csr_array(X), Y)
    np.testing.assert_allclose(of_csr.thresholds_, model.thresholds_, rtol=1e-3)


@each_loss
def test_a_stream_ends_near_the_fit(loss):
    model = SGDOrdinalClassifier(loss, categories=[0, 1, 2, 3])
    for i in range(0, N, 50):
        model.partial_fit(X[i : i + 50], Y[i : i + 50])
        model = pickle.loads(pickle.dumps(model)) if i == 100 else model
    assert missed(model, loss) < 0.02
    assert (np.diff(model.thresholds_) >= 0).all()


def test_classes_that_come_late_have_their_place():
    order = np.argsort(Y, kind="stable")
    model = SGDOrdinalClassifier()
    for i in range(0, N, 20):
        rows = order[i : i + 20]
        model.partial_fit(X[rows], Y[rows], classes=[0, 1, 2, 3])
        assert np.isfinite(model.predict_proba(X)).all()
        assert (np.diff(model.thresholds_) > 0).all()
    with pytest.raises(ValueError, match="not the same as in the first"):
        model.partial_fit(X, Y, classes=[3, 2, 1, 0])


@each_loss
@pytest.mark.parametrize(
    "kwargs", [{}, {"batch_size": 16}, {"optimizer": "adam"}, {"average": 50}], ids=str
)
def test_epochs_keep_thresholds_in_order(loss, kwargs):
    steps = {"learning_rate": "invscaling", "eta0": 0.05, "random_state": 0} | kwargs
    model = SGDOrdinalClassifier(loss, **steps).fit(Z, Y)
    assert (np.diff(model.thresholds_) > 0).all()
    assert missed(model, loss, Z) < 0.1


def test_thresholds_that_would_cross_are_one():
    loss = ImmediateThreshold()
    y = np.searchsorted([-0.1, 0.0, 3.0], Z @ [1.0, -1.0, 0.5] + RNG.logistic(size=N))
    stream = SGDOrdinalClassifier(loss, categories=[0, 1, 2, 3]).partial_fit(Z, y)
    best = LinearOrdinalClassifier(loss).fit(Z, y)
    np.testing.assert_allclose(stream.thresholds_, best.thresholds_, atol=0.02)
    np.testing.assert_allclose(stream.coef_, best.coef_, atol=0.02)


def test_it_predicts_as_the_linear_model_does():
    names = np.array(["poor", "fair", "good", "best"])
    for target in ("mode", "median", "mean"):
        kwargs = {"categories": list(names), "target": target}
        model = SGDOrdinalClassifier(**kwargs, tol=1e-10).fit(X, names[Y])
        best = LinearOrdinalClassifier(**kwargs).fit(X, names[Y])
        assert (model.predict(X) == best.predict(X)).mean() > 0.99
    np.testing.assert_allclose(model.predict_proba(X), best.predict_proba(X), atol=1e-4)
    y = pd.Series(pd.Categorical(names[Y], names, ordered=True))
    assert list(SGDOrdinalClassifier().fit(X, y).classes_) == list(names)
    stream = SGDOrdinalClassifier().partial_fit(X, y)
    assert list(stream.classes_) == list(names)


def test_class_weights_are_those_of_the_linear_model():
    kwargs = {"class_weight": "balanced", "penalty": None}
    model = SGDOrdinalClassifier(**kwargs, tol=1e-10).fit(Z, Y)
    best = LinearOrdinalClassifier(**kwargs).fit(Z, Y)
    np.testing.assert_allclose(model.thresholds_, best.thresholds_, rtol=1e-4)
    with pytest.raises(ValueError, match="must be a dict or None for partial_fit"):
        SGDOrdinalClassifier(**kwargs).partial_fit(Z, Y, classes=[0, 1, 2, 3])


def test_it_goes_on_and_is_watched():
    steps = {"learning_rate": "invscaling", "shuffle": False, "tol": None}
    model = SGDOrdinalClassifier(max_iter=2, **steps).fit(Z, Y)
    other = SGDOrdinalClassifier(**steps)
    for _ in range(2):
        other.partial_fit(Z, Y, classes=[0, 1, 2, 3])
    np.testing.assert_allclose(other.thresholds_, model.thresholds_, rtol=1e-9)
    model = SGDOrdinalClassifier(early_stopping=True, random_state=0).fit(Z, Y)
    assert len(model.validation_loss_curve_) > 1
    model.set_params(early_stopping=False).coef_ = 3.0 * model.coef_
    for i in range(0, N, 100):
        model.partial_fit(Z[i : i + 100], Y[i : i + 100])
    assert missed(model, CumulativeLogit(), Z) < 0.1
    offset = Z[:, 0]
    plain = SGDOrdinalClassifier(penalty=None).fit(Z, Y)
    moved = SGDOrdinalClassifier(penalty=None).fit(Z, Y, offset=offset)
    np.testing.assert_allclose(plain.coef_ - moved.coef_, [[1, 0, 0]], atol=1e-2)


def test_what_cannot_be_used_is_said():
    with pytest.raises(ValueError, match="one class"):
        SGDOrdinalClassifier().fit(X, np.zeros(N))
    with pytest.raises(ValueError, match="The first call of partial_fit needs"):
        SGDOrdinalClassifier().partial_fit(X, Y)
    with pytest.raises(ValueError, match="not among categories"):
        SGDOrdinalClassifier(categories=[0, 1, 2]).partial_fit(X, Y)
    with pytest.raises(ValueError, match="no intercept beside its thresholds"):
        SGDOrdinalClassifier().fit(X, Y, intercept_init=[0.0])
    with pytest.raises(ValueError, match="has the label 3, which no row of y"):
        SGDOrdinalClassifier(categories=[0, 1, 2, 3]).fit(
            X[Y < 3], Y[Y < 3], X_val=X, y_val=Y
        )
    with pytest.raises(ValueError, match="cannot use loss="):
        SGDOrdinalClassifier(CrossEntropy()).fit(X, Y)
    with pytest.raises(ValueError, match="several outputs"):
        SGDOrdinalClassifier(AllThreshold(Hinge()), learning_rate="pa1").fit(X, Y)
    with pytest.warns(UserWarning, match="alphabetical order"):
        SGDOrdinalClassifier().fit(X, np.array(["low", "mid", "top"])[Y % 3])


@each_check(
    [SGDOrdinalClassifier(), SGDOrdinalClassifier(learning_rate="invscaling")],
    lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "the mean is over rows",
        "check_sample_weight_equivalence_on_sparse_data": "the mean is over rows",
    },
)
def test_scikit_learn_contract(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)


def test_a_stream_of_hinges_keeps_thresholds_in_order():
    """Constants out of order may cost less than any model in order."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 4))
    latent = rows @ [0.7, -0.35, 0.2, 0.0] + rng.logistic(size=600)
    y = np.digitize(latent, [0.0, 0.1, 2.5])
    loss = ImmediateThreshold(Hinge())
    known = LinearOrdinalClassifier(loss).fit(rows, y)
    stream = SGDOrdinalClassifier(loss)
    for k in range(0, 600, 100):
        chunk = slice(k, k + 100)
        stream.partial_fit(rows[chunk], y[chunk], classes=range(4))
    assert (np.diff(stream.thresholds_) > 0).all()
    raw = np.column_stack(
        [rows @ stream.coef_[0], np.tile(stream.thresholds_, (600, 1))]
    )
    assert loss.mean(y, raw) < 1.01 * known.objective_
