"""Losses of a residual r = raw_prediction - y_true, with the identity link.

>>> from sklearn_losses.losses import Quantile
>>> Quantile(quantile=0.9).value([1.0, 1.0], [0.0, 2.0])
array([0.9, 0.1])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import Interval, check_parameters
from sklearn_losses.losses._base import CONVEX_RELATIVES, PointLoss
from sklearn_losses.losses._links import Log1pLink
from sklearn_losses.losses._mixture import mixture
from sklearn_losses.losses._scale import POSITIVE, SCALE, ThresholdLoss, ratio
from sklearn_losses.losses._table import CLoss

STEEPEST_RELATIVE = 1e150  # of a scale next to 0: a weight is finite


def weighted_quantile(y_true, sample_weight, quantile):
    """A minimizer of the pinball loss: the middle one where there are many."""
    seen = sample_weight > 0
    y_true, sample_weight = y_true[seen], sample_weight[seen]
    order = np.argsort(y_true, kind="stable")
    y_sorted = y_true[order]
    cumulated = np.cumsum(sample_weight[order])
    target = quantile * cumulated[-1]
    # Equal up to the rounding of n sums: the minimizers then fill an interval.
    tolerance = (len(y_true) + 4) * np.finfo(float).eps * cumulated[-1]
    low = y_sorted[min(np.searchsorted(cumulated, target - tolerance), len(y_true) - 1)]
    high = y_sorted[
        min(np.searchsorted(cumulated, target + tolerance, "right"), len(y_true) - 1)
    ]
    return float(0.5 * low + 0.5 * high)


class SquaredError(PointLoss):
    """r^2 / 2, whose optimum is the mean.

    Note the 1/2, as in the losses of scikit-learn's models and unlike its metric
    ``mean_squared_error``.

    It estimates the mean of y. Take it where the mean is what is asked for, as of
    amounts that will be added up, and errors are of one size. Do not where y has gross
    outliers, each of which pulls in proportion to its distance (`Huber`), or where y is
    positive and spans decades (`Gamma`, `Tweedie`).

    See Also
    --------
    Huber : The mean of most rows, whatever the others are.
    Expectile : Where one side costs more.
    AbsoluteError : The median.

    References
    ----------
    Gauss 1809, "Theoria motus corporum coelestium", book 2, section 3.

    Examples
    --------
    >>> from sklearn_losses import SquaredError
    >>> SquaredError().optimal_constant([1, 2, 3, 4, 100])
    22.0
    """

    name = "squared_error"
    estimates = "mean"
    smoothness = 1.0

    def _optimal_constant(self, y_true, sample_weight):
        return float(np.average(y_true, weights=sample_weight))


class AbsoluteError(PointLoss):
    """abs(r), whose optimum is the median. The subgradient at r = 0 is 0.

    It estimates the median of y. Take it where the typical value is what is asked for
    and y has a long tail or outliers: how far away they are does not count. Do not
    where totals count, as medians of skew targets are below their means
    (`SquaredError`), or where y has many ties, as half of the rows may then be at a
    kink.

    See Also
    --------
    Quantile : Other quantiles.
    Huber : Nearly as robust, and smooth.
    LogCosh : Smooth, without a parameter.

    References
    ----------
    Bloomfield and Steiger 1983, "Least absolute deviations".

    Examples
    --------
    >>> from sklearn_losses import AbsoluteError
    >>> AbsoluteError().optimal_constant([1, 2, 3, 4, 100])
    3.0
    """

    name = "absolute_error"
    estimates = "median"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0

    def _optimal_constant(self, y_true, sample_weight):
        return weighted_quantile(y_true, sample_weight, 0.5)


CONVEX_RELATIVES["regression"] = lambda loss: (
    min(loss.lipschitz, STEEPEST_RELATIVE) * AbsoluteError()
)


# Traits of losses of a quantile.
STEEPER_SIDE: Any = property(lambda loss: max(loss.quantile, 1.0 - loss.quantile))
IS_MEDIAN: Any = property(lambda loss: loss.quantile == 0.5)
OF_QUANTILE: Any = property(lambda loss: quantile_name(loss.quantile))


def quantile_name(quantile: float) -> str:
    """What a quantile is called among the things that losses estimate."""
    return "median" if quantile == 0.5 else f"{quantile:g}-quantile"


class Quantile(PointLoss):
    """The pinball loss: q (y - p) if y >= p, else (1 - q) (p - y).

    Its optimum is the q-quantile. The subgradient at y = p is 0.

    It estimates the q-quantile of y, below which a share q of the targets lies. Take it
    for stocks, budgets and bands, where too little costs q / (1 - q) times what too
    much does. Do not for quantiles beyond what the rows can tell (with n rows, q within
    some 10 / n of 0 or 1).

    Parameters
    ----------
    quantile : float, default=0.5
        q, in (0, 1). With 0.5 the loss is half the absolute error.

    See Also
    --------
    SmoothQuantile : The same without a kink.
    Expectile : Where far errors count more.
    AbsoluteError : Twice the loss of the median.

    References
    ----------
    Koenker and Bassett 1978, "Regression quantiles", Econometrica 46.

    Examples
    --------
    >>> from sklearn_losses import Quantile
    >>> Quantile(quantile=0.75).optimal_constant([1, 2, 3, 4, 100])
    4.0
    >>> Quantile(quantile=0.9).value(10.0, [9.0, 11.0])
    array([0.9, 0.1])
    """

    name = "quantile"
    estimates = OF_QUANTILE
    lipschitz = STEEPER_SIDE
    symmetric = IS_MEDIAN
    differentiable = False
    piecewise_linear = True
    _constraints = {"quantile": [Interval(0, 1, "neither")]}

    def __init__(self, quantile: float = 0.5) -> None:
        self.quantile = quantile

    def _optimal_constant(self, y_true, sample_weight):
        return weighted_quantile(y_true, sample_weight, self.quantile)


class SmoothQuantile(ThresholdLoss):
    """a r^2 / (2 delta) if abs(r) <= delta, else a (abs(r) - delta / 2).

    a is q if y >= p, else 1 - q: the pinball loss with its kink rounded off, so that
    solvers for smooth losses can fit quantiles.

    It estimates nearly the q-quantile of y, the nearer the smaller delta is. Take it
    where a solver needs a gradient without jumps, or to smooth a few rows. Do not where
    the share below the prediction has to be q (`Quantile`).

    Parameters
    ----------
    quantile : float, default=0.5
        q, in (0, 1).
    delta : float, default=1.0
        Half the width of the rounded part, in units of the scale; as it goes to 0 the
        loss becomes `Quantile`.
    scale : float or "mad", default=1.0
        What delta is multiplied by, in units of y. "mad": the noise that `fit`
        measures; it then minimises the scale times the loss, so that the fit does not
        depend on the unit of y.

    See Also
    --------
    Quantile : The limit of delta = 0.
    Huber : The same shape around the median.

    References
    ----------
    Zheng 2011, "Gradient descent algorithms for quantile regression with smooth
    approximation", Int. J. Mach. Learn. Cybern. 2; Chen 2007, "A finite smoothing
    algorithm for quantile regression", J. Comput. Graph. Stat. 16, for the Huber form.

    Examples
    --------
    >>> from sklearn_losses import SmoothQuantile
    >>> loss = SmoothQuantile(quantile=0.75, delta=0.1)
    >>> loss.optimal_constant([1, 2, 3, 4, 100]), loss.differentiable
    (4.0, True)
    """

    name = "smooth_quantile"
    estimates = property(lambda loss: f"about the {quantile_name(loss.quantile)}")
    lipschitz = STEEPER_SIDE
    symmetric = IS_MEDIAN
    value_power = 1
    _constraints = {
        "quantile": [Interval(0, 1, "neither")],
        "delta": POSITIVE,
        "scale": SCALE,
    }

    def __init__(
        self, quantile: float = 0.5, delta: float = 1.0, scale: float | str = 1.0
    ) -> None:
        self.quantile = quantile
        self.delta = delta
        self.scale = scale

    def _c_parameters(self):
        return self.quantile, self.delta * self._scale

    @property
    def smoothness(self) -> float:
        return ratio(self.lipschitz, self.delta, self._scale)


def expectile_name(expectile: float) -> str:
    """What an expectile is called among the things that losses estimate."""
    return "mean" if expectile == 0.5 else f"{expectile:g}-expectile"


class Expectile(PointLoss):
    """a r^2, with a = tau if y >= p, else 1 - tau.

    Squared error that costs more on one side. Its optimum is the tau-expectile; 0.5
    gives r^2 / 2, the same as `SquaredError`.

    It estimates the tau-expectile of y, where the mean excess above is to the mean
    excess below as 1 - tau to tau. Take it where one side costs more, and in proportion
    to the square of the error. Do not with outliers, which pull as in `SquaredError`,
    or where a share of rows is meant (`Quantile`).

    Parameters
    ----------
    expectile : float, default=0.5
        tau, in (0, 1).

    See Also
    --------
    Quantile : Where a share of the rows counts.
    Linex : Where one side costs exponentially more.
    Asymmetric : Any loss with a factor for each side.

    References
    ----------
    Newey and Powell 1987, "Asymmetric least squares estimation and testing",
    Econometrica 55.

    Examples
    --------
    >>> from sklearn_losses import Expectile
    >>> round(Expectile(expectile=0.9).optimal_constant([0.0, 1.0]), 3)
    0.9
    >>> Expectile(expectile=0.9).value(0.0, [-1.0, 1.0])
    array([0.9, 0.1])
    """

    name = "expectile"
    _constraints = {"expectile": [Interval(0, 1, "neither")]}

    def __init__(self, expectile: float = 0.5) -> None:
        self.expectile = expectile

    @property
    def smoothness(self) -> float:
        return 2.0 * max(self.expectile, 1.0 - self.expectile)

    @property
    def symmetric(self) -> bool:
        return self.expectile == 0.5

    @property
    def estimates(self) -> str:
        return expectile_name(self.expectile)


class Huber(ThresholdLoss):
    """r^2 / 2 if abs(r) <= delta, else delta (abs(r) - delta / 2).

    Quadratic for the many and linear for the few, so that no outlier pulls harder
    than delta.

    It estimates the mean of the rows that are no outliers, and is between mean (large
    delta) and median (small delta). Take it as the first choice where some y may be
    wrong or far. Do not where far values are real and count in full (`SquaredError`),
    or where they are many and on one side (`TukeyBiweight`).

    Parameters
    ----------
    delta : float, default=1.345
        Where the loss turns linear, in units of the scale. The default is 95%
        efficient for normal residuals whose standard deviation is the scale.
    scale : float or "mad", default=1.0
        What delta is multiplied by, in units of y. "mad": the noise that `fit`
        measures, so that the fit does not depend on the unit of y.

    See Also
    --------
    PseudoHuber : Smooth to every order.
    TukeyBiweight : Outliers have no pull at all.
    SmoothQuantile : The same shape around a quantile.

    References
    ----------
    Huber 1964, "Robust estimation of a location parameter", Ann. Math. Statist. 35.

    Examples
    --------
    >>> from sklearn_losses import Huber
    >>> Huber(delta=1.0).value([0.0, 0.0], [0.5, 3.0])
    array([0.125, 2.5  ])
    >>> Huber(delta=1.0).optimal_constant([1, 2, 3, 4, 100])
    3.0
    """

    name = "huber"
    smoothness = 1.0
    _constraints = {"delta": POSITIVE, "scale": SCALE}

    def __init__(self, delta: float = 1.345, scale: float | str = 1.0) -> None:
        self.delta = delta
        self.scale = scale

    def _c_parameters(self):
        return (self.delta * self._scale,)

    @property
    def lipschitz(self) -> float:
        return self.delta * self._scale


class SmoothL1(PointLoss):
    """r^2 / (2 beta) if abs(r) <= beta, else abs(r) - beta / 2: Huber's over its delta.

    It is the loss of that name of PyTorch. The slope is at most 1 whatever beta is.

    It estimates the median of y, about, and the mean of what is within beta of it. Take
    it for edges of boxes, or to keep numbers of another library. Do not otherwise:
    `Huber` is the same times delta, and has a scale.

    Parameters
    ----------
    beta : float, default=1.0
        Where the loss turns linear, in units of y.

    See Also
    --------
    Huber : beta times this loss.
    GIoU : The overlap of boxes in place of their edges.

    References
    ----------
    Girshick 2015, "Fast R-CNN", ICCV.

    Examples
    --------
    >>> from sklearn_losses import SmoothL1
    >>> SmoothL1(beta=0.5).value([0.0, 0.0], [0.5, 3.0])
    array([0.25, 2.75])
    """

    name = "smooth_l1"
    lipschitz = 1.0
    _constraints = {"beta": POSITIVE}

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    @property
    def smoothness(self) -> float:
        return ratio(1.0, self.beta)

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        inner = Huber(delta=self.beta).checked()
        weight = 1.0 / self.beta
        return mixture([(inner, weight, weight, False)])

    def _optimal_constant(self, y_true, sample_weight):
        return Huber(delta=self.beta)._optimal_constant(y_true, sample_weight)


class PseudoHuber(ThresholdLoss):
    """delta^2 (sqrt(1 + (r / delta)^2) - 1), a Huber loss without a corner anywhere.

    It estimates what `Huber` does. Take it where a smooth curvature helps, or delta is
    small and y has ties. Do not where an unpenalised fit should be the least squares of
    the rows without outliers: here all residuals are held back a little.

    Parameters
    ----------
    delta : float, default=1.0
        Where the loss turns from quadratic to linear, in units of the scale.
    scale : float or "mad", default=1.0
        What delta is multiplied by, in units of y. "mad": the noise that `fit`
        measures, so that the fit does not depend on the unit of y.

    See Also
    --------
    Huber : Exactly quadratic near 0.
    LogCosh : Without a parameter.
    Barron : A family with this loss in it.

    References
    ----------
    Charbonnier, Blanc-Feraud, Aubert and Barlaud 1997, "Deterministic edge-preserving
    regularization in computed imaging", IEEE Trans. Image Process. 6.

    Examples
    --------
    >>> from sklearn_losses import PseudoHuber
    >>> PseudoHuber(delta=1.0).value(0.0, [0.0, 3.0]).round(3)
    array([0.   , 2.162])
    >>> round(PseudoHuber(delta=1.0).optimal_constant([1, 2, 3, 4, 100]), 2)
    3.06
    """

    name = "pseudo_huber"
    smoothness = 1.0
    _constraints = {"delta": POSITIVE, "scale": SCALE}

    def __init__(self, delta: float = 1.0, scale: float | str = 1.0) -> None:
        self.delta = delta
        self.scale = scale

    def _c_parameters(self):
        return (self.delta * self._scale,)

    @property
    def lipschitz(self) -> float:
        return self.delta * self._scale


class LogCosh(PointLoss):
    """log(cosh(r)): r^2 / 2 for small residuals and abs(r) - log(2) for large ones.

    It estimates a location between mean and median. Take it for residuals of the size
    of 1, as of standardized y. Do not for y in other units: it has no parameter, so
    that it is AbsoluteError where residuals are large and SquaredError where they are
    small (`Huber` has one, and ``scale='mad'``).

    See Also
    --------
    Huber : Where the bend is a parameter.
    PseudoHuber : The same, and smooth.

    References
    ----------
    Green 1990, "Bayesian reconstructions from emission tomography data using a modified
    EM algorithm", IEEE Trans. Med. Imaging 9.

    Examples
    --------
    >>> from sklearn_losses import LogCosh
    >>> LogCosh().gradient(0.0, [0.1, 100.0]).round(3)
    array([0.1, 1. ])
    >>> round(LogCosh().optimal_constant([1, 2, 3, 4, 100]), 2)
    3.02
    """

    name = "log_cosh"
    lipschitz = 1.0
    smoothness = 1.0


class EpsilonInsensitive(PointLoss):
    """max(0, abs(r) - epsilon), the loss of support vector regression.

    It estimates the median, up to epsilon. Take it where errors within a tolerance do
    not matter, as of rounded y. Do not with an epsilon near the noise and a wish for a
    unique fit: within the tube all models are equal.

    Parameters
    ----------
    epsilon : float, default=0.1
        Half the width of the tube in which residuals cost nothing, in units of y.

    See Also
    --------
    AbsoluteError : With epsilon = 0.
    SquaredEpsilonInsensitive : The squares of what is outside.

    References
    ----------
    Vapnik 1995, "The nature of statistical learning theory".

    Examples
    --------
    >>> from sklearn_losses import EpsilonInsensitive
    >>> EpsilonInsensitive(epsilon=0.5).value(0.0, [0.4, 1.5])
    array([0., 1.])
    """

    name = "epsilon_insensitive"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0
    _constraints = {"epsilon": [Interval(0, None, "left")]}

    def __init__(self, epsilon: float = 0.1) -> None:
        self.epsilon = epsilon


class SquaredEpsilonInsensitive(PointLoss):
    """max(0, abs(r) - epsilon)^2, without a factor 1/2.

    It estimates the mean, up to epsilon. Take it where errors within a tolerance do not
    matter and larger ones count in full. Do not with outliers, which pull as in
    `SquaredError`.

    Parameters
    ----------
    epsilon : float, default=0.1
        Half the width of the tube in which residuals cost nothing, in units of y.

    See Also
    --------
    SquaredError : Half of it with epsilon = 0.
    EpsilonInsensitive : Outliers pull no more than others.

    References
    ----------
    Ho and Lin 2012, "Large-scale linear support vector regression", JMLR 13.

    Examples
    --------
    >>> from sklearn_losses import SquaredEpsilonInsensitive
    >>> SquaredEpsilonInsensitive(epsilon=0.5).value(0.0, [0.4, 1.5])
    array([0., 1.])
    """

    name = "squared_epsilon_insensitive"
    smoothness = 2.0
    _constraints = {"epsilon": [Interval(0, None, "left")]}

    def __init__(self, epsilon: float = 0.1) -> None:
        self.epsilon = epsilon


class Linex(PointLoss):
    """(exp(a r) - a r - 1) / a^2: linear on one side, exponential on the other.

    With a > 0 it is predictions above y that cost exponentially. As a goes to 0 it
    becomes r^2 / 2.

    It estimates -log(E[exp(-a y)]) / a, which for normal noise of variance s^2 is the
    mean minus a s^2 / 2. Take it where one side is a disaster and the other a nuisance.
    Do not with outliers, which count exponentially on the dear side, or for y whose
    size is far from 1 / a: standardize it, or scale a.

    Parameters
    ----------
    a : float, default=1.0
        Not 0, and of a size between 1e-150 and 1e150; in units of 1 / y.

    See Also
    --------
    Expectile : One side costs a factor more.
    Quantile : The same, of absolute errors.

    References
    ----------
    Varian 1975, "A Bayesian approach to real estate assessment"; Zellner 1986,
    "Bayesian estimation and prediction using asymmetric loss functions", JASA 81.

    Examples
    --------
    >>> from sklearn_losses import Linex
    >>> Linex(a=1.0).value(0.0, [-2.0, 2.0]).round(2)
    array([1.14, 4.39])
    """

    name = "linex"
    estimates = "exponential mean, -log E[exp(-a y)] / a"
    symmetric = False
    _constraints = {
        "a": [Interval(-1e150, -1e-150, "both"), Interval(1e-150, 1e150, "both")],
    }  # of which the square is a number

    def __init__(self, a: float = 1.0) -> None:
        self.a = a


class AbsolutePercentageError(PointLoss):
    """abs(r) / max(abs(y), floor), whose mean is the MAPE as a fraction.

    The subgradient at r = 0 is 0. Its optimum is a median with the weights
    1 / max(abs(y), floor), which favours small targets.

    It estimates a median in which small targets weigh more, and so predicts less than
    the median. Take it where the MAPE is what you are judged by. Do not where y is 0 or
    near it, or where relative errors are meant but too low and too high should count
    alike (`SquaredLogError`, `Gamma`).

    Parameters
    ----------
    floor : float, default=1e-8
        The least number to divide by, in units of y.

    See Also
    --------
    SquaredLogError : Relative errors, both sides alike.
    AbsoluteError : Without the weights.
    Gamma : The mean, with relative errors.

    References
    ----------
    de Myttenaere, Golden, Le Grand and Rossi 2016, "Mean absolute percentage error for
    regression models", Neurocomputing 192.

    Examples
    --------
    >>> from sklearn_losses import AbsolutePercentageError
    >>> AbsolutePercentageError().value([1.0, 100.0], [2.0, 101.0])
    array([1.  , 0.01])
    >>> AbsolutePercentageError().optimal_constant([1, 2, 3, 4, 100])
    2.0
    """

    name = "absolute_percentage_error"
    estimates = "median with weights 1 / abs(y)"
    differentiable = False
    piecewise_linear = True
    symmetric = False
    _constraints = {"floor": [Interval(0, None, "neither")]}

    def __init__(self, floor: float = 1e-8) -> None:
        self.floor = floor

    @property
    def lipschitz(self) -> float:
        return 1.0 / self.floor

    def _optimal_constant(self, y_true, sample_weight):
        weight = sample_weight / np.maximum(np.abs(y_true), self.floor)
        return weighted_quantile(y_true, weight, 0.5)


class SquaredLogError(PointLoss):
    """(p - log1p(y))^2 / 2, y > -1, where p is log(1 + prediction).

    Note the 1/2, unlike scikit-learn's metric ``mean_squared_log_error``.

    It estimates exp(E[log(1 + y)]) - 1, a geometric mean, which is below the mean. Take
    it for positive y that spans decades where ratios count and the typical value is
    asked for. Do not where predictions will be added up (`Gamma`, `Tweedie`,
    `Poisson`).

    See Also
    --------
    Gamma : The mean, with relative errors.
    AbsolutePercentageError : The MAPE itself.

    References
    ----------
    Tofallis 2015, "A better measure of relative prediction accuracy for model selection
    and model estimation", J. Oper. Res. Soc. 66.

    Examples
    --------
    >>> from sklearn_losses import SquaredLogError
    >>> loss = SquaredLogError()
    >>> loss.inverse_link([loss.optimal_constant([1, 2, 3, 4, 100])]).round(2)
    array([5.56])
    """

    name = "squared_log_error"
    estimates = "geometric mean of 1 + y, less 1"
    domain = Interval(-1, None, "neither")
    link = Log1pLink()
    smoothness = 1.0
    symmetric = False

    def _optimal_constant(self, y_true, sample_weight):
        return float(np.average(np.log1p(y_true), weights=sample_weight))
