"""Scores of what has no score in scikit-learn."""
