"""Losses that outliers cannot dominate: their pull is bounded, or fades away.

All but Fair are *redescending*: beyond some residual the gradient shrinks to zero, at
the price of convexity, and so of a single optimum.

>>> from sklearn_losses.losses import TukeyBiweight
>>> TukeyBiweight(scale=2.0).gradient(0.0, [0.1, 1.0, 1e6]).round(4)
array([0.0995, 0.5625, 0.    ])

The default scales make the location estimate 95% efficient for normal residuals of
standard deviation 1, where a textbook gives such a constant. With ``scale="mad"`` `fit`
estimates the standard deviation, and the default is multiplied by it.
"""

from __future__ import annotations

import numpy as np

from sklearn_losses._machine._params import (
    Exactly,
    Interval,
    InvalidParameterError,
    check_parameters,
)
from sklearn_losses.losses._scale import (
    POSITIVE,
    SCALE,
    ResidualLoss,
    ThresholdLoss,
    ratio,
)
from sklearn_losses.losses._table import CLoss


class ScaledLoss(ResidualLoss):
    """A loss of r / scale, with the curvature 1 at r = 0.

    `scale` is c: the size of residual, in units of y, from which the loss holds back.
    With c = 1 the largest gradient is `steepest`.
    """

    convex = False
    smoothness = 1.0
    _constraints = {"scale": SCALE}

    @property
    def lipschitz(self) -> float:
        return self.steepest * self._scale


class Fair(ScaledLoss):
    """c^2 (abs(r) / c - log(1 + abs(r) / c)), with c the scale.

    Parameters
    ----------
    scale : float or "mad", default=1.3998
        c, in units of y.
        "mad": 1.3998 times the noise that `fit` measures.

    References
    ----------
    Fair 1974, "On the robust estimation of econometric models", Ann. Econ. Soc. Meas.
    """

    name = "fair"
    steepest = 1
    convex = True

    def __init__(self, scale: float | str = 1.3998) -> None:
        self.scale = scale


class Cauchy(ScaledLoss):
    """c^2 / 2 log(1 + (r / c)^2), with c the scale.

    Parameters
    ----------
    scale : float or "mad", default=2.3849
        c, in units of y.
        "mad": 2.3849 times the noise that `fit` measures.

    References
    ----------
    Holland and Welsch 1977, "Robust regression using iteratively reweighted
    least-squares", Comm. Statist. A6.
    """

    name = "cauchy"
    steepest = 0.5

    def __init__(self, scale: float | str = 2.3849) -> None:
        self.scale = scale


class StudentT(ResidualLoss):
    """(df + 1) / 2 log(1 + r^2 / (df c^2)), with c the scale.

    The negative log-likelihood of Student's t, up to terms without r.

    Parameters
    ----------
    df : float, default=4.0
        Degrees of freedom; the fewer, the more outliers are expected.
    scale : float or "mad", default=1.0
        c, in units of y.
        "mad": the noise that `fit` measures; `fit` then minimises c^2 times the loss,
        so that the penalty means the same in all units of y.

    References
    ----------
    Lange, Little and Taylor 1989, "Robust statistical modeling using the t
    distribution", JASA 84.
    """

    name = "student_t"
    convex = False
    value_power = 0
    _constraints = {"df": POSITIVE, "scale": SCALE}

    def __init__(self, df: float = 4.0, scale: float | str = 1.0) -> None:
        self.df = df
        self.scale = scale

    @property
    def lipschitz(self) -> float:
        return ratio(self.df + 1.0, 2.0 * np.sqrt(self.df), self._scale)

    @property
    def smoothness(self) -> float:
        return ratio(self.df + 1.0, self.df, self._scale, self._scale)


class GemanMcClure(ScaledLoss):
    """(r^2 / 2) / (1 + (r / c)^2), with c the scale; bounded by c^2 / 2.

    Parameters
    ----------
    scale : float or "mad", default=1.0
        c, in units of y.
        "mad": the noise that `fit` measures.

    References
    ----------
    Geman and McClure 1987, "Statistical methods for tomographic image reconstruction",
    Bull. Int. Stat. Inst. 52.
    """

    name = "geman_mcclure"
    steepest = 9.0 / (16.0 * np.sqrt(3.0))
    bounded = True

    def __init__(self, scale: float | str = 1.0) -> None:
        self.scale = scale


class Welsch(ScaledLoss):
    """c^2 / 2 (1 - exp(-(r / c)^2)), with c the scale; bounded by c^2 / 2.

    Parameters
    ----------
    scale : float or "mad", default=2.9846
        c, in units of y.
        "mad": 2.9846 times the noise that `fit` measures.

    References
    ----------
    Dennis and Welsch 1978, "Techniques for nonlinear least squares and robust
    regression", Comm. Statist. B7.
    """

    name = "welsch"
    steepest = np.sqrt(0.5) * np.exp(-0.5)
    bounded = True

    def __init__(self, scale: float | str = 2.9846) -> None:
        self.scale = scale


