"""partial_fit with learning_rate="auto" for a loss of groups: whole groups, seen once.

The newest groups stay as they are, and the others are a quadratic function, as in
_stream_past.py. Rows of a group are coupled, so that groups go as a whole, the oldest
first, and their Hessian is X' (H X).
"""

import numpy as np

from sklearn_losses.penalties._price import Price
from sklearn_losses.solvers._base import SolverResult
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers.descent._groups import GroupProblem
from sklearn_losses.solvers.stream._settings import STREAM
from sklearn_losses.solvers.stream._stream import Stream
from sklearn_losses.solvers.stream._stream_fit import StreamFit
from sklearn_losses.solvers.stream._stream_memory import (
    Matrix,
    RunningUnits,
    fits_matrix,
)
from sklearn_losses.solvers.stream._stream_past import (
    PREFIX,
    joined_offsets,
    remembered,
    stacked,
    unstacked,
)
from sklearn_losses.terms._groups import GroupTerm

MOST_ROWS = 10_000  # that are kept: a group is several
PARTS = "X", "y", "codes", "weight", "offset"


class GroupStream(Stream):
    """Newton's method for groups that come in chunks and are not seen again."""

    def check(self, loss):
        if not loss.convex:
            raise ValueError(
                f"partial_fit with learning_rate='auto' cannot use {loss!r}, because "
                "it is not convex: what is remembered of queries that are gone would "
                "not hold. Use fit, learning_rate='invscaling', or PairwiseLogistic()."
            )

    def solve(self, objective, start, train=None, watch=None):
        """Take in the groups of one chunk; see `Stream.solve`."""
        n_features = objective.rows.n_features
        if not fits_matrix(1, n_features, False):
            raise ValueError(
                "partial_fit with learning_rate='auto' keeps a matrix of all pairs of "
                f"features, and cannot for {n_features}. Use fit, or "
                "learning_rate='constant' with optimizer='adagrad'."
            )
        past = GroupPast.resumed(objective, start)
        with np.errstate(all="ignore"):
            past.take(objective)
        coef = past.coefficients()
        state = start_of(coef[:, :0], np.zeros(1)) | past.state() | {"v": coef}
        state["t"] = start["t"] + objective.n_units
        n_iter = np.ones(1, dtype=int)
        return SolverResult(coef, np.zeros(1), n_iter, True, state)


