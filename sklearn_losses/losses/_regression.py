"""Losses of a residual r = raw_prediction - y_true, with the identity link.

>>> from sklearn_losses.losses import Quantile
>>> Quantile(quantile=0.9).value([1.0, 1.0], [0.0, 2.0])
array([0.9, 0.1])
"""

import numpy as np

from sklearn_losses._machine._params import Interval
from sklearn_losses.losses._base import CONVEX_RELATIVES, PointLoss
from sklearn_losses.losses._links import Log1pLink
from sklearn_losses.losses._scale import POSITIVE, SCALE, ThresholdLoss


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
    """

    name = "squared_error"
    estimates = "mean"
    smoothness = 1.0

    def _optimal_constant(self, y_true, sample_weight):
        return float(np.average(y_true, weights=sample_weight))


class AbsoluteError(PointLoss):
    """abs(r), whose optimum is the median. The subgradient at r = 0 is 0."""

    name = "absolute_error"
    estimates = "median"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0

    def _optimal_constant(self, y_true, sample_weight):
        return weighted_quantile(y_true, sample_weight, 0.5)


CONVEX_RELATIVES["regression"] = lambda loss: loss.lipschitz * AbsoluteError()


# Traits of losses of a quantile.
STEEPER_SIDE = property(lambda loss: max(loss.quantile, 1.0 - loss.quantile))
IS_MEDIAN = property(lambda loss: loss.quantile == 0.5)
OF_QUANTILE = property(lambda loss: quantile_name(loss.quantile))


def quantile_name(quantile):
    """What a quantile is called among the things that losses estimate."""
    return "median" if quantile == 0.5 else f"{quantile:g}-quantile"


class Quantile(PointLoss):
    """The pinball loss: q (y - p) if y >= p, else (1 - q) (p - y).

    Its optimum is the q-quantile. The subgradient at y = p is 0.

    Parameters
    ----------
    quantile : float, default=0.5
        q, in (0, 1). With 0.5 the loss is half the absolute error.

    References
    ----------
    Koenker and Bassett 1978, "Regression quantiles", Econometrica 46.
    """

    name = "quantile"
    estimates = OF_QUANTILE
    lipschitz = STEEPER_SIDE
    symmetric = IS_MEDIAN
    differentiable = False
    piecewise_linear = True
    _constraints = {"quantile": [Interval(0, 1, "neither")]}

    def __init__(self, quantile=0.5):
        self.quantile = quantile

    def _optimal_constant(self, y_true, sample_weight):
        return weighted_quantile(y_true, sample_weight, self.quantile)


class SmoothQuantile(ThresholdLoss):
    """a r^2 / (2 delta) if abs(r) <= delta, else a (abs(r) - delta / 2).

    a is q if y >= p, else 1 - q: the pinball loss with its kink rounded off, so that
    solvers for smooth losses can fit quantiles.

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

    References
    ----------
    Zheng 2011, "Gradient descent algorithms for quantile regression with smooth
    approximation", Int. J. Mach. Learn. Cybern. 2; Chen 2007, "A finite smoothing
    algorithm for quantile regression", J. Comput. Graph. Stat. 16, for the Huber form.
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

    def __init__(self, quantile=0.5, delta=1.0, scale=1.0):
        self.quantile = quantile
        self.delta = delta
        self.scale = scale

    def _c_parameters(self):
        return self.quantile, self.delta * self._scale

    @property
    def smoothness(self):
        return self.lipschitz / (self.delta * self._scale)


def expectile_name(expectile):
    """What an expectile is called among the things that losses estimate."""
    return "mean" if expectile == 0.5 else f"{expectile:g}-expectile"


class Expectile(PointLoss):
    """a r^2, with a = tau if y >= p, else 1 - tau.

    Squared error that costs more on one side. Its optimum is the tau-expectile; 0.5
    gives r^2 / 2, the same as `SquaredError`.

    Parameters
    ----------
    expectile : float, default=0.5
        tau, in (0, 1).

    References
    ----------
    Newey and Powell 1987, "Asymmetric least squares estimation and testing",
    Econometrica 55.
    """

    name = "expectile"
    _constraints = {"expectile": [Interval(0, 1, "neither")]}

    def __init__(self, expectile=0.5):
        self.expectile = expectile

    @property
    def smoothness(self):
        return 2.0 * max(self.expectile, 1.0 - self.expectile)

    @property
    def symmetric(self):
        return self.expectile == 0.5

    @property
    def estimates(self):
        return expectile_name(self.expectile)


class Huber(ThresholdLoss):
    """r^2 / 2 if abs(r) <= delta, else delta (abs(r) - delta / 2).

    Quadratic for the many and linear for the few, so that no outlier pulls harder
    than delta.

    Parameters
    ----------
    delta : float, default=1.345
        Where the loss turns linear, in units of the scale. The default is 95%
        efficient for normal residuals whose standard deviation is the scale.
    scale : float or "mad", default=1.0
        What delta is multiplied by, in units of y. "mad": the noise that `fit`
        measures, so that the fit does not depend on the unit of y.

    References
    ----------
    Huber 1964, "Robust estimation of a location parameter", Ann. Math. Statist. 35.
    """

    name = "huber"
    smoothness = 1.0
    _constraints = {"delta": POSITIVE, "scale": SCALE}

    def __init__(self, delta=1.345, scale=1.0):
        self.delta = delta
        self.scale = scale

    def _c_parameters(self):
        return (self.delta * self._scale,)

    @property
    def lipschitz(self):
        return self.delta * self._scale


