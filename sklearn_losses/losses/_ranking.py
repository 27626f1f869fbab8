"""Losses of rankings: of the pairs of a query's rows, or of their whole list.

Only differences of scores within a query count. Relevances are any numbers, the larger
the better; rows of the same relevance make no pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_losses._machine._params import (
    NONE,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses.losses._grouping import sums
from sklearn_losses.losses._groups import GroupLoss
from sklearn_losses.losses._survival import TIES, partial_likelihood_minimum
from sklearn_losses.losses._table import CLoss
from sklearn_losses.losses._targets import group_codes, split_ranking

PER = [Options("query", "pair")]
PAIR_WEIGHTS = [Options("gain", "difference"), NONE]
METRICS = "ndcg", "average_precision", "reciprocal_rank"
GAIN = [Options("exponential", "linear")]
MOST_GAIN = 1000.0  # of a relevance, whose gain 2^y - 1 overflows at 1024
UNIFORM = 0.01  # temperatures: shares of rows so near are alike


@dataclass(frozen=True)
class Drawn:
    """Rows of a query, of which a step of SGD takes the loss in place of all.

    Each draw is of one row and some of less relevance, in proportion to their weights.

    Attributes
    ----------
    loss : RankingLoss
        Of the rows of a draw, that of the most relevance last.
    n_draws : int
        Of each query in an epoch.
    n_below : int
        How many rows of less relevance a draw has.
    of_pairs : bool
        Whether each pair has the same chance, and not each row with others below.
    """

    loss: RankingLoss
    n_draws: int
    n_below: int
    of_pairs: bool


class RankingLoss(GroupLoss):
    """What losses of rankings share: a query without two levels says nothing."""

    def _split(self, y_true, groups):
        relevance, codes = split_ranking(y_true, groups)
        if relevance.ndim != 1:
            raise ValueError(
                "y_true must have the shape (n_samples,). Got the shape "
                f"{relevance.shape}."
            )
        if codes is None:
            codes = group_codes(None, len(relevance))
        return relevance[:, None], codes

    def _scales(self, y, weight, starts):
        """Each query counts as much as the mean of its rows' weights."""
        n = np.diff(starts)
        level = y[:, 0]
        has_levels = level[starts[:-1]] != level[starts[1:] - 1]
        mass = np.where(has_levels, sums(weight, starts) / np.maximum(n, 1), 0.0)
        return self._factors(y, weight, starts, mass), mass

    def _factors(self, y, weight, starts, mass):
        return np.where(mass > 0, 1.0, 0.0)


def sums_below(array, y, starts):
    """Of each row, the sum over the rows of its group of less relevance."""
    if len(y) == 0:
        return np.zeros(0)
    n_groups = len(starts) - 1
    of_group = np.repeat(np.arange(n_groups), np.diff(starts))
    begins = np.ones(len(y), dtype=bool)
    begins[1:] = (y[1:, 0] != y[:-1, 0]) | (of_group[1:] != of_group[:-1])
    first = np.flatnonzero(begins)
    each = np.add.reduceat(array, first)
    before = np.cumsum(each) - each
    of_level = of_group[first]
    at_start = np.searchsorted(of_level, np.arange(n_groups))
    return (before - before[at_start][of_level])[np.cumsum(begins) - 1]


def pair_weights(y, weight, starts):
    """The sum over the pairs of each group of what they weigh."""
    w_below = sums_below(weight, y, starts)
    if y.shape[1] == 1:
        return sums(weight * w_below, starts)
    gain = y[:, 1]
    by_gain = gain * w_below - sums_below(weight * gain, y, starts)
    return sums(weight * by_gain, starts)


class PairwiseLoss(RankingLoss):
    """A loss of margins: of the differences between scores of pairs."""

    _constraints = {"per": PER, "pair_weight": PAIR_WEIGHTS}

    def __init__(self, per: str = "query", pair_weight: str | None = None) -> None:
        self.per = per
        self.pair_weight = pair_weight

    def _check_columns(self, columns, name):
        super()._check_columns(columns, name)
        if self.pair_weight == "gain" and len(columns):
            largest = int(np.argmax(np.abs(columns[:, 0])))
            if abs(columns[largest, 0]) > MOST_GAIN:
                raise ValueError(
                    f"{type(self).__name__}(pair_weight='gain') has the gains 2^y - 1, "
                    f"which overflow: {name}[{largest}] is {columns[largest, 0]}. Use "
                    "pair_weight='difference'."
                )

    def _keys(self, columns):
        if self.pair_weight is None:
            return columns
        relevance = columns[:, 0]
        gain = relevance if self.pair_weight == "difference" else np.exp2(relevance)
        return np.column_stack([relevance, gain])

    def _scales(self, y, weight, starts):
        _, mass = super()._scales(y, weight, starts)
        each = np.where(mass > 0, pair_weights(y, weight, starts), 0.0)
        if self.per == "pair":
            return np.where(each > 0, 1.0, 0.0), np.maximum(each, 0.0)
        counts = each > 0
        return np.where(counts, mass / np.where(counts, each, 1.0), 0.0), mass * counts


