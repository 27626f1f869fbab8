"""What coefficients cost: a penalty whose strengths are numbers, which solvers read.

It is a sum of parts, most of which are not there:

    l1 |w|_1 + l2 / 2 |w|_2^2 + w' matrix w / 2 + norm(w) + concave(w),

where low <= w <= high. A norm couples coefficients (`_norms`); the concave
part, which is smooth, takes from the l1 norm what large coefficients need not pay
(`_concave`). A solver says which of the parts it can use.

>>> from sklearn_losses.penalties._price import Price
>>> Price.from_name("elasticnet", alpha=0.1, l1_ratio=0.5)
Price(l1=0.05, l2=0.05)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from sklearn_losses._machine._typing import Array, NDArray

LARGEST_SCALE = 1e150  # whose square is finite


def soft(v, threshold):
    """v, nearer to 0 by a threshold, at the most at 0."""
    return np.sign(v) * np.maximum(np.abs(v) - threshold, 0.0)


def is_any(condition):
    """Whether an array, or what a comparison of numbers gives, is true anywhere."""
    if not isinstance(condition, np.ndarray):
        return condition
    return np.count_nonzero(condition) > 0  # any() takes ten times as long, if short


def open_slopes(z, low, high):
    """What slopes z pull at coefficients of 0, in the directions that are open.

    Parameters
    ----------
    z : ndarray
        Slopes of the loss by the coefficients.
    low, high : bool or ndarray of bool
        Whether a coefficient may become negative, and positive.
    """
    return np.maximum(np.where(high, -z, 0.0), np.where(low, z, 0.0))


@dataclass(frozen=True, eq=False)
class Price:
    """The price of coefficients; the intercept costs nothing.

    Parameters
    ----------
    l1, l2 : float or ndarray of shape (n_features,)
        The two strengths, >= 0.
    low, high : float or ndarray of shape (n_features,)
        What coefficients are at the least and at the most: low <= 0 <= high.
    matrix : ndarray of shape (n_features, n_features) or None
        Symmetric and positive semidefinite.
    norm : BlockNorm, SortedNorm or None
    concave : Concave or None
        Its l1 norm is that of the price.

    Attributes
    ----------
    is_simple : bool
        Whether it is l1, l2 and bounds, of each coefficient by itself.
    has_l1, has_bounds : bool
    selects : bool
        Whether it keeps coefficients at 0 that are worth little.
    has_kinks : bool
        Whether it selects or has bounds.
    """

    l1: float | np.ndarray = 0.0
    l2: float | np.ndarray = 0.0
    low: float | np.ndarray = field(default=-np.inf, repr=False)
    high: float | np.ndarray = field(default=np.inf, repr=False)
    matrix: np.ndarray | None = field(default=None, repr=False)
    norm: object = field(default=None, repr=False)
    concave: object = field(default=None, repr=False)

    @classmethod
    def from_name(cls, name: str | None, alpha: float, l1_ratio: float) -> Price:
        """The price of a scikit-learn estimator's parameters.

        Parameters
        ----------
        name : {"l2", "l1", "elasticnet", None}
        alpha : float
        l1_ratio : float
            Only used by "elasticnet".
        """
        if name is None:
            return cls()
        share = {"l2": 0.0, "l1": 1.0, "elasticnet": l1_ratio}[name]
        return cls(l1=alpha * share, l2=alpha * (1.0 - share))

    # ------------------------------------------------------------------- what it has
    def __post_init__(self):
        """Look once at what solvers ask for again and again."""
        has_l1 = is_any(self.l1 > 0)
        has_bounds = is_any(self.low > -np.inf) or is_any(self.high < np.inf)
        selects = has_l1 or self.norm is not None
        vars(self).update(
            is_simple=self.matrix is self.norm is self.concave is None,
            has_l1=has_l1,
            has_bounds=has_bounds,
            selects=selects,
            has_kinks=selects or has_bounds,
        )

    @property
    def is_uniform(self) -> bool:
        """Whether it is the same l1 and l2 for all coefficients, and no bounds."""
        return (
            self.is_simple and not self.has_bounds and np.ndim(self.l1 + self.l2) == 0
        )

    @property
    def is_convex(self) -> bool:
        return self.concave is None

    @property
    def is_nothing(self) -> bool:
        """Whether all coefficients within the bounds cost nothing."""
        has_l2 = is_any(self.l2 > 0) or (self.matrix is not None and self.matrix.any())
        has_norm = self.norm is not None and is_any(self.norm.weight > 0)
        return not (self.has_l1 or has_l2 or has_norm)

    @property
    def kinks(self) -> Price:
        """What is not smooth, and the bounds."""
        if not self.has_kinks:
            return NOTHING
        return Price(l1=self.l1, low=self.low, high=self.high, norm=self.norm)

    def never_selects(self, n_features: int) -> NDArray[np.bool_]:
        """Which features it does not keep at 0, whatever their slopes are."""
        free = np.broadcast_to(self.l1 == 0, n_features)
        return free if self.norm is None else free & ~self.norm.touches(n_features)

    # -------------------------------------------------------------------- values
    def value(self, coef: Array) -> Array:
        """The price of each output.

        Parameters
        ----------
        coef : ndarray of shape (n_outputs, n_features)

        Returns
        -------
        ndarray of shape (n_outputs,), or (1,) if a norm couples the outputs
        """
        if isinstance(self.l2, np.ndarray):
            found = np.einsum("j,kj,kj->k", self.l2, coef, coef) / 2.0
        else:
            found = self.l2 / 2.0 * np.einsum("kj,kj->k", coef, coef)
        if isinstance(self.l1, np.ndarray):
            found = found + np.abs(coef) @ self.l1
        elif self.l1:
            found = found + self.l1 * np.abs(coef).sum(axis=1)
        if self.matrix is not None:
            found = found + np.einsum("kj,kj->k", coef @ self.matrix, coef) / 2.0
        if self.concave is not None:
            found = found + self.concave.values(coef).sum(axis=1)
        if self.norm is None:
            return found
        norms = self.norm.values(coef)
        return found + norms if len(norms) == len(found) else norms + found.sum()

    def total(self, coef):
        """The price of all outputs, as a number."""
        if not self.is_simple or isinstance(self.l1 + self.l2, np.ndarray):
            return float(self.value(coef).sum())
        found = 0.5 * self.l2 * float(np.vdot(coef, coef))  # a small fit feels it
        return found + self.l1 * float(np.abs(coef).sum()) if self.l1 else found

    def rest(self, coef: Array) -> float:
        """The sum of what is neither l1 nor l2."""
        found = 0.0
        if self.matrix is not None:
            found += 0.5 * float(np.vdot(coef @ self.matrix, coef))
        if self.concave is not None:
            found += float(self.concave.values(coef).sum())
        if self.norm is not None:
            found += float(self.norm.values(np.atleast_2d(coef)).sum())
        return found

    def rest_slope(self, coef: Array) -> Array:
        """The gradient of what is smooth and not l2."""
        found = np.zeros(coef.shape)
        if self.matrix is not None:
            found += coef @ self.matrix
        if self.concave is not None:
            found += self.concave.slopes(coef)
        return found

    def rest_curvature(self, coef: Array) -> Array:
        """The second derivatives of what is neither l1 nor l2, by flat coefficients."""
        found = np.zeros((coef.size, coef.size))
        if self.matrix is not None:
            found += np.kron(np.eye(len(coef)), self.matrix)
        if self.concave is not None:
            found += np.diag(self.concave.curvatures(coef).ravel())
        if self.norm is not None:
            found += self.norm.curvature(coef)
        return found

    @property
    def has_curvature(self) -> bool:
        """Whether there are second derivatives, of coefficients that are not 0."""
        return self.norm is None or self.norm.has_curvature

    def subgradient(self, coef: Array) -> Array:
        """One that is 0 where the kinks are."""
        found = self.l2 * coef + self.l1 * np.sign(coef)
        if not self.is_simple:
            found = found + self.rest_slope(coef)
        return found if self.norm is None else found + self.norm.subgradient(coef)

    def least_subgradient(self, coef: Array, gradient: Array) -> Array:
        """The subgradient that, added to `gradient`, leaves the least norm.

        Parameters
        ----------
        coef, gradient : ndarray of shape (n_outputs, n_features)

        Returns
        -------
        ndarray of shape (n_outputs, n_features)
        """
        if self.is_simple and not self.has_bounds:
            at_0 = -np.clip(gradient, -self.l1, self.l1)
            kinks = np.where(coef == 0, at_0, self.l1 * np.sign(coef))
            return self.l2 * coef + kinks
        return self.residual(coef, gradient) - gradient

    def residual(self, coef: Array, gradient: Array) -> Array:
        """The least sum of a gradient and a subgradient, in 0 if nothing is to gain."""
        slope = gradient + self.l2 * coef
        if not self.is_simple:
            slope = slope + self.rest_slope(coef)
        if self.norm is not None:
            return self.norm.residual(coef, slope, self.l1)
        up = slope + np.where(coef >= 0, self.l1, -self.l1)
        down = slope + np.where(coef > 0, self.l1, -self.l1)
        up = np.where(coef >= self.high, 0.0, np.minimum(up, 0.0))  # what pulls it up
        down = np.where(coef <= self.low, 0.0, np.maximum(down, 0.0))
        return up + down

    def prox(self, v: Array, step: float) -> Array:
        """argmin over w of |w - v|^2 / 2 + step * price(w).

        Parameters
        ----------
        v : ndarray of shape (n_outputs, n_features)
        step : float

        Returns
        -------
        ndarray of shape (n_outputs, n_features)
        """
        shrink = 1.0 + step * self.l2
        if self.concave is not None:
            found = self.concave.prox(v, step, shrink)
        elif self.matrix is not None:
            found = self._prox_of_matrix(v, step)
        else:
            found = soft(v, step * self.l1) / shrink
            if self.norm is not None:
                found = self.norm.prox(found, step / shrink)
        return np.clip(found, self.low, self.high)

    def _prox_of_matrix(self, v, step):
        if self.selects or self.has_bounds:
            raise ValueError(
                "A matrix together with an l1 norm, a norm of groups or bounds has no "
                "proximal operator in closed form. Fits of LinearRegressor and its kin "
                "need none; of the parts take that of each, as L1().prox(coef, alpha)."
            )
        d = v.shape[-1]
        whole = np.eye(d) * (1.0 + step * self.l2) + step * self.matrix
        return np.linalg.solve(whole, v.T).T

    # ----------------------------------------------------------- slopes of a loss at 0
    def gauge(self, z: Array) -> float:
        """By what l1 and norm have to be multiplied to keep coefficients at 0.

        Parameters
        ----------
        z : ndarray of shape (n_outputs, n_features)
            Slopes of the loss by coefficients of 0. Those of features that l1 and norm
            do not keep at 0 are passed over.
        """
        if self.norm is not None:
            return self.norm.gauge(z, self.l1)
        pull = open_slopes(z, self.low < 0, self.high > 0)
        l1 = np.broadcast_to(self.l1, z.shape)
        return float(np.divide(pull, l1, out=np.zeros(z.shape), where=l1 > 0).max())

    def score(self, z: Array) -> Array:
        """How much slopes are beyond what keeps a feature at 0: > 0 wants to move.

        Parameters
        ----------
        z : ndarray of shape (n_outputs, n_features)

        Returns
        -------
        ndarray of shape (n_features,)
        """
        if self.norm is not None:
            return self.norm.score(z, self.l1)
        pull = open_slopes(z, self.low < 0, self.high > 0)
        return (pull - self.l1).max(axis=0)

    # ------------------------------------------------------------- other coordinates
    def units(self, scale: Array) -> Array:
        """Units of coefficients in which every part keeps its form.

        Parameters
        ----------
        scale : ndarray of shape (n_features,)
            1 / spread of each feature, 0 of a constant one.

        Returns
        -------
        ndarray of shape (n_features,)
            The same for the features that a norm couples, and 0 where `scale` is, but
            for a constant feature that a matrix couples to others: it moves with them.
        """
        if self.matrix is not None and not scale.all():
            diagonal = np.diag(self.matrix)
            moves = np.count_nonzero(self.matrix, axis=0) > (diagonal != 0)
            own = np.where(moves, 1.0 / np.sqrt(np.where(moves, diagonal, 1.0)), 0.0)
            scale = np.where(scale == 0, own, scale)
        return scale if self.norm is None else self.norm.units(scale)

    def scaled(self, scale: Array) -> Price:
        """The price of u, where coefficients are u * scale, with `units` for scale."""
        low, high, least = self.low, self.high, np.minimum(scale, LARGEST_SCALE)
        if self.has_bounds:
            unit = np.where(scale > 0, scale, 1.0)  # a constant column does not move
            low, high = low / unit, high / unit
        return Price(
            self.l1 * scale if self.has_l1 else 0.0,
            self.l2 * (least * least) if is_any(self.l2 > 0) else 0.0,
            low,
            high,
            None if self.matrix is None else self.matrix * np.outer(least, least),
            None if self.norm is None else self.norm.scaled(scale),
            None if self.concave is None else self.concave.scaled(scale),
        )

    def of_features(self, chosen: NDArray[np.intp]) -> Price:
        """The price of some features, where all others have coefficient 0.

        Parameters
        ----------
        chosen : ndarray of int of shape (n_selected,)
            Sorted. With groups these are whole: see `whole_groups`.
        """
        part = {
            name: getattr(self, name)[chosen]
            for name in ("l1", "l2", "low", "high")
            if np.ndim(getattr(self, name)) > 0
        }
        if self.matrix is not None:
            part["matrix"] = self.matrix[np.ix_(chosen, chosen)]
        for name in ("norm", "concave"):
            if getattr(self, name) is not None:
                part[name] = getattr(self, name).of_features(chosen)
        return replace(self, **part) if part else self

    def whole_groups(self, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
        """The features, and all others of their groups; sorted."""
        return chosen if self.norm is None else self.norm.whole_groups(chosen)

    def relative(self) -> Price | None:
        """The convex price at whose minimum a fit with this one begins, or None."""
        return None if self.concave is None else replace(self, concave=None)

    def tangent(self, coef: Array) -> Price:
        """The convex price that touches this one, which is concave, from above.

        Parameters
        ----------
        coef : ndarray of shape (1, n_features)
            Where; but for a constant it costs the same there.
        """
        slopes = self.l1 + self.concave.slopes(np.abs(coef[0]))
        return replace(self, l1=np.maximum(slopes, 0.0), concave=None)

    def times_kinks(self, factor: float) -> Price:
        """The same, with all but l2 and matrix times a factor."""
        if self.concave is not None:
            raise ValueError(
                "scale='mad' cannot be used with MCP or SCAD, whose gamma has a unit "
                "of its own. Use a number for the scale."
            )
        norm = None if self.norm is None else self.norm.times(factor)
        return replace(self, l1=factor * self.l1, norm=norm)

    def __add__(self, other: Price) -> Price:
        """The sum of two prices, whose parts do not get in each other's way."""
        for name in ("norm", "concave"):
            mine, others = getattr(self, name), getattr(other, name)
            if mine is not None and others is not None:
                raise ValueError("has two parts that are not separable")
        norm, concave = self.norm or other.norm, self.concave or other.concave
        if norm is not None and concave is not None:
            raise ValueError("has a norm of groups and a part that is not convex")
        if concave is not None and self.has_l1 and other.has_l1:
            raise ValueError("has an l1 norm beside a part that is not convex")
        l1 = self.l1 + other.l1
        if norm is not None and np.any(l1 > 0) and not norm.takes_l1:
            raise ValueError("has an l1 norm beside a sorted one")
        matrices = [p.matrix for p in (self, other) if p.matrix is not None]
        return Price(
            l1,
            self.l2 + other.l2,
            matrix=sum(matrices) if matrices else None,
            norm=norm,
            concave=concave,
        )


NOTHING = Price()
