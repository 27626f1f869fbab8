"""A lower bound of an objective, from slopes of its loss: Fenchel's duality.

With omega = s / S, the penalty P, and the conjugates loss* and P*, any slopes u give

    min F >= D(u) = - sum_i omega_i loss*(y_i, u_i) - P*(-z),  z = sum_i omega_i u_i x_i

where with an intercept sum_i omega_i u_i = 0 (Rockafellar 1970, "Convex analysis",
section 31), and to which offsets o add sum_i omega_i u_i o_i. F at any coefficients
minus D at any slopes is a duality gap: no other coefficients are better by more. It is
0 at the optimum, with the loss's own slopes.
"""

from itertools import chain

import numpy as np
from scipy.linalg import blas

from sklearn_losses.design._sums import Sums
from sklearn_losses.penalties._conjugate import Conjugate
from sklearn_losses.terms._term import is_uniform, some_are_0

FAR = 1e100  # a raw prediction where slopes are at their limits
INSIDE = 1e-9  # of a limit, by which what was beyond it is put before it
CHUNK = 1 << 14  # slopes that are worked on at a time
ROUNDING = 2e-15  # of the sizes of what is summed
MANY_TIMES = 30.0  # the surplus of all slopes: so much of some rows' may be changed


def _column(weight, like):
    return weight if like.ndim == 1 else weight[:, None]


