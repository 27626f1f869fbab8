"""LinearRegressor and LinearClassifier: the certificate and the contract of fit."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import linprog, minimize, nnls
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    AbsoluteError,
    CrossEntropy,
    EpsilonInsensitive,
    Expectile,
    Exponential,
    Fair,
    Gamma,
    Hinge,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogCosh,
    LogLoss,
    MulticlassHinge,
    MulticlassSquaredHinge,
    NumpyLoss,
    Perceptron,
    Poisson,
    PseudoHuber,
    Quantile,
    SmoothHinge,
    Sparsemax,
    SquaredError,
    SquaredHinge,
    TukeyBiweight,
    Tweedie,
)
from sklearn_losses.solvers.descent._newton_model import ProductModel
from sklearn_losses.solvers.descent._settings import SETTINGS
from tests.cases import each

REGRESSION = [
    *(SquaredError(), AbsoluteError(), Quantile(0.9), Huber(), PseudoHuber()),
    *(LogCosh(), Expectile(0.8), EpsilonInsensitive(), Fair(), Poisson(), Gamma()),
    *(Tweedie(1.5), Huber() + 0.5 * AbsoluteError()),
]
BINARY = [LogLoss(), Hinge(), SquaredHinge(), SmoothHinge(), Exponential()]
MULTICLASS = [
    *(CrossEntropy(), CrossEntropy(label_smoothing=0.1), Sparsemax()),
    *(MulticlassHinge(), MulticlassSquaredHinge()),
]
CONVEX = [*REGRESSION, *BINARY, *MULTICLASS]
PENALTIES = {
    "l2": dict(alpha=0.01),
    "weak l2": dict(alpha=1e-7),
    "l1": dict(penalty="l1", alpha=0.01),
    "elasticnet": dict(penalty="elasticnet", alpha=0.01, l1_ratio=0.5),
    "none": dict(penalty=None),
}
N, D, K = 200, 5, 3


def estimator(loss, **settings):
    is_regression = loss.task == "regression"
    return (LinearRegressor if is_regression else LinearClassifier)(loss, **settings)


def data(loss, seed=0):
    """Columns of unlike scales and offsets, and targets in the domain of the loss."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(N, D))
    X = Z * [1.0, 100.0, 0.01, 1.0, 1.0] + [0.0, 500.0, 0.0, 1.0, -1.0]
    raw = Z @ [0.5, -0.3, 0.2, 0.0, 0.1] + 0.2
    if loss.task == "multiclass":
        scores = Z @ rng.normal(size=(D, K)) + rng.gumbel(size=(N, K))
        return X, scores.argmax(axis=1)
    if loss.task == "binary":
        return X, (raw + rng.logistic(size=N) > 0).astype(int)
    if loss.domain.low >= 0:
        return X, rng.poisson(np.exp(raw)) + (loss.domain.low == 0) * 1.0
    return X, raw + rng.standard_t(3, size=N)


def objective(model, X, y, coef, intercept, weight=None):
    """F, in numpy."""
    weight = np.ones(len(y)) if weight is None else weight
    raw = X @ np.atleast_2d(coef).T + intercept
    raw = raw[:, 0] if raw.shape[1] == 1 else raw
    share = {"l1": 1.0, "elasticnet": model.l1_ratio}.get(model.penalty, 0.0)
    alpha = 0.0 if model.penalty is None else model.alpha
    value = model.loss_.value(y.astype(float), raw)
    penalty = (1 - share) / 2 * np.sum(coef**2) + share * np.abs(coef).sum()
    return weight @ value / weight.sum() + alpha * penalty


def others(model, X, y):
    """Coefficients that others might have: near to those found, and better by scipy."""
    coef, intercept = np.atleast_2d(model.coef_), model.intercept_
    if len(coef) == 1 and model.loss_.granularity == "row":
        raise NotImplementedError
    unit = 1.0 / X.std(axis=0)
    rng = np.random.default_rng(1)
    for size in (0.0, 1e-6, 1e-4, 1e-2, 1.0):
        yield (
            coef + size * unit * rng.normal(size=coef.shape),
            intercept + size * rng.normal(size=intercept.shape),
        )

    def function(v):
        c = v.reshape(len(coef), D + 1)
        return objective(model, X, y, c[:, :D] * unit, c[:, D])

    start = np.column_stack([coef / unit, intercept]).ravel()
    for method in ("Powell", "Nelder-Mead"):
        options = {"maxfev": 2000, "xtol": 1e-10, "xatol": 1e-10}
        options.pop("xatol" if method == "Powell" else "xtol")
        found = minimize(function, start, method=method, options=options)
        c = found.x.reshape(len(coef), D + 1)
        yield c[:, :D] * unit, c[:, D]


