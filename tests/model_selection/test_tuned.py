"""Tuning by gradient: derivatives, against grids, and bad input."""

import pickle
import warnings
from numbers import Real

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    L2,
    MCP,
    SLOPE,
    AbsoluteError,
    Barron,
    CrossEntropy,
    CumulativeLogit,
    EpsilonInsensitive,
    Focal,
    GaussianDistribution,
    GroupLasso,
    Hinge,
    Huber,
    Hurdle,
    LaplaceDistribution,
    LearnedLink,
    LinearClassifier,
    LinearOrdinalClassifier,
    LinearRegressor,
    LogCosh,
    LogisticDistribution,
    LogLoss,
    MulticlassHinge,
    MultiTask,
    NegativeBinomial,
    Poisson,
    PseudoHuber,
    Quantile,
    Quantiles,
    SparseGroupLasso,
    SquaredError,
    SquaredHinge,
    StoredBlocks,
    StudentTDistribution,
    Truncated,
    TunedClassifier,
    TunedRegressor,
    check_loss,
    influence,
)
from sklearn_losses.losses import get_loss, loss_names
from sklearn_losses.losses._envelope import Envelope
from sklearn_losses.model_selection._held_out_metric import Outer, distinct_folds
from sklearn_losses.model_selection._hypergradient import HeldOut, Inner, LeftOutRows
from sklearn_losses.model_selection._outer import Box, search
from sklearn_losses.model_selection._ranges import checked_ranges
from tests.contract import each_check

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4)) * [1.0, 5.0, 0.2, 1.0] + [0.0, 20.0, 0.0, 1.0]
SIGNAL = (X - X.mean(axis=0)) / X.std(axis=0) @ [1.0, -0.5, 0.3, 0.0]
Y = SIGNAL + RNG.standard_t(3, size=160)
LABELS, THREE = (Y > 0).astype(int), np.digitize(Y, [-0.7, 0.7])
COUNTS = np.floor(np.exp(Y / 3))
WEIGHT = RNG.integers(0, 3, 160).astype(float)
LABELS_AND_METRIC = LABELS, SquaredHinge()
TRAIN, TEST = np.arange(110), np.arange(110, 160)

