"""Losses whose shape is learned: what they are, and that they find what is there."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import expit
from sklearn.base import clone

from sklearn_losses import (
    Huber,
    LearnedLink,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    LossSearchCV,
    SGDClassifier,
    SGDRegressor,
    SplineLoss,
    SquaredError,
    TunedRegressor,
    check_loss,
    describe,
    influence,
)
from tests.cases import each

RNG = np.random.default_rng(0)
KNOTS, VALUES = (-2.0, -0.5, 0.5, 3.0), (0.05, 0.3, 0.4, 0.97)
OF_LABELS = LearnedLink(knots=KNOTS, values=VALUES)
OF_NUMBERS = LearnedLink(task="regression", knots=KNOTS, values=(-5.0, 0.0, 1.0, 9.0))
LOSSES = [
    OF_LABELS,
    OF_NUMBERS,
    SplineLoss(),
    SplineLoss((1.0, 2.0), (1.0, 2.0, 0.0)),
]


@each(LOSSES)
def test_a_loss_like_any_other(loss):
    check_loss(loss)
    assert pickle.loads(pickle.dumps(clone(loss))).get_params() == loss.get_params()
    assert describe(loss).traits["convex"]
    assert repr(2 * loss + loss).startswith("Sum(")


def test_the_loss_matches_its_link():
    mean = OF_LABELS.inverse_link
    below = quad(lambda p: mean(p), -80.0, 1.3, limit=500)[0]
    above = quad(lambda p: 1.0 - mean(p), 1.3, 80.0, limit=500)[0]
    assert_allclose(OF_LABELS.value([0.0, 1.0], [1.3, 1.3]), [below, above], rtol=1e-6)
    means = np.array([1e-6, 0.02, 0.1, 0.4, 0.9, 0.99, 1 - 1e-6])
    link = OF_LABELS.link
    assert_allclose(link.inverse(link.link(means)), means, rtol=1e-9)


def test_special_cases():
    y, p = np.zeros(9), np.linspace(-4, 4, 9)
    assert_allclose(SplineLoss((1.345,), (1.0, 0.0)).value(y, p), Huber().value(y, p))
    assert_allclose(SplineLoss((), (1.0,)).value(y, p), SquaredError().value(y, p))


@each([SplineLoss((1.0, 3.0), (0.0, 1.0, 0.0)), OF_LABELS, OF_NUMBERS])
def test_far_out_there_are_limits(loss):
    y = np.array([0.0, 1.0])
    far = loss.value(y, [np.inf, -np.inf]), loss.value(y, [-np.inf, np.inf])
    assert (far[0] == np.inf).all()
    assert_allclose(far[1], 0.0 if loss is OF_LABELS else np.inf)
    assert not np.isnan(loss.gradient(y, [np.inf, -np.inf])).any()
    for out in (loss.value, loss.gradient):
        assert np.isnan(out(y, [np.nan, np.nan])).all()


@pytest.mark.parametrize("settings", [{"learning_rate": "adaptive"}, {}], ids=str)
def test_steps_are_those_of_the_loss_that_it_is(settings):
    X, y = RNG.normal(size=(200, 3)), RNG.normal(size=200)
    models = [
        SGDRegressor(loss, tol=1e-6, random_state=0, **settings)
        for loss in (SplineLoss((1.345,), (1.0, 0.0)), Huber())
    ]
    fitted = [model.fit(X, y).coef_ for model in models]
    assert_allclose(*fitted, rtol=1e-6, atol=1e-8)
    fitted = [model.partial_fit(X, y).coef_ for model in models]
    assert_allclose(*fitted, rtol=1e-6, atol=1e-8)


def test_steps_of_a_link_that_was_learned():
    X, _, mean, rng = single_index(1000, expit)
    y = rng.random(1000) < mean
    loss = LinearClassifier(LearnedLink(n_knots=5)).fit(X, y).loss_
    exact = LinearClassifier(loss, alpha=1e-3).fit(X, y)
    model = SGDClassifier(loss, alpha=1e-3).fit(X, y)
    assert_allclose(model.coef_, exact.coef_, rtol=1e-2)
    model = SGDClassifier(loss, alpha=1e-3).partial_fit(X, y, classes=[False, True])
    assert_allclose(model.coef_, exact.coef_, rtol=1e-2)


def single_index(n, mean, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    p = X @ [1.0, -1.0, 0.5]
    return X, p, mean(p), rng


def test_a_known_link_of_labels_is_found():
    X, _, mean, rng = single_index(2500, lambda p: 0.25 + 0.7 * expit(3 * p))
    y = rng.random(2500) < mean
    model = LinearClassifier(LearnedLink()).fit(X, y)
    logistic = LinearClassifier(LogLoss()).fit(X, y)
    off, usual = (
        np.sqrt(np.mean((one.predict_proba(X)[:, 1] - mean) ** 2))
        for one in (model, logistic)
    )
    assert off < 0.5 * usual
    assert model.gap_ < 1e-6
    assert not model.loss_.needs_link
    assert clone(model).loss.needs_link


def test_a_known_link_of_numbers_is_found():
    X, _, mean, rng = single_index(2000, np.tanh)
    y = mean + 0.1 * rng.normal(size=2000)
    loss = LearnedLink(n_knots=10, task="regression")
    model = LinearRegressor(loss).fit(X, y)
    assert_allclose(model.coef_ / model.coef_[0], [1.0, -1.0, 0.5], atol=0.03)
    assert np.sqrt(np.mean((model.predict(X) - mean) ** 2)) < 0.03
    assert len(influence(model, X, y, top=3).rows) == 3
    weight = np.arange(2000) % 2
    half = LinearRegressor(loss).fit(X, y, weight)
    alone = LinearRegressor(loss).fit(X[1::2], y[1::2])
    assert_allclose(half.loss_.values, alone.loss_.values, rtol=1e-6)


def test_a_search_learns_the_link_in_each_fold():
    X, _, mean, rng = single_index(300, np.tanh)
    y = mean + 0.1 * rng.normal(size=300)
    losses = [LearnedLink(n_knots=4, task="regression"), SquaredError()]
    search = LossSearchCV(
        LinearRegressor(), losses, alphas=[1e-3], cv=2, scoring="r2"
    ).fit(X, y)
    assert search.cv_results_["method"][0] == "exact"
    assert search.best_index_ == 0


def test_weights_of_a_spline_are_tuned():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = X @ [1.0, 2.0, 0.0] + rng.standard_t(1.5, size=400)
    loss = SplineLoss((1.0, 3.0), (1.0, 1.0, 1.0))
    tune = {"loss__weights": (1e-3, 30.0, "log")}
    model = TunedRegressor(loss, tune, metric=Huber(0.5), max_fits=12, cv=3).fit(X, y)
    assert sorted(model.best_params_) == [f"loss__weights[{j}]" for j in range(3)]
    first, _, last = model.loss_.weights
    assert last < 0.3 * first  # heavy tails: residuals that are far off pull less
    assert model.best_score_ < model.trace_[0]["metric"]


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (LearnedLink(knots=(0.0, 1.0), values=(0.1,)), "must be as many"),
        (LearnedLink(knots=(0.0, 1.0), values=(0.3, 0.1)), "be finite and grow"),
        (LearnedLink(knots=(0.0, 1.0), values=(0.0, 0.1)), "without the ends"),
        (LearnedLink(), "has no values yet, because its link is learned"),
        (LearnedLink(n_knots=1), "'n_knots' parameter"),
        (SplineLoss((2.0, 1.0)), "> 0 that grow"),
        (SplineLoss((1.0,), (1.0,)), "one more than the knots, 2. Got 1"),
        (SplineLoss((1.0,), (1.0, -1.0)), "must be numbers >= 0"),
    ],
    ids=str,
)
def test_bad_parameters(loss, message):
    with pytest.raises(ValueError, match=message):
        loss.value(0.0, 1.0)


def test_where_no_link_can_be_learned():
    X, y = np.ones((30, 1)), np.arange(30) % 2
    with pytest.raises(ValueError, match="has no values yet"):
        SGDClassifier(LearnedLink()).fit(X, y)
    with pytest.raises(ValueError, match="raw predictions of its first fit"):
        LinearClassifier(LearnedLink()).fit(X, y)
    with pytest.raises(ValueError, match="with 3 classes, as it learns one link"):
        LinearClassifier(LearnedLink()).fit(X, np.arange(30) % 3)


def test_weights_are_rows_so_often():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = rng.random(300) < 1 / (1 + np.exp(-X @ [1.0, 2.0, 0.0]))
    weight = np.where(np.arange(300) < 20, 100, 1)
    rows = np.repeat(np.arange(300), weight)
    weighted = LinearClassifier(LearnedLink()).fit(X, y, sample_weight=weight)
    repeated = LinearClassifier(LearnedLink()).fit(X[rows], y[rows])
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=0.02
    )


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (LearnedLink(knots=(-1, 0, 1)), "'knots' parameter of LearnedLink needs val"),
        (LearnedLink(1), "'n_knots' parameter of LearnedLink must be an int"),
    ],
)
def test_knots_that_nobody_can_learn_with(loss, message):
    with pytest.raises(ValueError, match=message):
        LinearClassifier(loss).fit([[0.0], [1.0], [2.0]], [0, 1, 0])
