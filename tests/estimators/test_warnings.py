"""Nothing is silent: a default that decides, no minimum, predictions that overflow."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses import (
    AbsoluteError,
    Beta,
    BinomialTrials,
    CrossEntropy,
    Gamma,
    GaussianDistribution,
    Hinge,
    Huber,
    Hurdle,
    LaplaceDistribution,
    LinearClassifier,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRegressor,
    LogLoss,
    NegativeBinomial,
    Poisson,
    Quantiles,
    SGDClassifier,
    SGDRegressor,
    SquaredEpsilonInsensitive,
    SquaredError,
    Truncated,
    TukeyBiweight,
)
from sklearn_losses.losses import NumpyLoss

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3))
X = np.concatenate([X, -X])  # so that the best constant is about 0
Y = X @ [1.0, 2.0, 3.0] + 0.1 * RNG.normal(size=200)


def said(model, *data, **more):
    """The warnings of a fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*data, **more)
    return [(w.category, str(w.message)) for w in caught]


# ----------------------------------------------------------------- the default alpha
@pytest.mark.parametrize("loss", [AbsoluteError(), Huber()], ids=repr)
@pytest.mark.parametrize(
    "make",
    [
        SGDRegressor,
        LinearRegressor,
        lambda loss, **p: SGDRegressor(
            loss, learning_rate="invscaling", eta0=10.0, tol=None, max_iter=20, **p
        ),
    ],
    ids=["auto", "linear", "schedule"],
)
def test_a_default_alpha_that_decides(make, loss):
    found = [(c, m) for c, m in said(make(loss), X, 1e6 * Y) if "(the default)" in m]
    ((category, message),) = found
    assert category is UserWarning
    assert "alpha=0.0001 (the default) decides" in message
    assert "TransformedTargetRegressor" in message
    assert not any(
        "default" in m for _, m in said(make(loss, penalty=None), X, 1e6 * Y)
    )
    assert not any("default" in m for _, m in said(make(loss, alpha=2e-4), X, 1e6 * Y))


@pytest.mark.parametrize("cls", [SGDRegressor, LinearRegressor])
def test_an_l1_norm_that_leaves_nothing(cls):
    message = said(cls(SquaredError(), penalty="l1"), X, 1e-6 * Y)[0][1]
    assert "alpha=0.0001 (the default) leaves no coefficient" in message
    assert said(cls(SquaredError(), penalty="l1"), X, np.ones(200)) == []
    assert said(cls(SquaredError(), penalty="l1"), np.ones((200, 1)), Y) == []


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError(), Huber()], ids=repr)
@pytest.mark.parametrize("cls", [SGDRegressor, LinearRegressor])
def test_ordinary_regressions_say_nothing(cls, loss):
    assert said(cls(loss), X, Y) == []
    if loss == "squared_error":
        assert said(cls(loss), X, 1e6 * Y) == []


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_ordinary_classifications_say_nothing(load):
    data = load(return_X_y=True)
    for model in (SGDClassifier(), SGDClassifier(CrossEntropy()), LinearClassifier()):
        assert not [m for _, m in said(model, *data) if "(the default)" in m]


@pytest.mark.parametrize("cls", [SGDClassifier, LinearClassifier])
def test_a_default_alpha_that_decides_a_classification(cls):
    """Of X in too small a unit; a schedule would need a pass to know."""
    message = said(cls(LogLoss()), 1e-4 * X, Y > 0)[0][1]
    assert "alpha=0.0001 (the default) decides" in message
    assert "Small units of X do that" in message
    assert "standardize X, or" in message
    assert not said(cls(LogLoss(), alpha=1e-9), 1e-4 * X, Y > 0)