SUM = PseudoHuber() + 0.5 * LogCosh()
BY_GROUP = 1.0 * L2([1.0, 1.0, 0.0, 0.0]) + 2.0 * L2([0.0, 0.0, 1.0, 1.0])
CASES = {
    "barron": (LinearRegressor(Barron(0.5)), Y, ["loss__alpha", "loss__scale"]),
    "weights": (LinearRegressor(SUM), Y, ["loss__right_weight", "alpha"]),
    "l1": (
        LinearRegressor(PseudoHuber(), penalty="elasticnet", alpha=0.05),
        Y,
        ["alpha", "l1_ratio", "loss__delta"],
    ),
    "groups": (
        LinearRegressor(PseudoHuber(), penalty=BY_GROUP, alpha=0.1),
        Y,
        ["penalty__left__weight", "penalty__right__weight"],
    ),
    "norm of groups": (
        LinearRegressor(PseudoHuber(), penalty=GroupLasso([0, 1, 1, 0]), alpha=0.05),
        Y,
        ["alpha", "loss__delta"],
    ),
    "norm of classes": (
        LinearClassifier(CrossEntropy(), penalty=MultiTask() + 0.1 * L2(), alpha=0.02),
        THREE,
        ["alpha", "penalty__right__weight"],
    ),
    "sparse groups": (
        LinearRegressor(
            PseudoHuber(), penalty=SparseGroupLasso([0, 1, 1, 0]), alpha=0.05
        ),
        Y,
        ["penalty__l1_ratio", "alpha"],
    ),
    "mcp": (
        LinearRegressor(PseudoHuber(), penalty=MCP(3.0), alpha=0.3),
        Y,
        ["penalty__gamma", "alpha"],
    ),
    "quantile": (LinearRegressor(Quantile(0.7), alpha=0.1), Y, ["alpha"]),
    "epsilon": (
        LinearRegressor(EpsilonInsensitive(0.5), alpha=0.1),
        Y,
        ["loss__epsilon", "alpha"],
    ),
    "hinge": (LinearClassifier(Hinge(), alpha=0.1), LABELS, ["alpha"]),
    "focal": (LinearClassifier(Focal(), alpha=0.01), LABELS, ["loss__gamma", "alpha"]),
    "one versus rest": (LinearClassifier(LogLoss(), alpha=0.01), THREE, ["alpha"]),
    "joint": (
        LinearClassifier(CrossEntropy(label_smoothing=0.1), alpha=0.01),
        THREE,
        ["loss__label_smoothing", "alpha"],
    ),
    "two classes": (
        LinearClassifier(CrossEntropy(label_smoothing=0.1), alpha=0.01),
        LABELS,
        ["loss__label_smoothing", "alpha"],
    ),
    "distribution": (LinearRegressor(GaussianDistribution(), alpha=0.05), Y, ["alpha"]),
    "scale by features": (
        LinearRegressor(
            StudentTDistribution(df=4.0), features={"scale": [0, 2]}, alpha=0.05
        ),
        Y,
        ["loss__df", "alpha"],
    ),
    "crps": (
        LinearRegressor(
            LogisticDistribution(rule="crps"), features={"scale": "all"}, alpha=0.05
        ),
        Y,
        ["alpha"],
    ),
    "dispersion": (LinearRegressor(NegativeBinomial(), alpha=0.05), COUNTS, ["alpha"]),
    "ordered": (
        LinearOrdinalClassifier(CumulativeLogit(), alpha=0.05),
        THREE,
        ["alpha"],
    ),
    "ordered by chance": (
        LinearOrdinalClassifier(CumulativeLogit(), alpha=0.05),
        THREE,
        ["alpha"],
    ),
    "zeros": (
        LinearRegressor(
            Hurdle(Poisson()),
            features={"zero": "all"},
            penalty="elasticnet",
            alpha=0.02,
        ),
        COUNTS,
        ["alpha", "l1_ratio"],
    ),
}
METRICS = {
    "barron": PseudoHuber(),
    "joint": CrossEntropy(),
    "norm of classes": CrossEntropy(),
    "hinge": SquaredHinge(),
    "distribution": GaussianDistribution(),
    "scale by features": StudentTDistribution(df=5.0),
    "crps": AbsoluteError(),
    "dispersion": NegativeBinomial(),
    "ordered": CumulativeLogit(),
    "ordered by chance": CrossEntropy(),
    "zeros": Hurdle(Poisson()),
}


def outer_of(name, kind, weight=None):
    model, y, names = CASES[name]
    default = LogLoss() if isinstance(model, LinearClassifier) else SquaredError()
    metric = METRICS.get(name, default)
    known = model.get_params()
    tune = {name: (0.5 * known[name], 1.5 * known[name]) for name in names}
    model = clone(model)
    model.n_features_in_ = 4
    ranges = checked_ranges("here", tune, model, (X, y, weight, None))
    some = [None if one is None else one[TRAIN] for one in (X, y, weight)]
    inner = Inner(model, ranges, *some, None)
    if kind == "loo":
        return Outer(ranges, [LeftOutRows(inner, metric, some[1], some[2], None)])
    rest = [None if one is None else one[TEST] for one in (X, y, weight)]
    return Outer(ranges, [HeldOut(inner, metric, *rest, None)])


# --------------------------------------------------------------------- derivatives
@pytest.mark.parametrize("kind", ["rows", "loo"])
@pytest.mark.parametrize("name", CASES)
def test_gradient_against_differences_of_polished_fits(name, kind):
    if (name, kind) in {("joint", "loo"), ("one versus rest", "loo")}:
        tol = 1e-4
    else:
        tol = 1e-6 if kind == "rows" else 1e-4
    outer = outer_of(name, kind, WEIGHT)
    x = np.full(len(outer.ranges), 0.45)
    _, gradient = outer.measure(x)
    for j in range(len(x)):
        ends = []
        for step in (2e-4, -2e-4):
            moved = x.copy()
            moved[j] += step
            outer.parts[0].inner.forget()
            ends.append(outer.measure(moved)[0])
        difference = (ends[0] - ends[1]) / 4e-4
        size = np.abs(gradient).max()
        assert_allclose(gradient[j], difference, rtol=tol, atol=tol * size)