# ----------------------------------------------------------------- the certificate
@pytest.mark.covering
@each(CONVEX)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_converged_fit_has_the_gap_that_tol_allows(loss, penalty):
    X, y = data(loss)
    tol = 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = estimator(loss, **PENALTIES[penalty], tol=tol).fit(X, y)
    raw = np.zeros((N, K)) if loss.task == "multiclass" else np.zeros(N)
    constant = loss.mean(y, raw + loss.optimal_constant(y))
    allowed = tol * (constant - model.objective_ + model.gap_)
    assert 0 <= model.gap_ <= 1.001 * max(allowed, 1e-3 * tol * constant)


@pytest.mark.covering
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each(CONVEX)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("tol", [0.1, 1e-3])
def test_nothing_is_better_than_the_gap_says(loss, penalty, tol):
    """Against a fit to 1e-10 and, near to what was found, against scipy's searches."""
    X, y = data(loss)
    settings = PENALTIES[penalty]
    loose = estimator(loss, **settings, tol=tol).fit(X, y)
    tight = estimator(loss, **settings, tol=1e-10).fit(X, y)
    rounding = 1e-13 * (1.0 + abs(loose.objective_))
    bound = loose.objective_ - loose.gap_ - rounding
    assert bound <= tight.objective_
    assert all(bound <= objective(loose, X, y, *other) for other in others(tight, X, y))


@each(CONVEX)
def test_objective_is_what_numpy_computes(loss):
    X, y = data(loss)
    weight = np.random.default_rng(2).integers(0, 4, N) + 0.5
    model = estimator(loss, alpha=0.1, tol=1e-3).fit(X, y, sample_weight=weight)
    known = objective(model, X, y, model.coef_, model.intercept_, weight)
    assert model.objective_ == pytest.approx(known, rel=1e-12)


def linear_program(y, X, quantile, alpha):
    """The least mean pinball loss plus alpha |w|_1, by scipy's simplex."""
    n, d = X.shape
    cost = [[alpha] * 2 * d, [0.0], [quantile / n] * n, [(1 - quantile) / n] * n]
    matrix = np.hstack([X, -X, np.ones((n, 1)), np.eye(n), -np.eye(n)])
    bounds = [(0, None)] * 2 * d + [(None, None)] + [(0, None)] * 2 * n
    return linprog(np.concatenate(cost), A_eq=matrix, b_eq=y, bounds=bounds).fun


@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_kinks_against_linear_programming(quantile, alpha):
    X, y = data(Quantile())
    model = LinearRegressor(Quantile(quantile), penalty="l1", alpha=alpha).fit(X, y)
    best = linear_program(y, X, quantile, alpha)
    assert -1e-12 <= model.objective_ - best <= model.gap_ + 1e-12


def test_the_gap_of_a_loss_that_is_not_convex_is_nan():
    X, y = data(Huber())
    model = LinearRegressor(TukeyBiweight(scale=5.0)).fit(X, y)
    assert np.isnan(model.gap_)
    assert np.isfinite(model.objective_)
    worse = objective(model, X, y, np.zeros(D), np.median(y))
    assert model.objective_ < worse


def test_the_gap_of_a_loss_without_conjugate_is_infinite():
    X, y = data(CrossEntropy())
    model = LinearClassifier(CrossEntropy() + Sparsemax(), alpha=0.1).fit(X, y)
    assert model.gap_ == np.inf


def test_a_loss_in_numpy_has_a_gap():
    X, y = data(Huber())
    loss = NumpyLoss(
        lambda y, p: np.abs(p - y) ** 1.5,
        lambda y, p: 1.5 * np.sign(p - y) * np.sqrt(np.abs(p - y)),
        convex=True,
    )
    model = LinearRegressor(loss, alpha=0.01, tol=1e-5).fit(X, y)
    found = [objective(model, X, y, *other) for other in others(model, X, y)]
    assert model.objective_ - model.gap_ <= min(found) + 1e-12
    assert model.gap_ < 1e-4