SHARES = 1.0 / (1.0 + np.exp(-Y))
COUNTS = np.random.default_rng(1).poisson(np.exp(0.2 * Y))
OF_OUTPUTS = [
    (LinearRegressor(GaussianDistribution()), 1.0, Y, 1e3),
    (LinearRegressor(LaplaceDistribution()), 1.0, Y, 1e6),
    (LinearRegressor(GaussianDistribution(1e6)), 1.0, Y, 1.0),
    (LinearRegressor(Hurdle()), 1e-6, COUNTS, 1.0),
    (LinearRegressor(Beta()), 1e-6, SHARES, 1.0),
    (LinearRegressor(BinomialTrials()), 1e-6, np.c_[SHARES, 1 - SHARES], 1.0),
    (LinearRegressor(Quantiles(crossing="parallel")), 1.0, Y, 1e6),
    (SGDRegressor(Quantiles()), 1.0, Y, 1e6),
    (LinearMultiTask(Huber()), 1.0, np.c_[Y, -Y], 1e6),
    (LinearMultiTask(Huber(), rank=1), 1.0, np.c_[Y, -Y], 1e6),
    (LinearMultiTask(LogLoss()), 1e-7, np.c_[Y > 0, Y < 1], 1),
    (LinearOrdinalClassifier(), 1e-6, np.digitize(Y, [-2.0, 2.0]), 1),
]


@pytest.mark.parametrize(("model", "of_x", "y", "of_y"), OF_OUTPUTS)
def test_a_default_alpha_that_decides_fits_of_several_outputs(model, of_x, y, of_y):
    found = [m for _, m in said(model, of_x * X, of_y * y)]
    assert any("alpha=0.0001 (the default) decides" in m for m in found)
    found = said(model.set_params(alpha=1e-9), of_x * X, of_y * y)
    assert not any("(the default)" in m for _, m in found)


@pytest.mark.parametrize(("model", "of_x", "y", "of_y"), OF_OUTPUTS)
def test_ordinary_fits_of_several_outputs_say_nothing(model, of_x, y, of_y):
    if model.get_params().get("loss__scale") == 1e6:
        pytest.skip("the loss itself has a unit")
    found = said(clone(model).set_params(alpha=1e-4), X, y)
    assert not any("(the default)" in m for _, m in found)


@pytest.mark.parametrize("cls", [SGDClassifier, LinearClassifier])
@pytest.mark.parametrize("unit", [1e-5, 1e-6, 1e-7, 1e-9])
def test_a_default_alpha_that_leaves_next_to_nothing(cls, unit):
    """The worst case: as nothing is gained, no share of it can be told."""
    for seed in range(3):
        y = Y + np.random.default_rng(seed).normal(size=200) > 0
        messages = [m for _, m in said(cls(LogLoss()), unit * X, y)]
        assert any("alpha=0.0001 (the default) decides" in m for m in messages)


@pytest.mark.parametrize("cls", [SGDClassifier, LinearClassifier])
def test_nothing_is_said_of_features_that_say_nothing(cls):
    assert said(cls(LogLoss()), np.ones((200, 2)), Y > 0) == []


# ---------------------------------------------------------------- how it is said
@pytest.mark.parametrize(
    "model",
    [
        SGDRegressor(Huber()),
        LinearRegressor(Huber()),
        LinearRegressor(AbsoluteError(), max_iter=3),
    ],
    ids=repr,
)
def test_warnings_point_to_the_line_that_calls(model):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, 1e6 * Y)
    assert {w.filename for w in caught} == {__file__}


def test_warnings_of_many_fits_are_the_same():
    """Python then shows them once."""
    model, found = SGDRegressor(Huber(np.float64(1.23456789))), set()
    for k in range(5):
        found.update(m for _, m in said(model, X[k:], 1e6 * Y[k:]))
    assert len(found) == 1
    assert "Huber(delta=1.2)" in found.pop()


@pytest.mark.parametrize(
    ("loss", "advice"),
    [
        (Truncated(Huber(), 3.0), "Use a larger limit"),
        (2 * Truncated(Huber(), 3.0), "Use a larger limit"),
        (TukeyBiweight(), "Use scale='mad' or a larger scale"),
    ],
    ids=str,
)
def test_what_reaches_further(loss, advice):
    y = 1e6 * np.random.default_rng(0).normal(size=200)
    assert any(advice in m for _, m in said(LinearRegressor(loss), X, y))


