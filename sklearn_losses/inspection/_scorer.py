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

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import column_or_1d

from sklearn_losses._machine._typing import ArrayLike, BaseEstimator, Matrix
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.blocks._lazy import Score, mean_of_blocks
from sklearn_losses.estimators.scores._groups import (
    warn_of_one_query,
    warn_of_pooled_strata,
)
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.inspection._group_scorers import final_of, order_of
from sklearn_losses.inspection._raw_prediction import targets_and_raw_predictions
from sklearn_losses.losses import Loss
from sklearn_losses.losses._base import AS_SCORER
from sklearn_losses.losses._links import IdentityLink
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
                _refuse_groups(self.loss, "loss_scorer(d2=True)")
            raw = order_of(estimator, X, offset)
            if self.loss.task == "survival":
                warn_of_pooled_strata(final_of(estimator), strata)
                which = strata
            else:
                warn_of_one_query(y, groups, "scored")
                which = groups
            return -self.loss.mean(y, raw, which, sample_weight)
        blocks = blocks_of(repr(self), X, y, sample_weight, offset)
        if blocks is not None:
            if self.d2:
                raise TypeError(
                    f"{self!r} has no score of rows in blocks, because the best "
                    "constant is that of all rows together. Use loss_scorer(loss), or "
                    "compute y and the raw predictions."
                )
            return mean_of_blocks(blocks, Score(self, "score", estimator))
        if y is None:
            raise ValueError(
                f"{self!r} needs y, with which it compares predictions. Only RowBlocks "
                "have their own."
            )
        y, raw = targets_and_raw_predictions(estimator, X, y, self.loss, offset)
        if self.d2:
            return d2_loss_score(y, raw, self.loss, sample_weight)
        pairs = _columns(y, raw, self.loss)
        means = [self.loss.mean(*pair, sample_weight) for pair in pairs]
        return -float(np.mean(means))

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


