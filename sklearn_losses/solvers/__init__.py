"""Solvers: how an objective's minimum is found. An epoch is a kernel, the rest Python."""