_PAIRWISE = """

    Parameters
    ----------
    per : {"query", "pair"}, default="query"
        What counts alike: each query, whose loss is the mean over its pairs, or each
        pair, of which long queries have many more.
    pair_weight : {"gain", "difference"} or None, default=None
        What a pair weighs: the difference of the gains 2^y - 1, or of the relevances;
        None: all the same. A pair also weighs the product of its rows' weights.
"""


class PairwiseLogistic(PairwiseLoss):
    __doc__ = f"""Logistic loss of the margins of pairs:
    log(1 + exp(-(r_i - r_j))), y_i > y_j

    It estimates an order of the rows of a query: the log-odds that one is before
    another. Take it as the first choice for rankings. Do not where only the first
    places count (`ListNet`, or `PlackettLuce` with a top_k).{_PAIRWISE}
    See Also
    --------
    PairwiseHinge : Pairs in the right order have no say.
    PlackettLuce : A likelihood of the whole order.
    ListNet : The best rows count.

    References
    ----------
    Burges et al. 2005, "Learning to rank using gradient descent", ICML.

    Examples
    --------
    >>> from sklearn_losses import PairwiseLogistic, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> PairwiseLogistic().value(y, [1.0, 0.0, 0.0]).round(3)
    array([0.44])
    """

    name = "pairwise_logistic"
    lipschitz = 1.0
    smoothness = 0.25
    _kernel = "pairwise_logistic"


class PairwiseExponential(PairwiseLoss):
    __doc__ = f"""Exponential loss of the margins of pairs:
    exp(-(r_i - r_j)), y_i > y_j

    It estimates an order of the rows of a query, and an area under the curve with two
    relevances. Take it to compare with RankBoost. Do not with relevances that are
    wrong, which count exponentially (`PairwiseLogistic`).{_PAIRWISE}
    See Also
    --------
    PairwiseLogistic : Wrong pairs pull no more than 1.

    References
    ----------
    Freund, Iyer, Schapire and Singer 2003, "An efficient boosting algorithm for
    combining preferences".

    Examples
    --------
    >>> from sklearn_losses import PairwiseExponential, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> PairwiseExponential().value(y, [1.0, 0.0, 0.0]).round(3)
    array([0.579])
    """

    name = "pairwise_exponential"
    _kernel = "pairwise_exponential"


class PairwiseSquaredHinge(PairwiseLoss):
    __doc__ = f"""Squared hinge loss of the margins of pairs:
    max(0, 1 - (r_i - r_j))^2, y_i > y_j

    It estimates an order of the rows of a query. Take it as a smooth hinge that solvers
    like. Do not with relevances that are wrong by far, which pull in proportion
    (`PairwiseHinge`).{_PAIRWISE}
    See Also
    --------
    PairwiseHinge : Wrong pairs all pull alike.
    PairwiseLogistic : All pairs count a little.

    References
    ----------
    Chapelle and Keerthi 2010, "Efficient algorithms for ranking with SVMs".

    Examples
    --------
    >>> from sklearn_losses import PairwiseSquaredHinge, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> PairwiseSquaredHinge().value(y, [1.0, 0.0, 0.0]).round(3)
    array([0.333])
    """

    name = "pairwise_squared_hinge"
    smoothness = 2.0
    _kernel = "pairwise_squared_hinge"


