"""Losses of groups: against pairs and risk sets in loops, and what must not matter."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_losses import NumpyLoss, check_loss, describe
from sklearn_losses.losses import (
    WARP,
    ApproxNDCG,
    CoxPH,
    InvalidParameterError,
    LambdaRank,
    ListMLE,
    ListNet,
    PairwiseExponential,
    PairwiseHinge,
    PairwiseLogistic,
    PairwiseSquaredHinge,
    PlackettLuce,
    ranking_target,
    survival_target,
)
from tests.cases import GROUP_LOSSES, each

N = 45
PHI = {
    PairwiseLogistic: lambda m: np.logaddexp(0, -m),
    PairwiseHinge: lambda m: np.maximum(0, 1 - m),
    PairwiseSquaredHinge: lambda m: np.maximum(0, 1 - m) ** 2,
    PairwiseExponential: lambda m: np.exp(-m),
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rows(rng, n=N, n_groups=5):
    """Relevances, raw predictions, groups and weights."""
    groups = rng.integers(n_groups, size=n)
    weight = rng.integers(0, 4, size=n) + 0.5 * (rng.random(n) < 0.5)
    return rng.integers(4, size=n).astype(float), rng.normal(size=n), groups, weight


def survival(rng, n=N, n_times=8):
    return survival_target(rng.random(n) < 0.7, rng.integers(1, n_times, size=n))


def targets(loss, y):
    """The same relevances as what a loss takes."""
    if loss.task == "survival":
        return survival_target(y > 0, y)
    return y


@each(GROUP_LOSSES)
def test_contract(loss):
    assert check_loss(loss, random_state=1).passed
    assert "shift invariant" in str(describe(loss))


@pytest.mark.parametrize("cls", PHI)
@pytest.mark.parametrize("per", ["query", "pair"])
@pytest.mark.parametrize("pair_weight", [None, "gain", "difference"])
def test_pairs(rng, cls, per, pair_weight):
    y, r, q, w = rows(rng)
    loss = cls(per=per, pair_weight=pair_weight)
    gain = {None: None, "gain": np.exp2(y), "difference": y}[pair_weight]
    values, masses = np.zeros(5), np.zeros(5)
    for g in range(5):
        i, j = np.nonzero((q == g) & (q == g)[:, None] & (y[:, None] > y) & True)
        pair = w[i] * w[j] * (1.0 if gain is None else gain[i] - gain[j])
        values[g] = pair @ PHI[cls](r[i] - r[j])
        masses[g] = pair.sum()
        if per == "query":
            of_query = w[(q == g) & (w > 0)].mean()
            values[g] *= of_query / masses[g]
            masses[g] = of_query
    np.testing.assert_allclose(loss.value(y, r, q, w), values, rtol=1e-13)
    mean = values.sum() / masses.sum()
    np.testing.assert_allclose(loss.mean(y, r, q, w), mean, rtol=1e-13)


def partial_likelihood(y, r, w, efron):
    """Cox's, by its definition."""
    total = 0.0
    for t in np.unique(y["time"][y["event"] & (w > 0)]):
        at_risk = y["time"] >= t
        now = (y["time"] == t) & y["event"] & (w > 0)
        d, W = now.sum(), w[now].sum()
        S, E = (w * np.exp(r))[at_risk].sum(), (w * np.exp(r))[now].sum()
        share = np.arange(d) / d if efron else np.zeros(d)
        total += W / d * np.log(S - share * E).sum() - (w * r)[now].sum()
    return total


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox(rng, ties):
    _, r, strata, w = rows(rng)
    y = survival(rng)
    expected = [
        partial_likelihood(
            y[strata == s], r[strata == s], w[strata == s], ties[0] == "e"
        )
        for s in range(5)
    ]
    found = CoxPH(ties).value(y, r, strata, w)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def late_likelihood(y, r, w, efron):
    """The same of rows that enter late, with its gradient and its Hessian."""
    value, gradient, hessian = 0.0, np.zeros(len(r)), np.zeros((len(r), len(r)))
    for t in np.unique(y["time"][y["event"]]):
        at_risk, now = (
            (y["time"] >= t) & (y["entry"] < t),
            (y["time"] == t) & y["event"],
        )
        d, W, top = now.sum(), w[now].sum(), r[at_risk].max()
        rho = np.where(at_risk, w * np.exp(np.minimum(r - top, 0.0)), 0.0)
        for step in range(d):
            q = rho * (1 - step / d * efron * now)
            value += W / d * (top + np.log(q.sum()))
            q /= q.sum()
            gradient += W / d * q
            hessian += W / d * (np.diag(q) - np.outer(q, q))
        value -= (w * r)[now].sum()
        gradient -= w * now
    return value, gradient, hessian


