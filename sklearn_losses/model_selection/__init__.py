"""Model selection: which loss for which data, in one search."""

from sklearn_losses.model_selection._compare import compare_losses
from sklearn_losses.model_selection._display import LossSearchDisplay
from sklearn_losses.model_selection._search import LossSearchCV
from sklearn_losses.model_selection._search_loss import LossSearch, search_loss
from sklearn_losses.model_selection._tuned import TunedClassifier, TunedRegressor

__all__ = [
    "LossSearch",
    "LossSearchCV",
    "LossSearchDisplay",
    "TunedClassifier",
    "TunedRegressor",
    "compare_losses",
    "search_loss",
]
