"""learning_rate="auto" against solvers that nobody here wrote."""

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog, minimize
from scipy.special import logsumexp, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ElasticNet,
    LogisticRegression,
    QuantileRegressor,
    Ridge,
)

from sklearn_losses import (
    CrossEntropy,
    Hinge,
    Huber,
    LogLoss,
    MulticlassHinge,
    MulticlassSquaredHinge,
    NumpyLoss,
    Perceptron,
    Quantile,
    SGDClassifier,
    SGDRegressor,
    Sparsemax,
    SquaredError,
)
from sklearn_losses.solvers.descent import _quasi_newton_model
from sklearn_losses.solvers.descent._settings import SETTINGS

ALPHA = 0.01


def regression(n=300, d=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * 10.0 ** np.arange(-2, d - 2) + 3.0
    y = X / X.std(axis=0) @ rng.normal(size=d) + rng.standard_t(3, size=n) + 5.0
    return X, y


def classification(n=300, d=6, seed=0):
    X, y = regression(n, d, seed)
    return X, (y > np.median(y)).astype(int)


def objective(loss, X, y, coef, intercept, alpha=ALPHA, weight=None):
    raw = X @ coef + intercept
    total = loss.value(np.asarray(y, float), raw, weight).sum() / len(y)
    return total + alpha / 2 * coef @ coef


def gap(loss, X, y, model, best, alpha=ALPHA):
    """What is missing, as a share of what the best constant leaves to gain."""
    y = np.asarray(y, float)
    found = objective(loss, X, y, model.coef_.ravel(), model.intercept_[0], alpha)
    constant = loss.mean(y, np.full(len(y), loss.optimal_constant(y)))
    return (found - best) / (constant - best)


def regressor(loss, **settings):
    return SGDRegressor(loss, learning_rate="auto", **{"alpha": ALPHA} | settings)


def test_ridge():
    X, y = regression()
    model = regressor(SquaredError(), tol=1e-10).fit(X, y)
    # Half of the squared error, and alpha times the number of rows.
    known = Ridge(alpha=ALPHA * len(y), tol=1e-12).fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(model.intercept_[0], known.intercept_, rtol=1e-6)


def test_logistic_regression():
    X, y = classification()
    model = SGDClassifier(LogLoss(), learning_rate="auto", alpha=ALPHA, tol=1e-12)
    model.fit(X, y)
    known = LogisticRegression(
        C=1 / (ALPHA * len(y)), solver="newton-cholesky", tol=1e-12
    ).fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-4, atol=1e-8)


def test_quantile_regression():
    X, y = regression()
    X = X / X.std(axis=0)
    model = regressor(Quantile(0.7), alpha=0.0).fit(X, y)
    known = QuantileRegressor(quantile=0.7, alpha=0, solver="highs").fit(X, y)
    best = objective(Quantile(0.7), X, y, known.coef_, known.intercept_, 0.0)
    assert -1e-9 < gap(Quantile(0.7), X, y, model, best, 0.0) < 0.01


def test_huber():
    X, y = regression()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    loss = Huber(0.5)

    def value(v):
        return objective(loss, X, y, v[:-1], v[-1])

    best = minimize(value, np.zeros(7), method="BFGS", options={"gtol": 1e-7}).fun
    assert -1e-6 < gap(loss, X, y, regressor(loss).fit(X, y), best) < 0.01


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_elastic_net(l1_ratio):
    X, y = regression()
    X = X / X.std(axis=0)
    model = regressor(
        SquaredError(), penalty="elasticnet", l1_ratio=l1_ratio, alpha=0.5, tol=1e-9
    ).fit(X, y)
    known = ElasticNet(alpha=0.5, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000)
    known.fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, atol=1e-4)
    np.testing.assert_array_equal(model.coef_ == 0, known.coef_ == 0)


@pytest.mark.parametrize("loss", [SquaredError(), Quantile(0.5)])
def test_weights_are_repetitions(loss):
    X, y = regression(100)
    repeats = np.arange(100) % 4  # some rows are not there
    many = np.repeat(np.arange(100), repeats)
    # The sum is divided by the number of rows, which weights of 0 do not count.
    factor = len(many) / np.count_nonzero(repeats)
    once = regressor(loss, alpha=ALPHA * factor)
    once.fit(X, y, sample_weight=repeats.astype(float))
    other = regressor(loss).fit(X[many], y[many])
    if loss.differentiable:
        np.testing.assert_allclose(once.coef_, other.coef_, rtol=1e-6)
    values = [
        objective(loss, X[many], y[many], m.coef_, m.intercept_[0])
        for m in (once, other)
    ]
    np.testing.assert_allclose(*values, rtol=1e-3)


