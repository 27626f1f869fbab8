"""Several outputs of rows in blocks, at the boundary."""

from dataclasses import replace

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.estimators.blocks._blocks import check_offsets, seen_of
from sklearn_losses.problem._blocks_objective import in_blocks
from sklearn_losses.problem._posed import PosedBlocks, look
from sklearn_losses.problem._posed_outputs import OutputsPose


def check_outputs_in_blocks(estimator, loss):
    """Refuse losses whose outputs need all rows in one place."""
    if not loss.differentiable:
        raise InvalidParameterError(
            f"{type(estimator).__name__} cannot use loss={estimator.loss!r} with rows "
            "in blocks, because it has kinks beside several outputs. Use a smooth "
            "loss, numbers for the parameters of the loss, or gather the rows (of "
            "dask: X.compute())."
        )


def objectives_of_outputs(estimator, blocks, loss, has_labels, pose_of):
    """The objective of several outputs of rows in blocks, and the dtype of X.

    Parameters
    ----------
    has_labels : bool
    pose_of : callable
        Of an `Overview`, an `OutputsPose` without S.
    """
    check_outputs_in_blocks(estimator, loss)
    seen, log = seen_of(estimator, blocks, look, loss, has_labels, True)
    check_offsets(type(estimator).__name__, seen.n_offsets, 1)
    pose, total = pose_of(seen), seen.total_weight
    if pose.factors is not None:
        total = float(seen.of_labels @ pose.factors)
    pose = replace(pose, total_weight=total)
    price = price_of(estimator, seen.n_features, True)
    near = pose.objective(seen.sample, price=price)
    weight = near.sample_weight
    total = float(near.rows.n_rows if weight is None else weight.sum())
    posed = PosedBlocks(blocks, pose, seen.mark, log, seen.units)
    return [in_blocks(replace(near, total_weight=total), posed)], seen.dtype


def pose_of_outputs(estimator, loss, n_features):
    """What rows mean to a loss of a regression with several outputs."""
    predictors = estimator._predictors(loss, n_features)
    return OutputsPose(loss, len(loss.outputs), estimator.fit_intercept, predictors)
