"""With the same settings and shuffle=False the result is scikit-learn's.

Not compared is what is chaotic, where the last bit of a dot product decides: steps so
large that the fit diverges, as learning_rate="optimal" makes with small alpha.
"""

import itertools
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

import sklearn_losses

PENALTIES = ("l2", "l1", "elasticnet", None)
SCHEDULES = ("constant", "optimal", "invscaling", "adaptive", "pa1", "pa2")
AVERAGES = (False, True, 10)
REGRESSION = (
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
)
CLASSIFICATION = (
    "hinge",
    "log_loss",
    "modified_huber",
    "squared_hinge",
    "perceptron",
    *REGRESSION,
)


def standardized(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def data(name):
    if name == "SGDRegressor":
        X, y = standardized(load_diabetes)
        return X, (y - y.mean()) / y.std()
    X, y = standardized(load_breast_cancer)
    return X[:200], y[:200]


def fitted(module, name, X, y, **parameters):
    parameters = {"epsilon": 0.1} | parameters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return getattr(module, name)(shuffle=False, random_state=0, **parameters).fit(
            X, y
        )


def assert_same(one, other, rtol=1e-10):
    assert one.n_iter_ == other.n_iter_
    assert one.t_ == other.t_
    size = max(1.0, np.abs(one.coef_).max())
    assert_allclose(one.coef_, other.coef_, rtol=0, atol=rtol * size)
    assert_allclose(one.intercept_, other.intercept_, rtol=0, atol=rtol * size)


CASES = [
    pytest.param(name, loss, schedule, id=f"{name}-{loss}-{schedule}")
    for name, losses, pa_loss in (
        ("SGDRegressor", REGRESSION, "epsilon_insensitive"),
        ("SGDClassifier", CLASSIFICATION, "hinge"),
    )
    for loss, schedule in itertools.product(losses, SCHEDULES)
    if schedule not in ("pa1", "pa2") or loss == pa_loss
]


def grid(loss, schedule):
    """Penalties, averages and strengths with which nothing diverges."""
    alphas = (1e-4, 1e-2)
    if schedule == "optimal":
        # Its first step is alpha ** -0.25. The rows have norms of 3 to 15, and a loss
        # with curvature diverges on them unless alpha is large.
        curved = (*REGRESSION, "squared_hinge")
        alphas = (10.0, 100.0) if loss in curved else (1e-2, 0.1)
    return itertools.product(PENALTIES, AVERAGES, alphas)


@pytest.mark.parametrize(("name", "loss", "schedule"), CASES)
def test_equals_scikit_learn_after_some_epochs(name, loss, schedule):
    X, y = data(name)
    for penalty, average, alpha in grid(loss, schedule):
        parameters = dict(
            loss=loss,
            learning_rate=schedule,
            penalty=penalty,
            average=average,
            alpha=alpha,
            max_iter=7,
            tol=None,
        )
        reference = fitted(linear_model, name, X, y, **parameters)
        assert np.abs(reference.coef_).max() < 100, "diverged: choose another alpha"
        assert_same(fitted(sklearn_losses, name, X, y, **parameters), reference)


@pytest.mark.parametrize(("name", "loss", "schedule"), CASES)
def test_stops_with_scikit_learn(name, loss, schedule):
    """The epoch of the stop is the same, and all before it are.

    Not with an l1 norm where alpha is so large that it decides the objective:
    scikit-learn then takes the norm from before the truncation of the last step.
    """
    X, y = data(name)
    for penalty, average, alpha in grid(loss, schedule):
        if penalty in ("l1", "elasticnet") and alpha > 1e-3:
            continue
        parameters = dict(
            loss=loss,
            learning_rate=schedule,
            penalty=penalty,
            average=average,
            alpha=alpha,
            max_iter=60,
        )
        reference = fitted(linear_model, name, X, y, **parameters)
        assert_same(fitted(sklearn_losses, name, X, y, **parameters), reference)


@pytest.mark.parametrize("loss", CLASSIFICATION)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_one_versus_rest_equals_scikit_learn(loss, penalty):
    X, y = standardized(load_iris)
    parameters = dict(
        loss=loss, learning_rate="invscaling", penalty=penalty, max_iter=30
    )
    assert_same(
        fitted(sklearn_losses, "SGDClassifier", X, y, **parameters),
        fitted(linear_model, "SGDClassifier", X, y, **parameters),
    )


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.5, 1: 3.0}])
def test_class_and_sample_weights_equal_scikit_learn(load, class_weight):
    X, y = standardized(load)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    # tol=None: scikit-learn's criterion ignores the weights.
    parameters = dict(
        loss="log_loss",
        learning_rate="constant",
        class_weight=class_weight,
        max_iter=5,
        tol=None,
        shuffle=False,
    )
    reference = linear_model.SGDClassifier(**parameters).fit(X, y, sample_weight=weight)
    ours = sklearn_losses.SGDClassifier(**parameters).fit(X, y, sample_weight=weight)
    assert_same(ours, reference)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_start_and_warm_start_equal_scikit_learn(fit_intercept):
    """An intercept that is given and not fitted is an offset."""
    X, y = data("SGDRegressor")
    models = []
    for module in (linear_model, sklearn_losses):
        model = module.SGDRegressor(
            fit_intercept=fit_intercept,
            shuffle=False,
            warm_start=True,
            max_iter=3,
            tol=None,
            learning_rate="invscaling",
        )
        model.fit(X, y, coef_init=np.ones(X.shape[1]), intercept_init=[2.0])
        models.append(model.fit(X, y))
    assert_same(models[1], models[0])


