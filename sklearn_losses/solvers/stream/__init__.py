"""Streams: rows that are seen once, some kept and the others remembered."""

from sklearn_losses._machine._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
