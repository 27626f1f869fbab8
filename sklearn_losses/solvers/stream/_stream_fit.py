"""Newton's method on the rows of a stream that are here, with a memory of the others.

What is minimised is a sum: the losses of the rows, smoothed at kinks, the quadratic
function that stands for rows that are gone (_stream_memory.py), and the penalty.
"""

from functools import cached_property

import numpy as np

from sklearn_losses.solvers.descent._coordinate_descent import minimize_quadratic
from sklearn_losses.solvers.descent._curvature import scaled_solve
from sklearn_losses.solvers.descent._line_search import is_finite, step_length
from sklearn_losses.solvers.stream._stream_memory import Sketch
from sklearn_losses.terms._points import PointTerm
from sklearn_losses.terms._rows import RowTerm, SoftenedRowTerm
from sklearn_losses.terms._term import ALL, DIFFERENCE

MOST_STEPS = 30
ENOUGH = 1e-2  # of the mean loss of a row may still be gained on all rows together
SHARE = 2e-6  # of the loss of all rows, too
JITTER = 1e-6  # of the curvature is added to every diagonal
NO_CURVATURE, MORE_JITTER = 0.01, 0.1  # of the slope over the typical residual


class Residuals:
    """How far off the raw predictions of a term are."""

    @cached_property
    def lowest(self):
        """The infimum of the term, which may have to be searched for."""
        return self.minimum()

    @cached_property
    def relative(self):
        """The term of the convex relative of its loss, None if there is none."""
        relative = self.loss.convex_relative()
        return None if relative is None else self.with_loss(relative)

    def typical_residual(self, p):
        """The loss over its slope at raw predictions p: how far off they are, about.

        A loss that is not convex may have no slope at all where it is far off. Its
        convex relative has one.
        """
        value = self.value(p) - self.lowest
        slopes = np.abs((self.relative or self).slopes(p, 0.0)).sum()
        return min(max(value / max(slopes, 1e-300), 1e-150), 1e150)


class CoupledRowTerm(Residuals, RowTerm):
    """A loss of rows, with the whole Hessian of each row.

    Kinks are smoothed by a mean over steps of h along each output. There curvatures are
    differences of slopes, as of a loss without Hessian, made diagonally dominant: the
    Hessian of a loss that depends on differences of raw predictions is so by itself.
    """

    def value(self, p):
        return super().value(np.ascontiguousarray(p))

    def newest(self, p, n):
        """The weighted sum of the losses of the last n rows."""
        last = RowTerm(self.loss, self.y[-n:], self.weight[-n:], p.shape[1])
        return last.value(np.ascontiguousarray(p[-n:]))

    def with_loss(self, loss):
        """The same rows with another loss."""
        return coupled_term(loss, self.y, self.weight, self._shape[1], self.offset)

    def _slopes(self, p, h, block):
        p = np.ascontiguousarray(p)
        if h == 0:
            return super()._slopes(p, 0.0, block)
        shifts = h * np.eye(p.shape[1])
        both = [s for shift in shifts for s in (shift, -shift)]
        steps = [self._slopes(p + s, 0.0, block) for s in both]
        return sum(steps) / len(steps)

    def model(self, p, h):
        """Slopes, and curvatures of shape (n_rows, n_outputs, n_outputs)."""
        p = np.ascontiguousarray(p)
        if h == 0 and self._has_hessians(h):
            return self.slopes(p, h), self.hessians(p, h, ALL)
        e = h if h > 0 else DIFFERENCE * self.unit
        n, k = p.shape
        second, slopes = np.empty((n, k, k)), np.zeros((n, k))
        for j, shift in enumerate(e * np.eye(k)):
            upper, lower = self.slopes(p + shift, 0.0), self.slopes(p - shift, 0.0)
            second[:, j] = (upper - lower) * (0.5 / e)
            slopes += (upper + lower) / (2 * k)
        second = 0.5 * (second + second.transpose(0, 2, 1))
        diagonal = np.einsum("nkk->nk", second)
        off = np.minimum(second, 0.0)
        np.einsum("nkk->nk", off)[:] = 0.0
        largest = np.maximum(diagonal, -off.sum(axis=2))
        np.einsum("nkk->nk", off)[:] = largest
        return slopes if h > 0 else self.slopes(p, 0.0), np.nan_to_num(off, posinf=0.0)


class SoftenedCoupledTerm(CoupledRowTerm):
    """The same for kinks that are those of a maximum (`RowLoss.softened`).

    The Hessian of the smoothed loss is known: one evaluation takes the place of two for
    each output.
    """

    def __init__(self, loss, y, weight, n_outputs, offset=None):
        super().__init__(loss, y, weight, n_outputs, offset)
        self._softened = SoftenedRowTerm(loss, y, weight, n_outputs)

    def _slopes(self, p, h, block):
        if h == 0:
            return super()._slopes(p, h, block)
        return self._softened._slopes(np.ascontiguousarray(p), h, block)

    def model(self, p, h):
        if h == 0:
            return super().model(p, h)
        at = np.ascontiguousarray(p)
        return self.slopes(p, h), self._softened.hessians(at, h, ALL)


