"""A fitted model, and the objectives whose minimum it is said to be.

Who explains a fit needs the rows that it was made of; that these are others than those
of the fit shows, in `objective_`.
"""

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators import LinearClassifier, LinearRegressor
from sklearn_losses.estimators._labels import encode_labels
from sklearn_losses.estimators._validation import (
    check_numbers,
    check_rows,
    warn_caller,
)
from sklearn_losses.estimators.blocks._blocks import blocks_of, objectives_of_blocks
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.problem._objective import Objective, Targets

SAME = 1e-8  # of an objective may be rounding; of float32 coefficients ...
SAME_OF_FLOAT32 = 1e-4


@dataclass
class Fit:
    """A model and its objectives, one for each output that is fitted by itself.

    Attributes
    ----------
    model : LinearRegressor or LinearClassifier
    objectives : list of Objective
    points : list of (coef, intercept)
        Of each, of shape (n_outputs, n_features) and (n_outputs,).
    before : Pipeline or None
        What X has to pass first.
    """

    model: object
    objectives: list[Objective]
    points: list[tuple[np.ndarray, np.ndarray]]
    before: object = None

    @property
    def loss(self):
        return self.objectives[0].loss

    @property
    def is_elsewhere(self):
        """Whether rows are in blocks."""
        return self.objectives[0].sums is not None

    @property
    def is_difference(self):
        """Whether two outputs of a joint loss are published as their difference."""
        return self.objectives[0].n_outputs == 2

    @property
    def n_rows(self):
        return self.objectives[0].rows.n_rows

    @property
    def names(self):
        """Of the features that the model sees."""
        n_features = self.objectives[0].rows.n_features
        names = getattr(self.model, "feature_names_in_", None)
        if names is None and self.before is not None:
            try:
                names = self.before.get_feature_names_out()
            except (AttributeError, ValueError):
                names = None
        return [f"x{j}" for j in range(n_features)] if names is None else list(names)

    def elsewhere(self, X, y):
        """The objectives of other rows, without weights: a mean loss.

        Parameters
        ----------
        X, y : array-like

        Returns
        -------
        list of Objective
        """
        model = copy(self.model)
        X = X if self.before is None else self.before.transform(X)
        X, y = check_rows(model, X, y, reset=False)
        if isinstance(model, LinearRegressor):
            each = [check_numbers(y, self.loss, "y_val")]
        else:
            codes = encode_labels(y, model.classes_, "y_val")
            each = [codes]
            if len(self.objectives) > 1:
                each = [(codes == k).astype(float) for k in range(len(self.objectives))]
        rows, n = Rows(X), X.shape[0]
        new = dict(rows=rows, sample_weight=None, total_weight=float(n), offset=None)
        return [
            replace(objective, targets=Targets(target), **new)
            for objective, target in zip(self.objectives, each)
        ]


