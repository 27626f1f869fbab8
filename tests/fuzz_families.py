"""Cases and verdicts for losses of groups, of several outputs and of several tasks.

Their objective is written nowhere else, so a fit is judged by fits of the same problem
said in another way, which must find the same minimum: the rows in another order or
form, a row of weight 2 as two rows, rows of weight 0 left out, X in another unit with
the alpha that belongs to it. A certificate must bound all of them.
"""

import pickle
import warnings
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from sklearn.base import clone

from sklearn_losses import (
    AllThreshold,
    Beta,
    BinomialTrials,
    Censored,
    CoxPH,
    CumulativeCauchit,
    CumulativeCloglog,
    CumulativeLogit,
    CumulativeLoglog,
    CumulativeProbit,
    ExponentialAFT,
    GammaDistribution,
    GaussianDistribution,
    Hinge,
    Huber,
    Hurdle,
    ImmediateThreshold,
    LaplaceDistribution,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    ListNet,
    LogisticDistribution,
    LogLogisticAFT,
    LogLoss,
    LogNormalAFT,
    NegativeBinomial,
    OrderedBeta,
    PairwiseExponential,
    PairwiseHinge,
    PairwiseLogistic,
    PairwiseSquaredHinge,
    PlackettLuce,
    Poisson,
    Quantiles,
    SmoothHinge,
    SquaredError,
    SquaredHinge,
    StudentT,
    StudentTDistribution,
    WeibullAFT,
    ZeroInflated,
    survival_target,
)
from tests.fuzz_cases import features, power, weights
from tests.oracles import Findings
from tests.rivals import EPS

SHORT = 0.01  # of what there is to gain
REAL = [
    Quantiles([0.1, 0.5, 0.9]),
    Quantiles([0.2, 0.8], crossing="parallel"),
    GaussianDistribution(),
    GaussianDistribution(rule="crps"),
    LaplaceDistribution(),
    LogisticDistribution(),
    StudentTDistribution(),
    StudentT(scale="mle"),
]
COUNTS = [
    NegativeBinomial(dispersion="mle"),
    Hurdle(Poisson()),
    ZeroInflated(Poisson()),
    ZeroInflated(NegativeBinomial()),
]
RANKINGS = [
    PairwiseLogistic(),
    PairwiseLogistic(per="pair", pair_weight="gain"),
    PairwiseHinge(),
    PairwiseSquaredHinge(),
    PairwiseExponential(),
    ListNet(),
    PlackettLuce(),
    PlackettLuce(ties="efron", top_k=3),
]
ORDERED = [
    CumulativeLogit(),
    CumulativeProbit(),
    CumulativeCloglog(),
    CumulativeLoglog(),
    CumulativeCauchit(),
    *map(AllThreshold, (LogLoss(), Hinge(), SquaredHinge(), SmoothHinge())),
    *map(ImmediateThreshold, (LogLoss(), Hinge(), SquaredHinge())),
]
SURVIVAL = [
    CoxPH(),
    CoxPH(ties="efron"),
    WeibullAFT(),
    LogNormalAFT(),
    LogLogisticAFT(),
    ExponentialAFT(),
]
TASKS = [SquaredError(), Huber(), {"a": Huber(), "b": SquaredError()}]


@dataclass
class FamilyCase:
    """A fit: the estimator, its rows, and what goes with each of them."""

    model: object
    X: np.ndarray
    y: np.ndarray
    of_rows: dict  # further arguments of fit, an entry a row
    is_csr: bool
    notes: list = field(default_factory=list)

    def __str__(self):
        n, d = self.X.shape
        form = "csr" if self.is_csr else "dense"
        given = ", ".join(self.of_rows) or "nothing"
        return f"{self.model!r} on {n} x {d} {form}, with {given}; " + ", ".join(
            self.notes
        )

    def rows(self):
        return sparse.csr_array(self.X) if self.is_csr else self.X.copy()

    def take(self, index):
        """The case of some of its rows, or of some more than once."""
        of_rows = {name: values[index] for name, values in self.of_rows.items()}
        return self.but(X=self.X[index], y=self.y[index], of_rows=of_rows)

    def but(self, **changes):
        return FamilyCase(**{**vars(self), **changes})


def draw(number):
    """The case of a number, the same wherever it is asked for."""
    rng, notes = np.random.default_rng([number, 22]), []
    X, Z, _ = features(rng, notes)
    signal = Z @ rng.normal(size=Z.shape[1]) / np.sqrt(Z.shape[1])
    make = FAMILIES[int(rng.integers(len(FAMILIES)))]
    model, y, of_rows = make(rng, signal, notes)
    weight = weights(rng, len(X), notes)
    if weight is not None:
        of_rows["sample_weight"] = weight
    model.set_params(
        penalty=str(rng.choice(["l2", "l1", "elasticnet"], p=[0.7, 0.2, 0.1])),
        alpha=float(rng.choice([0.0, 1e-6, 1e-4, 1e-2], p=[0.1, 0.2, 0.5, 0.2])),
    )
    return FamilyCase(model, X, y, of_rows, bool(rng.random() < 0.3), notes)


