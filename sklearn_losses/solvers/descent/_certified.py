"""The solver of LinearRegressor and LinearClassifier: to a certified optimum.

A fit of many rows begins at the minimum for a sample of them, in units of its mean and
spread, with the curvature that a smooth loss has there: a few passes then do, each of
which forms raw predictions, losses and gradient of a few rows while they are in cache
(subsampled Newton methods: Roosta-Khorasani and Mahoney 2019; their corrections are
those of L-BFGS).
"""

import math
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from sklearn_losses.solvers._base import Solver, SolverResult, finish
from sklearn_losses.solvers.descent._blocks import kinds_in_blocks
from sklearn_losses.solvers.descent._curvature import Curvature
from sklearn_losses.solvers.descent._descent import Descent, Limits
from sklearn_losses.solvers.descent._exact import has_exact_curvature, polished
from sklearn_losses.solvers.descent._groups import bends_down, kinds_of
from sklearn_losses.solvers.descent._models import LBFGS, NEWTON, Models
from sklearn_losses.solvers.descent._newton import (
    SMALLEST_TOL,
    overflows,
    what_hides_of,
)
from sklearn_losses.solvers.descent._newton_model import JointModel, ProductModel
from sklearn_losses.solvers.descent._problem import (
    features_for,
    has_small_matrix,
    slopes_at_start,
)
from sklearn_losses.solvers.descent._quasi_newton_model import (
    NO_PAIRS,
    QuasiNewtonModel,
)
from sklearn_losses.solvers.descent._settings import SETTINGS
from sklearn_losses.solvers.descent._smoothing import Smoothing
from sklearn_losses.solvers.descent._stopping import Tolerance

DEAR = 200  # coefficients of a loss of rows, from which on a Hessian takes long
START_TOL = 1e-3  # of the convex relative of what is not convex
MANY_STEPS = 5  # of a fit that begins near its end: a Hessian costs as much
SAMPLE = 20  # rows, of which one is in the sample where a fit of many rows begins
SMALLEST_SAMPLE, ROWS_PER_COEF = 1000, 10  # and of each feature


def choose(objective):
    """The method for an objective.

    The Hessian of a loss of rows is of all its outputs, and dear: it pays for kinks,
    unless it is so large that "lbfgs" may have ended first.

    Returns
    -------
    {"newton", "lbfgs"}
    """
    if not has_small_matrix(objective) or bends_down(objective.loss):
        return LBFGS
    if not objective.is_joint:
        return NEWTON
    n_coefs = objective.n_outputs * (objective.rows.n_features + 1)
    is_dear = objective.loss.differentiable or n_coefs > DEAR
    return LBFGS if is_dear else NEWTON


def sample_of(objective, seed, enough=0):
    """The objective of one row in SAMPLE, which the seed chooses.

    Returns
    -------
    Objective or None
        None: there are not enough of them.
    """
    if objective.blocks is not None:
        return objective.at_hand
    n_rows, weight = objective.rows.n_rows, objective.sample_weight
    size = n_rows // SAMPLE
    if size < max(SMALLEST_SAMPLE, enough):
        return None
    if objective.loss.granularity == "group":
        sample = objective.sample(seed, SAMPLE)
    else:
        # One of each SAMPLE rows that follow each other.
        chosen = np.random.default_rng(seed).integers(SAMPLE, size=size)
        chosen += np.arange(0, size * SAMPLE, SAMPLE)
        if weight is not None and np.count_nonzero(weight[chosen]) < size / 2:
            return None
        sample = objective.chosen(chosen)
    if sample is not None and not objective.rows.is_verified:
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(sample.rows.data.sum()):
                objective.rows.verify()
    return sample


def features_of(objective, sample, slopes=None):
    """Features in units of their spread, and how often that took all rows.

    The mean and the spread of a sample will do, unless a column is constant in it.
    """
    rows, centre = objective.rows, objective.is_centred
    units = objective.penalty.units
    if objective.blocks is not None:
        features = objective.features
        return features.in_units(units(features.scale)), 1
    if sample is not None:
        parts = sample.rows, sample.sample_weight, centre
        features = features_for(objective.loss, *parts)
        if features.scale.all():
            features = features.in_units(units(features.scale))
            return features.with_rows(rows), 0
    weight = objective.sample_weight
    features = features_for(objective.loss, rows, weight, centre, slopes)
    return features.in_units(units(features.scale)), 1


