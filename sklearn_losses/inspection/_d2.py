"""D^2: the share of the loss of the best constant that predictions save.

Of rows in blocks it is made of sums: a first pass has the loss of the model, the best
constant of all rows is fitted, and a last pass has its loss.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import column_or_1d

from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.estimators._linear import LinearRegressor
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.losses import Loss
from sklearn_losses.losses._links import IdentityLink
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._dask import is_collection

NEAR = 1e-8  # of what a best constant gains over a guess of it, may be missed
ROUNDED = 0.1  # of the way to the mean, for predictions that were rounded
LABELLED = ("binary", "multiclass")


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
    refuse_groups(loss, "d2_loss_score")
    if is_collection(y_true) or is_collection(raw_prediction):
        return _of_collections(y_true, raw_prediction, loss, sample_weight)
    y, raw = np.asarray(y_true), np.asarray(raw_prediction)
    if len(np.atleast_1d(y)) < 2:
        return _undefined()
    if sample_weight is not None:
        sample_weight = column_or_1d(sample_weight)
    if raw.ndim == 1 or loss.granularity == "row":
        _warn_of_scale(y, raw, loss, sample_weight)
    if loss.granularity == "row":
        excess = [_excesses(y, raw, loss, sample_weight)]
    else:
        excess = [
            _excesses(*column, loss, sample_weight)
            for column in columns_of(y, raw, loss)
        ]
    return _share(*np.sum(excess, axis=0))


def _undefined():
    message = "D^2 score is not well-defined with less than two samples."
    warnings.warn(message, UndefinedMetricWarning, stacklevel=3)
    return float("nan")


def _share(of_model, of_constant, size):
    """What is saved, of excesses and the size to which rounding is relative."""
    rounding = 1e-12 * size
    if of_constant <= rounding:
        return 1.0 if of_model <= rounding else 0.0
    return float(1.0 - of_model / of_constant)


def refuse_groups(loss, caller):
    if loss.granularity == "group":
        raise ValueError(
            f"{caller} cannot use {loss!r}, because it is a loss of groups, whose best "
            "constant is any. Use loss.mean(y, raw_prediction, groups)."
        )


def _warn_of_scale(y, raw, loss, sample_weight):
    """Say so if what should be raw predictions are likely to be predictions.

    That they would be the better ones is no chance, unless all are bad. Nor is it that
    all are 0 or 1, where those are the classes.
    """
    if loss.task in LABELLED and are_labels(raw):
        _warn_of_labels(loss)
        return
    if isinstance(loss.link, IdentityLink):
        return
    linked = _linked(loss, raw)
    if linked is None:
        return
    with np.errstate(all="ignore"):
        as_given, as_linked = (loss.mean(y, p, sample_weight) for p in (raw, linked))
        constant = np.broadcast_to(
            _best_constant(loss, y, raw, sample_weight), raw.shape
        )
        best_constant = loss.mean(y, constant, sample_weight)
    _warn_if_likely(loss, as_given, as_linked, best_constant)


def are_labels(raw):
    """Whether they are the classes 0 and 1, or indicators of classes; not one alone."""
    ones = np.asarray(raw) == 1.0
    if not (ones | (np.asarray(raw) == 0.0)).all():
        return False
    return 0 < ones.sum() < ones.size and (ones.ndim == 1 or (ones.sum(1) == 1).all())


def _warn_of_labels(loss):
    warnings.warn(
        f"raw_prediction of d2_loss_score has no values but 0 and 1, as classes have: "
        f"{loss} takes decisions. Pass raw predictions, as of model.raw_prediction(X) "
        "or model.decision_function(X), or use d2_score(model, X, y, loss).",
        UserWarning,
        stacklevel=4,
    )


def _linked(loss, raw):
    """What raw predictions are if they were predictions; None if they cannot be.

    Predictions that were rounded to where the link has no value are taken as nearer to
    the mean of all.
    """
    if raw.ndim == 2 and not np.allclose(raw.sum(axis=1), 1.0):
        return None  # no distributions
    with np.errstate(all="ignore"):
        found = loss.link.link(raw)
        if not np.isfinite(found).all():
            found = loss.link.link(raw + ROUNDED * (np.mean(raw, axis=0) - raw))
    return found if np.isfinite(found).all() else None


def _warn_if_likely(loss, as_given, as_linked, best_constant):
    is_likely = best_constant < as_given or loss.probabilistic
    if is_likely and as_linked < min(as_given, best_constant):
        warnings.warn(
            f"raw_prediction of d2_loss_score may be on the scale of y: {loss} is "
            f"{as_given:.4g} for what was given, {best_constant:.4g} for the best "
            f"constant and {as_linked:.4g} if these are predictions. Pass raw ones, as "
            "of model.raw_prediction(X) or loss.link.link(prediction), or use "
            "d2_score(model, X, y, loss).",
            UserWarning,
            stacklevel=4,
        )


def columns_of(y, raw, loss):
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
    least = _least(loss, y, raw)
    constant = np.broadcast_to(_best_constant(loss, y, raw, sample_weight), raw.shape)
    values = [of_model, loss.value(y, constant), np.abs(least)]
    lost = np.array(
        [values[0] - least, values[1] - least, np.abs(values[1]) + values[2]]
    )
    if sample_weight is not None:
        seen = np.asarray(sample_weight) != 0  # weight 0 is no sample, also if inf
        lost, sample_weight = lost[:, seen], np.asarray(sample_weight)[seen]
    return np.average(lost, axis=1, weights=sample_weight)


def _least(loss, y, raw):
    """The least that each target could cost; an error if there is none."""
    least = _minimum(loss, y, raw)
    if loss.outputs and not np.isfinite(least).all():
        raise ValueError(
            f"d2_loss_score cannot use {loss!r}, because it has no least value: the "
            "likelihood of a prediction that is right grows without end as its scale "
            "falls to 0. Use loss_scorer(...), or a number for the scale."
        )
    return least


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


# --------------------------------------------------------------- of rows in blocks
def d2_of_blocks(blocks, loss, pairs):
    """D^2 of rows in blocks.

    Parameters
    ----------
    blocks : RowBlocks
    loss : Loss
    pairs : callable
        A block -> targets, raw predictions, and weights or None; it can be pickled.
    """
    return _d2_and_means(blocks, loss, pairs)[0]


def _d2_and_means(blocks, loss, pairs):
    """D^2, and the mean losses of a model, of its predictions linked, of constants."""
    if loss.outputs and loss.granularity == "row":
        raise TypeError(
            f"D^2 of {loss!r} needs all rows in one place, because the best constant "
            "has several outputs. Use loss_scorer(loss), or gather them (of dask: "
            "X.compute())."
        )
    n_rows, weight, *of_model, counts, others = blocks.sum(_Lost(loss, pairs))
    if n_rows < 2:
        return _undefined(), None
    constants = _constants(blocks, loss, pairs, counts, others)
    _, _, *of_constant, _, _ = blocks.sum(_Lost(loss, pairs, constants))
    model, constant = (np.array(part) / weight for part in (of_model, of_constant))
    found = _share(model[1], constant[1], constant[2])
    return found, (model[0], model[3], constant[0])


def _of_collections(y, raw, loss, sample_weight):
    """`d2_loss_score` of dask collections."""
    if not (is_collection(y) and is_collection(raw)):
        names = ["y_true", "raw_prediction"]
        there, here = names if is_collection(y) else names[::-1]
        raise TypeError(
            f"d2_loss_score got {there} as a dask collection, and {here} as none. Pass "
            "both as collections of the same blocks."
        )
    blocks = blocks_of("d2_loss_score", raw, y, sample_weight)
    found, means = _d2_and_means(blocks, loss, _as_given)
    is_linked = not isinstance(loss.link, IdentityLink)
    if is_linked and means is not None and np.isfinite(means).all():
        _warn_if_likely(loss, *means)
    return found


def _as_given(block):
    raw, y, weight, *_ = block
    raw, y = np.asarray(raw), np.asarray(y)
    return y, raw[:, 0] if raw.ndim > y.ndim and raw.shape[1] == 1 else raw, weight


class _Lost:
    """A task: what the predictions of a block lose, or what constants do.

    Returns
    -------
    tuple of float and ndarray
        The number of rows and their weight; the loss, that above the least, the size
        to which rounding is relative, and the loss if predictions had to be linked
        (nan where they cannot be). Then the weights of the targets 0, 1, ... of each
        column, and of all that are no class.
    """

    __name__ = "d2"

    def __init__(self, loss, pairs, constants=None):
        self.loss, self.pairs, self.constants = loss, pairs, constants

    def __call__(self, block):
        if np.shape(block[0])[0] == 0:
            return None
        y, raw, weight = self.pairs(block)
        weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
        weight = np.broadcast_to(weight.ravel() if weight.ndim else weight, len(y))
        seen = weight != 0
        n_rows, y, raw, weight = len(y), y[seen], raw[seen], weight[seen]
        lost, counts, others = np.zeros(4), [], 0.0
        for k, (target, p) in enumerate(columns_of(y, raw, self.loss)):
            lost += self._of_column(k, target, p, weight)
            of_classes, other = _counted(target, p, weight, self.loss)
            counts.append(of_classes)
            others += other
        return n_rows, float(weight.sum()), *lost, np.array(counts), others

    def _of_column(self, k, y, p, weight):
        linked = np.nan
        if self.constants is not None:
            p = np.broadcast_to(self.constants[k], p.shape)
        else:
            as_raw = _linked(self.loss, p)
            if as_raw is not None:
                linked = weight @ self.loss.value(y, as_raw)
        values, least = self.loss.value(y, p), _least(self.loss, y, p)
        sizes = weight @ (np.abs(values) + np.abs(least))
        return np.array([weight @ values, weight @ (values - least), sizes, linked])


def _counted(y, p, weight, loss):
    """The weights of the targets that are classes, and of those that are none."""
    n_classes = p.shape[1] if loss.granularity == "row" else 2
    if y.ndim == 2:
        return np.zeros(n_classes), float(weight.sum())
    y = np.asarray(y, np.float64)
    is_class = (y >= 0) & (y < n_classes) & (y == np.floor(y))
    codes = y[is_class].astype(np.intp)
    other = float(weight[~is_class].sum())
    return np.bincount(codes, weight[is_class], n_classes), other


def _constants(blocks, loss, pairs, counts, others):
    """The best constant of each column of all rows."""
    if others == 0:  # classes, of which their weights say all
        classes = np.arange(float(counts.shape[1]))
        return [loss.optimal_constant(classes, each) for each in counts]
    if loss.granularity == "row":
        raise TypeError(
            f"D^2 of {loss!r} of rows in blocks needs a class for each row, and not "
            "shares of classes. Gather them: y.compute()."
        )
    models = (
        _Constant(loss, penalty=None, tol=NEAR).fit(_Targets(blocks, pairs, loss, k))
        for k in range(len(counts))
    )
    return [model.intercept_[0] for model in models]


class _Constant(LinearRegressor):
    """A model that is a constant, of any loss of points."""

    _tasks = ("regression", "binary")


class _Targets(RowBlocks):
    """Blocks of one column of the targets, beside a feature that says nothing."""

    def __init__(self, blocks, *parts):
        self.blocks, self.parts = blocks, parts

    def __len__(self):
        return len(self.blocks)

    def map(self, task, *args):
        return self.blocks.map(_OfTargets(task, *self.parts), *args)

    def sum(self, task, *args):
        return self.blocks.sum(_OfTargets(task, *self.parts), *args)


class _OfTargets:
    """A task of the blocks of `_Targets`, as one of those with all features."""

    def __init__(self, task, pairs, loss, column):
        self.task, self.pairs, self.loss, self.column = task, pairs, loss, column
        self.__name__ = getattr(task, "__name__", "task")

    def __call__(self, block, *args):
        n_rows, weight = np.shape(block[0])[0], None
        y = np.empty(0)
        if n_rows > 0:
            y, raw, weight = self.pairs(block)
            y, _ = columns_of(y, raw, self.loss)[self.column]
        return self.task((np.zeros((n_rows, 1)), y, weight), *args)
