"""A lower bound of an objective, from slopes of its loss: Fenchel's duality.

With omega = s / S, the penalty P, and the conjugates loss* and P*, any slopes u give

    min F >= D(u) = - sum_i omega_i loss*(y_i, u_i) - P*(-z),  z = sum_i omega_i u_i x_i

where with an intercept sum_i omega_i u_i = 0 (Rockafellar 1970, "Convex analysis",
section 31). F at any coefficients minus D at any slopes is a duality gap: no other
coefficients are better by more. It is 0 at the optimum, with the loss's own slopes.
"""

import numpy as np

from sklearn_losses.linear._penalties import conjugate_excess
from sklearn_losses.losses._combine import split_weight

FAR = 1e100  # a raw prediction where slopes are at their limits
INSIDE = 1e-9  # of a limit, by which what was beyond it is put before it
NEGLIGIBLE = 1e-8  # of the slopes: what is left of z where it has to be 0
REACH = 10.0  # times the largest coefficient, by which that is multiplied
ROUNDING = 2e-15  # of the sizes of what is summed


class Dual:
    """D of one objective, in the units of centred features.

    Parameters
    ----------
    loss : Loss
        Convex, with a conjugate.
    y : ndarray of float64 of shape (n_rows,)
    weight : ndarray of float64 of shape (n_rows,)
        omega. Rows of weight 0 are as if they were not there.
    features : Centred
    l2, l1 : ndarray of shape (n_features,)
        The penalty of each feature.
    has_intercept : bool
    positive : bool
        Whether coefficients are >= 0.
    """

    def __init__(self, loss, y, weight, features, l2, l1, has_intercept, positive):
        self.loss, factor = split_weight(loss)
        self.features = features
        self.l2, self.l1 = l2, l1
        self.has_intercept, self.positive = has_intercept, positive
        self.here = slice(None) if weight.all() else weight > 0
        self.y, self.weight = y[self.here], factor * weight[self.here]
        self.n_rows = len(y)
        self._limits = None

    def bound(self, slopes, reach=0.0):
        """D of slopes, which are first moved to where D is finite.

        Parameters
        ----------
        slopes : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            omega u.
        reach : float
            How large a coefficient is, in units of 1 / spread. Where nothing is
            penalised z has to be 0, which rounding allows only nearly: the bound then
            holds for coefficients up to `REACH` times this.

        Returns
        -------
        float
            -inf if there is no such D.
        """
        is_row = slopes.ndim == 2
        weight = self.weight[:, None] if is_row else self.weight
        with np.errstate(all="ignore"):
            u = slopes[self.here] / weight
            u = self._inside_of_rows(u) if is_row else self._inside(u)
            if self.has_intercept:
                u = self._balanced_rows(u) if is_row else self._balanced(u)
            z = self._z(weight * u)
            factor, cost = self._penalty(z, np.abs(weight * u).sum(axis=0).max(), reach)
            conjugate = self.weight * self.loss.conjugate(self.y, factor * u)
            total = conjugate.sum() + cost
            error = ROUNDING * (np.abs(conjugate).sum() + cost)
        return -float(total + error) if np.isfinite(total) else -np.inf

    def _z(self, slopes):
        if isinstance(self.here, slice):
            return self.features.transposed_dot(slopes)
        all_rows = np.zeros((self.n_rows, *slopes.shape[1:]))
        all_rows[self.here] = slopes
        return self.features.transposed_dot(all_rows)

    # ------------------------------------------------- the domain of the conjugate
    def _inside(self, u):
        """What lies beyond the limits of the slopes is put before them."""
        if self._limits is None:
            ends = np.full((2, len(self.y)), [[-FAR], [FAR]])
            low, high = (self.loss.gradient(self.y, end) for end in ends)
            low[np.isnan(low)], high[np.isnan(high)] = -np.inf, np.inf
            self._limits = low, high
        low, high = self._limits
        u = np.where(u < low, low + INSIDE * np.abs(low), u)
        return np.where(u > high, high - INSIDE * np.abs(high), u)

    @staticmethod
    def _inside_of_rows(u):
        return u - u.mean(axis=1, keepdims=True)

    def _balanced(self, u):
        """The slopes of one sign are shortened until their sum is 0."""
        mass = self.weight * u
        up, down = mass[mass > 0].sum(), -mass[mass < 0].sum()
        if up > down:
            return np.where(u > 0, u * (down / up), u)
        return np.where(u < 0, u * (up / down), u) if down > 0 else u

    def _balanced_rows(self, u):
        """Mixed with slopes q - t of the same distribution q for each row's t."""
        target = self.loss._distribution(self.y, u.shape[1])
        frequency, surplus = self.weight @ target, self.weight @ u
        unseen = frequency == 0
        need = np.where(unseen, 0.0, surplus / np.where(unseen, 1.0, frequency)).max()
        share = max(need, 0.0) / (1.0 + max(need, 0.0))
        if share == 0:
            return u
        q = (frequency - (1.0 - share) / share * surplus) / self.weight.sum()
        return (1.0 - share) * u + share * (q - target)

    # ------------------------------------------------------------------ the penalty
    def _penalty(self, z, size, reach):
        """By what all slopes are shortened, and what P* then is.

        Where there is no l2, |z| may be at most l1, or z has to be 0.
        """
        l2, l1 = (a[:, None] if z.ndim == 2 else a for a in (self.l2, self.l1))
        hard = np.broadcast_to(l2 == 0, z.shape)
        bare = hard & (l1 == 0)
        excess = conjugate_excess(z, l1, self.positive)
        charge = REACH * reach * excess[bare].sum()
        if excess[bare].max(initial=0.0) > NEGLIGIBLE * size:
            return 0.0, 0.0
        over = hard & ~bare & (excess > 0)
        limit = np.broadcast_to(l1, z.shape)[over]
        factor = float((limit / (limit + excess[over])).min(initial=1.0))
        excess = conjugate_excess(factor * z, l1, self.positive)
        soft = np.where(hard, 0.0, excess**2 / np.where(hard, 1.0, 2.0 * l2))
        return factor, float(soft.sum() + charge)
