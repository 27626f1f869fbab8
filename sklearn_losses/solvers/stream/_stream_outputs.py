"""Streams of losses of several outputs, each with a predictor of its own.

It is a `Past` whose model and memory know what moves alone. Rows that are forgotten
leave their exact Hessian, which of single rows may have negative eigenvalues; that of
the memory has none.
"""

from copy import copy
from dataclasses import replace
from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.isotonic import isotonic_regression

from sklearn_losses.design._predictors import Predictors
from sklearn_losses.losses._ordinal import LEAST_GAP
from sklearn_losses.losses._outputs import finite_start
from sklearn_losses.solvers.descent._outputs import OutputsModels
from sklearn_losses.solvers.descent._outputs_problem import OutputsProblem
from sklearn_losses.solvers.stream._stream_fit import StreamFit
from sklearn_losses.solvers.stream._stream_memory import Matrix
from sklearn_losses.solvers.stream._stream_past import PREFIX, Past
from sklearn_losses.terms._outputs import OutputsTerm

MOST_COEFS = 2000  # a matrix of 32 MB, which a call may factor several times
ROWS_PER_COEF = 3  # with fewer the likelihood of a perfect fit has no end ...
FEWEST_ROWS = 10  # ... and with fewer rows that of a constant
LITTLE_OF_A_ROW = 0.1  # with which each class begins


class OutputsMatrix(Matrix):
    """The same with a hessian in packed order, of what moves and all intercepts.

    Attributes
    ----------
    predictors : Predictors
    """

    predictors = None

    @classmethod
    def of(cls, predictors):
        """The kind of memory for these predictors."""
        moves = predictors.moves.copy()
        moves[:, -1] |= moves[:, :-1].any(axis=1)  # where features move, so does it
        return type(cls.__name__, (cls,), {"predictors": Predictors(moves)})

    @classmethod
    def nothing(cls, at):
        size = cls.predictors.size
        return cls(at, np.zeros(at.shape), np.zeros((size, size)))

    def move(self, move):
        places, width = self.predictors.places, self.at.shape[1]
        columns, output = places % width, places // width
        is_intercept = columns == width - 1
        # Of each feature, where the intercept of its output is.
        of_output = np.empty(len(self.at), dtype=np.intp)
        of_output[output[is_intercept]] = np.flatnonzero(is_intercept)
        shift = np.append(move.shift, 0.0)[columns, None]
        hessian = self.hessian
        for _ in range(2):  # both sides
            moved = move.ratio[columns, None] * hessian
            moved += shift * hessian[of_output[output]]
            hessian = moved.T
        at, slope = move.coefficients(self.at), move.rows(self.slope)
        return type(self)(at, slope, hessian)

    def product(self, v):
        found, places = np.zeros(v.size), self.predictors.places
        found[places] = self.hessian @ v.ravel()[places]
        return found.reshape(v.shape)

    def block(self, places):
        """The hessian of some of what moves."""
        mine = self.predictors.places
        order = np.argsort(mine)
        at = order[np.searchsorted(mine, places, sorter=order)]
        return self.hessian[np.ix_(at, at)]

    def with_rows(self, theta, problem, slopes, curvatures):
        z = problem.features.chosen(np.arange(len(slopes)))
        hessian = self.hessian.copy()
        self.predictors.add_curvature(z, curvatures, hessian)
        first = self.gradient(theta) + slopes.T @ z
        return type(self)(theta, first, without_negative(hessian))

    def with_ridge(self, slope, ridge):
        hessian = self.hessian.copy()
        hessian.flat[:: len(hessian) + 1] += ridge.ravel()[self.predictors.places]
        return type(self)(self.at, self.slope + slope, hessian)


