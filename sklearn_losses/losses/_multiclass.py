"""Losses of one raw prediction for each of K classes, with y in 0..K-1.

>>> from sklearn_losses.losses import CrossEntropy
>>> CrossEntropy().gradient([2], [[0.0, 0.0, 0.0]]).round(3)
array([[ 0.333,  0.333, -0.667]])
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr, xlogy

from sklearn_losses._machine._params import Interval
from sklearn_losses.losses._base import RowLoss
from sklearn_losses.losses._best_constant import class_frequencies
from sklearn_losses.losses._links import SoftmaxLink, SparsemaxLink

ROUNDING = 1e-12  # of slopes of one row, and of their sum


def _inf_outside(slopes, *bounded):
    """inf for the rows outside of the domain of a conjugate, else 0.

    There slopes sum to 0, as no loss of rows feels a constant that is added to all raw
    predictions, and what is `bounded` is not negative.
    """
    outside = ~(np.abs(slopes.sum(axis=1)) <= ROUNDING)
    for array in bounded:
        outside |= ~(array >= -ROUNDING).all(axis=1)
    return np.where(outside, np.inf, 0.0)


class CrossEntropy(RowLoss):
    """logsumexp(p) - sum_k t_k p_k, with t the one-hot row of the class y.

    The classes are fitted jointly: softmax regression. Targets of shape
    (n_samples, n_classes) whose rows sum to 1 are taken as t as they are.

    It estimates the probabilities of the classes. Take it as the first choice for more
    than two classes. Do not where a model for each class is wanted (`LogLoss` in one
    versus rest), or exact zeros (`Sparsemax`).

    Parameters
    ----------
    label_smoothing : float, default=0.0
        a in [0, 1): the one-hot row becomes (1 - a) onehot + a / K.

    See Also
    --------
    LogLoss : One versus rest, and two classes.
    Sparsemax : Probabilities that may be 0.
    MulticlassHinge : Labels only.

    References
    ----------
    Szegedy et al. 2016, "Rethinking the inception architecture", section 7, for the
    smoothing.

    Examples
    --------
    >>> from sklearn_losses import CrossEntropy
    >>> loss = CrossEntropy()
    >>> loss.inverse_link(loss.optimal_constant([0, 0, 1, 2])[None]).round(2)
    array([[0.5 , 0.25, 0.25]])
    """

    name = "cross_entropy"
    link = SoftmaxLink()
    probabilistic = True
    soft_targets = True
    lipschitz = np.sqrt(2.0)
    smoothness = 0.5
    _constraints = {"label_smoothing": [Interval(0, 1, "left")]}

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    @property
    def proper(self) -> bool:
        return self.label_smoothing == 0

    def _optimal_constant(self, y_true, sample_weight):
        """The centred logs of the (smoothed) class frequencies."""
        frequency = class_frequencies(y_true, sample_weight)
        if y_true.ndim == 1:
            frequency = (1 - self.label_smoothing) * frequency
            frequency += self.label_smoothing / len(frequency)
        return self.link.link(frequency)

    def _distribution(self, y_true, n_classes):
        target = super()._distribution(y_true, n_classes)
        a = 0.0 if y_true.ndim == 2 else self.label_smoothing
        return (1 - a) * target + a / n_classes

    def _conjugate(self, y_true, dual):
        """A negative entropy, of what are probabilities where dual is a gradient."""
        probability = self._distribution(y_true, dual.shape[1]) + dual
        inside = np.maximum(probability, 0.0)
        return xlogy(inside, inside).sum(axis=1) + _inf_outside(dual, probability)

    def _minimum(self, y_true):
        if y_true.ndim == 2:
            return entr(y_true).sum(axis=1)
        if self.label_smoothing == 0:
            return np.zeros(len(y_true))
        raise ValueError(
            "The minimum of CrossEntropy with label_smoothing > 0 depends on how many "
            "classes there are: give targets of shape (n_samples, n_classes)."
        )


class MulticlassHinge(RowLoss):
    """max(0, 1 + max_{k != y} p_k - p_y).

    The strongest rival is pushed off, the first of them where several are.

    It estimates the label, and no probabilities. Take it where labels alone count and a
    few rows should decide. Do not where no class has more than half of the rows that
    look alike: then it estimates none (`CrossEntropy`).

    See Also
    --------
    CrossEntropy : Probabilities.
    MulticlassSquaredHinge : Smooth.
    Hinge : One versus rest, and two classes.

    References
    ----------
    Crammer and Singer 2001, "On the algorithmic implementation of multiclass
    kernel-based vector machines", JMLR 2.

    Examples
    --------
    >>> from sklearn_losses import MulticlassHinge
    >>> MulticlassHinge().value([0, 1], [[2.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    array([0., 3.])
    """

    name = "multiclass_hinge"
    differentiable = False
    piecewise_linear = True
    lipschitz = np.sqrt(2.0)
    softened = CrossEntropy()

    def _conjugate(self, y_true, dual):
        target = self._distribution(y_true, dual.shape[1])
        own = (target * dual).sum(axis=1)
        rivals = np.where(target == 1, 0.0, dual)
        return own + _inf_outside(dual, rivals, 1.0 + own[:, None])

    def _optimal_constant(self, y_true, sample_weight):
        """One ahead for a class that more than half of the samples have, else 0."""
        frequency = class_frequencies(y_true, sample_weight)
        ahead = np.where(frequency > 0.5, 1.0, 0.0)
        return ahead - ahead.mean()


class MulticlassSquaredHinge(RowLoss):
    """sum_{k != y} max(0, 1 - p_y + p_k)^2: all rivals that are too close are pushed.

    Its smoothness is 2 K for K classes, so that no number bounds it.

    It estimates the label: the order of the raw predictions is that of the classes'
    frequencies. Take it for a smooth support vector machine of many classes. Do not
    with wrong labels, which pull in proportion to how wrong they seem (`CrossEntropy`).

    See Also
    --------
    MulticlassHinge : Wrong rows all pull alike.
    SquaredHinge : One versus rest, and two classes.

    References
    ----------
    Weston and Watkins 1999, "Support vector machines for multi-class pattern
    recognition", ESANN, with the squares of its terms.

    Examples
    --------
    >>> from sklearn_losses import MulticlassSquaredHinge
    >>> MulticlassSquaredHinge().value([0, 1], [[2.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    array([ 0., 10.])
    """

    name = "multiclass_squared_hinge"

    def _conjugate(self, y_true, dual):
        target = self._distribution(y_true, dual.shape[1])
        rivals = np.where(target == 1, 0.0, dual)
        value = (rivals * (0.25 * rivals - 1.0)).sum(axis=1)
        return value + _inf_outside(dual, rivals)

    def _optimal_constant(self, y_true, sample_weight):
        """All terms are active at the optimum, which makes it a linear system.

        With centred p and M = sum_k f_k p_k the gradient by p_k is zero where
        p_k (1 + K f_k) = M + K f_k - 1.
        """
        frequency = class_frequencies(y_true, sample_weight)
        x = len(frequency) * frequency
        mean = np.sum((1.0 - x) / (1.0 + x)) / np.sum(1.0 / (1.0 + x))
        return (mean + x - 1.0) / (1.0 + x)


class Sparsemax(RowLoss):
    """sum_{j in S} (p_j^2 - tau^2) / 2 + 1/2 - p_y, with probabilities that may be 0.

    S and tau come from the projection of p onto the simplex, max(0, p - tau), which is
    also what predict_proba gives. Targets of shape (n_samples, n_classes) whose rows
    sum to 1 are taken as probabilities, with the Fenchel-Young loss of that projection.

    It estimates the probabilities of the classes. Take it where classes that are out of
    the question should have the probability 0. Do not where the log loss will be the
    score: a 0 there costs without end (`CrossEntropy`).

    See Also
    --------
    CrossEntropy : Probabilities that are never 0.

    References
    ----------
    Martins and Astudillo 2016, "From softmax to sparsemax", ICML, equation 18.

    Examples
    --------
    >>> from sklearn_losses import Sparsemax
    >>> Sparsemax().inverse_link([[2.0, 1.5, 0.0]])
    array([[0.75, 0.25, 0.  ]])
    """

    name = "sparsemax"
    link = SparsemaxLink()
    probabilistic = True
    proper = True
    soft_targets = True
    lipschitz = np.sqrt(2.0)
    smoothness = 1.0

    def _conjugate(self, y_true, dual):
        """That of half the squared length of probabilities."""
        target = self._distribution(y_true, dual.shape[1])
        value = (dual * (0.5 * dual + target)).sum(axis=1)
        return value + _inf_outside(dual, target + dual)

    def _optimal_constant(self, y_true, sample_weight):
        frequency = class_frequencies(y_true, sample_weight)
        return frequency - frequency.mean()
