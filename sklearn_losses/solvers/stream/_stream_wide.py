"""A stream of sparse rows with more features than a matrix may have.

A call costs what its rows cost, and a few passes over a vector: nothing is solved for
coefficients whose columns do not occur. The rows that are kept have dual variables, the
slopes g of their losses, and each call visits its own rows and some of the older ones a
few times (_stream_passes.pyx). Rows that are gone leave their slopes, which all
coefficients share in one sum, and the diagonal of their curvature.
"""

from itertools import compress

import numpy as np
from scipy import sparse

from sklearn_losses.solvers._fit_state import coefficients
from sklearn_losses.solvers.stream._settings import STREAM, WIDE
from sklearn_losses.solvers.stream._stream_fit import (
    curvatures,
    stream_term,
    typical_residual,
)
from sklearn_losses.solvers.stream._stream_kept import Entries, Kept, SharedVectors
from sklearn_losses.solvers.stream._stream_memory import Matrix, fits_matrix
from sklearn_losses.solvers.stream._stream_passes import (
    Passes,
    add_rows,
    put,
    shrink,
    taken,
)
from sklearn_losses.solvers.stream._stream_past import (
    NO_SAMPLES,
    PREFIX,
    Past,
    groups_of,
    remembered,
    stacked,
    unstacked,
)

ALL_ROWS = slice(None)


def is_wide(objective, start):
    """Whether a stream, or one that begins now, is a `WidePast`."""
    if objective.moves is not None:
        return False
    values = remembered(objective, start)
    if values is not None:
        return "priced" in values
    shape = objective.n_outputs, objective.rows.n_features
    return objective.rows.is_sparse and not fits_matrix(*shape, objective.is_joint)


