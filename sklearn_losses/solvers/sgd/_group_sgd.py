"""Steps of SGD for a loss of groups: a step takes whole groups, or draws of their rows.

The epochs are those of _sgd.py; which rows a batch has is in _group_batches.pyx.
"""

from dataclasses import replace

import numpy as np

from sklearn_losses.problem._objective import Targets
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers._progress import NOTHING
from sklearn_losses.solvers.sgd._gradient_epoch import GradientSteps
from sklearn_losses.solvers.sgd._group_batches import GroupBatches
from sklearn_losses.solvers.sgd._optimizers import Plain
from sklearn_losses.solvers.sgd._sgd import SGD
from sklearn_losses.solvers.sgd._visits import RiskSets, visits_of


class GroupSGD(SGD):
    """SGD for a `GroupObjective`; `batch_size` counts groups, or draws.

    Parameters and result are those of `SGD`. What is not convex begins where the same
    steps lead to with its convex relative: `LambdaRank` has no slope where all scores
    are the same.
    """

    def __init__(self, settings, **more):
        super().__init__(settings, **more)
        self.convex_start = True
        if settings.clips:  # the gradient of several rows has to be formed
            self.optimizer = self.optimizer or Plain()

    def solve(self, objective, start, train=None, watch=NOTHING):
        relative = objective.relative() if self.convex_start else None
        if relative is None:
            return super().solve(objective, start, train, watch)
        before = super().solve(relative, start)
        state = before.state | {"t": start["t"]}
        found = super().solve(objective, state, train, watch)
        found.n_iter = found.n_iter + before.n_iter
        return found

    def _divergence(self, objective, watch, start, end):
        """Steps of draws about a good start may end above it, but not above 0.

        They go where draws lead, which is not straight down the mean over all draws.
        """
        if objective.loss.drawn is not None:
            start = start_of(*(np.zeros_like(part) for part in coefficients(start)))
        return super()._divergence(objective, watch, start, end)

    def _visits(self, objective):
        """What an epoch visits, and how many of these a step."""
        return visits_of(objective, self.settings.seed), self.settings.batch_size

    def _prepare(self, objective, start, train, counts):
        visits, n_visits = self._visits(objective)
        targets = Targets(objective.targets.y[:, 0].copy())
        seen = replace(objective, loss=visits.loss, targets=targets)
        rows = np.zeros(visits.n_rows, dtype=np.uint32)
        as_rows = self.until(self.max_iter)
        batch_size = visits.most_rows(n_visits)
        as_rows.settings = replace(self.settings, seed=None, batch_size=batch_size)
        weights, epoch = super(GroupSGD, as_rows)._prepare(seen, start, rows, counts)
        if not isinstance(epoch.steps, GradientSteps):
            epoch.steps = None
        epoch.groups = GroupBatches(visits, n_visits)
        return weights, epoch


class StrataSGD(GroupSGD):
    """Steps of rows of a stratum, drawn by chance; `batch_size` counts rows."""

    def _visits(self, objective):
        settings = self.settings
        return RiskSets(objective, settings.seed, settings.batch_size), 1