def numbers_in_the_catalogue():
    """Each number among the parameters of each loss that has some."""
    for name in sorted({*loss_names("regression"), *loss_names("binary")}):
        for key, value in get_loss(name).get_params().items():
            if isinstance(value, Real) and not isinstance(value, bool):
                yield name, key


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "key"), list(numbers_in_the_catalogue()))
def test_gradient_of_every_number_in_the_catalogue(name, key):
    loss = get_loss(name)
    kind = LinearRegressor if loss.task == "regression" else LinearClassifier
    y, metric = (Y, SquaredError()) if kind is LinearRegressor else LABELS_AND_METRIC
    if y is Y and loss.domain.low >= 0:
        y = COUNTS + (0.5 if not loss.domain.contains_all(np.zeros(1)) else 0.0)
    value = loss.get_params()[key]
    model = kind(loss, alpha=0.05)
    model.n_features_in_ = 4
    tune = {f"loss__{key}": (0.8 * value, 1.1 * value)}
    ranges = checked_ranges("here", tune, model, (X, y, None, None))
    inner = Inner(model, ranges, X[TRAIN], y[TRAIN], None, None)
    outer = Outer(ranges, [HeldOut(inner, metric, X[TEST], y[TEST], None, None)])
    slope, ends = outer.measure(np.array([0.45]))[1][0], []
    for x in (0.4502, 0.4498):
        inner.forget()
        ends.append(outer.measure(np.array([x]))[0])
    assert_allclose(slope, (ends[0] - ends[1]) / 4e-4, rtol=1e-6, atol=1e-9)


def test_without_a_row_is_what_influence_says():
    outer = outer_of("weights", "loo")
    part, x = outer.parts[0], np.array([0.5, 0.5])
    part.metric.loss = SUM
    values = part.measure(x).values
    model = LinearRegressor(SUM, alpha=1e-4, tol=1e-10).fit(X[TRAIN], Y[TRAIN])
    found = influence(model, X[TRAIN], Y[TRAIN])
    assert_allclose(values, found.loss_left_out, rtol=1e-6)


def test_a_start_near_by_ends_at_the_same_minimum():
    outer = outer_of("barron", "rows")
    inner = outer.parts[0].inner
    outer.measure(np.array([0.4, 0.5]))
    x = np.array([0.5, 0.6])
    near = inner.fit(x)
    inner.forget()
    afar = inner.fit(x)
    assert_allclose(near[0].coef, afar[0].coef, rtol=1e-7)


# ------------------------------------------------------------------------- searches
def test_a_search_in_a_box():
    def bowl(x):
        d = x - [0.3, 1.2]
        return d @ [[2.0, 0.5], [0.5, 1.0]] @ d, 2 * np.array(
            [[2.0, 0.5], [0.5, 1.0]]
        ) @ d

    box = Box(bowl, 2, 30)
    search(box, np.array([0.9, 0.1]), 0)
    assert len(box.seen) <= 30
    assert_allclose(box.best[0], [0.35, 1.0], atol=1e-4)


def test_a_search_passes_over_what_is_impossible():
    def half(x):
        if x[0] > 0.6:
            return np.inf, np.zeros(1)
        return (x[0] - 0.5) ** 2, 2 * (x - 0.5)

    box = Box(half, 1, 12)
    search(box, np.array([0.9]), 0)
    assert_allclose(box.best[0], [0.5], atol=1e-3)


def test_a_search_goes_on_from_several_places():
    """The first looks find the valley that is not the best, which others then find."""

    def valleys(x):
        wide, deep = x[0] - 0.2, x[0] - 0.8
        value = min(10.0 * wide**2, 4.0 * deep**2 - 0.01)
        is_deep = value < 10.0 * wide**2
        return value, np.array([8.0 * deep if is_deep else 20.0 * wide])

    box = Box(valleys, 1, 30)
    assert search(box, np.array([0.2]), 0) > 1
    assert_allclose(box.best[0], [0.8], atol=1e-3)


