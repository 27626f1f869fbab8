"""Estimators of losses of tuples of rows: maps in which the like are near."""
