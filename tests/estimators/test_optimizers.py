"""Optimizers and clipped gradients equal ten lines of numpy, for all kinds of model."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    AdaGrad,
    Adam,
    AMSGrad,
    EpsilonInsensitive,
    Huber,
    LogLoss,
    Momentum,
    Nesterov,
    Poisson,
    RMSProp,
    SGDClassifier,
    SGDRegressor,
)
from tests.estimators.test_batches import (
    COUNTS,
    KINDS,
    LABELS,
    PENALTIES,
    WEIGHT,
    D,
    N,
    X,
    binary,
    coefficients,
    joint,
    labels_as_numbers,
    one_versus_rest,
    regression,
)


# ------------------------------------------------------------------------ reference
def running(old, new, keep):
    return keep * old + (1 - keep) * new


def direction_and_step(optimizer, g, kept, t, eta):
    """`kept` is a dict of arrays that begin at 0; the step may be of each weight.

    What a constant gradient is multiplied with is the step, of the l1 norm too.
    """
    name, p = type(optimizer).__name__, optimizer.get_params()
    m, s = kept["m"], kept["s"]
    if name in ("Momentum", "Nesterov"):
        rest = 1 - p["momentum"]
        m[:] = p["momentum"] * m + g
        total = m if name == "Momentum" else g + p["momentum"] * m
        return rest * total, eta / rest
    if name == "AdaGrad":
        s += g**2
        return g, eta / (np.sqrt(s) + p["epsilon"])
    if name == "RMSProp":
        s[:] = running(s, g**2, p["decay"])
        return g, eta / (np.sqrt(s) + p["epsilon"])
    m[:], s[:] = running(m, g, p["beta_1"]), running(s, g**2, p["beta_2"])
    kept["most"] = np.maximum(kept["most"], s)
    scale = (kept["most"] if name == "AMSGrad" else s) / (1 - p["beta_2"] ** t)
    return m / (1 - p["beta_1"] ** t), eta / (np.sqrt(scale) + p["epsilon"])


def clipped(g, limit, by, is_joint):
    if by == "value":
        return np.clip(g, -limit, limit)
    norm = np.linalg.norm(g, axis=None if is_joint else 1, keepdims=not is_joint)
    return g * np.minimum(1.0, limit / norm)


def reference(
    X, slope, n_outputs, optimizer, eta, penalty, batch, average, clip, by_norm
):
    """The coefficients, the intercept last, after two epochs in order.

    Where only the length of a row's step is clipped, the l1 norm is that of SGD.
    """
    l1, l2 = (
        strength * (np.arange(X.shape[1]) < X.shape[1] - 1) for strength in penalty
    )
    w = mean = received = np.zeros((n_outputs, X.shape[1]))
    total_l1, is_cumulative = 0.0, optimizer == "sgd" and batch == 1 and by_norm
    kept, n_averaged = {name: np.zeros_like(w) for name in ("m", "s", "most")}, 0
    starts = 2 * list(range(0, len(X), batch))
    for t, first in enumerate(starts, 1):
        rows = slice(first, first + batch)
        g = slope(X[rows] @ w.T, rows).T @ X[rows] / len(X[rows])
        g = clip(g) + l2 * w
        direction, step = g, eta(t)
        if optimizer != "sgd":
            direction, step = direction_and_step(optimizer, g, kept, t, eta(t))
        w = w - step * direction
        total_l1 = total_l1 + step * l1
        owed = total_l1 + np.sign(w) * received if is_cumulative else step * l1
        cut = np.sign(w) * np.maximum(np.abs(w) - owed, 0.0)
        w, received = cut, received + cut - w
        if 0 < average <= t:
            n_averaged += 1
            mean = mean + (w - mean) / n_averaged
    return mean if n_averaged else w


OPTIMIZERS = [
    Momentum(),
    Nesterov(momentum=0.7),
    AdaGrad(),
    AdaGrad(epsilon=1e-3),
    RMSProp(decay=0.9),
    RMSProp(),
    Adam(),
    Adam(beta_1=0.5, beta_2=0.9, epsilon=1e-3),
    AMSGrad(beta_2=0.6),
]
MODELS = [regression, binary, one_versus_rest, labels_as_numbers, joint]
FIXED = dict(
    max_iter=2, tol=None, shuffle=False, l1_ratio=0.3, alpha=0.04, power_t=0.25
)
NO_CLIP = dict(clip_gradient=None)


def compare(make, penalty, batch, schedule, average, optimizer, clip):
    """The coefficients of dense and CSR fits, with weights of which some are 0."""
    seen = np.flatnonzero(WEIGHT > 0)
    model, y, slope, n_outputs = make(WEIGHT)
    model.set_params(optimizer=optimizer, penalty=penalty, batch_size=batch, **FIXED)
    model.set_params(eta0=0.02, learning_rate=schedule, average=average, **clip)
    limit, by = clip["clip_gradient"], clip.get("clip_by", "norm")
    expected = reference(
        np.column_stack([X, np.ones(N)])[seen],
        lambda raw, rows: slope(raw, seen[rows]),
        n_outputs,
        optimizer,
        (lambda t: 0.02) if schedule == "constant" else lambda t: 0.02 / t**0.25,
        PENALTIES[penalty],
        batch,
        int(average),
        lambda g: g if limit is None else clipped(g, limit, by, make is joint),
        by == "norm",
    )
    assert 0.0 < np.abs(expected).max() < 10.0
    for kind in KINDS:
        fitted = clone(model).fit(kind(X), y, sample_weight=WEIGHT)
        assert_allclose(coefficients(fitted), expected, rtol=1e-11, atol=1e-12)
        assert_array_equal(coefficients(fitted) == 0.0, expected == 0.0)
        assert fitted.t_ == 1 + 2 * np.ceil(len(seen) / batch)
    return expected


@pytest.mark.covering
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_fits_equal_the_reference(optimizer, make, penalty, batch):
    for schedule, average in (("constant", False), ("invscaling", 5)):
        compare(make, penalty, batch, schedule, average, optimizer, NO_CLIP)


@pytest.mark.covering
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("by", ["norm", "value"])
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("optimizer", ["sgd", Momentum(), Adam()], ids=repr)
def test_clipped_gradients_equal_the_reference(optimizer, make, by, batch):
    for penalty in PENALTIES:
        clip = dict(clip_gradient=0.05, clip_by=by)
        fitted = compare(make, penalty, batch, "invscaling", False, optimizer, clip)
        free = dict(clip_gradient=1e9, clip_by=by)
        free = compare(make, penalty, batch, "invscaling", False, optimizer, free)
        assert np.abs(fitted - free).max() > 1e-6


def test_an_intercept_that_is_not_fitted_has_no_part_in_the_norm():
    y = 2.0 + COUNTS
    model = SGDRegressor(fit_intercept=False, clip_gradient=0.1, penalty=None)
    model.set_params(learning_rate="constant", eta0=1.0, batch_size=N)
    model.partial_fit(X, y)
    assert_allclose(model.coef_, 0.1 * (y @ X) / np.linalg.norm(y @ X), rtol=1e-12)
    assert model.intercept_ == 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_norms_whose_squares_are_no_numbers(size, batch, kind):
    x = size * np.array([[0.6, 0.8]])
    model = SGDRegressor(penalty=None, learning_rate="constant", eta0=1.0)
    model.set_params(clip_gradient=0.5 * size, fit_intercept=False, batch_size=batch)
    model.partial_fit(kind(x), [1.0])
    assert_allclose(model.coef_, 0.5 * size * np.array([0.6, 0.8]), rtol=1e-14)


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("by", ["norm", "value"])
@pytest.mark.parametrize("make", MODELS)
def test_a_limit_that_is_not_reached_changes_nothing(make, by, batch):
    """The kernels have one definition of a step, but for the l1 norm."""
    model, y, *_ = make(WEIGHT)
    for penalty in PENALTIES if (by, batch) == ("norm", 1) else ("l2", None):
        model.set_params(penalty=penalty, batch_size=batch, average=9, random_state=0)
        model.set_params(learning_rate="invscaling", eta0=0.02, alpha=0.04)
        free = clone(model).fit(X, y, sample_weight=WEIGHT)
        model.set_params(clip_gradient=1e9, clip_by=by).fit(X, y, sample_weight=WEIGHT)
        assert_allclose(coefficients(model), coefficients(free), rtol=0, atol=1e-12)
        assert model.n_iter_ == free.n_iter_


# -------------------------------------------------------------------- everything else
EVERY = ["momentum", "nesterov", "adagrad", "rmsprop", "adam", "amsgrad"]


def steps(optimizer, **parameters):
    """Settings for small constant steps."""
    settings = dict(learning_rate="constant", eta0=0.02, alpha=0.01, random_state=0)
    return dict(optimizer=optimizer) | settings | parameters


@pytest.mark.parametrize("optimizer", EVERY)
def test_a_name_is_the_object_with_its_defaults(optimizer):
    classes = dict(zip(EVERY, (Momentum, Nesterov, AdaGrad, RMSProp, Adam, AMSGrad)))
    by_name = SGDRegressor(**steps(optimizer)).fit(X, COUNTS)
    model = SGDRegressor(**steps(classes[optimizer]())).fit(X, COUNTS)
    assert_array_equal(model.coef_, by_name.coef_)
    plain = SGDRegressor(**steps("sgd")).fit(X, COUNTS)
    assert np.abs(model.coef_ - plain.coef_).max() > 1e-6


@pytest.mark.filterwarnings("ignore:.*has diverged")  # Poisson with Nesterov's steps
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("optimizer", EVERY)
def test_until_convergence_dense_equals_csr(optimizer, make):
    model, y, *_ = make(WEIGHT)
    for more in (
        dict(penalty="elasticnet"),
        dict(average=True, batch_size=5),
        dict(learning_rate="adaptive", n_iter_no_change=2),
        dict(early_stopping=True, n_iter_no_change=2),
    ):
        model.set_params(**steps(optimizer, **more))
        dense = clone(model).fit(X, y, sample_weight=WEIGHT)
        csr = clone(model).fit(sparse.csr_array(X), y, sample_weight=WEIGHT)
        assert dense.n_iter_ == csr.n_iter_ > 2
        assert_allclose(coefficients(csr), coefficients(dense), rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_the_objective_is_what_is_watched(optimizer):
    """Two epochs of a single step each: before it the model is known."""
    model = SGDRegressor(
        Poisson(), **steps(optimizer, batch_size=N, penalty="elasticnet", alpha=0.3)
    )
    model.set_params(max_iter=1, tol=None, shuffle=False)
    first = clone(model).fit(X, COUNTS)
    w, b = first.coef_, first.intercept_
    share = 0.15
    before = Poisson().value(COUNTS, np.zeros(N)).mean()
    after = Poisson().value(COUNTS, X @ w + b).mean() + 0.3 * (
        share * np.abs(w).sum() + (1 - share) / 2 * w @ w
    )
    # A tolerance just above and just below the improvement decides.
    for factor, n_iter in ((1.001, 2), (0.999, 3)):
        model.set_params(tol=factor * (before - after), n_iter_no_change=1, max_iter=3)
        assert model.fit(X, COUNTS).n_iter_ == n_iter


@pytest.mark.parametrize("optimizer", EVERY)
def test_an_l1_norm_leaves_the_zeros_of_the_lasso(optimizer):
    y = X[:, :3] @ [2.0, -2.0, 1.5]
    lasso = Lasso(alpha=0.03, tol=1e-12, max_iter=10**5).fit(X, y).coef_
    assert np.count_nonzero(lasso) == 3
    model = SGDRegressor(**steps(optimizer, penalty="l1", alpha=0.03, batch_size=N))
    model.set_params(max_iter=3000, tol=None, learning_rate="invscaling")
    model.set_params(eta0=0.1 if optimizer in ("rmsprop", "adam", "amsgrad") else 0.5)
    for kind in KINDS:
        coef = model.fit(kind(X), y).coef_
        assert_allclose(coef, lasso, atol=0.02)
        assert_array_equal(coef[3:], np.zeros(D - 3))


@pytest.mark.parametrize("optimizer", EVERY)
def test_threads_change_nothing(optimizer):
    model = SGDClassifier(LogLoss(), **steps(optimizer, penalty="elasticnet"))
    together = clone(model).fit(X, LABELS)
    threads = clone(model).set_params(n_jobs=2).fit(X, LABELS)
    assert_array_equal(coefficients(threads), coefficients(together))
    alone = [clone(model).fit(X, k == LABELS) for k in range(3)]
    assert_allclose(together.coef_, np.vstack([m.coef_ for m in alone]), rtol=1e-12)
    assert together.n_iter_ == max(m.n_iter_ for m in alone)


@pytest.mark.parametrize("optimizer", EVERY)
def test_float32_is_near_float64(optimizer):
    model = SGDRegressor(Huber(), **steps(optimizer, max_iter=5, tol=None))
    double = coefficients(model.fit(X, COUNTS))
    for kind in KINDS:
        single = model.fit(kind(X.astype(np.float32)), COUNTS)
        assert single.coef_.dtype == np.float32
        assert_allclose(coefficients(single), double, atol=1e-4)


@pytest.mark.parametrize("optimizer", EVERY)
def test_no_step_of_size_nan_where_there_is_no_gradient(optimizer):
    """A column of zeros, and rows whose gradient is 0 from the start."""
    Z = np.column_stack([X, np.zeros(N)])
    for penalty in PENALTIES:
        model = SGDRegressor(EpsilonInsensitive(1e3), **steps(optimizer))
        model.set_params(penalty=penalty).fit(Z, COUNTS)
        assert_array_equal(model.coef_, np.zeros(D + 1))


# --------------------------------------------------------------------------- streams
@pytest.mark.covering
@pytest.mark.parametrize("penalty", ["l2", "elasticnet"])
@pytest.mark.parametrize("average", [False, 7])
@pytest.mark.parametrize("optimizer", ["sgd", *EVERY])
@pytest.mark.parametrize("make", MODELS)
def test_partial_fits_go_on_where_a_fit_was(make, optimizer, average, penalty):
    """In chunks of whole batches, pickled in between."""
    model, y, *_ = make(WEIGHT)
    known = {"classes": np.unique(y)} if isinstance(model, SGDClassifier) else {}
    model.set_params(
        **steps(optimizer, average=average, penalty=penalty, learning_rate="invscaling")
    )
    model.set_params(max_iter=2, tol=None, shuffle=False, batch_size=5)
    whole = clone(model).fit(X, y)
    for _ in range(2):
        for start in range(0, N, 20):
            chunk = slice(start, start + 20)
            model.partial_fit(X[chunk], y[chunk], **known)
            model = pickle.loads(pickle.dumps(model))
    assert model.t_ == whole.t_
    assert_allclose(coefficients(model), coefficients(whole), rtol=0, atol=1e-12)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", *EVERY])
def test_rows_of_weight_zero_leave_everything_as_it_was(optimizer, average):
    settings = steps(optimizer, average=average, shuffle=False)
    model = SGDRegressor(**settings).partial_fit(X, COUNTS)
    before = pickle.loads(pickle.dumps(model))
    model.partial_fit(1e9 * X, COUNTS, sample_weight=np.zeros(N))
    assert (model.t_, model.n_iter_) == (before.t_, 0)
    assert model._state.keys() == before._state.keys()
    for name, array in before._state.items():
        assert_array_equal(model._state[name], array)
    # And among others they are as if they were not there.
    weight = np.where(np.arange(N) % 3 == 0, 0.0, 1.0)
    model.partial_fit(X, COUNTS, sample_weight=weight)
    before.partial_fit(X[weight > 0], COUNTS[weight > 0])
    assert model.t_ == before.t_
    for name, array in before._state.items():
        assert_array_equal(model._state[name], array)


@pytest.mark.parametrize("optimizer", EVERY)
def test_another_optimizer_begins_without_moments(optimizer):
    """And an l1 norm, of which SGD counts what weights have received, anew."""
    for first, second in (
        ("sgd", optimizer),
        (optimizer, "sgd"),
        ("rmsprop", optimizer),
    ):
        if first == second:
            continue
        model = SGDRegressor(**steps(first, penalty="l1", shuffle=False, alpha=0.1))
        model.partial_fit(X, COUNTS)
        fresh = SGDRegressor(**model.get_params()).set_params(optimizer=second)
        fresh.set_params(max_iter=1, tol=None)
        fresh.fit(X, COUNTS, coef_init=model.coef_, intercept_init=model.intercept_)
        model.set_params(optimizer=second).partial_fit(X, COUNTS)
        assert_allclose(model.coef_, fresh.coef_, rtol=1e-12, atol=1e-14)


# ------------------------------------------------------------------------ parameters
def test_parameters_are_nested():
    model = SGDRegressor(optimizer=Adam())
    assert model.get_params()["optimizer__beta_1"] == 0.9
    model.set_params(optimizer__beta_1=0.5, optimizer__epsilon=1e-6)
    assert repr(clone(model).optimizer) == "Adam(beta_1=0.5, epsilon=1e-06)"
    assert clone(model).optimizer is not model.optimizer
    grid = [
        {"optimizer": [Adam()], "optimizer__beta_1": [0.0, 0.9]},
        {"optimizer": ["sgd", "momentum", Momentum(0.5)]},
    ]
    model.set_params(learning_rate="constant", max_iter=3, tol=None, random_state=0)
    search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, COUNTS)
    assert len(set(search.cv_results_["mean_test_score"])) == 5


def test_a_name_has_no_parameters():
    with pytest.raises(ValueError, match=r"'optimizer__beta_1'.*optimizer=Adam\(\)"):
        SGDRegressor(optimizer="adam").set_params(optimizer__beta_1=0.5)


@pytest.mark.parametrize("optimizer", ["adam", Adam(beta_2=0.9)])
def test_auto_means_constant_steps(optimizer):
    """Its eta0 is checked, and partial_fit is allowed."""
    model = SGDRegressor(optimizer=optimizer, learning_rate="auto", eta0=0.02)
    model.set_params(random_state=0)
    constant = clone(model).set_params(learning_rate="constant")
    for method in ("fit", "partial_fit"):
        getattr(model, method)(X, COUNTS)
        getattr(constant, method)(X, COUNTS)
        assert_array_equal(model.coef_, constant.coef_)
    with pytest.raises(ValueError, match="'eta0' parameter"):
        model.set_params(eta0=0.0).fit(X, COUNTS)


@pytest.mark.parametrize("batch_size", [1, 20])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_auto_clips_the_steps_that_a_perceptron_makes(method, batch_size):
    y = (COUNTS > 2).astype(float)
    model = SGDClassifier("perceptron", learning_rate="auto", random_state=0)
    model.set_params(clip_gradient=0.05, batch_size=batch_size, penalty=None)
    more = {"classes": [0.0, 1.0]} if method == "partial_fit" else {}
    getattr(model, method)(X, y, **more)
    steps = clone(model).set_params(learning_rate="constant", eta0=1.0)
    getattr(steps, method)(X, y, **more)
    assert_array_equal(model.coef_, steps.coef_)
    free = clone(model).set_params(clip_gradient=None)
    getattr(free, method)(X, y, **more)
    assert np.abs(model.coef_ - free.coef_).max() > 1e-3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (dict(optimizer="adm"), r"'optimizer' parameter .* Did you mean 'adam'\?"),
        (dict(optimizer=None), r"an optimizer such as Adam\(beta_1=0.9\). Got None"),
        (dict(optimizer=Adam), r"Got the class Adam instead: write Adam\(\)"),
        (
            dict(optimizer=Adam(beta_1=1.0)),
            r"'beta_1' parameter of Adam must be a float in the range \[0.0, 1.0\). "
            "Got 1.0",
        ),
        (dict(optimizer=AdaGrad(epsilon=0.0)), "'epsilon' parameter of AdaGrad"),
        (dict(optimizer=Momentum(-0.1)), "'momentum' parameter of Momentum"),
        (dict(optimizer=RMSProp(decay=2)), "'decay' parameter of RMSProp"),
        (
            dict(clip_gradient=0.0),
            r"'clip_gradient' parameter of SGDRegressor must be a float in the range "
            r"\(0.0, inf\) or None. Got 0.0",
        ),
        (dict(clip_gradient=np.inf), "'clip_gradient' parameter"),
        (dict(clip_gradient="1"), "'clip_gradient' parameter"),
        (dict(clip_by="l2"), "'clip_by' parameter .*'norm', 'value'"),
        (
            dict(learning_rate="auto", clip_gradient=1.0),
            "'clip_gradient' parameter .* must be None with learning_rate='auto'",
        ),
        (
            dict(learning_rate="pa1", optimizer="adam"),
            "'pa1' cannot use optimizer='adam', because",
        ),
        (
            dict(learning_rate="pa2", clip_gradient=2.0),
            "'pa2' cannot use clip_gradient=2.0, because",
        ),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameters(parameters, message, method):
    model = SGDRegressor(EpsilonInsensitive(), learning_rate="constant")
    with pytest.raises(ValueError, match=message):
        getattr(model.set_params(**parameters), method)(X, COUNTS)
