"""Losses made of losses: values by the formulas of their parts, traits, algebra."""

import pickle

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_losses.losses
from sklearn_losses import LinearClassifier, SGDClassifier, SGDRegressor
from sklearn_losses.losses import (
    AbsoluteError,
    Asymmetric,
    Barron,
    CrossEntropy,
    EpsilonInsensitive,
    Expectile,
    Exponential,
    Focal,
    Gamma,
    Hinge,
    Huber,
    LabelSmoothing,
    Linex,
    LogCosh,
    LogLoss,
    MulticlassHinge,
    NumpyLoss,
    Poisson,
    Quantile,
    Savage,
    Scaled,
    Sparsemax,
    SquaredError,
    SquaredHinge,
    Sum,
    Tangent,
    Truncated,
    TukeyBiweight,
    Tweedie,
)
from tests.cases import each, raw_predictions, targets

OUTPUTS = ("value", "gradient", "curvature")
SHIFTED = NumpyLoss(
    lambda y, raw: (raw - y - 1) ** 2, lambda y, raw: 2 * (raw - y - 1), convex=True
)  # not least at raw = y
NAMES = vars(sklearn_losses.losses)

# Each with what it should be: a function of one output of its parts.
SUMS = {
    2 * Huber() + 0.1 * SquaredError(): [(2, Huber()), (0.1, SquaredError())],
    Huber() + LogCosh() + 0.5 * AbsoluteError(): [
        (1, Huber()),
        (1, LogCosh()),
        (0.5, AbsoluteError()),
    ],
    3 * (Poisson() + 2.5 * Gamma()): [(3, Poisson()), (7.5, Gamma())],
    Scaled(TukeyBiweight(), 0.25): [(0.25, TukeyBiweight())],
    LogLoss() + 0.5 * Hinge(threshold=0.3): [(1, LogLoss()), (0.5, Hinge(0.3))],
    Sum(Savage(), Focal(), 0.0, 1.0): [(1, Focal())],
    CrossEntropy() + 0.5 * MulticlassHinge(): [
        (1, CrossEntropy()),
        (0.5, MulticlassHinge()),
    ],
    2 * Sparsemax(): [(2, Sparsemax())],
}
OTHERS = [
    Truncated(Hinge(), 2),
    Truncated(SquaredError(), 3.0),
    Truncated(CrossEntropy(), 1.5),
    Asymmetric(SquaredError(), under=1.0, over=3.0),
    Asymmetric(AbsoluteError(), under=0.5, over=0),
    LabelSmoothing(LogLoss(), 0.2),
    LabelSmoothing(Exponential()),
    Truncated(Asymmetric(Huber(), over=2.0) + 0.1 * LogCosh(), 1.0),
]
COMBINED = [*SUMS, *OTHERS]


def sample(loss, n=1000):
    """More points than a mixture evaluates at once."""
    rng = np.random.default_rng(0)
    return targets(loss, rng, n), raw_predictions(loss, rng, n)


# ---------------------------------------------------------------------- values
@pytest.mark.parametrize("output", OUTPUTS)
@each(SUMS)
def test_sums(loss, output):
    y, raw = sample(loss)
    expected = sum(w * getattr(part, output)(y, raw) for w, part in SUMS[loss])
    np.testing.assert_allclose(getattr(loss, output)(y, raw), expected, rtol=1e-14)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("inner", [Hinge(), SquaredError(), CrossEntropy(), Barron(0)])
def test_truncated(inner, output):
    y, raw = sample(inner)
    loss = Truncated(inner, 1.25)
    expected = np.array(getattr(inner, output)(y, raw))
    beyond = inner.value(y, raw) >= 1.25
    assert 0 < beyond.mean() < 1
    expected[beyond] = 1.25 if output == "value" else 0.0
    np.testing.assert_array_equal(getattr(loss, output)(y, raw), expected)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("inner", [SquaredError(), AbsoluteError(), Quantile(0.2)])
