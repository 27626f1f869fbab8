"""Penalties in the estimators: optima by conditions that are written here once more."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import linprog
from sklearn.base import clone
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    L1,
    L2,
    MCP,
    SCAD,
    SLOPE,
    AbsoluteError,
    CrossEntropy,
    ElasticNet,
    GroupLasso,
    Hinge,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    MultiTask,
    Poisson,
    Quantile,
    SGDClassifier,
    SGDRegressor,
    SparseGroupLasso,
    SquaredError,
    Tikhonov,
    alpha_max,
    regularization_path,
    standard_errors,
)

N, D = 200, 8
GROUPS = [[0, 1, 2], [3, 4], [5, 6, 7]]
WEIGHTS = np.array([0.0, 1.0, 2.0, 1.0, 0.5, 1.0, 1.0, 1.0])
STEPS = np.diff(np.eye(D), axis=0)
FORM = STEPS.T @ STEPS
SORTED = np.linspace(1.5, 0.5, D)
CONVEX = [
    *(L1(), L1(WEIGHTS), L2(WEIGHTS), ElasticNet(0.5, WEIGHTS)),
    *(GroupLasso(GROUPS), GroupLasso([1, 0, 0, 0, 1, 1, 2, 2], [1.0, 0.0, 2.0])),
    *(SparseGroupLasso(GROUPS), GroupLasso(GROUPS) + 0.1 * L2(WEIGHTS)),
    *(Tikhonov(FORM), L1() + Tikhonov(FORM), SparseGroupLasso(GROUPS) + Tikhonov(FORM)),
    *(SLOPE(SORTED), SLOPE(SORTED) + L2()),
]
SMOOTH = [SquaredError(), Huber(), Poisson(), LogLoss(), CrossEntropy()]


def data(loss, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) * np.geomspace(0.3, 3.0, D) + rng.normal(size=D)
    X[:, 3] = 0.9 * X[:, 2] + 0.1 * X[:, 3]
    raw = 0.3 * X @ [2.0, -1.0, 0.5, 0.3, 0.0, 0.0, 0.2, 0.0]
    raw += rng.logistic(size=N) - raw.mean()
    if loss.task == "multiclass":
        return X, np.digitize(raw, np.quantile(raw, [0.3, 0.7]))
    if loss.task == "binary":
        return X, (raw > 0).astype(int)
    return X, np.floor(np.exp(0.5 * raw)) if isinstance(loss, Poisson) else raw


def estimator(loss, **settings):
    kind = LinearRegressor if loss.task == "regression" else LinearClassifier
    return kind(loss, **settings)


def gradient(model, X, y):
    """Of the mean loss, by the coefficients of each output."""
    raw = X @ np.atleast_2d(model.coef_).T + model.intercept_
    raw = raw if raw.shape[1] > 1 else raw[:, 0]
    slopes = model.loss_.gradient(y.astype(float), raw).reshape(len(y), -1)
    assert_allclose(slopes.mean(axis=0), 0.0, atol=1e-6)  # by the intercept
    return slopes.T @ X / len(y)


def is_balanced(slope, w, strength):
    """Of strength times the absolute value, or the norm of a group."""
    size = np.linalg.norm(w)
    if size == 0:
        return np.linalg.norm(slope) <= strength + 1e-6
    return np.linalg.norm(slope + strength * w / size) <= 1e-6


def by_coefficient(slope, w, strengths):
    return all(map(is_balanced, slope.ravel(), w.ravel(), strengths))


@pytest.mark.parametrize("loss", SMOOTH, ids=str)
@pytest.mark.parametrize("alpha", [0.02, 0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["one", "weights"])
def test_optima_of_l1_and_elasticnet(loss, alpha, weights):
    X, y = data(loss)
    w = np.ones(D) if weights is None else weights
    model = estimator(loss, penalty=ElasticNet(0.6, weights), alpha=alpha, tol=1e-11)
    model.fit(X, y)
    coef = np.atleast_2d(model.coef_)
    for slope, of_output in zip(gradient(model, X, y), coef):
        slope = slope + 0.4 * alpha * w * of_output
        assert by_coefficient(slope, of_output, 0.6 * alpha * w)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "active-set"])
@pytest.mark.parametrize("loss", SMOOTH, ids=str)
@pytest.mark.parametrize("alpha", [0.02, 0.1])
def test_optima_of_groups(loss, alpha, solver):
    X, y = data(loss)
    model = estimator(loss, penalty=GroupLasso(GROUPS), alpha=alpha, tol=1e-11)
    model.set_params(solver=solver).fit(X, y)
    for slope, w in zip(gradient(model, X, y), np.atleast_2d(model.coef_)):
        for g in GROUPS:
            assert is_balanced(slope[g], w[g], alpha * np.sqrt(len(g)))


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "active-set"])
@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_optima_of_rows_of_all_classes(alpha, solver):
    X, y = data(CrossEntropy())
    penalty = MultiTask(WEIGHTS)
    model = LinearClassifier(CrossEntropy(), penalty=penalty, alpha=alpha, tol=1e-11)
    model.set_params(solver=solver).fit(X, y)
    slope = gradient(model, X, y)
    for j in range(D):
        assert is_balanced(slope[:, j], model.coef_[:, j], alpha * WEIGHTS[j])
    assert alpha < 0.1 or (model.coef_ == 0).all(axis=0).any()


@pytest.mark.parametrize("loss", SMOOTH, ids=str)
def test_optima_of_a_matrix(loss):
    X, y = data(loss)
    model = estimator(loss, penalty=Tikhonov(FORM), alpha=0.3, tol=1e-11).fit(X, y)
    slope = gradient(model, X, y) + 0.3 * np.atleast_2d(model.coef_) @ FORM
    assert_allclose(slope, 0.0, atol=1e-6)


@pytest.mark.parametrize("loss", SMOOTH, ids=str)
def test_optima_of_a_sorted_norm(loss):
    """-slope is in the subdifferential: Euler's equality, within the unit ball."""
    X, y = data(loss)
    model = estimator(loss, penalty=SLOPE(SORTED), alpha=0.05, tol=1e-12).fit(X, y)
    for slope, w in zip(gradient(model, X, y), np.atleast_2d(model.coef_)):
        sums = np.cumsum(np.sort(np.abs(slope))[::-1])
        assert (sums <= 0.05 * np.cumsum(SORTED) + 1e-6).all()
        value = 0.05 * np.sort(np.abs(w))[::-1] @ SORTED
        assert -slope @ w == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "active-set"])
