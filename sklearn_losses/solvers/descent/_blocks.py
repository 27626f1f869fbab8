"""A descent on rows in blocks: its raw predictions are the coefficients themselves.

What a descent does with raw predictions is to add, scale and hand them on, and they are
linear in theta. So theta stands for those of all rows here, and what a pass over the
rows says of it is a sum over blocks (`problem._blocks`), each of which forms its own
raw predictions while it is read anyway. What is only a guess, as how wide kinks are
smoothed first, comes from the rows at hand.
"""

import math

import numpy as np

from sklearn_losses.design._sums import Sums
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._blocks import Point, second_order
from sklearn_losses.problem._blocks_duality import BlocksDual, Slopes, dual_part
from sklearn_losses.solvers.descent._gap import Gap
from sklearn_losses.solvers.descent._groups import GroupGap, kinds_of
from sklearn_losses.solvers.descent._line_search import ENOUGH, length_of_grid
from sklearn_losses.solvers.descent._problem import CentredProblem, Swept
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.terms._groups import GroupModel
from sklearn_losses.terms._term import LossTerm, has_minimum_0

PATIENCE = 2  # bounds that were not better, until others are tried, too
HOPEFUL = 4.0  # times the gap that is wanted: an estimate of it may be too large
NARROWER = 1.5  # times what gaps say is enough
KEPT = 3  # points of which a pass is remembered


# --------------------------------------------------------------------------- tasks
class Largest(float):
    """A number whose sum with another one is the larger of both."""

    def __add__(self, other):
        return Largest(max(self, other))


def sweep(block, point, h, unit, second):
    """What a pass over a block sees at a point; see `BlockSums`.

    Returns
    -------
    numbers : ndarray
        Value, excess, size, steepness and, of groups, what the slopes prove.
    first : ndarray
    second : ndarray or None
    of_c : ndarray or None
    largest : Largest
        Of the curvatures.
    """
    problem, raw = _problem(block, point, unit)
    theta = point.theta if block.is_joint else point.theta[0]
    sums = Sums(problem.features, problem.n_outputs, second=second)
    along = np.empty_like(raw)
    seen = problem.sweep(sums, raw, h, along, theta)
    numbers = [seen.value, seen.excess, seen.size, seen.steepness, 0.0]
    if problem.couples_rows:
        offset, slopes = problem.term.offset, seen.whole.slopes
        numbers[-1] = seen.whole.conjugate - (
            0.0 if offset is None else slopes @ offset
        )
    numbers = np.array(numbers)
    if second is None:
        return numbers, sums.first, None, None, Largest(0.0)
    largest = seen.largest_curvature if problem.is_steep else 0.0
    return numbers, sums.first, sums.second, sums.of_c, Largest(largest)


def value_and_sweep(block, point, other, h, unit, second):
    """The loss of a block at a point and at the least, and a `sweep` of another one."""
    _, term, p = point.seen_from(block)
    seen = sweep(block, other, h, unit, second)
    return term.value(p), known_minimum(block), seen


def dual_and_sweep(block, slopes, mix, factor, other, h, unit, second):
    """`dual_part` of slopes, and what `sweep` sees at the end of their step."""
    seen = sweep(block, other, h, unit, second)
    return dual_part(block, slopes, mix, factor), seen


def dual_and_second_order(block, slopes, mix, factor):
    """`dual_part` of slopes, and `second_order` where they are from."""
    return dual_part(block, slopes, mix, factor), second_order(block, slopes.point)


def line(block, point, direction, lengths, h):
    """The loss of a block along a direction, and its slopes."""
    features, term, p = point.seen_from(block)
    q = features.raw(direction)
    return np.array(
        [(term.value(p, q, t), term.slope_along(p, q, t, h)) for t in lengths]
    )


def hessian(block, point, h, unit):
    """The Hessian of a block's loss of all outputs, and the sum of the traces."""
    problem, raw = _problem(block, point, unit)
    theta = point.theta if block.is_joint else point.theta[0]
    return problem.hessian(raw + problem.features.raw(theta), h)


def product(block, point, h, unit, v):
    """The product of the Hessian of a block's loss with v, and the curvatures."""
    problem, raw = _problem(block, point, unit)
    theta = point.theta if block.is_joint else point.theta[0]
    times, curvature = problem.products(raw + problem.features.raw(theta), h)
    return times(v), np.asarray(curvature)


def known_minimum(block):
    """The infimum of a block's loss, nan if there is no formula for it."""
    found = block.term().known_minimum
    return np.nan if found is None else found


