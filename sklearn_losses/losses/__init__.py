"""Losses: what a model pays for a prediction. See :class:`Loss`."""

from sklearn_losses.losses._base import Loss
from sklearn_losses.losses._binary import (
    Hinge,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    SquaredHinge,
)
from sklearn_losses.losses._counts import Poisson
from sklearn_losses.losses._multiclass import CrossEntropy
from sklearn_losses.losses._registry import get_loss, loss_names
from sklearn_losses.losses._regression import (
    AbsoluteError,
    EpsilonInsensitive,
    Huber,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
)

__all__ = [
    "AbsoluteError",
    "CrossEntropy",
    "EpsilonInsensitive",
    "Hinge",
    "Huber",
    "LogLoss",
    "Loss",
    "ModifiedHuber",
    "Perceptron",
    "Poisson",
    "Quantile",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "SquaredHinge",
    "get_loss",
    "loss_names",
]
