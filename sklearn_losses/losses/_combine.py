"""Losses made of losses: weighted sums, truncation, asymmetry, label smoothing.

They are losses like any other, compiled as well, and their parameters reach every part:

>>> from sklearn_losses.losses import AbsoluteError, Huber
>>> loss = Huber(delta=2.0) + 0.1 * AbsoluteError()
>>> print(loss)
Huber(delta=2.0) + 0.1 * AbsoluteError()
>>> loss
Sum(left=Huber(delta=2.0), right=AbsoluteError(), right_weight=0.1)
>>> loss.set_params(left__delta=1.0, right_weight=0.5).value(0.0, 3.0)
np.float64(4.0)

Traits follow from those of the parts. `lipschitz` and `smoothness` are upper bounds,
and a combination that is not known to be convex says that it is not.
"""

from __future__ import annotations

from functools import reduce
from numbers import Real
from operator import and_
from typing import Any

import numpy as np
from scipy.optimize import brentq
from sklearn.base import clone

from sklearn_losses._machine._params import (
    Instance,
    Interval,
    InvalidParameterError,
    check_parameters,
)
from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.losses._base import Loss, usual_relative
from sklearn_losses.losses._links import IdentityLink, Link
from sklearn_losses.losses._mixture import mixture
from sklearn_losses.losses._regression import expectile_name, quantile_name
from sklearn_losses.losses._table import CLoss

A_LOSS = [Instance(Loss, "a loss such as Huber()")]
WEIGHT = [Interval(0, None, "left")]
NAMES_OF_SIDES = {"mean": expectile_name, "median": quantile_name}
LABELS = Interval(0, 1, "both", integer=True)
FAR_OUT = 1e100  # a raw prediction that is as sure as can be


def _true_of_all(trait) -> Any:
    """A trait that a sum has if all of its terms have it."""
    return property(
        lambda self: all(getattr(t, trait) for t, _ in self._active_terms())
    )


def _total(trait) -> Any:
    """An upper bound that is the sum of the terms'."""
    return property(
        lambda self: sum(w * getattr(loss, trait) for loss, w in self._active_terms())
    )


