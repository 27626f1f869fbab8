"""Links: how a raw prediction becomes a prediction on the scale of y.

A linear model predicts on the whole real line; ``inverse`` maps that onto the
interval where predictions live, and ``link`` maps back:

>>> from sklearn_losses.losses._links import LogLink
>>> float(LogLink().inverse(0.0))
1.0
"""

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logit, softmax


class Link:
    """A map between predictions on the scale of y and raw predictions."""

    def link(self, prediction):
        """The raw prediction of a prediction on the scale of y."""
        raise NotImplementedError(f"{self!r} has no unique inverse.")

    def inverse(self, raw_prediction):
        """The prediction on the scale of y of a raw prediction."""
        raise NotImplementedError

    def __repr__(self):
        return f"{type(self).__name__}()"

    def __eq__(self, other):
        return type(self) is type(other)

    def __hash__(self):
        return hash(type(self))


class IdentityLink(Link):
    """The raw prediction is the prediction."""

    def link(self, prediction):
        return np.asarray(prediction)

    def inverse(self, raw_prediction):
        return np.asarray(raw_prediction)


class LogLink(Link):
    """Positive predictions: exp(raw)."""

    def link(self, prediction):
        with np.errstate(divide="ignore"):  # log(0) is -inf, and means it
            return np.log(prediction)

    def inverse(self, raw_prediction):
        with np.errstate(over="ignore"):  # beyond the largest float is inf
            return np.exp(raw_prediction)


class ProbabilityLink(Link):
    """P(y = 1) of a binary loss. Adds the logarithms of both probabilities."""

    def log_probabilities(self, raw_prediction):
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
    """P(y = 1) = 1 / (1 + exp(-raw))."""

    def link(self, prediction):
        return logit(prediction)

    def inverse(self, raw_prediction):
        return expit(raw_prediction)

    def log_probabilities(self, raw_prediction):
        return log_expit(-np.asarray(raw_prediction)), log_expit(raw_prediction)


class ClippedLink(ProbabilityLink):
    """P(y = 1) = (clip(raw, -1, 1) + 1) / 2, of the modified Huber loss.

    Zhang 2002, "On the dual formulation of regularized linear systems with convex
    risks", appendix B.
    """

    def link(self, prediction):
        return 2.0 * np.asarray(prediction) - 1.0

    def inverse(self, raw_prediction):
        return (np.clip(raw_prediction, -1.0, 1.0) + 1.0) / 2.0


class SoftmaxLink(Link):
    """Class probabilities exp(raw_k) / sum_j exp(raw_j), over the last axis."""

    def link(self, prediction):
        with np.errstate(divide="ignore"):
            raw = np.log(prediction)
        # Impossible classes stay at -inf, and the others are centred among themselves.
        return raw - raw.mean(axis=-1, keepdims=True, where=np.isfinite(raw))

    def inverse(self, raw_prediction):
        return softmax(raw_prediction, axis=-1)

    def log_probabilities(self, raw_prediction):
        """log P(y = k), of the shape of raw_prediction."""
        return log_softmax(raw_prediction, axis=-1)
