"""Questions that stand in the documents of the corpus."""
