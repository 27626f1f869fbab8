"""Losses of ordered categories: one raw prediction, and thresholds between them.

The class is k where the raw prediction plus noise is between the thresholds t_k and
t_k+1. The raw outputs are (r, t_1, ..., t_K-1): as many as classes, and y is the index
of a class.

>>> from sklearn_losses.losses import CumulativeLogit
>>> CumulativeLogit().inverse_link([[0.0, -1.0, 1.0]]).round(3)  # r, two thresholds
array([[0.269, 0.462, 0.269]])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.base import clone

from sklearn_losses._machine._params import (
    Interval,
    InvalidParameterError,
    check_parameters,
)
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._arguments import check_classes, real_array, require_shape
from sklearn_losses.losses._base import Loss
from sklearn_losses.losses._binary import LogLoss
from sklearn_losses.losses._curves import CURVES
from sklearn_losses.losses._likelihoods import KINDS, likelihood, thresholds
from sklearn_losses.losses._links import Link, RowLink
from sklearn_losses.losses._outputs import Likelihood
from sklearn_losses.losses._table import CLoss

NEARLY = 1e-12  # a share of the rows that is no class
LEAST_GAP = (
    1e-3  # between thresholds in steps: the noise of the latent value is about 1
)


class OrdinalLoss(Likelihood):
    """A loss of ordered classes, of raw outputs (r, t_1, ..., t_K-1)."""

    task = "ordinal"
    granularity = "row"
    domain = Interval(0, None, "left", integer=True)
    outputs = ("location", "thresholds")

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        check_classes(self, np.asarray(y_true), name, n_classes)

    soft_targets = False

    def _row_arrays(self, y_true, raw_prediction):
        raw, dtype = real_array(raw_prediction)
        if raw.ndim != 2 or raw.shape[1] < 2:
            raise ValueError(
                "raw_prediction must have the shape (n_samples, n_classes) in "
                f"{type(self).__name__}: the prediction, and the thresholds. Got "
                f"{raw.shape}."
            )
        y = np.asarray(y_true, dtype=np.float64)
        require_shape("y_true", y, raw.shape, raw.shape[:1])
        self.check_targets(y, n_classes=raw.shape[1])
        return self.columns(y), np.ascontiguousarray(raw, dtype=np.float64), dtype, None

    def usual_raw(self) -> Array:
        return np.array([0.0, -1.0, 1.0])

    def examples(self, rng: np.random.Generator, n: int) -> Any:
        raw = np.round(2.0 * rng.normal(size=(n, 4)), 3)
        raw[:, 1:] = np.sort(raw[:, 1:], axis=1) + np.array([0.0, 0.1, 0.2])
        return rng.integers(4, size=n).astype(float), raw

    def raw_of(self, values: Any, n: int) -> Any:
        ends = np.tile(values["thresholds"], (n, 1))
        return np.column_stack([values["location"], ends])

    def start(self, y: Any, weight: Any) -> Array:
        """No features: thresholds that give the classes their shares."""
        counts = np.bincount(y[:, 0].astype(np.intp), weight)
        shares = np.cumsum(counts)[:-1] / counts.sum()
        return np.append(0.0, self._quantile(np.clip(shares, NEARLY, 1.0 - NEARLY)))

    def _minimum(self, y_true):
        return np.zeros(np.shape(y_true)[:1])

    def _quantile(self, share):
        """The threshold below which a share of the rows is, without features."""
        raise NotImplementedError


class CumulativeLink(RowLink):
    """P(y = k) = F(t_k+1 - r) - F(t_k - r), of raw outputs (r, t_1, ..., t_K-1).

    Parameters
    ----------
    name : str
        Of F.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def inverse(self, raw_prediction: ArrayLike) -> Array:
        raw = np.asarray(raw_prediction, dtype=np.float64)
        ends = raw[..., 1:] - raw[..., :1]
        F, G = CURVES[self.name][:2]
        edge = np.zeros((*raw.shape[:-1], 1))
        below = np.concatenate([edge, F(ends), edge + 1.0], axis=-1)
        above = np.concatenate([edge + 1.0, G(ends), edge], axis=-1)
        # From the side where nothing is subtracted from 1.
        upper = below[..., :-1] > 0.5
        found = np.where(upper, -np.diff(above), np.diff(below))
        return np.maximum(found, 0.0)


class Cumulative(OrdinalLoss):
    """-log(F(t_k+1 - r) - F(t_k - r)) of the class k."""

    formula = "ordinal"
    probabilistic = True
    proper = True
    starts_at_best = True
    kind = None

    @property
    def link(self) -> Link:
        return CumulativeLink(self.kind)

    def inverse_link(self, raw_prediction: ArrayLike) -> Array:
        """Probabilities of the classes."""
        return self.link.inverse(raw_prediction)

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        return likelihood(self.formula, (float(KINDS[self.kind]),))

    def _quantile(self, share):
        return CURVES[self.kind].inverse(share)


