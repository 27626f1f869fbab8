"""Validation and curves, against recomputation with the coefficients of each epoch."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import SGDClassifier, SGDRegressor, loss_scorer
from sklearn_losses.losses import CrossEntropy, Hinge, Huber, LogLoss, SquaredError
from tests.cases import DEFAULTS, N_CLASSES, each, targets

RNG = np.random.default_rng(0)
N, D = 90, 4
X = RNG.normal(size=(N, D)) * [1.0, 2.0, 0.5, 1.0]
Y = X @ [1.0, -1.0, 2.0, 0.0] + 0.5 + RNG.normal(size=N)
LABELS = np.array(["a", "b", "c"])[np.digitize(Y + RNG.normal(size=N), [-1.0, 1.5])]
WEIGHT = RNG.uniform(0.1, 2.0, size=N)
X_VAL = RNG.normal(size=(40, D)) * [1.0, 2.0, 0.5, 1.0]
Y_VAL = X_VAL @ [1.0, -1.0, 2.0, 0.0] + 0.5 + RNG.normal(size=40)
LABELS_VAL = np.array(["a", "b", "c"])[np.digitize(Y_VAL, [-1.0, 1.5])]
WEIGHT_VAL = RNG.uniform(0.0, 2.0, size=40)
LEARNING_RATES = ["invscaling", "adaptive", "auto"]


class Recorder:
    """A callback that keeps the coefficients after each epoch."""

    def setup(self, estimator, context):
        self.coef, self.intercept = [], []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "fit":
            self.coef.append(np.atleast_2d(fitted_estimator.coef_))
            self.intercept.append(fitted_estimator.intercept_)

    @property
    def epochs(self):
        return list(zip(self.coef, self.intercept))


def recorded(model, *args, **kwargs):
    """The coefficients after each epoch of a fit."""
    recorder = Recorder()
    model.set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*args, **kwargs)
    model.set_callbacks()
    return recorder.epochs


def regressor(loss="pseudo_huber", **parameters):
    defaults = dict(eta0=0.05, random_state=0, max_iter=8, learning_rate="invscaling")
    return SGDRegressor(loss, **defaults | parameters)


def classifier(loss="log_loss", **parameters):
    defaults = dict(eta0=0.05, random_state=0, max_iter=8, learning_rate="invscaling")
    return SGDClassifier(loss, **defaults | parameters)


def parts(loss, y, classes, coef, intercept, data):
    """Pairs of targets and raw predictions that have an objective of their own."""
    raw = data @ coef.T + intercept
    if classes is None:
        return [(y, raw[:, 0], np.ones(len(y)))]
    codes = np.searchsorted(classes, y)
    if loss.granularity == "row":
        return [(codes.astype(float), raw, np.ones(len(y)))]
    if len(classes) == 2:
        return [((y == classes[1]).astype(float), raw[:, 0], np.ones(len(y)))]
    return [((y == c).astype(float), raw[:, k], y == c) for k, c in enumerate(classes)]


def mean_losses(loss, y, classes, coef, intercept, data, weight, class_weight=None):
    """The weighted mean loss of each objective."""
    found = []
    for target, raw, own in parts(loss, y, classes, coef, intercept, data):
        factor = np.ones(len(y))
        if class_weight is not None:
            factor = np.array([class_weight[label] for label in y])
            if len(classes) > 2 and loss.granularity == "point":
                factor = np.where(own, factor, 1.0)
        found.append(np.average(loss.value(target, raw), weights=weight * factor))
    return np.array(found)


def objective_and_gradient_norm(model, loss, y, classes, coef, intercept, weight):
    penalty = {"l2": (0.0, 1.0), "l1": (1.0, 0.0), "elasticnet": (0.15, 0.85)}
    l1, l2 = model.alpha * np.array(penalty[model.penalty])
    value = l1 * np.abs(coef).sum() + l2 / 2 * (coef**2).sum()
    squares = 0.0
    several = parts(loss, y, classes, coef, intercept, X)
    for k, (target, raw, _) in enumerate(several):
        slope = loss.gradient(target, raw)
        value += weight @ loss.value(target, raw) / N
        w = coef if len(several) == 1 else coef[[k]]
        slope = slope.reshape(N, -1) * weight[:, None] / N
        smooth = slope.T @ X + l2 * w
        least = np.where(
            w != 0,
            smooth + l1 * np.sign(w),
            np.sign(smooth) * np.maximum(np.abs(smooth) - l1, 0.0),
        )
        squares += (least**2).sum() + (slope.sum(axis=0) ** 2).sum()
    return value, np.sqrt(squares)


PROBLEMS = [
    (regressor(Huber(1.0)), Y, None),
    (classifier(LogLoss()), LABELS, np.unique(LABELS)),
    (classifier(LogLoss()), LABELS == "a", np.array([False, True])),
    (classifier(CrossEntropy()), LABELS, np.unique(LABELS)),
]


def settings(problem, **parameters):
    model, y, classes = problem
    model = clone(model).set_params(**parameters)
    return model, y, classes


# -------------------------------------------------------------------------- traces
@pytest.mark.covering
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: repr(p[0].loss))
@pytest.mark.parametrize("learning_rate", LEARNING_RATES)
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_trace_equals_recomputation(problem, learning_rate, penalty, form):
    model, y, classes = settings(
        problem, learning_rate=learning_rate, penalty=penalty, alpha=0.05, trace=True
    )
    model.set_params(max_iter=30 if learning_rate == "auto" else 8, tol=None)
    epochs = recorded(model, form(X), y, sample_weight=WEIGHT)
    expected = [
        objective_and_gradient_norm(model, model.loss, y, classes, *epoch, WEIGHT)
        for epoch in epochs
    ]
    assert len(epochs) > 2
    value, norm = np.transpose(expected)
    assert_allclose(model.objective_curve_, value, rtol=1e-10)
    assert_allclose(model.gradient_norm_curve_, norm, rtol=1e-7, atol=1e-10)
    if learning_rate == "auto":
        assert_allclose(model.loss_curve_, value, rtol=1e-10)


def test_trace_is_of_the_rows_learnt_from():
    weight = np.where(np.arange(N) < 10, 0.0, 1.0)
    model = regressor(trace=True, tol=None).fit(X, Y, sample_weight=weight)
    alone = regressor(trace=True, tol=None).fit(X[10:], Y[10:])
    assert_allclose(model.objective_curve_, alone.objective_curve_, rtol=1e-12)
    assert_allclose(model.gradient_norm_curve_, alone.gradient_norm_curve_, rtol=1e-9)


@pytest.mark.parametrize("learning_rate", [*LEARNING_RATES, "pa1"])
def test_looking_changes_nothing(learning_rate):
    loss = Hinge() if learning_rate == "pa1" else LogLoss()
    model = classifier(loss, learning_rate=learning_rate, max_iter=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        coef = clone(model).fit(X, LABELS).coef_
        assert_array_equal(
            clone(model).set_params(trace=True).fit(X, LABELS).coef_, coef
        )
    recorded(model, X, LABELS)
    assert_array_equal(model.coef_, coef)


def test_step_sizes():
    t = N * np.arange(1.0, 9.0)
    model = regressor(trace=True, tol=None, eta0=0.1).fit(X, Y)
    assert_allclose(model.learning_rate_curve_, 0.1 / t**0.25)
    model = regressor(trace=True, tol=None, learning_rate="constant").fit(X, Y)
    assert_allclose(model.learning_rate_curve_, 0.05)
    model = regressor(trace=True, learning_rate="optimal", alpha=0.1, tol=None)
    t0 = 1 / (0.1 * 0.1**-0.25)
    assert_allclose(
        model.fit(X, Y).learning_rate_curve_, 1 / (0.1 * (t0 + t - 1)), rtol=1e-12
    )
    model = regressor(learning_rate="adaptive", trace=True, tol=1.0, max_iter=100)
    sizes = model.set_params(n_iter_no_change=1).fit(X, Y).learning_rate_curve_
    ratios = sizes[1:] / sizes[:-1]
    assert np.all(np.isclose(ratios, 1.0) | np.isclose(ratios, 0.2))
    assert np.isclose(ratios, 0.2).sum() >= 6  # from 0.05 to 1e-6
    model = classifier(Hinge(), learning_rate="pa1", trace=True).fit(X, LABELS)
    assert not hasattr(model, "learning_rate_curve_")


def test_loss_curve_of_a_schedule_is_what_was_before_the_steps():
    """With one step an epoch it is the objective after the epoch before."""
    model = regressor(
        Huber(1.0),
        batch_size=N,
        trace=True,
        tol=None,
        max_iter=6,
        shuffle=False,
        alpha=0.1,
    ).fit(X, Y)
    assert_allclose(model.loss_curve_[0], Huber(1.0).mean(Y, np.zeros(N)))
    assert_allclose(model.loss_curve_[1:], model.objective_curve_[:-1], rtol=1e-12)


# ---------------------------------------------------------------------- validation
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: repr(p[0].loss))
@pytest.mark.parametrize("learning_rate", LEARNING_RATES)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_validation_loss_equals_recomputation(problem, learning_rate, form, dtype):
    model, y, classes = settings(problem, learning_rate=learning_rate, tol=1e-6)
    model.set_params(max_iter=40, eta0=0.3)
    y_val = {2: LABELS_VAL == "a", 3: LABELS_VAL}.get(np.size(classes), Y_VAL)
    x_val = X_VAL.astype(dtype)
    x_val.setflags(write=False)
    class_weight = None
    if classes is not None:
        class_weight = dict(zip(classes.tolist(), [0.5, 3.0, 1.5]))
        model.set_params(class_weight=class_weight)
    validation = dict(X_val=form(x_val), y_val=y_val, sample_weight_val=WEIGHT_VAL)
    epochs = recorded(model, X, y, **validation)
    each_loss = np.array(
        [
            mean_losses(
                model.loss, y_val, classes, *epoch, x_val, WEIGHT_VAL, class_weight
            )
            for epoch in epochs
        ]
    )
    assert_allclose(model.validation_loss_curve_, each_loss.sum(axis=1), rtol=1e-10)
    assert model.loss_curve_.shape == (len(epochs),)
    best = np.atleast_1d(model.best_epoch_)
    assert_array_equal(best, each_loss.argmin(axis=0))
    if len(best) == 1:
        coef, intercept = epochs[best[0]]
    else:
        coef = np.array([epochs[e][0][k] for k, e in enumerate(best)])
        intercept = np.array([epochs[e][1][k] for k, e in enumerate(best)])
    assert_allclose(np.atleast_2d(model.coef_), coef, rtol=1e-12)
    assert_allclose(model.intercept_, intercept, rtol=1e-12)


@pytest.mark.parametrize("learning_rate", LEARNING_RATES)
def test_rows_of_ones_own_are_as_rows_set_aside(learning_rate):
    model = classifier(early_stopping=True, learning_rate=learning_rate, max_iter=30)
    train, aside = model._split(np.unique(LABELS, return_inverse=True)[1], None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        coef = clone(model).fit(X, LABELS).coef_
        for early_stopping in (True, False):
            model.set_params(early_stopping=early_stopping)
            model.fit(X[train], LABELS[train], X_val=X[aside], y_val=LABELS[aside])
            assert_allclose(model.coef_, coef, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("learning_rate", ["invscaling", "auto"])
def test_patience_is_with_the_validation(learning_rate):
    """Validation targets that say the opposite: the first epoch is the best."""
    model = regressor(learning_rate=learning_rate, max_iter=100, n_iter_no_change=3)
    model.fit(X, Y, X_val=X, y_val=-Y)
    assert model.best_epoch_ == 0
    assert len(model.validation_loss_curve_) == 4


@pytest.mark.covering
@each(DEFAULTS)
@pytest.mark.parametrize("learning_rate", ["invscaling", "auto"])
def test_every_loss_stops_early_and_keeps_its_best_epoch(loss, learning_rate):
    y = targets(loss, np.random.default_rng(1), N)
    model = regressor(loss)
    if loss.task != "regression":
        n_classes = 2 if loss.task == "binary" else N_CLASSES
        y = np.round(y).astype(int) % n_classes
        model = classifier(loss)
    model.set_params(
        early_stopping=True, learning_rate=learning_rate, max_iter=30, eta0=0.01
    )
    _, aside = model._split(y.astype(float), None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    curve = model.validation_loss_curve_
    assert np.argmin(curve) == model.best_epoch_
    raw = model.raw_prediction(X[aside])
    if loss.granularity == "row" and raw.ndim == 1:
        raw = np.stack([-raw / 2, raw / 2], axis=1)
    assert_allclose(loss.mean(y[aside], raw), curve.min(), rtol=1e-8)


# ------------------------------------------------------------------------- scoring
@pytest.mark.parametrize("learning_rate", LEARNING_RATES)
@pytest.mark.parametrize("loss", [LogLoss(), CrossEntropy(), Hinge()], ids=repr)
def test_scoring_decides(loss, learning_rate):
    model = classifier(loss, scoring="accuracy", learning_rate=learning_rate)
    model.set_params(max_iter=40, n_iter_no_change=3, eta0=0.5, n_jobs=2)
    validation = dict(X_val=X_VAL, y_val=LABELS_VAL, sample_weight_val=WEIGHT_VAL)
    epochs = recorded(model, X, LABELS, **validation)
    predictions = [
        model.classes_[np.argmax(X_VAL @ coef.T + intercept, axis=1)]
        for coef, intercept in epochs
    ]
    scores = [
        accuracy_score(LABELS_VAL, p, sample_weight=WEIGHT_VAL) for p in predictions
    ]
    assert_allclose(model.validation_score_curve_, scores)
    best = model.best_epoch_
    assert_array_equal(model.coef_, epochs[best][0])
    assert_array_equal(model.predict(X_VAL), predictions[best])
    losses = [
        mean_losses(loss, LABELS_VAL, model.classes_, *e, X_VAL, WEIGHT_VAL).sum()
        for e in epochs
    ]
    assert_allclose(model.validation_loss_curve_, losses, rtol=1e-10)
    assert scores[best] == max(scores)  # and, of those, with the least loss
    equal = np.flatnonzero(np.equal(scores, scores[best]))
    assert best == equal[model.validation_loss_curve_[equal].argmin()]


def no_weights(estimator, X, y):
    return -float(np.abs(estimator.predict(X) - y).max())


@pytest.mark.parametrize("scoring", ["max_error", no_weights], ids=["name", "callable"])
def test_a_scorer_that_takes_no_weights_gets_none(scoring):
    scoring = "neg_max_error" if scoring == "max_error" else scoring
    model = regressor(scoring=scoring, tol=None)
    epochs = recorded(
        model, X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHT_VAL
    )
    worst = [np.abs(X_VAL @ w[0] + b[0] - Y_VAL).max() for w, b in epochs]
    assert_allclose(model.validation_score_curve_, -np.array(worst))


@pytest.mark.parametrize("wants", [True, False])
def test_with_routing_the_scorer_says_whether_it_wants_weights(wants):
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=wants)
        model = classifier(scoring=scorer, tol=None).fit(
            X, LABELS, X_val=X_VAL, y_val=LABELS_VAL, sample_weight_val=WEIGHT_VAL
        )
        weight = WEIGHT_VAL if wants else None
        score = accuracy_score(LABELS_VAL, model.predict(X_VAL), sample_weight=weight)
    assert_allclose(model.validation_score_curve_[model.best_epoch_], score)


def test_rows_set_aside_are_scored_with_their_weights():
    model = classifier(scoring="accuracy", early_stopping=True, max_iter=20)
    model.set_params(validation_fraction=0.3, class_weight="balanced")
    model.fit(X, LABELS, sample_weight=WEIGHT)
    _, aside = model._split(np.unique(LABELS, return_inverse=True)[1], WEIGHT)
    score = get_scorer("accuracy")(
        model, X[aside], LABELS[aside], sample_weight=WEIGHT[aside]
    )
    assert_allclose(model.validation_score_curve_[model.best_epoch_], score)
    assert_allclose(max(model.validation_score_curve_), score)


def test_a_scorer_of_a_loss():
    model = regressor(scoring=loss_scorer(SquaredError()), tol=None)
    model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHT_VAL)
    loss = SquaredError().mean(Y_VAL, model.predict(X_VAL), WEIGHT_VAL)
    assert_allclose(-model.validation_score_curve_[model.best_epoch_], loss)


def test_scoring_that_is_no_number():
    model = regressor(scoring=lambda estimator, X, y: np.zeros(2), early_stopping=True)
    with pytest.raises(ValueError, match=r"'scoring' parameter.*a single number"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match=r"'scoring' parameter.*a scorer"):
        regressor(scoring=3).fit(X, Y)
    with pytest.raises(ValueError, match="nonsense"):
        regressor(scoring="nonsense", early_stopping=True).fit(X, Y)


def test_a_scorer_that_returns_nan_is_refused():
    model = regressor(scoring=lambda estimator, X, y: np.nan, early_stopping=True)
    with pytest.raises(ValueError, match=r"'scoring' parameter.*Got nan from <func"):
        model.fit(X, Y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("learning_rate", LEARNING_RATES)
def test_the_loss_decides_between_equal_scores(learning_rate):
    """Or a scorer that is flat would choose the first epoch: with "auto" a constant."""
    model = classifier(scoring=lambda *data: 0.97, learning_rate=learning_rate)
    model.set_params(max_iter=40, tol=0.0)
    model.fit(X, LABELS, X_val=X_VAL, y_val=LABELS_VAL)
    assert model.best_epoch_ == model.validation_loss_curve_.argmin() > 0
    assert model.coef_.any()


def test_without_validation_rows_scoring_is_not_used():
    model = regressor(scoring=lambda estimator, X, y: 1 / 0).fit(X, Y)
    assert not hasattr(model, "validation_score_curve_")


# ---------------------------------------------------------------------- attributes
@pytest.mark.parametrize("learning_rate", ["invscaling", "optimal", "auto"])
def test_threads_give_the_same_curves(learning_rate):
    model = classifier(learning_rate=learning_rate, trace=True, max_iter=60, alpha=0.01)
    fits = [
        clone(model).set_params(n_jobs=n).fit(X, LABELS, X_val=X_VAL, y_val=LABELS_VAL)
        for n in (1, 3)
    ]
    names = [name for name in vars(fits[0]) if "curve" in name] + ["best_epoch_"]
    assert len(names) == 6
    for name in names:
        assert_allclose(*(getattr(fit, name) for fit in fits), 1e-12, 1e-14)


def test_there_is_no_curve_that_was_not_asked_for():
    model = regressor(tol=None).fit(X, Y)
    assert not hasattr(model, "loss_curve_")
    assert regressor(tol=None, trace=True).fit(X, Y).loss_curve_.shape == (8,)
    model = regressor(trace=True).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    model.set_params(tol=None, trace=False).fit(X, Y)
    assert not [name for name in vars(model) if "curve" in name or "best" in name]


def test_partial_fit_leaves_curves_as_they_are():
    model = regressor(trace=True).fit(X, Y)
    before = {name: value for name, value in vars(model).items() if "curve" in name}
    model.partial_fit(X, Y)
    for name, value in before.items():
        assert getattr(model, name) is value
    assert not hasattr(regressor(trace=True).partial_fit(X, Y), "objective_curve_")


# ------------------------------------------------------------- errors and contracts
BAD = [
    (dict(X_val=X_VAL), "X_val was given without y_val"),
    (dict(y_val=Y_VAL), "y_val was given without X_val"),
    (dict(sample_weight_val=WEIGHT_VAL), "sample_weight_val was given without X_val"),
    (dict(X_val=X_VAL[:, :3], y_val=Y_VAL), "X_val has 3 features"),
    (dict(X_val=X_VAL, y_val=Y_VAL[:-1]), "inconsistent numbers of samples"),
    (dict(X_val=X_VAL * np.nan, y_val=Y_VAL), "X_val contains NaN"),
    (dict(X_val=X_VAL, y_val=np.abs(Y_VAL) * np.inf), "y_val contains infinity"),
    (dict(X_val=X_VAL, y_val=["u"] * 40), "y_val must be numeric"),
    (dict(sample_weight_val=-WEIGHT_VAL), r"sample_weight_val\[0\] is -"),
    (dict(sample_weight_val=np.zeros(40)), "All weights of the validation rows"),
    (dict(sample_weight_val=np.ones(3)), r"sample_weight_val must have the shape"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_errors_name_the_validation_rows(given, message):
    if list(given) == ["sample_weight_val"] and "without" not in message:
        given = dict(X_val=X_VAL, y_val=Y_VAL) | given
    model = regressor().fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, **given)
    assert vars(model) == before


def test_errors_of_labels_and_domains():
    with pytest.raises(ValueError, match=r"y_val has the label 'd' \(at index 2\)"):
        classifier().fit(X, LABELS, X_val=X[:3], y_val=["a", "b", "d"])
    with pytest.raises(ValueError, match=r"y_val has the label 1 "):
        classifier().fit(X, LABELS, X_val=X[:3], y_val=[1, 2, 2])
    with pytest.raises(ValueError, match="y_val"):
        regressor("poisson").fit(X, np.abs(Y), X_val=X_VAL, y_val=Y_VAL)
    names = pd.DataFrame(X, columns=list("abcd"))
    with pytest.raises(ValueError, match=r"(?s)validation rows.*feature names"):
        regressor().fit(names, Y, X_val=names.rename(columns={"a": "z"}), y_val=Y)


def test_validation_rows_of_a_frame_are_scored_without_a_warning():
    names = pd.DataFrame(X, columns=list("abcd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = regressor(SquaredError(), scoring="r2", max_iter=1000)
        model.fit(names, Y, X_val=names, y_val=Y)
    assert_allclose(max(model.validation_score_curve_), model.score(names, Y))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("learning_rate", ["invscaling", "auto"])
def test_validation_rows_are_not_copied(form, learning_rate):
    many = form(np.ones((30_000, 100)))
    model = regressor(learning_rate=learning_rate, n_iter_no_change=2)
    tracemalloc.start()
    try:
        model.fit(np.eye(50, 100), Y[:50], X_val=many, y_val=np.ones(30_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000 * 100 * 8 / 4


def test_validation_rows_are_routed():
    with config_context(enable_metadata_routing=True):
        sgd = regressor().set_fit_request(
            X_val=True, y_val=True, sample_weight_val=True
        )
        model = make_pipeline(StandardScaler(), sgd, transform_input=["X_val"])
        model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHT_VAL)
        scaler = StandardScaler().fit(X)
        alone = regressor().fit(
            scaler.transform(X),
            Y,
            X_val=scaler.transform(X_VAL),
            y_val=Y_VAL,
            sample_weight_val=WEIGHT_VAL,
        )
    assert_allclose(model[-1].validation_loss_curve_, alone.validation_loss_curve_)


@pytest.mark.parametrize("learning_rate", ["invscaling", "auto"])
@pytest.mark.parametrize("scoring", [None, "score"])
def test_in_bagging_and_grid_search(learning_rate, scoring):
    common = dict(early_stopping=True, learning_rate=learning_rate, max_iter=100)
    sgd = regressor(scoring=scoring and "neg_mean_absolute_error", **common)
    bag = BaggingRegressor(sgd, 3, random_state=0).fit(X, Y)
    bags = bag.estimators_
    sgd = classifier(scoring=scoring and "accuracy", **common)
    bag = BaggingClassifier(sgd, 3, random_state=0).fit(X, LABELS)
    for fit in [*bags, *bag.estimators_]:
        assert len(fit.validation_loss_curve_) == len(fit.loss_curve_)
        assert hasattr(fit, "validation_score_curve_") == (scoring is not None)
    search = GridSearchCV(sgd, {"alpha": [1e-4, 1e-2]}, cv=3, n_jobs=2)
    best = search.fit(X, LABELS).best_estimator_
    again = clone(best).fit(X, LABELS)
    assert_array_equal(best.validation_loss_curve_, again.validation_loss_curve_)


@pytest.mark.parametrize("learning_rate", ["invscaling", "auto"])
def test_lines_of_threads_name_their_classes(learning_rate, capsys):
    model = classifier(learning_rate=learning_rate, verbose=1, n_jobs=3, max_iter=40)
    model.fit(X, LABELS, X_val=X_VAL, y_val=LABELS_VAL)
    lines = capsys.readouterr().out.splitlines()
    unit = "iteration" if learning_rate == "auto" else "epoch"
    for label in "abc":
        own = [
            line for line in lines if line.startswith(f"[{label}] {unit}    1  loss ")
        ]
        assert len(own) == 1
        assert "  validation loss " in own[0]
    assert all(line.endswith(" s") for line in lines)
