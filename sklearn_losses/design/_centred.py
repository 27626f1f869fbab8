"""Centred: the columns of Rows around their mean, in units of their spread.

A column 1e8 +- 1 keeps its sixteen digits, because the mean is subtracted from its
entries and not from sums of them. Only a block of rows exists in this form at a time.
Where every mean is small beside the spread, and in CSR matrices, the entries stay as
they are, and the mean is accounted for in the sums.
"""

from functools import cached_property

import numpy as np

from sklearn_losses._machine._arrays import all_between
from sklearn_losses.design._far import spike_of, without_far
from sklearn_losses.design._matrices import (
    centre_rows,
    set_mean_and_scale,
    weigh_rows,
)
from sklearn_losses.design._rows import look_at_columns
from sklearn_losses.design._sums import Sums

BLOCK = 1 << 17  # entries of a block of rows: 1 MB
SPARSE_BLOCK = 1 << 19  # stored entries, at most; its matrix of moments is dense
CONSTANT = 1e-13  # a column whose spread is below this share of its mean is constant
MANY_OUTPUTS = 4  # for which BLAS multiplies faster than kernels of one row
NEAR = 100.0  # times the spread may be a mean that is accounted for in the sums
SMALL, LARGE = 1e-250, 1e250  # variances beyond them are computed in units of ...
UNIT = 1e160  # ... 1 / UNIT and UNIT
FEW, FAR = 200, 10.0  # rows for a first mean, and spreads that it may be off