def coupled_term(loss, y, weight, n_outputs, offset=None):
    soft = getattr(loss, "softened", None) is not None
    kind = SoftenedCoupledTerm if soft else CoupledRowTerm
    return kind(loss, y, weight, n_outputs, offset)


class Column(Residuals):
    """A `PointTerm` for raw predictions of shape (n_rows, 1)."""

    def __init__(self, loss, y, weight, offset=None):
        self.loss, self.weight, self.offset = loss, weight, offset
        offset = None if offset is None else offset.ravel()
        self.term = PointTerm(loss, y, weight, offset=offset)

    def with_loss(self, loss):
        """The same rows with another loss."""
        return Column(loss, self.term.y, self.weight, self.offset)

    def value(self, p):
        return self.term.value(p.ravel())

    def newest(self, p, n):
        """The weighted sum of the losses of the last n rows."""
        term = self.term
        weight = term.weight[-n:].copy()
        last = PointTerm(term.loss, term.y[-n:].copy(), weight)
        return last.value(p.ravel()[-n:].copy())

    def minimum(self):
        return self.term.minimum()

    def best_constant(self):
        return self.term.best_constant()

    def slope_along(self, p, q, t, h):
        return self.term.slope_along(p.ravel(), q.ravel(), t, h)

    def slopes(self, p, h):
        return self.term.slopes(p.ravel(), h)[:, None]

    def model(self, p, h):
        self.term.unit = self.unit
        model = self.term.model(p.ravel(), h)
        slopes, curvatures = model.slopes, model.curvatures
        return slopes[:, None].copy(), curvatures[:, None, None].copy()

    unit = 1.0


class StreamFit:
    """One objective: its rows that are here, its memory, and the penalty.

    Parameters
    ----------
    term : Column or CoupledRowTerm
    rows : DenseRows
    memory : Matrix or Sketch
    l1, l2 : ndarray of shape (n_features + 1,)
        The strengths by coordinate, times the number of rows seen.
    constant : float or ndarray of shape (n_outputs,)
        An intercept that is not fitted.
    n : float
        The rows seen.
    stake : float
        The mean loss of a row with a constant prediction.
    """

    def __init__(self, term, rows, memory, l1, l2, *, constant, n, stake):
        self.term, self.rows, self.memory = term, rows, memory
        self.l1, self.l2, self.constant = l1, l2, constant
        self.n, self.stake = n, stake

    def raw(self, theta):
        p = self.rows.dot(theta) + self.constant
        return p if self.term.offset is None else p + self.term.offset

    def value(self, theta):
        """The whole sum, up to a constant of the memory."""
        penalty = 0.5 * np.vdot(self.l2 * theta, theta) + (self.l1 * abs(theta)).sum()
        return self.unpriced(theta) + float(penalty)

    def unpriced(self, theta):
        """The same without the penalty."""
        return self.term.value(self.raw(theta)) + self.memory.value(theta)

    def minimise(self, theta, h, most=MOST_STEPS):
        """Newton's method from theta, with kinks smoothed over h.

        Returns
        -------
        theta : ndarray
        converged : bool
        """
        damping = 1e-9
        for _ in range(most):
            p = self.raw(theta)
            slopes, curvatures = self.term.model(p, h)
            gradient = self.rows.transposed_dot(slopes) + self.l2 * theta
            gradient += self.memory.gradient(theta)
            jitter = self.jitter(slopes, curvatures)
            delta, product = self.direction(
                theta, gradient, curvatures, jitter, damping
            )
            slope_at_0 = float(np.vdot(gradient, delta))
            slope_at_0 += float((self.l1 * (abs(theta + delta) - abs(theta))).sum())
            predicted = -slope_at_0 - 0.5 * float(np.vdot(delta, product))
            size = np.abs(slopes).sum() / len(slopes) * self.term.unit
            enough = max((ENOUGH + SHARE * self.n) * size, ENOUGH * self.stake)
            t = self.length(p, theta, delta, slope_at_0, h)
            if t == 0.0:
                if damping > 1.0 or predicted <= enough:
                    return theta, predicted <= enough
                damping = max(100 * damping, 1e-6)
                continue
            theta = theta + t * delta
            if predicted <= enough and t >= 0.1:
                return theta, True
        return theta, False

    def jitter(self, slopes, curvatures):
        """What the diagonal needs: more where a loss is steep and has no curvature."""
        curvature = np.einsum("nkk->", curvatures) / slopes.size
        typical = np.abs(slopes).mean() / self.term.unit
        if curvature < NO_CURVATURE * typical:
            return MORE_JITTER * typical * len(slopes)
        return JITTER * curvature * len(slopes)

    def direction(self, theta, gradient, curvatures, jitter, damping):
        """The minimum of the quadratic model, from theta, and the model's product."""
        own = np.einsum("nkk->nk", curvatures)
        if not isinstance(self.memory, Sketch):
            hessian = self.memory.hessian + self.rows.hessian(curvatures)
            more = np.broadcast_to(self.l2 + jitter, theta.shape).ravel()
            hessian.flat[:: len(hessian) + 1] += more
            delta = self.exact(theta, gradient, hessian, damping)
            return delta, (hessian @ delta.ravel()).reshape(theta.shape)

        def product(v):
            along = np.einsum("nab,nb->na", curvatures, self.rows.dot(v))
            found = self.rows.transposed_dot(along) + self.memory.product(v)
            return found + (self.l2 + jitter) * v

        diagonal = self.rows.squares(own) + self.memory.diagonal()
        diagonal += self.l2 + jitter
        diagonal = np.where(diagonal > 0, diagonal, 1.0)
        if self.l1.any():
            delta = _proximal(product, diagonal, gradient, theta, self.l1)
        else:
            delta = _conjugate_gradients(product, diagonal, -gradient)
        return delta, product(delta)

    def exact(self, theta, gradient, hessian, damping):
        if self.l1.any():
            hessian.flat[:: len(hessian) + 1] *= 1.0 + damping
            l1 = np.broadcast_to(self.l1, theta.shape).ravel()
            here, slope = theta.ravel(), gradient.ravel()
            blocks, nothing = hessian[None], np.empty((len(slope), 0))
            low, high = np.full((2, len(slope)), [[-np.inf], [np.inf]])
            new = minimize_quadratic(
                blocks, nothing, nothing, slope, here, l1, low, high, 200, 1e-8
            )
            return new.reshape(theta.shape) - theta
        found, _ = scaled_solve(hessian, gradient.ravel(), damping)
        return -found.reshape(theta.shape)

    def length(self, p, theta, delta, slope_at_0, h):
        """How far to go, by slopes of the smoothed objective."""
        q = self.rows.dot(delta)
        if not (slope_at_0 < 0 and is_finite(q)):
            return 0.0
        linear = self.l2 * theta + self.memory.gradient(theta)
        level = float(np.vdot(linear, delta))
        rise = float(np.vdot(self.l2 * delta + self.memory.product(delta), delta))
        has_l1 = self.l1.any()

        def slope(t):
            at = level + t * rise
            at += self.term.slope_along(p, q, t, h)
            if has_l1:
                x = theta + t * delta
                at_0 = np.abs(x) <= 1e-14 * np.abs(theta)
                side = np.where(at_0, -np.abs(delta), np.sign(x) * delta)
                at += float((self.l1 * side).sum())
            return at

        def value(t):
            l1 = (self.l1 * abs(theta + t * delta)).sum()
            return self.term.value(p + t * q) + t * level + 0.5 * t * t * rise + l1

        before, steep = value(0.0), np.abs(self.term.slopes(p, h)).sum()

        def is_lower(t):  # the value is not smoothed
            allowed = h * (steep + np.abs(self.term.slopes(p + t * q, h)).sum())
            return value(t) <= before + allowed + 1e-12 * abs(before)

        return step_length(slope, slope_at_0, is_lower, self.term.loss.convex)


