"""Words and example documents of the regions."""
