"""A stream of rows: Newton's method on what is here, with a memory of what is gone.

The last rows (`MOST_ROWS`) are kept as they are, older ones become a quadratic function
(_stream_memory.py; Luo and Song 2020, "Renewable estimation"). When a twentieth of the
kept rows has come in, the sum of both and of the penalty is minimised anew, from where
it was: a few steps of Newton's method. So the first rows are learned from exactly, a
squared error always is, and the memory does not grow.

Kinks are smoothed over a width that shrinks as rows come in, as in a kernel estimate of
their density.
"""

from dataclasses import replace
from itertools import compress

import numpy as np
from scipy import linalg, sparse

from sklearn_losses.linear._weights import coefficients
from sklearn_losses.solvers._base import Solver, SolverResult
from sklearn_losses.solvers._coordinate_descent import minimize_quadratic
from sklearn_losses.solvers._line_search import step_length
from sklearn_losses.solvers._loss_term import PointTerm
from sklearn_losses.solvers._sgd import SGD
from sklearn_losses.solvers._stream_memory import (
    Coordinates,
    DenseRows,
    Matrix,
    Sketch,
    SparseRows,
    fits_matrix,
)

MOST_ROWS, MOST_ENTRIES = 1000, 1 << 20  # that are kept: 8 MB
FEWEST_ROWS = 32
WAIT = 20  # one in so many rows may wait for the others
MOST_STEPS = 30
FEW_STEPS, MORE_STEPS = 8, 10
ENOUGH = 1e-2  # of the mean loss of a row may still be gained on all rows together
SHARE = 2e-6  # of their loss, too
FIRST_WIDTH, WIDTH_DIVISOR = 0.3, 4.0  # of the smoothing, in units of the residuals
WIDTH_POWER = 0.5
FOLD_WIDTH, FOLD_SHARE = 0.3, 0.5  # of that of rows that are forgotten
LEAST_UNIT = 0.02
WORSE = 0.1  # of what a constant loses: so much worse is a reason to begin anew
LEFT = 3  # quarters of the kept rows stay when the others are forgotten
DOUBTS = 100  # rows, after which coefficients from elsewhere may be dropped
SMALLEST_WIDTH = 2e-4
DIFFERENCE = 1e-4
JITTER = 1e-6  # of the curvature is added to every diagonal
PREFIX = "stream_"


class RowTerm:
    """sum_i weight_i loss(y_i, p_i) for a loss of rows, like `PointTerm`.

    Kinks are smoothed by a mean over steps of h along each output. Curvatures are
    differences of slopes, made diagonally dominant: the Hessian of a loss that depends
    on differences of raw predictions is so by itself.
    """

    def __init__(self, loss, y, weight):
        self.loss = loss
        self.y = np.ascontiguousarray(y[:, None])
        self.weight = weight
        self.unit = 1.0
        self._evaluate = loss.checked().evaluate_rows

    def value(self, p):
        return self.newest(p, len(p))

    def newest(self, p, n):
        """The weighted sum of the losses of the last n rows."""
        value = np.empty(len(p))
        self._evaluate(self.y, np.ascontiguousarray(p), value, None, None)
        return float(np.where(self.weight > 0, value * self.weight, 0.0)[-n:].sum())

    def minimum(self):
        return 0.0

    def _gradient(self, p):
        gradient = np.empty(p.shape)
        self._evaluate(self.y, p, None, gradient, None)
        gradient *= self.weight[:, None]
        gradient[self.weight == 0] = 0.0
        return gradient

    def slopes(self, p, h):
        p = np.ascontiguousarray(p)
        if h == 0:
            return self._gradient(p)
        shifts = h * np.eye(p.shape[1])
        steps = [self._gradient(p + s) for shift in shifts for s in (shift, -shift)]
        return sum(steps) / len(steps)

    def model(self, p, h):
        """Slopes, and curvatures of shape (n_rows, n_outputs, n_outputs)."""
        p = np.ascontiguousarray(p)
        e = h if h > 0 else DIFFERENCE * self.unit
        n, k = p.shape
        second, slopes = np.empty((n, k, k)), np.zeros((n, k))
        for j, shift in enumerate(e * np.eye(k)):
            upper, lower = self._gradient(p + shift), self._gradient(p - shift)
            second[:, j] = (upper - lower) * (0.5 / e)
            slopes += (upper + lower) / (2 * k)
        second = 0.5 * (second + second.transpose(0, 2, 1))
        diagonal = np.einsum("nkk->nk", second)
        off = np.minimum(second, 0.0)
        np.einsum("nkk->nk", off)[:] = 0.0
        largest = np.maximum(diagonal, -off.sum(axis=2))
        np.einsum("nkk->nk", off)[:] = largest
        return slopes if h > 0 else self._gradient(p), np.nan_to_num(off, posinf=0.0)