def _conjugate_gradients(product, diagonal, target, most=200, tol=1e-3):
    """product(x) = target, with the diagonal as preconditioner."""
    x, residual = np.zeros_like(target), target.copy()
    z = residual / diagonal
    along, size = z, float(np.vdot(residual, z))
    enough = tol * tol * size
    for _ in range(most):
        if size <= enough:
            break
        image = product(along)
        curvature = float(np.vdot(along, image))
        if not curvature > 0:
            break
        step = size / curvature
        x += step * along
        residual -= step * image
        z = residual / diagonal
        size, previous = float(np.vdot(residual, z)), size
        along = z + size / previous * along
    return x


def _proximal(product, diagonal, gradient, theta, l1, most=100, tol=1e-4):
    """argmin of gradient.delta + delta product(delta) / 2 + l1 |theta + delta|.

    Accelerated proximal steps in units of the diagonal, with restarts (Beck and
    Teboulle 2009; O'Donoghue and Candes 2015).
    """
    v = np.full_like(theta, 1.0 / np.sqrt(theta.size))
    bound = 1.0
    for _ in range(8):
        v = product(v) / diagonal
        bound = float(np.linalg.norm(v))
        v /= max(bound, 1e-300)
    steep = 1.2 * max(bound, 1e-300) * diagonal
    x, ahead, momentum, first = theta, theta, 1.0, 0.0
    for _ in range(most):
        target = ahead - (gradient + product(ahead - theta)) / steep
        new = np.copysign(np.maximum(np.abs(target) - l1 / steep, 0.0), target)
        move = new - x
        if np.vdot((ahead - new) * steep, move) > 0:
            momentum, ahead = 1.0, new
        else:
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            ahead = new + (momentum - 1.0) / following * move
            momentum = following
        x = new
        size = float((steep * move**2).max())
        first = max(first, size)
        if size <= tol * tol * first:
            break
    return x - theta
