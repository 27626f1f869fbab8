"""Estimators of losses of groups of rows: rankings and survival."""
