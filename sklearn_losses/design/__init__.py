"""Design: the rows of X, and the raw predictions that coefficients make of them."""

from sklearn_losses._machine._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
