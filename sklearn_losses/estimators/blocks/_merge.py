"""merge_streams: models of SGD that have learned from different rows become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.estimators._sgd_base import BaseSGD
from sklearn_losses.problem._objective import Objective
from sklearn_losses.solvers.stream._merge import can_merge, merged
from sklearn_losses.solvers.stream._stream_past import remembered

Model = TypeVar("Model", bound=BaseSGD)


def merge_streams(models: Sequence[Model]) -> Model:
    """One model of all rows, of models that have learned from some of them each.

    For rows that lie in several places, or are read by several processes: each
    makes a stream of its own, by ``partial_fit`` with learning_rate='auto', and what
    they remember is added. It is, about, as if one of them had seen all rows, in
    whatever order; it may go on with ``partial_fit``, and be merged again.

    Parameters
    ----------
    models : sequence of SGDRegressor or SGDClassifier
        With the same parameters, features and classes. They stay as they are.

    Returns
    -------
    SGDRegressor or SGDClassifier
        Another one.

    Raises
    ------
    TypeError
        If one of them is something else.
    ValueError
        If they differ in what they are models of, or one is no stream.

    See Also
    --------
    LinearRegressor : Exact fits of rows in many places; see docs/scale.md.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import SGDRegressor, merge_streams
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(10_000, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + rng.standard_t(2, size=10_000)
    >>> parts = [slice(i, i + 2500) for i in range(0, 10_000, 2500)]
    >>> models = [SGDRegressor("huber").partial_fit(X[p], y[p]) for p in parts]
    >>> merge_streams(models).coef_.round(1)
    array([1., 2., 3.])
    """
    models = list(models)
    if not models:
        raise ValueError("merge_streams needs at least one model. Got none.")
    for model in models:
        if not isinstance(model, BaseSGD):
            raise TypeError(
                "merge_streams needs SGDRegressor or SGDClassifier. Got "
                f"{type(model).__name__}."
            )
        check_is_fitted(model)
    first = models[0]
    for k, model in enumerate(models[1:], 1):
        _check_alike(first, model, k)
    if first.loss_.outputs:
        raise ValueError(
            f"Models of {first.loss_!r} cannot be merged, because it has several "
            "outputs. Use a loss of one raw prediction, or one stream of all rows."
        )
    objective = _objective_of(first)
    for k, model in enumerate(models):
        _check_stream(objective, model, k)
    result = merged(objective, [model._state for model in models])
    found = clone(first)
    for name in ("classes_", "n_features_in_", "feature_names_in_", "scale_"):
        if hasattr(first, name):
            setattr(found, name, getattr(first, name))
    dtype = np.result_type(*(model.coef_.dtype for model in models))
    attributes = found._fitted(first.loss_, dtype, result.coef, result.intercept)
    vars(found).update(attributes, n_iter_=1)
    has_offset = any(getattr(model, "_has_offset", False) for model in models)
    found._remember(result.state, False, has_offset)
    return found


def _objective_of(model):
    """What a model minimises, without its rows."""
    loss, d = model.loss_, model.n_features_in_
    some = getattr(model, "classes_", np.zeros(0))
    encode, n_outputs = model._encoder(some, None, loss, None, True, True)
    targets, _ = encode(some, None, "y")
    targets = replace(targets, y=np.zeros(1))
    price = price_of(model, d, loss.granularity == "row")
    parts = Rows(np.zeros((1, d))), targets, None, 1.0, price, n_outputs
    return Objective(loss, *parts, model.fit_intercept)


def _check_alike(first, model, k):
    """Refuse a model of something else."""
    if type(model) is not type(first):
        raise ValueError(
            f"models[{k}] is a {type(model).__name__}, and models[0] a "
            f"{type(first).__name__}. Only models of the same kind can be merged."
        )
    one, other = first.get_params(), model.get_params()
    names = [name for name in one if repr(one[name]) != repr(other.get(name))]
    for name in [n for n in names if n not in ("verbose", "n_jobs", "random_state")]:
        raise ValueError(
            f"models[{k}] has {name}={other.get(name)!r}, and models[0] has "
            f"{name}={one[name]!r}. Only models of the same parameters can be merged."
        )
    for name in ("n_features_in_", "feature_names_in_", "classes_", "scale_"):
        one, other = getattr(first, name, None), getattr(model, name, None)
        if not np.array_equal(one, other):
            raise ValueError(
                f"models[{k}] has {name}={other}, and models[0] has {name}={one}. Only "
                "models of the same features and classes can be merged: pass all "
                "classes to partial_fit, and a number for the scale of the loss."
            )


def _check_stream(objective, model, k):
    state = getattr(model, "_state", {})
    advice = "Use partial_fit with learning_rate='auto' alone for each of them."
    if remembered(objective, state) is None:
        raise ValueError(
            f"models[{k}] is no stream: it remembers nothing of its rows. {advice}"
        )
    reason = can_merge(objective, state)
    if reason is not None:
        raise ValueError(f"models[{k}] cannot be merged, because {reason}. {advice}")