@pytest.mark.parametrize(
    "penalty", [MCP(), MCP(1.5), SCAD(), MCP(weights=WEIGHTS)], ids=str
)
@pytest.mark.parametrize("loss", SMOOTH, ids=str)
def test_a_penalty_that_is_not_convex_ends_where_it_is_stationary(
    loss, penalty, solver
):
    X, y = data(loss)
    model = estimator(loss, penalty=penalty, alpha=0.1, tol=1e-12, solver=solver)
    model.fit(X, y)
    assert np.isnan(model.gap_)
    lam = 0.1 * (np.ones(D) if penalty.weights is None else WEIGHTS)
    for slope, w in zip(gradient(model, X, y), np.atleast_2d(model.coef_)):
        size = np.abs(w)
        if isinstance(penalty, MCP):
            charge = np.maximum(lam - size / penalty.gamma, 0.0)
        else:
            charge = np.maximum(3.7 * lam - size, 0.0) / 2.7
            charge = np.where(size <= lam, lam, charge)
        assert by_coefficient(slope, w, charge)


def value_and_minimum_of_tangent(model, X, y, weight, lam):
    """Of the l1 norm with MCP's slopes at coefficients, by a linear program."""
    w, loss = model.coef_.ravel(), model.loss
    slopes = np.maximum(lam - np.abs(w) / model.penalty.gamma, 0.0)
    value = weight @ loss.value(y, X @ w + np.ravel(model.intercept_)[0])
    n, eye = len(X), np.eye(len(X))
    if isinstance(loss, Hinge):
        sign = np.where(y > 0, 1.0, -1.0)[:, None]
        A = np.hstack([sign * X, -sign * X, sign, eye])
        costs, at_least = weight, dict(A_ub=-A, b_ub=-np.ones(n))
    else:
        A = np.hstack([X, -X, np.ones((n, 1)), eye, -eye])
        above, below = loss.value([1.0, -1.0], [0.0, 0.0])
        costs = np.concatenate([above * weight, below * weight])
        at_least = dict(A_eq=A, b_eq=y)
    c = np.concatenate([slopes, slopes, [0.0], costs])
    bounds = [(0, None)] * (2 * D) + [(None, None)] + [(0, None)] * len(costs)
    return value + slopes @ np.abs(w), linprog(c, **at_least, bounds=bounds).fun


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "active-set"])
@pytest.mark.parametrize("gamma", [1.5, 3.0])
@pytest.mark.parametrize("loss", [AbsoluteError(), Quantile(0.8), Hinge()], ids=str)
def test_with_kinks_it_ends_at_the_minimum_of_its_own_tangent(loss, gamma, solver):
    X, y = data(loss)
    weight = np.random.default_rng(3).integers(0, 3, len(y)).astype(float)
    model = estimator(loss, penalty=MCP(gamma), alpha=0.05, solver=solver)
    model.fit(X, y, sample_weight=weight)
    assert np.isnan(model.gap_)
    assert 0 < np.count_nonzero(model.coef_) < D
    parts = model, X, y, weight / weight.sum(), 0.05
    value, minimum = value_and_minimum_of_tangent(*parts)
    assert value == pytest.approx(minimum, rel=1e-5)


