"""SGDMultiTask: all rows at once, steps with a shared map, and streams of tasks."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    CrossEntropy,
    Huber,
    LinearMultiTask,
    LogLoss,
    LossCurveDisplay,
    MultiTask,
    SGDMultiTask,
    SquaredError,
)
from sklearn_losses.solvers.sgd._shared_map import Averaging, GradientNorms, SharedMap
from tests.contract import each_check

RNG = np.random.default_rng(0)
N, D = 600, 4
Z = RNG.normal(size=(N, D))
X = Z * [1e-3, 1.0, 1e3, 1.0] + [0.0, 5.0, 300.0, 0.0]
HIDDEN = Z @ RNG.normal(size=(D, 2))
Y = np.column_stack(
    [
        HIDDEN[:, 0] + 0.3 * RNG.normal(size=N),
        HIDDEN.sum(axis=1) + 0.3 * RNG.normal(size=N),
        np.digitize(HIDDEN[:, 1] + 0.5 * RNG.normal(size=N), [-1.0, 1.0]),
    ]
)
Y[::7, 0] = np.nan
LOSS = {"a": Huber(), "b": SquaredError(), "c": CrossEntropy()}
CLASSES = {"c": [0, 1, 2]}
SHARED = {"rank": 2, "learning_rate": "constant", "batch_size": 32, "random_state": 0}


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"penalty": MultiTask(), "alpha": 0.05}, {"rank": 2}, {"weights": {"a": 3.0}}],
    ids=str,
)
def test_fit_is_that_of_the_linear_model(kwargs):
    weight = {"a": RNG.uniform(size=N)} if kwargs == {} else None
    model = SGDMultiTask(LOSS, **kwargs).fit(X, Y, sample_weight=weight)
    best = LinearMultiTask(LOSS, **kwargs).fit(X, Y, sample_weight=weight)
    for task, loss in best.losses_.items():
        assert model.losses_[task] == pytest.approx(loss, rel=1e-2)
    weighed = SGDMultiTask(LOSS, weights="uncertainty").fit(X, Y)
    assert weighed.weights_["a"] == pytest.approx(0.5 / weighed.losses_["a"], rel=1e-2)


@pytest.mark.parametrize("kwargs", [{}, {"batch_size": 8}, {"optimizer": "adam"}])
def test_steps_come_near(kwargs):
    steps = {"learning_rate": "invscaling", "eta0": 0.02, "random_state": 0} | kwargs
    model = SGDMultiTask(LOSS, trace=True, **steps).fit(Z, Y)
    best = LinearMultiTask(LOSS).fit(Z, Y)
    assert model.score(Z, Y) > best.score(Z, Y) - 0.02
    assert len(model.task_curves_["c"]) == model.n_iter_
    assert model.task_curves_["c"][-1] == pytest.approx(model.losses_["c"])
    of_csr = clone(model).fit(sparse.csr_array(Z), Y)
    np.testing.assert_allclose(of_csr.coef_, model.coef_, atol=1e-8)


@pytest.mark.parametrize("size", [1, 60])
def test_a_stream_ends_near_the_fit(size):
    model, n = SGDMultiTask(LOSS), 60 if size == 1 else N
    y = Y * [1e6, 1e-6, 1.0]
    for i in range(0, n, size):
        rows = slice(i, i + size)
        model.partial_fit(X[rows], y[rows], classes=CLASSES if i == 0 else None)
        model = pickle.loads(pickle.dumps(model)) if i == size else model
    best = LinearMultiTask(LOSS, alpha=1e-4).fit(X[:n], y[:n])
    assert model.score(X[:n], y[:n]) > best.score(X[:n], y[:n]) - 0.02


def test_a_stream_goes_on_from_a_fit():
    model = SGDMultiTask(LOSS).fit(X, Y)
    before = model.score(X, Y)
    assert model.partial_fit(X[:40], Y[:40]).score(X, Y) > before - 0.01
    model.coef_ = 0.0 * model.coef_
    for i in range(0, N, 50):
        model.partial_fit(X[i : i + 50], Y[i : i + 50])
    assert model.score(X, Y) > before - 0.1


def test_weights_by_gradients_and_by_rates():
    losses, norms = np.array([2.0, 3.0]), np.array([10.0, 1.0])
    scheme = GradientNorms(np.ones(2))
    for _ in range(2000):
        scheme.step(losses, norms)
    # With equal rates weighted gradients are alike, and weights sum to their number.
    np.testing.assert_allclose(scheme.factors, [2 / 11, 20 / 11], rtol=0.05)
    assert scheme.factors.sum() == pytest.approx(2.0)
    scheme = Averaging(np.ones(2))
    scheme.epoch(np.array([2.0, 2.0]))
    scheme.epoch(np.array([1.0, 2.0]))
    share = np.exp(np.array([0.5, 1.0]) / 2.0)
    np.testing.assert_allclose(scheme.factors, 2 * share / share.sum())


@pytest.mark.parametrize("weights", ["gradnorm", "dwa", {"b": 0.5}], ids=str)
def test_steps_of_a_shared_map(weights):
    y = Y * [1.0, 1e3, 1.0] if isinstance(weights, str) else Y
    kwargs = SHARED | {"penalty": None, "weights": weights, "trace": True}
    model = SGDMultiTask(LOSS, **kwargs).fit(X, y)
    best = LinearMultiTask(LOSS, rank=2, penalty=None).fit(X, y)
    assert np.linalg.matrix_rank(model.coef_) == 2
    assert model.score(X, y) > best.score(X, y) - 0.02
    assert set(model.weights_) == set(LOSS)
    of_csr = clone(model).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(of_csr.score(X, y), model.score(X, y), atol=0.01)


@pytest.mark.parametrize(
    "kwargs",
    [{"rank": 2}] + [SHARED | {"weights": w} for w in ("gradnorm", "dwa", {"b": 1e-6})],
    ids=["auto", "gradnorm", "dwa", "fixed"],
)
def test_a_stream_of_a_shared_map_ends_near_the_fit(kwargs):
    kwargs = {"eta0": 0.05} | kwargs
    y, model = Y * [1.0, 1e3, 1.0], SGDMultiTask(LOSS, penalty=None, **kwargs)
    of_csr, passes = clone(model), 6 if "weights" in kwargs else 1
    for k in range(0, passes * N, 60):
        rows = slice(k % N, k % N + 60)
        model.partial_fit(X[rows], y[rows], classes=CLASSES)
        of_csr.partial_fit(sparse.csr_array(X[rows]), y[rows], classes=CLASSES)
        model = pickle.loads(pickle.dumps(model)) if k == 60 else model
    best = LinearMultiTask(LOSS, rank=2, penalty=None).fit(X, y)
    assert np.linalg.matrix_rank(model.coef_) == 2
    assert model.score(X, y) > best.score(X, y) - 0.05
    np.testing.assert_allclose(of_csr.coef_, model.coef_, rtol=1e-4)
    assert (model.weights_ == dict.fromkeys(LOSS, 1.0)) == ("weights" not in kwargs)


def test_a_stream_of_a_rank_is_reduced_rank_regression():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1500, 8))
    both = rows @ rng.normal(size=(8, 2)) @ rng.normal(size=(2, 6))
    both += rng.normal(size=both.shape)
    model = SGDMultiTask(rank=2, penalty=None)
    for k in range(0, 1500, 30):
        model.partial_fit(rows[k : k + 30], both[k : k + 30])
    best = LinearMultiTask(rank=2, penalty=None).fit(rows, both)
    assert model.score(rows, both) == pytest.approx(best.score(rows, both), abs=1e-3)
    np.testing.assert_allclose(model.coef_, best.coef_, atol=0.03)


@pytest.mark.parametrize("kwargs", [{"rank": 2}, SHARED], ids=["auto", "steps"])
def test_a_stream_of_a_shared_map_goes_on_from_coefficients(kwargs):
    best = LinearMultiTask(LOSS, rank=2).fit(Z, Y)
    model = SGDMultiTask(LOSS, **kwargs).partial_fit(Z[:60], Y[:60], classes=CLASSES)
    model.coef_, model.intercept_ = best.coef_.copy(), best.intercept_.copy()
    model.partial_fit(Z[60:80], Y[60:80])
    assert model.score(Z, Y) > best.score(Z, Y) - 0.02
    before = pickle.dumps(vars(model))
    with pytest.raises(ValueError, match="which is not among its classes"):
        model.partial_fit(Z[80:], np.where(Y[80:] == 2.0, 9.0, Y[80:]))
    assert pickle.dumps(vars(model)) == before
    nothing = clone(model).partial_fit(
        Z[:5], Y[:5], classes=CLASSES, sample_weight=[0] * 5
    )
    assert not nothing.coef_.any()


def test_units_of_a_shared_map_do_not_matter_to_predictions():
    steps = SharedMap(np.array([0]), Averaging(np.ones(1)), 2, 0.0, 0.01)
    rng = np.random.default_rng(0)
    centres, scales, units = np.ones(3), np.array([1.0, 2.0, 0.0]), np.ones(2)
    steps.begin(rng, np.array([1.0, 2.0]), centres, scales, units)
    before = steps.found()
    steps.measure(centres + 1.0, np.array([0.1, 4.0, 3.0]), units * [5.0, 0.1])
    for old, new in zip(before, steps.found()):
        np.testing.assert_allclose(new, old, rtol=1e-12)
    steps.go_on_from(*before)
    for old, new in zip(before, steps.found()):
        np.testing.assert_allclose(new, old, rtol=1e-12)


def test_curves_of_tasks_are_drawn():
    pytest.importorskip("matplotlib").use("Agg")
    model = SGDMultiTask(LOSS, trace=True, **SHARED).fit(Z, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert {line.get_label() for line in display.lines_} >= set(LOSS)


def test_parameters_of_losses_are_searched():
    grid = {"loss__a__delta": [0.5, 2.0]}
    search = GridSearchCV(SGDMultiTask(LOSS), grid, cv=2).fit(X, Y)
    assert search.best_params_["loss__a__delta"] in (0.5, 2.0)


def test_frames_float32_and_a_task_that_comes_late():
    frame = pd.DataFrame(Y[:, 1:], columns=["b", "c"])
    model = SGDMultiTask({"c": CrossEntropy(), "b": SquaredError()})
    model.partial_fit(X.astype(np.float32), frame, classes=CLASSES)
    assert list(model.predict(X).columns) == ["b", "c"]
    assert model.coef_.dtype == np.float32
    late, y = SGDMultiTask(LOSS), Y.copy()
    y[:100, 0] = np.nan
    for i in range(0, N, 50):
        late.partial_fit(Z[i : i + 50], y[i : i + 50], classes=CLASSES)
    assert late.score(Z, Y) > 0.8


def test_a_stream_takes_weights_of_each_task():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 3))
    both = rows @ rng.normal(size=(3, 2)) + rng.normal(size=(200, 2))
    weight = {"a": rng.uniform(size=200), "b": rng.integers(2, size=200)}
    losses = {"a": "squared_error", "b": "huber"}
    known = LinearMultiTask(losses).fit(rows, both, sample_weight=weight)
    stream = SGDMultiTask(losses)
    for k in range(0, 200, 50):
        chunk = slice(k, k + 50)
        own = {name: each[chunk] for name, each in weight.items()}
        stream.partial_fit(rows[chunk], both[chunk], sample_weight=own)
    np.testing.assert_allclose(stream.coef_, known.coef_, atol=1e-3)
    with pytest.raises(ValueError, match="has the task 'c', and loss has not"):
        stream.partial_fit(rows, both, sample_weight={"c": np.ones(200)})
    steps = SGDMultiTask(losses, learning_rate="constant")
    with pytest.raises(ValueError, match="of each task by steps, which are of all"):
        steps.partial_fit(rows, both, sample_weight=weight)


def test_steps_say_that_the_default_alpha_decides():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 3))
    both = 1e6 * (rows @ rng.normal(size=(3, 2)) + rng.normal(size=(300, 2)))
    kind = {"learning_rate": "adaptive", "eta0": 1e6, "random_state": 0}
    model = SGDMultiTask("absolute_error", **kind)
    with pytest.warns(UserWarning, match=r"The task 'y': .*\(the default\)"):
        model.fit(rows, both)


def test_what_cannot_be_used_is_said():
    def says(match, loss=LOSS, **kwargs):
        with pytest.raises(ValueError, match=match):
            SGDMultiTask(loss, **kwargs).fit(X, Y)

    says("needs a rank and steps", weights="dwa")
    says("needs a rank and steps", weights="gradnorm", rank=2)
    says("needs learning_rate='auto'", weights="uncertainty", learning_rate="constant")
    says("cannot use penalty='l1'", penalty="l1", **SHARED)
    says("among {'uncertainty', 'gradnorm', 'dwa'}", weights="equal")
    says("several outputs", learning_rate="pa1", loss="absolute_error")
    stream = SGDMultiTask(LOSS, weights="uncertainty")
    with pytest.raises(ValueError, match="weights='uncertainty', which are those of a"):
        stream.partial_fit(X, Y, classes=CLASSES)
    with pytest.raises(ValueError, match="needs a rank and steps"):
        stream.set_params(weights="dwa").partial_fit(X, Y, classes=CLASSES)
    with pytest.raises(ValueError, match="needs the labels of the task 'c'"):
        SGDMultiTask(LOSS).partial_fit(X, Y)
    with pytest.raises(ValueError, match="which is no classification"):
        SGDMultiTask(LOSS).partial_fit(X, Y, classes=CLASSES | {"a": [1]})
    with pytest.raises(ValueError, match="label 2, which is not among"):
        SGDMultiTask(LOSS | {"c": LogLoss()}).partial_fit(X, Y, classes={"c": [0, 1]})
    with pytest.warns(UserWarning, match="'b' counts"):
        SGDMultiTask(LOSS, **SHARED, max_iter=2, tol=None).fit(X, Y * [1, 1e4, 1])


@each_check(
    [SGDMultiTask(), SGDMultiTask(learning_rate="invscaling")],
    lambda model: (
        {}
        if model.learning_rate == "auto"
        else {
            "check_sample_weight_equivalence_on_dense_data": "the mean is over rows",
            "check_sample_weight_equivalence_on_sparse_data": "the mean is over rows",
        }
    ),
)
def test_scikit_learn_contract(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)


def test_labels_of_a_stream_are_of_tasks():
    with pytest.raises(TypeError, match="must be a dict of a task's name to its"):
        SGDMultiTask({"a": "log_loss"}).partial_fit(
            [[0.0], [1.0]], [0, 1], classes=[0, 1]
        )
