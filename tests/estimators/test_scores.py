"""Scores of orders, against loops and scikit-learn."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics import ndcg_score as one_query

import sklearn_losses
from sklearn_losses import (
    average_precision_by_group_score,
    concordance_index_score,
    ndcg_score,
    pairwise_accuracy_score,
    ranking_target,
    reciprocal_rank_score,
    survival_target,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rows(rng, n=120):
    """Relevances, scores with ties, queries and weights."""
    y, score = rng.integers(4, size=n), rng.integers(12, size=n) / 4.0
    return y, score, rng.integers(9, size=n), rng.integers(0, 3, size=n)


@pytest.mark.parametrize("k", [None, 1, 3, 50])
@pytest.mark.parametrize("gain", ["exponential", "linear"])
def test_ndcg_of_each_query(rng, k, gain):
    y, score, q, _ = rows(rng)
    y[q == 3] = 0
    gains = 2.0**y - 1 if gain == "exponential" else y
    each = [one_query([gains[q == g]], [score[q == g]], k=k) for g in range(9)]
    settings = dict(groups=q, k=k, gain=gain)
    seen = np.arange(9) != 3
    expected = np.mean(np.array(each)[seen])
    assert ndcg_score(y, score, **settings) == pytest.approx(expected, rel=1e-13)
    expected = np.mean(np.where(seen, each, 1.0))
    found = ndcg_score(y, score, empty=1, **settings)
    assert found == pytest.approx(expected, rel=1e-13)
    together = np.argsort(q, kind="stable")
    settings_of = dict(groups=q[together], k=k, gain=gain, empty=1)
    again = ndcg_score(y[together], score[together], **settings_of)
    assert again == pytest.approx(found, rel=1e-13)
    structured = ndcg_score(ranking_target(y, q), score, k=k, gain=gain)
    assert structured == ndcg_score(y, score, **settings)


@pytest.mark.parametrize("k", [None, 3])
def test_ndcg_of_the_best_order_is_1_to_the_bit(rng, k):
    y = rng.permutation(rng.normal(size=200) ** 2)
    for q in (np.arange(200) // 20, rng.integers(10, size=200), np.arange(200) // 199):
        assert ndcg_score(y, y, groups=q, k=k, gain="linear", empty=1) == 1.0


def test_ndcg_of_large_gains_and_constant_scores():
    best = ndcg_score([1000, 0, 999], [3.0, 1.0, 2.0])
    assert best == pytest.approx(1.0)
    one, other = ndcg_score([2, 0], [1.0, 1.0]), ndcg_score([0, 2], [1.0, 1.0])
    assert one == other < 1.0


def test_average_precision_of_each_query(rng):
    y, score, q, w = rows(rng)
    y[q == 3] = -1
    y = np.minimum(y, 1)
    here = [(q == g) & (w > 0) for g in range(9) if g != 3]
    each = [average_precision_score(y[h] > 0, score[h]) for h in here]
    expected = np.average(each, weights=[w[h].mean() for h in here])
    settings = dict(groups=q, sample_weight=w)
    found = average_precision_by_group_score(y, score, **settings)
    assert found == pytest.approx(expected, rel=1e-13)
    lost = average_precision_by_group_score(y, score, empty=0, groups=q)
    every = average_precision_by_group_score(y, score, groups=q)
    assert lost == pytest.approx(every * 8 / 9)


def first_relevant(y, score, k):
    """Of all orders of rows, that descend by score, the mean of one over the rank."""
    found = []
    for order in map(list, permutations(range(len(y)))):
        if (np.diff(score[order]) <= 0).all():
            rank = 1 + int(np.argmax(y[order] > 0))
            found.append(1.0 / rank if k is None or rank <= k else 0.0)
    return np.mean(found)


@pytest.mark.parametrize("k", [None, 2])
def test_reciprocal_rank_is_expected_among_ties(rng, k):
    y, score = rng.integers(-1, 2, size=(20, 5)), rng.integers(3, size=(20, 5)) / 3
    y[:19, 4], y[19] = 1, 0  # the last has no relevant row
    each = [first_relevant(*query, k) for query in zip(y[:19], score)]
    q, order = np.repeat(np.arange(20), 5), rng.permutation(100)
    given = y.ravel()[order], score.ravel()[order]
    found = reciprocal_rank_score(*given, groups=q[order], k=k)
    assert found == pytest.approx(np.mean(each), rel=1e-12)
    found = reciprocal_rank_score(*given, groups=q[order], k=k, empty=1)
    assert found == pytest.approx(np.mean([*each, 1.0]), rel=1e-12)


@pytest.mark.parametrize("per", ["query", "pair"])
def test_pairs_in_the_right_order(rng, per):
    y, score, q, w = rows(rng)
    right, total, weights = [], [], []
    for g in range(9):
        here = (q == g) & (w > 0)
        i, j = np.nonzero(here & here[:, None] & (y[:, None] > y))
        pair = w[i] * w[j]
        good = (score[i] > score[j]) + 0.5 * (score[i] == score[j])
        right.append(pair @ good)
        total.append(pair.sum())
        weights.append(w[here].mean())
    right, total = np.array(right), np.array(total)
    expected = np.average(right / total, weights=weights)
    expected = right.sum() / total.sum() if per == "pair" else expected
    found = pairwise_accuracy_score(y, score, groups=q, sample_weight=w, per=per)
    assert found == pytest.approx(expected, rel=1e-13)


def test_two_levels_are_an_area(rng):
    y, score = rng.integers(2, size=50), rng.normal(size=50)
    expected = roc_auc_score(y, score)
    assert pairwise_accuracy_score(y, score) == pytest.approx(expected, rel=1e-14)


def test_concordance(rng):
    _, score, strata, w = rows(rng)
    y = survival_target(rng.random(120) < 0.6, rng.integers(1, 9, size=120))
    right = total = 0.0
    for i in np.flatnonzero(y["event"]):
        later = (y["time"] > y["time"][i]) | ((y["time"] == y["time"][i]) & ~y["event"])
        later &= strata == strata[i]
        pair = w[i] * w * later
        total += pair.sum()
        right += pair @ ((score[i] > score) + 0.5 * (score[i] == score))
    found = concordance_index_score(y, score, strata=strata, sample_weight=w)
    assert found == pytest.approx(right / total, rel=1e-13)


def test_concordance_of_late_rows_and_intervals(rng):
    """Late ones as in R: at each event those are compared that are at risk."""
    _, score, strata, w = rows(rng)
    time = rng.integers(2, 9, size=120)
    entry = np.floor(time * rng.uniform(-0.5, 0.99, size=120)).clip(0, time - 1)
    late = survival_target(rng.random(120) < 0.6, time, entry)
    upper = np.where(rng.random(120) < 0.3, np.inf, time + rng.integers(0, 3, size=120))
    intervals = survival_target(lower=time, upper=upper)
    ends = np.where(late["event"], time, np.inf)
    for y, high, since in ((late, ends, entry), (intervals, upper, entry - 99.0)):
        right = total = 0.0
        for i in np.flatnonzero(np.isfinite(high)):
            later = (time > high[i]) | ((time == high[i]) & (high > time))
            pair = w[i] * w * later * (strata == strata[i]) * (since < high[i])
            total += pair.sum()
            right += pair @ ((score[i] > score) + 0.5 * (score[i] == score))
        found = concordance_index_score(y, score, strata=strata, sample_weight=w)
        assert found == pytest.approx(right / total, rel=1e-12)
    apart = survival_target([1, 1, 1], [1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    with pytest.warns(UserWarning, match="no pair can be compared"):
        assert np.isnan(concordance_index_score(apart, [0, 1, 2], sample_weight=w[:3]))


def test_what_is_not_defined():
    for score in (ndcg_score, average_precision_by_group_score, reciprocal_rank_score):
        with pytest.warns(UserWarning, match="no query has a row of relevance > 0"):
            assert np.isnan(score([0, 0], [1.0, 2.0]))
    with pytest.warns(UserWarning, match="no query has two levels"):
        assert np.isnan(pairwise_accuracy_score([1, 1], [1.0, 2.0]))
    y = survival_target([False, False], [1.0, 2.0])
    with pytest.warns(UserWarning, match="no pair can be compared"):
        assert np.isnan(concordance_index_score(y, [1.0, 2.0]))
    with pytest.warns(UserWarning, match="there is no row"):
        assert np.isnan(ndcg_score([1, 2], [1.0, 2.0], sample_weight=[0, 0]))


def test_bad_input():
    for call, message in (
        (lambda: ndcg_score([1, -1], [1.0, 2.0]), "one is -1.0. Use pairwise_accuracy"),
        (lambda: ndcg_score([1, 2], [1.0, 2.0], k=0), "'k' parameter of ndcg_score"),
        (lambda: ndcg_score([1, 2], [1.0, np.nan]), r"y_score\[1\] is nan"),
        (lambda: reciprocal_rank_score([1, np.nan], [1.0, 2.0]), r"y_true\[1\] is"),
        (lambda: ndcg_score([1, 2], [1.0]), r"y_score must have the shape \(2,\)"),
        (
            lambda: ndcg_score([1, 2], [1.0, 2.0], groups=[1]),
            "groups must have the shape",
        ),
        (lambda: concordance_index_score([1, -2], [1.0, 2.0]), r"time\[1\] is -2"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_scores_of_what_is_no_forecast_say_so():
    for rows in (np.ones((3, 3)), [[-1.0, 2.0, 0.0]] * 3):
        with pytest.raises(ValueError, match=r"rows of probabilities, .*: row 0 is"):
            sklearn_losses.ranked_probability_score([0, 1, 2], rows)
    with pytest.raises(TypeError, match="must have ppf and cdf"):
        sklearn_losses.crps_score([2.0], [3.0])
    with pytest.warns(UserWarning, match="are one class"):
        assert np.isnan(sklearn_losses.quadratic_weighted_kappa_score([1, 1], [1, 1]))
    model = sklearn_losses.LinearRegressor(sklearn_losses.GaussianDistribution())
    model.fit([[0.0], [1.0], [2.0]], [0.0, 3.0, 1.0])
    with pytest.raises(ValueError, match="must be one number"):
        model.predict_interval([[0.0]], [0.5, 0.9])


@pytest.mark.parametrize(
    "score", [average_precision_by_group_score, reciprocal_rank_score]
)
def test_grades_are_taken_as_one_aloud(score):
    y, z = np.array([0, 3, 1, 4]), [4.0, 3.0, 2.0, 1.0]
    with pytest.warns(UserWarning, match=f"{score.__name__} knows .* from 1 to 4"):
        assert score(y, z) == score(y > 0, z)
    assert score(np.minimum(y, 1) * 2, z) == score(y > 0, z)