def _problem(block, point, unit):
    """A block as a problem, and its raw predictions without coefficients."""
    features, term = point.features(block), block.term()
    term.unit = unit
    raw = np.zeros(term.shape) if term.offset is None else term.offset.copy()
    kind, _ = kinds_of(block)
    return kind(term, features, Price(), True), raw


# ------------------------------------------------------------------- what they add to
class BlockSums:
    """What `Sums` gives of rows at hand, as it came from blocks."""

    def __init__(self, first, second, of_c, wanted):
        self.first, self.second, self.of_c = first, second, of_c
        self.wanted = wanted

    @property
    def by_g(self):
        return self.first[:, :-1]

    @property
    def of_g(self):
        return self.first[:, -1]


class Passes:
    """Passes over blocks, of which the last few are remembered.

    Parameters
    ----------
    blocks : PosedBlocks
    features : Centred
        Of the rows at hand, in the units of all.
    """

    def __init__(self, blocks, features):
        self.blocks = blocks
        self.point_at_0 = Point(features.mean, features.scale, None)
        self.n, self._seen, self.second = 0, {}, None
        self._next, self.minimum, self._h = None, None, 0.0
        self.polishes, self.last_second = False, None

    def point(self, theta):
        return self.point_at_0.at(np.atleast_2d(theta).copy())

    @property
    def loss(self):
        return self.blocks.pose.loss

    @property
    def of_classes(self):
        """The weights of classes, as slopes of rows are weighted."""
        pose = self.blocks.pose
        return pose.of_classes and pose.loss.split_weight()[1] * np.array(
            pose.of_classes
        )

    def sum(self, task, *args):
        self.n += 1
        return self.blocks.sum(task, *args)

    def value_at(self, theta, unit):
        """The loss at a point, whatever the smoothing was with which it was seen."""
        for (key, _), seen in self._seen.items():
            if key == theta.tobytes():
                return seen.value
        if self._next is None:  # the next model is most probably made here
            return self.at(theta, self._h, unit, self.second).value
        (given, h, second), self._next = self._next, None
        there = theta + (given - theta)  # as a step leads there
        points = self.point(theta), self.point(there)
        found = self.sum(value_and_sweep, *points, h, unit, second)
        value, self.minimum, found = found
        self._seen[there.tobytes(), h] = _swept(found, there, second)
        return value

    def expect(self, theta, h, second):
        """See another point in the pass that the next value or bound takes."""
        self._next = theta, h, second

    def expect_nothing(self):
        """See no other points."""
        self._next = None

    def remembered(self, theta, h):
        """What a pass has seen of a point, or None."""
        return self._seen.get((theta.tobytes(), h))

    def dual(self, slopes, mix, factor):
        """The sums of `dual_part`."""
        if self._next is None and self.polishes and slopes.are_own:
            # Where they are enough the fit ends, and wants the Hessian.
            parts = slopes, mix, factor
            found, second = self.sum(dual_and_second_order, *parts)
            self.last_second = slopes.point.theta, second
            return found
        if self._next is None:
            return self.sum(dual_part, slopes, mix, factor)
        (there, h, second), self._next = self._next, None
        rest = self.point(there), h, slopes.unit, second
        found, seen = self.sum(dual_and_sweep, slopes, mix, factor, *rest)
        self._seen[there.tobytes(), h] = _swept(seen, there, second)
        return found

    def at(self, theta, h, unit, second=None):
        """The `Swept` of a point, with second moments if they are wanted."""
        key, self._h = (theta.tobytes(), h), h
        seen = self._seen.pop(key, None)
        if seen is None or second not in (None, seen.sums.wanted):
            found = self.sum(sweep, self.point(theta), h, unit, second)
            seen = _swept(found, theta, second)
        self._seen[key] = seen
        while len(self._seen) > KEPT:
            self._seen.pop(next(iter(self._seen)))
        return seen


def _swept(found, theta, second):
    """What `sweep` has found in all blocks, as `Swept`."""
    (value, excess, size, steepness, proved), first, by_c, of_c, largest = found
    seen = Swept(BlockSums(first, by_c, of_c, second), value, excess)
    seen.size, seen.steepness, seen.largest = size, steepness, float(largest)
    seen.moment = seen.along = float(np.vdot(first.reshape(theta.shape), theta))
    if second is not None:
        seen.curvature = float(of_c.sum())
    seen.whole = GroupModel(value, None, None, excess, conjugate=proved)
    seen.whole.size, seen.whole.steepness = size, steepness
    return seen