def test_one_versus_rest_has_a_gap_for_each_class():
    X, y = data(CrossEntropy())
    model = LinearClassifier(LogLoss(), alpha=0.01).fit(X, y)
    assert model.gap_.shape == model.objective_.shape == (K,)
    for k in range(K):
        binary = LinearClassifier(LogLoss(), alpha=0.01).fit(X, y == k)
        assert_allclose(model.coef_[k], binary.coef_[0], rtol=1e-10)
        assert model.objective_[k] == binary.objective_
        assert model.gap_[k] == binary.gap_


# -------------------------------------------------------------- the contract of fit
@each([SquaredError(), Quantile(0.9), Poisson(), LogLoss(), Hinge(), CrossEntropy()])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("kind", ["repeated", "CSR", "float32", "threads", "warm"])
def test_the_optimum_is_the_same(loss, penalty, kind):
    """However weights, X and the start are given: as near as both gaps say."""
    X, y = data(loss)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    weight = np.random.default_rng(0).integers(0, 3, N).astype(float)
    settings = PENALTIES[penalty]
    known = estimator(loss, **settings).fit(X, y, sample_weight=weight)
    model = estimator(loss, **settings)
    if kind == "repeated":
        times = weight.astype(int)
        model.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    elif kind == "warm":
        model.set_params(warm_start=True, alpha=0.3).fit(X, y)
        model.set_params(**settings).fit(X, y, sample_weight=weight)
    elif kind == "threads":
        model.set_params(**({"n_jobs": 2} if loss.task != "regression" else {}))
        model.fit(X, y, sample_weight=weight)
    else:
        X = sparse.csr_matrix(X) if kind == "CSR" else X.astype(np.float32)
        model.fit(X, y, sample_weight=weight)
    assert model.coef_.dtype == X.dtype
    eps = 1e-6 if kind == "float32" else 1e-13
    apart = abs(model.objective_ - known.objective_)
    assert apart <= max(model.gap_, known.gap_) + eps * abs(known.objective_)
    assert model.predict(X).shape == (N,)


def test_all_zero_weights_are_refused_and_nothing_changes():
    X, y = data(SquaredError())
    model = LinearRegressor().fit(X, y)
    coef = model.coef_.copy()
    with pytest.raises(ValueError, match="All sample weights are zero"):
        model.fit(2 * X, y, sample_weight=np.zeros(N))
    assert_array_equal(model.coef_, coef)


def test_class_weights_multiply_sample_weights_in_all_objectives():
    X, y = data(CrossEntropy())
    factor = np.array([1.0, 3.0, 0.5])
    for loss in (LogLoss(), CrossEntropy()):
        by_class = LinearClassifier(
            loss, alpha=0.1, class_weight=dict(enumerate(factor))
        ).fit(X, y)
        by_row = LinearClassifier(loss, alpha=0.1).fit(X, y, sample_weight=factor[y])
        assert_allclose(by_class.coef_, by_row.coef_, rtol=1e-9)


def test_balanced_classes_have_the_same_weight():
    X, y = data(LogLoss())
    weight = np.arange(1.0, N + 1)
    model = LinearClassifier(class_weight="balanced", alpha=1e8)
    model.fit(X, y, sample_weight=weight)
    assert_allclose(model.intercept_, 0.0, atol=1e-4)  # the log of the odds


# ----------------------------------------------------------------------- positive
def test_positive_is_nonnegative_least_squares():
    X, y = data(SquaredError())
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LinearRegressor(penalty=None, positive=True, fit_intercept=False)
    coef, _ = nnls(X, y)
    assert (coef == 0).any()
    assert_allclose(model.fit(X, y).coef_, coef, atol=1e-5)
    assert model.coef_.min() == 0.0


