"""Fits where a quadratic model says little: flat rows, few rows, kinks, constants."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses import LinearClassifier, LinearRegressor, SGDClassifier
from sklearn_losses import SGDRegressor as SGD
from sklearn_losses.losses import (
    AbsoluteError,
    Asymmetric,
    Barron,
    CrossEntropy,
    EpsilonInsensitive,
    Expectile,
    Exponential,
    Hinge,
    Huber,
    Linex,
    LogCosh,
    LogLoss,
    MulticlassHinge,
    NumpyLoss,
    PolyLoss,
    Quantile,
    SmoothHinge,
    SmoothQuantile,
    SquaredEpsilonInsensitive,
    SquaredHinge,
    StudentT,
    TukeyBiweight,
    Tweedie,
)
from tests.cases import shown


def huber_of_numpy(delta):
    def value(y, raw):
        r = np.abs(raw - y)
        return np.where(r < delta, 0.5 * r * r, delta * (r - 0.5 * delta))

    return NumpyLoss(value, lambda y, raw: np.clip(raw - y, -delta, delta), convex=True)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize(
    "loss",
    [
        Huber(0.1),
        LogCosh(),
        SmoothQuantile(0.9),
        Asymmetric(Huber(), 2.0, 0.5),
        0.001 * Huber() + 0.1 * LogCosh(),
        huber_of_numpy(0.1),
        Linex(0.05),
        Linex(-0.05),
        SquaredEpsilonInsensitive(50.0),
    ],
    ids=shown,
)
def test_a_loss_that_is_linear_around_all_rows_leaves_the_constant(loss, unit):
    """Its curvature there is 0, or that of a few rows, whatever the unit of y."""
    X, y = load_diabetes(return_X_y=True)
    if isinstance(loss, Linex):
        loss = Linex(loss.a / unit)  # exponentials of numbers without a unit
    if isinstance(loss, SquaredEpsilonInsensitive):
        loss = SquaredEpsilonInsensitive(loss.epsilon * unit)  # or all rows are in it
    y = unit * y
    certified = LinearRegressor(loss, penalty=None).fit(X, y)
    constant = loss.mean(y, np.full(len(y), loss.optimal_constant(y)))
    gain = constant - certified.objective_
    assert gain > 0
    assert certified.gap_ <= 1e-5 * gain
    found = loss.mean(y, SGD(loss, penalty=None).fit(X, y).raw_prediction(X))
    assert found - certified.objective_ <= 0.01 * gain


def l1_hinge_by_linear_program(X, s, alpha):
    n, d = X.shape
    cost = np.r_[np.full(2 * d, alpha), 0, np.full(n, 1 / n)]
    rows = np.c_[-s[:, None] * X, s[:, None] * X, -s, -np.eye(n)]
    bounds = [(0, None)] * (2 * d) + [(None, None)] + [(0, None)] * n
    return linprog(cost, rows, -np.ones(n), bounds=bounds, method="highs").fun


@pytest.mark.parametrize(("n", "d", "alpha"), [(30, 60, 1e-4), (50, 200, 1e-2)])
def test_hinge_with_l1_and_more_features_than_rows(n, d, alpha):
    rng = np.random.default_rng(n + d)
    X = rng.normal(size=(n, d))
    y = (X @ rng.normal(size=d) / np.sqrt(d) + 3 * rng.logistic(size=n) > 0).astype(int)
    best = l1_hinge_by_linear_program(X, 2 * y - 1, alpha)
    gain = 2 * min(y.mean(), 1 - y.mean()) - best
    for cls, allowed in ((LinearClassifier, 1e-5), (SGDClassifier, 0.01)):
        model = cls("hinge", penalty="l1", alpha=alpha).fit(X, y)
        value = Hinge().mean(y, model.decision_function(X))
        assert value + alpha * np.abs(model.coef_).sum() - best <= allowed * gain


@pytest.mark.parametrize("seed", [4, 10, 14])
def test_rows_of_a_joint_loss_that_are_all_flat(seed):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(6, 40)), int(rng.integers(2, 34))
    X, y = rng.normal(size=(n, d)), np.resize([0, 1, 2], n)
    model = LinearClassifier(MulticlassHinge(), alpha=1e-6).fit(X, y)
    assert model.gap_ <= 1e-5
    assert model.score(X, y) == 1


@pytest.mark.parametrize("cls", [LinearClassifier, SGDClassifier])
@pytest.mark.parametrize("loss", [Hinge(), MulticlassHinge()], ids=shown)
def test_a_constant_that_is_the_optimum_is_said_to_be(cls, loss):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4))
    y = rng.integers(0, 2 if isinstance(loss, Hinge) else 6, 300)
    with warnings.catch_warnings():
        warnings.simplefilter("error", category=RuntimeWarning)
        with pytest.warns(UserWarning, match="best constant is the optimum") as seen:
            model = cls(loss).fit(X, y)
    assert len(seen) == 1  # nothing says that it did not arrive
    assert model.n_iter_ < 300
    assert not model.coef_.any()


def test_slopes_that_sum_to_nothing_beside_the_largest_of_them_bound_nothing():
    """Exponentials of 200 beside linear slopes: the sum had no digit of the latter."""
    X, y = load_diabetes(return_X_y=True)
    loss = Linex(1000 / y.std())
    certified = LinearRegressor(loss).fit(X, y)
    model = SGD(loss).fit(X, y)
    value = loss.mean(y, model.predict(X)) + 0.5e-4 * model.coef_ @ model.coef_
    assert value >= certified.objective_ - certified.gap_ - 1e-12


def test_slopes_at_their_limit_are_certified():
    """log(cosh) of 1e7 has the slope 1.0, at which its conjugate is finite."""
    X, y = load_diabetes(return_X_y=True)
    model = LinearRegressor(LogCosh()).fit(X, 1e6 * y)
    constant = LogCosh().mean(1e6 * y, np.full(len(y), np.median(1e6 * y)))
    assert model.gap_ <= 0.01 * (constant - model.objective_)


@pytest.mark.parametrize("loss", [Hinge(), SmoothHinge(0.01)], ids=shown)
def test_columns_far_from_0_without_an_intercept(loss):
    rng = np.random.default_rng(1)
    z = rng.normal(size=(300, 4))
    y = (z[:, 0] + rng.normal(size=300) > 0).astype(int)
    X = 1e4 + z
    settings = dict(alpha=1e-4, fit_intercept=False)
    certified = LinearClassifier(loss, **settings).fit(X, y)
    model = SGDClassifier(loss, **settings).fit(X, y)
    value = loss.mean(y, model.decision_function(X))
    value += 0.5e-4 * float(np.vdot(model.coef_, model.coef_))
    gain = loss.mean(y, np.zeros(300)) - certified.objective_
    assert certified.gap_ <= 1e-4 * gain
    assert value - certified.objective_ <= 0.015 * gain


def test_cross_entropy_with_l1_on_heavy_tails():
    rng = np.random.default_rng(205)
    X = rng.standard_t(1.5, size=(200, 5)) ** 3
    y = np.digitize(X[:, 0] + rng.normal(size=200), [-1, 1])
    settings = dict(penalty="l1", alpha=1e-3)
    certified = LinearClassifier(CrossEntropy(), **settings).fit(X, y)
    model = SGDClassifier(CrossEntropy(), **settings).fit(X, y)
    value = CrossEntropy().mean(y, model.decision_function(X))
    value += 1e-3 * np.abs(model.coef_).sum()
    assert certified.gap_ <= 1e-6
    assert value <= certified.objective_ + 0.01


@pytest.mark.parametrize(
    "fit",
    [
        lambda X, y: LinearRegressor(SquaredEpsilonInsensitive(), alpha=0).fit(
            1e-156 * X[:, :1], y
        ),
        lambda X, y: LinearRegressor(Quantile(0.05), alpha=0).fit(1e-156 * X, y),
        lambda X, y: LinearRegressor(EpsilonInsensitive(0), alpha=0).fit(
            1e150 * X, 0 * y
        ),
        lambda X, y: LinearRegressor(Expectile(0.1), solver="lbfgs").fit(
            X, 1e-167 * (2 + X[:, 0])
        ),
        lambda X, y: SGD(Huber(delta=1e-320)).fit(X, X[:, 0]),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_numbers_whose_products_underflow(fit):
    X = np.random.default_rng(0).normal(size=(20, 3))
    model = fit(X, np.full(20, 0.9244))
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("cls", [LinearRegressor, SGD])
@pytest.mark.parametrize(
    "loss", [StudentT(scale=1e-200), Barron(2.0, scale=1e-300)], ids=shown
)
def test_an_objective_that_is_infinite_is_said_to_be(cls, loss):
    with pytest.warns(ConvergenceWarning, match="objective overflows"):
        cls(loss).fit(np.arange(10.0).reshape(-1, 1), np.arange(10.0) % 3)


def test_a_finite_minimum_is_not_called_separation():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    mean = np.exp(X @ [0.3, -0.2, 0.1] + 1)
    y = np.where(rng.random(400) < 0.3, 0, rng.gamma(2, mean / 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LinearRegressor(Tweedie(0), penalty=None, tol=1e-10).fit(X, y)
    assert np.abs(model.coef_).max() < 1


@pytest.mark.parametrize("cls", [LinearRegressor, SGD])
def test_rows_out_of_reach_of_a_bounded_loss_are_counted(cls):
    X, y = load_diabetes(return_X_y=True)
    with pytest.warns(
        UserWarning, match="At least 90% of the residuals .* scale='mad'"
    ):
        model = cls(TukeyBiweight()).fit(X, 1000 * y)
    loss, y = TukeyBiweight(), 1000 * y
    constant = loss.mean(y, np.full(len(y), loss.optimal_constant(y)))
    assert loss.mean(y, model.predict(X)) <= constant
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cls(TukeyBiweight(scale="mad"), alpha=0).fit(X, y)
        cls(AbsoluteError(), alpha=0).fit(X, y)


def test_a_stream_says_that_rows_are_out_of_reach():
    X, y = load_diabetes(return_X_y=True)
    model = SGD(TukeyBiweight(), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X[:1], 1e6 + y[:1])  # a single row may be far off
    with pytest.warns(UserWarning, match="residuals of these rows .* scale='mad'"):
        model.partial_fit(X, 1000 * y)


def far_entries(kind, n=300):
    """Rows of two classes, and some entries of X that are far from all others."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    y = (X @ [1.0, 2.0, -1.0, 0.5] + rng.normal(size=n) > 0).astype(int)
    if kind == "cell":
        X[np.flatnonzero(y)[0], 1] = 1e5
    elif kind == "huge cell":
        X[np.flatnonzero(y)[0], 1] = 1e9
    elif kind == "row":
        X[np.flatnonzero(y)[0]] = 1e6
    elif kind == "between two columns":
        X[:, 1] = X[:, 0] + 1e-5 * X[:, 1]
        X[np.flatnonzero(y)[0], 1] += 1.0
    elif kind == "pareto":
        X = rng.pareto(0.5, size=(n, 4))
        y = (np.log1p(X) @ [1.0, 2.0, -1.0, 0.5] + rng.normal(size=n) > 3).astype(int)
    return X, y


