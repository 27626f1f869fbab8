"""Estimators of several targets, each with a loss of its own."""
