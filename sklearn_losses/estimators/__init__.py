"""Estimators: scikit-learn's contract around the layers below."""

from sklearn_losses.estimators._linear import LinearClassifier, LinearRegressor
from sklearn_losses.estimators._sgd import SGDClassifier, SGDRegressor

__all__ = ["LinearClassifier", "LinearRegressor", "SGDClassifier", "SGDRegressor"]
