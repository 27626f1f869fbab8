"""Rows in blocks: fits, lazy predictions, streams that ran side by side."""
