"""Stochastic gradient descent: an epoch is a kernel, the rest Python."""

from sklearn_losses._machine._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