@pytest.mark.parametrize("spread", [1.0, 20.0, 300.0])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_rows_that_enter_late(rng, spread, ties):
    for n in (2, 5, 40):
        time = rng.integers(2, 12, size=n).astype(float)
        entry = time - rng.integers(1, 12, size=n)
        y = survival_target(rng.random(n) < 0.7, time, entry)
        r, w = spread * rng.normal(size=n), rng.uniform(0.5, 2.0, size=n)
        expected = late_likelihood(y, r, w, ties == "efron")
        found = CoxPH(ties).value_gradient(y, r, None, w)
        found = (*found, CoxPH(ties).hessian(y, r, None, w))
        for one, other in zip(found, expected):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)
        curvature = CoxPH(ties).curvature(y, r, None, w)
        np.testing.assert_allclose(curvature, np.diag(found[2]), atol=1e-7)
        early = survival_target(y["event"], time, np.full(n, -1.0))
        plain = survival_target(y["event"], time)
        for method in ("value", "gradient", "hessian"):
            one, other = (
                getattr(CoxPH(ties), method)(y, r, None, w) for y in (early, plain)
            )
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_plackett_luce_is_a_product_of_choices(rng):
    r, y = rng.normal(size=6), np.array([3.0, 1.0, 5.0, 0.0, 4.0, 2.0])
    s = r[np.argsort(-y)]
    stages = np.array([np.log(np.exp(s[k:]).sum()) - s[k] for k in range(6)])
    assert PlackettLuce().value(y, r)[0] == pytest.approx(stages.sum(), rel=1e-14)
    found = PlackettLuce(top_k=2).value(y, r)[0]
    assert found == pytest.approx(stages[:2].sum(), rel=1e-14)
    assert ListMLE is PlackettLuce


@pytest.mark.parametrize("k", [None, 2])
def test_lambda_rank(rng, k):
    y, r = np.array([0.0, 2, 1, 0, 3]), rng.normal(size=5)
    limit = 5 if k is None else k
    gain = 2**y - 1
    best = sum(g / np.log2(2 + p) for p, g in enumerate(np.sort(gain)[::-1][:limit]))
    rank = np.argsort(np.argsort(-r)) + 1
    discount = np.where(rank <= limit, 1 / np.log2(1 + rank), 0.0)
    expected = 0.0
    for i, j in zip(*np.nonzero(y[:, None] > y)):
        change = (gain[i] - gain[j]) * abs(discount[i] - discount[j]) / best
        expected += change * np.logaddexp(0, r[j] - r[i])
    loss = LambdaRank(k=k)
    assert loss.value(y, r)[0] == pytest.approx(expected, rel=1e-13)
    assert loss.mean(y, r, None, np.full(5, 3.0)) == pytest.approx(expected, rel=1e-13)
    with pytest.raises(
        ValueError, match=r"gains 2\^y - 1 of 0 <= y <= 1000: y_true\[1"
    ):
        loss.value([1.0, -1.0], [0.0, 0.0])


def metric_of_order(metric, k, gain, y, order):
    """Of rows in an order, as the definitions have it."""
    hits = y[order] > 0
    if metric == "average_precision":
        return np.mean([hits[: i + 1].mean() for i in np.flatnonzero(hits)])
    if metric == "reciprocal_rank":
        first = int(np.argmax(hits)) + 1
        return 1 / first if k is None or first <= k else 0.0
    gains = y if gain == "linear" else 2**y - 1
    discount = 1 / np.log2(np.arange(len(y)) + 2) * (np.arange(len(y)) < (k or len(y)))
    return gains[order] @ discount / (np.sort(gains)[::-1] @ discount)


