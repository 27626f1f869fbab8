"""Groups of rows in blocks, at the boundary: each block holds whole queries, or strata.

How a target is split into columns and groups is a function of a block, which goes to
where the block is.
"""

from dataclasses import replace

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.estimators.blocks._blocks import (
    check_offsets,
    check_usable,
    seen_of,
)
from sklearn_losses.losses._targets import (
    group_codes,
    split_ranking,
    survival_columns,
)
from sklearn_losses.problem._blocks_objective import in_blocks
from sklearn_losses.problem._posed import PosedBlocks, check_one_column
from sklearn_losses.problem._posed_groups import (
    GroupPose,
    WholeGroups,
    look_at_groups,
)


def split_queries(y, groups):
    """Relevances as a column, codes of queries, their ids; are these of a block?"""
    check_one_column(y)
    relevance, codes = split_ranking(y, groups)
    if codes is None:
        raise ValueError(
            "Rankings of rows in blocks need queries: pass groups=, or y as from "
            "ranking_target(relevance, groups)."
        )
    if groups is not None:
        return relevance[:, None], codes, groups, False
    own = y["group"]
    return relevance[:, None], codes, own, own.min() == 0 and own.max() == codes.max()


def split_strata(y, strata):
    """Times and events as columns, codes of strata, their ids, which are of all."""
    columns = survival_columns(y)
    if strata is None:
        raise ValueError(
            "Proportional hazards of rows in blocks need strata=, whole ones in each "
            "block: without, all rows are compared with each other. Fit a sample, or "
            "gather them (of dask: X.compute())."
        )
    return columns, group_codes(strata, len(columns), "strata"), strata, False


SPLITS = {"ranking": split_queries, "survival": split_strata}


def objectives_of_groups(estimator, blocks, loss):
    """The objective of groups in blocks, as a list of one, and the dtype of X.

    Sets what a fit knows of X, and how many groups say something.
    """
    check_usable(estimator, loss)
    owner = type(estimator).__name__
    if hasattr(loss, "frozen"):
        raise InvalidParameterError(
            f"{owner} cannot use loss={estimator.loss!r} with rows in blocks, because "
            "it fits the orders of all rows, one after the other. Use ListNet() or "
            "PairwiseLogistic()."
        )
    pose = GroupPose(loss, SPLITS[loss.task])
    groups = WholeGroups()
    parts = look_at_groups, pose
    seen, log = seen_of(estimator, blocks, *parts, also=groups.see)
    groups.check()
    if not seen.n_groups > 0:
        raise ValueError(
            f"{owner} found nothing to compare among n_samples={seen.n_rows}: no "
            "query with rows of two levels of relevance, or no event, with weight."
        )
    check_offsets(owner, seen.n_offsets, 1)
    pose = replace(pose, total_weight=seen.total_weight)
    near = pose.objective(
        seen.sample, price=price_of(estimator, seen.n_features, False)
    )
    near = replace(near, total_weight=near.grouping.total or 1.0)
    posed = PosedBlocks(blocks, pose, seen.mark, log, seen.units)
    estimator.n_groups_used_ = seen.n_groups
    return [in_blocks(near, posed)], seen.dtype