class CumulativeLogit(Cumulative):
    """-log(P(y = k)) with P(y <= k) = expit(t_k+1 - r): proportional odds.

    It estimates the probabilities of ordered classes. Take it as the first choice for
    grades and ratings: one coefficient a feature, whose effect on the odds is the same
    at all thresholds. Do not where features move the classes apart in another way at
    each threshold (`CrossEntropy`).

    See Also
    --------
    CumulativeProbit : Gaussian noise.
    CumulativeCloglog : Proportional hazards.
    AllThreshold : The median class.

    References
    ----------
    McCullagh 1980, "Regression models for ordinal data", J. R. Stat. Soc. B 42.

    Examples
    --------
    >>> from sklearn_losses import CumulativeLogit
    >>> CumulativeLogit().inverse_link([[2.0, -1.0, 1.0]]).round(2)
    array([[0.05, 0.22, 0.73]])
    """

    name = "cumulative_logit"
    kind = "logistic"


class CumulativeProbit(Cumulative):
    """-log(P(y = k)) with P(y <= k) = Phi(t_k+1 - r): rounded Gaussian numbers.

    It estimates the probabilities of ordered classes. Take it where a class is what is
    left of a Gaussian number that was rounded, or to compare with econometrics. Do not
    for rows that are far from their class, which count as the square
    (`CumulativeLogit`).

    See Also
    --------
    CumulativeLogit : Nearly the same, with longer tails.
    CumulativeCauchit : Much longer tails.

    References
    ----------
    McKelvey and Zavoina 1975, "A statistical model for the analysis of ordinal level
    dependent variables", Journal of Mathematical Sociology 4.

    Examples
    --------
    >>> from sklearn_losses import CumulativeProbit
    >>> CumulativeProbit().inverse_link([[2.0, -1.0, 1.0]]).round(2)
    array([[0.  , 0.16, 0.84]])
    """

    name = "cumulative_probit"
    kind = "normal"


class CumulativeCloglog(Cumulative):
    """-log(P(y = k)) with P(y <= k) = 1 - exp(-exp(t_k+1 - r)): proportional hazards.

    It estimates the probabilities of ordered classes. Take it where classes are times
    in intervals, as of survival: coefficients are minus the logarithms of hazard
    ratios. Do not where the classes may as well be read from the other end, which makes
    it `CumulativeLoglog`.

    See Also
    --------
    CumulativeLoglog : The same from the other end.
    CoxPH : Times that are known exactly.

    References
    ----------
    McCullagh 1980, "Regression models for ordinal data", J. R. Stat. Soc. B 42.

    Examples
    --------
    >>> from sklearn_losses import CumulativeCloglog
    >>> CumulativeCloglog().inverse_link([[2.0, -1.0, 1.0]]).round(2)
    array([[0.05, 0.26, 0.69]])
    """

    name = "cumulative_cloglog"
    kind = "minimum"


class CumulativeLoglog(Cumulative):
    """-log(P(y = k)) with P(y <= k) = exp(-exp(r - t_k+1)).

    It estimates the probabilities of ordered classes. Take it where the lower classes
    are reached slowly and the upper ones at once. Do not without a reason for one side:
    `CumulativeLogit` has none.

    See Also
    --------
    CumulativeCloglog : The same from the other end.
    CumulativeLogit : Both ends alike.

    References
    ----------
    McCullagh 1980, "Regression models for ordinal data", J. R. Stat. Soc. B 42.

    Examples
    --------
    >>> from sklearn_losses import CumulativeLoglog
    >>> CumulativeLoglog().inverse_link([[2.0, -1.0, 1.0]]).round(2)
    array([[0.  , 0.07, 0.93]])
    """

    name = "cumulative_loglog"
    kind = "maximum"


class CumulativeCauchit(Cumulative):
    """-log(P(y = k)) with P(y <= k) = arctan(t_k+1 - r) / pi + 1/2: long tails.

    It is not convex.

    It estimates the probabilities of ordered classes. Take it where some rows are in a
    class far from where they belong. Do not as the first choice: its optimum is a local
    one (`CumulativeLogit`).

    See Also
    --------
    CumulativeLogit : Convex.

    References
    ----------
    McCullagh 1980, "Regression models for ordinal data", J. R. Stat. Soc. B 42.

    Examples
    --------
    >>> from sklearn_losses import CumulativeCauchit
    >>> CumulativeCauchit().inverse_link([[2.0, -1.0, 1.0]]).round(2)
    array([[0.1 , 0.15, 0.75]])
    """

    name = "cumulative_cauchit"
    kind = "cauchy"
    convex = False


