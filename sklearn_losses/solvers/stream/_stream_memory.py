"""What a stream remembers of rows that are gone: where they were, and how they pulled.

Their losses become one quadratic function of the coefficients (Luo and Song 2020): the
gradient at a point, and the curvature. It lives in centred and scaled features, and
moves along, exactly, when mean and spread of the stream change. Few coefficients have
their whole matrix; of many, the diagonal is kept and the strongest directions.

Coefficients theta are of shape (n_outputs, n_features + 1), the last column that of the
intercept, and rows e = (z, 1), so that the raw predictions are e theta'.
"""

import numpy as np

from sklearn_losses.design._centred import Centred
from sklearn_losses.design._rows import Rows
from sklearn_losses.design._sums import Sums

MOST_NUMBERS = 1 << 19  # of the matrices of all outputs: 4 MB
N_DIRECTIONS = 32  # that are kept where a matrix would be too large
CONSTANT = 1e-13  # a column whose spread is below this share of its mean is constant


class RunningUnits:
    """Running mean and spread of the columns, and z = (x - centre) scale.

    Parameters
    ----------
    n_features : int
    has_intercept : bool
        False: the centre is 0, and the spread is the root mean square.
    """

    def __init__(self, n_features, has_intercept):
        self.has_intercept = has_intercept
        self.weight = 0.0
        self.mean = np.zeros(n_features)
        self.squares = np.zeros(n_features)  # sum of weight * deviation^2
        self.centre, self.scale = self.mean, np.ones(n_features)

    @classmethod
    def from_state(cls, state, has_intercept):
        units = cls(len(state["mean"]), has_intercept)
        units.weight = float(state["weight"][0])
        units.mean, units.squares = state["mean"], state["squares"]
        units.centre, units.scale = state["centre"], state["scale"]
        return units

    def features(self, X):
        """Rows in these units."""
        X = np.ascontiguousarray(X)
        return Centred.about(Rows(X), self.centre, self.scale)

    def state(self):
        return {
            "has_intercept": np.array([float(self.has_intercept)]),
            "weight": np.array([self.weight]),
            "mean": self.mean,
            "squares": self.squares,
            "centre": self.centre,
            "scale": self.scale,
        }

    def update(self, X, weight):
        """Take in rows (Chan, Golub and LeVeque 1983)."""
        total = weight.sum()
        share = weight / total
        first = X[0] if self.has_intercept else np.zeros(X.shape[1])
        mean = first + share @ (X - first) if self.has_intercept else first
        self._add(total, mean, weight @ (X - mean) ** 2)

    def add(self, other):
        """Take in the rows of other units."""
        if other.weight > 0:
            self._add(other.weight, other.mean, other.squares)

    def _add(self, total, mean, squares):
        both = self.weight + total
        shift = mean - self.mean
        self.mean = self.mean + shift * (total / both)
        self.squares = (
            self.squares + squares + shift * shift * (self.weight * total / both)
        )
        self.weight = both
        if not np.isfinite(self.squares).all():
            column = int(np.flatnonzero(~np.isfinite(self.squares))[0])
            raise ValueError(
                f"Feature {column} is too large: the sum of its squares overflows. "
                "Scale the features, for instance with StandardScaler."
            )

    def moved(self):
        """Follow mean and spread, if they have moved; returns the `Move` or None."""
        spread = np.sqrt(self.squares / self.weight)
        varies = spread > CONSTANT * np.abs(self.mean)
        # Of a column that has not varied yet the scale does not matter: z is 0.
        size = np.where(self.mean == 0.0, 1.0, np.abs(self.mean))
        scale = 1.0 / np.where(varies, spread, size)
        ratio = scale / self.scale
        shift = (self.centre - self.mean) * scale
        if np.all(np.abs(shift) < 0.1) and np.all(np.abs(ratio - 1.0) < 0.2):
            return None
        self.centre, self.scale = self.mean, scale
        return Move(np.append(ratio, 1.0), shift)

    def to(self, other):
        """The `Move` to other units."""
        shift = (self.centre - other.centre) * other.scale
        return Move(np.append(other.scale / self.scale, 1.0), shift)


class Move:
    """From old coordinates to new ones: z_new = z_old ratio + shift."""

    def __init__(self, ratio, shift):
        self.ratio, self.shift = ratio, shift

    def rows(self, e):
        """Rows or sums of rows, of shape (..., n_features + 1)."""
        moved = e * self.ratio
        moved[..., :-1] += self.shift * e[..., -1:]
        return moved

    def coefficients(self, theta):
        """theta with the same raw predictions."""
        moved = theta / self.ratio
        moved[..., -1] -= moved[..., :-1] @ self.shift
        return moved


def fits_matrix(n_outputs, n_features, is_joint):
    """Whether the matrices of all outputs are small enough to be kept."""
    size = n_features + 1
    numbers = n_outputs * size**2 * (n_outputs if is_joint else 1)
    return numbers <= MOST_NUMBERS


