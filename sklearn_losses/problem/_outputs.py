"""The objective of a loss of outputs with predictors of their own, and its bound.

A convex loss needs no conjugate for a bound. With its own slopes u at raw predictions p
it is u . p - loss(p) (Fenchel's equality), so that

    F >= sum_i omega_i (loss(y_i, p_i) - u_i . (p_i - o_i)) - P*(-X' omega u)

where the slopes of what is not penalised sum to 0. At an optimum that holds up to
rounding, and what is left counts for numbers up to ten times as large as those found.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from sklearn_losses.design._predictors import Predictors
from sklearn_losses.penalties._conjugate import Conjugate
from sklearn_losses.problem._objective import Objective, product_of
from sklearn_losses.terms._outputs import OutputsTerm
from sklearn_losses.terms._term import uniform

REACH = 10.0  # times the largest number of the fit, for which a bound is proved
NEAR = 1e-3  # of a location, or less, is the spread of targets that are nearly equal
ROUNDING = 2e-15  # of the sizes of what is summed


@dataclass(frozen=True)
class OutputsObjective(Objective):
    """F of outputs that share one loss.

    Parameters
    ----------
    predictors : Predictors
        What each output uses.
    """

    predictors: Predictors = None

    def with_columns(self, chosen):
        """The objective of some columns; see `Objective.with_columns`."""
        moves = self.predictors.moves[:, [*chosen, -1]]
        predictors = replace(self.predictors, moves=moves)
        return replace(super().with_columns(chosen), predictors=predictors)

    @property
    def moves(self):
        return self.predictors.moves

    @property
    def n_bounded(self):
        return self.n_outputs if self.predictors.share_bounds else 1

    def term(self, chosen=None):
        weight = product_of(self.sample_weight, chosen)
        if weight is None:
            weight = uniform(1.0 / self.total_weight, self.rows.n_rows)
        else:
            weight = weight / self.total_weight
        parts = self.targets.y, weight, self.n_outputs, self.offset
        return OutputsTerm(self.loss, *parts)

    @property
    def is_joint(self):
        return True

    @property
    def has_gap(self):
        return False  # that a fit could ask for on its way

    def relative(self):
        return None

    def without_offset(self):
        """The objective of targets without it, where outputs are no locations.

        Of a loss that is fitted in location / scale an offset is of the location.
        """
        if self.offset is None or self.n_outputs == 1 or self.loss.is_in_locations:
            return self
        return replace(self._less(self.offset[:, :1]), offset=None)

    def _takes_offset(self):
        takes = super()._takes_offset()
        # Thresholds, all of which are free, are where they are beside the location.
        return takes | (self.loss.task == "ordinal")

    def centred(self):
        """The objective of targets around 0, where they are nearly equal.

        There location / scale is so large that its rounding is that of the residuals.

        Returns
        -------
        objective : OutputsObjective
        centre : float
            What has been taken off locations; 0 if this is the same objective.
        """
        moves = self.predictors.moves
        is_free = moves[0, -1] and not moves[1:, :-1].any()
        if self.loss.is_in_locations or not is_free:
            return self, 0.0
        ends = self.loss.columns(self.targets.y)
        ends = ends[np.isfinite(ends)]
        centre = float(np.median(ends))
        if ends.std() > NEAR * abs(centre):
            return self, 0.0
        return self._less(np.full((self.rows.n_rows, 1), centre)), centre

    def _less(self, offset):
        """The objective of targets of which an offset has been taken off."""
        y = self.loss.without(self.targets.y, offset)
        return replace(self, targets=replace(self.targets, y=y))


@dataclass(frozen=True)
class LevelsObjective(Objective):
    """F of each output: a loss of points of its own, of targets that all share.

    Parameters
    ----------
    losses : tuple of Loss
        One for each output; `loss` is that of all.
    """

    losses: tuple = ()

    @property
    def is_joint(self):
        return False

    def loss_of(self, k):
        return self.losses[k]

    def of_outputs(self, outputs):
        losses, offset = self.losses[outputs], self.offset
        offset = None if offset is None else np.ascontiguousarray(offset[:, outputs])
        parts = {"n_outputs": len(losses), "offset": offset}
        if len(losses) > 1:
            return replace(self, losses=losses, **parts)
        own = {field.name: getattr(self, field.name) for field in fields(Objective)}
        return Objective(**own | parts | {"loss": losses[0]})

    def _each(self, coef, intercept):
        for k in range(self.n_outputs):
            outputs = slice(k, k + 1)
            yield self.of_outputs(outputs), coef[outputs], intercept[outputs]

    def value(self, coef, intercept):
        each = self._each(coef, intercept)
        return np.concatenate([one.value(*point) for one, *point in each])

    def gradient(self, coef, intercept):
        each = self._each(coef, intercept)
        found = [one.gradient(*point) for one, *point in each]
        return tuple(np.concatenate(part) for part in zip(*found))

    def value_and_gradient_norm(self, coef, intercept):
        each = self._each(coef, intercept)
        found = [one.value_and_gradient_norm(*point) for one, *point in each]
        return tuple(np.concatenate(part) for part in zip(*found))

    def mean_loss(self, coef, intercept, subset):
        each = self._each(coef, intercept)
        return np.concatenate([one.mean_loss(*p, subset) for one, *p in each])


def bound_of(
    price,
    theta,
    gradient,
    linear,
    value,
    sizes,
    lowest=-np.inf,
    share_bounds=False,
    has_units=False,
):
    """A lower bound of an objective, at a point near its optimum.

    Parameters
    ----------
    price : Price
        In the units of theta. Its bounds are those of the first output.
    theta : ndarray of shape (n_outputs, n_features + 1)
        The coefficients; the last are the intercepts.
    gradient : ndarray like theta
        Of the loss, 0 of what does not move.
    linear : float
        sum_i omega_i u_i . (p_i - o_i).
    value : float
        The loss.
    sizes : float
        The sum of the absolute values of what `linear` and `value` sum.
    lowest : float, default=-inf
        The least that the loss could be, if that is known.
    share_bounds : bool, default=False
        Whether bounds are those of all outputs, or of the first alone.
    has_units : bool, default=False
        Whether each output has a unit of its own, and so a largest number.

    Returns
    -------
    float
        -inf if there is none.
    """
    reach = _reach_of(theta, has_units)
    cost = (reach[:, 0] * np.abs(gradient[:, -1])).sum()
    if not price.is_simple:
        return _bound_of_norm(price, theta, gradient, value - linear - cost, lowest)
    pull, l2 = np.abs(gradient[:, :-1]), np.broadcast_to(price.l2, theta[0, :-1].shape)
    if price.has_bounds:
        bound = slice(None) if share_bounds else slice(1)
        down = np.where(price.high > 0, -gradient[bound, :-1], 0.0)
        up = np.where(price.low < 0, gradient[bound, :-1], 0.0)
        pull[bound] = np.maximum(down, up)
    beyond = np.maximum(pull - price.l1, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        soft = np.where(l2 > 0, beyond * beyond / (2.0 * l2), np.inf)
    cost += np.where(beyond > 0, np.minimum(soft, reach * beyond), 0.0).sum()
    bound = value - linear - cost - ROUNDING * sizes
    return float(bound) if np.isfinite(bound) else -np.inf


def _reach_of(theta, has_units):
    """How large the numbers of each output may be, as a column."""
    largest = np.abs(theta).max(axis=1, keepdims=True)
    if has_units:
        return REACH * np.where(largest > 0, largest, largest.max(initial=1e-300))
    return np.full_like(largest, REACH * largest.max(initial=1e-300))


def _bound_of_norm(price, theta, gradient, rest, lowest):
    """The same for norms and matrices, which may want shorter slopes.

    Of slopes c u, 0 <= c <= 1, the conjugate is at most c times that of u and 1 - c
    times that of 0, which is -lowest.
    """
    if price.has_bounds and theta[1:, :-1].any():
        price = replace(price, low=-np.inf, high=np.inf)  # which others do not have
    conjugate = Conjugate(price, theta.shape[1] - 1)
    conjugate.begin_at(theta[:, :-1])
    z, reach = gradient[:, :-1].T, np.abs(theta[:, :-1]).max(initial=0.0)
    factor, cost = conjugate.shortened(z, float(np.abs(z).sum()), reach)
    beyond = (1.0 - factor) * lowest if factor < 1.0 else 0.0
    bound = factor * rest + beyond - cost
    return float(bound) if factor > 0 and np.isfinite(bound) else -np.inf
