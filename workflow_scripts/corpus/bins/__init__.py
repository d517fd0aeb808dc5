"""Summary of what each bin of the working set holds."""
