"""Estimators: scikit-learn's contract around the layers below."""

from sklearn_losses.estimators._linear import LinearClassifier, LinearRegressor
from sklearn_losses.estimators._multitask import LinearMultiTask
from sklearn_losses.estimators._ordinal import LinearOrdinalClassifier
from sklearn_losses.estimators._path import alpha_max, regularization_path
from sklearn_losses.estimators._sgd import SGDClassifier, SGDRegressor

__all__ = [
    "LinearClassifier",
    "LinearMultiTask",
    "LinearOrdinalClassifier",
    "LinearRegressor",
    "SGDClassifier",
    "SGDRegressor",
    "alpha_max",
    "regularization_path",
]