@pytest.mark.parametrize("cls", [SGDRegressor, LinearRegressor])
def test_an_objective_that_overflows_where_it_begins(cls):
    def value(y, raw):
        return np.log(np.cosh(raw - y))

    loss = NumpyLoss(value, lambda y, raw: np.tanh(raw - y), convex=True, minimum=0.0)
    for fit in (cls(loss), X, 1e4 * Y), (cls(penalty=None), X, 1e300 * Y):
        messages = [m for _, m in said(*fit)]
        assert any("overflows float64" in m and "scale y" in m for m in messages)


@pytest.mark.parametrize("name", ["n_iter_no_change", "validation_fraction"])
def test_parameters_of_stopping_early_without_it(name):
    value = {"n_iter_no_change": 7, "validation_fraction": 0.2}[name]
    ((_, message),) = said(SGDRegressor(**{name: value}), X, Y)
    assert f"{name}={value} of SGDRegressor has no effect" in message
    assert said(SGDRegressor(**{name: value}, early_stopping=True), X, Y) == []


@pytest.mark.parametrize("cls", [SGDClassifier, LinearClassifier])
def test_the_class_that_is_apart_is_named(cls):
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 30)
    A = np.repeat([-10.0, 0.0, 10.0], 30)[:, None] + rng.normal(size=(90, 1))
    messages = [m for _, m in said(cls(LogLoss(), penalty=None), A, y)]
    assert all("'a'" in m or "'c'" in m for m in messages)
    assert messages


# --------------------------------------------------------------------- no minimum
@pytest.mark.parametrize("loss", [LogLoss(), CrossEntropy()], ids=repr)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("learning_rate", ["auto", "invscaling"])
def test_classes_that_a_plane_separates(loss, classes, learning_rate):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 30)
    A = 10.0 * np.eye(3)[labels] + 0.1 * rng.normal(size=(len(labels), 3))
    model = SGDClassifier(loss, penalty=None, learning_rate=learning_rate)
    found = [c for c, m in said(model, A, labels) if "separates the class" in m]
    assert found == [ConvergenceWarning]
    model.set_params(penalty="l2")
    assert not any("separates" in m for _, m in said(model, A, labels))
    # A row of weight 0 does not count, and one of the wrong class is enough.
    wrong = labels.copy()
    wrong[::30] = np.roll(wrong[::30], 1)
    model.set_params(penalty=None)
    assert not any("separates" in m for _, m in said(model, A, wrong))
    weight = (wrong == labels).astype(float)
    found = said(model, A, wrong, sample_weight=weight)
    assert any("separates" in m for _, m in found)


def test_a_loss_that_has_a_minimum_may_separate():
    labels = np.repeat([0, 1], 30)
    A = labels[:, None] + 0.1 * np.random.default_rng(0).normal(size=(60, 2))
    for loss in (Hinge(), CrossEntropy(label_smoothing=0.1)):
        model = SGDClassifier(loss, penalty=None)
        assert not any("separates" in m for _, m in said(model, A, labels))


# -------------------------------------------------------------------- predictions
@pytest.mark.parametrize("loss", [Poisson(), Gamma()], ids=repr)
@pytest.mark.parametrize("cls", [SGDRegressor, LinearRegressor])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_predictions_that_overflow(cls, loss, form):
    y = np.exp(X[:, 0])
    large, small = form(X), form(X.astype(np.float32))
    assert said(cls(loss), small, y) == []
    messages = said(cls(loss), small, 1e60 * y)
    assert any("predicts inf for 200 of the 200 rows" in m for _, m in messages)
    assert any("overflows float32, the dtype of X" in m for _, m in messages)
    assert not any("predicts inf" in m for _, m in said(cls(loss), large, 1e60 * y))