# ----------------------------------------------------------------------------- d2
def d2_loss_score(
    y_true: ArrayLike,
    raw_prediction: ArrayLike,
    loss: Loss | str,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The share of the loss of the best constant that predictions save.

    1 - (mean loss - mean minimum) / (mean loss of the best constant - mean minimum),
    where the minimum is the least that any prediction could cost: with it, terms in y
    alone that a loss leaves out make no difference. Of SquaredError it is R^2, and of
    the other losses that scikit-learn has a D^2 for it is that one.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets, in the domain of the loss.
    raw_prediction : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Raw predictions, before the inverse link. With a loss of points each column is
        an output with a best constant of its own; with a loss of rows the columns are
        the classes.
    loss : Loss or str
        An instance, or the name of one.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the means.

    Returns
    -------
    float
        1 for perfect predictions, 0 for the best constant, negative for worse ones.
        Where the best constant is perfect, 1 if the predictions are and else 0. nan,
        with a warning, for less than two samples.

    Raises
    ------
    TypeError
        If `loss` is neither a loss nor a name.
    ValueError
        If there is no loss of that name, shapes do not fit, or a target is outside the
        domain.

    See Also
    --------
    d2_score : The same of a fitted estimator.
    loss_scorer : The same as a scorer.
    sklearn.metrics.d2_tweedie_score, sklearn.metrics.d2_log_loss_score

    Examples
    --------
    >>> from sklearn_losses import AbsoluteError, d2_loss_score
    >>> d2_loss_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], AbsoluteError())
    0.5
    """
    loss = as_loss(loss, "d2_loss_score")
    for name, array in (("y_true", y_true), ("raw_prediction", raw_prediction)):
        refuse_collection(array, name)
    _refuse_groups(loss, "d2_loss_score")
    y, raw = np.asarray(y_true), np.asarray(raw_prediction)
    if len(np.atleast_1d(y)) < 2:
        message = "D^2 score is not well-defined with less than two samples."
        warnings.warn(message, UndefinedMetricWarning, stacklevel=2)
        return float("nan")
    if sample_weight is not None:
        sample_weight = column_or_1d(sample_weight)
    if raw.ndim == 1 or loss.granularity == "row":
        _warn_of_scale(y, raw, loss, sample_weight)
    if loss.granularity == "row":
        excess = [_excesses(y, raw, loss, sample_weight)]
    else:
        excess = [
            _excesses(*column, loss, sample_weight) for column in _columns(y, raw, loss)
        ]
    of_model, of_constant, size = np.sum(excess, axis=0)
    rounding = 1e-12 * size
    if of_constant <= rounding:
        return 1.0 if of_model <= rounding else 0.0
    return float(1.0 - of_model / of_constant)


def _refuse_groups(loss, caller):
    if loss.granularity == "group":
        raise ValueError(
            f"{caller} cannot use {loss!r}, because it is a loss of groups, whose best "
            "constant is any. Use loss.mean(y, raw_prediction, groups)."
        )


def d2_score(
    estimator: Any,
    X: Matrix,
    y: ArrayLike,
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
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
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


def _warn_of_scale(y, raw, loss, sample_weight):
    """Say so if what should be raw predictions are likely to be predictions.

    That they would be the better ones is no chance, unless all are bad.
    """
    if isinstance(loss.link, IdentityLink):
        return
    if raw.ndim == 2 and not np.allclose(raw.sum(axis=1), 1.0):
        return  # no distributions
    with np.errstate(all="ignore"):
        linked = loss.link.link(raw)
        if not np.isfinite(linked).all():
            return
        as_given, as_linked = (loss.mean(y, p, sample_weight) for p in (raw, linked))
        constant = np.broadcast_to(
            _best_constant(loss, y, raw, sample_weight), raw.shape
        )
        best_constant = loss.mean(y, constant, sample_weight)
    is_likely = best_constant < as_given or loss.probabilistic
    if is_likely and as_linked < min(as_given, best_constant):
        warnings.warn(
            f"raw_prediction of d2_loss_score may be on the scale of y: {loss} is "
            f"{as_given:.4g} for what was given, {best_constant:.4g} for the best "
            f"constant and {as_linked:.4g} if these are predictions. Pass raw ones, as "
            "of model.raw_prediction(X) or loss.link.link(prediction), or use "
            "d2_score(model, X, y, loss).",
            UserWarning,
            stacklevel=3,
        )


def _columns(y, raw, loss):
    """The pairs of targets and raw predictions to which a loss is applied."""
    if loss.granularity == "point" and y.ndim == 2 and y.shape == raw.shape:
        return list(zip(y.T, raw.T))
    return [(y, raw)]


def _excesses(y, raw, loss, sample_weight):
    """What a model and the best constant lose above the minimum, and how much that is.

    Returns
    -------
    of_model, of_constant, size : float
        The size is the one to which rounding errors are relative.
    """
    of_model = loss.value(y, raw)  # or an error that says how raw should be
    least = _minimum(loss, y, raw)
    if loss.outputs and not np.isfinite(least).all():
        raise ValueError(
            f"d2_loss_score cannot use {loss!r}, because it has no least value: the "
            "likelihood of a prediction that is right grows without end as its scale "
            "falls to 0. Use loss_scorer(...), or a number for the scale."
        )
    constant = np.broadcast_to(_best_constant(loss, y, raw, sample_weight), raw.shape)
    values = [of_model, loss.value(y, constant), np.abs(least)]
    lost = np.array(
        [values[0] - least, values[1] - least, np.abs(values[1]) + values[2]]
    )
    if sample_weight is not None:
        seen = np.asarray(sample_weight) != 0  # weight 0 is no sample, also if inf
        lost, sample_weight = lost[:, seen], np.asarray(sample_weight)[seen]
    return np.average(lost, axis=1, weights=sample_weight)


def _best_constant(loss, y, raw, sample_weight):
    """optimal_constant, with all columns of raw as classes, seen or not."""
    if loss.granularity == "point" or y.ndim == 2 or loss.outputs:
        return loss.optimal_constant(y, sample_weight)
    classes = np.arange(raw.shape[1])
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    return loss.optimal_constant(
        np.concatenate([y, classes]), np.concatenate([weight, np.zeros(len(classes))])
    )


def _minimum(loss, y, raw):
    """loss.minimum, also where it depends on how many classes there are."""
    try:
        return loss.minimum(y)
    except ValueError:
        if loss.granularity == "point" or y.ndim == 2:
            raise
    # The least loss of a class is that of the constant that is best for it alone.
    classes = np.arange(float(raw.shape[1]))
    best = np.array([loss.optimal_constant(classes, classes == k) for k in classes])
    return loss.value(classes, best)[y.astype(int)]
