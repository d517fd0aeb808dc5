"""Contamination: questions found in the documents of the corpus."""