def test_weight_zero_is_absence():
    X, y = regression()
    weight = np.ones(len(y))
    weight[::3] = 0.0
    changed = y.copy()
    changed[::3] = 1e300
    model = regressor(SquaredError()).fit(X, changed, sample_weight=weight)
    known = regressor(SquaredError()).fit(X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-8)


@pytest.mark.parametrize("loss", [SquaredError(), Quantile(0.5)])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_sparse_and_dense(loss, penalty):
    X, y = regression()
    X = X / X.std(axis=0)
    X[X < 0.5] = 0.0
    dense = regressor(loss, penalty=penalty).fit(X, y)
    found = regressor(loss, penalty=penalty).fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(found.coef_, dense.coef_, rtol=1e-5, atol=1e-6)


def test_float32():
    X, y = regression()
    X = X.astype(np.float32)
    model = regressor(SquaredError(), tol=1e-9).fit(X, y)
    assert model.coef_.dtype == np.float32
    known = regressor(SquaredError(), tol=1e-9).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-6)


@pytest.mark.parametrize("loss", [SquaredError(), Quantile(0.5)])
def test_awkward_columns(loss):
    """Constant, repeated, huge and tiny columns change nothing that they should not."""
    X, y = regression(d=3)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    plain = regressor(loss, alpha=0.0).fit(X, y)
    ones = np.full((len(y), 1), 7.0)
    awkward = np.hstack([X * [1e8, 1e-8, 1.0] + [1e12, 0.0, 1e6], ones, X[:, :1]])
    model = regressor(loss, alpha=0.0).fit(awkward, y)
    assert model.coef_[3] == 0.0
    values = [loss.mean(y, m.predict(Z)) for m, Z in ((plain, X), (model, awkward))]
    np.testing.assert_allclose(*values, rtol=5e-3)


def test_more_features_than_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 60)), rng.normal(size=20)
    model = regressor(SquaredError(), tol=1e-10).fit(X, y)
    known = Ridge(alpha=ALPHA * 20, solver="svd").fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, atol=1e-5)