def test_asymmetric(inner, output):
    y, raw = sample(inner)
    raw[::7] = y[::7]
    factor = np.where(raw < y, 0.25, 3.0)
    got = getattr(Asymmetric(inner, under=0.25, over=3.0), output)(y, raw)
    np.testing.assert_array_equal(got, factor * getattr(inner, output)(y, raw))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("inner", [LogLoss(), SquaredHinge(), Savage()])
def test_label_smoothing(inner, output):
    y, raw = sample(inner)
    of = getattr(inner, output)
    both = of(np.zeros_like(raw), raw) + of(np.ones_like(raw), raw)
    got = getattr(LabelSmoothing(inner, 0.2), output)(y, raw)
    np.testing.assert_allclose(got, 0.8 * of(y, raw) + 0.1 * both, rtol=1e-12)
    none = getattr(LabelSmoothing(inner, 0.0), output)(y, raw)
    np.testing.assert_array_equal(none, of(y, raw))


def test_asymmetric_absolute_error_is_a_quantile():
    y, raw = sample(SquaredError())
    loss = Asymmetric(AbsoluteError(), under=0.9, over=0.1)
    expected = Quantile(0.9).value(y, raw)
    np.testing.assert_allclose(loss.value(y, raw), expected, rtol=1e-14)


def test_smoothed_log_loss_is_the_log_loss_of_smoothed_labels():
    y, raw = sample(Hinge())
    for output in OUTPUTS:
        got = getattr(LabelSmoothing(LogLoss(), 0.3), output)(y, raw)
        expected = getattr(LogLoss(), output)(0.7 * y + 0.15, raw)
        np.testing.assert_allclose(got, expected, rtol=1e-10, err_msg=output)


@each(COMBINED)
def test_one_by_one_float32_and_in_place(loss):
    y, raw = sample(loss)
    value, gradient = loss.value_gradient(y, raw)
    if loss.granularity == "point":
        singly = [(loss.value(a, b), loss.gradient(a, b)) for a, b in zip(y, raw)]
        np.testing.assert_array_equal(np.transpose(singly), (value, gradient))
        bent = [loss.curvature(a, b) for a, b in zip(y, raw)]
        np.testing.assert_array_equal(bent, loss.curvature(y, raw))
    short = raw.astype(np.float32)
    for output in OUTPUTS:
        got = getattr(loss, output)(y.astype(np.float32), short)
        assert got.dtype == np.float32
        y32 = y.astype(np.float32).astype(float)
        expected = getattr(loss, output)(y32, short.astype(float))
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    here = raw.copy()
    loss.gradient(y, here, out=here)
    np.testing.assert_array_equal(here, gradient)


def test_a_weight_of_zero_switches_a_part_off():
    # Also where it is infinite, and 0 * inf is nan.
    loss = Sum(SquaredError(), Poisson(), 0.0, 1.0)
    with pytest.raises(ValueError, match="different scales"):
        loss.value(0.0, 0.0)
    loss = Sum(LogLoss(), Exponential(), 1.0, 0.0)
    assert loss.value(0, 1e4) == 1e4
    assert loss.lipschitz == 1.0
    both = Asymmetric(SquaredError(), under=1.0, over=0.0)
    assert both.value(0.0, np.inf) == 0.0
    assert np.isnan(both.value(0.0, np.nan))
    assert np.isnan(both.value([0.0], [np.nan])).all()


# --------------------------------------------------------------------- algebra
@each(COMBINED)
def test_text_can_be_pasted_back(loss):
    assert repr(eval(repr(loss), NAMES)) == repr(loss)
    written = eval(str(loss), NAMES)
    y, raw = sample(loss, 20)
    np.testing.assert_array_equal(written.value(y, raw), loss.value(y, raw))


