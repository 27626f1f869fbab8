"""Terms: the loss on many samples, as a function of their raw predictions."""

from sklearn_losses._machine._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