def _centred(u):
    """Without what all outputs of a row have in common."""
    return u - (u @ np.full(u.shape[1], 1.0 / u.shape[1]))[:, None]


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
    price : Price
        Convex, in the units of the features.
    has_intercept : bool
    offset : ndarray of shape (n_rows,) or (n_rows, n_outputs), default=None
        o, which raw predictions contain.

    Attributes
    ----------
    conjugate : Conjugate
        Of the price.
    z : ndarray of shape (n_features,) or (n_features, n_outputs)
        That of the last slopes, in units of centred features.
    """

    def __init__(self, loss, y, weight, features, price, has_intercept, offset=None):
        self.loss, factor = loss.split_weight()
        self.features = features
        self.conjugate = Conjugate(price, features.n_features)
        self.has_intercept = has_intercept
        self.offset = offset
        self.y, self.weight = y, weight if factor == 1 else factor * weight
        self.some_absent = some_are_0(weight)
        # All rows count alike: what is the same of each is not multiplied with it.
        self.share = factor * float(weight[0]) if is_uniform(weight) else None
        self._functions, self._limits = self.loss.checked(), None
        self._are_limits_in = False  # whether no conjugate at a limit is infinite

    def bound(self, slopes, reach=0.0):
        """D of slopes, which are first moved to where D is finite.

        Parameters
        ----------
        slopes : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            omega u.
        reach : float
            How large a coefficient is, in units of 1 / spread: see `Conjugate`.

        Returns
        -------
        float
            -inf if there is no such D.
        """
        with np.errstate(all="ignore"):
            feasible = self._feasible_rows if slopes.ndim == 2 else self._feasible
            u_of = feasible(slopes)
            self.z, size = self._z(slopes, u_of)
            factor, cost = self.conjugate.shortened(self.z, size, reach)
            parts = ((block, u_of(block)) for block in self._chunks(slopes))
            return self._minus(*self._conjugates(parts, factor), cost)

    def bound_at(self, seen, at, reach=0.0, least=-np.inf):
        """D of the loss's own slopes at raw predictions p, which a pass has summed.

        Of u = loss'(y, p) the conjugate is u p - loss(y, p) (Fenchel's equality), and z
        is known, so that no other pass over the rows is needed. Where there is an
        intercept the slopes of some rows are changed, so that all sum to 0.

        Parameters
        ----------
        seen : object
            `value`, the sum of omega loss(y, p); `moment` and `size`, those of
            omega u (p - o) and its absolute values; `steepness`, that of |omega u|;
            `sums`, a `Sums` of omega u.
        at : callable
            Of a block of rows: p, omega u and the sum of omega loss(y, p) there.
        reach : float
            As of `bound`.
        least : float
            What would be of use. If D without these changes is less, that is all.

        Returns
        -------
        float
            -inf if there is no such D.
        """
        with np.errstate(all="ignore"):
            z, of_g = seen.sums.by_g.T, seen.sums.of_g
            total, sizes = seen.moment - seen.value, seen.size + abs(seen.value)
            factor, cost = self.conjugate.shortened(z, seen.steepness, reach)
            if factor == 1.0 and -(total + cost) < least:
                return -np.inf
            blocks = self.features.blocks
            changed = self._balanced(of_g, at) if self.has_intercept else []
            if changed is None:
                return -np.inf
            change = Sums(self.features, len(of_g))
            for block, u in zip(blocks, changed):
                p, slopes, value = at(block)
                change.add(block, u * _column(self.weight[block], u) - slopes)
                p = p if self.offset is None else p - self.offset[block]
                total -= float(np.vdot(slopes, p)) - value
            total += self._conjugates(zip(blocks, changed), 1.0)[0]
            z = z + change.by_g.T
            self.z = z if z.shape[1] > 1 else z[:, 0]
            factor, cost = self.conjugate.shortened(self.z, seen.steepness, reach)
            if factor != 1.0:
                others = blocks[len(changed) :]
                rest = (self._u(at(block)[1], block) for block in others)
                parts = zip(blocks, chain(changed, rest))
                total, sizes = self._conjugates(parts, factor)
            return self._minus(total, sizes, cost)

    @staticmethod
    def _minus(total, sizes, cost):
        """D from the sums of conjugates and of their sizes, and P*."""
        bound = -float(total + cost + ROUNDING * (sizes + cost))
        return bound if np.isfinite(bound) else -np.inf

    def _conjugates(self, parts, factor):
        """The sum of omega loss*(y, factor u), and that of the absolute values.

        Parameters
        ----------
        parts : iterable of (slice, ndarray)
            Rows and their u.
        factor : float
        """
        total = sizes = 0.0
        for block, u in parts:
            u = u if factor == 1.0 else factor * u
            each = self._conjugate(self.y[block], u)
            if self.offset is not None:
                each = each - (u * self.offset[block]).reshape(len(u), -1).sum(axis=1)
            if self.share is not None:
                total += self.share * float(np.add.reduce(each))
                sizes += self.share * blas.dasum(each)
                continue
            weight = self.weight[block]
            each = weight * each
            if self.some_absent:
                each = np.where(weight > 0, each, 0.0)
            total += each.sum()
            sizes += np.abs(each).sum()
        return total, sizes

    def _conjugate(self, y, u):
        """loss*(y, u), of targets that need no check."""
        if u.ndim == 2:
            return self.loss.conjugate(y, u)
        found = np.empty(len(u))
        self._functions.evaluate_conjugate(y, u, found)
        return found

    @staticmethod
    def _chunks(slopes):
        """All rows in parts that stay in cache where X is not looked at."""
        n, size = len(slopes), max(1, CHUNK * len(slopes) // max(1, slopes.size))
        return [slice(i, min(i + size, n)) for i in range(0, n, size)]

    def _z(self, slopes, u_of):
        """sum_i omega_i u_i x_i, and how large its parts are."""
        sums, sizes = Sums(self.features, *slopes.shape[1:]), [0.0]
        blocks = self.features.blocks
        if self.features.is_plain and slopes.ndim == 1:
            blocks = self._chunks(slopes)  # fewer: nothing is made of their rows
        for block in blocks if slopes.any() else []:
            mass = u_of(block)
            mass = mass * _column(self.weight[block], mass)
            if mass.ndim == 1:
                sizes[0] += blas.dasum(mass)
            else:
                sizes = sizes + np.abs(mass).sum(axis=0)
            sums.add(block, mass)
        return sums.by_g.T.reshape(-1, *slopes.shape[1:]), max(sizes)

    # ------------------------------------------------- the domain of the conjugate
    def _feasible(self, slopes):
        """u of points, as a function of a block of rows."""
        u = np.empty(len(slopes))
        up = down = 0.0
        for block in self._chunks(slopes):
            u[block] = mass = self._inside(slopes[block], block)
            if self.share is None:
                mass = self.weight[block] * mass
            above = float(np.add.reduce(np.maximum(mass, 0.0)))
            up += above
            down += above - float(np.add.reduce(mass))
        if self.has_intercept and up != down:
            # The slopes of one sign are shortened until their sum is 0.
            share = min(up, down) / max(up, down)
            np.multiply(u, share, out=u, where=u > 0 if up > down else u < 0)
        return lambda block: u[block]

    def _inside(self, slopes, block):
        """What lies beyond the limits of the slopes is put at them, or before them."""
        u = self._u(slopes, block)
        are_unknown = self._limits is None and not self.some_absent
        if are_unknown and np.isfinite(self._conjugate(self.y[block], u).sum()):
            return u  # nothing does
        low, high = (limit[block] for limit in self._slopes_limits())
        if self.some_absent:
            u = np.where(self.weight[block] > 0, u, np.clip(0.0, low, high))
        is_below, is_above = u < low, u > high
        u = np.minimum(np.maximum(u, low), high)
        if self._are_limits_in or np.isfinite(self._conjugate(self.y[block], u).sum()):
            return u  # at the limits, too
        u = np.where(is_below, low + INSIDE * np.abs(low), u)
        return np.where(is_above, high - INSIDE * np.abs(high), u)

    def _slopes_limits(self):
        if self._limits is None:
            ends = np.full((2, len(self.y)), [[-FAR], [FAR]])
            low, high = limits = np.empty(ends.shape)
            for end, limit in zip(ends, limits):
                self._functions.evaluate_points(self.y, end, None, limit, None)
            low[np.isnan(low)], high[np.isnan(high)] = -np.inf, np.inf
            self._limits = low, high
            sums = (self._conjugate(self.y, limit).sum() for limit in limits)
            self._are_limits_in = all(map(np.isfinite, sums))
        return self._limits

    def _feasible_rows(self, slopes):
        """u of rows, whose sums are 0, as a function of a block of rows."""
        n_outputs = slopes.shape[1]
        target = self.loss._distribution(np.arange(float(n_outputs)), n_outputs)
        classes = self.y.astype(np.intp)

        def centred(block):
            return _centred(self._u(slopes[block], block))

        if not self.has_intercept:
            return centred
        surplus = np.ones(len(slopes)) @ slopes
        surplus -= surplus.mean()
        frequency = np.bincount(classes, self.weight, n_outputs) @ target
        # Mixed with slopes q - t of the same distribution q for each row's t.
        unseen = frequency == 0
        need = np.where(unseen, 0.0, surplus / np.where(unseen, 1.0, frequency)).max()
        share = max(need, 0.0) / (1.0 + max(need, 0.0))
        if share == 0:
            return centred
        q = (frequency - (1.0 - share) / share * surplus) / self.weight.sum()
        others = share * (q - target)
        return lambda block: (1.0 - share) * centred(block) + others[classes[block]]

    def _u(self, slopes, block):
        """u of omega u; 0 of an absent row."""
        weight = _column(self.weight[block], slopes)
        u = slopes / weight
        return np.where(weight > 0, u, 0.0) if self.some_absent else u

    # ---------------------------------------------- slopes whose sum is nearly 0
    def _balanced(self, surplus, at):
        """u of the first blocks of rows, so that all slopes sum to 0 with the others'.

        Parameters
        ----------
        surplus : ndarray of shape (n_outputs,)
            What the slopes sum to.
        at : callable
            See `bound_at`.

        Returns
        -------
        list of ndarray, or None
            None: no slopes of these signs sum to 0.
        """
        found, room = [], np.zeros(len(surplus))
        if not surplus.any():
            return found
        surplus = surplus.copy()
        for block in self.features.blocks:
            slopes = at(block)[1]
            if len(surplus) == 1:
                u = self._inside(slopes, block)  # or rounding has put it beyond a limit
                surplus += self.weight[block] @ u - slopes.sum()
            else:
                u = self._u(slopes, block)
            found.append(u)
            room += self._room(found[-1], block, surplus)
            share = np.where(surplus == 0, 0.0, surplus / room).max()
            if share <= 1.0 / MANY_TIMES:
                break
        if not share < 1.0:
            return None
        if len(surplus) == 1:
            return [np.where(u * surplus > 0, (1.0 - share) * u, u) for u in found]
        # Mixed with slopes q - t of the same distribution q for each row's t.
        q = (room - surplus / share) / self.weight[: block.stop].sum()
        return [
            (1.0 - share) * _centred(u) + share * (q - self._target(u, block))
            for block, u in zip(self.features.blocks, found)
        ]

    def _room(self, u, block, surplus):
        """How large a surplus of all slopes these slopes u can take away."""
        shrinking = np.where(u * surplus > 0, u, 0.0)
        can = shrinking if len(surplus) == 1 else u + self._target(u, block)
        return self.weight[block] @ can

    def _target(self, u, block):
        return self.loss._distribution(self.y[block], u.shape[1])
