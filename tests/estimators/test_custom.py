"""Models with the user's own losses: as with a built-in one; errors change nothing."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    CFunctionLoss,
    CrossEntropy,
    Huber,
    LinearRegressor,
    LogLoss,
    NumpyLoss,
    Poisson,
)
from sklearn_losses import SGDRegressor as AutoRegressor
from sklearn_losses.losses import LogitLink, SoftmaxLink, Truncated
from tests import custom_functions as functions
from tests.schedules import SGDClassifier, SGDRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = X @ [1.0, -2.0, 3.0, 0.0] + RNG.standard_t(2, size=60)
LABELS = make_classification(
    60, 4, n_informative=3, n_redundant=0, n_classes=3, random_state=0
)
HUBER = {
    "numpy": NumpyLoss(
        functions.huber_value, functions.huber_gradient, convex=True, delta=1.5
    ),
    "c": CFunctionLoss(
        functions.c_huber_value, functions.c_huber_gradient, convex=True, delta=1.5
    ),
}
LOGISTIC = NumpyLoss(
    functions.logistic_value,
    functions.logistic_gradient,
    task="binary",
    link=LogitLink(),
    convex=True,
)
SOFTMAX = NumpyLoss(
    functions.softmax_value,
    functions.softmax_gradient,
    task="multiclass",
    link=SoftmaxLink(),
    convex=True,
)
each_huber = pytest.mark.parametrize("loss", HUBER.values(), ids=HUBER)


def regressor(loss, **parameters):
    settings = {"max_iter": 10, "tol": None, "random_state": 0}
    return SGDRegressor(loss, **(settings | parameters))


def classifier(loss, **parameters):
    settings = {"max_iter": 5, "tol": None, "random_state": 0, "alpha": 0.01}
    return SGDClassifier(loss, **(settings | parameters))


# ------------------------------------------------- the same model as the built-in
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_huber
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, np.float32])
@pytest.mark.parametrize(
    "settings",
    [{}, {"tol": 1e-4, "early_stopping": True}, {"average": True}, {"batch_size": 7}],
    ids=str,
)
def test_regression(loss, form, settings):
    expected = regressor(Huber(1.5), **settings).fit(form(X), Y)
    model = regressor(loss, **settings).fit(form(X), Y)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-12)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=1e-12)
    assert model.n_iter_ == expected.n_iter_


@each_huber
def test_partial_fit(loss):
    model, expected = regressor(loss), regressor(Huber(1.5))
    for rows in (slice(0, 20), slice(20, 60)):
        model.partial_fit(X[rows], Y[rows])
        expected.partial_fit(X[rows], Y[rows])
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-12)


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_versus_rest(n_jobs, n_classes):
    rows = LABELS[1] < n_classes
    data = LABELS[0][rows], LABELS[1][rows]
    model = classifier(LOGISTIC, n_jobs=n_jobs, class_weight="balanced").fit(*data)
    expected = classifier(LogLoss(), class_weight="balanced").fit(*data)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-12)
    np.testing.assert_allclose(
        model.predict_proba(X), expected.predict_proba(X), rtol=1e-10
    )


@pytest.mark.parametrize("batch_size", [1, 7])
def test_multiclass(batch_size):
    model = classifier(SOFTMAX, batch_size=batch_size).fit(*LABELS)
    expected = classifier(CrossEntropy(), batch_size=batch_size).fit(*LABELS)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-12)
    np.testing.assert_allclose(
        model.predict_proba(X), expected.predict_proba(X), rtol=1e-10
    )


def test_inside_a_combination():
    model = regressor(Truncated(HUBER["numpy"] + HUBER["c"], 20.0)).fit(X, Y)
    expected = regressor(Truncated(2.0 * Huber(1.5), 20.0)).fit(X, Y)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-12)


# ------------------------------------------------------------- as any parameter
@each_huber
def test_nested_parameters(loss):
    model = clone(regressor(loss)).set_params(loss__delta=0.5)
    assert loss.delta == 1.5
    assert model.loss is not loss
    expected = regressor(Huber(0.5)).fit(X, Y)
    for copied in (model, clone(model), copy.deepcopy(model)):
        np.testing.assert_allclose(copied.fit(X, Y).coef_, expected.coef_, rtol=1e-12)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_allclose(loaded.fit(X, Y).coef_, expected.coef_, rtol=1e-12)
    assert "delta=0.5" in repr(model)
    assert "loss__delta" in model._repr_html_()


def test_a_loss_that_cannot_be_used_has_a_representation():
    for loss in (NumpyLoss(None, None), CFunctionLoss(len, "nowhere:f")):
        assert "loss" in regressor(loss)._repr_html_()


@each_huber
def test_grid_search_in_two_processes(loss):
    grid = {"loss__delta": [0.1, 1.5]}
    search = GridSearchCV(regressor(loss), grid, cv=2, n_jobs=2).fit(X, Y)
    expected = GridSearchCV(regressor(Huber()), grid, cv=2).fit(X, Y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"],
        expected.cv_results_["mean_test_score"],
        rtol=1e-10,
    )
    assert search.best_params_ == expected.best_params_


# ------------------------------------------------------------------------ errors
class Failing:
    """A function that raises in one of its calls, and knows how often it was called."""

    def __init__(self, function, error, at):
        self.function = function
        self.error = error
        self.at = at
        self.n_calls = 0

    def __call__(self, *args, **kwargs):
        self.n_calls += 1
        if self.n_calls == self.at:
            raise self.error
        return self.function(*args, **kwargs)


def failing_huber(error, at):
    function = Failing(functions.huber_gradient, error, at)
    return NumpyLoss(functions.huber_value, function, delta=1.5)


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("at", [1, 2, 30, 60, 61, 90])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: Huber() + x], ids=["", "sum"])
def test_an_exception_comes_out_of_fit_as_itself(error, at, wrap):
    loss = failing_huber(error, at)
    model = regressor(wrap(loss))
    before = dict(vars(model))
    with pytest.raises(type(error)) as caught:
        model.fit(X, Y)
    assert caught.value is error
    assert caught.traceback[-1].name == "__call__"
    assert vars(model) == before
    assert loss.get_params()["gradient"].n_calls == at


@pytest.mark.parametrize("at", [1, 5, 9])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: Huber() + x], ids=["", "sum"])
def test_an_exception_in_a_batch(at, wrap):
    error = KeyboardInterrupt()
    model = regressor(wrap(failing_huber(error, at)), batch_size=20)
    with pytest.raises(KeyboardInterrupt) as caught:
        model.fit(X, Y)
    assert caught.value is error
    assert not hasattr(model, "coef_")


def test_a_batch_is_one_call():
    """And there is one before, which looks whether gradient and value fit together."""
    function = Failing(functions.huber_gradient, None, 0)
    loss = NumpyLoss(functions.huber_value, function, delta=1.0)
    regressor(loss, batch_size=20, max_iter=5, penalty=None).fit(X, Y)
    assert function.n_calls == 1 + 5 * len(X) // 20


@pytest.mark.parametrize("at", [1, 10, 20])
def test_a_good_model_survives_a_failing_partial_fit(at):
    failing = failing_huber(RuntimeError("mine"), 1 + len(X) + at)
    model = regressor(failing).partial_fit(X, Y)
    coef, t, state = model.coef_.copy(), model.t_, copy.deepcopy(model._state)
    with pytest.raises(RuntimeError, match="mine"):
        model.partial_fit(X[:20], Y[:20])
    np.testing.assert_array_equal(model.coef_, coef)
    assert model.t_ == t
    for name, array in state.items():
        np.testing.assert_array_equal(model._state[name], array)
    model.partial_fit(X[:20], Y[:20])
    assert model.t_ == t + 20


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_an_exception_in_a_thread(n_jobs):
    error = RuntimeError("mine")
    function = Failing(functions.logistic_gradient, error, 100)
    loss = NumpyLoss(functions.logistic_value, function, task="binary")
    model = classifier(loss, n_jobs=n_jobs)
    with pytest.raises(RuntimeError) as caught:
        model.fit(*LABELS)
    assert caught.value is error
    assert not hasattr(model, "coef_")


def test_an_exception_in_a_loss_of_rows():
    function = Failing(functions.softmax_gradient, RuntimeError("mine"), 30)
    loss = NumpyLoss(functions.softmax_value, function, task="multiclass")
    with pytest.raises(RuntimeError, match="mine"):
        classifier(loss).fit(*LABELS)


def test_an_exception_while_the_validation_rows_are_looked_at():
    function = Failing(functions.huber_value, RuntimeError("mine"), 2)
    loss = NumpyLoss(function, functions.huber_gradient, delta=1.0)
    model = regressor(loss, early_stopping=True, tol=1e-3)
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(X, Y)
    assert not hasattr(model, "coef_")


def test_wrong_output_names_the_function():
    loss = NumpyLoss(functions.huber_value, lambda y, p, delta: delta, delta=1.0)
    with pytest.raises(ValueError, match=r"gradient function of NumpyLoss, .* \(1,\)"):
        regressor(loss).fit(X, Y)


def test_nan_is_not_reported_as_an_overflow():
    loss = NumpyLoss(functions.huber_value, lambda y, p, delta: p * np.nan, delta=1.0)
    with pytest.raises(ValueError, match=r"returned nan for y_true=.* raw_pred"):
        regressor(loss).fit(X, Y)


def test_a_fit_that_overflows_says_so():
    model = regressor(HUBER["numpy"], eta0=1e305, learning_rate="constant")
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="The weights overflowed in epoch 1"),
    ):
        model.fit(1e10 * X, Y)


def test_the_value_is_called_once_where_nobody_watches_it():
    function = Failing(functions.huber_value, None, 0)
    model = regressor(NumpyLoss(function, functions.huber_gradient, delta=1.0))
    model.partial_fit(X, Y)
    assert function.n_calls == 1
    function = Failing(functions.softmax_value, None, 0)
    loss = NumpyLoss(function, functions.softmax_gradient, task="multiclass")
    classifier(loss).partial_fit(*LABELS, classes=[0, 1, 2])
    assert function.n_calls == 1


def test_a_method_of_python_is_not_ignored():
    class Mine(Huber):
        def gradient(self, y_true, raw_prediction, sample_weight=None, out=None):
            return np.zeros_like(raw_prediction)

    with pytest.raises(
        TypeError, match=r"Mine overrides gradient\(\) but not compiled"
    ):
        regressor(Mine()).fit(X, Y)


def below_zero(y_true, raw_prediction):
    """Poisson without the terms in y alone, on raw predictions of its own."""
    return np.exp(raw_prediction) - y_true * raw_prediction


@pytest.mark.parametrize(
    ("model", "fit"),
    [
        (AutoRegressor, "fit"),
        (AutoRegressor, "partial_fit"),
        (LinearRegressor, "fit"),
    ],
)
def test_a_loss_below_zero(model, fit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = rng.poisson(np.exp(X @ [0.3, -0.2, 0.1] + 4)).astype(float)
    loss = NumpyLoss(below_zero, Poisson().gradient, convex=True)
    own, built_in = model(loss), model(Poisson())
    for one in (own, built_in):
        getattr(one, fit)(X, y)
    np.testing.assert_allclose(own.coef_, built_in.coef_, atol=2e-3)
    with pytest.raises(ValueError, match="below its minimum, 0"):
        getattr(model(clone(loss).set_params(minimum=0.0)), fit)(X, y)


@pytest.mark.parametrize("model", [AutoRegressor, LinearRegressor])
def test_a_gradient_of_the_wrong_sign(model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    loss = NumpyLoss(
        lambda y, raw: 0.5 * (raw - y) ** 2, lambda y, raw: y - raw, convex=True
    )
    with pytest.raises(ValueError, match=r"The gradient of NumpyLoss.*check_loss"):
        model(loss).fit(X, X @ [1.0, 2.0, 3.0])
    if model is AutoRegressor:
        with pytest.raises(ValueError, match=r"The gradient of NumpyLoss"):
            model(loss).partial_fit(X, X @ [1.0, 2.0, 3.0])


def test_a_minimum_that_only_the_best_constant_contradicts():
    """Where a loss dips to -1, at half of the target, no glance has looked."""

    def value(y_true, raw_prediction):
        return np.abs(raw_prediction - 0.37 * y_true) - 10.0

    def gradient(y_true, raw_prediction):
        return np.sign(raw_prediction - 0.37 * y_true)

    loss = NumpyLoss(value, gradient, minimum=-9.9, convex=True)
    with pytest.raises(ValueError, match="at the best constant is -10, below its min"):
        AutoRegressor(loss).fit(np.arange(50.0)[:, None], np.full(50, 1e4))