def test_a_product_of_products_is_a_loss_with_one_factor():
    loss, factor = (2 * (3 * MulticlassHinge())).split_weight()
    assert isinstance(loss, MulticlassHinge)
    assert factor == 6
    X, y = np.eye(3).repeat(4, axis=0), np.arange(3).repeat(4)
    twice, once = (  # a product that is not split has its kinks fitted as they are
        LinearClassifier(weighted).fit(X, y).coef_
        for weighted in (2 * (3 * MulticlassHinge()), 6 * MulticlassHinge())
    )
    assert once.any()
    np.testing.assert_array_equal(twice, once)


def test_text_of_sums():
    assert str(2 * Huber() + 0.1 * SquaredError()) == (
        "2 * Huber() + 0.1 * SquaredError()"
    )
    nested = Huber() + 3 * (LogCosh() + Huber(delta=np.float64(2.0)))
    assert str(nested) == "Huber() + 3 * (LogCosh() + Huber(delta=2.0))"
    assert str(np.float64(0.5) * (2 * Huber())) == "0.5 * (2 * Huber())"
    assert str(LogCosh() + (Huber() + LogCosh())) == "LogCosh() + (Huber() + LogCosh())"


def test_sum_of_a_list():
    assert str(sum([Huber(), LogCosh(), SquaredError()])) == (
        "Huber() + LogCosh() + SquaredError()"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Huber() + 1,
        lambda: 1 + Huber(),
        lambda: Huber() * "2",
        lambda: Huber() * Huber(),
        lambda: "huber" + Huber(),
    ],
)
def test_only_numbers_and_losses_mix(wrong):
    with pytest.raises(TypeError):
        wrong()


@each(COMBINED)
def test_clone_and_pickle(loss):
    y, raw = sample(loss, 50)
    for copy in (clone(loss), pickle.loads(pickle.dumps(loss))):
        assert repr(copy) == repr(loss)
        np.testing.assert_array_equal(copy.gradient(y, raw), loss.gradient(y, raw))


def test_parameters_reach_every_part():
    loss = 2 * Huber() + 0.1 * EpsilonInsensitive()
    assert loss.get_params()["left__delta"] == 1.345
    loss.set_params(left__delta=3.0, right__epsilon=0.5, left_weight=1.0)
    assert str(loss) == "Huber(delta=3.0) + 0.1 * EpsilonInsensitive(epsilon=0.5)"
    deep = Truncated(Huber() + LogCosh(), 2.0).set_params(loss__left__delta=0.5)
    assert deep.loss.left.delta == 0.5


# ---------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Huber() + Hinge(), "one is for regression and the other for binary targets"),
        (Poisson() + Huber(), r"the links LogLink\(\) and IdentityLink\(\)"),
        (Sum("huber", Huber()), r"must be a loss such as Huber\(\). Got 'huber'"),
        (-1 * Huber(), "The 'weight' parameter of Scaled must be a float in the range"),
        (Huber() + -0.5 * LogCosh(), "The 'right_weight' parameter of Sum must be"),
        (Truncated(Huber(), 0), r"The 'limit' parameter of Truncated must be a float"),
        (Asymmetric(Huber(), under=-1), "The 'under' parameter of Asymmetric must be"),
        (Asymmetric(Poisson()), "Poisson.., because its raw predictions are not on"),
        (LabelSmoothing(Huber()), "because it is no loss for binary targets"),
        (LabelSmoothing(CrossEntropy()), "Use its label_smoothing"),
        (LabelSmoothing(LogLoss(), 1.1), r"in the range \[0.0, 1.0\]. Got 1.1"),
        (2 * Huber(delta=-1), "The 'delta' parameter of Huber must be a float"),
    ],
    ids=repr,
)
def test_what_cannot_be_combined(loss, message):
    with pytest.raises(ValueError, match=message):
        loss.value([0.0], [0.0])
    with pytest.raises(ValueError, match=message):
        loss.compiled()
    model = SGDClassifier if "LabelSmoothing" in str(loss) else SGDRegressor
    X = np.zeros((2, 1))
    with pytest.raises(ValueError):
        model(loss=loss).fit(X, [0, 1])


