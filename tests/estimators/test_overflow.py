"""An overflow ends the epoch, names row and feature, and the epochs before are kept."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses import CrossEntropy, LogLoss, NumpyLoss
from tests.schedules import SGDClassifier, SGDRegressor

RNG = np.random.default_rng(0)
N = 20
KINDS = [np.array, sparse.csr_matrix]
EVERY = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "amsgrad"]


def value(y_true, raw_prediction):
    """That of the gradient near 0, where it is looked at, and then flat."""
    return -np.clip(raw_prediction, -9.0, 9.0) - 1e-300 * raw_prediction


def gradient(y_true, raw_prediction):
    return np.full_like(raw_prediction, -1.0)


# Its steps never end. Each epoch adds to the raw prediction of row 7 what its one large
# feature, squared, says.
DOWNHILL = NumpyLoss(value, gradient)
X = RNG.normal(size=(N, 4))
X[7, 2] = 3e153
Y = np.zeros(N)
SETTINGS = dict(penalty=None, learning_rate="constant", eta0=1.0, random_state=0)


def fails(model, *args, method="fit", **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ValueError, match="overflowed") as caught:
            getattr(model, method)(*args, **kwargs)
    return caught.value


def assert_same(model, other):
    assert_array_equal(model.coef_, other.coef_)
    assert_array_equal(model.intercept_, other.intercept_)
    assert (model.n_iter_, model.t_) == (other.n_iter_, other.t_)
    assert model._state.keys() == other._state.keys()
    for name, array in other._state.items():
        assert_array_equal(model._state[name], array)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [1, 6])
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("optimizer", EVERY)
def test_the_model_of_the_last_finite_epoch_is_kept(
    optimizer, average, batch_size, kind
):
    # The steps of the last four do not depend on the size of a gradient.
    eta0 = {"adagrad": 3e154}.get(optimizer, 3e152)
    eta0 = eta0 if optimizer in EVERY[3:] else float(batch_size)
    model = SGDRegressor(DOWNHILL, optimizer=optimizer, average=average, **SETTINGS)
    model.set_params(batch_size=batch_size, eta0=eta0)
    error = fails(model, kind(X), Y)
    assert error.epoch > 1
    assert (error.row, error.feature, error.value) == (7, 2, 3e153)
    assert "The model of the epoch before is kept." in str(error)
    assert model.n_iter_ == error.epoch - 1
    before = clone(model).set_params(max_iter=error.epoch - 1, tol=None)
    assert_same(model, before.fit(kind(X), Y))
    assert np.all(np.isfinite(model.coef_))
    model.predict(np.zeros((1, 4)))
    # The next epoch is the one that fails, and partial_fit leaves the model as it is.
    state = pickle.loads(pickle.dumps(model))
    fails(model.set_params(shuffle=False), kind(X), Y, method="partial_fit")
    assert_same(model, state)


@pytest.mark.parametrize("kind", KINDS)
def test_the_message(kind):
    model = SGDRegressor(DOWNHILL, **SETTINGS)
    error = fails(model, kind(X), Y)
    assert str(error) == (
        f"The weights overflowed in epoch {error.epoch}: the raw prediction of row 7 "
        "of X is not finite. The steps are too large for feature 2, which is 3e+153 "
        "in row 7 of X. Scale the features, for instance with StandardScaler, or use "
        "a smaller eta0 (it is 1), or clip_gradient. The model of the epoch before is "
        "kept."
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_features_have_their_names():
    frame = pd.DataFrame(X, columns=["a", "b", "mileage", "d"])
    error = fails(SGDRegressor(DOWNHILL, **SETTINGS), frame, Y)
    assert "too large for feature 2 ('mileage'), which is 3e+153 in row 7" in str(error)


def test_in_the_first_epoch_everything_stays_as_it_was():
    model = SGDRegressor(DOWNHILL, **SETTINGS)
    error = fails(model, 1e150 * X, Y)
    assert error.epoch == 1
    assert "kept" not in str(error)
    assert not hasattr(model, "coef_")
    assert not hasattr(model, "n_features_in_")
    model.fit(X[:5], Y[:5])
    before = pickle.loads(pickle.dumps(model))
    fails(model, 1e150 * X, Y)
    fails(model, 1e150 * X, Y, method="partial_fit")
    assert_same(model, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_first_row_that_overflows_is_named(kind, batch_size):
    """Row 4: row 1 has no weight, and those between have small features."""
    Z = RNG.normal(size=(N, 3))
    Z[[1, 4, 8], [0, 2, 1]] = [1e200, -1e200, 1e200]
    weight = np.where(np.arange(N) == 1, 0.0, 1.0)
    model = SGDRegressor(shuffle=False, eta0=1.0, batch_size=batch_size)
    start = np.full(3, 1e150)
    error = fails(model, kind(Z), Y, coef_init=start, sample_weight=weight)
    assert (error.epoch, error.row, error.feature, error.value) == (1, 4, 2, -1e200)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_weights_that_overflow_in_the_last_step(kind, optimizer):
    """No later prediction sees it: the feature is that of the weight."""
    Z = np.array([[1.0, 0.0, 1.0], [2.0, 1e300, 3.0]])
    model = SGDRegressor(DOWNHILL, optimizer=optimizer, shuffle=False, **SETTINGS)
    error = fails(model.set_params(eta0=1e10), kind(Z), [0.0, 0.0])
    assert (error.row, error.feature, error.at, error.value) == (None, 1, 1, 1e300)
    assert "the weight of feature 1 is not finite" in str(error)


def test_an_intercept_that_overflows():
    model = SGDRegressor(DOWNHILL, **SETTINGS).set_params(eta0=5e307, shuffle=False)
    error = fails(model, np.zeros((2, 3)), [0.0, 0.0])
    assert error.feature is None
    assert "The steps are too large for these targets" in str(error)
    assert model.n_iter_ == error.epoch - 1


def test_early_stopping_keeps_the_best_epoch_so_far():
    model = SGDRegressor(DOWNHILL, early_stopping=True, **SETTINGS)
    model.set_params(validation_fraction=0.3, n_iter_no_change=100)
    error = fails(model, X, Y)
    before = clone(model).set_params(max_iter=error.epoch - 1, tol=None).fit(X, Y)
    assert_same(model, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [1, 6])
@pytest.mark.parametrize("loss", [LogLoss(), CrossEntropy()], ids=repr)
def test_classifiers(loss, batch_size, kind):
    """The large row is the last, so the first epoch is finite."""
    Z, labels = np.random.default_rng(0).normal(size=(N, 2)), np.arange(N) % 3
    Z[-1] = [0.0, 1e160]
    model = SGDClassifier(loss, batch_size=batch_size, shuffle=False, **SETTINGS)
    error = fails(model, kind(Z), labels)
    assert (error.epoch, error.row, error.feature, error.value) == (2, N - 1, 1, 1e160)
    assert_same(model, clone(model).set_params(max_iter=1, tol=None).fit(Z, labels))


def test_threads_keep_what_one_thread_keeps():
    """With threads, classes are in epochs of their own when one of them overflows."""
    labels = np.arange(N) % 3
    loss = NumpyLoss(value, gradient, task="binary")
    one, several = (
        SGDClassifier(loss, n_jobs=n_jobs, average=True, **SETTINGS).set_params(
            class_weight={labels[7]: 3.0}, optimizer="momentum", eta0=0.1
        )
        for n_jobs in (1, 3)
    )
    errors = [fails(model, X, labels) for model in (one, several)]
    assert errors[0].epoch == errors[1].epoch > 2
    assert_same(one, several)