@pytest.mark.parametrize("kind", ["cell", "huge cell", "row", "pareto"])
@pytest.mark.parametrize(
    "loss",
    [
        LogLoss(),
        Hinge(),
        SquaredHinge(),
        SmoothHinge(gamma=0.1),
        PolyLoss(),
        Exponential(),
    ],
    ids=shown,
)
def test_far_entries_of_X_hide_nothing(kind, loss):
    """The curvature of their rows is large until their loss is flat, steps later."""
    check_gains_all(loss, *far_entries(kind))


@pytest.mark.parametrize("loss", [LogLoss(), SquaredHinge()], ids=shown)
def test_a_row_that_is_far_between_parallel_columns_hides_nothing(loss):
    check_gains_all(loss, *far_entries("between two columns"))


@pytest.mark.parametrize("loss", [LogLoss(), Hinge()], ids=shown)
def test_far_entries_of_csr_rows_hide_nothing(loss):
    X, y = far_entries("huge cell")
    X[:, 2] *= np.arange(len(X)) % 3 == 0
    check_gains_all(loss, sparse.csr_array(X), y)


def check_gains_all(loss, X, y):
    best = LinearClassifier(loss, penalty=None).fit(X, y)
    model = SGDClassifier(loss, penalty=None).fit(X, y)
    constant = LinearClassifier(loss, penalty=None).fit(np.zeros((len(y), 1)), y)
    value = loss.mean(y.astype(float), model.decision_function(X))
    gain = constant.objective_ - best.objective_
    assert best.gap_ < 1e-5 * gain
    assert value < best.objective_ + 0.01 * gain