class GroupPast:
    """All that is left of the groups so far.

    Attributes
    ----------
    theta : ndarray of shape (1, n_features + 1)
        The coefficients, in the current coordinates.
    memory : Matrix
        Of the groups that are gone.
    n : float
        What all groups count, by which the penalty is multiplied.
    prior : float
        How many groups, or rows, are behind the coefficients that the stream began
        with: the first chunk says how much the others would have bent.
    n_new : float
        How many of the kept rows theta does not know yet.
    kept : dict of str to ndarray
        X, targets, codes, weights and offsets (no columns: there are none) of the rows.
    """

    NUMBERS = ("n", "n_rows", "n_new", "prior")

    def __init__(self, objective, theta):
        self.objective, self.theta = objective, theta
        most = max(STREAM.most_entries // theta.shape[1], STREAM.fewest_rows)
        self.most = min(most, MOST_ROWS)

    @classmethod
    def resumed(cls, objective, start):
        """From the state that an earlier call has left, or new coefficients."""
        values = remembered(objective, start)
        if values is None:
            return cls._begun(objective, start)
        self = cls(objective, values["theta"].copy())
        for name in cls.NUMBERS:
            setattr(self, name, float(values[name][0]))
        self.units = RunningUnits.from_state(values, True)
        (self.memory,) = unstacked(Matrix, values, "")
        self.kept = {part: values[f"kept_{part}"] for part in PARTS}
        return self

    @classmethod
    def _begun(cls, objective, start):
        coef, _ = coefficients(start)
        self = cls(objective, np.column_stack([coef, np.zeros(1)]))
        self.n = self.prior = float(start["t"].max()) - 1.0
        self.n_rows = self.n_new = 0.0
        self.units = RunningUnits(coef.shape[1], True)
        self.memory = Matrix.nothing(self.theta)
        n_columns = objective.targets.y.shape[1]
        self.kept = dict(
            X=np.zeros((0, coef.shape[1])),
            y=np.zeros((0, n_columns)),
            codes=np.zeros(0, dtype=np.intp),
            weight=np.zeros(0),
            offset=np.zeros((0, 0)),
        )
        return self

    def state(self):
        """What `resumed` needs, as a dict of arrays."""
        values = {name: np.array([getattr(self, name)]) for name in self.NUMBERS}
        values |= {"theta": self.theta, "loss": np.array([self.objective.loss.name])}
        values |= self.units.state() | stacked(Matrix, [self.memory], "")
        values |= {f"kept_{part}": array for part, array in self.kept.items()}
        # As `remembered` compares it: there is no intercept, but features are centred.
        values["has_intercept"] = np.array([0.0])
        return {PREFIX + name: array for name, array in values.items()}

    def coefficients(self):
        """coef for the raw features."""
        return self.theta[:, :-1] * self.units.scale

    # ---------------------------------------------------------------- groups
    def take(self, objective):
        """Take in the groups of a chunk, and learn from them unless they are few."""
        rows = np.sort(objective.grouping.order)
        X, d = objective.rows.chosen(rows), objective.rows.n_features
        X = X.to_dense().astype(np.float64, copy=False).reshape(-1, d)
        weight, offset = objective.sample_weight, objective.offset
        weight = np.ones(len(rows)) if weight is None else weight[rows]
        offset = np.zeros((len(rows), 0)) if offset is None else offset[rows]
        codes = objective.targets.groups[rows] + self.kept["codes"].max(initial=-1) + 1
        new = X, objective.targets.y[rows], codes, weight, offset
        old = self.kept
        self.kept = {
            part: joined_offsets(old[part], array)
            if part == "offset"
            else np.concatenate([old[part], array])
            for part, array in zip(PARTS, new)
        }
        self.n += objective.grouping.total
        self.n_rows += len(rows)
        self.n_new += len(rows)
        self.units.update(X, weight)
        if self.n_new >= min(self.n_rows, self.most) // STREAM.wait:
            self.learn()

    def learn(self):
        """Minimise what is known, and let groups go if there are many."""
        move = self.units.moved()
        if move is not None:
            self.theta, self.memory = (
                move.coefficients(self.theta),
                self.memory.move(move),
            )
            self.theta[:, -1] = 0.0
        problem = self.problem(self.kept)
        if self.prior > 0:
            self.memory = problem.memory = self.with_prior(problem)
        widths = [0.0]
        if problem.term.is_smoothed:
            last = STREAM.first_width * self.n_rows**-STREAM.width_power
            widths = [STREAM.first_width, max(last, STREAM.smallest_width)]
        stake = problem.term.value(np.zeros(len(self.kept["X"]))) / self.n
        fit = StreamFit(problem, self.n, stake)
        for width in widths:
            self.theta, _ = fit.minimise(self.theta, width)
        self.n_new = 0.0
        if len(self.kept["X"]) > self.most:
            self.fold()

    def problem(self, kept):
        """The sum of the losses of some rows, with memory and penalty."""
        offset = kept["offset"][:, 0].copy() if kept["offset"].size else None
        parts = (kept[name] for name in ("y", "codes", "weight"))
        term = GroupTerm(self.objective.loss, *parts, 1.0, offset)
        term.unit = 1.0  # of a margin
        penalty = self.objective.penalty
        price = Price(l1=self.n * penalty.l1, l2=self.n * penalty.l2)
        features = self.units.features(kept["X"])
        price = price.scaled(features.scale)
        return GroupProblem(term, features, price, False, memory=self.memory)

    def with_prior(self, problem):
        """The memory with the groups that the stream has not seen itself."""
        raw = problem.raw_at(self.theta[0])
        width = STREAM.first_width if problem.term.is_smoothed else 0.0
        hessian, _ = problem.hessian(raw, width)
        share = self.prior / (self.n - self.prior)
        # The slope of their loss undoes the penalty's.
        slope = problem.l2 * self.theta + problem.l1 * np.sign(self.theta)
        slope *= self.prior / self.n
        self.prior = 0.0
        return Matrix(self.theta.copy(), -slope, share * hessian)

    def fold(self):
        """Turn the oldest groups into memory."""
        codes = self.kept["codes"]
        n_rows = len(codes) - self.most * STREAM.left // 4
        is_old = codes <= np.sort(codes)[n_rows - 1]
        problem = self.problem({name: a[is_old] for name, a in self.kept.items()})
        raw = problem.raw_at(self.theta[0])
        width = STREAM.fold_width if problem.term.is_smoothed else 0.0
        first = problem.sums(problem.term.slopes(raw, width)).first
        hessian = self.memory.hessian + problem.hessian(raw, width)[0]
        slope = self.memory.gradient(self.theta) + first
        self.memory = Matrix(self.theta.copy(), slope, hessian)
        self.kept = {name: array[~is_old] for name, array in self.kept.items()}
