# cython: language_level=3
"""Coordinate descent on a quadratic model with an l1 norm, and with norms of groups.

Each coordinate is solved exactly by soft thresholding, which gives exact zeros. A zero is
left alone after the first sweep: where it should move, the next model moves it.
"""

import numpy as np

from libc.math cimport copysign, fabs, fmax, fmin, sqrt

cdef enum:
    MOST_STEPS = 20  # of a group, until others have moved

cdef double SHORT = 1e-6  # of the first step squared


cdef class BlockMatrix:
    """A symmetric matrix B: blocks on its diagonal, less left right'.

    Parameters
    ----------
    blocks : ndarray of shape (n_blocks, size, size)
        Symmetric; B has d = n_blocks * size rows.
    left, right : ndarray of shape (d, rank), default=None
        left right' is symmetric. None: there is no such part.
    """

    cdef readonly object blocks
    cdef readonly object left
    cdef readonly object right

    def __init__(self, blocks, left=None, right=None):
        self.blocks = blocks
        if left is None:
            left = right = np.empty((blocks.shape[0] * blocks.shape[1], 0))
        self.left, self.right = left, right

    def product(self, v):
        """B v."""
        found = (self.blocks @ v.reshape(len(self.blocks), -1, 1)).ravel()
        return found - self.left @ (self.right.T @ v)

    def chosen(self, places):
        """The rows and columns of some coordinates, as an array."""
        size = self.blocks.shape[1]
        which, place = places // size, places % size
        found = self.blocks[which[:, None], place[:, None], place]
        found = np.where(which[:, None] == which, found, 0.0)
        return found - self.left[places] @ self.right[places].T


def minimize_quadratic(BlockMatrix matrix, const double[::1] gradient,
                       const double[::1] u, const double[::1] l1, const double[::1] low,
                       const double[::1] high, int max_sweeps, double tol):
    """argmin over delta of gradient.delta + delta' B delta / 2 + sum l1 |u + delta|.

    Parameters
    ----------
    matrix : BlockMatrix
        B. Coordinates without curvature in it do not move.
    gradient, u, l1 : ndarray of shape (d,)
    low, high : ndarray of shape (d,)
        What u + delta is at least and at most, as u is.
    max_sweeps : int
    tol : float
        It ends when the largest step^2 * curvature of a sweep is below this share of
        that of the first sweep.

    Returns
    -------
    ndarray of shape (d,)
        u + delta.
    """
    cdef const double[:, :, ::1] blocks = matrix.blocks
    cdef const double[:, ::1] left = matrix.left, right = matrix.right
    cdef Py_ssize_t b, i, j, k, sweep, size = blocks.shape[1], rank = left.shape[1]
    cdef double step, here, curvature, target, largest, first = 0.0
    found, slope_array = np.array(u), np.array(gradient)
    cdef double[::1] x = found, slope = slope_array
    cdef double[::1] along = np.zeros(rank)  # right' delta
    with nogil:
        for sweep in range(max_sweeps):
            largest = 0.0
            for j in range(x.shape[0]):
                if sweep > 0 and x[j] == 0.0 and l1[j] > 0.0:
                    continue
                b, i = j // size, j % size
                curvature, here = blocks[b, i, i], slope[j]
                for k in range(rank):
                    curvature -= left[j, k] * right[j, k]
                    here -= left[j, k] * along[k]
                if not curvature > 0.0:
                    continue
                target = x[j] - here / curvature
                target = copysign(fmax(fabs(target) - l1[j] / curvature, 0.0), target)
                target = fmin(fmax(target, low[j]), high[j])
                step = target - x[j]
                if step == 0.0:
                    continue
                x[j] = target
                for k in range(size):
                    slope[b * size + k] += blocks[b, i, k] * step
                for k in range(rank):
                    along[k] += right[j, k] * step
                largest = fmax(largest, step * step * curvature)
            if sweep == 0:
                first = largest
            if largest <= tol * first:
                break
    return found


def wants_to_move(const double[::1] x, const double[::1] slope, const double[::1] l1,
                  const double[::1] low, const double[::1] high, double tol):
    """Whether a coordinate would leave a kink or a bound, for more than tol times l1."""
    cdef Py_ssize_t j
    cdef double up, down
    cdef bint moves = False
    with nogil:
        for j in range(x.shape[0]):
            if not (x[j] == 0.0 and l1[j] > 0.0 or x[j] == low[j] or x[j] == high[j]):
                continue
            up = slope[j] + (l1[j] if x[j] >= 0.0 else -l1[j])
            down = slope[j] - (l1[j] if x[j] <= 0.0 else -l1[j])
            moves |= up < -tol * l1[j] and x[j] < high[j]
            moves |= down > tol * l1[j] and x[j] > low[j]
    return bool(moves)