class Matrix:
    """slope.(theta - at) + (theta - at)' hessian (theta - at) / 2, as a whole.

    Attributes
    ----------
    at, slope : ndarray of shape (n_outputs, n_features + 1)
    hessian : ndarray of shape (n_coefs, n_coefs)
    """

    names = ("at", "slope", "hessian")
    has_matrix = True

    @classmethod
    def nothing(cls, at):
        return cls(at, np.zeros(at.shape), np.zeros((at.size, at.size)))

    def __init__(self, at, slope, hessian):
        self.at, self.slope, self.hessian = at, slope, hessian

    def move(self, move):
        shape, hessian = self.at.shape, self.hessian
        for _ in range(2):  # both sides
            both = move.rows(hessian.reshape(-1, *shape))
            hessian = both.reshape(self.hessian.shape).T
        at, slope = move.coefficients(self.at), move.rows(self.slope)
        return Matrix(at, slope, hessian)

    def product(self, v):
        """The hessian times v, of any shape."""
        return (self.hessian @ v.ravel()).reshape(v.shape)

    def gradient(self, theta):
        away = theta.reshape(self.at.shape) - self.at
        return (self.slope + self.product(away)).reshape(theta.shape)

    def value(self, theta):
        away = theta.reshape(self.at.shape) - self.at
        return float(np.vdot(self.slope + 0.5 * self.product(away), away))

    def diagonal(self):
        return np.diag(self.hessian).reshape(self.at.shape)

    def with_rows(self, theta, problem, slopes, curvatures):
        """Take in the rows of a problem, with slopes and curvatures at theta.

        Parameters
        ----------
        theta : ndarray of shape (n_outputs, n_features + 1)
        problem : CentredProblem
        slopes : ndarray
            Of the shape of raw predictions.
        curvatures : ndarray of shape (n_rows,) or (n_rows, n_outputs, n_outputs)
        """
        first, hessian = problem.moments(slopes, curvatures)
        return Matrix(theta, self.gradient(theta) + first, self.hessian + hessian)

    def plus(self, other):
        """The sum with another memory, up to a constant."""
        slope = self.slope + other.gradient(self.at)
        return Matrix(self.at, slope, self.hessian + other.hessian)

    def with_ridge(self, slope, ridge):
        """A memory whose gradient at `at` is greater by slope, with more curvature."""
        hessian = self.hessian.copy()
        hessian.flat[:: len(hessian) + 1] += ridge.ravel()
        return Matrix(self.at, self.slope + slope, hessian)


class Sketch(Matrix):
    """The same with a hessian for each output: diagonal + strongest directions.

    The diagonal of the whole is exact; outputs that share an objective are not linked.

    Attributes
    ----------
    rest : ndarray of shape (n_outputs, n_features + 1)
        The diagonal without that of the directions.
    directions : ndarray of shape (n_outputs, N_DIRECTIONS, n_features + 1)
    """

    names = ("at", "slope", "rest", "directions")
    has_matrix = False

    @classmethod
    def nothing(cls, at):
        directions = np.zeros((at.shape[0], N_DIRECTIONS, at.shape[1]))
        return cls(at, np.zeros(at.shape), np.zeros(at.shape), directions)

    def __init__(self, at, slope, rest, directions):
        self.at, self.slope = at, slope
        self.rest, self.directions = rest, directions

    def move(self, move):
        return Sketch(
            move.coefficients(self.at),
            move.rows(self.slope),
            self.rest * move.ratio**2,
            move.rows(self.directions),
        )

    def product(self, v):
        theta = v.reshape(self.at.shape)
        along = np.einsum("krj,kj->kr", self.directions, theta)
        found = self.rest * theta + np.einsum("kr,krj->kj", along, self.directions)
        return found.reshape(v.shape)

    def diagonal(self):
        return self.rest + np.einsum("krj,krj->kj", self.directions, self.directions)

    def with_rows(self, theta, problem, slopes, curvatures):
        each = curvatures.reshape(len(curvatures), -1)[:, :: len(theta) + 1]
        sums = problem.sums(slopes, np.ascontiguousarray(each), "diagonal")
        directions = np.empty_like(self.directions)
        for k in range(len(theta)):
            some = problem.features, each[:, k], self.directions[k]
            directions[k] = _strongest(*some)
        squares = np.einsum("krj,krj->kj", directions, directions)
        rest = np.maximum(self.diagonal() + sums.second - squares, 0.0)
        return Sketch(theta, self.gradient(theta) + sums.first, rest, directions)

    def plus(self, other):
        both = np.concatenate([self.directions, other.directions], axis=1)
        _, values, right = np.linalg.svd(both, full_matrices=False)
        directions = (values[..., None] * right)[:, :N_DIRECTIONS]
        squares = np.einsum("krj,krj->kj", directions, directions)
        rest = np.maximum(self.diagonal() + other.diagonal() - squares, 0.0)
        slope = self.slope + other.gradient(self.at)
        return Sketch(self.at, slope, rest, directions)

    def with_ridge(self, slope, ridge):
        more = self.slope + slope, self.rest + ridge
        return Sketch(self.at, *more, self.directions)


def _strongest(features, curvature, directions):
    """The leading singular vectors, times values, of rows and directions together.

    By subspace iteration (Halko, Martinsson and Tropp 2011) from a fixed start.
    """
    n_kept = len(directions)
    weight = np.sqrt(curvature)[:, None]
    n_all = len(weight) + n_kept
    start = np.random.default_rng(0).standard_normal((n_all, min(n_kept + 8, n_all)))

    def transposed(g):
        sums = Sums(features, g.shape[1])
        for block in features.blocks:
            sums.add(block, g[: len(weight)][block] * weight[block])
        return sums.first + g[len(weight) :].T @ directions

    def product(basis):
        return np.vstack([features.raw(basis) * weight, directions @ basis.T])

    basis = np.linalg.qr(transposed(start).T)[0].T
    for _ in range(2):
        left = np.linalg.qr(product(basis))[0]
        basis = np.linalg.qr(transposed(left).T)[0].T
    _, values, right = np.linalg.svd(product(basis), full_matrices=False)
    found = np.zeros_like(directions)
    n = min(n_kept, len(values))
    found[:n] = values[:n, None] * (right[:n] @ basis)
    return found
