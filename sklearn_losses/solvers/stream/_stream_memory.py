"""What a stream remembers of rows that are gone: where they were, and how they pulled.

Their losses become one quadratic function of the coefficients (Luo and Song 2020): the
gradient at a point, and the curvature. It lives in centred and scaled features, and
moves along, exactly, when mean and spread of the stream change. Few coefficients have
their whole matrix; of many, the diagonal is kept and the strongest directions.

Coefficients theta are of shape (n_outputs, n_features + 1), the last column that of the
intercept, and rows e = (z, 1), so that the raw predictions are e theta'.
"""

import numpy as np

MOST_NUMBERS = 1 << 19  # of the matrices of all outputs: 4 MB
N_DIRECTIONS = 32  # that are kept where a matrix would be too large
CONSTANT = 1e-13  # a column whose spread is below this share of its mean is constant


class Coordinates:
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
        own = cls(len(state["mean"]), has_intercept)
        own.weight = float(state["weight"][0])
        own.mean, own.squares = state["mean"], state["squares"]
        own.centre, own.scale = state["centre"], state["scale"]
        return own

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
        squares = weight @ (X - mean) ** 2
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


class DenseRows:
    """Rows e = (z, 1) as an array."""

    def __init__(self, X, coordinates):
        self.e = np.empty((X.shape[0], X.shape[1] + 1))
        z = self.e[:, :-1]
        np.subtract(X, coordinates.centre, out=z)
        z *= coordinates.scale
        self.e[:, -1] = coordinates.has_intercept

    def dot(self, theta):
        return self.e @ theta.T

    def transposed_dot(self, g):
        return g.T @ self.e

    def squares(self, c):
        return c.T @ self.e**2

    def hessian(self, curvatures):
        """sum_i curvatures_i (x) e_i e_i', of shape (n_coefs, n_coefs)."""
        size, k = self.e.shape[1], curvatures.shape[1]
        found = np.empty((k, size, k, size))
        e, bent = self.e, curvatures.any(axis=(1, 2))
        if 2 * np.count_nonzero(bent) < len(e):  # as of a loss with kinks
            e, curvatures = e[bent], curvatures[bent]
        for a in range(k):
            for b in range(a + 1):
                block = e.T @ (curvatures[:, a, b, None] * e)
                found[a, :, b], found[b, :, a] = block, block
        return found.reshape(k * size, k * size)


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

    def product(self, theta):
        return (self.hessian @ theta.ravel()).reshape(theta.shape)

    def gradient(self, theta):
        return self.slope + self.product(theta - self.at)

    def value(self, theta):
        away = theta - self.at
        return float(np.vdot(self.slope + 0.5 * self.product(away), away))

    def diagonal(self):
        return np.diag(self.hessian).reshape(self.at.shape)

    def with_rows(self, theta, rows, slopes, curvatures):
        """Take in rows with their slopes and curvatures at theta."""
        return Matrix(
            theta,
            self.gradient(theta) + rows.transposed_dot(slopes),
            self.hessian + rows.hessian(curvatures),
        )

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

    def product(self, theta):
        along = np.einsum("krj,kj->kr", self.directions, theta)
        return self.rest * theta + np.einsum("kr,krj->kj", along, self.directions)

    def diagonal(self):
        return self.rest + np.einsum("krj,krj->kj", self.directions, self.directions)

    def with_rows(self, theta, rows, slopes, curvatures):
        own = np.einsum("nkk->nk", curvatures)
        diagonal = self.diagonal() + rows.squares(own)
        directions = np.empty_like(self.directions)
        for k in range(len(theta)):
            directions[k] = _strongest(rows, own[:, k], self.directions[k])
        squares = np.einsum("krj,krj->kj", directions, directions)
        slope = self.gradient(theta) + rows.transposed_dot(slopes)
        rest = np.maximum(diagonal - squares, 0.0)
        return Sketch(theta, slope, rest, directions)

    def with_ridge(self, slope, ridge):
        more = self.slope + slope, self.rest + ridge
        return Sketch(self.at, *more, self.directions)


def _strongest(rows, curvature, directions):
    """The leading singular vectors, times values, of rows and directions together.

    By subspace iteration (Halko, Martinsson and Tropp 2011) from a fixed start.
    """
    n_kept = len(directions)
    weight = np.sqrt(curvature)[:, None]
    n_all = len(weight) + n_kept
    start = np.random.default_rng(0).standard_normal((n_all, min(n_kept + 8, n_all)))

    def transposed(g):
        above = g[: len(weight)] * weight
        return rows.transposed_dot(above) + g[len(weight) :].T @ directions

    def product(basis):
        return np.vstack([rows.dot(basis) * weight, directions @ basis.T])

    basis = np.linalg.qr(transposed(start).T)[0].T
    for _ in range(2):
        left = np.linalg.qr(product(basis))[0]
        basis = np.linalg.qr(transposed(left).T)[0].T
    _, values, right = np.linalg.svd(product(basis), full_matrices=False)
    found = np.zeros_like(directions)
    n = min(n_kept, len(values))
    found[:n] = values[:n, None] * (right[:n] @ basis)
    return found
