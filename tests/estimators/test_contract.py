"""scikit-learn's contract: its own checks, and the places where estimators live."""

import io
import pickle
import subprocess
import sys

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from sklearn_losses import (
    L1,
    L2,
    CrossEntropy,
    Hinge,
    Huber,
    LogLoss,
    ModifiedHuber,
    Momentum,
    Perceptron,
    Poisson,
    Quantile,
    SGDClassifier,
    SGDRegressor,
    SquaredError,
)
from tests.contract import each_check

ESTIMATORS = [
    SGDRegressor(),
    *(
        SGDRegressor(loss=loss)
        for loss in (
            Quantile(0.4),
            Huber(),
            Poisson(),
        )
    ),
    SGDRegressor(loss=Huber(), penalty="elasticnet"),
    SGDRegressor(loss=Huber(), penalty=L1() + 0.5 * L2()),
    SGDClassifier(),
    *(
        SGDClassifier(loss=loss)
        for loss in (
            LogLoss(),
            Perceptron(),
            ModifiedHuber(),
            CrossEntropy(),
        )
    ),
    SGDClassifier(loss=LogLoss(), penalty="l1", n_jobs=2),
    SGDRegressor(learning_rate="invscaling"),
    SGDRegressor(
        loss=Huber(), learning_rate="invscaling", penalty="elasticnet", average=True
    ),
    SGDClassifier(learning_rate="optimal"),
    SGDClassifier(loss=LogLoss(), learning_rate="optimal", penalty="l1", n_jobs=2),
    SGDClassifier(loss=CrossEntropy(), learning_rate="optimal"),
    SGDClassifier(loss=ModifiedHuber(), learning_rate="optimal"),
    SGDRegressor(optimizer="adam", learning_rate="constant", clip_gradient=10.0),
    SGDClassifier(loss=LogLoss(), optimizer=Momentum(0.5), learning_rate="constant"),
]


def known_failures(estimator):
    # The objective is divided by the number of rows, as in scikit-learn's SGD, not by
    # the sum of the weights: a row of weight 2 is one row, and two rows are two. Nor is
    # a step of weight 2 two steps. (Weight 0 does equal removal; see test_sgd.py and
    # test_newton.py.)
    known = {
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    }
    if isinstance(estimator.loss, ModifiedHuber) and estimator.learning_rate != "auto":
        # Its probabilities are 0 or 1 beyond the margin. Where they are so for two
        # classes, as after steps that are too long, the argmax of the probabilities is
        # a tie, that of the decision is not.
        known.add("check_classifiers_train")
    return known


@each_check(ESTIMATORS, known_failures)
def test_scikit_learn_check(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "model",
    [SGDRegressor(), SGDClassifier(loss=ModifiedHuber(), learning_rate="optimal")],
    ids=repr,
)
def test_what_is_not_checked_does_fail(model):
    """And as many checks ran as were counted with scikit-learn 1.9."""
    results = check_estimator(model, on_skip=None, on_fail=None)
    failed = {r["check_name"] for r in results if r["status"] == "failed"}
    assert failed == known_failures(model)
    assert sum(r["status"] in ("passed", "failed") for r in results) >= 60


def regression():
    X, y = load_diabetes(return_X_y=True)
    return X[:150] * 20, (y[:150] - 150) / 80


def classification(n_classes=3):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    return (X - X.mean(axis=0)) / X.std(axis=0), y


@pytest.mark.covering
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.parametrize("library", [pickle, cloudpickle, joblib])
def test_a_fitted_model_survives_pickling(estimator, library):
    X, y = regression() if isinstance(estimator, SGDRegressor) else classification()
    y = np.abs(y)
    model = clone(estimator).set_params(random_state=0, max_iter=5, tol=None)
    model.fit(X, y)
    file = io.BytesIO()
    library.dump(model, file)
    file.seek(0)
    again = library.load(file)
    assert_array_equal(again.predict(X), model.predict(X))
    assert repr(again.loss_) == repr(model.loss_)
    for one in (again, model):
        if one.learning_rate == "auto":
            one.set_params(learning_rate="constant", eta0=1e-3)
    assert_array_equal(again.partial_fit(X, y).coef_, model.partial_fit(X, y).coef_)


