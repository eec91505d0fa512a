"""Labelling schemes: ordered rules as expressions, and the walk down the particle tree."""
