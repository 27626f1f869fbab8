"""Several outputs of rows in blocks, at the boundary."""

from dataclasses import replace

from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.estimators.blocks._blocks import check_offsets, seen_of
from sklearn_losses.problem._blocks_objective import in_blocks
from sklearn_losses.problem._posed import PosedBlocks, look, numbers_of
from sklearn_losses.problem._posed_outputs import OutputsPose


def objectives_of_outputs(estimator, blocks, loss, targets, pose_of):
    """The objective of several outputs of rows in blocks, and the dtype of X.

    Parameters
    ----------
    targets : callable or None
        (y, loss) -> numbers, of a block; None: y are labels.
    pose_of : callable
        Of an `Overview`, an `OutputsPose` without S.
    """
    centre = getattr(estimator, "fit_intercept", True)  # classes have their thresholds
    seen, log = seen_of(estimator, blocks, look, loss, targets, centre)
    check_offsets(type(estimator).__name__, seen.n_offsets, 1)
    pose, total = pose_of(seen), seen.total_weight
    if pose.factors is not None:
        total = float(seen.of_labels @ pose.factors)
    pose = replace(pose, total_weight=total)
    price = price_of(estimator, seen.n_features, True)
    read = replace(pose, targets=numbers_of)  # of a sample they are numbers
    near = read.objective(seen.sample, price=price)
    weight = near.sample_weight
    total = float(near.rows.n_rows if weight is None else weight.sum())
    posed = PosedBlocks(blocks, pose, seen.mark, log, seen.units, seen.n_left)
    return [in_blocks(replace(near, total_weight=total), posed)], seen.dtype


def pose_of_outputs(estimator, loss, n_features):
    """What rows mean to a loss of a regression with several outputs."""
    predictors = estimator._predictors(loss, n_features)
    n_outputs = len(loss.outputs)
    centre, targets = estimator.fit_intercept, estimator._of_block
    return OutputsPose(loss, n_outputs, centre, predictors, targets)
