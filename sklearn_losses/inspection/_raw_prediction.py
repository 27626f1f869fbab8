"""The raw predictions of any scikit-learn estimator, as a loss would have them.

>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from sklearn_losses.inspection._raw_prediction import targets_and_raw_predictions
>>> from sklearn_losses.losses import LogLoss
>>> X, y = np.array([[-1.0], [0.0], [1.0], [2.0]]), np.array(["a", "b", "a", "b"])
>>> model = LogisticRegression().fit(X, y)
>>> codes, raw = targets_and_raw_predictions(model, X, y, LogLoss())
>>> codes, np.allclose(raw, model.decision_function(X))
(array([0., 1., 0., 1.]), True)
"""

from functools import partial, update_wrapper

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import column_or_1d

from sklearn_losses.design._structure import check_structure
from sklearn_losses.losses import Loss

PREDICT = "raw_prediction", "predict", "predict_proba", "decision_function"


def targets_and_raw_predictions(estimator, X, y, loss, offset=None):
    """Targets and raw predictions at which a loss of an estimator can be evaluated.

    Parameters
    ----------
    estimator : object
        A fitted estimator, pipeline or search.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Targets or labels.
    loss : Loss
    offset : array-like of the shape of raw predictions, default=None
        Only estimators of this package, maybe at the end of a pipeline or in a search,
        know what to do with it.

    Returns
    -------
    targets : ndarray of float of shape (n_samples,) or (n_samples, n_classes)
        With n_classes columns in one versus rest: 1 in the column of the class.
    raw_prediction : ndarray of shape (n_samples,) or (n_samples, n_classes)

    Raises
    ------
    ValueError
        As in `LossScorer.score`.
    """
    check_structure(X)  # others' estimators may not
    if loss.outputs and loss.granularity == "row":
        return _of_outputs(estimator, X, y, loss, offset)
    if loss.granularity == "group":
        scorers = {"ranking": "ndcg_scorer()", "survival": "concordance_index_scorer()"}
        raise ValueError(
            f"{loss!r} cannot score {type(estimator).__name__}, because it is a loss "
            f"of groups of rows. Use {scorers.get(loss.task, 'another scorer')}."
        )
    y = column_or_1d(y)
    if offset is not None:
        estimator, X = _with_offset(estimator, X, offset)
    if loss.task == "regression":
        if is_classifier(estimator):
            raise _refusal(
                loss, estimator, "it is a loss for regression", "a classifier"
            )
        return y, _of_regressor(estimator, X, loss)
    if not hasattr(estimator, "classes_"):
        raise _refusal(
            loss,
            estimator,
            "it is a loss for classification",
            "not a fitted classifier",
        )
    codes = _encode(y, estimator)
    raw = _of_classifier(estimator, X, loss)
    if loss.granularity == "row" and raw.ndim == 1:
        raw = np.column_stack([np.zeros_like(raw), raw])
    if loss.granularity == "point" and raw.ndim == 2:
        codes = (codes[:, np.newaxis] == np.arange(raw.shape[1])).astype(np.float64)
    return codes, raw


def _refusal(loss, estimator, loss_is, estimator_is, advice=""):
    """The error that a loss and an estimator do not go together."""
    name = type(estimator).__name__
    return ValueError(
        f"{loss!r} cannot score {name}, because {loss_is} and {name} is {estimator_is}."
        f"{' ' if advice else ''}{advice}"
    )


def behind(estimator, X, method):
    """The model in a pipeline or a search that has a method, and rows as it takes them.

    The model is None if there is none.
    """
    while estimator is not None and not hasattr(estimator, method):
        if isinstance(estimator, Pipeline) and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = _behind(estimator)
    return estimator, X


def _of_outputs(estimator, X, y, loss, offset):
    """Those of a model that was fitted with a loss of the same outputs."""
    model, X = behind(estimator, X, "raw_prediction")
    own = getattr(model, "loss_", None)
    if not isinstance(own, type(loss)):
        raise _refusal(
            loss,
            estimator,
            "it needs all the outputs of a model that was fitted with it",
            "none" if own is None else f"one of {own!r}",
        )
    return model._targets_and_outputs(X, y, loss, offset)


# -------------------------------------------------------------------- regression
def _of_regressor(estimator, X, loss):
    if _has_link_of(estimator, loss):
        return _own_raw_prediction(estimator, X)
    prediction = np.asarray(estimator.predict(X))
    if prediction.ndim == 2 and prediction.shape[1] == 1:
        prediction = prediction[:, 0]
    if prediction.ndim != 1:
        raise _refusal(loss, estimator, "it is a loss of one output", "for several")
    with np.errstate(all="ignore"):  # what comes out is looked at
        raw = loss.link.link(prediction)
    bad = np.flatnonzero(~np.isfinite(raw))
    if len(bad):
        raise ValueError(
            f"{loss!r} cannot score {type(estimator).__name__}, because its prediction "
            f"for row {bad[0]} is {prediction[bad[0]]}, which is outside the range of "
            f"{loss.link!r}. Use a model whose predictions are inside, or another loss."
        )
    return raw