class Combination(Loss):
    """Base of the combinators: traits that follow from those of the parts."""

    def _terms(self):
        """The losses that it is made of, each with its largest factor."""
        return [(self.loss, 1.0)]

    def _check(self):
        """Raise if the parts cannot be combined; they check themselves."""
        check_parameters(self, self._constraints)
        for loss in self._losses():
            if loss.granularity == "group":
                raise InvalidParameterError(
                    f"{type(self).__name__} cannot use {loss!r}, because it is a loss "
                    "of groups. Use it by itself."
                )

    def _parts(self):
        """The parts as `mixture` takes them."""
        return [
            (loss.checked(), weight, weight, False) for loss, weight in self._terms()
        ]

    def compiled(self) -> CLoss:
        self._check()
        return mixture(self._parts())

    def _losses(self):
        losses = [loss for loss, _ in self._terms()]
        if not all(isinstance(loss, Loss) for loss in losses):
            check_parameters(self, self._constraints)
        return losses

    def _active_terms(self):
        """The terms that a weight of 0 does not switch off."""
        return [(loss, weight) for loss, weight in self._terms() if weight != 0]

    @property
    def task(self) -> str:
        return self._losses()[0].task

    @property
    def granularity(self) -> str:
        return self._losses()[0].granularity

    @property
    def soft_targets(self) -> bool:
        return all(getattr(loss, "soft_targets", False) for loss in self._losses())

    @property
    def domain(self) -> Interval:
        return reduce(and_, (loss.domain for loss in self._losses()))

    @property
    def link(self) -> Link:
        links = [loss.link for loss in self._losses()]
        return links[0] if links.count(links[0]) == len(links) else IdentityLink()

    @property
    def probabilistic(self) -> bool:
        all_are = all(loss.probabilistic for loss, _ in self._active_terms())
        return all_are and self.link == self._losses()[0].link

    @property
    def proper(self) -> bool:
        all_are = all(loss.proper for loss, _ in self._active_terms())
        return self.probabilistic and all_are

    convex = _true_of_all("convex")
    differentiable = _true_of_all("differentiable")
    piecewise_linear = _true_of_all("piecewise_linear")
    symmetric = _true_of_all("symmetric")
    bounded = _true_of_all("bounded")
    lipschitz = _total("lipschitz")
    smoothness = _total("smoothness")

    def convex_relative(self) -> Loss | None:
        """Made of the parts' relatives; None if a part that needs one has none.

        A loss of residuals has the absolute error, however asymmetric it is: a
        quantile near to an end would be where the outliers are.
        """
        if self.convex:
            return None
        of_residuals = self.task == "regression" and self.link == IdentityLink()
        if of_residuals and 0 < self.lipschitz < np.inf:
            return usual_relative(self)
        return self._relative_of_parts()

    def _relative_of_parts(self):
        relatives = {
            name: loss if loss.convex else loss.convex_relative()
            for name, loss in self._inner_losses().items()
        }
        if None in relatives.values():
            return None
        relative = clone(self).set_params(**relatives)
        return relative if relative.convex else None

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", **kwargs: Any
    ) -> None:
        for loss in self._losses():
            loss.check_targets(y_true, name, **kwargs)

    def _minimum(self, y_true):
        """The sum of the terms' minima, if a perfect prediction attains them all."""
        bound = sum(w * loss._minimum(y_true) for loss, w in self._active_terms())
        bound = bound + np.zeros(len(y_true))
        if self.task == "multiclass" and y_true.ndim == 1:
            return bound  # all classes of the label far ahead
        if y_true.ndim > 1:
            return self._searched_minimum(y_true)
        with np.errstate(all="ignore"):
            far = np.full(len(y_true), FAR_OUT)
            likely = [self._perfect(y_true), far, -far]
            attained = np.fmin.reduce([self.value(y_true, raw) for raw in likely])
        rest = ~(attained <= bound + 1e-12 * (1.0 + np.abs(bound)))
        if rest.any():
            bound[rest] = self._searched_minimum(y_true[rest])
        return bound

    def _perfect(self, y_true):
        """Raw predictions that many losses like best: of labels they are far out."""
        if self.task == "regression":
            return self.link.link(y_true)
        return np.where(y_true > 0.5, FAR_OUT, -FAR_OUT)

    def _searched_minimum(self, y_true):
        """The values at the best constants of the targets, one by one."""
        kinds, which = np.unique(y_true, axis=0, return_inverse=True)
        constants = [self._optimal_constant(kind[None], np.ones(1)) for kind in kinds]
        return self.value(kinds, np.array(constants))[which.ravel()]


def _as_text(loss, weight):
    """A loss, with the factor before it, as in a sum."""
    if weight == 1 and not isinstance(loss, Scaled):
        return str(loss)
    text = f"({loss})" if isinstance(loss, (Sum, Scaled)) else str(loss)
    return f"{weight if isinstance(weight, int) else float(weight)} * {text}"


class Scaled(Combination):
    """weight * loss, written ``2.0 * Huber()``.

    It estimates what the loss does. Take it in a sum, or to weigh a loss against a
    penalty. Do not in place of `alpha`, which does the same the other way round.

    Parameters
    ----------
    loss : Loss
        The loss to be scaled.
    weight : float, default=1.0
        The factor, >= 0.

    See Also
    --------
    Sum : Several losses.

    Examples
    --------
    >>> from sklearn_losses import Huber, Scaled
    >>> 2.0 * Huber()
    Scaled(loss=Huber(), weight=2.0)
    >>> (2.0 * Huber()).value(0.0, 1.0)
    np.float64(1.0)
    """

    _constraints = {"loss": A_LOSS, "weight": WEIGHT}

    def __init__(self, loss: Loss, weight: float = 1.0) -> None:
        self.loss = loss
        self.weight = weight

    def __str__(self) -> str:
        return _as_text(self.loss, self.weight)

    @property
    def estimates(self) -> str:
        return self.loss.estimates

    def split_weight(self) -> tuple[Loss, float]:
        loss, factor = self.loss.split_weight()
        return loss, factor * self.weight

    def _terms(self):
        return [(self.loss, self.weight)]

    def _optimal_constant(self, y_true, sample_weight):
        return self.loss._optimal_constant(y_true, sample_weight)

    @property
    def has_conjugate(self) -> bool:
        return self.loss.has_conjugate

    def _conjugate(self, y_true, dual):
        if self.weight == 0:
            return np.where(dual.any(axis=1), np.inf, 0.0)
        return self.weight * self.loss.conjugate(y_true, dual / self.weight)


