"""Damage of every run on every benchmark, and tests of the arms' differences."""