class Column:
    """A `PointTerm` for raw predictions of shape (n_rows, 1)."""

    def __init__(self, loss, y, weight):
        self.term, self.weight = PointTerm(loss, y, weight), weight

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
        """Of all rows; the search begins at 0 or the mean target."""
        term, n = self.term, len(self.term.y)
        mean = float(term.weight @ term.y) / max(term.total, 1e-300)
        at_mean, at_0 = (term.value(np.full(n, c)) for c in (mean, 0.0))
        return term.best_constant(mean if at_mean < at_0 else 0.0)

    def slopes(self, p, h):
        return self.term.slopes(p.ravel(), h)[:, None]

    def model(self, p, h):
        self.term.unit = self.unit
        model = self.term.model(p.ravel(), h)
        slopes, curvatures = model.slopes, model.curvatures
        return slopes[:, None].copy(), curvatures[:, None, None].copy()

    unit = 1.0


class _Fit:
    """One objective: its rows that are here, its memory, and the penalty.

    Parameters
    ----------
    term : Column or RowTerm
    rows : DenseRows or SparseRows
    memory : Matrix or Sketch
    l1, l2 : ndarray of shape (n_features + 1,)
        The strengths by coordinate, times the number of rows seen.
    offset : float or ndarray of shape (n_outputs,)
        An intercept that is not fitted.
    n : float
        The rows seen.
    stake : float
        The mean loss of a row with a constant prediction.
    """

    def __init__(self, term, rows, memory, l1, l2, *, offset, n, stake):
        self.term, self.rows, self.memory = term, rows, memory
        self.l1, self.l2, self.offset = l1, l2, offset
        self.n, self.stake = n, stake

    def raw(self, theta):
        return self.rows.dot(theta) + self.offset

    def value(self, theta):
        """The whole sum, up to a constant of the memory."""
        penalty = 0.5 * np.vdot(self.l2 * theta, theta) + (self.l1 * abs(theta)).sum()
        past = self.memory.value(theta)
        return self.term.value(self.raw(theta)) + past + float(penalty)

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
        if curvature < 0.01 * typical:
            return 0.1 * typical * len(slopes)
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
            new = minimize_quadratic(hessian, slope, here, l1, 200, 1e-8)
            return new.reshape(theta.shape) - theta
        diagonal = np.diag(hessian)
        scale = np.zeros(len(diagonal))
        np.divide(1.0, np.sqrt(diagonal), out=scale, where=diagonal > 0)
        scaled = hessian * scale * scale[:, None]
        slope = scale * gradient.ravel()
        while True:
            scaled.flat[:: len(scale) + 1] = 1.0 + damping
            try:
                factor = linalg.cho_factor(scaled, lower=True, check_finite=False)
            except linalg.LinAlgError:
                damping *= 10.0
                continue
            found = linalg.cho_solve(factor, slope, check_finite=False)
            return -(scale * found).reshape(theta.shape)

    def length(self, p, theta, delta, slope_at_0, h):
        """How far to go, by slopes of the smoothed objective."""
        q = self.rows.dot(delta)
        if not (slope_at_0 < 0 and np.isfinite(q).all()):
            return 0.0
        linear = self.l2 * theta + self.memory.gradient(theta)
        level = float(np.vdot(linear, delta))
        rise = float(np.vdot(self.l2 * delta + self.memory.product(delta), delta))
        has_l1 = self.l1.any()

        def slope(t):
            at = level + t * rise
            at += float(np.vdot(self.term.slopes(p + t * q, h), q))
            if has_l1:
                x = theta + t * delta
                at_0 = np.abs(x) <= 1e-14 * np.abs(theta)
                side = np.where(at_0, -np.abs(delta), np.sign(x) * delta)
                at += float((self.l1 * side).sum())
            return at

        def value(t):
            l1 = (self.l1 * abs(theta + t * delta)).sum()
            return self.term.value(p + t * q) + t * level + 0.5 * t * t * rise + l1

        t, before = step_length(slope, slope_at_0), value(0.0)
        steep = np.abs(self.term.slopes(p, h)).sum()
        for _ in range(20):
            # Slopes alone do not tell a kink from a valley.
            allowed = h * (steep + np.abs(self.term.slopes(p + t * q, h)).sum())
            if value(t) <= before + allowed + 1e-12 * abs(before):
                return t
            t *= 0.25
        return 0.0


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
    x, ahead, momentum = theta, theta, 1.0
    for trial in range(most):
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
        first = size if trial == 0 else max(first, size)
        if size <= tol * tol * first:
            break
    return x - theta


