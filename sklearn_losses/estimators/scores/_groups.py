"""Scores of rankings and of survival models: how well an order is right.

Each is a function of targets and scores, whose groups may be a part of the targets.
What is undefined, as where there is no pair, is nan, and a warning says so.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import gammaln
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_losses._machine._params import (
    NONE,
    Exactly,
    Interval,
    Options,
    check_parameter,
)
from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.estimators._validation import check_weights, warn_caller
from sklearn_losses.estimators.scores._concordance import count_pairs
from sklearn_losses.losses._ranking import GAIN
from sklearn_losses.losses._targets import (
    group_codes,
    split_ranking,
    survival_ends,
)
from sklearn_losses.problem._posed import data_of

EMPTY = [Options("skip"), Exactly(0), Exactly(1)]
PER = [Options("query", "pair")]
ROUNDING = 1e-13  # of all pairs, is what may be left of those that are no pair
PADDED = 2  # times as many numbers as rows, in a table of queries
NO_GAIN = "no query has a row of relevance > 0"
NO_PAIR = "no pair can be compared"
TOP = [Interval(1, None, "left", integer=True), NONE]


def _undefined(name, why, stacklevel=3):
    warnings.warn(
        f"{name} is not defined here, because {why}. It is nan.",
        UndefinedMetricWarning,
        stacklevel=stacklevel,
    )
    return float("nan")


def _scores(y_score, n):
    score = np.asarray(y_score, dtype=np.float64)
    if score.shape != (n,):
        raise ValueError(
            f"y_score must have the shape ({n},), as y_true. Got {score.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(score))
    if len(bad):
        raise ValueError(
            f"y_score must be finite: y_score[{bad[0]}] is {score[bad[0]]}."
        )
    return score


def _seen(weight, *arrays):
    """Without the rows of weight 0, and with a weight of 1 where there is none."""
    if weight is None:
        return np.ones(len(arrays[0])), *arrays
    here = weight > 0
    return weight[here], *(array[here] for array in arrays)


def warn_of_one_query(y, groups, what, of=""):
    """Say that rows without queries are one query, which is seldom meant.

    `of` ends the names of parameters, where it is not y and groups.
    """
    if groups is None and getattr(getattr(y, "dtype", None), "names", None) is None:
        warn_caller(
            f"All rows are {what} as one query: pass groups{of}= or "
            f"y{of}=ranking_target(relevance, groups). (Without metadata routing, "
            "scikit-learn's searches pass groups to the splitter alone.)"
        )


def warn_of_pooled_strata(model, strata):
    """Say that rows of different strata are compared, which the fit did not."""
    if strata is None and getattr(model, "_strata", None) is not None:
        warn_caller(
            f"{type(model).__name__} was fitted with strata, and is scored without: "
            "rows of different strata are compared, of which the model says nothing. "
            "Pass strata= of these rows. (Without metadata routing, scikit-learn's "
            "searches pass them to nobody who scores.)"
        )


def _ranking(y_true, y_score, groups, sample_weight):
    """Weights, relevances, scores and codes of groups, of rows that count."""
    relevance, codes = split_ranking(y_true, groups)
    if relevance.ndim != 1:
        raise ValueError(f"y_true must have the shape (n,). Got {relevance.shape}.")
    bad = np.flatnonzero(np.isnan(relevance))
    if len(bad):
        raise ValueError(f"y_true must have no nan: the relevance y_true[{bad[0]}] is.")
    n = len(relevance)
    codes = group_codes(None, n) if codes is None else codes
    weight = check_weights(sample_weight, n)
    found = _seen(weight, relevance, _scores(y_score, n), codes)
    if len(found[3]) < n:
        codes = group_codes(found[3], len(found[3]))
    return *found[:3], codes


def ndcg_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    k: int | None = None,
    gain: str = "exponential",
    empty: str = "skip",
) -> float:
    """Normalised discounted cumulative gain, the mean over queries.

    The gain of a row over log2(1 + its rank), summed over the first k ranks of each
    query, and divided by what the best order has. Rows of equal score share their
    ranks.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), or as from `ranking_target`
        Relevances >= 0.
    y_score : array-like of shape (n_samples,)
        The larger, the better.
    groups : array-like of shape (n_samples,), default=None
        Which query each row belongs to. None: that of y_true, or a single one.
    sample_weight : array-like of shape (n_samples,), default=None
        A query counts as much as the mean of its rows' weights.
    k : int, default=None
        How many ranks count; None: all.
    gain : {"exponential", "linear"}, default="exponential"
        2^y - 1, or y.
    empty : {"skip", 0, 1}, default="skip"
        What a query without any gain scores; "skip": it does not count.

    Returns
    -------
    float
        From 0 to 1; nan, with a warning, if no query counts.

    References
    ----------
    Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques";
    McSherry and Najork 2008, for ties.

    Examples
    --------
    >>> from sklearn_losses import ndcg_score
    >>> round(ndcg_score([2, 0, 1], [0.1, 0.2, 0.3], groups=[0, 0, 0]), 3)
    0.689
    """
    for name, value, allowed in (
        ("k", k, TOP),
        ("gain", gain, GAIN),
        ("empty", empty, EMPTY),
    ):
        check_parameter("ndcg_score", name, value, allowed)
    weight, y, score, codes = _ranking(y_true, y_score, groups, sample_weight)
    if len(y) == 0:
        return _undefined("NDCG", "there is no row")
    share, is_defined = _shares_of_gain(y, score, codes, k, gain)
    return _mean_of_queries("NDCG", NO_GAIN, share, is_defined, weight, codes, empty)


def ndcg_sums(y_true, y_score, groups, sample_weight):
    """What queries score times their weight, and that: sums, of whole queries."""
    weight, y, score, codes = _ranking(y_true, y_score, groups, sample_weight)
    if len(y) == 0:
        return 0.0, 0.0
    share, is_defined = _shares_of_gain(y, score, codes, None, "exponential")
    query = np.where(is_defined, np.bincount(codes, weight) / np.bincount(codes), 0.0)
    return float(query @ share), float(query.sum())


def _shares_of_gain(y, score, codes, k, gain):
    """The NDCG of each query, and whether it has any gain."""
    bad = np.flatnonzero(~((y >= 0) & np.isfinite(y)))
    if len(bad):
        raise ValueError(
            "NDCG needs relevances that are finite and >= 0, as gains are: one is "
            f"{y[bad[0]]}. Use pairwise_accuracy_score."
        )
    gains = y
    if gain == "exponential":
        # Relative to the largest of the query: only ratios count, and none overflows.
        top = np.zeros(codes.max() + 1)
        np.maximum.at(top, codes, y)
        gains = np.exp2(y - top[codes]) - np.exp2(-top[codes])
    best = _best_dcg(gains, codes, k)
    return _dcg(gains, score, codes, k) / np.where(best > 0, best, 1.0), best > 0


def _mean_of_queries(name, why, share, is_defined, weight, codes, empty):
    """The mean of what queries score, each of which has the mean weight of its rows."""
    query = np.bincount(codes, weight) / np.bincount(codes)
    if empty == "skip":
        query = np.where(is_defined, query, 0.0)
    else:
        share = np.where(is_defined, share, float(empty))
    if not query.any():
        return _undefined(name, why, 4)
    return float(np.average(share, weights=query))


def _in_order(score, codes):
    """Rows by query and score: their order, their ranks from 0, and ids of ties."""
    counts = np.bincount(codes)
    if _fits_in_table(counts) and (codes[1:] >= codes[:-1]).all():
        order = _order_within(score, counts)
    else:
        order = np.argsort(-score)
        order = order[_by_query(codes[order], len(counts))]
    score, codes, index = score[order], codes[order], np.arange(len(order))
    changes = np.append(True, codes[1:] != codes[:-1])
    rank = index - np.maximum.accumulate(np.where(changes, index, 0))
    tie = np.cumsum(changes | np.append(True, score[1:] != score[:-1])) - 1
    return order, rank, tie


def _fits_in_table(counts):
    """Whether a table of a row for each query is not much larger than the queries."""
    return counts.max() * len(counts) <= PADDED * counts.sum()


def _by_query(codes, n_queries):
    """The order of rows by query; numbers of 16 bits are sorted by radix."""
    short = codes.astype(np.uint16 if n_queries <= 1 << 16 else np.intp)
    return np.argsort(short, kind="stable")


def _order_within(score, counts):
    """The same of queries one after the other: a row of a table each, sorted alone."""
    here = np.arange(counts.max()) < counts[:, None]
    table = np.full(here.shape, np.inf)
    table[here] = -score
    order = np.argsort(table, axis=1, kind="stable")  # what fills a row stays behind
    order += (np.cumsum(counts) - counts)[:, None]
    return order[here]


def _discount(n, k):
    """Of n ranks, of which the first k count."""
    found = 1.0 / np.log2(np.arange(n) + 2.0)
    if k is not None:
        found[k:] = 0.0
    return found


def _best_dcg(gains, codes, k):
    """That of each query in the order of its gains, none of which is negative."""
    counts = np.bincount(codes)
    if not _fits_in_table(counts):
        return _dcg(gains, gains, codes, k)
    if not (codes[1:] >= codes[:-1]).all():
        gains = gains[_by_query(codes, len(counts))]
    most = counts.max()
    table = np.zeros((len(counts), most))
    table[np.arange(most) < counts[:, None]] = gains
    table.sort(axis=1)
    n = most if k is None else min(k, most)
    each = table[:, ::-1][:, :n] * _discount(n, k)
    return each.cumsum(axis=1)[:, -1]  # rounded as a sum in the order of ranks is


def _dcg(gains, score, codes, k):
    """That of each query in the order of a score, whose ties share their ranks."""
    order, rank, tie = _in_order(score, codes)
    discount = _discount(rank.max() + 1, k)
    here = gains[order]
    if tie[-1] < len(tie) - 1:
        here = (np.bincount(tie, here) / np.bincount(tie))[tie]
    return np.bincount(codes[order], here * discount[rank])


def relevant_rows(y, name, graded="ndcg_score"):
    """Which rows are relevant; warn if that takes different grades as one."""
    relevant = y > 0
    grades = y[relevant]
    if len(grades) and grades.min() < grades.max():
        warn_caller(
            f"{name} knows relevant rows (> 0) and others, and y_true has grades from "
            f"{grades.min():g} to {grades.max():g}, which are taken as one. Say from "
            f"which on rows are relevant, as y_true >= {grades.max():g}, or use "
            f"{graded}."
        )
    return relevant


def average_precision_by_group_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    empty: str | int = "skip",
) -> float:
    """The average precision of each query, the mean over queries (MAP).

    That of a query is the mean, over its relevant rows, of the share of relevant rows
    among those with at least their score; it is scikit-learn's
    ``average_precision_score`` of the rows of the query.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), or as from `ranking_target`
        Relevances; rows with one > 0 are relevant, and a UserWarning says so if these
        have several grades.
    y_score, groups, sample_weight
        As in `ndcg_score`.
    empty : {"skip", 0, 1}, default="skip"
        What a query without a relevant row scores; "skip": it does not count.

    Returns
    -------
    float
        From 0 to 1; nan, with a warning, if no query counts.

    Examples
    --------
    >>> from sklearn_losses import average_precision_by_group_score
    >>> average_precision_by_group_score([1, 0, 1, 0], [4, 3, 2, 1], groups=[0] * 4)
    0.8333333333333333
    """
    check_parameter("average_precision_by_group_score", "empty", empty, EMPTY)
    weight, y, score, codes = _ranking(y_true, y_score, groups, sample_weight)
    if len(y) == 0:
        return _undefined("The average precision", "there is no row")
    relevant = relevant_rows(y, "average_precision_by_group_score")
    order, rank, tie = _in_order(score, codes)
    relevant, codes, weight = relevant[order], codes[order], weight[order]
    counts = np.bincount(codes, relevant)
    last = np.searchsorted(tie, tie, side="right") - 1
    # Of the query alone: without what is relevant in those before.
    found = np.cumsum(relevant)[last] - (np.cumsum(counts) - counts)[codes]
    total = np.bincount(codes, relevant * found / (rank[last] + 1.0))
    share, why = total / np.maximum(counts, 1), "no query has a row of relevance > 0"
    return _mean_of_queries(
        *("The average precision", why, share, counts > 0, weight, codes, empty)
    )


def reciprocal_rank_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    k: int | None = None,
    empty: str | int = "skip",
) -> float:
    """One over the rank of the first relevant row of a query, the mean over queries.

    Rows of equal score are in any order with the same probability, and it is the
    expected one.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), or as from `ranking_target`
        Relevances; rows with one > 0 are relevant, and a UserWarning says so if these
        have several grades.
    y_score, groups, sample_weight
        As in `ndcg_score`.
    k : int, default=None
        How many ranks count: 0 is what a query scores whose first relevant row is after
        them. None: all.
    empty : {"skip", 0, 1}, default="skip"
        What a query without a relevant row scores; "skip": it does not count.

    Returns
    -------
    float
        From 0 to 1; nan, with a warning, if no query counts.

    References
    ----------
    McSherry and Najork 2008, "Computing information retrieval performance measures
    efficiently in the presence of tied scores".

    Examples
    --------
    >>> from sklearn_losses import reciprocal_rank_score
    >>> reciprocal_rank_score([0, 1, 0, 1], [4, 3, 2, 1], groups=[0] * 4)
    0.5
    """
    for name, value, allowed in (("k", k, TOP), ("empty", empty, EMPTY)):
        check_parameter("reciprocal_rank_score", name, value, allowed)
    weight, y, score, codes = _ranking(y_true, y_score, groups, sample_weight)
    if len(y) == 0:
        return _undefined("The reciprocal rank", "there is no row")
    relevant = relevant_rows(y, "reciprocal_rank_score")
    order, rank, tie = _in_order(score, codes)
    relevant, codes, weight = relevant[order], codes[order], weight[order]
    counts = np.bincount(codes, relevant)
    # The tie in which the first relevant row of a query is decides.
    first = np.full(len(counts), len(y))
    np.minimum.at(first, codes, np.where(relevant, tie, len(y)))
    decides = tie == first[codes]
    size = np.bincount(tie)[tie][decides]
    among = np.bincount(tie, relevant)[tie][decides]
    before = (np.arange(len(y)) - np.searchsorted(tie, tie))[decides]
    gain = _first_at(before, size, among) / (rank[decides] + 1.0)
    if k is not None:
        gain[rank[decides] >= k] = 0.0
    share = np.bincount(codes[decides], gain, len(counts))
    why = "no query has a row of relevance > 0"
    return _mean_of_queries(
        *("The reciprocal rank", why, share, counts > 0, weight, codes, empty)
    )


def _first_at(before, size, among):
    """The probability that so many of `size` rows are before the first of `among`."""
    left = size - before
    none_before = (
        (gammaln(left + 1.0) - gammaln(np.maximum(left - among, 0.0) + 1.0))
        - gammaln(size + 1.0)
        + gammaln(size - among + 1.0)
    )
    return np.where(left >= among, np.exp(none_before) * among / left, 0.0)


def _dense_ranks(score, codes):
    """The ranks of scores within their groups, of which ties have the same."""
    order = np.lexsort((score, codes))
    s, c = score[order], codes[order]
    new_group = np.append(True, c[1:] != c[:-1])
    is_new = new_group | np.append(True, s[1:] != s[:-1])
    rank = np.cumsum(is_new) - 1
    first = np.maximum.accumulate(np.where(new_group, rank, 0))
    found = np.empty(len(score), dtype=np.intp)
    found[order] = rank - first
    return found


def _pairs(weight, codes, score, keys, asks):
    """What `count_pairs` finds, of each group; rows are sorted by the last of keys.

    A pair weighs the product of what its later row has in `asks`, and the other one in
    `weight`.
    """
    order = np.lexsort((*keys, codes))
    changes = np.append(True, codes[order][1:] != codes[order][:-1])
    is_new = changes.copy()
    for key in keys:
        is_new[1:] |= key[order][1:] != key[order][:-1]
    return count_pairs(
        np.append(np.flatnonzero(changes), len(order)).astype(np.intp),
        np.cumsum(is_new).astype(np.intp),
        _dense_ranks(score, codes)[order],
        np.ascontiguousarray(asks[order]),
        np.ascontiguousarray(weight[order]),
    )


def pairwise_accuracy_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    per: str = "query",
) -> float:
    """The share of the pairs of a query that scores put in the right order.

    Rows of the same relevance are no pair; equal scores count a half. With two levels
    it is the area under the ROC curve within a query (GAUC).

    Parameters
    ----------
    y_true, y_score, groups
        As in `ndcg_score`; relevances may be any numbers.
    sample_weight : array-like of shape (n_samples,), default=None
        A pair weighs the product of those of its rows.
    per : {"query", "pair"}, default="query"
        Whether it is the mean over queries with pairs, or over all pairs.

    Returns
    -------
    float
        nan, with a warning, if there is no pair.

    Examples
    --------
    >>> from sklearn_losses import pairwise_accuracy_score
    >>> pairwise_accuracy_score([2, 0, 1], [0.1, 0.2, 0.3])
    0.3333333333333333
    """
    check_parameter("pairwise_accuracy_score", "per", per, PER)
    weight, y, score, codes = _ranking(y_true, y_score, groups, sample_weight)
    if len(y) == 0:
        return _undefined("The accuracy of pairs", "there is no row")
    right, tied, total = _pairs(weight, codes, score, [y], weight)
    right = right + 0.5 * tied
    if not total.any():
        return _undefined("The accuracy of pairs", "no query has two levels")
    if per == "pair":
        return float(right.sum() / total.sum())
    has_pairs = total > 0
    query = (np.bincount(codes, weight) / np.bincount(codes))[has_pairs]
    return float(np.average(right[has_pairs] / total[has_pairs], weights=query))


def concordance_index_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Harrell's c: the share of comparable pairs in which more risk ends sooner.

    Two rows can be compared if the one with the shorter time has an event then, when
    the other one is at risk. At equal times an event is before who is censored, and two
    events are no pair; who enters at the time of an event is not at risk then. Of
    intervals one is before another if it ends before the other begins. Equal scores
    count a half.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        As from `survival_target` or scikit-survival's Surv; or times of events.
    y_score : array-like of shape (n_samples,)
        The larger, the greater the risk.
    strata : array-like of shape (n_samples,), default=None
        Only rows of the same stratum are compared.
    sample_weight : array-like of shape (n_samples,), default=None
        A pair weighs the product of those of its rows.

    Returns
    -------
    float
        nan, with a warning, if no pair is comparable.

    References
    ----------
    Harrell, Califf, Pryor, Lee and Rosati 1982, "Evaluating the yield of medical
    tests".

    Examples
    --------
    >>> from sklearn_losses import concordance_index_score, survival_target
    >>> y = survival_target(event=[1, 0, 1], time=[1.0, 2.0, 3.0])
    >>> concordance_index_score(y, [0.9, 0.1, 0.5])
    1.0
    """
    right, total = concordance_sums(y_true, y_score, strata, sample_weight)
    if not total > 0:
        return _undefined("The concordance index", NO_PAIR)
    return right / total


