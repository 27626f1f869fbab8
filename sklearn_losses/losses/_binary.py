"""Losses of a margin z = (2 y - 1) raw_prediction, with y in {0, 1}.

>>> from sklearn_losses.losses import Hinge
>>> Hinge().value([1, 0], [0.25, 0.25])
array([0.75, 1.25])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import entr, logit

from sklearn_losses._machine._params import Interval
from sklearn_losses.losses._base import CONVEX_RELATIVES, PointLoss, usual_relative
from sklearn_losses.losses._links import (
    ArctanLink,
    ClippedLink,
    FocalLink,
    Link,
    LogitLink,
)


def largest(function):
    """The supremum over margins of abs(function), which has few extrema."""
    margins = np.linspace(-40.0, 40.0, 801)
    size = np.abs(function(margins))
    top = margins[np.argmax(size)]
    peak = minimize_scalar(
        lambda z: -abs(float(function(z))),
        bounds=(top - 0.1, top + 0.1),
        method="bounded",
        options={"xatol": 1e-10},
    )
    found = float(max(size.max(), -peak.fun))
    return np.inf if np.isnan(found) else found  # of parameters whose powers overflow


STEEPEST: Any = property(lambda loss: largest(lambda z: loss.gradient(1, z)))
MOST_CURVED: Any = property(lambda loss: largest(lambda z: loss.curvature(1, z)))


class BinaryLoss(PointLoss):
    """A loss of a margin."""

    task = "binary"
    domain = Interval(0, 1, "both", integer=True)

    def _optimal_constant(self, y_true, sample_weight):
        """The link of the mean, where that is the probability that the loss fits."""
        if not self.proper:
            return super()._optimal_constant(y_true, sample_weight)
        return float(self.link.link(np.average(y_true, weights=sample_weight)))


class LogLoss(BinaryLoss):
    """log(1 + exp(p)) - y p, the cross-entropy of P(y = 1) = expit(p).

    Targets in between are probabilities: y = 0.3 is a sample that is 1 in three cases
    of ten.

    It estimates the probability of y = 1. Take it wherever probabilities, thresholds or
    costs matter, and as the first choice. Do not where a share of the labels is wrong
    and gets in the way (`GeneralizedCrossEntropy`), or where rows that are right by far
    should have no say at all (`Hinge`).

    See Also
    --------
    CrossEntropy : Several classes, fitted jointly.
    Focal : Rows that fit well count less.
    Hinge : Labels only.

    References
    ----------
    Cox 1958, "The regression analysis of binary sequences", JRSS B 20.

    Examples
    --------
    >>> from sklearn_losses import LogLoss
    >>> loss = LogLoss()
    >>> loss.inverse_link([loss.optimal_constant([1, 0, 0, 0])]).round(2)
    array([0.25])
    """

    name = "log_loss"
    domain = Interval(0, 1, "both")
    link = LogitLink()
    probabilistic = True
    proper = True
    lipschitz = 1.0
    smoothness = 0.25

    def _minimum(self, y_true):
        return entr(y_true) + entr(1.0 - y_true)


CONVEX_RELATIVES["binary"] = lambda loss: LogLoss()


class Hinge(BinaryLoss):
    """max(0, threshold - z), the loss of the support vector machine.

    It estimates the label, and no probability. Take it where labels alone count and a
    few rows should decide. Do not where classes are rare and overlap (a constant may be
    the optimum), or probabilities are needed (`LogLoss`).

    Parameters
    ----------
    threshold : float, default=1.0
        The margin from which on a sample costs nothing, in units of raw predictions; at
        it, the sample is pushed.

    See Also
    --------
    SmoothHinge : Without the kink.
    SquaredHinge : Larger violations count more.
    MulticlassHinge : Several classes, fitted jointly.

    References
    ----------
    Cortes and Vapnik 1995, "Support-vector networks", Machine Learning 20.

    Examples
    --------
    >>> from sklearn_losses import Hinge
    >>> Hinge().gradient(1, [-2.0, 0.5, 2.0])
    array([-1., -1.,  0.])
    """

    name = "hinge"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0
    _constraints = {"threshold": [Interval(0, None, "left")]}

    def __init__(self, threshold: float = 1.0) -> None:
        self.threshold = threshold


class Perceptron(BinaryLoss):
    """max(0, -z). At z = 0 the sample is pushed, or w = 0 would stay where it is.

    It estimates the label, and no margin. Take it to learn from a stream by steps, in
    the historical way. Do not in a batch: coefficients of 0 are a minimum of it, and
    `fit` makes steps of constant size instead (`Hinge`).

    See Also
    --------
    Hinge : Asks for a margin.
    LogLoss : Gives probabilities.

    References
    ----------
    Rosenblatt 1958, "The perceptron", Psychological Review 65.

    Examples
    --------
    >>> from sklearn_losses import Perceptron
    >>> Perceptron().value(1, [-2.0, 0.5])
    array([2., 0.])
    """

    name = "perceptron"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0


class SquaredHinge(BinaryLoss):
    """max(0, threshold - z)^2, without a factor 1/2.

    It estimates the label; with the default threshold (p + 1) / 2, cut to [0, 1], is a
    probability of y = 1. Take it as a smooth hinge that a second-order solver likes. Do
    not with wrong labels, which pull in proportion to how wrong they seem
    (`ModifiedHuber`).

    Parameters
    ----------
    threshold : float, default=1.0
        The margin from which on a sample costs nothing, in units of raw predictions.

    See Also
    --------
    Hinge : Wrong rows all pull alike.
    ModifiedHuber : The same, linear far out, with probabilities.

    References
    ----------
    Chang, Hsieh and Lin 2008, "Coordinate descent method for large-scale L2-loss linear
    support vector machines", JMLR 9.

    Examples
    --------
    >>> from sklearn_losses import SquaredHinge
    >>> SquaredHinge().value(1, [-2.0, 0.5, 2.0])
    array([9.  , 0.25, 0.  ])
    >>> round(SquaredHinge().optimal_constant([1, 0, 0, 0]), 2)
    -0.5
    """

    name = "squared_hinge"
    smoothness = 2.0
    _constraints = {"threshold": [Interval(0, None, "left")]}

    def __init__(self, threshold: float = 1.0) -> None:
        self.threshold = threshold


class SmoothHinge(BinaryLoss):
    """0 if z >= 1; 1 - z - gamma/2 if z <= 1 - gamma; (1 - z)^2 / (2 gamma) between.

    The hinge with its kink rounded off.

    It estimates the label, and no probability. Take it for a support vector machine
    where kinks slow a solver down. Do not where probabilities are needed (`LogLoss`).

    Parameters
    ----------
    gamma : float, default=1.0
        The width of the rounded part, > 0, in units of raw predictions.

    See Also
    --------
    Hinge : The limit of gamma = 0.
    SquaredHinge : Quadratic all the way.

    References
    ----------
    Shalev-Shwartz and Zhang 2013, "Stochastic dual coordinate ascent methods for
    regularized loss minimization", JMLR 14, equation 16.

    Examples
    --------
    >>> from sklearn_losses import SmoothHinge
    >>> SmoothHinge(gamma=1.0).value(1, [-1.0, 0.5, 2.0])
    array([1.5  , 0.125, 0.   ])
    """

    name = "smooth_hinge"
    lipschitz = 1.0
    _constraints = {"gamma": [Interval(0, None, "neither")]}

    def __init__(self, gamma: float = 1.0) -> None:
        self.gamma = gamma

    @property
    def smoothness(self) -> float:
        return 1.0 / self.gamma


class ModifiedHuber(BinaryLoss):
    """max(0, 1 - z)^2 if z >= -1, else -4 z.

    A squared hinge that outliers cannot dominate, with probabilities
    P(y = 1) = (clip(p, -1, 1) + 1) / 2.

    It estimates the probability of y = 1, which may be 0 or 1. Take it where rows that
    are right by far should have no say and probabilities are wanted. Do not where
    probabilities near 0 and 1 have to be told apart (`LogLoss`).

    See Also
    --------
    LogLoss : Probabilities that are never 0 or 1.
    SquaredHinge : Quadratic all the way.

    References
    ----------
    Zhang 2004, "Solving large scale linear prediction problems using stochastic
    gradient descent algorithms", ICML.

    Examples
    --------
    >>> from sklearn_losses import ModifiedHuber
    >>> loss = ModifiedHuber()
    >>> loss.inverse_link([loss.optimal_constant([1, 0, 0, 0])]).round(2)
    array([0.25])
    """

    name = "modified_huber"
    link = ClippedLink()
    probabilistic = True
    proper = True
    lipschitz = 4.0
    smoothness = 2.0


class Exponential(BinaryLoss):
    """exp(-z), the loss of AdaBoost, with P(y = 1) = expit(2 p).

    It estimates the probability of y = 1. Take it to compare with boosting. Do not with
    wrong labels or outliers in X, which count exponentially (`LogLoss`).

    See Also
    --------
    LogLoss : Wrong rows pull no more than 1.
    Savage : A bounded loss with the same link.

    References
    ----------
    Friedman, Hastie and Tibshirani 2000, "Additive logistic regression", Ann. Statist.
    28.

    Examples
    --------
    >>> from sklearn_losses import Exponential
    >>> loss = Exponential()
    >>> loss.inverse_link([loss.optimal_constant([1, 0, 0, 0])]).round(2)
    array([0.25])
    """

    name = "exponential"
    link = LogitLink(scale=2.0)
    probabilistic = True
    proper = True


class Focal(BinaryLoss):
    """-(1 - P)^gamma log(P), with P = expit(z): samples that fit well count less.

    Its expit(p) is not calibrated. predict_proba gives what is, the `link` of the loss:
    by that link, and no other, the loss is proper.

    It estimates the probability of y = 1, by its own link. Take it where most rows are
    easy and the hard ones should decide the fit, as of rare classes that can be told
    apart. Do not as a cure of imbalance as such: thresholds and `class_weight` are
    simpler, and it is not convex.

    Parameters
    ----------
    gamma : float, default=2.0
        >= 0, where 0 is `LogLoss`.

    See Also
    --------
    LogLoss : gamma = 0, and convex.
    PolyLoss : Another change of the log loss.
    GeneralizedCrossEntropy : The opposite: hard rows count less.

    References
    ----------
    Lin, Goyal, Girshick, He and Dollar 2017, "Focal loss for dense object detection",
    ICCV; Charoenphakdee, Vongkulbhisal, Chairatanakul and Sugiyama 2021, "On focal loss
    for class-posterior probability estimation", CVPR, for the link.

    Examples
    --------
    >>> from sklearn_losses import Focal
    >>> loss = Focal(gamma=2.0)
    >>> loss.inverse_link([loss.optimal_constant([1, 0, 0, 0])]).round(2)
    array([0.25])
    """

    name = "focal"
    probabilistic = True
    proper = True
    lipschitz = STEEPEST
    smoothness = MOST_CURVED
    _constraints = {"gamma": [Interval(0, None, "left")]}
    convex_relative = usual_relative

    def __init__(self, gamma: float = 2.0) -> None:
        self.gamma = gamma

    @property
    def link(self) -> Link:
        return FocalLink(self.gamma)

    @property
    def convex(self) -> bool:
        return self.gamma == 0


class GeneralizedCrossEntropy(BinaryLoss):
    """(1 - P^q) / q, with P = expit(z): between cross-entropy and absolute error.

    It tolerates wrong labels. predict_proba gives expit(p), which is not calibrated.

    It estimates the label, with a score whose order is that of the probabilities of y =
    1. Take it where some labels are wrong: rows that are far wrong pull less. Do not
    for calibrated probabilities (`LogLoss`), or on clean and small data, where it is
    less efficient.

    Parameters
    ----------
    q : float, default=0.7
        In (0, 1]: as it goes to 0 the loss becomes `LogLoss`; 1 is `Sigmoid`.

    See Also
    --------
    LogLoss : The limit of q = 0.
    Sigmoid : q = 1.
    Savage : Bounded, with probabilities.

    References
    ----------
    Zhang and Sabuncu 2018, "Generalized cross entropy loss for training deep neural
    networks with noisy labels", NeurIPS.

    Examples
    --------
    >>> from sklearn_losses import GeneralizedCrossEntropy
    >>> GeneralizedCrossEntropy().gradient(1, [-9.0, 0.0]).round(2)
    array([-0.  , -0.31])
    """

    name = "generalized_cross_entropy"
    link = LogitLink()
    probabilistic = True
    convex = False
    bounded = True
    smoothness = MOST_CURVED
    _constraints = {"q": [Interval(0, 1, "right")]}
    convex_relative = usual_relative

    def __init__(self, q: float = 0.7) -> None:
        self.q = q

    @property
    def lipschitz(self) -> float:
        # Where P = q / (1 + q).
        return (self.q / (1.0 + self.q)) ** self.q / (1.0 + self.q)

    def _optimal_constant(self, y_true, sample_weight):
        # The odds are those of the frequencies, to the power 1 / (1 - q).
        odds = logit(np.average(y_true, weights=sample_weight))
        return float(odds / (1.0 - self.q)) if self.q < 1 else _majority(odds)


class PolyLoss(BinaryLoss):
    """-log(P) + epsilon (1 - P), with P = expit(z).

    The cross-entropy with another coefficient of the first term of its expansion in
    1 - P. predict_proba gives expit(p), which is calibrated only with epsilon = 0.

    It estimates the label, with a score whose order is that of the probabilities of y =
    1. Take it to tune how much middling rows count, where a small gain of accuracy is
    worth a search. Do not for calibrated probabilities (`LogLoss`).

    Parameters
    ----------
    epsilon : float, default=1.0
        >= -1; up to 1 the loss is convex.

    See Also
    --------
    LogLoss : epsilon = 0.
    Focal : Easy rows count less, and calibrated.

    References
    ----------
    Leng et al. 2022, "PolyLoss: a polynomial expansion perspective of classification
    loss functions", ICLR.

    Examples
    --------
    >>> from sklearn_losses import PolyLoss
    >>> PolyLoss(epsilon=1.0).value(1, [-2.0, 2.0]).round(2)
    array([3.01, 0.25])
    """

    name = "poly_loss"
    link = LogitLink()
    probabilistic = True
    smoothness = MOST_CURVED
    _constraints = {"epsilon": [Interval(-1, None, "left")]}

    def __init__(self, epsilon: float = 1.0) -> None:
        self.epsilon = epsilon

    def _optimal_constant(self, y_true, sample_weight):
        # P - f + a P (1 - P) = 0, with the frequency f and a = epsilon (1 - 2 f).
        frequency = np.average(y_true, weights=sample_weight)
        if frequency in (0.0, 1.0):
            return float(logit(frequency))
        a = self.epsilon * (1.0 - 2.0 * frequency)
        root = np.sqrt(max((1.0 + a) ** 2 - 4.0 * a * frequency, 0.0))
        return float(logit(frequency) + np.log((1.0 - a + root) / (1.0 + a + root)))

    @property
    def proper(self) -> bool:
        return self.epsilon == 0

    @property
    def convex(self) -> bool:
        return self.epsilon <= 1

    @property
    def lipschitz(self) -> float:
        if self.epsilon <= 1:
            return 1.0
        return 0.25 * self.epsilon + 0.5 + 0.25 / self.epsilon


class Savage(BinaryLoss):
    """1 / (1 + exp(2 z))^2, bounded, with P(y = 1) = expit(2 p).

    It estimates the probability of y = 1. Take it where some labels are wrong and
    probabilities are wanted all the same. Do not where the model is wrong far from the
    boundary: there rows have no pull, and the fit is a local minimum.

    See Also
    --------
    GeneralizedCrossEntropy : Another one, with a parameter for how much.
    Exponential : Convex, with the same link.

    References
    ----------
    Masnadi-Shirazi and Vasconcelos 2008, "On the design of loss functions for
    classification", NeurIPS.

    Examples
    --------
    >>> from sklearn_losses import Savage
    >>> loss = Savage()
    >>> loss.inverse_link([loss.optimal_constant([1, 0, 0, 0])]).round(2)
    array([0.25])
    """

    name = "savage"
    link = LogitLink(scale=2.0)
    probabilistic = True
    proper = True
    convex = False
    bounded = True
    lipschitz = 16.0 / 27.0
    smoothness = MOST_CURVED


class Tangent(BinaryLoss):
    """(2 arctan(z) - 1)^2, bounded, with P(y = 1) = clip(arctan(p) + 1/2, 0, 1).

    It costs to be too right as well: the least is at z = tan(1/2).

    It estimates the probability of y = 1. Take it where some labels are wrong and rows
    that are right by far should not stretch the fit. Do not where far rows are the
    surest ones: they are pushed back.

    See Also
    --------
    Savage : Costs nothing to be too right.
    LogLoss : Convex.

    References
    ----------
    Masnadi-Shirazi, Mahadevan and Vasconcelos 2010, "On the design of robust
    classifiers for computer vision", CVPR.

    Examples
    --------
    >>> from sklearn_losses import Tangent
    >>> loss = Tangent()
    >>> loss.inverse_link([loss.optimal_constant([1, 0, 0, 0])]).round(2)
    array([0.25])
    """

    name = "tangent"
    link = ArctanLink()
    probabilistic = True
    proper = True
    convex = False
    bounded = True
    lipschitz = STEEPEST
    smoothness = MOST_CURVED


class Sigmoid(BinaryLoss):
    """expit(-z), which symmetric label noise does not move: loss(0) + loss(1) is 1.

    It estimates the label, by a smooth count of errors. Take it where many labels are
    wrong, at random: the best model is then the same as for the right ones. Do not
    without a good start or a penalty: it is flat far out, and coefficients grow.

    See Also
    --------
    GeneralizedCrossEntropy : From this one to the log loss, by a parameter.
    Savage : Bounded, with probabilities.

    References
    ----------
    Ghosh, Manwani and Sastry 2015, "Making risk minimization tolerant to label noise",
    Neurocomputing 160.

    Examples
    --------
    >>> from sklearn_losses import Sigmoid
    >>> Sigmoid().value([0, 1], [0.3, 0.3]).sum()
    np.float64(1.0)
    """

    name = "sigmoid"
    convex = False
    bounded = True
    lipschitz = 0.25
    smoothness = 1.0 / (6.0 * np.sqrt(3.0))
    convex_relative = usual_relative

    def _optimal_constant(self, y_true, sample_weight):
        return _majority(np.average(y_true, weights=sample_weight) - 0.5)


def _majority(lead):
    """Where a loss that always falls towards the more frequent class is least."""
    return float(np.sign(lead) * np.inf) if lead != 0 else 0.0
