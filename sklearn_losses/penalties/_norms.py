"""Norms that couple coefficients: of groups of them, and of their sorted sizes.

Coefficients are of shape (n_outputs, n_features). Each norm has its value, its slope
along a direction, its proximal operator, what is left of slopes that it has to balance,
and its gauge: by what it has to be multiplied to balance them.
"""

import numpy as np
from sklearn.isotonic import isotonic_regression

from sklearn_losses.penalties._price import soft

BISECTIONS = 60  # halve an interval until it is rounding


def _quotient(a, b):
    """a / b, and 0 where b is."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.zeros(a.shape), where=b > 0)


def of_blocks(x, group, weight):
    """Gradient and Hessian of sum weight_g |x_g|_2, of groups that are not 0."""
    sizes = np.sqrt(np.bincount(group, x * x, len(weight)))
    ratio = _quotient(weight, sizes)[group]
    way = _quotient(x, sizes[group])
    bend = np.where(group[:, None] == group, -ratio * way * way[:, None], 0.0)
    bend.flat[:: len(x) + 1] += ratio
    return ratio * x, bend


class BlockNorm:
    """sum over groups g of weight_g |w_g|_2.

    Parameters
    ----------
    label : ndarray of intp of shape (n_features,)
        The group of each feature.
    weight : ndarray of shape (n_groups,)
    shares : bool, default=False
        Whether a group is of all outputs together, or of each by itself.
    """

    takes_l1 = True  # a prox step of both is one after the other
    has_curvature = True

    def __init__(self, label, weight, shares=False):
        self.label, self.weight, self.shares = label, weight, shares

    def _sums(self, a):
        """Of each group, of shape (n_outputs or 1, n_groups)."""
        a = a.sum(axis=0, keepdims=True) if self.shares else a
        n = len(self.weight)
        return np.array([np.bincount(self.label, row, n) for row in a])

    def norms(self, a):
        return np.sqrt(self._sums(a * a))

    def values(self, coef):
        return self.norms(coef) @ self.weight

    def slope_before(self, coef, delta):
        """The derivative along a direction that has led to coef."""
        sizes = self.norms(coef)
        inner = _quotient(self._sums(coef * delta), sizes)
        each = np.where(sizes > 0, inner, -self.norms(delta))
        return float((each @ self.weight).sum())

    def subgradient(self, coef):
        return coef * _quotient(self.weight, self.norms(coef))[:, self.label]

    def is_at_0(self, coef):
        """Which coefficients the norm holds at 0, with the others of their group."""
        return ((self.norms(coef) == 0) & (self.weight > 0))[:, self.label]

    def curvature(self, coef):
        """The second derivatives, by flat coefficients; 0 of groups of zeros."""
        label, weight = np.tile(self.label, (len(coef), 1)), self.weight
        if not self.shares:
            label += len(weight) * np.arange(len(coef))[:, None]
            weight = np.tile(weight, len(coef))
        return of_blocks(coef.ravel(), label.ravel(), weight)[1]

    def prox(self, v, step):
        """Of the norm times step, a number or one that is the same in each group."""
        sizes = self.norms(v)
        if np.ndim(step) > 0:
            each = np.zeros(len(self.weight))
            each[self.label] = step
            if not np.array_equal(each[self.label], step):
                raise ValueError(
                    "Groups whose l2 norm has different weights for their features "
                    "have no proximal operator in closed form."
                )
            step = each
        return (
            v
            * np.maximum(1.0 - _quotient(step * self.weight, sizes), 0.0)[:, self.label]
        )

    def residual(self, coef, slope, l1):
        at_0 = soft(slope, l1)
        sizes = self.norms(coef)
        away = slope + l1 * np.sign(coef) + self.subgradient(coef)
        inside = np.where(coef == 0, at_0, away)
        beyond = np.maximum(1.0 - _quotient(self.weight, self.norms(at_0)), 0.0)
        outside = at_0 * beyond[:, self.label]
        return np.where((sizes > 0)[:, self.label], inside, outside)

    def gauge(self, z, l1):
        weight, sizes = self.weight, self.norms(z)
        each = np.broadcast_to(l1, z.shape)
        alone = (weight == 0)[self.label]
        found = float(_quotient(np.abs(z), each)[:, alone].max(initial=0.0))
        if not np.any(each > 0):
            return max(found, float(_quotient(sizes, weight).max(initial=0.0)))
        low, high = np.zeros(sizes.shape), _quotient(sizes, weight)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            left = self.norms(soft(z, middle[:, self.label] * each))
            is_enough = left <= middle * weight
            low, high = (
                np.where(is_enough, low, middle),
                np.where(is_enough, middle, high),
            )
        return max(found, float(high.max(initial=0.0)))

    def score(self, z, l1):
        beyond = self.norms(soft(z, l1)) - self.weight
        alone = np.abs(z) - l1  # of groups of weight 0
        is_alone = (self.weight == 0)[self.label]
        return np.where(is_alone, alone, beyond[:, self.label]).max(axis=0)

    def touches(self, n_features):
        return (self.weight > 0)[self.label]

    def units(self, scale):
        if self.shares and len(self.label) == len(self.weight):
            return scale
        moves = scale > 0
        n = len(self.weight)
        squares = _quotient(1.0, scale) ** 2
        counts = np.bincount(self.label, moves, n)
        mean = _quotient(np.bincount(self.label, squares, n), counts)
        return np.where(moves, _quotient(1.0, np.sqrt(mean))[self.label], 0.0)

    def scaled(self, scale):
        each = np.zeros(len(self.weight))
        np.maximum.at(each, self.label, scale)
        return BlockNorm(self.label, self.weight * each, self.shares)

    def times(self, factor):
        return BlockNorm(self.label, factor * self.weight, self.shares)

    def of_features(self, chosen):
        groups, label = np.unique(self.label[chosen], return_inverse=True)
        return BlockNorm(label, self.weight[groups], self.shares)

    def whole_groups(self, chosen):
        is_in = np.zeros(len(self.weight), bool)
        is_in[self.label[chosen]] = True
        return np.flatnonzero(is_in[self.label])

    def blocks(self, n_outputs, size):
        """The coefficients of each group in a flat theta with `size` for an output.

        Returns
        -------
        members : ndarray of intp
            Group by group.
        starts : ndarray of intp of shape (n_blocks + 1,)
        weight : ndarray of shape (n_blocks,)
        """
        order = np.argsort(self.label, kind="stable")
        counts = np.bincount(self.label, minlength=len(self.weight))
        outputs = size * np.arange(n_outputs)
        if self.shares:
            members = (order[:, None] + outputs).ravel()
            counts, weight = n_outputs * counts, self.weight
        else:
            members = (outputs[:, None] + order).ravel()
            counts = np.tile(counts, n_outputs)
            weight = np.tile(self.weight, n_outputs)
        return members, np.append(0, np.cumsum(counts)), weight


class SortedNorm:
    """sum_i weight_i |w|_(i), of the sizes of coefficients from the largest on.

    Parameters
    ----------
    weight : ndarray of shape (n_features,)
        >= 0, never rising, the first > 0.
    """

    takes_l1 = shares = has_curvature = False

    def __init__(self, weight):
        self.weight = weight

    def values(self, coef):
        return -np.sort(-np.abs(coef), axis=1) @ self.weight

    def _ranked(self, sizes):
        """The weight of each coefficient, by its rank."""
        found = np.empty(sizes.shape)
        order = np.argsort(-sizes, axis=1, kind="stable")
        np.put_along_axis(found, order, np.broadcast_to(self.weight, sizes.shape), 1)
        return found

    def slope_before(self, coef, delta):
        """The derivative along a direction that has led to coef."""
        side = np.where(coef == 0, -np.abs(delta), np.sign(coef) * delta)
        order = np.lexsort((side, -np.abs(coef)), axis=1)
        return float((np.take_along_axis(side, order, 1) @ self.weight).sum())

    def subgradient(self, coef):
        return np.sign(coef) * self._ranked(np.abs(coef))

    def prox(self, v, step):
        """Zhang and Politis 2024: an isotonic regression of the sorted sizes."""
        if np.ndim(step) > 0:
            raise ValueError(
                "SLOPE with an l2 norm of different weights has no proximal operator "
                "in closed form."
            )
        sizes, found = np.abs(v), np.empty(v.shape)
        order = np.argsort(-sizes, axis=1, kind="stable")
        for row, at, out in zip(sizes, order, found):
            out[at] = np.maximum(
                isotonic_regression(row[at] - step * self.weight, increasing=False), 0.0
            )
        return np.sign(v) * found

    def residual(self, coef, slope, l1):
        """How far a prox step goes, which is 0 at the same points."""
        return coef - self.prox(coef - slope, 1.0)

    def gauge(self, z, l1):
        sums = np.cumsum(-np.sort(-np.abs(z), axis=1), axis=1)
        return float((sums / np.cumsum(self.weight)).max(initial=0.0))

    def score(self, z, l1):
        """Beyond the least weight: more says the rank, which the fit will find."""
        sizes = np.abs(z).max(axis=0)
        if self.gauge(z, l1) > 1.0:
            return sizes - self.weight[-1]
        return sizes - sizes.max() - 1.0  # all are kept at 0

    def touches(self, n_features):
        return np.ones(n_features, bool)

    def units(self, scale):
        return BlockNorm(np.zeros(len(scale), np.intp), np.ones(1)).units(scale)

    def scaled(self, scale):
        return SortedNorm(self.weight * scale.max(initial=0.0))

    def times(self, factor):
        return SortedNorm(factor * self.weight)

    def of_features(self, chosen):
        return SortedNorm(self.weight[: len(chosen)])

    def whole_groups(self, chosen):
        return chosen
