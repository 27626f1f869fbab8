"""Solvers: how an objective is minimised. An epoch is a kernel, the rest Python."""
