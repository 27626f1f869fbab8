"""SGDRegressor of targets that are two numbers, and of parameters that are "mle"."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses import (
    Barron,
    Beta,
    BetaBinomial,
    BinomialTrials,
    Censored,
    GammaDistribution,
    Hurdle,
    LinearRegressor,
    LogisticDistribution,
    NegativeBinomial,
    OrderedBeta,
    SGDRegressor,
    StudentT,
    StudentTDistribution,
    Tweedie,
    ZeroInflated,
    survival_target,
)
from sklearn_losses.losses._censored import CensoredSteps

N = 900
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(N, 3))
X = Z * [1e-2, 1.0, 10.0] + [0.0, 3.0, 100.0]
F = Z @ [1.0, -0.5, 0.3]
NUMBERS = F + 0.5 * RNG.standard_t(4, N) + 2.0
MEAN = 1.0 / (1.0 + np.exp(-F))
LIMIT = np.quantile(NUMBERS, 0.7)
CENSORED = np.column_stack(
    [np.minimum(NUMBERS, LIMIT), np.where(NUMBERS > LIMIT, np.inf, NUMBERS)]
)
CENSORED[::5] = np.floor(NUMBERS[::5])[:, None] + [0.0, 1.0]
TRIALS = RNG.integers(1, 20, N)
SUCCESSES = RNG.binomial(TRIALS, RNG.beta(8 * MEAN, 8 * (1 - MEAN)))
OF_TRIALS = np.column_stack([SUCCESSES, TRIALS - SUCCESSES])
PAIRS = [
    (Censored(), CENSORED),
    (Censored("extreme_value"), 1e6 * CENSORED),
    (Censored("logistic", scale=0.4), CENSORED),
    (Censored(log=True), np.exp(CENSORED)),
    (BinomialTrials(), OF_TRIALS),
    (BetaBinomial(), OF_TRIALS),
]


def name_of(value):
    return "" if np.ndim(value) else str(value)


each_pair = pytest.mark.parametrize(("loss", "y"), PAIRS, ids=name_of)
STEPS = {"learning_rate": "invscaling", "eta0": 0.05, "batch_size": 8}
STEPS |= {"random_state": 0, "max_iter": 60, "clip_gradient": 10.0}


def in_chunks(model, rows, y, passes=1):
    for i in range(0, passes * N, 60):
        some = slice(i % N, i % N + 60)
        model.partial_fit(rows[some], y[some])
        model = pickle.loads(pickle.dumps(model)) if i == 60 else model
    return model


@each_pair
def test_all_rows_and_streams_end_at_the_fit_of_linear_regressor(loss, y):
    best = LinearRegressor(loss, penalty=None).fit(X, y)
    model = SGDRegressor(loss, penalty=None)
    for found in (clone(model).fit(X, y), clone(model).fit(sparse.csr_array(X), y)):
        assert found.score(X, y) == pytest.approx(best.score(X, y), abs=1e-5)
    found = in_chunks(model, X, y)
    assert found.score(X, y) == pytest.approx(best.score(X, y), abs=1e-3)


@each_pair
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_steps_come_near(loss, y, optimizer):
    y = y * 1e-6 if y.max() == np.inf and np.nanmin(y) < -1e3 else y
    best = LinearRegressor(loss, penalty=None).fit(Z, y)
    model = SGDRegressor(loss, penalty=None, optimizer=optimizer, **STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert clone(model).fit(Z, y).score(Z, y) > best.score(Z, y) - 0.05
    found = in_chunks(model, Z, y, passes=10)
    assert found.score(Z, y) > best.score(Z, y) - 0.05
    assert type(found.loss_) is type(loss)


def test_a_censored_row_costs_the_same_in_steps():
    y, raw = Censored().examples(np.random.default_rng(1), 50)[0], 0.3
    for kind in ("normal", "logistic", "extreme_value"):
        loss = Censored(kind)
        steps, at = CensoredSteps(loss), np.column_stack([np.full(50, raw), F[:50]])
        s = np.exp(-F[:50])
        known = loss.value(y, np.column_stack([raw * s, s]))
        np.testing.assert_allclose(steps.value(y, at), known, rtol=1e-10)
        h = 1e-6
        for k in range(2):
            move = h * np.eye(2)[k]
            rise = steps.value(y, at + move) - steps.value(y, at - move)
            slope = steps.gradient(y, at)
            np.testing.assert_allclose(
                slope[:, k], rise / (2 * h), rtol=1e-4, atol=1e-4
            )
            rise = steps.gradient(y, at + move) - steps.gradient(y, at - move)
            bend = steps.hessian(y, at)[:, k]
            np.testing.assert_allclose(bend, rise / (2 * h), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kwargs", [{}, STEPS], ids=["auto", "steps"])
def test_offsets_are_of_the_location(kwargs):
    model = SGDRegressor(Censored(), penalty=None, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain = clone(model).fit(Z, CENSORED)
        moved = clone(model).fit(Z, CENSORED + F[:, None], offset=F)
    np.testing.assert_allclose(moved.coef_, plain.coef_, atol=1e-6)
    np.testing.assert_allclose(
        moved.predict(Z, offset=F), plain.predict(Z) + F, atol=1e-4
    )
    stream = clone(model).partial_fit(Z, CENSORED + F[:, None], offset=F)
    assert stream.score(Z, CENSORED, offset=0.0) > plain.score(Z, CENSORED) - 0.5


def test_events_and_validation_rows():
    event = NUMBERS <= LIMIT
    times = survival_target(event=event, time=np.exp(np.minimum(NUMBERS, LIMIT)))
    ends = np.where(event, NUMBERS, np.inf)
    pairs = np.exp(np.column_stack([np.minimum(NUMBERS, LIMIT), ends]))
    loss = Censored(log=True)
    both = [SGDRegressor(loss, **STEPS, early_stopping=True) for _ in range(2)]
    for model, y in zip(both, (times, pairs)):
        model.fit(Z, y, X_val=Z[:50], y_val=y[:50])
        assert len(model.validation_loss_curve_) == model.n_iter_
    np.testing.assert_array_equal(both[0].coef_, both[1].coef_)
    alone = clone(both[0]).fit(Z, pairs)
    assert alone.score(Z, pairs) == alone.score(Z, times)


def test_what_cannot_be_used_is_said():
    with pytest.raises(ValueError, match=r"y\[3\] is \[2, 1\], which is no interval"):
        SGDRegressor(Censored()).partial_fit(Z[:4], [[1, 1], [1, 2], [2, 2], [2, 1]])
    with pytest.raises(ValueError, match=r"needs y of shape \(n_samples, 2\)"):
        SGDRegressor(BinomialTrials()).fit(Z, NUMBERS)
    with pytest.raises(ValueError, match="its scale is one number for all rows"):
        SGDRegressor(Censored(), features={"scale": "all"}, **STEPS).fit(Z, CENSORED)


COUNTS = RNG.negative_binomial(2, 2 / (2 + np.exp(F)))
OFTEN_0 = np.where(RNG.uniform(size=N) < 0.3, 0, COUNTS)
SHARES = np.clip(RNG.beta(6 * MEAN, 6 * (1 - MEAN)), 1e-6, 1 - 1e-6)
ENDS = np.where(RNG.uniform(size=N) < 0.1, SHARES > 0.5, SHARES)
AMOUNTS = [RNG.gamma(2, np.exp(f) / 2, k).sum() for f, k in zip(F, RNG.poisson(2, N))]
FITTED = [
    (StudentTDistribution(df="mle"), NUMBERS),
    (StudentT(df="mle", scale="mle"), NUMBERS),
    (Barron(alpha="mle"), 3.0 * NUMBERS),
    (LogisticDistribution(), NUMBERS),
    (GammaDistribution(), RNG.gamma(2, np.exp(F) / 2)),
    (NegativeBinomial(dispersion="mle"), COUNTS),
    (Hurdle(NegativeBinomial(dispersion="mle")), OFTEN_0),
    (ZeroInflated(), OFTEN_0),
    (Beta(), SHARES),
    (OrderedBeta(), ENDS),
    (Tweedie(power="mle"), np.array(AMOUNTS)),
]


def numbers_of(loss):
    return {k: v for k, v in loss.get_params().items() if isinstance(v, float)}


@pytest.mark.parametrize(("loss", "y"), FITTED, ids=name_of)
@pytest.mark.parametrize("kind", ["auto", "steps"])
def test_all_that_is_mle_learns(loss, y, kind):
    best = LinearRegressor(loss, penalty=None).fit(Z, y)
    is_auto = kind == "auto"
    adam = {"optimizer": "adam", "eta0": 0.02, "batch_size": 16, "random_state": 0}
    model = SGDRegressor(loss, penalty=None, **({} if is_auto else adam))
    model = in_chunks(model, Z, y, passes=1 if is_auto else 10)
    np.testing.assert_allclose(model.coef_, best.coef_, atol=0.01 if is_auto else 0.15)
    wanted = numbers_of(best.loss_)
    assert wanted
    found = numbers_of(model.loss_)
    assert found == pytest.approx(wanted, rel=0.05 if is_auto else 0.35)
