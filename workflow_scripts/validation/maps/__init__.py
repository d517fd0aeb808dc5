"""Maps of any scorer in the statistics of the study's own."""