class PairwiseHinge(PairwiseLoss):
    __doc__ = f"""Hinge loss of the margins of pairs:
    max(0, 1 - (r_i - r_j)), y_i > y_j

    It estimates an order of the rows of a query. Take it where pairs that are in the
    right order by a margin should have no say. Do not where relevances are noisy and
    many pairs are wrong (`PairwiseLogistic` is smooth there).{_PAIRWISE}
    See Also
    --------
    PairwiseSquaredHinge : Without the kink.
    PairwiseLogistic : All pairs count a little.

    References
    ----------
    Joachims 2002, "Optimizing search engines using clickthrough data", KDD; Airola,
    Pahikkala and Salakoski 2011, "Training linear ranking SVMs in linearithmic time".

    Examples
    --------
    >>> from sklearn_losses import PairwiseHinge, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> PairwiseHinge().value(y, [1.0, 0.0, 0.0]).round(3)
    array([0.333])
    """

    name = "pairwise_hinge"
    lipschitz = 1.0
    differentiable = False
    piecewise_linear = True
    _kernel = "pairwise_hinge"
    _end, _width = 1.0, 0.0

    def _c_parameters(self):
        return self._end, self._width

    def softened(self, h: float) -> Any:
        """This loss with its kinks smoothed over a half-width h."""
        return self._at(1.0, h)

    def _at(self, end, h):
        other = type(self)(self.per, self.pair_weight)
        other._end, other._width = end, h
        return other

    def shares(self, h: float) -> Any:
        """Two losses: the difference of their values over 2 h sums up the slopes.

        Those of the pairs, of the loss that is smoothed over h; the conjugate of a
        hinge is its slope, so that the sum says what the slopes prove.
        """
        return self._at(1.0 + h, 0.0), self._at(1.0 - h, 0.0)


class ListNet(RankingLoss):
    """Cross-entropy of the scores' softmax, within each query:
    -sum_i t_i log softmax(r)_i

    It estimates the shares of the rows of a query. Take it where one row of each query
    is chosen (then it is the conditional logit), or the best rows count most. Do not
    where the order of all rows counts alike (`PairwiseLogistic`).

    Parameters
    ----------
    target : {"softmax", "proportional"}, default="softmax"
        What the shares t are: the softmax of y / temperature, or proportional to y,
        which must then be >= 0. With one relevant row, y = 1 among 0, the latter is the
        conditional logit.
    temperature : float, default=1.0
        > 0; the smaller, the more counts the best row. It is in the unit of y: a
        softmax depends on the unit of relevances, and of tiny ones all shares are
        alike, of which a fit warns. Use about the difference of two grades.

    See Also
    --------
    PlackettLuce : The whole order.
    PairwiseLogistic : All pairs alike.
    CrossEntropy : The same, where the alternatives are classes.

    References
    ----------
    Cao et al. 2007, "Learning to rank: from pairwise approach to listwise approach",
    ICML.

    Examples
    --------
    >>> from sklearn_losses import ListNet, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> ListNet().value(y, [1.0, 0.0, 0.0]).round(3)
    array([0.886])
    """

    name = "list_net"
    lipschitz = 1.0
    smoothness = 0.25
    _kernel = "list_net"
    _constraints = {
        "target": [Options("softmax", "proportional")],
        "temperature": [Interval(0, None, "neither")],
    }

    def __init__(self, target: str = "softmax", temperature: float = 1.0) -> None:
        self.target = target
        self.temperature = temperature

    def _check_columns(self, columns, name):
        super()._check_columns(columns, name)
        bad = np.flatnonzero(columns[:, 0] < 0)
        if self.target == "proportional" and len(bad):
            raise ValueError(
                "ListNet(target='proportional') needs relevances >= 0: "
                f"{name}[{bad[0]}] is {columns[bad[0], 0]}."
            )

    def _prepared(self, y, weight, starts):
        n = np.diff(starts)
        share = y[:, 0]
        if self.target == "softmax":
            largest = np.repeat(share[starts[1:] - 1], n)
            share = np.exp((share - largest) / self.temperature)
        share = weight * share
        return (share / np.repeat(sums(share, starts), n))[:, None]

    def _factors(self, y, weight, starts, mass):
        return mass

    def _doubts(self, grouping):
        """What to say where all rows of a query have next to the same share."""
        y, starts = grouping.sorted_keys[:, 0], grouping.starts
        spread = float((y[starts[1:] - 1] - y[starts[:-1]]).max(initial=0.0))
        if self.target != "softmax" or spread > UNIFORM * self.temperature:
            return None
        return (
            f"the relevances of a query are at most {spread:.2g} apart, so that the "
            f"shares of {self!r}, softmax(y / temperature), are next to uniform, and "
            "coefficients next to 0. Use relevances in larger units, or "
            f"temperature={spread:.1g}."
        )

    def _minimum(self, y, weight, starts):
        t = y[:, 0]
        seen = np.where(t > 0, t, 1.0)
        return -sums(np.where(t > 0, t * np.log(seen / weight), 0.0), starts)