def fit_of(owner, model, X, y, sample_weight=None, offset=None):
    """The objectives of a fitted model.

    Parameters
    ----------
    owner : str
        Who asks, for errors.
    model : LinearRegressor, LinearClassifier or Pipeline
    X, y, sample_weight, offset
        Those of the fit.

    Returns
    -------
    Fit

    Raises
    ------
    TypeError
        If it is no such model.
    ValueError
        If the data are not those of the fit.
    """
    before = None
    if isinstance(model, Pipeline):
        if len(model) > 1:
            before = model[:-1]
            X = before.transform(X)
        model = model[-1]
    if hasattr(model, "best_estimator_"):
        raise TypeError(
            f"{owner} needs the model that {type(model).__name__} has found: pass its "
            "best_estimator_."
        )
    if not isinstance(model, (LinearRegressor, LinearClassifier)):
        raise TypeError(
            f"{owner} needs a LinearRegressor or a LinearClassifier, or a Pipeline "
            f"that ends in one. Got {type(model).__name__}."
        )
    n_features, loss = model._check_model(), model.loss_
    given = model._resolve_loss()
    if has_outputs(given) or has_outputs(loss):
        raise ValueError(
            f"{owner} cannot use {given!r}, which has several raw predictions a row. "
            "It takes losses of one raw prediction, such as SquaredError() or "
            "Quantile(0.9), and those of classes."
        )
    blocks = blocks_of(owner, X, y, sample_weight, offset)
    if blocks is None:
        objectives, dtype = copy(model)._objectives(X, y, sample_weight, loss, offset)
    else:
        objectives, dtype = objectives_of_blocks(copy(model), blocks, loss)
    found = objectives[0].rows.n_features
    if found != n_features:
        raise of_other_features(owner, n_features, found)
    n_outputs = sum(objective.n_outputs for objective in objectives)
    n_published = 1 if n_outputs == 2 else n_outputs
    if n_published != model._n_published():
        raise ValueError(
            f"{owner} needs the y of the fit: {type(model).__name__}.coef_ has "
            f"{model._n_published()} rows, and these classes would have {n_published}."
        )
    intercept = np.broadcast_to(model.intercept_, n_published)
    intercept = model._initial("intercept", intercept, (n_outputs,))
    coef = model._initial("coef", model._dense_coef(), (n_outputs, n_features))
    each = len(coef) // len(objectives)
    parts = [slice(i, i + each) for i in range(0, n_outputs, each)]
    fit = Fit(model, objectives, [(coef[p], intercept[p]) for p in parts], before)
    found = [o.value(*point)[0] for o, point in zip(fit.objectives, fit.points)]
    rest = [at_constant_of(o, *point) for o, point in zip(fit.objectives, fit.points)]
    check_objective(owner, model, found, dtype, rest)
    return fit


def at_constant_of(objective, coef, intercept):
    """The objective of the mean raw predictions in place of those of each row."""
    n = objective.rows.n_rows
    mean = objective.rows.transposed_dot(np.full((n, 1), 1.0 / n))[0]
    return objective.value(np.zeros_like(coef), intercept + coef @ mean)[0]


def of_other_features(owner, n_features, found):
    """The error that X has not the features of the fit."""
    return ValueError(
        f"{owner} needs the X of the fit, which had {n_features} features. Got {found}."
    )


def check_objective(owner, model, found, dtype, at_constant=0.0):
    """Refuse rows that are not those of the fit, which its objective shows.

    Of an exact fit the objective is rounding: what it is compared with is that of a
    constant.
    """
    reason = _of_other_data(model, found, dtype, at_constant)
    if reason:
        raise ValueError(f"{owner} needs {reason}.")


def warn_of_other_data(owner, model, found, dtype, offset=None, at_constant=0.0):
    """Say so if rows are not those of the fit; of any `tol`, as of one that stopped.

    Parameters
    ----------
    owner : str
    model : estimator
        Fitted, with `objective_`.
    found : array-like
        The objective of each output, of the rows that were passed.
    dtype : dtype
        Of the fit.
    offset : array-like, default=None
        What was passed.
    at_constant : array-like
        See `check_objective`.
    """
    reason = _of_other_data(model, found, dtype, at_constant)
    if reason:
        forgotten = offset is None and getattr(model, "_has_offset", False)
        hint = " It was fitted with an offset: pass offset= too." if forgotten else ""
        warn_caller(
            f"{owner} supposes {reason}. What it finds holds at the optimum of the "
            f"data that it gets.{hint}"
        )


def _of_other_data(model, found, dtype, at_constant=0.0):
    """What shows that rows are not those of the fit, or None."""
    known = np.ravel(model.objective_)
    same = SAME if dtype == np.float64 else SAME_OF_FLOAT32
    scale = np.nan_to_num(np.max(at_constant), posinf=0.0)
    least = same * max(np.abs(known).max(), scale)
    if np.allclose(found, known, rtol=same, atol=least, equal_nan=True):
        return None
    return (
        f"X, y, groups, sample_weight and offset of the fit: of these the objective is "
        f"{np.sum(found):.8g}, and objective_ of {type(model).__name__} is "
        f"{np.sum(known):.8g}"
    )
