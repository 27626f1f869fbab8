"""Inspection: tools that look at losses and at fitted models."""

from sklearn_losses.inspection._check_loss import check_loss
from sklearn_losses.inspection._curve_display import LossCurveDisplay
from sklearn_losses.inspection._describe import Influence, LossDescription, describe
from sklearn_losses.inspection._display import LossDisplay
from sklearn_losses.inspection._distribution_scorers import (
    crps_scorer,
    interval_scorer,
)
from sklearn_losses.inspection._group_scorers import (
    average_precision_by_group_scorer,
    concordance_index_ipcw_scorer,
    concordance_index_scorer,
    cumulative_dynamic_auc_scorer,
    integrated_brier_scorer,
    ndcg_scorer,
    pairwise_accuracy_scorer,
    reciprocal_rank_scorer,
)
from sklearn_losses.inspection._report import CheckResult, LossReport
from sklearn_losses.inspection._scorer import (
    LossScorer,
    d2_loss_score,
    d2_score,
    loss_scorer,
)
from sklearn_losses.inspection._standard_errors import standard_errors

__all__ = [
    "CheckResult",
    "Influence",
    "LossCurveDisplay",
    "LossDescription",
    "LossDisplay",
    "LossReport",
    "LossScorer",
    "average_precision_by_group_scorer",
    "check_loss",
    "concordance_index_ipcw_scorer",
    "concordance_index_scorer",
    "crps_scorer",
    "cumulative_dynamic_auc_scorer",
    "d2_loss_score",
    "d2_score",
    "describe",
    "integrated_brier_scorer",
    "interval_scorer",
    "loss_scorer",
    "ndcg_scorer",
    "pairwise_accuracy_scorer",
    "reciprocal_rank_scorer",
    "standard_errors",
]
