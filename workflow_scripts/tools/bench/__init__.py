"""Measurements of passes, unlearning steps and the draw, for ``make bench``."""
