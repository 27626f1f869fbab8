"""loss_scorer: models that were trained with different losses, compared under one.

>>> from sklearn.datasets import load_iris
>>> from sklearn.model_selection import cross_val_score
>>> from sklearn.naive_bayes import GaussianNB
>>> from sklearn_losses.inspection import loss_scorer
>>> from sklearn_losses.losses import CrossEntropy
>>> X, y = load_iris(return_X_y=True)
>>> scorer = loss_scorer(CrossEntropy())
>>> cross_val_score(GaussianNB(), X, y, scoring=scorer).mean().round(2)
np.float64(-0.14)
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.metadata_routing import UNUSED

from sklearn_losses._machine._typing import ArrayLike, BaseEstimator, Matrix
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.blocks._lazy import (
    Score,
    data_as_given,
    mean_of_blocks,
)
from sklearn_losses.estimators.scores._groups import (
    ratio_of_blocks,
    warn_of_one_query,
    warn_of_pooled_strata,
)
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.inspection._d2 import (
    columns_of,
    d2_loss_score,
    d2_of_blocks,
    refuse_groups,
)
from sklearn_losses.inspection._group_scorers import final_of, order_of
from sklearn_losses.inspection._raw_prediction import targets_and_raw_predictions
from sklearn_losses.losses import Loss
from sklearn_losses.losses._base import AS_SCORER
from sklearn_losses.problem._blocks import RowBlocks


class LossScorer(BaseEstimator):
    """A scorer made by `loss_scorer`, which says what it does.

    It is a scikit-learn parameter holder, so that it can be cloned and pickled and
    takes part in metadata routing: ``scorer.set_score_request(sample_weight=True)``.

    Parameters
    ----------
    loss : Loss
    d2 : bool, default=False
    """

    # The estimator is no metadata, although it is a parameter of `score`.
    __metadata_request__score = {
        "estimator": UNUSED,
        "offset": True,
        "groups": True,
        "strata": True,
    }

    def __init__(self, loss: Loss, d2: bool = False) -> None:
        self.loss = loss
        self.d2 = d2

    def __call__(
        self,
        estimator: Any,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        strata: ArrayLike | None = None,
    ) -> float:
        """The score of a fitted estimator; see `score`."""
        return self.score(estimator, X, y, sample_weight, offset, groups, strata)

    def score(
        self,
        estimator: Any,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        strata: ArrayLike | None = None,
    ) -> float:
        """The score of a fitted estimator, the larger the better.

        Parameters
        ----------
        estimator : object
            A fitted scikit-learn estimator, which may be a pipeline or a search.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
        y : array-like of shape (n_samples,)
            Targets, or labels that are among the estimator's classes. Only `RowBlocks`
            have their own.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.
        offset : array-like of the shape of raw predictions, default=None
            Passed to the methods of the estimator that predict. With metadata routing
            it is requested by itself.
        groups, strata : array-like of shape (n_samples,), default=None
            Of a loss of rankings the queries, and of one of survival the strata; other
            losses do not look at them. With metadata routing they are requested.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the loss and the estimator are for different tasks, the estimator has no
            probabilities or no decision function where it needs them, or a prediction
            or a target is outside of what the loss can take.
        """
        if self.loss.granularity == "group":
            if self.d2:
                refuse_groups(self.loss, "loss_scorer(d2=True)")
            of_survival = self.loss.task == "survival"
            of_rows = X, y, sample_weight, offset
            which = (strata, "strata") if of_survival else (groups, "groups")
            blocks = blocks_of(repr(self), *of_rows, *which)
            if blocks is not None:
                parts = self._sums, partial(order_of, estimator)
                return ratio_of_blocks(blocks, *parts, repr(self), "no group counts")
            raw = order_of(estimator, X, offset)
            if of_survival:
                warn_of_pooled_strata(final_of(estimator), strata)
                which = strata
            else:
                warn_of_one_query(y, groups, "scored")
                which = groups
            return -self.loss.mean(y, raw, which, sample_weight)
        blocks = blocks_of(repr(self), X, y, sample_weight, offset)
        if blocks is not None:
            if self.d2:
                return d2_of_blocks(blocks, self.loss, _Pairs(estimator, self.loss))
            return mean_of_blocks(blocks, Score(self, "score", estimator))
        if y is None:
            raise ValueError(
                f"{self!r} needs y, with which it compares predictions. Only RowBlocks "
                "have their own."
            )
        y, raw = targets_and_raw_predictions(estimator, X, y, self.loss, offset)
        if self.d2:
            return d2_loss_score(y, raw, self.loss, sample_weight)
        pairs = columns_of(y, raw, self.loss)
        means = [self.loss.mean(*pair, sample_weight) for pair in pairs]
        return -float(np.mean(means))

    def _sums(self, y, raw, groups, sample_weight):
        """Minus the sum of a loss over groups, and what these count."""
        total, mass = self.loss._sums(y, raw, groups, sample_weight)
        return -total, mass

    def _accept_sample_weight(self):
        # scikit-learn 1.9 asks this of each scorer of a dict if weights are given to
        # fit and metadata routing is off.
        return True

    @property
    def _score_func(self) -> Any:
        return self.loss._score_func  # an AttributeError that says why

    @property
    def __name__(self) -> str:
        """What reports call it, as they do a function."""
        return repr(self)

    def __repr__(self) -> str:
        return f"loss_scorer({self.loss!r}{', d2=True' if self.d2 else ''})"


class _Pairs:
    """Targets and raw predictions of a block, and its weights."""

    def __init__(self, estimator, loss):
        self.estimator, self.loss = estimator, loss

    def __call__(self, block):
        X, y, weight, offset = data_as_given(block)
        parts = self.estimator, X, y, self.loss, offset
        return *targets_and_raw_predictions(*parts), weight


def loss_scorer(loss: Loss | str, *, d2: bool = False) -> LossScorer:
    """A scorer for cross-validation and searches: minus the mean loss.

    Models of any kind can be compared, as the loss is evaluated at raw predictions that
    mean the same for all of them:

    - In regression these are the link of what `predict` gives.
    - In classification they are the link of what `predict_proba` gives if the loss has
      probabilities, kept away from 0 and 1 by the resolution of their type as
      scikit-learn's log_loss does; of other losses they are the `decision_function`.
    - An estimator of this package that was trained with a loss of the same link (maybe
      at the end of a pipeline or in a search) gives its own, with all digits.

    A loss of groups takes what `predict` gives, and the groups of y or with routing.
    A loss of points on more than two classes is the mean over its one-versus-rest
    losses, and a loss of rows on two classes takes the raw predictions 0 and `raw`.

    Parameters
    ----------
    loss : Loss or str
        An instance, or the name of one.
    d2 : bool, default=False
        Whether the score is `d2_loss_score`, 1 for perfect predictions and 0 for the
        best constant, instead of minus the mean loss.

    Returns
    -------
    LossScorer
        A callable ``scorer(estimator, X, y, sample_weight=None, offset=None)``.

    Raises
    ------
    TypeError
        If `loss` is neither a loss nor a name.
    ValueError
        If there is no loss of that name.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression, QuantileRegressor
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_losses import Quantile, loss_scorer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> scorer = loss_scorer(Quantile(quantile=0.9))
    >>> for model in (QuantileRegressor(quantile=0.9, alpha=0), LinearRegression()):
    ...     print(cross_val_score(model, X, y, scoring=scorer).mean().round(1))
    -9.7
    -22.3
    """
    return LossScorer(as_loss(loss, "loss_scorer"), d2=d2)


AS_SCORER["loss_scorer"] = loss_scorer


def d2_score(
    estimator: Any,
    X: Matrix | RowBlocks,
    y: ArrayLike | None,
    loss: Loss | str,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
) -> float:
    """The share of the loss of the best constant that a fitted model saves.

    `d2_loss_score` of the raw predictions that `loss_scorer` finds, so that nobody has
    to know on which scale they are.

    Parameters
    ----------
    estimator : object
        A fitted scikit-learn estimator, which may be a pipeline or a search.
    X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
    y : array-like of shape (n_samples,)
        None beside `RowBlocks`, which have their own.
    loss : Loss or str
        An instance, or the name of one.
    sample_weight : array-like of shape (n_samples,), default=None
    offset : array-like of the shape of raw predictions, default=None
        Passed to the methods of the estimator that predict.

    Returns
    -------
    float

    See Also
    --------
    d2_loss_score : The same of raw predictions.
    loss_scorer : The same as a scorer, with ``d2=True``.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_losses import LinearRegressor, Poisson, d2_score
    >>> X, y = load_diabetes(return_X_y=True)
    >>> round(d2_score(LinearRegressor("poisson").fit(X, y), X, y, Poisson()), 2)
    0.51
    """
    scorer = loss_scorer(as_loss(loss, "d2_score"), d2=True)
    return scorer(estimator, X, y, sample_weight, offset)
