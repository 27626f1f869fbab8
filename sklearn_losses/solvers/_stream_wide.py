"""A stream of sparse rows with more features than a matrix may have.

A call costs what its rows cost, and a few passes over a vector: nothing is solved for
coefficients whose columns do not occur. The rows that are kept have dual variables, the
slopes g of their losses, and each call visits its own rows and some of the older ones a
few times (_stream_passes.pyx). Rows that are gone leave their slopes, which all
coefficients share in one sum, and the diagonal of their curvature.
"""

import numpy as np
from scipy import sparse

from sklearn_losses.linear._weights import coefficients
from sklearn_losses.solvers._stream_fit import Column, coupled_term
from sklearn_losses.solvers._stream_memory import Matrix, fits_matrix
from sklearn_losses.solvers._stream_passes import (
    Passes,
    add_rows,
    local_columns,
    shrink,
)
from sklearn_losses.solvers._stream_past import (
    DOUBTS,
    FEWEST_ROWS,
    FOLD_SHARE,
    FOLD_WIDTH,
    LEFT,
    MOST_ROWS,
    PREFIX,
    WAIT,
    WORSE,
    Past,
    groups_of,
    joined,
    packed,
    remembered,
    stacked,
    unpacked,
    unstacked,
)

MOST_ENTRIES = 1 << 19  # of the rows that are kept: 6 MB
MOST_WIDE_ROWS = 10_000
MOST_ENTRY = 1e140  # of X
LOOK = 1.05  # times as many rows, and the best constant is looked for again
OLD = 4  # of the older rows are visited for each new one
VISITS, FEWEST_PASSES = 20, 4  # for each new row
HOLD = 0.1  # of the curvature of the rows holds coefficients where they are
BEND = 0.1  # of the slope over the typical residual, at least, is remembered


class SharedVectors:
    """Slopes and curvatures of all coefficients, which are changed in place.

    Each state of a stream would otherwise copy them. So a call that fails has to put
    back what it has changed, and a state that comes from before another call must not
    be gone on from, as after `copy.copy` of a model: it says what it expects.

    Attributes
    ----------
    slope, curvature : ndarray of shape (n_outputs, n_features + 1)
        The last column is that of the intercepts.
    """

    def __init__(self, slope, curvature, stamp):
        self.slope, self.curvature, self.stamp = slope, curvature, stamp
        self._before = []

    @classmethod
    def nothing(cls, shape):
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(1))

    @classmethod
    def from_state(cls, values):
        """The vectors after the changes of a state, or None if they have moved on."""
        self = cls(values["slope"], values["curvature"], values["stamp"])
        known = values["expected"]
        if self.stamp[0] not in known:
            return None
        self.put(values["columns"], values["changes"])
        self.stamp[0] = known[1]
        return self

    def at(self, columns):
        """Copies of some columns of both."""
        return np.stack([self.slope[:, columns], self.curvature[:, columns]])

    def touch(self, columns):
        """Remember what is there, before it is changed."""
        self._before.append((columns, self.at(columns)))

    def put(self, columns, values):
        self.slope[:, columns], self.curvature[:, columns] = values

    def withdrawn(self, n):
        """Undo all changes; the state that makes them again.

        Parameters
        ----------
        n : float
            A number that no other state has: that of the rows so far.
        """
        touched = [columns for columns, _ in self._before]
        columns = np.unique(np.concatenate(touched)) if touched else np.zeros(0, int)
        changes = self.at(columns)
        self.undo()
        return {
            "slope": self.slope,
            "curvature": self.curvature,
            "stamp": self.stamp,
            "expected": np.array([self.stamp[0], n + float(np.abs(changes).sum())]),
            "columns": columns,
            "changes": changes,
        }

    def undo(self):
        while self._before:
            self.put(*self._before.pop())


def is_wide(objective, start):
    """Whether a stream, or one that begins now, is a `WidePast`."""
    values = remembered(objective, start)
    if values is not None:
        return "priced" in values
    shape = objective.n_outputs, objective.rows.n_features
    return objective.rows.is_sparse and not fits_matrix(*shape, objective.is_joint)


