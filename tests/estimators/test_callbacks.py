"""scikit-learn's callbacks: what they see, and what is left when one of them raises."""

import io
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    LinearClassifier,
    LinearRegressor,
    SGDClassifier,
    SGDRegressor,
)
from sklearn_losses.losses import CrossEntropy, Hinge, Huber, LogLoss, SquaredError

X, LABELS = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
UNITS = {"invscaling": "epoch", "auto": "iteration"}


def classifier(learning_rate, loss="log_loss", **parameters):
    defaults = dict(random_state=0, max_iter=20, tol=1e-2, eta0=0.1)
    return SGDClassifier(loss, learning_rate=learning_rate, **defaults | parameters)


class Script:
    """A callback that notes what it sees, and does something at one of the epochs."""

    def __init__(self, act=lambda: None, at=3):
        self.act, self.at = act, at
        self.calls, self.models, self.data = [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(
        self, estimator, context, *, X, y, metadata=None, fitted_estimator=None
    ):
        self.calls.append(f"end {context.task_name} {context.task_id}")
        self.models.append(fitted_estimator)
        self.data.append((X, y, metadata))
        if len(self.models) == self.at:
            return self.act()
        return False


def interrupt():
    raise KeyboardInterrupt


def fail():
    raise RuntimeError("enough")


@pytest.mark.parametrize("learning_rate", UNITS)
def test_tasks_are_nested_and_carry_the_data(learning_rate):
    script, unit = Script(), UNITS[learning_rate]
    weight = np.ones(len(LABELS))
    model = classifier(learning_rate).set_callbacks(script)
    model.fit(X, LABELS, sample_weight=weight)
    n = len(model.loss_curve_)
    assert n > 3
    epochs = [f"{what} {unit} {k}" for k in range(n) for what in ("begin", "end")]
    assert script.calls == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]
    for data, y, metadata in script.data:
        assert data is X
        assert y is LABELS
        assert metadata["sample_weight"] is weight
    assert not hasattr(model, "_callback_fit_ctx")
    assert_array_equal(script.models[-1].coef_, model.coef_)


@pytest.mark.parametrize("loss", [LogLoss(), CrossEntropy()], ids=repr)
def test_models_are_those_of_their_epochs(loss):
    script = Script()
    model = classifier("invscaling", loss, tol=None, max_iter=5)
    model.set_callbacks(script).fit(X, LABELS)
    for n, seen in enumerate(script.models[:-1], start=1):
        alone = classifier("invscaling", loss, tol=None, max_iter=n).fit(X, LABELS)
        assert_array_equal(seen.coef_, alone.coef_)
        assert_allclose(seen.predict_proba(X), alone.predict_proba(X))


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("learning_rate", UNITS)
def test_a_callback_may_stop_the_fit(learning_rate, n_jobs):
    script = Script(lambda: True)
    model = classifier(learning_rate, n_jobs=n_jobs).set_callbacks(script)
    model.fit(X, LABELS)
    assert len(model.loss_curve_) == 3
    assert_array_equal(model.coef_, script.models[2].coef_)


@pytest.mark.parametrize("learning_rate", UNITS)
def test_code_of_others_warns_of_floats_as_outside(learning_rate):
    seen = []

    def score(model, X, y):
        seen.append(np.geterr())
        return model.score(X, y)

    script = Script(lambda: seen.append(np.geterr()), at=2)
    model = classifier(learning_rate, scoring=score, early_stopping=True)
    with np.errstate(over="print", invalid="raise"):
        here = np.geterr()
        model.set_callbacks(script).fit(X, LABELS)
    assert len(seen) > 3
    assert all(state == here for state in seen)


@pytest.mark.parametrize(
    ("act", "error"), [(fail, RuntimeError), (interrupt, KeyboardInterrupt)]
)
@pytest.mark.parametrize("learning_rate", UNITS)
@pytest.mark.parametrize("is_fitted", [True, False])
def test_errors_and_interrupts_leave_the_model_as_it_was(
    learning_rate, act, error, is_fitted
):
    model = classifier(learning_rate)
    if is_fitted:
        model.fit(X[::2], LABELS[::2])
    script = Script(act)
    model.set_callbacks(script)
    before = dict(vars(model))
    with pytest.raises(error):
        model.fit(X, LABELS)
    assert vars(model) == before
    assert script.calls[-1] == "teardown"
    model.set_callbacks().fit(X, LABELS)
    assert_array_equal(model.coef_, classifier(learning_rate).fit(X, LABELS).coef_)


@pytest.mark.parametrize("learning_rate", UNITS)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_scoring_monitor_in_a_pipeline_in_a_search(learning_rate, n_jobs):
    monitor = ScoringMonitor(scoring="accuracy")
    sgd = classifier(learning_rate).set_callbacks(monitor)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), sgd),
        {"sgdclassifier__alpha": [1e-3, 1e-2]},
        n_jobs=n_jobs,
        cv=2,
    ).fit(X, LABELS)
    best = search.best_estimator_
    refit = (0, 1)  # the second task of the search
    rows = [row for row in monitor.get_logs().data if row["task_id_path"][:2] == refit]
    epochs = [row for row in rows if row["task_name"] == UNITS[learning_rate]]
    assert [row["task_id"] for row in epochs] == list(range(len(best[-1].loss_curve_)))
    assert_allclose(epochs[-1]["accuracy"], accuracy_score(LABELS, best.predict(X)))