def test_it_begins_at_the_optimum_of_the_l1_norm():
    X, y = data(SquaredError())
    model = LinearRegressor(penalty=MCP(gamma=1e9), alpha=0.1, tol=1e-10).fit(X, y)
    other = LinearRegressor(penalty="l1", alpha=0.1, tol=1e-10).fit(X, y)
    assert_allclose(model.coef_, other.coef_, atol=1e-5)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("l1", [0.0, 0.01])
def test_a_constant_feature_moves_with_those_that_a_matrix_couples_it_to(l1, solver):
    X, y = data(SquaredError())
    X[:, 4] = 0.3
    penalty = Tikhonov(FORM) + L1(np.full(D, l1)) if l1 else Tikhonov(FORM)
    settings = dict(alpha=0.05, tol=1e-10, solver=solver)
    model = LinearRegressor("huber", penalty=penalty, **settings).fit(X, y)
    slopes = 0.05 * FORM @ model.coef_  # which are all of this feature's
    assert by_coefficient(slopes[4:5], model.coef_[4:5], np.array([0.05 * l1]))
    assert model.coef_[4] != 0


@pytest.mark.parametrize("penalty", CONVEX, ids=str)
@pytest.mark.parametrize(
    "loss", [SquaredError(), AbsoluteError(), Hinge(), CrossEntropy()], ids=str
)
def test_gaps_are_small_and_no_solver_is_below_the_bound(loss, penalty):
    X, y = data(loss)
    if "SLOPE" in str(penalty) and not loss.differentiable:
        pytest.skip("takes seconds")
    objectives = []
    for solver in ("newton", "lbfgs"):
        model = estimator(loss, penalty=penalty, alpha=0.05, solver=solver).fit(X, y)
        assert 0 <= model.gap_ <= 1e-5 * model.objective_
        objectives.append((model.objective_, model.objective_ - model.gap_))
    (a, low_a), (b, low_b) = objectives
    assert a >= low_b
    assert b >= low_a


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("penalty", [L1(), L2(), MCP(), GroupLasso(GROUPS)], ids=str)
def test_sgd_without_steps_has_the_same_optimum(penalty, kind):
    X, y = data(LogLoss())
    model = LinearClassifier(penalty=penalty, alpha=0.05, tol=1e-10).fit(X, y)
    other = SGDClassifier(LogLoss(), penalty=penalty, alpha=0.05, tol=1e-10)
    assert_allclose(other.fit(kind(X), y).coef_, model.coef_, atol=1e-5)


