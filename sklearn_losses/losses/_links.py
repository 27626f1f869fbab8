"""Links: how a raw prediction becomes a prediction on the scale of y.

A linear model predicts on the whole real line; ``inverse`` maps that onto the
interval where predictions live, and ``link`` maps back:

>>> from sklearn_losses.losses._links import LogLink
>>> float(LogLink().inverse(0.0))
1.0
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logit, softmax

from sklearn_losses._machine._typing import Array, ArrayLike


class Link:
    """A map between predictions on the scale of y and raw predictions."""

    def link(self, prediction: ArrayLike) -> Array:
        """The raw prediction of a prediction on the scale of y."""
        raise NotImplementedError(f"{self!r} has no unique inverse.")

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        """The prediction on the scale of y of a raw prediction."""
        raise NotImplementedError

    def __repr__(self) -> str:
        parameters = (f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({', '.join(parameters)})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).items()))


class IdentityLink(Link):
    """The raw prediction is the prediction."""

    def link(self, prediction: ArrayLike) -> Array:
        return np.asarray(prediction)

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return np.asarray(raw_prediction)


class LogLink(Link):
    """Positive predictions: exp(raw)."""

    def link(self, prediction: ArrayLike) -> Array:
        with np.errstate(divide="ignore"):  # log(0) is -inf, and means it
            return np.log(prediction)

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        with np.errstate(over="ignore"):  # beyond the largest float is inf
            return np.exp(raw_prediction)


class Log1pLink(Link):
    """Predictions above -1: exp(raw) - 1."""

    def link(self, prediction: ArrayLike) -> Array:
        with np.errstate(divide="ignore"):
            return np.log1p(prediction)

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        with np.errstate(over="ignore"):
            return np.expm1(raw_prediction)


class ProbabilityLink(Link):
    """P(y = 1) of a binary loss. Adds the logarithms of both probabilities."""

    def log_probabilities(self, raw_prediction: ArrayLike) -> tuple[Array, Array]:
        """log P(y = 0) and log P(y = 1), each of the shape of raw_prediction.

        The classes are alike, so P(y = 0) is P(y = 1) of the opposite prediction.
        Formed that way it keeps the digits that 1 - P(y = 1) loses where it is small.
        """
        raw_prediction = np.asarray(raw_prediction)
        with np.errstate(divide="ignore"):  # a hard 0 has the logarithm -inf
            return (
                np.log(self.inverse(-raw_prediction)),
                np.log(self.inverse(raw_prediction)),
            )


class LogitLink(ProbabilityLink):
    """P(y = 1) = 1 / (1 + exp(-scale raw)).

    Parameters
    ----------
    scale : float, default=1.0
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def link(self, prediction: ArrayLike) -> Array:
        return logit(prediction) / self.scale

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return expit(self._scaled(raw_prediction))

    def log_probabilities(self, raw_prediction: ArrayLike) -> tuple[Array, Array]:
        scaled = self._scaled(raw_prediction)
        return log_expit(-scaled), log_expit(scaled)

    def _scaled(self, raw_prediction):
        raw_prediction = np.asarray(raw_prediction)
        return raw_prediction if self.scale == 1 else self.scale * raw_prediction


