"""Steps of several rows equal ten lines of numpy, for every kind of model.

`reference` touches every weight in every step. Of the package it shares only the
formulas of the losses.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_losses import (
    CrossEntropy,
    Huber,
    LogLoss,
    Poisson,
    SquaredError,
)
from tests.cases import REGRESSION_LOSSES, each, targets
from tests.schedules import SGDClassifier, SGDRegressor

N, D, BATCH, EPOCHS = 53, 12, 8, 3
RNG = np.random.default_rng(0)
X = 0.5 * RNG.normal(size=(N, D)) * (RNG.uniform(size=(N, D)) < 0.4)
X[20] = 0.0
SIGNAL = X @ RNG.normal(size=(D, 3))
COUNTS = RNG.poisson(np.exp(0.5 * SIGNAL[:, 0] - 0.5)).astype(float)
LABELS = SIGNAL.argmax(axis=1)
WEIGHT = RNG.uniform(0.0, 2.0, N) * (RNG.uniform(size=N) < 0.9)
CLASS_WEIGHT = {0: 1.0, 1: 0.5, 2: 3.0}
KINDS = [np.array, sparse.csr_matrix]


def reference(X, slope, n_outputs, eta, l1, l2, average):
    """The coefficients, the intercept last, after some epochs of batches in order.

    `slope(raw, rows)` is sample weight times gradient of the rows of a batch, of shape
    (n, n_outputs), and `eta(t)` the step size. The intercept has l1 = l2 = 0.
    """
    w = received = mean = np.zeros((n_outputs, X.shape[1]))
    t, n_averaged, total_l1, age = 1, 0, 0.0, 0.0
    for first in EPOCHS * list(range(0, len(X), BATCH)):
        x = X[first : first + BATCH]
        gradient = slope(x @ w.T, slice(first, first + BATCH)).T @ x / len(x)
        shrink = 1 - eta(t) * l2
        w = shrink * w - eta(t) * gradient
        total_l1 = total_l1 + eta(t) * l1
        owed = total_l1 + np.sign(w) * received
        cut = np.sign(w) * np.maximum(0.0, np.abs(w) - owed)
        if 0 < average <= t:
            n_averaged += 1
            # As scikit-learn: a truncation counts as if it had been there all along.
            age = age / shrink + 1
            mean = mean + (w - mean) / n_averaged + (cut - w) * age / n_averaged
        w, received, t = cut, received + cut - w, t + 1
    return mean if n_averaged else w


def regression(weight):
    def slope(raw, rows):
        return weight[rows, None] * Poisson().gradient(COUNTS[rows, None], raw)

    return SGDRegressor(loss=Poisson()), COUNTS, slope, 1


def binary(weight):
    def slope(raw, rows):
        y = (LABELS[rows, None] == 2).astype(float)
        return weight[rows, None] * LogLoss().gradient(y, raw)

    return SGDClassifier(loss=LogLoss()), LABELS == 2, slope, 1


def one_versus_rest(weight):
    def slope(raw, rows):
        y = (LABELS[rows, None] == np.arange(3)).astype(float)
        factors = np.where(y == 1.0, list(CLASS_WEIGHT.values()), 1.0)
        return weight[rows, None] * factors * LogLoss().gradient(y, raw)

    model = SGDClassifier(loss=LogLoss(), class_weight=CLASS_WEIGHT)
    return model, LABELS, slope, 3


def labels_as_numbers(weight):
    def slope(raw, rows):
        y = np.where(LABELS[rows, None] == np.arange(3), 1.0, -1.0)
        return weight[rows, None] * SquaredError().gradient(y, raw)

    return SGDClassifier(loss="squared_error"), LABELS, slope, 3


def joint(weight):
    def slope(raw, rows):
        return weight[rows, None] * CrossEntropy().gradient(LABELS[rows], raw)

    return SGDClassifier(loss=CrossEntropy()), LABELS, slope, 3


MODELS = [regression, binary, one_versus_rest, labels_as_numbers, joint]
ALPHA, L1_RATIO = 0.04, 0.3
PENALTIES = {
    "l2": (0.0, ALPHA),
    "l1": (ALPHA, 0.0),
    "elasticnet": (L1_RATIO * ALPHA, (1 - L1_RATIO) * ALPHA),
    None: (0.0, 0.0),
}
SCHEDULES = {
    "constant": lambda t: 0.3,
    "adaptive": lambda t: 0.3,  # until something is stale
    "invscaling": lambda t: 0.3 / t**0.25,
    "optimal": lambda t: 1 / (ALPHA * (1 / (ALPHA * ALPHA**-0.25) + t - 1)),
}


def coefficients(model):
    return np.column_stack([np.atleast_2d(model.coef_), model.intercept_])


def in_order(model, n_epochs=EPOCHS, **parameters):
    """The model with settings for a fit of exactly n_epochs, in the given order."""
    settings = dict(max_iter=n_epochs, tol=None, shuffle=False, batch_size=BATCH)
    return clone(model).set_params(**settings | parameters)


@pytest.mark.covering
@pytest.mark.parametrize("average", [False, True, 6])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("make", MODELS)
def test_fits_equal_the_reference(make, penalty, schedule, average):
    for weight in (np.ones(N), WEIGHT):
        seen = weight > 0  # rows without weight are left out before batches are cut
        _, _, slope, n_outputs = make(weight)
        rows_seen = np.flatnonzero(seen)
        expected = reference(
            np.column_stack([X, np.ones(N)])[seen],
            lambda raw, rows, slope=slope, seen=rows_seen: slope(raw, seen[rows]),
            n_outputs,
            SCHEDULES[schedule],
            *(strength * (np.arange(D + 1) < D) for strength in PENALTIES[penalty]),
            int(average),
        )
        model, y, *_ = make(weight)
        model = in_order(
            model,
            penalty=penalty,
            alpha=ALPHA,
            l1_ratio=L1_RATIO,
            learning_rate=schedule,
            eta0=0.3,
            power_t=0.25,
            average=average,
        )
        assert 0.0 < np.abs(expected[:, :-1]).max() < 100.0
        for kind in KINDS:
            model.fit(kind(X), y, sample_weight=weight)
            assert_allclose(coefficients(model), expected, rtol=0, atol=1e-10)
            assert model.n_iter_ == EPOCHS
            assert model.t_ == 1 + EPOCHS * np.ceil(seen.sum() / BATCH)


@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
@each(REGRESSION_LOSSES)
def test_an_epoch_of_one_batch_is_a_step_of_full_gradient_descent(loss, kind):
    weight, y = WEIGHT + 0.1, targets(loss, np.random.default_rng(0), N)
    for batch_size in (N, 10**12):
        # So small that no loss overshoots, after which rounding errors grow.
        model = SGDRegressor(loss=loss, alpha=0.1, learning_rate="constant", eta0=1e-5)
        model.set_params(batch_size=batch_size, random_state=0)
        w = np.zeros(D + 1)
        for _ in range(4):
            model.partial_fit(kind(X), y, sample_weight=weight)
            slope = np.clip(loss.gradient(y, X @ w[:-1] + w[-1]), -1e12, 1e12) * weight
            w -= 1e-5 * np.append(slope @ X / N + 0.1 * w[:-1], slope.mean())
            assert_allclose(coefficients(model)[0], w, rtol=1e-12, atol=1e-13)
        assert model.t_ == 5


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("make", MODELS)
def test_shuffled_and_until_convergence_dense_equals_csr(make, penalty):
    model, y, *_ = make(WEIGHT)
    for parameters in (
        dict(),
        dict(average=True, learning_rate="adaptive"),
        dict(early_stopping=True, n_iter_no_change=2, eta0=0.05),
    ):
        model.set_params(penalty=penalty, random_state=0, batch_size=BATCH, eta0=0.3)
        model.set_params(**{"alpha": 0.02, "learning_rate": "constant"} | parameters)
        dense = clone(model).fit(X, y, sample_weight=WEIGHT)
        csr = clone(model).fit(sparse.csr_array(X), y, sample_weight=WEIGHT)
        assert dense.n_iter_ == csr.n_iter_ > 2
        assert_allclose(coefficients(csr), coefficients(dense), rtol=0, atol=1e-10)


@pytest.mark.parametrize("make", MODELS)
def test_partial_fits_go_on_where_a_fit_was(make):
    """Also in chunks, if they are whole batches."""
    model, y, *_ = make(WEIGHT)
    for parameters in (dict(), dict(penalty="l1"), dict(average=7)):
        whole = in_order(model, eta0=0.1, learning_rate="invscaling", **parameters)
        stream, chunks = clone(whole), clone(whole)
        known = {"classes": np.unique(y)} if is_classifier(model) else {}
        whole.fit(X, y)
        for _ in range(EPOCHS):
            stream.partial_fit(X, y, **known)
            for start in range(0, N, 2 * BATCH):
                chunk = slice(start, start + 2 * BATCH)
                chunks.partial_fit(X[chunk], y[chunk], **known)
        assert stream.t_ == chunks.t_ == whole.t_
        for other in (stream, chunks):
            assert_allclose(coefficients(other), coefficients(whole), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", MODELS)
def test_equal_rows_make_a_batch_the_step_of_one_row(make, kind):
    """The two kernels have one definition of a step."""
    model, y, *_ = make(np.ones(N))
    for penalty in PENALTIES:
        one = in_order(model, penalty=penalty, alpha=0.01, average=True, batch_size=1)
        one.set_params(learning_rate="invscaling", eta0=0.3)
        batches = clone(one).set_params(batch_size=4)
        one.fit(kind(X), y)
        batches.fit(kind(np.repeat(X, 4, axis=0)), np.repeat(y, 4))
        assert one.t_ == batches.t_
        assert_allclose(coefficients(batches), coefficients(one), rtol=0, atol=1e-10)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_near_float64(kind, penalty):
    model = in_order(SGDRegressor(loss=Huber(), penalty=penalty, alpha=0.01, eta0=0.3))
    double = coefficients(model.fit(X, COUNTS))
    single = model.fit(kind(X.astype(np.float32)), COUNTS)
    assert single.coef_.dtype == np.float32
    assert_allclose(coefficients(single), double, atol=1e-5)


def test_a_batch_is_cut_from_the_shuffled_order():
    """Other batches in each epoch, and the same for the same seed."""
    model = SGDRegressor(eta0=0.1, batch_size=BATCH, max_iter=2, tol=None)
    first, second, other = (
        clone(model).set_params(random_state=seed).fit(X, COUNTS).coef_
        for seed in (0, 0, 1)
    )
    assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-6
    in_order = clone(model).set_params(shuffle=False).fit(X, COUNTS).coef_
    assert np.abs(first - in_order).max() > 1e-6


def test_one_versus_rest_does_not_depend_on_threads_nor_on_other_classes():
    model = SGDClassifier(loss=LogLoss(), random_state=0, batch_size=BATCH, alpha=0.01)
    together = clone(model).fit(X, LABELS)
    threads = clone(model).set_params(n_jobs=2).fit(X, LABELS)
    assert_array_equal(threads.coef_, together.coef_)
    alone = [clone(model).fit(X, k == LABELS) for k in range(3)]
    assert_allclose(together.coef_, np.vstack([m.coef_ for m in alone]), rtol=1e-12)
    assert together.n_iter_ == max(m.n_iter_ for m in alone)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_cut_row_by_row(kind):
    """A row of gradient 1e13 counts as 1e12 in the mean."""
    y = np.array([-1e13, 0.0, 0.0, 0.0])
    model = SGDRegressor(loss=SquaredError(), penalty=None, learning_rate="constant")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(batch_size=4, eta0=1e-3).partial_fit(kind(np.eye(4)), y)
    assert_allclose(model.coef_, [-1e12 * 1e-3 / 4, 0.0, 0.0, 0.0])
    assert_allclose(model.intercept_, -1e12 * 1e-3 / 4)


def test_weights_that_overflow_raise():
    model = SGDRegressor(learning_rate="constant", eta0=1e3, batch_size=BATCH)
    with pytest.raises(ValueError, match="The weights overflowed in epoch"):
        model.fit(1e200 * X, COUNTS)


# ------------------------------------------------------------------------ parameters
@pytest.mark.parametrize("estimator", [SGDRegressor, SGDClassifier])
def test_batch_size_is_a_parameter(estimator):
    assert estimator().get_params()["batch_size"] == 1
    assert clone(estimator(batch_size=32)).batch_size == 32
    model = estimator(batch_size=np.int64(5), max_iter=2, tol=None)
    assert model.fit(X, LABELS).t_ == 1 + 2 * 11


@pytest.mark.parametrize("bad", [0, -3, 2.5, "all", None, True])
@pytest.mark.parametrize("estimator", [SGDRegressor, SGDClassifier])
def test_a_bad_batch_size(estimator, bad):
    message = (
        rf"'batch_size' parameter of {estimator.__name__} must be an int in the range "
        r"\[1, inf\). Got "
    )
    with pytest.raises(ValueError, match=message):
        estimator(batch_size=bad).fit(X, LABELS)


@pytest.mark.parametrize("learning_rate", ["pa1", "pa2"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_passive_aggressive_steps_are_of_one_row(learning_rate, method):
    model = SGDRegressor(
        loss="epsilon_insensitive", learning_rate=learning_rate, batch_size=2
    )
    message = (
        f"learning_rate='{learning_rate}' cannot use batch_size=2, because its step is "
        "made for one row"
    )
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X, COUNTS)
    getattr(model.set_params(batch_size=1), method)(X, COUNTS)
    assert np.any(model.coef_)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("average", [False, 2])
def test_results_do_not_depend_on_the_number_of_threads(kind, average):
    """Two batches, each with enough work for several threads."""
    rng = np.random.default_rng(0)
    rows = kind(rng.normal(size=(9000, 130)))
    labels = np.digitize(rows @ rng.normal(size=130), [-3.0, 3.0])
    for loss, y in (
        (LogLoss(), labels == 1),
        (LogLoss(), labels),
        (CrossEntropy(), labels),
    ):
        model = SGDClassifier(
            loss, batch_size=6000, max_iter=3, tol=None, random_state=0
        ).set_params(average=average, learning_rate="constant", eta0=0.1)
        expected = clone(model).fit(rows, y)
        for n_jobs in (2, 3):
            with threadpool_limits(3):  # more than there may be cores
                model.set_params(n_jobs=n_jobs).fit(rows, y)
            assert_array_equal(model.coef_, expected.coef_)
            assert_array_equal(model.intercept_, expected.intercept_)
