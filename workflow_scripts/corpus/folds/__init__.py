"""Folds of the working set: whole sites and near-duplicates together."""