def test_as_good_as_a_grid():
    data, y = load_diabetes(return_X_y=True)
    data = data / data.std(axis=0)
    tune = {"loss__delta": (1.0, 2000.0, "log"), "alpha": (1e-4, 10.0, "log")}
    cv = KFold(5, shuffle=True, random_state=0)
    model = TunedRegressor(PseudoHuber(), tune, metric=SquaredError(), cv=cv)
    model.fit(data, y)
    assert model.n_fits_ <= 30
    best = np.inf
    for delta in np.geomspace(1.0, 2000.0, 4):
        for alpha in np.geomspace(1e-4, 10.0, 4):
            total = 0.0
            for train, test in cv.split(data):
                one = LinearRegressor(PseudoHuber(delta), alpha=alpha)
                p = one.fit(data[train], y[train]).predict(data[test])
                total += SquaredError().value(y[test], p).sum()
            best = min(best, total / len(y))
    assert model.best_score_ <= best * (1 + 1e-4)
    # And the metric is that of its own parameters.
    total = 0.0
    for train, test in cv.split(data):
        one = clone(model.best_estimator_).fit(data[train], y[train])
        total += SquaredError().value(y[test], one.predict(data[test])).sum()
    assert_allclose(model.best_score_, total / len(y), rtol=1e-4)


@pytest.mark.parametrize("loss", [Quantile(0.8), Hinge()])
def test_losses_with_kinks_are_as_good_as_a_grid(loss):
    kinds = {"regression": (TunedRegressor, LinearRegressor, Y)}
    tuned, kind, y = kinds.get(loss.task, (TunedClassifier, LinearClassifier, LABELS))
    metric = loss if loss.task == "regression" else SquaredHinge()
    splits = list(KFold(3).split(X))
    tune = {"alpha": (1e-4, 10.0, "log")}
    model = tuned(loss, tune, metric=metric, cv=splits, max_fits=8)
    with warnings.catch_warnings(action="ignore"):  # of an end of the range
        model.fit(X, y)
    assert repr(model.loss_) == repr(loss)

    def held_out(alpha):
        scores = []
        for train, test in splits:
            fitted = kind(loss, alpha=alpha).fit(X[train], y[train])
            scores.append(metric.value(y[test], fitted.raw_prediction(X[test])))
        return np.concatenate(scores).mean()

    best = min(held_out(alpha) for alpha in np.logspace(-3, 0, 4))
    assert held_out(model.alpha_) <= 1.01 * best


def test_a_loss_that_is_rounded_is_a_loss():
    for loss in (Hinge(), Quantile(0.2), EpsilonInsensitive(0.3) + 0.5 * Huber()):
        check_loss(Envelope(loss, 0.3))
    r = RNG.normal(size=50)
    rounded = Envelope(AbsoluteError(), 0.5).value(np.zeros(50), r)
    assert_allclose(rounded, Huber(0.5).value(np.zeros(50), r) / 0.5, rtol=1e-12)


def test_errors_and_verdict():
    rng = np.random.default_rng(1)
    data = rng.normal(size=(600, 3))
    y = data @ [1.0, 2.0, 0.0] + 0.7 * rng.standard_cauchy(size=600)
    model = TunedRegressor(
        Barron(scale=0.7), {"loss__alpha": (-4, 2)}, metric=PseudoHuber(0.2), cv=3
    ).fit(data, y)
    assert 0 < model.errors_["loss__alpha"] < 10
    assert "cannot be told from Cauchy" in model.verdict()
    assert "SquaredError" not in model.verdict()  # it can
    assert len(model.trace_) == model.n_fits_ <= 30
    assert model.loss_.alpha == model.best_params_["loss__alpha"]
    least = min(one["metric"] for one in model.trace_)  # of errors_, too, afterwards
    assert least == pytest.approx(model.best_score_, rel=1e-12)