@each([SquaredError(), Quantile(0.9), Poisson(), LogLoss(), Hinge()])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_positive_coefficients_have_a_gap(loss, penalty, solver):
    X, y = data(loss)
    model = estimator(loss, **PENALTIES[penalty], positive=True, solver=solver)
    model.fit(X, y)
    assert model.coef_.min() >= 0
    rng = np.random.default_rng(0)
    for size in (0.0, 1e-4, 1e-2, 1.0):
        shift = size * rng.normal(size=D) / X.std(axis=0)
        other = np.maximum(model.coef_ + shift, 0.0)
        value = objective(model, X, y, other, model.intercept_ + size * rng.normal())
        assert model.objective_ - model.gap_ <= value + 1e-12
    assert model.gap_ <= 1e-4


# -------------------------------------------------------------------- the solvers
@each([SquaredError(), Huber(), Quantile(0.9), LogLoss(), Hinge()])
def test_both_solvers_find_the_same(loss):
    X, y = data(loss)
    models = [
        estimator(loss, alpha=0.01, solver=solver).fit(X, y)
        for solver in ("newton", "lbfgs")
    ]
    assert [model.solver_ for model in models] == ["newton", "lbfgs"]
    a, b = models
    assert abs(a.objective_ - b.objective_) <= a.gap_ + b.gap_ + 1e-13


@each([SquaredError(), Huber(), LogLoss(), Poisson(), Gamma()])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
@pytest.mark.parametrize("intercept", [True, False])
def test_products_of_the_hessian_do_as_well_as_a_matrix(
    loss, kind, intercept, monkeypatch
):
    X, y = data(loss)
    weight = np.random.default_rng(0).uniform(0.5, 3.0, len(y))
    settings = dict(alpha=0.01, solver="newton", tol=1e-9, fit_intercept=intercept)
    known = estimator(loss, **settings).fit(X, y, weight)
    n_products = []
    original = ProductModel.minimum

    def counted(self):
        n_products.append(1)
        return original(self)

    monkeypatch.setattr(ProductModel, "minimum", counted)
    monkeypatch.setitem(vars(SETTINGS), "most_features", 1)
    found = estimator(loss, **settings).fit(kind(X), y, weight)
    assert n_products
    assert abs(found.objective_ - known.objective_) <= found.gap_ + known.gap_ + 1e-13
    assert_allclose(found.coef_, known.coef_, rtol=1e-3, atol=1e-5)
    gain = max(1.0, abs(known.objective_))
    assert found.gap_ <= 1e-8 * gain


@each([SquaredError(), LogLoss(), Poisson(), Hinge(), CrossEntropy()])
@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_csr_rows_of_a_smooth_loss_take_one_pass_less(loss, solver, penalty):
    X, y = data(loss)
    X[np.abs(X) < 0.5] = 0.0
    model = estimator(loss, alpha=0.01, penalty=penalty, solver=solver)
    dense, csr = (clone(model).fit(kind(X), y) for kind in (np.array, sparse.csr_array))
    assert abs(csr.objective_ - dense.objective_) <= csr.gap_ + dense.gap_ + 1e-13
    is_known = loss.differentiable and loss.granularity == "point"
    if loss.differentiable:
        assert csr.n_iter_ == dense.n_iter_ - is_known
    else:  # rounding decides when a smoothing is narrow enough
        assert csr.n_iter_ <= 1.5 * dense.n_iter_
    # Where it begins with coefficients, they are not at a constant.
    again = csr.set_params(warm_start=True).fit(sparse.csr_array(X), y)
    assert abs(again.objective_ - dense.objective_) <= again.gap_ + dense.gap_ + 1e-13


def test_auto_says_what_it_is():
    X, y = data(CrossEntropy())
    assert LinearClassifier(CrossEntropy(), alpha=0.1).fit(X, y).solver_ == "lbfgs"
    assert LinearClassifier(alpha=0.1).fit(X, y).solver_ == "newton"
    assert LinearClassifier(MulticlassHinge()).fit(X, y).solver_ == "newton"
    wide = sparse.random(50, 1001, density=0.05, random_state=0, format="csr")
    model = LinearRegressor(alpha=0.1).fit(wide, np.arange(50.0))
    assert model.solver_ == "lbfgs"


