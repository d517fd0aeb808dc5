"""Correlations between the maps of benchmarks."""
