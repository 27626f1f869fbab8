"""A convex fit reaches its optimum whatever the units, of the loss's parameters too.

The data are tame and the units are not: y and X times 1e-6 to 1e9, and delta, epsilon,
scale and the like 1e-3 to 1e3 times the spread of y, with and without a penalty, raw
and centred, dense and CSR, few rows and many. `tests/oracles.py` says what must hold;
a warning does not excuse a fit here. A loss that is not convex is not worse than the
best constant. Then data that are not tame, as the fuzzer draws them.
"""

from zlib import crc32

import numpy as np
import pytest

from sklearn_losses import (
    LinearClassifier,
    LinearRegressor,
    SGDClassifier,
    SGDRegressor,
)
from sklearn_losses.losses._best_constant import is_least_at_0
from tests.cases import DEFAULTS, LOSSES, each
from tests.fuzz_cases import Case, draw, in_units, labels, spread, targets
from tests.oracles import judge

USED = [loss for loss in LOSSES if not is_least_at_0(loss)]
FEW = [loss for loss in DEFAULTS if not is_least_at_0(loss)]


def case(loss, certified, seed):
    rng = np.random.default_rng([seed, crc32(repr(loss).encode())])
    n, d = int(rng.choice([15, 60, 200])), int(rng.choice([1, 3, 8]))
    Z = rng.normal(size=(n, d))
    signal = Z @ rng.normal(size=d) + 0.5 * rng.standard_t(3, size=n)
    notes = []
    if loss.task == "regression":
        y = targets(rng, loss, signal, notes)
        loss = in_units(rng, loss, spread(y))
    else:
        y = labels(rng, loss, signal, notes)
    unit, centre = 10.0 ** rng.integers(-6, 10), rng.choice([0.0, 1.0, 30.0])
    regressor, classifier = (
        (LinearRegressor, LinearClassifier)
        if certified
        else (SGDRegressor, SGDClassifier)
    )
    estimator = regressor if loss.task == "regression" else classifier
    # alpha in the unit of X, so that the penalty leaves something to fit.
    alpha = 1e-4 * unit**2 if rng.random() < 0.5 else 1e-4
    penalty = ["l2", None][rng.integers(2)]
    model = estimator(loss, alpha=alpha, penalty=penalty, random_state=0)
    form = rng.choice(["dense", "csr"])
    notes.append(f"X times {unit:g}, centre {centre:g}")
    X = (Z + centre) * unit
    return Case(seed, model, X, y, None, form, np.float64, max(1, n // 4), notes)


def check(loss, certified, seed):
    one = case(loss, certified, seed)
    findings = judge(one, streams=False)
    faults = [f for f in findings + findings.loud if f[0] != "refused"]
    assert not faults, f"{faults}\n{one}"


certified = pytest.mark.parametrize("certified", [False, True])


@certified
@each(FEW)
def test_optimum_in_any_unit(loss, certified):
    check(loss, certified, 0)


@pytest.mark.thorough
@certified
@each(USED)
def test_optimum_in_many_units(loss, certified):
    for seed in (1, 2):
        check(loss, certified, seed)


def check_wild(loss, seed):
    """Ties, weights, rare classes, chunks, heavy tails: nothing silent."""
    one = draw(100 * (crc32(repr(loss).encode()) % 10**6) + seed, loss)
    findings = judge(one)
    assert not findings, f"{list(findings)}\n{one}"


@each(DEFAULTS)
def test_nothing_silent(loss):
    check_wild(loss, 5)


@pytest.mark.thorough
@each(LOSSES)
def test_nothing_silent_in_many_cases(loss):
    for seed in (0, 1):
        check_wild(loss, seed)
