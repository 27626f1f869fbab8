"""What is left of a stream: some rows as they are, of the others a memory.

When a twentieth of the rows so far is new, the losses of the rows that are kept, a
quadratic function in place of the others (Luo and Song 2020) and the penalty are
minimised together, from where the coefficients were. So the first thousand rows are
learned from exactly, and a squared error always is. The rows that are kept are those on
which the loss bends most, near a kink or a boundary of classes: there a quadratic
function would say the least.

Kinks are smoothed over a width that shrinks as rows come in.
"""

from dataclasses import replace
from itertools import compress

import numpy as np
from scipy import sparse

from sklearn_losses.penalties._price import Price
from sklearn_losses.solvers._fit_state import coefficients
from sklearn_losses.solvers.descent._curvature import JITTER
from sklearn_losses.solvers.descent._problem import CentredProblem
from sklearn_losses.solvers.stream._settings import STREAM
from sklearn_losses.solvers.stream._stream_fit import (
    StreamFit,
    curvatures,
    mean_curvature,
    refuse_infinite,
    stream_term,
    typical_residual,
)
from sklearn_losses.solvers.stream._stream_memory import (
    Matrix,
    RunningUnits,
    Sketch,
    fits_matrix,
)

PREFIX = "stream_"
PARTS = "X", "y", "weight", "offset"
NO_SAMPLES = np.zeros(0), np.zeros(0), np.zeros((0, 0))