class Stream(Solver):
    """Newton's method for rows that come in chunks and are not seen again.

    Any loss, any penalty. `solve` takes one chunk; its state is all there is between
    two of them.
    """

    def solve(self, objective, start, train=None, validation=None):
        """Take in the rows of one chunk; see `SGD.solve`.

        Parameters
        ----------
        validation : None
        """
        X, y, weight = _arrays(objective, train)
        past = _Past.resumed(objective, start)
        size = MOST_ENTRIES // (X.shape[1] + 1 + objective.n_outputs**2)
        if past.is_sparse:
            size = MOST_ENTRIES * len(y) // (X.size + len(y))
        size = max(size, FEWEST_ROWS)
        with np.errstate(all="ignore"):
            for i in range(0, len(y), size):
                piece = slice(i, i + size)
                past.take(X[piece], y[piece], weight[piece])
        coef, intercept = past.coefficients()
        state = SGD.start(coef, intercept) | past.state()
        state["t"] = start["t"] + len(y)
        n_iter = np.ones(past.n_objectives, dtype=int)
        return SolverResult(coef, intercept, n_iter, True, state)


def forget(state):
    """A state without what only a stream can use."""
    return {
        name: array for name, array in state.items() if not name.startswith(PREFIX)
    }


def _arrays(objective, train):
    """The rows of a chunk, their targets and weights, without those of weight 0."""
    rows = objective.rows
    shape = rows.n_rows, rows.n_features
    if rows.is_sparse:
        X = sparse.csr_array((rows.data, rows.columns, rows.starts), shape=shape)
    else:
        X = rows.data.reshape(shape)
    y, weight = objective.targets.y, objective.sample_weight
    if weight is None:
        weight = np.ones(len(y))
    if train is not None:
        X, y, weight = X[train], y[train], weight[train]
    return X, y, weight


