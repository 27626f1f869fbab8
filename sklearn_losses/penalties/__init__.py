"""Penalties: what a model pays for its coefficients."""