def test_targets_must_lie_in_the_domains_of_all_parts():
    with pytest.raises(ValueError, match=r"Gamma needs .*: y_true\[1\] is 0.0"):
        (Poisson() + Gamma()).value([1.0, 0.0], [0.0, 0.0])
    assert str((Poisson() + Gamma()).domain) == "(0.0, inf)"
    with pytest.raises(ValueError, match=r"Hinge needs .*: y_true\[0\] is 0.5"):
        (LogLoss() + Hinge()).value([0.5], [0.0])
    assert str((LogLoss() + Hinge()).domain) == "[0, 1]"


# ---------------------------------------------------------------------- traits
def test_probabilities():
    assert (LogLoss() + 2 * Focal(gamma=0)).probabilistic is False  # other links
    both = LogLoss() + LabelSmoothing(LogLoss())
    assert both.probabilistic
    assert not both.proper
    assert (2 * LogLoss()).proper
    assert (2 * LogLoss()).link == LogLoss().link
    assert not (LogLoss() + Hinge()).probabilistic


@each(COMBINED)
def test_optimal_constant(loss):
    rng = np.random.default_rng(0)
    y = targets(loss, rng, 101)
    best = loss.optimal_constant(y)

    def mean(constant):
        return loss.mean(y, np.tile(constant, (len(y), 1)).squeeze())

    shifts = rng.normal(scale=0.3, size=(50, *np.shape(best)))
    assert min(mean(best + shift) for shift in shifts) >= mean(best) - 1e-9


def test_optimal_constants_of_plateaus():
    # All means far out are the limit, and so are those at a bad start.
    y = np.array([0, 0, 1, 1, 1, 2])
    loss = Truncated(CrossEntropy(), 1.0)
    best = loss.optimal_constant(y)
    assert loss.mean(y, np.tile(best, (6, 1))) < loss.mean(y, np.zeros((6, 3)))
    assert np.exp(Truncated(Poisson(), 2.0).optimal_constant([0.0])) == 0.0
    assert Truncated(Hinge(), 2.0).optimal_constant([1, 1]) < np.inf


def test_minimum_is_the_least_value():
    for loss in COMBINED:
        if loss.granularity == "row":
            continue
        y, _ = sample(loss, 30)
        raw = np.linspace(-30, 30, 60_001)
        least = [loss.value(np.full_like(raw, t), raw).min() for t in y]
        np.testing.assert_allclose(loss.minimum(y), least, atol=1e-5)


def test_minimum_where_the_parts_are_least_in_other_places():
    pairs = [
        (Tangent() + Hinge(), np.array([0.0, 1.0])),
        (LabelSmoothing(LogLoss(), 0.6) + Hinge(), np.array([0.0, 1.0])),
        (Expectile(0.8) + Linex(), np.array([-3.0, 0.0, 2.0])),
        (Asymmetric(SHIFTED, under=1.0, over=5.0), np.array([0.5, -2.0])),
    ]
    raw = np.linspace(-10, 10, 200_001)
    for loss, y in pairs:
        least = [loss.value(np.full_like(raw, t), raw).min() for t in y]
        np.testing.assert_allclose(loss.minimum(y), least, atol=1e-6, err_msg=str(loss))
    soft = np.array([[0.7, 0.2, 0.1]])
    loss = CrossEntropy() + Sparsemax()
    best = minimize(lambda raw: loss.value(soft, raw[None])[0], np.zeros(3))
    assert loss.minimum(soft)[0] == pytest.approx(best.fun, abs=1e-8)


def test_asymmetric_of_a_loss_that_is_not_least_at_the_target():
    loss = Asymmetric(SHIFTED, under=1.0, over=5.0)
    assert not loss.convex
    assert not loss.differentiable
    assert Asymmetric(SHIFTED, under=2.0, over=2.0).convex
    assert Asymmetric(SquaredError(), under=1.0, over=5.0).convex


def test_a_term_of_weight_zero_has_no_say_in_traits():
    loss = SquaredError() + 0 * TukeyBiweight()
    assert loss.convex
    assert loss.smoothness == 1.0
    assert (SquaredError() + 0 * AbsoluteError()).differentiable