@pytest.mark.parametrize("loss", [Hinge(), LogLoss()])
def test_separable_without_penalty(loss):
    X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), [0, 0, 1, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = SGDClassifier(loss, learning_rate="auto", alpha=0.0).fit(X, y)
    assert np.isfinite(model.coef_).all()
    raw = model.decision_function(X)
    assert loss.mean(np.array(y, float), raw) < 0.01


def test_loss_of_python_without_curvature():
    X, y = regression()
    loss = NumpyLoss(
        lambda y, p: np.logaddexp(p - y, y - p),
        lambda y, p: np.tanh(p - y),
    )

    def value(v):
        return objective(loss, X / X.std(axis=0), y, v[:-1], v[-1], 0.0)

    model = regressor(loss, alpha=0.0).fit(X, y)
    best = minimize(value, np.zeros(7), method="BFGS").fun
    assert -1e-6 < gap(loss, X, y, model, best, 0.0) < 0.01


def test_one_versus_rest_is_each_class_alone():
    X, y = regression()
    labels = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    model = SGDClassifier(learning_rate="auto").fit(X, labels)
    threads = SGDClassifier(learning_rate="auto", n_jobs=2).fit(X, labels)
    np.testing.assert_array_equal(model.coef_, threads.coef_)
    for k in range(3):
        alone = SGDClassifier(learning_rate="auto").fit(X, labels == k)
        np.testing.assert_allclose(model.coef_[k], alone.coef_[0], rtol=1e-8)


@pytest.mark.parametrize("alpha", [0.0, ALPHA])
def test_squared_error_takes_one_step(alpha):
    """For mean and spread, at the constant, along the step: it went as foreseen."""
    X, y = regression()
    model = regressor(SquaredError(), alpha=alpha).fit(X, y)
    Z, centred = X - X.mean(axis=0), y - y.mean()
    second = Z.T @ Z + alpha * len(y) * np.eye(Z.shape[1])
    np.testing.assert_allclose(model.coef_, np.linalg.solve(second, Z.T @ centred))
    assert model.n_iter_ == 3


@pytest.mark.parametrize("loss", [LogLoss(), Hinge(), Quantile(0.3), Huber()])
def test_few_rows_end_near_the_optimum(loss):
    """Whatever smoothing is left, and whichever step is thought to be the last."""
    rng = np.random.default_rng(0)
    for n in (10, 30, 100):
        X, y = regression(n, 3, seed=n)
        y = (y > np.median(y)).astype(float) if loss.task == "binary" else y
        kind = SGDClassifier if loss.task == "binary" else SGDRegressor
        model = kind(loss, learning_rate="auto", alpha=ALPHA).fit(X, y)
        here = model.coef_.ravel(), model.intercept_[0]
        value = objective(loss, X, y, *here)
        constant = loss.mean(y, np.full(n, loss.optimal_constant(y)))
        for size in 10.0 ** -rng.uniform(0, 4, size=100):
            shift = size * rng.normal(size=3) / X.std(axis=0)
            intercept = here[1] - shift @ X.mean(axis=0) + size * rng.normal()
            other = objective(loss, X, y, here[0] + shift, intercept)
            assert value - other <= 0.01 * (constant - value)


def test_warm_start_saves_passes():
    X, y = classification()
    model = SGDClassifier(LogLoss(), learning_rate="auto", warm_start=True)
    first = model.fit(X, y).n_iter_
    assert model.fit(X, y).n_iter_ < first


def test_few_passes_warn_and_are_no_worse_than_a_constant():
    X, y = regression()
    model = regressor(Quantile(0.5), max_iter=6)
    with pytest.warns(ConvergenceWarning, match="max_iter=6 passes"):
        model.fit(X, y)
    assert model.n_iter_ <= 6
    assert objective(Quantile(0.5), X, y, model.coef_, model.intercept_[0]) <= Quantile(
        0.5
    ).mean(y, np.full(len(y), np.median(y)))


@pytest.mark.parametrize("loss", [SquaredError(), Quantile(0.5)])
def test_without_intercept(loss):
    X, y = regression()
    X = X / X.std(axis=0)
    model = regressor(loss, fit_intercept=False, alpha=0.0).fit(X, y)
    assert model.intercept_[0] == 0.0
    if loss.differentiable:
        best = np.linalg.lstsq(X, y, rcond=None)[0]
        np.testing.assert_allclose(model.coef_, best, rtol=1e-6)
    else:
        known = QuantileRegressor(alpha=0, fit_intercept=False).fit(X, y)
        best, zero = (loss.mean(y, X @ coef) for coef in (known.coef_, 0 * known.coef_))
        assert loss.mean(y, model.predict(X)) - best < 0.01 * (zero - best)


def test_early_stopping_and_verbose(capsys):
    X, y = regression()
    model = regressor(Huber(1.0), early_stopping=True, verbose=1, random_state=0)
    model.fit(X, y)
    assert capsys.readouterr().out.startswith("iteration    1  loss ")
    assert Huber(1.0).mean(y, model.predict(X)) < 0.5 * Huber(1.0).mean(
        y, np.full(len(y), np.median(y))
    )


# --------------------------------------------------- quasi-Newton: losses of rows
@pytest.fixture(params=["blocks", "diagonal"])
def quasi_newton(request, monkeypatch):
    """Few features are treated as if they were many."""
    monkeypatch.setitem(vars(SETTINGS), "most_features", 0)
    if request.param == "diagonal":
        monkeypatch.setattr(_quasi_newton_model, "MOST_NUMBERS", 0)


def classes(n=300, d=6):
    X, y = regression(n, d)
    return X, np.digitize(y, np.quantile(y, [0.3, 0.6])).astype(float)


def test_softmax_regression(quasi_newton):
    X, y = classes()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    known = LogisticRegression(C=1 / (ALPHA * len(y)), tol=1e-10, max_iter=10_000)
    known.fit(X, y)
    for rows in (X, sparse.csr_array(X)):
        model = SGDClassifier(CrossEntropy(), alpha=ALPHA, tol=1e-11).fit(rows, y)
        np.testing.assert_allclose(model.coef_, known.coef_, atol=1e-4)


def test_softmax_regression_with_l1(quasi_newton):
    X, y = classes()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    known = LogisticRegression(
        l1_ratio=1.0, C=1 / (ALPHA * len(y)), solver="saga", tol=1e-9, max_iter=50_000
    ).fit(X, y)
    model = SGDClassifier(CrossEntropy(), penalty="l1", alpha=ALPHA, tol=1e-10)
    for rows in (X, sparse.csr_array(X)):
        model.fit(rows, y)
        values = [
            CrossEntropy().mean(y, X @ m.coef_.T + m.intercept_)
            + ALPHA * np.abs(m.coef_).sum()
            for m in (model, known)
        ]
        np.testing.assert_allclose(*values, rtol=1e-6)


def multiclass_hinge_optimum(X, y):
    """The least mean loss without penalty, by linear programming."""
    n, K = len(y), int(y.max()) + 1
    Z = np.column_stack([X, np.ones(n)])
    bounds = [(None, None)] * (K * Z.shape[1]) + [(0, None)] * n
    rows = []
    for i in range(n):
        for k in set(range(K)) - {int(y[i])}:  # 1 + p_k - p_y <= xi_i
            row = np.zeros(len(bounds))
            for j, sign in ((k, 1.0), (int(y[i]), -1.0)):
                row[j * Z.shape[1] : (j + 1) * Z.shape[1]] += sign * Z[i]
            row[K * Z.shape[1] + i] = -1.0
            rows.append(row)
    cost = np.append(np.zeros(K * Z.shape[1]), np.full(n, 1 / n))
    return linprog(cost, np.array(rows), -np.ones(len(rows)), bounds=bounds).fun


def test_multiclass_hinge(quasi_newton):
    X, y = classes(120, 3)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    loss = MulticlassHinge()
    model = SGDClassifier(loss, alpha=0.0).fit(X, y)
    found = loss.mean(y, model.decision_function(X))
    constant = loss.mean(y, np.tile(loss.optimal_constant(y), (len(y), 1)))
    best = multiclass_hinge_optimum(X, y)
    assert -1e-6 < (found - best) / (constant - best) < 0.01


@pytest.mark.parametrize("loss", [MulticlassSquaredHinge(), Sparsemax()])
def test_other_losses_of_rows(loss, quasi_newton):
    X, y = classes()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)

    def function(v):
        W = v.reshape(3, -1)
        raw = Z @ W[:, :-1].T + W[:, -1]
        slopes = loss.gradient(y, raw) / len(y)
        gradient = np.column_stack([slopes.T @ Z, slopes.sum(axis=0)])
        gradient[:, :-1] += ALPHA * W[:, :-1]
        value = loss.mean(y, raw) + ALPHA / 2 * np.sum(W[:, :-1] ** 2)
        return value, gradient.ravel()

    known = minimize(function, np.zeros(21), jac=True, method="L-BFGS-B")
    model = SGDClassifier(loss, alpha=ALPHA).fit(Z, y)
    found = function(np.column_stack([model.coef_, model.intercept_]).ravel())[0]
    constant = loss.mean(y, np.tile(loss.optimal_constant(y), (len(y), 1)))
    assert -1e-6 < (found - known.fun) / (constant - known.fun) < 0.01