class TukeyBiweight(ScaledLoss):
    """c^2 / 6 (1 - (1 - (r / c)^2)^3) if abs(r) <= c, else c^2 / 6, with c the scale.

    Parameters
    ----------
    scale : float or "mad", default=4.685
        c, in units of y; residuals beyond it have no say at all.
        "mad": 4.685 times the noise that `fit` measures.

    References
    ----------
    Beaton and Tukey 1974, "The fitting of power series, meaning polynomials,
    illustrated on band-spectroscopic data", Technometrics 16.
    """

    name = "tukey_biweight"
    steepest = 16.0 / (25.0 * np.sqrt(5.0))
    bounded = True

    def __init__(self, scale: float | str = 4.685) -> None:
        self.scale = scale


class Andrews(ScaledLoss):
    """c^2 (1 - cos(r / c)) if abs(r) <= pi c, else 2 c^2, with c the scale.

    Parameters
    ----------
    scale : float or "mad", default=1.339
        c, in units of y.
        "mad": 1.339 times the noise that `fit` measures.

    References
    ----------
    Andrews 1974, "A robust method for multiple linear regression", Technometrics 16.
    """

    name = "andrews"
    steepest = 1
    bounded = True

    def __init__(self, scale: float | str = 1.339) -> None:
        self.scale = scale


class Hampel(ThresholdLoss):
    """u^2 / 2 up to a, linear up to b, level from c on; u = abs(r).

    The gradient rises to a, stays there from a to b, and falls to 0 at c: the value is
    a u - a^2 / 2 between a and b, and between b and c
    a (b - a / 2) + a (c - b) / 2 (1 - ((c - u) / (c - b))^2).

    Parameters
    ----------
    a, b, c : float, default=2.0, 4.0, 8.0
        0 < a <= b < c, in units of the scale.
    scale : float or "mad", default=1.0
        What a, b and c are multiplied by, in units of y. "mad": the noise that `fit`
        measures.

    References
    ----------
    Hampel 1974, "The influence curve and its role in robust estimation", JASA 69.
    """

    name = "hampel"
    convex = False
    bounded = True
    _constraints = {"a": POSITIVE, "b": POSITIVE, "c": POSITIVE, "scale": SCALE}

    def __init__(
        self, a: float = 2.0, b: float = 4.0, c: float = 8.0, scale: float | str = 1.0
    ) -> None:
        self.a = a
        self.b = b
        self.c = c
        self.scale = scale

    def _c_parameters(self):
        return self.a * self._scale, self.b * self._scale, self.c * self._scale

    @property
    def lipschitz(self) -> float:
        return self.a * self._scale

    @property
    def smoothness(self) -> float:
        return max(1.0, self.a / (self.c - self.b))

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        if not self.a <= self.b < self.c:
            raise InvalidParameterError(
                "The parameters of Hampel must satisfy 0 < a <= b < c. Got "
                f"a={self.a!r}, b={self.b!r} and c={self.c!r} instead."
            )
        return super().compiled()


class Barron(ResidualLoss):
    """abs(alpha-2)/alpha (((r/c)^2/abs(alpha-2) + 1)^(alpha/2) - 1), with c the scale.

    One family of most of these losses. Times c^2 it is SquaredError() for alpha = 2,
    PseudoHuber(c) for 1, Cauchy(sqrt(2) c) for 0, GemanMcClure(2 c) for -2 and
    Welsch(sqrt(2) c) for -inf. The formula has limits where it divides by 0 or inf: at
    2 it is (r/c)^2 / 2, at 0 log((r/c)^2 / 2 + 1) and at -inf 1 - exp(-(r/c)^2 / 2).

    Parameters
    ----------
    alpha : float, default=1.0
        How much outliers count: the less, the less; -inf is allowed. From 1 on the loss
        is convex, below 0 it is bounded.
    scale : float or "mad", default=1.0
        c, in units of y.
        "mad": the noise that `fit` measures; `fit` then minimises c^2 times the loss,
        so that the penalty means the same in all units of y.

    References
    ----------
    Barron 2019, "A general and adaptive robust loss function", CVPR.
    """

    name = "barron"
    value_power = 0
    _constraints = {
        "alpha": [Interval(None, None), Exactly(-np.inf)],
        "scale": SCALE,
    }

    def __init__(self, alpha: float = 1.0, scale: float | str = 1.0) -> None:
        self.alpha = alpha
        self.scale = scale

    @property
    def convex(self) -> bool:
        return self.alpha >= 1

    @property
    def bounded(self) -> bool:
        return self.alpha < 0

    @property
    def lipschitz(self) -> float:
        if self.alpha > 1:
            return np.inf
        if self.alpha == 1:
            return ratio(1.0, self._scale)
        # Where the curvature is 0, (r/c)^2 is b / (1 - alpha), with b = 2 - alpha.
        if self.alpha == -np.inf:
            return ratio(np.exp(-0.5), self._scale)
        b, below_one = 2.0 - self.alpha, 1.0 - self.alpha
        slope = np.exp(-0.5 * b * np.log1p(1.0 / below_one))
        return ratio(np.sqrt(b / below_one) * slope, self._scale)

    @property
    def smoothness(self) -> float:
        return ratio(1.0, self._scale, self._scale) if self.alpha <= 2 else np.inf