class PseudoHuber(ThresholdLoss):
    """delta^2 (sqrt(1 + (r / delta)^2) - 1), a Huber loss without a corner anywhere.

    Parameters
    ----------
    delta : float, default=1.0
        Where the loss turns from quadratic to linear, in units of the scale.
    scale : float or "mad", default=1.0
        What delta is multiplied by, in units of y. "mad": the noise that `fit`
        measures, so that the fit does not depend on the unit of y.

    References
    ----------
    Charbonnier, Blanc-Feraud, Aubert and Barlaud 1997, "Deterministic edge-preserving
    regularization in computed imaging", IEEE Trans. Image Process. 6.
    """

    name = "pseudo_huber"
    smoothness = 1.0
    _constraints = {"delta": POSITIVE, "scale": SCALE}

    def __init__(self, delta=1.0, scale=1.0):
        self.delta = delta
        self.scale = scale

    def _c_parameters(self):
        return (self.delta * self._scale,)

    @property
    def lipschitz(self):
        return self.delta * self._scale


class LogCosh(PointLoss):
    """log(cosh(r)): r^2 / 2 for small residuals and abs(r) - log(2) for large ones.

    References
    ----------
    Green 1990, "Bayesian reconstructions from emission tomography data using a modified
    EM algorithm", IEEE Trans. Med. Imaging 9.
    """

    name = "log_cosh"
    lipschitz = 1.0
    smoothness = 1.0


class EpsilonInsensitive(PointLoss):
    """max(0, abs(r) - epsilon), the loss of support vector regression.

    Parameters
    ----------
    epsilon : float, default=0.1
        Half the width of the tube in which residuals cost nothing, in units of y.

    References
    ----------
    Vapnik 1995, "The nature of statistical learning theory".
    """

    name = "epsilon_insensitive"
    differentiable = False
    piecewise_linear = True
    lipschitz = 1.0
    _constraints = {"epsilon": [Interval(0, None, "left")]}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon


class SquaredEpsilonInsensitive(PointLoss):
    """max(0, abs(r) - epsilon)^2, without a factor 1/2.

    Parameters
    ----------
    epsilon : float, default=0.1
        Half the width of the tube in which residuals cost nothing, in units of y.
    """

    name = "squared_epsilon_insensitive"
    smoothness = 2.0
    _constraints = {"epsilon": [Interval(0, None, "left")]}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon


class Linex(PointLoss):
    """(exp(a r) - a r - 1) / a^2: linear on one side, exponential on the other.

    With a > 0 it is predictions above y that cost exponentially. As a goes to 0 it
    becomes r^2 / 2.

    Parameters
    ----------
    a : float, default=1.0
        Not 0; in units of 1 / y.

    References
    ----------
    Varian 1975, "A Bayesian approach to real estate assessment"; Zellner 1986,
    "Bayesian estimation and prediction using asymmetric loss functions", JASA 81.
    """

    name = "linex"
    estimates = "exponential mean, -log E[exp(-a y)] / a"
    symmetric = False
    _constraints = {
        "a": [Interval(None, 0, "neither"), Interval(0, None, "neither")],
    }

    def __init__(self, a=1.0):
        self.a = a


class AbsolutePercentageError(PointLoss):
    """abs(r) / max(abs(y), floor), whose mean is the MAPE as a fraction.

    The subgradient at r = 0 is 0. Its optimum is a median with the weights
    1 / max(abs(y), floor), which favours small targets.

    Parameters
    ----------
    floor : float, default=1e-8
        The least number to divide by, in units of y.
    """

    name = "absolute_percentage_error"
    estimates = "median with weights 1 / abs(y)"
    differentiable = False
    piecewise_linear = True
    symmetric = False
    _constraints = {"floor": [Interval(0, None, "neither")]}

    def __init__(self, floor=1e-8):
        self.floor = floor

    @property
    def lipschitz(self):
        return 1.0 / self.floor

    def _optimal_constant(self, y_true, sample_weight):
        weight = sample_weight / np.maximum(np.abs(y_true), self.floor)
        return weighted_quantile(y_true, weight, 0.5)


class SquaredLogError(PointLoss):
    """(p - log1p(y))^2 / 2, y > -1, where p is log(1 + prediction).

    Note the 1/2, unlike scikit-learn's metric ``mean_squared_log_error``.
    """

    name = "squared_log_error"
    estimates = "geometric mean of 1 + y, less 1"
    domain = Interval(-1, None, "neither")
    link = Log1pLink()
    smoothness = 1.0
    symmetric = False

    def _optimal_constant(self, y_true, sample_weight):
        return float(np.average(np.log1p(y_true), weights=sample_weight))