def concordance_sums(y_true, y_score, strata, sample_weight):
    """Pairs that are in order, and all that can be compared, of whole strata."""
    ends, entry = survival_ends(y_true)
    n = len(ends)
    weight = check_weights(sample_weight, n)
    codes = group_codes(strata, n, "strata")
    parts = ends, entry, _scores(y_score, n), codes
    weight, ends, entry, score, codes = _seen(weight, *parts)
    if len(ends) == 0:
        return 0.0, 0.0
    right, tied, total, least = _pairs_in_time(
        weight, group_codes(codes, len(codes)), score, ends, entry
    )
    if not (total > least).any():
        return 0.0, 0.0
    return float(right.sum() + 0.5 * tied.sum()), float(total.sum())


def ratio_of_blocks(blocks, sums, predict, name, why):
    """A score of whole groups in blocks, from the sums of each block.

    Parameters
    ----------
    blocks : RowBlocks
    sums : callable
        (y, score, groups, weight) -> two numbers, whose sums have the score as ratio.
    predict : callable
        (X, offset) -> what is compared with y.
    name, why : str
        Of the score, and why it may be nan.
    """
    right, total = blocks.sum(_SumsOfGroups(sums, predict))
    return right / total if total > 0 else _undefined(name, why)


class _SumsOfGroups:
    """A task: the sums of a block that holds whole groups."""

    __name__ = "score"

    def __init__(self, sums, predict):
        self.sums, self.predict = sums, predict

    def __call__(self, block):
        X, y, weight, offset, groups = data_of(block)
        if len(y) == 0:
            return 0.0, 0.0
        if groups is None and "group" not in (y.dtype.names or ()):
            raise ValueError(
                "Scores of groups in blocks need the group of each row, whole groups "
                "in each block: pass groups= (rankings) or strata= (survival), or use "
                "loss_scorer(loss), of a loss of rows."
            )
        X = block[0] if hasattr(block[0], "iloc") else X
        offset = None if offset is None else offset[:, 0]
        return self.sums(y, self.predict(X, offset), groups, weight)


def _pairs_in_time(weight, codes, score, ends, entry):
    """What `count_pairs` finds of rows at risk, and what rounding leaves of no pair.

    Time runs backwards, and rows come where they begin to be later than what asks: at
    their lower ends. They leave, as rows of weight -1 that come, at their entries. What
    asks is where intervals end.
    """
    low, high = ends.T
    is_exact = low == high
    time, asks, comes, last = low, weight * is_exact, weight, is_exact
    of_row, least = np.arange(len(low)), 0.0
    others = np.flatnonzero(~is_exact & np.isfinite(high))
    late = np.flatnonzero(entry > -np.inf)
    if len(others) or len(late):
        of_row = np.concatenate([of_row, others, late])
        time = np.concatenate([low, high[others], entry[late]])
        asks = np.concatenate([asks, weight[others], np.zeros(len(late))])
        comes = np.concatenate([weight, np.zeros(len(others)), -weight[late]])
        is_end = np.repeat([True, False], [len(others), len(late)])
        last = np.concatenate([is_exact, is_end])
        least = len(late) * ROUNDING * weight.sum() * asks.sum()
    keys = [last, -time]
    return *_pairs(comes, codes[of_row], score[of_row], keys, asks), least