def test_steps_after_which_predictions_overflow():
    count = RNG.poisson(3.0, size=200).astype(float)
    model = SGDRegressor(
        NegativeBinomial(),
        learning_rate="constant",
        eta0=1e6,
        max_iter=1,
        tol=None,
        random_state=0,
    )
    message = said(model, X, count)[-1][1]
    with pytest.warns(UserWarning, match="of 200 predictions of SGDRegressor are not"):
        n_infinite = np.isinf(model.predict(X)).sum()
    assert f"predicts inf for {n_infinite} of the 200 rows" in message
    assert "smaller eta0" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SGDRegressor(NegativeBinomial()).fit(X, count).predict(X)


# --------------------------------------------------------- parameters without effect
@pytest.mark.parametrize("cls", [SGDRegressor, LinearRegressor])
def test_coefficients_that_float32_is_too_short_for(cls):
    short, far = X.astype(np.float32), Y + 1e9 + 30.0
    found = said(cls(penalty=None), short, far)
    assert any("float32, and lose" in message for _, message in found)
    for rows, y in ((X, far), (short, Y)):
        assert not any("lose" in m for _, m in said(cls(penalty=None), rows, y))


@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_parameters_of_steps_that_are_not_made(fit):
    given = dict(eta0=0.5, power_t=0.1, average=True, batch_size=10, shuffle=False)
    model = SGDRegressor(Huber(), **given)
    with pytest.warns(UserWarning, match=r"eta0=0.5 and power_t=0.1 and average=True"):
        getattr(model, fit)(X, Y)
    if fit == "partial_fit":  # has said so
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.partial_fit(X, Y)
    for name, value in given.items():
        ((category, message),) = said(SGDRegressor(Huber(), **{name: value}), X, Y)
        assert category is UserWarning
        assert message.startswith(f"{name}={value!r} of SGDRegressor has no effect")
        for settings in (
            dict(learning_rate="invscaling"),
            dict(optimizer="adam"),
            dict(learning_rate="constant", loss="perceptron"),
        ):
            cls = SGDClassifier if "loss" in settings else SGDRegressor
            model = cls(**settings, **{name: value})
            messages = said(model, X, Y > 0 if cls is SGDClassifier else Y)
            assert not any("no effect" in m for _, m in messages)


def test_other_parameters_without_effect():
    for model, name in (
        (SGDRegressor(Huber(), epsilon=0.5), "epsilon"),
        (SGDRegressor("squared_error", epsilon=0.5), "epsilon"),
        (SGDRegressor(Huber(), scoring="r2"), "scoring"),
        (SGDRegressor(Huber(), clip_by="value"), "clip_by"),
    ):
        ((_, message),) = said(model, X, Y)
        assert message.startswith(f"{name}=")
    ((_, message),) = said(SGDClassifier("perceptron", eta0=3.0), X, Y > 0)
    assert "eta0=3.0 of SGDClassifier has no effect" in message
    assert said(SGDRegressor("huber", epsilon=0.5, shuffle=True), X, Y) == []
    assert said(SGDRegressor(Huber(), scoring="r2"), X, Y, X_val=X, y_val=Y) == []
    assert said(SGDRegressor(Huber(), eta0=np.float64(0.01)), X, Y) == []
    of_a_pickle = pickle.loads(pickle.dumps(SGDRegressor(Huber())))
    assert said(of_a_pickle, X, Y) == []  # whose strings are others
    assert said(SGDRegressor(Huber(), clip_by="".join(["no", "rm"])), X, Y) == []


# ------------------------------------------------------------------ extreme weights
@pytest.mark.parametrize("size", [2.0**1023, 2.0**-1060])
def test_weights_of_any_size(size):
    weight = np.resize([1.0, 0.0], 200)
    expected = LinearRegressor(Huber()).fit(X, Y, sample_weight=weight)
    found = LinearRegressor(Huber()).fit(X, Y, sample_weight=size * weight)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-12)
    for learning_rate in ("auto", "invscaling"):
        model = SGDRegressor(Huber(), learning_rate=learning_rate)
        with pytest.raises(ValueError, match=r"largest sample_weight must be between"):
            model.fit(X, Y, sample_weight=size * weight)


