"""What a block of data is to a loss of several outputs, as of ordered classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_losses.design._predictors import Predictors
from sklearn_losses.design._rows import Rows
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._objective import Targets
from sklearn_losses.problem._outputs import OutputsObjective
from sklearn_losses.problem._posed import numbers_of


@dataclass(frozen=True)
class OutputsPose:
    """What the data of blocks mean; see `Pose`.

    Parameters
    ----------
    loss : Likelihood
    n_outputs : int
    fit_intercept : bool
    predictors : Predictors
    targets : callable
        (y, loss) -> numbers.
    total_weight : float
        S, of all blocks.
    labels : ndarray or None
        Sorted; None: y is the target as it is.
    codes, factors : ndarray
        Of each label, the target and the factor of weights.
    """

    loss: Any
    n_outputs: int
    fit_intercept: bool
    predictors: Predictors
    targets: Any = numbers_of
    total_weight: float = 1.0
    labels: np.ndarray | None = None
    codes: np.ndarray | None = None
    factors: np.ndarray | None = None

    def objective(self, data, total_weight=None, price=None):
        """The share of some data in the objective, or (with S) one of them alone."""
        y, weight = data.y, data.weight
        if self.labels is not None:
            k = np.searchsorted(self.labels, y)
            y, each = self.codes[k], self.factors[k]
            weight = each if weight is None else weight * each
        y = self.targets(y, self.loss)
        return OutputsObjective(
            *(self.loss, Rows(data.X), Targets(y), weight),
            self.total_weight if total_weight is None else total_weight,
            Price() if price is None else price,
            self.n_outputs,
            fit_intercept=self.fit_intercept,
            offset=of_location(data.offset, self.n_outputs),
            predictors=self.predictors,
        ).without_offset()


def of_location(offset, n_outputs):
    """Offsets with a column for each output, of that of the location."""
    if offset is None:
        return None
    return np.column_stack([offset, np.zeros((len(offset), n_outputs - 1))])
