"""Training of the study's model, in one task or several."""