@pytest.mark.parametrize("loss", [SquaredError(), LogLoss(), AbsoluteError()], ids=str)
@pytest.mark.parametrize("penalty", ["l2", "l1", None, MCP()], ids=str)
@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_bounds(loss, penalty, solver):
    if solver == "lbfgs" and not loss.differentiable:
        pytest.skip("needs more passes than there are")
    X, y = data(loss)
    low, high = np.full(D, -0.05), np.full(D, 0.1)
    low[0], high[1], low[2], high[2] = 0.0, 0.0, -np.inf, np.inf
    model = estimator(loss, penalty=penalty, alpha=0.01, bounds=(low, high))
    model.set_params(solver=solver, tol=1e-9 if loss.differentiable else 1e-6)
    model.fit(X, y)
    w = model.coef_.ravel()
    assert (w >= low).all()
    assert (w <= high).all()
    assert ((w == low) | (w == high)).any()
    if penalty is not None and not isinstance(penalty, str):
        return
    assert 0 <= model.gap_ <= 1e-6 * model.objective_
    if not loss.differentiable:
        return
    slope = gradient(model, X, y)[0]
    slope += 0.01 * (w if penalty == "l2" else 0.0)
    l1 = 0.01 * (penalty == "l1")
    up, down = slope + np.where(w >= 0, l1, -l1), slope + np.where(w > 0, l1, -l1)
    assert (up[w < high] >= -1e-5).all()
    assert (down[w > low] <= 1e-5).all()


def test_positive_is_a_bound():
    X, y = data(SquaredError())
    model = LinearRegressor(penalty="l1", alpha=0.01, positive=True).fit(X, y)
    other = LinearRegressor(penalty="l1", alpha=0.01, bounds=(0, None)).fit(X, y)
    assert_allclose(model.coef_, other.coef_)
    assert model.gap_ == other.gap_


def wide(n=120, d=150):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)) * rng.uniform(0.5, 2.0, d)
    return X, X[:, :5] @ [3.0, -2.0, 1.0, 1.0, 1.0] + rng.normal(size=n)


