"""The objective of an embedding, and a lower bound of it.

    F(L) = loss(X L') + alpha tr(M),        M = L'L,

is convex in M where the loss is convex in squared distances. There the slopes at any L
prove how near it is. With r the distances, u the slopes by them and H = X' A X the sum
of u_ij (x_i - x_j)(x_i - x_j)', the loss of any M is at least loss(r) + <H, M> - u.r.
Losses of tuples are >= 0, so for each share 0 <= c <= 1 it is at least c times that,
too, and

    min F >= c (loss(r) - u.r)        if c H + alpha I has no negative eigenvalue;

of a diagonal M: no negative entry on the diagonal. What bounds the objective of all M
bounds that of maps to few components as well.
"""

import numpy as np

MOST_FEATURES = 3000  # whose matrix has its eigenvalues in some seconds
MOST_ENTRIES = 1 << 26  # of sparse rows that are made dense for a bound
WIDTHS = 1e-4, 1e-3, 1e-2, 0.1  # of kinks, in margins, whose bounds are asked for


class EmbeddingObjective:
    """A tuple loss of mapped rows, and what the map costs, as a function of a vector.

    Parameters
    ----------
    points : Points
    term : EdgeTerm or AnchorTerm
    alpha : float
    is_diagonal : bool
        Whether M is: its diagonal is the vector. Otherwise the entries of L are.
    """

    def __init__(self, points, term, alpha, is_diagonal):
        self.points, self.term, self.alpha = points, term, alpha
        self.is_diagonal, self.loss = is_diagonal, term.loss

    def with_term(self, term):
        return EmbeddingObjective(self.points, term, self.alpha, self.is_diagonal)

    # A threshold that is fitted is the last entry of the vector.
    def map_of(self, theta):
        """L, for rows in the units of `points`."""
        own = theta[:-1] if self.loss.fits_threshold else theta
        if self.is_diagonal:
            return np.diag(np.sqrt(own))
        return own.reshape(-1, self.points.shape[1])

    def vector_of(self, L, threshold):
        """The vector that stands for a map."""
        own = np.diag(L) ** 2 if self.is_diagonal else L.ravel()
        return np.append(own, threshold) if self.loss.fits_threshold else own

    def places(self, theta):
        """Where the rows are."""
        L = self.map_of(theta)
        if self.is_diagonal:
            return np.ascontiguousarray(self.points.dense() * np.diag(L))
        return self.points.map(L)

    def term_at(self, theta):
        """The term, with a threshold that is a number."""
        if not self.loss.fits_threshold:
            return self.term
        return self.term.with_loss(self.loss.at(theta[-1]))

    def value_gradient(self, theta):
        """F and its gradient."""
        Z, term = self.places(theta), self.term_at(theta)
        if self.is_diagonal:
            X = self.points.dense()
            value, product, total = term.sums(Z, X)
            value += self.alpha * float(theta[: X.shape[1]].sum())
            gradient = (X * product).sum(axis=0) + self.alpha
        else:
            value, product, total = term.sums(Z)
            L = self.map_of(theta)
            value += self.alpha * float((L * L).sum())
            gradient = 2.0 * (self.points.back(product) + self.alpha * L).ravel()
        if self.loss.fits_threshold:  # losses depend on d^2 - threshold alone
            gradient = np.append(gradient, -total)
        return value, gradient

    @property
    def has_bound(self):
        """Whether `bound` may be asked for."""
        n, d = self.points.shape
        few = n * d <= MOST_ENTRIES or not self.points.is_sparse
        return bool(self.loss.convex) and d <= MOST_FEATURES and few

    def smoothed(self, width):
        """The objective with kinks smoothed from below: never above this one."""
        return self.with_term(self.term.with_loss(self.loss.softened(width)))

    def bound(self, theta):
        """A lower bound of F over all metrics."""
        found = [self._bound(theta)]
        if not self.loss.differentiable:  # where slopes jump they prove little
            found += [self.smoothed(width)._bound(theta) for width in WIDTHS]
        return max(found)

    def _bound(self, theta):
        Z, X, term = self.places(theta), self.points.dense(), self.term_at(theta)
        value, product, total = term.sums(Z)
        gained = value - float((product * Z).sum())
        if self.loss.fits_threshold:
            # Slopes that sum to 0, but for rounding, leave the threshold out of it.
            farthest = 4.0 * float((Z * Z).sum(axis=1).max())
            gained -= abs(total) * (theta[-1] + farthest) - total * theta[-1]
        product = term.sums(Z, X)[1]
        if self.is_diagonal:
            least = float((X * product).sum(axis=0).min())
        else:
            least = float(np.linalg.eigvalsh(X.T @ product)[0])
        share = 1.0 if least >= -self.alpha else self.alpha / -least
        return max(0.0, share * gained)
