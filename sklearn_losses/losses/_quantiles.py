"""Several quantiles in one model, which do not cross where they are predicted.

>>> from sklearn_losses.losses import Quantiles
>>> Quantiles([0.1, 0.9]).value([1.0], [[0.0, 2.0]]).round(3)
array([0.1])
"""

from __future__ import annotations

from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_losses._machine._params import (
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._base import REAL_LINE
from sklearn_losses.losses._likelihoods import quantiles
from sklearn_losses.losses._outputs import Likelihood
from sklearn_losses.losses._regression import Quantile

if TYPE_CHECKING:
    from sklearn_losses.losses._table import CLoss

SORT, PARALLEL, CONSTRAINED = "sort", "parallel", "constrained"


class Quantiles(Likelihood):
    """The mean over levels q of max(q (y - p_q), (q - 1) (y - p_q)).

    It estimates several quantiles of y at once. Take it for bands that hold a share of
    y whatever its distribution is. Do not for one level (`Quantile`), nor for levels so
    near to 0 or 1 that few rows are beyond (`StudentTDistribution`).

    Parameters
    ----------
    levels : sequence of float, default=(0.1, 0.5, 0.9)
        Increasing, in (0, 1).
    crossing : {"sort", "parallel", "constrained"}, default="sort"
        "sort": each level has coefficients of its own, with a proof of its own, and
        what is predicted for a row is sorted, which is never worse. "parallel": all
        levels share their coefficients and differ by their intercepts, so that they
        cannot cross. "constrained": each level has coefficients of its own, which are
        the best of those that do not cross on the box of the features of the fit, from
        the least to the largest value of each. Beyond the box only parallel quantiles
        do not cross; there, what is predicted is sorted. It needs penalty=None.

    See Also
    --------
    Quantile : One level.
    GaussianDistribution : All levels, of one distribution.

    References
    ----------
    Chernozhukov, Fernandez-Val and Galichon 2010, "Quantile and probability curves
    without crossing", Econometrica 78; Zou and Yuan 2008, "Composite quantile
    regression and the oracle model selection theory", Annals of Statistics 36; Bondell,
    Reich and Wang 2010, "Noncrossing quantile regression curve estimation", Biometrika
    97.

    Examples
    --------
    >>> from sklearn_losses import Quantiles
    >>> Quantiles([0.25, 0.75]).optimal_constant([1.0, 2.0, 3.0, 4.0, 5.0])
    array([2., 4.])
    """

    name = "quantiles"
    domain = REAL_LINE
    granularity = "row"
    differentiable = False
    piecewise_linear = True
    starts_at_best = True
    _constraints = {"crossing": [Options(SORT, PARALLEL, CONSTRAINED)]}

    def __init__(
        self, levels: ArrayLike = (0.1, 0.5, 0.9), crossing: str = SORT
    ) -> None:
        self.levels = levels
        self.crossing = crossing

    @property
    def is_parallel(self) -> bool:
        return self.crossing == PARALLEL

    @property
    def is_constrained(self) -> bool:
        return self.crossing == CONSTRAINED

    @property
    def outputs(self) -> tuple[str, ...]:
        each = tuple(f"quantile {q:g}" for q in self._checked_levels())
        return ("location", *each) if self.is_parallel else each

    @property
    def lipschitz(self) -> float:
        levels = np.array(self._checked_levels())
        most = np.maximum(levels, 1.0 - levels)
        if not self.is_parallel:
            return float(np.linalg.norm(most) / len(levels))
        return float(np.hypot(np.mean(most), np.linalg.norm(most) / len(levels)))

    def _checked_levels(self):
        levels = np.atleast_1d(np.asarray(self.levels, dtype=object)).tolist()
        are_numbers = all(isinstance(q, Real) for q in levels)
        if not (are_numbers and levels and all(0 < q < 1 for q in levels)) or any(
            a >= b for a, b in pairwise(levels)
        ):
            raise InvalidParameterError(
                "The 'levels' parameter of Quantiles must be increasing numbers in "
                f"(0, 1). Got {self.levels!r} instead."
            )
        return [float(q) for q in levels]

    def compiled(self) -> CLoss:
        return self.softened_by(0.0)

    def softened_by(self, h: float) -> CLoss:
        """The C functions with kinks that are a mean over [-h, h]."""
        check_parameters(self, self._constraints)
        levels = self._checked_levels()
        return quantiles(levels, is_parallel=self.is_parallel, width=h)

    def each(self) -> list[Quantile]:
        """The loss of each level."""
        return [Quantile(q) for q in self._checked_levels()]

    def start(self, y: Array, weight: Array) -> Array:
        """The quantiles of y."""
        return self._optimal_constant(y[:, 0], weight)

    def _optimal_constant(self, y_true: Array, sample_weight: Array) -> Any:
        found = [q.optimal_constant(y_true, sample_weight) for q in self.each()]
        return np.array([0.0] * self.is_parallel + found)

    def _minimum(self, y_true):
        return np.zeros(len(np.atleast_1d(y_true)))

    def conjugates(self, y: Array, slopes: Array) -> Array:
        """y times the slopes by all levels."""
        return y[:, 0] * (slopes[:, 1:] if self.is_parallel else slopes).sum(axis=1)

    def check_fit(self, y: Array, weight: Array) -> None:
        """Any targets have quantiles."""

    def inverse_link(self, raw_prediction: ArrayLike) -> Any:
        """Quantiles in their order."""
        raw = np.asarray(raw_prediction)
        if self.is_parallel and raw.shape[-1] > len(self._checked_levels()):
            raw = raw[..., :1] + raw[..., 1:]
        return np.sort(raw, axis=-1)
