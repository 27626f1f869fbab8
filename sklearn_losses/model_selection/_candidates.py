"""What a search compares: losses, with parameters of theirs, on paths of alphas.

An alpha means something else to each loss: the same penalty that hardly shows beside
the squared error of prices in dollars leaves next to nothing of a fit by the absolute
error. So each loss has a path of its own, relative to how steep it is at the best
constant.
"""

import warnings
from dataclasses import dataclass
from itertools import product
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.sparsefuncs import mean_variance_axis

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.estimators._linear import LinearClassifier, LinearRegressor
from sklearn_losses.estimators._parameters import price_of, resolve_loss
from sklearn_losses.estimators._path import _slopes_at_0
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.losses import (
    AbsoluteError,
    CrossEntropy,
    Gamma,
    Huber,
    LogLoss,
    Loss,
    ModifiedHuber,
    MulticlassSquaredHinge,
    NegativeBinomial,
    Poisson,
    SquaredError,
    SquaredHinge,
    Tweedie,
)
from sklearn_losses.model_selection._folds import rows_of

N_ALPHAS = 16
L1_RATIO = 1e-4  # the last alpha of a path, of an l1 norm, as a share of the first
L2_START, L2_RATIO = 10.0, 1e-7  # of an l2 norm, in curvatures along the gradient
GAINED = 0.9  # of what can be gained along the gradient says how long it is
FEW = 2000  # rows from which that is known
MANY = 20_000  # rows from which the slopes are known
LENGTHS = np.geomspace(1e-8, 1e8, 129)
# Fits that tell an alpha: how much stronger and weaker each is, what is the same, and
# how much of the gradient a penalty takes that is about as large as the curvature.
MOST_FITS, STRONGER, WEAKER, SETTLED, BENT, LEAST_ALONG = (
    12,
    100.0,
    10.0,
    0.1,
    0.7,
    1e-3,
)
MOST_KINDS = 0.5  # of the rows may have targets of their own, for them to be counts

OWN = "linear models of sklearn_losses"


@dataclass
class Group:
    """Candidates that differ in alpha alone.

    Attributes
    ----------
    loss : Loss
    params : dict
        Of the last step, but for alpha.
    alphas : list of float
        Falling; [None] where there is no penalty.
    """

    loss: Loss
    params: dict
    alphas: list

    def settings(self):
        """The parameters of each candidate."""
        for alpha in self.alphas:
            yield self.params if alpha is None else {**self.params, "alpha": alpha}


# ------------------------------------------------------------------------- the losses
def usual_losses(y, classifies, metrics):
    """A good set of losses for targets, and why these.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    classifies : bool
    metrics : list of Metric
        A loss that is a metric is a candidate, too.

    Returns
    -------
    losses : list of Loss
    why : str
    """
    if classifies:
        found, why = _usual_of_classes(y, metrics)
    else:
        found, why = _usual_of_numbers(np.asarray(y, dtype=np.float64))
    names = {repr(loss) for loss in found}
    for metric in metrics:
        if metric.loss is None or repr(metric.loss) in names:
            continue
        if _fits(metric.loss, y, classifies):
            found.insert(0, metric.loss)
            why += f" {metric.loss} is a metric of the search."
    return found, why


def _fits(loss, y, classifies):
    """Whether a metric can be minimised on these targets."""
    if classifies:
        return loss.task != "regression"
    return loss.task == "regression" and loss.domain.contains_all(np.asarray(y, float))


def _usual_of_classes(y, metrics):
    needs = any(metric.needs_probabilities for metric in metrics)
    if type_of_target(y) == "binary":
        found, what = [LogLoss(), ModifiedHuber(), SquaredHinge()], "y has two classes"
    else:
        found = [CrossEntropy(), LogLoss(), ModifiedHuber(), MulticlassSquaredHinge()]
        what = "y has more than two classes"
    if not needs:
        return found, f"{what}."
    found = [loss for loss in found if loss.probabilistic]
    return found, f"{what}, and the scoring needs probabilities."


def _usual_of_numbers(y):
    robust = Huber(scale="mad")
    if not np.isfinite(y).all() or (y < 0).any():
        found = [SquaredError(), robust, AbsoluteError()]
        return found, "y has numbers of both signs."
    is_whole = bool((y == np.floor(y)).all())
    if is_whole and len(np.unique(y)) <= MOST_KINDS * len(y):
        found = [Poisson(), NegativeBinomial(), SquaredError(), robust]
        return found, "y has counts: whole numbers >= 0, many of them equal."
    if (y == 0).any():
        found = [Tweedie(), SquaredError(), robust, AbsoluteError()]
        return found, "y has numbers >= 0."
    found = [Gamma(), SquaredError(), robust, AbsoluteError()]
    return found, "y has positive numbers."