def without_negative(hessian):
    """The nearest symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(hessian)
    if values[0] >= 0.0:
        return hessian
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


class OutputsFit(StreamFit):
    """One objective of several outputs."""

    models = OutputsModels


class OutputsPast(Past):
    """See `Past`.

    While there are few rows for each coefficient, the location alone is learned, beside
    likely parameters of the loss.
    """

    def __init__(self, objective, theta):
        super().__init__(objective, theta)
        size = objective.predictors.size
        if size > MOST_COEFS:
            raise ValueError(
                f"partial_fit with learning_rate='auto' cannot use {objective.loss!r} "
                "with so many features, because it needs the matrix of second "
                f"derivatives of {size:,} coefficients, of at most {MOST_COEFS:,}. Use "
                "learning_rate='invscaling' or optimizer='adam', or leave features out."
            )
        self.kind = OutputsMatrix.of(objective.predictors)
        self.constant_kind = OutputsMatrix.of(self._constants)

    @cached_property
    def _constants(self):
        return Predictors(self.objective.predictors.moves[:, -1:].copy())

    def state(self):
        moves = self.objective.moves.astype(np.float64)
        return super().state() | {PREFIX + "moves": moves}

    @property
    def has_few(self):
        """Whether parameters of the loss are not learned yet."""
        if self.prior > 0 or not self.objective.loss.parameters:
            return False
        few = ROWS_PER_COEF * self.objective.predictors.size
        return self.n_seen < few or self.has_one_target

    @property
    def has_one_target(self):
        """Whether all targets so far are the same, which leaves no scale."""
        y = self.kept[1]
        return self.n_seen == len(y) and bool((y == y[:1]).all())

    def term(self, k, y, weight, offset):
        loss, offset = self.objective.loss, offset if offset.size else None
        return OutputsTerm(loss, y, weight, self.objective.n_outputs, offset)

    def fit(self, k, term, features, memory):
        predictors = self.objective.predictors
        if features.n_features == 0:
            predictors = self._constants
        elif self.has_few:
            predictors = predictors.of_location()
        parts = term, features, self.price(features), True
        convex = term.loss.convex
        problem = OutputsProblem(*parts, is_convex=convex, memory=memory)
        return OutputsFit(problem.with_predictors(predictors), self.n, self.stake[k])

    def found_constant(self, k, simple):
        likely = self.likely(simple.term)
        is_first = self.n_seen < FEWEST_ROWS or self.has_one_target
        if is_first and self.has_few:
            return likely
        if self.has_memory:
            return self.minimised(k, simple, self.constant)
        return self.constant_anew(k, simple, self.constant, likely)

    def likely(self, term):
        """Constant outputs from which a fit of some rows would begin."""
        start = finite_start(term.loss, term.columns, term.weight)
        start[~self._constants.moves[:, 0]] = 0.0
        return start[:, None]

    def set_unit(self, k, term, p):
        super().set_unit(k, term, p)
        self._raw = p

    def kinks(self, term, unit):
        # Slopes by a parameter have another unit than those by the location.
        loss = term.loss
        return (
            loss.unit_of(self._raw) if loss.parameters else term.width(self._raw, unit)
        )

    def learned(self, k, fit, theta, at_constant):
        if self.has_few:
            theta = theta.copy()
            theta[1:] = at_constant[1:]
        return super().learned(k, fit, theta, at_constant)


class OrdinalPast(OutputsPast):
    """The same of ordered classes, whose thresholds stay in order.

    It begins with a little of a row of each class, in the middle of the first rows:
    what has no row has no place between two thresholds.
    """

    def take(self, X, y, weight, offset):
        if self.n_seen == 0 and self.prior == 0:
            X = X.toarray() if sparse.issparse(X) else X
            n = self.objective.n_outputs
            middle = np.tile(np.average(X, axis=0, weights=weight), (n, 1))
            X, y = np.vstack([middle, X]), np.append(np.arange(float(n)), y)
            weight = np.append(np.full(n, LITTLE_OF_A_ROW * weight.mean()), weight)
            offset = np.vstack([np.zeros((n, offset.shape[1])), offset])
        super().take(X, y, weight, offset)

    def likely(self, term):
        return in_order(super().likely(term))

    def in_a_corner(self, simple, found):
        """One whose thresholds are in order: others may be better, and are no model."""
        corner = super().in_a_corner(simple, found)
        return corner if in_order(corner) is corner else found

    def minimised(self, k, fit, theta):
        found = super().minimised(k, fit, theta)
        for _ in range(len(theta)):
            theta = in_order(found)
            if theta is found:
                break
            # Thresholds that would cross go on together.
            problem = copy(fit.problem)
            problem.tied = tied(found[1:, -1], problem.predictors)
            found = super().minimised(k, replace(fit, problem=problem), theta)
        return in_order(found)


def tied(ends, predictors):
    """Which numbers move together: a column for each of what still is free.

    Parameters
    ----------
    ends : ndarray of shape (n_outputs - 1,)
        Thresholds, perhaps not in order.
    predictors : Predictors

    Returns
    -------
    ndarray of shape (size, n_free)
    """
    ordered = isotonic_regression(ends - LEAST_GAP * np.arange(len(ends)))
    first = np.searchsorted(ordered, ordered)  # of those that are the same
    width = predictors.moves.shape[1]
    own = np.arange(predictors.size)
    for k, other in enumerate(first):
        here, there = ((j + 2) * width - 1 == predictors.places for j in (k, other))
        own[here] = np.flatnonzero(there)
    found = np.zeros((len(own), len(own)))
    found[np.arange(len(own)), own] = 1.0
    return found[:, found.any(axis=0)]


def in_order(theta):
    """Coefficients whose thresholds are in order, the nearest ones."""
    ends = theta[1:, -1]
    steps = LEAST_GAP * np.arange(len(ends))
    if (np.diff(ends) >= LEAST_GAP).all():
        return theta
    theta = theta.copy()
    theta[1:, -1] = isotonic_regression(ends - steps) + steps
    return theta