@pytest.mark.covering
@each(MULTICLASS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("kind", [np.float64, np.float32, sparse.csr_array])
@pytest.mark.parametrize("intercept", [True, False])
def test_newton_of_all_classes_finds_what_lbfgs_finds(loss, penalty, kind, intercept):
    X, y = data(loss)
    X = kind(X)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    settings = dict(PENALTIES[penalty], fit_intercept=intercept)
    newton = LinearClassifier(loss, solver="newton", **settings).fit(X, y, weight)
    with warnings.catch_warnings():  # where it ends there is a gap, small or not
        warnings.simplefilter("ignore", ConvergenceWarning)
        lbfgs = LinearClassifier(loss, solver="lbfgs", **settings, max_iter=200)
        lbfgs.fit(X, y, weight)
    assert newton.gap_ <= 2e-6 * max(1.0, newton.objective_)
    assert newton.objective_ <= lbfgs.objective_ + newton.gap_
    assert lbfgs.objective_ - lbfgs.gap_ <= newton.objective_


def test_lbfgs_gives_way_to_newton_where_it_is_slow(monkeypatch):
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X[:500])
    settings = dict(loss=MulticlassSquaredHinge(), alpha=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LinearClassifier(**settings).fit(X, y[:500])
    assert model.solver_ == "newton"
    # Who asks for it gets it, and a warning.
    model = LinearClassifier(**settings, solver="lbfgs", max_iter=200)
    with pytest.warns(ConvergenceWarning, match="max_iter=200"):
        model.fit(X, y[:500])
    assert model.solver_ == "lbfgs"
    # A matrix that is too large stays away.
    monkeypatch.setitem(vars(SETTINGS), "most_features", 600)
    with pytest.warns(ConvergenceWarning, match="max_iter=200"):
        model.set_params(solver="auto").fit(X, y[:500])
    assert model.solver_ == "lbfgs"


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("alpha", [1e-3, 1e-2])
def test_kinks_of_real_data_are_certified(penalty, alpha):
    """Those of an l1 norm as well, where coordinate descent takes very many sweeps."""
    for loss, load in ((MulticlassHinge(), load_wine), (Hinge(), load_breast_cancer)):
        X, y = load(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = LinearClassifier(loss, alpha=alpha, penalty=penalty).fit(X, y)
        assert model.solver_ == "newton"
        assert model.n_iter_ <= 400
        assert 0 <= model.gap_ <= 1e-6


@each([Hinge(), MulticlassHinge()])
def test_that_no_feature_is_worth_its_penalty_is_certified(loss):
    """At the constant all rows of a class are at the same kinks."""
    load = load_wine if loss.task == "multiclass" else load_breast_cancer
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LinearClassifier(loss, alpha=2.0, penalty="l1").fit(X, y)
    assert not model.coef_.any()
    assert 0 <= model.gap_ <= 1e-8


def test_newton_refuses_a_matrix_of_very_many_classes():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 10)), np.arange(300) % 100
    message = (
        r"LinearClassifier\(solver='newton'\) cannot use CrossEntropy\(\) here, "
        r"because it is a loss of rows.* 1,100 rows, of at most 1,001. Use solver="
    )
    with pytest.raises(ValueError, match=message):
        LinearClassifier(CrossEntropy(), solver="newton").fit(X, y)


def test_what_cannot_be_is_refused():
    X, y = data(LogLoss())
    with pytest.raises(ValueError, match=r"cannot use loss=Perceptron.*least at"):
        LinearClassifier(Perceptron()).fit(X, y)
    with pytest.raises(ValueError, match=r"positive=True\) cannot use CrossEntropy"):
        LinearClassifier(CrossEntropy(), positive=True).fit(X, y)
    with pytest.raises(ValueError, match="'tol' parameter of LinearRegressor"):
        LinearRegressor(tol=0.0).fit(X, y)
    with pytest.raises(ValueError, match="'solver' parameter of LinearRegressor"):
        LinearRegressor(solver="saga").fit(X, y)
    with pytest.raises(ValueError, match="'l1_ratio' parameter of LinearRegressor"):
        LinearRegressor(penalty="elasticnet", l1_ratio=None).fit(X, y)
    with pytest.raises(ValueError, match=r"class_weight' parameter of LinearClass"):
        LinearClassifier(class_weight={0: -1.0}).fit(X, y)


