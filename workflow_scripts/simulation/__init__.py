"""Simulated maps: how often the statistics of a map are right, in worlds whose truth is known."""