def expanded(losses, params):
    """The losses, with all combinations of the parameters that are searched over.

    Parameters
    ----------
    losses : list of Loss
    params : dict of str to list, or None
        ``Class__parameter`` and the values that it is to have.

    Returns
    -------
    list of Loss
    """
    params, used, found = dict(params or {}), set(), []
    for loss in losses:
        start = f"{type(loss).__name__}__"
        own = {k: list(v) for k, v in params.items() if k.startswith(start)}
        used.update(own)
        names = [name.removeprefix(start) for name in own]
        for values in product(*own.values()):
            found.append(clone(loss).set_params(**dict(zip(names, values))))
    left = sorted(params.keys() - used)
    if left:
        kinds = dict.fromkeys(type(loss).__name__ for loss in losses)
        raise InvalidParameterError(
            f"The 'params' parameter of LossSearchCV has {left[0]!r}, which is no "
            "parameter of a loss of this search. Keys are 'Class__parameter' with one "
            f"of the classes {', '.join(kinds)}. For parameters of the estimator put "
            "GridSearchCV around the search."
        )
    return _without_repeats(found)


def _without_repeats(losses):
    return list({repr(loss): loss for loss in losses}.values())


def checked_losses(losses, final):
    """The losses of a search as objects, which the last step can use.

    Raises
    ------
    InvalidParameterError
        If one of them is no loss, or one of another task.
    """
    if isinstance(losses, (str, Loss)):
        losses = [losses]
    losses = list(losses)
    if not losses:
        raise InvalidParameterError(
            "The 'losses' parameter of LossSearchCV has no loss. Use losses such as "
            "[SquaredError(), Huber()], or None for a set by the target."
        )
    own, found = (final._tasks, final._other_losses), []
    for loss in losses:
        if not (isinstance(loss, Loss) and loss.needs_scale):
            loss = as_loss(loss, "The 'losses' parameter of LossSearchCV")
        resolve_loss(clone(final).set_params(loss=loss), *own)
        found.append(loss)
    return found


# ------------------------------------------------------------------------- the alphas
def checked_alphas(alphas):
    """`alphas` as numbers, or how many of them a path is to have.

    Returns
    -------
    list of float, falling, or int
    """
    if isinstance(alphas, str) and alphas == "auto":
        return N_ALPHAS
    if isinstance(alphas, Integral) and not isinstance(alphas, bool):
        if alphas < 1:
            raise _bad_alphas(alphas)
        return int(alphas)
    try:
        found = np.ravel(np.asarray(alphas, dtype=np.float64))
    except (TypeError, ValueError):
        raise _bad_alphas(alphas) from None
    if len(found) == 0 or isinstance(alphas, bool):
        raise _bad_alphas(alphas)
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(bad):
        raise InvalidParameterError(
            "The 'alphas' parameter of LossSearchCV must be finite and >= 0: "
            f"alphas[{bad[0]}] is {found[bad[0]]:g}."
        )
    return np.unique(found)[::-1].tolist()  # a path falls, in whatever order they came


def _bad_alphas(alphas):
    return InvalidParameterError(
        "The 'alphas' parameter of LossSearchCV must be 'auto', how many there are to "
        f"be of each loss (>= 1), or a list of numbers >= 0. Got {alphas!r}."
    )


def path(group_params, final, alphas, data):
    """The alphas of one group, falling.

    Parameters
    ----------
    group_params : dict
        Parameters of the last step.
    final : estimator
    alphas : list of float, or int
        A number: as many, relative to how steep this loss is.
    data : tuple
        X, y, sample_weight and offset of the last step.
    """
    model = clone(final).set_params(**group_params)
    if model.penalty is None:
        return [None]
    if not isinstance(alphas, int):
        return alphas
    data = _counted(*data)
    if has_slopes(model.loss):
        linear = linear_like(model).set_params(alpha=1.0)
        X, y, weight, offset = some_of(*data, hasattr(model, "class_weight"))
        objectives, _ = linear._objectives(X, y, weight, linear._usable_loss(), offset)
        largest, ratio = _largest_alpha(objectives, linear)
    else:
        largest, ratio = alpha_by_fits(model, data)
    found = largest * np.geomspace(1.0, ratio, alphas)
    # Three digits, so that people can read them, and the same in every run.
    return [float(f"{alpha:.3g}") for alpha in found]


def _counted(X, y, weight, offset):
    """The rows that have a weight, as if the others were not there."""
    if weight is None or np.ndim(weight) == 0:
        return X, y, weight, offset
    counts = np.asarray(weight) != 0
    if counts.all() or not counts.any():
        return X, y, weight, offset
    return tuple(rows_of(array, counts) for array in (X, y, weight, offset))


def has_slopes(loss):
    """Whether its slopes at the best constant are those of one or each class."""
    several = getattr(loss, "outputs", 0) and loss.granularity == "row"
    return loss.granularity != "group" and not several