def test_an_end_of_a_range_is_said():
    tune = {"alpha": (0.5, 2.0)}
    model = TunedRegressor(PseudoHuber(), tune, metric=AbsoluteError(), max_fits=8)
    with pytest.warns(UserWarning, match="has ended at 0.5, an end of its range"):
        model.fit(X, Y)
    assert "at an end of its range" in model.verdict()


# -------------------------------------------------------------------------- the rows
@pytest.mark.parametrize(
    "cv",
    [3, "loo", KFold(3), (X[TEST], Y[TEST]), [(TRAIN, TEST)]],
    ids=["int", "loo", "splitter", "rows", "splits"],
)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_every_kind_of_rows_held_out(cv, kind):
    if isinstance(cv, tuple):
        cv = kind(cv[0]), cv[1]
    model = TunedRegressor(PseudoHuber(), metric=AbsoluteError(), cv=cv, max_fits=6)
    model.fit(kind(X), Y, WEIGHT)
    assert np.isfinite(model.best_score_)
    assert model.predict(kind(X)).shape == (160,)


@pytest.mark.parametrize("y", [Y, LABELS], ids=["numbers", "labels"])
def test_a_weight_of_two_is_two_rows(y):
    kind = TunedRegressor if y is Y else TunedClassifier
    model = kind(max_fits=6)
    twice = np.repeat(np.arange(160), WEIGHT.astype(int))
    by_weight = clone(model).fit(X, y, WEIGHT)
    by_rows = clone(model).fit(X[twice], y[twice])
    assert_allclose(by_weight.alpha_, by_rows.alpha_, rtol=1e-6)
    order = RNG.permutation(160)
    shuffled = clone(model).fit(X[order], y[order], WEIGHT[order])
    assert_allclose(by_weight.coef_, shuffled.coef_, rtol=1e-5)


def test_folds_have_all_classes():
    y = np.repeat([0, 1], [140, 20])
    for _, test in distinct_folds(X, y, None, 5, 0, True):
        assert y[test].sum() == 4


def test_offsets():
    exposure = RNG.normal(size=160)
    model = TunedRegressor(Poisson(), max_fits=6).fit(X, COUNTS, offset=exposure)
    direct = clone(model.best_estimator_).fit(X, COUNTS, offset=exposure)
    assert_allclose(model.predict(X, exposure), direct.predict(X, exposure))


@pytest.mark.parametrize("cv", [KFold(3), "loo"])
def test_offsets_of_a_location(cv):
    exposure = RNG.normal(size=160)
    model = LinearRegressor(GaussianDistribution(), features={"scale": "all"})
    model = TunedRegressor(model, {"alpha": (1e-4, 1.0, "log")}, cv=cv, max_fits=4)
    apart = clone(model).fit(X, Y)
    model.fit(X, Y + exposure, offset=exposure)
    assert_allclose(model.best_score_, apart.best_score_, rtol=1e-9)
    assert_allclose(model.predict(X, exposure), apart.predict(X) + exposure, rtol=1e-6)


@pytest.mark.parametrize("cv", [KFold(3), "loo"])
@pytest.mark.filterwarnings("ignore:.*has ended at")
def test_offsets_of_two_classes_and_of_counts(cv):
    exposure = RNG.normal(size=160)
    settings = dict(cv=cv, max_fits=4)
    joint = TunedClassifier("cross_entropy", {"alpha": (2e-2, 2.0)}, **settings)
    alone = TunedClassifier("log_loss", {"alpha": (1e-2, 1.0)}, **settings)
    scores = [m.fit(X, LABELS, offset=exposure).best_score_ for m in (joint, alone)]
    assert_allclose(*scores, rtol=1e-7)
    losses = NegativeBinomial(dispersion=1e-9), NegativeBinomial()
    y = np.random.default_rng(0).poisson(np.exp(SIGNAL / 3 + exposure))
    scores = []
    for loss in losses:
        model = TunedRegressor(loss, {"alpha": (1e-3, 1.0)}, metric=Poisson(), cv=cv)
        scores.append(model.set_params(max_fits=4).fit(X, y, offset=exposure))
    assert_allclose(*(one.best_score_ for one in scores), rtol=2e-2)