def test_weight_zero_is_absence_in_a_loss_of_rows(quasi_newton):
    X, y = classes()
    weight = 1.0 * (np.arange(len(y)) % 3 > 0)
    for loss in (CrossEntropy(), MulticlassHinge(), rows_of_python()):
        model = SGDClassifier(loss).fit(X, y, sample_weight=weight)
        known = SGDClassifier(loss).fit(X[weight > 0], y[weight > 0])
        np.testing.assert_allclose(
            model.predict(X), known.predict(X), err_msg=repr(loss)
        )
        size = np.abs(known.coef_).max(axis=0)
        np.testing.assert_allclose(
            model.coef_ / size, known.coef_ / size, atol=1e-6, err_msg=repr(loss)
        )


def rows_of_python(**traits):
    """Softmax regression without curvature."""

    def value(y, p):
        return logsumexp(p, axis=1) - p[np.arange(len(y)), y]

    def gradient(y, p):
        slopes = softmax(p, axis=1)
        slopes[np.arange(len(y)), y] -= 1.0
        return slopes

    return NumpyLoss(value, gradient, task="multiclass", convex=True, **traits)


def test_loss_of_rows_of_python(quasi_newton):
    X, y = classes()
    known = SGDClassifier(CrossEntropy(), tol=1e-9).fit(X, y)
    model = SGDClassifier(rows_of_python(), tol=1e-9).fit(X, y)
    # A number added to all classes changes nothing but the penalty.
    probabilities = [softmax(m.decision_function(X), axis=1) for m in (model, known)]
    np.testing.assert_allclose(*probabilities, atol=1e-3)


def test_unknown_kinks_of_rows_warn():
    X, y = classes(60)
    with pytest.warns(ConvergenceWarning, match="cannot smooth the kinks of"):
        SGDClassifier(rows_of_python(differentiable=False)).fit(X, y)


