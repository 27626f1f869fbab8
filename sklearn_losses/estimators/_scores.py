"""Scores of rankings and of survival models: how well an order is right.

Each is a function of targets and scores, whose groups may be a part of the targets.
What is undefined, as where there is no pair, is nan, and a warning says so.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_losses._machine._params import (
    NONE,
    Exactly,
    Interval,
    Options,
    check_parameter,
)
from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.estimators._concordance import count_pairs
from sklearn_losses.estimators._validation import check_weights, warn_caller
from sklearn_losses.losses._targets import (
    check_survival,
    group_codes,
    split_ranking,
    survival_columns,
)

GAIN = [Options("exponential", "linear")]
EMPTY = [Options("skip"), Exactly(0), Exactly(1)]
TOP = [Interval(1, None, "left", integer=True), NONE]


def _undefined(name, why):
    warnings.warn(
        f"{name} is not defined here, because {why}. It is nan.",
        UndefinedMetricWarning,
        stacklevel=3,
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


def warn_of_one_query(y, groups, what):
    """Say that rows without queries are one query, which is seldom meant."""
    if groups is None and getattr(getattr(y, "dtype", None), "names", None) is None:
        warn_caller(
            f"All rows are {what} as one query: pass groups= or "
            "y=ranking_target(relevance, groups). (Without metadata routing, "
            "scikit-learn's searches pass groups to the splitter alone.)"
        )


def _ranking(y_true, y_score, groups, sample_weight):
    """Weights, relevances, scores and codes of groups, of rows that count."""
    relevance, codes = split_ranking(y_true, groups)
    if relevance.ndim != 1:
        raise ValueError(f"y_true must have the shape (n,). Got {relevance.shape}.")
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
    bad = np.flatnonzero(~((y >= 0) & np.isfinite(y)))
    if len(bad):
        raise ValueError(
            "NDCG needs relevances that are finite and >= 0, as gains are: one is "
            f"{y[bad[0]]}. Use pairwise_accuracy_score."
        )
    if len(y) == 0:
        return _undefined("NDCG", "there is no row")
    gains = y
    if gain == "exponential":
        # Relative to the largest of the query: only ratios count, and none overflows.
        top = np.zeros(codes.max() + 1)
        np.maximum.at(top, codes, y)
        gains = np.exp2(y - top[codes]) - np.exp2(-top[codes])
    best = _dcg(gains, gains, codes, k)
    share = _dcg(gains, score, codes, k) / np.where(best > 0, best, 1.0)
    query = np.bincount(codes, weight) / np.bincount(codes)
    if empty == "skip":
        query = np.where(best > 0, query, 0.0)
    else:
        share = np.where(best > 0, share, float(empty))
    if not query.any():
        return _undefined("NDCG", "no query has a row of relevance > 0")
    return float(np.average(share, weights=query))


def _dcg(gains, score, codes, k):
    """That of each query in the order of a score, whose ties share their ranks."""
    order = np.lexsort((-score, codes))
    gains, score, codes = gains[order], score[order], codes[order]
    changes = np.append(True, codes[1:] != codes[:-1])
    n, index = len(codes), np.arange(len(codes))
    rank = index - np.maximum.accumulate(np.where(changes, index, 0))
    discount = 1.0 / np.log2(rank + 2.0)
    if k is not None:
        discount[rank >= k] = 0.0
    tie = np.cumsum(changes | np.append(True, score[1:] != score[:-1])) - 1
    mean = np.bincount(tie, gains, n) / np.maximum(np.bincount(tie, minlength=n), 1)
    return np.bincount(codes, mean[tie] * discount)


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
    """What `count_pairs` finds, of each group; rows are sorted by the last of keys."""
    order = np.lexsort((*keys, codes))
    changes = np.append(True, codes[order][1:] != codes[order][:-1])
    is_new = changes.copy()
    for key in keys:
        is_new[1:] |= key[order][1:] != key[order][:-1]
    return count_pairs(
        np.append(np.flatnonzero(changes), len(order)).astype(np.intp),
        np.cumsum(is_new).astype(np.intp),
        _dense_ranks(score, codes)[order],
        np.ascontiguousarray(asks[order], dtype=np.uint8),
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
    allowed = [Options("query", "pair")]
    check_parameter("pairwise_accuracy_score", "per", per, allowed)
    weight, y, score, codes = _ranking(y_true, y_score, groups, sample_weight)
    if len(y) == 0:
        return _undefined("The accuracy of pairs", "there is no row")
    right, tied, total = _pairs(weight, codes, score, [y], np.ones(len(y), bool))
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

    Two rows can be compared if the one with the shorter time has an event then. At
    equal times an event is before who is censored, and two events are no pair. Equal
    scores count a half.

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
    columns = survival_columns(y_true)
    check_survival(columns)
    n = len(columns)
    weight = check_weights(sample_weight, n)
    codes = group_codes(strata, n, "strata")
    weight, columns, score, codes = _seen(weight, columns, _scores(y_score, n), codes)
    if len(columns) == 0:
        return _undefined("The concordance index", "there is no row")
    codes = group_codes(codes, len(codes))
    time, event = columns[:, 0], columns[:, 1]
    right, tied, total = _pairs(weight, codes, score, [event, -time], event > 0)
    if not total.any():
        return _undefined("The concordance index", "no pair can be compared")
    return float((right.sum() + 0.5 * tied.sum()) / total.sum())