@pytest.mark.parametrize("unit", [1e3, 1e5, 1e9])
@pytest.mark.parametrize("a", [1.0, -1.0])
def test_rows_on_the_steep_side_of_exponentials_hide_nothing(a, unit):
    """One of them may have most of the curvature, and gain 1 / a at each step."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = unit * (X @ [1.0, 2.0, -1.0, 0.5] + rng.normal(size=100))
    for loss in (Linex(a), Linex(a) + Huber()):
        best = LinearRegressor(loss, penalty=None).fit(X, y)
        model = SGD(loss, penalty=None).fit(X, y)
        value = loss.mean(y, model.predict(X))
        assert value < 1.01 * best.objective_ + best.gap_


def test_an_end_with_much_smoothing_left_is_proved():
    """Most rows are the same: to the model their band is all there is."""
    X = np.zeros((21, 1))
    X[:6, 0] = [0.72, -8.7, 3.0, -6.4, -1.6, 0.0]
    y = np.array([0.0, 3.0, -1.0, 2.0, 1.0] + 16 * [0.0])
    weight = np.array([1.0, 0.8, 1.89, 1.05, 0.91, 1.3] + 15 * [1.3])
    best = LinearRegressor(AbsoluteError()).fit(X, y, sample_weight=weight)
    model = SGD(AbsoluteError()).fit(X, y, sample_weight=weight)
    value = np.average(np.abs(y - model.predict(X)), weights=weight)
    assert value < 1.01 * best.objective_


@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize("alpha", [1e-13, 1e-10])
@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_next_to_no_penalty_is_no_harder_than_none(penalty, alpha, unit):
    """The bound was charged for rounding, divided by alpha."""
    rng = np.random.default_rng(0)
    X = unit * rng.normal(size=(60, 6))
    y = X @ np.ones(6) / unit + rng.standard_t(2, size=60)
    for loss in (AbsoluteError(), Huber(1.0)):
        model = LinearRegressor(loss, penalty=penalty, alpha=alpha).fit(X, y)
        assert model.gap_ < 1e-5 * np.abs(y).mean()


@pytest.mark.parametrize("loss", [Huber(1e-3), SmoothQuantile(0.75, 1e-3)], ids=shown)
def test_columns_none_of_whose_rows_bend(loss):
    """Newton's model is blind there: it has a slope and no curvature."""
    for seed in (9, 10, 11):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(60, 3)) * (rng.random((60, 3)) < 0.2)
        X *= 100 ** rng.normal(size=(60, 3))
        y = np.round(rng.normal(size=60))
        objectives = []
        for cls in (LinearRegressor, SGD):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                model = cls(loss, penalty=None, fit_intercept=False).fit(X, y)
            objectives.append(loss.mean(y, X @ model.coef_))
        assert objectives[1] < 1.01 * objectives[0]


def test_a_bound_for_small_coefficients_is_not_taken_for_one_for_larger_ones():
    """The slopes were those of a step from 0, a millionth as long as the way."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    X[:3] *= 1e9
    y = X @ [1.0, 2.0, -1.0, 0.5] + rng.normal(size=200)
    y[:3] = rng.normal(size=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LinearRegressor(penalty=None).fit(X, y)
    coef = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y, rcond=1e-30)[0]
    least = 0.5 * np.mean((X @ coef[:4] + coef[4] - y) ** 2)
    assert model.objective_ - model.gap_ < least


@pytest.mark.parametrize("cls", [LinearRegressor, SGD])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_a_row_that_hides_all_others_is_named(cls, form):
    """Beside the square of 1e9 the curvature of the others is rounding."""
    X = np.random.default_rng(0).normal(size=(50, 3))
    y = X @ [1.0, 2.0, -1.0]
    X[7] *= 1e9
    with pytest.warns(ConvergenceWarning, match=r"Row 7 of X .* correct such rows"):
        cls(LogCosh(), penalty=None).fit(form(X), y)