class Sum(Combination):
    """left_weight * left + right_weight * right, written ``Huber() + 0.1 * LogCosh()``.

    It estimates something between what its terms do. Take it for a compromise, or for
    costs that add up. Do not for terms that estimate the same in other units: one of
    them will do.

    Parameters
    ----------
    left, right : Loss
        Two losses for the same task whose raw predictions mean the same: two regression
        losses must have the same link. The sum of two classification losses with
        different links defines no probabilities.
    left_weight, right_weight : float, default=1.0
        The factors of the two losses, >= 0.

    See Also
    --------
    Scaled : One loss with a factor.
    Truncated : A loss with a limit.

    Examples
    --------
    >>> from sklearn_losses import AbsoluteError, SquaredError, Sum
    >>> loss = SquaredError() + 10 * AbsoluteError()
    >>> loss.optimal_constant([1, 2, 3, 4, 100])
    16.0
    """

    _constraints = {
        "left": A_LOSS,
        "right": A_LOSS,
        "left_weight": WEIGHT,
        "right_weight": WEIGHT,
    }

    def __init__(
        self,
        left: Loss,
        right: Loss,
        left_weight: float = 1.0,
        right_weight: float = 1.0,
    ) -> None:
        self.left = left
        self.right = right
        self.left_weight = left_weight
        self.right_weight = right_weight

    def __str__(self) -> str:
        right = _as_text(self.right, self.right_weight)
        if isinstance(self.right, Sum) and self.right_weight == 1:
            right = f"({right})"
        return f"{_as_text(self.left, self.left_weight)} + {right}"

    def _terms(self):
        return [(self.left, self.left_weight), (self.right, self.right_weight)]

    @property
    def estimates(self) -> str:
        each = dict.fromkeys(loss.estimates for loss, _ in self._active_terms())
        if len(each) == 1:
            return next(iter(each))
        own = super().estimates
        return f"between {' and '.join(each)}" if self.task == "regression" else own

    def _check(self):
        super()._check()
        left, right = self.left, self.right
        reason = None
        if (left.task, left.granularity) != (right.task, right.granularity):
            reason = f"one is for {left.task} and the other for {right.task} targets"
            if left.task == right.task:
                reason = "one is a loss of points and the other a loss of rows"
        elif left.task == "regression" and left.link != right.link:
            reason = (
                "their raw predictions are on different scales, with the links "
                f"{left.link!r} and {right.link!r}"
            )
        if reason:
            raise InvalidParameterError(
                f"Sum cannot add {left!r} and {right!r}, because {reason}."
            )


def _times(loss, weight):
    """weight * loss; see `Scaled`."""
    if not isinstance(weight, Real):
        return NotImplemented
    return Scaled(loss, weight.item() if isinstance(weight, np.generic) else weight)


def _plus(left, right):
    """The sum of two losses, each perhaps with a weight; see `Sum`."""
    if not isinstance(right, Loss):
        return NotImplemented
    (left, left_weight), (right, right_weight) = (
        (loss.loss, loss.weight) if isinstance(loss, Scaled) else (loss, 1.0)
        for loss in (left, right)
    )
    return Sum(left, right, left_weight, right_weight)


def _plus_zero(loss, zero):
    """So that ``sum([a, b])``, which begins with 0, is a + b."""
    return loss if isinstance(zero, Real) and zero == 0 else NotImplemented


Loss.__mul__ = Loss.__rmul__ = _times
Loss.__add__, Loss.__radd__ = _plus, _plus_zero