@pytest.mark.parametrize("learning_rate", UNITS)
def test_progress_bar_in_a_pipeline_in_a_search(learning_rate, capsys):
    pytest.importorskip("rich")
    model = make_pipeline(StandardScaler(), classifier(learning_rate))
    bar = ProgressBar(max_propagation_depth=None)
    search = GridSearchCV(model, {"sgdclassifier__alpha": [1e-3, 1e-2]}, n_jobs=2)
    search.set_callbacks(bar).fit(X, LABELS)
    assert "SGDClassifier - fit" in capsys.readouterr().out
    coef = search.best_estimator_[-1].coef_
    alone = clone(search.best_estimator_).fit(X, LABELS)
    assert_array_equal(alone[-1].coef_, coef)


def test_partial_fit_calls_nobody():
    script = Script()
    model = SGDRegressor(SquaredError(), learning_rate="invscaling").set_callbacks(
        script
    )
    model.partial_fit(X, LABELS)
    assert script.calls == []


def test_a_model_with_callbacks_is_pickled():
    model = classifier("invscaling").set_callbacks(ScoringMonitor(scoring="accuracy"))
    model.fit(X, LABELS)
    copy = pickle.load(io.BytesIO(pickle.dumps(model)))
    assert_array_equal(copy.predict(X), model.predict(X))


CERTIFIED = [
    (LinearClassifier(LogLoss(), alpha=1e-3), LABELS),  # one versus rest
    (LinearClassifier(CrossEntropy(), alpha=1e-3, n_jobs=2), LABELS),
    (LinearClassifier(Hinge(), alpha=1e-3), LABELS),
    (LinearRegressor(Huber(0.1), solver="lbfgs"), X[:, 0] ** 3),
    (LinearRegressor(penalty="l1", solver="active-set", alpha=1e-3), X[:, 0] ** 3),
]
each_certified = pytest.mark.parametrize(("model", "y"), CERTIFIED, ids=repr)


@each_certified
def test_certified_fits_are_seen_and_stay_what_they_are(model, y):
    script, weight = Script(), np.linspace(0.5, 1.0, len(y))
    alone = clone(model).fit(X, y, sample_weight=weight)
    seen = clone(model).set_callbacks(script).fit(X, y, sample_weight=weight)
    assert_array_equal(seen.coef_, alone.coef_)
    assert_array_equal(script.models[-1].coef_, seen.coef_)
    assert_array_equal(script.models[-1].predict(X), seen.predict(X))
    n = len(script.models) - 1
    tasks = [f"{what} iteration {k}" for k in range(n) for what in ("begin", "end")]
    assert script.calls == ["setup", "begin fit 0", *tasks, "end fit 0", "teardown"]
    for data, targets, metadata in script.data:
        assert data is X
        assert targets is y
        assert metadata["sample_weight"] is weight


def test_the_models_that_are_seen_have_the_intercepts_of_the_offset():
    plain, moved = Script(), Script()
    model = LinearClassifier(LogLoss(), alpha=1e-3)
    clone(model).set_callbacks(plain).fit(X, LABELS)
    clone(model).set_callbacks(moved).fit(X, LABELS, offset=5.0)
    assert len(plain.models) == len(moved.models) > 3
    for before, after in zip(plain.models, moved.models):
        assert_allclose(after.intercept_ + 5.0, before.intercept_, atol=1e-12)


@each_certified
def test_a_callback_may_stop_a_certified_fit(model, y, recwarn):
    script = Script(lambda: True, at=2)
    stopped = clone(model).set_callbacks(script).fit(X, y)
    assert len(script.models) == 3  # two iterations and the fit
    assert_array_equal(stopped.coef_, script.models[1].coef_)
    begun = np.atleast_2d(stopped.coef_).any(axis=1)
    assert begun.sum() >= min(2, len(begun))  # classes go side by side
    assert not list(recwarn)
    optimum = clone(model).fit(X, y)
    assert np.all(stopped.objective_ - stopped.gap_ <= optimum.objective_)


@pytest.mark.parametrize("is_fitted", [True, False])
def test_an_error_in_a_certified_fit_leaves_the_model_as_it_was(is_fitted):
    model, script = LinearClassifier(), Script(interrupt, at=2)
    if is_fitted:
        model.fit(X[::2], LABELS[::2])
    before = dict(vars(model.set_callbacks(script)))
    with np.errstate(over="print", invalid="raise"), pytest.raises(KeyboardInterrupt):
        model.fit(X, LABELS)
    assert vars(model) == before
    assert script.calls[-1] == "teardown"


def test_scoring_monitor_of_certified_fits_in_a_search():
    monitor = ScoringMonitor(scoring="accuracy")
    model = LinearClassifier().set_callbacks(monitor)
    search = GridSearchCV(model, {"alpha": [1e-3, 1e-2]}, n_jobs=2, cv=2).fit(X, LABELS)
    rows = [r for r in monitor.get_logs().data if r["task_name"] == "iteration"]
    expected = accuracy_score(LABELS, search.best_estimator_.predict(X))
    assert_allclose(rows[-1]["accuracy"], expected)