def test_several_classes_and_a_pipeline():
    names = np.array(["a", "b", "c"])[THREE]
    pipeline = make_pipeline(
        StandardScaler(), TunedClassifier("cross_entropy", max_fits=6)
    )
    pipeline.fit(X, names)
    assert pipeline.predict_proba(X).shape == (160, 3)
    assert set(pipeline.predict(X)) <= set(names)
    copy = pickle.loads(pickle.dumps(pipeline))
    assert_allclose(copy.decision_function(X), pipeline.decision_function(X))


@pytest.mark.parametrize("cv", [3, "loo", "held out"])
def test_penalties_by_name(cv):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    by_name = 1.0 * L2({"c": 0, "d": 0}) + 2.0 * L2({"a": 0, "b": 0})
    found = []
    for penalty, rows in ((by_name, frame), (BY_GROUP, X)):
        ranges = {f"penalty__{side}__weight": "log" for side in ("left", "right")}
        model = LinearRegressor("squared_error", penalty=penalty, alpha=0.1)
        splits = (rows[:50], Y[:50]) if cv == "held out" else cv
        tuned = TunedRegressor(model, ranges, cv=splits, max_fits=4)
        found.append(tuned.fit(rows[50:], Y[50:]))
    assert found[0].best_params_ == found[1].best_params_
    left = found[0].best_estimator_.penalty.left.penalty
    assert left.weights == {"c": 0, "d": 0}


# ------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TunedRegressor(Huber(), {"loss__delta": (0, 5)}, metric="squared_error"),
         r"The range \(0, 5\) of tune\['loss__delta'\].*leaves what is allowed"),
        (TunedRegressor(Huber(), {"loss__delta": (3, 1)}, metric="squared_error"),
         "low < high. Got"),
        (TunedRegressor(Huber(), {"loss__nothing": "log"}, metric="squared_error"),
         "is no parameter of LinearRegressor"),
        (TunedRegressor(Huber(), {"penalty": "log"}), "is no number, but 'l2'"),
        (TunedRegressor(Huber(), {}), "must be a dict with a range"),
        (TunedRegressor(LinearRegressor(Huber(), penalty=None)), "penalty=None"),
        (TunedRegressor(Barron(0), {"loss__alpha": "log"}, metric="squared_error"),
         "because it is 0, and factors"),
        (TunedRegressor(Huber(), {"loss__delta": "log"}), "needs a metric, because"),
        (TunedRegressor(Huber(), metric=Huber(scale="mad")),
         "depends on what is tuned, because its scale is measured"),
        (TunedRegressor(Huber(scale="mad")), "because its scale is measured"),
        (TunedClassifier(LearnedLink()), "LearnedLink.. is learned in each fit"),
        (TunedRegressor(LaplaceDistribution()), "kinks, and several raw predictions"),
        (TunedRegressor(Quantiles([0.1, 0.9])), "kinks, and several raw predictions"),
        (TunedRegressor(GaussianDistribution(), metric=StudentTDistribution()),
         "needs all the outputs of a model that was fitted with it"),
        (TunedRegressor(Huber(), {"tol": (1e-9, 1e-3)}), "no parameter of a loss or"),
        (TunedRegressor(Huber(), {"l1_ratio": (0.1, 0.9)}), "no meaning with .*'l2'"),
        (TunedRegressor(Truncated(AbsoluteError())), "has kinks, and is not convex"),
        (TunedRegressor("hinge"), "LinearRegressor"),
        (TunedRegressor(StandardScaler()), "Put transformers before it"),
        (TunedRegressor(LinearRegressor(Huber(), penalty=SLOPE([4, 3, 2, 1]))),
         "A sorted norm"),
        (TunedRegressor(cv="five"), "'loo' or"),
        (TunedRegressor(cv=(X, Y, Y)), "Pass splits as a list"),
        (TunedRegressor(cv=1), "at least 2 folds"),
        (TunedRegressor(cv=500), "as many rows that differ, and there are 160"),
        (TunedRegressor(max_fits=1), "'max_fits' parameter"),
    ],
)  # fmt: skip
def test_bad_input(model, message):
    y = Y if isinstance(model, TunedRegressor) else LABELS
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, y)