class Certified(Solver):
    """Descent on all rows of one objective, with a lower bound.

    Parameters
    ----------
    method : {"newton", "lbfgs"}
    max_iter : int
        The most passes over the rows.
    tol : float
        The duality gap, as a share of the gain over the best constant, that is small
        enough. For a loss without bound the gain that the model predicts.
    seed : int
        Of the choice of the rows with which a fit of many begins.
    verbose : int
        Whether to print a line an iteration.
    owner : str
        The estimator, for messages.
    may_change : bool
        Whether "lbfgs" may become "newton", where many passes have not been enough for
        a loss of rows whose Hessian is small.
    polish : bool
        Whether exact Newton steps end a fit, after which its coefficients do not depend
        on how they were found; the result then has their `curvature`.
    memory : Memory, default=None
        Of a fit to the same rows with another price, and for the next one.
    """

    def __init__(
        self,
        method,
        *,
        max_iter,
        tol,
        seed=0,
        verbose=0,
        owner="LinearModel",
        may_change=False,
        polish=False,
        memory=None,
    ):
        self.method, self.owner = method, owner
        self.seed, self.verbose = seed, verbose
        self.max_iter, self.tol = max_iter, tol
        self.may_change, self.polish = may_change, polish
        self.memory, self.width = memory, None

    def check(self, objective):
        is_large = objective.is_joint and not has_small_matrix(objective)
        if self.method == NEWTON and is_large:
            size = objective.n_outputs * (objective.rows.n_features + 1)
            raise ValueError(
                f"{self.owner}(solver='newton') cannot use {objective.loss!r} here, "
                "because it is a loss of rows, whose second derivatives couple all "
                f"classes: their matrix would have {size:,} rows, of at most "
                f"{SETTINGS.most_features + 1:,}. Use solver='auto'."
            )
        if self.method == NEWTON and bends_down(objective.loss):
            raise ValueError(
                f"{self.owner}(solver='newton') cannot use {objective.loss!r}, because "
                "its matrix of second derivatives has no least curvature above 0: "
                "steps could lead to a maximum. Use solver='auto'."
            )

    def solve(self, objective, start):
        """Minimize one objective.

        Parameters
        ----------
        objective : Objective
            With one output, or several that share it.
        start : tuple of ndarray
            coef and intercept to begin with.

        Returns
        -------
        SolverResult
            `bound` is the lower bound of the objective, nan if the loss is not convex
            and -inf if there is none.
        """
        return finish(self.steps(objective, start))[0]

    def steps(self, objective, start):
        """The iterations of `solve`, for somebody who looks at them.

        Yields
        ------
        callable
            () -> coef and intercept so far, after each iteration but the last. Whoever
            sends True back ends the fit there.

        Returns
        -------
        SolverResult, and the fit that knows how it was found
        """
        blocks = objective.blocks
        looks = 0 if blocks is None else blocks.log.n - 1  # the first one counts
        has_kinks = not objective.loss.differentiable
        if blocks is not None and has_kinks and objective.is_at_hand:
            result, fit = yield from self.steps(objective.at_hand, start)
            return replace(result, n_iter=np.array([blocks.log.n - looks])), fit
        coef, intercept = (array.copy() for array in start)
        outputs = slice(None) if objective.is_joint else 0
        known = self.memory and self.memory.features
        sample, features, passes = None, known, 0
        if features is None:
            enough = ROWS_PER_COEF * objective.rows.n_features
            sample = sample_of(objective, self.seed, enough)
            slopes = None if sample else slopes_at_start(objective, *start)
            features, passes = features_of(objective, sample, slopes)
        point = coef[outputs], intercept[outputs]
        relative = objective.relative()
        if relative is not None:
            few = None if sample is None else sample.relative()
            tol = max(self.tol, START_TOL)
            point, before = finish(
                self._run(relative, few, features, point, tol, passes)
            )
            passes, sample = before.problem.passes, None
        point, descent = yield from self._run(
            objective, sample, features, point, self.tol, passes
        )
        if self.memory is not None:
            self.memory.keep(descent)
        coef[outputs], intercept[outputs] = point
        self.method = descent.models.method_of(descent.model)
        state = descent.state
        value, curvature = state.best if features.is_near else None, None
        is_stopped = descent.limits.stop.is_set()
        if self.polish and has_exact_curvature(objective) and not is_stopped:
            start = np.atleast_2d(coef), np.atleast_1d(intercept)
            is_dear = blocks is not None
            known = descent.problem.term.passes.last_second if is_dear else None
            parts = *start, objective.sums, is_dear, known
            coef, intercept, curvature = polished(objective, *parts)
            value = curvature.value if is_dear else None
        n_passes = descent.problem.passes if blocks is None else blocks.log.n - looks
        result = SolverResult(
            coef,
            intercept,
            np.array([n_passes]),
            state.converged,
            warnings=self._warnings(objective, descent),
            bound=descent.bound,
            value=value,
            curvature=curvature,
            gained=np.array([descent.gained]),
        )
        return result, descent

    def _limits(self, tol):
        return Limits(self.max_iter, max(tol, SMALLEST_TOL))

    def _run(self, objective, sample, features, point, tol, passes):
        """Coefficients and intercept from a point on, and the descent; as `steps`."""
        limits = self._limits(tol)
        whole = objective.blocks is not None and objective.is_joint
        whole &= has_small_matrix(objective)
        sample = self._fit_of_sample(sample, features, point, whole)
        width, curvature = self.width, self.memory and self.memory.curvature
        renews = False
        if sample is not None:
            point, width = sample.point, sample.width
            at_hand = objective.blocks is not None  # its passes cost nothing
            passes += 0 if at_hand else math.ceil(sample.passes / SAMPLE)
            curvature = sample.curvature if width == 0 else None
            # Of points, whose curvatures a first pass sums for little more.
            renews = at_hand and objective.loss.granularity == "point"
        pairs = self.memory.pairs if self.memory and sample is None else NO_PAIRS
        models = Models(self.method, self.may_change, curvature, renews, pairs)
        parts = models, Smoothing(width), point, passes
        descent = self._descent(limits, objective, features, *parts)
        if objective.blocks is not None:
            polishes = self.polish and has_exact_curvature(objective)
            descent.problem.term.passes.polishes = polishes
        if self.memory is not None:
            descent.known, descent.last = self.memory.start, self.memory.end
        while not descent.ended:
            with np.errstate(all="ignore"):
                descent.advance()
                if self.verbose:
                    show(descent)
            if not descent.ended and (yield partial(_rows_of, descent)):
                limits.stop.set()
                break
        return descent.found(), descent

    @staticmethod
    def _descent(limits, objective, features, models, smoothing, point, passes):
        """The descent of an objective to a gap, if it has one."""
        is_here = objective.blocks is None
        kind, gap = (kinds_of if is_here else kinds_in_blocks)(objective)
        problem = kind.of(objective, features, objective.term(), passes)
        stopping = gap(limits) if objective.has_gap else Tolerance(limits)
        descent = Descent(problem, limits, stopping, models, smoothing, point)
        if objective.blocks is not None:
            problem.expect(point, smoothing.first, descent.model)
        return descent

    def _fit_of_sample(self, objective, features, point, whole=False):
        """The minimum of the objective of some rows, about; None: it was not found.

        Many rows say little more than some of them of where the minimum is, and of the
        curvature there: of a loss of rows its `whole` matrix, where that saves passes.
        """
        if objective is None or not objective.is_convex:
            return None
        features = features.with_rows(objective.rows)
        limits = self._limits(START_TOL)
        if objective.loss.granularity == "group":
            parts = Models(self.method), Smoothing(), point, 1
            descent = self._descent(limits, objective, features, *parts)
        else:
            parts = objective, features, objective.term(), point
            descent = Descent.to_tolerance(limits, *parts)
        descent.finish()
        state = descent.state
        is_found = state.converged and np.isfinite(state.kept).all()
        if descent.start.is_perfect or not is_found:
            return None
        passes, width = descent.problem.passes, descent.smoothing.width
        if whole and width == 0:
            descent.model = JointModel(descent.problem)
        return _Sample(descent.found(), passes, width, descent.curvature())

    def _warnings(self, objective, descent):
        """What the user should know: a tolerance that was missed, or no minimum."""
        if not descent.state.converged:
            is_stopped = descent.limits.stop.is_set()
            return [] if is_stopped else [self._failure(objective, descent)]
        start, term = descent.start, descent.problem.term
        left = descent.state.best - start.lowest
        penalised = not objective.penalty.is_nothing
        if descent.problem.couples_rows:
            return self._warnings_of_groups(descent, penalised, left)
        if penalised or left > descent.limits.tol * start.possible:
            return []
        # Every row has nearly its least loss. Is that a loss that is never reached?
        y, constant = term.y[term.weight > 0], term.loss.optimal_constant
        ends = np.append(constant([y.min()]), constant([y.max()]))
        if np.isfinite(ends).all():
            return []
        return [
            f"{self.owner} fits every row perfectly, as where a plane separates "
            "classes. Without a penalty its objective then has no minimum, and "
            "coefficients grow without end; these leave less than tol to gain. Use "
            "alpha > 0."
        ]

    def _warnings_of_groups(self, descent, penalised, left):
        start = descent.start
        is_free = not (penalised or start.is_perfect)
        if not is_free or left > descent.limits.tol * start.possible:
            return []
        return [
            f"{self.owner} puts all rows in the right order. Without a penalty its "
            "objective then has no minimum, and coefficients grow without end; these "
            "leave less than tol to gain. Use alpha > 0."
        ]

    def _failure(self, objective, descent):
        best, tol = descent.state.best, descent.limits.tol
        passes = descent.problem.passes
        over = passes + 2 > self.max_iter
        reason = f"in max_iter={self.max_iter} passes over the rows"
        if not over:
            reason = f"after {passes} passes, as no step lowers its objective"
        if not math.isfinite(best):
            return f"{self.owner} did not converge: {overflows(objective.loss)}"
        reached = f"{objective.loss!r} has no duality gap"
        if not objective.penalty.is_convex:
            reached = "a penalty that is not convex has no duality gap"
        if descent.bound > -np.inf:
            start = descent.start
            gain = start.at_constant - descent.bound
            least = SETTINGS.least_allowed(tol, start.possible) / tol
            gap = best - descent.bound
            share = gap / max(gain, least, SETTINGS.tiny)
            reached = (
                f"the duality gap is {gap:.1g}, which is {share:.1g} of the gain over "
                f"the best constant, and tol={tol:g}"
            )
        advice = "max_iter or tol" if over else "tol"
        advice = f"Increase {advice}, or alpha." + what_hides_of(objective)
        return f"{self.owner} did not converge {reason}: {reached}. {advice}"