class _Past:
    """All that is left of the rows so far.

    Attributes
    ----------
    theta : ndarray of shape (n_outputs, n_features + 1)
        The coefficients, in the current coordinates.
    constant : ndarray of shape (n_outputs, 1)
        The best constant, found in the same way: theta is to be no worse.
    memories, constant_memories : list
        For each objective.
    n : float
        The rows seen, by which the penalty is multiplied.
    prior : float
        How many of them are behind the coefficients that the stream began with. It has
        not seen them: they count as rows of unit variance that agree with those.
    doubts : float
        After so many rows of its own the stream compares itself with a constant.
    unit, stake : ndarray of shape (n_objectives,)
        Typical residual and mean loss of the constant.
    excess : ndarray of shape (n_objectives,)
        By how much theta has been worse than the constant on the newest rows.
    flat : ndarray of shape (n_objectives,)
        Whether the constant is the result, because theta is worse.
    kept, waiting : tuple
        Rows, targets and weights: those that theta knows, and the newest.
    """

    NUMBERS = ("n", "own", "prior", "doubts")
    ARRAYS = ("theta", "constant", "unit", "stake", "excess", "flat")

    def __init__(self, objective, theta, is_sparse):
        self.objective = objective
        self.theta = theta
        n_outputs, size = theta.shape
        self.groups = [slice(0, n_outputs)]
        if not objective.is_joint:
            self.groups = [slice(k, k + 1) for k in range(n_outputs)]
        self.n_objectives = len(self.groups)
        self.n_features = size - 1
        whole = fits_matrix(n_outputs, size - 1, objective.is_joint)
        self.kind = Matrix if whole else Sketch
        self.is_sparse = is_sparse and not whole
        self.most = MOST_ROWS if self.is_sparse else MOST_ENTRIES // size
        self.most = min(max(self.most, FEWEST_ROWS), MOST_ROWS)

    # --------------------------------------------------------------- state
    @classmethod
    def resumed(cls, objective, start):
        """From the state that an earlier call has left, or new coefficients."""
        known = start.get(PREFIX + "has_intercept")
        if known is None or bool(known[0]) != objective.fit_intercept:
            return cls._begun(objective, start)
        values = {
            name.removeprefix(PREFIX): array
            for name, array in start.items()
            if name.startswith(PREFIX)
        }
        self = cls(objective, values["theta"], "kept_X_data" in values)
        for name in cls.NUMBERS:
            setattr(self, name, float(values[name][0]))
        for name in cls.ARRAYS:
            setattr(self, name, values[name].copy())
        self.coordinates = Coordinates.from_state(values, objective.fit_intercept)
        self.memories = _unstacked(self.kind, values, "")
        self.constant_memories = _unstacked(Matrix, values, "constant_")
        self.kept = _unpacked(values, "kept", self.n_features)
        self.waiting = _unpacked(values, "waiting", self.n_features)
        return self

    @classmethod
    def _begun(cls, objective, start):
        coef, intercept = coefficients(start)
        self = cls(
            objective, np.column_stack([coef, intercept]), objective.rows.is_sparse
        )
        self.n = self.prior = float(start["t"].max()) - 1.0
        self.own, self.doubts = 0.0, min(self.prior, DOUBTS)
        for name in ("unit", "stake", "excess", "flat"):
            setattr(self, name, np.zeros(self.n_objectives))
        self.coordinates = Coordinates(self.n_features, objective.fit_intercept)
        self.constant = np.zeros((len(coef), 1))
        if not objective.fit_intercept:
            self.constant[:, 0] = intercept
        self._forget()
        X = np.zeros((0, self.n_features))
        X = sparse.csr_array(X) if self.is_sparse else X
        self.kept = self.waiting = (X, np.zeros(0), np.zeros(0))
        return self

    def _forget(self):
        self.memories = [self.kind.nothing(self.theta[g]) for g in self.groups]
        self.constant_memories = [Matrix.nothing(self.constant[g]) for g in self.groups]

    def state(self):
        """What `resumed` needs, as a dict of arrays."""
        values = {name: np.array([getattr(self, name)]) for name in self.NUMBERS}
        values |= {name: getattr(self, name) for name in self.ARRAYS}
        values |= self.coordinates.state()
        values |= _stacked(self.kind, self.memories, "")
        values |= _stacked(Matrix, self.constant_memories, "constant_")
        values |= _packed("kept", *self.kept) | _packed("waiting", *self.waiting)
        return {PREFIX + name: array for name, array in values.items()}

    def coefficients(self):
        """coef and intercept for the raw features."""
        own = self.coordinates
        theta = self.theta.copy()
        for outputs in compress(self.groups, self.flat):
            theta[outputs, :-1], theta[outputs, -1:] = 0.0, self.constant[outputs]
        coef = theta[:, :-1] * own.scale
        return coef, theta[:, -1] - coef @ own.centre

    # ---------------------------------------------------------------- rows
    def take(self, X, y, weight):
        """Take in rows, and learn from them unless they are few."""
        if sparse.issparse(X) and not self.is_sparse:
            X = X.toarray()
        elif self.is_sparse and not sparse.issparse(X):
            X = sparse.csr_array(X)
        X = X.astype(np.float64, copy=False)
        self.waiting = _joined(self.waiting, (X, y, weight))
        self.n += len(y)
        self.own += len(y)
        self.coordinates.update(X, weight)
        if len(self.waiting[1]) >= min(self.n, self.most) // WAIT:
            n_new = len(self.waiting[1])
            self.kept = _joined(self.kept, self.waiting)
            self.waiting = tuple(part[:0] for part in self.waiting)
            self.learn(n_new)

    def learn(self, n_new):
        """Minimise what is known, and let rows go into the memory if they are many."""
        move = self.coordinates.moved()
        if move is not None:
            self.theta = move.coefficients(self.theta)
            self.memories = [memory.move(move) for memory in self.memories]
        X, y, weight = self.kept
        rows = (self.rows(X), self.constant_rows(len(y)))
        theta, constant = self.theta.copy(), self.constant.copy()
        fits = []
        for k, outputs in enumerate(self.groups):
            term = self.term(k, y, weight)
            simple = self.fit(k, term, rows[1], self.constant_memories[k])
            constant[outputs] = self.best_constant(k, simple)
            fit = self.fit(k, term, rows[0], self.with_prior(k, term, rows[0]))
            at_constant = np.zeros(theta[outputs].shape)
            at_constant[:, -1:] = constant[outputs]
            found = self.learned(k, fit, theta[outputs], at_constant)
            self.flat[k] = self.is_worse(k, fit, found, at_constant, n_new)
            if self.flat[k] and not self.is_exact:
                if self.prior > 0:
                    return self.begin_anew(constant)
                self.memories[k] = fit.memory = self.kind.nothing(at_constant)
                found = at_constant
            theta[outputs] = found
            fits.append((fit, simple))
        self.theta, self.constant = theta, constant
        if len(y) > self.most:
            self.fold(fits, len(y) - self.most * LEFT // 4)

    def is_worse(self, k, fit, theta, at_constant, n_new):
        """Whether a constant is better: on all rows, or else on the newest ones.

        On the newest ones it has to be so by far, as after a jump of the features: what
        the memory says about a constant far away is of no use.
        """
        if self.is_exact:
            return not fit.value(theta) <= fit.value(at_constant)
        loss, loss_of_constant = (
            fit.term.newest(fit.raw(t), n_new) for t in (theta, at_constant)
        )
        excess = min(loss - loss_of_constant, 1e300)  # nan is as bad
        fading = max(0.0, 1.0 - n_new / self.most)
        self.excess[k] = fading * self.excess[k] + excess
        if self.own < self.doubts:
            return False
        return self.excess[k] > WORSE * self.stake[k] * min(self.own, self.most)

    def begin_anew(self, constant):
        """Drop the coefficients that were given: they are worse than a constant."""
        self.n, self.prior = self.own, 0.0
        self.constant = constant
        self.theta = np.zeros(self.theta.shape)
        self.theta[:, -1:] = constant
        self.excess[:] = 0.0
        self._forget()
        self.learn(len(self.kept[1]))

    def rows(self, X):
        return (SparseRows if self.is_sparse else DenseRows)(X, self.coordinates)

    def constant_rows(self, n):
        """Rows without features."""
        return DenseRows(
            np.zeros((n, 0)), Coordinates(0, self.coordinates.has_intercept)
        )

    def term(self, k, y, weight):
        objective = self.objective
        if objective.is_joint:
            return RowTerm(objective.loss, y, weight)
        targets = replace(objective.targets, y=y)
        factor = targets.factor(k)
        own = weight if factor is None else weight * factor
        return Column(objective.loss, targets.of_output(k), own)

    def fit(self, k, term, rows, memory):
        objective, penalty = self.objective, self.objective.penalty
        scale = np.zeros(memory.at.shape[1])
        if len(scale) > 1:
            scale[:-1] = self.coordinates.scale
        return _Fit(
            term,
            rows,
            memory,
            self.n * penalty.l1 * scale,
            self.n * penalty.l2 * scale**2,
            offset=0.0 if objective.fit_intercept else self.constant[self.groups[k], 0],
            n=self.n,
            stake=self.stake[k],
        )

    @property
    def is_exact(self):
        """Whether all rows are still here."""
        return self.prior == 0 and self.n == len(self.kept[1])

    def with_prior(self, k, term, rows):
        """The memory, with the rows that the stream has not seen itself."""
        memory, scale = self.memories[k], self.coordinates.scale
        if self.prior == 0:
            return memory
        p, penalty = rows.dot(memory.at), self.objective.penalty
        unit = term.unit = _typical_residual(term, p)
        slopes, curvatures = term.model(p, FIRST_WIDTH * unit)
        per_row = np.einsum("nkk->", curvatures) / slopes.size
        least = JITTER * np.abs(slopes).sum() / slopes.size / unit
        ridge = np.full(memory.at.shape, self.prior * max(per_row, least))
        coef = memory.at[:, :-1]
        slope = np.zeros(memory.at.shape)  # that of their loss undoes the penalty's
        slope[:, :-1] = penalty.l2 * scale**2 * coef + penalty.l1 * scale * np.sign(coef)
        return memory.with_ridge(-self.prior * slope, ridge)

    # ------------------------------------------------------------- learning
    def best_constant(self, k, simple):
        """The constant of one objective, and what depends on it."""
        term, constant = simple.term, self.constant[self.groups[k]]
        if not self.objective.fit_intercept:
            found = constant
        elif not self.has_memory and not self.objective.is_joint:
            found = np.array([[term.best_constant()]])
        else:
            if not self.has_memory:  # or one class alone would be learned without end
                self.stake[k] = (term.value(simple.raw(constant)) - term.minimum()) / len(
                    term.weight
                )
            found = self.minimised(k, simple, constant)
        if not self.has_memory:
            p = simple.raw(found)
            self.unit[k] = _typical_residual(term, p)
            self.stake[k] = (term.value(p) - term.minimum()) / len(p)
        return found

    @property
    def has_memory(self):
        return self.own > len(self.kept[1])

    def learned(self, k, fit, theta, at_constant):
        """The new theta of one objective."""
        if self.is_exact and not fit.value(theta) < fit.value(at_constant):
            theta = at_constant
        return self.minimised(k, fit, theta)

    def minimised(self, k, fit, theta):
        """Straight to the last width of smoothing, or, if it is far, step by step."""
        fit.stake = self.stake[k]
        self.set_unit(k, fit.term, fit.raw(theta))
        if self.objective.loss.differentiable:
            return fit.minimise(theta, 0.0)[0]
        last = self.width(fit.term)
        if not self.is_exact:
            near, converged = fit.minimise(theta, last, FEW_STEPS)
            if converged:
                return near
        width = FIRST_WIDTH * self.unit[k]
        while width > WIDTH_DIVISOR * last:
            theta, _ = fit.minimise(theta, width, MORE_STEPS)
            width /= WIDTH_DIVISOR
        return fit.minimise(theta, last)[0]

    def set_unit(self, k, term, p):
        """The typical residual, if it is not much less than that of the constant."""
        most = self.unit[k] or np.inf
        term.unit = min(max(_typical_residual(term, p), LEAST_UNIT * self.unit[k]), most)

    def width(self, term):
        return max(FIRST_WIDTH * self.n**-WIDTH_POWER, SMALLEST_WIDTH) * term.unit

    def fold(self, fits, n_rows):
        """Turn rows into memory: those with the least curvature, and of them the oldest.

        Of a row without curvature nothing is lost, unless the coefficients go far.
        """
        X, y, weight = self.kept
        bend = np.zeros(len(y))
        for k, (fit, _) in enumerate(fits):
            own = np.einsum("nkk->n", self.model(k, fit, self.theta)[1])
            bend += own / max(own.mean(), 1e-300)
        order = np.argsort(bend, kind="stable")
        old, new = np.sort(order[:n_rows]), np.sort(order[n_rows:])
        rows, ones = self.rows(X[old]), self.constant_rows(n_rows)
        for k, (fit, simple) in enumerate(fits):
            outputs = self.groups[k]
            # Not at a kink, where slope and curvature say nothing.
            smooth = self.minimised(k, simple, self.constant[outputs])
            self.constant[outputs] = smooth
            fit.term = simple.term = self.term(k, y[old], weight[old])
            fit.rows, simple.rows = rows, ones
            both = (fit, self.theta), (simple, self.constant)
            self.memories[k], self.constant_memories[k] = (
                one.memory.with_rows(
                    theta[outputs], one.rows, *self.model(k, one, theta)
                )
                for one, theta in both
            )
        self.prior = 0.0
        self.kept = X[new], y[new], weight[new]

    def model(self, k, fit, theta):
        """Slopes as smooth as the last steps saw them, and curvatures more so."""
        p = fit.raw(theta[self.groups[k]])
        self.set_unit(k, fit.term, p)
        if self.objective.loss.differentiable:
            return fit.term.model(p, 0.0)
        slopes = fit.term.slopes(p, self.width(fit.term)).copy()
        wide = FOLD_WIDTH * max(fit.term.unit, FOLD_SHARE * self.unit[k])
        return slopes, fit.term.model(p, wide)[1]


def _stacked(kind, memories, prefix):
    return {
        prefix + name: np.stack([getattr(memory, name) for memory in memories])
        for name in kind.names
    }


def _unstacked(kind, values, prefix):
    parts = [values[prefix + name] for name in kind.names]
    return [kind(*part) for part in zip(*parts)]


def _typical_residual(term, p):
    """The loss over its slope, at raw predictions p: how far off they are, about."""
    value, slopes = term.value(p) - term.minimum(), np.abs(term.slopes(p, 0.0)).sum()
    return min(max(value / max(slopes, 1e-300), 1e-12), 1e12)


def _joined(first, second):
    if len(first[1]) == 0:
        return second
    if len(second[1]) == 0:
        return first
    X = [part[0] for part in (first, second)]
    stack = sparse.vstack if sparse.issparse(X[0]) else np.vstack
    X = stack(X, format="csr") if sparse.issparse(X[0]) else stack(X)
    return X, *(np.concatenate(pair) for pair in zip(first[1:], second[1:]))


def _packed(name, X, y, weight):
    arrays = {f"{name}_X": X}
    if sparse.issparse(X):
        arrays = {
            f"{name}_X_data": X.data,
            f"{name}_X_indices": X.indices,
            f"{name}_X_indptr": X.indptr,
        }
    return arrays | {f"{name}_y": y, f"{name}_weight": weight}


def _unpacked(values, name, n_features):
    y, weight = values[f"{name}_y"], values[f"{name}_weight"]
    X = values.get(f"{name}_X")
    if X is None:
        parts = [values[f"{name}_X_{part}"] for part in ("data", "indices", "indptr")]
        X = sparse.csr_array(tuple(parts), shape=(len(y), n_features))
    return X, y, weight