class Centred:
    """z_ij = (x_ij - mean_j) scale_j, of rows that it never copies as a whole.

    Parameters
    ----------
    rows : Rows
    weight : ndarray of shape (n_rows,) or None
        The weights of mean and spread, >= 0; None: all rows count alike.
    centre : bool
        False: the mean is taken to be 0, and the spread is the root mean square.
    slopes : ndarray of shape (n_rows,), default=None
        Of CSR rows: `by_slopes` is formed in the pass over them that the spread takes.
    keeps_far : bool, default=True
        Whether entries far from all others count in mean and spread.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
    scale : ndarray of shape (n_features,)
        1 / spread, and 0 of a constant column, which is then 0 everywhere.
    has_far : bool
        Whether some column has entries far from all others.
    blocks : list of slice
        All rows, in blocks that stay in cache.
    is_near : bool
        Whether no mean is so large that raw predictions of x lose digits.
    by_slopes : ndarray of shape (n_features,), or None
        sum slopes_i x_i.
    """

    by_slopes = None

    def __init__(self, rows, weight, centre=True, slopes=None, keeps_far=True):
        n_rows = rows.n_rows
        share = (
            np.full(n_rows, 1.0 / n_rows) if weight is None else weight / weight.sum()
        )
        with np.errstate(over="ignore", invalid="ignore"):
            found, self.by_slopes = _statistics(rows, share, centre, slopes, keeps_far)
        self._set(rows, *found)

    def _set(self, rows, mean, scale, has_far):
        self.rows, self.mean, self.scale = rows, mean, scale
        self.has_far = has_far
        self.n_rows, self.n_features = rows.n_rows, rows.n_features
        self.shift = mean * scale
        if rows.is_sparse:
            entries = min(max(BLOCK, self.n_features**2), SPARSE_BLOCK)
            size = max(1, self.n_rows * entries // max(1, len(rows.data)))
        else:
            size = max(1, BLOCK // max(1, self.n_features))
            self.X = rows.data.reshape(rows.n_rows, rows.n_features)
        self.blocks = [
            slice(i, min(i + size, self.n_rows)) for i in range(0, self.n_rows, size)
        ]
        self._scratch, self._only_block = [None, None], None
        self.is_plain = self.is_sparse = rows.is_sparse
        self.is_near = all_between(self.shift, -NEAR, NEAR, False)
        if not rows.is_sparse and len(self.blocks) > 1:
            self.is_plain = self.is_near
        elif not rows.is_sparse:
            self._only_block = self.centred(self.blocks[0]) if self.blocks else None

    @classmethod
    def about(cls, rows, mean, scale, has_far=False):
        """Rows around a mean, in units of a spread, that others have found."""
        other = object.__new__(cls)
        other._set(rows, mean, scale, has_far)
        return other

    @cached_property
    def ones(self):
        """As many as a block has rows: sums by BLAS are faster."""
        return np.ones(self.blocks[0].stop if self.blocks else 0)

    def with_rows(self, rows):
        """The same mean and spread for other rows."""
        return self.about(rows, self.mean, self.scale, self.has_far)

    def in_units(self, scale):
        """The same with other units of the columns, 0 for the constant ones."""
        if scale is self.scale or np.array_equal(scale, self.scale):
            return self
        other = self.about(self.rows, self.mean, scale, self.has_far)
        other.by_slopes = self.by_slopes
        return other

    def centred(self, block):
        """Rows of z and a column of ones, in memory which the next block overwrites."""
        if self._only_block is not None:
            return self._only_block
        z = self._memory(0, block, self.n_features + 1)
        centre_rows(self.X[block], self.mean, self.scale, z)
        return z

    def chosen(self, subset):
        """A copy of some rows of z and a column of ones.

        Parameters
        ----------
        subset : ndarray of int of shape (n_selected,)
        """
        if self._only_block is not None:
            return self._only_block[subset]
        z = np.empty((len(subset), self.n_features + 1))
        centre_rows(self.rows.chosen(subset).to_dense(), self.mean, self.scale, z)
        return z

    def add_coupled(self, subset, matrices, out):
        """Add sum_i M_ikl (z_i, 1) (z_i, 1)', of some rows, for l <= k.

        Parameters
        ----------
        subset : ndarray of int of shape (n_selected,)
        matrices : ndarray of shape (n_selected, n_outputs, n_outputs)
            Symmetric.
        out : ndarray of shape (n_outputs, size, n_outputs, size)
            With size = n_features + 1; its entry k, ., l, . is added to.
        """
        if len(subset) == 0:
            return
        z = self.chosen(subset)
        size = z.shape[1]
        for k in range(matrices.shape[1]):
            others = matrices[:, k, : k + 1, None] * z[:, None]
            product = z.T @ others.reshape(len(z), -1)
            out[k, :, : k + 1] += product.reshape(size, k + 1, size)

    def weighted(self, block, x, c):
        """Rows times the roots of c, in memory which the next block overwrites."""
        weighted = self._memory(1, block, x.shape[1])
        weigh_rows(x, c, weighted)
        return weighted

    def _memory(self, which, block, n_columns):
        n = block.stop - block.start
        if self._scratch[which] is None:
            self._scratch[which] = np.empty((n, n_columns))
        return self._scratch[which][:n]

    def dot(self, u, block=None):
        """z u.

        Parameters
        ----------
        u : ndarray of shape (n_features,) or (n_features, n_outputs)
        block : slice, default=None
            One of `blocks`; None means all rows.
        """
        if self.is_plain:
            if self.uses_blas(u.shape) and block is not None:
                found = self.X[block] @ (u * self.scale[:, None])
                found -= self.shift @ u
                return found
            coef = np.atleast_2d(np.ascontiguousarray(u.T * self.scale))
            at_0 = -np.atleast_1d(self.shift @ u)
            found = self.rows.dot(coef, at_0, block=block)
            return found.reshape(len(found), *u.shape[1:])
        return self._product(u, block)

    def n_different(self, weight):
        """How many of the rows that have a weight differ, as a projection shows."""
        along = self.dot(np.cos(np.arange(1.0, self.n_features + 1.0)))
        along = (along if weight.all() else along[weight > 0]).round(6)
        along.sort()
        return int(len(along) > 0) + int(np.count_nonzero(along[1:] != along[:-1]))

    def raw(self, theta, block=None):
        """z u + c, where the last entry of theta is c, and the others are u.

        Parameters
        ----------
        theta : ndarray of shape (n_features + 1,) or (n_outputs, n_features + 1)
        block : slice, default=None
            One of `blocks`; None means all rows.
        """
        if self.is_plain:
            found = self.dot(theta[..., :-1].T, block)
            found += theta[..., -1]
            return found
        return self._product(theta.T, block)

    def stored(self):
        """The rows as kernels take them: z and ones, or x where it stays as it is.

        Yields
        ------
        block : slice
        data, columns, starts : ndarray
            As of `Rows`.
        """
        rows = self.rows
        if self.is_plain:
            yield slice(0, self.n_rows), rows.data, rows.columns, rows.starts
            return
        for block in self.blocks:
            yield block, self.centred(block).reshape(-1), rows.columns, rows.starts

    def for_stored(self, theta):
        """Coefficients and intercept by which rows of `stored` make `raw`."""
        if not self.is_plain:
            return np.append(theta, 0.0)
        return np.append(theta[:-1] * self.scale, theta[-1] - self.shift @ theta[:-1])

    def _product(self, u, block):
        """(z, 1) times u, or z times u."""
        if block is not None or self._only_block is not None:
            return self.centred(block)[:, : len(u)] @ u
        out = np.empty((self.n_rows, *u.shape[1:]))
        for block in self.blocks:
            out[block] = self.centred(block)[:, : len(u)] @ u
        return out

    def uses_blas(self, shape):
        """Whether products of a block with so many columns are faster in BLAS."""
        is_matrix = len(shape) == 2 and shape[1] >= MANY_OUTPUTS
        return is_matrix and self.rows.data.dtype == np.float64 and not self.is_sparse

    def transposed_dot(self, g):
        """sum_i g_i z_i.

        Parameters
        ----------
        g : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        """
        sums = Sums(self, *g.shape[1:])
        for block in self.blocks:
            sums.add(block, g[block])
        return sums.by_g.T.reshape(self.n_features, *g.shape[1:])

    def squares(self, c):
        """sum_i c_ik z_ij^2.

        Parameters
        ----------
        c : ndarray of shape (n_rows, n_outputs)
            >= 0.

        Returns
        -------
        ndarray of shape (n_features, n_outputs)
        """
        sums = Sums(self, c.shape[1], second="diagonal")
        for block in self.blocks:
            sums.add(block, c[block], c[block])
        return sums.second[:, :-1].T

    def moments(self, g, c):
        """sum g_i z_i, sum c_i z_i z_i' and sum c_i z_i, in one pass.

        Parameters
        ----------
        g, c : ndarray of shape (n_rows,)
            c >= 0.

        Returns
        -------
        ndarrays of shape (n_features,), (n_features, n_features) and (n_features,)
        """
        sums = Sums(self, second="full")
        for block in self.blocks:
            sums.add(block, g[block], c[block])
        second = sums.second[0]
        return sums.by_g[0], second[:-1, :-1], second[-1, :-1]

    def unscaled(self, u, at_mean):
        """coef and intercept of the raw prediction z u + at_mean.

        Parameters
        ----------
        u : ndarray of shape (n_features,) or (n_outputs, n_features)
        at_mean : float or ndarray of shape (n_outputs,)
        """
        coef = u * self.scale
        return coef, at_mean - coef @ self.mean


def _statistics(rows, share, centre, slopes=None, keeps_far=True):
    """The weighted mean of the columns, 1 / spread or 0, and whether entries are far.

    And sum slopes x. One pass, about the mean of a few rows, will do unless that is far
    from the mean, as it is where the rows are sorted or most columns constant.
    """
    mean, sums, may_be_far = np.zeros(rows.n_features), None, True
    if not rows.is_sparse:
        look, step = np.empty((5, rows.n_features)), max(1, rows.n_rows // FEW)
        settings = step, centre, spike_of(rows)
        may_be_far = look_at_columns(rows.data, share, *settings, look)
        sums, mean = look[:3], look[3]
    first = _pass_about(mean, rows, share, centre, slopes, sums)
    found, moved, sizes, by_slopes = first
    if moved > FAR:
        mean, may_be_far = found[0], True
        found, _, sizes, _ = _pass_about(mean, rows, share, centre)
    *_, unit = sizes
    if not (may_be_far or all_between(unit, 1.0, 1.0, False)):
        may_be_far = True  # what had no size in the first look
    far = without_far(rows, share, *sizes, mean, centre) if may_be_far else []
    for j, near_mean, spread in [] if keeps_far else far:
        found[:, j] = near_mean, 1.0 / spread
    return (*found, bool(far)), by_slopes


def _pass_about(centre, rows, share, moves, slopes=None, sums=None):
    """Mean and scale, how far off the mean was in spreads, sizes, sum slopes x.

    The sizes are the mean square of x - centre, the largest, and the unit of their
    roots. The sums may be known from a first look.
    """
    share, unit, by_slopes = share[:, None], np.ones(rows.n_features), None
    if sums is not None:
        pass
    elif slopes is None:
        sums = rows.deviations(share, centre, unit, with_largest=True)[:, 0]
    else:
        *sums, by_slopes = rows.moments(share[:, 0], slopes)
        sums = np.array(sums)
    rows.verify(sums)
    squares = np.ascontiguousarray(sums[1])
    if not all_between(squares, SMALL, LARGE, False):
        # They are constant, or have squares that are beyond the range of floats.
        beyond = ~((squares >= SMALL) & (squares <= LARGE))
        unit[beyond] = np.where(squares[beyond] < SMALL, UNIT, 1.0 / UNIT)
        sums = rows.deviations(share, centre, unit, with_largest=True)[:, 0]
    found = np.empty((2, rows.n_features))
    moved = set_mean_and_scale(sums, unit, centre, moves, CONSTANT, found)
    return found, moved, (sums[1], sums[2], unit), by_slopes