@pytest.mark.parametrize(
    ("metric", "k", "gain"),
    [
        ("ndcg", None, "linear"),
        ("ndcg", 3, "exponential"),
        ("average_precision", None, "exponential"),
        ("reciprocal_rank", None, "exponential"),
        ("reciprocal_rank", 3, "exponential"),
    ],
)
def test_lambda_rank_weighs_pairs_by_what_their_exchange_changes(rng, metric, k, gain):
    loss = LambdaRank(metric, k=k, gain=gain)
    for _ in range(20):
        y, r = rng.integers(0, 3, size=7).astype(float), rng.normal(size=7)
        y[rng.integers(7)] = 2.0
        grades = y if metric == "ndcg" else y > 0
        order, rank = np.argsort(-r), np.argsort(np.argsort(-r))
        before, expected = metric_of_order(metric, k, gain, y, order), 0.0
        for i, j in zip(*np.nonzero(grades[:, None] > grades)):
            after = order.copy()
            after[rank[i]], after[rank[j]] = j, i
            change = abs(metric_of_order(metric, k, gain, y, after) - before)
            expected += change * np.logaddexp(0, r[j] - r[i])
        assert loss.value(y, r)[0] == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_lambda_rank_of_average_precision_counts_all_ranks():
    with pytest.raises(InvalidParameterError, match=r"counts all ranks. Got k=3: set"):
        LambdaRank("average_precision", k=3).value([1.0, 0.0], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"gains y of y >= 0: y_true\[1\] is -1.0"):
        LambdaRank(gain="linear").value([1.0, -1.0], [0.0, 1.0])
    loss = LambdaRank("reciprocal_rank")
    np.testing.assert_array_equal(  # which is of relevant rows and others
        loss.gradient([3.0, -1.0, 1.0], [0.0, 1.0, 2.0]),
        loss.gradient([1.0, 0.0, 1.0], [0.0, 1.0, 2.0]),
    )


def test_list_net_is_a_cross_entropy(rng):
    r, y = rng.normal(size=5), np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    log_p = r - np.log(np.exp(r).sum())
    found = ListNet("proportional").value(y, r)[0]
    assert found == pytest.approx(-log_p[2], rel=1e-14)
    t = np.exp(y / 0.5) / np.exp(y / 0.5).sum()
    found = ListNet(temperature=0.5).value(y, r)[0]
    assert found == pytest.approx(-t @ log_p, rel=1e-14)


@each([x for x in GROUP_LOSSES if getattr(x, "ties", None) != "efron"])
def test_integer_weights_are_copies(rng, loss):
    if getattr(loss, "per", None) == "query" or isinstance(
        loss, (PlackettLuce, LambdaRank, ApproxNDCG, WARP)
    ):
        pytest.skip("a query counts as the mean of its rows")
    y, r, q, _ = rows(rng)
    w = rng.integers(0, 4, size=N)
    some = np.repeat(np.arange(N), w)
    y = targets(loss, y + (loss.task == "survival"))
    mean = loss.mean(y, r, q, w)
    if isinstance(loss, ListNet):  # but the mean weight of a query
        q, mean = np.zeros(N, int), loss.mean(y, r, None, w)
    assert loss.mean(y[some], r[some], q[some]) == pytest.approx(mean, rel=1e-13)


@each(GROUP_LOSSES)
def test_ids_of_any_kind(rng, loss):
    y, r, q, w = rows(rng)
    y = targets(loss, y + 1.0)
    expected = loss.gradient(y, r, q, w)
    for ids in (np.array(list("abcde"))[q], np.array([7, 1, 3, 5, 9])[q] * 1.5):
        np.testing.assert_allclose(loss.gradient(y, r, ids, w), expected, rtol=1e-14)
    mixed = np.array([1, "b", 2.5, "x", (1, 2)], dtype=object)[q]
    np.testing.assert_allclose(loss.gradient(y, r, mixed, w), expected, rtol=1e-14)
    if loss.task == "ranking":
        structured = ranking_target(y, np.array(list("abcde"))[q])
        found = loss.gradient(structured, r, sample_weight=w)
        np.testing.assert_allclose(found, expected, rtol=1e-14)


