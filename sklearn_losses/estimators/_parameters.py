"""What parameters of estimators mean: losses, penalties, bounds, optimizers, seeds."""

from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sklearn_losses._machine._params import (
    NONE,
    Instance,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses.estimators._validation import warn_caller
from sklearn_losses.losses import Loss, Quantiles, get_loss, loss_names
from sklearn_losses.losses._censored import AFT
from sklearn_losses.losses._contradictions import is_foreign
from sklearn_losses.penalties import L1, L2, ElasticNet, Penalty
from sklearn_losses.penalties._names import in_order
from sklearn_losses.penalties._price import Price
from sklearn_losses.solvers._residual_scale import residual_scale
from sklearn_losses.solvers.sgd._optimizers import OPTIMIZERS, Optimizer
from sklearn_losses.solvers.sgd._sgd import is_least_at_0

# Losses that took scikit-learn's `epsilon`, and the parameter that it was.
EPSILON_IS = {
    "huber": "delta",
    "epsilon_insensitive": "epsilon",
    "squared_epsilon_insensitive": "epsilon",
}

PLAIN = float, int, bool, str, type(None)  # parameters that need no copy

PENALTY = [
    Options("l2", "l1", "elasticnet"),
    Instance(Penalty, "a penalty such as MCP(gamma=3.0)"),
    NONE,
]

KINDS = {  # of losses
    "binary": "classification",
    "multiclass": "classification",
    "boxes": "boxes of four edges",
    "multilabel": "several labels a row",
}
ESTIMATORS = {
    "regression": "LinearRegressor",
    "binary": "LinearClassifier",
    "multiclass": "LinearClassifier",
    "ordinal": "LinearOrdinalClassifier",
    "boxes": "LinearMultiTask",
    "multilabel": "LinearClassifier",
    "ranking": "LinearRanker",
    "survival": "LinearSurvival",
    "embedding": "LinearEmbedding",
}

NAMED = {"l1": L1(), "l2": L2()}

OPTIMIZER = [
    Options(*OPTIMIZERS),
    Instance(Optimizer, "an optimizer such as Adam(beta_1=0.9)"),
]


def resolve_loss(estimator, tasks, also=()):
    """The loss object that an estimator's `loss` and `epsilon` stand for.

    Parameters
    ----------
    estimator : estimator with the parameter loss and perhaps epsilon
    tasks : tuple of str
        The tasks whose losses it can use.
    also : tuple of str, default=()
        Names of losses for other tasks that it takes, as scikit-learn's does.

    Returns
    -------
    Loss
        A copy, so that what is fitted does not change with the parameter.

    Raises
    ------
    InvalidParameterError
        If it is no loss, or one for another task.
    """
    name, loss = type(estimator).__name__, estimator.loss
    found = _named(estimator, name) if isinstance(loss, str) else _own(name, loss)
    if found.task not in tasks and found.name not in also:
        usable = [n for task in tasks for n in loss_names(task)] + list(also)
        raise InvalidParameterError(
            f"{name} cannot use loss={loss!r}, because it is a loss for "
            f"{KINDS.get(found.task, found.task)}. Use {_estimator_of(found, name)}, "
            f"or one of {', '.join(usable)}."
        )
    found = found.to_fit()
    _check_outputs(estimator, found)
    if found.needs_scale and "regression" not in tasks:
        raise InvalidParameterError(
            f"{name} cannot use loss={loss!r}, because labels have no unit whose scale "
            "could be measured. Use a number for the scale."
        )
    if not found.needs_link:
        found.at_scale(1.0).checked()  # its parameters, and its C functions
    return found


def _estimator_of(loss, owner):
    """One that can use a loss: as the owner is, of optima or of steps, if it may be."""
    if getattr(loss, "drawn", None) is not None and not loss.convex:
        return "SGDRanker(learning_rate='constant')"
    if owner.endswith("Survival") and isinstance(loss, AFT):
        return "LinearSurvival"
    if loss.needs_link:
        return "LinearClassifier"
    found = ESTIMATORS.get(loss.task, "another estimator")
    if not (owner.startswith("SGD") or is_least_at_0(loss)):
        return found
    if loss.task == "multilabel":
        return "SGDMultiTask"
    return found.replace("Linear", "SGD")


def _own(name, loss):
    """A copy of somebody's loss."""
    if isinstance(loss, Loss):
        return copy_of(loss)
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise InvalidParameterError(
            f"The 'loss' parameter of {name} must be an instance of a loss. Got the "
            f"class {loss.__name__} instead: write {loss.__name__}()."
        )
    raise InvalidParameterError(
        f"The 'loss' parameter of {name} must be a loss such as Huber(delta=1.5) or "
        f"the name of one. Got {loss!r} instead."
    )


def _named(estimator, name):
    """The loss of a name, with `epsilon` where that is one of its parameters."""
    loss, epsilon = estimator.loss, getattr(estimator, "epsilon", None)
    if loss == "huber" and epsilon == 0:
        raise InvalidParameterError(
            f"The 'epsilon' parameter of {name} must be > 0 with loss='huber'. Got "
            f"{epsilon!r} instead."
        )
    has_epsilon = loss in EPSILON_IS and epsilon is not None
    parameters = {EPSILON_IS[loss]: epsilon} if has_epsilon else {}
    try:
        return get_loss(loss, **parameters)
    except ValueError as error:
        raise InvalidParameterError(
            f"The 'loss' parameter of {name} must be a loss such as Huber(delta=1.5) "
            f"or the name of one. Got {loss!r} instead. {error}"
        ) from error


def _check_outputs(estimator, found):
    """Refuse a loss of several outputs, or of one that is fitted, where it is none."""
    name, loss = type(estimator).__name__, estimator.loss
    takes_outputs = getattr(estimator, "_takes_outputs", False)
    has_outputs = found.outputs and found.granularity == "row"
    is_apart = found.task in ("boxes", "multilabel")
    if has_outputs and not (takes_outputs or is_apart):
        if isinstance(found, Quantiles):
            raise InvalidParameterError(
                f"{name} cannot use loss={loss!r}, because it predicts several numbers "
                f"for a row. Use {_estimator_of(found, name)}, or Quantile() for each "
                "of them."
            )
        fitted = [k for k in found.outputs[1:] if hasattr(found, k)]
        of = ", ".join(f"{k}={getattr(found, k)!r}" for k in fitted)
        is_interval = hasattr(found, "without")
        of_y = "y may be an interval" if is_interval else "y has two columns"
        of = f"its {of} is fitted" if fitted else of_y
        advice = ", or numbers for the parameters" if fitted else ""
        raise InvalidParameterError(
            f"{name} cannot use loss={loss!r}, because {of}. Use "
            f"{_estimator_of(found, name)}{advice}."
        )
    is_row = found.granularity == "row" and not found.outputs
    if is_row and found.task != "multiclass":
        raise InvalidParameterError(
            f"{name} cannot use loss={loss!r}, because a loss whose parameters are "
            "fitted has no factor and is no part of another. Use it as it is, with "
            "sample_weight."
        )


def copy_of(loss):
    """A copy of a loss, as from scikit-learn's clone, which takes ten times as long."""
    is_plain = all(type(held) in PLAIN for held in vars(loss).values())
    if not is_plain or is_foreign(loss):
        return clone(loss)
    found = object.__new__(type(loss))
    vars(found).update(vars(loss))
    return found


def resolve_optimizer(estimator):
    """The optimizer that an estimator's `optimizer` stands for.

    Parameters
    ----------
    estimator : estimator with the parameter optimizer

    Returns
    -------
    Optimizer or None
        None for "sgd".

    Raises
    ------
    InvalidParameterError
        If it is no optimizer, or one with a parameter that it may not have.
    """
    optimizer = estimator.optimizer
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        raise InvalidParameterError(
            f"The 'optimizer' parameter of {type(estimator).__name__} must be an "
            f"instance of an optimizer. Got the class {optimizer.__name__} instead: "
            f"write {optimizer.__name__}()."
        )
    check_parameters(estimator, {"optimizer": OPTIMIZER})
    if isinstance(optimizer, str):
        return None if optimizer == "sgd" else OPTIMIZERS[optimizer]()
    optimizer.check()
    return optimizer


def measured_scale(objective, train=None):
    """The scale that scale='mad' stands for, and where it was measured, or a warning.

    See `residual_scale`.
    """
    scale, found = residual_scale(objective, train)
    if not found.converged:
        warn_caller(
            "The least absolute deviations that scale='mad' is measured at did not "
            f"converge, so that scale_={scale:.4g} may be wrong. Scale the features, "
            "or use a number for the scale.",
            ConvergenceWarning,
        )
    return scale, found


def check_l1_ratio(estimator):
    """Refuse a penalty whose share of the l1 norm is not given.

    Raises
    ------
    InvalidParameterError
    """
    if estimator.penalty == "elasticnet" and estimator.l1_ratio is None:
        raise InvalidParameterError(
            f"The 'l1_ratio' parameter of {type(estimator).__name__} must be a float "
            "in the range [0.0, 1.0] with penalty='elasticnet'. Got None instead."
        )


def resolve_penalty(estimator):
    """The penalty that an estimator's `penalty` and `l1_ratio` stand for, or None.

    Raises
    ------
    InvalidParameterError
        If it is no penalty, or has a parameter that it may not have.
    """
    penalty, name = estimator.penalty, type(estimator).__name__
    if isinstance(penalty, str) and penalty in NAMED:
        return NAMED[penalty]
    if isinstance(penalty, type) and issubclass(penalty, Penalty):
        raise InvalidParameterError(
            f"The 'penalty' parameter of {name} must be an instance of a penalty. Got "
            f"the class {penalty.__name__} instead: write {penalty.__name__}(...)."
        )
    check_parameters(estimator, {"penalty": PENALTY})
    check_l1_ratio(estimator)
    if isinstance(penalty, Penalty):
        penalty.check()
        return penalty
    return None if penalty is None else ElasticNet(estimator.l1_ratio)


def price_of(estimator, n_features, is_joint):
    """The estimator's penalty with numbers, and its bounds.

    Parameters
    ----------
    estimator : estimator with the parameters penalty, alpha and l1_ratio
    n_features : int
    is_joint : bool
        Whether its outputs share an objective.

    Returns
    -------
    Price

    Raises
    ------
    InvalidParameterError
        If they do not suit the features or each other.
    """
    penalty, owner = resolve_penalty(estimator), type(estimator).__name__
    names = getattr(estimator, "feature_names_in_", None)
    if penalty is None:
        price = Price()
    else:
        price = penalty.price(float(estimator.alpha), n_features, names)
    if price.norm is not None and price.norm.shares and not is_joint:
        raise InvalidParameterError(
            f"{owner} cannot use penalty={penalty!r} with loss={estimator.loss!r}, "
            "because each output has an objective of its own, or there is but one. Use "
            f"L1(){_of_several_outputs(estimator)}."
        )
    if not has_bounds(estimator):
        return price
    low, high = bounds_of(estimator, n_features, names)
    if not (np.any(low > -np.inf) or np.any(high < np.inf)):
        return price
    if price.norm is not None:
        raise InvalidParameterError(
            f"{owner} cannot use penalty={penalty!r} with bounds or positive=True, "
            "because a norm of several coefficients with bounds has no proximal "
            "operator in closed form. Use L1(), or leave the bounds out."
        )
    return replace(price, low=low, high=high)


def _of_several_outputs(estimator):
    """What has several outputs that share an objective, for an estimator's user."""
    if is_classifier(estimator):
        return ", or a loss of rows such as CrossEntropy()"
    return ", or LinearMultiTask of several targets" if is_regressor(estimator) else ""


def has_bounds(estimator):
    """Whether somebody has set `bounds` or `positive`, where there are such."""
    return getattr(estimator, "bounds", None) is not None or bool(
        getattr(estimator, "positive", False)
    )


def bounds_of(estimator, n_features, names):
    """What coefficients are at the least and at the most, by `bounds` and `positive`.

    Raises
    ------
    InvalidParameterError
        If they are no bounds, or leave out 0.
    """
    low, high = -np.inf, np.inf
    bounds, owner = getattr(estimator, "bounds", None), type(estimator).__name__
    if bounds is not None:
        if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
            raise InvalidParameterError(
                f"The 'bounds' parameter of {owner} must be (lower, upper), each a "
                f"number, an array of one for each feature or None. Got {bounds!r} "
                "instead."
            )
        low, high = (
            _end(owner, name, end, sign, n_features, names)
            for name, end, sign in zip(("lower", "upper"), bounds, (-1.0, 1.0))
        )
    return np.maximum(low, 0.0) if getattr(estimator, "positive", False) else low, high


def _end(owner, name, end, sign, n_features, names):
    start = f"The {name} end of the 'bounds' parameter of {owner}"
    end = in_order(start, end, names)
    if end is None:
        return sign * np.inf
    try:
        found = np.asarray(end, dtype=object)
        is_none = np.equal(found, None)
        found = np.where(is_none, sign * np.inf, found).astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidParameterError(
            f"{start} must be a number, an array of one for each feature or None. Got "
            f"{end!r} instead."
        ) from None
    if found.shape not in ((), (n_features,)):
        raise InvalidParameterError(
            f"{start} must be a number, or an array of the shape ({n_features},), one "
            f"for each feature. Got the shape {found.shape}."
        )
    bad = np.flatnonzero(~(sign * np.atleast_1d(found) >= 0))
    if len(bad):
        which = f" of feature {bad[0]}" if found.ndim else ""
        side = "<=" if sign < 0 else ">="
        raise InvalidParameterError(
            f"{start} must be {side} 0, for a fit begins with coefficients of 0. Got "
            f"{np.atleast_1d(found)[bad[0]]:g}{which}."
        )
    return found


def draw_seed(random_state):
    """The seed of a generator, from what scikit-learn calls a random_state.

    An int is a seed by itself. To draw one from a RandomState with that seed would take
    a tenth of a millisecond, which is a fifth of a fit of a hundred rows.

    Parameters
    ----------
    random_state : int, RandomState or None

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is something else, or an int that a RandomState does not take.
    """
    if isinstance(random_state, Integral) and 0 <= random_state < 2**32:
        return int(random_state)
    return check_random_state(random_state).randint(2**31 - 1)