class Truncated(Combination):
    """min(loss, limit): beyond the limit a sample has no influence.

    ``Truncated(Hinge(), 2)`` is the ramp loss.

    It estimates what the loss does, of the rows that are within its limit. Take it to
    leave out what is far wrong under any loss. Do not where one optimum has to be
    certified: it is not convex.

    Parameters
    ----------
    loss : Loss
        The loss to be truncated.
    limit : float, default=1.0
        The largest value of the truncated loss, > 0, in units of the loss: those of y
        squared for `SquaredError`.

    See Also
    --------
    TukeyBiweight : A smooth one.
    GeneralizedCrossEntropy : A smooth one for labels.

    References
    ----------
    Collobert, Sinz, Weston and Bottou 2006, "Trading convexity for scalability", ICML.

    Examples
    --------
    >>> from sklearn_losses import SquaredError, Truncated
    >>> Truncated(SquaredError(), limit=8.0).optimal_constant([1, 2, 3, 4, 100])
    2.5
    """

    convex = False
    differentiable = False
    bounded = True
    smoothness = np.inf
    _constraints = {"loss": A_LOSS, "limit": [Interval(0, None, "neither")]}

    def __init__(self, loss: Loss, limit: float = 1.0) -> None:
        self.loss = loss
        self.limit = limit

    def compiled(self) -> CLoss:
        self._check()
        return mixture(self._parts(), float(self.limit))

    def at_scale(self, sigma: float) -> Loss:
        found = super().at_scale(sigma)
        if found is self or isinstance(self.loss, Combination):
            return found
        # What brings values to the unit of y squared is no part of the limit's.
        loss, factor = found.loss.split_weight()
        return found if factor == 1.0 else factor * found.set_params(loss=loss)

    @property
    def proper(self) -> bool:
        return False

    @property
    def lipschitz(self) -> float:
        # Of a convex loss the slope is steepest where it is cut off, which is the same
        # for all targets if it depends on the size of the residual, or on the margin.
        same_for_all = self.loss.symmetric and self.granularity == "point"
        if self.loss.lipschitz < np.inf or not (self.loss.convex and same_for_all):
            return self.loss.lipschitz
        ends = map(self._raw_at_limit, (-1.0, 1.0))
        return max(abs(self.loss.gradient(0.0, end)) for end in ends)

    def _raw_at_limit(self, side):
        """The raw prediction on one side of y = 0 where the loss reaches the limit."""
        far = side
        while abs(far) < 1e300 and self.loss.value(0.0, far) < self.limit:
            far *= 2.0
        if self.loss.value(0.0, far) < self.limit:
            return far
        return brentq(lambda raw: self.loss.value(0.0, raw) - self.limit, 0.0, far)

    def _relative_of_parts(self):
        return self.loss if self.loss.convex else self.loss.convex_relative()

    def _minimum(self, y_true):
        return np.minimum(self.loss._minimum(y_true), self.limit)