def test_a_fitted_model_loads_in_a_fresh_process(tmp_path):
    X, y = classification()
    model = SGDClassifier(loss=CrossEntropy(label_smoothing=0.1), random_state=0)
    joblib.dump((model.fit(X, y), X), tmp_path / "model.joblib")
    code = (
        "import joblib, sys; model, X = joblib.load(sys.argv[1]); "
        "print(model.loss_, model.predict_proba(X).sum())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.joblib")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.startswith("CrossEntropy(label_smoothing=0.1) 150")


def test_loss_parameters_are_nested():
    model = Pipeline([("scale", StandardScaler()), ("sgd", SGDRegressor(loss=Huber()))])
    model.set_params(sgd__loss__delta=0.3)
    assert model.get_params()["sgd__loss__delta"] == 0.3
    copy = clone(model)
    assert copy["sgd"].loss is not model["sgd"].loss
    assert copy["sgd"].loss.delta == 0.3


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search_over_losses_and_their_parameters(backend):
    X, y = regression()
    model = Pipeline(
        [("scale", StandardScaler()), ("sgd", SGDRegressor(random_state=0))]
    )
    grid = [
        {"sgd__loss": [SquaredError(), Quantile(0.5), "huber"]},
        {"sgd__loss": [Huber()], "sgd__loss__delta": [1.345, 0.1]},
    ]
    search = GridSearchCV(
        model, grid, n_jobs=2, cv=3, scoring="neg_mean_absolute_error"
    )
    with joblib.parallel_backend(backend):
        search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.all(np.isfinite(scores))
    assert scores[2] == scores[3]  # "huber" is Huber()
    assert len(set(scores)) == 4
    assert isinstance(
        search.best_estimator_["sgd"].loss_, (Quantile, Huber, SquaredError)
    )


def test_cross_validate_routes_sample_weight():
    X, y = regression()
    weight = np.where(np.arange(len(y)) % 2, 0.0, 1.0)
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            SGDRegressor(loss=Huber(), random_state=0)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True),
        )
        with_weight = cross_validate(
            model, X, y, params={"sample_weight": weight}, cv=3
        )["test_score"]
        without = cross_validate(
            model, X, y, params={"sample_weight": np.ones(len(y))}, cv=3
        )["test_score"]
    assert not np.allclose(with_weight, without)


def test_pandas_columns_and_set_output():
    X, y = classification()
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["kind"] = np.where(X[:, 0] > 0, "big", "small")
    model = make_pipeline(
        ColumnTransformer(
            [
                ("scale", StandardScaler(), ["a", "b", "c", "d"]),
                ("encode", OneHotEncoder(sparse_output=False), ["kind"]),
            ]
        ),
        SGDClassifier(loss=LogLoss(), random_state=0),
    ).set_output(transform="pandas")
    model.fit(frame, y)
    assert "encode__kind_big" in model[-1].feature_names_in_
    assert model.score(frame, y) > 1 / 3


def test_select_from_model_keeps_the_nonzero_columns():
    X, y = regression()
    selector = SelectFromModel(
        SGDRegressor(penalty="l1", alpha=0.1, random_state=0), threshold=1e-10
    ).fit(X, y)
    assert_array_equal(selector.get_support(), selector.estimator_.coef_ != 0)


def test_bagging_with_early_stopping():
    X, y = classification()
    model = BaggingClassifier(
        SGDClassifier(loss=LogLoss(), early_stopping=True), random_state=0
    )
    assert model.fit(X, y).predict_proba(X).shape == (150, 3)


def test_calibration_of_a_loss_without_probabilities():
    X, y = classification()
    model = CalibratedClassifierCV(SGDClassifier(loss=Hinge(), random_state=0))
    assert_allclose(model.fit(X, y).predict_proba(X).sum(axis=1), 1.0)


def test_transformed_target():
    X, y = regression()
    model = TransformedTargetRegressor(
        SGDRegressor(loss=Huber(), random_state=0), transformer=StandardScaler()
    )
    assert np.all(np.isfinite(model.fit(X, 1e4 * y).predict(X)))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_fit_changes_no_parameter(estimator):
    X, y = regression() if isinstance(estimator, SGDRegressor) else classification()
    estimator = clone(estimator)
    before = joblib.hash(estimator.get_params()), estimator.loss
    estimator.fit(X, np.abs(y))
    assert joblib.hash(estimator.get_params()) == before[0]
    assert estimator.loss is before[1]
    assert estimator.loss_ is not estimator.loss


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_html_repr(estimator):
    assert type(estimator).__name__ in estimator._repr_html_()