class Past:
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
    n_trusted : float
        After so many rows of its own the stream compares itself with a constant.
    unit, stake : ndarray of shape (n_objectives,)
        Typical residual and mean loss of the constant.
    excess : ndarray of shape (n_objectives,)
        By how much theta has been worse than the constant on the newest rows.
    flat : ndarray of shape (n_objectives,)
        Whether the constant is the result, because theta is worse.
    lead : ndarray of shape (n_objectives,)
        By how much the constant has been better on rows that are gone.
    kept, waiting : tuple
        Rows, targets, weights and offsets (no columns: there are none): those that
        theta knows, and the newest.
    """

    NUMBERS = ("n", "n_seen", "prior", "n_trusted")
    ARRAYS = ("theta", "constant", "unit", "stake", "excess", "flat", "lead")

    def __init__(self, objective, theta):
        self.objective = objective
        self.theta = theta
        n_outputs, size = theta.shape
        self.groups = groups_of(objective)
        self.n_objectives = len(self.groups)
        self.n_features = size - 1
        whole = fits_matrix(n_outputs, size - 1, objective.is_joint)
        self.kind = Matrix if whole else Sketch
        self.constant_kind = Matrix
        self.most = min(
            max(STREAM.most_entries // size, STREAM.fewest_rows), STREAM.most_rows
        )

    # --------------------------------------------------------------- state
    @classmethod
    def resumed(cls, objective, start):
        """From the state that an earlier call has left, or new coefficients."""
        values = remembered(objective, start)
        if values is None:
            return cls._begun(objective, start)
        self = cls(objective, values["theta"])
        for name in cls.NUMBERS:
            setattr(self, name, float(values[name][0]))
        for name in cls.ARRAYS:
            setattr(self, name, values[name].copy())
        self.units = RunningUnits.from_state(values, objective.fit_intercept)
        self.memories = unstacked(self.kind, values, "")
        self.constant_memories = unstacked(self.constant_kind, values, "constant_")
        self.kept = unpacked(values, "kept")
        self.waiting = unpacked(values, "waiting")
        return self

    @classmethod
    def _begun(cls, objective, start):
        coef, intercept = coefficients(start)
        self = cls(objective, np.column_stack([coef, intercept]))
        self.n = self.prior = float(start["t"].max()) - 1.0
        self.n_seen, self.n_trusted = 0.0, min(self.prior, STREAM.n_trusted)
        for name in ("unit", "stake", "excess", "flat", "lead"):
            setattr(self, name, np.zeros(self.n_objectives))
        self.units = RunningUnits(self.n_features, objective.fit_intercept)
        self.constant = np.zeros((len(coef), 1))
        if not objective.fit_intercept:
            self.constant[:, 0] = intercept
        self._forget()
        nothing = np.zeros((0, self.n_features)), *NO_SAMPLES
        self.kept = self.waiting = nothing
        return self

    def _forget(self):
        self.memories = [self.kind.nothing(self.theta[g]) for g in self.groups]
        nothing = self.constant_kind.nothing
        self.constant_memories = [nothing(self.constant[g]) for g in self.groups]

    def state(self):
        """What `resumed` needs, as a dict of arrays."""
        values = {name: np.array([getattr(self, name)]) for name in self.NUMBERS}
        values |= {name: getattr(self, name) for name in self.ARRAYS}
        values["loss"] = np.array([self.objective.loss.name])
        values |= self.units.state()
        values |= stacked(self.kind, self.memories, "")
        values |= stacked(self.constant_kind, self.constant_memories, "constant_")
        values |= packed("kept", *self.kept) | packed("waiting", *self.waiting)
        values = {PREFIX + name: array for name, array in values.items()}
        return values | {"v": self.coefficients()[0]}

    def coefficients(self):
        """coef and intercept for the raw features."""
        theta = self.theta.copy()
        for outputs in compress(self.groups, self.flat):
            theta[outputs, :-1], theta[outputs, -1:] = 0.0, self.constant[outputs]
        coef = theta[:, :-1] * self.units.scale
        return coef, theta[:, -1] - coef @ self.units.centre

    # ---------------------------------------------------------------- rows
    def most_at_once(self, X):
        """How many rows may be taken in together."""
        size = STREAM.most_entries // (X.shape[1] + 1 + self.objective.n_outputs**2)
        return max(size, STREAM.fewest_rows)

    def take(self, X, y, weight, offset):
        """Take in rows, and learn from them unless they are few."""
        X = X.toarray() if sparse.issparse(X) else X
        X = X.astype(np.float64, copy=False)
        self.waiting = joined(self.waiting, (X, y, weight, offset))
        self.n += len(y)
        self.n_seen += len(y)
        self.units.update(X, weight)
        if len(self.waiting[1]) >= min(self.n, self.most) // STREAM.wait:
            n_new = len(self.waiting[1])
            self.kept = joined(self.kept, self.waiting)
            self.waiting = tuple(part[:0] for part in self.waiting)
            self.learn(n_new)

    def learn(self, n_new):
        """Minimise what is known, and let rows go into the memory if they are many."""
        move = self.units.moved()
        if move is not None:
            self.theta = move.coefficients(self.theta)
            self.memories = [memory.move(move) for memory in self.memories]
        X, *samples = self.kept
        n_rows = len(X)
        features, nothing = self.units.features(X), self.no_features(n_rows)
        theta, constant = self.theta.copy(), self.constant.copy()
        fits = []
        for k, outputs in enumerate(self.groups):
            term = self.term(k, *samples)
            simple = self.fit(k, term, nothing, self.constant_memories[k])
            constant[outputs] = self.best_constant(k, simple)
            fit = self.fit(k, term, features, self.memories[k])
            if self.prior > 0:
                fit = self.with_prior(k, fit)
            at_constant = np.zeros(theta[outputs].shape)
            at_constant[:, -1:] = constant[outputs]
            found = self.learned(k, fit, theta[outputs], at_constant)
            self.flat[k] = self.is_worse(k, fit, found, at_constant, n_new)
            if self.flat[k] and not self.is_exact:
                if self.prior > 0:
                    return self.begin_anew(constant)
                self.memories[k] = self.kind.nothing(at_constant)
                fit = self.fit(k, term, features, self.memories[k])
                self.lead[k] = 0.0
                found = at_constant
            if not self.is_exact:
                self.flat[k] = self.is_behind(k, fit, simple, found, constant[outputs])
            theta[outputs] = found
            fits.append((fit, simple))
        self.theta, self.constant = theta, constant
        if n_rows > self.most:
            self.fold(fits, n_rows - self.most * STREAM.left // 4)

    def is_worse(self, k, fit, theta, at_constant, n_new):
        """Whether a constant is better: on all rows, or else on the newest ones.

        On the newest ones it has to be so by far, as after a jump of the features: what
        the memory says about a constant far away is of no use.
        """
        if self.is_exact:
            return not fit.value(theta) <= fit.value(at_constant)
        losses = (fit.newest(t, n_new) for t in (theta, at_constant))
        return self.exceeds(k, *losses, n_new, self.most)

    def exceeds(self, k, loss, loss_of_constant, n_new, most):
        """Whether the losses of the newest rows, and of most before, are too large."""
        refuse_infinite(self.objective.loss, loss, loss_of_constant)
        excess = min(loss - loss_of_constant, 1e300)  # nan is as bad
        fading = max(0.0, 1.0 - n_new / most)
        self.excess[k] = fading * self.excess[k] + excess
        if self.n_seen < self.n_trusted:
            return False
        return self.excess[k] > STREAM.worse * self.stake[k] * min(self.n_seen, most)

    def is_behind(self, k, fit, simple, theta, constant):
        """Whether a constant is better as far as the memories can tell.

        That may change, so theta is not given up for it.
        """
        ahead = fit.value(theta) - simple.value(constant) + self.lead[k]
        return self.prior == 0 and not ahead <= 0.0

    def begin_anew(self, constant):
        """Drop the coefficients that were given: they are worse than a constant."""
        self.n, self.prior = self.n_seen, 0.0
        self.constant = constant
        self.theta = np.zeros(self.theta.shape)
        self.theta[:, -1:] = constant
        self.excess[:] = self.lead[:] = 0.0
        self._forget()
        self.learn(len(self.kept[1]))

    @staticmethod
    def no_features(n):
        """Rows of which there is nothing but an intercept."""
        return RunningUnits(0, True).features(np.zeros((n, 0)))

    def term(self, k, y, weight, offset):
        y, weight = self.of_objective(k, y, weight)
        offset = offset[:, self.groups[k]].copy() if offset.size else None
        return stream_term(self.objective, y, weight, offset, k)

    def of_objective(self, k, y, weight):
        """The targets and weights of one objective."""
        targets = replace(self.objective.targets, y=y)
        if self.objective.is_joint:
            return y, weight
        factor = targets.factor(k)
        return targets.of_output(k), weight if factor is None else weight * factor

    def price(self, features):
        """What the coefficients of features cost, of all rows so far."""
        if features.n_features == 0:
            return Price()
        penalty = self.objective.penalty
        price = Price(l1=self.n * penalty.l1, l2=self.n * penalty.l2)
        return price.scaled(features.scale)

    def fit(self, k, term, features, memory):
        parts = term, features, self.price(features), self.objective.fit_intercept
        convex = term.loss.convex
        problem = CentredProblem(*parts, is_convex=convex, memory=memory)
        return StreamFit(problem, self.n, self.stake[k])

    @property
    def n_kept(self):
        return len(self.kept[1])

    @property
    def is_exact(self):
        """Whether all rows are still here."""
        return self.prior == 0 and self.n == self.n_kept

    def with_prior(self, k, fit):
        """The same with the rows that the stream has not seen itself."""
        term, memory, penalty = fit.term, self.memories[k], self.objective.penalty
        raw = fit.raw(memory.at)
        unit = term.unit = typical_residual(term, raw)
        around = term.model(raw, STREAM.first_width * unit, with_curvatures=False)
        least = JITTER * around.steepness / raw.size / unit
        per_row = mean_curvature(curvatures(term, raw, STREAM.first_width * unit))
        ridge = np.full(memory.at.shape, self.prior * max(per_row, least))
        coef, scale = memory.at[:, :-1], self.units.scale
        slope = np.zeros(memory.at.shape)  # that of their loss undoes the penalty's
        slope[:, :-1] = penalty.l2 * scale**2 * coef
        slope[:, :-1] += penalty.l1 * scale * np.sign(coef)
        memory = memory.with_ridge(-self.prior * slope, ridge)
        return self.fit(k, term, fit.problem.features, memory)

    def undo(self):
        """Put back what has been changed in place: nothing has."""

    # ------------------------------------------------------------- learning
    def best_constant(self, k, simple):
        """The constant of one objective, and what depends on it."""
        term, found = simple.term, self.found_constant(k, simple)
        # As long as there is nothing to lose, the first rows have been all the same.
        if not self.has_memory or self.stake[k] == 0:
            p = simple.raw(found)
            self.unit[k] = typical_residual(term, p)
            self.stake[k] = (term.value(p) - term.minimum()) / len(p)
            refuse_infinite(self.objective.loss, self.stake[k])
        return found

    def found_constant(self, k, simple):
        term, constant = simple.term, self.constant[self.groups[k]]
        if not self.objective.fit_intercept:
            return constant
        if self.has_memory:
            return self.at_kink(simple, self.minimised(k, simple, constant))
        if not self.objective.is_joint and term.relative is None:
            return np.array([[term.best_constant()]])
        found = self.constant_anew(k, simple, constant, self.first_constant(k, term))
        return self.in_another_place(simple, found)

    def constant_anew(self, k, simple, constant, likely):
        """The best constant of rows that are all here."""
        # Without a stake one class alone would be learned without end.
        term = simple.term
        above = term.value(simple.raw(constant)) - term.minimum()
        self.stake[k] = above / len(term.weight)
        found = self.minimised_anew(k, simple, constant, likely)
        return self.in_a_corner(simple, found)

    def first_constant(self, k, term):
        """A constant from which the best one may be found."""
        likely = np.zeros((term.n_outputs, 1))
        if not self.objective.is_joint:
            likely[:] = term.relative.best_constant()
        return likely

    def at_kink(self, simple, found):
        """The best constant of the rows that are here, if smoothing has hidden it."""
        if self.objective.loss.differentiable or self.objective.is_joint:
            return found
        here = np.array([[simple.term.best_constant()]])
        near = abs(here - found)[0, 0] <= STREAM.near_kink * self.width(simple.term)
        return here if near or simple.value(here) < simple.value(found) else found

    def in_a_corner(self, simple, found):
        """The best constants of a joint loss with kinks, which smoothing rounds off."""
        if self.objective.loss.differentiable or not self.objective.is_joint:
            return found
        width, best = self.width(simple.term), found
        while width > STREAM.corner * self.kinks(simple.term, simple.term.unit):
            width /= STREAM.width_divisor
            found, _ = simple.minimise(found, width, STREAM.more_steps)
            best = min(best, found, key=simple.value)
        return best

    def in_another_place(self, simple, found):
        """The best of several minima of a loss of points, if it is another one."""
        if self.objective.is_joint:
            return found
        best = np.array([[simple.term.best_constant()]])
        value, least = simple.value(found), simple.value(best)
        return best if least < value - STREAM.another * abs(value) else found

    @property
    def has_memory(self):
        return self.n_seen > self.n_kept

    def learned(self, k, fit, theta, at_constant):
        """The new theta of one objective."""
        if not self.is_exact:
            return self.minimised(k, fit, theta)
        return self.minimised_anew(k, fit, theta, at_constant)

    def minimised_anew(self, k, fit, theta, at_constant):
        """From theta or a constant, and as in `fit` from the convex relative's minimum.

        A loss that is not convex has several minima. Where the stream is may be the
        best of those of few rows, and not of all that are here.
        """
        start = theta if fit.value(theta) < fit.value(at_constant) else at_constant
        found = self.minimised(k, fit, start)
        if fit.term.relative is None:
            return found
        near = fit.with_term(fit.term.relative)
        start = min(at_constant, theta, key=near.value)
        other = self.minimised(k, fit, self.minimised(k, near, start))
        return min(found, other, key=fit.value)

    def minimised(self, k, fit, theta):
        """Straight to the last width of smoothing, or, if it is far, step by step."""
        fit = replace(fit, stake=self.stake[k])
        self.set_unit(k, fit.term, fit.raw(theta))
        if fit.term.loss.differentiable:
            return fit.minimise(theta, 0.0)[0]
        last = self.width(fit.term)
        if not self.is_exact:
            near, converged = fit.minimise(theta, last, STREAM.few_steps)
            if converged:
                return near
        width = STREAM.first_width * self.kinks(fit.term, self.unit[k])
        while width > STREAM.width_divisor * last:
            theta, _ = fit.minimise(theta, width, STREAM.more_steps)
            width /= STREAM.width_divisor
        return fit.minimise(theta, last)[0]

    def set_unit(self, k, term, p):
        """The typical residual, if it is not much less than that of the constant."""
        most = self.unit[k] or np.inf
        least = STREAM.least_unit * self.unit[k]
        term.unit = min(max(typical_residual(term, p), least), most)

    def width(self, term):
        falling = STREAM.first_width * self.n**-STREAM.width_power
        return max(falling, STREAM.smallest_width) * self.kinks(term, term.unit)

    def kinks(self, term, unit):
        """A typical residual as a unit of widths."""
        return unit

    def fold(self, fits, n_rows):
        """Turn rows into memory: those with least curvature, and of them the oldest.

        Of a row without curvature nothing is lost, unless the coefficients go far.
        """
        X, *samples = self.kept
        bend = np.zeros(len(X))
        for k, (fit, _) in enumerate(fits):
            each = self.model(k, fit, self.theta)[1]
            each = each if each.ndim == 1 else np.abs(np.einsum("nkk->n", each))
            bend += each / max(each.mean(), 1e-300)
        order = np.argsort(bend, kind="stable")
        old, new = np.sort(order[:n_rows]), np.sort(order[n_rows:])
        rows = self.units.features(X[old]), self.no_features(n_rows)
        for k, both in enumerate(fits):
            outputs = self.groups[k]
            # Not at a kink, where slope and curvature say nothing.
            best, smooth = self.constant[outputs], self.constant.copy()
            smooth[outputs] = self.minimised(k, both[1], best)
            term = self.term(k, *(part[old] for part in samples))
            fit, simple = (
                self.fit(k, term, some, one.problem.memory)
                for some, one in zip(rows, both)
            )
            self.lead[k] += fit.unpriced(self.theta[outputs]) - simple.unpriced(best)
            self.memories[k] = self.folded(k, fit, self.theta)
            self.constant_memories[k] = self.folded(k, simple, smooth)
            self.lead[k] += self.constant_memories[k].value(best)
        self.prior = 0.0
        self.kept = X[new], *(part[new] for part in samples)

    def folded(self, k, fit, theta):
        """The memory of a fit, with its rows as they pull at theta."""
        problem, at = fit.problem, theta[self.groups[k]]
        return problem.memory.with_rows(at, problem, *self.model(k, fit, theta))

    def model(self, k, fit, theta):
        """Slopes as smooth as the last steps saw them, and curvatures more so."""
        term, raw = fit.term, fit.raw(theta[self.groups[k]])
        self.set_unit(k, term, raw)
        width = wide = 0.0
        if not self.objective.loss.differentiable:
            width = self.width(term)
            units = term.unit, STREAM.fold_share * self.unit[k]
            wide = STREAM.fold_width * max(self.kinks(term, u) for u in units)
        return term.slopes(raw, width), curvatures(term, raw, wide)


def groups_of(objective):
    """The outputs of each objective."""
    n_outputs = objective.n_outputs
    if objective.is_joint:
        return [slice(0, n_outputs)]
    return [slice(k, k + 1) for k in range(n_outputs)]


def remembered(objective, start):
    """What a stream has left in a state, by name; None if that is of no use.

    So it is if there has been another loss, or other coefficients: what is remembered
    of rows is how they pulled then.
    """
    values = {
        name.removeprefix(PREFIX): array
        for name, array in start.items()
        if name.startswith(PREFIX)
    }
    if not values or values["loss"][0] != objective.loss.name:
        return None
    if bool(values["has_intercept"][0]) != objective.fit_intercept:
        return None
    moves = objective.moves
    if moves is not None and not np.array_equal(values.get("moves"), moves):
        return None
    return values


def stacked(kind, memories, prefix):
    return {
        prefix + name: np.stack([getattr(memory, name) for memory in memories])
        for name in kind.names
    }


def unstacked(kind, values, prefix):
    parts = [values[prefix + name] for name in kind.names]
    return [kind(*part) for part in zip(*parts)]


def joined(first, second):
    if len(first[1]) == 0:
        return second
    if len(second[1]) == 0:
        return first
    *parts, offsets = zip(first, second)
    return *(np.concatenate(pair) for pair in parts), joined_offsets(*offsets)


def joined_offsets(first, second):
    """Those of rows after each other; where only some have them the others have 0."""
    width = max(first.shape[1], second.shape[1])
    both = [o if o.shape[1] else np.zeros((len(o), width)) for o in (first, second)]
    return np.concatenate(both)


def packed(name, *rows):
    return dict(zip((f"{name}_{part}" for part in PARTS), rows))


def unpacked(values, name):
    return tuple(values[f"{name}_{part}"] for part in PARTS)
