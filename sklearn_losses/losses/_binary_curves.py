"""Binary losses of other probabilities than the logistic: P(y = 1) = F(p).

They are the log-likelihoods of generalized linear models of the family "binomial".

>>> from sklearn_losses.losses import Cloglog
>>> Cloglog().inverse_link([-2.0, 0.0, 2.0]).round(3)
array([0.127, 0.632, 0.999])
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from sklearn_losses._machine._params import Interval, check_parameters
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._base import usual_relative
from sklearn_losses.losses._binary import MOST_CURVED, STEEPEST, BinaryLoss
from sklearn_losses.losses._curves import CURVES
from sklearn_losses.losses._likelihoods import KINDS, likelihood
from sklearn_losses.losses._links import Link, ProbabilityLink
from sklearn_losses.losses._table import CLoss


class CurveLink(ProbabilityLink):
    """P(y = 1) = F(raw).

    Parameters
    ----------
    name : str
        Of F.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def link(self, prediction: ArrayLike) -> Array:
        with np.errstate(divide="ignore"):
            return CURVES[self.name].inverse(np.asarray(prediction))

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        return CURVES[self.name].below(np.asarray(raw_prediction))

    def log_probabilities(self, raw_prediction: ArrayLike) -> tuple[Array, Array]:
        curve, raw = CURVES[self.name], np.asarray(raw_prediction)
        return curve.log_above(raw), curve.log_below(raw)


class CurveLoss(BinaryLoss):
    """-y log F(p) - (1 - y) log(1 - F(p))."""

    domain = Interval(0, 1, "both")
    probabilistic = True
    proper = True
    symmetric = False
    kind = ""

    @property
    def link(self) -> Link:
        return CurveLink(self.kind)

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        return likelihood("binary", (float(KINDS[self.kind]),), as_points=True)

    def _minimum(self, y_true):
        return entr(y_true) + entr(1.0 - y_true)


class Probit(CurveLoss):
    """-log(P(y)) with P(y = 1) = Phi(p), the normal distribution function.

    It estimates the probability of y = 1. Take it where y says whether a Gaussian
    number is above a threshold, or to compare with econometrics. Do not for rows that
    are far on the wrong side, which count as the square (`LogLoss`).

    See Also
    --------
    LogLoss : Nearly the same, with longer tails.
    CumulativeProbit : Several classes in their order.

    References
    ----------
    Bliss 1934, "The method of probits", Science 79.

    Examples
    --------
    >>> from sklearn_losses import Probit
    >>> Probit().value([1, 0], [1.0, 1.0]).round(3)
    array([0.173, 1.841])
    """

    name = "probit"
    kind = "normal"
    symmetric = True
    smoothness = 1.0


class Cloglog(CurveLoss):
    """-log(P(y)) with P(y = 1) = 1 - exp(-exp(p)): whether something happened at all.

    It is that of two classes of `CumulativeLoglog`.

    It estimates the probability of y = 1. Take it where y says whether a count is
    above 0 (with the offset log(exposure)), or whether an event came within an interval
    of time: coefficients are logarithms of rate, or hazard, ratios. Do not where 0 and
    1 may as well be exchanged, which makes it `Loglog`.

    See Also
    --------
    Loglog : The same with 0 and 1 exchanged.
    Poisson : The counts themselves.
    CumulativeCloglog : Times in several intervals.

    References
    ----------
    Fisher 1922, "On the mathematical foundations of theoretical statistics", Phil.
    Trans. A 222, section 12.3.

    Examples
    --------
    >>> from sklearn_losses import Cloglog
    >>> Cloglog().value([1, 0], [0.0, 0.0]).round(3)
    array([0.459, 1.   ])
    """

    name = "cloglog"
    kind = "minimum"


class Loglog(CurveLoss):
    """-log(P(y)) with P(y = 1) = exp(-exp(-p)): `Cloglog` with 0 and 1 exchanged.

    It estimates the probability of y = 1. Take it where y = 0 says that something
    happened. Do not without a reason for one side (`LogLoss`).

    See Also
    --------
    Cloglog : The same with 0 and 1 exchanged.

    References
    ----------
    McCullagh and Nelder 1989, "Generalized linear models", section 4.3.

    Examples
    --------
    >>> from sklearn_losses import Loglog
    >>> Loglog().value([1, 0], [0.0, 0.0]).round(3)
    array([1.   , 0.459])
    """

    name = "loglog"
    kind = "maximum"


class Cauchit(CurveLoss):
    """-log(P(y)) with P(y = 1) = arctan(p) / pi + 1/2: long tails.

    It is not convex.

    It estimates the probability of y = 1. Take it where some labels are wrong though
    their rows are far on the other side: they cost about log(p). Do not as the first
    choice: its optimum is a local one (`LogLoss`).

    See Also
    --------
    LogLoss : Convex.
    GeneralizedCrossEntropy : Wrong labels cost no more than a constant.

    References
    ----------
    Morgan and Smith 1992, "A note on Wadley's problem with overdispersion", Appl.
    Statist. 41.

    Examples
    --------
    >>> from sklearn_losses import Cauchit
    >>> Cauchit().value([1, 0], [10.0, 10.0]).round(3)
    array([0.032, 3.45 ])
    """

    name = "cauchit"
    kind = "cauchy"
    symmetric = True
    lipschitz = STEEPEST
    smoothness = MOST_CURVED
    convex = False
    convex_relative = usual_relative