@each(GROUP_LOSSES)
def test_a_wide_spread(rng, loss):
    y, r, q, w = rows(rng)
    y = targets(loss, y + 1.0)
    for factor in (1e4, -1e4):
        value, gradient = loss.value_gradient(y, factor * r, q, w)
        if isinstance(loss, PairwiseExponential):
            assert np.isinf(value).any()
            continue
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()
        assert np.isfinite(loss.curvature(y, factor * r, q, w)).all()
        products = loss.hessian_product(y, factor * r, r, q, w)
        assert np.isfinite(products).all()


@each(GROUP_LOSSES)
def test_groups_that_say_nothing(loss):
    y = targets(loss, np.array([1.0, 1.0, 2.0, 1.0]))
    if loss.task == "survival":
        y["event"] = [False, False, True, False]
    groups, r = [0, 0, 1, 2], np.array([3.0, 1.0, 2.0, 5.0])
    np.testing.assert_array_equal(loss.value(y, r, groups), np.zeros(3))
    np.testing.assert_array_equal(loss.gradient(y, r, groups), np.zeros(4))
    if loss.task == "ranking":
        assert np.isnan(loss.mean(y, r, groups))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_minimum_is_approached(ties):
    y = survival_target([1, 1, 1, 0, 1, 0], [1, 2, 2, 2, 3, 3])
    loss, r = CoxPH(ties), np.array([100.0, 50, 50, 0, -50, -100])
    w = np.array([1.0, 2, 2, 1, 3, 1])
    least = loss.minimum(y, sample_weight=w)
    np.testing.assert_allclose(loss.value(y, r, None, w), least, rtol=1e-12)


def test_a_loss_of_groups_has_no_algebra():
    for make in (
        lambda: 2 * PairwiseLogistic(),
        lambda: PairwiseLogistic() + ListNet(),
    ):
        with pytest.raises(
            TypeError, match="PairwiseLogistic is a loss of groups, and"
        ):
            make()


@pytest.mark.parametrize(
    ("loss", "y", "kwargs", "message"),
    [
        (ListNet(), [1.0, 0.0], {"groups": [1]}, r"groups must have the shape \(2,\)"),
        (ListNet(), [1.0, 0], {"groups": [1, np.nan]}, r"groups\[1\] is nan"),
        (ListNet(), [1.0, 0], {"groups": ["a", None]}, r"groups\[1\] is None"),
        (ListNet(), ["x", "y"], {}, "relevance of a row must be a number"),
        (ListNet(), [1.0, np.nan], {}, r"y_true\[1\] is nan"),
        (ListNet("proportional"), [1.0, -1], {}, r"relevances >= 0: y_true\[1\] is -1"),
        (PairwiseLogistic(pair_weight="gain"), [1.0, 2e3], {}, r"y_true\[1\] is 2000"),
        (CoxPH(), [[1.0, 1], [2, 0]], {}, r"must be survival_target\(event, time\)"),
        (CoxPH(), [1.0, -2.0], {}, r"time\[1\] is -2.0"),
        (CoxPH(), [1.0, 2.0], {"sample_weight": [-1, 1]}, "finite and >= 0"),
    ],
)
def test_bad_input(loss, y, kwargs, message):
    with pytest.raises(ValueError, match=message):
        loss.value(y, [0.0, 0.0], **kwargs)


def test_bad_parameters():
    for loss in (CoxPH("exact"), PlackettLuce(top_k=0), ListNet(temperature=0)):
        with pytest.raises(InvalidParameterError, match="parameter of"):
            loss.value([1.0, 2.0], [0.0, 0.0])


