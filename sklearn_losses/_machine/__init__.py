"""The floor below: instruction sets, threads, memory, and checks of parameters."""

from sklearn_losses._machine._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
