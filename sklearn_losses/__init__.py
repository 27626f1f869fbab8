"""Linear models for any loss: a loss is an object, tuned, pickled and compiled."""

from sklearn_losses import (
    inspection,
    losses,
    model_selection,
    penalties,
    problem,
    solvers,
)
from sklearn_losses._machine._instruction_set import instruction_set
from sklearn_losses.estimators import (
    LinearClassifier,
    LinearEmbedding,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    SGDClassifier,
    SGDEmbedding,
    SGDMultiTask,
    SGDOrdinalClassifier,
    SGDRanker,
    SGDRegressor,
    SGDSurvival,
    alpha_max,
    average_precision_by_group_score,
    concordance_index_ipcw_score,
    concordance_index_score,
    crps_score,
    cumulative_dynamic_auc_score,
    integrated_brier_score,
    interval_score,
    knn_accuracy_score,
    mean_pinball_score,
    merge_streams,
    ndcg_score,
    ordinal_mae_score,
    pair_auc_score,
    pairwise_accuracy_score,
    quadratic_weighted_kappa_score,
    ranked_probability_score,
    reciprocal_rank_score,
    regularization_path,
)
from sklearn_losses.inspection import *  # noqa: F403
from sklearn_losses.losses import *  # noqa: F403
from sklearn_losses.model_selection import *  # noqa: F403
from sklearn_losses.penalties import *  # noqa: F403
from sklearn_losses.problem import *  # noqa: F403
from sklearn_losses.solvers import *  # noqa: F403

__version__ = "0.1.0.dev0"
__all__ = [
    "LinearClassifier",
    "LinearEmbedding",
    "LinearMultiTask",
    "LinearOrdinalClassifier",
    "LinearRanker",
    "LinearRegressor",
    "LinearSurvival",
    "SGDClassifier",
    "SGDEmbedding",
    "SGDMultiTask",
    "SGDOrdinalClassifier",
    "SGDRanker",
    "SGDRegressor",
    "SGDSurvival",
    "alpha_max",
    "average_precision_by_group_score",
    "concordance_index_ipcw_score",
    "concordance_index_score",
    "crps_score",
    "cumulative_dynamic_auc_score",
    "instruction_set",
    "integrated_brier_score",
    "interval_score",
    "knn_accuracy_score",
    "mean_pinball_score",
    "merge_streams",
    "ndcg_score",
    "ordinal_mae_score",
    "pair_auc_score",
    "pairwise_accuracy_score",
    "quadratic_weighted_kappa_score",
    "ranked_probability_score",
    "reciprocal_rank_score",
    "regularization_path",
]
# Pyright reads sums of lists, and no lists within lists.
__all__ += losses.__all__
__all__ += penalties.__all__
__all__ += problem.__all__
__all__ += solvers.__all__
__all__ += inspection.__all__
__all__ += model_selection.__all__