@pytest.mark.parametrize(
    "penalty",
    [
        L1(np.r_[0.0, np.ones(149)]),
        GroupLasso([list(range(j, j + 5)) for j in range(0, 150, 5)]),
        SparseGroupLasso(np.arange(150) // 3),
        L1() + Tikhonov(np.eye(150)),
        SLOPE(np.linspace(1.0, 0.5, 150)),
        GroupLasso(np.arange(150) // 3) + L2(np.linspace(0.0, 1.0, 150)),
    ],
    ids=lambda p: str(p)[:20],
)
def test_many_features_begin_with_a_few(penalty):
    X, y = wide()
    alpha = 0.5
    model = LinearRegressor(penalty=penalty, alpha=alpha).fit(X, y)
    other = clone(model).set_params(solver="lbfgs", max_iter=5000).fit(X, y)
    assert model.solver_ == "active-set"
    assert (model.coef_ == 0).sum() > 75
    assert model.objective_ == pytest.approx(other.objective_, rel=1e-5)
    assert model.gap_ <= 1e-5 * model.objective_


def test_paths_and_alpha_max():
    X, y = data(SquaredError())
    penalties = [
        L1(WEIGHTS),
        GroupLasso(GROUPS),
        SparseGroupLasso(GROUPS),
        MCP(),
        SCAD(),
    ]
    for penalty in [*penalties, SLOPE(SORTED)]:
        model = LinearRegressor(penalty=penalty, tol=1e-9)
        largest = alpha_max(model, X, y)
        paid = np.ones(D, bool)
        if isinstance(penalty, L1):
            paid[0] = False
        above, below = (
            model.set_params(alpha=f * largest).fit(X, y).coef_ for f in (1.001, 0.98)
        )
        assert not above[paid].any()
        assert below[paid].any()
    path = regularization_path(LinearRegressor(penalty=MCP()), X, y, n_alphas=5)
    assert (np.diff((path.coefs != 0).sum(axis=1)) >= 0).all()
    with pytest.raises(ValueError, match="never 0, and depend on alpha"):
        alpha_max(LinearRegressor(penalty=L1(WEIGHTS) + L2()), X, y)


def test_weights_by_name():
    pd = pytest.importorskip("pandas")
    X, y = data(SquaredError())
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    named = LinearRegressor(penalty=L1({"a": 0.0, "c": 2.0, "e": 0.5}), alpha=0.1)
    other = LinearRegressor(penalty=L1(WEIGHTS), alpha=0.1).fit(X, y)
    assert_allclose(named.fit(frame, y).coef_, other.coef_)
    groups = [["a", "b", "c"], ["d", "e"], ["f", "g", "h"]]
    named = LinearRegressor(penalty=GroupLasso(groups), alpha=0.1).fit(frame, y)
    other = LinearRegressor(penalty=GroupLasso(GROUPS), alpha=0.1).fit(X, y)
    assert_allclose(named.coef_, other.coef_)


def test_labels_of_pandas_name_the_features_whatever_their_order():
    pd = pytest.importorskip("pandas")
    X, y = data(SquaredError())
    names, order = list("abcdefgh"), list("hbacdgef")
    frame = pd.DataFrame(X, columns=names)
    form = pd.DataFrame(FORM, names, names).loc[order, order[::-1]]
    group = pd.Series([0, 0, 0, 1, 1, 2, 2, 2], names)[order]
    high = pd.Series(np.linspace(0.1, 0.8, D), names)[order]
    for named, other in [
        (dict(penalty=Tikhonov(form)), dict(penalty=Tikhonov(FORM))),
        (dict(penalty=GroupLasso(group)), dict(penalty=GroupLasso(GROUPS))),
        (dict(bounds=(None, high)), dict(bounds=(None, np.linspace(0.1, 0.8, D)))),
        (dict(penalty=L1(pd.Series(WEIGHTS))), dict(penalty=L1(WEIGHTS))),
    ]:
        found = LinearRegressor(alpha=0.1, **named).fit(frame, y)
        assert_allclose(
            found.coef_, LinearRegressor(alpha=0.1, **other).fit(X, y).coef_
        )
    with pytest.raises(ValueError, match="'matrix' parameter of Tikhonov has names"):
        LinearRegressor(penalty=Tikhonov(form)).fit(X, y)
    with pytest.raises(ValueError, match=r"'groups' .* GroupLasso .* no label for 'h'"):
        LinearRegressor(penalty=GroupLasso(group[1:])).fit(frame, y)
    with pytest.raises(ValueError, match=r"upper end .* has the label 'z', and X has"):
        LinearRegressor(bounds=(None, high.rename({"a": "z"}))).fit(frame, y)
    with pytest.raises(ValueError, match="the label 'a' twice"):
        LinearRegressor(bounds=(None, high.rename({"b": "a"}))).fit(frame, y)


def test_grid_search_clone_and_pickle():
    X, y = data(SquaredError())
    model = LinearRegressor(penalty=MCP(), alpha=0.1)
    search = GridSearchCV(model, {"penalty__gamma": [1.5, 3.0]}, cv=2).fit(X, y)
    assert search.best_estimator_.penalty.gamma in (1.5, 3.0)
    for penalty in [*CONVEX, MCP(), SCAD(), MultiTask()]:
        for copy in (clone(penalty), pickle.loads(pickle.dumps(penalty))):
            assert str(copy) == str(penalty)
    model = LinearRegressor(penalty=0.5 * L1() + L2())
    model.set_params(penalty__left__weight=2.0)
    assert str(model.penalty) == "2.0 * L1() + L2()"


@pytest.mark.parametrize("seed", range(3))
def test_lasso_of_scikit_learn(seed):
    X, y = data(SquaredError(), seed)
    known = Lasso(alpha=0.1, tol=1e-12, max_iter=100_000).fit(X, y)
    model = LinearRegressor(penalty=L1(), alpha=0.1, tol=1e-12).fit(X, y)
    assert_allclose(model.coef_, known.coef_, atol=1e-6)


REFUSED = [
    (dict(penalty=L1), "Got the class L1 instead: write L1"),
    (
        dict(penalty=L1([1.0, 2.0])),
        r"shape \(8,\), one number for each of the features",
    ),
    (dict(penalty=L1(-WEIGHTS)), r"'weights' parameter of L1 .*weights\[1\] is -1"),
    (dict(penalty=L1({"a": 1.0})), "has names, and X has none"),
    (dict(penalty=GroupLasso([[0, 1], [1, 2]])), "feature 1 in group 0 and again in"),
    (dict(penalty=GroupLasso([[0, 1], [2, 3, 4, 5, 6]])), "misses the feature 7"),
    (dict(penalty=GroupLasso([[0, 8]])), "has the feature 8 in group 0"),
    (dict(penalty=GroupLasso([0, 1])), "Got 2 labels"),
    (dict(penalty=GroupLasso({"a": 0})), "label of the group of each .* Got {'a': 0}"),
    (
        dict(penalty=GroupLasso([*(D - 1) * [1.0], np.nan])),
        "no label for the feature 7",
    ),
    (dict(penalty=GroupLasso([*(D - 1) * [1], None])), "feature 7: it is None"),
    (
        dict(penalty=GroupLasso(np.array([*(D - 1) * [1], "a"], object))),
        "labels that can be compared",
    ),
    (dict(penalty=GroupLasso(GROUPS, [1.0])), "one number for each of the groups"),
    (dict(penalty=MCP(gamma=1.0)), "'gamma' parameter of MCP"),
    (dict(penalty=SCAD(gamma=2.0)), "'gamma' parameter of SCAD"),
    (dict(penalty=SLOPE(SORTED[::-1])), "must never rise"),
    (dict(penalty=SLOPE(0 * SORTED)), "must begin with a number > 0"),
    (dict(penalty=Tikhonov(-FORM)), "positive semidefinite.* Its least eigenvalue is"),
    (dict(penalty=Tikhonov(np.triu(FORM))), r"symmetric: matrix\[0, 1\]"),
    (dict(penalty=Tikhonov(np.eye(3))), r"of shape \(8, 8\)"),
    (dict(penalty=MultiTask()), "an objective of its own.*or LinearMultiTask"),
    (dict(penalty=GroupLasso(GROUPS) + MCP()), "part that is not convex"),
    (dict(penalty=GroupLasso(GROUPS) + SLOPE(SORTED)), "two parts"),
    (dict(penalty=SLOPE(SORTED) + L1()), "beside a sorted one"),
    (dict(penalty=GroupLasso(GROUPS), positive=True), "no proximal operator"),
    (dict(bounds=(1.0, 2.0)), "lower end of the 'bounds' .* must be <= 0"),
    (dict(bounds=(None, -np.ones(D))), "upper end .* Got -1 of feature 0"),
    (dict(bounds=(None, np.ones(3))), r"of the shape \(8,\)"),
    (dict(bounds=3.0), r"must be \(lower, upper\)"),
    (dict(solver="active-set", penalty=Tikhonov(FORM)), "one of groups"),
]


@pytest.mark.parametrize(("settings", "sentence"), REFUSED, ids=lambda x: str(x)[:30])
def test_bad_input_has_a_sentence(settings, sentence):
    X, y = data(SquaredError())
    with pytest.raises(ValueError, match=sentence):
        LinearRegressor(alpha=0.1).set_params(**settings).fit(X, y)


STEPPED = [
    *(L1(WEIGHTS), ElasticNet(0.5, WEIGHTS), GroupLasso(GROUPS), SLOPE(SORTED)),
    *(SparseGroupLasso(GROUPS) + 0.1 * L2(), MCP()),
]


@pytest.mark.parametrize("penalty", STEPPED, ids=lambda p: str(p)[:25])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_proximal_steps_lead_to_the_same_optimum(penalty, kind):
    X, y = data(LogLoss())
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    known = LinearClassifier(penalty=penalty, alpha=0.05, tol=1e-10).fit(X, y)
    steps = dict(learning_rate="invscaling", eta0=0.5, power_t=0.3, tol=None)
    model = SGDClassifier(LogLoss(), penalty=penalty, alpha=0.05, random_state=0)
    model.set_params(**steps, batch_size=50, max_iter=300).fit(kind(X), y)
    raw = X @ model.coef_[0] + model.intercept_
    value = LogLoss().mean(y, raw) + penalty.value(model.coef_, alpha=0.05)
    assert value == pytest.approx(known.objective_, rel=2e-3)
    zeros = known.coef_ == 0
    assert not zeros.any() or (model.coef_[zeros] == 0).any()


def test_proximal_steps_of_all_classes():
    X, y = data(CrossEntropy())
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = SGDClassifier(CrossEntropy(), penalty=MultiTask(), alpha=0.1)
    model.set_params(learning_rate="constant", eta0=0.1, batch_size=50, max_iter=200)
    known = LinearClassifier(CrossEntropy(), penalty=MultiTask(), alpha=0.1).fit(X, y)
    model.set_params(random_state=0).fit(X, y)
    zeros = (known.coef_ == 0).all(axis=0)
    assert zeros.any()
    assert (model.coef_[:, zeros] == 0).all(axis=0).any()
    assert_allclose(model.coef_, known.coef_, atol=0.05)


@pytest.mark.parametrize("penalty", [L1(WEIGHTS), L2(WEIGHTS)], ids=["l1", "l2"])
def test_streams_have_weights_for_each_feature(penalty):
    X, y = data(SquaredError())
    known = SGDRegressor(penalty=penalty, alpha=0.3, tol=1e-8).fit(X, y)
    model = SGDRegressor(penalty=penalty, alpha=0.3)
    for part in np.split(np.arange(N), 4):
        model.partial_fit(X[part], y[part])
    assert_allclose(model.coef_, known.coef_, atol=0.02)


def test_what_others_cannot_use():
    X, y = data(SquaredError())
    groups = GroupLasso(GROUPS)
    steps = dict(learning_rate="constant", eta0=0.01)
    for settings, reason in (
        (dict(penalty=Tikhonov(FORM)), "a matrix has no proximal step"),
        (dict(penalty=groups, average=True), "average counts iterates"),
        (dict(penalty=groups, optimizer="adam"), "each weight its own step"),
        (dict(penalty=groups, learning_rate="pa1"), "whatever a penalty says"),
    ):
        model = SGDRegressor("epsilon_insensitive", **steps).set_params(**settings)
        with pytest.raises(ValueError, match=reason):
            model.fit(X, y)
    with pytest.raises(ValueError, match=r"partial_fit with .*'auto' cannot use"):
        SGDRegressor(penalty=groups).partial_fit(X, y)
    many = sparse.random_array((5, 5000), density=0.01, random_state=0).tocsr()
    with pytest.raises(ValueError, match="weights of a penalty for each feature"):
        SGDRegressor(penalty=L1(np.ones(5000))).partial_fit(many, y[:5])
    model = LinearRegressor(penalty=None, bounds=(None, 5.0)).fit(X, y)
    with pytest.raises(ValueError, match="bounds bind coefficients"):
        standard_errors(model, X, y)
    with pytest.raises(ValueError, match="only differences"):
        LinearClassifier(CrossEntropy(), bounds=(0, 1)).fit(*data(CrossEntropy()))


def test_names_and_objects_are_the_same():
    X, y = data(Quantile(0.7))
    for name, penalty in {"l1": L1(), "l2": L2(), "elasticnet": ElasticNet()}.items():
        model = LinearRegressor(Quantile(0.7), penalty=name, alpha=0.01).fit(X, y)
        other = clone(model).set_params(penalty=penalty).fit(X, y)
        np.testing.assert_array_equal(model.coef_, other.coef_)
        steps = SGDRegressor(penalty=name, learning_rate="invscaling", random_state=0)
        other = clone(steps).set_params(penalty=penalty).fit(X, y)
        np.testing.assert_array_equal(steps.fit(X, y).coef_, other.coef_)


def test_none_among_bounds_is_no_bound():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 3))
    y = rows @ [2.0, -2.0, 2.0]
    some = LinearRegressor(bounds=([None, -1, 0], [1, None, None])).fit(rows, y)
    inf = np.inf
    same = LinearRegressor(bounds=([-inf, -1, 0], [1, inf, inf])).fit(rows, y)
    np.testing.assert_array_equal(some.coef_, same.coef_)
    with pytest.raises(ValueError, match=r"Got nan of feature 1"):
        LinearRegressor(bounds=([None, np.nan, 0], 1)).fit(rows, y)
    with pytest.raises(ValueError, match="must be a number, an array of one"):
        LinearRegressor(bounds=([None, "a", 0], 1)).fit(rows, y)


@pytest.mark.parametrize("penalty", [MCP(), SCAD()], ids=str)
@pytest.mark.parametrize("seed", [9, 11, 21])
def test_concave_penalties_on_kinks_end_where_no_step_gains(penalty, seed):
    """No gap proves that: steps do, which gain what their models promise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 6))
    y = X[:, :2].sum(axis=1) + rng.laplace(size=80)
    settings = dict(penalty=penalty, alpha=0.03)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LinearRegressor(Quantile(0.3), **settings).fit(X, y)
    kept, point = model.objective_, (model.coef_, model.intercept_)
    for _ in range(50):
        coef = point[0] + 1e-3 * rng.normal(size=6) * (point[0] != 0)
        intercept = point[1] + 1e-3 * rng.normal()
        value = Quantile(0.3).mean(y, X @ coef + intercept)
        value += penalty.value(coef, alpha=0.03)
        assert value > kept - 1e-6
