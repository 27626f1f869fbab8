"""A feature that some rows would have grow without end, while others do not see it."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses import (
    BetaBinomial,
    BinomialTrials,
    CrossEntropy,
    CumulativeLogit,
    LinearClassifier,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRegressor,
    LinearSurvival,
    LogLoss,
    Poisson,
    SGDClassifier,
    SquaredError,
    WeibullAFT,
    survival_target,
)

RNG = np.random.default_rng(0)
N = 100
X = RNG.normal(size=(N, 2))
G = np.arange(N) < 30
Z = np.column_stack([X, G])
NOISE = X[:, 0] + RNG.normal(size=N) > 0
EVENT = (RNG.random(N) < 0.6) & ~G
TIMES = survival_target(EVENT, RNG.exponential(size=N))
CASES = {
    "hazards": (LinearSurvival(penalty=None), TIMES),
    "failure times": (LinearSurvival(WeibullAFT(), penalty=None), TIMES),
    "labels": (LinearClassifier(LogLoss(), penalty=None), NOISE | G),
    "alpha of 0": (SGDClassifier(LogLoss(), alpha=0.0), NOISE | G),
    "no intercept": (
        LinearClassifier(LogLoss(), penalty=None, fit_intercept=False),
        NOISE | G,
    ),
    "counts": (
        LinearRegressor(Poisson(), penalty=None),
        np.where(G, 0, RNG.poisson(2.0, N)),
    ),
    "joint": (
        LinearClassifier(CrossEntropy(), penalty=None),
        np.where(G, 2, RNG.integers(0, 2, N)),
    ),
    "ordered": (
        LinearOrdinalClassifier(CumulativeLogit(), penalty=None),
        np.where(G, 2, RNG.integers(0, 3, N)),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_it_is_named(name, form):
    model, y = CASES[name]
    with pytest.warns(ConvergenceWarning, match=r"feature 2 grows, 30 rows are fitted"):
        model.fit(form(Z), y)


@pytest.mark.parametrize("name", ["labels", "hazards"])
def test_it_may_be_no_column_by_itself(name):
    """It is a sum of columns that have means of their own."""
    model, y = CASES[name]
    turned = Z @ np.linalg.qr(RNG.normal(size=(3, 3)))[0] + [1e3, 0.0, -5.0]
    with pytest.warns(ConvergenceWarning, match=r"30 rows are fitted better without"):
        model.fit(turned, y)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_said_of_a_minimum(name):
    """Without the column, with a price, or where one of its rows says otherwise."""
    model, y = CASES[name]
    other = np.where(G, y[~G][np.arange(N) % (~G).sum()], y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
        model.fit(Z, other)
        type(model)(model.loss, penalty="l2", alpha=1e-2).fit(Z, y)


def test_rows_that_are_far_out_at_a_minimum():
    rows, y = load_breast_cancer(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearClassifier(LogLoss(), penalty=None).fit(rows[:, :8], y)
        LinearRegressor(SquaredError(), penalty=None).fit(rows, y)


@pytest.mark.parametrize("loss", [BinomialTrials(), BetaBinomial()], ids=repr)
def test_trials_that_all_succeed_or_all_fail(loss):
    has = X[:, :1] > 0.0
    model = LinearRegressor(loss, penalty=None)
    with pytest.warns(ConvergenceWarning, match=r"separates successes from failures"):
        model.fit(X, np.hstack([5 * has, 5 * ~has]))
    with pytest.warns(ConvergenceWarning, match=r"separates successes from failures"):
        model.fit(X, np.full((N, 2), [3.0, 0.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, np.hstack([4 * has + 1, 4 * ~has + 1]))


def test_a_task_is_named():
    tasks = {"a": "squared_error", "b": "log_loss"}
    y = np.column_stack([X[:, 0], NOISE | G])
    with pytest.warns(ConvergenceWarning, match=r"The task 'b': .* feature 2 grows"):
        LinearMultiTask(tasks, penalty=None).fit(Z, y)
