"""Rows of X, weights, penalties, and the objective that they make with a loss."""
