"""The formulas of the built-in losses, in C: one file a family, one loss after another.

Each is inlined into the generic loops by :mod:`sklearn_losses.losses._builtin`.
"""