# ----------------------------------------------------------------------- warnings
def test_a_fit_that_is_cut_off_says_how_far_it_is():
    X, y = data(Quantile())
    message = (
        r"LinearRegressor did not converge in max_iter=9 passes over the rows: the "
        r"duality gap is [\d.e-]+, which is [\d.e-]+ of the gain over the best "
        r"constant, and tol=1e-06. Increase max_iter or tol, or alpha."
    )
    with pytest.warns(ConvergenceWarning, match=message):
        model = LinearRegressor(Quantile(0.9), penalty=None, max_iter=9).fit(X, y)
    best = linear_program(y, X, 0.9, 0.0)
    assert model.objective_ - model.gap_ <= best <= model.objective_
    assert model.n_iter_ <= 9


@each([LogLoss(), Exponential(), CrossEntropy()])
@pytest.mark.parametrize("first", [0, 1])
def test_separable_classes_without_penalty_warn(loss, first):
    X, y = data(LogLoss())
    y = y if y[0] == first else 1 - y
    X[:, 0] = 2.0 * y + 0.1 * X[:, 0]
    X[:, 0] += 10.0 * y
    with pytest.warns(ConvergenceWarning, match="fits every row perfectly"):
        model = LinearClassifier(loss, penalty=None).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert_array_equal(model.predict(X), y)
    assert 0 <= model.objective_ <= model.gap_ <= 1e-6


def test_separable_classes_with_a_finite_minimum_do_not_warn():
    X, y = data(LogLoss())
    X[:, 0] += 10.0 * y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hinge = LinearClassifier(Hinge(), penalty=None).fit(X, y)
        log_loss = LinearClassifier(LogLoss(), alpha=1e-4).fit(X, y)
    assert hinge.objective_ <= 1e-6
    assert log_loss.gap_ <= 1e-6


def test_verbose_prints_the_gap(capsys):
    X, y = data(Huber())
    LinearRegressor(Huber(), verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert all("objective" in line and "gap" in line for line in lines)


# ------------------------------------------------------------------ difficult data
@each([SquaredError(), Huber(), Poisson(), LogLoss(), SquaredHinge(), CrossEntropy()])
@pytest.mark.parametrize("penalty", ["l2", "l1", "none"])
def test_dependent_constant_and_extreme_columns(loss, penalty):
    X, y = data(loss)
    extreme = np.column_stack([X[:, 0], 7.0 * np.ones(N), 1e8 * X[:, 3] + 1e9])
    X = np.hstack([X, extreme])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = estimator(loss, **PENALTIES[penalty]).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.gap_ <= 1e-5


@each([SquaredError(), Huber(), Poisson(), SquaredHinge(), Quantile(0.9)])
def test_more_features_than_rows(loss):
    X, y = data(loss)
    X = np.random.default_rng(0).normal(size=(40, 100))
    y = y[:40]
    for settings in (dict(alpha=0.01), dict(penalty=None)):
        model = estimator(loss, **settings).fit(X, y)
        assert model.gap_ <= 1e-5


# ------------------------------------------------------------------ robust losses
def test_outliers_cannot_trap_a_loss_that_is_not_convex():
    X, y = data(Huber())
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    clean = LinearRegressor(TukeyBiweight(scale=6.0), penalty=None).fit(X[60:], y[60:])
    y = y.copy()
    y[:60] = 1000.0 + X[:60, 0]
    model = LinearRegressor(TukeyBiweight(scale=6.0), penalty=None).fit(X, y)
    assert_allclose(model.coef_, clean.coef_, atol=1e-3)


def test_a_scale_that_is_measured():
    X, y = data(Huber())
    model = LinearRegressor(Huber(delta=1.345, scale="mad"), penalty=None).fit(X, y)
    median = LinearRegressor(AbsoluteError(), penalty=None).fit(X, y)
    residual = y - median.predict(X)
    scale = 1.4826 * np.median(np.abs(residual - np.median(residual)))
    assert model.scale_ == pytest.approx(scale, rel=0.05)
    assert model.loss_ == Huber(delta=1.345, scale=model.scale_) or (
        model.loss_.get_params()["scale"] == model.scale_
    )
    again = LinearRegressor(model.loss_, penalty=None).fit(X, y)
    assert_allclose(again.coef_, model.coef_, rtol=1e-3)
    assert not hasattr(again, "scale_")
