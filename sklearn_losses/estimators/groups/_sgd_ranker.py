"""SGDRanker: rankings by steps of queries, by all of them, or from a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses._machine._typing import ArrayLike, Matrix, Seed
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators._sgd_base import AUTO
from sklearn_losses.estimators._validation import (
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.estimators.blocks._blocks import learns_from_blocks
from sklearn_losses.estimators.groups._ranker import RankerMixin, fit_orders, split
from sklearn_losses.estimators.groups._sgd_group_docs import (
    AUTO_NOTE,
    GROUP_CURVES,
    REFERENCES,
    early_stopping,
    group_attributes,
    group_parameters,
)
from sklearn_losses.estimators.groups._sgd_groups import BaseGroupSGD
from sklearn_losses.estimators.scores._groups import warn_of_one_query
from sklearn_losses.losses import Loss, ranking_target
from sklearn_losses.losses._targets import group_codes
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.solvers.sgd._optimizers import Optimizer

_PARAMETERS = group_parameters(
    """shuffle : bool, default=True
        Whether to shuffle the queries before each epoch.""",
    """random_state : int, RandomState instance, default=None
        The source of randomness for shuffling, for the draws of `BPR` and `WARP`, and
        for the choice of the validation queries. Pass an int for results that can be
        had again.""",
    *early_stopping("queries", "ndcg_scorer(k=10)"),
    """batch_size : int, default=1
        The number of queries in a step, or of draws of `BPR` and `WARP`; the last step
        of an epoch, or of a call of `partial_fit`, takes those that are left. A step
        moves along the mean over its queries of the loss's gradient; step sizes and
        averages count steps.""",
)
_ATTRIBUTES = group_attributes(
    """as many
        steps as queries, or draws, divided by `batch_size`, rounded up. With
        learning_rate='auto' it counts queries."""
)
_AUTO = AUTO_NOTE.format(
    exact="LinearRanker",
    of_fit=""" `LambdaRank` is
    fitted by one order after the other; what else is not convex begins at the minimum
    of `PairwiseLogistic`, and ends in a local minimum.""",
    units="queries",
    of_call="",
    needs=""",
    and a convex loss""",
)


class SGDRanker(RankerMixin, BaseGroupSGD):
    __doc__ = f"""Linear ranking with any loss of the rows of a query, by queries.

    It minimizes

        sum over queries of loss(y_q, X_q w) / n_queries + alpha penalty(w)

    with all rows at once or, if `learning_rate` names a schedule, by stochastic
    gradient descent: n_queries counts those with two levels of relevance, and a step
    takes one query, or `batch_size` queries. `partial_fit` takes queries as they
    come. There is no intercept, for only differences within a query
    count. With a loss of ``per="pair"`` it is the sum over pairs, over their number.

    Parameters
    ----------
    loss : Loss or str, default='pairwise_logistic'
        A loss for ranking: an object, such as ``ListNet()``, or a name, such as
        'list_net'; see ``loss_names("ranking")``.

    {_PARAMETERS}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The coefficients, float32 if X was.

    n_queries_used_ : int
        How many queries of the last fit, or call of `partial_fit`, have rows of two
        levels of relevance and were learnt from; the others say nothing.

    {_ATTRIBUTES}

    {GROUP_CURVES}

    See Also
    --------
    LinearRanker : With a certificate, solved further.
    ranking_target : Targets that carry their queries, for searches without routing.
    ndcg_scorer : A scorer for searches, and for `scoring`.

    Notes
    -----
    Rows of a query need not follow each other, and queries may have any ids. A query
    counts as much as the mean of its rows' weights; a row of weight 0 is none.

    {_AUTO}

    `BPR` and `WARP` draw rows: a step of theirs sees those alone, and an epoch as many
    draws of each query as their `n_draws`.

    References
    ----------
    {REFERENCES}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import SGDRanker
    >>> rng = np.random.default_rng(0)
    >>> X, query = rng.normal(size=(300, 3)), np.repeat(np.arange(30), 10)
    >>> relevance = np.round(X @ [1.0, 0.0, -0.5] + rng.normal(size=300)).clip(0, 3)
    >>> model = SGDRanker(alpha=0.01, random_state=0).fit(X, relevance, groups=query)
    >>> model.coef_.round(1)
    array([ 1.8, -0.2, -0.6])
    >>> model = SGDRanker(alpha=0.01)
    >>> for some in np.split(np.arange(300), 3):  # whole queries
    ...     model = model.partial_fit(X[some], relevance[some], groups=query[some])
    >>> model.coef_.round(1)
    array([ 1.8, -0.2, -0.6])
    """

    _groups_are, _units_are = "groups", "queries"
    __metadata_request__partial_fit = {"groups": True}

    def __init__(
        self,
        loss: Loss | str = "pairwise_logistic",
        *,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        random_state: Seed = None,
        learning_rate: str = "auto",
        eta0: float = 0.01,
        power_t: float = 0.25,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: int = False,
        batch_size: int = 1,
        optimizer: Optimizer | str = "sgd",
        clip_gradient: float | None = None,
        clip_by: str = "norm",
        scoring: Callable[..., Any] | str | None = None,
        trace: bool = False,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.average = average
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.clip_gradient = clip_gradient
        self.clip_by = clip_by
        self.scoring = scoring
        self.trace = trace

    def fit(
        self,
        X: Matrix,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        *,
        coef_init: ArrayLike | None = None,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups_val: ArrayLike | None = None,
        offset_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            It is not copied if it is float32 or float64, and C-contiguous or CSR with
            sorted columns.

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

        coef_init : array-like of shape (n_features,), default=None
            The coefficients to start from. None means 0, or `coef_` with `warm_start`.

        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), \
                default=None
            Rows to validate on after each epoch, whatever `early_stopping` is; no
            queries are then set aside from X.

        y_val : array-like of shape (n_validation,), default=None
            Their relevances, or as from `ranking_target`. Required with `X_val`.

        sample_weight_val : array-like of shape (n_validation,), default=None
            Their weights >= 0; None means 1.

        groups_val : array-like of shape (n_validation,), default=None
            Their queries. None: those of y_val; if there are none, all of these rows
            are one query, and a warning says so.

        offset_val : array-like of shape (n_validation,) or float, default=None
            Their offsets.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        WeightsOverflow
            A ValueError. It names the epoch, the row and the feature at fault. The
            estimator then has the model of the epoch before; if that was the first, it
            is as it was before.
        """
        refuse_collection(X, "X")
        validation = X_val, y_val, sample_weight_val, groups_val, offset_val
        with unchanged_on_error(self):
            self._fit(
                X,
                self._grouped(y, groups),
                sample_weight,
                init=(coef_init, None),
                validation=validation,
                offset=offset,
            )
            self._query_ids = _ids(groups)
            return self

    @learns_from_blocks
    def partial_fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Make one epoch over these queries, starting from the current coefficients.

        With learning_rate='auto' take them in: the model is then, about, that of all
        queries so far. A call takes whole queries; a UserWarning says if the id of one
        has been in an earlier call, for its rows then count as another query. (All ids
        are remembered for that.)

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows of this epoch.

        y : array-like of shape (n_samples,)
            Relevances, or as from `ranking_target`, whose queries are not known again
            in other calls.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. If all are 0, or no query has two levels of
            relevance, the model stays as it is.

        groups : array-like of shape (n_samples,), default=None
            Which query each row belongs to, as in `fit`.

        offset : array-like of shape (n_samples,) or float, default=None
            What is known of scores, as in `fit`.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As in `fit`. The model is then as it was before, also if weights overflow.
        """
        with unchanged_on_error(self):
            given = self._grouped(y, groups)
            self._fit(X, given, sample_weight, partial=True, offset=offset)
            self._query_ids = self._warn_of_known(groups) | _ids(groups)
            return self

    @property
    def _fits_orders(self):
        return super()._fits_orders and self._schedule == AUTO

    def _check_parameters(self, partial):
        super()._check_parameters(partial)
        if self._fits_orders and (self.early_stopping or self.trace):
            raise InvalidParameterError(
                f"{type(self).__name__}(learning_rate='auto') makes several fits with "
                f"{self.loss!r}, which early_stopping and trace cannot see as one. Use "
                "learning_rate='constant', or another loss."
            )

    def _resolve_loss(self):
        loss = super()._resolve_loss()
        if self._schedule != AUTO:
            return loss
        use = "learning_rate='constant', perhaps with optimizer='adagrad'"
        return self._refuse_draws(loss, "(learning_rate='auto')", use)

    # ------------------------------------------------------------------ queries
    def _warn_of_known(self, ids):
        """The ids of earlier calls; warn if one of them returns."""
        known = getattr(self, "_query_ids", set())
        again = known & _ids(ids)
        if again:
            warn_caller(
                f"{type(self).__name__}.partial_fit has got rows of the query "
                f"{min(again, key=str)!r} in an earlier call: they are taken as two "
                "queries, whose rows are not compared. Pass all rows of a query in one "
                "call."
            )
        return known

    def _look_at(self, objective, partial):
        self.n_queries_used_ = len(objective.grouping.codes)

    def _validated(self, y_val, groups_val):
        relevance, codes = split(y_val, groups_val)
        if codes is None:
            warn_of_one_query(y_val, groups_val, "validated", "_val")
            codes = group_codes(None, len(relevance))
        return relevance[:, None], codes

    def _target(self, targets):
        return ranking_target(targets.y[:, 0], targets.groups)

    def _units(self, objective):
        return objective.grouping.codes, objective.targets.groups

    def _descended(self, solve, objective, point):
        if self._fits_orders:
            return fit_orders(solve, objective, point)
        return super()._descended(solve, objective, point)


def _ids(groups):
    """The ids of some rows' queries, which may come again."""
    return set() if groups is None else set(np.asarray(groups).tolist())
