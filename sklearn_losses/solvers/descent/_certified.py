"""The solver of LinearRegressor and LinearClassifier: to a certified optimum.

A fit of many rows begins at the minimum for a sample of them, in units of its mean and
spread, with the curvature that a smooth loss has there: a few passes then do, each of
which forms raw predictions, losses and gradient of a few rows while they are in cache
(subsampled Newton methods: Roosta-Khorasani and Mahoney 2019; their corrections are
those of L-BFGS).
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from sklearn_losses.solvers._base import Solver, SolverResult, finish
from sklearn_losses.solvers.descent._curvature import Curvature
from sklearn_losses.solvers.descent._descent import (
    MOST_FEATURES,
    features_for,
    has_small_matrix,
    slopes_at_start,
    term_of,
)
from sklearn_losses.solvers.descent._exact import has_exact_curvature, polished
from sklearn_losses.solvers.descent._gap_descent import (
    LBFGS,
    NEWTON,
    CertifiedFit,
    fit_of,
)
from sklearn_losses.solvers.descent._group_fit import GroupFit
from sklearn_losses.solvers.descent._newton import Newton

DEAR = 200  # coefficients of a loss of rows, from which on a Hessian takes long
START_TOL = 1e-3  # of the convex relative of what is not convex
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
    if not has_small_matrix(objective):
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
    ):
        self.method, self.owner = method, owner
        self.seed, self.verbose = seed, verbose
        self.max_iter, self.tol = max_iter, tol
        self.may_change, self.polish = may_change, polish

    def check(self, objective):
        is_large = objective.is_joint and not has_small_matrix(objective)
        if self.method == NEWTON and is_large:
            size = objective.n_outputs * (objective.rows.n_features + 1)
            raise ValueError(
                f"{self.owner}(solver='newton') cannot use {objective.loss!r} here, "
                "because it is a loss of rows, whose second derivatives couple all "
                f"classes: their matrix would have {size:,} rows, of at most "
                f"{MOST_FEATURES + 1:,}. Use solver='auto'."
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
        coef, intercept = (array.copy() for array in start)
        outputs = slice(None) if objective.is_joint else 0
        enough = ROWS_PER_COEF * objective.rows.n_features
        sample = sample_of(objective, self.seed, enough)
        slopes = None if sample else slopes_at_start(objective, *start)
        features, passes = features_of(objective, sample, slopes)
        point = coef[outputs], intercept[outputs]
        relative = objective.relative()
        if relative is not None:
            few = None if sample is None else sample.relative()
            tol = max(self.tol, START_TOL)
            point, fit = finish(self._run(relative, few, features, point, tol, passes))
            passes, sample = fit.passes, None
        point, fit = yield from self._run(
            objective, sample, features, point, self.tol, passes
        )
        coef[outputs], intercept[outputs] = point
        self.method = fit.method
        value, curvature = fit.best if features.is_near else None, None
        if self.polish and has_exact_curvature(objective):
            value, start = None, (np.atleast_2d(coef), np.atleast_1d(intercept))
            coef, intercept, curvature = polished(objective, *start)
        result = SolverResult(
            coef,
            intercept,
            np.array([fit.passes]),
            fit.converged,
            warnings=fit.warnings(self.owner),
            bound=fit.bound,
            value=value,
            curvature=curvature,
            gained=np.array([fit.at_constant - fit.best]),
        )
        return result, fit

    def _steps(self, tol):
        return Newton(max_iter=self.max_iter, tol=tol)

    def _run(self, objective, sample, features, point, tol, passes):
        """Coefficients and intercept from a point on, and the fit; as `steps`."""
        steps = self._steps(tol)
        sample = self._fit_of_sample(sample, features, point)
        if sample is not None:
            point = sample.point
            passes += math.ceil(sample.passes / SAMPLE)
        term = term_of(objective)
        fit = self._fit(steps, objective, features, term, *point, passes)
        if sample is not None:
            fit.go_on(sample)
        while not (fit.ended or fit.is_stopped):
            with np.errstate(all="ignore"):
                fit.advance()
                if self.verbose:
                    fit.show()
            if not fit.ended:
                fit.is_stopped = bool((yield partial(_rows_of, fit)))
        return _unscaled(fit), fit

    def _fit(self, steps, objective, *parts, is_sample=False):
        """The fit of an objective, by what its loss is of."""
        if objective.loss.granularity == "group":
            return GroupFit(self, steps, objective, *parts)
        if is_sample:
            return fit_of(steps, objective, *parts)
        return CertifiedFit(self, steps, objective, *parts)

    def _fit_of_sample(self, objective, features, point):
        """The minimum of the objective of some rows, about; None: it was not found.

        Many rows say little more than some of them of where the minimum is, and of the
        curvature there.
        """
        if objective is None or not objective.is_convex:
            return None
        features = features.with_rows(objective.rows)
        term = term_of(objective)
        steps = self._steps(START_TOL)
        fit = self._fit(steps, objective, features, term, *point, is_sample=True)
        with np.errstate(all="ignore"):
            while not fit.ended:
                fit.advance()
        if fit.is_perfect or not (fit.converged and np.isfinite(fit.kept).all()):
            return None
        return _Sample(_unscaled(fit), fit.passes, fit.h, fit.curvature())


class _Sample(NamedTuple):
    """What a fit of some of the rows has found.

    Attributes
    ----------
    point : tuple of ndarray
        Coefficients and intercept.
    passes : int
        Over the rows of the sample.
    h : float
        How far kinks were smoothed in the end.
    curvature : Curvature
    """

    point: tuple
    passes: int
    h: float
    curvature: Curvature


def _unscaled(fit):
    return fit.features.unscaled(fit.kept[..., :-1], fit.kept[..., -1])


def _rows_of(fit):
    """The same, with a row for each output, if it is but one."""
    return rows_at(fit, fit.kept)


def rows_at(fit, theta):
    """Coefficients and intercepts of theta, with a row for each output."""
    coef, intercept = fit.features.unscaled(theta[..., :-1], theta[..., -1])
    return np.atleast_2d(coef), np.atleast_1d(intercept)
