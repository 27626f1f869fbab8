"""Model selection: which loss for which data, in one search."""

from sklearn_losses.model_selection._compare import compare_losses
from sklearn_losses.model_selection._display import LossSearchDisplay
from sklearn_losses.model_selection._search import LossSearchCV

__all__ = ["LossSearchCV", "LossSearchDisplay", "compare_losses"]
