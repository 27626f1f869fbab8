"""Solvers: how an objective is minimised.

What is public are the optimizers, which SGD takes as a parameter.
"""

from sklearn_losses.solvers.sgd._optimizers import (
    AdaGrad,
    Adam,
    AMSGrad,
    Momentum,
    Nesterov,
    RMSProp,
)

__all__ = ["AMSGrad", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSProp"]
