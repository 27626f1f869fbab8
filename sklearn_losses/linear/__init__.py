"""Rows of X, weights, penalties, and the objective that they make with a loss."""

from sklearn_losses._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
