"""Quantiles that cannot cross where the rows of the fit are: on the box around them.

With features in [0, 1] there, a linear function is nowhere negative on the box if, and
only if, it is a sum of x_j and 1 - x_j with factors >= 0 (Bondell, Reich and Wang 2010,
"Noncrossing quantile regression curve estimation", Biometrika 97, have it as a
constraint). So the first quantile and the differences of the next ones are outputs of
these 2 d features, with coefficients >= 0, and the first has an intercept besides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.design._predictors import Predictors
from sklearn_losses.design._rows import Rows
from sklearn_losses.losses import Quantiles
from sklearn_losses.losses._tasks import Mapped
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._outputs import OutputsObjective


@dataclass(frozen=True, eq=False)
class Box:
    """Where the features of a fit are.

    Parameters
    ----------
    low, size : ndarray of shape (n_features,)
    """

    low: np.ndarray
    size: np.ndarray

    @classmethod
    def around(cls, X):
        """That of some rows; of a constant feature the size is 1."""
        low, size = X.min(axis=0), np.ptp(X, axis=0)
        return cls(low, np.where(size > 0, size, 1.0))

    def features(self, X):
        """x_j and 1 - x_j, in [0, 1] within the box."""
        inside = (X - self.low) / self.size
        return np.hstack([inside, 1.0 - inside])

    def of_levels(self, coef, intercept):
        """Coefficients and intercepts of each quantile, of features as they were."""
        up, down = np.split(coef, 2, axis=1)
        slopes = np.cumsum((up - down) / self.size, axis=0)
        constants = np.cumsum(intercept + down.sum(axis=1))
        return slopes, constants - slopes @ self.low


@dataclass(frozen=True, eq=False)
class NoncrossingObjective(OutputsObjective):
    """F of the first quantile and of differences, of features in a box."""

    box: Box = None

    def start(self):
        """The quantiles of y, as coefficients >= 0."""
        y, weight = self.targets.y, self.sample_weight
        weight = np.ones(len(y)) if weight is None else weight
        found = np.sort(self.loss.loss.optimal_constant(y, weight))
        coef = np.zeros((self.n_outputs, self.rows.n_features))
        coef[1:] = np.diff(found)[:, None] / len(self.box.low)
        return coef, np.append(found[0], np.zeros(len(found) - 1))


def noncrossing_objective(owner, loss, rows, targets, weight, total):
    """The objective of quantiles that do not cross on the box of the rows.

    Parameters
    ----------
    owner : LinearRegressor
    loss : Quantiles
    rows : Rows
    targets : Targets
    weight : ndarray or None
    total : float

    Raises
    ------
    InvalidParameterError
        If there is a penalty, or a bound, or no intercept.
    """
    price = owner.penalty if owner.alpha > 0 else None
    for name, given in (("penalty", price), ("bounds", owner.bounds)):
        if given is not None:
            raise InvalidParameterError(
                f"{type(owner).__name__}({name}={given!r}) cannot use {loss!r}, whose "
                f"coefficients are bound to each other. Use {name}=None, or "
                "crossing='sort' or 'parallel'."
            )
    if owner.positive or not owner.fit_intercept:
        raise InvalidParameterError(
            f"{type(owner).__name__} cannot use {loss!r} with positive=True or "
            "fit_intercept=False. Use crossing='sort'."
        )
    X = np.asarray(rows.to_dense(), dtype=np.float64)
    box = Box.around(X if weight is None else X[weight > 0])
    n_levels, n_features = len(loss.each()), 2 * X.shape[1]
    sums = np.tril(np.ones((n_levels, n_levels)))
    each = Quantiles(loss.levels)
    moves = np.ones((n_levels, n_features + 1), dtype=bool)
    moves[1:, -1] = False
    return NoncrossingObjective(
        *(
            Mapped(each, sums, np.zeros(n_levels)),
            Rows(box.features(X)),
        ),
        *(
            targets,
            weight,
            total,
            Price(low=0.0),
            n_levels,
        ),
        fit_intercept=False,
        predictors=Predictors(moves, share_bounds=True),
        box=box,
    )
