"""LinearRanker: scores that put the rows of each query in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses._machine._typing import Array, ArrayLike, Matrix, NDArray, Seed
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators._validation import unchanged_on_error
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.blocks._lazy import Score, lazy_of_collections
from sklearn_losses.estimators.groups._groups import (
    GROUP_ATTRIBUTES,
    GROUP_NOTES,
    GROUP_PARAMETERS,
    BaseGroupLinear,
    GroupModelMixin,
)
from sklearn_losses.estimators.scores._groups import (
    NO_GAIN,
    average_precision_by_group_score,
    ndcg_score,
    ndcg_sums,
    ratio_of_blocks,
    reciprocal_rank_score,
    relevant_rows,
    warn_of_one_query,
)
from sklearn_losses.losses import LambdaRank, Loss
from sklearn_losses.losses._targets import group_codes, split_ranking
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._blocks import RowBlocks

MOST_ORDERS = 30  # whose weights LambdaRank fits


class RankerMixin(GroupModelMixin):
    """What rankers share: queries, and what becomes of scores."""

    n_queries_used_: int

    _predicts_blocks = True
    _tasks = ("ranking",)
    __metadata_request__fit = {"groups": True}
    __metadata_request__score = {"groups": True}

    def _grouped(self, y, groups):
        """What was given, relevances as a column, and codes of queries, for a fit.

        It warns where all rows are one query.
        """
        refuse_collection(y, "y")
        relevance, codes = split(y, groups)
        if codes is None:
            codes = group_codes(None, len(relevance))
            warn_of_one_query(y, groups, "ranked")
        return y, relevance[:, None], codes

    @property
    def _fits_orders(self):
        """Whether a fit is several, of one order after the other."""
        return isinstance(self._resolve_loss(), LambdaRank)

    def _callbacks(self, given, fitted):
        found = super()._callbacks(given, fitted)
        if found is not None and self._fits_orders:
            raise ValueError(
                f"{type(self).__name__} with {self.loss!r} makes several fits, which "
                "callbacks cannot see as one. Leave them out, or use another loss."
            )
        return found

    def _refuse_draws(self, loss, setting, use):
        """Raise for a loss that has no value of all rows to go down on."""
        if loss.drawn is not None and not loss.convex:
            raise InvalidParameterError(
                f"{type(self).__name__}{setting} cannot use {loss!r}, because rows are "
                "drawn for its steps, and there is no sum over all rows to minimise. "
                f"Use {use}."
            )
        return loss

    def _says_nothing(self, n_rows):
        return (
            f"{type(self).__name__} found no query with rows of two levels of "
            f"relevance (and weight) among n_samples={n_rows}: nothing is left to fit. "
            "Are `groups` the ids of queries?"
        )

    @lazy_of_collections
    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """Scores, of which only differences within a query mean anything.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or float, default=None
            What is added to them, as in `fit`; None means 0.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.raw_prediction(X, offset)

    def rank(
        self,
        X: Matrix,
        groups: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> NDArray[np.intp]:
        """The place of each row within its query, 0 for the best.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        groups : array-like of shape (n_samples,), default=None
            None: all rows are one query.
        offset : array-like of shape (n_samples,) or float, default=None

        Returns
        -------
        ndarray of int of shape (n_samples,)
            Rows of equal score in their order.
        """
        refuse_collection(X, "X")
        score = self.predict(X, offset)
        codes = group_codes(groups, len(score))
        order = np.lexsort((-score, codes))
        counts = np.bincount(codes, minlength=1)
        found = np.empty(len(score), dtype=np.intp)
        found[order] = np.arange(len(score)) - np.repeat(
            np.cumsum(counts) - counts, counts
        )
        return found

    def score(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """The mean NDCG of the queries; see `ndcg_score`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
        y : array-like of shape (n_samples,)
            Relevances >= 0, or as from `ranking_target`. NDCG has no gains of less than
            0, which are refused: of such relevances take `pairwise_accuracy_score`, and
            in searches ``scoring=pairwise_accuracy_scorer()``.
        sample_weight : array-like of shape (n_samples,), default=None
        groups : array-like of shape (n_samples,), default=None
            As in `fit`.
        offset : array-like of shape (n_samples,) or float, default=None

        Returns
        -------
        float
            With gains 2^y - 1; queries without any do not count.
        """
        owner = type(self).__name__
        blocks = blocks_of(owner, X, y, sample_weight, offset, groups)
        if blocks is not None:
            parts = ndcg_sums, Score(self, "predict"), "NDCG", NO_GAIN
            return ratio_of_blocks(blocks, *parts)
        predicted = self.predict(X, offset)
        warn_of_one_query(y, groups, "scored")
        return ndcg_score(y, predicted, groups=groups, sample_weight=sample_weight)


class LinearRanker(RankerMixin, BaseGroupLinear):
    __doc__ = f"""Linear ranking with any loss of the rows of a query, to its optimum.

    It minimizes

        sum over queries of loss(y_q, X_q w) / n_queries + alpha penalty(w)

    and proves how near the result is: `gap_` bounds what any other coefficients could
    gain. n_queries counts those with two levels of relevance (`n_queries_used_`), for
    the others say nothing. There is no intercept, for only differences within a query
    count. With a loss of ``per="pair"`` it is the sum over pairs, over their number.

    Parameters
    ----------
    loss : Loss or str, default='pairwise_logistic'
        A loss for ranking: an object, such as ``ListNet()``, or a name, such as
        'list_net'; see ``loss_names("ranking")``.

    {GROUP_PARAMETERS}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The coefficients, float32 if X was.

    n_queries_used_ : int
        How many queries have rows of two levels of relevance; the others say nothing.

    {GROUP_ATTRIBUTES.format(several="", most="")}

    See Also
    --------
    ranking_target : Targets that carry their queries, for searches without routing.
    ndcg_scorer : A scorer for searches.

    Notes
    -----
    Rows of a query need not follow each other, and queries may have any ids. A query
    counts as much as the mean of its rows' weights, and n_queries is the sum of these;
    a row of weight 0 is none. With ``per="query"`` a row of weight 2 is not two rows,
    which would change that mean; with ``PairwiseLogistic("pair")`` it is.

    {GROUP_NOTES}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearRanker
    >>> rng = np.random.default_rng(0)
    >>> X, query = rng.normal(size=(300, 3)), rng.integers(0, 30, size=300)
    >>> relevance = np.round(X @ [1.0, 0.0, -0.5] + rng.normal(size=300)).clip(0, 3)
    >>> model = LinearRanker(alpha=0.01).fit(X, relevance, groups=query)
    >>> model.coef_.round(1), bool(model.gap_ < 1e-5)
    (array([ 1.5, -0. , -0.6]), True)
    >>> model.rank(X[:4], groups=[0, 0, 1, 1])
    array([1, 0, 0, 1])
    """

    def __init__(
        self,
        loss: Loss | str = "pairwise_logistic",
        *,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        warm_start: bool = False,
        positive: bool = False,
        bounds: tuple[ArrayLike | None, ArrayLike | None] | None = None,
        random_state: Seed = 0,
        verbose: int = False,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.positive = positive
        self.bounds = bounds
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
            It is not copied if it is float32 or float64, and C-contiguous or CSR with
            sorted columns. Rows may lie elsewhere, if each block of them holds whole
            queries; see docs/scale.md.

        y : array-like of shape (n_samples,)
            Relevances, numbers of which the larger are better; or as from
            `ranking_target`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of rows; None means 1.

        groups : array-like of shape (n_samples,), default=None
            Which query each row belongs to. None: that of y; if there is none, all rows
            are one query, and a warning says so. They must be those of y if it has any.

        offset : array-like of shape (n_samples,) or float, default=None
            What is known of scores: it is added to them, and has no coefficient.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        """
        with unchanged_on_error(self):
            owner = type(self).__name__
            blocks = blocks_of(owner, X, y, sample_weight, offset, groups)
            if blocks is not None:
                return self._fit(blocks, None, None, None)
            return self._fit(X, self._grouped(y, groups), sample_weight, offset)

    _groups_are = "groups"
    _takes_blocks = True

    def _resolve_loss(self):
        use = "SGDRanker(learning_rate='constant'), or LambdaRank()"
        return self._refuse_draws(super()._resolve_loss(), "", use)

    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        found, dtype = super()._objectives(X, y, sample_weight, loss, offset, solves)
        self.n_queries_used_ = len(found[0].grouping.codes)
        return found, dtype

    def _objectives_of_blocks(self, blocks, loss):
        found, dtype = super()._objectives_of_blocks(blocks, loss)
        self.n_queries_used_ = vars(self).pop("n_groups_used_")
        return found, dtype

    def _solve_all(self, solver, objectives, starts):
        if self._fits_orders:
            return [fit_orders(solver.solve, objectives[0], starts[0])]
        return super()._solve_all(solver, objectives, starts)


def fit_orders(solve, objective, start):
    """Fit the weights of one order after the other; see `LambdaRank`.

    Parameters
    ----------
    solve : callable
        (objective, coefficients and intercept to start from) -> SolverResult
    objective : GroupObjective
    start : tuple of ndarray

    Returns
    -------
    SolverResult
        With the best metric of the rows.
    """
    loss, targets, rows = objective.loss, objective.targets, objective.rows
    relevance, groups = relevances(loss, targets.y[:, 0]), targets.groups
    frozen, best, best_score, seen = loss.frozen(), None, -np.inf, set()
    relative = replace(objective, loss=loss.convex_relative(), grouping=None)
    result, passes = solve(relative, start), 0
    queries, weight = groups, objective.sample_weight
    if weight is not None:  # a row without weight takes no rank from another
        queries = np.where(weight > 0, groups, -1)
    for _ in range(MOST_ORDERS):
        passes += int(result.n_iter[0])
        score = objective.raw(result.coef, np.zeros(1))[:, 0]
        found = metric_of(loss, relevance, score, groups, weight)
        if best is None or found > best_score:
            best, best_score = result, found
        ranks = _mean_ranks(score, queries)
        if ranks.tobytes() in seen:
            break
        seen.add(ranks.tobytes())
        columns = np.column_stack([relevance, ranks])
        weighted = replace(
            objective, loss=frozen, targets=replace(targets, y=columns), grouping=None
        )
        result = solve(weighted, (result.coef, np.zeros(1)))
    rows.verify()
    at_0 = objective.value(np.zeros(best.coef.shape), np.zeros(1))
    value = objective.value(best.coef, np.zeros(1))
    return replace(
        best,
        intercept=np.zeros(1),
        n_iter=np.array([passes]),
        bound=np.nan,
        value=float(value[0]),
        gained=at_0 - value,
    )


def relevances(loss, y):
    """What the metric of `LambdaRank` sees of them; warn if grades become one."""
    if loss.metric == "ndcg":
        return y
    name = f"LambdaRank(metric={loss.metric!r})"
    return relevant_rows(y, name, "metric='ndcg'").astype(float)


def metric_of(loss, y, score, groups, weight):
    """The metric of `LambdaRank`, the mean over queries."""
    settings = {"groups": groups, "sample_weight": weight}
    if loss.metric == "ndcg":
        return ndcg_score(y, score, k=loss.k, gain=loss.gain, **settings)
    if loss.metric == "reciprocal_rank":
        return reciprocal_rank_score(y, score, k=loss.k, **settings)
    return average_precision_by_group_score(y, score, **settings)


def _mean_ranks(score, codes):
    """The rank of each row within its group from 1 on, the mean of those of a tie."""
    order = np.lexsort((-score, codes))
    s, c = score[order], codes[order]
    new_group = np.append(True, c[1:] != c[:-1])
    is_new = new_group | np.append(True, s[1:] != s[:-1])
    place = np.arange(len(score))
    place = place - np.maximum.accumulate(np.where(new_group, place, 0)) + 1.0
    tie = np.cumsum(is_new) - 1
    found = np.empty(len(score))
    found[order] = (np.bincount(tie, place) / np.bincount(tie))[tie]
    return found


def split(y, groups):
    """Relevances and codes of groups or None, of a y that is one."""
    relevance, codes = split_ranking(y, groups)
    if relevance.ndim == 2 and relevance.shape[1] == 1:
        relevance = relevance[:, 0]
    if relevance.ndim != 1:
        raise ValueError(
            f"y should be a 1d array, got an array of shape {relevance.shape} instead."
        )
    return relevance, codes