def alpha_by_fits(model, data):
    """The alpha that a path begins with, and the last one as a share of it.

    Of any loss: w(alpha) = z / (alpha + curvature) along the gradient z, as of a
    parabola, where alpha is the strength of an l2 norm. The gradient is known where
    alpha w(alpha) is the same for a larger alpha, and the curvature from a smaller one.
    """
    X, y, weight, offset = data
    squares = clone(model).set_params(penalty="l2")

    def coef(alpha):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = squares.set_params(alpha=alpha).fit(X, y, weight, offset=offset)
        return fitted.coef_

    alpha = largest_variance(X)  # the unit of a curvature
    z = coef(alpha) * alpha
    for _ in range(MOST_FITS):
        z, before = coef(STRONGER * alpha) * STRONGER * alpha, z
        alpha *= STRONGER
        if np.abs(z - before).max() <= SETTLED * np.abs(z).max():
            break
        before = z
    size = float(np.vdot(z, z))
    if not 0 < size < np.inf:
        return 1.0, L2_RATIO
    if model.penalty != "l2":
        price = price_of(clone(model).set_params(alpha=1.0), X.shape[1], False)
        if price.selects:
            return float(price.gauge(np.atleast_2d(z))), L1_RATIO
    for _ in range(MOST_FITS):
        alpha /= WEAKER
        along = alpha * float(np.vdot(z, coef(alpha))) / size
        if along < BENT:
            break
    bend = 1.0 / np.clip(along, LEAST_ALONG, 1.0 - LEAST_ALONG) - 1.0
    return float(L2_START * alpha * bend), L2_RATIO


def largest_variance(X):
    """Of the columns; 1 if all are constant."""
    if sparse.issparse(X):
        found = mean_variance_axis(X.tocsr(), axis=0)[1]
    else:
        found = np.var(np.asarray(X, dtype=np.float64), axis=0)
    return float(found.max(initial=0.0)) or 1.0


def some_of(X, y, weight, offset, classifies):
    """Enough of the rows for two digits of an alpha, with all classes."""
    few = slice(None, None, max(1, len(y) // MANY))
    some = [rows_of(array, few) for array in (X, y, weight, offset)]
    has_weight = weight is None or np.any(some[2])
    if (classifies and len(np.unique(some[1])) < len(np.unique(y))) or not has_weight:
        return X, y, weight, offset
    return some


def linear_like(model):
    """A LinearRegressor or LinearClassifier with the objective of a model."""
    classifies = isinstance(model, LinearClassifier) or hasattr(model, "class_weight")
    found = LinearClassifier() if classifies else LinearRegressor()
    given = model.get_params(deep=False)
    shared = ("loss", "penalty", "l1_ratio", "fit_intercept", "class_weight")
    shared += ("positive", "bounds")
    names = found.get_params(deep=False).keys() & given.keys() & set(shared)
    return found.set_params(**{name: given[name] for name in names})


def _largest_alpha(objectives, model):
    """The alpha that a path begins with, and the last one as a share of it."""
    price = objectives[0].penalty
    slopes = [_slopes_at_0(o, np.array([], int), model) for o in objectives]
    if price.selects:
        found = max(price.gauge(z) for z in slopes)
        ratio = L1_RATIO
    else:
        found = L2_START * max(_curvature(o, z) for o, z in zip(objectives, slopes))
        ratio = L2_RATIO
    return (found if np.isfinite(found) and found > 0 else 1.0), ratio


def _curvature(objective, slopes):
    """About that of the loss along its gradient at the best constant.

    It is found by how far along it most can be gained: losses with kinks, and ones that
    are not convex, have no second derivatives that would say it.
    """
    rows = np.arange(0, objective.rows.n_rows, 1 + objective.rows.n_rows // FEW)
    few = objective.chosen(rows)
    term, size = few.term(), float(np.vdot(slopes, slopes))
    start = term.at_constant(_constant(few, term))
    way = few.rows.dot(slopes, np.zeros(len(slopes)))
    way = (way - few.fit_intercept * way.mean(axis=0)).reshape(start.shape)
    unit = abs(term.value(start) - (term.known_minimum or 0.0))
    if not (size > 0 and 0 < unit < np.inf):
        return 0.0
    lengths = LENGTHS * unit / size
    with np.errstate(all="ignore"):
        values = np.array([term.value(start - t * way) for t in lengths])
    gains = term.value(start) - values
    most = np.nanmax(gains)
    if not most > 0:
        return 0.0
    return 1.0 / lengths[int(np.argmax(gains >= GAINED * most))]


def _constant(objective, term):
    """The best constant, 0 without an intercept, of each output of a joint loss."""
    found = np.zeros(objective.n_outputs)
    if objective.fit_intercept:
        best = np.nan_to_num(np.atleast_1d(term.best_constant()))
        found[: len(best)] = best
    return found if objective.is_joint else found[0]
