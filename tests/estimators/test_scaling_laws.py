"""A fit does not depend on units: of y, X, the loss and weights, nor on row order.

Each law maps a fit in other units back, where it must have the objective of the fit in
the first ones to 1% of what there is to gain.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses import (
    IdentityLink,
    LinearClassifier,
    LinearRegressor,
    LogLink,
    SGDClassifier,
    SGDRegressor,
)
from sklearn_losses.losses._best_constant import is_least_at_0
from tests.cases import LOSSES, REGRESSION_LOSSES, each
from tests.fuzz_cases import UNITS as IN_UNITS_OF_Y

N, D, ALPHA = 80, 3, 1e-4
UNITS = [1e-6, 1e9]
UNITS_OF_COUNTS = [1e-3, 1e3]
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, D)) @ np.diag([1.0, 0.1, 3.0])
SIGNAL = X @ [1.0, -3.0, 0.5] + 0.5 * RNG.standard_t(3, size=N) + 2.0
CLASSES = np.digitize(SIGNAL, [1.0, 3.0])
CLASSES[::8] = (CLASSES[::8] + 1) % 3  # no plane separates them
COUNT = RNG.integers(0, 3, size=N)

certified = pytest.mark.parametrize("certified", [False, True])


def targets(loss):
    if loss.task != "regression":
        return CLASSES if loss.task == "multiclass" else (CLASSES > 1).astype(int)
    if loss.domain.low >= -1:
        return np.exp(0.3 * SIGNAL) + 0.1
    return SIGNAL


def fitted(loss, certified, X, y, weight=None, **settings):
    """The model; LinearRegressor and LinearClassifier must not warn."""
    regressor, classifier = (
        (LinearRegressor, LinearClassifier)
        if certified
        else (SGDRegressor, SGDClassifier)
    )
    estimator = regressor if loss.task == "regression" else classifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if certified:
            warnings.simplefilter("error", ConvergenceWarning)
        return estimator(loss, **settings).fit(X, y, sample_weight=weight)


def objective(loss, y, coef, intercept, penalty="l2", alpha=ALPHA):
    """F for X in the first units."""
    raw = X @ np.atleast_2d(coef).T + intercept
    raw = raw if loss.granularity == "row" else raw[:, 0]
    size = np.abs(coef).sum() if penalty == "l1" else np.sum(np.square(coef)) / 2
    return loss.mean(y, raw) + alpha * size


def agree(loss, y, *fits, **penalty):
    """Two pairs of coefficients with the same objective."""
    first, second = (objective(loss, y, *fit, **penalty) for fit in fits)
    constant = loss.optimal_constant(y)
    best = objective(loss, y, np.zeros((np.size(constant), D)), constant, **penalty)
    assert max(first, second) <= best + 1e-9 * abs(best)
    assert_allclose(second, first, rtol=0, atol=0.01 * (best - min(first, second)))


# ---------------------------------------------------------------- units of y
def in_units(loss, unit):
    """The loss whose parameters are in units of y that is that many times as large."""
    changed = {}
    for name, value in loss.get_params(deep=False).items():
        if name in IN_UNITS_OF_Y:
            changed[name] = value * unit
        if (loss.name, name) in (("linex", "a"), ("negative_binomial", "dispersion")):
            changed[name] = value / unit
    if "scale" in changed and loss.name in ("huber", "pseudo_huber", "smooth_quantile"):
        changed.pop("delta", None)  # is in units of the scale
    return clone(loss).set_params(**changed)


def factor(loss, other, unit):
    """By how much the loss grows; None where it has no law."""
    y = targets(loss)[:2]
    is_log = type(loss.link) is LogLink
    near, far = (
        ([0.1, 2.0], [3.0, -1.0])
        if is_log
        else (np.add(y, [0.1, -0.3]), np.add(y, [5, -5]))
    )
    theirs = [other.value(unit * y, in_unit(p, unit, is_log)) for p in (near, far)]
    ours = [loss.value(y, p) for p in (near, far)]
    ratio = np.subtract(*theirs) / np.subtract(*ours)
    return ratio[0] if np.isclose(*ratio, rtol=1e-6) else None


def in_unit(raw, unit, is_log):
    return np.add(raw, np.log(unit)) if is_log else np.multiply(raw, unit)


UNIT_FREE = [
    loss
    for loss in REGRESSION_LOSSES
    if loss.convex
    and type(loss.link) in (IdentityLink, LogLink)
    and factor(loss, in_units(loss, 1e3), 1e3) is not None
]


def test_which_losses_have_a_unit():
    names = {loss.name for loss in REGRESSION_LOSSES if loss.convex}
    assert names - {loss.name for loss in UNIT_FREE} == {
        "log_cosh",
        "squared_log_error",
    }


@certified
@each(UNIT_FREE)
def test_units_of_y(loss, certified):
    y = targets(loss)
    first = fitted(loss, certified, X, y, alpha=ALPHA)
    is_log = type(loss.link) is LogLink
    for unit in UNITS if not is_log else UNITS_OF_COUNTS:
        other = in_units(loss, unit)
        grown = factor(loss, other, unit)
        alpha = ALPHA * grown if is_log else ALPHA * grown / unit**2
        model = fitted(other, certified, X, unit * y, alpha=alpha)
        back = (
            (model.coef_, model.intercept_ - np.log(unit))
            if is_log
            else (model.coef_ / unit, model.intercept_ / unit)
        )
        agree(loss, y, (first.coef_, first.intercept_), back)


# ------------------------------------------------------- units of all the rest
CONVEX = [loss for loss in LOSSES if loss.convex and not is_least_at_0(loss)]


@certified
@each(CONVEX)
def test_units_of_features(loss, certified):
    y = targets(loss)
    first = fitted(loss, certified, X, y, alpha=ALPHA)
    several = np.array([1e-6, 1.0, 1e6])
    for unit in [*UNITS, several]:
        # A penalty treats features alike: it cannot be brought to several units.
        alpha = ALPHA * unit**2 if np.ndim(unit) == 0 else 0.0
        model = fitted(loss, certified, X * unit, y, alpha=alpha)
        known = first
        if alpha == 0.0:
            known = fitted(loss, certified, X, y, alpha=0.0)
        agree(
            loss,
            y,
            (known.coef_, known.intercept_),
            (model.coef_ * unit, model.intercept_),
            alpha=alpha and ALPHA,
        )


@certified
@each(CONVEX)
def test_units_of_the_loss(loss, certified):
    y = targets(loss)
    first = fitted(loss, certified, X, y, alpha=ALPHA)
    for unit in UNITS:
        model = fitted(unit * loss, certified, X, y, alpha=ALPHA * unit)
        agree(loss, y, (first.coef_, first.intercept_), (model.coef_, model.intercept_))


@certified
@each(CONVEX)
def test_weights_order_and_features_far_from_0(loss, certified):
    """A weight of 2 is two rows, one of 0 is none, and the intercept takes a shift."""
    y = targets(loss)
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(N), COUNT))
    weighted = fitted(loss, certified, X, y, COUNT.astype(float), penalty=None)
    repeated = fitted(loss, certified, X[rows] + 1e4, y[rows], penalty=None)
    shifted = repeated.intercept_ + 1e4 * np.atleast_2d(repeated.coef_).sum(axis=1)
    both = [weighted.coef_, weighted.intercept_], [repeated.coef_, shifted]
    kept = X[rows], y[rows]
    constant = loss.optimal_constant(y[rows])

    def mean(coef, intercept):
        raw = kept[0] @ np.atleast_2d(coef).T + intercept
        return loss.mean(kept[1], raw if loss.granularity == "row" else raw[:, 0])

    best = mean(np.zeros((np.size(constant), D)), constant)
    first, second = (mean(*fit) for fit in both)
    assert_allclose(second, first, rtol=0, atol=0.01 * (best - min(first, second)))