class Memory:
    """What a fit leaves for one to the same rows with another price.

    Attributes
    ----------
    objectives : tuple of list of Objective and dtype, or None
        Of the rows, which have been looked at.
    features : Features or None
    curvature : Curvature or None
        In their units, of an objective that has a matrix; found when it is asked for.
    pairs : tuple of list of ndarray
        The last steps, and the changes of the slopes of the loss, if that is older.
    bent_at : ndarray or None
        Where that is the Hessian, if it is of the last fit.
    descent : Descent or None
        The last fit, as long as nobody has asked.
    start : tuple of Start and unit, or None
        Of the best constant.
    end : End or None
        Of the last fit.
    inner : Inner or None
        The last fit of some of the features, where many are left out.
    slopes : ndarray or None
        By all of the features, in their units.
    """

    def __init__(self):
        self.objectives = self.features = self.start = self.end = None
        self.bent_at = self.descent = self.inner = self.slopes = None
        self._curvature, self.pairs = None, NO_PAIRS

    @property
    def curvature(self):
        if self.descent is not None:
            self._curvature, self.descent = self._curvature_of(self.descent), None
        return self._curvature

    @curvature.setter
    def curvature(self, curvature):
        self._curvature = curvature

    def _curvature_of(self, descent):
        """The last Hessian, or another one where that has become old."""
        model, self.bent_at, self.pairs = descent.model, None, NO_PAIRS
        is_small = descent.problem.features.n_features <= SETTINGS.most_features
        if isinstance(model, JointModel):
            self.bent_at = model.theta
        elif is_small and descent.state.n_iterations >= MANY_STEPS:
            self.bent_at = descent.state.kept
            return descent.exact_curvature()
        elif isinstance(model, QuasiNewtonModel):
            self.pairs = model.pairs()
        return model.curvature()

    def keep(self, descent):
        """Remember how a descent has ended."""
        has_matrix = not isinstance(descent.model, ProductModel)
        is_exact = descent.smoothing.width == 0
        is_plain = descent.problem.couples_rows and descent.problem.is_convex
        if is_plain and has_matrix and is_exact:
            self.features = descent.problem.features
            self.start = descent.start, descent.problem.term.unit
            self.descent, self.end = descent, descent.where()


class _Sample(NamedTuple):
    """What a fit of some of the rows has found.

    Attributes
    ----------
    point : tuple of ndarray
        Coefficients and intercept.
    passes : int
        Over the rows of the sample.
    width : float
        Over how much kinks were smoothed in the end.
    curvature : Curvature
    """

    point: tuple
    passes: int
    width: float
    curvature: Curvature | None


def show(descent):
    """Print a line of an iteration."""
    state = descent.state
    print(
        f"iteration {state.n_iterations:4d}  objective {state.best:.9g}  "
        f"gap {state.best - descent.bound:.2g}  "
        f"smoothing {descent.smoothing.width:.2g}  passes {descent.problem.passes}"
    )


def _rows_of(descent):
    """Coefficients and intercepts so far, with a row for each output."""
    return rows_at(descent, descent.state.kept)


def rows_at(descent, theta):
    """Coefficients and intercepts of theta, with a row for each output."""
    coef, intercept = descent.problem.unscaled(theta)
    return np.atleast_2d(coef), np.atleast_1d(intercept)