class FocalLink(ProbabilityLink):
    """The probability that the focal loss fits, which is not expit(raw).

    Where the expected loss is least, P(y = 1) is to P(y = 0) as the slope of
    loss(0, raw) is to minus the slope of loss(1, raw). With P = expit(raw) and
    Q = 1 - P that is P^gamma (P - gamma Q log(Q)) to Q^gamma (Q - gamma P log(P)).

    Parameters
    ----------
    gamma : float
        Of the loss.

    References
    ----------
    Charoenphakdee et al. 2021, "On focal loss for class-posterior probability
    estimation", CVPR, theorem 11.
    """

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma

    def _logit(self, raw):
        """The logit of P(y = 1), which grows with raw."""
        log_q, log_p = log_expit(-raw), log_expit(raw)
        p, q = expit(raw), expit(-raw)
        with np.errstate(divide="ignore", invalid="ignore"):
            # log(P - gamma Q log Q), with P taken out: log Q / P is -1 at P = 0.
            up = log_p + np.log1p(-self.gamma * q * np.where(p > 0, log_q / p, -1.0))
            down = log_q + np.log1p(-self.gamma * p * np.where(q > 0, log_p / q, -1.0))
            logit_of_focal = self.gamma * raw + (up - down)
        return np.where(np.isinf(raw), raw, logit_of_focal)

    def link(self, prediction: ArrayLike) -> Array:
        target = logit(np.asarray(prediction, dtype=np.float64))
        # The logit is between (1 + gamma) raw and raw, up to a logarithm of raw.
        low = np.where(np.isfinite(target), -np.abs(target) - 1.0, target)
        high = np.where(np.isfinite(target), np.abs(target) + 1.0, target)
        for _ in range(200):
            middle = 0.5 * (low + high)
            below = self._logit(middle) < target
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (0.5 * (low + high))[()]

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        raw = np.asarray(raw_prediction)
        return expit(self._logit(raw)).astype(
            np.result_type(raw, np.float32), copy=False
        )

    def log_probabilities(self, raw_prediction: ArrayLike) -> tuple[Array, Array]:
        logits = self._logit(np.asarray(raw_prediction))
        return log_expit(-logits), log_expit(logits)


class ArctanLink(ProbabilityLink):
    """P(y = 1) = clip(arctan(raw) + 1/2, 0, 1), of the tangent loss."""

    def link(self, prediction: ArrayLike) -> Array:
        return np.tan(np.asarray(prediction) - 0.5)

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return np.clip(np.arctan(raw_prediction) + 0.5, 0.0, 1.0)


class ClippedLink(ProbabilityLink):
    """P(y = 1) = (clip(raw, -1, 1) + 1) / 2, of the modified Huber loss.

    Zhang 2002, "On the dual formulation of regularized linear systems with convex
    risks", appendix B.
    """

    def link(self, prediction: ArrayLike) -> Array:
        return 2.0 * np.asarray(prediction) - 1.0

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return (np.clip(raw_prediction, -1.0, 1.0) + 1.0) / 2.0


class RowLink(Link):
    """The probabilities of all classes, over the last axis. Adds their logarithms."""

    def log_probabilities(self, raw_prediction: ArrayLike) -> Array:
        """log P(y = k), of the shape of raw_prediction; -inf where P is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.inverse(raw_prediction))


class SoftmaxLink(RowLink):
    """Class probabilities exp(raw_k) / sum_j exp(raw_j), over the last axis."""

    def link(self, prediction: ArrayLike) -> Array:
        with np.errstate(divide="ignore"):
            raw = np.log(prediction)
        # Impossible classes stay at -inf, and the others are centred among themselves.
        return raw - raw.mean(axis=-1, keepdims=True, where=np.isfinite(raw))

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return softmax(raw_prediction, axis=-1)

    def log_probabilities(self, raw_prediction: ArrayLike) -> Array:
        return log_softmax(raw_prediction, axis=-1)


class SparsemaxLink(RowLink):
    """Class probabilities max(0, raw - tau), the nearest point of the simplex to raw.

    The classes are the last axis. Held, Wolfe and Crowder 1974, "Validation of
    subgradient optimization", Math. Program. 6.
    """

    def link(self, prediction: ArrayLike) -> Array:
        return np.asarray(prediction)

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        raw = np.asarray(raw_prediction)
        if raw.dtype.kind != "f":
            raw = raw.astype(np.float64)
        with np.errstate(invalid="ignore"):  # inf - inf is the largest itself
            below = raw - raw.max(axis=-1, keepdims=True)
        below = np.where(np.isnan(below) & ~np.isnan(raw), 0.0, below)
        descending = -np.sort(-below, axis=-1)
        n = np.arange(1, raw.shape[-1] + 1)
        with np.errstate(invalid="ignore"):
            tau = (np.cumsum(descending, axis=-1) - 1.0) / n
            size = np.sum(descending > tau, axis=-1, keepdims=True)
        tau = np.take_along_axis(tau, np.maximum(size, 1) - 1, axis=-1)
        return np.maximum(below - tau, 0.0).astype(raw.dtype, copy=False)
