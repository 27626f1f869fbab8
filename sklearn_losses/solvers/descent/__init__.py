"""Descent on all rows: steps to the minima of quadratic models."""

from sklearn_losses._machine._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
