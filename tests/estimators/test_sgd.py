"""What the SGD estimators promise beyond scikit-learn's, and where they differ."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, PoissonRegressor, QuantileRegressor

from sklearn_losses import (
    AbsoluteError,
    CrossEntropy,
    Huber,
    LogLoss,
    ModifiedHuber,
    MulticlassHinge,
    Poisson,
    Quantile,
    SquaredError,
    SquaredHinge,
)
from tests.cases import CLASSIFICATION_LOSSES
from tests.schedules import SGDClassifier, SGDRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
SIGNAL = X @ [1.0, -2.0, 0.0, 0.5, 3.0]
Y = SIGNAL + 0.3 * RNG.normal(size=200)


def iris():
    X, y = load_iris(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def epochs(n, **parameters):
    """Settings for a fit of exactly n epochs in the given order."""
    return dict(max_iter=n, tol=None, shuffle=False, **parameters)


# ------------------------------------------------------------------ input formats
@pytest.mark.covering
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", CLASSIFICATION_LOSSES, ids=repr)
def test_every_classification_loss_dense_csr_and_partial_fit(loss, n_classes):
    X, y = iris()
    X, y = X[y < n_classes], y[y < n_classes]
    model = SGDClassifier(loss=loss, **epochs(3))
    dense = model.fit(X, y).coef_
    assert dense.shape == (1 if n_classes == 2 else 3, 4)
    assert_array_equal(model.fit(sparse.csr_matrix(X), y).coef_, dense)
    model = SGDClassifier(loss=loss, shuffle=False)
    for _ in range(3):
        model.partial_fit(X, y, classes=range(n_classes))
    assert_array_equal(model.coef_, dense)


@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])
def test_float32_in_float32_out_near_float64(penalty):
    model = SGDRegressor(loss=Huber(), penalty=penalty, alpha=0.01, **epochs(5))
    double = model.fit(X, Y)
    coef, intercept = double.coef_, double.intercept_
    for kind in (np.array, sparse.csr_matrix):
        single = model.fit(kind(X.astype(np.float32)), Y)
        assert single.coef_.dtype == single.intercept_.dtype == np.float32
        assert_allclose(single.coef_, coef, atol=1e-5)
        assert_allclose(single.intercept_, intercept, atol=1e-5)
        assert single.predict(X.astype(np.float32)).dtype == np.float32


def test_indices_of_64_bits_and_mixed():
    matrix = sparse.csr_matrix(X * (X > 0))
    model = SGDRegressor(penalty="l1", **epochs(3))
    expected = model.fit(matrix, Y).coef_
    matrix.indices = matrix.indices.astype(np.int64)
    assert_array_equal(model.fit(matrix, Y).coef_, expected)
    matrix.indptr = matrix.indptr.astype(np.int64)
    assert_array_equal(model.fit(matrix, Y).coef_, expected)
    assert_array_equal(model.fit(sparse.csr_array(matrix), Y).coef_, expected)


def test_duplicate_and_unsorted_entries_count_once_summed():
    data, columns = [1.0, 2.0, 3.0, 4.0], [1, 1, 2, 0]
    messy = sparse.csr_matrix((data, columns, [0, 3, 4]), shape=(2, 3))
    before = messy.data.copy()
    model = SGDClassifier(loss="hinge", learning_rate="pa1", **epochs(4))
    expected = model.fit(messy.toarray(), [0, 1]).coef_
    assert_array_equal(model.fit(messy, [0, 1]).coef_, expected)
    assert_array_equal(messy.data, before)


def test_read_only_memory_mapped_and_fortran_input(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, X)
    frozen = X.copy()
    frozen.flags.writeable = False
    model = SGDRegressor(**epochs(2))
    expected = model.fit(X, Y).coef_
    for same in (
        np.load(path, mmap_mode="r"),
        frozen,
        np.asfortranarray(X),
        X.tolist(),
    ):
        assert_array_equal(model.fit(same, Y).coef_, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
def test_a_fit_does_not_copy_X(kind, dtype):
    big = kind(np.ones((20_000, 200), dtype=dtype))
    size = big.data.nbytes + (big.indices.nbytes if sparse.issparse(big) else 0)
    y = RNG.normal(size=20_000)
    tracemalloc.start()
    try:
        SGDRegressor(penalty="elasticnet", average=True, max_iter=1, tol=None).fit(
            big, y
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.05 * size


def test_an_empty_row_and_an_empty_matrix():
    matrix = sparse.csr_matrix(np.zeros((4, 3)))
    model = SGDRegressor(penalty="l1").fit(matrix, [1.0, 1.0, 1.0, 1.0])
    assert_array_equal(model.coef_, 0.0)
    assert model.intercept_[0] > 0.5


# ------------------------------------------------------------- weights and streams
@pytest.mark.parametrize("average", [False, True, 150])
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
def test_chunks_equal_a_fit_over_the_same_order(average, penalty, kind):
    X, y = iris()
    parameters = dict(loss=LogLoss(), average=average, penalty=penalty, alpha=1e-3)
    whole = SGDClassifier(**parameters, **epochs(2)).fit(kind(X), y)
    stream = SGDClassifier(**parameters, shuffle=False)
    for _ in range(2):
        for start in range(0, 150, 40):
            chunk = slice(start, start + 40)
            stream.partial_fit(kind(X[chunk]), y[chunk], classes=[0, 1, 2])
    assert stream.t_ == whole.t_
    assert_allclose(stream.coef_, whole.coef_, rtol=1e-9, atol=1e-12)
    assert_allclose(stream.intercept_, whole.intercept_, rtol=1e-9, atol=1e-12)


def test_a_random_state_decides_the_order_of_the_rows():
    def fitted(random_state):
        return SGDRegressor(random_state=random_state, max_iter=9, tol=None).fit(X, Y)

    def differ(a, b):
        return not np.array_equal(a.coef_, b.coef_)

    assert_array_equal(fitted(3).coef_, fitted(np.int64(3)).coef_)
    assert differ(fitted(3), fitted(4))
    generator = np.random.RandomState(3)
    first = fitted(generator)
    assert differ(first, fitted(generator))  # it has moved on
    assert_array_equal(first.coef_, fitted(np.random.RandomState(3)).coef_)
    for wrong in (-1, 2**32, "3"):
        with pytest.raises(ValueError, match="'random_state' parameter"):
            fitted(wrong)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_row_of_weight_zero_is_not_there(average, shuffle):
    weight = RNG.integers(0, 3, 200).astype(float)
    model = SGDRegressor(
        loss=Huber(), average=average, shuffle=shuffle, random_state=0, penalty="l1"
    )
    with_zeros = model.fit(X, Y, sample_weight=weight)
    coef, n_iter, t = with_zeros.coef_, with_zeros.n_iter_, with_zeros.t_
    seen = weight > 0
    without = model.fit(X[seen], Y[seen], sample_weight=weight[seen])
    assert (without.n_iter_, without.t_) == (n_iter, t)
    assert_array_equal(without.coef_, coef)


def test_partial_fit_with_weights_of_zero_changes_nothing():
    model = SGDRegressor(average=True).fit(X, Y)
    coef, t = model.coef_, model.t_
    model.partial_fit(X, Y, sample_weight=np.zeros(200))
    assert_array_equal(model.coef_, coef)
    assert model.t_ == t


def test_the_criterion_respects_weights():
    """Weights a thousand times smaller shrink the loss below tol at once."""
    model = SGDRegressor(random_state=0, learning_rate="constant", penalty=None)
    long = model.fit(X, Y, sample_weight=np.full(200, 1.0)).n_iter_
    short = model.fit(X, Y, sample_weight=np.full(200, 1e-5)).n_iter_
    assert long > short == 6


def test_coefficients_that_somebody_set_are_where_partial_fit_goes_on():
    model = SGDRegressor(average=True, shuffle=False, eta0=1e-12).fit(X, Y)
    model.coef_ = np.arange(5.0)
    assert_allclose(model.partial_fit(X, Y).coef_, np.arange(5.0), atol=1e-6)


def test_settings_may_change_between_partial_fits():
    model = SGDClassifier(loss=LogLoss(), penalty="l2")
    X, y = iris()
    model.partial_fit(X, y, classes=[0, 1, 2])
    for change in (
        dict(penalty="l1"),
        dict(average=True),
        dict(average=False),
        dict(loss=CrossEntropy()),
        dict(loss=SquaredHinge()),
    ):
        model.set_params(**change).partial_fit(X, y)
        assert np.all(np.isfinite(model.coef_))


# ------------------------------------------------------------------------ averages
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
def test_the_average_is_the_mean_of_the_iterates(penalty, kind):
    parameters = dict(penalty=penalty, alpha=0.5, learning_rate="constant", eta0=0.05)
    walk = SGDRegressor(**parameters, shuffle=False)
    iterates = []
    for i in range(200):
        walk.partial_fit(kind(X[i : i + 1]), Y[i : i + 1])
        iterates.append(np.append(walk.coef_, walk.intercept_))
    for begin in (1, 50):
        model = SGDRegressor(average=begin, **parameters, **epochs(1)).fit(kind(X), Y)
        mean = np.mean(iterates[begin - 1 :], axis=0)
        assert_allclose(np.append(model.coef_, model.intercept_), mean, rtol=1e-9)


def test_the_average_begins_when_it_may():
    plain = SGDRegressor(**epochs(1)).fit(X, Y)
    late = SGDRegressor(average=201, **epochs(1)).fit(X, Y)
    assert_allclose(late.coef_, plain.coef_, rtol=1e-12)


# ------------------------------------------------------------------------- optima
def objective(model, loss, alpha):
    return loss.mean(Y, X @ model.coef_ + model.intercept_) + alpha / 2 * np.sum(
        model.coef_**2
    )


@pytest.mark.parametrize(
    "loss", [SquaredError(), Huber(0.5), Quantile(0.8), AbsoluteError()], ids=repr
)
def test_near_the_optimum_of_its_objective(loss):
    alpha = 1e-3

    def f(w):
        value = loss.mean(Y, X @ w[:-1] + w[-1])
        return value + alpha / 2 * np.sum(w[:-1] ** 2)

    model = SGDRegressor(
        loss=loss,
        alpha=alpha,
        learning_rate="adaptive",
        tol=1e-6,
        eta0=0.1,
        random_state=0,
    ).fit(X, Y)
    # An independent solver, from two sides: alone and from the fit.
    starts = np.zeros(6), np.append(model.coef_, model.intercept_)
    optimum = min(minimize(f, start, method="Powell").fun for start in starts)
    at_constant = loss.mean(Y, np.full(200, loss.optimal_constant(Y)))
    gap = (objective(model, loss, alpha) - optimum) / (at_constant - optimum)
    assert -1e-6 < gap < 0.01


def test_poisson_near_scikit_learns_regressor():
    counts = RNG.poisson(np.exp(SIGNAL / 4))
    reference = PoissonRegressor(alpha=1e-3, tol=1e-8).fit(X, counts)
    model = SGDRegressor(
        loss=Poisson(),
        alpha=1e-3,
        learning_rate="adaptive",
        tol=1e-5,
        random_state=0,
    ).fit(X, counts)
    assert_allclose(model.coef_, reference.coef_, atol=0.02)
    assert np.all(model.predict(X) > 0)


def test_quantile_near_scikit_learns_regressor():
    reference = QuantileRegressor(quantile=0.9, alpha=0.0).fit(X, Y)
    model = SGDRegressor(
        loss=Quantile(0.9),
        penalty=None,
        learning_rate="adaptive",
        eta0=0.1,
        tol=1e-6,
        random_state=0,
    ).fit(X, Y)
    loss = Quantile(0.9)
    assert loss.mean(Y, model.predict(X)) < 1.01 * loss.mean(Y, reference.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_cross_entropy_near_logistic_regression(n_classes):
    X, y = iris()
    X, y = X[y < n_classes], y[y < n_classes]
    n = len(y)
    alpha = 0.01
    # Two classes: half the squared norm of w and -w is a quarter of that of their
    # difference, which is what the binary model penalises.
    strength = alpha * n if n_classes > 2 else alpha * n / 2
    reference = LogisticRegression(C=1 / strength, tol=1e-8).fit(X, y)
    model = SGDClassifier(
        loss=CrossEntropy(),
        alpha=alpha,
        learning_rate="adaptive",
        eta0=0.1,
        tol=1e-6,
        random_state=0,
    ).fit(X, y)
    assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=0.01)


# --------------------------------------------------------------- classes and labels
def test_labels_may_be_strings():
    X, y = iris()
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = SGDClassifier(loss=LogLoss(), random_state=0).fit(X, names)
    assert_array_equal(model.classes_, ["setosa", "versicolor", "virginica"])
    assert set(model.predict(X)) <= set(names)


@pytest.mark.parametrize("loss", [LogLoss(), SquaredHinge(), "squared_error"])
def test_one_versus_rest_does_not_depend_on_threads(loss):
    X, y = iris()
    fits = []
    for n_jobs in (None, 2, 3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = SGDClassifier(
                loss=loss, n_jobs=n_jobs, random_state=0, class_weight="balanced"
            ).fit(X, y)
        fits.append((model.coef_, model.n_iter_, model.t_))
    for coef, n_iter, t in fits[1:]:
        assert_array_equal(coef, fits[0][0])
        assert (n_iter, t) == fits[0][1:]


# The steps of a single short row round otherwise than those of several outputs, of
# which the large first steps of a small alpha make more.
@pytest.mark.parametrize(
    ("alpha", "n_more", "rtol"), [(1e-4, 33, 1e-12), (0.01, 0, 1e-10)]
)
def test_each_class_is_its_own_binary_fit(alpha, n_more, rtol):
    X, y = iris()
    X = np.hstack([X, np.zeros((len(X), n_more))])
    settings = dict(loss=LogLoss(), alpha=alpha, random_state=0)
    model = SGDClassifier(**settings).fit(X, y)
    for k in range(3):
        alone = SGDClassifier(**settings).fit(X, y == k)
        assert_allclose(model.coef_[k], alone.coef_[0], rtol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", [LogLoss(), ModifiedHuber(), CrossEntropy()], ids=repr)
def test_probabilities(loss, n_classes, dtype):
    X, y = iris()
    X, y = X[y < n_classes].astype(dtype), y[y < n_classes]
    model = SGDClassifier(loss=loss, random_state=0).fit(X, y)
    probability = model.predict_proba(X)
    assert probability.dtype == dtype
    assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-6)
    raw = model.decision_function(X)
    if n_classes == 2:
        assert_allclose(
            probability[:, 1],
            (LogLoss() if loss.name != "modified_huber" else loss).inverse_link(raw),
            rtol=1e-5,
            atol=1e-30,
        )
    log_probability = model.predict_log_proba(X)
    assert_allclose(np.exp(log_probability), probability, rtol=1e-5, atol=1e-30)


def test_log_probabilities_keep_their_digits():
    model = SGDClassifier(loss=LogLoss()).fit([[-1.0], [1.0]], [0, 1])
    model.coef_, model.intercept_ = np.array([[1.0]]), np.array([0.0])
    assert_allclose(model.predict_log_proba([[-800.0]]), [[0.0, -800.0]])


def test_modified_huber_without_any_probability_is_uniform():
    X, y = iris()
    model = SGDClassifier(loss=ModifiedHuber(), random_state=0).fit(X, y)
    model.coef_ = np.zeros((3, 4))
    model.intercept_ = np.array([-5.0, -5.0, -5.0])
    assert_allclose(model.predict_proba(X[:1]), 1 / 3)


def test_unfitted():
    for model in (SGDRegressor(), SGDClassifier()):
        with pytest.raises(NotFittedError):
            model.predict(X)


@pytest.mark.parametrize("model", [SGDRegressor(), SGDClassifier()])
def test_sparsify_and_densify(model):
    X, y = iris()
    model.set_params(penalty="l1", alpha=0.01, random_state=0).fit(X, y)
    predictions, coef = model.predict(X), model.coef_
    assert sparse.issparse(model.sparsify().coef_)
    assert_allclose(model.predict(X), predictions)
    assert_array_equal(model.densify().coef_, coef)
    assert model.sparsify().partial_fit(X, y).coef_.shape == coef.shape


# ------------------------------------------------------------------ when a fit stops
def test_log_loss_stops_on_its_own_validation_loss():
    """scikit-learn compares labels of {0, 1} with {-1, 1}: one half never scores."""
    X, y = make_blobs(400, centers=2, random_state=0, cluster_std=2.0)
    parameters = dict(
        early_stopping=True, random_state=0, learning_rate="constant", tol=1e-4
    )
    model = SGDClassifier(loss=LogLoss(), **parameters).fit(X, y)
    assert model.n_iter_ > 6
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", [LogLoss(), CrossEntropy()], ids=repr)
def test_early_stopping_keeps_the_best_epoch(loss, n_classes):
    """Of all lengths of a fit the one that is kept has the least validation loss."""
    X, y = iris()
    X, y = X[y < n_classes], y[y < n_classes]
    noisy = np.where(RNG.uniform(size=len(y)) < 0.3, 0, y)
    parameters = dict(
        loss=loss,
        early_stopping=True,
        validation_fraction=0.3,
        random_state=0,
        learning_rate="constant",
        eta0=0.3,
        tol=None,
        shuffle=False,
    )
    model = SGDClassifier(**parameters, max_iter=30).fit(X, noisy)
    _, validation = model._split(noisy, None)

    def validation_loss(model):
        probability = model.predict_log_proba(X[validation])
        return -probability[np.arange(len(validation)), noisy[validation]].mean()

    if n_classes == 2 or loss.granularity == "row":  # one objective, one best epoch
        lengths = [
            validation_loss(SGDClassifier(**parameters, max_iter=n).fit(X, noisy))
            for n in range(1, 31)
        ]
        assert_allclose(validation_loss(model), min(lengths), rtol=1e-9)
        assert lengths == sorted(lengths, reverse=True)


def test_validation_rows_are_stratified_and_have_weight():
    y = np.repeat([0, 1], [180, 20])
    weight = np.where(np.arange(200) % 2, 0.0, 1.0)
    train, validation = SGDClassifier(early_stopping=True, random_state=0)._split(
        y, weight
    )
    assert not set(train) & set(validation)
    assert np.all(weight[np.append(train, validation)] > 0)
    assert y[validation].sum() == 1


def test_warns_when_epochs_run_out():
    with pytest.warns(ConvergenceWarning, match="did not converge in max_iter=2"):
        SGDRegressor(max_iter=2).fit(X, Y)


def test_verbose_prints_a_line_an_epoch(capsys):
    SGDRegressor(verbose=1, **epochs(3)).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch    1  loss ")


@pytest.fixture
def ctrl_c():
    """SIGINT interrupts, which it does not where a shell has begun us with `&`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_stops_a_long_fit_and_leaves_the_model():
    X, y = load_breast_cancer(return_X_y=True)
    model = SGDClassifier(loss=LogLoss(), **epochs(10**9))
    before = dict(vars(model))
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X / X.max(axis=0), y)
    assert vars(model) == before


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_stops_the_threads_of_one_versus_rest():
    code = textwrap.dedent(
        """
        import os, signal, threading
        from sklearn.datasets import load_iris
        from sklearn_losses import SGDClassifier
        model = SGDClassifier(
            learning_rate="optimal", max_iter=10**9, tol=None, n_jobs=2
        )
        X, y = load_iris(return_X_y=True)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            model.fit(X, y)
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "interrupted", done.stderr


def test_the_gil_is_released_during_an_epoch():
    """Another thread counts on while a single, long epoch runs."""
    X = RNG.normal(size=(200_000, 50))
    y = X[:, 0]
    ticks, done = [], threading.Event()

    def tick():
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        SGDRegressor(**epochs(1), eta0=1e-6).fit(X, y)
        start = time.perf_counter()
        SGDRegressor(**epochs(20), eta0=1e-6).fit(X, y)
        end = time.perf_counter()
    finally:
        done.set()
        thread.join()
    during = [t for t in ticks if start < t < end]
    assert len(during) > 20  # one an epoch could be had with the GIL held


# ------------------------------------------------ what a cold reader found, each once
@pytest.mark.parametrize("later", [False, 10**6])
def test_averaging_may_end_between_partial_fits(later):
    parameters = dict(shuffle=False, penalty=None, learning_rate="constant")
    model = SGDRegressor(average=True, **parameters).partial_fit(X, Y)
    last = model._state["v"] * model._state["scale"][:, None]
    plain = SGDRegressor(**parameters).partial_fit(X, Y)
    assert_allclose(last[0], plain.coef_)
    for _ in range(3):
        model.set_params(average=later).partial_fit(X, Y)
        plain.partial_fit(X, Y)
    assert_allclose(model.coef_, plain.coef_, rtol=1e-12)
    model.set_params(average=True).partial_fit(X, Y)
    assert model._state["n_averaged"][0] == 200


@pytest.mark.parametrize("learning_rate", ["pa1", "pa2"])
def test_t_counts_empty_rows(learning_rate):
    with_zeros = X.copy()
    with_zeros[::4] = 0.0
    parameters = dict(loss="epsilon_insensitive", learning_rate=learning_rate, eta0=0.1)
    parameters |= epochs(2, penalty="l2", alpha=0.01)
    model = SGDRegressor(**parameters).fit(with_zeros, Y)
    reference = linear_model.SGDRegressor(**parameters).fit(with_zeros, Y)
    assert model.t_ == reference.t_ == 401
    assert_allclose(model.coef_, reference.coef_, rtol=1e-10)
    assert_allclose(model.intercept_, reference.intercept_, rtol=1e-10)


def test_rows_of_weight_zero_do_not_count_for_balanced_weights():
    y = (X[:, 0] > 0.5).astype(int)
    weight = np.ones(200)
    weight[:50] = 0.0
    model = SGDClassifier(loss=LogLoss(), class_weight="balanced", random_state=0)
    with_zeros = model.fit(X, y, sample_weight=weight).coef_
    assert_array_equal(model.fit(X[50:], y[50:]).coef_, with_zeros)


def test_a_model_filled_by_hand_predicts_and_goes_on():
    regressor = SGDRegressor(loss=Poisson())
    regressor.coef_, regressor.intercept_ = np.ones(5), np.zeros(1)
    assert_allclose(regressor.predict(X), np.exp(X.sum(axis=1)))
    classifier = SGDClassifier(loss=CrossEntropy(), shuffle=False)
    classifier.coef_, classifier.intercept_ = np.ones((1, 5)), np.zeros(1)
    classifier.classes_ = np.array([0, 1])
    assert classifier.predict_proba(X).shape == (200, 2)
    assert classifier.partial_fit(X, Y > 0, classes=[0, 1]).coef_.shape == (1, 5)


def test_coefficients_of_the_wrong_length_are_refused():
    model = SGDRegressor().fit(X, Y)
    model.coef_ = np.ones(2)
    with pytest.raises(ValueError, match="does not match the data"):
        model.partial_fit(X, Y)


def test_sparse_coefficients_set_by_hand():
    model = SGDRegressor().fit(X, Y)
    dense = model.coef_
    model.coef_ = sparse.csr_array(dense.reshape(1, -1))
    assert_array_equal(model.densify().coef_, dense)


@pytest.mark.parametrize("schedule", ["pa1", "pa2"])
def test_passive_aggressive_steps_of_a_loss_of_rows(schedule):
    """Crammer et al. 2006, section 9: the squared norm of x counts for both classes."""
    x, C = np.array([[3.0, 4.0]]), 0.01
    X, y = np.vstack([x, np.zeros((2, 2))]), np.array([1, 0, 2])
    model = SGDClassifier(
        loss=MulticlassHinge(),
        learning_rate=schedule,
        eta0=C,
        penalty=None,
        shuffle=False,
        fit_intercept=False,
    ).partial_fit(X, y, classes=[0, 1, 2])
    step = min(C, 1 / 50) if schedule == "pa1" else 1 / (50 + 1 / (2 * C))
    assert_allclose(model.coef_, [-step * x[0], step * x[0], [0.0, 0.0]], rtol=1e-14)
    model.set_params(eta0=10.0, learning_rate="pa1").partial_fit(X, y)
    raw = model.decision_function(x)  # the rival is class 2 now, and far enough after
    assert_allclose(raw[0, 1] - raw[0, 2], 1.0, rtol=1e-12)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("coef", [1.0, 0.0])
def test_predictions_of_what_is_not_finite_are_refused(kind, bad, coef):
    X, y = np.eye(4), [0, 0, 1, 1]
    model = SGDClassifier(random_state=0).fit(X, y)
    model.coef_[0, 2] = coef  # a product may pass over an entry that meets a zero
    X[3, 2] = bad
    for method in (model.predict, model.decision_function, model.raw_prediction):
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            method(kind(X))


def test_predictions_that_overflow_are_infinite():
    model = SGDRegressor().fit([[1.0], [2.0]], [1.0, 2.0])
    model.coef_ = np.array([1e200])
    assert model.predict([[1e200], [-1e200]]).tolist() == [np.inf, -np.inf]


def test_labels_keep_their_type():
    for labels in (["b", "aaa"], [np.int8(3), np.int8(5)], [True, False]):
        classes = np.unique(labels)
        model = SGDClassifier().fit([[0.0], [1.0]], labels)
        assert model.predict([[0.0], [1.0]]).dtype == classes.dtype
    objects = np.array(["b", "aaa"], dtype=object)
    assert SGDClassifier().fit([[0.0], [1.0]], objects).predict([[1.0]]).dtype == object
