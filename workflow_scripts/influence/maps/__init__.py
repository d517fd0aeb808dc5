"""Comparison of the maps of all benchmarks, and what they weigh in the corpus."""