def test_targets():
    y = survival_target([True, False], [2, 3], entry=[0, 1])
    assert y.dtype.names == ("event", "time", "entry")
    surv = np.array([(True, 2.0), (False, 3.0)], dtype=[("dead", "?"), ("t", "<f8")])
    raw = [0.5, -1.0]
    np.testing.assert_array_equal(
        CoxPH().value(surv, raw), CoxPH().value(survival_target([1, 0], [2, 3]), raw)
    )
    for arguments, message in (
        (([2, 3], [1, 0]), r"event\[0\] is 2. The order is survival_target\(event"),
        (([1, 0], [2, np.nan]), r"time\[1\] is nan"),
        (([1, 0], [2, 3], [2, 1]), r"entry\[0\] is 2.0, and time\[0\] is 2.0"),
        (([1, 0], [2, 3, 4]), "event of shape"),
        (([2, 0.5], [1, 3]), r"codes 0 .none., 1, 2, ... of causes: event\[1\] is 0.5"),
        (
            ([2, np.nan], [1, 3]),
            r"codes 0 .none., 1, 2, ... of causes: event\[1\] is n",
        ),
        (([1, 0],), "needs event and time, perhaps with entry, or lower and upper"),
    ):
        with pytest.raises(ValueError, match=message):
            survival_target(*arguments)
    for ends, message in (
        (([1, 3], [1, 2]), r"lower\[1\] is 3, and upper\[1\] is 2"),
        (([np.nan, 3], [1, 3]), r"lower\[0\] is nan"),
        (([0, 3], [np.nan, 3]), r"upper\[0\] is nan"),
        (([0, np.inf], [1, np.inf]), r"lower\[1\] is inf"),
        (([-1.0], [1.0]), r"lower\[0\] is -1"),
    ):
        with pytest.raises(ValueError, match=message):
            survival_target(lower=ends[0], upper=ends[1])
    y = survival_target(lower=[-np.inf, 2.0], upper=[1.0, np.inf])
    assert y["lower"].tolist() == [0.0, 2.0]
    assert survival_target([2, 0], [3.0, 0.0])["cause"].tolist() == [2, 0]
    with pytest.raises(ValueError, match="which of several causes an event had"):
        CoxPH().value(survival_target([2, 0], [3.0, 4.0]), raw)


# ------------------------------------------------------------- of the user's own
def squares(y_true, raw_prediction, sample_weight, factor):
    """The weighted variance of what is left of the scores, times a factor."""
    r = raw_prediction - y_true
    mean = np.average(r, weights=sample_weight)
    return 0.5 * factor * sample_weight @ (r - mean) ** 2


def squares_gradient(y_true, raw_prediction, sample_weight, factor):
    r = raw_prediction - y_true
    return factor * sample_weight * (r - np.average(r, weights=sample_weight))


def squares_hessian(y_true, raw_prediction, sample_weight, factor):
    w = sample_weight
    return factor * (np.diag(w) - np.outer(w, w) / w.sum())


def test_functions_of_numpy():
    parts = squares, squares_gradient
    settings = dict(granularity="group", convex=True, factor=2.0)
    loss = NumpyLoss(*parts, **settings)
    assert check_loss(loss, random_state=0).passed
    exact = NumpyLoss(*parts, squares_hessian, **settings)
    assert check_loss(exact, random_state=0).passed
    y, r, q, w = rows(np.random.default_rng(3))
    np.testing.assert_allclose(
        loss.hessian(y, r, q, w), exact.hessian(y, r, q, w), atol=1e-8
    )
    for copy in (clone(loss), pickle.loads(pickle.dumps(loss))):
        assert copy.get_params() == loss.get_params()
        np.testing.assert_array_equal(copy.value(y, r, q, w), loss.value(y, r, q, w))
    found = loss.set_params(factor=4.0).value(y, r, q, w)
    np.testing.assert_allclose(found, 2 * exact.value(y, r, q, w))


def test_check_loss_finds_what_is_wrong():
    def order_matters(y_true, raw_prediction, sample_weight):
        return np.logaddexp(0, -np.diff(raw_prediction)).sum()

    def its_gradient(y_true, raw_prediction, sample_weight):
        slope = -1 / (1 + np.exp(np.diff(raw_prediction)))
        return np.append(0, slope) - np.append(slope, 0)

    loss = NumpyLoss(order_matters, its_gradient, granularity="group", convex=True)
    report = check_loss(loss, on_fail=None, random_state=0)
    assert {failure.name for failure in report.failures} == {"permutation", "ties"}
    bad = NumpyLoss(order_matters, squares_gradient, granularity="group", factor=1.0)
    assert not check_loss(bad, on_fail=None).passed


def test_functions_that_return_something_else():
    def nothing(y_true, raw_prediction, sample_weight):
        return raw_prediction

    loss = NumpyLoss(nothing, nothing, granularity="group")
    with pytest.raises(
        ValueError, match=r"value function of NumpyLoss must return the"
    ):
        loss.value([1.0, 0.0], [1.0, 2.0])
    with pytest.raises(InvalidParameterError, match="must be 'group', or left out"):
        NumpyLoss(nothing, nothing, granularity="row")


