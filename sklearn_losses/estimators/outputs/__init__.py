"""Estimators of several raw predictions: distributions, quantiles, ordered classes."""
