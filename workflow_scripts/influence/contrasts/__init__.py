"""Contrasts between the maps of benchmarks."""
