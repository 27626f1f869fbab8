"""LinearMultiTask and Quantiles: several columns of coefficients in one model."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import MultiTaskLasso
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_losses import (
    AbsoluteError,
    CrossEntropy,
    Hinge,
    Huber,
    InvalidParameterError,
    LinearClassifier,
    LinearMultiTask,
    LinearRegressor,
    LogLoss,
    MulticlassHinge,
    MultiTask,
    Quantile,
    Quantiles,
    SGDRegressor,
    SquaredError,
    check_loss,
)
from tests.contract import each_check

RNG = np.random.default_rng(0)
N, D = 150, 6
X = RNG.normal(size=(N, D)) + 2.0
W = np.zeros((D, 4))
W[:2] = RNG.normal(size=(2, 4))
Y = X @ W + 0.5 * RNG.standard_t(3, size=(N, 4))
KIND = np.argmax(Y[:, :3] + RNG.gumbel(size=(N, 3)), axis=1)
LABELS = np.array(["car", "dog", "cup"])[KIND]
BOTH = np.column_stack([Y, KIND])
MISSING = BOTH.copy()
MISSING[:40, :4] = np.nan  # a box is only where there is an object
MISSING[50:60, 4] = np.nan
LOSSES = {"box": Huber(), "kind": CrossEntropy()}
COLUMNS = {"box": slice(0, 4), "kind": 4}


def detector(**settings):
    return LinearMultiTask(
        {"box": Huber(), "kind": CrossEntropy()}, columns=COLUMNS, **settings
    )


def test_rows_of_coefficients_are_zero_together_as_in_scikit_learn():
    model = LinearMultiTask(penalty=MultiTask(), alpha=0.1, tol=1e-10).fit(X, Y)
    # The mean over four columns, each with half of the square.
    known = MultiTaskLasso(alpha=0.4, tol=1e-13, max_iter=100_000).fit(X, Y)
    np.testing.assert_allclose(model.coef_, known.coef_, atol=1e-8)
    np.testing.assert_allclose(model.intercept_, known.intercept_, atol=1e-8)
    assert 0 <= model.gap_ < 1e-12
    assert (model.coef_ == 0).all(axis=0).any()


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_many_features_are_found_a_few_at_a_time(make):
    rng = np.random.default_rng(0)
    wide = np.hstack([X, rng.normal(size=(N, 60))])
    model = LinearMultiTask(penalty=MultiTask(), alpha=0.05, tol=1e-9)
    model.fit(make(wide), Y)
    known = MultiTaskLasso(alpha=0.2, tol=1e-13, max_iter=100_000).fit(wide, Y)
    np.testing.assert_allclose(model.coef_, known.coef_, atol=1e-6)
    assert 0 <= model.gap_ < 1e-8
    assert 2 < (model.coef_ != 0).any(axis=0).sum() < 60
    every = clone(model).set_params(alpha=1e-5).fit(make(wide), Y)
    assert every.gap_ < 1e-7
    none = clone(model).set_params(alpha=10.0).fit(make(wide), Y)
    assert not none.coef_.any()
    np.testing.assert_allclose(none.intercept_, Y.mean(axis=0))
    assert none.gap_ < 1e-12


def test_tasks_that_nothing_couples_are_fits_of_their_own():
    weights = {"box": 2.0, "kind": 0.5}
    model = detector(alpha=0.1, weights=weights, tol=1e-9).fit(X, MISSING)
    here = ~np.isnan(MISSING[:, 0])
    for k in range(4):  # each is a fourth of its task
        own = LinearRegressor(Huber(), alpha=0.1 / (2.0 / 4), tol=1e-9)
        own.fit(X[here], MISSING[here, k])
        np.testing.assert_allclose(model.coef_[k], own.coef_, atol=1e-6)
    here = ~np.isnan(MISSING[:, 4])
    own = LinearClassifier(CrossEntropy(), alpha=0.2, tol=1e-9)
    own.fit(X[here], MISSING[here, 4])
    np.testing.assert_allclose(model.coef_[4:], own.coef_, atol=1e-6)
    probability = model.predict_proba(X)["kind"]
    np.testing.assert_allclose(probability, own.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(model.predict(X)[:, 4], own.predict(X))
    assert model.gap_ < 1e-7


@pytest.mark.parametrize("penalty", ["l2", MultiTask()], ids=repr)
def test_what_was_not_observed_does_not_count(penalty):
    model = detector(penalty=penalty, alpha=0.05).fit(X, MISSING)
    assert model.gap_ < 1e-6
    total = sum(model.weights_[k] * model.losses_[k] for k in LOSSES)
    price = 0.05 * np.linalg.norm(model.coef_, axis=0).sum()
    if penalty == "l2":
        price = 0.025 * np.sum(model.coef_**2)
    assert total + price == pytest.approx(model.objective_)
    other = MISSING.copy()
    rows = np.vstack([X, X[:1]])
    other = np.vstack([other, np.full(5, np.nan)])
    same = clone(model).fit(rows, other)
    np.testing.assert_allclose(same.coef_, model.coef_, atol=1e-6)
    csr = clone(model).fit(sparse.csr_array(X), MISSING)
    np.testing.assert_allclose(csr.coef_, model.coef_, atol=1e-5)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))


def test_a_coupled_fit_beats_any_other():
    model = detector(penalty=MultiTask(), alpha=0.05, tol=1e-9).fit(X, MISSING)
    here, seen = ~np.isnan(MISSING[:, 0]), ~np.isnan(MISSING[:, 4])

    def value(coef, intercept):
        raw = X @ coef.T + intercept
        box = [Huber().mean(MISSING[here, k], raw[here, k]) for k in range(4)]
        kind = CrossEntropy().mean(MISSING[seen, 4], raw[seen, 4:])
        return np.mean(box) + kind + 0.05 * np.linalg.norm(coef, axis=0).sum()

    best = value(model.coef_, model.intercept_)
    assert best == pytest.approx(model.objective_, rel=1e-10)
    for size in (1e-4, 1e-2):
        for _ in range(10):
            coef = model.coef_ + size * RNG.normal(size=model.coef_.shape)
            assert value(coef, model.intercept_) > best - model.gap_


@pytest.mark.parametrize("penalty", ["l2", MultiTask()], ids=repr)
def test_weights_by_uncertainty_are_those_of_the_losses(penalty):
    model = detector(penalty=penalty, alpha=0.05, weights="uncertainty", tol=1e-9)
    model.fit(X, MISSING)
    for name, weight in model.weights_.items():
        assert weight == pytest.approx(0.5 / model.losses_[name], rel=1e-5)
    fixed = detector(penalty=penalty, alpha=0.05, weights=model.weights_, tol=1e-9)
    np.testing.assert_allclose(fixed.fit(X, MISSING).coef_, model.coef_, atol=1e-4)


def test_losses_with_kinks_and_two_classes():
    y = np.column_stack([Y[:, 0], KIND == 1])
    losses = {"a": Quantile(0.3), "b": Hinge()}
    apart = LinearMultiTask(losses, alpha=0.01).fit(X, y)
    assert apart.gap_ < 1e-5
    assert not hasattr(apart, "predict_proba")
    joint = LinearMultiTask(losses, penalty=MultiTask(), alpha=0.01).fit(X, y)
    assert joint.predict(X).shape == (N, 2)
    labels = LinearMultiTask({"b": LogLoss()}).fit(X, LABELS == "dog")
    assert labels.predict(X).dtype == bool
    assert labels.predict_proba(X)["b"].shape == (N, 2)


def test_frames_records_and_labels():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"left": Y[:, 0], "kind": LABELS, "top": Y[:, 1]})
    frame.loc[3, "kind"] = None
    where = {"box": ["left", "top"], "kind": "kind"}
    model = LinearMultiTask(LOSSES, columns=where).fit(X, frame)
    found = model.predict(X)
    assert list(found.columns) == ["left", "kind", "top"]
    assert set(found["kind"]) <= set(LABELS)
    assert model.classes_["kind"][0].tolist() == ["car", "cup", "dog"]
    assert 0 < model.score(X, frame) <= 1
    records = np.array(
        list(zip(Y[:, 0], LABELS, Y[:, 1])),
        dtype=[("left", float), ("kind", "U3"), ("top", float)],
    )
    full = LinearMultiTask(LOSSES, columns=where).fit(X, records)
    assert full.predict(X).dtype.names == ("left", "kind", "top")
    mixed = LinearMultiTask(LOSSES, columns={"box": [0, 2], "kind": 1})
    values = np.column_stack([Y[:, 0].astype(object), LABELS, Y[:, 1]])
    found = mixed.fit(X, values).predict(X)
    assert found.dtype == object
    np.testing.assert_array_equal(found[:, 1], full.predict(X)["kind"])


def test_parameters_of_the_losses_in_a_search():
    model = detector()
    assert model.get_params()["loss__box__delta"] == Huber().delta
    search = GridSearchCV(model, {"loss__box__delta": [0.5, 5.0]}, cv=3).fit(X, BOTH)
    assert search.best_params_["loss__box__delta"] in (0.5, 5.0)
    assert model.set_params(loss__box=Huber(delta=3.0)).loss["box"].delta == 3.0
    with pytest.raises(ValueError, match="is of a task that there is not: box, kind"):
        model.set_params(loss__size__delta=1.0)
    assert np.isfinite(cross_val_score(detector(), X, BOTH, cv=3)).all()


def test_sample_weights_of_rows_and_of_tasks():
    weight = RNG.integers(0, 3, N).astype(float)
    model = detector(alpha=0.05, tol=1e-9)
    repeated = np.repeat(np.arange(N), weight.astype(int))
    a = clone(model).fit(X, BOTH, sample_weight=weight)
    b = clone(model).fit(X[repeated], BOTH[repeated])
    np.testing.assert_allclose(a.coef_, b.coef_, atol=1e-6)
    c = clone(model).fit(X, BOTH, sample_weight={"box": weight})
    np.testing.assert_allclose(c.coef_[:4], a.coef_[:4], atol=1e-6)
    assert np.abs(c.coef_[4:] - a.coef_[4:]).max() > 1e-4
    coupled = model.set_params(penalty=MultiTask())
    with pytest.raises(ValueError, match="cannot use sample_weight of each task"):
        coupled.fit(X, BOTH, sample_weight={"box": weight})


@pytest.mark.parametrize(
    ("settings", "y", "message"),
    [
        ({"loss": LOSSES}, Y, "y has 4 columns, and loss has 2 tasks: box, kind"),
        ({"loss": LOSSES, "columns": {"box": 0}}, Y, "'kind' is in one of them alone"),
        (
            {"loss": LOSSES, "columns": {"box": [0, 1], "kind": 1}},
            Y[:, :2],
            "column 1 is of 2 in",
        ),
        ({"loss": LOSSES, "columns": {"box": 9, "kind": 1}}, Y, "y has only 4 columns"),
        ({"loss": LOSSES, "columns": {"box": "a", "kind": 1}}, Y, "no column of y"),
        ({"weights": {"z": 1.0}}, Y, "has the task 'z', and loss has y"),
        ({"weights": {"y": 0.0}}, Y, "must have weights > 0"),
        ({}, np.full((N, 1), np.nan), "is all nan"),
        ({"loss": "log_loss"}, KIND, "has 3 classes, .0, 1, 2., and LogLoss.. is for"),
        ({"loss": "log_loss"}, np.ones(N), "has one class"),
        ({}, LABELS, "must be numbers"),
        ({"loss": "poisson"}, Y, r"y\[:, 0\]"),
        (
            {"loss": MulticlassHinge(), "penalty": MultiTask()},
            KIND,
            "because it has kinks",
        ),
    ],
)
def test_bad_input(settings, y, message):
    with pytest.raises(ValueError, match=message):
        LinearMultiTask(**settings).fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_check([LinearMultiTask(), LinearMultiTask(penalty=MultiTask())])
def test_scikit_learn_check(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)


# ----------------------------------------------------------------------- quantiles
LEVELS = [0.1, 0.5, 0.9]


def test_quantiles_are_those_of_one_level_each_and_sorted():
    y = Y[:, 0]
    model = LinearRegressor(Quantiles(LEVELS), alpha=1e-3).fit(X, y)
    for k, level in enumerate(LEVELS):
        one = LinearRegressor(Quantile(level), alpha=1e-3).fit(X, y)
        np.testing.assert_array_equal(model.coef_[k], one.coef_)
        assert model.gap_[k] == one.gap_ < 1e-5
    assert (np.diff(model.predict(10 * X), axis=1) >= 0).all()
    assert 0 < model.score(X, y) < 1
    assert not hasattr(model, "predict_std")


def test_parallel_quantiles_are_the_best_of_a_linear_program():
    y, n = Y[:60, 0], 60
    rows, K = X[:60], len(LEVELS)
    columns = np.hstack([np.tile(rows, (K, 1)), np.repeat(np.eye(K), n, axis=0)])
    A = sparse.hstack([columns, sparse.eye(n * K), -sparse.eye(n * K)], format="csr")
    q = np.repeat(LEVELS, n) / (n * K)
    cost = np.concatenate([np.zeros(D + K), q, 1.0 / (n * K) - q])
    bounds = [(None, None)] * (D + K) + [(0, None)] * (2 * n * K)
    known = linprog(cost, A_eq=A, b_eq=np.tile(y, K), bounds=bounds)
    loss = Quantiles(LEVELS, crossing="parallel")
    model = LinearRegressor(loss, penalty=None, tol=1e-8).fit(rows, y)
    assert model.objective_ == pytest.approx(known.fun, rel=1e-6)
    assert (model.coef_ == model.coef_[0]).all()
    steps = np.diff(model.predict(X), axis=1)
    np.testing.assert_allclose(steps, np.tile(steps[0], (N, 1)))
    assert (steps >= 0).all()


@pytest.mark.parametrize("unit", [1e-3, 1e5])
def test_units_of_quantiles_do_not_matter(unit):
    loss = Quantiles(LEVELS, crossing="parallel")
    model = LinearRegressor(loss, penalty=None).fit(X, Y[:, 0])
    moved = LinearRegressor(loss, penalty=None).fit(X, unit * Y[:, 0])
    assert moved.objective_ == pytest.approx(unit * model.objective_, rel=1e-4)


def test_quantiles_keep_their_contract_and_say_what_is_wrong():
    for crossing in ("sort", "parallel"):
        assert check_loss(Quantiles(LEVELS, crossing=crossing)).passed
    for bad in ([0.5, 0.5], [0.0, 0.5], [], ["a"], 2.0, [0.9, 0.1]):
        with pytest.raises(InvalidParameterError, match="must be increasing numbers"):
            Quantiles(bad).value([1.0], [[0.0]])
    with pytest.raises(InvalidParameterError, match="quantiles of one prediction"):
        LinearRegressor(Quantiles(), features={"quantile 0.5": "all"}).fit(X, Y[:, 0])
    model = LinearRegressor(Quantiles(crossing="parallel"), fit_intercept=False)
    with pytest.raises(InvalidParameterError, match="Use crossing='sort'"):
        model.fit(X, Y[:, 0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_loss_for_all_columns_is_a_regression_of_each():
    model = LinearMultiTask(SquaredError(), penalty=None).fit(X, Y)
    for k in range(4):
        own = LinearRegressor(penalty=None).fit(X, Y[:, k])
        np.testing.assert_allclose(model.coef_[k], own.coef_, rtol=1e-6)


@pytest.mark.parametrize("make", ["frame", "records"])
def test_a_task_has_the_column_of_its_name(make):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = pd.DataFrame({"b": X[:, 1] > 0, "a": X[:, 0]})
    y = y if make == "frame" else y.to_records(index=False)
    model = LinearMultiTask({"a": SquaredError(), "b": LogLoss()}).fit(X, y)
    assert [task.columns for task in model.tasks_] == [(1,), (0,)]
    np.testing.assert_allclose(model.predict(X)["a"], X[:, 0], atol=1e-2)
    with pytest.raises(InvalidParameterError, match="of the task 'c': its columns are"):
        LinearMultiTask({"a": "squared_error", "c": "log_loss"}).fit(X, y)


def test_a_message_names_some_of_many_classes():
    X = np.arange(60.0)[:, None]
    with pytest.raises(InvalidParameterError, match=r"60 classes, \[.*4.0, ...\], and"):
        LinearMultiTask("log_loss").fit(X, X)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_kinks_are_found_in_any_unit_of_y(unit):
    y = Y[:, :2]
    tasks = LinearMultiTask("absolute_error", penalty=MultiTask(), alpha=1e-3)
    parallel = LinearRegressor(Quantiles(LEVELS, crossing="parallel"), penalty=None)
    for model, target in ((tasks, y), (parallel, y[:, 0])):
        known = clone(model).fit(X, target)
        found = model.fit(X, unit * target)
        np.testing.assert_allclose(
            found.coef_ / unit, known.coef_, rtol=1e-2, atol=1e-3
        )
        assert found.objective_ == pytest.approx(unit * known.objective_, rel=1e-5)


@pytest.mark.parametrize("factor", [1e2, 1e6])
def test_tasks_of_very_different_sizes_with_kinks(factor):
    y = Y[:, :2] * [1.0, factor]
    losses = {"a": Quantile(0.3), "b": AbsoluteError()}
    settings = dict(weights={"b": 1 / factor}, tol=1e-7)
    apart = LinearMultiTask(losses, penalty=None, **settings).fit(X, y)
    joint = LinearMultiTask(losses, penalty=MultiTask(), alpha=1e-12, **settings)
    joint.fit(X, y)
    assert joint.objective_ == pytest.approx(apart.objective_, rel=1e-5)


@pytest.mark.parametrize(
    "losses",
    [
        {"a": AbsoluteError(), "b": Quantile(0.3)},
        {"a": Huber(), "b": Hinge()},
        {"a": Quantile(0.9), "b": LogLoss()},
    ],
    ids=str,
)
def test_joint_fits_with_kinks_are_certified(losses):
    is_label = not isinstance(losses["b"], Quantile)
    y = np.column_stack([Y[:, 0], KIND == 1 if is_label else Y[:, 1]])
    model = LinearMultiTask(losses, penalty=MultiTask(), alpha=1e-2).fit(X, y)
    assert 0 <= model.gap_ < 1e-5 * model.objective_


# ------------------------------------------------------------------------------- rank
@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_rank_is_reduced_rank_regression(alpha):
    """The closed form: singular values in the metric of the ridge."""
    model = LinearMultiTask(rank=2, alpha=alpha, tol=1e-10).fit(X, Y)
    x, y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    metric = x.T @ x / (4 * N) + alpha * np.eye(D)
    ridge = np.linalg.solve(metric, x.T @ y / (4 * N))
    right = np.linalg.svd(np.linalg.cholesky(metric).T @ ridge)[2][:2]
    np.testing.assert_allclose(model.coef_, (ridge @ right.T @ right).T, atol=1e-8)
    assert np.isnan(model.gap_)
    full = LinearMultiTask(rank=4, alpha=alpha, tol=1e-10).fit(X, Y)
    np.testing.assert_allclose(full.coef_, ridge.T, atol=1e-8)
    assert full.gap_ < 1e-9


@pytest.mark.parametrize("loss", [Huber(), AbsoluteError()], ids=repr)
def test_rank_of_any_losses_is_a_minimum(loss):
    losses = {"box": loss, "kind": CrossEntropy()}
    settings = dict(columns=COLUMNS, alpha=1e-3)
    model = LinearMultiTask(losses, rank=2, tol=1e-8, **settings).fit(X, MISSING)
    assert np.linalg.matrix_rank(model.coef_, tol=1e-9) == 2
    assert (
        model.objective_
        > LinearMultiTask(losses, **settings).fit(X, MISSING).objective_
    )
    left, size, right = np.linalg.svd(model.coef_, full_matrices=False)
    left, right = left[:, :2] * size[:2], right[:2]
    here, seen = ~np.isnan(MISSING[:, 0]), ~np.isnan(MISSING[:, 4])

    def value(left, right):
        coef = left @ right
        raw = X @ coef.T + model.intercept_
        box = [loss.mean(MISSING[here, k], raw[here, k]) for k in range(4)]
        kind = CrossEntropy().mean(MISSING[seen, 4], raw[seen, 4:])
        return np.mean(box) + kind + 0.5e-3 * (coef**2).sum()

    best = value(left, right)
    assert best == pytest.approx(model.objective_, rel=1e-9)
    for _ in range(20):
        other = [part + 1e-3 * RNG.normal(size=part.shape) for part in (left, right)]
        assert value(*other) > best - 1e-8


def test_rank_wants_an_l2_norm():
    with pytest.raises(InvalidParameterError, match=r"rank=2. cannot use penalty='l1'"):
        LinearMultiTask(rank=2, penalty="l1").fit(X, Y)


def test_weights_by_uncertainty_minimize_the_logarithms():
    """sum_t log(2 L_t) / 2, of which they are the derivatives."""
    settings = dict(columns=COLUMNS, rank=2, alpha=0.0, tol=1e-9)
    model = LinearMultiTask(LOSSES, weights="uncertainty", **settings).fit(X, BOTH)
    best = sum(np.log(2.0 * loss) for loss in model.losses_.values())
    for factor in (0.5, 2.0):
        weights = dict(model.weights_, box=factor * model.weights_["box"])
        other = LinearMultiTask(LOSSES, weights=weights, **settings).fit(X, BOTH)
        assert sum(np.log(2.0 * loss) for loss in other.losses_.values()) > best


# ------------------------------------------------------------------- no crossing
def linear_program(S, y, levels):
    """HiGHS: pinball losses, and differences that are nowhere negative on [0, 1]^d."""
    (n, d), K = S.shape, len(levels)
    of_level, n_residuals = d + 1, 2 * K * n
    first = K * of_level + n_residuals  # of the negative parts of differences
    size = first + (K - 1) * d
    cost, equal = np.zeros(size), np.zeros((K * n, size))
    unequal, unit = [], np.eye(size)
    for k, q in enumerate(levels):
        rows, at = slice(k * n, (k + 1) * n), K * of_level + 2 * k * n
        own = np.column_stack([np.ones(n), S])
        equal[rows, k * of_level : (k + 1) * of_level] = own
        equal[rows, at : at + n] = np.eye(n)
        equal[rows, at + n : at + 2 * n] = -np.eye(n)
        cost[at : at + n], cost[at + n : at + 2 * n] = q / n / K, (1 - q) / n / K
    for k in range(K - 1):
        negative = unit[first + k * d : first + (k + 1) * d]
        change = unit[k * of_level] - unit[(k + 1) * of_level]
        unequal.append(change + negative.sum(axis=0))
        for j in range(d):
            change = unit[k * of_level + 1 + j] - unit[(k + 1) * of_level + 1 + j]
            unequal.append(change - negative[j])
    bounds = [(None, None)] * (K * of_level) + [(0, None)] * (size - K * of_level)
    settings = dict(b_eq=np.tile(y, K), bounds=bounds, method="highs")
    return linprog(cost, np.array(unequal), np.zeros(len(unequal)), equal, **settings)


def test_quantiles_that_do_not_cross_are_those_of_a_linear_program():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = X.sum(axis=1) + rng.standard_t(3, size=60) * (1 + np.abs(X[:, 0]))
    levels = [0.1, 0.4, 0.6, 0.9]
    low, high = X.min(axis=0), X.max(axis=0)
    known = linear_program((X - low) / (high - low), y, levels).fun
    loss = Quantiles(levels, crossing="constrained")
    model = LinearRegressor(loss, penalty=None).fit(X, y)
    assert known <= model.objective_ + 1e-12
    assert model.objective_ <= known + model.gap_ + 1e-12
    assert model.gap_ < 1e-4
    assert loss.mean(y, model.predict(X)) == pytest.approx(model.objective_)
    new = rng.uniform(low, high, size=(10_000, 2))
    apart = LinearRegressor(Quantiles(levels), penalty=None).fit(X, y)
    assert (np.diff(new @ apart.coef_.T + apart.intercept_, axis=1) < 0).any()
    assert (np.diff(new @ model.coef_.T + model.intercept_, axis=1) > -1e-9).all()
    assert np.mean(apart.objective_) < model.objective_
    again = pickle.loads(pickle.dumps(clone(model).fit(X, y, np.full(60, 2.0))))
    np.testing.assert_allclose(again.predict(X), model.predict(X), atol=1e-2)


def test_quantiles_that_do_not_cross_say_what_they_cannot_use():
    loss = Quantiles([0.1, 0.9], crossing="constrained")
    y = Y[:, 0]
    with pytest.raises(ValueError, match=r"penalty='l2'. cannot use .* Use penalty=No"):
        LinearRegressor(loss).fit(X, y)
    with pytest.raises(ValueError, match="with positive=True or fit_intercept=False"):
        LinearRegressor(loss, penalty=None, fit_intercept=False).fit(X, y)
    with pytest.raises(ValueError, match="cannot use offset with"):
        LinearRegressor(loss, penalty=None).fit(X, y, offset=y)
    with pytest.raises(ValueError, match=r"bound to each other. Use crossing='sort'"):
        SGDRegressor(loss).fit(X, y)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_tasks_that_share_their_moments(kind, fit_intercept):
    # scikit-learn's alpha is the sum of the tasks' losses, not their mean.
    rng = np.random.default_rng(0)
    rows, other = rng.normal(size=(300, 30)), rng.normal(size=(30, 4))
    rows[:, 3] += rows[:, 2]
    rows[:, 5], other[10:] = 2.0, 0.0
    y = rows @ other + rng.normal(size=(300, 4)) + 1.0
    settings = dict(alpha=0.05, fit_intercept=fit_intercept, tol=1e-10)
    model = LinearMultiTask(penalty=MultiTask(), **settings).fit(kind(rows), y)
    assert 0 <= model.gap_ < 1e-9
    settings["alpha"] *= 4
    settings |= dict(tol=1e-13, max_iter=100_000)
    theirs = MultiTaskLasso(**settings).fit(rows, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, theirs.intercept_, atol=1e-6)
    weight = rng.integers(0, 3, size=300)
    heavy = clone(model).fit(kind(rows), y, sample_weight=weight)
    again = np.repeat(np.arange(300), weight)
    other = clone(model).fit(kind(rows[again]), y[again])
    np.testing.assert_allclose(heavy.coef_, other.coef_, atol=1e-7)
