"""Estimators: scikit-learn's contract around the layers below."""

from sklearn_losses.estimators._linear import LinearClassifier, LinearRegressor
from sklearn_losses.estimators._path import alpha_max, regularization_path
from sklearn_losses.estimators._sgd import SGDClassifier, SGDRegressor
from sklearn_losses.estimators.blocks._merge import merge_streams
from sklearn_losses.estimators.embedding._embedding import LinearEmbedding
from sklearn_losses.estimators.embedding._sgd_embedding import SGDEmbedding
from sklearn_losses.estimators.groups._ranker import LinearRanker
from sklearn_losses.estimators.groups._sgd_ranker import SGDRanker
from sklearn_losses.estimators.groups._sgd_survival import SGDSurvival
from sklearn_losses.estimators.groups._survival import LinearSurvival
from sklearn_losses.estimators.outputs._ordinal import LinearOrdinalClassifier
from sklearn_losses.estimators.outputs._sgd_ordinal import SGDOrdinalClassifier
from sklearn_losses.estimators.scores._distributions import crps_score, interval_score
from sklearn_losses.estimators.scores._embedding import (
    knn_accuracy_score,
    pair_auc_score,
)
from sklearn_losses.estimators.scores._groups import (
    average_precision_by_group_score,
    concordance_index_score,
    ndcg_score,
    pairwise_accuracy_score,
    reciprocal_rank_score,
)
from sklearn_losses.estimators.scores._outputs import (
    mean_pinball_score,
    ordinal_mae_score,
    quadratic_weighted_kappa_score,
    ranked_probability_score,
)
from sklearn_losses.estimators.scores._survival import (
    concordance_index_ipcw_score,
    cumulative_dynamic_auc_score,
    integrated_brier_score,
)
from sklearn_losses.estimators.tasks._multitask import LinearMultiTask
from sklearn_losses.estimators.tasks._sgd_multitask import SGDMultiTask

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