class PlackettLuce(RankingLoss):
    """Likelihood of the order of a query's rows:
    sum_i log(sum_j exp(r_j), y_j <= y_i) - r_i

    It is that of drawing the rows, of those that are left, in the order of relevance.
    Also known as ListMLE. It is Cox's partial likelihood with a stratum for each query.

    It estimates the order of the rows of a query, as drawn one after another. Take it
    where whole orders were observed, such as finishes of races. Do not where relevances
    are grades with many ties (`PairwiseLogistic`).

    Parameters
    ----------
    ties : {"breslow", "efron"}, default="breslow"
        What becomes of rows of the same relevance, of which it is unknown which is
        drawn first; see `CoxPH`.
    top_k : int, default=None
        Only the first so many draws count, and all of a tie with the last of them.
        None: all do.

    See Also
    --------
    CoxPH : The same formula, of times.
    ListNet : The best rows count.
    PairwiseLogistic : Pairs.

    References
    ----------
    Plackett 1975, "The analysis of permutations"; Xia et al. 2008, "Listwise approach
    to learning to rank", ICML.

    Examples
    --------
    >>> from sklearn_losses import PlackettLuce, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> PlackettLuce().value(y, [1.0, 0.0, 0.0]).round(3)
    array([1.245])
    """

    name = "plackett_luce"
    _kernel = "cox"
    _constraints = TIES | {"top_k": [Interval(1, None, "left", integer=True), NONE]}

    def __init__(self, ties: str = "breslow", top_k: int | None = None) -> None:
        self.ties = ties
        self.top_k = top_k

    def _c_parameters(self):
        return (self.ties == "efron",)

    def _keys(self, columns):
        return np.column_stack([-columns[:, 0], np.ones(len(columns))])

    def _prepared(self, y, weight, starts):
        """A row is an event if fewer than top_k are before it."""
        if self.top_k is None or len(y) == 0:
            return y
        of_group = np.repeat(starts[:-1], np.diff(starts))
        begins = np.ones(len(y), dtype=bool)
        begins[1:] = (y[1:, 0] != y[:-1, 0]) | (of_group[1:] != of_group[:-1])
        first = np.maximum.accumulate(np.where(begins, np.arange(len(y)), 0))
        return np.column_stack([y[:, 0], first - of_group < self.top_k])

    def _minimum(self, y, weight, starts):
        return partial_likelihood_minimum(y, weight, starts, self.ties == "efron")


ListMLE = PlackettLuce


class NDCGLoss(RankingLoss):
    """Of gains, as shares of the best DCG of their query."""

    convex = False
    k: int | None = None
    gain: str

    def convex_relative(self) -> Any:
        """The pairs, all alike."""
        return PairwiseLogistic()

    def _check_columns(self, columns, name):
        super()._check_columns(columns, name)
        is_linear = self.gain == "linear"
        most = np.inf if is_linear else MOST_GAIN
        bad = np.flatnonzero(~((columns[:, 0] >= 0) & (columns[:, 0] <= most)))
        if len(bad):
            gains = "y of y >= 0" if is_linear else f"2^y - 1 of 0 <= y <= {most:g}"
            raise ValueError(
                f"{type(self).__name__} has the gains {gains}: {name}[{bad[0]}] is "
                f"{columns[bad[0], 0]}. Use PairwiseLogistic()."
            )

    def _prepared(self, y, weight, starts):
        """With the gain of each row as a share of the best DCG of its query."""
        n = np.diff(starts)
        top = np.repeat(y[starts[1:] - 1, 0], n)
        if self.gain == "linear":
            gain = y[:, 0] / top
        else:
            gain = np.exp2(y[:, 0] - top) - np.exp2(-top)
        rank = np.repeat(starts[1:], n) - np.arange(len(y))  # of the best order
        discount = 1.0 / np.log2(1.0 + rank)
        if self.k is not None:
            discount[rank > self.k] = 0.0
        best = np.repeat(sums(gain * discount, starts), n)
        return np.column_stack([y[:, 0], gain / best, y[:, 1:]])


