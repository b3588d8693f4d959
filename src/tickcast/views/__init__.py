"""Rows of a feature table as arrays for a model."""