# --------------------------------------------------------------------- large groups
def explicit(loss, y, r, w):
    """Value, gradient and Hessian of a loss of pairs in one group, by all pairs."""
    i, j = np.nonzero(y[:, None] > y)
    gain = {None: None, "gain": np.exp2(y), "difference": y}[loss.pair_weight]
    pair = w[i] * w[j] * (1.0 if gain is None else gain[i] - gain[j])
    short = 1.0 - (r[i] - r[j])
    if isinstance(loss, PairwiseSquaredHinge):
        parts = np.maximum(short, 0) ** 2, -2 * np.maximum(short, 0), 2.0 * (short > 0)
    elif isinstance(loss, PairwiseLogistic):
        s = 1 / (1 + np.exp(r[i] - r[j]))
        parts = np.logaddexp(0, r[j] - r[i]), -s, s * (1 - s)
    elif loss._width == 0:
        parts = np.maximum(short, 0), -1.0 * (short > 0), 0 * short
    else:
        h = loss._width
        inside = (short + h).clip(0, 2 * h)
        beyond = np.maximum(short - h, 0)
        parts = (
            inside**2 / (4 * h) + beyond,
            -inside / (2 * h),
            (np.abs(short) < h) / (2 * h),
        )
    value, slope, bend = (pair * part for part in parts)
    n = len(y)
    gradient = np.bincount(i, slope, n) - np.bincount(j, slope, n)
    hessian = np.zeros((n, n))
    for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
        np.add.at(hessian, (a, b), sign * bend)
    return value.sum(), gradient, hessian


@pytest.mark.parametrize("pair_weight", [None, "gain", "difference"])
@pytest.mark.parametrize("n_levels", [2, 5, 1000])
@pytest.mark.parametrize("spread", [0.1, 3.0, 100.0])
def test_large_groups(rng, n_levels, spread, pair_weight):
    n = 150
    y = rng.integers(n_levels, size=n) * (4.0 / n_levels)
    r, w = spread * rng.normal(size=n) + 1e3, rng.uniform(0.5, 2.0, size=n)
    for loss in (
        PairwiseSquaredHinge("pair", pair_weight),
        PairwiseHinge("pair", pair_weight),
        PairwiseHinge("pair", pair_weight).softened(0.3),
        PairwiseLogistic("pair", pair_weight),
    ):
        value, gradient, hessian = explicit(loss, y, r, w)
        found = loss.value_gradient(y, r, None, w)
        assert found[0][0] == pytest.approx(value, rel=1e-11)
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(found[1], gradient, rtol=1e-9, atol=1e-10 * scale)
        scale = np.abs(hessian).max() or 1.0
        found = loss.hessian(y, r, None, w)
        np.testing.assert_allclose(found, hessian, atol=1e-10 * scale)
        curvature = loss.curvature(y, r, None, w)
        np.testing.assert_allclose(curvature, np.diag(hessian), atol=1e-10 * scale)


@pytest.mark.parametrize("pair_weight", [None, "gain"])
@pytest.mark.parametrize("spread", [0.3, 5.0, 30.0])
def test_polynomials_of_scores(rng, spread, pair_weight):
    """Of so many rows the logistic loss of most pairs is that of blocks."""
    n, loss = 1200, PairwiseLogistic("pair", pair_weight)
    y, v = rng.integers(3, size=n).astype(float), rng.normal(size=(n, 2))
    r, w = spread * rng.normal(size=n) + 100.0, rng.uniform(0.5, 2.0, size=n)
    value, gradient, hessian = explicit(loss, y, r, w)
    found = loss.value_gradient(y, r, None, w)
    assert found[0][0] == pytest.approx(value, rel=1e-13)
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(found[1], gradient, atol=1e-13 * scale)
    product = loss.hessian_product(y, r, v, None, w)
    scale = np.abs(hessian).max() * np.sqrt(n)
    np.testing.assert_allclose(product, hessian @ v, atol=1e-13 * scale)
    curvature = loss.curvature(y, r, None, w)
    np.testing.assert_allclose(curvature, np.diag(hessian), atol=1e-13 * scale)