def wide(X):
    """The same with so many columns that a stream keeps no matrix."""
    found = sparse.csr_matrix(X)
    found.resize(len(X), 1 << 14)
    return found


def learnt(model, *data):
    """The warnings of four chunks of a stream."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for rows in np.split(np.arange(200), 4):
            model.partial_fit(*(part[rows] for part in data))
    return [(w.category, str(w.message)) for w in caught]


# ------------------------------------------------------------- units without squares
@pytest.mark.parametrize("run", [said, learnt], ids=["fit", "partial_fit"])
@pytest.mark.parametrize(
    "loss", [SquaredError(), Huber(1e-200), TukeyBiweight(scale="mad")], ids=repr
)
def test_targets_whose_squares_are_0(run, loss):
    y = 1e-200 * Y
    messages = [m for _, m in run(SGDRegressor(loss, penalty=None), X, y)]
    assert any("squares of such numbers underflow" in m for m in messages)
    row = int(np.abs(y).argmax() if run is said else np.abs(y[:50]).argmax())
    assert any(f"that of row {row}" in m for m in messages)


def test_small_targets_of_other_links():
    y = 1e-200 * np.abs(Y)
    assert said(SGDRegressor(Gamma(), penalty=None), X, y) == []
    ((_, message),) = said(LinearRegressor("squared_log_error", penalty=None), X, y)
    assert "underflow" in message


@pytest.mark.parametrize("kind", [np.asarray, wide], ids=["dense", "wide"])
def test_streams_refuse_targets_whose_squares_are_infinite(kind):
    y = Y.copy()
    y[3], y[7] = 1e308, 1e300
    model, rows = SGDRegressor(), kind(X)
    with pytest.raises(ValueError, match=r"y\[3\] is too large: its square overflows"):
        model.partial_fit(rows, y)
    weight = np.ones(200)
    weight[3] = 0.0
    with pytest.raises(ValueError, match=r"y\[7\] is too large"):
        model.partial_fit(rows, y, sample_weight=weight)
    weight[7] = 0.0
    model.partial_fit(rows, y, sample_weight=weight)
    with pytest.raises(ValueError, match="too large"):
        model.partial_fit(rows, 1e200 * Y)


@pytest.mark.parametrize("kind", [np.asarray, wide], ids=["dense", "wide"])
def test_streams_refuse_rows_whose_loss_is_infinite(kind):
    """Wherever the constant is, one of these rows has a loss that is infinite."""

    def value(y, raw):
        with np.errstate(over="ignore"):
            return np.cosh(raw - y) - 1.0

    loss = NumpyLoss(value, lambda y, raw: np.sinh(raw - y), convex=True, minimum=0.0)
    with pytest.raises(ValueError, match="overflows float64 at their best constant"):
        SGDRegressor(loss).partial_fit(kind(X), 1e4 * Y)


def test_rows_of_weight_0_do_not_count_among_infinite_predictions():
    rows, y = np.vstack([X, [[1e6, 1e6, 1e6]]]), np.append(np.exp(Y / 4), 1.0)
    weight = np.append(np.ones(200), 0.0)
    for cls in (SGDRegressor, LinearRegressor):
        messages = said(cls(Gamma(), alpha=1e-9), rows, y, sample_weight=weight)
        assert not any("predicts inf" in m for _, m in messages)


def test_a_huge_unit_does_not_end_a_fit_early():
    """The squares of its objective overflow, and those of the reverse underflow."""
    loss, other = (SquaredEpsilonInsensitive(epsilon=unit) for unit in (0.1, 1e89))
    known = SGDRegressor(loss, penalty=None).fit(X, Y).coef_
    found = SGDRegressor(other, penalty=None).fit(X, 1e90 * Y).coef_
    np.testing.assert_allclose(found, 1e90 * known, rtol=1e-6)