def test_a_loss_is_no_judge_of_itself():
    loss = Huber()
    model = TunedRegressor(loss, {"loss__delta": "log"}, metric=loss)
    with pytest.raises(ValueError, match="cannot use this metric"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="has kinks"):
        TunedClassifier(MulticlassHinge()).fit(X, THREE)
    with pytest.raises(AttributeError, match="no coef_ before it is fitted"):
        model.coef_  # noqa: B018


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_units_of_distributions(unit):
    model = TunedRegressor(GaussianDistribution(), max_fits=4, cv=KFold(3))
    known = clone(model).fit(X, Y).predict(X)
    assert_allclose(clone(model).fit(unit * X, Y).predict(unit * X), known, rtol=1e-5)
    found = model.fit(X, unit * Y).predict(X)
    assert_allclose(found / unit, known, rtol=0.05, atol=0.05)


def test_ordered_classes():
    pandas = pytest.importorskip("pandas")
    names = np.array(["low", "middle", "high"])[THREE]
    order = pandas.Series(pandas.Categorical(names, ["low", "middle", "high"], True))
    found = []
    for y in (order, THREE):
        model = TunedClassifier(CumulativeLogit(), max_fits=6, cv=KFold(3))
        found.append(model.fit(X, y))
    named, plain = found
    assert named.best_params_ == plain.best_params_
    assert list(named.classes_) == ["low", "middle", "high"]
    assert_allclose(named.predict_proba(X), plain.predict_proba(X))
    assert not hasattr(named, "decision_function")


# ------------------------------------------------------------------------- blocks
@pytest.mark.parametrize(
    "name",
    [
        "barron",
        "quantile",
        "l1",
        "norm of groups",
        "two classes",
        "joint",
        "scale by features",
        "ordered",
    ],
)
def test_rows_in_blocks_are_those_at_hand(name):
    y, rows = CASES[name][1], TRAIN[WEIGHT[TRAIN] > 0]
    blocks = StoredBlocks.arrays(X[TRAIN], y[TRAIN], WEIGHT[TRAIN], n_rows=30)
    outer = outer_of(name, "rows")
    x, (part,) = np.full(len(outer.ranges), 0.45), outer.parts
    found = []
    for data in ((X[rows], y[rows], WEIGHT[rows]), (blocks, None, None)):
        part.inner = Inner(part.inner.model, outer.ranges, *data, None)
        found.append(outer.measure(x))
    for one, other in zip(*found):
        assert_allclose(one, other, rtol=1e-9)


def test_ranges_of_rows_in_blocks():
    blocks = StoredBlocks.arrays(X, Y, n_rows=50)
    cv = X[TEST], Y[TEST]
    for loss in (PseudoHuber(), GaussianDistribution()):
        there = TunedRegressor(loss, cv=cv, max_fits=4).fit(blocks)
        here = TunedRegressor(loss, cv=cv, max_fits=4).fit(X, Y)
        assert there.best_params_ == pytest.approx(here.best_params_, rel=1e-6)


def test_rows_in_blocks_need_others_to_judge_by():
    with pytest.raises(TypeError, match=r"Pass rows .* cv=\(X_val, y_val\)"):
        TunedRegressor().fit(StoredBlocks.arrays(X, Y, n_rows=50))


def test_rows_of_dask():
    da = pytest.importorskip("dask.array")
    parts = da.from_array(X, chunks=(50, 4)), da.from_array(Y, chunks=50)
    model = TunedRegressor(cv=(X[TEST], Y[TEST]), max_fits=3)
    assert_allclose(model.fit(*parts).alpha_, clone(model).fit(X, Y).alpha_, rtol=1e-6)


def test_fits_that_do_not_arrive_are_said():
    model = TunedRegressor(LinearRegressor(Huber(), max_iter=1), max_fits=3)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, Y)


ESTIMATORS = [TunedRegressor(max_fits=2, cv=2), TunedClassifier(max_fits=2, cv=2)]


@pytest.mark.filterwarnings("ignore")
@each_check(ESTIMATORS)
def test_scikit_learn_check(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)