class LambdaRank(NDCGLoss):
    """Logistic loss of pairs by change of a metric:
    |change_ij| log(1 + exp(-(r_i - r_j)))

    It estimates the order whose first places count most. Take it where NDCG, or
    another of these metrics, is what is scored and `PairwiseLogistic` leaves something
    to gain. Do not for a proof of the optimum: it is not convex.

    A pair weighs how much the metric of its query would change if its rows were
    exchanged in the order of r. Of NDCG, with D = log2(1 + rank), that is
    (gain_i - gain_j) |1/D_i - 1/D_j| / best DCG. `LinearRanker` begins at the optimum
    of `PairwiseLogistic`, and goes from one order to the next: it fits the pairs with
    the weights of an order, which is a convex problem, until the order stays or has
    been seen, and keeps the coefficients with the best metric. That is a heuristic, and
    a local optimum at best: if no order is better than the first, the coefficients are
    those of `PairwiseLogistic`, and others may have a better metric. `ApproxNDCG` often
    finds a better NDCG of the rows of the fit, which need not be better for new
    queries: compare both by cross-validation.

    Parameters
    ----------
    metric : {"ndcg", "average_precision", "reciprocal_rank"}, default="ndcg"
        What of each query is to be large; see `ndcg_score`,
        `average_precision_by_group_score` and `reciprocal_rank_score`. The last two
        know rows that are relevant, with y > 0, and others.
    k : int, default=None
        How many ranks count, None: all. Of the average precision all do.
    gain : {"exponential", "linear"}, default="exponential"
        Of NDCG: 2^y - 1, or y.

    See Also
    --------
    PairwiseLogistic : All pairs alike, and convex.
    ApproxNDCG : A smooth NDCG, which is minimised itself.
    PlackettLuce : Whole orders, or the first `top_k` of them.

    References
    ----------
    Burges 2010, "From RankNet to LambdaRank to LambdaMART"; Donmez, Svore and Burges
    2009, "On the local optimality of LambdaRank", SIGIR, of other metrics; Wang, Li,
    Golbandi, Bendersky and Najork 2018, "The LambdaLoss framework for ranking metric
    optimization", CIKM.

    Examples
    --------
    >>> from sklearn_losses import LambdaRank, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> LambdaRank().value(y, [1.0, 0.5, 0.0]).round(3)
    array([0.243])
    >>> LambdaRank("average_precision").value(y, [0.0, 0.5, 1.0]).round(3)
    array([0.791])
    """

    name = "lambda_rank"
    lipschitz = 1.0
    smoothness = 0.25
    _kernel = "lambda_rank"
    _constraints = {
        "metric": [Options(*METRICS)],
        "k": [Interval(1, None, "left", integer=True), NONE],
        "gain": GAIN,
    }

    def __init__(
        self, metric: str = "ndcg", k: int | None = None, gain: str = "exponential"
    ) -> None:
        self.metric = metric
        self.k = k
        self.gain = gain

    def _c_parameters(self):
        return 0 if self.k is None else self.k, METRICS.index(self.metric)

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        if self.k is not None and self.metric == "average_precision":
            raise InvalidParameterError(
                "LambdaRank(metric='average_precision') counts all ranks. Got "
                f"k={self.k}: set k=None, or metric='ndcg' or 'reciprocal_rank'."
            )
        return super().compiled()

    def frozen(self) -> Any:
        """The convex loss of the pairs with given weights.

        Its targets have each row's rank as a second column.
        """
        return _FrozenLambdaRank(self.metric, self.k, self.gain)

    def _check_columns(self, columns, name):
        of = super() if self.metric == "ndcg" else super(NDCGLoss, self)
        of._check_columns(columns, name)

    def _keys(self, columns):
        if self.metric == "ndcg":
            return columns
        return np.column_stack([columns[:, 0] > 0, columns[:, 1:]])

    def _prepared(self, y, weight, starts):
        if self.metric == "ndcg":
            return super()._prepared(y, weight, starts)
        best = 1.0
        if self.metric == "average_precision":
            best = np.repeat(sums(y[:, 0], starts), np.diff(starts))
        return np.column_stack([y[:, 0], y[:, 0] / best, y[:, 1:]])

    def _factors(self, y, weight, starts, mass):
        return np.where(mass > 0, 1.0 / np.where(mass > 0, mass, 1.0), 0.0)


class _FrozenLambdaRank(LambdaRank):
    convex = True

    def convex_relative(self) -> Any:
        return None