class ThresholdLoss(OrdinalLoss):
    """A binary loss of r - t_j, which says whether y is above the threshold t_j."""

    is_immediate = False
    _columns = ()  # which output each threshold is, if some share one
    _constraints = {}

    def __init__(self, loss: Loss | None = None) -> None:
        self.loss = loss

    @property
    def inner(self) -> Loss:
        return LogLoss() if self.loss is None else self.loss

    def _checked_inner(self):
        inner = self.inner
        if not isinstance(inner, Loss) or inner.task != "binary":
            raise InvalidParameterError(
                f"The 'loss' parameter of {type(self).__name__} must be a binary loss "
                f"such as LogLoss() or Hinge(). Got {inner!r} instead."
            )
        return inner.checked()

    @property
    def convex(self) -> bool:
        return self.inner.convex

    @property
    def differentiable(self) -> bool:
        return self.inner.differentiable

    def compiled(self) -> CLoss:
        return self._thresholds(0.0)

    def _thresholds(self, h):
        return thresholds(
            self._checked_inner(),
            is_immediate=self.is_immediate,
            is_convex=self.convex,
            width=h,
            columns=self._columns,
        )

    def merged(self, columns: Any) -> Any:
        """This loss where several thresholds are one output.

        Parameters
        ----------
        columns : ndarray of int of shape (n_classes - 1,)
            The raw output of each threshold; the first is 1.
        """
        other = clone(self)
        other._columns = tuple(map(int, columns))
        return other

    def softened_by(self, h: float) -> Any:
        """The C functions with kinks that are a mean over [-h, h]."""
        return self._thresholds(h)

    def conjugates_at(self, y: Any, raw: Any, h: float, share: float) -> Any:
        """Those of the binary losses, at a share of the slope that each has at a point.

        Where thresholds are one output its slope is the sum of theirs, and theirs are
        one way to share it: the conjugate of the sum is no more than what this adds up.

        Parameters
        ----------
        y : ndarray of shape (n_samples, 1)
        raw : ndarray of shape (n_samples, n_outputs)
        h : float
            Over which kinks are smoothed.
        share : float

        Returns
        -------
        ndarray of shape (n_samples,), or None if there is no formula
        """
        if not self.inner.has_conjugate:
            return None
        each = self.merged(()) if self._columns else self
        if self._columns:
            raw = np.ascontiguousarray(raw[:, [0, *self._columns]])
        slopes = np.empty(raw.shape)
        each.softened_by(h).evaluate_rows(y, raw, None, slopes, None)
        total = np.zeros(len(y))
        for j in range(raw.shape[1] - 1):
            near = np.abs(y[:, 0] - j - 0.5) < 1.0
            here = near if self.is_immediate else np.ones(len(y), dtype=bool)
            above, slope = (y[here, 0] > j).astype(float), -share * slopes[here, j + 1]
            total[here] += self.inner.conjugate(above, slope)
        return total

    def start(self, y: Any, weight: Any) -> Array:
        found = super().start(y, weight)
        if not self._columns:
            return found
        columns = np.array(self._columns)
        n = np.bincount(columns)[1:]
        return np.append(0.0, np.bincount(columns, found[1:])[1:] / n)

    def _quantile(self, share):
        """Where the log loss has it, or another loss that has probabilities."""
        found = logit(share)
        return found if self.inner.name == "log_loss" else np.clip(found, -1.0, 1.0)


class AllThreshold(ThresholdLoss):
    """sum_j f(y > j, r - t_j): a binary loss at every threshold, all with one w.

    Its best prediction is the median class; with the log loss it is consistent for the
    mean absolute error.

    It estimates the median class, and no probabilities. Take it where an error of two
    classes is twice as bad as one of one. Do not where probabilities are needed
    (`CumulativeLogit`), or only hits count (`ImmediateThreshold`).

    Parameters
    ----------
    loss : Loss, default=None
        f, a binary loss; None means ``LogLoss()``.

    See Also
    --------
    ImmediateThreshold : Only the thresholds beside the class.
    CumulativeLogit : Probabilities.

    References
    ----------
    Rennie and Srebro 2005, "Loss functions for preference levels", IJCAI; Pedregosa,
    Bach and Gramfort 2017, "On the consistency of ordinal regression methods", JMLR 18.

    Examples
    --------
    >>> from sklearn_losses import AllThreshold
    >>> AllThreshold().value([0, 1, 2], 3 * [[2.0, -1.0, 1.0]]).round(2)
    array([4.36, 1.36, 0.36])
    """

    name = "all_threshold"


class ImmediateThreshold(ThresholdLoss):
    """f(1, r - t_k) + f(0, r - t_k+1): a binary loss at the two ends of the class k.

    It estimates a class, about the most frequent one, and no probabilities. Take it
    where an error is an error, however far off. Do not where far errors are worse
    (`AllThreshold`), or probabilities are needed (`CumulativeLogit`).

    Parameters
    ----------
    loss : Loss, default=None
        f, a binary loss; None means ``LogLoss()``.

    See Also
    --------
    AllThreshold : All thresholds count.
    CumulativeLogit : Probabilities.

    References
    ----------
    Shashua and Levin 2003, "Ranking with large margin principle", NIPS; Chu and
    Keerthi 2005, "New approaches to support vector ordinal regression", ICML.

    Examples
    --------
    >>> from sklearn_losses import ImmediateThreshold
    >>> ImmediateThreshold().value([0, 1, 2], 3 * [[2.0, -1.0, 1.0]]).round(2)
    array([3.05, 1.36, 0.31])
    """

    name = "immediate_threshold"
    is_immediate = True