def minimize_groups(BlockMatrix matrix, const double[::1] gradient,
                    const double[::1] u, const double[::1] l1,
                    const Py_ssize_t[::1] members, const Py_ssize_t[::1] starts,
                    const double[::1] weight, int max_sweeps, double tol):
    """As `minimize_quadratic`, with sum_g weight_g |(u + delta)_g|_2 besides.

    A group is solved by proximal steps on its own part of the matrix, which cost next
    to nothing beside what its step does to all slopes. A group of zeros is left alone
    after the first sweep.

    Parameters
    ----------
    members : ndarray of intp of shape (d,)
        The coordinates, group by group.
    starts : ndarray of intp of shape (n_groups + 1,)
    weight : ndarray of shape (n_groups,)

    Returns
    -------
    ndarray of shape (d,)
        u + delta.
    """
    cdef const double[:, :, ::1] blocks = matrix.blocks
    cdef const double[:, ::1] left = matrix.left, right = matrix.right
    cdef Py_ssize_t g, a, c, i, j, k, m, b, sweep, size = blocks.shape[1]
    cdef Py_ssize_t rank = left.shape[1], n_groups = weight.shape[0]
    cdef Py_ssize_t largest_group = np.diff(starts).max(initial=1)
    cdef double moved, largest, first = 0.0
    found, slope_array = np.array(u), np.array(gradient)
    cdef double[::1] x = found, slope = slope_array
    cdef double[::1] along = np.zeros(rank)  # right' delta
    cdef double[:, ::1] inner = np.empty((largest_group, largest_group))
    cdef double[:, ::1] local = np.empty((4, largest_group))  # x, before, slope, step
    with nogil:
        for sweep in range(max_sweeps):
            largest = 0.0
            for g in range(n_groups):
                m = starts[g + 1] - starts[g]
                if sweep > 0 and weight[g] > 0.0 and are_zero(x, &members[starts[g]], m):
                    continue
                for a in range(m):
                    j = members[starts[g] + a]
                    local[0, a] = local[1, a] = x[j]
                    local[2, a] = slope[j]
                    for k in range(rank):
                        local[2, a] -= left[j, k] * along[k]
                    for c in range(m):
                        i = members[starts[g] + c]
                        inner[a, c] = 0.0
                        if i // size == j // size:
                            inner[a, c] = blocks[j // size, j % size, i % size]
                        for k in range(rank):
                            inner[a, c] -= left[j, k] * right[i, k]
                moved = solve_group(inner, local, l1, &members[starts[g]], m, weight[g])
                largest = fmax(largest, moved)
                if moved == 0.0:
                    continue
                for a in range(m):
                    j = members[starts[g] + a]
                    if local[0, a] == local[1, a]:
                        continue
                    moved = local[0, a] - local[1, a]
                    x[j] = local[0, a]
                    b = j // size
                    for k in range(size):
                        slope[b * size + k] += blocks[b, j % size, k] * moved
                    for k in range(rank):
                        along[k] += right[j, k] * moved
            if sweep == 0:
                first = largest
            if largest <= tol * first:
                break
    return found


cdef inline bint are_zero(double[::1] x, const Py_ssize_t *members,
                          Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t a
    for a in range(m):
        if x[members[a]] != 0.0:
            return False
    return True


cdef double solve_group(double[:, ::1] inner, double[:, ::1] local, const double[::1] l1,
                        const Py_ssize_t *members, Py_ssize_t m,
                        double weight) noexcept nogil:
    """Proximal steps until they are short; returns a bound of step' inner step."""
    cdef Py_ssize_t a, c
    cdef double trace = 0.0, steepest = 0.0, total, bend, norm, step, shrink
    cdef double moved, first = 0.0
    cdef int n_steps
    for a in range(m):
        trace += inner[a, a]
        total = 0.0
        for c in range(m):
            total += fabs(inner[a, c])
        steepest = fmax(steepest, total)
    bend = fmin(trace, steepest)  # no eigenvalue is above it
    if not bend > 0.0:
        return 0.0
    for n_steps in range(MOST_STEPS if m > 1 else 1):
        norm = 0.0
        for a in range(m):
            step = local[0, a] - local[2, a] / bend
            local[3, a] = copysign(fmax(fabs(step) - l1[members[a]] / bend, 0.0), step)
            norm += local[3, a] * local[3, a]
        norm = sqrt(norm)
        shrink = 1.0
        if weight > 0.0:
            shrink = fmax(1.0 - weight / (bend * norm), 0.0) if norm > 0.0 else 0.0
        moved = 0.0
        for a in range(m):
            step = shrink * local[3, a] - local[0, a]
            local[3, a] = step
            local[0, a] += step
            moved += step * step
            if shrink == 0.0:
                local[0, a] = 0.0
        for a in range(m):
            for c in range(m):
                local[2, a] += inner[a, c] * local[3, c]
        if n_steps == 0:
            first = moved
        if moved <= SHORT * first:
            break
    moved = 0.0
    for a in range(m):
        moved += (local[0, a] - local[1, a]) * (local[0, a] - local[1, a])
    return bend * moved
