"""Variants of the maps, each with one choice changed."""