def test_factors_of_numpy():
    assert repr(np.float64(2.0) * Huber()) == "Scaled(loss=Huber(), weight=2.0)"
    with pytest.raises(TypeError):
        np.array([1.0, 2.0]) * Huber()


def test_lipschitz_of_truncated():
    assert Truncated(SquaredError(), 2.0).lipschitz == pytest.approx(2.0)
    assert Truncated(SquaredHinge(), 9.0).lipschitz == pytest.approx(6.0)
    assert Truncated(Hinge(), 2.0).lipschitz == 1.0
    assert Truncated(Poisson(), 2.0).lipschitz == np.inf
    assert Truncated(SHIFTED, 2.0).lipschitz == np.inf  # not known


# ------------------------------------------------------------------------- fits
@each([loss for loss in COMBINED if loss.task != "multiclass"])
def test_fit_is_that_of_the_textbook(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = targets(loss, rng, 40)
    if loss.task == "binary":
        y = np.round(y)
    model = SGDRegressor if loss.task == "regression" else SGDClassifier
    settings = dict(learning_rate="constant", eta0=0.01, alpha=0.1, shuffle=False)
    fitted = model(loss=loss, max_iter=2, tol=None, **settings).fit(X, y)
    w, b = np.zeros(3), 0.0
    for x, target in zip(np.tile(X, (2, 1)), np.tile(y, 2)):
        slope = loss.gradient(target, x @ w + b)
        w = (1 - 0.01 * 0.1) * w - 0.01 * slope * x
        b -= 0.01 * slope
    np.testing.assert_allclose(fitted.coef_.ravel(), w, rtol=1e-10)
    np.testing.assert_allclose(fitted.intercept_, b, rtol=1e-10)


def test_fit_of_a_sum_of_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), rng.integers(0, 3, size=60)
    settings = dict(shuffle=False, max_iter=3, tol=None, eta0=0.01)
    settings["learning_rate"] = "constant"
    sums = CrossEntropy() + CrossEntropy(label_smoothing=0.2)
    once = SGDClassifier(loss=sums, **settings).fit(X, y)
    # softmax - t and softmax - t': twice the loss of the mean target.
    settings.update(alpha=0.5e-4, eta0=0.02)
    same = SGDClassifier(loss=CrossEntropy(label_smoothing=0.1), **settings).fit(X, y)
    np.testing.assert_allclose(once.coef_, same.coef_, rtol=1e-10)


def test_grid_search_over_parts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.normal(size=60)
    loss = Huber() + 0.1 * AbsoluteError()
    model = make_pipeline(StandardScaler(), SGDRegressor(loss=loss))
    grid = {
        "sgdregressor__loss__left__delta": [0.5, 1.5],
        "sgdregressor__loss__right_weight": [0.0, 1.0],
    }
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    best = search.best_params_["sgdregressor__loss__left__delta"]
    assert search.best_estimator_[-1].loss_.left.delta == best
    assert loss.left.delta == 1.345


@pytest.mark.parametrize(
    "loss", [LogLoss() + Hinge(), 2 * SquaredHinge() + Exponential()], ids=repr
)
def test_the_minimum_of_labels_is_not_searched_for(loss, monkeypatch):
    """A stream asks for it at each call, and a search took 99% of its time."""
    monkeypatch.setattr(type(loss), "_searched_minimum", None)
    np.testing.assert_allclose(loss.minimum([0.0, 1.0, 1.0]), 0.0)


def test_a_minimum_at_the_end_of_the_domain_is_not_searched_for(monkeypatch):
    """A target below 0 is best predicted by 0, for which the link is not finite."""
    loss, y = Tweedie(power=-1) + Tweedie(power=-1), np.array([2.0, -1.0, 0.0])
    monkeypatch.setattr(type(loss), "_searched_minimum", None)
    np.testing.assert_allclose(loss.minimum(y), 2.0 * Tweedie(power=-1).minimum(y))
