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

from typing import Any

import numpy as np

from sklearn_losses._machine._params import (
    Exactly,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses.losses._fitted import FittedBarron, FittedStudentT, refuse_unfitted
from sklearn_losses.losses._outputs import FITTED, MLE
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

    It estimates a location between mean and median. Take it where the fit has to be
    convex and outliers are few: their pull is bounded by the scale, and no residual is
    without a say. Do not where many outliers lie on one side (`TukeyBiweight`).

    Parameters
    ----------
    scale : float or "mad", default=1.3998
        c, in units of y.
        "mad": 1.3998 times the noise that `fit` measures.

    See Also
    --------
    Huber : Quadratic near 0, linear from delta on.
    PseudoHuber : The same idea, smoother.
    Cauchy : Outliers pull less, the further out.

    References
    ----------
    Fair 1974, "On the robust estimation of econometric models", Ann. Econ. Soc. Meas.

    Examples
    --------
    >>> from sklearn_losses import Fair
    >>> Fair().gradient(0.0, [1.0, 100.0]).round(2)
    array([0.58, 1.38])
    >>> round(Fair().optimal_constant([1, 2, 3, 4, 100]), 2)
    3.34
    """

    name = "fair"
    steepest = 1
    convex = True

    def __init__(self, scale: float | str = 1.3998) -> None:
        self.scale = scale


class Cauchy(ScaledLoss):
    """c^2 / 2 log(1 + (r / c)^2), with c the scale.

    It estimates the centre of most rows. Take it where outliers may be of any size and
    a few of the far rows may be right: the pull fades, and is never 0. Do not where one
    optimum has to be certified, as it is not convex.

    Parameters
    ----------
    scale : float or "mad", default=2.3849
        c, in units of y.
        "mad": 2.3849 times the noise that `fit` measures.

    See Also
    --------
    StudentT : The same shape, with degrees of freedom.
    TukeyBiweight : Far rows have no pull.
    Fair : Convex.

    References
    ----------
    Holland and Welsch 1977, "Robust regression using iteratively reweighted
    least-squares", Comm. Statist. A6.

    Examples
    --------
    >>> from sklearn_losses import Cauchy
    >>> Cauchy().gradient(0.0, [1.0, 100.0]).round(2)
    array([0.85, 0.06])
    >>> round(Cauchy().optimal_constant([1, 2, 3, 4, 100]), 2)
    2.52
    """

    name = "cauchy"
    steepest = 0.5

    def __init__(self, scale: float | str = 2.3849) -> None:
        self.scale = scale


class StudentT(ResidualLoss):
    """(df + 1) / 2 log(1 + r^2 / (df c^2)), with c the scale.

    The negative log-likelihood of Student's t, up to terms without r.

    It estimates the centre of a Student's t distribution. Take it for heavy-tailed
    noise, as of returns, where a likelihood is wanted. Do not with many outliers on one
    side, or where one optimum has to be certified, as it is not convex.

    Parameters
    ----------
    df : float or "mle", default=4.0
        Degrees of freedom; the fewer, the more outliers are expected. "mle": those that
        are the likeliest, with the coefficients, by `LinearRegressor`.
    scale : float, "mad" or "mle", default=1.0
        c, in units of y. "mle": as of df.
        "mad": the noise that `fit` measures; `fit` then minimises c^2 times the loss,
        so that the penalty means the same in all units of y.

    See Also
    --------
    Cauchy : The same shape, with curvature 1.
    Huber : Convex.

    References
    ----------
    Lange, Little and Taylor 1989, "Robust statistical modeling using the t
    distribution", JASA 84.

    Examples
    --------
    >>> from sklearn_losses import StudentT
    >>> StudentT(df=4.0).gradient(0.0, [1.0, 100.0]).round(2)
    array([1.  , 0.05])
    >>> round(StudentT(df=4.0).optimal_constant([1, 2, 3, 4, 100]), 2)
    2.52
    """

    name = "student_t"
    convex = False
    value_power = 0
    _constraints = {"df": FITTED, "scale": [*SCALE, Options(MLE)]}

    def __init__(self, df: float | str = 4.0, scale: float | str = 1.0) -> None:
        self.df = df
        self.scale = scale

    def compiled(self) -> CLoss:
        refuse_unfitted(self)
        return super().compiled()

    def to_fit(self) -> Any:
        return to_fit(self, FittedStudentT)

    @property
    def lipschitz(self) -> float:
        refuse_unfitted(self)
        return ratio(self.df + 1.0, 2.0 * np.sqrt(self.df), self._scale)

    @property
    def smoothness(self) -> float:
        refuse_unfitted(self)
        return ratio(self.df + 1.0, self.df, self._scale, self._scale)


class GemanMcClure(ScaledLoss):
    """(r^2 / 2) / (1 + (r / c)^2), with c the scale; bounded by c^2 / 2.

    It estimates the centre of most rows, a mode of y at the resolution of the scale.
    Take it where a large share of the rows is wrong, as of matched points. Do not with
    a scale that is smaller than the noise, or most rows have no pull; ``scale='mad'``
    measures it.

    Parameters
    ----------
    scale : float or "mad", default=1.0
        c, in units of y.
        "mad": the noise that `fit` measures.

    See Also
    --------
    Welsch : Its pull fades faster.
    TukeyBiweight : Its pull ends.
    Barron : A family with this loss in it.

    References
    ----------
    Geman and McClure 1987, "Statistical methods for tomographic image reconstruction",
    Bull. Int. Stat. Inst. 52.

    Examples
    --------
    >>> from sklearn_losses import GemanMcClure
    >>> GemanMcClure().gradient(0.0, [0.5, 100.0]).round(2)
    array([0.32, 0.  ])
    >>> round(GemanMcClure().optimal_constant([1, 2, 3, 4, 100]), 2)
    2.74
    """

    name = "geman_mcclure"
    steepest = 9.0 / (16.0 * np.sqrt(3.0))
    bounded = True

    def __init__(self, scale: float | str = 1.0) -> None:
        self.scale = scale


class Welsch(ScaledLoss):
    """c^2 / 2 (1 - exp(-(r / c)^2)), with c the scale; bounded by c^2 / 2.

    It estimates the centre of most rows, a mode of y at the resolution of the scale: it
    is the correntropy loss. Take it where a large share of the rows is wrong. Do not
    with a scale that is smaller than the noise, or most rows have no pull;
    ``scale='mad'`` measures it.

    Parameters
    ----------
    scale : float or "mad", default=2.9846
        c, in units of y.
        "mad": 2.9846 times the noise that `fit` measures.

    See Also
    --------
    TukeyBiweight : Its pull ends.
    GemanMcClure : Its pull fades more slowly.
    Barron : A family with this loss in it.

    References
    ----------
    Dennis and Welsch 1978, "Techniques for nonlinear least squares and robust
    regression", Comm. Statist. B7.

    Examples
    --------
    >>> from sklearn_losses import Welsch
    >>> Welsch().gradient(0.0, [1.0, 100.0]).round(2)
    array([0.89, 0.  ])
    >>> round(Welsch().optimal_constant([1, 2, 3, 4, 100]), 2)
    2.5
    """

    name = "welsch"
    steepest = np.sqrt(0.5) * np.exp(-0.5)
    bounded = True

    def __init__(self, scale: float | str = 2.9846) -> None:
        self.scale = scale


class TukeyBiweight(ScaledLoss):
    """c^2 / 6 (1 - (1 - (r / c)^2)^3) if abs(r) <= c, else c^2 / 6, with c the scale.

    It estimates the mean of the rows that are no outliers, which are left out. Take it
    where a third of the rows may be wrong, and lie on one side. Do not with a scale
    that is smaller than the noise, or most rows have no pull (``scale='mad'`` measures
    it), nor against far rows of X that agree with each other.

    Parameters
    ----------
    scale : float or "mad", default=4.685
        c, in units of y; residuals beyond it have no say at all.
        "mad": 4.685 times the noise that `fit` measures.

    See Also
    --------
    Welsch : Its pull fades and does not end.
    Hampel : Its pull ends, in straight pieces.
    Huber : Convex.

    References
    ----------
    Beaton and Tukey 1974, "The fitting of power series, meaning polynomials,
    illustrated on band-spectroscopic data", Technometrics 16.

    Examples
    --------
    >>> from sklearn_losses import TukeyBiweight
    >>> TukeyBiweight().gradient(0.0, [1.0, 100.0]).round(2)
    array([0.91, 0.  ])
    >>> round(TukeyBiweight().optimal_constant([1, 2, 3, 4, 100]), 2)
    2.5
    """

    name = "tukey_biweight"
    steepest = 16.0 / (25.0 * np.sqrt(5.0))
    bounded = True

    def __init__(self, scale: float | str = 4.685) -> None:
        self.scale = scale


class Andrews(ScaledLoss):
    """c^2 (1 - cos(r / c)) if abs(r) <= pi c, else 2 c^2, with c the scale.

    It estimates the mean of the rows that are no outliers, which are left out, as
    `TukeyBiweight` does. Take it to repeat a study that used the sine. Do not with a
    scale that is smaller than the noise; beyond pi times the scale no row has a pull.

    Parameters
    ----------
    scale : float or "mad", default=1.339
        c, in units of y.
        "mad": 1.339 times the noise that `fit` measures.

    See Also
    --------
    TukeyBiweight : The same idea, and more usual.
    Hampel : The same idea in straight pieces.

    References
    ----------
    Andrews 1974, "A robust method for multiple linear regression", Technometrics 16.

    Examples
    --------
    >>> from sklearn_losses import Andrews
    >>> Andrews().gradient(0.0, [1.0, 100.0]).round(2)
    array([0.91, 0.  ])
    >>> round(Andrews().optimal_constant([1, 2, 3, 4, 100]), 2)
    2.5
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

    It estimates the mean of the rows that are no outliers. Take it where it is known
    which residuals are good (up to a), doubtful (to b) and wrong (from c on). Do not
    where they are not: `TukeyBiweight` has one number instead of three.

    Parameters
    ----------
    a, b, c : float, default=2.0, 4.0, 8.0
        0 < a <= b < c, in units of the scale.
    scale : float or "mad", default=1.0
        What a, b and c are multiplied by, in units of y. "mad": the noise that `fit`
        measures.

    See Also
    --------
    TukeyBiweight : The same idea with one parameter.
    Huber : Convex: no residual is left out.

    References
    ----------
    Hampel 1974, "The influence curve and its role in robust estimation", JASA 69.

    Examples
    --------
    >>> from sklearn_losses import Hampel
    >>> Hampel().gradient(0.0, [1.0, 3.0, 6.0, 100.0])
    array([1., 2., 1., 0.])
    >>> round(Hampel().optimal_constant([1, 2, 3, 4, 100]), 2)
    2.5
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

    It estimates the mean for alpha = 2 and, the smaller alpha is, the centre of fewer
    rows. Take it to search over how robust a fit should be, with one parameter. Do not
    where the kind of outliers is known: a special case prints and reads better.

    Parameters
    ----------
    alpha : float or "mle", default=1.0
        How much outliers count: the less, the less; -inf is allowed. From 1 on the loss
        is convex, below 0 it is bounded. "mle": the likeliest in [0, 2], with the
        coefficients and with the constant of the density, by `LinearRegressor`.
    scale : float, "mad" or "mle", default=1.0
        c, in units of y. "mle": as of alpha.
        "mad": the noise that `fit` measures; `fit` then minimises c^2 times the loss,
        so that the penalty means the same in all units of y.

    See Also
    --------
    PseudoHuber : alpha = 1.
    Cauchy : alpha = 0.
    GemanMcClure : alpha = -2.
    Welsch : alpha = -inf.

    References
    ----------
    Barron 2019, "A general and adaptive robust loss function", CVPR.

    Examples
    --------
    >>> from sklearn_losses import Barron
    >>> y = [1, 2, 3, 4, 100]
    >>> [round(Barron(alpha=a).optimal_constant(y), 2) for a in (2, 1, 0, -2)]
    [22.0, 3.06, 2.52, 2.5]
    """

    name = "barron"
    value_power = 0
    _constraints = {
        "alpha": [Interval(None, None), Exactly(-np.inf), Options(MLE)],
        "scale": [*SCALE, Options(MLE)],
    }

    def __init__(self, alpha: float | str = 1.0, scale: float | str = 1.0) -> None:
        self.alpha = alpha
        self.scale = scale

    def compiled(self) -> CLoss:
        refuse_unfitted(self)
        return super().compiled()

    def to_fit(self) -> Any:
        return to_fit(self, FittedBarron)

    @property
    def convex(self) -> bool:
        return self.alpha != MLE and self.alpha >= 1

    @property
    def bounded(self) -> bool:
        return self.alpha != MLE and self.alpha < 0

    @property
    def lipschitz(self) -> float:
        refuse_unfitted(self)
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
        refuse_unfitted(self)
        return ratio(1.0, self._scale, self._scale) if self.alpha <= 2 else np.inf


def to_fit(loss, likelihood):
    """A likelihood if a parameter of the loss is "mle", and else the loss."""
    fitted = [name for name in loss._constraints if getattr(loss, name) == MLE]
    if fitted and loss.needs_scale:
        raise InvalidParameterError(
            f"{loss!r} cannot have {fitted[0]}='mle' with scale='mad', which depend on "
            "each other. Use scale='mle', or a number."
        )
    return likelihood(loss) if fitted else loss
