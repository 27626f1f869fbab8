"""Inspection: tools that look at losses and at fitted models."""

from sklearn_losses.inspection._bands_display import BandsDisplay
from sklearn_losses.inspection._check_loss import check_loss
from sklearn_losses.inspection._contributions import contributions
from sklearn_losses.inspection._curve_display import LossCurveDisplay
from sklearn_losses.inspection._d2 import d2_loss_score
from sklearn_losses.inspection._describe import Influence, LossDescription, describe
from sklearn_losses.inspection._display import LossDisplay
from sklearn_losses.inspection._distribution_scorers import (
    crps_scorer,
    interval_scorer,
)
from sklearn_losses.inspection._embedding_scorers import (
    knn_accuracy_scorer,
    pair_auc_scorer,
)
from sklearn_losses.inspection._explain_display import (
    ContributionsDisplay,
    InfluenceDisplay,
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
from sklearn_losses.inspection._influence import influence
from sklearn_losses.inspection._output_scorers import (
    mean_pinball_scorer,
    ordinal_mae_scorer,
    quadratic_weighted_kappa_scorer,
    ranked_probability_scorer,
)
from sklearn_losses.inspection._parallel_lines import (
    ParallelLinesTest,
    parallel_lines_test,
)
from sklearn_losses.inspection._report import CheckResult, LossReport
from sklearn_losses.inspection._scorer import LossScorer, d2_score, loss_scorer
from sklearn_losses.inspection._standard_errors import standard_errors
from sklearn_losses.inspection._survival_bands import survival_bands

__all__ = [
    "BandsDisplay",
    "CheckResult",
    "ContributionsDisplay",
    "Influence",
    "InfluenceDisplay",
    "LossCurveDisplay",
    "LossDescription",
    "LossDisplay",
    "LossReport",
    "LossScorer",
    "ParallelLinesTest",
    "average_precision_by_group_scorer",
    "check_loss",
    "concordance_index_ipcw_scorer",
    "concordance_index_scorer",
    "contributions",
    "crps_scorer",
    "cumulative_dynamic_auc_scorer",
    "d2_loss_score",
    "d2_score",
    "describe",
    "influence",
    "integrated_brier_scorer",
    "interval_scorer",
    "knn_accuracy_scorer",
    "loss_scorer",
    "mean_pinball_scorer",
    "ndcg_scorer",
    "ordinal_mae_scorer",
    "pair_auc_scorer",
    "pairwise_accuracy_scorer",
    "parallel_lines_test",
    "quadratic_weighted_kappa_scorer",
    "ranked_probability_scorer",
    "reciprocal_rank_scorer",
    "standard_errors",
    "survival_bands",
]