def test_an_intercept_that_is_given_and_not_fitted_is_an_offset_of_auto_too():
    X, y = data("SGDRegressor")
    model = sklearn_losses.SGDRegressor(fit_intercept=False, tol=1e-10)
    model.fit(X, y, intercept_init=[2.0])
    assert model.intercept_ == 2.0
    known = linear_model.Ridge(alpha=len(y) * model.alpha, fit_intercept=False)
    assert_allclose(model.coef_, known.fit(X, y - 2.0).coef_, rtol=1e-6)


def test_partial_fit_equals_scikit_learn():
    X, y = data("SGDClassifier")
    models = []
    for module in (linear_model, sklearn_losses):
        model = module.SGDClassifier(
            loss="log_loss", shuffle=False, learning_rate="optimal"
        )
        for start in range(0, 200, 60):
            chunk = slice(start, start + 60)
            model.partial_fit(X[chunk], y[chunk], classes=[0, 1])
        models.append(model)
    assert models[0].t_ == models[1].t_
    assert_allclose(models[1].coef_, models[0].coef_, rtol=1e-9)


def test_every_parameter_of_scikit_learn_is_there_with_its_default():
    for name in ("SGDRegressor", "SGDClassifier"):
        reference = getattr(linear_model, name)().get_params()
        reference |= {"learning_rate": "auto", "epsilon": None}  # these differ
        ours = getattr(sklearn_losses, name)().get_params()
        assert reference.items() <= ours.items()


@pytest.mark.parametrize("loss", REGRESSION[1:])
def test_epsilon_is_the_parameter_of_the_named_loss(loss):
    X, y = data("SGDRegressor")
    parameters = dict(loss=loss, epsilon=0.7, learning_rate="constant", max_iter=20)
    ours = fitted(sklearn_losses, "SGDRegressor", X, y, **parameters)
    assert_same(ours, fitted(linear_model, "SGDRegressor", X, y, **parameters))
    assert 0.7 in ours.loss_.get_params().values()


@pytest.mark.covering
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("schedule", ["constant", "optimal", "invscaling", "adaptive"])
@pytest.mark.parametrize("average", AVERAGES)
def test_csr_equals_dense(penalty, schedule, average):
    """Also with zeros, where untouched weights wait, and to the same stop."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 40)) * (rng.uniform(size=(300, 40)) < 0.1)
    y = np.sign(X @ rng.normal(size=40) + 0.1 * rng.normal(size=300))
    weight = rng.uniform(0.0, 2.0, 300)
    # The mean of the iterates with an l1 norm, which is scikit-learn's, magnifies the
    # last bits with a large alpha.
    alphas = (1e-3,) if average and penalty in ("l1", "elasticnet") else (1e-3, 1e-1)
    for alpha, loss in itertools.product(alphas, ("log_loss", "hinge")):
        model = sklearn_losses.SGDClassifier(
            loss=loss,
            penalty=penalty,
            l1_ratio=0.4,
            learning_rate=schedule,
            average=average,
            alpha=alpha,
            max_iter=80,
            tol=1e-5,
            random_state=0,
            eta0=0.1,
        )
        fits = []
        for kind in (np.array, sparse.csr_matrix, sparse.csr_array):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(kind(X), y, sample_weight=weight)
            fits.append((model.coef_, model.intercept_, model.n_iter_))
        for coef, intercept, n_iter in fits[1:]:
            assert n_iter == fits[0][2]
            assert_allclose(coef, fits[0][0], rtol=0, atol=1e-10)
            assert_allclose(intercept, fits[0][1], rtol=0, atol=1e-10)
