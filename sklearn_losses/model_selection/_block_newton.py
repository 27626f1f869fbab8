"""Newton steps of folds of rows in blocks: a pass looks at a whole path.

The path is that of the rows that stand for all, whose Hessians, summed by fold, are
those of the steps; gradients are of all rows, and summed by fold where these are. So
all points of a path, and all fits without a fold, take a few passes together, and the
scores another one.
"""

import time

import numpy as np

from sklearn_losses.design._centred import Centred
from sklearn_losses.estimators.blocks._blocks import objectives_of_blocks
from sklearn_losses.model_selection._approximate import Steps, why_not_model
from sklearn_losses.model_selection._folds import Data, Outcome
from sklearn_losses.model_selection._newton import Doubt, Path, Stack
from sklearn_losses.problem._posed import CHANGED, data_of


class BlockStack:
    """What a `Stack` says of all rows, and that of the rows at hand.

    Parameters
    ----------
    objective : BlocksObjective
    folds : BlockFolds
    """

    few = None  # which are not the path of some rows to fall back from

    def __init__(self, objective, folds):
        self.folds, self.n_folds = folds, folds.n
        self.features, self.has_intercept = objective.features, objective.fit_intercept
        n = objective.rows.n_rows
        order = np.random.default_rng(0).permutation(n)
        tests = [np.sort(order[k :: folds.n]) for k in range(folds.n)]
        self.near = Stack(objective.at_hand, tests, self.features)


class BlockPath(Path):
    """Fits of an objective of rows in blocks along penalties."""

    def __init__(self, objective, stack):
        self.near = Path(objective.at_hand, stack.near)
        self.stack, self.blocks = stack, objective.blocks
        self.is_joint, self.K = objective.is_joint, objective.n_outputs
        self.scales = self.near.scales

    def points(self, penalties, samples=True):
        yield from self.looked_at(list(self.near.points(penalties, samples=False)))

    def look_many(self, thetas):
        features, blocks = self.stack.features, self.blocks
        task = LookByFold(blocks.pose, self.stack.folds, features.mean, features.scale)
        start = time.perf_counter()
        mark, (values, gradients, mass) = blocks.blocks.sum(task, thetas)
        blocks.log(task.__name__, time.perf_counter() - start)
        if mark != blocks.mark:
            raise ValueError(CHANGED)
        self.mass = mass / mass.sum()
        return values, gradients


class OfFolds:
    """A task of a block whose rows are sorted by fold.

    Parameters
    ----------
    pose : Pose
        Of the objective; of several, the first.
    folds : BlockFolds
    mean, scale : ndarray of shape (n_features,)
        The units of coefficients.
    """

    def __init__(self, pose, folds, mean, scale):
        self.pose, self.folds, self.mean, self.scale = pose, folds, mean, scale

    def paths_of(self, data, poses, tests):
        """The rows of a block as those of paths, and the share that each has in S."""
        objectives = [pose.objective(data) for pose in poses]
        weight = objectives[0].sample_weight
        total = float(len(data.y) if weight is None else weight.sum())
        if not total > 0:
            return None, 0.0
        units = Centred.about(objectives[0].rows, self.mean, self.scale)
        stack = Stack(objectives[0], tests, units)
        return [Path(o, stack) for o in objectives], total / self.pose.total_weight


class LookByFold(OfFolds):
    """Values and gradients of several points, and the weights, by fold."""

    __name__ = "look_by_fold"

    def __call__(self, block, thetas):
        data = data_of(block)
        tests = self.folds.tests(data)
        paths, share = self.paths_of(data, [self.pose], tests)
        if paths is None:
            return data.mark, None
        values, gradients = paths[0].look_many(thetas)
        return data.mark, (share * values, share * gradients, share * paths[0].mass)


class HeldOut(OfFolds):
    """Scores of the rows of each fold by coefficients without it, times the weights."""

    __name__ = "held_out"

    def __init__(self, model, metrics, poses, *units):
        super().__init__(poses[0], *units)
        self.model, self.metrics, self.poses = model, metrics, poses

    def __call__(self, block, thetas):
        data = data_of(block)
        each = self.folds.tests(data)
        weight = np.ones(len(data.y)) if data.weight is None else data.weight
        weights = np.array([weight[rows].sum() for rows in each])
        kept = np.flatnonzero(weights > 0)
        tests = [each[k] for k in kept]
        shape = len(thetas), len(each), len(self.metrics)
        scores, errors = np.zeros(shape), []
        paths, _ = self.paths_of(data, self.poses, tests)
        if paths is not None:
            thetas = [[theta[kept] for theta in one] for one in thetas]
            found = self._scored(data, paths, tests, thetas)
            for i, outcomes in enumerate(found):
                scores[i, kept] = [o.scores for o in outcomes]
                errors += [(i, k, o.error) for k, o in zip(kept, outcomes) if o.error]
        return scores * weights[:, None], weights, errors

    def _scored(self, data, paths, tests, thetas):
        rows = Data(np.empty((len(data.y), 0)), data.y, data.weight, data.offset)
        splits = [(np.delete(np.arange(len(data.y)), test), test) for test in tests]
        steps = Steps(self.model, rows, splits, self.metrics, 0, "newton")
        steps.stack = paths[0].stack
        return steps.scored(self.model, paths, thetas, 0.0)


class BlockSteps(Steps):
    """Scores of candidates by Newton steps, of rows in blocks; see `Steps`."""

    def _look(self, estimator):
        self.why_not = why_not_model(self.final)
        self.folds = self.splits[0][0].folds
        self.n_train = [train.n_rows for train, _ in self.splits]

    def _objectives(self, model, loss):
        if self.method == "loo":
            raise Doubt("rows in blocks are not left out one by one")
        return objectives_of_blocks(model, self.data.X, loss)

    def _stack(self, objective):
        return BlockStack(objective, self.folds)

    def _path(self, objective):
        return BlockPath(objective, self.stack)

    def _is_small(self, path):
        return False

    def scored(self, model, paths, thetas, took):
        start, units = time.perf_counter(), self.stack.features
        poses = [path.blocks.pose for path in paths]
        of_folds = self.folds, units.mean, units.scale
        task = HeldOut(model, self.metrics, poses, *of_folds)
        sums, weights, errors = self.data.X.sum(task, thetas)
        with np.errstate(invalid="ignore"):
            scores = sums / weights[:, None]
        each = (time.perf_counter() - start) / (len(thetas) * self.folds.n)
        found = [
            [
                Outcome(row.tolist(), took / self.folds.n, each, method="newton")
                for row in one
            ]
            for one in scores
        ]
        for outcomes in found:
            for outcome, n in zip(outcomes, self.n_train):
                outcome.n_rows = n
        for i, k, error in errors:
            found[i][k].error = found[i][k].error or error
        return found
