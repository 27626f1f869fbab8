"""What an epoch of SGD is told: how its steps are made, and of which samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_losses._machine._typing import Array
from sklearn_losses.losses._table import CLoss
from sklearn_losses.problem._objective import Targets
from sklearn_losses.solvers.sgd._schedules import Schedule


@dataclass(frozen=True)
class SGDSettings:
    """How steps are made.

    Parameters
    ----------
    schedule : Schedule
        How long they are.
    batch_size : int
        How many rows a step takes: consecutive ones of the epoch's order, of which the
        last step takes what is left. It moves by the mean of their gradients.
    n_threads : int
        The most threads that share a large batch; the result does not depend on it.
    average : int
        The step with which the mean of the iterates begins; 0 for no mean.
    seed : int or None
        Of the order of the rows, drawn anew for each epoch; None: as they come.
    clip : float
        The most that the mean gradient of a step may be; inf for no clipping.
    clip_by : {"norm", "value"}
        Whether that is its norm, or each of its entries.
    """

    schedule: Schedule
    batch_size: int = 1
    n_threads: int = 1
    average: int = 0
    seed: int | None = None
    clip: float = np.inf
    clip_by: str = "norm"

    @property
    def clips(self) -> bool:
        """Whether a gradient may be too large."""
        return bool(np.isfinite(self.clip))


@dataclass(frozen=True)
class Samples:
    """What kernels read of the rows of an epoch, besides their features.

    Parameters
    ----------
    loss : CLoss
    targets : Targets
    weight : ndarray of float64 of shape (n_rows,) or None
    offset : ndarray of float64 of shape (n_rows, n_outputs) or None
    order : ndarray of uint32 or None
        The rows of an epoch; a shuffle is in place. None: all as they come.
    """

    loss: CLoss
    targets: Targets
    weight: Array | None = None
    offset: Array | None = None
    order: np.ndarray | None = None

    @property
    def n_rows(self) -> int:
        """How many rows an epoch takes."""
        return len(self.targets.y if self.order is None else self.order)
