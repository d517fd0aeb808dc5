"""Bin influence of one benchmark, with its uncertainty."""