class BlocksTerm(LossTerm):
    """The loss of all rows, as a function of coefficients.

    Parameters
    ----------
    near : LossTerm
        Of the rows at hand.
    features : Centred
        Of the same.
    passes : Passes
    """

    def __init__(self, near, features, passes):
        self.near, self.features, self.passes = near, features, passes
        self.loss, self.y, self.weight = near.loss, near.y, near.weight
        self.total, self.offset = 1.0, None
        self.n_outputs, self.couples_outputs = near.n_outputs, near.couples_outputs
        self.is_smoothed, self.has_curvature = near.is_smoothed, near._has_curvature
        self.may_lack_curvature = near.may_lack_curvature
        self._minimum_is_known = False

    @property
    def unit(self):
        """How far off raw predictions are, about."""
        return self.near.unit

    @unit.setter
    def unit(self, unit):
        self.near.unit = unit

    # --------------------------------------------------------------- of all rows
    def value(self, p, q=None, t=0.0):
        return self.passes.value_at(p if q is None else p + t * q, self.unit)

    def slope_along(self, p, q, t, h):
        # The whole step is most probably taken, and the next model is made there.
        second = self.passes.second if t == 1 else None
        seen = self.seen(p + t * q, h, second)
        return float(np.vdot(seen.sums.first.reshape(q.shape), q))

    def seen(self, theta, h, second=None):
        return self.passes.at(theta, h, self.unit, second)

    def slopes(self, p, h):
        seen = self.passes.remembered(p, h)
        masses = None if seen is None else _masses(seen)
        return Slopes(self.passes.point(p), h, self.unit, masses=masses)

    @property
    def known_minimum(self):
        if not self._minimum_is_known:
            found = 0.0
            if not has_minimum_0(type(self.loss)):  # where that depends on y
                found = self.passes.minimum
                if found is None:
                    found = self.passes.sum(known_minimum)
            self._minimum = None if np.isnan(found) else found
            self._minimum_is_known = True
        return self._minimum

    def at_constant(self, c):
        theta = np.zeros((*np.shape(c), self.features.n_features + 1))
        theta[..., -1] = c
        return theta

    grouped = property(lambda self: self)

    # ---------------------------------------------------- of those that are at hand
    def best_constant(self):
        return self.near.best_constant()

    def steepness_at(self, c):
        return self.near.steepness_at(c)

    @property
    def relative(self):
        return self.near.relative

    def raw(self, theta):
        found, offset = self.features.raw(theta), self.near.offset
        return found if offset is None else found + offset

    def lacks_curvature(self, p, n_coefs, count):
        return self.near.lacks_curvature(self.raw(p), n_coefs, count)

    def width(self, p, h):
        return self.near.width(self.raw(p), h)

    def may_drop(self, p, h):
        return self.near.may_drop(self.raw(p), h)

    def mean_hessian(self, p, h):
        return self.near.mean_hessian(self.raw(p), h)


def _masses(seen):
    """The sizes of the slopes of both signs of points, or the sums of each output."""
    of_g = seen.sums.of_g
    if len(of_g) > 1:
        return of_g
    up = 0.5 * (seen.steepness + of_g[0])
    return np.array([up, seen.steepness - up])


class BlocksProblem(CentredProblem):
    """The objective of rows in blocks; raw predictions are theta."""

    @classmethod
    def of(cls, objective, features, term, passes=0):
        seen = Passes(objective.sums, features)
        term = BlocksTerm(term, features, seen)
        return super().of(objective, features, term, passes)

    def expect(self, point, width, model):
        """Begin at a point, which is seen in the pass over the constant."""
        coef, intercept = point
        if coef.any():
            second = self.term.has_curvature and model.needs_curvatures
            second = model.sums().wanted if second else None
            self.term.passes.expect(self.point(coef, intercept), width, second)

    @property
    def passes(self):
        """Over all rows, so far."""
        return self._before + self.term.passes.n

    @passes.setter
    def passes(self, n):
        self._before = n - self.term.passes.n

    def raw(self, theta):
        return theta.copy()

    raw_at = raw

    def sweep(self, sums, raw, h, direction=None, delta=None, known=None):
        theta = raw
        if direction is not None:
            direction[...] = delta
            theta = raw + delta
        self.term.passes.second = sums.wanted
        seen = self.term.seen(theta, h, sums.wanted)
        if direction is not None:
            first = seen.sums.first.reshape(delta.shape)
            seen.along = float(np.vdot(first, delta))
        return seen

    def step_length(self, state, step, h, slope, is_lower):
        if self._is_right(slope(1.0), step) and is_lower(1.0):
            return 1.0
        passes, theta, delta = self.term.passes, state.theta, step.delta
        whole = self.line(theta, delta)

        def values_and_slopes(lengths):
            at = passes.point(state.raw), step.direction, lengths, h
            values, slopes = passes.sum(line, *at).T
            values += [self.penalty(theta + t * delta) for t in lengths]
            return values, np.array([whole(t, s) for t, s in zip(lengths, slopes)])

        most = state.value + 2.0 * state.excess
        found = length_of_grid(values_and_slopes, step.slope, most)
        step.slope_left = np.inf
        return found

    @staticmethod
    def _is_right(slope, step):
        return abs(slope) <= ENOUGH * abs(step.slope)

    def hessian(self, raw, h):
        passes, unit = self.term.passes, self.term.unit
        return passes.sum(hessian, passes.point(raw), h, unit)

    def products(self, raw, h):
        passes, unit = self.term.passes, self.term.unit
        at = passes.point(raw), h, unit
        _, curvature = passes.sum(product, *at, np.zeros_like(raw))
        return lambda v: passes.sum(product, *at, v)[0], curvature


