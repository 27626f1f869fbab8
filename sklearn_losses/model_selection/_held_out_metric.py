"""The metric of held-out rows as a function of what is tuned, and what it says.

Of each row the value and its slope by the parameters are kept, which tell how sure the
answer is, and from which other loss it cannot be told.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses._machine._typing import Array
from sklearn_losses.model_selection._outer import Box
from sklearn_losses.model_selection._ranges import Range

DIFFERENCE = 0.01  # of a range, for the curvature of the metric
MOST_CONFIRMED, SAME = 5, 1e-4  # points, and of the metric, that fits anew repeat
TOLD = 2.0  # standard errors apart are two values that can be told from each other

# Values of parameters at which a loss is another one.
NAMED = {
    ("Barron", "alpha"): {
        2.0: "SquaredError",
        1.0: "PseudoHuber",
        0.0: "Cauchy",
        -2.0: "GemanMcClure",
    },
    ("Focal", "gamma"): {0.0: "LogLoss"},
    ("PolyLoss", "epsilon"): {0.0: "LogLoss"},
    ("Tweedie", "power"): {1.0: "Poisson", 2.0: "Gamma"},
    ("Expectile", "expectile"): {0.5: "SquaredError"},
}


class Outer:
    """The mean of a metric over all rows that are held out, as a function.

    Parameters
    ----------
    ranges : list of Range
    parts : list of HeldOut or LeftOutRows
    """

    def __init__(self, ranges: list[Range], parts: list[Any]) -> None:
        self.ranges, self.parts, self.why = ranges, parts, None
        self.weight = np.concatenate([part.weight for part in parts])
        self._rows: dict[bytes, tuple[Array, Array]] = {}

    def params(self, x: Array) -> dict[str, float]:
        """The parameters of numbers from 0 to 1."""
        return {one.name: one.value(at) for one, at in zip(self.ranges, x)}

    def measure(self, x: Array) -> tuple[float, Array]:
        """Value and gradient; inf where fits or the metric are impossible."""
        try:
            with np.errstate(all="ignore"):
                found = [part.measure(x) for part in self.parts]
        except (ValueError, np.linalg.LinAlgError) as error:
            self.why = error
            return np.inf, np.zeros(len(x))
        share = self.weight / self.weight.sum()
        seen = share > 0
        values = np.concatenate([one.values for one in found])[seen]
        slopes = np.concatenate([one.slopes for one in found])[seen]
        self._rows[x.tobytes()] = values, slopes
        return float(share[seen] @ values), share[seen] @ slopes

    def rows_at(self, x: Array) -> tuple[Array, Array]:
        """The metric of each row at a point, and the share of its weight."""
        seen = self.weight > 0
        return self._rows[x.tobytes()][0], self.weight[seen] / self.weight.sum()

    def confirmed(self, box: Box) -> tuple[Array, float]:
        """The best point that fits find that begin anew, and its value.

        Of a loss that is not convex a minimum may have been followed to where a fit on
        its own does not find it.
        """
        seen = sorted(box.seen, key=lambda one: one[1])
        if all(part.inner.at(seen[0][0])[0].is_convex for part in self.parts):
            return seen[0][:2]
        found = []
        for x, value, _ in seen[:MOST_CONFIRMED]:
            for part in self.parts:
                part.inner.forget()
            anew = self.measure(x)[0]
            found.append((x, anew))
            if anew <= value + SAME * abs(value):
                break
        return min(found, key=lambda one: one[1])

    def errors(self, box: Box, x: Array, free: Array) -> Array:
        """Standard errors of the parameters that are free, in units of their ranges."""
        slope, rows = box(x)[1], self._rows[x.tobytes()][1][:, free]
        bends = np.zeros((len(free), len(free)))
        for i, j in enumerate(free):
            at = x.copy()
            at[j] += DIFFERENCE if at[j] < 0.5 else -DIFFERENCE
            value, other = box(at)
            if not np.isfinite(value):
                return np.full(len(free), np.inf)
            bends[i] = (other - slope)[free] / (at[j] - x[j])
        bends = 0.5 * (bends + bends.T)
        if not np.linalg.eigvalsh(bends)[0] > 0:
            return np.full(len(free), np.inf)
        share = self.weight[self.weight > 0] / self.weight.sum()
        pulls = share[:, None] * (rows - share @ rows)
        inverse = np.linalg.inv(bends)
        return np.sqrt(np.diag(inverse @ (pulls.T @ pulls) @ inverse))

    def is_as_good(self, box: Box, x: Array, j: int, value: float) -> bool:
        """Whether another value of a parameter is worse by less than two errors."""
        at = x.copy()
        at[j] = self.ranges[j].unit(value)
        if not np.isfinite(box(at)[0]):
            return False
        worse = self._rows[at.tobytes()][0] - self._rows[x.tobytes()][0]
        share = self.weight[self.weight > 0] / self.weight.sum()
        mean = float(share @ worse)
        return mean < TOLD * float(np.sqrt(share**2 @ (worse - mean) ** 2))


def named_in(model, ranges):
    """Where the losses that are tuned are others: (range, value, name)."""
    params, found = model.get_params(), []
    for j, one in enumerate(ranges):
        owner, _, short = one.name.rpartition("__")
        named = NAMED.get((type(params.get(owner)).__name__, short), {})
        inside = one.low, one.high
        found += [(j, v, n) for v, n in named.items() if inside[0] <= v <= inside[1]]
    return found


def distinct_folds(X, y, weight, n_folds, seed, classifies):
    """Folds in which equal rows are together, in whatever order rows are.

    Yields
    ------
    train, test : ndarray of int
    """
    if n_folds < 2:
        raise InvalidParameterError(
            f"The 'cv' parameter must be at least 2 folds. Got {n_folds!r} instead."
        )
    rng = np.random.default_rng(0)
    along = np.asarray(X @ rng.normal(size=X.shape[1])).ravel()
    here = np.arange(len(y)) if weight is None else np.flatnonzero(weight > 0)
    size = np.abs(along[here]).max(initial=0.0) or 1.0
    keys = np.round(along / size, 9)
    codes = np.unique(y, return_inverse=True)[1]
    pairs, which = np.unique(
        np.column_stack([codes[here], keys[here]]), axis=0, return_inverse=True
    )
    if len(pairs) < n_folds:
        raise ValueError(
            f"cv={n_folds} folds need as many rows that differ, and there are "
            f"{len(pairs)} with n_samples={len(y)}. Use fewer folds, or 'loo'."
        )
    order = np.random.default_rng(seed).permutation(len(pairs))
    if classifies:  # the same shares of all classes
        order = order[np.argsort(pairs[order, 0], kind="stable")]
    fold_of = np.empty(len(pairs), dtype=int)
    fold_of[order] = np.arange(len(pairs)) % n_folds
    folds = fold_of[which.ravel()]
    for k in range(n_folds):
        yield here[folds != k], here[folds == k]
