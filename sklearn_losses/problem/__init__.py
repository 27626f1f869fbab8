"""Problem: a term of raw predictions and a penalty, as a function of coefficients."""

from sklearn_losses._machine._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)

from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._stored import StoredBlocks

__all__ = ["RowBlocks", "StoredBlocks"]