class WidePast(Past):
    """See `Past`.

    Attributes
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    vectors : SharedVectors
    kept, waiting : Kept
    priced : float
        The rows by which the penalty was multiplied when coef was formed.
    looked : float
        The rows when the best constant was last looked for.
    """

    NUMBERS = (*Past.NUMBERS, "priced", "looked")
    ARRAYS = ("intercept", "constant", "unit", "stake", "excess", "flat", "steep")

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
        self.vectors, self.coef = vectors, values.get("hidden", start["v"])
        for name in cls.NUMBERS:
            setattr(self, name, float(values[name][0]))
        for name in cls.ARRAYS:
            setattr(self, name, values[name].copy())
        self.constant_memories = unstacked(Matrix, values, "constant_")
        self.kept = Kept.from_state(values, "kept")
        self.kept.g = self.kept.g.copy()
        self.waiting = Kept.from_state(values, "waiting")
        return self

    @classmethod
    def _begun(cls, objective, start):
        self = cls(objective)
        self.coef, self.intercept = coefficients(start)
        self.n = self.prior = self.priced = float(start["t"].max()) - 1.0
        self.n_seen = self.looked = 0.0
        self.n_trusted = min(self.prior, STREAM.n_trusted)
        for name in ("unit", "stake", "excess", "flat", "steep"):
            setattr(self, name, np.zeros(self.n_objectives))
        self.constant = np.zeros((len(self.coef), 1))
        if not objective.fit_intercept:
            self.constant[:, 0] = self.intercept
        self.kept = self.waiting = self.no_rows()
        self._forget()
        return self

    @property
    def n_kept(self):
        return len(self.kept)

    def no_rows(self):
        return Kept.new(Entries.nothing(), *NO_SAMPLES, len(self.coef))

    def _forget(self):
        self.vectors = SharedVectors.nothing(len(self.coef), self.n_features + 1)
        self.constant_memories = [Matrix.nothing(self.constant[g]) for g in self.groups]

    def state(self):
        values = {name: np.array([getattr(self, name)]) for name in self.NUMBERS}
        values |= {name: getattr(self, name) for name in self.ARRAYS}
        values["loss"] = np.array([self.objective.loss.name])
        values["has_intercept"] = np.array([self.objective.fit_intercept])
        values |= stacked(Matrix, self.constant_memories, "constant_")
        values |= self.kept.state("kept") | self.waiting.state("waiting")
        values |= self.vectors.withdrawn(self.n)
        if self.flat.any():
            values["hidden"] = self.coef
        values = {PREFIX + name: array for name, array in values.items()}
        # It is what is published: a copy would be one more vector.
        return values | {"v": self.published}

    def coefficients(self):
        self.published, intercept = self.coef, self.intercept
        if self.flat.any():
            self.published, intercept = self.coef.copy(), intercept.copy()
        for outputs in compress(self.groups, self.flat):
            self.published[outputs] = 0.0
            intercept[outputs] = self.constant[outputs, 0]
        return self.published, intercept

    def undo(self):
        self.vectors.undo()

    # ---------------------------------------------------------------- rows
    def most_at_once(self, X):
        return max(
            WIDE.most_entries * X.shape[0] // (_n_entries(X) + 1), STREAM.fewest_rows
        )

    def take(self, X, y, weight, offset):
        rows = Entries.of(X)
        _check_size(rows)
        new = Kept.new(rows, y, weight, offset, len(self.coef))
        self.waiting = self.waiting.joined(new)
        self.n += len(y)
        self.n_seen += len(y)
        n_new = len(self.waiting)
        if n_new >= min(self.n, STREAM.most_rows) // STREAM.wait:
            self.kept, self.waiting = self.kept.joined(self.waiting), self.no_rows()
            self.learn(n_new)

    def learn(self, n_new):
        """Visit the newest rows and some others; let go of rows if they are many."""
        if self.n_seen >= WIDE.look_again * self.looked:
            self.find_constants()
        self.apply_penalty()
        visit = Visit(self, self.chosen(n_new), n_new)
        self.flat = np.array([visit.learn(k) for k in range(self.n_objectives)], float)
        visit.end()
        if not self.is_exact:  # else it is only that it has not yet got there
            for k in np.flatnonzero(self.flat):
                self.begin_anew(k)
        size, n = int(self.kept.rows.starts[-1]), len(self.kept)
        most = min(WIDE.most_rows, n * self.most_entries() // max(size, 1))
        if n > most:
            self.fold(n - most * STREAM.left // 4)

    def most_entries(self):
        """Of the rows that are kept: so many that their slopes do not grow stale.

        Slopes of rows that are not visited go on pulling, and only the penalty holds
        against that: if it is weak, all rows have to be visited each time.
        """
        rows = self.kept.rows
        size = self.steep.max() * (rows.data**2).sum() / len(rows)
        is_weak = size > WIDE.weak * self.n * self.objective.penalty.l2
        return WIDE.fewer_entries if is_weak else WIDE.most_entries

    def chosen(self, n_new):
        """Which rows are visited, the newest last."""
        n = len(self.kept)
        old = np.arange(n - n_new)
        if len(old) > WIDE.old * n_new and self.kept.rows.starts[-1] > WIDE.all_entries:
            rng = np.random.default_rng(int(self.n_seen))
            old = np.sort(rng.choice(len(old), WIDE.old * n_new, replace=False))
        return np.append(old, np.arange(n - n_new, n))

    def apply_penalty(self):
        """Multiply the penalty by all rows, which moves all coefficients.

        Those that are visited move in any case.
        """
        penalty, more = self.objective.penalty, self.n - self.priced
        if self.n < WIDE.price_again * self.priced:
            self.coef = self.coef.copy()
            return
        before, self.coef = self.coef, np.zeros(self.coef.shape)
        strengths = self.priced * penalty.l2, more * penalty.l1, more * penalty.l2
        shrink(before, self.vectors.curvature[:, :-1], *strengths, self.coef)
        self.priced = self.n

    def find_constants(self):
        """Find the best constants, and begin with them if this is the beginning."""
        for k, outputs in enumerate(self.groups):
            simple = self.simple(k, self.kept)
            self.constant[outputs] = self.best_constant(k, simple)
            p = simple.raw(self.constant[outputs])
            self.steep[k] = typical_curvature(simple.term, p)
        if self.looked == 0 and self.prior == 0 and self.objective.fit_intercept:
            self.intercept = self.constant[:, 0].copy()
        if self.looked == 0 and self.prior > 0:
            self.remember_prior()
        self.looked = self.n_seen

    def simple(self, k, rows):
        """The fit of a constant."""
        term = self.term(k, rows.y, rows.weight, rows.offset)
        nothing = self.no_features(len(rows))
        return self.fit(k, term, nothing, self.constant_memories[k])

    def remember_prior(self):
        """Rows that were not seen: they agree with the coefficients, as if at rest."""
        rows, columns = self.kept.rows.local(self.n_features)
        once = (rows.data**2).sum() / max(len(rows.data), 1) / len(rows)
        size = np.full(self.n_features + 1, once)
        size[columns] = np.maximum(rows.squares(len(columns) - 1), once)
        penalty, vectors = self.objective.penalty, self.vectors
        for k, outputs in enumerate(self.groups):
            at = np.column_stack([self.coef[outputs], self.intercept[outputs]])
            per_row = self.steep[k]
            vectors.curvature[outputs] = self.prior * per_row * size
            vectors.slope[outputs] = -vectors.curvature[outputs] * at
            coef = at[:, :-1]
            pull = penalty.l2 * coef + penalty.l1 * np.sign(coef)
            vectors.slope[outputs, :-1] -= self.prior * pull

    def begin_anew(self, k):
        """Drop what is worse than a constant: what was given, or an objective's all."""
        outputs = self.groups[k] if self.prior == 0 else slice(None)
        self.vectors.settle()
        slope, curvature = self.vectors.slope.copy(), self.vectors.curvature.copy()
        self.vectors.undo()
        slope[outputs] = curvature[outputs] = 0.0
        self.vectors = SharedVectors(slope, curvature, np.zeros(1))
        self.coef[outputs], self.kept.g[:, outputs] = 0.0, 0.0
        self.intercept[outputs] = self.constant[outputs, 0]
        self.excess[k] = self.flat[k] = 0.0
        if self.prior > 0:
            self.n, self.prior = self.n_seen, 0.0

    def fold(self, n_rows):
        """Let rows go, as `Past.fold` does: of each the curvature is remembered."""
        bends = self.bends()
        score = (bends / np.maximum(bends.mean(axis=0), 1e-300)).sum(axis=1)
        order = np.argsort(score, kind="stable")
        old, new = np.sort(order[:n_rows]), np.sort(order[n_rows:])
        rows, columns = self.kept.rows.chosen(old).local(self.n_features)
        self.vectors.settle()
        slope, curvature = self.vectors.at(columns)
        more = np.zeros(slope.shape)
        add_rows(*rows.arrays(), bends[old], True, more)
        at = np.column_stack([taken(self.coef, columns[:-1]), self.intercept])
        self.vectors.change(columns, slope - more * at, curvature + more)
        self.fold_constants(self.kept.chosen(old))
        self.prior = 0.0
        self.kept = self.kept.chosen(new)

    def bends(self):
        """The curvatures of the rows that are kept, by output."""
        rows, columns = self.kept.rows.local(self.n_features)
        found = np.empty(self.kept.g.shape)
        for k, outputs in enumerate(self.groups):
            at = taken(self.coef[outputs], columns[:-1])
            p = rows.dot(np.column_stack([at, self.intercept[outputs]]))
            found[:, outputs] = self.bend(k, p)
        return found

    def bend(self, k, p):
        term = self.term(k, self.kept.y, self.kept.weight, self.kept.offset)
        raw = p.reshape(term.shape)
        raw = raw if term.offset is None else raw + term.offset
        self.set_unit(k, term, raw)
        wide = STREAM.fold_width * max(term.unit, STREAM.fold_share * self.unit[k])
        is_smooth = self.objective.loss.differentiable
        each = curvatures(term, raw, 0.0 if is_smooth else wide)
        each = each[:, None] if each.ndim == 1 else np.einsum("nkk->nk", each)
        least = WIDE.bend * np.abs(self.kept.g[:, self.groups[k]]) / term.unit
        return np.maximum(each, least)

    def fold_constants(self, rows):
        for k in range(self.n_objectives):
            simple = self.simple(k, rows)
            self.constant_memories[k] = self.folded(k, simple, self.constant)


class Visit:
    """Some of the rows that are kept are visited.

    Parameters
    ----------
    past : WidePast
    chosen : ndarray of int of shape (n_rows,)
        Which of the rows, the newest last.
    n_new : int
    """

    def __init__(self, past, chosen, n_new):
        self.past, self.chosen, self.n_new = past, chosen, n_new
        self.is_all = past.is_exact and len(chosen) == len(past.kept)
        self.kept = past.kept.chosen(chosen)
        self.rows, self.columns = self.kept.rows.local(past.n_features)
        enough = WIDE.enough // max(len(self.rows.data), len(chosen))
        self.n_passes = max(
            WIDE.visits * n_new // len(chosen), min(enough, WIDE.most_passes), 1
        )
        self.squares = self.rows.squares(len(self.columns) - 1)
        past.vectors.settle()
        self.slope, self.curvature = past.vectors.at(self.columns)

    def end(self):
        self.past.kept.g[self.chosen] = self.kept.g
        self.past.vectors.change(self.columns, self.slope)

    def learn(self, k):
        """Learn one objective; returns whether it is worse than a constant."""
        past, outputs, columns = self.past, self.past.groups[k], self.columns[:-1]
        g = np.ascontiguousarray(self.kept.g[:, outputs])
        coef, intercept = past.coef[outputs], past.intercept
        theta = np.column_stack([taken(coef, columns), intercept[outputs]])
        ascent = Ascent(self, k)
        g, slope, theta = ascent.found(g, self.slope[outputs], theta)
        for _ in range(WIDE.most_rounds if self.is_all else 0):
            if not ascent.is_worse(theta):
                break
            g, slope, theta = ascent.ascend(ascent.loss, g, slope, theta)
        self.kept.g[:, outputs], self.slope[outputs] = g, slope
        put(coef, columns, theta)
        if past.objective.fit_intercept:
            intercept[outputs] = theta[:, -1]
        return ascent.is_worse(theta)


class Ascent:
    """One objective of a visit."""

    def __init__(self, visit, k):
        self.visit, self.past, self.k = visit, visit.past, k
        self.rows, self.outputs = visit.rows, visit.past.groups[k]
        self.loss = self.past.objective.loss
        y, weight = self.past.of_objective(k, visit.kept.y, visit.kept.weight)
        self.y = np.ascontiguousarray(y, np.float64)
        self.weight = np.ascontiguousarray(weight, np.float64)
        self.offset = np.zeros((len(self.y), self.outputs.stop - self.outputs.start))
        if visit.kept.offset.size:
            self.offset += visit.kept.offset[:, self.outputs]

    def found(self, g, slope, theta):
        """From where they are and, of all rows, as in `fit` from a convex relative."""
        found = self.ascend(self.loss, g, slope, theta)
        relative = self.loss.convex_relative()
        if relative is None or not self.visit.is_all:
            return found
        nothing = np.zeros(g.shape), np.zeros(slope.shape), self.at_constant
        near = self.ascend(relative, *nothing)
        other = self.ascend(self.loss, *near)
        return min(found, other, key=lambda each: self.value(each[-1]))

    def ascend(self, loss, g, slope, theta):
        """New g, slope and theta after some passes."""
        past, rows, penalty = self.past, self.rows, self.past.objective.penalty
        fits_intercept = past.objective.fit_intercept
        once = past.steep[self.k] * self.visit.squares
        hold = WIDE.hold * len(self.y) * once
        l1, l2 = np.full((2, len(hold)), past.n) * [[penalty.l1], [penalty.l2]]
        l1[-1] = l2[-1] = 0.0
        given = theta[:, -1].copy()
        offset = self.offset if fits_intercept else self.offset + given
        before, g, theta = g, g.copy(), theta.copy()
        kept = Kept(rows, self.y, self.weight, offset, g)
        passes = Passes(loss.checked(), kept, fits_intercept)
        passes.begin(slope, self.visit.curvature[self.outputs], l1, l2, hold, theta)
        rng = np.random.default_rng(int(past.n_seen))
        for _ in range(self.visit.n_passes):
            passes.run(rng.permutation(len(g)).astype(np.uint32))
            passes.follow()
        if not fits_intercept:
            theta[:, -1] = given
        slope = slope.copy()
        add_rows(*rows.arrays(), g - before, False, slope)
        return g, slope, theta

    def loss_of(self, theta, rows, some=ALL_ROWS):
        """The sum of the losses of some rows."""
        y, weight = self.y[some].copy(), self.weight[some].copy()
        term = stream_term(self.past.objective, y, weight)
        raw = rows.dot(theta) + self.offset[some]
        return term.value(np.ascontiguousarray(raw).reshape(term.shape))

    @property
    def at_constant(self):
        constant = self.past.constant[self.outputs]
        return np.column_stack(
            [np.zeros((len(constant), len(self.visit.columns) - 1)), constant]
        )

    def value(self, theta):
        """The whole objective, of all rows."""
        penalty, coef = self.past.objective.penalty, theta[:, :-1]
        price = penalty.l1 * np.abs(coef).sum() + penalty.l2 / 2 * np.vdot(coef, coef)
        return self.loss_of(theta, self.rows) + self.past.n * float(price)

    def is_worse(self, theta):
        """Whether a constant is better: see `Past.is_worse`."""
        if self.visit.is_all:
            return not self.value(theta) <= self.value(self.at_constant)
        n_new = self.visit.n_new
        newest = self.rows.newest(n_new), slice(-n_new, None)
        losses = (self.loss_of(t, *newest) for t in (theta, self.at_constant))
        return self.past.exceeds(self.k, *losses, n_new, STREAM.most_rows)


def _n_entries(X):
    return X.size if sparse.issparse(X) else X.shape[0] * X.shape[1]


def typical_curvature(term, raw):
    """Of a row: its slope over how far its loss is from the least, about."""
    slopes = (term.relative or term).slopes(raw, 0.0)
    return np.abs(slopes).sum() / len(slopes) / typical_residual(term, raw)


def _check_size(rows):
    """Raise an error if the squares of a column overflow."""
    if len(rows.data) and not np.abs(rows.data).max() < WIDE.most_entry:
        column = int(rows.columns[np.abs(rows.data).argmax()])
        raise ValueError(
            f"Feature {column} is too large: the sum of its squares overflows. "
            "Scale the features, for instance with StandardScaler."
        )