class Active:
    """Some of the rows, with their columns numbered anew.

    Attributes
    ----------
    columns : ndarray of int32 of shape (n_local + 1,)
        Those that occur, and the number of all for the intercept.
    data, places, starts : ndarray
        The rows as CSR, whose columns are places in `columns`.
    """

    def __init__(self, X):
        self.n_rows, n_features = X.shape
        columns, self.places = local_columns(X.indices, n_features)
        self.columns = np.append(columns, np.int32(n_features))
        self.data, self.starts = X.data, X.indptr.astype(np.int32, copy=False)

    def arrays(self):
        return self.data, self.places, self.starts

    def dot(self, theta):
        """Raw predictions; theta is of shape (n_outputs, n_local + 1)."""
        shape = self.n_rows, len(self.columns) - 1
        X = sparse.csr_array((self.data, self.places, self.starts), shape=shape)
        return X @ theta[:, :-1].T + theta[:, -1]

    def squares(self):
        """The mean squares of the columns, and of the 1 of the intercept."""
        size = len(self.columns)
        sums = np.bincount(self.places, self.data**2, minlength=size)
        sums[-1] = self.n_rows
        return sums / self.n_rows


class WidePast(Past):
    """See `Past`.

    Attributes
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    vectors : SharedVectors
    g : ndarray of shape (n_rows, n_outputs)
        The slopes of the rows that are kept, as `vectors` has them.
    priced : float
        The rows by which the penalty was multiplied when coef was formed.
    looked : float
        The rows when the best constant was last looked for.
    """

    NUMBERS = (*Past.NUMBERS, "priced", "looked")
    ARRAYS = ("intercept", "constant", "unit", "stake", "excess", "flat")

    def __init__(self, objective):
        self.objective = objective
        self.groups = groups_of(objective)
        self.n_objectives = len(self.groups)
        self.n_features = objective.rows.n_features

    # --------------------------------------------------------------- state
    @classmethod
    def resumed(cls, objective, start):
        values = remembered(objective, start)
        vectors = None if values is None else SharedVectors.from_state(values)
        if vectors is None:
            return cls._begun(objective, start)
        self = cls(objective)
        self.vectors, self.coef = vectors, start["v"]
        for name in cls.NUMBERS:
            setattr(self, name, float(values[name][0]))
        for name in cls.ARRAYS:
            setattr(self, name, values[name].copy())
        self.constant_memories = unstacked(Matrix, values, "constant_")
        self.kept = unpacked(values, "kept", self.n_features)
        self.waiting = unpacked(values, "waiting", self.n_features)
        self.g = values["g"].copy()
        return self

    @classmethod
    def _begun(cls, objective, start):
        self = cls(objective)
        self.coef, self.intercept = coefficients(start)
        self.n = self.prior = self.priced = float(start["t"].max()) - 1.0
        self.own, self.doubts, self.looked = 0.0, min(self.prior, DOUBTS), 0.0
        for name in ("unit", "stake", "excess", "flat"):
            setattr(self, name, np.zeros(self.n_objectives))
        self.constant = np.zeros((len(self.coef), 1))
        if not objective.fit_intercept:
            self.constant[:, 0] = self.intercept
        X = sparse.csr_array((0, self.n_features))
        self.kept = self.waiting = (X, np.zeros(0), np.zeros(0))
        self.g = np.zeros((0, len(self.coef)))
        self._forget()
        return self

    def _forget(self):
        self.vectors = SharedVectors.nothing((len(self.coef), self.n_features + 1))
        self.constant_memories = [Matrix.nothing(self.constant[g]) for g in self.groups]

    def state(self):
        values = {name: np.array([getattr(self, name)]) for name in self.NUMBERS}
        values |= {name: getattr(self, name) for name in self.ARRAYS}
        values["loss"] = np.array([self.objective.loss.name])
        values["has_intercept"] = np.array([self.objective.fit_intercept])
        values |= stacked(Matrix, self.constant_memories, "constant_")
        values |= packed("kept", *self.kept) | packed("waiting", *self.waiting)
        values |= self.vectors.withdrawn(self.n) | {"g": self.g}
        return {PREFIX + name: array for name, array in values.items()}

    def coefficients(self):
        return self.coef, self.intercept

    def undo(self):
        self.vectors.undo()

    # ---------------------------------------------------------------- rows
    def most_at_once(self, X):
        return max(MOST_ENTRIES * X.shape[0] // (_n_entries(X) + 1), FEWEST_ROWS)

    def take(self, X, y, weight):
        X = sparse.csr_array(X).astype(np.float64, copy=False)
        _check_size(X)
        self.waiting = joined(self.waiting, (X, y, weight))
        self.n += len(y)
        self.own += len(y)
        if len(self.waiting[1]) >= min(self.n, MOST_ROWS) // WAIT:
            n_new = len(self.waiting[1])
            self.kept = joined(self.kept, self.waiting)
            self.g = np.vstack([self.g, np.zeros((n_new, len(self.coef)))])
            self.waiting = tuple(part[:0] for part in self.waiting)
            self.learn(n_new)

    def learn(self, n_new):
        """Visit the newest rows and some others, and let go of rows if they are many."""
        if self.own >= LOOK * self.looked:
            self.look()
        self.price()
        chosen = self.chosen(n_new)
        X, y, weight = (part[chosen] for part in self.kept)
        rows = Active(X)
        self.vectors.touch(rows.columns)
        for k in range(self.n_objectives):
            own = Ascent(self, k, rows, *self.own_rows(k, y, weight), chosen)
            if own.learn(n_new):
                self.begin_anew(k)
        if self.kept[0].size > MOST_ENTRIES or len(self.g) > MOST_WIDE_ROWS:
            self.fold(len(self.g) * (4 - LEFT) // 4)

    def chosen(self, n_new):
        """Which rows are visited, the newest last."""
        n = len(self.g)
        old = np.arange(n - n_new)
        if len(old) > OLD * n_new:
            rng = np.random.default_rng(int(self.own))
            old = np.sort(rng.choice(len(old), OLD * n_new, replace=False))
        return np.append(old, np.arange(n - n_new, n))

    def own_rows(self, k, y, weight):
        """The targets and weights of one objective, as a kernel takes them."""
        return (
            np.ascontiguousarray(part, np.float64)
            for part in self.of_objective(k, y, weight)
        )

    def price(self):
        """Multiply the penalty by all rows, which moves the coefficients."""
        penalty, more = self.objective.penalty, self.n - self.priced
        before, self.coef = self.coef, np.empty(self.coef.shape)
        strengths = self.priced * penalty.l2, more * penalty.l1, more * penalty.l2
        for w, bend, new in zip(before, self.vectors.curvature, self.coef):
            shrink(w, bend[:-1], *strengths, new)
        self.priced = self.n

    def look(self):
        """Find the best constants, and begin with them if this is the beginning."""
        y, weight = self.kept[1:]
        for k, outputs in enumerate(self.groups):
            simple = self.simple(k, y, weight)
            self.constant[outputs] = self.best_constant(k, simple)
        if self.looked == 0 and self.prior == 0 and self.objective.fit_intercept:
            self.intercept = self.constant[:, 0].copy()
        if self.looked == 0 and self.prior > 0:
            self.remember_prior()
        self.looked = self.own

    def simple(self, k, y, weight):
        """The fit of a constant."""
        term, ones = self.term(k, y, weight), self.constant_rows(len(y))
        return self.fit(k, term, ones, self.constant_memories[k])

    def remember_prior(self):
        """Rows that were not seen: they agree with the coefficients, as if at rest."""
        rows = Active(self.kept[0])
        squares = rows.squares()
        once = (rows.data**2).mean() / rows.n_rows
        size = np.full(self.n_features + 1, once)
        size[rows.columns] = np.maximum(squares, once)
        penalty, vectors = self.objective.penalty, self.vectors
        for k, outputs in enumerate(self.groups):
            term = self.term(k, *self.kept[1:])
            at = np.column_stack([self.coef[outputs], self.intercept[outputs]])
            per_row = self.typical_curvature(k, term, rows.dot(at[:, rows.columns]))
            vectors.curvature[outputs] = self.prior * per_row * size
            vectors.slope[outputs] = -vectors.curvature[outputs] * at
            coef = at[:, :-1]
            pull = penalty.l2 * coef + penalty.l1 * np.sign(coef)
            vectors.slope[outputs, :-1] -= self.prior * pull

    def typical_curvature(self, k, term, p):
        """Of a row, between where it is and where its loss would be least."""
        self.set_unit(k, term, p)
        slopes = (term.relative or term).slopes(p, 0.0)
        return np.abs(slopes).sum() / len(slopes) / term.unit

    def begin_anew(self, k):
        """Drop what is worse than a constant: what was given, or one objective's all."""
        outputs = self.groups[k] if self.prior == 0 else slice(None)
        slope, curvature = self.vectors.slope.copy(), self.vectors.curvature.copy()
        self.vectors.undo()
        slope[outputs] = curvature[outputs] = 0.0
        self.vectors = SharedVectors(slope, curvature, np.zeros(1))
        self.coef[outputs], self.g[:, outputs] = 0.0, 0.0
        self.intercept[outputs] = self.constant[outputs, 0]
        self.excess[k] = 0.0
        if self.prior > 0:
            self.n, self.prior = self.own, 0.0

    def fold(self, n_rows):
        """Let rows go, as `Past.fold` does: of each the curvature is remembered."""
        X, y, weight = self.kept
        raw = np.column_stack([X @ w for w in self.coef]) + self.intercept
        bends = np.empty(self.g.shape)
        score = np.zeros(len(y))
        for k, outputs in enumerate(self.groups):
            bends[:, outputs] = self.bend(k, raw[:, outputs])
            own = bends[:, outputs].sum(axis=1)
            score += own / max(own.mean(), 1e-300)
        order = np.argsort(score, kind="stable")
        old, new = np.sort(order[:n_rows]), np.sort(order[n_rows:])
        rows = Active(X[old])
        self.vectors.touch(rows.columns)
        slope, curvature = self.vectors.at(rows.columns)
        more = np.zeros(slope.shape)
        add_rows(*rows.arrays(), bends[old], True, more)
        at = self.coef[:, rows.columns[:-1]]
        slope[:, :-1] -= more[:, :-1] * at
        slope[:, -1] -= more[:, -1] * self.intercept
        self.vectors.put(rows.columns, (slope, curvature + more))
        self.fold_constants(y[old], weight[old])
        self.prior = 0.0
        self.kept = X[new], y[new], weight[new]
        self.g = np.ascontiguousarray(self.g[new])

    def bend(self, k, p):
        """The curvatures of the rows that are kept, by output."""
        term = self.term(k, *self.kept[1:])
        self.set_unit(k, term, p)
        wide = FOLD_WIDTH * max(term.unit, FOLD_SHARE * self.unit[k])
        is_smooth = self.objective.loss.differentiable
        curvatures = term.model(p, 0.0 if is_smooth else wide)[1]
        least = BEND * np.abs(self.g[:, self.groups[k]]) / term.unit
        return np.maximum(np.einsum("nkk->nk", curvatures), least)

    def fold_constants(self, y, weight):
        for k, outputs in enumerate(self.groups):
            simple = self.simple(k, y, weight)
            at = self.constant[outputs]
            self.constant_memories[k] = simple.memory.with_rows(
                at, simple.rows, *self.model(k, simple, self.constant)
            )


class Ascent:
    """The rows of one objective that are visited, and what they move.

    Parameters
    ----------
    past : WidePast
    k : int
        The number of the objective.
    rows : Active
    y, weight : ndarray of float64 of shape (n_rows,)
    chosen : ndarray of int of shape (n_rows,)
        Which of the rows that are kept they are.
    """

    def __init__(self, past, k, rows, y, weight, chosen):
        self.past, self.k, self.rows = past, k, rows
        self.y, self.weight, self.chosen = y, weight, chosen
        self.outputs = past.groups[k]
        self.loss = past.objective.loss
        self.columns = rows.columns[:-1]

    def learn(self, n_new):
        """Learn; returns whether the coefficients are worse than a constant."""
        past, outputs = self.past, self.outputs
        g = past.g[self.chosen, outputs]
        theta = np.column_stack(
            [past.coef[outputs, self.columns], past.intercept[outputs]]
        )
        here = past.vectors.at(self.rows.columns)[:, outputs]
        slope, self.curvature = (np.ascontiguousarray(part) for part in here)
        n_passes = max(VISITS * n_new // len(g), FEWEST_PASSES)
        g, slope, theta = self.found(g, slope, theta, n_passes)
        past.g[self.chosen, outputs] = g
        past.vectors.slope[outputs, self.rows.columns] = slope
        past.coef[outputs, self.columns] = theta[:, :-1]
        if past.objective.fit_intercept:
            past.intercept[outputs] = theta[:, -1]
        return self.is_worse(theta, n_new)

    @property
    def is_all(self):
        """Whether these are all rows that there have been."""
        return self.past.is_exact and len(self.chosen) == len(self.past.g)

    def found(self, g, slope, theta, n_passes):
        """From where they are and, of all rows, as in `fit` from a convex relative."""
        found = self.ascend(self.loss, g, slope, theta, n_passes)
        relative = self.loss.convex_relative()
        if relative is None or not self.is_all:
            return found
        nothing = np.zeros(g.shape), np.zeros(slope.shape), self.at_constant
        near = self.ascend(relative, *nothing, n_passes)
        other = self.ascend(self.loss, *near, n_passes)
        return min(found, other, key=lambda each: self.value(each[-1]))

    def ascend(self, loss, g, slope, theta, n_passes):
        """New g, slope and theta after some passes."""
        past, rows, penalty = self.past, self.rows, self.past.objective.penalty
        fits_intercept = past.objective.fit_intercept
        per_row = past.typical_curvature(self.k, self.term(loss), rows.dot(theta))
        hold = HOLD * per_row * len(past.g) * rows.squares()
        l1, l2 = np.full((2, len(hold)), past.n) * [[penalty.l1], [penalty.l2]]
        l1[-1] = l2[-1] = 0.0
        offset = np.zeros(len(theta)) if fits_intercept else theta[:, -1].copy()
        before, g, theta = g, g.copy(), theta.copy()
        points = self.y, self.weight, offset, g
        passes = Passes(loss.checked(), *rows.arrays(), *points, fits_intercept)
        passes.begin(slope, self.curvature, l1, l2, hold, theta)
        rng = np.random.default_rng(int(past.own))
        for _ in range(n_passes):
            passes.run(rng.permutation(len(g)).astype(np.uint32))
            passes.follow()
        if not fits_intercept:
            theta[:, -1] = offset
        slope = slope.copy()
        add_rows(*rows.arrays(), g - before, False, slope)
        return g, slope, theta

    def term(self, loss):
        if self.past.objective.is_joint:
            return coupled_term(loss, self.y, self.weight, self.outputs.stop)
        return Column(loss, self.y, self.weight)

    @property
    def at_constant(self):
        constant = self.past.constant[self.outputs]
        return np.column_stack([np.zeros((len(constant), len(self.columns))), constant])

    def value(self, theta):
        """The whole objective, of all rows."""
        penalty, coef = self.past.objective.penalty, theta[:, :-1]
        price = penalty.l1 * np.abs(coef).sum() + penalty.l2 / 2 * np.vdot(coef, coef)
        loss = self.term(self.loss).value(self.rows.dot(theta))
        return loss + self.past.n * float(price)

    def is_worse(self, theta, n_new):
        """Whether a constant is better: see `Past.is_worse`."""
        past, k = self.past, self.k
        if self.is_all:
            return not self.value(theta) <= self.value(self.at_constant)
        term = self.term(self.loss)
        loss, loss_of_constant = (
            term.newest(self.rows.dot(at), n_new) for at in (theta, self.at_constant)
        )
        excess = min(loss - loss_of_constant, 1e300)
        fading = max(0.0, 1.0 - n_new / MOST_ROWS)
        past.excess[k] = fading * past.excess[k] + excess
        if past.own < past.doubts:
            return False
        return past.excess[k] > WORSE * past.stake[k] * min(past.own, MOST_ROWS)


def _n_entries(X):
    return X.size if sparse.issparse(X) else X.shape[0] * X.shape[1]


def _check_size(X):
    """Raise an error if the squares of a column overflow."""
    if X.size and not np.abs(X.data).max() < MOST_ENTRY:
        column = int(X.indices[np.abs(X.data).argmax()])
        raise ValueError(
            f"Feature {column} is too large: the sum of its squares overflows. "
            "Scale the features, for instance with StandardScaler."
        )