def _noisy(rng, signal):
    size = rng.choice([0.1, 0.5, 3.0])
    return signal + size * rng.logistic(size=len(signal))


def _unit(rng, notes):
    unit = power(rng, -6, 9)
    notes.append(f"y times {unit:g}")
    return unit


def _ranking(rng, signal, notes):
    n = len(signal)
    groups = rng.integers(0, max(1, n // int(rng.choice([1, 3, 10, 1000]))), size=n)
    notes.append(f"{len(np.unique(groups))} queries")
    ranks = np.argsort(np.argsort(_noisy(rng, signal)))
    y = (ranks * int(rng.choice([2, 5])) // n).astype(float)
    model = LinearRanker(clone(RANKINGS[int(rng.integers(len(RANKINGS)))]))
    return model, y, {"groups": groups}


def _survival(rng, signal, notes):
    time = np.exp(np.clip(_noisy(rng, signal), -30, 30))
    if rng.random() < 0.5:
        time = np.ceil(5 * time)
        notes.append("ties")
    event = rng.random(len(signal)) < rng.choice([0.05, 0.5, 1.0])
    event[rng.integers(len(event))] = True
    loss = clone(SURVIVAL[int(rng.integers(len(SURVIVAL)))])
    of_rows = {}
    if isinstance(loss, CoxPH) and rng.random() < 0.3:
        of_rows["strata"] = rng.integers(0, 3, size=len(signal))
    y = survival_target(event, time * _unit(rng, notes))
    return LinearSurvival(loss), y, of_rows


def _ordered(rng, signal, notes):
    n = len(signal)
    n_classes = max(2, min(int(rng.choice([2, 3, 6])), n))
    y = np.argsort(np.argsort(_noisy(rng, signal))) * n_classes // n
    if rng.random() < 0.2:
        y = np.where(y == n_classes - 1, y, 0)
        notes.append("classes that do not occur between")
    loss = clone(ORDERED[int(rng.integers(len(ORDERED)))])
    return LinearOrdinalClassifier(loss), y, {}


def _real(rng, signal, notes):
    y = _noisy(rng, signal)
    if rng.random() < 0.15:
        y = np.round(y)
        notes.append("ties")
    loss, y = clone(REAL[int(rng.integers(len(REAL)))]), y * _unit(rng, notes)
    features = None
    if "Distribution" in type(loss).__name__ and rng.random() < 0.3:
        features = {"scale": "all"}
    return LinearRegressor(loss, features=features), y, {}


def _positive(rng, signal, notes):
    y = np.exp(np.clip(_noisy(rng, signal), -20, 20)) * _unit(rng, notes)
    return LinearRegressor(GammaDistribution()), y, {}


def _censored(rng, signal, notes):
    y = _noisy(rng, signal)
    lower, upper = np.where(y < -1, -np.inf, y), np.where(y < -1, -1.0, y)
    unit = _unit(rng, notes)
    log = bool(rng.random() < 0.3)
    if log:
        lower, upper = np.exp(np.clip([lower, upper], -30, 30))
    loss = Censored(str(rng.choice(["normal", "logistic"])), log=log)
    y = np.column_stack([lower, upper]) * unit
    return LinearRegressor(loss), y, {}


def _counts(rng, signal, notes):
    mean = np.exp(np.clip(signal + rng.choice([-1.0, 1.0, 4.0]), -5, 9))
    y = rng.poisson(mean * rng.gamma(2.0, 0.5, size=len(mean))).astype(float)
    y[rng.random(len(y)) < rng.choice([0.0, 0.4])] = 0.0
    return LinearRegressor(clone(COUNTS[int(rng.integers(len(COUNTS)))])), y, {}


def _shares(rng, signal, notes):
    y = np.clip(1 / (1 + np.exp(-_noisy(rng, signal))), 1e-6, 1 - 1e-6)
    if rng.random() < 0.4:
        trials = rng.integers(1, 20, size=len(y))
        successes = rng.binomial(trials, y)
        y = np.column_stack([successes, trials - successes]).astype(float)
        return LinearRegressor(BinomialTrials()), y, {}
    if rng.random() < 0.5:
        y = np.where(y < 0.1, 0.0, np.where(y > 0.9, 1.0, y))
        return LinearRegressor(OrderedBeta()), y, {}
    return LinearRegressor(Beta()), y, {}


def _tasks(rng, signal, notes):
    loss = TASKS[int(rng.integers(len(TASKS)))]
    y = np.column_stack([_noisy(rng, signal), _noisy(rng, -signal)])
    y *= _unit(rng, notes)
    if rng.random() < 0.4:
        y[rng.random(y.shape) < 0.2] = np.nan
        y[0] = 1.0
        notes.append("targets not observed")
    columns = {"a": [0], "b": [1]} if isinstance(loss, dict) else None
    return LinearMultiTask(loss, columns=columns), y, {}


FAMILIES = [_ranking, _survival, _ordered, _real] * 2 + [
    _positive,
    _censored,
    _counts,
    _shares,
    _tasks,
]


# --------------------------------------------------------------------- verdict
class _Fit:
    def __init__(self, case, **settings):
        self.model = clone(case.model).set_params(**settings)
        X, y, self.error = case.rows(), case.y.copy(), None
        before = pickle.dumps((X, y, case.of_rows))
        with warnings.catch_warnings(record=True) as self.warnings:
            warnings.simplefilter("always")
            try:
                self.model.fit(X, y, **case.of_rows)
            except Exception as error:
                self.error = error
        self.is_untouched = pickle.dumps((X, y, case.of_rows)) == before

    @property
    def has_warned(self):
        return bool(self.warnings)

    @property
    def value(self):
        return float(np.sum(self.model.objective_))

    @property
    def gap(self):
        return float(np.sum(self.model.gap_))


def judge(case):
    """All that does not hold of a case, as Findings."""
    findings, fit = Findings(), _Fit(case)
    findings.check(fit.is_untouched, "inputs changed by fit")
    for w in fit.warnings:
        is_known = issubclass(w.category, UserWarning)
        findings.check(is_known, f"{w.category.__name__} out of fit", str(w.message))
    if fit.error is not None:
        findings.error(fit.error, "fit")
        return findings
    _check_model(findings, case, fit)
    _check_minimum(findings, case, fit)
    return findings


def _check_model(findings, case, fit):
    model = fit.model
    is_finite = np.isfinite(np.asarray(model.coef_)).all()
    findings.check(is_finite, "coefficients not finite", warned=fit.has_warned)
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = np.asarray(model.predict(case.rows()), dtype=float)
        again = pickle.loads(pickle.dumps(model)).predict(case.rows())
    is_finite, is_said = np.isfinite(found).all(), bool(said) or fit.has_warned
    findings.check(is_finite, "predictions not finite", warned=is_said)
    is_same = np.array_equal(found, np.asarray(again, dtype=float), equal_nan=True)
    findings.check(is_same, "pickle changes the model")


def _check_minimum(findings, case, fit):
    """No other way to say the problem has a lower minimum, by more than is allowed."""
    worst = _Fit(case, penalty="l2", alpha=1e12)
    if worst.error is not None:
        findings.error(worst.error, "fit of a constant")
        return
    is_convex = bool(fit.model.loss_.convex) if hasattr(fit.model, "loss_") else True
    values = [("as it is", fit.value)]
    for name, other in _other_ways(case):
        again = _Fit(other)
        if again.error is not None:
            findings.check(False, f"refused {name}", f"{again.error}")
            continue
        values.append((name, again.value))
        _check_gap(findings, case, fit, again, name)
    who, least = min(values, key=lambda pair: pair[1])
    gain = max(worst.value - least, 1e-9 * abs(least), 1e-300)
    short = (fit.value - least) / gain
    text = f"F {fit.value:.9g}, {who} {least:.9g}, of {gain:.3g} to gain {short:.2g}"
    is_finite = np.isfinite(fit.value)
    findings.check(is_finite, "objective_ not finite", text, fit.has_warned)
    if is_convex:
        findings.check(short <= SHORT, "fit short", text, fit.has_warned)
    allowed = 1e-4 if _has_kinks(fit.model) else 2e-6  # where it is the optimum
    is_worse = fit.value > worst.value + allowed * abs(worst.value)
    text = f"F {fit.value:.9g}, constant {worst.value:.9g}"
    findings.check(not is_worse, "worse than a constant", text, fit.has_warned)


def _has_kinks(model):
    return hasattr(model, "loss_") and not model.loss_.differentiable


def _check_gap(findings, case, fit, again, name):
    if not np.isfinite(fit.gap):
        return
    text = f"{fit.value:.9g} - gap {fit.gap:.3g}, {name} {again.value:.9g}"
    coef = np.abs(np.atleast_2d(fit.model.coef_).astype(float))
    size = float(np.max(coef @ np.abs(case.X).max(axis=0)))  # of sums that cancel
    noise = 1e-9 * (abs(fit.value) + abs(again.value)) + 64 * EPS * size
    is_bound = again.value >= fit.value - fit.gap - noise
    has_none = fit.model.alpha == 0  # then it is one for coefficients of bounded size
    findings.check(is_bound or has_none, "gap_ is no bound", text)


def _other_ways(case):
    """The same problem, whose rows and coefficients are said in another way."""
    n = len(case.X)
    rng = np.random.default_rng(0)
    yield "permuted", case.take(rng.permutation(n))
    yield "in the other form", case.but(is_csr=not case.is_csr)
    if case.model.penalty != "elasticnet":
        size = np.abs(case.X).max() or 1.0
        unit = 2.0 ** np.round(np.log2(size))
        power = 1 if case.model.penalty == "l1" else 2
        alpha = case.model.alpha / unit**power
        model = clone(case.model).set_params(alpha=alpha)
        yield "in other units", case.but(model=model, X=case.X / unit)
    weight = case.of_rows.get("sample_weight")
    if weight is not None and (weight == 0).any():
        yield "without rows of weight 0", case.take(np.flatnonzero(weight))