@pytest.mark.parametrize("loss", [SquaredError(), Huber(0.5), Quantile(0.3)])
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])
def test_quasi_newton_finds_what_newton_finds(loss, penalty, monkeypatch):
    X, y = regression()
    X = X / X.std(axis=0)
    newton = regressor(loss, penalty=penalty, tol=1e-5).fit(X, y)
    monkeypatch.setitem(vars(SETTINGS), "most_features", 0)
    for most_numbers in (_quasi_newton_model.MOST_NUMBERS, 0):
        monkeypatch.setattr(_quasi_newton_model, "MOST_NUMBERS", most_numbers)
        model = regressor(loss, penalty=penalty, tol=1e-5).fit(X, y)
        constant = loss.mean(y, np.full(len(y), loss.optimal_constant(y)))
        values = [loss.mean(y, m.predict(X)) for m in (model, newton)]
        assert abs(values[0] - values[1]) < 3e-3 * (constant - values[1])


@pytest.mark.parametrize("rows", [np.array, sparse.csr_array])
def test_more_than_a_thousand_features(rows):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 1500)), rng.normal(size=30)
    model = regressor(SquaredError(), tol=1e-10).fit(rows(X), y)
    known = Ridge(alpha=ALPHA * 30, solver="svd").fit(X, y)
    values = [
        objective(SquaredError(), X, y, m.coef_, np.ravel(m.intercept_)[0])
        for m in (model, known)
    ]
    np.testing.assert_allclose(*values, rtol=1e-3)
    np.testing.assert_allclose(model.predict(X), known.predict(X), atol=1e-3)


def test_a_step_does_not_end_higher_behind_a_kink():
    """The slope of a long step may be small where an l1 norm has taken over."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((300, 600), density=0.01, format="csr", rng=rng)
    y = X @ rng.normal(size=600) > 0
    model = SGDClassifier(Hinge(), penalty="l1").fit(X, y)
    found = Hinge().mean(1.0 * y, model.decision_function(X))
    assert found + 1e-4 * np.abs(model.coef_).sum() < 0.9


def test_perceptron_is_not_left_at_its_minimum():
    X, y = classification()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    assert np.abs(SGDClassifier(Perceptron()).fit(X, y).coef_).max() > 0


@pytest.mark.parametrize("loss", [Hinge(), CrossEntropy()])
@pytest.mark.parametrize("rows", [np.asarray, sparse.csr_array])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_does_not_copy_X(loss, rows):
    X = rows(np.ones((5_000, 1_200)))
    y = np.arange(5_000) % 2
    tracemalloc.start()
    SGDClassifier(loss, max_iter=4).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.75 * 8 * 5_000 * 1_200


def test_infinite_curvature_at_the_minimum_does_not_keep_it_going():
    def value(y_true, raw_prediction):
        return np.abs(raw_prediction - y_true) ** 1.2

    def gradient(y_true, raw_prediction):
        r = raw_prediction - y_true
        return 1.2 * np.sign(r) * np.abs(r) ** 0.2

    X = np.linspace(-1, 1, 100).reshape(-1, 1)
    loss = NumpyLoss(value, gradient, convex=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SGDRegressor(loss, penalty=None).fit(X, 3 * X.ravel())
    assert model.n_iter_ < 100
    np.testing.assert_allclose(model.coef_, 3.0, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-30, 1e-9, 1e9, 1e30])
@pytest.mark.parametrize("loss", ["squared_error", Huber(scale="mad"), Quantile(0.3)])
def test_unit_of_y(loss, unit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=200)
    coef = SGDRegressor(loss, alpha=0).fit(X, y).coef_
    scaled = SGDRegressor(loss, alpha=0).fit(X, unit * y).coef_
    np.testing.assert_allclose(scaled / unit, coef, rtol=1e-2, atol=1e-2)


def test_constant_y_is_not_fitted_to_rounding():
    X = np.random.default_rng(0).normal(size=(100, 3))
    model = SGDRegressor(alpha=0).fit(X, np.full(100, 0.1))
    assert not model.coef_.any()


@pytest.mark.parametrize("seed", range(5))
def test_no_perceptron_is_said_to_diverge(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 3))
    y = rng.normal(size=100) > 0  # noise: the last epoch is often above the first
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        SGDClassifier("perceptron", random_state=0).fit(X, y)
    assert not [w for w in caught if "has diverged" in str(w.message)]