class Asymmetric(Combination):
    """under * loss where p < y, over * loss where p >= y; or where y is 1, and 0.

    For predictions that cost more on one side of the target. It is convex if the loss
    is convex and has its minimum at p = y. Of a binary loss `under` is the factor of
    the label 1, which a prediction is too low for, and `over` that of 0.

    It estimates what the loss does, moved to the cheaper side. Take it for costs that
    are a factor times larger on one side, with any shape of loss, or for labels that
    few rows have, each in a model of several. Do not where a named loss says it
    (`Quantile` is that of the absolute error, `Expectile` of the squared), nor where
    probabilities are needed: those of `LogLoss` are true, and a threshold moves.

    Parameters
    ----------
    loss : Loss
        A regression loss with the identity link, so that raw predictions are on the
        scale of y, or a binary loss.
    under, over : float, default=1.0
        The factors where the prediction is too low and too high, >= 0.

    See Also
    --------
    Quantile : Asymmetric(AbsoluteError(), under=q, over=1 - q).
    Expectile : The same of 2 SquaredError().
    Linex : One side costs exponentially more.

    Examples
    --------
    >>> from sklearn_losses import AbsoluteError, Asymmetric
    >>> loss = Asymmetric(AbsoluteError(), under=3.0)
    >>> round(loss.optimal_constant([1, 2, 3, 4, 100]), 6)
    4.0
    """

    _constraints = {"loss": A_LOSS, "under": WEIGHT, "over": WEIGHT}

    @property
    def estimates(self) -> str:
        inner, both = self.loss.estimates, self.under + self.over
        if inner not in NAMES_OF_SIDES or both == 0:
            return super().estimates
        return NAMES_OF_SIDES[inner](self.under / both)

    def __init__(self, loss: Loss, under: float = 1.0, over: float = 1.0) -> None:
        self.loss = loss
        self.under = under
        self.over = over

    def _terms(self):
        return [(self.loss, max(self.under, self.over))]

    def _parts(self):
        return [(self.loss.checked(), self.under, self.over, False)]

    def compiled(self) -> CLoss:
        self._check()
        return mixture(self._parts(), of_labels=self.task == "binary")

    @property
    def domain(self) -> Interval:
        return LABELS if self.task == "binary" else self.loss.domain

    check_targets = Loss.check_targets  # by this domain

    @property
    def proper(self) -> bool:
        return self.loss.proper and self.under == self.over

    def _check(self):
        super()._check()
        on_scale = self.loss.task == "regression" and self.loss.link == IdentityLink()
        if not on_scale and self.loss.task != "binary":
            raise InvalidParameterError(
                f"Asymmetric cannot use {self.loss!r}, because its raw predictions are "
                "not on the scale of y. Use a binary loss, or one of regression with "
                "the identity link."
            )

    @property
    def convex(self) -> bool:
        return self.loss.convex and self._meets_at_the_target()

    @property
    def differentiable(self) -> bool:
        return self.loss.differentiable and self._meets_at_the_target()

    def _meets_at_the_target(self):
        """Whether the loss is 0 at p = y, which both factors leave as it is."""
        if self.task == "binary":
            return True  # a factor is that of a label
        y = np.linspace(-3.0, 3.0, 7)
        return self.under == self.over or not self.loss.value(y, y).any()

    @property
    def symmetric(self) -> bool:
        return self.loss.symmetric and self.under == self.over

    def _minimum(self, y_true):
        if self.task == "binary":
            factors = np.where(y_true > 0.5, self.under, self.over)
            return factors * self.loss._minimum(y_true)
        if self._meets_at_the_target() and not self.loss._minimum(y_true).any():
            return np.zeros(len(y_true))
        return self._searched_minimum(y_true)


class LabelSmoothing(Combination):
    """(1 - a) loss(y, p) + a/2 (loss(0, p) + loss(1, p)), with a the smoothing.

    It is for binary losses; CrossEntropy has its own parameter, `label_smoothing`.

    It estimates what the loss does, drawn towards one half. Take it where coefficients
    grow without end, or probabilities of 0 and 1 are too sure. Do not for calibrated
    probabilities: those of `predict_proba` are the smoothed ones.

    Parameters
    ----------
    loss : Loss
        A loss for binary targets.
    smoothing : float, default=0.1
        The share a of the label that is spread over both classes, in [0, 1].

    See Also
    --------
    CrossEntropy : Its own label_smoothing, of several classes.
    LogLoss : Takes probabilities as targets.

    References
    ----------
    Szegedy et al. 2016, "Rethinking the inception architecture for computer vision",
    CVPR, section 7.

    Examples
    --------
    >>> from sklearn_losses import LabelSmoothing, LogLoss
    >>> loss = LabelSmoothing(LogLoss(), smoothing=0.1)
    >>> loss.inverse_link([loss.optimal_constant([1, 1])]).round(2)
    array([0.95])
    """

    _constraints = {"loss": A_LOSS, "smoothing": [Interval(0, 1, "both")]}

    def __init__(self, loss: Loss, smoothing: float = 0.1) -> None:
        self.loss = loss
        self.smoothing = smoothing

    def _parts(self):
        # For y in {0, 1} the sum over both is loss(y) + loss(1 - y).
        functions, half = self.loss.checked(), 0.5 * self.smoothing
        return [
            (functions, 1.0 - half, 1.0 - half, False),
            (functions, half, half, True),
        ]

    def _check(self):
        super()._check()
        if self.loss.task != "binary":
            instead = (
                " Use its label_smoothing."
                if hasattr(self.loss, "label_smoothing")
                else ""
            )
            raise InvalidParameterError(
                f"LabelSmoothing cannot use {self.loss!r}, because it is no loss for "
                f"binary targets.{instead}"
            )

    @property
    def proper(self) -> bool:
        return self.loss.proper and self.smoothing == 0

    def _minimum(self, y_true):
        return self._searched_minimum(y_true)
