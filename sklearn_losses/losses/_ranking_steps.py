"""Losses of rankings that have no certificate: a smooth NDCG, and draws of rows.

What is drawn, BPR and WARP, is for steps of SGD, which then see a few rows of a query
and not all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import Interval
from sklearn_losses.losses._grouping import sums
from sklearn_losses.losses._ranking import (
    GAIN,
    Drawn,
    NDCGLoss,
    PairwiseLogistic,
    RankingLoss,
    sums_below,
)

_DRAWS = [Interval(1, None, "left", integer=True)]


class ApproxNDCG(NDCGLoss):
    """1 - NDCG of smooth ranks: 1 - sum_i gain_i / log2(1 + rank_i) / best DCG

    with rank_i = 1 + sum_j expit((r_j - r_i) / temperature) over the other rows j.

    It estimates the order with the best NDCG, which it is about for a low temperature.
    Take it where NDCG is what is scored and `LambdaRank` leaves something to gain. Do
    not for a proof of the optimum, for it is not convex, nor for queries of very many
    rows, of which it looks at all pairs.

    A query counts as much as the mean of its rows' weights, which have no part within
    it. `LinearRanker` begins at the optimum of `PairwiseLogistic`.

    Parameters
    ----------
    temperature : float, default=1.0
        > 0, in units of raw predictions. The lower, the nearer to NDCG, and the more
        local minima there are.
    gain : {"exponential", "linear"}, default="exponential"
        2^y - 1, or y.

    See Also
    --------
    LambdaRank : Pairs by what they change of NDCG.
    PairwiseLogistic : Convex, and where this one begins.

    References
    ----------
    Qin, Liu and Li 2010, "A general approximation framework for direct optimization of
    information retrieval measures", Information Retrieval 13.

    Examples
    --------
    >>> from sklearn_losses import ApproxNDCG, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> ApproxNDCG(temperature=0.1).value(y, [1.0, 0.5, 0.0]).round(3)
    array([0.004])
    """

    name = "approx_ndcg"
    _kernel = "approx_ndcg"
    _constraints = {"temperature": [Interval(0, None, "neither")], "gain": GAIN}

    def __init__(self, temperature: float = 1.0, gain: str = "exponential") -> None:
        self.temperature = temperature
        self.gain = gain

    def _c_parameters(self):
        return (self.temperature,)

    def _factors(self, y, weight, starts, mass):
        return mass


class BPR(PairwiseLogistic):
    """Logistic loss of margins of drawn pairs:
    log(1 + exp(-(r_i - r_j))), y_i > y_j

    It estimates what `PairwiseLogistic` does, of which it is the mean over all draws of
    pairs: an order of the items of a user, Bayesian personalized ranking. Take it in
    `SGDRanker` with a schedule where queries have very many rows, of which a step sees
    two. Do not for a few hundred rows, of which `PairwiseLogistic` takes all pairs for
    less than their predictions cost.

    Its values are those of all pairs, and so is what `LinearRanker` and
    learning_rate='auto' fit.

    Parameters
    ----------
    n_draws : int, default=1
        How many pairs of each query an epoch draws; a step takes `batch_size` of them.

    See Also
    --------
    PairwiseLogistic : The same of all pairs.
    WARP : Rows that are in the way are looked for.

    References
    ----------
    Rendle, Freudenthaler, Gantner and Schmidt-Thieme 2009, "BPR: Bayesian personalized
    ranking from implicit feedback", UAI.

    Examples
    --------
    >>> from sklearn_losses import BPR, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> BPR().value(y, [1.0, 0.0, 0.0]).round(3)
    array([0.44])
    """

    name = "bpr"
    _constraints = {"n_draws": _DRAWS}
    per, pair_weight = "query", None

    def __init__(self, n_draws: int = 1) -> None:
        self.n_draws = n_draws

    @property
    def drawn(self) -> Any:
        """A pair; see `Drawn`."""
        return Drawn(PairwiseLogistic(), self.n_draws, 1, True)


class WARP(RankingLoss):
    """Hinge of a row and the first drawn one that is in its way:
    (1 + 1/2 + ... + 1/max(1, floor(m / N))) max(0, 1 - (r_i - r_j)), y_i > y_j

    Of the m rows of less relevance some are drawn, with replacement, until one, the
    N-th draw, is less than 1 below row i. If that takes long, few are in the way, and
    the row is near the top.

    It estimates an order whose first places count most. Take it in `SGDRanker` with a
    schedule for recommendations, where the first items that are shown matter. Do not
    where the optimum has to be known: it is not convex, and `LinearRanker` and
    learning_rate='auto' refuse it (`LambdaRank`).

    Its values are means over all draws, and over the rows that have others below them.

    Parameters
    ----------
    max_draws : int, default=10
        After so many draws without success the row is left alone.

    n_draws : int, default=1
        For how many rows of each query an epoch draws; a step takes `batch_size` of
        them.

    See Also
    --------
    BPR : Whatever pair is drawn.
    LambdaRank : The first places count, without draws.

    References
    ----------
    Weston, Bengio and Usunier 2011, "WSABIE: scaling up to large vocabulary image
    annotation", IJCAI.

    Examples
    --------
    >>> from sklearn_losses import WARP, ranking_target
    >>> y = ranking_target([2, 1, 0], groups=[0, 0, 0])
    >>> WARP().value(y, [1.0, 0.0, 0.5]).round(3)
    array([1.062])
    """

    name = "warp"
    convex = False
    differentiable = False
    _kernel = "warp"
    _constraints = {"max_draws": _DRAWS, "n_draws": _DRAWS}

    def __init__(self, max_draws: int = 10, n_draws: int = 1) -> None:
        self.max_draws = max_draws
        self.n_draws = n_draws

    def _c_parameters(self):
        return (self.max_draws,)

    def convex_relative(self) -> Any:
        """Pairs, all alike, that are drawn as well."""
        return BPR(self.n_draws)

    @property
    def drawn(self) -> Any:
        """A row and what is drawn for it; see `Drawn`."""
        return Drawn(_DrawnWARP(), self.n_draws, self.max_draws, False)

    def _scales(self, y, weight, starts):
        _, mass = super()._scales(y, weight, starts)
        above = sums(weight * (sums_below(weight, y, starts) > 0), starts)
        return np.where(mass > 0, mass / np.where(mass > 0, above, 1.0), 0.0), mass


class _DrawnWARP(RankingLoss):
    """The rows of a draw, whose last has the weight of all below it as a second y."""

    convex = False
    differentiable = False
    _kernel = "warp_of_draw"
