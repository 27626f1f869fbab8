"""The conjugate of a convex price: what slopes of a loss cost in a lower bound.

P*(-z) = sup over w of -z . w - P(w). Where nothing but kinks is charged for, it is
infinite unless z is small, and slopes are shortened until it is. What rounding leaves
of z beyond that would cost all of the bound where next to nothing is charged for: it is
charged as if no coefficient were larger than `REACH` times the largest one. Of a
quadratic part Q without a formula beside the kinks, any v gives

    P*(-z) <= Q(v) + kinks*(-(z + Q v)),

which is an equality at the optimum, where v is the coefficients.
"""

import numpy as np
from scipy import linalg

from sklearn_losses.penalties._norms import BlockNorm, _quotient
from sklearn_losses.penalties._price import is_any, soft

NEGLIGIBLE = 1e-8  # of the slopes: what is left of z where it has to be small
REACH = 10.0  # times the largest coefficient, by which that is multiplied
ROUNDED = 1.0 - 1e-15  # of a limit is within it, after rounding
NEARLY = 1.0 + 1e-6  # shortening by so little costs the bound nothing
SINGULAR = 1e-12  # of the largest pivot: a matrix with less has no inverse


class Conjugate:
    """P* of one price, in any units of its coefficients.

    Parameters
    ----------
    price : Price
    n_features : int

    Attributes
    ----------
    is_soft : bool
        Whether it is finite, whatever z is.
    is_hard : bool
        Whether it is that of an l1 norm alone, of all coefficients: 0 or infinite.
    is_free : bool
        Whether there is no price at all, so that z has to be 0.
    needs_point : bool
        Whether there is a quadratic part without a formula: see `begin_at`.
    holds_to : float
        How large a coefficient may be where the last cost is that of P*.
    """

    extra = factor = None  # l2 that is part of Q, and the factor of Q
    needs_point, pull, quadratic = False, 0.0, 0.0
    holds_to = np.inf

    def __init__(self, price, n_features):
        self.price, self.n_features = price, n_features
        self.norm, self.matrix = price.norm, price.matrix
        self.l1, self.l2 = price.l1, price.l2
        self.low, self.high = price.low, price.high
        self.is_soft = self.is_plain = self.is_hard = self.is_free = False
        if price.is_simple and not price.has_bounds:
            # Most are, and a small fit feels the rest.
            has_l2 = is_any(self.l2 > 0)
            self.is_soft = self.is_plain = has_l2 and not is_any(self.l2 <= 0)
            self.is_free = not (has_l2 or price.has_l1)
            self.is_hard = not (has_l2 or self.is_free or is_any(self.l1 <= 0))
        if self.is_plain or self.is_hard or self.is_free:
            return
        self.l1, self.l2, self.low, self.high = (
            np.broadcast_to(a, n_features)
            for a in (self.l1, self.l2, self.low, self.high)
        )
        self.factor = self._factored() if self._is_quadratic() else None
        if self.norm is not None:
            self._split_l2()
        self.needs_point = self.factor is None and not (
            self.matrix is None and self.extra is None
        )
        bounded = (self.low > -np.inf) & (self.high < np.inf)
        is_soft = (self.l2 > 0) | bounded
        self.is_soft = self.factor is not None or bool(is_soft.all())

    def _is_quadratic(self):
        price = self.price
        return self.matrix is not None and not (price.selects or price.has_bounds)

    def _factored(self):
        """The factor of all that is quadratic, None if it is singular."""
        whole = self.matrix + np.diag(self.l2)
        constant = ~whole.any(axis=0)  # columns, or not penalised at all
        factor, failed = linalg.lapack.dpotrf(whole + np.diag(1.0 * constant))
        pivots = np.diagonal(factor)
        if failed or constant.any() or pivots.min() ** 2 < SINGULAR * pivots.max() ** 2:
            return None
        return factor

    def _split_l2(self):
        """Only an l2 that is the same within a group has a formula."""
        l2 = np.zeros(len(self.l2))
        if isinstance(self.norm, BlockNorm):
            norm = self.norm
            least = np.full(len(norm.weight), np.inf)
            np.minimum.at(least, norm.label, self.l2)
            l2 = np.where((norm.weight > 0)[norm.label], least[norm.label], self.l2)
            self.of_group = np.where(np.isfinite(least), least, 0.0)
        extra, self.l2 = self.l2 - l2, l2
        self.extra = extra if extra.any() else None

    def begin_at(self, coef):
        """Take coefficients for v.

        Parameters
        ----------
        coef : ndarray of shape (n_features,) or (n_outputs, n_features)
        """
        if not self.needs_point:
            return
        coef = np.atleast_2d(coef)
        self.pull = np.zeros(coef.shape) if self.extra is None else self.extra * coef
        if self.matrix is not None:
            self.pull = self.pull + coef @ self.matrix
        self.quadratic = 0.5 * float(np.vdot(self.pull, coef))

    def slopes(self, z):
        """z and what the quadratic part adds, as a row for each output."""
        found = z.T.reshape(-1, self.n_features)
        return found + self.pull if self.needs_point else found

    def shortened(self, z, size, reach):
        """By what all slopes are shortened, and what P* then is.

        Parameters
        ----------
        z : ndarray of shape (n_features,) or (n_features, n_outputs)
        size : float
            How large the parts of z are.
        reach : float
            How large a coefficient is. Where little is charged z has to be small, which
            rounding allows only nearly: the bound then holds for coefficients up to
            `REACH` times this.

        Returns
        -------
        factor, cost : float
            A factor of 0 if there is no other.
        """
        slopes, most = self.slopes(z), REACH * reach
        self.holds_to = np.inf
        if self.factor is not None:
            return 1.0, self._cost_of_matrix(slopes, size, most)
        if self.is_hard:
            return self._hard(slopes, size, most)
        if self.is_free:
            return self._free(slopes, size, most)
        if self.is_plain and not is_any(np.abs(slopes) > self.l1 + self.l2 * most):
            return 1.0, self._cost(slopes)  # as nearly always
        kept = self._kept(slopes, most)
        kept = np.where(np.abs(slopes - kept) <= NEGLIGIBLE * size, kept, slopes)
        charge = most * float(np.abs(slopes - kept).sum())
        self.holds_to = most if charge > 0 else np.inf
        if self.is_soft:
            return 1.0, self._cost(kept) + charge + self.quadratic
        factor = self._factor(kept)
        if factor == 0.0:
            return 0.0, 0.0
        return factor, self._cost(factor * kept) + charge + factor**2 * self.quadratic

    def _hard(self, slopes, size, most):
        """What `shortened` returns for an l1 norm alone."""
        sizes = np.abs(slopes)
        beyond = float((sizes / self.l1).max(initial=0.0))
        if beyond <= 1.0:
            return 1.0, 0.0
        excess = np.maximum(sizes - self.l1, 0.0)
        if beyond <= NEARLY or excess.max() > NEGLIGIBLE * size:
            return 1.0 / beyond, 0.0
        self.holds_to = most
        return 1.0, most * float(excess.sum())

    def _free(self, slopes, size, most):
        """What `shortened` returns without any price: z is 0, but for rounding."""
        sizes = np.abs(slopes)
        if sizes.max(initial=0.0) > NEGLIGIBLE * size:
            return 0.0, 0.0
        self.holds_to = most
        return 1.0, most * float(sizes.sum())

    def _cost_of_matrix(self, slopes, size, most):
        found, _ = linalg.lapack.dpotrs(self.factor, np.asfortranarray(slopes.T))
        cost = 0.5 * float(np.vdot(found.T, slopes))
        if np.abs(slopes).max(initial=0.0) > NEGLIGIBLE * size:
            return cost
        charge = most * float(np.abs(slopes).sum())
        if charge < cost:
            self.holds_to = most
        return min(cost, charge)

    def _kept(self, slopes, most):
        """What of slopes coefficients of at most `most` are paid for."""
        limit = self.l1 + self.l2 * most
        kept = np.clip(slopes, -limit, limit)
        if self.price.has_bounds:
            end = np.where(slopes > 0, -self.low, self.high)
            kept = np.where(end <= most, slopes, kept)
        if self.norm is None:
            return kept
        touched = self.norm.touches(slopes.shape[1])
        return np.where(touched, self._kept_by_norm(slopes, most), kept)

    def _kept_by_norm(self, slopes, most):
        if not isinstance(self.norm, BlockNorm):
            return slopes * (ROUNDED / max(self.norm.gauge(slopes, self.l1), 1.0))
        left = soft(slopes, self.l1)
        room = ROUNDED * (self.norm.weight + self.of_group * most)
        beyond = np.maximum(1.0 - _quotient(room, self.norm.norms(left)), 0.0)
        return slopes - left * beyond[:, self.norm.label]

    # ------------------------------------------------ coefficients each by themselves
    def _alone(self, slopes):
        """Slopes by coefficients that no norm touches; 0 for all others."""
        if self.norm is None:
            return slopes
        return np.where(self.norm.touches(slopes.shape[1]), 0.0, slopes)

    def _sides(self, slopes):
        """What l1 leaves of slopes, and how far coefficients can go there."""
        if not self.price.has_bounds:
            return [(np.maximum(np.abs(slopes) - self.l1, 0.0), np.inf)]
        return [
            (np.maximum(-slopes - self.l1, 0.0), self.high),
            (np.maximum(slopes - self.l1, 0.0), -self.low),
        ]

    def _factor(self, slopes):
        """How much shorter slopes have to be."""
        factor = 1.0
        for excess, end in self._sides(self._alone(slopes)):
            hard = np.broadcast_to((self.l2 == 0) & (end == np.inf), slopes.shape)
            bare = hard & (self.l1 == 0)
            if excess[bare].any():
                return 0.0
            over = hard & ~bare & (excess > 0)
            limit = np.broadcast_to(self.l1, slopes.shape)[over]
            factor = min(
                factor, float((limit / (limit + excess[over])).min(initial=1.0))
            )
        if self.norm is not None:
            hard = self.l2 == 0
            beyond = self.norm.gauge(np.where(hard, slopes, 0.0), self.l1)
            factor = factor if beyond <= 1.0 else min(factor, 1.0 / beyond)
        return factor

    def _cost(self, slopes):
        if self.is_plain:
            excess = slopes
            if self.price.has_l1:
                excess = np.maximum(np.abs(slopes) - self.l1, 0.0)
            return float((excess * excess / (2.0 * self.l2)).sum())
        total = 0.0
        for excess, end in self._sides(self._alone(slopes)):
            with np.errstate(divide="ignore", invalid="ignore"):
                size = np.where(self.l2 > 0, excess / self.l2, end)
            size = np.where(excess > 0, np.minimum(size, end), 0.0)
            size = np.where(np.isfinite(size), size, 0.0)  # which shortening has ended
            total += float((excess * size - 0.5 * self.l2 * size**2).sum())
        if self.norm is not None and self.l2.any():
            total += self._cost_of_groups(slopes)
        return total

    def _cost_of_groups(self, slopes):
        norm, l2 = self.norm, self.of_group
        excess = np.maximum(norm.norms(soft(slopes, self.l1)) - norm.weight, 0.0)
        pays = (l2 > 0) & (norm.weight > 0)
        return float(
            (excess**2 * np.where(pays, 0.5 / np.where(pays, l2, 1.0), 0.0)).sum()
        )