def _behind(estimator):
    """The last step of a pipeline, the winner of a search, or None."""
    if isinstance(estimator, Pipeline):
        return estimator[-1]
    return getattr(estimator, "best_estimator_", None)


def _has_link_of(estimator, loss):
    """Whether it was trained with a loss whose raw predictions mean the same."""
    while estimator is not None and not hasattr(estimator, "raw_prediction"):
        estimator = _behind(estimator)
    fitted = getattr(estimator, "loss_", None)
    return isinstance(fitted, Loss) and fitted.link == loss.link


def _own_raw_prediction(estimator, X):
    """raw_prediction(X) of the estimator at the end of pipelines and searches."""
    if hasattr(estimator, "raw_prediction"):
        return estimator.raw_prediction(X)
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        X = estimator[:-1].transform(X)
    return _own_raw_prediction(_behind(estimator), X)


class _WithOffset:
    """A fitted model of this package whose methods add an offset."""

    def __init__(self, model, offset):
        self._model, self._offset = model, offset

    def __getattr__(self, name):
        found = getattr(self._model, name)
        if name not in PREDICT:
            return found
        return update_wrapper(partial(found, offset=self._offset), found)

    def __sklearn_tags__(self):
        return self._model.__sklearn_tags__()


def _with_offset(estimator, X, offset):
    """The model at the end of pipelines and searches, and what it is to see of X."""
    while not hasattr(estimator, "raw_prediction"):
        if isinstance(estimator, Pipeline) and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        behind = _behind(estimator)
        if behind is None:
            raise ValueError(
                f"loss_scorer cannot score {type(estimator).__name__} with an offset, "
                "which only estimators of sklearn_losses take when they predict. Score "
                "it without, or one of these, maybe in a Pipeline or a search."
            )
        estimator = behind
    return _WithOffset(estimator, offset), X


# ---------------------------------------------------------------- classification
def _encode(y, estimator):
    """The index of each label in the classes of an estimator."""
    classes = np.asarray(estimator.classes_).tolist()
    index = {label: i for i, label in enumerate(classes)}
    labels, inverse = np.unique(y, return_inverse=True)
    codes = np.array([index.get(label, -1) for label in labels.tolist()])[inverse]
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        first = unknown[0]
        raise ValueError(
            f"y has the label {labels.tolist()[inverse[first]]!r} (at index {first}), "
            f"which {type(estimator).__name__} has not seen: its classes are {classes}."
        )
    return codes.astype(np.float64)


def _of_classifier(estimator, X, loss):
    """Of shape (n_samples,) with two classes, else (n_samples, n_classes)."""
    if loss.probabilistic and not _has_link_of(estimator, loss):
        if not hasattr(estimator, "predict_proba"):
            raise _refusal(
                loss,
                estimator,
                "it is a loss of probabilities",
                "without predict_proba",
                "Wrap it in CalibratedClassifierCV, or score with a loss of margins "
                "such as Hinge().",
            )
        return _raw_of_probability(np.asarray(estimator.predict_proba(X)), loss)
    if not hasattr(estimator, "decision_function"):
        raise _refusal(
            loss,
            estimator,
            "it is a loss of margins",
            "without decision_function",
            "Score with a loss of probabilities such as LogLoss() or CrossEntropy().",
        )
    raw = np.asarray(estimator.decision_function(X))
    if raw.ndim == 2 and raw.shape[1] != len(estimator.classes_):
        raise ValueError(
            f"The decision_function of {type(estimator).__name__} has {raw.shape[1]} "
            f"columns for {len(estimator.classes_)} classes. Make it one versus rest, "
            "with decision_function_shape='ovr'."
        )
    return raw


def _raw_of_probability(probability, loss):
    resolution = np.finfo(probability.dtype).eps
    probability = np.clip(probability, resolution, 1.0 - resolution)
    if loss.granularity == "row":
        return loss.link.link(probability)
    if probability.shape[1] > 2 or not loss.symmetric:
        raw = loss.link.link(probability)
        return raw[:, 1] if probability.shape[1] == 2 else raw
    # The smaller of the two has the digits, and the classes are alike.
    negative, positive = probability.T
    is_small = positive <= negative
    raw = loss.link.link(np.where(is_small, positive, negative))
    return np.where(is_small, raw, -raw)