class BlocksGroupProblem(BlocksProblem):
    """The same of groups, of which each block has whole ones."""

    couples_rows = True


class BlocksGroupGap(GroupGap):
    """The gap of groups in blocks, whose slopes come with what they prove."""

    def _seen_ahead(self, descent, step):
        # The step will most probably be made: its end is seen then.
        there, h = descent.state.raw + step.direction, descent.smoothing.width
        seen = descent.problem.term.seen(there, h)
        return seen.whole, step.new, seen.sums.by_g[0]


def kinds_in_blocks(objective):
    """The problem and the gap of an objective of rows in blocks."""
    if objective.loss.granularity == "group":
        return BlocksGroupProblem, BlocksGroupGap
    return BlocksProblem, BlocksGap


class BlocksGap(Gap):
    """A gap whose bounds are sums over blocks, each of which takes passes."""

    _n_failed = 0  # bounds by the slopes that a model predicts, one after the other

    def begin_bound(self, descent):
        problem = descent.problem
        passes = problem.term.passes
        parts = problem.price, problem.features.n_features, problem.has_intercept
        self._dual = BlocksDual(passes, *parts, problem.is_joint)
        at = passes.point(descent.state.raw)
        self._begin_at(descent, lambda: Slopes(at, zero=True))

    def _is_too_smooth(self, descent, step):
        # Slopes that a step foresees prove little until one with this width is made.
        is_early = 0 < self._n_failed < PATIENCE
        return not is_early and super()._is_too_smooth(descent, step)

    def _divisor(self, descent):
        # Gaps fall as squares of widths: so few of these, each of which takes passes.
        gap = descent.state.best - self.bound
        found = NARROWER * math.sqrt(gap / self.allowed(descent))
        most = SETTINGS.largest_divisor
        return min(max(found, SETTINGS.least_divisor), most) if gap < math.inf else most

    def _raise_bound(self, descent, step, theta):
        # The step will most probably be made: its end is seen in the same pass.
        passes, h = descent.problem.term.passes, descent.smoothing.width
        there = descent.state.raw + step.direction
        if passes.remembered(there, h) is None:
            passes.expect(there, h, passes.second)
        super()._raise_bound(descent, step, theta)
        passes.expect_nothing()

    def _slopes_around(self, descent, step):
        term, h = descent.problem.term, descent.smoothing.width
        theta = descent.state.raw
        if descent.problem.is_joint:
            ahead = term.slopes(theta + step.direction, h)
        else:
            at = term.passes.point(theta)
            ahead = Slopes(at, h, term.unit, step.direction)
        # Those at the point itself are rarely better, and cost passes as well.
        is_poor = self._n_failed >= PATIENCE or self.bound == -np.inf
        return (ahead, term.slopes(theta, h)) if is_poor else (ahead,)

    def _raise_to(self, found):
        is_better = super()._raise_to(found)
        self._n_failed = 0 if is_better else self._n_failed + 1
        return is_better

    def _raise_bound_here(self, descent, least=-np.inf):
        """By the slopes at the point, if what they are known to prove is of use."""
        state, term = descent.state, descent.problem.term
        conjugate, seen = self._dual.conjugate, state.seen
        reach = self._reach(state.theta)
        conjugate.begin_at(state.theta[..., :-1])
        z = seen.sums.by_g.T
        factor, cost = conjugate.shortened(z, seen.steepness, reach)
        # Slopes that are shortened cost no more than so much of those of 0 mixed in.
        whole, nothing = seen.value - seen.moment, term.known_minimum or 0.0
        likely = factor * whole + (1.0 - factor) * nothing - cost
        enough = least if factor == 1.0 else state.best - HOPEFUL * (state.best - least)
        if likely < enough:
            return
        found = self._dual.bound(term.slopes(state.raw, 0.0), reach, least)
        if self._raise_to(found):
            self.best_theta = state.theta
