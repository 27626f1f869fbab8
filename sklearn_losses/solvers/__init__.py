"""Solvers: how an objective is minimised. An epoch is a kernel, the rest Python.

What is public are the optimizers, which SGD takes as a parameter.
"""

# isort: off
from sklearn_losses._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
# isort: on

from sklearn_losses.solvers._optimizers import (
    AdaGrad,
    Adam,
    AMSGrad,
    Momentum,
    Nesterov,
    RMSProp,
)

__all__ = ["AMSGrad", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSProp"]
